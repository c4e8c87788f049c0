"""Pictures of digits to read, drawn with the mouse or made out of MNIST images, and sheets with what was read.

More helpers of notebook 08.
"""

import importlib.util
import itertools
import math
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn as nn
from PIL import Image, ImageDraw

from mnist_lesson.further.handwriting import prepare
from mnist_lesson.further.sheets import Found
from mnist_lesson.plots import BLUE, RED, show
from mnist_lesson.progress import is_watched
from mnist_lesson.results import predict

PAD_SIDE = 280  # pixels of the drawing pad, on each side
EXAMPLES_DIR = Path(__file__).resolve().parents[2] / "notebooks" / "images"

Strokes = Sequence[Sequence[tuple[float, float]]]  # each stroke: the points that the pen went through, x and y


def draw_strokes(strokes: Strokes, width: int, height: int, pen_width: float) -> np.ndarray:
    """Return how much ink is on each pixel when a round pen follows the strokes: float, (height, width), 0..1."""
    ink = Image.new("L", (2 * width, 2 * height))  # twice as large and then reduced, which makes smooth edges
    draw, radius = ImageDraw.Draw(ink), max(1, pen_width)
    for points in strokes:
        points = [(2 * x, 2 * y) for x, y in points]
        draw.line(points, fill=255, width=round(2 * radius))
        for x, y in points:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    return np.asarray(ink.reduce(2), dtype=np.float32) / 255


def photograph(ink: np.ndarray, paper: float | np.ndarray, grain: float, rng: np.random.Generator) -> np.ndarray:
    """Return a photo of ink, (H, W), 0..1, on paper: uint8, (H, W).

    `paper` is its brightness, 0 to 255, one number or (H, W). The light comes from a random side: up to a quarter
    brighter there, and as much darker on the opposite side. `grain` is the standard deviation of the noise.
    """
    y, x = np.mgrid[-1 : 1 : len(ink) * 1j, -1 : 1 : len(ink[0]) * 1j]
    angle, strength = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.25)
    light = 1 + strength * (math.cos(angle) * x + math.sin(angle) * y) / math.sqrt(2)
    photo = paper * (1 - ink) * light + rng.normal(0, grain, ink.shape)
    return photo.clip(0, 255).astype(np.uint8)


