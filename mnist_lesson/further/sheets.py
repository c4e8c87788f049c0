"""Read a sheet with several digits: find them, bring them into order, part those that touch. For notebook 08."""

import copy
import itertools
import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn as nn
from PIL import Image
from scipy import ndimage

from mnist_lesson.further.handwriting import centre, closer_looks, fit_into_20
from mnist_lesson.further.ink import INK, keep_pieces, number_pieces, stroke_width
from mnist_lesson.further.pictures import FINE_PIXELS, WORK_PIXELS, Picture, PictureError

MOST_PIECES = 5_000  # of ink on a sheet: more is a texture
MANY_DOTS = 40  # more of them, and four times as many as other marks, are printed
BATCH = 32  # images that the network reads at once
MOST_CUTS = 6  # that are tried in a piece
MOST_CUT_PIECES = 50  # of a sheet, since all cuts of a texture or a bad grid would take seconds
SMALL_DIGIT = 24  # pixels in height
LEAST_SURE = 0.35  # the probability of a digit, or it is not read
LEAST_SURE_AT_EDGE = 0.9  # of the picture, where a hand may be
LEAST_SURE_PART = 0.5  # of a piece that was cut


class Found(NamedTuple):
    """Something that was found on a sheet: a digit, or a mark that is not read (its digit is None)."""

    box: tuple[int, int, int, int]  # left, top, right and bottom, in pixels of the grey sheet
    line: int  # from 0, from top to bottom
    image: torch.Tensor  # (1, 28, 28), as `prepare` would make it
    digit: int | None
    probability: float  # that of the digit, or the largest of all ten


def read_number(picture: Picture, model: nn.Module) -> list[tuple[int, float]]:
    """Read the digits of a sheet in their order: pairs of digit and probability (0..1).

    Raises ValueError as `read_sheet` does.
    """
    _, found = read_sheet(picture, model)
    return [(mark.digit, mark.probability) for mark in found if mark.digit is not None]


def read_sheet(picture: Picture, model: nn.Module) -> tuple[np.ndarray, list[Found]]:
    """Return the grey sheet, (H, W), and all that was found on it, line by line and from left to right.

    What is too small or too large to be a digit, such as a dash or a pencil, is found but not read: its digit is None.
    So is a wide piece after the first MOST_CUT_PIECES of a sheet.
    Left out are specks, printed lines and dots, and the rims of tables, hands and shadows.
    Raises ValueError as `prepare` does, and if there are too many pieces of ink to be digits.
    """
    grey, ink, pieces, marks = _marks_of(picture)
    height = _usual(marks, "height")
    digits, others = _join(marks, height)
    lines = _lines(digits, height)
    rises = map(_rise, lines)
    in_order = [(number, mark, rise) for number, (line, rise) in enumerate(zip(lines, rises)) for mark in line]
    in_order += [(number, mark, 0.0) for number, mark in zip(_nearest_lines(others, lines), others)]
    crops = [_crop(ink, pieces, mark) for _, mark, _ in in_order]
    images = [_fitted(crop, angle) for crop, (_, _, angle) in zip(crops, in_order)]
    model = copy.deepcopy(model).to(memory_format=torch.channels_last)  # a third of the time, and the same results
    found, cut_pieces = [], 0
    for (line, mark, angle), crop, image, (digit, p) in zip(in_order, crops, images, _read(images, model)):
        may_be_digit = len(found) < len(digits)
        may_touch = may_be_digit and _may_touch(crop, p, height)
        cut_pieces += may_touch
        parts = []
        if may_touch and cut_pieces <= MOST_CUT_PIECES:
            parts = _parts(crop, p, height, angle, model)
        elif may_touch:
            may_be_digit = crop.shape[1] < 1.2 * height
        if parts and (not mark["at edge"] or min(p for *_, p in parts) >= LEAST_SURE_AT_EDGE):
            found.append([Found(_moved(box, mark["box"]), line, *part) for box, *part in parts])
        else:
            is_sure = may_be_digit and p >= (LEAST_SURE_AT_EDGE if mark["at edge"] else LEAST_SURE)
            found.append([Found(mark["box"], line, image, digit if is_sure else None, p)])
    return grey, sorted(itertools.chain(*found), key=lambda mark: (mark.line, mark.box[0]))


