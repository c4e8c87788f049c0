"""What a function may not change: each change is noticed and named, and nothing else is."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.checks.state import KINDS, Spy, changed, snapshot
from mnist_lesson.results import History


def small():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model(torch.rand(5, 3)).sum().backward()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.step()
    return model, optimizer


DATA = {
    "a tensor": (lambda: torch.rand(3, 4), lambda x: x[1, 2].add_(1)),
    "its shape": (lambda: torch.rand(3, 4), lambda x: x.unsqueeze_(0)),
    "its type": (lambda: torch.rand(3), lambda x: setattr(x, "data", x.data.double())),
    "its switch": (lambda: torch.rand(3, requires_grad=True), lambda x: x.requires_grad_(False)),
    "its gradient": (lambda: torch.rand(3, requires_grad=True), lambda x: x.sum().backward()),
    "an array": (lambda: np.zeros((20, 100)), lambda x: x.__setitem__((10, 50), 1)),
    "a list": (lambda: [1, 2, 3], lambda x: x.sort(reverse=True)),
    "a longer list": (lambda: [1, 2], lambda x: x.append(3)),
    "a list in a list": (lambda: [[1], [2]], lambda x: x[1].append(3)),
    "a number of another kind": (lambda: [1, 2], lambda x: x.__setitem__(0, True)),
    "one of many numbers": (lambda: list(range(5000)), lambda x: x.__setitem__(2500, 0)),
    "inside a long tensor in a list": (lambda: [torch.zeros(5000)], lambda x: x[0][2500].add_(1)),
    "a list that holds itself": (lambda: [1, 2], lambda x: x.append(x)),
    "a tensor in a tuple": (lambda: (torch.zeros(3), 1), lambda x: x[0].add_(1)),
    "a dict": (lambda: {"a": [1], "b": 2}, lambda x: x["a"].append(2)),
    "a key": (lambda: {"a": 1, "b": 2}, lambda x: x.update(c=x.pop("b"))),
    "a history": (lambda: History([1], [2], [3], [0.5, 0.25]), lambda x: x.test_loss.sort()),
    "a dataset": (lambda: TensorDataset(torch.arange(5)), lambda x: x.tensors[0].mul_(2)),
    "a loader": (lambda: DataLoader(TensorDataset(torch.arange(5))), lambda x: x.dataset.tensors[0].mul_(2)),
}


@pytest.mark.parametrize("make, change", DATA.values(), ids=DATA)
def test_changed_data_is_noticed(make, change):
    value = make()
    before = snapshot((value, 7))
    assert changed(before, (value, 7)) == ""
    change(value)
    assert changed(before, (value, 7)) == "input"


def replace_forward(model, optimizer):
    model[0].forward = lambda x: x


def hook(name, at=0):
    def change(model, optimizer):
        getattr(model[at] if at is not None else model, name)(lambda *arguments: None)

    return change


NETWORK = [
    ("weights", lambda model, optimizer: model[3].bias.data.add_(1)),
    ("weights", lambda model, optimizer: model.load_state_dict({k: v + 1 for k, v in model.state_dict().items()})),
    ("buffers", lambda model, optimizer: model[1].running_mean.add_(1)),
    ("buffers", lambda model, optimizer: model(torch.rand(4, 3))),
    ("gradients", lambda model, optimizer: model.zero_grad()),
    ("gradients", lambda model, optimizer: model[0].weight.grad.mul_(2)),
    ("mode", lambda model, optimizer: model.eval()),
    ("mode", lambda model, optimizer: model[2].eval()),
    ("requires_grad", lambda model, optimizer: model[0].weight.requires_grad_(False)),
    ("settings", lambda model, optimizer: setattr(model[2], "p", 0.0)),
    ("layers", lambda model, optimizer: model.__setitem__(2, nn.Dropout(0.5))),
    ("layers", lambda model, optimizer: model.append(nn.ReLU())),
    ("forward", replace_forward),
    ("hooks", hook("register_forward_hook")),
    ("hooks", hook("register_forward_hook", at=None)),
    ("hooks", hook("register_forward_pre_hook", at=3)),
    ("hooks", hook("register_full_backward_hook")),
    ("hooks", lambda model, optimizer: model[0].weight.register_hook(lambda gradient: None)),
    ("optimizer settings", lambda model, optimizer: optimizer.param_groups[0].update(lr=1)),
    ("optimizer settings", lambda model, optimizer: optimizer.param_groups[0]["params"].pop()),
    ("optimizer state", lambda model, optimizer: optimizer.state.clear()),
    ("optimizer state", lambda model, optimizer: optimizer.state[model[0].weight]["momentum_buffer"].add_(1)),
]


@pytest.mark.parametrize("kind, change", NETWORK)
def test_a_change_of_a_network_or_an_optimizer_is_noticed_and_named(kind, change):
    model, optimizer = small()
    before = snapshot((model, optimizer))
    assert changed(before, (model, optimizer)) == ""
    change(model, optimizer)
    assert changed(before, (model, optimizer)) == kind
    others = [name for name in KINDS if name != kind]
    assert changed(before, (model, optimizer), may_change=others) == kind
    assert changed(before, (model, optimizer), may_change=KINDS) == ""


def test_a_hook_for_all_networks_is_noticed():
    model, _ = small()
    before = snapshot(model)
    handle = nn.modules.module.register_module_forward_hook(lambda *arguments: None)
    try:
        assert changed(before, model) == "hooks"
    finally:
        handle.remove()
    assert changed(before, model) == ""


def test_what_was_put_back_is_no_change():
    model, optimizer = small()
    before = snapshot((model, optimizer))
    weights = copy.deepcopy(model.state_dict())
    model.eval()
    with torch.no_grad():
        model(torch.rand(2, 3))
        model[0].weight.add_(1)
    model.train()
    model.load_state_dict(weights)
    model[0].register_forward_hook(lambda *arguments: None).remove()
    assert changed(before, (model, optimizer)) == ""


def test_nan_stays_nan():
    value = [float("nan"), torch.tensor([float("nan"), 1.0]), np.array([np.nan])]
    before = snapshot(value)
    assert changed(before, value) == ""
    value[1][1] = 2
    assert changed(before, value) == "input"


def test_the_spy_notes_each_pass_and_is_no_change_of_the_network():
    model = nn.Sequential(Spy(), nn.Linear(2, 2))
    before = snapshot(model)
    with torch.no_grad():
        model(torch.rand(1, 2))
    model(torch.rand(1, 2))
    assert model[0].passes == [False, True]
    assert changed(before, model) == ""
