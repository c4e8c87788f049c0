"""The self-checks of all exercises, one for each, in the order of the notebooks.

    checks.flat_size(flat_size)     judge your function `flat_size`, and print what came out
    checks.progress()               which exercises you have solved so far
    checks.reset_progress()         forget them

A checker calls your function with numbers and tensors drawn at random, other ones each time, and compares
what it returns with what PyTorch or a plain formula gives. It never reads your code.
The checkers of notebook 10, the bug clinic, are in `clinic_checks.py`.
"""

import contextlib
import math
import random
import statistics
from collections.abc import Callable, Iterable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.clinic_checks import (  # noqa: F401 (the notebook calls them from here)
    mend_1,
    mend_2,
    mend_3,
    mend_4,
    mend_5,
    mend_6,
    mend_7,
    mend_8,
    mend_9,
    mend_10,
    mend_11,
    mend_12,
)
from mnist_lesson.engine import test
from mnist_lesson.judge import SOLVED_FILE, Hint, compare, describe, difference, exercise, load_solved
from mnist_lesson.results import History, confusion_matrix

# Notebook 1: setup


@exercise(
    "1.1",
    "Something is set, then something is drawn. 'Fix the seed' shows both. In which order, and what is handed back?",
)
def seeded_numbers(answer: Callable) -> None:
    def right(seed):
        torch.manual_seed(seed)
        return torch.rand(3)

    def constant_seed(seed):
        return right(0)

    mistakes = [
        (constant_seed, "Every seed gives the same numbers: does your function use `seed`, or a number of its own?"),
        (lambda seed: (right(seed), torch.rand(3))[1], "These are the numbers after the first three: draw only once."),
    ]
    torch.manual_seed(random.randrange(10**9))
    first = answer(3)
    torch.rand(random.randint(1, 5))
    if isinstance(first, torch.Tensor) and difference(answer(3), first):
        raise Hint("Called twice with the same seed, your function gives different numbers: set the seed in it.")
    compare(answer, [(random.randint(1, 10**6),) for _ in range(4)], right, mistakes)


@exercise(
    "1.2",
    "Which of the two has to move, and where to? A tensor can be asked where it lies.",
    errors={
        "expected device": "The two tensors are still on two devices. `.to` returns a copy: did you keep it?",
        "same device": "The two tensors are still on two devices. `.to` returns a copy: did you keep it?",
        "Torch not compiled": "Not every PyTorch knows the device that you name. Ask `a` for its device instead.",
        "NVIDIA driver": "Not every machine has the device that you name. Ask `a` for its device instead.",
        "meta tensor": "From the pretend device `meta` no numbers can be fetched: send `b` to where `a` is.",
    },
)
def add_anywhere(answer: Callable) -> None:
    a, b = torch.rand(random.randint(2, 6)), torch.rand(1)
    problem = difference(answer(a, b), a + b)
    if problem:
        raise Hint(f"With both tensors on the CPU, {problem}.")
    problem = difference(answer(a.to("meta"), b), (a + b).to("meta"))
    if "device" in problem:
        raise Hint("The sum must lie where `a` is, on whatever device that may be. Ask `a` for its device.")
    if problem:
        raise Hint(f"With `a` on another device, {problem}.")


@exercise(
    "1.3",
    "A module has no device of its own. But each of its weights has one, and can be asked.",
    errors={
        "has no attribute 'device'": "A module has no `.device`, because its weights could lie on several. "
        "Ask one of its weights.",
        "is not an iterator": "`model.parameters()` is something to loop over. Notebook 2 shows how to get the first "
        "element of such a thing; here `next(...)` is enough.",
    },
)
def device_of(answer: Callable) -> None:
    for device in ("cpu", "meta", "cpu"):
        model = nn.Sequential(nn.ReLU(), nn.Linear(random.randint(1, 4), 2)).to(device)
        found = answer(model)
        if isinstance(found, str):
            raise Hint("This is a text. Return the device itself, which a weight has as `.device`.")
        if isinstance(found, torch.Tensor):
            raise Hint("This is a weight. Return the device that it lies on.")
        if not isinstance(found, torch.device):
            raise Hint(f"Expected a device, found {describe(found)}.")
        if found.type != device:
            raise Hint(f"The model lies on {device}, your answer is {found}: ask the model, not the machine.")


# Notebook 2: data


@exercise("2.1", "How many full batches are there, and is anything left? `//` and `%` answer the two questions.")
def batch_count(answer: Callable) -> None:
    def right(size, batch_size, drop_last):
        return size // batch_size if drop_last else math.ceil(size / batch_size)

    cases = [(k * b + rest, b, drop) for k, b, rest in _batches() for drop in (False, True)]
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
    compare(answer, cases, right, mistakes)


