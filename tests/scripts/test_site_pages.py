"""scripts/site_pages.py: what the generated pages of the site hold, and where their links lead. Needs no Sphinx."""

import base64
import re

import build_site
import lint
import nbformat
import pytest
import site_pages
from install import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks import all_notebooks

PICTURE = base64.b64encode(b"a picture").decode()
NOTEBOOKS = {path.stem: nbformat.read(path, 4) for path in all_notebooks()}


def small_notebook():
    """A notebook with one of each kind of cell that the site changes, by their ids."""
    figure = new_output("display_data", data={"text/html": f'<img alt="a line" src="data:image/png;base64,{PICTURE}">'})
    cells = [
        new_markdown_cell("# 4. Build it\n\n[Next: 5. Train it](05_training.ipynb)", id="title"),
        new_markdown_cell("*For instructors*\n\n**Pacing:** slow.", id="note", metadata={"tags": ["instructor"]}),
        new_markdown_cell(
            "## Why `relu`?\n\nSome text.\n\n**Correct:** it bends. See [above](#4.-Build-it).", id="text"
        ),
        new_code_cell("plot()", id="plot", outputs=[figure], execution_count=1),
        new_markdown_cell("### Exercise 4.1: bend it (hard, 7 minutes)\n\nBend.", id="task"),
        new_code_cell("...", id="program", metadata={"jupyter": {"source_hidden": True}, "tags": ["exercise"]}),
        new_code_cell("1", id="answer", metadata={"tags": ["solution"]}),
    ]
    return new_notebook(cells=cells)


def cells_of(notebook):
    return {cell.id: cell for cell in notebook.cells}


@pytest.mark.parametrize(
    "link, on_the_site",
    [
        ("[a](README.md)", "[a](index.md)"),
        ("[a](../README.md#two-commands)", "[a](../index.md#two-commands)"),
        ("[a](data/README.md)", "[a](data/README.md)"),
        ("[a](05_training.ipynb)", "[a](05_training.ipynb)"),
        ("[a](05_training.ipynb#The-function-train)", "[a](05_training.ipynb#the-function-train)"),
        ("[a](x.ipynb#%22No-CUDA%22-does-not-mean-%22no-GPU%22)", "[a](x.ipynb#no-cuda-does-not-mean-no-gpu)"),
        ("[a](#How-sure-is-it%3F)", "[a](#how-sure-is-it)"),
        ("[a](https://example.org/README.md#Some-Place)", "[a](https://example.org/README.md#Some-Place)"),
    ],
)
def test_links_lead_to_the_same_place_on_the_site(link, on_the_site):
    assert site_pages.site_links(f"See {link}.") == f"See {on_the_site}."


def test_a_notebook_keeps_its_cells_and_folds_what_jupyter_folds(tmp_path):
    before = cells_of(small_notebook())
    after = cells_of(site_pages.site_notebook(small_notebook(), tmp_path))
    assert list(after) == list(before)
    assert after["answer"].metadata.tags == ["solution", "hide-cell"] and after["answer"].source == "1"
    assert after["program"].metadata.tags == ["exercise", "hide-input"]
    assert "tags" not in after["plot"].metadata
    note = after["note"].source
    assert note.startswith("<details><summary>For instructors</summary>\n\n**Pacing:**") and note.endswith("</details>")


def test_the_figures_of_a_notebook_become_files(tmp_path):
    cell = cells_of(site_pages.site_notebook(small_notebook(), tmp_path / "figures"))["plot"]
    (file,) = (tmp_path / "figures").iterdir()
    assert file.read_bytes() == b"a picture"
    assert cell.outputs[0].data["text/html"] == f'<img alt="a line" src="../figures/{file.name}">'
    assert cell.execution_count == 1


def test_no_figure_is_left_in_a_page(tmp_path):
    for notebook in NOTEBOOKS.values():
        html = nbformat.writes(site_pages.site_notebook(nbformat.from_dict(notebook), tmp_path))
        assert "data:image" not in html


def test_each_correction_is_listed_once_with_its_place():
    page = site_pages.corrections_page({"04_model": small_notebook()})
    assert "## 4. Build it\n\n- It bends. See" in page
    assert "[Why relu?](../notebooks/04_model.ipynb#Why-relu%3F)" in page
    whole = site_pages.corrections_page(NOTEBOOKS)
    said = [text for notebook in NOTEBOOKS.values() for text in re.findall(r"\*\*Correct:\*\*", written(notebook))]
    assert whole.count("\n- ") == len(said) - 1 > 20, "all but the sentence that explains the word"


