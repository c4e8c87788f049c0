"""The self-checks of the exercises of notebook 07_look_inside."""

import random
from collections.abc import Callable

import numpy as np
import torch
import torch.nn as nn

from mnist_lesson.checks.compare import Hint, compare
from mnist_lesson.checks.judge import exercise
from mnist_lesson.checks.models import Shortcut
from mnist_lesson.checks.state import KINDS, changed, snapshot

DOES_NOT_FIT = (
    "A layer was given what does not fit it. Only the model knows the way from layer to layer: send the images through "
    "the whole model."
)
NOT_IN_PIECES = "Not every model is a `Sequential` that can be cut into pieces. A hook works in all."


@exercise(
    "7.1",
    "'How to listen: hooks' has all the parts. Where does a hook leave what it hears, and who takes the hook away?",
    errors={
        "shapes cannot be multiplied": DOES_NOT_FIT,
        "channels, but got": DOES_NOT_FIT,
        "is not subscriptable": NOT_IN_PIECES,
        "is not iterable": NOT_IN_PIECES,
        "but 3 were given": "PyTorch calls a hook with three things: the layer, what went in, what came out.",
        "list index out of range": "A list is empty. If your hook fills it: was it there when the images came?",
    },
    may_change=("hooks",),
)
def listen(answer: Callable) -> None:
    def hear(model, layer, images):
        """Return what goes into a layer, and what leaves it."""
        heard = []
        handle = layer.register_forward_hook(lambda layer, inputs, output: heard.extend([inputs[0], output]))
        with torch.no_grad():
            model(images)
        handle.remove()
        return heard

    def right(model, layer, images):
        return hear(model, layer, images)[1]

    def watched(model, layer, images):
        _give_gradients(model)
        before, hooks = snapshot(model), _hooks_of(model)
        try:
            return answer(model, layer, images)
        finally:
            if not hooks <= _hooks_of(model):
                raise Hint("A hook of somebody else is gone. Remove no hook but your own: its handle knows which.")
            if changed(before, model, may_change=KINDS.keys() - {"hooks"}):
                raise Hint("Your hook is still there: its handle can remove it.")

    into_the_layer = "This is what went into the layer. A hook is given both: what went in, and what came out."
    mistakes = [
        (lambda *case: hear(*case)[0], into_the_layer),
        (lambda *case: (hear(*case)[0],), into_the_layer),
        (lambda *case: tuple(right(*case).shape), "This is the shape of what leaves the layer: keep the tensor."),
        (lambda *case: (right(*case),), "This is a tensor in a list or tuple: return the tensor alone."),
        (
            lambda model, layer, images: model(images),
            "This leaves the whole model. What does the hook of the layer hear?",
        ),
        (lambda *case: right(*case)[0], "This belongs to the first image alone: all images were asked for."),
    ]
    compare(watched, _draw_listening, right, mistakes)
    for model in _stopping_models():
        before = snapshot(model)
        try:
            answer(model, model[1], torch.randn(4, 2))
        except Hint:  # here the function may stop with an error
            pass
        kind = changed(before, model)
        if kind == "hooks":
            raise Hint("If the pass stops with an error, your hook stays. Which part of a `try` runs in any case?")
        if kind:
            raise Hint(f"If the pass stops with an error, {KINDS[kind]} stays changed. What runs in any case?")


def _give_gradients(model: nn.Module) -> None:
    """Let all weights have gradients, as from some step before: these must stay."""
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)


def _hooks_of(model: nn.Module) -> set[tuple[nn.Module, int]]:
    layers = model.modules()
    return {(layer, number) for layer in layers for number in (*layer._forward_hooks, *layer._forward_pre_hooks)}


