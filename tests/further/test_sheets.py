"""mnist_lesson.further.sheets: several digits are found, brought into order, parted where they touch, and read."""

import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn as nn
from handwritten import draw
from PIL import Image, ImageDraw
from test_pictures import BAD, as_bytes, is_the_same, on_paper, written

from mnist_lesson.further import handwriting, pictures, sheets
from mnist_lesson.further.drawing import EXAMPLES_DIR, draw_strokes
from mnist_lesson.further.handwriting import prepare
from mnist_lesson.further.recipes import load_tensors
from mnist_lesson.further.sheets import read_number, read_sheet
from mnist_lesson.results import load_run
from mnist_lesson.stored import READER_DIR

Y, X = np.mgrid[:600, :800]


@pytest.fixture(scope="module")
def mnist():
    return load_tensors(train=False)


def text_of(picture, model):
    """What is read, with a blank between lines and ? for what was found but not read."""
    _, found = read_sheet(picture, model)
    lines = [[mark for mark in found if mark.line == line] for line in range(1 + max(mark.line for mark in found))]
    return " ".join("".join("?" if mark.digit is None else str(mark.digit) for mark in line) for line in lines)


def below_each_other(*inks, pitch):
    """Several lines of writing on one sheet, their upper edges so many pixels apart."""
    sheet = np.zeros((pitch * (len(inks) - 1) + max(map(len, inks)), max(len(ink[0]) for ink in inks)))
    for number, ink in enumerate(inks):
        part = sheet[number * pitch :][: len(ink), : len(ink[0])]
        part[...] = np.maximum(part, ink)
    return np.pad(sheet, 20)


# What comes back


def test_each_digit_is_found_where_it_stands_as_prepare_would_make_it(reader):
    picture = on_paper(written("4087", 100, step=1.3))
    grey, found = read_sheet(picture, reader)
    assert np.array_equal(grey, picture) and [mark.digit for mark in found] == [4, 0, 8, 7]
    for place, mark in enumerate(found):
        left, top, right, bottom = mark.box
        assert left == pytest.approx(60 + 130 * place, abs=15) and 85 < bottom - top < 115 and right - left < 100
        assert mark.line == 0 and mark.image.shape == (1, 28, 28) and mark.image.dtype == torch.float32
        alone = prepare(np.pad(picture[top:bottom, left:right], 30, constant_values=210))
        assert is_the_same(mark.image, alone, most=0.03)
        with torch.no_grad():
            p = reader(mark.image.unsqueeze(0)).softmax(1).squeeze(0)
        assert mark.probability == pytest.approx(p.max().item(), abs=1e-5) and p.argmax() == mark.digit


def test_read_number_gives_pairs_and_leaves_out_what_was_not_read(reader):
    picture = on_paper(written("24-11", 100))
    read = read_number(picture, reader)
    assert [digit for digit, _ in read] == [2, 4, 1, 1]
    assert all(type(digit) is int and type(p) is float and 0 < p <= 1 for digit, p in read)
    assert read == [(mark.digit, mark.probability) for mark in read_sheet(picture, reader)[1] if mark.digit is not None]


def test_the_network_stays_as_it_was(reader):
    before = {name: value.clone() for name, value in reader.state_dict().items()}
    read_number(on_paper(written("38", 100)), reader)
    assert all(torch.equal(value, before[name]) for name, value in reader.state_dict().items())
    assert all(value.grad is None and value.is_contiguous() for value in reader.parameters())


@pytest.mark.parametrize("name, number", [("phone", "55501928"), ("date", "241126")])
@pytest.mark.parametrize("network", ["reader", "model"])
def test_the_example_sheets_are_read(name, number, network, request):
    read = read_number(EXAMPLES_DIR / f"sheet_{name}.jpg", request.getfixturevalue(network))
    assert "".join(str(digit) for digit, _ in read) == number


def test_the_example_of_digits_that_touch_is_read(reader):
    """By the reader: the reference network was never shown what is no digit, so it cannot say where to cut."""
    assert [digit for digit, _ in read_number(EXAMPLES_DIR / "sheet_touching.jpg", reader)] == [3, 8]


