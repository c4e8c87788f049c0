"""Time the training loops of the lesson against each other, and show how the cost grows.

    python scripts/measure/bench.py

Five contestants train on all of MNIST, in turn, each in a Python of its own, as a student would start it:
the plain loop as it stands in most tutorials, `train`, the fast path with the lesson's recipe, the
improved recipe, and PyTorch's example. Single timings vary, so medians are compared. Takes about
20 minutes. Writes `build/bench.json`, and `build/bench_growth.png`: seconds an epoch against the number of
images, the size of a batch, and the width of the network.

Before that, in a second, it times `prepare` of notebook 08 on a photo of 12 megapixels.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import ROOT, use_lesson_python
from pytorch_example import fit_example

ROUNDS = 3
ENOUGH = 0.99  # the test accuracy whose time is taken
LONGEST = 14  # epochs that the example gets to reach it: its own number

# What is put on an axis of the figure, and the values there; the rest stays as in the lesson.
GROWTH = {
    "images": (7_500, 15_000, 30_000, 60_000),
    "batch size": (16, 32, 64, 128, 256, 512),
    "width": (0.5, 1, 2, 4),  # all layers but the last, as a multiple
}
GROWTH_IMAGES = 7_500  # in the last two series


def main() -> int:
    if sys.argv[1:2] == ["--one"]:  # in the Python of one contestant
        what = CONTESTANTS.get(sys.argv[2], prepare_photo)
        print(json.dumps({**what(), "peak memory in MB": peak_memory()}))
        return 0
    use_lesson_python()
    from mnist_lesson.device import environment

    photo = in_own_python("prepare a photo")
    print(f"a photo of 12 megapixels: {json.dumps(photo)}", flush=True)
    results = {name: [] for name in CONTESTANTS}
    for number in range(ROUNDS):
        for name in CONTESTANTS if number % 2 == 0 else reversed(CONTESTANTS):
            results[name].append(in_own_python(name))
            print(f"round {number + 1} of {ROUNDS}, {name}: {describe(results[name][-1])}", flush=True)
    medians = {name: {key: median(rows, key) for key in rows[0]} for name, rows in results.items()}
    print_table(medians)
    growth = measure_growth()
    result = {
        "date": date.today().isoformat(),
        "environment": environment(),
        "a photo of 12 megapixels": photo,
        "medians": medians,
        "rounds": results,
        "growth: seconds an epoch of 60,000 images": growth,
    }
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw_growth(growth)
    print(f"Wrote {build / 'bench.json'} and {build / 'bench_growth.png'}.")
    return 0


def in_own_python(name: str) -> dict:
    """Run one contestant in a fresh Python, so that none profits from what another left in memory."""
    command = [sys.executable, __file__, "--one", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        for line in process.stdout:
            if line.startswith("Epoch:"):
                print(f"    {name}: {line}", end="", flush=True)
    if process.returncode:
        sys.exit(f"The contestant {name} failed: see above.")
    return json.loads(line)


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

    return {"seconds an epoch": fit(replace(LESSON, epochs=1))[1][-1]}


def improved() -> dict:
    import torch

    from mnist_lesson.further.recipes import IMPROVED, PoolFirstCNN, bfloat16_gain

    batch = torch.rand(IMPROVED.batch_size, 1, 28, 28)
    gain = bfloat16_gain(PoolFirstCNN().to(memory_format=torch.channels_last), batch)
    return figures(*fit(IMPROVED, bfloat16=gain > 1.1))


def fit(recipe, bfloat16: bool = False) -> tuple[list[float], list[float]]:
    """Train on all of MNIST by a recipe. Returns the test accuracies and the seconds until each epoch's end."""
    from mnist_lesson.further.recipes import PoolFirstCNN, fit_recipe, load_tensors

    history, seconds = fit_recipe(load_tensors(train=True), load_tensors(train=False), PoolFirstCNN(), recipe, bfloat16)
    return history.test_acc, seconds


