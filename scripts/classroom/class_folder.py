"""What is in the folder for a class: the lesson without solutions, which runs alone."""

from __future__ import annotations

import ast
import inspect
import io
import json
import re
from pathlib import Path

import nbformat
import torch
from build_class import student_version
from class_examples import all_exercises
from install import ROOT

from mnist_lesson.files import write_whole
from mnist_lesson.further import faults
from notebooks import all_notebooks

# What goes into the folder as it is.
COPIED = ["LICENSE", "environment.yml", "data/README.md", "data/MNIST/raw/*.gz", "notebooks/images/**/*"]
COPIED += ["docs/draw.html", "docs/page.png", "docs/slurm.sh", "docs/ray_train.py"]
COPIED += ["mnist_lesson/*.py", "mnist_lesson/further/**/*", "mnist_lesson/stored/**/*"]
COPIED += [f"mnist_lesson/checks/{name}.py" for name in ("box", "compare", "judge", "state", "nb10_diagnosis")]
SCRIPTS = ["browser", "clean", "doctor", "execute", "install", "lab", "machine", "notebooks", "packages", "processes"]
# Notebook 9 lets learners time a recipe of their own.
SCRIPTS += ["measure/speedrun", "measure/contestants", "measure/pytorch_example"]
COPIED += [f"scripts/{name}.py" for name in SCRIPTS]
TARGETS = ["help", "execute", "lab", "doctor", "clean"]  # of the Makefile

# What of the module with the programs of notebook 10 tells how they were made ill, or which fault each has.
TELLING = {"Replacement", "ZERO", "TRAINING_WRITTEN_OUT", "TRAINING_COUNTED", "TEST_WRITTEN_OUT", "FAULTS", "ILL"}
TELLING |= {"replaced", "text_of_patient", "PATIENTS"}
TEACHING = " · [Teach a class with this lesson](teaching.md)"  # a page that is not there
FAULTS_HEAD = '''"""The training programs of notebook 10: a sound one, and its patients, each with one fault.

All patients take and return the same things, as `sound_program` does.
Images are uint8, (N, 1, 28, 28), values in 0..255, as MNIST stores them. Labels are int64, (N,), values in 0..9.
Each patient returns the trained model and its `History`.
"""
'''


def write_class_folder(folder: Path) -> None:
    """Write all files of the lesson that a class gets into an empty folder.

    Raises OSError if it cannot be written, and ValueError if a text to be replaced is not there.
    """
    for pattern in COPIED:
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT)
            if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in place.parts):
                put(folder / place, path.read_bytes())
    for path, content in written_files().items():
        put(folder / path, content)


def put(path: Path, content: bytes | str) -> None:
    """Write a file, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


def written_files() -> dict[str, bytes | str]:
    """Return the files that a class gets in another form, by their places in the folder."""
    return {
        "README.md": readme(),
        "Makefile": makefile(),
        "pyproject.toml": faults.replaced(text("pyproject.toml"), ('"stored/*.npz"', '"stored/*.npz", "stored/*.pt"')),
        "docs/glossary.md": glossary(),
        "docs/further_out.md": faults.replaced(text("docs/further_out.md"), (TEACHING, "")),
        "mnist_lesson/checks/__init__.py": text("scripts/classroom/class_checks.py"),
        "mnist_lesson/further/faults.py": programs(),
        "mnist_lesson/stored/clinic.json": clinic(),
        "mnist_lesson/stored/examples.pt": examples(),
        **{
            f"notebooks/{path.name}": nbformat.writes(student_version(nbformat.read(path, 4)))
            for path in all_notebooks()
        },
    }


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def readme() -> str:
    """Return the class's own text, and the parts of the lesson's that help with trouble and give the licence."""
    parts = re.split(r"(?m)^(?=## )", text("README.md"))
    kept = [part for part in parts if part.startswith(("## If something goes wrong", "## Licence"))]
    kept[0] = kept[0][: kept[0].rindex("|\n") + 2] + "\n"  # to change the lesson is not what the class is there for
    return text("scripts/classroom/class_readme.md") + "".join(kept)


def makefile() -> str:
    """Return the Makefile with the rules of TARGETS alone."""
    blocks = text("Makefile").rstrip().split("\n\n")
    kept = []
    for block in blocks:
        rule = re.match(r"([a-z -]+):(?!=)", block)
        if block.startswith(".PHONY"):
            block = f".PHONY: {' '.join(TARGETS)}"
        if rule and rule[1] not in TARGETS:
            continue
        if rule and rule[1] == "help":
            lines = block.split("\n")
            block = "\n".join(line for line in lines if not re.search(r'echo "make (?!execute|lab|doctor|clean)', line))
        kept.append("\n".join(line for line in block.split("\n") if not line.startswith("SUBMITTED")))
    return "\n\n".join(kept) + "\n"


def glossary() -> str:
    """Return the glossary, whose links name no patient: some words stand in the text about a fault."""
    return re.sub(r"\[10\. Patient \d+\]\(([^)#]*)#[^)]*\)", r"[10. Bug clinic](\1)", text("docs/glossary.md"))


def programs() -> str:
    """Return the module of notebook 10's programs, in which each patient is a whole text and no fault has a number."""
    source = inspect.getsource(faults)
    lines, body = source.splitlines(keepends=True), ast.parse(source).body
    kept = [
        "".join(lines[before.end_lineno : node.end_lineno])
        for before, node in zip(body, body[1:])
        if not TELLING & made_by(node)
    ]
    words = "".join(f'    "{word}": "{word}",\n' for word in sorted(faults.FAULTS.values()))
    texts = "".join(f"    {number}: '''\\\n{faults.text_of_patient(number)}''',\n" for number in faults.ILL)
    return (
        f"{FAULTS_HEAD}{''.join(kept)}\n\n"
        f"# The words for the faults. Which patient has which is what you find out.\nFAULTS = {{\n{words}}}\n\n"
        f"PROGRAMS = {{\n{texts}}}\n\n"
        "PATIENTS: dict[int, Callable] = {number: made(text) for number, text in PROGRAMS.items()}\n"
    )


def made_by(node: ast.stmt) -> set[str]:
    """Return the names that a statement of a module makes."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def clinic() -> str:
    """Return the ranges of each fault's findings in the order of the alphabet: their own order is the patients'."""
    return json.dumps(json.loads(text("mnist_lesson/stored/clinic.json")), indent=1, sort_keys=True) + "\n"


def examples() -> bytes:
    """Return the examples of all exercises as a file that `torch.load` reads."""
    buffer = io.BytesIO()
    torch.save(all_exercises(), buffer)
    return buffer.getvalue()
