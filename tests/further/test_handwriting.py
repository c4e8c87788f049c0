"""mnist_lesson.further.handwriting: photos of one digit become what MNIST would show."""

import numpy as np
import pytest
import torch
from handwritten import draw
from PIL import Image, ImageDraw
from test_pictures import as_bytes, cropped, drawn, is_the_same, on_paper, written

from mnist_lesson.further import handwriting
from mnist_lesson.further.drawing import EXAMPLES_DIR, draw_strokes, photograph_digit
from mnist_lesson.further.handwriting import prepare
from mnist_lesson.further.ink import INK, keep_pieces, stroke_width
from mnist_lesson.further.recipes import load_tensors
from mnist_lesson.results import load_run
from mnist_lesson.stored import READER_DIR

Y, X = np.mgrid[:600, :800]
EXAMPLES = sorted(EXAMPLES_DIR.glob("digit_*.jpg"))


@pytest.fixture(scope="module")
def mnist():
    return load_tensors(train=False)


def read(picture, reader):
    with torch.no_grad():
        return reader(prepare(picture).unsqueeze(0)).argmax().item()


# What comes out


def test_the_result_has_the_format_of_mnist():
    for picture in [drawn(), *EXAMPLES[::7]]:
        image = prepare(picture)
        assert image.shape == (1, 28, 28) and image.dtype == torch.float32
        assert image.min() == 0 and image.max() == 1, "ink is bright, and the brightest is 1"
        rows, columns = (image[0] > 0).any(1).sum(), (image[0] > 0).any(0).sum()
        assert max(rows, columns) == 20, "the longer side must be 20 pixels"
        places = torch.arange(28.0)
        for axis in (0, 1):
            middle = (image[0].sum(1 - axis) * places).sum() / image.sum()
            assert abs(middle - 14) <= 0.51, f"the centre of mass along axis {axis} is {middle:.2f}, not 14"


def test_the_aspect_ratio_is_kept():
    stroke = draw_strokes([[(60, 100), (220, 100)]], 280, 280, 40)  # 200 wide, 40 high
    assert handwriting.prepare_steps(1 - stroke)["fitted"].shape == (4, 20)


def test_images_of_mnist_come_back_nearly_as_they_were(mnist):
    images = mnist[0][:50]
    for picture in (lambda image: image, lambda image: 1 - image):
        prepared = torch.stack([prepare(picture(image)) for image in images])
        assert (prepared - images).abs().mean() < 0.03


def test_photos_of_mnist_are_read_nearly_as_well_as_the_originals(model, mnist):
    """Over all 10,000 test images the loss is far below a point; with 100, a point is one image."""
    images, labels = mnist[0][:100], mnist[1][:100]
    rng = np.random.default_rng(0)
    photos = [photograph_digit(image, rng) for image in images]
    prepared = torch.stack([prepare(photo) for photo in photos])
    raw = torch.stack([torch.from_numpy(np.array(Image.fromarray(photo).resize((28, 28)))) for photo in photos])
    with torch.no_grad():
        correct = [
            (model(batch).argmax(1) == labels).sum().item() for batch in (images, prepared, raw.unsqueeze(1) / 255)
        ]
    assert correct[0] - correct[1] <= 1, f"of 100 images {correct[0]} are read, but only {correct[1]} of their photos"
    assert correct[2] < 25, "raw photos should be read hardly better than by guessing"


def test_the_examples_are_read_and_only_if_prepared(model):
    labels = torch.tensor([int(path.name.split("_")[1]) for path in EXAMPLES])
    assert len(EXAMPLES) >= 50 and labels.unique().tolist() == list(range(10))
    steps = [handwriting.prepare_steps(path) for path in EXAMPLES]
    prepared = torch.stack([torch.from_numpy(step["centred"]) for step in steps]).unsqueeze(1)
    ink = [np.asarray(Image.fromarray(step["ink"]).resize((28, 28), Image.Resampling.BOX)) for step in steps]
    not_centred = torch.from_numpy(np.stack(ink)).unsqueeze(1)
    with torch.no_grad():
        correct = [
            (model(images).argmax(1) == labels).float().mean().item()
            for images in (prepared, not_centred, prepared.roll(-5, dims=3))
        ]
    assert correct[0] > 0.94 and max(correct[1:]) < 0.6, "notebook 8 says that only the whole preparation works"


def test_a_sheet_without_ink_is_refused():
    with pytest.raises(ValueError, match="no ink"):
        handwriting.prepare_steps(np.full((300, 400), 220, dtype=np.uint8))


