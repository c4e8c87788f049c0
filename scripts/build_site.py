"""Make the lesson a site that can be read, searched and printed: build/site/index.html.

    python scripts/build_site.py

Nothing is executed: the site shows the outputs that the notebooks hold. It asks no other host for anything, so it
also works from the disk. Sphinx reads a copy of the pages in build/site-source/, which mirrors the repository, and
writes the site beside the old one, which it then replaces as a whole.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from install import ROOT, missing_extra, use_lesson_python
from packages import BUILD
from site_pages import api_page, corrections_page, exercises_page, front_page, site_links, site_notebook

from notebooks import all_notebooks

PACKAGES = ["sphinx", "myst_nb", "sphinx_book_theme"]  # what the extra [site] brings
MODULES = ["device", "data", "plots", "model", "engine", "results"]  # of the helper package: the core
# What the theme brings and no page asks for: how its scripts were made, and its words in other languages.
LEFT_OVERS = ["_static/**/*.map", "_static/*webpack-macros.html", "_static/locales/**/*.[mp]o"]
PAGES = ["docs/further_out.md", "docs/teaching.md", "docs/nbgrader.md", "docs/glossary.md"]
PAGES += ["CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"]


def main() -> int:
    use_lesson_python()
    started = time.monotonic()
    if lack := missing_extra(PACKAGES, "site"):
        sys.exit(f"The site cannot be made, because {lack}")
    try:
        build(BUILD / "site-source", BUILD / "site")
    except (OSError, ValueError) as error:
        sys.exit(f"The site could not be made: {error}")
    print(f"The site lies in build/site: open build/site/index.html. {time.monotonic() - started:.0f} seconds.")
    return 0


def build(source: Path, target: Path) -> None:
    """Write the site to the folder `target`, which is replaced as a whole or not at all.

    `source` is the folder for the pages that Sphinx reads. Raises OSError if something cannot be written, ValueError
    if Sphinx finds something wrong.
    """
    shutil.rmtree(source, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="site-", dir=target.parent, ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "site"
        print("Gathering the pages ...", flush=True)
        stage_pages(source, part / "figures")
        print("Making the page that reads digits ...", flush=True)
        make_digit_page(part / "draw.html")
        print("Sphinx makes the site of them ...", flush=True)
        run_sphinx(source, part, Path(folder) / "doctrees")
        for path in (path for pattern in LEFT_OVERS for path in part.glob(pattern)):
            path.unlink()
        replace_folder(part, target, Path(folder) / "old")


def stage_pages(source: Path, figures: Path) -> None:
    """Write all pages to the folder `source`, where they lie as in the repository; README.md is index.md there.

    The figures of the notebooks go to the folder `figures`.
    """
    import nbformat

    notebooks = {path.stem: nbformat.read(path, 4) for path in all_notebooks()}
    pages = {
        "index.md": front_page(read("README.md"), list(notebooks)),
        "docs/corrections.md": corrections_page(notebooks),
        "docs/exercises.md": exercises_page(notebooks),
        "docs/api.md": api_page({f"mnist_lesson.{name}": read(f"mnist_lesson/{name}.py") for name in MODULES}),
        **{name: read(name) for name in PAGES},
    }
    for name, text in pages.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(site_links(text), encoding="utf-8")
    (source / "notebooks").mkdir()
    for name, notebook in notebooks.items():
        nbformat.write(site_notebook(notebook, figures), source / "notebooks" / f"{name}.ipynb")
    for picture in (ROOT / "docs").glob("*.png"):
        shutil.copy(picture, source / "docs")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def make_digit_page(path: Path) -> None:
    """Write the page on which one draws a digit, with the weights of the reference run."""
    from mnist_lesson.further.export import export_page
    from mnist_lesson.results import load_run
    from mnist_lesson.stored import REFERENCE_DIR

    path.parent.mkdir(parents=True, exist_ok=True)
    export_page(load_run(REFERENCE_DIR), path)


def run_sphinx(source: Path, target: Path, doctrees: Path) -> None:
    """Let Sphinx make HTML pages; raises ValueError with what it says if it warns of anything."""
    options = ["-b", "html", "-q", "-W", "--keep-going", "-c", str(ROOT / "docs"), "-d", str(doctrees)]
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(target)]
    utf8 = {**os.environ, "PYTHONUTF8": "1"}
    sphinx = subprocess.run(command, env=utf8, capture_output=True, encoding="utf-8", errors="replace")
    if sphinx.returncode:
        raise ValueError(f"Sphinx says\n{sphinx.stderr}{sphinx.stdout}".strip())


def replace_folder(part: Path, target: Path, old: Path) -> None:
    """Put the folder `part` in the place of `target`, which moves to `old`, and goes back if that fails."""
    if target.exists():
        target.replace(old)
    try:
        part.replace(target)
    except OSError:
        if old.exists():
            old.replace(target)
        raise


if __name__ == "__main__":
    sys.exit(main())
