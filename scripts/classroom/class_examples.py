"""Draw examples from the checkers of the exercises: arguments and right results, as plain data without any solution.

They are for the folder of a class, in which no checker is.
"""

from __future__ import annotations

import copy
import sys
from typing import Any
from unittest import mock

import numpy as np
import torch
from submitted_cells import Exercise, committed_notebooks

from mnist_lesson import checks
from mnist_lesson.checks import compare as comparing
from mnist_lesson.checks import judge
from mnist_lesson.checks.judge import SOLVED, Guarded

MOST_NUMBERS = 5000  # of all arguments and the result of an example
PLAIN = (bool, int, float, str)

Example = tuple[tuple, Any]  # the arguments, and what is right for them


def all_exercises() -> dict[str, dict]:
    """Return number, first hint and examples of all exercises, by the names of their checkers."""
    exercises = [exercise for notebook in committed_notebooks() for exercise in notebook.exercises]
    return {
        exercise.checker: {
            "number": exercise.number,
            "first hint": first_hint(exercise),
            "examples": [] if exercise.number.startswith("10.") else examples_of(exercise),  # those are programs
        }
        for exercise in exercises
    }


def first_hint(exercise: Exercise) -> str:
    """Return the hint that somebody gets who has not begun."""
    verdict = getattr(checks, exercise.checker).judge(lambda *given: None)
    return verdict.hint.removeprefix("First hint: ")


def examples_of(exercise: Exercise) -> list[Example]:
    """Return examples that together show each typical mistake, or none if not all that crosses is plain data.

    Only where a checker compares what the function itself returns, an example is as fair as the checker.
    Raises ValueError if the committed solution does not pass.
    """
    checker = getattr(checks, exercise.checker)
    recorded: list[Example] = []

    def compare(answer, draw, right, mistakes=()) -> None:
        drawn = []

        def draw_and_note():
            drawn[:] = draw()
            return copy.deepcopy(drawn)

        comparing.compare(answer, draw_and_note, right, mistakes)
        if isinstance(answer, Guarded):
            pairs = [(case, right(*copy.deepcopy(case))) for case in drawn]
            recorded.extend(chosen([pair for pair in pairs if is_plain(pair)], [wrong for wrong, _ in mistakes]))

    names = {"__name__": "__main__"}
    exec(f"{exercise.start}\n{exercise.solution}", names)
    module = sys.modules[checker.__module__]
    seeds = mock.patch.object(judge.SEEDS, "getrandbits", return_value=0)  # the same examples each time
    with seeds, mock.patch.object(module, "compare", compare, create=True):
        verdict = checker.judge(names[exercise.function])
    if verdict.state != SOLVED:
        raise ValueError(f"The solution of exercise {exercise.number} does not pass: {verdict.hint}")
    return [(arguments, stored(expected)) for arguments, expected in recorded]


def chosen(examples: list[Example], mistakes: list) -> list[Example]:
    """Return the smallest examples that show each mistake, and at least three, if there are so many."""
    examples = sorted(examples, key=size)
    kept, left = [], list(mistakes)
    for example in examples:
        shown = [mistake for mistake in left if shows(example, mistake)]
        if shown:
            kept.append(example)
            left = [mistake for mistake in left if mistake not in shown]
    others = [example for example in examples if not any(example is one for one in kept)]
    return [*kept, *others[: max(0, 3 - len(kept))]]


def shows(example: Example, mistake: Any) -> bool:
    """Tell whether a function that makes this mistake gives something wrong for this example."""
    arguments, expected = copy.deepcopy(example)
    try:
        return bool(comparing.difference(mistake(*arguments), expected))
    except Exception:
        return True


def is_plain(value: Any) -> bool:
    """Tell whether a value is made of numbers, texts, lists, tuples, tensors and arrays only, and of not too many."""
    if type(value) in (list, tuple):
        return all(map(is_plain, value)) and size(value) <= MOST_NUMBERS
    return type(value) in (*PLAIN, torch.Tensor, np.ndarray)


def size(value: Any) -> int:
    """Return how many numbers and texts a value holds."""
    if isinstance(value, list | tuple):
        return sum(map(size, value))
    return value.numel() if isinstance(value, torch.Tensor) else value.size if isinstance(value, np.ndarray) else 1


def stored(expected: Any) -> Any:
    """Return a right result as `torch.load(..., weights_only=True)` reads it: it knows no arrays."""
    return {"array": torch.from_numpy(expected.copy())} if isinstance(expected, np.ndarray) else expected
