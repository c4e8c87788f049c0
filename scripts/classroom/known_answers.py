"""Answers with known verdicts, which are asked about among a learner's: a process that was tampered with misjudges some.

What a function returns is compared in the judge's process, and nothing in the learner's can change that. But what a
function does on the way (modes, hooks, gradients) is measured in the learner's process. So besides the solution, there
are answers that call the learner's own function and then leave something behind that they must not: so what it may have
hidden, it hides for them, too. Which verdict each gets is not written down: the checker says it here, in the judge's
own process, of the same with the solution in place of the learner's function.
"""

from __future__ import annotations

import functools
import random
from typing import NamedTuple

from submitted_cells import Exercise

from mnist_lesson import checks
from mnist_lesson.checks.judge import SOLVED


class KnownAnswer(NamedTuple):
    """A text that defines an answer to an exercise, after the learner's cells, and the state that its verdict has."""

    text: str
    state: str


# What is done with each argument after the solution has been called: `one` is the argument.
TRACES = {
    "changes tensors and lists": (
        "if isinstance(one, torch.Tensor) and not one.is_meta:\n            one.data.mul_(2).add_(1)\n"
        "        if isinstance(one, list):\n            one.append(one[0])"
    ),
    "changes the mode": "if isinstance(one, torch.nn.Module):\n            one.train(not one.training)",
    "leaves a hook": "if isinstance(one, torch.nn.Module):\n            one.register_forward_hook(print)",
    "changes weights": (
        "if isinstance(one, torch.nn.Module):\n            next(one.parameters()).data.mul_(2).add_(1)"
    ),
    "leaves gradients": (
        "if isinstance(one, torch.nn.Module):\n            for weight in one.parameters():\n"
        "                weight.grad = torch.full_like(weight, 7)"
    ),
    "freezes weights": "if isinstance(one, torch.nn.Module):\n            next(one.parameters()).requires_grad_(False)",
}
AFTER = """
import torch
own = {name}
def {name}(*given):
    found = own(*given)
    if isinstance(found, torch.Tensor):
        found = found.clone()  # it may share its numbers with what is changed now
    for one in given:
        {trace}
    return found
"""
TWICE = """
own = {name}
def {name}(*given):
    return own(*given), own(*given)
"""
RECORDED = """
import torch
own = {name}
def {name}(*given):
    with torch.enable_grad():
        model = given[0]
        model.eval()
        correct = total = 0
        for images, labels in given[1]:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
            total += len(labels)
    return correct / total
"""


def drawn(exercise: Exercise, rng: random.Random) -> list[KnownAnswer]:
    """Return known answers to an exercise: the solution, all that leave a trace, and one that is wrong otherwise."""
    name, solution = exercise.function, f"{exercise.start}\n{exercise.solution}"
    texts = [AFTER.format(name=name, trace=trace) for trace in TRACES.values()]
    if exercise.checker == "accuracy":  # what is recorded for `backward`, no trace would show
        texts.append(RECORDED.format(name=name))
    stub, twice = f"{exercise.start}\n{exercise.stub}", TWICE.format(name=name)
    known = [
        KnownAnswer(text, state_of(exercise, f"{solution}\n{text}")) for text in [rng.choice([stub, twice]), *texts]
    ]
    # A trace in what is no argument here is none, and some exercises allow some.
    wrong = [one for one in known if one.state != SOLVED]
    return [KnownAnswer(solution, state_of(exercise, solution)), *wrong]


@functools.cache
def state_of(exercise: Exercise, text: str) -> str:
    """Return the state of the verdict on an answer, which is one of the lesson's own, in this process."""
    names = {"__name__": "__main__"}
    exec(text, names)
    return getattr(checks, exercise.checker).judge(names[exercise.function]).state
