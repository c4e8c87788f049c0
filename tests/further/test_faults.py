"""The bug clinic: every patient is the sound program with one fault, shows its symptom, and the mending removes it."""

import functools
import inspect
import math
import traceback

import pytest
import torch
import torch.nn as nn
from test_notebooks import cell_with_id, plain_tree

from mnist_lesson.further import faults
from mnist_lesson.results import History

NOTEBOOK = "10_bug_clinic"
each_patient = pytest.mark.parametrize("number", range(1, 13))


@functools.cache
def ward():
    return faults.load_ward()


@functools.cache  # six of the solutions are the same program
def examined(text):
    """Run the program of this text as `show_patient` does, and measure what it shows."""
    torch.manual_seed(0)
    with faults.watch() as notes:
        model, history = faults.made(text)(*ward())
    images, labels = ward()[2] / 255, ward()[3]
    with torch.no_grad():
        twice = [model(images).argmax(1) for _ in range(2)]
        logits = model.eval()(images)
    return {
        "history": history,
        "first": notes.first[model].max().item(),
        "left": faults.size_of_gradient(model),
        "way": faults.way_of_weights(model, notes.start[model]),
        "same": (twice[0] == twice[1]).double().mean().item(),
        "counted": (logits.argmax(1) == labels).double().mean().item(),
        "counted_loss": nn.functional.cross_entropy(logits, labels).item(),
        "last_classes": (twice[0] >= 8).double().mean().item(),
    }


def program_in_cell(cell_id):
    """The text of the program in a cell, which a call of its checker follows."""
    program, _, call = cell_with_id(NOTEBOOK, cell_id).source.partition("\n\n\nchecks.")
    return program, f"checks.{call}"


# For each patient: which of its findings tell its fault. They must be seen in this ill program alone.
SYMPTOMS = {
    1: lambda found: found["history"].train_loss[0] > 5 and found["first"] < 1,
    2: lambda found: found["history"].train_acc[-1] > 0.8 and found["history"].test_acc[-1] < 0.05,
    3: lambda found: min(found["history"].test_loss) > 1.46 and found["first"] < 0.25,
    4: lambda found: (
        math.isclose(found["history"].test_acc[-1] * 1.2, found["counted"], abs_tol=0.003)
        and math.isclose(found["history"].test_loss[-1] * 1.2, found["counted_loss"], rel_tol=0.01)
    ),
    5: lambda found: found["way"] == 0 and 0 < found["left"] < 5,
    6: lambda found: (
        found["counted"] - found["history"].test_acc[-1] > 0.1
        and found["history"].test_loss[-1] > 1.5 * found["counted_loss"]
        and found["same"] == 1
    ),
    7: lambda found: found["left"] > 10 and found["way"] > 10 and found["first"] < 1,
    8: lambda found: 0 < found["way"] < 0.2 and 2.1 < found["history"].train_loss[-1] < found["history"].train_loss[0],
    9: lambda found: found["history"].train_acc[-1] > 0.8 and found["counted"] < 0.5 and found["last_classes"] > 0.6,
    10: lambda found: found["counted"] - found["history"].test_acc[-1] > 0.04 and found["same"] < 0.95,
    11: lambda found: found["history"].train_loss[0] > 5 and found["first"] > 10,
    12: lambda found: found["way"] == 0 and found["left"] > 20,
}


@pytest.mark.notebook_cells
@each_patient
def test_the_symptom_appears_and_the_mending_removes_it(number):
    solution, _ = program_in_cell(f"solution-{number}")
    ill = examined(faults.text_of_patient(number))
    well = examined(faults.replaced(solution, (f"patient_{number}", "mended")))
    assert SYMPTOMS[number](ill), ill
    others = [other for other in SYMPTOMS if other != number and SYMPTOMS[other](ill)]
    assert not others, f"patient {number} also looks like {others}"
    assert not any(symptom(well) for symptom in SYMPTOMS.values()), well
    assert well["history"].test_acc[-1] == pytest.approx(well["counted"], abs=0.002)
    assert well["history"].test_acc[-1] > 0.83


@each_patient
def test_the_program_in_the_notebook_is_that_of_the_package(number):
    written, call = program_in_cell(f"exercise-{number}")
    assert call == f"checks.mend_{number}(patient_{number})"
    assert plain_tree(written, f"patient_{number}") == plain_tree(faults.text_of_patient(number), f"patient_{number}")


# What the solutions have of their patients' programs that is no fault.
NO_FAULT = {
    4: [faults.TEST_WRITTEN_OUT, ("batch_size=100", "batch_size=300")],
    5: [faults.TRAINING_WRITTEN_OUT],
    6: [
        ("TensorDataset(test_images / 255, test_labels), ", "test_ds, "),
        ("    train_dl", "    test_ds = TensorDataset(test_images / 255, test_labels)\n    train_dl"),
    ],
    7: [faults.TRAINING_WRITTEN_OUT],
    9: faults.ILL[9][:2],
    10: faults.ILL[10][:3],
}


