"""Compare rules that refuse what is no digit, and write `mnist_lesson/stored/refusal.json`.

    python scripts/measure/measure_refusal.py

Each rule gives an image a score, and refuses it if that is below a threshold. A threshold has a cost: the share of
the held-out digits that are below it. What is no digit comes from the families of others.py that are only for
testing: no network was trained with them. It takes about a minute and a half.
"""

from __future__ import annotations

import json
import math
import re
import sys
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import use_lesson_python

SEEDS = range(1000, 1040)  # of the others: one picture of each family for each
DRAWN = 400  # digits
# The shares of held-out digits that are given up: the points of each curve.
COSTS = [0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
COST = 0.01  # of the threshold that is stored
RULES = {
    "probability": "the largest probability",
    "margin": "the largest probability minus the second largest",
    "entropy": "minus the entropy of the probabilities",
    "logit": "the largest logit",
    "energy": "logsumexp of the logits",
    "distance": "minus the Mahalanobis distance from fc1's features to the nearest of ten class means",
}


def main() -> int:
    use_lesson_python()
    import torch

    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.further.recipes import hold_out, load_tensors
    from mnist_lesson.results import load_run
    from mnist_lesson.stored import READER_DIR, REFERENCE_DIR, STORED_DIR

    torch.set_num_threads(1)  # the network is small: a second thread would only cost time
    (images, labels), (held, _) = hold_out(*load_tensors(train=True))
    print("drawing what is no digit", flush=True)
    others, families, unprepared = draw_others(SEEDS)
    print("drawing digits", flush=True)
    drawn, _ = draw_digits(DRAWN)
    networks = {}
    for name, folder in (("reference", REFERENCE_DIR), ("reader", READER_DIR)):
        score = scorer(load_run(folder).model, images[:10_000], labels[:10_000])
        networks[name] = compare(score(held), score(drawn), score(others), families)
        print_table(name, networks[name])
    stored = {
        "what": "which share of what is no digit each rule refuses, if it gives up a share (costs) of held-out digits",
        "rules": RULES,
        "held_out": len(held),
        "drawn": len(drawn),
        "others": len(others),
        "unprepared": unprepared,
        "seeds": [SEEDS[0], SEEDS[-1]],
        "date": date.today().isoformat(),
        "environment": environment(),
        "costs": COSTS,
        "cost": COST,
        "networks": networks,
    }
    write_whole(STORED_DIR / "refusal.json", as_text(stored))
    print(f"Wrote {STORED_DIR / 'refusal.json'}.")
    return 0


def draw_others(seeds: range) -> tuple:
    """Draw a picture for each test family and seed, and prepare it.

    Return the images, (N, 1, 28, 28), the family of each, and of how many pictures `prepare` made no image.
    """
    import torch
    from others import FAMILIES, draw_other

    from mnist_lesson.further.handwriting import prepare

    images, families, unprepared = [], [], 0
    for family in [family for family, part in FAMILIES.items() if part == "test"]:
        for seed in seeds:
            try:
                images.append(prepare(draw_other(family, seed)))
                families.append(family)
            except ValueError:
                unprepared += 1
    return torch.stack(images), families, unprepared


def draw_digits(number: int):
    """Draw digits in all ways that are stored as strokes, with the pens of the others, and prepare them.

    Return the images, (N, 1, 28, 28), and what they show, (N,).
    """
    import numpy as np
    import torch
    from draw_examples import DIGITS
    from handwritten_ways import RARE_WAYS
    from others import photo_of, write

    from mnist_lesson.further.handwriting import prepare

    ways = [(digit, way) for digit, usual in DIGITS.items() for way in [*usual, *RARE_WAYS[digit].values()]]
    rng = np.random.default_rng(SEEDS[0])
    drawn = [ways[place % len(ways)] for place in range(number)]
    images = [prepare(photo_of(write(way, rng), rng)) for _, way in drawn]
    return torch.stack(images), torch.tensor([digit for digit, _ in drawn])


def scorer(model, images, labels):
    """Return a function from images to the score of each rule, as name -> (N,), float64. High is like a digit.

    The means and the covariance of the features come from these training images.
    """
    import torch

    from mnist_lesson.further.inside import collect_features

    model.eval()
    features = collect_features(images, model).double()
    means = torch.stack([features[labels == digit].mean(dim=0) for digit in range(10)])
    covariance = torch.cov((features - means[labels]).T)
    whiten = torch.linalg.cholesky(torch.linalg.pinv(covariance + 1e-3 * covariance.trace() / 64 * torch.eye(64)))

    def scores(images) -> dict:
        features = collect_features(images, model)
        with torch.no_grad():
            logits = model.fc2(features).double()  # (N, 10)
        probabilities = logits.softmax(dim=1)
        first, second = probabilities.topk(2).values.unbind(dim=1)
        return {
            "probability": first,
            "margin": first - second,
            "entropy": torch.special.xlogy(probabilities, probabilities).sum(dim=1),
            "logit": logits.amax(dim=1),
            "energy": logits.logsumexp(dim=1),
            "distance": -torch.cdist(features.double() @ whiten, means @ whiten).amin(dim=1),
        }

    return scores


def compare(held: dict, drawn: dict, others: dict, families: list[str]) -> dict:
    """Return what each rule brings, from the scores of held-out digits, of drawn digits and of others.

    For each rule: "refused", the share of the others at each of COSTS; "area", how often a held-out digit has a
    higher score than another thing. At COST: "threshold", "refused_drawn", "refused_by_family", and "gain", by how
    much more of the others it refuses than the rule "probability", with the interval that holds 95 % for new families.
    """
    found = {}
    for rule, scores in held.items():
        thresholds = scores.quantile(scores.new_tensor(COSTS))
        threshold = thresholds[COSTS.index(COST)]
        by_family = share_by_family(others[rule] < threshold, families)
        found[rule] = {
            "area": area(scores, others[rule]),
            "refused": [(others[rule] < threshold).double().mean().item() for threshold in thresholds],
            "threshold": threshold.item(),
            "refused_drawn": (drawn[rule] < threshold).double().mean().item(),
            "refused_by_family": by_family,
        }
        simple = found["probability"]["refused_by_family"]
        found[rule]["gain"] = mean_and_interval([by_family[family] - simple[family] for family in simple])
    return found


def area(digits, others) -> float:
    """Return how often a digit has a higher score than another thing: the area under the curve."""
    import torch

    lower = torch.searchsorted(others.sort().values, digits.contiguous())  # how many others are below each digit
    return lower.double().mean().item() / len(others)


def share_by_family(is_refused, families: list[str]) -> dict[str, float]:
    """Return the share of each family that is refused."""
    of = {family: [] for family in families}
    for family, refused in zip(families, is_refused.tolist()):
        of[family].append(refused)
    return {family: sum(refused) / len(refused) for family, refused in of.items()}


def mean_and_interval(values: list[float]) -> list[float]:
    """Return the mean, and the lower and upper end of its interval: twice its standard error to each side.

    With 18 families, Student's distribution has 2.11 in place of the usual 1.96.
    """
    from statistics import mean, stdev

    middle, reach = mean(values), 2.11 * stdev(values) / math.sqrt(len(values))
    return [middle, middle - reach, middle + reach]


def print_table(name: str, found: dict) -> None:
    """Print what share of the others each rule refuses at three costs, and what it costs of the drawn digits."""
    print(f"{name:<12} area   1 %    2 %    5 %    drawn  gain")
    for rule, row in found.items():
        shares = [row["refused"][COSTS.index(cost)] for cost in (0.01, 0.02, 0.05)] + [row["refused_drawn"]]
        gain, low, high = row["gain"]
        print(
            f"{rule:<12} {row['area']:.3f}  {'  '.join(f'{s:5.1%}' for s in shares)}  {gain:+.3f} {low:+.3f} {high:+.3f}"
        )


def as_text(stored: dict) -> str:
    """Return JSON with numbers of at most five digits, in which a list takes one line."""
    short = json.loads(json.dumps(stored), parse_float=lambda text: float(f"{float(text):.5g}"))
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), json.dumps(short, indent=1)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
