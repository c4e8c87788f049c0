"""Answers to the exercises of notebook 1, right and wrong, written from their texts alone."""

import random

import numpy as np
import torch
from answers.common import repeats_first
from torch import nn
from torch.nn.utils import parameters_to_vector

# Exercise 1.1


def seed_torch(seed):
    torch.manual_seed(seed)
    return torch.rand(3)


def seed_and_restore(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.rand(3)


def seed_random(seed):
    random.seed(seed)
    return torch.tensor([random.random() for _ in range(3)])


def seed_numpy(seed):
    np.random.seed(seed)
    return torch.from_numpy(np.random.rand(3))


def fill_empty(seed):
    numbers = torch.empty(3)
    generator = torch.Generator()
    generator.manual_seed(seed)
    for place in range(3):
        numbers[place].uniform_(generator=generator)
    return numbers


class Dice:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def throw(self):
        return self.random.uniform(0, 1)


def throw_dice(seed):
    dice = Dice(seed)
    return torch.stack([torch.tensor(dice.throw(), dtype=torch.float64) for _ in range(3)])


def seed_too_late(seed):
    numbers = torch.rand(3)
    torch.manual_seed(seed)
    return numbers


def seed_other_library(seed):
    random.seed(seed)
    np.random.seed(seed)
    return torch.rand(3)


def seed_torch_draw_numpy(seed):
    torch.manual_seed(seed)
    return torch.from_numpy(np.random.rand(3))


def seed_unless_zero(seed):
    if seed:
        torch.manual_seed(seed)
    return torch.rand(3)


def seed_after_first_number(seed):
    first = torch.rand(1)
    torch.manual_seed(seed)
    return torch.cat([first, torch.rand(2)])


def last_number_from_elsewhere(seed):
    first = seed_torch(seed)[:2]
    return torch.cat([first, torch.tensor([random.SystemRandom().random()])])


class SeedsOnce:
    """Seeds at the first call, and goes on drawing from there."""

    def __init__(self):
        self.generator = None

    def __call__(self, seed):
        if self.generator is None:
            self.generator = torch.Generator().manual_seed(seed)
        return torch.rand(3, generator=self.generator)


class SeedsWhenChanged:
    """Seeds only if the seed is another one than in the call before."""

    def __init__(self):
        self.seed, self.generator = None, torch.Generator()

    def __call__(self, seed):
        if seed != self.seed:
            self.generator.manual_seed(seed)
        self.seed = seed
        return torch.rand(3, generator=self.generator)


# Exercise 1.2


def add_with_copy(a, b):
    moved = torch.empty_like(b, device=a.device)
    moved.copy_(b)
    return moved + a


def add_if_needed(a, b):
    if a.device != b.device:
        b = b.to(a.device)
    return torch.add(a, b)


def add_after_failure(a, b):
    try:
        return a + b
    except RuntimeError:
        return a + b.to(a.device)


class Adder(nn.Module):
    def __init__(self, b):
        super().__init__()
        self.register_buffer("b", b)

    def forward(self, a):
        return a + self.b


def add_to_a_in_place(a, b):
    a += b.to(a.device)
    return a


def add_to_b_in_place(a, b):
    moved = b.to(a.device)  # on the CPU this is b itself
    moved += a
    return moved


class FirstDevice:
    """Takes the device of its first call for every call."""

    def __init__(self):
        self.device = None

    def __call__(self, a, b):
        self.device = self.device or a.device
        return a.to(self.device) + b.to(self.device)


# Exercise 1.3


def first_in_loop(model):
    for weights in model.parameters():
        return weights.device


def search_in_layers(model):
    for weights in model._parameters.values():
        if weights is not None:
            return weights.device
    for layer in model.children():
        device = search_in_layers(layer)
        if device is not None:
            return device
    return None


def device_then_move(model):
    device = next(model.parameters()).device
    model.to("meta")
    return device


def device_then_fill(model):
    device = next(model.parameters()).device
    model.to_empty(device="cpu")
    return device


def device_then_eval(model):
    model.eval()
    return next(model.parameters()).device


def device_then_freeze(model):
    model.requires_grad_(False)
    return next(model.parameters()).device


def device_then_zero(model):
    model.zero_grad()
    return next(model.parameters()).device


def device_of_first_layer_or_cpu(model):
    for layer in model.children():
        for weights in layer.parameters():
            return weights.device
        return torch.device("cpu")


RIGHT = {
    "seeded_numbers": {
        "torch.manual_seed": seed_torch,
        "restores the state of torch": seed_and_restore,
        "a generator of its own": lambda seed: torch.rand(3, generator=torch.Generator().manual_seed(seed)),
        "random.seed": seed_random,
        "np.random.seed, float64": seed_numpy,
        "a generator of NumPy": lambda seed: torch.tensor(np.random.default_rng(seed).random(3)),
        "RandomState of NumPy": lambda seed: torch.as_tensor(np.random.RandomState(seed).uniform(0, 1, size=3)),
        "number by number": fill_empty,
        "a class": throw_dice,
        "the next seed, turned round": lambda seed: seed_torch(seed + 1).flip(0),
    },
    "add_anywhere": {
        "to the device of a": lambda a, b: a + b.to(a.device),
        "torch.add": lambda a, b: torch.add(b.to(device=a.device), a),
        "a copy": add_with_copy,
        "only if needed": add_if_needed,
        "tries first": add_after_failure,
        "Python's sum": lambda a, b: sum([a, b.to(a.device)]),
        "a module with a buffer": lambda a, b: Adder(b.clone()).to(a.device)(a),
    },
    "device_of": {
        "the first weights": lambda model: next(model.parameters()).device,
        "a list": lambda model: list(model.parameters())[0].device,
        "a loop": first_in_loop,
        "the last weights": lambda model: list(model.parameters())[-1].device,
        "a set": lambda model: {weights.device for weights in model.parameters()}.pop(),
        "with names": lambda model: dict(model.named_parameters()).popitem()[1].device,
        "layer by layer": search_in_layers,
        "from text": lambda model: torch.device(str(next(iter(model.parameters())).device)),
        "a new tensor": lambda model: torch.zeros_like(next(model.parameters())).device,
        "all weights in one vector": lambda model: parameters_to_vector(model.parameters()).device,
    },
}

WRONG = {
    "seeded_numbers": {
        "no seed": lambda seed: torch.rand(3),
        "seeds after drawing": seed_too_late,
        "seeds random and NumPy, draws from torch": seed_other_library,
        "seeds torch, draws from NumPy": seed_torch_draw_numpy,
        "always seed 0": lambda seed: seed_torch(0),
        "fixed numbers": lambda seed: torch.tensor([0.4963, 0.7682, 0.0885]),
        "takes 0 for no seed": seed_unless_zero,
        "neighbouring seeds give the same": lambda seed: seed_torch(seed // 10),
        "only even or odd counts": lambda seed: seed_torch(seed % 2),
        "seeds after the first number": seed_after_first_number,
        "last number not from the seed": last_number_from_elsewhere,
        "seeds at the first call only": SeedsOnce(),
        "seeds only when the seed changes": SeedsWhenChanged(),
        "repeats the first result": repeats_first(seed_torch),
        "generator without the seed": lambda seed: torch.rand(3, generator=torch.Generator()),
        "normal numbers, also negative": lambda seed: torch.randn(3, generator=torch.Generator().manual_seed(seed)),
        "from 0 to 100": lambda seed: 100 * seed_torch(seed),
        "from -1 to 1": lambda seed: 2 * seed_torch(seed) - 1,
        "one number three times": lambda seed: seed_torch(seed)[:1].repeat(3),
        "only 0 and 1": lambda seed: torch.randint(0, 2, (3,), generator=torch.Generator().manual_seed(seed)),
        "two numbers": lambda seed: seed_torch(seed)[:2],
        "one row": lambda seed: seed_torch(seed)[None],
        "one column": lambda seed: seed_torch(seed).reshape(3, 1),
        "3 x 3": lambda seed: torch.rand(3, 3, generator=torch.Generator().manual_seed(seed)),
        "a list": lambda seed: seed_torch(seed).tolist(),
        "a text": lambda seed: str(seed_torch(seed)),
        "only seeds": lambda seed: torch.manual_seed(seed),
    },
    "add_anywhere": {
        "moves nothing": lambda a, b: a + b,
        "adds on the CPU": lambda a, b: a.to(b.device) + b,
        "adds on the CPU and moves back": lambda a, b: (a.cpu() + b).to(a.device),
        "always on meta": lambda a, b: a.to("meta") + b.to("meta"),
        "changes a": add_to_a_in_place,
        "changes b on the CPU": add_to_b_in_place,
        "device of the first call": FirstDevice(),
        "only moves": lambda a, b: b.to(a.device),
        "only a": lambda a, b: a.clone(),
        "not filled": lambda a, b: torch.full_like(a, -12345),
        "difference": lambda a, b: a - b.to(a.device),
        "product": lambda a, b: a * b.to(a.device),
        "b twice": lambda a, b: torch.add(a, b.to(a.device), alpha=2),
        "rounded": lambda a, b: (a + b.to(a.device)).round(),
        "no negative numbers": lambda a, b: (a + b.to(a.device)).relu(),
        "one number": lambda a, b: (a + b.to(a.device)).sum(),
        "one after the other": lambda a, b: torch.cat([a, b.to(a.device)]),
        "stacked": lambda a, b: torch.stack([a, b.to(a.device)]),
        "mean": lambda a, b: (a + b.to(a.device)) / 2,
        "axes of length 1 lost": lambda a, b: (a + b.to(a.device)).squeeze(),
        "all axes lost": lambda a, b: (a + b.to(a.device)).flatten(),
        "an axis too many": lambda a, b: (a + b.to(a.device))[None],
        "a pair": lambda a, b: (a + b.to(a.device), a.device),
    },
    "device_of": {
        "a text": lambda model: str(next(model.parameters()).device),
        "the type as a text": lambda model: next(model.parameters()).device.type,
        "a model has no device": lambda model: model.device,
        "first layer has no weights": lambda model: model[0].weight.device,
        "first child has no weights": lambda model: next(next(model.children()).parameters()).device,
        "first child or CPU": device_of_first_layer_or_cpu,
        "last child may have no weights": lambda model: next(list(model.children())[-1].parameters()).device,
        "only the model's own weights": lambda model: next(model.parameters(recurse=False)).device,
        "asks the buffers": lambda model: next(model.buffers()).device,
        "the weights": lambda model: next(model.parameters()),
        "the dtype": lambda model: next(model.parameters()).dtype,
        "on meta or not": lambda model: next(model.parameters()).is_meta,
        "a set": lambda model: {weights.device for weights in model.parameters()},
        "a list": lambda model: [weights.device for weights in model.parameters()],
        "always CPU": lambda model: torch.device("cpu"),
        "always meta": lambda model: torch.device("meta"),
        "CUDA or CPU": lambda model: torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        "device of a new tensor": lambda model: torch.empty(1).device,
        "device of the first call": repeats_first(first_in_loop),
        "moves the model to meta": device_then_move,
        "moves the model to the CPU": device_then_fill,
        "puts the model into eval mode": device_then_eval,
        "freezes the model": device_then_freeze,
        "deletes gradients": device_then_zero,
    },
}
