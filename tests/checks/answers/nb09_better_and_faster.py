"""Answers to the exercises of notebook 09, right and wrong, written from their texts alone."""

import math
import random
import statistics

import numpy as np
import torch
from torch.utils.data import random_split

# Exercise 9.1: mean_and_std(batches)


def spread_by_sums(batches):
    total = squares = count = 0
    for batch in batches:
        batch = batch.double()
        total += batch.sum().item()
        squares += (batch * batch).sum().item()
        count += batch.numel()
    mean = total / count
    return mean, math.sqrt(max(0.0, squares / count - mean**2))


def spread_of_all_pixels(batches):
    pixels = torch.cat(list(batches)).double()
    return pixels.mean(), pixels.std()


def spread_in_numpy(batches):
    pixels = np.concatenate([batch.detach().numpy().astype(np.float64).ravel() for batch in batches])
    return np.mean(pixels), np.std(pixels)


def spread_by_merging(batches):
    count, mean, deviations = 0, 0.0, 0.0
    for batch in batches:
        values = batch.to(torch.float64)
        n, batch_mean = values.numel(), values.mean().item()
        distance = batch_mean - mean
        deviations += ((values - batch_mean) ** 2).sum().item() + distance**2 * count * n / (count + n)
        mean += distance * n / (count + n)
        count += n
    return mean, (deviations / count) ** 0.5


def spread_of_kept_batches(batches):
    kept = [batch.double() for batch in batches]
    count = sum(batch.numel() for batch in kept)
    mean = sum(batch.sum() for batch in kept) / count
    return mean, (sum(((batch - mean) ** 2).sum() for batch in kept) / count).sqrt()


def spread_by_statistics(batches):
    pixels = []
    for batch in batches:
        pixels.extend(batch.flatten().tolist())
    return statistics.fmean(pixels), statistics.pstdev(pixels)


class Collector:
    def __init__(self):
        self.powers = np.zeros(3)

    def add(self, batch):
        self.powers += [np.sum(np.power(batch.double().numpy(), power)) for power in range(3)]

    def result(self):
        count, total, squares = self.powers
        return total / count, np.sqrt(max(0, squares * count - total**2)) / count


def spread_by_collector(batches):
    collector = Collector()
    for batch in batches:
        collector.add(batch)
    return collector.result()


def pixels_of(batches):
    """All pixels in one row, float64."""
    return torch.cat([batch.double().flatten() for batch in batches])


def spread_of(pixels):
    return pixels.mean().item(), pixels.std(correction=0).item()


def spread_of_batch_means(batches):
    means = torch.stack([batch.double().mean() for batch in batches])
    return spread_of(means)


def spread_with_mean_of_means(batches):
    kept = list(batches)
    return sum(batch.double().mean().item() for batch in kept) / len(kept), spread_of(pixels_of(kept))[1]


def spread_with_mean_of_stds(batches):
    kept = list(batches)
    stds = [batch.double().std(correction=0).item() for batch in kept]
    return spread_of(pixels_of(kept))[0], sum(stds) / len(stds)


def spread_within_batches(batches):
    kept = list(batches)
    count = sum(batch.numel() for batch in kept)
    variance = sum(batch.double().var(correction=0).item() * batch.numel() for batch in kept) / count
    return spread_of(pixels_of(kept))[0], math.sqrt(variance)


def spread_in_two_rounds(batches):
    total = count = 0
    for batch in batches:
        total, count = total + batch.sum().item(), count + batch.numel()
    mean = total / count
    return mean, math.sqrt(sum(((batch - mean) ** 2).sum().item() for batch in batches) / count)


def spread_with_count_in_second_round(batches):
    total = sum(batch.double().sum().item() for batch in batches)
    count = sum(batch.numel() for batch in batches)
    return total / max(count, 1), 0.0


def spread_of_first_batch(batches):
    return spread_of(next(iter(batches)).double())


