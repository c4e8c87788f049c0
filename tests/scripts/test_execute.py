"""scripts/execute.py: parameters are checked, notebooks run, and failures are kept and named."""

import ast
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import execute
import nbformat
import psutil
import pytest
from install import ROOT

from mnist_lesson import data
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
    """make must not swallow a misspelt variable; one from the environment may be meant for another program."""
    monkeypatch.setenv("SEED", "3")
    given = ["EPOCHS=3", "BATCHSIZE=8;x", 'NOTE=it\'s $(shell exit) $HOME "here"']
    assert sorted(arguments_from_make(monkeypatch, "execute", *given)) == sorted(["scripts/execute.py", *given])


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("folder", ["handed in", "Anna's work; $(shell exit) $HOME"])
def test_make_takes_any_name_of_a_folder(monkeypatch, folder):
    arguments = arguments_from_make(monkeypatch, "check", f"SUBMISSIONS={folder}")
    assert arguments == ["scripts/classroom/check_submissions.py", folder]


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("given", [[], ["SUBMISSIONS="]])
def test_make_asks_for_the_folder(monkeypatch, given):
    monkeypatch.setenv("SUBMISSIONS", "of another program")
    with pytest.raises(AssertionError, match="make check SUBMISSIONS=folder"):
        arguments_from_make(monkeypatch, "check", *given)


