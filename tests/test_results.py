"""mnist_lesson.results: a run survives saving, damage is named, and the numbers are right."""

import hashlib
import json
import math
import os
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson import results
from mnist_lesson.model import CNN
from mnist_lesson.results import (
    RUNS_DIR,
    History,
    collect_logits,
    confusion_matrix,
    load_run,
    predict,
    save_run,
    wilson_interval,
)
from mnist_lesson.stored import REFERENCE_DIR, load_run_or_reference

ROOT = Path(results.__file__).resolve().parent.parent
SETTINGS = {"EPOCHS": 2, "LEARN_RATE": 0.1}


def a_history(epochs=2):
    history = History()
    for epoch in range(epochs):
        history.add(*(random.Random(10 * epoch + i).random() for i in range(4)))
    return history


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(5)
    save_run(tmp_path / "run", CNN(), a_history(), SETTINGS)
    return tmp_path / "run"


def test_the_tests_do_not_use_the_users_runs():
    assert RUNS_DIR != ROOT / "runs"


def test_a_relative_folder_for_runs_is_meant_from_where_python_was_started(tmp_path):
    code = "import os; from mnist_lesson.results import RUNS_DIR; os.chdir(os.sep); print(RUNS_DIR)"
    environment = {**os.environ, "MNIST_LESSON_RUNS": "my runs", "PYTHONPATH": str(ROOT)}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == str(tmp_path.resolve() / "my runs")


def test_loading_a_run_uses_up_no_random_numbers(folder):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load_run(folder)
    assert torch.equal(torch.rand(3), expected), "a training after it would be another one"


def test_a_run_reloads_bit_for_bit(tmp_path):
    model, history = CNN(), a_history()
    save_run(tmp_path, model, history, SETTINGS)
    run = load_run(tmp_path)
    assert all(torch.equal(value, run.model.state_dict()[name]) for name, value in model.state_dict().items())
    assert (run.history, run.settings) == (history, SETTINGS)
    assert run.environment["PyTorch"] == torch.__version__
    images = torch.rand(3, 1, 28, 28)
    assert torch.equal(model(images), run.model(images))


def test_a_second_run_replaces_the_first(folder):
    save_run(folder, CNN(), a_history(epochs=3), SETTINGS)
    assert len(load_run(folder).history) == 3
    assert sorted(path.name for path in folder.iterdir()) == ["run.json", "weights.pt"]


def test_a_failed_save_keeps_the_run_that_was_there(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(results, "environment", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_run(folder, CNN(), a_history(), SETTINGS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="run.json does not exist: run the notebook 05_training"):
        load_run(tmp_path / "nothing")


def change_json(folder, **changes):
    record = folder / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **changes}))


def replace_weights(folder, content):
    torch.save(content, folder / "weights.pt")
    change_json(folder, weights_sha256=hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest())


class Trap:
    def __reduce__(self):
        return print, ("the code in the file was run",)


def test_no_code_in_a_file_is_run(folder, capsys):
    replace_weights(folder, Trap())
    with pytest.raises(ValueError, match="weights.pt holds no weights"):
        load_run(folder)
    assert capsys.readouterr().out == ""


def test_a_run_that_does_not_fit_changes_nothing_in_the_model(folder):
    model = CNN()
    model.fc2 = nn.Linear(64, 26)
    before = model.conv1.weight.clone()
    with pytest.raises(ValueError, match="other layers"):
        load_run(folder, model)
    assert torch.equal(model.conv1.weight, before)


DAMAGES = {
    "weights cut short": (
        lambda f: (f / "weights.pt").write_bytes((f / "weights.pt").read_bytes()[:1000]),
        "weights.pt",
    ),
    "weights empty": (lambda f: (f / "weights.pt").write_bytes(b""), "weights.pt"),
    "weights of another run": (lambda f: torch.save(CNN().state_dict(), f / "weights.pt"), "weights.pt"),
    "record cut short": (lambda f: (f / "run.json").write_text((f / "run.json").read_text()[:50]), "run.json"),
    "record empty": (lambda f: (f / "run.json").write_text(""), "run.json"),
    "record no text": (lambda f: (f / "run.json").write_bytes(b"\xff\x00"), "run.json"),
    "record a list": (lambda f: (f / "run.json").write_text("[1, 2]"), "run.json"),
    "record without history": (lambda f: (f / "run.json").write_text("{}"), "run.json"),
    "a curve missing": (lambda f: change_json(f, history={"train_acc": [0.5]}), "run.json"),
    "an unknown curve": (lambda f: change_json(f, history={"accuracy": [0.5]}), "run.json"),
    "a curve that is no list": (lambda f: change_json(f, history={**asdict(a_history()), "train_acc": 1}), "run.json"),
    "weights missing": (lambda f: (f / "weights.pt").unlink(), "weights.pt"),
    "weights that are something else": (lambda f: replace_weights(f, [1, 2, 3]), "weights.pt"),
    "a curve of words": (lambda f: change_json(f, history={name: ["x"] for name in asdict(History())}), "run.json"),
    "no epoch": (lambda f: change_json(f, history=asdict(History())), "run.json"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_named_and_the_reference_takes_its_place(folder, capsys, name):
    damage, file = DAMAGES[name]
    damage(folder)
    with pytest.raises(ValueError, match=file) as error:
        load_run(folder)
    assert "run the notebook 05_training again" in str(error.value) and "\n" not in str(error.value)
    run = load_run_or_reference(folder)
    said = capsys.readouterr().out
    assert said.startswith("Loaded the reference run of the lesson, because ")
    assert file in said and said.count("\n") == 1
    assert run.history == load_run(REFERENCE_DIR).history


def test_a_run_of_another_network(tmp_path, capsys):
    save_run(tmp_path, nn.Linear(3, 2), a_history(), SETTINGS)
    with pytest.raises(ValueError, match="weights.pt was saved from a network with other layers than CNN"):
        load_run(tmp_path)
    load_run_or_reference(tmp_path)
    assert "other layers" in capsys.readouterr().out
    assert isinstance(load_run(tmp_path, nn.Linear(3, 2)).model, nn.Linear)


def network_with_dropout():
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10))


