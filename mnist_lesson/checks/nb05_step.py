"""The self-checks of exercises 5.4 and 5.7 of notebook 05_training: one training step, and many with one batch."""

import copy
import dataclasses
import random
from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import SGD, Adam, AdamW, Optimizer

from mnist_lesson.checks.compare import CLEAR, Hint, compare, draw_until
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.models import summed_up

NOT_RECORDED = (
    "`backward` is called on something that was not recorded. It must be the loss itself, computed while PyTorch "
    "records."
)


@dataclasses.dataclass(repr=False)
class _Training:
    """What `train_step` is given, with a batch for each of some steps; `what` says in a hint what is looked at."""

    what: str
    model: nn.Module
    loss_fn: Callable
    optimizer: Optimizer
    batches: list
    earlier: tuple | None  # a batch whose gradient may still be there

    def __repr__(self) -> str:
        loss = getattr(self.loss_fn, "__name__", type(self.loss_fn).__name__)
        kinds = f"{type(self.optimizer).__name__} and {loss}"
        return f"{self.what} one step for each of {len(self.batches)} batches with {kinds}"


def _flat_weights(model: nn.Module) -> torch.Tensor:
    """Return all weights of a model in one row, (N,)."""
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def _step(model: nn.Module, loss_fn: Callable, optimizer: Optimizer, images, labels, calls="zero backward step"):
    """Take the right step, or make other calls in another order, and return the loss from before."""
    loss = loss_fn(model(images), labels)
    do = {"zero": optimizer.zero_grad, "backward": lambda: loss.backward(retain_graph=True), "step": optimizer.step}
    for call in calls.split():
        do[call]()
    return loss.item()


@exercise(
    "5.4",
    "Logits, loss, then the three calls. The section 'One step by hand' says in which order, and why.",
    errors={
        "does not require grad": NOT_RECORDED,
        "'float' object has no attribute 'backward'": "`.item()` makes a mere number of the loss, and `backward` needs "
        "the loss itself: that call comes last.",
        "'NoneType' object has no attribute 'zero_'": "Before the first `backward` a weight has no gradient, its "
        "`.grad` is None: let the optimizer delete what is there.",
    },
    may_change=("weights", "gradients", "buffers", "optimizer state"),
)
def train_step(answer: Callable) -> None:
    def in_order(calls):
        return lambda *given: _step(*given, calls)

    def in_eval_mode(model, *others):
        loss = _step(model.eval(), *others)
        model.train()
        return loss

    def by_hand(model, loss_fn, optimizer, images, labels):
        _step(model, loss_fn, optimizer, images, labels, "zero backward")
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.data -= group["lr"] * weight.grad

    def loss_after(model, loss_fn, *others):
        _step(model, loss_fn, *others)
        images, labels = others[-2:]
        return loss_fn(model(images), labels).item()

    def weights(step):
        """What the weights are after the steps, (N,)."""

        def after(training):
            _take_steps(step, training)
            return _flat_weights(training.model)

        return after

    def losses(step):
        """What the steps return."""

        def during(training):
            returned = _take_steps(step, training)
            if any(isinstance(loss, torch.Tensor) and loss.requires_grad for loss in returned):
                raise Hint("The weights are right. But the loss that you return drags its record along: use `.item()`.")
            return tuple(returned)

        return during

    wrong_weights = [
        (in_order("zero backward"), "The weights did not change: is there a `step`, and does it find gradients then?"),
        (in_order("backward step"), "An older gradient was still there and was added: delete it before `backward`."),
        (
            in_order("backward step zero"),
            "In the first step an older gradient was still there and was added: delete it before `backward`, not at "
            "the end.",
        ),
        (in_order("step zero backward"), "The step used an older gradient: `step` comes after `backward`."),
        (in_order("zero backward step step"), "The weights moved too far: exactly one `step` for a batch."),
        (in_eval_mode, "The model gets the images in eval mode: batch norm layers compute otherwise then."),
        (lambda model, _, *others: _step(model, F.cross_entropy, *others), "Use the `loss_fn` that you are given."),
        (by_hand, "Not every optimizer takes away learning rate times gradient: let it take the step."),
    ]
    wrong_losses = [
        (loss_after, "This is the loss after the step: return the one from before it."),
        (lambda *given: _step(*given) / len(given[-1]), "Do not divide: `loss_fn` gives the loss of the batch."),
        (lambda *given: _step(*given) * len(given[-1]), "Do not multiply: `loss_fn` gives the loss of the batch."),
    ]
    wrong_weights = [(weights(mistake), hint) for mistake, hint in wrong_weights]
    wrong_losses = [(losses(mistake), hint) for mistake, hint in wrong_losses]
    compare(weights(answer), lambda: _draw_trainings("the weights after"), weights(_step), wrong_weights)
    compare(losses(answer), lambda: _draw_trainings("the losses of"), losses(_step), wrong_losses)


