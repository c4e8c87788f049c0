"""How long a training of notebook 10 takes when other programs keep the machine busy, with and without waiting threads.

PyTorch's threads wait for each other after each piece of work. By default they spin meanwhile, and on a busy machine
they take the processor from the very thread that they wait for. `import mnist_lesson` before torch lets them sleep.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from contextlib import contextmanager

FIRST_IMPORTS = {"threads sleep": "mnist_lesson", "threads spin": "torch"}
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
    """Return the median of the seconds, for sleeping and spinning threads, alone and beside a busy program a core."""
    results = {}
    for name, others in (("alone", 0), ("beside busy programs", os.cpu_count())):
        rows = {waiting: [] for waiting in FIRST_IMPORTS}
        with busy_programs(others):
            for _ in range(rounds):  # in turn, so that a slow moment hits both
                for waiting, first in FIRST_IMPORTS.items():
                    rows[waiting].append(seconds_of_training(first))
        results[name] = {waiting: statistics.median(row) for waiting, row in rows.items()}
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
    """Say the seconds of each way to wait, and their ratio."""
    sleep, spin = seconds.values()
    return f"{', '.join(f'{name} {value:.2f} s' for name, value in seconds.items())} (ratio {sleep / spin:.2f})"
