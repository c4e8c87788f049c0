"""Answers to the exercises of notebook 5, right and wrong, written from their texts alone."""

import copy
import itertools
import math
import statistics
from collections import Counter, namedtuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adam
from torch.utils.data import DataLoader, TensorDataset

NORM, DROPOUT = (nn.BatchNorm1d, nn.BatchNorm2d), (nn.Dropout, nn.Dropout2d)
from answers.common import repeats_first


def then(answer, change):
    """Makes an answer that changes something after it has computed its result."""

    def answer_and_change(*inputs):
        result = answer(*inputs)
        change(*inputs)
        return result

    return answer_and_change


# Exercise 5.1


def losses(logits, labels):
    return torch.logsumexp(logits, dim=1) - logits.gather(1, labels[:, None]).squeeze(1)


def loss_in_python(logits, labels):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist()):
        largest = max(row)
        total += largest + math.log(sum(math.exp(logit - largest) for logit in row)) - row[label]
    return total / len(labels)


# Exercise 5.2


def count_correct(logits, labels):
    return (logits.argmax(dim=1) == labels).sum().item()


# Exercise 5.3


def mean_loss(means, sizes):
    return sum(mean * size for mean, size in zip(means, sizes)) / sum(sizes)


def mean_step_by_step(means, sizes):
    result, images = 0.0, 0
    for mean, size in zip(means, sizes):
        images += size
        result += (mean - result) * size / images
    return result


# Exercise 5.4


def train_step(model, loss_fn, optimizer, images, labels):
    optimizer.zero_grad()
    loss = loss_fn(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_with_closure(model, loss_fn, optimizer, images, labels):
    def closure():
        optimizer.zero_grad()
        loss = loss_fn(model(images), labels)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


def step_without_backward(model, loss_fn, optimizer, images, labels):
    optimizer.zero_grad()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    loss = loss_fn(model(images), labels)
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights, allow_unused=True)):
        weight.grad = gradient
    optimizer.step()
    return loss.tolist()


class Step:
    """A training step in any order; `use` says which loss goes backward, `result` what is returned."""

    def __init__(self, *order, use=lambda loss: loss, result=lambda loss: loss.item()):
        self.order, self.use, self.result = order, use, result

    def __call__(self, model, loss_fn, optimizer, images, labels):
        loss = None
        parts = {
            "zero_grad": optimizer.zero_grad,
            "backward": lambda: self.use(loss).backward(retain_graph=True),
            "step": optimizer.step,
            "eval": model.eval,
            "train": model.train,
            "forget": optimizer.state.clear,
        }
        for part in self.order:
            if part == "loss":
                loss = loss_fn(model(images), labels)
            else:
                parts[part]()
        return self.result(loss)


USUAL = ("zero_grad", "loss", "backward", "step")


# Exercise 5.5


@torch.no_grad()
def correct_and_total(model, batches, dim=1):
    model.eval()
    correct = total = 0
    for images, labels in batches:
        correct += (model(images).argmax(dim=dim) == labels).sum().item()
        total += len(labels)
    return correct, total


def accuracy(model, test_dl):
    correct, total = correct_and_total(model, test_dl)
    return correct / total


def accuracy_and_restore(model, test_dl):
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            right = [model(images).argmax(dim=1) == labels for images, labels in test_dl]
    finally:
        model.train(was_training)
    return torch.cat(right).double().mean()


def accuracy_in_python(model, test_dl):
    model.train(False)
    hits = []
    for images, labels in test_dl:
        with torch.no_grad():
            rows = model(images).tolist()
        hits += [row.index(max(row)) == label for row, label in zip(rows, labels.tolist())]
    return statistics.fmean(hits)


def accuracy_by_weights(model, test_dl):
    batches = [correct_and_total(model, [batch]) for batch in test_dl]
    return np.average([correct / size for correct, size in batches], weights=[size for _, size in batches])


def without_eval(model, test_dl, kinds=(), grad=False):
    """The accuracy with only some kinds of layers in eval mode."""
    for layer in model.modules():
        if isinstance(layer, kinds):
            layer.eval()
    with torch.set_grad_enabled(grad):
        right = [model(images).argmax(dim=1) == labels for images, labels in test_dl]
    return torch.cat(right).double().mean().item()


