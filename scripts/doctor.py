"""Answer "why does it not work here?" on one screen: python scripts/doctor.py

Each line is ok, a note (the lesson works, but less well than it could) or WRONG. Nothing needs to be installed for
this, and nothing is. The exit status is 1 where something is WRONG.
"""

from __future__ import annotations

import argparse
import functools
import getpass
import gzip
import hashlib
import importlib.util
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

import install
from browser import find_chromium
from machine import available_cores, available_memory, load_of_others
from packages import READY, ROOT, VENV, VENV_PYTHON, in_own_venv, missing_packages, requirements
from processes import end_process_tree

SECONDS = 120  # for a program that should take some seconds
FULL_SETUP, CPU_SETUP, RUNS = 6e9, 1.5e9, 0.5e9  # bytes on disk: to set up, the same for CPUs only, to run the lesson
LITTLE_MEMORY, SOME_MEMORY = 1e9, 2e9
BUSY = 50  # percent of a core that other programs may take together; a browser at rest takes less
SET_UP = "run `make lab`, or without make `python scripts/lab.py`."
# The archives and what they hold, as the README of the data names them: to read them there needs no package.
CHECKSUM = re.compile(r"^\| (\S+\.gz) \| [\d,]+ \| \w{32} \| (\w{64}) \|$", re.M)

TORCH = "import json; from mnist_lesson.device import environment; print(json.dumps(environment()))"
CELL = "import sys; from mnist_lesson import data, device, engine, model, plots, results; print(sys.prefix)"
KERNEL = f"""
import nbformat
from nbclient import NotebookClient
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell({CELL!r})])
NotebookClient(notebook, kernel_name="python3").execute()
print("".join(output.text for output in notebook.cells[0].outputs if output.get("name") == "stdout"))
"""


# Each check returns whether all is well, what it found, and what to do. All well, and yet something to do, is a note.


def check_python() -> tuple[bool, str, str]:
    found = f"{platform.python_version()} on {platform.system()} {platform.release()} ({platform.machine()})"
    if sys.version_info >= (3, 11):
        return True, found, ""
    return False, found, "The lesson needs Python 3.11 or newer: `make doctor PYTHON=python3.13` tries another one."


def check_files() -> tuple[bool, str, str]:
    """Ends with a sentence if a file stands in the way."""
    install.refuse_files_in_the_way([ROOT, ROOT / "notebooks"])
    return True, "none has the name of a package", ""


def check_settings() -> tuple[bool, str, str]:
    own = {name for name, value in os.environ.items() if value.startswith(str(install.SETTINGS))}
    own |= {"PYTHONPATH"} if os.environ.get("PYTHONPATH") in ("", str(ROOT)) else set()
    rules = (install.PYTHON_SETTINGS, install.OTHER_SETTINGS, install.JUPYTER_SETTINGS)
    found = sorted(name for name in os.environ.keys() - own if any(rule.fullmatch(name) for rule in rules))
    if not found:
        return True, "none of yours would reach a notebook", ""
    what_to_do = "`make lab` keeps them away from the notebooks. Before you start Jupyter in another way, unset them."
    return True, f"your environment sets {', '.join(found)}", what_to_do


def check_disk() -> tuple[bool, str, str]:
    free = shutil.disk_usage(ROOT).free
    found = f"{free / 1e9:.1f} GB free"
    try:
        tempfile.TemporaryFile(dir=ROOT).close()
    except OSError as error:
        found += f", but the lesson's folder cannot be written to ({error.strerror})"
        return has_environment(), found, "Copy the lesson to a folder of your own."
    if has_environment():
        return free >= RUNS, found, "" if free >= RUNS else "Free some space: to run the lesson takes 0.5 GB."
    return free >= CPU_SETUP, found, "" if free >= FULL_SETUP else "Free 6 GB. Without a graphics card, 1.5 GB will do."


def check_data() -> tuple[bool, str, str]:
    raw = Path(os.environ.get("MNIST_LESSON_DATA", ROOT / "data")) / "MNIST" / "raw"
    checksums = dict(CHECKSUM.findall((ROOT / "data" / "README.md").read_text(encoding="utf-8")))
    bad = [name for name, checksum in checksums.items() if checksum_of_content(raw / name) != checksum]
    if not bad:
        return True, f"the {len(checksums)} archives of MNIST are intact", ""
    problems = ", ".join(f"{name} is {'damaged' if (raw / name).exists() else 'missing'}" for name in bad)
    return False, f"{problems} in {raw}", "`git checkout -- data` or a fresh download of the lesson mends it."


