"""scripts/classroom/check_submissions.py: whatever somebody hands in costs that row only, and the solutions pass."""

import csv
import json
import os
import subprocess
import sys

import nbformat
import pytest
from build_class import student_version
from check_submissions import (
    check_folder,
    committed_exercises,
    definitions,
    harmless,
    main,
    printable,
    restore,
    result_of,
    write_csv,
)
from install import ROOT
from nbformat.v4 import new_code_cell, new_notebook

RIGHT = "def size_after(size, kernel_size, pool_size):\n    return (size - kernel_size + 1) // pool_size"
LIMIT = 15  # seconds; the checkers' own limit is 10


def hand_in(folder, name, *sources):
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """All kinds of submissions, checked in one go: (file, exercise) -> (result, detail)."""
    folder = tmp_path_factory.mktemp("submissions")
    hand_in(folder, "anna_right", "%matplotlib inline\nSIDE = 28", RIGHT, "1 / 0")
    hand_in(folder, "bert_crashes", "import os", RIGHT, "def flat_size(side):\n    os._exit(1)")
    hand_in(folder, "carl_syntax", RIGHT, "def flat_size(side:\n    return 1")
    victim = f"Path({str(folder / 'anna_right.ipynb')!r})"
    hand_in(folder, "dora_writes", "from pathlib import Path", f"def flat_size(side):\n    {victim}.unlink()")
    damage = "import mnist_lesson\nfrom pathlib import Path\nfor_all = 1"
    package = (
        "def flat_size(side):\n    (Path(mnist_lesson.__file__).parent / 'checks.py').write_text('')\n    return 1"
    )
    hand_in(folder, "ella_damages", damage, package)
    hand_in(folder, "emil_waits", "import time", RIGHT, "def flat_size(side):\n    time.sleep(1000)")
    for_ever = "def for_ever():\n    while True:\n        print('x' * 1000)"
    hand_in(folder, "fay_loops", for_ever, "def flat_size(side=for_ever()):\n    return 1")
    (folder / "broken.ipynb").write_text("{", encoding="utf-8")
    (folder / "other.ipynb").write_text('{"a": 1}', encoding="utf-8")
    (folder / "empty.ipynb").touch()
    (folder / "binary.ipynb").write_bytes(bytes(range(256)))
    (folder / "folder.ipynb").mkdir()
    hand_in(folder, "poem", "roses = 'red'")
    in_one_cell = f"%%time\n# a comment\nimport no_such_package\nONE = 2 - 1\n{RIGHT.replace('+ 1', '+ ONE')}"
    line = "# a comment\n\ndef conv_parameters(*sizes):\n    return 1 / 0"
    hand_in(folder, "gus_usual", in_one_cell, "flat_size = lambda side: exit()", line, "loss = sum([1])")
    hand_in(folder, "zoe_right", RIGHT)
    before = {path.name: path.read_bytes() for path in folder.glob("*_*.ipynb")}
    rows = check_folder(folder, LIMIT)
    assert {path.name: path.read_bytes() for path in folder.glob("*_*.ipynb")} == before, "what was changed is restored"
    return {(row.file.removesuffix(".ipynb"), row.exercise): (row.result, row.detail) for row in rows}


@pytest.mark.parametrize(
    "file, exercise, result, words",
    [
        ("anna_right", "4.1", "passed", ""),
        ("anna_right", "4.2", "not attempted", "not in the notebook"),
        ("bert_crashes", "4.1", "passed", ""),
        ("bert_crashes", "4.2", "error", "its Python ended"),
        ("bert_crashes", "4.3", "not attempted", ""),
        ("carl_syntax", "4.1", "passed", ""),
        ("carl_syntax", "4.2", "error", "SyntaxError"),
        ("dora_writes", "", "error", "changed files outside its own folder: anna_right.ipynb"),
        ("ella_damages", "4.2", "failed", ""),
        ("emil_waits", "4.1", "passed", ""),
        ("emil_waits", "4.2", "error", f"ran for more than {LIMIT} seconds"),
        ("fay_loops", "4.1", "error", f"before any exercise, it ran for more than {LIMIT} seconds"),
        ("broken", "", "error", "is no notebook"),
        ("other", "", "error", "is no notebook"),
        ("empty", "", "error", "is no notebook"),
        ("binary", "", "error", "is no notebook"),
        ("folder", "", "error", "could not be read"),
        ("poem", "", "error", "holds no exercise"),
        ("gus_usual", "4.1", "passed", ""),
        ("gus_usual", "4.2", "failed", "SystemExit"),
        ("gus_usual", "4.3", "failed", "ZeroDivisionError in line 4"),
        ("zoe_right", "4.1", "passed", ""),
    ],
)
def test_each_submission_costs_its_own_rows_only(table, file, exercise, result, words):
    assert table[file, exercise][0] == result and words in table[file, exercise][1]


