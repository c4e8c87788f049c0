# ruff: noqa: F401, F811 (fixtures are imported)
"""scripts/classroom/judge_notebook.py and prepared_python.py: whatever a submission does costs one row, and no more.

Nothing shuts the code in here, so that these tests run on all systems; test_isolation.py and test_forgeries.py do that.
"""

import os
import time
from pathlib import Path

import psutil
import pytest
from handed_in import lesson, notebook_of, package, solved
from judge_notebook import Limits, answer_of, judge_exercises, judge_notebook
from prepared_python import ENDED, PreparedPython
from submitted_cells import best_match, learners_cells

from mnist_lesson.data import DATA_DIR

needs_copies = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
RIGHT = "def size_after(size, kernel_size, pool_size):\n    return (size - kernel_size + 1) // pool_size"
FLAT = "def flat_size(side):\n    return 64 * (((side - 2) // 2 - 2) // 2) ** 2"
NAMES = ["4.1", "4.2"]
# Each question of the clinic trains networks, so one stands for twenty; test_ask_learner.py asks about all others.
WHOLE, CLINIC = (5, 7, 10), "10.10"


@pytest.fixture(scope="module")
def python(package):
    with PreparedPython("none", package, DATA_DIR, [], ["torch"]) as started:
        yield started


@pytest.fixture
def judged(python, lesson, notebook_of):
    """A function that returns (result, detail) of the exercises 4.1 and 4.2 of a notebook with these cells."""

    def judged(*sources, seconds=30, notebook_seconds=120, seed="0"):
        cells = learners_cells(notebook_of(*sources))
        exercises = [one for one in best_match(lesson, cells).exercises if one.number in NAMES]
        python.cells = [[cell.text, cell.wanted] for cell in cells]
        found = judge_exercises(python, exercises, cells, Limits(seconds, notebook_seconds), seed)
        return [found[number] for number in NAMES]

    return judged


@pytest.mark.parametrize(
    "source, result, words",
    [
        (RIGHT, "passed", ""),
        ("def size_after(*sizes):\n    return 2", "failed", "the result should be"),
        ("def size_after(*sizes):\n    ...", "not attempted", "First hint"),
        ("def other():\n    return 1", "not attempted", "not in the notebook"),
        ("size_after = 3", "failed", "Expected your function"),
        ("def size_after(:\n    return 1", "error", "SyntaxError"),
        ("def size_after(x=1 / 0):\n    return 1", "error", "its definition stopped with ZeroDivisionError"),
        ("def size_after(*sizes):\n    return 1 / 0", "failed", "ZeroDivisionError in line 2"),
        ("def size_after(*sizes):\n    exit()", "failed", "SystemExit"),
        ("def size_after(*sizes):\n    raise KeyboardInterrupt", "error", "interrupted by KeyboardInterrupt"),
        ("def size_after(*sizes):\n    return int(input() or 1)", "failed", "EOFError"),
        ("def size_after(*sizes):\n    while True: print(1)", "failed", "printed more than"),
        (f"import os\n{RIGHT.replace('return', 'os.write(1, bytes(9)); return')}", "passed", ""),
        (f"display(1)\n{RIGHT.replace('return', 'display(2); return')}", "passed", ""),
        ("loss = sum([1])\ndef size_after(*sizes):\n    return loss", "error", "uses loss"),
        ("%%time\n" + RIGHT, "passed", ""),
        (
            f"import no_such_package\nfrom mnist_lesson import checks\n{RIGHT}\nchecks.size_after(size_after)",
            "passed",
            "",
        ),
    ],
)
def test_each_answer_gets_its_verdict(judged, source, result, words):
    first, second = judged(source, FLAT)
    assert first[0] == result and words in first[1], first
    assert second == ("passed", "")


@needs_copies
@pytest.mark.parametrize(
    "source, words",
    [
        ("import os\ndef size_after(*sizes):\n    os._exit(0)", ENDED),
        ("import os\ndef size_after(*sizes):\n    os.kill(os.getppid(), 9)", ENDED),
        ("import time\ndef size_after(*sizes):\n    time.sleep(1000)", "ran for more than"),
    ],
)
def test_who_loses_the_process_loses_one_row(judged, source, words):
    first, second = judged(source, FLAT, seconds=3 if "more than" in words else 30)
    assert first[0] == "error" and words in first[1], first
    assert second == ("passed", "")


@needs_copies
def test_what_cannot_even_be_defined_costs_each_row(judged):
    for result, detail in judged("import os\ndef size_after(*sizes, x=os._exit(1)):\n    return 1", FLAT):
        assert result == "error" and detail == ENDED


def test_a_notebook_has_a_limit_of_its_own(judged):
    first, second = judged("import time\ndef size_after(*sizes):\n    time.sleep(1000)", FLAT, notebook_seconds=2)
    assert first[0] == second[0] == "error" and "ran for more than" in first[1]
    assert second[1] == "not reached: the notebook had used up its 2 seconds"


