"""Watch what a handed-in notebook uses, with all the processes that it has started, and end it if that is too much.

The limits of the system hold for one process each. Many processes, or what they share, pass them.
"""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress

from processes import end_process_tree

MB = 2**20
# What one notebook may use, all its processes together
MOST_MEMORY, MOST_PROCESSES, MOST_THREADS, MOST_FILES = 3072 * MB, 64, 128, 50_000
SECONDS = 0.25  # between two looks


def watch(kind: str, process: subprocess.Popen, reasons: list[str], is_done: threading.Event) -> None:
    """Look four times a second what a program and all that it has started use, and end it if that is too much."""
    import psutil

    while not is_done.wait(SECONDS):
        try:
            reason = excess(kind, psutil.Process(process.pid))
        except psutil.Error:  # it has ended
            return
        if reason:
            reasons.append(reason)
            process.kill()  # bubblewrap takes all with it at once
            return end_process_tree(process)


def excess(kind: str, process) -> str:
    """Say what a process (of psutil) and those below it use too much of, or nothing."""
    processes = [process, *process.children(recursive=True)]
    if len(processes) > MOST_PROCESSES:
        return f"it ran more than {MOST_PROCESSES} processes at once"
    if kind == "bwrap" and files_of(processes[-1]) > MOST_FILES:
        return f"it kept more than {MOST_FILES:,} files"
    for kind_of_memory in ("rss", "pss"):  # the first is quick, but counts what is shared for each process
        if sum(memory_of(member, kind_of_memory) for member in processes) <= MOST_MEMORY:
            return ""
    return f"it used more than {MOST_MEMORY // MB} MB of memory"


def memory_of(process, kind: str) -> int:
    """Return the memory of a process (of psutil) in bytes, with all that it shares ("rss"), or its part of it ("pss")."""
    import psutil

    try:
        return process.memory_info().rss if kind == "rss" else process.memory_full_info().pss
    except psutil.NoSuchProcess:
        return 0
    except (psutil.Error, AttributeError):  # "pss" is for Linux, and for those who may look
        return process.memory_info().rss


def files_of(process) -> int:
    """Return how many files there are in the folders that a process (of psutil) inside bubblewrap may write to."""
    with suppress(OSError):  # it has ended, or we may not look
        found = [os.statvfs(f"/proc/{process.pid}/root/{folder}") for folder in ("tmp", "dev/shm")]
        return sum(folder.f_files - folder.f_ffree for folder in found)
    return 0
