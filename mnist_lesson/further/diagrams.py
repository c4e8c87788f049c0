"""Large drawings: of the network and of filters (notebook 04), and of the whole program (notebook 06).

Nothing else needs them, and how they are drawn teaches nothing about networks: read `plots.py` first.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.lines import Line2D

from mnist_lesson.plots import BLUE, RED, show


def draw_network(steps: Sequence[tuple[str, torch.Tensor]], probabilities: torch.Tensor) -> None:
    """Show one image on its way through the network.

    `steps` are pairs of a name and what leaves that step for one image: of (channels, height, width) the first
    eight maps are drawn, each with its number, (features,) as a strip. The colours of a step run from its lowest
    number to its largest, over all its maps. `probabilities`, (classes,), end the figure.
    """
    widths = [2.0 if values.ndim == 3 else 0.8 for _, values in steps]
    fig, axes = plt.subplots(1, len(steps) + 1, figsize=(18, 5.2), width_ratios=[*widths, 1.8])
    for ax, (name, values) in zip(axes, steps):
        if values.ndim == 3:
            _draw_maps(ax, values)
        else:
            ax.imshow(values.reshape(-1, 1).numpy(), cmap="viridis", aspect="auto", interpolation="nearest")
            ax.set(xticks=[], yticks=[])
        ax.set_title(f"{name}\n{' × '.join(str(size) for size in values.shape)}", fontsize=15)
    axes[-1].barh(range(len(probabilities)), probabilities.numpy(), color=BLUE)
    axes[-1].set(yticks=range(len(probabilities)), xlim=(0, 1), xticks=(0, 0.5, 1))
    axes[-1].set_xlabel("probability", fontsize=14)
    axes[-1].tick_params(labelsize=14)
    axes[-1].invert_yaxis()
    axes[-1].set_title(f"softmax\n{len(probabilities)}", fontsize=15)
    fig.tight_layout()
    maps = sum(values.ndim == 3 for _, values in steps)
    for half, first, last in (("feature extractor", 1, maps - 1), ("classifier", maps, len(steps) - 1)):
        left, right = axes[first].get_position().x0, axes[last].get_position().x1
        fig.add_artist(Line2D([left, right], [0, 0], color="black", linewidth=2))
        fig.text((left + right) / 2, -0.07, half, ha="center", fontsize=16)
    shapes = ", ".join(f"{name} {' x '.join(str(size) for size in values.shape)}" for name, values in steps)
    show(
        f"One image on its way through the two halves of the network, the feature extractor, drawn as numbered maps, "
        f"and the classifier, drawn as strips: {shapes}; "
        f"at the end a bar for the probability of each digit, the longest at {probabilities.argmax().item()}."
    )


def _draw_maps(ax: plt.Axes, maps: torch.Tensor) -> None:
    """Draw the first eight maps (channels, height, width), two in a row, on one scale and numbered from 0."""
    limits = {"vmin": maps.min().item(), "vmax": maps.max().item()}
    if len(maps) == 1:
        ax.imshow(maps[0].numpy(), cmap="binary", **limits)
        ax.set(xticks=[], yticks=[])
        return
    for number, values in enumerate(maps[:8]):
        row, column = divmod(number, 2)
        ax.imshow(values.numpy(), cmap="viridis", extent=(column, column + 0.96, row + 0.96, row), **limits)
        ax.text(column + 0.05, row + 0.05, number, color="white", fontsize=14, va="top")
    ax.set(xlim=(0, 2), ylim=(4, 0), aspect="equal")
    ax.axis("off")


def draw_gallery(image: torch.Tensor, filters: dict[str, list[list]], maps: Sequence[torch.Tensor]) -> None:
    """Show what filters make of an image, (height, width): above each map its filter, below it its range.

    In the maps white is 0, violet positive and orange negative, as far as the largest number of that map.
    """
    fig, axes = plt.subplots(2, len(filters) + 1, figsize=(2 * len(filters) + 2, 4.4), height_ratios=[1, 1.8])
    axes[0, 0].axis("off")
    axes[1, 0].imshow(image.numpy(), cmap="binary")
    axes[1, 0].set_title("image", fontsize=15)
    for (above, below), (name, table), values in zip(axes.T[1:], filters.items(), maps):
        above.set_title(name, fontsize=15)
        above.imshow(torch.zeros(len(table), len(table[0])).numpy(), cmap="binary")
        for row, weights in enumerate(table):
            for column, weight in enumerate(weights):
                text = f"{weight}" if weight == round(weight) else f"1/{1 / weight:.0f}"
                above.text(column, row, text.replace("-", "−"), ha="center", va="center", fontsize=13)
        largest = values.abs().max().item()
        below.imshow(values.numpy(), cmap="PuOr", vmin=-largest, vmax=largest)
        below.set_xlabel(f"{values.min():.1f} to {values.max():.1f}".replace("-", "−"), fontsize=14)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    fig.tight_layout()
    ranges = "; ".join(f"{name}, {values.min():.1f} to {values.max():.1f}" for name, values in zip(filters, maps))
    show(f"A digit, and the map that each filter makes of it, with its lowest and its largest number: {ranges}.")


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
