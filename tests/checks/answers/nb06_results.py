"""Answers to the exercises of notebook 06, right and wrong, written from their texts alone."""

import copy
import heapq
import math

import numpy as np
import torch
import torch.nn.functional as F
from answers.common import repeats_first
from torch import nn
from torch.utils.data import DataLoader

# Exercise 6.1: best_epoch(history)


def epoch_by_loop(history):
    best, smallest = None, math.inf
    for epoch, loss in enumerate(history.test_loss, start=1):
        if loss < smallest:
            best, smallest = epoch, loss
    return best


def epoch_by_sorted_copy(history):
    pairs = [(loss, place) for place, loss in enumerate(history.test_loss)]
    pairs.sort()
    return pairs[0][1] + 1


def epoch_from_the_end(history):
    losses = list(history.test_loss)
    epoch = len(losses)
    while epoch > 1 and min(losses[: epoch - 1]) < losses[epoch - 1]:
        epoch -= 1
    return epoch


def epoch_of_first_rise(history):
    losses = history.test_loss
    for place in range(len(losses) - 1):
        if losses[place + 1] > losses[place]:
            return place + 1
    return len(losses)


def epoch_of_last_fall(history):
    losses = history.test_loss
    for place in range(len(losses) - 1, 0, -1):
        if losses[place] < losses[place - 1]:
            return place + 1
    return 1


def epoch_with_patience(history):
    best = 0
    for place, loss in enumerate(history.test_loss):
        if loss < history.test_loss[best]:
            best = place
        elif place - best >= 2:
            break
    return best + 1


def epoch_starting_at_one(history):
    best, smallest = 1, 1.0
    for epoch, loss in enumerate(history.test_loss, start=1):
        if loss < smallest:
            best, smallest = epoch, loss
    return best


def epoch_starting_at_zero(history):
    best, smallest = 0, 0.0
    for epoch, loss in enumerate(history.test_loss, start=1):
        if loss < smallest:
            best, smallest = epoch, loss
    return best


def epoch_by_emptying(history):
    losses, best, smallest = history.test_loss, 0, math.inf
    while losses:
        epoch, loss = len(losses), losses.pop()
        if loss < smallest:
            best, smallest = epoch, loss
    return best


def epoch_and_sort(history):
    epoch = history.test_loss.index(min(history.test_loss)) + 1
    history.test_loss.sort()
    return epoch


def epoch_and_note(history):
    history.test_loss.append(min(history.test_loss))
    return history.test_loss.index(min(history.test_loss)) + 1


BEST_SO_FAR = {"loss": math.inf, "epoch": 1}


def epoch_over_all_calls(history):
    for epoch, loss in enumerate(history.test_loss, start=1):
        if loss < BEST_SO_FAR["loss"]:
            BEST_SO_FAR.update(loss=loss, epoch=epoch)
    return BEST_SO_FAR["epoch"]


