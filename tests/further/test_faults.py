"""The patients of the bug clinic: each is the sound program with one fault, and the notebook shows the same program."""

import inspect
import traceback

import pytest
import torch
from test_notebooks import cell_with_id, plain_tree

from mnist_lesson.further import faults

NOTEBOOK = "10_bug_clinic"
each_patient = pytest.mark.parametrize("number", range(1, 21))


def program_in_cell(cell_id):
    """The text of the program in a cell, which a call of its checker follows."""
    program, _, call = cell_with_id(NOTEBOOK, cell_id).source.partition("\n\n\nchecks.")
    return program, f"checks.{call}"


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
    14: [faults.ILL[14][0], ("train_images / 255, train_labels", "train_images[order] / 255, train_labels[order]")],
    15: [
        *faults.ILL[15][:2],
        ("        train_acc, train_loss = test", "        scheduler.step()\n        train_acc, train_loss = test"),
    ],
    17: [
        ("small_network()", "nn.Sequential(small_network(), nn.LogSoftmax(dim=1))"),
        ("nn.CrossEntropyLoss", "nn.NLLLoss"),
    ],
    18: [
        faults.TEST_WRITTEN_OUT,
        (
            "(logits.argmax(1) == labels).sum().item()",
            "(logits.argmax(1) == labels).float().mean().item() * len(labels)",
        ),
    ],
    19: [
        *faults.ILL[19],
        ("loss_fn(logits, labels) *", "loss_fn(logits, labels).item() *"),
        ("sum(losses[-len(test_dl) :]).item()", "sum(losses[-len(test_dl) :])"),
    ],
    20: faults.ILL[20][:2],
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
    for number, patient in faults.PATIENTS.items():
        assert patient.__name__ == f"patient_{number}" and patient.__doc__ == faults.sound_program.__doc__
        assert "<patient_" in patient.__code__.co_filename
    assert list(faults.PATIENTS) == list(faults.FAULTS) == list(range(1, 21))
    assert len(set(faults.FAULTS.values())) == 20


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
