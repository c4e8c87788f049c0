"""Examining a patient: the findings that everybody sees, and the three further measurements."""

import functools
import math

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn as nn
from test_notebooks import cell_with_id

from mnist_lesson.further import examine, faults
from mnist_lesson.results import History

SHORT = ("range(5)", "range(1)")


@functools.cache
def ward():
    return faults.load_ward()


def short(number):
    return faults.made(faults.replaced(faults.text_of_patient(number), SHORT))


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """Collect the alternative texts of figures instead of drawing them."""
    texts = []
    monkeypatch.setattr("mnist_lesson.plots.show", texts.append)
    return texts


def test_each_patient_gets_the_same_findings_beside_healthy_ones(monkeypatch, capsys, shown):
    monkeypatch.setattr(examine, "PATIENTS", {1: short(1)})
    case = examine.show_patient(1, *ward())
    heading, *lines = capsys.readouterr().out.splitlines()
    assert "healthy" in heading and len(lines) == len(case.found) == 5 and len(shown) == 1
    assert [line[:42].strip() for line in lines] == [examine.NAMES[key] for key in case.found]
    low, high = examine.load_ranges()["small"]["healthy"]["train_loss_first"]
    assert lines[0].endswith(f"{low:.3g} to {high:.3g}")
    assert isinstance(case.model, nn.Module) and len(case.history) == 1 and case.asked == []


def test_the_sound_program_has_number_0():
    assert examine.show_patient(0, *ward()).found["test_acc"] > 0.8


def test_patient_3_leaves_out_a_digit_with_other_seeds_too_nearly_always_the_5():
    """As the text about its fault says."""
    empty = []
    for seed in range(100, 108):
        case = examine.run_case(3, faults.PATIENTS[3], ward(), seed)
        counts = torch.bincount(case.model(case.ward[2] / 255).argmax(1), minlength=10)
        empty.append((counts == 0).nonzero().flatten().tolist())
    assert all(empty) and sum(5 in digits for digits in empty) >= 6, f"never answered, by seed: {empty}"


@pytest.mark.parametrize(
    "losses, scale, ends",
    [
        ([2.2901, 2.2902], "linear", (0, 3)),  # hardly a change, and drawn as such
        ([0.5, 8.5], "linear", (0, 9.35)),
        ([33, 2.5], "log", (1, 100)),
        ([48000, 0.4], "log", (0.2, 100_000)),
        ([math.inf, math.nan], "linear", (0, 3)),
    ],
)
def test_the_curves_are_drawn_beside_guessing_and_noise_is_not_magnified(monkeypatch, shown, losses, scale, ends):
    history = History(train_acc=[0.1, 0.1], train_loss=losses, test_acc=[0.1, 0.1], test_loss=[2.3, 2.3])
    monkeypatch.setattr(examine, "PATIENTS", {1: lambda *data: (faults.small_network(), history)})
    examine.show_patient(1, *ward())
    left, right = plt.gcf().axes
    assert left.get_ylim() == (0, 100) and right.get_ylim() == pytest.approx(ends)
    assert right.get_yscale() == scale and ("logarithmic" in right.get_title()) == (scale == "log")
    guesses = [ax.get_lines()[2].get_ydata()[0] for ax in (left, right)]
    assert guesses == pytest.approx([10, math.log(10)])


def test_findings_that_are_not_finite_are_shown(monkeypatch, capsys, shown):
    def sick(*data):
        model = faults.small_network()
        model(data[0][:2] / 255)
        with torch.no_grad():
            model[1].weight.fill_(math.nan)
        return model, History([math.nan, 0.1], [math.inf, math.nan], [0.1, 0.1], [math.nan, math.nan])

    monkeypatch.setattr(examine, "PATIENTS", {1: sick})
    examine.show_patient(1, *ward())
    assert "nan" in shown[0] and "inf" in capsys.readouterr().out


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_asked_and_left_in_the_mode_that_the_program_left_it_in(monkeypatch, training):
    def left(*data):
        model, history = short(10)(*data)
        return model.train(training), history

    monkeypatch.setattr(examine, "PATIENTS", {1: left})
    case = examine.show_patient(1, *ward())
    examine.examine(case, "modes")
    assert (case.found["same"] == 1) == (not training)
    assert {layer.training for layer in case.model.modules()} == {training}


@pytest.mark.parametrize("number", [3, 10, 13])
def test_each_measurement_can_be_made_and_changes_nothing(monkeypatch, capsys, number):
    monkeypatch.setattr(examine, "PATIENTS", {number: short(number)})
    case = examine.show_patient(number, *ward())
    before = {name: value.clone() for name, value in case.model.state_dict().items()}
    for measurement in examine.MEASUREMENTS:
        capsys.readouterr()
        case.asked.clear()
        examine.examine(case, measurement)
        printed = capsys.readouterr().out.splitlines()
        assert case.asked == [measurement] and len(printed) >= 2
    assert set(case.found) == set(examine.NAMES), "each name is measured, and each measurement has a name"
    assert all(torch.equal(value, before[name]) for name, value in case.model.state_dict().items())


def test_three_measurements_are_allowed_and_a_second_look_is_free(monkeypatch, shown):
    monkeypatch.setattr(examine, "PATIENTS", {1: short(1)})
    case = examine.show_patient(1, *ward())
    for measurement in ("labels", "rates", "labels", "memory"):
        examine.examine(case, measurement)
    assert case.asked == ["labels", "rates", "memory"] and sum("first ten images" in text for text in shown) == 2
    with pytest.raises(ValueError, match="your 3 further measurements: labels, rates, memory"):
        examine.examine(case, "layers")
    examine.examine(case, "rates")
    with pytest.raises(ValueError, match="'rate' cannot be measured here: choose one of labels, inputs"):
        examine.examine(case, "rate")


def test_the_notebook_explains_each_measurement_and_no_other():
    text = cell_with_id("10_bug_clinic", "findings-text").source
    table = text.partition("| word | what is measured |")[2].partition("\n\n")[0]
    words = [line.split('"')[1] for line in table.splitlines() if line.startswith('| `"')]
    assert words == list(examine.MEASUREMENTS)


def test_the_kind_of_a_network_is_known():
    assert examine.kind_of_network(faults.small_network()) == "small"
    assert examine.kind_of_network(nn.Sequential(faults.network_with_dropout(), nn.Softmax(1))) == "dropout"
