"""Photograph a sheet as people do: on a table, askew, in bad light, with a hand in the corner. For `handwritten.py`.

A picture is float, (H, W, 3), 0 black to 1 white. All functions but `warp` and `finish` change it in place.
"""

from __future__ import annotations

import io
import math

import numpy as np
from handwritten_ways import resize, smooth_noise
from PIL import Image, ImageDraw, ImageFilter

TABLES = [(0.25, 0.15, 0.1), (0.45, 0.3, 0.2), (0.7, 0.55, 0.4), (0.15, 0.15, 0.17), (0.4, 0.4, 0.42), (0.3, 0.2, 0.22)]
SKINS = [(0.87, 0.68, 0.58), (0.75, 0.55, 0.43), (0.5, 0.34, 0.25), (0.3, 0.2, 0.15)]
PENCILS = [(0.1, 0.25, 0.15), (0.8, 0.65, 0.15), (0.1, 0.1, 0.12), (0.12, 0.2, 0.5), (0.6, 0.1, 0.1)]


def paper(height: int, width: int, rng, colour: tuple | None = None) -> np.ndarray:
    """Return an empty sheet: white or a little yellow or grey, not quite even."""
    tint = np.array(colour or rng.uniform(0.78, 0.96) * np.array([1, rng.uniform(0.97, 1), rng.uniform(0.88, 1)]))
    cloud = 1 - rng.uniform(0.01, 0.04) * smooth_noise((height, width), 0.2 * width, rng)
    return (cloud[:, :, None] * tint).astype(np.float32)


def print_lines(sheet: np.ndarray, kind: str, baseline: float, height: float, rng) -> None:
    """Print what is on paper before somebody writes: "ruled", "squared", "askew" (small squares, turned a little, often
    faint), "dotted" or "margin" (ruled with a red margin line).

    `baseline` is where the first line of digits stands, `height` that of a digit, in pixels.
    """
    rows, columns = sheet.shape[:2]
    step = max(8, height * (rng.uniform(0.45, 0.75) if kind == "squared" else rng.uniform(1.15, 1.6)))
    colour = np.array([(0.35, 0.5, 0.75), (0.45, 0.45, 0.5), (0.5, 0.65, 0.6)][rng.integers(3)])
    thick, strength = max(1, round(height * rng.uniform(0.01, 0.025))), rng.uniform(0.25, 0.65)
    darker = 1 - strength * (1 - colour)
    if kind in ("askew", "dotted"):
        step, slope = max(8, height * rng.uniform(0.2, 0.6)), rng.uniform(-0.09, 0.09)
        y, x = np.mgrid[:rows, :columns]
        places = [(y + slope * x) % step, (x - slope * y) % step]
        if kind == "dotted":
            sheet[(places[0] < 2 * thick) & (places[1] < 2 * thick)] *= darker
        else:
            sheet[(places[0] < thick) | (places[1] < thick)] *= 1 - rng.uniform(0.3, 1) * (1 - darker)
        return
    for y in np.arange((baseline + 0.05 * height) % step, rows - thick, step):
        sheet[round(y) : round(y) + thick] *= darker
    if kind == "squared":
        for x in np.arange(rng.uniform(0, step), columns - thick, step):
            sheet[:, round(x) : round(x) + thick] *= darker
    if kind == "margin":
        x = round(columns * (rng.uniform(0.03, 0.09) if rng.random() < 0.6 else rng.uniform(0.91, 0.97)))
        sheet[:, x : x + 2 * thick] *= 1 - rng.uniform(0.5, 0.9) * (1 - np.array([0.85, 0.25, 0.3]))


def put_ink(sheet: np.ndarray, ink: np.ndarray, left: int, top: int, colour: tuple) -> None:
    """Lay ink (H, W), 0..1, of a colour on a sheet; what would lie outside is cut off."""
    y, x = max(0, -top), max(0, -left)
    ink = ink[y : sheet.shape[0] - top, x : sheet.shape[1] - left, None]
    part = sheet[top + y : top + y + ink.shape[0], left + x : left + x + ink.shape[1]]
    part += ink * (np.array(colour, dtype=np.float32) - part)


