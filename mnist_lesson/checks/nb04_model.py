"""The self-checks of the exercises of notebook 04_model."""

import itertools
import math
import random
from collections.abc import Callable, Iterable

import torch
import torch.nn as nn
import torch.nn.functional as F

from mnist_lesson.checks.compare import Failed, Hint, compare, describe, draw_until
from mnist_lesson.checks.judge import exercise


@exercise(
    "4.1", "First the convolution: at how many places does the window fit? Then the pooling divides, rounded down."
)
def size_after(answer: Callable) -> None:
    def right(size, kernel_size, pool_size):
        return (size - kernel_size + 1) // pool_size

    def draw():
        cases = [(random.randint(15, 40), kernel, pool) for kernel in (3, 4, 5) for pool in (2, 3)]
        return [*cases, (28, 3, 2), (13, 3, 2), (14, 3, 2), (13, 4, 2)]

    mistakes = [
        (
            lambda s, k, p: (s - k) // p,
            "A window of 3 fits into a side of 3 once, not 0 times: count the places again.",
        ),
        (lambda s, k, p: (s - k + 1) / p, "There is no half pixel: pooling rounds down."),
        (lambda s, k, p: math.ceil((s - k + 1) / p), "Pooling rounds down: a row that is left over is lost."),
        (lambda s, k, p: s - k + 1, "That is the side after the convolution: pooling makes it smaller again."),
        (lambda s, k, p: s // p, "That is the pooling alone: before it, the convolution takes something away."),
        (lambda s, k, p: s // p - k + 1, "The convolution comes first, then the pooling."),
    ]
    compare(answer, draw, right, mistakes)


@exercise("4.2", "Follow one side through conv1, pool1, conv2 and pool2, as the notebook does for 28.")
def flat_size(answer: Callable) -> None:
    def end(side):
        return ((side - 2) // 2 - 2) // 2

    def draw():
        return [(side,) for side in [*random.sample(range(16, 60), 5), 28, 30]]

    mistakes = [
        (lambda side: end(side) ** 2, "That is one map. How many maps leave conv2?"),
        (lambda side: 64 * end(side), "Each map has a height and a width."),
        (lambda side: 32 * end(side) ** 2, "32 maps leave conv1. How many leave conv2?"),
        (lambda side: 1600, "1600 holds for a side of 28 only: compute it from `side`."),
        (lambda side: 64 * (side // 4) ** 2, "The two convolutions take something away as well."),
        (lambda side: 64 * (side - 4) ** 2, "The two poolings halve the side as well."),
        (
            lambda side: 64 * ((side - 4) // 4) ** 2,
            "Take the steps in their order: each pooling rounds down by itself.",
        ),
    ]
    compare(answer, draw, lambda side: 64 * end(side) ** 2, mistakes)


@exercise("4.3", "One map that goes out needs a window for each map that comes in, and one number more.")
def conv_parameters(answer: Callable) -> None:
    def right(in_channels, out_channels, kernel_size):
        layer = nn.Conv2d(in_channels, out_channels, kernel_size)
        return sum(parameter.numel() for parameter in layer.parameters())

    def draw():
        return [(random.randint(2, 9), random.randint(2, 9), kernel) for kernel in (3, 4, 5, 7)]

    mistakes = [
        (lambda i, o, k: i * o * k * k, "The biases are missing."),
        (lambda i, o, k: i * o * k * k + 1, "How many biases are there? One for the layer is not enough."),
        (lambda i, o, k: i * o * k * k + i, "A bias belongs to a map that goes out, not to one that comes in."),
        (lambda i, o, k: (k * k + 1) * o, "Each map that comes in has a window of its own."),
        (lambda i, o, k: (i * k + 1) * o, "The window has a height and a width."),
        (lambda i, o, k: (k * k + 1) * i * o, "One bias for each map that goes out, not one for each window."),
    ]
    compare(answer, draw, right, mistakes)


@exercise("4.4", "What makes every number positive, what makes a row add up to 1, and along which axis does a row lie?")
def probabilities(answer: Callable) -> None:
    def right(logits):
        return logits.softmax(dim=1)

    def draw():
        return [(3 * torch.randn(random.randint(2, 4), random.randint(5, 9)),) for _ in range(3)]

    mistakes = [
        (lambda logits: logits.softmax(dim=0), "Your columns add up to 1. The rows must: one row is one image."),
        (lambda logits: logits.exp() / logits.exp().sum(), "The whole table adds up to 1. Each row must."),
        (torch.exp, "The rows do not add up to 1 yet: divide."),
        (lambda logits: logits / logits.sum(dim=1, keepdim=True), "Negative numbers remain: `exp` comes first."),
        (lambda logits: logits.log_softmax(dim=1), "These are the logarithms of the probabilities."),
    ]
    compare(answer, draw, right, mistakes)
    large = torch.randn(2, 10) + torch.tensor([[500.0], [-500.0]])
    found = answer(large)
    if isinstance(found, torch.Tensor) and not found.isfinite().all():
        raise Hint(
            "Right for small logits, but for logits of 500 `exp` overflows and gives nan. Only differences count: "
            "take the largest of each row away first."
        )
    compare(answer, lambda: [(large,)], right)


@exercise(
    "4.5",
    "Copy the `Sequential` from 'The network in one expression'. Which two numbers depend on `side` and `num_classes`?",
    errors={
        "cannot be multiplied": "The first linear layer was made for another number of inputs: exercise 4.2 finds it.",
        "mat1 and mat2": "The first linear layer was made for another number of inputs: exercise 4.2 finds it.",
    },
)
def build(answer: Callable) -> None:
    start, classes = random.randint(20, 24), random.randint(3, 9)
    for side, classes in ((28, 10), *((side, classes) for side in range(start, start + 4))):  # whatever 4 leaves over
        model = answer(side, classes)
        if not isinstance(model, nn.Module):
            raise Hint(f"Expected a network, found {describe(model)}: return what `nn.Sequential(...)` makes.")
        images = 20 * torch.rand(64, 1, side, side)
        logits = _logits(answer, model, images)
        if not isinstance(logits, torch.Tensor) or logits.shape != (64, classes):
            raise Hint(f"For 64 images there should be logits of shape (64, {classes}), found {describe(logits)}.")
        shapes = [tuple(parameter.shape) for parameter in model.parameters()]
        inputs = 64 * (((side - 2) // 2 - 2) // 2) ** 2
        expected = [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), (64, inputs), (64,), (classes, 64), (classes,)]
        if shapes != expected:
            wrong = next((pair for pair in zip(shapes, expected) if pair[0] != pair[1]), (len(shapes), len(expected)))
            raise Hint(
                f"The layers differ from those of the lesson: a weight has the shape {wrong[0]}, not {wrong[1]}."
            )
        _check_steps(answer, model, images[:16])


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


def _check_steps(answer: Callable, model: nn.Module, images: torch.Tensor) -> None:
    """Raise Hint unless the network does with its weights what the lesson's network does."""
    ends = {"softmax": nn.Softmax(1), "log-softmax": nn.LogSoftmax(1), "ReLU": nn.ReLU()}
    places = ("after conv1", "after conv2", "after fc1")

    @torch.no_grad()
    def draw():
        """New weights, and what each network computes with them on these images."""
        weights = _new_weights(model)
        weights[-1] -= _lesson_logits(weights, images).mean(dim=0)  # now some logits are negative, some positive
        expected = _lesson_logits(weights, images)
        with_end = {name: end(expected) for name, end in ends.items()}
        without_relu = {
            place: _lesson_logits(weights, images, [number != missing for number in range(3)])
            for missing, place in enumerate(places)
        }
        return weights, expected, with_end, without_relu

    def problem(drawn):
        _, expected, with_end, without_relu = drawn
        each = [expected, *with_end.values(), *without_relu.values()]
        pairs = itertools.combinations(each, 2)
        return "" if all(_differ(one, other, times=10) for one, other in pairs) else "two networks do the same"

    weights, expected, with_end, without_relu = draw_until(draw, problem)
    with torch.no_grad():
        for own, drawn in zip(model.parameters(), weights):
            own.copy_(drawn)
    logits = _logits(answer, model, images)
    if not isinstance(logits, torch.Tensor) or logits.shape != expected.shape:
        raise Hint(f"Called twice, your network answers in two ways, now with {describe(logits)}.")
    if not _differ(logits, expected):
        return
    for name, results in with_end.items():
        if not _differ(logits, results):
            raise Hint(f"There is a {name} at the end. The last layer has nothing behind it: the loss wants logits.")
    for place, results in without_relu.items():
        if not _differ(logits, results):
            raise Hint(f"A ReLU is missing {place}: without it, more layers can do no more than fewer.")
    raise Hint("With equal weights the lesson's network gives other logits: are all ReLUs and both poolings there?")


def _new_weights(model: nn.Module) -> list[torch.Tensor]:
    """Draw weights of the shapes that the model has, as large as PyTorch draws them for a new layer."""
    shapes = [weight.shape for weight in model.parameters()]
    sizes = [shape[1:].numel() for shape in shapes[::2] for _ in "wb"]  # a bias has the size of its layer's weights
    return [(2 * torch.rand(shape) - 1) / size**0.5 for shape, size in zip(shapes, sizes)]


def _differ(logits: torch.Tensor, expected: torch.Tensor, times: float = 1) -> bool:
    """Compare up to the rounding of a whole network."""
    return not torch.allclose(logits, expected, rtol=times * 1e-3, atol=times * 1e-3)


def _lesson_logits(weights: list, images: torch.Tensor, relus: Iterable[bool] = (True, True, True)) -> torch.Tensor:
    """Compute the logits of the lesson's network from its eight weights and biases; a ReLU can be left out."""
    relu1, relu2, relu3 = (F.relu if wanted else nn.Identity() for wanted in relus)
    x = F.max_pool2d(relu1(F.conv2d(images, *weights[0:2])), 2)
    x = F.max_pool2d(relu2(F.conv2d(x, *weights[2:4])), 2)
    return F.linear(relu3(F.linear(x.flatten(1), *weights[4:6])), *weights[6:8])