def spread_without_first_batch(batches):
    next(batches)
    rest = list(batches)
    return spread_of(pixels_of(rest)) if rest else (0.0, 0.0)


def spread_without_last_batch(batches):
    kept = list(batches)
    return spread_of(pixels_of(kept[:-1])) if len(kept) > 1 else (0.0, 0.0)


def spread_of_last_batch(batches):
    return spread_of(list(batches)[-1].double())


def spread_as_if_even(batches):
    kept = list(batches)
    count = len(kept) * kept[0].numel()
    mean = pixels_of(kept).sum().item() / count
    return mean, math.sqrt(abs((pixels_of(kept) ** 2).sum().item() / count - mean**2))


def spread_per_image(batches):
    kept = list(batches)
    count = sum(len(batch) for batch in kept)
    mean = pixels_of(kept).sum().item() / count
    return mean, math.sqrt(abs((pixels_of(kept) ** 2).sum().item() / count - mean**2))


def spread_for_28_by_28(batches):
    kept = list(batches)
    count = sum(len(batch) for batch in kept) * 784
    mean = pixels_of(kept).sum().item() / count
    return mean, math.sqrt(abs((pixels_of(kept) ** 2).sum().item() / count - mean**2))


def spread_for_square_images(batches):
    kept = list(batches)
    count = sum(len(batch) * batch.shape[2] ** 2 for batch in kept)
    mean = pixels_of(kept).sum().item() / count
    return mean, math.sqrt(abs((pixels_of(kept) ** 2).sum().item() / count - mean**2))


def spread_of_image_means(batches):
    return spread_of(torch.cat([batch.double().mean(dim=(1, 2, 3)) for batch in batches]))


def spread_at_each_pixel(batches):
    images = torch.cat(list(batches)).double()
    return images.mean(dim=0), images.std(dim=0, correction=0)


def spread_of_ink(batches):
    pixels = pixels_of(batches)
    return spread_of(pixels[pixels != 0])


def spread_without_mean(batches):
    pixels = pixels_of(batches)
    return pixels.mean().item(), (pixels**2).mean().sqrt().item()


def spread_as_variance(batches):
    pixels = pixels_of(batches)
    return pixels.mean().item(), pixels.var(correction=0).item()


def spread_of_mean(batches):
    pixels = pixels_of(batches)
    return pixels.mean().item(), pixels.std(correction=0).item() / math.sqrt(len(pixels))


def spread_mean_not_squared(batches):
    pixels = pixels_of(batches)
    return pixels.mean().item(), math.sqrt(abs((pixels**2).mean() - pixels.mean()))


def spread_absolute(batches):
    pixels = pixels_of(batches)
    return pixels.mean().item(), (pixels - pixels.mean()).abs().mean().item()


def spread_as_range(batches):
    pixels = pixels_of(batches)
    return pixels.mean().item(), (pixels.max() - pixels.min()).item()


def spread_with_median(batches):
    pixels = pixels_of(batches)
    return pixels.median().item(), pixels.std(correction=0).item()


def spread_and_square(batches):
    total = squares = count = 0
    for batch in batches:
        total, count = total + batch.double().sum().item(), count + batch.numel()
        squares += batch.pow_(2).double().sum().item()
    return total / count, math.sqrt(max(0.0, squares / count - (total / count) ** 2))


def spread_and_centre(batches):
    kept = list(batches)
    mean, std = spread_of(pixels_of(kept))
    for batch in kept:
        batch.sub_(mean)
    return mean, std


def spread_with_axis(batches):
    pixels = pixels_of(batches)
    return pixels.mean().reshape(1), pixels.std(correction=0).reshape(1)


def spread_over_all_calls(batches, kept=[]):
    kept.extend(batch.clone() for batch in batches)
    return spread_of(pixels_of(kept))


def spread_by_length(batches):
    means = [batch.mean().item() for batch in batches]
    return sum(means) / len(batches), statistics.pstdev(means)


