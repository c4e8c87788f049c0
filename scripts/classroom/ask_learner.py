"""The judge's side: a learner's function that lives in another process, for the checkers as if it were here.

A checker calls it with the values that it calls any function with. They cross as plain values (wire.py), the learner's
process calls the function and measures what it changes, and here the same values are given what it did to them.
Whatever comes back is read as plain values, too: it can be wrong, but it can do nothing.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn as nn
from messages import TooLarge, Unreadable
from torch.utils.data import DataLoader
from wire import Table, Writer
from wire_networks import apply_effects, build_module, from_the_judge, layer_class
from wire_reading import Reader

from mnist_lesson.checks.compare import Failed, Hint
from mnist_lesson.checks.judge import Guarded
from mnist_lesson.checks.state import changed, snapshot
from mnist_lesson.further.watch import Pass, Step, watch

ENDED = "its Python ended (a crash, or a call that ends it)"
SPARE_SECONDS = 10  # beyond the limit of one call, which the learner's process keeps itself if it can


class PythonLost(Exception):
    """The Python of a submission ended, or is to be ended; the message says why."""


class Question:
    """One question to a learner's process: is this function right? The checker asks it in many calls.

    `send(parts, block)` and `receive(seconds)` reach the process. After a PythonLost, `lost` says why: a checker may
    take it for an error of the learner's.
    """

    def __init__(self, send: Callable, receive: Callable, until: float) -> None:
        self.send, self.receive, self.until = send, receive, until
        self.seconds, self.may_change, self.printed, self.lost = 10.0, (), "", ""

    def __call__(self, *arguments: Any) -> Any:
        """Call the learner's function, and look at nothing but its result."""
        return self.call("function", 0, arguments)[0]

    def call(self, method: str, handle: int, arguments: tuple, look: bool = False, watched: bool = False) -> list:
        """Return the result of a call, the kind of what it changed although it may not, and what was noted.

        Raises Failed (with what the learner's function raised as its cause), Hint and PythonLost.
        """
        table = Table(1)
        writer = Writer(table, from_the_judge)
        settings = {"seconds": self.seconds, "may_change": list(self.may_change), "look": look, "watched": watched}
        raised: list[BaseException] = []
        try:
            self.send(["call", method, handle, writer.each(arguments), settings], bytes(writer.block))
            while True:
                (word, *given), block = self.receive(self.seconds_left())
                reader = Reader(table, memoryview(block), self.outside())
                if word != "callback":
                    break
                self.send(*self.call_back(reader, raised, *given))
            if word in ("ready", "over"):  # so says the process whose copy should have answered
                raise PythonLost(ENDED)
            *given, effects, self.printed = given
            apply_effects(reader, effects)
            return self.read_answer(reader, raised, word, given)
        except Hint:  # what was found out, and no fault of the talk
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, PythonLost) else f"its Python sent {what_is_wrong(error)}"
            self.lost = self.lost or reason
            raise PythonLost(self.lost) from None

    def seconds_left(self) -> float:
        return max(0.0, min(self.seconds + SPARE_SECONDS, self.until - time.monotonic()))

    def read_answer(self, reader: Reader, raised: list, word: str, given: list) -> list:
        if word == "returned":
            node, kind, noted = given
            result = reader.read(node)
            return [result, str(kind), read_notes(reader, noted) if noted else None]
        if word == "hint":
            raise Hint(str(given[0])[:500])
        if word == "failed":
            name, message, line, number = given
            cause = raised[number - 1] if number else error_of(str(name), str(message), int(line))
            raise Failed(first_words(cause)) from cause
        raise PythonLost(str(given[0])[:200] if word == "lost" else f"an answer that is none, {word[:20]!r}")

    def call_back(self, reader: Reader, raised: list, number: int, effects: list, nodes: list) -> tuple[list, bytes]:
        """Call one of the judge's own functions for the learner's process, and return the message for it."""
        apply_effects(reader, effects)
        arguments = reader.each(nodes)
        function = reader.table.values[number]
        if not callable(function) or isinstance(function, nn.Module):
            raise Unreadable("a call of what is no function")
        writer = Writer(reader.table, from_the_judge)
        try:
            return ["returned", writer.write(function(*arguments))], bytes(writer.block)
        except BaseException as error:  # it belongs into the learner's function, which called
            if type(error).__module__ == "builtins" and isinstance(error, Exception):
                return ["raised", type(error).__name__, str(error), 0], b""
            raised.append(error)
            return ["raised", "", "", len(raised)], b""

    def outside(self) -> dict[str, Callable]:
        """Return how to read what stays in the learner's process: networks, loaders, what goes through one."""

        def module(reader, number, handle, name, *parts):
            if type(handle) is not int or handle < 1:  # here, nothing of a learner's network is computed
                raise Unreadable("a network that cannot be asked")
            kind = layer_class(name)
            made = type(kind.__name__, (_Remote, kind), {})
            made = reader.table.keep(number, made.__new__(made))
            build_module(reader, made, parts)
            vars(made).update(learners_handle=handle, question=self)
            return made

        return {
            "module": module,
            "loader": lambda reader, handle: RemoteLoader(self, int(handle)),
            "iterator": lambda reader, handle: RemoteIterator(self, int(handle)),
        }


