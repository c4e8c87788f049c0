"""scripts/measure/calibrate.py: the band is computed right, a run is made only once, and both paths train the same."""

import calibrate
import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from mnist_lesson import data, stored
from mnist_lesson.further import recipes
from mnist_lesson.model import CNN
from mnist_lesson.results import History, load_run, save_run


def test_the_band_of_a_curve():
    values = [[number / 20, 0.5] for number in range(21)]
    band = calibrate.band(values[::-1])
    assert band["lowest"] == [0, 0.5] and band["highest"] == [1, 0.5] and band["median"] == [0.5, 0.5]
    assert band["5 %"] == [0.05, 0.5] and band["95 %"] == [0.95, 0.5]


def test_runs_that_are_there_are_not_made_again(tmp_path, monkeypatch):
    made = []

    def train(folder, seed):
        made.append(folder.name)
        torch.manual_seed(seed)
        save_run(folder, CNN(), History([0.5], [1], [seed / 10], [1]), {"SEED": seed})

    few = Subset(data.load_mnist(train=False), range(20))
    for name, value in {
        "ROOT": tmp_path,
        "use_lesson_python": lambda: None,
        "train_fast": train,
        "train_plain": train,
        "SEEDS": range(4),
        "PLAIN_SEEDS": range(1, 3),
    }.items():
        monkeypatch.setattr(calibrate, name, value)
    monkeypatch.setattr(data, "load_mnist", lambda train: few)
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    train(tmp_path / "runs" / "calibrate" / "fast_3", 3)  # kept from a run that was stopped
    calibrate.main()
    assert made == ["fast_3", "fast_0", "fast_1", "fast_2", "plain_1", "plain_2", "plain_0"]
    expected = stored.load_expected()
    assert expected["final_test_acc"] == [0, 0.1, 0.2, 0.3] and expected["seeds"] == [0, 1, 2, 3]
    assert expected["plain"] == {"seeds": [1, 2], "final_test_acc": [0.1, 0.2]}
    assert expected["settings"] == calibrate.SETTINGS and expected["bands"]["test_acc"]["median"] == [0.15]
    predictions = stored.load_predictions()
    images = torch.stack([image for image, _ in few])
    torch.manual_seed(2)
    assert torch.equal(predictions[2], CNN()(images).argmax(1)), "a row for each seed"
    assert load_run(tmp_path / "reference").settings["SEED"] == 0
    weights = (tmp_path / "reference" / "weights.pt").read_bytes()
    (tmp_path / "runs" / "calibrate" / "plain_0" / "weights.pt").write_bytes(b"others")
    calibrate.main()
    assert len(made) == 7 and (tmp_path / "reference" / "weights.pt").read_bytes() == weights, "it is kept"
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_both_paths_train_with_the_settings_of_the_lesson(tmp_path, monkeypatch):
    """Alike up to the order of the images, which the seed gives in another way: so all images are one batch here."""
    few = Subset(data.load_mnist(train=True), range(32))
    images = torch.stack([image for image, _ in few])
    labels = torch.tensor([label for _, label in few])
    monkeypatch.setattr(data, "load_mnist", lambda train: few)
    monkeypatch.setattr(recipes, "load_tensors", lambda train: (images, labels))
    runs = []
    for path in ("fast", "plain"):
        getattr(calibrate, f"train_{path}")(tmp_path / path, 5)
        runs.append(load_run(tmp_path / path))
    fast, plain = runs
    assert fast.settings == plain.settings == {**calibrate.SETTINGS, "SEED": 5}
    assert len(fast.history) == 5 and fast.history.test_loss == pytest.approx(plain.history.test_loss, rel=1e-4)
    for one, other in zip(fast.model.parameters(), plain.model.parameters()):
        assert torch.allclose(one, other, atol=1e-5)


def test_predictions_fit_into_bytes(tmp_path, monkeypatch):
    few = Subset(data.load_mnist(train=False), range(3))
    monkeypatch.setattr(data, "load_mnist", lambda train: few)
    save_run(tmp_path, CNN(), History([0.5], [1], [0.5], [1]), {})
    assert calibrate.predictions_of(tmp_path).dtype == np.uint8
