"""Run the checkers of the exercises on handed-in notebooks, and write what came out as a table.

    python scripts/check_submissions.py FOLDER
    make check SUBMISSIONS=FOLDER

This runs other people's code with your rights. It keeps accidents apart: each notebook has a Python, a
folder and a copy of the helper package of its own, and a time limit. It is no protection against malice: for
notebooks of people you do not trust, run it in a container, in a virtual machine that you throw away, or
as a user who owns nothing, without a network.

The notebooks are not run from top to bottom, since training would take minutes. Taken from them are imports,
functions, classes and simple values; then each checker is called with the learner's function.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import os
import queue
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from environment import ROOT, use_environment

SECONDS = 300  # for one exercise: longer than the checkers' own limit, for what even that cannot end
LARGEST = 50_000_000  # bytes; a notebook of the lesson has less than one million
PASSED, FAILED, NOT_ATTEMPTED, ERROR = "passed", "failed", "not attempted", "error"

# What runs in the kernel of a submission. The learner's names live in a dictionary of their own.
START = """
import json
from mnist_lesson import checks
learner = {"__name__": "__main__"}
for source in json.loads(SOURCES):
    try:
        exec(source, learner)
    except BaseException:  # what is missing shows when the function is called
        pass
answer = ""
"""
JUDGE = "answer = json.dumps(checks.{checker}.judge(learner['{function}'])) if '{function}' in learner else ''"


class Exercise(NamedTuple):
    """An exercise of a committed notebook: its number, checker, function, and the id of its cell."""

    number: str
    checker: str
    function: str
    cell_id: str


class Row(NamedTuple):
    """One line of the table. `detail` is a hint or the reason of an error."""

    file: str
    exercise: str
    name: str
    result: str
    detail: str


class KernelLost(Exception):
    """The Python of a submission ended, or had to be ended; the message says why."""


class NotLoaded(Exception):
    """Not even the functions of a submission could be defined; the message says why."""


def main() -> int:
    use_environment()
    parser = argparse.ArgumentParser(description="Check handed-in notebooks. This runs other people's code.")
    parser.add_argument("folder", type=Path, help="the folder with the notebooks, searched with all its folders")
    parser.add_argument("--csv", type=Path, default=ROOT / "build" / "check.csv", help="where the table goes")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time limit for one exercise")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"Expected a folder with handed-in notebooks, found none at {options.folder}.", file=sys.stderr)
        return 2
    rows = check_folder(options.folder.resolve(), options.seconds)
    if not rows:
        print(f"There is no notebook (*.ipynb) in {options.folder}: hand over another folder.", file=sys.stderr)
        return 2
    write_csv(rows, options.csv)
    print_table(rows)
    print(f"\nThe table lies in {options.csv}.")
    return 0


def check_folder(folder: Path, seconds: float) -> list[Row]:
    """Check all notebooks in a folder, one after the other, and print a line for each."""
    from mnist_lesson.data import prepare_mnist

    prepare_mnist()  # now nobody has a reason to write there any more
    # All are read before any of them runs, so that none can change another.
    contents = {path: read(path) for path in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts}
    watched = [folder, ROOT / "mnist_lesson", ROOT / "notebooks", ROOT / "scripts", ROOT / "data"]
    rows, known = [], committed_exercises()
    for path, content in contents.items():
        name, start, before = path.relative_to(folder).as_posix(), time.monotonic(), snapshot(watched)
        print(f"{name} ... ", end="", flush=True)
        own = content if isinstance(content, str) else check_one(content, known, seconds)
        own = [("", "", ERROR, own)] if isinstance(own, str) else own
        changed = sorted(file for file, state in (before.items() ^ snapshot(watched).items()))
        if changed:
            names = ", ".join(dict.fromkeys(Path(file).name for file in changed[:6]))
            own.append(("", "", ERROR, f"changed files outside its own folder: {names}"))
            restore({other: content for other, content in contents.items() if isinstance(content, bytes)})
        rows += [Row(name, *row) for row in own]
        counts = Counter(row[2] for row in own)
        print(
            f"{', '.join(f'{n} {what}' for what, n in counts.items())} ({time.monotonic() - start:.0f} s)", flush=True
        )
    return rows


def read(path: Path) -> bytes | str:
    """Return the content of a file, or a sentence that says why there is none."""
    try:
        if path.stat().st_size > LARGEST:
            return f"larger than {LARGEST // 1_000_000} MB, so it is not read"
        return path.read_bytes()
    except OSError as error:  # a folder with such a name, for example
        return f"could not be read ({error.strerror})"


def snapshot(folders: list[Path]) -> dict:
    """Return size and time of each file, to see later whether any was changed."""
    files = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {str(path): (stat.st_size, stat.st_mtime_ns) for path in files if path.is_file() for stat in [path.stat()]}


def restore(contents: dict) -> None:
    """Write back the submissions that were changed or removed."""
    for path, content in contents.items():
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def check_one(content: bytes, known: list, seconds: float) -> list[tuple] | str:
    """Check one notebook: exercise, name, result and detail for each exercise, or a sentence if there is none."""
    import nbformat

    try:
        notebook = nbformat.reads(content.decode("utf-8"), 4)
        cells = [(cell.get("id"), str(cell.source)) for cell in notebook.cells if is_learners(cell)]
    except Exception as error:  # a broken file is broken in its own way
        reason = (str(error) or "it is empty").splitlines()[0][:100]
        return f"is no notebook ({type(error).__name__}: {reason})"
    parts = [definitions(source) for _, source in cells]
    ids, functions = {cell_id for cell_id, _ in cells}, {name for _, names, _ in parts for name in names}
    exercises = best_match(known, ids, functions)
    if not exercises:
        return "holds no exercise of the lesson"
    broken = {}
    for (cell_id, source), (_, _, error) in zip(cells, parts):
        for exercise in exercises:
            if error and (cell_id == exercise.cell_id or re.search(rf"\bdef\s+{exercise.function}\b", source)):
                broken[exercise.number] = error
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_check_", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "submission.ipynb").write_bytes(content)
        return judge_all(exercises, [source for source, _, _ in parts], broken, Path(folder), seconds)


def is_learners(cell) -> bool:
    """Tell whether a cell holds code of the learner, and not a solution that came with the lesson."""
    return cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", [])


def definitions(source: str) -> tuple[str, list[str], str]:
    """Take from a cell what an exercise may need: source, names of its functions, and the syntax error, if any."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        body = ast.parse(TransformerManager().transform_cell(source)).body  # also knows lines such as %matplotlib
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return "", [], f"{type(error).__name__}: {str(error).splitlines()[0]}"
    wanted = [node for node in body if is_definition(node)]
    names = [node.name for node in wanted if isinstance(node, ast.FunctionDef)]
    return ast.unparse(ast.Module(wanted, [])), names, ""


