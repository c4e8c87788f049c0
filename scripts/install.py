"""Run a script of this folder in a Python that has all packages of the lesson, and by the lesson's own settings.

    python scripts/install.py       set up, and do nothing else

Every script that needs packages calls `use_lesson_python()` before it imports any. Which Python it uses:
- In an active virtual environment or conda environment: that one, as it is. Nothing is installed
  there; if something is missing, one sentence says what and how to get it.
- Otherwise (a system Python, or conda's base): `.venv` in this repository, made and filled when
  needed. Nothing is ever installed into the Python that started the script.
"""

from __future__ import annotations

import atexit
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where packages.py is

from packages import BUILD, ROOT, VENV_PYTHON, in_own_venv, install_lesson, make_venv, missing_packages, requirements

SETTINGS = BUILD / "settings"  # instead of the user's own; it stays, since Matplotlib's list of fonts is slow

# Settings of the user that would change what Python, Jupyter and Matplotlib do. Kept are those that only
# say where caches go and how text is printed.
KEPT = "DONTWRITEBYTECODE|PYCACHEPREFIX|UNBUFFERED|UTF8|IOENCODING|NOUSERSITE"
PYTHON_SETTINGS = re.compile(rf"PYTHON(?!({KEPT})$)[A-Z]+")
OTHER_SETTINGS = re.compile(r"(MPL|MATPLOTLIB|IPYTHON).*|JUPYTER_PATH")
# The folders for data stay: the files with the keys of kernels lie there, and must not be readable for others,
# which a shared folder with the lesson may not allow.
JUPYTER_SETTINGS = re.compile(r"JUPYTER(?!_(DATA|RUNTIME)_DIR$).*|JPY_.*")


def use_lesson_python(keep_jupyter: bool = False) -> None:
    """Go on in a Python that has all packages: this one, or `.venv`, where the script starts again.

    What is started below, the kernels of the notebooks too, sees none of the user's own settings;
    with `keep_jupyter` those of JupyterLab stay.
    """
    if sys.version_info < (3, 11):
        sys.exit(
            f"The lesson needs Python 3.11 or newer, this is {sys.version.split()[0]}: start it with a newer one, "
            "such as `python3.13 scripts/execute.py` or `make execute PYTHON=python3.13`."
        )
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a terminal that knows few letters must not stop us
    if forget_python_settings():
        become([sys.executable, *sys.argv])  # this Python itself still works by them
    refuse_files_in_the_way([ROOT, ROOT / "notebooks"])
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
    use_lesson_settings(keep_jupyter)
    sys.path.insert(1, str(ROOT))


def missing_extra(packages: list[str], extras: str) -> str | None:
    """Say which packages are missing, or return None. In `.venv` they are installed, and nowhere else.

    `extras` are those of the lesson that bring the packages, such as "site" or "site,browser".
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing and in_own_venv():
        install_lesson(f".[{extras}]", "some more packages")
        importlib.invalidate_caches()
    elif missing:
        command = f'python -m pip install -e ".[{extras}]"'
        return f"the active environment lacks {', '.join(missing)}: `{command}` in the folder of the lesson adds them."
    return None


def forget_python_settings() -> bool:
    """Remove the user's settings of Python from the environment, and tell whether there were any."""
    found = {name for name in os.environ if PYTHON_SETTINGS.fullmatch(name)}
    if os.environ.get("PYTHONPATH") in ("", str(ROOT)):  # our own
        found.discard("PYTHONPATH")
    for name in found:
        del os.environ[name]
    return bool(found)


def use_lesson_settings(keep_jupyter: bool) -> None:
    """Set the environment for all that is started below: it finds the package, this Python and no user's settings."""
    for name in list(os.environ):
        if OTHER_SETTINGS.fullmatch(name) or (not keep_jupyter and JUPYTER_SETTINGS.fullmatch(name)):
            del os.environ[name]
    settings = settings_folder()
    folders = {"MPLCONFIGDIR": "matplotlib", "IPYTHONDIR": "ipython"}
    if not keep_jupyter:
        folders["JUPYTER_CONFIG_DIR"] = "jupyter"
    for variable, folder in folders.items():
        os.environ[variable] = str(settings / folder)  # each program makes its own
    for variable in {"MNIST_LESSON_DATA", "MNIST_LESSON_RUNS"} & os.environ.keys():
        os.environ[variable] = os.path.abspath(os.environ[variable])  # kernels work in another folder than this script
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernels of this Python come before the user's


def settings_folder() -> Path:
    """Return the folder of the lesson's own settings: a temporary one where the repository cannot be written to."""
    try:
        SETTINGS.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=SETTINGS).close()
        return SETTINGS
    except OSError as error:
        problem = error.strerror
    try:
        folder = tempfile.mkdtemp(prefix="mnist_lesson_settings_")
    except OSError:
        sys.exit(
            f"Neither {SETTINGS} ({problem}) nor the folder for temporary files can be written to: "
            "free some space on the disk, then run this again."
        )
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def refuse_files_in_the_way(folders: list[Path]) -> None:
    """End with a sentence if a file such as torch.py or random.py would be imported in place of a package."""
    own = {str(folder) for folder in (ROOT, ROOT / "notebooks", ROOT / "scripts")}
    elsewhere = [place for place in sys.path if str(Path(place).resolve()) not in own]
    to_come = {re.split("[^a-z-]", name)[0].replace("-", "_") for name in requirements()}  # not here at the first start
    for folder in folders:
        modules = [*folder.glob("*.py"), *(init.parent for init in folder.glob("*/__init__.py"))]
        for path in sorted(modules):
            is_own = path in (ROOT / "mnist_lesson", ROOT / "conftest.py")
            is_taken = path.stem in to_come or importlib.machinery.PathFinder.find_spec(path.stem, elsewhere)
            if not is_own and is_taken:
                sys.exit(
                    f"{path} stands in the way: Python would import it in place of its own module `{path.stem}` "
                    "or a package of that name. Rename it, then run this again."
                )


def in_active_environment() -> bool:
    """Tell whether this Python belongs to a virtual environment or to a conda environment besides base."""
    is_conda = (Path(sys.prefix) / "conda-meta").is_dir()
    is_conda_base = (Path(sys.prefix) / "condabin").is_dir()
    return sys.prefix != sys.base_prefix or (is_conda and not is_conda_base)


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


if __name__ == "__main__":
    use_lesson_python()
    print(f"The lesson is ready in {sys.prefix}.")
