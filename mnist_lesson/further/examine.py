"""Examine the training programs of notebook 10: run one, and measure what shows its fault.

Each measurement has a range in which healthy programs lie, and one for each fault. They were measured with many
seeds by `scripts/measure/measure_clinic.py`, and are in `stored/clinic.json`.
"""

import functools
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from mnist_lesson import plots
from mnist_lesson.data import load_mnist
from mnist_lesson.further.faults import PATIENTS, sound_program
from mnist_lesson.further.inside import mode
from mnist_lesson.further.watch import (
    Pass,
    Ward,
    missed_weights,
    size_of_gradient,
    tested_passes,
    training_passes,
    watch,
    way_of_weights,
)
from mnist_lesson.plots import draw_history, plot_confusion, show_digits
from mnist_lesson.results import History, confusion_matrix
from mnist_lesson.stored import STORED_DIR

FURTHER_MEASUREMENTS = 3  # as many may be asked for
HUGE_LOSS = 20  # larger ones flatten all others, unless the axis is logarithmic

NAMES = {  # of all that is measured; the first five everybody gets to see
    "train_loss_first": "training loss, first epoch",
    "train_loss_last": "training loss, last epoch",
    "train_acc_last": "training accuracy, last epoch",
    "test_acc": "test accuracy, last epoch",
    "test_loss": "test loss, last epoch",
    "labels_right": "training labels that fit their image",
    "digits": "different digits in a training batch",
    "train_low": "lowest pixel in training",
    "train_high": "highest pixel in training",
    "test_low": "lowest pixel in the test",
    "test_high": "highest pixel in the test",
    "first_answer": "largest number of the first answer",
    "rate_first": "learning rate, first step",
    "rate_last": "learning rate, last step",
    "gradient_first": "gradient at the first step",
    "gradient_tenth": "gradient at the tenth step",
    "gradient": "gradient left behind",
    "way": "way of all weights",
    "way_first_layer": "way of the first linear layer",
    "way_last_layer": "way of the last linear layer",
    "missed": "weights that the optimizer does not hold",
    "same": "same answer when asked twice",
    "trained_in_train_mode": "training batches in train mode",
    "tested_in_train_mode": "test batches in train mode",
    "acc_in_train_mode": "test accuracy, counted in train mode",
    "recount_acc": "test accuracy, counted anew",
    "recount_loss": "test loss, counted anew",
    "acc_ratio": "reported accuracy / counted accuracy",
    "loss_ratio": "reported loss / counted loss",
    "most_frequent": "share of the most frequent answer",
    "next_digit": "share of answers that are the label + 1",
    "seen_acc": "training accuracy, counted anew",
    "seen_loss": "training loss, counted anew",
    "new_acc": "accuracy on 1,000 new images",
    "shared": "test images that were trained on",
    "most_records": "passes in memory at the same time",
}


class Case(NamedTuple):
    """One run of a program: what it was given, what it returned, and what was noted and measured.

    `number` is that of the patient, 0 for the sound program. `found` holds the results by their keys in NAMES;
    `asked` are the further measurements so far.
    """

    number: int
    ward: Ward
    model: nn.Module
    history: History
    notes: SimpleNamespace
    found: dict[str, float]
    asked: list[str]


def run_case(number: int, program, ward: Ward, seed: int) -> Case:
    """Run a program with a seed, and find what its history says."""
    torch.manual_seed(seed)
    with watch(ward) as notes:
        model, history = program(*ward)
    found = {
        "train_loss_first": history.train_loss[0],
        "train_loss_last": history.train_loss[-1],
        "train_acc_last": history.train_acc[-1],
        "test_acc": history.test_acc[-1],
        "test_loss": history.test_loss[-1],
    }
    return Case(number, ward, model, history, notes, found, [])


def show_patient(
    number: int,
    train_images: torch.Tensor,
    train_labels: torch.Tensor,
    test_images: torch.Tensor,
    test_labels: torch.Tensor,
    seed: int = 0,
) -> Case:
    """Run a patient (0: the sound program), show its curves beside guessing, and print the same findings for each.

    Beside each finding stands what healthy programs with the same network gave with many seeds.
    """
    ward = (train_images, train_labels, test_images, test_labels)
    case = run_case(number, PATIENTS.get(number, sound_program), ward, seed)
    _draw_curves(case.history)
    _print_results(case, case.found)
    return case


