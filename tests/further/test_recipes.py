"""mnist_lesson.further.recipes: the fast path computes the same as the plain loop, and the recipes keep their promises."""

import json
import math
import re
import statistics
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mnist_lesson.further import recipes
from mnist_lesson.further.muon import Muon
from mnist_lesson.further.recipes import (
    CLASSIC,
    IMPROVED,
    LESSON,
    MEAN,
    ONE_EPOCH,
    STD,
    PoolFirstCNN,
    Recipe,
    augment,
    average_weights,
    bfloat16_gain,
    choose_images,
    fit_recipe,
    hold_out,
    load_measured,
    load_tensors,
    make_optimizer,
    make_schedule,
    random_batches,
    to_inputs,
    training_step,
)
from mnist_lesson.model import CNN
from mnist_lesson.stored import STORED_DIR

ONCE = replace(LESSON, epochs=1)
FROZEN = replace(ONCE, learn_rate=1e-12)  # so nothing is learnt, and the order does not matter


@pytest.fixture(scope="module")
def mnist():
    return load_tensors(train=True)


@pytest.fixture
def few(mnist):
    return mnist[0][:256], mnist[1][:256]


class Spy(PoolFirstCNN):
    """Notes the images that it is trained with, batch by batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        if self.training:
            self.seen.append(x.clone())
        return super().forward(x)


def numbers_of(batches, images):
    """Return which of the images were in each batch: no two of them have the same pixels."""
    number_of = {image.numpy().tobytes(): number for number, image in enumerate(images)}
    return [[number_of[image.contiguous().numpy().tobytes()] for image in batch] for batch in batches]


def losses_of(model, images, labels):
    """Return the loss of each image alone, in eval mode."""
    with torch.no_grad():
        return nn.functional.cross_entropy(model.eval()(images), labels, reduction="none")


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
    (without_held_out, _), _ = hold_out(*mnist)
    assert (without_held_out.mean().item(), without_held_out.std().item()) == pytest.approx((MEAN, STD), abs=1e-4)


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


NO_NUMBERS = torch.tensor([float("nan"), float("inf")] * 50)  # as a training that failed leaves them


@pytest.mark.parametrize("losses", [torch.arange(100.0), torch.zeros(100), torch.ones(100), NO_NUMBERS])
@pytest.mark.parametrize("share, number", [(0.25, 25), (0.999, 100), (0.014, 1), (0.0001, 1)])
def test_chosen_images_are_distinct_and_as_many_as_the_share_says(losses, share, number):
    chosen = choose_images(losses, share).tolist()
    assert len(chosen) == len(set(chosen)) == number and set(chosen) <= set(range(100))


@pytest.mark.parametrize("losses", [torch.arange(100.0), torch.zeros(100)])
def test_a_share_of_1_is_all_images_in_another_order_each_time(losses):
    first, second = choose_images(losses, 1).tolist(), choose_images(losses, 1).tolist()
    assert sorted(first) == sorted(second) == list(range(100)) and first != second


def test_the_chance_of_an_image_is_in_proportion_to_its_loss():
    """One of four images, with the losses 0, 1, 2 and 5: within five standard deviations of 0, 500, 1,000, 2,500."""
    losses = torch.tensor([0.0, 1, 2, 5])
    counts = torch.cat([choose_images(losses, 0.25) for _ in range(4_000)]).bincount(minlength=4)
    for count, chance in zip(counts.tolist(), (losses / 8).tolist()):
        assert abs(count - 4_000 * chance) <= 5 * math.sqrt(4_000 * chance * (1 - chance)), counts
    assert losses.tolist() == [0, 1, 2, 5]


def test_images_that_were_read_without_any_loss_come_last_but_they_come():
    losses = torch.tensor([0.0] * 50 + [1.0] * 50)
    assert (choose_images(losses, 0.4) >= 50).all()
    chosen = choose_images(losses, 0.8)
    assert len(chosen.unique()) == 80 and (chosen >= 50).sum() == 50


def test_the_chosen_images_come_in_random_order():
    """Or the hard ones would be together in the first batches. As many of them in the first half as in the second."""
    losses = torch.tensor([0.01] * 500 + [1.0] * 500)
    places = (choose_images(losses, 0.8) >= 500).nonzero().squeeze(1)
    assert len(places) > 490 and 0.4 < (places < 400).double().mean() < 0.6


@pytest.mark.parametrize("recipe", [LESSON, replace(IMPROVED, shares=(), augment=False, normalise=False)])
def test_an_epoch_shows_the_model_each_image_once(few, recipe):
    """Not only the batches: what arrives at the model. The order is another one in each epoch."""
    model, count = Spy(), math.ceil(256 / recipe.batch_size)
    fit_recipe(few, few, model, replace(recipe, epochs=2))
    first, second = (sum(numbers_of(model.seen[n * count :][:count], few[0]), []) for n in (0, 1))
    assert len(model.seen) == 2 * count and all(len(batch) == recipe.batch_size for batch in model.seen)
    assert sorted(first) == sorted(second) == list(range(256)) and first != second


def test_the_fast_path_computes_the_gradients_of_the_plain_loop(few):
    images, labels = few
    plain, fast = CNN(), PoolFirstCNN()
    fast.load_state_dict(plain.state_dict())
    loss = nn.functional.cross_entropy(plain(images), labels)
    loss.backward()
    history, _ = fit_recipe(few, few, fast, replace(ONCE, batch_size=len(labels)))
    for name, parameter in plain.named_parameters():
        difference = (parameter.grad - fast.get_parameter(name).grad).abs().max()
        assert difference < 1e-3 * parameter.grad.abs().max(), name
    assert history.train_loss == pytest.approx([loss.item()], rel=1e-5)
    assert history.train_acc == pytest.approx([(plain(images).argmax(1) == labels).float().mean().item()])


def test_the_fast_path_takes_the_steps_of_the_plain_loop(few):
    """The same first weights and the same order: the same weights after eight steps, and the same accuracy and loss."""
    from mnist_lesson.engine import train

    images, labels = few
    plain, fast = CNN(), PoolFirstCNN()
    fast.load_state_dict(plain.state_dict())
    torch.manual_seed(0)
    batches = random_batches(len(labels), LESSON.batch_size)
    optimizer = torch.optim.SGD(plain.parameters(), lr=LESSON.learn_rate)
    accuracy, loss = train(
        [(images[batch], labels[batch]) for batch in batches], plain, nn.CrossEntropyLoss(), optimizer
    )
    torch.manual_seed(0)
    history, _ = fit_recipe(few, few, fast, ONCE)
    for name, parameter in plain.named_parameters():
        assert torch.allclose(parameter, fast.get_parameter(name), atol=1e-5), name
    assert history.train_acc + history.train_loss == pytest.approx([accuracy, loss], rel=1e-5)


def test_accuracy_and_loss_are_those_of_train(few):
    """Over several batches, the last one smaller."""
    from mnist_lesson.engine import train

    images, labels = few[0][:250], few[1][:250]
    model = PoolFirstCNN()
    history, _ = fit_recipe((images, labels), few, model, FROZEN)
    batches, optimizer = zip(images.split(32), labels.split(32)), make_optimizer(model, FROZEN)
    plain = train(batches, model, nn.CrossEntropyLoss(), optimizer)
    assert history.train_acc + history.train_loss == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_a_step_notes_loss_and_hit_of_each_image_of_its_batch(few, label_smoothing):
    """As they were before the step: with this learning rate they are others afterwards."""
    images, labels = few
    torch.manual_seed(0)
    model, batch = PoolFirstCNN(), torch.tensor([7, 200, 3, 0, 255])
    with torch.no_grad():
        logits = model(images[batch])
    labels = labels.clone()
    labels[batch[:2]] = logits.argmax(1)[:2]  # so some are right, and the others wrong
    labels[batch[2:]] = (logits.argmax(1)[2:] + 1) % 10
    recipe = replace(LESSON, learn_rate=0.5, label_smoothing=label_smoothing)
    losses, hits = torch.full((256,), -1.0), torch.full((256,), -1.0)
    training_step(images, labels, losses, hits, model, make_optimizer(model, recipe), recipe)(batch)
    expected = nn.functional.cross_entropy(logits, labels[batch], reduction="none", label_smoothing=label_smoothing)
    assert losses[batch].tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    assert hits[batch].tolist() == [1, 1, 0, 0, 0]
    assert (losses == -1).sum() == (hits == -1).sum() == 251, "of the others nothing is noted"
    assert not losses.requires_grad


def test_the_later_epochs_show_the_images_that_had_high_losses(few):
    """The network reads everything as a 3 and is sure of it, so only the 3s have a loss of nearly 0."""
    images, labels = few
    model = Spy()
    with torch.no_grad():
        model.fc2.bias[3] = 20
    expected = losses_of(model, images, labels)
    threes = (labels == 3).nonzero().squeeze(1).tolist()
    assert len(threes) > 10 and expected[threes].max() < 1e-4, "or this test shows nothing"
    history, _ = fit_recipe(few, few, model, replace(FROZEN, epochs=3, shares=(1, 0.5, 0.25)))
    epochs = [sum(numbers_of(model.seen[a:b], images), []) for a, b in ((0, 8), (8, 12), (12, 14))]
    assert len(model.seen) == 14
    assert [len(epoch) for epoch in epochs] == [len(set(epoch)) for epoch in epochs] == [256, 128, 64]
    assert set(threes) <= set(epochs[0]) and not set(threes) & set(epochs[1] + epochs[2])
    for epoch, accuracy, loss in zip(epochs, history.train_acc, history.train_loss):
        assert accuracy == pytest.approx(sum(number in threes for number in epoch) / len(epoch))
        assert loss == pytest.approx(expected[epoch].mean().item(), rel=1e-4), "the mean over the images shown"


def test_an_image_keeps_the_loss_of_its_last_visit(few, monkeypatch):
    """What `choose_images` gets: first ones, then the losses of the epoch, then those of the visits since."""
    given, chosen = [], []

    def spy(losses, share):
        given.append(losses.clone())
        chosen.append(choose_images(losses, share))
        return chosen[-1]

    monkeypatch.setattr(recipes, "choose_images", spy)
    images, labels = few
    recipe = replace(LESSON, epochs=3, shares=(1, 0.25, 0.25), batch_size=256, learn_rate=0.05)
    model = PoolFirstCNN()
    untrained = losses_of(model, images, labels)
    fit_recipe(few, few, model, recipe)
    assert torch.equal(given[0], torch.ones(256))
    assert torch.allclose(given[1], untrained, rtol=1e-4)
    again = torch.zeros(256, dtype=torch.bool)
    again[chosen[1]] = True
    assert torch.equal(given[2][~again], given[1][~again]) and (given[2][again] != given[1][again]).all()


@pytest.mark.parametrize("shares", [(1,), (1, 0.5, 0.5), (1, 0), (1.5, 1), (1, -0.5), (1, float("nan"))])
def test_shares_that_are_no_shares_of_the_epochs(few, shares):
    with pytest.raises(ValueError, match=f"for each of 2 epochs, found {re.escape(str(shares))}"):
        fit_recipe(few, few, PoolFirstCNN(), replace(LESSON, epochs=2, shares=shares))


def test_a_share_of_less_than_one_image_is_one_image(few):
    """In more epochs than a schedule has steps at least, which is 21."""
    shares = (0.001,) * 30
    fit_recipe(few, few, PoolFirstCNN(), replace(LESSON, epochs=30, one_cycle=True, shares=shares))


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
    targets, cross_entropy = [], nn.functional.cross_entropy

    def spy(logits, labels, **settings):
        if settings["reduction"] == "none":  # in training
            targets.append(labels.tolist())
        return cross_entropy(logits, labels, **settings)

    monkeypatch.setattr(recipes, "augment", lambda batch: batch + 1)
    monkeypatch.setattr(recipes.F, "cross_entropy", spy)
    model = Spy()
    fit_recipe(few, few, model, replace(IMPROVED, epochs=2, shares=(1, 0.5), normalise=False))
    seen = numbers_of(model.seen, images + 1)
    assert len(targets) == 6 and targets == [labels[numbers].tolist() for numbers in seen]


def test_augmentation_is_not_applied_in_evaluation(few, monkeypatch):
    in_training = []

    class Watched(PoolFirstCNN):
        def forward(self, x):
            in_training.append((self.training, (x >= 100).all().item()))
            return super().forward(x)

    monkeypatch.setattr(recipes, "augment", lambda batch: batch + 1000)
    fit_recipe(few, few, Watched(), replace(IMPROVED, epochs=2, shares=(1, 0.5), average=0.9))
    assert (True, True) in in_training and (False, False) in in_training
    assert not {(True, False), (False, True)} & set(in_training)


@pytest.mark.parametrize("recipe", [LESSON, CLASSIC, IMPROVED, replace(IMPROVED, average=0.9, label_smoothing=0.1)])
def test_a_recipe_is_reproducible_by_its_seed(few, recipe):
    def run(seed):
        torch.manual_seed(seed)
        model = PoolFirstCNN()
        history, _ = fit_recipe(few, few, model, replace(recipe, epochs=2, shares=recipe.shares[:2]))
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

    class Watched(PoolFirstCNN):
        def forward(self, x):
            seen[self.training] += x.sum(dim=(1, 2, 3)).tolist()
            return super().forward(x)

    fit_recipe((images[:200], labels[:200]), (images[200:], labels[200:]), Watched(), replace(recipe, epochs=1))
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
    monkeypatch.setattr(recipes, "training_step", lambda *_: takes(1))
    monkeypatch.setattr(recipes, "make_schedule", lambda *_: SimpleNamespace(step=takes(0.25)))
    monkeypatch.setattr(recipes, "test", takes(1000))
    assert fit_recipe(few, few, PoolFirstCNN(), replace(LESSON, epochs=3))[1] == [10, 20, 30], "of 8 batches each"


@pytest.mark.parametrize("shares, steps", [((), 3 * 8), ((1, 0.6, 0.3), 8 + 5 + 3), ((0.4, 1, 0.13), 4 + 8 + 1)])
def test_the_schedule_and_the_average_follow_each_batch_of_each_epoch(few, monkeypatch, shares, steps):
    """The last batch of an epoch is smaller, and counts too: 250 images are 8 batches of 32."""
    asked, made, model = [], [], Spy()

    def schedule(*args):
        asked.append(args[-1])
        made.append(make_schedule(*args))
        return made[-1]

    monkeypatch.setattr(recipes, "make_schedule", schedule)
    monkeypatch.setattr(recipes, "average_weights", lambda *args: made.append(average_weights(*args)) or made[-1])
    recipe = Recipe(epochs=3, batch_size=32, one_cycle=True, average=0.9, shares=shares)
    fit_recipe((few[0][:250], few[1][:250]), few, model, recipe)
    assert asked == [steps] and len(model.seen) == made[0].last_epoch == made[1].n_averaged == steps


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_model_ends_in_eval_mode_and_in_the_channels_last_layout(few, average):
    model = PoolFirstCNN()
    fit_recipe(few, few, model, Recipe(epochs=1, average=average))
    assert not model.training
    assert model.conv2.weight.is_contiguous(memory_format=torch.channels_last)


def test_another_network_of_the_same_shapes_can_be_trained(few):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))
    history, _ = fit_recipe(few, few, model, replace(IMPROVED, epochs=2, shares=(), batch_size=32, average=0.5))
    assert history.test_acc[-1] > 0.3


def rates_of(recipe, steps):
    """Return the learning rate of each step."""
    optimizer = make_optimizer(CNN(), recipe)
    schedule, rates = make_schedule(optimizer, recipe, steps), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("recipe", [CLASSIC, IMPROVED], ids=["SGD", "Muon"])
def test_the_learning_rate_rises_and_falls_over_the_whole_run(recipe):
    rates = rates_of(recipe, 100)
    assert max(rates) == pytest.approx(recipe.learn_rate, rel=0.01)
    assert rates[0] < 0.1 * max(rates) and rates[-1] < 0.01 * max(rates)
    assert 5 <= rates.index(max(rates)) <= 15, "the rise takes a tenth of the run"
    assert rates == sorted(rates[: rates.index(max(rates))]) + sorted(rates[rates.index(max(rates)) :], reverse=True)


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_a_short_run_has_steps_to_rise_in(steps):
    rates = rates_of(IMPROVED, steps)
    assert 0 < rates[0] < 0.1 * IMPROVED.learn_rate
    assert steps == 1 or rates[1] > 10 * rates[0]


@pytest.mark.parametrize("recipe", [CLASSIC, IMPROVED], ids=["SGD", "Muon"])
def test_momentum_stays_while_the_learning_rate_changes(recipe):
    optimizer = make_optimizer(CNN(), recipe)
    schedule = make_schedule(optimizer, recipe, 100)
    for _ in range(30):
        optimizer.step()
        schedule.step()
    assert optimizer.param_groups[0]["momentum"] == recipe.momentum


def test_the_recipe_names_the_optimizer_and_its_settings():
    for recipe, kind in ((LESSON, torch.optim.SGD), (CLASSIC, torch.optim.SGD), (IMPROVED, Muon)):
        optimizer = make_optimizer(CNN(), recipe)
        group = optimizer.param_groups[0]
        assert type(optimizer) is kind and len(optimizer.param_groups) == 1 and len(group["params"]) == 8
        assert (group["lr"], group["momentum"], group["weight_decay"]) == (
            recipe.learn_rate,
            recipe.momentum,
            recipe.weight_decay,
        )


def test_the_optimizer_follows_the_formula_of_nesterov_with_weight_decay():
    """As in I. Sutskever and others, "On the importance of initialization and momentum in deep learning" (2013)."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    recipe = Recipe(learn_rate=0.5, momentum=0.8, weight_decay=0.1)
    optimizer = make_optimizer(model, recipe)
    weight, velocity = 1.0, 0.0
    for gradient in (1.0, -2.0, 4.0):
        model.weight.grad = torch.full_like(model.weight, gradient)
        optimizer.step()
        slope = gradient + 0.1 * weight
        velocity = 0.8 * velocity + slope
        weight -= 0.5 * (slope + 0.8 * velocity)
        assert model.weight.item() == pytest.approx(weight, rel=1e-5)