def fold(sheet: np.ndarray, rng) -> None:
    """Fold the sheet once to thrice, and flatten it again: on both sides of a fold it is lit differently."""
    height, width = sheet.shape[:2]
    for number in range(rng.integers(1, 4)):
        across = (number + rng.integers(2)) % 2
        angle = math.radians(rng.normal(0, 2) + 90 * across)
        middle = rng.uniform(0.25, 0.75)
        distance = half_plane(height, width, angle, middle)  # pixels
        reach = rng.uniform(0.05, 0.2) * max(height, width)
        side = rng.choice([-1, 1]) * rng.uniform(0.05, 0.16)
        step = side * np.sign(distance) * np.exp(-np.abs(distance) / reach)
        line = rng.uniform(0.1, 0.35) * np.exp(-((distance / max(1.2, 0.002 * width)) ** 2))
        sheet *= (1 + step - line * rng.choice([1, 1, -0.3])).astype(np.float32)[:, :, None]


def half_plane(height: int, width: int, angle: float, middle: float) -> np.ndarray:
    """Return the distance of each pixel to a straight line, negative on one side; it is level at angle 0."""
    y, x = np.ogrid[:height, :width]
    centre_y, centre_x = (
        (middle * height, 0.5 * width) if abs(math.cos(angle)) > 0.7 else (0.5 * height, middle * width)
    )
    return ((y - centre_y) * math.cos(angle) - (x - centre_x) * math.sin(angle)).astype(np.float32)


def warp(sheet: np.ndarray, ink: np.ndarray, kind: str, rng) -> tuple[np.ndarray, np.ndarray]:
    """Lay a sheet on a table and look at it askew. Return the picture, and where in it the ink is.

    `kind` is "strip" (of the table, on one or two sides), "around", "most" (the table fills most of the picture),
    "tilted" (by up to 25 degrees, the table around) or "perspective" (seen from one side, nothing of the table).
    """
    height, width = sheet.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float) - (width / 2, height / 2)
    angle = math.radians(rng.choice([-1, 1]) * rng.uniform(10, 25) if kind == "tilted" else rng.normal(0, 2.5))
    depth = rng.uniform(0.2, 0.4) if kind == "perspective" else rng.uniform(0, 0.15)
    side = rng.integers(4)  # from where it is seen: what is farther away is smaller
    towards = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)][side]) / (width, height) * 2
    corners *= (1 - depth / 2 * (1 + corners @ towards))[:, None]
    turn = np.array([(math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))])
    corners = corners @ turn
    size = np.ptp(corners, axis=0)
    corners -= corners.min(axis=0)
    if kind == "perspective":  # look at the middle only
        corners -= 0.06 * size
        size = 0.88 * size
    elif kind == "strip":
        shown = rng.uniform(0.05, 0.15, 2) * [1, rng.integers(2)]
        shown = shown[:: rng.choice([-1, 1])]
        corners += size * np.where(rng.random(2) < 0.5, shown, -0.03)
        size = size * (0.97 + shown)
    else:
        size_of_table = size * (rng.uniform(1.5, 2.2) if kind == "most" else rng.uniform(1.1, 1.35))
        corners += (size_of_table - size) * rng.uniform(0.2, 0.8, 2)
        size = size_of_table
    table = TABLES[rng.integers(len(TABLES))]
    picture = wood(round(size[1]), round(size[0]), table, rng)
    back = perspective(corners, [(0, 0), (width, 0), (width, height), (0, height)])
    shape = picture.shape[1::-1]
    seen, ink = (
        np.asarray(
            Image.fromarray((255 * layer).clip(0, 255).astype(np.uint8)).transform(
                shape, Image.Transform.PERSPECTIVE, back, Image.Resampling.BICUBIC
            ),
            dtype=np.float32,
        )
        / 255
        for layer in (sheet, ink)
    )
    mask = Image.new("L", shape)
    ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners], fill=255)
    shadow = np.asarray(mask.filter(ImageFilter.BoxBlur(rng.uniform(2, 12))), dtype=np.float32) / 255
    picture *= (1 - rng.uniform(0.1, 0.5) * shadow)[:, :, None]  # of the sheet on the table
    mask = np.asarray(mask.filter(ImageFilter.BoxBlur(1)), dtype=np.float32)[:, :, None] / 255
    picture += mask * (seen - picture)
    return picture, ink


