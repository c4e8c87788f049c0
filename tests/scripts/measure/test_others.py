"""scripts/measure/others.py: what is no digit, in families for training and families for testing."""

import re

import numpy as np
import others
import pytest
from draw_examples import DIGITS
from other_shapes import TEST_SHAPES, TRAIN_SHAPES

from mnist_lesson.further.handwriting import centre, fit_into_20
from mnist_lesson.further.recipes import hold_out, load_tensors

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def drawn():
    return {family: [others.draw_other(family, seed) for seed in range(2)] for family in others.FAMILIES}


def test_there_are_families_of_both_kinds():
    parts = list(others.FAMILIES.values())
    assert parts.count("train") >= 12 and parts.count("test") >= 12 and set(parts) == {"train", "test"}


def test_no_shape_is_in_both_kinds():
    names = [[name for shapes in part.values() for name in shapes] for part in (TRAIN_SHAPES, TEST_SHAPES)]
    texts = [{text for shapes in part.values() for text in shapes.values()} for part in (TRAIN_SHAPES, TEST_SHAPES)]
    letters = [{name for name in part if re.fullmatch("[A-Za-z]", name)} for part in names]
    assert len(letters[0]) > 10 and len(letters[1]) > 10
    assert not letters[0] & letters[1] and not texts[0] & texts[1]


def test_letters_that_look_like_digits_are_left_out():
    names = {name for part in (TRAIN_SHAPES, TEST_SHAPES) for shapes in part.values() for name in shapes}
    assert not names & set("BDGIJOQSZCUabcgijloqsuyz") | names & {"beta", "delta", "theta", "sigma", "phi"}


@pytest.mark.parametrize("family", others.FAMILIES)
def test_a_picture_is_dark_ink_on_bright_paper(drawn, family):
    for picture in drawn[family]:
        assert picture.dtype == np.uint8 and picture.ndim == 2 and min(picture.shape) > 50
        edge = np.concatenate([picture[:5].ravel(), picture[-5:].ravel()])  # nothing is written there
        assert edge.mean() > picture.min() + 60


@pytest.mark.parametrize("family", others.FAMILIES)
def test_the_same_seed_gives_the_same_picture_and_another_one_another(drawn, family):
    assert np.array_equal(others.draw_other(family, 1), drawn[family][1])
    assert drawn[family][0].shape != drawn[family][1].shape or (drawn[family][0] != drawn[family][1]).any()


@pytest.mark.parametrize("family", others.FAMILIES)
def test_the_ink_fills_its_frame_and_can_be_made_an_image(family):
    for seed in range(2):
        ink = others.draw_ink(family, seed)
        assert 0 <= ink.min() and 0.5 < ink.max() <= 1
        assert all((side > 0.1).any() for side in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))
        assert centre(fit_into_20(ink)).shape == (28, 28)


def test_digits_for_testing_are_held_out():
    (train, _), (held, labels) = hold_out(*load_tensors(train=True))
    assert np.array_equal(others.digits("test")[0], held[:, 0].numpy())
    assert np.array_equal(others.digits("test")[1], labels.numpy())
    assert np.array_equal(others.digits("train")[0], train[:, 0].numpy())


@pytest.mark.parametrize("family", [name for name in others.FAMILIES if re.search("cut|two|turn|over|out", name)])
def test_a_family_made_of_digits_takes_those_of_its_own_part(family, monkeypatch):
    asked, real = [], others.digits
    monkeypatch.setattr(others, "digits", lambda part: asked.append(part) or real(part))
    others.draw_ink(family, 0)
    assert set(asked) == {others.FAMILIES[family]}


def test_a_pen_may_be_pressed_unevenly():
    strokes = DIGITS[3][0]
    inks = [others.write(strokes, RNG(seed)) for seed in range(12)]
    full = [ink[ink > 0.3] for ink in inks]
    is_even = [np.ptp(np.quantile(ink, (0.2, 0.8))) < 0.01 for ink in full]
    assert 1 <= sum(is_even) < 11


def test_a_part_of_a_digit_is_a_third_to_a_half_of_it(monkeypatch):
    row, column = np.mgrid[0:100, 0:80]
    ends = {"upper": (row, 0, 50), "lower": (row, 50, 100), "left": (column, 0, 40)}
    for side, (places, first, end) in ends.items():
        monkeypatch.setattr(others, "one_of", lambda part, wanted, rng: places)
        kept = others.cut_off("test", {side: (0,)}, RNG(0))
        assert first <= kept.min() and kept.max() < end and 0.35 * (end - first) * 2 - 1 <= np.ptp(kept) + 1


def test_turns_go_the_way_they_say(monkeypatch):
    corner = np.zeros((3, 2))
    corner[0, 0] = 1  # at the upper left
    monkeypatch.setattr(others, "one_of", lambda part, wanted, rng: corner)
    where = {"left": (1, 0), "right": (0, 2), "round": (2, 1), "mirror": (0, 1)}
    for change, place in where.items():
        turned = others.changed("test", {change: (0,)}, RNG(0))
        assert np.argwhere(turned).tolist() == [list(place)], change


@pytest.mark.parametrize("below", [False, True])
def test_two_digits_keep_their_ink_and_overlap_as_told(monkeypatch, below):
    monkeypatch.setattr(others, "one_of", lambda part, wanted, rng: np.ones((40, 20), dtype=np.float32))
    shape = others.two("test", (0.5, 0.5), below, RNG(0)).shape
    assert shape == ((40 + 20 + 40, 20) if below else (40, 20 + 10 + 20))
    overlapping = others.two("test", (-0.5, -0.5), below, RNG(0))
    assert overlapping.shape == ((60, 20) if below else (40, 30)) and overlapping.max() == 1


@pytest.mark.parametrize("how", ["cross", "zigzag"])
def test_a_digit_is_still_there_below_what_crosses_it_out(how, monkeypatch):
    monkeypatch.setattr(others, "one_of", lambda part, wanted, rng: np.full((60, 90), 0.2, dtype=np.float32))
    monkeypatch.setattr(others, "cropped", lambda ink: ink)
    ink = others.crossed_out("train", how, RNG(0))
    assert (ink >= 0.2).sum() > 0.8 * 60 * 90 and 0.05 < (ink > 0.3).mean() < 0.8
