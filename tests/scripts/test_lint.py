"""scripts/lint.py: the repository has nothing to mend, and what would have to be mended is found."""

import io
import urllib.error

import lint
import nbformat
import pytest

# Put together here, since this file is read for misspelt words, too.
RECEIVE, LENGTH, SEPARATE, THE, WHICH = (
    word.replace("|", "") for word in ("rec|ieve", "Len|ght", "sep|erate", "t|eh", "wi|ch")
)


@pytest.mark.parametrize("check", lint.CHECKS)
def test_nothing_is_to_be_mended_in_the_repository(check):
    problems = check(lint.all_files())
    assert not problems, "\n" + "\n".join(problems)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a function that writes files, {name: text, or (kind, id, source) of each cell}, and lists all there are."""
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    (tmp_path / ".gitignore").write_text("build/\n*.egg-info/\n__pycache__/\n")

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if isinstance(text, str) else notebook(text), encoding="utf-8")
        return lint.all_files()

    return write


def notebook(cells):
    """Return a notebook as text; its code has outputs with misspelt words, as images have by chance."""
    made = []
    for kind, cell_id, source in cells:
        cell = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        made.append(cell(source, id=cell_id))
        if kind == "code":
            made[-1].outputs = [nbformat.v4.new_output("display_data", {"image/png": 9 * RECEIVE, "text/plain": THE})]
    return nbformat.writes(nbformat.v4.new_notebook(cells=made))


def test_files_are_those_that_git_keeps(repository):
    kept = [".github/workflows/ci.yml", ".gitignore", "README.md", "docs/teaching.md"]
    gone = [".git/config", "build/a.md", "a.egg-info/b.txt", "scripts/__pycache__/a.pyc", "mine/bin/a.py", "conda/a.py"]
    files = repository(dict.fromkeys([*kept[:1], *kept[2:], *gone, "mine/pyvenv.cfg", "conda/conda-meta/history"], ""))
    assert files == kept


def test_code_is_read_in_files_and_in_notebooks(repository):
    files = repository(
        {
            "a.py": "import os\n",
            "b.ipynb": [
                ("code", "one", "import mnist_lesson\nimport torchvision"),
                ("code", "two", "def f():\n    ...\nmissing"),
            ],
            "c.md": "import os",
        }
    )
    problems = lint.check_code(files)
    assert len(problems) == 2 and "a.py:1:8: F401" in problems[0] and "b.ipynb:cell 2:3:1: F821" in problems[1]


def test_imports_are_sorted_in_files_only(repository):
    unsorted = "import sys\nimport os\nprint(os, sys)\n"
    problems = lint.check_code(repository({"a.py": unsorted, "b.ipynb": [("code", "one", unsorted)]}))
    assert len(problems) == 1 and "a.py:1:1: I001" in problems[0]


def test_a_ruff_that_does_not_run_is_a_problem(repository, monkeypatch):
    monkeypatch.setattr(lint, "SETTINGS", lint.ROOT / "missing.toml")
    assert lint.check_code(repository({"a.py": ""}))


def test_misspelt_words_are_found_where_they_stand(repository):
    files = repository(
        {
            "a.md": f"Fine.\nThey {RECEIVE} it.\n",
            ".github/b.yml": f"name: {SEPARATE}\n",
            "b.py": f"def {RECEIVE}_batch(data{LENGTH}): ...\n",
            "c.ipynb": [("markdown", "text", f"# A\n\n{THE} end"), ("code", "run", f"x = 1  # {WHICH}")],
            "d.csv": RECEIVE,
        }
    )
    problems = lint.check_spelling(files)
    assert sorted(problem.replace("\\", "/") for problem in problems) == [
        f".github/b.yml:1: {SEPARATE} ==> separate",
        f"a.md:2: {RECEIVE} ==> receive",
        f"b.py:1: {LENGTH} ==> Length",
        f"b.py:1: {RECEIVE} ==> receive",
        f"c.ipynb/run:1: {WHICH} ==> which",
        f"c.ipynb/text:3: {THE} ==> the",
    ]


def test_words_of_the_lesson_and_british_ones_are_right(repository):
    words = lint.WORDS.read_text(encoding="utf-8").split()
    assert words == sorted(set(words))
    assert lint.check_spelling(repository({"a.md": f"colour centre grey licence {' '.join(words)}"})) == []


@pytest.mark.parametrize("word", lint.WORDS.read_text(encoding="utf-8").split())
def test_each_word_of_the_list_is_needed(repository, monkeypatch, word, tmp_path):
    monkeypatch.setattr(lint, "WORDS", tmp_path / "no.txt")
    lint.WORDS.write_text("")
    assert lint.check_spelling(repository({"a.md": word}))


PLACES = {
    "docs/b.md": "# B\n\n## Where it's *bold*\n\n## Twice\n\n## Twice\n\n```\n# no heading\n```\n",
    "n/c.ipynb": [
        ("markdown", "a", "# C\n\n## The size of `x`, 16\n\n<a id='mark'></a>"),
        ("code", "b", "# no heading"),
    ],
    "a file.png": "",
}


@pytest.mark.parametrize(
    "link",
    [
        "docs/b.md",
        "docs",
        "docs/b.md#where-its-bold",
        "docs/b.md#twice-1",
        "n/c.ipynb#The-size-of-x,-16",
        "n/c.ipynb#mark",
        "a%20file.png",
        "#a",
        "https://example.org/missing",
        "mailto:a@example.org",
    ],
)
def test_links_that_lead_somewhere(repository, link):
    assert lint.check_pages(repository({**PLACES, "a.md": f"# A\n\n[text]({link})"})) == []


@pytest.mark.parametrize(
    "link",
    [
        "b.md",
        "docs/B.md",
        "../docs/b.md",
        "docs/b.md#Where-its-bold",
        "docs/b.md#twice-2",
        "docs/b.md#no-heading",
        "n/c.ipynb#the-size-of-x-16",
        "build/a.md",
        "#b",
    ],
)
@pytest.mark.parametrize(
    "source", ["[text]({})", "[text]\n\n[text]: {}", '<a href="{}">text</a>', "![a picture of the letter b]({})"]
)
def test_links_that_lead_nowhere(repository, link, source):
    text = "# A\n\n" + source.format(link)
    files = repository({**PLACES, "build/a.md": "", "a.md": text})
    [problem] = lint.check_pages(files)
    assert problem.startswith(f"a.md: the link to {link} leads nowhere")


def test_links_in_code_are_none(repository):
    assert lint.check_pages(repository({"a.md": "# A\n\n`[text](b.md)`\n\n```\n[text](b.md)\n```\n"})) == []


def test_links_of_a_notebook_begin_at_its_folder(repository):
    cells = [
        ("markdown", "a", "# C\n\n[next](c.ipynb#C) and [up](../docs/b.md)"),
        ("markdown", "b", "[bad](docs/b.md)"),
    ]
    [problem] = lint.check_pages(repository({**PLACES, "n/c.ipynb": cells}))
    assert problem.startswith("n/c.ipynb: the link to docs/b.md leads nowhere: there is no n/docs/b.md")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("# A\n\n### B", "'B' leaves out a level: it may have 2 #"),
        ("# A\n\n## B\n\n#### C `d`", "'C d' leaves out a level: it may have 3 #"),
        ("# A\n\n# B", "found 2"),
        ("Only words", "found 0"),
        ("## B\n\n# A", "first of all"),
    ],
)
def test_headings_out_of_order(repository, text, expected):
    for file, content in (
        ("a.md", text),
        ("a.ipynb", [("markdown", str(i), part) for i, part in enumerate(text.split("\n\n"))]),
    ):
        problems = lint.check_pages(repository({file: content}))
        assert any(problem.startswith(f"{file}: ") and expected in problem for problem in problems), problems
        (lint.ROOT / file).unlink()


@pytest.mark.parametrize("picture", ["![](b.png)", "![short](b.png)", '<img src="b.png">'])
def test_a_picture_without_description(repository, picture):
    [problem] = lint.check_pages(repository({"b.png": "", "a.md": f"# A\n\n{picture}"}))
    assert problem.startswith("a.md: describe a picture")


def test_only_what_is_gone_or_silent_is_a_dead_link(repository, monkeypatch):
    answers = {
        "https://example.org/here": io.BytesIO(),
        "https://example.org/gone": urllib.error.HTTPError("", 404, "Not Found", {}, None),
        "https://example.org/robots": urllib.error.HTTPError("", 403, "Forbidden", {}, None),
        "https://example.org/down": urllib.error.URLError("no such host"),
    }
    asked = []

    def urlopen(request, timeout):
        asked.append(request.full_url)
        if isinstance(answers[asked[-1]], Exception):
            raise answers[asked[-1]]
        return answers[asked[-1]]

    monkeypatch.setattr(lint.urllib.request, "urlopen", urlopen)
    text = "\n".join(f"<{link}>" for link in answers)
    problems = lint.check_external(repository({"a.md": f"# A\n\n[own](a.md)\n{text}"}))
    assert asked == list(answers)
    assert [problem.split()[4] for problem in problems] == ["https://example.org/gone", "https://example.org/down"]


def test_colours_that_are_alike_or_faint_are_found(monkeypatch):
    palette = {"ORANGE": "#E69F00", "YELLOW": "#F0E442", "RED": "#C06000", "GREEN": "#808000"}
    monkeypatch.setattr("colours.palette", lambda: palette)
    problems = lint.check_colours([])
    assert any("RED and GREEN look alike" in problem for problem in problems)
    assert "mnist_lesson/plots.py: YELLOW can hardly be seen on white." in problems
    assert not any(problem.endswith("ORANGE can hardly be seen on white.") for problem in problems), "known, for areas"
