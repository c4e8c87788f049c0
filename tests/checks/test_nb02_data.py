"""The checkers of notebook 02_data: typical mistakes get the hint meant for them, and right answers pass."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    TensorDataset,
)
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes


def loaders(train_ds, test_ds, batch_size, train=None, test=None):
    train = {"shuffle": True} if train is None else train
    return DataLoader(train_ds, batch_size, **train), DataLoader(test_ds, batch_size, **(test or {}))


class Orders(Sampler):
    """Hands out the places in an order that a function gives for each epoch: 0, 1, 2, ..."""

    def __init__(self, data_set, order):
        self.size, self.order, self.epoch = len(data_set), order, -1

    def __len__(self):
        return self.size

    def __iter__(self):
        self.epoch += 1
        return iter(self.order(self.size, self.epoch))


def in_orders(order):
    return lambda a, b, n: loaders(a, b, n, {"sampler": Orders(a, order)})


def drawn_from(seed, size):
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed)).tolist()


def mixed_within_batches(a, b, n):
    def order(size, epoch):
        return sum(
            ([start + place for place in torch.randperm(min(n, size - start))] for start in range(0, size, n)), []
        )

    return loaders(a, b, n, {"sampler": Orders(a, order)})


def shuffled_once(data_set):
    return Subset(data_set, torch.randperm(len(data_set)).tolist())


def shuffled_in_place(a, b, n):
    order = torch.randperm(len(a))
    a.tensors = tuple(tensor[order] for tensor in a.tensors)
    return loaders(a, b, n)


class ShufflesItsData(DataLoader):
    def __iter__(self):
        order = torch.randperm(len(self.dataset))
        for tensor in self.dataset.tensors:
            tensor.copy_(tensor[order])
        return super().__iter__()


class ReadOnce(IterableDataset):
    def __init__(self, data_set):
        self.rest = iter([data_set[place] for place in torch.randperm(len(data_set))])

    def __iter__(self):
        return self.rest


def of_wrong_pairs(a, b, n):
    images, labels = a.tensors
    return loaders(TensorDataset(images, labels.roll(1)), b, n)


def count_up(labels, dtype=torch.float32):
    counts = torch.zeros(10, dtype=dtype)
    for label in labels:
        counts[label] += 1
    return counts


def each_once(labels):
    counts = torch.zeros(10)
    counts[labels] += 1
    return counts


def batches(size, b, drop_last):
    return size // b if drop_last else math.ceil(size / b)


WRONG = [
    ("batch_count", lambda size, b, drop_last: size // b, "make a last, smaller batch"),
    ("batch_count", lambda size, b, drop_last: math.ceil(size / b), "left out"),
    ("batch_count", lambda size, b, drop_last: size // b if drop_last else size // b + 1, "come out even"),
    ("batch_count", lambda size, b, drop_last: math.ceil(size / b) - drop_last, "leaves none out"),
    ("batch_count", lambda size, b, drop_last: size / b, "no half batch"),
    ("batch_count", lambda size, b, drop_last: round(size / b), "nearest whole number"),
    ("batch_count", lambda size, b, drop_last: max(1, batches(size, b, drop_last)), "leaves no batch at all"),
    ("batch_count", lambda size, b, drop_last: batches(size, b, drop_last) if size >= b else 0, "one batch all the"),
    ("batch_count", lambda size, b, drop_last: batches(size, b, not drop_last), "wrong way round"),
    ("batch_count", lambda size, b, drop_last: batches(size, 64, drop_last), "the result should be"),
    ("batch_count", lambda size, b, drop_last: (size + b * (not drop_last) - 2) // b, "the result should be"),
    ("batch_count", lambda size, b, drop_last: torch.tensor([batches(size, b, drop_last)]), "a whole number was"),
    ("to_image", lambda stored: stored / 255, "channel axis is missing"),
    ("to_image", lambda stored: (stored / 255).unsqueeze(-1), "channel comes first"),
    ("to_image", lambda stored: stored.unsqueeze(0).float(), "up to 255"),
    ("to_image", lambda stored: stored.unsqueeze(0), "up to 255"),
    ("to_image", lambda stored: stored.unsqueeze(0) / 256, "stored as 255"),
    ("to_image", lambda stored: stored.unsqueeze(0) / stored.max(), "grey must stay grey"),
    ("to_image", lambda stored: 1 - stored.unsqueeze(0) / 255, "swapped"),
    ("to_image", lambda stored: (stored / 255).squeeze().unsqueeze(0), "shape"),
    ("to_image", lambda stored: (stored / 255).reshape(1, 28, 28), "the size that you name"),
    ("to_image", lambda stored: stored[None] / (255 if stored.max() > 1 else 1), "almost black"),
    ("to_image", lambda stored: (stored > 127).unsqueeze(0), "bool"),
    ("to_image", lambda stored: stored.float().div_(255).unsqueeze(0).numpy(), "a tensor was expected"),
    ("to_image", lambda stored: stored.unsqueeze_(0) / 255, "changes what it was given"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, train={}), "same order in each epoch"),
    ("make_loaders", lambda a, b, n: loaders(shuffled_once(a), b, n, train={}), "same order in each epoch"),
    ("make_loaders", in_orders(lambda size, epoch: drawn_from(1, size)), "same order in each epoch"),
    ("make_loaders", in_orders(lambda size, epoch: drawn_from(epoch % 2, size)), "that was there before"),
    ("make_loaders", in_orders(lambda size, epoch: drawn_from(1, size)[:: (-1) ** epoch]), "that was there before"),
    (
        "make_loaders",
        in_orders(lambda size, epoch: [*range(epoch, size), *range(epoch)]),
        "mix them one by one",
    ),
    ("make_loaders", mixed_within_batches, "mix them all"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, {"sampler": RandomSampler(a, replacement=True)}), "twice"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, {"sampler": RandomSampler(a, num_samples=90)}), "more than once"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, test={"shuffle": True}), "test loader shuffles"),
    ("make_loaders", lambda a, b, n: loaders(a, shuffled_once(b), n), "an order of its own"),
    ("make_loaders", lambda a, b, n: loaders(a, Subset(b, b.tensors[1].argsort().tolist()), n), "an order of its own"),
    ("make_loaders", lambda a, b, n: loaders(a, b, 1), "size that was asked for"),
    ("make_loaders", lambda a, b, n: (loaders(a, b, n)[0], DataLoader(b, 2 * n)), "size that was asked for"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, {"shuffle": True, "drop_last": True}), "leaves images out"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, test={"drop_last": True}), "leaves images out"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n)[::-1], "training loader comes first"),
    ("make_loaders", lambda a, b, n: loaders(a, a, n), "test loader hands out images that are not in its set"),
    ("make_loaders", lambda a, b, n: loaders(ReadOnce(a), b, n, {}), "no batch"),
    ("make_loaders", lambda a, b, n: loaders(a.tensors[0], b, n), "together with their labels"),
    ("make_loaders", lambda a, b, n: loaders(a, b, None), "together with their labels"),
    ("make_loaders", of_wrong_pairs, "together with their labels"),
    ("make_loaders", shuffled_in_place, "changes what it was given"),
    ("make_loaders", lambda a, b, n: (ShufflesItsData(a, n), DataLoader(b, n)), "not what they were"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n)[0], "Expected two loaders"),
    ("make_loaders", lambda a, b, n: list(map(list, loaders(a, b, n))), "two objects of the class DataLoader"),
    ("count_classes", torch.bincount, "always have 10"),
    ("count_classes", lambda labels: F.one_hot(labels).sum(0), "always have 10"),
    ("count_classes", lambda labels: torch.bincount(labels, minlength=10) / len(labels), "shares"),
    ("count_classes", lambda labels: torch.unique(labels, return_counts=True)[1], "must"),
    ("count_classes", lambda labels: torch.bincount(labels, minlength=10)[1:], "the first is for 0"),
    (
        "count_classes",
        lambda labels: torch.tensor([(labels == digit).sum() for digit in range(1, 11)]),
        "the first is for 0",
    ),
    ("count_classes", lambda labels: torch.bincount(labels, 10), "means something else"),
    ("count_classes", lambda labels: labels.float().histc(10), "set the bins"),
    ("count_classes", lambda labels: count_up(labels, torch.uint8), "should be 300"),
    ("count_classes", each_once, "once at most"),
    ("count_classes", lambda labels: [int((labels == d).sum()) for d in range(10)], "a tensor was expected"),
]

RIGHT = [
    ("batch_count", lambda size, b, drop_last: float(batches(size, b, drop_last))),
    ("batch_count", lambda size, b, drop_last: torch.tensor(batches(size, b, drop_last))),
    ("batch_count", lambda size, b, drop_last: len(DataLoader(range(size), b, drop_last=drop_last))),
    ("to_image", lambda stored: stored.double()[None] / 255),
    ("to_image", lambda stored: stored.float().div(255).view(1, *stored.shape)),
    ("make_loaders", lambda a, b, n: list(loaders(a, b, n))),
    ("make_loaders", lambda a, b, n: loaders(list(a), b, n, {"sampler": RandomSampler(a)}, {"sampler": range(len(b))})),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, {"shuffle": True, "generator": torch.Generator()})),
    (
        "make_loaders",
        lambda a, b, n: [
            DataLoader(data_set, batch_sampler=BatchSampler(sampler(data_set), n, drop_last=False))
            for data_set, sampler in ((a, RandomSampler), (b, SequentialSampler))
        ],
    ),
    ("count_classes", count_up),
    ("count_classes", lambda labels: labels.float().histc(10, min=0, max=9)),
    ("count_classes", lambda labels: (labels[:, None] == torch.arange(10)).sum(0)),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, answer", RIGHT)
def test_each_right_answer_passes(name, answer):
    expect_solved(name, answer)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=2)) >= 3
