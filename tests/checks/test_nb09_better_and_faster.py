"""The checkers of notebook 09_better_and_faster: typical mistakes get the hint meant for them."""

import itertools
import math
import random
import statistics
from functools import cache

import numpy as np
import pytest
import torch
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes

# 9.1


def from_sums(batches):
    count, total, squares = 0, 0, 0
    for batch in batches:
        count, total, squares = count + batch.numel(), total + batch.sum(), squares + (batch**2).sum()
    return total / count, (squares / count - (total / count) ** 2).sqrt()  # in float32


def stacked(batches, correction=1):
    pixels = torch.cat(list(batches))
    return pixels.mean(), pixels.std(correction=correction)


def merged(batches):
    """Chan's way: mean and sum of squared deviations of all so far, and of one more batch."""
    count, mean, squares = 0, 0.0, 0.0
    for batch in batches:
        shift = batch.mean().item() - mean
        squares += batch.var(correction=0).item() * batch.numel()
        squares += shift**2 * count * batch.numel() / (count + batch.numel())
        count += batch.numel()
        mean += shift * batch.numel() / count
    return mean, math.sqrt(squares / (count - 1))


def pixel_by_pixel(batches):
    pixels = [pixel for batch in batches for pixel in batch.flatten().tolist()]
    return np.mean(pixels), statistics.pstdev(pixels)


def in_two_loops(batches):
    count, total = 0, 0
    for batch in batches:
        count, total = count + batch.numel(), total + batch.sum().item()
    return total / count, math.sqrt(sum(((batch - total / count) ** 2).sum().item() for batch in batches) / count)


def by_images(batches):
    count, total, squares = 0, 0, 0
    for batch in batches:
        count, total, squares = count + len(batch), total + batch.sum().item(), squares + (batch**2).sum().item()
    return total / count, math.sqrt(squares / count - (total / count) ** 2)


def by_images_as_tensors(batches):
    images = torch.cat(list(batches))
    mean = images.sum() / len(images)
    return mean, ((images**2).sum() / len(images) - mean**2).sqrt()  # the root of a negative number: nan


def subtracts_too_little(batches):
    pixels = torch.cat(list(batches)).flatten()
    return pixels.mean(), ((pixels**2).mean() - pixels.sum() / len(pixels) ** 2) ** 0.5


def per_batch(combine):
    return lambda batches: combine(*zip(*((len(b), b.mean().item(), b.std().item()) for b in batches)))


def weighted(sizes, values):
    return sum(size * value for size, value in zip(sizes, values)) / sum(sizes)


def mean_of_squares_of_means(sizes, means, stds):
    squares = [m**2 + s**2 for m, s in zip(means, stds)]
    return statistics.mean(means), math.sqrt(statistics.mean(squares) - statistics.mean(means) ** 2)


def without_the_first(batches):
    next(batches)
    return stacked(batches)


def changes_the_batches(batches):
    return stacked(batch.clamp_(0.1, 0.3) for batch in batches)


# 9.2


def interval(half, middle=lambda before, after: statistics.mean(after) - statistics.mean(before)):
    return lambda a, b: (middle(a, b) - half(a, b), middle(a, b) + half(a, b))


def right_half(before, after, stdev=statistics.stdev, factor=2.10):
    return factor * math.sqrt((stdev(before) ** 2 + stdev(after) ** 2) / 10)


def of_tensors(before, after):
    a, b = torch.tensor(before), torch.tensor(after)
    middle, half = b.mean() - a.mean(), 2.1 * ((a.var() + b.var()) / 10) ** 0.5
    return torch.stack([middle - half, middle + half]).unbind()


def of_arrays(before, after):
    half = 2.1 * np.sqrt((np.var(before, ddof=1) + np.var(after, ddof=1)) / 10)
    return list(np.mean(after) - np.mean(before) + np.array([-half, half]))


def from_sums_of_squares(before, after):
    """In float32, on purpose: that costs digits."""
    a, b = torch.tensor(before), torch.tensor(after)
    variances = [((values**2).sum() - 10 * values.mean() ** 2) / 9 for values in (a, b)]
    half = 2.1 * (sum(variances) / 10) ** 0.5
    return b.mean() - a.mean() - half, b.mean() - a.mean() + half


# 9.3


def cut(order, most):
    return list(order.tensor_split(math.ceil(len(order) / most)))


def shuffled(values):
    return values[torch.randperm(len(values))]


@cache
def same_each_time(size, most):
    return cut(torch.randperm(size), most)


def with_seed(size, most):
    torch.manual_seed(0)
    return cut(torch.randperm(size), most)


def few_swaps(size, most):
    order = list(range(size))
    for _ in range(15):
        i, j = random.randrange(size), random.randrange(size)
        order[i], order[j] = order[j], order[i]
    return cut(torch.tensor(order), most)


