"""scripts/classroom/sandbox_watch.py: what several processes use together is counted once, and ends them if it is too much."""

import os
import subprocess
import sys
import threading

import psutil
import pytest
import sandbox_watch


class Process:
    """A process with given memory, as psutil shows one."""

    pid = 2**31 - 1  # there is none

    def __init__(self, rss, pss, below=()):
        self.rss, self.pss, self.below = rss, pss, list(below)

    def children(self, recursive):
        return self.below

    def memory_info(self):
        return self

    def memory_full_info(self):
        if self.pss is None:
            raise psutil.AccessDenied
        return self


@pytest.mark.parametrize(
    "rss, pss, is_too_much",
    [(10, 10, False), (60, 30, False), (60, 60, True), (60, None, True)],
    ids=["little", "much of it shared", "much", "much, and we may not look"],
)
def test_memory_is_summed(monkeypatch, rss, pss, is_too_much):
    monkeypatch.setattr(sandbox_watch, "MOST_MEMORY", 100)
    found = sandbox_watch.excess("bwrap", Process(rss, pss, [Process(rss, pss)]))
    assert ("memory" in found) == is_too_much


def test_processes_are_counted(monkeypatch):
    monkeypatch.setattr(sandbox_watch, "MOST_PROCESSES", 3)
    assert sandbox_watch.excess("bwrap", Process(1, 1, [Process(1, 1)] * 2)) == ""
    assert sandbox_watch.excess("bwrap", Process(1, 1, [Process(1, 1)] * 3)) == "it ran more than 3 processes at once"


def test_the_files_of_the_system_are_not_those_of_a_notebook(monkeypatch):
    monkeypatch.setattr(sandbox_watch, "MOST_FILES", -1)
    assert sandbox_watch.excess("none", Process(1, 1)) == ""


def test_it_stops_with_the_process_and_when_it_is_told_to():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    reasons, is_done = [], threading.Event()
    threads = [threading.Thread(target=sandbox_watch.watch, args=("none", process, reasons, is_done)) for _ in range(2)]
    threads[0].start()
    is_done.set()
    threads[0].join(10)
    is_done.clear()
    threads[1].start()
    process.communicate(b"\n")
    threads[1].join(10)
    assert not any(thread.is_alive() for thread in threads) and reasons == [] and process.returncode == 0


def test_too_much_ends_it_and_what_it_started(monkeypatch):
    monkeypatch.setattr(sandbox_watch, "MOST_PROCESSES", 1)
    text = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'input()'])"
    process = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, start_new_session=os.name != "nt")
    with process:
        reasons = []
        sandbox_watch.watch("none", process, reasons, threading.Event())
        assert reasons == ["it ran more than 1 processes at once"]
        assert process.poll() is not None
