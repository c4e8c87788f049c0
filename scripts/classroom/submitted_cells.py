"""What is taken from the cells of a handed-in notebook, and which notebook of the lesson it was."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from notebooks import all_notebooks


class Exercise(NamedTuple):
    """An exercise of a committed notebook: its number, checker, function, and the id of its cell.

    `stub` is the function as a learner finds it, `solution` one that is right, and `start` what both need, as texts.
    """

    number: str
    checker: str
    function: str
    cell_id: str
    stub: str = ""
    solution: str = ""
    start: str = ""


class Committed(NamedTuple):
    """A committed notebook: its exercises, and the modules that its cells import."""

    exercises: list[Exercise]
    modules: list[str]


class Cell(NamedTuple):
    """A code cell of a learner.

    `text` is its Python, and `wanted` holds the place of each statement to run there, with the names that it makes.
    `computed` are the names that other statements make, `mentioned` the functions that it defines or hands to a
    checker. `error` says why Python cannot read it, or is empty. `source` is what stands in the cell.
    """

    cell_id: str
    text: str
    wanted: list
    computed: set
    mentioned: set
    error: str
    source: str = ""


def learners_cells(content: bytes) -> list[Cell]:
    """Return the code cells of a notebook, without the solutions that came with the lesson.

    Raises whatever nbformat raises for a file that is no notebook.
    """
    import nbformat

    cells = [cell for cell in nbformat.reads(content.decode("utf-8-sig"), 4).cells if cell.cell_type == "code"]
    own = [cell for cell in cells if "solution" not in cell.metadata.get("tags", [])]
    return [read_cell(cell.get("id"), str(cell.source)) for cell in own]


def read_cell(cell_id: str, source: str) -> Cell:
    """Take from a cell what an exercise may need, or the syntax error, if there is one."""
    from IPython.core.inputtransformer2 import TransformerManager

    # By words, since they count also where Python cannot read the cell.
    mentioned = set(re.findall(r"\bdef\s+(\w+)", source)) | set(re.findall(r"\bchecks\.\w+\(\s*(\w+)", source))
    # The first line of a cell may be a command to measure it; what follows is the learner's.
    source = re.sub(r"\A\s*%%(time|timeit|capture|prun)\b.*", "pass", source)
    try:
        text = TransformerManager().transform_cell(source)  # it also knows lines such as %matplotlib
        body = ast.parse(text).body
        wanted = [[index, names_of(node)] for index, node in enumerate(body) if is_definition(node)]
        computed = {name for node in body if not is_definition(node) for name in names_of(node)}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Cell(cell_id, "", [], set(), mentioned, reason(error), source)
    return Cell(cell_id, text, wanted, computed, mentioned, "", source)


def names_of(node: ast.stmt) -> list[str]:
    """Return the names that a statement makes."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def is_definition(node: ast.stmt) -> bool:
    """Tell whether a statement makes a name and computes next to nothing: an import, a function, a plain value."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        costly = (ast.Call, ast.Await, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        is_function = isinstance(node.value, ast.Lambda)
        return is_function or not any(isinstance(part, costly) for part in ast.walk(node))
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))


def reason(error: BaseException) -> str:
    """Name an error in one line; some have no message."""
    words = str(error).strip().replace("(<unknown>, ", "(").splitlines()[:1]
    return ": ".join([type(error).__name__, *words])


def committed_notebooks() -> list[Committed]:
    """Return what is in the committed notebooks."""
    import nbformat

    from mnist_lesson.checks import all_checkers

    numbers = {checker.__name__: checker.number for checker in all_checkers()}
    notebooks = []
    for path in all_notebooks():
        cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        tagged = {tag: [c for c in cells if tag in c.metadata.get("tags", [])] for tag in ("exercise", "solution")}
        first = {cell.id: cell.source for cell in cells}
        start = first.get("exercises-start") or first["start"]
        solutions = {checked_in(cell.source)[0]: cell.source for cell in tagged["solution"]}
        exercises = []
        for cell in tagged["exercise"]:
            checker, function = checked_in(cell.source)
            texts = without_calls(cell.source), without_calls(solutions[checker]), without_calls(start)
            exercises.append(Exercise(numbers[checker], checker, function, cell.id, *texts))
        modules = {name for cell in cells for name in imported(cell.source)}
        if any("optim" in exercise.solution for exercise in exercises):
            modules.add("torch._dynamo")  # PyTorch imports it with the first optimizer, which takes a second
        notebooks.append(Committed(exercises, sorted(modules)))
    return notebooks


def checked_in(source: str) -> tuple[str, str]:
    """Return NAME and FUNCTION of a cell that ends with checks.NAME(FUNCTION)."""
    call = ast.parse(source).body[-1].value
    return call.func.attr, call.args[0].id


def without_calls(source: str) -> str:
    """Return the statements of a cell that define something."""
    return "\n".join(ast.unparse(node) for node in ast.parse(source).body if is_definition(node))


def imported(source: str) -> list[str]:
    """Return the modules that a cell imports."""
    from IPython.core.inputtransformer2 import TransformerManager

    nodes = ast.walk(ast.parse(TransformerManager().transform_cell(source)))
    names = [
        [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return [name for some in names for name in some if name and name != "mnist_lesson.checks"]


def best_match(known: list[Committed], cells: list[Cell]) -> Committed | None:
    """Return the committed notebook that a submission comes from, whatever its name is, or None."""
    ids = {cell.cell_id for cell in cells}
    names = {name for cell in cells for _, made in cell.wanted for name in made}.union(*(c.mentioned for c in cells))
    counts = [sum(one.cell_id in ids or one.function in names for one in notebook.exercises) for notebook in known]
    return known[counts.index(max(counts))] if any(counts) else None
