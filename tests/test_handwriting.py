"""mnist_lesson.handwriting: photos become what MNIST would show, and bad pictures a sentence."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from mnist_lesson import handwriting
from mnist_lesson.drawing import EXAMPLES_DIR, draw_strokes, photograph_digit
from mnist_lesson.handwriting import prepare, read_number, split
from mnist_lesson.recipes import load_tensors
from mnist_lesson.results import REFERENCE_DIR, load_run

Y, X = np.mgrid[:600, :800]
EXAMPLES = sorted(EXAMPLES_DIR.glob("digit_*.jpg"))


@pytest.fixture(scope="module")
def model():
    return load_run(REFERENCE_DIR).model.eval()


@pytest.fixture(scope="module")
def mnist():
    return load_tensors(train=False)


def drawn(ink_is_dark=True):
    """A 4 as a picture of 280 x 280, uint8: an asymmetric digit, so that nothing can be turned unseen."""
    ink = draw_strokes([[(90, 60), (60, 170), (210, 160)], [(180, 80), (170, 240)]], 280, 280, 20)
    picture = (230 * (1 - ink) + 10).astype(np.uint8)
    return picture if ink_is_dark else 255 - picture


def as_bytes(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def is_the_same(image, other, most=0.02):
    """Two prepared images show the same; where the centre of mass lies between two pixels, one may be shifted."""
    shifts = [other.roll((row, column), (1, 2)) for row in (-1, 0, 1) for column in (-1, 0, 1)]
    return min((image - shifted).abs().mean().item() for shifted in shifts) < most


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
    """Over all 10,000 test images the loss is far below a point; with 400, a point is four images."""
    images, labels = mnist[0][:400], mnist[1][:400]
    rng = np.random.default_rng(0)
    photos = [photograph_digit(image, rng) for image in images]
    prepared = torch.stack([prepare(photo) for photo in photos])
    raw = torch.stack([torch.from_numpy(np.array(Image.fromarray(photo).resize((28, 28)))) for photo in photos])
    with torch.no_grad():
        correct = [
            (model(batch).argmax(1) == labels).sum().item() for batch in (images, prepared, raw.unsqueeze(1) / 255)
        ]
    assert correct[0] - correct[1] <= 4, f"of 400 images {correct[0]} are read, but only {correct[1]} of their photos"
    assert correct[2] < 100, "raw photos should be read hardly better than by guessing"


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


# What goes in


@pytest.mark.parametrize(
    "kind",
    [
        "path",
        "text",
        "bytes",
        "image",
        "array",
        "fractions",
        "tensor",
        "channels",
        "colours",
        "16 bits",
        "inverted",
        "0 and 1",
        "bfloat16",
        "masked",
    ],
)
def test_every_kind_of_picture(kind, tmp_path):
    picture = drawn()
    path = tmp_path / "four.png"
    Image.fromarray(picture).save(path)
    same = {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "image": Image.fromarray(picture),
        "array": picture,
        "fractions": picture / 255,
        "tensor": torch.from_numpy(picture),
        "channels": torch.from_numpy(picture).expand(3, 280, 280),
        "colours": np.stack([picture] * 3, axis=2),
        "16 bits": picture.astype(np.uint16) * 257,
        "inverted": drawn(ink_is_dark=False),
        "0 and 1": (picture > 128).astype(int),
        "bfloat16": torch.from_numpy(picture / 255).bfloat16(),
        "masked": np.ma.masked_less(picture / 255, 0.1),
    }[kind]
    before = same.copy() if isinstance(same, np.ndarray) else None
    assert is_the_same(prepare(same), prepare(picture), most=0.06 if kind == "0 and 1" else 0.02)
    if kind not in ("colours", "channels", "inverted", "0 and 1", "bfloat16"):
        assert np.array_equal(handwriting.to_grey(same), picture)
    assert before is None or np.array_equal(before, same), "the caller's picture must stay as it was"


def alpha(colour, mode="RGBA"):
    """Ink on nothing, as drawing programs store it."""
    ink = Image.fromarray(255 - drawn()).point(lambda value: 255 if value > 128 else 0)
    image = Image.new("RGB", ink.size, colour)
    image.putalpha(ink)
    return image.convert(mode)


@pytest.mark.parametrize(
    "encoded",
    {
        "jpeg": lambda image: as_bytes(image, "JPEG"),
        "cmyk": lambda image: as_bytes(image.convert("CMYK"), "JPEG"),
        "palette": lambda image: as_bytes(image.convert("RGB").quantize(8)),
        "1 bit": lambda image: as_bytes(image.convert("1")),
        "16 bits": lambda image: as_bytes(Image.fromarray(np.asarray(image).astype(np.uint16) * 257)),
        "fractions": lambda image: Image.fromarray(np.asarray(image).astype(np.float32)),
        "32 bits": lambda image: image.convert("I"),
        "moving": lambda image: as_bytes(
            image.convert("P"), "GIF", save_all=True, append_images=[Image.new("P", image.size)] * 2
        ),
        "dark on nothing": lambda image: as_bytes(alpha("black")),
        "bright on nothing": lambda image: as_bytes(alpha("white")),
        "grey on nothing": lambda image: as_bytes(alpha("black", "LA")),
        "palette on nothing": lambda image: as_bytes(alpha("black").quantize(4)),
        "one colour is nothing": lambda image: as_bytes(image.convert("RGB"), transparency=(240, 240, 240)),
    }.items(),
    ids=lambda item: item[0],
)
def test_every_way_to_store_a_picture(encoded):
    _, encode = encoded
    picture = Image.fromarray(drawn())
    assert is_the_same(prepare(encode(picture)), prepare(picture), most=0.03)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [280, 1400], ids=["small", "made smaller first"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "PNG of 16 bits"])
def test_the_camera_was_turned(orientation, side, kind):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = Image.fromarray(drawn()).resize((side, side))
    turned = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "PNG of 16 bits":
        turned, kind = Image.fromarray(np.asarray(turned).astype(np.uint16) * 257), "PNG"
    assert is_the_same(prepare(as_bytes(turned, kind, exif=exif)), prepare(upright), most=0.03)


def test_an_image_that_was_only_opened_stays_as_it_was(tmp_path):
    Image.fromarray(np.kron(drawn(), np.ones((8, 8), dtype=np.uint8))).convert("RGB").save(tmp_path / "large.jpg")
    with Image.open(tmp_path / "large.jpg") as image:
        prepare(image)
        assert image.size == (2240, 2240) and image.mode == "RGB"


def test_a_large_picture_is_made_smaller_before_any_work():
    grey = handwriting.to_grey(np.kron(drawn(), np.ones((10, 10), dtype=np.uint8)))
    assert 400_000 < grey.size <= handwriting.WORK_PIXELS


def test_memory_is_bounded():
    """Pillow's own memory is not counted here; it is that of the decoded picture, and a smaller copy."""
    picture = Image.new("L", (8000, 6000), 230)
    picture.paste(20, (3000, 1500, 3400, 4500))
    tracemalloc.start()
    try:
        prepare(picture)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6, f"preparing 48 megapixels took {peak / 1e6:.0f} MB"


