"""mnist_lesson.further.drawing: strokes and photos are drawn as asked, and the pad reads what is drawn on it."""

import re
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from mnist_lesson.further import drawing
from mnist_lesson.further.sheets import Found
from mnist_lesson.results import load_run
from mnist_lesson.stored import REFERENCE_DIR


def test_draw_strokes_draws_a_round_pen_along_the_points():
    ink = drawing.draw_strokes([[(20, 50), (80, 50)], [(50, 15)]], width=100, height=70, pen_width=10)
    assert ink.shape == (70, 100) and ink.min() == 0 and ink.max() == 1
    assert ink[50, 20:80].all(), "the pen must follow the whole stroke"
    assert (ink[:, 50] > 0.5).sum() == pytest.approx(20, abs=3), "a stroke of 10 pixels and a point of 10 pixels"
    assert (ink[50] > 0.5).sum() == pytest.approx(70, abs=2), "its ends are round and stick out by half its width"


def test_no_stroke_is_no_ink():
    assert not drawing.draw_strokes([], 30, 20, 5).any()


def test_a_pen_is_at_least_a_pixel_wide():
    ink = drawing.draw_strokes([[(10, 10), (50, 10)]], width=60, height=20, pen_width=0.2)
    assert ink[:, 15:45].sum(axis=0).min() >= 1


def test_the_light_comes_from_any_side_and_is_up_to_a_quarter_stronger_there():
    nothing = np.zeros((60, 60))
    photos = [drawing.photograph(nothing, 200, 0, np.random.default_rng(seed)) / 200 for seed in range(40)]
    brightest = [divmod(photo.argmax(), 60) for photo in photos]
    assert len({(row > 30, column > 30) for row, column in brightest}) == 4, "from all four corners"
    strongest = max(photo.max() for photo in photos) - 1
    assert 0.15 < strongest <= 0.25 and min(photo.min() for photo in photos) >= 0.74


def test_what_is_brighter_than_white_is_white_and_darker_than_black_is_black():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert drawing.photograph(np.zeros((40, 40)), 250, 20, rng).min() > 80
        assert drawing.photograph(np.ones((40, 40)), 250, 20, rng).max() < 120


def test_a_photo_has_paper_ink_light_and_grain():
    ink = np.zeros((200, 300))
    ink[80:120, 100:200] = 0.8
    photo = drawing.photograph(ink, paper=200, grain=3, rng=np.random.default_rng(0))
    assert photo.shape == ink.shape and photo.dtype == np.uint8
    assert photo[80:120, 100:200].mean() == pytest.approx(200 * 0.2, abs=8)
    corners = [
        photo[rows, columns].mean()
        for rows in (slice(20), slice(-20, None))
        for columns in (slice(20), slice(-20, None))
    ]
    assert max(corners) - min(corners) > 5, "the light comes from one side"
    assert photo[5:15, 5:15].std() == pytest.approx(3, abs=1)


def test_photos_of_digits_differ_and_can_be_repeated():
    image = torch.zeros(1, 28, 28)
    image[0, 4:24, 12:16] = 1
    first, second = (drawing.photograph_digit(image, np.random.default_rng(seed)) for seed in (1, 2))
    assert first.shape != second.shape
    assert np.array_equal(first, drawing.photograph_digit(image, np.random.default_rng(1)))
    for photo in (first, second):
        assert min(photo.shape) >= 28 * 3 and max(photo.shape) <= 28 * 20 * 2
        assert np.median(photo) > photo.min() + 60, "dark ink on bright paper"


def test_the_ink_in_photos_of_digits_is_dark_and_lies_anywhere_on_the_sheet():
    image = torch.zeros(1, 28, 28)
    image[0, 4:24, 12:16] = 1
    middles = []
    for seed in range(20):
        photo = drawing.photograph_digit(image, np.random.default_rng(seed)).astype(float)
        paper, ink = np.median(photo), np.percentile(photo, 0.8)
        assert 0 < ink / paper < 0.55, f"seed {seed}: ink takes 60 to 90 percent of the light"
        rows, columns = (photo < (paper + ink) / 2).nonzero()
        middles.append((np.median(rows) / len(photo), np.median(columns) / len(photo[0])))
    for places in zip(*middles):
        assert min(places) < 0.45 and max(places) > 0.55
        assert 0.2 < min(places) and max(places) < 0.8, "all of the image is on the sheet"


# Sheets


def mark(box, digit, line=0):
    return Found(box=box, line=line, image=torch.zeros(1, 28, 28), digit=digit, probability=0.9)


