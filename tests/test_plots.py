"""mnist_lesson.plots: each figure is drawn, shows what it is given, and says so in words."""

import sys

import matplotlib.pyplot as plt
import pytest
import torch

from mnist_lesson import plots
from mnist_lesson.results import History


def test_show_gives_a_notebook_an_image_with_alternative_text(request):
    plt.plot([1, 2])
    outputs = request.getfixturevalue("in_notebook")  # not before: the first figure asks IPython for more
    plots.show('a "line" from 1 < 2')
    (data,) = outputs
    assert data["text/plain"] == 'a "line" from 1 < 2'
    assert data["text/html"].startswith('<img alt="a &quot;line&quot; from 1 &lt; 2" src="data:image/png;base64,iVBOR')
    assert not plt.get_fignums(), "or the notebook draws the figure a second time"


def test_show_outside_a_notebook_is_plt_show(monkeypatch):
    calls = []
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setattr(plt, "show", lambda: calls.append(True))
    plt.plot([1, 2])
    plots.show("a line")
    assert calls == [True]


def test_show_without_a_figure():
    with pytest.raises(ValueError, match="no figure to show"):
        plots.show("nothing")
    plt.figure()
    with pytest.raises(ValueError, match="no figure to show"):
        plots.show("a figure without anything in it")


def test_show_without_a_description():
    plt.plot([1, 2])
    with pytest.raises(ValueError, match="describe the figure"):
        plots.show(" ")


@pytest.mark.parametrize("shape", [(12, 1, 28, 28), (12, 28, 28)])
def test_show_digits(shown, shape):
    images = torch.rand(shape)
    plots.show_digits(images, [f"label {i}\nsure" for i in range(12)], "twelve images", columns=5)
    drawn = [ax for ax in plt.gcf().axes if ax.images]
    assert len(plt.gcf().axes) == 15 and len(drawn) == 12
    assert torch.equal(torch.tensor(drawn[7].images[0].get_array()), images[7].reshape(28, 28))
    assert drawn[7].get_title() == "label 7\nsure"
    assert shown[0].startswith("twelve images: label 0, sure; label 1, sure;")


def test_show_digits_wants_a_title_for_each():
    with pytest.raises(ValueError, match="2 images and 3 titles"):
        plots.show_digits(torch.rand(2, 28, 28), [1, 2, 3], "two")


@pytest.mark.parametrize("epochs", [1, 5])
def test_plot_history(shown, epochs):
    history = History()
    for epoch in range(epochs):
        history.add(0.5 + epoch / 10, 1 / (epoch + 1), 0.6 + epoch / 20, 0.5 / (epoch + 1))
    plots.plot_history(history)
    left, right = plt.gcf().axes
    curves = [left.lines[0], left.lines[1], right.lines[0], right.lines[1]]
    values = [history.train_acc, history.test_acc, history.train_loss, history.test_loss]
    for curve, expected, scale in zip(curves, values, (100, 100, 1, 1)):
        assert list(curve.get_ydata()) == pytest.approx([scale * value for value in expected])
        assert list(curve.get_xdata()) == list(range(1, epochs + 1))
    for ax in (left, right):
        train_line, test_line = ax.lines
        assert train_line.get_marker() != test_line.get_marker(), "colour alone must not tell them apart"
        assert train_line.get_linestyle() != test_line.get_linestyle()
        assert "guessing" in ax.get_title() and ax.get_xlabel() == "epoch"
        assert all(float(tick).is_integer() for tick in ax.get_xticks())
    assert len(plt.gcf().legends) == 1, "one legend serves both panels"
    assert f"test accuracy from 0.600 to {history.test_acc[-1]:.3f}" in shown[0]


def test_plot_confusion(shown):
    matrix = torch.diag(torch.full((10,), 90))
    matrix[4, 9] = 7
    plots.plot_confusion(matrix)
    texts = {text.get_position(): text.get_text() for text in plt.gcf().axes[0].texts}
    assert len(texts) == 100
    assert texts[(9, 4)] == "7", "row = label, column = prediction"
    assert texts[(4, 4)] == "90" and texts[(0, 1)] == "·"
    assert "907 images. 900 are on the diagonal" in shown[0] and "a 4 taken for a 9, 7 times" in shown[0]
