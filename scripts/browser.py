"""Chromium without a window, driven by Playwright: the hands and eyes of `scripts/browser_test.py`.

Playwright takes the Chromium or Chrome that is installed; it downloads none.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # scripts/browser_test.py installs it if need be
    from playwright.sync_api import Page

START_SECONDS = 60  # for a program or a widget to come up
ANSWER_SECONDS = 60  # for the page to answer: one that hangs never does
# Chrome comes first: Ubuntu's Chromium is a snap, which sees none of our temporary files.
NAMES = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"]
PLACES = [  # where it lies if it is not on the search path: macOS, Windows
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    *(
        os.path.join(os.environ.get(variable, ""), "Google", "Chrome", "Application", "chrome.exe")
        for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
    ),
]
# The lesson needs no network: a page that asks for anything outside this machine fails here.
FLAGS = ["--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
# A seven, drawn in one stroke: its corners, in parts of the width and height of the drawing pad.
DIGIT, CORNERS = 7, [(0.27, 0.22), (0.73, 0.22), (0.45, 0.82)]

# What the page is asked, in JavaScript.
NOTEBOOK = "window.jupyterapp?.shell.currentWidget"
IS_READY = f"{NOTEBOOK}?.context?.isReady && {NOTEBOOK}.context.sessionContext.session?.kernel?.status === 'idle'"
# A request that waits in the kernel's queue behind those of the cells tells when all of them are done. The command
# itself may end early, after a cell that is expected to fail.
RUN = f"""(() => {{
window.lesson = {{ended: false, died: false}};
const kernel = {NOTEBOOK}.context.sessionContext.session.kernel;
kernel.statusChanged.connect((_, status) => {{ lesson.died ||= /restarting|dead/.test(status); }});
const last = () => kernel.requestExecute({{code: '', silent: true, store_history: false}}).done;
const end = () => {{ lesson.ended = true; }};
jupyterapp.commands.execute('notebook:run-all-cells').then(last, last).then(end, end);
}})()"""
CELLS = f"{NOTEBOOK}.content.model.toJSON().cells"
FIRST_FIGURE = "document.querySelector('.jp-OutputArea img')"
SLIDER = ".widget-interact [role=slider]"  # also how Playwright finds it
SLIDER_NODE = f"document.querySelector('{SLIDER}')"
SLIDER_FIGURE = "document.querySelector('.widget-interact img')?.alt"
PAD_CELL = f"{NOTEBOOK}.content.widgets.find((cell) => cell.model.id === 'pad')?.node"
PAD = f"{PAD_CELL}?.querySelector('canvas')"
PAD_BOX = f"(({{x, y, width, height}}) => [x, y, width, height])({PAD}.getBoundingClientRect())"
PREDICTION = f"{PAD_CELL}.querySelector('.lesson-prediction')?.textContent"


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome, or None if this machine has neither."""
    candidates = [*(shutil.which(name) for name in NAMES), *PLACES]
    return next((path for path in candidates if path and Path(path).is_file()), None)


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def open_page(chromium: str, place: Path) -> Iterator[Page]:
    """Open an empty page in a Chromium of its own, which writes its files to `place`.

    Chromium ends with Playwright: to ask for it would hang after Ctrl-C, which stops Playwright in the middle.
    """
    from playwright.sync_api import sync_playwright

    homes = {name: str(place) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=FLAGS,
            chromium_sandbox=not is_root(),  # it does not work for root
            env={**os.environ, **homes},
            handle_sigint=False,
        )
        page = browser.new_page(viewport={"width": 1300, "height": 1600})
        page.set_default_timeout(1000 * ANSWER_SECONDS)
        yield page


def ask(page: Page, expression: str) -> object:
    """Return the value of an expression in JavaScript; a promise is waited for.

    Raises an error of Playwright if no answer comes; `page.evaluate` would wait for ever for a page that hangs.
    """
    return page.wait_for_function(f"async () => [await ({expression})]").json_value()[0]


def wait_until(page: Page, expression: str, seconds: float) -> bool:
    """Wait until an expression in JavaScript is true; return False if it is not after that time."""
    from playwright.sync_api import TimeoutError

    try:
        page.wait_for_function(f"() => {expression}", timeout=1000 * seconds, polling=200)
    except TimeoutError:
        return False
    return True


def sentence(error: Exception) -> str:
    """Say in one line what an error of Playwright says in many."""
    return f"the browser did not do what it was asked: {str(error).splitlines()[0][:300]}"


