"""The self-checks of the exercises of notebook 11_take_it_with_you."""

import random
from collections.abc import Callable

import numpy as np
import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Hint, compare, elements, plain_tensor
from mnist_lesson.checks.judge import exercise


@exercise(
    "11.1",
    "How many numbers are in the tensors of `model.parameters()` together? And how many bytes does one number of this "
    "dtype take?",
    errors={
        "'generator' object has no attribute": "`model.parameters()` hands out one tensor after the other: go through "
        "it with `for`.",
        "has no attribute 'size'": "A dtype tells how many bytes one of its numbers takes by `dtype.itemsize`.",
    },
)
def bytes_of(answer: Callable) -> None:
    def numbers(model):
        return sum(values.numel() for values in model.parameters())

    def right(model, dtype):
        return numbers(model) * dtype.itemsize

    def draw_model(dtype):
        maps, side, hidden = random.randint(3, 6), random.choice([2, 3]), random.randint(3, 7)
        model = nn.Sequential(nn.Conv2d(random.randint(2, 3), maps, side), nn.Flatten(), nn.Linear(9 * maps, hidden))
        model[0].requires_grad_(False)  # a frozen layer travels, too
        return model.to(dtype)

    def draw():
        return [
            (draw_model(torch.float32), torch.float16),
            (draw_model(torch.float32), torch.float64),
            (draw_model(torch.float64), torch.int8),
            (draw_model(torch.float16), torch.float32),
        ]

    mistakes = [
        (lambda m, d: numbers(m), "This is how many numbers there are: how many bytes does each take?"),
        (lambda m, d: 8 * right(m, d), "These are bits: a byte has 8 of them."),
        (lambda m, d: 4 * numbers(m), "Four bytes each is right for float32: ask the dtype that you are given."),
        (lambda m, d: 2 * numbers(m), "Two bytes each is right for float16: ask the dtype that you are given."),
        (
            lambda m, d: sum(values.nbytes for values in m.parameters()),
            "This is what the model takes now: the question is what it would take in the dtype that you are given.",
        ),
        (
            lambda m, d: sum(p.numel() for n, p in m.named_parameters() if "bias" not in n) * d.itemsize,
            "The biases are missing: they are parameters, too.",
        ),
        (
            lambda m, d: sum(p.numel() for p in m.parameters() if p.requires_grad) * d.itemsize,
            "The layer that is not trained any more is missing: it travels, too.",
        ),
        (lambda m, d: len(list(m.parameters())) * d.itemsize, "You count the tensors: count the numbers in them."),
        (
            lambda m, d: sum(len(values) for values in m.parameters()) * d.itemsize,
            "`len` of a tensor is the length of its first axis alone: `numel()` counts all its numbers.",
        ),
        (lambda m, d: next(m.parameters()).numel() * d.itemsize, "This is the first tensor alone: add up all of them."),
        (lambda m, d: right(m, d) / 1000, "These are kilobytes: bytes were asked for."),
        (lambda m, d: right(m, d) / 1024, "These are kilobytes: bytes were asked for."),
    ]
    compare(answer, draw, right, mistakes)


def largest_of_channels(weight: torch.Tensor) -> torch.Tensor:
    return weight.flatten(1).abs().amax(dim=1)


