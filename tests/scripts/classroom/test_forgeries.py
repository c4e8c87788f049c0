# ruff: noqa: F401, F811 (fixtures are imported)
"""Forged notebooks in a class of honest ones: no forged answer passes, nobody else is hurt, and nothing is left.

One run of the checker judges them, since each notebook costs the start of a Python. All of them together take five
minutes, so each time some are drawn besides the twelve with which it began; MNIST_LESSON_FORGERIES=all tries all.
"""

import csv
import hashlib
import os
import random
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from forgeries import FORGED, HANGING, SLEEPER, VERDICTS, notebooks
from handed_in import works
from honest import HONEST
from nbformat.v4 import new_code_cell, new_notebook
from packages import ROOT

CAUGHT = ("tampered", "failed", "error")


def drawn(all_of_them, number):
    """Return some entries of a dictionary, others for another MNIST_LESSON_SEED, or all."""
    if os.environ.get("MNIST_LESSON_FORGERIES") == "all":
        return all_of_them
    names = random.Random(os.environ["MNIST_LESSON_SEED"]).sample(sorted(all_of_them), number)
    return {name: all_of_them[name] for name in names}


ATTACKS = VERDICTS | drawn(FORGED, 20)
STYLES, ENDLESS = drawn(HONEST, 4), drawn(HANGING, 2)
pytestmark = [
    pytest.mark.notebook_cells,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bubblewrap is for Linux"),
]

ODD_FILES = {  # what is no notebook, or none that is read, and what its row says
    "a link.ipynb": "is a link to another file",
    "a dangling link.ipynb": "is a link to another file",
    "a pipe.ipynb": "it is no file",
    "a folder.ipynb": "it is no file",
    "100 MB.ipynb": "larger than 50 MB",
    "nests.ipynb": "is no notebook",
    "no text.ipynb": "is no notebook",
    "empty.ipynb": "is no notebook",
    "null.ipynb": "is no notebook",
    "cells of numbers.ipynb": "",
}


def write(path, cells):
    path.write_text(nbformat.writes(new_notebook(cells=[new_code_cell(cell) for cell in cells])), encoding="utf-8")


def write_odd_files(folder, target):
    (folder / "a link.ipynb").symlink_to(target)
    (folder / "a dangling link.ipynb").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "a pipe.ipynb")
    (folder / "a folder.ipynb").mkdir()
    with (folder / "100 MB.ipynb").open("wb") as file:
        file.truncate(100_000_000)
    (folder / "nests.ipynb").write_bytes(b"[" * 100_000)
    (folder / "no text.ipynb").write_bytes(bytes(range(256)))
    (folder / "empty.ipynb").write_bytes(b"")
    (folder / "null.ipynb").write_bytes(b"null")
    (folder / "cells of numbers.ipynb").write_bytes(
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}'
    )