def written(notebook):
    """The text of a notebook for learners."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    return "\n\n".join(cell.source for cell in cells if "instructor" not in cell.metadata.get("tags", []))


def test_the_exercises_are_listed_by_difficulty():
    page = site_pages.exercises_page({"04_model": small_notebook()})
    assert "## Hard\n\nTogether 7 minutes." in page and "## Easy" not in page
    link = "../notebooks/04_model.ipynb#Exercise-4.1:-bend-it-%28hard,-7-minutes%29"
    assert f"| [Exercise 4.1]({link}) | bend it | 7 |" in page
    whole = site_pages.exercises_page(NOTEBOOKS)
    numbers = [
        number for notebook in NOTEBOOKS.values() for number in re.findall("### Exercise (.*):", written(notebook))
    ]
    listed = re.findall(r"^\| \[Exercise ([\d.]+)\]", whole, flags=re.M)
    assert sorted(listed) == sorted(numbers) and len(set(listed)) == len(listed)
    assert f"There are {len(listed)}." in whole


SOURCE = '''"""What it is for."""
import os

LIMIT = 3


class Box(Base):
    """A box."""

    size: int
    name: str = "box"

    def open(self, how: str = "wide") -> None:
        """Open it."""
        os.remove("no")

    def _inside(self):
        return 1


def find(box: Box, *, deep: bool = False) -> int:
    """Find `box`, (N, 2)."""
    return 1


def _hidden():
    pass
'''


def test_the_package_is_described_from_its_docstrings_and_not_imported():
    page = site_pages.api_page({"some.module": SOURCE})
    assert "## some.module\n\nWhat it is for." in page
    assert "### Box\n\n```python\nclass Box(Base):\n    size: int\n    name: str = 'box'\n```\n\nA box." in page
    assert "```python\ndef open(self, how: str='wide') -> None\n```\n\nOpen it." in page
    assert "### find\n\n```python\ndef find(box: Box, *, deep: bool=False) -> int\n```\n\nFind `box`, (N, 2)." in page
    assert "hidden" not in page and "inside" not in page and "remove" not in page


def test_all_core_functions_are_described():
    sources = {name: build_site.read(f"mnist_lesson/{name}.py") for name in build_site.MODULES}
    page = site_pages.api_page(sources)
    for source in sources.values():
        for name in re.findall(r"^(?:def|class) ([A-Za-z]\w*)", source, flags=re.M):
            assert f"\n### {name}\n" in page


def test_the_front_page_has_all_notebooks_in_the_side_bar():
    page = site_pages.front_page("# A title\n\nSome text.\n", ["01_setup", "07_look_inside"])
    assert page.startswith("# A title\n\n<iframe") and "Some text." in page
    lesson, further = re.findall(r":caption: (?:The lesson|Going further)\n\n(.*?)\n```", page, flags=re.S)
    assert (lesson, further) == ("notebooks/01_setup", "notebooks/07_look_inside\ndocs/further_out")


def glossary_entries():
    """The lines of the glossary: pairs of the terms of a line and the rest of it."""
    lines = re.findall(r"^- (.*)$", build_site.read("docs/glossary.md"), flags=re.M)
    return [re.fullmatch(r"((?:, also )?\*\*.*\*\*): (.*)", line).groups() for line in lines]


def test_each_term_of_the_glossary_stands_once_in_order_and_has_a_sentence():
    terms = [re.findall(r"\*\*(.*?)\*\*", names) for names, _ in glossary_entries()]
    every = [name.lower() for names in terms for name in names]
    assert len(every) > 100 and len(set(every)) == len(every)
    first = [names[0].lower() for names in terms]
    assert first == sorted(first)
    for _, rest in glossary_entries():
        sentence, link = re.fullmatch(r"(.*\.) \[(.*\]\(.*)\)", rest).groups()
        assert not re.search(r"[.!?] [A-Z]", sentence), f"one sentence for each: {sentence}"
        assert "/notebooks/" in link


def test_each_term_occurs_in_the_section_that_the_glossary_links_to():
    """All its words, if need be in another form, as in "ten running averages"."""
    for names, rest in glossary_entries():
        name, fragment = re.search(r"notebooks/(\w+)\.ipynb#([^)]*)\)", rest).groups()
        section = section_of(NOTEBOOKS[name], fragment).lower()
        for word in re.findall(r"[\w]+", " ".join(re.findall(r"\*\*(.*?)\*\*", names)).lower()):
            assert word[:5] in section, f"{names}: no {word} under {fragment}"


def section_of(notebook, fragment):
    """A heading with the text under it, up to the next heading."""
    parts = re.split(r"^#+ (.*)$", written(notebook), flags=re.M)[1:]
    sections = {site_pages.anchor_of(heading): heading + text for heading, text in zip(parts[::2], parts[1::2])}
    return sections[fragment]


@pytest.mark.parametrize("name", ["docs/corrections.md", "docs/exercises.md", "docs/glossary.md"])
def test_the_links_lead_to_headings_that_jupyter_shows(name, tmp_path):
    """lint knows the anchors that Jupyter makes."""
    pages = {
        "docs/corrections.md": site_pages.corrections_page(NOTEBOOKS),
        "docs/exercises.md": site_pages.exercises_page(NOTEBOOKS),
        "docs/glossary.md": build_site.read("docs/glossary.md"),
    }
    files = [f"notebooks/{stem}.ipynb" for stem in NOTEBOOKS]
    anchors = {file: page.anchors for file, page in lint.read_pages(files).items()}
    links = re.findall(r"\]\(\.\./(notebooks/\w+\.ipynb)#([^)]*)\)", pages[name])
    assert len(links) > 20
    for file, fragment in links:
        assert site_pages.unquote(fragment) in anchors[file], f"{file} has no heading {fragment}"


@pytest.mark.parametrize("name", list(NOTEBOOKS))
def test_each_notebook_links_to_the_glossary(name):
    assert "[Glossary](../docs/glossary.md)" in NOTEBOOKS[name].cells[0].source.splitlines()[2]
    assert (ROOT / "docs" / "glossary.md").is_file()
