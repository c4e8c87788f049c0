"""Answers to the exercises of notebook 11, right and wrong, written from their texts."""

import math

import numpy as np
import torch

# Exercise 11.1: bytes_of(model, dtype)


def bytes_by_sum(model, dtype):
    return sum(parameter.numel() for parameter in model.parameters()) * dtype.itemsize


def bytes_by_loop(model, dtype):
    size = torch.empty(0, dtype=dtype).element_size()
    total = 0
    for values in model.state_dict().values():
        total += math.prod(values.shape) * size
    return total


def bytes_by_conversion(model, dtype):
    return sum(values.detach().to(dtype).nbytes for values in model.parameters())


def bytes_by_one_vector(model, dtype):
    everything = torch.cat([values.detach().flatten() for values in model.parameters()])
    return float(everything.to(dtype).nbytes)


def bytes_in_numpy(model, dtype):
    return np.sum([values.numel() * dtype.itemsize for values in model.parameters()])


def bytes_by_layers(model, dtype):
    total = 0
    for layer in model:
        if hasattr(layer, "weight"):
            total += layer.weight.numel() + layer.bias.numel()
    return torch.tensor(total * dtype.itemsize)


def bytes_by_converting_the_model(model, dtype):
    return sum(values.nbytes for values in model.to(dtype).parameters())


def count_of(model):
    return sum(values.numel() for values in model.parameters())


RIGHT_BYTES_OF = {
    "sum": bytes_by_sum,
    "loop over the dictionary": bytes_by_loop,
    "really converted": bytes_by_conversion,
    "one long vector, a float": bytes_by_one_vector,
    "NumPy": bytes_in_numpy,
    "layer by layer, a tensor": bytes_by_layers,
}
WRONG_BYTES_OF = {
    "numbers, not bytes": lambda m, d: count_of(m),
    "bits": lambda m, d: 8 * bytes_by_sum(m, d),
    "always float32": lambda m, d: 4 * count_of(m),
    "always float16": lambda m, d: 2 * count_of(m),
    "always float64": lambda m, d: 8 * count_of(m),
    "the dtype it has now": lambda m, d: sum(p.numel() * p.element_size() for p in m.parameters()),
    "weights alone": lambda m, d: sum(p.numel() for n, p in m.named_parameters() if "weight" in n) * d.itemsize,
    "biases alone": lambda m, d: sum(p.numel() for n, p in m.named_parameters() if "bias" in n) * d.itemsize,
    "tensors counted": lambda m, d: len(list(m.parameters())) * d.itemsize,
    "lengths of the first axes": lambda m, d: sum(map(len, m.parameters())) * d.itemsize,
    "trainable ones": lambda m, d: sum(p.numel() for p in m.parameters() if p.requires_grad) * d.itemsize,
    "the first layer": lambda m, d: sum(p.numel() for p in m[0].parameters()) * d.itemsize,
    "the last layer": lambda m, d: sum(p.numel() for p in m[-1].parameters()) * d.itemsize,
    "kilobytes": lambda m, d: bytes_by_sum(m, d) / 1000,
    "kibibytes": lambda m, d: bytes_by_sum(m, d) / 1024,
    "before and after added": lambda m, d: bytes_by_sum(m, d) + sum(p.nbytes for p in m.parameters()),
    "the model is converted": bytes_by_converting_the_model,
    "a text": lambda m, d: f"{bytes_by_sum(m, d)} bytes",
    "numel of the generator": lambda m, d: m.parameters().numel() * d.itemsize,
    "a list": lambda m, d: [p.numel() * d.itemsize for p in m.parameters()],
}

# Exercise 11.2: to_int8(weight)


def shaped(scales, weight):
    return scales.view(-1, *(1 for _ in weight.shape[1:]))


def int8_by_rows(weight):
    rows = weight.flatten(1)
    scales = rows.abs().max(dim=1).values / 127
    return (rows / scales[:, None]).round().to(torch.int8).view_as(weight), scales


