"""Measure for notebook 11 how few bits a weight needs, with networks of other seeds too.

    python scripts/measure/measure_bits.py

The networks are the first sixteen of calibrate.py, on the test images; nothing is chosen. Writes
`mnist_lesson/stored/bits.json`. Takes ten minutes, and where `runs/calibrate/` is empty, sixteen trainings more.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from calibrate import kept, train_fast
from install import use_lesson_python

SEEDS = range(16)
BITS = [8, 6, 4, 3, 2]


def main() -> int:
    use_lesson_python()
    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.further.recipes import load_tensors
    from mnist_lesson.results import load_run
    from mnist_lesson.stored import STORED_DIR

    images, labels = load_tensors(train=False)
    networks = []
    for seed in SEEDS:
        print(f"seed {seed}", flush=True)
        networks.append(measure(load_run(kept("fast", seed, train_fast)).model.eval(), images, labels))
    result = {
        "what": "the lesson's network with rounded weights, on the test images: its accuracy, and the share of answers "
        "that are other ones than with float32; with one scale for each channel, or one for each layer",
        "seeds": list(SEEDS),
        "date": date.today().isoformat(),
        "environment": environment(),
        "networks": {name: [network[name] for network in networks] for name in networks[0]},
    }
    write_whole(STORED_DIR / "bits.json", json.dumps(result) + "\n")
    print(f"Wrote {STORED_DIR / 'bits.json'}.")
    return 0


def to_bits(values, bits, one_scale=False):
    """Round weights as whole numbers of so many bits, times a scale, would hold them; notebook 11 explains it."""
    if values.ndim == 1:  # biases
        return values
    size = values.flatten(1).abs()  # (channels, weights of each)
    largest = size.max() if one_scale else size.amax(dim=1, keepdim=True)
    scale = largest / (2 ** (bits - 1) - 1)
    return ((values.flatten(1) / scale).round() * scale).reshape(values.shape)


def measure(model, images, labels) -> dict[str, dict[str, float]]:
    """Return accuracy and share of other answers of a model, fractions, for each way to store its weights."""
    roundings = {"float32": lambda values: values, "float16": lambda values: values.half().float()}
    for bits in BITS:
        roundings[f"{bits} bits, a scale for each channel"] = lambda values, bits=bits: to_bits(values, bits)
        roundings[f"{bits} bits, one scale for each layer"] = lambda values, bits=bits: to_bits(values, bits, True)
    before, found = None, {}
    for name, rounding in roundings.items():
        answers = answers_of({key: rounding(values) for key, values in model.state_dict().items()}, images)
        before = answers if before is None else before
        shares = {"accuracy": answers == labels, "changed": answers != before}
        found[name] = {what: round(share.float().mean().item(), 4) for what, share in shares.items()}
    return found


def answers_of(weights: dict, images):
    """Return the digits, (N,), that the network of the lesson reads with these weights."""
    import torch

    from mnist_lesson.model import CNN

    model = CNN()
    model.load_state_dict(weights)
    with torch.no_grad():
        return torch.cat([model(batch).argmax(dim=1) for batch in images.split(100)])


if __name__ == "__main__":
    sys.exit(main())
