"""Answers to the exercises of notebook 07, right and wrong, written from their texts alone."""

import copy
import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from answers.common import repeats_first
from torch import nn

# Exercise 7.1: listen(model, layer, images)


def listen_plain(model, layer, images):
    heard = []
    handle = layer.register_forward_hook(lambda module, inputs, output: heard.append(output.detach().clone()))
    try:
        with torch.no_grad():
            model(images)
    finally:
        handle.remove()
    return heard[0]


def listen_with_record(model, layer, images):
    result = None

    def hook(module, inputs, output):
        nonlocal result
        result = output.clone()

    with layer.register_forward_hook(hook):
        model(images)
    return result


class Ear:
    def __init__(self, layer):
        self.layer = layer

    def __enter__(self):
        self.handle = self.layer.register_forward_hook(self)
        return self

    def __exit__(self, *error):
        self.handle.remove()

    def __call__(self, module, inputs, output):
        self.heard = torch.empty_like(output).copy_(output)


def listen_with_ear(model, layer, images):
    with Ear(layer) as ear, torch.inference_mode():
        model(images)
    return ear.heard.clone()


def listen_in_a_copy(model, layer, images):
    heard = []
    twin, twin_layer = copy.deepcopy((model, layer))
    twin_layer.register_forward_hook(lambda module, inputs, output: heard.append(output + 0))
    with torch.no_grad():
        twin(images.clone())
    return heard[-1]


def put_into(box, module, inputs, keywords, output):
    box["heard"] = output.detach().double()


def listen_with_partial(model, layer, images):
    box = {}
    for module in model.modules():
        if module is layer:
            handle = module.register_forward_hook(functools.partial(put_into, box), with_kwargs=True)
            break
    try:
        model(images)
    except Exception:
        handle.remove()
        raise
    handle.remove()
    return box["heard"]


def listen_once(model, layer, images):
    heard = []

    def hook(module, inputs, output):
        heard.extend(output.detach().clone())
        handle.remove()

    handle = layer.register_forward_hook(hook)
    try:
        with torch.no_grad():
            model(images)
    finally:
        handle.remove()
    return torch.stack(heard)


def listen_with_all_hooked(model, layer, images):
    heard, handles = {}, []
    try:
        for module in model.modules():
            handles.append(
                module.register_forward_hook(lambda m, i, o: heard.update({id(m): o.clone()}), prepend=False)
            )
        with torch.no_grad():
            model(images)
    finally:
        for handle in reversed(handles):
            handle.remove()
    return heard[id(layer)]


def listen_and_stay(model, layer, images):
    heard = []
    layer.register_forward_hook(lambda module, inputs, output: heard.append(output.detach().clone()))
    with torch.no_grad():
        model(images)
    return heard[0]


def listen_without_finally(model, layer, images):
    heard = []
    handle = layer.register_forward_hook(lambda module, inputs, output: heard.append(output.detach().clone()))
    with torch.no_grad():
        model(images)
    handle.remove()
    return heard[0]


def listen_and_clear(model, layer, images):
    heard = []
    layer.register_forward_hook(lambda module, inputs, output: heard.append(output.detach().clone()))
    try:
        with torch.no_grad():
            model(images)
    finally:
        layer._forward_hooks.clear()
    return heard[0]


def listen_alone(model, layer, images):
    layer._forward_hooks.clear()
    return listen_plain(model, layer, images)


def listen_and_remove_oldest(model, layer, images):
    heard = []
    layer.register_forward_hook(lambda module, inputs, output: heard.append(output.detach().clone()))
    try:
        with torch.no_grad():
            model(images)
    finally:
        layer._forward_hooks.popitem(last=False)
    return heard[0]


def listen_to_input(model, layer, images):
    heard = []
    with torch.no_grad(), layer.register_forward_hook(lambda m, inputs, output: heard.append(inputs[0].clone())):
        model(images)
    return heard[0]


def listen_to_list(model, layer, images):
    return [listen_plain(model, layer, images)]


def listen_in_sequence(model, layer, images):
    with torch.no_grad():
        for module in model.children():
            images = module(images)
            if module is layer:
                return images
    return images


