"""mnist_lesson.further.paper: the sheet, which way round ink and paper are, and the brightness of the paper."""

import itertools
import math

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from test_pictures import cropped, drawn, is_the_same, on_paper, written

from mnist_lesson.further import paper
from mnist_lesson.further.handwriting import prepare

Y, X = np.mgrid[:600, :800]


def grainy(picture):
    """A picture as a camera would give it: with grain, uint8."""
    return (picture + np.random.default_rng(0).normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8)


# The sheet on its table


def turned(degrees, width=400, height=300, far=1.0):
    """The corners of a sheet in the middle of 600 x 800, its far (upper) edge shorter, as seen from the side."""
    corners = np.array([(-width * far, -height), (width * far, -height), (width, height), (-width, height)]) / 2
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return corners @ turn + (400, 300)


def on_table(corners, sheet=None, table=70):
    """A photo, 600 x 800, of a sheet (white, if none is given) with these corners on a table."""
    sheet = np.full((300, 400), 210, dtype=np.uint8) if sheet is None else sheet
    rows, places = [], []
    for (u, v), (x, y) in zip([(0, 0), (1, 0), (1, 1), (0, 1)], corners):
        u, v = u * sheet.shape[1], v * sheet.shape[0]
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        places += [u, v]
    numbers = np.linalg.solve(np.array(rows), np.array(places, dtype=float))
    seen = Image.fromarray(sheet).transform((800, 600), Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BILINEAR)
    mask = Image.new("L", (800, 600))
    ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners], fill=255)
    return grainy(np.where(np.asarray(mask) > 0, np.asarray(seen), table))


def assert_found(corners, most=0.045):
    """They come from the upper left one clockwise, and lie a little inside of the sheet."""
    found, middle = np.array(paper.find_sheet(on_table(corners))), corners.mean(axis=0)
    assert np.abs(found - middle - 0.95 * (corners - middle)).max() < most * 500, "its diagonal has 500 pixels"
    inside = Image.new("1", (800, 600))
    ImageDraw.Draw(inside).polygon([tuple(corner) for corner in corners], fill=1)
    assert all(inside.getpixel((round(x), round(y))) for x, y in found), "or there is a rim of the table"


@pytest.mark.parametrize("degrees", [0, 10, -10, 25, -25, 40, -40])
def test_the_corners_of_a_turned_sheet_are_found(degrees):
    assert_found(turned(degrees), most=0.045 if abs(degrees) < 40 else 0.07)


@pytest.mark.parametrize("far", [0.6, 0.8, 1.3])
def test_the_corners_of_a_sheet_seen_from_the_side_are_found(far):
    assert_found(turned(12, 360, 320, far))


@pytest.mark.parametrize("degrees, far", [(0, 1), (25, 1), (-25, 1), (40, 1), (0, 0.7), (25, 0.7)])
def test_a_sheet_is_straightened(degrees, far):
    """The 7 would be another digit if it were turned, and its place says which way up and which way round it is."""
    sheet = on_paper(written("7", 140, margin=0.1), np.full((300, 400), 210), top=40, left=220)
    photo = on_table(turned(degrees, far=far), sheet)
    straight = paper.straighten(photo)
    height, width = straight.shape
    assert width / height == pytest.approx(4 / 3 * (1 + far) / 2, rel=0.12)
    assert straight.min() > 30 and np.median(straight) > 190, "only the sheet is left"
    y, x = ndimage.center_of_mass(straight < 130)
    assert x / width > 0.6 and y / height < 0.5, "the digit stands at the upper right"
    assert is_the_same(prepare(photo), prepare(sheet), most=0.035 if far == 1 and abs(degrees) < 40 else 0.06)


def test_the_result_is_as_large_as_the_sheet_in_the_photo():
    sheet = on_paper(written("47", 140, margin=0.1), np.full((300, 400), 210), top=40, left=40)
    height, width = paper.straighten(on_table(turned(25), sheet)).shape
    assert 0.9 * 400 < width <= 400 and 0.9 * 300 < height <= 300


def test_a_bright_quadrangle_without_ink_is_no_sheet():
    """It is a thick stroke of chalk."""
    photo = on_table(turned(25))
    assert paper.straighten(photo) is photo


