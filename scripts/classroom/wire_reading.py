"""Put plain values together from a message, whatever stands in it: nothing is made but what is listed here.

The counterpart of wire.py. All else raises Unreadable, and no message of few bytes becomes values of many.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from messages import LARGEST, Unreadable
from wire import ARRAYS, CURVES, NUMBERS, Other, Table, is_small

from mnist_lesson.results import History

MOST_READ = 1_000_000, 4 * LARGEST  # parts and bytes of all messages of one call: a function may call back often
DTYPES = {str(value).removeprefix("torch."): value for value in vars(torch).values() if isinstance(value, torch.dtype)}


class Reader:
    """Puts the values of one message together. `outside` maps other kinds of parts to functions that read them."""

    def __init__(self, table: Table, block: memoryview, outside: dict[str, Callable]) -> None:
        self.table, self.block, self.outside = table, block, outside
        self.left = len(block)  # bytes that no part has named yet
        table.bytes += len(block)
        if table.bytes > MOST_READ[1]:
            raise Unreadable("too many bytes")

    def read(self, node: Any) -> Any:
        """Return the value that a part of the JSON stands for. Raises Unreadable, whatever is wrong."""
        try:
            return self._read(node)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"a part that does not fit ({type(error).__name__})") from None

    def _read(self, node: list) -> Any:
        self.table.parts += 1
        if type(node) is not list or self.table.parts > MOST_READ[0]:
            raise Unreadable("a part that is none, or too many of them")
        kind, *given = node
        if kind in self.outside:
            return self.outside[kind](self, *given)
        if kind not in READ:
            raise Unreadable("a part of an unknown kind")
        return READ[kind](self, *given)

    def each(self, nodes: list) -> list:
        return [self._read(node) for node in nodes]

    def some(self, place: list) -> memoryview:
        start, length = place
        if type(start) is not int or type(length) is not int or not 0 <= start <= start + length <= len(self.block):
            raise Unreadable("bytes that are not there")
        self.left -= length
        if self.left < 0:  # otherwise few bytes could become many
            raise Unreadable("bytes that are used twice")
        return self.block[start : start + length]

    def tensor(self, dtype: str, shape: list, order: list, place: list, kind: list, grad: list) -> torch.Tensor:
        """Return a tensor that has no number yet."""
        device, requires_grad, is_leaf, is_parameter = kind
        if not is_small(shape) or sorted(order) != list(range(len(shape))):
            raise Unreadable("a tensor of an odd shape")
        if device == "cpu":
            some = bytearray(self.some(place))
            sizes = [shape[axis] for axis in order]
            if len(some) != math.prod(shape) * NUMBERS[dtype].itemsize:
                raise Unreadable("a tensor whose bytes do not fit its shape")
            if dtype == "bool" and some.translate(None, b"\0\1"):
                raise Unreadable("a truth that is neither true nor false")
            values = torch.empty(sizes, dtype=NUMBERS[dtype])
            if some:
                values.copy_(torch.frombuffer(some, dtype=NUMBERS[dtype]).reshape(sizes))
            if order != sorted(order):
                values = values.permute([order.index(axis) for axis in range(len(order))])
        elif device == "meta":
            values = torch.empty(shape, dtype=NUMBERS[dtype], device="meta")
        else:
            raise Unreadable("a tensor on an unknown device")
        if is_parameter is True:
            values = nn.Parameter(values, requires_grad=requires_grad)
        elif requires_grad:
            values.requires_grad_()
            values = values if is_leaf else values.clone()
        gradient = self._read(grad)
        if gradient is not None:
            values.grad = gradient
        return values

    def array(self, dtype: str, shape: list, place: list) -> np.ndarray:
        """Return an array that has no number yet."""
        if not is_small(shape):
            raise Unreadable("an array of an odd shape")
        return np.frombuffer(bytearray(self.some(place)), _dtype(dtype)).reshape(shape)


def _number(value: Any) -> Any:
    if value is not None and type(value) not in (bool, int, float, str):
        raise Unreadable("a number that is none")
    return value


def _list(reader: Reader, number: int, nodes: list) -> list:
    made = reader.table.keep(number, [])  # known before its parts: it may hold itself
    made += reader.each(nodes)
    return made


def _dict(reader: Reader, number: int, pairs: list) -> dict:
    made = reader.table.keep(number, {})
    made.update(reader.each(pair) for pair in pairs)
    return made


def _dtype(name: str) -> np.dtype:
    dtype = np.dtype(name) if type(name) is str and len(name) < 20 else None
    if dtype is None or dtype.char not in ARRAYS:
        raise Unreadable("an unknown kind of numbers")
    return dtype


def _history(reader: Reader, number: int, curves: list) -> History:
    made = reader.table.keep(number, History())
    vars(made).update(zip(CURVES, reader.each(curves), strict=True))
    return made


READ: dict[str, Callable] = {
    "ref": lambda reader, number: reader.table.values[number],
    "just": lambda reader, value: _number(value),
    "dots": lambda reader: ...,
    "complex": lambda reader, real, imag: complex(float(real), float(imag)),
    "bytes": lambda reader, place: bytes(reader.some(place)),
    "scalar": lambda reader, dtype, place: np.frombuffer(bytes(reader.some(place)), _dtype(dtype))[0],
    "size": lambda reader, sizes: torch.Size(sizes),
    "dtype": lambda reader, name: DTYPES[name],
    "device": lambda reader, name: torch.device(name),
    "generator": lambda reader: torch.Generator(),
    "range": lambda reader, *ends: range(*ends),
    "tensor": lambda reader, number, *parts: reader.table.keep(number, reader.tensor(*parts)),
    "array": lambda reader, number, *parts: reader.table.keep(number, reader.array(*parts)),
    "tuple": lambda reader, nodes: tuple(reader.each(nodes)),
    "list": _list,
    "dict": _dict,
    "set": lambda reader, nodes: set(reader.each(nodes)),
    "frozenset": lambda reader, nodes: frozenset(reader.each(nodes)),
    "keys": lambda reader, nodes: dict.fromkeys(reader.each(nodes)).keys(),
    "values": lambda reader, nodes: dict(enumerate(reader.each(nodes))).values(),
    "history": _history,
    "other": lambda reader, kind, text: Other(str(kind)[:100], str(text)[:300]),
}
