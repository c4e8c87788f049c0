"""Answers to the exercises of notebook 4, right and wrong, written from their texts alone."""

import math
from collections import OrderedDict

import numpy as np
import torch
from answers.common import repeats_first
from torch import nn
from torch.nn import functional as F

# Exercise 4.1


def size_of_layers(size, kernel_size, pool_size):
    maps = nn.Conv2d(1, 1, kernel_size)(torch.zeros(1, 1, size, size))
    if maps.shape[-1] < pool_size:
        return 0
    return nn.MaxPool2d(pool_size)(maps).shape[-1]


def size_after(size, kernel_size, pool_size):
    return (size - kernel_size + 1) // pool_size


# Exercise 4.2


def flat_size(side):
    return 64 * ((side - 6) // 4) ** 2


def flat_in_loop(side):
    for _ in range(2):
        side = (side - 2) // 2
    return 64 * side * side


def flat_of_layers(side):
    layers = nn.Sequential(nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.MaxPool2d(2), nn.Flatten())
    with torch.no_grad():
        return layers(torch.zeros(1, 1, side, side)).shape[1]


def fraction_of_side(side):
    return ((side - 2) / 2 - 2) / 2


# Exercise 4.3


def sum_of_parameters(in_channels, out_channels, kernel_size):
    return sum(weights.numel() for weights in nn.Conv2d(in_channels, out_channels, kernel_size).parameters())


def parameters_of_shapes(in_channels, out_channels, kernel_size):
    weight = (out_channels, in_channels, kernel_size, kernel_size)
    return math.prod(weight) + math.prod((out_channels,))


# Exercise 4.4


def subtract_largest(logits):
    exponentials = (logits - logits.amax(dim=1, keepdim=True)).exp()
    return exponentials / exponentials.sum(dim=1, keepdim=True)


def row_by_row(logits):
    result = torch.empty(logits.shape, dtype=torch.float64)
    for i, row in enumerate(logits.tolist()):
        numbers = [math.exp(logit - max(row)) for logit in row]
        result[i] = torch.tensor(numbers, dtype=torch.float64) / sum(numbers)
    return result


def with_numpy(logits):
    array = logits.numpy().astype(np.float64)
    array = np.exp(array - array.max(axis=1, keepdims=True))
    return torch.from_numpy(array / array.sum(axis=1, keepdims=True))


def with_logsumexp(logits):
    logits = logits.double()
    return torch.exp(logits - torch.logsumexp(logits, dim=1, keepdim=True))


def with_differences(logits):
    differences = logits.double().unsqueeze(1) - logits.double().unsqueeze(2)
    return 1 / differences.exp().sum(dim=2)


def naive_softmax(logits):
    return logits.exp() / logits.exp().sum(dim=1, keepdim=True)


def softmax_of(numbers, dim=1):
    """Softmax of numbers that were made smaller in some way."""
    exponentials = numbers.float().exp()
    return exponentials / exponentials.sum(dim=dim, keepdim=True)


def largest_of_all(logits):
    return softmax_of(logits - logits.max())


def in_place(logits):
    logits -= logits.amax(dim=1, keepdim=True)
    return softmax_of(logits)


# Exercise 4.5


def layers_of(side, num_classes, maps=64, kernel=3, pool=nn.MaxPool2d, activation=nn.ReLU, **settings):
    """The layers of the lesson's network in a list, or almost these layers."""
    padding = settings.get("padding", 0)
    flat = side
    for _ in range(2):
        flat = (flat + 2 * padding - kernel + 1) // 2
    first, second = nn.Conv2d(1, 32, kernel, **settings), nn.Conv2d(32, maps, kernel, **settings)
    head = [nn.Flatten(), nn.Linear(maps * flat**2, 64), activation(), nn.Linear(64, num_classes)]
    return [first, activation(), pool(2), second, activation(), pool(2), *head]


def build(side, num_classes):
    return nn.Sequential(*layers_of(side, num_classes))


def build_without(side, num_classes, *places):
    layers = layers_of(side, num_classes)
    return nn.Sequential(*[layer for place, layer in enumerate(layers) if place not in places])


def build_with(side, num_classes, place, layer):
    layers = layers_of(side, num_classes)
    layers.insert(place, layer)
    return nn.Sequential(*layers)


def build_exchanged(side, num_classes, place, layer):
    layers = layers_of(side, num_classes)
    layers[place] = layer
    return nn.Sequential(*layers)


def build_after_trial(side, num_classes):
    layers = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    layers.append(nn.Flatten())
    with torch.no_grad():
        flat = nn.Sequential(*layers)(torch.zeros(1, 1, side, side)).shape[1]
    return nn.Sequential(*layers, nn.Linear(flat, 64), nn.ReLU(), nn.Linear(64, num_classes))


def build_lazily(side, num_classes):
    model = build_exchanged(side, num_classes, 7, nn.LazyLinear(64))
    with torch.no_grad():
        model(torch.zeros(1, 1, side, side))  # now the lazy layer knows its inputs
    return model


def build_by_name(side, num_classes):
    names = ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "fc1", "relu3", "fc2"]
    return nn.Sequential(OrderedDict(zip(names, layers_of(side, num_classes))))


