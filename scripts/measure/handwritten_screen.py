"""Drawings made on a screen, and a large scan: for `handwritten.py`. See `handwritten_layout.py` for inks and looks."""

from __future__ import annotations

import numpy as np
from handwritten_layout import place_on
from handwritten_photo import put_ink
from handwritten_ways import PEN_COLOURS, some_ways, write
from PIL import Image, ImageDraw

CANVASES = {"white": ((1, 1, 1), PEN_COLOURS), "black": ((0, 0, 0), [(1, 1, 1), (1, 1, 1), (1, 0.9, 0.2)])}


def screenshot(inks: list[tuple], height: float, look: dict, rng) -> Image.Image:
    """Return what a drawing program shows: an even canvas, a brush mostly with hard edges, and a tool bar or none."""
    inks, rows, columns, _ = place_on(inks, height, look, rng)
    ground, colours = CANVASES["black" if rng.random() < 0.35 else "white"]
    canvas = np.full((rows, columns, 3), ground, dtype=np.float32)
    colour, smooth = colours[rng.integers(len(colours))], rng.random() < 0.3
    for ink, left, top in inks:
        put_ink(canvas, ink if smooth else (ink > 0.5).astype(np.float32), left, top, colour)
    image = Image.fromarray((255 * canvas).astype(np.uint8))
    if look["tool bar"]:
        bar = rng.integers(24, 60)
        window = Image.new("RGB", (columns, rows + int(bar)), (240, 240, 240) if rng.random() < 0.7 else (45, 45, 48))
        window.paste(image, (0, int(bar)))
        pen = ImageDraw.Draw(window)
        for number in range(rng.integers(4, 12)):
            left, size = 8 + number * bar, bar * 0.5
            shape = [left, bar * 0.25, left + size, bar * 0.25 + size]
            fill = tuple(int(part) for part in rng.integers(0, 256, 3))
            (pen.rectangle, pen.ellipse)[rng.integers(2)](
                shape, fill=fill if rng.random() < 0.6 else None, outline=(110, 110, 110)
            )
        image = window
    return image


def transparent(inks: list[tuple], height: float, look: dict, rng) -> Image.Image:
    """Return a drawing whose ground is transparent, as drawing programs save it."""
    inks, rows, columns, _ = place_on(inks, height, look, rng)
    alpha = np.zeros((rows, columns, 1), dtype=np.float32)
    for ink, left, top in inks:
        put_ink(alpha, ink, left, top, (1,))
    ground, colours = CANVASES["black" if rng.random() < 0.3 else "white"]
    image = np.empty((rows, columns, 4), dtype=np.uint8)
    image[:, :, :3] = 255 * np.array(colours[rng.integers(len(colours))])
    if rng.random() < 0.5:  # many programs keep the colour only where there is ink
        image[:, :, :3] *= alpha > 0
    image[:, :, 3] = 255 * alpha[:, :, 0]
    return Image.fromarray(image)


def tiny(inks: list[tuple], height: float, look: dict, rng) -> Image.Image:
    """Return a picture as small as MNIST's, or a little larger or smaller, bright on dark or dark on bright."""
    (ink, _, _), *_ = inks
    rows = np.flatnonzero((ink > 0.05).any(axis=1))
    ink = ink[rows[0] : rows[-1] + 1]
    side = 28 if rng.random() < 0.5 else int(rng.integers(14, 48))
    ink = Image.fromarray((255 * ink).astype(np.uint8))
    scale = side * rng.uniform(0.65, 0.9) / max(ink.size)
    ink = ink.resize([max(2, round(part * scale)) for part in ink.size], Image.Resampling.BOX)
    image = Image.new("L", (side, side))
    image.paste(ink, [(side - part) // 2 for part in ink.size])
    return image if rng.random() < 0.5 else image.point(lambda value: 255 - value)


def page(rng) -> tuple[Image.Image, list[str]]:
    """Return a scan of 35 megapixels with 60 lines of 40 digits, in two pens."""
    ways, signs = some_ways(rng, 0.2), {}
    for digit in range(10):
        inks = [write(digit, "fineliner" if k % 2 else "ballpoint", 66, rng, ways if k < 4 else None) for k in range(8)]
        signs[digit] = [Image.fromarray((235 * (1 - 0.9 * ink)).astype(np.uint8)) for ink in inks]
    image = Image.new("L", (5000, 7000), 235)
    lines = ["".join(str(digit) for digit in rng.integers(0, 10, 40)) for _ in range(60)]
    for row, line in enumerate(lines):
        for column, sign in enumerate(line):
            own = signs[int(sign)][rng.integers(8)]
            own = own.crop((20, 20, own.width - 20, own.height - 20))
            at = (150 + 115 * column + int(rng.integers(-8, 9)), 200 + 110 * row + int(rng.integers(-6, 7)))
            image.paste(own, at)
    return image, lines
