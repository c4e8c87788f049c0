"""mnist_lesson.further.recipes: the fast path computes the same as the plain loop, and the recipes keep their promises."""

from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from mnist_lesson.further import recipes
from mnist_lesson.further.recipes import (
    IMPROVED,
    LESSON,
    MEAN,
    STD,
    PoolFirstCNN,
    Recipe,
    augment,
    average_weights,
    bfloat16_gain,
    fit_recipe,
    hold_out,
    load_measured,
    load_tensors,
    make_optimizer,
    random_batches,
    to_inputs,
    train_epoch,
)
from mnist_lesson.model import CNN


@pytest.fixture(scope="module")
def mnist():
    return load_tensors(train=True)


@pytest.fixture
def few(mnist):
    return mnist[0][:256], mnist[1][:256]


def test_the_tensors_are_what_the_data_set_yields(mnist):
    from mnist_lesson.data import load_mnist

    images, labels = mnist
    dataset = load_mnist(train=True)
    assert images.shape == (60_000, 1, 28, 28) and images.dtype == torch.float32
    for number in (0, 1, 59_999):
        image, label = dataset[number]
        assert torch.equal(images[number], image) and labels[number] == label


def test_mean_and_standard_deviation_are_those_of_the_training_images(mnist):
    images, _ = mnist
    assert (images.mean().item(), images.std().item()) == pytest.approx((MEAN, STD), abs=5e-5)


def test_pooling_first_is_the_same_function_with_the_same_gradients(few):
    images, labels = few
    torch.manual_seed(0)
    model, pool_first = CNN(), PoolFirstCNN()
    pool_first.load_state_dict(model.state_dict())
    for network in (model, pool_first):
        nn.functional.cross_entropy(network(images), labels).backward()
    assert torch.allclose(model(images), pool_first(images), atol=1e-6)
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter.grad, pool_first.get_parameter(name).grad, atol=1e-6), name


@pytest.mark.parametrize("size, batch_size", [(60_000, 128), (10, 3), (1, 32)])
def test_every_sample_is_visited_once_in_an_epoch(size, batch_size):
    batches = random_batches(size, batch_size)
    assert sorted(torch.cat(batches).tolist()) == list(range(size))
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_the_order_is_another_one_in_each_epoch():
    assert not torch.equal(torch.cat(random_batches(100, 10)), torch.cat(random_batches(100, 10)))


def test_an_epoch_shows_the_model_each_image_once(few):
    """Not only the batches: what arrives at the model."""
    images, labels = few
    seen = []

    class Spy(PoolFirstCNN):
        def forward(self, x):
            seen.extend(image.sum().item() for image in x)
            return super().forward(x)

    model = Spy()
    train_epoch(images, labels, model, nn.CrossEntropyLoss(), make_optimizer(model, LESSON, 8), LESSON)
    assert sorted(seen) == pytest.approx(sorted(image.sum().item() for image in images))


def test_the_fast_path_computes_the_gradients_of_the_plain_loop(few):
    images, labels = few
    torch.manual_seed(0)
    plain, fast = CNN(), PoolFirstCNN()
    fast.load_state_dict(plain.state_dict())
    loss = nn.functional.cross_entropy(plain(images), labels)
    loss.backward()
    fast = fast.to(memory_format=torch.channels_last)
    whole = replace(LESSON, batch_size=len(labels))
    accuracy, fast_loss = train_epoch(
        images, labels, fast, nn.CrossEntropyLoss(), make_optimizer(fast, whole, 1), whole
    )
    for name, parameter in plain.named_parameters():
        difference = (parameter.grad - fast.get_parameter(name).grad).abs().max()
        assert difference < 1e-3 * parameter.grad.abs().max(), name
    assert fast_loss == pytest.approx(loss.item(), rel=1e-5)
    assert accuracy == (plain(images).argmax(1) == labels).float().mean().item()


