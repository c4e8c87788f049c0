"""Measure how well drawn photos of handwriting are read, by difficulty, with each network that is stored.

    python scripts/measure/measure_handwriting.py

Writes `mnist_lesson/stored/handwriting.json`, with date, machine and seeds; takes about five minutes. Nothing may be
tuned on these pictures: to tune, `--tune` prints the same table for other seeds and writes nothing. `--tune touching`
does so only for the dimensions of `handwritten.py` whose names contain a word.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import use_lesson_python

NUMBER = {"single": 15, "sheet": 10, "page": 1}  # of pictures for each dimension
TUNE_SEED, STORED_SEED = 0, 1000  # the first of the seeds


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how well drawn photos of handwriting are read.")
    parser.add_argument("--tune", nargs="?", const="", metavar="WORD", help="print the table for the seeds to tune on")
    tune = parser.parse_args().tune
    use_lesson_python()
    from handwritten import DIMENSIONS

    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.stored import STORED_DIR

    first = STORED_SEED if tune is None else TUNE_SEED
    networks, rows = load_networks(), []
    for name, (kind, _) in DIMENSIONS.items():
        if (tune or "") in name:
            rows.append(measure(name, kind, range(first, first + NUMBER[kind]), networks))
            print(in_words(rows[-1]), flush=True)
    together = {kind: add_up([row for row in rows if row["kind"] == kind]) for kind in NUMBER}
    together = {kind: row for kind, row in together.items() if row["pictures"]}
    print(*(in_words(row) for row in together.values()), sep="\n")
    if tune is None:
        stored = {
            "what": "for each difficulty of scripts/measure/handwritten.py and each network: pictures read without "
            "error, errors in digits (edit distance), errors that nothing points to, marks found but not read, "
            "pictures refused with a sentence, and the median of the milliseconds for a picture",
            "date": date.today().isoformat(),
            "environment": environment(),
            "seeds": {kind: [first, first + number - 1] for kind, number in NUMBER.items()},
            "rows": rows,
            "together": together,
        }
        write_whole(STORED_DIR / "handwriting.json", json.dumps(stored, indent=1) + "\n")
        print(f"Wrote {STORED_DIR / 'handwriting.json'}.")
    return 0


def load_networks() -> dict:
    """Return the networks that are stored: the reference, and the reader where there is one."""
    from mnist_lesson.results import load_run
    from mnist_lesson.stored import STORED_DIR

    return {name: load_run(STORED_DIR / name).model for name in ("reference", "reader") if (STORED_DIR / name).is_dir()}


def measure(dimension: str, kind: str, seeds: range, networks: dict) -> dict:
    """Draw a picture for each seed, let each network read it, and return the counts."""
    from handwritten import draw

    counts = {name: [] for name in networks}
    digits = 0
    for seed in seeds:
        picture, lines = draw(dimension, seed)
        digits += sum(map(len, lines))
        read = read_digit if kind == "single" else read_sheet
        for name, result in read(picture, networks).items():
            counts[name].append(compare("".join(lines), *result))
    row = {"name": dimension, "kind": kind, "pictures": len(seeds), "digits": digits}
    for name, results in counts.items():
        row[name] = {key: sum(result[key] for result in results) for key in results[0] if key != "milliseconds"}
        row[name]["milliseconds"] = round(statistics.median(result["milliseconds"] for result in results))
    return row


def read_digit(picture, networks: dict) -> dict[str, tuple[str | None, int, float]]:
    """Return for each network the digit it reads (None: refused), 0, and the milliseconds."""
    from mnist_lesson.further.handwriting import prepare
    from mnist_lesson.results import predict

    start, results = time.perf_counter(), {}
    try:
        image = prepare(picture)
    except ValueError:
        return dict.fromkeys(networks, (None, 0, since(start)))
    prepared = since(start)
    for name, model in networks.items():
        start = time.perf_counter()
        digit = predict(image, model, top=1)[0][0]
        results[name] = (str(digit), 0, prepared + since(start))
    return results


def read_sheet(picture, networks: dict) -> dict[str, tuple[str | None, int, float]]:
    """Return for each network the digits it reads (None: refused), the marks found but not read, the milliseconds."""
    from mnist_lesson.further import sheets

    results = {}
    for name, model in networks.items():
        start, text, unread = time.perf_counter(), None, 0
        try:
            _, found = sheets.read_sheet(picture, model)
            text = "".join(str(mark.digit) for mark in found if mark.digit is not None)
            unread = sum(mark.digit is None for mark in found)
        except ValueError:
            pass
        results[name] = (text, unread, since(start))
    return results


def since(start: float) -> float:
    """Return the milliseconds since then."""
    return 1000 * (time.perf_counter() - start)


def compare(truth: str, text: str | None, unread: int, milliseconds: float) -> dict:
    """Return what is counted of one picture."""
    errors = edit_distance(truth, text or "")
    return {
        "without error": int(text == truth),
        "errors": errors,
        # A digit that is not there at all, though neither a mark nor a refusal points to it.
        "silent": 0 if text is None else max(0, len(truth) - len(text) - unread),
        "not read": unread,
        "refused": int(text is None),
        "milliseconds": milliseconds,
    }


def edit_distance(truth: str, text: str) -> int:
    """Return how many digits must be put in, left out or replaced to make one text of the other.

    Source: V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals" (1966).
    """
    row = list(range(len(text) + 1))
    for number, wanted in enumerate(truth, 1):
        before, row = row, [number]
        for place, found in enumerate(text, 1):
            row.append(min(before[place] + 1, row[-1] + 1, before[place - 1] + (wanted != found)))
    return row[-1]


def add_up(rows: list[dict]) -> dict:
    """Return one row for all of them: sums, and of the milliseconds the largest median."""
    total = {"name": f"all: {rows[0]['kind']}" if rows else "", "kind": rows[0]["kind"] if rows else ""}
    total |= {key: sum(row[key] for row in rows) for key in ("pictures", "digits")}
    for name in rows[0] if rows else ():
        if isinstance(rows[0][name], dict):
            total[name] = {key: sum(row[name][key] for row in rows) for key in rows[0][name]}
            total[name]["milliseconds"] = max(row[name]["milliseconds"] for row in rows)
    return total


def in_words(row: dict) -> str:
    """Say one row of the table."""
    text = f"{row['name']:<36} {row['pictures']:>4} pictures {row['digits']:>5} digits"
    for name, counts in row.items():
        if isinstance(counts, dict):
            text += f" | {name}: {counts['without error'] / row['pictures']:>4.0%} right, {counts['errors']:>3} errors"
            text += f" ({counts['silent']} silent), {counts['refused']} refused, {counts['milliseconds']:>3} ms"
    return text


if __name__ == "__main__":
    sys.exit(main())
