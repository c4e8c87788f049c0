"""The checkers of the bug clinic judge mendings rightly that were written by somebody who had not seen the checkers.

They are in `answers/clinic_*.py`: for each patient a few words, and what is replaced in its text.
"""

import pytest
from verdicts import CHECKERS, answers_from, each_answer, own_progress  # noqa: F401 (a fixture)

from mnist_lesson.checks.judge import SOLVED
from mnist_lesson.further import faults

pytestmark = pytest.mark.notebook_cells  # programs are run
RIGHT, WRONG = answers_from("clinic_*.py")


def verdict_on(number, pairs):
    program = faults.made(faults.replaced(faults.text_of_patient(number), *pairs))
    return CHECKERS[f"mend_{number}"].judge(program)


@each_answer(RIGHT)
def test_a_right_mending_passes(key, answer):
    verdict = verdict_on(key, answer)
    assert verdict.state == SOLVED, verdict


@each_answer(WRONG)
def test_a_wrong_mending_does_not_pass(key, answer):
    verdict = verdict_on(key, answer)
    assert verdict.state != SOLVED and verdict.hint, verdict


def test_there_are_twelve_wrong_and_five_right_mendings_of_each_patient():
    for number in faults.PATIENTS:
        assert len(WRONG.get(number, {})) >= 12 and len(RIGHT.get(number, {})) >= 5, number
