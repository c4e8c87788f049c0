"""The checkers of notebook 01_setup: typical mistakes get the hint meant for them, and right answers pass."""

import random

import numpy as np
import pytest
import torch
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes


def torch_numbers(seed, **settings):
    torch.manual_seed(seed)
    return torch.rand(3, **settings)


def numpy_numbers(seed):
    np.random.seed(seed)
    return torch.from_numpy(np.random.rand(3))


def python_numbers(seed):
    random.seed(seed)
    return torch.tensor([random.random() for _ in range(3)])


def draws_again(seed):
    torch.manual_seed(seed)
    torch.rand(3)
    return torch.rand(3)


def seed_of_numpy_alone(seed):
    np.random.seed(seed)
    return torch.rand(3)


def seed_after_drawing(seed):
    numbers = torch.rand(3)
    torch.manual_seed(seed)
    return numbers


def seed_if_it_is_new(seed):
    if torch.initial_seed() != seed:
        torch.manual_seed(seed)
    return torch.rand(3)


def from_one_number(function):
    """An answer that draws one number and makes all three of it."""
    return lambda seed: torch.stack(function(torch_numbers(seed)[0]))


def from_two_numbers(function):
    return lambda seed: torch.stack(function(*torch_numbers(seed)[:2]))


def to_without_keeping(a, b):
    b.to(a.device)
    return a + b


def one_by_one(a, b):
    return a + torch.tensor(b.tolist(), device=a.device)


def of_the_first_layer_with_weights(model):
    return next(layer for layer in model.modules() if hasattr(layer, "weight")).weight.device


def forgets_gradients(model):
    model.zero_grad()
    return next(model.parameters()).device


def removes_hooks(model):
    model._forward_hooks.clear()
    return next(model.parameters()).device


def of_the_trained_weights(model):
    return next(weight for weight in model.parameters() if weight.requires_grad).device


