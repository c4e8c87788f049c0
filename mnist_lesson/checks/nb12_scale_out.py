"""The self-checks of the exercises of notebook 12_scale_out."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mnist_lesson.checks.compare import Hint, compare, describe, difference, elements, plain_tensor
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.nb12_side_by_side import Shares, listed, side_by_side

EVEN = "Not every `size` can be divided by `ranks`: some shares are longer by one."


def whole_numbers(found: Any) -> list[int]:
    """Return the whole numbers that a learner's function returned, in whatever they stand. Raises Hint if there are none."""
    values = elements(found)
    if type(found) in (set, frozenset, range, type({}.keys()), type({}.values())):
        values = list(found)
    if isinstance(found, torch.Tensor) and found.ndim == 1:
        values = plain_tensor(found).tolist()
    if type(found) is np.ndarray and found.ndim == 1:
        values = found.tolist()
    if values is None:
        raise Hint(f"Whole numbers were expected, such as [0, 2], found {describe(found)}: put them into a list.")
    numbers = []
    for value in values:
        if isinstance(value, bool | np.bool_):
            raise Hint("You return truths: return the numbers themselves.")
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            number = None
        if number is None or difference(value, number):
            raise Hint(f"Whole numbers were expected, but one of yours is {describe(value)}.")
        numbers.append(number)
    return numbers


@exercise(
    "12.1",
    "Try it on paper first, with 10 numbers and 4 ranks: how long is each share? Then look for a rule that gives rank 0 "
    "its share, and rank 1 the next one.",
    errors={
        "equal division": EVEN,
        "cannot reshape": EVEN,
        "inconsistent with step sign": "With fewer numbers than ranks, some ranks get nothing, and `torch.arange` makes "
        "no tensor of a range that would go backwards: return an empty list for them.",
    },
)
def shard(answer: Callable) -> None:
    ranks = random.randint(5, 9)
    drawn = (ranks * random.randint(3, 9) + random.randint(2, ranks - 2), ranks)
    for size, ranks in [(6, 2), (8, 4), (5, 1), (7, 2), (10, 4), (11, 4), (15, 11), (3, 5), (1, 2), drawn]:
        shares = [whole_numbers(answer(size, rank, ranks)) for rank in range(ranks)]
        problem = problem_of_shares(size, shares)
        if problem:
            raise Hint(f"{problem} (This is for size = {size} and ranks = {ranks}.)")


def problem_of_shares(size: int, shares: list[list[int]]) -> str:
    """Say what is wrong with the shares of all ranks, or return an empty text."""
    owners = {number: [] for number in range(size)}
    for rank, share in enumerate(shares):
        for number in share:
            if number not in owners:
                return _beyond(number, rank, size, shares)
            owners[number].append(rank)
    lengths = [len(share) for share in shares]
    below, above = size // len(shares), -(-size // len(shares))  # what each rank gets, rounded down and up
    missing = [number for number, ranks in owners.items() if not ranks]
    named = missing if len(missing) <= 5 else [*missing[:4], "others"]
    double = next(((number, ranks) for number, ranks in owners.items() if len(ranks) > 1), None)
    if len(shares) > 1 and shares[0] and all(sorted(share) == sorted(shares[0]) for share in shares):
        return "All ranks get the same numbers: `rank` has to make the difference."
    if double and not missing and set(lengths) == {above} and below < above:
        return (
            f"Number {double[0]} goes to the ranks {listed(double[1])}: all shares are equally long, as DistributedSampler "
            "makes them. Here some may be shorter by one, so that no number comes twice."
        )
    if double:
        number, ranks = double
        if len(set(ranks)) == 1:
            return f"Number {number} comes {len(ranks)} times in the share of rank {ranks[0]}."
        return f"Number {number} goes to the ranks {listed(ranks)}: each number belongs to one rank alone."
    if missing and set(lengths) == {below}:
        return f"The rest is lost: nobody gets {listed(named)}. Some ranks must take one number more."
    if missing:
        return f"Nobody gets {listed(named)}."
    return _unfair(lengths, below, above)


def _beyond(number: int, rank: int, size: int, shares: list[list[int]]) -> str:
    if sorted(sum(shares, [])) == list(range(1, size + 1)):
        return "Your numbers go from 1 to `size`: the first sample has the number 0."
    if number < 0:
        return f"Rank {rank} gets the number {number}: samples are counted from 0, and so are ranks."
    return f"Rank {rank} gets the number {number}, but the last one is {size - 1}."