def checksum_of_content(archive: Path) -> str:
    """Return the SHA-256 of what a .gz file holds, or "" if it cannot be read."""
    try:
        return hashlib.sha256(gzip.decompress(archive.read_bytes())).hexdigest()
    except (OSError, EOFError, zlib.error):
        return ""


def check_browser() -> tuple[bool, str, str]:
    if chromium := find_chromium():
        return True, f"{Path(chromium).name} for `make browser-test`", ""
    return True, "no Chromium or Chrome", "Only `make browser-test` needs one: install Chromium if you want to run it."


def has_environment() -> bool:
    """Tell whether this Python is one that may have the packages of the lesson."""
    return in_own_venv() or install.in_active_environment()


def check_packages() -> tuple[bool, str, str]:
    if not has_environment():
        if VENV.exists():
            return False, "there is a .venv, but its Python does not start", f"Delete it, then {SET_UP}"
        if not importlib.util.find_spec("ensurepip"):
            how = f"On Debian and Ubuntu, `sudo apt install python3-venv`; then {SET_UP}"
            return False, "none yet, and this Python cannot install any: it lacks the module ensurepip", how
        return False, "none yet: the lesson is not set up", f"To set it up, {SET_UP}"
    if missing := missing_packages():
        found = ", ".join(f"{requirement} {version_instead(requirement)}" for requirement in missing[:4])
        return False, found + (f", and {len(missing) - 4} more" if missing[4:] else ""), how_to_mend()
    return True, f"all {len(requirements())}, in the versions that the lesson asks for", ""


def version_instead(requirement: str) -> str:
    try:
        return f"is here as {metadata.version(re.match('[a-zA-Z0-9_-]+', requirement)[0])}"
    except metadata.PackageNotFoundError:
        return "is missing"


def how_to_mend() -> str:
    """Say how the environment gets the packages as the lesson needs them."""
    if in_own_venv():
        return f"Delete the folder .venv, then {SET_UP}" if READY.exists() else f"To finish the set-up, {SET_UP}"
    if (Path(sys.prefix) / "conda-meta").is_dir():
        return "Run `conda env update --file environment.yml`."
    return "Run `python -m pip install -e .`, or deactivate this environment: then `make lab` makes a .venv."


def check_torch() -> tuple[bool, str, str]:
    described, remark = describe_torch()
    found = f"{described['PyTorch']}, build: {described['PyTorch build']}, accelerator: {described['accelerator']}"
    if remark:
        return True, f"{found}. {remark}", "The lesson works. To use the card, try a newer driver."
    if described["PyTorch build"] == "CPU only" and shutil.which("nvidia-smi"):
        how = "run `make lab TORCH=cuda`" if in_own_venv() else "install the build for it, as PyTorch's own site says"
        return True, f"{found}, although there is nvidia-smi", f"The lesson works. To use the graphics card, {how}."
    return True, found, ""


@functools.lru_cache(maxsize=None)  # it takes seconds, and two checks ask
def describe_torch() -> tuple[dict[str, str], str]:
    """Return what notebook 1 says of this machine, and what it remarks before that. Raises RuntimeError."""
    *remarks, answer = ask(TORCH).splitlines()
    return json.loads(answer), " ".join(remarks)


def check_kernel() -> tuple[bool, str, str]:
    prefix = ask(KERNEL).splitlines()[0]
    if Path(prefix).resolve() != Path(sys.prefix).resolve():
        what_to_do = "Run `python -m ipykernel install --sys-prefix` in the environment of the lesson."
        return False, f"the kernel python3 is that of another Python, {prefix}", what_to_do
    return True, "it starts and imports the lesson", ""


def ask(code: str) -> str:
    """Return what a program prints that runs in this Python, with the settings that `make lab` would give it.

    Raises RuntimeError with the last line of what it says if it fails, or if it takes too long.
    """
    install.forget_python_settings()
    install.use_lesson_settings(keep_jupyter=True)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT / "notebooks",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=True,
    )
    try:
        answer, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {SECONDS} seconds") from None
    finally:
        end_process_tree(process)
    if process.returncode:
        said = re.sub(r"\x1b\[[\d;]*m", "", errors)  # without colours
        raise RuntimeError([f"exit status {process.returncode}", *filter(str.strip, said.splitlines())][-1])
    return answer


