# ruff: noqa: F401, F811 (fixtures are imported)
"""scripts/classroom/isolation.py: what a handed-in notebook runs can reach nothing, and use up nothing, of anybody else's.

As an ordinary user these tests try what they try as root.
"""

import errno
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import bubblewrap
import isolation
import psutil
import pytest
import sandbox_watch
from handed_in import works
from isolation import NoIsolation, container_argv, find_isolation, image, isolated_python, problem_of
from packages import ROOT

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="the programs that stand in for others here are shell scripts")

# A function for programs inside: what comes of each step, its result or the name of its error
TRIED = """
import ctypes, json, os, socket, sys
def tried(**steps):
    found = {}
    for name, step in steps.items():
        try:
            found[name] = step()
        except (OSError, MemoryError, RuntimeError) as error:
            found[name] = type(error).__name__
    print(json.dumps(found), flush=True)
"""
# It ends at 2**8 processes by itself: where a limit does not hold, the test fails, and the machine goes on.
FORKS = """
import os, time
for generation in range(8):
    try:
        if os.fork() == 0 and {own_sessions}:
            os.setsid()
    except OSError:
        pass
time.sleep(60)
"""


@pytest.fixture
def quick_probe(monkeypatch):
    """Leave out of the probe what takes its time."""
    assert "import torch\n" in isolation.PROBE
    monkeypatch.setattr(isolation, "PROBE", isolation.PROBE.replace("import torch\n", ""))


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a program shut in, and returns its output, its exit status and why it was ended."""

    def run(text, kind="bwrap", seconds=60, **environment):
        program = program_of(tmp_path, TRIED + text)
        with isolated_python(kind, program, {"HERE": program.parent}, environment) as (process, reasons):
            output, _ = process.communicate(timeout=seconds)
        assert gone(program), "a process was left behind"
        return output.decode(), process.returncode, reasons

    return run


@pytest.fixture
def only(tmp_path, monkeypatch):
    """Return a function that makes shell scripts stand in for programs, by name; no others are found."""

    def only(**scripts):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return only


def program_of(folder, text):
    """Write a program with a name that no other has; its folder can be written to, if nothing shuts the program in."""
    own = folder / "own"
    own.mkdir(exist_ok=True)
    program = own / f"{uuid.uuid4()}.py"
    program.write_text(text)
    own.chmod(0o777)
    program.chmod(0o666)
    return program


def gone(program, seconds=10):
    """Tell whether no process runs the program, or none after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        infos = [p.info for p in psutil.process_iter(["cmdline", "status"]) if p.pid != os.getpid()]
        found = [info for info in infos if program.name in " ".join(info["cmdline"] or [])]
        if all(info["status"] == psutil.STATUS_ZOMBIE for info in found):
            return True
        time.sleep(0.02)
    return False


def found(output):
    return json.loads(output)


# What is out of reach


def test_the_network_is_out_of_reach(works, run):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(f"\0{uuid.uuid4()}")  # has no file, but belongs to the network of the machine
        local.listen()
        port, name = server.getsockname()[1], local.getsockname().decode()
        output, _, _ = run(
            f"""tried(
                here=lambda: str(socket.create_connection(("127.0.0.1", {port}), timeout=5)),
                out=lambda: str(socket.create_connection(("192.0.2.1", 80), timeout=5)),
                local=lambda: socket.socket(socket.AF_UNIX).connect({name!r}),
            )"""
        )
    assert found(output) == {"here": "ConnectionRefusedError", "out": "OSError", "local": "ConnectionRefusedError"}


def test_files_outside_are_out_of_reach(works, run, tmp_path):
    (tmp_path / "file").write_text("of the instructor")
    home = [path for path in Path.home().glob(".*") if path.is_file()][:1]
    paths = [tmp_path / "file", *home, *(ROOT / name for name in ("notebooks", "mnist_lesson", "tests", ".git"))]
    paths += [Path("/etc/passwd"), Path("/etc/shadow"), Path("/var"), Path("/run")]
    output, _, _ = run(f"print(json.dumps([path for path in {list(map(str, paths))} if os.path.exists(path)]))")
    assert found(output) == [], "these can be seen"


