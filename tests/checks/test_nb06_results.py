"""The checkers of notebook 06_results: typical mistakes get the hint meant for them, right answers pass."""

import numpy as np
import pytest
import torch
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes

from mnist_lesson.results import wilson_interval


def in_epoch(place_of, curve="test_loss"):
    return lambda history: place_of(getattr(history, curve))


def without_first(losses):
    rest = losses[1:] or losses
    return losses.index(min(rest)) + 1


def first_rise(losses):
    for i in range(1, len(losses)):
        if losses[i] > losses[i - 1]:
            return i
    return len(losses)


def starting_at(best):
    """Look for the smallest loss with a loop, and take it for granted that one is below `best`."""

    def best_epoch(history):
        smallest, epoch = best, 1
        for number, loss in enumerate(history.test_loss, start=1):
            if loss < smallest:
                smallest, epoch = loss, number
        return epoch

    return best_epoch


def with_patience(patience):
    """Give up after some epochs without progress, as training programs do."""

    def best_epoch(history):
        best = 0
        for place, loss in enumerate(history.test_loss):
            if loss < history.test_loss[best]:
                best = place
            if place - best >= patience:
                break
        return best + 1

    return best_epoch


def forgets_zero(history):
    best = epoch = None
    for number, loss in enumerate(history.test_loss, start=1):
        if not best or loss < best:
            best, epoch = loss, number
    return epoch


def spread(correct, total):
    return (correct / total * (1 - correct / total) / total) ** 0.5


def around(half):
    return lambda correct, total: (correct / total - half(correct, total), correct / total + half(correct, total))


def reading(eval_first=True, batch=True, record=False, of=lambda logits: logits.softmax(1)[0], result=None):
    def read_digit(model, image):
        if eval_first:
            model.eval()
        with torch.set_grad_enabled(record):
            logits = model(image.unsqueeze(0) if batch else image)
            values = of(logits)
        return result(values) if result else (values.argmax().item(), values.max().item())

    return read_digit


def leaves_train_mode(model, image):
    found = reading()(model, image)
    model.train()
    return found


def overconfident(keep=lambda row: row[0] >= 30, score=lambda row: row[1] - row[2], above=0, nothing=-1):
    def most_overconfident(table):
        best, place = above, nothing
        for number, row in enumerate(table):
            if keep(row) and score(row) > best:
                best, place = score(row), number
        return place

    return most_overconfident


def place_among_the_kept(table):
    return overconfident()([row for row in table if row[0] >= 30])


def first_above(table):
    return next((i for i, (number, p, accuracy) in enumerate(table) if number >= 30 and p > accuracy), -1)


def of_the_best(gaps):
    """Take the place of the largest gap, -1 if it is not above 0."""
    return lambda table: int(gaps(table).argmax()) if gaps(table).max() > 0 else -1


