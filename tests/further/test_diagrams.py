"""mnist_lesson.further.diagrams: both drawings show what they are given, and say so in words."""

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
    assert len(plt.gcf().axes[0].images) == 1 and len(plt.gcf().axes[1].images) == 4
    front = max(plt.gcf().axes[1].images, key=lambda image: image.get_zorder())
    assert torch.equal(torch.tensor(front.get_array()), steps[1][1][0]), "the first map lies in front"
    assert "conv1 32 x 26 x 26" in shown[0] and shown[0].endswith("the longest at 3.")


def test_draw_program(shown):
    diagrams.draw_program()
    drawn = " ".join(text.get_text() for text in plt.gcf().axes[0].texts)
    for step in ("data", "loader", "model", "loss", "backward", "step", "test", "plot"):
        assert step in drawn and step in shown[0]
