"""scripts/measure/measure_clinic.py: every fault is measured with every network in which it is one."""

import json

import measure_clinic
import torch

from mnist_lesson import stored as package
from mnist_lesson.further import examine, faults


def test_each_fault_is_measured_with_each_network_in_which_it_is_one():
    found = [(network, fault) for network, fault, _, _ in measure_clinic.programs()]
    words = ["healthy", *faults.FAULTS.values()]
    modes = {"no-eval", "no-train"}  # without dropout and batch norm they change nothing
    assert found == [("small", word) for word in words if word not in modes] + [("dropout", word) for word in words]


def test_the_range_of_each_measurement_is_found():
    ward = tuple(part[:200] for part in faults.load_ward())
    _, _, number, program = measure_clinic.programs()[0]
    ranges = measure_clinic.measure(number, program, ward, range(2))
    assert list(ranges) == list(examine.NAMES) and ranges["rate_first"] == [0.1, 0.1]
    low, high = ranges["train_loss_first"]
    assert 1.5 < low < high < 2.5


def test_what_is_written_can_be_read_again_and_says_where_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_clinic, "use_lesson_python", lambda: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(measure_clinic, "measure", lambda number, *others: {"way": [number, 2.5]})
    monkeypatch.setattr(package, "STORED_DIR", tmp_path)
    assert measure_clinic.main() == 0
    text = (tmp_path / "clinic.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    assert stored["seeds"] == 20 and stored["date"] and stored["environment"]["PyTorch"]
    assert stored["ranges"]["small"]["leak"] == {"way": [13, 2.5]} and '"way": [13, 2.5]' in text


def test_values_that_are_not_finite_are_left_out(monkeypatch):
    def run_case(number, program, ward, seed):
        return examine.Case(0, (), None, None, None, {"way": [1.0, float("inf"), 3.0][seed]}, [])

    monkeypatch.setattr(examine, "run_case", run_case)
    monkeypatch.setattr(examine, "MEASUREMENTS", {})
    assert measure_clinic.measure(0, None, (), range(3)) == {"way": [1.0, 3.0]}
