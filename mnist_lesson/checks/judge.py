"""How an answer to an exercise is judged: the machinery behind `checks.py`.

A checker calls the learner's function and raises `Hint` if something is wrong. Everything else is done
here: whatever the function does (an exception, no end, output without end, a change of its inputs), the
notebook goes on, and the learner gets one sentence.
"""

import contextlib
import copy
import ctypes
import functools
import io
import json
import random
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from mnist_lesson.checks.compare import Hint, describe
from mnist_lesson.results import RUNS_DIR

MOST_OUTPUT = 20_000  # characters; more is taken for output without end

SOLVED, NOT_YET, NOT_ATTEMPTED = "solved", "not yet", "not attempted"
SOLVED_FILE = RUNS_DIR / "exercises.json"  # which exercises the learner has solved


class NotAttempted(Exception):
    """The function returned nothing, as a blank stub does."""


class Stopped(BaseException):
    """Ends a function that would not end by itself. No `except Exception` of a learner catches it."""


class Verdict(NamedTuple):
    """What came out: `state` is one of SOLVED, NOT_YET and NOT_ATTEMPTED, `hint` is empty if solved."""

    number: str
    name: str
    state: str
    hint: str
    printed: str = ""

    def __str__(self) -> str:
        label = f"Exercise {self.number}, {self.name}: {self.state}"
        if self.state == SOLVED:
            return f"{label}."
        sentences = f"{label}{' yet' if self.state == NOT_ATTEMPTED else ''}. {self.hint}"
        shown = f"\nYour function printed:\n{self.printed}" if self.printed else ""
        # Jupyter breaks long lines in the middle of a word.
        return textwrap.fill(sentences, 100, break_long_words=False, break_on_hyphens=False) + shown


def judge(
    check: Callable, function: Any, number: str, name: str, first_hint: str, errors: dict, seconds: float
) -> Verdict:
    """Let a checker try a learner's function, and return a verdict whatever happens.

    `errors` gives the hint for an exception, by words of its message. `seconds` is the limit of one call.
    """
    output = _LimitedOutput()
    try:
        if not callable(function) or isinstance(function, type):
            raise Hint(
                f"Expected your function, found {describe(function)}: hand over its name alone, without parentheses."
            )
        with _random_numbers_of_its_own():
            check(_Guarded(function, output, errors, seconds))
        return Verdict(number, name, SOLVED, "")
    except NotAttempted:
        return Verdict(number, name, NOT_ATTEMPTED, f"First hint: {first_hint}", output.shown())
    except Hint as hint:
        return Verdict(number, name, NOT_YET, str(hint), output.shown())


class _Guarded:
    """A learner's function that can be called without danger: whatever goes wrong becomes a Hint."""

    def __init__(self, function: Callable, output: "_LimitedOutput", errors: dict, seconds: float) -> None:
        self.function, self.output, self.errors, self.seconds = function, output, errors, seconds
        self.has_returned = False  # anything but None

    def __call__(self, *arguments: Any) -> Any:
        before = [_copied(argument) for argument in arguments]
        try:
            out, err = contextlib.redirect_stdout(self.output), contextlib.redirect_stderr(self.output)
            with out, err, torch.enable_grad(), _exit_that_can_be_caught(self.function):
                result = _call_with_limit(self.function, arguments, self.seconds)
        except Stopped as reason:
            raise Hint(f"Your function was stopped, because it {reason}: does each of its loops end?") from None
        except KeyboardInterrupt:  # the learner pressed the button
            raise
        except BaseException as error:  # a learner may also write exit()
            raise Hint(self._explain(error)) from error
        if not all(_is_unchanged(old, new) for old, new in zip(before, arguments)):
            raise Hint(
                "Your function changes what it was given, and the caller would be surprised: compute a new value, "
                "or work on a copy."
            )
        if result is None or result is ...:
            if not self.has_returned:
                raise NotAttempted
            raise Hint(
                f"For {describe(arguments)} your function returns nothing: each way through it needs a `return`."
            )
        self.has_returned = True
        return result

    def _explain(self, error: BaseException) -> str:
        """Turn an exception in the learner's function into a hint, with the line where it happened."""
        message = str(error).strip().splitlines()
        for words, hint in self.errors.items():
            if words in str(error):
                return hint
        line, trace = "", error.__traceback__
        code = getattr(self.function, "__code__", None)
        while trace:
            if trace.tb_frame.f_code is code:
                line = f" in line {trace.tb_lineno} of its cell"
            trace = trace.tb_next
        return f"Your function stopped with {type(error).__name__}{line}: {message[0] if message else 'no message'}"


