"""Run a script of this folder in a Python that has all packages of the lesson.

`use_lesson_python()` is the first line of every script. Which Python it uses:
- In an active virtual environment or conda environment: that one, as it is. Nothing is installed
  there; if something is missing, one sentence says what and how to get it.
- Otherwise (a system Python, or conda's base): `.venv` in this repository, made and filled when
  needed. Nothing is ever installed into the Python that started the script.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
READY = VENV / "lesson-ready"  # names the packages that were installed
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def use_lesson_python() -> None:
    """Go on in a Python that has all packages: this one, or `.venv`, where the script starts again."""
    if sys.version_info < (3, 11):
        sys.exit(
            f"The lesson needs Python 3.11 or newer, this is {sys.version.split()[0]}: start it with a newer one, "
            "such as `python3.13 scripts/execute.py` or `make execute PYTHON=python3.13`."
        )
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a terminal that knows few letters must not stop us
    if in_own_venv() or not in_active_environment():
        make_venv()
        if not in_own_venv():
            become([str(VENV_PYTHON), *sys.argv])
    elif missing := missing_packages():
        is_conda = (Path(sys.prefix) / "conda-meta").is_dir()
        command = "conda env update --file environment.yml" if is_conda else "python -m pip install -e ."
        sys.exit(
            f"The active environment {sys.prefix} lacks {', '.join(missing)}: add them with `{command}`, "
            "or deactivate it and run this again, which makes a .venv."
        )
    # What runs below, the kernels of the notebooks too, finds the helper package and this Python.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    sys.path.insert(1, str(ROOT))


def in_own_venv() -> bool:
    """Tell whether this Python is the one of `.venv`."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def in_active_environment() -> bool:
    """Tell whether this Python belongs to a virtual environment or to a conda environment besides base."""
    is_conda = (Path(sys.prefix) / "conda-meta").is_dir()
    is_conda_base = (Path(sys.prefix) / "condabin").is_dir()
    return sys.prefix != sys.base_prefix or (is_conda and not is_conda_base)


def requirements() -> list[str]:
    """Return the runtime packages that pyproject.toml names, such as 'torch>=2.7'."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]


def missing_packages() -> list[str]:
    """Return the runtime packages that this Python lacks or has in too old a version."""
    return [requirement for requirement in requirements() if not is_installed(requirement)]


def is_installed(requirement: str) -> bool:
    """Tell whether this Python has a package in the version asked for, such as 'torch>=2.7'."""
    name, _, at_least = requirement.partition(">=")
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return _numbers(version) >= _numbers(at_least)


def _numbers(version: str) -> list[int]:
    """Turn '2.14.1+cpu' into [2, 14, 1], which compares as versions do."""
    return [int(number) for number in re.findall(r"\d+", version.split("+")[0])]


def make_venv() -> None:
    """Make `.venv` and install the lesson in it, unless that was done for these very packages."""
    packages = "\n".join(requirements())
    if VENV_PYTHON.exists() and READY.is_file() and READY.read_text(encoding="utf-8") == packages:
        return
    if in_own_venv() and not missing_packages():  # somebody filled it by hand
        return
    if not in_own_venv():
        print(f"Making a virtual environment in {VENV}.", flush=True)
        # On one that is there already this mends what an earlier stop left undone.
        clear = [] if VENV_PYTHON.exists() else ["--clear"]
        run_or_exit(
            [sys.executable, "-m", "venv", *clear, str(VENV)],
            f"could not make a virtual environment (Python's own message is above): {ROOT} must be writable, "
            "and Debian and Ubuntu need the package python3-venv.",
        )
    print("Installing the packages of the lesson. PyTorch is large: this takes minutes, but only once.", flush=True)
    run_or_exit(
        [str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-e", str(ROOT)],
        "could not install the packages (pip's own message is above): check the network, then run this again.",
    )
    READY.write_text(packages, encoding="utf-8")


def run_or_exit(command: list[str], sentence: str) -> None:
    """Run a command and end with the sentence if it fails."""
    try:
        code = subprocess.call(command, cwd=ROOT)
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run this again to go on.")
    if code:
        sys.exit(f"The lesson {sentence}")


def become(command: list[str]) -> None:
    """End this program and run another one in its place."""
    if os.name != "nt":
        os.execv(command[0], command)
    # Windows has no exec: wait for the other one, which gets Ctrl-C too and cleans up by itself.
    process = subprocess.Popen(command)
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:
            continue
