"""The self-checks of the exercises of notebook 09_better_and_faster."""

import math
import random
import statistics
from collections.abc import Callable
from typing import Any

import torch

from mnist_lesson.checks.compare import Hint, compare, describe, elements, plain_tensor
from mnist_lesson.checks.judge import exercise


@exercise("9.1", "Mean and standard deviation are two numbers, taken once. From which images may they come?")
def normalise(answer: Callable) -> None:
    def scaled(images, like):
        return (images - like.mean()) / like.std()

    def right(train_images, test_images):
        return scaled(train_images, train_images), scaled(test_images, train_images)

    def draw():
        return [(torch.rand(9, 4, 5), 0.5 * torch.rand(random.randint(3, 6), 4, 5) + 0.3) for _ in range(3)]

    mistakes = [
        (
            lambda a, b: (scaled(a, a), scaled(b, b)),
            "The test images have their own mean: the network would see the same pixel as two different numbers.",
        ),
        (
            lambda a, b: (scaled(a, torch.cat([a, b])), scaled(b, torch.cat([a, b]))),
            "The test images took part in the mean: they must not decide anything.",
        ),
        (lambda a, b: (a - a.mean(), b - a.mean()), "The standard deviation is missing: divide by it."),
        (lambda a, b: (scaled(a, a), b), "The test images must be changed in the same way as the training images."),
        (
            lambda a, b: ((a - a.mean(0)) / a.std(0), (b - a.mean(0)) / a.std(0)),
            "One mean for all pixels, not one for each pixel: some pixels are always 0, and you would divide by 0.",
        ),
        (lambda a, b: ((a - a.mean()) / a.var(), (b - a.mean()) / a.var()), "This is the variance: take its root."),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "9.2", "Mean and standard deviation of all runs. Then: how does the uncertainty of a mean shrink with the runs?"
)
def report(answer: Callable) -> None:
    def around(values, half):
        return statistics.mean(values), half

    def right(accuracies):
        return around(accuracies, 2.26 * statistics.stdev(accuracies) / math.sqrt(len(accuracies)))

    def draw():
        return [([random.uniform(0.97, 0.99) for _ in range(10)],) for _ in range(4)]

    mistakes = [
        (lambda v: (max(v), right(v)[1]), "This is the best run: a fair report gives the mean of all."),
        (
            lambda v: around(v, 2.26 * statistics.stdev(v)),
            "A mean of ten is surer than a single run: divide by a root.",
        ),
        (lambda v: around(v, 2.26 * statistics.stdev(v) / len(v)), "Divide by the square root of the number of runs."),
        (
            lambda v: around(v, statistics.stdev(v)),
            "This is the spread of single runs, not the half width of the mean.",
        ),
        (
            lambda v: around(v, 2.26 * statistics.pstdev(v) / math.sqrt(len(v))),
            "The standard deviation of a sample divides by n - 1: `statistics.stdev`.",
        ),
        (lambda v: around(v, statistics.stdev(v) / math.sqrt(len(v))), "The factor 2.26 is missing."),
        (lambda v: (statistics.median(v), right(v)[1]), "This is the median: give the mean."),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "9.3",
    "First a random order in which each place occurs exactly once. Then pieces of it, the last one perhaps shorter.",
)
def random_order(answer: Callable) -> None:
    for _ in range(4):
        size, batch_size = random.randint(30, 60), random.randint(7, 13)
        batches = _batches(answer(size, batch_size))
        places = sum(batches, [])
        if len(places) < size:
            raise Hint(f"Of {size} images only {len(places)} are used: the last batch may be smaller.")
        if len(set(places)) < len(places):
            raise Hint("Some images come twice in an epoch, and others never: draw without putting back.")
        if sorted(places) != list(range(size)):
            raise Hint(f"The places should be 0 to {size - 1}, each once.")
        if any(len(batch) != batch_size for batch in batches[:-1]):
            raise Hint("All batches but the last must have the size that was asked for.")
        if all(batch == sorted(batch) for batch in batches):
            raise Hint("The images come in their own order: shuffle them first.")
        if _batches(answer(size, batch_size)) == batches:
            raise Hint("Two epochs have the same order: draw a new one each time.")


def _batches(found: Any) -> list[list[int]]:
    """Return the places in each batch, or raise Hint if the learner's function returned something else."""
    batches = elements(found)
    if batches is None or not all(isinstance(batch, torch.Tensor) for batch in batches):
        raise Hint(f"Expected a list of tensors, one for each batch, found {describe(found)}.")
    batches = [plain_tensor(batch) for batch in batches]
    if not all(batch.ndim == 1 and not batch.is_floating_point() for batch in batches):
        raise Hint("Each batch should be a row of whole numbers: the places of its images.")
    return [batch.tolist() for batch in batches]
