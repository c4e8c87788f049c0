"""scripts/measure/measure_recipes.py: the steps lead to the improved recipe, and a run is made only once."""

from dataclasses import asdict

import measure_recipes

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
