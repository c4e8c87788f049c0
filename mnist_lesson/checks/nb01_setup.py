"""The self-checks of the exercises of notebook 01_setup."""

import random
from collections.abc import Callable

import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Hint, alike, compare, describe, difference, draw_until
from mnist_lesson.checks.judge import exercise


@exercise(
    "1.1",
    "Something is set, then something is drawn. 'Fix the seed' shows both. In which order, and what is handed back?",
)
def seeded_numbers(answer: Callable) -> None:
    def right(seed):
        torch.manual_seed(seed)
        return torch.rand(3)

    def constant_seed(seed):
        return right(0)

    mistakes = [
        (constant_seed, "Every seed gives the same numbers: does your function use `seed`, or a number of its own?"),
        (lambda seed: (right(seed), torch.rand(3))[1], "These are the numbers after the first three: draw only once."),
    ]
    torch.manual_seed(random.randrange(10**9))
    first = answer(3)
    torch.rand(random.randint(1, 5))
    if isinstance(first, torch.Tensor) and difference(answer(3), first):
        raise Hint("Called twice with the same seed, your function gives different numbers: set the seed in it.")
    compare(answer, lambda: [(random.randint(1, 10**6),) for _ in range(4)], right, mistakes)


@exercise(
    "1.2",
    "Which of the two has to move, and where to? A tensor can be asked where it lies.",
    errors={
        "expected device": "The two tensors are still on two devices. `.to` returns a copy: did you keep it?",
        "same device": "The two tensors are still on two devices. `.to` returns a copy: did you keep it?",
        "Torch not compiled": "Not every PyTorch knows the device that you name. Ask `a` for its device instead.",
        "NVIDIA driver": "Not every machine has the device that you name. Ask `a` for its device instead.",
        "meta tensor": "From the pretend device `meta` no numbers can be fetched: send `b` to where `a` is.",
    },
)
def add_anywhere(answer: Callable) -> None:
    a, b = draw_until(
        lambda: (torch.rand(random.randint(2, 6)), torch.rand(1)),
        lambda drawn: alike({"the sum": drawn[0] + drawn[1], "a": drawn[0], "the difference": drawn[0] - drawn[1]}),
    )
    problem = difference(answer(a, b), a + b)
    if problem:
        raise Hint(f"With both tensors on the CPU, {problem}.")
    problem = difference(answer(a.to("meta"), b), (a + b).to("meta"))
    if "device" in problem:
        raise Hint("The sum must lie where `a` is, on whatever device that may be. Ask `a` for its device.")
    if problem:
        raise Hint(f"With `a` on another device, {problem}.")


@exercise(
    "1.3",
    "A module has no device of its own. But each of its weights has one, and can be asked.",
    errors={
        "has no attribute 'device'": "A module has no `.device`, because its weights could lie on several. "
        "Ask one of its weights.",
        "is not an iterator": "`model.parameters()` is something to loop over. Notebook 2 shows how to get the first "
        "element of such a thing; here `next(...)` is enough.",
    },
)
def device_of(answer: Callable) -> None:
    for device in ("cpu", "meta", "cpu"):
        model = nn.Sequential(nn.ReLU(), nn.Linear(random.randint(1, 4), 2)).to(device)
        found = answer(model)
        if isinstance(found, str):
            raise Hint("This is a text. Return the device itself, which a weight has as `.device`.")
        if isinstance(found, torch.Tensor):
            raise Hint("This is a weight. Return the device that it lies on.")
        if not isinstance(found, torch.device):
            raise Hint(f"Expected a device, found {describe(found)}.")
        if found.type != device:
            raise Hint(f"The model lies on {device}, your answer is {found}: ask the model, not the machine.")
