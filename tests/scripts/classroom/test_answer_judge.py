"""scripts/classroom/answer_judge.py: what is asked through the talk gets the verdict that it gets in one process."""

import random
import re
import time

import numpy as np
import pytest
import torch
import torch.nn as nn
from answer_judge import shown_message
from ask_learner import PythonLost
from loopback import asked, verdict_of
from torch.utils.data import DataLoader
from verdicts import CHECKERS, QUICK, answers_from, solution_of

from mnist_lesson.checks import judge
from mnist_lesson.checks.compare import Failed, Hint
from mnist_lesson.further import faults

RIGHT, WRONG = answers_from("nb*.py")


def drawn(group, number):
    """Draw so many answers to each quick exercise: pairs of the name of a checker and the words for an answer."""
    rng = random.Random(number)
    entries = {name: sorted(group.get(name, {})) for name in QUICK}
    return [
        (name, words)
        for name, all_words in entries.items()
        for words in rng.sample(all_words, number)[: len(all_words)]
    ]


def words_of(hint):
    """A hint without its case and its numbers, which are drawn anew each time, and without what was found."""
    hint = re.sub(r"^For .*? (the result|\d+ values)", "", hint).split(", found")[0]
    return re.sub(r"0x\w+|\[.*?\]|[-\d.]+", "", hint)


@pytest.mark.parametrize("name, words", drawn(RIGHT, 1))
def test_right_answers(name, words):
    verdict = verdict_of(CHECKERS[name], RIGHT[name][words])
    assert verdict.state == judge.SOLVED, verdict.hint


@pytest.mark.parametrize("name, words", drawn(WRONG, 2))
def test_wrong_answers_get_the_same_words(name, words):
    expect_the_same(name, WRONG[name][words])


def expect_the_same(name, function):
    here, there = CHECKERS[name].judge(function), verdict_of(CHECKERS[name], function)
    assert there.state == here.state and words_of(there.hint) == words_of(here.hint) and there.printed == here.printed
    return there


def hook_stays(model, layer, images):
    layer.register_forward_hook(lambda *given: None)
    return solution_of("listen")(model, layer, images)


def hook_stays_after_an_error(model, layer, images):
    heard = []
    handle = layer.register_forward_hook(lambda layer, inputs, output: heard.append(output))
    with torch.no_grad():
        model(images)
    handle.remove()
    return heard[0]


def detaches(image):
    return image.detach_()[0].numpy()


def changes_before_it_calls_back(rates, validate, test):
    rates.sort()
    found = {rate: validate(rate) for rate in rates}
    best = max(found, key=found.get)
    return best, test(best)


def calls_back_with_odd_things(rates, validate, test):
    return validate(object()), test([])


def prints(image):
    print("a word from the function")
    return image


def raises(error):
    def raising(*given):
        raise error

    return raising


class Broken(Exception):
    def __str__(self):
        raise ValueError("no words")


MEASURED = {
    "a hook stays": ("listen", hook_stays, "Your hook is still there"),
    "a hook stays after an error": ("listen", hook_stays_after_an_error, "If the pass stops with an error, your hook"),
    "image.detach_()": ("to_picture", detaches, "changes what it was given"),
    "the input changes before a callback": ("choose_rate", changes_before_it_calls_back, "changes what it was given"),
    "odd calls back": ("choose_rate", calls_back_with_odd_things, "which is none of the rates"),
    "an argument comes back": ("add_anywhere", lambda a, b: a, "one of the two tensors that it was given"),
    "one loader twice": ("make_loaders", lambda a, b, size: (DataLoader(a, size),) * 2, "test loader hands out images"),
    "it prints": ("to_image", prints, ""),
    "its own exception": (
        "to_image",
        raises(type("OwnError", (Exception,), {})("mine")),
        "stopped with OwnError in line",
    ),
    "an exception without words": ("to_image", raises(Broken()), "stopped with Broken in line"),
    "StopIteration": ("device_of", raises(StopIteration()), "it finds nothing"),
    "KeyError": ("to_image", raises(KeyError("x")), "stopped with KeyError in line"),
    "exit": ("to_image", raises(SystemExit(3)), "stopped with SystemExit"),
    "a group": ("to_image", raises(ExceptionGroup("several", [ValueError("x")])), "stopped with ExceptionGroup"),
    "a text that cannot be": (
        "to_image",
        raises(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why")),
        "UnicodeDecodeError",
    ),
    "surrogates": ("to_image", raises(ValueError("\ud800 \0")), "ValueError"),
    "nothing": ("to_image", lambda image: None, "First hint"),
    "no function": ("to_image", 5, "Expected your function, found 5"),
    "a class": ("to_image", dict, "Expected your function, found <class 'dict'>"),
}


@pytest.mark.parametrize("name, function, words", MEASURED.values(), ids=MEASURED.keys())
def test_what_is_measured_there_gets_the_same_words(name, function, words):
    if name == "to_image" and not callable(function) or isinstance(function, type):
        verdict = verdict_of(CHECKERS[name], function)
        assert verdict.hint == CHECKERS[name].judge(function).hint
    else:
        verdict = expect_the_same(name, function)
    assert words in verdict.hint and verdict.state != judge.SOLVED


def test_what_it_prints_is_shown():
    assert "a word from the function" in verdict_of(CHECKERS["to_image"], prints).printed


def test_without_end():
    def prints_on(image):
        while True:
            print("words")

    def hangs(image):
        while True:
            time.sleep(0.01)

    assert "printed more than 20,000" in expect_the_same("to_image", prints_on).hint
    with asked(hangs) as question:
        question.seconds = 0.3
        with pytest.raises(Hint, match=r"ran for more than 0.3 seconds"):
            question(1)


def test_an_interrupt_of_the_learners_own_ends_the_talk():
    with asked(raises(KeyboardInterrupt())) as question, pytest.raises(PythonLost, match="KeyboardInterrupt"):
        question(1)


def test_a_program_of_notebook_10():
    """Of a patient and of a sound program, the judge gets what `watch` has noted."""
    text = faults.text_of_patient(1)
    assert "loss" in verdict_of(CHECKERS["mend_1"], faults.made(text)).hint


def test_where_an_exception_came_from():
    def function(one):
        raise ValueError("why")

    with asked(function) as question, pytest.raises(Failed) as failed:
        question(1)
    assert failed.value.__cause__.line == function.__code__.co_firstlineno + 1


def test_only_one_answer_is_given_after_a_callback_was_refused():
    def refused(value):
        raise TypeError("not this")

    def function(call):
        try:
            call(1)
        except TypeError as error:
            return str(error)

    with asked(function) as question:
        assert question(refused) == "not this" and question(refused) == "not this"


def test_random_numbers_start_with_the_seed():
    with asked(lambda: [random.random(), np.random.rand(), torch.rand(()).item()]) as question:
        first = question()
    with asked(lambda: [random.random(), np.random.rand(), torch.rand(()).item()]) as question:
        assert question() == first != question()


def test_what_it_hands_out_can_be_asked_again():
    with asked(lambda: nn.ReLU()) as question:
        one, other = question(), question()
        assert one is not other and other(torch.tensor([-1.0, 2.0])).tolist() == one(
            torch.tensor([-1.0, 2.0])
        ).tolist() == [0, 2]


def test_the_words_of_an_exception():
    assert (
        shown_message(ValueError(" why ")) == "why"
        and shown_message(Broken()) == ""
        and len(shown_message(ValueError("x" * 9999))) == 2000
    )
