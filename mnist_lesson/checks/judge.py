"""How an answer to an exercise is judged: the machinery behind the checkers.

A checker calls the learner's function and raises `Hint` if something is wrong. Everything else is done
here: whatever the function does (an exception, no end, output without end, a change of its inputs), the
notebook goes on, and the learner gets one sentence.
"""

import contextlib
import ctypes
import functools
import io
import json
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from mnist_lesson.checks.box import DONE, OPEN, TRY_AGAIN, show_box
from mnist_lesson.checks.compare import CheckerFault, Failed, Hint, describe
from mnist_lesson.checks.state import KINDS, changed, snapshot
from mnist_lesson.files import write_whole
from mnist_lesson.results import RUNS_DIR

MOST_OUTPUT = 20_000  # characters; more is taken for output without end

SOLVED, NOT_YET, NOT_ATTEMPTED = "solved", "not yet", "not attempted"
LOOKS = {SOLVED: DONE, NOT_YET: TRY_AGAIN, NOT_ATTEMPTED: OPEN}
SOLVED_FILE = RUNS_DIR / "exercises.json"  # which exercises the learner has solved

# Each verdict takes the seed of its random numbers from here: other ones each time, unless a test sets the variable.
SEEDS = random.Random(os.environ.get("MNIST_LESSON_SEED"))


class NotAttempted(Exception):
    """The function returned nothing, as a blank stub does."""


class Stopped(SystemExit):
    """Ends a function that would not end by itself. No `except Exception` of a learner catches it.

    It is a SystemExit, since `threading` passes over one in silence if it comes after the function has ended.
    """


class Verdict(NamedTuple):
    """What came out: `state` is one of SOLVED, NOT_YET and NOT_ATTEMPTED, `hint` is empty if solved."""

    number: str
    name: str
    state: str
    hint: str
    printed: str = ""

    @property
    def headline(self) -> str:
        return f"Exercise {self.number}, {self.name}: {self.state}{' yet' if self.state == NOT_ATTEMPTED else ''}."


def judge(
    check: Callable,
    function: Any,
    number: str,
    name: str,
    first_hint: str,
    errors: dict[str, str],
    seconds: float,
    may_change: Iterable[str],
    guard: Callable | None = None,
) -> Verdict:
    """Let a checker try a learner's function, and return a verdict whatever happens.

    `errors` gives the hint for an exception, by words of its message. `seconds` is the limit of one call.
    `may_change` names what the function may change of its arguments, by the kinds of `state.KINDS`.
    `guard` makes what the checker calls, a `Guarded` unless the function lives in another process.
    Only CheckerFault and KeyboardInterrupt are raised.
    """
    output = LimitedOutput()

    def not_yet(hint: object) -> Verdict:
        return Verdict(number, name, NOT_YET, str(hint), output.shown())

    try:
        check_function(function)
        with _random_numbers_of_its_own(), _one_core(), torch.inference_mode(False), torch.enable_grad():
            check((guard or Guarded)(function, output, errors, seconds, may_change))
        return Verdict(number, name, SOLVED, "")
    except NotAttempted:
        return Verdict(number, name, NOT_ATTEMPTED, f"First hint: {first_hint}", output.shown())
    except Hint as hint:
        return not_yet(hint)
    except (CheckerFault, KeyboardInterrupt):
        raise
    except BaseException as error:  # what came back may do anything when it is looked at
        return not_yet(
            f"What your function returns cannot be used here: it stops with {type(error).__name__}: "
            f"{first_line(message_of(error))}"
        )


def check_function(function: Any) -> None:
    """Raise Hint unless this is a function."""
    if not callable(function) or isinstance(function, type):
        raise Hint(
            f"Expected your function, found {describe(function)}: hand over its name alone, without parentheses."
        )