RIGHT_BEST_EPOCH = {
    "index of the smallest": lambda h: h.test_loss.index(min(h.test_loss)) + 1,
    "loop": epoch_by_loop,
    "NumPy": lambda h: np.argmin(h.test_loss) + 1,
    "tensor without axes": lambda h: torch.tensor(h.test_loss, dtype=torch.float64).argmin() + 1,
    "smallest place by its loss, as a float": lambda h: 1.0 + min(range(len(h.test_loss)), key=h.test_loss.__getitem__),
    "sorted pairs": epoch_by_sorted_copy,
    "heap of pairs": lambda h: heapq.nsmallest(1, zip(h.test_loss, range(1, 1 + len(h.test_loss))))[0][1],
    "from loss to epoch": lambda h: {loss: i for i, loss in enumerate(h.test_loss, 1)}[min(h.test_loss)],
    "from the end backwards": epoch_from_the_end,
}
WRONG_BEST_EPOCH = {
    "counts from 0": lambda h: h.test_loss.index(min(h.test_loss)),
    "one too far": lambda h: h.test_loss.index(min(h.test_loss)) + 2,
    "the last epoch": lambda h: len(h.test_loss),
    "always the first epoch": lambda h: 1,
    "smallest training loss": lambda h: h.train_loss.index(min(h.train_loss)) + 1,
    "largest test accuracy": lambda h: h.test_acc.index(max(h.test_acc)) + 1,
    "smallest test accuracy": lambda h: h.test_acc.index(min(h.test_acc)) + 1,
    "largest test loss": lambda h: h.test_loss.index(max(h.test_loss)) + 1,
    "the loss, not its epoch": lambda h: min(h.test_loss),
    "stops at the first rise": epoch_of_first_rise,
    "the last fall": epoch_of_last_fall,
    "gives up after two worse epochs": epoch_with_patience,
    "finds only losses below 1": epoch_starting_at_one,
    "finds only losses below 0": epoch_starting_at_zero,
    "forgets the last epoch": lambda h: h.test_loss.index(min(h.test_loss[:-1] or h.test_loss)) + 1,
    "forgets the first epoch": lambda h: h.test_loss.index(min(h.test_loss[1:] or h.test_loss)) + 1,
    "counts from the end": lambda h: h.test_loss[::-1].index(min(h.test_loss)) + 1,
    "rounds the losses to one decimal": lambda h: (
        min(range(len(h.test_loss)), key=lambda i: round(h.test_loss[i], 1)) + 1
    ),
    "smallest gap to the training loss": lambda h: int(np.argmin(np.subtract(h.test_loss, h.train_loss))) + 1,
    "empties the list": epoch_by_emptying,
    "sorts the list": epoch_and_sort,
    "adds to the list": epoch_and_note,
    "the best of all calls": epoch_over_all_calls,
    "the answer of the first call": repeats_first(epoch_by_loop),
    "a text": lambda h: str(epoch_by_loop(h)),
    "a list": lambda h: [epoch_by_loop(h)],
    "a tensor with an axis": lambda h: torch.tensor([epoch_by_loop(h)]),
    "epoch and loss": lambda h: (epoch_by_loop(h), min(h.test_loss)),
    "nothing": lambda h: None,
}

# Exercise 6.2: interval(correct, total)


def interval_plain(correct, total):
    p = correct / total
    d = 1.96 * math.sqrt(p * (1 - p) / total)
    return p - d, p + d


def interval_in_numpy(correct, total):
    p = np.float64(correct) / total
    ends = p + 1.96 * np.sqrt(p * (1 - p) / total) * np.array([-1.0, 1.0])
    return ends[0], ends[1]


def interval_in_float32(correct, total):
    p = torch.tensor(float(correct)) / total
    d = 1.96 * (p * (1 - p) / total).sqrt()
    return p - d, p + d


def interval_from_counts(correct, total):
    wrong = total - correct
    d = 1.96 * (correct * wrong / total) ** 0.5
    return (correct - d) / total, (correct + d) / total


def interval_from_answers(correct, total):
    answers = np.zeros(int(total))
    answers[: int(correct)] = 1
    d = 1.96 * answers.std() / math.sqrt(total)
    return float(answers.mean() - d), float(answers.mean() + d)


def interval_from_error(correct, total):
    error = (total - correct) / total
    d = 1.96 * math.sqrt(error * (1 - error)) / math.sqrt(total)
    return 1 - error - d, 1 - error + d


def wilson(correct, total):
    p, z = correct / total, 1.96
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    d = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total**2))
    return middle - d, middle + d


def interval_with_factor(factor, correct, total):
    p = correct / total
    d = factor * math.sqrt(p * (1 - p) / total)
    return p - d, p + d


def interval_without_root(correct, total):
    p = correct / total
    return p - 1.96 * p * (1 - p) / total, p + 1.96 * p * (1 - p) / total


def interval_without_n(correct, total):
    p = correct / total
    return p - 1.96 * math.sqrt(p * (1 - p)), p + 1.96 * math.sqrt(p * (1 - p))


def interval_with_p_only(correct, total):
    p = correct / total
    return p - 1.96 * math.sqrt(p / total), p + 1.96 * math.sqrt(p / total)


def interval_of_error(correct, total):
    return interval_plain(total - correct, total)


