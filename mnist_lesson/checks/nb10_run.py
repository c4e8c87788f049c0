"""Run a learner's training program of notebook 10, and measure what came out: what the twelve checkers are made of."""

import functools
import math
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from mnist_lesson.checks.compare import Hint, describe
from mnist_lesson.data import load_mnist
from mnist_lesson.further.faults import Ward, size_of, size_of_gradient, watch, way_of_weights
from mnist_lesson.further.inside import mode
from mnist_lesson.results import History

# Mended programs reach a test accuracy of 0.86 to 0.93, ill ones at most 0.71, apart from patients 3, 4 and 6 (0.64 to
# 0.80), which their checkers know by other signs.
LEAST = 0.8
EXPLODED = 3.0  # a network that only guesses has a loss of 2.3: a mean loss above this one was driven up

UNMOVED = (
    "The weights of the model are those that it started with, so it has learned nothing: is there a step that "
    "uses a gradient, for each batch?"
)


class ProgramRun(NamedTuple):
    """One run of a learner's program: what it was given, what it returned, and what was noted meanwhile."""

    ward: Ward
    model: nn.Module
    history: History
    notes: SimpleNamespace


def run_program(answer: Any, not_finite: str = "") -> ProgramRun:
    """Run the program on new images and check the form of what it returns.

    `not_finite` is the hint for numbers in the history that are not finite, after a training that went astray.
    """
    ward = draw_ward()
    with watch() as notes:
        result = answer(*ward)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Hint(f"Expected two values, the model and its history, found {describe(result)}.")
    model, history = result
    if isinstance(model, History) and isinstance(history, nn.Module):
        raise Hint("Return the model first and the history second: `return model, history`.")
    if not isinstance(model, nn.Module):
        raise Hint(f"The first value you return should be the model, but is {describe(model)}.")
    if not isinstance(history, History):
        raise Hint(f"The second value you return should be a History, but is {describe(history)}.")
    check_curves(history, not_finite)
    if not notes.start.get(model) or len(notes.start[model]) != len(list(model.parameters())):
        raise Hint("The model that you return was never shown an image: return the one that you trained.")
    return ProgramRun(ward, model, history, notes)


def check_curves(history: History, not_finite: str) -> None:
    """Raise Hint unless the history holds four equally long lists of numbers that can be."""
    curves = [history.train_acc, history.train_loss, history.test_acc, history.test_loss]
    if not all(isinstance(curve, list) and len(curve) == len(curves[0]) > 0 for curve in curves):
        raise Hint("The four lists of the history are empty or differ in length: add four numbers after each epoch.")
    values = [value for curve in curves for value in curve]
    if not all(isinstance(value, int | float) for value in values):
        raise Hint("The history should hold plain numbers: `.item()` makes one from a tensor.")
    if not all(map(math.isfinite, values)):
        if not_finite and not all(loss <= EXPLODED for loss in history.train_loss):  # nan is not <= anything
            raise Hint(not_finite)
        raise Hint("The history holds numbers that are not finite (nan or inf): find the first of them.")
    if not all(0 <= value <= 1 for value in [*history.train_acc, *history.test_acc]):
        raise Hint("An accuracy in the history is not between 0 and 1: right answers divided by images.")


def draw_ward() -> Ward:
    """Draw 2,000 training images and some 900 test images, the ones last.

    The number of test images differs each time and is no multiple of 10, and the last images differ from the rest:
    so an average with wrong weights or a wrong divisor shows.
    """
    train_images, train_labels, test_images, test_labels = load_all()
    chosen = torch.randperm(len(train_images))[:2000]
    number = 910 + 10 * torch.randint(7, ()).item() + [2, 4, 6, 8][torch.randint(4, ()).item()]
    tested = torch.randperm(len(test_images))[:number]
    tested = tested[(test_labels[tested] == 1).int().argsort()]
    return train_images[chosen], train_labels[chosen], test_images[tested], test_labels[tested]


@functools.cache  # twelve checkers use them
def load_all() -> Ward:
    """Return all training images and labels, and all test images and labels."""
    train_ds, test_ds = load_mnist(train=True), load_mnist(train=False)
    return train_ds.data.unsqueeze(1), train_ds.targets, test_ds.data.unsqueeze(1), test_ds.targets


