"""scripts/install.py: the right Python, and nothing is installed where it should not be."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import install
import packages
import pytest
from install import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Where the name that is imported is not that of the package.
IMPORTS = {"pillow": "PIL", "ipython": "IPython", "pytest-xdist": "xdist"}


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Record what would be run instead of running it, in a repository without `.venv`."""
    calls = []
    before = dict(os.environ)
    monkeypatch.setattr(install, "SETTINGS", tmp_path / "settings")
    monkeypatch.setattr(install, "make_venv", lambda: calls.append("make .venv"))
    monkeypatch.setattr(install, "become", lambda command: calls.append(("become", command[0])))
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(ROOT)])
    for name in [name for name in os.environ if name.startswith(("PYTHON", "JUPYTER"))]:
        del os.environ[name]
    yield calls
    os.environ.clear()
    os.environ.update(before)


def this_python_is(monkeypatch, tmp_path, kind):
    prefix = tmp_path / kind
    folders = {"venv": [], "system": [], "conda": ["conda-meta"], "conda base": ["conda-meta", "condabin"]}[kind]
    for folder in folders:
        (prefix / folder).mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "base_prefix", "/usr" if kind == "venv" else str(prefix))


@pytest.mark.parametrize("kind", ["system", "conda base"])
def test_a_base_python_makes_a_venv_and_gets_nothing_itself(monkeypatch, tmp_path, calls, kind):
    this_python_is(monkeypatch, tmp_path, kind)
    install.use_lesson_python()
    assert calls == ["make .venv", ("become", str(install.VENV_PYTHON))]


@pytest.mark.parametrize("kind", ["venv", "conda"])
def test_an_active_environment_is_used_as_it_is(monkeypatch, tmp_path, calls, kind):
    this_python_is(monkeypatch, tmp_path, kind)
    install.use_lesson_python()
    assert calls == []
    assert os.environ["PYTHONPATH"] == sys.path[1] == str(ROOT), "the kernels must find the package"
    assert os.environ["JUPYTER_PREFER_ENV_PATH"] == "1", "and Jupyter must start them in this Python"


def test_a_relative_folder_for_runs_or_data_is_meant_from_where_the_script_was_started(monkeypatch, tmp_path, calls):
    this_python_is(monkeypatch, tmp_path, "venv")
    monkeypatch.chdir(tmp_path)
    os.environ.update(MNIST_LESSON_RUNS="my runs", MNIST_LESSON_DATA="../data")
    install.use_lesson_python()
    assert Path(os.environ["MNIST_LESSON_RUNS"]) == tmp_path / "my runs", "kernels work in the folder notebooks"
    assert Path(os.environ["MNIST_LESSON_DATA"]) == tmp_path.parent / "data"


@pytest.mark.parametrize("kind, command", [("venv", "pip install -e ."), ("conda", "conda env update")])
def test_an_active_environment_that_lacks_something(monkeypatch, tmp_path, calls, kind, command):
    this_python_is(monkeypatch, tmp_path, kind)
    wanted = ["torch>=2.6", "no-such-package>=1.0", "numpy>=99,<100"]
    monkeypatch.setattr(packages, "requirements", lambda: wanted)
    with pytest.raises(SystemExit) as stop:
        install.use_lesson_python()
    assert re.search(rf"lacks no-such-package>=1.0, numpy>=99,<100: .*{command}", str(stop.value))
    assert calls == []


def test_an_old_python_is_refused(monkeypatch, calls):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match="needs Python 3.11 or newer"):
        install.use_lesson_python()
    assert calls == []


def bounds(lines):
    return {
        re.sub("^pytorch", "torch", name.replace("_", "-")): bounds
        for name, bounds in (re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in lines)
    }


def test_conda_and_pip_ask_for_the_same():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    conda = bounds(re.findall(r"^  - (.*)$", text.split("dependencies:")[1], flags=re.M))
    assert conda == {"python": PROJECT["requires-python"], **bounds(packages.requirements())}
    assert not re.search(r"^\s*-\s*pip:", text, flags=re.M), "pip inside conda could bring a second torch"


def test_every_package_that_is_imported_is_declared_with_a_lower_bound():
    declared = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    assert all(">=" in requirement for requirement in declared), declared
    names = [re.match(r"[\w-]+", requirement)[0] for requirement in declared]
    known = {IMPORTS.get(name, name.replace("-", "_")) for name in names} | set(sys.stdlib_module_names)
    own = [path for folder in ("scripts", "tests") for path in (ROOT / folder).rglob("*.py")]
    known |= {path.stem for path in own} | {path.parent.name for path in own}
    known |= {"mnist_lesson", "conftest"}
    for path in [
        ROOT / "conftest.py",
        *(p for f in ("mnist_lesson", "scripts", "tests") for p in (ROOT / f).rglob("*.py")),
    ]:
        missing = imported(path) - known
        assert not missing, f"{path.relative_to(ROOT)} imports {missing}: declare it in pyproject.toml"