def int8_by_axes(weight):
    axes = tuple(range(1, weight.ndim))
    scales = weight.abs().amax(dim=axes, keepdim=True) / 127
    return torch.round(weight / scales).char(), scales.flatten()


def int8_by_loop(weight):
    numbers, scales = torch.zeros(weight.shape, dtype=torch.int8), torch.zeros(len(weight))
    for channel, values in enumerate(weight):
        scales[channel] = max(values.max(), -values.min()) / 127
        numbers[channel] = (values / scales[channel]).round()
    return numbers, scales


def int8_in_numpy(weight):
    rows = weight.double().numpy().reshape(len(weight), -1)
    scales = np.abs(rows).max(axis=1) / 127
    numbers = np.rint(rows / scales[:, None]).astype(np.int8)
    return torch.from_numpy(numbers).reshape(weight.shape), torch.from_numpy(scales)


def int8_by_adding_a_half(weight):
    scales = weight.flatten(1).double().norm(p=float("inf"), dim=1) / 127
    return [torch.floor(weight / shaped(scales, weight) + 0.5).to(torch.int8), scales]


def int8_multiplied(weight):
    largest = torch.stack([values.abs().max() for values in weight])
    return (weight * shaped(127 / largest, weight)).round().clamp(-127, 127).to(torch.int8), largest / 127


def int8_with(scales, weight, rounded=torch.round):
    return rounded(weight / shaped(scales, weight)).to(torch.int64).to(torch.int8), scales


def largest_in(weight):
    return weight.flatten(1).abs().amax(dim=1)


def int8_of_inputs(weight):
    scales = weight.transpose(0, 1).flatten(1).abs().amax(dim=1) / 127
    return int8_with(scales, weight.transpose(0, 1))[0].transpose(0, 1), scales


def int8_of_range(weight):
    rows = weight.flatten(1)
    low, high = rows.amin(dim=1), rows.amax(dim=1)
    scales = (high - low) / 255
    return ((rows - low[:, None]) / scales[:, None] - 128).round().to(torch.int8).view_as(weight), scales


def int8_in_place(weight):
    scales = largest_in(weight) / 127
    weight /= shaped(scales, weight)
    return weight.round().to(torch.int8), scales


def int8_of_each_filter(weight):
    scales = weight.abs().amax(dim=-1, keepdim=True) / 127
    return (weight / scales).round().to(torch.int8), scales


def int8_not_shaped(weight):
    scales = largest_in(weight) / 127
    return (weight / scales).round().to(torch.int8), scales


def int8_unpacked_badly(weight):
    scales = weight.flatten(1).abs().max(dim=1) / 127
    return (weight / scales).round(), scales