class Guarded:
    """A learner's function that can be called without danger: whatever goes wrong becomes a Hint."""

    def __init__(
        self, function: Callable, output: "LimitedOutput", errors: dict, seconds: float, may_change: Iterable[str]
    ) -> None:
        self.function, self.output, self.errors, self.seconds = function, output, errors, seconds
        self.may_change = may_change
        self.has_returned = False  # anything but None

    def __call__(self, *arguments: Any) -> Any:
        result, kind = self.call_and_look(arguments)
        return self.judge_call(result, kind, arguments)

    def judge_call(self, result: Any, kind: str, arguments: tuple) -> Any:
        """Return the result of a call, or raise Hint or NotAttempted if there is none, or if it changed too much."""
        if kind:
            way = "compute a new value, or work on a copy" if kind == "input" else "leave it as it was"
            raise Hint(f"Your function changes {KINDS[kind]}, and the caller would be surprised: {way}.")
        if result is None or result is ...:
            if not self.has_returned:
                raise NotAttempted
            raise Hint(
                f"For {describe(arguments)} your function returns nothing: each way through it needs a `return`."
            )
        self.has_returned = True
        return result

    def call_and_look(self, arguments: tuple) -> tuple[Any, str]:
        """Return the result of a call, and the kind of what it changed although it may not, or ""."""
        before = snapshot(arguments)
        result = self.use(self.function, *arguments)
        return result, changed(before, arguments, self.may_change)

    def within(self, measuring: Callable, arguments: tuple) -> tuple[Any, Any]:
        """Call within the block of `measuring(arguments)`, and return the result and what the block has yielded."""
        with measuring(arguments) as measured:
            return self(*arguments), measured

    def use(self, function: Callable, *arguments: Any) -> Any:
        """Call what runs code of the learner, such as a network that came back, as safely as the function itself.

        Raises Failed if it stops with an error, and Hint if it does not end.
        """
        try:
            out, err = contextlib.redirect_stdout(self.output), contextlib.redirect_stderr(self.output)
            with out, err, _exit_that_can_be_caught(self.function):
                return _call_with_limit(function, arguments, self.seconds)
        except Stopped as reason:
            raise Hint(f"Your function was stopped, because it {reason}: does each of its loops end?") from None
        except KeyboardInterrupt:  # the learner pressed the button
            raise
        except BaseException as error:  # a learner may also write exit()
            raise Failed(self._explain(error)) from error

    def _explain(self, error: BaseException) -> str:
        """Turn an exception in the learner's function into a hint, with the line where it happened."""
        return self.explain(type(error).__name__, message_of(error), line_of(error, self.function))

    def explain(self, name: str, message: str, line: int) -> str:
        """Return the hint for an exception of this class, with this message, at this line of the function, or 0."""
        for words, hint in self.errors.items():
            if words in message:
                return hint
        place = f" in line {line} of its cell" if line else ""
        return f"Your function stopped with {name}{place}: {first_line(message)}"


def message_of(error: BaseException) -> str:
    try:
        return str(error).strip()
    except Exception:  # a learner's own class may have a broken one
        return ""


def first_line(message: str) -> str:
    return (message.splitlines() or ["no message"])[0]


def line_of(error: BaseException, function: Any) -> int:
    """Return the last line of a function that an exception came through, or 0."""
    line, trace, code = 0, error.__traceback__, getattr(function, "__code__", None)
    while trace:
        if trace.tb_frame.f_code is code:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class LimitedOutput(io.StringIO):
    """Collects what a learner's function prints, and ends it if it prints without end."""

    def write(self, text: str) -> int:
        if self.tell() + len(text) > MOST_OUTPUT:
            raise Stopped(f"printed more than {MOST_OUTPUT:,} characters")
        return super().write(text)

    def shown(self) -> str:
        text = self.getvalue().strip()
        return text if len(text) <= 400 else f"{text[:400]} ... and so on"


