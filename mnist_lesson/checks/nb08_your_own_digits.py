"""The self-checks of the exercises of notebook 08_your_own_digits."""

import math
import random
from collections.abc import Callable

import torch

from mnist_lesson.checks.compare import CLEAR, compare, draw_until
from mnist_lesson.checks.judge import exercise


@exercise(
    "8.1",
    "Most pixels are ground, so the grey in the middle of all greys, sorted, is one of the ground. Is it nearer to the "
    "darkest grey of this picture or to the brightest?",
    errors={
        "Boolean value of Tensor": "`if` needs one True or False, and comparing a whole picture gives one for each "
        "pixel. Which one grey could stand for all?"
    },
)
def bright_ink(answer: Callable) -> None:
    def middle(picture):
        return (picture.min() + picture.max()) / 2

    def has_dark_ink(picture):
        return picture.median() > middle(picture)

    def inverted_if(is_paper, inverse=lambda picture: 1 - picture):
        return lambda picture: inverse(picture) if is_paper(picture) else picture

    right = inverted_if(has_dark_ink)

    def grey(least):
        # Neither near a tenth nor halfway between two: whoever rounds to tenths, to find the commonest grey, is right.
        return least + random.randrange(4) / 10 + random.choice((0.03, 0.07))

    def paint(is_ink, ground, ink):
        # Both are a little uneven. The ground has a tail away from the ink, which misleads whoever leaves out the
        # darkest and the brightest pixels: these may be all the ink.
        uneven = 0.01 * (ground - ink) * torch.rand(is_ink.shape) ** 3
        return torch.where(is_ink, ink, ground) + uneven

    def draw():
        places = _places_of_ink(random.randint(10, 12), random.randint(13, 15))
        # Each pixel is ink in some of these, and no fixed grey tells dark ink from bright ink in the last ones.
        greys = [(is_ink, grey(0), grey(0.6)) for is_ink in places]
        greys += [(is_ink, *both) for is_ink in places[-2:] for both in ((0.13, 0.33), (0.63, 0.93))]
        return [(paint(is_ink, *pair),) for is_ink, one, other in greys for pair in ((one, other), (other, one))]

    def edge(picture):
        return torch.cat([picture[0], picture[-1], picture[:, 0], picture[:, -1]])

    def without_extremes(picture):
        return (picture.quantile(0.1) + picture.quantile(0.9)) / 2

    one_part = "A corner, the edge or the middle of a picture may be ink or ground: let all pixels decide."
    mistakes = [
        (lambda picture: 1 - picture, "You always invert: a picture whose ink is bright already must stay as it is."),
        (lambda picture: picture, "You never invert: a picture with dark ink on bright paper must be turned round."),
        (lambda picture: 1 - right(picture), "It is the wrong way round: now the ink is always dark."),
        (inverted_if(has_dark_ink, lambda picture: 255 - picture), "White is 1 here, not 255."),
        (inverted_if(has_dark_ink, lambda picture: -picture), "The inverse of 0 is 1, and that of 1 is 0."),
        (
            inverted_if(has_dark_ink, lambda picture: picture.max() - picture),
            "The inverse of 0 is 1, and that of 1 is 0.",
        ),
        (
            inverted_if(has_dark_ink, lambda picture: picture.min() + picture.max() - picture),
            "You swap the darkest and the brightest grey of the picture: the inverse of 0 is 1, and that of 1 is 0.",
        ),
        (
            lambda picture: (right(picture) > middle(right(picture))).float(),
            "This is black and white only: a picture keeps its greys.",
        ),
        (inverted_if(lambda picture: edge(picture).median() > middle(picture)), one_part),
        (inverted_if(lambda picture: edge(picture).mean() > picture.mean()), one_part),
        (
            inverted_if(lambda picture: picture.median() > without_extremes(picture)),
            "A thin stroke is only a few pixels: if you leave out the darkest and the brightest, no ink may be left.",
        ),
    ]
    for row, column in ((0, -1), (-1, 0), (-1, -1), (5, 6)):
        mistakes.append((inverted_if(lambda picture, r=row, c=column: picture[r, c] > middle(picture)), one_part))
    all_corners = [0, 0, -1, -1], [0, -1, 0, -1]  # rows and columns
    for part in ((0, 0), all_corners):
        mistakes += [
            (inverted_if(lambda picture, part=part: picture[part].mean() > middle(picture)), one_part),
            (inverted_if(lambda picture, part=part: picture[part].mean() > picture.mean()), one_part),
            (inverted_if(lambda picture, part=part: picture[part].mean() > 0.5), one_part),
        ]
    not_halfway = (
        "What you compare with is not halfway between the darkest grey and the brightest: the darkest is seldom 0."
    )
    for score in (torch.mean, torch.median):
        mistakes += [
            (inverted_if(lambda picture, score=score: score(picture) > picture.max() / 2), not_halfway),
            (
                inverted_if(lambda picture, score=score: score(picture) > (picture.max() - picture.min()) / 2),
                not_halfway,
            ),
        ]
    by_pixel = "Each pixel is inverted or not for itself in your function: decide once, for the whole picture."
    for limit in (middle, lambda picture: 0.5):
        mistakes += [
            (lambda picture, limit=limit: torch.where(picture > limit(picture), 1 - picture, picture), by_pixel),
            (lambda picture, limit=limit: torch.where(picture > limit(picture), picture, 1 - picture), by_pixel),
        ]
    fixed_grey = (
        "A fixed grey decides in your function. But paper in a shadow may be darker than a board in the sun: compare "
        "with greys of the picture itself, such as its darkest and its brightest."
    )
    for fixed in (0.3, 0.4, 0.5, 0.6):
        mistakes += [
            (inverted_if(lambda picture, fixed=fixed: picture.median() > fixed), fixed_grey),
            (inverted_if(lambda picture, fixed=fixed: picture.mean() > fixed), fixed_grey),
            (inverted_if(lambda picture, fixed=fixed: (picture > fixed).float().mean() > 0.5), fixed_grey),
        ]
    compare(answer, draw, right, mistakes)


