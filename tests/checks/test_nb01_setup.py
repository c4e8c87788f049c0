"""The checkers of notebook 01_setup: typical mistakes get the hint meant for them."""

import torch
from verdicts import expect_hint, numbers_tried, typical_mistakes


def draws_again(seed):
    torch.manual_seed(seed)
    torch.rand(3)
    return torch.rand(3)


def seed_zero(seed):
    torch.manual_seed(0)
    return torch.rand(3)


def to_without_keeping(a, b):
    b.to(a.device)
    return a + b


WRONG = [
    ("seeded_numbers", seed_zero, "Every seed gives the same"),
    ("seeded_numbers", draws_again, "draw only once"),
    ("seeded_numbers", lambda seed: torch.rand(3), "set the seed in it"),
    ("seeded_numbers", lambda seed: [0.1, 0.2, 0.3], "a tensor was expected"),
    ("add_anywhere", lambda a, b: a + b, "still on two devices"),
    ("add_anywhere", to_without_keeping, "did you keep it"),
    ("add_anywhere", lambda a, b: a.to("meta") + b.to("meta"), "With both tensors on the CPU"),
    ("add_anywhere", lambda a, b: a - b.to(a.device), "With both tensors on the CPU"),
    ("device_of", lambda model: model.device, "its weights could lie on several"),
    ("device_of", lambda model: torch.device("cpu"), "ask the model"),
    ("device_of", lambda model: str(next(model.parameters()).device), "This is a text"),
    ("device_of", lambda model: next(model.parameters()), "This is a weight"),
    ("device_of", lambda model: next(model.parameters), "first element"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=1)) >= 3
