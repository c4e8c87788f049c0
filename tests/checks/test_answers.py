"""Every checker judges answers rightly that were written from the text of its exercise alone.

They are in `answers/`, a module for each notebook: `RIGHT` and `WRONG` hold for each checker a dictionary from a few
words to a function. Whoever wrote them had not seen the checkers.
"""

import importlib
from pathlib import Path

import pytest
from verdicts import CHECKERS, QUICK, own_progress  # noqa: F401 (a fixture)

from mnist_lesson.checks.judge import SOLVED

MODULES = [
    importlib.import_module(f"answers.{path.stem}")
    for path in sorted(Path(__file__).with_name("answers").glob("nb*.py"))
]
RIGHT = {name: answers for module in MODULES for name, answers in module.RIGHT.items()}
WRONG = {name: answers for module in MODULES for name, answers in module.WRONG.items()}


def each(answers):
    cases = [(name, words, answer) for name, entries in answers.items() for words, answer in entries.items()]
    ids = [f"{name}-{words}" for name, words, _ in cases]
    return pytest.mark.parametrize("name, answer", [(name, answer) for name, _, answer in cases], ids=ids)


@each(RIGHT)
def test_a_right_answer_passes(name, answer):
    verdict = CHECKERS[name].judge(answer)
    assert verdict.state == SOLVED, verdict


@each(WRONG)
def test_a_wrong_answer_does_not_pass(name, answer):
    verdict = CHECKERS[name].judge(answer)
    assert verdict.state != SOLVED and verdict.hint, verdict


@pytest.mark.parametrize("name", QUICK)
def test_there_are_twelve_wrong_and_five_right_answers(name):
    assert len(WRONG.get(name, {})) >= 12 and len(RIGHT.get(name, {})) >= 5
