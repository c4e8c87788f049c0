"""Remove what the lesson makes: executed notebooks, build results, caches.

Kept: `runs/` (your trained networks), `.venv/` (a long download) and the data.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from install import ROOT

GENERATED = ["executed", "build", "*.egg-info", ".pytest_cache", ".ruff_cache", "**/.ipynb_checkpoints"]
GENERATED += ["__pycache__", *(f"{folder}/**/__pycache__" for folder in ("mnist_lesson", "scripts", "tests"))]


def main() -> None:
    for pattern in GENERATED:
        for path in ROOT.glob(pattern):
            print(f"removing {path.relative_to(ROOT)}")
            path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
    print("Kept runs/, .venv/ and data/: delete them by hand if you want them gone.")


if __name__ == "__main__":
    main()