def test_a_link_leads_nowhere(works, run, tmp_path):
    (tmp_path / "file").write_text("of the instructor")
    output, _, _ = run(f"os.symlink({str(tmp_path / 'file')!r}, 'link')\ntried(read=lambda: open('link').read())")
    assert found(output) == {"read": "FileNotFoundError"}


def test_nothing_but_its_own_folders_can_be_written_to(works, run):
    output, _, _ = run(
        """
        places = [os.environ["HERE"], sys.prefix, sys.base_prefix, os.path.dirname(os.__file__), "/usr", "/usr/bin"]
        places += ["/", "/etc", "/dev", "/lesson", "/proc/sys/kernel", "/sys/devices/system/cpu"]
        tried(**{place: lambda place=place: bool(open(place + "/new", "w")) for place in places})
        tried(program=lambda: bool(open(__file__, "a")), core=lambda: bool(open("/proc/sys/kernel/core_pattern", "a")),
            moved=lambda: os.rename(os.environ["HERE"], "/tmp/moved"))
        above = [os.path.join("/tmp", name) for name in os.listdir("/tmp")]
        tried(**{path: lambda path=path: os.rename(path, "/tmp/moved") for path in above})
        tried(own=lambda: bool(open("new", "w")), tmp=lambda: bool(open("/tmp/new", "w")),
            shm=lambda: bool(open("/dev/shm/new", "w")))
        """.replace("\n        ", "\n")
    )
    places, program, above, own = map(found, output.splitlines())
    for tries in (places, program, above):
        assert True not in tries.values() and None not in tries.values(), f"{tries} must all be errors"
    assert own == {"own": True, "tmp": True, "shm": True}


def test_other_processes_are_out_of_reach(works, run):
    output, _, _ = run(
        f"""tried(kill=lambda: os.kill({os.getpid()}, 0), parent=lambda: os.kill({os.getppid()}, 0),
            all=lambda: [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) > 20])"""
    )
    assert found(output) == {"kill": "ProcessLookupError", "parent": "ProcessLookupError", "all": []}


def test_it_has_no_rights_and_cannot_get_any(works, run):
    output, _, _ = run(
        """
c = ctypes.CDLL(None, use_errno=True)
rights = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapBnd", "NoNewPrivs"))]
print(json.dumps([rights, c.unshare(0x10000000), os.getuid()]))"""
    )
    rights, users, user = found(output)
    assert [int(right, 16) for right in rights] == [0, 0, 1], "no capabilities, and none to come"
    assert users == -1, "it could make users of its own, and be root there"
    assert user == 1000


def test_some_calls_are_forbidden(works, run):
    if platform.machine() not in bubblewrap.FORBIDDEN:
        pytest.skip(f"there is no filter for {platform.machine()}")
    _, calls = bubblewrap.FORBIDDEN[platform.machine()]
    output, _, _ = run(
        f"""
c = ctypes.CDLL(None, use_errno=True)
print(json.dumps([(c.syscall(call, 0, 0, 0, 0), ctypes.get_errno()) for call in {calls}]))"""
    )
    assert found(output) == [[-1, errno.ENOSYS]] * len(calls)


def test_root_gives_up_its_rights(works, tmp_path):
    if os.getuid():
        pytest.skip("only root has them")
    program = program_of(tmp_path, "import sys\nprint('ready', flush=True)\nsys.stdin.read()")
    with isolated_python("bwrap", program, {"HERE": program.parent}, {}) as (process, _):
        assert process.stdout.readline() == b"ready\n"
        inside = psutil.Process(process.pid).children(recursive=True)[-1]
        assert set(inside.uids()) & {0, 1000} == set(), "to the system it must be a user who owns nothing"


