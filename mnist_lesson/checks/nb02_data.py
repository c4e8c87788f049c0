"""The self-checks of the exercises of notebook 02_data."""

import itertools
import math
import random
from collections.abc import Callable

import torch
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.checks.compare import Hint, compare, describe, elements
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.state import changed, snapshot


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
        (
            lambda size, b, drop: math.ceil(size / b) - drop,
            "If the batches come out even, drop_last=True leaves none out: only a batch that is not full is dropped.",
        ),
        (
            lambda size, b, drop: max(1, right(size, b, drop)),
            "If there are fewer images than one batch needs, drop_last=True leaves no batch at all: 0 is possible.",
        ),
        (
            lambda size, b, drop: right(size, b, drop) if size >= b else 0,
            "Fewer images than one batch needs make one batch all the same, unless drop_last.",
        ),
        (
            lambda size, b, drop: round(size / b),
            "The nearest whole number is not asked for: even one image left over"
            " makes a batch of its own, unless drop_last.",
        ),
    ]
    compare(answer, draw, right, mistakes)


def _batches() -> list[tuple[int, int, int]]:
    """Full batches, batch size and rest: with and without a rest, and with no full batch."""
    sizes = [(random.randint(2, 9), random.randint(7, 31)), (1, random.randint(33, 63)), (937, 64), (29, 2048)]
    drawn = [(k, b, rest) for k, b in sizes for rest in (0, 1, random.randint(2, b - 2), b - 1)]
    fewer = [(0, b, rest) for _, b in sizes for rest in (1, b // 2, b - 1)]
    return [*drawn, *fewer, (1, 1, 0), (random.randint(2, 9), 1, 0), (random.randint(2, 9), 2, 1)]


@exercise(
    "2.2",
    "Three things: fractions instead of bytes, numbers from 0 to 1, and an axis for the channel in front.",
    errors={
        "is invalid for input of size": "Not every picture has the size that you name, such as 28 x 28: it has H rows "
        "and W columns, whatever these are."
    },
)
def to_image(answer: Callable) -> None:
    def right(stored):
        return (stored / 255).unsqueeze(0)

    def draw():
        sizes = [(random.randint(2, 9), random.randint(10, 15)), (random.randint(10, 15), 2), (1, 4), (5, 1), (28, 28)]
        drawn = [torch.randint(0, 256, size, dtype=torch.uint8) for size in sizes]
        dark = torch.randint(10, 120, (3, 4), dtype=torch.uint8)  # neither 0 nor 255 occurs
        plain = [torch.full(size, grey, dtype=torch.uint8) for size, grey in (((1, 1), 255), ((3, 2), 1))]
        return [(stored,) for stored in (*drawn, dark, *plain)]

    mistakes = [
        (lambda stored: stored / 255, "The channel axis is missing: (H, W) must become (1, H, W)."),
        (lambda stored: (stored / 255).unsqueeze(2), "The channel comes first in PyTorch: (1, H, W), not (H, W, 1)."),
        (lambda stored: stored.unsqueeze(0), "The numbers still go up to 255: make fractions of them, up to 1."),
        (lambda stored: (stored / 256).unsqueeze(0), "Full ink is stored as 255, and must become exactly 1."),
        (lambda stored: (stored // 255).unsqueeze(0), "`//` drops everything after the point: use `/`."),
        (
            lambda stored: (stored / stored.max()).unsqueeze(0),
            "You divide by the largest number of the picture, which is not always 255: grey must stay grey.",
        ),
        (
            lambda stored: (stored / 255 if stored.max() > 1 else stored).unsqueeze(0),
            "Where no number is above 1, you do not divide. But such a picture is stored in bytes like any other: it "
            "is almost black.",
        ),
        (lambda stored: 1 - (stored / 255).unsqueeze(0), "Black and white are swapped: 0 stays 0, and 255 becomes 1."),
        (
            lambda stored: (stored / 255).T.unsqueeze(0),
            "Rows and columns are swapped: the height comes before the width.",
        ),
    ]
    compare(answer, draw, right, mistakes)


@exercise("2.3", "Two loaders, the one for training first. One setting differs between them. Hand back both.")
def make_loaders(answer: Callable) -> None:
    b = random.randint(7, 11)
    # The sizes of the two sets: batches with a rest, and fewer images than one batch needs.
    for train_size, test_size, batch_size in ((5 * b + 4, 4 * b + 1, b), (40, 30, 4 * b + 20)):
        train_ds, test_ds = _data_set(train_size, first=0), _data_set(test_size, first=1000)
        before = snapshot((train_ds, test_ds))
        found = answer(train_ds, test_ds, batch_size)
        loaders = elements(found)
        if loaders is None or len(loaders) != 2:
            raise Hint(f"Expected two loaders, `return train_dl, test_dl`, found {describe(found)}.")
        if not all(isinstance(loader, DataLoader) for loader in loaders):
            raise Hint("Expected two objects of the class DataLoader: make each with `DataLoader(...)`.")
        train_order, test_order = (data_set.tensors[1].tolist() for data_set in (train_ds, test_ds))
        train_epochs, test_epochs = _epochs(answer, loaders)
        if {number >= 1000 for number in sum(train_epochs[0], [])} == {True}:
            raise Hint("The first loader hands out the test set: the training loader comes first.")
        for epoch in train_epochs:
            _check_epoch("training", epoch, train_order, batch_size)
        for epoch in test_epochs:
            _check_epoch("test", epoch, test_order, batch_size)
        _check_that_each_order_is_new(train_order, train_epochs)
        test_found = [sum(epoch, []) for epoch in test_epochs]
        if any(order != test_found[0] for order in test_found):
            raise Hint("The test loader shuffles: nothing is learnt there, so leave the images in their order.")
        if test_found[0] != test_order:
            raise Hint("The test loader hands out the images in an order of its own: leave them in that of their set.")
        if changed(before, (train_ds, test_ds)):
            raise Hint("The data sets are not what they were once your loaders were read: leave them as they are.")


def _data_set(size: int, first: int) -> TensorDataset:
    """Return tiny images with numbers as labels, all different and in no order; each image is full of its number."""
    labels = first + torch.randperm(size)
    return TensorDataset(labels.float().reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone(), labels)


def _epochs(answer: Callable, loaders: list) -> list[list[list[list[int]]]]:
    """Return the labels that each loader hands out, by epoch and batch: four epochs of training, three of the test."""
    train_dl, test_dl = loaders
    answer.use(lambda: next(iter(train_dl), None))  # a look at one batch must not cost the epochs anything
    both = [[answer.use(_labels, train_dl) for _ in range(4)], [answer.use(_labels, test_dl) for _ in range(3)]]
    for name, epochs in zip(("training", "test"), both):
        if None in epochs:
            raise Hint(
                f"The {name} loader must hand out batches of images, together with their labels, both as they are in "
                "the data set."
            )
        if [] in epochs:
            raise Hint(
                f"The {name} loader yields no batch, at least not in each epoch: is it made from the whole set, and "
                "can it be read again?"
            )
    return both


def _labels(loader: DataLoader) -> list[list[int]] | None:
    """Read one epoch and return the labels of each batch, or None if images and labels are not in pairs."""
    batches = []
    for batch in itertools.islice(loader, 200):  # more than there are images
        batch = elements(batch)
        if batch is None or len(batch) != 2 or not all(isinstance(part, torch.Tensor) for part in batch):
            return None
        images, labels = batch
        if (
            labels.ndim != 1
            or images.shape != (len(labels), 1, 2, 2)
            or not (images == labels.reshape(-1, 1, 1, 1)).all()
        ):
            return None
        batches.append(labels.tolist())
    return batches


def _check_epoch(name: str, epoch: list[list[int]], order: list[int], batch_size: int) -> None:
    """Refuse an epoch that does not hand out each image once, in batches of the right size."""
    numbers = sum(epoch, [])
    if not set(numbers) <= set(order):
        raise Hint(f"The {name} loader hands out images that are not in its set: is it made from the right one?")
    if len(numbers) == len(order) > len(set(numbers)):
        raise Hint(f"The {name} loader hands out some images twice, and others not at all: each must come once.")
    if len(set(numbers)) < len(order):
        raise Hint(f"The {name} loader leaves images out: is there a setting that does so, such as drop_last?")
    if len(numbers) > len(order):
        raise Hint(f"The {name} loader hands out some images more than once in an epoch.")
    full, rest = divmod(len(order), batch_size)
    if list(map(len, epoch)) != [batch_size] * full + [rest] * (rest > 0):
        raise Hint(
            f"The batches of the {name} loader do not have the size that was asked for, `batch_size`; only the last "
            "may be smaller."
        )


def _check_that_each_order_is_new(order: list[int], epochs: list[list[list[int]]]) -> None:
    """Refuse training images that come in the order of their set, or in the same one again, or hardly mixed."""
    orders = [order, *(sum(epoch, []) for epoch in epochs)]
    pairs = list(itertools.combinations(orders, 2))
    if all(one == other for one, other in itertools.pairwise(orders[1:])):
        raise Hint(
            "The training images come in the same order in each epoch. The notebook names the setting of a loader that "
            "makes a new one each time."
        )
    if any(one == other for one, other in pairs):
        raise Hint(
            "In one epoch the training images come in an order that was there before, in another epoch or in the set: "
            "each needs a new one."
        )
    if any(len(_neighbours(one) & _neighbours(other)) > len(order) / 2 for one, other in pairs):
        raise Hint("Most training images still follow the same image as in another epoch: mix them one by one.")
    size = len(epochs[0][0])
    if size < len(order) and any(_together(one, size) == _together(other, size) for one, other in pairs):
        raise Hint("The same training images are in a batch together in each epoch: mix them all, not batch by batch.")


def _neighbours(order: list[int]) -> set[frozenset]:
    return set(map(frozenset, itertools.pairwise(order)))


def _together(order: list[int], size: int) -> set[frozenset]:
    return {frozenset(order[start : start + size]) for start in range(0, len(order), size)}


@exercise(
    "2.4",
    "The notebook counts the labels with one call. What does it do with a digit that never occurs? Its help tells.",
    errors={
        "argument 'weights'": "The second argument of `bincount` means something else, `weights`. Name the one that "
        "you mean: its help tells how it is called.",
    },
)
def count_classes(answer: Callable) -> None:
    def right(labels):
        return torch.bincount(labels, minlength=10)

    def draw():
        ranges = [(0, 3), (0, 8), (4, 10), (2, 7), (0, 10)]
        drawn = [torch.randint(*digits, (random.randint(20, 60),)) for digits in ranges]
        one_digit = torch.full((300,), random.randint(1, 8))  # a byte is too small to count them
        each = torch.randperm(10).repeat(2)
        return [(labels,) for labels in (*drawn, one_digit, each, torch.tensor([0]), torch.tensor([9]))]

    def each_at_most_once(labels):
        counts = torch.zeros(10)
        counts[labels] += 1
        return counts

    mistakes = [
        (torch.bincount, "If the last digits do not occur, the tensor is too short: it must always have 10 numbers."),
        (lambda labels: right(labels) / len(labels), "These are shares: give the counts."),
        (lambda labels: labels.unique(return_counts=True)[1], "A digit that never occurs must be there too, with a 0."),
        (lambda labels: right(labels)[1:], "The digits go from 0 to 9: ten numbers, and the first is for 0."),
        (
            lambda labels: torch.bincount(labels, minlength=11)[1:],
            "The digits go from 0 to 9: ten numbers, and the first is for 0.",
        ),
        (
            each_at_most_once,
            "Each digit is counted once at most: with a tensor of places, `+= 1` adds only once to each place.",
        ),
        (
            lambda labels: labels.float().histc(10),
            "Without limits, the smallest and the largest label set the bins: they must go from 0 to 9 in any case.",
        ),
    ]
    compare(answer, draw, right, mistakes)
