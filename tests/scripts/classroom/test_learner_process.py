"""scripts/classroom/learner_process.py: what a learner defined gets a verdict, and the solutions pass."""

from types import SimpleNamespace

import nbformat
import pytest
from build_class import student_version
from learner_process import define, verdict
from submitted_cells import committed_exercises, learners_cells

from mnist_lesson import checks
from notebooks import all_notebooks

CLINIC = ["10.1", "10.6", "10.12"]  # each trains programs, so three stand for twelve; test_nb10_clinic.py has them all


def pasted(path):
    """Return a student notebook with the solutions of the committed one in place of the stubs."""
    committed = nbformat.read(path, 4)
    solutions = [cell.source for cell in committed.cells if "solution" in cell.metadata.get("tags", [])]
    student = student_version(committed)
    stubs = [cell for cell in student.cells if "exercise" in cell.metadata.get("tags", [])]
    for stub, solution in zip(stubs, solutions, strict=True):
        stub.source = solution
    return nbformat.writes(student).encode()


@pytest.mark.notebook_cells
@pytest.mark.parametrize("number", range(len(all_notebooks())))
def test_the_solutions_pasted_into_the_student_notebook_make_every_check_pass(number, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cells = learners_cells(pasted(all_notebooks()[number]))
    learner, problems = define([(cell.text, cell.wanted) for cell in cells])
    exercises = committed_exercises()[number]
    if exercises[0].number.startswith("10."):
        exercises = [exercise for exercise in exercises if exercise.number in CLINIC]
        assert len(exercises) == len(CLINIC)
    found = {one.number: verdict(getattr(checks, one.checker), one.function, learner, problems) for one in exercises}
    assert exercises and found == dict.fromkeys(found, ("solved", ""))


def test_each_statement_is_tried_by_itself():
    text = "import no_such_package\ndef f(x=exit()): pass\ndef g(): return ONE\nONE = 1"
    learner, problems = define([(text, [[0, []], [1, ["f"]], [2, ["g"]], [3, ["ONE"]]])])
    assert learner["g"]() == 1 and "f" not in learner
    assert list(problems) == ["f"] and problems["f"].startswith("its definition stopped with SystemExit")


def judged(function):
    function()
    return SimpleNamespace(state="not yet", hint="a hint")


@pytest.mark.parametrize(
    "name, state, words",
    [
        ("there", "not yet", "a hint"),
        ("interrupts", "no verdict", "its checker stopped with KeyboardInterrupt"),
        ("failed", "no verdict", "its definition stopped"),
        ("missing", "not attempted", "not in the notebook"),
    ],
)
def test_whatever_a_function_is_there_is_an_answer(name, state, words):
    def interrupts():
        raise KeyboardInterrupt

    learner = {"there": lambda: None, "interrupts": interrupts}
    found = verdict(SimpleNamespace(judge=judged), name, learner, {"failed": "its definition stopped"})
    assert found[0] == state and words in found[1]
