"""Run a script of this folder in a Python that has all packages of the lesson.

`use_environment()` is the first line of every script. Which Python it uses:
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


def use_environment() -> None:
    """Go on in a Python that has all packages: this one, or `.venv`, where the script starts again."""
    if sys.version_info < (3, 11):
        sys.exit(f"The lesson needs Python 3.11 or newer, this is {sys.version.split()[0]}: install a newer one.")
    if in_own_venv() or not in_active_environment():
        make_venv()
        if not in_own_venv():
            restart_in(VENV_PYTHON)
    elif missing := missing_packages():
        sys.exit(
            f"The active environment {sys.prefix} lacks {', '.join(missing)}: install them there with "
            f"`python -m pip install -e .`, or deactivate it and run this again, which makes a .venv."
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
    """Return the runtime packages that pyproject.toml names, such as 'torch>=2.6'."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]


def missing_packages() -> list[str]:
    """Return the runtime packages that this Python lacks or has in too old a version."""
    return [requirement for requirement in requirements() if not is_installed(requirement)]


def is_installed(requirement: str) -> bool:
    """Tell whether this Python has a package in the version asked for, such as 'torch>=2.6'."""
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
    if READY.is_file() and READY.read_text() == packages:
        return
    if not VENV_PYTHON.is_file():
        print(f"Making a virtual environment in {VENV}.", flush=True)
        run_or_exit(
            [sys.executable, "-m", "venv", str(VENV)],
            "could not make a virtual environment: on Debian and Ubuntu, install the package python3-venv first.",
        )
    print("Installing the packages of the lesson. PyTorch is large: this takes minutes, but only once.", flush=True)
    run_or_exit(
        [str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-e", str(ROOT)],
        "could not install the packages (pip's own message is above): check the network, then run this again.",
    )
    READY.write_text(packages)


def run_or_exit(command: list[str], sentence: str) -> None:
    """Run a command and end with the sentence if it fails."""
    try:
        code = subprocess.call(command, cwd=ROOT)
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run this again to go on.")
    if code:
        sys.exit(f"The lesson {sentence}")


def restart_in(python: Path) -> None:
    """Run this script again, with the same arguments, in another Python."""
    command = [str(python), *sys.argv]
    if os.name != "nt":
        os.execv(python, command)
    # Windows has no exec: wait for the other one, which gets Ctrl-C too and cleans up by itself.
    process = subprocess.Popen(command)
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:
            continue