def along_channels(scales: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Give the scales, (channels,), as many axes as the weights have, so that each meets its own channel."""
    return scales.reshape(-1, *[1] * (weight.ndim - 1))


def draw_stored(*shape: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return weights of this shape, and the whole numbers and scales that stand for them.

    No weight is near the middle between two whole numbers, where rounding would decide.
    """
    size = (shape[0], torch.Size(shape[1:]).numel())
    numbers = torch.randint(-120, 121, size).float()
    rest = torch.empty(size).uniform_(0.2, 0.4) * (2 * torch.randint(0, 2, size) - 1)
    rest[:, 1] = -rest[:, 0]  # both signs are there
    largest = 127 * (2 * torch.randint(0, 2, (shape[0],)) - 1)
    largest[:2] = torch.tensor([127, -127])  # the largest one may be negative
    place = size[1] - 1
    numbers[:, place], rest[:, place] = largest.float(), 0.0
    scales = torch.empty(shape[0]).uniform_(1, 2) * 2.0 ** torch.randperm(shape[0]) / 500
    weight = (numbers + rest) * scales.unsqueeze(1)
    return weight.reshape(shape), numbers.reshape(shape).to(torch.int8), scales


@exercise(
    "11.2",
    "First the largest absolute weight of each channel: `weight.flatten(1)` has a row for each. Divided by 127, these "
    "are the scales.",
    errors={
        "must match the size": "The scales and the weights do not fit together: give the scales as many axes as the "
        "weights have, such as (channels, 1, 1, 1) for a convolution.",
        "return_types.max": "Along an axis, `max` gives two things, the largest numbers and their places. `amax` gives "
        "the numbers alone.",
    },
)
def to_int8(answer: Callable) -> None:
    def right(weight):
        scales = largest_of_channels(weight) / 127
        return (weight / along_channels(scales, weight)).round(), scales

    def with_scales(scales_of, rounded=torch.round, clamp=True):
        def to_numbers(weight):
            scales = scales_of(weight)
            numbers = rounded(weight / along_channels(scales, weight))
            return (numbers.clamp(-128, 127) if clamp else numbers), scales

        return to_numbers

    def of_signed_largest(weight):
        return weight.flatten(1).amax(dim=1) / 127

    def wrapped_round(values):
        """What int8 makes of numbers beyond its range."""
        return values.round().to(torch.int64).to(torch.int8)

    def one_for_all(weight):
        return (weight.abs().max() / 127).expand(len(weight))

    def one_number(weight):
        numbers, scales = with_scales(one_for_all)(weight)
        return numbers, scales[0]

    def of_range(weight):
        rows = weight.flatten(1)
        return (rows.amax(dim=1) - rows.amin(dim=1)) / 255

    def scaled_back(weight):
        numbers, scales = right(weight)
        return numbers * along_channels(scales, weight), scales

    def draw():
        shapes = (5, 3, 3, 3), (4, 9), (3, 7)
        return [(draw_stored(*shape)[0],) for shape in shapes]

    cut = "You cut the decimals off, as `.to(torch.int8)` alone does: round to the nearest first."
    signed = "The largest weight of a channel may be negative: take absolute values first."
    alone = "This is one scale for all channels: each gets its own."
    mistakes = [
        (with_scales(lambda w: largest_of_channels(w) / 127, torch.trunc), cut),
        (with_scales(lambda w: largest_of_channels(w) / 127, torch.floor), "You round down: round to the nearest."),
        (with_scales(of_signed_largest), signed),
        (with_scales(of_signed_largest, wrapped_round, clamp=False), signed),
        (with_scales(of_signed_largest, clamp=False), signed),
        (with_scales(one_for_all), alone),
        (one_number, alone),
        (with_scales(lambda w: largest_of_channels(w) / 128), "Divide by 127: int8 has no 128."),
        (
            with_scales(lambda w: largest_of_channels(w) / 128, wrapped_round, clamp=False),
            "Divide by 127: int8 has no 128.",
        ),
        (with_scales(lambda w: largest_of_channels(w) / 255), "From -127 to 127, the largest is 127 and not 255."),
        (with_scales(of_range), "Here 0 stays 0, so the scale comes from the largest absolute weight alone."),
        (
            with_scales(lambda w: w.flatten(1).abs().mean(dim=1) / 127),
            "With the mean as a measure, larger weights do not fit: take the largest absolute weight.",
        ),
        (lambda w: (right(w)[0], largest_of_channels(w)), "The scale is the largest absolute weight divided by 127."),
        (lambda w: (right(w)[0], 1 / right(w)[1]), "You return 127 divided by the largest one: turn it round."),
        (lambda w: right(w)[::-1], "The whole numbers come first."),
        (scaled_back, "These are weights again: return the whole numbers."),
        (lambda w: (w / along_channels(right(w)[1], w), right(w)[1]), "The numbers are not whole: round them."),
        (
            lambda w: (right(w)[0], along_channels(right(w)[1], w)),
            "Return the scales with one axis, (channels,): your values are right.",
        ),
    ]
    last = []

    def remembered(weight):
        found = answer(weight)
        last[:] = elements(found) or [None]
        return found

    compare(remembered, draw, right, mistakes)
    dtype = plain_tensor(last[0]).dtype
    if dtype != torch.int8:
        raise Hint(
            f"The values are right, but stored as {dtype} each takes {dtype.itemsize} bytes: make int8 of them at the "
            "end."
        )


@exercise(
    "11.3",
    "Make weights of the whole numbers again: each times the scale of its channel. Then look at the differences.",
    errors={
        "must match the size": "The scales and the numbers do not fit together: give the scales as many axes as the "
        "numbers have, such as (channels, 1, 1, 1) for a convolution.",
    },
)
def largest_error(answer: Callable) -> None:
    def differences(weight, numbers, scales):
        return numbers.double() * along_channels(scales.double(), weight) - weight.double()

    def right(weight, numbers, scales):
        return differences(weight, numbers, scales).abs().max().item()

    def along_last_axis(weight, numbers, scales):
        return (numbers * scales - weight).abs().max().item()

    def relative(weight, numbers, scales):
        return (differences(weight, numbers, scales) / weight).abs().max().item()

    def draw():
        # In the last case there are as many channels as the last axis is long, so that a wrong axis stops nobody.
        cases = [draw_stored(*shape) for shape in ((5, 2, 3, 3), (4, 6), (5, 4, 5))]
        for (weight, _, scales), shift in zip(cases, (0.05, -0.05)):  # the largest difference is negative, positive
            weight += shift * along_channels(scales, weight)
        return cases

    mistakes = [
        (
            lambda w, n, s: differences(w, n, s).max().item(),
            "The largest difference may be negative: take absolute values.",
        ),
        (
            lambda w, n, s: (-differences(w, n, s)).max().item(),
            "The largest difference may be negative: take absolute values.",
        ),
        (lambda w, n, s: differences(w, n, s).abs().mean().item(), "This is the mean error: the largest is asked for."),
        (
            lambda w, n, s: differences(w, n, s).square().mean().sqrt().item(),
            "This is a mean over all weights: the largest error is asked for.",
        ),
        (lambda w, n, s: differences(w, n, s).abs().sum().item(), "This is the sum of all errors: take the largest."),
        (lambda w, n, s: differences(w, n, s).square().max().item(), "This is the square of the error."),
        (
            lambda w, n, s: differences(w, n, s).abs().flatten(1).amax(dim=1),
            "This is the largest error of each channel: return the largest of all, one number.",
        ),
        (
            lambda w, n, s: (n - w).abs().max().item(),
            "You compare the weights with the whole numbers: these have to be multiplied by their scales first.",
        ),
        (
            lambda w, n, s: (differences(w, n, s) / along_channels(s, w)).abs().max().item(),
            "This is counted in steps: multiply by the scale, and compare weights with weights.",
        ),
        (
            lambda w, n, s: s.max().item() / 2,
            "Half of the largest scale is the most that the error can be: what is it really, with these weights?",
        ),
        (relative, "This is the error as a share of the weight: the difference alone is asked for."),
        (
            lambda w, n, s: (n * s.max() - w).abs().max().item(),
            "You take the largest scale for all channels: each has its own.",
        ),
        (
            lambda w, n, s: differences(w, n, s)[0].abs().max().item(),
            "This is the first channel alone: go through all of them.",
        ),
        (
            lambda w, n, s: (n.double() / along_channels(s, w) - w).abs().max().item(),
            "You divide by the scales: from whole numbers back to weights you multiply.",
        ),
        (
            along_last_axis,
            "You multiply along the last axis, but each scale belongs to a channel, and these are the first axis.",
        ),
    ]
    compare(answer, draw, right, mistakes)


@exercise(
    "11.4",
    "Cut the text into three pieces, 1, 5 and 10 signs long. `int(piece, 2)` makes a number of zeros and ones.",
    errors={
        "invalid literal": "A piece of the text is not a whole number to Python: `int(piece, 2)` takes it for zeros and "
        "ones, and the piece must not be empty.",
    },
)
def decode(answer: Callable) -> None:
    def parts(bits):
        return int(bits[0]), int(bits[1:6], 2), int(bits[6:], 2)

    def right(bits):
        return np.uint16(int(bits, 2)).view(np.float16).item()

    def by_formula(bias=15, first=1.0, smallest=-14, small_first=0.0, all_of=1024):
        def value(bits):
            sign, exponent, fraction = parts(bits)
            if exponent == 0:
                return (-1) ** sign * (small_first + fraction / all_of) * 2.0**smallest
            return (-1) ** sign * (first + fraction / all_of) * 2.0 ** (exponent - bias)

        return value

    def as_bfloat16(bits):
        return np.uint32(int(bits, 2) << 16).view(np.float32).item()

    def backwards(bits):
        return right(bits[:6] + bits[6:][::-1])

    def bits_of(sign, exponent, fraction):
        return (f"{sign}{exponent:05b}{fraction:010b}",)

    def draw():
        normal = [bits_of(k % 2, random.randint(12, 19), random.randint(1, 1022)) for k in range(6)]
        # Below 2 ** -14; from the middle, where no mistake comes near to what is right.
        small = [bits_of(k, 0, random.randint(530, 680)) for k in (0, 1)]
        # With a fraction of 1000, it matters whether 1024 or 1023 divides it.
        return [bits_of(0, 15, 0), bits_of(1, 16, 512), bits_of(0, 0, 0), bits_of(0, 15, 1000), *normal, *small]

    no_one = "A 1 is missing: a number is 1 + fraction / 1024, times the power of 2 (unless the exponent's bits are 0)."
    small = "If the five bits of the exponent are all 0, another rule holds: no 1 in front, and 2 to the power of -14."
    mistakes = [
        (lambda bits: abs(right(bits)), "The first bit is the sign: if it is 1, the number is negative."),
        (lambda bits: -right(bits), "If the first bit is 1, the number is negative, otherwise not: turn it round."),
        (by_formula(first=0.0), no_one),
        (by_formula(smallest=-15, small_first=1.0), small),
        (by_formula(small_first=1.0), small),
        (
            by_formula(smallest=-15),
            "If the exponent's bits are all 0, the power is 2 to -14, so that there is no gap above these numbers.",
        ),
        (lambda bits: right(bits) if parts(bits)[1] else 0.0, f"{small} Only if the fraction is 0, too, it is 0."),
        (by_formula(bias=16), "Subtract 15 from the exponent, not 16."),
        (by_formula(bias=14), "Subtract 15 from the exponent, not 14."),
        (by_formula(bias=127), "127 is what float32 subtracts from its exponent: float16 subtracts 15."),
        (by_formula(bias=0), "Subtract 15 from the exponent: it may be negative."),
        (by_formula(all_of=1000), "Ten bits: the fraction is divided by 2 ** 10 = 1024, not by 1000."),
        (by_formula(all_of=512), "Ten bits: the fraction is divided by 2 ** 10 = 1024, not by 512."),
        (by_formula(all_of=1), "Divide the fraction by 1024."),
        (as_bfloat16, "You read bfloat16, with 8 bits for the exponent: float16 has 5, and 10 for the fraction."),
        (backwards, "You read the fraction from its end: the first of its bits counts most."),
        (lambda bits: right(bits[::-1]) if np.isfinite(right(bits[::-1])) else 0.0, "You read the text from its end."),
        (lambda bits: int(bits, 2), "This is the whole number of these sixteen bits: take the three parts apart."),
    ]
    compare(answer, draw, right, mistakes)
