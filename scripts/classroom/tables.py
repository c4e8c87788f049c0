"""The table of results: a row for each exercise of a handed-in notebook, as a CSV file and in the terminal."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

PASSED, FAILED, NOT_ATTEMPTED, ERROR, TAMPERED = "passed", "failed", "not attempted", "error", "tampered"
RESULTS = [PASSED, FAILED, NOT_ATTEMPTED, ERROR, TAMPERED]  # the better ones first


class Row(NamedTuple):
    """One line of the table: a file, and what came out for one of its exercises.

    A row without an exercise concerns the whole file. `result` is one of RESULTS, `detail` is the hint or the reason,
    `isolation` says what the learner's code was kept in. `answer` is that code; it stays out of the CSV file.
    """

    file: str
    exercise: str
    name: str
    result: str
    detail: str
    isolation: str
    answer: str = ""


def printable(text: str) -> str:
    """Return a text in one line that a terminal and UTF-8 take; control characters and broken letters are spelt out."""
    return spelt_out(" ".join(text.split()))


def spelt_out(text: str) -> str:
    """Spell out, as in "\\x00", what cannot be seen in a line: a letter that turns the direction of writing, too."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def by_number(exercise: str) -> list[int]:
    """Return what exercises are sorted by: 4.2 comes before 4.10. A row without an exercise comes first of all."""
    return [int(part) for part in exercise.split(".") if part]


def write_csv(rows: list[Row], path: Path) -> None:
    """Write the table to a CSV file, without the answers. Raises OSError if it cannot be written."""
    write_table(Row._fields[:-1], [row[:-1] for row in rows], path)


def write_table(header: Sequence[str], lines: Iterable[Sequence[str]], path: Path) -> None:
    """Write a CSV file as a whole or not at all, so that a spreadsheet program shows what is there.

    It is UTF-8 with the mark at its beginning (utf-8-sig): without that, Excel garbles all letters but the English
    ones. Raises OSError if it cannot be written.
    """
    from mnist_lesson.files import write_whole

    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(header)
    writer.writerows([harmless(printable(text)) for text in line] for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, table.getvalue().encode("utf-8-sig"))


def harmless(text: str) -> str:
    """Make plain what a spreadsheet program would take for a formula in a text of a learner: by an apostrophe.

    In many countries a semicolon separates the cells of a CSV file, so that a formula can also begin behind one.
    """
    return ";".join(f"'{part}" if begins_formula(part) else part for part in text.split(";"))


def begins_formula(text: str) -> bool:
    first = unicodedata.normalize("NFKC", text.lstrip(' "')[:1])  # some programs also take the wide forms of the signs
    return first.startswith(("=", "+", "-", "@"))


def print_table(rows: list[Row]) -> None:
    """Print the table, with the details cut to the width of a line."""
    files, widest = [printable(row.file) for row in rows], max(map(len, RESULTS))
    width = max(map(len, files), default=0)
    for file, row in zip(files, rows):
        detail = printable(row.detail)[:90]
        print(f"{file:<{width}}  {row.exercise:>5}  {row.name:<16} {row.result:<{widest}}  {detail}".rstrip())
    for isolation in sorted({row.isolation for row in rows}):
        count = sum(row.isolation == isolation for row in rows)
        print(f"Isolation: {isolation or 'not needed, nothing was run'} ({count} of {len(rows)} rows).")
