"""scripts/measure/measure_path.py: the steps lead to the improved recipe, each at its best rate, and no test image is seen."""

import json
import re
from dataclasses import asdict, replace

import measure_path
import measure_recipes
import pytest
import torch

from mnist_lesson import stored
from mnist_lesson.device import choose_device, environment
from mnist_lesson.further import recipes
from mnist_lesson.further.recipes import CLASSIC, IMPROVED, LESSON, Recipe


def changed(first, second):
    return {name for name, value in asdict(first).items() if asdict(second)[name] != value}


def test_the_path_leads_from_the_lesson_to_the_improved_recipe_one_setting_at_a_time():
    path = measure_path.path()
    steps = [recipe for recipe, _ in path.values()]
    assert [changed(before, after) for before, after in zip(steps, steps[1:])] == [
        set(),  # only the learning rate
        {"normalise"},
        {"batch_size"},
        {"momentum"},
        {"one_cycle"},
        {"augment"},
        {"weight_decay"},
        {"average"},
        {"muon", "weight_decay"},  # Muon's weight decay is of another size
        {"shares"},
    ]
    assert steps[0] == LESSON and path["recipe of notebook 5"][1] == (LESSON.learn_rate,)
    for change, recipe in (("averaged weights", CLASSIC), ("hard images more often", IMPROVED)):
        step, rates = path[change]
        assert replace(step, learn_rate=recipe.learn_rate) == recipe and recipe.learn_rate in rates
    assert steps[-1] == path["hard images more often"][0]


def test_several_rates_are_tried_for_each_change():
    for _, rates in list(measure_path.path().values())[1:]:
        assert len(rates) >= 2 and rates == tuple(sorted(set(rates)))


def test_the_rates_are_not_chosen_with_the_seeds_that_judge():
    assert not set(measure_path.SWEEP_SEEDS) & set(measure_path.SEEDS)
    assert len(measure_path.SEEDS) >= 8


def test_each_variation_has_one_change():
    variations = measure_path.variations()
    for name, (recipe, replaced) in variations.items():
        if name == "SGD on the same images":  # with the settings that suit SGD
            assert recipe == replace(CLASSIC, shares=IMPROVED.shares) and replaced is None
        else:
            assert len(changed(IMPROVED, recipe)) == (replaced is None), name
        assert replaced is None or callable(getattr(recipes, replaced))
    assert len(set(variations.values())) == len(variations)


@pytest.mark.parametrize("losses", [torch.arange(100.0), torch.zeros(100), torch.full((100,), float("inf"))])
def test_by_chance_chooses_whatever_the_losses_are(losses):
    torch.manual_seed(0)
    first, second, everything = (measure_path.by_chance(losses, share) for share in (0.3, 0.3, 1))
    assert len(first) == len(second) == 30 and not torch.equal(first, second)
    assert len(first.unique()) == 30 and sorted(everything.tolist()) == list(range(100))
    others = torch.rand(100)
    torch.manual_seed(0)
    assert torch.equal(first, measure_path.by_chance(others, 0.3))
    counts = torch.cat([measure_path.by_chance(losses, 0.3) for _ in range(1000)]).bincount(minlength=100)
    assert 200 < counts.min() and counts.max() < 400, "each has the same chance"


@pytest.fixture
def small(monkeypatch):
    """Let the script train on 60 images and judge on 40 others; what was asked for stands in the list returned."""
    asked, hold_out = [], recipes.hold_out

    def load_tensors(train):
        asked.append(train)
        return torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(100) % 10

    monkeypatch.setattr(recipes, "load_tensors", load_tensors)
    monkeypatch.setattr(recipes, "hold_out", lambda images, labels: hold_out(images, labels, 40))
    measure_path.held_out_data.cache_clear()
    yield asked
    measure_path.held_out_data.cache_clear()


@pytest.mark.parametrize("change", ["recipe of notebook 5", "hard images more often"])
def test_a_run_is_judged_on_held_out_images(small, capsys, change):
    recipe, _ = measure_path.path()[change]
    torch.manual_seed(3)
    measured = measure_path.train(recipe)
    assert small == [True] and capsys.readouterr().out == ""
    train_data, held_data = recipes.hold_out(*recipes.load_tensors(train=True))
    torch.manual_seed(3)
    history, _ = recipes.fit_recipe(train_data, held_data, recipes.PoolFirstCNN().to(choose_device()), recipe)
    assert measured == {"accuracies": history.test_acc, "accelerator": environment()["accelerator"]}


def test_a_variation_replaces_its_function_for_its_run_only(small, monkeypatch):
    calls, used, before = [], measure_path.by_chance, recipes.choose_images
    monkeypatch.setattr(measure_path, "by_chance", lambda *args: calls.append(args) or used(*args))
    recipe = replace(IMPROVED, epochs=2, shares=(1, 0.5))
    measure_path.train(recipe)
    assert not calls
    measure_path.train(recipe, "choose_images")
    assert len(calls) == 2, "two epochs"
    assert recipes.choose_images is before