def _moved(box: tuple, origin: tuple) -> tuple:
    left, top = origin[:2]
    return box[0] + left, box[1] + top, box[2] + left, box[3] + top


def _marks_of(picture: Picture) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict]]:
    """Return the grey sheet, its ink, its pieces and marks; with more pixels, if the digits turn out to be small."""
    for grey, paper, ink in closer_looks(picture, WORK_PIXELS, FINE_PIXELS):
        pieces = number_pieces(ink, paper, grey)
        marks = _marks(ink, pieces)
        if _usual(marks, "height") >= SMALL_DIGIT:
            break
    if len(marks) > MOST_PIECES:
        raise PictureError("there are too many pieces of ink to be digits: use plain paper.")
    return grey, ink, pieces, marks


def _marks(ink: np.ndarray, pieces: np.ndarray) -> list[dict]:
    """Return each piece as a mark: its number, its box (left, top, right, bottom), its pixels and where it ends.

    Left out are specks: what is smaller than a point that the pen makes; and dots, if they are nearly all that there
    is, as on dotted paper.
    """
    pixels = np.bincount(pieces.ravel())
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    at_edge = np.bincount(edge, minlength=len(pixels))
    near = 1 + max(pieces.shape) // 150  # the soft end of a pencil is no ink
    marks = [
        {
            "numbers": [number],
            "box": (box[1].start, box[0].start, box[1].stop, box[0].stop),
            "height": box[0].stop - box[0].start,
            "pixels": int(pixels[number]),
            "at edge": any(own.start < near or own.stop > side - near for own, side in zip(box, pieces.shape)),
            "along edge": at_edge[number] > math.sqrt(pixels[number]),
        }
        for number, box in enumerate(ndimage.find_objects(pieces), start=1)
        if box is not None
    ]
    point = min(stroke_width(ink) ** 2 / 2, _usual(marks, "pixels", power=2) / 20)  # a pen makes no smaller one
    marks = [mark for mark in marks if mark["pixels"] > point]
    small = _usual(marks, "height", power=3) / 5
    others = [mark for mark in marks if mark["height"] > small or mark["box"][2] - mark["box"][0] > small]
    return others if len(marks) - len(others) > max(MANY_DOTS, 4 * len(others)) else marks


def _usual(marks: list[dict], size: str, power: int = 1) -> float:
    """Return the size that half of the ink is above of, and half below; what ends at the edge does not count."""
    inner = [mark for mark in marks if not mark["at edge"]] or marks
    inner.sort(key=lambda mark: mark[size])
    sums = np.cumsum([mark["pixels"] ** power for mark in inner])
    return inner[int(np.searchsorted(sums, sums[-1] / 2))][size]


def _join(marks: list[dict], height: float) -> tuple[list[dict], list[dict]]:
    """Return the digits, each with all its pieces, and what is no digit.

    A small piece above or below another one, such as the bar of a 5, belongs to it. A piece that is neither that nor
    half as high as the usual digit is no digit, but a point, a comma or a dash.
    """
    digits, others = [], []
    boxes = np.zeros((4, len(marks)))  # of the digits
    for mark in sorted(marks, key=lambda mark: mark["height"], reverse=True):
        owners = np.flatnonzero(_belongs(mark["box"], boxes[:, : len(digits)], height))
        if owners.size:
            owner = digits[owners[0]]
            owner["numbers"] += mark["numbers"]
            boxes[:, owners[0]] = owner["box"] = _joined(owner["box"], mark["box"])
        elif not _lies_at_edge(mark, height) and 0.45 * height <= mark["height"] <= 2.2 * height:
            boxes[:, len(digits)] = mark["box"]
            digits.append(mark)
        else:
            others.append(mark)
    return digits, others


