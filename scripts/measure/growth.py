"""How the cost of training grows with the number of images, the size of a batch and the width of the network."""

from __future__ import annotations

import io
import statistics
import time
from dataclasses import replace
from pathlib import Path

# What is put on an axis of the figure, and the values there; the rest stays as in the lesson.
GROWTH = {
    "images": (7_500, 15_000, 30_000, 60_000),
    "batch size": (16, 32, 64, 128, 256, 512),
    "width": (0.5, 1, 2, 4),  # all layers but the last, as a multiple
}
GROWTH_IMAGES = 7_500  # in the last two series


def measure_growth(rounds: int) -> dict:
    """Return for each series the seconds an epoch of the fast path takes at each value: the median of the rounds.

    In the series "images" an epoch has that many images, in the others all 60,000.
    """
    import torch
    from torch import nn

    from mnist_lesson.further.recipes import (
        LESSON,
        PoolFirstCNN,
        keep_freed_memory,
        load_tensors,
        make_optimizer,
        random_batches,
        training_step,
    )

    keep_freed_memory()
    images, labels = load_tensors(train=True)

    def seconds(number: int, batch_size: int, model: nn.Module) -> float:
        recipe = replace(LESSON, batch_size=batch_size)
        model = model.to(memory_format=torch.channels_last)
        losses, hits = torch.ones(2, number)
        optimizer = make_optimizer(model, recipe)
        step = training_step(images[:number], labels[:number], losses, hits, model, optimizer, recipe)
        start = time.perf_counter()
        for batch in random_batches(number, batch_size):
            step(batch)
        return time.perf_counter() - start

    runs = {
        "images": lambda value: seconds(value, LESSON.batch_size, PoolFirstCNN()),
        "batch size": lambda value: seconds(GROWTH_IMAGES, value, PoolFirstCNN()),
        "width": lambda value: seconds(GROWTH_IMAGES, LESSON.batch_size, network_of_width(value)),
    }
    growth = {name: {} for name in GROWTH}
    for name, values in GROWTH.items():
        for value in values:
            median_seconds = statistics.median(runs[name](value) for _ in range(rounds))
            growth[name][value] = median_seconds if name == "images" else median_seconds * 60_000 / GROWTH_IMAGES
            print(f"{name} {value:,}: {growth[name][value]:.1f} s", flush=True)
    return growth


def network_of_width(factor: float):
    """Return the lesson's network with that many times as many maps and features; 1 is the lesson's own."""
    from torch import nn

    few, many = int(32 * factor), int(64 * factor)
    return nn.Sequential(
        nn.Conv2d(1, few, kernel_size=3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(few, many, kernel_size=3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(25 * many, many),
        nn.ReLU(),
        nn.Linear(many, 10),
    )


def draw_growth(growth: dict, path: Path) -> None:
    """Draw the three series as a PNG file, both axes logarithmic: a straight line of slope 1 is cost in proportion."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from mnist_lesson.files import write_whole
    from mnist_lesson.plots import BLUE

    _, axes = plt.subplots(1, len(growth), figsize=(12, 4), sharey=True)
    for ax, (name, series) in zip(axes, growth.items()):
        ax.plot(list(series), list(series.values()), "o-", color=BLUE)
        ax.set(xscale="log", yscale="log", xlabel=name, title=f"Time against {name}")
        ax.set_xticks(list(series), labels=[f"{value:,}" for value in series])
        ax.minorticks_off()
        ax.margins(0.1)
        for value, seconds in series.items():
            ax.annotate(f"{seconds:.1f}", (value, seconds), textcoords="offset points", xytext=(0, 8), ha="center")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("seconds an epoch")
    plt.tight_layout()
    file = io.BytesIO()
    plt.savefig(file, format="png", dpi=100)
    plt.close()
    write_whole(path, file.getvalue())
