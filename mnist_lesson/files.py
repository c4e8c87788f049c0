"""Write files so that a crash, a full disk or Ctrl-C leaves the old file or the new one, and never half of one."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file as a whole or not at all; text becomes UTF-8 with `\\n` at the end of each line.

    The content goes to a file beside it first, which then takes its place in one step.
    Raises OSError if it cannot be written; then what was there before is still there.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
