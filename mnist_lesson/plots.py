"""Draw the figures of the lesson: the helpers of notebook 03.

Every figure carries a description in words, the alternative text, for readers who cannot see it.
Colours are from the palette of Okabe and Ito, which colour-blind readers can tell apart
(M. Okabe and K. Ito, "Color universal design", 2008); markers and line styles say the same again.
"""

import base64
import html
import io
import math
import sys
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from mnist_lesson.results import History

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"


def show(alt: str) -> None:
    """Show the current figure and close it; `alt` says in words what is to be seen.

    In a notebook this does what `plt.show()` does, and a screen reader reads `alt` aloud.
    Raises ValueError if there is no figure or no description.
    """
    if not plt.get_fignums() or not plt.gcf().axes:
        raise ValueError("there is no figure to show: draw something first, in the same cell.")
    if not alt.strip():
        raise ValueError("describe the figure in a sentence: show('A bar chart of ...').")
    ipython = sys.modules.get("IPython")
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
        plt.show()
        return
    png = io.BytesIO()
    # Without the version of matplotlib in it, the same figure is the same file everywhere.
    plt.savefig(png, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    plt.close()
    source = base64.b64encode(png.getvalue()).decode()
    image = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}">'
    ipython.display.display({"text/html": image, "text/plain": alt}, raw=True)


