"""Solved notebooks in many styles, for test_forgeries.py: each must pass. Each entry is what it solves, and the cells."""

HONEST = {
    "loops": (
        ["4.2"],
        [
            (
                "def flat_size(side):\n"
                "    for _ in range(2):\n"
                "        side -= 2\n"
                "        places = 0\n"
                "        while 2 * (places + 1) <= side:\n"
                "            places += 1\n"
                "        side = places\n"
                "    total = 0\n"
                "    for row in range(side):\n"
                "        for column in range(side):\n"
                "            total += 64\n"
                "    return total"
            ),
        ],
    ),
    "NumPy": (
        ["4.2"],
        [
            (
                "import numpy as np\n"
                "def flat_size(side):\n"
                "    end = np.floor((np.floor((np.int64(side) - 2) / 2) - 2) / 2)\n"
                "    return 64 * np.square(end)"
            ),
        ],
    ),
    "recursion": (
        ["4.2"],
        [
            (
                "def flat_size(side, layers=2):\n"
                "    return 64 * side**2 if layers == 0 else flat_size((side - 2) // 2, layers - 1)"
            ),
        ],
    ),
    "a dataclass": (
        ["4.2"],
        [
            (
                "from dataclasses import dataclass\n"
                "@dataclass\n"
                "class Map:\n"
                "    side: int\n"
                "    maps: int = 64\n"
                "    def size(self) -> int:\n"
                "        return self.maps * self.side**2"
            ),
            ("def flat_size(side: int) -> int:\n    return Map(((side - 2) // 2 - 2) // 2).size()"),
        ],
    ),
    "a lambda": (
        ["4.2"],
        [
            "flat_size = lambda side: 64 * (((side - 2) // 2 - 2) // 2) ** 2",
        ],
    ),
    "helpers in other cells": (
        ["4.1", "4.2"],
        [
            ("def size_after(size, kernel_size, pool_size):\n    return (size - kernel_size + 1) // pool_size"),
            ("def flat_size(side):\n    return 64 * size_after(size_after(side, 3, 2), 3, 2) ** 2"),
        ],
    ),
    "magic lines": (
        ["4.2"],
        [
            ("%matplotlib inline\n%load_ext autoreload\n!ls"),
            ("%%time\ndef flat_size(side):\n    return 64 * (((side - 2) // 2 - 2) // 2) ** 2"),
        ],
    ),
    "type hints": (
        ["4.2"],
        [
            "from __future__ import annotations",
            (
                "import typing as t\n"
                "Side: t.TypeAlias = int\n"
                "def flat_size(side: Side) -> t.Annotated[int, 'numbers']:\n"
                "    return 64 * (((side - 2) // 2 - 2) // 2) ** 2"
            ),
        ],
    ),
    "a cache": (
        ["4.2"],
        [
            (
                "import functools\n"
                "@functools.cache\n"
                "def flat_size(side):\n"
                "    return 64 * (((side - 2) // 2 - 2) // 2) ** 2"
            ),
        ],
    ),
    "prints": (
        ["4.2"],
        [
            (
                "def flat_size(side):\n"
                "    print('side', side)\n"
                "    import sys\n"
                "    print('to stderr', file=sys.stderr)\n"
                "    return 64 * (((side - 2) // 2 - 2) // 2) ** 2"
            ),
        ],
    ),
    "a network that is asked": (
        ["4.2"],
        [
            (
                "import torch, torch.nn as nn\n"
                "def flat_size(side):\n"
                "    layers = nn.Sequential(nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.MaxPool2d(2), nn.Flatten())\n"
                "    with torch.no_grad():\n"
                "        return layers(torch.zeros(1, 1, side, side)).shape[1]"
            ),
        ],
    ),
    "a tensor": (
        ["4.2"],
        [
            ("import torch\ndef flat_size(side):\n    return torch.tensor(64 * (((side - 2) // 2 - 2) // 2) ** 2)"),
        ],
    ),
    "words of an attack": (
        ["4.2"],
        [
            (
                "import os, sys, gc  # I looked at os.kill and sys._getframe\n"
                "def flat_size(side):\n"
                "    '''passed, solved, tampered'''\n"
                "    gc.collect()\n"
                "    return 64 * (((side - 2) // 2 - 2) // 2) ** 2"
            ),
        ],
    ),
    "a second try": (
        ["4.2"],
        [
            ("def flat_size(side):\n    return 1 / 0"),
            ("def flat_size(side):\n    return 64 * (((side - 2) // 2 - 2) // 2) ** 2"),
        ],
    ),
    "a step as a class": (
        ["5.4", "5.5"],
        [
            ("import torch\nimport torch.nn as nn\n"),
            (
                "class Step:\n"
                "    def __init__(self, model, optimizer): self.model, self.optimizer = model, optimizer\n"
                "    def take(self, loss):\n"
                "        self.optimizer.zero_grad(set_to_none=False)\n"
                "        loss.backward()\n"
                "        self.optimizer.step()\n"
                "        return float(loss.detach())\n"
            ),
            (
                "def train_step(model, loss_fn, optimizer, images, labels):\n"
                "    model.train()\n"
                "    return Step(model, optimizer).take(loss_fn(model(images), labels))"
            ),
            (
                "@torch.inference_mode()\n"
                "def accuracy(model, test_dl):\n"
                "    model.train(False)\n"
                "    right = [(model(x).max(1).indices == y) for x, y in test_dl]\n"
                "    return torch.cat(right).float().mean()"
            ),
        ],
    ),
    "hooks as a context": (
        ["7.1"],
        [
            ("import torch\nimport torch.nn as nn\n"),
            (
                "class Ear:\n"
                "    def __init__(self, layer): self.layer = layer\n"
                "    def __enter__(self):\n"
                "        self.heard = []\n"
                "        self.handle = self.layer.register_forward_hook(lambda m, i, o: self.heard.append(o.detach()))\n"
                "        return self\n"
                "    def __exit__(self, *_): self.handle.remove()\n"
            ),
            (
                "def listen(model, layer, images):\n"
                "    with torch.no_grad(), Ear(layer) as ear:\n"
                "        model(images)\n"
                "    return ear.heard[-1]"
            ),
        ],
    ),
    "digits with NumPy": (
        ["6.4", "6.2"],
        [
            ("import numpy as np\nimport torch\nfrom math import sqrt"),
            (
                "def read_digit(model, image):\n"
                "    was = model.training\n"
                "    model.eval()\n"
                "    with torch.no_grad():\n"
                "        z = model(image[None])[0].numpy().astype(np.float64)\n"
                "    model.train(was)\n"
                "    p = np.exp(z - z.max())\n"
                "    p /= p.sum()\n"
                "    return int(np.argmax(p)), p.max()"
            ),
            (
                "def interval(correct, total):\n"
                "    share = correct / total\n"
                "    half = 1.96 * sqrt(share * (1 - share) / total)\n"
                "    return [share - half, share + half]"
            ),
        ],
    ),
    "loaders": (
        ["2.3", "2.4"],
        [
            ("from torch.utils import data\nfrom collections import Counter\nimport torch"),
            (
                "def make_loaders(train_ds, test_ds, batch_size):\n"
                "    both = []\n"
                "    for ds, mixed in ((train_ds, True), (test_ds, False)):\n"
                "        both.append(data.DataLoader(dataset=ds, batch_size=batch_size, shuffle=mixed))\n"
                "    return both"
            ),
            (
                "def count_classes(labels):\n"
                "    counted = Counter(labels.tolist())\n"
                "    return torch.tensor([counted[d] for d in range(10)])"
            ),
        ],
    ),
}
