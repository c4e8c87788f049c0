"""scripts/measure/growth.py: the networks and the figure are those that the text says. No timing here."""

import math

import growth
import pytest

from mnist_lesson.model import CNN


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_width_1_is_the_network_of_the_lesson():
    assert parameters(growth.network_of_width(1)) == parameters(CNN())
    assert [parameters(growth.network_of_width(width)) for width in (0.5, 2)] == [30_762, 485_514]


def test_the_growth_is_drawn(tmp_path):
    series = {name: {value: math.sqrt(value) for value in values} for name, values in growth.GROWTH.items()}
    growth.draw_growth(series, tmp_path / "growth.png")
    picture = (tmp_path / "growth.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000


def test_each_series_changes_one_thing_and_counts_for_60_000_images(monkeypatch):
    """A pretend epoch takes a second for each 1,000 images, whatever the batch size and the width."""
    from mnist_lesson.further import recipes

    clock, calls, seen = [0.0], [], []

    def training_step(images, labels, losses, hits, model, optimizer, recipe):
        assert len(images) == len(labels) == len(losses) == len(hits)
        calls.append((len(labels), recipe.batch_size, parameters(model)))
        seen.append([])

        def step(batch):
            assert len(batch) <= recipe.batch_size
            seen[-1] += batch.tolist()
            clock[0] += len(batch) / 1000

        return step

    monkeypatch.setattr(recipes, "training_step", training_step)
    monkeypatch.setattr(growth.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(growth, "GROWTH", {"images": (100, 500), "batch size": (16, 64), "width": (1, 2)})
    measured = growth.measure_growth(rounds=1)
    assert measured["images"] == pytest.approx({100: 0.1, 500: 0.5})
    assert measured["batch size"] == pytest.approx({16: 60, 64: 60})
    assert measured["width"] == pytest.approx({1: 60, 2: 60})
    usual, number = parameters(CNN()), growth.GROWTH_IMAGES
    assert calls == [
        (100, 32, usual),
        (500, 32, usual),
        (number, 16, usual),
        (number, 64, usual),
        (number, 32, usual),
        (number, 32, 485_514),
    ]
    assert all(sorted(numbers) == list(range(call[0])) for numbers, call in zip(seen, calls)), "each image once"
