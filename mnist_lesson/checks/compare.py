"""Compare what a learner's function returns with what is right, and say in words what differs."""

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

DRAWS = 100  # as often are cases drawn until they tell all mistakes apart
TOLERANCE = 1e-4  # relative; for numbers near 0 a hundredth of it, absolute
CLEAR = 1e-3  # drawn cases must differ by more than this, so that rounding never decides

T = TypeVar("T")


class Hint(Exception):
    """What a checker raises if an answer is wrong: one sentence that helps the learner on."""


class Failed(Hint):
    """The learner's function stopped with an error, which is the `__cause__`."""


class CheckerFault(Exception):
    """A checker is wrong, not the learner. It comes through as an exception, and the tests find it."""


class _Failure(NamedTuple):
    """Takes the place of a result if there is none."""

    error: Exception


class _Drawn(NamedTuple):
    """Cases, what is right for each, and for each mistake what it gives for each case."""

    cases: list[tuple]
    expected: list
    wrong: list[list]


def compare(
    answer: Callable,
    draw: Callable[[], Iterable[tuple]],
    right: Callable,
    mistakes: Iterable[tuple[Callable, str]] = (),
) -> None:
    """Call the learner's function with each case, and raise Hint unless it returns what `right` returns.

    `draw()` returns the cases, tuples of arguments. `mistakes` are pairs: a function that makes a typical mistake,
    and the hint for whoever makes it. The hint is given only if the learner's function makes that mistake in all
    cases. Cases are drawn again until each mistake differs from what is right, and from each mistake with another
    hint, in at least one case. All this is computed on copies before the learner's function runs, on copies too.
    Raises CheckerFault if that does not come about in 100 draws, or if `draw` or `right` fails.
    """
    mistakes = list(mistakes)
    hints = [hint for _, hint in mistakes]
    drawn = draw_until(
        lambda: _work_out(draw, right, [mistake for mistake, _ in mistakes]), lambda drawn: _alike(drawn, hints)
    )
    found = [_try(answer, case, Failed) for case in drawn.cases]
    problems = list(map(_difference_of_tries, found, drawn.expected))
    if not any(problems):
        return
    for hint, results in zip(hints, drawn.wrong):
        if not any(map(_difference_of_tries, found, results)):
            raise Hint(hint)
    for result in found:
        if isinstance(result, _Failure):
            raise result.error
    case, problem = next((case, problem) for case, problem in zip(drawn.cases, problems) if problem)
    raise Hint(f"For {describe(case)} {problem}.")


def draw_until(draw: Callable[[], T], problem_of: Callable[[T], str]) -> T:
    """Draw until there is no problem, and return what was drawn. Raises CheckerFault after 100 draws, or if one fails.

    `problem_of` says in words what is wrong with what was drawn, or returns an empty text.
    """
    try:
        for _ in range(DRAWS):
            drawn = draw()
            problem = problem_of(drawn)
            if not problem:
                return drawn
    except Exception as error:
        raise CheckerFault(f"a case could not be drawn: {type(error).__name__}: {error}") from error
    raise CheckerFault(f"no good cases in {DRAWS} draws: {problem}")


def alike(results: dict[str, Any]) -> str:
    """Name two results that differ by hardly more than rounding, or return an empty text if there are none."""
    pairs = [(one, other) for one in results for other in results if one != other]
    return next((f"{a} is like {b}" for a, b in pairs if not difference(results[a], results[b], CLEAR)), "")


def _work_out(draw: Callable, right: Callable, mistakes: list[Callable]) -> _Drawn:
    cases = list(draw())
    expected = [right(*copy.deepcopy(case)) for case in cases]
    return _Drawn(cases, expected, [[_try(mistake, case, Exception) for case in cases] for mistake in mistakes])


def _try(function: Callable, case: tuple, failure: type[Exception]) -> Any:
    """Call a function with a copy of a case; a failure is a result, too."""
    try:
        return function(*copy.deepcopy(case))
    except failure as error:
        return _Failure(error)


def _alike(drawn: _Drawn, hints: list[str]) -> str:
    """Name two mistakes that the cases do not tell apart, or return an empty text."""
    before = [("what is right", drawn.expected)]
    for hint, results in zip(hints, drawn.wrong):
        if all(isinstance(result, _Failure) for result in results):
            return f"the mistake {hint!r} fails in all cases ({results[0].error!r})"
        for other, others in before:
            if hint != other and not any(_difference_of_tries(*pair, CLEAR) for pair in zip(results, others)):
                return f"the mistake {hint!r} looks like {other!r}"
        before.append((hint, results))
    return ""


def _difference_of_tries(found: Any, expected: Any, tolerance: float = TOLERANCE) -> str:
    if isinstance(found, _Failure) or isinstance(expected, _Failure):
        return "" if type(found) is type(expected) else "one of the two stops with an error"
    return difference(found, expected, tolerance)


