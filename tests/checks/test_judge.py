"""Judging: whatever a learner's function does, the notebook goes on and the learner gets one sentence."""

import random
import threading
import time

import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from mnist_lesson.checks import judge
from mnist_lesson.checks.compare import Hint, compare, describe, difference
from mnist_lesson.checks.judge import exercise


@exercise("1.1", "multiply by two.", errors={"requires grad": "detach it first."}, seconds=0.3)
def double(answer):
    compare(answer, [(torch.rand(random.randint(2, 5)),) for _ in range(3)], lambda x: 2 * x, [(lambda x: x, "Twice!")])


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "SOLVED_FILE", tmp_path / "runs" / "exercises.json")


def loop(x):
    while True:
        try:
            len([])
        except BaseException:
            pass


def loop_quietly(x):
    while True:
        pass


def print_for_ever(x):
    while True:
        print("x" * 100)


def leave(x):
    raise SystemExit


def fail(x):
    return 1 / 0


def change(x):
    return x.mul_(2)


def only_sometimes():
    calls = []

    def answer(x):
        calls.append(1)
        return 2 * x if len(calls) == 1 else None

    return answer


@pytest.mark.parametrize(
    "answer, words",
    [
        (loop, "ran for more than 0.3 seconds"),
        (loop_quietly, "ran for more than 0.3 seconds"),
        (print_for_ever, "printed more than 20,000 characters"),
        (leave, "stopped with SystemExit"),
        (fail, "stopped with ZeroDivisionError in line "),
        (change, "changes what it was given"),
        (only_sometimes(), "returns nothing"),
        (lambda x: torch.ones(2, requires_grad=True).numpy(), "detach it first"),
        (lambda: 1, "TypeError"),
        (lambda x: x * float("nan"), "not finite"),
        (lambda x: (2 * x).tolist(), "a tensor was expected"),
        (lambda x: 2 * x.int(), "fractions"),
        (lambda x: 2 * x.unsqueeze(0), "shape"),
        (lambda x: (2 * x).to("meta"), "device"),
        (lambda x: x, "Twice!"),
        (7, "without parentheses"),
        (None, "without parentheses"),
    ],
)
def test_a_bad_answer_gets_a_sentence_and_breaks_nothing(answer, words, capsys):
    start = time.monotonic()
    double(answer)
    assert time.monotonic() - start < 5
    out = capsys.readouterr().out
    assert out.startswith("Exercise 1.1, double: not yet. ") and words in out.replace("\n", " ") and len(out) < 800
    assert judge.load_solved() == []


def test_nothing_returned_is_not_attempted(capsys):
    for blank in (lambda x: None, lambda x: ...):
        double(blank)
        assert capsys.readouterr().out == "Exercise 1.1, double: not attempted yet. First hint: multiply by two.\n"


def test_a_right_answer_is_solved_and_kept_once(capsys):
    for _ in range(2):
        double(lambda x: x + x)
        assert capsys.readouterr().out == "Exercise 1.1, double: solved.\n"
    assert judge.load_solved() == ["1.1"]


def test_the_solution_is_not_kept(capsys):
    double(lambda x: x + x, solution=True)
    assert "the solution passes" in capsys.readouterr().out
    assert judge.load_solved() == []


def test_what_the_function_prints_is_shown_if_it_is_wrong(capsys):
    double(lambda x: print("here I am"))
    assert "Your function printed:\nhere I am" in capsys.readouterr().out


def test_a_long_hint_is_broken_between_words():
    hint = "One sentence of many words. " * 20
    lines = str(judge.Verdict("1.1", "double", judge.NOT_YET, hint)).splitlines()
    assert len(lines) > 4 and max(map(len, lines)) <= 100
    assert " ".join(lines) == f"Exercise 1.1, double: not yet. {hint}".strip()


def test_exit_in_a_notebook_does_not_end_its_kernel():
    exercise_cell = "def flat_size(side):\n    exit()\n\n\nchecks.flat_size(flat_size)"
    sources = ["import time\nfrom mnist_lesson import checks", exercise_cell, "time.sleep(1)", "print(exit)"]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    assert "stopped with SystemExit" in notebook.cells[1].outputs[0].text
    assert "Autocall" in notebook.cells[3].outputs[0].text, "and afterwards exit() is what it was"


