"""Read your own handwriting: the helpers of notebook 08.

A network trained on MNIST reads images that look like MNIST: bright ink on black, the digit 20 pixels
high or wide, its centre of mass in the middle of 28 x 28. `prepare` makes such an image of a photo.

For a first reading: `prepare_steps`, `fit_into_20` and `centre`. The rest finds the ink on any kind of paper.
"""

import math

import numpy as np
import torch
import torch.nn as nn
from PIL import Image, ImageFilter

from mnist_lesson.further.pictures import Picture, PictureError, to_grey
from mnist_lesson.results import predict

MOST_PIECES = 300  # of ink on a sheet: more is a texture
LEAST_CONTRAST = 20  # of 255: less is taken for an empty sheet
INK = 0.3  # less than this share of full ink is the soft rim of a stroke
THINNEST_STROKE = 1.6  # pixels of 20: thinner strokes are made thicker; 95 % of MNIST's images have thicker ones


def prepare(picture: Picture) -> torch.Tensor:
    """Return one handwritten digit as MNIST would show it: float, (1, 28, 28), values in 0..1, ink bright.

    `picture` is the path or the bytes of an image file, a Pillow image, an array (H, W), (H, W, 3) or
    (H, W, 4), or a tensor (H, W) or (channels, H, W); whole numbers from 0 to 255 (with
    16 bits to 65535), or fractions from 0 to 1.
    It may be a photo, a scan or a drawing, dark on light or light on dark, of up to 50 million pixels.
    Of a picture that moves, the first frame counts.
    Raises ValueError with one sentence if it cannot be read, or if there is no ink in it.
    """
    return torch.from_numpy(prepare_steps(picture)["centred"]).unsqueeze(0)


def prepare_steps(picture: Picture) -> dict[str, np.ndarray]:
    """Return what each step of `prepare` leaves, as name -> array; the last one, "centred", is (28, 28).

    "grey" and "paper" hold 0 (black) to 255 (white), the others ink from 0 (none) to 1.
    Raises ValueError as `prepare` does.
    """
    grey = dark_on_bright(to_grey(picture))
    paper = find_paper(grey)
    ink = find_ink(grey, paper)
    cropped = keep_pieces(ink, find_pieces(ink) > 0)
    fitted = fit_into_20(cropped)
    return {
        "grey": grey,
        "paper": paper,
        "ink": ink,
        "cropped": cropped,
        "fitted": fitted,
        "centred": centre(fitted),
    }


def split(picture: Picture) -> torch.Tensor:
    """Return the digits of a sheet, line by line and from left to right, each prepared: (N, 1, 28, 28).

    Digits must not touch each other. Small marks between them (points, dashes, commas) are left out.
    Raises ValueError as `prepare` does, and if there are too many pieces of ink to be digits.
    """
    grey = dark_on_bright(to_grey(picture))
    ink = find_ink(grey, find_paper(grey))
    pieces = find_pieces(ink)
    if len(np.unique(pieces)) > MOST_PIECES:
        raise PictureError("there are too many pieces of ink to be digits: use plain paper.")
    digits = [keep_pieces(ink, np.isin(pieces, numbers)) for numbers in group_digits(pieces)]
    return torch.from_numpy(np.stack([centre(fit_into_20(digit)) for digit in digits])).unsqueeze(1)


def read_number(picture: Picture, model: nn.Module) -> list[tuple[int, float]]:
    """Read the digits of a sheet in their order: pairs of digit and probability (0..1).

    Raises ValueError as `prepare` does.
    """
    return [predict(image, model, top=1)[0] for image in split(picture)]


# From grey numbers to ink


def dark_on_bright(grey: np.ndarray) -> np.ndarray:
    """Return a grey picture, (H, W), with dark ink on a bright ground: chalk on a blackboard is inverted.

    The ground is most of the picture and changes slowly. What sticks out most from it is ink.
    """
    small = _small(grey)
    ink_is_bright = ((small - _slow_change(small)) ** 3).sum() > 0  # the third power counts strong differences most
    return 255 - grey if ink_is_bright else grey