def watch_errors(page: Page) -> list[str]:
    """Return a list that the page's errors in JavaScript are added to, a line each, as they come.

    Three kinds count: an exception that nothing caught, a call of console.error, and what Chromium itself
    notes as an error, such as a file that could not be loaded. JupyterLab causes none of them by itself,
    so none is excused.
    """
    errors: list[str] = []

    def note(*words: str) -> None:
        errors.append(" ".join(" ".join(words).split())[:300])

    page.on("pageerror", lambda error: note(f"{error.name or 'Error'}:", error.message))
    page.on("console", lambda line: line.type == "error" and note(line.text, line.location.get("url", "")))
    return errors


def run_notebook(page: Page, address: str, seconds: float) -> list[str]:
    """Open a notebook, run all its cells, and return a sentence if not all have run to their end.

    Raises an error of Playwright if the notebook does not come up.
    """
    from playwright.sync_api import Error

    page.goto(address, timeout=1000 * START_SECONDS)
    if not wait_until(page, IS_READY, START_SECONDS):
        raise Error(f"the notebook was not ready to run within {START_SECONDS} seconds.")
    problems = run_cells(page, seconds)
    scroll_to(page, FIRST_FIGURE)
    return problems


def run_cells(page: Page, seconds: float) -> list[str]:
    """Run all cells, wait for them, and return a sentence if not all have run to their end."""
    ask(page, RUN)
    in_time = wait_until(page, "lesson.ended || lesson.died", seconds)
    left = not_run(ask(page, CELLS))
    if ask(page, "lesson.died"):
        # The answer to the cell before may have been on its way.
        return [f"the kernel died{f' in cell {left[0]} or later' if left else ''}."]
    if not in_time:
        return [f"{f'cell {left[0]}' if left else 'the kernel'} was not finished after {seconds:g} seconds."]
    return [f"cell {left[0]} was not run{', nor what follows' if left[1:] else ''}."] if left else []


def not_run(cells: list[dict]) -> list[str]:
    """Return the ids of the code cells that have not run to their end."""
    code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    return [cell["id"] for cell in code if cell["execution_count"] is None]


def end_kernels(page: Page) -> None:
    """End the kernels of all notebooks: the next notebook has the machine to itself."""
    ask(page, "window.jupyterapp?.serviceManager.sessions.shutdownAll()")


def scroll_to(page: Page, node: str) -> None:
    """Bring a part of the page to its middle. On the way the page learns how high its cells are, so one jump misses."""
    for _ in range(8):
        ask(page, f"{node}?.scrollIntoView({{block: 'center'}})")
        page.wait_for_timeout(200)


def move_slider(page: Page) -> list[str]:
    """Move a slider one step with the keyboard, and return a sentence unless the figure with it changes."""
    if not wait_until(page, f"{SLIDER_NODE} && {SLIDER_FIGURE}", START_SECONDS):
        return ["there is no slider with a figure."]
    scroll_to(page, SLIDER_NODE)
    before = json.dumps(ask(page, SLIDER_FIGURE))
    page.press(SLIDER, "ArrowRight")
    if wait_until(page, f"({SLIDER_FIGURE} ?? {before}) !== {before}", START_SECONDS):
        return []
    return ["the slider was moved, and the figure with it stayed as it was."]


def draw_digit(page: Page) -> list[str]:
    """Draw a digit on the drawing pad with the mouse, and return a sentence unless it is read as that digit."""
    if not wait_until(page, PAD, START_SECONDS):
        return ["cell pad shows no drawing pad."]
    scroll_to(page, PAD)
    left, top, width, height = ask(page, PAD_BOX)
    before = ask(page, PREDICTION)
    points = [(left + x * width, top + y * height) for x, y in points_along(CORNERS)]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points:
        page.mouse.move(*point)
        page.wait_for_timeout(10)  # no hand is faster
    page.mouse.up()
    wait_until(page, f"{PREDICTION} !== {json.dumps(before)}", START_SECONDS)
    page.wait_for_timeout(2000)  # it changes while one draws: wait for the last one
    after = ask(page, PREDICTION)
    if re.match(rf"prediction: {DIGIT}\b", str(after)):
        return []
    return [f"cell pad shows {after!r} after a {DIGIT} was drawn, and {before!r} before."]


def points_along(corners: list[tuple[float, float]], steps: int = 12) -> list[tuple[float, float]]:
    """Return points on the lines from corner to corner, as a mouse reports them."""
    parts = [step / steps for step in range(steps + 1)]
    return [(a + (c - a) * t, b + (d - b) * t) for (a, b), (c, d) in itertools.pairwise(corners) for t in parts]
