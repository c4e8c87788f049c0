"""Read pictures of any kind as grey numbers, and refuse bad ones in a sentence: the first step of notebook 08."""

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

MOST_PIXELS = 50_000_000  # of a picture; a usual phone takes 12 million
WORK_PIXELS = 750_000  # a larger picture is made smaller first: enough for a number on a whole sheet
FINE_PIXELS = 4_000_000  # if that is not enough
LEAST_SIDE = 8  # pixels: a digit cannot be told from less

Picture = str | Path | bytes | Image.Image | np.ndarray | torch.Tensor


class PictureError(ValueError):
    """A picture cannot be prepared; unlike Pillow's own ValueErrors, it says so in a sentence for its maker."""


def to_grey(picture: Picture, pixels: int = WORK_PIXELS) -> np.ndarray:
    """Return a picture as grey numbers, uint8, (H, W), 0 black, 255 white, upright, of about so many pixels at most.

    Raises ValueError if it cannot be read, or is too large or too small.
    """
    with _in_a_sentence():
        return np.asarray(_upright_grey(picture, pixels))


def opened(picture: Picture) -> Picture:
    """Return a picture that `to_grey` can give in several sizes although its file is read once.

    A JPEG file stays as it is: `to_grey` reads it at a smaller size, which is faster than once as a whole.
    Raises ValueError as `to_grey` does.
    """
    with _in_a_sentence():
        if isinstance(picture, np.ndarray | torch.Tensor | Image.Image):
            return picture
        with _open(picture) as image:
            if image.format in ("JPEG", "MPO"):
                return picture
            image.load()
            return image


@contextlib.contextmanager
def _in_a_sentence() -> Iterator[None]:
    """Say what is wrong with a picture in a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of many things that do no harm here
            yield
    except PictureError:
        raise
    except Exception as error:  # what is wrong with a file, Pillow says in many ways
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise PictureError(
            f"the picture could not be read ({reason[:80]}), or was closed: open it in another program and save it as "
            "PNG or JPEG."
        ) from error


def _upright_grey(picture: Picture, pixels: int) -> Image.Image:
    if isinstance(picture, np.ndarray | torch.Tensor):
        image = _from_array(picture)
    else:
        image = _usual_mode(picture if isinstance(picture, Image.Image) else _read_small(picture, pixels))
    image = ImageOps.exif_transpose(_shrink(image, pixels))  # phones store which side was up
    return _on_paper(image) if "A" in image.getbands() else image.convert("L")


def _read_small(picture: str | Path | bytes, pixels: int) -> Image.Image:
    """Read an image file, a JPEG in grey and not much larger than needed, which saves time and memory."""
    with _open(picture) as image:
        least = round(math.sqrt(pixels) * 1.15)
        image.draft("L", (least, least))
        image.load()
    return image


def _open(picture: str | Path | bytes) -> Image.Image:
    """Open an image file and look at its size, before it is read: a small file may unpack to gigabytes."""
    if isinstance(picture, bytes):
        picture = io.BytesIO(picture)
    elif not isinstance(picture, str | Path):
        raise PictureError(
            f"expected a path, bytes, a Pillow image, an array or a tensor, found {type(picture).__name__}."
        )
    elif not Path(picture).is_file():
        problem = "is a folder: name a picture in it" if Path(picture).is_dir() else "does not exist: check its name"
        raise PictureError(f"{str(picture)[:100]!r} {problem}.")
    try:
        file = Image.open(picture)
    except Image.UnidentifiedImageError as error:
        raise PictureError(
            "this is no picture that Pillow can read: use PNG or JPEG (an iPhone's HEIC photo must be converted)."
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"expected at most {MOST_PIXELS:,} pixels, found far more: make the picture smaller."
        ) from error
    try:
        _check_size(file.height, file.width)
    except PictureError:
        file.close()
        raise
    return file


def _check_size(height: int, width: int) -> None:
    if height * width > MOST_PIXELS:
        raise PictureError(
            f"expected at most {MOST_PIXELS:,} pixels, found {height} x {width}: make the picture smaller."
        )
    if min(height, width) < max(LEAST_SIDE, max(height, width) / 100):
        raise PictureError(
            f"a picture of {height} x {width} pixels is too small or too narrow for a digit: use a larger one."
        )


def _usual_mode(image: Image.Image) -> Image.Image:
    """Return a picture in grey or in colours, 8 bits each; with transparency, if it has any."""
    _check_size(image.height, image.width)
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits
        return _from_array(np.asarray(ImageOps.exif_transpose(image)))
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    return image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGB")


def _from_array(values: np.ndarray | torch.Tensor) -> Image.Image:
    """Turn an array or a tensor into a Pillow image."""
    if isinstance(values, torch.Tensor):
        values = (values.float() if values.is_floating_point() else values).detach().cpu().numpy()
        values = np.moveaxis(values, 0, -1) if values.ndim == 3 else values
    values = np.asarray(values)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2 and not (values.ndim == 3 and values.shape[2] in (3, 4)):
        raise PictureError(
            f"expected an array of shape (H, W), (H, W, 3) or (H, W, 4), found {values.shape}: pass a single picture."
        )
    _check_size(*values.shape[:2])
    if values.dtype.kind not in "buif":
        raise PictureError(f"expected numbers from 0 to 255, or from 0 to 1, found an array of {values.dtype}.")
    low, high = float(values.min()), float(values.max())
    largest = 255 if values.dtype.kind == "f" else 65535  # a picture of 16 bits
    if not 0 <= low <= high <= largest:  # NaN fails every comparison
        raise PictureError(f"expected numbers from 0 to 255, or from 0 to 1, found {low:g} to {high:g}.")
    white = 1 if high <= 1 else 255 if high <= 255 else 65535
    if white == 255 and values.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(values))
    grey = np.empty(values.shape, dtype=np.uint8)
    for row, own in zip(grey, values):  # row by row: all at once would take gigabytes for a large picture
        row[...] = (own * (255 / white)).round()
    return Image.fromarray(grey)


def _shrink(image: Image.Image, pixels: int) -> Image.Image:
    """Make a large picture smaller by a whole factor: each new pixel is the mean of a square of old ones."""
    factor = math.ceil(math.sqrt(image.width * image.height / pixels))
    return image.reduce(factor) if factor > 1 else image


def _on_paper(image: Image.Image) -> Image.Image:
    """Put a drawing with transparent parts on white, or on black if all of its own colours are bright."""
    own = np.asarray(image.convert("L"))[np.asarray(image.getchannel("A")) > 127]
    ground = "black" if own.size and own.min() > 127 else "white"
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image.convert("RGBA")).convert("L")
