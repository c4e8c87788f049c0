"""Look inside a trained network: the helpers of notebook 07. Its figures are in `inside_plots.py`.

In all functions, `images` are (N, 1, 28, 28), float, values in 0..1, and `image` is one of them, (1, 28, 28).
`model` computes the steps of `CNN`, in its order and with its layers. It may be on any device;
steps, features and maps come back on the CPU. Nothing in the model changes; only `train_with_snapshots` trains it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn as nn
from torch.optim import Optimizer

from mnist_lesson.engine import check_epochs, train

# For each step: the layer to listen at, and whether the step is what goes into it (0) or what comes out (1).
# ReLU and flatten are functions and not layers, so they show in what the next layer gets.
STEPS = {
    "conv1 + ReLU": ("pool1", 0),
    "pool1": ("pool1", 1),
    "conv2 + ReLU": ("pool2", 0),
    "pool2": ("pool2", 1),
    "flatten": ("fc1", 0),
    "fc1 + ReLU": ("fc2", 0),
    "fc2": ("fc2", 1),
}


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Put the model in train or eval mode, and each of its layers back into its own mode afterwards."""
    before = {layer: layer.training for layer in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for layer, was_training in before.items():
            layer.training = was_training


def record_steps(images: torch.Tensor, model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Return the steps of one forward pass, as pairs of the name of a step and what leaves it.

    The steps of `CNN`: image (N, 1, 28, 28), conv1 + ReLU (N, 32, 26, 26), pool1 (N, 32, 13, 13),
    conv2 + ReLU (N, 64, 11, 11), pool2 (N, 64, 5, 5), flatten (N, 1600), fc1 + ReLU (N, 64), fc2 (N, 10).
    The hooks that record them are removed at the end, also if the pass fails.
    Raises ValueError if the images have another shape, or if the model lacks a layer to listen at.
    """
    check_images(images)
    check_layers(model)
    at_layer = {}

    def listen_at(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            at_layer[name] = (inputs[0].cpu(), output.cpu())

        return hook

    handles = []
    try:
        for name in {layer for layer, _ in STEPS.values()}:
            handles.append(getattr(model, name).register_forward_hook(listen_at(name)))
        with mode(model, training=False), torch.no_grad():
            model(images.to(next(model.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
    return [("image", images.cpu())] + [(step, at_layer[layer][side]) for step, (layer, side) in STEPS.items()]


def check_images(images: torch.Tensor) -> None:
    """Raise ValueError unless the shape is (N, 1, 28, 28)."""
    if images.ndim != 4 or images.shape[1:] != (1, 28, 28):
        raise ValueError(
            f"expected images of shape (N, 1, 28, 28), found {tuple(images.shape)}: `unsqueeze(0)` makes a batch of "
            "one image."
        )


def check_layers(model: nn.Module) -> None:
    """Raise ValueError if the model lacks a layer of `CNN` that `record_steps` listens at."""
    missing = sorted({layer for layer, _ in STEPS.values() if not hasattr(model, layer)})
    if missing:
        raise ValueError(
            f"expected a network with the layers of CNN, found {type(model).__name__} without {', '.join(missing)}: "
            "give the layers these names."
        )


def collect_features(images: torch.Tensor, model: nn.Module) -> torch.Tensor:
    """Return the features of each image, (N, 64): the numbers after fc1 and ReLU, from which fc2 makes the logits."""
    batches = images.split(500)  # the maps of all images at once would need much memory
    return torch.cat([dict(record_steps(batch, model))["fc1 + ReLU"] for batch in batches])


def pca(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where each row of (N, D) lies along the two directions of largest variance, and their shares of it.

    The places are (N, 2). The shares are (2,), fractions of the variance of all D directions together.
    A direction has no sign of its own: it is turned so that the largest of its D numbers, signs aside, is positive.
    Source: K. Pearson, "On lines and planes of closest fit to systems of points in space",
    Philosophical Magazine 2 (1901), 559-572; computed by the singular value decomposition.
    Raises ValueError unless there are at least two rows and two columns, and the rows differ.
    """
    if features.ndim != 2 or min(features.shape) < 2:
        raise ValueError(
            f"expected features of shape (N, D), both at least 2, found {tuple(features.shape)}: hand over one row "
            "for each image."
        )
    centred = features - features.mean(dim=0)
    if not centred.any():
        raise ValueError("expected rows that differ, found equal ones: there is no direction of largest variance.")
    _, lengths, directions = torch.linalg.svd(centred, full_matrices=False)
    variances = lengths**2  # (min(N, D),), each N - 1 times too large, which cancels in the shares
    two = directions[:2]  # (2, D)
    longest = two.gather(1, two.abs().argmax(dim=1, keepdim=True))  # (2, 1)
    return centred @ (two * longest.sign()).T, variances[:2] / variances.sum()


def nearest_agree(points: torch.Tensor, labels: torch.Tensor) -> float:
    """Return for which share (0..1) of the points, (N, D), the nearest other point has the same label, (N,)."""
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)  # (N, N)
    return (labels[distances.argmin(dim=1)] == labels).float().mean().item()


def saliency(image: torch.Tensor, model: nn.Module, digit: int) -> torch.Tensor:
    """Return the gradient of a digit's logit with respect to each pixel, (28, 28).

    Positive: a little more ink in this pixel raises the logit. No gradient is left in the model.
    Source: K. Simonyan, A. Vedaldi and A. Zisserman, "Deep inside convolutional networks: visualising image
    classification models and saliency maps" (2013); there without the signs.
    Raises ValueError if the image has another shape.
    """
    check_images(image.unsqueeze(0))
    device = next(model.parameters()).device
    with mode(model, training=False), torch.enable_grad():
        pixels = image.detach().to(device).requires_grad_()
        logit = model(pixels.unsqueeze(0))[0, digit]
        (gradient,) = torch.autograd.grad(logit, pixels)
    return gradient[0].cpu()


def occlusion(image: torch.Tensor, model: nn.Module, digit: int, size: int = 5) -> torch.Tensor:
    """Return for each pixel how much a digit's logit falls if the square around it is erased, (28, 28).

    The square has `size` x `size` pixels, fewer at the border; erased pixels become 0, which is paper.
    Positive: the ink there spoke for the digit.
    Source: M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks" (2013).
    Raises ValueError if the image has another shape, or unless `size` is odd, so that a square has a centre.
    """
    check_images(image.unsqueeze(0))
    if not isinstance(size, int) or size < 1 or size % 2 == 0:
        raise ValueError(f"expected an odd size such as 5, so that each square has a centre, found {size!r}.")
    reach = size // 2
    copies = image.detach().repeat(28 * 28 + 1, 1, 1, 1)  # (785, 1, 28, 28), one for each centre; the last stays whole
    for number, copy in enumerate(copies[:-1]):
        row, column = divmod(number, 28)
        copy[0, max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 0
    device = next(model.parameters()).device
    with mode(model, training=False), torch.no_grad():
        logits = model(copies.to(device))[:, digit]  # (785,)
    return (logits[-1] - logits[:-1]).reshape(28, 28).cpu()


def train_with_snapshots(
    train_dl: Iterable,
    model: nn.Module,
    loss_fn: Callable,
    optimizer: Optimizer,
    epochs: int,
    batches: Sequence[int] = (0, 1, 10, 100, 1000),
) -> dict[int, dict[str, torch.Tensor]]:
    """Train for some epochs, and keep copies of the weights after these numbers of batches and after each epoch.

    Returns them by the number of batches: each is a `state_dict` that `model.load_state_dict` takes.
    Raises ValueError if `epochs` is not a whole number of at least 1, and as `train` does.
    """
    check_epochs(epochs)
    snapshots, done = {}, 0

    def keep() -> None:
        snapshots[done] = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def count_step(*_: object) -> None:
        nonlocal done
        done += 1
        if done in batches:
            keep()

    if 0 in batches:
        keep()
    handle = optimizer.register_step_post_hook(count_step)  # called after each step of the optimizer
    try:
        for _ in range(epochs):
            train(train_dl, model, loss_fn, optimizer)
            keep()
    finally:
        handle.remove()
    return snapshots
