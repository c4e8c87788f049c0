"""Watch a training program from outside: which images went in, and whether each step was right.

Notebook 10 measures its patients with this, and the checkers of the bug clinic measure the programs of the learners.
The program need not know: PyTorch calls the hooks of this module at each pass of a network and at each step.
"""

import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

COMPARED = 50  # so many steps at the start are compared with sound ones, then each seventh

Ward = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Pass(NamedTuple):
    """One batch on its way through a whole network, `model`.

    `steps` steps had been taken before. `places` tells which images of the ward they were, (N,): first the training
    images count, then the test images; -1 is none of them. Each pixel was `scale` times the stored number plus
    `shift`. `logits` are what came out. `modes` holds the modes of all layers with dropout or batch norm, True for
    train mode; it is empty if there are none.
    """

    model: nn.Module
    steps: int
    places: torch.Tensor
    scale: float
    shift: float
    logits: torch.Tensor
    modes: frozenset[bool]


class Step(NamedTuple):
    """One step of an optimizer, after the pass `trained` (None if there was no pass before it).

    `size` is the size of the gradient that the optimizer found. `error` says how far it is from the gradient of the
    cross entropy of this batch, as a part of the size of that one, and `ratio` how large it is compared with it.
    Both are nan for most of the later steps, since it takes time to find out, and if it is not the first step after
    its pass. `rate` is the learning rate, and `reach`, for SGD only, what momentum makes of it where gradients agree.
    `held` are the weights that the optimizer holds, by their `id`.
    """

    trained: Pass | None
    size: float
    error: float
    ratio: float
    rate: float
    reach: float | None
    held: frozenset[int]


class _Record:
    """Hung on what PyTorch records for `backward`, it goes when that goes."""


