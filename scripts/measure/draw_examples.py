"""Draw the handwriting examples of notebook 08 into notebooks/images/: python scripts/measure/draw_examples.py

They are synthetic: nobody wrote them. Each starts as a few strokes, points along the way of a pen. Chance
bends, slants, turns and scales them; then they are drawn with one of several pens on one of several papers,
lit from one side, and "photographed". The same seed gives the same examples.

Those in photos/ and hard/, and the newer sheets, are photos that `handwritten.py` draws.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import ROOT, use_lesson_python

SEED = 8
EXAMPLES_PER_DIGIT = 6

# Points along the strokes of each digit, in one or more ways of writing it. x goes to the right, y goes down,
# from 0 to 1; a curve is drawn through them. Where a point comes twice in a row, the curve has a corner.
DIGITS = {
    0: [[[(0.55, 0.02), (0.25, 0.12), (0.12, 0.5), (0.28, 0.92), (0.55, 0.98), (0.8, 0.8), (0.85, 0.4), (0.72, 0.1), (0.5, 0.03)]]],
    1: [
        [[(0.5, 0.0), (0.5, 0.5), (0.49, 1.0)]],
        [[(0.3, 0.25), (0.55, 0.0), (0.55, 0.0), (0.55, 0.5), (0.54, 1.0)]],
    ],
    2: [
        [[(0.18, 0.25), (0.3, 0.05), (0.6, 0.0), (0.8, 0.2), (0.7, 0.5), (0.4, 0.8), (0.15, 0.98), (0.15, 0.98), (0.5, 0.96), (0.88, 0.97)]],
        [[(0.2, 0.2), (0.45, 0.0), (0.75, 0.15), (0.7, 0.45), (0.4, 0.85), (0.2, 0.95), (0.15, 0.82), (0.35, 0.8), (0.6, 0.95), (0.9, 0.92)]],
    ],
    3: [
        [[(0.2, 0.1), (0.5, 0.0), (0.78, 0.15), (0.7, 0.4), (0.42, 0.48), (0.42, 0.48), (0.75, 0.55), (0.85, 0.78), (0.6, 0.98), (0.3, 0.98), (0.15, 0.88)]],
    ],
    4: [
        [[(0.35, 0.0), (0.25, 0.35), (0.15, 0.6), (0.15, 0.6), (0.5, 0.6), (0.88, 0.58)], [(0.7, 0.1), (0.68, 0.55), (0.66, 1.0)]],
        [[(0.62, 1.0), (0.63, 0.5), (0.65, 0.0), (0.65, 0.0), (0.35, 0.4), (0.1, 0.68), (0.1, 0.68), (0.5, 0.67), (0.9, 0.66)]],
    ],
    5: [
        [[(0.28, 0.15), (0.25, 0.3), (0.22, 0.46), (0.22, 0.46), (0.5, 0.38), (0.78, 0.52), (0.82, 0.76), (0.6, 0.97), (0.3, 0.98), (0.14, 0.88)], [(0.28, 0.0), (0.55, -0.01), (0.86, -0.03)]],
        [[(0.85, 0.02), (0.55, 0.02), (0.3, 0.03), (0.3, 0.03), (0.24, 0.42), (0.24, 0.42), (0.55, 0.38), (0.8, 0.58), (0.76, 0.85), (0.5, 0.99), (0.15, 0.9)]],
    ],
    6: [[[(0.7, 0.0), (0.42, 0.18), (0.22, 0.5), (0.2, 0.8), (0.42, 0.99), (0.7, 0.92), (0.78, 0.7), (0.6, 0.52), (0.36, 0.58), (0.22, 0.78)]]],
    7: [
        [[(0.12, 0.05), (0.5, 0.05), (0.85, 0.03), (0.85, 0.03), (0.65, 0.4), (0.45, 1.0)]],
        [[(0.12, 0.06), (0.5, 0.05), (0.85, 0.03), (0.85, 0.03), (0.62, 0.45), (0.42, 1.0)], [(0.35, 0.5), (0.55, 0.5), (0.78, 0.48)]],
    ],
    8: [[[(0.75, 0.15), (0.5, 0.0), (0.25, 0.15), (0.35, 0.38), (0.65, 0.58), (0.8, 0.8), (0.5, 1.0), (0.2, 0.82), (0.32, 0.58), (0.62, 0.38), (0.76, 0.17)]]],
    9: [
        [[(0.78, 0.22), (0.55, 0.02), (0.28, 0.14), (0.24, 0.4), (0.48, 0.5), (0.74, 0.35), (0.78, 0.2), (0.78, 0.2), (0.76, 0.6), (0.68, 1.0)]],
        [[(0.78, 0.22), (0.55, 0.02), (0.28, 0.14), (0.24, 0.4), (0.48, 0.5), (0.74, 0.35), (0.78, 0.2), (0.78, 0.2), (0.78, 0.65), (0.66, 0.93), (0.35, 0.97), (0.2, 0.86)]],
    ],
}  # fmt: skip

# What is no digit: letters that do not look like one, and things that people doodle.
OTHERS = {
    "letter_A": [[(0.05, 1.0), (0.3, 0.5), (0.5, 0.0), (0.5, 0.0), (0.7, 0.5), (0.95, 1.0)], [(0.25, 0.65), (0.5, 0.64), (0.77, 0.65)]],
    "letter_E": [[(0.85, 0.02), (0.2, 0.0), (0.2, 0.0), (0.2, 0.5), (0.18, 1.0), (0.18, 1.0), (0.85, 0.98)], [(0.2, 0.5), (0.45, 0.5), (0.7, 0.5)]],
    "letter_H": [[(0.15, 0.0), (0.15, 0.5), (0.13, 1.0)], [(0.85, 0.0), (0.86, 0.5), (0.85, 1.0)], [(0.15, 0.5), (0.5, 0.5), (0.85, 0.5)]],
    "letter_K": [[(0.2, 0.0), (0.2, 0.5), (0.18, 1.0)], [(0.85, 0.02), (0.5, 0.35), (0.22, 0.55), (0.22, 0.55), (0.5, 0.7), (0.88, 1.0)]],
    "letter_M": [[(0.05, 1.0), (0.1, 0.5), (0.18, 0.0), (0.18, 0.0), (0.5, 0.6), (0.5, 0.6), (0.82, 0.0), (0.82, 0.0), (0.9, 0.5), (0.95, 1.0)]],
    "letter_R": [[(0.2, 1.0), (0.2, 0.5), (0.2, 0.0), (0.2, 0.0), (0.6, 0.0), (0.8, 0.2), (0.65, 0.45), (0.22, 0.5), (0.22, 0.5), (0.5, 0.7), (0.88, 1.0)]],
    "letter_W": [[(0.02, 0.0), (0.15, 0.5), (0.28, 1.0), (0.28, 1.0), (0.5, 0.35), (0.5, 0.35), (0.72, 1.0), (0.72, 1.0), (0.86, 0.5), (0.98, 0.0)]],
    "letter_X": [[(0.1, 0.0), (0.5, 0.5), (0.9, 1.0)], [(0.9, 0.0), (0.5, 0.5), (0.1, 1.0)]],
    "scribble_star": [[(0.2, 1.0), (0.5, 0.0), (0.5, 0.0), (0.8, 1.0), (0.8, 1.0), (0.03, 0.38), (0.03, 0.38), (0.97, 0.38), (0.97, 0.38), (0.2, 1.0)]],
    "scribble_spiral": [[(0.5 + r * math.cos(30 * r), 0.5 + r * math.sin(30 * r)) for r in [k / 80 for k in range(41)]]],
    "scribble_waves": [[(k / 6, 0.5 + 0.2 * (-1) ** k) for k in range(7)]],
    "scribble_tick": [[(0.05, 0.55), (0.35, 0.95), (0.35, 0.95), (0.6, 0.5), (0.95, 0.05)]],
}  # fmt: skip

# Pens: width as a share of the height of the digit, how dark on a scale from 0 to 1, how uneven.
PENS = {
    "ballpoint": (0.03, 0.75, 0.1),
    "felt-tip": (0.09, 0.9, 0.0),
    "marker": (0.15, 0.95, 0.0),
    "pencil": (0.04, 0.5, 0.35),
}

# Papers: brightness, grain and colour. "lines" has faint printed lines, "blackboard" is turned into its negative.
PAPERS = {
    "white": (235, 2, (1.0, 1.0, 1.0)),
    "grey": (170, 4, (1.0, 1.0, 1.0)),
    "yellowish": (215, 3, (1.0, 0.95, 0.8)),
    "lines": (230, 2, (0.97, 0.98, 1.0)),
    "blackboard": (195, 4, (0.9, 1.0, 0.95)),
}

# What is hard in a photo of a digit, in words of `handwritten.DIMENSIONS`. None was chosen by how well it is read.
PHOTOS = (
    "plain",
    "uneven pressure",
    "pale pencil",
    "pencil in the corner",
    "finger at the edge",
    "hand at the edge",
    "table strip at the edge",
    "tilted on a table",
    "perspective",
    "ruled paper",
    "squared paper",
    "red margin line",
    "in boxes",
    "hard shadow",
    "soft shadow",
    "folds",
    "motion blur",
    "out of focus",
    "chalkboard",
    "whiteboard with glare",
)
PHOTO_SEED = 2000

# name -> what is hard on a sheet, and a seed
SHEETS = {
    "pens": ("sheet: felt, ballpoint and pencil", 2001),
    "ruled": ("sheet: ruled paper", 2002),
    "tilted": ("sheet: tilted on a table", 2002),
}

# What is misread, or was when this was written: such pictures with such seeds.
HARD = {
    "sheet: hard shadow": 2000,
    "sheet: dates and phone numbers": 2000,
    "sheet: finger at the edge": 2001,
    "sheet: in boxes": 2004,
}


def main() -> None:
    use_lesson_python()
    from mnist_lesson.files import write_whole
    from mnist_lesson.further.drawing import EXAMPLES_DIR

    with tempfile.TemporaryDirectory() as folder:
        draw_all(Path(folder))
        drawn = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        for file in drawn:
            target = EXAMPLES_DIR / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, file.read_bytes())
        size = sum(file.stat().st_size for file in drawn)
    print(f"{len(drawn)} files, {size / 1e6:.1f} MB, in {EXAMPLES_DIR.relative_to(ROOT)}")


def draw_all(folder: Path) -> None:
    """Draw all examples into a folder, and store the strokes of ten digits as a drawing pad would keep them."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    pens, papers = list(PENS), list(PAPERS)
    number = 0
    for digit, ways in DIGITS.items():
        for example in range(EXAMPLES_PER_DIGIT):
            # In turn, so that each pen and each paper meets each digit.
            pen, paper = pens[number % len(pens)], papers[number % len(papers)]
            strokes = vary(ways[example % len(ways)], rng)
            picture_of(on_sheet(strokes, rng), pen, paper, rng).save(
                folder / f"digit_{digit}_{example}.jpg", quality=80
            )
            number += 1
    for name, strokes in OTHERS.items():
        picture_of(on_sheet(vary(strokes, rng), rng), pens[number % len(pens)], "white", rng).save(
            folder / f"{name}.jpg", quality=80
        )
        number += 1
    phone, date, touching = [5, 5, 5, 0, 1, 9, 2, 8], [2, 4, "-", 1, 1, "-", 2, 6], [3, 8]
    for name, characters, step in (("phone", phone, 1.15), ("date", date, 1.15), ("touching", touching, 0.62)):
        sheet = row_of(characters, step, rng)
        picture_of(sheet, "felt-tip", "white", rng, height_in_pixels=90).save(folder / f"sheet_{name}.jpg", quality=80)
    drawn = {digit: on_pad(vary(ways[0], rng)) for digit, ways in DIGITS.items()}
    (folder / "strokes.json").write_text(json.dumps(drawn) + "\n", encoding="utf-8", newline="\n")
    draw_photos(folder)


