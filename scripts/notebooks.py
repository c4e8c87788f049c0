"""Which notebooks there are: the one list that all scripts use."""

from __future__ import annotations

import sys
from pathlib import Path

NOTEBOOKS_DIR = Path(__file__).resolve().parent.parent / "notebooks"


def all_notebooks() -> list[Path]:
    """Return the committed notebooks in their order."""
    return sorted(NOTEBOOKS_DIR.glob("[!.]*.ipynb"))


def chosen_notebooks(names: list[str]) -> list[Path]:
    """Return the notebooks of these names, or all if there are none; an unknown name ends the script."""
    there = {path.stem: path for path in all_notebooks()}
    unknown = [name for name in names if name not in there]
    if unknown:
        sys.exit(f"There is no notebook {' or '.join(unknown)}: the notebooks are {', '.join(there)}.")
    return [there[name] for name in names or there]
