"""scripts/browser_test.py and browser.py: each fault is found, nothing else is, and nothing is left running."""

import importlib.util
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import types

import browser
import browser_test
import install
import nbformat
import psutil
import pytest
from install import ROOT
from processes import end_process_tree

from mnist_lesson.further.drawing import PAD_SIDE, draw_strokes
from mnist_lesson.further.handwriting import prepare
from mnist_lesson.results import load_run, predict
from mnist_lesson.stored import REFERENCE_DIR

CHROMIUM = browser.find_chromium()
ALT = "a line that goes up from one to two"


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(kind, content):
    return {"output_type": "display_data", "data": {kind: content, "text/plain": "something"}, "metadata": {}}


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "too small", "traceback": []}


@pytest.mark.parametrize(
    "output, words",
    [
        (ERROR, "stops with ValueError: too small"),
        (stream("UserWarning: careful", "stderr"), "prints a warning: UserWarning: careful"),
        (stream(["one\n", "train:  40%|████      | 40/100 [00:01<00:02, 30.1batch/s]"]), "leaves a progress bar"),
        (stream("40batch [00:01, 30.1batch/s]"), "leaves a progress bar"),
        (shown("image/png", "iVBORw0KGgo="), "shows an image without alternative text."),
        (shown("image/svg+xml", "<svg></svg>"), "shows an image without alternative text."),
        (shown("text/html", "<img src='data:,'>"), "shows an image without alternative text."),
        (shown("text/html", [f"<img alt='{ALT}'>", "<img alt='a figure'>"]), "shows an image without alternative text"),
    ],
)
def test_each_fault_of_an_output_is_named(output, words):
    assert words in browser_test.problem_of(output)
    assert browser_test.problems_in([cell("a", outputs=[output])])[0].startswith(f"cell a {words}")


@pytest.mark.parametrize(
    "output",
    [
        stream("test accuracy 97.99%, 32 images in a batch\n"),
        stream(" " * 53),  # what a bar of the lesson leaves when it has ended
        stream("give up  threshold | 1%   0.537"),
        shown("text/html", f'<img alt="{ALT}" src="data:,">'),
        shown("text/html", "<b>a text</b>"),
        shown("application/vnd.jupyter.widget-view+json", {"model_id": "1"}),
    ],
)
def test_good_outputs_are_let_pass(output):
    assert browser_test.problem_of(output) is None


def cell(name, source="x = 1", count=1, outputs=(), tags=(), kind="code"):
    return {
        "id": name,
        "source": source,
        "cell_type": kind,
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": {"tags": list(tags)},
    }


def test_the_tag_raises_exception_excuses_errors_and_nothing_else():
    outputs = [ERROR, stream("careful", "stderr")]
    assert browser_test.problems_in([cell("a", outputs=outputs, tags=["raises-exception"])]) == [
        "cell a prints a warning: careful"
    ]


def test_cells_that_have_not_run_are_found():
    cells = [cell("text", count=None, kind="markdown"), cell("a"), cell("b", count=None), cell("c", " \n", None)]
    assert browser.not_run(cells) == ["b"]


def test_the_copy_has_no_outputs_and_the_original_keeps_them(tmp_path):
    source, target = tmp_path / "notebooks", tmp_path / "copy"
    write_notebook(source / "a.ipynb", "print(1)", outputs=[nbformat.v4.new_output("stream", text="1\n")])
    (source / "images").mkdir()
    (source / "images" / "digit.jpg").write_bytes(b"a picture")
    (source / ".ipynb_checkpoints").mkdir()
    before = (source / "a.ipynb").read_bytes()
    browser_test.copy_notebooks(source, target)
    (copied,) = nbformat.read(target / "a.ipynb", 4).cells
    assert (copied.source, copied.outputs, copied.execution_count) == ("print(1)", [], None)
    assert (source / "a.ipynb").read_bytes() == before
    assert sorted(path.name for path in target.rglob("*")) == ["a.ipynb", "digit.jpg", "images"]