def draw_photos(folder: Path) -> None:
    """Draw photos as people take them. A name in photos/ and hard/ begins with the digits, then says what is hard."""
    from handwritten import draw

    for name in ("photos", "hard"):
        (folder / name).mkdir()
    photos = [("photos", f"digit: {what}", PHOTO_SEED) for what in PHOTOS]
    for name, dimension, seed in photos + [("hard", *item) for item in HARD.items()]:
        picture, lines = draw(dimension, seed)
        what = dimension.partition(": ")[2].replace(" ", "_")
        save_small(picture, folder / name / f"{''.join(lines)}_{what}.jpg")
    for name, (dimension, seed) in SHEETS.items():
        save_small(draw(dimension, seed)[0], folder / f"sheet_{name}.jpg")


def save_small(picture, path: Path) -> None:
    """Save a photo small enough to be committed."""
    picture = picture.convert("RGB")
    picture.thumbnail((640, 480))
    picture.save(path, quality=60)


def vary(strokes: list, rng) -> list:
    """Write the same strokes as another hand would: move each point a little, then slant, widen and turn the whole."""
    import numpy as np

    angle, slant = math.radians(rng.uniform(-15, 15)), rng.normal(0, 0.12)
    width = rng.uniform(0.75, 1.1)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    slanted = turn @ np.array([[width, -slant], [0, 1]])
    moved = {}  # a point that comes twice, for a corner, moves only once
    varied = []
    for points in strokes:
        for point in points:
            moved.setdefault(point, np.array(point) - 0.5 + rng.normal(0, 0.018, 2))
        varied.append([slanted @ moved[point] + 0.5 for point in points])
    return varied


