"""scripts/classroom/learner_process.py: what a learner defined is there, and each question gets a copy of its own."""

import os
import subprocess
import sys
import time

import messages
import psutil
import pytest
from learner_process import define
from prepared_python import write_package
from submitted_cells import read_cell


def test_each_statement_is_tried_by_itself():
    text = "import no_such_package\ndef f(x=exit()): pass\ndef g(): return ONE\nONE = 1"
    learner, problems = {}, {}
    define([(text, [[0, []], [1, ["f"]], [2, ["g"]], [3, ["ONE"]]])], learner, problems)
    assert learner["g"]() == 1 and "f" not in learner
    assert list(problems) == ["f"] and problems["f"].startswith("its definition stopped with SystemExit")


def test_what_is_defined_in_the_end_is_no_problem():
    cells = [("def f(x=1 / 0): pass", [[0, ["f"]]]), ("def f(): return 2", [[0, ["f"]]])]
    learner, problems = {}, {}
    define(cells, learner, problems)
    assert learner["f"]() == 2 and problems == {}


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """A prepared process, as the judge starts it, without anything that shuts it in."""
    folder = tmp_path_factory.mktemp("package")
    write_package(folder)
    environment = {**os.environ, "PYTHONPATH": str(folder), "MNIST_LESSON_RUNS": str(folder / "runs")}
    command = [sys.executable, "-P", str(folder / "learner_process.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(command, env=environment, cwd=folder, **pipes) as started:
        messages.send(started.stdin, ["prepare", ["torch", "no_such_module"], False])
        assert messages.receive(started.stdout)[0] == ["ready"]
        yield started
        started.stdin.close()  # no more questions: it ends by itself
        started.wait(30)


def asked(process, function, *sources, seed=0, known=()):
    """Ask about a function, and return what is said until the process is ready again; no question is put to it."""
    cells, known = ([[one.text, one.wanted] for one in (read_cell("", x) for x in some)] for some in (sources, known))
    messages.send(process.stdin, ["ask", cells, function, seed])
    assert messages.receive(process.stdout)[0] == ["cells"], "only when the cells have run, it hears of a known answer"
    messages.send(process.stdin, ["known", known])
    said = [messages.receive(process.stdout)[0]]
    if said == [["defined"]]:
        messages.send(
            process.stdin, ["call", "function", 0, [], {"seconds": 9, "may_change": [], "look": True, "watched": False}]
        )
        said.append(messages.receive(process.stdout)[0][:2])
        messages.send(process.stdin, ["end"])
    assert messages.receive(process.stdout)[0] == ["ready"]
    return said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
def test_questions_follow_each_other(process):
    assert asked(process, "f", "def f(): return 3") == [["defined"], ["returned", ["just", 3]]]
    assert asked(process, "f", "x = 1") == [["missing"]]
    said = asked(process, "f", "def f(x=1 / 0): pass")
    assert said == [["problem", "its definition stopped with ZeroDivisionError: division by zero"]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
def test_a_copy_leaves_nothing_to_the_next_one(process):
    spoil = "import builtins, math\nclass Spoil:\n    math.pi = 3\n    builtins.spoilt = True\ndef f(): return math.pi"
    assert asked(process, "f", spoil) == [["defined"], ["returned", ["just", 3]]]
    (_, (word, node)) = asked(
        process, "f", "import math, builtins\ndef f(): return math.pi + hasattr(builtins, 'spoilt')"
    )
    assert word == "returned" and 3.1 < node[1] < 3.2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
def test_what_a_copy_has_started_ends_with_it(process):
    source = "import os, time\ndef f():\n    pid = os.fork()\n    if not pid:\n        time.sleep(1000)\n    return pid"
    (_, (_, node)) = asked(process, "f", source)
    end = time.monotonic() + 10
    while psutil.pid_exists(node[1]) and psutil.Process(node[1]).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "the child of a copy lives on"
        time.sleep(0.05)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
def test_a_known_answer_may_call_the_learners_own(process):
    said = asked(process, "f", "def f(): return 3", known=["own = f\ndef f(): return own() + 1"])
    assert said == [["defined"], ["returned", ["just", 4]]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
def test_what_measures_is_read_anew(process):
    source = (
        "import mnist_lesson.checks.state as state, mnist_lesson.checks.judge as judge\n"
        "class Spoil:\n    state.changed = judge.changed = judge.Guarded.use = None\n"
        "def f(): return 4"
    )
    assert asked(process, "f", source) == [["defined"], ["returned", ["just", 4]]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
def test_the_same_seed_gives_the_same_random_numbers(process):
    source = (
        "import random, torch, numpy\ndef f(): return [random.random(), torch.rand(()).item(), numpy.random.rand()]"
    )
    one, other, different = (asked(process, "f", source, seed=seed)[1][1][2] for seed in (1, 1, 2))
    assert one == other != different


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot copy itself here")
def test_it_holds_no_checker_and_no_right_answer(process):
    source = (
        "import mnist_lesson.checks, sys\nfrom pathlib import Path\nfrom mnist_lesson import checks\n"
        "def f():\n    folder = Path(mnist_lesson.checks.__file__).parent\n"
        "    return [sorted(path.name for path in folder.glob('*.py')), checks.flat_size(f), checks.progress()]"
    )
    (_, (_, node)) = asked(process, "f", source)
    names = [one[1] for one in node[2][0][2]]
    assert names == ["__init__.py", "box.py", "compare.py", "judge.py", "models.py", "state.py"]
    assert node[2][1:] == [["just", None], ["just", None]], "the names of the checkers do nothing"