@pytest.mark.parametrize("source", ["x = " + "-" * 100_000 + "1", "x = " + "+".join("1" * 5000), "x = (", "x\0"])
def test_what_python_cannot_read_is_an_error_of_its_cell(source):
    cell = definitions(source)
    assert cell.error and not cell.wanted


def test_a_long_expression_is_no_crash():
    assert definitions("def f():\n    return " + "+".join("1" * 600)).wanted == [[0, ["f"]]]


def test_a_name_that_is_not_computed_here_is_not_the_learners_fault():
    hint = "Your function stopped with NameError in line 2 of its cell: name 'loss' is not defined"
    verdict = json.dumps(["4.2", "flat_size", "not yet", hint, ""])
    assert result_of(verdict, {"loss"})[0] == "error" and result_of(verdict, set())[0] == "failed"
    assert result_of("{", set())[0] == "error"


def test_restoring_never_writes_through_a_link(tmp_path):
    precious, linked, folder = tmp_path / "precious", tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    precious.write_text("precious", encoding="utf-8")
    folder.mkdir()
    try:
        linked.symlink_to(precious)
    except OSError:
        pytest.skip("needs the right to make links")
    assert restore({linked: b"1", folder: b"2", tmp_path / "new" / "c.ipynb": b"3"}) == []
    assert precious.read_text(encoding="utf-8") == "precious"
    assert [linked.read_bytes(), folder.read_bytes(), (tmp_path / "new" / "c.ipynb").read_bytes()] == [b"1", b"2", b"3"]


def test_odd_names_reach_terminal_and_file():
    assert printable("a\udcff\x1b[31m\nb ä") == "a\\udcff\\x1b[31m b ä"


def test_a_damaged_package_was_only_a_copy():
    assert (ROOT / "mnist_lesson" / "checks.py").stat().st_size > 1000


def test_the_solutions_pasted_into_the_student_notebooks_make_every_check_pass(tmp_path):
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        committed = nbformat.read(path, 4)
        solutions = {cell.id: cell.source for cell in committed.cells if "solution" in cell.metadata.get("tags", [])}
        order = list(solutions.values())
        student = student_version(committed)
        stubs = [cell for cell in student.cells if "exercise" in cell.metadata.get("tags", [])]
        for stub, solution in zip(stubs, order, strict=True):
            stub.source = solution
        nbformat.write(student, tmp_path / f"somebody_{path.name}")
    rows = check_folder(tmp_path, 120)
    assert [row for row in rows if row.result != "passed"] == []
    assert len(rows) == sum(map(len, committed_exercises())) >= 40


def test_the_table_is_complete_and_harmless(tmp_path):
    from check_submissions import Row

    rows = [
        Row("ä.ipynb", "4.1", "size_after", "failed", '=HYPERLINK("x")'),
        Row("b", "4.2", "n", "error", "two\nlines"),
    ]
    write_csv(rows, tmp_path / "new" / "check.csv")
    with (tmp_path / "new" / "check.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["file", "exercise", "name", "result", "detail"]
    assert lines[1][4] == '\'=HYPERLINK("x")' and lines[2][4] == "two\nlines" and len(lines) == 3
    assert [harmless(text)[0] for text in ("+1", "-1", "@x", "a")] == ["'", "'", "'", "a"]


@pytest.mark.parametrize("folder, words", [("nowhere", "Expected a folder"), (".", "There is no notebook")])
def test_a_missing_or_empty_folder_is_one_sentence(folder, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("check_submissions.use_lesson_python", lambda: None)
    monkeypatch.setattr("sys.argv", ["check_submissions.py", str(tmp_path / folder)])
    assert main() == 2
    assert words in capsys.readouterr().err and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="make is not there")
def test_make_check_without_a_folder_says_what_is_missing():
    result = subprocess.run(["make", "check", f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0 and "make check SUBMISSIONS=folder" in result.stderr
