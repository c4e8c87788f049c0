"""How people write digits, and what their pens leave on paper: the ink of `handwritten.py`.

A digit is either one of the 5,000 training images that are held out (`hold_out`: the reader was not trained with them,
but the reference network was), or strokes, in one of many ways to write it. Both become a map of distances from the
line that the pen followed, so that any pen can draw them in any size, with uneven pressure, as a hand does.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

import numpy as np
from draw_examples import DIGITS, curve
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

SIDE = 128  # pixels of the map for the height of a digit
MARGIN = 48  # around it: room for a thick pen

RING = [(0.5, 0.0), (0.15, 0.25), (0.1, 0.6), (0.4, 1.0), (0.75, 0.85), (0.88, 0.45), (0.75, 0.1), (0.5, 0.0)]

# Ways that many people have and MNIST has seldom or never, as points along the strokes: see draw_examples.DIGITS.
RARE_WAYS = {
    0: {
        "slashed": [RING, [(0.95, 0.02), (0.5, 0.5), (0.05, 0.98)]],
        "open at the top": [[(0.42, 0.0), (0.15, 0.3), (0.15, 0.7), (0.45, 1.0), (0.8, 0.75), (0.82, 0.35), (0.62, 0.03)]],
        "narrow": [[(0.5, 0.0), (0.34, 0.3), (0.34, 0.7), (0.5, 1.0), (0.67, 0.7), (0.67, 0.3), (0.52, 0.0)]],
        "looped": [[(0.5, 0.03), (0.15, 0.3), (0.15, 0.7), (0.45, 1.0), (0.82, 0.75), (0.82, 0.3), (0.55, 0.02), (0.4, 0.06), (0.5, 0.16), (0.75, 0.05)]],
    },
    1: {
        "long upstroke": [[(0.1, 0.52), (0.35, 0.27), (0.58, 0.0), (0.58, 0.0), (0.57, 0.5), (0.56, 1.0)]],
        "very long upstroke": [[(0.05, 0.75), (0.35, 0.35), (0.6, 0.0), (0.6, 0.0), (0.59, 0.5), (0.58, 1.0)]],
        "foot": [[(0.3, 0.2), (0.52, 0.0), (0.52, 0.0), (0.52, 0.5), (0.52, 1.0)], [(0.2, 1.0), (0.5, 0.99), (0.82, 1.0)]],
    },
    2: {
        "looped": [[(0.15, 0.25), (0.4, 0.0), (0.75, 0.15), (0.65, 0.5), (0.3, 0.92), (0.12, 0.88), (0.2, 0.72), (0.45, 0.8), (0.65, 0.97), (0.92, 0.9)]],
        "wide foot": [[(0.1, 0.15), (0.4, 0.0), (0.68, 0.15), (0.6, 0.45), (0.05, 1.0), (0.05, 1.0), (0.5, 0.98), (1.0, 1.0)]],
    },
    3: {
        "round": [[(0.12, 0.15), (0.45, 0.0), (0.8, 0.2), (0.72, 0.42), (0.5, 0.49), (0.8, 0.58), (0.88, 0.8), (0.5, 1.0), (0.1, 0.85)]],
        "flat top": [[(0.15, 0.02), (0.5, 0.02), (0.82, 0.0), (0.82, 0.0), (0.6, 0.22), (0.42, 0.4), (0.42, 0.4), (0.75, 0.45), (0.85, 0.75), (0.55, 1.0), (0.12, 0.88)]],
        "small loop": [[(0.15, 0.12), (0.5, 0.0), (0.78, 0.2), (0.5, 0.46), (0.38, 0.52), (0.42, 0.42), (0.6, 0.47), (0.85, 0.7), (0.55, 1.0), (0.12, 0.9)]],
    },
    4: {
        "triangle": [[(0.68, 1.0), (0.68, 0.5), (0.68, 0.0), (0.68, 0.0), (0.38, 0.33), (0.05, 0.7), (0.05, 0.7), (0.5, 0.7), (0.98, 0.7)]],
        "narrow triangle": [[(0.6, 1.0), (0.6, 0.5), (0.6, 0.0), (0.6, 0.0), (0.4, 0.3), (0.22, 0.62), (0.22, 0.62), (0.5, 0.62), (0.8, 0.62)]],
        "open, square": [[(0.15, 0.02), (0.15, 0.3), (0.15, 0.55), (0.15, 0.55), (0.5, 0.55), (0.9, 0.55)], [(0.72, 0.0), (0.72, 0.5), (0.72, 1.0)]],
        "round": [[(0.2, 0.0), (0.13, 0.3), (0.3, 0.55), (0.6, 0.5), (0.78, 0.35)], [(0.8, 0.0), (0.77, 0.5), (0.74, 1.0)]],
    },
    5: {
        "bar apart": [[(0.3, 0.08), (0.27, 0.25), (0.25, 0.45), (0.25, 0.45), (0.55, 0.38), (0.82, 0.65), (0.55, 0.98), (0.12, 0.9)], [(0.38, 0.0), (0.65, -0.01), (0.95, -0.02)]],
        "like an S": [[(0.85, 0.03), (0.5, 0.0), (0.25, 0.18), (0.35, 0.42), (0.7, 0.58), (0.78, 0.82), (0.45, 1.0), (0.12, 0.92)]],
    },
    6: {
        "narrow": [[(0.58, 0.0), (0.42, 0.25), (0.35, 0.6), (0.38, 0.9), (0.5, 1.0), (0.64, 0.9), (0.64, 0.68), (0.5, 0.6), (0.37, 0.72)]],
        "round": [[(0.62, 0.0), (0.3, 0.25), (0.1, 0.65), (0.3, 0.97), (0.65, 0.98), (0.88, 0.75), (0.7, 0.5), (0.35, 0.5), (0.13, 0.7)]],
        "open": [[(0.6, 0.0), (0.3, 0.35), (0.2, 0.75), (0.42, 1.0), (0.72, 0.85), (0.68, 0.6), (0.45, 0.62)]],
    },
    7: {
        "bar": [[(0.08, 0.02), (0.5, 0.02), (0.9, 0.0), (0.9, 0.0), (0.62, 0.45), (0.45, 1.0)], [(0.3, 0.52), (0.55, 0.5), (0.85, 0.5)]],
        "hook": [[(0.1, 0.22), (0.12, 0.05), (0.12, 0.05), (0.5, 0.04), (0.9, 0.02), (0.9, 0.02), (0.62, 0.5), (0.5, 1.0)]],
        "hook and bar": [[(0.08, 0.2), (0.12, 0.03), (0.12, 0.03), (0.5, 0.05), (0.9, 0.0), (0.9, 0.0), (0.6, 0.5), (0.5, 1.0)], [(0.32, 0.5), (0.58, 0.47), (0.88, 0.45)]],
        "curved": [[(0.1, 0.1), (0.3, 0.02), (0.6, 0.08), (0.88, 0.02), (0.88, 0.02), (0.6, 0.3), (0.5, 0.65), (0.52, 1.0)]],
    },
    8: {
        "two rings": [
            [(0.5, 0.0), (0.27, 0.1), (0.27, 0.36), (0.5, 0.47), (0.73, 0.36), (0.73, 0.1), (0.5, 0.0)],
            [(0.5, 0.47), (0.2, 0.6), (0.2, 0.88), (0.5, 1.0), (0.8, 0.88), (0.8, 0.6), (0.5, 0.47)],
        ],
        "open at the top": [[(0.78, 0.02), (0.5, 0.02), (0.25, 0.15), (0.35, 0.38), (0.68, 0.6), (0.75, 0.85), (0.45, 1.0), (0.2, 0.82), (0.4, 0.55), (0.68, 0.35), (0.85, 0.1)]],
        "narrow": [[(0.6, 0.1), (0.5, 0.0), (0.38, 0.14), (0.46, 0.38), (0.6, 0.62), (0.6, 0.88), (0.5, 1.0), (0.38, 0.86), (0.45, 0.6), (0.58, 0.36), (0.6, 0.12)]],
    },
    9: {
        "straight": [[(0.75, 0.2), (0.48, 0.0), (0.2, 0.22), (0.4, 0.48), (0.75, 0.25), (0.78, 0.05), (0.78, 0.05), (0.77, 0.5), (0.76, 1.0)]],
        "curled": [[(0.8, 0.22), (0.5, 0.0), (0.22, 0.22), (0.42, 0.48), (0.76, 0.28), (0.8, 0.2), (0.78, 0.7), (0.5, 1.0), (0.18, 0.85)]],
        "ring and stick": [[(0.48, 0.0), (0.2, 0.12), (0.2, 0.38), (0.48, 0.5), (0.76, 0.38), (0.76, 0.12), (0.48, 0.0)], [(0.78, 0.15), (0.75, 0.6), (0.6, 1.0)]],
    },
}  # fmt: skip

# Where thick strokes of an MNIST image have filled these loops, its middle line is no longer that digit.
HOLES = {0: 1, 6: 1, 8: 2, 9: 1}

# What stands between digits.
MARKS = {
    "-": [[(0.0, 0.55), (0.2, 0.54), (0.4, 0.55)]],
    ".": [[(0.02, 0.97), (0.04, 0.98), (0.06, 0.99)]],
    "/": [[(0.5, -0.05), (0.3, 0.5), (0.1, 1.05)]],
    ":": [[(0.03, 0.35), (0.04, 0.36), (0.05, 0.38)], [(0.03, 0.85), (0.04, 0.86), (0.05, 0.88)]],
}

# Pens: width as a share of the height of a digit, darkness, how much the pressure varies, grain; each from, to.
PENS = {
    "ballpoint": ((0.025, 0.045), (0.6, 0.9), (0.1, 0.4), 0.15),
    "faint ballpoint": ((0.02, 0.035), (0.3, 0.5), (0.3, 0.5), 0.25),
    "uneven ballpoint": ((0.025, 0.04), (0.7, 0.9), (0.6, 0.85), 0.25),
    "fineliner": ((0.04, 0.065), (0.85, 0.97), (0.0, 0.1), 0.0),
    "felt": ((0.08, 0.13), (0.85, 0.97), (0.0, 0.15), 0.0),
    "marker": ((0.13, 0.2), (0.9, 0.98), (0.0, 0.05), 0.0),
    "pencil": ((0.03, 0.055), (0.45, 0.7), (0.2, 0.5), 0.5),
    "pale pencil": ((0.03, 0.05), (0.17, 0.3), (0.2, 0.45), 0.4),
    "chalk": ((0.06, 0.12), (0.7, 0.95), (0.2, 0.5), 0.55),
    "brush": ((0.06, 0.18), (1.0, 1.0), (0.0, 0.0), 0.0),
}

PEN_COLOURS = [(0.06, 0.06, 0.08), (0.06, 0.06, 0.08), (0.08, 0.15, 0.5), (0.1, 0.2, 0.6), (0.6, 0.1, 0.12)]


def write(digit: int | str, pen: str, height: float, rng, ways: dict | None = None, mouse: bool = False) -> np.ndarray:
    """Return one digit or mark as ink: float, (H, W), 0..1, `height` pixels high plus an empty margin on each side.

    `ways` says for each digit the strokes to write it with; without it, an MNIST image gives the line.
    `mouse`: written with a mouse, which is hard to lead.
    """
    if isinstance(digit, str):
        distance = from_strokes(MARKS[digit], rng, wobble=0)
    elif ways:
        distance = from_strokes(ways[digit], rng, mouse=mouse)
    else:
        distance = from_mnist(digit, rng, solid=pen in ("felt", "marker", "brush") and rng.random() < 0.5)
    (width, darkness, uneven, grain) = PENS[pen]
    drawn = max(height, 48)  # a smaller digit is drawn larger and then reduced, which makes smooth edges
    distance = resize(distance, drawn / SIDE) * (drawn / SIDE)  # in pixels
    pressure = 1 - rng.uniform(*uneven) * smooth_noise(distance.shape, drawn * rng.uniform(0.15, 0.4), rng)
    radius = drawn * rng.uniform(*width) / 2 * (0.6 + 0.4 * pressure)
    ink = (radius - distance + 0.5).clip(0, 1) * pressure * rng.uniform(*darkness)
    if grain:
        ink *= 1 - grain * smooth_noise(ink.shape, 1.2, rng)
    return resize(ink, height / drawn).clip(0, 1)


def from_strokes(strokes: list, rng, wobble: float = 0.02, mouse: bool = False) -> np.ndarray:
    """Return how far each pixel is from the strokes, after a wave has bent them a little, as another hand would."""
    image = Image.new("1", (SIDE + 2 * MARGIN, SIDE + 2 * MARGIN))
    draw = ImageDraw.Draw(image)
    waves, phase = rng.uniform(-5, 5, (2, 2)), rng.uniform(0, 6.3, 2)
    width, slant = rng.uniform(0.8, 1.05), rng.normal(0, 0.08)
    for points in strokes:
        line = np.array(curve(points))
        line += wobble * np.sin(line @ waves + phase)
        if mouse:  # straight from point to point, and none is quite where it should be
            line = line[np.linspace(0, len(line) - 1, max(2, len(line) // rng.integers(4, 9))).round().astype(int)]
            line += rng.normal(0, 0.012, line.shape)
        line[:, 0] = width * (line[:, 0] - 0.5) - slant * (line[:, 1] - 0.5) + 0.5
        draw.line([(MARGIN + SIDE * x, MARGIN + SIDE * y) for x, y in line], fill=1)
    return ndimage.distance_transform_edt(~np.asarray(image)).astype(np.float32)


def from_mnist(digit: int, rng, solid: bool) -> np.ndarray:
    """Return how far each pixel is from the line of an MNIST image; if `solid`, from its edge, negative inside."""
    images, holes = held_out()[digit], 0 if solid else HOLES.get(digit, 0)
    side = round(28 * SIDE / 20)
    while True:
        image = Image.fromarray(images[rng.integers(len(images))])
        image = image.resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(0.02 * SIDE))
        is_ink = np.asarray(image) > rng.uniform(90, 140)
        if ndimage.label(~is_ink)[1] > holes:  # the ground around the digit counts too
            break
    pieces, _ = ndimage.label(is_ink, np.ones((3, 3)))
    pixels = np.bincount(pieces[is_ink])
    is_ink &= (pixels > pixels.max() / 10)[pieces]  # some images hold a speck
    is_ink = np.pad(is_ink, MARGIN - round(4 * SIDE / 20))
    if solid:  # a radius of about a felt pen's leaves the shape as it is
        outside, inside = ndimage.distance_transform_edt(~is_ink), ndimage.distance_transform_edt(is_ink)
        return (outside - inside + 0.05 * SIDE).astype(np.float32)
    return ndimage.distance_transform_edt(~thin(is_ink)).astype(np.float32)


@cache
def held_out() -> dict[int, np.ndarray]:
    """Return the held-out images for each digit, uint8, (N, 28, 28)."""
    from mnist_lesson.further.recipes import hold_out, load_tensors

    _, (images, labels) = hold_out(*load_tensors(train=True))
    return {digit: (255 * images[labels == digit, 0]).byte().numpy() for digit in range(10)}


def thin(shape: np.ndarray) -> np.ndarray:
    """Return the middle line of a shape, one pixel wide.

    Source: T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns" (1984).
    """
    shape = np.pad(shape, 1).astype(np.int8)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            y, x = shape.nonzero()
            around = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
            p = [shape[y + dy, x + dx] for dy, dx in around]
            neighbours = sum(p)
            crossings = sum((a == 0) & (b == 1) for a, b in zip(p, [*p[1:], p[0]]))
            north, east, south, west = p[0::2]
            sides = (north * east * south == 0) & (east * south * west == 0)
            if not first:
                sides = (north * east * west == 0) & (north * south * west == 0)
            remove = (neighbours >= 2) & (neighbours <= 6) & (crossings == 1) & sides
            shape[y[remove], x[remove]] = 0
            changed |= bool(remove.any())
    return shape[1:-1, 1:-1] > 0


def smooth_noise(shape: tuple, size: float, rng) -> np.ndarray:
    """Return noise that changes over about `size` pixels: float, 0..1, `shape`."""
    small = [max(2, round(side / size)) for side in shape]
    image = Image.fromarray(rng.random(small, dtype=np.float32))
    return np.asarray(image.resize(shape[::-1], Image.Resampling.BICUBIC)).clip(0, 1)


def resize(values: np.ndarray, scale: float) -> np.ndarray:
    """Return an image of floats, this many times as large."""
    size = [max(1, round(side * scale)) for side in values.shape[::-1]]
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BICUBIC))


def some_ways(rng, rare: float) -> dict:
    """Return how one person writes each digit; `rare` is the share of digits with a rare way."""
    ways = {}
    for digit, usual in DIGITS.items():
        choices = list(RARE_WAYS[digit].values()) if rng.random() < rare else usual
        ways[digit] = choices[rng.integers(len(choices))]
    return ways
