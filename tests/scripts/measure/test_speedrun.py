"""scripts/measure/speedrun.py: both train under the same rule, and no word of the learner's code is believed."""

import runpy
import sys
from dataclasses import replace

import measure_path
import pytest
import speedrun
import torch
from torch import nn

from mnist_lesson import engine
from mnist_lesson.further import recipes
from mnist_lesson.further.recipes import LESSON, ONE_EPOCH, Recipe
from mnist_lesson.results import History

HELD_OUT = 40


@pytest.fixture
def data(monkeypatch):
    """A hundred random images in place of MNIST's, 40 of them held out; asking for test images fails."""
    images, labels = torch.rand(100, 1, 28, 28), torch.arange(100) % 10

    def load_tensors(train):
        assert train, "the test images were opened"
        return images, labels

    split = recipes.hold_out
    monkeypatch.setattr(recipes, "load_tensors", load_tensors)
    monkeypatch.setattr(recipes, "hold_out", lambda *data: split(*data, number=HELD_OUT))
    return split(images, labels, number=HELD_OUT)


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "my_recipe.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


ALWAYS_3 = """
import torch
from mnist_lesson.further import recipes

def fit(train_data, model):
    model.fc2.weight.data.zero_()
    model.fc2.bias.data.copy_(torch.arange(10) == 3)
"""


@pytest.mark.parametrize(
    "text, expected", [(None, replace(ONE_EPOCH, shares=())), ("recipe = Recipe(learn_rate=0.5)", None)]
)
def test_a_recipe_is_trained_by_fit_recipe_and_its_own_seconds_count(data, file, monkeypatch, text, expected):
    def fit_recipe(train_data, held_data, model, recipe):
        calls.append((train_data, held_data, recipe))
        return History(test_acc=[1.0, 1.0]), [3.0, 7.0]

    calls = []
    monkeypatch.setattr(recipes, "fit_recipe", fit_recipe)
    path = file(f"from mnist_lesson.further.recipes import Recipe\n{text}") if text else None
    seconds, accuracy = speedrun.train_once(path, 0)
    [(train_data, held_data, recipe)] = calls
    assert recipe == (expected or Recipe(learn_rate=0.5))
    for found, known in zip((*train_data, *held_data), (*data[0], *data[1]), strict=True):
        assert torch.equal(found, known)
    assert seconds == 7.0
    assert accuracy < 0.5  # the history is not believed: the network is as untrained as before


def test_the_script_takes_the_time_of_fit_from_its_start_to_its_end(data, file, monkeypatch):
    monkeypatch.setattr(recipes, "clock", [100.0], raising=False)
    monkeypatch.setattr(speedrun.time, "perf_counter", lambda: recipes.clock[-1])
    text = "from mnist_lesson.further import recipes\nrecipes.clock.append(105.0)\n"
    path = file(text + "def fit(train_data, model):\n    recipes.clock.append(112.0)\n    return 0, [0.1]")
    assert speedrun.train_once(path, 0)[0] == 7.0


def test_fit_gets_all_but_the_held_out_images_and_what_it_has_trained_is_read_anew(data, file, monkeypatch):
    (images, labels), (_, held_labels) = data
    monkeypatch.setattr(recipes, "seen", None, raising=False)
    _, accuracy = speedrun.train_once(file(ALWAYS_3 + "    recipes.seen = train_data"), 0)
    assert torch.equal(recipes.seen[0].cpu(), images) and torch.equal(recipes.seen[1].cpu(), labels)
    assert accuracy == pytest.approx((held_labels == 3).float().mean().item())
    assert 0 < accuracy < 1


def test_only_the_weights_are_believed(data, file):
    cheat = "    model.forward = lambda images: torch.eye(10)[8].expand(len(images), 10)"
    _, (_, held_labels) = data
    assert (held_labels == 8).sum() != (held_labels == 3).sum()  # or this could not fail
    _, accuracy = speedrun.train_once(file(ALWAYS_3 + cheat), 0)
    assert accuracy == pytest.approx((held_labels == 3).float().mean().item())