def test_without_one_cycle_the_learning_rate_stays():
    assert rates_of(LESSON, 30) == [LESSON.learn_rate] * 30


def test_the_average_follows_the_formula():
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    nn.init.constant_(model.weight, 1.0)
    averaged = average_weights(model, decay=0.75)
    expected = None
    for gradient in (1.0, 2.0, 4.0):
        model.weight.grad = torch.full_like(model.weight, gradient)
        optimizer.step()
        averaged.update_parameters(model)
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
    others = asdict(LESSON).keys() - {"epochs", "batch_size", "learn_rate"}
    assert not any(getattr(LESSON, name) for name in others)


def test_the_improved_recipe_sees_each_image_two_and_a_half_times():
    assert IMPROVED.epochs == LESSON.epochs == len(IMPROVED.shares)
    assert IMPROVED.shares[0] == 1, "or images that were never seen would count as hard"
    assert sum(IMPROVED.shares) == pytest.approx(2.5)
    assert ONE_EPOCH.epochs == 1 and ONE_EPOCH.shares == (0.6,)


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

    class Watched(PoolFirstCNN):
        def forward(self, x):
            logits = super().forward(x)
            dtypes[self.training].add(logits.dtype)
            return logits

    torch.manual_seed(0)
    recipe = Recipe(epochs=3, learn_rate=0.05, momentum=0.9)
    history, _ = fit_recipe(few, few, Watched(), recipe, bfloat16=bfloat16)
    assert history.train_loss[-1] < history.train_loss[0]
    assert dtypes[True] == {torch.bfloat16 if bfloat16 else torch.float32} and dtypes[False] == {torch.float32}


