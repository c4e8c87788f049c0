"""Put digits beside each other as a hand does, and find a sheet that suits them: for `handwritten.py`.

An ink is float, (H, W), 0..1; its place is that of its left upper corner, in pixels. `look` is a dictionary like
`handwritten.PLAIN`.
"""

from __future__ import annotations

import math

import numpy as np
from handwritten_ways import MARGIN, SIDE, some_ways, write


def lay_out(text: list[str], look: dict, rng) -> tuple[list[tuple], float]:
    """Write the text. Return the inks with their places, (ink, left, top), and the height of a digit in pixels."""
    longest = max(map(len, text))
    height = look["size"] * (rng.uniform(90, 330) if longest == 1 else min(150, rng.uniform(650, 1000) / longest))
    rise = math.tan(math.radians(rng.uniform(*look["rise"]))) * (1 if rng.random() < 0.7 else -1)
    gap = rng.uniform(*look["gap"])
    from_mnist = rng.random() < 0.5 and look["rare"] is not None and not look["mouse"]
    ways = None if from_mnist else some_ways(rng, 1 if look["rare"] is None else look["rare"])
    pens = [look["pens"][number] for number in rng.permutation(len(look["pens"]))]
    inks, step, above = [], rng.uniform(1.2, 1.5) * height, round(2.4 * height)
    for number, line in enumerate(text):
        left, before = rng.uniform(0, 0.8) * height, None
        base = number * height * rng.uniform(1.7, 2.2) * (1.5 if look["tall"] else 1)
        for place, sign in enumerate(line):
            if sign == " ":
                left, before = left + 0.4 * height + (0 if before is None else before.shape[1]), None
                continue
            pen = pens[(place + number) % len(pens)] if look["mixed"] else pens[0]
            own = height * rng.uniform(*look["heights"]) * (rng.uniform(1.7, 2.1) if sign in look["tall"] else 1)
            ink = write(int(sign) if sign.isdigit() else sign, pen, own, rng, ways, look["mouse"])
            ink = in_rows(ink, above - round(own * (1 + MARGIN / SIDE)), round(3 * height))
            if look["boxes"]:
                left = place * step + (step - ink.shape[1]) * rng.uniform(0.4, 0.6)
            elif before is not None:
                own_gap = gap if look["gap"][0] > 0 else rng.uniform(*look["gap"])
                left += follow(before, ink, own_gap * height)
            top = base - rise * left + rng.normal(0, look["up and down"]) * height - above
            inks.append((ink, round(left), round(top)))
            before = ink
        if look["boxes"]:
            frame = box(round(step), round(1.5 * height), rng)
            inks += [(frame, round(place * step), round(base - 1.25 * height)) for place in range(len(line))]
    return inks, height


def in_rows(ink: np.ndarray, above: int, rows: int) -> np.ndarray:
    """Return ink without empty columns, in `rows` rows, moved down by `above`."""
    columns = np.flatnonzero((ink > 0.05).any(axis=0))
    ink = ink[max(0, -above) :, columns[0] : columns[-1] + 1] if len(columns) else ink[:, :1]
    above = max(0, above)
    ink = ink[: rows - above]
    return np.pad(ink, ((above, rows - above - len(ink)), (0, 0)))


def follow(before: np.ndarray, ink: np.ndarray, gap: float) -> float:
    """Return how far right of `before` ink must start for this gap between the nearest strokes, as hands leave it."""
    ends = np.where(before > 0.1, np.arange(before.shape[1]), -1).max(axis=1)
    starts = np.where(ink > 0.1, np.arange(ink.shape[1]), 10_000).min(axis=1)
    reach = round(max(1, gap))
    ends = np.array([ends[max(0, y - reach) : y + reach + 1].max() for y in range(len(ends))])
    both = (ends >= 0) & (starts < 10_000)
    nearest = (ends - starts)[both].max() if both.any() else before.shape[1]
    return max(nearest + 1 + gap, 0.35 * before.shape[1])


def box(width: int, height: int, rng) -> np.ndarray:
    """Return the frame of a form, as ink."""
    frame, thick = np.zeros((height, width), dtype=np.float32), max(1, round(0.02 * height))
    frame[:thick] = frame[-thick:] = frame[:, :thick] = frame[:, -thick:] = rng.uniform(0.3, 0.9)
    return frame


def place_on(inks: list[tuple], height: float, look: dict, rng) -> tuple[list[tuple], int, int, int]:
    """Return the inks moved onto a sheet that suits them, the sheet's size, and where the first line stands on it."""
    boxes = []
    for ink, left, top in inks:
        rows = np.flatnonzero((ink > 0.05).any(axis=1))
        boxes.append((left, top + rows[0], left + ink.shape[1], top + rows[-1] + 1))
    low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    around = rng.uniform(*look["around"], 4)
    size = high - low + height * (around[:2] + around[2:])
    aspect = [4 / 3, 3 / 4, 1, 16 / 9][rng.integers(4)]
    is_strip = look["around"][1] < 0.5
    wanted = size if is_strip else np.maximum(size, (size[1] * aspect, size[0] / aspect))
    extra = (wanted - size) * rng.uniform(0.2, 0.8, 2)
    shift = np.round(extra + height * around[:2] - low).astype(int)
    width, rows = np.ceil(wanted).astype(int)
    return [(ink, left + shift[0], top + shift[1]) for ink, left, top in inks], rows, width, shift[1]
