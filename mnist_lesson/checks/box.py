"""How a verdict looks: in a notebook a small box with a sign, elsewhere the same words as plain text."""

import html
import re
import sys
import textwrap

from mnist_lesson.progress import kernel

DONE, TRY_AGAIN, OPEN = ("✓", "#009E73"), ("↻", "#D55E00"), ("○", "#767676")  # legible on a white page and a black one


def show_box(look: tuple[str, str], headline: str, text: str = "", printed: str = "") -> None:
    """Show a verdict: `headline` says what it is about and how it is, `text` gives the reason or a hint.

    `look` is one of DONE, TRY_AGAIN and OPEN, a sign and a colour; the headline has the same meaning as words.
    `printed` is what the learner's function has printed.
    """
    shown = f"\nYour function printed:\n{printed}" if printed else ""
    sign, colour = look
    parts = [f"<strong>{sign} {html.escape(headline)}</strong>", f"<div>{with_code(text)}</div>" if text else ""]
    if printed:
        parts.append(f"<div>Your function printed:</div><pre>{html.escape(printed)}</pre>")
    style = f"border: 1px solid {colour}; border-left-width: 6px; border-radius: 4px; padding: 0.4em 0.8em"
    show_html(
        f'<div style="{style}; max-width: 50em; margin: 0.3em 0">{"".join(parts)}</div>',
        wrapped(f"{headline} {text}") + shown,
    )


def with_code(text: str) -> str:
    """Return a text as markup in which what stands between backticks looks like code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


def show_html(markup: str, text: str) -> None:
    """Show markup where a page can show it, and text everywhere else."""
    if kernel() is None:
        print(text)
    else:
        sys.modules["IPython"].display.display({"text/html": markup, "text/plain": text}, raw=True)


def wrapped(text: str, indent: int = 0) -> str:
    """Break a text into lines of at most 100 characters, since Jupyter breaks longer ones in the middle of a word."""
    return textwrap.fill(text, 100, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
