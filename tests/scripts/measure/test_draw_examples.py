"""scripts/measure/draw_examples.py: the committed examples are those that it draws."""

import json
import re
from collections import Counter

import draw_examples
import numpy as np
import pytest
from PIL import Image

from mnist_lesson.further.drawing import EXAMPLES_DIR


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    draw_examples.draw_all(folder)
    return folder


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_committed_examples_are_those_that_the_script_draws(drawn):
    names = files_in(drawn)
    assert names == files_in(EXAMPLES_DIR), (
        "run python scripts/measure/draw_examples.py, and delete what it does not draw"
    )
    for name in names:
        if name.endswith(".jpg"):
            new, old = (np.asarray(Image.open(folder / name), dtype=float) for folder in (drawn, EXAMPLES_DIR))
            assert new.shape == old.shape and abs(new - old).mean() < 2, (
                f"{name}: run python scripts/measure/draw_examples.py"
            )


def test_there_are_all_digits_and_what_is_none(drawn):
    kinds = Counter(path.name.rsplit("_", 1)[0] for path in drawn.glob("*.jpg"))
    assert [kinds[f"digit_{digit}"] for digit in range(10)] == [draw_examples.EXAMPLES_PER_DIGIT] * 10
    assert kinds["letter"] >= 5 and kinds["scribble"] >= 3 and kinds["sheet"] == 3 + len(draw_examples.SHEETS)


def test_the_photos_are_small_files_named_by_their_digits(drawn):
    photos, hard = (sorted((drawn / name).iterdir()) for name in ("photos", "hard"))
    assert len(photos) == len(draw_examples.PHOTOS) == 20 and len(hard) == len(draw_examples.HARD)
    assert all(re.fullmatch(r"\d_[a-z_]+\.jpg", path.name) for path in photos)
    assert all(re.fullmatch(r"\d+_[a-z_]+\.jpg", path.name) for path in hard)
    assert max(path.stat().st_size for path in drawn.rglob("*.jpg")) < 25_000


def test_they_differ_in_size_paper_and_light(drawn):
    pictures = [np.asarray(Image.open(path).convert("L"), dtype=float) for path in drawn.glob("digit_*.jpg")]
    assert len({picture.shape for picture in pictures}) > 40
    brightness = [np.median(picture) for picture in pictures]
    assert min(brightness) < 80 and max(brightness) > 220, "dark and bright papers"


def test_the_strokes_of_ten_digits_fit_on_the_pad(drawn):
    strokes = json.loads((drawn / "strokes.json").read_text(encoding="utf-8"))
    assert list(strokes) == [str(digit) for digit in range(10)]
    points = np.array([point for digit in strokes.values() for stroke in digit for point in stroke])
    assert points.min() >= 0 and points.max() < 280


def test_a_curve_goes_through_its_points():
    points = [(0.0, 0.0), (0.5, 0.9), (1.0, 0.2)]
    line = np.array(draw_examples.curve(points))
    for point in points:
        assert np.abs(line - point).max(axis=1).min() < 1e-9
