"""Answers to the exercises of notebook 2, right and wrong, written from their texts alone."""

import math
import random
from collections import Counter

import numpy as np
import torch
from answers.common import repeats_first
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler, SequentialSampler, Subset
from torch.utils.data import WeightedRandomSampler as Weighted
from torchvision.transforms import ToTensor

# Exercise 2.1


def count_in_loop(size, batch_size, drop_last):
    batches = 0
    while size >= batch_size:
        size -= batch_size
        batches += 1
    if size > 0 and not drop_last:
        batches += 1
    return batches


def count_with_rest(size, batch_size, drop_last):
    full, rest = divmod(size, batch_size)
    return full if drop_last or rest == 0 else full + 1


# Exercise 2.2


def divide_pixel_by_pixel(stored):
    height, width = stored.shape
    image = torch.zeros(1, height, width)
    for row in range(height):
        for column in range(width):
            image[0, row, column] = stored[row, column].item() / 255
    return image


def if_not_dark(stored):
    image = stored[None].float()
    return image / 255 if image.max() > 1 else image


def axis_in_place(stored):
    return stored.unsqueeze_(0) / 255


def empties_stored(stored):
    image = stored[None] / 255
    stored.zero_()
    return image


# Exercise 2.3


class NewOrder(Sampler):
    """Hands out the places 0 to n - 1, in a new order in each epoch."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(torch.randperm(self.length).tolist())


class SameOrder(NewOrder):
    """Hands out the places in an order that is the same in each epoch."""

    def __iter__(self):
        return iter(torch.randperm(self.length, generator=torch.Generator().manual_seed(0)).tolist())


class ShuffledBatches:
    """Hands out lists of places, in a new order in each epoch."""

    def __init__(self, length, batch_size):
        self.length, self.batch_size = length, batch_size

    def __len__(self):
        return math.ceil(self.length / self.batch_size)

    def __iter__(self):
        places = list(range(self.length))
        random.shuffle(places)
        for start in range(0, self.length, self.batch_size):
            yield places[start : start + self.batch_size]


def own_generator(train_ds, test_ds, batch_size):
    generator = torch.Generator()
    generator.manual_seed(1)
    return DataLoader(train_ds, batch_size, shuffle=True, generator=generator), DataLoader(test_ds, batch_size)


def lists_of_places(train_ds, test_ds, batch_size):
    places = [range(i, min(i + batch_size, len(test_ds))) for i in range(0, len(test_ds), batch_size)]
    return train_loader(train_ds, batch_size), DataLoader(test_ds, batch_sampler=places)


def batch_samplers(train_ds, test_ds, batch_size):
    train = BatchSampler(RandomSampler(train_ds), batch_size, drop_last=False)
    test = BatchSampler(SequentialSampler(test_ds), batch_size, drop_last=False)
    return DataLoader(train_ds, batch_sampler=train), DataLoader(test_ds, batch_sampler=test)


def train_loader(dataset, batch_size, **settings):
    return DataLoader(dataset, batch_size=batch_size, shuffle=True, **settings)


def test_loader(dataset, batch_size, **settings):
    return DataLoader(dataset, batch_size=batch_size, shuffle=False, **settings)


def shuffled_once(train_ds, test_ds, batch_size):
    shuffled = Subset(train_ds, torch.randperm(len(train_ds)).tolist())
    return test_loader(shuffled, batch_size), test_loader(test_ds, batch_size)


def without_first(dataset):
    return Subset(dataset, range(1, len(dataset)))


def without_last(dataset):
    return Subset(dataset, range(len(dataset) - 1))


def backwards(dataset):
    return Subset(dataset, range(len(dataset) - 1, -1, -1))


# Exercise 2.4


def count_in_list(labels):
    counts = [0] * 10
    for label in labels.tolist():
        counts[label] += 1
    return torch.tensor(counts)


def count_with_index_add(labels):
    return torch.zeros(10, dtype=torch.int64).index_add(0, labels, torch.ones_like(labels))


def count_unique(labels):
    counts = torch.zeros(10)
    digits, times = labels.unique(return_counts=True)
    counts[digits] = times.float()
    return counts


def count_with_counter(labels):
    counter = Counter(labels.tolist())
    return torch.tensor([counter[digit] for digit in range(10)])


def count_with_plus(labels):
    counts = torch.zeros(10, dtype=torch.int64)
    counts[labels] += 1  # a digit that occurs twice is counted once
    return counts


def count_in_bytes(labels):
    counts = torch.zeros(10, dtype=torch.uint8)
    for label in labels:
        counts[label] += 1
    return counts


def count_and_sort(labels):
    counts = torch.bincount(labels, minlength=10)
    labels.copy_(labels.sort().values)
    return counts


class GoesOnCounting:
    """Adds to the counts of the calls before."""

    def __init__(self):
        self.counts = torch.zeros(10, dtype=torch.int64)

    def __call__(self, labels):
        self.counts = self.counts + torch.bincount(labels, minlength=10)
        return self.counts


RIGHT = {
    "batch_count": {
        "ceil or floor": lambda size, b, drop_last: size // b if drop_last else math.ceil(size / b),
        "minus minus": lambda size, b, drop_last: size // b if drop_last else -(-size // b),
        "a loop": count_in_loop,
        "divmod": count_with_rest,
        "a loader": lambda size, b, drop_last: len(DataLoader(range(size), batch_size=b, drop_last=drop_last)),
        "a range": lambda size, b, drop_last: len(range(b if drop_last else 1, size + 1, b)),
        "rest as bool": lambda size, b, drop_last: size // b + (size % b != 0 and not drop_last),
        "a tensor": lambda size, b, drop_last: torch.tensor((size if drop_last else size + b - 1) // b),
        "parts of a tensor": lambda size, b, drop_last: sum(
            len(part) == b or not drop_last for part in torch.zeros(size).split(b)
        ),
        "floor as float": lambda size, b, drop_last: np.floor(size / b) if drop_last else np.ceil(size / b),
    },
    "to_image": {
        "None and 255": lambda stored: stored[None] / 255,
        "unsqueeze": lambda stored: stored.float().unsqueeze(0).div(255),
        "reshape": lambda stored: stored.reshape(1, *stored.shape) / 255.0,
        "NumPy, float64": lambda stored: torch.from_numpy(stored.numpy() / 255)[None],
        "pixel by pixel": divide_pixel_by_pixel,
        "a table": lambda stored: (torch.arange(256) / 255)[stored.long()].unsqueeze(0),
        "ToTensor": lambda stored: ToTensor()(stored.numpy()),
        "a list": lambda stored: torch.tensor([[[grey / 255 for grey in row] for row in stored.tolist()]]),
        "stack": lambda stored: torch.stack([stored]).double() * (1 / 255),
    },
    "make_loaders": {
        "shuffle": lambda train, test, b: (DataLoader(train, b, shuffle=True), DataLoader(test, b)),
        "all said": lambda train, test, b: (
            train_loader(train, b, drop_last=False),
            test_loader(test, b, drop_last=False, num_workers=0),
        ),
        "samplers": lambda train, test, b: (
            DataLoader(train, b, sampler=RandomSampler(train)),
            DataLoader(test, b, sampler=SequentialSampler(test)),
        ),
        "batch samplers": batch_samplers,
        "a generator of its own": own_generator,
        "lists of places": lists_of_places,
        "a sampler of its own": lambda train, test, b: (
            DataLoader(train, b, sampler=NewOrder(len(train))),
            DataLoader(test, b, sampler=range(len(test))),
        ),
        "batches of its own": lambda train, test, b: (
            DataLoader(train, batch_sampler=ShuffledBatches(len(train), b)),
            DataLoader(test, b),
        ),
        "equal weights, without replacement": lambda train, test, b: (
            DataLoader(train, b, sampler=Weighted([1.0] * len(train), len(train), replacement=False)),
            DataLoader(test, b),
        ),
    },
    "count_classes": {
        "bincount": lambda labels: torch.bincount(labels, minlength=10),
        "a list": count_in_list,
        "compare": lambda labels: torch.stack([(labels == digit).sum() for digit in range(10)]),
        "compare all at once": lambda labels: (labels[:, None] == torch.arange(10)).sum(dim=0),
        "one-hot": lambda labels: F.one_hot(labels, 10).sum(dim=0),
        "index_add": count_with_index_add,
        "unique": count_unique,
        "Counter": count_with_counter,
        "NumPy": lambda labels: torch.from_numpy(np.bincount(labels.numpy(), minlength=10)),
        "a histogram": lambda labels: torch.tensor(np.histogram(labels.numpy(), bins=np.arange(11) - 0.5)[0]).float(),
    },
}

WRONG = {
    "batch_count": {
        "always drops": lambda size, b, drop_last: size // b,
        "never drops": lambda size, b, drop_last: math.ceil(size / b),
        "drops when it should not": lambda size, b, drop_last: -(-size // b) if drop_last else size // b,
        "one too many if it comes out even": lambda size, b, drop_last: size // b + (not drop_last),
        "one too few if it comes out even": lambda size, b, drop_last: math.ceil(size / b) - drop_last,
        "drops a full batch": lambda size, b, drop_last: (size - 1) // b + (not drop_last),
        "rounds": lambda size, b, drop_last: size // b if drop_last else round(size / b),
        "rounds up from half": lambda size, b, drop_last: size // b if drop_last else int(size / b + 0.5),
        "a fraction": lambda size, b, drop_last: size // b if drop_last else size / b,
        "at least one": lambda size, b, drop_last: max(1, count_with_rest(size, b, drop_last)),
        "0 if smaller than a batch": lambda size, b, drop_last: 0 if size < b else count_with_rest(size, b, drop_last),
        "drops nothing from few images": lambda size, b, drop_last: count_with_rest(size, b, drop_last and size > b),
        "inputs mixed up": lambda size, b, drop_last: count_with_rest(b, size, drop_last),
        "the rest": lambda size, b, drop_last: size % b,
        "always 64 in a batch": lambda size, b, drop_last: count_with_rest(size, 64, drop_last),
        "always 938": lambda size, b, drop_last: 938,
        "a list": lambda size, b, drop_last: [count_with_rest(size, b, drop_last)],
        "a tensor with an axis": lambda size, b, drop_last: torch.tensor([count_with_rest(size, b, drop_last)]),
        "a text": lambda size, b, drop_last: str(count_with_rest(size, b, drop_last)),
        "a pair": lambda size, b, drop_last: divmod(size, b),
        "one more": lambda size, b, drop_last: count_with_rest(size, b, drop_last) + 1,
        "repeats the first result": repeats_first(count_with_rest),
    },
    "to_image": {
        "no axis": lambda stored: stored / 255,
        "not divided": lambda stored: stored[None],
        "not divided, but float": lambda stored: stored[None].float(),
        "divided by 256": lambda stored: stored[None] / 256,
        "whole numbers": lambda stored: stored[None] // 255,
        "rounded": lambda stored: (stored[None] / 255).round(),
        "axis at the end": lambda stored: stored[:, :, None] / 255,
        "axis in the middle": lambda stored: stored[:, None] / 255,
        "two axes": lambda stored: stored[None, None] / 255,
        "divided by its largest number": lambda stored: stored[None] / stored.max(),
        "stretched": lambda stored: (stored[None] - stored.min()) / (stored.max() - stored.min()),
        "not divided if dark": if_not_dark,
        "int8": lambda stored: stored[None].to(torch.int8) / 255,
        "too large for uint8": lambda stored: stored[None] * 2 / 510,
        "rows and columns mixed up": lambda stored: stored.T[None] / 255,
        "reshaped with sides mixed up": lambda stored: stored.reshape(1, stored.shape[1], stored.shape[0]) / 255,
        "always 28 x 28": lambda stored: stored.reshape(1, 28, 28) / 255,
        "three channels": lambda stored: stored.expand(3, *stored.shape) / 255,
        "a single row loses its axis": lambda stored: stored.squeeze()[None] / 255,
        "inverted": lambda stored: 1 - stored[None] / 255,
        "from -1 to 1": lambda stored: stored[None] / 127.5 - 1,
        "standardised": lambda stored: (stored[None] / 255 - 0.1307) / 0.3081,
        "adds the axis to stored": axis_in_place,
        "empties stored": empties_stored,
        "an array": lambda stored: stored.numpy()[None] / 255,
        "a list": lambda stored: (stored[None] / 255).tolist(),
        "repeats the first result": repeats_first(lambda stored: stored[None] / 255),
    },
    "make_loaders": {
        "shuffles neither": lambda train, test, b: (test_loader(train, b), test_loader(test, b)),
        "shuffles both": lambda train, test, b: (train_loader(train, b), train_loader(test, b)),
        "shuffles the wrong one": lambda train, test, b: (test_loader(train, b), train_loader(test, b)),
        "test first": lambda train, test, b: (test_loader(test, b), train_loader(train, b)),
        "train twice": lambda train, test, b: (train_loader(train, b), test_loader(train, b)),
        "test twice": lambda train, test, b: (train_loader(test, b), test_loader(test, b)),
        "one loader": lambda train, test, b: train_loader(train, b),
        "drops in training": lambda train, test, b: (train_loader(train, b, drop_last=True), test_loader(test, b)),
        "drops in the test": lambda train, test, b: (train_loader(train, b), test_loader(test, b, drop_last=True)),
        "always 64": lambda train, test, b: (train_loader(train, 64), test_loader(test, 64)),
        "one image per batch": lambda train, test, b: (DataLoader(train, shuffle=True), DataLoader(test)),
        "batches too large": lambda train, test, b: (train_loader(train, b + 1), test_loader(test, b + 1)),
        "twice as many in the test": lambda train, test, b: (train_loader(train, b), test_loader(test, 2 * b)),
        "one large test batch": lambda train, test, b: (train_loader(train, b), test_loader(test, len(test))),
        "one large training batch": lambda train, test, b: (train_loader(train, len(train)), test_loader(test, b)),
        "shuffled once for all": shuffled_once,
        "same order in each epoch": lambda train, test, b: (
            DataLoader(train, b, sampler=SameOrder(len(train))),
            test_loader(test, b),
        ),
        "a list of batches": lambda train, test, b: (list(train_loader(train, b)), list(test_loader(test, b))),
        "used up after an epoch": lambda train, test, b: (iter(train_loader(train, b)), iter(test_loader(test, b))),
        "images drawn with replacement": lambda train, test, b: (
            DataLoader(train, b, sampler=RandomSampler(train, replacement=True)),
            test_loader(test, b),
        ),
        "half of the training images": lambda train, test, b: (
            DataLoader(train, b, sampler=RandomSampler(train, num_samples=(len(train) + 1) // 2)),
            test_loader(test, b),
        ),
        "without the first image": lambda train, test, b: (train_loader(without_first(train), b), test_loader(test, b)),
        "without the last test image": lambda train, test, b: (
            train_loader(train, b),
            test_loader(without_last(test), b),
        ),
        "test backwards": lambda train, test, b: (train_loader(train, b), test_loader(backwards(test), b)),
        "training backwards": lambda train, test, b: (test_loader(backwards(train), b), test_loader(test, b)),
        "repeats the first result": repeats_first(own_generator),
    },
    "count_classes": {
        "as many as the largest label": lambda labels: torch.bincount(labels),
        "only digits that occur": lambda labels: labels.unique(return_counts=True)[1],
        "one-hot without 10": lambda labels: F.one_hot(labels).sum(dim=0),
        "one-hot, wrong axis": lambda labels: F.one_hot(labels, 10).sum(dim=1),
        "not summed": lambda labels: F.one_hot(labels, 10),
        "at most 1": count_with_plus,
        "occurs or not": lambda labels: torch.bincount(labels, minlength=10) > 0,
        "no 0": lambda labels: torch.stack([(labels == digit).sum() for digit in range(1, 10)]),
        "from 1 to 10": lambda labels: torch.stack([(labels == digit).sum() for digit in range(1, 11)]),
        "no 9": lambda labels: torch.stack([(labels == digit).sum() for digit in range(9)]),
        "eleven numbers": lambda labels: torch.bincount(labels, minlength=11),
        "shares": lambda labels: torch.bincount(labels, minlength=10) / len(labels),
        "sums of labels": lambda labels: torch.bincount(labels, minlength=10) * torch.arange(10),
        "bins between the labels there are": lambda labels: torch.histc(labels.float(), bins=10),
        "up to 255": count_in_bytes,
        "sorted counts": lambda labels: torch.bincount(labels, minlength=10).sort().values,
        "backwards": lambda labels: torch.bincount(labels, minlength=10).flip(0),
        "without the last label": lambda labels: torch.bincount(labels[:-1], minlength=10),
        "counts up": lambda labels: torch.bincount(labels, minlength=10).cumsum(0),
        "a row": lambda labels: torch.bincount(labels, minlength=10)[None],
        "a list": lambda labels: torch.bincount(labels, minlength=10).tolist(),
        "a dictionary": lambda labels: Counter(labels.tolist()),
        "one number": lambda labels: torch.bincount(labels, minlength=10).sum(),
        "sorts the labels": count_and_sort,
        "goes on counting": GoesOnCounting(),
    },
}
