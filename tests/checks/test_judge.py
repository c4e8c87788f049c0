"""Judging: whatever a learner's function does, the notebook goes on and the learner gets one sentence."""

import _thread
import random
import sys
import threading
import time

import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from torch import nn
from verdicts import own_progress  # noqa: F401 (a fixture)

from mnist_lesson.checks import judge
from mnist_lesson.checks.compare import CheckerFault, Hint, compare, difference
from mnist_lesson.checks.judge import exercise


@exercise("1.1", "multiply by two.", errors={"requires grad": "detach it first."}, seconds=0.3)
def double(answer):
    def draw():
        return [(torch.rand(random.randint(2, 5)),) for _ in range(3)]

    compare(answer, draw, lambda x: 2 * x, [(lambda x: x, "Twice!")])


def loop(x):
    while True:
        try:
            len([])
        except BaseException:
            pass


def loop_quietly(x):
    while True:
        pass


def return_too_late(x):
    try:
        loop_quietly(x)
    except BaseException:
        return 2 * x


def print_for_ever(x):
    while True:
        print("x" * 100)


def leave(x):
    raise SystemExit


def fail(x):
    return 1 / 0


def fail_without_a_message(x):
    class Odd(Exception):
        def __str__(self):
            raise ValueError

    raise Odd


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
        (return_too_late, "it ran for more than 0.3 seconds: does each"),
        (print_for_ever, "printed more than 20,000 characters"),
        (leave, "stopped with SystemExit"),
        (fail, "stopped with ZeroDivisionError in line "),
        (fail_without_a_message, "stopped with Odd in line "),
        (change, "changes what it was given"),
        (only_sometimes(), "returns nothing"),
        (lambda x: torch.ones(2, requires_grad=True).numpy(), "detach it first"),
        (lambda: 1, "TypeError"),
        (lambda x: x * float("nan"), "not finite"),
        (lambda x: (2 * x).tolist(), "a tensor was expected"),
        (lambda x: 2 * x.int(), "the result should be"),
        (lambda x: 2 * x.unsqueeze(0), "shape"),
        (lambda x: (2 * x).to("meta"), "device"),
        (lambda x: x, "Twice!"),
        (7, "without parentheses"),
        (None, "without parentheses"),
    ],
)
def test_a_bad_answer_gets_a_sentence_and_breaks_nothing(answer, words, capsys):
    double(answer)
    out = capsys.readouterr().out
    assert out.startswith("Exercise 1.1, double: not yet. ") and words in out.replace("\n", " ") and len(out) < 800
    assert judge.load_solved() == []


def test_nothing_returned_is_not_attempted(capsys):
    for blank in (lambda x: None, lambda x: ...):
        double(blank)
        assert capsys.readouterr().out == "Exercise 1.1, double: not attempted yet. First hint: multiply by two.\n"


def test_a_right_answer_is_solved_and_kept_once(capsys):
    for answer in (lambda x: x + x, lambda x: 2 * x.double()):  # the type of its numbers does not matter
        double(answer)
        assert capsys.readouterr().out == "Exercise 1.1, double: solved.\n"
    assert judge.load_solved() == ["1.1"]


def test_the_solution_is_not_kept(capsys):
    double(lambda x: x + x, solution=True)
    assert "the solution passes" in capsys.readouterr().out
    assert judge.load_solved() == []


def test_what_the_function_prints_is_shown_if_it_is_wrong(capsys):
    double(lambda x: print("here I am"))
    assert "Your function printed:\nhere I am" in capsys.readouterr().out


def test_exit_in_a_notebook_does_not_end_its_kernel():
    exercise_cell = "def flat_size(side):\n    exit()\n\n\nchecks.flat_size(flat_size)"
    sources = ["import time\nfrom mnist_lesson import checks", exercise_cell, "time.sleep(0.3)", "print(exit)"]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    assert "stopped with SystemExit" in notebook.cells[1].outputs[0].data["text/plain"]
    assert "Autocall" in notebook.cells[3].outputs[0].text, "and afterwards exit() is what it was"


def test_an_interrupt_inside_of_the_function_goes_on():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        double(interrupted)


def test_the_interrupt_button_ends_the_function_and_goes_on():
    @exercise("1.4", "first", seconds=60)
    def patient(answer):
        answer()

    ended = threading.Event()

    def waits():
        threading.Timer(0.2, _thread.interrupt_main).start()
        try:
            while True:
                time.sleep(0.01)
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        patient.judge(waits)
    assert ended.is_set(), "the function must not run on"


