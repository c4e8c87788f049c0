"""Ideas for a better recipe that were tried for notebook 09.

Each changes settings of the improved recipe, or takes the place of functions that recipes.py uses.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR

from mnist_lesson.engine import test
from mnist_lesson.further import recipes
from mnist_lesson.further.muon import Muon


def cycle_momentum(optimizer, recipe, steps: int) -> OneCycleLR:
    """Let the momentum fall from 0.95 to 0.85 while the learning rate rises, and rise again while it falls."""
    total_steps = max(steps + 1, 21)
    return OneCycleLR(optimizer, recipe.learn_rate, total_steps=total_steps, pct_start=0.1, cycle_momentum=True)


def as_it_is(step, batch_size: int):
    """Record no steps: a recording would keep the momentum of the step that was recorded."""
    return step


def rates_by_layer(convolutions: float, fully_connected: float) -> dict:
    """Return what gives the two kinds of layers so many times the learning rate of the recipe.

    Muon's weight decay goes with it.
    """
    times = {"conv": convolutions, "fc": fully_connected}

    def make_optimizer(model, recipe) -> Muon:
        groups = []
        for layers, factor in times.items():
            weights = [weight for name, weight in model.named_parameters() if name.startswith(layers)]
            groups.append({"params": weights, "lr": torch.tensor(factor * recipe.learn_rate, device=weights[0].device)})
        return Muon(groups, lr=recipe.learn_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay)

    def make_schedule(optimizer, recipe, steps: int) -> OneCycleLR:
        rates, total_steps = [factor * recipe.learn_rate for factor in times.values()], max(steps + 1, 21)
        return OneCycleLR(optimizer, rates, total_steps=total_steps, pct_start=0.1, cycle_momentum=False)

    return {"make_optimizer": make_optimizer, "make_schedule": make_schedule}


def hard_half(images, labels, losses, hits, model, optimizer, recipe, bfloat16=False):
    """Return a step that learns from that half of each batch that has the higher losses.

    For the improved recipe only: it always augments, and knows neither label smoothing nor bfloat16.
    """

    def step(batch: torch.Tensor) -> None:
        inputs, targets = recipes.augment(images[batch]), labels[batch]
        logits = model(inputs)  # (batch size, classes)
        loss = F.cross_entropy(logits, targets, reduction="none")
        optimizer.zero_grad()
        loss.topk(math.ceil(len(batch) / 2)).values.mean().backward()
        optimizer.step()
        losses[batch] = loss.detach()
        hits[batch] = (logits.argmax(1) == targets).float()

    return step


class MeanOfShifts(nn.Module):
    """Returns the mean of a model's logits for five images: each image, and moved by one pixel in each direction.

    What leaves on one side comes back on the other: background, in MNIST.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        moves = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
        return sum(self.model(images.roll(move, dims=(2, 3))) for move in moves) / len(moves)


def test_shifted(test_batches, model, loss_fn) -> tuple[float, float]:
    return test(test_batches, MeanOfShifts(model), loss_fn)


test_shifted.__test__ = False  # pytest would take it for a test


def ideas() -> dict[str, tuple]:
    """Return the improved recipe, and all ideas: each with a recipe, and what takes the place of which function."""
    improved = recipes.IMPROVED
    return {
        "improved recipe": (improved, {}),
        "label smoothing 0.05": (replace(improved, label_smoothing=0.05), {}),
        "no averaged weights": (replace(improved, average=0.0), {}),
        "average over 500 batches": (replace(improved, average=0.998), {}),
        "cycled momentum": (improved, {"make_schedule": cycle_momentum, "recorded": as_it_is}),
        "convolutions at half rate": (improved, rates_by_layer(0.5, 1)),
        "linear layers at half rate": (improved, rates_by_layer(1, 0.5)),
        "the hard half of each batch": (improved, {"training_step": hard_half}),
        "tested with shifted images": (improved, {"test": test_shifted}),
        "fewer images again": (replace(improved, shares=(1, 0.3, 0.2, 0.2, 0.2)), {}),
        "all images in each epoch": (replace(improved, shares=()), {}),
    }
