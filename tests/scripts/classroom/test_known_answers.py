"""scripts/classroom/known_answers.py: the solution passes, what leaves a trace does not, and each exercise has both."""

import random

import pytest
from known_answers import TRACES, drawn, state_of
from submitted_cells import committed_notebooks

from mnist_lesson.checks.judge import SOLVED

EXERCISES = {one.checker: one for notebook in committed_notebooks() for one in notebook.exercises}
QUICK = [name for name, one in EXERCISES.items() if not one.number.startswith("10.")]
MODELS = ["device_of", "read_digit", "listen", "fall_without"]  # they may leave no trace at all in the model
PLAIN = ["size_after", "interval"]  # they get numbers only


@pytest.mark.notebook_cells
@pytest.mark.parametrize("name", [*QUICK, "mend_1"])
def test_each_exercise_has_answers_of_both_kinds(name):
    solution, *wrong = drawn(EXERCISES[name], random.Random(0))
    assert solution.state == SOLVED and wrong
    assert SOLVED not in {one.state for one in wrong}


@pytest.mark.notebook_cells
def test_all_traces_are_tried_where_there_is_a_model_and_none_where_there_are_numbers():
    traces = {
        name: sum("for one in given" in known.text for known in drawn(EXERCISES[name], random.Random(0)))
        for name in [*MODELS, *PLAIN]
    }
    own_kind = {"device_of": 1, "fall_without": 0, "read_digit": 1, "listen": 0}  # kinds that these allow, or have not
    for name in MODELS:
        assert traces[name] >= len(TRACES) - 1 - own_kind[name], (name, traces)
    assert [traces[name] for name in PLAIN] == [0, 0]


@pytest.mark.notebook_cells
def test_what_is_recorded_for_backward_is_a_trace_too():
    known = drawn(EXERCISES["accuracy"], random.Random(0))
    (recorded,) = [one for one in known if "enable_grad" in one.text]
    assert recorded.state != SOLVED


@pytest.mark.notebook_cells
def test_the_verdict_is_asked_for_once(monkeypatch):
    exercise = EXERCISES["size_after"]
    state_of(exercise, exercise.solution)
    monkeypatch.setattr("builtins.exec", lambda *given: pytest.fail("it is known already"))
    assert state_of(exercise, exercise.solution) == SOLVED