@each_patient
def test_the_solution_in_the_notebook_is_the_sound_program(number):
    written, call = program_in_cell(f"solution-{number}")
    assert call == f"checks.mend_{number}(patient_{number}, solution=True)"
    sound = faults.replaced(inspect.getsource(faults.sound_program), *NO_FAULT.get(number, []))
    assert plain_tree(written, f"patient_{number}").replace(f"patient_{number}", "sound_program") == plain_tree(
        sound, "sound_program"
    )


def test_no_text_before_the_fault_names_it():
    for number, patient in enumerate(faults.PATIENTS, start=1):
        assert patient.__name__ == f"patient_{number}" and patient.__doc__ == faults.sound_program.__doc__
        assert "<patient_" in patient.__code__.co_filename
    assert len(faults.PATIENTS) == 12


def test_a_replacement_that_does_not_fit_is_an_error():
    assert faults.replaced("a b", ("a", "b b"), ("b b b", "c")) == "c"
    with pytest.raises(ValueError, match="found it 0 times"):
        faults.replaced("a b", ("c", "d"))
    with pytest.raises(ValueError, match="found it 2 times"):
        faults.replaced("a a", ("a", "b"))


def test_a_made_program_shows_its_lines():
    text = "def stumble(images):\n    labels = images\n    return labels.nothing\n"
    program = faults.made(text)
    assert inspect.getsource(program) == text
    with pytest.raises(AttributeError) as caught:
        program(torch.zeros(1))
    assert traceback.extract_tb(caught.tb)[-1].line == "return labels.nothing"


def test_show_patient_copes_with_numbers_that_are_not_finite(monkeypatch, capsys):
    def sick(*data):
        model = faults.small_network()
        model(data[0][:2] / 255)
        with torch.no_grad():
            model[1].weight.fill_(math.nan)
        return model, History([math.nan, 0.1], [math.inf, math.nan], [0.1, 0.1], [math.nan, math.nan])

    shown = []
    monkeypatch.setattr("mnist_lesson.plots.show", shown.append)
    monkeypatch.setattr(faults, "PATIENTS", (sick,))
    faults.show_patient(1, *ward())
    assert "nan" in shown[0] and len(capsys.readouterr().out.splitlines()) == 8


def test_show_patient_prints_the_same_findings_for_each(monkeypatch, capsys):
    monkeypatch.setattr("mnist_lesson.plots.show", lambda alt: None)
    monkeypatch.setattr(
        faults, "PATIENTS", (faults.made(faults.replaced(faults.text_of_patient(1), ("range(5)", "range(1)"))),)
    )
    model, history = faults.show_patient(1, *ward())
    labels = [line[:23].strip() for line in capsys.readouterr().out.splitlines()]
    text = cell_with_id(NOTEBOOK, "start-notice").source
    assert len(labels) == 8 and all(f"| {label} |" in text for label in labels)
    assert isinstance(model, nn.Module) and len(history) == 1


@pytest.mark.parametrize("training", [True, False])
def test_show_patient_asks_and_returns_the_model_in_the_mode_that_the_program_left_it_in(monkeypatch, capsys, training):
    def left(*data):
        model = faults.network_with_dropout()
        model(data[0] / 255)
        return model.train(training), History([0.1], [2.3], [0.1], [2.3])

    monkeypatch.setattr("mnist_lesson.plots.show", lambda alt: None)
    monkeypatch.setattr(faults, "PATIENTS", (left,))
    model, _ = faults.show_patient(1, *ward())
    assert ("same answer to 100.0%" in capsys.readouterr().out) == (not training)
    assert {layer.training for layer in model.modules()} == {training}


def test_watching_leaves_nothing_behind():
    with faults.watch() as notes:
        faults.small_network()(torch.rand(2, 1, 28, 28))
    seen = len(notes.start)
    faults.small_network()(torch.rand(2, 1, 28, 28))
    assert seen == len(notes.start) == 5


def test_the_way_of_the_weights_is_a_part_of_their_size_at_the_start():
    model = nn.Linear(1, 1, bias=False)
    start = [torch.tensor([[2.0]])]
    for now, way in ((3.0, 0.5), (2.0, 0.0)):
        nn.init.constant_(model.weight, now)
        assert faults.way_of_weights(model, start) == way
    assert faults.way_of_weights(model, [torch.zeros(1, 1)]) == math.inf
    nn.init.zeros_(model.weight)
    assert faults.way_of_weights(model, [torch.zeros(1, 1)]) == 0