NO_SHEETS = {
    "paper all over": np.full((600, 800), 210),
    "the bright side of a hard shadow": np.where(X < 400, 110, 210),
    "the bright side of a slanted shadow": np.where(X + Y < 700, 110, 210),
    "a bright corner": np.where((X > 300) & (Y > 200), 230, 110),
    "a table at one side": np.where(X > 600, 60, 210),
    "a table at two sides": np.where((X > 600) | (Y > 450), 60, 210),
    "soft light": 110 + 100 / (1 + np.exp(-(X - Y - 100) / 60)),
    "the light of a lamp": 70 + 140 / ((1 + np.exp(abs(X - 400) / 20 - 10)) * (1 + np.exp(abs(Y - 300) / 20 - 9))),
    "a plate": np.where((X - 400) ** 2 + (Y - 300) ** 2 < 200**2, 210, 70),
    "an angle": np.where(((X > 150) & (X < 300) & (Y > 80)) | ((Y > 380) & (Y < 520) & (X > 150) & (X < 650)), 210, 70),
    "a small note": np.where((X > 350) & (X < 450) & (Y > 250) & (Y < 350), 210, 70),
    "a narrow strip": np.where((X > 50) & (X < 750) & (Y > 260) & (Y < 340), 210, 70),
    "a sheet hardly brighter than its table": np.where((X > 200) & (X < 600) & (Y > 100) & (Y < 500), 210, 180),
}


@pytest.mark.parametrize("what", NO_SHEETS)
def test_this_is_no_sheet_on_a_table(what):
    picture = grainy(NO_SHEETS[what])
    assert paper.find_sheet(picture) is None and paper.straighten(picture) is picture


@pytest.mark.parametrize(
    "edges, is_sheet",
    [((-100, 120, 650, 480), True), ((150, 100, 900, 700), False), ((150, -50, 900, 700), False)],
    ids=["three edges", "two edges", "one edge"],
)
def test_three_edges_make_a_sheet(edges, is_sheet):
    left, top, right, bottom = edges
    picture = grainy(np.where((X > left) & (X < right) & (Y > top) & (Y < bottom), 210, 70))
    assert (paper.find_sheet(picture) is not None) == is_sheet


@pytest.mark.parametrize("text", ["11", "747", "0", "17"])
@pytest.mark.parametrize("margin", [0, 5])
def test_the_paper_between_two_strokes_is_no_sheet(text, margin):
    picture = on_paper(cropped(written(text, 300, 0.06), margin))
    assert paper.straighten(picture).shape == picture.shape


def test_writing_makes_no_sheet_of_a_blackboard():
    board = 255 - on_paper(written("4087", height=180, pen=0.15))
    assert paper.find_sheet(board) is None


# Which is ink


def is_inverted(picture):
    """Does `dark_on_bright` take the picture for bright ink?"""
    result = paper.dark_on_bright(picture)
    assert result is picture or np.array_equal(result, 255 - picture)
    return result is not picture


ROW = written("4715", height=130, pen=0.08, margin=0.1)
WRITTEN = on_paper(ROW, np.full((600, 800), 210), 220, 120)
OBJECTS = {
    "nothing": np.zeros((600, 800), dtype=bool),
    "an object in the corner": (X > 600) & (Y > 420),
    "an object across the corner": X + Y > 1100,
    "a table at the side": X > 640,
    "a table all around": (X < 70) | (X > 700) | (Y < 90) | (Y > 520),
    "a pencil": abs(0.8 * (X - 800) + 0.6 * (Y - 380)) < 16,
    "half of the sheet in shadow": Y > 260,
}


@pytest.mark.parametrize("what", OBJECTS)
def test_dark_objects_do_not_turn_ink_into_paper(what):
    is_dark = OBJECTS[what] & ~((WRITTEN < 130) & ~OBJECTS[what])
    picture = np.where(is_dark, 0.3 * WRITTEN, WRITTEN).astype(np.uint8)
    assert not is_inverted(picture) and is_inverted(255 - picture)


@pytest.mark.parametrize("text", ["1", "7", "8", "0", "22"])
@pytest.mark.parametrize("pen", [0.03, 0.08, 0.2])
def test_chalk_is_inverted_and_ink_is_not(text, pen):
    picture = on_paper(written(text, pen=pen))
    assert not is_inverted(picture) and is_inverted(255 - picture)


