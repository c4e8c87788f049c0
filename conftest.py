"""What all tests share: folders of their own, fixtures, and a comparison of numbers that allows for rounding."""

import os
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

# All random numbers of the tests follow from this one; another one must give the same verdicts.
SEED = os.environ.setdefault("MNIST_LESSON_SEED", "0")

# The package reads these when it is imported, so they are set before any test imports it.
TEMPORARY = Path(tempfile.mkdtemp(prefix="mnist_lesson_tests_"))
TEMPORARY.chmod(0o755)  # an ordinary user may read the data in it
os.environ["MNIST_LESSON_DATA"] = str(TEMPORARY / "data")
os.environ["MNIST_LESSON_RUNS"] = str(TEMPORARY / "runs")
os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(TEMPORARY / "compiled")
os.environ["MPLBACKEND"] = "agg"

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?%?")


def pytest_configure(config):
    archives = shutil.ignore_patterns("*-ubyte", "*.part", "*.aside-*")
    shutil.copytree(Path(__file__).parent / "data", TEMPORARY / "data", ignore=archives)
    if config.pluginmanager.has_plugin("nbval"):
        compare_with_tolerance()


def pytest_report_header(config):
    return f"MNIST_LESSON_SEED={SEED} (set it to another number to draw other random numbers)"


def pytest_unconfigure(config):
    shutil.rmtree(TEMPORARY, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Give each notebook an empty folder for runs, so that none depends on another; kernels inherit it."""
    is_notebook = item.path.suffix == ".ipynb"
    os.environ["MNIST_LESSON_RUNS"] = str(TEMPORARY / "runs" / (item.path.stem if is_notebook else ""))
    os.environ.pop("MPLBACKEND", None) if is_notebook else os.environ.update(MPLBACKEND="agg")


@pytest.fixture(autouse=True)
def seed(request):
    """Seed every generator for each test alone, so that no test depends on those that ran before it."""
    name = f"{SEED} {request.node.nodeid}"
    random.seed(name)
    number = random.getrandbits(32)
    for module, function in (("numpy.random", "seed"), ("torch", "manual_seed")):
        if module in sys.modules:
            getattr(sys.modules[module], function)(number)
    if "mnist_lesson.checks.judge" in sys.modules:
        sys.modules["mnist_lesson.checks.judge"].SEEDS.seed(name)
    return name


@pytest.fixture
def ordinary_user():
    """Give up the administrator's rights for a test: root may write everywhere, which hides faults."""
    if not hasattr(os, "geteuid"):
        pytest.skip("Windows keeps rights in another way")
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # the user that owns nothing
    yield
    if before == 0:
        os.seteuid(0)


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close the figures that a test leaves open: outside a notebook they stay, and other tests count them."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def shown(monkeypatch):
    """Keep the alternative texts instead of showing the figures, which stay open for the test to look at."""
    from mnist_lesson import plots
    from mnist_lesson.further import diagrams, inside_plots

    texts = []
    for module in (plots, inside_plots, diagrams):
        monkeypatch.setattr(module, "show", texts.append)
    return texts


@pytest.fixture
def in_notebook(monkeypatch):
    """Pretend to run in a notebook, and keep what it is given to display."""
    outputs = []
    display = SimpleNamespace(display=lambda data, raw: outputs.append(data))
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=True), display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return outputs


@pytest.fixture
def model():
    """The reference network, loaded anew for each test."""
    from mnist_lesson.results import load_run
    from mnist_lesson.stored import REFERENCE_DIR

    return load_run(REFERENCE_DIR).model


@pytest.fixture(scope="session")
def reader():
    """The network that reads handwriting; no test changes it."""
    from mnist_lesson.results import load_run
    from mnist_lesson.stored import READER_DIR

    return load_run(READER_DIR).model.eval()


@pytest.fixture
def images():
    """Six images of random numbers, the same ones each time."""
    import torch

    return torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def compare_with_tolerance():
    """Let nbval take numbers for equal that are close, in cells tagged `trained` or `rounding`.

    trained: numbers that training made, which differ a little between machines.
    rounding: numbers whose last printed digit may be rounded differently.
    Figures are not compared, but their alternative text is.
    """
    from nbval.plugin import IPyNbCell

    compare_exactly = IPyNbCell.compare_outputs

    def compare_outputs(cell, test, ref, skip_compare=None):
        skip_compare = (*(skip_compare or cell.parent.skip_compare), "text/html")
        tags = cell.cell.metadata.get("tags", [])
        if "trained" in tags or "rounding" in tags:
            rest = test[len(ref) :]
            test = [with_close_numbers_of(new, old, "trained" in tags) for new, old in zip(test, ref)] + rest
        return compare_exactly(cell, test, ref, skip_compare)

    IPyNbCell.compare_outputs = compare_outputs


def with_close_numbers_of(new, old, trained):
    """Return the new output with the texts of the old one wherever they differ only in close numbers."""
    if isinstance(new, str) and isinstance(old, str):
        return old if is_close_text(new, old, trained) else new
    if isinstance(new, dict) and isinstance(old, dict):
        return type(new)({key: with_close_numbers_of(new[key], old.get(key), trained) for key in new})
    return new


def is_close_text(new: str, old: str, trained: bool) -> bool:
    """Tell whether two texts are equal apart from their numbers, and these are close."""
    if NUMBER.sub("#", new).split() != NUMBER.sub("#", old).split():
        return False
    return all(is_close(a, b, trained) for a, b in zip(NUMBER.findall(new), NUMBER.findall(old)))


def is_close(new: str, old: str, trained: bool) -> bool:
    """Compare two numbers in their printed form: shares in points, other fractions in parts, counts exactly."""
    if new.endswith("%") != old.endswith("%"):
        return False
    if not re.search(r"[.e%]", old):
        return new == old
    a, b = float(new.rstrip("%")), float(old.rstrip("%"))
    if not trained:
        return abs(a - b) <= 0.002 + 0.002 * abs(b)
    return abs(a - b) <= (1.5 if old.endswith("%") else 0.02 + 0.15 * abs(b))
