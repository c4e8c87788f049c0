"""Run the Python of a handed-in notebook shut in: no network, no file but those it needs, and limits for what it uses.

Which means there are is found by trying them: bubblewrap, else a container of Docker or Podman. Inside, a program sees
the system's programs, the lesson's Python and the folders that it is given, all read-only, and an empty folder of its
own. With "none", which needs the instructor's word, it has the instructor's rights, and only the limits hold.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from bubblewrap import MOST_WRITTEN, bwrap_argv, call_filter
from packages import ROOT
from processes import end_process_tree
from sandbox_watch import MB, MOST_MEMORY, MOST_THREADS, watch

# Limits of one process, in bytes and seconds. Python with PyTorch takes 0.9 GB of data, and with CUDA 3.6 GB of
# addresses. Data are what counts; addresses are limited only because what maps them takes memory too.
LIMITS = {"RLIMIT_DATA": 3072 * MB, "RLIMIT_AS": 32768 * MB, "RLIMIT_FSIZE": MOST_WRITTEN, "RLIMIT_CPU": 900}
LIMITS |= {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 512}
PROBE_SECONDS = 300  # for the import of PyTorch on a slow machine

# Set the limits as far as the system has them, and become a program with no environment but the given one.
START = """
import json, os, resource, sys
limits, environment, command = map(json.loads, sys.argv[1:])
for name, most in limits.items():
    try:
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    except (AttributeError, ValueError, OSError):
        pass
os.execve(command[0], command, environment)
"""

# Tell what is not as it must be inside.
PROBE = """
import json, os, socket
port, *hidden = json.loads(os.environ["PROBE"])
problems = [f"{path} can be seen" for path in hidden if os.path.exists(path)]
try:
    socket.create_connection(("127.0.0.1", port), timeout=5)
    problems.append("the network can be reached")
except OSError:
    pass
try:
    open(__file__, "a")
    problems.append("the program can be changed")
except OSError:
    pass
