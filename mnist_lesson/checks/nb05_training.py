"""The self-checks of the exercises of notebook 05_training; those of 5.4 and 5.7 are in nb05_step.py."""

import dataclasses
import math
import random
import statistics
from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.checks.compare import CLEAR, Hint, compare, draw_until
from mnist_lesson.checks.judge import exercise

OTHER_AXIS = "Predictions and labels differ in number: does `argmax` look along the wrong axis?"


@exercise("5.1", "Two steps: the logarithms of the probabilities, then one number from each row. Which one?")
def cross_entropy(answer: Callable) -> None:
    def of_the_right(table, labels):
        return table[torch.arange(len(labels)), labels]

    def draw():
        sizes = (random.randint(2, 5), 20, 1, 10, 64)
        cases = [(3 * torch.randn(n, 10), torch.randint(0, 10, (n,))) for n in sizes]
        labels = torch.randint(0, 10, (3,))
        sure_and_wrong = 15 - 30 * F.one_hot(labels, 10)  # the right class has a probability of about 1e-14
        return [*cases, (sure_and_wrong + torch.rand(3, 10), labels), (torch.rand(4, 10), torch.full((4,), 9))]

    mistakes = [
        (lambda x, y: F.cross_entropy(x, y, reduction="sum"), "This is the sum over the batch: the loss is the mean."),
        (lambda x, y: -F.cross_entropy(x, y), "The sign: a loss is never negative."),
        (lambda x, y: -of_the_right(x.softmax(1), y).mean(), "The logarithm is missing."),
        (lambda x, y: -of_the_right(x, y).mean(), "These are bare logits: the log-softmax is missing."),
        (lambda x, y: -x.log_softmax(1).mean(), "Only the number of the right class counts, not all of them."),
        (lambda x, y: -x.log_softmax(1).sum(1).mean(), "Only the number of the right class counts, not all of them."),
        (
            lambda x, y: F.cross_entropy(x, y) / 10,
            "This is a tenth of the loss: one number of each row counts, so divide by the number of images.",
        ),
        (lambda x, y: F.cross_entropy(x.softmax(1), y), "The softmax was applied twice."),
        (lambda x, y: -of_the_right(x.log_softmax(0), y).mean(), "The classes of an image lie along axis 1."),
        (lambda x, y: F.cross_entropy(x, y, reduction="none"), "One number for the batch: take the mean."),
        (
            lambda x, y: -x.log_softmax(1)[:, y].mean(),
            "Each image has a label of its own: one number from each row, not a column for each label.",
        ),
    ]
    for tiny in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12):
        mistakes.append(
            (
                lambda x, y, tiny=tiny: -(of_the_right(x.softmax(1), y) + tiny).log().mean(),
                "Nearly. But nothing may be added before the logarithm: it spoils small probabilities.",
            )
        )
    compare(answer, draw, F.cross_entropy, mistakes)


