"""Values that a learner's function could return, each of which breaks a checker that trusts it."""

import itertools

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset


def raising(error, *methods):
    """An object whose methods raise."""

    def fail(self, *arguments):
        raise error

    return type("Raising", (), dict.fromkeys(methods, fail) | {"__hash__": object.__hash__})()


def says(kind, *arguments):
    """A number, list or tuple of a class that says that it equals everything and lies about its length."""
    lies = {
        "__eq__": lambda self, other: True,
        "__ne__": lambda self, other: False,
        "__lt__": lambda self, other: True,
        "__len__": lambda self: 2,
        "__iter__": lambda self: itertools.repeat(1),
        "__hash__": lambda self: 1,
    }
    return type("Liar", (kind,), lies)(*arguments)


class WithoutShape(torch.Tensor):
    @property
    def shape(self):
        raise ValueError("no shape")


class OfAnyShape(torch.Tensor):
    @property
    def shape(self):
        return torch.Size([3])

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.tensor(True)


class OddArray(np.ndarray):
    @property
    def shape(self):
        raise ValueError("no shape")


class OddClass:
    @property
    def __class__(self):
        raise ValueError("no class")


class Network(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.forward = forward


class NoNames(nn.Module):
    def forward(self, x):
        return self.conv1(x)


class NoParameters(nn.Module):
    def parameters(self, recurse=True):
        raise RuntimeError("no parameters")


class Broken(TensorDataset):
    def __getitem__(self, index):
        raise OSError("the disk is gone")


class Endless(IterableDataset):
    def __iter__(self):
        return itertools.repeat(torch.zeros(1))


def leave():
    raise SystemExit


NAN = float("nan")
ODD_VALUES = {
    "nothing": None,
    "nan": NAN,
    "infinity": float("inf"),
    "a truth": True,
    "a text": "",
    "a huge number": 10**400,
    "a complex number": 1j,
    "equal to all": says(object),
    "a lying int": says(int, 3),
    "a lying float": says(float, 0.5),
    "a lying list": says(list, [1, 2, 3]),
    "a lying tuple": says(tuple, (1, 2)),
    "an empty list": [],
    "an empty tuple": (),
    "a dict": {},
    "a list in lists": [[[[]]]],
    "an endless generator": itertools.count(),
    "a class": torch.device,
    "an exception": ValueError("x"),
    "an object": object(),
    "no repr": raising(ValueError(), "__repr__"),
    "no attribute": raising(RuntimeError("no attribute"), "__getattr__"),
    "no comparison": raising(ZeroDivisionError(), "__eq__", "__ne__", "__lt__", "__bool__"),
    "no length": raising(KeyError("x"), "__len__", "__iter__", "__getitem__"),
    "no number": raising(OverflowError(), "__index__", "__float__", "__int__"),
    "it leaves": raising(SystemExit(), "__repr__", "__len__", "__iter__", "__eq__"),
    "no class": OddClass(),
    "a tensor nan": torch.tensor(NAN),
    "three nan": torch.full((3,), NAN),
    "no number at all": torch.zeros(0),
    "complex numbers": torch.zeros(3, dtype=torch.complex64),
    "truths": torch.zeros(3, dtype=torch.bool),
    "a sparse tensor": torch.eye(3).to_sparse(),
    "a meta tensor": torch.zeros((), device="meta"),
    "a tensor in the graph": torch.zeros(3, requires_grad=True) * 2,
    "bfloat": torch.zeros(3, dtype=torch.bfloat16),
    "a tensor without shape": torch.zeros(3).as_subclass(WithoutShape),
    "a tensor of any shape": torch.zeros(3).as_subclass(OfAnyShape),
    "an array nan": np.array(NAN),
    "an array of texts": np.array(["a", "b"]),
    "an array of objects": np.array([None, {}], dtype=object),
    "an odd array": np.zeros(3).view(OddArray),
    "a NumPy bool": np.bool_(True),
    "a NumPy time": np.datetime64("2020-01-01"),
    "a network that does nothing": nn.Identity(),
    "a network without forward": nn.Module(),
    "a network without its layers": NoNames(),
    "a network without parameters": NoParameters(),
    "a lazy network": nn.LazyLinear(3),
    "a network that returns nothing": Network(lambda images: None),
    "a network that leaves": Network(lambda images: leave()),
    "a network that fails without a message": Network(lambda images: [][0:] and images or 1 / 0),
    "a loader that fails": DataLoader(Broken(torch.zeros(50))),
    "a loader without images": DataLoader(TensorDataset(torch.zeros(0))),
    "a loader without end": DataLoader(Endless(), batch_size=8),
    "a loader of numbers": DataLoader([1, 2, 3]),
    "a loader of dicts": DataLoader([{"a": 1}] * 9),
}