def interval_with_n_less_one(correct, total):
    p = correct / total
    d = 1.96 * math.sqrt(p * (1 - p) / max(total - 1, 1))
    return p - d, p + d


def interval_of_ten_thousand(correct, total):
    p = correct / total
    d = 1.96 * math.sqrt(p * (1 - p) / 10000)
    return p - d, p + d


def interval_in_whole_numbers(correct, total):
    p = correct // total
    d = 1.96 * math.sqrt(p * (1 - p) / total)
    return p - d, p + d


FIRST_TOTAL = []


def interval_with_first_total(correct, total):
    FIRST_TOTAL.append(total)
    return interval_plain(correct / total * FIRST_TOTAL[0], FIRST_TOTAL[0])


RIGHT_INTERVAL = {
    "as in the text": interval_plain,
    "NumPy": interval_in_numpy,
    "float32 tensors without axes": interval_in_float32,
    "in counts of images": interval_from_counts,
    "from ones and zeros": interval_from_answers,
    "by way of the error": interval_from_error,
    "unpacked from a sorted list": lambda c, n: tuple(
        sorted(c / n + s * 1.96 * (c * (n - c) / n**3) ** 0.5 for s in (1, -1))
    ),
}
WRONG_INTERVAL = {
    "the higher first": lambda c, n: interval_plain(c, n)[::-1],
    "the lower only": lambda c, n: interval_plain(c, n)[0],
    "share and d": lambda c, n: (c / n, interval_plain(c, n)[1] - c / n),
    "lower end and width": lambda c, n: (interval_plain(c, n)[0], interval_plain(c, n)[1] - interval_plain(c, n)[0]),
    "the share as a third number": lambda c, n: (interval_plain(c, n)[0], c / n, interval_plain(c, n)[1]),
    "Wilson's": wilson,
    "2.58 instead of 1.96": lambda c, n: interval_with_factor(2.58, c, n),
    "1.645 instead of 1.96": lambda c, n: interval_with_factor(1.645, c, n),
    "1 instead of 1.96": lambda c, n: interval_with_factor(1, c, n),
    "half as wide": lambda c, n: interval_with_factor(0.98, c, n),
    "without the root": interval_without_root,
    "not divided by n": interval_without_n,
    "p instead of p (1 - p)": interval_with_p_only,
    "of the errors, not the right answers": interval_of_error,
    "n - 1 instead of n, wrong for few images": interval_with_n_less_one,
    "n is always 10000": interval_of_ten_thousand,
    "n is that of the first call": interval_with_first_total,
    "share in whole numbers": interval_in_whole_numbers,
    "in percent": lambda c, n: tuple(100 * end for end in interval_plain(c, n)),
    "in images": lambda c, n: tuple(n * end for end in interval_plain(c, n)),
    "rounded to one decimal": lambda c, n: tuple(round(end, 1) for end in interval_plain(c, n)),
    "a negative lower end loses its sign": lambda c, n: (abs(interval_plain(c, n)[0]), interval_plain(c, n)[1]),
    "texts": lambda c, n: tuple(f"{end:.6f}" for end in interval_plain(c, n)),
    "tensors with an axis": lambda c, n: tuple(torch.tensor([end]) for end in interval_plain(c, n)),
    "always the same": lambda c, n: (0.97, 0.99),
}

# Exercise 6.3: precision(matrix, digit)


def precision_by_loop(matrix, digit):
    answers = 0
    for label in range(10):
        answers += int(matrix[label][digit])
    return int(matrix[digit][digit]) / answers


def precision_by_scaled_copy(matrix, digit):
    shares = matrix.clone().double()
    shares /= shares.sum(dim=0).clamp(min=1)
    return shares[digit, digit]


def precision_from_wrong_ones(matrix, digit):
    column = matrix.numpy().copy()[:, digit]
    wrong = np.delete(column, digit).sum()
    return 1 - wrong / column.sum()


def precision_from_single_answers(matrix, digit):
    labels = [label for label in range(10) for _ in range(int(matrix[label, digit]))]
    return labels.count(int(digit)) / len(labels)


