"""mnist_lesson.results: a run survives saving, damage is named, and the numbers are right."""

import json
import math
import random
from dataclasses import asdict

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson import results
from mnist_lesson.model import CNN
from mnist_lesson.results import (
    REFERENCE_DIR,
    RUNS_DIR,
    History,
    collect_logits,
    compare_with_expected,
    confusion_matrix,
    load_expected,
    load_run,
    load_run_or_reference,
    predict,
    save_run,
    wilson_interval,
)

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
    assert RUNS_DIR != results.Path(results.__file__).resolve().parent.parent / "runs"


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
    change_json(folder, weights_sha256=results._sha256(folder / "weights.pt"))


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
    assert (
        said.startswith("Loaded the reference run of the lesson, because ") and file in said and said.count("\n") == 1
    )
    assert run.history == load_run(REFERENCE_DIR).history


def test_a_run_of_another_network(tmp_path, capsys):
    save_run(tmp_path, nn.Linear(3, 2), a_history(), SETTINGS)
    with pytest.raises(ValueError, match="weights.pt was saved from a network with other layers than CNN"):
        load_run(tmp_path)
    load_run_or_reference(tmp_path)
    assert "other layers" in capsys.readouterr().out
    assert isinstance(load_run(tmp_path, nn.Linear(3, 2)).model, nn.Linear)


def test_ones_own_run_is_preferred(folder, capsys):
    assert load_run_or_reference(folder).history == a_history()
    assert capsys.readouterr().out.startswith("Loaded your own run")


def test_without_a_run_the_reference_is_used(tmp_path, capsys):
    load_run_or_reference(tmp_path / "nothing")
    assert capsys.readouterr().out.startswith("You have not run 05_training yet")


def test_the_reference_run_reads_digits():
    run = load_run(REFERENCE_DIR)
    assert run.history.test_acc[-1] >= 0.975
    assert run.settings["SEED"] == 0


def test_the_expected_band_fits_the_reference_run():
    expected = load_expected()
    assert len(expected["final_test_acc"]) == len(expected["seeds"]) >= 10
    for curve, values in asdict(load_run(REFERENCE_DIR).history).items():
        band = expected["bands"][curve]
        for epoch, value in enumerate(values):
            assert band["lowest"][epoch] - 1e-6 <= value <= band["highest"][epoch] + 1e-6
            assert band["lowest"][epoch] <= band["mean"][epoch] <= band["highest"][epoch]
    last = [band[-1] for band in expected["bands"]["test_acc"].values()]
    final = expected["final_test_acc"]
    assert last[0] == pytest.approx(sum(final) / len(final), abs=1e-6)
    assert last[2:] == pytest.approx([min(final), max(final)], abs=1e-6)


RECIPE = {"EPOCHS": 5, "BATCH_SIZE": 32, "LEARN_RATE": 1e-2, "SEED": 4}


@pytest.mark.parametrize(
    "accuracy, verdict", [(0.9803, "within"), (0.9750, "outside"), (0.9850, "outside"), (math.nan, "outside")]
)
def test_compare_with_expected(accuracy, verdict):
    sentence = compare_with_expected(History([0.9], [0.1], [accuracy], [0.1]), RECIPE)
    assert f": {verdict} the expected 97." in sentence and f"{accuracy:.2%}" in sentence
    assert ("does the training loader shuffle?" in sentence) == (verdict == "outside")
    assert ("try another SEED" in sentence) == (verdict == "outside")


@pytest.mark.parametrize("change", [{"EPOCHS": 1}, {"BATCH_SIZE": 64}, {"LEARN_RATE": 0.1}])
def test_there_is_no_band_for_other_settings(change):
    sentence = compare_with_expected(a_history(), {**RECIPE, **change})
    assert "no expected band for these settings, only for EPOCHS = 5, BATCH_SIZE = 32, LEARN_RATE = 0.01" in sentence


def test_every_calibrated_run_is_within_the_band():
    for accuracy in load_expected()["final_test_acc"]:
        assert ": within" in compare_with_expected(History([0.9], [0.1], [accuracy], [0.1]), RECIPE)


def test_collect_logits_agrees_with_the_model():
    model, images, labels = CNN().train(), torch.rand(10, 1, 28, 28), torch.arange(10)
    logits, found = collect_logits(DataLoader(TensorDataset(images, labels), 4), model)
    assert torch.allclose(logits, model(images), atol=1e-6) and torch.equal(found, labels)
    assert not logits.requires_grad and model.training


def test_predict_agrees_with_the_model():
    model, image = CNN(), torch.rand(1, 28, 28)
    answers = predict(image, model, top=10)
    probabilities = model(image.unsqueeze(0)).softmax(dim=1)[0]
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