def _take_steps(step: Callable, training: _Training) -> list:
    """Take a step for each batch, and return what the steps return."""
    if training.earlier:  # only now, since a copy of a model has no gradients
        images, labels = training.earlier
        (5 * training.loss_fn(training.model(images), labels)).backward()  # large enough to show
    return [step(training.model, training.loss_fn, training.optimizer, *batch) for batch in training.batches]


def _draw_trainings(what: str) -> list[tuple[_Training]]:
    """Draw trainings that have been going on for some steps, or begin."""

    def batch(number):
        return torch.randn(number, 1, 4, 4), torch.randint(0, 4, (number,))

    trainings = []
    for loss_fn, kind, settings, steps, with_batch_norm in (
        (nn.CrossEntropyLoss(), SGD, {"lr": random.uniform(0.1, 0.5)}, 1, False),
        (nn.CrossEntropyLoss(label_smoothing=0.2), SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}, 2, True),
        (nn.MultiMarginLoss(), Adam, {"lr": random.uniform(0.02, 0.1)}, 2, True),
        (summed_up, AdamW, {"lr": 0.05, "weight_decay": 0.3}, 0, False),
    ):
        layers = [nn.Flatten(), nn.Linear(16, 4)]
        if with_batch_norm:  # the convolution without a bias, whose gradient would be nothing but rounding
            layers = [nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), *layers]
        model = nn.Sequential(*layers)
        optimizer = kind(model.parameters(), **settings)
        for _ in range(steps):
            _step(model, loss_fn, optimizer, *batch(8))
        trainings.append(_Training(what, model, loss_fn, optimizer, [batch(8), batch(5)], batch(8) if steps else None))
    return [(training,) for training in trainings]


@dataclasses.dataclass(repr=False)
class _OneBatch:
    """What `learn_by_heart` is given; `what` says in a hint what is looked at."""

    what: str
    model: nn.Module
    loss_fn: Callable
    optimizer: Optimizer
    images: torch.Tensor
    labels: torch.Tensor
    max_steps: int

    def __repr__(self) -> str:
        kind = type(self.optimizer).__name__
        return f"{self.what} a batch of {len(self.labels)} images, {kind} and `max_steps` = {self.max_steps},"


@exercise(
    "5.7",
    "Count the right answers first. Is the loop at its end? If not, one training step, and again.",
    errors={"does not require grad": NOT_RECORDED},
    may_change=("mode", "weights", "gradients", "buffers", "optimizer state"),
)
def learn_by_heart(answer: Callable) -> None:
    def called(one):
        return answer(one.model, one.loss_fn, one.optimizer, one.images, one.labels, one.max_steps)

    def weights(learn):
        """What the weights are after learning, (N,)."""

        def after(one):
            learn(one)
            return _flat_weights(one.model)

        return after

    def with_calls(calls):
        return lambda one: _learn(one, calls)

    def with_errors(errors):
        return lambda one: _learn(one, "zero backward step", errors)

    def and_then(change):
        return lambda one: change(one, *_learn(one))

    def never_ends_early(one):
        for _ in range(one.max_steps):
            _step(one.model, one.loss_fn, one.optimizer, one.images, one.labels)
        return one.max_steps, _count_right(one)

    def looks_before_the_step(one):
        for step in range(1, one.max_steps + 1):
            correct = _count_right(one)
            _step(one.model, one.loss_fn, one.optimizer, one.images, one.labels)
            if correct == len(one.labels):
                break
        return step, correct

    def step_before_the_first_count(one):
        _step(one.model, one.loss_fn, one.optimizer, one.images, one.labels)
        steps, correct = _learn(dataclasses.replace(one, max_steps=one.max_steps - 1))
        return steps + 1, correct

    def gives_up(one):
        return _learn(dataclasses.replace(one, max_steps=_first_fall(one) or one.max_steps))

    def best_count(one):
        counts = _counts(one)
        return len(counts) - 1, max(counts)

    def with_limit(limit):
        return lambda one: _learn(dataclasses.replace(one, max_steps=limit(one.max_steps)))

    mistakes = [
        (
            with_calls("backward step"),
            "Each gradient is added to the one before: delete the old one before each `backward`.",
        ),
        (with_calls("zero backward"), "Nothing is learnt: is there a `step`, and does it find gradients then?"),
        (never_ends_early, "You always take `max_steps` steps: stop as soon as all images are read correctly."),
        (
            looks_before_the_step,
            "You count with the logits from before the step, and then take one step more: count, and only then decide "
            "whether another step is needed.",
        ),
        (
            step_before_the_first_count,
            "Where all images are read correctly from the start, no step is needed: count before the first.",
        ),
        (with_limit(lambda steps: steps + 1), "You take up to one step more than `max_steps`."),
        (with_limit(lambda steps: steps - 1), "You give up one step too early: `max_steps` steps are allowed."),
        (with_limit(lambda steps: 10**4), "`max_steps` is the largest number of steps: what if that is not enough?"),
        (
            and_then(lambda one, steps, correct: (steps, correct / len(one.labels))),
            "The second number should be the count of right answers, not a fraction.",
        ),
        (and_then(lambda one, steps, correct: (correct, steps)), "First the steps, then the right answers."),
        (and_then(lambda one, steps, correct: (steps + 1, correct)), "You count one step too many."),
        (with_errors(1), "You stop while an image is still misread: go on until all are read correctly."),
        (gives_up, "You stop when fewer images are right than before. That happens on the way: go on."),
        (best_count, "This is the best count on the way. Return the one after the last step."),
        (
            lambda one: _learn(dataclasses.replace(one, loss_fn=F.cross_entropy)),
            "Use the `loss_fn` that you are given.",
        ),
    ]
    in_secret = [
        (never_ends_early, "The numbers are right. But the optimizer takes `max_steps` steps: stop earlier."),
        (
            and_then(lambda one, *_: _step(one.model, one.loss_fn, one.optimizer, one.images, one.labels)),
            "The numbers are right. But the optimizer takes another step, after the last one that you count.",
        ),
        (
            lambda one: None,
            "The numbers are right. But the weights are those from before: is it the model that learns?",
        ),
    ]
    in_secret = [(weights(mistake), hint) for mistake, hint in in_secret]
    compare(called, _draw_batches, _learn, mistakes)
    compare(weights(called), lambda: [(_draw_summed("the weights with"),)], weights(_learn), in_secret)