@pytest.mark.parametrize(
    "dimension, seed",
    [
        ("tall 7 and 4", 3),
        ("two or three lines, askew", 3),
        ("faint ballpoint beside felt", 3),
        ("hand at the edge", 3),
        ("tilted on a table", 7),  # its 0 is nearly square, and no box
        ("small squares, askew", 4),
        ("small squares, askew", 9),
        ("dotted paper", 3),
    ],
)
def test_a_photo_of_a_sheet_is_read(dimension, seed, reader):
    picture, lines = draw(f"sheet: {dimension}", seed)
    read = [digit for digit, _ in read_number(picture, reader)]
    assert "".join(map(str, read)) == "".join(lines)


# Order


def test_lines_go_from_top_to_bottom_and_digits_from_left_to_right(mnist, reader):
    places = [(160, 20), (30, 500), (20, 30), (36, 250), (175, 300)]  # two lines, not quite straight, in no order
    ink = np.zeros((300, 700))
    for number, (top, left) in enumerate(places):
        ink[top : top + 84, left : left + 84] = np.kron(mnist[0][number, 0].numpy(), np.ones((3, 3)))
    ink[165:265, 600:612] = 1  # a 1 in the second line, higher than the others
    _, found = read_sheet((220 * (1 - 0.8 * ink)).astype(np.uint8), reader)
    assert [mark.line for mark in found] == [0, 0, 0, 1, 1, 1]
    for mark, number in zip(found, [2, 3, 1, 0, 4]):
        assert (mark.image - mnist[0][number]).abs().mean() < 0.06, f"here test image {number} should be"
    assert [mark.digit for mark in found][:5] == mnist[1][[2, 3, 1, 0, 4]].tolist() and found[5].digit == 1


@pytest.mark.parametrize("rise", [0, 0.1, 0.25, -0.1, -0.25])
@pytest.mark.parametrize("text", ["3141592678", "27", "640"])
def test_a_line_may_rise_or_fall(text, rise, reader):
    assert text_of(on_paper(written(text, 80, rise=rise)), reader) == text


@pytest.mark.parametrize("degrees", [-14, 14])
def test_the_digits_of_a_rising_line_are_turned_upright(degrees, reader):
    ink = Image.fromarray((255 * written("47492", 100, margin=0.3)).astype(np.uint8))
    turned = np.asarray(ink.rotate(degrees, Image.Resampling.BICUBIC, expand=True)) / 255
    _, upright = read_sheet(on_paper(np.asarray(ink) / 255), reader)
    _, found = read_sheet(on_paper(turned), reader)
    assert [mark.digit for mark in found] == [4, 7, 4, 9, 2]
    for mark, other in zip(found, upright):
        assert is_the_same(mark.image, other.image, most=0.045)


@pytest.mark.parametrize("rise", [0, 0.08, 0.18, -0.15])
def test_three_lines_askew(rise, reader):
    """At 0.18 the end of a line is as high as the beginning of the one above it."""
    lines = "27183146", "60221407", "66260701"
    inks = [written(line, 70, rise=rise, margin=0.2) for line in lines]
    assert text_of(on_paper(below_each_other(*inks, pitch=105)), reader) == " ".join(lines)


def test_lines_of_different_length(reader):
    inks = [written(text, 80, margin=0.2) for text in ("27", "31415", "8", "604")]
    assert text_of(on_paper(below_each_other(*inks, pitch=125)), reader) == "27 31415 8 604"


def test_digits_far_apart_stay_in_their_line(reader):
    assert text_of(on_paper(written("4   7     25", 80, rise=0.03)), reader) == "4725"


# Large and small, digits and other marks


@pytest.mark.parametrize("tall", [1.5, 1.9])
def test_beside_a_tall_7_the_other_digits_are_not_dropped(tall, reader):
    heights = [tall if character in "74" else 0.9 for character in "12330402"]
    assert text_of(on_paper(written("12330402", 70, heights=heights)), reader) == "12330402"
    heights = [tall if character == "7" else 0.9 for character in "0720022"]
    assert text_of(on_paper(written("0720022", 70, heights=heights)), reader) == "0720022"


