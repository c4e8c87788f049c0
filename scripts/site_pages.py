"""Make the pages of the site from what the repository holds: `scripts/build_site.py` hands them to Sphinx.

All functions take texts and return texts, and need no Sphinx. Links are written as they are in the repository,
for Jupyter and GitHub; `site_links` turns them into those of the site.
"""

from __future__ import annotations

import ast
import base64
import copy
import hashlib
import re
from pathlib import Path
from urllib.parse import quote, unquote

LEVELS = ("easy", "medium", "hard")
EXERCISE = re.compile(rf"^### (Exercise [\d.]+): (.*) \(({'|'.join(LEVELS)}), (\d+) minutes?\)$", flags=re.M)
HEADING = re.compile(r"^(#{1,6}) (.*)$", flags=re.M)
STORED_IMAGE = re.compile(r'src="data:image/png;base64,([^"]+)"')
FRONT_PAGE = re.compile(r"^((?:\.\./)*)README\.md$")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def anchor_of(heading: str) -> str:
    """Return the fragment that Jupyter gives to a heading, written as in a link."""
    return quote(heading.replace("`", "").replace(" ", "-"), safe="-:,'")


def slug_of(fragment: str) -> str:
    """Return GitHub's fragment of a heading, which is Sphinx's too, for the one of Jupyter or of GitHub itself."""
    return re.sub(r"[^\w-]", "", unquote(fragment).lower())


def site_links(text: str) -> str:
    """Turn the links of a page of the repository into those of the site.

    README.md becomes the front page. The fragments that Jupyter makes of headings become those that Sphinx knows,
    which are GitHub's: small letters without punctuation.
    """

    def site_link(link: re.Match) -> str:
        path, fragment = link[1], link[2] or ""
        if "://" in path:
            return link[0]
        path = FRONT_PAGE.sub(r"\1index.md", path)
        return f"]({path}#{slug_of(fragment)})" if fragment else f"]({path})"

    return LINK.sub(site_link, text)


def site_notebook(notebook, figures: Path):
    """Change a notebook for the site, and return it; the pictures in its outputs become files in `figures`.

    Folded are what is folded in Jupyter too: solutions, the notes for teaching, the programs of the bug clinic.
    """
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            cell.source = site_links(cell.source)
            if "instructor" in tags:
                first, _, rest = cell.source.partition("\n")
                cell.source = f"<details><summary>{first.strip('*')}</summary>\n{rest}\n\n</details>"
        elif "solution" in tags:
            fold(cell, "hide-cell", "the solution")
        elif cell.metadata.get("jupyter", {}).get("source_hidden"):
            fold(cell, "hide-input", "the program")
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html")
            if html:
                output["data"]["text/html"] = STORED_IMAGE.sub(lambda found: store_image(found[1], figures), html)
    return notebook


def fold(cell, tag: str, what: str) -> None:
    """Let myst-nb fold a code cell: as a whole with the tag `hide-cell`, without its output with `hide-input`."""
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), tag]
    cell.metadata["mystnb"] = {"code_prompt_show": f"Show {what}", "code_prompt_hide": f"Hide {what}"}


def store_image(code: str, figures: Path) -> str:
    """Write a picture to a folder, named by what is in it, and return the attribute that shows it on a page."""
    content = base64.b64decode(code)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.png"
    figures.mkdir(parents=True, exist_ok=True)
    (figures / name).write_bytes(content)
    return f'src="../figures/{name}"'


def texts_with_headings(notebook) -> list[tuple[str, str]]:
    """Return paragraphs and entries of lists in a notebook's texts, each with the heading that it stands under."""
    heading, found = "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "instructor" not in cell.metadata.get("tags", []):
            for paragraph in re.split(r"\n\n|\n(?=- )", cell.source):
                if match := HEADING.match(paragraph):
                    heading = match[2]
                else:
                    found.append((heading, paragraph))
    return found


def corrections_page(notebooks: dict) -> str:
    """Return the page with all corrections; `notebooks` holds the notebooks by their names, such as '04_model'."""
    lines = [
        "# What is often told wrongly",
        "Where a widely copied explanation is wrong, the notebooks say **Correct:**. Here are all of these places.",
    ]
    for name, notebook in notebooks.items():
        found = [(heading, text) for heading, text in texts_with_headings(notebook) if "**Correct:**" in text]
        found = [(heading, text) for heading, text in found if not text.startswith("Some paragraphs begin with")]
        if found:
            lines.append(f"## {title_of(notebook)}")
        for heading, text in found:
            said = text.partition("**Correct:**")[2].strip()
            where = f"[{heading.replace('`', '')}](../notebooks/{name}.ipynb#{anchor_of(heading)})"
            lines.append(f"- {said[0].upper()}{said[1:]}\n\n  {where}")
    return "\n\n".join(lines) + "\n"


