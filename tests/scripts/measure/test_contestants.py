"""scripts/measure/contestants.py and pytorch_example.py: what is compared is what the text says. No timing here."""

import json
import sys

import contestants
import pytest
import torch
from pytorch_example import example_network


def test_the_example_has_its_known_size():
    model = example_network()
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_199_882
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_peak_memory_is_in_megabytes():
    before = contestants.peak_memory()
    torch.ones(before * 2**20 // 4)  # as much again
    assert 1.5 * before < contestants.peak_memory() < 4 * before


def test_the_photo_that_is_timed_can_be_prepared(monkeypatch, capsys):
    monkeypatch.setattr(contestants, "use_lesson_python", lambda: None)
    monkeypatch.setattr(sys, "argv", ["contestants.py", contestants.PHOTO])
    contestants.main()
    assert set(json.loads(capsys.readouterr().out)) == {
        "decoded: milliseconds",
        "JPEG: milliseconds",
        "peak memory in MB",
    }


@pytest.mark.parametrize("accuracies, expected", [([0.98, 0.99, 0.995, 0.99], 6.0), ([0.98, 0.9899, 0.98, 0.98], None)])
def test_the_time_to_99_percent_ends_with_the_first_epoch_that_has_them(accuracies, expected):
    figures = contestants.figures(accuracies, [3.0, 6.0, 9.0, 12.0])
    assert figures == {"seconds an epoch": 3.0, "seconds to 99 %": expected}
