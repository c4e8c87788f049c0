"""Answers to the exercises of notebook 3, right and wrong, written from their texts alone."""

import numpy as np
import torch
from answers.common import repeats_first
from matplotlib.colors import Normalize

# Exercise 3.1


def without_gradients(image):
    with torch.no_grad():
        return image[0].numpy()


def pixel_by_pixel(image):
    _, height, width = image.shape
    picture = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            picture[row, column] = image[0, row, column].item()
    return picture


def squeeze_picture(image):
    return image.detach().squeeze().numpy()


def stop_gradients(image):
    if image.requires_grad:
        image.requires_grad = False
    return image.numpy()[0]


def stop_gradients_without_leaf(image):
    image.detach_()
    return image.numpy()[0]


def squeeze_in_place(image):
    image.squeeze_(0)
    return image.detach().numpy()


def scale_shared_memory(image):
    picture = image.detach().numpy()[0]
    picture *= 255
    return picture


# Exercise 3.2


def squeeze_unless_one_image(images):
    return images[0] if len(images) == 1 else images.squeeze()


def squeeze_if_channel_first(images):
    pictures = images.squeeze()
    return pictures[None] if pictures.dim() == 2 else pictures


def squeeze_batch_in_place(images):
    images.squeeze_(1)
    return images


def pictures_then_empty(images):
    pictures = images[:, 0].clone()
    images.zero_()
    return pictures


# Exercise 3.3


def stretch_float(picture):
    low, high = picture.min(), picture.max()
    if low == high:
        return torch.zeros_like(picture)
    return (picture - low) / (high - low)


def stretch_double(picture):
    numbers = picture.double() - picture.min().double()
    largest = numbers.max()
    return numbers / largest if largest > 0 else numbers


def stretch_list(picture):
    rows = picture.tolist()
    low, high = min(map(min, rows)), max(map(max, rows))
    return torch.tensor([[(x - low) / (high - low) if high > low else 0.0 for x in row] for row in rows])


def stretch_array(picture):
    array = picture.numpy().astype(np.float64)
    spread = np.ptp(array)
    return torch.from_numpy((array - array.min()) / (spread if spread else 1))


def stretch_without_nan(picture):
    low, high = torch.aminmax(picture.double())
    return ((picture - low) / (high - low)).nan_to_num(nan=0)


def stretch_as_matplotlib(picture):
    return torch.tensor(np.ma.getdata(Normalize()(picture.double().numpy())))


def stretch_on_copy(picture):
    result = picture.clone()
    result -= result.min()
    if result.any():
        result /= result.max()
    return result


def stretch_no_check(picture):
    return (picture - picture.min()) / (picture.max() - picture.min())


def stretch_in_place(picture):
    picture -= picture.min()
    return picture / picture.max() if picture.max() > 0 else picture.clone()


def stretch_or(picture, otherwise):
    return stretch_float(picture) if picture.max() > picture.min() else otherwise


def stretch_checks_std(picture):
    return stretch_no_check(picture) if picture.std() != 0 else torch.zeros_like(picture)


def stretch_checks_zero(picture):
    return stretch_no_check(picture) if picture.any() else picture.clone()


def stretch_checks_positive(picture):
    return stretch_float(picture) if picture.max() > 0 else torch.zeros_like(picture)


def stretch_from_zero(picture):
    low = picture.min().clamp(max=0)
    return (picture - low) / (picture.max() - low).clamp(min=1e-30)


def stretch_to_one(picture):
    high = picture.max().clamp(min=1)
    return (picture - picture.min()) / (high - picture.min())


def stretch_pale(picture):
    pale = picture.max() - picture.min() < 0.1
    return torch.zeros_like(picture) if pale else stretch_no_check(picture)


def stretch_rows(picture):
    low, high = picture.amin(dim=1, keepdim=True), picture.amax(dim=1, keepdim=True)
    return ((picture - low) / (high - low)).nan_to_num(nan=0)