def arguments_from_make(monkeypatch, *given):
    """Return the arguments that a script gets from make."""
    for name in ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)
    show = f"'{sys.executable}' -c 'import json, sys; print(json.dumps(sys.argv[1:]))'"
    result = subprocess.run(["make", *given, f"PYTHON={show}"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_failures_are_named_and_kept_and_the_rest_runs(tmp_path, capsys):
    books, output = tmp_path / "books", tmp_path / "executed"
    notebooks = [
        make_notebook(books, "2_error", "1 + 1", "raise ValueError('first\\nsecond')", "print('never')"),
        make_notebook(books, "3_slow", "1 + 1", "import time", "time.sleep(60)"),
        make_notebook(books, "4_dead", "1 + 1", "import os", "os._exit(1)"),
        make_notebook(books, "5_good", "print('fine too')"),
    ]
    output.mkdir()
    (output / "2_error.ipynb").write_text("an earlier result")
    assert execute.execute_all(notebooks, {}, output, timeout=1) == 1

    said = capsys.readouterr().out
    assert "2_error FAILED at cell [2]: ValueError: first," in said
    assert "3_slow FAILED at cell [3]: not finished after 1 seconds" in said
    assert "4_dead FAILED at cell [3]: the kernel died" in said
    assert "3 of 4 notebooks failed" in said
    assert sorted(path.name for path in output.glob("*.ipynb")) == ["2_error.ipynb", "5_good.ipynb"]
    assert (output / "2_error.ipynb").read_text() == "an earlier result"
    kept = sorted(path.name for path in (output / "failed").iterdir())
    assert kept == ["2_error.ipynb", "3_slow.ipynb", "4_dead.ipynb"]
    failed = nbformat.read(output / "failed" / "2_error.ipynb", 4)
    assert any(out.get("ename") == "ValueError" for cell in failed.cells for out in cell.get("outputs", []))
    assert outputs_of(output / "5_good.ipynb") == ["fine too\n"]


def test_no_place_for_the_results(tmp_path, capsys):
    (tmp_path / "executed").write_text("a file where the folder should be")
    assert execute.execute_all([make_notebook(tmp_path, "1", "1")], {}, tmp_path / "executed") == 1
    assert re.fullmatch(
        r"Nothing was executed, because .*executed cannot be written to \(.*\): .*\n", capsys.readouterr().out
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_named_and_the_rest_runs(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1.part.ipynb").symlink_to("/dev/full")
    notebooks = [make_notebook(tmp_path, "1", "print('fine')"), make_notebook(tmp_path, "2", "print('fine')")]
    assert execute.execute_all(notebooks, {}, tmp_path / "out") == 1
    said = capsys.readouterr().out
    assert f"1 FAILED because the disk is full ({tmp_path / 'out'}): free some space" in said and "2 done" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2.ipynb", "failed"]


@pytest.mark.parametrize("where", ["before it runs", "when it is done"])
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, capsys, where):
    output = tmp_path / "out"
    taken = output / ("1.part.ipynb" if where == "before it runs" else "1.ipynb")
    (taken / "a folder in its place").mkdir(parents=True)
    assert execute.execute_all([make_notebook(tmp_path, "1", "print('fine')")], {}, output) == 1
    assert re.search(
        rf"1 FAILED because {re.escape(str(output))} cannot be written to \(.+\): ", capsys.readouterr().out
    )


def test_a_learners_own_write_error_is_the_notebooks(tmp_path, capsys):
    """It must not be taken for one of this script; nor does a file that is no notebook cost more than its own line."""
    (tmp_path / "1_broken.ipynb").write_text("{ this is no notebook")
    notebook = make_notebook(tmp_path, "2_full", "raise OSError(28, 'No space left on device')")
    assert execute.execute_all([tmp_path / "1_broken.ipynb", notebook], {}, tmp_path / "out") == 1
    said = capsys.readouterr().out
    assert "1_broken FAILED at its start" in said and "2_full FAILED at cell [1]: OSError: [Errno 28]" in said
    assert "2 of 2 notebooks failed" in said


def test_the_table_counts_code_cells(tmp_path, capsys):
    """However the file is written, and whatever stands in it."""
    notebook = make_notebook(tmp_path, "1", "1", "2", """print('"cell_type": "code"')""")
    content = nbformat.read(notebook, 4)
    content.cells.append(nbformat.v4.new_markdown_cell("""`"cell_type": "code"`"""))
    notebook.write_text(json.dumps(content, separators=(",", ":")))
    (tmp_path / "2.ipynb").write_text("{ this is no notebook")
    execute.print_table([(notebook, 1.0, None, None), (tmp_path / "2.ipynb", 1.0, "at its start: ...", None)])
    assert re.findall(r"^(\d) +(\d+) ", capsys.readouterr().out, flags=re.M) == [("1", "3"), ("2", "0")]


def test_a_notebook_runs_beside_itself_whatever_its_folder_is_called(tmp_path):
    """Papermill alone would run it where this script was started, and take braces for places to fill in."""
    books, output = tmp_path / "week {one}", tmp_path / "{out}"
    notebook = make_notebook(books, "1", "import os; print(os.getcwd())")
    (output / "failed").mkdir(parents=True)
    (output / "failed" / "1.ipynb").touch()
    assert execute.execute_all([notebook], {}, output) == 0
    assert outputs_of(output / "1.ipynb") == [f"{books.resolve()}\n"]
    assert not list((output / "failed").iterdir()), "the copy of an earlier failure must go"


def test_only_a_run_of_this_time_has_an_accuracy(tmp_path, capsys, monkeypatch):
    """No kernel is needed for it: what a notebook saved, and how it ended, is given."""
    monkeypatch.setattr("mnist_lesson.results.RUNS_DIR", tmp_path / "runs")
    notebook = make_notebook(tmp_path, "1_run", "1")

    def table(accuracy, problem=None):
        def execute_one(notebook, *others):
            if accuracy is not None:
                record = tmp_path / "runs" / notebook.stem / "run.json"
                record.parent.mkdir(parents=True, exist_ok=True)
                record.write_text(json.dumps({"history": {"test_acc": [0.1, accuracy]}}))
            return problem

        monkeypatch.setattr(execute, "execute_one", execute_one)
        assert execute.execute_all([notebook], {}, tmp_path / "out") == (1 if problem else 0)
        return capsys.readouterr().out.split("test accuracy")[1]

    assert "87.65%" in table(0.8765)
    assert "%" not in table(None), "the accuracy of an earlier run was shown"
    assert "%" not in table(None, "at cell [1]"), "the accuracy of an earlier run was shown"
    failed = table(0.4321, "at cell [1]")
    assert "FAILED" in failed and "%" not in failed
    assert "12.34%" in table(0.1234)


def test_parameters_go_only_where_they_are_known(tmp_path):
    plain = make_notebook(tmp_path, "1_plain", "print('EPOCHS' in globals())")
    tagged = make_notebook(
        tmp_path, "2_tagged", "EPOCHS = 5", "SEED = 1", "print(EPOCHS, SEED, 'BATCH_SIZE' in globals())"
    )
    content = nbformat.read(tagged, 4)
    content.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(content, tagged)
    assert execute.execute_all([plain, tagged], {"EPOCHS": 2, "BATCH_SIZE": 64, "SEED": 7}, tmp_path / "out") == 0
    assert outputs_of(tmp_path / "out" / "1_plain.ipynb") == ["False\n"]
    assert outputs_of(tmp_path / "out" / "2_tagged.ipynb") == ["2 1 False\n"], "only EPOCHS is in the tagged cell"


def outputs_of(path):
    """Return what the cells of a notebook printed."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [output.text for cell in cells for output in cell.outputs if output.output_type == "stream"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no way to send Ctrl-C to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_kernel_and_keeps_what_is_finished(tmp_path, number):
    pid_file, output = tmp_path / "pid", tmp_path / "executed"
    note = f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))"
    notebooks = [
        make_notebook(tmp_path, "1_good", "print('fine')"),
        make_notebook(tmp_path, "2_slow", f"{note}; time.sleep(600)"),
    ]
    code = (  # nbformat does without rfc3987_syntax, whose import takes a second
        "import signal, sys; from pathlib import Path; sys.modules['rfc3987_syntax'] = None; import execute;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"sys.exit(execute.execute_all([Path(p) for p in {[str(path) for path in notebooks]}], {{}}, Path({str(output)!r})))"
    )
    path = os.pathsep.join([str(ROOT / "scripts"), str(pretend_package(tmp_path))])
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(  # not beside the real package, which Python would find first
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment
    )
    wait_for(lambda: pid_file.exists() and pid_file.read_text(), 60)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130 and "Stopped: the notebooks that were finished are kept." in out
    wait_for(lambda: not is_alive(int(pid_file.read_text())), 10)
    assert [path.name for path in output.glob("*.ipynb")] == ["1_good.ipynb"]


def pretend_package(folder):
    """Make what the script uses of mnist_lesson, without PyTorch, whose import takes seconds."""
    package = folder / "pretend" / "mnist_lesson"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "data.py").write_text("def prepare_mnist():\n    pass\n")
    (package / "results.py").write_text("from pathlib import Path\nRUNS_DIR = Path(__file__).parent / 'runs'\n")
    return package.parent


def wait_for(condition, seconds):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.02)


def is_alive(pid):
    """Tell whether a process runs; one that has ended may stay in the table of processes for seconds."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_damaged_data_stops_it_with_one_sentence(tmp_path, monkeypatch, capsys):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(b"no archive")
    monkeypatch.setattr(data, "prepare_mnist", partial(data.prepare_mnist, tmp_path))
    monkeypatch.setattr("install.use_lesson_python", lambda: None)
    monkeypatch.setattr(sys, "argv", ["execute.py"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(ROOT / "scripts" / "execute.py"), run_name="__main__")
    assert stop.value.code == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "train-images-idx3-ubyte is missing or damaged" in said
    assert [path.name for path in raw.iterdir()] == ["train-images-idx3-ubyte.gz"]


# What holds after 200 steps holds after the 1875 of a whole epoch, which takes longer.
FEWER_IMAGES = "train_dl = DataLoader(Subset(train_ds, range(6_400)), batch_size=BATCH_SIZE, shuffle=True)"


@pytest.mark.notebook_cells
def test_other_parameters_reach_the_notebooks(tmp_path, capsys):
    """One epoch with ten times the learning rate, then notebook 6 on that run: only the cells that this needs."""
    parameters = {"EPOCHS": 1, "BATCH_SIZE": 32, "LEARN_RATE": 0.1, "SEED": 7}
    training, results = (nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4) for name in ("05_training", "06_results"))
    training.cells = cells_that_lead_to(training, "settings")  # of the run that is saved
    fit = next(number for number, cell in enumerate(training.cells) if "history" in bound(ast.parse(cell.source).body))
    training.cells.insert(fit, nbformat.v4.new_code_cell(FEWER_IMAGES))
    results.cells = cells_that_lead_to(results, "history")
    for name, notebook in (("05_training", training), ("06_results", results)):
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    output = tmp_path / "executed"
    assert execute.execute_all([tmp_path / "05_training.ipynb", tmp_path / "06_results.ipynb"], parameters, output) == 0
    run = load_run(RUNS_DIR / "05_training")
    assert run.settings == parameters and len(run.history) == 1
    # The parameters have worked: after so few steps with the lesson's learning rate, it is about 40 %.
    assert run.history.test_acc[-1] > 0.75
    said = capsys.readouterr().out
    assert re.search(r"    Epoch: 1, .*Test_acc:", said), "the training must be seen while it runs"
    assert f"{run.history.test_acc[-1]:.2%}" in said.split("05_training")[-1], "the table must name the accuracy"
    printed = outputs_of(output / "06_results.ipynb")
    assert printed[0].startswith("Loaded your own run") and "'LEARN_RATE': 0.1" in printed[0]
    assert len(nbformat.read(output / "06_results.ipynb", 4).cells) == len(results.cells), "06 has no parameters"


def cells_that_lead_to(notebook, name):
    """Return the first cell that binds a name, and the cells before it that this one needs, and so on."""
    kept, needed = [], {name}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first = next(number for number, cell in enumerate(cells) if name in bound(ast.parse(cell.source).body))
    for cell in reversed(cells[: first + 1]):
        body = ast.parse(cell.source).body
        if bound(body) & needed:
            kept.insert(0, cell)
            names = [node for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.Name)]
            loaded = {node.id for node in names if isinstance(node.ctx, ast.Load)}
            needed = needed - bound(body) | loaded - {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return kept


def bound(body):
    """Return the names that the statements bind, but not those inside of functions and classes."""
    names = set()
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names.add(statement.name)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
        else:
            stores = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
            names |= {node.id for node in stores if isinstance(node.ctx, ast.Store)}
    return names