def _draw_listening() -> list[tuple[nn.Module, nn.Module, torch.Tensor]]:
    """Models in train mode and in eval mode, and a layer at any place. Both have hooks already."""

    def somebody_elses(layer, inputs, output=None):
        """Hears everything, and changes nothing."""

    plain = nn.Sequential(nn.Conv2d(1, 3, 2, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(48, 12), nn.Linear(12, 10))
    training, evaluated, inner = Shortcut(dropout=0.0), Shortcut(dropout=0.5).eval(), Shortcut(dropout=0.5)
    nested = nn.Sequential(nn.BatchNorm2d(1), inner, nn.Linear(10, 5)).eval()
    evaluated.last.requires_grad_(False)  # a frozen layer stays frozen
    cases = [(plain, plain[3]), (training, training.middle), (evaluated, evaluated.first), (nested, inner.middle)]
    cases += [(plain, plain[4]), (nested, inner)]
    for model, layer in cases:
        model.register_forward_hook(somebody_elses)
        layer.register_forward_hook(somebody_elses)
        layer.register_forward_pre_hook(somebody_elses)
    sizes = [*random.sample(range(2, 9), len(cases) - 1), 1]
    return [(model, layer, torch.rand(size, 1, 8, 8)) for (model, layer), size in zip(cases, sizes)]


def _stopping_models() -> list[nn.Sequential]:
    """Models in which a pass with rows of two numbers stops: after their second layer, in it, before it."""
    layers = [
        (nn.ReLU(), nn.Linear(2, 3), nn.Linear(2, 3)),  # a RuntimeError
        (nn.ReLU(), nn.Linear(2, 3), nn.BatchNorm2d(3)),  # a ValueError
        (nn.ReLU(), nn.Linear(3, 2)),
        (nn.BatchNorm2d(2), nn.Linear(2, 3)),
    ]
    return [nn.Sequential(*some).eval() for some in layers]


@exercise(
    "7.2",
    "What does the cell below 'What the features look like' do before and after it takes the SVD?",
    errors={"must match the size": "The mean of each feature was asked for: D numbers, so along which axis?"},
)
def first_share(answer: Callable) -> None:
    def variances(features):
        return torch.linalg.svdvals(features) ** 2

    def centred(features):
        return features - features.mean(dim=0)

    def share(parts, number=1):
        return (parts[:number].sum() / parts.sum()).item()

    def right(features):
        return share(variances(centred(features.double())))

    def first_listed(features, eigenvalues_of):
        return share(eigenvalues_of(np.cov(features.double().numpy().T)))

    def case(size, width, scale=1.0):
        spread = torch.linspace(3, 1, width)[torch.randperm(width)]
        mixed = torch.randn(size, width) * spread @ torch.linalg.qr(torch.randn(width, width))[0]
        return (scale * (mixed + 8 * torch.rand(width) - 2),)

    def draw():
        sizes = [(random.randint(12, 20), random.randint(4, 6)), (100, 64), (3, 2), (300, 3)]
        return [*(case(*size) for size in sizes), case(40, 12, scale=100), case(30, 29, scale=0.01)]

    a_feature = "This is a feature, not a direction: where is the SVD?"
    mistakes = [
        (
            lambda f: share(variances(centred(f)).sqrt()),
            "The singular values are lengths, the variances their squares.",
        ),
        (lambda f: share(variances(f)), "The features are not centred: take the mean of each feature away first."),
        (lambda f: share(variances(f).sqrt()), "Two things are missing: centre first, and square afterwards."),
        (
            lambda f: share(variances(f - f.mean(dim=1, keepdim=True))),
            "You take the mean of each image away. The mean of each feature was meant: which axis holds the images?",
        ),
        (lambda f: share(variances(f - f.mean())), "You take one mean away. Each feature has a mean of its own."),
        (lambda f: variances(centred(f))[0], "This is not a share yet: divide by the sum over all directions."),
        (lambda f: share(f.var(dim=0)), a_feature),
        (lambda f: f.var(dim=0).max() / f.var(dim=0).sum(), a_feature),
        (
            lambda f: variances(centred(f)) / variances(centred(f)).sum(),
            "Of all these shares, only the first was meant.",
        ),
        (lambda f: 100 * right(f), "This is in percent: give a fraction from 0 to 1."),
        (lambda f: share(variances(centred(f)), 2), "This is the share of two directions: only the first was meant."),
        (lambda f: share(variances(centred(f)).sqrt()) ** 2, "Square each singular value, and add them up afterwards."),
        (
            lambda f: share(variances(centred(f) / f.std(dim=0))),
            "You give all features the same spread. Centre them only: how much each one varies counts.",
        ),
        (lambda f: first_listed(f, np.linalg.eigvalsh), "This is the direction of least variance, not the first."),
        (lambda f: first_listed(f, lambda c: np.linalg.eig(c)[0].real), "These eigenvalues come in no order."),
        (lambda f: share(variances(centred(f))[:6]), "Your sum ends after six directions: all of them count."),
    ]
    compare(answer, draw, right, mistakes)


def _some_network() -> nn.Sequential:
    """A network for images of 28 x 28 that takes batches, looks at every pixel, and is smooth; in eval mode."""
    network = nn.Sequential(
        nn.Conv2d(1, 4, 4, stride=4), nn.BatchNorm2d(4), nn.Tanh(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(196, 10)
    )
    network[-1].weight.data *= 4  # one square may decide which digit it reads
    return network.eval()


ERRORS_OF_A_PASS = {
    "3D": "The network takes batches: give each image a batch axis.",
    "out of bounds": "The network returns a batch: first take the image's row of logits, then the digit.",
}


@exercise(
    "7.3",
    "Two passes, one with a copy of the image. Which logit is the larger one if the ink spoke for the digit?",
    errors=ERRORS_OF_A_PASS
    | {"converted to Scalar": "The network returns a batch: first take the image's row of logits, then the digit."},
)
def fall_without(answer: Callable) -> None:
    model = _some_network()
    _give_gradients(model)

    @torch.no_grad()
    def logits(image):
        return model(image.unsqueeze(0))[0]

    def erased(image, row, column, height, width, value=0.0):
        image = image.clone()
        image[0, max(0, row) : row + height, max(0, column) : column + width] = value
        return image

    def falls(image, *oblong, value=0.0):
        """By how much each of the ten logits falls, (10,), without an oblong: its row, column, height and width."""
        return logits(image) - logits(erased(image, *oblong, value=value))

    def right(image, digit, row, column, size):
        return falls(image, row, column, size, size)[digit].item()

    def case(row, column, size, falling):
        image = 0.2 + 0.7 * torch.rand(1, 28, 28)
        each = falls(image, row, column, size, size)
        return image, (each.argmax() if falling else each.argmin()).item(), row, column, size

    def draw():
        size, small = random.randint(5, 9), random.randint(3, 6)
        inside, others, edge = random.sample(range(4, 18), 2), random.sample(range(4, 18), 2), 28 - small
        inner = [case(*inside, size, falling=True), case(*others, size, falling=False), case(*others, 1, falling=True)]
        corners = [case(edge, edge, small, falling=True), case(0, 0, small, falling=True)]
        sides = [case(edge, others[0], small, falling=False), case(inside[0], edge, small, falling=True)]
        return [*inner, *corners, *sides, case(0, 0, 28, falling=False)]  # the last square is the whole image

    def instead(value_of):
        """Compute something else from the logits before and after."""

        def mistake(image, digit, row, column, size):
            return value_of(logits(image), logits(erased(image, row, column, size, size)), digit)

        return mistake

    def erasing(part, value=0.0):
        """Erase another part of the image, or paint it."""

        def mistake(image, digit, row, column, size):
            return falls(image, *part(row, column, size), value=value)[digit].item()

        return mistake

    def of_all_but_the_square(image, digit, row, column, size):
        rest = image - erased(image, row, column, size, size)
        return (logits(image) - logits(rest))[digit].item()

    of_digit = "that of `digit` was asked for."
    mistakes = [
        (lambda *case: -right(*case), "The sign: if the logit gets smaller without the square, it falls."),
        (lambda *case: abs(right(*case)), "If the logit rises, the number must be negative."),
        (lambda *case: max(0.0, right(*case)), "If the logit rises, the number must be negative."),
        (
            instead(lambda before, after, d: (before.softmax(0) - after.softmax(0))[d]),
            "This is how much the probability falls: the logit was asked for.",
        ),
        (
            instead(lambda before, after, d: (before.log_softmax(0) - after.log_softmax(0))[d]),
            "This is how much the logarithm of the probability falls: the logit was asked for.",
        ),
        (instead(lambda before, after, d: after[d]), "This is the new logit. How far did it fall?"),
        (instead(lambda before, after, d: before.max() - after.max()), f"This is the largest logit: {of_digit}"),
        (instead(lambda before, after, d: (before - after)[before.argmax()]), f"This is the largest logit: {of_digit}"),
        (
            instead(lambda before, after, d: (before - after)[d] / before[d]),
            "This is a share of the logit, not the fall.",
        ),
        (instead(lambda before, after, d: before - after), f"These are the falls of all ten logits: {of_digit}"),
        (erasing(lambda r, c, s: (r, c, 1, 1)), "This erases one pixel, not a square."),
        (erasing(lambda r, c, s: (r, 0, s, 28)), "This erases whole rows: the columns have limits too."),
        (erasing(lambda r, c, s: (0, c, 28, s)), "This erases whole columns: the rows have limits too."),
        (erasing(lambda r, c, s: (r, c, s, s), value=1.0), "This paints the square black: paper is 0."),
        (erasing(lambda r, c, s: (r, c, s - r, s - c)), "`row:size` ends before `size`: `row + size` is the end."),
        (erasing(lambda r, c, s: (r, c, s + 1, s + 1)), "One pixel too large: a slice ends before its second number."),
        (erasing(lambda r, c, s: (r, c, s - 1, s - 1)), "One pixel too small: a slice ends before its second number."),
        (
            erasing(lambda r, c, s: (r, c, min(s, 27 - r), min(s, 27 - c))),
            "The square may reach the edge: the last row and the last column of the image can be erased, too.",
        ),
        (lambda *case: 0.0, "The logit never falls. Is the square erased, and in the image that the model gets?"),
        (
            erasing(lambda r, c, s: (0, 0, 0, 0) if r else (c, 0, s, 28)),
            "Axis 0 is the channel: the rows are on axis 1.",
        ),
        (erasing(lambda r, c, s: (c, r, s, s)), "Rows and columns are swapped: the row comes first in a tensor."),
        (erasing(lambda r, c, s: (r - s // 2, c - s // 2, s, s)), "`row` and `column` are the corner, not the centre."),
        (of_all_but_the_square, "This erases everything but the square."),
    ]
    compare(lambda *case: answer(model, *case), draw, right, mistakes)


@exercise(
    "7.4",
    "`saliency` of the notebook does it for one logit. What is one logit minus another? A number, as good as a logit.",
    errors=ERRORS_OF_A_PASS
    | {
        "only for scalar": "A gradient is that of one number, but there are ten logits: which two are needed?",
        "a second time": "PyTorch throws its record away after the first gradient: take the difference first.",
        "does not require grad": "Nothing was recorded for the pixels: which tensor takes part, and from when on?",
        "used in the graph": "The tensor whose gradient you ask for did not go through the model: was it copied first?",
        "'NoneType' object": "This tensor keeps no gradient: only the one that you switched gradients on for does.",
    },
    may_change=("input", "gradients"),  # looked at below, with hints of their own
)
def contrast(answer: Callable) -> None:
    model = _some_network()
    model[0].requires_grad_(False)  # a frozen layer stays frozen

    def gradient(image, number_of):
        """The gradient with respect to the pixels, (28, 28), of a number computed from the ten logits."""
        image = image.clone().requires_grad_()
        return torch.autograd.grad(number_of(model(image.unsqueeze(0))[0]), image)[0][0]

    def right(image, digit, other):
        return gradient(image, lambda logits: logits[digit] - logits[other])

    def instead(number_of):
        return lambda image, digit, other: gradient(image, lambda logits: number_of(logits, digit, other))

    def watched(image, digit, other):
        before = snapshot((model, image))
        values = image.clone()
        found = answer(model, image, digit, other)
        if image.shape != values.shape or not torch.equal(image, values):
            raise Hint("Your function changes the pixels of the image that it was given: work on a copy.")
        if image.requires_grad or image.grad is not None:
            raise Hint("The image takes part in gradients afterwards, or keeps one. Let a copy of it do that.")
        if changed(before, (model, image)):
            raise Hint("Your function leaves gradients in the weights. What does `saliency` use, so that none stay?")
        return found

    def picture():
        return 0.8 * (2 * torch.rand(1, 28, 28) - 1).clamp(min=0)  # half of it is paper

    def draw():
        one, two = random.sample(range(1, 9), 2)
        pairs = [(0, 9), (9, 0), (one, two), (two, 0), (9, one)]
        image = picture()
        surest, second = model(image.unsqueeze(0))[0].topk(2).indices.tolist()
        cases = [(picture(), *pair) for pair in pairs]
        return [*cases, (image, surest, second), (image, second, surest)]

    of_one = instead(lambda logits, d, o: logits[d])
    mistakes = [
        (lambda x, d, o: right(x, o, d), "The sign: what speaks for `digit` must be positive."),
        (of_one, "This is the gradient of the logit of `digit` alone. Where is `other`?"),
        (instead(lambda logits, d, o: logits[o]), "This is the gradient of the logit of `other` alone."),
        (instead(lambda logits, d, o: logits[d] + logits[o]), "This is the gradient of the sum of the two logits."),
        (
            instead(lambda logits, d, o: logits.softmax(0)[d] - logits.softmax(0)[o]),
            "This is the gradient of a difference of probabilities: that of the logits was asked for.",
        ),
        (instead(lambda logits, d, o: logits.max() - logits[o]), "You take the largest logit, not that of `digit`."),
        (lambda *case: right(*case)[None], "The channel axis is left: the shape (28, 28) was asked for."),
        (lambda *case: right(*case)[None, None], "The batch and the channel are left: the shape is to be (28, 28)."),
        (lambda *case: right(*case).abs(), "The signs are gone: what speaks against `digit` is negative."),
        (lambda *case: right(*case).clamp(min=0), "What speaks against `digit` is missing: there it is negative."),
        (lambda x, d, o: right(x, d, o) * x[0], "This is the gradient times the ink: do not multiply."),
        (lambda x, d, o: right(x, d, o) * (x[0] > 0), "The paper is left out: more ink there could count, too."),
        (lambda *case: right(*case) / right(*case).abs().max(), "You divide by the largest number: do not."),
        (
            lambda x, d, o: (model(x.unsqueeze(0))[0, d] - model(x.unsqueeze(0))[0, o]).item(),
            "This is the difference of the logits: its gradient with respect to the pixels was asked for.",
        ),
        (lambda x, d, o: of_one(x, d, o).abs() - of_one(x, o, d).abs(), "You take the signs away: do not."),
    ]
    compare(watched, draw, right, mistakes)
