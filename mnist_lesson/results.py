"""Keep and read the results of a training run: the helpers of notebook 06."""

import hashlib
import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn as nn

from mnist_lesson.device import environment
from mnist_lesson.model import CNN, mode
from mnist_lesson.progress import progress_bar

# Tests set the environment variable, so that they never touch the real folder.
RUNS_DIR = Path(os.environ.get("MNIST_LESSON_RUNS", Path(__file__).resolve().parent.parent / "runs"))
STORED_DIR = Path(__file__).resolve().parent / "stored"
REFERENCE_DIR = STORED_DIR / "reference"


@dataclass
class History:
    """Accuracy (a fraction, 0..1) and loss after each epoch: four lists of equal length."""

    train_acc: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    test_acc: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)

    def add(self, train_acc: float, train_loss: float, test_acc: float, test_loss: float) -> None:
        """Append the four numbers of one epoch."""
        self.train_acc.append(train_acc)
        self.train_loss.append(train_loss)
        self.test_acc.append(test_acc)
        self.test_loss.append(test_loss)

    def __len__(self) -> int:
        return len(self.test_acc)


class Run(NamedTuple):
    """A training run: the trained model, its history, and what made it."""

    model: nn.Module
    history: History
    settings: dict
    environment: dict


def save_run(folder: Path, model: nn.Module, history: History, settings: dict) -> None:
    """Save weights, history, settings and environment in `folder`; a run that is there is replaced.

    `settings` are the numbers the run was made with, such as {"EPOCHS": 5}.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights, record = folder / "weights.pt", folder / "run.json"
    weights_part, record_part = folder / "weights.pt.part", folder / "run.json.part"
    try:
        torch.save(model.state_dict(), weights_part)
        content = {
            "history": asdict(history),
            "settings": settings,
            "environment": environment(),
            "weights_sha256": _sha256(weights_part),
        }
        record_part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        # Only now, with both files complete, do they take the place of the old ones.
        weights_part.replace(weights)
        record_part.replace(record)
    finally:
        weights_part.unlink(missing_ok=True)
        record_part.unlink(missing_ok=True)


def load_run(folder: Path, model: nn.Module | None = None) -> Run:
    """Load what `save_run` saved. The weights go into `model`, a new `CNN` unless one is given.

    Raises FileNotFoundError if there is no run in `folder`, and ValueError if its files are damaged
    or its weights belong to another network: one sentence that names the file and the cause.
    """
    weights, record = Path(folder) / "weights.pt", Path(folder) / "run.json"
    again = "run the notebook 05_training again"
    if not record.is_file():
        raise FileNotFoundError(f"{record} does not exist: run the notebook 05_training to make it.")
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        history = History(**content["history"])
        check_history(history)
        run = Run(CNN() if model is None else model, history, content["settings"], content["environment"])
        fingerprint = content["weights_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{record} is damaged ({error}): {again}.") from error
    if not weights.is_file() or _sha256(weights) != fingerprint:
        raise ValueError(f"{weights} is missing, damaged or not of this run: {again}.")
    try:
        state = torch.load(weights, weights_only=True, map_location="cpu")
        shapes = {name: tensor.shape for name, tensor in state.items()}
    except Exception as error:  # what is wrong with a file that is no set of weights, PyTorch says in many ways
        raise ValueError(f"{weights} holds no weights ({type(error).__name__}): {again}.") from error
    if shapes != {name: tensor.shape for name, tensor in run.model.state_dict().items()}:
        raise ValueError(
            f"{weights} was saved from a network with other layers than {type(run.model).__name__}: load it into the "
            "network that made it."
        )
    run.model.load_state_dict(state)
    return run


def check_history(history: History) -> None:
    """Raise ValueError unless the four lists have one length of at least 1 and hold numbers."""
    curves = list(asdict(history).values())
    if len({len(curve) for curve in curves}) != 1 or not curves[0]:
        raise ValueError("its four lists are empty or differ in length")
    if not all(isinstance(value, float | int) for curve in curves for value in curve):
        raise ValueError("its four lists hold something that is no number")


def load_run_or_reference(folder: Path = RUNS_DIR / "05_training") -> Run:
    """Load the run in `folder`, or, if that is not possible, the reference run of the lesson.

    Prints one line that says which, and why.
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


def collect_logits(dataloader: Iterable, model: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits, (N, classes), and the labels, (N,), of all samples, on the CPU."""
    device = next(model.parameters()).device
    with mode(model, training=False), torch.no_grad():
        batches = [(model(images.to(device)).cpu(), labels) for images, labels in progress_bar(dataloader, "test")]
    logits, labels = zip(*batches)
    return torch.cat(logits), torch.cat(labels)


def predict(image: torch.Tensor, model: nn.Module, top: int = 3) -> list[tuple[int, float]]:
    """Return the `top` most probable digits of one image, each with its probability (0..1).

    `image` has the shape (1, 28, 28), as a data set of the lesson yields it.
    Raises ValueError if it has another shape.
    """
    if image.shape != (1, 28, 28):
        raise ValueError(f"expected one image of shape (1, 28, 28), found {tuple(image.shape)}.")
    device = next(model.parameters()).device
    with mode(model, training=False), torch.no_grad():
        logits = model(image.unsqueeze(0).to(device))  # (1, 10)
    probabilities, digits = logits.softmax(dim=1).squeeze(0).topk(top)
    return list(zip(digits.tolist(), probabilities.tolist()))


def confusion_matrix(labels: torch.Tensor, predictions: torch.Tensor, num_classes: int = 10) -> torch.Tensor:
    """Count how often each class was taken for each: row = label, column = prediction.

    `labels` and `predictions` are whole numbers from 0 to num_classes - 1, both of shape (N,).
    Returns whole numbers, (num_classes, num_classes). Raises ValueError if the shapes differ or a number is
    out of range.
    """
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(
            f"expected labels and predictions of one shape (N,), found {tuple(labels.shape)} "
            f"and {tuple(predictions.shape)}."
        )
    both = torch.cat([labels, predictions])
    if both.numel() and not 0 <= both.min() <= both.max() < num_classes:
        raise ValueError(f"expected classes from 0 to {num_classes - 1}, found {both.min()} to {both.max()}.")
    pairs = labels * num_classes + predictions  # one number for each pair
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def wilson_interval(correct: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval (fractions, 0..1) that the true accuracy lies in with 95 % confidence.

    `z` = 1.96 standard deviations hold 95 % of a normal distribution.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927), 209-212.
    Raises ValueError unless 0 <= correct <= total and total >= 1.
    """
    if not 0 <= correct <= total or total < 1:
        raise ValueError(f"expected 0 <= correct <= total and total >= 1, found {correct} of {total}.")
    p = correct / total
    centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _sha256(path: Path) -> str:
    """Return the fingerprint of a file: two files with the same one are the same, byte for byte."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
