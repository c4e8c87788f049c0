"""scripts/measure/contestants.py and pytorch_example.py: what is compared is what the text says. No timing here."""

import json
import sys

import contestants
import pytest
import torch
from pytorch_example import BATCH_SIZE, example_network, loader_batches, tensor_batches

from mnist_lesson import data
from mnist_lesson.further import recipes


def test_the_example_has_its_known_size():
    model = example_network()
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_199_882
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_the_example_is_the_same_function_on_the_fast_path():
    model, fast = example_network().eval(), example_network(pool_first=True).eval()
    fast.load_state_dict({**model.state_dict()})
    images = torch.rand(4, 1, 28, 28)
    assert torch.allclose(model(images), fast.to(memory_format=torch.channels_last)(images), atol=1e-5)


def test_the_example_trains_on_the_same_normalised_images_either_way(monkeypatch):
    """Both ways show each training image once, and test with the same images."""
    monkeypatch.setattr(data, "load_mnist", small(data.load_mnist))
    monkeypatch.setattr(recipes, "load_mnist", data.load_mnist)
    sums = []
    for train_batches, test_batches in (loader_batches(), tensor_batches()):
        shown = list(train_batches())
        images, labels = (torch.cat(parts) for parts in zip(*shown))
        assert {len(batch[1]) for batch in shown[:-1]} == {BATCH_SIZE}
        order = images.sum(dim=(1, 2, 3)).argsort()
        tests = torch.cat([images for images, _ in test_batches])
        sums.append((images[order].sum(dim=(1, 2, 3)), labels[order], tests.sum(dim=(1, 2, 3))))
    for one, other in zip(*sums):
        assert torch.allclose(one.float(), other.float(), atol=0.05)


def small(load_mnist):
    def load(train):
        dataset = load_mnist(train)
        dataset.data, dataset.targets = dataset.data[:150], dataset.targets[:150]
        return dataset

    return load


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
    assert figures == {"seconds an epoch": 3.0, "seconds in all": 12.0, "seconds to 99 %": expected}
