"""Run the notebooks as a learner does: in JupyterLab, in a browser.

    python scripts/browser_test.py                     all notebooks
    python scripts/browser_test.py 01_setup 04_model   only these two
    python scripts/browser_test.py --demand            fail, and do not skip, where there is no browser

Copies of the notebooks are opened in Chromium, without a window, and all their cells are run. A notebook fails
on an error, a warning, an error in JavaScript, a progress bar that stays, or a figure without alternative text.
In notebook 7 the slider is moved; in notebook 8 a digit is drawn with the mouse, and the prediction is read from
the page. A screenshot of each notebook goes to build/screenshots/.
"""

from __future__ import annotations

import argparse
import html.parser
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from browser import (
    CELLS,
    NOTEBOOK,
    START_SECONDS,
    ask,
    draw_digit,
    end_kernels,
    find_chromium,
    is_root,
    move_slider,
    open_page,
    run_notebook,
    sentence,
    watch_errors,
)
from install import ROOT, missing_extra, use_lesson_python
from processes import end_process_tree

from notebooks import chosen_notebooks

if TYPE_CHECKING:  # it is installed below, if need be
    from playwright.sync_api import Page

SECONDS = 600  # for all cells of a notebook
SHORT = 20  # letters: nothing that short describes a figure
PACKAGES = ["playwright", "axe_playwright_python", "ipycanvas", "ipywidgets"]  # of [browser] and [draw]
NO_CHROMIUM = (
    "there is no Chromium and no Chrome here: "
    "`sudo apt install chromium` installs Chromium on Debian, elsewhere install Chrome."
)
# What JupyterLab and its kernels write goes to folders of their own, so that no setting of the user takes part.
OWN_FOLDERS = [
    *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "MNIST_LESSON_RUNS"),
]
# What is wrong in the outputs as the page shows them: pairs of the id of a cell and some words. Only the page knows
# what widgets show, and whether an output's JavaScript failed.
PROBLEMS_IN_PAGE = f"""
{NOTEBOOK}.content.widgets.flatMap((cell) => {{
    const visible = (selector) => [...cell.node.querySelectorAll(selector)].filter((node) => node.offsetParent);
    const failure = /Javascript Error: .*|Error (displaying|creating) widget.*|Failed to load model class.*/;
    return [
        ...visible('.jp-OutputArea-child').flatMap((node) => node.textContent.match(failure)?.[0] ?? [])
            .map((text) => `shows a JavaScript error: ${{text}}`),
        ...visible('.jp-OutputArea .progress-bar').map(() => 'shows a progress bar that stays.'),
        ...visible('img').filter((image) => image.alt.length <= {SHORT}).map(() => {{
            return 'shows an image without alternative text.';
        }}),
    ].map((problem) => [cell.model.id, problem]);
}})
"""


def main() -> int:
    use_lesson_python()
    parser = argparse.ArgumentParser(description="Run the notebooks as a learner does: in JupyterLab, in a browser.")
    parser.add_argument("notebooks", nargs="*", help="such as 04_model; all if none is named")
    parser.add_argument("--demand", action="store_true", help="fail, and do not skip, where it cannot run")
    arguments = parser.parse_args()
    names = [path.stem for path in chosen_notebooks(arguments.notebooks)]
    chromium = find_chromium()
    lack = missing_extra(PACKAGES, "browser,draw") if chromium else NO_CHROMIUM
    if lack:
        print(f"The browser test {'cannot run' if arguments.demand else 'is skipped'}, because {lack}")
        return 1 if arguments.demand else 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    try:
        return try_all(ROOT / "notebooks", names, chromium, USES, ROOT / "build" / "screenshots")
    except OSError as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        print("\nStopped: JupyterLab and Chromium have ended.")
        return 130


def try_all(
    folder: Path, names: list[str], chromium: str, uses: dict, screenshots: Path, seconds: float = SECONDS
) -> int:
    """Try notebooks of a folder in the browser, say what is wrong with each, and return the exit status.

    `uses` are functions for the notebooks in which more is to be done than to run the cells; all cells of a
    notebook may take `seconds`. Raises OSError if JupyterLab does not come up.
    """
    from playwright.sync_api import Error

    failed = 0
    # Windows keeps the files of a program that has just ended for a moment.
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_browser_", ignore_cleanup_errors=True) as temporary:
        place = Path(temporary)
        copy_notebooks(folder, place / "root" / "notebooks")
        (place / "root" / "docs").mkdir()
        for picture in (folder.parent / "docs").glob("*.png"):  # notebook 11 shows one
            shutil.copy(picture, place / "root" / "docs")
        with start_jupyterlab(place) as address:
            for name in names:
                print(f"{name} ...", flush=True)
                started, problems = time.monotonic(), []
                try:
                    with open_page(chromium, place) as page:
                        problems += try_notebook(page, address.format(name=name), uses.get(name), seconds)
                        page.screenshot(path=screenshots / f"{name}.png")
                        end_kernels(page)
                except Error as error:
                    problems.append(sentence(error))
                print(f"{name} {'FAILED' if problems else 'done'}, {time.monotonic() - started:.0f} s")
                print("".join(f"    {name}: {problem}\n" for problem in problems), end="", flush=True)
                failed += bool(problems)
    print(f"{failed} of {len(names)} notebooks failed." if failed else f"{len(names)} passed.")
    return 1 if failed else 0


