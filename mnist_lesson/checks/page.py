"""The page that a learner may print when all exercises are solved: one HTML file, made without a network."""

import base64
import datetime
import html
import io
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader

from mnist_lesson.data import load_mnist
from mnist_lesson.files import write_whole
from mnist_lesson.further.faults import FAULTS
from mnist_lesson.results import RUNS_DIR, collect_logits, load_run, wilson_interval

THE_TEN = slice(240, 250)  # the ten test images that come back through the notebooks

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>A first lesson in deep learning: {name}</title>
<style>
@page {{ size: A4 landscape; margin: 15mm }}
body {{ background: white; color: black; font-family: Georgia, serif; text-align: center }}
main {{ border: 3px double #0072B2; margin: 1em auto; max-width: 52em; padding: 2em 3em }}
p {{ font-size: 1.2em; line-height: 1.5 }}
.name {{ border-bottom: 1px solid black; display: inline-block; font-size: 2em; margin: 0; padding: 0 1em }}
figure {{ display: inline-block; margin: 0.4em }}
img {{ image-rendering: pixelated; width: 56px }}
</style>
</head>
<body>
<main>
<h1>A first lesson in deep learning</h1>
<p class="name">{name}</p>
<p>has solved all {exercises} exercises, has named the fault of {diagnoses} of the {patients} patients in the bug clinic,
and has trained a convolutional network.</p>
<p>It reads <strong>{accuracy:.2%}</strong> of {total:,} digits that it never saw in training<br>
(95 % interval: {low:.2%} to {high:.2%}).</p>
<div>
{digits}
</div>
<p>Ten of these digits, and how this network reads them: {right} of 10 right.</p>
<p>{day}</p>
</main>
</body>
</html>
"""


def write_certificate(name: str, exercises: int, diagnoses: int) -> Path:
    """Write the page for a learner of this name into `runs/certificate.html`, and return where it is.

    `exercises` were solved and `diagnoses` are right. The accuracy is that of the learner's own run of notebook 05,
    counted anew. Raises FileNotFoundError if there is none, and ValueError if it is damaged.
    """
    run = load_run(RUNS_DIR / "05_training")
    test_ds = load_mnist(train=False)
    logits, labels = collect_logits(DataLoader(test_ds, batch_size=1000), run.model)
    predictions = logits.argmax(1)
    is_right = predictions == labels
    correct, total = is_right.sum().item(), len(labels)
    low, high = wilson_interval(correct, total)
    digits = map(_figure, test_ds.data[THE_TEN], predictions[THE_TEN].tolist())
    page = PAGE.format(
        name=html.escape(name),
        exercises=exercises,
        diagnoses=diagnoses,
        patients=len(FAULTS),
        accuracy=correct / total,
        total=total,
        low=low,
        high=high,
        digits="\n".join(digits),
        right=is_right[THE_TEN].sum().item(),
        day=f"{datetime.date.today():%d %B %Y}",
    )
    RUNS_DIR.mkdir(parents=True, exist_ok=True)
    write_whole(RUNS_DIR / "certificate.html", page)
    return RUNS_DIR / "certificate.html"


def _figure(image: torch.Tensor, prediction: int) -> str:
    """Return the markup of an image, (28, 28), with its prediction below it; the image is in the markup itself."""
    png = io.BytesIO()
    plt.imsave(png, image.numpy(), cmap="binary", format="png")
    source = base64.b64encode(png.getvalue()).decode()
    alt = f"a test image, read as {prediction}"
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{source}"><div>{prediction}</div></figure>'