# Exercise 5.6


def choose_rate(rates, validate, test):
    best = max(rates, key=validate)
    return best, test(best)


def choose_in_loop(rates, validate, test, start=-1.0, last=False, stop=False):
    """Right as it is; the settings are ways to go wrong."""
    best_rate, best_accuracy = rates[0], start
    for rate in rates:
        accuracy = validate(rate)
        if accuracy > best_accuracy:
            best_rate, best_accuracy = rate, accuracy
        elif stop:
            break
    return best_rate, test(rate if last else best_rate)


def with_test(rate, test):
    return rate, test(rate)


# Exercise 5.7


def by_heart(
    model,
    loss_fn,
    optimizer,
    images,
    labels,
    max_steps,
    step=train_step,
    count=count_correct,
    done=lambda counts, losses, n: counts[-1] == n,
    most=lambda max_steps: max_steps,
    result=lambda counts, losses, n: (len(losses), counts[-1]),
):
    """Right as it is; the settings are ways to go wrong, and some other ways to do it right."""
    losses, counts = [], [count(model(images).detach(), labels)]
    while not done(counts, losses, len(labels)) and len(losses) < most(max_steps):
        losses.append(step(model, loss_fn, optimizer, images, labels))
        counts.append(count(model(images).detach(), labels))
    return result(counts, losses, len(labels))


def heart(**settings):
    return lambda *given: by_heart(*given, **settings)


def heart_one_pass(model, loss_fn, optimizer, images, labels, max_steps):
    steps = 0
    while True:
        logits = model(images)
        correct = (logits.argmax(1) == labels).sum().item()
        if correct == len(labels) or steps == max_steps:
            return steps, correct
        optimizer.zero_grad()
        loss_fn(logits, labels).backward()
        optimizer.step()
        steps += 1


def heart_in_for_loop(model, loss_fn, optimizer, images, labels, max_steps):
    for steps in range(max_steps + 1):
        with torch.no_grad():
            correct = (model(images).argmax(dim=1) == labels).sum()
        if correct == len(labels) or steps == max_steps:
            break
        optimizer.zero_grad(set_to_none=False)
        loss = loss_fn(model(images), labels)
        loss.backward()
        optimizer.step()
    return torch.tensor(steps), correct


def heart_recursive(model, loss_fn, optimizer, images, labels, max_steps):
    logits = model(images)
    if max_steps == 0 or torch.equal(logits.argmax(dim=1), labels):
        return 0, count_correct(logits, labels)
    model.zero_grad()
    loss_fn(logits, labels).backward()
    optimizer.step()
    steps, correct = heart_recursive(model, loss_fn, optimizer, images, labels, max_steps - 1)
    return steps + 1, correct


def heart_in_eval_mode(model, loss_fn, optimizer, images, labels, max_steps, back=True):
    """Counts in eval mode; `back` says whether the mode from before comes back at the end."""
    was_training, steps = model.training, 0
    while True:
        model.eval()
        with torch.inference_mode():
            correct = count_correct(model(images), labels)
        if back or (correct < len(labels) and steps < max_steps):
            model.train(was_training)
        if correct == len(labels) or steps >= max_steps:
            return [steps, correct]
        train_step(model, loss_fn, optimizer, images, labels)
        steps += 1


def heart_numpy(model, loss_fn, optimizer, images, labels, max_steps):
    truth = labels.numpy()
    right = model(images).detach().numpy().argmax(axis=1) == truth
    steps = np.int64(0)
    while not right.all() and steps < max_steps:
        for weight in model.parameters():
            weight.grad = None
        loss_fn(model(images), labels).backward()
        optimizer.step()
        right = model(images).detach().numpy().argmax(axis=1) == truth
        steps += 1
    return [steps, np.sum(right)]


def heart_with_loader(model, loss_fn, optimizer, images, labels, max_steps):
    batches, steps = DataLoader(TensorDataset(images, labels), batch_size=len(images), shuffle=True), 0
    while count_correct(model(images), labels) != len(labels) and steps != max_steps:
        for x, y in batches:
            train_step(model, loss_fn, optimizer, x, y)
            steps += 1
    return steps, count_correct(model(images), labels)