def _lies_at_edge(mark: dict, height: float) -> bool:
    """Does a piece lie along the edge of the picture, or end there as a long thin line does?"""
    left, _, right, _ = mark["box"]
    is_line = mark["at edge"] and mark["height"] > max(height, 6 * (right - left))
    return is_line or mark["along edge"]


def _belongs(box: tuple, others: np.ndarray, height: float) -> np.ndarray:
    """Return of which of the other boxes, (4, N), a piece is a part: it lies above or below, and near, as (N,)."""
    left, top, right, bottom = box
    lefts, tops, rights, bottoms = others
    overlap = np.minimum(right, rights) - np.maximum(left, lefts)
    gap = np.maximum(top, tops) - np.minimum(bottom, bottoms)
    united = np.maximum(bottom, bottoms) - np.minimum(top, tops)
    is_above = overlap > np.minimum(right - left, rights - lefts) / 2
    return is_above & (gap < 0.25 * height) & (united < 1.7 * height)


def _joined(box: tuple, other: tuple) -> tuple:
    return min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3])


def _middle(mark: dict) -> tuple[float, float]:
    left, top, right, bottom = mark["box"]
    return (left + right) / 2, (top + bottom) / 2


# Lines


def _lines(digits: list[dict], height: float) -> list[list[dict]]:
    """Return the digits line by line, from left to right; a line may rise or fall.

    From left to right, each digit goes on with the line whose last digits lead nearest to it.
    """
    lines: list[list[dict]] = []
    leads = np.zeros((len(digits), 4))  # of each line: the middle of its last digit, its foot, and how much it falls
    for digit in sorted(digits, key=lambda digit: _middle(digit)[0]):
        (x, y), foot = _middle(digit), digit["box"][3]
        last_x, last_y, last_foot, slope = leads[: len(lines)].T
        away = np.minimum(abs(y - last_y - slope * (x - last_x)), np.minimum(abs(y - last_y), abs(foot - last_foot)))
        nearest = int(away.argmin()) if lines and away.min() < 0.6 * height else len(lines)
        if nearest == len(lines):
            lines.append([])
        lines[nearest].append(digit)
        leads[nearest] = x, y, foot, _slope(lines[nearest][-4:])
    usual = float(np.median([_slope(line) for line in lines if len(line) > 2] or [0.0]))
    return sorted(lines, key=lambda line: np.mean([y - usual * x for x, y in map(_middle, line)]))


def _slope(line: list[dict]) -> float:
    """Return by how much a line falls per pixel, by least squares; 0 for a few digits."""
    if len(line) < 3:
        return 0.0
    x, y = zip(*map(_middle, line))
    mean = sum(x) / len(x)
    fall = sum((own - mean) * other for own, other in zip(x, y)) / max(sum((own - mean) ** 2 for own in x), 1)
    return min(max(fall, -0.5), 0.5)


def _rise(line: list[dict]) -> float:
    """Return by how many degrees a line of digits rises; small angles are left as they are."""
    angle = -math.degrees(math.atan(_slope(line)))
    return angle if abs(angle) > 4 else 0.0


def _nearest_lines(marks: list[dict], lines: list[list[dict]]) -> list[int]:
    """Return for each mark the number of the line that has the nearest digit."""
    middles = np.array([_middle(digit) for line in lines for digit in line])
    numbers = [number for number, line in enumerate(lines) for _ in line]
    if not numbers:
        return [0] * len(marks)
    return [numbers[np.square(middles - _middle(mark)).sum(axis=1).argmin()] for mark in marks]


# Digits that touch


def _crop(ink: np.ndarray, pieces: np.ndarray, mark: dict) -> np.ndarray:
    left, top, right, bottom = mark["box"]
    window = slice(top, bottom), slice(left, right)
    own = pieces[window]
    return keep_pieces(ink[window], np.logical_or.reduce([own == number for number in mark["numbers"]]))


