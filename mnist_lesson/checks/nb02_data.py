"""The self-checks of the exercises of notebook 02_data."""

import itertools
import math
import random
from collections.abc import Callable

import torch
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.checks.compare import Hint, compare, describe, elements
from mnist_lesson.checks.judge import exercise


@exercise("2.1", "How many full batches are there, and is anything left? `//` and `%` answer the two questions.")
def batch_count(answer: Callable) -> None:
    def right(size, batch_size, drop_last):
        return size // batch_size if drop_last else math.ceil(size / batch_size)

    def draw():
        return [(k * b + rest, b, drop) for k, b, rest in _batches() for drop in (False, True)]

    mistakes = [
        (
            lambda size, b, drop: size // b,
            "The images that are left over make a last, smaller batch, unless drop_last.",
        ),
        (lambda size, b, drop: math.ceil(size / b), "With drop_last=True a batch that is not full is left out."),
        (
            lambda size, b, drop: size // b if drop else size // b + 1,
            "If the batches come out even, there is no extra batch: 64 images in batches of 32 are 2 batches.",
        ),
        (lambda size, b, drop: size / b, "There is no half batch: the number must be whole."),
        (
            lambda size, b, drop: math.ceil(size / b) if drop else size // b,
            "You have the two cases the wrong way round: drop_last=True leaves a batch out.",
        ),
    ]
    compare(answer, draw, right, mistakes)


def _batches() -> list[tuple[int, int, int]]:
    """Full batches, batch size and rest: with and without a rest."""
    sizes = [(random.randint(1, 9), random.randint(7, 64)) for _ in range(3)]
    return [(k, b, rest) for k, b in sizes for rest in (0, random.randint(1, b // 2), b - 1)]


@exercise("2.2", "Three things: fractions instead of bytes, numbers from 0 to 1, and an axis for the channel in front.")
def to_image(answer: Callable) -> None:
    def right(stored):
        return (stored / 255).unsqueeze(0)

    def draw():
        sizes = [(random.randint(2, 9), random.randint(10, 15)) for _ in range(3)]
        return [(torch.randint(0, 256, size, dtype=torch.uint8),) for size in sizes]

    mistakes = [
        (lambda stored: stored / 255, "The channel axis is missing: (H, W) must become (1, H, W)."),
        (lambda stored: (stored / 255).unsqueeze(2), "The channel comes first in PyTorch: (1, H, W), not (H, W, 1)."),
        (lambda stored: stored.float().unsqueeze(0), "The numbers still go up to 255: the largest must become 1."),
        (lambda stored: (stored / 256).unsqueeze(0), "Full ink is stored as 255, and must become exactly 1."),
        (lambda stored: stored.unsqueeze(0), "The numbers are still bytes from 0 to 255: make fractions of them."),
        (lambda stored: (stored // 255).unsqueeze(0), "`//` drops everything after the point: use `/`."),
    ]
    compare(answer, draw, right, mistakes)


@exercise("2.3", "Two loaders, the one for training first. One setting differs between them. Hand back both.")
def make_loaders(answer: Callable) -> None:
    batch_size = random.randint(7, 13)
    size = 4 * batch_size + 6  # neither set divides evenly
    train_ds, test_ds = TensorDataset(torch.arange(size)), TensorDataset(torch.arange(100, 100 + size - 5))
    found = answer(train_ds, test_ds, batch_size)
    loaders = elements(found)
    if loaders is None or len(loaders) != 2:
        raise Hint(f"Expected two loaders, `return train_dl, test_dl`, found {describe(found)}.")
    if not all(isinstance(loader, DataLoader) for loader in loaders):
        raise Hint("Expected two objects of the class DataLoader: make each with `DataLoader(...)`.")

    def batches(loader):  # one more than there are images is more than enough
        return [batch[0].tolist() for batch in itertools.islice(loader, size + 1)]

    train_epochs, test_epochs = ([answer.use(batches, loader) for _ in "ab"] for loader in loaders)
    for name, (first, second) in (("training", train_epochs), ("test", test_epochs)):
        if not first or not second:
            raise Hint(f"The {name} loader yields no batch: was it made from the whole set?")
    if {number >= 100 for batch in train_epochs[0] for number in batch} == {True}:
        raise Hint("The first loader hands out the test set: the training loader comes first.")
    for name, (first, _), count in (("training", train_epochs, size), ("test", test_epochs, size - 5)):
        if max(map(len, first)) != batch_size:
            raise Hint(f"The batches of the {name} loader do not have the size that was asked for, `batch_size`.")
        if sum(map(len, first)) != count:
            raise Hint(f"The {name} loader leaves images out: is it made with drop_last, or a sampler?")
    in_order = [sum(epoch, []) == sorted(sum(epoch, [])) for epoch in train_epochs]
    if any(in_order):
        raise Hint("The training images come in the same order in each epoch: see what the notebook says about that.")
    if test_epochs[0] != test_epochs[1]:
        raise Hint("The test loader shuffles: nothing is learnt there, so leave the images in their order.")


@exercise(
    "2.4",
    "The notebook counts the labels with one call. What does it do with a digit that never occurs? Its help tells.",
)
def count_classes(answer: Callable) -> None:
    def right(labels):
        return torch.bincount(labels, minlength=10)

    def draw():
        return [(torch.randint(0, highest, (random.randint(20, 60),)),) for highest in (3, 8, 10)]

    mistakes = [
        (torch.bincount, "If the last digits do not occur, the tensor is too short: it must always have 10 numbers."),
        (lambda labels: right(labels) / len(labels), "These are shares: give the counts."),
        (lambda labels: labels.unique(return_counts=True)[1], "A digit that never occurs must be there too, with a 0."),
    ]
    compare(answer, draw, right, mistakes)