def is_definition(node) -> bool:
    """Tell whether a statement makes a name without computing anything: an import, a function, a plain value."""
    if isinstance(node, ast.Assign):
        try:
            ast.literal_eval(node.value)
            return True
        except (ValueError, TypeError, SyntaxError, RecursionError):
            return False
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))


def best_match(known: list, cell_ids: set, functions: set) -> list[Exercise]:
    """Return the exercises of the committed notebook that a submission comes from, whatever its name is."""
    count, exercises = max(
        (
            (sum(exercise.cell_id in cell_ids or exercise.function in functions for exercise in exercises), exercises)
            for exercises in known
        ),
        key=lambda pair: pair[0],
    )
    return exercises if count else []


def committed_exercises() -> list[list[Exercise]]:
    """Return the exercises of each committed notebook."""
    import nbformat

    from mnist_lesson.checks import all_checkers

    numbers = {checker.__name__: checker.number for checker in all_checkers()}
    notebooks = []
    for path in sorted((ROOT / "notebooks").glob("[!.]*.ipynb")):
        cells = [c for c in nbformat.read(path, 4).cells if "exercise" in c.metadata.get("tags", [])]
        calls = [(cell.id, ast.parse(cell.source).body[-1].value) for cell in cells]  # checks.NAME(FUNCTION)
        notebooks.append([Exercise(numbers[c.func.attr], c.func.attr, c.args[0].id, cell_id) for cell_id, c in calls])
    return notebooks


