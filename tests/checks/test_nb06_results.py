"""The checkers of notebook 06_results: typical mistakes get the hint meant for them."""

import torch
from verdicts import expect_hint, numbers_tried, typical_mistakes


def reading(eval_first=True, batch=True, record=False, of=lambda logits: logits.softmax(1)[0]):
    def read_digit(model, image):
        if eval_first:
            model.eval()
        with torch.set_grad_enabled(record):
            logits = model(image.unsqueeze(0) if batch else image[0])
            values = of(logits)
        return values.argmax().item(), values.max().item()

    return read_digit


def spread(correct, total):
    return (correct / total * (1 - correct / total) / total) ** 0.5


WRONG = [
    ("best_epoch", lambda history: history.test_loss.index(min(history.test_loss)), "count from 0"),
    ("best_epoch", lambda history: min(history.test_loss), "loss itself"),
    ("best_epoch", lambda history: len(history), "last epoch"),
    ("best_epoch", lambda history: history.train_loss.index(min(history.train_loss)) + 1, "look at the other"),
    ("best_epoch", lambda history: history.test_loss.index(max(history.test_loss)) + 1, "small"),
    ("best_epoch", lambda history: history.test_loss.sort() or 1, "changes what it was given"),
    ("interval", lambda c, n: (c / n - spread(c, n), c / n + spread(c, n)), "68 %"),
    ("interval", lambda c, n: (c / n + 1.96 * spread(c, n), c / n - 1.96 * spread(c, n)), "lower end"),
    ("interval", lambda c, n: 1.96 * spread(c, n), "both ends"),
    ("interval", lambda c, n: (c / n - 1.96 * spread(c, n) ** 2, c / n + 1.96 * spread(c, n) ** 2), "square root"),
    ("precision", lambda m, d: (m[d, d] / m[d].sum()).item(), "divide by the row"),
    ("precision", lambda m, d: (m.diag().sum() / m.sum()).item(), "over all digits"),
    ("precision", lambda m, d: (m[d, d] / m.sum()).item(), "not by all"),
    ("read_digit", reading(eval_first=False), "Which mode"),
    ("read_digit", reading(record=True), "recorded everything"),
    ("read_digit", reading(batch=False, of=lambda logits: logits.softmax(0)), "batch axis"),
    ("read_digit", reading(of=lambda logits: logits[0]), "This is the logit"),
    ("read_digit", reading(of=lambda logits: logits.softmax(0)[0]), "always 1"),
]


@typical_mistakes(WRONG)
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    expect_hint(name, answer, words)


def test_at_least_three_mistakes_are_tried():
    assert min(numbers_tried(WRONG, notebook=6)) >= 3