def test_collect_logits_agrees_with_the_model():
    model, images, labels = network_with_dropout().train(), torch.rand(10, 1, 28, 28), torch.arange(10)
    logits, found = collect_logits(DataLoader(TensorDataset(images, labels), 4), model)
    assert torch.allclose(logits, model.eval()(images), atol=1e-6) and torch.equal(found, labels)
    assert not logits.requires_grad


def test_collect_logits_of_nothing_is_a_sentence():
    with pytest.raises(ValueError, match="expected at least one batch, but the loader is empty"):
        collect_logits([], CNN())


def test_predict_agrees_with_the_model():
    model, image = network_with_dropout().train(), torch.rand(1, 28, 28)
    answers = predict(image, model, top=10)
    probabilities = model.eval()(image.unsqueeze(0)).softmax(dim=1)[0]
    assert [digit for digit, _ in answers] == probabilities.argsort(descending=True).tolist()
    assert [p for _, p in answers] == pytest.approx(sorted(probabilities.tolist(), reverse=True), abs=1e-6)
    assert len(predict(image, model)) == 3


@pytest.mark.parametrize("shape", [(28, 28), (1, 1, 28, 28), (1, 32, 32), (3, 28, 28)])
def test_predict_refuses_another_shape(shape):
    with pytest.raises(ValueError, match=r"expected one image of shape \(1, 28, 28\)"):
        predict(torch.zeros(shape), CNN())


def test_confusion_matrix_agrees_with_counting():
    torch.manual_seed(1)
    labels, predictions = torch.randint(10, (300,)), torch.randint(10, (300,))
    matrix = confusion_matrix(labels, predictions)
    for row in range(10):
        for column in range(10):
            assert matrix[row, column] == ((labels == row) & (predictions == column)).sum()


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int32])
def test_confusion_matrix_counts_small_types_too(kind):
    labels, predictions = torch.arange(20), torch.arange(20).flip(0)
    matrix = confusion_matrix(labels.to(kind), predictions.to(kind), num_classes=20)
    assert torch.equal(matrix, torch.eye(20, dtype=torch.int64).flip(0)), "20 * 19 is more than a byte holds"


def test_confusion_matrix_refuses_classes_out_of_range():
    with pytest.raises(ValueError, match="expected classes from 0 to 9, found 3 to 12"):
        confusion_matrix(torch.tensor([3]), torch.tensor([12]))


def test_confusion_matrix_refuses_shapes_that_differ():
    with pytest.raises(ValueError, match="one shape"):
        confusion_matrix(torch.zeros(3, dtype=int), torch.zeros(4, dtype=int))


@pytest.mark.parametrize("correct, total", [(9800, 10_000), (5, 10), (99, 100), (1, 3)])
def test_wilson_interval_is_where_the_normal_test_changes_its_mind(correct, total):
    """By definition, its ends are the true accuracies p that lie 1.96 of their own deviations away."""
    for p in wilson_interval(correct, total):
        assert abs(correct / total - p) == pytest.approx(1.96 * math.sqrt(p * (1 - p) / total))


@pytest.mark.parametrize("correct, total", [(0, 10), (10, 10), (0, 1)])
def test_wilson_interval_stays_within_0_and_1(correct, total):
    low, high = wilson_interval(correct, total)
    assert 0 <= low < high <= 1


@pytest.mark.parametrize("correct, total", [(11, 10), (-1, 10), (0, 0)])
def test_wilson_interval_refuses_what_cannot_be(correct, total):
    with pytest.raises(ValueError, match="expected 0 <= correct <= total"):
        wilson_interval(correct, total)
