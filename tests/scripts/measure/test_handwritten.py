"""scripts/measure/handwritten*.py: the pictures hold the digits that they are said to hold, and each its difficulty."""

import draw_examples
import handwritten
import handwritten_layout
import handwritten_photo
import handwritten_screen
import handwritten_ways
import numpy as np
import pytest
import torch
from handwritten import DIMENSIONS, PLAIN, draw
from PIL import Image
from scipy import ndimage

from mnist_lesson.further.handwriting import centre, fit_into_20
from mnist_lesson.further.recipes import hold_out, load_tensors
from mnist_lesson.results import load_run, predict
from mnist_lesson.stored import REFERENCE_DIR

SOME = ["digit: plain", "sheet: three at once", "digit: transparent PNG", "sheet: dates and phone numbers"]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(PLAIN, "size", 0.4)  # small pictures are drawn sooner


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", SOME)
def test_the_same_seed_gives_the_same_picture_and_another_one_another(name):
    (first, text), (again, text_again), (other, _) = (draw(name, seed) for seed in (5, 5, 6))
    assert text == text_again and np.array_equal(np.asarray(first), np.asarray(again))
    assert first.size != other.size or not np.array_equal(np.asarray(first), np.asarray(other))


def test_every_dimension_gives_a_picture_and_its_digits():
    for name, (kind, _) in DIMENSIONS.items():
        if kind == "page" or (kind == "sheet" and name.removeprefix("sheet: ") in handwritten.BOTH):
            continue  # what a digit can have, a sheet has in the same way
        picture, lines = draw(name, 2000)
        assert isinstance(picture, Image.Image), name
        assert all(line.isdigit() for line in lines), name
        if kind == "single":
            assert len(lines) == 1 and len(lines[0]) == 1, name
        else:
            assert sum(map(len, lines)) >= 4, name
        assert np.asarray(picture.convert("L")).std() > 0 or picture.mode == "RGBA", name


def test_each_kind_has_a_plain_dimension_and_the_others_change_known_settings():
    for kind, name in (("single", "digit: plain"), ("sheet", "sheet: plain")):
        assert DIMENSIONS[name] == (kind, {})
    for name, (kind, settings) in DIMENSIONS.items():
        assert set(settings or ()) <= set(PLAIN), name
        assert settings != {} or name in ("digit: plain", "sheet: plain") or kind == "page"
        assert all(pen in handwritten_ways.PENS for pen in (settings or PLAIN).get("pens", ()))


def test_three_at_once_are_three_that_do_not_contradict():
    for seed in range(20):
        chosen = handwritten.three_at_once("sheet", rng(seed))
        assert set(chosen) <= set(PLAIN) and "medium" not in chosen
        assert len(chosen) >= 3


def test_what_is_written_is_what_is_said():
    model, right, digits = load_run(REFERENCE_DIR).model, [], set()
    for seed in range(30):
        picture, (truth,) = draw("digit: transparent PNG", seed)
        ink = np.asarray(picture.getchannel("A").crop(picture.getchannel("A").getbbox()), dtype=np.float32) / 255
        image = torch.from_numpy(centre(fit_into_20(ink))).unsqueeze(0)
        right.append(str(predict(image, model)[0][0]) == truth)
        digits.add(truth)
    assert sum(right) >= 27
    assert len(digits) == 10


def test_each_digit_has_rare_ways_and_a_person_keeps_to_one():
    assert list(handwritten_ways.RARE_WAYS) == list(draw_examples.DIGITS) == list(range(10))
    usual, rare = handwritten_ways.some_ways(rng(), 0), handwritten_ways.some_ways(rng(), 1)
    for digit in range(10):
        assert usual[digit] in draw_examples.DIGITS[digit]
        assert rare[digit] in handwritten_ways.RARE_WAYS[digit].values()


def test_no_digit_comes_from_an_image_that_the_reader_was_trained_with():
    _, (held, labels) = hold_out(*load_tensors(train=True))
    images = handwritten_ways.held_out()
    assert sum(map(len, images.values())) == len(held)
    assert np.array_equal(images[3], (255 * held[labels == 3, 0]).byte().numpy())


