"""The self-checks of the exercises of notebook 06_results."""

import copy
import math
import random
from collections.abc import Callable

import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Hint, compare, difference, elements
from mnist_lesson.checks.judge import exercise
from mnist_lesson.results import History, wilson_interval


class _Curves(History):
    """A history that shows what counts here."""

    def __repr__(self) -> str:
        return f"the test losses {self.test_loss}"


@exercise("6.1", "Find the smallest loss in the list. Then: the first epoch has number 1, but which place in the list?")
def best_epoch(answer: Callable) -> None:
    def smallest(losses):
        return losses.index(min(losses)) + 1

    def right(history):
        return smallest(history.test_loss)

    def case(test_loss, train_loss=()):
        def accuracies():
            return [random.uniform(0.8, 0.95) for _ in test_loss]

        train_loss = list(train_loss) or [random.uniform(0.1, 1.5) * max(test_loss) for _ in test_loss]
        return (_Curves(accuracies(), train_loss, accuracies(), test_loss),)

    def draw():
        curves = [
            [1.0, 2.0, 3.0, 2.5],  # the first epoch is the best
            [4.0, 3.0, 2.5, 2.0, 1.0],  # the last one
            [4.0, 3.0, 3.5, 2.0, 1.0, 2.5],  # after a first rise
            [4.0, 1.0, 3.0, 2.0, 2.5],  # before a second dip
            [2.0, *range(3, 25), 1.0, 2.5],  # after a long time without any progress
            [2.0, 1.0],
            [1.0],
            [2.0, 0.0, 3.0, 1.0],
            random.sample(range(1, 100), 30),
        ]
        scales = [random.uniform(0.2, 0.5) for _ in curves]
        fixed = [case([3e6, 2e6]), case([0.250002, 0.4, 0.250001, 0.3])]  # large ones, and two that are almost alike
        fixed += [case([0.4, 0.8, 1.2, 1.0], [2.0, 0.8, 0.3, 0.5]), case([0.8, 0.4, 0.6], [0.5, 0.1, 0.9])]
        return [case([round(scale * loss, 3) for loss in curve]) for scale, curve in zip(scales, curves)] + fixed

    def at_first_rise(losses):
        return next((i for i in range(1, len(losses)) if losses[i] > losses[i - 1]), len(losses))

    def at_last_fall(losses):
        return max((i + 1 for i in range(1, len(losses)) if losses[i] < losses[i - 1]), default=1)

    def losses_of(history):
        return list(zip(history.test_loss, history.train_loss))

    no_training = "The training loss has no part in this: look at the test loss alone."
    mistakes = [
        (lambda h: right(h) - 1, "Lists count from 0, epochs from 1."),
        (lambda h: min(h.test_loss), "This is the loss itself. In which epoch was it?"),
        (lambda h: len(h), "The last epoch is not always the best: where is the test loss smallest?"),
        (lambda h: smallest(h.train_loss), "This is the training loss: look at the other."),
        (lambda h: h.test_loss.index(max(h.test_loss)) + 1, "A loss is good when it is small."),
        (lambda h: h.test_acc.index(max(h.test_acc)) + 1, "The loss was asked for, not the accuracy."),
        (lambda h: at_first_rise(h.test_loss), "You stop where the loss rises: it may fall again, and farther."),
        (
            lambda h: at_last_fall(h.test_loss),
            "This is where the loss falls for the last time. It may have been lower.",
        ),
        (
            lambda h: smallest(h.test_loss[1:] or h.test_loss) + (len(h) > 1),
            "The first epoch is left out: it may be the best.",
        ),
        (lambda h: smallest(h.test_loss[:-1] or h.test_loss), "The last epoch is left out: it may be the best."),
        (lambda h: smallest([test - train for test, train in losses_of(h)]), no_training),
        (lambda h: smallest([abs(test - train) for test, train in losses_of(h)]), no_training),
        (lambda h: smallest([test + train for test, train in losses_of(h)]), no_training),
    ]
    compare(answer, draw, right, mistakes)