def test_the_interrupt_button_still_works():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        double(interrupted)


def test_the_random_numbers_of_the_notebook_stay_as_they_were():
    def draw():
        return torch.rand(1).item(), random.random(), np.random.rand()

    def seed():
        torch.manual_seed(0), random.seed(0), np.random.seed(0)

    seed()
    expected = draw()
    seed()
    double(lambda x: x + torch.rand(1) + np.random.rand())
    assert draw() == expected


def test_a_late_time_limit_does_not_hit_other_code():
    @exercise("1.3", "first", seconds=0.01)
    def just_in_time(answer):
        answer()

    def busy_for_about_the_limit():
        end = time.perf_counter() + random.uniform(0.005, 0.03)  # the watcher may be some milliseconds late
        while time.perf_counter() < end:
            pass
        return 1

    states = {just_in_time.judge(busy_for_about_the_limit).state for _ in range(150)}
    assert states == {judge.SOLVED, judge.NOT_YET}, "the test is meant to end now before and now after the limit"
    end = time.perf_counter() + 0.5  # a watcher that was not told the end would raise here
    while time.perf_counter() < end:
        pass
    assert threading.active_count() < 20, "watchers must end with their function"


def test_gradients_are_on_inside_whatever_the_notebook_does():
    seen = []
    with torch.no_grad():
        double.judge(lambda x: seen.append(torch.is_grad_enabled()) or 2 * x)
    assert all(seen) and torch.is_grad_enabled()


@pytest.mark.parametrize("content", ["", "[1]", '{"solved": 3}', "\x00"])
def test_a_damaged_progress_file_only_costs_the_progress(content, capsys):
    judge.SOLVED_FILE.parent.mkdir()
    judge.SOLVED_FILE.write_text(content, encoding="utf-8")
    double(lambda x: 2 * x)
    out = capsys.readouterr().out
    assert "your progress starts anew" in out and "solved." in out
    assert judge.load_solved() == ["1.1"]


def test_a_folder_that_cannot_be_written_to_only_costs_the_memory(capsys):
    judge.SOLVED_FILE.parent.write_text("a file where the folder should be", encoding="utf-8")
    double(lambda x: 2 * x)
    assert "could not be kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    "found, expected, same",
    [
        (3, 3, True),
        (np.int64(3), 3, True),
        (torch.tensor(3), 3, True),
        (3.0, 3, False),
        (True, 1, False),
        (float("inf"), 3, False),
        (0.5, 0.5, True),
        (torch.tensor(0.5), 0.5, True),
        (torch.tensor([0.5]), 0.5, False),
        (1, 1.0, True),
        ((1, 2), (1, 2), True),
        ([1, 2], (1, 2), True),
        ((1, 2, 3), (1, 2), False),
        (torch.tensor([1]), torch.tensor([1.0]), False),
        (torch.tensor([float("nan")]), torch.tensor([float("nan")]), False),
        (np.ones(2), np.ones(2), True),
        (torch.ones(2), np.ones(2), False),
    ],
)
def test_difference(found, expected, same):
    assert (difference(found, expected) == "") is same


def test_a_value_is_named_in_a_few_words():
    class Broken:
        def __repr__(self):
            raise ValueError

    for value in (Broken(), "x" * 1000, list(range(1000)), torch.rand(1000), np.zeros(0), torch.rand(2, device="meta")):
        assert 0 < len(describe(value)) <= 80


def test_a_checker_may_raise_a_hint_of_its_own():
    @exercise("1.2", "first")
    def strict(answer):
        raise Hint("never")

    assert strict.judge(lambda: 1) == ("1.2", "strict", judge.NOT_YET, "never", "")


def test_a_wrong_tensor_is_told_by_one_of_its_numbers():
    expected = torch.arange(12.0).reshape(3, 4)
    found = expected.clone()
    found[1, 2] = 255
    assert difference(found, expected) == (
        "1 of 12 numbers of the result are wrong: at [1, 2] it should be 6, but is 255"
    )
    assert difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])) == (
        "the result should be the tensor [1.0, 3.0], but is the tensor [1.0, 2.0]"
    )