def test_the_fast_path_takes_the_steps_of_the_plain_loop(few):
    """The same first weights and the same order: the same weights after eight steps."""
    images, labels = few
    plain, fast = CNN(), PoolFirstCNN()
    fast.load_state_dict(plain.state_dict())
    optimizer = torch.optim.SGD(plain.parameters(), lr=LESSON.learn_rate)
    torch.manual_seed(0)
    for batch in random_batches(len(labels), LESSON.batch_size):
        optimizer.zero_grad()
        nn.functional.cross_entropy(plain(images[batch]), labels[batch]).backward()
        optimizer.step()
    torch.manual_seed(0)
    fast = fast.to(memory_format=torch.channels_last)
    train_epoch(images, labels, fast, nn.CrossEntropyLoss(), make_optimizer(fast, LESSON, 8), LESSON)
    for name, parameter in plain.named_parameters():
        assert torch.allclose(parameter, fast.get_parameter(name), atol=1e-5), name


def test_accuracy_and_loss_are_those_of_train(few):
    """Over several batches, the last one smaller, with a learning rate of nearly 0 so that the order is no matter."""
    from mnist_lesson.engine import train

    images, labels = few[0][:250], few[1][:250]
    recipe, model = replace(LESSON, learn_rate=1e-12), PoolFirstCNN()
    optimizer = make_optimizer(model, recipe, 8)
    fast = train_epoch(images, labels, model, nn.CrossEntropyLoss(), optimizer, recipe)
    plain = train(zip(images.split(32), labels.split(32)), model, nn.CrossEntropyLoss(), optimizer)
    assert fast == pytest.approx(plain, rel=1e-5)


def test_the_held_out_samples_are_never_trained_on(mnist):
    """Each sample is told by its number, which is put into its first pixel."""
    numbered = torch.arange(60_000, dtype=torch.float32).reshape(-1, 1, 1, 1).expand(-1, 1, 1, 1)
    (train_images, train_labels), (held_images, held_labels) = hold_out(numbered, mnist[1])
    train_numbers, held_numbers = set(train_images.flatten().tolist()), set(held_images.flatten().tolist())
    assert len(held_numbers) == 5_000 and len(train_numbers) == 55_000
    assert not train_numbers & held_numbers
    assert torch.equal(held_labels, mnist[1][held_images.flatten().long()])
    assert torch.equal(train_labels, mnist[1][train_images.flatten().long()])


def test_the_same_samples_are_held_out_whatever_the_seed(few):
    torch.manual_seed(1)
    first = hold_out(*few, 50)[1]
    torch.manual_seed(2)
    assert torch.equal(first[0], hold_out(*few, 50)[1][0])


@pytest.mark.parametrize("number", [0, 256, 1000, -1])
def test_a_hold_out_that_leaves_nothing_is_refused(few, number):
    with pytest.raises(ValueError, match="between 1 and 255"):
        hold_out(*few, number)


def test_augmentation_keeps_shape_and_range(few):
    images, _ = few
    changed = augment(images)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    for batch in (images, to_inputs(images, IMPROVED)):
        changed = augment(batch)
        rounding = 1e-5
        assert batch.min() - rounding <= changed.min() and changed.max() <= batch.max() + rounding


def test_augmentation_changes_each_image_a_little_and_in_its_own_way(few):
    image = few[0][:1]
    copies = augment(image.expand(200, -1, -1, -1))
    assert len({copy.sum().item() for copy in copies}) == 200
    # The ink stays nearly where it was: its centre moves by the shift of 1 pixel, and little more.
    columns = torch.arange(28.0)
    for profile_of in (lambda x: x.sum(dim=(1, 2)), lambda x: x.sum(dim=(1, 3))):
        centre = (profile_of(copies) * columns).sum(1) / profile_of(copies).sum(1)
        original = (profile_of(image) * columns).sum() / profile_of(image).sum()
        assert 0.7 < (centre - original).abs().max() < 2
    # And its amount: a side up to 10 percent longer or shorter changes the area by up to 21 percent.
    ink = copies.sum(dim=(1, 2, 3)) / image.sum()
    assert 0.75 < ink.min() < 0.9 and 1.1 < ink.max() < 1.3