def listen_in_all_modules(model, layer, images):
    with torch.no_grad():
        for module in model.modules():
            if len(list(module.children())) == 0:
                images = module(images)
            if module is layer:
                return images


def listen_to_same_type(model, layer, images):
    return listen_plain(model, next(module for module in model.modules() if type(module) is type(layer)), images)


def listen_to_last_of_type(model, layer, images):
    return listen_plain(model, [module for module in model.modules() if type(module) is type(layer)][-1], images)


def listen_to_next_layer(model, layer, images):
    layers = [module for module in model.modules() if len(list(module.children())) == 0]
    places = [place for place, module in enumerate(layers) if module is layer]
    return listen_plain(model, layers[min(places[0] + 1, len(layers) - 1)], images)


def listen_in_eval_mode(model, layer, images):
    model.eval()
    return listen_plain(model, layer, images)


def listen_and_train(model, layer, images):
    heard = listen_plain(model, layer, images)
    model.train()
    return heard


def listen_and_freeze(model, layer, images):
    model.requires_grad_(False)
    return listen_plain(model, layer, images)


def listen_and_scale_images(model, layer, images):
    heard = listen_plain(model, layer, images)
    images.sub_(images.mean())
    return heard


def listen_and_go_back(model, layer, images):
    heard = listen_plain(model, layer, images)
    model(images).sum().backward()
    return heard


def listen_and_forget_gradients(model, layer, images):
    model.zero_grad()
    return listen_plain(model, layer, images)


def listen_one_by_one(model, layer, images):
    return [listen_plain(model, layer, image[None]) for image in images]


RIGHT_LISTEN = {
    "hook, try/finally, no_grad": listen_plain,
    "handle as a context, with record": listen_with_record,
    "a class that is hook and context": listen_with_ear,
    "hook in a copy of the model": listen_in_a_copy,
    "partial function, float64": listen_with_partial,
    "hook that removes itself, images stacked": listen_once,
    "all modules hooked": listen_with_all_hooked,
}
WRONG_LISTEN = {
    "hook left behind": listen_and_stay,
    "hook left behind after an error": listen_without_finally,
    "hooks of others removed at the end": listen_and_clear,
    "hooks of others removed at the start": listen_alone,
    "oldest hook removed, which may be another's": listen_and_remove_oldest,
    "what goes into the layer": listen_to_input,
    "what leaves the model": lambda model, layer, images: model(images).detach(),
    "the images sent through the layer alone": lambda model, layer, images: layer(images).detach(),
    "child after child, as in a Sequential": listen_in_sequence,
    "module after module, as in a Sequential": listen_in_all_modules,
    "the first layer of this type": listen_to_same_type,
    "the last layer of this type": listen_to_last_of_type,
    "the layer after": listen_to_next_layer,
    "the first image only": lambda model, layer, images: listen_plain(model, layer, images)[0],
    "the last image is left out": lambda model, layer, images: listen_plain(model, layer, images)[:-1],
    "flattened": lambda model, layer, images: listen_plain(model, layer, images).flatten(),
    "mean over the images": lambda model, layer, images: listen_plain(model, layer, images).mean(dim=0),
    "negative numbers become 0": lambda model, layer, images: listen_plain(model, layer, images).relu(),
    "rounded": lambda model, layer, images: listen_plain(model, layer, images).round(decimals=1),
    "an axis too many": lambda model, layer, images: listen_plain(model, layer, images)[None],
    "only the shape": lambda model, layer, images: listen_plain(model, layer, images).shape,
    "a list of tensors": listen_to_list,
    "a list, image by image": listen_one_by_one,
    "nested lists": lambda model, layer, images: listen_plain(model, layer, images).tolist(),
    "eval mode left on": listen_in_eval_mode,
    "train mode left on": listen_and_train,
    "weights frozen": listen_and_freeze,
    "images changed in place": listen_and_scale_images,
    "gradients left in the weights": listen_and_go_back,
    "old gradients removed": listen_and_forget_gradients,
    "what was heard in the first call": repeats_first(listen_plain),
}

# Exercise 7.2: first_share(features)


def share_by_svd(features):
    centred = features.detach().double() - features.detach().double().mean(dim=0)
    variances = torch.linalg.svdvals(centred) ** 2
    return (variances[0] / variances.sum()).item()