def title_of(notebook) -> str:
    """Return the title of a notebook, such as '1. Set up: choose a device and know your machine'."""
    return HEADING.search(notebook.cells[0].source)[2]


def exercises_page(notebooks: dict) -> str:
    """Return the page with all exercises, the easy ones first; `notebooks` holds the notebooks by their names."""
    rows = {level: [] for level in LEVELS}
    minutes = dict.fromkeys(LEVELS, 0)
    for name, notebook in notebooks.items():
        for cell in notebook.cells:
            for found in EXERCISE.finditer(cell.source) if cell.cell_type == "markdown" else ():
                number, what, level, time = found.groups()
                link = f"../notebooks/{name}.ipynb#{anchor_of(found[0].removeprefix('### '))}"
                rows[level].append(f"| [{number}]({link}) | {what} | {time} |")
                minutes[level] += int(time)
    count = sum(map(len, rows.values()))
    lines = [
        "# The exercises, by difficulty",
        f"There are {count}. Each says under its heading what is asked for, and checks itself in Jupyter. "
        "The minutes are estimates.",
    ]
    for level in LEVELS:
        if rows[level]:
            lines += [f"## {level.capitalize()}", f"Together {minutes[level]} minutes."]
            lines.append(
                "\n".join(["| exercise | what is asked for | minutes |", "| --- | --- | ---: |", *rows[level]])
            )
    return "\n\n".join(lines) + "\n"


def api_page(sources: dict[str, str]) -> str:
    """Return the page of the helper package: what its modules hold, from their docstrings.

    `sources` holds the source of each module by its name, such as 'mnist_lesson.model'. They are read, not imported.
    """
    lines = [
        "# The helper package",
        "What the notebooks teach you to write, you find again in `mnist_lesson`. These are its core modules, "
        "one for each of the first six notebooks.",
    ]
    for module, source in sources.items():
        tree = ast.parse(source)
        lines += [f"## {module}", ast.get_docstring(tree) or ""]
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                lines += described(node)
    return "\n\n".join(lines) + "\n"


def described(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    """Return the parts of a page that describe a function, or a class with its public methods."""
    parts = [f"### {node.name}", f"```python\n{signature_of(node)}\n```", ast.get_docstring(node) or ""]
    for method in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            parts += [f"```python\n{signature_of(method)}\n```", ast.get_docstring(method) or ""]
    return parts


def signature_of(node: ast.FunctionDef | ast.ClassDef) -> str:
    """Return the line with which a function or a class begins, and the fields of a dataclass."""
    head = copy.copy(node)
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)] if isinstance(node, ast.ClassDef) else []
    head.body = fields or [ast.Expr(ast.Constant(...))]
    return ast.unparse(head).removesuffix(":\n    ...")


def front_page(readme: str, names: list[str]) -> str:
    """Return the front page: README.md with the page that reads digits at its top, and the order of all pages."""
    title, *paragraphs = readme.split("\n\n")
    rest = "\n\n".join(text for text in paragraphs if "docs/draw.html" not in text)  # here it can be drawn on
    draw = (
        '<iframe class="draw" src="draw.html" title="Draw a digit, and a network reads it"></iframe>\n\n'
        "<p>Draw a digit above: the network of this lesson reads it, here in your browser. "
        '<a href="draw.html">The same in a page of its own</a></p>'
    )
    contents = [
        contents_of("The lesson", [f"notebooks/{name}" for name in names if name < "07"]),
        contents_of("Going further", [*(f"notebooks/{name}" for name in names if name >= "07"), "docs/further_out"]),
        contents_of("Look up", ["docs/glossary", "docs/corrections", "docs/exercises", "docs/api"]),
        contents_of(
            "Around the lesson", ["docs/teaching", "docs/nbgrader", "CONTRIBUTING", "CHANGELOG", "data/README"]
        ),
    ]
    return "\n\n".join([title, draw, rest.strip(), *contents]) + "\n"


def contents_of(caption: str, pages: list[str]) -> str:
    """Return the part of the side bar with these pages, in the words of Sphinx."""
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])
