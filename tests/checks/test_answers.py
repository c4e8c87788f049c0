"""Every checker judges answers rightly that were written from the text of its exercise alone.

They are in `answers/`, a module for each notebook: `RIGHT` and `WRONG` hold for each checker a dictionary from a few
words to a function. Whoever wrote them had not seen the checkers.
"""

import pytest
from verdicts import CHECKERS, QUICK, answers_from, each_answer, own_progress  # noqa: F401 (a fixture)

from mnist_lesson.checks.judge import SOLVED

RIGHT, WRONG = answers_from("nb*.py")


@each_answer(RIGHT)
def test_a_right_answer_passes(key, answer):
    verdict = CHECKERS[key].judge(answer)
    assert verdict.state == SOLVED, verdict


@each_answer(WRONG)
def test_a_wrong_answer_does_not_pass(key, answer):
    verdict = CHECKERS[key].judge(answer)
    assert verdict.state != SOLVED and verdict.hint, verdict


@pytest.mark.parametrize("name", QUICK)
def test_there_are_twelve_wrong_and_five_right_answers(name):
    assert len(WRONG.get(name, {})) >= 12 and len(RIGHT.get(name, {})) >= 5
