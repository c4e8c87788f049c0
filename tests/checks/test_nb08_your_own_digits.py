"""The checkers of notebook 08_your_own_digits: typical mistakes get the hint meant for them."""

import torch
from verdicts import expect_hint, numbers_tried, typical_mistakes


def mean_place(image):
    total = image.sum().item()
    return tuple((image.sum(1 - axis) * torch.arange(image.shape[axis])).sum().item() / total for axis in (0, 1))


def refused(logits, is_refused):
    return torch.where(is_refused, -1, logits.argmax(1))


WRONG = [
    ("bright_ink", lambda picture: 1 - picture, "always invert"),
    ("bright_ink", lambda picture: picture.clone(), "never invert"),
    ("bright_ink", lambda picture: 1 - picture if picture.mean() > 0.5 else picture, "pulls the mean"),
    ("bright_ink", lambda picture: picture if picture.median() > 0.5 else 1 - picture, "wrong way round"),
    ("bright_ink", lambda picture: 255 - picture if picture.median() > 0.5 else picture, "not 255"),
    ("new_size", lambda height, width: (20, 20), "distorts"),
    ("new_size", lambda height, width: (20, max(1, round(width * 20 / height))), "more than 20"),
    ("new_size", lambda height, width: (20, round(width * 20 / height)), "more than 20"),
    ("new_size", lambda h, w: (h * 20 / max(h, w), w * 20 / max(h, w)), "`round` makes"),
    ("new_size", lambda h, w: (h * 20 // max(h, w), w * 20 // max(h, w)), "only cut off"),
    ("new_size", lambda h, w: (max(1, int(h * 20 / max(h, w))), max(1, int(w * 20 / max(h, w)))), "only cut off"),
    ("new_size", lambda h, w: (round(h * 20 / max(h, w)), round(w * 20 / max(h, w))), "at least 1"),
    ("new_size", lambda h, w: (max(1, round(w * 20 / max(h, w))), max(1, round(h * 20 / max(h, w)))), "height comes"),
    ("centre_of_mass", lambda image: mean_place(image)[::-1], "row comes first"),
    ("centre_of_mass", lambda image: mean_place((image > 0).float()), "have ink: weigh"),
    ("centre_of_mass", lambda image: tuple(p + 1 for p in mean_place(image)), "number 0"),
    ("centre_of_mass", lambda image: ((image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2), "middle of the image"),
    ("centre_of_mass", lambda image: tuple(round(p) for p in mean_place(image)), "Do not round"),
    ("refuse", lambda logits, t: refused(logits, logits.amax(1) < t), "a logit"),
    (
        "refuse",
        lambda logits, t: torch.where(logits.softmax(1).amax(1) < t, -1, logits.softmax(1).amax(1)),
        "These are",
    ),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(1).amax(1) > t), "wrong way round"),
    ("refuse", lambda logits, t: logits.argmax(1), "never refuse"),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(0).amax(1) < t), "axis 1"),
    ("refuse", lambda logits, t: logits.argmax(1)[logits.softmax(1).amax(1) >= t], "must not vanish"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=8)) >= 3
