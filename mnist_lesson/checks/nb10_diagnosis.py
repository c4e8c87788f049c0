"""Judge a diagnosis in notebook 10: does what was measured speak for it, against it, or is it not enough to know?

What each fault gives was measured with many seeds (`stored/clinic.json`). A result far outside of that range speaks
against the fault. A diagnosis is right only if everything else is ruled out by what was looked at: a lucky guess and
an unlucky one get the same answer.
"""

from typing import Any, NamedTuple

from mnist_lesson.checks.box import DONE, OPEN, TRY_AGAIN, show_box
from mnist_lesson.checks.compare import describe
from mnist_lesson.checks.judge import keep_solved
from mnist_lesson.further.examine import FURTHER_MEASUREMENTS, MEASUREMENTS, NAMES, Case, kind_of_network, load_ranges
from mnist_lesson.further.faults import FAULTS

RIGHT, WRONG, NOT_ENOUGH, NOT_ATTEMPTED = "right", "wrong", "not yet enough to know", "not attempted yet"


class Diagnosis(NamedTuple):
    """What came out: `state` is one of RIGHT, WRONG, NOT_ENOUGH and NOT_ATTEMPTED, `reason` is a sentence or more."""

    state: str
    reason: str


def diagnose(case: Case, fault: Any) -> None:
    """Show whether a diagnosis is right, and keep it if it is. `case` is what `show_patient` returned.

    Raises TypeError if it is not.
    """
    if not isinstance(case, Case):
        raise TypeError(f"Hand over what `show_patient` returned, then a word for the fault; found {describe(case)}.")
    state, reason = judged(case, fault)
    looks = {RIGHT: DONE, NOT_ATTEMPTED: OPEN}
    show_box(looks.get(state, TRY_AGAIN), f"Diagnosis of patient {case.number}: {state}.", reason)
    if state == RIGHT and case.number in FAULTS:
        keep_solved(kept_as(case.number))


def kept_as(number: int) -> str:
    """Return the name under which the diagnosis of a patient is kept among what was solved."""
    return f"diagnosis {number}"


def judged(case: Case, fault: Any) -> Diagnosis:
    """Judge a diagnosis by what was measured so far."""
    words = ["healthy", *FAULTS.values()]
    truth = FAULTS.get(case.number, "healthy")
    if fault is ...:
        return Diagnosis(
            NOT_ATTEMPTED, "Which finding is farthest from healthy? Put a word for the fault in place of ..."
        )
    if fault not in words:
        return Diagnosis(NOT_ATTEMPTED, f"{describe(fault)} is none of the words for a fault: {', '.join(words)}.")
    against = {word: speaks_against(case, word) for word in words if word != truth}
    if against.get(fault):
        return Diagnosis(WRONG, against[fault])
    possible = [word for word in words if not against.get(word)]
    if possible == [truth]:
        return Diagnosis(RIGHT, f"What you looked at fits {truth}, and rules out all else.")
    left = FURTHER_MEASUREMENTS - len(case.asked)
    if left:
        what = f"Measure further, {left} of {FURTHER_MEASUREMENTS} are left: {', '.join(MEASUREMENTS)}."
    else:
        what = "You have had all further measurements. Show the patient again, and choose others."
    return Diagnosis(NOT_ENOUGH, f"What you looked at fits all of these: {', '.join(possible)}. {what}")


def speaks_against(case: Case, fault: str) -> str:
    """Return the sentence that rules a fault out by what was measured so far, or an empty text."""
    ranges = load_ranges()[kind_of_network(case.model)]
    if fault not in ranges:
        return "This network has neither dropout nor batch norm, so it answers the same in both modes."
    for key, value in case.found.items():
        low, high = ranges[fault][key]
        lowest, highest = widened(low, high)
        if not lowest <= value <= highest:  # nor is nan
            usual = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
            return f"Against {fault} speaks the finding '{NAMES[key]}': here {value:.3g}, with that fault {usual}."
    return ""


def widened(low: float, high: float) -> tuple[float, float]:
    """Return a range that other seeds stay within, too: half as wide again to each side, on a scale of ratios, and 10 %.

    A range that reaches 0 or below is widened by its length, and at least by 0.01.
    """
    if low <= 0:
        more = max(0.01, (high - low) / 2)
        return low - more, high + more
    factor = 1.1 * (high / low) ** 0.5
    return low / factor, high * factor
