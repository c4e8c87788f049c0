"""mnist_lesson/__init__.py: how PyTorch's threads wait, on a busy machine and on another."""

import os
import sys

import psutil
import pytest

import mnist_lesson


@pytest.fixture
def machine(monkeypatch):
    """A machine with four cores, on which other programs take `busy` percent of all; PyTorch is not imported yet."""
    machine = {"busy": 90}
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: machine["busy"])
    monkeypatch.setattr(psutil, "cpu_count", lambda: 4)
    return machine


@pytest.mark.parametrize("busy, policy", [(90, "PASSIVE"), (13, "PASSIVE"), (12, None), (0, None)])
def test_on_a_busy_machine_threads_that_wait_sleep(machine, busy, policy):
    machine["busy"] = busy
    mnist_lesson.let_threads_sleep()
    assert os.environ.get("OMP_WAIT_POLICY") == policy


def test_a_choice_of_the_user_stays(machine, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    mnist_lesson.let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_where_pytorch_is_imported_or_has_one_thread_nothing_is_measured(machine, monkeypatch):
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: pytest.fail("this takes time"))
    with monkeypatch.context() as changed:
        changed.setenv("OMP_NUM_THREADS", "1")
        mnist_lesson.let_threads_sleep()
    monkeypatch.setitem(sys.modules, "torch", object())
    mnist_lesson.let_threads_sleep()
    assert "OMP_WAIT_POLICY" not in os.environ
