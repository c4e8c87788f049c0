"""The training programs of notebook 10: a sound one, and its patients, each with one fault.

All patients take and return the same things, as `sound_program` does, from which they are made.
Images are uint8, (N, 1, 28, 28), values in 0..255, as MNIST stores them. Labels are int64, (N,), values in 0..9.
Each patient returns the trained model and its `History`. No docstring names its fault:
notebook 10 does, after the reader has looked.
"""

import inspect
import linecache
from collections.abc import Callable

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.data import load_mnist
from mnist_lesson.engine import test, train
from mnist_lesson.further.watch import Ward
from mnist_lesson.results import History

Replacement = tuple[str, str]  # a part of a program's text, and what stands there instead


def small_network() -> nn.Sequential:
    """Return a new network with one hidden layer: images, float, (N, 1, 28, 28), to logits, (N, 10)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))


def network_with_dropout() -> nn.Sequential:
    """Return a new network like `small_network`, but with batch norm and dropout behind its hidden layer."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10)
    )


def load_ward() -> Ward:
    """Return the first 2,000 training images, their labels, the first 1,000 test images, and their labels."""
    train_ds, test_ds = load_mnist(train=True), load_mnist(train=False)
    return (
        train_ds.data[:2000].unsqueeze(1),
        train_ds.targets[:2000],
        test_ds.data[:1000].unsqueeze(1),
        test_ds.targets[:1000],
    )


