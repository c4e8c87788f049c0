"""The figures of notebook 07, and a slider that chooses the image; what they show is computed in `inside.py`.

`images` are (N, 1, 28, 28), `image` is one of them, (1, 28, 28), values in 0..1; `model` has the layers of `CNN`.
"""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
import torch.nn as nn
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from mnist_lesson.further.inside import check_images, record_steps
from mnist_lesson.plots import BLUE, GREEN, ORANGE, RED, show
from mnist_lesson.progress import is_watched

SIGNED = "PuOr"  # a colour map: orange is negative, white is 0, violet is positive

# One for each digit; in the figures the digit stands there too, so nothing depends on telling ten colours apart.
DIGIT_COLOURS = [BLUE, "#B400FC", GREEN, RED, "#CC79A7", "#004824", "black", "#8C510A", "#777777", "#5E3C99"]


def explore(images: torch.Tensor, labels: torch.Tensor, model: nn.Module) -> None:
    """Show one digit's journey, with a slider that chooses the image.

    The slider needs a person who watches, and the package ipywidgets; otherwise the first image is shown.
    `labels` are whole numbers, (N,).
    """
    if not is_watched():
        draw_journey(images[0], labels[0], model)
        return
    try:
        from ipywidgets import IntSlider, interact
    except ImportError:
        print('For a slider: python -m pip install -e ".[draw]" in the folder of the lesson, then restart Jupyter.')
        draw_journey(images[0], labels[0], model)
        return

    def draw(number: int) -> None:
        draw_journey(images[number], labels[number], model)

    # continuous_update=False: draw when the slider is let go, not at each place that it passes.
    interact(draw, number=IntSlider(0, 0, len(images) - 1, description="image", continuous_update=False))


def tile(maps: torch.Tensor, columns: int) -> torch.Tensor:
    """Lay maps, (C, H, W), row by row in one picture, with a gap of one pixel between them; the gaps are nan."""
    number, height, width = maps.shape
    rows = math.ceil(number / columns)
    picture = torch.full((rows * (height + 1) - 1, columns * (width + 1) - 1), torch.nan)
    for place, values in enumerate(maps):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        picture[top : top + height, left : left + width] = values
    return picture


def number_rows(ax: plt.Axes, maps: torch.Tensor, columns: int) -> None:
    """Write beside each row of a picture from `tile` the number of the first of its maps, (C, H, W)."""
    number, height, _ = maps.shape
    firsts = range(0, number, columns)
    ax.set_yticks([row * (height + 1) + (height - 1) / 2 for row in range(len(firsts))], firsts, fontsize=11)
    ax.tick_params(axis="y", length=0, pad=2)