WRONG = [
    ("seeded_numbers", lambda seed: torch_numbers(0), "Every seed gives the same"),
    ("seeded_numbers", lambda seed: torch.tensor([0.1, 0.7, 0.4]), "Every seed gives the same"),
    ("seeded_numbers", lambda seed: torch.rand(3), "set the seed in it"),
    ("seeded_numbers", seed_of_numpy_alone, "set the seed in it"),
    ("seeded_numbers", seed_after_drawing, "set the seed in it"),
    ("seeded_numbers", seed_if_it_is_new, "set the seed in it"),
    ("seeded_numbers", lambda seed: torch_numbers(seed // 2), "The seeds 0 and 1 give the same"),
    ("seeded_numbers", lambda seed: torch_numbers(seed or 42), "The seeds 0 and 42 give the same"),
    ("seeded_numbers", lambda seed: torch_numbers(seed % 100), "The seeds 0 and 100 give the same"),
    ("seeded_numbers", lambda seed: torch_numbers(seed).round(), "give the same numbers"),
    ("seeded_numbers", from_one_number(lambda x: [x, x, x]), "follow from each other"),
    ("seeded_numbers", from_one_number(lambda x: [x, x**2, x**3]), "follow from each other"),
    ("seeded_numbers", from_one_number(lambda x: [x, 1 - x, x / 2]), "follow from each other"),
    ("seeded_numbers", from_one_number(lambda x: [x, (x + 0.3) % 1, (x + 0.6) % 1]), "follow from each other"),
    ("seeded_numbers", from_two_numbers(lambda x, y: [x, y, (x + y) / 2]), "follow from each other"),
    ("seeded_numbers", from_two_numbers(lambda x, y: [x, y, x * y]), "follow from each other"),
    ("seeded_numbers", lambda seed: torch.cat([torch_numbers(seed)[:2], torch.tensor([0.5])]), "Number 3"),
    ("seeded_numbers", lambda seed: torch.tensor([seed, seed + 1, seed + 2]) / 2e6, "along with the seed"),
    ("seeded_numbers", lambda seed: torch_numbers(seed) / 2, "whole range"),
    ("seeded_numbers", lambda seed: 2 * torch_numbers(seed), "must be from 0 to 1"),
    ("seeded_numbers", lambda seed: torch_numbers(seed)[None], "shape (3,)"),
    ("seeded_numbers", lambda seed: torch_numbers(seed).tolist(), "A tensor was expected"),
    ("seeded_numbers", lambda seed: torch.manual_seed(seed), "no number has been drawn"),
    ("add_anywhere", lambda a, b: a + b, "still on two devices"),
    ("add_anywhere", to_without_keeping, "must be kept"),
    ("add_anywhere", lambda a, b: a + b.item(), "as a whole"),
    ("add_anywhere", lambda a, b: a + b.flatten()[0].detach().item(), "the result should be"),
    ("add_anywhere", lambda a, b: a + b.sum().item(), "place by place"),
    ("add_anywhere", lambda a, b: a if a.is_meta else a + b, "one of the two tensors"),
    ("add_anywhere", lambda a, b: a.add_(b.to(a.device)), "changes what it was given"),
    ("add_anywhere", lambda a, b: a.detach_() + b.to(a.device), "changes what it was given"),
    ("add_anywhere", lambda a, b: a.cpu() + b, "no numbers can be fetched"),
    ("add_anywhere", lambda a, b: a.to("meta") + b.to("meta"), "With both tensors on the CPU"),
    ("add_anywhere", lambda a, b: a - b.to(a.device), "With both tensors on the CPU"),
    ("device_of", lambda model: model.device, "its weights could lie on several"),
    ("device_of", lambda model: torch.device("cpu"), "ask the model"),
    ("device_of", lambda model: torch.device("meta"), "ask the model"),
    ("device_of", lambda model: str(next(model.parameters()).device), "This is a text"),
    ("device_of", lambda model: next(model.parameters()), "This is a weight"),
    ("device_of", lambda model: next(model.parameters).device, "only a call"),
    ("device_of", lambda model: model.parameters().device, "is no list and has no device"),
    ("device_of", lambda model: model.parameters()[0].device, "is no list and has no device"),
    ("device_of", lambda model: next(model).device, "cannot go through this"),
    ("device_of", lambda model: model[0].weight.device, "Not every model"),
    ("device_of", of_the_first_layer_with_weights, "it finds nothing"),
    ("device_of", lambda model: [*model][-1].weight.device, "Not every model"),
    ("device_of", of_the_trained_weights, "it finds nothing"),
    ("device_of", lambda model: next(model.buffers()).device, "it finds nothing"),
    ("device_of", lambda model: next(model.to("cpu").parameters()).device, "stay where it is"),
    ("device_of", lambda model: next(model.eval().parameters()).device, "changes the mode"),
    ("device_of", forgets_gradients, "changes the gradients"),
    ("device_of", removes_hooks, "changes the hooks"),
]

RIGHT = [
    ("seeded_numbers", torch_numbers),
    ("seeded_numbers", draws_again),
    ("seeded_numbers", lambda seed: torch_numbers(seed, dtype=torch.float64)),
    ("seeded_numbers", lambda seed: torch_numbers(seed, dtype=torch.float16)),
    ("seeded_numbers", lambda seed: torch_numbers(seed, dtype=torch.bfloat16)),
    ("seeded_numbers", lambda seed: torch.rand(3, generator=torch.Generator().manual_seed(seed))),
    ("seeded_numbers", lambda seed: torch.from_numpy(np.random.default_rng(seed).random(3))),
    ("seeded_numbers", numpy_numbers),
    ("seeded_numbers", python_numbers),
    ("seeded_numbers", lambda seed: torch_numbers(seed).sort().values),
    ("add_anywhere", lambda a, b: b.to(a.device).add(a)),
    ("add_anywhere", one_by_one),
    ("device_of", lambda model: list(model.parameters())[-1].device),
    ("device_of", lambda model: next(iter(model.state_dict().values())).device),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, answer", RIGHT)
def test_each_right_answer_passes(name, answer):
    expect_solved(name, answer)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=1)) >= 3
