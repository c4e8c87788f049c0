"""scripts/processes.py: what a program started ends with it, whatever it did to stay."""

import os
import subprocess
import sys
import time

import psutil
import pytest
from processes import end_process_tree

# A program that starts others, down to a depth, writes down all their numbers, and then sleeps or crashes.
FAMILY = """
import os, subprocess, sys, time
folder, depth, own_sessions, crashes = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True", sys.argv[4] == "True"
if depth:
    child = [sys.executable, __file__, folder, str(depth - 1), sys.argv[3], "False"]
    subprocess.Popen(child, start_new_session=own_sessions and depth == 1)
open(os.path.join(folder, f"{depth}.part"), "w").write(str(os.getpid()))
os.replace(os.path.join(folder, f"{depth}.part"), os.path.join(folder, f"{depth}.pid"))
while crashes and not os.path.exists(os.path.join(folder, "0.pid")):
    time.sleep(0.05)
os._exit(1) if crashes else time.sleep(600)
"""


def start_family(folder, own_sessions=False, crashes=False):
    """Start a program, its child and its grandchild; return the first and the numbers of all."""
    (folder / "family.py").write_text(FAMILY)
    process = subprocess.Popen(
        [sys.executable, str(folder / "family.py"), str(folder), "2", str(own_sessions), str(crashes)],
        start_new_session=True,
    )
    wait_for(lambda: len(list(folder.glob("*.pid"))) == 3)
    if crashes:
        wait_for(lambda: process.poll() is not None)
    return process, [int(path.read_text()) for path in folder.glob("*.pid")]


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def running(pids):
    """Return those that still run; one that has ended and only waits to be counted does not."""
    found = []
    for pid in pids:
        try:
            found += [pid] if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else []
        except psutil.NoSuchProcess:
            pass
    return found


@pytest.mark.parametrize("own_sessions", [False, True], ids=["one session", "own sessions"])
@pytest.mark.parametrize("crashes", [False, True], ids=["runs", "has crashed"])
def test_all_are_gone(tmp_path, own_sessions, crashes):
    if crashes and os.name == "nt":
        pytest.skip("Windows has no process groups, so what a crash leaves behind cannot be found")
    process, pids = start_family(tmp_path, own_sessions, crashes)
    try:
        assert len(running(pids)) == 3 - crashes
        end_process_tree(process)
        assert running(pids) == [], "these were left behind"
        assert process.returncode is not None, "the process must be waited for"
    finally:
        for pid in running(pids):
            psutil.Process(pid).kill()


def test_one_that_has_ended_is_no_error():
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    end_process_tree(process)
    assert process.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups")
def test_without_a_session_of_its_own_the_group_of_the_tests_is_left_alone():
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        end_process_tree(process)
        assert process.returncode is not None and bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
