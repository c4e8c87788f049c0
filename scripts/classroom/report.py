"""The report for the instructor: one HTML file with the class as a whole, and with each learner's answers and hints.

The file works from the disk, in any browser, without a script and without a network: a Content-Security-Policy in it
forbids both, should a text of a learner ever get past the escaping. The same rows give the same file.
"""

from __future__ import annotations

import base64
import hashlib
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from alike import LONGEST, similar_answers
from points import PATTERN, Total, by_hand, matched, plain, totals
from submitted_cells import without_calls
from tables import FAILED, RESULTS, TAMPERED, Row, by_number, printable, spelt_out

FOLDER = Path(__file__).resolve().parent
LONGEST_CODE, MOST_LINES = 3000, 100  # of an answer: a long one must not make the file huge
LONGEST_LINE = 600  # letters of a hint or of a file's name
MOST_GROUPS, MOST_PAIRS, MOST_REMARKS = 20, 50, 200
BINS = 10  # of the histogram of points
# What differs between two hints of one kind: numbers, and quoted words such as a learner's variable.
NUMBER_OR_QUOTED = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|(?<!\w)'[^']*'")


class Learner(NamedTuple):
    """A learner on the page: the name as it is shown, and all rows and files in the order in which they are shown."""

    shown: str
    total: Total
    rows: list[Row]
    files: list[str]


class Group(NamedTuple):
    """A wrong answer that several learners gave: how many did, and the row of one of them."""

    exercise: str
    name: str
    count: int
    example: Row


def write_report(
    rows: list[Row], points: dict[str, float], path: Path, known: dict[str, list[str]], pattern: str = PATTERN
) -> None:
    """Write the report as a whole or not at all. Raises OSError if it cannot be written.

    `points` are those of each exercise, `known` the texts of each exercise that everybody has: stub and solution, in
    this order and as `without_calls` returns them.
    `pattern` says where in the name of a file the learner's name is.
    """
    from mnist_lesson.files import write_whole

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page(rows, points, known, pattern))


