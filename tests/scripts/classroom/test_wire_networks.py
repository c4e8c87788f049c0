"""scripts/classroom/wire_networks.py: networks, optimizers and data arrive as they were, and effects reach their aim."""

import copy

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from ask_learner import PythonLost
from loopback import asked, handed, said
from torch.utils.data import DataLoader, RandomSampler, TensorDataset
from wire_networks import as_hook, find, is_setting, layer_class

from mnist_lesson.checks import models
from mnist_lesson.checks.state import changed, snapshot
from mnist_lesson.results import History

NETWORKS = {
    "layers of all sorts": nn.Sequential(
        nn.Conv2d(1, 2, 3, padding="same"),
        nn.BatchNorm2d(2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d((2, 1)),
        nn.Dropout(0.3),
    ),
    "in eval mode, a layer in train mode": nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Dropout())).eval(),
    "without a bias": nn.Linear(2, 3, bias=False),
    "whole and half numbers": nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2).double(), nn.Linear(2, 2).half()),
    "on meta": nn.Linear(2, 3).to("meta"),
    "with settings": nn.Sequential(
        nn.LeakyReLU(0.3), nn.Softmax(dim=1), nn.Upsample(scale_factor=2), nn.GroupNorm(1, 2)
    ),
    "of the checkers": models.Shortcut(0.4),
    "a loss": nn.CrossEntropyLoss(label_smoothing=0.2),
}
NETWORKS["in eval mode, a layer in train mode"][1].train()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_learners_function_gets_the_network(network):
    (found,) = handed(network)
    assert type(found) is type(network) and repr(found) == repr(network)
    assert [layer.training for layer in found.modules()] == [layer.training for layer in network.modules()]
    for (name, one), (other_name, other) in zip(state_of(network), state_of(found), strict=True):
        assert (name, one.dtype, one.device, one.requires_grad) == (
            other_name,
            other.dtype,
            other.device,
            other.requires_grad,
        )
        assert one.is_meta or torch.equal(one, other)
        assert type(one) is type(other) and one is not other


def state_of(network):
    return [*network.named_parameters(), *network.named_buffers()]


def test_it_computes_the_same():
    network, images = models.Shortcut(0.4).eval(), torch.rand(2, 1, 8, 8)
    (found,) = handed(network)
    assert torch.equal(found(images), network(images))


def test_weights_that_are_shared_frozen_or_have_gradients():
    shared = nn.Linear(2, 2)
    network = nn.Sequential(shared, nn.Linear(2, 2), shared)
    network[1].weight = shared.weight
    network[1].bias.requires_grad_(False)
    network[0].weight.grad = torch.ones(2, 2)
    found, layer, weight = handed(network, shared, shared.weight)
    assert found[0] is found[2] is layer and found[1].weight is found[0].weight is weight
    assert not found[1].bias.requires_grad and torch.equal(weight.grad, torch.ones(2, 2)) and found[1].bias.grad is None


def test_hooks_keep_their_numbers_and_new_ones_get_others():
    network = nn.Sequential(nn.Linear(2, 2))
    number = network[0].register_forward_hook(lambda *given: None).id
    (found,) = handed(network)
    assert list(found[0]._forward_hooks) == [number] and not found._forward_hooks
    assert found[0].register_forward_hook(print).id not in (number, None)


@pytest.mark.parametrize(
    "kind, settings", [(torch.optim.SGD, {"momentum": 0.9}), (torch.optim.AdamW, {"weight_decay": 0.1})]
)
def test_an_optimizer_goes_on_with_its_state(kind, settings):
    network, images = nn.Linear(3, 2), torch.rand(4, 3)
    optimizer = kind(network.parameters(), lr=0.1, **settings)
    for _ in range(2):
        take_step(network, optimizer, images)
    found, found_optimizer = handed(network, optimizer)
    assert type(found_optimizer) is kind and found_optimizer.param_groups[0]["params"][0] is found.weight
    for pair in ((network, optimizer), (found, found_optimizer)):
        take_step(*pair, images)
    assert torch.equal(found.weight, network.weight)