def _fitted(crop: np.ndarray, angle: float) -> torch.Tensor:
    if angle:
        turned = Image.fromarray(crop).rotate(-angle, Image.Resampling.BILINEAR, expand=True)
        crop = keep_pieces(np.asarray(turned), np.asarray(turned) > 0.3)
    return torch.from_numpy(centre(fit_into_20(crop))).unsqueeze(0)


def _read(images: list[torch.Tensor], model: nn.Module) -> list[tuple[int, float]]:
    with torch.inference_mode():  # in batches, since a page may have thousands
        logits = torch.cat([model(batch) for batch in torch.stack(images).split(BATCH)])
    p, digits = logits.softmax(1).max(1)
    return list(zip(digits.tolist(), p.tolist()))


def _may_touch(crop: np.ndarray, whole: float, height: float) -> bool:
    """Is a piece of ink so wide that it may be several digits? A little width does not count if the network is sure."""
    high, wide = crop.shape
    return wide >= 0.75 * max(high, height) and (wide >= 1.2 * height or whole <= 0.9)


def _parts(crop: np.ndarray, whole: float, height: float, angle: float, model: nn.Module) -> list[tuple]:
    """Return the digits of a wide piece of ink, if it is several that touch: (box, image, digit, probability) of each.

    The piece is cut at all places where a cut crosses little ink, upright and leaning. Of all ways to cut, the best is
    the one whose least sure digit is surest. It is taken if the network is surer of each part than of the whole.
    """
    best, parts = whole if crop.shape[1] < 1.6 * height else min(whole, 0.9), []
    ways = [_cut(crop, lean) for lean in (-0.35, 0, 0.35)]
    images = [_fitted(piece, angle) for _, pieces in ways for _, piece in pieces.values()]
    results = zip(images, _read(images, model) if images else [])
    for cuts, pieces in ways:
        read = dict(zip(pieces, results))
        for number in range(1, min(4, len(cuts) - 1)):
            for inner in itertools.combinations(range(1, len(cuts) - 1), number):
                between = list(itertools.pairwise([0, *inner, len(cuts) - 1]))
                if all(pair in read for pair in between):
                    least = min(read[pair][1][1] for pair in between)
                    if least > best and least > LEAST_SURE_PART:
                        best = least
                        parts = [(pieces[pair][0], read[pair][0], *read[pair][1]) for pair in between]
    return parts


def _cut(crop: np.ndarray, lean: float) -> tuple[list[int], dict]:
    """Return where a crop may be cut, and the piece between any two cuts: as (first, last) -> (box, ink).

    The cuts lean by this many pixels for each pixel of height. The first and the last are the ends of the crop.
    """
    high, wide = crop.shape
    y, x = np.indices(crop.shape)
    place = (x + lean * (y - high / 2)).clip(0, wide - 1)
    columns = np.bincount(place.astype(int).ravel(), crop.ravel(), minlength=wide)
    columns = ndimage.uniform_filter1d(columns, max(1, wide // 30))
    reach = max(1, high // 10)
    lowest = ndimage.minimum_filter1d(columns, 2 * reach + 1) == columns
    low = [c for c in np.flatnonzero(lowest).tolist() if 0.2 * high < c < wide - 0.2 * high]
    cuts = [0, *sorted(sorted(low, key=lambda c: columns[c])[:MOST_CUTS]), wide]
    pieces = {}
    for first, last in itertools.combinations(range(len(cuts)), 2):
        part = np.where((place >= cuts[first]) & (place < cuts[last]), crop, 0)
        box = Image.fromarray((part > INK).astype(np.uint8)).getbbox()
        if last - first < len(cuts) - 1 and box and box[3] - box[1] > 0.6 * high and box[2] - box[0] < 1.3 * high:
            pieces[first, last] = box, keep_pieces(part, part > INK)
    return cuts, pieces