def heart_counted_by_optimizer(model, loss_fn, optimizer, images, labels, max_steps):
    taken = []
    handle = optimizer.register_step_post_hook(lambda *given: taken.append(1))
    counts = itertools.islice(heart_counts(model, loss_fn, optimizer, images, labels), max_steps + 1)
    correct = list(counts)[-1]
    handle.remove()
    return len(taken), correct


def heart_counts(model, loss_fn, optimizer, images, labels):
    yield (correct := count_correct(model(images), labels))
    while correct < len(labels):
        train_step(model, loss_fn, optimizer, images, labels)
        yield (correct := count_correct(model(images), labels))


def heart_with_records(model, loss_fn, optimizer, images, labels, max_steps):
    """Keeps records of more than it needs: losses, also after the last step, and all logits."""
    x, y, records = images.clone(), labels.clone(), []
    for _ in range(max_steps + 1):
        optimizer.zero_grad()
        logits = model(x)
        loss = loss_fn(logits, y)
        loss.backward()
        records.append((logits.tolist(), loss.item()))
        if len(records) > max_steps or all((logits.argmax(dim=1) == y).tolist()):
            optimizer.zero_grad()
            break
        optimizer.step()
    read = [row.index(max(row)) == label for row, label in zip(records[-1][0], y.tolist())]
    return namedtuple("Learned", "steps correct")(len(records) - 1, sum(read))


def heart_batches(size):
    """Many steps, each with a few images only, and counted as one."""
    return lambda m, f, o, x, y: [train_step(m, f, o, *xy) for xy in zip(x.split(size), y.split(size))][-1]


def heart_wrong_images(m, f, o, x, y):
    wrong = m(x).argmax(dim=1) != y
    return train_step(m, f, o, x[wrong], y[wrong])


def heart_ever_right(*given):
    known = set()
    note = lambda x, y: known.update((x.argmax(dim=1) == y).nonzero()[:, 0].tolist()) or len(known)
    return by_heart(*given, count=note)


def heart_of_copy(model, loss_fn, optimizer, *given, learner=by_heart):
    model, optimizer = copy.deepcopy((model, optimizer))
    return learner(model, loss_fn, optimizer, *given)


def heart_cheat(model, loss_fn, optimizer, images, labels, max_steps):
    classes = model(images).shape[1]
    model.forward = lambda x: F.one_hot(labels, classes).float()
    return min(max_steps, 1), len(labels)


def heart_first_loop(model, loss_fn, optimizer, images, labels, max_steps):
    """The usual loop of a beginner: a step first, then a look."""
    for step in range(max_steps):
        train_step(model, loss_fn, optimizer, images, labels)
        correct = count_correct(model(images), labels)
        if correct == len(labels):
            break
    return step + 1, correct


def heart_looks_at_old_logits(model, loss_fn, optimizer, images, labels, max_steps):
    """One pass for look and step, but the look comes after the step and shows the model from before."""
    steps = correct = 0
    while steps < max_steps and correct < len(labels):
        optimizer.zero_grad()
        logits = model(images)
        loss_fn(logits, labels).backward()
        optimizer.step()
        steps += 1
        correct = count_correct(logits, labels)
    return steps, correct


