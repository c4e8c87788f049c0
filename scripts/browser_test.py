"""Run the notebooks as a learner does: in JupyterLab, in a browser.

    python scripts/browser_test.py                     all notebooks
    python scripts/browser_test.py 01_setup 04_model   only these two

Copies of the notebooks are opened in Chromium, without a window, and all their cells are run. A notebook fails
on an error, a warning, an error in JavaScript, a progress bar that stays, or a figure without alternative text.
In notebook 7 the slider is moved; in notebook 8 a digit is drawn with the mouse, and the prediction is read from
the page. A screenshot of each notebook goes to build/screenshots/.
"""

from __future__ import annotations

import html.parser
import importlib.util
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from browser import START_SECONDS, Page, Problem, find_chromium, get, is_root, open_page, running, wait_for_start
from install import ROOT, in_own_venv, run_or_exit, use_lesson_python

from notebooks import chosen_notebooks

SECONDS = 600  # for all cells of a notebook
SHORT = 20  # letters: nothing that short describes a figure
NO_CHROMIUM = (
    "The browser test is skipped, because there is no Chromium and no Chrome here: "
    "`sudo apt install chromium` installs Chromium on Debian, elsewhere install Chrome."
)
NO_WIDGETS = (
    "The slider and the drawing pad are not tried, because the active environment lacks ipycanvas: "
    'python -m pip install -e ".[draw]" in the folder of the lesson adds it.'
)
# What JupyterLab and its kernels write goes to folders of their own, so that no setting of the user takes part.
OWN_FOLDERS = [
    *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "MNIST_LESSON_RUNS"),
]
# A seven, drawn in one stroke: its corners, in parts of the width and height of the drawing pad.
DIGIT, CORNERS = 7, [(0.27, 0.22), (0.73, 0.22), (0.45, 0.82)]

# What the page is asked, in JavaScript.
NOTEBOOK = "window.jupyterapp?.shell.currentWidget"
IS_READY = f"{NOTEBOOK}?.context?.isReady && {NOTEBOOK}.context.sessionContext.session?.kernel?.status === 'idle'"
# A request that waits in the kernel's queue behind those of the cells tells when all of them are done. The command
# itself may end early, after a cell that is expected to fail.
RUN = f"""
window.lesson = {{ended: false, died: false}};
const kernel = {NOTEBOOK}.context.sessionContext.session.kernel;
kernel.statusChanged.connect((_, status) => {{ lesson.died ||= /restarting|dead/.test(status); }});
const last = () => kernel.requestExecute({{code: '', silent: true, store_history: false}}).done;
const end = () => {{ lesson.ended = true; }};
jupyterapp.commands.execute('notebook:run-all-cells').then(last, last).then(end, end);
null  // a promise would be waited for
"""
CELLS = f"{NOTEBOOK}.content.model.toJSON().cells"
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
FIRST_FIGURE = "document.querySelector('.jp-OutputArea img')"
SLIDER = "document.querySelector('.widget-interact [role=slider]')"
SLIDER_FIGURE = "document.querySelector('.widget-interact img')?.alt"
PAD_CELL = f"{NOTEBOOK}.content.widgets.find((cell) => cell.model.id === 'pad')?.node"
PAD = f"{PAD_CELL}?.querySelector('canvas')"
PAD_BOX = f"(({{x, y, width, height}}) => [x, y, width, height])({PAD}.getBoundingClientRect())"
PREDICTION = f"{PAD_CELL}.querySelector('.lesson-prediction')?.textContent"


def main() -> int:
    use_lesson_python()
    wanted = [path.stem for path in chosen_notebooks(sys.argv[1:])]
    chromium = find_chromium()
    if chromium is None:
        print(NO_CHROMIUM)
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    try:
        uses = USES if USES.keys() & set(wanted) and has_widgets() else {}
        return try_all(ROOT / "notebooks", wanted, chromium, uses, ROOT / "build" / "screenshots")
    except (Problem, OSError) as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        print("\nStopped: JupyterLab and Chromium have ended.")
        return 130


