"""Execute the notebooks in order, from top to bottom, into the folder `executed/`.

    python scripts/execute.py
    python scripts/execute.py --epochs 1 --batch-size 64
    python scripts/execute.py EPOCHS=1 BATCH_SIZE=64      (the same)

The notebooks in `notebooks/` stay as they are. One that fails is kept in `executed/failed/`, the
others still run, and the exit status is 1.
"""

from __future__ import annotations

import errno
import json
import math
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from install import ROOT, use_lesson_python

from notebooks import all_notebooks

FULL = (errno.ENOSPC, errno.EDQUOT)  # no space left on the disk, or none for this user
CELL_TIMEOUT = 3600  # seconds: long enough for many epochs on an old laptop, short enough for a class

# What may be changed in 05_training: the type, the smallest and the largest value.
PARAMETERS = {
    "EPOCHS": (int, 1, 1000),
    "BATCH_SIZE": (int, 1, 10000),
    "LEARN_RATE": (float, 1e-6, 10),
    "SEED": (int, 0, 2**32 - 1),
}


def main() -> int:
    parameters = read_parameters(sys.argv[1:])
    use_lesson_python()
    return execute_all(all_notebooks(), parameters, ROOT / "executed")


def read_parameters(arguments: list[str]) -> dict[str, int | float]:
    """Read `--epochs 1` and `EPOCHS=1` alike; anything that is not allowed ends the script with a sentence."""
    texts, rest = {}, iter(arguments)
    for argument in rest:
        name, equals, text = argument.partition("=")
        if name in ("-h", "--help"):
            print(__doc__ + "\nParameters: " + ", ".join(map(allowed, PARAMETERS)))
            sys.exit(0)
        if name.startswith("--"):
            name = name[2:].replace("-", "_").upper()
            text = text if equals else next(rest, "")
        elif not equals:
            name = argument + " (give a value to a parameter as NAME=value)"
        if name not in PARAMETERS:
            sys.exit(f"Unknown parameter {name}: the parameters are {', '.join(map(allowed, PARAMETERS))}.")
        texts[name] = text
    return {name: read_value(name, text) for name, text in texts.items()}


def read_value(name: str, text: str) -> int | float:
    """Turn the text of a parameter into its value, or end the script with a sentence."""
    kind, smallest, largest = PARAMETERS[name]
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not smallest <= value <= largest:  # NaN fails every comparison
        sys.exit(f"Expected {allowed(name)}, found {text!r}: choose a value in that range.")
    return value


def allowed(name: str) -> str:
    """Say in words which values a parameter may have."""
    kind, smallest, largest = PARAMETERS[name]
    return f"{name} ({'a whole number' if kind is int else 'a number'} from {smallest:.10g} to {largest:.10g})"


def execute_all(notebooks: list[Path], parameters: dict, output_dir: Path, timeout: float = CELL_TIMEOUT) -> int:
    """Execute the notebooks in order, print a table, and return the exit status."""
    from mnist_lesson.data import prepare_mnist

    try:
        prepare_mnist()  # damaged data is one sentence here, and would be a traceback in each notebook
    except OSError as error:
        print(error)
        return 1
    try:
        (output_dir / "failed").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"Nothing was executed, {cannot_write(error, output_dir)}.")
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    rows = []
    try:
        for notebook in notebooks:
            print(f"{notebook.stem} ...", flush=True)
            started, saved_before = time.monotonic(), time_saved(notebook.stem)
            problem = execute_one(notebook, parameters, output_dir, timeout)
            seconds = time.monotonic() - started
            print(f"{notebook.stem} {f'FAILED {problem}' if problem else 'done'}, {seconds:.0f} s", flush=True)
            is_new = time_saved(notebook.stem) != saved_before
            rows.append((notebook, seconds, problem, saved_accuracy(notebook.stem) if is_new else None))
    except KeyboardInterrupt:
        print("\nStopped: the notebooks that were finished are kept.")
        return 130
    print_table(rows)
    failures = [problem for _, _, problem, _ in rows if problem]
    if failures:
        print(f"{len(failures)} of {len(rows)} notebooks failed: see the copies in {output_dir / 'failed'}.")
    return 1 if failures else 0


