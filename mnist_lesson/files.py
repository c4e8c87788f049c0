"""Write files so that a crash, a full disk or Ctrl-C leaves the old file or the new one, and never half of one."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file as a whole or not at all, text in UTF-8. Raises OSError if that fails."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # two programs may write at once
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
