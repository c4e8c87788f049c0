"""The checkers of the bug clinic, and the run that they judge: which hint a mistake gets.

That each solution passes, and each patient gets its first hint, nbval finds in the notebook.
"""

import pytest
import torch

from mnist_lesson.checks import nb10_clinic as checks
from mnist_lesson.checks import nb10_run
from mnist_lesson.checks.judge import NOT_YET, SOLVED
from mnist_lesson.further import faults
from mnist_lesson.further.faults import BACKWARD, STEP, ZERO

each_patient = pytest.mark.parametrize("number", range(1, 21))

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
LABELLED = ("for images, labels in train_dl", "for i, (images, labels) in enumerate(train_dl)")
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
    (1, [SHORT, *UNTRAINED], "takes no step"),
    (
        1,
        [
            ("lr=10", "lr=0.1"),
            (
                "train_ds = TensorDataset(train_images / 255, train_labels)",
                "train_ds = TensorDataset(test_images / 255, test_labels)",
            ),
        ],
        "trains on test images",
    ),
    (14, MADE_UP, "is not shown the test images"),
    (1, [("lr=10", "lr=0.1"), *adding("0.9", "0.3", "float('nan')", "0.3")], "not finite"),
    (1, adding("train_acc", "torch.ones(1, requires_grad=True) * 2", "test_acc", "test_loss"), "plain numbers"),
    (1, adding("100 * train_acc", "train_loss", "test_acc", "test_loss"), "not between 0 and 1"),
    (1, returning("return model, History()"), "empty or differ in length"),
    (1, returning("return model, History(0.9, 0.3, 0.9, 0.3)"), "empty or differ in length"),
    (1, returning("return model, None"), "should be a History"),
    (1, returning("return history, model"), "the history second"),
    (1, returning("return model"), "Expected two values"),
    (1, returning("return nn.ReLU(), history"), "never shown an image"),
    (14, returning("model.forward = lambda images: images.nothing\n    return model, history"), "cannot read images"),
    (14, returning("model.forward = lambda images: (images, images)\n    return model, history"), "ten logits"),
    (14, returning("model[3].bias.data += torch.nan\n    return model, history"), "numbers that are not finite"),
    (2, [FEW, ("255, test_labels", "255, (test_labels + 1) % 10")], "as wrong as the training"),
    (2, [FEW, ("+ 1", "- 1")], "changed its direction"),
    (2, [FEW, ("(train_labels + 1) % 10", "train_labels % 9")], "its own label yet"),
    (2, [("(train_labels + 1) % 10", "train_labels.roll(1)")], "its own label yet"),
    (2, MADE_UP, "is not shown the test images"),
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
    (
        6,
        [
            *HARDLY_TRAINED,
            ("test_ds = TensorDataset((test_images / 255 - 0.5) / 0.5", "test_ds = TensorDataset(test_images / 255"),
            ("history.add(train_acc", "history.add(0.5 * train_acc"),
            ("test_acc, test_loss)\n    return", "test_acc + 0.3, test_loss)\n    return"),
        ],
        "but a recount",
    ),
    (7, [FEW, ("lr=0.1", "lr=0.001")], "the symptom, and the cause"),
    (7, [("lr=0.1", "lr=0.0001")], "the symptom, and the cause"),
    (
        7,
        [(BACKWARD, f"{BACKWARD}            nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n")],
        "Is the old one deleted",
    ),
    (7, [FEW, (BACKWARD, f"            if i % 10 == 0:\n    {ZERO}{BACKWARD}"), LABELLED], "Is the old one deleted"),
    (7, [SHORT, (BACKWARD, BACKWARD + ZERO)], "Now no weight changes"),
    (7, [SHORT, (BACKWARD, ZERO)], "Now no weight changes"),
    (8, [SHORT, ("lr=0.001", "lr=10")], "the other direction"),
    (8, [("range(5)", "range(6)")], "More steps help a little"),
    (8, [SHORT, *UNTRAINED], "takes no step"),
    (9, [("range(5)", "range(6)")], "More epochs do not help"),
    (9, [("batch_size=20", "batch_size=2000")], "too few to learn"),
    (
        9,
        [("train_images[order]", "train_images"), ("batch_size=20", "batch_size=20, shuffle=True")],
        "shuffle both in the same way",
    ),
    (9, [("batch_size=100", "batch_size=100, shuffle=True")], "first"),
    (10, [SHORT, ("network_with_dropout()", "small_network()")], "Keep batch norm and dropout"),
    (10, [SHORT, (TRAINING, TRAINING_IN_EVAL_MODE)], "testing in the training"),
    (10, [SHORT, ("        with torch", "        model.train()\n        with torch")], "first"),
    (10, [(EPOCH, "    model.eval()\n" + EPOCH), SHORT], "first"),
    (
        10,
        [
            SHORT,
            (
                "                logits = model(images)\n",
                "                logits = model(images)\n                model.eval()\n",
            ),
        ],
        "first",
    ),
    (11, [FEW, ("train_images.float()", "train_images / 255")], "treated in the same way"),
    (11, [FEW, ("lr=0.1", "lr=0.001")], "as large as before"),
    (
        11,
        [
            SHORT,
            ("train_images.float()", "(train_images // 255).float()"),
            ("test_images.float()", "(test_images // 255).float()"),
        ],
        "nearly all pixels become 0",
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
    (12, [(EPOCH, EPOCH + ANEW), FEW], "go on with the same model"),
    (12, [SHORT, ("lr=0.1", "lr=1")], "first"),
    (12, returning("return small_network(), history"), "never shown an image"),
    (
        13,
        [
            SHORT,
            ("train_images, test_images", "train_images, test_images[:10]"),
            ("train_labels, test_labels", "train_labels, test_labels[:10]"),
        ],
        "first",
    ),
    (
        13,
        [
            SHORT,
            ("torch.cat([train_images, test_images])", "train_images[:1000]"),
            ("torch.cat([train_labels, test_labels])", "train_labels[:1000]"),
        ],
        "Only 1000",
    ),
    (
        13,
        [SHORT, ("TensorDataset(test_images / 255, test_labels)", "TensorDataset(train_images / 255, train_labels)")],
        "first",
    ),
    (14, [SHORT, ("torch.randperm(len(train_images))", "train_labels.argsort()")], "first"),
    (14, [SHORT, ("train_labels)", "train_labels.roll(1))")], "first"),
    (14, [SHORT, ("lr=0.1", "lr=1")], "first"),
    (15, [("gamma=0.9", "gamma=0.99")], "first"),
    (15, [SHORT, ("lr=0.1", "lr=1")], "first"),
    (15, [("range(5)", "range(20)")], "first"),
    (16, [SHORT, ("model[-1]", "model[1]")], "first"),
    (16, [SHORT, ("lr=0.1", "lr=0.5")], "first"),
    (16, [SHORT, ("model[-1].parameters()", "[model[1].weight, model[3].weight]")], "first"),
    (17, [SHORT, ("LogSoftmax(dim=0)", "Softmax(dim=1)")], "never is"),
    (17, [SHORT, ("nn.NLLLoss", "nn.CrossEntropyLoss")], "first"),
    (17, [SHORT, ("batch_size=20", "batch_size=100")], "first"),
    (18, [SHORT, ("keepdim=True", "keepdim=not False")], "first"),
    (18, [SHORT, (".float().mean()", ".float().mean(dim=1).mean()")], "first"),
    (
        18,
        [SHORT, ("len(labels)\n                loss_sum", "10 * len(labels)\n                loss_sum")],
        "not between 0 and 1",
    ),
    (19, [("losses.append(", "losses[:-10] = []\n            losses.append(")], "Less is kept now"),
    (
        19,
        [
            SHORT,
            ("losses.append(loss_fn(logits, labels) *", "losses.append(loss_fn(logits, labels).item() * 2 *"),
            (".item()\n        history", "\n        history"),
        ],
        "but a recount",
    ),
    (19, [("batch_size=100", "batch_size=50")], "first"),
    (20, [FEW, ("        for images", "        model.eval()\n        for images")], "first"),
    (20, [FEW, ("network_with_dropout", "small_network")], "Keep batch norm and dropout"),
    (20, [FEW, ("test_acc, test_loss = test(", "model.train()\n        test_acc, test_loss = test(")], "first"),
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


def checker(number):
    return getattr(checks, f"mend_{number}")


@pytest.mark.notebook_cells
@pytest.mark.parametrize("number, replacements, words", WRONG)
def test_a_wrong_mending_gets_its_hint(number, replacements, words):
    verdict = checker(number).judge(changed(number, replacements))
    assert verdict.state == NOT_YET
    if words == "first":
        assert verdict.hint == checks.FIRST[number]
    else:
        assert words in verdict.hint and verdict.hint != checks.FIRST[number]


@pytest.mark.notebook_cells
@pytest.mark.parametrize("number, replacements", RIGHT)
def test_other_right_mendings_pass(number, replacements):
    verdict = checker(number).judge(changed(number, replacements))
    assert verdict.state == SOLVED, verdict


@each_patient
def test_there_are_three_wrong_mendings_for_each(number):
    assert sum(wrong[0] == number for wrong in WRONG) >= 3


def test_each_patient_has_a_first_hint_of_its_own():
    assert list(checks.FIRST) == list(range(1, 21)) and len(set(checks.FIRST.values())) == 20


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
