"""Run a learner's training program of notebook 10, and compare it with a sound one: what the twenty checkers share.

Good results are not enough: they also come from a program that hides its fault. So each step is compared with the
step that a sound program would take there, and each reported test result with what the model answered in that test.
"""

import functools
import math
import statistics
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from mnist_lesson.checks.compare import Hint, describe, draw_until
from mnist_lesson.data import load_mnist
from mnist_lesson.further.faults import small_network
from mnist_lesson.further.inside import mode
from mnist_lesson.further.watch import (
    Pass,
    Step,
    Ward,
    as_logits,
    missed_weights,
    tested_passes,
    training_passes,
    watch,
    way_of_weights,
)
from mnist_lesson.results import History

# Within five epochs, mended programs reach a test accuracy of 0.83 or more, patients that learn too little 0.77 at most.
LEAST, EPOCHS = 0.8, 5
EXPLODED = 3.0  # a network that only guesses has a loss of 2.3: a mean loss above this one was driven up
MOST_RATE, LEAST_RATE = 0.75, 0.015  # between them, SGD always gets that far: 24 runs each
SAME = 0.02  # so far may a gradient be from another, as a part of its size; rounding makes some 1e-6

UNMOVED = (
    "The weights of the model are those that it started with, so it has learned nothing: is there a step that "
    "uses a gradient, for each batch?"
)
NO_STEP = "The optimizer takes no step, so no weight can change: look at the part of each epoch that should train."
NO_TEST = "After some epochs, or all, the model is not shown the test images: which images does your test hand to it?"


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
    result, notes = answer.within(watch, tuple(part.clone() for part in ward))
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
    if any(loss < 0 for loss in history.train_loss + history.test_loss):
        raise Hint("A loss is negative, and a cross entropy never is: your loss function expects something else.")
    if not all(map(math.isfinite, values)):
        if not_finite and not all(loss <= EXPLODED for loss in history.train_loss):  # nan is not <= anything
            raise Hint(not_finite)
        raise Hint("The history holds numbers that are not finite (nan or inf): find the first of them.")
    if not all(0 <= value <= 1 for value in [*history.train_acc, *history.test_acc]):
        raise Hint("An accuracy in the history is not between 0 and 1: right answers divided by images.")


def draw_ward() -> Ward:
    """Draw 2,000 training images and some 900 test images, the ones last.

    The number of test images differs each time and is no multiple of 10, and the last images differ from the rest:
    so an average with wrong weights or a wrong divisor shows. So does whoever normalises both sets by their own mean.
    """
    train_images, train_labels, test_images, test_labels = load_all()

    def draw():
        chosen = torch.randperm(len(train_images))[:2000]
        number = 910 + 10 * torch.randint(7, ()).item() + [2, 4, 6, 8][torch.randint(4, ()).item()]
        tested = torch.randperm(len(test_images))[:number]
        tested = tested[(test_labels[tested] == 1).int().argsort()]
        return train_images[chosen], train_labels[chosen], test_images[tested], test_labels[tested]

    def problem(ward):
        means = [ward[place].double().mean().item() for place in (0, 2)]
        return "both sets have the same mean" if math.isclose(*means, rel_tol=1e-3) else ""

    return draw_until(draw, problem)


@functools.cache  # twenty checkers use them
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
    logits = as_logits(logits)
    return (logits.argmax(1) == labels).double().mean().item(), F.cross_entropy(logits, labels).item()


def tests(run: ProgramRun) -> list[list[Pass]]:
    """Return the passes of test images after the last steps of each epoch, those of one test together."""
    by_time = {}
    for one in tested_passes(run.notes, run.ward):
        by_time.setdefault(one.steps, []).append(one)
    return list(by_time.values())[-len(run.history) :]


