"""Two large drawings, of the network (notebook 04) and of the whole program (notebook 06).

Nothing else needs them, and how they are drawn teaches nothing about networks: read `plots.py` first.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mnist_lesson.plots import BLUE, RED, show


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
