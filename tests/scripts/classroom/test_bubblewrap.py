# ruff: noqa: F401, F811 (fixtures are imported)
"""scripts/classroom/bubblewrap.py: what is there inside, wherever Python and the lesson lie."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import bubblewrap
import numpy
import pytest
from bubblewrap import bwrap_argv, call_filter, mounts, python_paths
from handed_in import works
from isolation import isolated_python


@pytest.fixture
def inside(tmp_path):
    """Return a function that computes a Python expression inside, and returns its value."""

    def inside(expression):
        own = tmp_path / "own"
        own.mkdir(exist_ok=True)
        program = own / "program.py"
        program.write_text(f"import ctypes, json, os, sys\nprint(json.dumps({expression}))")
        own.chmod(0o755)
        program.chmod(0o644)
        with isolated_python("bwrap", program, {"HERE": own}, {}) as (process, _):
            return json.loads(process.communicate(timeout=60)[0])

    return inside


def test_a_lesson_within_the_folder_of_python_is_hidden(works, inside, monkeypatch):
    lesson = Path(numpy.__file__).parent  # this could be it
    assert "__init__.py" in inside(f"os.listdir({str(lesson)!r})")
    monkeypatch.setattr(bubblewrap, "ROOT", lesson)
    assert inside(f"os.listdir({str(lesson)!r})") == []
    assert not inside(f"os.access({str(lesson)!r}, os.W_OK)")


def test_a_python_within_the_lesson_shows_nothing_else_of_it(works, inside, monkeypatch):
    monkeypatch.setattr(bubblewrap, "ROOT", Path(sys.prefix).parent)  # as the .venv of the repository
    assert inside(f"os.listdir({str(Path(sys.prefix).parent)!r})") == [Path(sys.prefix).name]
    assert inside("sys.prefix") == sys.prefix


def test_an_installed_lesson_is_hidden(works, inside, tmp_path, monkeypatch):
    packages = tmp_path / "site-packages"
    (packages / "mnist_lesson" / "checks").mkdir(parents=True)
    (packages / "other.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    assert inside(f"[os.path.exists({str(packages)!r} + name) for name in ('/other.py', '/mnist_lesson/checks')]") == [
        True,
        False,
    ]


@pytest.mark.parametrize("link", ["folder", "file"])
def test_a_python_behind_links_is_found(works, tmp_path, link):
    real = Path(sys.executable).resolve()
    if link == "folder":
        (tmp_path / "current").symlink_to(real.parents[1])
        first = tmp_path / "current" / "bin" / real.name
    else:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python3").symlink_to(real)
        first = tmp_path / "bin" / "python3"
    subprocess.run([first, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=60)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "program.py").write_text("import sys\nprint(sys.prefix)")
    judge = f"""
import sys
from pathlib import Path
sys.path += {sys.path!r}
from isolation import isolated_python
own = Path({str(tmp_path / "own")!r})
with isolated_python("bwrap", own / "program.py", {{"HERE": own}}, {{}}) as (process, _):
    print(process.communicate(timeout=60)[0].decode())
"""
    python = tmp_path / "venv" / "bin" / "python"
    found = subprocess.run([python, "-c", judge], check=True, timeout=60, capture_output=True, text=True)
    assert found.stdout.split() == [str(tmp_path / "venv")], "it does not start"


def test_what_lies_deeper_comes_later(monkeypatch):
    monkeypatch.setattr(bubblewrap, "ROOT", Path("/opt/python/lesson"))
    places = [Path("/opt/python/lesson/.venv"), Path("/opt/python"), Path("/tmp/a/b")]
    options = mounts({place: place for place in places}, ["--proc", "/proc"])
    order = [options.index(str(path)) for path in (places[1], bubblewrap.ROOT, places[0])]
    assert order == sorted(order), "a folder covers what lies in it"
    read_only = [options[number + 1] for number, option in enumerate(options) if option == "--remount-ro"]
    assert {"/opt/python/lesson", "/tmp/a", "/dev", "/"} <= set(read_only), "what is made inside can be written to"


def test_root_without_rights_over_file_systems_uses_one_bubblewrap(works, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bubblewrap, "may_mount", lambda: True)
    assert bwrap_argv({}, ["program"], None).count("--remount-ro") > 2
    monkeypatch.setattr(bubblewrap, "may_mount", lambda: False)
    argv = bwrap_argv({}, ["program"], None)
    assert argv[0] == sys.executable and argv.count("--die-with-parent") == 1 and argv[-1] == "program"


def test_other_processors_have_no_filter(works, inside, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert call_filter() == b""
    assert inside("1 + 1") == 2


def test_paths_exist():
    assert Path(sys.prefix) in python_paths()
    assert all(path.exists() for path in python_paths())