def build_layer_by_layer(side, num_classes):
    model = nn.Sequential()
    for channels, maps in [(1, 32), (32, 64)]:
        model.append(nn.Conv2d(channels, maps, kernel_size=(3, 3), stride=1, padding="valid"))
        model.append(nn.ReLU(inplace=True))
        model.append(nn.MaxPool2d(kernel_size=2, stride=2))
    for layer in [nn.Flatten(), nn.Linear(flat_size(side), 64), nn.ReLU(), nn.Linear(64, num_classes)]:
        model.append(layer)
    return model


def build_in_parts(side, num_classes):
    layers = layers_of(side, num_classes)
    return nn.Sequential(nn.Sequential(*layers[:3]), nn.Sequential(*layers[3:6]), nn.Sequential(*layers[6:]))


def build_rounding_up(side, num_classes):
    flat = side
    for _ in range(2):
        flat = math.ceil((flat - 2) / 2)
    model = build_exchanged(side, num_classes, 7, nn.Linear(64 * flat**2, 64))
    model[2] = model[5] = nn.MaxPool2d(2, ceil_mode=True)
    return model


def build_with_fc1(side, num_classes, inputs):
    return build_exchanged(side, num_classes, 7, nn.Linear(int(inputs), 64))


RIGHT = {
    "size_after": {
        "one formula": size_after,
        "the layers": size_of_layers,
        "floor": lambda size, k, p: math.floor((size - k + 1) / p),
        "divmod": lambda size, k, p: divmod(size - (k - 1), p)[0],
        "ranges": lambda size, k, p: len(range(p, len(range(k, size + 1)) + 1, p)),
        "a tensor": lambda size, k, p: torch.tensor(size - k + 1) // p,
        "NumPy": lambda size, k, p: np.floor_divide(size - k + 1, p),
    },
    "flat_size": {
        "one formula": flat_size,
        "a loop": flat_in_loop,
        "the layers": flat_of_layers,
        "half of the side": lambda side: ((side // 2 - 3) // 2) ** 2 * 64,
        "rounded down at the end": lambda side: 64 * math.floor(fraction_of_side(side)) ** 2,
        "from 4.1": lambda side: 64 * size_after(size_after(side, 3, 2), 3, 2) ** 2,
        "a tensor": lambda side: torch.empty(64, (side - 6) // 4, (side - 6) // 4).numel(),
        "weights of fc1": lambda side: build_after_trial(side, 10)[7].in_features,
    },
    "conv_parameters": {
        "one formula": lambda c, m, k: c * m * k * k + m,
        "map by map": lambda c, m, k: m * (c * k**2 + 1),
        "the layer": sum_of_parameters,
        "shapes": parameters_of_shapes,
        "weight and bias": lambda c, m, k: nn.Conv2d(c, m, k).weight.numel() + nn.Conv2d(c, m, k).bias.numel(),
        "a float": lambda c, m, k: float(np.prod([m, c, k, k])) + m,
        "a tensor": lambda c, m, k: torch.tensor([m, c, k, k]).prod() + m,
    },
    "probabilities": {
        "minus the largest": subtract_largest,
        "row by row": row_by_row,
        "NumPy": with_numpy,
        "logsumexp": with_logsumexp,
        "differences": with_differences,
        "softmax": lambda logits: torch.softmax(logits, dim=1),
        "log_softmax": lambda logits: F.log_softmax(logits.double(), dim=-1).exp(),
        "image by image": lambda logits: torch.cat([subtract_largest(row[None]) for row in logits]),
        "powers of 2": lambda logits: 2 ** with_logsumexp(logits).log2(),
    },
    "build": {
        "formula": build,
        "trial": build_after_trial,
        "lazy": build_lazily,
        "by name": build_by_name,
        "layer by layer": build_layer_by_layer,
        "in parts": build_in_parts,
        "eval mode": lambda side, num_classes: build(side, num_classes).eval(),
    },
}

WRONG = {
    "size_after": {
        "no pooling": lambda size, k, p: size - k + 1,
        "no convolution": lambda size, k, p: size // p,
        "padded": lambda size, k, p: (size + 2 * (k // 2) - k + 1) // p,
        "one too small": lambda size, k, p: (size - k) // p,
        "one too large": lambda size, k, p: (size - k + 1) // p + 1,
        "a fraction": lambda size, k, p: (size - k + 1) / p,
        "rounds": lambda size, k, p: round((size - k + 1) / p),
        "keeps what is left over": lambda size, k, p: math.ceil((size - k + 1) / p),
        "pools first": lambda size, k, p: size // p - k + 1,
        "pools step by step": lambda size, k, p: size - k + 1 - p + 1,
        "subtracts the pool": lambda size, k, p: size - k - p,
        "kernel steps over its width": lambda size, k, p: size // k // p,
        "kernels of even size": lambda size, k, p: (size - 2 * (k // 2)) // p,
        "always 3 x 3": lambda size, k, p: (size - 2) // p,
        "always pools 2 x 2": lambda size, k, p: (size - k + 1) // 2,
        "kernel and pool mixed up": lambda size, k, p: (size - p + 1) // k,
        "number of pixels": lambda size, k, p: size_after(size, k, p) ** 2,
        "both sides": lambda size, k, p: (size_after(size, k, p), size_after(size, k, p)),
        "a list": lambda size, k, p: [size_after(size, k, p)],
        "a tensor with an axis": lambda size, k, p: torch.tensor([size_after(size, k, p)]),
        "a text": lambda size, k, p: str(size_after(size, k, p)),
        "always 13": lambda size, k, p: 13,
        "repeats the first result": repeats_first(size_after),
    },
    "flat_size": {
        "always 1600": lambda side: 1600,
        "in proportion to the pixels": lambda side: 1600 * side**2 / 28**2,
        "in proportion to the side": lambda side: round(1600 * side / 28),
        "one pooling": lambda side: 64 * (side // 2 - 3) ** 2,
        "no pooling": lambda side: 64 * (side - 4) ** 2,
        "no convolutions": lambda side: 64 * (side // 4) ** 2,
        "one convolution": lambda side: 64 * ((side - 2) // 4) ** 2,
        "32 maps": lambda side: flat_size(side) // 2,
        "one map": lambda side: flat_size(side) // 64,
        "both layers of maps": lambda side: 32 * flat_size(side),
        "one side": lambda side: 64 * (side - 6) // 4,
        "a quarter less 2": lambda side: 64 * (side // 4 - 2) ** 2,
        "rounds up in pooling": lambda side: 64 * math.ceil((math.ceil((side - 2) / 2) - 2) / 2) ** 2,
        "rounds at the end": lambda side: 64 * round(fraction_of_side(side)) ** 2,
        "never rounds": lambda side: 64 * fraction_of_side(side) ** 2,
        "rounds too late": lambda side: int(64 * fraction_of_side(side) ** 2),
        "outputs of fc1": lambda side: 64,
        "weights of fc1": lambda side: 64 * flat_size(side),
        "known sides only": lambda side: {16: 256, 28: 1600, 32: 2304, 64: 12544}.get(side, 1600),
        "at most 28": lambda side: flat_size(min(side, 28)),
        "odd sides are one larger": lambda side: flat_size(side + side % 2),
        "three numbers": lambda side: (64, (side - 6) // 4, (side - 6) // 4),
        "a tensor with an axis": lambda side: torch.tensor([flat_size(side)]),
        "a text": lambda side: f"{flat_size(side)}",
        "repeats the first result": repeats_first(flat_size),
    },
    "conv_parameters": {
        "no bias": lambda c, m, k: c * m * k * k,
        "one bias for all": lambda c, m, k: c * m * k * k + 1,
        "a bias per input channel": lambda c, m, k: c * m * k * k + c,
        "a bias per kernel": lambda c, m, k: c * m * (k * k + 1),
        "side of the kernel": lambda c, m, k: c * m * k + m,
        "both sides added": lambda c, m, k: c * m * 2 * k + m,
        "one input channel": lambda c, m, k: m * (k * k + 1),
        "one map": lambda c, m, k: c * k * k + 1,
        "channels added": lambda c, m, k: (c + m) * k * k + m,
        "a linear layer": lambda c, m, k: c * m + m,
        "kernel added": lambda c, m, k: c * m + k * k + m,
        "always 3 x 3": lambda c, m, k: c * m * 9 + m,
        "always the first layer": lambda c, m, k: 320,
        "in and out mixed up": lambda c, m, k: sum_of_parameters(m, c, k),
        "number of tensors": lambda c, m, k: len(list(nn.Conv2d(c, m, k).parameters())),
        "length of the tensors": lambda c, m, k: sum(len(weights) for weights in nn.Conv2d(c, m, k).parameters()),
        "weight and bias apart": lambda c, m, k: [c * m * k * k, m],
        "a shape": lambda c, m, k: nn.Conv2d(c, m, k).weight.shape,
        "a tensor with an axis": lambda c, m, k: torch.tensor([c * m * k * k + m]),
        "a text": lambda c, m, k: str(c * m * k * k + m),
        "one more": lambda c, m, k: c * m * k * k + m + 1,
        "repeats the first result": repeats_first(sum_of_parameters),
    },
    "probabilities": {
        "exp(500)": naive_softmax,
        "largest of all images": largest_of_all,
        "smallest instead of largest": lambda logits: softmax_of(logits - logits.amin(dim=1, keepdim=True)),
        "mean instead of largest": lambda logits: softmax_of(logits - logits.mean(dim=1, keepdim=True)),
        "first class instead of largest": lambda logits: softmax_of(logits - logits[:, :1]),
        "largest of the class": lambda logits: softmax_of(logits - logits.amax(dim=0, keepdim=True)),
        "largest by size": lambda logits: softmax_of(logits - logits.abs().amax(dim=1, keepdim=True)),
        "clipped": lambda logits: softmax_of(logits.clamp(-80, 80)),
        "divided by the largest": lambda logits: softmax_of(logits / logits.amax(dim=1, keepdim=True)),
        "divided by 100": lambda logits: softmax_of(logits / 100),
        "nan becomes 0": lambda logits: naive_softmax(logits).nan_to_num(nan=0),
        "wrong axis": lambda logits: torch.softmax(logits, dim=0),
        "all images add up to 1": lambda logits: torch.softmax(logits.flatten(), dim=0).reshape(logits.shape),
        "not divided": lambda logits: (logits - logits.amax(dim=1, keepdim=True)).exp(),
        "without exp": lambda logits: logits / logits.sum(dim=1, keepdim=True),
        "sigmoid": lambda logits: logits.sigmoid(),
        "logarithms": lambda logits: torch.log_softmax(logits, dim=1),
        "only the largest": lambda logits: F.one_hot(logits.argmax(dim=1), logits.shape[1]),
        "all alike": lambda logits: torch.full_like(logits, 1 / logits.shape[1]),
        "small for large": lambda logits: torch.softmax(-logits, dim=1),
        "largest probability": lambda logits: torch.softmax(logits, dim=1).amax(dim=1),
        "sorted": lambda logits: torch.softmax(logits, dim=1).sort(dim=1).values,
        "rounded": lambda logits: torch.softmax(logits, dim=1).round(),
        "first image": lambda logits: torch.softmax(logits[0], dim=0),
        "always ten classes": lambda logits: torch.softmax(logits.reshape(-1, 10), dim=1),
        "changes the logits": in_place,
        "an array": lambda logits: torch.softmax(logits, dim=1).numpy(),
        "a list": lambda logits: torch.softmax(logits, dim=1).tolist(),
        "repeats the first result": repeats_first(subtract_largest),
    },
    "build": {
        "always 1600": lambda side, n: build_with_fc1(side, n, 1600),
        "in proportion to the pixels": lambda side, n: build_with_fc1(side, n, 1600 * side**2 / 28**2),
        "a quarter less 2": lambda side, n: build_with_fc1(side, n, 64 * (side // 4 - 2) ** 2),
        "rounds up in pooling": build_rounding_up,
        "always for 28 x 28": lambda side, n: build(28, n),
        "always ten classes": lambda side, n: build(side, 10),
        "one class more": lambda side, n: build(side, n + 1),
        "side and classes mixed up": lambda side, n: build(n, side),
        "softmax at the end": lambda side, n: build_with(side, n, 10, nn.Softmax(dim=1)),
        "log-softmax at the end": lambda side, n: build_with(side, n, 10, nn.LogSoftmax(dim=1)),
        "ReLU at the end": lambda side, n: build_with(side, n, 10, nn.ReLU()),
        "dropout": lambda side, n: build_with(side, n, 9, nn.Dropout(0.5)),
        "batch norm": lambda side, n: build_with(side, n, 1, nn.BatchNorm2d(32)),
        "no ReLU after conv1": lambda side, n: build_without(side, n, 1),
        "no ReLU after fc1": lambda side, n: build_without(side, n, 8),
        "no ReLU at all": lambda side, n: build_without(side, n, 1, 4, 8),
        "no Flatten": lambda side, n: build_without(side, n, 6),
        "flattens the batch too": lambda side, n: build_exchanged(side, n, 6, nn.Flatten(0)),
        "no fc2": lambda side, n: build_without(side, n, 8, 9),
        "one more layer": lambda side, n: build_with(side, n, 9, nn.Linear(64, 64)),
        "32 maps twice": lambda side, n: nn.Sequential(*layers_of(side, n, maps=32)),
        "5 x 5 kernels": lambda side, n: nn.Sequential(*layers_of(side, n, kernel=5)),
        "padded": lambda side, n: nn.Sequential(*layers_of(side, n, padding=1)),
        "no bias in conv": lambda side, n: nn.Sequential(*layers_of(side, n, bias=False)),
        "mean pooling": lambda side, n: nn.Sequential(*layers_of(side, n, pool=nn.AvgPool2d)),
        "sigmoid": lambda side, n: nn.Sequential(*layers_of(side, n, activation=nn.Sigmoid)),
        "a leak": lambda side, n: nn.Sequential(*layers_of(side, n, activation=lambda: nn.LeakyReLU(0.2))),
        "colour images": lambda side, n: build_exchanged(side, n, 0, nn.Conv2d(3, 32, 3)),
        "a list": layers_of,
        "logits of an image": lambda side, n: build(side, n)(torch.zeros(1, 1, side, side)),
        "repeats the first result": repeats_first(build),
    },
}