RIGHT_TO_INT8 = {
    "rows": int8_by_rows,
    "all axes but the first": int8_by_axes,
    "loop over channels": int8_by_loop,
    "NumPy, scales in float64": int8_in_numpy,
    "a half added and rounded down, a list": int8_by_adding_a_half,
    "multiplied": int8_multiplied,
}
WRONG_TO_INT8 = {
    "decimals cut off": lambda w: int8_with(largest_in(w) / 127, w, torch.trunc),
    "rounded down": lambda w: int8_with(largest_in(w) / 127, w, torch.floor),
    "rounded up": lambda w: int8_with(largest_in(w) / 127, w, torch.ceil),
    "sign forgotten": lambda w: int8_with(w.flatten(1).amax(dim=1) / 127, w),
    "smallest instead of largest": lambda w: int8_with(w.flatten(1).amin(dim=1) / 127, w),
    "one scale for all": lambda w: int8_with((w.abs().max() / 127).repeat(len(w)), w),
    "one scale, a number": lambda w: ((w * 127 / w.abs().max()).round().to(torch.int8), w.abs().max() / 127),
    "divided by 128": lambda w: int8_with(largest_in(w) / 128, w),
    "divided by 255": lambda w: int8_with(largest_in(w) / 255, w),
    "divided by 100": lambda w: int8_with(largest_in(w) / 100, w),
    "range of 256 steps": int8_of_range,
    "by the mean": lambda w: int8_with(w.flatten(1).abs().mean(dim=1) / 127, w),
    "by the standard deviation": lambda w: int8_with(w.flatten(1).std(dim=1) / 127, w),
    "a scale for each input": int8_of_inputs,
    "a scale for each row of a filter": int8_of_each_filter,
    "scales not shaped": int8_not_shaped,
    "max gives two things": int8_unpacked_badly,
    "scales with all axes": lambda w: (int8_by_rows(w)[0], shaped(int8_by_rows(w)[1], w)),
    "scales turned round": lambda w: (int8_by_rows(w)[0], 1 / int8_by_rows(w)[1]),
    "largest weights as scales": lambda w: (int8_by_rows(w)[0], largest_in(w)),
    "scales first": lambda w: int8_by_rows(w)[::-1],
    "numbers only": lambda w: int8_by_rows(w)[0],
    "flat numbers": lambda w: (int8_by_rows(w)[0].flatten(1), int8_by_rows(w)[1]),
    "not rounded": lambda w: (w / shaped(largest_in(w) / 127, w), largest_in(w) / 127),
    "multiplied back": lambda w: (int8_by_rows(w)[0] * shaped(largest_in(w) / 127, w), largest_in(w) / 127),
    "float numbers": lambda w: (int8_by_rows(w)[0].float(), int8_by_rows(w)[1]),
    "int32": lambda w: (int8_by_rows(w)[0].int(), int8_by_rows(w)[1]),
    "uint8": lambda w: ((int8_by_rows(w)[0].int() + 127).to(torch.uint8), int8_by_rows(w)[1]),
    "weights overwritten": int8_in_place,
    "lists": lambda w: (int8_by_rows(w)[0].tolist(), int8_by_rows(w)[1].tolist()),
}

# Exercise 11.3: largest_error(weight, numbers, scales)


def errors_of(weight, numbers, scales):
    return numbers.double() * shaped(scales.double(), weight) - weight.double()


def error_by_rows(weight, numbers, scales):
    return (numbers.flatten(1) * scales[:, None] - weight.flatten(1)).abs().max()


def error_by_loop(weight, numbers, scales):
    return max((n * s - w).abs().max().item() for w, n, s in zip(weight, numbers, scales))


def error_in_numpy(weight, numbers, scales):
    weight, numbers, scales = (values.double().numpy() for values in (weight, numbers, scales))
    restored = (numbers.T * scales).T
    return np.max(np.abs(restored - weight))


def error_by_norm(weight, numbers, scales):
    return torch.linalg.vector_norm(errors_of(weight, numbers, scales), ord=float("inf")).item()


def error_by_einsum(weight, numbers, scales):
    restored = torch.einsum("c...,c->c...", numbers.float(), scales)
    difference = restored - weight
    return max(difference.max().item(), -difference.min().item())


def error_number_by_number(weight, numbers, scales):
    largest = 0.0
    for w, n, s in zip(weight, numbers, scales.tolist()):
        for value, number in zip(w.flatten().tolist(), n.flatten().tolist()):
            largest = max(largest, abs(value - number * s))
    return largest


def error_in_place(weight, numbers, scales):
    weight -= numbers * shaped(scales, weight)
    return weight.abs().max().item()


