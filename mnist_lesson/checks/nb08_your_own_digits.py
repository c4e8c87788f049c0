"""The self-checks of the exercises of notebook 08_your_own_digits."""

import math
import random
from collections.abc import Callable

import torch

from mnist_lesson.checks.compare import CLEAR, Hint, compare, difference, draw_until
from mnist_lesson.checks.judge import exercise


@exercise("8.1", "Paper is most of a picture. Which single number of the picture tells how bright its ground is?")
def bright_ink(answer: Callable) -> None:
    def right(picture):
        return 1 - picture if picture.median() > 0.5 else picture

    def case(is_dark_on_bright, few):
        ink = torch.zeros(6, 8)
        ink.view(-1)[torch.randperm(48)[:few]] = 0.85 + 0.1 * torch.rand(few)
        ink = ink + 0.1 * torch.rand(6, 8) * (ink == 0)
        return (1 - ink if is_dark_on_bright else ink,)

    def draw():
        return [case(is_dark, few) for is_dark in (True, False) for few in (3, 15, 21)]

    mistakes = [
        (lambda picture: 1 - picture, "You always invert: a picture whose ink is bright already must stay as it is."),
        (lambda picture: picture, "You never invert: a picture with dark ink on bright paper must be turned round."),
        (lambda picture: 1 - right(picture), "It is the wrong way round: now the ink is always dark."),
        (
            lambda picture: 1 - picture if picture[0, 0] > 0.5 else picture,
            "One pixel may be paper or ink: let all pixels decide.",
        ),
        (lambda picture: 255 - picture if picture.median() > 0.5 else picture, "White is 1 here, not 255."),
        (lambda picture: -picture if picture.median() > 0.5 else picture, "The inverse of 0 is 1, and that of 1 is 0."),
    ]
    compare(answer, draw, right, mistakes)
    shifted = torch.full((6, 8), 0.45)
    shifted.view(-1)[:10] = 0.95
    if difference(answer(shifted), shifted):
        raise Hint(
            "With a grey ground (0.45) and some white ink, your function inverts: the ink pulls the mean up. Sort all "
            "pixels: the one in the middle belongs to the ground. Notebook 8 names this number."
        )


@exercise("8.2", "One factor for both sides, or the digit is distorted. Which side decides about it?")
def new_size(answer: Callable) -> None:
    def scaled(height, width, by, whole=round, least=1):
        return max(least, whole(height * 20 / by)), max(least, whole(width * 20 / by))

    def draw():
        longer = random.randrange(101, 300, 2)  # odd, so that no side ends in exactly one half
        sizes = [(longer, random.randint(10, 100)), (random.randint(10, 100), longer)]
        return [*sizes, (100, 37), (37, 100), (97, 100), (12, 7), (500, 5), (5, 500), (50, 50)]

    mistakes = [
        (lambda h, w: (20, 20), "This distorts the digit: a 1 becomes as wide as it is high."),
        (lambda h, w: scaled(h, w, max(h, w))[::-1], "The height comes first."),
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
    compare(answer, draw, lambda h, w: scaled(h, w, max(h, w)), mistakes)


@exercise("8.3", "A mean in which each place counts as often as it has ink. How much ink is there in each row?")
def centre_of_mass(answer: Callable) -> None:
    def right(image):
        rows, columns = (torch.arange(side) for side in image.shape)
        total = image.sum()
        return (image.sum(1) * rows).sum().item() / total.item(), (image.sum(0) * columns).sum().item() / total.item()

    def box(image):
        places = image.nonzero()
        return tuple(((places.amin(0) + places.amax(0)) / 2).tolist())

    def case(height, width):
        image = torch.zeros(height, width)
        image[1:-2, 3:] = torch.rand(height - 3, width - 3) ** 3
        image[0, 1] = 0.5
        return (image,)

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
        (lambda image: tuple(place + 1 for place in right(image)), "The first row has number 0."),
        (
            lambda image: tuple(place * image.sum().item() for place in right(image)),
            "This is a sum: divide by all the ink.",
        ),
        (lambda image: tuple(map(round, right(image))), "Do not round: the middle may lie between two pixels."),
        (
            lambda image: tuple(divmod(image.argmax().item(), image.shape[1])),
            "This is the pixel with the most ink: take the mean over all of them.",
        ),
    ]
    compare(answer, lambda: [case(random.randint(6, 9), random.randint(10, 14)) for _ in range(4)], right, mistakes)


@exercise("8.4", "With what is a threshold compared, and do you have that yet? The prediction itself is as before.")
def refuse(answer: Callable) -> None:
    def by(score, threshold, logits, compare_with=torch.lt):
        best, predictions = score(logits).max(dim=1)
        return predictions.masked_fill(compare_with(best, threshold), -1)

    def softmax(logits):
        return logits.softmax(dim=1)

    def case(size, threshold):
        logits = torch.randn(size, 10)
        logits[torch.arange(size), torch.randint(0, 10, (size,))] += torch.linspace(2, 8, size)
        logits[:2] = torch.stack([logits[0] / 50, logits[1] * 20])  # one is refused and one is not, in any case
        return logits, threshold

    not_predictions = "These are probabilities: the predictions were asked for, or -1."
    wrong_axis = "Softmax must run over the ten classes of each row, axis 1."

    def close(case):
        """Rounding must neither decide which class is the first, nor whether it reaches the threshold."""
        logits, threshold = case
        first, second = softmax(logits).topk(2, dim=1).values.unbind(dim=1)
        is_close = (first - second < CLEAR) | ((first - threshold).abs() < CLEAR)
        return "a probability is too close to another or to the threshold" if is_close.any() else ""

    def draw():
        sizes = [(random.randint(8, 12), threshold) for threshold in (0.5, 0.8, 0.9)]
        return [draw_until(lambda: case(size, threshold), close) for size, threshold in sizes]

    mistakes = [
        (lambda logits, t: by(lambda x: x, t, logits), "You compare a logit: make probabilities of the logits first."),
        (lambda logits, t: by(softmax, t, logits, torch.gt), "It is the wrong way round: refuse the unsure ones."),
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
    compare(answer, draw, lambda logits, t: by(softmax, t, logits), mistakes)
