"""Make `.venv` and fill it with the packages of the lesson, by uv where it is to be had, and otherwise by pip.

uv is quicker, and it finds the build of PyTorch that fits the hardware: without a graphics card the one for the CPU,
which is a tenth as large. What uv and pip say goes to `build/setup.log`. An interrupted set-up goes on where it stopped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
READY = VENV / "lesson-ready"  # names the packages that were installed, and the build of PyTorch that was chosen
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
BUILD = ROOT / "build"

# The builds of PyTorch that can be chosen, and what uv calls them. None: that of the package index, which has CUDA
# on Linux. Elsewhere uv takes a build with CUDA if there is a driver for it.
BUILDS = {"auto": "auto", "cpu": "cpu", "cuda": None if sys.platform == "linux" else "auto", "pypi": None}
OWN_SOURCES = re.compile(r"(index-url|extra-index-url|find-links|constraint|no-index)=")  # settings of pip

FULL = "the disk is full: free about 6 GB, then run this again."
READ_ONLY = "its folder cannot be written to: copy the lesson to a folder of your own, then run this again."
NO_SUCH_PACKAGE = (
    "a package does not exist for Python {0.major}.{0.minor} on this system: try a Python that PyTorch supports, "
    "such as `make execute PYTHON=python3.13`."
)
CAUSES = [  # what the messages of uv, pip and Python show, and what helps; the last one that is shown counts
    (r"No space left|not enough space|Disk quota exceeded", FULL),
    (r"Read-only file system|Permission denied|Access is denied", READ_ONLY),
    (
        r"ensurepip is not available|No module named '?ensurepip",
        "this Python lacks the module ensurepip: on Debian and Ubuntu, `sudo apt install python3-venv` brings it.",
    ),
    (
        r"NewConnectionError|NameResolutionError|Temporary failure in name|getaddrinfo|Network is unreachable|timed? ?out"
        r"|SSLError|Connection (refused|reset|aborted|broken)|Max retries exceeded|IncompleteRead|dns error"
        r"|failed to fetch|error sending request",
        "the packages could not be downloaded: check the network, then run this again.",
    ),
    (
        r"ProxyError.*|tunnel connection failed.*|unsuccessful tunnel.*|407 Proxy.*",
        "the proxy lets nothing through: check the settings HTTP_PROXY and HTTPS_PROXY, then run this again.",
    ),
    (
        r"certificate is not yet valid.*|certificate has expired.*|NotValidYet.*|invalid peer certificate: Expired.*",
        "a certificate is out of date: check the clock of this machine, then run this again.",
    ),
]
NO_PACKAGE = r"No matching distribution|No solution found|requires a different Python|no wheels? with a matching"


def requirements() -> list[str]:
    """Return the packages that pyproject.toml names, such as 'torch>=2.7' or 'nbval>=0.11,<0.12'."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]


def missing_packages() -> list[str]:
    """Return the required packages that this Python lacks or has in another version than asked for."""
    return [requirement for requirement in requirements() if not is_installed(requirement)]


