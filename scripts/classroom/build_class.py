"""Make the version of the notebooks that a class gets, or the one that its teacher reads.

    python scripts/classroom/build_class.py student       build/student: no solutions, no outputs, no notes for teaching
    python scripts/classroom/build_class.py instructor    build/instructor: everything, solutions and notes unfolded

Both come from the committed notebooks, which stay as they are.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where install.py is

from install import ROOT, use_lesson_python

from notebooks import all_notebooks

VERSIONS = ("student", "instructor")


def main() -> int:
    use_lesson_python()
    if len(sys.argv) != 2 or sys.argv[1] not in VERSIONS:
        sys.exit(f"Expected one of {' and '.join(VERSIONS)}, found {' '.join(sys.argv[1:]) or 'nothing'}.")
    kind = sys.argv[1]
    target = ROOT / "build" / kind
    try:
        build(kind, all_notebooks(), target)
    except OSError as error:
        sys.exit(
            f"The {kind} version could not be written to {target} ({error.strerror or error}): make room on the disk, "
            "or make the folder writable, and run this again; an older version stays as it was."
        )
    print(f"The {kind} version lies in {target.relative_to(ROOT)}.")
    return 0


def build(kind: str, notebooks: list[Path], target: Path) -> None:
    """Write one version of the notebooks to the folder `target`, which is replaced as a whole or not at all.

    Raises OSError if it cannot be written.
    """
    import nbformat

    from mnist_lesson.files import write_whole

    version = {"student": student_version, "instructor": instructor_version}[kind]
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=target.parent))
    try:
        for path in notebooks:
            write_whole(part / path.name, nbformat.writes(version(nbformat.read(path, 4))))
        part.chmod(0o755)  # mkdtemp lets nobody else read
        old = part.with_suffix(".old")
        if target.exists():
            target.replace(old)
        try:
            part.replace(target)
        except OSError:  # the new one did not get into its place, so the old one goes back there
            if old.exists():
                old.replace(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def student_version(notebook):
    """Remove solutions, notes for teaching, and outputs; change nothing else."""
    from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

    remove = TagRemovePreprocessor(enabled=True, remove_cell_tags={"solution", "instructor"})
    notebook, _ = remove.preprocess(notebook, {})
    notebook, _ = ClearOutputPreprocessor(enabled=True, remove_metadata_fields=set()).preprocess(notebook, {})
    return notebook


def instructor_version(notebook):
    """Unfold the solutions and the notes for teaching, and let the links to docs/ work from build/instructor, too."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../docs/", "](../../docs/")
        if {"solution", "instructor"} & set(cell.metadata.get("tags", [])):
            cell.metadata.pop("jupyter", None)
    return notebook


if __name__ == "__main__":
    sys.exit(main())
