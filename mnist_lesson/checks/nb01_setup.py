"""The self-checks of the exercises of notebook 01_setup."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Failed, Hint, compare, describe, plain_tensor
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.models import Scale, Unlike

# Always the same seeds, so that the verdict on a function that depends on nothing else is always the same, too.
# Whoever sets another one, such as `seed % 100`, `seed // 2` or `seed or 42`, gives two of them the same numbers.
SEEDS = (
    *range(21),
    *(32, 42, 50, 64, 99, 100, 123, 128, 255, 256, 500, 512, 999, 1000, 1001, 1024, 1234, 2025, 4096, 9999, 10_000),
    *(12_345, 50_000, 65_535, 65_536, 99_999, 100_000, 123_456, 200_000, 314_159, 500_000, 654_321, 777_777, 900_000),
    *(999_999, 1_000_000),
)

TWO_DEVICES = (
    "The two tensors are still on two devices when you add them: is `b` where `a` is by then? `.to` returns a copy, "
    "which must be kept."
)
WEIGHTS = "But each one hands out all of its weights by `model.parameters()`."


@exercise(
    "1.1",
    "Something is set, then something is drawn. 'Fix the seed' shows both. In which order, and what is handed back?",
)
def seeded_numbers(answer: Callable) -> None:
    order = random.sample(SEEDS, len(SEEDS))
    drawn = {seed: _three_numbers(answer(seed)) for seed in order}
    for seed in (order[-1], *random.sample(SEEDS, len(SEEDS))):  # the last one at once, the others after others
        torch.rand(3), np.random.rand(3), random.random()  # as other cells of a notebook might do
        if _three_numbers(answer(seed)) != drawn[seed]:
            raise Hint(
                "Called twice with the same seed, your function gives different numbers: set the seed in it each time, "
                "that of the random numbers that you draw."
            )
    _check_that_seeds_differ(drawn)
    _check_that_numbers_are_random(drawn)


def _three_numbers(found: Any) -> tuple[float, ...]:
    """Return what the learner's function returned as three plain numbers."""
    if isinstance(found, torch.Generator):
        raise Hint(
            "This is what `manual_seed` returns, and no number has been drawn yet: draw after it, and return what was "
            "drawn."
        )
    if not isinstance(found, torch.Tensor):
        raise Hint(f"A tensor was expected, found {describe(found)}.")
    found = plain_tensor(found)
    if found.shape != (3,):
        raise Hint(f"The result should have the shape (3,), but has {tuple(found.shape)}.")
    if found.is_complex() or found.dtype == torch.bool or found.is_meta or found.layout != torch.strided:
        raise Hint(f"Three ordinary numbers were expected, found {describe(found)}.")
    numbers = tuple(found.double().tolist())
    if not all(0 <= number <= 1 for number in numbers):
        raise Hint(f"All three numbers must be from 0 to 1, found {describe(found)}.")
    return numbers


def _check_that_seeds_differ(drawn: dict[int, tuple]) -> None:
    if len(set(drawn.values())) == 1:
        raise Hint("Every seed gives the same numbers: does your function use `seed`, or a number of its own?")
    for one, other in itertools.combinations(sorted(drawn), 2):
        if drawn[one] == drawn[other]:
            raise Hint(
                f"The seeds {one} and {other} give the same numbers: is the seed changed before it is set, or are "
                "there only a few numbers that can come out?"
            )


def _check_that_numbers_are_random(drawn: dict[int, tuple]) -> None:
    """Refuse numbers that are fixed, that do not fill the range, or that follow from each other or from the seed."""
    seeds = torch.tensor(sorted(drawn), dtype=torch.float64)
    columns = torch.tensor([drawn[seed] for seed in sorted(drawn)], dtype=torch.float64).T
    for place, column in enumerate(columns, start=1):
        if column.min() == column.max():
            raise Hint(f"Number {place} of your three is {column[0]:.4g} for every seed: draw all three at random.")
        if _follows(column, seeds):
            raise Hint("Your numbers grow or shrink along with the seed: it should only start the random numbers.")
    if columns.min() > 0.2 or columns.max() < 0.8:
        raise Hint(
            f"Whatever the seed, none of your numbers is outside {columns.min():.2g} to {columns.max():.2g}: they "
            "should come from the whole range from 0 to 1."
        )
    pairs = itertools.permutations(columns, 2)
    if any(_follows(one, other) for one, other in pairs) or torch.corrcoef(columns).det() < 0.25:
        raise Hint(
            "Your three numbers follow from each other: if one is known, so are the others. Draw three, and set the "
            "seed only once, before the first."
        )


def _follows(values: torch.Tensor, along: torch.Tensor) -> bool:
    """Tell whether values form a curve along others: then neighbours are closer to each other than by chance.

    This is the ratio of von Neumann. It is near 2 for independent numbers, and near 0 for a curve.
    """
    steps = values[along.argsort()].diff()
    return bool(steps.square().sum() < 0.5 * (values - values.mean()).square().sum())


