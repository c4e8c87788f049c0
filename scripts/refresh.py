"""Run every notebook and store its outputs in it, so that a second refresh changes nothing.

    python scripts/refresh.py                all notebooks, and docs/draw.html, the page of notebook 11
    python scripts/refresh.py 04_model       only this one

A notebook that fails stays as it was.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from build_site import make_digit_page
from install import ROOT, use_lesson_python

from notebooks import chosen_notebooks


def main() -> int:
    use_lesson_python()
    for path in chosen_notebooks(sys.argv[1:]):
        with tempfile.TemporaryDirectory() as runs:
            # An empty folder for runs, so that no notebook shows what happens to lie in the user's.
            os.environ["MNIST_LESSON_RUNS"] = runs
            print(f"{path.stem} ...", flush=True)
            refresh(path)
    if not sys.argv[1:]:
        make_digit_page(ROOT / "docs" / "draw.html")
    return 0


def refresh(path: Path) -> None:
    """Run one notebook and write it back, without anything that differs from run to run."""
    import nbformat
    from nbclient import NotebookClient

    from mnist_lesson.files import write_whole

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
    write_whole(path, nbformat.writes(notebook))


if __name__ == "__main__":
    sys.exit(main())