@exercise(
    "5.2",
    "First the predictions, then how many of them equal the label. Along which axis do the classes lie?",
    errors={"must match the size": OTHER_AXIS},
)
def count_correct(answer: Callable) -> None:
    def right(logits, labels):
        return sum(int(row.tolist().index(max(row.tolist())) == label) for row, label in zip(logits, labels.tolist()))

    def case(n, place=0.0, correct=None):
        """`n` images with logits around `place`, of which `correct` are read correctly, or about two thirds."""
        correct = 2 * n // 3 if correct is None else correct
        falling = torch.randn(n, 10).sort(dim=1, descending=True).values + place
        logits = torch.stack([row.roll(i) for i, row in enumerate(falling)])  # the largest is at place i % 10
        labels = torch.arange(n)
        labels[correct:] += 1 + torch.arange(n - correct) % 9  # the second largest logit, the third, ...
        shuffled = torch.randperm(n)
        return logits[shuffled], labels[shuffled] % 10

    def draw():
        wanted = [(10,), (random.randint(11, 20),), (64,), (30, 40.0), (30, -40.0)]  # all positive, all negative
        wanted += [(1, 0.0, 1), (1, 0.0, 0), (12, 0.0, 12), (12, 0.0, 0)]
        wanted += [(49, 0.0, 27)]  # 27 / 49 is rounded, and 49 times that is a little less than 27
        return [draw_until(lambda: case(*each), _tie) for each in wanted]

    def top_2(x, y):
        return int((x.topk(2, dim=1).indices == y[:, None]).any(dim=1).sum())

    def by_columns(x, y):
        return int((x.softmax(0).argmax(1) == y).sum())

    mistakes = [
        (lambda x, y: right(x, y) / len(y), "This is the accuracy. The number of right answers was asked for."),
        (lambda x, y: len(y) - right(x, y), "These are the wrong answers."),
        (lambda x, y: x.argmax(1) == y, "Count the `True`s."),
        (
            lambda x, y: 0,  # so does (x.amax(1) == y).sum()
            "You count none in any batch. Is a label compared with the largest logit itself? Its place counts.",
        ),
        (lambda x, y: int((x.argmax(0) == y).sum()), "Along axis 0 lie the images. Look along the classes."),
        (lambda x, y: int((x.argmin(1) == y).sum()), "The largest logit wins, not the smallest."),
        (top_2, "Only the largest logit of an image is its answer: the second largest is a mistake like any other."),
        (by_columns, "The classes of an image lie along axis 1. Is something computed along the images here?"),
        (
            lambda x, y: int((x.argmax(1) == y).float().mean().item() * len(y)),
            "A mean is rounded, and times the number of images it may be just below the count: take the sum.",
        ),
        (lambda x, y: int(((x > 0).float().argmax(1) == y).sum()), "The largest logit wins, not the first above 0."),
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
        def case(sizes):
            return [random.uniform(0.1, 4) for _ in sizes], sizes

        sizes = [
            [32, 32, random.randint(1, 16)],
            [random.randint(1, 64) for _ in range(6)],
            [1, 32, 32],
            [32, 1, 32, 32],
            [64, 64, 64, 64, 7],
            [10, 10],
            [random.randint(1, 30)],
            [1, 1000],
        ]
        return [*map(case, sizes), ([0.0, 0.0, 2.0], [20, 10, 10]), ([1e-3, 200.0], [50, 3])]

    mistakes = [
        (
            lambda means, sizes: sum(means) / len(means),
            "The batches differ in size: the mean of a small one must count less.",
        ),
        (
            lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / len(means),
            "Divide by the number of samples, not by the number of batches.",
        ),
        (
            lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / (32 * len(means)),
            "Not every batch has 32 images: add up the sizes.",
        ),
        (
            lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / (sizes[0] * len(means)),
            "Not every batch has as many samples as the first: add up the sizes.",
        ),
        (
            lambda means, sizes: right(means, [sizes[0]] * (len(sizes) - 1) + sizes[-1:]),
            "Any batch may be small, not only the last: take each size from the list.",
        ),
        (lambda means, sizes: sum(means) / sum(sizes), "Each mean stands for a whole batch: multiply by its size."),
        (lambda means, sizes: sum(m * s for m, s in zip(means, sizes)), "This is the sum: now divide."),
    ]
    compare(answer, draw, right, mistakes)


@dataclasses.dataclass(repr=False)
class _Testing:
    """What `accuracy` is given."""

    model: nn.Sequential
    test_dl: DataLoader
    correct: int  # so many images are read correctly

    def __repr__(self) -> str:
        number, batch_size = len(self.test_dl.dataset), self.test_dl.batch_size
        return f"{number} images in batches of {batch_size}, of which {self.correct} are read correctly,"


@exercise(
    "5.5",
    "Two things to switch before the loop, one for layers and one for the record. Then count.",
    errors={
        "more than 1 value per channel": "In train mode, batch norm cannot cope with a batch of one image.",
        "must match the size": OTHER_AXIS,
    },
    may_change=("mode", "buffers"),
)
def accuracy(answer: Callable) -> None:
    def watched(testing):
        model, recorded = testing.model.train(), []
        model[-1].register_forward_hook(lambda layer, inputs, output: recorded.append(output.requires_grad))
        for weight in model.parameters():
            weight.grad = torch.rand_like(weight)  # of a training: a test leaves it alone
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        found = answer(model, testing.test_dl)
        if any(not torch.equal(buffer, before[name]) for name, buffer in model.named_buffers()):
            raise Hint("The running averages of the model changed while it was tested: was it in train mode?")
        if any(recorded):
            raise Hint("PyTorch recorded everything for `backward`, which nobody will call: switch that off.")
        return found

    def batches(testing):
        """For each image of each batch 1 if it is read correctly, otherwise 0."""
        testing.model.eval()
        with torch.no_grad():
            return [(testing.model(images).argmax(1) == labels).float() for images, labels in testing.test_dl]

    def right(testing):
        return testing.correct / len(testing.test_dl.dataset)

    def draw():
        sizes = [(random.choice([50, 65, 81]) + 1, 16, 9), (33, 16, 1), (40, 10, 12), (12, 1, 5), (7, 16, 3)]
        sizes += [(20, 8, 0), (20, 8, 20)]
        return [(_draw_testing(*size),) for size in sizes]

    mistakes = [
        (
            lambda testing: statistics.mean(batch.mean().item() for batch in batches(testing)),
            "This is the mean of the batch means: the last batch is smaller and must count less.",
        ),
        (lambda testing: testing.correct, "This is a count: the accuracy is a fraction from 0 to 1."),
        (lambda testing: 100 * right(testing), "This is in percent: the accuracy is a fraction from 0 to 1."),
        (lambda testing: 1 - right(testing), "This is the share of wrong answers."),
        (
            lambda testing: testing.correct / len(testing.test_dl),
            "Divide by the number of images, not by the number of batches.",
        ),
        (
            lambda testing: testing.correct / len(testing.test_dl) / testing.test_dl.batch_size,
            "Not every batch is full: divide by the number of images that there are.",
        ),
        (lambda testing: batches(testing)[-1].mean(), "This is the accuracy of the last batch alone: add up all."),
        (lambda testing: batches(testing)[0].mean(), "This is the accuracy of the first batch alone: add up all."),
    ]
    compare(watched, draw, right, mistakes)


def _draw_testing(number: int, batch_size: int, wrong: int) -> _Testing:
    """Draw a model and test data, of which the last `wrong` are read wrongly."""
    model = nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.Dropout(0.5), nn.Linear(20, 5))
    with torch.no_grad():
        model(3 * torch.randn(50, 6) + 1)  # the running averages are those of other images
        model.eval()
        images, _ = draw_until(
            lambda: (images := torch.randn(number, 6), (model(images),)), lambda drawn: _tie(drawn[1])
        )
        labels = model(images).argmax(1)
    labels[number - wrong :] = (labels[number - wrong :] + 1) % 5
    return _Testing(model, DataLoader(TensorDataset(images, labels), batch_size=batch_size), number - wrong)


