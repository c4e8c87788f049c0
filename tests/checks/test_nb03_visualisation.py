"""The checkers of notebook 03_visualisation: typical mistakes get the hint meant for them."""

import numpy as np
from verdicts import expect_hint, numbers_tried, typical_mistakes

WRONG = [
    ("to_picture", lambda image: image[0].numpy(), "takes part in gradients"),
    ("to_picture", lambda image: image.detach().numpy(), "channel is still there"),
    ("to_picture", lambda image: np.squeeze(image.detach().numpy()), "bare `squeeze`"),
    ("to_picture", lambda image: image[0].detach(), "an array was asked for"),
    ("to_picture", lambda image: image.requires_grad_(False)[0].numpy(), "changes what it was given"),
    ("to_pictures", lambda images: images.squeeze(), "drops the batch axis"),
    ("to_pictures", lambda images: images[0], "only the first image"),
    ("to_pictures", lambda images: images, "still there"),
    ("to_pictures", lambda images: images.squeeze(0), "another axis"),
    ("stretch", lambda p: p / p.max(), "must become 0"),
    ("stretch", lambda p: p - p.min(), "must become 1"),
    ("stretch", lambda p: (p - p.min()) / p.max(), "no longer the old maximum"),
    ("stretch", lambda p: (p - p.min()) / (p.max() - p.min()), "divide by zero"),
    ("stretch", lambda p: p.sub_(p.min()), "changes what it was given"),
    ("mean_image", lambda images, labels, digit: images.float().mean(0), "mean of all images"),
    ("mean_image", lambda images, labels, digit: images[labels == digit].float().mean(), "one number"),
    ("mean_image", lambda images, labels, digit: images[labels == digit].float().sum(0), "This is the sum"),
    ("mean_image", lambda images, labels, digit: images[labels == digit].mean(0), "mean"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=3)) >= 3
