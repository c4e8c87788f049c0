"""mnist_lesson.further.diagrams: the drawings show what they are given, and say so in words."""

import matplotlib.pyplot as plt
import torch

from mnist_lesson.further import diagrams


def test_draw_network_names_every_shape(shown):
    steps = [("image", torch.rand(1, 28, 28)), ("conv1", torch.rand(32, 26, 26)), ("fc2", torch.rand(10))]
    diagrams.draw_network(steps, torch.eye(10)[3])
    assert [ax.get_title() for ax in plt.gcf().axes] == [
        "image\n1 × 28 × 28",
        "conv1\n32 × 26 × 26",
        "fc2\n10",
        "softmax\n10",
    ]
    assert len(plt.gcf().axes[0].images) == 1
    drawn = plt.gcf().axes[1]
    assert [text.get_text() for text in drawn.texts] == [str(number) for number in range(8)]
    limits = (steps[1][1].min().item(), steps[1][1].max().item())
    for number, image in enumerate(drawn.images):
        assert torch.equal(torch.tensor(image.get_array()), steps[1][1][number])
        assert image.get_clim() == limits, "all maps of a step have the same scale, that of all 32"
        left, _, _, top = image.get_extent()
        assert (top, left) == divmod(number, 2), "two in a row, from the top"
    assert "conv1 32 x 26 x 26" in shown[0] and shown[0].endswith("the longest at 3.")


def test_draw_gallery_shows_filters_above_their_maps(shown):
    filters = {"edge": [[-1, 0], [0, 1]], "blur": [[1 / 4, 1 / 4], [1 / 4, 1 / 4]]}
    maps = [torch.tensor([[-2.0, 1], [0, 0]]), torch.tensor([[0.25, 0.5], [0, 1]])]
    diagrams.draw_gallery(torch.rand(3, 3), filters, maps)
    axes = plt.gcf().axes
    assert [ax.get_title() for ax in axes] == ["", "edge", "blur", "image", "", ""]
    written = {text.get_position(): text.get_text() for text in axes[1].texts}
    assert written == {(0, 0): "−1", (1, 0): "0", (0, 1): "0", (1, 1): "1"}
    assert [text.get_text() for text in axes[2].texts] == ["1/4"] * 4
    assert [ax.images[0].get_clim() for ax in axes[4:]] == [(-2, 2), (-1, 1)], "0 is white"
    assert [ax.get_xlabel() for ax in axes[4:]] == ["−2.0 to 1.0", "0.0 to 1.0"]
    assert shown[0].endswith("edge, -2.0 to 1.0; blur, 0.0 to 1.0.")


def test_draw_program(shown):
    diagrams.draw_program()
    drawn = " ".join(text.get_text() for text in plt.gcf().axes[0].texts)
    for step in ("data", "loader", "model", "loss", "backward", "step", "test", "plot"):
        assert step in drawn and step in shown[0]
