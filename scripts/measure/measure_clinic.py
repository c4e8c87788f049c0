"""Measure with many seeds what each fault of notebook 10 shows, and write `mnist_lesson/stored/clinic.json`.

    python scripts/measure/measure_clinic.py

Each fault is put into a program with each of the two networks. It takes about half an hour on two cores.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import use_lesson_python

SEEDS = range(20)


def main() -> int:
    use_lesson_python()
    import torch

    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.further.faults import load_ward
    from mnist_lesson.stored import STORED_DIR

    torch.set_num_threads(1)  # the networks are small: a second thread would only cost time
    ward = load_ward()
    ranges = {network: {} for network in ("small", "dropout")}
    for network, fault, number, program in programs():
        print(f"{network} network, {fault}", flush=True)
        ranges[network][fault] = measure(number, program, ward, SEEDS)
    stored = {
        "what": "lowest and highest result of each measurement, for each kind of network and each fault",
        "seeds": len(SEEDS),
        "date": date.today().isoformat(),
        "environment": environment(),
        "ranges": ranges,
    }
    write_whole(STORED_DIR / "clinic.json", as_text(stored))
    print(f"Wrote {STORED_DIR / 'clinic.json'}.")
    return 0


def programs() -> list[tuple[str, str, int, Callable]]:
    """Return all programs: the kind of their network, their fault, its number (0 if it is sound), and the program.

    Without dropout and batch norm, two of the faults are none.
    """
    from mnist_lesson.further.faults import FAULTS, made, sound_program, text_of_patient

    texts = {"healthy": inspect.getsource(sound_program)}
    texts |= {fault: text_of_patient(number) for number, fault in FAULTS.items()}
    numbers = {"healthy": 0} | {fault: number for number, fault in FAULTS.items()}
    found = []
    for network, name in (("small", "small_network"), ("dropout", "network_with_dropout")):
        for fault, text in texts.items():
            if network == "dropout" or "network_with_dropout" not in text:
                found.append((network, fault, numbers[fault], made(text.replace("small_network", name))))
    return found


def measure(number: int, program: Callable, ward: tuple, seeds: range) -> dict[str, list[float]]:
    """Run a program with each seed; return the lowest and the highest result of each measurement."""
    from mnist_lesson.further.examine import MEASUREMENTS, run_case

    results = []
    for seed in seeds:
        case = run_case(number, program, ward, seed)
        for make in MEASUREMENTS.values():
            case.found.update(make(case))
        results.append(case.found)
    columns = {key: [found[key] for found in results if math.isfinite(found[key])] for key in results[0]}
    return {
        key: [float(f"{end:.4g}") for end in (min(values), max(values))] for key, values in columns.items() if values
    }


def as_text(stored: dict) -> str:
    """Return JSON in which a range takes one line, not four."""
    return re.sub(r"\[\s+(\S+)\s+(\S+)\s+\]", r"[\1 \2]", json.dumps(stored, indent=1)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