def _count_right(one: _OneBatch) -> int:
    """Return how many images are read correctly."""
    return (one.model(one.images).argmax(1) == one.labels).sum().item()


def _counts(one: _OneBatch, calls: str = "zero backward step", errors: int = 0) -> list[int]:
    """Learn, and return how many images are read correctly at the start and after each step.

    Two mistakes are possible: other calls in a step, or so many errors are allowed.
    """
    counts = [_count_right(one)]
    while counts[-1] < len(one.labels) - errors and len(counts) <= one.max_steps:
        _step(one.model, one.loss_fn, one.optimizer, one.images, one.labels, calls)
        counts.append(_count_right(one))
    return counts


def _learn(one: _OneBatch, *mistakes) -> tuple[int, int]:
    """Learn, and return the number of steps, and of images read correctly after the last one."""
    counts = _counts(one, *mistakes)
    return len(counts) - 1, counts[-1]


def _draw_batches() -> list[tuple[_OneBatch]]:
    """Draw batches that are learnt by heart after some steps, one that is known, and some stopped before the end."""
    plain = draw_until(lambda: _draw_batch("the numbers with", nn.CrossEntropyLoss(), SGD, lr=0.3), _unclear)
    adam = draw_until(lambda: _draw_batch("the numbers with", nn.CrossEntropyLoss(), Adam, lr=0.03), _unclear)
    # All pixels are bright, which is hard to learn: some images are misread again on the way.
    with_falls = draw_until(
        lambda: _draw_batch("the numbers with", nn.CrossEntropyLoss(), SGD, brightness=2, lr=0.3, momentum=0.9),
        lambda one: _unclear(one) or ("" if _first_fall(one) else "the number of right answers never falls"),
    )
    known = copy.deepcopy(plain)
    needed, _ = _learn(known)
    limits = [(plain, needed), (plain, needed - 2), (adam, _learn(copy.deepcopy(adam))[0] - 1)]
    limits.append((with_falls, _first_fall(with_falls)))
    stopped = [dataclasses.replace(one, max_steps=limit) for one, limit in limits]
    # Copies, since none may share its model with another.
    return [(copy.deepcopy(one),) for one in [_draw_summed("the numbers with"), with_falls, known, *stopped]]


def _draw_summed(what: str) -> _OneBatch:
    """Draw a batch whose loss is no mean."""
    return draw_until(lambda: _draw_batch(what, summed_up, SGD, lr=0.03), _unclear)


def _draw_batch(what: str, loss_fn: Callable, kind: type[Optimizer], brightness: float = 0, **settings) -> _OneBatch:
    """Draw a model that can learn, and a batch."""
    number = random.randint(8, 12)
    images, labels = torch.randn(number, 1, 4, 4) + brightness, torch.randint(0, 4, (number,))
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    return _OneBatch(what, model, loss_fn, kind(model.parameters(), **settings), images, labels, 25)


def _unclear(one: _OneBatch) -> str:
    """Say so if the batch is learnt too soon or too late, or if rounding could decide what is counted on the way."""
    one = copy.deepcopy(one)
    for steps in range(20):
        with torch.no_grad():
            first, second = one.model(one.images).topk(2, dim=1).values.unbind(dim=1)
        if (first - second < CLEAR).any():
            return "two logits are nearly equal"
        if _count_right(one) == len(one.labels):
            return "" if steps >= 4 else "it is learnt too soon"
        _step(one.model, one.loss_fn, one.optimizer, one.images, one.labels)
    return "it is learnt too late"


def _first_fall(one: _OneBatch) -> int:
    """Return after how many steps fewer images are read correctly than before for the first time, or 0."""
    counts = _counts(copy.deepcopy(one))
    return next((steps for steps in range(1, len(counts)) if counts[steps] < counts[steps - 1]), 0)
