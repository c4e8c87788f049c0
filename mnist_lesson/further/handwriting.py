"""Read your own handwriting: the helpers of notebook 08.

A network trained on MNIST reads images that look like MNIST: bright ink on black, the digit 20 pixels
high or wide, its centre of mass in the middle of 28 x 28. `prepare` makes such an image of a photo.

For a first reading: `prepare_steps`, `fit_into_20` and `centre`. The sheet is found in `paper`, the ink in `ink`;
`sheets` reads several digits.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy import ndimage

from mnist_lesson.further.ink import INK, find_ink, find_pieces, keep_pieces, stroke_width
from mnist_lesson.further.paper import find_paper, tidied
from mnist_lesson.further.pictures import FINE_PIXELS, WORK_PIXELS, Picture, PictureError, opened, to_grey

FEW_PIXELS = 400_000  # of a picture: enough, unless its digit is small
SMALL_DIGIT = 80  # pixels of its longer side
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
    looks = closer_looks(picture, FEW_PIXELS, WORK_PIXELS, FINE_PIXELS)
    for grey, paper, ink in itertools.islice(looks, 2):  # ink that is found is looked at once more at most
        cropped = keep_pieces(ink, one_digit(find_pieces(ink, paper, grey)))
        if max(cropped.shape) >= SMALL_DIGIT:
            break
    fitted = fit_into_20(cropped)
    return {
        "grey": grey,
        "paper": paper,
        "ink": ink,
        "cropped": cropped,
        "fitted": fitted,
        "centred": centre(fitted),
    }


def closer_looks(picture: Picture, *sizes: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the grey sheet, its paper and its ink, (H, W) each, with more and more pixels: about so many at most.

    A thin stroke may be seen only in a closer look. Raises ValueError as `prepare` does, if the last one shows no ink.
    """
    picture = opened(picture)
    for pixels in sizes:
        grey = tidied(to_grey(picture, pixels))
        is_last = pixels == sizes[-1] or grey.size < pixels / 4  # so small is no picture that was made smaller
        paper = find_paper(grey)
        try:
            ink = find_ink(grey, paper)
        except PictureError:
            if is_last:
                raise
        else:
            yield grey, paper, ink
        if is_last:
            return


def one_digit(pieces: np.ndarray) -> np.ndarray:
    """Return where the largest piece of ink is, (H, W), and all that is near enough to be a part of its digit.

    A piece that reaches the edge of the picture is a pencil or a hand, if there is another one far from it.
    """
    boxes = dict(enumerate(ndimage.find_objects(pieces), start=1))
    pixels = np.bincount(pieces.ravel())
    numbers = sorted((number for number, box in boxes.items() if box), key=lambda number: -pixels[number])
    at_edge = {*pieces[0], *pieces[-1], *pieces[:, 0], *pieces[:, -1]}
    first = numbers[0]
    if first in at_edge:
        first = next((n for n in numbers if n not in at_edge and not _near(boxes[n], boxes[first], 1 / 8)), first)
    kept, box = [first], boxes[first]
    for number in numbers:
        if number != first and _near(boxes[number], box) and not (first not in at_edge and number in at_edge):
            kept.append(number)
            box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(boxes[number], box))
    is_kept = np.zeros(len(pixels), dtype=bool)
    is_kept[kept] = True
    return is_kept[pieces]


def _near(box: tuple[slice, slice], other: tuple[slice, slice], share: float = 1 / 3) -> bool:
    """Is a box not farther from another one than a share of the longer side of that one?"""
    reach = share * max(axis.stop - axis.start for axis in other)
    return all(a.start - b.stop < reach and b.start - a.stop < reach for a, b in zip(box, other))


def fit_into_20(ink: np.ndarray) -> np.ndarray:
    """Fit ink into 20 x 20 keeping its aspect ratio: one side of the result is 20. Thin strokes are made thicker."""
    image = _resize(Image.fromarray(ink), 80)
    ink = np.asarray(image)
    ink = ink / ink.max()
    missing = 4 * THINNEST_STROKE - stroke_width(ink)  # pixels of 80
    if missing > 0:
        thicker = Image.fromarray((255 * np.pad(ink, 4)).astype(np.uint8))
        thicker = thicker.filter(ImageFilter.MaxFilter(2 * math.ceil(missing / 2) + 1))
        ink = np.asarray(thicker, dtype=np.float32) / 255
        image = Image.fromarray(keep_pieces(ink, ink > INK))
    fitted = np.asarray(_resize(image, 20))
    return fitted / fitted.max()


def _resize(image: Image.Image, longest: int) -> Image.Image:
    """Bring the longer side to this many pixels, keeping the aspect ratio."""
    width, height = (max(1, round(side * longest / max(image.size))) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def centre(ink: np.ndarray) -> np.ndarray:
    """Place ink of at most 20 x 20 in 28 x 28, its centre of mass as near to pixel (14, 14) as possible.

    It is moved by whole pixels, and no ink leaves the image.
    """
    place = []
    for axis, side in enumerate(ink.shape):
        mass = ink.sum(axis=1 - axis)
        middle = mass @ np.arange(side) / mass.sum()
        place.append(min(max(round(14 - middle), 0), 28 - side))
    top, left = place
    image = np.zeros((28, 28), dtype=np.float32)
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return image
