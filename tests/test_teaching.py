"""docs/teaching.md and the notes for teaching: their times and numbers are those of the lesson."""

import json
import re
import statistics
import tomllib

import nbformat
import pytest
import torch
from install import ROOT
from points import POINTS_FILE
from torch import nn

from mnist_lesson.model import CNN
from mnist_lesson.stored import STORED_DIR, load_expected, load_predictions
from notebooks import all_notebooks

NOTEBOOKS = {path.stem: nbformat.read(path, 4) for path in all_notebooks()}
PAGE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
MEND = "mend the note for teaching"


def note(name):
    (cell,) = [cell for cell in NOTEBOOKS[name].cells if "instructor" in cell.metadata.get("tags", [])]
    return cell.source


def exercises(name):
    """Return the minutes of each exercise of a notebook, by its number."""
    text = "\n".join(cell.source for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown")
    found = re.findall(r"^### Exercise ([\d.]+): .*, (\d+) minutes?\)$", text, flags=re.M)
    return {number: int(minutes) for number, minutes in found}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_table_says_what_the_readme_and_the_headings_say(name):
    read, run = re.search(rf"notebooks/{name}\.ipynb\) \|[^|]*\| (\d+ min) \| (\d+ s) \|", README).groups()
    minutes = exercises(name).values()
    row = rf"\(\.\./notebooks/{name}\.ipynb\) \| {read} \| {len(minutes)}, {sum(minutes)} min \| {run} \|"
    assert re.search(row, PAGE), f"expected in docs/teaching.md: {row}"


def test_the_times_of_the_table_are_added_up():
    rows = re.findall(r"\.ipynb\) \| (\d+) min \| (\d+), (\d+) min \| (\d+) s \|", PAGE)
    assert len(rows) == len(NOTEBOOKS)
    read, number, minutes, seconds = (sum(map(int, column)) for column in zip(*rows))
    assert f"| together | {read} min | {number}, {minutes} min | {seconds} s |" in PAGE


def test_the_half_day_takes_four_hours():
    plan = PAGE[PAGE.index("### A half-day") : PAGE.index("### A semester")]
    assert "Four hours" in plan and sum(map(int, re.findall(r"^\| (\d+) \|", plan, flags=re.M))) == 240


def test_every_notebook_has_a_place_in_the_plans_and_every_exercise_that_they_name_is_there():
    lessons = PAGE[PAGE.index("### A single lesson") : PAGE.index("### A half-day")]
    semester = PAGE[PAGE.index("### A semester") : PAGE.index("## The day before")]
    for name in NOTEBOOKS:
        assert re.search(rf"^\| {int(name[:2])} ", lessons, flags=re.M), name
        assert re.search(rf"notebooks? {int(name[:2])}\b|of {int(name[:2])}\b", semester), name
    known = {number for name in NOTEBOOKS for number in exercises(name)}
    assert set(re.findall(r"\b\d+\.\d+\b(?! GB)", lessons + semester)) <= known
    weeks = re.findall(r"^\| (\d+) \|", semester, flags=re.M)
    assert weeks == [str(week) for week in range(1, 15)] and "Fourteen weeks" in semester


@pytest.mark.parametrize("part", ["slides", "student", "instructor", "pdf", "site", "doctor", "check"])
def test_the_targets_that_the_page_names_are_in_the_makefile(part):
    assert f"`make {part}`" in PAGE or f"\nmake {part} " in PAGE
    assert re.search(rf"^(\w+ )*{part}( \w+)*:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_question_to_the_class_says_what_a_full_a_partial_and_a_wrong_answer_contains(name):
    _, *questions = note(name).split("**Ask the class:** ")
    assert questions
    for question in questions:
        assert re.match(r"[^\n]+[?.]\n\n- \*Full:\* .+\n- \*Partial:\* .+\n- \*Wrong:\* .+(\n\n|$)", question), question


def test_the_points_are_those_that_come_with_the_lesson():
    given = tomllib.loads(POINTS_FILE.read_text(encoding="utf-8"))["difficulty"]
    easy, medium, hard = given["easy"], given["medium"], given["hard"]
    assert f"Easy exercises give {easy}, medium ones {medium}, hard ones {hard}." in PAGE


def test_the_answer_to_larger_images_is_that_of_the_network():
    model = CNN()
    model.fc1 = nn.Linear(64 * 6 * 6, 64)
    assert model(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    with pytest.raises(RuntimeError, match="shapes"):
        CNN()(torch.zeros(1, 1, 32, 32))
    for number in (64 * 6 * 6, f"{sum(weights.numel() for weights in model.parameters()):,}"):
        assert f" {number} " in note("04_model"), MEND
    wide = nn.Sequential(nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.Conv2d(32, 128, 3), nn.MaxPool2d(2), nn.Flatten())
    assert f"= {wide(torch.zeros(1, 1, 28, 28)).shape[1]} inputs" in note("06_results"), MEND


@pytest.mark.parametrize("left_out", ["backward", "step"])
def test_without_one_of_these_calls_nothing_is_learnt_and_no_error_comes(left_out):
    model = CNN()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = [weights.clone() for weights in model.parameters()]
    for _ in range(2):
        loss = nn.functional.cross_entropy(model(torch.rand(4, 1, 28, 28)), torch.arange(4))
        optimizer.zero_grad()
        if left_out != "backward":
            loss.backward()
        if left_out != "step":
            optimizer.step()
    assert all(map(torch.equal, before, model.parameters()))
    assert (model.fc1.weight.grad is None) == (left_out == "backward")


def test_the_answers_about_the_sixty_networks_are_the_stored_ones():
    accuracies = [100 * accuracy for accuracy in load_expected()["final_test_acc"]]
    numbers = [f"{value:.2f} %" for value in (max(accuracies), statistics.mean(accuracies), min(accuracies))]
    assert all(number in note("06_results") for number in numbers), MEND
    assert len(load_predictions()) == 60
    (said,) = [cell.source for cell in NOTEBOOKS["06_results"].cells if cell.id == "vote-text"]
    assert "leads in 18 of 60" in said and "in 13" in said
    assert "13 of the sixty" in note("03_visualisation") and "of 18" in note("03_visualisation"), MEND


def test_how_many_seeds_are_needed_follows_from_the_stored_spread():
    path = json.loads((STORED_DIR / "recipe_path.json").read_text(encoding="utf-8"))["path"]
    accuracies = [[100 * run["accuracies"][-1] for run in entry["runs"]] for entry in path]
    improved = statistics.stdev(accuracies[-1])
    assert f"s = {improved:.2f} points" in note("09_better_and_faster"), MEND
    # To find a difference four times in five, at the level of 5 %: 2 (1.96 + 0.84)² (s / d)² runs of each recipe.
    assert round(2 * (1.96 + 0.84) ** 2) == 16
    assert 27 < 16 * (improved / 0.05) ** 2 < 33 and "some thirty" in note("09_better_and_faster"), MEND
    first, second = map(statistics.mean, accuracies[:2])
    assert f"({second - first:.2f} points)" in note("09_better_and_faster"), MEND


def test_what_a_measurement_tells_apart_is_what_was_stored():
    small = json.loads((STORED_DIR / "clinic.json").read_text(encoding="utf-8"))["ranges"]["small"]

    def lies_below(measurement, one, other):
        return small[one][measurement][1] < small[other][measurement][0]

    assert lies_below("first_answer", "rate-too-large", "not-scaled"), MEND
    assert lies_below("test_acc", "labels-shifted", "sorted") and small["labels-shifted"]["test_acc"][1] < 0.1, MEND
    assert lies_below("gradient", "rate-too-large", "no-zero-grad"), MEND
    assert lies_below("shared", "healthy", "leak") and lies_below("new_acc", "no-zero-grad", "leak"), MEND


def test_at_how_many_bits_it_breaks_is_what_was_stored():
    networks = json.loads((STORED_DIR / "bits.json").read_text(encoding="utf-8"))["networks"]

    def accuracies(name):
        return [100 * network["accuracy"] for network in networks[name]]

    def largest_loss(bits):
        after = accuracies(f"{bits} bits, a scale for each channel")
        return max(before - now for before, now in zip(accuracies("float32"), after, strict=True))

    two = accuracies("2 bits, a scale for each channel")
    assert largest_loss(4) < 1 and 1.5 < largest_loss(3) < 2.5 and len(two) == 16, MEND
    assert f"{min(two):.0f} % to {max(two):.0f} %" in note("11_take_it_with_you"), MEND


def test_the_bytes_that_ranks_exchange_are_those_of_the_network():
    number = sum(weights.numel() for weights in CNN().parameters())
    assert f"{number:,} of four bytes, {number * 4 / 1000:.0f} kB" in note("12_scale_out"), MEND
