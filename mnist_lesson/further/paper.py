"""Find the sheet in a photo, which way round ink and paper are, and how bright the paper is. For notebook 08.

In all functions, `grey` is a picture in grey, (H, W), uint8: 0 is black, 255 is white.
"""

import math

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

SMALL = 128  # pixels of the longer side of the small copy that shows the sheet and its light
WIDTHS = 3, 5, 9, 17, 33, 65  # of strokes, in pixels of that small copy
MOST_GRAIN = 12  # of 255: the brightest grain of paper is brighter than its usual grain by less


def shrunk(grey: np.ndarray, longest: int) -> np.ndarray:
    """Return a copy, float, whose longer side has at most this many pixels: each is the mean of those it covers."""
    scale = min(1, longest / max(grey.shape))
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX), dtype=np.float32)


def tiles(values: np.ndarray, side: int, extreme) -> np.ndarray:
    """Return the smallest (np.min) or largest (np.max) number of each tile of side x side, without what is left over."""
    rows, columns = (length // side for length in values.shape)
    whole = values[: rows * side, : columns * side].reshape(rows, side, columns * side)
    return extreme(extreme(whole, axis=1).reshape(rows, columns, side), axis=2)


def tidied(grey: np.ndarray) -> np.ndarray:
    """Return the sheet alone, upright, with dark ink on bright paper, and wide enough: what is found in it is ink."""
    grey = dark_on_bright(straighten(grey))
    height, width = grey.shape
    if height < 2.5 * width:
        return grey
    # The picture is cropped to a 1, perhaps with no paper beside it.
    brightest = np.quantile(grey, 0.98)
    paper = brightest if brightest > grey.mean() + 40 else 255
    return np.pad(grey, [(0, 0), (height // 4, height // 4)], constant_values=round(float(paper)))


def straighten(grey: np.ndarray) -> np.ndarray:
    """Return the sheet alone, upright, if a bright sheet lies on a darker table; otherwise the whole picture.

    The sheet may be turned by up to 40 degrees and seen from the side. Most of its edge must be seen: a bright part that
    mostly ends where the picture ends is paper beside a shadow.
    """
    corners = find_sheet(grey) if min(grey.shape) > SMALL else None
    if corners is None:
        return grey
    top, right, bottom, left = (math.dist(corners[i], corners[(i + 1) % 4]) for i in range(4))
    size = width, height = round((top + bottom) / 2), round((left + right) / 2)
    target = [(0, 0), (width, 0), (width, height), (0, height)]
    # Eight equations for the eight numbers of a perspective: where in the photo does each corner of the result lie?
    rows, places = [], []
    for (x, y), (u, v) in zip(target, corners):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        places += [u, v]
    numbers = np.linalg.solve(np.array(rows, dtype=float), np.array(places, dtype=float))
    photo = Image.fromarray(grey)
    sheet = np.asarray(photo.transform(size, Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BILINEAR))
    inside = sheet[height // 10 : height - height // 10 : 2, width // 10 : width - width // 10 : 2]
    is_empty = np.median(inside) - np.quantile(inside, 0.001) < 20  # not a sheet, but a thick stroke of chalk
    return grey if is_empty else sheet


def find_sheet(grey: np.ndarray) -> list[tuple[float, float]] | None:
    """Return the corners, (x, y), of a bright sheet on a darker ground, from the upper left one clockwise, or None."""
    small = Image.fromarray(shrunk(grey, SMALL).astype(np.uint8)).filter(ImageFilter.MedianFilter(3))
    small = np.asarray(small, dtype=np.float32)
    scale = max(grey.shape) / max(small.shape)
    bright = small > otsu(small)
    if bright.all() or small[bright].mean() - small[~bright].mean() < 40:
        return None
    bright = ndimage.binary_opening(bright, iterations=2)
    pieces, number = ndimage.label(bright)
    if not number:
        return None
    sheet = ndimage.binary_fill_holes(pieces == np.bincount(pieces[pieces > 0]).argmax())
    y, x = sheet.nonzero()
    # For a sheet turned by less than 45 degrees, each corner is the farthest point in one diagonal direction.
    ends = [way == way.max() for way in (-x - y, x - y, x + y, y - x)]
    corners = np.array([(x[end].mean(), y[end].mean()) for end in ends])
    if not (_is_whole(sheet, corners) and _is_sharp(sheet, small)):
        return None
    middle = corners.mean(axis=0)
    corners = middle + 0.97 * (corners - middle)  # a little inside: no rim of the table
    return [((x + 0.5) * scale, (y + 0.5) * scale) for x, y in corners]


def _is_whole(sheet: np.ndarray, corners: np.ndarray) -> bool:
    """Is this region, (H, W), a quadrangle with these corners, (4, 2), neither tiny nor cut off by the picture?"""
    area = sheet.sum()
    x, y = corners.T
    own_area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2  # of the quadrangle
    sides = [math.dist(corners[i], corners[i - 1]) for i in range(4)]
    along_edge = [edge.sum() for edge in (sheet[0], sheet[:, -1], sheet[-1], sheet[:, 0])]
    return (
        0.06 < area / sheet.size < 0.94
        and 0.85 < (own_area + sum(sides) / 2) / area < 1.12
        and max(sides) < 5 * min(sides)
        and sum(along_edge) <= 0.35 * sum(sides)
        and sum(edge > max(sides) / 4 for edge in along_edge) < 2
    )


def _is_sharp(sheet: np.ndarray, grey: np.ndarray) -> bool:
    """Does the brightness change at once at the rim of this region, (H, W)? The light of a lamp fades slowly."""
    rims = [sheet ^ change(sheet, iterations=3) for change in (ndimage.binary_erosion, ndimage.binary_dilation)]
    inner, outer = (grey[rim].mean() for rim in rims)
    return inner - outer > 0.5 * (grey[sheet].mean() - grey[~sheet].mean())


def otsu(values: np.ndarray) -> float:
    """Return the threshold that separates dark from bright values best.

    Source: N. Otsu, "A threshold selection method from gray-level histograms" (1979): the two groups' means differ most.
    """
    count, edges = np.histogram(values, bins=64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = count.cumsum()
    sums = (count * middles).cumsum()
    above = below[-1] - below
    difference = sums / np.maximum(below, 1) - (sums[-1] - sums) / np.maximum(above, 1)
    return float(edges[1:][(below * above * difference**2.0).argmax()])


def dark_on_bright(grey: np.ndarray) -> np.ndarray:
    """Return the picture with dark ink on a bright ground: chalk on a blackboard is inverted.

    Ink is narrow, and nothing else is so narrow and differs so much: a hand or a table at the edge is wide, and the
    inside of a 0 is wider than its stroke. So strokes are counted in the picture and in its negative. In a picture
    that is cropped to a thick digit, there is little else; but in its corners is paper, and on a board they are dark.
    """
    dark, bright = _strokes(grey).sum(), _strokes(255 - grey).sum()
    share = _dark_corners(grey)
    is_board = bright > 3 * dark and (share > 0.2 or len(grey) < 1.6 * len(grey[0]))
    is_bright_ink = is_board or (bright > dark and share > 0.5) or (bright > dark / 2 and share > 0.95)
    return 255 - grey if is_bright_ink else grey


def _dark_corners(grey: np.ndarray) -> float:
    """Return how much of the four corners of a picture is dark, 0 to 1."""
    side = max(1, min(grey.shape) // 10)
    corners = grey[np.r_[:side, -side:0]][:, np.r_[:side, -side:0]]
    return float((corners <= otsu(shrunk(grey, SMALL))).mean())


def _strokes(grey: np.ndarray) -> np.ndarray:
    """Return how much dark ink there is of each of the WIDTHS, as a number of squares that have this width.

    All that is dark and narrower is filled with what is around; the difference to the next narrower width counts.
    """
    if max(grey.shape) > 2 * SMALL:  # single dark pixels are no strokes
        grey = np.asarray(Image.fromarray(grey).reduce(2))
    step = math.ceil(max(grey.shape) / SMALL)
    darkest = tiles(grey, step, np.min).astype(np.float32)
    filled = [ndimage.grey_closing(darkest, width, mode="nearest") - darkest for width in WIDTHS]
    filled = [(change - np.median(change).clip(0, MOST_GRAIN)).clip(0) for change in filled]
    strength = [(change**3).sum() for change in filled]  # the third power counts strong differences most
    return np.diff(strength, prepend=0) / np.square(WIDTHS)


def find_paper(grey: np.ndarray) -> np.ndarray:
    """Return how bright the paper is at each place, (H, W), also below dark strokes: a morphological closing.

    The largest of all neighbours removes what is dark and narrow; the smallest of all neighbours then brings
    everything that is wider than a stroke, such as a shadow or a hand, back to its size. The last step makes it a
    little wider than it is, or its edge would be taken for a stroke. All that is done twice: as it is, and with the
    slow change of the light taken away before and added again, since a closing makes the darkest part of a slope
    level. Paper is never darker than ink, so both are at least as bright as the paper, and the darker one is nearer.
    """
    small = shrunk(grey, SMALL)
    strokes = _strokes(grey)
    if _dark_corners(grey) > 0.2:
        strokes = strokes[:-1]  # such a wide thing in a corner is no stroke
    widest = max(
        (width for width, number in zip(WIDTHS, strokes) if number >= strokes.max() / 5 > 0), default=WIDTHS[0]
    )
    size = 2 * widest + 1  # where strokes meet, ink is wider than one stroke
    if max(grey.shape) < SMALL:  # a small picture shows one digit, and no shadow
        return ndimage.grey_closing(small, max(size, max(grey.shape) // 3), mode="nearest")
    papers = []
    for light in (np.zeros_like(small), _slow_change(small)):
        closed = ndimage.grey_closing(small - light, size, mode="nearest")
        papers.append(ndimage.minimum_filter(closed, 3, mode="nearest") + light)
    paper = np.minimum(*papers)
    # It is as bright as the brightest grain. Most of what is around each place is paper, of usual brightness.
    usual = Image.fromarray(tiles(paper - small, min(16, *small.shape), np.median).clip(0, MOST_GRAIN))
    paper = Image.fromarray(paper - np.asarray(usual.resize(small.shape[::-1], Image.Resampling.BILINEAR)))
    return np.asarray(paper.resize(grey.shape[::-1], Image.Resampling.BICUBIC))


def steps_of(paper: np.ndarray) -> np.ndarray:
    """Return where the brightness of paper, (H, W), changes at once, by more than a sixth: at the rim of a table."""
    small = shrunk(paper, SMALL)
    is_step = ndimage.maximum_filter(small, 3) > 1.2 * ndimage.minimum_filter(small, 3)
    near = ndimage.maximum_filter(is_step, 3)
    return np.asarray(Image.fromarray(near).resize(paper.shape[::-1], Image.Resampling.NEAREST))


def _slow_change(grey: np.ndarray) -> np.ndarray:
    """Return the slow change of the light over a picture: the curved surface of degree two that fits it best."""
    y, x = (axis / max(grey.shape) for axis in np.indices(grey.shape, dtype=np.float32))
    terms = np.stack([x**0, x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    return (terms @ np.linalg.lstsq(terms, grey.ravel(), rcond=None)[0]).reshape(grey.shape)