def test_it_sees_the_environment_it_was_given(works, run, monkeypatch):
    monkeypatch.setenv("SECRET", "of the instructor")
    output, _, _ = run(
        "print(json.dumps([dict(os.environ), os.getcwd(), os.listdir('/proc/self/fd')]))", GIVEN="1 2\n3"
    )
    environment, folder, files = found(output)
    environment.pop("LC_CTYPE", None)  # Python sets it
    assert environment == {"GIVEN": "1 2\n3", "HERE": "/lesson/0", "HOME": "/tmp", "TMPDIR": "/tmp"}
    assert folder == "/tmp"
    assert set(files) <= {"0", "1", "2", "3"}, "it inherited files"
    output, _, _ = run(
        "tried(**{pid: lambda p=pid: open(f'/proc/{p}/environ').read() for pid in os.listdir('/proc') if pid.isdigit()})"
    )
    assert "of the instructor" not in output, "the program that shuts it in tells it the instructor's environment"


def test_it_reads_what_it_is_lent(works, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers").write_text("1 2 3")
    program = program_of(tmp_path, "import os\nprint(open(os.environ['DATA'] + '/numbers').read(), input())")
    with isolated_python("bwrap", program, {"HERE": program.parent, "DATA": tmp_path / "data"}, {}) as (process, _):
        assert process.communicate(b"asked\n", timeout=60)[0].split() == [b"1", b"2", b"3", b"asked"]


# Limits


@pytest.mark.parametrize("own_sessions", [False, True], ids=["one session", "own sessions"])
def test_a_fork_bomb_is_ended(works, run, monkeypatch, own_sessions):
    monkeypatch.setattr(isolation, "MOST_THREADS", 60)
    monkeypatch.setattr(sandbox_watch, "MOST_PROCESSES", 40)
    _, _, reasons = run(FORKS.format(own_sessions=own_sessions))
    assert reasons == ["it ran more than 40 processes at once"]


def test_threads_are_limited(works, run, monkeypatch):
    monkeypatch.setattr(isolation, "MOST_THREADS", 60)
    output, _, _ = run(
        """
import threading, time
def start():
    for number in range(500):
        try:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        except RuntimeError:
            return number
    return 500
print(start(), flush=True)
os._exit(0)"""
    )
    others = isolation.thread_limit()["RLIMIT_NPROC"] - 60
    assert 40 < int(output) < 70 + 2 * others, "as many threads were started"


def test_memory_of_a_process_is_limited(works, run, monkeypatch):
    monkeypatch.setitem(isolation.LIMITS, "RLIMIT_DATA", 200 * sandbox_watch.MB)
    output, _, _ = run(
        f"tried(little=lambda: len(bytearray({50 * sandbox_watch.MB})), much=lambda: len(bytearray({300 * sandbox_watch.MB})))"
    )
    assert found(output) == {"little": 50 * sandbox_watch.MB, "much": "MemoryError"}


@pytest.mark.parametrize(
    "text",
    [
        f"import mmap\nshared = mmap.mmap(-1, {250 * sandbox_watch.MB})\nshared.write(bytes(len(shared)))",
        f"os.fork()\nos.fork()\nown = bytearray({60 * sandbox_watch.MB})",
    ],
    ids=["shared", "several processes"],
)
def test_memory_of_all_processes_is_limited(works, run, monkeypatch, text):
    monkeypatch.setattr(sandbox_watch, "MOST_MEMORY", 200 * sandbox_watch.MB)
    _, _, reasons = run(f"{text}\nimport time\ntime.sleep(60)")
    assert reasons == ["it used more than 200 MB of memory"]


def test_what_is_shared_counts_once(works, run, monkeypatch):
    monkeypatch.setattr(sandbox_watch, "MOST_MEMORY", 200 * sandbox_watch.MB)
    _, status, reasons = run(
        f"import time\nshared = bytes({100 * sandbox_watch.MB})\nx = bytearray(shared)\ndel shared\nos.fork()\nos.fork()\ntime.sleep(1)"
    )
    assert (status, reasons) == (0, [])


def test_files_are_limited(works, run, monkeypatch):
    monkeypatch.setattr(bubblewrap, "MOST_WRITTEN", sandbox_watch.MB)
    output, _, _ = run(
        f"""
def fill(folder):
    for number in range(3):
        with open(f"{{folder}}/{{number}}", "wb") as file:
            file.write(bytes({sandbox_watch.MB // 2}))
tried(long=lambda: open("x", "wb").truncate({10**10}), tmp=lambda: fill("/tmp"), shm=lambda: fill("/dev/shm"))"""
    )
    assert found(output) == dict.fromkeys(["long", "tmp", "shm"], "OSError")


def test_the_number_of_files_is_limited(works, run, monkeypatch):
    monkeypatch.setattr(sandbox_watch, "MOST_FILES", 500)
    _, _, reasons = run("import time\nfor number in range(600): open(str(number), 'w').close()\ntime.sleep(60)")
    assert reasons == ["it kept more than 500 files"]


def test_computing_is_limited(works, run, monkeypatch):
    monkeypatch.setitem(isolation.LIMITS, "RLIMIT_CPU", 1)
    _, status, _ = run("while True: pass")
    assert status == 128 + signal.SIGKILL


# The end

STAYS = """
import os, signal, subprocess, sys, time
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
else:
    print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["by the block", "by a kill"])
def test_nothing_is_left(works, tmp_path, how):
    program = program_of(tmp_path, STAYS)
    with isolated_python("bwrap", program, {"HERE": program.parent}, {}) as (process, _):
        assert process.stdout.readline() == b"ready\n"
        if how == "by a kill":
            process.kill()
            process.wait()
            assert gone(program), "what it started went on"
    assert gone(program, seconds=1)


def test_nothing_is_left_of_what_ends_by_itself(works, run):
    run("import time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)")


def test_nothing_is_left_if_the_judge_is_killed(works, tmp_path):
    program = program_of(tmp_path, STAYS)
    judge = tmp_path / "judge.py"
    judge.write_text(
        f"""
import sys
from pathlib import Path
sys.path[:0] = {sys.path!r}
from isolation import isolated_python
with isolated_python("bwrap", Path({str(program)!r}), {{"HERE": Path({str(program.parent)!r})}}, {{}}) as (process, _):
    print(process.stdout.readline().decode(), flush=True)
    sys.stdin.read()
"""
    )
    with subprocess.Popen([sys.executable, judge], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        assert gone(program), "it went on without its judge"


# Without isolation


def test_none_has_a_folder_limits_and_an_end(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "of the instructor")
    text = "import json, os\nopen('new', 'w').close()\nprint(json.dumps([dict(os.environ), os.getcwd()]), flush=True)\n"
    program = program_of(tmp_path, text + "import time\ntime.sleep(600)")
    with isolated_python("none", program, {"HERE": program.parent}, {"GIVEN": "1"}) as (process, _):
        environment, folder = json.loads(process.stdout.readline())
        assert Path(folder).is_dir()
    assert gone(program)
    assert not Path(folder).exists(), "its folder was left behind"
    assert Path(environment["HERE"]) == program.parent.resolve() and environment["GIVEN"] == "1"
    assert "SECRET" not in environment and Path(environment["HOME"]).resolve() == Path(folder).resolve()


@ON_POSIX
def test_none_is_watched(run, monkeypatch):
    monkeypatch.setattr(sandbox_watch, "MOST_PROCESSES", 5)
    _, _, reasons = run("import time\nfor number in range(3): os.fork()\ntime.sleep(60)", kind="none")
    assert reasons == ["it ran more than 5 processes at once"]


# Which means there are


def test_bubblewrap_is_found(works):
    assert find_isolation(trust=False) == "bwrap"


@ON_POSIX
def test_one_that_exists_and_fails_is_noticed(only):
    only(bwrap="echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1")
    assert problem_of("bwrap") == "fails (bwrap: setting up uid map: Permission denied)"


@pytest.mark.parametrize("leak", ["network", "file"])
def test_one_that_is_not_tight_is_noticed(works, only, quick_probe, leak):
    tests = ROOT / "tests"
    changes = {
        "network": '[ "$option" = --unshare-net ] || set -- "$@" "$option"',
        "file": f"""if [ "$option" = --remount-ro ] && [ ! "$is_bound" ]
            then set -- "$@" --dir {ROOT} --ro-bind {tests} {tests}; is_bound=1
            fi
            set -- "$@" "$option" """,
    }
    only(bwrap=f'for option do shift; {changes[leak]}; done; exec {shutil.which("bwrap")} "$@"')
    words = {"network": "the network can be reached", "file": f"{tests} can be seen"}
    assert problem_of("bwrap") == f"is not tight ({words[leak]})"


@ON_POSIX
@pytest.mark.parametrize(
    "scripts, words",
    [
        ({}, "bwrap is not installed; docker is not installed; podman is not installed"),
        ({"docker": "exit 1"}, "docker does not answer"),
        ({"podman": '[ "$1" = info ]'}, "podman lacks the image"),
        ({"docker": "[ \"$1\" != run ] || { echo 'no such option' >&2; exit 1; }"}, "docker fails (no such option)"),
    ],
    ids=["nothing", "no daemon", "no image", "a failure"],
)
def test_without_any_a_sentence_says_what_to_do(only, scripts, words):
    only(**scripts)
    with pytest.raises(NoIsolation) as error:
        find_isolation(trust=False)
    sentence = str(error.value)
    assert words in sentence and "\n" not in sentence
    assert f"{next(iter(scripts), 'docker')} build --tag {image()}" in sentence and "--trust" in sentence
    assert find_isolation(trust=True) == "none"


# Containers: there is none where these tests were written, so a script stands in for one

CONTAINER = """
case "$1" in
    run) echo "$@" > {folder}/run; exec {python} {folder}/container.py "$@";;
    *) echo "$@" >> {folder}/others;;