def show_digits(images: torch.Tensor, titles: Sequence[object], what: str, columns: int = 10) -> None:
    """Show images, (N, 1, 28, 28) or (N, 28, 28), in rows, each under its title; ink is black.

    `what` says in a few words what they are; with the titles it becomes the alternative text.
    Raises ValueError if there is not one title for each image.
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
    show(f"{what}: {'; '.join(str(title).replace(chr(10), ', ') for title in titles)}.")


def plot_history(history: History) -> None:
    """Show accuracy and loss over the epochs, training and test, in two panels."""
    epochs = range(1, len(history) + 1)
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
    for ax, train_values, test_values, name in (
        (
            left,
            [100 * value for value in history.train_acc],
            [100 * value for value in history.test_acc],
            "accuracy in %",
        ),
        (right, history.train_loss, history.test_loss, "loss"),
    ):
        ax.plot(epochs, train_values, "o-", color=BLUE, label="training")
        ax.plot(epochs, test_values, "s--", color=RED, label="test")
        ax.set(title=f"Training and test {name}", xlabel="epoch", ylabel=name)
        ax.set_xlim(0.5, len(history) + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.grid(alpha=0.3)
        ax.legend()
    fig.tight_layout()
    show(
        f"Two line charts over {len(history)} epochs. Accuracy: training from {history.train_acc[0]:.1%} to "
        f"{history.train_acc[-1]:.1%}, test from {history.test_acc[0]:.1%} to {history.test_acc[-1]:.1%}. "
        f"Loss: training from {history.train_loss[0]:.3f} to {history.train_loss[-1]:.3f}, "
        f"test from {history.test_loss[0]:.3f} to {history.test_loss[-1]:.3f}."
    )


def plot_confusion(matrix: torch.Tensor) -> None:
    """Show a confusion matrix, (classes, classes): row = label, column = prediction.

    The colour shows the mistakes only: beside the thousands on the diagonal they would all look white.
    """
    mistakes = matrix - torch.diag(matrix.diag())
    fig, ax = plt.subplots(figsize=(7, 6.2))
    ax.imshow(mistakes.numpy(), cmap="Oranges")
    for row, column in torch.cartesian_prod(*(torch.arange(size) for size in matrix.shape)).tolist():
        count = matrix[row, column].item()
        weight = "bold" if row == column else "normal"
        colour = "white" if mistakes[row, column] > 0.6 * mistakes.max() else "black"  # on a dark field
        ax.text(column, row, count or "·", ha="center", va="center", fontsize=10, weight=weight, color=colour)
    ax.set(xlabel="prediction", ylabel="label", xticks=range(len(matrix)), yticks=range(len(matrix)))
    ax.set_title("How often was each digit taken for each?")
    fig.tight_layout()
    row, column = divmod(mistakes.argmax().item(), len(matrix))
    show(
        f"Confusion matrix of {matrix.sum().item()} images. {matrix.diag().sum().item()} are on the diagonal, so right. "
        f"The most frequent mistake: a {row} taken for a {column}, {mistakes[row, column].item()} times."
    )


def draw_network(steps: Sequence[tuple[str, torch.Tensor]], probabilities: torch.Tensor) -> None:
    """Show one image on its way through the network.

    `steps` are pairs of a name and what leaves that step for one image: (channels, height, width)
    is drawn as a pile of maps, (features,) as a strip. `probabilities`, (classes,), end the figure.
    """
    widths = [2.0 if values.ndim == 3 else 0.8 for _, values in steps]
    fig, axes = plt.subplots(1, len(steps) + 1, figsize=(18, 4.4), width_ratios=[*widths, 1.8])
    for ax, (name, values) in zip(axes, steps):
        if values.ndim == 3:
            _draw_pile(ax, values)
        else:
            ax.imshow(values.reshape(-1, 1).numpy(), cmap="viridis", aspect="auto", interpolation="nearest")
            ax.set(xticks=[], yticks=[])
        ax.set_title(f"{name}\n{' × '.join(str(size) for size in values.shape)}", fontsize=13)
    axes[-1].barh(range(len(probabilities)), probabilities.numpy(), color=BLUE)
    axes[-1].set(yticks=range(len(probabilities)), xlim=(0, 1), xlabel="probability")
    axes[-1].invert_yaxis()
    axes[-1].set_title(f"softmax\n{len(probabilities)}", fontsize=13)
    fig.tight_layout()
    maps = sum(values.ndim == 3 for _, values in steps)
    for half, first, last in (("feature extractor", 1, maps - 1), ("classifier", maps, len(steps) - 1)):
        left, right = axes[first].get_position().x0, axes[last].get_position().x1
        fig.add_artist(Line2D([left, right], [0, 0], color="black", linewidth=2))
        fig.text((left + right) / 2, -0.08, half, ha="center", fontsize=14)
    shapes = ", ".join(f"{name} {' x '.join(str(size) for size in values.shape)}" for name, values in steps)
    show(
        f"One image on its way through the two halves of the network, the feature extractor, drawn as piles of maps, "
        f"and the classifier, drawn as strips: {shapes}; "
        f"at the end a bar for the probability of each digit, the longest at {probabilities.argmax().item()}."
    )


def _draw_pile(ax: plt.Axes, maps: torch.Tensor) -> None:
    """Draw up to four maps (channels, height, width) as a pile, the first one in front."""
    front = maps[:4]
    size = maps.shape[-1]
    shift = 0.18 * size
    cmap = "binary" if len(maps) == 1 else "viridis"
    for depth, values in reversed(list(enumerate(front))):
        low, high = depth * shift, depth * shift + size
        ax.imshow(values.numpy(), cmap=cmap, extent=(low, high, low, high), zorder=-depth)
        edge = "black" if len(maps) == 1 else "white"
        ax.add_patch(Rectangle((low, low), size, size, fill=False, edgecolor=edge, linewidth=1.5, zorder=0.5 - depth))
    room = size + (len(front) - 1) * shift
    ax.set(xlim=(-0.02 * room, 1.02 * room), ylim=(-0.02 * room, 1.02 * room), aspect="equal")
    ax.axis("off")


def draw_program() -> None:
    """Show the whole program of the lesson as boxes and arrows: two loops, over batches and over epochs."""
    places = {  # column and row of each box, and what it says
        "data": (0, 1, "load_mnist"),
        "loader": (1, 1, "DataLoader"),
        "model": (2, 1, "logits = model(images)"),
        "loss": (3, 1, "loss_fn(logits, labels)"),
        "backward": (3, 0, "optimizer.zero_grad()\nloss.backward()"),
        "step": (2, 0, "optimizer.step()"),
        "test": (1, 0, "test(test_dl, ...)"),
        "plot": (0, 0, "plot_history(...)"),
    }
    arrows = {  # from, to: what is written beside the arrow
        ("data", "loader"): "",
        ("loader", "model"): "a batch",
        ("model", "loss"): "logits",
        ("loss", "backward"): "",
        ("backward", "step"): "gradients",
        ("step", "loader"): "next batch",
        ("step", "test"): "end of epoch",
        ("test", "loader"): "next epoch",
        ("test", "plot"): "at the end",
    }
    fig, ax = plt.subplots(figsize=(16, 4))
    style = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": BLUE, "linewidth": 2}
    boxes = {
        name: ax.text(column, row, f"{name}\n{call}", ha="center", va="center", fontsize=12, bbox=style)
        for name, (column, row, call) in places.items()
    }
    ax.set(xlim=(-0.45, 3.5), ylim=(-0.4, 1.4))
    ax.axis("off")
    for (start, end), text in arrows.items():
        (x0, y0), (x1, y1) = boxes[start].get_position(), boxes[end].get_position()
        patches = {"patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch()}
        line = {"arrowstyle": "-|>", "linewidth": 2, "color": RED if text.startswith("next") else "black"}
        ax.annotate("", (x1, y1), (x0, y0), arrowprops={**line, **patches, "shrinkA": 2, "shrinkB": 2})
        beside = {"ha": "left", "va": "center"} if y0 != y1 else {"ha": "center", "va": "bottom"}
        ax.text((x0 + x1) / 2 + 0.03, (y0 + y1) / 2 + 0.04, text, color=line["color"], fontsize=11, **beside)
    steps = "; ".join(f"{start} to {end}{text and f' ({text})'}" for (start, end), text in arrows.items())
    show(f"The program as boxes with arrows: {steps}.")
