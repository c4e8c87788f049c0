"""Train the network that reads people's handwriting in notebook 08: python scripts/measure/train_reader.py

It is the `CNN` of the lesson, trained with notebook 09's best recipe for SGD, on more than MNIST: four parts together.
- 55,000 images of MNIST. The other 5,000 training images are held out, and judge with the rest of the table below.
- 40,000 of them written again with other pens, from a ballpoint to a felt pen.
- 40,000 digits drawn in the many ways of `reader_ways.py`, such as a 1 with a long upstroke, or a 0 with a slash.
- 20,000 things that are no digits, from `others.py`. For these, all ten probabilities shall be the same, so that a
  low one means: this is no digit. (Source: D. Hendrycks, M. Mazeika and T. Dietterich, "Deep anomaly detection with
  outlier exposure", ICLR 2019.) Letters, scribbles, halves of digits and two digits at once are among them.

What each part brings, in percent, as mean and standard deviation of three seeds after 1,720 batches, which are
two epochs of MNIST. Two ways to write each digit are left out here, and drawn to judge by. Refused is what has a lower
probability than all but 1 % of the held-out digits; it is of families that no network was trained with.

| trained with                    | held-out MNIST | with other pens | in new ways | no digits, refused |
| ------------------------------- | -------------- | --------------- | ----------- | ------------------ |
| MNIST alone                     |   98.99 ± 0.05 |    97.17 ± 0.15 | 90.7 ± 0.4  |           34 ± 2   |
| and other pens                  |   99.05 ± 0.12 |    97.70 ± 0.02 | 90.3 ± 1.0  |           30 ± 4   |
| and drawn digits                |   98.84 ± 0.12 |    97.20 ± 0.09 | 94.8 ± 0.5  |           28 ± 3   |
| and what is no digit            |   98.67 ± 0.09 |    97.10 ± 0.14 | 94.6 ± 0.7  |           73 ± 1   |
| and thicker or thinner strokes  |   98.65 ± 0.10 |    96.97 ± 0.14 | 93.6 ± 0.3  |           74 ± 1   |
| 12,000 batches: MNIST alone     |   99.42 ± 0.03 |    97.71 ± 0.11 | 93.0 ± 0.1  |           43 ± 1   |
| 12,000 batches: as it is stored |   99.35 ± 0.06 |    98.09 ± 0.09 | (not new)   |           82 ± 0.4 |

So strokes that are made thicker or thinner on the way bring nothing more, and were left out. Nor did anything clear
come of smooth random bends, of 20,000 batches, or of a smaller weight decay; each was tried with one seed.

Writes `reader/` and `reader.json` into `mnist_lesson/stored/`, in 45 minutes. After a stop, start again: it goes on.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (0, 1)]  # this folder, and that of install.py

from install import ROOT, use_lesson_python
from measure_recipes import kept
from reader_ways import WAYS

SEEDS = range(3)
FINAL_SEED = 0
STEPS = 1_720  # of each variant: two epochs of MNIST
FINAL_STEPS = 12_000
PARTS = ("MNIST", "other pens", "drawn", "others")

# What the training images of each variant are, and whether MNIST's strokes are made thicker and thinner on the way.
VARIANTS = {
    "MNIST alone": (PARTS[:1], False),
    "and other pens": (PARTS[:2], False),
    "and drawn digits": (PARTS[:3], False),
    "and what is no digit": (PARTS, False),
    "and thicker or thinner strokes": (PARTS, True),
}

# These ways to write a digit are not among the training images of the variants: do they read them all the same?
NEW_WAYS = {
    0: ("slashed ring", "curl"),
    1: ("long upstroke", "foot"),
    2: ("swan", "big loop"),
    3: ("flat", "big head"),
    4: ("triangle", "bowl"),
    5: ("ess", "lost bar"),
    6: ("hook", "small loop"),
    7: ("hook, bar", "upright"),
    8: ("rings apart", "lean"),
    9: ("ring and line", "round back"),
}


def ways(new: bool) -> dict:
    """Return the new ways to write each digit, or all others."""
    return {
        digit: {name: strokes for name, strokes in of.items() if (name in NEW_WAYS[digit]) == new}
        for digit, of in WAYS.items()
    }


@cache
def mnist() -> tuple:
    """Return MNIST's training images and labels, 55,000 to train with and 5,000 held out; images are uint8."""
    from mnist_lesson.further.recipes import hold_out, load_tensors

    return tuple(((255 * images).round().byte(), labels) for images, labels in hold_out(*load_tensors(train=True)))


