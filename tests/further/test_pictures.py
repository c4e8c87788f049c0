"""mnist_lesson.further.pictures: every kind of picture can be prepared, and a bad one gets a sentence."""

import functools
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from draw_examples import DIGITS, curve
from PIL import Image

from mnist_lesson.further import pictures
from mnist_lesson.further.drawing import draw_strokes
from mnist_lesson.further.handwriting import prepare


def drawn(ink_is_dark=True):
    """A 4 as a picture of 280 x 280, uint8: an asymmetric digit, so that nothing can be turned unseen."""
    ink = draw_strokes([[(90, 60), (60, 170), (210, 160)], [(180, 80), (170, 240)]], 280, 280, 20)
    picture = (230 * (1 - ink) + 10).astype(np.uint8)
    return picture if ink_is_dark else 255 - picture


def written(text, height=130, pen=0.08, step=0.95, heights=(1,), rise=0, margin=0.6):
    """The ink of a line of digits, dashes and blanks, 0..1. Lengths are shares of the height, which is in pixels."""
    strokes = []
    for place, character in enumerate(text):
        own, left = height * heights[place % len(heights)], height * place * step
        ways = {"-": [[(0.3, 0.5), (0.7, 0.5)]], ".": [[(0.5, 0.95), (0.5, 0.96)]], " ": []}
        for points in ways.get(character) or (DIGITS[int(character)][0] if character.isdigit() else []):
            # The lower edge of all digits is on the line, and each is as wide as one of usual height.
            strokes.append([(left + height * x, own * (y - 1) - rise * left) for x, y in curve(points)])
    places = np.concatenate([np.array(points) for points in strokes])
    least = places.min(axis=0) - (margin + pen / 2) * height
    width, rows = (places.max(axis=0) - least + (margin + pen / 2) * height).round().astype(int).tolist()
    return draw_strokes([[tuple(point - least) for point in points] for points in strokes], width, rows, pen * height)


def cropped(ink, margin=0):
    """Ink, cropped to its box with a margin of so many pixels."""
    left, top, right, bottom = Image.fromarray((ink > 0.3).astype(np.uint8)).getbbox()
    return np.pad(ink[top:bottom, left:right], margin)


def on_paper(ink, paper=210, top=0, left=0, depth=0.75, grain=3):
    """A picture of ink on paper, one number or (H, W), with its upper left corner at a place; uint8, (H, W)."""
    sheet = np.full(ink.shape, float(paper)) if np.ndim(paper) == 0 else paper.astype(float)
    sheet[top : top + len(ink), left : left + len(ink[0])] *= 1 - depth * ink
    return (sheet + np.random.default_rng(0).normal(0, grain, sheet.shape)).clip(0, 255).astype(np.uint8)


def as_bytes(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def is_the_same(image, other, most=0.02):
    """Two prepared images show the same; where the centre of mass lies between two pixels, one may be shifted."""
    shifts = [other.roll((row, column), (1, 2)) for row in (-1, 0, 1) for column in (-1, 0, 1)]
    return min((image - shifted).abs().mean().item() for shifted in shifts) < most


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
        "one channel",
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
        "one channel": picture[:, :, None],
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
        assert np.array_equal(pictures.to_grey(same), picture)
    assert before is None or np.array_equal(before, same), "the caller's picture must stay as it was"


@pytest.mark.parametrize(
    "values, dtype, grey",
    [(200, np.int64, 200), (200, np.float32, 200), (51_400, np.uint16, 200), (0.6 / 255, float, 1), (1, np.uint8, 255)],
)
def test_the_largest_number_says_what_white_is(values, dtype, grey):
    picture = np.full((20, 20), values, dtype=dtype)
    assert (pictures.to_grey(picture) == grey).all()


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


@functools.cache
def upright_and_prepared(side):
    assert side == 280 or side**2 > pictures.WORK_PIXELS, "or it is not made smaller first"
    upright = Image.fromarray(drawn()).resize((side, side))
    return upright, prepare(upright)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [280, 900], ids=["small", "made smaller first"])
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
    upright, expected = upright_and_prepared(side)
    turned = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "PNG of 16 bits":
        turned, kind = Image.fromarray(np.asarray(turned).astype(np.uint16) * 257), "PNG"
    assert is_the_same(prepare(as_bytes(turned, kind, exif=exif)), expected, most=0.03)


