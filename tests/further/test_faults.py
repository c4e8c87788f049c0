"""The bug clinic: every patient shows its symptom, the mending removes it, and the checker tells the two apart."""

import ast
import inspect
import math

import pytest
import torch
import torch.nn as nn
from test_notebooks import cell_with_id, plain_tree

from mnist_lesson.checks import nb10_clinic as checks
from mnist_lesson.checks.judge import NOT_YET, SOLVED
from mnist_lesson.further import faults
from mnist_lesson.results import History

NOTEBOOK = "10_bug_clinic"
each_patient = pytest.mark.parametrize("number", range(1, 13))


ZERO, BACKWARD, STEP = (
    f"            {call}()\n" for call in ("optimizer.zero_grad", "loss.backward", "optimizer.step")
)
EPOCH = "    for epoch in range(5):\n"
ANEW = """        model = small_network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
TRAINING = "train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)"
PLAIN_LOOP = f"""for images, labels in train_dl:
            loss = loss_fn(model.eval()(images), labels)
{ZERO}{BACKWARD}{STEP}        train_acc, train_loss = test(train_dl, model, loss_fn)"""
UNTRAINED = [(TRAINING, "train_acc, train_loss = test(train_dl, model, loss_fn)")]
MADE_UP = [("return model, history", "return model, History([0.5, 0.99], [1, 0.1], [0.5, 0.99], [1, 0.05])")]
NAN = [("return model, history", "return model, History([0.9], [0.3], [float('nan')], [0.3])")]

# What learners may try instead: the patient, what is replaced in its program, and words of the hint they should get.
# "first": the fault is still the same, and so is the hint.
WRONG = [
    (1, [("lr=10", "lr=0.001")], "you went too far"),
    (1, [("lr=10", "lr=20")], "first"),
    (1, [("range(5)", "range(8)")], "first"),
    (1, UNTRAINED, "those that it started with"),
    (1, MADE_UP, "a recount on the model"),
    (1, [("lr=10", "lr=0.1"), *NAN], "not finite"),
    (1, [("return model, history", "return model, None")], "should be a History"),
    (1, [("return model, history", "return history, model")], "the history second"),
    (1, [("return model, history", "return model")], "Expected two values"),
    (2, [("255, test_labels", "255, (test_labels + 1) % 10")], "as wrong as the training"),
    (2, [("+ 1", "- 1")], "changed its direction"),
    (2, [("(train_labels + 1) % 10", "train_labels.roll(1)")], "a label of its own"),
    (2, MADE_UP, "a recount on the model"),
    (3, [("nn.Softmax(dim=1)", "nn.Sigmoid()")], "between 0 and 1"),
    (3, [("nn.CrossEntropyLoss", "nn.NLLLoss")], "negative"),
    (
        3,
        [
            ("nn.Sequential(small_network(), nn.Softmax(dim=1))", "small_network()"),
            ("nn.CrossEntropyLoss()", "lambda logits, labels: nn.CrossEntropyLoss()(logits.softmax(1), labels)"),
        ],
        "stands between the two",
    ),
    (3, [("lr=0.1", "lr=0.3")], "first"),
    (4, [("len(test_dl) * 300", "1000")], "divided by 1000"),
    (4, [("batch_size=300", "batch_size=300, drop_last=True")], "left out"),
    (4, [("correct / size", "correct / len(test_images)")], "The loss is not yet"),
    (
        4,
        [
            (".sum().item()", ".float().mean().item()"),
            (".item() * len(labels)", ".item()"),
            ("len(test_dl) * 300", "len(test_dl)"),
        ],
        "Close, but not equal",
    ),
    (5, [(ZERO + STEP + BACKWARD, BACKWARD + ZERO + STEP)], "deleted before"),
    (5, [(ZERO + STEP + BACKWARD, ZERO + STEP)], "never computed"),
    (5, [(ZERO + STEP + BACKWARD, STEP + BACKWARD)], "between the forward pass and `backward`"),
    (5, [(ZERO + STEP + BACKWARD, BACKWARD + STEP)], "already there"),
    (5, [(STEP, "")], "no step at all"),
    (
        6,
        [
            ("train_images / 255", "(train_images / 255 - 0.5) / 0.5"),
            ("(test_images / 255 - 0.5) / 0.5", "test_images / 255"),
        ],
        "other way",
    ),
    (6, [("- 0.5) / 0.5", "- 0.1307) / 0.3081")], "still not treated alike"),
    (6, MADE_UP, "a recount on the model"),
    (7, [("lr=0.1", "lr=0.001")], "the symptom, and the cause"),
    (7, [("lr=0.1", "lr=0.0001")], "the symptom, and the cause"),
    (7, [(BACKWARD, BACKWARD + ZERO)], "Now no weight changes"),
    (7, [(BACKWARD, ZERO)], "Now no weight changes"),
    (8, [("lr=0.001", "lr=10")], "the other direction"),
    (8, [("range(5)", "range(8)")], "More epochs help a little"),
    (8, UNTRAINED, "those that it started with"),
    (9, [("range(5)", "range(8)")], "More epochs do not help"),
    (9, [("batch_size=20", "batch_size=2000")], "too few to learn"),
    (9, [("train_images[order]", "train_images"), ("batch_size=20", "batch_size=20, shuffle=True")], "belong together"),
    (9, [("batch_size=100", "batch_size=100, shuffle=True")], "first"),
    (10, [("network_with_dropout()", "small_network()")], "Keep batch norm and dropout"),
    (10, [(TRAINING, PLAIN_LOOP)], "during the training, too"),
    (10, [("        with torch", "        model.train()\n        with torch")], "first"),
    (10, MADE_UP, "a recount on the model"),
    (11, [("train_images.float()", "train_images / 255")], "treated in the same way"),
    (11, [("lr=0.1", "lr=0.001")], "as large as before"),
    (
        11,
        [
            ("train_images.float()", "(train_images // 255).float()"),
            ("test_images.float()", "(test_images // 255).float()"),
        ],
        "nearly all pixels are 0",
    ),
    (11, [("test_images.float()", "test_images / 255")], "first"),
    (
        12,
        [("= small_network()\n    history", "= model\n    history"), ("model.parameters", "model[-1].parameters")],
        "every layer",
    ),
    (12, [(EPOCH, EPOCH + ANEW)], "no better than the first"),
    (12, [("lr=0.1", "lr=1")], "first"),
    (12, [("return model, history", "return small_network(), history")], "never shown an image"),
]


def made_from(source, number):
    """The function of this name in the source, as a notebook would make it."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    space = {**vars(faults), "nn": nn}
    exec(compile(tree, "<cell>", "exec"), space)
    return space[f"patient_{number}"]


