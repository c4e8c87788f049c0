"""Muon: SGD with momentum that goes equally far in all directions. For notebook 09.

A step of SGD changes the weights of a layer by a matrix. Like every matrix it can be taken apart into directions,
each with a size: its singular values (notebook 07). In the steps of a network few sizes are large and the rest are
small, so that SGD learns along few directions. Muon gives all of them about the same size.

Source: K. Jordan and others, "Muon: An optimizer for hidden layers in neural networks" (2024). There, other optimizers
take care of the first and the last layer and of the biases; here Muon does it all, and one rate fits them all.
"""

from collections.abc import Iterable

import torch
from torch.optim import Optimizer

ROUNDS = 4  # of the formula below: then singular values from 0.01 up, of a matrix of norm 1, are near 1
A, B, C = 3.4445, -4.7750, 2.0315  # of the formula, from the source


class Muon(Optimizer):
    """An optimizer, used as SGD is: `step()` changes the weights by their gradients.

    At each step all weights also shrink by the factor 1 - lr * weight_decay.
    """

    def __init__(self, params: Iterable, lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                state = self.state[weights]
                if not state:
                    state["running sum"] = torch.zeros_like(weights)
                running_sum = state["running sum"].mul_(group["momentum"]).add_(weights.grad)
                change = weights.grad + group["momentum"] * running_sum  # Nesterov's kind of momentum
                # A row for each output, such as (64, 288) for (64, 32, 3, 3); a bias is one column.
                matrix = even_out(change.reshape(len(change), -1))
                weights.mul_(1 - group["lr"] * group["weight_decay"])
                weights.sub_(group["lr"] * matrix.reshape(weights.shape))


def even_out(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix, (rows, columns), with the same directions, whose singular values are all about the same.

    They lie around 1 (0.7 to 1.2; near 0 stays what is no direction at all), or around the root of rows / columns if
    there are more rows: so the outputs change equally much, whatever the shape. It takes only products of matrices:
    for a singular value s, each round computes A s + B s^3 + C s^5, which drives it to about 1.
    """
    rows, columns = matrix.shape
    if rows > columns:
        return (rows / columns) ** 0.5 * even_out(matrix.T).T
    matrix = matrix / (matrix.norm() + 1e-12)  # now no singular value is above 1
    if rows == 1:
        return matrix  # it has one singular value, and that is 1
    # All rounds together multiply by one small matrix, `factor`, so only that one is computed, (rows, rows).
    squares, factor = matrix @ matrix.T, torch.eye(rows, device=matrix.device)
    for _ in range(ROUNDS):
        now = factor @ squares @ factor  # the squares of the singular values as they are by now
        now = torch.addmm(now, now, now, beta=B, alpha=C)  # B now + C now²
        factor = torch.addmm(factor, now, factor, beta=A)  # A factor + now factor
    return factor @ matrix
