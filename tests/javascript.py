"""Run the JavaScript of the web page in Node, with files in and JSON out. Node need not be there: Playwright brings one."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "mnist_lesson" / "further" / "page"


def find_node() -> str | None:
    """Return the path of Node: the one that is installed, else the one in Playwright's package, else None."""
    node = shutil.which("node")
    if node or importlib.util.find_spec("playwright") is None:
        return node
    driver = Path(importlib.util.find_spec("playwright").origin).parent / "driver"
    return next((str(driver / name) for name in ("node", "node.exe") if (driver / name).is_file()), None)


def run_javascript(names, code, folder):
    """Run files of the page, such as ["filters.js"], and then `code`, in one Node process; return what it printed.

    `folder` is its working folder: large data travels in files there. The code prints one value as JSON. Raises
    AssertionError with what Node says if it fails.
    """
    script = Path(folder) / "script.js"
    parts = [(PAGE / name).read_text(encoding="utf-8") for name in names]
    script.write_text("\n".join(['"use strict";', *parts, code]), encoding="utf-8")
    ended = subprocess.run([find_node(), script.name], cwd=folder, capture_output=True, encoding="utf-8", timeout=120)
    assert ended.returncode == 0, f"Node failed: {ended.stderr[-2000:]}"
    return json.loads(ended.stdout)
