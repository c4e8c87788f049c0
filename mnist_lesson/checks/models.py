"""Networks and a loss function of the checkers' cases, for what no network of PyTorch's own layers would show.

They stand apart since they know nothing of a right answer: they may go along into a learner's process.
"""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F


def summed_up(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A loss that is no mean."""
    return F.cross_entropy(logits, labels, reduction="sum")


class Unlike(nn.Module):
    """A model that is no list of layers, and whose first layer has no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.out = nn.Flatten(), nn.Linear(4, random.randint(2, 5))


class Scale(nn.Module):
    """A model without layers, whose only weight has a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.rand(()))


class Shortcut(nn.Module):
    """A small network that registers its layers in another order than it uses them, and has a way around one."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.last = nn.Linear(48, 10)
        self.middle = nn.Conv2d(3, 3, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.first = nn.Conv2d(1, 3, 2, stride=2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.first(images).tanh()
        x = x + self.middle(self.dropout(x))
        return self.last(x.flatten(start_dim=1).tanh())