def precision_by_product(matrix, digit):
    answer = torch.zeros(10, dtype=torch.float64)
    answer[digit] = 1
    column = matrix.double() @ answer
    return (answer @ column / column.sum()).item()


def precision_and_scale(matrix, digit):
    result = matrix[digit, digit].item() / matrix[:, digit].sum().item()
    matrix[:, digit] = matrix[:, digit] * 100 // matrix[:, digit].sum()
    return result


def precision_and_erase(matrix, digit):
    right = matrix[digit, digit].item()
    matrix[digit, digit] = 0
    return right / (right + matrix[:, digit].sum().item())


def f1_score(matrix, digit):
    return 2 * matrix[digit, digit] / (matrix[digit].sum() + matrix[:, digit].sum())


FIRST_DIGIT = []


def precision_of_first_digit(matrix, digit):
    FIRST_DIGIT.append(digit)
    return precision_by_loop(matrix, FIRST_DIGIT[0])


RIGHT_PRECISION = {
    "tensor without axes": lambda m, d: m[d, d] / m[:, d].sum(),
    "loop": precision_by_loop,
    "columns scaled in a copy": precision_by_scaled_copy,
    "by way of the wrong ones, NumPy": precision_from_wrong_ones,
    "single answers": precision_from_single_answers,
    "product with a one-hot vector": precision_by_product,
    "rows of the transposed matrix": lambda m, d: m.T.tolist()[d][d] / sum(m.T.tolist()[d]),
    "NumPy's trace and sum": lambda m, d: np.diagonal(m.numpy())[d] / m.numpy().sum(axis=0)[d],
}
WRONG_PRECISION = {
    "by row (the recall)": lambda m, d: m[d, d] / m[d].sum(),
    "row and column together (F1)": f1_score,
    "of all answers": lambda m, d: m[d, d] / m.sum(),
    "accuracy of the network": lambda m, d: m.trace() / m.sum(),
    "of the wrong answers": lambda m, d: m[d, d] / (m[:, d].sum() - m[d, d]).clamp(min=1),
    "share of wrong ones": lambda m, d: 1 - m[d, d] / m[:, d].sum(),
    "in percent": lambda m, d: 100 * m[d, d] / m[:, d].sum(),
    "number, not share": lambda m, d: m[d, d],
    "whole division": lambda m, d: m[d, d] // m[:, d].sum(),
    "largest of the column, not the diagonal": lambda m, d: m[:, d].max() / m[:, d].sum(),
    "largest of the column in the divisor": lambda m, d: m[d, d] / m[:, d].max(),
    "forgets label 9": lambda m, d: m[d, d] / m[:9, d].sum().clamp(min=1),
    "forgets label 0": lambda m, d: m[d, d] / m[1:, d].sum().clamp(min=1),
    "always of the 9": lambda m, d: m[9, 9] / m[:, 9].sum().clamp(min=1),
    "digit 0 counts as no digit": lambda m, d: precision_by_loop(m, d or 9),
    "digits counted from 1": lambda m, d: precision_by_loop(m, d - 1) if m[:, d - 1].sum() else 0.0,
    "a thousand of each": lambda m, d: m[d, d] / 1000,
    "1 where no answer is right": lambda m, d: (m[d, d].item() or m[:, d].sum().item()) / m[:, d].sum().item(),
    "numbers cut to 8 bits": lambda m, d: m[d, d].to(torch.uint8).item() / max(1, m[:, d].to(torch.uint8).sum().item()),
    "rounded to one decimal": lambda m, d: round(precision_by_loop(m, d), 1),
    "all ten": lambda m, d: m.diagonal() / m.sum(dim=0).clamp(min=1),
    "a tensor with an axis": lambda m, d: (m[d, d] / m[:, d].sum()).reshape(1),
    "a text": lambda m, d: f"{precision_by_loop(m, d):.6f}",
    "turns the matrix over in place": lambda m, d: precision_by_loop(m.t_().t(), d),
    "scales the matrix in place": precision_and_scale,
    "erases the diagonal in place": precision_and_erase,
    "the digit of the first call": precision_of_first_digit,
}