def write_notebook(path, *sources, outputs=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source, id=f"c{number}") for number, source in enumerate(sources)]
    cells[0].outputs = list(outputs)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def test_the_drawn_strokes_are_a_digit_that_the_network_reads():
    """Without a browser: if this fails, the corners are to blame, and not the drawing pad."""
    points = [(x * PAD_SIDE, y * PAD_SIDE) for x, y in browser.points_along(browser.CORNERS)]
    assert max(abs(x - a) + abs(y - b) for (x, y), (a, b) in itertools.pairwise(points)) < 25, "the mouse jumps"
    image = prepare(1 - draw_strokes([points], PAD_SIDE, PAD_SIDE, 18))
    ((digit, probability),) = predict(image, load_run(REFERENCE_DIR).model, top=1)
    assert digit == browser.DIGIT and probability > 0.9


def test_an_unknown_notebook_ends_with_a_sentence(monkeypatch):
    monkeypatch.setattr(browser_test, "use_lesson_python", lambda: None)
    monkeypatch.setattr(sys, "argv", ["browser_test.py", "04_model", "4_modle"])
    with pytest.raises(SystemExit, match="There is no notebook 4_modle: the notebooks are 01_setup, .*04_model"):
        browser_test.main()


def test_chromium_is_looked_for_under_its_names_and_in_the_usual_places(tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "PLACES", [str(tmp_path / "place" / "chrome.exe")])
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    assert browser.find_chromium() is None
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "chrome.exe").touch()
    assert browser.find_chromium() == str(tmp_path / "place" / "chrome.exe")
    (tmp_path / "google-chrome").touch()
    on_path = {"google-chrome": str(tmp_path / "google-chrome")}
    monkeypatch.setattr(browser.shutil, "which", on_path.get)
    assert browser.find_chromium() == str(tmp_path / "google-chrome")


@pytest.mark.parametrize("options, status, words", [([], 0, "is skipped"), (["--demand"], 1, "cannot run")])
def test_without_chromium_it_skips_or_fails_on_demand(monkeypatch, capsys, options, status, words):
    monkeypatch.setattr(browser_test, "use_lesson_python", lambda: None)
    monkeypatch.setattr(browser_test, "find_chromium", lambda: None)
    monkeypatch.setattr(sys, "argv", ["browser_test.py", *options])
    assert browser_test.main() == status
    said = capsys.readouterr().out
    assert said.startswith(f"The browser test {words}, because") and said.count("\n") == 1
    assert "sudo apt install chromium" in said


@pytest.mark.parametrize("options, status, words", [([], 0, "is skipped"), (["--demand"], 1, "cannot run")])
def test_packages_are_never_installed_in_an_environment_of_the_user(monkeypatch, capsys, options, status, words):
    installed = pretend_that_the_extras_are_missing(monkeypatch, own_venv=False)
    monkeypatch.setattr(sys, "argv", ["browser_test.py", *options])
    assert browser_test.main() == status
    said = capsys.readouterr().out
    assert said.startswith(f"The browser test {words}, because") and said.count("\n") == 1
    assert "playwright, axe_playwright_python, ipycanvas" in said and "[browser,draw]" in said
    assert not installed


def test_packages_are_installed_in_the_own_environment(monkeypatch):
    installed = pretend_that_the_extras_are_missing(monkeypatch, own_venv=True)
    monkeypatch.setattr(sys, "argv", ["browser_test.py"])
    monkeypatch.setattr(browser_test, "try_all", lambda *arguments: 0)
    assert browser_test.main() == 0
    assert installed == [".[browser,draw]"]


