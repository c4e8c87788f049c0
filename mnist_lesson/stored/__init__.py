"""Results that took long to make, each with its date and machine; the scripts in `scripts/measure/` wrote them.

expected.json     what sixty runs of the lesson's recipe gave
predictions.npz   how each of these sixty networks reads the test images
recipes.json      what the recipes of notebook 09 gave
recipe_path.json  what each change of a recipe brought there, on held-out images
bits.json         how the lesson's network reads when its weights have few bits
clinic.json       what healthy and ill programs of notebook 10 gave
handwriting.json  how well drawn photos of handwriting are read, by difficulty
refusal.json      which share of what is no digit six rules refuse, and what that costs
reference/        a trained network, for readers who have not trained their own
reader/           the network that reads handwriting in notebook 08; it takes images with values in 0..1, too
reader.json       what each part of its training brought
"""

import json
from pathlib import Path

import numpy as np
import torch

from mnist_lesson.results import RUNS_DIR, History, Run, load_run

STORED_DIR = Path(__file__).resolve().parent
REFERENCE_DIR = STORED_DIR / "reference"
READER_DIR = STORED_DIR / "reader"


def load_run_or_reference(folder: Path = RUNS_DIR / "05_training") -> Run:
    """Load the run in `folder`, or, if that is not possible, the reference run of the lesson.

    Prints one line that says which; for the reference run also why.
    """
    folder = Path(folder)
    try:
        run = load_run(folder)
        print(f"Loaded your own run: {folder.parent.name}/{folder.name}.")
    except (OSError, ValueError) as error:
        run = load_run(REFERENCE_DIR)
        if isinstance(error, FileNotFoundError):
            print("You have not run 05_training yet: loaded the reference run of the lesson.")
        else:
            print(f"Loaded the reference run of the lesson, because {error}")
    return run


def load_expected() -> dict:
    """Return what sixty runs of the lesson's recipe gave, as `scripts/measure/calibrate.py` measured it.

    "final_test_acc": the final test accuracy of each run, a fraction (0..1). "bands": for each curve of `History`, the
    lowest and highest value after each epoch, the median, and the values that 5 % and 95 % of the runs are below.
    They took the fast path of notebook 9; "plain" holds seeds and final test accuracies of ten runs of the plain loop.
    "settings", "seeds", "date" and "environment" say what was run, when and where.
    """
    return json.loads((STORED_DIR / "expected.json").read_text(encoding="utf-8"))


def load_predictions() -> torch.Tensor:
    """Return how the networks of these sixty runs read the test images: whole numbers, (60, 10000), a row for each."""
    with np.load(STORED_DIR / "predictions.npz") as stored:
        return torch.from_numpy(stored["predictions"]).long()


def compare_with_expected(history: History, settings: dict) -> str:
    """Say in a sentence whether the final test accuracy of a run is what the lesson's recipe gives.

    Expected is what lies between the lowest and the highest of n = 60 runs, which differ only in the seed. Of all
    possible runs of the same recipe, 2 / (n + 1), about 3 %, are expected outside, whatever the distribution is: the
    new one is the lowest or highest of n + 1 as often as any other. There is a range only for the settings of the
    lesson; the seed is free.
    """
    expected = load_expected()
    accuracy = f"test accuracy {history.test_acc[-1]:.2%}"
    if any(settings.get(name) != value for name, value in expected["settings"].items()):
        recipe = ", ".join(f"{name} = {value}" for name, value in expected["settings"].items())
        return f"{accuracy}: there is no expected range for these settings, only for {recipe}."
    low, high = min(expected["final_test_acc"]), max(expected["final_test_acc"])
    if low <= history.test_acc[-1] <= high:
        return f"{accuracy}: within the expected {low:.2%} to {high:.2%}."
    return (
        f"{accuracy}: outside the expected {low:.2%} to {high:.2%}. About one sound run in thirty is, so try another "
        "SEED first. If that one is outside too, look, in this order: does the training loader shuffle? Is zero_grad "
        "called before each backward? Does step follow backward? Is the network the one of notebook 4, without a "
        "softmax at its end? Are the images scaled to 0..1?"
    )
