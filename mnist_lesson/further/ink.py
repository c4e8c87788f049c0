"""Find the ink on paper, and its connected pieces: where did the pen go, and where did it not? For notebook 08."""

import math

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from mnist_lesson.further.paper import MOST_GRAIN, steps_of, tiles
from mnist_lesson.further.pictures import PictureError

LEAST_CONTRAST = 20  # of 255: less is taken for an empty sheet
MUCH_GRAIN = 2.5  # of 255, after a slight blur: then the picture needs a stronger one
INK = 0.3  # less than this share of full ink is the soft rim of a stroke
LEAST_STROKE = 30  # pixels: less, where the brightness of the paper changes at once, is a part of its rim
STEEPEST_LINE = 0.15  # of a printed grid: pixels across for each pixel along
ALL_AROUND = np.ones((3, 3))  # pixels that touch at a corner are connected, too


def find_ink(grey: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Return how much ink is on each pixel, (H, W): 0 (paper) to 1 (full ink), float.

    Paper minus picture is the depth of the ink; the grain of the paper is taken away. What full ink is, the darkest
    stroke nearby says: beside a felt pen, a pencil still draws full strokes. Raises ValueError if there is no ink.
    """
    depth, grain = _depth(grey, paper, blur=1 if min(grey.shape) > 100 else 0)  # a stroke may be one pixel wide
    if grain > MUCH_GRAIN and min(grey.shape) > 300:
        depth, grain = _depth(grey, paper, blur=3)
    least = max(LEAST_CONTRAST if grain <= MUCH_GRAIN else 10, 8 * grain)
    rows = depth[:: 1 + len(depth) // 300]  # of a high picture, every second or third row tells as much
    darkest = max(9, rows.size // 20_000)
    full = np.median(np.partition(rows.ravel(), -darkest)[-darkest:])
    ink = np.zeros_like(depth)
    if full >= least:
        depth *= ~find_lines(paper - grey, least)
        # A stroke is full in its middle and fades at its rim: less than a fifth is paper, three quarters are full.
        ink = ((depth / _full_ink(depth, max(0.55 * least, 6.4 * grain, full / 10)) - 0.2) / 0.55).clip(0, 1)
    if not (ink > INK).any():
        raise PictureError("there is no ink in this picture, or too little to see: write larger, or with a darker pen.")
    return ink


def _depth(grey: np.ndarray, paper: np.ndarray, blur: int) -> tuple[np.ndarray, float]:
    """Return how much darker than the paper each pixel is, (H, W), and how much the grain of the paper is."""
    depth = paper - np.asarray(Image.fromarray(grey).filter(ImageFilter.BoxBlur(blur)), dtype=np.float32)
    some = depth[:: 1 + len(depth) // 200, :: 1 + len(depth[0]) // 200]  # enough for a median
    usual = np.median(some)
    if usual > 3 * MOST_GRAIN:  # most of a picture is paper, unless it is cropped to a thick digit
        usual = 0
    brighter = some[some < usual]  # half of the paper, and no ink
    return depth - usual, float(np.median(usual - brighter)) if brighter.size else 0.0


def _full_ink(depth: np.ndarray, least: float) -> np.ndarray:
    """Return for each pixel how deep full ink is there, (H, W): infinitely deep where there is no stroke.

    That says the darkest place of its own stroke, or the darkest nearby, whichever is less dark. What is nowhere as
    deep as `least` is no stroke; what is so much fainter than the darkest ink of the picture is a fold or a shadow.
    """
    step = 2 if min(depth.shape) > 100 else 1
    small = tiles(depth, step, np.max)
    strokes, number = ndimage.label(small > 0.55 * least, ALL_AROUND)
    is_stroke = strokes > 0
    darkest = np.zeros(number + 1, dtype=np.float32)
    np.maximum.at(darkest, strokes[is_stroke], small[is_stroke])
    own = ndimage.maximum_filter(darkest[strokes], 3)  # with their soft rims
    is_ink = small > 2 * least if (small > 2 * least).any() else small > least
    reach = min(4 * stroke_width(is_ink), max(small.shape) / 8)
    full = np.where(own >= least, np.minimum(own, np.maximum(_darkest_nearby(small, reach), least)), np.inf)
    return _enlarged(full, step, depth.shape)


def _darkest_nearby(depth: np.ndarray, reach: float) -> np.ndarray:
    """Return the largest depth around each place, (H, W), up to so many pixels away; it changes slowly."""
    step = max(1, max(depth.shape) // 128)
    size = 2 * round(reach / step) + 1
    darkest = ndimage.maximum_filter(tiles(depth, step, np.max), size, mode="nearest")
    darkest = ndimage.uniform_filter(darkest, size // 2 + 1, mode="nearest")
    return np.asarray(Image.fromarray(darkest).resize(depth.shape[::-1], Image.Resampling.BILINEAR))


def _enlarged(values: np.ndarray, step: int, shape: tuple[int, int]) -> np.ndarray:
    """Return values with `step` pixels for each along each axis, and what is missing to the shape like its neighbours."""
    height, width = (step * side for side in values.shape)
    whole = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.NEAREST))
    return np.pad(whole, [(0, side - own) for side, own in zip(shape, whole.shape)], mode="edge")


def stroke_width(ink: np.ndarray) -> float:
    """Return about how thick the strokes of ink, (H, W), are, in pixels.

    A stroke of length l and width w has the area l w and, if it is long, an edge of 2 l: so w is twice the area
    over the edge. Rows and columns cross an edge 4 / pi times as often as it is long, on average over all
    directions. (Source: M. W. Crofton, "On the theory of local probability", 1868.)
    """
    is_ink = ink > 0.5
    ways = is_ink, is_ink.T  # outside of the picture is none
    edge = sum(np.count_nonzero(way[1:] != way[:-1]) + np.count_nonzero(way[[0, -1]]) for way in ways) * math.pi / 4
    return 2 * np.count_nonzero(is_ink) / edge


# Printed lines


def find_lines(depth: np.ndarray, least: float) -> np.ndarray:
    """Return where printed lines lie, (H, W): straight and thin, across the sheet or along the sides of a box.

    `depth`, (H, W), says how much darker than the paper each pixel is, `least` how much ink is at least.
    """
    half = np.asarray(Image.fromarray(depth).reduce(2))  # enough for lines
    half = half[: len(depth) // 2, : len(depth[0]) // 2]
    side = max(half.shape)
    heights = [_ridge(half, axis, max(4, side // 100)) for axis in (0, 1)]
    ridges = [height > least / 3 for height in heights]
    lines = [np.zeros(half.shape, dtype=bool) for _ in ridges]
    for box, piece in _large_pieces((half > least / 2) | ridges[0] | ridges[1], side / 20):
        thick, rules = max(5, min(piece.shape) // 12), ((2, 0.85, np.inf),)
        sides = [_along(axis, ridges[axis][box] & piece, half[box], least, thick, rules) for axis in (0, 1)]
        if _surround(sides):  # a box, or a row of boxes
            for axis in (0, 1):
                lines[axis][box] |= sides[axis]
    dark = half[half > least]
    dark = np.quantile(dark, 0.9) if dark.size else least  # a single line must be fainter, or it is a stroke
    # A line across the sheet may be much fainter than ink, if it is clearly darker than the grain of the paper.
    grains = [np.quantile(height[::4, ::4], 0.75) for height in heights]
    ridges = [height > min(max(least / 8, 6 * grain), least / 3) for height, grain in zip(heights, grains)]
    for axis in (0, 1):
        if half.shape[axis] > max(50, side / 2.5):  # in a narrow picture, a long thin stroke is a 1
            rules = (1, 0.85, 0.8 * dark), (3, 0.85, np.inf), (3, 0.55, 0.8 * dark), (8, 0.3, 0.8 * dark)
            lines[axis] |= _along(axis, ridges[axis], half, least, max(6, side // 40), rules)
    ink = (half > least) & ~(lines[0] | lines[1])
    if np.count_nonzero(ink) < np.count_nonzero(half > least) / 50:
        return np.zeros(depth.shape, dtype=bool)  # the lines are all that there is
    either = (lines[0] & ~_crossed(lines[0], ink, 1)) | (lines[1] & ~_crossed(lines[1], ink, 0))
    return _enlarged(either, 2, depth.shape)


def _surround(lines: list[np.ndarray]) -> bool:
    """Do the upright and the level lines, (H, W) each, lie along all four sides?"""
    upright, level = (np.flatnonzero(own.any(axis=axis)) / own.shape[1 - axis] for axis, own in enumerate(lines))
    return all(places.size and places[0] < 0.1 and places[-1] > 0.9 for places in (upright, level))


def _large_pieces(mask: np.ndarray, least: float) -> list[tuple[tuple[slice, slice], np.ndarray]]:
    """Return the connected pieces of a mask whose shorter side has more than so many pixels: boxes and masks."""
    pieces, _ = ndimage.label(mask, ALL_AROUND)
    boxes = enumerate(ndimage.find_objects(pieces), start=1)
    return [(box, pieces[box] == n) for n, box in boxes if min(a.stop - a.start for a in box) > max(15, least)]


def _ridge(depth: np.ndarray, axis: int, reach: int) -> np.ndarray:
    """Return by how much each place, on average along an axis, is darker than on both sides, this far across."""
    along = ndimage.uniform_filter1d(depth, 9, axis=axis)  # a line along the axis keeps its depth, grain does not
    across = np.moveaxis(along, axis, 1)
    padded = np.pad(across, ((reach, reach), (0, 0)))
    sides = np.maximum(padded[2 * reach :], padded[: -2 * reach])
    return np.moveaxis(across - sides, 1, axis)


Rules = tuple[tuple[int, float, float], ...]  # of lines: at least how many, as long as what share, how dark at most


def _along(axis: int, ridge: np.ndarray, depth: np.ndarray, least: float, thick: int, rules: Rules) -> np.ndarray:
    """Return where lines run along an axis, (H, W), with their soft rims, if one of the rules holds for them.

    All of them may be slanted a little. A stroke that crosses a line is darker than it: there is no line there.
    """
    ridge, depth = (np.ascontiguousarray(np.moveaxis(values, axis, 1)) for values in (ridge, depth))
    rows_of = _level_rows(ridge)
    more = (0, len(rows_of) - len(ridge)), (0, 0)
    level = [np.take_along_axis(np.pad(values, more), rows_of, 0) for values in (ridge, depth)]
    lines = np.empty(level[0].shape, dtype=bool)
    np.put_along_axis(lines, rows_of, _level_lines(*level, least, thick, rules), 0)
    return np.moveaxis(lines[: len(depth)], 1, axis)


def _level_lines(ridge: np.ndarray, depth: np.ndarray, least: float, thick: int, rules: Rules) -> np.ndarray:
    """Return where level lines run, as `_along` does."""
    lines = np.zeros(depth.shape, dtype=bool)
    width = ridge.shape[1]
    gap, run = width // 5, max(14, width // 30)
    if np.count_nonzero(_smallest(ridge, run, 1).any(axis=0)) < 0.3 * width:
        return lines  # there is not enough for one line
    under_ink = _smallest(_largest(ridge, gap, 1), gap, 1) & (depth > least / 3)  # a line goes on below a stroke
    closed = _smallest(_largest(ridge | under_ink, 5, 1), 5, 1)
    pieces, number = ndimage.label(_largest(_smallest(closed, run, 1), run, 1), ALL_AROUND)
    pixels = np.bincount(pieces.ravel(), minlength=number + 1)
    found, shortest = [], min(share for _, share, _ in rules) * width
    for piece, box in enumerate(ndimage.find_objects(pieces), start=1):
        rows, columns = box
        length = columns.stop - columns.start
        if length > shortest and pixels[piece] < thick * length and rows.stop - rows.start < length / 4:
            darkest = np.where(pieces[box] == piece, depth[box], 0).max(axis=0)  # across the line
            low, high = (np.quantile(darkest, share) for share in (0.4, 0.6))
            found.append((length / width, low, high, piece, box))
    # A line that much is written on looks darker than it is: the other lines tell.
    usual = np.median([line[2] for line in found] or [0])
    found = [(share, np.clip(usual, low, high), piece, box) for share, low, high, piece, box in found]
    for many, least_share, most_dark in rules:
        long = [line for line in found if line[0] > least_share and line[1] < most_dark]
        for _, dark, piece, (rows, columns) in long if len(long) >= many else []:
            reach = max(1, round(pixels[piece] / (columns.stop - columns.start) / 2))
            box = slice(max(0, rows.start - 2 * reach), rows.stop + 2 * reach), columns
            own = pieces[box] == piece
            for size, share in ((2 * reach + 1, 1.5), (4 * reach + 1, 0.75)):  # its rim is half as dark
                lines[box] |= _largest(own, size, 0) & (depth[box] < share * dark)
    return lines


def _level_rows(ridge: np.ndarray) -> np.ndarray:
    """Return of a levelled picture, (H + its fall, W), from which row each pixel comes, so that lines are level in it.

    Of all slopes, it is that at which the ridges, (H, W), gather in the fewest rows. Rows beyond the last are empty.
    """
    high, wide = ridge.shape
    y, x = ridge.nonzero()
    slopes = np.linspace(-STEEPEST_LINE, STEEPEST_LINE, 31)
    rows = [np.bincount((y - slope * x + STEEPEST_LINE * wide).astype(int)).astype(float) for slope in slopes]
    slope = slopes[int(np.argmax([(row**2).sum() for row in rows]))]
    fall = np.round(slope * np.arange(wide)).astype(int)
    high += abs(fall[-1])
    return (np.arange(high)[:, None] + fall) % high


def _crossed(lines: np.ndarray, ink: np.ndarray, across: int) -> np.ndarray:
    """Return where ink lies on both sides of a line, (H, W): there a stroke crosses it."""
    ink = _largest(ink, 5, 1 - across)  # a slanted stroke goes on a little to the side
    near = [ndimage.maximum_filter1d(ink, 9, axis=across, origin=origin) for origin in (4, -4)]
    return lines & near[0] & near[1]


def _largest(values: np.ndarray, size: int, axis: int) -> np.ndarray:
    return ndimage.maximum_filter1d(values, size, axis=axis)


def _smallest(values: np.ndarray, size: int, axis: int) -> np.ndarray:
    return ndimage.minimum_filter1d(values, size, axis=axis)


# Pieces


def number_pieces(ink: np.ndarray, paper: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Number the connected pieces of ink: whole numbers, (H, W), 0 where there is none.

    Left out is what lies along a step of the paper's brightness: the rim of a table, a hand or a shadow. A stroke may
    lie there, too, but around it all is brighter.
    """
    pieces, _ = ndimage.label(ink > INK, ALL_AROUND)
    steps = steps_of(paper)
    if steps.any():
        pixels = np.bincount(pieces.ravel())
        is_rim = np.bincount(pieces.ravel(), steps.ravel()) > pixels / 2
        boxes = ndimage.find_objects(pieces)
        for number in np.flatnonzero(is_rim & (pixels > LEAST_STROKE)):
            is_rim[number] = number == 0 or not _is_stroke(pieces, number, boxes[number - 1], grey)
        if not is_rim[1:].all():
            pieces[is_rim[pieces]] = 0
    return pieces


def _is_stroke(pieces: np.ndarray, number: int, box: tuple[slice, slice], grey: np.ndarray) -> bool:
    """Is nearly all around a piece, half of a stroke's width away, brighter than the piece is?"""
    own = pieces[box] == number
    reach = max(2, round(stroke_width(own) / 2))
    box = tuple(slice(max(0, axis.start - reach - 1), axis.stop + reach + 1) for axis in box)
    own = pieces[box] == number
    near, far = (_largest(_largest(own, size, 0), size, 1) for size in (3, 2 * reach + 3))
    around = grey[box][far & ~near & (pieces[box] == 0)]
    dark = np.median(grey[box][own])
    return around.size > 0 and np.mean(around < dark + 0.35 * (np.quantile(around, 0.9) - dark)) < 0.15


def find_pieces(ink: np.ndarray, paper: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Number the connected pieces of ink: whole numbers, (H, W), 0 where there is none.

    Left out are specks, with less than a twentieth of the largest piece's pixels, and what lies along the edge of the
    picture, such as a strip of the table (unless hardly anything else would be left).
    """
    pieces = number_pieces(ink, paper, grey)
    pixels = np.bincount(pieces.ravel())
    pixels[0] = 0
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    at_edge = np.bincount(edge, minlength=len(pixels))
    inside = np.where(at_edge > np.sqrt(pixels), 0, pixels)  # a stroke that only ends there does not lie along it
    if inside.max() > pixels.max() / 100:  # otherwise what lies along the edge is the digit
        pixels = inside
    return pieces * (pixels >= max(1, pixels.max() / 20))[pieces]


def keep_pieces(ink: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the ink where `kept` is true, with its soft rim, cropped: no row or column at the edge is empty."""
    left, top, right, bottom = Image.fromarray(kept.astype(np.uint8)).getbbox()
    ink, kept = ink[top:bottom, left:right], kept[top:bottom, left:right]
    return ink * _largest(_largest(kept, 3, 0), 3, 1)
