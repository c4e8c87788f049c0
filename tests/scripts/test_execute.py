"""scripts/execute.py: parameters are checked, notebooks run, and failures are kept and named."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import execute
import nbformat
import pytest
from install import ROOT

from mnist_lesson.results import RUNS_DIR, load_run

NOTEBOOKS = ROOT / "notebooks"


def make_notebook(folder, name, *cells):
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


@pytest.mark.parametrize(
    "arguments, values",
    [
        ([], {}),
        (["--epochs", "1", "--learn-rate", "1e-3"], {"EPOCHS": 1, "LEARN_RATE": 0.001}),
        (
            ["EPOCHS=1", "BATCH_SIZE=64", "LEARN_RATE=0.05", "SEED=7"],
            {"EPOCHS": 1, "BATCH_SIZE": 64, "LEARN_RATE": 0.05, "SEED": 7},
        ),
    ],
)
def test_parameters_are_read(arguments, values):
    assert execute.read_parameters(arguments) == values


@pytest.mark.parametrize("form", ["{}={}", "--{} {}"])
@pytest.mark.parametrize(
    "name, text",
    [
        ("EPOCHS", "0"),
        ("EPOCHS", "-1"),
        ("EPOCHS", "abc"),
        ("EPOCHS", "1.5"),
        ("BATCH_SIZE", "0"),
        ("LEARN_RATE", "nan"),
    ]
    + [("LEARN_RATE", "inf"), ("LEARN_RATE", "0"), ("SEED", "-1")],
)
def test_senseless_values_are_refused(name, text, form):
    flag = name.lower().replace("_", "-") if form.startswith("--") else name
    with pytest.raises(SystemExit) as stop:
        execute.read_parameters(form.format(flag, text).split())
    assert re.fullmatch(rf"Expected {name} \(a .*number from .* to .*\), found '{text}': .*", stop.value.code)


@pytest.mark.parametrize("argument", ["EPOCHS=", "--epochs=", "--epochs"])
def test_an_empty_value_is_refused(argument):
    with pytest.raises(SystemExit, match="found ''"):
        execute.read_parameters([argument])


@pytest.mark.parametrize("argument", ["EPOCH=1", "epochs=1", "--epoch=1", "5", "EPOCHS", "--verbose"])
def test_an_unknown_parameter_is_refused_with_those_that_exist(argument):
    with pytest.raises(SystemExit) as stop:
        execute.read_parameters([argument])
    assert "Unknown parameter" in stop.value.code
    assert all(name in stop.value.code for name in execute.PARAMETERS)


def test_refused_before_anything_runs(tmp_path):
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "execute.py", "EPOCHS=0"], capture_output=True, text=True
    )
    assert result.returncode == 1 and result.stdout == "" and result.stderr.count("\n") == 1


def test_the_table_of_parameters_is_the_notebooks_own():
    import papermill

    own = papermill.inspect_notebook(str(NOTEBOOKS / "05_training.ipynb"))
    assert own.keys() == execute.PARAMETERS.keys()
    for name, parameter in own.items():
        assert execute.read_value(name, parameter["default"]) is not None, "the default must be allowed"


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_hands_everything_over(monkeypatch):
    """make must not swallow a misspelt variable, and one from the environment counts too."""
    for name in ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", *execute.PARAMETERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EPOCHS", "3")
    command = ["make", "-n", "execute", "BATCHSIZE=8;x", "PYTHON=python"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.split() == ["python", "scripts/execute.py", "'EPOCHS=3'", "'BATCHSIZE=8;x'"]


def test_failures_are_named_and_kept_and_the_rest_runs(tmp_path, capsys):
    books, output = tmp_path / "books", tmp_path / "executed"
    notebooks = [
        make_notebook(books, "1_good", "print('fine')"),
        make_notebook(books, "2_error", "1 + 1", "raise ValueError('first\\nsecond')", "print('never')"),
        make_notebook(books, "3_slow", "1 + 1", "import time", "time.sleep(60)"),
        make_notebook(books, "4_dead", "1 + 1", "import os", "os._exit(1)"),
        make_notebook(books, "5_good", "print('fine too')"),
    ]
    output.mkdir()
    (output / "2_error.ipynb").write_text("an earlier result")
    assert execute.execute_all(notebooks, {}, output, timeout=3) == 1

    said = capsys.readouterr().out
    assert "2_error FAILED at cell [2]: ValueError: first," in said
    assert "3_slow FAILED at cell [3]: not finished after 3 seconds" in said
    assert "4_dead FAILED at cell [3]: the kernel died" in said
    assert "3 of 5 notebooks failed" in said
    assert sorted(path.name for path in output.glob("*.ipynb")) == ["1_good.ipynb", "2_error.ipynb", "5_good.ipynb"]
    assert (output / "2_error.ipynb").read_text() == "an earlier result"
    kept = sorted(path.name for path in (output / "failed").iterdir())
    assert kept == ["2_error.ipynb", "3_slow.ipynb", "4_dead.ipynb"]
    failed = nbformat.read(output / "failed" / "2_error.ipynb", 4)
    assert any(out.get("ename") == "ValueError" for cell in failed.cells for out in cell.get("outputs", []))
    assert "fine" in (output / "1_good.ipynb").read_text()


def test_braces_in_the_path(tmp_path):
    notebook = make_notebook(tmp_path / "week {one}", "1", "print('fine')")
    assert execute.execute_all([notebook], {}, tmp_path / "{out}") == 0
    assert (tmp_path / "{out}" / "1.ipynb").is_file()


def test_no_place_for_the_results(tmp_path, capsys):
    (tmp_path / "executed").write_text("a file where the folder should be")
    assert execute.execute_all([make_notebook(tmp_path, "1", "1")], {}, tmp_path / "executed") == 1
    assert re.fullmatch(r".*executed could not be made \(.*\): .*\n", capsys.readouterr().out)


def test_a_failed_copy_goes_when_the_notebook_succeeds(tmp_path):
    notebook, output = make_notebook(tmp_path, "1", "print('fine')"), tmp_path / "executed"
    (output / "failed").mkdir(parents=True)
    (output / "failed" / "1.ipynb").touch()
    assert execute.execute_all([notebook], {}, output) == 0
    assert not list((output / "failed").iterdir())


def test_a_notebook_that_is_none_costs_only_its_own_line(tmp_path, capsys):
    (tmp_path / "1_broken.ipynb").write_text("{ this is no notebook")
    good = make_notebook(tmp_path, "2_good", "print('fine')")
    assert execute.execute_all([tmp_path / "1_broken.ipynb", good], {}, tmp_path / "executed") == 1
    said = capsys.readouterr().out
    assert "1_broken FAILED at its start" in said and "2_good done" in said


@pytest.mark.skipif(os.name == "nt", reason="Windows has no way to send Ctrl-C to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_kernel_and_keeps_what_is_finished(tmp_path, number):
    pid_file, output = tmp_path / "pid", tmp_path / "executed"
    notebooks = [
        make_notebook(tmp_path, "1_good", "print('fine')"),
        make_notebook(
            tmp_path,
            "2_slow",
            f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))",
            "time.sleep(600)",
        ),
    ]
    code = (
        "import signal, sys; from pathlib import Path; import execute;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"sys.exit(execute.execute_all([Path(p) for p in {[str(path) for path in notebooks]}], {{}}, Path({str(output)!r})))"
    )
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    wait_for(pid_file.exists, 60)
    time.sleep(1)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130 and "Stopped: the notebooks that were finished are kept." in out
    wait_for(lambda: not is_alive(int(pid_file.read_text())), 10)
    assert [path.name for path in output.glob("*.ipynb")] == ["1_good.ipynb"]


def wait_for(condition, seconds):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.1)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_damaged_data_stops_it_with_one_sentence(tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(b"no archive")
    environment = {**os.environ, "MNIST_LESSON_DATA": str(tmp_path / "data")}
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "execute.py"], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 1
    assert result.stdout.count("\n") == 1 and "train-images-idx3-ubyte is missing or damaged" in result.stdout
    assert [path.name for path in raw.iterdir()] == ["train-images-idx3-ubyte.gz"]


def test_other_parameters_reach_the_notebooks(tmp_path, capsys):
    """One epoch with ten times the learning rate, then notebook 6 on that run."""
    parameters = {"EPOCHS": 1, "BATCH_SIZE": 32, "LEARN_RATE": 0.1, "SEED": 7}
    notebooks = [NOTEBOOKS / "05_training.ipynb", NOTEBOOKS / "06_results.ipynb"]
    assert execute.execute_all(notebooks, parameters, tmp_path) == 0
    run = load_run(RUNS_DIR / "05_training")
    assert run.settings == parameters and len(run.history) == 1
    # The answer to an exercise of notebook 5 says so: more than the 93.5 % of the first epoch there.
    assert run.history.test_acc[-1] > 0.95
    said = capsys.readouterr().out
    assert re.search(r"    Epoch: 1, .*Test_acc:", said), "the training must be seen while it runs"
    assert f"{run.history.test_acc[-1]:.2%}" in said.split("05_training")[-1], "the table must name the accuracy"
    executed = nbformat.read(tmp_path / "06_results.ipynb", 4)
    outputs = [
        "".join(out.get("text", "")) for cell in executed.cells if cell.cell_type == "code" for out in cell.outputs
    ]
    assert outputs[0].startswith("Loaded your own run") and "'LEARN_RATE': 0.1" in outputs[0]
    assert "Epoch: 1" not in json.dumps([cell.source for cell in executed.cells])
