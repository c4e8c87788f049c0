"""Draw the figures of the lesson: the helpers of notebook 03.

Every figure carries a description in words, the alternative text, for readers who cannot see it. Colours are
those of M. Okabe and K. Ito ("Color universal design", 2008), which colour-blind readers can tell apart.
"""

import base64
import html
import io
import math
import sys
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import MaxNLocator

from mnist_lesson.progress import kernel
from mnist_lesson.results import History

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"  # ORANGE is faint on white: for areas


def show(alt: str) -> None:
    """Show the current figure and close it; `alt` says in words what is to be seen.

    In a notebook this does what `plt.show()` does, and a screen reader reads `alt` aloud.
    Raises ValueError if there is no figure or no description.
    """
    if not plt.get_fignums() or not plt.gcf().axes:
        raise ValueError("there is no figure to show: draw something first, in the same cell.")
    if not alt.strip():
        raise ValueError("describe the figure in a sentence: show('A bar chart of ...').")
    if kernel() is None:
        return plt.show()
    png = io.BytesIO()
    # Without the version of matplotlib in it, the same figure is the same file everywhere.
    plt.savefig(png, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    plt.close()
    source = base64.b64encode(png.getvalue()).decode()
    image = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}">'
    sys.modules["IPython"].display.display({"text/html": image, "text/plain": alt}, raw=True)


def show_digits(images: torch.Tensor, titles: Sequence[object], what: str, columns: int = 10) -> None:
    """Show images, (N, 1, 28, 28) or (N, 28, 28), in rows, each under its title; ink is black.

    `what` says in a few words what they are. Raises ValueError if there is not one title for each image.
    """
    if len(images) != len(titles):
        raise ValueError(f"expected one title for each image, found {len(images)} images and {len(titles)} titles.")
    rows = math.ceil(len(images) / columns)
    lines = max(str(title).count("\n") + 1 for title in titles)
    fig, axes = plt.subplots(rows, columns, figsize=(1.3 * columns, rows * (1.3 + 0.28 * lines)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles):
        ax.imshow(image.reshape(28, 28).numpy(), cmap="binary")
        ax.set_title(title, fontsize=13)
    fig.tight_layout()
    in_words = [str(title).replace("\n", ", ") for title in titles]
    show(f"{what}: {'; '.join(in_words)}.")


def plot_history(history: History) -> None:
    """Show accuracy and loss over the epochs, training and test, in two panels."""
    show(draw_history(history)[1])


def draw_history(history: History) -> tuple[Sequence[plt.Axes], str]:
    """Draw accuracy in % and loss over the epochs, and return their two axes, and what is to be seen in words."""
    epochs = range(1, len(history) + 1)
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    percent = [[100 * value for value in curve] for curve in (history.train_acc, history.test_acc)]
    names = ("accuracy in % (guessing: 10 %)", "loss (guessing: 2.3)")
    for ax, name, curves in zip(axes, names, (percent, (history.train_loss, history.test_loss))):
        # Where both curves agree, the large circles show behind the small squares.
        ax.plot(epochs, curves[0], "o-", color=BLUE, markersize=9, label="training")
        ax.plot(epochs, curves[1], "s--", color=RED, markersize=5, label="test")
        ax.set(title=name, xlabel="epoch", xlim=(0.5, len(history) + 0.5))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.grid(alpha=0.3)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    ends = [f"{name} from {curve[0]:.3f} to {curve[-1]:.3f}" for name, curve in vars(history).items()]
    in_words = f"Two line charts over {len(history)} epochs: {', '.join(ends)}."
    return axes, in_words.replace("_acc", " accuracy").replace("_loss", " loss")


def plot_confusion(matrix: torch.Tensor) -> None:
    """Show a confusion matrix, (classes, classes): row = label, column = prediction."""
    mistakes = matrix - torch.diag(matrix.diag())  # beside the thousands on the diagonal all others would look white
    _, ax = plt.subplots(figsize=(7, 6.2), layout="constrained")
    ax.imshow(mistakes.numpy(), cmap="Oranges")
    for row, counts in enumerate(matrix.tolist()):
        for column, count in enumerate(counts):
            colour = "white" if mistakes[row, column] > 0.6 * mistakes.max() else "black"  # on a dark field
            style = {"color": colour, "weight": "bold" if row == column else "normal", "fontsize": 10}
            ax.text(column, row, count or "·", ha="center", va="center", **style)
    ax.set(xlabel="prediction", ylabel="label", title="How often was each digit taken for each?")
    ax.set(xticks=range(len(matrix)), yticks=range(len(matrix)))
    row, column = divmod(mistakes.argmax().item(), len(matrix))  # argmax counts along the rows
    show(
        f"Confusion matrix of {matrix.sum()} images. {matrix.diag().sum()} are on the diagonal, so right. "
        f"The most frequent mistake: a {row} taken for a {column}, {mistakes[row, column]} times."
    )