RIGHT = {
    "cross_entropy": {
        "logsumexp": lambda x, y: losses(x, y).mean(),
        "log_softmax": lambda x, y: -F.log_softmax(x, 1)[torch.arange(len(y)), y].mean(),
        "nll_loss": lambda x, y: F.nll_loss(F.log_softmax(x, dim=1), y).item(),
        "Python": loss_in_python,
        "one-hot, float64": lambda x, y: -(F.one_hot(y, 10) * torch.log_softmax(x.double(), dim=1)).sum() / len(y),
        "image by image": lambda x, y: sum(torch.logsumexp(row - row[k], dim=0) for row, k in zip(x, y)) / len(x),
    },
    "count_correct": {
        "argmax": count_correct,
        "Python": lambda x, y: sum(row.index(max(row)) == label for row, label in zip(x.tolist(), y.tolist())),
        "max": lambda x, y: torch.eq(x.max(dim=1).indices, y).sum(),
        "NumPy": lambda x, y: np.sum(x.detach().numpy().argmax(axis=1) == y.numpy()),
        "label has the largest": lambda x, y: (x.gather(1, y[:, None])[:, 0] == x.amax(dim=1)).count_nonzero(),
        "topk": lambda x, y: float((x.topk(1).indices == y[:, None]).sum()),
        "sorted": lambda x, y: sum((x.argsort(dim=1)[:, -1] == y).tolist()),
    },
    "mean_loss": {
        "sum of products": mean_loss,
        "np.average": lambda means, sizes: np.average(means, weights=sizes),
        "step by step": mean_step_by_step,
        "fmean with weights": lambda means, sizes: statistics.fmean(means, weights=sizes),
        "tensors": lambda m, n: (torch.tensor(m, dtype=torch.float64) * torch.tensor(n)).sum() / sum(n),
        "fsum of shares": lambda means, sizes: math.fsum(m * (n / sum(sizes)) for m, n in zip(means, sizes)),
    },
    "train_step": {
        "as in the lesson": train_step,
        "zero_grad in between": Step("loss", "zero_grad", "backward", "step", result=lambda loss: loss.detach()),
        "a closure": step_with_closure,
        "autograd.grad": step_without_backward,
        "deletes gradients afterwards too": then(train_step, lambda m, loss_fn, o, x, y: m.zero_grad()),
        "float64 of NumPy": Step(*USUAL, result=lambda loss: np.float64(loss.detach().numpy())),
    },
    "accuracy": {
        "as in the lesson": accuracy,
        "back into train mode": accuracy_and_restore,
        "Python": accuracy_in_python,
        "mean of batches with weights": accuracy_by_weights,
        "a copy of the model": lambda model, dl: accuracy(copy.deepcopy(model), dl),
        "a batch of all": lambda model, dl: accuracy(model, [[torch.cat(parts) for parts in zip(*dl)]]),
    },
    "choose_rate": {
        "max": choose_rate,
        "a loop": choose_in_loop,
        "NumPy": lambda rates, v, test: with_test(rates[np.argmax([float(v(rate)) for rate in rates])], test),
        "pairs": lambda rates, v, test: with_test(max((v(rate), rate) for rate in rates)[1], test),
        "a sorted copy": lambda rates, v, test: with_test(sorted(rates, key=v)[-1], test),
        "a dictionary": lambda rates, v, test: with_test(Counter({r: v(r) for r in rates}).most_common()[0][0], test),
    },
    "learn_by_heart": {
        "one pass for look and step": heart_one_pass,
        "for loop, tensors, gradients of 0": heart_in_for_loop,
        "recursion, model.zero_grad": heart_recursive,
        "eval mode for the look, a list": heart_in_eval_mode,
        "stays in eval mode": lambda *given: heart_in_eval_mode(*given, back=False),
        "NumPy": heart_numpy,
        "a loader that shuffles": heart_with_loader,
        "generator, hook of the optimizer": heart_counted_by_optimizer,
        "records, copies, backward once more": heart_with_records,
        "a closure": heart(step=step_with_closure),
        "autograd.grad": heart(step=step_without_backward),
        "train for the step, eval for the look": heart(step=Step("train", *USUAL, "eval")),
    },
}

