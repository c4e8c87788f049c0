"""scripts/browser_test.py and browser.py: each fault is found, nothing else is, and nothing is left running."""

import itertools
import os
import sys

import browser
import browser_test
import nbformat
import psutil
import pytest
from install import ROOT

from mnist_lesson.further.drawing import PAD_SIDE, draw_strokes
from mnist_lesson.further.handwriting import prepare
from mnist_lesson.results import REFERENCE_DIR, load_run, predict

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
    assert browser_test.not_run(cells) == ["b"]


@pytest.mark.parametrize(
    "method, content, errors",
    [
        (
            "Runtime.exceptionThrown",
            {"exceptionDetails": {"text": "Uncaught", "exception": {"description": "Error: x\n    at line 1"}}},
            ["Error: x"],
        ),
        (
            "Runtime.exceptionThrown",
            {"exceptionDetails": {"text": "Uncaught", "exception": {"value": "only a text"}}},
            ["only a text"],
        ),
        (
            "Runtime.consoleAPICalled",
            {"type": "error", "args": [{"value": "no"}, {"description": "Error: y"}]},
            ["no Error: y"],
        ),
        ("Runtime.consoleAPICalled", {"type": "debug", "args": [{"value": "Starting application"}]}, []),
        ("Log.entryAdded", {"entry": {"level": "error", "text": "Not found", "url": "u"}}, ["Not found (u)"]),
        ("Log.entryAdded", {"entry": {"level": "warning", "text": "slow"}}, []),
        ("Page.loadEventFired", {}, []),
    ],
)
def test_javascript_errors_are_told_from_other_messages(method, content, errors):
    assert browser.errors_in({"method": method, "params": content}) == errors


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
    points = [(x * PAD_SIDE, y * PAD_SIDE) for x, y in browser_test.points_along(browser_test.CORNERS)]
    assert max(abs(x - a) + abs(y - b) for (x, y), (a, b) in itertools.pairwise(points)) < 25, "the mouse jumps"
    image = prepare(1 - draw_strokes([points], PAD_SIDE, PAD_SIDE, 18))
    ((digit, probability),) = predict(image, load_run(REFERENCE_DIR).model, top=1)
    assert digit == browser_test.DIGIT and probability > 0.9


def test_without_chromium_it_skips_and_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(browser_test, "use_lesson_python", lambda: None)
    monkeypatch.setattr(browser_test, "find_chromium", lambda: None)
    monkeypatch.setattr(sys, "argv", ["browser_test.py"])
    assert browser_test.main() == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "skipped" in said and "sudo apt install chromium" in said


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


def test_the_drawing_pad_is_installed_in_the_own_environment_only(monkeypatch, capsys):
    installed = []
    monkeypatch.setattr(browser_test.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(browser_test, "run_or_exit", lambda command, sentence: installed.append(command))
    monkeypatch.setattr(browser_test, "in_own_venv", lambda: False)
    assert not browser_test.has_widgets() and not installed
    assert "ipycanvas" in capsys.readouterr().out
    monkeypatch.setattr(browser_test, "in_own_venv", lambda: True)
    assert browser_test.has_widgets() and installed[0][-1].endswith("[draw]")


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=OWN)
print(child.pid, flush=True)
"""


@pytest.mark.parametrize(
    "code",
    [
        PARENT.replace("OWN", "True") + "time.sleep(600)",  # as JupyterLab starts its kernels
        pytest.param(
            PARENT.replace("OWN", "False") + "sys.exit(3)",
            marks=pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups"),
        ),
    ],
    ids=["while it runs", "after it crashed"],
)
def test_after_a_failure_a_program_and_what_it_started_are_gone(tmp_path, code):
    log = tmp_path / "log"
    with pytest.raises(ZeroDivisionError):
        with browser.running([sys.executable, "-c", code], log, dict(os.environ)) as process:
            assert browser.wait_until(lambda: log.read_text(encoding="utf-8").endswith("\n"), 30)
            child = psutil.Process(int(log.read_text(encoding="utf-8")))
            if "exit" in code:
                process.wait()
            1 / 0
    assert process.poll() is not None
    gone = browser.wait_until(lambda: not browser.is_alive(child), 10)
    if not gone:
        child.kill()
    assert gone, "what a program started outlives it: see end() in scripts/browser.py"


def test_a_program_that_does_not_come_up_is_reported_with_its_last_words(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(browser.Problem, match="did not come up.*\nno port is free"):
        with browser.running([sys.executable, "-c", "exit('no port is free')"], log, dict(os.environ)) as process:
            browser.wait_for_start(process, lambda: False, log)


def test_damaged_data_stops_it_with_a_sentence(monkeypatch, capsys):
    def fail(*arguments):
        raise OSError("train-images-idx3-ubyte is missing or damaged")

    monkeypatch.setattr(browser_test, "use_lesson_python", lambda: None)
    monkeypatch.setattr(browser_test, "find_chromium", lambda: "chromium")
    monkeypatch.setattr("mnist_lesson.data.prepare_mnist", fail)
    monkeypatch.setattr(sys, "argv", ["browser_test.py", "01_setup"])
    assert browser_test.main() == 1
    assert capsys.readouterr().out == "train-images-idx3-ubyte is missing or damaged\n"


GOOD = [
    "from mnist_lesson.progress import progress\nfor step in progress_bar(range(3), 'a bar'): pass",
    f'from IPython.display import HTML, display\ndisplay(HTML(\'<img alt="{ALT}" src="data:,">\'))',
]
BAD = [
    "from IPython.display import HTML, Javascript, display\nimport sys\nfrom tqdm.std import tqdm",
    "bar = tqdm(total=100, file=sys.stdout); bar.update(40); bar.refresh()",
    "display(HTML('<img src=\"data:,\">'))",
    "display(HTML('<script>throw new Error(\"of a script\")</script>'))",
    "display(Javascript('throw new Error(\"of an output\")'))",
    "1 / 0",
]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium and no Chrome")
def test_in_the_browser_good_passes_and_each_fault_is_found(tmp_path, capsys, monkeypatch):
    """About 20 seconds: JupyterLab and Chromium start once for all that only they can show."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    write_notebook(tmp_path / "notebooks" / "1_good.ipynb", *GOOD)
    write_notebook(tmp_path / "notebooks" / "2_bad.ipynb", *BAD)
    shots = tmp_path / "screenshots"
    status = browser_test.try_all(tmp_path / "notebooks", ["1_good", "2_bad"], CHROMIUM, {}, shots, 60)
    good, bad = capsys.readouterr().out.split("2_bad ...")
    assert "1_good done" in good, good
    assert status == 1 and "2_bad FAILED" in bad
    for words in (
        "cell c1 leaves a progress bar: 40%",
        "cell c2 shows an image without alternative text.",
        "the page reports a JavaScript error: Error: of a script",
        "cell c4 shows a JavaScript error: Javascript Error: of an output",
        "cell c5 stops with ZeroDivisionError: division by zero",
    ):
        assert words in bad, bad
    assert bad.count("    2_bad: ") == 5, bad
    for name in ("1_good", "2_bad"):
        assert (shots / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    left = [process.name() for process in psutil.Process().children(recursive=True) if browser.is_alive(process)]
    assert not [name for name in left if "chrom" in name.lower() or "jupyter" in name.lower()]
