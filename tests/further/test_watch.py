"""Watching a training program: which images went in, whether each step was right, and what stays in memory."""

import functools
import math

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mnist_lesson.further import faults, watch
from mnist_lesson.further.watch import recogniser, size_of, size_of_gradient, way_of_weights


@functools.cache
def ward():
    """A small one: programs take a moment, and learn little."""
    train_images, train_labels, test_images, test_labels = faults.load_ward()
    return train_images[:200], train_labels[:200], test_images[:100], test_labels[:100]


def watched(program):
    torch.manual_seed(0)
    with watch.watch(ward()) as notes:
        model, history = program(*ward())
    return model, history, notes


def errors(notes):
    return [step.error for step in notes.steps if not math.isnan(step.error)]


@pytest.mark.parametrize("network", ["small_network", "network_with_dropout"])
def test_each_step_of_a_sound_program_is_right(network):
    text = faults.text_of_patient(8).replace("small_network", network)  # it has the right steps, only short ones
    model, history, notes = watched(faults.made(text))
    assert len(notes.steps) == 50 and max(errors(notes)) < 1e-4, "dropout must be repeated with the same numbers"
    assert watch.missed_weights(model, notes.steps) == 0 and {step.reach for step in notes.steps} == {0.001}
    assert {one.modes for one in notes.passes[:10]} == {frozenset([True] if "dropout" in network else [])}


@pytest.mark.parametrize("number, is_wrong", [(2, True), (4, False), (5, True), (7, True), (12, True), (14, True)])
def test_a_fault_in_a_step_shows(number, is_wrong):
    _, _, notes = watched(faults.PATIENTS[number])
    assert (max(errors(notes)) > 0.1) == is_wrong


def test_only_some_later_steps_are_compared():
    torch.manual_seed(0)
    model, images = nn.Linear(784, 10), ward()[0][:20].flatten(1) / 255
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch.watch(ward()) as notes:
        for _ in range(watch.COMPARED + 20):
            optimizer.zero_grad()
            F.cross_entropy(model(images), ward()[1][:20]).backward()
            optimizer.step()
    assert len(errors(notes)) == watch.COMPARED + 2 and max(errors(notes)) < 1e-4


def test_watching_changes_nothing_and_leaves_nothing_behind():
    torch.manual_seed(0)
    _, alone = faults.PATIENTS[10](*ward())
    model, history, notes = watched(faults.PATIENTS[10])
    assert history.train_loss == pytest.approx(alone.train_loss), "the random numbers of the program must be its own"
    seen = len(notes.passes)
    model(torch.rand(2, 1, 28, 28))
    assert len(notes.passes) == seen


def test_watching_needs_one_core_and_gives_the_others_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with watch.watch(ward()):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_images_of_a_batch_are_known_at_any_scale():
    images = torch.cat([ward()[0], ward()[2]])
    recognise = recogniser(images)
    for scale, shift in ((1 / 255, 0), (1, 0), (2 / 255, -1), (1 / 255 / 0.3081, -0.1307 / 0.3081)):
        places, found_scale, found_shift = recognise(images[50:150] * scale + shift)
        assert places.tolist() == list(range(50, 150))
        assert found_scale == pytest.approx(scale) and found_shift == pytest.approx(shift, abs=1e-6)
    places, scale, _ = recognise(torch.cat([images[:2] / 255, torch.rand(2, 1, 28, 28), torch.zeros(1, 1, 28, 28)]))
    assert places.tolist() == [0, 1, -1, -1, -1] and scale == pytest.approx(1 / 255)
    for foreign in (images[:3] // 255, torch.rand(3, 5), torch.tensor(1.0)):
        places, scale, shift = recognise(foreign)
        assert set(places.tolist()) == {-1} and math.isnan(scale) and math.isnan(shift)


def test_records_are_counted_as_long_as_they_live():
    model, images = nn.Linear(784, 10), ward()[0][:20].flatten(1) / 255
    for keep, most in ((lambda logits: logits.sum(), 6), (lambda logits: logits.sum().item(), 2)):
        with watch.watch(ward()) as notes:
            kept = [keep(model(images)) for _ in range(6)]
        assert len(kept) == 6 and notes.most_records <= most and (most == 2 or notes.most_records == 6)


def test_a_step_without_a_pass_and_a_pass_that_fails_are_noted():
    model = nn.Sequential(nn.Linear(784, 10))
    with watch.watch(ward()) as notes:
        torch.optim.Adam(model.parameters()).step()
        with pytest.raises(RuntimeError):
            model(torch.rand(2, 5))
        model(torch.rand(2, 784))
    assert [step.trained for step in notes.steps] == [None] and notes.steps[0].reach is None
    assert len(notes.passes) == 1, "after a pass that fails, the next one is whole again"


def test_sizes_and_ways():
    assert size_of([torch.tensor([3.0]), torch.tensor([[4.0]])]) == 5 and size_of([]) == 0
    model = nn.Linear(1, 1, bias=False)
    assert size_of_gradient(model) == 0
    start = [torch.tensor([[2.0]])]
    for now, way in ((3.0, 0.5), (2.0, 0.0)):
        nn.init.constant_(model.weight, now)
        assert way_of_weights(model, start) == way
    assert way_of_weights(model, [torch.zeros(1, 1)]) == math.inf
    nn.init.zeros_(model.weight)
    assert way_of_weights(model, [torch.zeros(1, 1)]) == 0


def test_a_step_with_a_closure_is_noted_when_its_gradient_is_there():
    torch.manual_seed(0)
    model, images, labels = nn.Linear(784, 10), ward()[0][:20].flatten(1) / 255, ward()[1][:20]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        return loss

    with watch.watch(ward()) as notes:
        optimizer.step(closure)
        optimizer.step(closure=closure)
    assert len(notes.steps) == 2 and max(errors(notes)) < 1e-4


def test_weights_that_no_optimizer_holds_are_counted():
    for parts, missed in (([0, 2], 0), ([2], 2), ([], 4)):
        model = nn.Sequential(nn.Linear(784, 5), nn.ReLU(), nn.Linear(5, 10))
        optimizers = [torch.optim.SGD(model[part].parameters(), lr=0.1) for part in parts] or [
            torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        ]
        with watch.watch(ward()) as notes:
            F.cross_entropy(model(ward()[0][:5].flatten(1) / 255), ward()[1][:5]).backward()
            for optimizer in optimizers:
                optimizer.step()
        assert watch.missed_weights(model, notes.steps) == missed


def test_a_model_that_answers_with_probabilities_is_compared_by_their_logarithms():
    logits = torch.randn(3, 10)
    assert torch.allclose(watch.as_logits(logits.softmax(1)).softmax(1), logits.softmax(1))
    assert torch.equal(watch.as_logits(logits), logits)