def share_by_covariance(features):
    values = features.detach().double().numpy()
    covariance = np.atleast_2d(np.cov(values, rowvar=False))
    return np.linalg.eigvalsh(covariance)[-1] / np.trace(covariance)


def share_by_scores(features):
    features = features.detach().to(torch.float64)
    centred = features - features.mean(dim=0, keepdim=True)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    scores = centred @ directions[0]
    return scores.var() / features.var(dim=0).sum()


def share_by_norms(features):
    centred = features.detach().double() - features.detach().double().mean(dim=0)
    return float(torch.linalg.matrix_norm(centred, 2) / torch.linalg.matrix_norm(centred)) ** 2


def share_by_image_products(features):
    centred = np.array(features.tolist())
    centred = centred - centred.mean(axis=0)
    products = centred @ centred.T
    return float(np.sort(np.linalg.eigvalsh(products))[-1] / products.diagonal().sum())


def share_by_loops(features):
    rows = features.tolist()
    n, d = len(rows), len(rows[0])
    means = [sum(row[j] for row in rows) / n for j in range(d)]
    table = [[sum((row[i] - means[i]) * (row[j] - means[j]) for row in rows) for j in range(d)] for i in range(d)]
    values = torch.linalg.eigh(torch.tensor(table, dtype=torch.float64)).eigenvalues.tolist()
    return max(values) / sum(table[i][i] for i in range(d))


def centred_values(features):
    return torch.linalg.svdvals(features.double() - features.double().mean(dim=0))


def share_of(squares, place=0):
    return (squares[place] / squares.sum()).item()


def share_after_centring_in_place(features):
    features -= features.mean(dim=0)
    return share_of(torch.linalg.svdvals(features.double()) ** 2)


def share_and_shift(features):
    share = share_by_svd(features)
    features.add_(1)
    return share


def share_and_record(features):
    share = share_by_svd(features)
    features.requires_grad_()
    return share


def share_by_rows(features):
    centred = features.double() - features.double().mean(dim=1, keepdim=True)
    return share_of(torch.linalg.svdvals(centred) ** 2) if centred.any() else 0.0


def share_by_one_mean(features):
    return share_of(torch.linalg.svdvals(features.double() - features.double().mean()) ** 2)


def share_of_standardised(features):
    spread = features.double().std(dim=0)
    return share_of(centred_values(features.double() / torch.where(spread > 0, spread, 1)) ** 2)


def share_of_first_two_only(features):
    squares = centred_values(features)[:2] ** 2
    return share_of(squares)


def share_of_axis(features):
    variances = features.double().var(dim=0)
    return (variances.max() / variances.sum()).item()


def share_of_first_axis(features):
    variances = features.double().var(dim=0)
    return (variances[0] / variances.sum()).item()


