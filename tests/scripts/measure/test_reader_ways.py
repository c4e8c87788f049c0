"""scripts/measure/reader_ways.py: ways to write each digit, as strokes that lie where a digit lies."""

import itertools

import pytest
from reader_ways import WAYS, arc, corner


def test_an_arc_goes_around_its_ellipse():
    points = arc(0.5, 0.4, 1, 0.6, -90, 90)
    assert points[0] == pytest.approx((0.5, 0.1)) and points[-1] == pytest.approx((0.5, 0.7))
    assert max(points) == pytest.approx((1, 0.4))  # it passes the right side, not the left
    assert all(((x - 0.5) / 0.5) ** 2 + ((y - 0.4) / 0.3) ** 2 == pytest.approx(1) for x, y in points)


def test_each_point_between_two_straight_lines_comes_twice():
    assert corner((0, 0), (1, 0), (1, 1)) == [(0, 0), (1, 0), (1, 0), (1, 1)]
    assert corner((0, 0), (1, 1)) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("digit", range(10))
def test_there_are_many_ways_to_write_a_digit_and_each_is_as_high_as_one(digit):
    assert len(WAYS[digit]) >= 9
    for name, strokes in WAYS[digit].items():
        x, y = zip(*itertools.chain(*strokes))
        assert -0.2 < min(x) and max(x) < 1.2, name
        assert -0.15 < min(y) < 0.1 and 0.9 < max(y) < 1.15, name
        assert all(len(points) >= 2 for points in strokes), name


def test_no_way_is_there_twice():
    drawings = [str(strokes) for ways in WAYS.values() for strokes in ways.values()]
    assert len(set(drawings)) == len(drawings)
