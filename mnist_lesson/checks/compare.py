"""Compare what a learner's function returns with what is right, and say in words what differs."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch


class Hint(Exception):
    """What a checker raises if an answer is wrong: one sentence that helps the learner on."""


def compare(
    answer: Callable, cases: Iterable[tuple], right: Callable, mistakes: Iterable[tuple[Callable, str]] = ()
) -> None:
    """Call the learner's function with each case, and raise Hint unless it returns what `right` returns.

    `mistakes` are pairs: a function that makes a typical mistake, and the hint for whoever makes it. The hint
    is given only if the learner's function makes that mistake in all cases.
    """
    cases = list(cases)
    found = [answer(*case) for case in cases]
    problems = [difference(result, right(*case)) for result, case in zip(found, cases)]
    if not any(problems):
        return
    for mistake, hint in mistakes:
        if all(_makes(mistake, case, result) for case, result in zip(cases, found)):
            raise Hint(hint)
    case, problem = next((case, problem) for case, problem in zip(cases, problems) if problem)
    raise Hint(f"For {describe(case)} {problem}.")


def _makes(mistake: Callable, case: tuple, result: Any) -> bool:
    """Tell whether a result is what the mistake would give."""
    try:
        return not difference(result, mistake(*case))
    except (
        RuntimeError,
        ValueError,
        TypeError,
        IndexError,
        ZeroDivisionError,
    ):  # the mistake fails, the learner did not
        return False


def difference(found: Any, expected: Any) -> str:
    """Say in what `found` differs from `expected`, or return an empty text if it does not.

    The expected value decides what is asked for: whole numbers exactly, fractions and tensors up to rounding
    (a relative 1e-4), of the same kind and shape. A tensor with one number and no axis is taken for that
    number, on both sides. NaN never equals anything.
    """
    if isinstance(expected, torch.Tensor) and expected.ndim == 0:
        expected = expected.item()
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(found, expected)
    if isinstance(expected, np.ndarray):
        if not isinstance(found, np.ndarray):
            return f"a NumPy array was expected, found {describe(found)}"
        return _tensor_difference(torch.from_numpy(np.array(found)), torch.from_numpy(expected))
    if isinstance(expected, tuple):
        if not isinstance(found, tuple | list) or len(found) != len(expected):
            return f"{len(expected)} values were expected, found {describe(found)}"
        return next(filter(None, map(difference, found, expected)), "")
    if isinstance(expected, int | float):
        return _number_difference(found, expected)
    if type(found) is not type(expected) or found != expected:
        return f"the result should be {describe(expected)}, but is {describe(found)}"
    return ""


def _number_difference(found: Any, expected: float) -> str:
    wanted = "a whole number" if isinstance(expected, int) else "a number"
    if isinstance(found, torch.Tensor) and found.numel() == 1 and found.ndim == 0 and not found.is_meta:
        found = found.item()
    if isinstance(found, bool | np.bool_) or not isinstance(found, int | float | np.integer | np.floating):
        return f"{wanted} was expected, found {describe(found)}"
    if not math.isfinite(found):
        return f"the result is {found}, which is no finite number"
    if isinstance(expected, int):
        if found != expected:
            return f"the result should be {expected}, but is {describe(found)}"
        if not isinstance(found, int | np.integer):
            return (
                f"a whole number was expected, found {found} (`//` divides without a fraction, `int` makes a whole one)"
            )
        return ""
    if math.isclose(found, expected, rel_tol=1e-4, abs_tol=1e-6):
        return ""
    return f"the result should be {expected:.6g}, but is {found:.6g}"


def _tensor_difference(found: Any, expected: torch.Tensor) -> str:
    if not isinstance(found, torch.Tensor):
        return f"a tensor was expected, found {describe(found)}"
    if found.shape != expected.shape:
        return f"the result should have the shape {tuple(expected.shape)}, but has {tuple(found.shape)}"
    if found.is_floating_point() != expected.is_floating_point() or found.is_complex():
        kind = "fractions (a float type)" if expected.is_floating_point() else f"numbers of the type {expected.dtype}"
        return f"the result should hold {kind}, but holds {found.dtype}"
    if found.device != expected.device:
        return f"the result should be on the device {expected.device}, but is on {found.device}"
    if expected.is_meta:  # it has no values to compare
        return ""
    found, expected = found.detach().double(), expected.detach().double()
    if not found.isfinite().all():
        return "the result holds numbers that are not finite (nan or inf)"
    differs = ~torch.isclose(found, expected, rtol=1e-4, atol=1e-6)
    if not differs.any():
        return ""
    if found.numel() <= 6:
        return f"the result should be {describe(expected)}, but is {describe(found)}"
    place = differs.nonzero()[0].tolist()
    return (
        f"{differs.sum().item()} of {differs.numel()} numbers of the result are wrong: at {place} it should be "
        f"{expected[tuple(place)].item():.6g}, but is {found[tuple(place)].item():.6g}"
    )


def describe(value: Any) -> str:
    """Name a value in a few words, for a sentence."""
    if isinstance(value, tuple) and type(value) is tuple:
        return ", ".join(map(describe, value))
    if isinstance(value, torch.Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        if math.prod(value.shape) <= 6 and not getattr(value, "is_meta", False):
            return f"the {kind} {value.tolist()}"
        return f"{'a' if kind == 'tensor' else 'an'} {kind} of shape {tuple(value.shape)}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a learner's own class may have a broken one
        text = f"something of the type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