def test_pytorch_computes_on_as_many_cores_as_before():
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        double.judge(lambda x: seen.append(torch.get_num_threads()) or 2 * x)
        double.judge(fail)
        assert set(seen) == {1} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


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


def test_a_late_time_limit_does_not_hit_other_code(monkeypatch):
    """Hundreds of calls that end within a blink before or after the limit: whichever comes first, all goes on."""

    @exercise("1.3", "first", seconds=0.001)
    def just_in_time(answer):
        answer()

    def busy_for(seconds):
        def busy():
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass
            return 1

        return busy

    before, interval = set(threading.enumerate()), sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # or a thread of Python may wait five times as long as the limit for its turn
    try:
        states = {just_in_time.judge(busy_for(random.uniform(0, 0.003))).state for _ in range(700)}
        late = just_in_time.judge(busy_for(3)).state
    finally:
        sys.setswitchinterval(interval)
    assert late == judge.NOT_YET and states <= {judge.SOLVED, judge.NOT_YET}
    assert set(threading.enumerate()) <= before, "each thread must end with its function"


def test_the_time_limit_counts_for_what_comes_back_too():
    class Endless(nn.Module):
        def forward(self, x):
            while True:
                pass

    @exercise("1.5", "first", seconds=0.2)
    def look(answer):
        answer.use(answer(), 1)

    assert "ran for more than 0.2 seconds" in look.judge(lambda: Endless()).hint
    assert look.judge(lambda: nn.Identity()).state == judge.SOLVED


def test_an_error_is_named_with_its_line_though_it_came_from_another_thread():
    def first_line(x):
        number = 0
        return 1 / number

    line = first_line.__code__.co_firstlineno + 2
    assert f"in line {line} of its cell" in double.judge(first_line).hint


def test_gradients_are_on_inside_whatever_the_notebook_does():
    seen = []
    with torch.no_grad():
        double.judge(lambda x: seen.append(torch.is_grad_enabled()) or 2 * x)
    assert all(seen) and torch.is_grad_enabled()


def test_a_checker_may_use_gradients_whatever_the_notebook_does():
    @exercise("1.6", "first")
    def slope(answer):
        x = torch.ones(1, requires_grad=True)
        (2 * x).backward()
        if difference(answer(), x.grad):
            raise Hint("no")

    with torch.no_grad():
        assert slope.judge(lambda: torch.full((1,), 2.0)).state == judge.SOLVED


def test_a_seed_gives_the_same_verdict_and_the_next_one_another():
    drawn = []

    def look(x):
        drawn.append((x.tolist(), torch.rand(1).item(), random.random(), np.random.rand()))
        return 2 * x

    for seed in ("one", "one", "two"):
        judge.SEEDS.seed(seed)
        double.judge(look)
        torch.rand(1), random.random(), np.random.rand()  # where the notebook's generators stand does not matter
    first, again, other = drawn[:3], drawn[3:6], drawn[6:]
    assert first == again
    assert all(a != b for numbers in zip(first, other) for a, b in zip(*numbers))


def test_an_error_of_the_checker_is_not_blamed_on_the_learner():
    @exercise("1.7", "first")
    def faulty(answer):
        compare(answer, lambda: [(1,)], lambda x: x, [(lambda x: x, "never told apart")])

    with pytest.raises(CheckerFault):
        faulty.judge(lambda x: x)


def test_what_comes_back_may_fail_when_it_is_looked_at():
    class Odd:
        def __len__(self):
            raise RuntimeError("no length")

    @exercise("1.8", "first")
    def look(answer):
        len(answer())

    verdict = look.judge(lambda: Odd())
    assert verdict.state == judge.NOT_YET and "stops with RuntimeError: no length" in verdict.hint


def test_what_an_exercise_may_change_is_named():
    @exercise("1.9", "first", may_change=("mode",))
    def trial(answer):
        answer(nn.Linear(2, 2))

    assert trial.judge(lambda model: model.eval()).state == judge.SOLVED
    verdict = trial.judge(lambda model: nn.init.zeros_(model.weight))
    assert "changes the weights of the model" in verdict.hint


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


def test_a_checker_may_raise_a_hint_of_its_own():
    @exercise("1.2", "first")
    def strict(answer):
        raise Hint("never")

    assert strict.judge(lambda: 1) == ("1.2", "strict", judge.NOT_YET, "never", "")
