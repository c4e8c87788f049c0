"""What bench.py times, each in a Python of its own: python scripts/measure/contestants.py "plain loop"

Prints what was measured as one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import use_lesson_python
from pytorch_example import fit_example

ENOUGH = 0.99  # the test accuracy whose time is taken
LONGEST = 14  # epochs that the example gets to reach it: its own number
PHOTO = "prepare a photo"


def main() -> None:
    """Measure one contestant in this Python: the one whose name is on the command line."""
    use_lesson_python()
    measure = {PHOTO: prepare_photo, **CONTESTANTS}[sys.argv[1]]
    print(json.dumps({**measure(), "peak memory in MB": peak_memory()}))


def prepare_photo() -> dict:
    """Time `prepare` on a photo of 12 megapixels that is decoded already, and decoding and preparing together."""
    import io

    from PIL import Image, ImageDraw

    from mnist_lesson.further.handwriting import prepare

    grain = Image.effect_noise((4000, 3000), 10).point(lambda value: value + 60)
    photo = Image.merge("RGB", [grain] * 3)
    ImageDraw.Draw(photo).line([(1700, 900), (2300, 900), (1950, 2000)], fill=(40, 40, 60), width=70)
    file = io.BytesIO()
    photo.save(file, "JPEG")

    def milliseconds(picture):
        start = time.perf_counter()
        prepare(picture)
        return 1000 * (time.perf_counter() - start)

    kinds = {"decoded: milliseconds": photo, "JPEG: milliseconds": file.getvalue()}
    return {kind: statistics.median(milliseconds(picture) for _ in range(9)) for kind, picture in kinds.items()}


def plain_loop(dataloader, model, loss_fn, optimizer):
    """The training loop as it stands in most tutorials, bookkeeping included."""
    model.train()
    correct, loss_sum = 0, 0
    for images, labels in dataloader:
        logits = model(images)
        loss = loss_fn(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (logits.argmax(1) == labels).float().sum().item()
        loss_sum += loss.item() * len(labels)
    return correct / len(dataloader.dataset), loss_sum / len(dataloader.dataset)


def one_epoch(loop) -> dict:
    """Time one epoch of a loop with the loader, network and optimizer of notebook 05."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    from mnist_lesson.data import load_mnist
    from mnist_lesson.further.recipes import LESSON
    from mnist_lesson.model import CNN

    model = CNN()
    optimizer = torch.optim.SGD(model.parameters(), lr=LESSON.learn_rate)
    loader = DataLoader(load_mnist(train=True), LESSON.batch_size, shuffle=True)
    start = time.perf_counter()
    loop(loader, model, nn.CrossEntropyLoss(), optimizer)
    return {"seconds an epoch": time.perf_counter() - start}


def plain() -> dict:
    return one_epoch(plain_loop)


def with_train() -> dict:
    from mnist_lesson.engine import train

    return one_epoch(train)


def fast_path() -> dict:
    from mnist_lesson.further.recipes import LESSON

    return {"seconds an epoch": train_on_all(replace(LESSON, epochs=1))[1][-1]}


def improved() -> dict:
    from mnist_lesson.further.recipes import IMPROVED

    return figures(*train_on_all(IMPROVED))


def one_epoch_recipe() -> dict:
    from mnist_lesson.further.recipes import ONE_EPOCH

    return figures(*train_on_all(ONE_EPOCH))


def train_on_all(recipe) -> tuple[list[float], list[float]]:
    """Train by a recipe. Returns the test accuracies and the seconds until each epoch's end."""
    from mnist_lesson.further.recipes import PoolFirstCNN, fit_recipe, load_tensors

    history, seconds = fit_recipe(load_tensors(train=True), load_tensors(train=False), PoolFirstCNN(), recipe)
    return history.test_acc, seconds


def example() -> dict:
    """Time one epoch of the example as published. How many it needs is counted on the fast path: it trains the same."""
    return {"seconds an epoch": fit_example(1)[1][-1]}


def example_on_fast_path() -> dict:
    accuracies, seconds = fit_example(LONGEST, ENOUGH, fast=True)
    return {**figures(accuracies, seconds), "epochs to 99 %": len(seconds) if accuracies[-1] >= ENOUGH else None}


def figures(accuracies: list[float], seconds: list[float]) -> dict:
    """Return the seconds an epoch and in all, and those until the end of the first epoch with 99 % test accuracy."""
    enough = (s for s, accuracy in zip(seconds, accuracies) if accuracy >= ENOUGH)
    return {
        "seconds an epoch": seconds[-1] / len(seconds),
        "seconds in all": seconds[-1],
        "seconds to 99 %": next(enough, None),
    }


CONTESTANTS = {
    "plain loop": plain,
    "train": with_train,
    "fast path": fast_path,
    "improved": improved,
    "one epoch": one_epoch_recipe,
    "example": example,
    "example, fast": example_on_fast_path,
}


def peak_memory() -> int:
    """Return the most memory that this process has held, in MB (2**20 bytes)."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset // 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10  # macOS counts bytes, Linux KiB


if __name__ == "__main__":
    main()
