"""mnist_lesson.checks.box: a verdict is a box in a notebook and the same words as text, never colour alone."""

import re

import pytest

from mnist_lesson import checks
from mnist_lesson.checks import box, judge

HINT = "One sentence of many words. " * 20


def test_a_long_hint_is_broken_between_words(capsys):
    box.show_box(box.TRY_AGAIN, "Exercise 1.1, double: not yet.", HINT)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4 and max(map(len, lines)) <= 100
    assert " ".join(lines) == f"Exercise 1.1, double: not yet. {HINT}".strip()


def test_a_notebook_gets_a_box_and_the_same_words_as_text(in_notebook):
    box.show_box(box.TRY_AGAIN, "Exercise 1.1, double: not yet.", "Is 1 < 2?", "<b>")
    (data,) = in_notebook
    assert data["text/plain"] == "Exercise 1.1, double: not yet. Is 1 < 2?\nYour function printed:\n<b>"
    assert "Is 1 &lt; 2?" in data["text/html"] and "<pre>&lt;b&gt;</pre>" in data["text/html"]
    words = re.sub("<[^>]+>", " ", data["text/html"]).split()
    assert (
        words[0] == "↻"
        and words[1:] == "Exercise 1.1, double: not yet. Is 1 &lt; 2? Your function printed: &lt;b&gt;".split()
    )


def test_code_in_a_hint_looks_like_code(in_notebook):
    box.show_box(box.OPEN, "Exercise 1.1, double: not attempted yet.", "Is `x < 2` here?")
    (data,) = in_notebook
    assert "Is <code>x &lt; 2</code> here?" in data["text/html"] and "Is `x < 2` here?" in data["text/plain"]


def test_each_state_has_a_sign_of_its_own():
    assert set(judge.LOOKS) == {judge.SOLVED, judge.NOT_YET, judge.NOT_ATTEMPTED}
    assert len({sign for sign, _ in judge.LOOKS.values()}) == 3


@pytest.mark.parametrize("look", judge.LOOKS.values(), ids=judge.LOOKS)
def test_the_colours_can_be_seen_on_white_and_on_black(look):
    """A contrast of 3 is what WCAG 2.1 asks for beside text; the formulas are from there."""
    parts = [int(look[1][place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 3 and (luminance + 0.05) / 0.05 >= 3


def test_progress_is_a_table_and_the_same_words_as_text(in_notebook, monkeypatch, tmp_path):
    monkeypatch.setattr(judge, "SOLVED_FILE", tmp_path / "exercises.json")
    judge.keep_solved("4.2")
    checks.progress()
    (data,) = in_notebook
    assert "<tr><td>4</td><td>1 of 5</td><td>4.1 size_after, 4.3 conv_parameters," in data["text/html"]
    assert "notebook  4: 1 of 5 solved; open: 4.1 size_after, 4.3" in data["text/plain"]
    assert max(map(len, data["text/plain"].splitlines())) <= 100