@pytest.mark.parametrize("text", ["24-11-26", "3.14", "0-0", "1-1", "7-2.5"])
def test_dashes_and_points_are_found_but_not_read(text, reader):
    read = text_of(on_paper(written(text, 100, pen=0.1)), reader)
    assert read == text.replace("-", "?").replace(".", "?")


@pytest.mark.parametrize("text, place", [("4087", 2), ("4017", 2), ("2653", 1)])
@pytest.mark.parametrize("shadow", [0.6, 0.7])
def test_a_digit_on_the_edge_of_a_shadow_is_not_dropped(text, place, shadow, reader):
    """The shadow ends in the middle of the digit at this place."""
    picture = on_paper(np.pad(written(text, 70, step=1.3), ((200, 200), (300, 300))))
    left, _, right, _ = read_sheet(picture, reader)[1][place].box
    light = np.where(np.arange(len(picture[0])) < (left + right) / 2, shadow, 1.0)
    assert text_of((picture * light).astype(np.uint8), reader) == text


def test_a_wide_piece_that_cannot_be_cut_stays_whole(reader):
    wedge = (abs(Y[:100, :140] - 50) < 50 - 0.35 * X[:100, :140]).astype(np.float32)
    assert not any(sheets._cut(wedge, lean)[1] for lean in (-0.35, 0, 0.35)), "or this test shows nothing"
    assert sheets._parts(wedge, 0.1, 100, 0.0, reader) == []


def test_every_mark_has_a_box_of_its_own(reader):
    _, found = read_sheet(on_paper(written("24-11-26", 100)), reader)
    boxes = [mark.box for mark in found]
    assert len(boxes) == 8 and boxes == sorted(boxes)
    assert all(right <= other for (_, _, right, _), (other, _, _, _) in zip(boxes, boxes[1:]))


def test_grain_and_crumbs_are_no_marks(reader):
    ink = written("4087", 100, step=1.2)
    ink[20:23, 30:33] = ink[180:183, 400:403] = 0.8
    assert text_of(on_paper(ink, grain=8), reader) == "4087"


def test_the_bar_of_a_5_belongs_to_it(reader):
    body = [(70, 60), (60, 130), (110, 120), (130, 170), (100, 210), (50, 200)]
    five = draw_strokes([body, [(80, 35), (140, 35)]], 280, 280, 12)
    _, (mark,) = read_sheet(1 - five, reader)
    assert is_the_same(mark.image, prepare(1 - five), most=0.001), "the bar is missing"
    one = draw_strokes([[(220, 40), (220, 210)]], 280, 280, 12)
    assert text_of(1 - np.maximum(five, one), reader) == "51", "the bar is no digit, and the 1 beside it is"


@pytest.mark.parametrize("pitch", [120, 150])
def test_a_digit_below_another_is_one_of_its_own(pitch, reader):
    inks = written("7", 100, margin=0.1), written("4", 100, margin=0.1)
    assert text_of(on_paper(np.pad(below_each_other(*inks, pitch=pitch), 40)), reader) == "7 4"


@pytest.mark.parametrize("height, gap", [(130, 0), (50, 0), (50, 4)])
def test_a_pencil_at_the_edge_is_no_digit_and_hides_none(height, gap, reader):
    pencil = abs(0.8 * (X - 800) + 0.6 * (Y - 430)) < 14  # more ink than all of the small digits
    pencil &= (X < 800 - gap) & (Y < 600 - gap)
    read = text_of(on_paper(written("4715", height), 210 - 150 * pencil, 120, 20), reader)
    assert read.replace("?", "").replace(" ", "") == "4715"


