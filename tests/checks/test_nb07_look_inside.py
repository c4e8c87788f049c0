"""The checkers of notebook 07_look_inside: typical mistakes get the hint meant for them, right answers pass."""

import contextlib
import copy

import numpy as np
import pytest
import torch
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes

# Listen at a layer


def listening(of=lambda heard, model, images: heard[0], remove=True, after=(Exception,)):
    def listen(model, layer, images):
        heard = []
        handle = layer.register_forward_hook(lambda layer, inputs, output: heard.append(output))
        try:
            model(images)
        except after:
            handle.remove()
            raise
        if remove:
            handle.remove()
        return of(heard, model, images)

    return listen


def listens_to_the_input(model, layer, images):
    heard = []
    handle = layer.register_forward_pre_hook(lambda layer, inputs: heard.append(inputs[0]))
    try:
        model(images)
    finally:
        handle.remove()
    return heard[0]


def listens_with_two_arguments(model, layer, images):
    handle = layer.register_forward_hook(lambda layer, output: None)
    try:
        return model(images)
    finally:
        handle.remove()


def listens_too_late(model, layer, images):
    heard = []
    model(images)
    handle = layer.register_forward_hook(lambda layer, inputs, output: heard.append(output))
    handle.remove()
    return heard[0]


def replaces_forward(model, layer, images, for_good=True):
    heard, forward = [], layer.forward
    layer.forward = lambda x: heard.append(forward(x)) or heard[0]
    try:
        model(images)
    finally:
        if not for_good:
            del layer.forward
    return heard[0]


def replaces_forward_until_an_error(model, layer, images):
    heard, forward = [], layer.forward
    layer.forward = lambda x: heard.append(forward(x)) or heard[0]
    model(images)
    del layer.forward
    return heard[0]


def removes_all_hooks(of_layer):
    def listen(model, layer, images):
        try:
            return listening(remove=False)(model, layer, images)
        finally:
            (layer if of_layer else model)._forward_hooks.clear()

    return listen


def child_by_child(model, layer, images):
    for child in model.children():
        images = child(images)
        if child is layer:
            break
    return images


def listens_everywhere(model, layer, images):
    """Hooks at all layers, and takes away only that of the one."""
    heard = {}
    handles = {
        some: some.register_forward_hook(lambda some, inputs, output: heard.update({some: output}))
        for some in model.modules()
    }
    try:
        model(images)
    finally:
        handles[layer].remove()
    return heard[layer]


def first_switching(switch):
    """Change the model before listening, and leave it so."""

    def listen(model, layer, images):
        switch(model)
        return listening()(model, layer, images)

    return listen


def listens_for_all(model, layer, images):
    """Use the hook that PyTorch calls for all layers there are."""
    heard = []
    handle = torch.nn.modules.module.register_module_forward_hook(
        lambda some, inputs, output: heard.append(output) if some is layer else None
    )
    with contextlib.closing(contextlib.ExitStack()) as at_end:
        at_end.callback(handle.remove)
        model(images)
    return heard[0]


def keeps_the_first(model, layer, images, heard=[]):  # noqa: B006 (the mistake)
    heard.append(listening()(model, layer, images))
    return heard[0]


# How much one direction holds


def share(features, power=2, directions=1):
    lengths = torch.linalg.svdvals(features) ** power
    return (lengths[:directions].sum() / lengths.sum()).item()


def by_eigenvalues(features, of=np.linalg.eigvalsh, first=max):
    values = of(np.cov(features.numpy(), rowvar=False))
    return first(values) / sum(values)


def centres_in_place(features):
    features -= features.mean(0)
    return share(features)


# Erase a square


def without(value=0, of=lambda logits: logits, result=lambda whole, erased: whole - erased):
    def fall_without(model, image, digit, row, column, size):
        erased = image.clone()
        erased[0, row : row + size, column : column + size] = value
        with torch.no_grad():
            whole, changed = of(model(torch.stack([image, erased])))
        return result(whole[digit], changed[digit]).item()

    return fall_without


def erasing(part):
    def fall_without(model, image, digit, row, column, size):
        erased = image.clone()
        part(erased, row, column, size).zero_()
        return (model(image.unsqueeze(0)) - model(erased.unsqueeze(0)))[0, digit].item()

    return fall_without