def perspective(of: np.ndarray, to: list) -> list[float]:
    """Return the eight numbers that Pillow wants, for a look that brings four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(of, to):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return np.linalg.solve(np.array(rows), np.array(to, dtype=float).ravel()).tolist()


def wood(height: int, width: int, colour: tuple, rng) -> np.ndarray:
    """Return a table: of wood, or plain."""
    grain = smooth_noise((height, 8), rng.uniform(2, 12), rng).mean(axis=1, keepdims=True)
    waves = 1 + rng.choice([0.1, 0.5, 0.9]) * (grain - 0.5) + 0.15 * (smooth_noise((height, width), 40, rng) - 0.5)
    return (waves[:, :, None] * np.array(colour)).astype(np.float32)


def lay_object(picture: np.ndarray, ink: np.ndarray, kind: str, rng) -> None:
    """Lay a "pencil", "hand", "finger" or something "dark", such as a phone, at the edge, off the ink."""
    height, width = ink.shape
    near = np.asarray(Image.fromarray((255 * ink).astype(np.uint8)).filter(ImageFilter.BoxBlur(width // 60))) > 0
    reach = rng.uniform(0.25, 0.5) * (1.6 if kind == "dark" else 1)
    for _ in range(12):  # until it fits: smaller and smaller
        mask = Image.new("L", (width, height))
        draw_object(ImageDraw.Draw(mask), kind, width, height, reach, rng)
        shape = np.asarray(mask) > 0
        if not near[shape].any():
            break
        reach *= 0.85
    else:
        return
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(1)), dtype=np.float32) / 255
    shadow = Image.new("L", mask.size)
    shadow.paste(mask, [int(far) for far in rng.integers(-width // 40, width // 40 + 1, 2)])
    shadow = np.asarray(shadow.filter(ImageFilter.BoxBlur(width // 60)), dtype=np.float32) / 255
    picture *= (1 - rng.uniform(0.1, 0.45) * shadow)[:, :, None]
    colours = {"hand": SKINS, "finger": SKINS, "pencil": PENCILS}.get(kind, TABLES[3:5])
    colour = np.array(colours[rng.integers(len(colours))], dtype=np.float32)
    round_side = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.02 * width)), dtype=np.float32) / 255
    look = (0.35 + 0.65 * round_side)[:, :, None] * colour
    picture += soft[:, :, None] * (look - picture)


def draw_object(draw: ImageDraw.ImageDraw, kind: str, width: int, height: int, reach: float, rng) -> None:
    """Draw the outline of an object that reaches from an edge or a corner of the picture into it."""
    size = min(width, height)
    edge = np.array(
        [(rng.choice([0, width]), rng.uniform(0, height)), (rng.uniform(0, width), rng.choice([0, height]))]
    )
    start = (
        edge[rng.integers(2)]
        if kind in ("finger", "hand")
        else np.array([rng.choice([0, width]), rng.choice([0, height])])
    )
    inward = np.array([width / 2, height / 2]) - start
    inward /= np.hypot(*inward)
    across = inward[::-1] * (-1, 1)
    bend = rng.uniform(-0.4, 0.4)
    inward, across = (
        inward * math.cos(bend) + across * math.sin(bend),
        across * math.cos(bend) - inward * math.sin(bend),
    )
    if kind == "dark":
        half = reach * size * rng.uniform(0.4, 1) / 1.5
        if rng.random() < 0.5:
            draw.ellipse([*(start - half), *(start + half)], fill=255)
        else:
            ends = [start - half * (across + inward), start + half * (across - inward)]
            ends += [start + half * (across + inward), start + half * (inward - across)]
            draw.polygon([tuple(end) for end in ends], fill=255)
        return
    if kind == "pencil":
        half, tip = size * rng.uniform(0.012, 0.03), start + inward * reach * size * 1.3
        neck = tip - 5 * half * inward
        back = start - 0.2 * size * inward
        ends = [back - half * across, neck - half * across, tip, neck + half * across, back + half * across]
        draw.polygon([tuple(end) for end in ends], fill=255)
        return
    half = size * rng.uniform(0.05, 0.09) * (1 if kind == "hand" else 1.3)
    fingers = rng.integers(2, 5) if kind == "hand" else 1
    for number in range(fingers):
        beside = start + across * 1.9 * half * (number - (fingers - 1) / 2)
        tip = beside + inward * max(half, reach * size * (0.8 + 0.2 * rng.random()) - half)
        draw.line([tuple(beside - half * inward * 2), tuple(tip)], fill=255, width=round(2 * half))
        draw.ellipse([*(tip - half), *(tip + half)], fill=255)


def light(picture: np.ndarray, rng, strength: float) -> None:
    """Light the picture from one side: darker by up to this share on the other, and in the corners a little."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * math.pi)
    fall = strength * (1 + math.cos(angle) * x / 1.4 + math.sin(angle) * y / 1.4) / 2
    picture *= (1 - fall - 0.08 * rng.random() * (x * x + y * y))[:, :, None]


