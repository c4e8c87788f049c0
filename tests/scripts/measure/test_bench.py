"""scripts/measure/bench.py and scripts/measure/pytorch_example.py: what is compared is what the text says. No timing here."""

import math

import bench
import pytest
import torch
from pytorch_example import example_network

from mnist_lesson.model import CNN


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_example_has_its_known_size():
    assert parameters(example_network()) == 1_199_882
    assert example_network()(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_width_1_is_the_network_of_the_lesson():
    assert parameters(bench.network_of_width(1)) == parameters(CNN())
    assert [parameters(bench.network_of_width(width)) for width in (0.5, 2)] == [30_762, 485_514]


@pytest.mark.parametrize(
    "values, expected", [([3.0, 1.0, 2.0], 2.0), ([None, 1.0, 2.0], 2.0), ([None, None, 2.0], None)]
)
def test_a_round_that_never_got_there_counts_as_the_longest(values, expected):
    assert bench.median([{"seconds to 99 %": value} for value in values], "seconds to 99 %") == expected


def test_peak_memory_is_in_megabytes():
    before = bench.peak_memory()
    torch.ones(before * 2**20 // 4)  # as much again
    assert 1.5 * before < bench.peak_memory() < 4 * before


def test_the_table_holds_all_contestants(capsys):
    rows = {name: {"seconds an epoch": 2.0, "peak memory in MB": 100} for name in bench.CONTESTANTS}
    rows["improved"]["seconds to 99 %"], rows["example"]["seconds to 99 %"] = 10.0, 200.0
    bench.print_table(rows)
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out for name in rows)
    assert out.rstrip().endswith("0.050") and "nan" not in out


def test_the_growth_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    (tmp_path / "build").mkdir()
    bench.draw_growth({name: {value: math.sqrt(value) for value in values} for name, values in bench.GROWTH.items()})
    assert (tmp_path / "build" / "bench_growth.png").stat().st_size > 10_000


def test_the_photo_that_is_timed_can_be_prepared():
    assert set(bench.prepare_photo()) == {"decoded: milliseconds", "JPEG: milliseconds"}
