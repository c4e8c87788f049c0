"""Judge the exercises of one handed-in notebook: the judge here, the learner's functions in a process that is shut in."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import NamedTuple

from ask_learner import PythonLost, Question, RemoteGuard
from known_answers import drawn
from prepared_python import PreparedPython
from submitted_cells import Cell, Committed, Exercise, best_match, learners_cells, read_cell, reason
from tables import ERROR, FAILED, NOT_ATTEMPTED, PASSED, TAMPERED

from mnist_lesson import checks
from mnist_lesson.checks import judge
from mnist_lesson.checks.compare import CheckerFault

# What the verdicts of mnist_lesson.checks are called in the table.
RESULTS = {judge.SOLVED: PASSED, judge.NOT_YET: FAILED, judge.NOT_ATTEMPTED: NOT_ATTEMPTED}
# What is measured on the way, in the learner's process, can be forged by who writes code for that.
ODD_WORDS = re.compile(r"\b(_getframe|gc|ctypes|meta_path|modules|settrace|setprofile|_forward_hooks|answer_judge)\b")


class Limits(NamedTuple):
    """Seconds for one question about an exercise, and for all questions about a notebook."""

    seconds: float
    notebook_seconds: float


class Judged(NamedTuple):
    """What came out for an exercise. `detail` is a hint or the reason of an error, `answer` the learner's cell."""

    exercise: str
    name: str
    result: str
    detail: str
    answer: str = ""


def judge_notebook(
    content: bytes, known: list[Committed], isolation: str, package: Path, data: Path, limits: Limits, seed: str
) -> list[Judged]:
    """Judge each exercise of a notebook, or say in one line without an exercise why there is none.

    `known` are the lesson's notebooks, `isolation` is one that `find_isolation` has found, `package` is what
    `write_package` has written, `data` the folder with MNIST. All random numbers come from `seed`.
    """
    try:
        cells = learners_cells(content)
    except Exception as error:  # a broken file is broken in its own way
        return [Judged("", "", ERROR, f"is no notebook ({reason(error)[:100]})")]
    notebook = best_match(known, cells)
    if notebook is None:
        return [Judged("", "", ERROR, "holds no exercise of the lesson")]
    sent = [[cell.text, cell.wanted] for cell in cells]
    with PreparedPython(isolation, package, data, sent, notebook.modules) as python:
        found = judge_exercises(python, notebook.exercises, cells, limits, seed)
    if odd := odd_words(cells):
        found |= {number: (PASSED, odd) for number, (result, _) in found.items() if result == PASSED}
    return [Judged(one.number, one.checker, *found[one.number], answer_of(one, cells)) for one in notebook.exercises]


def judge_exercises(
    python: PreparedPython, exercises: list[Exercise], cells: list[Cell], limits: Limits, seed: str
) -> dict[str, tuple[str, str]]:
    """Return result and detail for each exercise, by its number.

    First comes each exercise once, when nothing that solves one has been near the learner's process. What has passed
    is asked about again among answers with known verdicts.
    """
    end = time.monotonic() + limits.notebook_seconds
    computed = {name for cell in cells for name in cell.computed}
    found = {}
    for exercise in exercises:
        error = syntax_error(exercise, cells)
        found[exercise.number] = (ERROR, error) if error else ask(python, exercise, "", limits, end, seed, computed)
    for exercise in exercises:
        if found[exercise.number][0] == PASSED:
            found[exercise.number] = ask_again(python, exercise, limits, end, seed, computed)
    return found


def ask_again(
    python: PreparedPython, exercise: Exercise, limits: Limits, end: float, seed: str, computed: set
) -> tuple[str, str]:
    """Ask about an exercise again, among answers with known verdicts, in random order."""
    rng = random.Random(f"{seed} {exercise.number}")
    questions = [("", judge.SOLVED), *drawn(exercise, rng)]
    rng.shuffle(questions)
    result = PASSED, ""
    for text, state in questions:
        said = ask(python, exercise, text, limits, end, seed, computed)
        if not text:
            result = said  # it may depend on chance, or on what was asked before
        elif said[0] == ERROR:
            return ERROR, f"passed, but a known answer in the same process did not get a verdict: {said[1]}"
        elif said[0] != RESULTS[state]:
            return TAMPERED, (
                f"passed, but of the known answers in the same process, one that must be {RESULTS[state]!r} was "
                f"{said[0]!r}: look at the notebook yourself"
            )
    return result


def ask(
    python: PreparedPython, exercise: Exercise, text: str, limits: Limits, end: float, seed: str, computed: set
) -> tuple[str, str]:
    """Return result and detail for the learner's answer to an exercise, or for a known one, the `text`."""
    left = end - time.monotonic()
    if left <= 0:
        return ERROR, f"not reached: the notebook had used up its {limits.notebook_seconds:g} seconds"
    known = [[cell.text, cell.wanted] for cell in [read_cell("", text)]] if text else []
    numbers = random.Random(f"{seed} {exercise.number} {bool(text)}")
    judge.SEEDS.seed(numbers.getrandbits(32))
    try:
        with python.asked(exercise.function, known, numbers.getrandbits(32), min(limits.seconds, left)) as question:
            if question == ["missing"]:
                return NOT_ATTEMPTED, "its function is not in the notebook"
            if not isinstance(question, Question):
                return ERROR, str(question[-1])[:500]
            verdict = getattr(checks, exercise.checker).judge(question, RemoteGuard)
    except (PythonLost, CheckerFault) as error:
        return ERROR, str(error)
    missing = re.search(r"NameError.*name '(\w+)' is not defined", verdict.hint)
    if verdict.state == judge.NOT_YET and missing and missing[1] in computed | {"get_ipython"}:
        return ERROR, f"uses {missing[1]}, which is there only when the whole notebook is run: check it by hand"
    return RESULTS[verdict.state], verdict.hint


def odd_words(cells: list[Cell]) -> str:
    """Return a sentence on words that no exercise needs, but who looks into the judge does, or nothing."""
    found = sorted({word for cell in cells for word in ODD_WORDS.findall(cell.text)})
    return f"a place to look, no verdict: the notebook says {', '.join(found)}" if found else ""


def syntax_error(exercise: Exercise, cells: list[Cell]) -> str:
    """Return why Python cannot read the cell of an exercise, or nothing."""
    errors = (c.error for c in cells if c.cell_id == exercise.cell_id or exercise.function in c.mentioned)
    return next(filter(None, errors), "")


def answer_of(exercise: Exercise, cells: list[Cell]) -> str:
    """Return the text of the last cell in which the learner defines the function of an exercise, or nothing."""
    own = [c.text for c in cells if any(exercise.function in names for _, names in c.wanted)]
    own = own or [
        c.text or c.source for c in cells if c.cell_id == exercise.cell_id or exercise.function in c.mentioned
    ]
    return own[-1][:100_000] if own else ""