def photograph_digit(image: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
    """Return a photo of an MNIST image, (1, 28, 28): dark ink somewhere on a sheet of grey paper, uint8, (H, W).

    The image is made 3 to 20 times larger, the sheet up to twice as large as that.
    """
    side = round(28 * rng.uniform(3, 20))
    digit = Image.fromarray((255 * image[0].numpy()).astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    height, width = (round(side * rng.uniform(1.2, 2)) for _ in "hw")
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    ink = np.zeros((height, width))
    ink[top : top + side, left : left + side] = np.asarray(digit) / 255
    return photograph(rng.uniform(0.6, 0.9) * ink, rng.uniform(150, 220), rng.uniform(2, 8), rng)


def show_sheet(grey: np.ndarray, found: Sequence[Found]) -> None:
    """Show a sheet, (H, W), and what `read_sheet` found on it, as it returns both.

    Around each digit is a box, above it what was read. What was found but not read is in a dashed box, under a "?".
    """
    height, width = grey.shape
    scale = min(10 / width, 4 / height)  # inches for a pixel
    _, ax = plt.subplots(figsize=(scale * width, scale * height))
    ax.imshow(grey, cmap="gray", vmin=0, vmax=255)
    ax.axis("off")
    for mark in found:
        left, top, right, bottom = mark.box
        is_read = mark.digit is not None
        colour, line = (BLUE, "-") if is_read else (RED, "--")
        corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
        ax.plot(*corners, line, color=colour, linewidth=1.5)
        size = min(13, max(5, 40 * scale * max(right - left, bottom - top)))  # points: on a full page, small
        style = {"size": size, "color": colour, "weight": "bold", "ha": "center", "va": "bottom"}
        style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        ax.text((left + right) / 2, max(top, height / 14), mark.digit if is_read else "?", **style)
    lines = itertools.groupby((mark for mark in found if mark.digit is not None), key=lambda mark: mark.line)
    read = " / ".join("".join(str(mark.digit) for mark in line) for _, line in lines) or "nothing"
    unread = sum(mark.digit is None for mark in found)
    shown = textwrap.shorten(read, 70, placeholder=" ...")
    ax.set_title(f"read: {shown}" + (f"   not read: {unread}" if unread else ""), fontsize=13)
    show(f"A sheet, each digit in a box. Read: {read}. Found but not read, in dashed boxes: {unread or 'none'}.")


def drawing_pad(model: nn.Module) -> None:
    """Show a field to draw a digit on; bars beside it show the probabilities while you draw.

    It needs a person who watches and the package ipycanvas; otherwise one line says what is missing.
    """
    if not is_watched():
        print("Nobody is watching, so there is no drawing pad here: open this notebook in Jupyter to draw.")
    elif importlib.util.find_spec("ipycanvas") is None:
        print(
            'The drawing pad needs one more package: run python -m pip install -e ".[draw]" in the folder of the '
            "lesson, then restart Jupyter. The rest of this notebook works without it."
        )
    else:
        from IPython.display import display

        display(_pad(model))


def _pad(model: nn.Module):
    """Put the drawing pad together: the canvas, the bars, and below them the pen and a button to clear."""
    from ipycanvas import Canvas
    from ipywidgets import HTML, Button, HBox, IntSlider, VBox

    canvas = Canvas(width=PAD_SIDE, height=PAD_SIDE, layout={"border": "2px solid black"})
    pen = IntSlider(value=18, min=4, max=40, description="pen width")
    clear = Button(description="clear")
    bars = HTML(_bars(None))
    strokes: list[list[tuple[float, float]]] = []
    state = {"pen is down": False, "read at": 0.0}

    def press(x: float, y: float) -> None:
        state["pen is down"] = True
        strokes.append([(x, y)])
        canvas.fill_circle(x, y, pen.value / 2)

    def move(x: float, y: float) -> None:
        if state["pen is down"]:
            canvas.line_width, canvas.line_cap = pen.value, "round"
            canvas.stroke_line(*strokes[-1][-1], x, y)
            strokes[-1].append((x, y))
            if time.monotonic() - state["read at"] > 0.1:  # the pen moves faster than there is need to read
                read()

    def lift(*place: float) -> None:
        if state["pen is down"]:
            state["pen is down"] = False
            read()

    def read() -> None:
        ink = draw_strokes(strokes, PAD_SIDE, PAD_SIDE, pen.value)
        try:
            bars.value = _bars(predict(prepare(1 - ink), model, top=10))
        except ValueError:  # most of the pad is full of ink
            bars.value = _bars(None)
        state["read at"] = time.monotonic()

    def wipe(button: Button) -> None:
        strokes.clear()
        canvas.clear()
        bars.value = _bars(None)

    canvas.on_mouse_down(press)
    canvas.on_mouse_move(move)
    canvas.on_mouse_up(lift)
    canvas.on_mouse_out(lift)
    canvas.on_touch_start(lambda fingers: press(*fingers[0]))
    canvas.on_touch_move(lambda fingers: move(*fingers[0]))
    canvas.on_touch_end(lambda fingers: lift())
    clear.on_click(wipe)
    return VBox([HBox([canvas, bars]), HBox([pen, clear])])


def _bars(probabilities: list[tuple[int, float]] | None) -> str:
    """Return the probabilities as bars in HTML, and the prediction in words."""
    if probabilities is None:
        text, of = "draw a digit", {}
    else:
        digit, p = probabilities[0]
        text, of = f"prediction: {digit} ({p:.0%})", dict(probabilities)
    rows = "".join(
        f'<div style="display:flex;height:23px;align-items:center"><b style="width:1.5em">{digit}</b>'
        f'<div style="width:{160 * of.get(digit, 0):.0f}px;height:14px;background:#0072B2"></div>'
        f'<span style="margin-left:6px">{of.get(digit, 0):.0%}</span></div>'
        for digit in range(10)
    )
    return f'<div style="margin-left:16px">{rows}<div class="lesson-prediction" role="status"><b>{text}</b></div></div>'