def _unfair(lengths: list[int], below: int, above: int) -> str:
    if max(lengths) - min(lengths) <= 1:
        return ""
    if lengths.count(0) == len(lengths) - 1:
        return "One rank gets all the numbers, and the others have nothing to do."
    found = f"One rank gets {max(lengths)} numbers, and another {min(lengths)}"
    if set(sorted(lengths)[:-1]) == {below}:
        return f"{found}: one of them takes the whole rest. Divide it: one number more for some of the ranks."
    if lengths[0] == above and lengths[-1] < below:
        return f"{found}: you round the length of a share up, and then too little is left for the last ones."
    return f"{found}: they may differ by one at most."


class _NaN:
    """Takes the place of a result that is not finite, so that two of them can be compared: NaN equals nothing."""

    def __repr__(self) -> str:
        return "NaN"


NAN = _NaN()


def comparable(found: Any) -> Any:
    """Return what a function returned, or NAN if it is a NaN, or a tensor with a number that is not finite."""
    if isinstance(found, torch.Tensor):
        return found if plain_tensor(found).isfinite().all() else NAN
    return NAN if isinstance(found, float | np.floating) and math.isnan(found) else found


@exercise(
    "12.2",
    "How large is the sum of the losses of a rank that has tested 4 samples, with a mean of 0.25? And which ranks have "
    "anything to add?",
    errors={
        "division by zero": "You divide by 0: is that the number of samples of one rank, and it has none?",
        "float NaN": "NaN cannot be turned into a whole number: leave out the ranks without samples first.",
    },
)
def loss_of_all(answer: Callable) -> None:
    def full(shares):
        """The shares of the ranks that have samples."""
        return [(size, mean) for size, mean in shares if size > 0]

    def total(shares):
        return sum(size for size, _ in shares)

    def losses(shares):
        return sum(size * mean for size, mean in full(shares))

    def right(shares):
        return losses(shares) / total(shares)

    def spoilt(shares):
        return sum(size * mean for size, mean in shares) / total(shares)

    def until_empty(shares, nothing=None):
        """The mean up to the first rank without samples, and `nothing` (or an error) if that is rank 0."""
        sizes = [*(size for size, _ in shares), 0]
        return right(shares[: sizes.index(0)]) if sizes[0] or nothing is None else nothing

    def draw():
        def case(*sizes):
            # Each NaN is one of its own, so that nobody finds it by `is`.
            return ([(size, random.randint(10, 400) / 100 if size else float("nan")) for size in sizes],)

        sizes = random.sample(range(1, 60), 4)
        return [
            ([(4, 0.25), (3, 0.5)],),
            case(8, 8),
            case(*sizes),
            case(9, 4, 0),
            case(5, 0, 2, 12),
            case(0, 6, 1),
            case(0, 3, 0, 0, 40),
            case(random.randint(1, 30)),
            case(1, 1000),
            ([(10, 0.0), (5, 2.0)],),  # a mean of 0 counts like any other
            ([(3, 0.0), (0, float("nan"))],),
        ]

    weigh = "This is an average of averages: a rank with more samples must count more."
    mistakes = [
        (lambda s: sum(mean for _, mean in s) / len(s), weigh),
        (lambda s: sum(mean for _, mean in full(s)) / len(full(s)), weigh),
        (lambda s: sum(mean for _, mean in full(s)) / len(s), weigh),
        (
            spoilt,
            "0 times NaN is not 0 but NaN: leave out the ranks without samples. (To compare a mean with NaN does not find "
            "them: NaN equals nothing, not even itself.)",
        ),
        (
            lambda s: spoilt(s) if total(s) == total(full(s)) and len(s) == len(full(s)) else 0.0,
            "A NaN in the sum is not the end: leave out the rank that it comes from, and count the others.",
        ),
        *[
            (
                lambda s, nothing=nothing: until_empty(s, nothing),
                "Your loop ends at the first rank without samples: others may follow.",
            )
            for nothing in (None, 0.0, math.nan)
        ],
        (lambda s: losses(s) / len(s), "Divide by the number of all samples, not by the number of ranks."),
        (lambda s: losses(s) / len(full(s)), "Divide by the number of all samples, not by the number of ranks."),
        (losses, "This is the sum of all losses: now divide."),
        (lambda s: sum(mean for _, mean in full(s)), "This is the sum of the means: multiply each by its samples."),
        (
            lambda s: sum(mean for _, mean in full(s)) / total(s),
            "Each mean stands for all samples of its rank: multiply it by their number before you add.",
        ),
        (lambda s: s[0][1], "This is the loss of rank 0 alone: add up all ranks."),
        (lambda s: s[-1][1], "This is the loss of the last rank alone: add up all ranks."),
        (lambda s: full(s)[0][1], "This is the loss of one rank alone: add up all ranks."),
        (lambda s: max(s)[1], "This is the loss of the largest share alone: add up all ranks."),
        (
            lambda s: losses(s) / sum(mean for _, mean in full(s)),
            "Divide by the number of all samples, not by the sum of the means.",
        ),
        (
            lambda s: losses(s) / sum(max(size, 1) for size, _ in s),
            "A rank without samples counts as none, not as one.",
        ),
        (
            lambda s: losses(s) / max(1, sum(size for size, mean in s if mean > 0)),
            "A mean of 0 is a good loss and no missing one: count its samples, too.",
        ),
        (
            lambda s: losses(s) / sum(size for size, mean in s if mean > 0),  # it fails where all means are 0
            "A mean of 0 is a good loss and no missing one: count its samples, too.",
        ),
        (
            lambda s: losses(s) / (s[0][0] * len(s)) if s[0][0] else NAN,
            "Not every rank has as many samples as the first: add up their numbers.",
        ),
    ]
    to_compare = [(lambda s, mistake=mistake: comparable(mistake(s)), hint) for mistake, hint in mistakes]
    compare(lambda shares: comparable(answer(shares)), draw, right, to_compare)


