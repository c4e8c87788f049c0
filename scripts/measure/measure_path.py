"""Measure the path of notebook 09, from the lesson's recipe to the improved one: what does each change bring?

    python scripts/measure/measure_path.py

A change is judged at the learning rate that suits it: first some rates are tried, with two seeds each, and then eight
other seeds train at the best of them, or at that of the step before, if no other is better by more than 0.05 points.
The last recipe is also trained with one thing changed, and for one epoch with fewer images, without label smoothing
and with it. All is judged on 5,000 held-out training images; no test image is looked at. Writes
`mnist_lesson/stored/recipe_path.json`. Takes two hours on two cores. Each run is kept in `runs/recipes/`, as in
measure_recipes.py.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import multiprocessing
import os
import sys
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import use_lesson_python
from measure_recipes import kept

SWEEP_SEEDS = range(100, 102)
SEEDS = range(8)
ONE_EPOCH_SEEDS = range(16)
CANNOT_TELL = 0.0005  # a difference of accuracy: so much or more do the means of two seeds scatter
MOST_PROCESSES = 12  # that train at the same time, each with one thread


def path() -> dict[str, tuple]:
    """Return the steps: each changes the recipe before it, and names the learning rates to try."""
    from mnist_lesson.further.recipes import CLASSIC, IMPROVED, LESSON

    changes = {
        "recipe of notebook 5": ({}, (0.01,)),
        "its best learning rate": ({}, (0.02, 0.05, 0.1, 0.2, 0.3)),
        "normalised images": ({"normalise": True}, (0.02, 0.05, 0.1, 0.2)),
        "batch size 64": ({"batch_size": 64}, (0.05, 0.1, 0.2, 0.4)),
        "momentum": ({"momentum": CLASSIC.momentum}, (0.005, 0.01, 0.02, 0.04)),
        "one cycle": ({"one_cycle": True}, (0.02, 0.05, 0.1, 0.15)),
        "augmentation": ({"augment": True}, (0.02, 0.05, 0.1)),
        "weight decay": ({"weight_decay": CLASSIC.weight_decay}, (0.02, 0.05, 0.1)),
        "averaged weights": ({"average": CLASSIC.average}, (0.05, 0.1)),
        "Muon": ({"muon": True, "weight_decay": IMPROVED.weight_decay}, (0.01, 0.02, 0.04)),
        "hard images more often": ({"shares": IMPROVED.shares}, (0.01, 0.02, 0.04)),
    }
    steps, recipe = {}, LESSON
    for change, (settings, rates) in changes.items():
        recipe = replace(recipe, **settings)
        steps[change] = recipe, rates
    return steps


def variations() -> dict[str, tuple]:
    """Return what else was tried: the improved recipe with one change, and the part of the code that is replaced."""
    from mnist_lesson.further.recipes import CLASSIC, IMPROVED

    return {
        "images chosen by chance": (IMPROVED, "choose_images"),
        "SGD on the same images": (replace(CLASSIC, shares=IMPROVED.shares), None),
    }


def single_epochs() -> list:
    """Return the improved recipe for one epoch, with fewer and fewer images, without label smoothing and with it."""
    from mnist_lesson.further.recipes import IMPROVED, ONE_EPOCH

    once = replace(IMPROVED, epochs=1)
    return [
        replace(once, shares=(share,), label_smoothing=smoothing)
        for smoothing in (0.0, ONE_EPOCH.label_smoothing)
        for share in (1, 0.8, 0.7, 0.6)
    ]


def by_chance(losses, share: float):
    """Choose as many images as `choose_images` does, but whatever their losses are."""
    import torch

    return torch.randperm(len(losses), device=losses.device)[: round(share * len(losses))]


@functools.cache
def held_out_data() -> tuple:
    """Return training and held-out data on the device, since that is done once in each process."""
    from mnist_lesson.device import choose_device
    from mnist_lesson.further.recipes import hold_out, load_tensors

    return tuple(tuple(tensor.to(choose_device()) for tensor in pair) for pair in hold_out(*load_tensors(train=True)))


def train(recipe, replaced: str | None = None) -> dict:
    """Train by a recipe; the function that is named as `replaced` is replaced by `by_chance`.

    Returns the accuracies after each epoch, and where they were computed.
    """
    from mnist_lesson.device import choose_device, environment
    from mnist_lesson.further import recipes

    other = mock.patch.object(recipes, replaced, by_chance) if replaced else contextlib.nullcontext()
    with other, contextlib.redirect_stdout(io.StringIO()):
        history, _ = recipes.fit_recipe(*held_out_data(), recipes.PoolFirstCNN().to(choose_device()), recipe)
    return {"accuracies": history.test_acc, "accelerator": environment()["accelerator"]}


def run(job: tuple) -> dict:
    name, seed, *arguments = job
    return kept(name, seed, train, *arguments)


def train_single_epochs(pool) -> dict:
    """Train by each of the recipes for one epoch, and return the runs with the day and the machine."""
    from mnist_lesson.device import environment

    jobs = [
        (f"one epoch, share {recipe.shares[0]}, smoothing {recipe.label_smoothing}", seed, recipe)
        for recipe in single_epochs()
        for seed in ONE_EPOCH_SEEDS
    ]
    done = iter(pool.map(run, jobs, chunksize=1))
    entries = [
        {"settings": asdict(recipe), "runs": [next(done) for _ in ONE_EPOCH_SEEDS]} for recipe in single_epochs()
    ]
    return {"date": date.today().isoformat(), "environment": environment(), "recipes": entries}


def mean_at_end(runs: list[dict]) -> float:
    return sum(run["accuracies"][-1] for run in runs) / len(runs)


def best_rate(sweep: dict[float, list[dict]], before: float | None) -> float:
    """Return the rate with the best mean, or the one of the step before, if two seeds cannot tell them apart."""
    means = {rate: mean_at_end(runs) for rate, runs in sweep.items()}
    best = max(means, key=means.get)
    return before if before in means and means[best] - means[before] <= CANNOT_TELL else best


def main() -> int:
    use_lesson_python()
    import torch

    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.further.recipes import Recipe
    from mnist_lesson.stored import STORED_DIR

    # "spawn": a process that was forked could not use an accelerator.
    processes = multiprocessing.get_context("spawn")
    with processes.Pool(min(os.cpu_count(), MOST_PROCESSES), torch.set_num_threads, (1,)) as pool:
        jobs = [
            (f"{change}, rate {rate}", seed, replace(recipe, learn_rate=rate))
            for change, (recipe, rates) in path().items()
            for rate in rates
            for seed in SWEEP_SEEDS
        ]
        tried = iter(pool.map(run, jobs, chunksize=1))
        entries = []
        for change, (recipe, rates) in path().items():
            sweep = {rate: [next(tried) for _ in SWEEP_SEEDS] for rate in rates}
            before = entries[-1]["settings"]["learn_rate"] if entries else None
            best = replace(recipe, learn_rate=best_rate(sweep, before))
            entries.append({"change": change, "settings": asdict(best), "replaced": None, "sweep": sweep})
        for change, (recipe, replaced) in variations().items():
            entries.append({"variation": change, "settings": asdict(recipe), "replaced": replaced})
        jobs = [
            (entry.get("change") or entry["variation"], seed, Recipe(**entry["settings"]), entry["replaced"])
            for entry in entries
            for seed in SEEDS
        ]
        done = iter(pool.map(run, jobs, chunksize=1))
        one_epoch = train_single_epochs(pool)
    for entry in entries:
        entry["runs"] = [next(done) for _ in SEEDS]
        print(f"{entry.get('change') or entry['variation']}: {mean_at_end(entry['runs']):.2%}")
    result = {
        "what": "accuracies on 5,000 held-out training images, after each epoch. Steps of the path: sweep: at the "
        "learning rates that were tried; runs: other seeds, at the best of these rates. variation: the last step with "
        "one change. one epoch: the last step for one epoch with a share of the images, with a date of its own",
        "date": date.today().isoformat(),
        "environment": environment(),
        "path": [entry for entry in entries if "change" in entry],
        "variations": [entry for entry in entries if "variation" in entry],
        "one epoch": one_epoch,
    }
    write_whole(STORED_DIR / "recipe_path.json", json.dumps(result) + "\n")
    print(f"Wrote {STORED_DIR / 'recipe_path.json'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
