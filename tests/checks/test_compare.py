"""Comparing: what counts as equal, how a difference is named, and cases that tell all mistakes apart."""

import random

import numpy as np
import pytest
import torch

from mnist_lesson.checks.compare import (
    DRAWS,
    CheckerFault,
    Failed,
    Hint,
    alike,
    compare,
    describe,
    difference,
    draw_until,
)


@pytest.mark.parametrize(
    "found, expected, same",
    [
        (3, 3, True),
        (np.int64(3), 3, True),
        (torch.tensor(3), 3, True),
        (3.0, 3, True),
        (np.float32(3), 3, True),
        (torch.tensor(3.0), 3, True),
        (torch.tensor(3.0, dtype=torch.float16), 3, True),
        (3, torch.tensor(3.0), True),
        (3.0000001, 3, False),
        (torch.tensor(3.5), 3, False),
        (torch.tensor([3]), 3, False),
        ([3], 3, False),
        ("3", 3, False),
        (3j, 3, False),
        (3 + 0j, 3, True),
        (3 - 0j, 3.0, True),
        (4 + 0j, 3, False),
        (3 + 1e-9j, 3, False),
        (complex(3, float("nan")), 3, False),
        (complex(float("inf"), 0), 3, False),
        (1 + 0.1j, 1.0, False),
        (np.complex64(3), 3, True),
        (np.complex128(0.4635), 0.4635, True),
        (np.complex128(0.5), 0.4635, False),
        (np.complex128(1 + 0.1j), 1.0, False),
        (np.array(3 + 0j), 3, True),
        (torch.tensor(3 + 0j), 3, True),
        (torch.tensor(3 + 0j).conj(), 3, True),
        (torch.tensor(3 + 0.1j), 3, False),
        (True, 1, False),
        (np.bool_(True), 1, False),
        (torch.tensor(True), 1, False),
        (float("inf"), 3, False),
        (0.5, 0.5, True),
        (np.float32(0.5), 0.5, True),
        (torch.tensor(0.5), 0.5, True),
        (torch.tensor(0.5, dtype=torch.float64), 0.5, True),
        (torch.tensor([0.5]), 0.5, False),
        (1, 1.0, True),
        (np.int64(1), 1.0, True),
        ((1, 2), (1, 2), True),
        ([1, 2], (1, 2), True),
        ((1.0, torch.tensor(2)), (1, 2.0), True),
        ((1, 2, 3), (1, 2), False),
        (torch.tensor([1, 2]), torch.tensor([1.0, 2.0]), True),
        (torch.tensor([1.0, 2.0]), torch.tensor([1, 2]), True),
        (torch.tensor([1, 2], dtype=torch.uint8), torch.tensor([1, 2]), True),
        (torch.tensor([0.5, 2], dtype=torch.float16), torch.tensor([0.5, 2]), True),
        (torch.tensor([0.5, 2], dtype=torch.float64), torch.tensor([0.5, 2]), True),
        (torch.tensor([0, 2]), torch.tensor([0.5, 2]), False),
        (torch.tensor([[1, 2]]), torch.tensor([1, 2]), False),
        (torch.tensor([True]), torch.tensor([1]), False),
        (torch.tensor([1]), torch.tensor([True]), False),
        (torch.tensor([1 + 0j, 2]), torch.tensor([1.0, 2]), True),
        (torch.tensor([1 + 0j, 2]), torch.tensor([1, 2]), True),
        (torch.tensor([1 + 0j, 3]), torch.tensor([1.0, 2]), False),
        (torch.tensor([1, 2 + 0.1j]), torch.tensor([1.0, 2]), False),
        (torch.tensor([[1 + 0j, 2]]), torch.tensor([1.0, 2]), False),
        (torch.tensor([1 + 0j]), torch.tensor([True]), False),
        (torch.zeros(2, dtype=torch.complex64).to_sparse(), torch.zeros(2), False),
        (torch.zeros(2, dtype=torch.complex64, device="meta"), torch.zeros(2), False),
        ([1, 2], torch.tensor([1, 2]), False),
        (np.array([1, 2]), torch.tensor([1, 2]), False),
        (torch.tensor([float("nan")]), torch.tensor([float("nan")]), False),
        (np.ones(2), np.ones(2), True),
        (np.ones(2, dtype=int), np.ones(2), True),
        (np.ones(2, dtype=np.float32), np.ones(2), True),
        (np.ones(2, dtype=complex), np.ones(2), True),
        (np.array([1, 1 + 0.1j]), np.ones(2), False),
        (np.ones((1, 2)), np.ones(2), False),
        (torch.ones(2), np.ones(2), False),
    ],
)
def test_difference(found, expected, same):
    assert (difference(found, expected) == "") is same


def test_a_value_is_named_in_a_few_words():
    class Broken:
        def __repr__(self):
            raise ValueError

    for value in (Broken(), "x" * 1000, list(range(1000)), torch.rand(1000), np.zeros(0), torch.rand(2, device="meta")):
        assert 0 < len(describe(value)) <= 80
    assert describe(torch.nn.Sequential(torch.nn.Linear(784, 10))) == "a model (Sequential)"


def test_a_wrong_tensor_is_told_by_one_of_its_numbers():
    expected = torch.arange(12.0).reshape(3, 4)
    found = expected.clone()
    found[1, 2] = 255
    assert difference(found, expected) == (
        "1 of 12 numbers of the result are wrong: at [1, 2] it should be 6, but is 255"
    )
    assert difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])) == (
        "the result should be the tensor [1.0, 3.0], but is the tensor [1.0, 2.0]"
    )


