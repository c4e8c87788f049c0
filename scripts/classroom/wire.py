"""Plain values as they cross between the judge and a learner's process: numbers, texts, lists, tensors as bytes.

What can be changed (a list, a tensor, a network) has a number, which both sides use for it: so the judge learns that
a result is one of the arguments, and what the learner's function did to them. This module takes values apart,
wire_reading.py puts them together; networks and loaders: wire_networks.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from messages import LARGEST, TooLarge, Unreadable

from mnist_lesson.results import History

DEEPEST = 40  # lists within lists; deeper ones become a text
MOST_PARTS = 200_000  # that are written into one message
MOST_AXES, MOST_EMPTY = 32, 100_000  # of a tensor; the lists that one without numbers can become
LONGEST_TEXT = 100_000  # letters of one text
CURVES = ("train_acc", "train_loss", "test_acc", "test_loss")  # of a History
# The kinds of numbers of the tensors that cross. With some others, such as quantized ones, PyTorch crashes.
NUMBERS = "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 complex128"
NUMBERS = {name: getattr(torch, name) for name in NUMBERS.split()}
ARRAYS = "?bBhHiIlLqQefdFDUS"  # the kinds of NumPy's numbers and texts that cross, by their `char`


class Other:
    """Stands for a value that has no plain form; in a hint it looks like the value."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.text = kind, text

    def __repr__(self) -> str:
        return self.text


class Table:
    """The values of one call that can be changed: each has a number, those of the learner's side (step -1) below 0."""

    def __init__(self, step: int) -> None:
        self.step, self.last = step, 0
        self.parts = self.bytes = 0  # that were read
        self.values: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}  # by id; `values` keeps them alive

    def number(self, value: Any) -> int:
        """Return the number of a value, a new one if it has none."""
        if id(value) not in self.numbers:
            self.last += self.step
            self.keep(self.last, value)
        return self.numbers[id(value)]

    def keep(self, number: int, value: Any) -> Any:
        """Give a value the number that the other side has given it, and return it."""
        if number in self.values or type(number) is not int:
            raise Unreadable("two values with one number")
        self.values[number], self.numbers[id(value)] = value, number
        return value


