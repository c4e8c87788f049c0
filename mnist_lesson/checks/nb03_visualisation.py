"""The self-checks of the exercises of notebook 03_visualisation."""

import random
from collections.abc import Callable

import torch

from mnist_lesson.checks.compare import Hint, compare, difference, plain_tensor
from mnist_lesson.checks.judge import exercise

IN_GRADIENTS = (
    "This image takes part in gradients, so PyTorch will not make an array of it: which call of the notebook takes it "
    "out of the record?"
)
NO_ARRAY = (
    "These images take part in gradients, so PyTorch will not make an array of them. But the result stays a tensor: no "
    "array is needed on the way."
)
NO_LEAF = (
    "This image was computed from others, so its `requires_grad` cannot be switched off. And the image must stay as it "
    "is: which call of the notebook gives you one that is out of the record?"
)


OTHER_SIZES = "Not every image has the size that you name, such as 28 x 28: take H and W as they are."


@exercise(
    "3.1",
    "Which axis does matplotlib not want? And what may have to be done to a tensor before `.numpy()`?",
    errors={
        "requires grad": IN_GRADIENTS,
        "leaf variables": NO_LEAF,
        "is invalid for input of size": OTHER_SIZES,
        "cannot reshape array": OTHER_SIZES,
    },
)
def to_picture(answer: Callable) -> None:
    def right(image):
        return image.detach()[0].numpy()

    def draw():
        h, w = random.randint(10, 15), random.randint(2, 9)
        sizes = [(h, w), (1, w), (h, 1), (1, 1), (w, h)]
        cases = [(torch.randn(1, *size),) for size in sizes]
        in_gradients = torch.rand(1, 4, 3, requires_grad=True)
        in_gradients.grad = torch.rand(1, 4, 3)
        stored = torch.randint(0, 256, (1, h, w), dtype=torch.uint8)
        turned = torch.rand(1, w, h).transpose(1, 2)  # its rows do not lie one after the other
        return [*cases, (stored,), (turned,), (in_gradients,), (torch.rand(1, 1, 5, requires_grad=True),)]

    mistakes = [
        (lambda image: image.detach().numpy(), "The channel is still there: (1, H, W) must become (H, W)."),
        (
            lambda image: image.detach().squeeze().numpy(),
            "A bare `squeeze` drops every axis of length 1, so a picture of one row loses its height too: name the "
            "axis to drop.",
        ),
        (lambda image: image.detach()[0], "This is still a tensor: an array was asked for."),
        (lambda image: image.detach()[0].numpy().T, "Rows and columns are swapped: the first axis is the height."),
        (lambda image: image.detach()[0, 0].numpy(), "This is only the first row of the picture: all were asked for."),
    ]
    compare(answer, draw, right, mistakes)
    computed = 2 * torch.rand(1, 5, 4, requires_grad=True)  # `compare` cannot copy it
    problem = difference(answer(computed), right(computed))
    if problem:
        raise Hint(f"For an image that was computed from another one, in gradients, {problem}.")