def curve(points: list) -> list:
    """Return many points along a smooth curve through a few.

    Source: E. Catmull and R. Rom, "A class of local interpolating splines", Computer Aided Geometric Design (1974).
    """
    import numpy as np

    points = [np.asarray(point, dtype=float) for point in points]
    around = [points[0], *points, points[-1]]
    line = []
    for before, a, b, after in zip(around, around[1:], around[2:], around[3:]):
        for t in np.linspace(0, 1, 12, endpoint=False):
            line.append(
                a
                + 0.5 * t * (b - before)
                + t**2 * (before - 2.5 * a + 2 * b - 0.5 * after)
                + t**3 * (1.5 * (a - b) + 0.5 * (after - before))
            )
    return [*line, points[-1]]


def on_sheet(strokes: list, rng) -> tuple[list, tuple[float, float]]:
    """Put strokes somewhere on a sheet. Return them and the size of the sheet, in heights of a digit."""
    import numpy as np

    width, height = rng.uniform(1.8, 3.2, size=2)
    place = np.array([rng.uniform(0.4, width - 1.4), rng.uniform(0.4, height - 1.4)])
    return [[point + place for point in points] for points in strokes], (width, height)


def row_of(characters: list, step: float, rng) -> tuple[list, tuple[float, float]]:
    """Write characters in a row. Return all strokes and the size of the sheet, in heights of a digit."""
    import numpy as np

    strokes = []
    for place, character in enumerate(characters):
        dash = [[(0.25, 0.5), (0.5, 0.5), (0.75, 0.5)]]
        ways = [dash] if character == "-" else DIGITS[character]
        at = np.array([0.4 + place * step, 0.5 + rng.normal(0, 0.04)])
        strokes += [[point + at for point in points] for points in vary(ways[0], rng)]
    return strokes, (1.2 + step * len(characters), 2)