def imported(path):
    """Return the names at the beginning of all imports in a file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_the_scripts_can_be_read_by_an_old_python():
    """Or the sentence that asks for a newer one never appears."""
    for script in Path(install.__file__).parent.rglob("*.py"):
        tree = ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 8))
        hints = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.arg)) and has_hint(node)]
        futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
        assert futures or not hints, f"{script.name} lacks `from __future__ import annotations`"


def has_hint(node):
    return (node.returns if isinstance(node, ast.FunctionDef) else node.annotation) is not None


def is_program(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in tree.body)


# Cleaning and the doctor need no packages, and learner_process is started by check_submissions.
OTHERS = ("clean", "doctor", "learner_process")
STARTED = [path for path in sorted((ROOT / "scripts").rglob("*.py")) if path.stem not in OTHERS and is_program(path)]


@pytest.mark.parametrize("script", STARTED, ids=lambda path: path.stem)
def test_a_script_starts_with_its_python(script, tmp_path):
    """Before it needs any package, and also with PYTHONSAFEPATH, which leaves out a script's own folder."""
    code = f"""if True:
        import runpy, sys
        for name in ("torch", "numpy", "nbformat", "nbclient", "psutil", "mnist_lesson"):
            sys.modules[name] = None  # as where nothing is installed; and so it cannot do its work here
        def stop(frame, event, argument):
            if event == "call" and frame.f_code.co_name == "use_lesson_python":
                sys.exit("It asked for its Python.")
        sys.argv = [{str(script)!r}]
        sys.setprofile(stop)
        runpy.run_path(sys.argv[0], run_name="__main__")
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.stderr == "It asked for its Python.\n", result.stderr


@pytest.mark.parametrize("name", ["torch.py", "random.py", "numpy.py", "PIL/__init__.py"])
@pytest.mark.parametrize("place", ["", "notebooks"])
def test_a_file_that_stands_in_the_way_is_named(monkeypatch, tmp_path, calls, name, place):
    this_python_is(monkeypatch, tmp_path, "venv")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place / name).touch()
    with pytest.raises(SystemExit) as stop:
        install.use_lesson_python()
    path = tmp_path / place / name.removesuffix("/__init__.py")
    module = path.stem
    assert stop.value.code.startswith(f"{path} stands in the way: ") and f"`{module}`" in stop.value.code
    assert calls == []


def test_a_file_in_the_way_of_what_is_still_to_be_installed_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(install.importlib.machinery.PathFinder, "find_spec", lambda *arguments: None)
    (tmp_path / "torch.py").touch()
    with pytest.raises(SystemExit, match=r"torch\.py stands in the way"):
        install.refuse_files_in_the_way([tmp_path])


def test_files_of_another_name_are_welcome(tmp_path):
    for name in ("my_helper.py", "torch.txt", "torch.ipynb"):
        (tmp_path / name).touch()
    (tmp_path / "random").mkdir()  # without __init__.py, Python takes the true one
    install.refuse_files_in_the_way([tmp_path, ROOT, ROOT / "notebooks"])


# What a user's machine may hold, and what a kernel says of it. Each line of it would change or stop the lesson.
PROBE = """
import os, sys
sys.modules["rfc3987_syntax"] = None  # nbformat does without it, and its import takes a second
sys.path.insert(0, SCRIPTS)
from pathlib import Path
import install
install.SETTINGS = Path(SETTINGS)
install.use_lesson_python(KEEP)
from nbclient import NotebookClient
import nbformat
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(Path(__file__).parent)}}).execute()
print("".join(output.text for output in notebook.cells[0].outputs if output.get("name") == "stdout"))
"""
CELL = """
import json, os, sys, matplotlib, IPython, mnist_lesson
print(json.dumps({
    "origin": matplotlib.rcParams["image.origin"],
    "usetex": matplotlib.rcParams["text.usetex"],
    "interactivity": get_ipython().ast_node_interactivity,
    "started up": "started_up" in globals(),
    "package": mnist_lesson.__file__,
    "python": sys.executable,
    "path": sys.path,
    "warnings": sys.warnoptions,
    "jupyter": os.environ.get("JUPYTER_CONFIG_DIR", ""),
    "backend": os.environ.get("MPLBACKEND", ""),
}))
"""


@pytest.mark.parametrize("keep_jupyter", [False, True])
def test_kernels_see_none_of_the_users_own_settings(tmp_path, keep_jupyter):
    home, odd = tmp_path / "home", tmp_path / "odd"
    kernels = home / ".local" / "share" / "jupyter" / "kernels" / "python3"
    for folder in (home / ".ipython" / "profile_default" / "startup", home / ".config" / "matplotlib", odd, kernels):
        folder.mkdir(parents=True)
    rc = home / ".config" / "matplotlib" / "matplotlibrc"
    rc.write_text("image.origin: lower\ntext.usetex: True\n")
    profile = home / ".ipython" / "profile_default"
    (profile / "ipython_config.py").write_text("get_config().InteractiveShell.ast_node_interactivity = 'all'")
    (profile / "startup" / "start.py").write_text("started_up = True")
    (odd / "nbformat.py").write_text("raise SystemExit('the odd nbformat')")
    (odd / "mnist_lesson.py").touch()
    (kernels / "kernel.json").write_text(
        json.dumps({"argv": ["no-such-program"], "display_name": "x", "language": "python"})
    )
    (tmp_path / "startup.py").write_text("raise SystemExit('start-up')")
    hostile = {
        "HOME": home,
        "USERPROFILE": home,
        "MATPLOTLIBRC": rc,
        "MPLCONFIGDIR": rc.parent,
        "MPLBACKEND": "svg",
        "IPYTHONDIR": home / ".ipython",
        "JUPYTER_PATH": kernels.parent.parent,
        "JUPYTER_CONFIG_DIR": home,
        "PYTHONPATH": odd,
        "PYTHONSAFEPATH": 1,
        "PYTHONWARNINGS": "error",
        "PYTHONSTARTUP": tmp_path / "startup.py",
    }
    values = {
        "SCRIPTS": str(ROOT / "scripts"),
        "SETTINGS": str(tmp_path / "settings"),
        "KEEP": keep_jupyter,
        "CELL": CELL,
    }
    code = "".join(f"{name} = {value!r}\n" for name, value in values.items()) + PROBE
    (tmp_path / "probe.py").write_text(code, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, tmp_path / "probe.py"],
        env={**os.environ, **{name: str(value) for name, value in hostile.items()}},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert (seen["origin"], seen["usetex"], seen["interactivity"]) == ("upper", False, "last_expr")
    assert not seen["started up"] and not seen["warnings"] and str(odd) not in seen["path"]
    assert seen["package"] == str(ROOT / "mnist_lesson" / "__init__.py")
    assert Path(seen["python"]).parent == Path(sys.executable).parent and seen["backend"] != "svg"
    kept = str(home) if keep_jupyter else str(tmp_path / "settings" / "jupyter")
    assert seen["jupyter"] == kept, "JupyterLab alone keeps the user's settings"


def test_where_the_repository_cannot_be_written_to_the_settings_are_temporary(monkeypatch, tmp_path):
    (tmp_path / "build").touch()  # a file where the folder should be stops root too
    monkeypatch.setattr(install, "SETTINGS", tmp_path / "build" / "settings")
    monkeypatch.setattr(install.tempfile, "mkdtemp", lambda prefix: str(tmp_path / prefix))
    assert install.settings_folder() == tmp_path / "mnist_lesson_settings_"


def test_no_place_for_settings_at_all_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "build").touch()
    monkeypatch.setattr(install, "SETTINGS", tmp_path / "build" / "settings")

    def full(prefix):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(install.tempfile, "mkdtemp", full)
    with pytest.raises(SystemExit, match="Neither .*settings .* can be written to: free some space"):
        install.settings_folder()


def test_the_dev_container_sets_up_the_lesson_with_a_python_that_it_supports():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    program, script = container["postCreateCommand"].split()
    assert program == "python" and (ROOT / script).is_file()
    assert container["containerEnv"]["MNIST_LESSON_TORCH"] in packages.BUILDS
    version = re.search(r"/python:(3\.\d+)-", container["image"])[1]
    assert f'"{version}"' in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"), "CI tries it"
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python"


def test_what_is_missing_is_named_where_nothing_may_be_installed(monkeypatch):
    monkeypatch.setattr(install, "in_own_venv", lambda: False)
    said = install.missing_extra(["json", "no_such_package"], "site,browser")
    assert "lacks no_such_package" in said and 'pip install -e ".[site,browser]"' in said
    assert install.missing_extra(["json"], "site") is None


def test_what_is_missing_is_installed_into_the_lessons_own_environment(monkeypatch):
    installed = []
    monkeypatch.setattr(install, "in_own_venv", lambda: True)
    monkeypatch.setattr(install, "install_lesson", lambda what, in_words: installed.append(what))
    assert install.missing_extra(["no_such_package"], "site") is None and installed == [".[site]"]
