"""The checkers of notebook 11_take_it_with_you: typical mistakes get the hint meant for them."""

import pytest
import torch
from answers import nb11_take_it_with_you as answers
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes

from mnist_lesson.checks import nb11_take_it_with_you as checks

HINTS = {
    "bytes_of": {
        "numbers, not bytes": "how many bytes does each take",
        "bits": "a byte has 8",
        "always float32": "right for float32",
        "always float16": "right for float16",
        "the dtype it has now": "what the model takes now",
        "weights alone": "biases are missing",
        "trainable ones": "not trained any more",
        "tensors counted": "You count the tensors",
        "lengths of the first axes": "`numel()`",
        "kilobytes": "kilobytes",
        "kibibytes": "kilobytes",
        "the model is converted": "weights of the model",
        "numel of the generator": "with `for`",
    },
    "to_int8": {
        "decimals cut off": "round to the nearest",
        "rounded down": "You round down",
        "sign forgotten": "absolute values",
        "one scale for all": "each gets its own",
        "one scale, a number": "each gets its own",
        "divided by 128": "int8 has no 128",
        "scales not shaped": "as many axes",
        "max gives two things": "`amax`",
        "scales with all axes": "with one axis",
        "scales turned round": "turn it round",
        "largest weights as scales": "divided by 127",
        "scales first": "come first",
        "not rounded": "not whole",
        "multiplied back": "weights again",
        "float numbers": "takes 4 bytes",
        "int32": "takes 4 bytes",
        "weights overwritten": "changes what it was given",
    },
    "largest_error": {
        "largest without absolute values": "absolute values",
        "smallest, turned round": "absolute values",
        "mean": "mean error",
        "sum": "sum of all",
        "square": "square",
        "for each channel": "one number",
        "scales forgotten": "multiplied by their scales",
        "in steps": "counted in steps",
        "half of the largest scale": "with these weights",
        "share of the weight": "as a share",
        "largest scale for all": "each has its own",
        "first channel": "first channel alone",
        "divided by the scales": "you multiply",
        "along the last axis": "the first axis",
    },
    "decode": {
        "sign forgotten": "the number is negative",
        "sign turned round": "turn it round",
        "no 1 in front": "A 1 is missing",
        "small numbers like others": "another rule",
        "small numbers with a 1": "another rule",
        "small numbers with power -15": "2 to -14",
        "small numbers 0": "Only if the fraction",
        "bias 16": "not 16",
        "bias 14": "not 14",
        "bias of float32": "float16 subtracts 15",
        "no bias": "may be negative",
        "fraction not divided": "by 1024",
        "bfloat16": "You read bfloat16",
        "fraction backwards": "from its end",
        "a whole number": "take the three parts apart",
    },
}
WRONG = [(name, answers.WRONG[name][words], hint) for name, hints in HINTS.items() for words, hint in hints.items()] + [
    ("decode", lambda bits: int(bits[1:6], 2) and int("", 2), "must not be empty"),
    ("decode", lambda bits: answers.decode_in_numpy(bits[1:]), ""),
    ("largest_error", lambda w, n, s: n.flatten(1) * s - w.flatten(1), "as many axes"),
    ("bytes_of", lambda model, dtype: dtype.size, "itemsize"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name", answers.RIGHT)
def test_right_answers_pass_every_time(name):
    for answer in answers.RIGHT[name].values():
        expect_solved(name, answer)


@pytest.mark.parametrize("shape", [(5, 3, 3, 3), (4, 9), (3, 7)])
def test_no_drawn_weight_lies_where_rounding_would_decide(shape):
    weight, numbers, scales = checks.draw_stored(*shape)
    steps = weight / checks.along_channels(scales, weight)
    assert torch.equal(steps.round().to(torch.int8), numbers)
    assert (steps - steps.round()).abs().max() < 0.45
    assert torch.allclose(checks.largest_of_channels(weight) / 127, scales)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=11)) >= 3
