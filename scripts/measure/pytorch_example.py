"""The network and settings of PyTorch's own MNIST example, a usual point of comparison.

Two convolutions, one pooling, dropout, and ten times the parameters of the lesson's network; images
are normalised. The facts are those of the widely used example; the code is the lesson's.
"""

from __future__ import annotations

import time
from itertools import accumulate

BATCH_SIZE = 64
LEARN_RATE = 1.0  # of Adadelta
GAMMA = 0.7  # the learning rate is multiplied by it after each epoch


def example_network():
    """Return the network: 1,199,882 parameters, (N, 1, 28, 28) -> logits (N, 10)."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3),  # (N, 32, 26, 26)
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3),  # (N, 64, 24, 24)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 12, 12)
        nn.Dropout(0.25),
        nn.Flatten(),  # (N, 9216)
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def fit_example(epochs: int, enough: float = 1.0) -> tuple[list[float], list[float]]:
    """Train the example, and stop early once a test accuracy of at least `enough` is reached.

    Returns the test accuracy after each epoch, and the seconds of training until its end, without the tests.
    """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import transforms

    from mnist_lesson.data import load_mnist
    from mnist_lesson.engine import test, train
    from mnist_lesson.further.recipes import MEAN, STD

    normalised = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    train_ds, test_ds = load_mnist(train=True), load_mnist(train=False)
    train_ds.transform = test_ds.transform = normalised
    train_dl = DataLoader(train_ds, BATCH_SIZE, shuffle=True)
    test_dl = DataLoader(test_ds, batch_size=1000)
    model, loss_fn = example_network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=LEARN_RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=GAMMA)
    accuracies, seconds = [], []
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        train(train_dl, model, loss_fn, optimizer)
        seconds.append(time.perf_counter() - start)
        schedule.step()
        accuracies.append(test(test_dl, model, loss_fn)[0])
        print(f"Epoch:{epoch:2d}, Seconds:{sum(seconds):4.0f}, Test_acc:{accuracies[-1]:.2%}", flush=True)
        if accuracies[-1] >= enough:
            break
    return accuracies, list(accumulate(seconds))
