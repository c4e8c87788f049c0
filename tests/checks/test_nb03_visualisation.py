"""The checkers of notebook 03_visualisation: typical mistakes get the hint meant for them, and right answers pass."""

import numpy as np
import pytest
import torch
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes


def switches_gradients_off(image):
    image.requires_grad = False
    return image[0].numpy()


def switches_gradients_off_and_on(image):
    before, image.requires_grad = image.requires_grad, False
    picture = image[0].numpy().copy()
    image.requires_grad = before
    return picture


def forgets_the_gradient(image):
    image.grad = None
    return image[0].detach().numpy()


def without_a_record(image):
    with torch.no_grad():
        return image[0].numpy()


def each_squeezed(images):
    return torch.stack([image.squeeze() for image in images])


def put_back(images):
    pictures = images.squeeze()
    return pictures.unsqueeze(0) if len(images) == 1 else pictures


def stretched(p, nothing=0.0):
    """The right answer, with an amount that is added to the range so that it is never 0."""
    return (p - p.min()) / (p.max() - p.min() + nothing)


def unless(of_one_colour, instead):
    return lambda p: instead(p) if of_one_colour(p) else stretched(p)


def by_row(p):
    low, high = p.amin(1, keepdim=True), p.amax(1, keepdim=True)
    return (p - low) / (high - low)


def of_the_digit(function):
    return lambda images, labels, digit: function(images[labels == digit])


def loop(images, labels, digit):
    total, count = torch.zeros(images.shape[1:]), 0
    for image, label in zip(images, labels):
        if label == digit:
            total, count = total + image, count + 1
    return total / count


def places_squeezed(images, labels, digit):
    return images[(labels == digit).nonzero().squeeze()].float().mean(0)


