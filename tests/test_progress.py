"""mnist_lesson.progress: a bar for a person, and none in stored output."""

import contextlib
import io
import sys
from types import SimpleNamespace

import pytest

from mnist_lesson import progress as module
from mnist_lesson.progress import is_watched, progress_bar


def notebook_kernel(monkeypatch, allow_stdin):
    kernel = SimpleNamespace(get_parent=lambda channel: {"content": {"allow_stdin": allow_stdin}})
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=kernel))
    monkeypatch.setitem(sys.modules, "IPython", ipython)


@pytest.mark.parametrize("allow_stdin", [True, False])
def test_a_live_notebook_is_watched_and_a_headless_one_is_not(monkeypatch, allow_stdin):
    notebook_kernel(monkeypatch, allow_stdin)
    assert is_watched() == allow_stdin


def test_output_that_is_collected_is_not_watched(monkeypatch):
    """Or the verdict on an exercise would show the bars of the trainings in it as what the learner printed."""
    notebook_kernel(monkeypatch, allow_stdin=True)
    with contextlib.redirect_stdout(io.StringIO()) as collected:
        assert list(progress_bar([1, 2, 3], "train")) == [1, 2, 3]
    assert collected.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_script_is_watched_in_a_terminal(monkeypatch, terminal):
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: terminal))
    assert is_watched() == terminal


@pytest.mark.parametrize("watched", [True, False])
def test_progress_yields_everything_and_draws_only_when_watched(monkeypatch, capsys, watched):
    monkeypatch.setattr(module, "is_watched", lambda: watched)
    assert list(progress_bar([1, 2, 3], "train")) == [1, 2, 3]
    out = capsys.readouterr().out
    assert ("train" in out) == watched
    assert out.split("\r")[-1].strip() == "" and "\n" not in out, "the bar must vanish at its end"
