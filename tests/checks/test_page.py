"""mnist_lesson.checks.page: the page to print, for those who have solved all and trained a network."""

import re

import pytest

from mnist_lesson import checks
from mnist_lesson.checks import judge, page
from mnist_lesson.results import save_run
from mnist_lesson.stored import REFERENCE_DIR, load_run_or_reference


@pytest.fixture(autouse=True)
def runs(monkeypatch, tmp_path):
    """A folder for runs in which no exercise is solved, and nothing is trained."""
    monkeypatch.setattr(judge, "SOLVED_FILE", tmp_path / "exercises.json")
    monkeypatch.setattr(page, "RUNS_DIR", tmp_path)
    return tmp_path


@pytest.fixture
def all_solved():
    for checker in checks.all_checkers():
        judge.keep_solved(checker.number)


@pytest.fixture
def own_run(runs, model):
    history = load_run_or_reference(REFERENCE_DIR).history
    save_run(runs / "05_training", model, history, {"EPOCHS": 5})


def test_without_all_exercises_there_is_no_page(runs, own_run, all_solved, capsys):
    solved = judge.load_solved()
    judge.SOLVED_FILE.unlink()
    for number in solved[:-2]:
        judge.keep_solved(number)
    checks.certificate("Ada")
    assert f"open: {', '.join(solved[-2:])}." in capsys.readouterr().out
    assert not (runs / "certificate.html").exists()


def test_without_a_network_of_ones_own_it_says_how_to_get_one(runs, all_solved, capsys):
    checks.certificate("Ada")
    assert "run the notebook 05_training to make it." in " ".join(capsys.readouterr().out.split())
    assert not (runs / "certificate.html").exists()


def test_the_page_shows_name_and_accuracy_and_needs_no_network(runs, own_run, all_solved, capsys):
    judge.keep_solved(checks.kept_as(3))
    checks.certificate("Ada <Lovelace>")
    assert str(runs / "certificate.html") in capsys.readouterr().out
    text = (runs / "certificate.html").read_text(encoding="utf-8")
    assert "Ada &lt;Lovelace&gt;" in text and "<Lovelace>" not in text
    assert f"all {len(checks.all_checkers())} exercises" in text and "the fault of 1 of the 20 patients" in text
    assert "<strong>97.99%</strong> of 10,000 digits" in text, "the reference run reads 9,799 test images"
    assert "(95 % interval: 97.70% to 98.25%)" in text and "9 of 10 right" in text
    assert re.findall(r"read as (\d)", text) == list("5987230242"), "the eighth, a 4, is read as a 2"
    assert not re.search("https?:|url\\(|<script|<link", text)


def test_whoever_has_solved_all_hears_of_the_page(all_solved, capsys):
    checks.progress()
    assert "checks.certificate('your name')" in capsys.readouterr().out
    judge.SOLVED_FILE.unlink()
    checks.progress()
    assert "certificate" not in capsys.readouterr().out