def test_muon_and_hard_images_get_on_with_bfloat16(few):
    torch.manual_seed(0)
    recipe = replace(IMPROVED, epochs=3, shares=(1, 1, 0.5), batch_size=32)
    history, _ = fit_recipe(few, few, PoolFirstCNN(), recipe, bfloat16=True)
    assert history.train_loss[1] < history.train_loss[0]


def test_the_loss_is_computed_in_float32(few, monkeypatch):
    """Eight binary digits of bfloat16 are too few to add many losses up."""
    dtypes, cross_entropy = [], nn.functional.cross_entropy

    def spy(logits, labels, **settings):
        if settings["reduction"] == "none":  # in training
            dtypes.append(logits.dtype)
        return cross_entropy(logits, labels, **settings)

    monkeypatch.setattr(recipes.F, "cross_entropy", spy)
    fit_recipe(few, few, PoolFirstCNN(), ONCE, bfloat16=True)
    assert dtypes == 8 * [torch.float32]


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="this machine has no accelerator")
def test_a_recipe_trains_on_the_accelerator(few):
    model = PoolFirstCNN().to(torch.accelerator.current_accelerator())
    history, _ = fit_recipe(few, few, model, replace(IMPROVED, epochs=2, shares=(1, 0.5)))
    assert len(history) == 2


