"""mnist_lesson.further.inside_plots: each figure of notebook 07 shows what it is given, and says so in words."""

import builtins
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.offsetbox import AnnotationBbox
from torch import nn

from mnist_lesson.further import inside, inside_plots
from mnist_lesson.model import CNN

# The slider


@pytest.fixture
def journeys(monkeypatch):
    """Keep what `draw_journey` is called with: the mean of the image, and its label."""
    calls = []
    monkeypatch.setattr(
        inside_plots, "draw_journey", lambda image, label, model: calls.append((image.mean().item(), int(label)))
    )
    return calls


def expected_journey(images, number):
    return images[number].mean().item(), number + 3


def labels_of(images):
    return torch.arange(len(images)) + 3


def test_a_person_gets_a_slider_over_all_images(model, images, journeys, monkeypatch):
    made = []

    def interact(draw, number):
        made.append(number)
        draw(number.value)
        draw(5)

    def slider(value, lowest, highest, **options):
        return SimpleNamespace(value=value, lowest=lowest, highest=highest, **options)

    monkeypatch.setitem(sys.modules, "ipywidgets", SimpleNamespace(IntSlider=slider, interact=interact))
    monkeypatch.setattr(inside_plots, "is_watched", lambda: True)
    inside_plots.explore(images, labels_of(images), model)
    assert (made[0].value, made[0].lowest, made[0].highest) == (0, 0, 5)
    assert not made[0].continuous_update, "a figure for each place that the slider passes would take too long"
    assert journeys == [expected_journey(images, 0), expected_journey(images, 5)], "the slider chooses the image"