def changed(number, replacements):
    source = inspect.getsource(faults.PATIENTS[number - 1])
    for old, new in replacements:
        assert old in source, f"patient {number} has no {old!r}"
        source = source.replace(old, new)
    return made_from(source, number)


def mended(number):
    return made_from(cell_with_id(NOTEBOOK, f"solution-{number}").source, number)


def checker(number):
    return getattr(checks, f"mend_{number}")


@pytest.fixture(scope="module")
def ward():
    return faults.load_ward()


def examined(program, ward):
    """Run a program as `show_patient` does, and measure what it shows."""
    torch.manual_seed(0)
    with faults.watch() as notes:
        model, history = program(*ward)
    images, labels = ward[2] / 255, ward[3]
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


@each_patient
def test_the_symptom_appears_and_the_mending_removes_it(number, ward):
    ill, well = examined(faults.PATIENTS[number - 1], ward), examined(mended(number), ward)
    assert SYMPTOMS[number](ill), ill
    others = [other for other in SYMPTOMS if other != number and SYMPTOMS[other](ill)]
    assert not others, f"patient {number} also looks like {others}"
    assert not any(symptom(well) for symptom in SYMPTOMS.values()), well
    assert well["history"].test_acc[-1] == pytest.approx(well["counted"], abs=0.002)
    assert well["history"].test_acc[-1] > 0.83


