"""mnist_lesson.further.recipes: the fast path computes the same as the plain loop, and the recipes keep their promises."""

from dataclasses import asdict, replace
from types import SimpleNamespace

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
    torch.manual_seed(0)
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
    torch.manual_seed(0)
    changed = augment(images)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    for batch in (images, to_inputs(images, IMPROVED)):
        changed = augment(batch)
        rounding = 1e-5
        assert batch.min() - rounding <= changed.min() and changed.max() <= batch.max() + rounding


def test_augmentation_changes_each_image_a_little_and_in_its_own_way(few):
    image = few[0][:1]
    torch.manual_seed(0)
    copies = augment(image.expand(200, -1, -1, -1))
    assert len({copy.sum().item() for copy in copies}) == 200
    # The ink stays nearly where it was: its centre moves by the shift of 1 pixel, and little more.
    columns, moved = torch.arange(28.0), []
    for profile_of in (lambda x: x.sum(dim=(1, 2)), lambda x: x.sum(dim=(1, 3))):
        centre = (profile_of(copies) * columns).sum(1) / profile_of(copies).sum(1)
        original = (profile_of(image) * columns).sum() / profile_of(image).sum()
        moved.append(centre - original)
        assert 0.7 < moved[-1].abs().max() < 2
    assert abs(torch.stack(moved).corrcoef()[0, 1]) < 0.4, "along each axis by an amount of its own"
    # And its amount: a side up to 10 percent longer or shorter changes the area by up to 21 percent.
    ink = copies.sum(dim=(1, 2, 3)) / image.sum()
    assert 0.75 < ink.min() < 0.9 and 1.1 < ink.max() < 1.3


def angles(pictures):
    """Return the angle of the longer axis of the ink in each picture, (N,), in degrees: 0 lies, 90 stands."""
    y, x = (torch.arange(28.0) for _ in "yx")
    ink = pictures[:, 0] / pictures.sum(dim=(1, 2, 3)).reshape(-1, 1, 1)
    x, y = x.reshape(1, 1, 28).expand_as(ink), y.reshape(1, 28, 1).expand_as(ink)
    x, y = (axis - (ink * axis).sum(dim=(1, 2), keepdim=True) for axis in (x, y))
    xx, yy, xy = ((ink * product).sum(dim=(1, 2)) for product in (x * x, y * y, x * y))
    return torch.rad2deg(torch.atan2(2 * xy, xx - yy) / 2) % 180


def test_augmentation_turns_and_slants_to_both_sides_by_up_to_ten_degrees():
    """A lying stroke shows the turn alone, a standing one turn and slant together; both get the same amounts."""
    lying, standing = torch.zeros(2, 1, 1, 28, 28)
    lying[:, :, 13:15, 5:23] = 1
    standing[:, :, 5:23, 13:15] = 1
    found = []
    for stroke in (lying, standing):
        torch.manual_seed(0)
        found.append(angles(augment(stroke.expand(500, -1, -1, -1))))
    turned = (found[0] + 90) % 180 - 90
    slanted = turned - (found[1] - 90)
    for name, amounts in (("turned", turned), ("slanted", slanted)):
        assert -11 < amounts.min() < -8 and 8 < amounts.max() < 11, (
            f"{name}: {amounts.min()} to {amounts.max()} degrees"
        )
    assert abs(torch.stack([turned, slanted]).corrcoef()[0, 1]) < 0.2, "each by an amount of its own"


def test_what_comes_from_outside_the_image_is_background():
    background = to_inputs(torch.zeros(50, 1, 28, 28), IMPROVED)
    torch.manual_seed(0)
    assert torch.allclose(augment(background), background, atol=1e-5)


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
    torch.manual_seed(0)
    history, seconds = fit_recipe(few, few, PoolFirstCNN(), Recipe(epochs=3, learn_rate=0.05, momentum=0.9))
    assert history.train_loss[-1] < history.train_loss[0] and history.test_acc[-1] > 0.3
    assert len(history) == len(seconds) == 3 and 0 < seconds[0] < seconds[1] < seconds[2]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("Epoch: 1, ") and f"{history.test_acc[-1]:.2%}" in lines[-1]


@pytest.mark.parametrize("recipe", [LESSON, replace(LESSON, normalise=True)], ids=["as they are", "normalised"])
def test_training_and_test_images_are_prepared_as_the_recipe_says(few, recipe):
    """Seen by the model itself: images differ in their sum."""
    images, labels = few
    seen = {True: [], False: []}

    class Spy(PoolFirstCNN):
        def forward(self, x):
            seen[self.training] += x.sum(dim=(1, 2, 3)).tolist()
            return super().forward(x)

    fit_recipe((images[:200], labels[:200]), (images[200:], labels[200:]), Spy(), replace(recipe, epochs=1))
    sums = to_inputs(images, recipe).sum(dim=(1, 2, 3)).tolist()
    assert sorted(seen[True]) == pytest.approx(sorted(sums[:200]), rel=1e-4)
    assert seen[False] == pytest.approx(sums[:1] + sums[200:], rel=1e-4), "first one image, to check the labels"


