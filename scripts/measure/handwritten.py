"""Draw photos, scans and drawings of handwritten digits, hard where real ones are hard: what `prepare` is judged by.

`draw(dimension, seed)` gives a picture and the digits in it, line by line; the same seed gives the same picture. Each
dimension is a plain picture with one difficulty, named in DIMENSIONS: a "single" digit, a "sheet", or a large "page".
See `measure_handwriting.py` for how well they are read. Nothing here was photographed, so good numbers here are
needed for good numbers with real pictures, but they do not prove them.
"""

from __future__ import annotations

import math
import re

import numpy as np
from handwritten_layout import lay_out, place_on
from handwritten_photo import (
    blur_motion,
    finish,
    fold,
    glare,
    lay_object,
    light,
    paper,
    print_lines,
    put_ink,
    shade,
    warp,
)
from handwritten_screen import page, screenshot, tiny, transparent
from handwritten_ways import PEN_COLOURS, smooth_noise
from PIL import Image, ImageFilter

CHALKS = [(0.95, 0.95, 0.92), (0.95, 0.95, 0.92), (0.95, 0.9, 0.6)]
BOARDS = {"chalkboard": ((0.2, 0.27, 0.23), CHALKS), "whiteboard": ((0.82, 0.84, 0.85), PEN_COLOURS)}
PICTURES = {"screen": screenshot, "transparent": transparent, "tiny": tiny}  # all other media are photographed
PATTERNS = [
    "##.##.20##",
    "##/##/##",
    "20##-##-##",
    "0###-######",
    "0## / ### ## ##",
    "##:##",
    "## ### ####",
    "####-####",
]

# A plain picture; each dimension changes some of this. Pairs are ranges.
PLAIN = {
    "medium": "paper",  # or chalkboard, whiteboard, cropped, screen, transparent, tiny
    "pens": ("ballpoint", "fineliner", "felt", "marker"),
    "mixed": False,  # a pen for each digit, instead of one for all
    "rare": 0.2,  # share of digits that strokes write in a rare way; None: all are, and no MNIST image is used
    "mouse": False,  # written with a mouse
    "size": 1,  # of the writing on its sheet
    "around": (0.3, 1.4),  # it, in heights of a digit
    "heights": (0.9, 1.1),  # of the digits
    "tall": "",  # digits that are far higher than the others
    "lines": (1, 2),  # at least, fewer than
    "rise": (-1, 1.5),  # degrees
    "up and down": 0.03,  # how far a digit is off the line, in heights
    "gap": (0.15, 0.4),  # between digits, in heights
    "text": "number",  # or marks: dates and phone numbers
    "boxes": False,
    "printed": "",  # ruled, squared, askew, dotted, margin
    "folds": False,
    "table": "",  # strip, around, most, tilted, perspective: see warp
    "object": "",  # pencil, hand, finger, dark
    "shadow": "",  # hard, soft
    "light": (0, 0.3),
    "exposure": (0.85, 1.05),
    "grain": (1, 5),
    "blur": (0, 0.01),  # radius, in heights
    "motion": (0, 0),  # in heights
    "quality": (70, 95),
    "tool bar": False,
}

BOTH = {  # for a digit and for a sheet
    "plain": {},
    "rare ways to write": {"rare": None},
    "uneven pressure": {"pens": ("uneven ballpoint",)},
    "pale pencil": {"pens": ("pale pencil",), "grain": (1, 3)},
    "pencil in the corner": {"object": "pencil"},
    "hand at the edge": {"object": "hand"},
    "finger at the edge": {"object": "finger"},
    "dark object in the corner": {"object": "dark"},
    "table strip at the edge": {"table": "strip"},
    "table around": {"table": "around"},
    "table fills most": {"table": "most"},
    "tilted on a table": {"table": "tilted"},
    "perspective": {"table": "perspective"},
    "ruled paper": {"printed": "ruled"},
    "squared paper": {"printed": "squared"},
    "small squares, askew": {"printed": "askew"},
    "dotted paper": {"printed": "dotted"},
    "red margin line": {"printed": "margin"},
    "in boxes": {"boxes": True},
    "hard shadow": {"shadow": "hard"},
    "soft shadow": {"shadow": "soft", "light": (0.2, 0.4)},
    "folds": {"folds": True},
    "JPEG quality 30": {"quality": (30, 31)},
    "motion blur": {"motion": (0.06, 0.14)},
    "out of focus": {"blur": (0.03, 0.06)},
    "low light": {"exposure": (0.25, 0.45), "grain": (7, 14), "light": (0.2, 0.5)},
    "chalkboard": {"medium": "chalkboard", "pens": ("chalk",)},
    "whiteboard with glare": {"medium": "whiteboard", "pens": ("felt", "fineliner")},
    "scan": {"light": (0, 0.02), "exposure": (1.03, 1.2), "grain": (0, 2), "blur": (0, 0)},
    "small on a large page": {"size": 0.4, "around": (3, 8)},
    "drawing program": {"medium": "screen", "pens": ("brush",), "around": (0.1, 0.8)},
    "drawn with a mouse": {"medium": "screen", "pens": ("brush",), "mouse": True, "around": (0.1, 0.8)},
    "screenshot with tool bar": {"medium": "screen", "pens": ("brush",), "tool bar": True},
    "transparent PNG": {"medium": "transparent", "pens": ("brush", "felt", "fineliner")},
}
SINGLE = {
    "28 x 28 and other tiny ones": {"medium": "tiny", "pens": ("brush", "felt", "fineliner")},
    "cropped to its box": {"medium": "cropped"},
}
SHEET = {
    "felt, ballpoint and pencil": {"pens": ("felt", "ballpoint", "pencil", "marker"), "mixed": True},
    "faint ballpoint beside felt": {"pens": ("felt", "faint ballpoint", "faint ballpoint"), "mixed": True},
    "tall 7 and 4": {"tall": "47", "heights": (0.7, 0.9)},
    "a line that rises or falls": {"rise": (4, 14)},
    "two or three lines, askew": {"rise": (3, 8), "lines": (2, 4)},
    "two or three lines": {"lines": (2, 4)},
    "touching digits": {"gap": (-0.06, 0.25)},
    "dates and phone numbers": {"text": "marks"},
    "far apart, up and down": {"gap": (0.5, 2), "up and down": 0.15},
    "larger and smaller digits": {"heights": (0.6, 1.4)},
    "a wide strip": {"around": (0.1, 0.4)},
}

