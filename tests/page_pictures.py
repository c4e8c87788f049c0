"""Pictures of single digits of every kind: what the page in the browser must prepare as Python does."""

from collections.abc import Iterator

import numpy as np
from draw_examples import DIGITS
from handwritten import DIMENSIONS, draw
from PIL import Image

from mnist_lesson.further.drawing import PAD_SIDE, draw_strokes

KINDS = [name for name, (kind, _) in DIMENSIONS.items() if kind == "single"]


def draw_pictures(number: int, first_seed: int = 2000) -> Iterator[tuple[str, int, Image.Image]]:
    """Yield so many pictures, as kind, seed and picture: one of each kind, some drawn on the pad, and again."""
    kinds = [*KINDS, "pad", "pad", "pad"]
    for n in range(number):
        kind, seed = kinds[n % len(kinds)], first_seed + n // len(kinds) * 3 + max(0, n % len(kinds) - len(KINDS))
        yield kind, seed, draw_on_pad(seed) if kind == "pad" else draw(kind, seed)[0]


def draw_on_pad(seed: int) -> Image.Image:
    """Return a drawing of a digit as the pad of notebook 08 hands it over: black on white, (280, 280)."""
    rng = np.random.default_rng(seed)
    ways = DIGITS[int(rng.integers(10))]
    size, place, pen = rng.uniform(80, 240), rng.uniform(0, 40, 2), rng.uniform(4, 40)
    strokes = [[tuple(place + size * np.array(point)) for point in stroke] for stroke in ways[rng.integers(len(ways))]]
    ink = draw_strokes(strokes, PAD_SIDE, PAD_SIDE, pen)
    return Image.fromarray((255 * (1 - ink)).round().astype(np.uint8))
