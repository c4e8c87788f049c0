"""The self-checks of the exercises of notebook 09_better_and_faster."""

import math
import random
import statistics
from collections.abc import Callable
from typing import Any

import torch

from mnist_lesson.checks.compare import Hint, compare, describe, difference, elements, plain_tensor
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.state import changed, snapshot

EPOCHS = 600  # of four images each: then some of their 24 orders is missing by chance once in 5,000,000,000 times

NEGATIVE_ROOT = (
    "You take the root of a negative number. A mean of squares minus the square of the mean is never negative: are "
    "both means over all pixels?"
)


NOTHING_LEFT = (
    "Your function computes something of no batches at all: a generator can be gone through once only, and a second "
    "time it hands out nothing."
)


@exercise(
    "9.1",
    "Which three numbers of each batch can simply be added up? Go through the batches once, and compute mean and "
    "standard deviation from these sums at the end.",
    errors={
        "has no len()": "A generator has no length: it hands out one batch after the other in a `for` loop.",
        "not subscriptable": "A generator has no places: it hands out one batch after the other in a `for` loop.",
        "math domain error": NEGATIVE_ROOT,
        "expected a nonnegative input": NEGATIVE_ROOT,  # so says Python from 3.14 on
        "non-empty list": NOTHING_LEFT,  # torch.cat and torch.stack
        "at least one data point": NOTHING_LEFT,  # statistics.mean
        "division by zero": "You divide by zero. Is something counted in a second loop? A generator can be gone "
        "through once only.",
    },
)
def mean_and_std(answer: Callable) -> None:
    def right(*batches):
        pixels = torch.cat(batches).double()
        return pixels.mean().item(), pixels.std().item()

    def mean_of(values, weights=None):
        weights = weights or [1] * len(values)
        return sum(value * weight for value, weight in zip(values, weights)) / sum(weights)

    def each(batches):
        """Return the means, the standard deviations and the sizes of the batches."""
        return *zip(*(right(batch) for batch in batches)), list(map(len, batches))

    def of_unweighted_sums(*batches):
        means, stds, _ = each(batches)
        mean = mean_of(means)
        return mean, math.sqrt(mean_of([m**2 + s**2 for m, s in zip(means, stds)]) - mean**2)

    def draw_images(size, height, width):
        # As in MNIST, many pixels are just 0 and some are just 1. How many, that differs between the batches.
        is_ink = torch.rand(size, 1, height, width) < random.uniform(0.2, 0.8)
        return is_ink * (random.uniform(1.1, 3) * torch.rand(size, 1, height, width)).clamp(max=1)

    def draw_batches():
        # So many pixels that it makes no difference whether you divide by n or by n - 1.
        height, width = random.randint(20, 24), random.randint(25, 27)
        sizes = [random.randint(2, 16), 1, 40, *(random.randint(2, 16) for _ in range(random.randint(0, 2)))]
        random.shuffle(sizes)
        return tuple(draw_images(size, height, width) for size in sizes)

    def hand_out_once(*batches):
        """Call the learner's function, with a generator of these batches."""
        before = snapshot(batches)
        found = answer(batch for batch in batches)
        if changed(before, batches):
            raise Hint("Your function changes the images in a batch, and the caller would be surprised: leave them.")
        mean = (elements(found) or [found])[0]  # with a wrong mean the deviation may be nan, so it is not looked at
        if not difference(mean, sum(batch.sum().item() for batch in batches) / sum(map(len, batches))):
            raise Hint("You divide the sum by the number of images: divide by the number of pixels.")
        return found

    mean_of_means = "The batches are of different sizes, so the mean of their means is not the mean of all pixels."
    within = (
        "A standard deviation of all pixels is not a mean over the batches, with or without weights: the batches also "
        "differ from each other, some are brighter. Square the pixels themselves, and add up."
    )
    mistakes = [
        (lambda *b: (mean_of(each(b)[0]), right(*b)[1]), mean_of_means),
        (lambda *b: tuple(map(mean_of, each(b)[:2])), f"{mean_of_means} The same goes for standard deviations."),
        (of_unweighted_sums, f"{mean_of_means} The same goes for the squares."),
        (lambda *b: (right(*b)[0], mean_of(each(b)[1])), within),
        (lambda *b: (right(*b)[0], mean_of(each(b)[1], each(b)[2])), within),
        (lambda *b: (right(*b)[0], math.sqrt(mean_of([s**2 for s in each(b)[1]]))), within),
        (lambda *b: (right(*b)[0], math.sqrt(mean_of([s**2 for s in each(b)[1]], each(b)[2]))), within),
        (
            lambda *b: (right(*b)[0], statistics.stdev(each(b)[0])),
            "This is the spread of the batches' means: the spread of the pixels was asked for.",
        ),
        (lambda *b: right(*b)[::-1], "The mean comes first."),
        (lambda *b: (right(*b)[0], right(*b)[1] ** 2), "This is the variance: the standard deviation is its root."),
        (
            lambda *b: (right(*b)[0], math.hypot(*right(*b))),
            "This is the root of the mean square, with nothing or hardly anything subtracted: before the root, take "
            "the square of the mean away.",
        ),
        (
            lambda *b: (right(*b)[0], 0.0),
            "Your standard deviation is 0. A generator can be gone through once only: a second loop gets nothing.",
        ),
        (
            lambda *b: right(torch.cat([batch[batch > 0] for batch in b])),
            "These are the numbers of the ink alone: the black pixels count, too.",
        ),
        (lambda *b: right(b[-1]), "These are the numbers of the last batch alone: add up over all of them."),
        (lambda *b: right(b[0]), "These are the numbers of the first batch alone: go through all of them."),
        (lambda *b: right(*b[1:]), "The first batch is missing: whatever you take from a generator is gone."),
        (lambda *b: right(*b[:-1]), "The last batch is missing."),
    ]
    compare(hand_out_once, lambda: [draw_batches() for _ in range(3)], right, mistakes)


