"""Measure what the lesson's recipe gives: ten runs of it, which differ only in the seed.

    python scripts/measure/calibrate.py

Writes `mnist_lesson/stored/expected.json`, the band in which each curve lies at each epoch, and
`mnist_lesson/stored/reference/`, the run with seed 0. Takes ten times as long as 05_training. Each run is
kept in `runs/calibrate/` as soon as it is done: after a stop, start again and it goes on from there.
"""

from __future__ import annotations

import json
import statistics
import sys
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import ROOT, use_lesson_python

SETTINGS = {"EPOCHS": 5, "BATCH_SIZE": 32, "LEARN_RATE": 1e-2}  # those of 05_training
SEEDS = range(10)


def main() -> int:
    use_lesson_python()
    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.stored import STORED_DIR

    runs = []
    for seed in SEEDS:
        folder = ROOT / "runs" / "calibrate" / f"seed_{seed}"
        if not (folder / "run.json").is_file():
            print(f"seed {seed}, run {len(runs) + 1} of {len(SEEDS)}", flush=True)
            train_once(folder, seed)
        runs.append(json.loads((folder / "run.json").read_text(encoding="utf-8"))["history"])
    expected = {
        "what": "mean, sample standard deviation, lowest and highest value of each curve after each epoch",
        "settings": SETTINGS,
        "seeds": list(SEEDS),
        "date": date.today().isoformat(),
        "environment": environment(),
        "bands": {curve: band([run[curve] for run in runs]) for curve in runs[0]},
        "final_test_acc": [run["test_acc"][-1] for run in runs],
    }
    write_whole(STORED_DIR / "expected.json", json.dumps(expected, indent=1) + "\n")
    reference = STORED_DIR / "reference"
    reference.mkdir(exist_ok=True)
    for name in ("weights.pt", "run.json"):
        write_whole(reference / name, (ROOT / "runs" / "calibrate" / "seed_0" / name).read_bytes())
    print(f"Wrote {STORED_DIR / 'expected.json'} and {reference}.")
    return 0


def train_once(folder: Path, seed: int) -> None:
    """Train as 05_training does, and save the run."""
    import torch
    from torch.utils.data import DataLoader

    from mnist_lesson.data import load_mnist
    from mnist_lesson.device import choose_device
    from mnist_lesson.engine import fit
    from mnist_lesson.model import CNN
    from mnist_lesson.results import save_run

    torch.manual_seed(seed)
    train_dl = DataLoader(load_mnist(train=True), SETTINGS["BATCH_SIZE"], shuffle=True)
    test_dl = DataLoader(load_mnist(train=False), SETTINGS["BATCH_SIZE"])
    model = CNN().to(choose_device())
    optimizer = torch.optim.SGD(model.parameters(), lr=SETTINGS["LEARN_RATE"])
    history = fit(train_dl, test_dl, model, torch.nn.CrossEntropyLoss(), optimizer, SETTINGS["EPOCHS"])
    save_run(folder, model, history, {**SETTINGS, "SEED": seed})


def band(curves: list[list[float]]) -> dict[str, list[float]]:
    """Return the band of one curve over all runs, a list over the epochs for each of its four numbers."""
    epochs = list(zip(*curves))
    numbers = {"mean": statistics.mean, "std": statistics.stdev, "lowest": min, "highest": max}
    return {name: [round(number(values), 6) for values in epochs] for name, number in numbers.items()}


if __name__ == "__main__":
    sys.exit(main())
