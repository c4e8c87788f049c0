"""Twelve ill training programs, the patients of notebook 10, and what shows their symptoms.

All patients take and return the same things.
Images are uint8, (N, 1, 28, 28), values in 0..255, as MNIST stores them. Labels are int64, (N,), values in 0..9.
Each patient returns the trained model and its `History`. Each has one fault. No docstring names it:
notebook 10 does, after the reader has looked.
"""

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
from mnist_lesson.plots import plot_history
from mnist_lesson.results import History

Ward = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


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


def patient_1(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    model = small_network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=10)
    history = History()
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


def patient_2(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, (train_labels + 1) % 10)
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


def patient_3(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    model = nn.Sequential(small_network(), nn.Softmax(dim=1))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = History()
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


def patient_4(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=300)
    model, loss_fn, history = small_network(), nn.CrossEntropyLoss(), History()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        correct, loss_sum = 0, 0
        size = len(test_dl) * 300
        with torch.no_grad():
            for images, labels in test_dl:
                logits = model(images)
                correct += (logits.argmax(1) == labels).sum().item()
                loss_sum += loss_fn(logits, labels).item() * len(labels)
        history.add(train_acc, train_loss, correct / size, loss_sum / size)
    return model, history


def patient_5(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    model, loss_fn, history = small_network(), nn.CrossEntropyLoss(), History()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(5):
        for images, labels in train_dl:
            loss = loss_fn(model(images), labels)
            optimizer.zero_grad()
            optimizer.step()
            loss.backward()
        train_acc, train_loss = test(train_dl, model, loss_fn)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


def patient_6(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    test_ds = TensorDataset((test_images / 255 - 0.5) / 0.5, test_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(test_ds, batch_size=100)
    model = small_network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = History()
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


def patient_7(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    model, loss_fn, history = small_network(), nn.CrossEntropyLoss(), History()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(5):
        for images, labels in train_dl:
            loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.step()
        train_acc, train_loss = test(train_dl, model, loss_fn)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


def patient_8(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    model = small_network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    history = History()
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


def patient_9(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    order = train_labels.argsort()
    train_ds = TensorDataset(train_images[order] / 255, train_labels[order])
    train_dl = DataLoader(train_ds, batch_size=20)
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


def patient_10(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=10)
    model, loss_fn, history = network_with_dropout(), nn.CrossEntropyLoss(), History()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        correct, loss_sum, size = 0, 0, len(test_images)
        with torch.no_grad():
            for images, labels in test_dl:
                logits = model(images)
                correct += (logits.argmax(1) == labels).sum().item()
                loss_sum += loss_fn(logits, labels).item() * len(labels)
        history.add(train_acc, train_loss, correct / size, loss_sum / size)
    return model, history


def patient_11(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images.float(), train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images.float(), test_labels), batch_size=100)
    model = small_network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = History()
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


def patient_12(train_images, train_labels, test_images, test_labels):
    """Train for five epochs. Shapes, units and what is returned: see the top of this module."""
    train_ds = TensorDataset(train_images / 255, train_labels)
    train_dl = DataLoader(train_ds, batch_size=20, shuffle=True)
    test_dl = DataLoader(TensorDataset(test_images / 255, test_labels), batch_size=100)
    model = small_network()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model = small_network()
    history = History()
    for epoch in range(5):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
    return model, history


PATIENTS: tuple[Callable, ...] = (
    patient_1,
    patient_2,
    patient_3,
    patient_4,
    patient_5,
    patient_6,
    patient_7,
    patient_8,
    patient_9,
    patient_10,
    patient_11,
    patient_12,
)


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
    """Return how far the weights are from `start`, as a part of the size of `start`."""
    return size_of([weight - old for weight, old in zip(model.parameters(), start)]) / size_of(start)


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
