"""Train and test a network: the loop of notebook 05.

In all functions, `dataloader` yields pairs of images, (N, 1, 28, 28) for `CNN`, and labels, whole numbers from
0 to classes - 1, (N,). The work is done on the device that the model is on.
"""

from collections.abc import Callable, Iterable
from numbers import Integral

import torch
import torch.nn as nn
from torch.optim import Optimizer

from mnist_lesson.progress import progress_bar
from mnist_lesson.results import History, check_size


def train(dataloader: Iterable, model: nn.Module, loss_fn: Callable, optimizer: Optimizer) -> tuple[float, float]:
    """Show the model all of the data once, and change its weights after every batch.

    `loss_fn(logits, labels)` returns the mean loss of the batch. The model is left in train mode.
    Returns accuracy (0..1) and loss, each a mean over all samples, taken while the weights change.
    Raises ValueError if the loader is empty, or if logits and labels of its first batch do not fit together.
    """
    device = next(model.parameters()).device
    correct, loss_sum, size = 0, 0, 0
    model.train()
    for images, labels in progress_bar(dataloader, "train"):
        images, labels = images.to(device), labels.to(device)
        logits = model(images)  # (N, classes)
        if size == 0:
            check_batch(logits, labels)
        loss = loss_fn(logits, labels)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        correct += (logits.argmax(1) == labels).type(torch.float).sum().item()
        loss_sum += loss.item() * len(labels)
        size += len(labels)
    check_size(size)
    return correct / size, loss_sum / size


def test(dataloader: Iterable, model: nn.Module, loss_fn: Callable) -> tuple[float, float]:
    """Measure the model on all of the data. Its weights stay as they are; it is left in eval mode.

    Returns accuracy (0..1) and loss, each a mean over all samples. Raises as `train` does.
    """
    device = next(model.parameters()).device
    correct, loss_sum, size = 0, 0, 0
    model.eval()
    with torch.no_grad():
        for images, labels in progress_bar(dataloader, "test"):
            images, labels = images.to(device), labels.to(device)
            logits = model(images)  # (N, classes)
            if size == 0:
                check_batch(logits, labels)
            loss = loss_fn(logits, labels)

            correct += (logits.argmax(1) == labels).type(torch.float).sum().item()
            loss_sum += loss.item() * len(labels)
            size += len(labels)
    check_size(size)
    return correct / size, loss_sum / size


test.__test__ = False  # or pytest takes it for a test wherever it is imported


def fit(
    train_dl: Iterable, test_dl: Iterable, model: nn.Module, loss_fn: Callable, optimizer: Optimizer, epochs: int
) -> History:
    """Train for some epochs, test after each, and print one line for each.

    Raises ValueError if `epochs` is not a whole number of at least 1, and as `train` does.
    """
    check_epochs(epochs)
    history = History()
    for epoch in range(1, epochs + 1):
        train_acc, train_loss = train(train_dl, model, loss_fn, optimizer)
        test_acc, test_loss = test(test_dl, model, loss_fn)
        history.add(train_acc, train_loss, test_acc, test_loss)
        print(
            f"Epoch:{epoch:2d}, Train_acc:{train_acc:.1%}, Train_loss:{train_loss:.3f}, "
            f"Test_acc:{test_acc:.1%}, Test_loss:{test_loss:.3f}",
            flush=True,
        )
    print("Done")
    return history


def check_batch(logits: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise ValueError unless there is one row of logits for each label, and one column for each class."""
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        problem = f"logits of shape (N, classes) and labels of shape (N,), found {tuple(logits.shape)} and "
        problem += f"{tuple(labels.shape)}: check the last layer of the model and what the loader yields."
    elif len(labels) == 0:
        problem = "at least one image in a batch, found an empty batch: check what the loader yields."
    elif labels.dtype != torch.int64:
        problem = f"labels of the type torch.int64, found {labels.dtype}: convert with labels.long()."
    elif not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        problem = f"labels from 0 to {logits.shape[1] - 1}, one for each of the {logits.shape[1]} logits, found "
        problem += f"{labels.min()} to {labels.max()}: give the last layer of the model one output per class."
    else:
        return
    raise ValueError(f"expected {problem}")


def check_epochs(epochs: int) -> None:
    """Raise ValueError unless this is a whole number of at least 1."""
    if isinstance(epochs, bool) or not isinstance(epochs, Integral) or epochs < 1:  # True is a 1, NumPy has its own
        raise ValueError(f"epochs must be a whole number of at least 1, found {epochs!r}: set EPOCHS = 5, say.")
