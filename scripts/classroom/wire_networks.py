"""Networks, optimizers, data and functions as they cross: layers by name, with their settings and weights.

From the judge to a learner's function, all of it is built anew there. What the function did to it comes back as
`effects`: the judge then has in its own objects what the function has left in those that it was given.
From there to the judge, a network comes as its layers and weights; whoever calls it asks the learner's process.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import FunctionType, GeneratorType
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from messages import Unreadable
from torch.optim import Optimizer
from torch.utils.data import DataLoader, RandomSampler, TensorDataset
from torch.utils.hooks import RemovableHandle
from wire import CURVES, Writer
from wire_reading import Reader

from mnist_lesson.results import History

SHARED = "mnist_lesson.checks.models"  # the networks and loss functions of the checkers, which both sides know
# What every module keeps of itself, and what one of the learner's process keeps besides (ask_learner.py).
OWN = vars(nn.Module()).keys() - {"training"} | {"learners_handle", "question"}
FUNCTIONS = (FunctionType, type(len), type(torch.add))


def is_setting(value: Any) -> bool:
    """Tell whether an attribute of a layer is a plain one."""
    if type(value) in (list, tuple):
        return all(map(is_setting, value))
    return value is None or type(value) in (bool, int, float, str)


def name_of(value: Any) -> str:
    return f"{value.__module__}:{value.__qualname__}"


def describe_module(writer: Writer, module: nn.Module, handle: int = 0) -> list:
    """Return what stands for a network; `handle` is the learner's process's own number for it, to call it by."""
    number, own = writer.table.number(module), vars(module)
    settings = {key: one for key, one in own.items() if key not in OWN and is_setting(one)}
    kept = [settings, own["_parameters"], own["_buffers"], own["_modules"]]
    parts = [[[str(key), writer.write(one)] for key, one in dictionary.items()] for dictionary in kept]
    hooks = [
        [key, [[place, writer.write(hook)] for place, hook in one.items()]]
        for key, one in own.items()
        if key.endswith("_hooks") and isinstance(one, dict) and one
    ]
    return ["module", number, handle, name_of(type(module)), *parts, hooks]


def describe_optimizer(writer: Writer, optimizer: Optimizer) -> list:
    groups = [
        [writer.each(group["params"]), [[key, writer.write(one)] for key, one in group.items() if key != "params"]]
        for group in optimizer.param_groups
    ]
    states = [
        [writer.write(weight), [[key, writer.write(one)] for key, one in state.items()]]
        for weight, state in optimizer.state.items()
    ]
    return ["optimizer", writer.table.number(optimizer), name_of(type(optimizer)), groups, states]


def from_the_judge(writer: Writer, value: Any) -> list | None:
    """Take apart what a checker hands to a learner's function: see `Writer`."""
    handle = getattr(value, "learners_handle", None)
    if handle:  # it has come from there
        return ["handle", handle]
    if isinstance(value, nn.Module):
        return describe_module(writer, value)
    if isinstance(value, Optimizer):
        return describe_optimizer(writer, value)
    if isinstance(value, TensorDataset):
        return ["dataset", writer.table.number(value), writer.each(value.tensors)]
    if isinstance(value, DataLoader):
        is_shuffled = isinstance(value.sampler, RandomSampler)
        return ["loader", writer.table.number(value), writer.write(value.dataset), value.batch_size, is_shuffled]
    if isinstance(value, GeneratorType):
        return ["generated", writer.each(value)]
    if isinstance(value, FUNCTIONS) and value.__module__ and value.__module__.startswith(("torch.", SHARED)):
        return ["named", name_of(value)]
    if callable(value) and not isinstance(value, type):
        return ["callback", writer.table.number(value), getattr(value, "__qualname__", "function")]
    return None


