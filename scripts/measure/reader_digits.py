"""Digits and other things as the reader of handwriting sees them: the images that `train_reader.py` trains it with.

`draw_digits` writes digits in the ways of `reader_ways.py`, `rewrite` writes MNIST's digits again with other pens, and
`draw_others` draws what is no digit. All go the same way into 28 x 28, by `fit_into_20` and `centre`: otherwise the
network could tell them apart by their pens. The same seed gives the same images.

Nothing here is meant to look like a photo. That is what `handwritten.py` is for, and nothing is trained with its photos.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

import numpy as np
import torch
from draw_examples import curve, vary
from others import FAMILIES, draw_ink
from PIL import Image, ImageFilter
from reader_ways import WAYS
from scipy import ndimage

from mnist_lesson.further.drawing import draw_strokes
from mnist_lesson.further.handwriting import centre, fit_into_20

LARGE = 84  # pixels: three times MNIST's 28


def draw_digits(number: int, seed: int, ways: dict = WAYS) -> tuple[torch.Tensor, torch.Tensor]:
    """Write digits with pens of all kinds, as many of each. Return images, uint8, (number, 1, 28, 28), and labels."""
    rng = np.random.default_rng(seed)
    labels = torch.arange(number) % 10
    images = []
    for digit in labels.tolist():
        strokes = ways[digit][rng.choice(list(ways[digit]))]
        lines = bend([np.array(curve(points)) for points in vary(strokes, rng)], rng)
        if rng.random() < 0.08:  # a mark that does not belong to it: the end of a printed line, a point, a speck
            lines.append(rng.uniform(-0.15, 1.15, 2) + [(0, 0), rng.normal(0, 0.08, 2)])
        images.append(write(lines, rng))
    return to_tensor(images), labels


def draw_others(number: int, seed: int, part: str) -> torch.Tensor:
    """Draw things that are no digits, of each family of a part, "train" or "test": uint8, (number, 1, 28, 28)."""
    rng = np.random.default_rng(seed)
    families = [family for family, its_part in FAMILIES.items() if its_part == part]
    inks = (draw_ink(families[i % len(families)], seed * number + i) for i in range(number))
    return to_tensor([as_seen(ink, 8, rng) for ink in inks])


def rewrite(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Write MNIST's images, uint8, (N, 1, 28, 28), again with other pens: thin them to lines, and thicken these."""
    rng = np.random.default_rng(seed)
    written = []
    for some in images[:, 0].split(1000):
        large = [Image.fromarray(image).resize((LARGE, LARGE), Image.Resampling.BICUBIC) for image in some.numpy()]
        for line in thin(np.stack(large) > 100):
            pen = 60 * math.exp(rng.uniform(math.log(0.03), math.log(0.16)))  # a digit is 60 pixels high
            from_line = ndimage.distance_transform_edt(~np.pad(line, 10))
            written.append(as_seen((pen / 2 + 0.5 - from_line).clip(0, 1), pen, rng))
    return to_tensor(written)


def to_tensor(images: list) -> torch.Tensor:
    """Return images, float, (28, 28), 0..1, as one tensor, uint8, (N, 1, 28, 28)."""
    return torch.from_numpy((255 * np.stack(images)).round().astype(np.uint8)).unsqueeze(1)


def bend(lines: list, rng: np.random.Generator) -> list:
    """Widen or narrow lines of a height of about 1, slant them, and bend them smoothly, as an uneven hand does."""
    slanted = np.array([[math.exp(rng.normal(0, 0.2)), 0], [rng.normal(0, 0.15), 1]])
    waves = list(zip(rng.normal(0, 0.04, (3, 2)), rng.normal(0, 4, (3, 2)), rng.uniform(0, 2 * math.pi, 3)))
    return [
        line @ slanted + sum(size * np.sin(line @ rate + phase)[:, None] for size, rate, phase in waves)
        for line in lines
    ]


def write(lines: list, rng: np.random.Generator) -> np.ndarray:
    """Draw lines with some pen and in some size, as the reader sees them: (28, 28), 0..1."""
    points = np.concatenate(lines)
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    longest = math.exp(rng.uniform(math.log(18), math.log(90)))  # pixels
    pen = max(1, longest * math.exp(rng.uniform(math.log(0.02), math.log(0.28))))
    scale, margin = longest / size.max(), pen / 2 + 3
    width, height = (math.ceil(side) for side in size * scale + 2 * margin)
    ink = draw_strokes([(line - low) * scale + margin for line in lines], width, height, pen)
    return as_seen(ink, pen, rng)


def as_seen(ink: np.ndarray, pen: float, rng: np.random.Generator) -> np.ndarray:
    """Return ink, (H, W), 0..1, as the reader sees a picture of it, unsharp and at times faint: (28, 28), 0..1."""
    if rng.random() < 0.3:  # the pen is pressed unevenly, or runs dry
        y, x = np.mgrid[0 : 1 : ink.shape[0] * 1j, 0 : 1 : ink.shape[1] * 1j]
        wave = np.sin(rng.normal(0, 6) * x + rng.normal(0, 6) * y + rng.uniform(0, 2 * math.pi))
        ink = ink * (1 - rng.uniform(0, 0.35) * (1 + wave))
    photo = Image.fromarray((255 * np.pad(ink, 3)).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(pen * rng.uniform(0, 0.4))
    )
    ink = np.asarray(photo, dtype=np.float32)
    ink = ((ink / ink.max() - 0.2) / 0.55).clip(0, 1)  # as `find_ink` does
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return centre(fit_into_20(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))


def thin(shapes: np.ndarray) -> np.ndarray:
    """Thin shapes, bool, (N, H, W), to lines one pixel wide that hang together as the shapes do.

    Source: T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", Communications of
    the ACM 27 (1984), 236-239.
    """
    shapes = np.pad(shapes, ((0, 0), (1, 1), (1, 1))).astype(np.uint8)
    height, width = shapes.shape[1:]
    inner = shapes[:, 1:-1, 1:-1]
    ways = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))  # once around, from the top
    around = [shapes[:, 1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx] for dy, dx in ways]
    top, _, right, _, below, _, left, _ = around
    changed = True
    while changed:
        changed = False
        # In turn the rim below and at the right, and the opposite one.
        for trios in (((top, right, below), (right, below, left)), ((top, right, left), (top, below, left))):
            neighbours = sum(around)
            from_paper_to_ink = sum(after > before for before, after in zip(around, [*around[1:], top]))
            gone = (inner == 1) & (neighbours >= 2) & (neighbours <= 6) & (from_paper_to_ink == 1)
            for a, b, c in trios:
                gone &= (a & b & c) == 0
            inner[gone] = 0
            changed |= bool(gone.any())
    return inner.astype(bool)
