"""Better and faster: the helpers of notebook 09.

The same network and the same number of epochs as in notebook 05, with fewer mistakes and in less time.

In all functions, `images` are (N, 1, 28, 28), float, and `labels` whole numbers, (N,).
"""

import copy
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_lesson.data import load_mnist
from mnist_lesson.engine import check_batch, check_epochs, test
from mnist_lesson.further.muon import Muon
from mnist_lesson.further.recording import recorded
from mnist_lesson.model import CNN
from mnist_lesson.progress import progress_bar
from mnist_lesson.results import History
from mnist_lesson.stored import STORED_DIR

Data = tuple[torch.Tensor, torch.Tensor]  # images and labels

# Mean and standard deviation of all pixels of the training images: notebook 09 computes them. Without the held-out
# images they differ by less than 0.0001.
MEAN, STD = 0.1307, 0.3081


@dataclass(frozen=True)
class Recipe:
    """All settings of a training run. Without any change they are those of notebook 05."""

    epochs: int = 5
    batch_size: int = 32
    learn_rate: float = 0.01  # the highest one, if it changes during the run
    normalise: bool = False  # shift and scale the pixels to mean 0 and standard deviation 1
    momentum: float = 0.0  # of Nesterov's kind
    one_cycle: bool = False  # the learning rate first rises, then falls to nearly 0
    augment: bool = False  # show each image a little turned, slanted, shifted, larger or smaller
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    average: float = 0.0  # 0.99: test and keep the mean of the weights over about the last 100 batches
    muon: bool = False  # instead of SGD
    shares: tuple[float, ...] = ()  # of the images, for each epoch: those with a high loss come more often; () is all


LESSON = Recipe()
# The best that was found with SGD.
CLASSIC = Recipe(
    batch_size=64,
    learn_rate=0.05,
    normalise=True,
    momentum=0.9,
    one_cycle=True,
    augment=True,
    weight_decay=5e-4,
    average=0.99,
)
IMPROVED = replace(CLASSIC, muon=True, learn_rate=0.02, weight_decay=0.1, shares=(1, 0.6, 0.3, 0.3, 0.3))
# Three fifths of the images, once. In so short a training, label smoothing helps.
ONE_EPOCH = replace(IMPROVED, epochs=1, shares=(0.6,), label_smoothing=0.05)


