"""Read the repository for slips that no other test looks for, and print a line for each.

    python scripts/lint.py              code, spelling, links and headings, colours
    python scripts/lint.py --external   ask the web for the links that lead out of the repository, too

Nothing is changed. ruff reads the code and codespell the words; `words.txt` beside this file holds words that are
right here, though codespell takes them for mistakes. Of a notebook its cells are read and not its outputs, which
come from the code.
"""

from __future__ import annotations

import argparse
import fnmatch
import html.parser
import os
import posixpath
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from browser_test import SHORT
from install import ROOT, use_lesson_python

SETTINGS = ROOT / "pyproject.toml"  # of ruff
FAINT = ["ORANGE"]  # a darker one would look like RED to eyes without green cones, so it is for areas alone
WORDS = ROOT / "scripts" / "words.txt"
PROSE = (".md", ".py", ".toml", ".yml", ".yaml", ".ipynb", "Makefile")
# Letters in a row that make a word, so that the parts of load_mnist and DataLoader are read, too.
WORD = "[A-Z]?[a-z]+(?:['’][a-z]+)?|[A-Z]+(?![a-z])"


def main() -> int:
    use_lesson_python()
    parser = argparse.ArgumentParser(description="Read the repository for slips, and print a line for each.")
    parser.add_argument("--external", action="store_true", help="ask the web for links to other places, too")
    is_external = parser.parse_args().external
    files = all_files()
    problems = [problem for check in CHECKS for problem in check(files)]
    problems += check_external(files) if is_external else []
    print("\n".join(problems) or f"Nothing to mend in {len(files)} files.")
    return 1 if problems else 0


def all_files() -> list[str]:
    """Return the files of the repository, as 'docs/teaching.md', without what git ignores and without environments."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [".git", *(line.rstrip("/") for line in lines if line.endswith("/"))]
    found = []
    for folder, inside, names in os.walk(ROOT):
        inside[:] = [
            name
            for name in inside
            if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)
            and not any(Path(folder, name, mark).exists() for mark in ("pyvenv.cfg", "conda-meta"))
        ]
        found += [Path(folder, name).relative_to(ROOT).as_posix() for name in names]
    return sorted(found)


def texts_of(file: str, kinds: tuple[str, ...]) -> dict[str, str]:
    """Return the text of a file by its name, or those of a notebook's cells of some kinds, by 'x.ipynb/cell-id'."""
    if not file.endswith(".ipynb"):
        return {file: (ROOT / file).read_text(encoding="utf-8")}
    import nbformat

    cells = nbformat.read(ROOT / file, 4).cells
    return {f"{file}/{cell.id}": cell.source for cell in cells if cell.cell_type in kinds}


def lines_of(command: list[str], folder: Path) -> list[str]:
    """Run a tool that is silent and ends with 0 where nothing is wrong; return what it says otherwise."""
    utf8 = {**os.environ, "PYTHONUTF8": "1"}
    tool = subprocess.run(command, cwd=folder, env=utf8, capture_output=True, encoding="utf-8", errors="replace")
    return (tool.stdout + tool.stderr).splitlines() if tool.returncode else []


def check_code(files: list[str]) -> list[str]:
    """Return what ruff finds, by the rules in pyproject.toml."""
    options = ["--quiet", "--no-cache", "--output-format=concise", "--config", str(SETTINGS)]
    code = [file for file in files if file.endswith((".py", ".ipynb"))]
    return lines_of([sys.executable, "-m", "ruff", "check", *options, "--", *code], ROOT)


def check_spelling(files: list[str]) -> list[str]:
    """Return the misspelt words that codespell knows, in texts, in comments and in names."""
    options = ["--check-hidden", "--builtin=clear,rare,informal", f"--regex={WORD}", f"--ignore-words={WORDS}"]
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            if file.endswith(PROSE):
                for where, text in texts_of(file, ("markdown", "code")).items():
                    path = Path(folder, where)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
        lines = lines_of([sys.executable, "-m", "codespell_lib", *options, "."], Path(folder))
    return [line.removeprefix("./").removeprefix(".\\") for line in lines]