RIGHT_LARGEST_ERROR = {
    "rows, a tensor": error_by_rows,
    "loop over channels": error_by_loop,
    "NumPy, transposed": error_in_numpy,
    "norm": error_by_norm,
    "einsum": error_by_einsum,
    "number by number": error_number_by_number,
}
WRONG_LARGEST_ERROR = {
    "largest without absolute values": lambda w, n, s: errors_of(w, n, s).max().item(),
    "smallest, turned round": lambda w, n, s: -errors_of(w, n, s).min().item(),
    "smallest distance": lambda w, n, s: errors_of(w, n, s).abs().min().item(),
    "mean": lambda w, n, s: errors_of(w, n, s).abs().mean().item(),
    "median": lambda w, n, s: errors_of(w, n, s).abs().median().item(),
    "root of the mean square": lambda w, n, s: errors_of(w, n, s).square().mean().sqrt().item(),
    "sum": lambda w, n, s: errors_of(w, n, s).abs().sum().item(),
    "square": lambda w, n, s: errors_of(w, n, s).square().max().item(),
    "for each channel": lambda w, n, s: errors_of(w, n, s).abs().flatten(1).amax(dim=1),
    "for each weight": lambda w, n, s: errors_of(w, n, s).abs(),
    "its place": lambda w, n, s: errors_of(w, n, s).abs().argmax().item(),
    "scales forgotten": lambda w, n, s: (n - w).abs().max().item(),
    "in steps": lambda w, n, s: (errors_of(w, n, s) / shaped(s, w)).abs().max().item(),
    "half of the largest scale": lambda w, n, s: s.max().item() / 2,
    "half of the smallest scale": lambda w, n, s: s.min().item() / 2,
    "share of the weight": lambda w, n, s: (errors_of(w, n, s) / w).abs().max().item(),
    "share of the largest weight": lambda w, n, s: (errors_of(w, n, s).abs().max() / w.abs().max()).item(),
    "largest scale for all": lambda w, n, s: (n * s.max() - w).abs().max().item(),
    "mean scale for all": lambda w, n, s: (n * s.mean() - w).abs().max().item(),
    "first channel": lambda w, n, s: errors_of(w, n, s)[0].abs().max().item(),
    "last channel": lambda w, n, s: errors_of(w, n, s)[-1].abs().max().item(),
    "divided by the scales": lambda w, n, s: (n / shaped(s, w) - w).abs().max().item(),
    "along the last axis": lambda w, n, s: (n * s - w).abs().max().item(),
    "negative": lambda w, n, s: -errors_of(w, n, s).abs().max().item(),
    "a list": lambda w, n, s: [errors_of(w, n, s).abs().max().item()],
    "rounded": lambda w, n, s: round(errors_of(w, n, s).abs().max().item(), 2),
    "numbers made int8 again": lambda w, n, s: ((n * shaped(s, w)).to(torch.int8) - w).abs().max().item(),
    "weights overwritten": error_in_place,
    "always 0": lambda w, n, s: 0.0,
}

# Exercise 11.4: decode(bits)


def decode_by_formula(bits):
    sign, exponent, fraction = int(bits[0]), int(bits[1:6], 2), int(bits[6:], 2)
    if exponent:
        return (-1) ** sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
    return (-1) ** sign * 2**-14 * fraction / 1024


def decode_bit_by_bit(bits):
    exponent = sum(2 ** (4 - place) for place in range(5) if bits[1 + place] == "1")
    value = 1.0 if exponent else 0.0
    for place, bit in enumerate(bits[6:], start=1):
        value += (bit == "1") * 0.5**place
    return (1 - 2 * int(bits[0])) * value * 2.0 ** (max(exponent, 1) - 15)


def decode_by_shifts(bits):
    number = int(bits, 2)
    sign = -1 if number >> 15 else 1
    exponent, fraction = number >> 10 & 31, number & 1023
    if exponent == 0:
        return sign * fraction * 2**-24
    return sign * (1024 + fraction) * 2.0 ** (exponent - 25)


def decode_by_ldexp(bits):
    exponent, fraction = int(bits[1:6], 2), int(bits[6:], 2)
    value = math.ldexp(fraction + 1024 * (exponent > 0), max(exponent, 1) - 25)
    return math.copysign(value, -1 if bits[0] == "1" else 1)


def decode_in_numpy(bits):
    return np.frombuffer(int(bits, 2).to_bytes(2, "little"), dtype="<f2")[0]


def decode_in_torch(bits):
    number = int(bits, 2)
    return torch.tensor(number - 2**16 * (number >= 2**15), dtype=torch.int16).view(torch.float16)