open("file", "w").close()
import torch
print(json.dumps(problems))
"""


class NoIsolation(Exception):
    """Nothing here shuts a program in; the message is a sentence for the instructor."""


def find_isolation(trust: bool) -> str:
    """Return the first of "bwrap", "docker" and "podman" that works here, or "none" if none does and `trust` is True.

    That is also the word for the table. Raises NoIsolation if none works and `trust` is False.
    """
    problems = {}
    for kind in ("bwrap", "docker", "podman"):
        problems[kind] = problem_of(kind)
        if not problems[kind]:
            return kind
    if trust:
        return "none"
    builder = "podman" if "image" in problems["podman"] else "docker"
    raise NoIsolation(
        "Expected bubblewrap (0.8 or newer), Docker or Podman, to run other people's code shut in, found none that works "
        f"({'; '.join(f'{kind} {problem}' for kind, problem in problems.items())}): install bubblewrap on Linux, or start "
        f"Docker or Podman and once run `{builder} build --tag {image()} --file scripts/classroom/Containerfile .`, "
        "or, if you trust everybody who handed something in, add `--trust`."
    )


def problem_of(kind: str) -> str:
    """Say in some words why `kind` does not shut a program in here, or nothing if it does."""
    if not shutil.which(kind):
        return "is not installed"
    if kind != "bwrap":
        for question, problem in ((["info"], "does not answer"), (["image", "inspect", image()], "lacks the image")):
            try:
                subprocess.run([kind, *question], capture_output=True, check=True, timeout=60)
            except (OSError, subprocess.SubprocessError):
                return problem
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        own = Path(folder) / "program"
        own.mkdir()
        (own / "probe.py").write_text(PROBE, encoding="utf-8")
        (own / "probe.py").chmod(0o644)
        own.chmod(0o755)
        (Path(folder) / "file").touch()
        hidden = map(str, [Path(folder) / "file", ROOT / "notebooks", ROOT / "tests", ROOT / ".git"])
        environment = {"PROBE": json.dumps([server.getsockname()[1], *hidden]), "OMP_NUM_THREADS": "1"}
        try:
            with isolated_python(kind, own / "probe.py", {"HERE": own}, environment, subprocess.PIPE) as (process, _):
                answer, error = process.communicate(timeout=PROBE_SECONDS)
            problems = json.loads(answer)
        except (OSError, subprocess.SubprocessError) as failed:
            return f"fails ({failed})"
        except ValueError:  # there is no answer
            return f"fails ({(error.decode(errors='replace').strip().splitlines() or ['without a word'])[-1][:200]})"
    return f"is not tight ({', '.join(problems)})" if problems else ""


@contextmanager
def isolated_python(
    kind: str, program: Path, readable: dict[str, Path], environment: dict[str, str], stderr: int = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen, list[str]]]:
    """Start a Python program shut in, and yield its process, and a list that gets the reason if the watch ends it.

    The process talks in bytes by `stdin` and `stdout`. `readable` are the folders that it may read, by the variables of
    its environment that say where they are; `program` lies in one of them. Where this runs as root, they must be
    readable for everybody. `environment` are all other variables; `HOME` and `TMPDIR` are added for its current folder,
    which is empty, writable and gone afterwards. At the end of the block nothing of it is left.

    Call it in a thread that lives as long as the block: what bubblewrap runs ends with the thread that started it.
    Raises OSError if the program for `kind` cannot be started.
    """
    name = f"mnist-lesson-{os.getpid()}-{secrets.token_hex(8)}"
    folder_of_its_own = tempfile.TemporaryDirectory(prefix=name, ignore_cleanup_errors=True)
    with folder_of_its_own as work, tempfile.TemporaryFile() as calls:
        paths = [path.resolve() for path in readable.values()]
        inside = {path: path if kind == "none" else PurePosixPath(f"/lesson/{paths.index(path)}") for path in paths}
        folder = next(path for path in paths if program.resolve().is_relative_to(path))
        command = ["-P", str(inside[folder] / program.resolve().relative_to(folder).as_posix())]
        here = work if kind == "none" else "/tmp"
        environment = environment | {name: str(inside[path.resolve()]) for name, path in readable.items()}
        environment |= {"HOME": here, "TMPDIR": here}
        if kind in ("docker", "podman"):
            argv = container_argv(kind, name, inside, started("/usr/local/bin/python", command, LIMITS, environment))
        else:
            environment |= {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # for Windows
            argv = started(sys.executable, command, LIMITS | thread_limit(), environment)
        if kind == "bwrap":
            is_filtered = calls.write(call_filter())
            calls.seek(0)
            argv = bwrap_argv(inside, argv, calls.fileno() if is_filtered else None)
        process = subprocess.Popen(
            argv,
            cwd=work,
            env=None if kind in ("docker", "podman") else environment,  # they read the instructor's settings
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=[calls.fileno()] if kind == "bwrap" else (),
            start_new_session=True,  # so that what it leaves behind can be found
        )
        reasons, is_done = [], threading.Event()
        if kind in ("bwrap", "none"):  # of a container the system takes care
            threading.Thread(target=watch, args=(kind, process, reasons, is_done), daemon=True).start()
        try:
            yield process, reasons
        finally:
            is_done.set()
            end_process_tree(process)
            if kind in ("docker", "podman"):  # a container outlives the program that started it
                with suppress(OSError, subprocess.SubprocessError):
                    subprocess.run([kind, "rm", "--force", name], capture_output=True, timeout=60)
            for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
                with suppress(OSError):  # what was not yet written has no reader
                    stream.close()


def started(python: str, command: list[str], limits: dict[str, int], environment: dict[str, str]) -> list[str]:
    """Return what runs Python with limits, and with no environment but the given one; Windows has no limits."""
    if os.name == "nt" and python == sys.executable:
        return [python, *command]
    return [python, "-I", "-S", "-c", START, *map(json.dumps, (limits, environment, [python, *command]))]


def thread_limit() -> dict[str, int]:
    """Return the limit of threads, which the system counts for a user, and not for root.

    Linux before 5.14, and other systems, count in what else the user runs, so that comes on top.
    """
    import psutil

    if not hasattr(os, "getuid"):
        return {}
    found = [process.info for process in psutil.process_iter(["uids", "num_threads"]) if os.getuid()]
    others = sum(info["num_threads"] or 1 for info in found if info["uids"] and info["uids"].real == os.getuid())
    return {"RLIMIT_NPROC": MOST_THREADS + others}


def container_argv(kind: str, name: str, inside: dict[Path, PurePosixPath], command: list[str]) -> list[str]:
    """Return what runs a command in a container of Docker or Podman, with folders to read at the given places inside."""
    options = f"""run --rm --interactive --pull never --name {name} --log-driver none --network none --read-only
        --tmpfs /tmp:rw,nosuid,nodev,mode=1777,size={MOST_WRITTEN} --shm-size {MOST_WRITTEN} --workdir /tmp
        --memory {MOST_MEMORY} --memory-swap {MOST_MEMORY} --pids-limit {MOST_THREADS} --cap-drop ALL
        --security-opt no-new-privileges --security-opt label=disable""".split()
    if hasattr(os, "getuid") and os.getuid():  # the folders may be readable for this user alone
        options += ["--user", f"{os.getuid()}:{os.getgid()}", *(["--userns", "keep-id"] if kind == "podman" else [])]
    for path, place in inside.items():
        options += ["--mount", f"type=bind,source={path},target={place},readonly"]
    return [kind, *options, image(), *command]


def image() -> str:
    """Return the name of the image that Containerfile describes; its packages are those of this version of the lesson."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"mnist-lesson-check:{project['version']}"
