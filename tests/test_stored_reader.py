"""mnist_lesson.stored, the network that reads handwriting: it reads digits, doubts what is none, and is what is told."""

import json
import statistics

import pytest
import torch

from mnist_lesson.further.recipes import hold_out, load_tensors
from mnist_lesson.model import CNN
from mnist_lesson.results import load_run
from mnist_lesson.stored import READER_DIR, STORED_DIR


@pytest.fixture(scope="module")
def held_out():
    return hold_out(*load_tensors(train=True))[1]


@pytest.fixture(scope="module")
def measured():
    return json.loads((STORED_DIR / "reader.json").read_text(encoding="utf-8"))


def probabilities(images, model):
    with torch.no_grad():
        return torch.cat([model(some).softmax(dim=1) for some in images.split(500)])


def side_by_side(left, right):
    """Put two images, (28, 28), beside each other, about as two digits that touch are fitted into one image."""
    both = torch.cat([left[:, 4:24], right[:, 4:24]], dim=1)[None, None]
    small = torch.nn.functional.interpolate(both, size=(14, 20), mode="area")
    return torch.nn.functional.pad(small[0], (4, 4, 7, 7))


def test_the_reader_takes_images_as_prepare_makes_them(reader, held_out, measured):
    """Values from 0 to 1: with normalised ones it would have to be told so everywhere."""
    images, labels = held_out
    assert type(reader) is CNN
    accuracy = (probabilities(images, reader).argmax(dim=1) == labels).double().mean().item()
    assert accuracy > 0.99
    assert accuracy == pytest.approx(measured["as stored"][0]["held-out MNIST"], abs=0.0005)


def test_the_test_accuracy_of_the_stored_run_is_that_of_the_network(reader):
    images, labels = load_tensors(train=False)
    history = load_run(READER_DIR).history
    assert len(history) == 1 and history.test_acc[-1] > 0.993
    accuracy = (probabilities(images, reader).argmax(dim=1) == labels).double().mean().item()
    assert accuracy == pytest.approx(history.test_acc[-1], abs=0.0005)


def test_the_reader_is_sure_of_digits_and_not_of_two_at_once(reader, held_out):
    images = held_out[0][:1000]
    doubles = torch.stack([side_by_side(left[0], right[0]) for left, right in zip(images[::2], images[1::2])])
    assert probabilities(images, reader).amax(dim=1).quantile(0.02) > 0.6
    assert probabilities(doubles, reader).amax(dim=1).quantile(0.98) < 0.95
    assert probabilities(doubles, reader).amax(dim=1).median() < 0.4


def test_what_is_told_of_the_variants_is_what_was_measured(measured):
    """As the docstring of train_reader.py says: each part brings what it is there for, and the last one costs little."""
    assert all(len(runs) >= 3 for runs in measured["variants"].values())
    means = {
        name: {judge: statistics.mean(run[judge] for run in runs) for judge in runs[0] if judge != "seed"}
        for name, runs in measured["variants"].items()
    }
    pens, ways, refused = "held-out MNIST, other pens", "drawn in new ways", "no digits, refused"
    plain, rewritten, drawn, everything, thickness = means.values()
    assert rewritten[pens] > plain[pens] + 0.003
    assert drawn[ways] > rewritten[ways] + 0.02
    assert everything[refused] > drawn[refused] + 0.3
    assert abs(everything[ways] - drawn[ways]) < 0.01
    assert thickness["held-out MNIST"] < everything["held-out MNIST"] and thickness[ways] < everything[ways] + 0.005


def test_the_stored_network_is_one_of_three_that_are_alike_and_better_than_the_short_runs(measured):
    short, long = measured["variants"]["and what is no digit"], measured["as stored"]
    assert [run["seed"] for run in long] == [load_run(READER_DIR).settings["SEED"], 1, 2]
    for judge in short[0].keys() - {"seed"}:
        assert min(run[judge] for run in long) > max(run[judge] for run in short), judge
        assert max(run[judge] for run in long) - min(run[judge] for run in long) < 0.03, judge


def test_the_stored_network_reads_mnist_as_well_as_one_that_saw_nothing_else(measured):
    """And it reads other pens better, and refuses far more."""
    alone, stored = (
        {judge: statistics.mean(run[judge] for run in measured[name]) for judge in measured[name][0] if judge != "seed"}
        for name in ("MNIST alone, as long", "as stored")
    )
    assert stored["held-out MNIST"] > alone["held-out MNIST"] - 0.002
    assert stored["held-out MNIST, other pens"] > alone["held-out MNIST, other pens"] + 0.003
    assert stored["no digits, refused"] > alone["no digits, refused"] + 0.3
