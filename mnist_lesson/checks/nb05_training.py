"""The self-checks of the exercises of notebook 05_training."""

import random
import statistics
from collections.abc import Callable, Iterable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.checks.compare import CLEAR, Hint, alike, compare, difference, draw_until
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.state import Spy


@exercise("5.1", "Two steps: the logarithms of the probabilities, then one number from each row. Which one?")
def cross_entropy(answer: Callable) -> None:
    def of_the_right(table, labels):
        return table[torch.arange(len(labels)), labels]

    def draw():
        return [(3 * torch.randn(n, 10), torch.randint(0, 10, (n,))) for n in (1, random.randint(2, 5), 20)]

    mistakes = [
        (lambda x, y: F.cross_entropy(x, y, reduction="sum"), "This is the sum over the batch: the loss is the mean."),
        (lambda x, y: -F.cross_entropy(x, y), "The sign: a loss is never negative."),
        (lambda x, y: -of_the_right(x.softmax(1), y).mean(), "The logarithm is missing."),
        (lambda x, y: -of_the_right(x, y).mean(), "These are bare logits: the log-softmax is missing."),
        (lambda x, y: -x.log_softmax(1).mean(), "Only the number of the right class counts, not all of them."),
        (lambda x, y: F.cross_entropy(x.softmax(1), y), "The softmax was applied twice."),
        (lambda x, y: -of_the_right(x.log_softmax(0), y).mean(), "The classes of an image lie along axis 1."),
        (lambda x, y: F.cross_entropy(x, y, reduction="none"), "One number for the batch: take the mean."),
    ]
    compare(answer, draw, F.cross_entropy, mistakes)


@exercise(
    "5.2",
    "First the predictions, then how many of them equal the label. Along which axis do the classes lie?",
    errors={"must match the size": "Predictions and labels differ in number: `argmax` looks along the wrong axis."},
)
def count_correct(answer: Callable) -> None:
    def right(logits, labels):
        return sum(int(row.tolist().index(max(row.tolist())) == label) for row, label in zip(logits, labels.tolist()))

    def case(n):
        labels = torch.randint(0, 10, (n,))
        logits = torch.randn(n, 10)
        logits[: n // 2, :] += 5 * F.one_hot(labels[: n // 2], 10)  # or hardly any would be right
        return logits, labels

    def draw():
        return [draw_until(lambda: case(n), _tie) for n in (10, 10, random.randint(11, 20))]

    mistakes = [
        (lambda x, y: right(x, y) / len(y), "This is the accuracy. The number of right answers was asked for."),
        (lambda x, y: len(y) - right(x, y), "These are the wrong answers."),
        (lambda x, y: x.argmax(1) == y, "Count the `True`s."),
        (lambda x, y: int((x.argmax(0) == y).sum()), "Along axis 0 lie the images. Look along the classes."),
        (lambda x, y: float(right(x, y)), "The count is right, but a whole number was asked for: use `int(...)`."),
        (lambda x, y: int((x.argmin(1) == y).sum()), "The largest logit wins, not the smallest."),
    ]
    compare(answer, draw, right, mistakes)


def _tie(case: tuple) -> str:
    """Say so if two logits of an image are so close that rounding could decide which one is the largest."""
    first, second = case[0].topk(2, dim=1).values.unbind(dim=1)
    return "two logits are equal" if (first - second < CLEAR).any() else ""


@exercise("5.3", "A batch of 32 images should count twice as much as one of 16. Then: divide by how many?")
def mean_loss(answer: Callable) -> None:
    def right(means, sizes):
        return sum(mean * size for mean, size in zip(means, sizes)) / sum(sizes)

    def draw():
        return [
            ([random.uniform(0.1, 1) for _ in range(n)] + [random.uniform(2, 4)], [32] * n + [random.randint(1, 16)])
            for n in (2, random.randint(3, 5), 6)
        ]

    mistakes = [
        (lambda means, sizes: sum(means) / len(means), "The last batch is smaller, so its mean must count less."),
        (
            lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / len(means),
            "Divide by the number of samples, not by the number of batches.",
        ),
        (
            lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / (32 * len(means)),
            "Not every batch has as many samples as the first: add up the sizes.",
        ),
        (lambda means, sizes: sum(means) / sum(sizes), "Each mean stands for a whole batch: multiply by its size."),
        (lambda means, sizes: sum(m * s for m, s in zip(means, sizes)), "This is the sum: now divide."),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "5.4",
    "Logits, loss, then the three calls. The section 'One step by hand' says in which order, and why.",
    errors={
        "does not require grad": "`backward` is called on something that was not recorded: the loss, not a number."
    },
    may_change=("weights", "gradients"),
)
def train_step(answer: Callable) -> None:
    for _ in range(3):
        (model, images, labels, rate), after, losses = draw_until(_draw_step, _alike_steps)
        found = answer(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=rate), images, labels)
        weights = _flat(model.parameters())
        if difference(weights, after["one step"]):
            if not difference(weights, after["no step"]):
                raise Hint("The weights did not change: is there a `step`, and does it find gradients when it comes?")
            if not difference(weights, after["old and new gradient"]):
                raise Hint("An older gradient was still there and was added: delete it before `backward`.")
            if not difference(weights, after["old gradient"]):
                raise Hint("The step used an older gradient: `step` comes after `backward`.")
            raise Hint("After one step the weights are not what SGD makes of them: exactly one `step` is needed.")
        if isinstance(found, torch.Tensor) and found.requires_grad:
            raise Hint(
                "The weights are right. But the loss that you return drags its whole record along: use `.item()`."
            )
        problem = difference(found, losses["before the step"])
        if problem:
            raise Hint(f"The weights are right. Return the loss from before the step as a number: {problem}.")