def pretend_that_the_extras_are_missing(monkeypatch, own_venv):
    """Return a list in which the test finds what would have been installed."""
    installed = []
    monkeypatch.setattr(browser_test, "use_lesson_python", lambda: None)
    monkeypatch.setattr(browser_test, "find_chromium", lambda: "chromium")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(install, "in_own_venv", lambda: own_venv)
    monkeypatch.setattr(install, "install_lesson", lambda what, in_words: installed.append(what))
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    return installed


@pytest.mark.skipif(os.name == "nt", reason="the program that stands for Python here is a shell script")
def test_jupyterlab_that_does_not_come_up_is_reported_with_its_last_words(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no port is free\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(browser_test.sys, "executable", str(script))
    with pytest.raises(OSError, match="did not come up.*\nno port is free"):
        with browser_test.start_jupyterlab(tmp_path):
            pass


def test_damaged_data_stops_it_with_a_sentence(monkeypatch, capsys):
    def fail(*arguments):
        raise OSError("train-images-idx3-ubyte is missing or damaged")

    monkeypatch.setattr(browser_test, "use_lesson_python", lambda: None)
    monkeypatch.setattr(browser_test, "find_chromium", lambda: "chromium")
    monkeypatch.setattr("mnist_lesson.data.prepare_mnist", fail)
    for name in ("playwright", "playwright.sync_api"):  # so that this is tried where it is not installed, too
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(Error=Exception))
    monkeypatch.setattr(browser_test, "missing_extra", lambda packages, extras: None)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    monkeypatch.setattr(sys, "argv", ["browser_test.py", "01_setup"])
    assert browser_test.main() == 1
    assert capsys.readouterr().out == "train-images-idx3-ubyte is missing or damaged\n"


GOOD = [
    "from mnist_lesson.progress import progress_bar\nfor step in progress_bar(range(3), 'a bar'): pass",
    f'from IPython.display import HTML, display\ndisplay(HTML(\'<img alt="{ALT}" src="data:,">\'))',
]
BAD = [
    "from IPython.display import HTML, Javascript, display\nimport sys\nfrom tqdm.std import tqdm",
    "bar = tqdm(total=100, file=sys.stdout); bar.update(40); bar.refresh()",
    "display(HTML('<img src=\"data:,\">'))",
    "display(HTML('<script>throw new Error(\"of a script\")</script>'))",
    "display(Javascript('throw new Error(\"of an output\")'))",
    'display(HTML(\'<script>console.error("a call of", "console.error")</script>\'))',
    f'display(HTML(\'<img alt="{ALT}" src="http://example.org/a.png">\'))',
    "1 / 0",
]
DEAD = ["import os", "os._exit(1)", "'not run'"]
WITHOUT_END = ["import time; time.sleep(600)"]
HANGS = ["from IPython.display import Javascript\nJavascript('setTimeout(() => { while (true); }, 500)')"]

needs_a_browser = pytest.mark.skipif(
    CHROMIUM is None or not all(map(importlib.util.find_spec, browser_test.PACKAGES)),
    reason="there is no Chromium and no Chrome, or one of the packages of [browser,draw] is missing",
)


