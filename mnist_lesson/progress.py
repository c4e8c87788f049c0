"""Show how far a long step is, but only to a person who watches."""

import io
import sys
from collections.abc import Iterable

from tqdm.std import tqdm


def progress_bar(dataloader: Iterable, description: str) -> Iterable:
    """Wrap a loader so that a bar shows how far it is, if a person is watching; it vanishes at the end."""
    return tqdm(dataloader, desc=description, disable=not is_watched(), leave=False, file=sys.stdout, unit="batch")


def is_watched() -> bool:
    """Tell whether a person watches: a stored notebook would keep the bar as a line that never moves."""
    if isinstance(sys.stdout, io.StringIO):  # what is printed is collected, as by the checkers of the exercises
        return False
    if kernel() is None:
        return sys.stdout.isatty()
    # Each request to run a cell says whether input() could be answered: yes in a live notebook, no in unattended ones.
    return kernel().get_parent("shell").get("content", {}).get("allow_stdin", False)


def kernel() -> object | None:
    """Return the kernel of the notebook that this runs in, or None outside of one."""
    ipython = sys.modules.get("IPython")  # in a notebook it is loaded
    return getattr(ipython.get_ipython(), "kernel", None) if ipython else None