def decode_with(bits, bias=15, first=1, smallest=-14, small_first=0, all_of=1024):
    sign, exponent, fraction = int(bits[0]), int(bits[1:6], 2), int(bits[6:], 2)
    if exponent == 0:
        return (-1) ** sign * 2.0**smallest * (small_first + fraction / all_of)
    return (-1) ** sign * 2.0 ** (exponent - bias) * (first + fraction / all_of)


def decode_other_cut(bits, exponent_bits):
    exponent, fraction = int(bits[1 : 1 + exponent_bits], 2), int(bits[1 + exponent_bits :], 2)
    bias, all_of = 2 ** (exponent_bits - 1) - 1, 2 ** (15 - exponent_bits)
    return (-1) ** int(bits[0]) * 2.0 ** (exponent - bias) * (1 + fraction / all_of)


RIGHT_DECODE = {
    "formula": decode_by_formula,
    "bit by bit": decode_bit_by_bit,
    "shifts": decode_by_shifts,
    "ldexp": decode_by_ldexp,
    "NumPy": decode_in_numpy,
    "torch": decode_in_torch,
}
WRONG_DECODE = {
    "sign forgotten": lambda bits: abs(decode_by_formula(bits)),
    "sign turned round": lambda bits: -decode_by_formula(bits),
    "no 1 in front": lambda bits: decode_with(bits, first=0),
    "small numbers like others": lambda bits: decode_with(bits, smallest=-15, small_first=1),
    "small numbers with a 1": lambda bits: decode_with(bits, small_first=1),
    "small numbers with power -15": lambda bits: decode_with(bits, smallest=-15),
    "small numbers 0": lambda bits: decode_by_formula(bits) if int(bits[1:6], 2) else 0.0,
    "bias 16": lambda bits: decode_with(bits, bias=16),
    "bias 14": lambda bits: decode_with(bits, bias=14),
    "bias of float32": lambda bits: decode_with(bits, bias=127),
    "no bias": lambda bits: decode_with(bits, bias=0),
    "1023": lambda bits: decode_with(bits, all_of=1023),
    "1000": lambda bits: decode_with(bits, all_of=1000),
    "512": lambda bits: decode_with(bits, all_of=512),
    "fraction not divided": lambda bits: decode_with(bits, all_of=1),
    "power of 10": lambda bits: (-1) ** int(bits[0]) * 10.0 ** (int(bits[1:6], 2) - 15) * (1 + int(bits[6:], 2) / 1024),
    "bfloat16": lambda bits: decode_other_cut(bits, 8),
    "four bits of exponent": lambda bits: decode_other_cut(bits, 4),
    "six bits of exponent": lambda bits: decode_other_cut(bits, 6),
    "fraction backwards": lambda bits: decode_by_formula(bits[:6] + bits[6:][::-1]),
    "exponent backwards": lambda bits: decode_by_formula(bits[0] + bits[1:6][::-1] + bits[6:]),
    "read from the end": lambda bits: decode_by_formula(bits[::-1]),
    "a whole number": lambda bits: int(bits, 2),
    "a signed whole number": lambda bits: int(bits, 2) - 2**16 * int(bits[0]),
    "decimal digits": lambda bits: (
        (-1) ** int(bits[0]) * 2.0 ** (int(bits[1:6]) % 31 - 15) * (1 + int(bits[6:]) / 1024)
    ),
    "three parts": lambda bits: (int(bits[0]), int(bits[1:6], 2), int(bits[6:], 2)),
    "a text": lambda bits: str(decode_by_formula(bits)),
    "rounded": lambda bits: round(decode_by_formula(bits), 1),
}

RIGHT = {
    "bytes_of": RIGHT_BYTES_OF,
    "to_int8": RIGHT_TO_INT8,
    "largest_error": RIGHT_LARGEST_ERROR,
    "decode": RIGHT_DECODE,
}
WRONG = {
    "bytes_of": WRONG_BYTES_OF,
    "to_int8": WRONG_TO_INT8,
    "largest_error": WRONG_LARGEST_ERROR,
    "decode": WRONG_DECODE,
}
