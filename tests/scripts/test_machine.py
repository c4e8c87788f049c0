"""scripts/machine.py: what a container or another program takes away is seen."""

import os
import subprocess
import sys
from types import SimpleNamespace

import machine
import psutil
import pytest


def group_files(tmp_path, own, files):
    """Write what Linux would say of control groups, and return the arguments of `limits`."""
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(f"{text}\n")
    return tmp_path / "cgroup", tmp_path / "own"


@pytest.mark.parametrize(
    "own, name, files, expected",
    [
        ("0::/\n", "cpu.max", {"cpu.max": "50000 100000"}, ["50000 100000"]),
        ("0::/a/b\n", "cpu.max", {"a/b/cpu.max": "max 100000", "a/cpu.max": "1 2"}, ["max 100000", "1 2"]),
        ("0::/a\n", "cpu.max", {"b/cpu.max": "1 2"}, []),
        ("3:cpu,cpuacct:/x\n", "cpu.cfs_quota_us", {"cpu/x/cpu.cfs_quota_us": "7"}, ["7"]),
        ("3:cpu:/outside/name\n", "cpu.cfs_quota_us", {"cpu/cpu.cfs_quota_us": "8"}, ["8"]),
        ("2:cpuacct:/x\n", "cpu.cfs_quota_us", {"cpu/x/cpu.cfs_quota_us": "7"}, []),
        ("4:memory:/\n0::/\n", "memory.max", {"memory.max": "9", "memory/memory.max": "8"}, ["8", "9"]),
        ("0::/name:with:colons\n", "memory.max", {"name:with:colons/memory.max": "9"}, ["9"]),
    ],
)
def test_limits_of_own_groups_and_of_those_above(tmp_path, own, name, files, expected):
    if os.name == "nt" and ":with:" in own:
        pytest.skip("Windows allows no colon in a name")
    assert machine.limits(name, *group_files(tmp_path, own, files)) == expected


def test_without_control_groups_there_are_no_limits(tmp_path):
    assert machine.limits("cpu.max", tmp_path, tmp_path / "none") == []


@pytest.mark.parametrize(
    "files, cores",
    [
        ({}, 64),
        ({"cpu.max": ["max 100000"]}, 64),
        ({"cpu.max": ["150000 100000", "800000 100000"]}, 1.5),
        ({"cpu.cfs_quota_us": ["-1", "200000"], "cpu.cfs_period_us": ["100000", "100000"]}, 2),
    ],
)
@pytest.mark.parametrize("system", ["Linux", "other"])
def test_cores_are_those_that_this_process_may_use(monkeypatch, files, cores, system):
    monkeypatch.setattr(machine, "limits", lambda name: files.get(name, []))
    monkeypatch.setattr(os, "cpu_count", lambda: 128 if system == "Linux" else 64)
    if system == "Linux":
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    else:
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.available_cores() == cores


@pytest.mark.parametrize(
    "files, free",
    [
        ({}, 8000),
        ({"memory.max": ["max"]}, 8000),
        ({"memory.max": ["5000", "max"]}, 5000),
        ({"memory.limit_in_bytes": ["9223372036854771712", "4000"]}, 4000),
    ],
)
def test_memory_is_what_is_free_and_allowed(monkeypatch, files, free):
    monkeypatch.setattr(machine, "limits", lambda name: files.get(name, []))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8000))
    assert machine.available_memory() == free


def test_load_is_added_up_by_name(monkeypatch):
    def process(pid, name, *percents):
        answers = iter(percents)

        def cpu_percent():
            if (percent := next(answers)) is None:
                raise psutil.NoSuchProcess(pid)
            return percent

        return SimpleNamespace(pid=pid, info={"name": name}, cpu_percent=cpu_percent)

    others = [process(10**7, "video", 900, 30), process(10**7 + 1, "video", 0, 40), process(10**7 + 2, "gone", 0, None)]
    own = [process(os.getpid(), "python", 0, 99), process(0, "System Idle Process", 0, 99)]
    monkeypatch.setattr(psutil, "process_iter", lambda names: [*others, process(10**7 + 3, None, 0, 5), *own])
    waits = []
    monkeypatch.setattr(machine.time, "sleep", waits.append)
    load = machine.load_of_others()
    assert {name: percent for name, percent in load.items() if percent} == {"video": 70, "a program": 5}
    assert sum(waits) == 0.5, "the second reading counts, since the first one is always 0"


def test_a_program_that_runs_is_seen():
    """With true processes: the load of one moment is luck, so only the names count."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        name = psutil.Process(process.pid).name()
        assert name in machine.load_of_others(0.01)
    finally:
        process.communicate(b"\n")
