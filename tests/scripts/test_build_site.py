"""scripts/build_site.py: a site is there as a whole or not at all, and nothing is executed for it."""

import importlib.util
import re

import build_site
import pytest
from install import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

needs_sphinx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in build_site.PACKAGES), reason="Sphinx is not installed"
)


@pytest.fixture
def small_site(monkeypatch, tmp_path):
    """Stand-ins for the pages of the lesson: a front page and one notebook, which would fail if it were executed."""

    def stage_pages(source, figures):
        (source / "notebooks").mkdir(parents=True)
        contents = "# The lesson\n\n{text}\n\n```{{toctree}}\nnotebooks/01\n```\n"
        (source / "index.md").write_text(contents.format(text=stage_pages.text), encoding="utf-8")
        output = new_output("stream", text="stored words")
        cell = new_code_cell("raise RuntimeError", id="a", outputs=[output], execution_count=1)
        title = new_markdown_cell("# One\n\n$\\frac{1}{n}$", id="b")
        notebook = new_notebook(cells=[title, cell], metadata={"language_info": {"name": "python"}})
        (source / "notebooks" / "01.ipynb").write_text(writes(notebook), encoding="utf-8")

    stage_pages.text = "See [one](notebooks/01.ipynb)."
    monkeypatch.setattr(build_site, "stage_pages", stage_pages)
    monkeypatch.setattr(build_site, "make_digit_page", lambda path: None)
    target = tmp_path / "site"
    target.mkdir()
    (target / "old.html").write_text("the old site", encoding="utf-8")
    return stage_pages, tmp_path / "source", target


@needs_sphinx
def test_the_new_site_replaces_the_old_one_and_shows_what_is_stored(small_site):
    _, source, target = small_site
    build_site.build(source, target)
    page = (target / "notebooks" / "01.html").read_text(encoding="utf-8")
    assert "stored words" in page and "RuntimeError" in page and "Traceback" not in page
    assert "<math" in page and "<script>window.MathJax" not in page
    assert 'href="notebooks/01.html"' in (target / "index.html").read_text(encoding="utf-8")
    assert not (target / "old.html").exists()
    assert sorted(path.name for path in target.parent.iterdir()) == ["site", "source"], "nothing half-made is left"
    assert not [path for pattern in build_site.LEFT_OVERS for path in target.glob(pattern)]


@needs_sphinx
def test_a_link_that_leads_nowhere_leaves_the_old_site(small_site):
    stage_pages, source, target = small_site
    stage_pages.text = "See [two](notebooks/02.ipynb#there)."
    with pytest.raises(ValueError, match="index.md.*02.ipynb"):
        build_site.build(source, target)
    assert [path.name for path in target.iterdir()] == ["old.html"]
    assert sorted(path.name for path in target.parent.iterdir()) == ["site", "source"]


def test_a_new_folder_that_cannot_get_into_its_place_leaves_the_old_one(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old.html").touch()
    with pytest.raises(OSError):
        build_site.replace_folder(tmp_path / "missing", tmp_path / "site", tmp_path / "old")
    assert (tmp_path / "site" / "old.html").is_file() and not (tmp_path / "old").exists()


def test_all_pages_are_there_as_in_the_repository(tmp_path):
    build_site.stage_pages(tmp_path, tmp_path / "figures")
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.suffix in (".md", ".ipynb")}
    notebooks = {path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("[!.]*.ipynb")}
    generated = {"index.md", "docs/corrections.md", "docs/exercises.md", "docs/api.md"}
    assert there == notebooks | generated | set(build_site.PAGES)
    assert len(list((tmp_path / "figures").iterdir())) > 50
    assert (tmp_path / "docs" / "lesson.png").is_file()


def test_the_workflow_publishes_with_least_rights_and_pinned_actions():
    text = build_site.read(".github/workflows/site.yml")
    before, build, publish = re.split(r"^  (?:build|publish):$", text, flags=re.M)
    assert "\npermissions:\n  contents: read\n" in before and "permissions:" not in build
    assert set(re.findall(r"^      ([\w-]+): write", publish, flags=re.M)) == {"pages", "id-token"}
    used = re.findall(r"uses: (.*)", text)
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)
    (script,) = re.findall(r"run: python (.*)", text)
    assert ROOT / script == ROOT / "scripts" / "build_site.py" and "default_branch" in publish
