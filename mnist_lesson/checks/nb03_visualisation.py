"""The self-checks of the exercises of notebook 03_visualisation."""

import random
from collections.abc import Callable

import torch

from mnist_lesson.checks.compare import Hint, compare
from mnist_lesson.checks.judge import exercise


@exercise(
    "3.1",
    "Which axis does matplotlib not want? And what may have to be done to a tensor before `.numpy()`?",
    errors={
        "requires grad": "This image takes part in gradients, so PyTorch will not make an array of it: which call of "
        "the notebook takes it out of the record?",
    },
)
def to_picture(answer: Callable) -> None:
    def right(image):
        return image.detach()[0].numpy()

    def draw():
        cases = [(torch.rand(1, height, random.randint(2, 9)),) for height in (1, random.randint(10, 15))]
        return [*cases, (torch.rand(1, 4, 3, requires_grad=True),)]

    mistakes = [
        (lambda image: image.detach().numpy(), "The channel is still there: (1, H, W) must become (H, W)."),
        (
            lambda image: image.detach().squeeze().numpy(),
            "A bare `squeeze` drops every axis of length 1, so a picture of one row loses its height too: say which.",
        ),
        (lambda image: image.detach()[0], "This is still a tensor: an array was asked for."),
        (lambda image: image.detach()[0].numpy().T, "Rows and columns are swapped: the first axis is the height."),
    ]
    compare(answer, draw, right, mistakes)


@exercise("3.2", "Only axis 1, the channel, has to go. What would a bare `squeeze()` do to a batch of one image?")
def to_pictures(answer: Callable) -> None:
    def right(images):
        return images[:, 0]

    def draw():
        return [(torch.rand(n, 1, random.randint(2, 9), random.randint(10, 15)),) for n in (1, random.randint(2, 5))]

    mistakes = [
        (torch.squeeze, "With a batch of one image, your function drops the batch axis too: name the axis to drop."),
        (lambda images: images[0], "This is only the first image: the batch axis must stay."),
        (lambda images: images, "The channel axis is still there: (N, 1, H, W) must become (N, H, W)."),
        (lambda images: images.squeeze(0), "Axis 0 is the batch. The channel is another axis."),
    ]
    compare(answer, draw, right, mistakes)


@exercise("3.3", "Two steps: one brings the smallest number to 0, the other the largest to 1. What if both are equal?")
def stretch(answer: Callable) -> None:
    def right(picture):
        low, high = picture.min(), picture.max()
        return (picture - low) / (high - low) if high > low else torch.zeros_like(picture)

    def draw():
        return [(3 * torch.rand(random.randint(2, 5), 4) + shift,) for shift in (-5, 1, 7)]

    constant = torch.full((2, 3), random.random())
    mistakes = [
        (lambda picture: picture / picture.max(), "The smallest number must become 0: take it away first."),
        (lambda picture: picture - picture.min(), "The largest number must become 1: divide by the range."),
        (
            lambda picture: (picture - picture.min()) / picture.max(),
            "After the subtraction the largest number is no longer the old maximum: divide by the difference.",
        ),
    ]
    compare(answer, draw, right, mistakes)
    found = answer(constant)
    if isinstance(found, torch.Tensor) and not found.isfinite().all():
        raise Hint("In a picture of one colour you divide by zero, which gives nan: return zeros for such a picture.")
    compare(answer, lambda: [(constant,)], right)


@exercise(
    "3.4", "First keep only the images of the digit. Then: over which axis do you average, so that a picture remains?"
)
def mean_image(answer: Callable) -> None:
    def right(images, labels, digit):
        return images[labels == digit].float().mean(dim=0)

    def case():
        labels = torch.arange(4).repeat(5)[torch.randperm(20)]
        return torch.randint(0, 256, (20, 3, 5), dtype=torch.uint8), labels, random.randint(0, 3)

    mistakes = [
        (lambda images, labels, digit: images.float().mean(dim=0), "This is the mean of all images: choose the digit."),
        (
            lambda images, labels, digit: images[labels == digit].float().mean(),
            "This is one number, the mean of all pixels: average over axis 0 only, so that a picture remains.",
        ),
        (
            lambda images, labels, digit: images[labels == digit].float().sum(dim=0),
            "This is the sum: a mean divides by the number of images.",
        ),
        (lambda images, labels, digit: images[digit].float(), "This is image number `digit`, not the images of it."),
    ]
    compare(answer, lambda: [case() for _ in range(4)], right, mistakes)