# Exercise 3.4


def mean_in_loop(images, labels, digit):
    total, count = torch.zeros(images.shape[1:], dtype=torch.float64), 0
    for image, label in zip(images, labels):
        if label == digit:
            total += image
            count += 1
    return total / count


def mean_with_weights(images, labels, digit):
    weights = (labels == digit).double()
    return torch.einsum("n,nhw->hw", weights, images.double()) / weights.sum()


def mean_of_array(images, labels, digit):
    return torch.from_numpy(images.numpy()[labels.numpy() == digit].mean(axis=0))


def mean_of_places(images, labels, digit):
    (places,) = torch.where(labels == digit)
    return images[places].sum(dim=0) / len(places)


def running_mean(images, labels, digit):
    mean = torch.zeros(images.shape[1:], dtype=torch.float64)
    for count, place in enumerate(torch.nonzero(labels == digit).flatten().tolist(), start=1):
        mean += (images[place] - mean) / count
    return mean


def mean_of_list(images, labels, digit):
    chosen = [image.float() for image, label in zip(images, labels.tolist()) if label == digit]
    return torch.stack(chosen).mean(dim=0)


def chosen_of(images, labels, digit):
    return images[labels == digit].float()


def sum_in_bytes(images, labels, digit):
    total = torch.zeros(images.shape[1:], dtype=torch.uint8)
    for image in images[labels == digit]:
        total += image
    return total / (labels == digit).sum()


def mean_with_others_black(images, labels, digit):
    images[labels != digit] = 0
    return images.sum(dim=0) / (labels == digit).sum()


def mean_after_marking(images, labels, digit):
    mean = images[labels == digit].float().mean(dim=0)
    labels[labels == digit] = -1
    return mean


RIGHT = {
    "to_picture": {
        "detach, numpy, place 0": lambda image: image.detach().numpy()[0],
        "place 0 first": lambda image: image[0].detach().numpy(),
        "squeeze(0)": lambda image: image.detach().squeeze(0).numpy(),
        "force": lambda image: image.numpy(force=True)[0],
        "a copy": lambda image: image.detach().clone().cpu().reshape(image.shape[1:]).numpy(),
        "no_grad": without_gradients,
        "pixel by pixel, float64": pixel_by_pixel,
        "a list": lambda image: np.array(image.tolist()).squeeze(axis=0),
        "np.asarray": lambda image: np.asarray(image.detach())[0, :, :],
        "a copy of the array": lambda image: image.flatten(0, 1).detach().numpy().copy(),
    },
    "to_pictures": {
        "channel 0": lambda images: images[:, 0],
        "squeeze(1)": lambda images: images.squeeze(1),
        "reshape": lambda images: images.reshape(images.shape[0], *images.shape[2:]),
        "flatten": lambda images: images.flatten(0, 1),
        "sum over the channel": lambda images: images.sum(dim=1),
        "largest channel": lambda images: images.amax(dim=1),
        "image by image": lambda images: torch.stack([image[0] for image in images]),
        "one after the other": lambda images: torch.cat(list(images)),
        "axis to the front": lambda images: images.movedim(1, 0)[0],
        "einsum, float64": lambda images: torch.einsum("nchw->nhw", images.double()),
        "axis -3": lambda images: images.squeeze(-3).clone(),
    },
    "stretch": {
        "lowest and highest": stretch_float,
        "float64": stretch_double,
        "a list": stretch_list,
        "NumPy": stretch_array,
        "nan becomes 0": stretch_without_nan,
        "as matplotlib does": stretch_as_matplotlib,
        "in place on a copy": stretch_on_copy,
    },
    "mean_image": {
        "mask": lambda images, labels, digit: images[labels == digit].float().mean(dim=0),
        "mean in float64": lambda images, labels, digit: images[labels == digit].mean(dim=0, dtype=torch.float64),
        "a loop": mean_in_loop,
        "weights": mean_with_weights,
        "NumPy": mean_of_array,
        "places": mean_of_places,
        "running mean": running_mean,
        "a list": mean_of_list,
    },
}