@cache
def training_part(part: str, all_ways: bool) -> tuple:
    """Return the images of one part of the training set, uint8, and how probable each digit shall be, (N, 10)."""
    import torch
    import torch.nn.functional as F
    from reader_digits import draw_digits, draw_others, rewrite

    if part == "others":  # no digit is more probable than another
        images = draw_others(20_000, seed=3, part="train")
        return images, torch.full((len(images), 10), 0.1)
    images, labels = mnist()[0]
    if part == "other pens":
        images, labels = rewrite(images[:40_000], seed=1), labels[:40_000]
    if part == "drawn":
        images, labels = draw_digits(40_000, seed=2, ways=WAYS if all_ways else ways(new=False))
    return images, F.one_hot(labels, 10).float()


def thicker_or_thinner(images):
    """Make the strokes of some images, (N, 1, 28, 28), up to a pixel thicker on each side, and of others thinner."""
    import torch
    import torch.nn.functional as F

    by = torch.rand(len(images), 1, 1, 1) * 2 - 1
    thick = by.clamp(min=0) * (F.max_pool2d(images, 3, stride=1, padding=1) - images)
    thin = 0.6 * by.clamp(max=0) * (images + F.max_pool2d(-images, 3, stride=1, padding=1))
    return images + (thick + thin) * (by.abs() > 0.3)