def _places_of_ink(height: int, width: int) -> list[torch.Tensor]:
    """Return in what places the ink may be: for each, a picture that is True where ink is.

    It is in one third of the pixels, whichever it is if they are sorted from the edge inwards, by their row, by their
    column, into a grid, or at random; and in 40 % of them, and in three.
    """
    pixels = height * width
    row, column = torch.arange(pixels) // width, torch.arange(pixels) % width
    from_edge = torch.stack([row, column, height - 1 - row, width - 1 - column]).amin(dim=0)
    inks = []
    for key in (from_edge, row, column, row % 2 * 2 + column % 2, torch.zeros(pixels)):
        inks += (key + 0.5 * torch.rand(pixels)).argsort().tensor_split(3)
    anywhere = torch.randperm(pixels)
    inks += [anywhere[: pixels * 2 // 5], anywhere[:3]]
    return [torch.isin(torch.arange(pixels), ink).view(height, width) for ink in inks]


@exercise("8.2", "One factor for both sides, or the digit is distorted. Which side decides about it?")
def new_size(answer: Callable) -> None:
    def scaled(height, width, by, whole=round, least=1):
        return max(least, whole(height * 20 / by)), max(least, whole(width * 20 / by))

    def by_longer(height, width):
        return scaled(height, width, max(height, width))

    def draw():
        longer = random.randrange(101, 300, 2)  # odd, so that no side ends in exactly one half
        shorter = random.randint(10, 100)
        sizes = [(longer, shorter), (100, 37), (100, 97), (12, 7), (20, 13), (500, 5), (60, 2), (9, 1)]
        return [*sizes, *((width, height) for height, width in sizes), (50, 50), (20, 20), (6, 6), (1, 1)]

    mistakes = [
        (lambda h, w: (20, 20), "This distorts the digit: a 1 becomes as wide as it is high."),
        (lambda h, w: by_longer(h, w)[::-1], "The height comes first."),
        (
            lambda h, w: by_longer(h, w) if max(h, w) > 20 else (h, w),
            "A digit smaller than 20 x 20 must grow: its longer side becomes 20, too.",
        ),
    ]
    for least in (1, 0):
        mistakes += [
            (
                lambda h, w, least=least: scaled(h, w, h, least=least),
                "If the digit is wider than high, its width becomes more than 20.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, w, least=least),
                "If the digit is higher than wide, its height becomes more than 20.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, min(h, w), least=least),
                "The longer side must become 20, not the shorter one.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, max(h, w), int, least),
                "Round to the nearest whole number: `int` and `//` only cut off.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, max(h, w), math.ceil, least),
                "Round to the nearest whole number, not always up.",
            ),
            (
                lambda h, w, least=least: scaled(h, w, max(h, w), float, least),
                "There are no parts of pixels: `round` makes whole numbers.",
            ),
        ]
    mistakes.append(
        (
            lambda h, w: scaled(h, w, max(h, w), least=0),
            "A very thin stroke loses all its pixels: at least 1 must be left.",
        )
    )
    compare(answer, draw, by_longer, mistakes)


@exercise(
    "8.3",
    "A mean in which each place counts as often as it has ink. How much ink is there in each row?",
    errors={
        "division by zero": "You divide by zero. In a faint image no pixel may reach a limit such as 0.5: all the ink "
        "counts, however little.",
    },
)
def centre_of_mass(answer: Callable) -> None:
    def right(image):
        rows, columns = (torch.arange(side) for side in image.shape)
        total = image.sum()
        return (image.sum(1) * rows).sum().item() / total.item(), (image.sum(0) * columns).sum().item() / total.item()

    def box(image):
        places = image.nonzero()
        return tuple(((places.amin(0) + places.amax(0)) / 2).tolist())

    def blot(height, width):
        image = torch.zeros(height, width)
        image[1:-2, 3:] = torch.rand(height - 3, width - 3) ** 3
        image[0, 1] = 0.5
        return image

    def draw():
        corner, row = torch.zeros(7, 5), torch.zeros(6, 9)
        corner[0, 0] = 0.7
        row[4] = torch.rand(9)
        wide = [blot(random.randint(6, 9), random.randint(10, 14)) for _ in range(2)]
        high = blot(random.randint(10, 14), random.randint(6, 9))
        faint = 0.01 * blot(8, 8)
        return [(image,) for image in (*wide, high, faint, blot(28, 28), corner, row, torch.rand(1, 8))]

    mistakes = [
        (lambda image: right(image)[::-1], "The row comes first: axis 0 is the height."),
        (
            lambda image: right((image > 0).float()),
            "You count the pixels that have ink: weigh each by how much it has.",
        ),
        (box, "This is the middle of the box around the digit: weigh each place by its ink."),
        (
            lambda image: tuple((side - 1) / 2 for side in image.shape),
            "This is the middle of the image, wherever the ink is.",
        ),
        (
            lambda image: tuple(side / 2 for side in image.shape),
            "This is the middle of the image, wherever the ink is.",
        ),
        (
            lambda image: tuple(place * image.sum().item() / image.count_nonzero().item() for place in right(image)),
            "You divide by the number of pixels: divide by all the ink.",
        ),
        (lambda image: tuple(place + 1 for place in right(image)), "The first row and the first column have number 0."),
        (
            lambda image: tuple(place * image.sum().item() for place in right(image)),
            "This is a sum: divide by all the ink.",
        ),
        (
            lambda image: tuple(place * image.mean().item() for place in right(image)),
            "You divide by the number of pixels: divide by all the ink.",
        ),
        (lambda image: tuple(map(round, right(image))), "Do not round: the middle may lie between two pixels."),
        (lambda image: tuple(map(int, right(image))), "Do not cut off: the middle may lie between two pixels."),
        (
            lambda image: tuple(divmod(image.argmax().item(), image.shape[1])),
            "This is the pixel with the most ink: take the mean over all of them.",
        ),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "8.4",
    "With what is a threshold compared, and do you have that yet? The prediction itself is as before.",
    errors={
        "Boolean value of Tensor": "`if` needs one True or False, and here is one for each image. A comparison of a "
        "whole tensor can also say at which places something is to be put.",
        "return_types.max": "Along an axis, `max` gives two things, the largest numbers and their places. Take the one "
        "that you need.",
    },
)
def refuse(answer: Callable) -> None:
    def by(score, threshold, logits, compare_with=torch.lt, refused=-1):
        best, predictions = score(logits).max(dim=1)
        return predictions.masked_fill(compare_with(best, threshold), refused)

    def softmax(logits):
        return logits.softmax(dim=1)

    def gap(logits):
        first, second = softmax(logits).topk(2, dim=1).values.unbind(dim=1)
        return first - second

    def right(logits, threshold):
        return by(softmax, threshold, logits)

    def with_digits(logits):
        """Mix the classes of each image, so that each digit is the largest in one of the first ten."""
        turns = torch.randperm(10)
        return torch.stack([row.roll(int(turns[place % 10])) for place, row in enumerate(logits)])

    def near(threshold):
        """Return two images: a sure one with a close second, and one that is not sure, but far ahead of all others."""
        sure, unsure = threshold + 0.1 * (1 - threshold), 0.9 * threshold
        second = min(0.99 * (1 - sure), 0.9 * sure)
        one = [sure, second, *[(1 - sure - second) / 8] * 8]
        other = [unsure, *[(1 - unsure) / 9] * 9]
        return torch.tensor([one, other]).log()

    def case(size, threshold):
        logits = torch.randn(size, 10)
        logits[:, 0] = logits.amax(dim=1) + torch.linspace(0.2, 6, size)  # from hardly ahead to sure
        logits = torch.cat([near(threshold), logits])
        return with_digits(logits + 10 * torch.randn(len(logits), 1)), threshold

    def close(case):
        """Rounding must neither decide which class is the first, nor whether it reaches the threshold."""
        logits, threshold = case
        is_close = (gap(logits) < CLEAR) | ((softmax(logits).amax(dim=1) - threshold).abs() < CLEAR)
        return "a probability is too close to another or to the threshold" if is_close.any() else ""

    def draw():
        thresholds = (0.3, 0.5, 0.8, 0.9, random.uniform(0.4, 0.95))
        cases = [draw_until(lambda: case(random.randint(8, 12), threshold), close) for threshold in thresholds]
        # The largest of these probabilities is just 1: nothing else is left when a computer rounds.
        certain = torch.full((1, 10), -120.0)
        certain[0, 0] = 0
        logits, threshold = cases[2]
        one_by_one = [(logits[:1], threshold), (logits[1:2], threshold)]
        return [*cases, *one_by_one, (with_digits(certain), 1.0), (with_digits(torch.cat([near(0.9), certain])), 1.0)]

    not_predictions = "These are probabilities: the predictions were asked for, or -1."
    wrong_axis = "Softmax must run over the ten classes of each row, axis 1."
    no_sigmoid = (
        "Sigmoid looks at each logit alone: probabilities of ten classes, which add up to 1, are made by softmax."
    )
    mistakes = [
        (lambda logits, t: by(lambda x: x, t, logits), "You compare a logit: make probabilities of the logits first."),
        (lambda logits, t: by(torch.sigmoid, t, logits), no_sigmoid),
        (lambda logits, t: logits.argmax(dim=1).masked_fill(logits.sigmoid().amax(dim=1) < t, -1), no_sigmoid),
        (lambda logits, t: by(softmax, t, logits, torch.gt), "It is the wrong way round: refuse the unsure ones."),
        (
            lambda logits, t: by(softmax, t, logits, torch.le),
            "A probability that is just the threshold is not below it: that image is answered.",
        ),
        (
            lambda logits, t: logits.argmax(dim=1).masked_fill(gap(logits) < t, -1),
            "You compare the lead of the best digit over the second best: its probability alone was asked for.",
        ),
        (lambda logits, t: by(softmax, t, logits, refused=0), "0 is a digit: a refused image gets -1."),
        (lambda logits, t: logits.argmax(dim=1), "You never refuse: what happens below the threshold?"),
        (lambda logits, t: by(lambda x: x.softmax(dim=0), t, logits), wrong_axis),
        (
            lambda logits, t: torch.where(logits.softmax(dim=0).amax(dim=1) < t, -1, logits.argmax(dim=1)),
            wrong_axis,
        ),
        (lambda logits, t: softmax(logits).amax(dim=1), not_predictions),
        (
            lambda logits, t: torch.where(softmax(logits).amax(dim=1) < t, -1, softmax(logits).amax(dim=1)),
            not_predictions,
        ),
        (
            lambda logits, t: logits.argmax(dim=1)[softmax(logits).amax(dim=1) >= t],
            "Refused images must not vanish: put -1 in their place.",
        ),
    ]
    compare(answer, draw, right, mistakes)