def check_memory() -> tuple[bool, str, str]:
    free = available_memory()
    what_to_do = "" if free >= SOME_MEMORY else "Close other programs and notebooks: a kernel that lacks memory dies."
    return free >= LITTLE_MEMORY, f"{free / 1e9:.1f} GB for you", what_to_do


def check_cores() -> tuple[bool, str, str]:
    cores = available_cores()
    threads = 0
    with suppress(RuntimeError):  # the line of torch says why
        threads = int(describe_torch()[0]["PyTorch threads"])
    found = f"{cores:g} of {os.cpu_count()} for you; threads of PyTorch: {threads or 'not known'}"
    if threads <= math.ceil(cores):
        return True, found, ""
    return True, found, f"Set OMP_NUM_THREADS={math.ceil(cores)} before you start Jupyter: training may be faster then."


def check_programs() -> tuple[bool, str, str]:
    load = load_of_others()
    if sum(load.values()) < BUSY:
        return True, "none keeps the machine busy", ""
    busy = ", ".join(f"{name} takes {percent:.0f} %" for name, percent in load.most_common(5) if percent >= 10)
    return True, f"{busy or 'many take a part'} of a core", "Close what you do not need: training beside it is slower."


MACHINE = [check_python, check_files, check_settings, check_disk, check_data, check_browser, check_packages]
WITH_PACKAGES = [check_torch, check_kernel, check_memory, check_cores, check_programs]


def line(check: Callable[[], tuple[bool, str, str]]) -> tuple[bool, str]:
    """Return whether a check finds all well, and its line with what to do. No check can stop the others."""
    try:
        is_ok, found, what_to_do = check()
    except SystemExit as stop:  # a helper of the other scripts, with its sentence
        is_ok, found, what_to_do = False, str(stop), ""
    except RuntimeError as error:  # of `ask`
        what_to_do = f"First mend what is WRONG above. If nothing is: {how_to_mend()}"
        is_ok, found = False, f"a try of it ended with: {error}"
    except Exception as error:  # nothing can be relied on where something is wrong
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        is_ok, found, what_to_do = False, f"could not be looked at ({problem})", "Ask for help with this line."
    mark = "WRONG" if not is_ok else "note " if what_to_do else "ok   "
    name = check.__name__.split("_")[1]
    return is_ok, f"{mark} {name}: {found}" + (f"\n      {what_to_do}" if what_to_do else "")


def without_names(text: str) -> str:
    """Return a text without names of users and folders."""
    home = os.path.expanduser("~")
    names = {Path(home).name}
    with suppress(Exception):  # a user may be only a number
        names.add(getpass.getuser())
    for place, instead in ((str(ROOT), "the lesson's folder"), (os.path.realpath(home), "~"), (home, "~")):
        if len(Path(place).parts) > 1:  # the home folder of some is /
            text = re.sub(rf"{re.escape(place)}(?!\w)", instead, text, flags=re.I)
    text = re.sub(r"(?<![\w~.:/\\])([A-Za-z]:)?[/\\]+([^\s/\\:'\"]+[/\\]+)+", ".../", text)
    for name in names - {""}:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "user", text, flags=re.I)
    return text


def is_working(python: Path) -> bool:
    with suppress(OSError):
        return subprocess.run([str(python), "-E", "-c", ""], capture_output=True).returncode == 0
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paste", action="store_true", help="leave out names of users and folders, for a question")
    is_for_paste = parser.parse_args().paste
    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows few letters must not stop us
    if not has_environment() and is_working(VENV_PYTHON):
        install.become([str(VENV_PYTHON), "-E", *sys.argv])
    all_ok = True
    has_packages = has_environment() and importlib.util.find_spec("psutil")  # which most of the rest needs
    for check in MACHINE + (WITH_PACKAGES if has_packages else []):
        is_ok, words = line(check)
        print(without_names(words) if is_for_paste else words, flush=True)
        all_ok &= is_ok
    print("Nothing is wrong." if all_ok else "Begin with the first line that is WRONG.")
    sys.exit(not all_ok)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
