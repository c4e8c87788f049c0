"""Make nbgrader assignments from the exercises of notebooks; docs/nbgrader.md says what is gained and lost by it.

    python scripts/classroom/to_nbgrader.py COURSE 04_model 06_results

This writes COURSE/source/04_model/04_model.ipynb and so on, and COURSE/nbgrader_config.py if there is none.
COURSE is the folder of an nbgrader course; it is made if need be. How many points an exercise gives, points.toml says.
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[:2]]  # where the other scripts are

from install import use_lesson_python
from site_pages import EXERCISE

from notebooks import all_notebooks

# nbgrader would empty each answer cell, and our stubs would be lost. And a checker that runs while notebooks are
# graded must not count the learner's exercises among those that the teacher has solved.
CONFIG = """import os
from pathlib import Path

os.environ["MNIST_LESSON_RUNS"] = str(Path(__file__).resolve().parent / "runs")
c = get_config()  # noqa: F821 (nbgrader defines it)
c.ClearSolutions.enabled = False
"""

TEST = """# The points of this exercise are given here.
### BEGIN HIDDEN TESTS
from mnist_lesson import checks
verdict = checks.{checker}.judge({function})
assert verdict.state == "solved", verdict.hint or "not attempted"
### END HIDDEN TESTS"""


def main() -> int:
    use_lesson_python()
    from points import read_points

    known = {path.stem: path for path in all_notebooks()}
    parser = argparse.ArgumentParser(description="Make nbgrader assignments from the exercises of notebooks.")
    parser.add_argument("course", type=Path, help="the folder of the nbgrader course")
    parser.add_argument("notebook", nargs="+", choices=known, help="such as 04_model")
    options = parser.parse_args()
    try:
        points = read_points()
        for name in options.notebook:
            print(f"Written: {write_assignment(known[name], options.course, points)}")
    except ValueError as error:  # a mistake in points.toml
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The assignment could not be written ({error}): choose another folder.", file=sys.stderr)
        return 1
    return 0


def write_assignment(path: Path, course: Path, points: dict[str, float]) -> Path:
    """Write the assignment of a notebook into a course, and return where it is. Raises OSError."""
    import nbformat

    from mnist_lesson.files import write_whole

    target = course / "source" / path.stem / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, nbformat.writes(assignment(nbformat.read(path, 4), points)))
    if not (course / "nbgrader_config.py").exists():
        write_whole(course / "nbgrader_config.py", CONFIG)
    return target


def assignment(notebook, points: dict[str, float]):
    """Return the exercises of a notebook, each with a cell of hidden tests behind it that gives the points.

    It begins at the heading "Exercises", so that nothing of the lesson runs when notebooks are graded. Notebook 10
    has its exercises among its text, and is taken from its beginning.
    """
    from nbformat.v4 import new_code_cell

    left_out = {"solution", "instructor"}
    cells = [cell for cell in notebook.cells if not left_out & set(cell.metadata.get("tags", []))]
    begin = next((place for place, cell in enumerate(cells) if cell.id == "exercises-text"), 0)
    notebook.cells = []
    for cell in cells[begin:]:
        exercise = "exercise" in cell.metadata.get("tags", [])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if exercise or cell.id == "exercises-start":
            cell.metadata["nbgrader"] = marks(cell.id, solution=exercise, locked=not exercise)
        if heading := EXERCISE.search(cell.source):
            number = heading[1].removeprefix("Exercise ")
        notebook.cells.append(cell)
        if exercise:
            call = ast.parse(cell.source).body[-1].value  # checks.NAME(FUNCTION)
            test = new_code_cell(TEST.format(checker=call.func.attr, function=call.args[0].id), id=f"test-{cell.id}")
            test.metadata["nbgrader"] = marks(test.id, grade=True, locked=True) | {"points": points[number]}
            notebook.cells.append(test)
    return notebook


def marks(grade_id: str, solution: bool = False, grade: bool = False, locked: bool = False) -> dict:
    """Return what nbgrader wants to know of a cell."""
    return {
        "schema_version": 3,
        "grade_id": grade_id,
        "solution": solution,
        "grade": grade,
        "locked": locked,
        "task": False,
    }


if __name__ == "__main__":
    sys.exit(main())