@pytest.mark.parametrize(
    "text, lines",
    [("4715", (Y + 30) % 65 < 3), ("2083", (Y + 30) % 65 < 3), ("2083", ((X + 20) % 40 < 2) | ((Y + 20) % 40 < 2))],
    ids=["ruled", "ruled, round digits", "squared"],
)
def test_printed_lines_are_not_read_and_hide_no_digit(text, lines, reader):
    read = text_of(on_paper(written(text, 130), 210 - 45 * lines, 200, 30), reader)
    assert read.replace("?", "").replace(" ", "") == text


@pytest.mark.parametrize("step", [12, 25, 60])
@pytest.mark.parametrize("text, height", [("4087", 130), ("2083", 60)])
def test_the_dots_of_dotted_paper_are_no_marks(text, height, step, reader):
    dots = (X % step < 4) & (Y % step < 4)
    assert text_of(on_paper(written(text, height), 210 - 70 * dots, 200, 30), reader) == text


def test_of_a_row_of_boxes_no_mark_is_left(reader):
    boxes = np.any([abs(X - place) < 2 for place in range(195, 656, 92)], axis=0) & (abs(Y - 115) < 75)
    boxes |= ((abs(Y - 40) < 2) | (abs(Y - 190) < 2)) & (abs(X - 425) < 231)
    picture = on_paper(written("20837", 100, step=0.92), 210 - 60 * boxes, 200, 20)
    assert text_of(picture, reader) == "20837"


def test_scribbles_are_found_but_not_read(reader):
    ink = written("47", 120, margin=0.3)
    waves = draw_strokes([[(20 + 9 * k, 100 + 60 * (-1) ** k) for k in range(20)]], 220, len(ink), 6)
    read = text_of(on_paper(np.hstack([ink, waves])), reader)
    assert read[:2] == "47" and set(read[2:]) == {"?"}


def as_sure_as(probability):
    """A network that takes everything for a 3, with this probability."""
    others = (1 - probability) / 9
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    nn.init.zeros_(network[1].weight)
    network[1].bias.data = torch.tensor([probability if digit == 3 else others for digit in range(10)]).log()
    return network


@pytest.mark.parametrize("sure, read", [(0.2, "??"), (0.6, "3?"), (0.95, "33")])
def test_at_the_edge_where_a_hand_may_be_a_digit_must_be_surer(sure, read):
    picture = on_paper(written("33", 100, step=1.3))[:, :-68]  # the second one leaves the picture
    assert text_of(picture, as_sure_as(sure)) == read


# Digits that touch


@pytest.mark.parametrize("text", ["38", "55", "47", "19", "66", "80", "123"])
@pytest.mark.parametrize("step", [0.65, 0.7])
def test_digits_that_touch_are_parted(text, step, reader):
    picture = on_paper(written(text, 130, step=step))
    assert text_of(picture, reader) == text
    if step == 0.65 and text in ("38", "47", "66"):
        assert len(sheets._marks_of(picture)[3]) < len(text), "or this test shows nothing"


def test_only_so_many_wide_pieces_of_a_sheet_are_cut_and_the_rest_is_not_read(reader, monkeypatch):
    """A texture, or a grid that was not recognised, has hundreds: to try all cuts would take many seconds."""
    three_lines = on_paper(np.concatenate([written("38", 130, step=0.65)] * 3))
    assert [mark.digit for mark in read_sheet(three_lines, reader)[1]] == [3, 8, 3, 8, 3, 8]
    monkeypatch.setattr(sheets, "MOST_CUT_PIECES", 2)
    assert [mark.digit for mark in read_sheet(three_lines, reader)[1]] == [3, 8, 3, 8, None]


def test_parts_have_their_own_boxes(reader):
    _, found = read_sheet(on_paper(written("338", 130, step=0.66)), reader)
    assert [mark.digit for mark in found] == [3, 3, 8]
    middles = [(mark.box[0] + mark.box[2]) / 2 for mark in found]
    assert np.diff(middles) == pytest.approx([0.66 * 130] * 2, abs=20)
    assert all(100 < mark.box[3] - mark.box[1] < 150 for mark in found)