# name -> (kind, what differs from a plain picture)
DIMENSIONS = {f"digit: {name}": ("single", settings) for name, settings in {**BOTH, **SINGLE}.items()}
DIMENSIONS |= {f"sheet: {name}": ("sheet", settings) for name, settings in {**BOTH, **SHEET}.items()}
DIMENSIONS |= {"digit: three at once": ("single", None), "sheet: three at once": ("sheet", None)}
DIMENSIONS |= {"page: 60 lines of 40": ("page", {})}


def draw(dimension: str, seed: int) -> tuple[Image.Image, list[str]]:
    """Return a picture and its lines of digits, such as ["7"] or ["0815", "42"]."""
    kind, settings = DIMENSIONS[dimension]
    rng = np.random.default_rng([seed, *dimension.encode()])
    if kind == "page":
        return page(rng)
    look = {**PLAIN, **(three_at_once(kind, rng) if settings is None else settings)}
    text = [str(rng.integers(10))] if kind == "single" else some_text(look, rng)
    inks, height = lay_out(text, look, rng)
    picture = PICTURES.get(look["medium"], photo)(inks, height, look, rng)
    return picture, ["".join(filter(str.isdigit, line)) for line in text]


def three_at_once(kind: str, rng) -> dict:
    """Return the settings of three difficulties that a photo of paper can have together."""
    own = [settings for own, settings in DIMENSIONS.values() if own == kind and settings and "medium" not in settings]
    chosen, number = {}, 0
    while number < 3:
        settings = own[rng.integers(len(own))]
        if not set(settings) & set(chosen):
            chosen, number = chosen | settings, number + 1
    return chosen


def some_text(look: dict, rng) -> list[str]:
    """Return what stands on a sheet, line by line; a blank is a gap."""
    if look["text"] == "marks":
        pattern = PATTERNS[rng.integers(len(PATTERNS))]
        return [re.sub("#", lambda _: str(rng.integers(10)), pattern)]
    digits = "0123456789" + (look["tall"] and 2 * look["tall"] + "0022")
    lines = []
    for _ in range(rng.integers(*look["lines"])):
        lines.append("".join(digits[rng.integers(len(digits))] for _ in range(rng.integers(4, 12))))
    return lines


def photo(inks: list[tuple], height: float, look: dict, rng) -> Image.Image:
    """Return a photo of a sheet or a board."""
    inks, rows, columns, base = place_on(inks, height, look, rng)
    board, colours = BOARDS.get(look["medium"], (None, PEN_COLOURS))
    sheet = paper(rows, columns, rng, board)
    if look["medium"] == "chalkboard":  # what was wiped off
        sheet *= rng.uniform(0.5, 1.3)
        sheet += 0.16 * rng.random() * smooth_noise((rows, columns), columns / 5, rng)[:, :, None] ** 2
    if look["printed"]:
        print_lines(sheet, look["printed"], base, height, rng)
    where = np.zeros((rows, columns, 1), dtype=np.float32)
    colour = colours[rng.integers(len(colours))]
    for ink, left, top in inks:
        put_ink(sheet, ink, left, top, colours[rng.integers(len(colours))] if look["mixed"] else colour)
        put_ink(where, ink, left, top, (1,))
    if look["folds"]:
        fold(sheet, rng)
    where = where[:, :, 0]
    if look["table"]:
        sheet, where = warp(sheet, where, look["table"], rng)
    light(sheet, rng, rng.uniform(*look["light"]))
    if look["shadow"]:
        shade(sheet, rng, hard=look["shadow"] == "hard")
    if look["object"]:
        lay_object(sheet, where, look["object"], rng)
    if look["medium"] == "whiteboard":
        glare(sheet, where, rng)
    sheet *= rng.uniform(*look["exposure"])
    image = Image.fromarray((255 * sheet).clip(0, 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(max(0.5, height * rng.uniform(*look["blur"]))))
    if look["motion"][1]:
        image = blur_motion(image, height * rng.uniform(*look["motion"]), rng)
    if look["medium"] == "cropped":
        image = image.crop(Image.fromarray((where > 0.3).astype(np.uint8)).getbbox())
    most = 4000 if rng.random() < 0.12 else 1500
    larger = max(1, 600 / max(image.size)) * math.exp(rng.uniform(0, math.log(most / 600)))
    larger = 1 if look["medium"] == "cropped" else min(larger, most / max(image.size))
    return finish(
        np.asarray(image, dtype=np.float32) / 255,
        rng,
        rng.uniform(*look["grain"]),
        int(rng.integers(*look["quality"])),
        larger,
    )
