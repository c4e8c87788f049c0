"""The self-checks of the exercises of notebook 04_model."""

import itertools
import math
import random
from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F

from mnist_lesson.checks.compare import Failed, Hint, compare, describe, difference, draw_until
from mnist_lesson.checks.judge import exercise


@exercise(
    "4.1", "First the convolution: at how many places does the window fit? Then the pooling divides, rounded down."
)
def size_after(answer: Callable) -> None:
    def right(size, kernel_size, pool_size):
        return (size - kernel_size + 1) // pool_size

    def draw():
        usual = [(random.randint(15, 40), kernel, pool) for kernel in (2, 3, 4, 5) for pool in (2, 3, 4)]
        # All that fits: windows of 1, windows as large as what they look at, each rest.
        small = [(s, k, p) for s in range(1, 8) for k in range(1, s + 1) for p in range(1, s - k + 2)]
        return [(28, 3, 2), (13, 3, 2), *usual, (1000, 7, 3), (999, 1, 16), *small]

    mistakes = [
        (
            lambda s, k, p: (s - k) // p,
            "A window of 3 fits into a side of 3 once, not 0 times: count the places again.",
        ),
        (lambda s, k, p: (s - k + 1) / p, "There is no half pixel: pooling rounds down."),
        (
            lambda s, k, p: math.ceil((s - k + 1) / p),  # or (s - k) // p + 1
            "Your sides come out rounded up, but a row that is left over in pooling is lost. Is a `+ 1` added too "
            "late?",
        ),
        (lambda s, k, p: round((s - k + 1) / p), "Pooling rounds down: a row that is left over is lost."),
        (lambda s, k, p: s - k + 1, "That is the side after the convolution: pooling makes it smaller again."),
        (lambda s, k, p: s // p, "That is the pooling alone: before it, the convolution takes something away."),
        (lambda s, k, p: s // p - k + 1, "The convolution comes first, then the pooling."),
        (lambda s, k, p: (s - 2) // p, "A convolution takes 2 away if `kernel_size` is 3. And otherwise?"),
        (lambda s, k, p: (s - k + 1) // 2, "A pooling halves the side if `pool_size` is 2. And otherwise?"),
    ]
    compare(answer, draw, right, mistakes)


@exercise("4.2", "Follow one side through conv1, pool1, conv2 and pool2, as the notebook does for 28.")
def flat_size(answer: Callable) -> None:
    def end(side):
        return ((side - 2) // 2 - 2) // 2

    def draw():
        sides = [28, *range(16, 48), *random.sample(range(48, 110), 5)]  # small enough to build the network and look
        return [(side,) for side in sides]

    mistakes = [
        (lambda side: end(side) ** 2, "That is one map. How many maps leave conv2?"),
        (lambda side: 64 * end(side), "Each map has a height and a width."),
        (lambda side: 32 * end(side) ** 2, "32 maps leave conv1. How many leave conv2?"),
        (lambda side: 1600, "1600 holds for a side of 28 only: compute it from `side`."),
        (lambda side: 64 * (side // 4) ** 2, "The two convolutions take something away as well."),
        (lambda side: 64 * (side - 4) ** 2, "The two poolings halve the side as well."),
        (
            lambda side: 64 * ((side - 4) // 4) ** 2,
            "Take the steps in their order: conv2 takes 2 away from a side that pool1 has halved.",
        ),
        (
            lambda side: 64 * (side // 4 - 2) ** 2,
            "Take the steps in their order, conv1 before pool1: each pooling rounds down what it gets.",
        ),
        (
            lambda side: int(64 * (((side - 2) / 2 - 2) / 2) ** 2),
            "There is no half pixel: each pooling rounds the side down at once.",
        ),
    ]
    compare(answer, draw, lambda side: 64 * end(side) ** 2, mistakes)


@exercise("4.3", "One map that goes out needs a window for each map that comes in, and one number more.")
def conv_parameters(answer: Callable) -> None:
    def right(in_channels, out_channels, kernel_size):
        layer = nn.Conv2d(in_channels, out_channels, kernel_size, device="meta")  # it has shapes, but no numbers
        return sum(parameter.numel() for parameter in layer.parameters())

    def draw():
        drawn = [(random.randint(2, 9), random.randint(2, 9), kernel) for kernel in (1, 2, 3, 4, 5, 7)]
        small = [(i, o, k) for i in (1, 2) for o in (1, 2) for k in (1, 2)]
        return [(1, 32, 3), (32, 64, 3), *drawn, (3, 96, 11), (512, 256, 1), *small]

    mistakes = [
        (lambda i, o, k: i * o * k * k, "The biases are missing."),
        (lambda i, o, k: i * o * k * k + 1, "How many biases are there? One for the layer is not enough."),
        (lambda i, o, k: i * o * k * k + i, "A bias belongs to a map that goes out, not to one that comes in."),
        (lambda i, o, k: (k * k + 1) * o, "Each map that comes in has a window of its own."),
        (lambda i, o, k: (i * k + 1) * o, "The window has a height and a width."),
        (lambda i, o, k: (k * k + 1) * i * o, "One bias for each map that goes out, not one for each window."),
        (lambda i, o, k: (i * 9 + 1) * o, "A window holds 9 numbers if `kernel_size` is 3. And otherwise?"),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "4.4",
    "What makes every number positive, what makes a row add up to 1, and along which axis does a row lie?",
    errors={
        "return_types.max": "Along an axis, `max` gives two things, the largest numbers and their places. `amax` gives "
        "the numbers alone.",
        "must match the size": "Two tables do not fit together: what you compute from each row, such as its sum, must "
        "keep its axis, as (N, 1).",
    },
)
def probabilities(answer: Callable) -> None:
    def right(logits):
        return logits.softmax(dim=1)

    def without_largest(logits):
        return (logits - logits.amax(dim=1, keepdim=True)).exp()

    def draw():
        sizes = [(random.randint(2, 4), random.randint(5, 9)), (5, 5), (1, 10), (3, 1), (20, 2)]
        return [(3 * torch.randn(size),) for size in sizes]

    columns_add_up = "Your columns add up to 1. The rows must: one row is one image."
    table_adds_up = "The whole table adds up to 1. Each row must."
    mistakes = [
        (lambda logits: logits.softmax(dim=0), columns_add_up),
        (lambda logits: without_largest(logits) / without_largest(logits).sum(dim=0), columns_add_up),
        (lambda logits: logits.exp() / logits.exp().sum(), table_adds_up),
        (lambda logits: without_largest(logits) / without_largest(logits).sum(), table_adds_up),
        (torch.exp, "The rows do not add up to 1 yet: divide."),
        (lambda logits: logits / logits.sum(dim=1, keepdim=True), "Negative numbers remain: `exp` comes first."),
        (lambda logits: logits.log_softmax(dim=1), "These are the logarithms of the probabilities."),
        (
            without_largest,
            "The largest of each row is taken away, and all is positive. But the rows do not add up to 1 yet: divide.",
        ),
        (
            lambda logits: F.normalize((logits - logits.amax(dim=0)).exp(), p=1, dim=1),
            "You take the largest of each column away. Take that of each row: one row is one image.",
        ),
    ]
    compare(answer, draw, right, mistakes)
    tables = _large_logits()
    for name, logits in tables.items():
        problem = difference(answer(logits.clone()), right(logits))
        if problem:
            raise Hint(
                f"Right for small logits, but not for an image whose logits {name} ({problem}). `exp` overflows "
                "where a number is far above 0, and where all are far below 0, it makes zeros of all. Only "
                "differences count: take the largest of each row away first."
            )
    logits = torch.cat(list(tables.values()))[torch.randperm(len(tables))]
    problem = difference(answer(logits.clone()), right(logits))
    if problem:
        raise Hint(
            f"Right for each of some images alone, but not for a batch of them, with logits of 500 in one image and "
            f"of -500 in another ({problem}). Take away from each row what is its own largest."
        )


def _large_logits() -> dict[str, torch.Tensor]:
    """Draw logits of one image each, (1, 10), for which `exp` is too large, or 0 for all classes."""
    ramp = torch.linspace(-500, 500, 10)
    noise = 5 * torch.rand(10)
    tables = {"are all 500": torch.full((10,), 500.0), "are all -500": torch.full((10,), -500.0)}
    for size in (500, 250, 120):
        tables |= {f"are about {size}": size - noise, f"are about -{size}": noise - size}
    tables |= {"run from -500 to 500": ramp, "run from 500 to -500": ramp.flip(0)}
    tables["lie between -500 and 500"] = ramp[torch.randperm(10)]
    for place in range(10):  # the two largest count, wherever they are
        row = torch.full((10,), -500.0)
        row[place], row[(place + random.randint(1, 9)) % 10] = 500, 498
        tables[f"are 500 for class {place}, 498 for another one and -500 for the others"] = row
    return {name: row[None] for name, row in tables.items()}


@exercise(
    "4.5",
    "Copy the `Sequential` from 'The network in one expression'. Which two numbers depend on `side` and `num_classes`?",
    errors={
        "cannot be multiplied": "The first linear layer was made for another number of inputs: exercise 4.2 finds it.",
        "mat1 and mat2": "The first linear layer was made for another number of inputs: exercise 4.2 finds it.",
        "list is not a Module": "`nn.Sequential` takes the layers themselves, one after the other, not a list of them.",
        "but got float": "A layer was made with a fraction, even if it ends in .0: `/` gives fractions, `//` whole "
        "numbers.",
    },
)
def build(answer: Callable) -> None:
    start = random.randint(16, 36)
    for side in (28, *range(16, 41)):
        classes, number = (10, 1, 2, 3, 7, 26, 64)[side % 7], (1, 5, 2)[side % 3]  # each of them at some sides
        model = answer(side, classes)
        if not isinstance(model, nn.Module):
            raise Hint(f"Expected a network, found {describe(model)}: return what `nn.Sequential(...)` makes.")
        _check_logits(_logits(answer, model, torch.rand(number, 1, side, side)), number, classes)
        _check_layers(model, side, classes)
        if side == 28 or side in range(start, start + 4):  # whatever 4 leaves over
            _check_steps(answer, model, side, classes)


def _check_logits(logits: object, number: int, classes: int) -> None:
    if not isinstance(logits, torch.Tensor) or logits.shape != (number, classes):
        images = f"{number} image{'s' if number > 1 else ''} and {classes} class{'es' if classes > 1 else ''}"
        raise Hint(f"For {images} there should be logits of shape ({number}, {classes}), found {describe(logits)}.")


def _check_layers(model: nn.Module, side: int, classes: int) -> None:
    """Raise Hint unless the weights have the shapes of the lesson's, and can be trained."""
    shapes = [tuple(parameter.shape) for parameter in model.parameters()]
    inputs = 64 * (((side - 2) // 2 - 2) // 2) ** 2
    expected = [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), (64, inputs), (64,), (classes, 64), (classes,)]
    wrong = next((pair for pair in zip(shapes, expected) if pair[0] != pair[1]), None)
    if wrong:
        raise Hint(
            f"With images of {side} x {side} the layers differ from those of the lesson: a weight has the shape "
            f"{wrong[0]}, not {wrong[1]}."
        )
    if len(shapes) != len(expected):
        raise Hint(
            f"The layers differ from those of the lesson: it has {len(expected)} weights and biases, and your "
            f"network has {len(shapes)}."
        )
    if not all(parameter.requires_grad for parameter in model.parameters()):
        raise Hint("The weights of your network are frozen (`requires_grad` is False): nobody could train it.")


def _logits(answer: Callable, model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return what the learner's network answers, or raise Hint if it does not."""
    side = images.shape[-1]
    try:
        return answer.use(model, images)
    except Failed as failed:
        reason = (str(failed.__cause__).splitlines() or [type(failed.__cause__).__name__])[0]
        if "mat1 and mat2" in reason:
            raise Hint(
                f"With images of {side} x {side} the layers do not fit together ({reason}). Is there a flatten "
                "before the first linear layer, and has that one the right number of inputs?"
            ) from None
        raise Hint(f"With images of {side} x {side} the network stops: {reason}") from None


def _check_steps(answer: Callable, model: nn.Module, side: int, classes: int) -> None:
    """Raise Hint unless the network does with its weights what the lesson's network does."""
    images = torch.randn(4, 1, side, side) * torch.tensor([0.3, 1, 3, 20]).reshape(4, 1, 1, 1)
    weights, expected, others = draw_until(lambda: _draw_logits(model, images), _alike)
    with torch.no_grad():
        for own, drawn in zip(model.parameters(), weights):
            own.copy_(drawn)
    model.train()  # as every new network is; here a dropout shows
    for _ in range(2):
        logits = _logits(answer, model, images.clone())
        _check_logits(logits, len(images), classes)
        if not _differ(logits, expected):
            continue
        for hint, results in others:
            if not _differ(logits, results):
                raise Hint(hint)
        raise Hint(
            "With equal weights the lesson's network gives other logits: are all ReLUs and both poolings there, and "
            "nothing else?"
        )


@torch.no_grad()
def _draw_logits(model: nn.Module, images: torch.Tensor) -> tuple[list, torch.Tensor, list]:
    """Draw weights, and return them, the lesson's logits, and those of other networks, each with its hint."""
    shapes = [weight.shape for weight in model.parameters()]
    sizes = [shape[1:].numel() for shape in shapes[::2] for _ in "wb"]  # a bias has the size of its layer's weights
    # As large as it takes that numbers neither grow nor shrink from layer to layer.
    weights = [(2 * torch.rand(shape) - 1) * (6 / size) ** 0.5 for shape, size in zip(shapes, sizes)]
    weights[-1] -= _lesson_logits(weights, images).mean(dim=0)  # now some logits are negative, some positive
    expected = _lesson_logits(weights, images)
    ends = {"softmax": expected.softmax(1), "log-softmax": expected.log_softmax(1), "ReLU": expected.relu()}
    others = [
        (f"There is a {name} at the end. The last layer has nothing behind it: the loss wants logits.", logits)
        for name, logits in ends.items()
    ]
    for missing, place in enumerate(("after conv1", "after conv2", "after fc1")):
        steps = tuple(nn.Identity() if number == missing else F.relu for number in range(3))
        hint = f"A ReLU is missing {place}: without it, more layers can do no more than fewer."
        others.append((hint, _lesson_logits(weights, images, steps)))
    hint = "The lesson's poolings take the largest number of each window, not the mean."
    others.append((hint, _lesson_logits(weights, images, pool=F.avg_pool2d)))
    hint = "Between the layers there is something like a ReLU, but no plain one."
    for step in (F.gelu, F.leaky_relu, F.relu6, F.elu, F.silu):
        others.append((hint, _lesson_logits(weights, images, (step,) * 3)))
    return weights, expected, others


def _alike(drawn: tuple[list, torch.Tensor, list]) -> str:
    """Name two networks that do the same, unless they get the same hint."""
    _, expected, others = drawn
    pairs = itertools.combinations([("the lesson's", expected), *others], 2)
    return next((f"{a} looks like {b}" for (a, x), (b, y) in pairs if a != b and not _differ(y, x, 10)), "")


def _differ(logits: torch.Tensor, expected: torch.Tensor, times: float = 1) -> bool:
    """Compare up to the rounding of a whole network."""
    tolerance = times * 1e-4 * expected.abs().amax(dim=1, keepdim=True)
    return not ((logits - expected).abs() <= tolerance).all()  # nan differs, too


def _lesson_logits(
    weights: list, images: torch.Tensor, steps: tuple = (F.relu,) * 3, pool: Callable = F.max_pool2d
) -> torch.Tensor:
    """Compute the logits of the lesson's network from its eight weights and biases, or those of a network like it."""
    x = pool(steps[0](F.conv2d(images, *weights[0:2])), 2)
    x = pool(steps[1](F.conv2d(x, *weights[2:4])), 2)
    return F.linear(steps[2](F.linear(x.flatten(1), *weights[4:6])), *weights[6:8])
