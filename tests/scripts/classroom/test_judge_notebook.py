"""scripts/classroom/judge_notebook.py: whatever a submission does costs one row, and nothing is left of it.

A small package takes the place of mnist_lesson here: its Python starts in a moment, and its checkers take 1 for right.
"""

import os
from pathlib import Path

import nbformat
import psutil
import pytest
from judge_notebook import judge_notebook, outcome
from nbformat.v4 import new_code_cell, new_notebook
from submitted_cells import Exercise

EXERCISES = [Exercise(f"4.{n}", name, name, f"id-{n}") for n, name in enumerate(["first", "second", "third"], 1)]
CHECKS = """
from types import SimpleNamespace as Names
def judge(function):
    return Names(state="solved" if function() == 1 else "not yet", hint="a hint")
first = second = third = Names(judge=judge)
"""
SECOND = "def second():\n    return 1"
ENDED, LATE = "its Python ended", "it ran for more than 1 seconds"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    (folder / "mnist_lesson").mkdir()
    (folder / "mnist_lesson" / "__init__.py").touch()
    (folder / "mnist_lesson" / "checks.py").write_text(CHECKS, encoding="utf-8")
    return folder


def judged(package, *sources, seconds=20, notebook_seconds=60):
    """Return (result, detail) of the exercises 4.1, 4.2 and 4.3 of a notebook with these cells."""
    content = nbformat.writes(new_notebook(cells=[new_code_cell(source) for source in sources])).encode()
    rows = judge_notebook(content, [EXERCISES], package, package / "data", seconds, notebook_seconds)
    assert [(row.exercise, row.name) for row in rows] == [(one.number, one.checker) for one in EXERCISES]
    return [(row.result, row.detail) for row in rows]


@pytest.mark.parametrize(
    "source, result, words",
    [
        ("def first():\n    return 1", "passed", ""),
        ("def first():\n    return 2", "failed", "a hint"),
        ("def other():\n    return 1", "not attempted", "not in the notebook"),
        ("def first(:\n    return 1", "error", "SyntaxError"),
        ("def first(x=1 / 0):\n    return 1", "error", "its definition stopped with ZeroDivisionError"),
        ("import os\ndef first():\n    os._exit(0)", "error", ENDED),
        ("import os, signal\ndef first():\n    os.kill(os.getpid(), signal.SIGTERM)", "error", ENDED),
        ("import time\ndef first():\n    time.sleep(1000)", "error", LATE),
        ("def first():\n    while True:\n        pass", "error", LATE),
        ("def first():\n    return int(input() or 1)", "error", "EOFError"),
        ("def first():\n    exit()", "error", "SystemExit"),
        ("import os\ndef first():\n    return int(os.write(1, b'x' * 10**6) == 10**6)", "passed", ""),
        (
            "import sys\ndef first():\n    print('\\n[]\\n')\n    print('[]', file=sys.__stdout__)\n    return 1",
            "passed",
            "",
        ),
        ("def first():\n    display('x' * 10)\n    return 1", "passed", ""),
    ],
)
def test_each_exercise_costs_its_own_row_only(package, source, result, words):
    first, second, third = judged(package, source, SECOND, seconds=1 if words == LATE else 20)
    assert first[0] == result and words in first[1]
    assert second == ("passed", "a hint")
    assert third == ("not attempted", "its function is not in the notebook")


@pytest.mark.parametrize(
    "source, words",
    [
        ("import time\ndef first(x=time.sleep(1000)):\n    return 1", LATE),
        ("import os\ndef first(x=os._exit(1)):\n    return 1", ENDED),
    ],
)
def test_what_cannot_even_be_defined_is_tried_once(package, source, words):
    rows = judged(package, source, SECOND, seconds=1 if words == LATE else 20)
    assert {result for result, _ in rows} == {"error"}
    assert all(detail.startswith(f"before any exercise, {words}") for _, detail in rows)


def test_a_cell_that_cannot_be_read_is_known_by_its_id_too(package):
    cells = [new_code_cell("my = (", id="id-1"), new_code_cell(SECOND)]
    rows = judge_notebook(nbformat.writes(new_notebook(cells=cells)).encode(), [EXERCISES], package, package, 2, 60)
    assert [row.result for row in rows] == ["error", "passed", "not attempted"] and "SyntaxError" in rows[0].detail