def test_an_image_that_was_only_opened_stays_as_it_was(tmp_path):
    Image.fromarray(np.kron(drawn(), np.ones((8, 8), dtype=np.uint8))).convert("RGB").save(tmp_path / "large.jpg")
    with Image.open(tmp_path / "large.jpg") as image:
        prepare(image)
        assert image.size == (2240, 2240) and image.mode == "RGB"


def test_a_large_picture_is_made_smaller_before_any_work():
    grey = pictures.to_grey(np.kron(drawn(), np.ones((10, 10), dtype=np.uint8)))
    assert 400_000 < grey.size <= pictures.WORK_PIXELS


@pytest.mark.parametrize("pixels", [30_000, 300_000, 4_000_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_has_as_many_pixels_as_asked_for_and_hardly_fewer(pixels, kind):
    """A JPEG is decoded small, but not so small that it has fewer."""
    picture = Image.fromarray(drawn()).resize((3200, 2800))
    grey = pictures.to_grey(as_bytes(picture, kind), pixels)
    assert pixels / 2.5 < grey.size <= pixels
    assert grey.shape[1] / grey.shape[0] == pytest.approx(3200 / 2800, rel=0.02)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "JPEG"])
def test_several_sizes_of_a_file_are_the_same_as_one_by_one_and_only_a_jpeg_is_read_again(kind, monkeypatch):
    file, sizes = as_bytes(Image.fromarray(drawn()).resize((900, 900)), kind), (10_000, 90_000, 10**6)
    alone = [pictures.to_grey(file, pixels) for pixels in sizes]
    times, open_image = [], Image.open
    monkeypatch.setattr(Image, "open", lambda *args: times.append(args) or open_image(*args))
    picture = pictures.opened(file)
    assert all(np.array_equal(pictures.to_grey(picture, pixels), grey) for pixels, grey in zip(sizes, alone))
    assert len(times) == (1 + len(sizes) if kind == "JPEG" else 1)


def test_a_small_picture_is_never_made_larger():
    assert pictures.to_grey(drawn(), 4_000_000).shape == (280, 280)


def test_each_pixel_of_the_smaller_picture_is_a_mean():
    fine = np.indices((2000, 2000)).sum(axis=0) % 2 * 200  # one pixel black, the next one bright
    grey = pictures.to_grey(fine.astype(np.uint8))
    assert 80 < grey.min() and grey.max() < 120


@pytest.mark.parametrize("dark, ground", [(0, 255), (200, 0)], ids=["also dark", "only bright"])
def test_a_drawing_on_nothing_is_put_on_black_only_if_all_of_it_is_bright(dark, ground):
    drawing = np.zeros((60, 60, 4), dtype=np.uint8)
    drawing[10:50, 10:50] = 230, 230, 230, 255
    drawing[30:34, 10:50, :3] = dark
    assert pictures.to_grey(drawing)[0, 0] == ground


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


@pytest.mark.parametrize("height, width", [(8, 8), (8, 800), (20, 2000)])
def test_the_smallest_and_narrowest_pictures(height, width):
    picture = np.full((height, width), 200, dtype=np.uint8)
    for turned in (picture, picture.T):
        assert pictures.to_grey(turned).shape == turned.shape
    for lower in (picture[1:], picture[1:].T):
        with pytest.raises(ValueError, match="too small or too narrow"):
            pictures.to_grey(lower)


@pytest.mark.parametrize("kind", [np.asarray, Image.Image.copy], ids=["array", "Pillow image"])
def test_what_was_decoded_already_has_the_same_limit(kind):
    with pytest.raises(ValueError, match="at most 50,000,000 pixels"):
        prepare(kind(Image.new("L", (10_000, 5_001))))


def test_a_long_complaint_of_pillow_is_cut(monkeypatch):
    def complain(picture):
        raise OSError("x" * 500 + "\nand more")

    monkeypatch.setattr(pictures, "_upright_grey", complain)
    with pytest.raises(ValueError, match="could not be read") as caught:
        pictures.to_grey(b"")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(ValueError, match="is a folder: name a picture in it"):
        prepare(tmp_path)
