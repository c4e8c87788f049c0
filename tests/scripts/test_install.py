"""scripts/install.py: the right Python, and nothing is installed where it should not be."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import install
import pytest
from install import ROOT


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Record what would be run instead of running it, in a repository without `.venv`."""
    calls = []
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "READY", tmp_path / ".venv" / "lesson-ready")
    monkeypatch.setattr(install, "VENV_PYTHON", tmp_path / ".venv" / "python")
    monkeypatch.setattr(install, "become", lambda command: calls.append(("become", command[0])))
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.delenv("JUPYTER_PREFER_ENV_PATH", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(command, cwd):
        calls.append(command)
        if "venv" in command:
            (tmp_path / ".venv").mkdir(exist_ok=True)
            (tmp_path / ".venv" / "python").touch()
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    return calls


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
    make, fill, restart = calls
    assert make[:3] == [sys.executable, "-m", "venv"]
    assert fill[0] == str(install.VENV_PYTHON) and fill[-2:] == ["-e", str(ROOT)]
    assert restart == ("become", str(install.VENV_PYTHON))


def test_the_second_time_nothing_is_installed(monkeypatch, tmp_path, calls):
    this_python_is(monkeypatch, tmp_path, "system")
    install.use_lesson_python()
    calls.clear()
    install.use_lesson_python()
    assert calls == [("become", str(install.VENV_PYTHON))]


def test_a_venv_that_was_left_half_made_is_mended(monkeypatch, tmp_path, calls):
    this_python_is(monkeypatch, tmp_path, "system")
    install.VENV_PYTHON.parent.mkdir()
    install.VENV_PYTHON.touch()
    install.use_lesson_python()
    assert [command[2] for command in calls[:2]] == ["venv", "pip"]


def test_ones_own_venv_filled_by_hand_needs_no_network(monkeypatch, tmp_path, calls):
    this_python_is(monkeypatch, tmp_path, "venv")
    monkeypatch.setattr(install, "VENV", tmp_path / "venv")
    install.use_lesson_python()
    assert calls == []


def test_an_interrupted_installation_goes_on_the_next_time(monkeypatch, tmp_path, calls):
    this_python_is(monkeypatch, tmp_path, "system")
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: "pip" in command)  # pip fails
    install.VENV_PYTHON.parent.mkdir()
    install.VENV_PYTHON.touch()
    with pytest.raises(SystemExit, match="could not install the packages"):
        install.use_lesson_python()
    assert not install.READY.exists()


@pytest.mark.parametrize("kind", ["venv", "conda"])
def test_an_active_environment_is_used_as_it_is(monkeypatch, tmp_path, calls, kind):
    this_python_is(monkeypatch, tmp_path, kind)
    install.use_lesson_python()
    assert calls == []
    assert os.environ["PYTHONPATH"] == sys.path[1] == str(ROOT), "the kernels must find the package"
    assert os.environ["JUPYTER_PREFER_ENV_PATH"] == "1", "and Jupyter must start them in this Python"


@pytest.mark.parametrize("kind, command", [("venv", "pip install -e ."), ("conda", "conda env update")])
def test_an_active_environment_that_lacks_something(monkeypatch, tmp_path, calls, kind, command):
    this_python_is(monkeypatch, tmp_path, kind)
    monkeypatch.setattr(install, "requirements", lambda: ["torch>=2.6", "no-such-package>=1.0", "numpy>=99"])
    with pytest.raises(SystemExit) as stop:
        install.use_lesson_python()
    assert re.search(rf"lacks no-such-package>=1.0, numpy>=99: .*{command}", str(stop.value))
    assert calls == []


def test_an_old_python_is_refused(monkeypatch, calls):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match="needs Python 3.11 or newer"):
        install.use_lesson_python()
    assert calls == []


@pytest.mark.parametrize(
    "version, least, enough", [("2.14.1+cpu", "2.6", True), ("2.5.1", "2.6", False), ("3.10", "3.8", True)]
)
def test_versions_are_compared_as_numbers(version, least, enough):
    assert (install._numbers(version) >= install._numbers(least)) == enough


def bounds(lines):
    return {
        re.sub("^pytorch", "torch", name): least for name, least in re.findall(r"([\w-]+)>=([\d.]+)", " ".join(lines))
    }


def test_conda_and_pip_ask_for_the_same():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    conda = bounds(re.findall(r"^  - (.*)$", text, flags=re.M))
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    python = re.search(r'requires-python = ">=([\d.]+)"', pyproject)[1]
    assert conda == {"python": python, **bounds(install.requirements())}
    assert not re.search(r"^\s*-\s*pip:", text, flags=re.M), "pip inside conda could bring a second torch"


def test_no_version_is_pinned():
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", requirement) for requirement in install.requirements())


def test_the_scripts_start_with_the_environment():
    for script in Path(install.__file__).parent.glob("*.py"):
        source = script.read_text(encoding="utf-8")
        if "__main__" in source and script.name != "clean.py":  # cleaning needs no packages
            assert "use_lesson_python()" in source, f"{script.name} must find its Python"


def test_the_scripts_can_be_read_by_an_old_python():
    """Or the sentence that asks for a newer one never appears."""
    for script in Path(install.__file__).parent.glob("*.py"):
        source = script.read_text(encoding="utf-8")
        ast.parse(source, feature_version=(3, 8))
        assert "->" not in source or "from __future__ import annotations" in source, script.name
