"""The checkers of notebook 07_look_inside: typical mistakes get the hint meant for them."""

import torch
from verdicts import expect_hint, numbers_tried, typical_mistakes


def listening(of=lambda heard, model, images: heard[0], remove=True, after_error=True):
    def listen(model, layer, images):
        heard = []
        handle = layer.register_forward_hook(lambda layer, inputs, output: heard.append(output))
        try:
            model(images)
        except RuntimeError:
            if after_error:
                handle.remove()
            raise
        if remove:
            handle.remove()
        return of(heard, model, images)

    return listen


def listens_to_the_input(model, layer, images):
    heard = []
    handle = layer.register_forward_hook(lambda layer, inputs, output: heard.append(inputs[0]))
    model(images)
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


def share(features, power=2, directions=1):
    lengths = torch.linalg.svdvals(features) ** power
    return (lengths[:directions].sum() / lengths.sum()).item()


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


def replaces_forward(model, layer, images):
    heard, forward = [], layer.forward
    layer.forward = lambda x: heard.append(forward(x)) or heard[0]
    model(images)
    return heard[0]


WRONG = [
    ("listen", listening(remove=False), "still there"),
    ("listen", listening(after_error=False), "stops with an error"),
    ("listen", listening(of=lambda heard, model, images: model(images)), "leaves the whole model"),
    ("listen", listening(of=lambda heard, model, images: heard), "tensor alone"),
    ("listen", listens_to_the_input, "what went into the layer"),
    ("listen", listens_with_two_arguments, "three things"),
    ("listen", listening(of=lambda heard, model, images: tuple(heard[0].shape)), "keep the tensor itself"),
    ("listen", listens_too_late, "heard nothing"),
    ("listen", replaces_forward, "changes how a layer computes"),
    ("listen", lambda model, layer, images: layer(images), "through the whole model"),
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
    ("fall_without", without(result=lambda whole, erased: erased - whole), "The sign"),
    ("fall_without", without(result=lambda whole, erased: (whole - erased).abs()), "must be negative"),
    ("fall_without", without(of=lambda logits: logits.softmax(1)), "probability falls"),
    ("fall_without", without(result=lambda whole, erased: erased), "How far did it fall"),
    ("fall_without", without(value=1), "paints the square black"),
    ("fall_without", lambda m, x, d, r, c, s: without()(m, x, d, c, r, s), "swapped"),
    ("fall_without", lambda m, x, d, r, c, s: without()(m, x, d, r - s // 2, c - s // 2, s), "not its centre"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r:s, c:s]), "row:size"),
    ("fall_without", erasing(lambda x, r, c, s: x[0, r : r + s + 1, c : c + s + 1]), "one pixel too large"),
    ("fall_without", erasing(lambda x, r, c, s: x[r : r + s, c : c + s]), "Nothing is erased"),
    ("fall_without", lambda m, x, d, r, c, s: m(x.unsqueeze(0))[d].item(), "row of logits"),
    ("fall_without", erases_in_place, "changes what it was given"),
    ("fall_without", lambda m, x, d, r, c, s: m(x)[0, d].item(), "takes batches"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=7)) >= 3
