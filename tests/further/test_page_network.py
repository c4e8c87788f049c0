"""The page's network.js computes what PyTorch computes: weights, forward pass, gradient. It needs Node."""

import json
import re

import numpy as np
import pytest
import torch
from javascript import find_node, run_javascript

from mnist_lesson.further import export, inside
from mnist_lesson.further.recipes import load_tensors
from mnist_lesson.results import load_run
from mnist_lesson.stored import REFERENCE_DIR

pytestmark = pytest.mark.skipif(find_node() is None, reason="Node is not installed: it runs the page's JavaScript")

READ = """
const fs = require("fs");
const bytes = fs.readFileSync("images");
const images = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const weights = decodeWeights(JSON.parse(fs.readFileSync("network.json", "utf8")));
const steps = [];
for (let i = 0; i < images.length; i += 784) steps.push(forward(images.subarray(i, i + 784), weights));
"""


@pytest.fixture(scope="module")
def images():
    return load_tensors(train=False)[0][:200]


@pytest.fixture(params=[torch.float16, torch.float32], ids=["float16", "float32"])
def model(request, monkeypatch, tmp_path):
    """The reference network with rounded weights; the folder holds the description that a page has of it."""
    run = load_run(REFERENCE_DIR)
    monkeypatch.setattr(export, "refusal_threshold", lambda weights: 0.5)
    text = export.export_page(run, tmp_path / "page.html", request.param).read_text(encoding="utf-8")
    (tmp_path / "network.json").write_text(re.search(r'id="network">(.*?)</script>', text)[1])
    run.model.load_state_dict({name: own.to(request.param) for name, own in run.model.state_dict().items()})
    return run.model.eval()


def ask(images, code, folder):
    (folder / "images").write_bytes(images.numpy().tobytes())
    return torch.tensor(run_javascript(["network.js"], f"{READ}console.log(JSON.stringify({code}))", folder))


def test_the_logits_are_those_of_pytorch(model, images, tmp_path):
    logits = ask(images, "steps.map((own) => [...own.fc2])", tmp_path)
    with torch.no_grad():
        assert torch.allclose(logits, model(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name, key", [("conv1 + ReLU", "conv1"), ("conv2 + ReLU", "conv2"), ("fc1 + ReLU", "fc1")])
def test_the_maps_are_those_of_pytorch(name, key, model, images, tmp_path):
    maps = ask(images[:3], f"steps.map((own) => [...own.{key}])", tmp_path)
    expected = dict(inside.record_steps(images[:3], model))[name]
    assert torch.allclose(maps, expected.flatten(start_dim=1), rtol=0, atol=1e-4)


def test_the_gradient_is_that_of_autograd(model, images, tmp_path):
    images = torch.cat([images[:9], torch.zeros(1, 1, 28, 28)])  # without ink: many equal numbers in pooling
    gradients = ask(images, "steps.map((own, i) => [...saliency(own, weights, i)])", tmp_path)
    expected = torch.stack([inside.saliency(image, model, digit) for digit, image in enumerate(images)])
    assert torch.allclose(gradients, expected.flatten(start_dim=1), rtol=0, atol=1e-4)


def test_each_of_the_65536_numbers_of_16_bits_is_decoded(tmp_path):
    code = "console.log(JSON.stringify(Array.from({ length: 65536 }, (_, bits) => String(fromHalf(bits)))))"
    found = np.array(
        [float(word.replace("Infinity", "inf")) for word in run_javascript(["network.js"], code, tmp_path)]
    )
    assert np.array_equal(found, np.arange(65536, dtype=np.uint16).view(np.float16).astype(float), equal_nan=True)


def test_softmax_takes_large_logits(tmp_path):
    logits = [1000, 1001, -1000]
    code = f"console.log(JSON.stringify(softmax(Float32Array.from({json.dumps(logits)}))))"
    expected = torch.tensor(logits, dtype=torch.float32).softmax(dim=0)
    assert torch.allclose(torch.tensor(run_javascript(["network.js"], code, tmp_path)), expected)


def test_no_name_is_used_twice_in_the_page():
    names = []
    for part in export.SCRIPTS:
        names += re.findall(r"^(?:async )?(?:function\*?|const|let) (\w+)", export.part(part), re.MULTILINE)
    twice = {name for name in names if names.count(name) > 1}
    assert len(names) > 50 and not twice