def has_widgets() -> bool:
    """Tell whether sliders and drawing pads can be shown. In `.venv` what they need is installed if it is missing."""
    if importlib.util.find_spec("ipycanvas"):
        return True
    if not in_own_venv():
        print(NO_WIDGETS)
        return False
    run_or_exit(
        [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-e", f"{ROOT}[draw]"],
        "could not install the drawing pad (pip's own message is above): check the network, then run this again.",
    )
    return True


def try_all(
    folder: Path, names: list[str], chromium: str, uses: dict, screenshots: Path, seconds: float = SECONDS
) -> int:
    """Try notebooks of a folder in the browser, say what is wrong with each, and return the exit status.

    `uses` are functions for the notebooks in which more is to be done than to run the cells; all cells of a
    notebook may take `seconds`.
    """
    failed = 0
    # Windows keeps the files of a program that has just ended for a moment.
    with tempfile.TemporaryDirectory(prefix="mnist_lesson_browser_", ignore_cleanup_errors=True) as temporary:
        place = Path(temporary)
        copy_notebooks(folder, place / "root" / "notebooks")
        with start_jupyterlab(place) as address:
            for name in names:
                print(f"{name} ...", flush=True)
                started, problems = time.monotonic(), []
                try:
                    with open_page(chromium, place / name) as page:
                        problems += try_notebook(page, address.format(name=name), uses.get(name), seconds)
                        page.screenshot(screenshots / f"{name}.png")
                        page.evaluate("window.jupyterapp?.serviceManager.sessions.shutdownAll()")
                except Problem as problem:
                    problems.append(str(problem))
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

    What it gives is the address of a notebook, with {name} for its name.
    """
    from mnist_lesson.data import prepare_mnist

    notifications = place / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    notifications.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}  # else it asks the person, and the network
    (notifications / "notification.jupyterlab-settings").write_text(json.dumps(quiet), encoding="utf-8")
    environment = {**os.environ, **{name: str(place / name) for name in OWN_FOLDERS}}
    environment["MNIST_LESSON_DATA"] = str(prepare_mnist())
    environment.pop("MPLBACKEND", None)

    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={place / 'root'}"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", "--LabApp.expose_app_in_browser=True"]
    command += ["--LanguageServerManager.autodetect=False"]  # it would ask npm
    command += ["--ServerApp.allow_root=True"] if is_root() else []
    log = place / "jupyterlab.log"
    with running(command, log, environment) as process:
        wait_for_start(process, lambda: get(port, f"/api/status?token={token}"), log)
        yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{name}}.ipynb?token={token}&reset"


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def try_notebook(page: Page, address: str, use: Callable | None, seconds: float) -> list[str]:
    """Run a notebook in the browser, and return what is wrong: a sentence each."""
    problems = []
    try:
        page.command("Page.navigate", url=address)
        if not page.wait_until(IS_READY, START_SECONDS):
            raise Problem(f"it was not ready to run within {START_SECONDS} seconds.")
        unfinished = run_cells(page, seconds)
        scroll_to(page, FIRST_FIGURE)
        if use and not unfinished:
            problems += use(page)
        time.sleep(1)  # for what it still draws
        problems += problems_in(page.evaluate(CELLS))
        problems += [f"cell {cell} {problem}" for cell, problem in page.evaluate(PROBLEMS_IN_PAGE)]
        problems += unfinished
    except Problem as problem:
        problems.append(str(problem))
    problems += [f"the page reports a JavaScript error: {error}" for error in page.errors]
    return list(dict.fromkeys(problems))


def run_cells(page: Page, seconds: float) -> list[str]:
    """Run all cells, wait for them, and return a sentence if not all have run to their end."""
    page.evaluate(RUN)
    in_time = page.wait_until("lesson.ended || lesson.died", seconds)
    left = not_run(page.evaluate(CELLS))
    if page.evaluate("lesson.died"):
        return [f"the kernel died{f' in cell {left[0]}' if left else ''}."]
    if not in_time:
        return [f"{f'cell {left[0]}' if left else 'the kernel'} was not finished after {seconds:g} seconds."]
    return [f"cell {left[0]} was not run{', nor what follows' if left[1:] else ''}."] if left else []


def not_run(cells: list[dict]) -> list[str]:
    """Return the ids of the code cells that have not run to their end."""
    code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    return [cell["id"] for cell in code if cell["execution_count"] is None]


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


def scroll_to(page: Page, node: str) -> None:
    """Bring a part of the page to its middle. On the way the page learns how high its cells are, so one jump misses."""
    for _ in range(8):
        page.evaluate(f"{node}?.scrollIntoView({{block: 'center'}})")
        time.sleep(0.2)


def move_slider(page: Page) -> list[str]:
    """Move a slider one step with the keyboard, and return a sentence unless the figure with it changes."""
    if not page.wait_until(f"{SLIDER} && {SLIDER_FIGURE}", START_SECONDS):
        return ["there is no slider with a figure."]
    scroll_to(page, SLIDER)
    before = page.evaluate(SLIDER_FIGURE)
    page.evaluate(f"{SLIDER}.focus()")
    for kind in ("keyDown", "keyUp"):
        page.command("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    if page.wait_until(f"({SLIDER_FIGURE} ?? {json.dumps(before)}) !== {json.dumps(before)}", START_SECONDS):
        return []
    return ["the slider was moved, and the figure with it stayed as it was."]


def draw_digit(page: Page) -> list[str]:
    """Draw a digit on the drawing pad with the mouse, and return a sentence unless it is read as that digit."""
    if not page.wait_until(PAD, START_SECONDS):
        return ["cell pad shows no drawing pad."]
    scroll_to(page, PAD)
    left, top, width, height = page.evaluate(PAD_BOX)
    before = page.evaluate(PREDICTION)
    page.drag([(left + x * width, top + y * height) for x, y in points_along(CORNERS)])
    page.wait_until(f"{PREDICTION} !== {json.dumps(before)}", START_SECONDS)
    time.sleep(2)  # it changes while one draws: wait for the last one
    after = page.evaluate(PREDICTION)
    if re.match(rf"prediction: {DIGIT}\b", str(after)):
        return []
    return [f"cell pad shows {after!r} after a {DIGIT} was drawn, and {before!r} before."]


def points_along(corners: list[tuple[float, float]], steps: int = 12) -> list[tuple[float, float]]:
    """Return points on the lines from corner to corner, as a mouse reports them."""
    parts = [step / steps for step in range(steps + 1)]
    return [(a + (c - a) * t, b + (d - b) * t) for (a, b), (c, d) in itertools.pairwise(corners) for t in parts]


USES = {"07_look_inside": move_slider, "08_your_own_digits": draw_digit}


if __name__ == "__main__":
    sys.exit(main())
