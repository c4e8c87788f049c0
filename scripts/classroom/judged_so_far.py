"""Keep what a check has found so far, so that an interrupted one goes on where it stopped.

A file beside the table: the first line says what all rows depend on, each further line holds the rows of one notebook.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from install import ROOT
from tables import Row


class JudgedSoFar:
    """What was found, by the content of the notebooks. `seed` is that of the interrupted check, or empty."""

    def __init__(self, table: Path, settings: dict) -> None:
        self.path = table.with_suffix(".partial.jsonl")
        self.depends_on = settings | {"code": fingerprint()}
        self.seed, self.found = "", {}
        try:
            first, *lines = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
            if first["depends on"] == self.depends_on:
                self.seed, self.found = first["seed"], {line["key"]: line["rows"] for line in lines}
        except (OSError, ValueError, KeyError, TypeError):  # there is none, or its end was cut off
            pass

    def start(self, seed: str) -> None:
        """Begin a file for this seed, unless the interrupted check had the same. Raises OSError."""
        if not self.seed or self.seed != seed:
            self.seed, self.found = seed, {}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(f"{json.dumps({'depends on': self.depends_on, 'seed': seed})}\n", encoding="utf-8")

    def rows_of(self, name: str, content: bytes) -> list[Row] | None:
        """Return the rows of a notebook that was judged already, under whatever name, or None."""
        rows = self.found.get(sha256(content).hexdigest())
        return rows and [Row(name, *row) for row in rows]

    def keep(self, content: bytes, rows: list[Row]) -> None:
        """Add the rows of one notebook. Raises OSError."""
        line = {"key": sha256(content).hexdigest(), "rows": [row[1:] for row in rows]}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")

    def finish(self) -> None:
        """Delete the file: the table is there."""
        self.path.unlink(missing_ok=True)


def fingerprint() -> str:
    """Return a number of the code that judges: another version may judge otherwise."""
    files = [
        *(ROOT / "mnist_lesson").rglob("*.py"),
        *Path(__file__).parent.glob("*.py"),
        *ROOT.glob("notebooks/*.ipynb"),
    ]
    return sha256(b"".join(sha256(file.read_bytes()).digest() for file in sorted(files))).hexdigest()