@pytest.mark.parametrize(
    "change",
    [
        "model.fc2 = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 10))",
        "model.fc1, model.fc2 = torch.nn.Linear(1600, 128), torch.nn.Linear(128, 10)",
        "model.more = torch.nn.Linear(1, 1)",
    ],
)
def test_a_larger_network_is_refused_in_one_sentence(data, file, change):
    with pytest.raises(SystemExit, match=r"my_recipe\.py changes the layers of the network"):
        speedrun.train_once(file(f"import torch\ndef fit(train_data, model):\n    {change}"), 0)


def test_a_file_that_replaces_the_network_does_not_replace_the_one_that_is_read(data, file, monkeypatch):
    monkeypatch.setattr(recipes, "PoolFirstCNN", recipes.PoolFirstCNN)  # put back at the end
    text = """
import torch
from mnist_lesson.further import recipes

class Larger(recipes.PoolFirstCNN):
    def __init__(self):
        super().__init__()
        self.more = torch.nn.Linear(9, 9)

recipes.PoolFirstCNN = Larger

def fit(train_data, model):
    pass
"""
    with pytest.raises(SystemExit, match="changes the layers"):
        speedrun.train_once(file(text), 0)


@pytest.mark.parametrize("normalise", [False, True])
def test_the_recipe_says_whether_the_model_wants_normalised_images(data, file, monkeypatch, normalise):
    def test(batches, network, loss_fn):
        assert isinstance(loss_fn, nn.CrossEntropyLoss)
        found.append(torch.cat([images for images, _ in batches]))
        return 0.25, 1.0

    found, (_, (images, _)) = [], data
    monkeypatch.setattr(engine, "test", test)
    text = "from mnist_lesson.further.recipes import Recipe\ndef fit(train_data, model):\n    pass\n"
    path = file(text + (f"recipe = Recipe(normalise={normalise})" if normalise else ""))
    assert speedrun.train_once(path, 0)[1] == 0.25
    assert torch.equal(found[0], recipes.to_inputs(images, Recipe(normalise=normalise)))


def test_both_start_from_the_same_weights_of_the_seed_whatever_the_file_draws(data, file, monkeypatch):
    def fit_recipe(train_data, held_data, model, recipe):
        first.append((model.conv1.weight.sum().item(), torch.rand(1).item()))
        return History(), [1.0]

    first = []
    monkeypatch.setattr(recipes, "fit_recipe", fit_recipe)
    path = file("import torch\nfrom mnist_lesson.further.recipes import ONE_EPOCH as recipe\ntorch.rand(7)")
    for who, seed in ((path, 4), (None, 4), (None, 5)):
        speedrun.train_once(who, seed)
    assert first[0] == first[1] != first[2]


def test_what_a_file_holds_is_found(file):
    classic = file("from mnist_lesson.further.recipes import CLASSIC as recipe")
    assert speedrun.read_recipe(classic) == (recipes.CLASSIC, None)
    recipe, fit = speedrun.read_recipe(file("def fit(train_data, model):\n    return 8"))
    assert recipe == LESSON and fit(None, None) == 8


@pytest.mark.parametrize("text", ["", "recipes = 1", "recipe = {'epochs': 1}"])
def test_a_file_without_a_recipe_ends_the_script_in_one_sentence(file, text):
    path = file(text)
    with pytest.raises(SystemExit) as end:
        speedrun.read_recipe(path)
    assert str(end.value).startswith(f"There is no recipe in {path}: write ") and "\n" not in str(end.value)


def run(monkeypatch, results, path):
    """Run the whole script, with results, (contestant, seed) -> (seconds, accuracy), in place of trainings."""

    def in_own_python(who, seed):
        order.append((who, seed))
        return results(who, seed)

    order = []
    monkeypatch.setattr(speedrun, "use_lesson_python", lambda: None)
    monkeypatch.setattr(speedrun, "in_own_python", in_own_python)
    monkeypatch.setattr(sys, "argv", ["speedrun.py", str(path)])
    speedrun.main()
    return order