@pytest.mark.parametrize("pen", handwritten_ways.PENS)
def test_a_pen_is_as_thick_and_dark_as_it_should_be(pen):
    height = 200
    (thin, thick), (pale, dark), _, _ = handwritten_ways.PENS[pen]
    for ways in (None, {1: [[(0.5, 0.0), (0.5, 0.5), (0.5, 1.0)]]}):
        ink = handwritten_ways.write(1, pen, height, rng(1), ways)
        assert 0.2 * pale < ink.max() <= min(1, dark + 0.05)
    width = (ink[len(ink) // 2] > 0.1 * ink.max()).sum()
    assert 0.5 * thin * height - 2 <= width <= thick * height + 3
    rows = np.flatnonzero((ink > 0.1 * ink.max()).any(axis=1))
    assert height * 0.85 < rows[-1] - rows[0] < height * 1.3


def test_pressure_differs_along_a_stroke_of_an_uneven_pen_only():
    spreads = {}
    for pen in ("uneven ballpoint", "fineliner"):
        ink = handwritten_ways.write(1, pen, 300, rng(3), {1: [[(0.5, 0.0), (0.5, 0.5), (0.5, 1.0)]]})
        middle = ink.max(axis=1)[130:-130]
        spreads[pen] = middle.max() - middle.min()
    assert spreads["uneven ballpoint"] > 0.3 > 0.15 > spreads["fineliner"]


def test_thinning_leaves_a_connected_line_one_pixel_wide():
    shape = np.zeros((60, 60), dtype=bool)
    shape[10:50, 10:18] = shape[42:50, 10:50] = True  # an L of 8 pixels
    line = handwritten_ways.thin(shape)
    assert ndimage.label(line, np.ones((3, 3)))[1] == 1
    assert not (line & ~shape).any()
    assert 55 < line.sum() < 85
    assert not ndimage.binary_erosion(line, np.ones((2, 2))).any()
    assert all(12 <= x <= 15 for x in line[20:38].argmax(axis=1)), "it is the middle one"


@pytest.mark.parametrize("gap, pieces", [(8, 2), (-3, 1)])
def test_the_nearest_strokes_of_neighbours_have_the_gap_that_was_asked_for(gap, pieces):
    left, right = np.zeros((80, 40), dtype=np.float32), np.zeros((80, 40), dtype=np.float32)
    left[10:70, 5:9] = left[10:14, 5:40] = 1  # Γ
    right[10:70, 20:24] = right[66:70, 0:24] = 1  # ┘ reaches under it
    shift = round(handwritten_layout.follow(left, right, gap))
    both = np.zeros((80, 120), dtype=bool)
    both[:, :40] |= left > 0
    both[:, shift : shift + 40] |= right > 0
    assert shift < 40, "they follow each other closer than their boxes do"
    assert ndimage.label(both)[1] == pieces


def test_blanks_part_digits():
    look = {**PLAIN, "gap": (0.2, 0.2)}
    inks, height = handwritten_layout.lay_out(["1 1"], look, rng())
    close, _ = handwritten_layout.lay_out(["11"], look, rng())
    (first, left, _), (_, right, _) = inks
    assert right >= left + first.shape[1] + 0.3 * height
    assert close[1][1] < right


def test_a_line_rises_by_its_angle():
    inks, height = handwritten_layout.lay_out(["1" * 11], {**PLAIN, "rise": (10, 10), "up and down": 0}, rng(2))
    (_, left, top), (_, right, last) = inks[0], inks[-1]
    assert abs((last - top) / (right - left)) == pytest.approx(np.tan(np.radians(10)), abs=0.02)


def test_tall_digits_are_far_higher_than_the_others():
    inks, _ = handwritten_layout.lay_out(["7070"], {**PLAIN, **DIMENSIONS["sheet: tall 7 and 4"][1]}, rng(1))
    heights = [np.ptp(np.flatnonzero((ink > 0.1).any(axis=1))) for ink, _, _ in inks]
    assert min(heights[::2]) > 1.5 * max(heights[1::2])


def test_all_ink_lies_on_the_sheet():
    for seed in range(5):
        inks, height = handwritten_layout.lay_out(["0123", "45"], {**PLAIN, "lines": (2, 3)}, rng(seed))
        placed, rows, columns, _ = handwritten_layout.place_on(inks, height, PLAIN, rng(seed))
        sheet = np.zeros((rows, columns, 1), dtype=np.float32)
        for ink, left, top in placed:
            handwritten_photo.put_ink(sheet, ink, left, top, (1,))
        assert sheet[0].max() == sheet[-1].max() == sheet[:, 0].max() == sheet[:, -1].max() == 0
        assert (sheet > 0.3).sum() > 0.9 * sum((ink > 0.3).sum() for ink, _, _ in inks)


def test_ink_beyond_the_edge_is_cut_off():
    sheet, ink = np.ones((20, 20, 3), dtype=np.float32), np.ones((10, 10), dtype=np.float32)
    for left, top in ((-5, -5), (15, 15), (-5, 15)):
        handwritten_photo.put_ink(sheet, ink, left, top, (0, 0, 0))
    assert (sheet == 0).all(axis=2).sum() == 75


@pytest.mark.parametrize("kind", ["strip", "around", "most", "tilted", "perspective"])
def test_after_a_look_askew_the_ink_is_where_it_is_said_to_be(kind):
    sheet, ink = np.full((300, 400, 3), 0.9, dtype=np.float32), np.zeros((300, 400), dtype=np.float32)
    ink[90:150, 130:230] = 1
    sheet[ink > 0] = 0.02
    picture, where = handwritten_photo.warp(sheet, ink, kind, rng(1))
    assert picture.shape[:2] == where.shape
    assert (where > 0.9).sum() > 2000
    assert picture[where > 0.9].max() < 0.15
    around = ndimage.binary_dilation(where > 0.1, iterations=5) & (where == 0)
    assert picture[around].min() > 0.5
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=1)
    assert (corners < 0.7).any(), "the table shows"
    assert (corners < 0.7).all() == (kind in ("around", "most", "tilted"))


def test_a_look_brings_points_where_they_belong():
    corners, to = np.array([(10, 5), (90, 20), (80, 95), (0, 70)], dtype=float), [(0, 0), (60, 0), (60, 40), (0, 40)]
    a, b, c, d, e, f, g, h = handwritten_photo.perspective(corners, to)
    for (x, y), wanted in zip(corners, to):
        depth = g * x + h * y + 1
        assert ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("kind", ["pencil", "hand", "finger", "dark"])
def test_an_object_lies_at_the_edge_and_not_on_the_ink(kind):
    laid = 0
    for seed in range(6):
        picture, ink = np.full((240, 320, 3), 0.8, dtype=np.float32), np.zeros((240, 320), dtype=np.float32)
        ink[80:160, 100:220] = 1
        handwritten_photo.lay_object(picture, ink, kind, rng(seed))
        assert np.ptp(picture[ink > 0], axis=0).max() < 0.4, "no more than its shadow"
        changed = np.abs(picture - 0.8).max(axis=2) > 0.3
        edge = np.concatenate([changed[0], changed[-1], changed[:, 0], changed[:, -1]])
        assert edge.any() or not changed.any()
        laid += changed.any()
    assert laid >= 4


@pytest.mark.parametrize("hard", [True, False])
def test_a_shadow_darkens_a_part_with_a_hard_or_a_soft_edge(hard):
    steps = []
    for seed in range(6):
        picture = np.ones((300, 400, 3), dtype=np.float32)
        handwritten_photo.shade(picture, rng(seed), hard)
        assert picture.min() >= 0.44 and picture.max() < 1.01
        if picture.min() < 0.8 and picture.max() > 0.99:
            steps.append(max(np.abs(np.diff(picture[..., 0], axis=axis)).max() for axis in (0, 1)))
    assert len(steps) >= 3
    assert min(steps) > 0.08 if hard else max(steps) < 0.05


def test_printed_lines_are_where_a_line_of_digits_stands():
    sheet = np.ones((300, 400, 3), dtype=np.float32)
    handwritten_photo.print_lines(sheet, "margin", 100, 40, rng())
    rows = np.flatnonzero((sheet[:, 200] < 0.9).any(axis=1))
    assert min(abs(rows - 102)) <= 1
    red = (sheet[5, :, 0] > sheet[5, :, 1] + 0.1).sum()
    assert 1 <= red <= 6


def test_glare_does_not_hide_what_is_written():
    picture, ink = np.full((200, 200, 3), 0.2, dtype=np.float32), np.ones((200, 200), dtype=np.float32)
    for seed in range(5):
        bright = picture.copy()
        handwritten_photo.glare(bright, ink, rng(seed))
        assert 0.01 < (bright - picture).max() < 0.6


def test_motion_blurs_along_a_short_way_only():
    image = Image.new("L", (60, 60))
    image.putpixel((30, 30), 255)
    blurred = np.asarray(handwritten_photo.blur_motion(image, 12, rng(4)))
    y, x = blurred.nonzero()
    assert 8 <= max(np.ptp(y), np.ptp(x)) <= 13 and len(y) <= 16


def test_a_transparent_drawing_is_all_in_its_transparency():
    picture, _ = draw("digit: transparent PNG", 1)
    alpha = np.asarray(picture.getchannel("A"))
    assert picture.mode == "RGBA" and alpha[0, 0] == 0 and alpha.max() > 200
    colours = np.asarray(picture)[alpha > 200][:, :3]
    assert np.ptp(colours, axis=0).max() == 0


def test_tiny_pictures_are_tiny_and_half_of_them_like_mnist():
    sizes = [draw("digit: 28 x 28 and other tiny ones", seed)[0].size for seed in range(20)]
    assert all(width == height and 14 <= width < 48 for width, height in sizes)
    assert 5 <= sizes.count((28, 28)) <= 16


def test_a_digit_can_be_cropped_exactly_to_its_box():
    for seed in range(3):
        picture, _ = draw("digit: cropped to its box", seed)
        grey = np.asarray(picture.convert("L"), dtype=float)
        edges = [grey[:3].min(), grey[-3:].min(), grey[:, :3].min(), grey[:, -3:].min()]
        assert max(edges) < 0.9 * np.percentile(grey, 95)


def test_the_page_is_as_large_as_it_says_and_holds_its_lines(monkeypatch):
    picture, lines = handwritten_screen.page(rng())
    assert picture.width * picture.height == 35_000_000
    assert [len(line) for line in lines] == 60 * [40]
    assert 0.01 < (np.asarray(picture.reduce(4)) < 200).mean() < 0.2
