"""scripts/classroom/check_submissions.py: whatever somebody hands in costs that row only, and the solutions pass."""

import csv
import os
import subprocess
import sys

import nbformat
import pytest
from check_submissions import LARGEST, Row, check_folder, harmless, main, printable, read, write_csv
from install import ROOT
from judge_notebook import outcome
from learner_process import define, verdict
from nbformat.v4 import new_code_cell, new_notebook
from submitted_cells import best_match, committed_exercises, learners_cells
from test_learner_process import pasted

from mnist_lesson import checks

RIGHT = "def size_after(size, kernel_size, pool_size):\n    return (size - kernel_size + 1) // pool_size"

IN_ONE_CELL = f"%%time\n# a comment\nimport no_such_package\nONE = 2 - 1\n{RIGHT.replace('+ 1', '+ ONE')}"
USUAL = [
    "%matplotlib inline\nSIDE = 28",
    IN_ONE_CELL,
    "flat_size = lambda side: exit()",
    "# a comment\n\ndef conv_parameters(*sizes):\n    return 1 / 0",
    "loss = sum([1])",
    "def probabilities(logits):\n    return loss",
    "1 / 0",
]


def hand_in(folder, name, *sources):
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), folder / f"{name}.ipynb")


# In place of mnist_lesson, whose import takes seconds in each Python: its checkers know one answer each.
CHECKS = """
from types import SimpleNamespace as Names
def checker(right, *arguments):
    def judge(function):
        try:
            return Names(state="solved" if function(*arguments) == right else "not yet", hint="")
        except BaseException as error:
            return Names(state="not yet", hint=f"Your function stopped with {type(error).__name__}: {error}")
    return Names(judge=judge)
size_after = checker(12, 28, 5, 2)
flat_size = conv_parameters = probabilities = build = checker(None, 28)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A small helper package, where the scripts look for the lesson's."""
    package = tmp_path_factory.mktemp("house") / "mnist_lesson"
    (package / "checks").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "checks" / "__init__.py").write_text(CHECKS, encoding="utf-8")
    (package / "checks" / "judge.py").write_text("JUDGE = 1\n", encoding="utf-8")
    return package.parent