RIGHT_FIRST_SHARE = {
    "singular values": share_by_svd,
    "covariance, NumPy": share_by_covariance,
    "variance of the scores, tensor without axes": share_by_scores,
    "two norms": share_by_norms,
    "products of the images": share_by_image_products,
    "plain loops for the covariance": share_by_loops,
}
WRONG_FIRST_SHARE = {
    "not centred": lambda f: share_of(torch.linalg.svdvals(f.double()) ** 2),
    "centred by row": share_by_rows,
    "one mean for all columns": share_by_one_mean,
    "columns scaled to the same spread": share_of_standardised,
    "singular values not squared": lambda f: share_of(centred_values(f)),
    "squared twice": lambda f: share_of(centred_values(f) ** 4),
    "last direction": lambda f: share_of(centred_values(f) ** 2, -1),
    "second direction, if there is one": lambda f: share_of(centred_values(f) ** 2, min(1, f.shape[1] - 1)),
    "first two directions": lambda f: (
        share_of(centred_values(f) ** 2) + share_of(centred_values(f) ** 2, 1 % f.shape[1])
    ),
    "share among the first two only": share_of_first_two_only,
    "share of the column that varies most": share_of_axis,
    "share of the first column": share_of_first_axis,
    "square root of the share": lambda f: math.sqrt(share_by_svd(f)),
    "one less the share": lambda f: 1 - share_by_svd(f),
    "the variance, not its share": lambda f: (centred_values(f)[0] ** 2 / (len(f) - 1)).item(),
    "one direction of D": lambda f: 1 / f.shape[1],
    "the first half of the rows": lambda f: share_by_svd(f[: len(f) // 2 + 1]),
    "the last column is left out": lambda f: share_by_svd(f[:, :-1]) if f.shape[1] > 1 else 0.5,
    "transposed": lambda f: share_by_svd(f.T) if f.shape[1] > 1 else 0.5,
    "in percent": lambda f: 100 * share_by_svd(f),
    "rounded to one decimal": lambda f: round(share_by_svd(f), 1),
    "all shares": lambda f: centred_values(f) ** 2 / (centred_values(f) ** 2).sum(),
    "a tensor with an axis": lambda f: torch.tensor([share_by_svd(f)]),
    "a list": lambda f: [share_by_svd(f)],
    "a text": lambda f: f"{share_by_svd(f):.6f}",
    "features centred in place": share_after_centring_in_place,
    "features shifted in place": share_and_shift,
    "features take part in gradients": share_and_record,
    "the answer of the first call": repeats_first(share_by_svd),
}

# Exercise 7.3: fall_without(model, image, digit, row, column, size)


def logit_of(model, image, digit):
    """The logit of one digit, as a number."""
    with torch.no_grad():
        return model(image[None])[0, digit].item()


def fall_plain(model, image, digit, row, column, size):
    erased = image.clone()
    erased[:, row : row + size, column : column + size] = 0
    with torch.no_grad():
        return (model(image.unsqueeze(0)) - model(erased.unsqueeze(0)))[0, digit].item()


def fall_as_batch(model, image, digit, row, column, size):
    keep = torch.ones_like(image)
    keep[0, row : row + size, column : column + size] = 0
    with torch.inference_mode():
        before, after = model(torch.stack([image, image * keep]))[:, digit].tolist()
    return before - after


def fall_with_padding(model, image, digit, row, column, size):
    square = torch.ones(1, size, size, dtype=torch.bool)
    square = F.pad(square, (column, 28 - column - size, row, 28 - row - size), value=False)
    with torch.no_grad():
        logits = model(torch.cat([image[None], image.masked_fill(square, 0)[None]]))
    return logits[0, digit] - logits[1, digit]


def fall_with_places(model, image, digit, row, column, size):
    places = torch.arange(28)
    rows = (places >= row) & (places < row + size)
    columns = (places >= column) & (places < column + size)
    erased = torch.where(rows[:, None] & columns, torch.zeros(()), image)
    return -(model(erased[None])[0][digit].item() - model(image[None])[0][digit].item())


def fall_by_loops(model, image, digit, row, column, size):
    values = image.tolist()
    for i in range(row, row + size):
        for j in range(column, column + size):
            values[0][i][j] = 0.0
    erased = torch.tensor(values, dtype=image.dtype)
    return logit_of(model, image, digit) - logit_of(model, erased, digit)


def fall_in_numpy(model, image, digit, row, column, size):
    both = np.repeat(image.detach().numpy()[None], 2, axis=0)
    both[1, 0][np.ix_(range(row, row + size), range(column, column + size))] = 0
    logits = model(torch.from_numpy(both)).detach().numpy()
    return -np.diff(logits[:, digit])[0]


def fall_of(model, image, erased, digit):
    return logit_of(model, image, digit) - logit_of(model, erased, digit)


def filled(image, row, column, size, value=0.0):
    """A copy of the image with a square of one value."""
    copied = image.clone()
    copied[:, max(0, row) : max(0, row + size), max(0, column) : max(0, column + size)] = value
    return copied


def fall_in_place(model, image, digit, row, column, size):
    before = logit_of(model, image, digit)
    image[:, row : row + size, column : column + size] = 0
    return before - logit_of(model, image, digit)


def fall_without_copy(model, image, digit, row, column, size):
    erased = image
    erased[:, row : row + size, column : column + size] = 0
    return fall_of(model, image, erased, digit)


def fall_in_a_view(model, image, digit, row, column, size):
    before = logit_of(model, image, digit)
    flat = image.view(28, 28)
    flat[row : row + size, column : column + size] = 0
    return before - logit_of(model, flat[None], digit)


def fall_counted_from_the_end(model, image, digit, row, column, size):
    erased = image.clone()
    erased[:, row : row + size - 28, column : column + size - 28] = 0
    return fall_of(model, image, erased, digit)


def fall_with_size_as_end(model, image, digit, row, column, size):
    erased = image.clone()
    erased[:, row:size, column:size] = 0
    return fall_of(model, image, erased, digit)


def fall_within_frame(model, image, digit, row, column, size):
    erased = image.clone()
    erased[:, row : min(row + size, 27), column : min(column + size, 27)] = 0
    return fall_of(model, image, erased, digit)


def fall_of_frame_only(model, image, digit, row, column, size):
    erased = image.clone()
    last_row, last_column = row + size - 1, column + size - 1
    erased[:, [row, last_row], column : last_column + 1] = 0
    erased[:, row : last_row + 1, [column, last_column]] = 0
    return fall_of(model, image, erased, digit)


def fall_of_diagonal(model, image, digit, row, column, size):
    erased = image.clone()
    erased[0, range(row, row + size), range(column, column + size)] = 0
    return fall_of(model, image, erased, digit)


def fall_of_rest(model, image, digit, row, column, size):
    kept = torch.zeros_like(image)
    kept[:, row : row + size, column : column + size] = image[:, row : row + size, column : column + size]
    return fall_of(model, image, kept, digit)


def fall_of_lines(model, image, digit, row, column, size):
    erased = image.clone()
    erased[:, row : row + size] = 0
    erased[:, :, column : column + size] = 0
    return fall_of(model, image, erased, digit)


def fall_of_all_logits(model, image, digit, row, column, size):
    with torch.no_grad():
        return (model(image[None]) - model(filled(image, row, column, size)[None]))[0]


def fall_of_probability(model, image, digit, row, column, size):
    with torch.no_grad():
        both = model(torch.stack([image, filled(image, row, column, size)])).softmax(dim=1)
    return (both[0, digit] - both[1, digit]).item()


def fall_of_largest(model, image, digit, row, column, size):
    with torch.no_grad():
        both = model(torch.stack([image, filled(image, row, column, size)]))
    return (both[0].max() - both[1].max()).item()


def fall_of_predicted(model, image, digit, row, column, size):
    with torch.no_grad():
        return fall_plain(model, image, model(image[None]).argmax().item(), row, column, size)


def fall_relative(model, image, digit, row, column, size):
    return fall_plain(model, image, digit, row, column, size) / logit_of(model, image, digit)


def fall_with_axis(model, image, digit, row, column, size):
    with torch.no_grad():
        return (model(image[None]) - model(filled(image, row, column, size)[None]))[:, digit]


def fall_in_train_mode(model, image, digit, row, column, size):
    fall = fall_plain(model, image, digit, row, column, size)
    model.train()
    return fall


def fall_and_record(model, image, digit, row, column, size):
    fall = fall_plain(model, image, digit, row, column, size)
    image.requires_grad_()
    return fall


def fall_and_freeze(model, image, digit, row, column, size):
    model.requires_grad_(False)
    return fall_plain(model, image, digit, row, column, size)


def fall_and_go_back(model, image, digit, row, column, size):
    logits = model(torch.stack([image, filled(image, row, column, size)]))
    fall = logits[0, digit] - logits[1, digit]
    fall.backward()
    return fall.item()


def fall_and_forget_gradients(model, image, digit, row, column, size):
    model.zero_grad()
    return fall_plain(model, image, digit, row, column, size)


LOGITS_BEFORE = []


def fall_from_old_logit(model, image, digit, row, column, size):
    LOGITS_BEFORE.append(logit_of(model, image, digit))
    return LOGITS_BEFORE[0] - logit_of(model, filled(image, row, column, size), digit)


RIGHT_FALL_WITHOUT = {
    "clone and slice": fall_plain,
    "both in one batch, times 0": fall_as_batch,
    "padded square, tensor without axes": fall_with_padding,
    "places compared, with record": fall_with_places,
    "plain loops": fall_by_loops,
    "NumPy": fall_in_numpy,
}
WRONG_FALL_WITHOUT = {
    "after minus before": lambda m, i, d, r, c, s: -fall_plain(m, i, d, r, c, s),
    "without a sign": lambda m, i, d, r, c, s: abs(fall_plain(m, i, d, r, c, s)),
    "0 if the logit rises": lambda m, i, d, r, c, s: max(0.0, fall_plain(m, i, d, r, c, s)),
    "row and column exchanged": lambda m, i, d, r, c, s: fall_plain(m, i, d, c, r, s),
    "square too large": lambda m, i, d, r, c, s: fall_plain(m, i, d, r, c, s + 1),
    "square too small": lambda m, i, d, r, c, s: fall_plain(m, i, d, r, c, s - 1),
    "corner counted from 1": lambda m, i, d, r, c, s: fall_of(m, i, filled(i, r - 1, c - 1, s), d),
    "corner taken for the middle": lambda m, i, d, r, c, s: fall_of(m, i, filled(i, r - s // 2, c - s // 2, s), d),
    "corner taken for the lower right one": lambda m, i, d, r, c, s: fall_of(
        m, i, filled(i, r - s + 1, c - s + 1, s), d
    ),
    "size is always 4": lambda m, i, d, r, c, s: fall_plain(m, i, d, r, c, 4),
    "size is the end of the slice": fall_with_size_as_end,
    "nothing erased at the lower or right edge": fall_counted_from_the_end,
    "last row and column never erased": fall_within_frame,
    "only the frame of the square": fall_of_frame_only,
    "only the diagonal of the square": fall_of_diagonal,
    "whole rows and columns": fall_of_lines,
    "all but the square erased": fall_of_rest,
    "whole image erased": lambda m, i, d, r, c, s: fall_of(m, i, torch.zeros_like(i), d),
    "filled with ink": lambda m, i, d, r, c, s: fall_of(m, i, filled(i, r, c, s, 1.0), d),
    "filled with grey": lambda m, i, d, r, c, s: fall_of(m, i, filled(i, r, c, s, 0.5), d),
    "filled with the mean": lambda m, i, d, r, c, s: fall_of(m, i, filled(i, r, c, s, i.mean().item()), d),
    "fall of the probability": fall_of_probability,
    "fall of the largest logit": fall_of_largest,
    "fall of the digit that the model answers": fall_of_predicted,
    "fall as a share of the logit": fall_relative,
    "the logit afterwards": lambda m, i, d, r, c, s: logit_of(m, filled(i, r, c, s), d),
    "fall of all ten logits": fall_of_all_logits,
    "fall of the next digit": lambda m, i, d, r, c, s: fall_plain(m, i, (d + 1) % 10, r, c, s),
    "rounded to a whole number": lambda m, i, d, r, c, s: round(fall_plain(m, i, d, r, c, s)),
    "a tensor with an axis": fall_with_axis,
    "a list": lambda m, i, d, r, c, s: [fall_plain(m, i, d, r, c, s)],
    "a text": lambda m, i, d, r, c, s: f"{fall_plain(m, i, d, r, c, s):.6f}",
    "image erased in place": fall_in_place,
    "image erased in place through a view": fall_in_a_view,
    "the copy is the image itself": fall_without_copy,
    "train mode left on": fall_in_train_mode,
    "image takes part in gradients": fall_and_record,
    "weights frozen": fall_and_freeze,
    "gradients left in the weights": fall_and_go_back,
    "old gradients removed": fall_and_forget_gradients,
    "the logit of the first call": fall_from_old_logit,
}

# Exercise 7.4: contrast(model, image, digit, other)


def contrast_plain(model, image, digit, other):
    pixels = image.detach().clone().requires_grad_()
    logits = model(pixels.unsqueeze(0))[0]
    (gradient,) = torch.autograd.grad(logits[digit] - logits[other], pixels)
    return gradient[0]


def contrast_with_old_gradients_kept(model, image, digit, other):
    kept = [(weights, weights.grad) for weights in model.parameters()]
    try:
        for weights, _ in kept:
            weights.grad = None
        pixels = image.detach().clone().requires_grad_(True)
        logits = model(pixels[None])
        (logits[0, digit] - logits[0, other]).backward()
        return pixels.grad.squeeze(0)
    finally:
        for weights, gradient in kept:
            weights.grad = gradient


def contrast_in_a_copy(model, image, digit, other):
    twin = copy.deepcopy(model)
    pixels = torch.tensor(image.tolist(), requires_grad=True)
    direction = torch.zeros(1, 10)
    direction[0, digit] += 1
    direction[0, other] -= 1
    twin(pixels.reshape(1, 1, 28, 28)).backward(direction)
    return pixels.grad.reshape(28, 28)


def contrast_of_two_gradients(model, image, digit, other):
    batch = torch.stack([image, image]).detach().requires_grad_()
    logits = model(batch)
    first = torch.autograd.grad(logits[0, digit], batch, retain_graph=True)[0][0, 0]
    second = torch.autograd.grad(logits[1, other], batch)[0][1, 0]
    return first.double() - second.double()


def contrast_by_jacobian(model, image, digit, other):
    slopes = torch.autograd.functional.jacobian(lambda x: model(x)[0], image.detach()[None])
    return (slopes[digit] - slopes[other]).squeeze(0).squeeze(0)


def contrast_of_log_probabilities(model, image, digit, other):
    with torch.enable_grad():
        pixels = nn.Parameter(image.detach().clone())
        logs = F.log_softmax(model(pixels[None]), dim=1)[0]
        slope = torch.autograd.grad(logs[digit] - logs[other], [pixels])
    return slope[0].reshape(28, 28).clone()


def contrast_with_weights_frozen_meanwhile(model, image, digit, other):
    flags = [(weights, weights.requires_grad) for weights in model.parameters()]
    try:
        model.requires_grad_(False)
        pixels = image.detach().clone().requires_grad_()
        logits = model(pixels[None]).squeeze(0)
        (logits[digit] - logits[other]).backward()
    finally:
        for weights, flag in flags:
            weights.requires_grad_(flag)
    return pixels.grad[0]


def slope_of(model, image, measure):
    """The gradient of a measure of the logits, (28, 28), with nothing left behind."""
    pixels = image.detach().clone().requires_grad_()
    return torch.autograd.grad(measure(model(pixels[None])[0]), pixels)[0][0]


def contrast_and_leave_gradients(model, image, digit, other):
    pixels = image.clone().requires_grad_()
    logits = model(pixels[None])[0]
    (logits[digit] - logits[other]).backward()
    return pixels.grad[0]


def contrast_and_leave_image(model, image, digit, other):
    image.requires_grad_()
    logits = model(image[None])[0]
    return torch.autograd.grad(logits[digit] - logits[other], image)[0][0]


def contrast_and_leave_both(model, image, digit, other):
    image.requires_grad_()
    logits = model(image[None])[0]
    (logits[digit] - logits[other]).backward()
    return image.grad[0].clone()


def contrast_and_leave_image_gradient(model, image, digit, other):
    slope = contrast_plain(model, image, digit, other)
    image.grad = slope[None].clone()
    return slope


def contrast_and_freeze(model, image, digit, other):
    model.requires_grad_(False)
    return contrast_plain(model, image, digit, other)


def contrast_and_train(model, image, digit, other):
    slope = contrast_plain(model, image, digit, other)
    model.train()
    return slope


def contrast_and_step(model, image, digit, other):
    slope = contrast_plain(model, image, digit, other)
    image.add_(slope[None], alpha=0.1)
    return slope


def contrast_and_leave_hook(model, image, digit, other):
    model.register_forward_hook(lambda module, inputs, output: None)
    return contrast_plain(model, image, digit, other)


def contrast_times_pixels(model, image, digit, other):
    return contrast_plain(model, image, digit, other) * image[0]


def contrast_of_loss(model, image, digit, other):
    return slope_of(model, image, lambda logits: F.cross_entropy(logits[None], torch.tensor([digit])))


def contrast_of_probabilities(model, image, digit, other):
    return slope_of(model, image, lambda logits: logits.softmax(dim=0)[digit] - logits.softmax(dim=0)[other])


def contrast_with_absolute_values(model, image, digit, other):
    first, second = (slope_of(model, image, lambda logits, d=d: logits[d]).abs() for d in (digit, other))
    return first - second


def contrast_to_mean_of_others(model, image, digit, other):
    return slope_of(model, image, lambda logits: logits[digit] - (logits.sum() - logits[digit]) / 9)


def contrast_of_erasing(model, image, digit, other):
    with torch.no_grad():
        logits = model(image[None])[0]
        erased = model(torch.zeros_like(image)[None])[0]
    return torch.full((28, 28), ((logits - erased)[digit] - (logits - erased)[other]).item() / 784)


def contrast_at_middle_grey(model, image, digit, other):
    return contrast_plain(model, torch.full_like(image, 0.5), digit, other)


CONTRASTS = []


def contrast_added_up(model, image, digit, other):
    CONTRASTS.append(contrast_plain(model, image, digit, other))
    return torch.stack(CONTRASTS).sum(dim=0)


RIGHT_CONTRAST = {
    "autograd.grad": contrast_plain,
    "backward, with the weights' old gradients put back": contrast_with_old_gradients_kept,
    "backward in a copy, from a direction": contrast_in_a_copy,
    "two gradients, float64": contrast_of_two_gradients,
    "jacobian": contrast_by_jacobian,
    "difference of the log probabilities, which is the same": contrast_of_log_probabilities,
    "weights frozen meanwhile": contrast_with_weights_frozen_meanwhile,
}
WRONG_CONTRAST = {
    "digit only": lambda m, i, d, o: slope_of(m, i, lambda logits: logits[d]),
    "other only": lambda m, i, d, o: slope_of(m, i, lambda logits: logits[o]),
    "other minus digit": lambda m, i, d, o: contrast_plain(m, i, o, d),
    "sum instead of difference": lambda m, i, d, o: slope_of(m, i, lambda logits: logits[d] + logits[o]),
    "difference from the mean of all others": contrast_to_mean_of_others,
    "difference of the probabilities": contrast_of_probabilities,
    "difference of the absolute gradients": contrast_with_absolute_values,
    "gradient of the loss": contrast_of_loss,
    "square of the difference": lambda m, i, d, o: slope_of(m, i, lambda logits: (logits[d] - logits[o]) ** 2),
    "without signs": lambda m, i, d, o: contrast_plain(m, i, d, o).abs(),
    "positive part only": lambda m, i, d, o: contrast_plain(m, i, d, o).relu(),
    "signs only": lambda m, i, d, o: contrast_plain(m, i, d, o).sign(),
    "times the pixels": contrast_times_pixels,
    "ink only": lambda m, i, d, o: contrast_plain(m, i, d, o) * (i[0] > 0),
    "divided by the largest": lambda m, i, d, o: contrast_plain(m, i, d, o) / contrast_plain(m, i, d, o).abs().max(),
    "rows and columns exchanged": lambda m, i, d, o: contrast_plain(m, i, d, o).T,
    "at a grey image": contrast_at_middle_grey,
    "difference between image and paper, spread evenly": contrast_of_erasing,
    "all zeros": lambda m, i, d, o: torch.zeros(28, 28),
    "shape (1, 28, 28)": lambda m, i, d, o: contrast_plain(m, i, d, o)[None],
    "shape (784,)": lambda m, i, d, o: contrast_plain(m, i, d, o).flatten(),
    "a sum": lambda m, i, d, o: contrast_plain(m, i, d, o).sum(),
    "nested lists": lambda m, i, d, o: contrast_plain(m, i, d, o).tolist(),
    "gradients left in the weights": contrast_and_leave_gradients,
    "image takes part in gradients afterwards": contrast_and_leave_image,
    "gradients left in the weights and the image": contrast_and_leave_both,
    "gradient left in the image": contrast_and_leave_image_gradient,
    "weights frozen": contrast_and_freeze,
    "train mode left on": contrast_and_train,
    "image changed in place": contrast_and_step,
    "hook left behind": contrast_and_leave_hook,
    "the answer of the first call": repeats_first(contrast_plain),
    "gradients of all calls added up": contrast_added_up,
}

RIGHT = {
    "listen": RIGHT_LISTEN,
    "first_share": RIGHT_FIRST_SHARE,
    "fall_without": RIGHT_FALL_WITHOUT,
    "contrast": RIGHT_CONTRAST,
}
WRONG = {
    "listen": WRONG_LISTEN,
    "first_share": WRONG_FIRST_SHARE,
    "fall_without": WRONG_FALL_WITHOUT,
    "contrast": WRONG_CONTRAST,
}