def test_augmentation_keeps_the_label(few, monkeypatch):
    """A batch is changed image by image: the n-th image still belongs to the n-th label."""
    images, labels = few
    pairs = []

    class Spy(PoolFirstCNN):
        def forward(self, x):
            pairs.append(x)
            return super().forward(x)

    class LossSpy(nn.CrossEntropyLoss):
        def forward(self, logits, targets):
            pairs.append(targets)
            return super().forward(logits, targets)

    monkeypatch.setattr(recipes, "augment", lambda batch: batch + 1)
    model = Spy()
    train_epoch(images, labels, model, LossSpy(), make_optimizer(model, IMPROVED, 2), IMPROVED)
    label_of = {image.sum().item(): label.item() for image, label in zip(images + 1, labels)}
    for inputs, targets in zip(pairs[::2], pairs[1::2]):
        assert [label_of[image.sum().item()] for image in inputs] == targets.tolist()


def test_augmentation_is_not_applied_in_evaluation(few, monkeypatch):
    in_training = []

    class Spy(PoolFirstCNN):
        def forward(self, x):
            in_training.append((self.training, (x >= 100).all().item()))
            return super().forward(x)

    monkeypatch.setattr(recipes, "augment", lambda batch: batch + 1000)
    fit_recipe(few, few, Spy(), replace(IMPROVED, epochs=2, average=0.9))
    assert (True, True) in in_training and (False, False) in in_training
    assert not {(True, False), (False, True)} & set(in_training)


@pytest.mark.parametrize("recipe", [LESSON, IMPROVED, replace(IMPROVED, average=0.9, label_smoothing=0.1)])
def test_a_recipe_is_reproducible_by_its_seed(few, recipe):
    def run(seed):
        torch.manual_seed(seed)
        model = PoolFirstCNN()
        history, _ = fit_recipe(few, few, model, replace(recipe, epochs=2))
        return history, torch.cat([parameter.flatten() for parameter in model.parameters()])

    (first, weights), (again, same), (_, other) = run(0), run(0), run(1)
    assert first == again and torch.equal(weights, same) and not torch.equal(weights, other)


def test_fit_recipe_learns_prints_and_counts_the_seconds(few, capsys):
    history, seconds = fit_recipe(few, few, PoolFirstCNN(), Recipe(epochs=3, learn_rate=0.05, momentum=0.9))
    assert history.train_loss[-1] < history.train_loss[0] and history.test_acc[-1] > 0.3
    assert len(history) == len(seconds) == 3 and 0 < seconds[0] < seconds[1] < seconds[2]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("Epoch: 1, ") and f"{history.test_acc[-1]:.2%}" in lines[-1]


def test_another_network_of_the_same_shapes_can_be_trained(few):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))
    history, _ = fit_recipe(few, few, model, replace(IMPROVED, epochs=2, batch_size=32, average=0.5))
    assert history.test_acc[-1] > 0.3


