"""The learner's side: call the learner's function as the judge asks, and say what came back and what it did.

This module is read anew after the learner's cells have run, so that none of them has changed it. It computes no
verdict and knows no right answer. What it says is taken for what it is: a learner's process can say anything.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, BinaryIO

import messages
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from wire import Table, Writer
from wire_networks import describe_module, describe_optimizer, read_from_judge
from wire_reading import Reader

from mnist_lesson.checks.compare import Failed, Hint
from mnist_lesson.checks.judge import Guarded, LimitedOutput, check_function, line_of
from mnist_lesson.results import History


class RaisedByJudge(BaseException):
    """Goes through the learner's function, and back to the judge, where its cause is. No `except Exception` gets it."""


class Answering:
    """Answers the questions about one function until the judge has no more."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO, function: Any) -> None:
        self.requests, self.answers, self.function = requests, answers, function
        self.output = LimitedOutput()
        self.handles: dict[int, Any] = {}  # what the judge may call: networks, loaders, iterators
        self.table, self.block = Table(-1), memoryview(b"")

    def answer_all(self, seed: int) -> None:
        """Answer until the judge says that this is the end."""
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        while True:
            (word, *given), block = messages.receive(self.requests)
            if word == "end":
                return
            self.answer(block, *given)

    def answer(self, block: bytes, method: str, handle: int, nodes: list, settings: dict) -> None:
        """Call what was asked for, and send what came of it."""
        self.table = Table(-1)  # each call has numbers of its own
        reader = self.reader(block)
        arguments = tuple(map(reader.read, nodes))
        function = METHODS[method](self.handles[handle]) if handle else self.function
        writer = self.writer()
        try:
            parts = self.call(function, arguments, **settings)
        except Failed as failed:
            parts = self.failure(failed.__cause__)
        except Hint as hint:
            parts = ["hint", str(hint)]
        except BaseException as error:  # KeyboardInterrupt, which the learner's function may raise
            parts = ["lost", f"it was interrupted by {type(error).__name__}"]
        try:
            effects = self.effects(writer)
            if parts[0] == "returned":
                result, kind, notes = parts[1:]
                parts = ["returned", writer.write(result), kind, describe_notes(writer, notes) if notes else None]
            messages.send(self.answers, [*parts, effects, self.output.shown()], bytes(writer.block))
        except messages.TooLarge as error:
            hint = f"Your function returns or makes what cannot be used here: {error}."
            messages.send(self.answers, ["hint", hint, [], ""])

    def call(self, function: Callable, arguments: tuple, seconds: float, may_change: list, look: bool, watched: bool):
        """Call the learner's function as a notebook's checker would, and measure what it changes."""
        check_function(function)
        guard = Guarded(function, self.output, {}, seconds, may_change)
        if watched:
            from mnist_lesson.further.watch import watch
        with torch.inference_mode(False), torch.enable_grad():
            with watch(arguments) if watched else contextlib.nullcontext() as notes:
                if look:
                    return ["returned", *guard.call_and_look(arguments), notes]
                return ["returned", guard.use(function, *arguments), "", notes]

    def failure(self, error: BaseException) -> list:
        """Return what the judge has to know of an exception in the learner's function."""
        number = error.args[0] if isinstance(error, RaisedByJudge) else 0
        message = "" if number else shown_message(error)
        return ["failed", type(error).__name__, message, line_of(error, self.function), number]

    def effects(self, writer: Writer) -> list:
        """Return what each value that both sides know is now."""
        found = []
        for number, value in list(self.table.values.items()):
            if isinstance(value, torch.Tensor | np.ndarray | list | dict | nn.Module | torch.optim.Optimizer | History):
                found.append([number, writer.describe(value)])
        return found

    def reader(self, block: bytes) -> Reader:
        return Reader(self.table, memoryview(block), read_from_judge(self.handles, self.callback))

    def writer(self) -> Writer:
        return Writer(self.table, self.outside)

    def outside(self, writer: Writer, value: Any) -> list | None:
        """Take apart what the judge cannot have itself: a network, a loader, what goes through one."""
        if isinstance(value, nn.Module):
            return describe_module(writer, value, self.keep(value))
        if isinstance(value, torch.optim.Optimizer):
            return describe_optimizer(writer, value) if id(value) in self.table.numbers else None
        if isinstance(value, DataLoader):
            return ["loader", self.keep(value)]
        if hasattr(type(value), "__next__") and type(value).__module__.startswith("torch."):
            return ["iterator", self.keep(value)]
        return None

    def keep(self, value: Any) -> int:
        self.handles[len(self.handles) + 1] = value
        return len(self.handles)

    def callback(self, number: int, name: str) -> Callable:
        """Return a function that asks the judge."""

        def ask(*arguments):
            writer = self.writer()
            parts = ["callback", number, self.effects(writer), writer.each(arguments)]
            messages.send(self.answers, parts, bytes(writer.block))
            (word, *given), block = messages.receive(self.requests)
            if word == "raised":
                name, message, place = given
                raise RaisedByJudge(place) if place else getattr(__import__("builtins"), name)(message)
            return self.reader(block).read(given[0])

        ask.__name__ = ask.__qualname__ = name
        return ask


def shown_message(error: BaseException) -> str:
    try:
        return str(error).strip()[:2000]
    except BaseException:  # a learner's own class may have a broken one
        return ""


def forward(model: nn.Module) -> Callable:
    """Return a function that calls a network with the weights and the modes that it has on the judge's side."""

    def call(weights, modes, *inputs):
        with torch.no_grad():
            for own, given in zip(model.parameters(), weights):
                own.copy_(given)
        for layer, is_training in zip(model.modules(), modes):
            layer.training = is_training
        return model(*inputs)

    return call


# What the judge may ask of a network, of a loader, and of what goes through one.
METHODS = {
    "forward": forward,
    "iterate": lambda loader: lambda: iter(loader),
    "next": lambda iterator: lambda: next(iterator),
}


def describe_notes(writer: Writer, notes: SimpleNamespace) -> list:
    """Return what `watch` has noted: passes, steps, the weights at the start, and the most records in memory."""
    places = {id(one): place for place, one in enumerate(notes.passes)}
    passes = [
        [*map(writer.write, (one.model, one.steps, one.places, one.scale, one.shift, one.logits, one.modes))]
        for one in notes.passes
    ]
    start = [[writer.write(model), writer.each(weights)] for model, weights in notes.start.items()]
    steps = [
        [
            places.get(id(step.trained), -1),
            [*map(writer.write, step[1:-1])],
            [writer.table.numbers.get(one, 0) for one in step.held],
        ]
        for step in notes.steps
    ]
    return [passes, start, steps, notes.most_records]
