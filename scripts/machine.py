"""How much of the machine this process has: cores, memory, and what other programs leave of them."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path, PurePosixPath


def available_cores() -> float:
    """Return how many cores this process may use: in a container often fewer than there are, and 1.5 is possible."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux
        cores = len(os.sched_getaffinity(0))
    shares = [text.split() for text in limits("cpu.max")]  # "150000 100000", or "max 100000"
    shares += zip(limits("cpu.cfs_quota_us"), limits("cpu.cfs_period_us"))
    return min([cores, *(int(quota) / int(period) for quota, period in shares if quota not in ("max", "-1"))])


def available_memory() -> int:
    """Return how many bytes of memory this process may take."""
    import psutil

    most = [int(text) for text in limits("memory.max") + limits("memory.limit_in_bytes") if text != "max"]
    return min([psutil.virtual_memory().available, *most])


def limits(name: str, root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> list[str]:
    """Return what the files of a name, such as cpu.max, say in the control groups of this process, which Linux has.

    A group has the limits of those above it too. Version 1 has a tree for each controller, version 2 one for all.
    """
    controller, found = name.split(".")[0], []
    for line in own.read_text().splitlines() if own.exists() else []:
        _, controllers, group = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            tree = root / controller if controllers else root
            # In a container the names are often those outside; then only the topmost is there.
            places = [PurePosixPath(group), *PurePosixPath(group).parents]
            files = [tree / place.relative_to("/") / name for place in places]
            found += [file.read_text().strip() for file in files if file.is_file()]
    return found


def load_of_others(seconds: float = 0.5) -> Counter:
    """Return how much other programs work, by name, in percent of a core."""
    import psutil

    others = [process for process in psutil.process_iter(["name"]) if process.pid not in (0, os.getpid())]
    load = Counter()
    for wait in (seconds, 0):
        load.clear()
        for process in others:
            with suppress(psutil.Error):  # it went away meanwhile
                load[process.info["name"] or "a program"] += process.cpu_percent()  # since the call before
        time.sleep(wait)
    return load