RIGHT_MEAN_AND_STD = {
    "sums, float64": spread_by_sums,
    "all batches in one tensor, n - 1, tensors without axes": spread_of_all_pixels,
    "NumPy": spread_in_numpy,
    "batches merged one by one": spread_by_merging,
    "batches kept in a list, deviations squared": spread_of_kept_batches,
    "one long list": spread_by_statistics,
    "a class that collects": spread_by_collector,
}
WRONG_MEAN_AND_STD = {
    "mean and spread of the batch means": spread_of_batch_means,
    "mean of the batch means": spread_with_mean_of_means,
    "mean of the batch deviations": spread_with_mean_of_stds,
    "mean of the variances, without what lies between batches": spread_within_batches,
    "batches gone through twice": spread_in_two_rounds,
    "pixels counted in a second round": spread_with_count_in_second_round,
    "length of a generator": spread_by_length,
    "the first batch only": spread_of_first_batch,
    "all but the first batch": spread_without_first_batch,
    "all but the last batch": spread_without_last_batch,
    "the last batch only": spread_of_last_batch,
    "every batch as large as the first": spread_as_if_even,
    "divided by the number of images": spread_per_image,
    "784 pixels in each image": spread_for_28_by_28,
    "images taken for squares": spread_for_square_images,
    "mean and spread of the image means": spread_of_image_means,
    "for each pixel": spread_at_each_pixel,
    "inked pixels only": spread_of_ink,
    "mean not subtracted": spread_without_mean,
    "mean subtracted, but not squared": spread_mean_not_squared,
    "variance": spread_as_variance,
    "divided by the root of n": spread_of_mean,
    "mean distance from the mean": spread_absolute,
    "range": spread_as_range,
    "median": spread_with_median,
    "those of MNIST": lambda b: (0.1307, 0.3081),
    "deviation first": lambda b: spread_of(pixels_of(b))[::-1],
    "mean only": lambda b: spread_of(pixels_of(b))[0],
    "in grey levels": lambda b: tuple(255 * x for x in spread_of(pixels_of(b))),
    "rounded to one decimal": lambda b: tuple(round(x, 1) for x in spread_of(pixels_of(b))),
    "texts": lambda b: tuple(f"{x:.6f}" for x in spread_of(pixels_of(b))),
    "tensors with an axis": spread_with_axis,
    "pixels squared in place": spread_and_square,
    "pixels centred in place": spread_and_centre,
    "batches of all calls": spread_over_all_calls,
}

# Exercise 9.2: difference_interval(before, after)


def difference_by_statistics(before, after):
    middle = statistics.mean(after) - statistics.mean(before)
    d = 2.10 * math.sqrt((statistics.stdev(before) ** 2 + statistics.stdev(after) ** 2) / 10)
    return middle - d, middle + d


def difference_in_numpy(before, after):
    runs = np.array([before, after], dtype=np.float64)
    d = 2.1 * np.sqrt(runs.var(axis=1, ddof=1).sum() / runs.shape[1])
    middle = np.diff(runs.mean(axis=1))[0]
    return middle - d, middle + d


def difference_in_tensors(before, after):
    before, after = (torch.tensor(runs, dtype=torch.float64) for runs in (before, after))
    d = 2.1 * torch.hypot(before.std(), after.std()) / 10**0.5
    return after.mean() - before.mean() - d, after.mean() - before.mean() + d


def difference_by_loops(before, after):
    means, variances = [], []
    for runs in (before, after):
        mean = sum(runs) / 10
        means.append(mean)
        variances.append(sum((run - mean) ** 2 for run in runs) / 9)
    d = 2.1 * (sum(variances) / 10) ** 0.5
    return means[1] - means[0] - d, means[1] - means[0] + d