@pytest.mark.parametrize(
    "before, expected",
    [(0.1, 0.1), (0.05, 0.2), (0.4, 0.2), (None, 0.2), (0.2, 0.2)],
    ids=["as good as", "worse", "was not tried", "first step", "is the best"],
)
def test_the_rate_stays_where_two_seeds_cannot_tell(before, expected):
    accuracies = {0.05: (0.98, 0.98), 0.1: (0.986, 0.988), 0.2: (0.986, 0.9888)}
    sweep = {rate: [{"accuracies": [0.1, value]} for value in two] for rate, two in accuracies.items()}
    assert measure_path.best_rate(sweep, before) == expected


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Run the script without any training, in this process. Returns what it writes, and the runs that it asked for."""
    runs = []

    class Pool:
        def __init__(self, processes, prepare, arguments):
            assert processes <= measure_path.MOST_PROCESSES
            assert (prepare, arguments) == (torch.set_num_threads, (1,))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def map(self, function, jobs, chunksize):
            return [function(job) for job in jobs]

    def kept(name, seed, run, recipe, *replaced):
        assert run is measure_path.train
        runs.append((name, seed, recipe, replaced))
        # Without momentum the best rate is the second one, with momentum the last one. The others have one good seed.
        rates = {change: rates for change, (_, rates) in measure_path.path().items()}.get(name.split(", rate")[0], (0,))
        good = rates[-1] if recipe.momentum else rates[:2][-1]
        at_end = 0.9 if recipe.learn_rate == good else 0.95 if seed % 2 else 0.05
        return {"seed": seed, "accuracies": [1 - at_end, at_end]}

    monkeypatch.setattr(
        measure_path.multiprocessing, "get_context", lambda way: {"spawn": type("", (), {"Pool": Pool})}[way]
    )
    monkeypatch.setattr(measure_path, "use_lesson_python", lambda: None)
    monkeypatch.setattr(measure_path, "kept", kept)
    monkeypatch.setattr(recipes, "load_tensors", lambda train: pytest.fail("an image was loaded"))
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    measure_path.main()
    return json.loads((tmp_path / "recipe_path.json").read_text(encoding="utf-8")), runs


def recipe_of(entry):
    settings = entry["settings"]
    return Recipe(**{**settings, "shares": tuple(settings["shares"])})


def test_each_step_is_judged_at_the_best_of_its_rates(written):
    written, runs = written
    path = measure_path.path()
    assert [entry["change"] for entry in written["path"]] == list(path)
    for entry, (recipe, rates) in zip(written["path"], path.values()):
        best = rates[-1] if recipe.momentum else rates[:2][-1]
        assert recipe_of(entry) == replace(recipe, learn_rate=best) and entry["replaced"] is None
        assert list(entry["sweep"]) == list(map(str, rates))
        for rate, tried in entry["sweep"].items():
            assert [run["seed"] for run in tried] == list(measure_path.SWEEP_SEEDS)
            assert {run["accuracies"][-1] for run in tried} == ({0.9} if float(rate) == best else {0.05, 0.95})
        judged = [run for run in runs if run[0] == entry["change"]]
        assert judged == [(entry["change"], seed, recipe_of(entry), (None,)) for seed in measure_path.SEEDS]
        assert [run["seed"] for run in entry["runs"]] == list(measure_path.SEEDS)


def test_the_variations_are_written_with_what_was_replaced(written):
    written, runs = written
    variations = measure_path.variations()
    assert [entry["variation"] for entry in written["variations"]] == list(variations)
    for entry, (recipe, replaced) in zip(written["variations"], variations.values()):
        assert recipe_of(entry) == recipe and entry["replaced"] == replaced
        asked = [run for run in runs if run[0] == entry["variation"]]
        assert asked == [(entry["variation"], seed, recipe, (replaced,)) for seed in measure_path.SEEDS]
        assert [run["seed"] for run in entry["runs"]] == list(measure_path.SEEDS)
    assert written["what"] and written["date"] and written["environment"]["PyTorch"] == torch.__version__


def test_single_epochs_are_tried_with_fewer_images_and_one_of_them_was_chosen(written):
    written, runs = written
    tried, seeds = measure_path.single_epochs(), list(measure_path.ONE_EPOCH_SEEDS)
    assert recipes.ONE_EPOCH in tried
    assert len(seeds) >= 8
    for entry, recipe in zip(written["one epoch"]["recipes"], tried, strict=True):
        assert recipe_of(entry) == recipe
        assert changed(replace(IMPROVED, epochs=1), recipe) <= {"shares", "label_smoothing"}
        asked = [run for run in runs if run[2] == recipe]
        assert [(seed, given) for _, seed, given, _ in asked] == [(seed, recipe) for seed in seeds]
        assert [run["seed"] for run in entry["runs"]] == seeds
    assert written["one epoch"]["date"] and written["one epoch"]["environment"]["PyTorch"] == torch.__version__


def test_no_two_runs_are_kept_in_the_same_file(written):
    """measure_recipes.py keeps its own in the same folder."""
    _, runs = written
    files = [(re.sub("[^a-z0-9.]+", "_", name.lower()), seed) for name, seed, *_ in runs]
    files += [
        (re.sub("[^a-z0-9.]+", "_", name), seed) for name, seeds in measure_recipes.SEEDS.items() for seed in seeds
    ]
    assert len(set(files)) == len(files)
