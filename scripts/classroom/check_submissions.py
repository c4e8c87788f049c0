"""Run the checkers of the exercises on handed-in notebooks, and write what came out as a table.

    python scripts/classroom/check_submissions.py FOLDER
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
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where install.py is

from install import ROOT, use_lesson_python

from notebooks import all_notebooks

SECONDS = 300  # for one exercise: longer than the checkers' own limit, for what even that cannot end
NOTEBOOK_SECONDS = 1200  # for all exercises of a notebook: twelve that hang must not cost an hour
LARGEST = 50_000_000  # bytes; a notebook of the lesson has less than one million
PASSED, FAILED, NOT_ATTEMPTED, ERROR = "passed", "failed", "not attempted", "error"

# What runs in the kernel of a submission. The learner's names live in a dictionary of their own, and each
# statement is tried by itself: a package that is missing must not cost the functions below its import.
# In a notebook exit() only asks for an end, so the learner's ends nothing here either.
START = """
import ast, json, sys
from mnist_lesson import checks
learner, problems = {"__name__": "__main__", "exit": sys.exit, "quit": sys.exit}, {}
for text, wanted in json.loads(CELLS):
    body = ast.parse(text).body
    for index, names in wanted:
        try:
            exec(compile(ast.Module([body[index]], []), "cell", "exec"), learner)
        except BaseException as error:
            for name in names:
                problems[name] = f"its definition stopped with {type(error).__name__}: {error}"
answer = ""
"""
JUDGE = """
if "FUNCTION" in learner:
    answer = json.dumps(checks.CHECKER.judge(learner["FUNCTION"]))
else:
    answer = json.dumps(problems.get("FUNCTION", ""))