def png_that_claims(width, height):
    """A PNG file of some hundred bytes that claims a size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def closed_picture():
    image = Image.open(io.BytesIO(as_bytes(Image.fromarray(drawn()))))
    image.close()
    return image


BAD = {
    "an empty sheet": (np.full((300, 400), 220, dtype=np.uint8), "no ink"),
    "an empty sheet with grain": (np.random.default_rng(0).normal(200, 8, (300, 400)).clip(0, 255), "no ink"),
    "a small empty sheet with grain": (np.random.default_rng(0).normal(200, 8, (60, 60)).clip(0, 255), "no ink"),
    "an empty sheet of coarse paper": (np.random.default_rng(0).normal(140, 35, (300, 400)).clip(0, 255), "no ink"),
    "an empty sheet in uneven light": (np.tile(np.linspace(120, 230, 400), (300, 1)), "no ink"),
    "an empty sheet beside the table": (np.where(np.arange(400) < 80, 60, 200) * np.ones((300, 1), int), "no ink"),
    "a black picture": (Image.new("RGB", (300, 200)), "no ink"),
    "one pixel": (Image.new("L", (1, 1)), "too small or too narrow"),
    "1 x 5000": (Image.new("L", (1, 5000)), "too small or too narrow"),
    "5000 x 1": (np.zeros((1, 5000), dtype=np.uint8), "too small or too narrow"),
    "nothing at all": (Image.new("L", (0, 0)), "too small or too narrow"),
    "a text": (b"This is no picture.", "no picture that Pillow can read"),
    "no bytes": (b"", "no picture that Pillow can read"),
    "a cut JPEG": (as_bytes(Image.fromarray(drawn()), "JPEG")[:1500], "could not be read"),
    "a cut PNG": (as_bytes(Image.fromarray(drawn()))[:300], "could not be read"),
    "a bomb": (png_that_claims(50_000, 50_000), "at most 50,000,000 pixels"),
    "a small bomb": (png_that_claims(12_000, 12_000), "at most 50,000,000 pixels"),
    "a missing file": ("there_is_no_such_file.png", "does not exist"),
    "no name": ("a\0b", "does not exist"),
    "None": (None, "expected a path, bytes"),
    "a list": ([[0, 1], [1, 0]], "expected a path, bytes"),
    "NaN": (np.full((28, 28), np.nan), "found nan"),
    "infinity": (np.full((28, 28), np.inf), "found inf"),
    "negative": (np.full((28, 28), -1.0), "found -1"),
    "too bright": (np.full((28, 28), 300.0), "found 300"),
    "words": (np.full((28, 28), "ink"), "expected numbers"),
    "objects": (np.full((28, 28), None), "expected numbers"),
    "complex": (np.zeros((28, 28), dtype=complex), "expected numbers"),
    "a batch": (torch.zeros(4, 1, 28, 28), "pass a single picture"),
    "a vector": (np.zeros(784), "pass a single picture"),
    "a number": (np.array(3.0), "pass a single picture"),
    "two channels": (np.zeros((28, 28, 2)), "pass a single picture"),
    "an empty array": (np.zeros((0, 28)), "too small or too narrow"),
    "a strip": (np.zeros((9, 5_000_000), dtype=np.uint8), "too small or too narrow"),
    "a closed picture": (closed_picture(), "closed"),
    "a name of two lines": ("a\nb", "does not exist"),
    "on no device": (torch.zeros(28, 28, device="meta"), "could not be read"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.filterwarnings("error")
def test_a_bad_picture_gets_one_sentence(what):
    picture, words = BAD[what]
    with pytest.raises(ValueError, match=words) as caught:
        prepare(picture)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 250


@pytest.mark.parametrize("kind", [np.asarray, Image.Image.copy], ids=["array", "Pillow image"])
def test_what_was_decoded_already_has_the_same_limit(kind):
    with pytest.raises(ValueError, match="at most 50,000,000 pixels"):
        prepare(kind(Image.new("L", (10_000, 5_001))))


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(ValueError, match="is a folder: name a picture in it"):
        prepare(tmp_path)


@pytest.mark.parametrize("read", [split, handwriting.prepare_steps])
def test_all_functions_refuse_alike(read):
    with pytest.raises(ValueError, match="no ink"):
        read(np.full((300, 400), 220, dtype=np.uint8))


# Paper, light and dirt


@pytest.mark.parametrize(
    "paper",
    {
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


def test_a_small_picture_with_much_grain():
    small = np.asarray(Image.fromarray(drawn()).resize((60, 60)), dtype=float)
    noisy = small * 0.6 + 80 + np.random.default_rng(0).normal(0, 10, small.shape)
    assert is_the_same(prepare(noisy.clip(0, 255)), prepare(small.astype(np.uint8)), most=0.06)


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
    body = [(70, 60), (60, 130), (110, 120), (130, 170), (100, 210), (-20, 190)]  # the foot of this 5 leaves the picture
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
    assert thin.max() == 1 and 1.2 < handwriting.stroke_width(thin) < 2.2
    assert handwriting.stroke_width(usual) == pytest.approx(20 * 20 / 200, rel=0.3)
    assert handwriting.stroke_width(thick) == pytest.approx(40 * 20 / 220, rel=0.3)


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