# Exercise 6.4: read_digit(model, image)


def read_plain(model, image):
    model.eval()
    with torch.no_grad():
        probabilities = model(image.unsqueeze(0)).softmax(dim=1)[0]
    return probabilities.argmax().item(), probabilities.max().item()


def read_and_put_modes_back(model, image):
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.inference_mode():
            probability, digit = F.softmax(model(image[None]), dim=-1).max(dim=-1)
        return int(digit), float(probability)
    finally:
        for module, mode in modes:
            module.training = mode


def read_with_a_copy(model, image):
    twin = copy.deepcopy(model).eval()
    logits = twin(torch.stack([image.clone()])).detach().squeeze(0).double().numpy()
    shares = np.exp(logits - logits.max())
    return np.argmax(shares), shares.max() / shares.sum()


@torch.no_grad()
def read_by_loop(model, image):
    model.train(False)
    logits = model(image.reshape(1, 1, 28, 28))[0].tolist()
    digit = 0
    for other in range(1, 10):
        if logits[other] > logits[digit]:
            digit = other
    return digit, 1 / sum(math.exp(logit - logits[digit]) for logit in logits)


def read_with_recording(model, image):
    model.eval()
    best = model(image.view(1, *image.shape)).log_softmax(dim=1).topk(1)
    return best.indices.item(), best.values.exp().item()


def read_twice_the_same(model, image):
    model.eval()
    with torch.no_grad():
        probabilities = torch.softmax(model(torch.stack([image, image])), dim=1)
    return probabilities[1].argmax(), probabilities[1].max()


def read_with_loader(model, image):
    model.eval()
    with torch.no_grad():
        for batch in DataLoader([image], batch_size=1):
            probabilities = nn.Softmax(dim=1)(model(batch)).flatten()
    ordered = probabilities.sort(descending=True)
    return ordered.indices[0].item(), ordered.values[0].item()


def shares_of(model, image):
    """The ten probabilities, got in the right way."""
    model.eval()
    with torch.no_grad():
        return model(image[None]).softmax(dim=1)[0]


def read_without_eval(model, image):
    with torch.no_grad():
        shares = model(image[None]).softmax(dim=1)[0]
    return shares.argmax().item(), shares.max().item()


def read_in_train_mode(model, image):
    model.train()
    return read_without_eval(model, image)


def read_with_eval_at_the_top(model, image):
    model.training = False
    return read_without_eval(model, image)


def read_mean_of_dropout(model, image):
    with torch.no_grad():
        shares = torch.stack([model(image[None]).softmax(dim=1)[0] for _ in range(5)]).mean(dim=0)
    return shares.argmax().item(), shares.max().item()


def read_and_train(model, image):
    answer = read_plain(model, image)
    model.train()
    return answer


def read_without_batch(model, image):
    model.eval()
    with torch.no_grad():
        shares = model(image).softmax(dim=-1)
    return shares.argmax().item(), shares.max().item()


def read_flat(model, image):
    model.eval()
    with torch.no_grad():
        shares = model(image.flatten()[None]).softmax(dim=1)[0]
    return shares.argmax().item(), shares.max().item()


def read_logit(model, image):
    model.eval()
    with torch.no_grad():
        logits = model(image[None])[0]
    return logits.argmax().item(), logits.max().item()


def read_sigmoid(model, image):
    digit, logit = read_logit(model, image)
    return digit, 1 / (1 + math.exp(-logit))


def read_softmax_over_batch(model, image):
    model.eval()
    with torch.no_grad():
        logits = model(image[None])
    return logits.argmax().item(), logits.softmax(dim=0).max().item()


def read_largest_over_batch(model, image):
    digit = shares_of(model, image)[None].argmax(dim=0)[0].item()
    return digit, shares_of(model, image)[digit].item()


def read_softmax_twice(model, image):
    shares = shares_of(model, image).softmax(dim=0)
    return shares.argmax().item(), shares.max().item()


def read_second(model, image):
    best = shares_of(model, image).topk(2)
    return best.indices[1].item(), best.values[1].item()