def difference(found: Any, expected: Any, tolerance: float = TOLERANCE) -> str:
    """Say in what `found` differs from `expected`, or return an empty text if it does not.

    Values count, types do not: 3, 3.0, 3 + 0j, NumPy's 3 and a tensor or array of 3 without axes are the same number,
    and a tensor needs the right shape and numbers, of whatever dtype. Whole numbers must be met exactly, fractions and
    tensors up to rounding (a relative 1e-4). NaN never equals anything. What a class of the learner says of itself is
    not asked.
    """
    if isinstance(expected, torch.Tensor) and expected.ndim == 0 and not expected.is_meta:
        expected = expected.item()
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(found, expected, tolerance)
    if isinstance(expected, np.ndarray):
        return _array_difference(found, expected, tolerance)
    if isinstance(expected, tuple):
        values = elements(found)
        if values is None or len(values) != len(expected):
            return f"{len(expected)} values were expected, found {describe(found)}"
        return next(filter(None, (difference(*pair, tolerance) for pair in zip(values, expected))), "")
    if isinstance(expected, int | float):
        return _number_difference(found, expected, tolerance)
    if type(found) is not type(expected) or found != expected:
        return f"the result should be {describe(expected)}, but is {describe(found)}"
    return ""


def elements(value: Any) -> list | None:
    """Return what a tuple or list really holds, whatever its class says, or None if it is neither."""
    if isinstance(value, tuple):
        return list(tuple.__iter__(value))
    return list(list.__iter__(value)) if isinstance(value, list) else None


def _number_difference(found: Any, expected: float, tolerance: float) -> str:
    wanted = "a whole number" if isinstance(expected, int) else "a number"
    if isinstance(found, torch.Tensor):
        found = plain_tensor(found)
        found = found.item() if found.ndim == 0 and not found.is_meta else found
    if type(found) is np.ndarray and found.ndim == 0:
        found = found[()]
    if type(found) in (complex, np.complex64, np.complex128) and found.imag == 0:
        found = found.real  # NumPy's eigenvalues are complex numbers, even if they are real
    if isinstance(found, bool | np.bool_) or not isinstance(found, int | float | np.integer | np.floating):
        return f"{wanted} was expected, found {describe(found)}"
    # The number itself: a class of its own could say that it equals everything.
    number = (
        int.__index__(found) if isinstance(found, int) else found.item() if isinstance(found, np.generic) else found
    )
    number = float.__float__(number) if isinstance(number, float) else number
    if isinstance(number, float) and not math.isfinite(number):
        return f"the result is {number}, which is no finite number"
    if isinstance(expected, int):
        return "" if number == expected else f"the result should be {expected}, but is {describe(number)}"
    if abs(number) > 1e300:
        return f"the result should be {expected:.6g}, but is far too large"
    if math.isclose(number, expected, rel_tol=tolerance, abs_tol=tolerance / 100):
        return ""
    return f"the result should be {expected:.6g}, but is {number:.6g}"


def _array_difference(found: Any, expected: np.ndarray, tolerance: float) -> str:
    if not isinstance(found, np.ndarray):
        return f"a NumPy array was expected, found {describe(found)}"
    try:
        values = torch.from_numpy(np.array(found))
    except TypeError:  # PyTorch knows no texts and no objects
        return f"an array of numbers was expected, found one of the type {found.dtype}"
    return _tensor_difference(values, torch.from_numpy(expected), tolerance)


def plain_tensor(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor without the class that a learner may have derived, and what that says of itself."""
    if type(value) is torch.Tensor:
        return value
    with torch._C.DisableTorchFunctionSubclass():
        return torch.Tensor.as_subclass(value, torch.Tensor)


def _tensor_difference(found: Any, expected: torch.Tensor, tolerance: float) -> str:
    if not isinstance(found, torch.Tensor):
        return f"a tensor was expected, found {describe(found)}"
    found = plain_tensor(found)
    if found.shape != expected.shape:
        return f"the result should have the shape {tuple(expected.shape)}, but has {tuple(found.shape)}"
    if found.is_complex() and found.layout == torch.strided and not found.is_meta and not found.imag.any():
        found = found.real
    if found.is_complex() or (found.dtype == torch.bool) != (expected.dtype == torch.bool):
        return f"the result should hold numbers such as those of {expected.dtype}, but holds {found.dtype}"
    if found.device != expected.device:
        return f"the result should be on the device {expected.device}, but is on {found.device}"
    if found.layout != torch.strided:
        return f"an ordinary tensor was expected, found one of the layout {found.layout}"
    if expected.is_meta:  # it has no values to compare
        return ""
    found, expected = found.detach().double(), expected.detach().double()
    if not found.isfinite().all():
        return "the result holds numbers that are not finite (nan or inf)"
    differs = ~torch.isclose(found, expected, rtol=tolerance, atol=tolerance / 100)
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
    try:
        if type(value) is tuple:
            return ", ".join(map(describe, value))
        if isinstance(value, torch.Tensor | np.ndarray):
            kind = "tensor" if isinstance(value, torch.Tensor) else "array"
            if math.prod(value.shape) <= 6 and not getattr(value, "is_meta", False):
                return f"the {kind} {value.tolist()}"
            return f"{'a' if kind == 'tensor' else 'an'} {kind} of shape {tuple(value.shape)}"
        if isinstance(value, torch.nn.Module):
            return f"a model ({type(value).__name__})"
        text = " ".join(repr(value).split())
    except Exception:  # a learner's own class may have a broken one
        text = f"something of the type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