@exercise(
    "3.2",
    "Only axis 1, the channel, has to go. What would a bare `squeeze()` do to a batch of one image?",
    errors={"requires grad": NO_ARRAY, "is invalid for input of size": OTHER_SIZES},
)
def to_pictures(answer: Callable) -> None:
    def right(images):
        return images[:, 0]

    def draw():
        n, h, w = random.randint(2, 5), random.randint(10, 15), random.randint(6, 9)
        sizes = [(count, 1, height, width) for count in (n, 1) for height in (h, 1) for width in (w, 1)]
        in_gradients = torch.rand(3, 1, 4, 5, requires_grad=True)
        in_gradients.grad = torch.rand(3, 1, 4, 5)
        return [*((torch.randn(size),) for size in sizes), (in_gradients,)]

    mistakes = [
        (
            torch.squeeze,
            "A bare `squeeze` drops every axis of length 1, also the batch axis if N is 1: name the axis to drop.",
        ),
        (
            lambda images: torch.stack([image.squeeze() for image in images]),
            "The batch axis stays, but a bare `squeeze` drops a height or width of 1 too: name the axis to drop.",
        ),
        (lambda images: images[0], "This is only the first image: the batch axis must stay."),
        (lambda images: images, "The channel axis is still there: (N, 1, H, W) must become (N, H, W)."),
        (lambda images: images.squeeze(0), "Axis 0 is the batch. The channel is another axis."),
        (lambda images: images[:, 0].mT, "Rows and columns are swapped: (N, 1, H, W) must become (N, H, W)."),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "3.3",
    "Two steps: one brings the smallest number to 0, the other the largest to 1. What if both are equal?",
    errors={
        "return_types": "With an axis, `min` and `max` go along it, and give numbers and their places. But those of "
        "the whole picture are needed."
    },
)
def stretch(answer: Callable) -> None:
    def right(picture):
        low, high = picture.min(), picture.max()
        return (picture - low) / (high - low) if high > low else torch.zeros_like(picture)

    def draw():
        drawn = [3 * torch.rand(random.randint(2, 5), 4) + shift for shift in (-5, -1, 0, 1, 7)]
        pale = 0.5 + 0.03 * torch.tensor([[0.3, 0, 0.7], [1, 0.5, 0.2]])  # almost of one colour, but not quite
        return [(picture,) for picture in (*drawn, pale, 1000 * torch.randn(1, 5), torch.tensor([[-2.0, 3.0]]))]

    def by_row(picture):
        low, high = picture.amin(dim=1, keepdim=True), picture.amax(dim=1, keepdim=True)
        return (picture - low) / (high - low)

    def of_one_colour():
        greys = [random.uniform(0.1, 0.9), 1.0, random.uniform(2, 300), -random.uniform(0.1, 9), 0.0]
        return [(torch.full(size, grey),) for size in ((2, 3), (1, 1)) for grey in greys]

    mistakes = [
        (lambda picture: picture / picture.max(), "The smallest number must become 0: take it away first."),
        (lambda picture: picture - picture.min(), "The largest number must become 1: divide by what it is now."),
        (
            lambda picture: (picture - picture.min()) / picture.max(),
            "Once the smallest is taken away, the largest number is no longer the old maximum: divide by what it is "
            "then.",
        ),
        (
            lambda picture: (picture - picture.min()) / picture.abs().max(),
            "Divide by how far the largest number is above the smallest, also where numbers are negative.",
        ),
        (lambda picture: picture.clamp(0, 1), "You cut off what is outside of 0 to 1: all numbers must be stretched."),
        (lambda picture: 1 - right(picture), "You have it the wrong way round: the smallest number becomes 0, not 1."),
        (by_row, "You stretch each row on its own: the smallest and the largest number of the whole picture count."),
    ]
    compare(answer, draw, right, mistakes)
    for (picture,) in of_one_colour():
        found = answer(picture)
        if isinstance(found, torch.Tensor) and not plain_tensor(found).isfinite().all():
            raise Hint(
                "In a picture of one colour you divide by zero, which gives nan: return zeros for such a picture."
            )
    compare(answer, of_one_colour, right)


@exercise(
    "3.4",
    "First keep only the images of the digit. Then: over which axis do you average, so that a picture remains?",
    errors={
        "could not infer output dtype": "PyTorch takes no mean of bytes, since a mean is a fraction: make fractions of "
        "the numbers first.",
        "out of bounds": "You take images by their place, such as `images[digit]`: take those whose label is the "
        "digit.",
        "is invalid for input of size": OTHER_SIZES,
    },
)
def mean_image(answer: Callable) -> None:
    def right(images, labels, digit):
        return images[labels == digit].float().mean(dim=0)

    def case(labels, digit, size=(3, 5), darkest=0):
        images = torch.randint(darkest, 256, (len(labels), *size), dtype=torch.uint8)
        return images, torch.tensor(labels), digit

    def draw():
        few, digit = [*range(10)] * 2, random.randint(1, 8)
        mixed = [random.sample(few, 20) for _ in range(3)]
        others = [label for label in mixed[0] if label != digit]
        return [
            *(case(labels, digit) for labels, digit in zip(mixed, (0, digit, 9))),
            case([digit, *others], digit),  # it occurs only once, first or last
            case([*others, digit], digit),
            case([digit], digit),
            case([digit, 0, digit], digit, size=(1, 4)),
            case([9, digit, digit, 9], digit, size=(4, 1)),
            case([digit, 9] * 150, digit, darkest=200),  # the sums are large
        ]

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
        (
            lambda images, labels, digit: images[digit].float(),
            "This is the image at the place `digit`: take all those whose label is the digit.",
        ),
        (
            lambda images, labels, digit: images[labels == digit][0].float(),
            "This is only the first image of the digit: average all of them.",
        ),
        (
            lambda images, labels, digit: right(images, labels, digit).floor(),
            "You drop what stands after the point: a mean of whole numbers is a fraction.",
        ),
        (
            lambda images, labels, digit: right(images, labels, digit) / 255,
            "The numbers of your mean go from 0 to 1: keep them as they are stored, from 0 to 255.",
        ),
        (
            lambda images, labels, digit: images[labels == digit].float().sum(dim=0) / len(images),
            "You divide by the number of all images: only those of the digit count.",
        ),
        (
            lambda images, labels, digit: (
                images[labels == digit].sum(dim=0, dtype=torch.uint8) / (labels == digit).sum()
            ),
            "A byte cannot hold more than 255, so your sum starts anew from 0: make fractions of the bytes first.",
        ),
    ]
    compare(answer, draw, right, mistakes)