class PoolFirstCNN(CNN):
    """The same network: same layers, same weights, same function, but ReLU has a quarter of the work.

    The largest of four numbers stays the largest if all negative numbers are set to 0, so it does not
    matter whether ReLU comes before max pooling or after it.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.pool1(self.conv1(x)))  # (N, 32, 13, 13)
        x = F.relu(self.pool2(self.conv2(x)))  # (N, 64, 5, 5)
        x = torch.flatten(x, start_dim=1)  # (N, 1600)
        x = F.relu(self.fc1(x))  # (N, 64)
        return self.fc2(x)  # (N, num_classes)


def load_tensors(train: bool) -> Data:
    """Return all images of MNIST as one tensor, (N, 1, 28, 28), values in 0..1, and all labels, (N,).

    N is 60,000 for the training set and 10,000 for the test set. Raises OSError as `load_mnist` does.
    """
    dataset = load_mnist(train)
    return dataset.data.unsqueeze(1) / 255, dataset.targets


def hold_out(images: torch.Tensor, labels: torch.Tensor, number: int = 5_000) -> tuple[Data, Data]:
    """Split into training data and `number` held-out samples, drawn by chance but always the same ones.

    Raises ValueError unless at least one sample is left on each side.
    """
    if not 1 <= number < len(labels):
        raise ValueError(f"expected to hold out between 1 and {len(labels) - 1} samples, found {number}.")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held, rest = order[:number], order[number:]
    return (images[rest], labels[rest]), (images[held], labels[held])


def random_batches(size: int, batch_size: int) -> tuple[torch.Tensor, ...]:
    """Return the numbers 0 to size - 1 in random order, cut into batches; the last one may be smaller."""
    return torch.randperm(size).split(batch_size)


def choose_images(losses: torch.Tensor, share: float) -> torch.Tensor:
    """Return the numbers of the images for an epoch, in random order: a share (0..1) of them, each at most once.

    `losses`, (N,), are those of each image when it was last seen. At each draw, the chance of an image is in
    proportion to its loss.
    """
    if share == 1:
        return torch.randperm(len(losses), device=losses.device)
    # multinomial takes no image without any chance, and a loss can be rounded to 0; in a failed training it is no number.
    chances = losses.nan_to_num(nan=1, posinf=1).clamp(min=1e-6)
    chosen = torch.multinomial(chances, max(1, round(share * len(losses))))
    return chosen[torch.randperm(len(chosen), device=losses.device)]  # it returns the likelier ones first


def augment(images: torch.Tensor) -> torch.Tensor:
    """Change each image a little, by amounts of its own; the shape (N, 1, 28, 28) stays.

    Turn it (up to 10 degrees), enlarge or shrink it (10 percent), slant it (10 degrees) and shift it (1 pixel
    along each axis). Each new pixel is a weighted mean of old ones, so no value leaves their range.
    """

    def up_to(limit: float) -> torch.Tensor:
        return (torch.rand(len(images), device=images.device) * 2 - 1) * limit

    angle, slant = torch.deg2rad(up_to(10)), torch.tan(torch.deg2rad(up_to(10)))
    size = 1 + up_to(0.1)
    shift_x, shift_y = up_to(1 / 14), up_to(1 / 14)  # the image reaches from -1 to 1, so 14 pixels are 1
    cos, sin = size * angle.cos(), size * angle.sin()
    # One matrix for each image: from where in the old image does a pixel of the new one come?
    rows = [cos, cos * slant - sin, shift_x, sin, sin * slant + cos, shift_y]
    matrices = torch.stack(rows, dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)  # (N, 28, 28, 2)
    # What comes from outside the image is as its border: background.
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def keep_freed_memory() -> None:
    """Let the process keep memory that tensors have freed, so that the next batch finds it ready.

    Linux hands out large blocks afresh each time, and fills each of their pages with zeros at the first
    touch. But once such a block (of 32 MiB at most) was freed, its C library glibc keeps freed blocks up to
    the size of that one. Elsewhere this does nothing. Source: the manual page mallopt(3), M_MMAP_THRESHOLD.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def to_inputs(images: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Return images, values in 0..1, as a model trained with this recipe wants them."""
    return (images - MEAN) / STD if recipe.normalise else images


def fit_recipe(
    train_data: Data, test_data: Data, model: nn.Module, recipe: Recipe, bfloat16: bool = False
) -> tuple[History, list[float]]:
    """Train the model as the recipe says, test it after each epoch, and print one line for each.

    The data are pairs of images, values in 0..1, and labels. The work is done on the device of the model; a CUDA GPU
    repeats a recorded step (recording.py). With `bfloat16`, layers compute with numbers of half the size: use it only
    where `bfloat16_gain` is above 1. The model ends in eval mode and in the channels-last layout, and with `average`
    it holds the averaged weights.
    Returns the history, and the seconds of training until the end of each epoch, without the tests. Accuracy and loss
    of training are means over the images that were shown in the epoch: with `shares`, the harder ones.
    A model trained with `normalise` wants its images normalised afterwards too: `to_inputs(images, recipe)`.
    Raises ValueError if `epochs` is not a whole number of at least 1, if `shares` has not one share (0..1) for each
    epoch, if there is not one label for each image, or if the labels do not fit the logits.
    """
    check_epochs(recipe.epochs)
    shares = recipe.shares or (1,) * recipe.epochs
    if len(shares) != recipe.epochs or not all(0 < share <= 1 for share in shares):
        raise ValueError(f"expected a share above 0, 1 at most, for each of {recipe.epochs} epochs, found {shares}.")
    for images, labels in (train_data, test_data):
        if len(images) != len(labels):
            raise ValueError(f"expected one label for each image, found {len(images)} images and {len(labels)} labels.")
    keep_freed_memory()
    device = next(model.parameters()).device
    images, labels = to_inputs(train_data[0].to(device), recipe), train_data[1].to(device)
    test_images, test_labels = to_inputs(test_data[0].to(device), recipe), test_data[1].to(device)
    test_batches = list(zip(test_images.split(500), test_labels.split(500)))
    model.eval()
    with torch.no_grad():
        check_batch(model(images[:1]).expand(len(labels), -1), labels)  # once, not for every batch

    model.to(memory_format=torch.channels_last)  # each pixel's channels side by side in memory: faster
    losses, hits = torch.ones(2, len(labels), device=device)
    optimizer = make_optimizer(model, recipe)
    step = training_step(images, labels, losses, hits, model, optimizer, recipe, bfloat16)
    if device.type == "cuda":
        step = recorded(step, recipe.batch_size)
    steps = sum(math.ceil(max(1, round(share * len(labels))) / recipe.batch_size) for share in shares)
    schedule = make_schedule(optimizer, recipe, steps)
    averaged = average_weights(model, recipe.average) if recipe.average else None
    history, seconds = History(), []
    for epoch, share in enumerate(shares, start=1):
        start = time.perf_counter()
        model.train()
        chosen = choose_images(losses, share)
        for batch in progress_bar(chosen.split(recipe.batch_size), "train"):
            step(batch)
            schedule.step()
            if averaged:
                averaged.update_parameters(model)
        train_acc, train_loss = hits[chosen].mean().item(), losses[chosen].mean().item()  # waits for a GPU
        seconds.append(time.perf_counter() - start)
        history.add(train_acc, train_loss, *test(test_batches, averaged or model, nn.CrossEntropyLoss()))
        print(f"Epoch:{epoch:2d}, Seconds:{sum(seconds):4.0f}, Test_acc:{history.test_acc[-1]:.2%}", flush=True)
    if averaged:
        model.load_state_dict(averaged.module.state_dict())
        model.eval()  # like the average, which was tested
    return history, list(accumulate(seconds))


def training_step(
    images: torch.Tensor,
    labels: torch.Tensor,
    losses: torch.Tensor,
    hits: torch.Tensor,
    model: nn.Module,
    optimizer: Optimizer,
    recipe: Recipe,
    bfloat16: bool = False,
) -> Callable[[torch.Tensor], None]:
    """Return the function that trains the model with one batch, given as the numbers of its images.

    It notes in `losses` and `hits`, both (N,) for all N images, the loss of each and whether it was read right (1 or
    0). All are on one device. Nothing goes to Python: .item() would make Python wait for a GPU after each batch, and
    then the GPU for Python.
    """

    def step(batch: torch.Tensor) -> None:
        inputs, targets = images[batch], labels[batch]
        if recipe.augment:
            inputs = augment(inputs)
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bfloat16):
            logits = model(inputs)  # (batch size, classes)
        loss = F.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=recipe.label_smoothing)

        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()

        losses[batch] = loss.detach()
        hits[batch] = (logits.argmax(1) == targets).float()

    return step


def make_optimizer(model: nn.Module, recipe: Recipe) -> Optimizer:
    """Return the optimizer of the recipe, SGD or Muon. On a CUDA GPU, a step of it can be recorded (recording.py)."""
    device = next(model.parameters()).device
    on_cuda = device.type == "cuda"
    rate = torch.tensor(recipe.learn_rate, device=device) if on_cuda else recipe.learn_rate
    settings = {"lr": rate, "momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
    if recipe.muon:
        return Muon(model.parameters(), **settings)
    # Not fused, SGD would fetch the rate from the GPU.
    return SGD(model.parameters(), **settings, nesterov=recipe.momentum > 0, fused=on_cuda or None)


def make_schedule(optimizer: Optimizer, recipe: Recipe, steps: int) -> LRScheduler:
    """Return what sets the learning rate anew after each of so many steps; without `one_cycle` it stays."""
    if not recipe.one_cycle:
        return ConstantLR(optimizer, factor=1)
    total_steps = max(steps + 1, 21)  # with fewer, there is no step left to rise in
    return OneCycleLR(optimizer, recipe.learn_rate, total_steps=total_steps, pct_start=0.1, cycle_momentum=False)


def average_weights(model: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of the model; its `update_parameters(model)` lets its weights follow those of the model.

    Then: average = decay * average + (1 - decay) * weight.
    """
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


def bfloat16_gain(model: nn.Module, images: torch.Tensor, rounds: int = 5) -> float:
    """Return how many times as fast forward and backward are in bfloat16 as in float32, measured here.

    Only some processors compute with bfloat16 directly; on the others it is far slower.
    `images` is one batch as the model takes it, on the device of the model. The model is not changed.
    """
    model = copy.deepcopy(model)
    seconds = {True: [], False: []}
    for _ in range(rounds + 1):
        for bfloat16, times in seconds.items():
            start = time.perf_counter()
            with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
                loss = model(images).float().logsumexp(dim=1).sum()
            loss.backward()
            loss.item()  # wait until it is done
            times.append(time.perf_counter() - start)
    # The first time of each is a warm-up.
    return statistics.median(seconds[False][1:]) / statistics.median(seconds[True][1:])


def load_measured() -> dict:
    """Return what `scripts/measure/measure_recipes.py` measured, with date, machine and seeds."""
    return json.loads((STORED_DIR / "recipes.json").read_text(encoding="utf-8"))
