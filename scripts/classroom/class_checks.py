"""The checks of a class folder: each compares your function with a few examples, and knows no solution.

    checks.flat_size(flat_size)     compare your function `flat_size` with the examples of its exercise
    checks.diagnose(case, "leak")   judge your diagnosis of a patient of notebook 10, by what you have measured
    checks.progress()               where your functions gave what the examples say
    checks.reset_progress()         forget that

The verdict on an exercise comes when you have handed in your notebook.
"""

# scripts/classroom/build_class.py puts this file into the folder for a class, in place of the lesson's own checkers,
# and beside it the examples.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mnist_lesson.checks.box import DONE, OPEN, TRY_AGAIN, show_box, show_html, wrapped
from mnist_lesson.checks.compare import Failed, Hint, describe, difference
from mnist_lesson.checks.judge import NOT_YET, SOLVED, SOLVED_FILE, judge, keep_solved, load_solved
from mnist_lesson.checks.nb10_diagnosis import NOT_ATTEMPTED as NO_DIAGNOSIS
from mnist_lesson.checks.nb10_diagnosis import RIGHT, WRONG, judged, kept_as, speaks_against
from mnist_lesson.further.examine import Case
from mnist_lesson.further.faults import FAULTS
from mnist_lesson.stored import STORED_DIR

# For each checker its number, its first hint, and its examples: arguments, and what is right for them.
EXERCISES = torch.load(STORED_DIR / "examples.pt", weights_only=True)
LATER = "The verdict comes when you have handed in your notebook."


def checker_of(name: str) -> Callable:
    """Return the checker of an exercise."""
    number, first_hint, examples = (EXERCISES[name][key] for key in ("number", "first hint", "examples"))

    def check(answer: Callable) -> None:
        right, first_problem = 0, None
        for arguments, expected in examples:
            try:
                problem = problem_of(answer, arguments, expected)
            except Failed as failed:  # what it does with the other examples counts as well
                problem = str(failed)
            right += not problem
            first_problem = first_problem or problem
        if first_problem:
            raise Hint(f"{right} of {len(examples)} examples are right. {first_problem}")

    def checker(function: Any, solution: bool = False) -> None:
        headline = f"Exercise {number}, {name}:"
        if not examples:
            show_box(OPEN, f"{headline} judged after you have handed in.", f"First hint: {first_hint}")
            return
        verdict = judge(check, function, number, name, first_hint, {}, 10, ())
        if verdict.state == SOLVED:
            show_box(DONE, f"{headline} {len(examples)} of {len(examples)} examples are right.", LATER)
            keep_solved(kept_as_examples(number))
        else:
            look = TRY_AGAIN if verdict.state == NOT_YET else OPEN
            show_box(look, verdict.headline, verdict.hint, verdict.printed)

    checker.number, checker.__name__, checker.__doc__ = number, name, f"Check exercise {number} with its examples."
    return checker


def problem_of(answer: Callable, arguments: tuple, expected: Any) -> str:
    """Return a sentence about what is wrong with an answer for these arguments, or an empty text."""
    copies = tuple(one.clone() if isinstance(one, torch.Tensor) else one for one in arguments)
    if isinstance(expected, dict):  # an array cannot be stored as such
        expected = expected["array"].numpy()
    problem = difference(answer(*copies), expected)
    return f"For {describe(arguments)} {problem}." if problem else ""


def kept_as_examples(number: str) -> str:
    """Return the name under which it is kept that all examples of an exercise are right."""
    return f"examples of {number}"


globals().update({name: checker_of(name) for name in EXERCISES})


def diagnose(case: Case, fault: Any) -> None:
    """Show whether a diagnosis is right, and keep it if it is. `case` is what `show_patient` returned.

    It is right if all other faults are ruled out by what was measured. Raises TypeError if there is no case.
    """
    if not isinstance(case, Case):
        raise TypeError(f"Hand over what `show_patient` returned, then a word for the fault; found {describe(case)}.")
    is_word = isinstance(fault, str) and fault in ["healthy", *FAULTS]
    against = speaks_against(case, fault) if is_word else ""
    # No patient's fault is known here. So the word is taken for the truth, and the question is what else it might be.
    taken = case._replace(number=fault if is_word else 0)
    state, reason = (WRONG, against) if against else judged(taken, fault)
    looks = {RIGHT: DONE, NO_DIAGNOSIS: OPEN}
    show_box(looks.get(state, TRY_AGAIN), f"Diagnosis of patient {case.number}: {state}.", reason)
    if state == RIGHT and case.number > 0:
        keep_solved(kept_as(case.number))


def progress() -> None:
    """Show for each notebook where your functions gave what the examples say."""
    kept = load_solved()
    lines, rows = [], []
    for notebook in sorted({int(exercise["number"].split(".")[0]) for exercise in EXERCISES.values()}):
        there = [one for one in EXERCISES.values() if one["number"].startswith(f"{notebook}.")]
        numbers = [one["number"] for one in there if one["examples"]]
        still_open = [number for number in numbers if kept_as_examples(number) not in kept]
        done = f"{len(numbers) - len(still_open)} of {len(numbers)}"
        later = len(there) - len(numbers)
        rows.append((notebook, done, ", ".join(still_open), later))
        words = f"; open: {', '.join(still_open)}" if still_open else ""
        line = f"notebook {notebook:>2}: {done} right for all examples{words}; {later} without examples"
        lines.append(wrapped(line, indent=13))
    diagnoses = sum(name.startswith("diagnosis ") for name in kept)
    rows.append(("10, diagnoses", diagnoses, "", ""))
    lines.append(f"diagnoses of notebook 10: {diagnoses} right")
    heads = "notebook", "right for all examples", "open", "without examples"
    table = "".join(f"<tr>{''.join(f'<td>{entry}</td>' for entry in row)}</tr>" for row in rows)
    head = "".join(f"<th>{entry}</th>" for entry in heads)
    show_html(f"<table><tr>{head}</tr>{table}</table>", "\n".join([*lines, LATER]))


def certificate(name: str) -> None:
    """Say why there is no certificate here."""
    print(wrapped("The page is for those whose exercises are all solved, and that is judged after you have handed in."))


def reset_progress() -> None:
    """Forget where the examples were right."""
    SOLVED_FILE.unlink(missing_ok=True)
    print("Your progress is back to the start.")
