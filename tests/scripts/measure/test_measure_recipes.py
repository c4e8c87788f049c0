"""scripts/measure/measure_recipes.py: a run is made only once, and the seeds that judge had no say in a choice."""

import json

import measure_path
import measure_recipes

from mnist_lesson import stored
from mnist_lesson.further.recipes import IMPROVED, LESSON


def test_a_run_is_made_once_and_kept_until_its_recipe_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_recipes, "ROOT", tmp_path)
    calls = []

    def run(recipe):
        calls.append(recipe)
        return {"accuracies": [0.5]}

    for seed, recipe, made in ((3, LESSON, 1), (3, LESSON, 1), (4, LESSON, 2), (3, IMPROVED, 3), (3, IMPROVED, 3)):
        assert measure_recipes.kept("path: one cycle", seed, run, recipe) == {"seed": seed, "accuracies": [0.5]}
        assert len(calls) == made


def test_everything_is_written_and_fresh_seeds_judge_the_improved_recipes(tmp_path, monkeypatch):
    def kept(name, seed, run, *arguments):
        runs.append((name, seed))
        return {"seed": seed, "accuracies": [0.5], "seconds": [1.0], "misread": []}

    runs = []
    monkeypatch.setattr(measure_recipes, "use_lesson_python", lambda: None)
    monkeypatch.setattr(measure_recipes, "kept", kept)
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    measure_recipes.main()
    written = json.loads((tmp_path / "recipes.json").read_text(encoding="utf-8"))
    assert {name: len(rows) for name, rows in written["on_test"].items()} == {
        name: len(seeds) for name, seeds in measure_recipes.SEEDS.items()
    }
    chosen_with = {*measure_path.SWEEP_SEEDS, *measure_path.SEEDS}
    assert not chosen_with & {seed for name, seed in runs if name in ("improved", "one epoch")}
    assert [name for name, _ in runs[:7]] == list(measure_recipes.SEEDS), "in turn, not one after the other"
    assert [name for name, rows in written["on_test"].items() if "misread" in rows[0]] == ["lesson", "improved"] + [
        name for name in measure_recipes.SEEDS if name.startswith("example")
    ]
