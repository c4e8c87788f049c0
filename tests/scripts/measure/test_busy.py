"""scripts/measure/busy.py, and that `import mnist_lesson` lets waiting threads sleep. No timing here."""

import subprocess
import sys

import busy
import pytest

FOUND = "import {first}, os, sys, mnist_lesson; print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"


def what_is_set(first, **own):
    environment = {name: value for name, value in busy.os.environ.items() if name != "OMP_WAIT_POLICY"} | own
    command = [sys.executable, "-c", FOUND.format(first=first)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def test_the_package_lets_waiting_threads_sleep_and_imports_nothing():
    assert what_is_set("mnist_lesson") == ["PASSIVE", "False"]


def test_a_choice_of_the_user_stays():
    assert what_is_set("mnist_lesson", OMP_WAIT_POLICY="ACTIVE") == ["ACTIVE", "False"]


def test_both_ways_take_turns_alone_and_beside_busy_programs(monkeypatch, capsys):
    called = []

    def seconds_of_training(first):
        called.append(first)
        return 2.0 if first == "torch" else 1.0

    monkeypatch.setattr(busy, "seconds_of_training", seconds_of_training)
    monkeypatch.setattr(busy.os, "cpu_count", lambda: 1)
    results = busy.measure_busy(2)
    assert called == ["mnist_lesson", "torch"] * 4
    assert results["alone"] == {"threads sleep": 1.0, "threads spin": 2.0}
    assert "beside busy programs: threads sleep 1.00 s, threads spin 2.00 s (ratio 0.50)" in capsys.readouterr().out


def test_busy_programs_run_and_are_gone_afterwards(monkeypatch):
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            started.append(self)

    monkeypatch.setattr(busy.subprocess, "Popen", Noted)
    with pytest.raises(ZeroDivisionError), busy.busy_programs(2):
        assert [program.poll() for program in started] == [None, None]
        1 / 0
    assert None not in [program.poll() for program in started]


def test_the_program_that_is_timed_runs():
    assert busy.seconds_of_training("mnist_lesson") > 0