def test_the_real_slider_draws_its_image(model, images, journeys, monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(inside_plots, "is_watched", lambda: True)
    inside_plots.explore(images, labels_of(images), model)
    assert journeys == [expected_journey(images, 0)]


def test_a_person_without_ipywidgets_is_told_how_to_get_it(model, images, journeys, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(inside_plots, "is_watched", lambda: True)
    inside_plots.explore(images, labels_of(images), model)
    assert journeys == [expected_journey(images, 0)]
    (line,) = capsys.readouterr().out.splitlines()
    assert 'python -m pip install -e ".[draw]"' in line


@pytest.mark.parametrize("is_installed", [True, False])
def test_without_a_person_there_is_one_figure_and_no_word(is_installed, model, images, journeys, monkeypatch, capsys):
    def refuse(name, *arguments, imported=builtins.__import__, **options):
        assert not name.startswith("ipywidgets"), "a run that nobody watches must not even look for ipywidgets"
        return imported(name, *arguments, **options)

    monkeypatch.setitem(sys.modules, "ipywidgets", SimpleNamespace() if is_installed else None)
    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(inside_plots, "is_watched", lambda: False)
    inside_plots.explore(images, labels_of(images), model)
    assert journeys == [expected_journey(images, 0)] and capsys.readouterr().out == ""


# The figures


def test_tile_lays_maps_in_rows_with_gaps():
    maps = torch.arange(1.0, 6).reshape(5, 1, 1).expand(5, 2, 3)
    picture = inside_plots.tile(maps, columns=3)
    assert picture.shape == (2 * 3 - 1, 3 * 4 - 1)
    assert picture[::3, ::4].nan_to_num(0).tolist() == [[1, 2, 3], [4, 5, 0]]
    assert picture[2].isnan().all() and picture[:, 3].isnan().all(), "a gap between them"
    assert picture[3:5, 4:7].tolist() == [[5, 5, 5], [5, 5, 5]]


def titles():
    return [ax.get_title().replace("\n", " ") for ax in plt.gcf().axes]


def test_draw_journey_shows_every_number_of_every_step(model, images, shown):
    with torch.no_grad():
        for layer in (model.conv1, model.conv2, model.fc1):
            layer.bias += 100  # so nothing is 0 after ReLU, and a scale begins at 0 only if it is told to
    steps = {name: values[0] for name, values in inside.record_steps(images[:1], model)}
    inside_plots.draw_journey(images[0], 3, model)
    axes = plt.gcf().axes
    expected = [steps["image"][0], *(inside_plots.tile(steps[name], 4) for name in ("conv1 + ReLU", "pool1"))]
    expected += [inside_plots.tile(steps[name], 8) for name in ("conv2 + ReLU", "pool2")]
    expected += [steps["flatten"].reshape(1, 1600), steps["fc1 + ReLU"].reshape(1, 64)]
    for ax, values, (name, step) in zip(axes, expected, steps.items()):
        drawn = torch.tensor(ax.images[0].get_array().filled(float("nan")))
        assert torch.equal(drawn.nan_to_num(-1), values.nan_to_num(-1)), name
        assert ax.images[0].get_clim() == pytest.approx((0, 1 if name == "image" else step.max().item())), name
    for title, (name, step) in zip(titles()[1:7], list(steps.items())[1:]):
        assert title.startswith(name) and title.endswith(f"0 to {step.max():.2f}"), "what the colours stand for"
    for ax, columns, height in zip(axes[1:5], (4, 4, 8, 8), (26, 13, 11, 5)):
        firsts = [int(text.get_text()) for text in ax.get_yticklabels()]
        assert firsts == list(range(0, 8 * columns, columns)), "each row says the number of its first map"
        rows = [place // (height + 1) for place in ax.get_yticks()]
        assert rows == list(range(8)), "the number stands beside its row"
    assert axes[0].images[0].get_cmap().name == "binary", "ink is dark"
    logits, probabilities = ([bar.get_height() for bar in ax.patches] for ax in axes[7:])
    assert logits == pytest.approx(steps["fc2"].tolist())
    assert probabilities == pytest.approx(steps["fc2"].softmax(dim=0).tolist())


def test_draw_journey_takes_the_shapes_from_the_tensors(images, shown):
    """A network with other sizes shows that no number in the titles is written down."""
    model = CNN()
    model.fc1, model.fc2 = nn.Linear(1600, 20), nn.Linear(20, 10)
    inside_plots.draw_journey(images[0], 3, model)
    for shape in ("1 × 28 × 28", "32 × 26 × 26", "32 × 13 × 13", "64 × 11 × 11", "64 × 5 × 5", "1600", ": 20,", "10"):
        assert any(shape in title for title in titles()), f"no title says {shape}"
    assert "fc1 + ReLU 20, fc2 10, softmax 10" in shown[0] and "conv2 + ReLU 64 x 11 x 11" in shown[0]


@pytest.mark.parametrize("label", [3, torch.tensor(3)])
def test_label_and_prediction_are_marked_by_more_than_colour(model, images, shown, label):
    prediction = model(images[:1]).argmax().item()
    assert prediction != 3
    inside_plots.draw_journey(images[0], label, model)
    for ax in plt.gcf().axes[-2:]:
        names = [text.get_text() for text in ax.get_xticklabels()]
        assert names[3] == "3\nlabel" and names[prediction] == f"{prediction}\nread"
        assert sum("\n" in name for name in names) == 2
        assert [bar.get_hatch() is not None for bar in ax.patches] == [digit == prediction for digit in range(10)]
    assert f"Label 3, read as {prediction} with a probability of " in shown[0]
    probabilities = plt.gcf().axes[-1]
    assert max(bar.get_height() for bar in probabilities.patches) < 0.98 and probabilities.get_ylim() == (0, 1.05)


def test_label_and_prediction_may_be_the_same_digit(model, images, shown):
    prediction = model(images[:1]).argmax().item()
    inside_plots.draw_journey(images[0], prediction, model)
    assert plt.gcf().axes[-1].get_xticklabels()[prediction].get_text() == f"{prediction}\nlabel\nread"


def test_draw_filters_puts_each_filter_beside_its_own_map(model, images, shown):
    filters = model.conv1.weight
    maps = dict(inside.record_steps(images[:1], model))["conv1 + ReLU"][0]
    inside_plots.draw_filters(filters, maps, marked=8)
    (ax,) = plt.gcf().axes
    assert len(ax.images) == 64 and len(ax.texts) == len(ax.patches) == 32
    for number in range(32):
        kernel, values = ax.images[2 * number : 2 * number + 2]
        assert torch.equal(torch.tensor(kernel.get_array()), filters[number, 0].detach()), number
        assert torch.equal(torch.tensor(values.get_array()), maps[number]), number
        low, high = kernel.get_clim()
        assert -low == high == pytest.approx(filters.abs().max().item()), "0 must be white, one scale for all"
        assert values.get_clim() == pytest.approx((0, maps.max().item())), "one scale for all maps"
        (left, right, bottom, top), (map_left, *_, map_top) = kernel.get_extent(), values.get_extent()
        assert right < map_left < right + 0.2 and top == map_top, "the map stands to the right of its filter"
        assert (left, top) == pytest.approx((number % 4 * 2.6, number // 4 * 1.12)), "four pairs in a row"
        assert ax.patches[number].get_xy() == (left, top), "the frame must lie around the filter"
        x, y = ax.texts[number].get_position()
        assert left - 0.2 < x < left and top < y < bottom, "the number stands beside its filter"
    low, high = ax.get_xlim(), ax.get_ylim()
    assert low[0] < 0 and low[1] > 3 * 2.6 + 2.08 and high[1] < 0 and high[0] > 7 * 1.12 + 1, "nothing is cut off"
    assert [text.get_text() for text in ax.texts] == [str(number) for number in range(32)]
    widths = [frame.get_linewidth() for frame in ax.patches]
    assert [number for number, width in enumerate(widths) if width > 1] == [8]
    assert [number for number, text in enumerate(ax.texts) if text.get_weight() == "bold"] == [8]
    assert "Filter 8 is framed" in shown[0] and f"to {maps.max():.2f} (bright)" in shown[0]


def test_draw_filter_shows_what_the_layer_computes(model, images, shown):
    inside_plots.draw_filter(images[0], model, 12)
    picture, kernel, before, after, pooled = (torch.tensor(ax.images[0].get_array()) for ax in plt.gcf().axes)
    with torch.no_grad():
        expected = model.conv1(images[:1])[0, 12]
    steps = dict(inside.record_steps(images[:1], model))
    assert torch.equal(picture, images[0, 0]) and torch.equal(kernel, model.conv1.weight[12, 0])
    assert torch.allclose(before, expected, atol=1e-5)
    assert torch.allclose(after, steps["conv1 + ReLU"][0, 12], atol=1e-5)
    assert torch.allclose(pooled, steps["pool1"][0, 12], atol=1e-5)
    limits = {ax.images[0].get_clim() for ax in plt.gcf().axes[2:]}
    limit = expected.abs().max().item()
    assert len(limits) == 1, "the three maps share a scale"
    assert limits.pop() == pytest.approx((-limit, limit)), "0 is white, and no number is off the scale"
    assert plt.gcf().axes[1].get_title().endswith(f"bias {model.conv1.bias[12]:.2f}")
    numbers = [text.get_text() for text in plt.gcf().axes[1].texts]
    assert numbers == [f"{weight:.2f}" for weight in model.conv1.weight[12, 0].flatten().tolist()]
    darkest = kernel.abs().argmax().item()
    colours = [text.get_color() for text in plt.gcf().axes[1].texts]
    assert colours[darkest] == "white" and colours[kernel.abs().argmin().item()] == "black", "legible on its field"
    assert f"from {expected.min():.2f} to {expected.max():.2f}" in shown[0]


def test_plot_plane_draws_each_point_as_its_digit(shown):
    points, labels = torch.rand(40, 2), torch.arange(40) % 8  # two digits do not occur
    inside_plots.plot_plane(points, labels, torch.tensor([0.314, 0.2]), "Something")
    (ax,) = plt.gcf().axes
    assert len(ax.collections) == 10 == len(set(inside_plots.DIGIT_COLOURS))
    for digit, drawn in enumerate(ax.collections):
        assert torch.equal(torch.tensor(drawn.get_offsets().data).float(), points[labels == digit]), digit
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [str(digit) for digit in range(10)]
    markers = {tuple(drawn.get_paths()[0].vertices.flatten()) for drawn in ax.collections}
    assert len(markers) == 10, "colour alone must not tell the digits apart"
    assert "31% of the variance" in ax.get_xlabel() and "20% of the variance" in ax.get_ylabel()
    assert shown[0].startswith("Something: 40 images") and "first direction holds 31.4%" in shown[0]
    assert not ax.artists and "thick" not in shown[0], "no image was asked for"


def test_plot_plane_draws_images_in_the_places_of_their_points(images, shown):
    points = torch.tensor([[0.0, 0], [10, 0], [10, 0.1], [4, 8]])
    pictures = {number: images[number] for number in (1, 2, 3)}
    inside_plots.plot_plane(points, torch.arange(4), torch.tensor([0.3, 0.2]), "Something", pictures, misread=[3])
    (ax,) = plt.gcf().axes
    boxes = [artist for artist in ax.artists if isinstance(artist, AnnotationBbox)]
    for box, (number, picture) in zip(boxes, pictures.items(), strict=True):
        assert torch.equal(torch.tensor(box.offsetbox.get_data()), picture[0]), number
        assert box.xy == pytest.approx(points[number].tolist()), number
    assert [box.xybox == (0, 0) for box in boxes] == [True, False, True], "the second would cover the first"
    assert [box.arrow_patch is None for box in boxes] == [True, False, True], "aside, with a line to its place"
    thick = [box.patch.get_linewidth() > 2 for box in boxes]
    words = [text for text in ax.texts if text.get_text() == "misread"]
    assert thick == [False, False, True] and len(words) == 1 and words[0].xy == pytest.approx([4, 8])
    assert "3 of them are drawn as images, the misread in a thick frame" in shown[0]


def test_plot_planes_draws_each_snapshot_on_the_same_axes(shown):
    labels = torch.arange(40) % 8  # two digits do not occur
    planes = {0: torch.rand(40, 2) / 100, 10: 5 + 20 * torch.rand(40, 2), 1875: torch.rand(40, 2) - 9}
    inside_plots.plot_planes(planes, labels)
    *axes, empty = plt.gcf().axes
    assert titles() == ["0 batches", "10 batches", "1875 batches", ""] and not empty.axison
    for ax, points in zip(axes, planes.values(), strict=True):
        for digit, drawn in enumerate(ax.collections):
            assert torch.equal(torch.tensor(drawn.get_offsets().data).float(), points[labels == digit]), digit
        markers = {tuple(drawn.get_paths()[0].vertices.flatten()) for drawn in ax.collections}
        assert len(markers) == 10, "colour alone must not tell the digits apart"
    for limits in ({ax.get_xlim() for ax in axes}, {ax.get_ylim() for ax in axes}):
        ((low, high),) = limits  # the same in all panels
        assert low < -9 and high > 24, "no point is cut off"
    assert shown[0].startswith("40 images") and "in 3 panels on the same axes: after 0, 10, 1875 batches" in shown[0]


def test_draw_pixel_maps(images, shown):
    values = torch.linspace(-1, 3, 784).reshape(28, 28)
    inside_plots.draw_pixel_maps(images[0], [("one\nmap", values), ("nothing", torch.zeros(28, 28))], "Two maps")
    axes = plt.gcf().axes[:3]
    assert torch.equal(torch.tensor(axes[0].images[0].get_array()), images[0, 0])
    assert torch.equal(torch.tensor(axes[1].images[0].get_array()), values)
    assert axes[1].images[0].get_clim() == (-3, 3), "0 must be white"
    assert titles() == ["image ", "one map -1.00 to 3.00", "nothing 0.00 to 0.00"], "with the range of each map"
    assert all(len(ax.collections) == 1 for ax in axes[1:]), "the outline of the ink shows where the digit is"
    assert all(ax.collections[0].levels.tolist() == [0.5] for ax in axes[1:]), "where there is half of the ink"
    assert "2 maps of its pixels: one map, from -1.00 to 3.00; nothing, from 0.00 to 0.00." in shown[0]


def test_more_than_three_maps_stand_in_two_rows(images, shown):
    maps = [(name, torch.rand(28, 28)) for name in "abcd"]
    inside_plots.draw_pixel_maps(images[0], maps, "Four maps")
    grid = plt.gcf().axes
    assert [ax.get_title()[0:1] for ax in grid] == ["i", "a", "b", "", "c", "d"], "the image at the left of the first"
    for ax, (_, values) in zip((*grid[1:3], *grid[4:6]), maps, strict=True):
        assert torch.equal(torch.tensor(ax.images[0].get_array()), values)
    assert not grid[3].images and not grid[3].get_frame_on(), "the empty place shows nothing"


def test_draw_learning(shown):
    kept = {batches: CNN().state_dict() for batches in (0, 2, 6)}
    kept[6]["conv1.weight"] *= 3
    logits = torch.arange(30.0).reshape(3, 10) - 12
    inside_plots.draw_learning(kept, [0.1, 0.25, 0.9], logits, label=7)
    axes = plt.gcf().axes
    assert len(axes) == 7
    for column, (number, weights) in enumerate(kept.items()):
        above, below = axes[2 * column], axes[2 * column + 1]
        drawn = torch.tensor(above.images[0].get_array().filled(float("nan")))
        assert torch.equal(drawn[4:7, 4:7], weights["conv1.weight"][5, 0]), "four filters in a row"
        assert above.get_title() == f"{number}\nbatches"
        assert [bar.get_width() for bar in below.patches] == pytest.approx(logits[column].tolist())
        assert [bar.get_hatch() is not None for bar in below.patches] == [digit == 7 for digit in range(10)]
        colours = [bar.get_facecolor() for bar in below.patches]
        assert [colour != colours[0] for colour in colours] == [digit == 7 for digit in range(10)]
        assert below.yaxis_inverted(), "the digit 0 stands above"
        low, high = below.get_xlim()
        assert low < logits.min() and logits.max() < high, "no bar is cut off"
    limit = kept[6]["conv1.weight"].abs().max().item()
    assert all(ax.images[0].get_clim() == pytest.approx((-limit, limit)) for ax in axes[:6:2]), "one scale for all"
    assert axes[6].lines[0].get_ydata().tolist() == pytest.approx([10, 25, 90])
    assert axes[6].lines[0].get_xdata().tolist() == [0, 2, 6], "to scale"
    assert [tick.get_text() for tick in axes[6].get_xticklabels()] == ["0", "2", "6"]
    assert [text.get_text() for text in axes[6].texts] == ["10.0 %", "25.0 %", "90.0 %", "guessing: 10 %"]
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == [str(number) for number in range(0, 32, 4)]
    assert axes[6].lines[1].get_ydata() == [10, 10], "guessing"
    assert "guessing: 10.0% after 0, 25.0% after 2, 90.0% after 6" in shown[0]


def test_draw_learning_labels_no_two_places_that_lie_together(shown):
    kept = {batches: CNN().state_dict() for batches in (0, 1, 10, 100)}
    inside_plots.draw_learning(kept, [0.1, 0.2, 0.3, 0.4], torch.rand(4, 10), label=7)
    ax = plt.gcf().axes[-1]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "10", "100"]
    assert [text.get_text() for text in ax.texts] == ["10.0 %", "30.0 %", "40.0 %", "guessing: 10 %"]
    assert len(ax.lines[0].get_xdata()) == 4, "the point without a label is there"


def test_draw_learning_wants_one_of_each():
    with pytest.raises(ValueError, match="found 2 snapshots, 1 accuracies and 2 rows"):
        inside_plots.draw_learning({0: {}, 1: {}}, [0.5], torch.zeros(2, 10), 7)


@pytest.mark.parametrize(
    "draw", [inside_plots.draw_journey, lambda image, label, model: inside_plots.draw_filter(image, model, 0)]
)
def test_figures_want_one_image(model, images, draw):
    with pytest.raises(ValueError, match="expected images of shape"):
        draw(images[0, 0], 3, model)