"""


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


class Cell(NamedTuple):
    """What was found in a cell of a learner: `wanted` are the places and names of the statements to run."""

    text: str
    wanted: list
    computed: set
    error: str


class KernelLost(Exception):
    """The Python of a submission ended, or had to be ended; the message says why."""


class NotLoaded(Exception):
    """Not even the functions of a submission could be defined; the message says why."""


def main() -> int:
    use_lesson_python()
    parser = argparse.ArgumentParser(description="Check handed-in notebooks. This runs other people's code.")
    parser.add_argument("folder", type=Path, help="the folder with the notebooks, searched with all its folders")
    parser.add_argument("--csv", type=Path, default=ROOT / "build" / "check.csv", help="where the table goes")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time limit for one exercise")
    parser.add_argument("--notebook-seconds", type=float, default=NOTEBOOK_SECONDS, help="time limit for a notebook")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"Expected a folder with handed-in notebooks, found none at {options.folder}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    try:
        rows = check_folder(options.folder.resolve(), options.seconds, options.notebook_seconds)
        if not rows:
            print(f"There is no notebook (*.ipynb) in {options.folder}: hand over another folder.", file=sys.stderr)
            return 2
        print_table(rows)
        write_csv(rows, options.csv)
    except KeyboardInterrupt:
        print("\nStopped: no table was written.")
        return 130
    except OSError as error:  # damaged data, or a table that is open in a spreadsheet program
        print(f"The table could not be made: {error}", file=sys.stderr)
        return 1
    print(f"\nThe table lies in {options.csv}.")
    return 0


def check_folder(folder: Path, seconds: float, notebook_seconds: float = NOTEBOOK_SECONDS) -> list[Row]:
    """Check all notebooks in a folder, one after the other, and print a line for each."""
    from mnist_lesson.data import prepare_mnist

    data = prepare_mnist()  # now nobody has a reason to write there any more
    # All are read before any of them runs, so that none can change another.
    contents = {path: read(path) for path in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts}
    watched = [folder, ROOT / "mnist_lesson", ROOT / "notebooks", ROOT / "scripts", data]
    rows, known = [], committed_exercises()
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_package_") as clean:
        # Every submission gets its copy from this one, also after one has damaged the repository's.
        shutil.copytree(
            ROOT / "mnist_lesson", Path(clean) / "mnist_lesson", ignore=shutil.ignore_patterns("__pycache__")
        )
        for path, content in contents.items():
            name, start, before = printable(path.relative_to(folder).as_posix()), time.monotonic(), snapshot(watched)
            print(f"{name} ... ", end="", flush=True)
            own = content
            if isinstance(content, bytes):
                own = check_one(content, known, Path(clean), data, seconds, notebook_seconds)
            own = [("", "", ERROR, own)] if isinstance(own, str) else own
            changed = sorted({file for file, _ in before.items() ^ snapshot(watched).items()})
            if changed:
                names = ", ".join(Path(file).name for file in changed[:6])
                own.append(("", "", ERROR, f"changed files outside its own folder: {names}"))
                lost = restore({other: content for other, content in contents.items() if isinstance(content, bytes)})
                own += [("", "", ERROR, f"could not be restored: {file.name}") for file in lost]
            rows += [Row(name, *map(printable, row)) for row in own]
            counts = Counter(row[2] for row in own)
            said = ", ".join(f"{n} {what}" for what, n in counts.items())
            print(f"{said} ({time.monotonic() - start:.0f} s)", flush=True)
    return rows


def printable(text: str) -> str:
    """Write out what neither a terminal nor a file in UTF-8 takes: control characters, broken letters."""
    text = " ".join(text.split()).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def read(path: Path) -> bytes | str:
    """Return the content of a file, or a sentence that says why there is none."""
    try:
        if path.exists() and not path.is_file():  # reading from a pipe would wait for ever
            return "could not be read (it is no file)"
        if path.stat().st_size > LARGEST:
            return f"larger than {LARGEST // 1_000_000} MB, so it is not read"
        return path.read_bytes()
    except OSError as error:  # a folder with such a name, for example
        return f"could not be read ({error.strerror or error})"


def snapshot(folders: list[Path]) -> dict:
    """Return size and time of each file, to see later whether any was changed."""
    found, passing = {}, {"__pycache__", ".ipynb_checkpoints"}
    for path in (path for folder in folders for path in folder.rglob("*") if not passing & set(path.parts)):
        try:
            stat = path.lstat()
        except OSError:  # it went away meanwhile
            continue
        if not path.is_dir() or path.is_symlink():
            found[str(path)] = (stat.st_mode, stat.st_size, stat.st_mtime_ns)
    return found


def restore(contents: dict) -> list[Path]:
    """Write back the submissions that were changed or removed, and return those where that failed."""
    failed = []
    for path, content in contents.items():
        try:
            if not path.is_symlink() and path.is_file() and path.read_bytes() == content:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.parent.resolve() != path.parent:  # a link was put there: we would write to where it leads
                raise OSError
            if path.is_dir() and not path.is_symlink():
                path.rename(tempfile.mkdtemp(prefix=f"{path.name}.aside-", dir=path.parent))
            part = path.with_name(f"{path.name}.part")
            part.unlink(missing_ok=True)
            part.write_bytes(content)
            part.replace(path)  # replaces a link too, instead of writing to where it leads
        except OSError:
            failed.append(path)
    return failed


def check_one(
    content: bytes, known: list, package: Path, data: Path, seconds: float, notebook_seconds: float
) -> list[tuple] | str:
    """Check one notebook: exercise, name, result and detail for each exercise, or a sentence if there is none."""
    import nbformat

    try:
        notebook = nbformat.reads(content.decode("utf-8-sig"), 4)
        sources = [(cell.get("id"), str(cell.source)) for cell in notebook.cells if is_learners(cell)]
    except Exception as error:  # a broken file is broken in its own way
        return f"is no notebook ({reason(error)[:100]})"
    cells = [definitions(source) for _, source in sources]
    exercises = best_match(known, sources, cells)
    if not exercises:
        return "holds no exercise of the lesson"
    broken = {}
    for (cell_id, source), cell in zip(sources, cells):
        for exercise in exercises:
            if cell.error and (cell_id == exercise.cell_id or exercise.function in defined_names(source)):
                broken[exercise.number] = cell.error
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_check_", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "submission.ipynb").write_bytes(content)
        return judge_all(exercises, cells, broken, (Path(folder), package, data), seconds, notebook_seconds)


def reason(error: BaseException) -> str:
    """Name an error in one line; some have no message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def is_learners(cell) -> bool:
    """Tell whether a cell holds code of the learner, and not a solution that came with the lesson."""
    return cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", [])


