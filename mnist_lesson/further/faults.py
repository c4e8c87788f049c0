"""Twelve ill training programs, the patients of notebook 10, and what shows their symptoms.

All patients take and return the same things, as `sound_program` does, from which they are made.
Images are uint8, (N, 1, 28, 28), values in 0..255, as MNIST stores them. Labels are int64, (N,), values in 0..9.
Each patient returns the trained model and its `History`. Each has one fault. No docstring names it:
notebook 10 does, after the reader has looked.
"""

import inspect
import linecache
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import torch
import torch.nn as nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.data import DataLoader, TensorDataset

from mnist_lesson.data import load_mnist
from mnist_lesson.engine import test, train
from mnist_lesson.further.inside import mode
from mnist_lesson.plots import plot_history
from mnist_lesson.results import History

Ward = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
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


PATIENTS: tuple[Callable, ...] = tuple(made(text_of_patient(number)) for number in ILL)


@contextmanager
def watch() -> Iterator[SimpleNamespace]:
    """Note what every network does inside the block.

    `start[module]` are copies of the weights that a module had when it was first used, `first[module]` is its first
    output, `seen[module, recorded]` is the first batch that it got with (True) or without (False) recording for
    `backward`, and `steps` counts the steps of all optimizers.
    """
    notes = SimpleNamespace(start={}, first={}, seen={}, steps=0)

    def before(module, inputs):
        if module not in notes.start:
            notes.start[module] = [weight.detach().clone() for weight in module.parameters()]
        key = module, torch.is_grad_enabled()
        if key not in notes.seen and inputs and isinstance(inputs[0], torch.Tensor):
            notes.seen[key] = inputs[0].detach().clone()

    def after(module, inputs, output):
        if module not in notes.first and isinstance(output, torch.Tensor):
            notes.first[module] = output.detach().clone()

    def at_step(optimizer, arguments, options):
        notes.steps += 1

    hooks = [
        register_module_forward_pre_hook(before),
        register_module_forward_hook(after),
        register_optimizer_step_pre_hook(at_step),
    ]
    try:
        yield notes
    finally:
        for hook in hooks:
            hook.remove()


def size_of(tensors: list[torch.Tensor]) -> float:
    """Return the length of all numbers together: the root of the sum of their squares; 0 if there are none."""
    return sum(tensor.detach().double().square().sum().item() for tensor in tensors) ** 0.5


def size_of_gradient(model: nn.Module) -> float:
    """Return the size of the gradients that are in the model now."""
    return size_of([weight.grad for weight in model.parameters() if weight.grad is not None])


def way_of_weights(model: nn.Module, start: list[torch.Tensor]) -> float:
    """Return how far the weights are from `start`, as a part of the size of `start`; inf if all of `start` is 0."""
    way, size = size_of([weight - old for weight, old in zip(model.parameters(), start)]), size_of(start)
    if size == 0:
        return math.inf if way else 0.0
    return way / size


def show_patient(
    number: int,
    train_images: torch.Tensor,
    train_labels: torch.Tensor,
    test_images: torch.Tensor,
    test_labels: torch.Tensor,
    seed: int = 0,
) -> tuple[nn.Module, History]:
    """Run a patient, show its curves, print the same eight findings for each, and return model and history."""
    torch.manual_seed(seed)
    with watch() as notes:
        model, history = PATIENTS[number - 1](train_images, train_labels, test_images, test_labels)
    plot_history(history)
    with torch.no_grad():
        answers = [model(test_images / 255).argmax(1) for _ in range(2)]  # in the mode that the program left it in
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    with mode(model, training=False):  # the reader gets the model in the mode that the program left it in, too
        accuracy, loss = test(test_dl, model, nn.CrossEntropyLoss())
    print(f"training loss          first epoch {history.train_loss[0]:.3f}, last epoch {history.train_loss[-1]:.3f}")
    print(f"test, as reported      accuracy {history.test_acc[-1]:.1%}, loss {history.test_loss[-1]:.3f}")
    print(f"test, counted anew     accuracy {accuracy:.1%}, loss {loss:.3f}")
    print(f"first batch            largest number that the new model answered: {notes.first[model].max():.2f}")
    print(f"gradient left behind   {size_of_gradient(model):.2f}")
    print(f"way of the weights     {way_of_weights(model, notes.start[model]):.3g} times their size at the start")
    print(f"asked twice            same answer to {(answers[0] == answers[1]).float().mean():.1%} of the test images")
    print(f"answers 0 to 9         {torch.bincount(answers[0], minlength=10).tolist()}")
    return model, history