def logits_of(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return what the model answers in eval mode, (N, 10), on the CPU.

    Raises Hint if it answers with anything but ten finite numbers for each image.
    """
    weight = next(model.parameters())
    try:
        with mode(model, training=False), torch.no_grad():
            logits = model(images.to(weight))
    except Exception:  # it is the learner's
        raise Hint(
            "The model that you return cannot read images of shape (N, 1, 28, 28): return it as it is."
        ) from None
    if not isinstance(logits, torch.Tensor) or logits.shape != (len(images), 10) or not logits.is_floating_point():
        raise Hint("The model that you return should give ten logits for each image, (N, 10).")
    if not logits.isfinite().all():
        raise Hint("The model that you return answers with numbers that are not finite (nan or inf).")
    return logits.float().cpu()


def measure(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Return accuracy (0..1) and loss."""
    return (logits.argmax(1) == labels).double().mean().item(), F.cross_entropy(logits, labels).item()


def ways_to_prepare(run: ProgramRun) -> dict[str, tuple[float, float]]:
    """Return accuracy and loss on the test images, for each usual way to prepare images for a network."""
    train_images, _, test_images, test_labels = run.ward
    images, known = test_images / 255, train_images / 255
    ways = {
        "0..1": images,
        "0..255": images * 255,
        "-1..1": (images - 0.5) / 0.5,
        "normalised": (images - 0.1307) / 0.3081,  # with the usual numbers for MNIST
        "by the training images": (images - known.mean()) / known.std(),
        "by the test images": (images - images.mean()) / images.std(),
        "black and white": (test_images // 255).float(),
    }
    return {name: measure(logits_of(run.model, prepared), test_labels) for name, prepared in ways.items()}


def is_reported(run: ProgramRun, found: tuple[float, float]) -> bool:
    """Tell whether the last test results of the history are these, apart from rounding."""
    accuracy, loss = found
    near = abs(run.history.test_acc[-1] - accuracy) * len(run.ward[3]) < 1.5  # one image on the edge may tip over
    return near and math.isclose(run.history.test_loss[-1], loss, rel_tol=1e-3, abs_tol=1e-4)


def check_reported(run: ProgramRun) -> str:
    """Raise Hint unless a recount on the model gives the last test results; return how images are prepared for it."""
    ways = ways_to_prepare(run)
    for name, found in ways.items():
        if is_reported(run, found):
            return name
    accuracy, loss = ways["0..1"]
    raise Hint(
        f"The history ends with a test accuracy of {run.history.test_acc[-1]:.1%} and a test loss of "
        f"{run.history.test_loss[-1]:.3f}, but a recount on the model that you return gives {accuracy:.1%} and "
        f"{loss:.3f}: report what you measure on this model, after its last step, on all test images."
    )


def check_learned(run: ProgramRun, hint: str, least: float = LEAST) -> None:
    """Raise Hint unless the network has learned to read digits; call it after `check_reported`."""
    if run.history.test_acc[-1] < least:
        raise Hint(UNMOVED if has_stood_still(run) else hint)


def has_stood_still(run: ProgramRun) -> bool:
    """Tell whether the weights of the model are exactly those that it started with."""
    return way_of_weights(run.model, run.notes.start[run.model]) == 0


def piled_up(run: ProgramRun) -> float:
    """Return how many times the gradient left in the model is as large as that of one batch of 20 images."""
    images, labels = run.ward[0][:400] / 255, run.ward[1][:400]
    logits_of(run.model, images)  # raises Hint for a model that cannot be used here
    weights = [weight for weight in run.model.parameters() if weight.requires_grad]
    if not weights:
        return 0.0
    left, sizes = size_of_gradient(run.model), []
    with mode(run.model, training=False), torch.enable_grad():
        for batch in torch.arange(400).split(20):
            logits = run.model(images[batch].to(weights[0]))
            loss = F.cross_entropy(logits, labels[batch].to(logits.device))
            gradient = torch.autograd.grad(loss, weights, allow_unused=True)
            sizes.append(size_of([part for part in gradient if part is not None]))
    return left / (sum(sizes) / len(sizes) + 1e-9)
