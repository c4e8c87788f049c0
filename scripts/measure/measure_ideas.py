"""Measure the ideas of ideas.py against the improved recipe of notebook 09.

    python scripts/measure/measure_ideas.py

All train with the same seeds, which no choice was made with, and are judged on 5,000 held-out training images; no test
image is looked at. Writes `mnist_lesson/stored/recipe_ideas.json`, in five minutes on a large GPU that the processes
share (by NVIDIA's MPS), and in hours on two cores. Each run is kept in `runs/recipes/`, as in measure_recipes.py.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import sys
from datetime import date
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import use_lesson_python
from measure_path import MOST_PROCESSES, held_out_data, mean_at_end
from measure_recipes import kept

SEEDS = range(500, 532)


def train(idea: str, recipe) -> dict:
    """Train by an idea and its recipe, and return the accuracies (0..1) after each epoch."""
    from ideas import ideas

    from mnist_lesson.device import choose_device
    from mnist_lesson.further import recipes

    _, replaced = ideas()[idea]
    model = recipes.PoolFirstCNN().to(choose_device())
    with mock.patch.dict(vars(recipes), replaced), contextlib.redirect_stdout(io.StringIO()):
        history, _ = recipes.fit_recipe(*held_out_data(), model, recipe)
    return {"accuracies": history.test_acc}


def run(job: tuple) -> dict:
    idea, seed, recipe = job
    return kept(idea, seed, train, idea, recipe)


def main() -> int:
    use_lesson_python()
    import torch
    from ideas import ideas

    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.stored import STORED_DIR

    jobs = [(idea, seed, recipe) for seed in SEEDS for idea, (recipe, _) in ideas().items()]
    # "spawn": a process that was forked could not use an accelerator.
    with multiprocessing.get_context("spawn").Pool(
        min(os.cpu_count(), MOST_PROCESSES), torch.set_num_threads, (1,)
    ) as pool:
        done = pool.map(run, jobs, chunksize=1)
    runs = {idea: done[place :: len(ideas())] for place, idea in enumerate(ideas())}
    for idea, of_idea in runs.items():
        print(f"{idea}: {mean_at_end(of_idea):.2%}")
    result = {
        "what": "the improved recipe and ideas for a better one: accuracies on 5,000 held-out training images, after "
        "each epoch",
        "date": date.today().isoformat(),
        "environment": environment(),
        "ideas": runs,
    }
    write_whole(STORED_DIR / "recipe_ideas.json", json.dumps(result) + "\n")
    print(f"Wrote {STORED_DIR / 'recipe_ideas.json'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
