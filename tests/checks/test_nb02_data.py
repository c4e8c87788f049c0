"""The checkers of notebook 02_data: typical mistakes get the hint meant for them."""

import math

import torch
from torch.utils.data import DataLoader
from verdicts import expect_hint, numbers_tried, typical_mistakes


def loaders(train_ds, test_ds, batch_size, train=None, test=None):
    train = {"shuffle": True} if train is None else train
    return DataLoader(train_ds, batch_size, **train), DataLoader(test_ds, batch_size, **(test or {}))


WRONG = [
    ("batch_count", lambda size, b, drop_last: size // b, "make a last, smaller batch"),
    ("batch_count", lambda size, b, drop_last: math.ceil(size / b), "left out"),
    ("batch_count", lambda size, b, drop_last: size // b if drop_last else size // b + 1, "come out even"),
    ("batch_count", lambda size, b, drop_last: size / b, "no half batch"),
    ("batch_count", lambda size, b, drop_last: float(size // b) if drop_last else float(math.ceil(size / b)), "whole"),
    ("to_image", lambda stored: stored / 255, "channel axis is missing"),
    ("to_image", lambda stored: (stored / 255).unsqueeze(-1), "channel comes first"),
    ("to_image", lambda stored: stored.unsqueeze(0).float(), "up to 255"),
    ("to_image", lambda stored: stored.unsqueeze(0) / 256, "stored as 255"),
    ("to_image", lambda stored: stored.float().div_(255).unsqueeze(0).numpy(), "a tensor was expected"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, train={}), "same order in each epoch"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, test={"shuffle": True}), "test loader shuffles"),
    ("make_loaders", lambda a, b, n: loaders(a, b, 1), "size that was asked for"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, {"shuffle": True, "drop_last": True}), "leaves images out"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n)[::-1], "training loader comes first"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n)[0], "Expected two loaders"),
    ("count_classes", torch.bincount, "always have 10"),
    ("count_classes", lambda labels: torch.bincount(labels, minlength=10) / len(labels), "shares"),
    ("count_classes", lambda labels: torch.unique(labels, return_counts=True)[1], "must"),
    ("count_classes", lambda labels: [int((labels == d).sum()) for d in range(10)], "a tensor was expected"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=2)) >= 3