@exercise(
    "1.2",
    "Which of the two has to move, and where to? A tensor can be asked where it lies.",
    errors={
        "expected device": TWO_DEVICES,
        "same device": TWO_DEVICES,
        "Torch not compiled": "Not every PyTorch knows the device that you name. Ask `a` for its device instead.",
        "NVIDIA driver": "Not every machine has the device that you name. Ask `a` for its device instead.",
        "meta tensor": "From the pretend device `meta` no numbers can be fetched: send `b` to where `a` is.",
        "meta device": "From the pretend device `meta` no numbers can be fetched: send `b` to where `a` is.",
        "converted to Scalar": "`b` may hold many numbers: send it to another device as a whole.",
    },
)
def add_anywhere(answer: Callable) -> None:
    def right(a, b):
        return a + b.to(a.device)

    def draw():
        shapes = [(random.randint(2, 6),), (1,), (random.randint(2, 4), random.randint(5, 7)), (2, 1, 3)]
        on_cpu = [tuple(torch.randint(-99, 100, (2, *shape)) / 4) for shape in shapes]
        on_cpu.append(tuple(torch.randint(-9, 10, (2, 4))))  # whole numbers
        cases = [(a.to(device), b) for device in ("cpu", "meta") for a, b in on_cpu]
        return [*cases, *((_in_gradients(a), _in_gradients(b)) for a, b in (cases[0], cases[-3]))]

    def a_sum(a, b):
        found = answer(a, b)
        if found is a or found is b:  # on the device `meta` nothing else would tell
            raise Hint("Your function returns one of the two tensors that it was given: return their sum.")
        return found

    mistakes = [
        (lambda a, b: a - b.to(a.device), "With both tensors on the CPU, this is their difference: add them."),
        (lambda a, b: a * b.to(a.device), "With both tensors on the CPU, this is their product: add them."),
        (lambda a, b: a + b.to(a.device).sum(), "You add all numbers of `b` to each of `a`: add them place by place."),
        (
            lambda a, b: a.to("meta") + b.to("meta"),
            "With both tensors on the CPU, the sum lies on `meta`: it must lie where `a` is. Ask `a` for its device.",
        ),
    ]
    compare(a_sum, draw, right, mistakes)


def _in_gradients(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy that takes part in gradients and has one already."""
    copy = tensor.clone().requires_grad_()
    copy.grad = torch.rand_like(copy)
    return copy


def _models() -> list[nn.Module]:
    """Return models that have hardly more in common than that they have weights somewhere."""
    n = random.randint(2, 5)
    return [
        nn.Sequential(nn.ReLU(), nn.Linear(n, 2)),
        nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Sequential(nn.ReLU(), nn.Linear(n, 2)), nn.ReLU()),
        nn.Sequential(nn.Conv2d(1, n, 3), nn.BatchNorm2d(n), nn.ReLU()),
        nn.Sequential(nn.Linear(n, 2).requires_grad_(False), nn.ReLU()).eval(),
        nn.Linear(n, 1, bias=False),
        Unlike(),
        Scale(),
    ]


def _in_use(model: nn.Module) -> nn.Module:
    """Give a model what it may have collected: gradients and a hook."""
    for weight in model.parameters():
        weight.grad = torch.rand_like(weight)
    model.register_forward_hook(lambda *_: None)
    return model


@exercise(
    "1.3",
    "A module has no device of its own. But each of its weights has one, and can be asked.",
    errors={
        "'generator' object": "`model.parameters()` is no list and has no device: it hands out the weights one by one, "
        "and `next(...)` takes the first.",
        "has no attribute 'device'": "A module has no `.device`, because its weights could lie on several. "
        "Ask one of its weights.",
        "method' object is not an iterator": "`model.parameters` is the method itself: only a call, with parentheses, "
        "hands out the weights. `next(...)` then takes the first element.",
        "is not an iterator": "`next` cannot go through this. It can go through `model.parameters()`, the weights.",
        "has no attribute": f"Not every model has what you ask for, and some layers have no weights. {WEIGHTS}",
        "not subscriptable": f"Not every model is a list of layers. {WEIGHTS}",
        "iterable": f"Not every model is a list of layers. {WEIGHTS}",
        "out of range": f"Not every model consists of layers, or of so many. {WEIGHTS}",
        "meta tensor": "The model shall stay where it is: ask it, do not move it.",
    },
)
def device_of(answer: Callable) -> None:
    models = [_in_use(model.to(device)) for device in ("cpu", "meta") for model in _models()]
    for model in random.sample(models, len(models)):
        device = next(model.parameters()).device
        try:
            found = answer(model)
        except Failed as failed:
            if isinstance(failed.__cause__, StopIteration):  # it has no message
                raise Hint(f"Not every model has what you give to `next`, so it finds nothing. {WEIGHTS}") from None
            raise
        if isinstance(found, str):
            raise Hint("This is a text. Return the device itself, which a weight has as `.device`.")
        if isinstance(found, torch.Tensor):
            raise Hint("This is a weight. Return the device that it lies on.")
        if not isinstance(found, torch.device):
            raise Hint(f"Expected a device, found {describe(found)}.")
        if found.type != device.type:
            raise Hint(f"The model lies on {device}, your answer is {found}: ask the model, not the machine.")
