"""Call a learner's function for several ranks as if these ran side by side: the machinery of exercise 12.4."""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from mnist_lesson.checks.compare import Failed, Hint, describe

MOST_CALLS = 200  # of `mean_over_ranks` by one rank; more are taken for a loop without end


def listed(numbers: list) -> str:
    """Name numbers in a sentence: 1, 2 and 3."""
    *others, last = map(str, numbers)
    return f"{', '.join(others)} and {last}" if others else last


class _Waits(BaseException):
    """Ends the turn of a rank that hands over a value and waits for the mean."""

    def __init__(self, value: torch.Tensor) -> None:
        self.value = value


class Shares(list):
    """A pair (gradient, size) for each rank, with a name for the hints."""

    def __repr__(self) -> str:
        return f"ranks with {listed([size for _, size in self])} images"


def side_by_side(function: Callable, shares: Shares) -> tuple:
    """Call a function for each rank as if all ran side by side, and return what each returned.

    A rank goes on until it needs a mean that is not known yet. When all have come so far, the mean is, and each starts
    again. So no rank has to wait, and a rank that would wait for ever is seen.
    """
    means = []
    while len(means) <= MOST_CALLS:
        results, handed = {}, {}
        for rank, (gradient, size) in enumerate(shares):
            try:
                results[rank] = function(gradient.clone(), size, _mean_over_ranks(iter(means)))
            except _Waits as waits:
                handed[rank] = waits.value
            except Failed as failure:  # what judge.py makes of any error in a learner's function
                if not isinstance(failure.__cause__, _Waits):
                    raise
                handed[rank] = failure.__cause__.value
        if not handed:
            return tuple(results.values())
        if results:
            _explain_hang(list(results), list(handed), len(means), shares)
        _judge_handed(list(handed.values()), len(means) + 1)
        means.append(torch.stack(list(handed.values())).mean(dim=0))
    raise Hint(f"Your function calls `mean_over_ranks` more than {MOST_CALLS} times: two calls are enough.")


def _mean_over_ranks(known: Iterator[torch.Tensor]) -> Callable:
    """Return the function that one rank gets. `known`: an iterator over the means of its first calls."""

    def mean_over_ranks(value):
        is_tensor = isinstance(value, torch.Tensor)
        if not is_tensor and not isinstance(value, int | float | np.number):
            raise TypeError(f"`mean_over_ranks` takes a number or a tensor, found {describe(value)}")
        given = torch.as_tensor(value).detach()
        is_fraction = given.is_floating_point() or given.is_complex()
        for mean in known:
            dtype = given.dtype if is_fraction else torch.get_default_dtype()
            return mean.to(dtype).clone() if is_tensor else mean.item()
        raise _Waits(given.to(torch.complex128 if given.is_complex() else torch.float64).clone())

    mean_over_ranks.__qualname__ = "mean_over_ranks"  # so it is named in the sentences of errors
    return mean_over_ranks


def _explain_hang(done: list[int], waiting: list[int], calls: int, shares: Shares) -> None:
    for_ever = (
        f"rank {waiting[0]} waits in call {calls + 1} of `mean_over_ranks` for rank {done[0]}, which has returned"
    )
    if all(shares[rank][1] == 0 for rank in done):
        raise Hint(f"A rank without images must take part, too: {for_ever}, and so it waits for ever.")
    raise Hint(f"This would never end: {for_ever}. All ranks must call it equally often.")


def _judge_handed(values: list[torch.Tensor], call: int) -> None:
    for rank, value in enumerate(values):
        if value.shape != values[0].shape:
            raise Hint(
                f"In call {call} of `mean_over_ranks`, rank 0 hands over the shape {tuple(values[0].shape)}, and rank "
                f"{rank} {tuple(value.shape)}: it must be the same kind of value in all ranks."
            )
