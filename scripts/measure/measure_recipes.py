"""Measure the recipes of notebook 09: what each change brings, and what the final recipe reaches.

    python scripts/measure/measure_recipes.py

Every choice is judged on 5,000 held-out training images, by the mean of several seeds. The test images
are used for finished recipes only: the lesson's, the improved one, and PyTorch's example. Writes
`mnist_lesson/stored/recipes.json`. Takes about an hour. Each run is kept in `runs/recipes/` as soon as it is
done: after a stop, start again and it goes on from there.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict, replace
from datetime import date
from itertools import accumulate
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from contestants import plain_loop
from install import ROOT, use_lesson_python
from pytorch_example import fit_example

SEEDS = range(10)
FEW_SEEDS = range(3)  # for the choices, and for the slow contestants


def main() -> int:
    use_lesson_python()
    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.further.recipes import IMPROVED, LESSON
    from mnist_lesson.stored import STORED_DIR

    on_test = {"lesson": [], "fast": [], "example": [], "improved": []}
    for seed in SEEDS:  # in turn, so that a machine that slows down slows all of them
        if seed in FEW_SEEDS:
            on_test["lesson"].append(kept("lesson", seed, run_lesson))
            on_test["example"].append(kept("example", seed, run_example, IMPROVED.epochs))
        on_test["fast"].append(kept("fast", seed, run_on_test, LESSON))
        on_test["improved"].append(kept("improved", seed, run_on_test, IMPROVED))
    for run in on_test["fast"]:
        del run["misread"]  # notebook 9 looks at the mistakes of the improved recipe only
    held_out = [
        {
            "kind": kind,
            "change": change,
            "settings": asdict(recipe),
            "runs": [kept(f"{kind}: {change}", seed, run_held_out, recipe) for seed in FEW_SEEDS],
        }
        for kind, steps in (("path", path_to(IMPROVED)), ("variation", variations_of(IMPROVED)))
        for change, recipe in steps.items()
    ]
    result = {
        "what": "accuracies after each epoch; on_test: trained on all training images, accuracies on the test images, "
        "and the seconds of training until then; held_out: accuracies on the images held out",
        "date": date.today().isoformat(),
        "environment": environment(),
        "on_test": on_test,
        "held_out": held_out,
    }
    write_whole(STORED_DIR / "recipes.json", json.dumps(result) + "\n")
    print(f"Wrote {STORED_DIR / 'recipes.json'}.")
    return 0


def path_to(improved) -> dict:
    """Return the steps from the lesson's recipe to the improved one: each adds one change to the one before."""
    from mnist_lesson.further.recipes import LESSON

    # Until the learning rate falls towards the end, momentum needs a smaller one: it multiplies each step by ten.
    changes = {
        "recipe of notebook 5": {},
        "normalised images": {"normalise": True},
        "batch size 64": {"batch_size": improved.batch_size, "learn_rate": improved.learn_rate},
        "momentum": {"momentum": improved.momentum, "learn_rate": 0.02},
        "one cycle": {"one_cycle": True, "learn_rate": improved.learn_rate},
        "augmentation": {"augment": True},
        "weight decay": {"weight_decay": improved.weight_decay},
        "averaged weights": {"average": improved.average},
    }
    steps, recipe = {}, LESSON
    for change, settings in changes.items():
        recipe = replace(recipe, **settings)
        steps[change] = recipe
    return steps


def variations_of(improved) -> dict:
    """Return what else was tried: each is the improved recipe with one change."""
    return {
        "learning rate 0.025": replace(improved, learn_rate=0.025),
        "learning rate 0.1": replace(improved, learn_rate=0.1),
        "batch size 128": replace(improved, batch_size=128),
        "images not normalised": replace(improved, normalise=False),
        "label smoothing 0.05": replace(improved, label_smoothing=0.05),
    }


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


def run_example(epochs: int) -> dict:
    accuracies, seconds = fit_example(epochs)
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


def run_held_out(recipe) -> dict:
    from mnist_lesson.further.recipes import PoolFirstCNN, fit_recipe, hold_out, load_tensors

    train_data, held_data = hold_out(*load_tensors(train=True))
    history, _ = fit_recipe(train_data, held_data, PoolFirstCNN(), recipe)
    return {"accuracies": history.test_acc}


if __name__ == "__main__":
    sys.exit(main())