def test_the_learning_rate_rises_and_falls_over_the_whole_run():
    model = CNN()
    optimizer = make_optimizer(model, IMPROVED, steps=100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
    assert max(rates) == pytest.approx(IMPROVED.learn_rate, rel=0.01)
    assert rates[0] < 0.1 * max(rates) and rates[-1] < 0.01 * max(rates)
    assert rates == sorted(rates[: rates.index(max(rates))]) + sorted(rates[rates.index(max(rates)) :], reverse=True)


def test_without_one_cycle_the_learning_rate_stays():
    model = CNN()
    optimizer = make_optimizer(model, LESSON, steps=2)
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == LESSON.learn_rate


def test_the_average_follows_the_formula():
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    nn.init.constant_(model.weight, 1.0)
    averaged = average_weights(model, optimizer, decay=0.75)
    expected = None
    for gradient in (1.0, 2.0, 4.0):
        model.weight.grad = torch.full_like(model.weight, gradient)
        optimizer.step()
        weight = model.weight.item()
        expected = weight if expected is None else 0.75 * expected + 0.25 * weight
        assert averaged.module.weight.item() == pytest.approx(expected)


def test_the_averaged_weights_are_tested_and_kept(few):
    """The model that comes back is the one that was tested, and not the one that was trained."""
    from mnist_lesson.engine import test

    images, labels = few
    losses = {}
    for average in (0.0, 0.95):
        torch.manual_seed(0)
        model = PoolFirstCNN()
        history, _ = fit_recipe(few, few, model, Recipe(epochs=3, learn_rate=0.05, momentum=0.9, average=average))
        _, losses[average] = test([(images, labels)], model, nn.CrossEntropyLoss())
        assert history.test_loss[-1] == pytest.approx(losses[average], rel=1e-4)
    assert losses[0.0] != pytest.approx(losses[0.95], rel=0.01)


def test_the_lesson_recipe_is_that_of_the_lesson():
    from mnist_lesson.results import load_expected

    settings = load_expected()["settings"]
    assert (LESSON.epochs, LESSON.batch_size, LESSON.learn_rate) == tuple(settings.values())
    others = {"normalise", "momentum", "one_cycle", "augment", "weight_decay", "label_smoothing", "average"}
    assert not any(getattr(LESSON, name) for name in others)


@pytest.mark.parametrize("epochs", [0, -1, 2.5])
def test_epochs_that_are_no_number_of_epochs(few, epochs):
    with pytest.raises(ValueError, match="whole number"):
        fit_recipe(few, few, PoolFirstCNN(), replace(LESSON, epochs=epochs))


def test_labels_that_do_not_fit_the_network(few):
    images, labels = few
    with pytest.raises(ValueError, match="from 0 to 9"):
        fit_recipe((images, labels + 1), few, PoolFirstCNN(), LESSON)


def test_images_and_labels_of_different_number(few):
    images, labels = few
    with pytest.raises(ValueError, match="256 images and 200 labels"):
        fit_recipe((images, labels[:200]), few, PoolFirstCNN(), LESSON)


def test_the_gain_of_bfloat16_is_measured_without_changing_the_model(few):
    model = PoolFirstCNN()
    before = torch.cat([parameter.flatten().clone() for parameter in model.parameters()])
    assert bfloat16_gain(model, few[0][:32], rounds=1) > 0
    assert torch.equal(before, torch.cat([parameter.flatten() for parameter in model.parameters()]))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_bfloat16_trains_too(few):
    history, _ = fit_recipe(few, few, PoolFirstCNN(), Recipe(epochs=3, learn_rate=0.05, momentum=0.9), bfloat16=True)
    assert history.train_loss[-1] < history.train_loss[0]


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="this machine has no accelerator")
def test_a_recipe_trains_on_the_accelerator(few):
    model = PoolFirstCNN().to(torch.accelerator.current_accelerator())
    history, _ = fit_recipe(few, few, model, replace(IMPROVED, epochs=2))
    assert len(history) == 2


def test_the_measured_results_are_whole():
    measured = load_measured()
    runs = measured["on_test"]
    assert len(runs["improved"]) == 10 and len({run["seed"] for run in runs["improved"]}) == 10
    for run in runs["improved"]:
        assert len(run["accuracies"]) == len(run["seconds"]) == IMPROVED.epochs
        assert len(run["misread"]) == round((1 - run["accuracies"][-1]) * 10_000)
    last_of_path = [entry for entry in measured["held_out"] if entry["kind"] == "path"][-1]
    assert last_of_path["settings"] == asdict(IMPROVED), (
        "the recipe was changed: run scripts/measure/measure_recipes.py"
    )
    assert all(len(entry["runs"]) == 3 for entry in measured["held_out"])