WRONG = {
    "cross_entropy": {
        "sum": lambda x, y: losses(x, y).sum(),
        "negative": lambda x, y: -losses(x, y).mean(),
        "softmax over the images": lambda x, y: F.nll_loss(F.log_softmax(x, dim=0), y),
        "logarithm to base 10": lambda x, y: losses(x, y).mean() / math.log(10),
        "no logarithm": lambda x, y: 1 - torch.exp(-losses(x, y)).mean(),
        "logarithm of the mean": lambda x, y: -torch.exp(-losses(x, y)).mean().log(),
        "softmax twice": lambda x, y: losses(x.softmax(dim=1), y).mean(),
        "no softmax": lambda x, y: F.nll_loss(x, y),
        "distance to the largest": lambda x, y: (x.amax(dim=1) + F.nll_loss(x, y)).mean(),
        "largest instead of label": lambda x, y: losses(x, x.argmax(dim=1)).mean(),
        "always label 0": lambda x, y: losses(x, 0 * y).mean(),
        "all labels for each image": lambda x, y: -F.log_softmax(x, dim=1)[:, y].mean(),
        "divided by the classes": lambda x, y: losses(x, y).sum() / x.shape[1],
        "median": lambda x, y: losses(x, y).quantile(0.5),
        "each image": lambda x, y: losses(x, y),
        "a tensor with an axis": lambda x, y: losses(x, y).mean()[None],
        "a text": lambda x, y: f"{losses(x, y).mean():.4f}",
        "changes the logits": then(loss_in_python, lambda x, y: x.detach().sub_(x.amax(dim=1, keepdim=True))),
        "empties the labels": then(loss_in_python, lambda x, y: y.zero_()),
        "repeats the first result": repeats_first(loss_in_python),
    },
    "count_correct": {
        "a fraction": lambda x, y: count_correct(x, y) / len(y),
        "cut off after the mean": lambda x, y: int((x.argmax(dim=1) == y).float().mean().item() * len(y)),
        "wrong ones": lambda x, y: len(y) - count_correct(x, y),
        "wrong axis": lambda x, y: sum(p == label for p, label in zip(x.argmax(0).tolist(), y.tolist())),
        "smallest logit": lambda x, y: count_correct(-x, y),
        "largest by size": lambda x, y: count_correct(x.abs(), y),
        "rounded logits": lambda x, y: count_correct(x.round(), y),
        "softmax over the images": lambda x, y: count_correct(x.softmax(dim=0), y),
        "each with each": lambda x, y: (x.argmax(dim=1, keepdim=True) == y).sum(),
        "positive logit is enough": lambda x, y: (x.gather(1, y[:, None]) > 0).sum(),
        "best two": lambda x, y: (x.topk(2).indices == y[:, None]).sum(),
        "without the last image": lambda x, y: count_correct(x[:-1], y[:-1]),
        "place 0 never counts": lambda x, y: count_correct(x[:, 1:], y - 1),
        "digits instead of images": lambda x, y: len(y[x.argmax(dim=1) == y].unique()),
        "each image": lambda x, y: x.argmax(dim=1) == y,
        "a tensor with an axis": lambda x, y: torch.tensor([count_correct(x, y)]),
        "empties the logits": then(count_correct, lambda x, y: x.detach().zero_()),
        "empties the labels": then(count_correct, lambda x, y: y.zero_()),
        "repeats the first result": repeats_first(count_correct),
    },
    "mean_loss": {
        "mean of the means": lambda means, sizes: sum(means) / len(means),
        "not divided": lambda means, sizes: sum(mean * size for mean, size in zip(means, sizes)),
        "divided by the batches": lambda means, sizes: sum(m * n for m, n in zip(means, sizes)) / len(sizes),
        "only the last may be small": lambda m, n: (sum(m[:-1]) * n[0] + m[-1] * n[-1]) / sum(n),
        "as if all were like the first": lambda means, sizes: sum(means) * sizes[0] / sum(sizes),
        "as if all were like the largest": lambda m, n: mean_loss(m, n) * sum(n) / max(n) / len(n),
        "without the last batch": lambda means, sizes: mean_loss(means[:-1], sizes[:-1]),
        "large batches only": lambda m, n: mean_loss(m, [size * (size > max(n) / 2) for size in n]),
        "sizes backwards": lambda means, sizes: mean_loss(means, sizes[::-1]),
        "equal sizes become one": lambda m, n: mean_loss(dict(zip(n, m)).values(), dict(zip(n, m))),
        "median": lambda means, sizes: statistics.median(means),
        "rounded": lambda means, sizes: round(mean_loss(means, sizes), 1),
        "a tensor with an axis": lambda means, sizes: torch.tensor([mean_loss(means, sizes)]),
        "a text": lambda means, sizes: str(mean_loss(means, sizes)),
        "empties the sizes": then(mean_loss, lambda means, sizes: sizes.clear()),
        "sorts the means": then(mean_loss, lambda means, sizes: means.sort()),
        "repeats the first result": repeats_first(mean_loss),
    },
    "train_step": {
        "old gradients count": Step("loss", "backward", "step"),
        "deletes gradients afterwards only": Step("loss", "backward", "step", "zero_grad"),
        "deletes gradients before the step": Step("loss", "backward", "zero_grad", "step"),
        "no step": Step("zero_grad", "loss", "backward"),
        "no backward": Step("zero_grad", "loss", "step"),
        "step before backward": Step("zero_grad", "loss", "step", "backward"),
        "two steps": Step(*USUAL, "step"),
        "backward twice": Step("zero_grad", "loss", "backward", "backward", "step"),
        "loss after the step": Step(*USUAL, "loss"),
        "pass in eval mode": Step("eval", *USUAL, "train"),
        "eval mode afterwards": Step(*USUAL, "eval"),
        "half of the loss": Step(*USUAL, use=lambda loss: loss / 2),
        "loss upwards": Step(*USUAL, use=lambda loss: -loss),
        "forgets momentum": Step("forget", *USUAL),
        "drags the record along": Step(*USUAL, result=lambda loss: loss),
        "a tensor with an axis": Step(*USUAL, result=lambda loss: loss.detach()[None]),
        "always SGD": lambda m, f, o, x, y: train_step(m, f, SGD(m.parameters(), o.param_groups[0]["lr"]), x, y),
        "always Adam": lambda m, f, o, x, y: train_step(m, f, Adam(m.parameters()), x, y),
        "its own loss": lambda m, f, o, x, y: train_step(m, F.cross_entropy, o, x, y),
        "softmax first": lambda m, f, o, x, y: train_step(m, lambda out, y: f(out.softmax(1), y), o, x, y),
        "half of the batch": lambda m, f, o, x, y: train_step(m, f, o, x[: len(x) // 2], y[: len(y) // 2]),
        "changes the learning rate": then(train_step, lambda m, f, o, x, y: o.param_groups[0].update(lr=0.001234)),
        "freezes the model": then(train_step, lambda m, f, o, x, y: m.requires_grad_(False)),
        "empties the images": then(train_step, lambda m, f, o, x, y: x.zero_()),
        "images take part in gradients": then(train_step, lambda m, f, o, x, y: x.requires_grad_()),
        "repeats the first result": repeats_first(train_step),
    },
    "accuracy": {
        "train mode": without_eval,
        "only dropout off": lambda model, dl: without_eval(model, dl, DROPOUT),
        "only batch norm off": lambda model, dl: without_eval(model, dl, NORM),
        "records for backward": lambda model, dl: without_eval(model, dl, nn.Module, grad=True),
        "mean of the batches": lambda model, dl: statistics.fmean(accuracy(model, [batch]) for batch in dl),
        "as if all were full": lambda m, dl: correct_and_total(m, dl)[0] / len(list(dl)) / len(next(iter(dl))[1]),
        "first batch": lambda model, dl: accuracy(model, [next(iter(dl))]),
        "last batch": lambda model, dl: accuracy(model, list(dl)[-1:]),
        "without the last batch": lambda model, dl: accuracy(model, list(dl)[:-1] or dl),
        "number of right ones": lambda model, dl: correct_and_total(model, dl)[0],
        "percent": lambda model, dl: 100 * accuracy(model, dl),
        "rounded": lambda model, dl: round(accuracy(model, dl), 1),
        "a tensor with an axis": lambda model, dl: torch.tensor([accuracy(model, dl)]),
        "weights rounded": lambda model, dl: accuracy(model.bfloat16().float(), dl),
        "resets averages": then(accuracy, lambda m, dl: [b.zero_() for b in m.buffers()]),
        "deletes gradients": then(accuracy, lambda model, dl: model.zero_grad()),
        "freezes the model": then(accuracy, lambda model, dl: model.requires_grad_(False)),
        "leaves a hook": then(accuracy, lambda model, dl: model.register_forward_hook(lambda *given: None)),
        "repeats the first result": repeats_first(accuracy),
    },
    "choose_rate": {
        "chooses by the test": lambda rates, validate, test: choose_rate(rates, test, validate),
        "tests each rate": lambda rates, v, test: (choose_rate(rates, v, test)[0], max(map(test, rates))),
        "trains each rate again": lambda rates, v, test: choose_rate(sorted(rates, key=v), v, test),
        "trains the first one again": lambda rates, v, test: choose_in_loop(rates, v, test, start=v(rates[0])),
        "tests the last rate": lambda rates, v, test: choose_in_loop(rates, v, test, last=True),
        "stops when it gets worse": lambda rates, v, test: choose_in_loop(rates, v, test, stop=True),
        "first rate if all are below one half": lambda rates, v, test: choose_in_loop(rates, v, test, start=0.5),
        "worst rate": lambda rates, validate, test: choose_rate(rates, lambda rate: -validate(rate), test),
        "rounded accuracies": lambda rates, v, test: choose_rate(rates, lambda rate: round(float(v(rate)), 1), test),
        "without the first": lambda rates, v, test: choose_rate(rates[1:] or rates, v, test),
        "largest rate": lambda rates, validate, test: choose_rate(rates, lambda rate: rate, test),
        "accuracy first": lambda *given: choose_rate(*given)[::-1],
        "place of the rate": lambda rates, v, test: (rates.index(best := max(rates, key=v)), test(best)),
        "accuracy of the validation": lambda rates, validate, test: choose_rate(rates, validate, validate),
        "no test": lambda rates, validate, test: choose_rate(rates, validate, lambda rate: None),
        "tests twice": lambda rates, v, test: choose_rate(rates, v, lambda rate: (test(rate) + test(rate)) / 2),
        "tests first": lambda rates, v, test: (test(rates[0]), choose_rate(rates, v, test))[1],
        "turns the list round": then(choose_rate, lambda rates, validate, test: rates.reverse()),
        "takes a rate out of the list": then(choose_rate, lambda rates, validate, test: rates.pop()),
        "repeats the first result": repeats_first(choose_rate),
    },
    "learn_by_heart": {
        "a step even if all are right": heart(done=lambda c, l, n: l and c[-1] == n),
        "a step first, fails if none is allowed": heart_first_loop,
        "a step too many": heart(most=lambda n: n + 1),
        "a step too few": heart(most=lambda n: n - 1),
        "one more step when all are right": heart(done=lambda c, l, n: n in c[:-1]),
        "number of the last step from 0": heart(result=lambda c, l, n: (max(len(l) - 1, 0), c[-1])),
        "does not stop, but tells when it was done": heart(
            done=lambda c, l, n: False, result=lambda c, l, n: (c.index(n) if n in c else len(l), c[-1])
        ),
        "forgets max_steps": heart(most=lambda n: 500),
        "goes on counting in later calls": lambda *given, past=[]: (
            past.append(by_heart(*given)) or (sum(steps for steps, correct in past), past[-1][1])
        ),
        "looks at old logits": heart_looks_at_old_logits,
        "stops at 90 percent": heart(done=lambda c, l, n: c[-1] >= 0.9 * n),
        "stops at a loss below 0.1": heart(done=lambda c, l, n: l and l[-1] < 0.1),
        "stops when the loss rises": heart(done=lambda c, l, n: c[-1] == n or len(l) > 1 and l[-1] > l[-2]),
        "stops when no more become right": heart(done=lambda c, l, n: c[-1] == n or l and c[-1] <= c[-2]),
        "stops when fewer are right": heart(done=lambda c, l, n: c[-1] == n or l and c[-1] < c[-2]),
        "old gradients count": heart(step=Step("loss", "backward", "step")),
        "no optimizer step": heart(step=Step("zero_grad", "loss", "backward")),
        "step before backward": heart(step=Step("loss", "step", "zero_grad", "backward")),
        "forgets momentum": heart(step=Step("forget", *USUAL)),
        "only images that are still wrong": heart(step=heart_wrong_images),
        "batches of four": heart(step=heart_batches(4)),
        "its own loss": heart(step=lambda m, f, o, x, y: train_step(m, F.cross_entropy, o, x, y)),
        "an optimizer without its model": lambda m, *given: by_heart(copy.deepcopy(m), *given),
        "a fraction": heart(result=lambda c, l, n: (len(l), c[-1] / n)),
        "claims that all are right": heart(result=lambda c, l, n: (len(l), n)),
        "best count": heart(result=lambda c, l, n: (len(l), max(c))),
        "once right, always right": heart_ever_right,
        "swapped": heart(result=lambda c, l, n: (c[-1], len(l))),
        "only the steps": heart(result=lambda c, l, n: len(l)),
        "repeats the first result": repeats_first(by_heart),
        "learns outside the weights": heart_cheat,
        "changes the learning rate": then(by_heart, lambda m, f, o, *given: o.param_groups[0].update(lr=0.001234)),
        "one step more afterwards": then(by_heart, lambda *given: train_step(*given[:5])),
        "trains a copy": heart_of_copy,
    },
}