def example() -> dict:
    return figures(*fit_example(LONGEST, ENOUGH))


def figures(accuracies: list[float], seconds: list[float]) -> dict:
    """Return the seconds an epoch, and those until the end of the first epoch with 99 % test accuracy."""
    enough = (s for s, accuracy in zip(seconds, accuracies) if accuracy >= ENOUGH)
    return {"seconds an epoch": seconds[-1] / len(seconds), "seconds to 99 %": next(enough, None)}


CONTESTANTS = {
    "plain loop": plain,
    "train": with_train,
    "fast path": fast_path,
    "improved": improved,
    "example": example,
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


def median(rows: list[dict], key: str) -> float | None:
    """Return the median of one figure over the rounds; a round that never got there counts as the longest."""
    value = statistics.median(float("inf") if row[key] is None else row[key] for row in rows)
    return None if value == float("inf") else value


def describe(row: dict) -> str:
    return ", ".join(f"{value:.1f} {key}" if value is not None else f"never: {key}" for key, value in row.items())


def print_table(medians: dict) -> None:
    """Print the medians, and each as a ratio to the plain loop and to the example."""
    base, slow = medians["plain loop"]["seconds an epoch"], medians["example"]["seconds an epoch"]
    print(f"\nMedians of {ROUNDS}")
    print(f"{'':<12} {'s / epoch':>10} {'/ plain loop':>13} {'/ example':>10} {'peak MB':>8} {'s to 99 %':>10}")
    for name, row in medians.items():
        seconds = row["seconds an epoch"]
        until = f"{row['seconds to 99 %']:.1f}" if row.get("seconds to 99 %") else ""
        print(
            f"{name:<12} {seconds:>10.2f} {seconds / base:>13.3f} {seconds / slow:>10.3f} "
            f"{row['peak memory in MB']:>8.0f} {until:>10}"
        )
    if all(medians[name]["seconds to 99 %"] for name in ("improved", "example")):
        ratio = medians["improved"]["seconds to 99 %"] / medians["example"]["seconds to 99 %"]
        print(f"time to {ENOUGH:.1%} test accuracy, improved / example: {ratio:.3f}")


def measure_growth() -> dict:
    """Return for each series the seconds an epoch of 60,000 images takes at each value; the fast path does it."""
    import torch
    from torch import nn

    from mnist_lesson.further.recipes import (
        LESSON,
        PoolFirstCNN,
        keep_freed_memory,
        load_tensors,
        make_optimizer,
        train_epoch,
    )

    keep_freed_memory()
    images, labels = load_tensors(train=True)

    def seconds(number: int, batch_size: int, model: nn.Module) -> float:
        recipe = replace(LESSON, batch_size=batch_size)
        model = model.to(memory_format=torch.channels_last)
        optimizer = make_optimizer(model, recipe, steps=1)
        start = time.perf_counter()
        train_epoch(images[:number], labels[:number], model, nn.CrossEntropyLoss(), optimizer, recipe)
        return time.perf_counter() - start

    runs = {
        "images": lambda value: seconds(value, LESSON.batch_size, PoolFirstCNN()),
        "batch size": lambda value: seconds(GROWTH_IMAGES, value, PoolFirstCNN()),
        "width": lambda value: seconds(GROWTH_IMAGES, LESSON.batch_size, network_of_width(value)),
    }
    growth = {name: {} for name in GROWTH}
    for name, values in GROWTH.items():
        for value in values:
            median_seconds = statistics.median(runs[name](value) for _ in range(ROUNDS))
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


def draw_growth(growth: dict) -> None:
    """Draw the three series, both axes logarithmic: a straight line of slope 1 is cost in proportion."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

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
    plt.savefig(ROOT / "build" / "bench_growth.png", dpi=100)
    plt.close()


if __name__ == "__main__":
    sys.exit(main())
