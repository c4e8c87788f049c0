"""scripts/colours.py: which colours are alike, and which are faint on white."""

import colours
import pytest

NAMED = {"BLUE": "#0072B2", "ORANGE": "#E69F00"}


@pytest.mark.parametrize("colour, expected", [("black", 21), ("white", 1), ("#767676", 4.54), ("#E69F00", 2.25)])
def test_the_contrast_is_that_of_wcag(colour, expected):
    assert colours.contrast(colour) == pytest.approx(expected, abs=0.01)


def test_the_distance_is_that_of_cielab():
    every, black_to_white = "all three kinds of cone", 100
    assert colours.distance("black", "white", every) == pytest.approx(black_to_white, abs=0.1)
    assert colours.distance("#FF0000", "#0000FF", every) == pytest.approx(176.3, abs=1)
    assert colours.distance("#FF0000", "#FF0000", every) == 0


@pytest.mark.parametrize("eyes", colours.EYES)
def test_grey_is_grey_to_all_eyes(eyes):
    all_cones = next(iter(colours.EYES))
    assert colours.distance("#404040", "#C0C0C0", eyes) == pytest.approx(
        colours.distance("#404040", "#C0C0C0", all_cones), abs=1
    )


def test_red_and_green_of_one_brightness_are_alike_without_green_cones_only():
    remarks = colours.alike({"RED": "#C06000", "GREEN": "#808000"})
    assert len(remarks) == 2 and "RED and GREEN look alike to eyes with no red cone" in remarks[0]
    assert "no green cone" in remarks[1]
    assert colours.alike(NAMED) == []


def test_a_colour_that_can_hardly_be_seen_on_white_is_found():
    assert colours.faint(NAMED) == ["ORANGE"]


def test_the_palette_is_that_of_the_lesson():
    assert set(colours.palette()) == {"BLUE", "ORANGE", "GREEN", "RED"}
