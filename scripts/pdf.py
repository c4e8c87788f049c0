"""Write each notebook as a PDF to print, build/pdf/01_setup.pdf and so on, with the answers and solutions at its end.

    python scripts/pdf.py

The site is made first, as by `python scripts/build_site.py`; Chromium prints its pages.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from browser import find_chromium, open_page, sentence
from browser_test import NO_CHROMIUM
from build_site import PACKAGES, build, replace_folder
from install import missing_extra, use_lesson_python
from packages import BUILD

from notebooks import all_notebooks

if TYPE_CHECKING:  # it is installed below, if need be
    from playwright.sync_api import Page

PAPER = {
    "format": "A4",
    "scale": 0.85,
    "margin": {"top": "1.6cm", "bottom": "1.8cm", "left": "1.6cm", "right": "1.6cm"},
}
FOOTER = '<p style="width: 100%; font-size: 8px; text-align: center"><span class="pageNumber"></span></p>'
# What gives an answer away moves to the end, each under the heading that it belongs to. Other folded parts are
# unfolded in their places.
MOVE_ANSWERS = """() => {
    const article = document.querySelector('article');
    const heading = (node) => node.closest('section').querySelector('h1, h2, h3').firstChild.textContent;
    const summary = (node) => node.querySelector('summary').textContent.trim();
    const end = document.createElement('section');
    end.id = 'at-the-end';
    end.innerHTML = '<h2>Answers and solutions</h2>';
    end.style.breakBefore = 'page';
    let last = '';
    for (const node of [...article.querySelectorAll('div.tag_solution, details:not(.hide)')]) {
        const isSolution = node.matches('div');
        if (!isSolution && !/^(Answer|Hint|The fault|What happens|For instructors)$/.test(summary(node))) continue;
        const words = isSolution ? 'Solution' : summary(node);
        const note = (text) => Object.assign(document.createElement('p'), {innerHTML: `<em>${text}</em>`});
        if (heading(node) !== last) {
            last = heading(node);
            end.append(Object.assign(document.createElement('h3'), {textContent: last}));
        }
        end.append(note(words));
        if (isSolution) {
            end.append(node);
        } else {
            node.querySelector('summary').remove();
            end.append(...node.childNodes);
            node.replaceWith(note(`${words}: at the end.`));
        }
    }
    if (last) article.append(end);
    document.querySelectorAll('details').forEach((node) => { node.open = true; });
}"""


def main() -> int:
    use_lesson_python()
    started = time.monotonic()
    chromium = find_chromium()
    lack = missing_extra([*PACKAGES, "playwright"], "site,browser") if chromium else NO_CHROMIUM
    if lack:
        sys.exit(f"The pages cannot be printed, because {lack}")
    try:
        build(BUILD / "site-source", BUILD / "site")
        print_notebooks(BUILD / "site", BUILD / "pdf", chromium)
    except (OSError, ValueError) as error:
        sys.exit(f"The pages could not be printed: {error}")
    print(f"The notebooks to print lie in build/pdf. {time.monotonic() - started:.0f} seconds.")
    return 0


def print_notebooks(site: Path, target: Path, chromium: str) -> None:
    """Print the notebooks of a site to the folder `target`, which is replaced as a whole or not at all.

    Raises OSError if it cannot be written, ValueError if Chromium fails.
    """
    from playwright.sync_api import Error

    with tempfile.TemporaryDirectory(prefix="pdf-", dir=target.parent, ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "pdf"
        part.mkdir()
        try:
            with open_page(chromium, Path(folder)) as page:
                for path in all_notebooks():
                    print(f"Printing {path.stem} ...", flush=True)
                    page.goto((site / "notebooks" / f"{path.stem}.html").as_uri())
                    print_page(page, part / f"{path.stem}.pdf")
        except Error as error:
            raise ValueError(sentence(error)) from error
        replace_folder(part, target, Path(folder) / "old")


def print_page(page: Page, path: Path) -> None:
    """Print the notebook that is open in Chromium, with its answers and solutions at the end."""
    page.emulate_media(media="print", color_scheme="light")
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.evaluate(MOVE_ANSWERS)
    page.pdf(path=path, display_header_footer=True, header_template="<p></p>", footer_template=FOOTER, **PAPER)


if __name__ == "__main__":
    sys.exit(main())
