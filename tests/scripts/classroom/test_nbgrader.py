"""scripts/classroom/to_nbgrader.py: an assignment of nbgrader with its own tests, and what nbgrader makes of it.

What docs/nbgrader.md says nbgrader does is done here, from the assignment to the points.
"""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig

import nbformat
import pytest
from install import ROOT
from points import difficulties
from to_nbgrader import main, write_assignment

from mnist_lesson import checks
from notebooks import all_notebooks

POINTS = dict.fromkeys(difficulties(), 1)
PATHS = {path.stem: path for path in all_notebooks()}
INSTALL = 'nbgrader is not installed: python -m pip install -e ".[nbgrader]"'
with_nbgrader = pytest.mark.skipif(importlib.util.find_spec("nbgrader") is None, reason=INSTALL)
FORGERY = (
    'from mnist_lesson.checks.judge import Verdict\nchecks.size_after.judge = lambda _: Verdict("", "", "solved", "")'
)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def marked(notebook, key):
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get(key)]


@pytest.mark.parametrize("name", PATHS)
def test_each_exercise_has_a_locked_test_behind_it_and_no_solution_is_told(tmp_path, name):
    committed = nbformat.read(PATHS[name], 4)
    points = {number: place for place, number in enumerate(difficulties(), 1)}
    made = nbformat.read(write_assignment(PATHS[name], tmp_path, points), 4)
    answers, tests = marked(made, "solution"), marked(made, "grade")
    assert [cell.source for cell in answers] == [cell.source for cell in tagged(committed, "exercise")]
    for answer, test in zip(answers, tests, strict=True):
        assert made.cells[made.cells.index(answer) + 1] == test, "nbgrader runs the cells in their order"
        number = getattr(checks, re.search(r"checks\.(\w+)\.judge", test.source)[1]).number
        assert test.metadata.nbgrader.points == points[number] and test.metadata.nbgrader.locked
        assert re.search(r"checks\.(\w+)\(", answer.source)[1] == re.search(r"checks\.(\w+)\.judge", test.source)[1]
    ids = [cell.metadata.nbgrader.grade_id for cell in made.cells if "nbgrader" in cell.metadata]
    assert len(set(ids)) == len(ids), "nbgrader refuses a grade_id that occurs twice"
    assert not tagged(made, "solution") and not tagged(made, "instructor")
    assert name == "10_bug_clinic" or made.cells[0].source.startswith("## Exercises"), "nothing is trained for points"


def test_a_course_keeps_its_own_settings(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text("# mine", encoding="utf-8")
    write_assignment(PATHS["04_model"], tmp_path, POINTS)
    assert (tmp_path / "nbgrader_config.py").read_text(encoding="utf-8") == "# mine"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("to_nbgrader.use_lesson_python", lambda: None)  # it would start this Python anew
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["to_nbgrader.py", str(tmp_path / "file" / "course"), "04_model"])
    assert main() == 1
    assert re.fullmatch(
        r"The assignment could not be written \(.*\): choose another folder\.\n", capsys.readouterr().err
    )


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with exercise 4 handed out, handed in by three learners, and graded."""
    folder = tmp_path_factory.mktemp("course")
    write_assignment(PATHS["04_model"], folder, POINTS)
    nbgrader(folder, "generate_assignment", "04_model")
    solutions = [cell.source for cell in tagged(nbformat.read(PATHS["04_model"], 4), "solution")]
    solutions = [source.replace(", solution=True", "") for source in solutions]  # as learners call the checkers
    wrong = [source.replace("return ", "return 1 + ") for source in solutions]
    for learner, answers in {"right": solutions, "wrong": wrong, "forged": [FORGERY]}.items():
        notebook = nbformat.read(folder / "release" / "04_model" / "04_model.ipynb", 4)
        for cell, answer in zip(marked(notebook, "solution"), answers):
            cell.source = answer if learner != "forged" else f"{answer}\n{cell.source}"
        handed_in = folder / "submitted" / learner / "04_model" / "04_model.ipynb"
        handed_in.parent.mkdir(parents=True)
        nbformat.write(notebook, handed_in)
    nbgrader(folder, "autograde", "04_model")
    return folder


def nbgrader(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    scripts = sysconfig.get_path("scripts")  # nbgrader calls alembic, by its name alone
    environment["PATH"] = f"{scripts}{os.pathsep}{environment.get('PATH', '')}"
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words], cwd=folder, env=environment, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]


def points_of(course, learner):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        (notebook,) = gradebook.find_submission("04_model", learner).notebooks
        return {grade.name: grade.auto_score for grade in notebook.grades}


@with_nbgrader
def test_what_is_handed_out_has_the_stubs_and_no_test(course):
    released = nbformat.read(course / "release" / "04_model" / "04_model.ipynb", 4)
    assert "    ...  # return a whole number" in marked(released, "solution")[0].source
    assert ".judge" not in nbformat.writes(released), "the hidden tests must not be handed out"


@with_nbgrader
def test_right_answers_get_all_points_and_wrong_ones_none(course):
    assert set(points_of(course, "right").values()) == {1} and len(points_of(course, "right")) == 5
    assert set(points_of(course, "wrong").values()) == {0}


@with_nbgrader
def test_a_forged_verdict_gets_points_as_the_page_says(course):
    """If this fails since nbgrader tells a forgery now: mend docs/nbgrader.md."""
    points = points_of(course, "forged")
    assert points.pop("test-exercise-size-after") == 1 and set(points.values()) == {0}


@with_nbgrader
def test_grading_does_not_touch_what_the_teacher_has_solved(course):
    assert '"4.1"' in (course / "runs" / "exercises.json").read_text(encoding="utf-8"), "the checkers write it there"
