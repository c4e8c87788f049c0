"""Measure what the lesson's recipe gives: sixty runs of it, which differ only in the seed.

    python scripts/measure/calibrate.py

They take the fast path of notebook 9, which computes the same in about half of the time; ten more take the plain
loop of notebook 5, so that the two can be compared. Writes `mnist_lesson/stored/expected.json`, in which range each
curve lies at each epoch, and `mnist_lesson/stored/predictions.npz`, how each of the sixty networks reads the test
images. Writes `mnist_lesson/stored/reference/`, the plain run with seed 0, only if that folder is not there: with
another one, the outputs of notebooks 6 to 8 must be made anew. Takes forty times as long as 05_training. Each run is
kept in `runs/calibrate/` as soon as it is done: after a stop, start again and it goes on from there.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import ROOT, use_lesson_python

SETTINGS = {"EPOCHS": 5, "BATCH_SIZE": 32, "LEARN_RATE": 1e-2}  # those of 05_training
SEEDS, PLAIN_SEEDS, REFERENCE_SEED = range(60), range(10, 20), 0


def main() -> int:
    use_lesson_python()
    import numpy as np

    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.stored import STORED_DIR

    runs = [kept("fast", seed, train_fast) for seed in SEEDS]
    plain = [kept("plain", seed, train_plain) for seed in PLAIN_SEEDS]
    histories = [history_of(run) for run in runs]
    expected = {
        "what": "quantiles of each curve after each epoch, over all seeds",
        "settings": SETTINGS,
        "seeds": list(SEEDS),
        "date": date.today().isoformat(),
        "environment": environment(),
        "bands": {curve: band([history[curve] for history in histories]) for curve in histories[0]},
        "final_test_acc": [history["test_acc"][-1] for history in histories],
        "plain": {
            "seeds": list(PLAIN_SEEDS),
            "final_test_acc": [history_of(run)["test_acc"][-1] for run in plain],
        },
    }
    write_whole(STORED_DIR / "expected.json", json.dumps(expected, indent=1) + "\n")
    archive = io.BytesIO()
    np.savez_compressed(archive, predictions=np.stack([predictions_of(run) for run in runs]))
    write_whole(STORED_DIR / "predictions.npz", archive.getvalue())
    reference = STORED_DIR / "reference"
    if not reference.is_dir():
        run = kept("plain", REFERENCE_SEED, train_plain)
        reference.mkdir()
        for name in ("weights.pt", "run.json"):
            write_whole(reference / name, (run / name).read_bytes())
    print(f"Wrote expected.json and predictions.npz in {STORED_DIR}.")
    return 0


def kept(path: str, seed: int, train) -> Path:
    """Return the folder of a run; make the run first if it is not there."""
    folder = ROOT / "runs" / "calibrate" / f"{path}_{seed}"
    if not (folder / "run.json").is_file():
        print(f"{path}, seed {seed}", flush=True)
        train(folder, seed)
    return folder


def history_of(folder: Path) -> dict:
    """Return the curves of a run, a list for each."""
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))["history"]


def train_fast(folder: Path, seed: int) -> None:
    """Train with the recipe of 05_training on the fast path of 09_better_and_faster, and save the run."""
    import torch

    from mnist_lesson.device import choose_device
    from mnist_lesson.further.recipes import LESSON, PoolFirstCNN, fit_recipe, load_tensors
    from mnist_lesson.results import save_run

    torch.manual_seed(seed)
    model = PoolFirstCNN().to(choose_device())
    history, _ = fit_recipe(load_tensors(train=True), load_tensors(train=False), model, LESSON)
    save_run(folder, model, history, {**SETTINGS, "SEED": seed})


def train_plain(folder: Path, seed: int) -> None:
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
    """Return five quantiles of one curve over all runs, a list over the epochs for each of them."""
    quantiles = {
        "lowest": min,
        "5 %": lambda values: statistics.quantiles(values, n=20, method="inclusive")[0],
        "median": statistics.median,
        "95 %": lambda values: statistics.quantiles(values, n=20, method="inclusive")[-1],
        "highest": max,
    }
    return {name: [round(quantile(values), 6) for values in zip(*curves)] for name, quantile in quantiles.items()}


def predictions_of(folder: Path):
    """Return how the network of a run reads the test images, whole numbers, (10000,)."""
    from torch.utils.data import DataLoader

    from mnist_lesson.data import load_mnist
    from mnist_lesson.results import collect_logits, load_run

    logits, _ = collect_logits(DataLoader(load_mnist(train=False), batch_size=500), load_run(folder).model)
    return logits.argmax(1).byte().numpy()


if __name__ == "__main__":
    sys.exit(main())