def definitions(source: str) -> Cell:
    """Take from a cell what an exercise may need, or the syntax error, if there is one."""
    from IPython.core.inputtransformer2 import TransformerManager

    # The first line of a cell may be a command to measure it; what follows is the learner's.
    source = re.sub(r"\A\s*%%(time|timeit|capture|prun)\b.*", "pass", source)
    try:
        text = TransformerManager().transform_cell(source)  # it also knows lines such as %matplotlib
        body = ast.parse(text).body
        wanted = [[index, names_of(node)] for index, node in enumerate(body) if is_definition(node)]
        computed = {name for node in body if not is_definition(node) for name in names_of(node)}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Cell("", [], set(), reason(error))
    return Cell(text, wanted, computed, "")


def names_of(node) -> list[str]:
    """Return the names that a statement makes."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def is_definition(node) -> bool:
    """Tell whether a statement makes a name and computes next to nothing: an import, a function, a plain value."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        costly = (ast.Call, ast.Await, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        is_function = isinstance(node.value, ast.Lambda)
        return is_function or not any(isinstance(part, costly) for part in ast.walk(node))
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))


def defined_names(source: str) -> set[str]:
    """Return the functions that a cell defines or hands to a checker, also if Python cannot read it."""
    return set(re.findall(r"\bdef\s+(\w+)", source)) | set(re.findall(r"\bchecks\.\w+\(\s*(\w+)", source))


def best_match(known: list, sources: list, cells: list[Cell]) -> list[Exercise]:
    """Return the exercises of the committed notebook that a submission comes from, whatever its name is."""
    ids = {cell_id for cell_id, _ in sources}
    names = {name for cell in cells for _, names in cell.wanted for name in names}
    names |= {name for _, source in sources for name in defined_names(source)}
    counts = [sum(exercise.cell_id in ids or exercise.function in names for exercise in one) for one in known]
    return known[counts.index(max(counts))] if any(counts) else []


def committed_exercises() -> list[list[Exercise]]:
    """Return the exercises of each committed notebook."""
    import nbformat

    from mnist_lesson.checks import all_checkers

    numbers = {checker.__name__: checker.number for checker in all_checkers()}
    notebooks = []
    for path in all_notebooks():
        cells = [c for c in nbformat.read(path, 4).cells if "exercise" in c.metadata.get("tags", [])]
        calls = [(cell.id, ast.parse(cell.source).body[-1].value) for cell in cells]  # checks.NAME(FUNCTION)
        notebooks.append([Exercise(numbers[c.func.attr], c.func.attr, c.args[0].id, cell_id) for cell_id, c in calls])
    return notebooks


def judge_all(
    exercises: list, cells: list[Cell], broken: dict, folders: tuple, seconds: float, notebook_seconds: float
) -> list[tuple]:
    """Judge each exercise in the kernel of the submission, with a fresh kernel after one that was lost."""
    rows, kernel, end = [], None, time.monotonic() + notebook_seconds
    computed = {name for cell in cells for name in cell.computed}
    try:
        for number, checker, function, _ in exercises:
            left = min(seconds, end - time.monotonic())
            if number in broken or left <= 0:
                late = f"not reached: the notebook had used up its {notebook_seconds:g} seconds"
                rows.append((number, checker, ERROR, broken.get(number, late)))
                continue
            try:
                if kernel is None:
                    kernel = start_kernel(*folders)
                    load(kernel, cells, left)
                answer = ask(kernel, JUDGE.replace("FUNCTION", function).replace("CHECKER", checker), left)
                rows.append((number, checker, *result_of(answer, computed)))
            except NotLoaded as error:  # it would be the same for the other exercises
                return [(number, checker, ERROR, str(error)) for number, checker, _, _ in exercises]
            except KernelLost as error:
                rows.append((number, checker, ERROR, str(error)))
                stop_kernel(kernel)
                kernel = None
    finally:
        stop_kernel(kernel)
    return rows


