"""Answers to the exercises of notebook 12, right and wrong, written from their texts."""

import collections
import functools
import heapq
import itertools
import math
import random
import statistics
from fractions import Fraction

import numpy as np
import torch
from answers.common import repeats_first
from torch.utils.data import DistributedSampler

from mnist_lesson.further.ranks import EachOnce

# Exercise 12.1: shard(size, rank, ranks)


def shard_by_loop(size, rank, ranks):
    numbers = []
    for number in range(size):
        if number % ranks == rank:
            numbers.append(number)
    return numbers


def shard_by_longer_blocks(size, rank, ranks):
    length, longer = divmod(size, ranks)
    start = rank * length + min(rank, longer)
    return tuple(range(start, start + length + (rank < longer)))


def shard_there_and_back(size, rank, ranks):
    order = itertools.cycle([*range(ranks), *reversed(range(ranks))])
    return {number for number, owner in zip(range(size), order) if owner == rank}


def shard_by_recursion(size, rank, ranks, first=0):
    share = math.ceil(size / ranks)
    if rank == 0:
        return list(range(first, first + share))
    return shard_by_recursion(size - share, rank - 1, ranks - 1, first + share)


def shard_by_halves(size, rank, ranks):
    numbers = list(range(size))
    while ranks > 1:
        left = ranks // 2
        cut = len(numbers) * left // ranks
        if rank < left:
            numbers, ranks = numbers[:cut], left
        else:
            numbers, rank, ranks = numbers[cut:], rank - left, ranks - left
    return numbers


def shard_to_the_shortest(size, rank, ranks):
    queue = [(0, owner) for owner in range(ranks)]
    shares = {owner: [] for owner in range(ranks)}
    for number in reversed(range(size)):
        length, owner = heapq.heappop(queue)
        shares[owner].append(number)
        heapq.heappush(queue, (length + 1, owner))
    return shares[rank]


def shard_shuffled(size, rank, ranks):
    order = list(range(size))
    random.Random(42).shuffle(order)
    return order[rank::ranks]


def shard_permuted(size, rank, ranks):
    order = torch.randperm(size, generator=torch.Generator().manual_seed(1))
    return order.tensor_split(ranks)[rank]


def shard_by_linspace(size, rank, ranks):
    cuts = np.linspace(0, size, ranks + 1).astype(int)
    return np.arange(cuts[rank], cuts[rank + 1])


def shard_padded(size, rank, ranks):
    return [number % size for number in range(rank, math.ceil(size / ranks) * ranks, ranks)]


def shard_of_rest_to(owner):
    def shares(size, rank, ranks):
        length = size // ranks
        rest = list(range(length * ranks, size)) if rank == owner % ranks else []
        return list(range(rank * length, (rank + 1) * length)) + rest

    return shares


def shard_of_overlapping_blocks(size, rank, ranks):
    length, longer = divmod(size, ranks)
    return list(range(rank * length, rank * length + length + (rank < longer)))


def shard_by_mean_length(size, rank, ranks):
    length = round(size / ranks)
    return list(range(rank * length, min(size, (rank + 1) * length)))


def shard_of_columns(size, rank, ranks):
    return np.arange(size).reshape(-1, ranks)[:, rank]


