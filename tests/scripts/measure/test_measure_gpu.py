"""scripts/measure/measure_gpu.py: what is stored comes from other seeds than those that chose; it needs a GPU."""

import json

import measure_gpu
import measure_path
import pytest
import torch

from mnist_lesson import stored
from mnist_lesson.further import recipes
from mnist_lesson.further.recipes import IMPROVED
from mnist_lesson.results import History
from mnist_lesson.stored import STORED_DIR


@pytest.fixture(autouse=True)
def in_this_python(monkeypatch):
    monkeypatch.setattr(measure_gpu, "use_lesson_python", lambda: None)


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="There is no CUDA GPU here"):
        measure_gpu.main()


def test_a_training_has_its_batch_size_and_rate_and_held_out_images(monkeypatch):
    def fit_recipe(train_data, held_data, model, recipe):
        assert (train_data, held_data) == ("train", "held out")
        assert (recipe.batch_size, recipe.learn_rate) == (128, 0.03) and recipe.shares == IMPROVED.shares
        assert torch.initial_seed() == 7
        return History(test_acc=[0.5, 0.75]), [1.0, 2.0]

    monkeypatch.setattr(recipes, "fit_recipe", fit_recipe)
    monkeypatch.setattr(measure_gpu, "held_out_data", lambda: ("train", "held out"))
    measured = measure_gpu.train("train", 7, 128, 0.03)
    assert measured == {"seed": 7, "accuracies": [0.5, 0.75], "seconds": [1.0, 2.0]}


def test_the_best_of_the_tried_rates_is_judged_by_other_seeds(monkeypatch, tmp_path):
    def train(what, seed, size, rate):
        return {"seed": seed, "accuracies": [0.9 - abs(rate - 0.03)], "seconds": [size]}

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(measure_gpu, "train", train)
    monkeypatch.setattr(measure_gpu, "milliseconds", lambda size: {"asked": size, "recorded": 1})
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    assert measure_gpu.main() == 0
    new, old = (json.loads((folder / "gpu.json").read_text(encoding="utf-8")) for folder in (tmp_path, STORED_DIR))
    assert new.keys() == old.keys() and old["environment"]["accelerator"].startswith("cuda")
    for entry, before, size in zip(new["batches"], old["batches"], measure_gpu.SIZES, strict=True):
        assert entry["batch_size"] == before["batch_size"] == size and entry["learn_rate"] == 0.03
        assert entry.keys() == before.keys() and entry["milliseconds"]["asked"] == size
        assert list(entry["sweep"]) == list(before["sweep"]) == [str(rate) for rate in measure_gpu.RATES]
        for row in (entry, before):
            means = {rate: measure_path.mean_at_end(two) for rate, two in row["sweep"].items()}
            assert float(max(means, key=means.get)) == row["learn_rate"]
            chosen = {run["seed"] for two in row["sweep"].values() for run in two}
            assert not chosen & {run["seed"] for run in row["runs"]} and len(row["runs"]) == 8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_both_ways_are_timed(monkeypatch):
    data = torch.rand(1_000, 1, 28, 28, device="cuda"), torch.arange(1_000, device="cuda") % 10
    monkeypatch.setattr(measure_gpu, "held_out_data", lambda: (data, data))
    times = measure_gpu.milliseconds(64)
    assert list(times) == ["asked", "recorded"] and min(times.values()) > 0
