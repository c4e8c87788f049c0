"""The checkers of notebook 05_training: typical mistakes get the hint meant for them."""

import copy
import statistics

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers.nb05_training import heart, heart_of_copy, step_with_closure, then, train_step
from verdicts import expect_hint, expect_solved, numbers_tried, typical_mistakes


def step_in_order(order):
    def train_step(model, loss_fn, optimizer, images, labels):
        loss = loss_fn(model(images), labels)
        calls = {"z": optimizer.zero_grad, "b": lambda: loss.backward(retain_graph=True), "s": optimizer.step}
        for call in order:
            calls[call]()
        return loss.item()

    return train_step


def step_returning(what):
    def train_step(model, loss_fn, optimizer, images, labels):
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return what(loss)

    return train_step


def counted(model, test_dl):
    return sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_dl)


def without_eval(model, test_dl):
    with torch.no_grad():
        return counted(model, test_dl) / len(test_dl.dataset)


def without_no_grad(model, test_dl):
    model.eval()
    return counted(model, test_dl) / len(test_dl.dataset)


def mean_of_means(model, test_dl):
    model.eval()
    with torch.no_grad():
        return statistics.mean((model(x).argmax(1) == y).float().mean().item() for x, y in test_dl)


def count_only(model, test_dl):
    model.eval()
    with torch.no_grad():
        return counted(model, test_dl)


def step_in_eval_mode(model, loss_fn, optimizer, images, labels):
    return step_in_order("zbs")(model.eval(), loss_fn, optimizer, images, labels)


def freezes_the_weights(model, test_dl):
    model.eval().requires_grad_(False)
    return counted(model, test_dl) / len(test_dl.dataset)


def step_in_hidden_eval_mode(model, *others):
    loss = step_in_eval_mode(model, *others)
    model.train()
    return loss


def step_with_own_loss(model, loss_fn, *others):
    return step_in_order("zbs")(model, F.cross_entropy, *others)


def step_with_new_optimizer(model, loss_fn, optimizer, images, labels):
    settings = {key: optimizer.defaults.get(key, 0) for key in ("lr", "weight_decay")}
    new = type(optimizer)(model.parameters(), **settings)
    return step_in_order("zbs")(model, loss_fn, new, images, labels)


def step_by_hand(model, loss_fn, optimizer, images, labels):
    loss = step_in_order("zb")(model, loss_fn, optimizer, images, labels)
    with torch.no_grad():
        for weight in model.parameters():
            weight -= optimizer.param_groups[0]["lr"] * weight.grad
    return loss


def step_without_first_gradients(model, loss_fn, optimizer, images, labels):
    for weight in model.parameters():
        weight.grad.zero_()
    return step_in_order("bs")(model, loss_fn, optimizer, images, labels)


def step_and_loss_after(model, loss_fn, optimizer, images, labels):
    step_in_order("zbs")(model, loss_fn, optimizer, images, labels)
    return loss_fn(model(images), labels).item()


def step_of_a_number(model, loss_fn, optimizer, images, labels):
    loss = loss_fn(model(images), labels).item()
    optimizer.zero_grad()
    loss.backward()


def step_with_autograd(model, loss_fn, optimizer, images, labels):
    loss = loss_fn(model(images), labels)
    weights = list(model.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights)):
        weight.grad = gradient
    optimizer.step()
    return np.float32(loss.item())


def mean_of_even_batches(model, test_dl):
    model.eval()
    with torch.no_grad():
        return counted(model, test_dl) / (len(test_dl) * test_dl.batch_size)


@torch.no_grad()
def looks_along_the_images(model, test_dl):
    return sum((model.eval()(images).argmax(0) == labels).sum() for images, labels in test_dl)


def deletes_the_gradients(model, test_dl):
    model.zero_grad()
    return back_in_train_mode(model, test_dl)


def removes_the_hooks(model, test_dl):
    for layer in model:
        layer._forward_hooks.clear()
    return back_in_train_mode(model, test_dl)


def dropout_left_on(model, test_dl):
    model.eval()
    model[2].train()
    with torch.no_grad():
        return counted(model, test_dl) / len(test_dl.dataset)