@pytest.mark.parametrize("digit", "0123456789")
@pytest.mark.parametrize("pen", [0.05, 0.1, 0.15, 0.2])
def test_a_digit_cropped_to_its_box_keeps_its_ink(digit, pen):
    picture = on_paper(cropped(written(digit, 200, pen)))
    assert not is_inverted(picture)


def test_a_thick_0_cropped_to_its_box_keeps_its_ink():
    """The ink is most of the picture, and the inside of the 0 is narrower than the stroke."""
    ink = cropped(written("0", 200, 0.3))
    assert ink.mean() > 0.6
    picture = on_paper(ink)
    assert not is_inverted(picture)


def test_dust_on_a_blackboard_and_crumbs_on_paper():
    specks = (np.random.default_rng(0).random((60, 80)) < 0.01).repeat(3, 0).repeat(3, 1)
    specks = np.pad(specks, [(0, 420), (0, 560)])
    picture = np.where(specks, 255, WRITTEN).astype(np.uint8)
    assert not is_inverted(picture) and is_inverted(255 - picture)


# A digit cropped to its box


@pytest.mark.parametrize("pen", [0.05, 0.1, 0.2])
def test_a_1_cropped_to_its_box_gets_paper_beside_it(pen):
    picture = on_paper(cropped(written("1", 200, pen)))
    height, width = picture.shape
    tidy = paper.tidied(picture)
    beside = (len(tidy[0]) - width) // 2
    assert len(tidy) == height and beside > height / 5
    assert np.array_equal(tidy[:, beside : beside + width], picture), "the ink is as it was"
    assert (tidy[:, :beside] > 180).all() and (tidy[:, beside + width :] > 180).all()


@pytest.mark.parametrize("digit", "0123456789")
def test_other_pictures_stay_as_wide_as_they_are(digit):
    picture = on_paper(written(digit, 100))
    assert np.array_equal(paper.tidied(picture), picture) and np.array_equal(paper.tidied(255 - picture), picture)


# The brightness of the paper


@pytest.mark.parametrize("is_dark", [X < 460, X > 460, Y < 260, Y > 260], ids=["left", "right", "top", "bottom"])
@pytest.mark.parametrize("text", ["", "47"], ids=["empty", "written"])
def test_the_edge_of_a_hard_shadow_is_no_stroke(is_dark, text):
    sheet = np.where(is_dark, 110, 200).astype(np.uint8)
    picture = sheet.astype(float)
    if text:
        ink = written(text, 130)
        picture[100 : 100 + len(ink), 100 : 100 + len(ink[0])] *= 1 - 0.75 * ink
    depth = paper.find_paper(picture.astype(np.uint8)) - sheet
    assert depth.max() < 15, f"of an edge of 90 {depth.max():.0f} are taken for ink"


@pytest.mark.parametrize("pen", [0.03, 0.08, 0.2])
@pytest.mark.parametrize("light", ["even", "from one side", "a soft shadow", "a hard shadow"])
def test_under_a_stroke_the_paper_is_as_bright_as_beside_it(pen, light):
    sheet = {
        "even": np.full((600, 800), 210.0),
        "from one side": 130 + 0.1 * X,
        "a soft shadow": 210 - 90 / (1 + np.exp(-(X - Y - 200) / 50)),
        "a hard shadow": np.where(X > 460, 110.0, 210),
    }[light]
    ink = written("408", 180, pen)
    picture = on_paper(ink, sheet, 100, 30, grain=0)
    under = np.zeros((600, 800), dtype=bool)
    under[100 : 100 + len(ink), 30 : 30 + len(ink[0])] = ink > 0.9
    if light == "a hard shadow":
        under &= abs(X - 460) > 20  # where the edge lies exactly below a stroke, nobody can say
    missing = sheet - paper.find_paper(picture)
    assert np.quantile(missing[under], 0.95) < 25 and missing[under].mean() < 12, "of the ink's depth of 80 to 160"


def test_the_paper_follows_the_light_without_steps():
    light = 100 + X * 0.15
    found = paper.find_paper(light.astype(np.uint8))
    inside = slice(150, 650)  # a closing makes the dark end of a slope level
    assert abs(found - light)[:, inside].max() < 5 and np.diff(found, axis=1)[:, inside].max() < 0.5