@exercise(
    "9.2",
    "First the difference of the two means. Then the two standard deviations: square them, and put both into the root.",
)
def difference_interval(answer: Callable) -> None:
    def difference(before, after, mean=statistics.mean):
        return mean(after) - mean(before)

    def spread(before, after, stdev=statistics.stdev):
        return math.sqrt((stdev(before) ** 2 + stdev(after) ** 2) / 10)

    def sum_of_both(before, after):
        return (statistics.stdev(before) + statistics.stdev(after)) / math.sqrt(10)

    def of_pairs(before, after):
        return statistics.stdev(b - a for a, b in zip(before, after)) / math.sqrt(10)

    def around(middle, half):
        """Return a function of both lists that gives an interval; `middle` and `half` are functions of both, too."""
        return lambda a, b: (middle(a, b) - half(a, b), middle(a, b) + half(a, b))

    def times(factor, half):
        return lambda before, after: factor * half(before, after)

    right_half = times(2.10, spread)
    right = around(difference, right_half)

    def accuracies(middle, most):
        return [middle + random.uniform(-most, most) for _ in range(10)]

    def draw():
        low, high = random.uniform(0.6, 0.7), random.uniform(0.72, 0.78)
        return [  # better, worse, and nearly the same; either recipe spreads more
            (accuracies(low, 0.09), accuracies(high, 0.2)),
            (accuracies(high, 0.08), accuracies(low, 0.15)),
            (accuracies(high, 0.2), accuracies(high, 0.1)),
        ]

    both = "You add the two standard deviations: square each, and add the squares."
    not_pairs = (
        "You subtract run by run, but the runs are in no order: any of one list could stand beside any of the other."
    )
    single = "This is an interval for single runs: a mean of ten is surer, so divide by 10 within the root."
    mistakes = [
        (around(lambda a, b: -difference(a, b), right_half), "This is before minus after: turn it round."),
        (lambda a, b: right(a, b)[::-1], "The lower end comes first."),
        (lambda a, b: (difference(a, b), right_half(a, b)), "Return both ends: the difference minus and plus that."),
        (
            around(lambda a, b: abs(difference(a, b)), right_half),
            "The new recipe may be worse: then the difference is negative, so keep its sign.",
        ),
        (
            lambda a, b: tuple(max(0, end) for end in right(a, b)),
            "An end may be negative: the new recipe may be worse.",
        ),
        (
            around(difference, times(2.10, lambda a, b: spread(a, b, statistics.pstdev))),
            "The standard deviation of a sample divides by n - 1: `statistics.stdev`.",
        ),
        (around(difference, times(2.10, sum_of_both)), both),
        (around(difference, times(2.26, sum_of_both)), both),
        (
            around(difference, lambda a, b: 2.10 * math.sqrt((statistics.stdev(a) + statistics.stdev(b)) / 10)),
            "You add the standard deviations within the root: add their squares.",
        ),
        (around(difference, times(2.10, of_pairs)), not_pairs),
        (around(difference, times(2.26, of_pairs)), not_pairs),
        (around(difference, times(2.26, spread)), "2.26 was for the mean of ten runs: for a difference it is 2.10."),
        (around(difference, times(1.96, spread)), "1.96 is for very many runs: for two times ten it is 2.10."),
        (
            around(difference, lambda a, b: 2.10 * math.sqrt(statistics.variance(a) + statistics.variance(b) / 10)),
            "Only one of the two squares is divided by 10: add them first, in parentheses.",
        ),
        (around(difference, spread), "The factor 2.10 is missing."),
        (around(difference, times(2.10 * math.sqrt(10), spread)), single),
        (around(difference, times(2.10 / math.sqrt(10), spread)), "Divide by 10 within the root, not outside."),
        (around(difference, lambda a, b: 2.10 * spread(a, b) ** 2), "Take the root."),
        (
            around(lambda a, b: difference(a, b, statistics.median), right_half),
            "These are medians: take the means.",
        ),
        (
            around(lambda a, b: difference(a, b, max), right_half),
            "This compares the best runs: compare the means of all.",
        ),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "9.3",
    "How many batches are needed at least? Then a random order in which each place occurs once, cut into that many "
    "pieces.",
    errors={"number of sections": "You ask for 0 batches where `size` is smaller than `most`: then one is needed."},
)
def even_batches(answer: Callable) -> None:
    sizes = [(3, 8), (1, 1), (1, 5), (5, 1), (6, 6), (7, 6), (12, 4), (13, 4), (11, 4), (10, 3), (10, 4), (9, 2)]
    sizes += [(random.randint(60, 99), random.randint(5, 13)) for _ in range(4)] + [(1000, 64)]
    for size, most in sizes:
        _order(answer(size, most), size, most)
    large = [_order(answer(60, 7), 60, 7) for _ in range(20)]
    if all(order == sorted(order) for order in large):
        raise Hint("The images come in their own order: shuffle them first.")
    if all(order == large[0] for order in large):
        raise Hint("All epochs have the same order: draw a new one each time.")
    epochs = answer.use(lambda: [answer.function(4, 3) for _ in range(EPOCHS)])  # in one go: each call costs time
    orders = {tuple(_order(epoch, 4, 3)) for epoch in epochs}
    if len({frozenset([frozenset(order[:2]), frozenset(order[2:])]) for order in orders}) == 1:
        raise Hint(
            "The same images are always together in a batch: it is not enough to shuffle within the batches, or the "
            "batches. Shuffle all images before you cut."
        )
    if len({order[order.index(0) :] + order[: order.index(0)] for order in orders}) == 1:
        raise Hint("Only the start is random: after an image, the same other one always follows. Shuffle them all.")
    if len(orders) < 24:
        raise Hint(
            f"Four images can be in 24 orders, but in {EPOCHS} epochs only {len(orders)} of them came: each must be "
            "possible. Is a part put in order again, or left where it was?"
        )
    # In random orders, 300 of the first halves' 600 places are below 30, with a standard deviation of 9.
    stayed = sum(place < 30 for order in large for place in order[:30])
    if not 220 < stayed < 380:
        raise Hint("The order is hardly shuffled: each image must be able to come anywhere, with equal chances.")