def difference_of_shifted_runs(before, after):
    start = before[0]
    before, after = [run - start for run in before], [run - start for run in after]
    d = 2.1 * math.sqrt(statistics.variance(before) / 10 + statistics.variance(after) / 10)
    ends = {math.fsum(after) / 10 - math.fsum(before) / 10 + sign * d for sign in (-1, 1)}
    return min(ends), max(ends)


def difference_of_all_pairs(before, after):
    pairs = np.subtract.outer(np.array(after), np.array(before))
    squares = [np.square(runs - np.mean(runs)).sum() / 9 for runs in (before, after)]
    return tuple(float(pairs.mean() + sign * 2.1 * np.sqrt(np.mean(squares) / 5)) for sign in (-1, 1))


def difference_with(d, before, after):
    """The difference of the means, give or take d."""
    middle = statistics.mean(after) - statistics.mean(before)
    return middle - d, middle + d


def error_of(before, after):
    return math.sqrt((statistics.variance(before) + statistics.variance(after)) / 10)


def difference_of_pairs(before, after):
    differences = [b - a for a, b in zip(before, after)]
    return difference_with(2.1 * statistics.stdev(differences) / math.sqrt(10), before, after)


def difference_of_sorted_pairs(before, after):
    differences = [b - a for a, b in zip(sorted(before), sorted(after))]
    return difference_with(2.1 * statistics.stdev(differences) / math.sqrt(10), before, after)


def difference_from_single_intervals(before, after):
    return difference_with(2.1 * (statistics.stdev(before) + statistics.stdev(after)) / math.sqrt(10), before, after)


def difference_of_whole_population(before, after):
    return difference_with(
        2.1 * math.sqrt((statistics.pvariance(before) + statistics.pvariance(after)) / 10), before, after
    )


def difference_of_deviations_not_squared(before, after):
    return difference_with(2.1 * math.sqrt((statistics.stdev(before) + statistics.stdev(after)) / 10), before, after)


def difference_of_one_pool(before, after):
    return difference_with(2.1 * math.sqrt(statistics.variance([*before, *after]) / 10), before, after)


def difference_of_ends(before, after):
    def ends(runs):
        d = 2.1 * statistics.stdev(runs) / math.sqrt(10)
        return statistics.mean(runs) - d, statistics.mean(runs) + d

    return ends(after)[0] - ends(before)[0], ends(after)[1] - ends(before)[1]


def difference_of_medians(before, after):
    middle, d = statistics.median(after) - statistics.median(before), 2.1 * error_of(before, after)
    return middle - d, middle + d


def difference_of_best(before, after):
    middle, d = max(after) - max(before), 2.1 * error_of(before, after)
    return middle - d, middle + d


def difference_without_sign(before, after):
    middle = abs(statistics.mean(after) - statistics.mean(before))
    return middle - 2.1 * error_of(before, after), middle + 2.1 * error_of(before, after)


def difference_relative(before, after):
    return tuple(end / statistics.mean(before) for end in difference_by_statistics(before, after))


def difference_without_extremes(before, after):
    before, after = sorted(before)[1:-1], sorted(after)[1:-1]
    return difference_with(2.1 * error_of(before, after), before, after)


def difference_and_sort(before, after):
    before.sort()
    after.sort()
    return difference_by_statistics(before, after)


def difference_and_pop(before, after):
    ends = difference_by_statistics(before, after)
    while before and after:
        before.pop(), after.pop()
    return ends


def difference_in_place(before, after):
    ends = difference_by_statistics(before, after)
    for place in range(10):
        after[place] -= before[place]
    return ends


def difference_and_note(before, after):
    ends = difference_by_statistics(before, after)
    after.append(statistics.mean(after))
    return ends


RUNS_BEFORE = []


def difference_from_first_call(before, after):
    RUNS_BEFORE.append(list(before))
    return difference_by_statistics(RUNS_BEFORE[0], after)


