"""End a program together with everything that it started."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress

SECONDS = 5  # to wait at most until all are gone


def end_process_tree(process: subprocess.Popen) -> None:
    """End a process and everything that it started, by force, and return when they are gone, after 5 seconds at most.

    Start it with `start_new_session=True`: then also what it leaves behind when it crashes is found,
    by its process group (there are none on Windows). One that has ended already is no error.
    """
    import psutil

    family: set[psutil.Process] = set()
    end = time.monotonic() + SECONDS
    while True:
        family |= _members(process)  # again and again: they may start others while we look
        alive = [member for member in family if _is_alive(member)]
        if not alive or time.monotonic() > end:
            break
        for member in alive:
            with suppress(psutil.Error):
                member.kill()
        process.poll()  # ours must be waited for, or it stays in the table of processes
        time.sleep(0.02)
    with suppress(subprocess.TimeoutExpired):
        process.wait(1)


def _members(process: subprocess.Popen) -> set:
    """Return the process, those in its process group, and all that these have started, as far as they run."""
    import psutil

    members = set()
    for pid in _group(process):
        with suppress(psutil.Error):  # it went away meanwhile
            member = psutil.Process(pid)
            members |= {member, *member.children(recursive=True)}
    return members


def _group(process: subprocess.Popen) -> list[int]:
    """Return the numbers of the process, if it runs, and of all processes in its group."""
    import psutil

    if process.poll() is not None and psutil.pid_exists(process.pid):
        return []  # its number belongs to a stranger now, so its group is empty
    group = [] if process.returncode is not None else [process.pid]
    for pid in psutil.pids() if hasattr(os, "getpgid") else []:
        with suppress(OSError):
            if os.getpgid(pid) == process.pid:
                group.append(pid)
    return group


def _is_alive(member) -> bool:
    """Tell whether a process (of psutil) still runs; one that only waits to be counted does not."""
    import psutil

    try:
        return member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
