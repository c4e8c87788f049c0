"""The slides of a notebook: what is on them, what is not, and where a new one begins."""

import importlib.util
import re

import nbformat
import pytest
import slides
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from slides import MOST_LETTERS, blocks_of, slides_of, texts_of_slides, with_formulas

from notebooks import all_notebooks

LACKS = [name for name in slides.PACKAGES if not importlib.util.find_spec(name)]
needs_packages = pytest.mark.skipif(bool(LACKS), reason=f"there is no {' and no '.join(LACKS)} here")


@pytest.fixture
def formulas_as_they_are(monkeypatch):
    """Let the texts be divided where the package for formulas is missing, too."""
    monkeypatch.setattr(slides, "with_formulas", lambda text: text)


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_no_slide_tells_an_answer(path, formulas_as_they_are):
    committed = nbformat.read(path, 4)
    cells = slides_of(committed).cells
    whole = "\n".join(cell.source for cell in cells)
    texts = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert not re.search(r"<details>|<summary>|For instructors|\[Previous|\[Next|\]\((?!http)", texts)
    for cell in committed.cells:
        tags = cell.metadata.get("tags", [])
        if "solution" in tags:
            assert cell.source not in whole
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            assert cell.source not in whole
    for cell in cells:
        assert "exercise" not in cell.metadata.get("tags", []) or not cell.outputs, "its output gives the first hint"
    assert len({cell.id for cell in cells}) == len(cells)


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_each_heading_begins_a_slide_and_each_figure_has_its_own(path, formulas_as_they_are):
    cells = slides_of(nbformat.read(path, 4)).cells
    assert cells[0].metadata["slideshow"]["slide_type"] == "slide"
    for cell in cells:
        kind = cell.metadata["slideshow"]["slide_type"]
        if cell.cell_type == "markdown":
            headings = re.findall(r"(?m)^#+ ", re.sub(r"(?s)```.*?```", "", cell.source))
            assert (len(headings), kind) == ((1, "slide") if cell.source.startswith("#") else (0, "subslide"))
        elif any("<img" in str(output) for output in cell.outputs):
            assert cell.metadata["transient"]["remove_source"], "figure and code together are higher than the window"
    assert len([cell for cell in cells if cell.cell_type == "code"]) > 5


def test_a_figure_is_not_shown_twice_and_printed_words_stay_with_their_code():
    figure, words = new_output("display_data", {"text/html": "<img>"}), new_output("stream", text="words")
    cells = slides_of(new_notebook(cells=[new_code_cell("draw()", outputs=[words, figure])])).cells
    assert [len(cell.outputs) for cell in cells] == [0, 2]
    cells = slides_of(new_notebook(cells=[new_code_cell("say()", outputs=[words])])).cells
    assert [len(cell.outputs) for cell in cells] == [1]


def test_the_notebook_itself_stays_as_it_is(formulas_as_they_are):
    notebook = new_notebook(
        cells=[new_markdown_cell("# A\n\ntext"), new_code_cell("1", metadata={"tags": ["exercise"]})]
    )
    before = nbformat.writes(notebook)
    slides_of(notebook)
    assert nbformat.writes(notebook) == before


def test_a_long_text_is_divided_between_its_blocks():
    paragraph = "word " * (MOST_LETTERS // 10)  # three of them are too long
    texts = texts_of_slides("\n\n".join(["## Heading", *[f"{number} {paragraph}" for number in range(5)]]))
    assert [re.findall(r"^\d", text, flags=re.MULTILINE) for text in texts] == [["0"], ["1"], ["2"], ["3"], ["4"]]
    assert texts[0].startswith("## Heading\n\n0 "), "a heading does not stand alone"
    assert texts_of_slides("a\n\nb") == ["a\n\nb"]
    assert len(texts_of_slides("## Heading\n\n" + "word " * MOST_LETTERS)) == 1
    assert texts_of_slides("text\n\n## A\n\n### B") == ["text", "## A", "### B"]


def test_code_and_formulas_stay_whole():
    code = "```python\na = 1\n\n\nb = 2\n```"
    assert [re.sub(r"\n+", "\n", block) for block in blocks_of(f"text\n\n{code}\n\nmore")] == [
        "text",
        "```python\na = 1\nb = 2\n```",
        "more",
    ]
    assert blocks_of("$$\na\n\nb\n$$\n\nmore") == ["$$\na\n\nb\n$$", "more"]


def test_what_is_folded_and_links_to_other_files_are_left_out():
    source = "[Previous: a](a.ipynb) · 5 minutes\n\nsee [b](b.ipynb) and [c](https://c.org)\n\n![d](../d.png)\n\n"
    source += "<details><summary>Hint</summary>\n\nsecret\n\n</details>\n\nend"
    assert texts_of_slides(source) == ["see b and [c](https://c.org)\n\nend"]


@needs_packages
def test_formulas_become_mathml_and_code_does_not():
    text = with_formulas("share $p$ and `$p$`\n\n$$\nx^2\n$$\n\n```\n$q$\n```\n\n5$ and 6$")
    assert re.search(r"share <math[^>]*>.*p.*</math> and `\$p\$`", text)
    assert 'display="block"' in text and "```\n$q$\n```" in text and "5$ and 6$" in text


@needs_packages
def test_a_page_holds_all_it_needs(tmp_path):
    slides.write_slides(tmp_path, [path for path in all_notebooks() if path.stem == "06_results"])
    page = (tmp_path / "06_results.html").read_text(encoding="utf-8")
    outside = re.compile(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["'](?!data:)""")
    assert not outside.search(re.sub(r"(?s)<script>.*?</script>", "", page))
    assert "<title>6. " in page and "Reveal.initialize" in page and "MIT licensed" in page and "<math" in page


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr(slides, "use_lesson_python", lambda: None)
    monkeypatch.setattr(slides, "missing_extra", lambda packages, extras: f"nothing brings {extras}.")
    with pytest.raises(SystemExit, match="The slides cannot be made, because nothing brings slides"):
        slides.main()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "build").touch()
    monkeypatch.setattr(slides, "TARGET", tmp_path / "build" / "slides")
    monkeypatch.setattr(slides, "use_lesson_python", lambda: None)
    monkeypatch.setattr(slides, "missing_extra", lambda packages, extras: None)
    with pytest.raises(SystemExit, match="could not be written to .* make room"):
        slides.main()