def fit_reader(parts: list, steps: int, thickness: bool, seed: int):
    """Train a network on the images of all parts together, for this many batches.

    Returns it in eval mode; it takes images with values in 0..1.
    """
    import torch
    import torch.nn.functional as F

    from mnist_lesson.further.recipes import (
        CLASSIC,
        PoolFirstCNN,
        augment,
        average_weights,
        bfloat16_gain,
        keep_freed_memory,
        make_optimizer,
        make_schedule,
        random_batches,
        to_inputs,
    )

    torch.manual_seed(seed)
    keep_freed_memory()
    images, targets = (torch.cat(tensors) for tensors in zip(*parts))
    model = PoolFirstCNN().to(memory_format=torch.channels_last)
    bfloat16 = bfloat16_gain(model, images[: CLASSIC.batch_size].float()) > 1
    optimizer = make_optimizer(model, CLASSIC)
    schedule = make_schedule(optimizer, CLASSIC, steps)
    averaged = average_weights(model, CLASSIC.average)
    model.train()
    batches = (batch for _ in range(steps) for batch in random_batches(len(images), CLASSIC.batch_size))
    for batch in islice(batches, steps):
        inputs = images[batch].float() / 255
        inputs = to_inputs(augment(thicker_or_thinner(inputs) if thickness else inputs), CLASSIC)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(inputs)
        loss = F.cross_entropy(logits.float(), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        averaged.update_parameters(model)
    return take_in_normalisation(averaged.module)


def take_in_normalisation(model):
    """Return a `CNN` that computes for images with values in 0..1 what `model` computes for normalised ones.

    conv1 multiplies and adds, as normalising does, and it has no padding: so both are done in one.
    """
    import torch

    from mnist_lesson.further.recipes import MEAN, STD
    from mnist_lesson.model import CNN

    whole = CNN().eval()
    whole.load_state_dict(model.state_dict())
    with torch.no_grad():
        whole.conv1.bias -= whole.conv1.weight.sum(dim=(1, 2, 3)) * MEAN / STD
        whole.conv1.weight /= STD
    return whole


@cache
def judges() -> dict:
    """Return images and labels of each set of digits that the variants are judged by: none was trained with them."""
    from reader_digits import draw_digits, rewrite

    images, labels = mnist()[1]
    return {
        "held-out MNIST": (images, labels),
        "held-out MNIST, other pens": (rewrite(images, seed=4), labels),
        "drawn in new ways": draw_digits(3_000, seed=5, ways=ways(new=True)),
    }


@cache
def no_digits():
    """Return images of other kinds than those that the network is trained to be unsure of."""
    from reader_digits import draw_others

    return draw_others(3_000, seed=6, part="test")


def judge(model) -> dict[str, float]:
    """Return the accuracy on each set of digits, and the share of no digits that are refused at a cost of 1 %.

    Refused is what has a lower probability than all but 1 % of the held-out digits: these 1 % are the cost.
    """
    read_as = {name: read(images, model) for name, (images, _) in judges().items()}
    measured = {
        name: (read_as[name].indices == labels).double().mean().item() for name, (_, labels) in judges().items()
    }
    threshold = read_as["held-out MNIST"].values.quantile(0.01)
    measured["no digits, refused"] = (read(no_digits(), model).values < threshold).double().mean().item()
    return {name: round(share, 4) for name, share in measured.items()}


def read(images, model):
    """Return the largest probability of each image, uint8, as `.values`, and its digit as `.indices`."""
    import torch

    with torch.no_grad():
        logits = torch.cat([model(some / 255) for some in images.split(500)])
    return logits.softmax(dim=1).max(dim=1)


def try_variant(parts: tuple, thickness: bool, steps: int, all_ways: bool) -> dict[str, float]:
    """Train one variant with the seed that is set, and judge it."""
    import torch

    return judge(fit_reader([training_part(part, all_ways) for part in parts], steps, thickness, torch.initial_seed()))


def train_final() -> Path:
    """Train the network that is stored, if that was not done yet, and return the folder of the run.

    Its history has one entry, of the finished network: here the test images are looked at, once.
    """
    import torch

    from mnist_lesson.engine import test
    from mnist_lesson.further.recipes import CLASSIC, load_tensors
    from mnist_lesson.results import History, save_run

    folder = ROOT / "runs" / "reader"
    if not (folder / "run.json").is_file():
        print(f"the reader, {FINAL_STEPS} batches", flush=True)
        parts = [training_part(part, all_ways=True) for part in PARTS]
        model = fit_reader(parts, FINAL_STEPS, thickness=False, seed=FINAL_SEED)
        loss_fn = torch.nn.CrossEntropyLoss()
        results = [
            test(list(zip(images.split(500), labels.split(500))), model, loss_fn)
            for images, labels in ((mnist()[0][0] / 255, mnist()[0][1]), load_tensors(train=False))
        ]
        history = History()
        history.add(*results[0], *results[1])
        settings = {"BATCHES": FINAL_STEPS, "BATCH_SIZE": CLASSIC.batch_size, "LEARN_RATE": CLASSIC.learn_rate}
        save_run(folder, model, history, {**settings, "SEED": FINAL_SEED})
    return folder


def main() -> int:
    use_lesson_python()
    from mnist_lesson.device import environment
    from mnist_lesson.files import write_whole
    from mnist_lesson.results import load_run
    from mnist_lesson.stored import READER_DIR, STORED_DIR

    variants = {
        name: [kept(f"reader: {name}", seed, try_variant, *variant, STEPS, False) for seed in SEEDS]
        for name, variant in VARIANTS.items()
    }
    final = (PARTS, False, FINAL_STEPS, True)
    alone = (PARTS[:1], False, FINAL_STEPS, False)
    as_long = [kept("reader: MNIST alone, as long", seed, try_variant, *alone) for seed in SEEDS]
    again = [kept("reader: as stored", seed, try_variant, *final) for seed in SEEDS if seed != FINAL_SEED]
    run = train_final()
    READER_DIR.mkdir(exist_ok=True)
    for name in ("weights.pt", "run.json"):
        write_whole(READER_DIR / name, (run / name).read_bytes())
    result = {
        "what": "accuracies on digits, and the share of no digits that is refused where 1 % of the held-out digits are; "
        "variants: trained for a short time, with some of the parts; as stored: the network in reader/ and two more "
        "like it, trained for longer and with all ways to write a digit, so that none is new to them; MNIST alone, as "
        "long: what they are to be compared with",
        "date": date.today().isoformat(),
        "environment": environment(),
        "batches": {"variants": STEPS, "as stored": FINAL_STEPS},
        "variants": variants,
        "MNIST alone, as long": as_long,
        "as stored": [{"seed": FINAL_SEED, **judge(load_run(READER_DIR).model)}, *again],
    }
    write_whole(STORED_DIR / "reader.json", json.dumps(result) + "\n")
    print(f"Wrote {STORED_DIR / 'reader.json'} and {READER_DIR}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
