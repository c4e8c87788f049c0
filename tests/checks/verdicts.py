"""What the tests of the checkers share: stubs, solutions, and what to do with each typical mistake."""

import ast
import importlib
from pathlib import Path

import pytest
from test_notebooks import NOTEBOOKS

from mnist_lesson import checks
from mnist_lesson.checks import judge

REPEATS = 2  # verdicts must not depend on the numbers that were drawn
CELLS = {name: [cell for cell in notebook.cells if cell.cell_type == "code"] for name, notebook in NOTEBOOKS.items()}
CHECKERS = {checker.__name__: checker for checker in checks.all_checkers()}
QUICK = [name for name, checker in CHECKERS.items() if not checker.number.startswith("10.")]  # those train networks


def cells_tagged(tag):
    return [(name, cell) for name, cells in CELLS.items() for cell in cells if tag in cell.metadata.get("tags", [])]


def the_function(source):
    return next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


def the_checker(source):
    """The name in the call `checks.NAME(...)` at the end of a cell."""
    return ast.parse(source).body[-1].value.func.attr


STUBS = {the_checker(cell.source): (name, cell) for name, cell in cells_tagged("exercise")}
SOLUTIONS = {the_checker(cell.source): (name, cell) for name, cell in cells_tagged("solution")}


def run_cell(name, source):
    """Run a cell as in the notebook, after the first cell of its exercises."""
    start = next(cell for cell in CELLS[name] if cell.id == "exercises-start")
    namespace = {}
    exec(start.source, namespace)
    exec(source, namespace)
    return namespace


def solution_of(name):
    """The function that solves an exercise, from its notebook."""
    notebook, cell = SOLUTIONS[name]
    function = the_function(cell.source)
    return run_cell(notebook, ast.unparse(function))[function.name]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """Give each test of a file that imports this a progress of its own."""
    monkeypatch.setattr(judge, "SOLVED_FILE", tmp_path / "runs" / "exercises.json")
    monkeypatch.setattr(checks, "SOLVED_FILE", tmp_path / "runs" / "exercises.json")


def typical_mistakes(wrong):
    """Run a test once for each mistake: the name of a checker, an answer, and words of the hint meant for it."""
    return pytest.mark.parametrize(
        "name, answer, words", wrong, ids=[f"{name}-{words[:20]}" for name, _, words in wrong]
    )


def expect_hint(name, answer, words):
    for _ in range(REPEATS):
        verdict = CHECKERS[name].judge(answer)
        assert verdict.state == judge.NOT_YET and words in verdict.hint, f"{words!r} was expected: {verdict}"


def numbers_tried(wrong, notebook):
    """How many mistakes are in the list for each exercise of a notebook."""
    names = [name for name, checker in CHECKERS.items() if checker.number.split(".")[0] == str(notebook)]
    return [sum(entry[0] == name for entry in wrong) for name in names]


def expect_solved(name, answer):
    for _ in range(REPEATS):
        verdict = CHECKERS[name].judge(answer)
        assert verdict.state == judge.SOLVED, verdict


def answers_from(pattern):
    """What the modules of `answers/` whose names match hold: RIGHT and WRONG, each with an entry for a checker."""
    paths = sorted(Path(__file__).with_name("answers").glob(pattern))
    modules = [importlib.import_module(f"answers.{path.stem}") for path in paths]
    return [
        {key: value for module in modules for key, value in vars(module)[name].items()} for name in ("RIGHT", "WRONG")
    ]


def each_answer(answers):
    """Run a test once for each answer to each checker."""
    cases = [(key, words, answer) for key, entries in answers.items() for words, answer in entries.items()]
    ids = [f"{key}-{words}" for key, words, _ in cases]
    return pytest.mark.parametrize("key, answer", [(key, answer) for key, _, answer in cases], ids=ids)
