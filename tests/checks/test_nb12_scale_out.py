"""The checkers of notebook 12_scale_out: typical mistakes get the hint meant for them."""

import math

import numpy as np
import pytest
import torch
from torch.utils.data import DistributedSampler
from verdicts import CHECKERS, expect_hint, expect_solved, numbers_tried, typical_mistakes

from mnist_lesson.checks import nb12_scale_out as checks
from mnist_lesson.checks.compare import Hint
from mnist_lesson.checks.judge import NOT_ATTEMPTED
from mnist_lesson.checks.nb12_side_by_side import Shares, side_by_side


def sampled(size, rank, ranks, drop_last=False):
    return list(DistributedSampler(range(size), ranks, rank, shuffle=False, drop_last=drop_last))


def rest_to_last(size, rank, ranks):
    each = size // ranks
    return range(rank * each, size if rank == ranks - 1 else (rank + 1) * each)


def rest_to_first(size, rank, ranks):
    return (
        [*dropped(size, rank, ranks), *range(size // ranks * ranks, size)] if rank == 0 else dropped(size, rank, ranks)
    )


def rounded_up(size, rank, ranks):
    each = math.ceil(size / ranks)
    return range(rank * each, min(size, (rank + 1) * each))


def dropped(size, rank, ranks):
    each = size // ranks
    return [rank * each + k for k in range(each)]


SHARD_WRONG = [
    (sampled, "as DistributedSampler makes them"),
    (lambda s, r, n: sampled(s, r, n, drop_last=True), "The rest is lost"),
    (dropped, "The rest is lost: nobody gets 6. "),
    (rest_to_last, "one of them takes the whole rest"),
    (rest_to_first, "one of them takes the whole rest"),
    (lambda s, r, n: np.split(np.arange(s), n)[r], "some shares are longer by one"),
    (lambda s, r, n: np.arange(s).reshape(n, -1)[r], "some shares are longer by one"),
    (lambda s, r, n: [], "Nobody gets 0, 1, 2, 3 and others"),
    (rounded_up, "you round the length of a share up"),
    (lambda s, r, n: torch.arange(s).chunk(n)[r] if r < len(torch.arange(s).chunk(n)) else [], "you round the length"),
    (lambda s, r, n: range(s), "All ranks get the same numbers"),
    (lambda s, r, n: range(0, s, n), "All ranks get the same numbers"),
    (lambda s, r, n: range(s) if r == 0 else [], "One rank gets all"),
    (lambda s, r, n: [k + 1 for k in range(r, s, n)], "the first sample has the number 0"),
    (lambda s, r, n: range((r - 1) * (s // n), r * (s // n)), "and so are ranks"),
    (lambda s, r, n: range(r * (s // n), (r + 1) * (s // n) + 1), "Rank 1 gets the number 6, but the last one is 5"),
    (lambda s, r, n: range(r * (s // n), min(s, (r + 1) * (s // n) + 1)), "the ranks 0 and 1: each number belongs"),
    (lambda s, r, n: range(r, s - 1, n), "Nobody gets 5."),
    (lambda s, r, n: range(int(s / n * r), int(s / n * (r + 1))), "Nobody gets 14."),  # 15 / 11 * 11 is below 15
    (lambda s, r, n: 2 * list(range(r, s, n)), "Number 0 comes 2 times in the share of rank 0"),
    (lambda s, r, n: range(r, s, s // n), "Nobody gets 2 and 5"),
    (lambda s, r, n: len(range(r, s, n)), "put them into a list"),
    (lambda s, r, n: (k for k in range(r, s, n)), "put them into a list"),
    (lambda s, r, n: [k % n == r for k in range(s)], "You return truths"),
    (lambda s, r, n: [str(k) for k in range(r, s, n)], "one of yours is '0'"),
    (lambda s, r, n: [k + 0.5 for k in range(r, s, n)], "one of yours is 0.5"),
    (lambda s, r, n: [k * math.nan for k in range(r, s, n)], "one of yours is nan"),
    (lambda s, r, n: None if s < n else range(r, s, n), "your function returns nothing"),
    (lambda s, r, n: [k for k in range(s) if k // (s // n) == r], "The rest is lost"),
    (lambda s, r, n: torch.arange(r, s, n), "return an empty list"),
]


def full(shares):
    return [(size, mean) for size, mean in shares if size]


def losses(shares):
    return sum(size * mean for size, mean in full(shares))


def total(shares):
    return sum(size for size, _ in shares)


def until_empty(shares):
    loss, samples = 0.0, 0
    for size, mean in shares:
        if size == 0:
            break
        loss, samples = loss + size * mean, samples + size
    return loss / samples


def nothing_if_nan(shares):
    mean = sum(size * mean for size, mean in shares) / total(shares)
    return 0.0 if math.isnan(mean) else mean


def in_place(shares):
    shares[:] = full(shares)
    return losses(shares) / total(shares)


LOSS_WRONG = [
    (lambda s: sum(mean for _, mean in s) / len(s), "an average of averages"),
    (lambda s: np.nanmean([mean for _, mean in s]), "an average of averages"),
    (lambda s: np.nansum([mean for _, mean in s]) / len(s), "an average of averages"),
    (lambda s: sum(size * mean for size, mean in s) / total(s), "0 times NaN is not 0 but NaN"),
    (lambda s: np.average([m for _, m in s], weights=[n for n, _ in s]), "0 times NaN is not 0 but NaN"),
    (lambda s: torch.tensor([n * m for n, m in s]).sum() / total(s), "0 times NaN is not 0 but NaN"),
    (nothing_if_nan, "leave out the rank that it comes from"),
    (until_empty, "ends at the first rank without samples"),
    (lambda s: until_empty(s) if s[0][0] else 0.0, "ends at the first rank without samples"),
    (lambda s: until_empty(s) if s[0][0] else torch.tensor(math.nan), "ends at the first rank without samples"),
    (lambda s: losses(s) / len(s), "not by the number of ranks"),
    (lambda s: losses(s) / len(full(s)), "not by the number of ranks"),
    (losses, "now divide"),
    (lambda s: sum(mean for _, mean in full(s)), "the sum of the means"),
    (lambda s: sum(mean for _, mean in full(s)) / total(s), "multiply it by their number"),
    (lambda s: s[0][1], "rank 0 alone"),
    (lambda s: s[-1][1], "the last rank alone"),
    (lambda s: full(s)[0][1], "one rank alone"),
    (lambda s: max(s)[1], "the largest share alone"),
    (lambda s: losses(s) / sum(mean for _, mean in full(s)), "not by the sum of the means"),
    (lambda s: losses(s) / sum(max(size, 1) for size, _ in s), "counts as none"),
    (lambda s: losses(s) / max(1, sum(size for size, mean in s if mean > 0)), "no missing one"),
    (lambda s: losses(s) / sum(size for size, mean in s if mean > 0), "no missing one"),
    (lambda s: sum(size * mean for size, mean in s if mean != math.nan) / total(s), "not even itself"),
    (lambda s: losses(s) / total(s) if s[0][0] else math.nan, "a number was expected, found NaN"),
    (lambda s: losses(s) / s[0][0] / len(s) if s[0][0] else math.nan, "as many samples as the first"),
    (lambda s: sum(size * mean for size, mean in s) // total(s), ""),
    (lambda s: sum(1 / size * mean for size, mean in s), "it has none"),
    (in_place, "changes what it was given"),
]


def first_of_each(disks):
    return sorted({disk: rank for rank, disk in reversed(list(enumerate(disks)))}.values())


WRITERS_WRONG = [
    (lambda d: [0], "who writes to the others"),
    (lambda d: range(len(d)), "All ranks write"),
    (lambda d: list({disk: rank for rank, disk in enumerate(d)}.values()), "take the smallest"),
    (lambda d: [r for r in range(len(d)) if r == 0 or d[r] != d[r - 1]], "need not stand side by side"),
    (lambda d: range(0, len(d), len(d) // len(set(d))), "in equal steps"),
    (lambda d: range(len(set(d))), "but not which ones"),
    (lambda d: [d.index(disk) for disk in d], "each writer once"),
    (lambda d: [r for r in range(len(d)) if r not in first_of_each(d)], "turn it round"),
    (lambda d: [r for r, disk in enumerate(d) if d.count(disk) == 1], "a disk of their own"),
    (lambda d: [r for r, disk in enumerate(d) if disk == d[0]], "use the disk of rank 0"),
    (lambda d: [r for r, disk in enumerate(d) if r == 0 or disk != d[0]], "one alone has to write"),
    (lambda d: [r + 1 for r in first_of_each(d)], "counted from 0"),
    (lambda d: first_of_each(d)[1:], "The first rank is missing"),
    (lambda d: [d[r] for r in first_of_each(d)], "names of disks"),
    (lambda d: set(d), "names of disks"),
    (lambda d: dict(zip(d, range(len(d)))), "a dictionary"),
    (lambda d: [r in first_of_each(d) for r in range(len(d))], "You return truths"),
    (lambda d: len(set(d)), "put them into a list"),
    (lambda d: first_of_each(sorted(d)), "the result should be ["),
    (lambda d: d.sort() or first_of_each(d), "changes what it was given"),
]


def leaves_if_empty(gradient, size, mean):
    return gradient if size == 0 else mean(gradient * size) / mean(size)


def leaves_later(gradient, size, mean):
    number = mean(size)
    return gradient if size < number else mean(gradient * size) / number


def weighs_in_place(gradient, size, mean):
    gradient *= size
    return mean(gradient) / mean(size)


def other_shapes(gradient, size, mean):
    return mean(gradient) if size > 5 else mean(size)


def never_ends(gradient, size, mean):
    while True:
        mean(size)


GRADIENT_WRONG = [
    (lambda g, n, mean: mean(g), "average of averages"),
    (lambda g, n, mean: mean(g) / mean(float(n > 0)), "average of averages"),
    (lambda g, n, mean: mean(g * mean(n)) / mean(n), "average of averages"),
    (lambda g, n, mean: g, "Each rank returns something else"),
    (lambda g, n, mean: g * n / mean(n), "Each rank returns something else"),
    (lambda g, n, mean: mean(g * n), "right up to a factor"),
    (lambda g, n, mean: mean(g * n) / mean(1 if n else 0), "right up to a factor"),
    (lambda g, n, mean: mean(g * n) / n, "this rank's own images"),
    (lambda g, n, mean: mean(g * n) / max(1, n), "this rank's own images"),
    (lambda g, n, mean: mean(g) * n, "differs from rank to rank"),
    (lambda g, n, mean: mean(g) / n, "differs from rank to rank"),
    (lambda g, n, mean: mean(g) / mean(n), "cannot be mended"),
    (lambda g, n, mean: mean(g) * mean(n), "cannot be mended"),
    (lambda g, n, mean: mean(g / n), "larger share must count more"),
    (lambda g, n, mean: mean(g / max(n, 1)) * mean(n), "larger share must count more"),
    (lambda g, n, mean: mean(g * mean(n) / n), "larger share must count more"),
    (lambda g, n, mean: mean(g) * n / mean(n), "differs from rank to rank"),
    (lambda g, n, mean: mean(g * n) / mean(max(n, 1)), "counts as none"),
    (lambda g, n, mean: mean(g * n) * mean(n), "divide by it"),
    (lambda g, n, mean: mean(g, n), "mean_over_ranks() takes 1 positional argument"),
    (leaves_if_empty, "rank 0 waits in call 1 of `mean_over_ranks` for rank 2, which has returned"),
    (leaves_later, "All ranks must call it equally often"),
    (other_shapes, "rank 0 hands over the shape (3,), and rank 1 ()"),
    (never_ends, "more than 200 times"),
    (weighs_in_place, "changes what it was given"),
    (lambda g, n, mean: mean(g.tolist()), "takes a number or a tensor"),
    (lambda g, n, mean: mean((g * n).mean()) / mean(n), "the shape"),
    (lambda g, n, mean: mean(g * n / n), ""),
    (lambda g, n, mean: mean(g * n) / (1 / n), "it has none"),
    (lambda g, n, mean: mean(n) if n == 8 else mean(g), ""),
]
WRONG = [
    (name, answer, words)
    for name, wrong in zip(
        ("shard", "loss_of_all", "writers", "batch_gradient"), (SHARD_WRONG, LOSS_WRONG, WRITERS_WRONG, GRADIENT_WRONG)
    )
    for answer, words in wrong
]


def one_by_one(gradient, size, mean):
    """Calls `mean_over_ranks` for each number of the gradient."""
    numbers = [mean(number * size) / mean(size) for number in gradient.flatten().tolist()]
    return torch.tensor(numbers).reshape(gradient.shape)


def in_one_call(gradient, size, mean):
    sums = mean(torch.cat([gradient.flatten() * size, torch.tensor([float(size)])]))
    return (sums[:-1] / sums[-1]).view_as(gradient)


def share_first(gradient, size, mean):
    return mean(gradient.double() * (size / mean(torch.tensor(size)).item()))


RIGHT = {
    "shard": [
        lambda s, r, n: list(range(r, s, n)),
        lambda s, r, n: range(s * r // n, s * (r + 1) // n),
        lambda s, r, n: np.array_split(np.arange(s), n)[r],
        lambda s, r, n: torch.arange(s).tensor_split(n)[r],
        lambda s, r, n: {float(k) for k in range(s) if (s - k) % n == r},
        lambda s, r, n: tuple(torch.arange(s)[r::n]),
        lambda s, r, n: torch.randperm(s, generator=torch.Generator().manual_seed(0))[r::n],
    ],
    "loss_of_all": [
        lambda s: losses(s) / total(s),
        lambda s: torch.tensor([n * m for n, m in s]).nansum() / total(s),
        lambda s: np.average([m for _, m in full(s)], weights=[n for n, _ in full(s)]),
        lambda s: sum(n * (m if m == m else 0) for n, m in s) / total(s),
    ],
    "writers": [
        first_of_each,
        lambda d: {d.index(disk) for disk in d},
        lambda d: [r for r, disk in enumerate(d) if disk not in d[:r]][::-1],
        lambda d: np.unique(d, return_index=True)[1],
        lambda d: {d.index(disk): disk for disk in d}.keys(),
        lambda d: torch.tensor(first_of_each(d)),
    ],
    "batch_gradient": [lambda g, n, mean: mean(g * n) / mean(n), one_by_one, in_one_call, share_first],
}


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_every_time(name):
    for answer in RIGHT[name]:
        expect_solved(name, answer)


@pytest.mark.parametrize("size, shares", [(5, [[0, 1], [2, 3], [4]]), (4, [[3, 1], [], [0], [2]]), (1, [[0], []])])
def test_shares_are_judged_as_a_whole(size, shares):
    lengths = [len(share) for share in shares]
    assert bool(checks.problem_of_shares(size, shares)) == (max(lengths) - min(lengths) > 1)
    assert checks.problem_of_shares(size + 1, shares)
    assert checks.problem_of_shares(size, [*shares, [0]])


def test_ranks_that_run_side_by_side_get_the_means_of_each_call():
    shares = Shares([(torch.tensor([1.0, 2.0]), 3), (torch.tensor([3.0, 6.0]), 0)])

    def both(gradient, size, mean):
        first = mean(gradient)
        first += size  # what one rank does with the mean is its own business
        return first, mean(size), size

    (first, number, size), (other, other_number, other_size) = side_by_side(both, shares)
    assert (first.tolist(), other.tolist(), number, other_number) == ([5.0, 7.0], [2.0, 4.0], 1.5, 1.5)
    assert (size, other_size) == (3, 0) and shares[0][0].tolist() == [1.0, 2.0]


def test_a_rank_that_would_wait_for_ever_is_seen():
    shares = Shares([(torch.zeros(1), 3), (torch.zeros(1), 2)])
    with pytest.raises(Hint, match="rank 1 waits in call 1 of `mean_over_ranks` for rank 0"):
        side_by_side(lambda gradient, size, mean: gradient if size == 3 else mean(gradient), shares)


def test_doing_nothing_in_a_rank_that_waits_is_not_attempted():
    assert CHECKERS["batch_gradient"].judge(lambda gradient, size, mean: None).state == NOT_ATTEMPTED


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=12)) >= 3
