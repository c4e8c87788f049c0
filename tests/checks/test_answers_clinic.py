"""The checkers of the bug clinic judge mendings rightly that were written by somebody who had not seen the checkers.

They are in `answers/clinic_*.py`: for each patient a few words, and what is replaced in its text.
"""

import importlib
from pathlib import Path

import pytest
from verdicts import CHECKERS, own_progress  # noqa: F401 (a fixture)

from mnist_lesson.checks.judge import SOLVED
from mnist_lesson.further import faults

pytestmark = pytest.mark.notebook_cells  # programs are run
MODULES = [
    importlib.import_module(f"answers.{path.stem}")
    for path in sorted(Path(__file__).with_name("answers").glob("clinic_*.py"))
]
RIGHT = {number: mendings for module in MODULES for number, mendings in module.RIGHT.items()}
WRONG = {number: mendings for module in MODULES for number, mendings in module.WRONG.items()}


def each(mendings):
    cases = [(number, words, pairs) for number, entries in mendings.items() for words, pairs in entries.items()]
    ids = [f"{number}-{words}" for number, words, _ in cases]
    return pytest.mark.parametrize("number, pairs", [(number, pairs) for number, _, pairs in cases], ids=ids)


def verdict_on(number, pairs):
    program = faults.made(faults.replaced(faults.text_of_patient(number), *pairs))
    return CHECKERS[f"mend_{number}"].judge(program)


@each(RIGHT)
def test_a_right_mending_passes(number, pairs):
    verdict = verdict_on(number, pairs)
    assert verdict.state == SOLVED, verdict


@each(WRONG)
def test_a_wrong_mending_does_not_pass(number, pairs):
    verdict = verdict_on(number, pairs)
    assert verdict.state != SOLVED and verdict.hint, verdict


def test_there_are_twelve_wrong_and_five_right_mendings_of_each_patient():
    for number in faults.PATIENTS:
        assert len(WRONG.get(number, {})) >= 12 and len(RIGHT.get(number, {})) >= 5, number