def on_pad(strokes: list) -> list:
    """Return strokes as a drawing pad keeps them: whole pixels of its 280 x 280."""
    return [
        [[round(float(x) * 180 + 50), round(float(y) * 180 + 50)] for x, y in curve(points)[::3]] for points in strokes
    ]


def picture_of(sheet: tuple, pen: str, paper: str, rng, height_in_pixels: float | None = None):
    """Draw strokes with a pen on a paper, and take a slightly unsharp photo of it."""
    import numpy as np
    from PIL import Image, ImageFilter

    from mnist_lesson.further.drawing import draw_strokes, photograph

    strokes, (width, height) = sheet
    scale = height_in_pixels or rng.uniform(60, 220)  # pixels for the height of a digit
    thickness, darkness, uneven = PENS[pen]
    brightness, grain, colour = PAPERS[paper]
    lines = [[scale * point for point in curve(points)] for points in strokes]
    ink = draw_strokes(lines, round(width * scale), round(height * scale), scale * thickness * rng.uniform(0.85, 1.15))
    ink *= darkness * (1 - uneven * rng.random(ink.shape))
    ground = np.full(ink.shape, float(brightness))
    if paper == "lines":
        ground[:: round(scale * 0.6)] *= 0.9
    photo = photograph(ink, ground, grain, rng)
    if paper == "blackboard":  # chalk makes a dark ground bright
        photo = 255 - photo
    image = Image.fromarray((photo[:, :, None] * np.array(colour)).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1)))


if __name__ == "__main__":
    main()