def _draw_step() -> tuple[tuple, dict, dict]:
    """Draw a model with an old gradient and a batch; work out the weights after each kind of step, and the losses."""
    model, images = nn.Linear(5, 4), torch.randn(8, 5)
    labels, rate = torch.randint(0, 4, (8,)), random.uniform(0.1, 0.5)
    F.cross_entropy(10 * model(torch.randn(8, 5)), torch.randint(0, 4, (8,))).backward()
    loss = F.cross_entropy(model(images), labels)
    before, old = _flat(model.parameters()), _flat(weight.grad for weight in model.parameters())
    new = _flat(torch.autograd.grad(loss, list(model.parameters())))
    after = {
        "one step": before - rate * new,
        "no step": before,
        "old and new gradient": before - rate * (old + new),
        "old gradient": before - rate * old,
        "two steps": before - 2 * rate * new,
    }
    weight, bias = after["one step"].split([20, 4])
    loss_after = F.cross_entropy(F.linear(images, weight.reshape(4, 5), bias), labels)
    return (model, images, labels, rate), after, {"before the step": loss.item(), "after it": loss_after.item()}


def _alike_steps(drawn: tuple[tuple, dict, dict]) -> str:
    return alike(drawn[1]) or alike(drawn[2])


def _flat(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return all numbers of some tensors in one row, (N,), as a copy."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


@exercise(
    "5.5",
    "Two things to switch before the loop, one for layers and one for the record. Then count.",
    may_change=("mode", "buffers"),
)
def accuracy(answer: Callable) -> None:
    for _ in range(3):
        model, test_dl, results = draw_until(_draw_test, lambda drawn: alike(drawn[2]))
        right, number = results["the accuracy"], len(test_dl.dataset)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        model.train()
        model[0].passes.clear()
        found = answer(model, test_dl)
        if any(not torch.equal(value, state[name]) for name, value in model.state_dict().items()):
            raise Hint("The running averages of the model changed while it was tested: it was in train mode.")
        if not difference(found, results["the mean of the batch means"]):
            raise Hint("This is the mean of the batch means: the last batch is smaller and must count less.")
        if not difference(found, results["the count"]):
            raise Hint("This is a count: the accuracy is a fraction from 0 to 1.")
        if not difference(found, results["in percent"]):
            raise Hint("This is in percent: the accuracy is a fraction from 0 to 1.")
        problem = difference(found, right)
        if problem:
            raise Hint(f"Of {number} images {round(right * number)} are right: {problem}.")
        if any(model[0].passes):
            raise Hint("The number is right. But PyTorch recorded everything for gradients: switch that off.")


def _draw_test() -> tuple[nn.Sequential, DataLoader, dict]:
    """Draw a model, whose first layer is a Spy, and test data; work out the accuracy and what is taken for it."""
    model = nn.Sequential(Spy(), nn.Linear(6, 20), nn.BatchNorm1d(20), nn.Dropout(0.5), nn.Linear(20, 3))
    number = random.choice([50, 65, 81]) + 1  # a last batch of few images
    images = torch.randn(number, 6)
    with torch.no_grad():
        model.train()(3 * images + 1)  # the running averages are those of other images
        images, _ = draw_until(
            lambda: (images := torch.randn(number, 6), (model.eval()(images),)), lambda d: _tie(d[1])
        )
        labels = model(images).argmax(1)
        labels[-9:] = (labels[-9:] + 1) % 3  # the last ones are wrong, so a short last batch shows
        test_dl = DataLoader(TensorDataset(images, labels), batch_size=16)
        means = [(model(x).argmax(1) == y).float().mean().item() for x, y in test_dl]
    right = (number - 9) / number
    results = {
        "the accuracy": right,
        "the mean of the batch means": statistics.mean(means),
        "the count": number - 9,
        "in percent": 100 * right,
    }
    return model, test_dl, results