def is_installed(requirement: str) -> bool:
    """Tell whether this Python has a package in the version asked for, such as 'nbval>=0.11,<0.12'.

    Only >= and < are known. Raises ValueError for anything else.
    """
    name, bounds = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
    try:
        version = _numbers(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
    for bound in filter(None, bounds.split(",")):
        parts = re.fullmatch(r"(>=|<)([\d.]+)", bound)
        if not parts:
            raise ValueError(f"Expected bounds such as >=1.2,<2 in pyproject.toml, found {requirement!r}.")
        limit = _numbers(parts[2])
        if not (version >= limit if parts[1] == ">=" else version < limit):
            return False
    return True


def _numbers(version: str) -> list[int]:
    """Turn '2.14.1+cpu' into [2, 14, 1], which compares as versions do."""
    numbers = [int(number) for number in re.findall(r"\d+", version.split("+")[0])]
    while numbers and numbers[-1] == 0:  # 2.0 is 2
        numbers.pop()
    return numbers


def in_own_venv() -> bool:
    """Tell whether this Python is the one of `.venv`."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def make_venv() -> None:
    """Make `.venv` and install the lesson in it, unless that was done for these very packages."""
    build = chosen_build()
    if is_ready(build) or (in_own_venv() and not missing_packages()):  # that one, somebody filled by hand
        return
    with one_at_a_time():
        if is_ready(build):  # the other set-up made it meanwhile
            return
        print(f"Setting up the lesson in {VENV}, once. What uv and pip say is in {BUILD / 'setup.log'}.", flush=True)
        if not in_own_venv():
            # On one that is there already this mends what an earlier stop left undone.
            clear = [] if VENV_PYTHON.exists() else ["--clear"]
            code, said = step("a virtual environment", [sys.executable, "-m", "venv", *clear, str(VENV)])
            if code:
                give_up("make a virtual environment", said)
        install_lesson(".", "the packages", [] if build == recorded_build() else ["torch", "torchvision"])
        with suppress(OSError):  # without this note the next run asks again, which is quick
            READY.write_text("\n".join([build, *requirements()]), encoding="utf-8")


def chosen_build() -> str:
    """Return which build of PyTorch is wanted: one of BUILDS. `make execute TORCH=cpu` sets the variable."""
    build = os.environ.get("MNIST_LESSON_TORCH") or recorded_build()
    if build not in BUILDS:
        sys.exit(f"TORCH, or MNIST_LESSON_TORCH, must be one of {', '.join(BUILDS)}, found {build!r}.")
    return build


def recorded_build() -> str:
    """Return the build that `.venv` was made with, or "auto"."""
    try:
        return READY.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return "auto"


def is_ready(build: str) -> bool:
    """Tell whether `.venv` was filled with these packages and this build of PyTorch."""
    try:
        return VENV_PYTHON.exists() and READY.read_text(encoding="utf-8") == "\n".join([build, *requirements()])
    except OSError:
        return False


def install_lesson(what: str, in_words: str, anew: list[str] = ()) -> None:
    """Install the lesson in `.venv`: "." or, with extras, ".[draw]"; end with a sentence if that fails.

    `anew` names packages to install again, as those of another build. The path is relative, since pip would take the
    end of a folder named `lesson[1]` for an extra.
    """
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "UV_SYSTEM_PYTHON", "UV_TARGET"):
        os.environ.pop(name, None)  # the user's, for another Python than ours
    os.environ["PIP_USER"] = "0"  # also where pip's configuration file says otherwise
    pip = [str(VENV_PYTHON), "-P", "-m", "pip", "install", "--disable-pip-version-check"]
    attempts = [("", [*pip, "-e", what])]
    if uv := find_uv(pip):
        again = [f"--reinstall-package={name}" for name in anew]
        command = [*uv, "pip", "install", "--python", str(VENV_PYTHON), "-e", what, *again]
        attempts.insert(0, ("uv could not install them, so pip does the work.", command))
        if backend := BUILDS[chosen_build()]:
            sorry = "PyTorch's own index is out of reach, so the build of the package index is installed."
            attempts.insert(0, (sorry, [*command, f"--torch-backend={backend}"]))
    elif "MNIST_LESSON_TORCH" in os.environ:
        print("  Only uv can choose a build of PyTorch: pip takes the one of the package index.", flush=True)
    for sorry, command in attempts:
        code, said = step(in_words, command)
        if not code:
            return
        if not sorry or cause_of_failure(said) in (FULL, READ_ONLY):
            give_up(f"install {in_words}", said)
        print(f"  {sorry}", flush=True)


def find_uv(pip: list[str]) -> list[str]:
    """Return the command of uv: the user's, or one that is installed into `.venv`; [] where it is not to be had."""
    settings = subprocess.run([str(VENV_PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True)
    if OWN_SOURCES.search(settings.stdout):
        print("  pip has settings here that say where packages come from. uv does not read them: pip does the work.")
        return []
    if uv := shutil.which("uv"):
        return [uv]
    own = [str(VENV_PYTHON), "-m", "uv"]
    if not subprocess.run([*own, "--version"], capture_output=True).returncode:
        return own
    code, _ = step("uv, which installs packages quickly", [*pip, "uv"])
    if code:
        print("  uv is not to be had, so pip does the work.", flush=True)
    return [] if code else own


def step(in_words: str, command: list[str]) -> tuple[int, str]:
    """Run a command in the repository and say how long it takes. Returns its exit status and what it said."""
    start, lines = time.monotonic(), []
    is_watched = sys.stdout.isatty()
    _add_to_log(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n")
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
    )
    reader = threading.Thread(target=_keep, args=(process, lines))
    reader.start()
    try:
        while reader.is_alive():
            reader.join(1)
            if is_watched:
                print(f"\r  {in_words}: {time.monotonic() - start:.0f} s", end="", flush=True)
        code = process.wait()
    except KeyboardInterrupt:
        process.wait()  # it gets Ctrl-C too
        sys.exit("\nStopped. Run this again to go on.")
    end = "failed" if code else f"{size_of(VENV) / 1e9:.1f} GB on disk"
    print(f"{chr(13) * is_watched}  {in_words}: {time.monotonic() - start:.0f} s, {end}", flush=True)
    return code, "".join(lines)


def _keep(process: subprocess.Popen, lines: list[str]) -> None:
    """Collect what a process says, and add it to the log."""
    with process.stdout:
        for line in process.stdout:
            lines.append(line)
            _add_to_log(line)


def _add_to_log(text: str) -> None:
    with suppress(OSError):  # a full disk takes no more
        BUILD.mkdir(exist_ok=True)
        with (BUILD / "setup.log").open("a", encoding="utf-8") as log:
            log.write(text)


def size_of(folder: Path) -> int:
    """Return how many bytes the files in a folder have."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def give_up(what: str, said: str) -> None:
    """End with the last lines of a message, and a sentence that gives the cause, as far as it shows."""
    cause = cause_of_failure(said)
    print("".join(f"    {line}\n" for line in said.splitlines()[-12:]), end="", file=sys.stderr)
    sys.exit(f"The lesson could not {what}: {cause or 'the messages above say why.'}")


def cause_of_failure(said: str) -> str:
    """Return what the last known message in a program's words shows, or "" if none of them is known."""
    last = [(match.end(), cause) for pattern, cause in CAUSES for match in re.finditer(pattern, said, re.I)]
    if last:
        return max(last)[1]
    return NO_SUCH_PACKAGE.format(sys.version_info) if re.search(NO_PACKAGE, said, re.I) else ""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other set-up works in this repository. The lock goes when its process ends, however it ends."""
    try:
        BUILD.mkdir(exist_ok=True)
        file = (BUILD / "setup.lock").open("w")
    except OSError as error:
        sys.exit(f"The lesson could not be set up ({error.strerror}): {cause_of_failure(str(error)) or READ_ONLY}")
    with file:
        is_told = False
        while not _lock(file):
            if not is_told:
                print("Another set-up is at work here: waiting for it.", flush=True)
            is_told = True
            time.sleep(0.5)
        yield


def _lock(file) -> bool:
    """Lock a file, and tell whether that worked."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