def _batches() -> list[tuple[int, int, int]]:
    """Full batches, batch size and rest: with and without a rest."""
    sizes = [(random.randint(1, 9), random.randint(7, 64)) for _ in range(3)]
    return [(k, b, rest) for k, b in sizes for rest in (0, random.randint(1, b // 2), b - 1)]


@exercise("2.2", "Three things: fractions instead of bytes, numbers from 0 to 1, and an axis for the channel in front.")
def to_image(answer: Callable) -> None:
    def right(stored):
        return (stored / 255).unsqueeze(0)

    cases = [(torch.randint(0, 256, (random.randint(2, 9), random.randint(10, 15)), dtype=torch.uint8),) for _ in "abc"]
    mistakes = [
        (lambda stored: stored / 255, "The channel axis is missing: (H, W) must become (1, H, W)."),
        (lambda stored: (stored / 255).unsqueeze(2), "The channel comes first in PyTorch: (1, H, W), not (H, W, 1)."),
        (lambda stored: stored.float().unsqueeze(0), "The numbers still go up to 255: the largest must become 1."),
        (lambda stored: (stored / 256).unsqueeze(0), "Full ink is stored as 255, and must become exactly 1."),
        (lambda stored: stored.unsqueeze(0), "The numbers are still bytes from 0 to 255: make fractions of them."),
        (lambda stored: (stored // 255).unsqueeze(0), "`//` drops everything after the point: use `/`."),
    ]
    compare(answer, cases, right, mistakes)


@exercise("2.3", "Two loaders, the one for training first. One setting differs between them. Hand back both.")
def make_loaders(answer: Callable) -> None:
    batch_size = random.randint(7, 13)
    size = 4 * batch_size + 6  # neither set divides evenly
    train_ds, test_ds = TensorDataset(torch.arange(size)), TensorDataset(torch.arange(100, 100 + size - 5))
    loaders = answer(train_ds, test_ds, batch_size)
    if not isinstance(loaders, tuple | list) or len(loaders) != 2:
        raise Hint(f"Expected two loaders, `return train_dl, test_dl`, found {describe(loaders)}.")
    if not all(isinstance(loader, DataLoader) for loader in loaders):
        raise Hint("Expected two objects of the class DataLoader: make each with `DataLoader(...)`.")
    train_epochs, test_epochs = ([[batch[0].tolist() for batch in loader] for _ in "ab"] for loader in loaders)
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

    cases = [(torch.randint(0, highest, (random.randint(20, 60),)),) for highest in (3, 8, 10)]
    mistakes = [
        (torch.bincount, "If the last digits do not occur, the tensor is too short: it must always have 10 numbers."),
        (lambda labels: right(labels) / len(labels), "These are shares: give the counts."),
        (lambda labels: labels.unique(return_counts=True)[1], "A digit that never occurs must be there too, with a 0."),
    ]
    compare(answer, cases, right, mistakes)


# Notebook 3: visualisation


@exercise(
    "3.1",
    "Which axis does matplotlib not want? And what may have to be done to a tensor before `.numpy()`?",
    errors={
        "requires grad": "This image takes part in gradients, so PyTorch will not make an array of it: which call of "
        "the notebook takes it out of the record?",
    },
)
def to_picture(answer: Callable) -> None:
    def right(image):
        return image.detach()[0].numpy()

    cases = [(torch.rand(1, height, random.randint(2, 9)),) for height in (1, random.randint(10, 15))]
    cases.append((torch.rand(1, 4, 3, requires_grad=True),))
    mistakes = [
        (lambda image: image.detach().numpy(), "The channel is still there: (1, H, W) must become (H, W)."),
        (
            lambda image: image.detach().squeeze().numpy(),
            "A bare `squeeze` drops every axis of length 1, so a picture of one row loses its height too: say which.",
        ),
        (lambda image: image.detach()[0], "This is still a tensor: an array was asked for."),
        (lambda image: image.detach()[0].numpy().T, "Rows and columns are swapped: the first axis is the height."),
    ]
    compare(answer, cases, right, mistakes)


@exercise("3.2", "Only axis 1, the channel, has to go. What would a bare `squeeze()` do to a batch of one image?")
def to_pictures(answer: Callable) -> None:
    def right(images):
        return images[:, 0]

    cases = [(torch.rand(n, 1, random.randint(2, 9), random.randint(10, 15)),) for n in (1, random.randint(2, 5))]
    mistakes = [
        (torch.squeeze, "With a batch of one image, your function drops the batch axis too: name the axis to drop."),
        (lambda images: images[0], "This is only the first image: the batch axis must stay."),
        (lambda images: images, "The channel axis is still there: (N, 1, H, W) must become (N, H, W)."),
        (lambda images: images.squeeze(0), "Axis 0 is the batch. The channel is another axis."),
    ]
    compare(answer, cases, right, mistakes)


@exercise("3.3", "Two steps: one brings the smallest number to 0, the other the largest to 1. What if both are equal?")
def stretch(answer: Callable) -> None:
    def right(picture):
        low, high = picture.min(), picture.max()
        return (picture - low) / (high - low) if high > low else torch.zeros_like(picture)

    cases = [(3 * torch.rand(random.randint(2, 5), 4) + shift,) for shift in (-5, 1, 7)]
    constant = torch.full((2, 3), random.random())
    mistakes = [
        (lambda picture: picture / picture.max(), "The smallest number must become 0: take it away first."),
        (lambda picture: picture - picture.min(), "The largest number must become 1: divide by the range."),
        (
            lambda picture: (picture - picture.min()) / picture.max(),
            "After the subtraction the largest number is no longer the old maximum: divide by the difference.",
        ),
    ]
    compare(answer, cases, right, mistakes)
    found = answer(constant)
    if isinstance(found, torch.Tensor) and not found.isfinite().all():
        raise Hint("In a picture of one colour you divide by zero, which gives nan: return zeros for such a picture.")
    compare(answer, [(constant,)], right)


@exercise(
    "3.4", "First keep only the images of the digit. Then: over which axis do you average, so that a picture remains?"
)
def mean_image(answer: Callable) -> None:
    def right(images, labels, digit):
        return images[labels == digit].float().mean(dim=0)

    def case():
        labels = torch.arange(4).repeat(5)[torch.randperm(20)]
        return torch.randint(0, 256, (20, 3, 5), dtype=torch.uint8), labels, random.randint(0, 3)

    mistakes = [
        (lambda images, labels, digit: images.float().mean(dim=0), "This is the mean of all images: choose the digit."),
        (
            lambda images, labels, digit: images[labels == digit].float().mean(),
            "This is one number, the mean of all pixels: average over axis 0 only, so that a picture remains.",
        ),
        (
            lambda images, labels, digit: images[labels == digit].float().sum(dim=0),
            "This is the sum: a mean divides by the number of images.",
        ),
        (lambda images, labels, digit: images[digit].float(), "This is image number `digit`, not the images of it."),
    ]
    compare(answer, [case() for _ in range(4)], right, mistakes)


# Notebook 4: the network


@exercise(
    "4.1", "First the convolution: at how many places does the window fit? Then the pooling divides, rounded down."
)
def size_after(answer: Callable) -> None:
    def right(size, kernel_size, pool_size):
        return (size - kernel_size + 1) // pool_size

    cases = [(random.randint(15, 40), kernel, pool) for kernel in (3, 4, 5) for pool in (2, 3)]
    cases += [(28, 3, 2), (13, 3, 2), (14, 3, 2), (13, 4, 2)]
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
    compare(answer, cases, right, mistakes)


@exercise("4.2", "Follow one side through conv1, pool1, conv2 and pool2, as the notebook does for 28.")
def flat_size(answer: Callable) -> None:
    def end(side):
        return ((side - 2) // 2 - 2) // 2

    cases = [(side,) for side in random.sample(range(16, 60), 5)] + [(28,), (30,)]
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
    compare(answer, cases, lambda side: 64 * end(side) ** 2, mistakes)


@exercise("4.3", "One map that goes out needs a window for each map that comes in, and one number more.")
def conv_parameters(answer: Callable) -> None:
    def right(in_channels, out_channels, kernel_size):
        layer = nn.Conv2d(in_channels, out_channels, kernel_size)
        return sum(parameter.numel() for parameter in layer.parameters())

    cases = [(random.randint(2, 9), random.randint(2, 9), kernel) for kernel in (3, 4, 5, 7)]
    mistakes = [
        (lambda i, o, k: i * o * k * k, "The biases are missing."),
        (lambda i, o, k: i * o * k * k + 1, "How many biases are there? One for the layer is not enough."),
        (lambda i, o, k: i * o * k * k + i, "A bias belongs to a map that goes out, not to one that comes in."),
        (lambda i, o, k: (k * k + 1) * o, "Each map that comes in has a window of its own."),
        (lambda i, o, k: (i * k + 1) * o, "The window has a height and a width."),
        (lambda i, o, k: (k * k + 1) * i * o, "One bias for each map that goes out, not one for each window."),
    ]
    compare(answer, cases, right, mistakes)


@exercise("4.4", "What makes every number positive, what makes a row add up to 1, and along which axis does a row lie?")
def probabilities(answer: Callable) -> None:
    def right(logits):
        return logits.softmax(dim=1)

    mistakes = [
        (lambda logits: logits.softmax(dim=0), "Your columns add up to 1. The rows must: one row is one image."),
        (lambda logits: logits.exp() / logits.exp().sum(), "The whole table adds up to 1. Each row must."),
        (torch.exp, "The rows do not add up to 1 yet: divide."),
        (lambda logits: logits / logits.sum(dim=1, keepdim=True), "Negative numbers remain: `exp` comes first."),
        (lambda logits: logits.log_softmax(dim=1), "These are the logarithms of the probabilities."),
    ]
    compare(answer, [(3 * torch.randn(random.randint(2, 4), random.randint(5, 9)),) for _ in range(3)], right, mistakes)
    large = torch.randn(2, 10) + torch.tensor([[500.0], [-500.0]])
    found = answer(large)
    if isinstance(found, torch.Tensor) and not found.isfinite().all():
        raise Hint(
            "Right for small logits, but for logits of 500 `exp` overflows and gives nan. Only differences count: "
            "take the largest of each row away first."
        )
    compare(answer, [(large,)], right)


@exercise(
    "4.5",
    "Copy the `Sequential` from 'The network in one expression'. Which two numbers depend on `side` and `num_classes`?",
    errors={
        "cannot be multiplied": "The first linear layer was made for another number of inputs: exercise 4.2 finds it.",
        "mat1 and mat2": "The first linear layer was made for another number of inputs: exercise 4.2 finds it.",
    },
)
def build(answer: Callable) -> None:
    for side, classes in ((28, 10), (random.randint(20, 25), random.randint(3, 9))):
        model = answer(side, classes)
        if not isinstance(model, nn.Module):
            raise Hint(f"Expected a network, found {describe(model)}: return what `nn.Sequential(...)` makes.")
        images = 20 * torch.rand(64, 1, side, side)
        try:
            logits = model(images)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            if "mat1 and mat2" in reason:
                raise Hint(
                    f"With images of {side} x {side} the layers do not fit together ({reason}). Is there a flatten "
                    "before the first linear layer, and has that one the right number of inputs?"
                ) from None
            raise Hint(f"With images of {side} x {side} the network stops: {reason}") from None
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
        _check_steps(model, images)


def _check_steps(model: nn.Module, images: torch.Tensor) -> None:
    """Raise Hint unless the network does with its weights what the lesson's network does."""
    weights = list(model.parameters())
    with torch.no_grad():
        weights[-1] -= _lesson_logits(weights, images).mean(dim=0)  # now some logits are negative, some positive
        logits, expected = model(images), _lesson_logits(weights, images)
        if not _differ(logits, expected):
            return
        for name, end in (("softmax", nn.Softmax(1)), ("log-softmax", nn.LogSoftmax(1)), ("ReLU", nn.ReLU())):
            if not _differ(logits, end(expected)):
                raise Hint(
                    f"There is a {name} at the end. The last layer has nothing behind it: the loss wants logits."
                )
        for missing, place in enumerate(("after conv1", "after conv2", "after fc1")):
            relus = [number != missing for number in range(3)]
            if not _differ(logits, _lesson_logits(weights, images, relus)):
                raise Hint(f"A ReLU is missing {place}: without it, more layers can do no more than fewer.")
    raise Hint("With equal weights the lesson's network gives other logits: are all ReLUs and both poolings there?")


def _differ(logits: torch.Tensor, expected: torch.Tensor) -> bool:
    """Compare up to the rounding of a whole network."""
    return not torch.allclose(logits, expected, rtol=1e-3, atol=1e-3)


def _lesson_logits(weights: list, images: torch.Tensor, relus: Iterable[bool] = (True, True, True)) -> torch.Tensor:
    """Compute the logits of the lesson's network from its eight weights and biases; a ReLU can be left out."""
    relu1, relu2, relu3 = (F.relu if wanted else nn.Identity() for wanted in relus)
    x = F.max_pool2d(relu1(F.conv2d(images, *weights[0:2])), 2)
    x = F.max_pool2d(relu2(F.conv2d(x, *weights[2:4])), 2)
    return F.linear(relu3(F.linear(x.flatten(1), *weights[4:6])), *weights[6:8])


# Notebook 5: training


@exercise("5.1", "Two steps: the logarithms of the probabilities, then one number from each row. Which one?")
def cross_entropy(answer: Callable) -> None:
    def of_the_right(table, labels):
        return table[torch.arange(len(labels)), labels]

    cases = [(3 * torch.randn(n, 10), torch.randint(0, 10, (n,))) for n in (1, random.randint(2, 5), 20)]
    mistakes = [
        (lambda x, y: F.cross_entropy(x, y, reduction="sum"), "This is the sum over the batch: the loss is the mean."),
        (lambda x, y: -F.cross_entropy(x, y), "The sign: a loss is never negative."),
        (lambda x, y: -of_the_right(x.softmax(1), y).mean(), "The logarithm is missing."),
        (lambda x, y: -of_the_right(x, y).mean(), "These are bare logits: the log-softmax is missing."),
        (lambda x, y: -x.log_softmax(1).mean(), "Only the number of the right class counts, not all of them."),
        (lambda x, y: F.cross_entropy(x.softmax(1), y), "The softmax was applied twice."),
        (lambda x, y: -of_the_right(x.log_softmax(0), y).mean(), "The classes of an image lie along axis 1."),
        (lambda x, y: F.cross_entropy(x, y, reduction="none"), "One number for the batch: take the mean."),
    ]
    compare(answer, cases, F.cross_entropy, mistakes)


@exercise(
    "5.2",
    "First the predictions, then how many of them equal the label. Along which axis do the classes lie?",
    errors={"must match the size": "Predictions and labels differ in number: `argmax` looks along the wrong axis."},
)
def count_correct(answer: Callable) -> None:
    def right(logits, labels):
        return sum(int(row.tolist().index(max(row.tolist())) == label) for row, label in zip(logits, labels.tolist()))

    cases = []
    for n in (10, 10, random.randint(11, 20)):
        labels = torch.randint(0, 10, (n,))
        logits = torch.randn(n, 10)
        logits[: n // 2, :] += 5 * F.one_hot(labels[: n // 2], 10)  # or hardly any would be right
        cases.append((logits, labels))
    mistakes = [
        (lambda x, y: right(x, y) / len(y), "This is the accuracy. The number of right answers was asked for."),
        (lambda x, y: len(y) - right(x, y), "These are the wrong answers."),
        (lambda x, y: x.argmax(1) == y, "Count the `True`s."),
        (lambda x, y: int((x.argmax(0) == y).sum()), "Along axis 0 lie the images. Look along the classes."),
        (lambda x, y: float(right(x, y)), "The count is right, but a whole number was asked for: use `int(...)`."),
        (lambda x, y: int((x.argmin(1) == y).sum()), "The largest logit wins, not the smallest."),
    ]
    compare(answer, cases, right, mistakes)


@exercise("5.3", "A batch of 32 images should count twice as much as one of 16. Then: divide by how many?")
def mean_loss(answer: Callable) -> None:
    def right(means, sizes):
        return sum(mean * size for mean, size in zip(means, sizes)) / sum(sizes)

    cases = [
        ([random.uniform(0.1, 1) for _ in range(n)] + [random.uniform(2, 4)], [32] * n + [random.randint(1, 16)])
        for n in (2, random.randint(3, 5), 6)
    ]
    mistakes = [
        (lambda means, sizes: sum(means) / len(means), "The last batch is smaller, so its mean must count less."),
        (
            lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / len(means),
            "Divide by the number of samples, not by the number of batches.",
        ),
        (
            lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / (32 * len(means)),
            "Not every batch has as many samples as the first: add up the sizes.",
        ),
        (lambda means, sizes: sum(means) / sum(sizes), "Each mean stands for a whole batch: multiply by its size."),
        (lambda means, sizes: sum(m * s for m, s in zip(means, sizes)), "This is the sum: now divide."),
    ]
    compare(answer, cases, right, mistakes)


@exercise(
    "5.4",
    "Logits, loss, then the three calls. The section 'One step by hand' says in which order, and why.",
    errors={
        "does not require grad": "`backward` is called on something that was not recorded: the loss, not a number."
    },
)
def train_step(answer: Callable) -> None:
    for _ in range(3):
        model, images = nn.Linear(5, 4), torch.randn(8, 5)
        labels, rate = torch.randint(0, 4, (8,)), random.uniform(0.1, 0.5)
        F.cross_entropy(10 * model(torch.randn(8, 5)), torch.randint(0, 4, (8,))).backward()
        old = [p.grad.clone() for p in model.parameters()]
        before = [p.detach().clone() for p in model.parameters()]
        loss = F.cross_entropy(model(images), labels)
        new = torch.autograd.grad(loss, list(model.parameters()))
        found = answer(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=rate), images, labels)

        def after(gradients):
            return not any(
                difference(p.detach(), b - rate * g) for p, b, g in zip(model.parameters(), before, gradients)
            )

        if not after(new):
            if after([0 * g for g in new]):
                raise Hint("The weights did not change: is there a `step`, and does it find gradients when it comes?")
            if after([a + b for a, b in zip(old, new)]):
                raise Hint("An older gradient was still there and was added: delete it before `backward`.")
            if after(old):
                raise Hint("The step used an older gradient: `step` comes after `backward`.")
            raise Hint("After one step the weights are not what SGD makes of them: exactly one `step` is needed.")
        if isinstance(found, torch.Tensor) and found.requires_grad:
            raise Hint(
                "The weights are right. But the loss that you return drags its whole record along: use `.item()`."
            )
        problem = difference(found, loss.item())
        if problem:
            raise Hint(f"The weights are right. Return the loss from before the step as a number: {problem}.")


class _Spy(nn.Module):
    """Notes whether gradients are recorded, and hands its input on unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.recorded = self.recorded or torch.is_grad_enabled()
        return x


@exercise("5.5", "Two things to switch before the loop, one for layers and one for the record. Then count.")
def accuracy(answer: Callable) -> None:
    for _ in range(3):
        spy = _Spy()
        model = nn.Sequential(spy, nn.Linear(6, 20), nn.BatchNorm1d(20), nn.Dropout(0.5), nn.Linear(20, 3))
        images = torch.randn(random.choice([50, 65, 81]) + 1, 6)  # a last batch of few images
        with torch.no_grad():
            model.train()(3 * images + 1)
            labels = model.eval()(images).argmax(1)
        labels[-9:] = (labels[-9:] + 1) % 3  # the last ones are wrong, so a short last batch shows
        test_dl = DataLoader(TensorDataset(images, labels), batch_size=16)
        expected, _ = test(test_dl, model, F.cross_entropy)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        model.train()
        spy.recorded = False
        found = answer(model, test_dl)
        recorded = spy.recorded
        if any(not torch.equal(value, state[name]) for name, value in model.state_dict().items()):
            raise Hint("The running averages of the model changed while it was tested: it was in train mode.")
        model.eval()
        batch_means = statistics.mean((model(x).argmax(1) == y).float().mean().item() for x, y in test_dl)
        if not difference(found, batch_means):
            raise Hint("This is the mean of the batch means: the last batch is smaller and must count less.")
        if not difference(found, round(expected * len(labels))):
            raise Hint("This is a count: the accuracy is a fraction from 0 to 1.")
        if not difference(found, 100 * expected):
            raise Hint("This is in percent: the accuracy is a fraction from 0 to 1.")
        problem = difference(found, expected)
        if problem:
            raise Hint(f"Of {len(labels)} images {round(expected * len(labels))} are right: {problem}.")
        if recorded:
            raise Hint("The number is right. But PyTorch recorded everything for gradients: switch that off.")


# Notebook 6: results


@exercise("6.1", "Find the smallest loss in the list. Then: the first epoch has number 1, but which place in the list?")
def best_epoch(answer: Callable) -> None:
    def right(history):
        return history.test_loss.index(min(history.test_loss)) + 1

    def case():
        epochs = random.randint(6, 9)
        best = random.randint(epochs // 2 + 1, epochs - 2)
        falling = sorted((random.uniform(0.3, 1) for _ in range(epochs)), reverse=True)
        held = [0.2 + abs(i - best) * random.uniform(0.06, 0.07) for i in range(epochs)]
        accs = sorted(random.uniform(0.8, 0.95) for _ in range(epochs))
        return (History(accs, falling, accs, held),)

    mistakes = [
        (lambda h: right(h) - 1, "Lists count from 0, epochs from 1."),
        (lambda h: min(h.test_loss), "This is the loss itself. In which epoch was it?"),
        (lambda h: len(h), "The last epoch is not always the best: where does the test loss turn?"),
        (lambda h: h.train_loss.index(min(h.train_loss)) + 1, "The training loss goes on falling: look at the other."),
        (lambda h: h.test_loss.index(max(h.test_loss)) + 1, "A loss is good when it is small."),
        (lambda h: h.test_acc.index(max(h.test_acc)) + 1, "The loss was asked for, not the accuracy."),
    ]
    compare(answer, [case() for _ in range(4)], right, mistakes)


@exercise("6.2", "The formula stands in the exercise. First the share p, then the square root.")
def interval(answer: Callable) -> None:
    def around(correct, total, half):
        return correct / total - half, correct / total + half

    def spread(correct, total):
        p = correct / total
        return math.sqrt(p * (1 - p) / total)

    def right(correct, total):
        return around(correct, total, 1.96 * spread(correct, total))

    cases = [(random.randint(total // 2, total * 9 // 10), total) for total in (200, 1000, random.randint(3000, 9000))]
    mistakes = [
        (lambda c, n: around(c, n, spread(c, n)), "This interval holds 68 %: for 95 % it is 1.96 times as wide."),
        (lambda c, n: around(c, n, 1.96 * spread(c, n) ** 2), "The square root is missing."),
        (lambda c, n: around(c, n, 1.96 * math.sqrt(n) * spread(c, n)), "Divide by the number of images, in the root."),
        (lambda c, n: tuple(100 * end for end in right(c, n)), "Give fractions from 0 to 1, not percent."),
        (lambda c, n: right(c, n)[::-1], "The lower end comes first."),
        (lambda c, n: around(c, n, 1.96 * spread(c, n) / math.sqrt(n)), "The number of images is divided by twice."),
        (lambda c, n: 1.96 * spread(c, n), "This is half the width: return both ends."),
    ]
    compare(answer, cases, right, mistakes)


@exercise("6.3", "Everything that was read as `digit` stands in one column. Which of it is right?")
def precision(answer: Callable) -> None:
    def right(matrix, digit):
        return matrix[digit, digit].item() / matrix[:, digit].sum().item()

    def case():
        labels = torch.arange(10).repeat(30)
        noise = torch.rand(300) < random.uniform(0.2, 0.6)
        predictions = torch.where(noise, torch.randint(0, 10, (300,)).pow(2) // 9, labels)
        return confusion_matrix(labels, predictions), random.randint(0, 9)

    mistakes = [
        (
            lambda m, d: m[d, d].item() / m[d].sum().item(),
            "You divide by the row: of all images of the digit, how many were found. The column is the other question.",
        ),
        (lambda m, d: m.diag().sum().item() / m.sum().item(), "This is the accuracy over all digits."),
        (lambda m, d: m[d, d].item() / m.sum().item(), "Divide by how often the network said `digit`, not by all."),
        (lambda m, d: m[:, d].sum().item(), "This is how often the network said `digit`. How often was that right?"),
        (lambda m, d: 1 - right(m, d), "This is the share that is wrong."),
    ]
    compare(answer, [case() for _ in range(5)], right, mistakes)


@exercise(
    "6.4",
    "'Read a single image' shows all the steps. Which one changes a shape, and which two switch something?",
    errors={
        "Expected 3D": "The network takes batches: give the image a batch axis.",
        "expected 2D or 3D": "The network takes batches: give the image a batch axis.",
        "shapes cannot be multiplied": "The network takes batches: give the image a batch axis.",
        "must match the size": "The network takes batches: give the image a batch axis.",
        "Dimension out of range": "After the network there is still a batch axis: along which axis lie the classes?",
    },
)
def read_digit(answer: Callable) -> None:
    for _ in range(3):
        spy = _Spy()
        model = nn.Sequential(spy, nn.Flatten(), nn.Dropout(0.7), nn.Linear(784, 10))
        image = torch.rand(1, 28, 28)
        with torch.no_grad():
            logits = model.eval()(image.unsqueeze(0))[0]
            top, digit = logits.softmax(0).max(0)
            model.train()
        spy.recorded = False
        found = answer(model, image)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise Hint(f"Expected two values, `return digit, probability`, found {describe(found)}.")
        if not difference(found[::-1], (digit.item(), top.item())):
            raise Hint("The digit comes first, then the probability.")
        if not difference(found[1], logits.max().item()):
            raise Hint("This is the logit. `softmax` makes a probability of it.")
        if not difference(found[1], 1.0):
            raise Hint("The probability is always 1: `softmax` runs along the wrong axis, over one image alone.")
        if model.training and difference(found, (digit.item(), top.item())):
            raise Hint("Twice the same image, and the answers differ: the model has a dropout layer. Which mode?")
        problem = difference(found, (digit.item(), top.item()))
        if problem:
            raise Hint(f"For a digit that the network reads as {digit.item()}, {problem}.")
        if spy.recorded:
            raise Hint("The answer is right. But PyTorch recorded everything for gradients: switch that off.")


# Notebook 7: look inside


@exercise(
    "7.1",
    "'How to listen: hooks' has all the parts. Where does a hook leave what it hears, and who takes the hook away?",
    errors={
        "shapes cannot be multiplied": "The layer alone wants what the layer before it makes: send the images through "
        "the whole model.",
        "but 3 were given": "PyTorch calls a hook with three things: the layer, what went in, what came out.",
        "list index out of range": "The hook heard nothing: register it before the images go through the model.",
    },
)
def listen(answer: Callable) -> None:
    for _ in range(3):
        a, b = random.sample(range(3, 9), 2)
        model = nn.Sequential(nn.Linear(2, a), nn.ReLU(), nn.Linear(a, b), nn.Linear(b, 9), nn.Linear(9, 10))
        images, place = torch.randn(random.randint(2, 5), 2), random.choice([2, 3])
        going_in = model[:place](images)
        expected = model[place](going_in)
        found = answer(model, model[place], images)
        if isinstance(found, tuple) and len(found) == 1 and not difference(found[0], going_in):
            raise Hint("This is what went into the layer. A hook is given both: what went in, and what came out.")
        if isinstance(found, tuple) and found == expected.shape:
            raise Hint("This is the shape of what leaves the layer: keep the tensor itself.")
        if isinstance(found, tuple | list) and len(found) == 1 and isinstance(found[0], torch.Tensor):
            raise Hint("This is a tensor in a list or tuple: return the tensor alone.")
        if not difference(found, going_in):
            raise Hint("This is what went into the layer. A hook is given both: what went in, and what came out.")
        if not difference(found, model(images)):
            raise Hint("This is what leaves the whole model. The hook of the layer hears what was asked for.")
        problem = difference(found, expected)
        if problem:
            raise Hint(f"For {describe(images)} {problem}.")
        if _has_hooks(model):
            raise Hint("The tensor is right. But your hook is still there: its handle can remove it.")
    failing = nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3))  # its second layer does not fit
    with contextlib.suppress(Hint):  # here the function may stop with an error
        answer(failing, failing[0], torch.randn(4, 2))
    if _has_hooks(failing):
        raise Hint("If the pass stops with an error, your hook stays: which part of a `try` runs in any case?")


def _has_hooks(model: nn.Module) -> bool:
    return any(layer._forward_hooks for layer in model.modules())


@exercise(
    "7.2",
    "What does the cell below 'What the features look like' do before and after it takes the SVD?",
    errors={"must match the size": "The mean of each feature was asked for: D numbers, so along which axis?"},
)
def first_share(answer: Callable) -> None:
    def lengths(features):
        return torch.linalg.svdvals(features)

    def centred(features):
        return features - features.mean(dim=0)

    def right(features):
        return (lengths(centred(features))[0] ** 2 / (lengths(centred(features)) ** 2).sum()).item()

    def case():
        size, width = random.randint(12, 20), random.randint(4, 6)
        mixed = torch.randn(size, width) * torch.linspace(3, 1, width) @ torch.linalg.qr(torch.randn(width, width))[0]
        return (mixed + 5 + torch.arange(width),)

    mistakes = [
        (
            lambda f: lengths(centred(f))[0] / lengths(centred(f)).sum(),
            "The singular values are lengths. The variances are their squares.",
        ),
        (
            lambda f: lengths(f)[0] ** 2 / (lengths(f) ** 2).sum(),
            "The features are not centred: take the mean of each feature away first.",
        ),
        (lambda f: lengths(f)[0] / lengths(f).sum(), "Two things are missing: centre first, and square afterwards."),
        (
            lambda f: first_of(f - f.mean(dim=1, keepdim=True)),
            "You take the mean of each image away. The mean of each feature was meant: which axis holds the images?",
        ),
        (
            lambda f: first_of(f - f.mean()),
            "You take one mean of all numbers away. Each feature has a mean of its own.",
        ),
        (lambda f: lengths(centred(f))[0] ** 2, "This is not a share yet: divide by the sum over all directions."),
        (lambda f: f.var(dim=0)[0] / f.var(dim=0).sum(), "This is a feature, not a direction: where is the SVD?"),
        (lambda f: f.var(dim=0).max() / f.var(dim=0).sum(), "This is a feature, not a direction: where is the SVD?"),
        (
            lambda f: lengths(centred(f)) ** 2 / (lengths(centred(f)) ** 2).sum(),
            "These are the shares of all directions: only the first was asked for.",
        ),
        (lambda f: 100 * right(f), "This is in percent: give a fraction from 0 to 1."),
        (
            lambda f: (lengths(centred(f)) ** 2)[:2].sum() / (lengths(centred(f)) ** 2).sum(),
            "This is the share of two directions: only the first was asked for.",
        ),
        (
            lambda f: lengths(centred(f))[0] ** 2 / lengths(centred(f)).sum() ** 2,
            "Square each singular value first, and add them up afterwards.",
        ),
    ]

    def first_of(features):
        return lengths(features)[0] ** 2 / (lengths(features) ** 2).sum()

    compare(answer, [case() for _ in range(4)], right, mistakes)


@exercise(
    "7.3",
    "Two passes, one with a copy of the image. Which logit is the larger one if the ink spoke for the digit?",
    errors={
        "shapes cannot be multiplied": "The network takes batches: give each image a batch axis.",
        "Expected 3D": "The network takes batches: give each image a batch axis.",
        "out of bounds": "The network returns a batch: first take the image's row of logits, then the digit.",
        "converted to Scalar": "The network returns a batch: first take the image's row of logits, then the digit.",
    },
)
def fall_without(answer: Callable) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 10))

    @torch.no_grad()
    def logits(image):
        return model(image.unsqueeze(0))[0]

    def erased(image, row, column, height, width, value=0.0):
        image = image.clone()
        image[0, max(0, row) : row + height, max(0, column) : column + width] = value
        return image

    def falls(image, row, column, size):
        return logits(image) - logits(erased(image, row, column, size, size))  # (10,)

    def right(image, digit, row, column, size):
        return falls(image, row, column, size)[digit].item()

    def case(falling, places=range(4, 18)):
        image, size = torch.rand(1, 28, 28), random.randint(5, 9)
        row, column = random.sample(places, 2)
        each = falls(image, row, column, size)
        digit = each.argmax() if falling else each.argmin()
        return image, digit.item(), row, column, size

    mistakes = [
        (lambda *case: -right(*case), "The sign: if the logit gets smaller without the square, it falls."),
        (lambda *case: abs(right(*case)), "If the logit rises, the number must be negative."),
        (
            lambda x, d, r, c, s: (logits(x).softmax(0) - logits(erased(x, r, c, s, s)).softmax(0))[d],
            "This is how much the probability falls: the logit was asked for.",
        ),
        (lambda x, d, r, c, s: logits(erased(x, r, c, s, s))[d], "This is the new logit. How far did it fall?"),
        (lambda x, d, r, c, s: (logits(x) - logits(erased(x, r, c, 1, 1)))[d], "This erases one pixel, not a square."),
        (
            lambda x, d, r, c, s: (logits(x) - logits(erased(x, r, 0, s, 28)))[d],
            "This erases whole rows: the columns have limits too.",
        ),
        (
            lambda x, d, r, c, s: (logits(x) - logits(erased(x, r, c, s, s, value=1.0)))[d],
            "This paints the square black: paper is 0.",
        ),
        (
            lambda x, d, r, c, s: (logits(x) - logits(erased(x, r, c, s - r, s - c)))[d],
            "`row:size` begins at `row` and ends before `size`: the square ends before `row + size`.",
        ),
        (
            lambda x, d, r, c, s: (logits(x) - logits(erased(x, r, c, s + 1, s + 1)))[d],
            "This square is one pixel too large: a slice ends before its second number.",
        ),
        (
            lambda x, d, r, c, s: 0.0,
            "Nothing is erased: axis 0 of the image is the channel, so the rows are on axis 1.",
        ),
        (lambda x, d, r, c, s: right(x, d, c, r, s), "Rows and columns are swapped: the row comes first in a tensor."),
        (
            lambda x, d, r, c, s: right(x, d, r - s // 2, c - s // 2, s),
            "`row` and `column` are the upper left corner of the square, not its centre.",
        ),
        (
            lambda x, d, r, c, s: falls(x, r, c, s),
            "These are the falls of all ten logits: only that of `digit` was asked for.",
        ),
    ]
    compare(
        lambda *case: answer(model, *case),
        [case(True), case(False), case(True), case(False), case(True, places=[4, 4])],
        right,
        mistakes,
    )


# Notebook 8: your own digits


@exercise("8.1", "Paper is most of a picture. Which single number of the picture tells how bright its ground is?")
def bright_ink(answer: Callable) -> None:
    def right(picture):
        return 1 - picture if picture.median() > 0.5 else picture

    def case(is_dark_on_bright, few):
        ink = torch.zeros(6, 8)
        ink.view(-1)[torch.randperm(48)[:few]] = 0.85 + 0.1 * torch.rand(few)
        ink = ink + 0.1 * torch.rand(6, 8) * (ink == 0)
        return (1 - ink if is_dark_on_bright else ink,)

    cases = [case(is_dark, few) for is_dark in (True, False) for few in (3, 15, 21)]
    mistakes = [
        (lambda picture: 1 - picture, "You always invert: a picture whose ink is bright already must stay as it is."),
        (lambda picture: picture, "You never invert: a picture with dark ink on bright paper must be turned round."),
        (lambda picture: 1 - right(picture), "It is the wrong way round: now the ink is always dark."),
        (
            lambda picture: 1 - picture if picture[0, 0] > 0.5 else picture,
            "One pixel may be paper or ink: let all pixels decide.",
        ),
        (lambda picture: 255 - picture if picture.median() > 0.5 else picture, "White is 1 here, not 255."),
        (lambda picture: -picture if picture.median() > 0.5 else picture, "The inverse of 0 is 1, and that of 1 is 0."),
    ]
    compare(answer, cases, right, mistakes)
    shifted = torch.full((6, 8), 0.45)
    shifted.view(-1)[:10] = 0.95
    if difference(answer(shifted), shifted):
        raise Hint(
            "With a grey ground (0.45) and some white ink, your function inverts: the ink pulls the mean up. Sort all "
            "pixels: the one in the middle belongs to the ground. Notebook 8 names this number."
        )


@exercise("8.2", "One factor for both sides, or the digit is distorted. Which side decides about it?")
def new_size(answer: Callable) -> None:
    def scaled(height, width, by, whole=round, least=1):
        return max(least, whole(height * 20 / by)), max(least, whole(width * 20 / by))

    longer = random.randrange(101, 300, 2)  # odd, so that no side ends in exactly one half
    sizes = [(longer, random.randint(10, 100)), (random.randint(10, 100), longer)]
    cases = [*sizes, (100, 37), (37, 100), (97, 100), (12, 7), (500, 5), (5, 500), (50, 50)]
    mistakes = [
        (lambda h, w: (20, 20), "This distorts the digit: a 1 becomes as wide as it is high."),
        (lambda h, w: scaled(h, w, max(h, w))[::-1], "The height comes first."),
    ]
    for least in (1, 0):
        mistakes += [
            (
                lambda h, w, least=least: scaled(h, w, h, least=least),
                "If the digit is wider than high, its width becomes more than 20.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, w, least=least),
                "If the digit is higher than wide, its height becomes more than 20.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, min(h, w), least=least),
                "The longer side must become 20, not the shorter one.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, max(h, w), int, least),
                "Round to the nearest whole number: `int` and `//` only cut off.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, max(h, w), math.ceil, least),
                "Round to the nearest whole number, not always up.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, max(h, w), float, least),
                "There are no parts of pixels: `round` makes whole numbers.",
            ),
        ]
    mistakes.append(
        (
            lambda h, w: scaled(h, w, max(h, w), least=0),
            "A very thin stroke loses all its pixels: at least 1 must be left.",
        )
    )
    compare(answer, cases, lambda h, w: scaled(h, w, max(h, w)), mistakes)


@exercise("8.3", "A mean in which each place counts as often as it has ink. How much ink is there in each row?")
def centre_of_mass(answer: Callable) -> None:
    def right(image):
        rows, columns = (torch.arange(side) for side in image.shape)
        total = image.sum()
        return (image.sum(1) * rows).sum().item() / total.item(), (image.sum(0) * columns).sum().item() / total.item()

    def box(image):
        places = image.nonzero()
        return tuple(((places.amin(0) + places.amax(0)) / 2).tolist())

    def case(height, width):
        image = torch.zeros(height, width)
        image[1:-2, 3:] = torch.rand(height - 3, width - 3) ** 3
        image[0, 1] = 0.5
        return (image,)

    mistakes = [
        (lambda image: right(image)[::-1], "The row comes first: axis 0 is the height."),
        (
            lambda image: right((image > 0).float()),
            "You count the pixels that have ink: weigh each by how much it has.",
        ),
        (box, "This is the middle of the box around the digit: weigh each place by its ink."),
        (
            lambda image: tuple((side - 1) / 2 for side in image.shape),
            "This is the middle of the image, wherever the ink is.",
        ),
        (lambda image: tuple(place + 1 for place in right(image)), "The first row has number 0."),
        (
            lambda image: tuple(place * image.sum().item() for place in right(image)),
            "This is a sum: divide by all the ink.",
        ),
        (lambda image: tuple(map(round, right(image))), "Do not round: the middle may lie between two pixels."),
        (
            lambda image: tuple(divmod(image.argmax().item(), image.shape[1])),
            "This is the pixel with the most ink: take the mean over all of them.",
        ),
    ]
    compare(answer, [case(random.randint(6, 9), random.randint(10, 14)) for _ in range(4)], right, mistakes)


@exercise("8.4", "With what is a threshold compared, and do you have that yet? The prediction itself is as before.")
def refuse(answer: Callable) -> None:
    def by(score, threshold, logits, compare_with=torch.lt):
        best, predictions = score(logits).max(dim=1)
        return predictions.masked_fill(compare_with(best, threshold), -1)

    def softmax(logits):
        return logits.softmax(dim=1)

    def case(size, threshold):
        logits = torch.randn(size, 10)
        logits[torch.arange(size), torch.randint(0, 10, (size,))] += torch.linspace(2, 8, size)
        logits[:2] = torch.stack([logits[0] / 50, logits[1] * 20])  # one is refused and one is not, in any case
        return logits, threshold

    not_predictions = "These are probabilities: the predictions were asked for, or -1."
    wrong_axis = "Softmax must run over the ten classes of each row, axis 1."
    cases = [case(random.randint(8, 12), threshold) for threshold in (0.5, 0.8, 0.9)]
    mistakes = [
        (lambda logits, t: by(lambda x: x, t, logits), "You compare a logit: make probabilities of the logits first."),
        (lambda logits, t: by(softmax, t, logits, torch.gt), "It is the wrong way round: refuse the unsure ones."),
        (lambda logits, t: logits.argmax(dim=1), "You never refuse: what happens below the threshold?"),
        (lambda logits, t: by(lambda x: x.softmax(dim=0), t, logits), wrong_axis),
        (
            lambda logits, t: torch.where(logits.softmax(dim=0).amax(dim=1) < t, -1, logits.argmax(dim=1)),
            wrong_axis,
        ),
        (lambda logits, t: softmax(logits).amax(dim=1), not_predictions),
        (
            lambda logits, t: torch.where(softmax(logits).amax(dim=1) < t, -1, softmax(logits).amax(dim=1)),
            not_predictions,
        ),
        (
            lambda logits, t: logits.argmax(dim=1)[softmax(logits).amax(dim=1) >= t],
            "Refused images must not vanish: put -1 in their place.",
        ),
    ]
    compare(answer, cases, lambda logits, t: by(softmax, t, logits), mistakes)


# Notebook 9: better and faster


@exercise("9.1", "Mean and standard deviation are two numbers, taken once. From which images may they come?")
def normalise(answer: Callable) -> None:
    def scaled(images, like):
        return (images - like.mean()) / like.std()

    def right(train_images, test_images):
        return scaled(train_images, train_images), scaled(test_images, train_images)

    cases = [(torch.rand(9, 4, 5), 0.5 * torch.rand(random.randint(3, 6), 4, 5) + 0.3) for _ in range(3)]
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
    compare(answer, cases, right, mistakes)


@exercise(
    "9.2", "Mean and standard deviation of all runs. Then: how does the uncertainty of a mean shrink with the runs?"
)
def report(answer: Callable) -> None:
    def around(values, half):
        return statistics.mean(values), half

    def right(accuracies):
        return around(accuracies, 2.26 * statistics.stdev(accuracies) / math.sqrt(len(accuracies)))

    cases = [([random.uniform(0.97, 0.99) for _ in range(10)],) for _ in range(4)]
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
    compare(answer, cases, right, mistakes)


@exercise(
    "9.3",
    "First a random order in which each place occurs exactly once. Then pieces of it, the last one perhaps shorter.",
)
def random_order(answer: Callable) -> None:
    for _ in range(4):
        size, batch_size = random.randint(30, 60), random.randint(7, 13)
        batches = answer(size, batch_size)
        if not isinstance(batches, tuple | list) or not all(isinstance(batch, torch.Tensor) for batch in batches):
            raise Hint(f"Expected a list of tensors, one for each batch, found {describe(batches)}.")
        if not all(batch.ndim == 1 and not batch.is_floating_point() for batch in batches):
            raise Hint("Each batch should be a row of whole numbers: the places of its images.")
        places = [place for batch in batches for place in batch.tolist()]
        if len(places) < size:
            raise Hint(f"Of {size} images only {len(places)} are used: the last batch may be smaller.")
        if len(set(places)) < len(places):
            raise Hint("Some images come twice in an epoch, and others never: draw without putting back.")
        if sorted(places) != list(range(size)):
            raise Hint(f"The places should be 0 to {size - 1}, each once.")
        if any(len(batch) != batch_size for batch in batches[:-1]):
            raise Hint("All batches but the last must have the size that was asked for.")
        if all(batch.tolist() == sorted(batch.tolist()) for batch in batches):
            raise Hint("The images come in their own order: shuffle them first.")
        if [batch.tolist() for batch in answer(size, batch_size)] == [batch.tolist() for batch in batches]:
            raise Hint("Two epochs have the same order: draw a new one each time.")


# What the learner has done so far


def all_checkers() -> list[Callable]:
    """Return the checkers of all exercises in the order of their numbers."""
    checkers = [value for value in globals().values() if hasattr(value, "judge")]
    return sorted(checkers, key=lambda checker: [int(part) for part in checker.number.split(".")])


def progress() -> None:
    """Print for each notebook which of its exercises are solved, and which are open."""
    solved = load_solved()
    for notebook in sorted({int(checker.number.split(".")[0]) for checker in all_checkers()}):
        there = [checker for checker in all_checkers() if checker.number.startswith(f"{notebook}.")]
        still_open = [f"{checker.number} {checker.__name__}" for checker in there if checker.number not in solved]
        line = f"notebook {notebook:>2}: {len(there) - len(still_open)} of {len(there)} solved"
        print(f"{line}; open: {', '.join(still_open)}" if still_open else line)


def reset_progress() -> None:
    """Forget which exercises were solved."""
    SOLVED_FILE.unlink(missing_ok=True)
    print("Your progress is back to the start.")