def check_runs(runs, number, epochs):
    assert len(runs) == len({run["seed"] for run in runs}) == number
    assert all(len(run["accuracies"]) == epochs for run in runs)
    assert all(0 < accuracy < 1 for run in runs for accuracy in run["accuracies"])


def test_the_measured_results_are_whole():
    measured = load_measured()
    runs = measured["on_test"]
    of = {"lesson": LESSON, "fast": LESSON, "classic": CLASSIC, "improved": IMPROVED, "one epoch": ONE_EPOCH}
    assert runs.keys() == of.keys() | {"example", "example, fast path"}
    for name, rows in runs.items():
        assert rows, name
        check_runs(rows, len(rows), of[name].epochs if name in of else len(rows[0]["accuracies"]))
        for run in rows:
            assert len(run["accuracies"]) == len(run["seconds"]) and run["seconds"] == sorted(run["seconds"])
    assert len(runs["improved"]) == len(runs["one epoch"]) == 20
    for run in runs["improved"]:
        assert len(run["misread"]) == round((1 - run["accuracies"][-1]) * 10_000)
    assert measured["date"] and measured["environment"]["PyTorch"]


def test_the_measured_path_is_whole():
    """It leads to the recipe as it is today, and each step has one of the best learning rates that were tried."""
    measured = json.loads((STORED_DIR / "recipe_path.json").read_text(encoding="utf-8"))
    path, improved = measured["path"], json.loads(json.dumps(asdict(IMPROVED)))
    assert path[0]["settings"] == json.loads(json.dumps(asdict(LESSON)))
    assert path[-1]["settings"] == improved, "the recipe was changed: run scripts/measure/measure_path.py"
    for entry in path + measured["variations"]:
        check_runs(entry["runs"], 8, entry["settings"]["epochs"])
    for entry in path:
        means = {rate: statistics.mean(run["accuracies"][-1] for run in runs) for rate, runs in entry["sweep"].items()}
        chosen = means[str(entry["settings"]["learn_rate"])]
        assert chosen > max(means.values()) - 0.0006, f"{entry['change']}: two seeds tell that another rate is better"
        for runs in entry["sweep"].values():
            check_runs(runs, 2, entry["settings"]["epochs"])
            assert not {run["seed"] for run in runs} & {run["seed"] for run in entry["runs"]}
    assert measured["date"] and measured["environment"]["PyTorch"]
