"""A diagnosis is right only if everything else is ruled out, and no patient is beyond three measurements."""

import functools
import itertools
import json
import math

import pytest
from test_notebooks import cell_with_id
from verdicts import own_progress  # noqa: F401 (a fixture)

from mnist_lesson import checks
from mnist_lesson.checks import judge
from mnist_lesson.checks import nb10_diagnosis as diagnosis
from mnist_lesson.further import examine, faults
from mnist_lesson.further.faults import FAULTS
from mnist_lesson.stored import STORED_DIR

pytestmark = pytest.mark.notebook_cells  # programs are run
each_patient = pytest.mark.parametrize("number", FAULTS)


SEED = 20  # the stored ranges come from seeds 0 to 19


@functools.cache
def examined(number):
    """Run a patient as its cell does; also make all further measurements, by their names."""
    case = examine.run_case(number, faults.PATIENTS.get(number, faults.sound_program), faults.load_ward(), SEED)
    return case, {name: make(case) for name, make in examine.MEASUREMENTS.items()}


def case_with(number, *measurements):
    case, results = examined(number)
    found = dict(case.found)
    for name in measurements:
        found |= results[name]
    return case._replace(found=found, asked=list(measurements))


@each_patient
def test_some_three_measurements_are_enough(number):
    choices = itertools.chain.from_iterable(itertools.combinations(examine.MEASUREMENTS, k) for k in range(4))
    states = (diagnosis.judged(case_with(number, *choice), FAULTS[number]).state for choice in choices)
    assert diagnosis.RIGHT in states, f"patient {number} cannot be told from all other faults"


@each_patient
def test_another_seed_stays_within_the_stored_range_of_its_fault(number):
    assert not diagnosis.speaks_against(case_with(number, *examine.MEASUREMENTS), FAULTS[number])


@each_patient
def test_wrong_words_are_never_right_and_do_not_tell_a_guess_from_a_mistake(number):
    for measurements in ((), ("rates",), ("labels", "modes", "layers")):
        case = case_with(number, *measurements)
        verdicts = {word: diagnosis.judged(case, word) for word in ["healthy", *FAULTS.values()]}
        right = verdicts.pop(FAULTS[number])
        assert {verdict.state for verdict in verdicts.values()} <= {diagnosis.WRONG, diagnosis.NOT_ENOUGH}
        open_ones = [verdict for verdict in verdicts.values() if verdict.state == diagnosis.NOT_ENOUGH]
        assert right.state == (diagnosis.NOT_ENOUGH if open_ones else diagnosis.RIGHT)
        assert all(verdict == right for verdict in open_ones), "the sentence must not tell which word is right"


def test_a_wrong_diagnosis_hears_what_speaks_against_it():
    verdict = diagnosis.judged(case_with(1), "rate-too-small")
    assert verdict.state == diagnosis.WRONG
    assert verdict.reason.startswith("Against rate-too-small speaks the finding 'training loss, first epoch': here ")
    verdict = diagnosis.judged(case_with(1), "no-eval")
    assert verdict.state == diagnosis.WRONG and "neither dropout nor batch norm" in verdict.reason


def test_what_cannot_be_known_yet_is_said(capsys):
    verdict = diagnosis.judged(case_with(19), "memory")
    assert verdict.state == diagnosis.NOT_ENOUGH and "fits all of these: healthy, " in verdict.reason
    assert "Measure further, 3 of 3 are left: labels, " in verdict.reason
    verdict = diagnosis.judged(case_with(19, "labels", "rates", "inputs"), "memory")
    assert verdict.state == diagnosis.NOT_ENOUGH and "You have had all further measurements" in verdict.reason
    checks.diagnose(case_with(19, "memory"), "memory")
    assert capsys.readouterr().out.startswith("Diagnosis of patient 19: right.")
    assert diagnosis.judged(case_with(19, "memory"), "healthy").state == diagnosis.WRONG


def test_a_right_diagnosis_counts_apart_from_the_mending(capsys):
    checks.diagnose(case_with(19), "memory")
    assert judge.load_solved() == []
    checks.diagnose(case_with(19, "memory"), "memory")
    checks.progress()
    assert judge.load_solved() == ["diagnosis 19"]
    printed = capsys.readouterr().out
    assert "notebook 10: 0 of 20 solved" in printed and "diagnoses of notebook 10: 1 of 20 right" in printed


def test_no_word_and_an_unknown_word_are_not_judged():
    assert diagnosis.judged(case_with(1), ...).state == diagnosis.NOT_ATTEMPTED
    verdict = diagnosis.judged(case_with(1), "learning rate")
    assert verdict.state == diagnosis.NOT_ATTEMPTED and "healthy, rate-too-large, " in verdict.reason
    with pytest.raises(TypeError, match="Hand over what `show_patient` returned"):
        checks.diagnose("rate-too-large", "rate-too-large")


def test_numbers_that_are_not_finite_speak_against_a_fault():
    case = case_with(8)
    case.found["test_loss"] = math.nan
    assert "nan" in diagnosis.speaks_against(case, "rate-too-small")


def test_ranges_are_widened():
    assert diagnosis.widened(1, 4) == pytest.approx((1 / 2.2, 8.8))
    assert diagnosis.widened(0.1, 0.1) == pytest.approx((0.1 / 1.1, 0.11))
    assert diagnosis.widened(0, 0) == (-0.01, 0.01) and diagnosis.widened(-3, 1) == (-5, 3)


def test_the_stored_ranges_are_complete_and_say_where_they_come_from():
    stored = json.loads((STORED_DIR / "clinic.json").read_text(encoding="utf-8"))
    assert stored["seeds"] >= 20 and stored["date"] and stored["environment"]["PyTorch"]
    assert list(stored["ranges"]["dropout"]) == ["healthy", *FAULTS.values()]
    assert set(stored["ranges"]["dropout"]) - set(stored["ranges"]["small"]) == {"no-eval", "no-train"}
    for faults_of_network in stored["ranges"].values():
        for ranges in faults_of_network.values():
            assert list(ranges) == list(examine.NAMES)
            assert all(low <= high for low, high in ranges.values())


def test_the_notebook_explains_each_word_and_no_other():
    text = cell_with_id("10_bug_clinic", "findings-text").source.partition("| word | the fault |")[2]
    table = text.partition("\n\n")[0]
    words = [word for line in table.splitlines() for word in line.split("|")[1:2] if "`" in word]
    found = [word.strip("` ") for cell in words for word in cell.split(",")]
    assert sorted(found) == sorted(["healthy", *FAULTS.values()])