def copy_notebooks(source: Path, target: Path) -> None:
    """Copy the notebooks and their pictures, but no stored outputs: what is read later is what ran."""
    import nbformat

    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))
    for path in target.glob("*.ipynb"):
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)


@contextmanager
def start_jupyterlab(place: Path) -> Iterator[str]:
    """Start JupyterLab with all its files in `place`, and end it at the end.

    What it gives is the address of a notebook, with {name} for its name. Raises OSError if it does not come up.
    """
    from mnist_lesson.data import prepare_mnist

    prepare_mnist()
    notifications = place / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    notifications.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}  # else it asks the person, and the network
    (notifications / "notification.jupyterlab-settings").write_text(json.dumps(quiet), encoding="utf-8")
    environment = {**os.environ, **{name: str(place / name) for name in OWN_FOLDERS}}
    environment.pop("MPLBACKEND", None)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port, token = probe.getsockname()[1], secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={place / 'root'}"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", "--LabApp.expose_app_in_browser=True"]
    command += ["--LanguageServerManager.autodetect=False"]  # it would ask npm
    command += ["--ServerApp.allow_root=True"] if is_root() else []
    with (place / "jupyterlab.log").open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches this script alone, which then ends the others in order
        )
        try:
            if not comes_up(process, port):
                log.seek(0)
                raise OSError(
                    f"JupyterLab did not come up within {START_SECONDS} seconds; it said:\n{log.read()[-2000:]}"
                )
            yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{name}}.ipynb?token={token}&reset"
        finally:
            end_process_tree(process)


def comes_up(process: subprocess.Popen, port: int) -> bool:
    """Wait until a program answers on a port, and tell whether it does."""
    limit = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < limit:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return True
        except OSError:
            time.sleep(0.2)
    return False


def try_notebook(page: Page, address: str, use: Callable | None, seconds: float) -> list[str]:
    """Run a notebook in the browser, and return what is wrong: a sentence each."""
    from playwright.sync_api import Error

    problems, errors = [], watch_errors(page)
    try:
        problems += run_notebook(page, address, seconds)
        if use and not problems:
            problems += use(page)
        page.wait_for_timeout(1000)  # for what it still draws
        problems += problems_in(ask(page, CELLS))
        problems += [f"cell {cell} {problem}" for cell, problem in ask(page, PROBLEMS_IN_PAGE)]
    except Error as error:
        problems.append(sentence(error))
    problems += [f"the page reports a JavaScript error: {error}" for error in errors]
    return list(dict.fromkeys(problems))


def problems_in(cells: list[dict]) -> list[str]:
    """Return what is wrong with the outputs of the cells of a notebook, a sentence each."""
    problems = []
    for cell in cells:
        may_fail = "raises-exception" in cell["metadata"].get("tags", [])
        for output in cell.get("outputs", []):
            problem = problem_of(output)
            if problem and not (may_fail and output["output_type"] == "error"):
                problems.append(f"cell {cell['id']} {problem}")
    return problems


def problem_of(output: dict) -> str | None:
    """Say what is wrong with one output of a cell, if anything is."""
    text, data = " ".join("".join(output.get("text", "")).split()), output.get("data", {})
    if output["output_type"] == "error":
        return f"stops with {output['ename']}: {output['evalue'][:200]}"
    if output.get("name") == "stderr":
        return f"prints a warning: {text[:200]}"
    if re.search(r"\d%\||batch/s", text):  # of a bar of the lesson that has ended, only spaces are left
        return f"leaves a progress bar: {text[-80:]}"
    alternatives = Alternatives()
    alternatives.feed("".join(data.get("text/html", "")))
    if any(kind.startswith("image/") for kind in data) or any(len(text) <= SHORT for text in alternatives.texts):
        return "shows an image without alternative text."
    return None


class Alternatives(html.parser.HTMLParser):
    """Collects the alternative texts of the images in a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        if tag == "img":
            self.texts.append(dict(attributes).get("alt") or "")


USES = {"07_look_inside": move_slider, "08_your_own_digits": draw_digit}


if __name__ == "__main__":
    sys.exit(main())
