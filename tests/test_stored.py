"""mnist_lesson.stored: one's own run is preferred, the reference is good, and the band is that of the ten runs."""

import math
import statistics
from dataclasses import asdict

import pytest

from mnist_lesson.model import CNN
from mnist_lesson.results import History, load_run, save_run
from mnist_lesson.stored import REFERENCE_DIR, compare_with_expected, load_expected, load_run_or_reference

RECIPE = {"EPOCHS": 5, "BATCH_SIZE": 32, "LEARN_RATE": 1e-2, "SEED": 4}


def test_ones_own_run_is_preferred(tmp_path, capsys):
    history = History([0.5], [1.5], [0.6], [1.2])
    save_run(tmp_path, CNN(), history, RECIPE)
    assert load_run_or_reference(tmp_path).history == history
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
    sentence = compare_with_expected(History([0.9], [0.1], [0.98], [0.1]), {**RECIPE, **change})
    assert "no expected band for these settings, only for EPOCHS = 5, BATCH_SIZE = 32, LEARN_RATE = 0.01" in sentence


def test_every_calibrated_run_is_within_the_band():
    for accuracy in load_expected()["final_test_acc"]:
        assert ": within" in compare_with_expected(History([0.9], [0.1], [accuracy], [0.1]), RECIPE)


@pytest.mark.parametrize(
    "deviations, verdict", [(-3.2, "outside"), (-2.8, "within"), (2.8, "within"), (3.2, "outside")]
)
def test_the_band_is_three_standard_deviations_wide(deviations, verdict):
    finals = load_expected()["final_test_acc"]
    accuracy = statistics.mean(finals) + deviations * statistics.stdev(finals)
    assert f": {verdict}" in compare_with_expected(History([0.9], [0.1], [accuracy], [0.1]), RECIPE)
