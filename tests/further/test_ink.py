"""mnist_lesson.further.ink: where the pen went, also beside other pens and on printed lines, and connected pieces."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage
from test_pictures import cropped, drawn, on_paper, written

from mnist_lesson.further import ink
from mnist_lesson.further.drawing import draw_strokes
from mnist_lesson.further.paper import find_paper, tidied

Y, X = np.mgrid[:600, :800]


def find(picture):
    return ink.find_ink(picture, find_paper(picture))


# Full ink and its rim


def test_the_rim_of_a_stroke_fades_from_three_quarters_to_a_fifth():
    """In a small picture, which is not smoothed."""
    shares = np.array([0, 0.1, 0.2, 0.475, 0.75, 0.9, 1, 1, 1, 1])
    picture = np.full((90, 90), 200.0)
    picture[20:70, 40:50] -= 100 * shares
    found = ink.find_ink(picture.astype(np.uint8), np.full(picture.shape, 200, dtype=np.float32))
    assert found.dtype.kind == "f" and found.min() == 0 and found.max() == 1
    assert found[45, 40:50] == pytest.approx([0, 0, 0, 0.5, 1, 1, 1, 1, 1, 1], abs=0.03)


@pytest.mark.parametrize("faint", [0.15, 0.25, 0.5])
def test_beside_a_felt_pen_a_pencil_draws_full_strokes(faint):
    """The threshold of one pen for all would leave nothing of the pencil, or of its rim."""
    felt, pencil = (written(text, pen=pen, margin=0.1) for text, pen in (("38", 0.1), ("92", 0.05)))
    picture = np.full((220, 620), 210.0)
    for own, depth, left in ((felt, 0.9, 20), (pencil, 0.9 * faint, 320)):
        picture[20 : 20 + len(own), left : left + len(own[0])] *= 1 - depth * own
    found = find((picture + np.random.default_rng(0).normal(0, 1, picture.shape)).clip(0, 255).astype(np.uint8))
    for own, left in ((felt, 20), (pencil, 320)):
        window = found[20 : 20 + len(own), left : left + len(own[0])]
        assert window[own > 0.9].mean() > 0.9 and (window[own > 0.9] > ink.INK).mean() > 0.99
        assert window[own == 0].mean() < 0.02


def test_pressure_may_change_along_a_stroke():
    """A stroke that ends three times fainter than it began is still full ink to its end."""
    digit = written("3", 300, 0.06)
    fading = np.linspace(0.25, 0.8, len(digit))[:, None]
    found = find((210 * (1 - fading * digit)).astype(np.uint8))
    assert (found[digit > 0.9] > ink.INK).mean() > 0.98


def test_a_fold_beside_writing_is_no_ink():
    fold = np.exp(-(((X - 600 - 0.2 * Y) / 6) ** 2))
    picture = on_paper(written("47", 150), 210 - 14.0 * fold, 200, 50, grain=2)
    found = find(picture)
    assert (found[:, :400] > ink.INK).sum() > 3000 and not (found[:, 560:] > ink.INK).any()


@pytest.mark.parametrize("depth, is_ink", [(10, False), (17, False), (27, True), (60, True)])
def test_what_is_hardly_darker_than_paper_is_no_ink(depth, is_ink):
    picture = (200 - depth * (drawn() < 128)).astype(np.uint8)
    if is_ink:
        assert ((find(picture) > 0.5) == (drawn() < 128)).mean() > 0.98
    else:
        with pytest.raises(ValueError, match="no ink"):
            find(picture)


@pytest.mark.parametrize("depth, is_ink", [(30, False), (60, True)])
def test_in_a_small_picture_ink_must_stand_out_from_the_grain(depth, is_ink):
    """Grain of 8 has a median of 5.4 below and above that of the paper: ink must be eight times as deep."""
    small = 1 - (np.asarray(Image.fromarray(drawn()).resize((60, 60)), dtype=float) - 10) / 230
    noisy = (200 - depth * small + np.random.default_rng(0).normal(0, 8, small.shape)).astype(np.uint8)
    if is_ink:
        assert (find(noisy)[small > 0.9] > ink.INK).mean() > 0.95
    else:
        with pytest.raises(ValueError, match="no ink"):
            find(noisy)


def test_in_a_large_picture_much_grain_is_smoothed_away():
    """Twice: pictures of 28 pixels keep theirs, those of 280 are smoothed, those of more than 300 may be again."""
    digit = np.pad(1 - (drawn() - 10) / 230, 60)
    noisy = 180 - 55 * digit + np.random.default_rng(0).normal(0, 30, digit.shape)
    found = find(noisy.clip(0, 255).astype(np.uint8))
    assert (found[digit > 0.9] > ink.INK).mean() > 0.9 and (found[digit == 0] > ink.INK).mean() < 0.01


def test_coarse_grain_is_no_ink():
    grain = np.random.default_rng(0).normal(0, 6, (35, 35)).repeat(8, 0).repeat(8, 1)
    picture = (200 - 80 * (1 - (drawn() - 10) / 230) + grain).astype(np.uint8)
    assert (find(picture)[drawn() > 200] > 0).mean() < 0.02


def test_an_odd_number_of_rows_and_columns_is_no_trouble():
    for height, width in ((61, 83), (101, 203), (601, 333), (602, 331)):
        picture = np.asarray(Image.fromarray(drawn()).resize((width, height)))
        found = find(picture)
        assert found.shape == (height, width) and ((found > 0.5) == (picture < 120)).mean() > 0.97


# How thick strokes are


@pytest.mark.parametrize("pixels", [2, 4, 8])
@pytest.mark.parametrize("angle", [0, 30, 45, 90])
def test_stroke_width(pixels, angle):
    scale = 5  # the digit is 100 pixels high, so 5 pixels of it are one of 20
    line = Image.new("L", (140, 140))
    ImageDraw.Draw(line).line([(20, 70), (120, 70)], fill=255, width=pixels * scale // 2)
    turned = np.asarray(line.rotate(angle, Image.Resampling.BICUBIC)) / 255
    left, top, right, bottom = Image.fromarray((turned > 0.5).astype(np.uint8)).getbbox()
    assert ink.stroke_width(turned[top:bottom, left:right]) / scale == pytest.approx(pixels / 2, rel=0.3)


# Printed lines


def kept(is_line, depth, text="4715", height=130, top=220, left=150):
    """Write on printed paper, (600, 800). Return the share of the strokes that is found, and that of the lines."""
    own, digits = written(text, height, margin=0.1), np.zeros((600, 800))
    digits[top : top + len(own), left : left + len(own[0])] = own
    picture = 210 - depth * is_line - 150 * digits + np.random.default_rng(0).normal(0, 3, digits.shape)
    picture = ndimage.gaussian_filter(picture.clip(0, 255), 0.7).astype(np.uint8)  # a camera is never quite sharp
    found = find(picture) > ink.INK
    return found[digits > 0.9].mean(), found[is_line & (ndimage.maximum_filter(digits, 9) == 0)].mean()


# Each with the depth of its lines.
PRINTED = {
    "ruled": ((Y + 30) % 65 < 3, 60),
    "ruled with faint lines": ((Y + 30) % 65 < 2, 25),
    "ruled with wide spaces": ((Y + 30) % 170 < 3, 60),
    "ruled askew": ((Y + 0.03 * X + 30) % 65 < 3, 60),
    "squared": (((X + 20) % 40 < 2) | ((Y + 20) % 40 < 2), 45),
    "finely squared": (((X + 10) % 20 < 2) | ((Y + 10) % 20 < 2), 30),
    "squared askew": (((X - 0.03 * Y + 20) % 40 < 2) | ((Y + 0.03 * X + 20) % 40 < 2), 45),
    "ruled steeply askew": ((Y + 0.12 * X + 30) % 65 < 3, 60),
    "small faint squares askew": (((X - 0.07 * Y) % 24 < 2) | ((Y + 0.07 * X) % 24 < 2), 15),
    "a margin line": (abs(X - 120) < 2, 80),
    "a margin line and ruled": ((abs(X - 120) < 2) | ((Y + 30) % 65 < 3), 60),
}


@pytest.mark.parametrize("text", ["4715", "1717", "2083"])
@pytest.mark.parametrize("what", PRINTED)
def test_printed_lines_vanish_and_digits_stay(what, text):
    strokes, lines = kept(*PRINTED[what], text)
    assert strokes > 0.93, f"of the strokes only {strokes:.0%} are left"
    assert lines < 0.1, f"of the lines {lines:.0%} are left"


def box_around(left, top, right, bottom, number=1, thick=3):
    """A box, or a row of boxes that share their sides, printed on (600, 800)."""
    step = (right - left) / number
    upright = np.any([abs(X - left - place * step) < thick / 2 for place in range(number + 1)], axis=0)
    across = (abs(Y - top) < thick / 2) | (abs(Y - bottom) < thick / 2)
    return (upright & (Y >= top) & (Y <= bottom)) | (across & (X >= left) & (X <= right))


@pytest.mark.parametrize("text", ["1", "7", "4", "0"])
@pytest.mark.parametrize("depth", [60, 130])
def test_a_box_around_a_digit_vanishes_and_the_digit_stays(text, depth):
    box = box_around(200, 130, 460, 470)
    strokes, lines = kept(box, depth, text, 200, top=190, left=250)
    assert strokes > 0.97 and lines < 0.1


@pytest.mark.parametrize("text", ["4715", "1111"])
def test_a_row_of_boxes_vanishes_and_the_digits_stay(text):
    boxes = box_around(128, 190, 652, 390, number=4)
    strokes, lines = kept(boxes, 80, text)
    assert strokes > 0.97 and lines < 0.1


@pytest.mark.parametrize("text", ["1", "7", "4", "17", "111", "747"])
@pytest.mark.parametrize("margin", [0, 5, 40])
def test_on_plain_paper_digits_that_fill_the_picture_are_no_lines(text, margin):
    own = cropped(written(text, 300, 0.06), margin)
    picture = tidied(on_paper(own))  # it pads what is narrow
    found = find(picture)[:, (len(picture[0]) - len(own[0])) // 2 :][:, : len(own[0])]
    assert (found[own > 0.9] > ink.INK).mean() > 0.97


def test_a_1_as_high_as_a_wide_picture_is_no_line():
    stroke = draw_strokes([[(400, 30), (395, 570)]], 800, 600, 20)
    assert (find(on_paper(stroke))[stroke > 0.9] > ink.INK).mean() > 0.97


@pytest.mark.parametrize("text, pen", [("24-11", 0.08), ("11", 0.05), ("777", 0.05), ("--", 0.08)])
def test_on_plain_paper_two_strokes_side_by_side_are_no_lines(text, pen):
    own = written(text, 100, pen)
    assert (find(on_paper(own))[own > 0.9] > ink.INK).mean() > 0.97


def test_a_ruler_is_all_that_there_is():
    """Lines alone are not taken away: then there is nothing else that could be meant."""
    picture = on_paper(np.zeros((600, 800)), 210 - 120 * (abs(Y - 300) < 4))
    assert (find(picture)[298:302] > ink.INK).mean() > 0.9


# Connected pieces

BRIGHT = np.full((600, 800), 200, dtype=np.float32)


def connected_by_flooding(mask):
    """The same by another way: from each pixel, flood what can be reached by steps to the side, up or down, or across."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    pieces, number = np.zeros(mask.shape, dtype=int), 0
    while True:
        left = np.argwhere(np.asarray(image) == 255)
        if not len(left):
            return pieces
        flooded = np.zeros_like(mask)
        flooded[tuple(left[0])] = True
        while True:
            grown = np.asarray(Image.fromarray(flooded.astype(np.uint8)).filter(ImageFilter.MaxFilter(3))) > 0
            if (grown & mask).sum() == flooded.sum():
                break
            flooded = grown & mask
        number += 1
        pieces[flooded] = number
        image = Image.fromarray(np.where(flooded, 0, np.asarray(image)).astype(np.uint8))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_pixels_that_touch_at_a_corner_are_connected(share):
    mask = np.random.default_rng(int(10 * share)).random((20, 25)) < share
    pieces, expected = (
        ink.number_pieces(mask.astype(float), BRIGHT[:20, :25], BRIGHT[:20, :25]),
        connected_by_flooding(mask),
    )
    pairs = set(zip(pieces.ravel().tolist(), expected.ravel().tolist()))
    assert len(pairs) == len({piece for piece, _ in pairs}) == len({piece for _, piece in pairs})
    assert (0, 0) in pairs and len(pairs) > 3