def restores_the_averages(model, test_dl):
    before = copy.deepcopy(model.state_dict())
    found = without_eval(model, test_dl)
    model.load_state_dict(before)
    return found


def records_in_a_copy(model, test_dl):
    return without_no_grad(copy.deepcopy(model), test_dl)


def in_a_copy(model, test_dl):
    with torch.inference_mode():
        model = copy.deepcopy(model).eval()
        return torch.tensor(counted(model, test_dl) / len(test_dl.dataset))


def back_in_train_mode(model, test_dl):
    correct = []
    model.eval()
    with torch.no_grad():
        for images, labels in test_dl:
            correct.extend((model(images).numpy().argmax(1) == labels.numpy()).tolist())
    model.train()
    return np.mean(correct)


def frozen_for_a_while(model, test_dl):
    model.eval().requires_grad_(False)
    found = counted(model, test_dl) / len(test_dl.dataset)
    model.requires_grad_(True)
    return found


def uses_up_the_lists(means, sizes):
    total, number = 0, 0
    while means:
        size = sizes.pop()
        total, number = total + means.pop() * size, number + size
    return total / number


def only_the_last_is_short(means, sizes):
    total = sum(means[:-1]) * sizes[0] + means[-1] * sizes[-1]
    return total / (sizes[0] * (len(sizes) - 1) + sizes[-1])


def top_2(logits, labels):
    return (logits.topk(2, dim=1).indices == labels[:, None]).any(1).sum().item()


def choose_by(choose):
    """A function that tries each rate once, and then chooses."""

    def choose_rate(rates, validate, test):
        accuracies = [validate(rate) for rate in rates]
        return choose(rates, accuracies, test)

    return choose_rate


def the_best(rates, accuracies):
    return rates[accuracies.index(max(accuracies))]


def chooses_by_test(rates, validate, test):
    accuracies = [(validate(rate), test(rate))[1] for rate in rates]
    return the_best(rates, accuracies), max(accuracies)


def trains_again(rates, validate, test):
    best = max(rates, key=validate)
    validate(best)
    return best, test(best)


def opens_the_test_set_as_it_goes(rates, validate, test):
    best, highest, tested = None, -1, None
    for rate in rates:
        accuracy = validate(rate)
        if accuracy > highest:
            best, highest, tested = rate, accuracy, test(rate)
    return best, tested


def opens_the_test_set_first(rates, validate, test):
    tested = test(rates[0])
    best = max(rates, key=validate)
    return best, tested


def stops_at_the_first_fall(rates, validate, test):
    best, highest = rates[0], validate(rates[0])
    for rate in rates[1:]:
        accuracy = validate(rate)
        if accuracy < highest:
            break
        best, highest = rate, accuracy
    return best, test(best)


def starts_at_0(rates, validate, test):
    best, highest = None, 0
    for rate in rates:
        accuracy = validate(rate)
        if accuracy > highest:
            best, highest = rate, accuracy
    return best, test(rates[0] if best is None else best)


def rounds(rates, validate, test):
    best = max(rates, key=lambda rate: round(validate(rate), 2))
    return best, test(best)


def sorts_the_rates(rates, validate, test):
    rates.sort()
    best = max(rates, key=validate)
    return best, test(best)


KEPT = {}


def keeps_accuracies_of_former_calls(rates, validate, test):
    for rate in rates:
        if rate not in KEPT:
            KEPT[rate] = validate(rate)
    best = max(rates, key=KEPT.get)
    return best, test(best)


def chooses_in_one_line(rates, validate, test):
    best = max(rates, key=validate)
    return [best, test(best)]


def chooses_with_numpy(rates, validate, test):
    best = np.array(rates)[np.argmax([validate(rate) for rate in np.array(rates)])]
    return torch.tensor(best), np.float32(test(best))


def chooses_in_a_loop(rates, validate, test):
    best, highest = None, -1
    for rate in reversed(rates):
        accuracy = validate(rate)
        if accuracy > highest:
            best, highest = rate, accuracy
    return best, test(best)


