"""Execute the notebooks in order, from top to bottom, into the folder `executed/`.

    python scripts/execute.py
    python scripts/execute.py --epochs 1 --batch-size 64
    python scripts/execute.py EPOCHS=1 BATCH_SIZE=64      (the same)

The notebooks in `notebooks/` stay as they are. One that fails is kept in `executed/failed/`, the
others still run, and the exit status is 1.
"""

import argparse
import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from environment import ROOT, use_environment

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
    use_environment()
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return execute_all(notebooks, parameters, ROOT / "executed")


def read_parameters(arguments: list[str]) -> dict[str, int | float]:
    """Read `--epochs 1` and `EPOCHS=1` alike; anything that is not allowed ends the script with a sentence."""
    parser = argparse.ArgumentParser(
        description="Execute the notebooks of the lesson into executed/.",
        usage="execute.py [--epochs N] [--batch-size N] [--learn-rate X] [--seed N] [NAME=value ...]",
        allow_abbrev=False,
    )
    for name in PARAMETERS:
        parser.add_argument(f"--{name.lower().replace('_', '-')}", dest=name, help=f"{allowed(name)}")
    parser.add_argument("pairs", nargs="*", metavar="NAME=value", help="the same, as make passes it")
    options, unknown = parser.parse_known_args(arguments)
    texts = {name: getattr(options, name) for name in PARAMETERS if getattr(options, name) is not None}
    for pair in unknown + options.pairs:
        name, equals, text = pair.partition("=")
        if name not in PARAMETERS or not equals:
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
        # The kernels inherit this: the folder that MNIST can be loaded from.
        os.environ["MNIST_LESSON_DATA"] = str(prepare_mnist())
    except OSError as error:
        print(error)
        return 1
    rows = []
    try:
        for notebook in notebooks:
            print(f"{notebook.stem} ...", flush=True)
            started = time.time()
            problem = execute_one(notebook, parameters, output_dir, timeout)
            seconds = time.time() - started
            print(f"{notebook.stem} {f'FAILED at {problem}' if problem else 'done'}, {seconds:.0f} s", flush=True)
            rows.append((notebook, seconds, problem, new_test_accuracy(notebook.stem, started)))
    except KeyboardInterrupt:
        print("\nStopped: the notebooks that were finished are kept.")
        return 130
    print_table(rows)
    failures = [problem for _, _, problem, _ in rows if problem]
    if failures:
        print(f"{len(failures)} of {len(rows)} notebooks failed: see the copies in {output_dir / 'failed'}.")
    return 1 if failures else 0


def execute_one(notebook: Path, parameters: dict, output_dir: Path, timeout: float) -> str | None:
    """Execute one notebook. Return None, or one line that names the cell and the error."""
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    failed = output_dir / "failed" / notebook.name
    failed.parent.mkdir(parents=True, exist_ok=True)
    part = output_dir / f"{notebook.stem}.part.ipynb"
    problem = None
    try:
        own = papermill.inspect_notebook(str(notebook))
        papermill.execute_notebook(
            notebook,
            part,
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
        part.replace(output_dir / notebook.name)
        failed.unlink(missing_ok=True)
    except PapermillExecutionError as error:
        problem = f"cell [{error.exec_count}]: {error.ename}: {error.evalue}"
    except CellTimeoutError:
        problem = f"cell [{last_started(part)}]: not finished after {timeout:g} seconds"
    except DeadKernelError:
        problem = f"cell [{last_started(part)}]: the kernel died, perhaps for lack of memory"
    except (ValueError, nbformat.ValidationError) as error:
        problem = f"reading it: {str(error).splitlines()[0]}"
    finally:
        if problem and part.is_file():
            part.replace(failed)
        part.unlink(missing_ok=True)
    return problem


def last_started(notebook: Path) -> int:
    """Return the number in brackets of the last code cell that was started."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    started = [cell["metadata"]["papermill"]["status"] != "pending" for cell in cells if cell["cell_type"] == "code"]
    return sum(started)


def print_epochs(text: str) -> None:
    """Pass on what a notebook prints about its training, without disturbing the progress bar."""
    from tqdm.std import tqdm

    for line in text.splitlines():
        if line.startswith("Epoch:"):
            tqdm.write(f"    {line}")


def new_test_accuracy(name: str, since: float) -> float | None:
    """Return the final test accuracy of the run that a notebook saved since then, if it saved one."""
    from mnist_lesson.results import RUNS_DIR

    record = RUNS_DIR / name / "run.json"
    if not record.is_file() or record.stat().st_mtime < since:
        return None
    return json.loads(record.read_text(encoding="utf-8"))["history"]["test_acc"][-1]


def print_table(rows: list[tuple]) -> None:
    """Print one line for each notebook, and the sum of the seconds."""
    print(f"\n{'notebook':<20} {'cells':>5} {'seconds':>8} {'test accuracy':>14}")
    for notebook, seconds, problem, accuracy in rows:
        cells = notebook.read_text(encoding="utf-8").count('"cell_type": "code"')
        last = "FAILED" if problem else f"{accuracy:.2%}" if accuracy is not None else ""
        print(f"{notebook.stem:<20} {cells:>5} {seconds:>8.1f} {last:>14}")
    print(f"{'together':<20} {'':>5} {sum(seconds for _, seconds, _, _ in rows):>8.1f}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    sys.exit(main())