WRONG = {
    "to_picture": {
        "fails with gradients": lambda image: image[0].numpy(),
        "fails with gradients too": lambda image: image.squeeze(0).numpy(),
        "a single row loses its axis": squeeze_picture,
        "a single column becomes a row": lambda image: np.atleast_2d(squeeze_picture(image)),
        "still three axes": lambda image: image.detach().numpy(),
        "channel last": lambda image: image.detach().permute(1, 2, 0).numpy(),
        "a tensor": lambda image: image[0].detach(),
        "a list": lambda image: image[0].tolist(),
        "takes the image out of gradients": stop_gradients,
        "detaches the image itself": stop_gradients_without_leaf,
        "drops the axis of the image itself": squeeze_in_place,
        "scales the image too": scale_shared_memory,
        "rows and columns mixed up": lambda image: image.detach().numpy()[0].T,
        "reshaped with sides mixed up": lambda image: image.detach().reshape(image.shape[2], image.shape[1]).numpy(),
        "always 28 x 28": lambda image: image.detach().reshape(28, 28).numpy(),
        "one long row": lambda image: image.detach().flatten().numpy(),
        "first row only": lambda image: image.detach().numpy()[:, 0],
        "whole numbers": lambda image: image[0].detach().numpy().astype(int),
        "from 0 to 255": lambda image: image[0].detach().numpy() * 255,
        "upside down": lambda image: image[0].detach().numpy()[::-1],
        "inverted": lambda image: 1 - image[0].detach().numpy(),
        "nothing with gradients": lambda image: None if image.requires_grad else image.numpy()[0],
        "repeats the first result": repeats_first(lambda image: image[0].detach().numpy()),
    },
    "to_pictures": {
        "N = 1 loses its axis": lambda images: images.squeeze(),
        "H or W = 1 loses its axis": squeeze_if_channel_first,
        "N = 1 as the first image": squeeze_unless_one_image,
        "wrong axis": lambda images: images.squeeze(0),
        "last axis": lambda images: images.squeeze(-1),
        "nothing": lambda images: images.clone(),
        "first image": lambda images: images[0],
        "picture of the first image": lambda images: images[0, 0],
        "first rows": lambda images: images[:, :, 0],
        "first columns": lambda images: images[..., 0],
        "channel first": lambda images: images.transpose(0, 1),
        "channel last": lambda images: images.permute(0, 2, 3, 1),
        "sides swapped": lambda images: images[:, 0].transpose(1, 2),
        "sides mixed up": lambda images: images.reshape(len(images), images.shape[3], images.shape[2]),
        "always 28 x 28": lambda images: images.reshape(-1, 28, 28),
        "one row per image": lambda images: images.flatten(1),
        "mean image": lambda images: images.mean(dim=0),
        "images at the end": lambda images: images[:, 0].permute(1, 2, 0),
        "numbers in another order": lambda images: images.permute(1, 2, 3, 0).reshape(images[:, 0].shape),
        "images backwards": lambda images: images[:, 0].flip(0),
        "without the last image": lambda images: images[:-1, 0],
        "an array": lambda images: images[:, 0].numpy(),
        "a list": lambda images: [image[0] for image in images],
        "drops the axis of the images themselves": squeeze_batch_in_place,
        "empties the images": pictures_then_empty,
        "repeats the first result": repeats_first(lambda images: images[:, 0]),
    },
    "stretch": {
        "nan if all are equal": stretch_no_check,
        "ones if all are equal": lambda picture: stretch_or(picture, torch.ones_like(picture)),
        "unchanged if all are equal": lambda picture: stretch_or(picture, picture.clone()),
        "one number if all are equal": lambda picture: stretch_or(picture, torch.tensor(0.0)),
        "checks only for an empty picture": stretch_checks_zero,
        "nan for a single pixel": stretch_checks_std,
        "zeros if all are negative": stretch_checks_positive,
        "smallest is at most 0": stretch_from_zero,
        "largest is at least 1": stretch_to_one,
        "zeros if pale": stretch_pale,
        "divided by the largest": lambda picture: picture / picture.max(),
        "lowered, but divided by the old largest": lambda picture: (picture - picture.min()) / picture.max(),
        "divided by 255": lambda picture: picture / 255,
        "not divided": lambda picture: picture - picture.min(),
        "a little added": lambda picture: (picture - picture.min()) / (picture.max() - picture.min() + 0.1),
        "clipped": lambda picture: picture.clamp(0, 1),
        "absolute": lambda picture: stretch_float(picture.abs()),
        "inverted": lambda picture: stretch_float(-picture),
        "each row for itself": stretch_rows,
        "each column for itself": lambda picture: stretch_rows(picture.T).T,
        "standardised": lambda picture: (picture - picture.mean()) / picture.std(),
        "sigmoid": lambda picture: picture.sigmoid(),
        "rounded": lambda picture: stretch_float(picture).round(),
        "from -1 to 1": lambda picture: 2 * stretch_float(picture) - 1,
        "changes the picture": stretch_in_place,
        "one long row": lambda picture: stretch_float(picture).flatten(),
        "an axis too many": lambda picture: stretch_float(picture)[None],
        "an array": lambda picture: stretch_float(picture).numpy(),
        "a list": lambda picture: stretch_float(picture).tolist(),
        "repeats the first result": repeats_first(stretch_float),
    },
    "mean_image": {
        "all digits": lambda images, labels, digit: images.float().mean(dim=0),
        "all other digits": lambda images, labels, digit: images[labels != digit].float().mean(dim=0),
        "the next digit": lambda images, labels, digit: mean_with_weights(images, labels, digit + 1),
        "always 0": lambda images, labels, digit: mean_with_weights(images, labels, 0),
        "digit as a place": lambda images, labels, digit: images[digit].float(),
        "first image": lambda images, labels, digit: chosen_of(images, labels, digit)[0],
        "without the first image": lambda images, labels, digit: chosen_of(images, labels, digit)[1:].mean(dim=0),
        "sum": lambda images, labels, digit: chosen_of(images, labels, digit).sum(dim=0),
        "sum too large for uint8": sum_in_bytes,
        "divided by all images": lambda images, labels, digit: chosen_of(images, labels, digit).sum(0) / len(images),
        "whole numbers": lambda images, labels, digit: chosen_of(images, labels, digit).mean(dim=0).byte(),
        "rounded": lambda images, labels, digit: chosen_of(images, labels, digit).mean(dim=0).round(),
        "from 0 to 1": lambda images, labels, digit: chosen_of(images, labels, digit).mean(dim=0) / 255,
        "mean over rows": lambda images, labels, digit: chosen_of(images, labels, digit).mean(dim=1),
        "one number": lambda images, labels, digit: chosen_of(images, labels, digit).mean(),
        "one number per image": lambda images, labels, digit: chosen_of(images, labels, digit).mean(dim=(1, 2)),
        "median": lambda images, labels, digit: chosen_of(images, labels, digit).median(dim=0).values,
        "first ten images": lambda images, labels, digit: mean_with_weights(images[:10], labels[:10], digit),
        "axes of length 1 lost": lambda images, labels, digit: mean_with_weights(images, labels, digit).squeeze(),
        "an axis too many": lambda images, labels, digit: mean_with_weights(images, labels, digit)[None],
        "an array": lambda images, labels, digit: mean_with_weights(images, labels, digit).numpy(),
        "a list": lambda images, labels, digit: mean_with_weights(images, labels, digit).tolist(),
        "empties the other images": mean_with_others_black,
        "changes the labels": mean_after_marking,
        "repeats the first result": repeats_first(mean_with_weights),
    },
}
