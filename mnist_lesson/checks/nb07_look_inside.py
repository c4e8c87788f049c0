"""The self-checks of the exercises of notebook 07_look_inside."""

import contextlib
import random
from collections.abc import Callable

import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Hint, compare, describe, difference, elements
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.state import changed, snapshot


@exercise(
    "7.1",
    "'How to listen: hooks' has all the parts. Where does a hook leave what it hears, and who takes the hook away?",
    errors={
        "shapes cannot be multiplied": "The layer alone wants what the layer before it makes: send the images through "
        "the whole model.",
        "but 3 were given": "PyTorch calls a hook with three things: the layer, what went in, what came out.",
        "list index out of range": "The hook heard nothing: register it before the images go through the model.",
    },
    may_change=("hooks",),
)
def listen(answer: Callable) -> None:
    for _ in range(3):
        a, b = random.sample(range(3, 9), 2)
        model = nn.Sequential(nn.Linear(2, a), nn.ReLU(), nn.Linear(a, b), nn.Linear(b, 9), nn.Linear(9, 10))
        images, place = torch.randn(random.randint(2, 5), 2), random.choice([2, 3])
        model.eval()
        with torch.no_grad():
            going_in = model[:place](images)
            expected = model[place](going_in)
            coming_out = model(images)
        before = snapshot(model)
        found = answer(model, model[place], images)
        values = elements(found)
        if isinstance(found, tuple) and len(values) == 1 and not difference(values[0], going_in):
            raise Hint("This is what went into the layer. A hook is given both: what went in, and what came out.")
        if isinstance(found, tuple) and not difference(found, tuple(expected.shape)):
            raise Hint("This is the shape of what leaves the layer: keep the tensor itself.")
        if values is not None and len(values) == 1 and isinstance(values[0], torch.Tensor):
            raise Hint("This is a tensor in a list or tuple: return the tensor alone.")
        if not difference(found, going_in):
            raise Hint("This is what went into the layer. A hook is given both: what went in, and what came out.")
        if not difference(found, coming_out):
            raise Hint("This is what leaves the whole model. The hook of the layer hears what was asked for.")
        problem = difference(found, expected)
        if problem:
            raise Hint(f"For {describe(images)} {problem}.")
        if changed(before, model, may_change=("gradients",)):
            raise Hint("The tensor is right. But your hook is still there: its handle can remove it.")
    failing = nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3))  # its second layer does not fit
    before = snapshot(failing)
    with contextlib.suppress(Hint):  # here the function may stop with an error
        answer(failing, failing[0], torch.randn(4, 2))
    if changed(before, failing, may_change=("gradients",)):
        raise Hint("If the pass stops with an error, your hook stays: which part of a `try` runs in any case?")


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

    compare(answer, lambda: [case() for _ in range(4)], right, mistakes)


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
    model = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 10)).eval()

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
        lambda: [case(True), case(False), case(True), case(False), case(True, places=[4, 4])],
        right,
        mistakes,
    )