def test_they_take_turns_and_the_last_line_is_the_learners(file, monkeypatch, capsys):
    def results(who, seed):
        place = seed - speedrun.SEEDS[0]
        if who is None:
            return 10.0 + place, 0.992
        return [6.0, 5.0, 90.0, 4.0, 5.0][place], [0.9898, 0.9898, 0.9902, 0.9902, 0.9902][place]

    path = file("")
    order = run(monkeypatch, results, path)
    turns = [[path, None], [None, path]] * 3
    assert order == [(who, seed) for pair, seed in zip(turns, speedrun.SEEDS) for who in pair]
    output = capsys.readouterr().out
    header, _, own, learner = ([cell.strip() for cell in line.split("|")[1:-1]] for line in output.splitlines()[-4:])
    assert len(header) == len(own) == len(learner) == 7
    assert own[:1] + own[3:] == [speedrun.OWN, "12.0", "1.00", "99.200%", "5 of 5"]
    assert learner[:1] + learner[3:] == ["my_recipe", "5.0", "0.42", "99.004%", "3 of 5"]
    assert "never" not in output


@pytest.mark.parametrize("accuracy, there", [(0.98998, False), (0.99, True)])
def test_who_does_not_get_there_has_no_time_and_no_ratio(file, monkeypatch, capsys, accuracy, there):
    run(monkeypatch, lambda who, seed: (1.0, accuracy if who else 0.992), file(""))
    output = capsys.readouterr().out
    cells = output.splitlines()[-1].split(" | ")[3:5]
    assert cells == (["1.0", "1.00"] if there else ["never", "–"])
    assert ("my_recipe never got there" in output) != there


def test_the_ratio_is_to_the_lessons_own_seconds_even_where_it_misses_by_chance(capsys):
    speedrun.print_table({"mine": [(3.0, 0.991)], speedrun.OWN: [(4.0, 0.9899)]}, "today | here")
    output = capsys.readouterr().out
    assert "| mine | today | here | 3.0 | 0.75 |" in output and f"{speedrun.OWN} never got there" in output


def test_a_mean_of_exactly_99_percent_is_there_however_it_is_rounded(capsys):
    rows = [(1.0, accuracy) for accuracy in (0.9886, 0.9914, 0.9902, 0.9898, 0.99)]
    below = [(seconds, accuracy - 1e-12) for seconds, accuracy in rows]
    speedrun.print_table({"mine": below, speedrun.OWN: rows}, "today | here")
    assert "never" not in capsys.readouterr().out


def test_a_missing_file_ends_the_script_in_one_sentence(monkeypatch, tmp_path):
    for path in (tmp_path / "none.py", tmp_path):
        with pytest.raises(SystemExit, match="There is no file"):
            run(monkeypatch, None, path)


@pytest.mark.parametrize(
    "text, start, end",
    [
        ("import sys\nsys.exit('One sentence.')", "One sentence.", "One sentence."),
        ("x = 1\nrecipe = Recipe()", "", "my_recipe.py failed: see above."),
    ],
)
def test_what_ends_a_training_in_its_own_python_ends_the_script(file, monkeypatch, text, start, end):
    monkeypatch.setattr(speedrun, "train_once", runpy.run_path)  # it too runs the file, and needs no PyTorch
    path = file(text)
    with pytest.raises(SystemExit) as exit:
        speedrun.in_own_python(str(path), {})
    words = str(exit.value)
    assert words.startswith(start) and words.endswith(end)
    assert (f'"{path}", line 2' in words) == (start == "")  # where the error is


def test_the_path_was_measured_with_other_seeds():
    assert not set(speedrun.SEEDS) & {*measure_path.SEEDS, *measure_path.SWEEP_SEEDS}
