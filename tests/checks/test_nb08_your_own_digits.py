"""The checkers of notebook 08_your_own_digits: typical mistakes get the hint meant for them."""

import numpy as np
import pytest
import torch
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes


def middle(picture):
    return (picture.min() + picture.max()) / 2


def inverted_if(is_paper):
    return lambda picture: 1 - picture if is_paper(picture) else picture


def edge(picture):
    return torch.cat([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def mean_place(image):
    total = image.sum().item()
    return tuple((image.sum(1 - axis) * torch.arange(image.shape[axis])).sum().item() / total for axis in (0, 1))


def refused(logits, is_refused):
    return torch.where(is_refused, -1, logits.argmax(1))


def gap(logits):
    best = logits.softmax(1).topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def one_by_one(logits, threshold):
    answers = []
    for row in logits:
        probabilities = row.exp() / row.exp().sum()
        answers.append(int(row.argmax()) if probabilities.max() >= threshold else -1)
    return torch.tensor(answers)


def by_logarithms(logits, threshold):
    is_refused = logits.log_softmax(1).amax(1) < torch.tensor(threshold).log()
    return refused(logits, is_refused).float()


WRONG = [
    ("bright_ink", lambda picture: 1 - picture, "always invert"),
    ("bright_ink", lambda picture: picture.clone(), "never invert"),
    ("bright_ink", inverted_if(lambda p: p.mean() > 0.5), "A fixed grey"),
    ("bright_ink", inverted_if(lambda p: p.median() > 0.5), "A fixed grey"),
    ("bright_ink", inverted_if(lambda p: (p > 0.5).sum() > p.numel() / 2), "A fixed grey"),
    ("bright_ink", inverted_if(lambda p: p.mean() > 0.45), ""),
    ("bright_ink", inverted_if(lambda p: p.median() <= middle(p)), "wrong way round"),
    ("bright_ink", lambda p: 255 - p if p.median() > middle(p) else p, "not 255"),
    ("bright_ink", lambda p: p.max() - p if p.median() > middle(p) else p, "The inverse of 0"),
    ("bright_ink", lambda p: p.max() + p.min() - p if p.median() > middle(p) else p, "You swap"),
    ("bright_ink", lambda p: ((p > middle(p)) ^ (p.median() > middle(p))).float(), "black and white"),
    ("bright_ink", lambda p: p.copy_(1 - p) if p.median() > middle(p) else p, "changes what"),
    ("bright_ink", inverted_if(lambda p: p[0, 0] > middle(p)), "A corner"),
    ("bright_ink", inverted_if(lambda p: p[0, 0] > p.mean()), "A corner"),
    ("bright_ink", inverted_if(lambda p: p[-1, -1] > middle(p)), "A corner"),
    ("bright_ink", inverted_if(lambda p: p[p.shape[0] // 2, p.shape[1] // 2] > middle(p)), ""),
    ("bright_ink", inverted_if(lambda p: p[p.shape[0] // 2, p.shape[1] // 2] > 0.5), ""),
    ("bright_ink", inverted_if(lambda p: (p[0, 0] + p[0, -1] + p[-1, 0] + p[-1, -1]) / 4 > 0.5), "A corner"),
    ("bright_ink", inverted_if(lambda p: p.mean() > p.max() / 2), "is not halfway"),
    ("bright_ink", inverted_if(lambda p: p.median() > (p.max() - p.min()) / 2), "is not halfway"),
    ("bright_ink", lambda p: torch.where(p > middle(p), 1 - p, p), "Each pixel is inverted"),
    ("bright_ink", lambda p: torch.where(p < 0.5, 1 - p, p), "Each pixel is inverted"),
    ("bright_ink", inverted_if(lambda p: p > middle(p)), "one True or False"),
    ("bright_ink", inverted_if(lambda p: p[3, 5] > middle(p)), ""),
    ("bright_ink", inverted_if(lambda p: edge(p).median() > middle(p)), "A corner"),
    ("bright_ink", inverted_if(lambda p: p[0].median() > middle(p)), ""),
    ("bright_ink", inverted_if(lambda p: p[:, 0].median() > middle(p)), ""),
    ("bright_ink", inverted_if(lambda p: p[3:-3, 4:-4].mean() > middle(p)), ""),
    ("bright_ink", inverted_if(lambda p: p[::2, ::2].mean() > middle(p)), ""),
    ("bright_ink", inverted_if(lambda p: edge(p).mean() > p[3:-3, 4:-4].mean()), ""),
    ("bright_ink", inverted_if(lambda p: p.median() > (p.quantile(0.1) + p.quantile(0.9)) / 2), "A thin stroke"),
    ("bright_ink", inverted_if(lambda p: p.median() > (p.quantile(0.2) + p.quantile(0.8)) / 2), ""),
    ("new_size", lambda height, width: (20, 20), "distorts"),
    ("new_size", lambda height, width: (20, max(1, round(width * 20 / height))), "more than 20"),
    ("new_size", lambda height, width: (20, round(width * 20 / height)), "more than 20"),
    ("new_size", lambda h, w: (h * 20 / max(h, w), w * 20 / max(h, w)), "`round` makes"),
    ("new_size", lambda h, w: (h * 20 // max(h, w), w * 20 // max(h, w)), "only cut off"),
    ("new_size", lambda h, w: (max(1, int(h * 20 / max(h, w))), max(1, int(w * 20 / max(h, w)))), "only cut off"),
    ("new_size", lambda h, w: (round(h * 20 / max(h, w)), round(w * 20 / max(h, w))), "at least 1"),
    ("new_size", lambda h, w: (max(1, round(w * 20 / max(h, w))), max(1, round(h * 20 / max(h, w)))), "height comes"),
    (
        "new_size",
        lambda h, w: (max(1, round(h * min(1, 20 / max(h, w)))), max(1, round(w * min(1, 20 / max(h, w))))),
        "must grow",
    ),
    ("centre_of_mass", lambda image: mean_place(image)[::-1], "row comes first"),
    ("centre_of_mass", lambda image: mean_place((image > 0).float()), "have ink: weigh"),
    ("centre_of_mass", lambda image: mean_place((image > 0.5).float()), "You divide by zero"),
    ("centre_of_mass", lambda image: mean_place(image**2), ""),
    ("centre_of_mass", lambda image: tuple(p + 1 for p in mean_place(image)), "have number 0"),
    ("centre_of_mass", lambda image: ((image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2), "middle of the image"),
    ("centre_of_mass", lambda image: (image.shape[0] / 2, image.shape[1] / 2), "middle of the image"),
    ("centre_of_mass", lambda image: tuple(round(p) for p in mean_place(image)), "Do not round"),
    ("centre_of_mass", lambda image: tuple(p // 1 for p in mean_place(image)), "Do not cut off"),
    ("centre_of_mass", lambda image: mean_place(image.div_(image.sum())), "changes what"),
    ("refuse", lambda logits, t: refused(logits, logits.amax(1) < t), "a logit"),
    ("refuse", lambda logits, t: refused(logits, logits.sigmoid().amax(1) < t), "Sigmoid"),
    (
        "refuse",
        lambda logits, t: torch.where(logits.softmax(1).amax(1) < t, -1, logits.softmax(1).amax(1)),
        "These are",
    ),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(1).amax(1) > t), "wrong way round"),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(1).amax(1) <= t), "just the threshold"),
    ("refuse", lambda logits, t: refused(logits, gap(logits) < t), "the lead"),
    ("refuse", lambda logits, t: refused(logits, gap(logits) < 0.9 * t), ""),
    ("refuse", lambda logits, t: logits.argmax(1) * (logits.softmax(1).amax(1) >= t), "0 is a digit"),
    ("refuse", lambda logits, t: logits.argmax(1), "never refuse"),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(0).amax(1) < t), "axis 1"),
    ("refuse", lambda logits, t: logits.argmax(1)[logits.softmax(1).amax(1) >= t], "must not vanish"),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(1).amax(1) < t).squeeze(), ""),
    ("refuse", lambda logits, t: -1 if logits.softmax(1).amax(1) < t else logits.argmax(1), "one for each image"),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(1).max(1) < t), "`max` gives two things"),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(1).amax(1) < 0.8), ""),
]

RIGHT = [
    ("bright_ink", inverted_if(lambda p: p.median() > middle(p))),
    ("bright_ink", inverted_if(lambda p: p.mean() > middle(p))),
    ("bright_ink", inverted_if(lambda p: p.median() > p.mean())),
    ("bright_ink", inverted_if(lambda p: (p > middle(p)).sum() > (p < middle(p)).sum())),
    ("bright_ink", inverted_if(lambda p: p.max() - p.median() < p.median() - p.min())),
    ("bright_ink", inverted_if(lambda p: ((p - p.mean()) ** 3).sum() < 0)),
    ("bright_ink", inverted_if(lambda p: (p * 10).round().flatten().mode().values / 10 > middle(p))),
    ("bright_ink", inverted_if(lambda p: (p * 10).int().flatten().mode().values / 10 + 0.05 > middle(p))),
    ("bright_ink", inverted_if(lambda p: p.histc(2)[1] > p.histc(2)[0])),
    ("bright_ink", lambda p: torch.where(p.median() > middle(p), 1 - p, p).double()),
    ("new_size", lambda h, w: (max(1.0, round(h * 20 / max(h, w))), max(1.0, round(w * 20 / max(h, w))))),
    ("new_size", lambda h, w: [max(1, int(side * (20 / max(h, w)) + 0.5)) for side in (h, w)]),
    ("new_size", lambda h, w: tuple((torch.tensor([h, w]) * 20 / max(h, w)).round().clamp(min=1))),
    ("new_size", lambda h, w: tuple(np.maximum(1, np.rint(np.array([h, w]) * 20 / max(h, w))))),
    ("centre_of_mass", mean_place),
    ("centre_of_mass", lambda image: [torch.tensor(p) for p in mean_place(image)]),
    ("centre_of_mass", lambda image: tuple((torch.nonzero(image + 2) * image.view(-1, 1)).sum(0) / image.sum())),
    ("refuse", one_by_one),
    ("refuse", by_logarithms),
    ("refuse", lambda logits, t: torch.where(logits.softmax(1).amax(1) >= t, logits.argmax(1), -1)),
    ("refuse", lambda logits, t: refused(logits, (logits.double().softmax(1) < t).all(1)).to(torch.int32)),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, answer", RIGHT)
def test_each_right_answer_passes_every_time(name, answer):
    expect_solved(name, answer)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=8)) >= 3