def take_step(network, optimizer, images):
    optimizer.zero_grad()
    network(images).square().sum().backward()
    optimizer.step()


def test_data_and_functions():
    data = TensorDataset(torch.rand(7, 2), torch.arange(7))
    same, loader, shuffled, generated, loss, own, (number, name) = handed(
        data,
        DataLoader(data, 3),
        DataLoader(data, 2, shuffle=True),
        (x for x in [1, 2]),
        F.cross_entropy,
        models.summed_up,
        test_data_and_functions,
    )
    assert [labels.tolist() for _, labels in loader] == [[0, 1, 2], [3, 4, 5], [6]] and loader.dataset is same
    assert shuffled.batch_size == 2 and isinstance(shuffled.sampler, RandomSampler)
    assert list(generated) == [1, 2] and loss is F.cross_entropy and own is models.summed_up
    assert (type(number), name) == (int, "test_data_and_functions")


CHANGES = {
    "numbers": (torch.ones(2), lambda one: one.add_(1)),
    "a shape": (torch.ones(2, 3), lambda one: setattr(one, "data", one.data[0])),
    "detached": (torch.ones(2, requires_grad=True), lambda one: one.requires_grad_(False)),
    "in gradients": (torch.ones(2), lambda one: one.requires_grad_()),
    "a gradient": (torch.ones(2, requires_grad=True), lambda one: one.sum().backward()),
    "a list": ([1, [2]], lambda one: one[1].append(one)),
    "a dict": ({"a": 1, "b": 2}, lambda one: one.pop("a")),
    "a history": (History([1.0]), lambda one: one.train_loss.append(2.0)),
    "a mode": (nn.Sequential(nn.Dropout()), lambda one: one.eval()),
    "a setting": (nn.Sequential(nn.Dropout()), lambda one: setattr(one[0], "p", 0.9)),
    "weights": (nn.Linear(2, 1), lambda one: nn.init.zeros_(one.weight)),
    "other weights": (nn.Linear(2, 1), lambda one: setattr(one, "weight", nn.Parameter(torch.ones(5)))),
    "frozen weights": (nn.Linear(2, 1), lambda one: one.requires_grad_(False)),
    "gradients": (nn.Linear(2, 1), lambda one: one(torch.ones(2)).sum().backward()),
    "a buffer": (nn.BatchNorm1d(2), lambda one: one(torch.rand(3, 2))),
    "another layer": (nn.Sequential(nn.ReLU()), lambda one: one.append(nn.Tanh())),
    "a layer less": (nn.Sequential(nn.ReLU(), nn.Tanh()), lambda one: one.pop(0)),
    "a hook": (nn.Sequential(nn.ReLU()), lambda one: one[0].register_forward_hook(print)),
    "an array": (torch.ones(3).numpy(), lambda one: one.fill(2)),
    "images of a set": (TensorDataset(torch.ones(3)), lambda one: one.tensors[0].zero_()),
}


@pytest.mark.parametrize("value, change", CHANGES.values(), ids=CHANGES.keys())
def test_what_a_function_changes_is_changed_for_the_judge(value, change):
    value = copy.deepcopy(value)
    before = snapshot([value])
    with asked(lambda given: (change(given), None)[1]) as question:
        result, kind, _ = question.call("function", 0, (value,), look=True)
        assert result is None and kind and kind == changed(before, [value]), "both sides see the same"


@pytest.mark.parametrize(
    "value", [value for value, _ in CHANGES.values()] + list(NETWORKS.values()), ids=lambda one: type(one).__name__
)
def test_what_a_function_leaves_alone_stays(value):
    before = snapshot([value])
    with asked(lambda given: 1) as question:
        assert question.call("function", 0, (value,), look=True)[:2] == [1, ""]
        assert changed(before, [value]) == ""