def find(name: str) -> Any:
    """Return a class or function by its name, such as torch.nn.modules.linear:Linear."""
    module, path = name.split(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def layer_class(name: str) -> type:
    """Return the class of PyTorch's that a name from the learner's process means, or nn.Module."""
    found = getattr(nn, name.rpartition(":")[2], None) if name.startswith("torch.nn.modules.") else None
    return found if isinstance(found, type) and issubclass(found, nn.Module) else nn.Module


def build_module(reader: Reader, module: nn.Module, parts: list) -> nn.Module:
    """Give a module that has nothing yet its settings, weights, buffers, layers and hooks."""
    nn.Module.__init__(module)
    set_parts(reader, module, parts)
    return module


def set_parts(reader: Reader, module: nn.Module, parts: list) -> None:
    """Make a module what the other side says of it. Raises Unreadable for what can be no module."""
    settings, *kept, hooks = parts
    own = vars(module)
    for key, node in settings:
        value = reader.read(node)
        if not isinstance(key, str) or key in OWN or not is_setting(value):
            raise Unreadable("an odd setting of a layer")
        own[key] = value
    kinds = {"_parameters": nn.Parameter, "_buffers": torch.Tensor, "_modules": nn.Module}
    for (place, kind), pairs in zip(kinds.items(), kept, strict=True):
        values = {str(key): reader.read(node) for key, node in pairs}
        if not all(value is None or isinstance(value, kind) for value in values.values()):
            raise Unreadable("a layer with odd parts")
        if place == "_modules" and any(module is layer for layer in values.values()):
            raise Unreadable("a layer within itself")
        own[place].clear()
        own[place].update(values)
    found = {str(key): {int(place): as_hook(reader.read(hook)) for place, hook in pairs} for key, pairs in hooks}
    for key in [key for key, one in own.items() if key.endswith("_hooks") and isinstance(one, dict)]:
        own[key].clear()
        own[key].update(found.get(key, {}))


def as_hook(value: Any) -> Callable:
    """Return a hook; what takes the place of a learner's does nothing."""
    return value if callable(value) else lambda *given: None


def apply_effects(reader: Reader, effects: list) -> None:
    """Make the judge's own values what a learner's function has left in those that it was given."""
    for number, node in effects:
        target = reader.table.values[number]
        kind, *parts = node
        if kind == "module" and isinstance(target, nn.Module):
            set_parts(reader, target, parts[3:])
        elif kind == "optimizer" and isinstance(target, Optimizer):
            set_optimizer(reader, target, *parts[2:])
        elif kind == "tensor" and isinstance(target, torch.Tensor):
            set_tensor(target, reader.tensor(*parts[1:]))
        elif kind == "list" and isinstance(target, list):
            target[:] = reader.each(parts[1])
        elif kind == "dict" and isinstance(target, dict):
            pairs = [reader.each(pair) for pair in parts[1]]
            target.clear()
            target.update(pairs)
        elif kind == "history" and isinstance(target, History):
            vars(target).update(zip(CURVES, reader.each(parts[1]), strict=True))
        elif kind == "array" and isinstance(target, np.ndarray):
            found = reader.array(*parts[1:])
            if found.shape == target.shape and found.dtype == target.dtype:
                target[...] = found
        elif kind != "other":
            raise Unreadable("an effect on something else")


def set_tensor(target: torch.Tensor, found: torch.Tensor) -> None:
    """Give a tensor the numbers, the gradient and the settings of another one, where they differ."""
    with torch.no_grad():
        shape_of = [(one.shape, one.dtype, one.device) for one in (target, found)]
        if shape_of[0] != shape_of[1] or not (found.is_meta or bitwise_equal(target, found)):
            target.data = found.detach()
    if not target.is_leaf:
        return
    if target.requires_grad != found.requires_grad:
        target.requires_grad_(found.requires_grad)
    if target.grad is not found.grad:
        target.grad = found.grad


def bitwise_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(((one == other) | (one != one) & (other != other)).all())


def set_optimizer(reader: Reader, optimizer: Optimizer, groups: list, states: list) -> None:
    for group, (weights, settings) in zip(optimizer.param_groups, groups, strict=True):
        group["params"] = reader.each(weights)
        if not all(isinstance(weight, torch.Tensor) for weight in group["params"]):
            raise Unreadable("an optimizer of what are no weights")
        group.update({str(key): reader.read(node) for key, node in settings if key != "params"})
    optimizer.state.clear()
    for weight, values in states:
        optimizer.state[reader.read(weight)] = {str(key): reader.read(node) for key, node in values}


def read_from_judge(handles: dict[int, Any], callback: Callable) -> dict[str, Callable]:
    """Return how the learner's process reads the parts that `from_the_judge` writes.

    `handles` are what it has handed out itself, `callback(number, name)` makes the function that asks the judge.
    """

    def module(reader, number, handle, name, *parts):
        kind = find(name)
        made = build_module(reader, reader.table.keep(number, kind.__new__(kind)), parts)
        places = [place for _, pairs in parts[-1] for place, _ in pairs]
        RemovableHandle.next_id = max([RemovableHandle.next_id, *(place + 1 for place in places)])
        return made

    def optimizer(reader, number, name, groups, states):
        given = [
            {"params": reader.each(weights)} | {key: reader.read(node) for key, node in settings}
            for weights, settings in groups
        ]
        made = reader.table.keep(number, find(name)(given))
        set_optimizer(reader, made, groups, states)
        return made

    def loader(reader, number, dataset, batch_size, is_shuffled):
        return reader.table.keep(number, DataLoader(reader.read(dataset), batch_size, shuffle=is_shuffled))

    return {
        "module": module,
        "optimizer": optimizer,
        "dataset": lambda reader, number, nodes: reader.table.keep(number, TensorDataset(*reader.each(nodes))),
        "loader": loader,
        "generated": lambda reader, nodes: (value for value in reader.each(nodes)),
        "named": lambda reader, name: find(name),
        "callback": lambda reader, number, name: reader.table.keep(number, callback(number, name)),
        "handle": lambda reader, handle: handles[handle],
    }