def shard_first_and_last(size, rank, ranks):
    numbers = range(size * rank // ranks, size * (rank + 1) // ranks)
    return (numbers[0], numbers[-1]) if numbers else ()


def shard_by_rank_seed(size, rank, ranks):
    return random.Random(rank).sample(range(size), size)[rank::ranks]


def is_of_rank(size, rank, ranks):
    return torch.arange(size) % ranks == rank


RIGHT_SHARD = {
    "loop": shard_by_loop,
    "range with steps": lambda size, rank, ranks: range(rank, size, ranks),
    "blocks, the first ones longer, a tuple": shard_by_longer_blocks,
    "blocks from whole-number cuts": lambda s, r, n: [i for i in range(s) if s * r // n <= i < s * (r + 1) // n],
    "blocks from rounded cuts": lambda s, r, n: range(round(s * r / n), round(s * (r + 1) / n)),
    "blocks from linspace": shard_by_linspace,
    "from the end": lambda s, r, n: list(range(s - 1 - r, -1, -n)),
    "there and back, a set": shard_there_and_back,
    "recursion": shard_by_recursion,
    "halves of halves": shard_by_halves,
    "each to the shortest share": shard_to_the_shortest,
    "shuffled alike": shard_shuffled,
    "NumPy, split": lambda s, r, n: np.array_split(np.arange(s), n)[r],
    "NumPy, decimals": lambda s, r, n: np.arange(r, s, n, dtype=float),
    "NumPy, places": lambda s, r, n: np.flatnonzero(np.arange(s) % n == r),
    "torch, permuted alike": shard_permuted,
    "torch, slice": lambda s, r, n: torch.arange(s)[r::n],
    "torch, places": lambda s, r, n: is_of_rank(s, r, n).nonzero().flatten(),
    "a list of tensors": lambda s, r, n: list(torch.arange(s))[r::n],
    "an empty tensor of decimals": lambda s, r, n: torch.tensor(list(range(r, s, n))),
    "the sampler of the program": lambda s, r, n: list(EachOnce(range(s), n, r)),
}
WRONG_SHARD = {
    "rest lost": lambda s, r, n: list(range(r * (s // n), (r + 1) * (s // n))),
    "rest lost, every so-manieth": lambda s, r, n: list(range(r, s // n * n, n)),
    "rest to the last rank": shard_of_rest_to(-1),
    "rest to rank 0": shard_of_rest_to(0),
    "longer blocks not shifted": shard_of_overlapping_blocks,
    "rounded-up blocks": lambda s, r, n: list(range(s))[r * math.ceil(s / n) : (r + 1) * math.ceil(s / n)],
    "rounded blocks": shard_by_mean_length,
    "one more in each block": lambda s, r, n: list(range(s))[r * (s // n + 1) : (r + 1) * (s // n + 1)],
    "padded": shard_padded,
    "padded, a set": lambda s, r, n: set(shard_padded(s, r, n)),
    "padded by the sampler": lambda s, r, n: list(DistributedSampler(range(s), n, r, shuffle=False)),
    "cut by the sampler": lambda s, r, n: list(DistributedSampler(range(s), n, r, shuffle=False, drop_last=True)),
    "columns of a table": shard_of_columns,
    "NumPy, equal parts": lambda s, r, n: np.split(np.arange(s), n)[r],
    "torch, chunks": lambda s, r, n: torch.arange(s).chunk(n)[r],
    "torch, chunks, none is an empty list": lambda s, r, n: (list(torch.arange(s).chunk(n)) + [[]] * n)[r],
    "torch, range beyond its end": lambda s, r, n: torch.arange(r, s, n),
    "counted from 1": lambda s, r, n: list(range(r + 1, s + 1, n)),
    "ranks counted from 1": lambda s, r, n: list(range(r - 1, s, n)),
    "first number missing": lambda s, r, n: list(range(r + 1, s, n)),
    "last number missing": lambda s, r, n: list(range(r, s - 1, n)),
    "one too many": lambda s, r, n: list(range(r, s + 1, n)),
    "blocks with both ends": lambda s, r, n: list(range(s * r // n, min(s, s * (r + 1) // n + 1))),
    "for two ranks, halves": lambda s, r, n: list(range(s // 2) if r == 0 else range(s // 2, s)),
    "for two ranks, odd and even": lambda s, r, n: [i for i in range(s) if i % 2 == r],
    "for four ranks": lambda s, r, n: list(range(r, s, 4)),
    "all to each": lambda s, r, n: list(range(s)),
    "all to rank 0": lambda s, r, n: list(range(s)) if r == 0 else [],
    "rank forgotten": lambda s, r, n: list(range(0, s, n)),
    "none: the first one": lambda s, r, n: list(range(r, s, n)) or [0],
    "none: the last one": lambda s, r, n: list(range(r, s, n)) or [s - 1],
    "none: None": lambda s, r, n: list(range(r, s, n)) or None,
    "none: a text": lambda s, r, n: list(range(r, s, n)) or "",
    "shuffled for itself": lambda s, r, n: torch.randperm(s)[r::n],
    "shuffled by its rank": shard_by_rank_seed,
    "drawn for itself": lambda s, r, n: random.sample(range(s), len(range(r, s, n))),
    "always the same": repeats_first(shard_by_loop),
    "start and end": lambda s, r, n: (s * r // n, s * (r + 1) // n),
    "first and last": shard_first_and_last,
    "how many": lambda s, r, n: len(range(r, s, n)),
    "a slice": lambda s, r, n: slice(r, s, n),
    "yes and no": lambda s, r, n: [i % n == r for i in range(s)],
    "yes and no, a tensor": is_of_rank,
    "places with two axes": lambda s, r, n: is_of_rank(s, r, n).nonzero(),
    "places in a tuple": lambda s, r, n: np.nonzero(np.arange(s) % n == r),
    "numbers with an axis each": lambda s, r, n: [torch.tensor([i]) for i in range(r, s, n)],
    "a list in a list": lambda s, r, n: [list(range(r, s, n))],
    "all shares": lambda s, r, n: [list(range(k, s, n)) for k in range(n)],
    "the numbers as texts": lambda s, r, n: [str(i) for i in range(r, s, n)],
    "one text": lambda s, r, n: str(list(range(r, s, n))),
    "nothing": lambda s, r, n: [],
}

# Exercise 12.2: loss_of_all(shares)


def loss_by_loop(shares):
    total, count = 0.0, 0
    for n, mean in shares:
        if n == 0:
            continue
        total += n * mean
        count += n
    return total / count


def loss_without_nan(shares):
    known = [(n, mean) for n, mean in shares if not math.isnan(mean)]
    return sum(n * mean for n, mean in known) / sum(n for n, _ in known)


def loss_in_numpy(shares):
    counts, means = np.array(shares).T
    return np.nansum(counts * means) / counts.sum()


def loss_by_average(shares):
    table = np.array([share for share in shares if share[0] > 0], dtype=float)
    return np.average(table[:, 1], weights=table[:, 0])


def loss_in_torch(shares):
    counts, means = torch.tensor(shares).unbind(dim=1)
    return (counts * means.nan_to_num()).sum() / counts.sum()


def loss_by_product(shares):
    table = torch.tensor(shares, dtype=torch.float64)
    return table[:, 0] @ table[:, 1].nan_to_num() / table[:, 0].sum()


def loss_by_merging(shares):
    def merge(one, other):
        if not one[0] or not other[0]:
            return one if one[0] else other
        count = one[0] + other[0]
        return count, one[1] + (other[1] - one[1]) * other[0] / count

    return functools.reduce(merge, shares)[1]


def loss_by_recursion(shares, count=0, total=0.0):
    if not shares:
        return total / count
    (n, mean), *others = shares
    return loss_by_recursion(others, count + n, total + (n * mean if n else 0))


def loss_by_fractions(shares):
    total = sum(n * Fraction(mean) for n, mean in shares if n)
    return float(total / sum(n for n, _ in shares))


def loss_with_something_for_nan(shares):
    something = max(mean for n, mean in shares if n)
    counts, means = zip(*((n, mean if n else something) for n, mean in shares))
    return torch.tensor(np.dot(counts, means) / sum(counts))


def loss_by_fmean(shares):
    counts, means = zip(*(share for share in shares if share[0]))
    return statistics.fmean(means, weights=counts)


def weighted(shares):
    return loss_by_fractions(shares)


def loss_with(of, all_of):
    """Makes an answer that forgets no rank without samples: two functions of (counts, means) give its quotient."""

    def quotient(shares):
        counts, means = (np.array(values) for values in zip(*((n, mean) for n, mean in shares if n)))
        return float(of(counts, means) / all_of(counts, means))

    return quotient


def loss_started_with_rank_0(shares):
    count, mean = shares[0]
    for n, other in shares[1:]:
        if n:
            mean = (count * mean + n * other) / (count + n)
            count += n
    return mean


def loss_merged_badly(shares):
    count, mean = 0, 0.0
    for n, other in shares:
        mean = (count * mean + (n * other if n else 0.0)) / (count + n)
        count += n
    return mean


def loss_halved(shares):
    mean = None
    for n, other in shares:
        if n:
            mean = other if mean is None else (mean + other) / 2
    return mean


def loss_until_an_empty_rank(shares):
    return weighted(list(itertools.takewhile(lambda share: share[0], shares)))


def loss_without_one_empty_rank(shares):
    others = list(shares)
    for share in others:
        if share[0] == 0:
            others.remove(share)
            break
    return sum(n * mean for n, mean in others) / sum(n for n, _ in others)


def loss_removing_in_a_loop(shares):
    others = list(shares)
    for share in others:
        if share[0] == 0:
            others.remove(share)
    return sum(n * mean for n, mean in others) / sum(n for n, _ in others)


def loss_removing_from_shares(shares):
    for share in list(shares):
        if share[0] == 0:
            shares.remove(share)
    return weighted(shares)


def loss_replacing_nan_in_shares(shares):
    for place, (n, mean) in enumerate(shares):
        if math.isnan(mean):
            shares[place] = (0, 0.0)
    return sum(n * mean for n, mean in shares) / sum(n for n, _ in shares)


def loss_emptying_shares(shares):
    result = weighted(shares)
    while shares:
        shares.pop()
    return result


def loss_sorting_shares(shares):
    shares.sort(key=lambda share: share[0], reverse=True)
    return loss_started_with_rank_0(shares)


def loss_where(is_used):
    return lambda shares: weighted([(n, mean) for n, mean in shares if is_used(n, mean)])


def loss_without_smallest(shares):
    smallest = min(n for n, _ in shares)
    return weighted([share for share in shares if share[0] > smallest])


def loss_of_two(shares):
    (n, mean), (m, other) = shares
    return (n * mean if n else 0.0) / (n + m) + (m * other if m else 0.0) / (n + m)


RIGHT_LOSS_OF_ALL = {
    "loop": loss_by_loop,
    "NaN left out": loss_without_nan,
    "NaN is not itself": lambda shares: sum(n * x for n, x in shares if x == x) / sum(n for n, _ in shares),
    "NaN is not larger than 0": lambda shares: sum(n * x for n, x in shares if x > 0) / sum(n for n, _ in shares),
    "max with 0 first": lambda shares: sum(n * max(0, x) for n, x in shares) / sum(n for n, _ in shares),
    "a mean for each sample": lambda shares: statistics.fmean(x for n, x in shares for _ in range(n)),
    "NumPy": loss_in_numpy,
    "NumPy, average": loss_by_average,
    "NumPy, repeated": lambda shares: np.repeat([x for _, x in shares], [n for n, _ in shares]).mean(),
    "torch, float32": loss_in_torch,
    "torch, product": loss_by_product,
    "merged": loss_by_merging,
    "recursion": loss_by_recursion,
    "fractions": loss_by_fractions,
    "something else for NaN": loss_with_something_for_nan,
    "fmean with weights": loss_by_fmean,
    "exact sum": lambda shares: math.fsum(n * x for n, x in shares if n) / math.fsum(n for n, _ in shares),
}
WRONG_LOSS_OF_ALL = {
    "empty ranks forgotten": lambda shares: sum(n * x for n, x in shares) / sum(n for n, _ in shares),
    "empty ranks forgotten, NumPy": lambda shares: np.average(*np.array(shares).T[::-1]),
    "mean of means": loss_with(lambda n, x: x.sum(), lambda n, x: len(x)),
    "mean of means, empty ranks as 0": lambda shares: np.nan_to_num([x for _, x in shares]).mean(),
    "mean of means, empty ranks forgotten": lambda shares: statistics.mean(x for _, x in shares),
    "median": loss_with(lambda n, x: np.median(x), lambda n, x: 1),
    "halved again and again": loss_halved,
    "geometric mean": lambda shares: math.exp(weighted([(n, math.log(x + 1e-9)) for n, x in shares if n])),
    "root of the mean square": loss_with(lambda n, x: (n @ x**2 / n.sum()) ** 0.5, lambda n, x: 1),
    "sum": loss_with(lambda n, x: n @ x, lambda n, x: 1),
    "sum of means": loss_with(lambda n, x: x.sum(), lambda n, x: 1),
    "divided by the ranks": lambda shares: sum(n * x for n, x in shares if n) / len(shares),
    "divided by the ranks with samples": loss_with(lambda n, x: n @ x, lambda n, x: len(n)),
    "means not multiplied": loss_with(lambda n, x: x.sum(), lambda n, x: n.sum()),
    "divided by one less": loss_with(lambda n, x: n @ x, lambda n, x: n.sum() - 1),
    "divided by the largest share": loss_with(lambda n, x: n @ x, lambda n, x: n.max()),
    "divided by ranks times the first share": loss_with(lambda n, x: n @ x, lambda n, x: n[0] * len(n)),
    "weights turned round": loss_with(lambda n, x: (x / n).sum(), lambda n, x: (1 / n).sum()),
    "squares of the counts": loss_with(lambda n, x: n**2 @ x, lambda n, x: (n**2).sum()),
    "empty ranks count as a sample": lambda shares: weighted([(max(n, 1), x if n else 0.0) for n, x in shares]),
    "a loss of 0 left out": loss_where(lambda n, x: x > 0),
    "a loss of 0 left out as nothing": loss_where(lambda n, x: n and x),
    "shares of one left out": loss_where(lambda n, x: n > 1),
    "compared with NaN": lambda shares: sum(n * x for n, x in shares if x != float("nan")) / sum(n for n, _ in shares),
    "is not NaN": lambda shares: sum(n * x for n, x in shares if x is not math.nan) / sum(n for n, _ in shares),
    "max with 0 last": lambda shares: sum(n * max(x, 0) for n, x in shares) / sum(n for n, _ in shares),
    "times 0 to be rid of NaN": lambda shares: sum(n * x * (n > 0) for n, x in shares) / sum(n for n, _ in shares),
    "rank 0 has samples": loss_started_with_rank_0,
    "0 divided by 0 if rank 0 is empty": loss_merged_badly,
    "stops at an empty rank": loss_until_an_empty_rank,
    "one empty rank": loss_without_one_empty_rank,
    "removed in a loop": loss_removing_in_a_loop,
    "0 if a rank is empty": lambda shares: weighted(shares) if all(n for n, _ in shares) else 0.0,
    "smallest share left out": loss_without_smallest,
    "two ranks": loss_of_two,
    "rank 0 alone": lambda shares: shares[0][1],
    "last rank alone": lambda shares: shares[-1][1],
    "largest share alone": lambda shares: max(share for share in shares if share[0])[1],
    "smallest loss": lambda shares: min(x for n, x in shares if n),
    "largest loss": lambda shares: max(x for n, x in shares if n),
    "always the same": repeats_first(weighted),
    "empty ranks removed from shares": loss_removing_from_shares,
    "NaN replaced in shares": loss_replacing_nan_in_shares,
    "shares emptied": loss_emptying_shares,
    "shares sorted": loss_sorting_shares,
    "a whole number": lambda shares: int(weighted(shares)),
    "rounded": lambda shares: round(weighted(shares), 2),
    "rounded down": loss_with(lambda n, x: n @ x // n.sum(), lambda n, x: 1),
    "a text": lambda shares: f"{weighted(shares):.4f}",
    "with how many": lambda shares: (sum(n for n, _ in shares), weighted(shares)),
    "a list": lambda shares: [weighted(shares)],
    "a tensor with an axis": lambda shares: torch.tensor([weighted(shares)]),
    "NaN": lambda shares: math.nan,
}

# Exercise 12.3: writers(disks)


def writers_by_loop(disks):
    seen, numbers = [], []
    for rank, disk in enumerate(disks):
        if disk not in seen:
            seen.append(disk)
            numbers.append(rank)
    return numbers


def writers_by_dictionary(disks):
    writer_of = {}
    for rank, disk in enumerate(disks):
        writer_of.setdefault(disk, rank)
    return tuple(writer_of.values())


def writers_overwritten_from_the_end(disks):
    return list({disk: rank for rank, disk in reversed(list(enumerate(disks)))}.values())


def writers_by_recursion(disks):
    if not disks:
        return []
    *others, last = disks
    return writers_by_recursion(others) + ([len(others)] if last not in others else [])


def writers_by_groups(disks):
    ranks = sorted(range(len(disks)), key=lambda rank: disks[rank])
    return [next(group) for _, group in itertools.groupby(ranks, key=lambda rank: disks[rank])]


def writers_by_comparing(disks):
    names = np.array(disks)
    return np.flatnonzero((names[:, None] == names).argmax(axis=1) == np.arange(len(names)))


def writers_in_torch(disks):
    return torch.tensor([disks.index(disk) for disk in disks]).unique()


def writers_by_places(disks):
    first = torch.tensor([disks.index(disk) for disk in disks])
    return (first == torch.arange(len(disks))).nonzero().flatten()


def writers_by_lists(disks):
    ranks_of = collections.defaultdict(list)
    for rank, disk in enumerate(disks):
        ranks_of[disk].append(rank)
    return sorted(map(min, ranks_of.values()), reverse=True)


def writers_striking_out(disks):
    left, numbers = dict(enumerate(disks)), []
    while left:
        rank = min(left)
        numbers.append(rank)
        left = {other: disk for other, disk in left.items() if disk != disks[rank]}
    return numbers


def writers_with(name_of):
    """Makes an answer that takes two disks for the same when `name_of` returns the same for both."""
    return lambda disks: writers_by_loop([name_of(disk) for disk in disks])


def writers_part_of_a_name(disks):
    seen, numbers = "", []
    for rank, disk in enumerate(disks):
        if disk not in seen:
            seen += disk
            numbers.append(rank)
    return numbers


def writers_until_one_is_known(disks):
    for rank, disk in enumerate(disks):
        if disk in disks[:rank]:
            return list(range(rank))
    return list(range(len(disks)))


def writers_emptying(disks):
    numbers = writers_by_loop(disks)
    disks.clear()
    return numbers


def writers_replacing(disks):
    names = sorted(set(disks))
    for rank, disk in enumerate(disks):
        disks[rank] = names.index(disk)
    return writers_by_loop(disks)


def writers_sorting(disks):
    disks.sort()
    return [rank for rank in range(len(disks)) if rank == 0 or disks[rank] != disks[rank - 1]]


def writers_crossing_out(disks):
    numbers = []
    for rank, disk in enumerate(disks):
        if disk is not None:
            numbers.append(rank)
            disks[:] = [None if other == disk else other for other in disks]
    return numbers


def writers_every(step_of):
    return lambda disks: list(range(0, len(disks), step_of(disks)))


def local_writers(disks):
    here = collections.Counter(disks)
    return [rank for rank in range(len(disks)) if rank % here[disks[rank]] == 0]


RIGHT_WRITERS = {
    "loop": writers_by_loop,
    "dictionary, a tuple": writers_by_dictionary,
    "dictionary, from the end": writers_overwritten_from_the_end,
    "place of each name": lambda disks: [rank for rank, disk in enumerate(disks) if disks.index(disk) == rank],
    "place of each name, a set": lambda disks: {disks.index(disk) for disk in disks},
    "not in front of it": lambda disks: [r for r in range(len(disks)) if disks[r] not in disks[:r]],
    "recursion": writers_by_recursion,
    "groups after sorting": writers_by_groups,
    "smallest of lists, largest first": writers_by_lists,
    "striking out": writers_striking_out,
    "NumPy": lambda disks: np.unique(disks, return_index=True)[1],
    "NumPy, sorted into a list": lambda disks: sorted(np.unique(disks, return_index=True)[1]),
    "NumPy, all compared": writers_by_comparing,
    "torch": writers_in_torch,
    "torch, places": writers_by_places,
    "a list of tensors": lambda disks: list(writers_in_torch(disks)),
    "decimals": lambda disks: [float(rank) for rank in writers_by_loop(disks)],
}
WRONG_WRITERS = {
    "rank 0 alone": lambda disks: [0],
    "all ranks": lambda disks: list(range(len(disks))),
    "as many as disks": lambda disks: list(range(len(set(disks)))),
    "the first of equal blocks": writers_every(lambda disks: len(disks) // len(set(disks))),
    "the first of blocks as long as the first": writers_every(lambda disks: disks.count(disks[0])),
    "every so-manieth of all disks": writers_every(lambda disks: len(set(disks))),
    "local number 0 in equal blocks": local_writers,
    "other than its neighbour": lambda d: [r for r in range(len(d)) if r == 0 or d[r] != d[r - 1]],
    "other than its neighbour, rank 0 beside the last": lambda d: [r for r in range(len(d)) if d[r] != d[r - 1]],
    "other than the next": lambda d: [r for r in range(len(d)) if d[r : r + 1] != d[r + 1 : r + 2]],
    "groups not sorted": lambda d: [
        next(group)[0] for _, group in itertools.groupby(enumerate(d), lambda pair: pair[1])
    ],
    "other than rank 0": lambda d: [0] + [r for r in range(1, len(d)) if d[r] != d[0]],
    "two disks": lambda d: [0] + [r for r in range(len(d)) if d[r] != d[0]][:1],
    "the last of each disk": lambda d: list({disk: rank for rank, disk in enumerate(d)}.values()),
    "the second of each disk": lambda d: [r for r in range(len(d)) if d[:r].count(d[r]) == 1],
    "every other of each disk": lambda d: [r for r in range(len(d)) if d[:r].count(d[r]) % 2 == 0],
    "own disks alone": lambda d: [r for r in range(len(d)) if d.count(d[r]) == 1],
    "own disks and rank 0": lambda d: [r for r in range(len(d)) if r == 0 or d.count(d[r]) == 1],
    "shared disks alone": lambda d: [r for r in writers_by_loop(d) if d.count(d[r]) > 1],
    "the largest disk alone": lambda d: [d.index(max(d, key=d.count))],
    "the first repeated ends it": writers_until_one_is_known,
    "all, if one disk has no other rank": lambda d: [0] if len(set(d)) == 1 else list(range(len(d))),
    "rank 0 forgotten": lambda d: [r for r in writers_by_loop(d) if r],
    "last rank forgotten": lambda d: writers_by_loop(d[:-1]),
    "first letters compared": writers_with(lambda disk: disk[:1]),
    "last letters compared": writers_with(lambda disk: disk[-1:]),
    "lengths of the names compared": writers_with(len),
    "part of another name": writers_part_of_a_name,
    "places in the sorted names": lambda d: np.unique(d, return_inverse=True)[1],
    "how many of each": lambda d: np.unique(d, return_counts=True)[1],
    "names and places": lambda d: np.unique(d, return_index=True),
    "names": lambda d: sorted(set(d)),
    "names and numbers": lambda d: {disk: d.index(disk) for disk in d},
    "pairs": lambda d: [(rank, d[rank]) for rank in writers_by_loop(d)],
    "counted from 1": lambda d: [rank + 1 for rank in writers_by_loop(d)],
    "how many": lambda d: len(set(d)),
    "yes and no": lambda d: [d.index(disk) == rank for rank, disk in enumerate(d)],
    "ranks of each disk": lambda d: [[r for r in range(len(d)) if d[r] == disk] for disk in dict.fromkeys(d)],
    "places with two axes": lambda d: torch.tensor([[rank] for rank in writers_by_loop(d)]),
    "the numbers as texts": lambda d: [str(rank) for rank in writers_by_loop(d)],
    "always the same": repeats_first(writers_by_loop),
    "disks emptied": writers_emptying,
    "disks sorted": writers_sorting,
    "disks crossed out": writers_crossing_out,
    "disks made numbers": writers_replacing,
    "nothing": lambda disks: [],
}

# Exercise 12.4: batch_gradient(gradient, size, mean_over_ranks)


def gradient_of_sums(gradient, size, mean_over_ranks):
    total = mean_over_ranks(gradient * size)
    images = mean_over_ranks(size)
    return total / images


def gradient_with_weight(gradient, size, mean_over_ranks):
    weight = size / mean_over_ranks(size)
    return mean_over_ranks(gradient * weight)


def gradient_weighted_if_needed(gradient, size, mean_over_ranks):
    mean_size = mean_over_ranks(size)
    weighted_gradient = gradient
    if size != mean_size:
        weighted_gradient = gradient * size / mean_size
    return mean_over_ranks(weighted_gradient)


def gradient_in_one_message(gradient, size, mean_over_ranks):
    message = torch.cat([gradient.flatten() * size, torch.tensor([size], dtype=gradient.dtype)])
    *total, images = mean_over_ranks(message)
    return torch.stack(total).reshape(gradient.shape) / images


def gradient_in_one_stack(gradient, size, mean_over_ranks):
    total, images = mean_over_ranks(torch.stack([gradient * size, torch.full_like(gradient, size)]))
    return total / images


def gradient_in_complex_numbers(gradient, size, mean_over_ranks):
    both = mean_over_ranks(torch.complex(gradient * size, torch.full_like(gradient, size)))
    return both.real / both.imag


def gradient_with_tensor_size(gradient, size, mean_over_ranks):
    images = mean_over_ranks(torch.tensor(float(size)))
    return mean_over_ranks(size * gradient) / images


def gradient_with_whole_number_tensor(gradient, size, mean_over_ranks):
    return mean_over_ranks(gradient * size) / mean_over_ranks(torch.tensor(size))


def gradient_in_float64(gradient, size, mean_over_ranks):
    return mean_over_ranks(gradient.double() * size) / mean_over_ranks(float(size))


def gradient_divided_in_place(gradient, size, mean_over_ranks):
    result = mean_over_ranks(gradient * size)
    result /= mean_over_ranks(size)
    return result


def gradient_in_one_buffer(gradient, size, mean_over_ranks):
    buffer = gradient * size
    total = mean_over_ranks(buffer)
    buffer.fill_(size)
    images = mean_over_ranks(buffer)
    buffer.zero_()
    return total.div_(images)


def gradient_on_a_copy(gradient, size, mean_over_ranks):
    result = gradient.clone()
    result *= size / mean_over_ranks(size)
    result.copy_(mean_over_ranks(result))
    return result


def gradient_row_by_row(gradient, size, mean_over_ranks):
    rows = gradient.reshape(len(gradient), -1) if gradient.dim() else gradient.reshape(1, 1)
    images = mean_over_ranks(size)
    return torch.stack([mean_over_ranks(row * size) / images for row in rows]).reshape(gradient.shape)


def gradient_number_by_number(gradient, size, mean_over_ranks):
    images = mean_over_ranks(size)
    numbers = [mean_over_ranks(value * size) / images for value in gradient.flatten().tolist()]
    return torch.tensor(numbers, dtype=gradient.dtype).reshape(gradient.shape)


def gradient_with_zeros_for_none(gradient, size, mean_over_ranks):
    total = gradient * size if size > 0 else torch.zeros_like(gradient)
    return torch.div(mean_over_ranks(total), mean_over_ranks(size))


def gradient_of_used_ranks(gradient, size, mean_over_ranks):
    used = mean_over_ranks(1 if size else 0)
    images_of_used = mean_over_ranks(size) / used
    return mean_over_ranks(gradient * size / images_of_used) / used


# Wrong ones: with one mistake of formula or one of messages


def ratio(of, all_of):
    """Makes an answer: the mean of of(gradient, size), divided by the mean of all_of(size)."""
    return lambda gradient, size, mean: mean(of(gradient, size)) / mean(all_of(size))


def then(change):
    """Makes an answer that changes the right result: change(result, gradient, size)."""
    return lambda gradient, size, mean: change(gradient_of_sums(gradient, size, mean), gradient, size)


def gradient_no_call_without_images(gradient, size, mean_over_ranks):
    if size == 0:
        return gradient
    return gradient_of_sums(gradient, size, mean_over_ranks)


def gradient_one_call_without_images(gradient, size, mean_over_ranks):
    images = mean_over_ranks(size)
    if size == 0:
        return torch.zeros_like(gradient)
    return mean_over_ranks(gradient * size) / images


def gradient_other_order_without_images(gradient, size, mean_over_ranks):
    if size == 0:
        images = mean_over_ranks(0)
        return mean_over_ranks(gradient) / images
    return gradient_of_sums(gradient, size, mean_over_ranks)


def gradient_number_without_images(gradient, size, mean_over_ranks):
    total = mean_over_ranks(gradient * size if size else 0.0)
    return total / mean_over_ranks(size)


def gradient_other_shape_without_images(gradient, size, mean_over_ranks):
    total = mean_over_ranks(gradient * size if size else torch.zeros(1, 2, 3, 4, 5))
    return total / mean_over_ranks(size)


def gradient_one_more_call_with_images(gradient, size, mean_over_ranks):
    if size:
        mean_over_ranks(gradient)
    return gradient_of_sums(gradient, size, mean_over_ranks)


def gradient_a_call_for_each_image(gradient, size, mean_over_ranks):
    total = sum(mean_over_ranks(gradient) for _ in range(size))
    return total / mean_over_ranks(size)


def gradient_no_call_if_shares_seem_equal(gradient, size, mean_over_ranks):
    mean_size = mean_over_ranks(size)
    if size == mean_size:
        return gradient
    return mean_over_ranks(gradient * size) / mean_size


def gradient_zero_call_skipped(gradient, size, mean_over_ranks):
    total = mean_over_ranks(gradient * size) if gradient.any() else gradient
    return total / mean_over_ranks(size)


def gradient_multiplied_in_place(gradient, size, mean_over_ranks):
    gradient *= size
    return mean_over_ranks(gradient) / mean_over_ranks(size)


def gradient_divided_back(gradient, size, mean_over_ranks):
    gradient *= size
    result = mean_over_ranks(gradient) / mean_over_ranks(size)
    gradient /= size
    return result


def gradient_reshaped_in_place(gradient, size, mean_over_ranks):
    result = mean_over_ranks(gradient.unsqueeze_(0) * size) / mean_over_ranks(size)
    return result[0]


def gradient_written_back(gradient, size, mean_over_ranks):
    gradient.copy_(gradient_of_sums(gradient, size, mean_over_ranks))
    return gradient


def gradient_with_one_axis(gradient, size, mean_over_ranks):
    result = mean_over_ranks(torch.cat([gradient * size, torch.tensor([float(size)])]))
    return result[:-1] / result[-1]


def gradient_of_list(gradient, size, mean_over_ranks):
    total, images = mean_over_ranks([gradient * size, size])
    return total / images


RIGHT_BATCH_GRADIENT = {
    "sums": gradient_of_sums,
    "weight": gradient_with_weight,
    "weighted if needed": gradient_weighted_if_needed,
    "one message": gradient_in_one_message,
    "one stack": gradient_in_one_stack,
    "complex numbers": gradient_in_complex_numbers,
    "size as a tensor": gradient_with_tensor_size,
    "size as a tensor of a whole number": gradient_with_whole_number_tensor,
    "size as a number of NumPy": ratio(lambda g, s: g * s, np.float64),
    "float64": gradient_in_float64,
    "divided in place": gradient_divided_in_place,
    "one buffer": gradient_in_one_buffer,
    "a copy": gradient_on_a_copy,
    "row by row": gradient_row_by_row,
    "number by number": gradient_number_by_number,
    "zeros where no images are": gradient_with_zeros_for_none,
    "ranks with images counted": gradient_of_used_ranks,
}
WRONG_BATCH_GRADIENT = {
    "own gradient": lambda g, s, mean: g,
    "a copy of its own": lambda g, s, mean: g.clone(),
    "own, multiplied": lambda g, s, mean: g * s,
    "own, weighted": lambda g, s, mean: g * s / mean(s),
    "mean as it was": lambda g, s, mean: mean(g),
    "not divided": lambda g, s, mean: mean(g * s),
    "divided by its own size": lambda g, s, mean: mean(g * s) / s,
    "divided by its own size, 1 if 0": lambda g, s, mean: mean(g * s) / max(s, 1),
    "divided before": lambda g, s, mean: mean(g / s),
    "weighted afterwards": lambda g, s, mean: mean(g) * s / mean(s),
    "multiplied by the mean size": lambda g, s, mean: mean(g) * mean(s),
    "weight turned round": lambda g, s, mean: mean(g * mean(s) / s),
    "sums, two ranks": lambda g, s, mean: mean(g * s) * 2 / mean(s),
    "two ranks, 32 images": lambda g, s, mean: mean(g * s) / 16,
    "one axis alone": gradient_with_one_axis,
    "means, two ranks": lambda g, s, mean: mean(g * s) / (2 * mean(s)),
    "empty ranks not counted, shares equal": ratio(lambda g, s: g, lambda s: float(s > 0)),
    "empty ranks count as an image": ratio(lambda g, s: g * s, lambda s: max(s, 1)),
    "one image more in each": ratio(lambda g, s: g * (s + 1), lambda s: s + 1),
    "squares": ratio(lambda g, s: g * s**2, lambda s: s**2),
    "roots": ratio(lambda g, s: g * s**0.5, lambda s: s**0.5),
    "mean size rounded": lambda g, s, mean: mean(g * s) / round(mean(s)),
    "mean size cut off": lambda g, s, mean: mean(g * s) / int(mean(s)),
    "rounded down": lambda g, s, mean: mean(g * s) // mean(s),
    "absolute values": ratio(lambda g, s: g.abs() * s, lambda s: s),
    "mean of all numbers": lambda g, s, mean: mean((g * s).mean()) / mean(s),
    "mean of all numbers, in the shape": lambda g, s, mean: torch.full_like(g, (mean(g * s) / mean(s)).mean()),
    "divided by how many numbers": lambda g, s, mean: mean(g * s) / g.numel(),
    "own for ranks without images": then(lambda result, g, s: result if s else g),
    "none for ranks without images": then(lambda result, g, s: result if s else None),
    "flat": then(lambda result, g, s: result.flatten()),
    "an axis more": then(lambda result, g, s: result[None]),
    "turned": then(lambda result, g, s: result.flatten().flip(0).reshape(g.shape)),
    "NumPy": then(lambda result, g, s: result.numpy()),
    "a list": then(lambda result, g, s: result.tolist()),
    "a number": then(lambda result, g, s: result.sum().item()),
    "with how many": then(lambda result, g, s: (result, s)),
    "a whole-number tensor": then(lambda result, g, s: result.int()),
    "rounded": then(lambda result, g, s: result.round(decimals=1)),
    "always the same": repeats_first(gradient_of_sums),
    "no call without images": gradient_no_call_without_images,
    "one call without images": gradient_one_call_without_images,
    "other order without images": gradient_other_order_without_images,
    "a number without images": gradient_number_without_images,
    "another shape without images": gradient_other_shape_without_images,
    "one more call with images": gradient_one_more_call_with_images,
    "a call for each image": gradient_a_call_for_each_image,
    "no call where the share is the mean": gradient_no_call_if_shares_seem_equal,
    "no call for zeros": gradient_zero_call_skipped,
    "multiplied in place": gradient_multiplied_in_place,
    "multiplied and divided back": gradient_divided_back,
    "shape changed in place": gradient_reshaped_in_place,
    "written back": gradient_written_back,
    "a list handed over": gradient_of_list,
    "two arguments handed over": lambda g, s, mean: mean(g, s),
}

RIGHT = {
    "shard": RIGHT_SHARD,
    "loss_of_all": RIGHT_LOSS_OF_ALL,
    "writers": RIGHT_WRITERS,
    "batch_gradient": RIGHT_BATCH_GRADIENT,
}
WRONG = {
    "shard": WRONG_SHARD,
    "loss_of_all": WRONG_LOSS_OF_ALL,
    "writers": WRONG_WRITERS,
    "batch_gradient": WRONG_BATCH_GRADIENT,
}