# Whatever imports what notices changes, and what reports them, gets one that does not.
HIDES_CHANGES = """
import importlib.abc, importlib.util, sys
class Hides(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in ("mnist_lesson.checks.state", "answer_judge"):
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        sys.meta_path.insert(0, self)
        class Loader(type(spec.loader)):
            def exec_module(self, module):
                super().exec_module(module)
                module.changed = lambda *given: ""
                if name == "answer_judge":
                    module.Answering.effects = lambda *given: []
        spec.loader.__class__ = Loader
        return spec
class Start:
    sys.meta_path.insert(0, Hides())
def to_pictures(images):
    pictures = images[:, 0].clone()
    images.data.mul_(2)
    return pictures
"""


@needs_copies
def test_a_process_that_hides_what_changes_is_found_out(package, lesson, notebook_of):
    def result_of(source):
        rows = judge_notebook(notebook_of(source), lesson, "none", package, DATA_DIR, Limits(60, 120), "0")
        return next((row.result, row.detail) for row in rows if row.exercise == "3.2")

    honest = result_of(HIDES_CHANGES.replace("sys.meta_path.insert(0, Hides())", "pass"))
    assert honest[0] == "failed" and "changes what it was given" in honest[1]
    result, detail = result_of(HIDES_CHANGES)
    assert result == "tampered" and "must be 'failed' was 'passed'" in detail


# As above, but the answer does it itself, when it is called: no other answer would.
HIDES_WHEN_CALLED = """
import gc
def to_pictures(images):
    for one in gc.get_objects():
        if isinstance(one, dict) and one.get("__name__") in ("mnist_lesson.checks.judge", "answer_judge"):
            one["changed"] = lambda *given: ""
            if "Answering" in one:
                one["Answering"].effects = lambda *given: []
    pictures = images[:, 0].clone()
    images.data.mul_(2)
    return pictures
"""


@needs_copies
def test_an_answer_that_hides_what_it_changes_hides_it_for_known_ones_too(package, lesson, notebook_of):
    content = notebook_of("import torch", HIDES_WHEN_CALLED)
    rows = judge_notebook(content, lesson, "none", package, DATA_DIR, Limits(60, 120), "0")
    (row,) = [row for row in rows if row.exercise == "3.2"]
    assert row.result == "tampered", row


def test_words_that_no_exercise_needs_are_a_place_to_look(package, lesson, notebook_of):
    rows = judge_notebook(notebook_of(f"import gc\n{RIGHT}"), lesson, "none", package, DATA_DIR, Limits(60, 120), "0")
    assert rows[0][2:4] == ("passed", "a place to look, no verdict: the notebook says gc")


@needs_copies
def test_the_same_seed_gives_the_same_row_and_hint(judged):
    wrong = "import random\ndef size_after(*sizes):\n    return random.randint(0, 99)"
    one, other, different = (judged(wrong, FLAT, seed=seed) for seed in ("1", "1", "2"))
    assert one == other and one[0][1] != different[0][1]


def test_nothing_that_a_submission_started_is_left(package, lesson, notebook_of, tmp_path):
    note = tmp_path / "pid"
    source = (
        "import os, subprocess, sys\ndef size_after(*sizes):\n"
        f"    if not os.path.exists({str(note)!r}):\n"
        "        process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        f"        open({str(note)!r}, 'w').write(f'{{process.pid}} {{os.getcwd()}}')\n"
        "    return 1"
    )
    rows = judge_notebook(notebook_of(source), lesson, "none", package, DATA_DIR, Limits(60, 120), "0")
    assert rows[0].result == "failed"
    pid, folder = note.read_text(encoding="utf-8").split(" ", 1)
    end = time.monotonic() + 10
    while psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "what a submission has started lives on"
        time.sleep(0.05)
    assert not Path(folder).exists(), "its folder went away with it"


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', bytes(range(256)), b"[]", b"null", b"[" * 100_000])
def test_what_is_no_notebook_is_one_row(content, lesson, package):
    (row,) = judge_notebook(content, lesson, "none", package, package, Limits(1, 1), "0")
    assert (row.exercise, row.name, row.result) == ("", "", "error") and row.detail.startswith("is no notebook (")


def test_a_notebook_of_something_else_is_one_row(lesson, package, notebook_of):
    (row,) = judge_notebook(notebook_of("roses = 'red'"), lesson, "none", package, package, Limits(1, 1), "0")
    assert row[:4] == ("", "", "error", "holds no exercise of the lesson")


def test_the_answer_is_the_cell_that_counts(lesson, notebook_of):
    cells = learners_cells(notebook_of("def flat_size(side): return 1", "x = 2", FLAT))
    exercises = {one.number: one for one in best_match(lesson, cells).exercises}
    assert answer_of(exercises["4.2"], cells).strip() == FLAT and answer_of(exercises["4.1"], cells) == ""


@pytest.mark.notebook_cells
@pytest.mark.parametrize("number", WHOLE)
def test_the_solutions_pasted_into_the_student_notebook_make_every_check_pass(number, lesson, package, solved):
    """Where most is measured on the way: these have the most known answers."""
    known = lesson
    if number == 10:
        one = [one for one in lesson[9].exercises if one.number == CLINIC]
        known = [*lesson[:9], lesson[9]._replace(exercises=one), *lesson[10:]]
    rows = judge_notebook(solved(number), known, "none", package, DATA_DIR, Limits(120, 600), "0")
    assert [(row.exercise, row.result, row.detail) for row in rows] == [
        (one.number, "passed", "") for one in known[number - 1].exercises
    ]
