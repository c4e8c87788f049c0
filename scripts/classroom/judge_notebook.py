"""Judge the exercises of one handed-in notebook, in a Python, a folder and a copy of the helper package of its own."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from processes import end_process_tree
from submitted_cells import Cell, Exercise, best_match, learners_cells, reason

PASSED, FAILED, NOT_ATTEMPTED, ERROR = "passed", "failed", "not attempted", "error"
# What the verdicts of mnist_lesson.checks are called in the table.
RESULTS = {"solved": PASSED, "not yet": FAILED, "not attempted": NOT_ATTEMPTED, "no verdict": ERROR}
IMPORT_SECONDS = 300  # for the import of PyTorch on a slow machine, which is no learner's fault


class Judged(NamedTuple):
    """What came out for an exercise. `detail` is a hint or the reason of an error."""

    exercise: str
    name: str
    result: str
    detail: str


class PythonLost(Exception):
    """The Python of a submission ended, or is to be ended; the message says why."""


def judge_notebook(
    content: bytes, known: list[list[Exercise]], package: Path, data: Path, seconds: float, notebook_seconds: float
) -> list[Judged]:
    """Judge each exercise of a notebook, or say in one line without an exercise why there is none.

    `known` are the exercises of the lesson's notebooks, `package` is the folder that holds `mnist_lesson`,
    `data` the folder that holds MNIST. `seconds` is the limit of one exercise, `notebook_seconds` that of all.
    """
    try:
        cells = learners_cells(content)
    except Exception as error:  # a broken file is broken in its own way
        return [Judged("", "", ERROR, f"is no notebook ({reason(error)[:100]})")]
    exercises = best_match(known, cells)
    if not exercises:
        return [Judged("", "", ERROR, "holds no exercise of the lesson")]
    broken = {exercise: error for exercise in exercises if (error := syntax_error(exercise, cells))}
    readable = [exercise for exercise in exercises if exercise not in broken]
    outcomes = judge_exercises(readable, cells, package, data, seconds, notebook_seconds)
    found = {exercise: (ERROR, error) for exercise, error in broken.items()} | dict(zip(readable, outcomes))
    return [Judged(exercise.number, exercise.checker, *found[exercise]) for exercise in exercises]


def syntax_error(exercise: Exercise, cells: list[Cell]) -> str:
    """Return why Python cannot read the cell of an exercise, or nothing."""
    errors = (c.error for c in cells if c.cell_id == exercise.cell_id or exercise.function in c.mentioned)
    return next(filter(None, errors), "")


def judge_exercises(
    exercises: list[Exercise], cells: list[Cell], package: Path, data: Path, seconds: float, notebook_seconds: float
) -> list[tuple[str, str]]:
    """Return result and detail of each exercise; after one that costs its Python, the rest gets a new one."""
    outcomes, end = [], time.monotonic() + notebook_seconds
    computed = {name for cell in cells for name in cell.computed}
    while rest := exercises[len(outcomes) :]:
        if time.monotonic() >= end:
            outcomes += [(ERROR, f"not reached: the notebook had used up its {notebook_seconds:g} seconds")] * len(rest)
            break
        is_defined = False
        try:
            with own_python(rest, cells, package, data) as (process, lines):
                next_answer(process, lines, IMPORT_SECONDS)  # the checkers are imported
                next_answer(process, lines, seconds)  # the learner's names are defined
                is_defined = True
                for _ in rest:
                    left = end - time.monotonic()
                    if left <= 0:
                        break
                    outcomes.append(outcome(*next_answer(process, lines, min(seconds, left)), computed))
        except PythonLost as error:
            # Without the definitions it would be the same for the other exercises.
            outcomes += [(ERROR, str(error))] if is_defined else [(ERROR, f"before any exercise, {error}")] * len(rest)
    return outcomes


def outcome(state: str, detail: str, computed: set) -> tuple[str, str]:
    """Turn what the checker said into result and detail."""
    missing = re.search(r"NameError.*name '(\w+)' is not defined", detail)
    if state == "not yet" and missing and missing[1] in computed | {"get_ipython"}:
        return ERROR, f"uses {missing[1]}, which is there only when the whole notebook is run: check it by hand"
    return RESULTS[state], detail


@contextmanager
def own_python(
    exercises: list[Exercise], cells: list[Cell], package: Path, data: Path
) -> Iterator[tuple[subprocess.Popen, queue.Queue]]:
    """Start a Python for a submission, and yield it with the lines that it answers; at the end nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_check_", ignore_cleanup_errors=True) as folder:
        own = Path(folder) / "package"  # a copy that it may damage
        shutil.copytree(package, own)
        # None of the teacher's settings of Python take part.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {"PYTHONPATH": str(own), "MNIST_LESSON_DATA": str(data), "MPLBACKEND": "agg"}
        environment |= {"MNIST_LESSON_RUNS": str(Path(folder) / "runs")}
        process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("learner_process.py"))],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it leaves behind can be found
        )
        try:
            lines = queue.Queue()
            threading.Thread(target=pass_on, args=(process.stdout, lines), daemon=True).start()
            task = {
                "cells": [(cell.text, cell.wanted) for cell in cells],
                "exercises": [(exercise.checker, exercise.function) for exercise in exercises],
            }
            with suppress(OSError):  # one that has ended already is found out below
                process.stdin.write(json.dumps(task).encode() + b"\n")
                process.stdin.flush()
            yield process, lines
        finally:
            end_process_tree(process)
            with suppress(OSError):
                process.stdin.close()


def pass_on(stream, lines: queue.Queue) -> None:
    """Put each line of a stream into a queue, and an empty one at its end."""
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


def next_answer(process: subprocess.Popen, lines: queue.Queue, seconds: float):
    """Return the next answer of a submission's Python, or raise PythonLost if none comes in time."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            return json.loads(lines.get(timeout=min(left, 0.5)))
        except queue.Empty:
            if process.poll() is None:
                continue
        except ValueError:  # the end of its answers, or half of one
            pass
        raise PythonLost("its Python ended (a crash, or a call that ends it)")
    raise PythonLost(f"it ran for more than {seconds:.0f} seconds")