def test_no_class_of_a_learner_says_what_is_equal():
    class Int(int):
        __eq__ = __ne__ = lambda self, other: True

    class Float(float):
        __eq__ = lambda self, other: True

    class Complex(complex):
        imag, real = 0, 4

    class List(list):
        __iter__ = lambda self: iter([1, 2])

    class Tensor(torch.Tensor):
        shape = torch.Size([2])

    assert difference(Int(3), 4) and not difference(Int(4), 4)
    assert difference(Float(0.5), 0.6) and not difference(Float(0.5), 0.5)
    assert difference(Complex(3, 1), 4)
    assert difference(List([1, 3]), (1, 2)) and not difference(List([1, 2]), (1, 2))
    assert difference(torch.zeros(3).as_subclass(Tensor), torch.zeros(2))


@pytest.mark.parametrize("found", [10**400, -(10**400), np.array(["a"]), torch.eye(2).to_sparse(), (torch.ones(2), 1)])
@pytest.mark.parametrize("expected", [1, 0.5, (1, 0.5), torch.eye(2), np.ones(1)])
def test_a_difference_is_found_whatever_is_compared(found, expected):
    assert difference(found, expected)


def number(low, high):
    return lambda: [(random.randint(low, high),)]


def hint_to(answer, draw, right, mistakes):
    with pytest.raises(Hint) as raised:
        compare(answer, draw, right, mistakes)
    return str(raised.value)


def test_cases_are_drawn_until_all_mistakes_differ():
    mistakes = [(lambda x: x, "not squared"), (lambda x: 2 * x, "doubled"), (lambda x: 1, "always 1")]
    for _ in range(50):  # of 0, 1, 2 and 3 only 3 tells them all apart
        seen = []
        compare(lambda x: seen.append(x) or x**2, number(0, 3), lambda x: x**2, mistakes)
        assert seen == [3]
        assert [hint_to(mistake, number(0, 3), lambda x: x**2, mistakes) for mistake, _ in mistakes] == [
            "not squared",
            "doubled",
            "always 1",
        ]


def test_a_hint_is_for_those_who_make_its_mistake_in_all_cases():
    def sometimes(x):
        return x if x > 2 else 7 * x

    hint = hint_to(sometimes, lambda: [(2,), (3,)], lambda x: x**2, [(lambda x: x, "not squared")])
    assert hint == "For 2 the result should be 4, but is 14."


def test_mistakes_with_the_same_hint_need_not_differ():
    mistakes = [(lambda x: x + 1, "one more"), (lambda x: x + 1.0, "one more")]
    assert hint_to(lambda x: x + 1, number(1, 9), lambda x: x, mistakes) == "one more"


@pytest.mark.parametrize(
    "draw, right, mistakes, words",
    [
        (number(1, 9), abs, [(lambda x: x, "sign")], "'sign' looks like 'what is right'"),
        (number(1, 9), lambda x: -x, [(abs, "a"), (lambda x: x, "b")], "'b' looks like 'a'"),
        (number(1, 9), lambda x: -x, [(lambda x: x.y, "a")], "'a' fails in all cases"),
        (number(1, 9), lambda x: x.y, [], "AttributeError"),
        (lambda: 1 / 0, lambda x: x, [], "ZeroDivisionError"),
    ],
)
def test_cases_that_do_not_tell_are_an_error_of_the_checker(draw, right, mistakes, words):
    with pytest.raises(CheckerFault, match=words):
        compare(lambda x: x, draw, right, mistakes)


def test_rounding_decides_about_no_mistake():
    with pytest.raises(CheckerFault):
        compare(lambda x: 1.0, lambda: [(1,)], lambda x: 1.0, [(lambda x: 1.0005, "hardly another number")])


def test_a_mistake_that_fails_in_some_cases_gets_its_hint_there_too():
    def reciprocal(x):
        try:
            return 1 / x
        except ZeroDivisionError as error:
            raise Failed("division by zero") from error  # as the guard of a learner's function does

    mistakes = [(lambda x: 1 / x, "never divide")]
    assert hint_to(reciprocal, lambda: [(0,), (2,)], lambda x: x, mistakes) == "never divide"
    assert hint_to(reciprocal, lambda: [(0,), (2,)], lambda x: x, []) == "division by zero"


def test_the_learner_gets_copies_and_what_is_right_is_known_before():
    kept = torch.arange(3.0)

    def spoils(x):
        x.zero_()
        kept.zero_()
        return x

    hint = hint_to(spoils, lambda: [(kept.clone(),)], lambda x: x, [(lambda x: x.add_(5), "changes it")])
    assert hint == (
        "For the tensor [0.0, 1.0, 2.0] the result should be the tensor [0.0, 1.0, 2.0], "
        "but is the tensor [0.0, 0.0, 0.0]."
    )


def test_draw_until():
    drawn = iter(range(1000))
    assert draw_until(lambda: next(drawn), lambda n: "" if n > 20 else "too small") == 21
    with pytest.raises(CheckerFault, match=f"{DRAWS} draws: never"):
        draw_until(lambda: next(drawn), lambda n: "never")
    assert next(drawn) == 22 + DRAWS


def test_alike_names_two_results_that_hardly_differ():
    assert alike({"a": 1.0, "b": 2.0, "c": 3}) == ""
    assert alike({"a": 1.0, "b": 2.0, "c": 2.0005}) == "b is like c"