@exercise("6.2", "The formula stands in the exercise. First the share p, then the square root.")
def interval(answer: Callable) -> None:
    def around(correct, total, half):
        return correct / total - half, correct / total + half

    def spread(correct, total):
        p = correct / total
        return math.sqrt(p * (1 - p) / total)

    def right(correct, total):
        return around(correct, total, 1.96 * spread(correct, total))

    def draw():
        totals = (200, 1000, random.randint(3000, 9000))
        cases = [(random.randint(total // 2, total * 9 // 10), total) for total in totals]
        return [*cases, (1, 30), (29, 30), (5, 10), (0, 50), (50, 50), (1, 1)]

    mistakes = [
        (lambda c, n: around(c, n, spread(c, n)), "This interval holds 68 %: for 95 % it is 1.96 times as wide."),
        (lambda c, n: around(c, n, 2 * spread(c, n)), "You multiply by 2: here it is 1.96 times the square root."),
        (lambda c, n: around(c, n, 1.96 * spread(c, n) ** 2), "The square root is missing."),
        (lambda c, n: around(c, n, 1.96 * math.sqrt(n) * spread(c, n)), "Divide by the number of images, in the root."),
        (lambda c, n: tuple(100 * end for end in right(c, n)), "Give fractions from 0 to 1, not percent."),
        (lambda c, n: tuple(n * end for end in right(c, n)), "These are numbers of images: shares were asked for."),
        (lambda c, n: right(c, n)[::-1], "The lower end comes first."),
        (lambda c, n: around(c, n, 1.96 * spread(c, n) / math.sqrt(n)), "The number of images is divided by twice."),
        (lambda c, n: 1.96 * spread(c, n), "This is half the width: return both ends."),
        (
            lambda c, n: (max(0.0, right(c, n)[0]), min(1.0, right(c, n)[1])),
            "You cut the interval off at 0 and 1. The formula does not: return what it gives.",
        ),
        (wilson_interval, "This is Wilson's interval. That of the exercise is simpler."),
        (
            lambda c, n: around(c, n, 1.96 * math.sqrt(c / n * (1 - c / n) / max(n - 1, 1))),
            "You divide by one image less than there are: in this formula it is n.",
        ),
    ]
    compare(answer, draw, right, mistakes)


@exercise("6.3", "Everything that was read as `digit` stands in one column. Which of it is right?")
def precision(answer: Callable) -> None:
    def right(matrix, digit):
        return matrix[digit, digit].item() / matrix[:, digit].sum().item()

    def draw():
        digits = [0, 9, *random.sample(range(1, 9), 4)]
        usual, last, never_right, rare, only, many = (_some_matrix() for _ in digits)
        never_right[digits[2], digits[2]] = 0
        rare[:, digits[3]] = torch.eye(10, dtype=torch.int64)[digits[3]]  # one answer, and it is right
        only[:, torch.arange(10) != digits[4]] = 0  # the network never says anything else
        return list(zip((usual, last, never_right, rare, only, many * 1000), digits))

    mistakes = [
        (
            lambda m, d: m[d, d].item() / m[d].sum().item(),
            "You divide by the row: of all images of the digit, how many were found. The column is the other question.",
        ),
        (lambda m, d: m.diag().sum().item() / m.sum().item(), "This is the accuracy over all digits."),
        (lambda m, d: m[d, d].item() / m.sum().item(), "Divide by how often the network said `digit`, not by all."),
        (lambda m, d: m[:, d].sum().item(), "This is how often the network said `digit`. How often was that right?"),
        (lambda m, d: m[d, d].item(), "This is how many answers were right. Which share of all its answers `digit`?"),
        (lambda m, d: 1 - right(m, d), "This is the share that is wrong."),
        (lambda m, d: 100 * right(m, d), "This is in percent: give a fraction from 0 to 1."),
        (
            lambda m, d: m[:, d].max().item() / m[:, d].sum().item(),
            "You take the largest number of the column. The right answers need not be the most: where do they stand?",
        ),
        (
            lambda m, d: m[d, d].item() / max((m[:, d].sum() - m[d, d]).item(), 1),
            "You divide by the wrong answers alone: all answers `digit` count, the right ones too.",
        ),
        (lambda m, d: (m[d, d] // m[:, d].sum()).item(), "`//` throws the fraction away."),
        (
            lambda m, d: 2 * m[d, d].item() / (m[d].sum() + m[:, d].sum()).item(),
            "Here the row has a part, too. How often the network found the digit was not asked.",
        ),
    ]
    compare(answer, draw, right, mistakes)


def _some_matrix() -> torch.Tensor:
    """A confusion matrix, (10, 10), with larger numbers on the diagonal."""
    return torch.randint(1, 30, (10, 10)) + torch.diag(torch.randint(20, 200, (10,)))


@exercise(
    "6.4",
    "'Read a single image' shows all the steps. Which one changes a shape, and which one a mode?",
    errors={
        "Expected 3D": "The network takes batches: give the image a batch axis.",
        "shapes cannot be multiplied": "The network takes batches: give the image a batch axis.",
        "Dimension out of range": "After the network there is still a batch axis: along which axis lie the classes?",
        "converted to Scalar": "These are several numbers: one for each digit. Which of them was asked for?",
    },
    may_change=("mode",),
)
def read_digit(answer: Callable) -> None:
    def read(model, image):
        model.eval()
        with torch.no_grad():
            logits = model(image.unsqueeze(0))[0]
        return logits.argmax().item(), logits

    def right(model, image):
        digit, logits = read(model, image)
        return digit, logits.softmax(0)[digit].item()

    def instead(value_of):
        def mistake(model, image):
            digit, logits = read(model, image)
            return digit, value_of(logits)

        return mistake

    def watched(model, image):
        for weight in model.parameters():
            weight.grad = torch.ones_like(weight)  # from some step before: it must stay
        was_training = [layer.training for layer in model.modules()]
        found = answer(model, image)
        if any(layer.training and not was for layer, was in zip(model.modules(), was_training)):
            raise Hint("You may leave the model in eval mode. But it came in eval mode here, and is in train mode now.")
        return found

    always_one = "The probability is always 1. `softmax` over the batch, one image alone, gives that."
    mistakes = [
        (lambda model, image: right(model, image)[::-1], "The digit comes first, then the probability."),
        (instead(lambda logits: logits.max()), "This is the logit. `softmax` makes a probability of it."),
        (instead(lambda logits: 1.0), always_one),
        (lambda model, image: (0, 1.0), always_one),  # and then the first digit counts as the most probable
        (instead(lambda logits: 100 * logits.softmax(0).max()), "Give the probability as a fraction, not in percent."),
        (instead(lambda logits: logits.log_softmax(0).max()), "This is the logarithm of the probability."),
        (
            instead(lambda logits: logits.sigmoid().max()),
            "`sigmoid` looks at each logit alone; `softmax` compares them.",
        ),
        (
            instead(lambda logits: logits.softmax(0)),
            "These are the probabilities of all digits: return the largest alone.",
        ),
        (instead(lambda logits: logits.softmax(0).topk(2).values[1]), "This is the second largest probability."),
        (lambda model, image: right(model, image)[1], "This is the probability alone: return the digit, too."),
        (lambda model, image: right(model, image)[0], "This is the digit alone: return its probability, too."),
    ]
    _refuse_chance(watched)
    compare(watched, _draw_readings, right, mistakes)


def _refuse_chance(answer: Callable) -> None:
    """Raise Hint if a function reads the same image several times and does not always find the same."""
    model, image = _some_reading(random.randint(0, 9))
    readings = [answer(copy.deepcopy(model), image.clone()) for _ in range(6)]
    pairs = [elements(reading) for reading in readings]
    if any(pair is None or len(pair) != 2 for pair in pairs):
        return  # `compare` says what is missing
    if any(difference(tuple(pair), tuple(pairs[0])) for pair in pairs):
        raise Hint("Twice the same image, and the answers differ: the model has dropout layers. Which mode?")


def _draw_readings() -> list[tuple[nn.Sequential, torch.Tensor]]:
    """Models in train mode, and one in eval mode, each with an image: they read a 0, a 9 and two other digits."""
    cases = [_some_reading(digit) for digit in (0, 9, *random.sample(range(1, 9), 2))]
    cases[-1][0].eval()
    return cases


def _some_reading(digit: int) -> tuple[nn.Sequential, torch.Tensor]:
    """Draw a model in train mode, and an image that it reads as `digit`."""
    last = nn.Linear(4 * 7 * 7, 10)
    model = nn.Sequential(nn.Conv2d(1, 4, 4, stride=4), nn.Tanh(), nn.Dropout(0.5), nn.Flatten(), nn.Dropout(0.5), last)
    image = 0.1 + 0.7 * torch.rand(1, 28, 28)
    with torch.no_grad():
        last.weight *= 5
        logits = model.eval()(image.unsqueeze(0))[0]
        order = torch.arange(10)
        order[[digit, logits.argmax().item()]] = order[[logits.argmax().item(), digit]]  # the two change places
        last.weight.copy_(last.weight[order])
        last.bias.copy_(last.bias[order])
    return model.train(), image


@exercise(
    "6.5",
    "For each row: how far is the probability above the accuracy? Which rows do not count, and what if none is left?",
    errors={
        "empty": "Nothing is left to take the largest of: no row counts, or none is overconfident. What then?",
        "division by zero": "The accuracy of a row may be 0. How far *above* is a difference, not a ratio.",
    },
)
def most_overconfident(answer: Callable) -> None:
    def place_of(table, score, counts=lambda row: row[0] >= 30 and row[1] > row[2]):
        """The place of the row with the largest score among those that count, or -1."""
        places = [place for place, row in enumerate(table) if counts(row)]
        return max(places, key=lambda place: score(table[place]), default=-1)

    def gap(row):
        return row[1] - row[2]

    def right(table):
        return place_of(table, gap)

    def among_those_that_count(table):
        return place_of([row for row in table if row[0] >= 30], gap)

    def of_the_row(value_of):
        return lambda table: value_of(table[right(table)]) if right(table) >= 0 else -1

    mistakes = [
        (lambda t: right(t) + (right(t) >= 0), "The first row has place 0."),
        (lambda t: place_of(t, gap, lambda row: gap(row) > 0), "Rows with fewer than 30 answers do not count."),
        (
            lambda t: place_of(t, gap, lambda row: row[0] > 30 and gap(row) > 0),
            "A row with just 30 answers counts: it has not fewer than 30.",
        ),
        (among_those_that_count, "This is the place among the rows that count: return the place in the whole list."),
        (
            lambda t: place_of(t, lambda row: abs(gap(row)), lambda row: row[0] >= 30 and gap(row)),
            "Overconfident means that the probability is *above* the accuracy. In your row it may be far below.",
        ),
        (
            lambda t: place_of(t, lambda row: -gap(row), lambda row: row[0] >= 30 and gap(row) < 0),
            "In this row the network is right more often than it says. Overconfident is the opposite.",
        ),
        (
            lambda t: place_of(t, gap, lambda row: row[0] >= 30),
            "If the network is not overconfident in any row that counts, -1 was asked for.",
        ),
        (
            lambda t: place_of(t, gap, lambda row: row[0] >= 30 and gap(row) >= 0),
            "A probability that equals the accuracy is not above it.",
        ),
        (
            lambda t: place_of(t, lambda row: row[1] / max(row[2], 1e-9)),
            "You divide one by the other. How far *above* it is, is a difference.",
        ),
        (lambda t: place_of(t, lambda row: row[0] * gap(row)), "The number of answers only decides which rows count."),
        (lambda t: place_of(t, lambda row: row[1]), "This is the overconfident row with the largest probability."),
        (lambda t: place_of(t, lambda row: -row[2]), "This is the overconfident row with the smallest accuracy."),
        (
            lambda t: place_of(t, lambda row: -t.index(row)),
            "This is the first overconfident row: is another one worse?",
        ),
        (lambda t: place_of(t, t.index), "This is the last overconfident row: is another one worse?"),
        (of_the_row(gap), "This is how far the probability is above the accuracy. In which row is that?"),
        (of_the_row(lambda row: row), "This is the row itself: return its place in the list."),
    ]
    compare(answer, _draw_tables, right, mistakes)


def _draw_tables() -> list[tuple[list[tuple[int, float, float]]]]:
    """Tables whose most overconfident row is the last, the first, none, the only one, one of 30 answers, or any."""
    usual = [(52, 0.42, 0.35), (210, 0.61, 0.66), (401, 0.82, 0.75), (1400, 0.96, 0.85), (30, 0.997, 0.79)]
    none = [(52, 0.42, 0.43), (210, 0.61, 0.7), (29, 0.8, 0.2), (1400, 0.96, 0.97)]
    tables = [
        usual,
        [(31, 0.3, 0.0), *usual[1:]],  # never right
        none,
        [(40, 0.5, 0.5), (900, 0.75, 0.75)],  # just as sure as it may be
        [(29, 0.5, 0.3), (3, 0.9, 0.1)],  # no row counts
        [(30, 0.9, 0.8)],
        [(500, 0.99, 0.9901), (500, 0.8, 0.799), (200, 0.6, 0.7)],  # just a little above
        [(29, 0.4, 0.1), (10, 0.5, 0.1), (60, 0.6, 0.5), (800, 0.9, 0.89)],
    ]
    for _ in range(4):
        gaps = random.sample(range(1, 25), 8)  # in percent; no two are alike
        numbers = [random.choice([5, 29, 30, 31, 5000]) for _ in gaps]
        probabilities = [random.uniform(0.25, 0.75) for _ in gaps]
        accuracies = [p - random.choice([-1, 1]) * gap / 100 for p, gap in zip(probabilities, gaps)]
        tables.append(list(zip(numbers, probabilities, accuracies)))
    return [(table,) for table in tables]
