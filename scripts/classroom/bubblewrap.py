"""How bubblewrap (`bwrap`, for Linux) is called, so that a program inside sees and reaches next to nothing.

It gets users, processes, a network and a file system of its own (namespaces of Linux). There is a network without any
connection. The file system holds what a program needs to start, and what it is given, read-only, and two small folders
to write to, /tmp and /dev/shm, which are held in memory.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import struct
import sys
from pathlib import Path, PurePosixPath

from packages import ROOT

MOST_WRITTEN = 256 * 2**20  # bytes, in each of the two folders

# What programs need to start, as far as it is there; the rest of /etc and /sys says too much about the machine.
SYSTEM = "/usr /bin /sbin /lib /lib32 /lib64 /nix/store /sys/devices/system/cpu"
SYSTEM += " /etc/alternatives /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d /etc/localtime"

ALONE = "--unshare-user --disable-userns --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try"
ALONE += " --uid 1000 --gid 1000 --hostname lesson --cap-drop ALL --die-with-parent --new-session"

# Give up root for the user of a number, and become a program.
AS_USER = """
import os, sys
user = int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
os.execv(sys.argv[2], sys.argv[2:])
"""

# Calls of the system for memory that no limit counts and no process shows (memfd_create, memfd_secret, shmget), and for
# the keys of whoever started this (add_key, request_key, keyctl). For each kind of processor: its number
# (AUDIT_ARCH_... in linux/audit.h), and those of the calls (asm/unistd.h).
FORBIDDEN = {
    "x86_64": (0xC000003E, (319, 447, 29, 248, 249, 250)),
    "aarch64": (0xC00000B7, (279, 447, 194, 217, 218, 219)),
}


def bwrap_argv(inside: dict[Path, PurePosixPath], command: list[str], calls: int | None) -> list[str]:
    """Return what runs a command in bubblewrap, with folders to read at the given places inside.

    `calls` is the number of an open file with what `call_filter` returns, or None if that is empty. As root, the command runs as a user of its
    own, who owns nothing, and for whom the system counts processes; it does not for root. A first bubblewrap makes
    all that is needed reachable for this user, wherever it lies.
    """
    bwrap = shutil.which("bwrap")
    sources = {path: path for path in map(Path, SYSTEM.split()) if path.exists() and not path.is_symlink()}
    for path in [*python_paths(), Path(bwrap)]:
        if not any(path.is_relative_to(place) for place in sources):
            sources[path] = path.resolve()
    sources |= {Path(place): path.resolve() for path, place in inside.items()}
    alone = [bwrap, *ALONE.split(), *(["--seccomp", str(calls)] if calls is not None else [])]
    if os.geteuid() != 0:
        return [*alone, *mounts(sources, ["--proc", "/proc"]), "--", *command]
    # Nobody has a number of this range: systemd.io/UIDS-GIDS
    as_user = [sys.executable, "-I", "-S", "-c", AS_USER, str(1_900_000_000 + secrets.randbelow(90_000_000))]
    if not may_mount():
        return [*as_user, *alone, *mounts(sources, ["--proc", "/proc"]), "--", *command]
    first = [bwrap, *"--unshare-pid --die-with-parent --cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID".split()]
    # The second may make a /proc of its own only where nothing of the one it sees is covered.
    first += [*mounts(sources, ["--bind", "/proc", "/proc"]), "--"]
    return [*first, *as_user, *alone, *mounts({path: path for path in sources}, ["--proc", "/proc"]), "--", *command]


def may_mount() -> bool:
    """Tell whether root has its rights over file systems, which it lacks in most containers (CAP_SYS_ADMIN, bit 21)."""
    rights = re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return bool(int(rights[1], 16) >> 21 & 1)


def mounts(sources: dict[Path, Path], proc: list[str]) -> list[str]:
    """Return bubblewrap's options for what is there inside: each source at its place, and nothing of the lesson's.

    `proc` are the options for /proc.
    """
    links = [path for path in map(Path, SYSTEM.split()) if path.is_symlink()]
    copies = [path / "mnist_lesson" for path in python_paths() if (path / "mnist_lesson").is_dir()]  # with checkers
    hidden = [ROOT, Path(os.path.expanduser("~")), *copies]
    empty = {path for path in hidden if any(path.is_relative_to(place) for place in sources)}
    # A folder in /tmp could be renamed inside, and another one put in its place, unless it is mounted itself.
    empty |= {Path(*path.parts[:3]) for path in sources if path.parts[1] == "tmp" and len(path.parts) > 3}
    above = {folder for path in sources for folder in path.parents if folder.name}
    options = [(path, ["--dir", str(path)]) for path in above]  # bwrap may make them for their owner alone
    options += [(path, ["--ro-bind", str(source), str(path)]) for path, source in sources.items()]
    options += [(path, ["--symlink", os.readlink(path), str(path)]) for path in links]
    options += [(path, ["--tmpfs", str(path)]) for path in empty]
    options += [(Path("/proc"), proc), (Path("/dev"), ["--dev", "/dev"])]
    options += [(Path(path), ["--size", str(MOST_WRITTEN), "--tmpfs", path]) for path in ("/tmp", "/dev/shm")]
    options.sort(key=lambda option: len(option[0].parts))  # what lies deeper comes later, and stays in sight
    read_only = [part for path in [*empty, "/dev", "/"] for part in ("--remount-ro", str(path))]
    return [part for _, option in options for part in option] + read_only + ["--chdir", "/tmp"]


def python_paths() -> list[Path]:
    """Return the folders and links of the lesson's Python, and where they lead."""
    paths, step = {Path(sys.prefix), Path(sys.base_prefix)}, Path(sys.executable)
    while step.is_symlink():
        step = Path(os.path.normpath(step.parent / os.readlink(step)))
        paths.add(step)
    paths |= {Path(path) for path in sys.path if Path(path).name in ("site-packages", "dist-packages")}
    return sorted(path for path in paths | {path.resolve() for path in paths} if path.exists())


def call_filter() -> bytes:
    """Return a program for the kernel (BPF) that forbids some calls, as if this system did not have them.

    It is empty for processors that are not in FORBIDDEN. Source: the kernel's documentation, "Seccomp BPF".
    """
    if platform.machine() not in FORBIDDEN:
        return b""
    processor, calls = FORBIDDEN[platform.machine()]
    load, is_equal, is_at_least, answer = (
        0x20,
        0x15,
        0x35,
        0x06,
    )  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_RET|K
    left = len(calls)
    steps = [
        (load, 0, 0, 4),  # the processor's number; another one is that of 32-bit programs, with other numbers of calls
        (is_equal, 0, left + 3, processor),
        (load, 0, 0, 0),  # the number of the call
        (is_at_least, left + 1, 0, 0x40000000),  # the same calls with other numbers (x32)
        *((is_equal, left - number, 0, call) for number, call in enumerate(calls)),
        (answer, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        (answer, 0, 0, 0x00050000 | 38),  # SECCOMP_RET_ERRNO, ENOSYS
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
