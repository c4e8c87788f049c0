"""The checkers of the bug clinic, and the run that they judge: what passes, and which hint a mistake gets."""

import functools

import pytest
import torch
from test_notebooks import cell_with_id

from mnist_lesson.checks import nb10_clinic as checks
from mnist_lesson.checks import nb10_run
from mnist_lesson.checks.judge import NOT_YET, SOLVED
from mnist_lesson.further import faults
from mnist_lesson.further.faults import BACKWARD, STEP, ZERO

each_patient = pytest.mark.parametrize("number", range(1, 13))

EPOCH = "    for epoch in range(5):\n"
ANEW = """        model = small_network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
TRAINING = "train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)"
TRAINING_IN_EVAL_MODE = f"""for images, labels in train_dl:
            loss = loss_fn(model.eval()(images), labels)
{ZERO}{BACKWARD}{STEP}        train_acc, train_loss = test(train_dl, model, loss_fn)"""
UNTRAINED = [(TRAINING, "train_acc, train_loss = test(train_dl, model, loss_fn)")]
TEST, TEST_WRITTEN_OUT = faults.TEST_WRITTEN_OUT
SHORT = ("range(5)", "range(1)")  # for mistakes that have nothing to do with how long the network learns
FEW = ("range(5)", "range(2)")  # for mistakes that show once the network has learned something
HARDLY_TRAINED = [SHORT, ("batch_size=20,", "batch_size=200,")]  # for mistakes in what is reported and returned
RETURN = "return model, history"
MADE_UP = [*HARDLY_TRAINED, (RETURN, "return model, History([0.5, 0.99], [1, 0.1], [0.5, 0.99], [1, 0.05])")]
ADD = "history.add(train_acc, train_loss, test_acc, test_loss)"


def returning(instead):
    return [*HARDLY_TRAINED, (RETURN, instead)]


def adding(*numbers):
    return [*HARDLY_TRAINED, (ADD, f"history.add({', '.join(numbers)})")]


# What learners may try instead: the patient, what is replaced in its program, and words of the hint they should get.
# "first": the fault is still the same, and so is the hint.
WRONG = [
    (1, [SHORT, ("lr=10", "lr=0.001")], "you went too far"),
    (1, [SHORT, ("lr=10", "lr=20")], "first"),
    (1, [("range(5)", "range(6)")], "first"),
    (1, [SHORT, *UNTRAINED], "those that it started with"),
    (1, MADE_UP, "a recount on the model"),
    (1, [("lr=10", "lr=0.1"), *adding("0.9", "0.3", "float('nan')", "0.3")], "not finite"),
    (1, adding("train_acc", "torch.ones(1, requires_grad=True) * 2", "test_acc", "test_loss"), "plain numbers"),
    (1, adding("100 * train_acc", "train_loss", "test_acc", "test_loss"), "not between 0 and 1"),
    (1, returning("return model, History()"), "empty or differ in length"),
    (1, returning("return model, History(0.9, 0.3, 0.9, 0.3)"), "empty or differ in length"),
    (1, returning("return model, None"), "should be a History"),
    (1, returning("return history, model"), "the history second"),
    (1, returning("return model"), "Expected two values"),
    (1, returning("return nn.ReLU(), history"), "never shown an image"),
    (1, returning("model.forward = lambda images: images.nothing\n    return model, history"), "cannot read images"),
    (1, returning("model.forward = lambda images: (images, images)\n    return model, history"), "ten logits"),
    (1, returning("model[3].bias.data += torch.nan\n    return model, history"), "numbers that are not finite"),
    (2, [FEW, ("255, test_labels", "255, (test_labels + 1) % 10")], "as wrong as the training"),
    (2, [FEW, ("+ 1", "- 1")], "changed its direction"),
    (2, [("(train_labels + 1) % 10", "train_labels.roll(1)")], "a label of its own"),
    (2, MADE_UP, "a recount on the model"),
    (3, [SHORT, ("nn.Softmax(dim=1)", "nn.Sigmoid()")], "between 0 and 1"),
    (3, [SHORT, ("nn.CrossEntropyLoss", "nn.NLLLoss")], "negative"),
    (
        3,
        [
            SHORT,
            ("nn.Sequential(small_network(), nn.Softmax(dim=1))", "small_network()"),
            ("nn.CrossEntropyLoss()", "lambda logits, labels: nn.CrossEntropyLoss()(logits.softmax(1), labels)"),
        ],
        "stands between the two",
    ),
    (3, [FEW, ("lr=0.1", "lr=0.3")], "first"),
    (4, [SHORT, ("len(test_dl) * 300", "1000")], "divided by 1000"),
    (4, [SHORT, ("batch_size=300", "batch_size=300, drop_last=True")], "left out"),
    (4, [SHORT, ("correct / size", "correct / len(test_images)")], "The loss is not yet"),
    (
        4,
        [
            SHORT,
            (".sum().item()", ".float().mean().item()"),
            (".item() * len(labels)", ".item()"),
            ("len(test_dl) * 300", "len(test_dl)"),
        ],
        "Close, but not equal",
    ),
    (5, [SHORT, (ZERO + STEP + BACKWARD, BACKWARD + ZERO + STEP)], "deleted before"),
    (5, [SHORT, (ZERO + STEP + BACKWARD, ZERO + STEP)], "never computed"),
    (5, [(ZERO + STEP + BACKWARD, STEP + BACKWARD)], "between the forward pass and `backward`"),
    (5, [FEW, (ZERO + STEP + BACKWARD, BACKWARD + STEP)], "already there"),
    (5, [SHORT, (STEP, "")], "no step at all"),
    (
        6,
        [
            SHORT,
            ("train_images / 255", "(train_images / 255 - 0.5) / 0.5"),
            ("(test_images / 255 - 0.5) / 0.5", "test_images / 255"),
        ],
        "other way",
    ),
    (6, [SHORT, ("- 0.5) / 0.5", "- 0.1307) / 0.3081")], "still not treated alike"),
    (6, MADE_UP, "a recount on the model"),
    (7, [FEW, ("lr=0.1", "lr=0.001")], "the symptom, and the cause"),
    (7, [("lr=0.1", "lr=0.0001")], "the symptom, and the cause"),
    (7, [SHORT, (BACKWARD, BACKWARD + ZERO)], "Now no weight changes"),
    (7, [SHORT, (BACKWARD, ZERO)], "Now no weight changes"),
    (8, [SHORT, ("lr=0.001", "lr=10")], "the other direction"),
    (8, [("range(5)", "range(6)")], "More epochs help a little"),
    (8, [SHORT, *UNTRAINED], "those that it started with"),
    (9, [("range(5)", "range(6)")], "More epochs do not help"),
    (9, [("batch_size=20", "batch_size=2000")], "too few to learn"),
    (9, [("train_images[order]", "train_images"), ("batch_size=20", "batch_size=20, shuffle=True")], "belong together"),
    (9, [("batch_size=100", "batch_size=100, shuffle=True")], "first"),
    (10, [SHORT, ("network_with_dropout()", "small_network()")], "Keep batch norm and dropout"),
    (10, [SHORT, (TRAINING, TRAINING_IN_EVAL_MODE)], "during the training, too"),
    (10, [SHORT, ("        with torch", "        model.train()\n        with torch")], "first"),
    (10, [(EPOCH, "    model.eval()\n" + EPOCH), SHORT], "first"),
    (10, MADE_UP, "a recount on the model"),
    (11, [FEW, ("train_images.float()", "train_images / 255")], "treated in the same way"),
    (11, [FEW, ("lr=0.1", "lr=0.001")], "as large as before"),
    (
        11,
        [
            SHORT,
            ("train_images.float()", "(train_images // 255).float()"),
            ("test_images.float()", "(test_images // 255).float()"),
        ],
        "nearly all pixels are 0",
    ),
    (11, [FEW, ("test_images.float()", "test_images / 255")], "first"),
    (
        12,
        [
            SHORT,
            ("= small_network()\n    history", "= model\n    history"),
            ("model.parameters", "model[-1].parameters"),
        ],
        "every layer",
    ),
    (12, [(EPOCH, EPOCH + ANEW), FEW], "no better than the first"),
    (12, [SHORT, ("lr=0.1", "lr=1")], "first"),
    (12, returning("return small_network(), history"), "never shown an image"),
]

# A checker looks at what comes out, so it must not insist on the mending of the solution.
RIGHT = [
    (3, [("nn.Softmax", "nn.LogSoftmax")]),
    (4, [("batch_size=300", "batch_size=2"), ("* 300", "* 2")]),
    (5, [(ZERO + STEP + BACKWARD, BACKWARD + STEP + ZERO)]),
    (6, [("train_images / 255", "(train_images / 255 - 0.5) / 0.5")]),
    (6, [("train_images / 255", "(train_images / 255 - 0.1307) / 0.3081"), ("- 0.5) / 0.5", "- 0.1307) / 0.3081")]),
    (9, [("train_labels.argsort()", "torch.randperm(len(train_labels))")]),
    (10, [(TEST_WRITTEN_OUT.replace("        model.eval()\n", ""), TEST)]),
]


def changed(number, replacements):
    return faults.made(faults.replaced(faults.text_of_patient(number), *replacements))


def text_of_solution(number):
    """The program that the notebook gives as the solution; six of the twelve are the same but for the name."""
    text = cell_with_id("10_bug_clinic", f"solution-{number}").source.partition("\n\n\nchecks.")[0]
    return faults.replaced(text, (f"patient_{number}", "mended"))


@functools.cache
def run_of(text):
    return nb10_run.run_program(faults.made(text))


def checker(number):
    return getattr(checks, f"mend_{number}")


@pytest.mark.notebook_cells
@each_patient
def test_the_checker_passes_the_solution(number, monkeypatch):
    text = text_of_solution(number)
    monkeypatch.setattr(checks, "run_program", lambda answer, not_finite="": run_of(text))
    verdict = checker(number).judge(faults.made(text))
    assert verdict.state == SOLVED, verdict


@pytest.mark.notebook_cells
@each_patient
def test_the_checker_gives_the_ill_program_its_first_hint(number):
    how_far_it_got_decides = number in (1, 7, 8, 9, 11)
    program = faults.PATIENTS[number - 1] if how_far_it_got_decides else changed(number, [SHORT])
    verdict = checker(number).judge(program)
    assert (verdict.state, verdict.hint) == (NOT_YET, checks.FIRST[number])


@pytest.mark.parametrize("number, replacements, words", WRONG)
def test_a_wrong_mending_gets_its_hint(number, replacements, words):
    verdict = checker(number).judge(changed(number, replacements))
    assert verdict.state == NOT_YET
    if words == "first":
        assert verdict.hint == checks.FIRST[number]
    else:
        assert words in verdict.hint and verdict.hint != checks.FIRST[number]


@pytest.mark.parametrize("number, replacements", RIGHT)
def test_other_right_mendings_pass(number, replacements):
    verdict = checker(number).judge(changed(number, replacements))
    assert verdict.state == SOLVED, verdict


@each_patient
def test_there_are_three_wrong_mendings_for_each(number):
    assert sum(wrong[0] == number for wrong in WRONG) >= 3


def test_each_patient_has_a_first_hint_of_its_own():
    assert list(checks.FIRST) == list(range(1, 13)) and len(set(checks.FIRST.values())) == 12


@pytest.mark.parametrize("seed", range(20))
def test_a_draw_shows_wrong_averages(seed):
    """The last of the test images are all ones, and no usual batch size divides their number."""
    torch.manual_seed(seed)
    train_images, train_labels, test_images, test_labels = nb10_run.draw_ward()
    assert len(train_images) == len(train_labels) == 2000 and len(test_images) == len(test_labels)
    assert 910 < len(test_images) < 1000 and len(test_images) % 10
    ones = (test_labels == 1).sum()
    assert (test_labels[-ones:] == 1).all() and ones > 50


def test_a_draw_comes_from_the_seed():
    wards = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        wards.append(nb10_run.draw_ward())
    assert all(map(torch.equal, wards[0], wards[1]))
    assert not torch.equal(wards[0][1], wards[2][1])


def test_asking_the_model_leaves_its_mode():
    for training in (True, False):
        model = faults.network_with_dropout().train(training)
        nb10_run.logits_of(model, torch.rand(4, 1, 28, 28))
        assert {layer.training for layer in model.modules()} == {training}