@pytest.fixture(scope="module")
def table(tmp_path_factory, house):
    """All kinds of submissions, checked in one go: (file, exercise) -> (result, detail)."""
    folder = tmp_path_factory.mktemp("submissions")
    hand_in(folder, "anna_usual", *USUAL)
    hand_in(folder, "bert_crashes", "import os", RIGHT, "def build(*sizes):\n    os._exit(1)")
    damage = f"Path({str(folder / 'zoe' / 'first.ipynb')!r}).unlink()"
    package = "(Path(mnist_lesson.__file__).parent / 'checks' / 'judge.py').write_text('')"
    writes = f"def flat_size(side):\n    {damage}\n    {package}\n    return 1"
    hand_in(folder, "dora_damages", "import mnist_lesson\nfrom pathlib import Path", writes)
    (folder / "broken.ipynb").write_text("{", encoding="utf-8")
    (folder / "folder.ipynb").mkdir()
    hand_in(folder, "poem", "roses = 'red'")
    (folder / "zoe").mkdir()
    hand_in(folder / "zoe", "first", RIGHT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("check_submissions.ROOT", house)
        return as_table(check_folder(folder, 120))


def as_table(rows):
    return {(row.file.removesuffix(".ipynb"), row.exercise): (row.result, row.detail) for row in rows}


@pytest.mark.parametrize(
    "file, exercise, result, words",
    [
        ("anna_usual", "4.1", "passed", ""),
        ("anna_usual", "4.2", "failed", "SystemExit"),
        ("anna_usual", "4.3", "failed", "ZeroDivisionError"),
        ("anna_usual", "4.4", "error", "uses loss"),
        ("anna_usual", "4.5", "not attempted", "not in the notebook"),
        ("bert_crashes", "4.1", "passed", ""),
        ("bert_crashes", "4.5", "error", "its Python ended"),
        ("dora_damages", "", "error", "files outside its own folder changed: first.ipynb"),
        ("dora_damages", "4.2", "failed", ""),
        ("broken", "", "error", "is no notebook"),
        ("folder", "", "error", "could not be read"),
        ("poem", "", "error", "holds no exercise"),
        ("zoe/first", "4.1", "passed", ""),
    ],
)
def test_each_submission_costs_its_own_rows_only(table, file, exercise, result, words):
    assert table[file, exercise][0] == result and words in table[file, exercise][1]


def test_a_damaged_package_was_only_a_copy(table, house):
    assert (house / "mnist_lesson" / "checks" / "judge.py").read_text(encoding="utf-8") == "JUDGE = 1\n"


@pytest.mark.notebook_cells
def test_the_lessons_own_checkers_take_the_solutions_for_right(tmp_path):
    """In a Python of its own, as a class's teacher has it: from the student notebook to the table."""
    (tmp_path / "right.ipynb").write_bytes(pasted(ROOT / "notebooks" / "04_model.ipynb"))
    found = as_table(check_folder(tmp_path, 120))
    assert found == {("right", f"4.{number}"): ("passed", "") for number in range(1, 6)}


def test_the_lessons_own_checkers_find_the_usual_mistakes():
    """With the same cells as above, in this Python, which has them imported already."""
    content = nbformat.writes(new_notebook(cells=[new_code_cell(source) for source in USUAL])).encode()
    cells = learners_cells(content)
    learner, problems = define([(cell.text, cell.wanted) for cell in cells])
    computed = {name for cell in cells for name in cell.computed}
    results, details = [], []
    for one in best_match(committed_exercises(), cells):
        said = verdict(getattr(checks, one.checker), one.function, learner, problems)
        result, detail = outcome(*said, computed)
        results.append(result)
        details.append(detail)
    assert results == ["passed", "failed", "failed", "error", "not attempted"]
    expected = ["", "SystemExit", "ZeroDivisionError in line 4", "uses loss", "not in the notebook"]
    assert all(words in detail for words, detail in zip(expected, details, strict=True)), details


def test_what_is_no_file_or_too_large_is_not_read(tmp_path):
    large = tmp_path / "large.ipynb"
    with large.open("wb") as file:
        file.truncate(LARGEST + 1)
    assert read(large) == "larger than 50 MB, so it is not read"
    assert read(tmp_path) == "could not be read (it is no file)"
    assert read(tmp_path / "nowhere.ipynb").startswith("could not be read (")


def test_odd_names_reach_terminal_and_file():
    assert printable("a\udcff\x1b[31m\nb ä") == "a\\udcff\\x1b[31m b ä"


def test_the_table_is_complete_and_harmless(tmp_path):
    rows = [
        Row("ä.ipynb", "4.1", "size_after", "failed", '=HYPERLINK("x")'),
        Row("王.ipynb", "4.2", "n", "error", "two\nlines"),
    ]
    write_csv(rows, tmp_path / "new" / "check.csv")
    content = (tmp_path / "new" / "check.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbffile,"), "the mark by which Excel knows UTF-8"
    lines = list(csv.reader(content.decode("utf-8-sig").splitlines(keepends=True)))
    assert lines[0] == ["file", "exercise", "name", "result", "detail"]
    assert [line[0] for line in lines[1:]] == ["ä.ipynb", "王.ipynb"]
    assert lines[1][4] == '\'=HYPERLINK("x")' and lines[2][4] == "two\nlines" and len(lines) == 3
    assert [harmless(text)[0] for text in ("+1", "-1", "@x", "a")] == ["'", "'", "'", "a"]
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "check.csv"]


def start(monkeypatch, *arguments):
    monkeypatch.setattr("check_submissions.use_lesson_python", lambda: None)
    monkeypatch.setattr("signal.signal", lambda *of_the_tests: None)
    monkeypatch.setattr("sys.argv", ["check_submissions.py", *map(str, arguments)])
    return main()


@pytest.mark.parametrize("folder, words", [("nowhere", "Expected a folder"), (".", "There is no notebook")])
def test_a_missing_or_empty_folder_is_one_sentence(folder, words, tmp_path, monkeypatch, capsys):
    assert start(monkeypatch, tmp_path / folder) == 2
    assert words in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_the_table_lies_where_it_is_said(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "it's anna"
    folder.mkdir()
    (folder / "bröken.ipynb").touch()
    assert start(monkeypatch, folder, "--csv", tmp_path / "check.csv") == 0
    assert "bröken.ipynb" in (tmp_path / "check.csv").read_text(encoding="utf-8-sig")
    assert f"The table lies in {tmp_path / 'check.csv'}." in capsys.readouterr().out


def test_a_table_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "broken.ipynb").touch()
    assert start(monkeypatch, tmp_path, "--csv", tmp_path / "broken.ipynb" / "check.csv") == 1
    assert "The table could not be made: " in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="make is not there")
def test_make_check_without_a_folder_says_what_is_missing():
    result = subprocess.run(["make", "check", f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0 and "make check SUBMISSIONS=folder" in result.stderr
