"""Results that took long to make, each with its date and machine; the scripts in `scripts/measure/` wrote them.

expected.json   what ten runs of the lesson's recipe gave
recipes.json    what the recipes of notebook 09 gave
clinic.json     what healthy and ill programs of notebook 10 gave
reference/      a trained network, for readers who have not trained their own
"""

import json
from pathlib import Path

from mnist_lesson.results import RUNS_DIR, History, Run, load_run

STORED_DIR = Path(__file__).resolve().parent
REFERENCE_DIR = STORED_DIR / "reference"


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
    """Return what ten runs of the lesson's recipe gave, as `scripts/measure/calibrate.py` measured it.

    "final_test_acc": the final test accuracy of each run, a fraction (0..1). "bands": for each curve
    of `History`, the mean, standard deviation, lowest and highest value after each epoch.
    "settings", "seeds", "date" and "environment" say what was run, when and where.
    """
    return json.loads((STORED_DIR / "expected.json").read_text(encoding="utf-8"))


def compare_with_expected(history: History, settings: dict) -> str:
    """Say in a sentence whether the final test accuracy of a run is what the lesson's recipe gives.

    Expected is the mean of ten seeds, give or take three standard deviations. There is a band only
    for the settings of the lesson; the seed is free.
    """
    expected = load_expected()
    accuracy = f"test accuracy {history.test_acc[-1]:.2%}"
    if any(settings.get(name) != value for name, value in expected["settings"].items()):
        recipe = ", ".join(f"{name} = {value}" for name, value in expected["settings"].items())
        return f"{accuracy}: there is no expected band for these settings, only for {recipe}."
    mean, std = expected["bands"]["test_acc"]["mean"][-1], expected["bands"]["test_acc"]["std"][-1]
    low, high = mean - 3 * std, mean + 3 * std
    if low <= history.test_acc[-1] <= high:
        return f"{accuracy}: within the expected {low:.2%} to {high:.2%}."
    return (
        f"{accuracy}: outside the expected {low:.2%} to {high:.2%}. Look, in this order: does the training loader "
        "shuffle? Is zero_grad called before each backward? Does step follow backward? Is the network the one of "
        "notebook 4, without a softmax at its end? Are the images scaled to 0..1? If all of this is right, try another "
        "SEED: some runs end in a dip."
    )