def by_heart(
    order="zbs", first=0, more=0, ends=lambda right, labels: right == len(labels), result=lambda n, r, y: (n, r)
):
    """A function that learns a batch by heart: `first` steps without looking, and up to `max_steps + more`."""

    def learn_by_heart(model, loss_fn, optimizer, images, labels, max_steps):
        steps = 0
        while True:
            logits = model(images)
            right = (logits.argmax(1) == labels).sum().item()
            if steps >= first and (ends(right, labels) or steps >= max_steps + more):
                return result(steps, right, labels)
            step_in_order(order)(model, loss_fn, optimizer, images, labels)
            steps += 1

    return learn_by_heart


def counts_before_the_step(model, loss_fn, optimizer, images, labels, max_steps):
    for steps in range(1, max_steps + 1):
        logits = model(images)
        right = (logits.argmax(1) == labels).sum().item()
        optimizer.zero_grad()
        loss_fn(logits, labels).backward()
        optimizer.step()
        if right == len(labels):
            break
    return steps, right


WRONG = [
    ("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="sum"), "sum over the batch"),
    ("cross_entropy", lambda x, y: x.log_softmax(1)[range(len(y)), y].mean(), "sign"),
    ("cross_entropy", lambda x, y: -x.softmax(1)[range(len(y)), y].mean(), "logarithm is missing"),
    ("cross_entropy", lambda x, y: F.cross_entropy(x.softmax(1), y), "twice"),
    ("cross_entropy", lambda x, y: -(F.one_hot(y, 10) * x.log_softmax(1)).mean(), "a tenth of the loss"),
    ("cross_entropy", lambda x, y: -x.log_softmax(1)[:, y].mean(), "label of its own"),
    ("cross_entropy", lambda x, y: -(x.softmax(1) + 1e-8).log()[range(len(y)), y].mean(), "before the logarithm"),
    ("cross_entropy", lambda x, y: -(x.softmax(1) + 1e-10).log()[range(len(y)), y].mean(), "before the logarithm"),
    ("cross_entropy", lambda x, y: -x.log_softmax(1).sum(1).mean(), "not all of them"),
    ("cross_entropy", lambda x, y: F.cross_entropy(x, y)[None], "a number was expected"),
    ("count_correct", lambda x, y: (x.argmax(1) == y).float().mean().item(), "This is the accuracy"),
    ("count_correct", lambda x, y: (x.argmax(0) == y).sum().item(), "axis"),
    ("count_correct", lambda x, y: x.argmax(1) == y, "Count"),
    ("count_correct", lambda x, y: (x.amax(1) == y).sum(), "You count none"),
    ("count_correct", top_2, "second largest"),
    ("count_correct", lambda x, y: (x.topk(3, dim=1).indices == y[:, None]).any(1).sum(), "should be"),
    ("count_correct", lambda x, y: ((x.argmax(1) == y) & (y > 0)).sum(), "should be"),
    ("count_correct", lambda x, y: (x.softmax(0).argmax(1) == y).sum().item(), "along the images"),
    ("count_correct", lambda x, y: (x.sigmoid().argmax(1) == y).sum().item(), "should be"),
    ("count_correct", lambda x, y: (x.int().argmax(1) == y).sum().item(), "should be"),
    ("count_correct", lambda x, y: int((x.argmax(1) == y).float().mean().item() * len(y)), "just below the count"),
    ("count_correct", lambda x, y: max(1, (x.argmax(1) == y).sum().item()), "should be 0"),
    ("mean_loss", lambda means, sizes: sum(means) / len(means), "must count less"),
    ("mean_loss", lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / len(means), "number of samples"),
    ("mean_loss", lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / 32 / len(sizes), "has 32 images"),
    ("mean_loss", lambda means, sizes: sum(means) / sum(sizes), "whole batch"),
    ("mean_loss", uses_up_the_lists, "changes what it was given"),
    ("mean_loss", only_the_last_is_short, "Any batch may be small"),
    ("train_step", step_in_order("bs"), "older gradient was still there"),
    ("train_step", step_in_order("zsb"), "did not change"),
    ("train_step", step_in_order("szb"), "`step` comes after"),
    ("train_step", step_in_order("bzs"), "did not change"),
    ("train_step", step_in_order("zbss"), "exactly one"),
    ("train_step", step_in_order("bsz"), "not at the end"),
    ("train_step", step_in_eval_mode, "changes the mode of the model"),
    ("train_step", step_in_hidden_eval_mode, "in eval mode"),
    ("train_step", step_with_own_loss, "`loss_fn` that you are given"),
    ("train_step", step_with_new_optimizer, "with SGD and CrossEntropyLoss"),
    ("train_step", step_by_hand, "let it take the step"),
    ("train_step", step_without_first_gradients, "`.grad` is None"),
    ("train_step", step_and_loss_after, "loss after the step"),
    ("train_step", step_of_a_number, "that call comes last"),
    ("train_step", torch.no_grad()(step_in_order("zbs")), "computed while PyTorch records"),
    ("train_step", step_returning(lambda loss: loss), ".item()"),
    ("train_step", step_returning(lambda loss: float("nan")), "the losses of"),
    ("train_step", step_returning(lambda loss: loss.item() / 8), "the losses of"),
    ("accuracy", without_eval, "train mode"),
    ("accuracy", without_no_grad, "recorded everything"),
    ("accuracy", records_in_a_copy, "recorded everything"),
    ("accuracy", mean_of_means, "mean of the batch means"),
    ("accuracy", mean_of_even_batches, "Not every batch is full"),
    ("accuracy", count_only, "This is a count"),
    ("accuracy", freezes_the_weights, "changes which weights"),
    ("accuracy", torch.no_grad()(freezes_the_weights), "changes which weights"),
    ("accuracy", looks_along_the_images, "differ in number"),
    ("accuracy", deletes_the_gradients, "changes the gradients"),
    ("accuracy", removes_the_hooks, "changes the hooks"),
    ("accuracy", dropout_left_on, "are read correctly"),
    ("accuracy", restores_the_averages, "In train mode"),
    ("choose_rate", chooses_by_test, "times: then the test images"),
    ("choose_rate", opens_the_test_set_as_it_goes, "times: then the test images"),
    ("choose_rate", trains_again, "more than once"),
    ("choose_rate", stops_at_the_first_fall, "any of them may be the best"),
    ("choose_rate", opens_the_test_set_first, "it comes at the end"),
    ("choose_rate", lambda rates, validate, test: (max(rates, key=validate), 0.5), "Call `test` as well"),
    ("choose_rate", choose_by(lambda r, v, test: (max(r), test(max(r)))), "largest rate"),
    ("choose_rate", choose_by(lambda r, v, test: (the_best(r, v), test(r[-1]))), "still holds the last rate"),
    (
        "choose_rate",
        choose_by(lambda r, v, test: (the_best(r, v), test(the_best(r, v)) and max(v))),
        "on the validation",
    ),
    ("choose_rate", choose_by(lambda r, v, test: (test(the_best(r, v)), the_best(r, v))), "First the rate"),
    ("choose_rate", choose_by(lambda r, v, test: (v.index(max(v)), test(the_best(r, v)))), "not its place"),
    ("choose_rate", choose_by(lambda r, v, test: test(the_best(r, v))), "2 values were expected"),
    ("choose_rate", choose_by(lambda r, v, test: (r[-1], test(r[-1]))), "last rate, whatever"),
    ("choose_rate", choose_by(lambda r, v, test: (r, test(r))), "none of the rates"),
    ("choose_rate", choose_by(lambda r, v, test: (1, test(max(v)))), "none of the rates"),
    ("choose_rate", starts_at_0, "the validation accuracies {0.1: 0.0}"),
    ("choose_rate", rounds, "the validation accuracies"),
    ("choose_rate", sorts_the_rates, "changes what it was given"),
    ("choose_rate", keeps_accuracies_of_former_calls, "any of them may be the best"),
    ("learn_by_heart", by_heart("bs"), "added to the one before"),
    ("learn_by_heart", by_heart("zsb"), "Nothing is learnt"),
    ("learn_by_heart", by_heart("zb"), "Nothing is learnt"),
    ("learn_by_heart", by_heart("zbss"), "For the numbers with a batch"),
    ("learn_by_heart", by_heart(ends=lambda right, labels: False), "You always take"),
    ("learn_by_heart", by_heart(ends=lambda right, labels: right >= len(labels) - 1), "misread"),
    ("learn_by_heart", by_heart(first=1), "from the start"),
    ("learn_by_heart", by_heart(more=1), "one step more than"),
    ("learn_by_heart", by_heart(more=-1), "too early"),
    ("learn_by_heart", by_heart(more=10**3), "what if that is not enough"),
    ("learn_by_heart", by_heart(result=lambda n, right, labels: (n, right / len(labels))), "not a fraction"),
    ("learn_by_heart", by_heart(result=lambda n, right, labels: (right, n)), "First the steps"),
    ("learn_by_heart", by_heart(result=lambda n, right, labels: (n + 1, right)), "one step too many"),
    ("learn_by_heart", by_heart(result=lambda n, right, labels: n), "2 values were expected"),
    ("learn_by_heart", counts_before_the_step, "from before the step"),
    ("learn_by_heart", lambda model, _, *others: by_heart()(model, F.cross_entropy, *others), "that you are given"),
    ("learn_by_heart", torch.no_grad()(by_heart()), "computed while PyTorch records"),
    ("learn_by_heart", heart(done=lambda c, l, n: c[-1] == n or l and c[-1] < c[-2]), "fewer images are right"),
    ("learn_by_heart", heart(result=lambda c, l, n: (len(l), max(c))), "best count"),
    (
        "learn_by_heart",
        heart(done=lambda *_: False, result=lambda c, l, n: (c.index(n), n) if n in c else (len(l), c[-1])),
        "optimizer takes `max_steps` steps",
    ),
    ("learn_by_heart", then(by_heart(), lambda *given: train_step(*given[:5])), "takes another step"),
    ("learn_by_heart", heart_of_copy, "those from before"),
]

RIGHT = {
    "cross_entropy": {
        "a tensor": F.cross_entropy,
        "logarithm of softmax": lambda x, y: -x.softmax(1)[range(len(y)), y].log().mean(),
        "float64": lambda x, y: np.mean([(row.exp().sum().log() - row[k]).item() for row, k in zip(x.double(), y)]),
    },
    "count_correct": {
        "a float": lambda x, y: (x.argmax(1) == y).float().sum().item(),
        "a tensor": lambda x, y: (x.argmax(1) == y).sum(),
        "NumPy": lambda x, y: np.sum(x.numpy().argmax(1) == y.numpy()),
        "softmax first": lambda x, y: len(y) - (x.softmax(1).argmax(1) - y).count_nonzero(),
    },
    "mean_loss": {
        "NumPy": lambda means, sizes: np.average(means, weights=sizes),
        "a tensor": lambda means, sizes: torch.tensor(means) @ torch.tensor(sizes).float() / sum(sizes),
    },
    "train_step": {
        "a detached tensor": step_returning(lambda loss: loss.detach()),
        "with a closure": step_with_closure,
        "gradients put in place": step_with_autograd,
        "clears twice": step_in_order("zbsz"),
    },
    "accuracy": {
        "a copy": in_a_copy,
        "back in train mode": back_in_train_mode,
        "frozen for a while": frozen_for_a_while,
    },
    "choose_rate": {
        "one line, as a list": chooses_in_one_line,
        "NumPy": chooses_with_numpy,
        "a loop from the end": chooses_in_a_loop,
    },
    "learn_by_heart": {
        "a loop": by_heart(),
        "tensors": by_heart(result=lambda n, right, labels: torch.tensor([n, right]).unbind()),
        "eval mode": lambda model, *others: by_heart()(model.eval(), *others),
    },
}


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    KEPT.clear()
    expect_hint(name, answer, words)


@pytest.mark.parametrize("name, words", [(name, words) for name, answers in RIGHT.items() for words in answers])
def test_other_right_answers_pass_every_time(name, words):
    expect_solved(name, RIGHT[name][words])


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=5)) >= 3