def _order(found: Any, size: int, most: int) -> list[int]:
    """Return the places of one epoch in their order, or raise Hint if they are not in even batches."""
    asked = f"For {size} image{'s' if size > 1 else ''} and at most {most} in a batch"
    batches = _batches(found, size, asked)
    places, sizes = sum(batches, []), list(map(len, batches))
    shown = ", ".join(map(str, sizes)) if len(sizes) <= 20 else f"{', '.join(map(str, sizes[:20]))}, ..."
    if len(places) < size:
        raise Hint(f"{asked}, only {len(places)} images are used: what became of the others?")
    if len(set(places)) < len(places):
        raise Hint("Some images come twice in an epoch: draw without putting back.")
    if sorted(places) != list(range(size)):
        raise Hint(f"{asked}, the places should be 0 to {size - 1}, each once.")
    if max(sizes) > most:
        raise Hint(f"{asked}, your batches have the sizes {shown}: one is too large.")
    if len(sizes) > math.ceil(size / most):
        raise Hint(f"{asked}, your batches have the sizes {shown}: fewer batches are enough.")
    if max(sizes) > min(sizes) + 1:
        raise Hint(f"{asked}, your batches have the sizes {shown}: they should differ by at most one.")
    return places


def _batches(found: Any, size: int, asked: str) -> list[list[int]]:
    """Return the places in each batch, or raise Hint if the learner's function returned something else."""
    batches = elements(found)
    if batches is None or not all(isinstance(batch, torch.Tensor) for batch in batches):
        raise Hint(f"Expected a list of tensors, one for each batch, found {describe(found)}.")
    batches = [plain_tensor(batch) for batch in batches]
    images = torch.arange(size)
    for batch in batches:
        if batch.numel() == 0:
            raise Hint(f"{asked}, one of your batches is empty: there is nothing in it to learn from.")
        if batch.ndim != 1:
            raise Hint(
                f"Each batch should be a tensor with one axis, the places of its images: this is {describe(batch)}."
            )
        try:
            chosen = images[batch]
        except (IndexError, RuntimeError) as error:
            raise Hint(
                f"`images[batch]` does not work with {describe(batch)}: {str(error).splitlines()[0]}."
            ) from error
        if chosen.tolist() != batch.tolist():
            raise Hint(f"`images[batch]` does not give the images at the places in {describe(batch)}.")
    return [batch.tolist() for batch in batches]