def page(rows: list[Row], points: dict[str, float], known: dict[str, list[str]], pattern: str = PATTERN) -> str:
    """Return the report. Jinja escapes every text that is put into the template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    learners = [learner_on_page(one) for one in totals(rows, points, pattern)]
    groups, single = common_mistakes(learners)
    pairs = similar_answers(rows, known, pattern)
    remarks = [(one.shown, remark) for one in learners for remark in one.total.remarks]
    style = (FOLDER / "report.css").read_text(encoding="utf-8")

    def code(row: Row) -> str:
        if said := said_instead(row.answer, known.get(row.exercise, [])):
            return Markup('<p class="faint">{}</p>').format(said)
        return Markup('<pre dir="ltr"><code>{}</code></pre>').format(shown_code(row.answer))

    template = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    ).get_template("report.html.jinja")
    return template.render(
        **overview(rows, learners, points),
        pattern=pattern,
        unfitting=sum(not matched(file, pattern) for file in {row.file for row in rows}),
        learners=learners,
        names={row: one.shown for one in learners for row in one.rows},
        places={row: f"row-{place}" for place, row in enumerate(row for one in learners for row in one.rows)},
        hand=by_hand(rows),
        remarks=remarks[:MOST_REMARKS],
        more_remarks=len(remarks[MOST_REMARKS:]),
        groups=groups,
        single=single,
        pairs=pairs[:MOST_PAIRS],
        more_pairs=len(pairs[MOST_PAIRS:]),
        points=points,
        results=RESULTS,
        style=Markup(style),
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        code=code,
        line=shown_line,
        plain=plain,
        counted=counted,
        counted_points=lambda number: f"{plain(number)} point{'' if number == 1 else 's'}",
    )


def overview(rows: list[Row], learners: list[Learner], points: dict[str, float]) -> dict[str, Any]:
    """Return what the page says about the class as a whole."""
    names = {row.exercise: row.name for row in rows if row.exercise}
    exercises = []
    for number in sorted(names, key=by_number):
        found = Counter(row.result for one in learners for row in one.total.rows if row.exercise == number)
        counts = [*(found[result] for result in RESULTS), len(learners) - found.total()]
        exercises.append({"number": number, "name": names[number], "points": points[number], "counts": counts})
    got = [one.total.points for one in learners]
    possible = max((one.total.possible for one in learners), default=0)
    return {
        "files": len({row.file for row in rows}),
        "exercises": exercises,
        "possible": possible,
        "median": statistics.median(got or [0]),
        "mean": statistics.fmean(got or [0]),
        "bins": histogram(got, possible),
        "isolations": sorted(Counter(row.isolation or "nothing was run" for row in rows).items()),
    }


def histogram(got: list[float], possible: float) -> list[tuple[str, int]]:
    """Return how many learners have how many points: ("3 to 4", 5). Nothing is a bin of its own."""
    width = max(1, -(-possible // BINS))
    count = max(1, int(-(-possible // width)))
    bins = Counter(0 if points <= 0 else int(-(-points // width)) for points in got)
    whole = all(float(points).is_integer() for points in [*got, possible])
    lines = [("0", bins[0])]
    for place in range(1, count + 1 if possible else 1):
        low, high = (place - 1) * width, min(place * width, possible)
        said = f"above {plain(low)}, up to {plain(high)}"
        if whole:
            said = plain(high) if high == low + 1 else f"{plain(low + 1)} to {plain(high)}"
        lines.append((said, bins[place]))
    return lines


def learner_on_page(total: Total) -> Learner:
    """Return a learner with all rows: the tampered ones first, those of whole files next."""
    rows = sorted([*total.rows, *total.others], key=lambda row: (row.result != TAMPERED, by_number(row.exercise)))
    return Learner(shown_line(total.name) or "(no name)", total, rows, sorted({row.file for row in rows}))


def common_mistakes(learners: list[Learner]) -> tuple[list[Group], int]:
    """Return the wrong answers that two learners or more gave, and how many hints only one learner got."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in (row for one in learners for row in one.total.rows if row.result == FAILED):
        found.setdefault((row.exercise, NUMBER_OR_QUOTED.sub("…", row.detail)), []).append(row)
    several = [rows for rows in found.values() if len(rows) > 1]
    several.sort(key=lambda rows: (-len(rows), by_number(rows[0].exercise)))
    examples = [(rows, min(rows, key=lambda row: (not row.answer.strip(), len(row.answer)))) for rows in several]
    groups = [Group(one.exercise, one.name, len(rows), one) for rows, one in examples[:MOST_GROUPS]]
    return groups, len(found) - len(several)


def shown_line(text: str) -> str:
    """Return a text of a learner in one line that is not too long."""
    text = printable(text[: 2 * LONGEST_LINE])
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]} ... (cut)"


def said_instead(answer: str, known: list[str]) -> str:
    """Return what is said in the place of an answer that is empty, or that is the lesson's stub or solution."""
    if not answer.strip():
        return "There is no code to show."
    if len(answer) > LONGEST:
        return ""  # to read it would take long
    try:
        plain_answer = without_calls(answer)  # neither comments nor the form of lines count
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    said = ["The stub, as it came with the lesson.", "The solution that came with the lesson."]
    return next((what for what, text in zip(said, known) if plain_answer == text), "")


def shown_code(code: str) -> str:
    """Return the code of a learner with all that cannot be seen spelt out; of a long one the beginning."""
    lines = re.split(r"\r\n|\r|\n", code[:LONGEST_CODE])  # what Python takes for the end of a line, and nothing else
    text = "\n".join(spelt_out(line.expandtabs(4)) for line in lines[:MOST_LINES]).strip("\n")
    rest = len(code) > LONGEST_CODE or len(lines) > MOST_LINES
    return f"{text}\n... (cut: the whole answer has {counted(len(code), 'letter')})" if rest else text


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
