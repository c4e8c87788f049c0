"""The checkers: solutions pass, blank stubs get the first hint, and typical mistakes get the hint meant for them."""

import ast
import math
import statistics

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_notebooks import NOTEBOOKS
from torch import nn
from torch.utils.data import DataLoader

from mnist_lesson import checks
from mnist_lesson.checks import judge

REPEATS = 5  # verdicts must not depend on the numbers that were drawn
CELLS = {name: [cell for cell in notebook.cells if cell.cell_type == "code"] for name, notebook in NOTEBOOKS.items()}


def cells_tagged(tag):
    return [(name, cell) for name, cells in CELLS.items() for cell in cells if tag in cell.metadata.get("tags", [])]


def the_function(source):
    return next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


def the_checker(source):
    """The name in the call `checks.NAME(...)` at the end of a cell."""
    return ast.parse(source).body[-1].value.func.attr


def run_cell(name, source):
    """Run a cell as in the notebook, after the first cell of its exercises."""
    start = next(cell for cell in CELLS[name] if cell.id == "exercises-start")
    namespace = {}
    exec(start.source, namespace)
    exec(source, namespace)
    return namespace


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "SOLVED_FILE", tmp_path / "runs" / "exercises.json")
    monkeypatch.setattr(checks, "SOLVED_FILE", tmp_path / "runs" / "exercises.json")


STUBS = {the_checker(cell.source): (name, cell) for name, cell in cells_tagged("exercise")}
SOLUTIONS = {the_checker(cell.source): (name, cell) for name, cell in cells_tagged("solution")}
CHECKERS = {checker.__name__: checker for checker in checks.all_checkers()}
QUICK = [name for name, checker in CHECKERS.items() if not checker.number.startswith("10.")]  # test_faults.py: the rest


def test_each_checker_has_one_stub_and_one_solution_and_nothing_else_has():
    assert list(STUBS) == list(SOLUTIONS) == list(CHECKERS)
    assert len(cells_tagged("exercise")) == len(cells_tagged("solution")) == len(CHECKERS)


def test_each_notebook_has_three_to_six_exercises_numbered_in_order():
    for name in NOTEBOOKS:
        numbers = [
            checker.number for checker in CHECKERS.values() if checker.number.split(".")[0] == str(int(name[:2]))
        ]
        assert numbers == [f"{int(name[:2])}.{k}" for k in range(1, len(numbers) + 1)], name
        assert len(numbers) >= 3 and (len(numbers) <= 6 or name.startswith("10")), name


@pytest.mark.parametrize("name", CHECKERS)
def test_stub_and_solution_do_not_drift(name):
    stub, solution = (the_function(cells[name][1].source) for cells in (STUBS, SOLUTIONS))
    assert stub.name == solution.name and ast.dump(stub.args) == ast.dump(solution.args)
    assert "raises-exception" in STUBS[name][1].metadata.tags, "or a syntax error of a learner stops `Run All`"
    assert SOLUTIONS[name][1].metadata.jupyter.source_hidden, "a solution is folded away"


@pytest.mark.parametrize("name", CHECKERS)
def test_each_heading_says_how_hard_and_how_long(name):
    notebook, stub = STUBS[name]
    cells = NOTEBOOKS[notebook].cells
    before = cells[[cell.id for cell in cells].index(stub.id) - 1].source
    assert before.startswith(f"### Exercise {CHECKERS[name].number}: ")
    assert any(f"({level}, " in before.splitlines()[0] for level in ("easy", "medium", "hard"))


@pytest.mark.parametrize("name", QUICK)
def test_the_solution_passes_and_does_not_count_as_solved(name, capsys):
    notebook, cell = SOLUTIONS[name]
    namespace = run_cell(notebook, cell.source)
    assert capsys.readouterr().out == f"Exercise {CHECKERS[name].number}, {name}: the solution passes.\n"
    assert judge.load_solved() == []
    for _ in range(3 * REPEATS):
        assert CHECKERS[name].judge(namespace[name]).state == judge.SOLVED


@pytest.mark.parametrize("name", QUICK)
def test_the_blank_stub_gets_its_first_hint(name, capsys):
    notebook, cell = STUBS[name]
    run_cell(notebook, cell.source)
    out = capsys.readouterr().out
    assert out.startswith(f"Exercise {CHECKERS[name].number}, {name}: not attempted yet. First hint: ")
    assert len(out) > 60


