"""Put a trained network into one web page: the helper of notebook 11.

The page is put together from the files in `page/`: HTML, CSS, JavaScript, and the weights as text. It needs no server
and asks for nothing, so it works from a disk and on a phone.
"""

import base64
import hashlib
import importlib.metadata
import json
import tomllib
from pathlib import Path

import torch
import torch.nn as nn

from mnist_lesson.data import load_mnist
from mnist_lesson.files import write_whole
from mnist_lesson.further.inside import mode
from mnist_lesson.further.recipes import hold_out
from mnist_lesson.model import CNN
from mnist_lesson.results import Run

PAGE_DIR = Path(__file__).resolve().parent / "page"
PREPARATION = ["filters.js", "paper.js", "ink.js", "handwriting.js"]
SCRIPTS = [*PREPARATION, "network.js", "page.js"]  # in this order, in one script
COST = 0.01  # the share of digits that the page may refuse


def export_page(run: Run, path: Path, dtype: torch.dtype = torch.float16) -> Path:
    """Write a web page that draws, prepares and reads digits with the network of this run, and return its path.

    `dtype` is that of the stored weights, torch.float16 or torch.float32: the page takes 400 kB or 750 kB. The network
    must take images with values in 0..1. Nothing in the run changes; a file that is at `path` is replaced.
    Raises ValueError, and writes nothing, if the network is not that of the lesson, if a weight is no finite number or
    too large for `dtype`, or if `path` cannot be the name of a file; OSError as `load_mnist` does.
    """
    if not isinstance(run, Run):
        raise ValueError(f"expected a run as `load_run` returns it, found {type(run).__name__}.")
    path = Path(path)
    if not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"{path} cannot be the name of a file: name one in a folder that exists.")
    weights = rounded_weights(run.model, dtype)
    network = {
        "lesson": lesson_version(),
        "preparation": preparation_version(),
        "settings": ", ".join(f"{name} = {value}" for name, value in run.settings.items()),
        "accuracy": run.history.test_acc[-1] if run.history.test_acc else None,
        "threshold": refusal_threshold(weights),
        "dtype": str(dtype).removeprefix("torch."),
        "shapes": {name: list(values.shape) for name, values in weights.items()},
        # Row after row, one after the other, the low byte of each number first.
        "weights": base64.b64encode(b"".join(as_bytes(values) for values in weights.values())).decode(),
    }
    write_whole(path, page_with(network))
    return path


def rounded_weights(model: nn.Module, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return the weights of the model by name, on the CPU, rounded to `dtype`. Raises ValueError as `export_page` does."""
    if dtype not in (torch.float16, torch.float32):
        raise ValueError(f"expected torch.float16 or torch.float32, found {dtype}.")
    weights = {name: values.detach().cpu() for name, values in model.state_dict().items()}
    with torch.device("meta"):  # no weights are made, so no random number is drawn
        expected = {name: values.shape for name, values in CNN().state_dict().items()}
    advice = "the page can only compute the network of the lesson, CNN"
    if {name: values.shape for name, values in weights.items()} != expected:
        raise ValueError(f"{type(model).__name__} has other layers than CNN: {advice}.")
    for name, values in weights.items():
        if not values.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity: the training has failed, so train the network again.")
        if not values.to(dtype).isfinite().all():
            largest = values.abs().max()
            raise ValueError(f"{name} holds {largest:.3g}, too large for float16: export it with dtype=torch.float32.")
    images = torch.linspace(0, 100, 2 * 784).sin().abs().reshape(2, 1, 28, 28)
    with mode(model, training=False), torch.no_grad():
        logits = model(images.to(next(model.parameters()))).float().cpu()
    if not torch.allclose(logits, read(images, weights), rtol=1e-2, atol=1e-2):
        raise ValueError(f"{type(model).__name__} does not compute what CNN does with its weights: {advice}.")
    return {name: values.to(dtype) for name, values in weights.items()}


def read(images: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits, (N, 10), that `CNN` gives for images, (N, 1, 28, 28), with these weights."""
    with torch.device("meta"):
        model = CNN()
    model.load_state_dict({name: values.float() for name, values in weights.items()}, assign=True)
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(500)])


def refusal_threshold(weights: dict[str, torch.Tensor]) -> float:
    """Return the probability that 1 % of digits stay below with their largest one: less may be no digit.

    The digits are 5,000 training images, so that the test images stay unseen. The reader of notebook 8 was not trained
    with them; your own network was, so it is a little surer of them than of new digits, and will refuse some more.
    """
    dataset = load_mnist(train=True)
    _, (held, _) = hold_out(dataset.data.unsqueeze(1), dataset.targets)
    return read(held / 255, weights).softmax(dim=1).amax(dim=1).quantile(COST).item()


def as_bytes(values: torch.Tensor) -> bytes:
    return values.contiguous().numpy().astype(f"<f{values.element_size()}").tobytes()


def lesson_version() -> str:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if project.is_file():  # what pip noted when it installed the lesson may be older
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    return importlib.metadata.version("mnist-lesson")


def preparation_version() -> str:
    """Return eight letters that change as soon as the page's preparation does."""
    return hashlib.sha256("".join(part(name) for name in PREPARATION).encode()).hexdigest()[:8]


def part(name: str) -> str:
    return (PAGE_DIR / name).read_text(encoding="utf-8")


def page_with(network: dict) -> str:
    """Return the page, which holds all its parts and this description of a network."""
    data = json.dumps(network).replace("<", "\\u003c")  # a browser would end the data at "</script>"
    html = part("page.html").replace("/* page.css */", part("page.css"))
    return html.replace("/* network */", data).replace("/* scripts */", "\n".join(part(name) for name in SCRIPTS))