def _call_with_limit(function: Callable, arguments: tuple, seconds: float) -> Any:
    """Call a function in a thread of its own, and raise `Stopped` if it is not done in time.

    The function is ended too, on every system, also where there are no signals. Nothing is ever thrown into the
    thread that waits: an exception there could hit any code.
    """
    outcome, begun, done = {}, threading.Event(), threading.Event()

    def work() -> None:
        try:
            begun.set()
            with torch.enable_grad():  # a setting of the thread
                outcome["result"] = function(*arguments)
        except BaseException as error:  # it is raised in the thread that waits
            outcome["error"] = error
        done.set()

    # `done` is waited for and not the thread: a `join` that is interrupted takes the thread for ended.
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        begun.wait()
        end = time.monotonic() + seconds
        while not outcome and time.monotonic() < end:
            done.wait(min(0.2, max(0, end - time.monotonic())))  # in pieces: Windows sees Ctrl-C only in between
        is_late = not outcome
    except KeyboardInterrupt:
        _end(worker, outcome, done, patience=2)  # whoever pressed the button does not wait for a long sleep to end
        raise
    _end(worker, outcome, done)
    worker.join()
    if is_late:
        raise Stopped(f"ran for more than {seconds:g} seconds")
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def _end(worker: threading.Thread, outcome: dict, done: threading.Event, patience: float = math.inf) -> None:
    """Throw `Stopped` into a thread until its function has ended; the function may catch it now and then."""
    end, put = time.monotonic() + patience, ctypes.pythonapi.PyThreadState_SetAsyncExc
    while not outcome and time.monotonic() < end and put(ctypes.c_ulong(worker.ident), ctypes.py_object(Stopped)):
        done.wait(0.2)


@contextlib.contextmanager
def _exit_that_can_be_caught(function: Callable) -> Iterator[None]:
    """Let `exit()` and `quit()` raise SystemExit, as in a script; in a notebook they end the kernel."""
    names = getattr(function, "__globals__", {})
    of_the_notebook = {name: names[name] for name in ("exit", "quit") if hasattr(names.get(name), "_ip")}
    names.update(dict.fromkeys(of_the_notebook, sys.exit))
    try:
        yield
    finally:
        names.update(of_the_notebook)


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Let PyTorch compute on one core: for such small work others only cost time, and most from a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _random_numbers_of_its_own() -> Iterator[None]:
    """Draw random numbers from the next seed of SEEDS, and leave those of the notebook as they were."""
    states, seed = (random.getstate(), np.random.get_state()), SEEDS.getrandbits(32)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def exercise(
    number: str,
    first_hint: str,
    errors: dict[str, str] | None = None,
    seconds: float = 10,
    may_change: Iterable[str] = (),
) -> Callable:
    """Make a checker of a function that takes a learner's function and raises Hint if it is wrong.

    The checker is called with the learner's function, shows the verdict and keeps what was solved.
    `checker.judge(function)` returns the verdict instead, and keeps nothing. The arguments are those of `judge`.
    """

    def decorate(check: Callable) -> Callable:
        name = check.__name__

        def judged(function: Any, guard: Callable | None = None) -> Verdict:
            return judge(check, function, number, name, first_hint, errors or {}, seconds, may_change, guard)

        @functools.wraps(check)
        def checker(function: Any, solution: bool = False) -> None:
            verdict = judged(function)
            if solution and verdict.state == SOLVED:
                show_box(DONE, f"Exercise {number}, {name}: the solution passes.")
                return
            show_box(LOOKS[verdict.state], verdict.headline, verdict.hint, verdict.printed)
            if verdict.state == SOLVED:
                keep_solved(number)

        checker.number, checker.judge = number, judged
        return checker

    return decorate


def load_solved() -> list[str]:
    """Return the numbers of the exercises that were solved so far, such as "4.2"."""
    try:
        solved = json.loads(SOLVED_FILE.read_text(encoding="utf-8"))["solved"]
        return [number for number in solved if isinstance(number, str)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{SOLVED_FILE.name} could not be read ({type(error).__name__}): your progress starts anew.")
        return []


def keep_solved(number: str) -> None:
    """Remember that an exercise was solved; a folder that cannot be written to only costs the memory."""
    solved = load_solved()
    if number in solved:
        return
    try:
        SOLVED_FILE.parent.mkdir(parents=True, exist_ok=True)
        write_whole(SOLVED_FILE, json.dumps({"solved": [*solved, number]}) + "\n")
    except OSError as error:
        print(f"Your progress could not be kept ({error.strerror}): is {SOLVED_FILE.parent} writable?")
