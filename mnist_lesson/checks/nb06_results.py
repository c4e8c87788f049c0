"""The self-checks of the exercises of notebook 06_results."""

import math
import random
from collections.abc import Callable

import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Hint, alike, compare, describe, difference, draw_until, elements
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.state import Spy
from mnist_lesson.results import History, confusion_matrix


@exercise("6.1", "Find the smallest loss in the list. Then: the first epoch has number 1, but which place in the list?")
def best_epoch(answer: Callable) -> None:
    def right(history):
        return history.test_loss.index(min(history.test_loss)) + 1

    def case():
        epochs = random.randint(6, 9)
        best = random.randint(epochs // 2 + 1, epochs - 2)
        falling = sorted((random.uniform(0.3, 1) for _ in range(epochs)), reverse=True)
        held = [0.2 + abs(i - best) * random.uniform(0.06, 0.07) for i in range(epochs)]
        falling[-2:] = random.sample(falling[-2:], 2)  # its smallest is not always the last
        accs = [random.uniform(0.8, 0.95) for _ in range(epochs)]
        return (History(accs, falling, accs, held),)

    mistakes = [
        (lambda h: right(h) - 1, "Lists count from 0, epochs from 1."),
        (lambda h: min(h.test_loss), "This is the loss itself. In which epoch was it?"),
        (lambda h: len(h), "The last epoch is not always the best: where does the test loss turn?"),
        (lambda h: h.train_loss.index(min(h.train_loss)) + 1, "The training loss goes on falling: look at the other."),
        (lambda h: h.test_loss.index(max(h.test_loss)) + 1, "A loss is good when it is small."),
        (lambda h: h.test_acc.index(max(h.test_acc)) + 1, "The loss was asked for, not the accuracy."),
    ]
    compare(answer, lambda: [case() for _ in range(4)], right, mistakes)


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
        return [(random.randint(total // 2, total * 9 // 10), total) for total in totals]

    mistakes = [
        (lambda c, n: around(c, n, spread(c, n)), "This interval holds 68 %: for 95 % it is 1.96 times as wide."),
        (lambda c, n: around(c, n, 1.96 * spread(c, n) ** 2), "The square root is missing."),
        (lambda c, n: around(c, n, 1.96 * math.sqrt(n) * spread(c, n)), "Divide by the number of images, in the root."),
        (lambda c, n: tuple(100 * end for end in right(c, n)), "Give fractions from 0 to 1, not percent."),
        (lambda c, n: right(c, n)[::-1], "The lower end comes first."),
        (lambda c, n: around(c, n, 1.96 * spread(c, n) / math.sqrt(n)), "The number of images is divided by twice."),
        (lambda c, n: 1.96 * spread(c, n), "This is half the width: return both ends."),
    ]
    compare(answer, draw, right, mistakes)


@exercise("6.3", "Everything that was read as `digit` stands in one column. Which of it is right?")
def precision(answer: Callable) -> None:
    def right(matrix, digit):
        return matrix[digit, digit].item() / matrix[:, digit].sum().item()

    def case():
        labels = torch.arange(10).repeat(30)
        noise = torch.rand(300) < random.uniform(0.2, 0.6)
        predictions = torch.where(noise, torch.randint(0, 10, (300,)).pow(2) // 9, labels)
        return confusion_matrix(labels, predictions), random.randint(0, 9)

    mistakes = [
        (
            lambda m, d: m[d, d].item() / m[d].sum().item(),
            "You divide by the row: of all images of the digit, how many were found. The column is the other question.",
        ),
        (lambda m, d: m.diag().sum().item() / m.sum().item(), "This is the accuracy over all digits."),
        (lambda m, d: m[d, d].item() / m.sum().item(), "Divide by how often the network said `digit`, not by all."),
        (lambda m, d: m[:, d].sum().item(), "This is how often the network said `digit`. How often was that right?"),
        (lambda m, d: 1 - right(m, d), "This is the share that is wrong."),
    ]
    compare(answer, lambda: [case() for _ in range(5)], right, mistakes)


@exercise(
    "6.4",
    "'Read a single image' shows all the steps. Which one changes a shape, and which two switch something?",
    errors={
        "Expected 3D": "The network takes batches: give the image a batch axis.",
        "expected 2D or 3D": "The network takes batches: give the image a batch axis.",
        "shapes cannot be multiplied": "The network takes batches: give the image a batch axis.",
        "must match the size": "The network takes batches: give the image a batch axis.",
        "Dimension out of range": "After the network there is still a batch axis: along which axis lie the classes?",
    },
    may_change=("mode",),
)
def read_digit(answer: Callable) -> None:
    for _ in range(3):
        model, image, digit, results = draw_until(_draw_reading, _unsure)
        probability = results["the probability"]
        found = answer(model, image)
        values = elements(found)
        if values is None or len(values) != 2:
            raise Hint(f"Expected two values, `return digit, probability`, found {describe(found)}.")
        if not difference(values[::-1], (digit, probability)):
            raise Hint("The digit comes first, then the probability.")
        if not difference(values[1], results["the logit"]):
            raise Hint("This is the logit. `softmax` makes a probability of it.")
        if not difference(values[1], 1.0):
            raise Hint("The probability is always 1: `softmax` runs along the wrong axis, over one image alone.")
        problem = difference(found, (digit, probability))
        if problem and model.training:
            raise Hint("Twice the same image, and the answers differ: the model has a dropout layer. Which mode?")
        if problem:
            raise Hint(f"For a digit that the network reads as {digit}, {problem}.")
        if any(model[0].passes):
            raise Hint("The answer is right. But PyTorch recorded everything for gradients: switch that off.")


def _draw_reading() -> tuple[nn.Sequential, torch.Tensor, int, dict]:
    """Draw a model in train mode, whose first layer is a Spy, and an image; work out the digit that it reads."""
    model = nn.Sequential(Spy(), nn.Flatten(), nn.Dropout(0.7), nn.Linear(784, 10))
    image = torch.rand(1, 28, 28)
    with torch.no_grad():
        logits = model.eval()(image.unsqueeze(0))[0]
        probability, digit = logits.softmax(0).max(0)
    model.train()
    model[0].passes.clear()
    numbers = {
        "the probability": probability.item(),
        "the logit": logits.max().item(),
        "one": 1.0,
        "the second largest logit": logits.topk(2).values[1].item(),
    }
    return model, image, digit.item(), numbers


def _unsure(drawn: tuple) -> str:
    return alike(drawn[3])
