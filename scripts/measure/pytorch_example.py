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


def example_network(pool_first: bool = False):
    """Return the network: 1,199,882 parameters, (N, 1, 28, 28) -> logits (N, 10).

    With `pool_first`, pooling comes before its ReLU, as in `PoolFirstCNN`: the same function, in less time.
    """
    from torch import nn

    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3),  # (N, 32, 26, 26)
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3),  # (N, 64, 24, 24)
        *((pool, relu) if pool_first else (relu, pool)),  # (N, 64, 12, 12)
        nn.Dropout(0.25),
        nn.Flatten(),  # (N, 9216)
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def fit_example(epochs: int, enough: float = 1.0, fast: bool = False) -> tuple[list[float], list[float]]:
    """Train the example, and stop early once a test accuracy of at least `enough` is reached.

    With `fast`, on the lesson's fast path: images in one tensor, channels-last, pooling before ReLU.
    Returns the test accuracy after each epoch, and the seconds of training until its end, without the tests.
    """
    import torch
    from torch import nn

    from mnist_lesson.engine import test, train

    train_batches, test_batches = tensor_batches() if fast else loader_batches()
    model, loss_fn = example_network(pool_first=fast), nn.CrossEntropyLoss()
    if fast:
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=LEARN_RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=GAMMA)
    accuracies, seconds = [], []
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        train(train_batches(), model, loss_fn, optimizer)
        seconds.append(time.perf_counter() - start)
        schedule.step()
        accuracies.append(test(test_batches, model, loss_fn)[0])
        print(f"Epoch:{epoch:2d}, Seconds:{sum(seconds):4.0f}, Test_acc:{accuracies[-1]:.2%}", flush=True)
        if accuracies[-1] >= enough:
            break
    return accuracies, list(accumulate(seconds))


def loader_batches() -> tuple:
    """Return a function for the training batches of an epoch, and the test batches: as the example loads them."""
    from torch.utils.data import DataLoader
    from torchvision import transforms

    from mnist_lesson.data import load_mnist
    from mnist_lesson.further.recipes import MEAN, STD

    normalised = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    train_ds, test_ds = load_mnist(train=True), load_mnist(train=False)
    train_ds.transform = test_ds.transform = normalised
    train_dl = DataLoader(train_ds, BATCH_SIZE, shuffle=True)
    return lambda: train_dl, DataLoader(test_ds, batch_size=1000)


def tensor_batches() -> tuple:
    """Return the same, taken by index from one tensor."""
    from mnist_lesson.further.recipes import CLASSIC, keep_freed_memory, load_tensors, random_batches, to_inputs

    keep_freed_memory()
    images, labels = load_tensors(train=True)
    images = to_inputs(images, CLASSIC)  # normalised
    test_images, test_labels = load_tensors(train=False)
    test_batches = list(zip(to_inputs(test_images, CLASSIC).split(1000), test_labels.split(1000)))
    return lambda: ((images[b], labels[b]) for b in random_batches(len(labels), BATCH_SIZE)), test_batches
