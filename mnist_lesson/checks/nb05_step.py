"""The self-check of exercise 5.4 of notebook 05_training: one training step."""

import dataclasses
import random
from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import SGD, Adam, AdamW, Optimizer

from mnist_lesson.checks.compare import Hint, compare
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.models import summed_up


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
        "does not require grad": "`backward` is called on something that was not recorded. It must be the loss itself, "
        "computed while PyTorch records.",
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
            return torch.cat([weight.detach().flatten() for weight in training.model.parameters()])

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