@pytest.mark.parametrize("digit", "0234567890")
@pytest.mark.parametrize("wide", [1, 1.4, 1.8])
def test_a_single_digit_is_not_parted_even_if_it_is_wide(digit, wide, reader):
    ink = written(digit, 130)
    stretched = Image.fromarray((255 * ink).astype(np.uint8)).resize((round(wide * len(ink[0])), len(ink)))
    assert text_of(on_paper(np.asarray(stretched) / 255), reader) == digit


# Low resolution first, then finer


def page_of(rows, height, shape):
    """A large page, on which small digits stand in rows."""
    page = np.zeros(shape)
    for number, text in enumerate(rows):
        ink = written(text, height, pen=0.1)
        page[60 + 2 * number * height :][: len(ink), 60 : 60 + len(ink[0])] += ink
    return on_paper(page.clip(0, 1))


def test_small_digits_on_a_large_page_are_read_with_more_pixels(reader, monkeypatch):
    page = page_of(["27183146", "60221407", "66260701"], 50, (2000, 1900))
    sizes, to_grey = [], pictures.to_grey
    monkeypatch.setattr(handwriting, "to_grey", lambda *args: sizes.append(args[1]) or to_grey(*args))
    grey, found = read_sheet(as_bytes(Image.fromarray(page)), reader)
    assert sizes == [pictures.WORK_PIXELS, pictures.FINE_PIXELS] and grey.shape == (2000, 1900)
    assert "".join(str(mark.digit) for mark in found) == "271831466022140766260701"
    assert all(35 < mark.box[3] - mark.box[1] < 70 for mark in found), "boxes are in pixels of the grey sheet"


def test_large_digits_are_read_at_once(reader, monkeypatch):
    page = page_of(["2718", "6022"], 200, (2000, 1900))
    sizes, to_grey = [], pictures.to_grey
    monkeypatch.setattr(handwriting, "to_grey", lambda *args: sizes.append(args[1]) or to_grey(*args))
    assert text_of(page, reader) == "2718 6022" and sizes == [pictures.WORK_PIXELS]


def test_what_is_too_thin_for_the_first_look_is_found_in_the_second(reader):
    page = Image.new("L", (4000, 3000), 210)
    ImageDraw.Draw(page).line([(1800, 1000), (2000, 1000), (1880, 1400)], fill=150, width=2)
    with pytest.raises(ValueError, match="no ink"):
        next(handwriting.closer_looks(page, pictures.WORK_PIXELS))
    assert [digit for digit, _ in read_number(page, reader)] == [7]


def test_memory_is_bounded(reader):
    """Pillow's own memory is not counted here; it is that of the decoded picture, and a smaller copy."""
    page = page_of(["27183146", "60221407"], 50, (2000, 1900))
    large = Image.fromarray(page).resize((6000, 6300))
    tracemalloc.start()
    try:
        read = read_number(large, reader)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(read) == 16 and peak < 150e6, f"reading 38 megapixels took {peak / 1e6:.0f} MB"


# Sheets that cannot be read


@pytest.mark.parametrize("what", BAD)
def test_a_bad_picture_gets_the_same_sentence_as_from_prepare(what, reader):
    picture, words = BAD[what]
    with pytest.raises(ValueError, match=words) as caught:
        read_sheet(picture, reader)
    with pytest.raises(ValueError) as expected:
        prepare(picture)
    assert str(caught.value) == str(expected.value)


def test_a_texture_has_too_many_pieces(reader):
    dots = np.where((Y % 9 < 3) & (X % 9 < 3), 0, 255).astype(np.uint8)
    with pytest.raises(ValueError, match="too many pieces of ink to be digits: use plain paper.$"):
        read_number(dots, reader)


def test_many_pieces_are_no_trouble_and_one_more_than_many_is(reader, monkeypatch):
    picture = on_paper(written("4087", 100, step=1.2))
    monkeypatch.setattr(sheets, "MOST_PIECES", 4)
    assert text_of(picture, reader) == "4087"
    monkeypatch.setattr(sheets, "MOST_PIECES", 3)
    with pytest.raises(ValueError, match="too many pieces"):
        read_sheet(picture, reader)
