"""The checkers of notebook 05_training: typical mistakes get the hint meant for them."""

import statistics

import torch
import torch.nn.functional as F
from verdicts import expect_hint, numbers_tried, typical_mistakes


def step_in_order(order):
    def train_step(model, loss_fn, optimizer, images, labels):
        loss = loss_fn(model(images), labels)
        calls = {"z": optimizer.zero_grad, "b": lambda: loss.backward(retain_graph=True), "s": optimizer.step}
        for call in order:
            calls[call]()
        return loss.item()

    return train_step


def step_returning(what):
    def train_step(model, loss_fn, optimizer, images, labels):
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return what(loss)

    return train_step


def counted(model, test_dl):
    return sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_dl)


def without_eval(model, test_dl):
    with torch.no_grad():
        return counted(model, test_dl) / len(test_dl.dataset)


def without_no_grad(model, test_dl):
    model.eval()
    return counted(model, test_dl) / len(test_dl.dataset)


def mean_of_means(model, test_dl):
    model.eval()
    with torch.no_grad():
        return statistics.mean((model(x).argmax(1) == y).float().mean().item() for x, y in test_dl)


def count_only(model, test_dl):
    model.eval()
    with torch.no_grad():
        return counted(model, test_dl)


def step_in_eval_mode(model, loss_fn, optimizer, images, labels):
    return step_in_order("zbs")(model.eval(), loss_fn, optimizer, images, labels)


def freezes_the_weights(model, test_dl):
    model.eval().requires_grad_(False)
    return counted(model, test_dl) / len(test_dl.dataset)


def uses_up_the_lists(means, sizes):
    total, number = 0, 0
    while means:
        size = sizes.pop()
        total, number = total + means.pop() * size, number + size
    return total / number


WRONG = [
    ("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="sum"), "sum over the batch"),
    ("cross_entropy", lambda x, y: x.log_softmax(1)[range(len(y)), y].mean(), "sign"),
    ("cross_entropy", lambda x, y: -x.softmax(1)[range(len(y)), y].mean(), "logarithm is missing"),
    ("cross_entropy", lambda x, y: F.cross_entropy(x.softmax(1), y), "twice"),
    ("count_correct", lambda x, y: (x.argmax(1) == y).float().mean().item(), "This is the accuracy"),
    ("count_correct", lambda x, y: (x.argmax(1) == y).float().sum().item(), "whole number"),
    ("count_correct", lambda x, y: (x.argmax(0) == y).sum().item(), "axis"),
    ("count_correct", lambda x, y: x.argmax(1) == y, "Count"),
    ("mean_loss", lambda means, sizes: sum(means) / len(means), "must count less"),
    ("mean_loss", lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / len(means), "number of samples"),
    ("mean_loss", lambda means, sizes: sum(means) / sum(sizes), "whole batch"),
    ("mean_loss", uses_up_the_lists, "changes what it was given"),
    ("train_step", step_in_order("bs"), "older gradient was still there"),
    ("train_step", step_in_order("zsb"), "did not change"),
    ("train_step", step_in_order("szb"), "`step` comes after"),
    ("train_step", step_in_order("bzs"), "did not change"),
    ("train_step", step_in_order("zbss"), "exactly one"),
    ("train_step", step_in_eval_mode, "changes the mode of the model"),
    ("train_step", step_returning(lambda loss: loss), ".item()"),
    ("train_step", step_returning(lambda loss: float("nan")), "Return the loss"),
    ("accuracy", without_eval, "train mode"),
    ("accuracy", without_no_grad, "recorded everything"),
    ("accuracy", mean_of_means, "mean of the batch means"),
    ("accuracy", count_only, "This is a count"),
    ("accuracy", freezes_the_weights, "changes which weights"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=5)) >= 3
