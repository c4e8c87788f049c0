"""The checkers of notebook 04_model: typical mistakes get the hint meant for them."""

from torch import nn
from verdicts import expect_hint, numbers_tried, typical_mistakes


def network(side, classes, end=None, relu=nn.ReLU, flat=None, maps=64, first=nn.ReLU):
    size = ((side - 2) // 2 - 2) // 2
    layers = [nn.Conv2d(1, 32, 3), first(), nn.MaxPool2d(2), nn.Conv2d(32, maps, 3), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(flat or maps * size**2, 64), relu(), nn.Linear(64, classes)]
    return nn.Sequential(*layers, *(end or []))


WRONG = [
    ("size_after", lambda size, k, pool: (size - k) // pool, "count the places"),
    ("size_after", lambda size, k, pool: (size - k + 1) / pool, "rounds down"),
    ("size_after", lambda size, k, pool: size - k + 1, "pooling makes it smaller"),
    ("size_after", lambda size, k, pool: size // pool - k + 1, "convolution comes first"),
    ("flat_size", lambda side: (((side - 2) // 2 - 2) // 2) ** 2, "How many maps"),
    ("flat_size", lambda side: 1600, "28 only"),
    ("flat_size", lambda side: 32 * (((side - 2) // 2 - 2) // 2) ** 2, "32 maps leave conv1"),
    ("flat_size", lambda side: 64 * (side // 4) ** 2, "convolutions take"),
    ("flat_size", lambda side: 64.0 * (((side - 2) // 2 - 2) // 2) ** 2, "whole number"),
    ("conv_parameters", lambda i, o, k: k * k * i * o, "biases are missing"),
    ("conv_parameters", lambda i, o, k: (k * k + 1) * o, "window of its own"),
    ("conv_parameters", lambda i, o, k: k * k * i * o + 1, "How many biases"),
    ("conv_parameters", lambda i, o, k: (k * i + 1) * o, "height and a width"),
    ("probabilities", lambda logits: logits.softmax(0), "columns"),
    ("probabilities", lambda logits: logits.exp() / logits.exp().sum(1, keepdim=True), "overflows"),
    ("probabilities", lambda logits: logits.exp(), "divide"),
    ("probabilities", lambda logits: logits.exp() / logits.exp().sum(), "whole table"),
    ("probabilities", lambda logits: logits.exp_(), "changes what it was given"),
    ("build", lambda side, classes: network(side, classes, end=[nn.Softmax(dim=1)]), "softmax at the end"),
    ("build", lambda side, classes: network(side, classes, end=[nn.ReLU()]), "ReLU at the end"),
    ("build", lambda side, classes: network(side, classes, relu=nn.Identity), "after fc1"),
    ("build", lambda side, classes: network(side, classes, first=nn.Identity), "after conv1"),
    ("build", lambda side, classes: network(side, classes, flat=1600), "right number of inputs"),
    ("build", lambda side, classes: network(side, 10), "shape"),
    ("build", lambda side, classes: network(side, classes, maps=32), "layers differ"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=4)) >= 3
