"""Points of the learners: how many each exercise gives (points.toml), and how many each learner has.

The totals are a second CSV file. What reads it:
- A spreadsheet program, by a double click.
- Canvas (Grades, Import): the first three columns are the ones that it asks for. It finds a learner by ID, which is
  the first number in the name of each file that Canvas hands out. The heading of the last column must be the name of
  the assignment; otherwise Canvas makes a new one of it. That is why there are no further columns.
- Moodle (Grades, Import, CSV file), where you say what each column is. It finds a learner by e-mail address or ID
  number. The ID in the names of Moodle's folders is another one: the number behind "Participant" in the column
  "Identifier" of the assignment's own grading worksheet.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from site_pages import EXERCISE, LEVELS
from tables import ERROR, PASSED, RESULTS, TAMPERED, Row, by_number, write_table

from notebooks import all_notebooks

POINTS_FILE = Path(__file__).resolve().with_name("points.toml")
# Fits a folder of Moodle, "Doe Jane_12345_assignsubmission_file_", and a file of Canvas, "doejane_12345_67_04.ipynb".
PATTERN = "{name}_{id}_*"
# Canvas puts LATE behind the names of those who were late.
PLACES = {"{name}": "(?P<name>[^/]+?)(?:_LATE)?", "{id}": r"(?P<id>[0-9]+)", "*": ".*"}


class Total(NamedTuple):
    """What a learner has: `points` of `possible`, and how many exercises had each result.

    `id` is empty unless the pattern has one. `rows` are those that count, one for each exercise, in their order;
    `others` are those that another file has a better result for, and those that concern a whole file. `remarks` say
    what the instructor should know: a file that could not be read, two files with the same exercise.
    """

    name: str
    id: str
    points: float
    possible: float
    counts: dict[str, int]
    rows: list[Row]
    others: list[Row]
    remarks: list[str]


def difficulties() -> dict[str, str]:
    """Return how hard each exercise of the lesson is, by the headings of the notebooks: {"4.1": "easy", ...}."""
    import nbformat

    texts = (cell.source for path in all_notebooks() for cell in nbformat.read(path, 4).cells)
    found = (match.groups() for text in texts for match in EXERCISE.finditer(text))
    return {exercise.removeprefix("Exercise "): level for exercise, _, level, _ in found}


def read_points(path: Path = POINTS_FILE) -> dict[str, float]:
    """Return how many points each exercise of the lesson gives: {"4.1": 1, ...}.

    Raises ValueError with a sentence if the file has a mistake, OSError if it cannot be read.
    """
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:  # not TOML, or not UTF-8
        raise ValueError(f"{path.name} cannot be read as TOML: {error}.") from None
    levels = difficulties()
    known = {
        "difficulty": set(LEVELS),
        "notebooks": {exercise.partition(".")[0] for exercise in levels},
        "exercises": set(levels),
    }
    for part, given in settings.items():
        check_part(path.name, part, given, known)
    if missing := set(LEVELS) - set(settings.get("difficulty", {})):
        raise ValueError(f"{path.name}: expected a number for {sorted(missing)[0]} in [difficulty], found none.")
    notebooks, exercises = settings.get("notebooks", {}), settings.get("exercises", {})
    by_level = {exercise: settings["difficulty"][level] for exercise, level in levels.items()}
    by_notebook = {exercise: notebooks.get(exercise.partition(".")[0], by_level[exercise]) for exercise in levels}
    return {exercise: exercises.get(exercise, by_notebook[exercise]) for exercise in levels}


def check_part(file: str, part: str, given: object, known: dict[str, set[str]]) -> None:
    """Raise ValueError with a sentence if a part of the file, such as [exercises], has a mistake."""
    if part not in known or not isinstance(given, dict):
        raise ValueError(f"{file}: expected the parts {', '.join(f'[{name}]' for name in known)}, found {part!r}.")
    for key, value in given.items():
        if isinstance(value, dict):
            raise ValueError(f'{file}: expected quotation marks around an exercise, as in "{key}.1" = 2, found none.')
        if key not in known[part]:
            there = ", ".join(sorted(known[part], key=by_number)) if part != "difficulty" else ", ".join(LEVELS)
            raise ValueError(f"{file}: expected one of {there} in [{part}], found {key!r}: mend it, or take it out.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"{file}: expected a number of points, 0 or more, for {key} in [{part}], found {value!r}.")


def check_pattern(pattern: str) -> None:
    """Raise ValueError with a sentence unless the pattern says where in the name of a file the learner's name is."""
    if (
        pattern.count("{name}") != 1
        or pattern.count("{id}") > 1
        or set("{}") & set(re.sub(r"{name}|{id}", "", pattern))
    ):
        raise ValueError(
            f"Expected a pattern with {{name}} once, at most one {{id}}, and * for anything, such as {PATTERN} or "
            f"{{name}}/*, found {pattern!r}."
        )


