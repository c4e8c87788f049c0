"""Measure the finished recipes of notebook 09 on the test images: accuracy and time.

    python scripts/measure/measure_recipes.py

Nothing is chosen here: the choices were made on held-out training images, see measure_path.py. Writes
`mnist_lesson/stored/recipes.json`. Takes some fifty minutes on two cores, which nothing else should use. Each run is
kept in `runs/recipes/` as soon as it is done: after a stop, start again and it goes on from there.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from datetime import date
from itertools import accumulate
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from contestants import plain_loop
from install import ROOT, use_lesson_python
from pytorch_example import fit_example

SEEDS = {
    "lesson": range(3),
    "fast": range(3),
    "classic": range(2),
    "improved": range(200, 220),  # fresh ones: no choice was made with them
    "one epoch": range(200, 220),
    "example": range(3),
    "example, fast path": range(3),
}


def main() -> int:
    use_lesson_python()
    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.further.recipes import CLASSIC, IMPROVED, LESSON, ONE_EPOCH
    from mnist_lesson.stored import STORED_DIR

    runs = {
        "lesson": (run_lesson,),
        "fast": (run_on_test, LESSON),
        "classic": (run_on_test, CLASSIC),
        "improved": (run_on_test, IMPROVED),
        "one epoch": (run_on_test, ONE_EPOCH),
        "example": (run_example, IMPROVED.epochs, False),
        "example, fast path": (run_example, IMPROVED.epochs, True),
    }
    on_test = {name: [] for name in runs}
    # In turn, so that a machine that slows down slows all of them.
    for seeds in itertools.zip_longest(*SEEDS.values()):
        for name, seed in zip(runs, seeds):
            if seed is not None:
                on_test[name].append(kept(name, seed, *runs[name]))
    for name in ("fast", "classic", "one epoch"):
        for run in on_test[name]:
            del run["misread"]  # notebook 9 looks at the mistakes of the improved recipe only
    result = {
        "what": "trained on all training images: accuracies on the test images after each epoch, and the seconds of "
        "training until then",
        "date": date.today().isoformat(),
        "environment": environment(),
        "on_test": on_test,
    }
    write_whole(STORED_DIR / "recipes.json", json.dumps(result) + "\n")
    print(f"Wrote {STORED_DIR / 'recipes.json'}.")
    return 0


def kept(name: str, seed: int, run, *arguments) -> dict:
    """Return the result of `run(*arguments)` with this seed, from its file if it was made before."""
    import torch

    from mnist_lesson.files import write_whole

    folder = ROOT / "runs" / "recipes"
    path = folder / f"{re.sub('[^a-z0-9.]+', '_', name.lower())}_{seed}.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if stored.get("made with") != str(arguments):  # not there, or from before the recipe was changed
        print(f"{name}, seed {seed}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        stored = {"made with": str(arguments), "result": run(*arguments)}
        write_whole(path, json.dumps(stored))
    return {"seed": seed, **stored["result"]}


def run_lesson() -> dict:
    """Train as a student types it, with the recipe of notebook 05."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    from mnist_lesson.data import load_mnist
    from mnist_lesson.engine import test
    from mnist_lesson.further.recipes import LESSON
    from mnist_lesson.model import CNN

    train_dl = DataLoader(load_mnist(train=True), LESSON.batch_size, shuffle=True)
    test_dl = DataLoader(load_mnist(train=False), batch_size=500)
    model, loss_fn = CNN(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LESSON.learn_rate)
    accuracies, seconds = [], []
    for _ in range(LESSON.epochs):
        start = time.perf_counter()
        plain_loop(train_dl, model, loss_fn, optimizer)
        seconds.append(time.perf_counter() - start)
        accuracies.append(test(test_dl, model, loss_fn)[0])
    return {"accuracies": accuracies, "seconds": list(accumulate(seconds))}


def run_example(epochs: int, fast: bool) -> dict:
    accuracies, seconds = fit_example(epochs, fast=fast)
    return {"accuracies": accuracies, "seconds": seconds}


def run_on_test(recipe) -> dict:
    """Train on all training images, and note which test images are misread, and as what."""
    from mnist_lesson.further.recipes import PoolFirstCNN, fit_recipe, load_tensors, to_inputs
    from mnist_lesson.results import collect_logits

    model, (images, labels) = PoolFirstCNN(), load_tensors(train=False)
    history, seconds = fit_recipe(load_tensors(train=True), (images, labels), model, recipe)
    logits, _ = collect_logits(list(zip(to_inputs(images, recipe).split(500), labels.split(500))), model)
    predictions = logits.argmax(1)
    wrong = (predictions != labels).nonzero().squeeze(1)
    misread = [[number, predictions[number].item()] for number in wrong.tolist()]
    return {"accuracies": history.test_acc, "seconds": seconds, "misread": misread}


if __name__ == "__main__":
    sys.exit(main())
