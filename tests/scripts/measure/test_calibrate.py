"""scripts/measure/calibrate.py: the band is computed right, and a run is made only once."""

import json

import calibrate
import pytest

from mnist_lesson import stored as package


def test_the_band_of_a_curve():
    band = calibrate.band([[0.1, 0.5], [0.2, 0.5], [0.6, 0.5]])
    assert band["mean"] == [0.3, 0.5] and band["lowest"] == [0.1, 0.5] and band["highest"] == [0.6, 0.5]
    assert band["std"] == pytest.approx([0.264575, 0], abs=1e-6), "of a sample: divided by one less than the number"


def test_runs_that_are_there_are_not_made_again(tmp_path, monkeypatch):
    made = []

    def train_once(folder, seed):
        made.append(seed)
        folder.mkdir(parents=True)
        (folder / "weights.pt").write_bytes(b"weights of seed %d" % seed)
        (folder / "run.json").write_text(json.dumps({"history": {"test_acc": [0.5, seed / 10]}}), encoding="utf-8")

    stored = tmp_path / "stored"
    stored.mkdir()
    monkeypatch.setattr(calibrate, "ROOT", tmp_path)
    monkeypatch.setattr(calibrate, "use_lesson_python", lambda: None)
    monkeypatch.setattr(calibrate, "train_once", train_once)
    monkeypatch.setattr(package, "STORED_DIR", stored)
    train_once(tmp_path / "runs" / "calibrate" / "seed_3", 3)  # kept from a run that was stopped
    calibrate.main()
    assert made == [3, 0, 1, 2, 4, 5, 6, 7, 8, 9]
    expected = json.loads((stored / "expected.json").read_text(encoding="utf-8"))
    assert expected["final_test_acc"] == [seed / 10 for seed in range(10)] and expected["seeds"] == list(range(10))
    assert expected["settings"] == calibrate.SETTINGS and expected["bands"]["test_acc"]["mean"] == [0.5, 0.45]
    assert (stored / "reference" / "weights.pt").read_bytes() == b"weights of seed 0"
    assert sorted(path.name for path in stored.rglob("*")) == ["expected.json", "reference", "run.json", "weights.pt"]