def read_with_axis(model, image):
    probability, digit = shares_of(model, image)[None].max(dim=1)
    return digit, probability


def read_and_add_axis(model, image):
    image.unsqueeze_(0)
    model.eval()
    with torch.no_grad():
        shares = model(image).softmax(dim=1)[0]
    return shares.argmax().item(), shares.max().item()


def read_and_change_image(model, image):
    answer = read_plain(model, image)
    image.sub_(image.mean())
    return answer


def read_and_record_image(model, image):
    answer = read_plain(model, image)
    image.requires_grad_()
    return answer


def read_and_freeze(model, image):
    model.requires_grad_(False)
    return read_plain(model, image)


def read_without_dropout(model, image):
    for module in model.modules():
        if "Dropout" in type(module).__name__:
            module.p = 0.0
    return read_plain(model, image)


def read_and_leave_hook(model, image):
    heard = []
    model.register_forward_hook(lambda module, inputs, output: heard.append(output.detach()))
    read_plain(model, image)
    shares = heard[-1].softmax(dim=1)[0]
    return shares.argmax().item(), shares.max().item()


def read_and_go_back(model, image):
    model.eval()
    shares = model(image[None]).softmax(dim=1)[0]
    shares.max().backward()
    return shares.argmax().item(), shares.max().item()


RIGHT_READ_DIGIT = {
    "eval, no_grad, unsqueeze": read_plain,
    "all modes put back": read_and_put_modes_back,
    "a copy of the model, NumPy": read_with_a_copy,
    "loop": read_by_loop,
    "recorded, but returned as numbers": read_with_recording,
    "batch of two, tensors without axes": read_twice_the_same,
    "loader of one image": read_with_loader,
}
WRONG_READ_DIGIT = {
    "dropout still works": read_without_eval,
    "in train mode": read_in_train_mode,
    "eval for the top only": read_with_eval_at_the_top,
    "mean of five passes with dropout": read_mean_of_dropout,
    "always in train mode afterwards": read_and_train,
    "no batch axis": read_without_batch,
    "flat image": read_flat,
    "logit, not probability": read_logit,
    "sigmoid": read_sigmoid,
    "softmax along the batch": read_softmax_over_batch,
    "largest along the batch": read_largest_over_batch,
    "softmax twice": read_softmax_twice,
    "second most probable": read_second,
    "least probable": lambda m, i: (shares_of(m, i).argmin().item(), shares_of(m, i).min().item()),
    "digit counted from 1": lambda m, i: (read_plain(m, i)[0] + 1, read_plain(m, i)[1]),
    "probability first": lambda m, i: read_plain(m, i)[::-1],
    "the digit only": lambda m, i: read_plain(m, i)[0],
    "all ten probabilities": lambda m, i: (read_plain(m, i)[0], shares_of(m, i)),
    "logarithm of the probability": lambda m, i: (read_plain(m, i)[0], math.log(read_plain(m, i)[1])),
    "one less the probability": lambda m, i: (read_plain(m, i)[0], 1 - read_plain(m, i)[1]),
    "in percent": lambda m, i: (read_plain(m, i)[0], 100 * read_plain(m, i)[1]),
    "probability rounded to a whole number": lambda m, i: (read_plain(m, i)[0], round(read_plain(m, i)[1])),
    "tensors with an axis": read_with_axis,
    "digit as a text": lambda m, i: (str(read_plain(m, i)[0]), read_plain(m, i)[1]),
    "image on its side": lambda m, i: read_plain(m, i.transpose(1, 2)),
    "image scaled a second time": lambda m, i: read_plain(m, i / 255),
    "image gets an axis in place": read_and_add_axis,
    "image changed in place": read_and_change_image,
    "image takes part in gradients": read_and_record_image,
    "weights frozen": read_and_freeze,
    "dropout switched off for good": read_without_dropout,
    "hook left behind": read_and_leave_hook,
    "gradients left in the weights": read_and_go_back,
    "the answer of the first call": repeats_first(read_plain),
}

# Exercise 6.5: most_overconfident(table)


