"""Measure the improved recipe of notebook 09 on a CUDA GPU: what do larger batches bring, and a recorded step?

    python scripts/measure/measure_gpu.py

For each batch size, the same steps are timed as Python asks for them and repeated from a recording (recording.py).
Then the recipe trains with it, at the best of some learning rates: two seeds choose the rate, eight others are stored.
All is judged on 5,000 held-out training images; no test image is looked at. Writes `mnist_lesson/stored/gpu.json`, in
some minutes. Nothing else should use the GPU.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import use_lesson_python
from measure_path import SEEDS, SWEEP_SEEDS, best_rate, held_out_data

SIZES = (64, 128, 256, 512)
RATES = (0.02, 0.03, 0.04, 0.06)
ROUNDS, STEPS = 5, 100


def main() -> int:
    use_lesson_python()
    import torch

    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.stored import STORED_DIR

    if not torch.cuda.is_available():
        sys.exit("There is no CUDA GPU here: this script compares ways to keep one busy.")
    train("a first run, which takes longer", 0, size=512, rate=0.02)
    batches = []
    for size in SIZES:
        entry = {"batch_size": size, "milliseconds": milliseconds(size)}
        entry["sweep"] = {rate: [train("try", seed, size, rate) for seed in SWEEP_SEEDS] for rate in RATES}
        entry["learn_rate"] = best_rate(entry["sweep"], None)
        entry["runs"] = [train("train", seed, size, entry["learn_rate"]) for seed in SEEDS]
        batches.append(entry)
        print(size, entry["milliseconds"], entry["learn_rate"], flush=True)
    result = {
        "what": "the improved recipe with other batch sizes, on a GPU. milliseconds: of one step, the median of some "
        "rounds, as Python asks for it (asked) and repeated from a recording (recorded). sweep: the learning rates that "
        "were tried; runs: other seeds, at the best of them: accuracies on 5,000 held-out images and seconds, both "
        "after each epoch",
        "date": date.today().isoformat(),
        "environment": environment(),
        "batches": batches,
    }
    write_whole(STORED_DIR / "gpu.json", json.dumps(result) + "\n")
    print(f"Wrote {STORED_DIR / 'gpu.json'}.")
    return 0


def train(what: str, seed: int, size: int, rate: float) -> dict:
    """Train with this batch size and learning rate: accuracies (0..1) and seconds, both after each epoch."""
    import torch

    from mnist_lesson.device import choose_device
    from mnist_lesson.further.recipes import IMPROVED, PoolFirstCNN, fit_recipe

    print(f"{what}: batch size {size}, learning rate {rate}, seed {seed}", flush=True)
    torch.manual_seed(seed)
    recipe = replace(IMPROVED, batch_size=size, learn_rate=rate)
    with contextlib.redirect_stdout(io.StringIO()):
        history, seconds = fit_recipe(*held_out_data(), PoolFirstCNN().to(choose_device()), recipe)
    return {"seed": seed, "accuracies": history.test_acc, "seconds": seconds}


def milliseconds(size: int) -> dict[str, float]:
    """Return how long a step takes, as Python asks for it and recorded; the two take turns."""
    import torch

    from mnist_lesson.device import choose_device
    from mnist_lesson.further.recipes import IMPROVED, PoolFirstCNN, make_optimizer, random_batches, training_step
    from mnist_lesson.further.recording import recorded

    (images, labels), _ = held_out_data()
    recipe = replace(IMPROVED, batch_size=size)
    batches = [random_batches(len(labels), size)[0].to(images.device) for _ in range(STEPS)]

    def new_step():
        model = PoolFirstCNN().to(choose_device(), memory_format=torch.channels_last)
        notes = torch.zeros(2, len(labels), device=images.device)  # losses and hits
        return training_step(images, labels, *notes, model, make_optimizer(model, recipe), recipe)

    ways = {"asked": new_step(), "recorded": recorded(new_step(), size)}
    times = {way: [] for way in ways}
    for _ in range(1 + ROUNDS):
        for way, step in ways.items():
            torch.accelerator.synchronize()
            start = time.perf_counter()
            for batch in batches:
                step(batch)
            torch.accelerator.synchronize()
            times[way].append(1000 * (time.perf_counter() - start) / STEPS)
    return {way: statistics.median(rounds[1:]) for way, rounds in times.items()}  # the first round is a warm-up


if __name__ == "__main__":
    sys.exit(main())