def test_label_smoothing_is_for_training_only(few):
    """With a learning rate of nearly 0 and one batch, both losses are those of the untrained network."""
    threes = few[0][few[1] == 3], few[1][few[1] == 3]
    model = PoolFirstCNN()
    with torch.no_grad():
        model.fc2.bias[3] = 10  # it says 3, whatever it sees: right here, and far too sure for smoothed labels
        logits = model(threes[0])
    recipe = Recipe(epochs=1, batch_size=len(threes[1]), learn_rate=1e-12, label_smoothing=0.5)
    history, _ = fit_recipe(threes, threes, model, recipe)
    plain = nn.functional.cross_entropy(logits, threes[1]).item()
    target = 0.5 * nn.functional.one_hot(threes[1], 10) + 0.5 / 10
    smoothed = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean().item()
    assert plain < 0.1 and smoothed > 3, "or this test shows nothing"
    assert history.train_loss == pytest.approx([smoothed], rel=1e-3)
    assert history.test_loss == pytest.approx([plain], rel=1e-3)


def test_the_seconds_are_those_of_training_alone(few, monkeypatch):
    clock = [0.0]

    def takes(seconds):
        def work(*_):
            clock[0] += seconds
            return 0.5, 1.0

        return work

    monkeypatch.setattr(recipes, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(recipes, "train_epoch", takes(10))
    monkeypatch.setattr(recipes, "test", takes(1000))
    assert fit_recipe(few, few, PoolFirstCNN(), replace(LESSON, epochs=3))[1] == [10, 20, 30]


def test_the_schedule_is_made_for_all_batches_of_all_epochs(few, monkeypatch):
    asked = []
    monkeypatch.setattr(
        recipes,
        "make_optimizer",
        lambda model, recipe, steps: asked.append(steps) or make_optimizer(model, recipe, steps),
    )
    fit_recipe((few[0][:250], few[1][:250]), few, PoolFirstCNN(), Recipe(epochs=3, batch_size=32))
    assert asked == [3 * 8], "the last batch of an epoch is smaller, and counts too"


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_model_ends_in_eval_mode_and_in_the_channels_last_layout(few, average):
    model = PoolFirstCNN()
    fit_recipe(few, few, model, Recipe(epochs=1, average=average))
    assert not model.training
    assert model.conv2.weight.is_contiguous(memory_format=torch.channels_last)


def test_another_network_of_the_same_shapes_can_be_trained(few):
    torch.manual_seed(0)
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
    assert 5 <= rates.index(max(rates)) <= 15, "the rise takes a tenth of the run"
    assert rates == sorted(rates[: rates.index(max(rates))]) + sorted(rates[rates.index(max(rates)) :], reverse=True)


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_a_short_run_has_steps_to_rise_in(steps):
    model = CNN()
    optimizer = make_optimizer(model, IMPROVED, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
    assert 0 < rates[0] < 0.1 * IMPROVED.learn_rate
    assert steps == 1 or rates[1] > 10 * rates[0]


def test_the_optimizer_follows_the_formula_of_nesterov_with_weight_decay():
    """As in I. Sutskever and others, "On the importance of initialization and momentum in deep learning" (2013)."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    recipe = Recipe(learn_rate=0.5, momentum=0.8, weight_decay=0.1)
    optimizer = make_optimizer(model, recipe, steps=3)
    weight, velocity = 1.0, 0.0
    for gradient in (1.0, -2.0, 4.0):
        model.weight.grad = torch.full_like(model.weight, gradient)
        optimizer.step()
        slope = gradient + 0.1 * weight
        velocity = 0.8 * velocity + slope
        weight -= 0.5 * (slope + 0.8 * velocity)
        assert model.weight.item() == pytest.approx(weight, rel=1e-5)


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
        history, _ = fit_recipe(few, few, model, Recipe(epochs=3, learn_rate=0.05, average=average))
        _, losses[average] = test([(images, labels)], model, nn.CrossEntropyLoss())
        assert history.test_loss[-1] == pytest.approx(losses[average], rel=1e-4)
    assert losses[0.0] != pytest.approx(losses[0.95], rel=0.01)


def test_the_lesson_recipe_is_that_of_the_lesson():
    from mnist_lesson.stored import load_expected

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


def test_the_gain_is_the_time_in_float32_over_that_in_bfloat16(monkeypatch):
    """A pretend clock: the first round warms up and takes long, then one round in bfloat16 takes long by chance."""
    clock, durations = [0.0], {True: [900, 2, 50, 2], False: [100, 8, 8, 8]}

    class Slow(nn.Linear):
        def forward(self, x):
            clock[0] += durations[torch.is_autocast_enabled("cpu")].pop(0)
            return super().forward(x)

        def __deepcopy__(self, memo):
            return self

    monkeypatch.setattr(recipes, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    assert bfloat16_gain(Slow(4, 2), torch.rand(3, 4), rounds=3) == 4


@pytest.mark.parametrize("bfloat16", [False, True])
def test_bfloat16_trains_too(few, bfloat16):
    dtypes = {True: set(), False: set()}

    class Spy(PoolFirstCNN):
        def forward(self, x):
            logits = super().forward(x)
            dtypes[self.training].add(logits.dtype)
            return logits

    torch.manual_seed(0)
    recipe = Recipe(epochs=3, learn_rate=0.05, momentum=0.9)
    history, _ = fit_recipe(few, few, Spy(), recipe, bfloat16=bfloat16)
    assert history.train_loss[-1] < history.train_loss[0]
    assert dtypes[True] == {torch.bfloat16 if bfloat16 else torch.float32} and dtypes[False] == {torch.float32}


def test_the_loss_is_computed_in_float32(few):
    """Eight binary digits of bfloat16 are too few to add many losses up."""
    dtypes = []

    def loss_fn(logits, targets):
        dtypes.append(logits.dtype)
        return nn.functional.cross_entropy(logits, targets)

    model = PoolFirstCNN()
    train_epoch(*few, model, loss_fn, make_optimizer(model, LESSON, 8), LESSON, bfloat16=True)
    assert set(dtypes) == {torch.float32}


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