class _Accuracies(dict):
    """The accuracy for each learning rate, with a name for the hints."""

    def __init__(self, name: str, accuracies: dict[float, float]) -> None:
        super().__init__(accuracies)
        self.name = name

    def __repr__(self) -> str:
        return f"the {self.name} accuracies {super().__repr__()}"


@exercise("5.6", "Keep what `validate` returns for each rate. Which rate has the best of these accuracies?")
def choose_rate(answer: Callable) -> None:
    def watched(validation, tested):
        """Let the answer choose, and look at the calls that it makes on the way."""
        calls = []

        def measuring(name, accuracies):
            def measure(rate):
                try:
                    known = next((known for known in accuracies if math.isclose(known, rate, rel_tol=1e-4)), None)
                except TypeError:  # it is no number
                    known = None
                if known is None:
                    raise ValueError(f"`{name}` was called with {rate!r}, which is none of the rates")
                calls.append((name, known))
                return accuracies[known]

            return measure

        found = answer(list(validation), measuring("validate", validation), measuring("test", tested))
        _judge_calls(calls, len(validation))
        return found

    def best(accuracies):
        return max(accuracies, key=accuracies.get)

    def right(validation, tested):
        return best(validation), tested[best(validation)]

    def draw():
        places = [(3, 1), (4, 2), (4, 0), (5, 4), (8, random.randrange(8)), (2, 0), (2, 1), (1, 0)]
        two_peaks = {0.001: 0.92, 0.01: 0.90, 0.1: 0.95, 1.0: 0.3}
        close = {0.3: 0.981, 0.1: 0.979, 0.03: 0.984, 0.01: 0.983}
        bad = {1.0: 0.098, 3.0: 0.101, 0.3: 0.095}
        given = [(rates, {rate: random.uniform(0.1, 0.9) for rate in rates}) for rates in (two_peaks, close, bad)]
        given.append(({0.1: 0.0}, {0.1: 0.002}))
        named = [(_Accuracies("validation", one), _Accuracies("test", other)) for one, other in given]
        return [*(_draw_accuracies(*place) for place in places), *named]

    mistakes = [
        (
            lambda v, t: (best(v), v[best(v)]),
            "This is its accuracy on the validation set: return that on the test set.",
        ),
        (
            lambda v, t: (best(v), t[list(v)[-1]]),
            "The rate is right, but you tested another one: after a loop, its variable still holds the last rate.",
        ),
        (lambda v, t: right(v, t)[::-1], "First the rate, then the accuracy."),
        (
            lambda v, t: (list(v).index(best(v)), t[best(v)]),
            "The rate itself was asked for, not its place in the list.",
        ),
        (lambda v, t: (min(v, key=v.get), t[min(v, key=v.get)]), "This is the worst rate: a high accuracy is good."),
        (lambda v, t: (max(v), t[max(v)]), "This is the largest rate. The one with the best accuracy was asked for."),
        (lambda v, t: (list(v)[-1], t[list(v)[-1]]), "This is the last rate, whatever its accuracy: compare them."),
        (lambda v, t: (list(v)[0], t[list(v)[0]]), "This is the first rate, whatever its accuracy: compare them."),
    ]
    compare(watched, draw, right, mistakes)


