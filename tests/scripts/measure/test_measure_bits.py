"""scripts/measure/measure_bits.py: rounded as notebook 11 does it, and counted against the network that it was."""

import json

import measure_bits
import torch

from mnist_lesson import stored
from mnist_lesson.further.recipes import load_tensors
from mnist_lesson.results import load_run
from mnist_lesson.stored import REFERENCE_DIR, STORED_DIR


def test_accuracy_and_other_answers_are_those_of_the_rounded_network():
    model = load_run(REFERENCE_DIR).model.eval()
    images, labels = (tensor[:500] for tensor in load_tensors(train=False))
    found = measure_bits.measure(model, images, labels)
    weights = {name: measure_bits.to_bits(values, 2) for name, values in model.state_dict().items()}
    answers = measure_bits.answers_of(weights, images)
    with torch.no_grad():
        before = model(images).argmax(dim=1)
    accuracy, changed = ((answers == labels).float().mean().item(), (answers != before).float().mean().item())
    assert found["2 bits, a scale for each channel"] == {"accuracy": round(accuracy, 4), "changed": round(changed, 4)}
    assert changed > 0.05, "choose images that show a difference"
    assert found["float32"] == {"accuracy": round((before == labels).float().mean().item(), 4), "changed": 0}


def test_all_that_is_measured_is_stored(monkeypatch, tmp_path):
    monkeypatch.setattr(measure_bits, "use_lesson_python", lambda: None)
    monkeypatch.setattr(measure_bits, "kept", lambda name, seed, train: REFERENCE_DIR)
    monkeypatch.setattr(measure_bits, "SEEDS", range(2))
    row = {"float32": {"accuracy": 0.9, "changed": 0.0}}
    monkeypatch.setattr(measure_bits, "measure", lambda model, images, labels: row)
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    assert measure_bits.main() == 0
    new = json.loads((tmp_path / "bits.json").read_text(encoding="utf-8"))
    old = json.loads((STORED_DIR / "bits.json").read_text(encoding="utf-8"))
    assert list(new) == list(old) and new["networks"] == {"float32": 2 * [row["float32"]]}
    assert all(len(runs) == len(old["seeds"]) >= 8 for runs in old["networks"].values())
