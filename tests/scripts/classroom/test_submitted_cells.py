# ruff: noqa: F401, F811 (fixtures are imported)
"""scripts/classroom/submitted_cells.py: what is taken from a learner's cells, and which notebook they come from."""

import nbformat
import pytest
from handed_in import lesson
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from submitted_cells import Committed, Exercise, best_match, learners_cells, read_cell


@pytest.mark.parametrize("source", ["x = " + "-" * 100_000 + "1", "x = " + "+".join("1" * 5000), "x = (", "x\0"])
def test_what_python_cannot_read_is_an_error_of_its_cell(source):
    cell = read_cell("id", source)
    assert cell.error and not cell.wanted


def test_a_long_expression_is_no_crash():
    assert read_cell("id", "def f():\n    return " + "+".join("1" * 600)).wanted == [[0, ["f"]]]


@pytest.mark.parametrize(
    "source, wanted, computed",
    [
        ("import torch\nfrom torch import nn", [[0, []], [1, []]], set()),
        ("SIZE, SIDE = 3, 28", [[0, ["SIZE", "SIDE"]]], set()),
        ("half = lambda x: sum([x]) / 2", [[0, ["half"]]], set()),
        ("class Net:\n    pass", [[0, ["Net"]]], set()),
        ("model = train()\nfor i in range(3):\n    print(i)", [], {"model", "i"}),
        ("squares = [x * x for x in (1, 2)]", [], {"squares", "x"}),
        ("%matplotlib inline\nSIDE = 28", [[1, ["SIDE"]]], set()),
        ("%%time\nSIDE = 28", [[1, ["SIDE"]]], set()),
        ("1 / 0", [], set()),
    ],
)
def test_only_what_computes_next_to_nothing_is_run(source, wanted, computed):
    cell = read_cell("id", source)
    assert (cell.wanted, cell.computed, cell.error) == (wanted, computed, "")


def test_a_function_counts_as_mentioned_where_python_cannot_read_it():
    assert read_cell("id", "def f(x:\n    checks.first( mine)").mentioned == {"f", "mine"}


def test_solutions_and_text_are_not_the_learners():
    solution = new_code_cell("a = 1", metadata={"tags": ["solution"]})
    notebook = new_notebook(cells=[new_markdown_cell("a = 2"), solution, new_code_cell("a = 3")])
    content = nbformat.writes(notebook).encode("utf-8-sig")  # some editors put a mark at its beginning
    assert [cell.text.strip() for cell in learners_cells(content)] == ["a = 3"]


def test_the_notebook_is_found_by_cells_or_by_functions():
    known = [
        Committed([Exercise("1.1", "a", "a", "id-a")], []),
        Committed([Exercise("2.1", "b", "b", "id-b"), Exercise("2.2", "c", "c", "id-c")], []),
    ]
    assert best_match(known, [read_cell("id-a", "def b(): pass"), read_cell("?", "def c(): pass")]) == known[1]
    assert best_match(known, [read_cell("id-a", "")]) == known[0]
    assert best_match(known, [read_cell("?", "def other(): pass")]) is None


def test_all_exercises_of_the_lesson_are_known(lesson):
    from mnist_lesson.checks import all_checkers

    numbers = [exercise.number for notebook in lesson for exercise in notebook.exercises]
    assert sorted(numbers) == sorted(checker.number for checker in all_checkers()) and len(numbers) >= 40


def test_stub_and_solution_define_the_function_and_call_no_checker(lesson):
    for exercise in (one for notebook in lesson for one in notebook.exercises):
        for text in (exercise.stub, exercise.solution):
            assert f"def {exercise.function}(" in text and "checks." not in text, exercise.number
        assert exercise.stub != exercise.solution and "import" in exercise.start


def test_the_modules_of_a_notebook_are_those_that_its_cells_import(lesson):
    assert {"torch", "torch.nn", "mnist_lesson.model", "matplotlib.pyplot"} <= set(lesson[4].modules)
    assert not any(name.startswith("mnist_lesson.checks") for notebook in lesson for name in notebook.modules)
