"""Which colours of the lesson some readers cannot tell apart, or can hardly see on white: lint.py asks here."""

from __future__ import annotations

import itertools

CONTRAST = 3  # what WCAG 2.1 asks for of lines and large letters on their ground
DISTANCE = 15  # in CIELAB, between two colours of the lesson: 2 can just be noticed
# What is left of red, green and blue without one kind of cone: G. Machado, M. Oliveira and L. Fernandes, "A
# physiologically-based model for simulation of color vision deficiency", 2009.
EYES = {
    "all three kinds of cone": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red cone": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cone": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue cone": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1098, 0.8730]]  # of sRGB; white is 1, 1, 1


def palette() -> dict[str, str]:
    """Return the named colours of the lesson's figures: {"BLUE": "#0072B2", ...}."""
    from matplotlib.colors import is_color_like

    from mnist_lesson import plots

    return {name: value for name, value in vars(plots).items() if name.isupper() and is_color_like(value)}


def alike(colours: dict[str, str]) -> list[str]:
    """Return a remark for each two colours that look alike to some readers."""
    return [
        f"{one} and {other} look alike to eyes with {eyes}: take colours that differ in brightness"
        for one, other in itertools.combinations(colours, 2)
        for eyes in EYES
        if distance(colours[one], colours[other], eyes) < DISTANCE
    ]


def faint(colours: dict[str, str]) -> list[str]:
    """Return the names of the colours that can hardly be seen on white: they are for areas with a dark edge."""
    return [name for name, colour in colours.items() if contrast(colour) < CONTRAST]


def contrast(colour: str) -> float:
    """Return the contrast of a colour with white, 1 to 21, as WCAG 2.1 defines it."""
    red, green, blue = light_of(colour)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def distance(one: str, other: str, eyes: str) -> float:
    """Return how far apart two colours are for such eyes, in the units of CIELAB."""
    import numpy as np

    seen = np.clip(np.array(EYES[eyes]) @ np.transpose([light_of(one), light_of(other)]), 0, 1)
    xyz = np.array(TO_XYZ) @ seen
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return float(np.linalg.norm(np.diff([116 * y, 500 * (x - y), 200 * (y - z)])))


def light_of(colour: str) -> list[float]:
    """Return how much red, green and blue light a colour has, each from 0 to 1."""
    from matplotlib.colors import to_rgb

    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