def recounts(run: ProgramRun) -> list[tuple[float, float]]:
    """Return accuracy and loss of each test, from what the model answered then.

    Raises Hint unless each test showed all test images to the model.
    """
    found, size = [], len(run.ward[0])
    for test in tests(run):
        logits = torch.full((len(run.ward[3]), 10), math.nan)
        for one in test:
            own = one.places >= size
            if one.logits.shape != (len(own), 10):
                raise Hint("The model should give ten logits for each image of a batch, (N, 10).")
            logits[one.places[own] - size] = one.logits[own].float().cpu()
        missing = logits.isnan().any(dim=1).sum().item()
        if missing:
            raise Hint(f"{missing} of the {len(logits)} test images are left out of a test: all of them should count.")
        found.append(measure(logits, run.ward[3]))
    return found


def is_reported(run: ProgramRun, epoch: int, found: tuple[float, float]) -> bool:
    """Tell whether the history reports these test results for an epoch (from 0), apart from rounding."""
    accuracy, loss = found
    near = abs(run.history.test_acc[epoch] - accuracy) * len(run.ward[3]) < 1.5  # one image on the edge may tip over
    return near and math.isclose(run.history.test_loss[epoch], loss, rel_tol=1e-3, abs_tol=1e-4)


def check_reported(run: ProgramRun) -> None:
    """Raise Hint unless the history reports for each epoch what the model answered in the test after it."""
    if not run.notes.steps:
        raise Hint(NO_STEP)
    found = recounts(run)
    if len(found) < len(run.history):
        raise Hint(NO_TEST)
    for epoch, (accuracy, loss) in enumerate(found):
        if not is_reported(run, epoch, (accuracy, loss)):
            raise Hint(
                f"For epoch {epoch + 1} the history reports a test accuracy of {run.history.test_acc[epoch]:.1%} and a "
                f"test loss of {run.history.test_loss[epoch]:.3f}, but a recount of what the model answered gives "
                f"{accuracy:.1%} and {loss:.3f}. Are all test images counted, each with its own label, and does the "
                "loss function get from the model what it expects?"
            )
    if not is_reported(run, -1, measure(logits_of(run.model, as_in_test(run)), run.ward[3])):
        raise Hint(
            "Asked again, the model that you return does not give the last test results. Is it the one that was tested? "
            "And does its answer to an image depend on the other images of the batch?"
        )


def as_in_test(run: ProgramRun) -> torch.Tensor:
    """Return the test images as the program prepared them for its last test."""
    if not tests(run):
        raise Hint(NO_TEST)
    last = tests(run)[-1][-1]
    return run.ward[2].double().mul(last.scale).add(last.shift).float()


def check_steps(run: ProgramRun, hint: str) -> None:
    """Raise Hint unless each step was that of a sound program: right images, right labels, right gradient."""
    steps, size = run.notes.steps, len(run.ward[0])
    if has_stood_still(run):
        raise Hint(why_unmoved(run))
    if any(step.trained is None for step in steps):
        raise Hint("The optimizer takes a step before the model has seen a batch.")
    weights = set(run.model.parameters())
    if any(set(one.model.parameters()) != weights for one in training_passes(run.notes)):
        raise Hint("Not all steps train the model that you return: does each epoch go on with the same model?")
    places = torch.cat([one.places for one in training_passes(run.notes)])
    if (places >= size).any():
        raise Hint("The program trains on test images. They are for measuring only.")
    if (places < 0).any():
        raise Hint("The images that go into the training are not those that were given, at whatever scale.")
    if len(places.unique()) < 0.97 * size:
        raise Hint(f"Only {len(places.unique())} of the {size} training images are in a batch that a step follows.")
    if missed_weights(run.model, steps):
        raise Hint("Not at each step does the optimizer hold all weights of the model: it needs every layer.")
    compared = [step for step in steps if not math.isnan(step.ratio)]
    wrong = [step for step in compared if not step.error < SAME]
    if wrong and all(step.size == 0 for step in wrong):
        raise Hint(f"At {len(wrong)} steps the optimizer finds no gradient at all: is one computed for every batch?")
    if wrong and all(abs(cosine(step) - 1) < 1e-3 for step in wrong):
        raise Hint(
            "The gradient has the right direction, but another size than that of the batch's mean loss. If something "
            "makes it smaller before the step, it hides the fault: mend the cause."
        )
    if wrong and 2 * len(wrong) < len(compared):
        hint += f" (It shows at {len(wrong)} of {len(compared)} batches that were looked at; the others are right.)"
    if wrong:
        raise Hint(hint)