def test_a_soft_rim_connects_nothing():
    strokes = np.zeros((40, 60))
    strokes[10:30, 10:20] = strokes[10:30, 40:50] = 1
    strokes[20, 20:40] = ink.INK - 0.05
    assert ink.number_pieces(strokes, BRIGHT[:40, :60], BRIGHT[:40, :60]).max() == 2
    strokes[20, 20:40] = ink.INK + 0.05
    assert ink.number_pieces(strokes, BRIGHT[:40, :60], BRIGHT[:40, :60]).max() == 1


def test_the_rim_of_a_table_or_a_shadow_is_no_piece():
    paper = np.where(X > 600, 90, 200).astype(np.float32)
    strokes = np.zeros((600, 800))
    strokes[:, 597:603] = 1  # along the step
    strokes[200:400, 300:320] = 1
    strokes[300:310, 450:600] = 1  # a stroke that only ends there
    pieces = ink.number_pieces(strokes, paper, paper)
    assert not pieces[:150, 597:].any() and pieces[300, 310] > 0
    alone = np.where(X > 596, strokes, 0)
    assert ink.number_pieces(alone, paper, paper).any(), "if nothing else is there, it may be meant"


@pytest.mark.parametrize("bright, dark", [(200, 120), (200, 150), (240, 140)])
def test_a_stroke_on_the_edge_of_a_shadow_is_a_piece_and_the_edge_is_none(bright, dark):
    paper = np.where(X > 600, dark, bright).astype(np.float32)
    stroke = (abs(X - 600 - 0.2 * (Y - 150)) < 7) & (abs(Y - 150) < 50)  # a 1 that leans
    rim = (abs(X - 600) < 5) & (Y > 300)
    grey = np.where(stroke, paper / 3, paper)
    strokes = (stroke | rim | ((X < 220) & (X > 200))).astype(float)
    pieces = ink.number_pieces(strokes, paper, grey)
    assert (pieces[stroke] > 0).all() and not pieces[rim].any()
    hand = np.where((X > 600) & (Y < 300), paper / 3, paper)  # as dark as the stroke, but on one side all is as dark
    assert not ink.number_pieces(strokes, paper, hand)[stroke].any()


