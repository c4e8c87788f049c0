"""Draw what is no digit: letters, signs, scribbles, halves of digits, and more, in families.

    draw_other("capitals_N_to_Z", seed=3)    a picture, the same for the same seed

Some families are for training a network that shall notice such things, the others are only for testing it:
what a rule of refusal is worth shows on kinds of things that nobody trained it with.

Left out is what people write for a digit, too, or what only a careful pen tells from one: B D G I J O Q S Z,
C and U (a 0 that stays open), a b c g i j l o q s u y z, the Greek beta, delta, theta, sigma and phi, ! and ( ) /,
a ring with one line through it, and of halved or turned digits those that leave one (half an 8 is a 0).
"""

from __future__ import annotations

import functools
import math
import sys
import zlib
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from draw_examples import curve, vary
from other_shapes import TEST_SHAPES, TRAIN_SHAPES

SIDE = 112  # pixels: the height of a shape, and four times MNIST's 28


def draw_other(family: str, seed: int):
    """Return a photo of something that is no digit, dark on bright: uint8, (H, W), the same for the same seed."""
    import numpy as np

    return photo_of(draw_ink(family, seed), np.random.default_rng([seed, 1]))


def photo_of(ink, rng):
    """Return a photo of ink, (H, W), somewhere on a sheet of paper: uint8, larger than the ink."""
    import numpy as np

    from mnist_lesson.further.drawing import photograph

    ink = np.pad(ink, rng.integers(SIDE // 5, SIDE, size=(2, 2)))
    return photograph(rng.uniform(0.5, 0.9) * ink, rng.uniform(150, 240), rng.uniform(1, 6), rng)


def draw_ink(family: str, seed: int):
    """Return the ink alone: float, (H, W), 0 (none) to 1, without empty rows and columns at its edge."""
    import numpy as np

    _, draw = DRAWERS[family]
    return cropped(draw(np.random.default_rng([seed, zlib.crc32(family.encode())])))


def cropped(ink):
    """Return ink without the empty rows and columns at its edge."""
    import numpy as np

    rows, columns = (np.flatnonzero((ink > 0.1).any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


# Strokes


def shape(texts: dict, rng):
    """Write one of these shapes, each of its points moved a little."""
    moved = {}
    text = rng.choice(list(texts.values()))
    for point in text.replace("|", "").split():
        moved.setdefault(point, tuple(rng.normal([int(point[0]) / 9, int(point[1]) / 9], 0.03)))
    return write([[moved[point] for point in stroke.split()] for stroke in text.split("|")], rng)


def write(strokes: list, rng):
    """Write strokes with some pen, pressed more and less on its way. Return the ink, float, (H, W), 0..1.

    A network that is trained with the others should see digits written by the same pens: otherwise it learns the pens.
    """
    import numpy as np

    from mnist_lesson.further.drawing import draw_strokes

    lines = [SIDE * np.array(curve(points)) for points in vary(strokes, rng)]
    pen = SIDE * math.exp(rng.uniform(math.log(0.03), math.log(0.15)))  # the width of its stroke
    points = np.concatenate(lines)
    corner = points.min(axis=0) - pen
    width, height = np.ceil(points.max(axis=0) + pen - corner).astype(int).tolist()
    uneven, ink = rng.choice([0, 0.15, 0.3]), np.zeros((height, width), dtype=np.float32)
    for line in lines:
        pressure, length = rng.uniform(1 - uneven, 1), 20 if uneven else len(line)
        for start in range(0, max(len(line) - 1, 1), length):
            part = draw_strokes([line[start : start + length + 1] - corner], width, height, pen * (1 + pressure) / 2)
            ink = np.maximum(ink, pressure * part)
            pressure = min(max(pressure + rng.normal(0, uneven), 0.4), 1)
    return ink


def through(x, y) -> list:
    """Return one stroke through the points with these x and y, moved and scaled so that they lie in 0..1."""
    import numpy as np

    points = np.stack([x, y], axis=1)
    points = (points - points.min(axis=0)) / np.ptp(points, axis=0).max()
    return [[tuple(point) for point in points.tolist()]]


def spiral(rng):
    import numpy as np

    angle = np.linspace(0, rng.uniform(2, 4.5) * 2 * math.pi, 40)
    return write(through(angle * np.cos(angle), rng.choice([-1, 1]) * angle * np.sin(angle)), rng)


def tangle(rng):
    return write(through(*rng.random((2, rng.integers(8, 16)))), rng)


def zigzag(rng):
    import numpy as np

    corners = np.repeat(np.arange(rng.integers(5, 10)), 2)  # each twice: a corner
    return write(through(corners, corners % 2 * rng.uniform(2, 8)), rng)


def waves(rng):
    import numpy as np

    x = np.linspace(0, rng.uniform(2, 4), 40)
    return write(through(x, rng.uniform(0.3, 1) * np.sin(2 * math.pi * x)), rng)


def coils(rng):
    import numpy as np

    angle = np.linspace(0, 2 * math.pi * rng.uniform(3, 5), 48)
    return write(through(angle * rng.uniform(0.15, 0.4) - np.cos(angle), -np.sin(angle)), rng)


def hatching(rng):
    lines, slant = rng.integers(4, 8), rng.uniform(-0.5, 0.5)
    ends = rng.normal(0, 0.04, (lines, 2)) + [0, 1]
    return write(
        [[(k / lines, top), (k / lines + slant, bottom)] for k, (top, bottom) in enumerate(ends.tolist())], rng
    )


def crossing(rng):
    """Two bent strokes that cross each other at 45 to 90 degrees, in any direction."""
    strokes, angle = [], rng.uniform(0, math.pi)
    for _ in range(2):
        x, y = math.cos(angle) / 2, math.sin(angle) / 2
        strokes.append([(0.5 - x, 0.5 - y), tuple(rng.normal(0.5, 0.08, 2)), (0.5 + x, 0.5 + y)])
        angle += rng.uniform(0.25, 0.5) * math.pi
    return write(strokes, rng)


# What is made of MNIST's digits: of the 5,000 that are held out for choices ("test"), or of all others ("train")


@functools.cache
def digits(part: str):
    """Return MNIST's training images of a part, (N, 28, 28), and their labels, (N,)."""
    from mnist_lesson.further.recipes import hold_out, load_tensors

    images, labels = hold_out(*load_tensors(train=True))[part == "test"]
    return images[:, 0].numpy(), labels.numpy()


def one_of(part: str, wanted, rng):
    """Return one image of the wanted digits, four times as large, smooth and cropped: float, (H, W), 0..1."""
    import numpy as np
    from PIL import Image

    images, labels = digits(part)
    image = images[rng.choice(np.flatnonzero(np.isin(labels, list(wanted))))]
    return cropped(np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)).clip(0, 1))


def cut_off(part: str, sides: dict, rng):
    """Return a third to a half of a digit. `sides` says of which digits that part is none (half an 8 is a 0)."""
    side = rng.choice(list(sides))
    ink = one_of(part, sides[side], rng)
    rows, columns = (round(rng.uniform(0.35, 0.5) * length) for length in ink.shape)
    return {"upper": ink[:rows], "lower": ink[-rows:], "left": ink[:, :columns]}[side]


def changed(part: str, changes: dict, rng):
    """Return a digit turned or mirrored. `changes` says which digits are then none (an upside-down 6 is a 9)."""
    import numpy as np

    change = rng.choice(list(changes))
    ink = one_of(part, changes[change], rng)
    return {"left": np.rot90(ink), "right": np.rot90(ink, -1), "round": np.rot90(ink, 2), "mirror": ink[:, ::-1]}[
        change
    ]


def two(part: str, gap: tuple, below: bool, rng):
    """Return two digits beside or below each other. `gap` is from, to: a share of the smaller one, below 0 they overlap."""
    import numpy as np

    a, b = (ink.T if below else ink for ink in (one_of(part, range(10), rng), one_of(part, range(10), rng)))
    at = a.shape[1] + round(rng.uniform(*gap) * min(a.shape[1], b.shape[1]))
    ink = np.zeros((max(len(a), len(b)), max(at + b.shape[1], a.shape[1])), dtype=np.float32)
    for digit, left in ((a, 0), (b, at)):
        top = (len(ink) - len(digit)) // 2
        place = ink[top : top + len(digit), left : left + digit.shape[1]]
        np.maximum(place, digit, out=place)
    return ink.T if below else ink


def crossed_out(part: str, how: str, rng):
    """Return a digit with something drawn over it: a cross, or a zigzag."""
    import numpy as np
    from PIL import Image

    over = cropped(write([[(0, 0), (1, 1)], [(1, 0), (0, 1)]], rng) if how == "cross" else zigzag(rng))
    digit = one_of(part, range(10), rng)
    size = [max(round(rng.uniform(0.9, 1.2) * length), SIDE // 2) for length in digit.shape]
    ink = np.array(Image.fromarray(over).resize(size[::-1], Image.Resampling.BILINEAR))
    height, width = (min(sides) for sides in zip(ink.shape, digit.shape))
    top, left = ((a - b) // 2 for a, b in zip(ink.shape, (height, width)))
    place = ink[top : top + height, left : left + width]
    np.maximum(place, digit[:height, :width], out=place)
    return ink


# What nobody wrote


def smudge(rng):
    """Return a few soft round blobs that overlap."""
    import numpy as np

    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    ink = np.zeros((SIDE, SIDE), dtype=np.float32)
    for _ in range(rng.integers(3, 7)):
        (at_x, at_y), (wide, high) = rng.uniform(0.25, 0.75, 2), rng.uniform(0.07, 0.15, 2)
        ink += np.exp(-(((x - at_x) / wide) ** 2) - ((y - at_y) / high) ** 2)
    return (ink / ink.max() * rng.uniform(1, 2.5)).clip(0, 1)


def speckles(rng):
    """Return random spots, as a copying machine leaves them."""
    import numpy as np
    from PIL import Image

    few = rng.integers(5, 14)
    noise = Image.fromarray(rng.random((few, few)).astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return ((np.asarray(noise) - rng.uniform(0.45, 0.65)) * 6).clip(0, 1)


def printed(rng):
    """Return a letter in a typeface that Matplotlib brings: a shape that nobody chose for this test."""
    import matplotlib
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    face = rng.choice(["DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralItalic"])
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")), SIDE)
    image = Image.new("L", (3 * SIDE, 3 * SIDE))
    ImageDraw.Draw(image).text((SIDE, SIDE), rng.choice(list("AEFHKLMNPRTVWXYdefhkmnprtvwx")), fill=255, font=font)
    return np.asarray(image.rotate(rng.uniform(-10, 10), Image.Resampling.BICUBIC), dtype=np.float32) / 255


DRAWERS = {
    **{family: ("train", functools.partial(shape, texts)) for family, texts in TRAIN_SHAPES.items()},
    **{family: ("test", functools.partial(shape, texts)) for family, texts in TEST_SHAPES.items()},
    "spirals": ("train", spiral),
    "waves": ("test", waves),
    "tangles": ("train", tangle),
    "coils": ("test", coils),
    "zigzags": ("train", zigzag),
    "hatching": ("test", hatching),
    "smudges": ("train", smudge),
    "speckles": ("test", speckles),
    "crossed_out": ("train", functools.partial(crossed_out, "train", "cross")),
    "scribbled_over": ("test", functools.partial(crossed_out, "test", "zigzag")),
    "two_beside": ("train", functools.partial(two, "train", (-0.1, 0.3), False)),
    "two_overlapping": ("test", functools.partial(two, "test", (-0.35, -0.1), False)),
    "two_below": ("test", functools.partial(two, "test", (-0.1, 0.2), True)),
    "cut_off": ("train", functools.partial(cut_off, "train", {"upper": (0, 2, 4, 5), "left": (2, 3, 4, 5, 8)})),
    "other_cut_off": ("test", functools.partial(cut_off, "test", {"lower": (0, 2, 3, 5)})),
    "quarter_turn": ("train", functools.partial(changed, "train", {"left": (2, 3), "right": (3,)})),
    "half_turn": ("test", functools.partial(changed, "test", {"round": (3, 4, 7), "mirror": (3, 7, 9)})),
    "crossings": ("test", crossing),
    "printed": ("test", printed),
}
FAMILIES = {name: part for name, (part, _) in DRAWERS.items()}