@pytest.mark.parametrize(
    "light",
    [
        100 + 0.15 * X,
        60 + 0.1 * X + 0.12 * Y,
        210 - 100 * ((X - 400) / 400) ** 2,
        np.where(X > 600, 50.0, 210),
        np.where((X > 600) & (Y > 400), 40.0, 210),
    ],
    ids=["a slope", "a steep slope", "darker at both ends", "a table", "an object in the corner"],
)
def test_the_paper_is_nowhere_brighter_than_it_is(light):
    """What is too bright here is taken for ink there, at the dark end of a slope, or beside the rim of a table."""
    picture = on_paper(written("408", 180), light, 100, 30, grain=0)
    assert (paper.find_paper(picture) - light).max() < 12


@pytest.mark.parametrize("times, is_shadow", [(1, False), (8, True)])
def test_a_dark_band_as_narrow_as_the_strokes_is_ink_and_a_far_wider_one_is_a_shadow(times, is_shadow):
    width = 20 * times
    picture = np.full((600, 800), 200.0)
    picture[:, 500 : 500 + width] = 90
    picture = on_paper(written("47", 250, 20 / 250, margin=0.1), picture, 100, 0, grain=0)
    middle = paper.find_paper(picture)[300, 500 + width // 2]
    assert middle == pytest.approx(90 if is_shadow else 200, abs=12)


@pytest.mark.parametrize("bright", [True, False])
def test_a_single_colour_is_all_paper(bright):
    picture = np.full((300, 400), 230 if bright else 20, dtype=np.uint8)
    assert paper.find_paper(picture) == pytest.approx(picture, abs=1)


def test_coarse_grain_is_taken_away_from_the_paper():
    """The closing finds the brightest paper around, but most of it is darker, and that is no ink."""
    grain = np.random.default_rng(0).normal(0, 6, (35, 35)).repeat(8, 0).repeat(8, 1)
    picture = (200 - 80 * (1 - (drawn() - 10) / 230) + grain).astype(np.uint8)
    depth = paper.find_paper(picture) - picture.astype(float)
    assert abs(np.median(depth[drawn() > 200])) < 3, "without that it would be 6"


# Steps of the brightness


def test_steps_lie_at_the_rim_of_a_table_and_of_a_hard_shadow():
    brightness = np.where(X > 500, 120.0, 200).astype(np.float32)
    steps = paper.steps_of(brightness)
    assert steps.shape == (600, 800) and steps[:, 495:505].all()
    assert not steps[:, abs(X[0] - 500) > 40].any()


@pytest.mark.parametrize("ratio, is_step", [(0.95, False), (0.88, False), (0.78, True)])
def test_a_step_is_a_change_by_more_than_a_sixth(ratio, is_step):
    assert paper.steps_of(np.where(X > 500, 200 * ratio, 200).astype(np.float32)).any() == is_step


def test_slow_light_has_no_steps():
    assert not paper.steps_of((60 + 0.2 * X).astype(np.float32)).any()


# Small tools


def test_each_pixel_of_the_small_copy_is_the_mean_of_those_it_covers():
    grey = np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8)
    small = paper.shrunk(grey, 20)
    assert small.shape == (15, 20) and small.dtype == np.float32
    assert small == pytest.approx(grey.reshape(15, 4, 20, 4).mean(axis=(1, 3)), abs=1.01)
    assert np.array_equal(paper.shrunk(grey, 100), grey)


@pytest.mark.parametrize("side", [1, 2, 3, 7])
@pytest.mark.parametrize("extreme", [np.min, np.max])
def test_tiles(side, extreme):
    values = np.random.default_rng(0).random((20, 30))
    small = paper.tiles(values, side, extreme)
    assert small.shape == (20 // side, 30 // side)
    for y, x in itertools.product(*map(range, small.shape)):
        assert small[y, x] == extreme(values[y * side : (y + 1) * side, x * side : (x + 1) * side])


def test_otsu_separates_two_groups_where_their_means_differ_most():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(60, 10, 500), rng.normal(180, 15, 2000)])
    found = paper.otsu(values)
    assert 85 < found < 140

    def between(threshold):
        low, high = values[values <= threshold], values[values > threshold]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2

    assert between(found) > 0.999 * max(between(threshold) for threshold in range(40, 200))