def row_by_loop(table):
    place, largest = -1, 0
    for number, row in enumerate(table):
        answers, probability, accuracy = row
        if answers >= 30 and probability - accuracy > largest:
            place, largest = number, probability - accuracy
    return place


def row_by_numpy(table):
    values = np.array([[float(value) for value in row] for row in table]).reshape(-1, 3)
    gaps = np.where(values[:, 0] < 30, -np.inf, values[:, 1] - values[:, 2])
    return np.argmax(gaps) if (gaps > 0).any() else -1


def row_by_tensor(table):
    numbers = torch.tensor([int(row[0]) for row in table] + [30])
    gaps = torch.tensor([float(row[1]) - float(row[2]) for row in table] + [0.0], dtype=torch.float64)
    gaps[numbers < 30] = -1
    return gaps.argmax() if gaps.max() > 0 else torch.tensor(-1)


def row_by_sorting(table):
    places = [place for place, (number, share, accuracy) in enumerate(table) if number > 29 and share > accuracy]
    places.sort(key=lambda place: table[place][2] - table[place][1])
    return places[0] if places else -1


def row_by_gaps(table):
    gaps = {place: row[1] - row[2] for place, row in enumerate(table) if not row[0] < 30}
    largest = max(gaps.values(), default=0)
    if largest <= 0:
        return -1
    return next(place for place, gap in gaps.items() if gap == largest)


def row_by_halves(table, start=0, end=None):
    end = len(table) if end is None else end
    if end - start < 2:
        counts = end > start and table[start][0] >= 30 and table[start][1] > table[start][2]
        return start if counts else -1
    middle = (start + end) // 2
    left, right = row_by_halves(table, start, middle), row_by_halves(table, middle, end)
    if -1 in (left, right):
        return max(left, right)
    return right if table[right][1] - table[right][2] > table[left][1] - table[left][2] else left


def row_by(score, table, smallest=30):
    """The place of the row that counts with the largest score above 0, or -1."""
    place, largest = -1, 0
    for number, row in enumerate(table):
        if row[0] >= smallest and score(*row) > largest:
            place, largest = number, score(*row)
    return place


def row_even_if_none(table):
    places = [place for place, row in enumerate(table) if row[0] >= 30]
    return max(places, key=lambda place: table[place][1] - table[place][2], default=-1)


def row_with_gap_zero(table):
    place, largest = -1, 0
    for number, (answers, share, accuracy) in enumerate(table):
        if answers >= 30 and share - accuracy >= largest:
            place, largest = number, share - accuracy
    return place


def row_among_large_ones(table):
    return row_by_loop([row for row in table if row[0] >= 30])


def row_first_found(table):
    return next((place for place, row in enumerate(table) if row[0] >= 30 and row[1] > row[2]), -1)


def row_last_found(table):
    return max((place for place, row in enumerate(table) if row[0] >= 30 and row[1] > row[2]), default=-1)


def row_until_small_one(table):
    few = [place for place, row in enumerate(table) if row[0] < 30]
    return row_by_loop(table[: few[0]] if few else table)


def row_or_zero(table):
    return max(row_by_loop(table), 0)


def row_or_none(table):
    place = row_by_loop(table)
    return None if place < 0 else place


def row_itself(table):
    place = row_by_loop(table)
    return -1 if place < 0 else table[place]


def row_gap(table):
    place = row_by_loop(table)
    return -1 if place < 0 else table[place][1] - table[place][2]


def row_if_largest_counts(table):
    gaps = [row[1] - row[2] for row in table]
    place = gaps.index(max(gaps))
    return place if table[place][0] >= 30 and gaps[place] > 0 else -1


def row_and_remove_small(table):
    place = row_by_loop(table)
    for row in [row for row in table if row[0] < 30]:
        table.remove(row)
    return place


def row_and_sort(table):
    place = row_by_loop(table)
    table.sort(key=lambda row: row[2] - row[1])
    return place


def row_and_empty(table):
    place = row_by_loop(table)
    table.clear()
    return place


LARGEST_GAP = [0]