class _LimitedOutput(io.StringIO):
    """Collects what a learner's function prints, and ends it if it prints without end."""

    def write(self, text: str) -> int:
        if self.tell() + len(text) > MOST_OUTPUT:
            raise Stopped(f"printed more than {MOST_OUTPUT:,} characters")
        return super().write(text)

    def shown(self) -> str:
        text = self.getvalue().strip()
        return text if len(text) <= 400 else f"{text[:400]} ... and so on"


def _call_with_limit(function: Callable, arguments: tuple, seconds: float) -> Any:
    """Call a function, and raise `Stopped` inside it when the time is over.

    A second thread puts the exception into this one, and again every now and then, in case it was caught.
    This works on every system, also where there are no signals.
    """
    thread, over, lock = threading.get_ident(), threading.Event(), threading.Lock()
    put = ctypes.pythonapi.PyThreadState_SetAsyncExc
    reason = type("Stopped", (Stopped,), {"__str__": lambda self: f"ran for more than {seconds:g} seconds"})

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            with lock:
                if not over.is_set():
                    put(ctypes.c_ulong(thread), ctypes.py_object(reason))
            wait = 0.2

    threading.Thread(target=watch, daemon=True).start()
    try:
        return function(*arguments)
    finally:
        is_told = False
        while not is_told:
            try:
                with lock:
                    over.set()
                    put(ctypes.c_ulong(thread), None)  # one that is on its way would hit other code
                is_told = True
            except Stopped:  # it came between the end of the function and this line
                pass


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
def _random_numbers_of_its_own() -> Iterator[None]:
    """Draw other random numbers each time, and leave those of the notebook as they were."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.seed()
        random.seed()
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _copied(value: Any) -> Any:
    """Copy what a function could change by accident; networks and optimizers are there to be changed."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return copy.deepcopy(value) if isinstance(value, np.ndarray | list | dict) else value


def _is_unchanged(old: Any, new: Any) -> bool:
    if isinstance(old, torch.Tensor):
        return old.shape == new.shape and (old.is_meta or torch.equal(old, new))
    if isinstance(old, np.ndarray):
        return old.shape == new.shape and np.array_equal(old, new)
    return str(old) == str(new) if isinstance(old, list | dict) else True


def exercise(number: str, first_hint: str, errors: dict[str, str] | None = None, seconds: float = 10) -> Callable:
    """Make a checker of a function that takes a learner's function and raises Hint if it is wrong.

    The checker is called with the learner's function, prints the verdict and keeps what was solved.
    `checker.judge(function)` returns the verdict instead, and keeps nothing.
    """

    def decorate(check: Callable) -> Callable:
        name = check.__name__

        def judged(function: Any) -> Verdict:
            return judge(check, function, number, name, first_hint, errors or {}, seconds)

        @functools.wraps(check)
        def checker(function: Any, solution: bool = False) -> None:
            verdict = judged(function)
            if solution and verdict.state == SOLVED:
                print(f"Exercise {number}, {name}: the solution passes.")
                return
            print(verdict)
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
    part = SOLVED_FILE.with_suffix(".part")
    try:
        SOLVED_FILE.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"solved": [*solved, number]}) + "\n", encoding="utf-8")
        part.replace(SOLVED_FILE)
    except OSError as error:
        print(f"Your progress could not be kept ({error.strerror}): is {SOLVED_FILE.parent} writable?")