def erases_in_place(model, image, digit, row, column, size):
    before = model(image.unsqueeze(0))[0, digit].item()
    image[0, row : row + size, column : column + size] = 0
    return before - model(image.unsqueeze(0))[0, digit].item()


def with_a_mask(model, image, digit, row, column, size):
    rows, columns = np.ogrid[:28, :28]
    inside = (row <= rows) & (rows < row + size) & (column <= columns) & (columns < column + size)
    erased = image * torch.from_numpy(~inside)
    return model(image[None])[0][digit] - model(erased[None])[0][digit]


# This digit rather than that one


def contrasting(
    of=lambda logits, digit, other: logits[digit] - logits[other], result=lambda gradient, image: gradient[0]
):
    def contrast(model, image, digit, other):
        pixels = image.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(of(model(pixels.unsqueeze(0))[0], digit, other), pixels)
        return result(gradient, image)

    return contrast


def by_backward(copy_image=lambda image: image.clone(), afterwards=lambda model, image: None, batch=True):
    def contrast(model, image, digit, other):
        pixels = copy_image(image).requires_grad_()
        logits = model(pixels.unsqueeze(0) if batch else pixels)[0]
        (logits[digit] - logits[other]).backward()
        found = pixels.grad[0].clone()
        afterwards(model, image)
        return found

    return contrast


def with_a_copy_of_the_model(model, image, digit, other):
    return by_backward()(copy.deepcopy(model), image, digit, other)


def freezing(thaw):
    def contrast(model, image, digit, other):
        model.requires_grad_(False)
        found = by_backward()(model, image, digit, other)
        if thaw:
            model.requires_grad_(True)
        return found

    return contrast


def twice(retain_graph):
    def contrast(model, image, digit, other):
        pixels = image.clone().requires_grad_()
        logits = model(pixels.unsqueeze(0))[0]
        (for_digit,) = torch.autograd.grad(logits[digit], pixels, retain_graph=retain_graph)
        (for_other,) = torch.autograd.grad(logits[other], pixels)
        return (for_digit - for_other)[0]

    return contrast


def leaves_the_image_switched_on(model, image, digit, other):
    image.requires_grad_()
    logits = model(image.unsqueeze(0))[0]
    return torch.autograd.grad(logits[digit] - logits[other], image)[0][0]


def asks_the_wrong_tensor(model, image, digit, other):
    pixels = image.clone().requires_grad_()
    logits = model(image.clone().requires_grad_().unsqueeze(0))[0]
    return torch.autograd.grad(logits[digit] - logits[other], pixels)[0][0]


def asks_a_copy(model, image, digit, other):
    pixels = image.clone().requires_grad_().unsqueeze(0)
    logits = model(pixels)[0]
    (logits[digit] - logits[other]).backward(inputs=[pixels.detach().requires_grad_()])
    return pixels.grad[0, 0]


def by_steps(model, image, digit, other, step=0.3):
    """Nothing but differences; `step` is far too large for a gradient."""
    steps = step * torch.eye(784).reshape(784, 1, 28, 28)
    with torch.no_grad():
        logits = model(image + steps) - model(image - steps)
    return ((logits[:, digit] - logits[:, other]) / (2 * step)).reshape(28, 28)


def with_small_steps(model, image, digit, other):
    return by_steps(copy.deepcopy(model).double(), image.double(), digit, other, step=1e-5)