def test_a_step_of_the_optimizer_changes_weights_and_state():
    network = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    start = network.weight.detach().clone()
    with asked(lambda *given: take_step(*given)) as question:
        question(network, optimizer, torch.rand(4, 3))
        question(network, optimizer, torch.rand(4, 3))
    assert not torch.equal(network.weight, start) and optimizer.param_groups[0]["params"][0] is network.weight
    assert optimizer.state[network.weight]["step"].item() == 2 and network.weight.grad is not None


def test_changes_reach_nothing_but_what_was_handed_over():
    pixels = torch.zeros(2, 3)
    row = pixels[0]
    with asked(lambda image: image.add_(1).sum().item()) as question:
        assert question(row) == 3
    assert row.tolist() == [1, 1, 1] and not pixels.any(), "what it is a part of may be a right answer"


def test_names_of_classes_lead_to_layers_and_nothing_else():
    assert layer_class("torch.nn.modules.linear:Linear") is nn.Linear
    odd = [
        "torch.nn.modules.linear:os",
        "os:system",
        "torch.nn.modules.x:Parameter",
        "torch.nn.modules.module:functional",
        "",
        ":::",
        "__main__:Net",
    ]
    assert {layer_class(name) for name in odd} == {nn.Module}
    assert find("torch.optim.sgd:SGD") is torch.optim.SGD and find("torch.nn.functional:relu") is F.relu


def test_settings_and_hooks():
    assert all(map(is_setting, (1, None, "a", (1, [2.5, (True,)]))))
    assert not any(map(is_setting, (torch.ones(1), {}, len, (1, {}), object())))
    assert as_hook(len) is len and as_hook("no hook")(1, 2) is None


def module(
    settings=(), weights=(), buffers=(), layers=(), hooks=(), number=-1, handle=1, name="torch.nn.modules.linear:Linear"
):
    return ["module", number, handle, name, *map(list, (settings, weights, buffers, layers, hooks))]


def test_a_network_of_the_learners_is_here_in_form_only():
    found = said(module([["p", ["just", 0.5]]], layers=[["0", module(number=-2, name="__main__:Net")]]))
    assert isinstance(found, nn.Linear) and found.p == 0.5 and isinstance(found.get_submodule("0"), nn.Module)


ODD = {
    "no handle": module(handle=0),
    "a negative handle": module(handle=-1),
    "a text for a handle": module(handle="1"),
    "True for a handle": module(handle=True),
    "a list for a name": module(name=[]),
    "a method for a setting": module([["_parameters", ["just", 1]]]),
    "the question": module([["question", ["just", 1]]]),
    "another handle": module([["learners_handle", ["just", 2]]]),
    "a tensor for a setting": module(
        [["x", ["tensor", -9, "uint8", [1], [0], [0, 1], ["cpu", False, True, False], ["just", None]]]]
    ),
    "a number for a name": module([[5, ["just", 1]]]),
    "a text for a weight": module(weights=[["weight", ["just", "x"]]]),
    "a tensor for a weight": module(
        weights=[["w", ["tensor", -9, "uint8", [1], [0], [0, 1], ["cpu", False, True, False], ["just", None]]]]
    ),
    "a number for a buffer": module(buffers=[["running", ["just", 1]]]),
    "a number for a layer": module(layers=[["0", ["just", 1]]]),
    "a layer within itself": module(layers=[["0", ["ref", -1]]]),
    "a hook at no place": module(hooks=[["_forward_hooks", [["x", ["just", 1]]]]]),
    "hooks that are none": module(hooks=[["_forward_hooks", 5]]),
    "too few parts": ["module", -1, 1, "x:y", []],
}


@pytest.mark.parametrize("node", ODD.values(), ids=ODD.keys())
def test_an_odd_network_is_none(node):
    with pytest.raises(PythonLost, match="its Python sent"):
        said(node, block=b"\0")
