"""All checkers alike: solutions pass, blank stubs get the first hint, and no odd value passes or breaks one."""

import ast
import inspect

import pytest
from odd_values import ODD_VALUES
from test_notebooks import NOTEBOOKS
from verdicts import (  # noqa: F401 (own_progress is a fixture)
    CHECKERS,
    QUICK,
    REPEATS,
    SOLUTIONS,
    STUBS,
    cells_tagged,
    own_progress,
    run_cell,
    solution_of,
    the_function,
)

from mnist_lesson import checks
from mnist_lesson.checks import compare, judge


def test_each_checker_has_one_stub_and_one_solution_and_nothing_else_has():
    assert list(STUBS) == list(SOLUTIONS) == list(CHECKERS)
    assert len(cells_tagged("exercise")) == len(cells_tagged("solution")) == len(CHECKERS)


def test_each_notebook_has_three_to_seven_exercises_numbered_in_order():
    for name in NOTEBOOKS:
        numbers = [
            checker.number for checker in CHECKERS.values() if checker.number.split(".")[0] == str(int(name[:2]))
        ]
        assert numbers == [f"{int(name[:2])}.{k}" for k in range(1, len(numbers) + 1)], name
        assert len(numbers) >= 3 and (len(numbers) <= 7 or name.startswith("10")), name


@pytest.mark.parametrize("name", CHECKERS)
def test_stub_and_solution_do_not_drift(name):
    stub, solution = (the_function(cells[name][1].source) for cells in (STUBS, SOLUTIONS))
    assert stub.name == solution.name and ast.dump(stub.args) == ast.dump(solution.args)
    assert "raises-exception" in STUBS[name][1].metadata.tags, "or a syntax error of a learner stops `Run All`"
    assert SOLUTIONS[name][1].metadata.jupyter.source_hidden, "a solution is folded away"


@pytest.mark.parametrize("name", CHECKERS)
def test_each_heading_says_how_hard_and_how_long(name):
    notebook, stub = STUBS[name]
    cells = NOTEBOOKS[notebook].cells
    before = cells[[cell.id for cell in cells].index(stub.id) - 1].source
    assert before.startswith(f"### Exercise {CHECKERS[name].number}: ")
    assert any(f"({level}, " in before.splitlines()[0] for level in ("easy", "medium", "hard"))


@pytest.mark.notebook_cells
@pytest.mark.parametrize("name", QUICK)
def test_the_solution_passes_and_does_not_count_as_solved(name, capsys, monkeypatch):
    """A quarter of the draws must do, so that no learner ever meets a checker that finds no good cases."""
    monkeypatch.setattr(compare, "DRAWS", compare.DRAWS // 4)
    notebook, cell = SOLUTIONS[name]
    namespace = run_cell(notebook, cell.source)
    assert capsys.readouterr().out == f"Exercise {CHECKERS[name].number}, {name}: the solution passes.\n"
    assert judge.load_solved() == []
    for _ in range(REPEATS if name == "build" else 3 * REPEATS):  # a verdict on `build` draws five networks
        verdict = CHECKERS[name].judge(namespace[name])
        assert verdict.state == judge.SOLVED, verdict


@pytest.mark.parametrize("name", QUICK)
def test_the_blank_stub_gets_its_first_hint(name, capsys):
    notebook, cell = STUBS[name]
    run_cell(notebook, cell.source)
    out = capsys.readouterr().out
    assert out.startswith(f"Exercise {CHECKERS[name].number}, {name}: not attempted yet. First hint: ")
    assert len(out) > 60


@pytest.mark.parametrize("name", QUICK)
def test_whoever_makes_a_listed_mistake_gets_its_hint(name, monkeypatch):
    """Each mistake of `compare` is run as the answer, on cases drawn anew; so a wrong order of the list shows, too."""
    tried, unlike = [], []

    def compare_with_mistakes(answer, draw, right, mistakes=()):
        for mistake, hint in mistakes:
            try:
                compare.compare(as_answer(mistake), draw, right, mistakes)
                unlike.append(f"accepted instead of {hint!r}")
            except compare.Hint as found:
                unlike.extend([f"{str(found)!r} instead of {hint!r}"] * (str(found) != hint))
            tried.append(hint)
        compare.compare(answer, draw, right, mistakes)

    def as_answer(mistake):
        def answer(*case):
            try:
                return mistake(*case)
            except Exception as error:
                raise compare.Failed("it stops") from error

        return answer

    module = CHECKERS[name].__wrapped__.__globals__
    if "compare" not in module:
        return
    monkeypatch.setitem(module, "compare", compare_with_mistakes)
    assert CHECKERS[name].judge(solution_of(name)).state == judge.SOLVED
    assert not unlike, unlike
    assert len(tried) >= 4 or "compare" not in CHECKERS[name].__wrapped__.__code__.co_names


@pytest.fixture
def cases_drawn_once(monkeypatch):
    """Let each call of `compare` use two of the cases that it drew first. It hands out copies, so they stay as they were.

    One case is enough to find fault with a value that is the same for all.
    """
    draw_until, drawn = compare.draw_until, {}

    def first_drawn(work_out, problem_of):
        place = inspect.getclosurevars(work_out).nonlocals["draw"].__code__
        if place not in drawn:
            all_drawn = draw_until(work_out, problem_of)
            wrong = [results[:2] for results in all_drawn.wrong]
            drawn[place] = all_drawn._replace(cases=all_drawn.cases[:2], expected=all_drawn.expected[:2], wrong=wrong)
        return drawn[place]

    monkeypatch.setattr(compare, "draw_until", first_drawn)


@pytest.mark.parametrize("name", QUICK)
def test_nothing_that_a_learner_returns_passes_by_accident_or_breaks_a_checker(name, cases_drawn_once):
    for label, value in ODD_VALUES.items():
        for result in (value, (value, value), [value]):
            verdict = CHECKERS[name].judge(lambda *arguments, result=result: result)
            if value is None and result is None:
                assert verdict.state == judge.NOT_ATTEMPTED
                continue
            assert verdict.state == judge.NOT_YET and len(verdict.hint) > 20, (name, label, type(result), verdict)


# Progress


def test_progress_keeps_what_was_solved_and_can_be_reset(capsys):
    checks.flat_size(lambda side: 64 * (((side - 2) // 2 - 2) // 2) ** 2)
    checks.size_after(lambda *sizes: None)
    capsys.readouterr()
    checks.progress()
    lines = capsys.readouterr().out.splitlines()
    assert (
        "notebook  4: 1 of 5 solved; open: 4.1 size_after, 4.3 conv_parameters, 4.4 probabilities, 4.5 build" in lines
    )
    checks.reset_progress()
    checks.reset_progress()  # twice is no error
    assert judge.load_solved() == []
