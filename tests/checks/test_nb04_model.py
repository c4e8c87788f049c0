"""The checkers of notebook 04_model: typical mistakes get the hint meant for them."""

import numpy as np
import pytest
import torch
from torch import nn
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes


def end(side):
    return ((side - 2) // 2 - 2) // 2


def network(side, classes, end_with=None, relu=nn.ReLU, flat=None, maps=64, first=nn.ReLU, pool=nn.MaxPool2d):
    layers = [nn.Conv2d(1, 32, 3), first(), pool(2), nn.Conv2d(32, maps, 3), nn.ReLU(), pool(2)]
    layers += [nn.Flatten(), nn.Linear(flat or maps * end(side) ** 2, 64), relu(), nn.Linear(64, classes)]
    return nn.Sequential(*layers, *(end_with or []))


def lazy_network(side, classes):
    convolutions = nn.Sequential(nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.ReLU(inplace=True))
    convolutions.extend([nn.Conv2d(32, 64, 3), nn.MaxPool2d(2), nn.ReLU()])
    return nn.Sequential(convolutions, nn.Flatten(), nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, classes))


def other_activation(activation):
    def build(side, classes):
        model = network(side, classes)
        for place in (1, 4, 8):
            model[place] = activation()
        return model

    return build


def with_dropout(side, classes):
    model = network(side, classes)
    return nn.Sequential(*model[:-1], nn.Dropout(0.5), model[-1]).eval()


def minus(shift):
    """A softmax that takes something away first; the largest of each row is right."""

    def probabilities(logits):
        powers = (logits - shift(logits)).exp()
        return powers / powers.sum(dim=1, keepdim=True)

    return probabilities


def divided_by(total):
    """A softmax that divides by something; the sum of each row is right."""

    def probabilities(logits):
        powers = (logits - logits.amax(dim=1, keepdim=True)).exp()
        return powers / total(powers)

    return probabilities


def row_by_row(logits):
    rows = []
    for row in logits:
        powers = torch.exp(row - max(row))
        rows.append(powers / powers.sum())
    return torch.stack(rows)


def with_numpy(logits):
    powers = np.exp(logits.numpy().astype(np.float64) - logits.numpy().max(axis=1, keepdims=True))
    return torch.from_numpy(powers / powers.sum(axis=1, keepdims=True))


def clamped(logits):
    powers = logits.clamp(-80, 80).exp()
    return powers / powers.sum(dim=1, keepdim=True)