def load(kernel: tuple, cells: list[Cell], seconds: float) -> None:
    """Define in a kernel what the learner defined."""
    try:
        ask(kernel, START.replace("CELLS", repr(json.dumps([(cell.text, cell.wanted) for cell in cells]))), seconds)
    except KernelLost as error:
        raise NotLoaded(f"before any exercise, {error}") from error


def result_of(answer: str, computed: set) -> tuple[str, str]:
    """Turn what the checker said into result and detail."""
    try:
        verdict = json.loads(answer)
        if isinstance(verdict, str):
            return (ERROR, verdict) if verdict else (NOT_ATTEMPTED, "its function is not in the notebook")
        _, _, state, hint, _ = verdict
        result = {"solved": PASSED, "not yet": FAILED, "not attempted": NOT_ATTEMPTED}[state]
    except (ValueError, TypeError, KeyError):
        return ERROR, "the checker gave no verdict"
    missing = re.search(r"NameError.*name '(\w+)' is not defined", hint)
    if result == FAILED and missing and missing[1] in computed:
        return ERROR, f"uses {missing[1]}, which another cell computes, and those are not run: check it by hand"
    return result, hint


def start_kernel(folder: Path, package: Path, data: Path) -> tuple:
    """Start a Python of its own for a submission, with a copy of the helper package that it may damage."""
    from jupyter_client import KernelManager

    own = folder / "package"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(package, own)
    # IPYTHONDIR: neither the teacher's start-up files nor the teacher's history take part.
    places = {"PYTHONPATH": own, "MNIST_LESSON_DATA": data, "MNIST_LESSON_RUNS": folder / "runs", "IPYTHONDIR": folder}
    environment = {**os.environ, "MPLBACKEND": "agg", **{name: str(value) for name, value in places.items()}}
    manager = KernelManager(kernel_name="python3", connection_file=str(folder / "kernel.json"))
    try:
        manager.start_kernel(
            env=environment,
            cwd=str(folder),
            stdout=subprocess.DEVNULL,  # what it writes past Python would reach the terminal
            stderr=subprocess.DEVNULL,
            extra_arguments=["--IPKernelApp.log_level=50"],
        )
        client = manager.client()
        # Its output is not listened to, so it cannot flood us.
        client.start_channels(shell=True, iopub=False, stdin=False, hb=False)
    except BaseException:
        manager.shutdown_kernel(now=True)
        raise
    return manager, client


def stop_kernel(kernel: tuple | None) -> None:
    """End the Python of a submission, and what it started."""
    import psutil

    if not kernel:
        return
    manager, client = kernel
    client.stop_channels()
    pid = manager.provisioner.pid
    try:
        started = psutil.Process(pid).children(recursive=True)
    except psutil.Error:  # it has ended already
        started = []
    manager.shutdown_kernel(now=True)
    for process in started:
        try:
            process.kill()
        except psutil.Error:
            pass
    if hasattr(os, "killpg"):  # what a Python that crashed has left behind is still in its group
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass


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
            try:
                return ast.literal_eval(content["user_expressions"]["answer"]["data"]["text/plain"])
            except (KeyError, ValueError, SyntaxError):
                raise KernelLost("its Python gave no answer") from None
    raise KernelLost(f"it ran for more than {seconds:.0f} seconds")


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