def cosine(step: Step) -> float:
    """Return how well two gradients agree in direction: 1 if they are multiples of each other, 0 at a right angle."""
    if not math.isfinite(step.error) or not 0 < step.ratio < math.inf:
        return 0.0
    return (1 + step.ratio**2 - step.error**2) / (2 * step.ratio)  # the law of cosines


def check_learned(run: ProgramRun, hint: str) -> None:
    """Raise Hint unless the network has learned to read digits, within as many epochs as the patient has."""
    if max(run.history.test_acc[:EPOCHS]) < LEAST:
        raise Hint(hint)
    if len(run.history) < EPOCHS:
        raise Hint(f"The history holds fewer than {EPOCHS} epochs: train, and note the results, as often as before.")


def check_sound(run: ProgramRun, hint: str, network: Callable = small_network) -> None:
    """Raise Hint unless this is a sound program: in what it reports, in each step, and in what it learns."""
    shapes = [[tuple(weight.shape) for weight in model.parameters()] for model in (run.model, network())]
    if sorted(shapes[0]) != sorted(shapes[1]):
        raise Hint("Keep the network as it was, with all its layers that have weights.")
    check_reported(run)
    check_steps(run, hint)
    check_learned(run, hint)


def why_unmoved(run: ProgramRun) -> str:
    """Return the hint for a model whose weights are those that it started with."""
    steps = run.notes.steps
    if not steps:
        return NO_STEP
    if missed_weights(run.model, steps) == len(list(run.model.parameters())):
        return "The weights of the model that you return do not change: which weights does the optimizer hold?"
    if all(step.rate == 0 for step in steps):
        return "Each step has a gradient, but moves nothing: what is the gradient multiplied by?"
    return UNMOVED


def has_stood_still(run: ProgramRun) -> bool:
    """Tell whether the weights of the model are exactly those that it started with."""
    return way_of_weights(run.model, run.notes.start[run.model]) == 0


def gradients_pile_up(run: ProgramRun) -> bool:
    """Tell whether at the end the optimizer finds many times the gradient of one batch."""
    ratios = [step.ratio for step in run.notes.steps[-200:] if math.isfinite(step.ratio)]
    return len(ratios) > 0 and statistics.median(ratios) > 5


def ends_of(passes: list[Pass]) -> set[tuple[float, float]]:
    """Return the pairs of numbers that stand for paper and for full ink in these passes; a sound program has one."""
    return {(round(one.shift, 3) + 0.0, round(one.shift + 255 * one.scale, 3) + 0.0) for one in passes}


def check_modes_kept(run: ProgramRun) -> None:
    """Raise Hint unless batch norm and dropout are still there."""
    layers = list(run.model.modules())
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm1d) and layer.track_running_stats]
    if not norms or not any(isinstance(layer, nn.Dropout) and layer.p > 0 for layer in layers):
        raise Hint("Keep batch norm and dropout: they help in training. Only the test should do without their chance.")
    if not run.notes.steps:
        raise Hint(NO_STEP)


def rates_are_short(run: ProgramRun) -> bool:
    """Tell whether most steps of SGD are too short; other optimizers count their learning rates otherwise."""
    short = [step for step in run.notes.steps if step.reach is not None and step.reach < LEAST_RATE]
    return 2 * len(short) > len(run.notes.steps) > 0
