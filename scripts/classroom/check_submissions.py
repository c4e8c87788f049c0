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
import csv
import io
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[:2]]  # where the other scripts are

from install import ROOT, use_lesson_python
from judge_notebook import ERROR, Judged, judge_notebook
from submitted_cells import committed_exercises

SECONDS = 300  # for one exercise: longer than the checkers' own limit, for what even that cannot end
NOTEBOOK_SECONDS = 1200  # for all exercises of a notebook: twelve that hang must not cost an hour
LARGEST = 50_000_000  # bytes; a notebook of the lesson has less than one million


class Row(NamedTuple):
    """One line of the table: a file, and what came out for one of its exercises."""

    file: str
    exercise: str
    name: str
    result: str
    detail: str


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


def check_folder(folder: Path, seconds: float = SECONDS, notebook_seconds: float = NOTEBOOK_SECONDS) -> list[Row]:
    """Check all notebooks in a folder, one after the other, and print a line for each.

    `seconds` is the limit of one exercise, `notebook_seconds` that of all exercises of a notebook.
    Raises OSError if MNIST is damaged.
    """
    from mnist_lesson.data import prepare_mnist

    data = prepare_mnist()  # now nobody has a reason to write there any more
    # All are read, and the helper package is copied, before any notebook runs: none can change what another gets.
    contents = {path: read(path) for path in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts}
    watched = [folder, data, *(ROOT / name for name in ("mnist_lesson", "notebooks", "scripts"))]
    rows, known = [], committed_exercises()
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_package_") as package:
        no_cache = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "mnist_lesson", Path(package) / "mnist_lesson", ignore=no_cache)
        for path, content in contents.items():
            name, start, before = printable(path.relative_to(folder).as_posix()), time.monotonic(), files_in(watched)
            print(f"{name} ... ", end="", flush=True)
            if isinstance(content, str):
                judged = [Judged("", "", ERROR, content)]
            else:
                judged = judge_notebook(content, known, Path(package), data, seconds, notebook_seconds)
            if changed := sorted({file for file, _ in before.items() ^ files_in(watched).items()}):
                names = ", ".join(Path(file).name for file in changed[:6])
                judged.append(Judged("", "", ERROR, f"while it ran, files outside its own folder changed: {names}"))
            rows += [Row(name, *map(printable, one)) for one in judged]
            said = ", ".join(f"{n} {result}" for result, n in Counter(one.result for one in judged).items())
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
    except OSError as error:  # a link that leads nowhere, for example
        return f"could not be read ({error.strerror or error})"


def files_in(folders: list[Path]) -> dict:
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


def write_csv(rows: list[Row], path: Path) -> None:
    """Write the table as a whole or not at all, so that a spreadsheet program shows what is there.

    It is UTF-8 with the mark at its beginning (utf-8-sig): without that, Excel garbles all letters but the English
    ones. A text of a learner that looks like a formula is made a plain text. Raises OSError if it cannot be written.
    """
    from mnist_lesson.files import write_whole

    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(Row._fields)
    writer.writerows([harmless(text) for text in row] for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, table.getvalue().encode("utf-8-sig"))


def harmless(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def print_table(rows: list[Row]) -> None:
    """Print the table, with the details cut to the width of a line."""
    width = max(len(row.file) for row in rows)
    for row in rows:
        print(f"{row.file:<{width}}  {row.exercise:>5}  {row.name:<16} {row.result:<13}  {row.detail[:90]}")


if __name__ == "__main__":
    sys.exit(main())
