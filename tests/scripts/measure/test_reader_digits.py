"""scripts/measure/reader_digits.py: digits and other things look as the reader sees them, the same for the same seed."""

import numpy as np
import pytest
import reader_digits
import torch
from scipy import ndimage

from mnist_lesson.further.recipes import load_tensors
from mnist_lesson.results import load_run
from mnist_lesson.stored import REFERENCE_DIR


def extent(image):
    return [int(np.ptp(np.flatnonzero(image.any(axis)))) + 1 for axis in (0, 1)]


def read_by_reference(images):
    with torch.no_grad():
        return load_run(REFERENCE_DIR).model.eval()(images / 255).argmax(1)


def test_drawn_digits_look_as_the_reader_sees_them():
    images, labels = reader_digits.draw_digits(100, seed=1)
    assert images.shape == (100, 1, 28, 28) and images.dtype == torch.uint8
    assert labels.tolist() == list(range(10)) * 10
    for image in images[:, 0].numpy():
        assert 18 <= max(extent(image)) <= 20 and image.max() >= 250
        y, x = ndimage.center_of_mass(image)
        assert abs(x - 14) <= 2 and abs(y - 14) <= 2


def test_drawn_digits_are_those_of_their_labels():
    images, labels = reader_digits.draw_digits(300, seed=2)
    assert (read_by_reference(images) == labels).double().mean() > 0.75  # by chance: 0.1


def test_the_same_seed_draws_the_same_and_another_one_something_else():
    first, same, other = (reader_digits.draw_digits(20, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_only_the_ways_that_are_given_are_drawn(monkeypatch):
    seen = []
    monkeypatch.setattr(reader_digits, "vary", lambda strokes, rng: seen.append(strokes) or strokes)
    ways = {digit: {"a": [[(0.1, 0.0), (0.5, 1.0)]], "b": [[(0.9, 0.0), (0.5, 1.0)]]} for digit in range(10)}
    reader_digits.draw_digits(60, seed=5, ways=ways)
    assert len(seen) == 60 and {str(strokes) for strokes in seen} == {str(way) for way in ways[0].values()}


def test_rewritten_digits_stay_what_they_are_and_look_different():
    images, labels = load_tensors(train=True)
    images, labels = (images[:200] * 255).byte(), labels[:200]
    written = reader_digits.rewrite(images, seed=0)
    assert written.shape == images.shape and written.dtype == torch.uint8
    assert torch.equal(written, reader_digits.rewrite(images, seed=0))
    assert (read_by_reference(written) == labels).double().mean() > 0.85
    ink_before, ink_after = (some.double().mean(dim=(1, 2, 3)) for some in (images, written))
    assert (ink_after < 0.8 * ink_before).any() and (ink_after > 1.2 * ink_before).any()


def test_others_are_of_the_families_of_their_part(monkeypatch):
    def draw_ink(family, seed):
        seen.append((family, seed))
        return np.ones((30, 20), dtype=np.float32)

    for part in ("train", "test"):
        seen = []
        monkeypatch.setattr(reader_digits, "draw_ink", draw_ink)
        images = reader_digits.draw_others(70, seed=1, part=part)
        assert images.shape == (70, 1, 28, 28)
        families = {family for family, its_part in reader_digits.FAMILIES.items() if its_part == part}
        assert {family for family, _ in seen} == families and len(set(seen)) == 70


def test_a_bar_is_thinned_to_a_line():
    bars = np.zeros((2, 30, 40), dtype=bool)
    bars[0, 10:17, 5:35] = True
    bars[1, 3:28, 12:18] = True
    before = bars.copy()
    across, down = reader_digits.thin(bars)
    assert np.array_equal(bars, before)
    assert (across[:, 10:30].sum(axis=0) == 1).all() and (down[8:22].sum(axis=1) == 1).all()
    assert not (across & ~bars[0]).any() and not (down & ~bars[1]).any()


@pytest.mark.parametrize("holes", [1, 2])
def test_thinning_neither_breaks_a_shape_nor_fills_its_holes(holes):
    y, x = np.mgrid[:60, :40]
    shape = np.zeros((60, 40), dtype=bool)
    for middle in (18, 40)[:holes]:
        distance = np.hypot(y - middle, x - 20)
        shape |= (distance > 7) & (distance < 14)
    thinned = reader_digits.thin(shape[None])[0]
    assert thinned.sum() < shape.sum() / 3
    assert ndimage.label(thinned, np.ones((3, 3)))[1] == 1
    assert ndimage.label(~thinned)[1] == 1 + holes