RIGHT_DIFFERENCE_INTERVAL = {
    "statistics": difference_by_statistics,
    "NumPy": difference_in_numpy,
    "tensors without axes": difference_in_tensors,
    "plain loops": difference_by_loops,
    "runs shifted first": difference_of_shifted_runs,
    "mean of all pairs, NumPy": difference_of_all_pairs,
}
WRONG_DIFFERENCE_INTERVAL = {
    "before minus after": lambda b, a: difference_by_statistics(a, b),
    "the higher first": lambda b, a: difference_by_statistics(b, a)[::-1],
    "without the sign of the difference": difference_without_sign,
    "differences of the pairs": difference_of_pairs,
    "differences of sorted pairs": difference_of_sorted_pairs,
    "widths of the two intervals added": difference_from_single_intervals,
    "differences of the ends": difference_of_ends,
    "deviations of whole populations": difference_of_whole_population,
    "deviations not squared": difference_of_deviations_not_squared,
    "deviation of all twenty runs": difference_of_one_pool,
    "deviation of the first recipe only": lambda b, a: difference_with(2.1 * error_of(b, [0, 0]), b, a),
    "deviation of the second recipe only": lambda b, a: difference_with(2.1 * error_of([0, 0], a), b, a),
    "without the root": lambda b, a: difference_with(2.1 * error_of(b, a) ** 2, b, a),
    "not divided by 10": lambda b, a: difference_with(2.1 * error_of(b, a) * math.sqrt(10), b, a),
    "divided by 20": lambda b, a: difference_with(2.1 * error_of(b, a) / math.sqrt(2), b, a),
    "divided by 9": lambda b, a: difference_with(2.1 * error_of(b, a) * math.sqrt(10 / 9), b, a),
    "1.96 instead of 2.10": lambda b, a: difference_with(1.96 * error_of(b, a), b, a),
    "2.26 instead of 2.10": lambda b, a: difference_with(2.26 * error_of(b, a), b, a),
    "1 instead of 2.10": lambda b, a: difference_with(error_of(b, a), b, a),
    "half as wide": lambda b, a: difference_with(1.05 * error_of(b, a), b, a),
    "medians": difference_of_medians,
    "best runs": difference_of_best,
    "best and worst runs left out": difference_without_extremes,
    "worst and best difference": lambda b, a: (min(a) - max(b), max(a) - min(b)),
    "as a share of before": difference_relative,
    "interval of after": lambda b, a: difference_by_statistics([0.0] * 10, a),
    "interval of before": lambda b, a: difference_by_statistics([0.0] * 10, b),
    "interval about 0": lambda b, a: (-2.1 * error_of(b, a), 2.1 * error_of(b, a)),
    "difference and width": lambda b, a: (statistics.mean(a) - statistics.mean(b), 2.1 * error_of(b, a)),
    "the lower end only": lambda b, a: difference_by_statistics(b, a)[0],
    "whether it is better": lambda b, a: difference_by_statistics(b, a)[0] > 0,
    "in percent": lambda b, a: tuple(100 * end for end in difference_by_statistics(b, a)),
    "rounded to two decimals": lambda b, a: tuple(round(end, 2) for end in difference_by_statistics(b, a)),
    "texts": lambda b, a: tuple(f"{end:.8f}" for end in difference_by_statistics(b, a)),
    "tensors with an axis": lambda b, a: tuple(torch.tensor([end]) for end in difference_by_statistics(b, a)),
    "lists sorted": difference_and_sort,
    "lists emptied": difference_and_pop,
    "differences put into the list": difference_in_place,
    "mean added to the list": difference_and_note,
    "the first recipe of the first call": difference_from_first_call,
}

# Exercise 9.3: even_batches(size, most)


def batches_by_tensor_split(size, most):
    return list(torch.randperm(size).tensor_split(math.ceil(size / most)))