class Page(html.parser.HTMLParser):
    """Collects what stands in HTML: headings, targets of links and pictures, alternative texts, places to link to."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[tuple[int, str]] = []
        self.links: list[str] = []
        self.alternatives: list[str] = []
        self.anchors: set[str] = set()
        self._in_heading = False

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = dict(attributes)
        if given.get("class") == "anchor-link":  # the sign that Jupyter puts behind each heading
            self._in_heading = False
            return
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
            self._in_heading = True
        else:
            self.anchors.add(given.get("id") or given.get("name") or "")
        if tag == "img":
            self.alternatives.append(given.get("alt") or "")
        self.links += [given[name] for name in ("href", "src") if given.get(name)]

    def handle_endtag(self, tag: str) -> None:
        self._in_heading = self._in_heading and not re.fullmatch("h[1-6]", tag)

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)


def read_pages(files: list[str]) -> dict[str, Page]:
    """Return the Markdown files and the notebooks as Jupyter shows them, with the anchors of their headings."""
    from nbconvert.filters import markdown2html

    pages = {file: Page() for file in files if file.endswith((".md", ".ipynb"))}
    for file, page in pages.items():
        for text in texts_of(file, ("markdown",)).values():
            page.feed(markdown2html(text))
        anchors = [text.replace(" ", "-") for _, text in page.headings]
        if file.endswith(".md"):  # GitHub's: small letters, no punctuation, and a number for what comes again
            slugs = [re.sub(r"[^\w-]", "", anchor.lower()) for anchor in anchors]
            before = [slugs[:place].count(slug) for place, slug in enumerate(slugs)]
            anchors = [f"{slug}-{count}" if count else slug for slug, count in zip(slugs, before)]
        page.anchors.update(anchors)
    return pages


def check_pages(files: list[str]) -> list[str]:
    """Return what is wrong with headings, links and alternative texts in Markdown files and notebooks."""
    pages, problems = read_pages(files), []
    places = {*files, *(str(folder) for file in files for folder in PurePosixPath(file).parents)}
    for file, page in pages.items():
        levels = [0, *(level for level, _ in page.headings)]
        if levels.count(1) != 1 or levels[1] != 1:
            problems.append(f"{file}: expected one heading with one #, first of all, found {levels.count(1)}.")
        for before, (level, text) in zip(levels, page.headings):
            if level > before + 1:
                problems.append(f"{file}: the heading {text!r} leaves out a level: it may have {before + 1} #.")
        for alternative in page.alternatives:
            if len(alternative) <= SHORT:
                problems.append(f"{file}: describe a picture for those who cannot see it, found {alternative!r}.")
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            place = posixpath.normpath(posixpath.join(posixpath.dirname(file), unquote(url.path))) if url.path else file
            if place not in places:
                problems.append(f"{file}: the link to {link} leads nowhere: there is no {place}.")
            elif url.fragment and place in pages and unquote(url.fragment) not in pages[place].anchors:
                problems.append(f"{file}: the link to {link} leads nowhere: {place} has no such heading.")
    return problems


def check_external(files: list[str]) -> list[str]:
    """Return the links to the web that lead nowhere. A site that turns programs away counts as found."""
    problems = []
    for file, page in read_pages(files).items():
        for link in page.links:
            if urlsplit(link).scheme not in ("http", "https"):
                continue
            try:
                request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0"})
                urllib.request.urlopen(request, timeout=30).close()
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    problems.append(f"{file}: the link to {link} leads nowhere: {error}.")
            except OSError as error:
                problems.append(f"{file}: the link to {link} gives no answer: {error}.")
    return problems


def check_colours(files: list[str]) -> list[str]:
    """Return which colours of figures cannot be told apart by some readers, or can hardly be seen on white."""
    from colours import alike, faint, palette

    problems = alike(palette()) + [
        f"{name} can hardly be seen on white" for name in faint(palette()) if name not in FAINT
    ]
    return [f"mnist_lesson/plots.py: {words}." for words in problems]


CHECKS = [check_code, check_spelling, check_pages, check_colours]

if __name__ == "__main__":
    sys.exit(main())
