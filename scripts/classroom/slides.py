"""Make slides from the cells of each notebook, build/slides/01_setup.html and so on.

    python scripts/classroom/slides.py

Each file holds all that it needs, and opens in a browser without a network. Right and down go on, left and up go back.
On no slide are solutions, hints, faults of notebook 10, and notes for teaching. Figures and outputs are those that
are stored in the notebooks.
"""

from __future__ import annotations

import copy
import importlib.util
import re
import sys
from pathlib import Path

sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[:2]]  # where the other scripts are

from build_class import build
from install import ROOT, missing_extra, use_lesson_python

from notebooks import all_notebooks

PACKAGES = ["sphinx_revealjs", "latex2mathml"]  # the first brings reveal.js, which shows the slides
TARGET = ROOT / "build" / "slides"
MOST_LETTERS = 800  # of the text on a slide
FOLDED = re.compile(r"\n*<details>.*?</details>", re.DOTALL)
NAVIGATION = re.compile(r"^\[(Previous|Next): .*$\n*", re.MULTILINE)
PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
LINK_TO_FILE = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$`\w])\$([^$\n]+)\$(?!\d)", re.DOTALL)
HEADING = re.compile(r"(#+) .*")


def main() -> int:
    use_lesson_python()
    if lack := missing_extra(PACKAGES, "slides"):
        sys.exit(f"The slides cannot be made, because {lack}")
    try:
        build(TARGET, write_slides)
    except OSError as error:
        sys.exit(
            f"The slides could not be written to {TARGET} ({error.strerror or error}): make room on the disk, or make "
            "the folder writable, and run this again; older slides stay as they were."
        )
    print(f"The slides lie in {TARGET.relative_to(ROOT)}: open one in a browser.")
    return 0


def write_slides(folder: Path, paths: list[Path] | None = None) -> None:
    """Write the slides of these notebooks, or of all, into a folder.

    Raises OSError if they cannot be written.
    """
    import nbformat
    from nbconvert import SlidesExporter

    from mnist_lesson.files import write_whole

    template = Path(__file__).with_name("slides.html.jinja").read_text(encoding="utf-8")
    reveal = Path(importlib.util.find_spec("sphinx_revealjs").origin).parent / "_static" / "revealjs" / "dist"
    for path in paths or all_notebooks():
        notebook = slides_of(nbformat.read(path, 4))
        lesson = {
            "title": notebook.cells[0].source.splitlines()[0].lstrip("# "),
            "reveal_css": (reveal / "reveal.css").read_text(encoding="utf-8"),
            "reveal_js": (reveal / "reveal.js").read_text(encoding="utf-8"),
        }
        page, _ = SlidesExporter(raw_template=template).from_notebook_node(notebook, {"lesson": lesson})
        write_whole(folder / f"{path.stem}.html", page)


def slides_of(notebook):
    """Return a notebook whose cells are the slides.

    A heading begins a slide. Text goes on below it, and so does each code cell with its outputs, as further slides; a
    figure is on a slide of its own.
    """
    result = copy.copy(notebook)
    result.cells = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if {"solution", "instructor"} & set(tags) or "<summary>The fault</summary>" in cell.source:
            continue
        if cell.cell_type == "markdown":
            for number, text in enumerate(texts_of_slides(cell.source)):
                part = copy.deepcopy(cell)
                part.source, part.id = with_formulas(text), f"{cell.id}-{number}"
                result.cells.append(with_kind(part, "slide" if HEADING.match(text) else "subslide"))
        elif not cell.metadata.get("jupyter", {}).get("source_hidden"):  # the programs of notebook 10 are too long
            code = with_kind(copy.deepcopy(cell), "subslide")
            result.cells.append(code)
            if "exercise" in tags:
                code.outputs = []  # the check of a blank answer gives a hint
            elif any("<img" in str(output) or "image/png" in str(output) for output in cell.outputs):
                outputs = copy.deepcopy(code)  # both together are higher than the window
                code.outputs = []
                outputs.id, outputs.metadata["transient"] = f"{cell.id}-figure", {"remove_source": True}
                result.cells.append(outputs)
    result.cells[0].metadata["slideshow"]["slide_type"] = "slide"
    return result


def with_kind(cell, kind: str):
    """Mark a cell as the begin of a slide that stands beside those before ("slide"), or below them ("subslide")."""
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def texts_of_slides(source: str) -> list[str]:
    """Divide a text into those of slides: a new one at each heading, and where a text becomes long.

    What is folded is left out, and so are pictures and the links to other files, which are not beside the slides.
    """
    source = NAVIGATION.sub("", FOLDED.sub("", source))
    source = LINK_TO_FILE.sub(r"\1", PICTURE.sub("", source))
    slides = [""]
    for block in blocks_of(source):
        too_long = slides[-1] and len(slides[-1]) + len(block) > MOST_LETTERS
        stands_alone = HEADING.fullmatch(slides[-1])  # a heading without anything below it
        if HEADING.match(block) or (too_long and not stands_alone):
            slides.append(block)
        else:
            slides[-1] = f"{slides[-1]}\n\n{block}".strip()
    return [text for text in slides if text]


def blocks_of(source: str) -> list[str]:
    """Return paragraphs, lists, tables and headings of a text; a formula and a piece of code stay whole."""
    blocks, is_open = [], False
    for block in re.split(r"\n\s*\n", source.strip()):
        if is_open:
            blocks[-1] += f"\n\n{block}"
        else:
            blocks.append(block)
        is_open = blocks[-1].count("```") % 2 == 1 or blocks[-1].count("$$") % 2 == 1
    return blocks


def with_formulas(text: str) -> str:
    """Write the formulas of a text as MathML, which browsers show by themselves; code stays as it is."""
    from latex2mathml.converter import convert

    def converted(found: re.Match) -> str:
        return convert(found[1], display="block") if found[1] else convert(found[2])

    parts = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("`") else FORMULA.sub(converted, part) for part in parts)


if __name__ == "__main__":
    sys.exit(main())