def draw_journey(image: torch.Tensor, label: int, model: nn.Module) -> None:
    """Show every step of one forward pass: the image, all maps, the flattened numbers, logits and probabilities.

    The maps are numbered from 0; the number of the first one of each row stands beside the row.
    The colours of a step run from 0 (dark) to the largest number of the step (bright); the titles say which.
    Raises ValueError as `record_steps` does.
    """
    steps = {name: values[0] for name, values in record_steps(image.unsqueeze(0), model)}
    probabilities = steps["fc2"].softmax(dim=0)
    fig = plt.figure(figsize=(13, 9.2))
    rows = fig.add_gridspec(4, 1, height_ratios=[7.6, 0.5, 0.5, 2.6], hspace=0.42, left=0.03, right=0.99)
    top, flat, features, bars = rows
    widths = {"image": 3, "conv1 + ReLU": 3, "pool1": 3, "conv2 + ReLU": 6, "pool2": 6}
    for place, name in zip(top.subgridspec(1, 5, width_ratios=list(widths.values()), wspace=0.13), widths):
        ax = fig.add_subplot(place)
        if name == "image":
            ax.imshow(steps[name][0].numpy(), cmap="binary", vmin=0, vmax=1)
        else:
            ax.imshow(tile(steps[name], widths[name] * 4 // 3).numpy(), cmap="viridis", vmin=0)
        _finish_step(ax, name, steps[name])
        if name != "image":
            number_rows(ax, steps[name], widths[name] * 4 // 3)
    for place, name in ((flat, "flatten"), (features, "fc1 + ReLU")):
        ax = fig.add_subplot(place)
        ax.imshow(steps[name].unsqueeze(0).numpy(), cmap="viridis", vmin=0, aspect="auto", interpolation="nearest")
        _finish_step(ax, name, steps[name])
    left, right = (fig.add_subplot(place) for place in bars.subgridspec(1, 2, wspace=0.12))
    prediction = steps["fc2"].argmax().item()
    draw_digit_bars(left, steps["fc2"], int(label), prediction)
    left.set_title(f"fc2, the logits: {_shape(steps['fc2'])}", fontsize=12)
    draw_digit_bars(right, probabilities, int(label), prediction)
    right.set(ylim=(0, 1.05))
    right.set_title(f"softmax, the probabilities: {_shape(probabilities)}", fontsize=12)
    shapes = ", ".join(f"{name} {_shape(values, ' x ')}" for name, values in steps.items())
    show(
        f"One image on its way through the network, every step drawn with all its numbers: {shapes}, "
        f"softmax {_shape(probabilities)}. Label {int(label)}, read as {prediction} with a probability of "
        f"{probabilities[prediction]:.1%}."
    )


def _shape(values: torch.Tensor, times: str = " × ") -> str:
    return times.join(str(size) for size in values.shape)


def _finish_step(ax: plt.Axes, name: str, values: torch.Tensor) -> None:
    """Write above a step its name, its shape, and which numbers its colours stand for."""
    ax.set(xticks=[], yticks=[])
    if values.ndim == 3:
        ax.set_title(f"{name}\n{_shape(values)}\n0 to {values.max():.2f}", fontsize=12)
        ax.set_frame_on(name == "image")
    else:
        ax.set_title(f"{name}: {_shape(values)}, from 0 to {values.max():.2f}", fontsize=12)


def draw_digit_bars(ax: plt.Axes, values: torch.Tensor, label: int, prediction: int) -> None:
    """Draw a bar for each digit, (10,); label and prediction are named below, the prediction is hatched too."""
    bars = ax.bar(range(len(values)), values.numpy(), color=BLUE, edgecolor="black")
    bars[prediction].set(facecolor=ORANGE, hatch="//")
    names = [str(digit) for digit in range(len(values))]
    names[label] += "\nlabel"
    names[prediction] += "\nread"
    ax.axhline(0, color="black", linewidth=1)
    ax.set_xticks(range(len(values)), names, fontsize=11.5)
    ax.tick_params(axis="y", labelsize=11)


def draw_filters(filters: torch.Tensor, maps: torch.Tensor, marked: int) -> None:
    """Show all filters of the first layer, (C, 1, 3, 3), each beside the map that it makes; one filter is framed.

    `maps` are those of one image, (C, H, W). The pairs stand four in a row, as in the other figures.
    """
    limit, brightest = filters.abs().max().item(), maps.max().item()
    rows = math.ceil(len(filters) / 4)
    fig, ax = plt.subplots(figsize=(8.6, 1.1 * rows))
    for number, (weights, values) in enumerate(zip(filters[:, 0].detach().cpu(), maps.cpu())):
        left, top = number % 4 * 2.6, number // 4 * 1.12  # a filter is 1 wide, a gap of 0.08, then its map
        places = ((left, left + 1, top + 1, top), (left + 1.08, left + 2.08, top + 1, top))
        ax.imshow(weights.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, extent=places[0])
        ax.imshow(values.numpy(), cmap="viridis", vmin=0, vmax=brightest, extent=places[1])
        edge = {"edgecolor": "black", "linewidth": 3 if number == marked else 0.5}
        ax.add_patch(plt.Rectangle((left, top), 1, 1, fill=False, clip_on=False, **edge))
        weight = "bold" if number == marked else "normal"
        ax.text(left - 0.08, top + 0.5, number, ha="right", va="center", fontsize=12, weight=weight)
    ax.set(xlim=(-0.4, 9.9), ylim=(1.12 * rows, -0.1))
    ax.axis("off")
    fig.tight_layout(pad=0.2)
    show(
        f"{len(filters)} filters of 3 x 3 weights on one scale, from {-limit:.2f} (orange) over 0 (white) to "
        f"{limit:.2f} (violet), numbered, each beside its map of the image, from 0 (dark) to {brightest:.2f} "
        f"(bright). Filter {marked} is framed."
    )


def draw_filter(image: torch.Tensor, model: nn.Module, number: int) -> None:
    """Show what one filter of conv1 does to one image: the map before ReLU, after it, and after pooling.

    Raises ValueError if the image has another shape.
    """
    check_images(image.unsqueeze(0))
    device = next(model.parameters()).device
    with torch.no_grad():
        before = model.conv1(image.unsqueeze(0).to(device))[0, number].cpu()  # (26, 26)
    after = before.relu()
    pooled = nn.functional.max_pool2d(after.unsqueeze(0), 2)[0]  # (13, 13)
    weights, bias = model.conv1.weight[number, 0].detach().cpu(), model.conv1.bias[number].item()
    fig, axes = plt.subplots(1, 5, figsize=(13, 3))
    axes[0].imshow(image[0].cpu().numpy(), cmap="binary", vmin=0, vmax=1)
    axes[0].set_title(f"image\n{_shape(image[0])}", fontsize=11)
    limit = weights.abs().max().item()
    axes[1].imshow(weights.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
    for row, column in torch.cartesian_prod(torch.arange(3), torch.arange(3)).tolist():
        colour = "white" if abs(weights[row, column]) > 0.6 * limit else "black"  # on a dark field
        axes[1].text(column, row, f"{weights[row, column]:.2f}", ha="center", va="center", fontsize=11, color=colour)
    axes[1].set_title(f"filter {number}: {_shape(weights)}\nbias {bias:.2f}", fontsize=11)
    limit = before.abs().max().item()
    for ax, name, values in zip(axes[2:], ("filtered", "after ReLU", "after pooling"), (before, after, pooled)):
        ax.imshow(values.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
        ax.set_title(f"{name}: {_shape(values)}\n{values.min():.2f} to {values.max():.2f}", fontsize=11)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    fig.tight_layout()
    show(
        f"What filter {number} does to one image, in five panels. Filtered, the numbers go from {before.min():.2f} to "
        f"{before.max():.2f}; after ReLU none is negative; after pooling {_shape(pooled, ' x ')} of them are left."
    )


def plot_plane(
    points: torch.Tensor,
    labels: torch.Tensor,
    shares: torch.Tensor,
    what: str,
    pictures: Mapping[int, torch.Tensor] | None = None,
    misread: Sequence[int] = (),
) -> None:
    """Show points, (N, 2), as `pca` returns them: each is drawn as its digit, labels are (N,).

    `shares`, (2,), stand at the axes. `what` says in a few words what the points are; it is the title.
    `pictures`: the images, (1, 28, 28), of some points, by the number of the point; they are drawn in its place.
    Those whose number is in `misread` get a thick frame and the word.
    """
    fig, ax = plt.subplots(figsize=(9, 6.6))
    _put_digits(ax, points, labels)
    ax.set_title(what, fontsize=13)
    ax.set_xlabel(f"first direction, {shares[0]:.0%} of the variance", fontsize=12)
    ax.set_ylabel(f"second direction, {shares[1]:.0%} of the variance", fontsize=12)
    ax.tick_params(labelsize=11)
    ax.legend(
        title="digit", fontsize=11, title_fontsize=11, markerscale=1.5, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    if pictures:
        _put_pictures(ax, points, pictures, misread)
    fig.tight_layout()
    drawn = f" {len(pictures)} of them are drawn as images, the misread in a thick frame." if pictures else ""
    show(
        f"{what}: {len(points)} images as points in a plane, each drawn as its digit.{drawn} The first direction "
        f"holds {shares[0]:.1%} of the variance, the second {shares[1]:.1%}."
    )


def _put_digits(ax: plt.Axes, points: torch.Tensor, labels: torch.Tensor) -> None:
    """Draw each point as its digit."""
    for digit, colour in enumerate(DIGIT_COLOURS):
        x, y = points[labels == digit].T
        ax.scatter(x, y, marker=f"${digit}$", s=36, color=colour, linewidths=0.4, label=digit)


def plot_planes(planes: Mapping[int, torch.Tensor], labels: torch.Tensor) -> None:
    """Show the same images as points in one plane, (N, 2), after so many batches each; labels are (N,).

    Each point is drawn as its digit. All panels have the same two axes, on the same scale: they can be compared.
    """
    columns = math.ceil(len(planes) / 2)
    style = {"sharex": True, "sharey": True, "squeeze": False, "layout": "constrained"}
    fig, axes = plt.subplots(2, columns, figsize=(3.3 * columns, 7), **style)
    for ax in axes.flat[len(planes) :]:
        ax.axis("off")
    for ax, (batches, points) in zip(axes.flat, planes.items()):
        _put_digits(ax, points, labels)
        ax.set_title(f"{batches} batches", fontsize=14)
        ax.tick_params(labelsize=12)
    fig.supxlabel("first direction of the end", fontsize=13)
    fig.supylabel("second direction of the end", fontsize=13)
    show(
        f"{len(labels)} images as points in a plane, each drawn as its digit, in {len(planes)} panels on the same "
        f"axes: after {', '.join(str(batches) for batches in planes)} batches."
    )


def _put_pictures(
    ax: plt.Axes, points: torch.Tensor, pictures: Mapping[int, torch.Tensor], misread: Sequence[int]
) -> None:
    """Draw images in the places of their points; one that would cover another stands below."""
    width = (points[:, 0].max() - points[:, 0].min()).item()
    before = []
    for number, picture in pictures.items():
        is_misread, place = number in misread, points[number]
        is_covering = any((place - other).norm() < 0.04 * width for other in before)
        before.append(place)
        aside = (12, -44) if is_covering else (0, 0)
        frame = {"edgecolor": RED if is_misread else "black", "linewidth": 3.5 if is_misread else 1}
        small = OffsetImage(picture[0].numpy(), zoom=1.1, cmap="binary")
        line = {"arrowstyle": "-"} if is_covering else None
        box = {"xybox": aside, "boxcoords": "offset points", "arrowprops": line, "bboxprops": frame, "pad": 0.05}
        ax.add_artist(AnnotationBbox(small, place.tolist(), **box))
        if is_misread:
            style = {"color": RED, "weight": "bold", "fontsize": 12, "ha": "center", "zorder": 5}
            ground = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
            above = {"xytext": (aside[0], aside[1] + 22), "textcoords": "offset points"}
            ax.annotate("misread", place.tolist(), **above, **style, bbox=ground)


def draw_pixel_maps(image: torch.Tensor, maps: Sequence[tuple[str, torch.Tensor]], what: str) -> None:
    """Show an image and maps of its pixels, pairs of a title and numbers (28, 28), with the outline of the ink.

    Each map has its own scale, which stands above it: orange is negative, white is 0, violet is positive.
    Two rows, the image to their left, if there are more than three maps.
    `what` says in a few words what is to be seen, for the alternative text.
    """
    columns = len(maps) if len(maps) <= 3 else math.ceil(len(maps) / 2)
    rows = math.ceil(len(maps) / columns)
    fig, axes = plt.subplots(rows, columns + 1, figsize=(2.9 * (columns + 1), 3.5 * rows + 0.3), squeeze=False)
    axes[0, 0].imshow(image[0].cpu().numpy(), cmap="binary", vmin=0, vmax=1)
    axes[0, 0].set_title("image\n", fontsize=13)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.set_frame_on(bool(ax.images))
    for ax, (title, values) in zip(axes[:, 1:].flat, maps):
        limit = values.abs().max().item() or 1.0  # a map of zeros has no scale
        ax.imshow(values.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
        ax.contour(image[0].cpu().numpy(), levels=[0.5], colors="black", linewidths=1.2)
        ax.set_title(f"{title}\n{values.min():.2f} to {values.max():.2f}", fontsize=13)
        ax.set_frame_on(True)
    fig.text(0.5, 0.01, "orange: negative, white: 0, violet: positive", ha="center", fontsize=12)
    fig.tight_layout(rect=(0, 0.08 / rows, 1, 1))
    ranges = [f"{' '.join(title.split())}, from {values.min():.2f} to {values.max():.2f}" for title, values in maps]
    show(f"{what}: the image, and beside it {len(maps)} maps of its pixels: {'; '.join(ranges)}.")


def draw_learning(
    snapshots: dict[int, dict[str, torch.Tensor]], accuracies: Sequence[float], logits: torch.Tensor, label: int
) -> None:
    """Show how a network learnt: its filters, the logits of one image, and its accuracy at each snapshot.

    In the chart of the accuracy the batches are to scale, and a dotted line stands for guessing.
    `snapshots` are those of `train_with_snapshots`; `accuracies` (fractions, 0..1) and `logits`,
    (snapshots, 10), belong to them in their order. `label` is that of the image.
    Raises ValueError if there is not one accuracy and one row of logits for each snapshot.
    """
    number = len(snapshots)
    if not number == len(accuracies) == len(logits):
        raise ValueError(
            f"expected one accuracy and one row of logits for each snapshot, found {number} snapshots, "
            f"{len(accuracies)} accuracies and {len(logits)} rows."
        )
    filters = [weights["conv1.weight"][:, 0].cpu() for weights in snapshots.values()]  # each (32, 3, 3)
    limit = max(values.abs().max().item() for values in filters)
    fig = plt.figure(figsize=(1.9 * number, 9.4))
    grid = fig.add_gridspec(3, number, height_ratios=[5, 4, 2.6], hspace=0.22, wspace=0.14)
    for column, (batches, values, row) in enumerate(zip(snapshots, filters, logits)):
        ax = fig.add_subplot(grid[0, column])
        ax.imshow(tile(values, 4).numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
        ax.set_title(f"{batches}\nbatches", fontsize=13)
        ax.set(xticks=[], yticks=[], frame_on=False)
        if column == 0:
            number_rows(ax, values, 4)
        ax = fig.add_subplot(grid[1, column])
        bars = ax.barh(range(10), row.tolist(), color=BLUE, edgecolor="black")
        bars[label].set(facecolor=ORANGE, hatch="//")
        ax.axvline(0, color="black", linewidth=1)
        ax.set(xlim=(1.1 * min(0, logits.min().item()), 1.1 * logits.max().item()))
        ax.set_yticks(range(10), range(10) if column == 0 else [""] * 10)
        ax.invert_yaxis()
        ax.tick_params(labelsize=11)
    fig.axes[1].set_ylabel(f"logits (hatched: label {label})", fontsize=11.5)
    ax = fig.add_subplot(grid[2, :])
    percent = [100 * accuracy for accuracy in accuracies]
    ax.plot(list(snapshots), percent, "o-", color=BLUE)
    last, width = -math.inf, max(snapshots)
    labelled = []  # the first snapshots lie too close together for a label each
    for batches, value in zip(snapshots, percent):
        if batches - last > 0.04 * width:
            last = batches
            labelled.append(batches)
            style = {"textcoords": "offset points", "ha": "right", "fontsize": 12}
            ax.annotate(f"{value:.1f} %", (batches, value), (-6, 5), **style)
    ax.set(xlim=(-0.07 * width, 1.03 * width), ylim=(0, 115))
    ax.set_xticks(labelled)
    ax.set_xlabel("batches trained, to scale", fontsize=12)
    ax.set_ylabel("accuracy in %", fontsize=12)
    ax.axhline(10, color="black", linestyle=":")
    ax.text(1.02 * width, 17, "guessing: 10 %", ha="right", fontsize=12)
    ax.grid(alpha=0.3)
    ax.tick_params(labelsize=12)
    course = ", ".join(f"{accuracy:.1%} after {batches}" for batches, accuracy in zip(snapshots, accuracies))
    show(
        f"{number} columns, one for each number of trained batches: above, the filters of conv1 on one scale, below "
        f"them the logits of an image with the label {label}; at the bottom a line chart of the accuracy over the "
        f"batches, to scale, with a dotted line at 10 % for guessing: {course}."
    )
