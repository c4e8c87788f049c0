"""Make the folder that a class gets, or the notebooks that its teacher reads.

    python scripts/classroom/build_class.py student       build/student and build/student.zip: all that a learner needs,
                                                          without solutions, outputs and notes for teaching
    python scripts/classroom/build_class.py instructor    build/instructor: the notebooks, solutions and notes unfolded

Both come from the committed notebooks, which stay as they are.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[:2]]  # where the other scripts are

from build_site import replace_folder
from install import ROOT, use_lesson_python

from notebooks import all_notebooks

VERSIONS = ("student", "instructor")
NAME = "deep-learning-lesson"  # of the folder in the ZIP file
DATE = (2026, 1, 1, 0, 0, 0)  # of all files in it: the same lesson gives the same bytes

# The sentences of notebooks that speak of solutions or verdicts, and what the class reads instead.
SENTENCES = [
    (
        "a checker calls your function with numbers drawn at random and says whether it is right, or gives you a hint.",
        "a check calls your function with a few examples and says what differs. The verdict comes when you have handed "
        "in your notebook. Where no examples can be given, the check says so.",
    ),
    (
        " A solution is folded away below each exercise: click on the bar, or on the three dots. Running it does not "
        "count as solved.",
        "",
    ),
    (
        ' Diagnose before you unfold "The fault". A wrong guess teaches more than none.',
        " A wrong guess teaches more than none.",
    ),
    (
        'Change it until the check says "solved". Mostly one or two lines are enough.\n4. Below it, a second folded '
        "cell holds a solution.",
        "Change it until the program is sound. Mostly one or two lines are enough.",
    ),
    (
        "The check runs your program on other images each time. It does not read what you typed. It compares",
        "The check runs when you have handed in your notebook. It runs your program on other images each time, and "
        "does not read what you typed. It compares",
    ),
    (" `checks.mend_1(patient_1)` checks it and prints the verdict.", ""),
    (" The number in brackets is the patient.", ""),
    (
        '\n\nWhen `checks.progress()` shows no open exercise, `checks.certificate("your name")` makes a page to print.',
        "",
    ),
    (' When `checks.progress()` shows no open exercise, `checks.certificate("your name")` makes a page to print.', ""),
    (
        "The checkers remember which exercises you have solved, in the folder `runs/`.",
        "The checks remember where all examples were right, in the folder `runs/`.",
    ),
]


def main() -> int:
    use_lesson_python()
    if len(sys.argv) != 2 or sys.argv[1] not in VERSIONS:
        sys.exit(f"Expected one of {' and '.join(VERSIONS)}, found {' '.join(sys.argv[1:]) or 'nothing'}.")
    kind = sys.argv[1]
    target = ROOT / "build" / kind
    try:
        build(target, student_files if kind == "student" else instructor_files)
        archive = pack(target) if kind == "student" else None
    except OSError as error:
        sys.exit(
            f"The {kind} version could not be written to {target} ({error.strerror or error}): make room on the disk, "
            "or make the folder writable, and run this again; an older version stays as it was."
        )
    print(f"The {kind} version lies in {target.relative_to(ROOT)}.")
    if archive:
        size = archive.stat().st_size / 1e6
        print(f"The same as one file to hand out: {archive.relative_to(ROOT)}, {size:.1f} MB.")
    return 0


def build(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder, and put it in the place of `target`, as a whole or not at all.

    Raises OSError if it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.name}-", dir=target.parent, ignore_cleanup_errors=True) as folder:
        part = Path(folder) / target.name
        part.mkdir()
        write(part)
        replace_folder(part, target, Path(folder) / "old")


def pack(folder: Path) -> Path:
    """Write all files of a folder to a ZIP file beside it, as a whole or not at all, and return its path.

    Raises OSError if it cannot be written.
    """
    archive = folder.with_name(f"{folder.name}.zip")
    part = archive.with_name(f"{archive.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as whole:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    place = zipfile.ZipInfo(f"{NAME}/{path.relative_to(folder).as_posix()}", DATE)
                    place.create_system, place.external_attr = 3, 0o644 << 16  # as Linux writes it, on every system
                    whole.writestr(place, path.read_bytes(), zipfile.ZIP_DEFLATED)
        part.replace(archive)
    finally:
        part.unlink(missing_ok=True)
    return archive


def student_files(folder: Path) -> None:
    """Write all that a class gets into a folder."""
    from class_folder import write_class_folder  # it imports PyTorch

    write_class_folder(folder)


def instructor_files(folder: Path) -> None:
    """Write the notebooks for the instructor into a folder."""
    import nbformat

    from mnist_lesson.files import write_whole

    for path in all_notebooks():
        write_whole(folder / path.name, nbformat.writes(instructor_version(nbformat.read(path, 4))))


def student_version(notebook):
    """Remove solutions, faults, notes for teaching and outputs, and all sentences that promise them."""
    from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

    remove = TagRemovePreprocessor(enabled=True, remove_cell_tags={"solution", "instructor"})
    notebook, _ = remove.preprocess(notebook, {})
    notebook, _ = ClearOutputPreprocessor(enabled=True, remove_metadata_fields=set()).preprocess(notebook, {})
    notebook.cells = [cell for cell in notebook.cells if "<summary>The fault</summary>" not in cell.source]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = student_text(cell.source)
    return notebook


def student_text(source: str) -> str:
    """Return a text without promises of solutions; the summary of notebook 10 without the numbers of its patients."""
    if "The number in brackets is the patient." in source:
        source = re.sub(r" \(\d+\)", "", source)
    for old, new in SENTENCES:
        source = source.replace(old, new)
    return source


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