def shade(picture: np.ndarray, rng, hard: bool) -> None:
    """Throw the shadow of a phone, a head or a window frame on the picture, with a hard or a soft edge."""
    height, width = picture.shape[:2]
    scale = 4 if not hard else 1  # a soft shadow is drawn small
    mask = Image.new("L", (width // scale + 1, height // scale + 1))
    draw = ImageDraw.Draw(mask)
    size = np.array(mask.size)
    if rng.random() < 0.6:
        distance = half_plane(size[1], size[0], rng.uniform(0, math.pi), rng.uniform(0.3, 0.7))
        mask = Image.fromarray(np.where(distance > 0, 255, 0).astype(np.uint8))
    else:
        draw_object(draw, ["hand", "finger", "dark"][rng.integers(3)], *mask.size, rng.uniform(0.8, 1.5), rng)
    blur = width * rng.uniform(0.001, 0.004) if hard else width * rng.uniform(0.03, 0.08) / scale
    mask = np.asarray(mask.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float32)
    mask = resize(mask, scale)[:height, :width] / 255
    picture *= (1 - rng.uniform(0.25, 0.55) * mask)[:, :, None]


def glare(picture: np.ndarray, ink: np.ndarray, rng) -> None:
    """Let a lamp or a window shine back from a board: spots so bright that what is written there fades."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    for _ in range(rng.integers(1, 3)):
        middle, size = rng.uniform(0, 1, 2) * (height, width), rng.uniform(0.06, 0.2, 2) * width
        spot = np.exp(-(((y - middle[0]) / size[0]) ** 2) - ((x - middle[1]) / size[1]) ** 2)
        most = 0.25 if (spot * (ink > 0.3)).max() > 0.3 else 0.6  # what nobody could read is no test
        picture += (rng.uniform(0.15, most) * spot).astype(np.float32)[:, :, None]


def blur_motion(image: Image.Image, length: float, rng) -> Image.Image:
    """Return the image as a moving hand takes it: the mean of copies along a short way of `length` pixels."""
    angle, steps = rng.uniform(0, math.pi), max(3, round(length))
    pixels = np.asarray(image, dtype=np.float32)
    ways = np.linspace(-length / 2, length / 2, steps)
    total = sum(np.roll(pixels, (round(way * math.sin(angle)), round(way * math.cos(angle))), (0, 1)) for way in ways)
    return Image.fromarray((total / steps).astype(np.uint8))


def finish(picture: np.ndarray, rng, grain: float, quality: int, larger: float = 1) -> Image.Image:
    """Return the picture as a camera stores it: with noise, as large as phones make it, as JPEG."""
    noise = rng.standard_normal(picture.shape[:2], dtype=np.float32)
    pixels = 255 * picture + grain * noise[:, :, None]
    if grain > 6:  # in the dark, colours are noisy too, in larger spots
        pixels += grain * 3 * (smooth_noise(picture.shape[:2], 4, rng)[:, :, None] - 0.5) * rng.uniform(-1, 1, 3)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if larger != 1:
        image = image.resize([round(side * larger) for side in image.size], Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    image = Image.open(file)
    image.load()
    return image