class Writer:
    """Takes values apart for one message. `outside(writer, value)` does it for what is no plain value, or returns None."""

    def __init__(self, table: Table, outside: Callable) -> None:
        self.table, self.outside = table, outside
        self.block, self.parts = bytearray(), 0

    def write(self, value: Any, depth: int = 0) -> list:
        """Return the JSON that stands for a value, or for the number that it has already. Raises TooLarge."""
        if id(value) in self.table.numbers:
            return ["ref", self.table.numbers[id(value)]]
        return self.describe(value, depth)

    def describe(self, value: Any, depth: int = 0) -> list:
        """Return the JSON that stands for a value, whether it has a number or not. Raises TooLarge."""
        self.parts += 1
        if self.parts > MOST_PARTS or len(self.block) > LARGEST:
            raise TooLarge("it has too many parts")
        found = None if depth > DEEPEST else self._plain(value, depth + 1) or self.outside(self, value)
        return found or ["other", type(value).__name__[:100], shown(value)]

    def _plain(self, value: Any, depth: int) -> list | None:
        # By the class that a value really has: what it says of itself is not asked.
        kind = type(value)
        if value is None or kind is bool:
            return ["just", value]
        if value is ...:
            return ["dots"]
        if issubclass(kind, int):
            number = int.__index__(value)
            return ["just", number] if number.bit_length() < 2000 else None
        if issubclass(kind, np.generic):
            return ["scalar", value.dtype.str, self.bytes(value.tobytes())] if value.dtype.char in ARRAYS else None
        if issubclass(kind, float):
            return ["just", float.__float__(value)]
        if issubclass(kind, complex):
            number = complex.__pos__(value)
            return ["complex", number.real, number.imag]
        if issubclass(kind, str):
            text = str.__str__(value)
            return ["just", text] if len(text) <= LONGEST_TEXT else None
        if kind is bytes:
            return ["bytes", self.bytes(value)]
        if kind is torch.Size:
            return ["size", list(value)]
        if kind in (torch.dtype, torch.device):
            return [kind.__name__, str(value).removeprefix("torch.")]
        if kind is torch.Generator:
            return ["generator"]
        if kind is range:
            return ["range", value.start, value.stop, value.step]
        if issubclass(kind, torch.Tensor):
            return self._tensor(value, depth)
        if kind is np.ndarray:
            if value.dtype.char not in ARRAYS or not is_small(value.shape):
                return None
            return ["array", self.table.number(value), value.dtype.str, list(value.shape), self.bytes(value.tobytes())]
        return self._several(value, kind, depth)

    def _several(self, value: Any, kind: type, depth: int) -> list | None:
        if issubclass(kind, tuple):
            return ["tuple", self.each(tuple.__iter__(value), depth)]
        if issubclass(kind, list):
            return ["list", self.table.number(value), self.each(list.__iter__(value), depth)]
        if issubclass(kind, dict):
            number = self.table.number(value)
            return ["dict", number, [self.each(pair, depth) for pair in dict.items(value)]]
        if kind in SEVERAL.values():
            return [next(name for name, one in SEVERAL.items() if one is kind), self.each(value, depth)]
        if issubclass(kind, History):
            return ["history", self.table.number(value), self.each(map(vars(value).get, CURVES), depth)]
        return None

    def each(self, values: Any, depth: int = 0) -> list:
        return [self.write(value, depth) for value in values]

    def _tensor(self, value: torch.Tensor, depth: int) -> list | None:
        with torch._C.DisableTorchFunctionSubclass():
            plain = value if type(value) in OWN_TENSORS else torch.Tensor.as_subclass(value, torch.Tensor)
            dtype, device = str(plain.dtype).removeprefix("torch."), plain.device.type
            if plain.layout != torch.strided or dtype not in NUMBERS or device not in ("cpu", "meta"):
                return None
            if not is_small(plain.shape):
                raise TooLarge("a tensor is too large")
            number = self.table.number(value)
            grad = self.write(plain.grad if plain.is_leaf else None, depth)
            kind = [device, plain.requires_grad, plain.is_leaf, isinstance(value, nn.Parameter)]
            # Rows need not lie one after the other in memory: the axes cross in the order in which they do.
            order = sorted(range(plain.ndim), key=lambda axis: -plain.stride(axis))
            block = [0, 0]
            if device == "cpu" and plain.numel():
                if plain.numel() * plain.element_size() > LARGEST:
                    raise TooLarge("a tensor is too large")
                values = torch.empty(plain.numel(), dtype=plain.dtype).copy_(plain.detach().permute(order).reshape(-1))
                block = self.bytes(values.view(torch.uint8).numpy().tobytes())
            return ["tensor", number, dtype, list(plain.shape), order, block, kind, grad]

    def bytes(self, some: bytes) -> list[int]:
        """Put bytes into the block, and return where they are."""
        self.block += some
        return [len(self.block) - len(some), len(some)]


OWN_TENSORS = (torch.Tensor, nn.Parameter)
SEVERAL = {"set": set, "frozenset": frozenset, "keys": type({}.keys()), "values": type({}.values())}


def is_small(shape: Any) -> bool:
    """Tell whether a shape is one, and small enough for lists of numbers, and of empty lists, to be made of it."""
    if len(shape) > MOST_AXES or not all(type(size) is int and 0 <= size <= LARGEST for size in shape):
        return False
    return math.prod(size or 1 for size in shape) <= (MOST_EMPTY if 0 in shape else LARGEST)


def shown(value: Any) -> str:
    """Name a value in a hint, in one line of 200 letters at most."""
    try:
        text = " ".join(repr(value).split())
    except BaseException:  # a learner's own class may have a broken one, or one that exits
        text = f"something of the type {type(value).__name__}"
    return text[:200]