@exercise(
    "12.3",
    "Go through the ranks from 0 on. What do you have to know at rank 2 to tell whether it writes?",
)
def writers(answer: Callable) -> None:
    def right(disks):
        return [rank for rank, disk in enumerate(disks) if disk not in disks[:rank]]

    def last(disks):
        return [rank for rank, disk in enumerate(disks) if disk not in disks[rank + 1 :]]

    def neighbours(disks):
        return [rank for rank, disk in enumerate(disks) if rank == 0 or disk != disks[rank - 1]]

    def in_blocks(disks):
        return list(range(0, len(disks), max(1, len(disks) // len(set(disks)))))

    def answered(disks):
        found = answer(disks)
        if isinstance(found, dict):
            raise Hint("You return a dictionary: the numbers of the ranks are asked for, and nothing else.")
        values = elements(found) or (list(found) if type(found) in (set, type({}.keys())) else [])
        if any(isinstance(value, str) and value in disks for value in values):
            raise Hint("These are names of disks: the numbers of the ranks that write are asked for.")
        return sorted(whole_numbers(found))

    def draw():
        one, two, three = random.sample(["a1", "a2", "b1", "b2"], 3)
        ranks = random.randint(6, 9)
        return [
            ([one, one, two, two],),
            ([one] * 4,),
            ([one, two, one, two],),
            ([two, one, one, three, two, three],),
            ([three, two, one],),
            ([one],),
            ([one, two, two, two, three],),
            (["a10", "a1", "b1", "a1", "b10", "a10"],),  # a part of a name is no name
            ([random.choice([one, two, three]) for _ in range(ranks)],),
        ]

    mistakes = [
        (lambda d: [0], "Rank 0 reaches its own disk alone: who writes to the others?"),
        (lambda d: list(range(len(d))), "All ranks write, so some write to the same disk: one is enough for each."),
        (last, "Of the ranks that use the same disk, you choose the one with the largest number: take the smallest."),
        (
            neighbours,
            "You compare a rank with the one before it. Ranks with the same disk need not stand side by side.",
        ),
        (
            in_blocks,
            "You take the ranks in equal steps. How many share a disk differs, and they need not stand side by side.",
        ),
        (lambda d: list(range(len(set(d)))), "The number of ranks that write is right, but not which ones they are."),
        (
            lambda d: sorted(map(d.index, d)),
            "You return a number for each rank, so some come several times: each writer once.",
        ),
        (
            lambda d: [rank for rank in range(len(d)) if rank not in right(d)],
            "These are the ranks that do not write: turn it round.",
        ),
        (
            lambda d: [rank for rank, disk in enumerate(d) if d.count(disk) == 1],
            "These are the ranks that have a disk of their own. Where several share one, one of them must write.",
        ),
        (
            lambda d: [rank for rank, disk in enumerate(d) if disk == d[0]],
            "These are the ranks that use the disk of rank 0. Each disk needs one that writes.",
        ),
        (
            lambda d: [rank for rank, disk in enumerate(d) if rank == 0 or disk != d[0]],
            "On the disk of rank 0, one writes. On each of the others, one alone has to write, too.",
        ),
        (lambda d: [rank + 1 for rank in right(d)], "Ranks are counted from 0."),
        (lambda d: right(d)[1:], "The first rank is missing: nobody has written to its disk before."),
    ]
    compare(answered, draw, right, mistakes)


@exercise(
    "12.4",
    "Multiplied by which number does the gradient of a mean become the gradient of a sum?",
    errors={
        "division by zero": "You divide by 0: is that the number of images of one rank, and it has none?",
        "must match the size": "The shapes do not fit together: the gradient keeps its shape all the way.",
    },
)
def batch_gradient(answer: Callable) -> None:
    def right(shares):
        whole = sum(gradient * size for gradient, size in shares) / sum(size for _, size in shares)
        return (whole,) * len(shares)

    def draw_shares(shape, *sizes):
        signs = 2 * torch.randint(0, 2, shape) - 1  # the same in all ranks, so that no sum comes near to 0
        return (Shares((signs * torch.randint(2, 13, shape) * (size > 0) / 4, size) for size in sizes),)

    def draw():
        return [
            draw_shares((4,), 8, 8),
            draw_shares((3,), 12, 4),
            draw_shares((2, 3), 2, 5, 9),
            draw_shares((4,), 7),
            draw_shares((2, 2), 1, 1, 2, 28),
            draw_shares((3,), 5, 3, 0),
            draw_shares((5,), 0, random.randint(2, 9)),
            draw_shares((1, 3), 0, 2, 0, 6),
        ]

    def played(function):
        return lambda shares: tuple(map(comparable, side_by_side(function, shares)))

    weigh = "This is the average of averages that DistributedDataParallel takes: a larger share must count more."
    own = "Each rank returns something else. The gradient of the whole batch is one, the same in all of them."
    own_size = "You divide by the number of this rank's own images: the whole batch has others."
    factor = f"Your factor differs from rank to rank. {own}"
    too_late = "A mean of the gradients cannot be mended afterwards: give each its weight before."
    turn_round = "Turn it round: a larger share must count more, not less."
    divide = "This is right up to a factor: how many images belong to what you return?"
    mistakes = [
        (lambda g, n, mean: mean(g), weigh),
        (lambda g, n, mean: mean(g) / mean(float(n > 0)), weigh),
        (lambda g, n, mean: g, own),
        (lambda g, n, mean: g * n, own),
        (lambda g, n, mean: g * n / mean(n), own),
        (lambda g, n, mean: mean(g * n), divide),
        (lambda g, n, mean: mean(g * n) / mean(float(n > 0)), divide),
        (lambda g, n, mean: mean(g * n) / n, own_size),
        (lambda g, n, mean: mean(g * n) / max(n, 1), own_size),
        (lambda g, n, mean: mean(g) / n, factor),
        (lambda g, n, mean: mean(g) * n / mean(n), factor),
        (lambda g, n, mean: mean(g) * n, factor),
        (lambda g, n, mean: mean(g) / mean(n), too_late),
        (lambda g, n, mean: mean(g) * mean(n), too_late),
        (lambda g, n, mean: mean(g / n), turn_round),
        (lambda g, n, mean: mean(g / max(n, 1)), turn_round),
        (lambda g, n, mean: mean(g / max(n, 1)) * mean(n), turn_round),
        (lambda g, n, mean: mean(g * mean(n) / n), turn_round),
        (lambda g, n, mean: mean(g * n) / mean(max(n, 1)), "A rank without images counts as none, not as one."),
        (lambda g, n, mean: mean(g * n) * mean(n), "You multiply by the mean number of images: divide by it."),
    ]
    to_compare = [(played(mistake), hint) for mistake, hint in mistakes]
    compare(played(answer), draw, right, to_compare)