def test_the_steps_follow_from_each_other():
    steps = handwriting.prepare_steps(drawn())
    assert list(steps) == ["grey", "paper", "ink", "cropped", "fitted", "centred"]
    assert np.array_equal(steps["grey"], drawn()) and steps["paper"].min() > 200
    assert np.array_equal(steps["fitted"], handwriting.fit_into_20(steps["cropped"]))
    assert torch.equal(prepare(drawn()), torch.from_numpy(handwriting.centre(steps["fitted"]))[None])


# Paper, light and dirt


@pytest.mark.parametrize(
    "paper",
    {
        "a hard shadow": np.where(X + Y < 450, 120, 200),
        "a soft shadow": 200 - 90 / (1 + np.exp(-(X - Y - 200) / 40)),
        "darker towards the edges": 200 - 50 * (((X - 400) / 400) ** 2 + ((Y - 300) / 300) ** 2),
        "a table at the side": np.where(X < 100, 60, 200),
        "a corner of the table": np.where(X + Y > 1100, 60, 200),
        "an object in the corner": np.where((X > 620) & (Y > 440), 40, 200),
        "a pencil at the edge": np.where(abs(0.8 * (X - 800) + 0.6 * (Y - 420)) < 12, 60, 200),
        "a hand at the edge": np.where((X - 800) ** 2 + (Y - 380) ** 2 < 180**2, 110, 200),
        "a narrow shadow": np.where((X > 640) & (X < 700), 130, 200),
        "a wide shadow": np.where((X > 300) & (X < 620), 120, 200),
        "shadow but for a corner": np.where((X > 240) & (Y > 140), 210, 110),
        "a table all around": np.where((X < 100) | (X > 720) | (Y < 60) | (Y > 500), 60, 200),
        "squared paper": np.where((X % 40 < 2) | (Y % 40 < 2), 160, 200),
        "ruled paper": np.where(Y % 90 < 3, 150, 200),
        "a margin line": np.where(abs(X - 150) < 2, 120, 200),
        "a box": np.where(np.maximum(abs(X - 400), abs(Y - 290)) // 2 == 100, 110, 200),
        "a fold": 200 - 14 * np.exp(-(((X - 640 - 0.1 * Y) / 5) ** 2)),
        "crumbs": np.where(np.random.default_rng(1).random((60, 80)) < 0.004, 80, 200).repeat(10, 0).repeat(10, 1),
        "a blackboard": np.full((600, 800), 60),
    }.items(),
    ids=lambda item: item[0],
)
def test_paper_does_not_matter(paper):
    name, brightness = paper
    ink = np.zeros((600, 800))
    ink[150:430, 250:530] = 1 - drawn() / 255
    picture = brightness + ink * 150 if name == "a blackboard" else brightness * (1 - 0.8 * ink)
    picture = picture + np.random.default_rng(0).normal(0, 4, picture.shape)
    assert is_the_same(prepare(picture.clip(0, 255)), prepare(drawn()), most=0.05)


def test_a_few_black_pixels_do_not_say_how_dark_ink_is():
    small = np.asarray(Image.fromarray(drawn()).resize((90, 90)), dtype=float)
    faint = 200 - 60 * (1 - (small - 10) / 230)
    expected = prepare(faint)
    faint[5, 10] = faint[80, 30] = faint[20, 85] = 0
    assert is_the_same(prepare(faint), expected, most=0.01)


def test_a_small_picture_with_much_grain():
    small = np.asarray(Image.fromarray(drawn()).resize((60, 60)), dtype=float)
    noisy = small * 0.6 + 80 + np.random.default_rng(0).normal(0, 10, small.shape)
    assert is_the_same(prepare(noisy.clip(0, 255)), prepare(small.astype(np.uint8)), most=0.06)


@pytest.mark.parametrize("depth, is_ink", [(17, False), (27, True)])
def test_what_is_hardly_darker_than_paper_is_no_ink(depth, is_ink):
    """Of 255, a stroke must be about 20 darker than clean paper."""
    picture = (200 - depth * (drawn() < 128)).astype(np.uint8)
    if is_ink:
        assert is_the_same(prepare(picture), prepare(drawn()), most=0.03)
    else:
        with pytest.raises(ValueError, match="no ink"):
            prepare(picture)


def test_in_a_large_picture_grain_is_smoothed_away():
    ink = 1 - (drawn() - 10) / 230
    noisy = 200 - 55 * ink + np.random.default_rng(0).normal(0, 30, ink.shape)
    assert is_the_same(prepare(noisy.clip(0, 255)), prepare(drawn()), most=0.06)


def test_a_line_of_one_pixel():
    picture = Image.new("L", (900, 900), 255)
    ImageDraw.Draw(picture).line([(100, 100), (800, 100), (300, 850)], fill=0)
    image = prepare(picture)
    assert image.max() == 1 and 1 < stroke_width(image[0].numpy()) < 2.4


def test_a_digit_that_fills_the_picture():
    seven = draw_strokes([[(6, 6), (94, 6), (40, 144)]], 100, 150, 12)  # its bar lies along the edge
    framed = np.pad(seven, 60)
    assert is_the_same(prepare(1 - seven), prepare(1 - framed), most=0.03)


@pytest.mark.parametrize("digit", "0123456789")
@pytest.mark.parametrize("pen", [0.05, 0.15, 0.25])
def test_a_digit_cropped_to_its_box(digit, pen):
    ink = cropped(written(digit, 200, pen))
    assert is_the_same(prepare(on_paper(ink)), prepare(on_paper(np.pad(ink, 80))), most=0.03)


def test_a_stroke_that_ends_at_the_edge_belongs_to_the_digit():
    body = [
        (70, 60),
        (60, 130),
        (110, 120),
        (130, 170),
        (100, 210),
        (-20, 190),
    ]  # the foot of this 5 leaves the picture
    five = draw_strokes([body, [(90, 35), (150, 35)]], 280, 280, 12)
    assert prepare(1 - five)[0].any(1).sum() > 10, "only the bar was kept"


def test_a_speck_beside_a_digit_that_fills_the_picture():
    seven = draw_strokes([[(6, 6), (94, 6), (40, 144)]], 100, 150, 12)
    speck = draw_strokes([[(80, 120)]], 100, 150, 4)
    assert is_the_same(prepare(1 - np.maximum(seven, speck)), prepare(1 - seven), most=0.001)


def test_a_crumb_inside_a_0_is_left_out():
    ring = draw_strokes(
        [[(140 + 80 * np.cos(t), 140 + 100 * np.sin(t)) for t in np.linspace(0, 6.3, 60)]], 280, 280, 16
    )
    crumb = draw_strokes([[(140, 140)]], 280, 280, 12)
    assert is_the_same(prepare(1 - np.maximum(ring, crumb)), prepare(1 - ring), most=0.001)


def test_a_large_jpeg_is_not_decoded_too_small():
    picture = Image.new("L", (3000, 3000), 230)
    picture.paste(Image.fromarray(drawn()).resize((150, 150)), (1500, 900))
    assert is_the_same(prepare(as_bytes(picture, "JPEG")), prepare(picture), most=0.04)


def test_a_tiny_digit_on_a_large_sheet():
    picture = np.full((750, 1000), 230, dtype=np.uint8)
    picture[40:75, 900:935] = np.asarray(Image.fromarray(drawn()).resize((35, 35)))
    assert is_the_same(prepare(picture), prepare(drawn()), most=0.08)


# Some photos that a script draws: each is read


@pytest.mark.parametrize(
    "dimension",
    ["pencil in the corner", "tilted on a table", "ruled paper", "low light", "chalkboard", "transparent PNG"],
)
def test_a_photo_of_a_digit_is_read(dimension, reader):
    picture, lines = draw(f"digit: {dimension}", 3)
    assert read(picture, reader) == int(lines[0])


# Which pieces are the digit


def pieces_of(*boxes):
    """Pieces on (100, 200), numbered from 1: rectangles of left, top, right and bottom."""
    pieces = np.zeros((100, 200), dtype=int)
    for number, (left, top, right, bottom) in enumerate(boxes, start=1):
        pieces[top:bottom, left:right] = number
    return pieces


@pytest.mark.parametrize(
    "boxes, kept",
    [
        ([(60, 20, 100, 80)], [1]),
        ([(60, 30, 100, 80), (65, 15, 110, 22)], [1, 2]),  # the bar of a 5
        ([(60, 15, 100, 22), (60, 30, 100, 80), (100, 50, 110, 60)], [1, 2, 3]),
        ([(60, 20, 80, 80), (150, 20, 165, 80)], [1]),  # another digit, far away
        ([(20, 20, 60, 80), (75, 20, 85, 50), (100, 20, 110, 50)], [1, 2, 3]),  # each is near to those before
        ([(150, 10, 200, 90), (40, 20, 70, 80)], [2]),  # a hand at the edge
        ([(40, 20, 70, 80), (140, 95, 200, 100)], [1]),  # a strip of the table
        ([(150, 10, 200, 90)], [1]),  # it ends at the edge, but there is nothing else
        ([(100, 10, 200, 90), (60, 30, 95, 50)], [1, 2]),  # a digit that leaves the picture, and a part of it
        ([(40, 20, 70, 80), (75, 40, 80, 100)], [1]),  # what comes from the edge is no part of a digit inside
    ],
)
def test_one_digit(boxes, kept):
    pieces = pieces_of(*boxes)
    assert np.array_equal(handwriting.one_digit(pieces), np.isin(pieces, kept))


def test_numbers_of_pieces_may_be_missing():
    pieces = pieces_of((10, 10, 14, 14), (60, 20, 100, 80), (20, 10, 24, 14))
    pieces[pieces == 1] = 0
    assert np.array_equal(handwriting.one_digit(pieces), pieces == 2)


# Size and place


def test_a_thin_stroke_on_a_large_photo_is_found_in_a_closer_look(reader):
    page = Image.new("L", (4000, 3000), 210)
    ImageDraw.Draw(page).line([(1800, 1000), (2000, 1000), (1880, 1400)], fill=150, width=2)
    assert read(page, reader) == 7


@pytest.mark.parametrize("side, looks", [(300, 1), (900, 3), (2000, 3)])
def test_as_many_looks_as_there_is_something_new_to_see(side, looks, monkeypatch):
    sizes, to_grey = [], handwriting.to_grey
    monkeypatch.setattr(handwriting, "to_grey", lambda *args: sizes.append(args[1]) or to_grey(*args))
    with pytest.raises(ValueError, match="no ink"):
        prepare(Image.new("L", (side, side), 210))
    assert len(sizes) == looks and sizes == sorted(sizes)


def test_a_small_digit_is_looked_at_twice(monkeypatch):
    looks, expected, find_ink = [], prepare(drawn()), handwriting.find_ink
    monkeypatch.setattr(handwriting, "find_ink", lambda *args: looks.append(args) or find_ink(*args))
    page = Image.new("L", (2000, 1500), 240)
    page.paste(Image.fromarray(drawn()).resize((90, 90)), (700, 600))
    assert is_the_same(prepare(page), expected, most=0.08) and len(looks) == 2


def test_thin_strokes_are_made_thicker_and_others_are_not():
    v = [[(20, 20), (110, 200), (200, 20)]]
    thin, usual, thick = (
        handwriting.prepare_steps(1 - draw_strokes(v, 220, 220, pen))["fitted"] for pen in (3, 20, 40)
    )
    assert thin.max() == 1 and stroke_width(thin) < 2.2
    assert stroke_width(usual) == pytest.approx(20 * 20 / 200, rel=0.3)
    assert stroke_width(thick) == pytest.approx(40 * 20 / 220, rel=0.3)


@pytest.mark.parametrize("pen", [3, 4, 5, 6, 7])
def test_no_stroke_is_thinner_than_those_of_mnist(pen):
    v = draw_strokes([[(20, 20), (110, 200), (200, 20)]], 220, 220, pen)
    assert stroke_width(handwriting.prepare_steps(1 - v)["fitted"]) >= handwriting.THINNEST_STROKE


@pytest.mark.parametrize("pen", [4, 6])
def test_strokes_at_the_edge_are_made_thicker_like_those_inside(pen):
    strokes = [(200, 20), (20, 20), (20, 200), (200, 200)], [(20, 110), (200, 110)]  # the bars of an E
    ink = np.pad(draw_strokes(strokes, 220, 220, pen), 200)
    across = handwriting.prepare_steps(1 - ink)["fitted"][:, 12]
    assert across[:5].sum() == pytest.approx(across[7:13].sum(), rel=0.08)


def test_the_strokes_of_mnist_are_seldom_thinner(mnist):
    widths = [stroke_width(image) for image in mnist[0][:500, 0].numpy()]
    assert np.quantile(widths, 0.05) == pytest.approx(handwriting.THINNEST_STROKE, abs=0.15)


def test_centre_keeps_all_ink_inside():
    tadpole = np.full((20, 3), 0.01, dtype=np.float32)
    tadpole[:3] = 1
    for ink in (tadpole, tadpole[::-1], tadpole.T, tadpole.T[:, ::-1]):
        assert handwriting.centre(ink).sum() == pytest.approx(ink.sum())
