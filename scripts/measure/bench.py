"""Time the training loops of the lesson against each other, and show how the cost grows.

    python scripts/measure/bench.py

The contestants train on all of MNIST, in turn, each in a Python of its own, as a student would start it: the plain
loop as it stands in most tutorials, `train`, the fast path with the lesson's recipe, the improved recipe, the one for
one epoch, and PyTorch's example, as published and on the fast path. Single timings vary, so medians are compared.
Takes about 25 minutes. Writes `build/bench.json`, and `build/bench_growth.png`: seconds an epoch against the number of
images, the size of a batch, and the width of the network.

Before that, it times `prepare` of notebook 08 on a photo of 12 megapixels, and a training of notebook 10 alone and
beside busy programs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from busy import measure_busy
from contestants import CONTESTANTS, ENOUGH, PHOTO
from growth import draw_growth, measure_growth
from install import ROOT, use_lesson_python

ROUNDS = 3
CONTESTANT = Path(__file__).with_name("contestants.py")


def main() -> None:
    use_lesson_python()
    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole

    photo = in_own_python(PHOTO)
    print(f"a photo of 12 megapixels: {json.dumps(photo)}", flush=True)
    busy = measure_busy(ROUNDS)
    results = {name: [] for name in CONTESTANTS}
    for number in range(ROUNDS):
        for name in CONTESTANTS if number % 2 == 0 else reversed(CONTESTANTS):
            results[name].append(in_own_python(name))
            print(f"round {number + 1} of {ROUNDS}, {name}: {in_words(results[name][-1])}", flush=True)
    medians = {name: {key: median(rows, key) for key in rows[0]} for name, rows in results.items()}
    print_medians(medians)
    growth = measure_growth(ROUNDS)
    result = {
        "date": date.today().isoformat(),
        "environment": environment(),
        "a photo of 12 megapixels": photo,
        "five epochs of notebook 10: seconds": busy,
        "medians": medians,
        "rounds": results,
        "growth: seconds an epoch of 60,000 images": growth,
    }
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    write_whole(build / "bench.json", json.dumps(result, indent=1) + "\n")
    draw_growth(growth, build / "bench_growth.png")
    print(f"Wrote {build / 'bench.json'} and {build / 'bench_growth.png'}.")


def in_own_python(name: str) -> dict:
    """Run one contestant in a fresh Python, so that none profits from what another left in memory."""
    command = [sys.executable, str(CONTESTANT), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        for line in process.stdout:
            if line.startswith("Epoch:"):
                print(f"    {name}: {line}", end="", flush=True)
    if process.returncode:
        sys.exit(f"The contestant {name} failed: see above.")
    return json.loads(line)


def median(rows: list[dict], key: str) -> float | None:
    """Return the median of one figure over the rounds; a round that never got there counts as the longest."""
    value = statistics.median(float("inf") if row[key] is None else row[key] for row in rows)
    return None if value == float("inf") else value


def in_words(row: dict) -> str:
    """Say one contestant's figures; one that was never reached too."""
    return ", ".join(f"{value:.1f} {key}" if value is not None else f"never: {key}" for key, value in row.items())


def print_medians(medians: dict) -> None:
    """Print the medians, and the ratios that notebook 09 speaks of."""
    plain, example = medians["plain loop"]["seconds an epoch"], medians["example"]["seconds an epoch"]
    print(f"\nMedians of {ROUNDS}")
    print(f"{'':<13} {'s / epoch':>10} {'/ plain loop':>13} {'/ example':>10} {'peak MB':>8} {'s to 99 %':>10}")
    for name, row in medians.items():
        seconds = row["seconds an epoch"]
        until = f"{row['seconds to 99 %']:.1f}" if row.get("seconds to 99 %") else ""
        print(
            f"{name:<13} {seconds:>10.2f} {seconds / plain:>13.3f} {seconds / example:>10.3f} "
            f"{row['peak memory in MB']:>8.0f} {until:>10}"
        )
    for name, ratio in ratios(medians).items():
        print(f"{name}: {'never got there' if ratio is None else f'{ratio:.3f}'}")


def ratios(medians: dict) -> dict[str, float | None]:
    """Return times as ratios; None where a time is that of something that was never reached."""
    five_epochs = 5 * medians["plain loop"]["seconds an epoch"]
    improved, one, fast = medians["improved"], medians["one epoch"], medians["example, fast"]
    return {
        "improved recipe / five epochs of the plain loop": quotient(improved["seconds in all"], five_epochs),
        "one-epoch recipe / five epochs of the plain loop": quotient(one["seconds in all"], five_epochs),
        f"to {ENOUGH:.0%}: one-epoch recipe / example on the fast path": quotient(
            one["seconds to 99 %"], fast["seconds to 99 %"]
        ),
        f"to {ENOUGH:.0%}: one-epoch recipe / example as published": quotient(
            one["seconds to 99 %"],
            fast["epochs to 99 %"] and fast["epochs to 99 %"] * medians["example"]["seconds an epoch"],
        ),
    }


def quotient(first: float | None, second: float | None) -> float | None:
    return first / second if first and second else None


if __name__ == "__main__":
    main()