def learner_of(file: str, pattern: str = PATTERN) -> tuple[str, str]:
    """Return the name and the ID of the learner who handed in a file; `file` is its path in the class's folder.

    A file that does not fit the pattern is a learner of its own, named by its path and without an ID: two people
    must never become one.
    """
    if not (found := matched(file, pattern)):
        return file.removesuffix(".ipynb"), ""
    return found["name"].strip() or file, found.get("id") or ""


def matched(file: str, pattern: str) -> dict[str, str]:
    """Return what stands at {name} and {id} of the pattern, or nothing if the file's name does not fit it."""
    parts = re.split(r"({name}|{id}|\*)", pattern)
    found = re.fullmatch("".join(PLACES.get(part, re.escape(part)) for part in parts), file, flags=re.DOTALL)
    return found.groupdict() if found else {}


def totals(rows: list[Row], points: dict[str, float], pattern: str = PATTERN) -> list[Total]:
    """Return what each learner has, by name.

    Only what is passed gives points. Of several files of one learner with the same exercise the best result counts.
    Everybody can have the points of all exercises that anybody's file has.
    """
    possible = sum(points[exercise] for exercise in {row.exercise for row in rows} - {""})
    learners: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        learners.setdefault(learner_of(row.file, pattern), []).append(row)
    return [total(*learner, learners[learner], points, possible) for learner in sorted(learners, key=by_name)]


def by_name(learner: tuple[str, str]) -> tuple[str, ...]:
    return learner[0].casefold(), *learner


def total(name: str, id: str, rows: list[Row], points: dict[str, float], possible: float) -> Total:
    """Return what one learner has; `rows` are all of theirs."""
    exercises: dict[str, list[Row]] = {}
    for row in rows:
        exercises.setdefault(row.exercise, []).append(row)
    others = exercises.pop("", [])
    remarks = [f"{row.file}: {row.result}, {row.detail}" for row in others]
    best = []
    for exercise in sorted(exercises, key=by_number):
        found = sorted(exercises[exercise], key=lambda row: (RESULTS.index(row.result), row.file))
        best.append(found[0])
        others += found[1:]
        if len(found) > 1:
            said = ", ".join(f"{row.result} in {row.file}" for row in found)
            remarks.append(f"Exercise {exercise} was handed in {len(found)} times, and the best counts: {said}.")
    got = sum(points[row.exercise] for row in best if row.result == PASSED)
    return Total(name, id, got, possible, Counter(row.result for row in best), best, others, remarks)


def by_hand(rows: list[Row]) -> list[Row]:
    """Return the rows that somebody has to look at, the tampered ones first."""
    found = [row for row in rows if row.result in (ERROR, TAMPERED)]
    return sorted(found, key=lambda row: (row.result != TAMPERED, row.file, by_number(row.exercise)))


def write_totals(found: list[Total], path: Path) -> None:
    """Write the totals to a CSV file, a line for each learner. Raises OSError if it cannot be written."""
    possible = plain(max((one.possible for one in found), default=0))
    header = ["Student", "ID", "Section", f"Points (of {possible})"]
    write_table(header, [[one.name, one.id, "", plain(one.points)] for one in found], path)


def plain(points: float) -> str:
    """Write a number of points with a dot, and with no more decimals than it needs: 3, 2.5."""
    return f"{points:.2f}".rstrip("0").rstrip(".")
