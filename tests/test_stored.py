"""mnist_lesson.stored: one's own run is preferred, the reference is good, and the range is that of the sixty runs."""

import math
import statistics
from dataclasses import asdict

import pytest
import torch

from mnist_lesson.data import load_mnist
from mnist_lesson.model import CNN
from mnist_lesson.results import History, load_run, save_run
from mnist_lesson.stored import (
    REFERENCE_DIR,
    compare_with_expected,
    load_expected,
    load_predictions,
    load_run_or_reference,
)

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
    assert len(expected["final_test_acc"]) == len(expected["seeds"]) >= 60
    for curve, values in asdict(load_run(REFERENCE_DIR).history).items():
        band = expected["bands"][curve]
        for epoch, value in enumerate(values):
            assert band["lowest"][epoch] - 1e-6 <= value <= band["highest"][epoch] + 1e-6
            quantiles = [band[name][epoch] for name in ("lowest", "5 %", "median", "95 %", "highest")]
            assert quantiles == sorted(quantiles)
    last = {name: values[-1] for name, values in expected["bands"]["test_acc"].items()}
    final = expected["final_test_acc"]
    assert last["median"] == pytest.approx(statistics.median(final), abs=1e-6)
    assert [last["lowest"], last["highest"]] == pytest.approx([min(final), max(final)], abs=1e-6)


def test_the_predictions_are_those_of_the_expected_runs():
    predictions, labels = load_predictions(), load_mnist(train=False).targets
    assert predictions.shape == (len(load_expected()["seeds"]), 10_000)
    accuracy = (predictions == labels).double().mean(dim=1)
    # At a tie, an image or two may be read otherwise when a network is asked in other batches.
    assert accuracy.tolist() == pytest.approx(load_expected()["final_test_acc"], abs=2.5e-4)


def test_the_plain_loop_and_the_fast_path_agree_in_distribution():
    """The largest distance of the two cumulative distributions (N. Smirnov, 1939), against 10,000 random regroupings."""
    generator = torch.Generator().manual_seed(0)
    expected = load_expected()
    groups = [expected["plain"]["final_test_acc"], expected["final_test_acc"]]
    values = torch.tensor(sum(groups, []), dtype=torch.float64)

    def distance(chosen):
        cumulative = [values[chosen == side].sort().values for side in (True, False)]
        shares = [torch.searchsorted(part, values, right=True) / len(part) for part in cumulative]
        return (shares[0] - shares[1]).abs().max()

    is_plain = torch.arange(len(values)) < len(groups[0])
    found = distance(is_plain)
    by_chance = [distance(is_plain[torch.randperm(len(values), generator=generator)]) for _ in range(10_000)]
    share = (torch.stack(by_chance) >= found - 1e-9).double().mean()
    assert share > 0.01, f"only {share:.1%} of random regroupings are as far apart"


@pytest.mark.parametrize(
    "accuracy, verdict", [(0.9803, "within"), (0.9650, "outside"), (0.9870, "outside"), (math.nan, "outside")]
)
def test_compare_with_expected(accuracy, verdict):
    sentence = compare_with_expected(History([0.9], [0.1], [accuracy], [0.1]), RECIPE)
    assert f": {verdict} the expected 97." in sentence and f"{accuracy:.2%}" in sentence
    assert ("does the training loader shuffle?" in sentence) == (verdict == "outside")
    assert ("try another SEED" in sentence) == (verdict == "outside")


@pytest.mark.parametrize("change", [{"EPOCHS": 1}, {"BATCH_SIZE": 64}, {"LEARN_RATE": 0.1}])
def test_there_is_no_band_for_other_settings(change):
    sentence = compare_with_expected(History([0.9], [0.1], [0.98], [0.1]), {**RECIPE, **change})
    assert "no expected range for these settings, only for EPOCHS = 5, BATCH_SIZE = 32, LEARN_RATE = 0.01" in sentence


def test_the_range_is_that_of_the_calibrated_runs():
    finals = load_expected()["final_test_acc"]
    for accuracy, verdict in (
        *((accuracy, "within") for accuracy in finals),
        (min(finals) - 1e-4, "outside"),
        (max(finals) + 1e-4, "outside"),
    ):
        assert f": {verdict}" in compare_with_expected(History([0.9], [0.1], [accuracy], [0.1]), RECIPE)
