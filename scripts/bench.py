"""Time `train` against the same loop as a student types it, and print the ratio.

    python scripts/bench.py

Both train the same network on the same batches, in turn, several times, and take turns in going first.
Single timings vary, so the medians are compared. Writes `build/bench.json`.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from datetime import date

from environment import ROOT, use_environment

ROUNDS = 10
IMAGES = 6_400


def main() -> int:
    use_environment()
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Subset

    from mnist_lesson.data import load_mnist
    from mnist_lesson.device import environment
    from mnist_lesson.engine import train
    from mnist_lesson.model import CNN

    dataset = Subset(load_mnist(train=True), range(IMAGES))
    seconds = {plain_loop: [], train: []}
    for number in range(ROUNDS):
        for contestant in sorted(seconds, key=lambda function: function is train, reverse=number % 2 == 1):
            torch.manual_seed(number)
            model = CNN()
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
            loader = DataLoader(dataset, batch_size=32, shuffle=True)
            start = time.perf_counter()
            contestant(loader, model, nn.CrossEntropyLoss(), optimizer)
            seconds[contestant].append(time.perf_counter() - start)
            print(f"round {number + 1} of {ROUNDS}, {contestant.__name__}: {seconds[contestant][-1]:.2f} s", flush=True)
    medians = {contestant.__name__: statistics.median(times) for contestant, times in seconds.items()}
    ratio = medians["train"] / medians["plain_loop"]
    print(f"\n{'':<12} seconds for {IMAGES:,} images (median of {ROUNDS})")
    for name, median in medians.items():
        print(f"{name:<12} {median:.2f}")
    print(f"ratio        {ratio:.3f}")
    (ROOT / "build").mkdir(exist_ok=True)
    result = {"date": date.today().isoformat(), "environment": environment(), "seconds": medians, "ratio": ratio}
    (ROOT / "build" / "bench.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
