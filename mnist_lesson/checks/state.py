"""What a learner's function may not change: a snapshot of its arguments before the call, compared afterwards."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn as nn
import torch.nn.modules.module as torch_modules
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

# What is looked at, and how a hint names it. An exercise allows some of it by `may_change`.
KINDS = {
    "input": "what it was given",
    "layers": "the layers of the model",
    "mode": "the mode of the model (train or eval)",
    "settings": "the settings of a layer",
    "forward": "how a layer computes (its `forward`)",
    "hooks": "the hooks of the model",
    "weights": "the weights of the model",
    "requires_grad": "which weights of the model can be trained (`requires_grad`)",
    "gradients": "the gradients of the model",
    "buffers": "what the model keeps beside its weights, such as running averages",
    "optimizer settings": "the settings of the optimizer",
    "optimizer state": "the state of the optimizer",
}
PLAIN = int | float | str | bytes | bool | type(None)

Snapshot = dict[tuple[str, str], Any]  # (kind, place): value, with copies of all that could be changed in place


def snapshot(value: Any) -> Snapshot:
    """Copy all that a function could change in a value: numbers, lists, dataclasses, data, networks, optimizers.

    Raises RecursionError if a list holds itself.
    """
    return {(kind, place): part for kind, place, part in _parts(value, "")}


def changed(before: Snapshot, value: Any, may_change: Iterable[str] = ()) -> str:
    """Return the kind, one of KINDS, of the first difference between a snapshot and its value now, or ""."""
    try:
        after = snapshot(value)
    except RecursionError:
        return "input"
    kinds = {kind for kind, place in before.keys() | after.keys() if kind not in may_change}
    for kind in (kind for kind in KINDS if kind in kinds):
        old, new = ({key: part for key, part in parts.items() if key[0] == kind} for parts in (before, after))
        if old.keys() != new.keys() or not all(_is_same(part, new[key]) for key, part in old.items()):
            return kind
    return ""


class Spy(nn.Module):
    """A layer that notes whether gradients are recorded, and hands its input on unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[bool] = []  # for each pass: were gradients recorded?

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes.append(torch.is_grad_enabled())
        return x


def _parts(value: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    """Take a value apart: the kind of a part, its place, and a copy of it."""
    if isinstance(value, torch.Tensor):
        yield "input", place, (_copy(value), value.requires_grad, _copy(value.grad) if value.is_leaf else None)
    elif isinstance(value, nn.Module):
        yield from _parts_of_module(value, place)
    elif isinstance(value, Optimizer):
        yield from _parts_of_optimizer(value, place)
    elif isinstance(value, TensorDataset):
        yield from _parts(value.tensors, f"{place}.tensors")
    elif isinstance(value, DataLoader):
        yield from _parts(value.dataset, f"{place}.dataset")
    elif isinstance(value, list | tuple):
        yield "input", place, (type(value), len(value))
        for number, element in enumerate(value):
            yield from _parts(element, f"{place}[{number}]")
    elif isinstance(value, dict):
        yield "input", place, (type(value), *value)
        for number, element in enumerate(value.values()):
            yield from _parts(element, f"{place}[{number}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _parts(vars(value), f"{place}.fields")
    else:
        yield "input", place, _copy(value)


def _parts_of_module(model: nn.Module, place: str) -> Iterator[tuple[str, str, Any]]:
    every_module = [dictionary for name, dictionary in vars(torch_modules).items() if _is_hooks(name, dictionary)]
    yield "hooks", place, tuple(map(tuple, every_module))
    for name, layer in model.named_modules():
        here = f"{place}.{name}"
        own = vars(layer)
        public = {key: value for key, value in own.items() if isinstance(value, PLAIN | tuple) and key[0] != "_"}
        yield "layers", here, layer
        yield "mode", here, layer.training
        yield "settings", here, tuple(item for item in public.items() if item[0] != "training")
        yield "forward", here, (type(layer), type(layer).forward, own.get("forward"))
        yield "hooks", here, tuple(tuple(dictionary) for key, dictionary in own.items() if _is_hooks(key, dictionary))
        for key, weight in layer.named_parameters(recurse=False):
            yield "weights", f"{here}.{key}", _copy(weight)
            yield "requires_grad", f"{here}.{key}", weight.requires_grad
            yield "gradients", f"{here}.{key}", _copy(weight.grad)
            yield "hooks", f"{here}.{key}", tuple(weight._backward_hooks or ())
        for key, buffer in layer.named_buffers(recurse=False):
            yield "buffers", f"{here}.{key}", _copy(buffer)


def _parts_of_optimizer(optimizer: Optimizer, place: str) -> Iterator[tuple[str, str, Any]]:
    for number, group in enumerate(optimizer.param_groups):
        settings = tuple((key, _copy(value)) for key, value in group.items() if key != "params")
        yield "optimizer settings", f"{place}[{number}]", (*settings, *map(id, group["params"]))
    for weight, values in optimizer.state.items():
        for key, value in values.items():
            yield "optimizer state", f"{place}[{id(weight)}].{key}", _copy(value)


def _is_hooks(name: str, value: Any) -> bool:
    return name.endswith("_hooks") and isinstance(value, dict)


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    return value


def _is_same(old: Any, new: Any) -> bool:
    """Compare two copies; what is neither a tensor nor plain must be the very same object."""
    if type(old) is not type(new):
        return False
    if isinstance(old, torch.Tensor):
        if (old.shape, old.dtype, old.device) != (new.shape, new.dtype, new.device):
            return False
        return old.is_meta or torch.equal(old, new) or bool(((old == new) | (old != old) & (new != new)).all())
    if isinstance(old, tuple):
        return len(old) == len(new) and all(map(_is_same, old, new))
    return old is new or (isinstance(old, PLAIN) and (old == new or old != old and new != new))  # nan is nan