def execute_one(notebook: Path, parameters: dict, output_dir: Path, timeout: float) -> str | None:
    """Execute one notebook into a folder. Return None, or one line that says where and why it failed."""
    failed = output_dir / "failed" / notebook.name
    part = output_dir / f"{notebook.stem}.part.ipynb"
    try:
        problem = run_into(part, notebook, parameters, timeout)
        if not problem:
            part.replace(output_dir / notebook.name)
            failed.unlink(missing_ok=True)
        elif part.is_file():
            part.replace(failed)
        return problem
    except OSError as error:
        return cannot_write(error, output_dir)
    finally:
        with suppress(OSError):  # the folder may have become read-only
            part.unlink(missing_ok=True)


def cannot_write(error: OSError, folder: Path) -> str:
    """Say why the results cannot be written."""
    if error.errno in FULL:
        return f"because the disk is full ({folder}): free some space, then run this again"
    return f"because {folder} cannot be written to ({error.strerror or error}): make it writable, then run this again"


def run_into(part: Path, notebook: Path, parameters: dict, timeout: float) -> str | None:
    """Run a notebook into the file `part`. Return None, or one line that says where and why it failed.

    Raises OSError if the file cannot be written.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        own = papermill.inspect_notebook(without_fields(notebook))
        papermill.execute_notebook(
            without_fields(notebook),
            without_fields(part),
            {name: value for name, value in parameters.items() if name in own},
            cwd=notebook.parent,
            kernel_name="python3",
            execution_timeout=timeout,
            start_timeout=120,
            progress_bar={"desc": notebook.stem, "leave": False, "disable": not sys.stderr.isatty()},
            stdout_file=SimpleNamespace(write=print_epochs, flush=sys.stdout.flush),
            shutdown_kernel="immediate",
            extra_arguments=["--IPKernelApp.log_level=40"],  # no line about the connection
        )
    except PapermillExecutionError as error:
        return f"at cell [{error.exec_count}]: {error.ename}: {first_line(error.evalue)}"
    except CellTimeoutError:
        return f"at cell [{last_started(part)}]: not finished after {timeout:g} seconds"
    except DeadKernelError:
        return f"at cell [{last_started(part)}]: the kernel died, perhaps for lack of memory"
    except Exception as error:  # no notebook, or a kernel that does not start: the others shall still run
        if isinstance(error, OSError) and (error.errno in FULL or error.filename == str(part)):
            raise
        return f"at its start: {type(error).__name__}: {first_line(str(error))}"
    return None


def without_fields(path: Path) -> str:
    """Write a path so that papermill does not take braces in it for places to fill in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def first_line(text: str) -> str:
    """Return the first line of an error message."""
    return (text.strip().splitlines() or [""])[0]


def last_started(notebook: Path) -> int:
    """Return the number in brackets of the last code cell that was started."""
    started = [cell.metadata.papermill.status != "pending" for cell in code_cells(notebook)]
    return sum(started)


def code_cells(notebook: Path) -> list:
    """Return the code cells of a notebook; none if it cannot be read."""
    import nbformat

    try:
        return [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]
    except Exception:  # a broken file is broken in its own way, and the line above the table tells
        return []


def print_epochs(text: str) -> None:
    """Pass on what a notebook prints about its training, without disturbing the progress bar."""
    from tqdm.std import tqdm

    for line in text.splitlines():
        if line.startswith("Epoch:"):
            tqdm.write(f"    {line}")


def time_saved(name: str) -> int | None:
    """Return when the run of a notebook was saved, or None if there is none."""
    from mnist_lesson.results import RUNS_DIR

    try:
        return (RUNS_DIR / name / "run.json").stat().st_mtime_ns
    except OSError:
        return None


def saved_accuracy(name: str) -> float:
    """Return the final test accuracy of the run that a notebook saved."""
    from mnist_lesson.results import RUNS_DIR

    record = json.loads((RUNS_DIR / name / "run.json").read_text(encoding="utf-8"))
    return record["history"]["test_acc"][-1]


def print_table(rows: list[tuple]) -> None:
    """Print one line for each notebook, and the sum of the seconds."""
    print(f"\n{'notebook':<20} {'cells':>5} {'seconds':>8} {'test accuracy':>14}")
    for notebook, seconds, problem, accuracy in rows:
        last = "FAILED" if problem else f"{accuracy:.2%}" if accuracy is not None else ""
        print(f"{notebook.stem:<20} {len(code_cells(notebook)):>5} {seconds:>8.1f} {last:>14}")
    print(f"{'together':<20} {'':>5} {sum(seconds for _, seconds, _, _ in rows):>8.1f}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before the first notebook
        sys.exit("\nStopped: nothing was executed.")