def batches_by_steps(size, most):
    places = list(range(size))
    random.shuffle(places)
    number = -(-size // most)
    return [torch.tensor(places[start::number]) for start in range(number)]


def batches_in_numpy(size, most):
    places = np.random.default_rng().permutation(size)
    return [torch.from_numpy(part.copy()) for part in np.array_split(places, (size + most - 1) // most)]


def batches_by_sizes(size, most):
    number = (size - 1) // most + 1
    smaller, larger_ones = divmod(size, number)
    order = torch.rand(size, dtype=torch.float64).argsort()
    return list(order.split([smaller + 1] * larger_ones + [smaller] * (number - larger_ones)))


def batches_by_dealing(size, most):
    hands = [[] for _ in range((size + most - 1) // most)]
    pool = list(range(size))
    while pool:
        hands[len(pool) % len(hands)].append(pool.pop(random.randrange(len(pool))))
    return [torch.as_tensor(hand, dtype=torch.int64) for hand in hands]


def batches_by_bounds(size, most):
    number = 1
    while number * most < size:
        number += 1
    order = random.sample(range(size), size)
    bounds = [place * size // number for place in range(number + 1)]
    return [torch.LongTensor(order[start:end]) for start, end in zip(bounds, bounds[1:])]


def batches_by_random_split(size, most):
    number = math.ceil(size / most)
    parts = random_split(range(size), [size // number + (place < size % number) for place in range(number)])
    return [torch.tensor(list(part)) for part in parts]


def split_into(number, order):
    """As even as possible, into a given number of batches."""
    return list(order.tensor_split(number))


def number_of(size, most):
    return math.ceil(size / most)


def batches_with_rest_in_last(size, most):
    number = number_of(size, most)
    order, each = torch.randperm(size), size // number
    return [order[k * each : (k + 1) * each if k < number - 1 else size] for k in range(number)]


def batches_with_rest_lost(size, most):
    number = number_of(size, most)
    return split_into(number, torch.randperm(size)[: size // number * number])


def batches_filled_up(size, most):
    order, number = torch.randperm(size), number_of(size, most)
    missing = -size % number
    return split_into(number, torch.cat([order, order[:missing]]))


def batches_in_halves(size, most):
    parts = [torch.randperm(size)]
    while max(len(part) for part in parts) > most:
        parts = [half for part in parts for half in part.tensor_split(2)]
    return parts


def batches_of_neighbours(size, most):
    batches = split_into(number_of(size, most), torch.arange(size))
    random.shuffle(batches)
    return batches


def batches_shuffled_inside(size, most):
    return [batch[torch.randperm(len(batch))] for batch in split_into(number_of(size, most), torch.arange(size))]


def batches_of_one_seed(size, most):
    return split_into(number_of(size, most), torch.randperm(size, generator=torch.Generator().manual_seed(0)))


def batches_with_first_half_shuffled(size, most):
    order = torch.arange(size)
    order[: size // 2] = torch.randperm(size // 2)
    return split_into(number_of(size, most), order)


def batches_with_empty_one(size, most):
    return batches_by_tensor_split(size, most) + [torch.tensor([], dtype=torch.int64)]


def batches_sharing_an_image(size, most):
    batches = batches_by_tensor_split(size, most)
    return [torch.cat([batch[:1], batch]) for batch in batches]


def batches_like_a_loader(size, most):
    order = torch.randperm(size)
    return [order[start : start + most] for start in range(0, size, most)]


def batches_without_small_last(size, most):
    batches = batches_like_a_loader(size, most)
    return batches[:-1] if len(batches[-1]) < most and len(batches) > 1 else batches


def batches_with_small_last_joined(size, most):
    batches = batches_like_a_loader(size, most)
    if len(batches) > 1 and len(batches[-1]) < most:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def batches_with_last_two_shared(size, most):
    batches = batches_like_a_loader(size, most)
    if len(batches) > 1:
        batches[-2:] = torch.cat(batches[-2:]).tensor_split(2)
    return batches


def batches_squeezed(size, most):
    return [batch.squeeze() for batch in batches_by_tensor_split(size, most)]


ORDERS = {}


def batches_kept(size, most):
    return split_into(number_of(size, most), ORDERS.setdefault(size, torch.randperm(size)))


RIGHT_EVEN_BATCHES = {
    "tensor_split": batches_by_tensor_split,
    "every so many-th of a shuffled list": batches_by_steps,
    "NumPy": batches_in_numpy,
    "sizes first, random numbers sorted": batches_by_sizes,
    "dealt like cards": batches_by_dealing,
    "bounds computed": batches_by_bounds,
    "random_split": batches_by_random_split,
}
WRONG_EVEN_BATCHES = {
    "small last batch": batches_like_a_loader,
    "small last batch left out": batches_without_small_last,
    "small last batch joined to the one before": batches_with_small_last_joined,
    "only the last two share evenly": batches_with_last_two_shared,
    "chunk, whose last batch is smaller": lambda size, most: list(torch.randperm(size).chunk(number_of(size, most))),
    "whole rest in the last batch": batches_with_rest_in_last,
    "rest lost": batches_with_rest_lost,
    "filled up with images that come twice": batches_filled_up,
    "halved until small enough": batches_in_halves,
    "a batch too many": lambda size, most: split_into(number_of(size, most) + 1, torch.randperm(size)),
    "a batch too many if nothing is left over": lambda size, most: split_into(size // most + 1, torch.randperm(size)),
    "number rounded down, batches too large": lambda size, most: split_into(max(1, size // most), torch.randperm(size)),
    "number rounded to the nearest": lambda size, most: split_into(max(1, round(size / most)), torch.randperm(size)),
    "nothing if all fit into less than a batch": lambda size, most: (
        batches_by_steps(size, most) if size >= most else []
    ),
    "one smaller than allowed": lambda size, most: batches_by_tensor_split(size, max(1, most - 1)),
    "one larger than allowed": lambda size, most: batches_by_tensor_split(size, most + 1),
    "all in one batch": lambda size, most: [torch.randperm(size)],
    "one image in each": lambda size, most: list(torch.randperm(size).split(1)),
    "not shuffled": lambda size, most: split_into(number_of(size, most), torch.arange(size)),
    "backwards": lambda size, most: split_into(number_of(size, most), torch.arange(size).flip(0)),
    "only the batches shuffled": batches_of_neighbours,
    "shuffled inside each batch only": batches_shuffled_inside,
    "only the first half shuffled": batches_with_first_half_shuffled,
    "the same order every time": batches_of_one_seed,
    "order of the first call kept": batches_kept,
    "drawn with repetition": lambda size, most: split_into(number_of(size, most), torch.randint(size, (size,))),
    "places counted from 1": lambda size, most: [batch + 1 for batch in batches_by_tensor_split(size, most)],
    "the last image never comes": lambda size, most: split_into(number_of(size, most), torch.randperm(size - 1)),
    "one image of each batch twice": batches_sharing_an_image,
    "an empty batch at the end": batches_with_empty_one,
    "sizes only": lambda size, most: [len(batch) for batch in batches_by_tensor_split(size, most)],
    "lists in a list": lambda size, most: [batch.tolist() for batch in batches_by_tensor_split(size, most)],
    "one tensor": lambda size, most: torch.randperm(size),
    "an axis too many": lambda size, most: [batch[:, None] for batch in batches_by_tensor_split(size, most)],
    "no axis if a batch has one image": batches_squeezed,
    "a text": lambda size, most: str(batches_by_tensor_split(size, most)),
}

RIGHT = {
    "mean_and_std": RIGHT_MEAN_AND_STD,
    "difference_interval": RIGHT_DIFFERENCE_INTERVAL,
    "even_batches": RIGHT_EVEN_BATCHES,
}
WRONG = {
    "mean_and_std": WRONG_MEAN_AND_STD,
    "difference_interval": WRONG_DIFFERENCE_INTERVAL,
    "even_batches": WRONG_EVEN_BATCHES,
}
