"""mnist_lesson.further.handwriting: photos become what MNIST would show."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from test_pictures import as_bytes, drawn, is_the_same

from mnist_lesson.further import handwriting
from mnist_lesson.further.drawing import EXAMPLES_DIR, draw_strokes, photograph_digit
from mnist_lesson.further.handwriting import prepare, read_number, split
from mnist_lesson.further.recipes import load_tensors

Y, X = np.mgrid[:600, :800]
EXAMPLES = sorted(EXAMPLES_DIR.glob("digit_*.jpg"))


@pytest.fixture(scope="module")
def mnist():
    return load_tensors(train=False)


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
    """Over all 10,000 test images the loss is far below a point; with 200, half a point is one image."""
    images, labels = mnist[0][:200], mnist[1][:200]
    rng = np.random.default_rng(0)
    photos = [photograph_digit(image, rng) for image in images]
    prepared = torch.stack([prepare(photo) for photo in photos])
    raw = torch.stack([torch.from_numpy(np.array(Image.fromarray(photo).resize((28, 28)))) for photo in photos])
    with torch.no_grad():
        correct = [
            (model(batch).argmax(1) == labels).sum().item() for batch in (images, prepared, raw.unsqueeze(1) / 255)
        ]
    assert correct[0] - correct[1] <= 1, f"of 200 images {correct[0]} are read, but only {correct[1]} of their photos"
    assert correct[2] < 50, "raw photos should be read hardly better than by guessing"


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


@pytest.mark.parametrize("read", [split, handwriting.prepare_steps])
def test_all_functions_refuse_alike(read):
    with pytest.raises(ValueError, match="no ink"):
        read(np.full((300, 400), 220, dtype=np.uint8))


# Paper, light and dirt


@pytest.mark.parametrize(
    "paper",
    {
        "a hard shadow": np.where(X + Y < 450, 120, 200),
        "a soft shadow": 200 - 90 / (1 + np.exp(-(X - Y - 200) / 40)),
        "darker towards the edges": 200 - 50 * (((X - 400) / 400) ** 2 + ((Y - 300) / 300) ** 2),
        "a table at the side": np.where(X < 100, 60, 200),
        "a corner of the table": np.where(X + Y > 1100, 60, 200),
        "a table all around": np.where((X < 100) | (X > 720) | (Y < 60) | (Y > 500), 60, 200),
        "squared paper": np.where((X % 40 < 2) | (Y % 40 < 2), 160, 200),
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


@pytest.mark.parametrize("is_dark", [X < 460, X > 460, Y < 260, Y > 260], ids=["left", "right", "top", "bottom"])
def test_the_edge_of_a_hard_shadow_is_no_stroke(is_dark):
    sheet = np.where(is_dark, 110, 200).astype(np.uint8)
    ink = handwriting.find_paper(sheet) - sheet.astype(float)
    assert ink.max() < 15, f"of an edge of 90 {ink.max():.0f} are taken for ink"


@pytest.mark.parametrize("depth, is_ink", [(10, False), (17, False), (23, True), (60, True)])
def test_what_is_hardly_darker_than_paper_is_no_ink(depth, is_ink):
    """Of 255, a stroke must be 20 darker than clean paper."""
    picture = (200 - depth * (drawn() < 128)).astype(np.uint8)
    if is_ink:
        assert is_the_same(prepare(picture), prepare(drawn()), most=0.03)
    else:
        with pytest.raises(ValueError, match="no ink"):
            prepare(picture)


def test_a_small_picture_with_much_grain():
    small = np.asarray(Image.fromarray(drawn()).resize((60, 60)), dtype=float)
    noisy = small * 0.6 + 80 + np.random.default_rng(0).normal(0, 10, small.shape)
    assert is_the_same(prepare(noisy.clip(0, 255)), prepare(small.astype(np.uint8)), most=0.06)


@pytest.mark.parametrize("depth, is_ink", [(30, False), (60, True)])
def test_in_a_small_picture_ink_must_stand_out_from_the_grain(depth, is_ink):
    """Grain of 8 has a median of 5.4 below and above that of the paper: ink must be eight times as deep."""
    small = np.asarray(Image.fromarray(drawn()).resize((60, 60)), dtype=float)
    ink = 1 - (small - 10) / 230
    noisy = 200 - depth * ink + np.random.default_rng(0).normal(0, 8, small.shape)
    if is_ink:
        assert is_the_same(prepare(noisy), prepare(small.astype(np.uint8)), most=0.06)
    else:
        with pytest.raises(ValueError, match="no ink"):
            prepare(noisy)


def test_a_few_black_pixels_do_not_say_how_dark_ink_is():
    small = np.asarray(Image.fromarray(drawn()).resize((90, 90)), dtype=float)
    faint = 200 - 60 * (1 - (small - 10) / 230)
    expected = prepare(faint)
    faint[5, 10] = faint[80, 30] = faint[20, 85] = 0
    assert is_the_same(prepare(faint), expected, most=0.01)


def test_in_a_large_picture_grain_is_smoothed_away():
    ink = 1 - (drawn() - 10) / 230
    noisy = 200 - 55 * ink + np.random.default_rng(0).normal(0, 30, ink.shape)
    assert is_the_same(prepare(noisy.clip(0, 255)), prepare(drawn()), most=0.06)


def test_coarse_grain_is_taken_away_from_the_paper():
    """The closing finds the brightest paper around; most of it is darker, and that is no ink."""
    grain = np.random.default_rng(0).normal(0, 6, (35, 35)).repeat(8, 0).repeat(8, 1)
    picture = (200 - 80 * (1 - (drawn() - 10) / 230) + grain).astype(np.uint8)
    depth = handwriting.find_paper(picture) - picture.astype(float)
    assert np.median(depth) > 8, "or this test shows nothing"
    ink = handwriting.find_ink(picture, handwriting.find_paper(picture))
    assert (ink[drawn() > 200] > 0).mean() < 0.02


def test_the_rim_of_a_stroke_fades_from_three_quarters_to_a_fifth():
    shares = np.array([0, 0.1, 0.2, 0.475, 0.75, 0.9, 1])
    grey = (200 - 100 * shares.repeat(5)[:, None] * np.ones(40)).astype(np.uint8)
    grey = np.vstack([np.full((45, 40), 200, dtype=np.uint8), grey])  # most of a picture is paper
    ink = handwriting.find_ink(grey, np.full(grey.shape, 200, dtype=np.float32))
    assert ink[45::5, 0] == pytest.approx([0, 0, 0, 0.5, 1, 1, 1], abs=0.02)


def test_the_paper_follows_the_light_without_steps():
    light = 100 + X * 0.15
    paper = handwriting.find_paper(light.astype(np.uint8))
    inside = slice(150, 650)  # a closing makes the dark end of a slope level
    assert abs(paper - light)[:, inside].max() < 5 and np.diff(paper, axis=1)[:, inside].max() < 0.5


@pytest.mark.parametrize("width, is_shadow", [(120, False), (280, True)])
def test_what_is_wider_than_a_quarter_of_the_picture_is_shadow(width, is_shadow):
    band = np.where((X > 300) & (X < 300 + width), 90, 200).astype(np.uint8)
    middle = handwriting.find_paper(band)[300, 300 + width // 2]
    assert middle == pytest.approx(90 if is_shadow else 200, abs=5)


def test_a_line_of_one_pixel():
    picture = Image.new("L", (900, 900), 255)
    ImageDraw.Draw(picture).line([(100, 100), (800, 100), (300, 850)], fill=0)
    image = prepare(picture)
    assert image.max() == 1 and 1 < handwriting.stroke_width(image[0].numpy()) < 2.4


def test_a_digit_that_fills_the_picture():
    seven = draw_strokes([[(6, 6), (94, 6), (40, 144)]], 100, 150, 12)  # its bar lies along the edge
    framed = np.pad(seven, 60)
    assert is_the_same(prepare(1 - seven), prepare(1 - framed), most=0.03)


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
    assert torch.equal(prepare(1 - np.maximum(seven, speck)), prepare(1 - seven))


def test_a_texture_takes_no_minutes():
    dots = np.where((Y % 8 < 3) & (X % 8 < 3), 0, 255).astype(np.uint8)
    assert np.unique(handwriting._connected(dots == 0)).size == 75 * 100 + 1
    with pytest.raises(ValueError, match="too many pieces of ink"):
        split(dots)


@pytest.mark.parametrize("dots", [16, 18])
def test_a_sheet_may_have_300_pieces(dots):
    squares = np.where((Y[:300, :300] % 16 < 6) & (X[:300, :300] % 16 < 6), 40, 220).astype(np.uint8)
    sheet = np.full((320, 320), 220, dtype=np.uint8)
    sheet[16 : 16 + 16 * dots, 16 : 16 + 16 * dots] = squares[: 16 * dots, : 16 * dots]
    if dots**2 < 300:
        assert len(split(sheet)) == dots**2
    else:
        with pytest.raises(ValueError, match="too many pieces of ink"):
            split(sheet)


def test_a_crumb_inside_a_0_is_left_out():
    ring = draw_strokes(
        [[(140 + 80 * np.cos(t), 140 + 100 * np.sin(t)) for t in np.linspace(0, 6.3, 60)]], 280, 280, 16
    )
    crumb = draw_strokes([[(140, 140)]], 280, 280, 12)
    assert torch.equal(prepare(1 - np.maximum(ring, crumb)), prepare(1 - ring))


def test_a_large_jpeg_is_not_decoded_too_small():
    picture = Image.new("L", (3000, 3000), 230)
    picture.paste(Image.fromarray(drawn()).resize((150, 150)), (1500, 900))
    assert is_the_same(prepare(as_bytes(picture, "JPEG")), prepare(picture), most=0.04)


def test_a_tiny_digit_on_a_large_sheet():
    picture = np.full((750, 1000), 230, dtype=np.uint8)
    picture[40:75, 900:935] = np.asarray(Image.fromarray(drawn()).resize((35, 35)))
    assert is_the_same(prepare(picture), prepare(drawn()), most=0.08)


# Pieces of ink


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


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_connected_pieces(share):
    rng = np.random.default_rng(int(10 * share))
    for _ in range(5):
        mask = rng.random((20, 25)) < share
        pieces, expected = handwriting._connected(mask), connected_by_flooding(mask)
        pairs = set(zip(pieces.ravel().tolist(), expected.ravel().tolist()))
        assert len(pairs) == len({piece for piece, _ in pairs}) == len({piece for _, piece in pairs})
        assert (0, 0) in pairs or mask.all()


@pytest.mark.parametrize("side, is_kept", [(7, False), (8, True), (12, True)])
def test_a_speck_has_less_than_a_twentieth_of_the_largest_piece(side, is_kept):
    ink = np.zeros((100, 100))
    ink[20:80, 20:40] = 1  # 1,200 pixels, of which a twentieth is 60
    ink[50 : 50 + side, 60:68] = 1  # 8 wide
    pieces = handwriting.find_pieces(ink)
    assert (pieces[20:80, 20:40] > 0).all() and (pieces[50 : 50 + side, 60:68] > 0).all() == is_kept
    assert len(np.unique(pieces)) == 2 + is_kept


@pytest.mark.parametrize("pixels", [2, 4, 8])
@pytest.mark.parametrize("angle", [0, 30, 45, 90])
def test_stroke_width(pixels, angle):
    scale = 5  # the digit is 100 pixels high, so 5 pixels of it are one of 20
    ink = Image.new("L", (140, 140))
    ImageDraw.Draw(ink).line([(20, 70), (120, 70)], fill=255, width=pixels * scale // 2)
    turned = np.asarray(ink.rotate(angle, Image.Resampling.BICUBIC)) / 255
    left, top, right, bottom = handwriting._box(turned > 0.5)
    cropped = turned[top:bottom, left:right]
    assert handwriting.stroke_width(cropped) / scale == pytest.approx(pixels / 2, rel=0.3)


def test_thin_strokes_are_made_thicker_and_others_are_not():
    v = [[(20, 20), (110, 200), (200, 20)]]
    thin, usual, thick = (
        handwriting.prepare_steps(1 - draw_strokes(v, 220, 220, pen))["fitted"] for pen in (3, 20, 40)
    )
    assert thin.max() == 1 and handwriting.stroke_width(thin) < 2.2
    assert handwriting.stroke_width(usual) == pytest.approx(20 * 20 / 200, rel=0.3)
    assert handwriting.stroke_width(thick) == pytest.approx(40 * 20 / 220, rel=0.3)


@pytest.mark.parametrize("pen", [3, 4, 5, 6, 7])
def test_no_stroke_is_thinner_than_those_of_mnist(pen):
    v = draw_strokes([[(20, 20), (110, 200), (200, 20)]], 220, 220, pen)
    assert handwriting.stroke_width(handwriting.prepare_steps(1 - v)["fitted"]) >= handwriting.THINNEST_STROKE


@pytest.mark.parametrize("pen", [4, 6])
def test_strokes_at_the_edge_are_made_thicker_like_those_inside(pen):
    frame, bar = [(20, 20), (200, 20), (200, 200), (20, 200), (20, 20)], [(20, 110), (200, 110)]
    across = handwriting.prepare_steps(1 - draw_strokes([frame, bar], 220, 220, pen))["fitted"][:, 5]
    assert across[:5].sum() == pytest.approx(across[7:13].sum(), rel=0.05)


def test_the_strokes_of_mnist_are_seldom_thinner(mnist):
    widths = [handwriting.stroke_width(image) for image in mnist[0][:500, 0].numpy()]
    assert np.quantile(widths, 0.05) == pytest.approx(handwriting.THINNEST_STROKE, abs=0.15)


def test_a_stroke_keeps_its_soft_rim_and_nothing_else():
    ink = np.full((9, 9), 0.2, dtype=np.float32)
    ink[4] = ink[:, 4] = 1  # a plus that reaches to all sides
    ink = np.pad(ink, 3)
    kept = handwriting.keep_pieces(ink, ink > handwriting.INK)
    near = np.zeros((9, 9), dtype=bool)
    near[3:6] = near[:, 3:6] = True
    assert np.array_equal(kept, np.where(near, ink[3:-3, 3:-3], 0))


# Several digits


def sheet(mnist, places, marks=()):
    """A sheet of 300 x 700 with test images, three times as large, at these places, and rectangles for marks."""
    ink = np.zeros((300, 700))
    for number, (top, left) in enumerate(places):
        ink[top : top + 84, left : left + 84] = np.kron(mnist[0][number, 0].numpy(), np.ones((3, 3)))
    for left, top, right, bottom in marks:
        ink[top:bottom, left:right] = 1
    return (220 * (1 - 0.8 * ink)).astype(np.uint8)


def test_split_goes_line_by_line_from_left_to_right(mnist):
    places = [(160, 20), (30, 500), (20, 30), (36, 250), (175, 300)]  # two lines, not quite straight, in no order
    highest = (600, 165, 612, 265)  # a 1 in the second line
    found = split(sheet(mnist, places, [highest]))
    assert found.shape == (6, 1, 28, 28)
    for image, number in zip(found, [2, 3, 1, 0, 4]):
        assert (image - mnist[0][number]).abs().mean() < 0.06, f"here test image {number} should be"


def test_dashes_points_and_commas_are_left_out(mnist):
    marks = [(130, 70, 170, 80), (290, 95, 302, 107), (420, 95, 430, 120)]
    assert len(split(sheet(mnist, [(30, 30), (30, 180), (30, 310), (30, 450)], marks))) == 4


def test_the_bar_of_a_5_belongs_to_it():
    body = [(70, 60), (60, 130), (110, 120), (130, 170), (100, 210), (50, 200)]
    five = draw_strokes([body, [(80, 35), (140, 35)]], 280, 280, 12)
    assert is_the_same(split(1 - five)[0], prepare(1 - five), most=0.001), "the bar is missing"
    one = draw_strokes([[(220, 40), (220, 210)]], 280, 280, 12)
    assert len(split(1 - np.maximum(five, one))) == 2, "the bar is no digit of its own, and the 1 beside it is"


def test_centre_keeps_all_ink_inside():
    tadpole = np.full((20, 3), 0.01, dtype=np.float32)
    tadpole[:3] = 1
    for ink in (tadpole, tadpole[::-1], tadpole.T, tadpole.T[:, ::-1]):
        assert handwriting.centre(ink).sum() == pytest.approx(ink.sum())


def test_digits_that_touch_are_one_piece():
    assert len(split(EXAMPLES_DIR / "sheet_touching.jpg")) == 1


@pytest.mark.parametrize("name, number", [("phone", "55501928"), ("date", "241126")])
def test_the_sheets_are_read(model, name, number):
    read = read_number(EXAMPLES_DIR / f"sheet_{name}.jpg", model)
    assert "".join(str(digit) for digit, _ in read) == number
    assert all(0 < probability <= 1 for _, probability in read)