@contextmanager
def watch(ward: Ward) -> Iterator[SimpleNamespace]:
    """Note what every network does inside the block.

    `start[module]` are copies of the weights that a module had when it was first used, and `first[module]` is its
    first output. `passes` and `steps` hold all of them in their order. `labels` are pairs, a pass and the labels that
    a loss function got with its logits. `most_records` is the largest number of passes of which the record for
    `backward` was in memory at the same time.
    """
    notes = SimpleNamespace(start={}, first={}, passes=[], steps=[], labels=[], most_records=0)
    right_labels, recognise = torch.cat([ward[1], ward[3]]), recogniser(torch.cat([ward[0], ward[2]]))
    inside, records = [], weakref.WeakSet()  # the modules at work now; what lives as long as a pass is recorded
    now = SimpleNamespace(trained=None, images=None, random_state=None, state_of_pass=None, is_own=False)

    def before(module, inputs):
        if now.is_own:
            return
        if not inside:
            now.random_state = torch.get_rng_state()
        inside.append(module)
        if module not in notes.start:
            notes.start[module] = [weight.detach().clone() for weight in module.parameters()]

    def after(module, inputs, output):
        if now.is_own:
            return
        inside.pop()
        if not isinstance(output, torch.Tensor) or not inputs or not isinstance(inputs[0], torch.Tensor):
            return
        notes.first.setdefault(module, output.detach().clone())
        if inside:
            return
        if notes.start[module]:
            note_pass(module, inputs[0].detach(), output)
        elif notes.passes and len(inputs) == 2:  # a loss function has no weights, and gets logits and labels
            notes.labels.append((notes.passes[-1], inputs[1].detach().clone()))

    def note_pass(model, images, output):
        places, scale, shift = recognise(images)
        modes = {layer.training for layer in model.modules() if isinstance(layer, nn.Dropout | nn.BatchNorm1d)}
        note = Pass(model, len(notes.steps), places, scale, shift, output.detach().clone(), frozenset(modes))
        notes.passes.append(note)
        if output.grad_fn:
            now.trained, now.images, now.state_of_pass = note, images, now.random_state
            record = output.grad_fn.metadata["record"] = _Record()
            records.add(record)
            notes.most_records = max(notes.most_records, len(records))

    def at_step(optimizer, arguments, options):
        closure = options.get("closure") or (arguments[1:] or [None])[0]
        if closure is None:
            return note_step(optimizer)

        def closure_noted():  # it computes the gradient within the step
            loss = closure()
            note_step(optimizer)
            return loss

        return (arguments[0], closure_noted), {}

    def note_step(optimizer):
        settings = optimizer.param_groups[0]
        is_sgd = isinstance(optimizer, torch.optim.SGD) and settings["momentum"] < 1
        rates = settings["lr"], settings["lr"] / (1 - settings["momentum"]) if is_sgd else None
        held = frozenset(id(weight) for group in optimizer.param_groups for weight in group["params"])
        size, error, ratio = 0.0, math.nan, math.nan
        if now.trained:
            weights = [weight for weight in now.trained.model.parameters() if weight.requires_grad]
            found = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
            size, number = size_of(found), len(notes.steps)
            is_first = not notes.steps or notes.steps[-1].trained is not now.trained
            if is_first and (number < COMPARED or number % 7 == 0):
                error, ratio = compared(found, weights)
        notes.steps.append(Step(now.trained, size, error, ratio, *rates, held))

    def compared(found, weights):
        labels = right_labels[now.trained.places].to(now.images.device)
        now.is_own = True
        try:
            expected = _gradient(now.trained.model, weights, now.images, labels, now.state_of_pass)
        except Exception:  # the model is a learner's: what cannot be repeated is not right
            return math.inf, math.inf
        finally:
            now.is_own = False
        size = size_of(expected) + 1e-9
        return size_of([one - other for one, other in zip(found, expected)]) / size, size_of(found) / size

    hooks = [
        register_module_forward_pre_hook(before),
        register_module_forward_hook(after, always_call=True),
        register_optimizer_step_pre_hook(at_step),
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for such small work a second core costs more time than it saves
    try:
        yield notes
    finally:
        torch.set_num_threads(threads)
        for hook in hooks:
            hook.remove()


def _gradient(
    model: nn.Module, weights: list, images: torch.Tensor, labels: torch.Tensor, random_state: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Repeat a pass, with the same random numbers, and return the gradient of its cross entropy for each weight."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.set_rng_state(random_state)
        loss = F.cross_entropy(as_logits(functional_call(model, buffers, images)), labels)
        return torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)


def as_logits(answers: torch.Tensor) -> torch.Tensor:
    """Return logits, (N, classes), also of a model that answers with probabilities: their logarithms."""
    are_probabilities = answers.min() >= 0 and (answers.sum(dim=1) - 1).abs().max() < 1e-4
    return answers.log() if are_probabilities else answers


def training_passes(notes: SimpleNamespace) -> list[Pass]:
    """Return the passes that a step followed."""
    return [step.trained for step in notes.steps if step.trained]


def tested_passes(notes: SimpleNamespace, ward: Ward) -> list[Pass]:
    """Return the passes of test images that no step followed."""
    used = {id(one) for one in training_passes(notes)}
    return [one for one in notes.passes if id(one) not in used and (one.places >= len(ward[0])).any()]


def missed_weights(model: nn.Module, steps: list[Step]) -> int:
    """Return how many of the weights of a model no optimizer holds, in the worst case over all passes of a training."""
    held = {}
    for step in steps:
        held.setdefault(id(step.trained), set()).update(step.held)
    return max((sum(id(weight) not in one for weight in model.parameters()) for one in held.values()), default=0)


def recogniser(stored: torch.Tensor) -> Callable:
    """Return a function that tells which of these images a batch holds, even if another scale was chosen for it.

    It takes images (N, ...) and returns their places in `stored`, (N,), -1 for what is none of them, and the mean
    scale and shift of their pixels, both nan if none is known.
    """
    directions = np.random.default_rng(0).normal(size=(784, 2))
    directions = np.hstack([directions - directions.mean(axis=0), np.full((784, 1), 1 / 784)])

    def parts(images):
        """Return two numbers for each image that scale and shift do not change, (N, 2), then its mean and its size."""
        pixels = images.cpu().flatten(1).double().numpy()
        along = pixels @ directions  # (N, 3), without the mean in the first two; the third is the mean
        size = np.sqrt(np.maximum(np.einsum("ij,ij->i", pixels, pixels) - 784 * along[:, 2] ** 2, 1e-24))
        return along[:, :2] / size[:, None], along[:, 2], size

    known, known_mean, known_size = parts(stored)
    order = known[:, 0].argsort()
    first_numbers = known[order, 0]
    near = np.array([-2, -1, 0, 1])  # rounding may swap neighbours

    def recognise(images):
        if images.ndim < 2 or images.numel() != 784 * len(images) or not len(images):
            return torch.full((len(images) if images.ndim else 1,), -1), math.nan, math.nan
        with np.errstate(all="ignore"):  # pixels that are not finite are none of them
            keys, mean, size = parts(images)
        ranks = first_numbers.searchsorted(keys[:, 0])[:, None] + near
        neighbours = order[ranks.clip(0, len(order) - 1)]  # (N, 4)
        distances = np.abs(known[neighbours] - keys[:, None]).max(axis=2)
        nearest = distances.argmin(axis=1)[:, None]
        found = np.take_along_axis(distances, nearest, 1)[:, 0] < 1e-6  # rounding moves them by some 1e-8
        places = np.where(found, np.take_along_axis(neighbours, nearest, 1)[:, 0], -1)
        if not found.any():
            return torch.from_numpy(places), math.nan, math.nan
        scales = size[found] / known_size[places[found]]
        shifts = mean[found] - scales * known_mean[places[found]]
        return torch.from_numpy(places), float(scales.mean()), float(shifts.mean())

    return recognise


def size_of(tensors: list[torch.Tensor]) -> float:
    """Return the length of all numbers together: the root of the sum of their squares; 0 if there are none."""
    sizes = [torch.linalg.vector_norm(tensor.detach(), dtype=torch.float64).item() for tensor in tensors]
    return math.hypot(*sizes)


def size_of_gradient(model: nn.Module) -> float:
    """Return the size of the gradients that are in the model now."""
    return size_of([weight.grad for weight in model.parameters() if weight.grad is not None])


def way_of_weights(model: nn.Module, start: list[torch.Tensor]) -> float:
    """Return how far the weights are from `start`, as a part of the size of `start`; inf if all of `start` is 0."""
    way, size = size_of([weight - old for weight, old in zip(model.parameters(), start)]), size_of(start)
    if size == 0:
        return math.inf if way else 0.0
    return way / size