class _Remote(nn.Module):
    """A network of the learner's process: its weights are here, too, and whoever calls it asks there."""

    def forward(self, *inputs: Any) -> Any:
        modes = [layer.training for layer in self.modules()]
        return self.question.call("forward", self.learners_handle, (list(self.parameters()), modes, *inputs))[0]


class RemoteLoader(DataLoader):
    """A loader of the learner's process."""

    def __init__(self, question: Question, handle: int) -> None:
        self.__dict__.update(question=question, learners_handle=handle)

    def __iter__(self) -> Iterator:
        return self.question.call("iterate", self.learners_handle, ())[0]

    def __repr__(self) -> str:
        return "a DataLoader"


class RemoteIterator:
    """What goes through a loader of the learner's process."""

    def __init__(self, question: Question, handle: int) -> None:
        self.question, self.handle = question, handle

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        try:
            return self.question.call("next", self.handle, ())[0]
        except Failed as failed:
            if isinstance(failed.__cause__, StopIteration):
                raise StopIteration from None
            raise


class RemoteGuard(Guarded):
    """A `Guarded` for a function in another process; `function` is the Question."""

    def __init__(self, function: Question, *settings: Any) -> None:
        super().__init__(function, *settings)
        function.seconds, function.may_change = self.seconds, tuple(self.may_change)

    def call_and_look(self, arguments: tuple) -> tuple[Any, str]:
        return self.watched_call(arguments)[:2]

    def within(self, measuring: Callable, arguments: tuple) -> tuple[Any, Any]:
        assert measuring is watch, "the learner's process can measure with `watch` only"
        result, kind, notes = self.watched_call(arguments, watched=True)
        self.judge_call(result, kind, arguments)
        return result, notes

    def watched_call(self, arguments: tuple, watched: bool = False) -> tuple[Any, str, Any]:
        """Return what `Question.call` does. What the call has changed is looked for here, too."""
        before = snapshot(arguments)
        result, kind, notes = self.use(lambda: self.function.call("function", 0, arguments, look=True, watched=watched))
        return result, kind or changed(before, arguments, self.may_change), notes

    def use(self, function: Callable, *arguments: Any) -> Any:
        """Call what asks the learner's process, or what was returned from there."""
        try:
            return function(*arguments)
        except Failed as failed:
            cause = failed.__cause__
            line = getattr(cause, "line", 0)
            raise Failed(self.explain(type(cause).__name__, first_words(cause), line)) from cause
        except (Hint, PythonLost):
            raise
        except Exception as error:  # what came back does not do what it should
            raise Failed(self.explain(type(error).__name__, first_words(error), 0)) from error
        finally:
            self.output.seek(0)
            self.output.truncate()
            self.output.write(str(self.function.printed)[:10_000])


def what_is_wrong(error: Exception) -> str:
    if isinstance(error, Unreadable | TooLarge):
        return str(error)
    return f"what does not fit ({type(error).__name__})"


def first_words(error: BaseException) -> str:
    return str(error)[:2000]


def error_of(name: str, message: str, line: int) -> BaseException:
    """Return an exception like the one in the learner's process, also of the same class if it is one of Python's own."""
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, UnicodeError | ExceptionGroup):
        kind = Exception
    error = type(name[:80] or "Exception", (kind,), {"__str__": lambda self: message})()
    error.line = line
    return error


def read_notes(reader: Reader, noted: list) -> SimpleNamespace:
    """Return what `watch` has noted in the learner's process."""
    passes, start, steps, most_records = noted
    passes = [Pass(*reader.each(one)) for one in passes]
    for one in passes:
        sizes_fit = isinstance(one.logits, torch.Tensor) and isinstance(one.places, torch.Tensor)
        if not sizes_fit or not isinstance(one.model, nn.Module) or type(one.steps) is not int:
            raise Unreadable("a note on a pass that is none")
    start = {reader.read(model): reader.each(weights) for model, weights in start}
    made = []
    for place, numbers, held in steps:
        weights = frozenset(id(reader.table.values[number]) for number in held if number)
        made.append(Step(passes[place] if place >= 0 else None, *reader.each(numbers), weights))
    notes = SimpleNamespace(start=start, passes=passes, steps=made, most_records=int(most_records))
    notes.table = reader.table  # as long as it lives, no other weight can get one of these ids
    return notes
