"""scripts/measure/measure_recipes.py: the steps lead to the improved recipe, and a run is made only once."""

import json
from dataclasses import asdict

import measure_recipes

from mnist_lesson import stored
from mnist_lesson.further.recipes import IMPROVED, LESSON


def changed(first, second):
    return {name for name, value in asdict(first).items() if asdict(second)[name] != value}


def test_the_path_leads_from_the_lesson_to_the_improved_recipe():
    steps = list(measure_recipes.path_to(IMPROVED).values())
    assert steps[0] == LESSON and steps[-1] == IMPROVED
    for before, after in zip(steps, steps[1:]):
        assert 1 <= len(changed(before, after) - {"learn_rate"}) <= 1


def test_each_variation_has_one_change():
    variations = measure_recipes.variations_of(IMPROVED)
    assert all(len(changed(IMPROVED, recipe)) == 1 for recipe in variations.values())
    assert len(set(variations.values())) == len(variations)


def test_a_run_is_made_once_and_kept_until_its_recipe_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_recipes, "ROOT", tmp_path)
    calls = []

    def run(recipe):
        calls.append(recipe)
        return {"accuracies": [0.5]}

    for seed, recipe, made in ((3, LESSON, 1), (3, LESSON, 1), (4, LESSON, 2), (3, IMPROVED, 3), (3, IMPROVED, 3)):
        assert measure_recipes.kept("path: one cycle", seed, run, recipe) == {"seed": seed, "accuracies": [0.5]}
        assert len(calls) == made


def test_everything_is_written_and_the_test_images_are_for_finished_recipes_only(tmp_path, monkeypatch):
    def kept(name, seed, run, *arguments):
        runs.append((run, arguments))
        return {"seed": seed, "accuracies": [0.5], "seconds": [1.0], "misread": []}

    runs = []
    monkeypatch.setattr(measure_recipes, "use_lesson_python", lambda: None)
    monkeypatch.setattr(measure_recipes, "kept", kept)
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    measure_recipes.main()
    written = json.loads((tmp_path / "recipes.json").read_text(encoding="utf-8"))
    assert {name: len(rows) for name, rows in written["on_test"].items()} == {
        "lesson": 3,
        "fast": 10,
        "example": 3,
        "improved": 10,
    }
    assert [entry["kind"] for entry in written["held_out"]] == 8 * ["path"] + 5 * ["variation"]
    assert {arguments for run, arguments in runs if run is measure_recipes.run_on_test} == {(LESSON,), (IMPROVED,)}
