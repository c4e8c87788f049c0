"""mnist_lesson.model: the network has the layers and sizes that the lesson speaks of."""

import pytest
import torch

from mnist_lesson.model import CNN


def test_layers_and_parameters():
    sizes = {name: sum(p.numel() for p in layer.parameters()) for name, layer in CNN().named_children()}
    assert sizes == {"conv1": 320, "pool1": 0, "conv2": 18_496, "pool2": 0, "fc1": 102_464, "fc2": 650}
    assert sum(sizes.values()) == 121_930


@pytest.mark.parametrize("n", [1, 7])
def test_output_shape(n):
    assert CNN()(torch.rand(n, 1, 28, 28)).shape == (n, 10)


def test_outputs_are_logits_not_probabilities():
    torch.manual_seed(0)
    logits = CNN()(torch.rand(50, 1, 28, 28))
    assert logits.min() < 0 and not torch.allclose(logits.sum(dim=1), torch.ones(50))


def test_every_parameter_gets_a_gradient():
    model = CNN()
    model(torch.rand(4, 1, 28, 28)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_each_image_is_read_by_itself():
    model, images = CNN(), torch.rand(5, 1, 28, 28)
    one_by_one = torch.cat([model(image.unsqueeze(0)) for image in images])
    assert torch.allclose(model(images), one_by_one, atol=1e-6)