@pytest.mark.notebook_cells
@needs_a_browser
def test_in_the_browser_good_passes_and_each_fault_is_found(tmp_path, capsys, monkeypatch):
    """About 30 seconds: JupyterLab starts once for all that only it and Chromium can show."""
    said = try_notebooks(tmp_path, {"1_good": GOOD, "2_bad": BAD, "3_dead": DEAD}, 60, capsys, monkeypatch)
    assert "1_good done" in said and problems_of("1_good", said) == [], said
    bad = problems_of("2_bad", said)
    for words in (
        "cell c1 leaves a progress bar: 40%",
        "cell c2 shows an image without alternative text.",
        "the page reports a JavaScript error: Error: of a script",
        "cell c4 shows a JavaScript error: Javascript Error: of an output",
        "the page reports a JavaScript error: a call of console.error",
        "the page reports a JavaScript error: Failed to load resource: net::ERR_NAME_NOT_RESOLVED http://example.org",
        "cell c7 stops with ZeroDivisionError: division by zero",
    ):
        assert sum(problem.startswith(words) for problem in bad) == 1, (words, bad)
    assert len(bad) == 7, bad
    assert any(
        re.fullmatch(r"the kernel died in cell c[01] or later\.", line) for line in problems_of("3_dead", said)
    ), said
    assert "2 of 3 notebooks failed." in said
    for name in ("1_good", "2_bad"):
        assert (tmp_path / "screenshots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.notebook_cells
@needs_a_browser
def test_a_cell_without_end_and_a_page_that_hangs_are_given_up(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(browser, "ANSWER_SECONDS", 5)
    said = try_notebooks(tmp_path, {"1_cell": WITHOUT_END, "2_page": HANGS}, 3, capsys, monkeypatch)
    assert problems_of("1_cell", said) == ["cell c0 was not finished after 3 seconds."], said
    assert "Timeout 5000ms exceeded" in problems_of("2_page", said)[0], said


def try_notebooks(folder, notebooks, seconds, capsys, monkeypatch):
    """Try these notebooks, of which at least one is bad, and return what was said; nothing is left running."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, cells in notebooks.items():
        write_notebook(folder / "notebooks" / f"{name}.ipynb", *cells)
    shots = folder / "screenshots"
    assert browser_test.try_all(folder / "notebooks", list(notebooks), CHROMIUM, {}, shots, seconds) == 1
    assert not running_below(os.getpid())
    return capsys.readouterr().out


def problems_of(name, said):
    return [line.removeprefix(f"    {name}: ") for line in said.splitlines() if line.startswith(f"    {name}: ")]


def running_below(pid):
    """Return the programs of the browser test that run below a process."""
    kinds = re.compile("chrom|jupyter|ipykernel|playwright")
    family = psutil.Process(pid).children(recursive=True)
    return [process for process in family if kinds.search(command_of(process))]


def command_of(process):
    """Return the command line of a process, or "" if it has ended."""
    try:
        return " ".join(process.cmdline()) if is_alive(process) else ""
    except psutil.Error:
        return ""


def is_alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


# The script as it is, but for a folder with one notebook.
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv.pop(1))
import browser_test
import install
browser_test.ROOT = Path(sys.argv.pop(1))
browser_test.use_lesson_python = lambda: None
browser_test.chosen_notebooks = lambda names: [Path("1_cell.ipynb")]
sys.exit(browser_test.main())
"""


@pytest.mark.notebook_cells
@needs_a_browser
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_when_it_is_stopped_nothing_is_left_running(tmp_path, number):
    write_notebook(tmp_path / "notebooks" / "1_cell.ipynb", *WITHOUT_END)
    # tmp_path is too long for the name of Chromium's socket.
    with tempfile.TemporaryDirectory() as temporary:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(ROOT / "scripts"), str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": temporary},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            family = wait_for_a_kernel(process)
            # A terminal sends Ctrl-C to all programs of its group, `kill` its signal to one.
            os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
            said, _ = process.communicate(timeout=60)
            psutil.wait_procs(family, timeout=10)
            left = [one for one in family if is_alive(one)]
        finally:
            end_process_tree(process)
        assert process.returncode == 130 and "Stopped" in said, said
        assert not left, "what the script started outlives it"
        assert not [name for name in os.listdir(temporary) if name.startswith(("mnist_lesson", "playwright"))]


def wait_for_a_kernel(process):
    """Wait until a kernel runs below a process, and return all that runs there."""
    limit = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < limit:
        family = running_below(process.pid)
        if any("ipykernel" in command_of(one) for one in family):
            time.sleep(2)  # now it waits for the cell
            return running_below(process.pid)
        time.sleep(0.2)
    end_process_tree(process)
    pytest.fail(f"no kernel was started within 120 seconds; it said: {process.stdout.read()}")