WRONG = [
    ("best_epoch", in_epoch(lambda losses: losses.index(min(losses))), "count from 0"),
    ("best_epoch", in_epoch(min), "loss itself"),
    ("best_epoch", len, "last epoch"),
    ("best_epoch", in_epoch(lambda losses: losses.index(min(losses)) + 1, curve="train_loss"), "look at the other"),
    ("best_epoch", in_epoch(lambda losses: losses.index(max(losses)) + 1), "small"),
    ("best_epoch", in_epoch(lambda accs: accs.index(max(accs)) + 1, curve="test_acc"), "not the accuracy"),
    ("best_epoch", lambda history: history.test_loss.sort() or 1, "changes what it was given"),
    ("best_epoch", lambda history: history.test_loss.sort() or len(history), "changes what it was given"),
    ("best_epoch", lambda history: history.test_loss.index(sorted(history.test_loss)[0]), "count from 0"),
    ("best_epoch", lambda history: sorted(history.test_loss).index(min(history.test_loss)) + 1, "should be"),
    ("best_epoch", in_epoch(first_rise), "where the loss rises"),
    ("best_epoch", in_epoch(lambda losses: len(losses) - first_rise(losses[::-1]) + 1), "for the last time"),
    ("best_epoch", in_epoch(without_first), "first epoch is left out"),
    ("best_epoch", in_epoch(lambda losses: losses.index(min(losses[:-1] or losses)) + 1), "last epoch is left out"),
    ("best_epoch", in_epoch(lambda losses: int(np.argmin(np.round(losses, 3))) + 1), "should be"),
    ("best_epoch", starting_at(1.0), "should be"),
    ("best_epoch", starting_at(1000), "should be"),
    ("best_epoch", forgets_zero, "should be"),
    ("best_epoch", lambda history: int(np.subtract(history.test_loss, history.train_loss).argmin()) + 1, "no part"),
    ("best_epoch", with_patience(2), "should be"),
    ("best_epoch", with_patience(10), "should be"),
    ("best_epoch", lambda history: torch.tensor([history.test_loss]).argmin(dim=1) + 1, "tensor"),
    ("interval", around(spread), "68 %"),
    ("interval", around(lambda c, n: 2 * spread(c, n)), "multiply by 2"),
    ("interval", around(lambda c, n: -1.96 * spread(c, n)), "lower end"),
    ("interval", lambda c, n: 1.96 * spread(c, n), "both ends"),
    ("interval", around(lambda c, n: 1.96 * spread(c, n) ** 2), "square root"),
    ("interval", around(lambda c, n: 1.96 * spread(c, n) * n**0.5), "number of images"),
    ("interval", lambda c, n: wilson_interval(c, n), "Wilson"),
    ("interval", lambda c, n: (max(0, c / n - 1.96 * spread(c, n)), min(1, c / n + 1.96 * spread(c, n))), "cut"),
    ("interval", around(lambda c, n: 1.96 * (c / n * (1 - c / n) / (n - 1)) ** 0.5 if n > 1 else 0), "one image less"),
    ("interval", lambda c, n: (c - 1.96 * spread(c, n) * n, c + 1.96 * spread(c, n) * n), "shares"),
    ("interval", around(lambda c, n: 0.01), "should be"),
    ("interval", lambda c, n: f"{c / n:.2%}", "2 values"),
    ("precision", lambda m, d: (m[d, d] / m[d].sum()).item(), "divide by the row"),
    ("precision", lambda m, d: (m.diag().sum() / m.sum()).item(), "over all digits"),
    ("precision", lambda m, d: (m[d, d] / m.sum()).item(), "not by all"),
    ("precision", lambda m, d: (m[:, d].max() / m[:, d].sum()).item(), "largest number of the column"),
    ("precision", lambda m, d: m[d, d].item(), "Which share"),
    ("precision", lambda m, d: 1 - (m[d, d] / m[:, d].sum()).item(), "share that is wrong"),
    ("precision", lambda m, d: m[d, d].item() // m[:, d].sum().item(), "throws the fraction away"),
    ("precision", lambda m, d: m[d, d] / (m[:, d].sum() - m[d, d]).clamp(min=1), "wrong answers alone"),
    ("precision", lambda m, d: m.half()[d, d] / m.half()[:, d].sum(), "the result"),
    ("precision", lambda m, d: m[:, d].div_(m[:, d].sum(), rounding_mode="floor")[d], "changes what it was given"),
    ("precision", lambda m, d: (m / m.sum(0))[d], "number was expected"),
    ("read_digit", reading(eval_first=False), "Which mode"),
    ("read_digit", reading(eval_first=False, record=True), "Which mode"),
    ("read_digit", reading(batch=False), "batch axis"),
    ("read_digit", reading(batch=False, of=lambda logits: logits.softmax(0)), "batch axis"),
    ("read_digit", reading(of=lambda logits: logits[0]), "This is the logit"),
    (
        "read_digit",
        reading(of=lambda logits: logits.softmax(0)[0], result=lambda p: (p.argmax().item(), 1)),
        "always 1",
    ),
    ("read_digit", reading(result=lambda p: (p.argmax().item(), 1.0)), "always 1"),
    ("read_digit", reading(result=lambda p: (p.max().item(), p.argmax().item())), "digit comes first"),
    ("read_digit", reading(result=lambda p: p.max(0)), "digit comes first"),
    ("read_digit", reading(result=lambda p: (p.argmax(), p)), "all digits"),
    ("read_digit", reading(result=lambda p: p.argmax()), "digit alone"),
    ("read_digit", reading(result=lambda p: (p[None].argmax(1), p.max())), "whole number"),
    ("read_digit", reading(result=lambda p: (p.argmax(), f"{p.max():.1%}")), "number was expected"),
    ("read_digit", reading(of=lambda logits: logits.sigmoid()[0]), "sigmoid"),
    ("read_digit", lambda model, image: model.zero_grad() or reading()(model, image), "the gradients"),
    ("read_digit", leaves_train_mode, "came in eval mode"),
    ("read_digit", lambda model, image: reading()(model, image.unsqueeze_(0)[0]), "changes what it was given"),
    ("most_overconfident", lambda table: overconfident()(table) + 1, "should be"),
    ("most_overconfident", overconfident(keep=lambda row: True), "fewer than 30"),
    ("most_overconfident", overconfident(keep=lambda row: row[0] > 30), "just 30"),
    ("most_overconfident", place_among_the_kept, "whole list"),
    ("most_overconfident", overconfident(score=lambda row: abs(row[1] - row[2])), "far below"),
    ("most_overconfident", overconfident(score=lambda row: row[2] - row[1]), "opposite"),
    ("most_overconfident", overconfident(above=-1), "-1 was asked for"),
    ("most_overconfident", overconfident(above=-1e-12), "equals the accuracy"),
    ("most_overconfident", overconfident(above=0.01), "should be"),
    ("most_overconfident", overconfident(nothing=0), "should be"),
    ("most_overconfident", overconfident(nothing=None), "returns nothing"),
    (
        "most_overconfident",
        overconfident(score=lambda row: row[1] / (row[2] or 1e-9), above=1),
        "divide one by the other",
    ),
    ("most_overconfident", overconfident(score=lambda row: row[0] * (row[1] - row[2])), "which rows count"),
    ("most_overconfident", first_above, "first overconfident row"),
    ("most_overconfident", lambda table: max(row[1] - row[2] for row in table if row[0] >= 30), "Nothing is left"),
    ("most_overconfident", lambda table: table.sort() or overconfident()(table), "changes what it was given"),
    (
        "most_overconfident",
        lambda table: next((row for row in table if table.index(row) == overconfident()(table)), -1),
        "row itself",
    ),
    ("most_overconfident", lambda table: [overconfident()(table)], "whole number"),
]

RIGHT = [
    ("best_epoch", in_epoch(lambda losses: torch.tensor(losses).argmin() + 1)),
    ("best_epoch", in_epoch(lambda losses: np.argmin(losses) + 1)),
    ("best_epoch", in_epoch(lambda losses: float(min(range(len(losses)), key=losses.__getitem__) + 1))),
    ("best_epoch", starting_at(float("inf"))),
    ("interval", around(lambda c, n: 1.96 * np.sqrt(c / n * (1 - c / n) / n))),
    ("interval", lambda c, n: [torch.tensor(end) for end in around(lambda c, n: 1.96 * spread(c, n))(c, n)]),
    ("precision", lambda m, d: m[d, d] / m[:, d].sum()),
    ("precision", lambda m, d: m.numpy()[d, d] / m.numpy().sum(axis=0)[d]),
    ("precision", lambda m, d: (m.double() / m.double().sum(0)).diag()[d]),
    ("read_digit", reading(record=True)),
    ("read_digit", reading(of=lambda logits: logits.log_softmax(1)[0].exp())),
    ("read_digit", reading(result=lambda p: p.max(0)[::-1])),
    ("read_digit", reading(record=True, result=lambda p: (p.argmax(), p.max()))),
    ("read_digit", reading(result=lambda p: (p.numpy().argmax(), p.numpy().max()))),
    ("read_digit", reading(result=lambda p: [float(p.argmax()), p.double().max()])),
    ("most_overconfident", of_the_best(lambda t: np.array([p - a if n >= 30 else -1 for n, p, a in t]))),
    ("most_overconfident", of_the_best(lambda t: torch.tensor([p - a if n >= 30 else -1 for n, p, a in t]))),
    ("most_overconfident", lambda table: torch.tensor(float(overconfident()(table)))),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, answer", RIGHT)
def test_whatever_is_right_passes_every_time(name, answer):
    expect_solved(name, answer)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=6)) >= 3