def find_ink(grey: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Return how much ink is on each pixel, (H, W): 0 (paper) to 1 (full ink), float.

    Paper minus picture is the ink; the grain of the paper is taken away. Raises ValueError if there is no ink.
    """
    smooth = Image.fromarray(grey)
    if min(grey.shape) > 100:  # in a small picture a stroke may be one pixel wide
        smooth = smooth.filter(ImageFilter.BoxBlur(1))
    depth = paper - np.asarray(smooth, dtype=np.float32)  # how much darker than the paper
    some = depth[:: 1 + len(depth) // 200, :: 1 + len(depth[0]) // 200]  # enough for a median
    depth -= np.median(some)  # most of a picture is paper
    grain = np.median(np.abs(some - np.median(some)))  # half of the paper's pixels differ less from its median
    rows = depth[:: 1 + len(depth) // 500]  # of a high picture, every second row tells as much
    darkest = max(9, rows.size // 20_000)
    full = np.median(np.partition(rows.ravel(), -darkest)[-darkest:])
    if full < max(LEAST_CONTRAST, 8 * grain):
        raise PictureError("there is no ink in this picture, or too little to see: write larger, or with a darker pen.")
    # A stroke is full in its middle and fades at its rim: less than a fifth is paper, three quarters are full.
    return ((depth / full - 0.2) / 0.55).clip(0, 1)


def _small(grey: np.ndarray) -> np.ndarray:
    """Return a picture so small that its longer side has at most 64 pixels."""
    scale = min(1, 64 / max(grey.shape))
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX), dtype=np.float32)


def _slow_change(grey: np.ndarray) -> np.ndarray:
    """Return the slow change of the light over a picture: the curved surface of degree two that fits it best."""
    y, x = (axis / max(grey.shape) for axis in np.indices(grey.shape))
    terms = np.stack([x**0, x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    return (terms @ np.linalg.lstsq(terms, grey.ravel(), rcond=None)[0]).reshape(grey.shape)


def find_paper(grey: np.ndarray) -> np.ndarray:
    """Return how bright the paper is at each place, (H, W), also below dark strokes: a morphological closing.

    The largest of all neighbours removes what is dark and narrow; the smallest of all neighbours then brings
    everything that is wide, such as a shadow, back to its size. The last step makes it a little wider than it
    is, or the edge of a shadow would be taken for a stroke.
    """
    small = _small(grey)
    size = max(small.shape) // 4  # more than the thickest stroke
    closed = _neighbours(_neighbours(small, size, np.max), size, np.min)
    paper = Image.fromarray(_neighbours(closed, 3, np.min))
    return np.asarray(paper.resize(grey.shape[::-1], Image.Resampling.BICUBIC))


def _neighbours(values: np.ndarray, size: int, extreme) -> np.ndarray:
    """Replace each number by the largest (np.max) or smallest (np.min) of about size x size numbers around it."""
    for axis in (0, 1):
        around = [(size // 2, size // 2), (0, 0)] if axis == 0 else [(0, 0), (size // 2, size // 2)]
        padded = np.pad(values, around, mode="edge")
        values = extreme(np.lib.stride_tricks.sliding_window_view(padded, size // 2 * 2 + 1, axis=axis), axis=-1)
    return values


# From ink to pieces


def find_pieces(ink: np.ndarray) -> np.ndarray:
    """Number the connected pieces of ink: whole numbers, (H, W), 0 where there is none.

    Left out are specks, with less than a twentieth of the largest piece's pixels, and what lies along the
    edge of the picture, such as a strip of the table (unless hardly anything else would be left).
    """
    is_ink = ink > INK
    pieces = _connected(is_ink)
    pixels = np.bincount(pieces[is_ink])
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    at_edge = np.bincount(edge[edge > 0], minlength=len(pixels))
    lies_along = at_edge > np.sqrt(pixels)  # a stroke that only ends there does not
    inside = np.where(lies_along, 0, pixels)
    if inside.max() > pixels.max() / 100:  # otherwise what lies along the edge is the digit
        pixels = inside
    pieces[is_ink] *= (pixels >= pixels.max() / 20)[pieces[is_ink]]
    return pieces


def _connected(mask: np.ndarray) -> np.ndarray:
    """Number the connected pieces of a mask, (H, W): row by row, each run of ink takes over from those above it."""
    pieces = np.zeros(mask.shape, dtype=np.int32)
    same = [0]  # same[i] is a piece that i turned out to belong to, i itself if none

    def first(i: int) -> int:
        while same[i] != i:
            i = same[i]
        return i

    change = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = (change == 1).nonzero()
    ends = (change == -1).nonzero()[1]
    above, runs, y, left = [], [], -1, 0
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist()):
        if row != y:
            above, runs, y, left = runs if row == y + 1 else [], [], row, 0
        while left < len(above) and above[left][1] < start:  # it ends before this run, and before all that follow
            left += 1
        place, touching = left, set()
        while place < len(above) and above[place][0] <= end:
            touching.add(first(above[place][2]))
            place += 1
        piece = min(touching, default=len(same))
        if not touching:
            same.append(piece)
        for other in touching:
            same[other] = piece
        pieces[row, start:end] = piece
        runs.append((start, end, piece))
    pieces[mask] = np.array([first(i) for i in range(len(same))], dtype=np.int32)[pieces[mask]]
    return pieces


def keep_pieces(ink: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the ink where `kept` is true, with its soft rim, cropped: no row or column at the edge is empty."""
    left, top, right, bottom = _box(kept)
    ink, kept = ink[top:bottom, left:right], kept[top:bottom, left:right]
    rim = Image.fromarray(kept.astype(np.uint8)).filter(ImageFilter.MaxFilter(3))
    return ink * np.asarray(rim)


def group_digits(pieces: np.ndarray) -> list[list[int]]:
    """Return the numbers of the pieces that make up each digit, line by line and from left to right.

    Pieces above each other in a line belong to one digit, such as the bar of a 5. Otherwise, what is not half as
    high as the highest piece of the sheet is no digit, but a point, a comma or a dash.
    """
    boxes = {number: _box(pieces == number) for number in np.unique(pieces[pieces > 0]).tolist()}
    highest = max(bottom - top for _, top, _, bottom in boxes.values())
    lines: list[dict] = []
    for number, (left, top, right, bottom) in sorted(boxes.items(), key=lambda item: item[1][1] - item[1][3]):
        is_digit = bottom - top > highest / 2
        line = next((line for line in lines if line["top"] <= (top + bottom) / 2 < line["bottom"]), None)
        if line is None:  # the highest piece of a line comes first, and says how far the line reaches
            reach = (bottom - top) / 4
            line = {"top": top - reach, "bottom": bottom + reach, "digits": []}
            lines.append(line)
        for digit in line["digits"]:
            overlap = min(right, digit["right"]) - max(left, digit["left"])
            if overlap > min(right - left, digit["right"] - digit["left"]) / 2:
                digit["numbers"].append(number)
                break
        else:
            if is_digit:
                line["digits"].append({"left": left, "right": right, "numbers": [number]})
    lines.sort(key=lambda line: line["top"])
    return [digit["numbers"] for line in lines for digit in sorted(line["digits"], key=lambda digit: digit["left"])]


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return where a mask is true: left, top, right and bottom."""
    return Image.fromarray(mask.astype(np.uint8)).getbbox()


# From pieces to MNIST's format


def fit_into_20(ink: np.ndarray) -> np.ndarray:
    """Fit ink into 20 x 20 keeping its aspect ratio: one side of the result is 20. Thin strokes are made thicker."""
    ink = _resize(ink, 80)
    missing = 4 * THINNEST_STROKE - stroke_width(ink)  # pixels of 80
    if missing > 0:
        thicker = Image.fromarray((255 * np.pad(ink, 4)).astype(np.uint8))
        thicker = thicker.filter(ImageFilter.MaxFilter(2 * math.ceil(missing / 2) + 1))
        ink = np.asarray(thicker, dtype=np.float32) / 255
        ink = keep_pieces(ink, ink > INK)
    return _resize(ink, 20)


def stroke_width(ink: np.ndarray) -> float:
    """Return about how thick the strokes of ink, (H, W), are, in pixels.

    A stroke of length l and width w has the area l w and, if it is long, an edge of 2 l: so w is twice the area
    over the edge. Rows and columns cross an edge 4 / pi times as often as it is long, on average over all
    directions. (Source: M. W. Crofton, "On the theory of local probability", 1868.)
    """
    is_ink = np.pad(ink > 0.5, 1)
    edge = sum(np.count_nonzero(np.diff(is_ink, axis=axis)) for axis in (0, 1)) * math.pi / 4
    return 2 * np.count_nonzero(is_ink) / edge


def _resize(ink: np.ndarray, longest: int) -> np.ndarray:
    """Bring the longer side to this many pixels, keeping the aspect ratio, and the darkest ink to 1."""
    height, width = (max(1, round(side * longest / max(ink.shape))) for side in ink.shape)
    resized = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
    return resized / resized.max()


def centre(ink: np.ndarray) -> np.ndarray:
    """Place ink of at most 20 x 20 in 28 x 28, its centre of mass as near to pixel (14, 14) as possible.

    It is moved by whole pixels, and no ink leaves the image.
    """
    place = []
    for axis, side in enumerate(ink.shape):
        mass = ink.sum(axis=1 - axis)
        middle = (mass * np.arange(side)).sum() / mass.sum()
        place.append(min(max(round(14 - middle), 0), 28 - side))
    top, left = place
    image = np.zeros((28, 28), dtype=np.float32)
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return image