esac
"""
INSIDE = """
import json, os, sys
places = [dict(part.split("=") for part in option.split(",") if "=" in part) for option in sys.argv if "type=bind" in option]
command = sys.argv[sys.argv.index("/usr/local/bin/python"):]
command = [part.replace("/usr/local/bin/python", sys.executable) for part in command]
for place in places:
    command = [part.replace(place["target"], place["source"]) for part in command]
os.execv(command[0], command)
"""


@ON_POSIX
@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_a_container_is_started_and_removed(only, quick_probe, tmp_path, kind):
    (tmp_path / "container.py").write_text(INSIDE)
    only(**{kind: CONTAINER.format(folder=tmp_path, python=sys.executable)})
    program = program_of(tmp_path, "import os\nprint(os.environ['HERE'], input())")
    with isolated_python(kind, program, {"HERE": program.parent}, {"GIVEN": "1"}) as (process, _):
        assert process.communicate(b"asked\n", timeout=60)[0].decode().split() == [str(program.parent), "asked"]
    started = (tmp_path / "run").read_text().split()
    name = started[started.index("--name") + 1]
    assert (tmp_path / "others").read_text() == f"rm --force {name}\n", (
        "the container goes on when its program has ended"
    )
    assert f"type=bind,source={program.parent},target=/lesson/0,readonly" in started
    assert problem_of(kind).startswith("is not tight"), "the probe must notice that nothing is shut in here"


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_a_container_is_shut(kind, tmp_path):
    argv = container_argv(kind, "name", {tmp_path: Path("/lesson/0")}, ["python", "program.py"])
    assert argv[0] == kind and argv[-3:] == [image(), "python", "program.py"]
    options = " ".join(argv)
    for option in (
        "--rm --interactive --pull never",
        "--network none --read-only",
        f"--memory {sandbox_watch.MOST_MEMORY} --memory-swap {sandbox_watch.MOST_MEMORY} --pids-limit {sandbox_watch.MOST_THREADS}",
        "--cap-drop ALL --security-opt no-new-privileges",
        f"size={bubblewrap.MOST_WRITTEN}",
        "--log-driver none",  # else the output of a notebook is kept on the disk
    ):
        assert option in options
    if os.name != "nt" and os.getuid():
        assert f"--user {os.getuid()}:{os.getgid()}" in options


def test_the_image_has_the_version_of_the_lesson():
    assert f"--tag {image()} " in (ROOT / "scripts" / "classroom" / "Containerfile").read_text(encoding="utf-8")