WRONG = [
    ("size_after", lambda size, k, pool: (size - k) // pool, "count the places"),
    ("size_after", lambda size, k, pool: (size - k + 1) / pool, "rounds down"),
    ("size_after", lambda size, k, pool: round((size - k + 1) / pool), "rounds down"),
    ("size_after", lambda size, k, pool: (size - k) // pool + 1, "come out rounded up"),
    ("size_after", lambda size, k, pool: size - k + 1, "pooling makes it smaller"),
    ("size_after", lambda size, k, pool: size // pool - k + 1, "convolution comes first"),
    ("size_after", lambda size, k, pool: (size - 2) // pool, "if `kernel_size` is 3"),
    ("size_after", lambda size, k, pool: max(2, (size - k + 1) // pool), "should be 1"),
    ("size_after", lambda size, k, pool: [(size - k + 1) // pool], "a whole number was expected"),
    ("flat_size", lambda side: end(side) ** 2, "How many maps"),
    ("flat_size", lambda side: 1600, "28 only"),
    ("flat_size", lambda side: 32 * end(side) ** 2, "32 maps leave conv1"),
    ("flat_size", lambda side: 64 * (side // 4) ** 2, "convolutions take"),
    ("flat_size", lambda side: 64 * (side // 4 - 2) ** 2, "conv1 before pool1"),
    ("flat_size", lambda side: {16: 256, 28: 1600, 32: 2304}.get(side, 64 * ((side - 6) / 4) ** 2), "should be"),
    ("conv_parameters", lambda i, o, k: k * k * i * o, "biases are missing"),
    ("conv_parameters", lambda i, o, k: (k * k + 1) * o, "window of its own"),
    ("conv_parameters", lambda i, o, k: k * k * i * o + 1, "How many biases"),
    ("conv_parameters", lambda i, o, k: (k * i + 1) * o, "height and a width"),
    ("conv_parameters", lambda i, o, k: (9 * i + 1) * o, "if `kernel_size` is 3"),
    ("conv_parameters", lambda i, o, k: k * k * i * o + (o if k > 1 else 0), "should be"),
    ("probabilities", lambda logits: logits.softmax(0), "columns"),
    ("probabilities", lambda logits: logits.exp() / logits.exp().sum(1, keepdim=True), "overflows"),
    ("probabilities", lambda logits: logits.exp(), "divide"),
    ("probabilities", lambda logits: (logits - logits.amax(1, keepdim=True)).exp(), "divide"),
    ("probabilities", lambda logits: logits.exp() / logits.exp().sum(), "whole table"),
    ("probabilities", divided_by(lambda powers: powers.sum()), "whole table"),
    ("probabilities", divided_by(lambda powers: powers.sum(dim=0)), "columns"),
    ("probabilities", lambda logits: logits - logits.max(dim=1, keepdim=True), "`max` gives two things"),
    ("probabilities", lambda logits: logits.exp_(), "changes what it was given"),
    ("probabilities", minus(lambda logits: logits.mean(dim=1, keepdim=True)), "overflows"),
    ("probabilities", minus(lambda logits: logits.median(dim=1, keepdim=True).values), "overflows"),
    ("probabilities", minus(lambda logits: logits.amin(dim=1, keepdim=True)), "overflows"),
    ("probabilities", minus(lambda logits: logits[:, :1]), "overflows"),
    ("probabilities", minus(lambda logits: logits[:, -1:]), "overflows"),
    ("probabilities", minus(lambda logits: logits.abs().amax(dim=1, keepdim=True)), "zeros of all"),
    ("probabilities", minus(lambda logits: logits.max()), "its own largest"),
    ("probabilities", minus(lambda logits: logits.amax(dim=0)), "each column"),
    ("probabilities", minus(lambda logits: logits.amax(dim=1)), "keep its axis"),
    ("probabilities", clamped, "Right for small logits"),
    ("probabilities", lambda logits: row_by_row(logits.round()), "wrong"),
    ("build", lambda side, classes: network(side, classes, end_with=[nn.Softmax(dim=1)]), "softmax at the end"),
    ("build", lambda side, classes: network(side, classes, end_with=[nn.ReLU()]), "ReLU at the end"),
    ("build", lambda side, classes: network(side, classes, relu=nn.Identity), "after fc1"),
    ("build", lambda side, classes: network(side, classes, first=nn.Identity), "after conv1"),
    ("build", lambda side, classes: network(side, classes, flat=1600), "right number of inputs"),
    ("build", lambda side, classes: network(side, classes, flat=64 * (side // 4 - 2) ** 2), "right number of inputs"),
    ("build", lambda side, classes: network(side, classes, flat=16.0 * (side - 6)), "`//` whole"),
    ("build", lambda side, classes: nn.Sequential([*network(side, classes)]), "not a list of them"),
    ("build", lambda side, classes: network(side, 10), "shape"),
    ("build", lambda side, classes: network(side, classes, maps=32), "layers differ"),
    ("build", lambda side, classes: network(side, classes, pool=nn.AvgPool2d), "not the mean"),
    ("build", lambda side, classes: network(side, classes).requires_grad_(False), "frozen"),
    ("build", other_activation(nn.GELU), "no plain one"),
    ("build", other_activation(nn.LeakyReLU), "no plain one"),
    ("build", with_dropout, "other logits"),
]

RIGHT = {
    "size_after": {
        "a float": lambda size, k, pool: float((size - k + 1) // pool),
        "a tensor": lambda size, k, pool: torch.tensor((size - k + 1) // pool),
        "tried": lambda size, k, pool: nn.MaxPool2d(pool)(nn.Conv2d(1, 1, k)(torch.rand(1, 1, size, size))).shape[-1],
    },
    "flat_size": {
        "a float": lambda side: 64.0 * end(side) ** 2,
        "in one": lambda side: 64 * ((side - 6) // 4) ** 2,
        "built": lambda side: network(side, 10)[7].in_features,
    },
    "conv_parameters": {"NumPy": lambda i, o, k: np.int64((i * k**2 + 1) * o)},
    "probabilities": {
        "row by row": row_by_row,
        "NumPy": with_numpy,
        "float64 has room for exp(500)": lambda logits: logits.double().exp() / logits.double().exp().sum(1)[:, None],
        "the logarithm of the sum": lambda logits: (logits - logits.logsumexp(dim=1, keepdim=True)).exp(),
    },
    "build": {"lazy and nested, ReLU after pooling": lazy_network, "plain": network},
}


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, words", [(name, words) for name, answers in RIGHT.items() for words in answers])
def test_other_right_answers_pass_every_time(name, words):
    expect_solved(name, RIGHT[name][words])


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=4)) >= 3