@pytest.fixture
def shown_sheet(monkeypatch):
    """Show a sheet of 200 x 400 pixels with these marks; return its axes and its alternative text."""

    def show_marks(*marks):
        texts = []
        monkeypatch.setattr(drawing, "show", texts.append)
        drawing.show_sheet(np.full((200, 400), 230, dtype=np.uint8), marks)
        (ax,), (text,) = plt.gcf().axes, texts
        return ax, text

    return show_marks


def test_each_digit_of_a_sheet_is_in_a_box_under_what_was_read(shown_sheet):
    ax, text = shown_sheet(mark((20, 60, 50, 110), 7), mark((80, 60, 120, 112), 0), mark((20, 140, 50, 190), 2, line=1))
    assert [label.get_text() for label in ax.texts] == ["7", "0", "2"]
    assert [label.get_position() for label in ax.texts] == [(35, 60), (100, 60), (35, 140)]
    (line, *_) = ax.lines
    assert (min(line.get_xdata()), max(line.get_xdata())) == (20, 50)
    assert (min(line.get_ydata()), max(line.get_ydata())) == (60, 110)
    assert ax.get_title() == "read: 70 / 2"
    assert text == "A sheet, each digit in a box. Read: 70 / 2. Found but not read, in dashed boxes: none."


def test_what_was_not_read_differs_by_more_than_its_colour_and_is_counted(shown_sheet):
    ax, text = shown_sheet(mark((20, 60, 50, 110), 7), mark((80, 85, 120, 90), None))
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    assert ax.lines[0].get_color() != ax.lines[1].get_color()
    assert [label.get_text() for label in ax.texts] == ["7", "?"]
    assert ax.get_title() == "read: 7   not read: 1"
    assert "Read: 7. Found but not read, in dashed boxes: 1." in text


def test_a_sheet_of_which_nothing_was_read(shown_sheet):
    ax, text = shown_sheet(mark((80, 85, 120, 90), None))
    assert ax.get_title() == "read: nothing   not read: 1" and "Read: nothing." in text


def test_what_stands_above_a_box_at_the_upper_edge_is_seen(shown_sheet):
    ax, _ = shown_sheet(mark((20, 0, 50, 40), None))
    assert ax.texts[0].get_position()[1] > 10


def test_a_full_page_has_small_labels_and_a_short_title(shown_sheet):
    row = [mark((4 * x, 20, 4 * x + 3, 26), 5) for x in range(95)]
    ax, text = shown_sheet(*row, *(own._replace(line=1) for own in row))
    assert ax.texts[0].get_size() < 7 and len(ax.get_title()) < 100 and 190 * "5" in text.replace(" / ", "")


# The drawing pad


@pytest.fixture
def watched(monkeypatch):
    monkeypatch.setattr(drawing, "is_watched", lambda: True)


def test_without_a_person_there_is_no_pad(monkeypatch, capsys):
    monkeypatch.setattr(drawing, "is_watched", lambda: False)
    drawing.drawing_pad(None)
    assert capsys.readouterr().out.startswith("Nobody is watching")


def test_without_ipycanvas_a_line_says_how_to_get_it(watched, monkeypatch, capsys):
    monkeypatch.setattr(drawing.importlib.util, "find_spec", lambda name: None)
    drawing.drawing_pad(None)
    assert '".[draw]"' in capsys.readouterr().out


class Widget:
    """Stands for any widget: keeps what it was made with, and the functions that it would call."""

    def __init__(self, *children, **options):
        self.children, self.drawn = children, []
        vars(self).update(options)

    def __getattr__(self, name):
        if name.startswith("on_"):
            return lambda function: setattr(self, name[3:], function)
        if name in ("clear", "fill_circle", "stroke_line"):
            return lambda *places: self.drawn.append((name, places))
        raise AttributeError(name)


@pytest.fixture
def pad(monkeypatch):
    """The pad with widgets that only keep what happens to them: canvas, bars, pen and the button to clear."""
    html = lambda value: Widget(value=value)  # noqa: E731
    widgets = SimpleNamespace(HTML=html, Button=Widget, HBox=Widget, IntSlider=Widget, VBox=Widget)
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    monkeypatch.setitem(sys.modules, "ipycanvas", SimpleNamespace(Canvas=Widget))
    (top, bottom) = drawing._pad(load_run(REFERENCE_DIR).model).children[0]
    return SimpleNamespace(
        canvas=top.children[0][0], bars=top.children[0][1], pen=bottom.children[0][0], clear=bottom.children[0][1]
    )


def draw(pad, *strokes):
    for (x, y), *rest in strokes:
        pad.canvas.mouse_down(x, y)
        for x, y in rest:
            pad.canvas.mouse_move(x, y)
        pad.canvas.mouse_up(x, y)


