"""Run the checkers of the exercises on handed-in notebooks, and write what came out: tables, totals and a report.

    python scripts/classroom/check_submissions.py FOLDER
    make check SUBMISSIONS=FOLDER

Other people's code runs shut in, without a network and without your files (isolation.py); where nothing for that is
there, nothing runs, unless `--trust` says that you trust everybody who handed something in. The checkers and the right
answers stay outside: the code is asked what its functions return (ask_learner.py), and among the learner's answers it is
asked about known ones, so that a process that was tampered with gives itself away.

The notebooks are not run from top to bottom, since training would take minutes. Taken from them are imports,
functions, classes and simple values; then each checker calls the learner's function. An interrupted check goes on where
it stopped.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[:2]]  # where the other scripts are

from install import ROOT, use_lesson_python
from isolation import NoIsolation, find_isolation
from judged_so_far import JudgedSoFar
from points import PATTERN, POINTS_FILE, check_pattern, read_points, totals, write_totals
from tables import ERROR, Row, print_table, printable, write_csv

SECONDS = 300  # for one question about an exercise: longer than the checkers' own limits
NOTEBOOK_SECONDS = 1200  # for all questions about a notebook: twelve that hang must not cost an hour
LARGEST = 50_000_000  # bytes; a notebook of the lesson has less than two million


class Work(NamedTuple):
    """What all notebooks of a check share."""

    isolation: str
    data: Path
    seconds: float
    notebook_seconds: float
    seed: str


def main() -> int:
    use_lesson_python()
    options = parsed()
    if not options.folder.is_dir():
        print(f"Expected a folder with handed-in notebooks, found none at {options.folder}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    try:
        check_pattern(options.names)
        points = read_points(options.points)
        settings = {name: str(getattr(options, name)) for name in ("seconds", "notebook_seconds")}
        so_far = JudgedSoFar(options.csv, settings)
        rows = check_folder(options.folder.resolve(), options, so_far)
        if not rows:
            print(f"There is no notebook (*.ipynb) in {options.folder}: hand over another folder.", file=sys.stderr)
            return 2
        print_table(rows)
        write_all(rows, points, options)
    except KeyboardInterrupt:
        print("\nStopped: no table was written. Start it again, and it goes on here.")
        return 130
    except (NoIsolation, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:  # damaged data, or a table that is open in a spreadsheet program
        print(f"The table could not be made: {error}", file=sys.stderr)
        return 1
    so_far.finish()
    print(f"\nThe table lies in {options.csv}, the totals in {options.totals}, the report in {options.report}.")
    return 0


def parsed() -> argparse.Namespace:
    build = ROOT / "build"
    parser = argparse.ArgumentParser(description="Check handed-in notebooks. This runs other people's code, shut in.")
    parser.add_argument("folder", type=Path, help="the folder with the notebooks, searched with all its folders")
    parser.add_argument("--csv", type=Path, default=build / "check.csv", help="where the table goes")
    parser.add_argument("--totals", type=Path, default=build / "totals.csv", help="where the points of each learner go")
    parser.add_argument("--report", type=Path, default=build / "report.html", help="where the report goes")
    parser.add_argument("--points", type=Path, default=POINTS_FILE, help="how many points each exercise has (TOML)")
    parser.add_argument("--names", default=PATTERN, help="where the learner's name is in a file's, as '{name}_*'")
    parser.add_argument("--jobs", type=int, default=cores(), help="so many notebooks at the same time")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time limit for one question")
    parser.add_argument("--notebook-seconds", type=float, default=NOTEBOOK_SECONDS, help="time limit for a notebook")
    parser.add_argument("--seed", default="", help="the seed of a check, to repeat it")
    parser.add_argument("--trust", action="store_true", help="run the code with your rights if nothing shuts it in")
    return parser.parse_args()


def cores() -> int:
    """Return how many cores this process may use."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def check_folder(folder: Path, options: argparse.Namespace, so_far: JudgedSoFar) -> list[Row]:
    """Check all notebooks in a folder, and print a line for each when it is done.

    Raises NoIsolation, and OSError if MNIST is damaged, or if what was found cannot be kept.
    """
    from mnist_lesson.data import prepare_mnist

    # All are read before any notebook runs: with `--trust`, none can change what another gets.
    paths = [path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    contents: dict[str, bytes | str] = {}
    for path in sorted(paths):
        name = shown = printable(path.relative_to(folder).as_posix())
        while shown in contents:  # two names may differ in letters that cannot be seen
            shown = f"{name} ({1 + sum(one.startswith(name) for one in contents)})"
        contents[shown] = read(path)
    if not contents:
        return []
    isolation = find_isolation(options.trust)
    seed = options.seed or so_far.seed or secrets.token_hex(4)
    so_far.start(seed)
    rows: dict[str, list[Row]] = {}
    for name, content in contents.items():
        if isinstance(content, str):
            rows[name] = [Row(name, "", "", ERROR, content, isolation)]
        elif known := so_far.rows_of(name, content):
            rows[name] = known
    rest = {name: content for name, content in contents.items() if name not in rows}
    print(f"{len(contents)} notebooks, {len(rest)} to judge, {how(isolation)}; --seed {seed} repeats this.", flush=True)
    work = Work(isolation, prepare_mnist(), options.seconds, options.notebook_seconds, seed)
    begun = time.monotonic()
    for number, (name, found, seconds) in enumerate(judged_in_parallel(rest, work, options.jobs), start=1):
        rows[name] = found
        so_far.keep(rest[name], found)
        said = ", ".join(f"{n} {result}" for result, n in Counter(row.result for row in found).items())
        left = (time.monotonic() - begun) / number * (len(rest) - number)
        print(f"{number:>4} of {len(rest)}, {minutes(left)} left  {name}: {said} ({seconds:.0f} s)", flush=True)
    return [row for name in contents for row in rows[name]]


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def how(isolation: str) -> str:
    return "run with your rights, since you trust them" if isolation == "none" else f"shut in by {isolation}"


def judged_in_parallel(contents: dict[str, bytes], work: Work, jobs: int) -> Iterator[tuple[str, list[Row], float]]:
    """Yield name, rows and seconds of each notebook as it is done.

    If a judge's process ends, which no notebook should bring about, those that were not done are judged one by one.
    """
    left = dict(contents)
    try:
        with judges(jobs) as pool:
            for future in as_completed([pool.submit(judge_one, *item, work) for item in contents.items()]):
                name, rows, seconds = future.result()
                del left[name]
                yield name, rows, seconds
    except BrokenProcessPool:
        for name, content in left.items():
            try:
                with judges(1) as pool:
                    yield pool.submit(judge_one, name, content, work).result()
            except BrokenProcessPool:
                yield name, [Row(name, "", "", ERROR, "the process of its judge ended", work.isolation)], 0.0


@contextmanager
def judges(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Yield some processes that judge, and end them if this one is interrupted."""
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=prepare_judge)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
            process.join()
        raise


def prepare_judge() -> None:
    end_when_told()
    import torch

    torch.set_num_threads(1)


def end_when_told() -> None:
    """End this process, which judges, as soon as it is told to or Ctrl-C is pressed."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: os._exit(130))


def judge_one(name: str, content: bytes, work: Work) -> tuple[str, list[Row], float]:
    """Judge one notebook, in a process that judges."""
    from judge_notebook import Limits, judge_notebook
    from prepared_python import write_package

    begun = time.monotonic()
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, signal.default_int_handler)  # now there is something to end first
    try:
        with tempfile.TemporaryDirectory(prefix="mnist_lesson_package_") as folder:
            write_package(Path(folder))
            limits = Limits(work.seconds, work.notebook_seconds)
            judged = judge_notebook(content, lessons(), work.isolation, Path(folder), work.data, limits, work.seed)
    except KeyboardInterrupt:
        os._exit(130)  # the pool would go on with the next notebook
    end_when_told()
    rows = [Row(name, *map(printable, one[:4]), work.isolation, one.answer) for one in judged]
    return name, rows, time.monotonic() - begun


def lessons() -> list:
    """Return the lesson's notebooks, which are read once in each process."""
    from submitted_cells import committed_notebooks

    if not hasattr(lessons, "read"):
        lessons.read = committed_notebooks()
    return lessons.read


def read(path: Path) -> bytes | str:
    """Return the content of a file, or a sentence that says why there is none."""
    try:
        if path.exists() and not path.is_file():  # reading from a pipe would wait for ever
            return "could not be read (it is no file)"
        if path.is_symlink():  # it could lead to a notebook with the solutions
            return "is a link to another file, so it is not read"
        if path.stat().st_size > LARGEST:
            return f"larger than {LARGEST // 1_000_000} MB, so it is not read"
        return path.read_bytes()
    except OSError as error:  # a link that leads nowhere, for example
        return f"could not be read ({error.strerror or error})"


def write_all(rows: list[Row], points: dict[str, float], options: argparse.Namespace) -> None:
    """Write the table, the totals of each learner and the report. Raises OSError."""
    from report import write_report

    known = {one.number: [one.stub, one.solution] for notebook in lessons() for one in notebook.exercises}
    write_csv(rows, options.csv)
    write_totals(totals(rows, points, options.names), options.totals)
    write_report(rows, points, options.report, known, options.names)


if __name__ == "__main__":
    sys.exit(main())