def judge_all(exercises: list, sources: list[str], broken: dict, folder: Path, seconds: float) -> list[tuple]:
    """Judge each exercise in the kernel of the submission, with a fresh kernel after one that was lost."""
    rows, kernel = [], None
    try:
        for number, checker, function, _ in exercises:
            if number in broken:
                rows.append((number, checker, ERROR, broken[number]))
                continue
            try:
                if kernel is None:
                    kernel = start_kernel(folder)
                    load(kernel, sources, seconds)
                answer = ask(kernel, JUDGE.format(checker=checker, function=function), seconds)
                rows.append((number, checker, *result_of(answer)))
            except NotLoaded as error:  # it would be the same for the other exercises
                return [(number, checker, ERROR, str(error)) for number, checker, _, _ in exercises]
            except KernelLost as error:
                rows.append((number, checker, ERROR, str(error)))
                stop_kernel(kernel)
                kernel = None
    finally:
        stop_kernel(kernel)
    return rows


def load(kernel: tuple, sources: list[str], seconds: float) -> None:
    """Define in a kernel what the learner defined."""
    try:
        ask(kernel, START.replace("SOURCES", repr(json.dumps(sources))), seconds)
    except KernelLost as error:
        raise NotLoaded(f"before any exercise, {error}") from error


def result_of(answer: str) -> tuple[str, str]:
    """Turn what the checker said into result and detail."""
    if not answer:
        return NOT_ATTEMPTED, "its function is not in the notebook"
    _, _, state, hint, _ = json.loads(answer)
    return {"solved": PASSED, "not yet": FAILED, "not attempted": NOT_ATTEMPTED}[state], hint


def start_kernel(folder: Path) -> tuple:
    """Start a Python of its own for a submission, with a copy of the helper package that it may damage."""
    from jupyter_client import KernelManager

    from mnist_lesson.data import DATA_DIR

    package = folder / "package"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT / "mnist_lesson", package / "mnist_lesson", ignore=shutil.ignore_patterns("__pycache__"))
    own = {"PYTHONPATH": package, "MNIST_LESSON_DATA": DATA_DIR, "MNIST_LESSON_RUNS": folder / "runs"}
    manager = KernelManager(kernel_name="python3")
    environment = {**os.environ, "MPLBACKEND": "agg", **{name: str(value) for name, value in own.items()}}
    manager.start_kernel(env=environment, cwd=str(folder), extra_arguments=["--IPKernelApp.log_level=50"])
    client = manager.client()
    # Its output is not listened to, so it cannot flood us.
    client.start_channels(shell=True, iopub=False, stdin=False, hb=False)
    return manager, client


def stop_kernel(kernel: tuple | None) -> None:
    """End the Python of a submission, and what it started."""
    if kernel:
        manager, client = kernel
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(kernel: tuple, code: str, seconds: float) -> str:
    """Run code in a kernel, and return what the name `answer` holds there afterwards, a text."""
    manager, client = kernel
    message = client.execute(code, user_expressions={"answer": "answer"}, allow_stdin=False, stop_on_error=False)
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            reply = client.get_shell_msg(timeout=0.5)
        except queue.Empty:
            if not manager.is_alive():
                raise KernelLost("its Python ended (a crash, or a call that ends it)") from None
            continue
        if reply["parent_header"].get("msg_id") == message:
            content = reply["content"]
            if content["status"] != "ok":
                raise KernelLost(f"{content.get('ename')}: {content.get('evalue')}")
            return ast.literal_eval(content["user_expressions"]["answer"]["data"]["text/plain"])
    raise KernelLost(f"it ran for more than {seconds:g} seconds")


def write_csv(rows: list[Row], path: Path) -> None:
    """Write the table, so that no spreadsheet program takes a text of a learner for a formula."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Row._fields)
            writer.writerows([harmless(text) for text in row] for row in rows)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def harmless(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def print_table(rows: list[Row]) -> None:
    """Print the table, with the details cut to the width of a line."""
    width = max(len(row.file) for row in rows)
    for row in rows:
        detail = " ".join(row.detail.split())
        print(f"{row.file:<{width}}  {row.exercise:>5}  {row.name:<16} {row.result:<13}  {detail[:90]}")


if __name__ == "__main__":
    sys.exit(main())