def test_a_notebook_has_a_limit_of_its_own(package):
    first, second, third = judged(
        package, "import time\ndef first():\n    time.sleep(1000)", SECOND, seconds=20, notebook_seconds=1
    )
    assert first[0] == second[0] == third[0] == "error"
    assert "ran for more than" in first[1] and "20 seconds" not in first[1]
    assert second == third and second[1] == "not reached: the notebook had used up its 1 seconds"


def test_nothing_that_a_submission_started_is_left(package, tmp_path):
    note = tmp_path / "pid"
    first, second, _ = judged(
        package,
        "import os, subprocess, sys",
        f"def first():\n    program = [sys.executable, '-c', 'import time; time.sleep(1000)']\n"
        f"    process = subprocess.Popen(program, start_new_session=True)\n"
        f"    open({str(note)!r}, 'w').write(f'{{process.pid}} {{os.getcwd()}}')\n    return 1",
        SECOND,
    )
    assert first[0] == second[0] == "passed"
    pid, folder = note.read_text(encoding="utf-8").split(" ", 1)
    try:
        assert psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        pass
    assert not Path(folder).exists(), "its folder went away with it"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where a process can copy itself")
def test_a_copy_of_itself_does_not_hide_that_it_ended(package):
    """The copy holds the way of the answers open, so that no end of them is seen."""
    source = "import os, time\ndef first():\n    if os.fork():\n        os._exit(1)\n    time.sleep(1000)"
    first, second, _ = judged(package, source, SECOND, seconds=30)
    assert first[0] == "error" and ENDED in first[1] and second[0] == "passed"


def test_it_damages_only_a_copy_of_the_package(package):
    damage = (
        "import mnist_lesson, os\nfrom pathlib import Path\n"
        "def first():\n    folder = Path(mnist_lesson.__file__).parent\n    (folder / 'checks.py').write_text('')\n"
        "    return int(folder.parent.samefile('package'))"
    )
    crash = "def second():\n    os._exit(1)"
    third = "def third():\n    return 1"  # in a fresh Python, with a fresh copy
    assert [result for result, _ in judged(package, damage, crash, third)] == ["passed", "error", "passed"]
    assert (package / "mnist_lesson" / "checks.py").read_text(encoding="utf-8") == CHECKS


def test_the_teachers_settings_of_python_take_no_part(package, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(1)", encoding="utf-8")
    for name, value in {"PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "error", "PYTHONINSPECT": "1"}.items():
        monkeypatch.setenv(name, value)
    looks = (
        "import os, sys, warnings\nfrom pathlib import Path\ndef first():\n    warnings.warn('ignored')\n"
        "    own = {name for name in os.environ if name.startswith('PYTHON')} == {'PYTHONPATH'}\n"
        "    own = own and not any(Path(folder).name in ('classroom', 'scripts') for folder in sys.path)\n"
        "    runs = Path(os.environ['MNIST_LESSON_RUNS']).parent.samefile('.')\n"
        f"    return int(own and runs and {str(tmp_path)!r} not in sys.path and os.environ['MPLBACKEND'] == 'agg')"
    )
    assert judged(package, looks)[0] == ("passed", "a hint")


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', bytes(range(256)), b"[]", b"null"])
def test_what_is_no_notebook_is_one_row(content, package):
    (row,) = judge_notebook(content, [EXERCISES], package, package, 1, 1)
    assert (row.exercise, row.name, row.result) == ("", "", "error") and row.detail.startswith("is no notebook (")


def test_a_notebook_of_something_else_is_one_row(package):
    content = nbformat.writes(new_notebook(cells=[new_code_cell("roses = 'red'")])).encode()
    (row,) = judge_notebook(content, [EXERCISES], package, package, 1, 1)
    assert row == ("", "", "error", "holds no exercise of the lesson")


def test_a_name_that_is_not_computed_here_is_not_the_learners_fault():
    hint = "Your function stopped with NameError in line 2 of its cell: name 'loss' is not defined"
    assert outcome("not yet", hint, {"loss"})[0] == "error" and "loss" in outcome("not yet", hint, {"loss"})[1]
    assert outcome("not yet", hint, set()) == ("failed", hint)
    magic = hint.replace("loss", "get_ipython")  # of a line such as %time in a function
    assert outcome("not yet", magic, set())[0] == "error"