def test_no_ink_gives_no_piece():
    assert not ink.number_pieces(np.zeros((40, 60)), BRIGHT[:40, :60], BRIGHT[:40, :60]).any()


@pytest.mark.parametrize("side, is_kept", [(7, False), (8, True), (12, True)])
def test_a_speck_has_less_than_a_twentieth_of_the_largest_piece(side, is_kept):
    strokes = np.zeros((100, 100))
    strokes[20:80, 20:40] = 1  # 1,200 pixels, of which a twentieth is 60
    strokes[50 : 50 + side, 60:68] = 1  # 8 wide
    pieces = ink.find_pieces(strokes, BRIGHT[:100, :100], BRIGHT[:100, :100])
    assert (pieces[20:80, 20:40] > 0).all() and (pieces[50 : 50 + side, 60:68] > 0).all() == is_kept
    assert len(np.unique(pieces)) == 2 + is_kept


def test_what_lies_along_the_edge_is_left_out_and_what_only_ends_there_is_not():
    strip, stroke = np.zeros((100, 100)), np.zeros((100, 100))
    strip[:, 94:] = 1
    stroke[40:46, :60] = 1
    pieces = ink.find_pieces(np.maximum(strip, stroke), BRIGHT[:100, :100], BRIGHT[:100, :100])
    assert (pieces[40:46, :60] > 0).all() and not pieces[:, 94:].any()
    assert (ink.find_pieces(strip, BRIGHT[:100, :100], BRIGHT[:100, :100])[:, 94:] > 0).all(), "alone, it is the digit"


def test_a_stroke_keeps_its_soft_rim_and_nothing_else():
    plus = np.full((9, 9), 0.2, dtype=np.float32)
    plus[4] = plus[:, 4] = 1  # it reaches to all sides
    padded = np.pad(plus, 3)
    kept_ink = ink.keep_pieces(padded, padded > ink.INK)
    near = np.zeros((9, 9), dtype=bool)
    near[3:6] = near[:, 3:6] = True
    assert np.array_equal(kept_ink, np.where(near, plus, 0))