WRONG = [
    ("listen", listening(remove=False), "still there"),
    ("listen", listening(after=()), "stops with an error"),
    ("listen", listening(after=(RuntimeError,)), "stops with an error"),
    ("listen", listening(of=lambda heard, model, images: model(images)), "leaves the whole model"),
    ("listen", listening(of=lambda heard, model, images: heard), "tensor alone"),
    ("listen", listening(of=lambda heard, model, images: heard[0][0]), "first image alone"),
    ("listen", listens_to_the_input, "what went into the layer"),
    ("listen", listens_with_two_arguments, "three things"),
    ("listen", listening(of=lambda heard, model, images: tuple(heard[0].shape)), "keep the tensor"),
    ("listen", listens_too_late, "A list is empty"),
    ("listen", replaces_forward, "changes how a layer computes"),
    ("listen", replaces_forward_until_an_error, "error, how a layer computes"),
    ("listen", removes_all_hooks(of_layer=True), "somebody else is gone"),
    ("listen", removes_all_hooks(of_layer=False), "somebody else is gone"),
    ("listen", child_by_child, "whole model"),
    ("listen", lambda model, layer, images: model[: list(model).index(layer) + 1](images), "cut into pieces"),
    ("listen", lambda model, layer, images: layer(images), "through the whole model"),
    ("listen", listens_everywhere, "still there"),
    ("listen", keeps_the_first, "should"),
    ("listen", first_switching(lambda model: model.eval()), "the mode of the model"),
    ("listen", first_switching(lambda model: model.train()), "the mode of the model"),
    ("listen", first_switching(lambda model: model.zero_grad()), "the gradients"),
    ("listen", first_switching(lambda model: model.requires_grad_(True)), "requires_grad"),
    ("first_share", lambda f: share(f - f.mean(0), power=1), "lengths"),
    ("first_share", lambda f: share(f), "not centred"),
    ("first_share", lambda f: share(f, power=1), "centre first, and square"),
    ("first_share", lambda f: share(f - f.mean(1, keepdim=True)), "mean of each image away"),
    ("first_share", lambda f: share(f - f.mean(1)), "along which axis"),
    ("first_share", lambda f: share(f - f.mean()), "mean of its own"),
    ("first_share", lambda f: (torch.linalg.svdvals(f - f.mean(0))[0] ** 2).item(), "not a share yet"),
    ("first_share", lambda f: (f.var(0).max() / f.var(0).sum()).item(), "not a direction"),
    ("first_share", lambda f: 100 * share(f - f.mean(0)), "percent"),
    ("first_share", lambda f: share(f - f.mean(0), directions=2), "two directions"),
    ("first_share", lambda f: share(f - f.mean(0), power=1) ** 2, "Square each"),
    ("first_share", lambda f: share((f - f.mean(0)) / f.std(0)), "same spread"),
    ("first_share", lambda f: by_eigenvalues(f, first=lambda values: values[0]), "least variance"),
    ("first_share", lambda f: by_eigenvalues(f, np.linalg.eigvals, lambda values: values[0]), "in no order"),
    ("first_share", lambda f: by_eigenvalues(f, lambda _: torch.pca_lowrank(f)[1] ** 2), "should be"),
    ("first_share", centres_in_place, "changes what it was given"),
    ("first_share", lambda f: [share(f - f.mean(0))], "number was expected"),
    ("fall_without", without(result=lambda whole, erased: erased - whole), "The sign"),
    ("fall_without", without(result=lambda whole, erased: (whole - erased).abs()), "must be negative"),
    ("fall_without", without(result=lambda whole, erased: (whole - erased).relu()), "must be negative"),
    ("fall_without", without(of=lambda logits: logits.softmax(1)), "probability falls"),
    ("fall_without", without(of=lambda logits: logits.log_softmax(1)), "logarithm"),
    ("fall_without", without(result=lambda whole, erased: erased), "How far did it fall"),
    ("fall_without", without(result=lambda whole, erased: (whole - erased) / whole), "share of the logit"),
    ("fall_without", without(value=1), "paints the square black"),
    ("fall_without", without(value=0.5), "should be"),
    ("fall_without", lambda m, x, *rest: without(value=x.min())(m, x, *rest), "should be"),
    ("fall_without", lambda m, x, d, r, c, s: without()(m, x, d, c, r, s), "swapped"),
    ("fall_without", lambda m, x, d, r, c, s: without()(m, x, m(x[None]).argmax(), r, c, s), "largest logit"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, max(0, r - s // 2) :][: s - max(0, s // 2 - r)]), "should be"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r:s, c:s]), "row:size"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r : r + s + 1, c : c + s + 1]), "One pixel too large"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r : r + s - 1, c : c + s - 1]), "One pixel too small"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r : min(r + s, 27), c : min(c + s, 27)]), "last row"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r : min(r + s, 27), c : c + s]), "should be"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r : r + s]), "whole rows"),
    ("fall_without", erasing(lambda x, r, c, s: x[..., c : c + s]), "whole columns"),
    ("fall_without", erasing(lambda x, r, c, s: x[r : r + s, c : c + s]), "Axis 0"),
    ("fall_without", lambda m, x, d, r, c, s: m(x.unsqueeze(0))[d].item(), "row of logits"),
    ("fall_without", lambda m, *rest: m.zero_grad() or without()(m, *rest), "the gradients"),
    ("fall_without", erases_in_place, "changes what it was given"),
    ("fall_without", lambda m, x, d, r, c, s: m(x)[0, d].item(), "takes batches"),
    ("contrast", contrasting(of=lambda logits, digit, other: logits[other] - logits[digit]), "The sign"),
    ("contrast", contrasting(of=lambda logits, digit, other: logits[digit]), "Where is `other`"),
    ("contrast", contrasting(of=lambda logits, digit, other: logits[other]), "`other` alone"),
    ("contrast", contrasting(of=lambda logits, digit, other: logits[[digit, other]].sum()), "sum of the two"),
    ("contrast", contrasting(of=lambda l, d, o: l.softmax(0)[d] - l.softmax(0)[o]), "difference of probabilities"),
    ("contrast", contrasting(of=lambda logits, digit, other: logits.max() - logits[other]), "largest logit"),
    ("contrast", contrasting(of=lambda logits, digit, other: logits), "which two are needed"),
    ("contrast", contrasting(result=lambda gradient, image: gradient), "channel axis is left"),
    ("contrast", contrasting(result=lambda gradient, image: gradient[None]), "batch and the channel"),
    ("contrast", contrasting(result=lambda gradient, image: gradient[0].abs()), "signs are gone"),
    ("contrast", contrasting(result=lambda gradient, image: gradient[0].relu()), "is missing"),
    ("contrast", contrasting(result=lambda gradient, image: (gradient * image)[0]), "times the ink"),
    ("contrast", contrasting(result=lambda gradient, image: gradient[0] * image[0].sign()), "paper is left out"),
    ("contrast", contrasting(result=lambda gradient, image: gradient[0] / gradient.abs().max()), "largest number"),
    ("contrast", contrasting(result=lambda gradient, image: gradient[0].T), "numbers of the result are wrong"),
    ("contrast", by_backward(), "leaves gradients in the weights"),
    ("contrast", by_backward(copy_image=lambda image: image), "takes part in gradients"),
    (
        "contrast",
        by_backward(copy_image=lambda image: image, afterwards=lambda model, image: model.zero_grad()),
        "takes part in gradients",
    ),
    (
        "contrast",
        by_backward(copy_image=lambda image: image, afterwards=lambda model, image: image.requires_grad_(False)),
        "or keeps one",
    ),
    ("contrast", by_backward(batch=False), "takes batches"),
    ("contrast", freezing(thaw=False), "requires_grad"),
    ("contrast", freezing(thaw=True), "requires_grad"),
    ("contrast", twice(retain_graph=False), "take the difference first"),
    ("contrast", leaves_the_image_switched_on, "takes part in gradients"),
    ("contrast", asks_the_wrong_tensor, "did not go through the model"),
    ("contrast", asks_a_copy, "keeps no gradient"),
    (
        "contrast",
        lambda m, x, d, o: torch.autograd.grad(m(x[None])[0, d] - m(x[None])[0, o], x),
        "Nothing was recorded",
    ),
    ("contrast", lambda m, x, d, o: (m(x[None])[0, d] - m(x[None])[0, o]).item(), "difference of the logits"),
    ("contrast", by_steps, "are wrong"),
    ("contrast", lambda m, x, d, o: contrasting()(m, x.zero_(), d, o), "changes the pixels"),
    ("contrast", lambda m, x, d, o: contrasting()(m.train(), x, d, o), "mode"),
]

RIGHT = [
    ("listen", lambda model, layer, images: replaces_forward(model, layer, images, for_good=False)),
    ("listen", listens_for_all),
    ("listen", listening(of=lambda heard, model, images: heard[-1].detach().double())),
    ("first_share", by_eigenvalues),
    ("first_share", lambda f: share(f.double() - f.double().mean(0))),
    ("first_share", lambda f: torch.linalg.eigvalsh(torch.cov(f.T))[-1] / torch.cov(f.T).trace()),
    ("fall_without", with_a_mask),
    ("fall_without", without(result=lambda whole, erased: -(erased - whole))),
    ("contrast", contrasting(of=lambda l, d, o: l.log_softmax(0)[d] - l.log_softmax(0)[o])),
    ("contrast", by_backward(afterwards=lambda model, image: model.zero_grad())),
    ("contrast", with_a_copy_of_the_model),
    ("contrast", with_small_steps),
    ("contrast", twice(retain_graph=True)),
]


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # PyTorch warns of one mistake
@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, answer", RIGHT)
def test_whatever_is_right_passes_every_time(name, answer):
    expect_solved(name, answer)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=7)) >= 3