def rest_spread_by_hand(size, most):
    order, count = random.sample(range(size), size), math.ceil(size / most)
    return [torch.tensor(order[start::count]) for start in range(count)]


def by_numpy(size, most):
    order = np.random.permutation(size)
    return [torch.from_numpy(batch) for batch in np.array_split(order, -(-size // most))]


def one_larger_each(size, most):
    count = (size + most - 1) // most
    sizes = [size // count + (place < size % count) for place in range(count)]
    return torch.randperm(size).split(sizes)


def by_sorting(size, most):
    return tuple(cut(torch.rand(size).argsort().int(), most))


def pop_one_by_one(size, most):
    left, batches = list(range(size)), [[] for _ in range(-(-size // most))]
    for batch in itertools.cycle(batches):
        if not left:
            return [torch.tensor(batch) for batch in batches]
        batch.append(left.pop(random.randrange(len(left))))


WRONG = [
    ("mean_and_std", per_batch(lambda n, m, s: (statistics.mean(m), statistics.mean(s))), "goes for standard"),
    ("mean_and_std", per_batch(mean_of_squares_of_means), "goes for the squares"),
    ("mean_and_std", per_batch(lambda n, m, s: (weighted(n, m), statistics.mean(s))), "not a mean over the batches"),
    ("mean_and_std", per_batch(lambda n, m, s: (weighted(n, m), weighted(n, s))), "with or without weights"),
    (
        "mean_and_std",
        per_batch(lambda n, m, s: (weighted(n, m), weighted(n, [std**2 for std in s]) ** 0.5)),
        "the batches also differ",
    ),
    ("mean_and_std", per_batch(lambda n, m, s: (weighted(n, m), statistics.stdev(m))), "spread of the batches'"),
    ("mean_and_std", per_batch(lambda n, m, s: (m[-1], s[-1])), "last batch alone"),
    ("mean_and_std", lambda batches: stacked(itertools.islice(batches, 1)), "first batch alone"),
    ("mean_and_std", lambda batches: stacked(itertools.islice(batches, 2)), ""),
    ("mean_and_std", without_the_first, "first batch is missing"),
    ("mean_and_std", lambda batches: stacked(batch[batch > 0] for batch in batches), "black pixels"),
    ("mean_and_std", lambda batches: stacked(batches)[::-1], "mean comes first"),
    ("mean_and_std", lambda batches: (lambda m, s: (m, s**2))(*stacked(batches)), "the variance"),
    ("mean_and_std", in_two_loops, "once only"),
    ("mean_and_std", by_images, "root of a negative"),
    ("mean_and_std", by_images_as_tensors, "by the number of images"),
    ("mean_and_std", subtracts_too_little, "hardly anything subtracted"),
    ("mean_and_std", lambda batches: (0.1307, 0.3081), ""),
    (
        "mean_and_std",
        lambda batches: [torch.cat(list(batches)).mean(0), torch.cat(list(batches)).std(0)],
        "of no batches at all",
    ),
    ("mean_and_std", lambda batches: (torch.cat(list(batches)).mean(0), torch.ones(())), "a number was expected"),
    ("mean_and_std", lambda batches: sum(batch.mean() for batch in batches) / len(batches), "has no length"),
    ("mean_and_std", lambda batches: (batches[0].mean(), batches[0].std()), "has no places"),
    ("mean_and_std", changes_the_batches, "changes the images"),
    ("difference_interval", interval(lambda a, b: right_half(a, b, statistics.pstdev)), "n - 1"),
    ("difference_interval", interval(lambda a, b: right_half(a, b, factor=2.26)), "for a difference it is 2.10"),
    ("difference_interval", interval(lambda a, b: right_half(a, b, factor=1.96)), "very many runs"),
    ("difference_interval", interval(lambda a, b: right_half(a, b) * 10**0.5), "for single runs"),
    (
        "difference_interval",
        interval(lambda a, b: 2.1 * (statistics.stdev(a) + statistics.stdev(b)) / 10**0.5),
        "add the squares",
    ),
    ("difference_interval", interval(right_half, lambda a, b: statistics.mean(a) - statistics.mean(b)), "turn it"),
    ("difference_interval", interval(right_half, lambda a, b: max(b) - max(a)), "best runs"),
    ("difference_interval", lambda a, b: interval(right_half)(a, b)[::-1], "lower end comes first"),
    ("difference_interval", lambda a, b: (interval(right_half)(a, b)[1], 1), ""),
    (
        "difference_interval",
        interval(lambda a, b: 2.1 * statistics.stdev(y - x for x, y in zip(a, b)) / 10**0.5),
        "run by run",
    ),
    (
        "difference_interval",
        interval(lambda a, b: 2.1 * statistics.stdev(y - x for x, y in zip(sorted(a), sorted(b))) / 10**0.5),
        "",
    ),
    (
        "difference_interval",
        interval(lambda a, b: 2.1 * math.sqrt(statistics.stdev(a) ** 2 + statistics.stdev(b) ** 2 / 10)),
        "in parentheses",
    ),
    ("difference_interval", interval(lambda a, b: 2.1 * statistics.stdev(a + b) / 10**0.5), ""),
    ("difference_interval", interval(lambda a, b: 2.1 * statistics.stdev(b) * (2 / 10) ** 0.5), ""),
    ("difference_interval", lambda a, b: (a.sort(), b.sort(), *interval(right_half)(a, b))[2:], "changes what"),
    ("even_batches", lambda size, most: torch.randperm(size).split(most), "differ by at most one"),
    ("even_batches", lambda size, most: torch.randperm(size).chunk(math.ceil(size / most)), ""),
    ("even_batches", lambda size, most: torch.randperm(size).tensor_split(size // most), "You ask for 0 batches"),
    ("even_batches", lambda size, most: torch.randperm(size).tensor_split(max(1, size // most)), "too large"),
    ("even_batches", lambda size, most: torch.randperm(size).tensor_split(max(1, round(size / most))), "too large"),
    (
        "even_batches",
        lambda size, most: torch.randperm(size).tensor_split(size // most + 1),
        "For 1 image and at most 1",
    ),
    ("even_batches", lambda size, most: list(torch.randperm(size).view(-1, 1)), "fewer batches"),
    ("even_batches", lambda size, most: cut(torch.randperm(size), most)[:-1], "are used"),
    ("even_batches", lambda size, most: [*cut(torch.randperm(size), most), torch.tensor([])], "is empty"),
    (
        "even_batches",
        lambda size, most: [*cut(torch.randperm(size), most), torch.tensor([], dtype=torch.int64)],
        "is empty",
    ),
    ("even_batches", lambda size, most: cut(torch.randint(0, size, (size,)), most), "come twice"),
    ("even_batches", lambda size, most: cut(torch.randperm(size) + 1, most), "`images[batch]` does not work"),
    ("even_batches", lambda size, most: cut(torch.randperm(size) - size, most), "`images[batch]` does not give"),
    ("even_batches", lambda size, most: cut(torch.randperm(size).float(), most), "`images[batch]` does not work"),
    ("even_batches", lambda size, most: cut(torch.randperm(size), most)[0], "a list of tensors"),
    ("even_batches", lambda size, most: [batch.tolist() for batch in cut(torch.randperm(size), most)], "of tensors"),
    ("even_batches", lambda size, most: (batch for batch in cut(torch.randperm(size), most)), "a list of tensors"),
    ("even_batches", lambda size, most: list(torch.randperm(size).view(1, -1, 1)), "one axis"),
    ("even_batches", lambda size, most: cut(torch.arange(size), most), "their own order"),
    ("even_batches", lambda size, most: cut(torch.arange(size).flip(0), most), "have the same order"),
    ("even_batches", same_each_time, "have the same order"),
    ("even_batches", with_seed, "have the same order"),
    ("even_batches", lambda size, most: cut(torch.arange(size).roll(random.randrange(size)), most), "the start"),
    ("even_batches", lambda size, most: list(map(shuffled, cut(torch.arange(size), most))), "always together"),
    (
        "even_batches",
        lambda size, most: random.sample(list(map(shuffled, cut(torch.arange(size), most))), -(-size // most)),
        "always together",
    ),
    (
        "even_batches",
        lambda size, most: [batch.sort().values for batch in cut(torch.randperm(size), most)],
        "24 orders",
    ),
    ("even_batches", few_swaps, "hardly shuffled"),
]

RIGHT = [
    ("mean_and_std", from_sums),
    ("mean_and_std", stacked),
    ("mean_and_std", lambda batches: stacked(batches, correction=0)),
    ("mean_and_std", merged),
    ("mean_and_std", pixel_by_pixel),
    ("mean_and_std", lambda batches: [float(value) for value in torch.std_mean(torch.cat(list(batches)))][::-1]),
    ("difference_interval", interval(right_half)),
    ("difference_interval", of_tensors),
    ("difference_interval", of_arrays),
    ("difference_interval", from_sums_of_squares),
    ("even_batches", lambda size, most: cut(torch.randperm(size), most)),
    ("even_batches", rest_spread_by_hand),
    ("even_batches", by_numpy),
    ("even_batches", one_larger_each),
    ("even_batches", by_sorting),
    ("even_batches", pop_one_by_one),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, answer", RIGHT)
def test_each_right_answer_passes_every_time(name, answer):
    expect_solved(name, answer)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=9)) >= 3