def sound_program(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    model = small_network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = History()
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


# Some patients write the training or the test of an epoch out, since their fault lies in there. These loops are sound.
ZERO, BACKWARD, STEP = (
    f"            {call}()\n" for call in ("optimizer.zero_grad", "loss.backward", "optimizer.step")
)
TRAINING_WRITTEN_OUT = (
    "        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)\n",
    f"""\
        model.train()
        for images, labels in train_dl:
            loss = loss_fn(model(images), labels)
{ZERO}{BACKWARD}{STEP}\
        train_acc, train_loss = test(train_dl, model, loss_fn)
""",
)
TRAINING_COUNTED = (
    TRAINING_WRITTEN_OUT[0],
    f"""\
        train_acc, train_loss = 0, 0
        model.train()
        for images, labels in train_dl:
            logits = model(images)
            loss = loss_fn(logits, labels)
{ZERO}{BACKWARD}{STEP}\
            train_acc += (logits.argmax(1) == labels).sum().item() / len(train_labels)
            train_loss += loss.item() * len(labels) / len(train_labels)
""",
)
TEST_WRITTEN_OUT = (
    """\
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
""",
    """\
        correct, loss_sum = 0, 0
        size = len(test_images)
        model.eval()
        with torch.no_grad():
            for images, labels in test_dl:
                logits = model(images)
                correct += (logits.argmax(1) == labels).sum().item()
                loss_sum += loss_fn(logits, labels).item() * len(labels)
        history.add(train_acc, train_loss, correct / size, loss_sum / size)
""",
)

# The fault of each patient in a word, as a diagnosis is given.
FAULTS = {
    1: "rate-too-large",
    2: "labels-shifted",
    3: "two-softmaxes",
    4: "wrong-averages",
    5: "step-first",
    6: "test-images-differ",
    7: "no-zero-grad",
    8: "rate-too-small",
    9: "sorted",
    10: "no-eval",
    11: "not-scaled",
    12: "other-model",
    13: "leak",
    14: "shuffled-apart",
    15: "schedule-too-fast",
    16: "last-layer-only",
    17: "wrong-axis",
    18: "broadcast",
    19: "memory",
    20: "no-train",
}

# For each patient: what is replaced in the text of `sound_program`, one replacement after the other.
ILL: dict[int, list[Replacement]] = {
    1: [("lr=0.1", "lr=10")],
    2: [("255, train_labels", "255, (train_labels + 1) % 10")],
    3: [("small_network()", "nn.Sequential(small_network(), nn.Softmax(dim=1))")],
    4: [TEST_WRITTEN_OUT, ("batch_size=100", "batch_size=300"), ("len(test_images)", "len(test_dl) * 300")],
    5: [TRAINING_WRITTEN_OUT, (BACKWARD + STEP, STEP + BACKWARD)],
    6: [
        ("TensorDataset(test_images / 255, test_labels), ", "test_ds, "),
        ("    train_dl", "    test_ds = TensorDataset((test_images / 255 - 0.5) / 0.5, test_labels)\n    train_dl"),
    ],
    7: [TRAINING_WRITTEN_OUT, (ZERO, "")],
    8: [("lr=0.1", "lr=0.001")],
    9: [
        ("    train_ds", "    order = train_labels.argsort()\n    train_ds"),
        ("train_images / 255, train_labels", "train_images[order] / 255, train_labels[order]"),
        (", shuffle=True", ""),
    ],
    10: [
        TEST_WRITTEN_OUT,
        ("batch_size=100", "batch_size=10"),
        ("small_network", "network_with_dropout"),
        ("        model.eval()\n", ""),
    ],
    11: [("train_images / 255", "train_images.float()"), ("test_images / 255", "test_images.float()")],
    12: [("    history = History()", "    model = small_network()\n    history = History()")],
    13: [
        ("train_images / 255", "torch.cat([train_images, test_images]) / 255"),
        ("255, train_labels", "255, torch.cat([train_labels, test_labels])"),
    ],
    14: [
        ("    train_ds", "    order = torch.randperm(len(train_images))\n    train_ds"),
        ("train_images / 255", "train_images[order] / 255"),
    ],
    15: [
        TRAINING_WRITTEN_OUT,
        (
            "    history = History()",
            "    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)\n    history = History()",
        ),
        (STEP, f"{STEP}            scheduler.step()\n"),
    ],
    16: [("model.parameters()", "model[-1].parameters()")],
    17: [
        ("small_network()", "nn.Sequential(small_network(), nn.LogSoftmax(dim=0))"),
        ("nn.CrossEntropyLoss", "nn.NLLLoss"),
    ],
    18: [
        TEST_WRITTEN_OUT,
        (
            "(logits.argmax(1) == labels).sum().item()",
            "(logits.argmax(1, keepdim=True) == labels).float().mean().item() * len(labels)",
        ),
    ],
    19: [
        TEST_WRITTEN_OUT,
        ("        correct, loss_sum = 0, 0\n", "        correct = 0\n"),
        ("    history = History()", "    history, losses = History(), []"),
        (
            """\
        with torch.no_grad():
            for images, labels in test_dl:
                logits = model(images)
                correct += (logits.argmax(1) == labels).sum().item()
                loss_sum += loss_fn(logits, labels).item() * len(labels)
""",
            """\
        for images, labels in test_dl:
            logits = model(images)
            correct += (logits.argmax(1) == labels).sum().item()
            losses.append(loss_fn(logits, labels) * len(labels))
        loss_sum = sum(losses[-len(test_dl) :]).item()
""",
        ),
    ],
    20: [TRAINING_COUNTED, ("small_network", "network_with_dropout"), ("        model.train()\n", "")],
}


def replaced(text: str, *replacements: Replacement) -> str:
    """Return the text with these replacements, made one after the other.

    Raises ValueError unless each old part is there, at a single place: else a program could stay as it was unnoticed.
    """
    for old, new in replacements:
        if text.count(old) != 1:
            raise ValueError(f"expected {old!r} once in the program, found it {text.count(old)} times: quote more.")
        text = text.replace(old, new)
    return text


def made(text: str) -> Callable:
    """Return the one function that a program's text defines. Tracebacks and `inspect.getsource` show its lines."""
    name, space = text.removeprefix("def ").partition("(")[0], {}
    filename = f"<{name} of the bug clinic>"
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    exec(compile(text, filename, "exec"), globals(), space)
    return space[name]


def text_of_patient(number: int) -> str:
    """Return the text of an ill program."""
    return replaced(inspect.getsource(sound_program), ("sound_program", f"patient_{number}"), *ILL[number])


PATIENTS: dict[int, Callable] = {number: made(text_of_patient(number)) for number in ILL}
