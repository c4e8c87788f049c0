"""scripts/measure/ideas.py and measure_ideas.py: each idea is what its name says, and all are judged alike."""

import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import ideas
import measure_ideas
import measure_path
import pytest
import torch

from mnist_lesson import stored
from mnist_lesson.further import recipes
from mnist_lesson.further.recipes import IMPROVED, PoolFirstCNN, make_optimizer, make_schedule
from mnist_lesson.stored import STORED_DIR

IMAGES, LABELS = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 10


@pytest.mark.parametrize("idea", ideas.ideas())
def test_an_idea_takes_its_place_for_one_training(idea, monkeypatch):
    recipe, replaced = ideas.ideas()[idea]
    assert (recipe == IMPROVED) == bool(replaced) or idea == "improved recipe"
    called = dict.fromkeys(replaced, 0)

    def counted(name, function):
        def call(*arguments, **settings):
            called[name] += 1
            return function(*arguments, **settings)

        return call

    counting = {name: counted(name, function) for name, function in replaced.items()}
    once = replace(recipe, epochs=1, shares=recipe.shares[:1])
    monkeypatch.setattr(ideas, "ideas", lambda: {idea: (once, counting)})
    monkeypatch.setattr(measure_ideas, "held_out_data", lambda: ((IMAGES, LABELS), (IMAGES[:10], LABELS[:10])))
    before = {name: getattr(recipes, name) for name in replaced}
    (accuracy,) = measure_ideas.train(idea, once)["accuracies"]
    assert 0 <= accuracy <= 1
    assert {name: getattr(recipes, name) for name in replaced} == before
    called.pop("recorded", None)  # is for a GPU only
    assert all(called.values()), called


def test_momentum_falls_while_the_learning_rate_rises():
    optimizer = make_optimizer(PoolFirstCNN(), IMPROVED)
    schedule, found = ideas.cycle_momentum(optimizer, IMPROVED, 100), []
    for _ in range(100):
        found.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        schedule.step()
    momenta, top = [momentum for _, momentum in found], found.index(max(found))
    assert momenta[: top + 1] == sorted(momenta[: top + 1], reverse=True) and momenta[top:] == sorted(momenta[top:])
    assert (momenta[0], momenta[top], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95), abs=1e-3)


def test_each_kind_of_layer_has_its_own_rate():
    model, given = PoolFirstCNN(), ideas.rates_by_layer(0.5, 2)
    optimizer = given["make_optimizer"](model, IMPROVED)
    schedule = given["make_schedule"](optimizer, IMPROVED, 100)
    usual = make_optimizer(PoolFirstCNN(), IMPROVED)
    usual_schedule = make_schedule(usual, IMPROVED, 100)
    names = {id(weights): name for name, weights in model.named_parameters()}
    layers = [{names[id(weights)].split(".")[0] for weights in group["params"]} for group in optimizer.param_groups]
    assert layers == [{"conv1", "conv2"}, {"fc1", "fc2"}]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(names)
    for _ in range(50):
        (rate,) = (group["lr"] for group in usual.param_groups)
        assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.5 * rate, 2 * rate])
        for one in (usual, optimizer, usual_schedule, schedule):
            one.step()


def test_the_hard_half_alone_makes_the_gradient(monkeypatch):
    monkeypatch.setattr(recipes, "augment", lambda images: images)
    model, notes = PoolFirstCNN(), torch.zeros(2, 64)
    losses = torch.nn.functional.cross_entropy(model(IMAGES), LABELS, reduction="none")
    losses.sort(descending=True).values[:32].mean().backward()
    wanted = [weights.grad.clone() for weights in model.parameters()]
    optimizer = SimpleNamespace(zero_grad=model.zero_grad, step=lambda: None)
    ideas.hard_half(IMAGES, LABELS, *notes, model, optimizer, IMPROVED)(torch.randperm(64))
    for weights, gradient in zip(model.parameters(), wanted):
        assert torch.allclose(weights.grad, gradient, atol=1e-6)
    assert torch.allclose(notes[0], losses.detach(), atol=1e-6), "all losses are noted"


def test_shifted_images_are_moved_by_one_pixel():
    dot = torch.zeros(1, 1, 28, 28)
    dot[..., 10, 20] = 5
    (mean,) = ideas.MeanOfShifts(torch.nn.Identity())(dot)[0]
    assert {tuple(place) for place in mean.nonzero().tolist()} == {(10, 20), (9, 20), (11, 20), (10, 19), (10, 21)}
    assert mean.unique().tolist() == [0, 1]


def test_all_ideas_are_tried_with_the_same_fresh_seeds(monkeypatch, tmp_path):
    def pool(*arguments):
        return nullcontext(SimpleNamespace(map=lambda function, jobs, chunksize: [function(job) for job in jobs]))

    monkeypatch.setattr(measure_ideas.multiprocessing, "get_context", lambda way: SimpleNamespace(Pool=pool))
    monkeypatch.setattr(measure_ideas, "use_lesson_python", lambda: None)

    def kept(name, seed, train, idea, recipe):
        assert name == idea and train is measure_ideas.train and recipe == ideas.ideas()[idea][0]
        return {"seed": seed, "accuracies": [idea]}

    monkeypatch.setattr(measure_ideas, "kept", kept)
    monkeypatch.setattr(measure_ideas, "mean_at_end", lambda runs: 0)
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    assert measure_ideas.main() == 0
    new, old = (
        json.loads((folder / "recipe_ideas.json").read_text(encoding="utf-8")) for folder in (tmp_path, STORED_DIR)
    )
    assert new.keys() == old.keys() and list(new["ideas"]) == list(old["ideas"]) == list(ideas.ideas())
    seeds = list(measure_ideas.SEEDS)
    assert not set(seeds) & {*measure_path.SEEDS, *measure_path.SWEEP_SEEDS, *measure_path.ONE_EPOCH_SEEDS}
    for name, runs in new["ideas"].items():
        assert [(run["seed"], run["accuracies"]) for run in runs] == [(seed, [name]) for seed in seeds]
        assert [run["seed"] for run in old["ideas"][name]] == seeds
        assert all(len(run["accuracies"]) == IMPROVED.epochs for run in old["ideas"][name])