def contents(folder):
    """Return what is in the regular files of a folder, as a hash each; links are not followed."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check(folder, place, *options):
    """Run the checker on a folder as a user does, with a folder for temporary files of its own, and return the rows."""
    temporary = place / "temporary"
    temporary.mkdir()
    script = ROOT / "scripts" / "classroom" / "check_submissions.py"
    written = ["--csv", place / "table.csv", "--totals", place / "totals.csv", "--report", place / "report.html"]
    done = subprocess.run(
        [sys.executable, script, folder, *written, "--jobs", "2", "--seed", "7", *options],
        capture_output=True,
        text=True,
        timeout=900,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    assert done.returncode == 0, f"the checker itself stopped:\n{done.stdout}\n{done.stderr}"
    with (place / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return SimpleNamespace(
        result={(row["file"], row["exercise"]): row["result"] for row in rows},
        detail={(row["file"], row["exercise"]): row["detail"] for row in rows},
        isolations={row["isolation"] for row in rows},
        temporary=[path.name for path in temporary.iterdir()],
    )


@pytest.fixture(scope="module")
def checked(works, tmp_path_factory):
    place = tmp_path_factory.mktemp("forged")
    folder, outside = place / "handed in", place / "outside"
    folder.mkdir()
    outside.mkdir()
    outside.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        filled = {"OUTSIDE": outside, "FOLDER": folder, "SLEEPER": SLEEPER, "PORT": port, "ROOT": ROOT}
        where = {}  # of each attack: file and exercise
        for number, (name, (cells, attacks)) in enumerate(notebooks(ATTACKS).items()):
            for word, value in filled.items():
                cells = [cell.replace(word, str(value)) for cell in cells]
            file = f"{number:02} {name.replace('/', ' ')}.ipynb"
            write(folder / file, [cell.replace("ADDRESS", "127.0.0.1") for cell in cells])
            where |= {attack: (file, exercise) for exercise, attack in attacks.items()}
        for number, (style, (_, cells)) in enumerate(STYLES.items()):
            write(folder / f"{2 * number:02} honest, {style}.ipynb", cells)
        write(folder / "named\non two lines.ipynb", HONEST["loops"][1])
        write_odd_files(folder, folder / "named\non two lines.ipynb")
        before = contents(folder), contents(ROOT / "mnist_lesson"), contents(ROOT / "scripts")
        found = check(folder, place, "--seconds", "10", "--notebook-seconds", "60")
        found.changed = before != (contents(folder), contents(ROOT / "mnist_lesson"), contents(ROOT / "scripts"))
        listener.setblocking(False)
        try:
            found.caller = listener.accept()
        except BlockingIOError:
            found.caller = None
    found.where, found.outside = where, outside
    return found


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_forged_answer_passes(checked, attack):
    place = checked.where[attack]
    assert checked.result[place] in CAUGHT, f"{attack}: {checked.result[place]} ({checked.detail[place]})"


def test_a_forged_answer_costs_nobody_else_a_row(checked):
    for number, (style, (exercises, _)) in enumerate(STYLES.items()):
        file = f"{2 * number:02} honest, {style}.ipynb"
        for exercise in exercises:
            said = checked.result[file, exercise], checked.detail[file, exercise]
            assert said[0] == "passed", f"an honest answer ({style}) to {exercise} should pass, but: {said}"


@pytest.mark.parametrize("file", ODD_FILES)
def test_what_is_no_notebook_has_a_row_of_its_own(checked, file):
    assert checked.result[file, ""] == "error" and ODD_FILES[file] in checked.detail[file, ""], checked.detail[file, ""]


def test_a_name_on_two_lines_is_one_line_of_the_table(checked):
    assert checked.result["named on two lines.ipynb", "4.2"] == "passed"


def test_all_was_shut_in(checked):
    assert checked.isolations == {"bwrap"}


def test_nothing_outside_is_written_to(checked):
    assert not list(checked.outside.iterdir()), "a handed-in notebook has written a file outside its own folder"
    assert not checked.changed, "a handed-in notebook has changed another one, or the lesson"
    assert checked.temporary == [], "the checker has left temporary files behind"


def test_no_process_is_left(checked):
    left = [one.info for one in psutil.process_iter(["pid", "cmdline"]) if SLEEPER in (one.info["cmdline"] or [])]
    assert not left, f"what a handed-in notebook has started lives on: {left}"


def test_nobody_has_called(checked):
    assert checked.caller is None, "a handed-in notebook has reached this machine's network"


def test_what_does_not_end_is_ended(works, tmp_path):
    folder = tmp_path / "handed in"
    folder.mkdir()
    places = {}
    for name, (cells, attacks) in notebooks(ENDLESS).items():
        write(folder / f"{name}.ipynb", cells)
        places |= {attack: (f"{name}.ipynb", exercise) for exercise, attack in attacks.items()}
    begun = time.monotonic()
    found = check(folder, tmp_path, "--seconds", "2", "--notebook-seconds", "15")
    assert time.monotonic() - begun < 120
    for attack, place in places.items():
        assert found.result[place] in ("failed", "error"), f"{attack}: {found.result[place]} ({found.detail[place]})"
    assert found.temporary == []