def row_over_all_calls(table):
    place = -1
    for number, (answers, share, accuracy) in enumerate(table):
        if answers >= 30 and share - accuracy > LARGEST_GAP[0]:
            place, LARGEST_GAP[0] = number, share - accuracy
    return place


RIGHT_MOST_OVERCONFIDENT = {
    "loop": row_by_loop,
    "NumPy": row_by_numpy,
    "tensor without axes, with a row of its own at the end": row_by_tensor,
    "places sorted": row_by_sorting,
    "a dictionary of gaps": row_by_gaps,
    "half by half": row_by_halves,
    "largest pair, as a float": lambda t: float(
        max([(r[1] - r[2], i) for i, r in enumerate(t) if r[0] >= 30 and r[1] > r[2]], default=(0, -1))[1]
    ),
}
WRONG_MOST_OVERCONFIDENT = {
    "farthest in either direction": lambda t: row_by(lambda n, p, a: abs(p - a), t),
    "most underconfident": lambda t: row_by(lambda n, p, a: a - p, t),
    "small rows count as well": lambda t: row_by(lambda n, p, a: p - a, t, smallest=0),
    "a row of exactly 30 is left out": lambda t: row_by(lambda n, p, a: p - a, t, smallest=31),
    "a row of 29 counts": lambda t: row_by(lambda n, p, a: p - a, t, smallest=29),
    "rows below 100 are left out": lambda t: row_by(lambda n, p, a: p - a, t, smallest=100),
    "gap times number": lambda t: row_by(lambda n, p, a: (p - a) * n, t),
    "ratio instead of difference": lambda t: row_by(lambda n, p, a: p / a - 1 if a else math.inf, t),
    "ratio of the errors": lambda t: row_by(lambda n, p, a: (1 - a) / max(1 - p, 1e-9) - 1, t),
    "highest probability": lambda t: row_by(lambda n, p, a: p, t),
    "lowest accuracy": lambda t: row_by(lambda n, p, a: 1 - a, t),
    "most answers": lambda t: row_by(lambda n, p, a: n, t),
    "only gaps above 0.1": lambda t: row_by(lambda n, p, a: p - a - 0.1, t),
    "gaps rounded to one decimal": lambda t: row_by(lambda n, p, a: round(p - a, 1), t),
    "never -1": row_even_if_none,
    "a gap of 0 is enough": row_with_gap_zero,
    "place among the large rows": row_among_large_ones,
    "the first found": row_first_found,
    "the last found": row_last_found,
    "stops at the first small row": row_until_small_one,
    "-1 if the largest gap is in a small row": row_if_largest_counts,
    "0 if there is none": row_or_zero,
    "nothing if there is none": row_or_none,
    "counts from 1": lambda t: row_by_loop(t) + 1 if row_by_loop(t) >= 0 else -1,
    "counts from the end": lambda t: len(t) - 1 - row_by_loop(t) if row_by_loop(t) >= 0 else -1,
    "forgets the last row": lambda t: row_by_loop(t[:-1]),
    "forgets the first row": lambda t: row_by_loop(t[1:]) + 1 if row_by_loop(t[1:]) >= 0 else -1,
    "the row itself": row_itself,
    "the gap": row_gap,
    "a text": lambda t: str(row_by_loop(t)),
    "a list": lambda t: [row_by_loop(t)],
    "removes the small rows": row_and_remove_small,
    "sorts the table": row_and_sort,
    "empties the table": row_and_empty,
    "compares with tables from before": row_over_all_calls,
}

RIGHT = {
    "best_epoch": RIGHT_BEST_EPOCH,
    "interval": RIGHT_INTERVAL,
    "precision": RIGHT_PRECISION,
    "read_digit": RIGHT_READ_DIGIT,
    "most_overconfident": RIGHT_MOST_OVERCONFIDENT,
}
WRONG = {
    "best_epoch": WRONG_BEST_EPOCH,
    "interval": WRONG_INTERVAL,
    "precision": WRONG_PRECISION,
    "read_digit": WRONG_READ_DIGIT,
    "most_overconfident": WRONG_MOST_OVERCONFIDENT,
}
