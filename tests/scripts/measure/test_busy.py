"""scripts/measure/busy.py: both take turns, alone and beside busy programs. No timing here."""

import subprocess

import busy
import pytest


def test_both_ways_take_turns_alone_and_beside_busy_programs(monkeypatch, capsys):
    called = []

    def seconds_of_training(first):
        called.append(first)
        return 2.0 if first == "torch" else 1.0

    monkeypatch.setattr(busy, "seconds_of_training", seconds_of_training)
    monkeypatch.setattr(busy.os, "cpu_count", lambda: 1)
    results = busy.measure_busy(2)
    assert called == ["mnist_lesson", "torch"] * 4
    assert results["alone"] == {"lesson first": 1.0, "PyTorch first": 2.0}
    assert "beside busy programs: lesson first 1.00 s, PyTorch first 2.00 s (ratio 0.50)" in capsys.readouterr().out


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
