"""mnist_lesson.further.export: the page holds what it should, asks for nothing, and is not written if it cannot work."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mnist_lesson.further import export
from mnist_lesson.further.export import export_page
from mnist_lesson.model import CNN
from mnist_lesson.results import History, Run, load_run
from mnist_lesson.stored import REFERENCE_DIR, STORED_DIR


class Sigmoid(CNN):
    """The layers of CNN, but it computes something else with them."""

    def forward(self, x):
        return super().forward(x).sigmoid()


@pytest.fixture
def quick(monkeypatch):
    """The threshold takes a second or two: only some tests are about it."""
    monkeypatch.setattr(export, "refusal_threshold", lambda weights: 0.5)


def run_of(model):
    return Run(model, History(), {}, {})


def network_of(path):
    return json.loads(re.search(r'id="network">(.*?)</script>', path.read_text(encoding="utf-8"))[1])


def changed(name, value):
    """A run whose network has one other weight."""
    model = CNN()
    model.state_dict()[name].view(-1)[3] = value
    return run_of(model)


@pytest.mark.parametrize("dtype, size", [(torch.float16, 2), (torch.float32, 4)])
def test_the_page_holds_the_weights_and_what_belongs_to_them(dtype, size, tmp_path, quick):
    run = load_run(REFERENCE_DIR)
    path = export_page(run, str(tmp_path / "page.html"), dtype)
    assert path == tmp_path / "page.html"
    network = network_of(path)
    values = np.frombuffer(base64.b64decode(network["weights"]), dtype=f"<f{size}")
    expected = run.model.state_dict()
    assert network["shapes"] == {name: list(own.shape) for name, own in expected.items()}
    assert torch.equal(torch.tensor(values), torch.cat([own.flatten() for own in expected.values()]).to(dtype))
    assert network["dtype"] == f"float{8 * size}"
    assert network["settings"] == "EPOCHS = 5, BATCH_SIZE = 32, LEARN_RATE = 0.01, SEED = 0"
    assert network["accuracy"] == run.history.test_acc[-1]
    assert re.fullmatch(r"\d+\.\d+\.\d+", network["lesson"])
    assert re.fullmatch(r"[0-9a-f]{8}", network["preparation"])
    assert path.stat().st_size <= 900_000 or dtype == torch.float32


def test_one_percent_of_the_held_out_digits_are_below_the_threshold():
    stored = json.loads((STORED_DIR / "refusal.json").read_text(encoding="utf-8"))
    threshold = export.refusal_threshold(load_run(REFERENCE_DIR).model.state_dict())
    assert threshold == pytest.approx(stored["networks"]["reference"]["probability"]["threshold"], abs=1e-4)


def test_a_page_asks_for_nothing(tmp_path, quick):
    text = export_page(run_of(CNN()), tmp_path / "page.html").read_text(encoding="utf-8")
    text = re.sub(r'id="network">.*?</script>', "", text, flags=re.DOTALL)
    assert "default-src 'none'" in text and "connect-src" not in text
    for word in (
        "http:",
        "https:",
        "url(",
        "@import",
        "import(",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "sendBeacon",
        "src=",
    ):
        assert word not in text, word
    assert re.findall(r'href="([^"]*)"', text) == ["data:,"]
    assert not re.search(r"/\* (page\.css|scripts|network) \*/", text), "something was not filled in"


def test_two_pages_of_one_run_are_equal_and_the_second_replaces_the_first(tmp_path, quick):
    run = run_of(CNN())
    first = export_page(run, tmp_path / "page.html").read_bytes()
    (tmp_path / "page.html").write_text("old")
    assert export_page(run, tmp_path / "page.html").read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_run_without_history_and_with_odd_settings_makes_a_page(tmp_path, quick):
    run = Run(CNN(), History(), {"NOTE": "</script><b>"}, {})
    path = export_page(run, tmp_path / "page.html")
    assert network_of(path)["accuracy"] is None
    assert network_of(path)["settings"] == "NOTE = </script><b>"
    assert path.read_text(encoding="utf-8").count("</script>") == 2, "the settings end the script"


def test_nothing_in_the_run_changes(tmp_path, quick):
    model = CNN().double().train()
    model.pool1.eval()
    before = {name: own.clone() for name, own in model.state_dict().items()}
    state = torch.random.get_rng_state()
    export_page(run_of(model), tmp_path / "page.html")
    assert model.training and not model.pool1.training
    assert all(torch.equal(own, before[name]) for name, own in model.state_dict().items())
    assert all(own.requires_grad and own.grad is None for own in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), state), "a random number was drawn"


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: CNN(), "expected a run as `load_run` returns it, found CNN."),
        (lambda: run_of(nn.Linear(784, 10)), "Linear has other layers than CNN"),
        (lambda: run_of(Sigmoid()), "Sigmoid does not compute what CNN does"),
        (lambda: changed("fc1.bias", torch.nan), "fc1.bias holds NaN or infinity: the training has failed"),
        (lambda: changed("conv2.weight", -torch.inf), "conv2.weight holds NaN or infinity"),
        (lambda: changed("conv1.weight", 70_000), "conv1.weight holds 7e+04, too large for float16: export it with"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(make, words, tmp_path):
    (tmp_path / "page.html").write_text("old")
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        export_page(make(), tmp_path / "page.html")
    assert len(str(error.value).splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert (tmp_path / "page.html").read_text() == "old"


def test_a_weight_too_large_for_float16_goes_into_float32(tmp_path, quick):
    export_page(changed("conv1.weight", 70_000), tmp_path / "page.html", torch.float32)


def test_a_type_that_the_page_cannot_decode_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected torch.float16 or torch.float32, found torch.bfloat16"):
        export_page(run_of(CNN()), tmp_path / "page.html", torch.bfloat16)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["missing/page.html", "."])
def test_a_name_that_no_file_can_have_is_refused(place, tmp_path):
    with pytest.raises(ValueError, match="cannot be the name of a file: name one in a folder that exists"):
        export_page(run_of(CNN()), tmp_path / place)
    assert not list(tmp_path.iterdir())


def test_the_version_of_the_preparation_follows_its_files(monkeypatch, tmp_path):
    before = export.preparation_version()
    assert before == export.preparation_version()
    for name in export.PREPARATION:
        (tmp_path / name).write_text(export.part(name) + ("//" if name == "ink.js" else ""), encoding="utf-8")
    monkeypatch.setattr(export, "PAGE_DIR", tmp_path)
    assert export.preparation_version() != before


def test_the_page_in_docs_is_that_of_today(tmp_path, quick):
    today = export_page(load_run(REFERENCE_DIR), tmp_path / "draw.html").read_text(encoding="utf-8")
    stored = (Path(__file__).parents[2] / "docs" / "draw.html").read_text(encoding="utf-8")
    (threshold,) = re.findall(r'"threshold": ([\d.]+)', stored)
    assert stored.replace(threshold, "0.5") == today, "`make refresh` writes docs/draw.html anew"
    measured = json.loads((STORED_DIR / "refusal.json").read_text(encoding="utf-8"))
    assert abs(float(threshold) - measured["networks"]["reference"]["probability"]["threshold"]) < 1e-3
