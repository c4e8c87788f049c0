"""Run every notebook and store its outputs in it, so that a second refresh changes nothing.

    python scripts/refresh.py                all notebooks
    python scripts/refresh.py 04_model       only this one

A notebook that fails stays as it was.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from environment import ROOT, use_environment


def main() -> int:
    use_environment()
    for path in chosen_notebooks(sys.argv[1:]):
        with tempfile.TemporaryDirectory() as runs:
            # An empty folder for runs, so that no notebook shows what happens to lie in the user's.
            os.environ["MNIST_LESSON_RUNS"] = runs
            print(f"{path.stem} ...", flush=True)
            refresh(path)
    return 0


def chosen_notebooks(names: list[str]) -> list[Path]:
    """Return the notebooks of these names, or all if there are none; an unknown name ends the script."""
    there = {path.stem: path for path in sorted((ROOT / "notebooks").glob("[!.]*.ipynb"))}
    unknown = [name for name in names if name not in there]
    if unknown:
        sys.exit(f"There is no notebook {' or '.join(unknown)}: the notebooks are {', '.join(there)}.")
    return [there[name] for name in names or there]


def refresh(path: Path) -> None:
    """Run one notebook and write it back, without anything that differs from run to run."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    stored = {cell.id: cell.copy() for cell in notebook.cells if "timing" in cell.metadata.get("tags", [])}
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=3600,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        # New times say nothing new: a cell that prints times keeps its output as long as it has one.
        if cell.id in stored and stored[cell.id].outputs:
            cell.outputs = stored[cell.id].outputs
    part = path.with_suffix(".part")
    try:
        part.write_text(nbformat.writes(notebook), encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
