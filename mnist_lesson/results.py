"""Keep and read the results of a training run: the helpers of notebook 06."""

import hashlib
import io
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
from mnist_lesson.files import write_whole
from mnist_lesson.model import CNN
from mnist_lesson.progress import progress_bar

# Tests and some scripts set the environment variable, so that they never touch the real folder.
RUNS_DIR = Path(os.environ.get("MNIST_LESSON_RUNS", Path(__file__).parent.parent / "runs")).resolve()


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
    """Save weights, history, settings (as {"EPOCHS": 5}) and environment; a run that is in `folder` is replaced."""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    weights = buffer.getvalue()
    content = {
        "history": asdict(history),
        "settings": settings,
        "environment": environment(),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    write_whole(Path(folder) / "weights.pt", weights)
    write_whole(Path(folder) / "run.json", json.dumps(content, indent=2) + "\n")


def load_run(folder: Path, model: nn.Module | None = None) -> Run:
    """Load what `save_run` saved. The weights go into `model`, a new `CNN` unless one is given.

    Raises FileNotFoundError if there is no run in `folder`, and ValueError if it is damaged or of another network.
    """
    weights, record = Path(folder) / "weights.pt", Path(folder) / "run.json"
    again = "run the notebook 05_training again"
    if not record.is_file():
        raise FileNotFoundError(f"{record} does not exist: run the notebook 05_training to make it.")
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        history = History(**content["history"])
        check_history(history)
        settings, made_in, checksum = (content[key] for key in ("settings", "environment", "weights_sha256"))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{record} is damaged ({error}): {again}.") from error
    if not weights.is_file() or hashlib.sha256(weights.read_bytes()).hexdigest() != checksum:
        raise ValueError(f"{weights} is missing, damaged or not of this run: {again}.")
    try:
        state = torch.load(weights, weights_only=True, map_location="cpu")
        shapes = {name: tensor.shape for name, tensor in state.items()}
    except Exception as error:  # what is wrong with a file that is no set of weights, PyTorch says in many ways
        raise ValueError(f"{weights} holds no weights ({type(error).__name__}): {again}.") from error
    if model is None:
        with torch.random.fork_rng(devices=[]):  # its first weights are random, but no draw of the caller is used up
            model = CNN()
    if shapes != {name: tensor.shape for name, tensor in model.state_dict().items()}:
        other = f"a network with other layers than {type(model).__name__}"
        raise ValueError(f"{weights} was saved from {other}: load it into the network that made it.")
    model.load_state_dict(state)
    return Run(model, history, settings, made_in)


def check_history(history: History) -> None:
    """Raise ValueError unless the four lists have one length of at least 1 and hold numbers."""
    curves = list(asdict(history).values())
    is_of_numbers = all(isinstance(value, float | int) for curve in curves for value in curve)
    if not is_of_numbers or len({len(curve) for curve in curves}) != 1 or not curves[0]:
        raise ValueError("its four lists are empty, differ in length or hold something that is no number")


def check_size(size: int) -> None:
    """Raise ValueError if nothing came from a loader: there is nothing to take a mean over."""
    if size == 0:
        raise ValueError("expected at least one batch, but the loader is empty: check its data set and `drop_last`.")


def collect_logits(dataloader: Iterable, model: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits, (N, classes), and labels, (N,), of all samples, on the CPU; the model is left in eval mode.

    Raises ValueError if the loader is empty.
    """
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        batches = [(model(images.to(device)).cpu(), labels) for images, labels in progress_bar(dataloader, "test")]
    check_size(len(batches))
    logits, labels = zip(*batches)  # from pairs to two rows
    return torch.cat(logits), torch.cat(labels)


def predict(image: torch.Tensor, model: nn.Module, top: int = 3) -> list[tuple[int, float]]:
    """Return the `top` most probable digits of one image, each with its probability (0..1).

    The model is left in eval mode. Raises ValueError unless `image` has the shape (1, 28, 28).
    """
    if image.shape != (1, 28, 28):
        raise ValueError(f"expected one image of shape (1, 28, 28), found {tuple(image.shape)}.")
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        logits = model(image.unsqueeze(0).to(device))  # (1, 10)
    probabilities, digits = logits.softmax(dim=1).squeeze(0).topk(top)
    return list(zip(digits.tolist(), probabilities.tolist()))


def confusion_matrix(labels: torch.Tensor, predictions: torch.Tensor, num_classes: int = 10) -> torch.Tensor:
    """Count how often each class was taken for each, (num_classes, num_classes): row = label, column = prediction.

    `labels` and `predictions` are whole numbers from 0 to num_classes - 1, both of shape (N,).
    Raises ValueError if the shapes differ or a number is out of range.
    """
    if labels.shape != predictions.shape or labels.ndim != 1:
        found = f"{tuple(labels.shape)} and {tuple(predictions.shape)}"
        raise ValueError(f"expected labels and predictions of one shape (N,), found {found}.")
    labels, predictions = labels.long(), predictions.long()  # small types have no room for the pairs
    both = torch.cat([labels, predictions])
    if both.numel() and not 0 <= both.min() <= both.max() < num_classes:
        raise ValueError(f"expected classes from 0 to {num_classes - 1}, found {both.min()} to {both.max()}.")
    pairs = labels * num_classes + predictions  # one number for each pair
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def wilson_interval(correct: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval (fractions, 0..1) that the true accuracy lies in with 95 % confidence.

    `z` = 1.96 standard deviations hold 95 % of a normal distribution. Source: E. B. Wilson, "Probable inference, the
    law of succession, and statistical inference", Journal of the American Statistical Association 22 (1927), 209-212.
    Raises ValueError unless 0 <= correct <= total and total >= 1.
    """
    if not 0 <= correct <= total or total < 1:
        raise ValueError(f"expected 0 <= correct <= total and total >= 1, found {correct} of {total}.")
    p = correct / total
    centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)