def examine(case: Case, measurement: str) -> None:
    """Measure something further of a patient, and print it; three different measurements are allowed.

    Raises ValueError for a measurement that there is not, and for a fourth.
    """
    if measurement not in MEASUREMENTS:
        raise ValueError(f"{measurement!r} cannot be measured here: choose one of {', '.join(MEASUREMENTS)}.")
    if measurement not in case.asked and len(case.asked) == FURTHER_MEASUREMENTS:
        raise ValueError(
            f"You have had your {FURTHER_MEASUREMENTS} further measurements: {', '.join(case.asked)}. "
            "Run the cell with show_patient again to start anew."
        )
    if measurement not in case.asked:
        case.asked.append(measurement)
    results = MEASUREMENTS[measurement](case)
    case.found.update(results)
    if measurement in PICTURES:
        PICTURES[measurement](case)
    _print_results(case, results)


def kind_of_network(model: nn.Module) -> str:
    """Return "dropout" for a network with dropout, otherwise "small", as the stored ranges are called."""
    return "dropout" if any(isinstance(layer, nn.Dropout) for layer in model.modules()) else "small"


@functools.cache
def load_ranges() -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return the lowest and highest value of many seeds: by kind of network, fault ("healthy" is none) and key."""
    return json.loads((STORED_DIR / "clinic.json").read_text(encoding="utf-8"))["ranges"]


def _draw_curves(history: History) -> None:
    """Show accuracy and loss beside those of guessing; the axes start at 0, or noise would look like learning.

    Only if a loss has exploded, its axis is logarithmic.
    """
    (left, right), in_words = draw_history(history)
    for ax, guess in ((left, 10), (right, math.log(10))):
        ax.axhline(guess, color="black", linestyle=":", zorder=1)
    losses = [loss for loss in (*history.train_loss, *history.test_loss) if 0 < loss < math.inf]
    highest = max(losses, default=0)
    left.set_ylim(0, 100)
    right.set_ylim(0, max(3, 1.1 * highest))
    if highest > HUGE_LOSS:
        ends = min(1, min(losses) / 2), 10 ** math.ceil(math.log10(highest))
        right.set(title="loss, logarithmic axis (guessing: 2.3)", yscale="log", ylim=ends)
        right.yaxis.set_major_formatter("{x:,g}")
    plots.show(f"{in_words} Dotted lines show guessing: 10 % right, and a loss of 2.3.")


def _print_results(case: Case, results: dict[str, float]) -> None:
    healthy = load_ranges()[kind_of_network(case.model)]["healthy"]
    print(f"{'finding':<42} {'here':>9}   healthy")
    for key, value in results.items():
        low, high = (f"{end:.3g}" for end in healthy[key])
        print(f"{NAMES[key]:<42} {value:>9.3g}   {low if low == high else f'{low} to {high}'}")


def _training_batches(case: Case) -> list[tuple[Pass, torch.Tensor]]:
    """Return the passes that a step followed, each with the labels that the loss function got."""
    used = {id(one) for one in training_passes(case.notes)}
    return [(one, labels) for one, labels in case.notes.labels if id(one) in used]


def _labels(case: Case) -> dict[str, float]:
    known = torch.cat([case.ward[1], case.ward[3]])
    batches = [(known[one.places], labels) for one, labels in _training_batches(case)]
    digits = [len(own.unique()) for own, _ in batches]
    right = torch.cat([own == given for own, given in batches])
    return {"labels_right": _share(right), "digits": sum(digits) / len(digits)}


def _inputs(case: Case) -> dict[str, float]:
    ends = {}
    for name, one in (("train", case.notes.steps[0].trained), ("test", tested_passes(case.notes, case.ward)[0])):
        ends |= {f"{name}_low": round(one.shift, 6), f"{name}_high": round(one.shift + 255 * one.scale, 6)}
    return ends


def _first_batch(case: Case) -> dict[str, float]:
    return {"first_answer": case.notes.first[case.model].max().item()}


def _rates(case: Case) -> dict[str, float]:
    return {"rate_first": case.notes.steps[0].rate, "rate_last": case.notes.steps[-1].rate}


def _gradients(case: Case) -> dict[str, float]:
    first, tenth = case.notes.steps[0].size, case.notes.steps[9].size
    return {"gradient_first": first, "gradient_tenth": tenth, "gradient": size_of_gradient(case.model)}


def _layers(case: Case) -> dict[str, float]:
    layers = [layer for layer in case.model.modules() if isinstance(layer, nn.Linear)]
    first, last = (way_of_weights(layer, case.notes.start[layer]) for layer in (layers[0], layers[-1]))
    return {
        "way": way_of_weights(case.model, case.notes.start[case.model]),
        "way_first_layer": first,
        "way_last_layer": last,
        "missed": missed_weights(case.model, case.notes.steps),
    }


def _modes(case: Case) -> dict[str, float]:
    used = [True in one.modes for one in training_passes(case.notes)]
    tested = [True in one.modes for one in tested_passes(case.notes, case.ward)]
    accuracy, _ = _count(case.model, case.ward[2] / 255, case.ward[3], training=True)
    with _averages_kept(case.model), torch.no_grad():
        answers = [case.model(case.ward[2] / 255).argmax(1) for _ in range(2)]  # in the mode that it was left in
    return {
        "same": _share(answers[0] == answers[1]),
        "trained_in_train_mode": _share(torch.tensor(used)),
        "tested_in_train_mode": _share(torch.tensor(tested)),
        "acc_in_train_mode": accuracy,
    }


def _recount(case: Case) -> dict[str, float]:
    accuracy, loss = _count(case.model, case.ward[2] / 255, case.ward[3])
    ratios = {"acc_ratio": case.history.test_acc[-1] / accuracy, "loss_ratio": case.history.test_loss[-1] / loss}
    return {"recount_acc": accuracy, "recount_loss": loss, **ratios}


def _training_images(case: Case) -> dict[str, float]:
    accuracy, loss = _count(case.model, case.ward[0] / 255, case.ward[1])
    return {"seen_acc": accuracy, "seen_loss": loss}


def _new_images(case: Case) -> dict[str, float]:
    test_ds = load_mnist(train=False)
    accuracy, _ = _count(case.model, test_ds.data[1000:2000].unsqueeze(1) / 255, test_ds.targets[1000:2000])
    trained = torch.cat([one.places for one in training_passes(case.notes)]).unique()
    return {"new_acc": accuracy, "shared": (trained >= len(case.ward[0])).sum().item()}


def _memory(case: Case) -> dict[str, float]:
    return {"most_records": case.notes.most_records}


def _answers(case: Case) -> dict[str, float]:
    answers, labels = _read(case), case.ward[3]
    most = torch.bincount(answers, minlength=10).max().item()
    return {"most_frequent": most / len(labels), "next_digit": _share(answers == (labels + 1) % 10)}


# What can be asked for, and how it is measured.
MEASUREMENTS = {
    "labels": _labels,
    "inputs": _inputs,
    "first batch": _first_batch,
    "rates": _rates,
    "gradients": _gradients,
    "layers": _layers,
    "modes": _modes,
    "recount": _recount,
    "answers": _answers,
    "training images": _training_images,
    "new images": _new_images,
    "memory": _memory,
}


def _draw_labels(case: Case) -> None:
    first, labels = _training_batches(case)[0]
    images = torch.cat([case.ward[0], case.ward[2]])[first.places[:10], 0]
    show_digits(images, [f"label {label}" for label in labels[:10]], "The first ten images of the training", columns=10)


def _draw_answers(case: Case) -> None:
    plot_confusion(confusion_matrix(case.ward[3], _read(case)))


PICTURES = {"labels": _draw_labels, "answers": _draw_answers}


def _read(case: Case) -> torch.Tensor:
    with mode(case.model, training=False), torch.no_grad():
        return case.model(case.ward[2] / 255).argmax(1)


def _count(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, training: bool = False) -> tuple[float, float]:
    """Return accuracy (0..1) and loss, of batches of 100 in one of the two modes."""
    with mode(model, training=training), _averages_kept(model), torch.no_grad():
        logits = torch.cat([model(batch) for batch in images.split(100)])
    return _share(logits.argmax(1) == labels), F.cross_entropy(logits, labels).item()


@contextmanager
def _averages_kept(model: nn.Module) -> Iterator[None]:
    """Put the running averages back afterwards, which move with each pass in train mode."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    yield
    for name, buffer in model.named_buffers():
        buffer.copy_(before[name])


def _share(is_so: torch.Tensor) -> float:
    return is_so.double().mean().item()