@each_patient
def test_the_program_in_the_notebook_is_that_of_the_package(number):
    written = plain_tree(cell_with_id(NOTEBOOK, f"exercise-{number}").source, f"patient_{number}")
    assert written == plain_tree(inspect.getsource(faults), f"patient_{number}")
    solved = plain_tree(cell_with_id(NOTEBOOK, f"solution-{number}").source, f"patient_{number}")
    assert solved != written
    for cell, call in ((f"exercise-{number}", ""), (f"solution-{number}", ", solution=True")):
        assert cell_with_id(NOTEBOOK, cell).source.endswith(f"\nchecks.mend_{number}(patient_{number}{call})")


@each_patient
def test_the_checker_tells_well_from_ill(number):
    """Three times each, since every verdict rests on images drawn anew."""
    well = mended(number)
    for _ in range(3):
        verdict = checker(number).judge(well)
        assert verdict.state == SOLVED, verdict
        verdict = checker(number).judge(faults.PATIENTS[number - 1])
        assert (verdict.state, verdict.hint) == (NOT_YET, checks.FIRST[number])


@pytest.mark.parametrize("number, replacements, words", WRONG)
def test_a_wrong_mending_gets_its_hint(number, replacements, words):
    program = changed(number, replacements)
    for _ in range(2):
        verdict = checker(number).judge(program)
        assert verdict.state == NOT_YET
        if words == "first":
            assert verdict.hint == checks.FIRST[number]
        else:
            assert words in verdict.hint and verdict.hint != checks.FIRST[number]


@each_patient
def test_there_are_three_wrong_mendings_for_each(number):
    assert sum(wrong[0] == number for wrong in WRONG) >= 3


def test_other_right_mendings_pass():
    """A checker looks at what comes out, so it must not insist on the mending of the solution."""
    right = [
        (3, [("nn.Softmax", "nn.LogSoftmax")]),
        (4, [("batch_size=300", "batch_size=1"), ("* 300", "* 1")]),
        (5, [(ZERO + STEP + BACKWARD, BACKWARD + STEP + ZERO)]),
        (6, [("train_images / 255", "(train_images / 255 - 0.5) / 0.5")]),
        (6, [("train_images / 255", "(train_images / 255 - 0.1307) / 0.3081"), ("- 0.5) / 0.5", "- 0.1307) / 0.3081")]),
        (9, [("train_labels.argsort()", "torch.randperm(len(train_labels))")]),
        (10, [(EPOCH, "    model.eval()\n" + EPOCH)]),
    ]
    for number, replacements in right:
        verdict = checker(number).judge(changed(number, replacements))
        assert verdict.state == SOLVED, verdict


def test_no_text_before_the_fault_names_it():
    for number, patient in enumerate(faults.PATIENTS, start=1):
        assert patient.__name__ == f"patient_{number}" and patient.__doc__ == faults.patient_1.__doc__
    assert len(set(checks.FIRST.values())) == 12


def test_show_patient_copes_with_numbers_that_are_not_finite(monkeypatch, capsys, ward):
    def sick(*data):
        model = faults.small_network()
        model(data[0][:2] / 255)
        with torch.no_grad():
            model[1].weight.fill_(math.nan)
        return model, History([math.nan, 0.1], [math.inf, math.nan], [0.1, 0.1], [math.nan, math.nan])

    shown = []
    monkeypatch.setattr("mnist_lesson.plots.show", shown.append)
    monkeypatch.setattr(faults, "PATIENTS", (sick,))
    faults.show_patient(1, *ward)
    assert "nan" in shown[0] and len(capsys.readouterr().out.splitlines()) == 8


def test_show_patient_prints_the_same_findings_for_each(monkeypatch, capsys, ward):
    monkeypatch.setattr("mnist_lesson.plots.show", lambda alt: None)
    model, history = faults.show_patient(2, *ward)
    labels = [line[:23].strip() for line in capsys.readouterr().out.splitlines()]
    text = cell_with_id(NOTEBOOK, "start-notice").source
    assert len(labels) == 8 and all(f"| {label} |" in text for label in labels)
    assert isinstance(model, nn.Module) and len(history) == 5


def test_watching_leaves_nothing_behind():
    with faults.watch() as notes:
        faults.small_network()(torch.rand(2, 1, 28, 28))
    seen = len(notes.start)
    faults.small_network()(torch.rand(2, 1, 28, 28))
    assert seen == len(notes.start) == 5