def said(pad):
    return re.search('class="lesson-prediction".*?<b>(.*?)</b>', pad.bars.value)[1]


def test_the_pad_reads_what_is_drawn(pad):
    assert said(pad) == "draw a digit"
    draw(pad, [(80, 60), (200, 60), (130, 240)])
    assert said(pad).startswith("prediction: 7 (")
    widths = [int(width) for width in re.findall(r"width:(\d+)px;height:14px", pad.bars.value)]
    assert len(widths) == 10 and widths.index(max(widths)) == 7 and sum(widths) == pytest.approx(160, abs=8)
    percents = [int(percent) for percent in re.findall(r">(\d+)%</span>", pad.bars.value)]
    assert len(percents) == 10 and sum(percents) == pytest.approx(100, abs=5), "each bar says its number"
    assert 'role="status"' in pad.bars.value, "or a screen reader does not say the prediction"


def test_the_bars_move_while_drawing(pad):
    pad.canvas.mouse_down(140, 40)
    pad.canvas.mouse_move(140, 240)
    assert said(pad).startswith("prediction: ")


def test_the_canvas_shows_what_the_pen_draws(pad):
    pad.pen.value = 30
    draw(pad, [(80, 60), (200, 60), (130, 240)], [(20, 30)])
    assert pad.canvas.drawn == [
        ("fill_circle", (80, 60, 15)),
        ("stroke_line", (80, 60, 200, 60)),
        ("stroke_line", (200, 60, 130, 240)),
        ("fill_circle", (20, 30, 15)),
    ]
    assert (pad.canvas.line_width, pad.canvas.line_cap) == (30, "round")


def test_the_digit_is_read_ten_times_a_second_while_the_pen_moves_and_when_it_is_lifted(pad, monkeypatch):
    now, read_at = [100.0], []
    monkeypatch.setattr(drawing, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(drawing, "predict", lambda *_, top: read_at.append(now[0]) or [(1, 1.0)])
    pad.canvas.mouse_down(140, 40)
    for moment in (100.0, 100.04, 100.08, 100.12, 100.2, 100.24):
        now[0] = moment
        pad.canvas.mouse_move(140, 40 + 800 * (moment - 100))
    pad.canvas.mouse_up(140, 240)
    assert read_at == [100.0, 100.12, 100.24, 100.24]


def test_moving_without_pressing_draws_nothing(pad):
    pad.canvas.mouse_move(50, 50)
    pad.canvas.mouse_out(60, 60)
    assert pad.canvas.drawn == [] and said(pad) == "draw a digit"


def test_several_strokes_belong_to_one_digit(pad):
    draw(pad, [(90, 40), (60, 160), (210, 150)], [(170, 80), (165, 250)])
    assert said(pad).startswith("prediction: 4 (")


def test_leaving_the_pad_lifts_the_pen(pad):
    pad.canvas.mouse_down(140, 40)
    pad.canvas.mouse_out(140, 290)
    before = list(pad.canvas.drawn)
    pad.canvas.mouse_move(10, 10)
    assert pad.canvas.drawn == before


def test_a_pad_full_of_ink_is_no_error(pad):
    pad.pen.value = 40
    draw(pad, *[[(x, 0), (x, 280)] for x in range(0, 281, 20)])
    assert said(pad) == "draw a digit"


def test_clear_starts_anew(pad):
    draw(pad, [(60, 40), (60, 240), (220, 240)])
    pad.clear.click(pad.clear)
    assert said(pad) == "draw a digit" and pad.canvas.drawn[-1] == ("clear", ())
    draw(pad, [(140, 40), (140, 240)])
    assert said(pad).startswith("prediction: 1 ("), "the old strokes must be gone"


def test_a_finger_draws_too(pad):
    pad.canvas.touch_start([(140, 40)])
    pad.canvas.touch_move([(140, 240)])
    pad.canvas.touch_end([])
    assert said(pad).startswith("prediction: 1 (")


def test_the_real_widgets_take_what_the_pad_gives_them():
    """The widgets above take anything; these do not."""
    pytest.importorskip("ipycanvas", reason='the optional extra is not installed: python -m pip install -e ".[draw]"')
    canvas, bars = drawing._pad(load_run(REFERENCE_DIR).model).children[0].children
    canvas._handle_frontend_event(None, {"event": "mouse_down", "x": 140, "y": 40, "buttons": 1}, [])
    for y in range(60, 260, 20):
        canvas._handle_frontend_event(None, {"event": "mouse_move", "x": 140, "y": y, "buttons": 1}, [])
    canvas._handle_frontend_event(None, {"event": "mouse_up", "x": 140, "y": 240, "buttons": 0}, [])
    assert "prediction: 1 (" in bars.value
