"""The speed run: in how many seconds does your recipe train a network that reads 99.0 % right?

    python scripts/measure/speedrun.py my_recipe.py

`my_recipe.py` imports `Recipe` from mnist_lesson.further.recipes and holds `recipe = Recipe(...)`. For other ideas it
may hold a function `fit(train_data, model)`, which trains the model that it is given; then `recipe` only says whether
the model wants normalised images (without it: no).

The rule: your recipe and the lesson's own take turns on this machine, with the same five seeds. The seconds of the
whole training count, and the networks that come out must read at least 99.0 % of the 5,000 held-out images, in the mean
over the seeds. So it is no use to stop at a lucky moment; a recipe that gets there earlier wants fewer epochs. The
lesson's own is ONE_EPOCH with all images: with three fifths of these 55,000 it stays just below the mark.

`fit_recipe` tests after each epoch, which does not count. `fit` counts from start to end, and never gets the held-out
images. Read from the model are its weights alone, in a fresh network of the lesson. No test image is looked at.
Prints a table in Markdown; its last line is yours. Takes some two minutes, and five of your trainings.
"""

from __future__ import annotations

import argparse
import multiprocessing
import runpy
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from contestants import ENOUGH
from install import use_lesson_python

SEEDS = range(400, 405)  # no recipe of the lesson was chosen with these
OWN = "the lesson's own"


def main() -> None:
    use_lesson_python()
    parser = argparse.ArgumentParser(description="Time the training by your recipe against the lesson's own.")
    parser.add_argument("file", type=Path, help="a Python file with your recipe, such as my_recipe.py")
    path = parser.parse_args().file
    if not path.is_file():
        sys.exit(f"There is no file {path}: give the name of the file that holds your recipe.")
    from mnist_lesson.device import environment

    contestants = {path.stem: path, OWN: None}
    runs = {name: [] for name in contestants}
    for number, seed in enumerate(SEEDS):
        for name in contestants if number % 2 == 0 else reversed(contestants):
            print(f"{name}, seed {seed}", flush=True)
            seconds, accuracy = in_own_python(contestants[name], seed)
            runs[name].append((seconds, accuracy))
            print(f"    {seconds:.1f} seconds, {accuracy:.2%} of the held-out images", flush=True)
    here = environment()
    machine = here["accelerator"].replace("none, the CPU does the work", f"CPU, {here['CPU cores']} cores")
    print_table(runs, f"{date.today().isoformat()} | {machine}")


def in_own_python(path: Path | None, seed: int) -> tuple[float, float]:
    """Call `train_once` in a fresh Python: a file may replace parts of the package, but not for the lesson's own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(train_once, path, seed).result()
        except Exception as error:
            sys.exit(f"{error.__cause__ or error}\nThe training by {path or OWN} failed: see above.")


def train_once(path: Path | None, seed: int) -> tuple[float, float]:
    """Train by the recipe in a file, or by the lesson's own. Returns seconds and accuracy (0..1) on held-out images."""
    import torch
    from torch import nn

    from mnist_lesson.device import choose_device
    from mnist_lesson.engine import test
    from mnist_lesson.further import recipes

    network = recipes.PoolFirstCNN()  # made before the file is read, which may replace it
    recipe, fit = read_recipe(path) if path else (replace(recipes.ONE_EPOCH, shares=()), None)
    train_data, held_data = recipes.hold_out(*recipes.load_tensors(train=True))
    device = choose_device()
    torch.manual_seed(seed)
    model = recipes.PoolFirstCNN().to(device)
    if fit:
        images, labels = (tensor.to(device) for tensor in train_data)
        recipes.keep_freed_memory()
        model(images[:1])  # the first call takes longer: fit_recipe too makes it before it looks at the clock
        start = time.perf_counter()
        fit((images, labels), model)
        if device.type != "cpu":
            torch.accelerator.synchronize()  # Python is ahead of it
        seconds = time.perf_counter() - start
    else:
        seconds = recipes.fit_recipe(train_data, held_data, model, recipe)[1][-1]

    try:
        network.load_state_dict(model.state_dict())
    except RuntimeError:
        sys.exit(f"{path} changes the layers of the network: it must keep those of the lesson, and their sizes.")
    batches = zip(recipes.to_inputs(held_data[0], recipe).split(500), held_data[1].split(500))
    return seconds, test(batches, network, nn.CrossEntropyLoss())[0]


def read_recipe(path: Path) -> tuple[object, Callable | None]:
    """Return `recipe` and `fit` of a file; without them LESSON and None. Ends the script if it holds neither."""
    from mnist_lesson.further.recipes import LESSON, Recipe

    found = runpy.run_path(str(path))
    recipe, fit = found.get("recipe", LESSON), found.get("fit")
    if not found.keys() & {"recipe", "fit"} or not isinstance(recipe, Recipe):
        sys.exit(f"There is no recipe in {path}: write `recipe = Recipe(...)`, or a function `fit(train_data, model)`.")
    return recipe, fit


def print_table(runs: dict[str, list[tuple[float, float]]], when_and_where: str) -> None:
    """Print a line for each, the lesson's own first; `runs` holds seconds and accuracy of each training."""
    lines = []
    own_seconds = statistics.median(seconds for seconds, _ in runs[OWN])
    for name, rows in reversed(runs.items()):
        seconds = statistics.median(seconds for seconds, _ in rows)
        accuracy = statistics.fmean(accuracy for _, accuracy in rows)
        figures = f"{seconds:.1f} | {seconds / own_seconds:.2f}"
        if round(accuracy, 6) < ENOUGH:  # rounded, since the mean of fractions may be 0.98999999 where it is 99 %
            print(f"{name} never got there: the mean accuracy is {accuracy:.3%}, and {ENOUGH:.1%} is asked for.")
            figures = "never | –"
        there = sum(accuracy >= ENOUGH for _, accuracy in rows)
        lines.append(f"| {name} | {when_and_where} | {figures} | {accuracy:.3%} | {there} of {len(rows)} |")
    print("\n| name | date | machine | seconds | ratio | accuracy | seeds there |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |", *lines, sep="\n")


if __name__ == "__main__":
    main()
