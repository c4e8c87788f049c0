"""How long a training of notebook 10 takes alone and beside busy programs, with and without the lesson's care for it.

PyTorch's threads spin while they wait for each other, and on a busy machine they take the processor from the very
thread that they wait for. `import mnist_lesson` before torch lets them sleep there.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from contextlib import contextmanager

FIRST_IMPORTS = {"lesson first": "mnist_lesson", "PyTorch first": "torch"}
PROGRAM = """
import {first}
import time
from mnist_lesson.further.faults import load_ward, sound_program
ward = load_ward()
start = time.perf_counter()
sound_program(*ward)
print(time.perf_counter() - start)
"""


def measure_busy(rounds: int) -> dict[str, dict[str, float]]:
    """Return the median of the seconds for each first import, alone and beside a busy program a core."""
    results = {}
    for name, others in (("alone", 0), ("beside busy programs", os.cpu_count())):
        rows = {order: [] for order in FIRST_IMPORTS}
        with busy_programs(others):
            for _ in range(rounds):  # in turn, so that a slow moment hits both
                for order, first in FIRST_IMPORTS.items():
                    rows[order].append(seconds_of_training(first))
        results[name] = {order: statistics.median(row) for order, row in rows.items()}
        print(f"five epochs of notebook 10, {name}: {in_words(results[name])}", flush=True)
    return results


@contextmanager
def busy_programs(number: int):
    """Keep so many programs running that do nothing but compute."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def seconds_of_training(first: str) -> float:
    """Return how long the sound program of notebook 10 trains in a fresh Python that imports `first` before all else."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", PROGRAM.format(first=first)]
    return float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)


def in_words(seconds: dict[str, float]) -> str:
    """Say the seconds of both, and their ratio."""
    lesson, torch = seconds.values()
    return f"{', '.join(f'{name} {value:.2f} s' for name, value in seconds.items())} (ratio {lesson / torch:.2f})"
