"""The checkers of notebook 09_better_and_faster: typical mistakes get the hint meant for them."""

import statistics

import torch
from verdicts import expect_hint, numbers_tried, typical_mistakes


def cut(order, batch_size):
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


WRONG = [
    ("normalise", lambda a, b: ((a - a.mean()) / a.std(), (b - b.mean()) / b.std()), "their own mean"),
    ("normalise", lambda a, b: (a - a.mean(), b - a.mean()), "deviation is missing"),
    ("normalise", lambda a, b: ((a - a.mean()) / a.std(), b), "in the same way"),
    ("report", lambda v: (max(v), 2.26 * statistics.stdev(v) / 10**0.5), "best run"),
    ("report", lambda v: (statistics.mean(v), 2.26 * statistics.stdev(v)), "surer"),
    ("report", lambda v: (statistics.mean(v), 2.26 * statistics.pstdev(v) / 10**0.5), "n - 1"),
    ("report", lambda v: (v.sort(), statistics.mean(v), 2.26 * statistics.stdev(v) / 10**0.5)[1:], "changes what"),
    ("random_order", lambda size, b: cut(torch.arange(size), b), "shuffle them"),
    ("random_order", lambda size, b: cut(torch.randint(0, size, (size,)), b), "come twice"),
    ("random_order", lambda size, b: cut(torch.randperm(size), b)[:-1] or [], "are used"),
    ("random_order", lambda size, b: torch.randperm(size), "a list of tensors"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=9)) >= 3