WRONG = [
    ("to_picture", lambda image: image[0].numpy(), "takes part in gradients"),
    ("to_picture", lambda image: image.detach().numpy(), "channel is still there"),
    ("to_picture", lambda image: np.squeeze(image.detach().numpy()), "bare `squeeze`"),
    ("to_picture", lambda image: image[0].detach(), "an array was asked for"),
    ("to_picture", lambda image: image[0].detach().numpy().T, "swapped"),
    ("to_picture", lambda image: image[0, 0].detach().numpy(), "only the first row"),
    ("to_picture", lambda image: image.detach().numpy().reshape(28, 28), "the size that you name"),
    ("to_picture", lambda image: image[0].detach().clamp(0, 1).numpy(), "are wrong"),
    ("to_picture", lambda image: image.squeeze_(0).detach().numpy(), "changes what it was given"),
    ("to_picture", lambda image: image.detach_()[0].numpy(), "changes what it was given"),
    ("to_picture", switches_gradients_off, "changes what it was given"),
    ("to_picture", switches_gradients_off_and_on, "cannot be switched off"),
    ("to_picture", forgets_the_gradient, "changes what it was given"),
    ("to_pictures", lambda images: images.squeeze(), "also the batch axis"),
    ("to_pictures", each_squeezed, "The batch axis stays"),
    ("to_pictures", put_back, "The batch axis stays"),
    ("to_pictures", lambda images: images if len(images) == 1 else images[:, 0], "shape"),
    ("to_pictures", lambda images: images[0], "only the first image"),
    ("to_pictures", lambda images: images, "still there"),
    ("to_pictures", lambda images: images.squeeze(0), "another axis"),
    ("to_pictures", lambda images: images[:, 0].mT, "swapped"),
    ("to_pictures", lambda images: torch.from_numpy(images.numpy()[:, 0]), "no array is needed"),
    ("to_pictures", lambda images: images.reshape(-1, 28, 28), "the size that you name"),
    ("to_pictures", lambda images: images[:, 0].detach().numpy(), "a tensor was expected"),
    ("to_pictures", lambda images: images.detach_()[:, 0], "changes what it was given"),
    ("to_pictures", lambda images: images.squeeze_(1), "changes what it was given"),
    ("stretch", lambda p: p / p.max(), "must become 0"),
    ("stretch", lambda p: p - p.min(), "must become 1"),
    ("stretch", lambda p: (p - p.min()) / p.max(), "no longer the old maximum"),
    ("stretch", lambda p: (p - p.min()) / p.abs().max(), "also where numbers are negative"),
    ("stretch", lambda p: (p - p.min(0)) / (p.max(0) - p.min(0)), "numbers and their places"),
    ("stretch", lambda p: p.clamp(0, 1), "cut off"),
    ("stretch", lambda p: 1 - stretched(p), "wrong way round"),
    ("stretch", by_row, "each row on its own"),
    ("stretch", stretched, "divide by zero"),
    ("stretch", lambda p: stretched(p, nothing=1e-3), "should be"),
    ("stretch", unless(lambda p: p.max() - p.min() < 0.1, torch.zeros_like), "should be"),
    ("stretch", unless(lambda p: p.min() >= 0 and p.max() <= 1, lambda p: p), "should be"),
    ("stretch", unless(lambda p: p.max() == 0, torch.zeros_like), "divide by zero"),
    ("stretch", unless(lambda p: p.max() == p.min(), lambda p: p), "should be"),
    ("stretch", unless(lambda p: p.max() == p.min(), lambda p: 0), "a tensor was expected"),
    ("stretch", lambda p: p.sub_(p.min()), "changes what it was given"),
    ("mean_image", lambda images, labels, digit: images.float().mean(0), "mean of all images"),
    ("mean_image", of_the_digit(lambda images: images.float().mean()), "one number"),
    ("mean_image", of_the_digit(lambda images: images.float().sum(0)), "This is the sum"),
    ("mean_image", of_the_digit(lambda images: images.mean(0)), "takes no mean of bytes"),
    ("mean_image", of_the_digit(lambda images: images[0].float()), "only the first image"),
    ("mean_image", of_the_digit(lambda images: images.float().mean(0).to(torch.uint8)), "after the point"),
    ("mean_image", of_the_digit(lambda images: images.float().mean(0).round()), "are wrong"),
    ("mean_image", of_the_digit(lambda images: images.half().mean(0)), "are wrong"),
    ("mean_image", of_the_digit(lambda images: images.float().mean(0) / 255), "as they are stored"),
    ("mean_image", of_the_digit(lambda images: sum(images) / len(images)), "A byte cannot hold"),
    ("mean_image", of_the_digit(lambda images: images[:10].float().mean(0)), "are wrong"),
    ("mean_image", of_the_digit(lambda images: images.float().mean(0).squeeze()), "shape"),
    ("mean_image", places_squeezed, "shape"),
    ("mean_image", lambda images, labels, digit: images[labels == digit].sum(0) / len(images), "number of all images"),
    ("mean_image", lambda images, labels, digit: images[digit].float(), "at the place `digit`"),
    ("mean_image", lambda images, labels, digit: images[labels].float().mean(0), "by their place"),
]

RIGHT = [
    ("to_picture", without_a_record),
    ("to_picture", lambda image: image.numpy(force=True)[0]),
    ("to_picture", lambda image: image.detach().double().squeeze(0).numpy()),
    ("to_picture", lambda image: np.array(image.tolist())[0]),
    ("to_pictures", lambda images: images.reshape(len(images), *images.shape[2:])),
    ("to_pictures", lambda images: images.detach().double().flatten(0, 1)),
    ("stretch", lambda p: stretched(p).nan_to_num(0)),
    ("stretch", lambda p: stretched(p, nothing=1e-8)),
    ("stretch", lambda p: stretched(p.double()) if p.max() > p.min() else torch.zeros(p.shape, dtype=torch.int)),
    ("mean_image", loop),
    ("mean_image", of_the_digit(lambda images: images.sum(0) / len(images))),
    ("mean_image", of_the_digit(lambda images: torch.from_numpy(images.numpy().mean(axis=0)))),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, answer", RIGHT)
def test_each_right_answer_passes(name, answer):
    expect_solved(name, answer)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=3)) >= 3