@pytest.mark.parametrize("name", QUICK)
def test_nothing_that_a_learner_returns_passes_by_accident(name):
    class EqualToAll:
        def __eq__(self, other):
            return True

    nan = float("nan")
    values = [nan, True, "", EqualToAll(), [], (nan, nan), torch.tensor(nan), torch.full((3,), nan), np.array(nan), {}]
    values += [(EqualToAll(), EqualToAll()), [torch.tensor(nan)], nn.Identity(), torch.device, object()]
    for value in values:
        verdict = CHECKERS[name].judge(lambda *arguments, value=value: value)
        assert verdict.state == judge.NOT_YET and len(verdict.hint) > 20, (name, value)


# Typical mistakes, written as learners write them, and words of the hint meant for each.


def draws_again(seed):
    torch.manual_seed(seed)
    torch.rand(3)
    return torch.rand(3)


def seed_zero(seed):
    torch.manual_seed(0)
    return torch.rand(3)


def to_without_keeping(a, b):
    b.to(a.device)
    return a + b


def loaders(train_ds, test_ds, batch_size, train=None, test=None):
    train = {"shuffle": True} if train is None else train
    return DataLoader(train_ds, batch_size, **train), DataLoader(test_ds, batch_size, **(test or {}))


def network(side, classes, end=None, relu=nn.ReLU, flat=None, maps=64, first=nn.ReLU):
    size = ((side - 2) // 2 - 2) // 2
    layers = [nn.Conv2d(1, 32, 3), first(), nn.MaxPool2d(2), nn.Conv2d(32, maps, 3), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(flat or maps * size**2, 64), relu(), nn.Linear(64, classes)]
    return nn.Sequential(*layers, *(end or []))


def mean_place(image):
    total = image.sum().item()
    return tuple((image.sum(1 - axis) * torch.arange(image.shape[axis])).sum().item() / total for axis in (0, 1))


def refused(logits, is_refused):
    return torch.where(is_refused, -1, logits.argmax(1))


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


def cut(order, batch_size):
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


WRONG = [
    ("seeded_numbers", seed_zero, "Every seed gives the same"),
    ("seeded_numbers", draws_again, "draw only once"),
    ("seeded_numbers", lambda seed: torch.rand(3), "set the seed in it"),
    ("seeded_numbers", lambda seed: [0.1, 0.2, 0.3], "a tensor was expected"),
    ("add_anywhere", lambda a, b: a + b, "still on two devices"),
    ("add_anywhere", to_without_keeping, "did you keep it"),
    ("add_anywhere", lambda a, b: a.to("meta") + b.to("meta"), "With both tensors on the CPU"),
    ("add_anywhere", lambda a, b: a - b.to(a.device), "With both tensors on the CPU"),
    ("device_of", lambda model: model.device, "its weights could lie on several"),
    ("device_of", lambda model: torch.device("cpu"), "ask the model"),
    ("device_of", lambda model: str(next(model.parameters()).device), "This is a text"),
    ("device_of", lambda model: next(model.parameters()), "This is a weight"),
    ("device_of", lambda model: next(model.parameters), "first element"),
    ("batch_count", lambda size, b, drop_last: size // b, "make a last, smaller batch"),
    ("batch_count", lambda size, b, drop_last: math.ceil(size / b), "left out"),
    ("batch_count", lambda size, b, drop_last: size // b if drop_last else size // b + 1, "come out even"),
    ("batch_count", lambda size, b, drop_last: size / b, "no half batch"),
    ("batch_count", lambda size, b, drop_last: float(size // b) if drop_last else float(math.ceil(size / b)), "whole"),
    ("to_image", lambda stored: stored / 255, "channel axis is missing"),
    ("to_image", lambda stored: (stored / 255).unsqueeze(-1), "channel comes first"),
    ("to_image", lambda stored: stored.unsqueeze(0).float(), "up to 255"),
    ("to_image", lambda stored: stored.unsqueeze(0) / 256, "stored as 255"),
    ("to_image", lambda stored: stored.float().div_(255).unsqueeze(0).numpy(), "a tensor was expected"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, train={}), "same order in each epoch"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, test={"shuffle": True}), "test loader shuffles"),
    ("make_loaders", lambda a, b, n: loaders(a, b, 1), "size that was asked for"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n, {"shuffle": True, "drop_last": True}), "leaves images out"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n)[::-1], "training loader comes first"),
    ("make_loaders", lambda a, b, n: loaders(a, b, n)[0], "Expected two loaders"),
    ("count_classes", torch.bincount, "always have 10"),
    ("count_classes", lambda labels: torch.bincount(labels, minlength=10) / len(labels), "shares"),
    ("count_classes", lambda labels: torch.unique(labels, return_counts=True)[1], "must"),
    ("count_classes", lambda labels: [int((labels == d).sum()) for d in range(10)], "a tensor was expected"),
    ("to_picture", lambda image: image[0].numpy(), "takes part in gradients"),
    ("to_picture", lambda image: image.detach().numpy(), "channel is still there"),
    ("to_picture", lambda image: np.squeeze(image.detach().numpy()), "bare `squeeze`"),
    ("to_picture", lambda image: image[0].detach(), "an array was asked for"),
    ("to_pictures", lambda images: images.squeeze(), "drops the batch axis"),
    ("to_pictures", lambda images: images[0], "only the first image"),
    ("to_pictures", lambda images: images, "still there"),
    ("to_pictures", lambda images: images.squeeze(0), "another axis"),
    ("stretch", lambda p: p / p.max(), "must become 0"),
    ("stretch", lambda p: p - p.min(), "must become 1"),
    ("stretch", lambda p: (p - p.min()) / p.max(), "no longer the old maximum"),
    ("stretch", lambda p: (p - p.min()) / (p.max() - p.min()), "divide by zero"),
    ("stretch", lambda p: p.sub_(p.min()), "changes what it was given"),
    ("mean_image", lambda images, labels, digit: images.float().mean(0), "mean of all images"),
    ("mean_image", lambda images, labels, digit: images[labels == digit].float().mean(), "one number"),
    ("mean_image", lambda images, labels, digit: images[labels == digit].float().sum(0), "This is the sum"),
    ("mean_image", lambda images, labels, digit: images[labels == digit].mean(0), "mean"),
    ("size_after", lambda size, k, pool: (size - k) // pool, "count the places"),
    ("size_after", lambda size, k, pool: (size - k + 1) / pool, "rounds down"),
    ("size_after", lambda size, k, pool: size - k + 1, "pooling makes it smaller"),
    ("size_after", lambda size, k, pool: size // pool - k + 1, "convolution comes first"),
    ("flat_size", lambda side: (((side - 2) // 2 - 2) // 2) ** 2, "How many maps"),
    ("flat_size", lambda side: 1600, "28 only"),
    ("flat_size", lambda side: 32 * (((side - 2) // 2 - 2) // 2) ** 2, "32 maps leave conv1"),
    ("flat_size", lambda side: 64 * (side // 4) ** 2, "convolutions take"),
    ("flat_size", lambda side: 64.0 * (((side - 2) // 2 - 2) // 2) ** 2, "whole number"),
    ("conv_parameters", lambda i, o, k: k * k * i * o, "biases are missing"),
    ("conv_parameters", lambda i, o, k: (k * k + 1) * o, "window of its own"),
    ("conv_parameters", lambda i, o, k: k * k * i * o + 1, "How many biases"),
    ("conv_parameters", lambda i, o, k: (k * i + 1) * o, "height and a width"),
    ("probabilities", lambda logits: logits.softmax(0), "columns"),
    ("probabilities", lambda logits: logits.exp() / logits.exp().sum(1, keepdim=True), "overflows"),
    ("probabilities", lambda logits: logits.exp(), "divide"),
    ("probabilities", lambda logits: logits.exp() / logits.exp().sum(), "whole table"),
    ("probabilities", lambda logits: logits.exp_(), "changes what it was given"),
    ("build", lambda side, classes: network(side, classes, end=[nn.Softmax(dim=1)]), "softmax at the end"),
    ("build", lambda side, classes: network(side, classes, end=[nn.ReLU()]), "ReLU at the end"),
    ("build", lambda side, classes: network(side, classes, relu=nn.Identity), "after fc1"),
    ("build", lambda side, classes: network(side, classes, first=nn.Identity), "after conv1"),
    ("build", lambda side, classes: network(side, classes, flat=1600), "right number of inputs"),
    ("build", lambda side, classes: network(side, 10), "shape"),
    ("build", lambda side, classes: network(side, classes, maps=32), "layers differ"),
    ("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="sum"), "sum over the batch"),
    ("cross_entropy", lambda x, y: x.log_softmax(1)[range(len(y)), y].mean(), "sign"),
    ("cross_entropy", lambda x, y: -x.softmax(1)[range(len(y)), y].mean(), "logarithm is missing"),
    ("cross_entropy", lambda x, y: F.cross_entropy(x.softmax(1), y), "twice"),
    ("count_correct", lambda x, y: (x.argmax(1) == y).float().mean().item(), "This is the accuracy"),
    ("count_correct", lambda x, y: (x.argmax(1) == y).float().sum().item(), "whole number"),
    ("count_correct", lambda x, y: (x.argmax(0) == y).sum().item(), "axis"),
    ("count_correct", lambda x, y: x.argmax(1) == y, "Count"),
    ("mean_loss", lambda means, sizes: sum(means) / len(means), "must count less"),
    ("mean_loss", lambda means, sizes: sum(m * s for m, s in zip(means, sizes)) / len(means), "number of samples"),
    ("mean_loss", lambda means, sizes: sum(means) / sum(sizes), "whole batch"),
    ("train_step", step_in_order("bs"), "older gradient was still there"),
    ("train_step", step_in_order("zsb"), "did not change"),
    ("train_step", step_in_order("szb"), "`step` comes after"),
    ("train_step", step_in_order("bzs"), "did not change"),
    ("train_step", step_in_order("zbss"), "exactly one"),
    ("train_step", step_returning(lambda loss: loss), ".item()"),
    ("train_step", step_returning(lambda loss: float("nan")), "Return the loss"),
    ("accuracy", without_eval, "train mode"),
    ("accuracy", without_no_grad, "recorded everything"),
    ("accuracy", mean_of_means, "mean of the batch means"),
    ("accuracy", count_only, "This is a count"),
    ("best_epoch", lambda history: history.test_loss.index(min(history.test_loss)), "count from 0"),
    ("best_epoch", lambda history: min(history.test_loss), "loss itself"),
    ("best_epoch", lambda history: len(history), "last epoch"),
    ("best_epoch", lambda history: history.train_loss.index(min(history.train_loss)) + 1, "last epoch"),
    ("best_epoch", lambda history: history.test_loss.index(max(history.test_loss)) + 1, "small"),
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
    ("listen", listening(remove=False), "still there"),
    ("listen", listening(after_error=False), "stops with an error"),
    ("listen", listening(of=lambda heard, model, images: model(images)), "leaves the whole model"),
    ("listen", listening(of=lambda heard, model, images: heard), "tensor alone"),
    ("listen", listens_to_the_input, "what went into the layer"),
    ("listen", listens_with_two_arguments, "three things"),
    ("listen", listening(of=lambda heard, model, images: tuple(heard[0].shape)), "keep the tensor itself"),
    ("listen", listens_too_late, "heard nothing"),
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
    ("first_share", lambda f: share(f - f.mean(0), directions=2), "two directions"),
    ("first_share", lambda f: share(f - f.mean(0), power=1) ** 2, "Square each"),
    ("fall_without", erases_in_place, "changes what it was given"),
    ("fall_without", lambda m, x, d, r, c, s: m(x)[0, d].item(), "takes batches"),
    ("bright_ink", lambda picture: 1 - picture, "always invert"),
    ("bright_ink", lambda picture: picture.clone(), "never invert"),
    ("bright_ink", lambda picture: 1 - picture if picture.mean() > 0.5 else picture, "pulls the mean"),
    ("bright_ink", lambda picture: picture if picture.median() > 0.5 else 1 - picture, "wrong way round"),
    ("bright_ink", lambda picture: 255 - picture if picture.median() > 0.5 else picture, "not 255"),
    ("new_size", lambda height, width: (20, 20), "distorts"),
    ("new_size", lambda height, width: (20, max(1, round(width * 20 / height))), "more than 20"),
    ("new_size", lambda height, width: (20, round(width * 20 / height)), "more than 20"),
    ("new_size", lambda h, w: (h * 20 / max(h, w), w * 20 / max(h, w)), "`round` makes"),
    ("new_size", lambda h, w: (h * 20 // max(h, w), w * 20 // max(h, w)), "only cut off"),
    ("new_size", lambda h, w: (max(1, int(h * 20 / max(h, w))), max(1, int(w * 20 / max(h, w)))), "only cut off"),
    ("new_size", lambda h, w: (round(h * 20 / max(h, w)), round(w * 20 / max(h, w))), "at least 1"),
    ("new_size", lambda h, w: (max(1, round(w * 20 / max(h, w))), max(1, round(h * 20 / max(h, w)))), "height comes"),
    ("centre_of_mass", lambda image: mean_place(image)[::-1], "row comes first"),
    ("centre_of_mass", lambda image: mean_place((image > 0).float()), "have ink: weigh"),
    ("centre_of_mass", lambda image: tuple(p + 1 for p in mean_place(image)), "number 0"),
    ("centre_of_mass", lambda image: ((image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2), "middle of the image"),
    ("centre_of_mass", lambda image: tuple(round(p) for p in mean_place(image)), "Do not round"),
    ("refuse", lambda logits, t: refused(logits, logits.amax(1) < t), "a logit"),
    (
        "refuse",
        lambda logits, t: torch.where(logits.softmax(1).amax(1) < t, -1, logits.softmax(1).amax(1)),
        "These are",
    ),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(1).amax(1) > t), "wrong way round"),
    ("refuse", lambda logits, t: logits.argmax(1), "never refuse"),
    ("refuse", lambda logits, t: refused(logits, logits.softmax(0).amax(1) < t), "axis 1"),
    ("refuse", lambda logits, t: logits.argmax(1)[logits.softmax(1).amax(1) >= t], "must not vanish"),
    ("normalise", lambda a, b: ((a - a.mean()) / a.std(), (b - b.mean()) / b.std()), "their own mean"),
    ("normalise", lambda a, b: (a - a.mean(), b - a.mean()), "deviation is missing"),
    ("normalise", lambda a, b: ((a - a.mean()) / a.std(), b), "in the same way"),
    ("report", lambda v: (max(v), 2.26 * statistics.stdev(v) / 10**0.5), "best run"),
    ("report", lambda v: (statistics.mean(v), 2.26 * statistics.stdev(v)), "surer"),
    ("report", lambda v: (statistics.mean(v), 2.26 * statistics.pstdev(v) / 10**0.5), "n - 1"),
    ("random_order", lambda size, b: cut(torch.arange(size), b), "shuffle them"),
    ("random_order", lambda size, b: cut(torch.randint(0, size, (size,)), b), "come twice"),
    ("random_order", lambda size, b: cut(torch.randperm(size), b)[:-1] or [], "are used"),
    ("random_order", lambda size, b: torch.randperm(size), "a list of tensors"),
]


@pytest.mark.parametrize("name, answer, words", WRONG, ids=[f"{name}-{words[:20]}" for name, _, words in WRONG])
def test_each_typical_mistake_gets_its_hint_every_time(name, answer, words):
    for _ in range(REPEATS):
        verdict = CHECKERS[name].judge(answer)
        assert verdict.state == judge.NOT_YET and words in verdict.hint, verdict


@pytest.mark.parametrize("name", QUICK)
def test_at_least_three_mistakes_are_tried(name):
    assert sum(entry[0] == name for entry in WRONG) >= 3


# Progress


def test_progress_keeps_what_was_solved_and_can_be_reset(capsys):
    checks.flat_size(lambda side: 64 * (((side - 2) // 2 - 2) // 2) ** 2)
    checks.size_after(lambda *sizes: None)
    capsys.readouterr()
    checks.progress()
    lines = capsys.readouterr().out.splitlines()
    assert (
        "notebook  4: 1 of 5 solved; open: 4.1 size_after, 4.3 conv_parameters, 4.4 probabilities, 4.5 build" in lines
    )
    checks.reset_progress()
    checks.reset_progress()  # twice is no error
    assert judge.load_solved() == []