def _judge_calls(calls: list[tuple[str, float]], number: int) -> None:
    """Raise Hint unless each of a number of rates was tried once, and then one of them was tested."""
    names = [name for name, _ in calls]
    tried = [rate for name, rate in calls if name == "validate"]
    if names.count("test") > 1:
        raise Hint(
            f"You called `test` {names.count('test')} times: then the test images take part in the choice. Call it "
            "once, at the end. ('A word of caution' says why.)"
        )
    if len(tried) > len(set(tried)):
        raise Hint("You trained with one rate more than once, and each training takes long: keep what `validate` says.")
    if len(tried) < number:
        raise Hint(f"Of {number} rates you tried {len(tried)} on the validation set: any of them may be the best.")
    if "test" not in names:
        raise Hint("Call `test` as well, once, with the rate that you chose: its accuracy was asked for, too.")
    if names[-1] != "test":
        raise Hint("You called `test` before all rates were compared: it comes at the end, when the choice is made.")


def _draw_accuracies(number: int, place: int) -> tuple[_Accuracies, _Accuracies]:
    """Draw accuracies for a number of rates: on the validation set that at `place` is best, on the test set another."""
    rates = random.sample([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0], number)

    def accuracies(name, place):
        drawn = sorted(random.sample(range(1, 1000), number))
        largest = drawn.pop()
        random.shuffle(drawn)
        drawn.insert(place, largest)
        return _Accuracies(name, {rate: accuracy / 1000 for rate, accuracy in zip(rates, drawn)})

    return accuracies("validation", place), accuracies("test", (place + 1) % number)
