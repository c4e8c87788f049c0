"""mnist_lesson.further.muon: all directions become about equal, and a step follows its formula."""

import math

import pytest
import torch
from torch import nn

from mnist_lesson.further.muon import Muon, even_out

SHAPES = [(2, 2), (10, 64), (64, 288), (64, 10), (288, 64), (32, 9)]
NUMBERS = [3.0, -4.0, 12.0]  # of length 13


def wild(rows, columns):
    """Return a matrix whose largest singular value is about twenty times its smallest."""
    matrix = torch.randn(rows, columns)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    return u @ torch.diag(torch.linspace(1, 0.05, len(s))) @ v


@pytest.mark.parametrize("rows, columns", SHAPES)
def test_the_directions_stay_and_their_sizes_become_about_equal(rows, columns):
    """U and V are those of the matrix as it was: U.T @ evened @ V holds the new sizes and nothing beside them."""
    matrix = wild(rows, columns)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    scale = max(1, rows / columns) ** 0.5
    sizes = u.T @ (even_out(matrix) / scale) @ v.T
    assert even_out(matrix).shape == matrix.shape
    assert 0.67 < sizes.diag().min() and sizes.diag().max() < 1.22
    assert torch.allclose(sizes, torch.diag(sizes.diag()), atol=1e-3)
    assert torch.allclose(
        torch.linalg.svdvals(even_out(matrix)), sizes.diag().sort(descending=True)[0] * scale, atol=1e-3
    )


def test_it_is_near_to_the_nearest_matrix_with_equal_sizes():
    matrix = wild(64, 288)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    assert (even_out(matrix) - u @ v).norm() < 0.25 * (u @ v).norm() < (matrix - u @ v).norm()


def test_what_is_no_direction_of_the_matrix_does_not_become_one():
    flat = torch.randn(64, 3) @ torch.randn(3, 288)  # three directions of 64
    sizes = torch.linalg.svdvals(even_out(flat))
    assert (sizes[:3] > 0.67).all() and (sizes[3:] < 1e-3).all()


@pytest.mark.parametrize("count", [1, 3, 64])
def test_a_column_gets_the_root_of_its_rows_as_length_and_a_row_the_length_1(count):
    column = torch.randn(count, 1)
    assert torch.allclose(even_out(column), column / column.norm() * math.sqrt(count), rtol=1e-4)
    assert torch.allclose(even_out(column.T), column.T / column.norm(), rtol=1e-4)


@pytest.mark.parametrize("rows, columns", [*SHAPES, (5, 1), (1, 5)])
def test_zeros_stay_zeros(rows, columns):
    assert torch.equal(even_out(torch.zeros(rows, columns)), torch.zeros(rows, columns))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
@pytest.mark.parametrize("rows, columns", [*SHAPES, (5, 1), (1, 5)])
def test_the_size_of_the_whole_matrix_does_not_matter(rows, columns, scale):
    matrix = wild(rows, columns)
    assert torch.allclose(even_out(scale * matrix), even_out(matrix), atol=1e-3)


@pytest.mark.parametrize("rows, columns", [(8, 20), (20, 8)])
def test_the_matrix_itself_is_not_changed_and_a_minus_comes_through(rows, columns):
    matrix = torch.randn(rows, columns)
    before = matrix.clone()
    assert torch.allclose(even_out(-matrix), -even_out(matrix), atol=1e-5)
    assert torch.equal(matrix, before)


def test_a_step_is_computed_by_hand():
    """One row: evened out, it has the length 1, so nothing but momentum, weight decay and the rate is left."""
    weights = nn.Parameter(torch.tensor([[1.0, 2.0]]))
    optimizer = Muon([weights], lr=0.5, momentum=0.8, weight_decay=0.1)
    expected, running_sum = [1.0, 2.0], [0.0, 0.0]
    for rate, gradient in ((0.5, [3.0, -4.0]), (0.5, [-1.0, 2.0]), (0.25, [0.5, 0.0])):
        optimizer.param_groups[0]["lr"] = rate  # as a schedule does
        weights.grad = torch.tensor([gradient])
        optimizer.step()
        running_sum = [0.8 * old + new for old, new in zip(running_sum, gradient)]
        change = [new + 0.8 * old for new, old in zip(gradient, running_sum)]
        length = math.hypot(*change)
        expected = [(1 - rate * 0.1) * weight - rate * x / length for weight, x in zip(expected, change)]
        assert weights.tolist()[0] == pytest.approx(expected, rel=1e-5)
        assert weights.grad.tolist() == [gradient], "the gradient is left as it is"


@pytest.mark.parametrize("shape, matrix", [((4, 3, 2, 2), (4, 12)), ((6, 5), (6, 5)), ((3,), (3, 1))])
def test_each_output_of_a_layer_is_a_row(shape, matrix):
    weights = nn.Parameter(torch.randn(shape))
    before, weights.grad = weights.detach().clone(), torch.randn(shape)
    Muon([weights], lr=0.1).step()
    assert torch.allclose(weights, before - 0.1 * even_out(weights.grad.reshape(matrix)).reshape(shape), atol=1e-5)


def test_the_first_step_does_not_depend_on_the_size_of_the_gradient():
    for size in (1e-4, 1e4):
        weights = nn.Parameter(torch.zeros(1, 3))
        weights.grad = torch.tensor([NUMBERS]) * size
        Muon([weights], lr=0.26).step()
        assert weights.tolist()[0] == pytest.approx([-0.02 * number for number in NUMBERS])


def test_what_has_no_gradient_is_left_alone():
    """As PyTorch's own optimizers do: it is not even shrunk, such as a layer that is frozen."""
    frozen, free = (nn.Parameter(torch.tensor([NUMBERS])) for _ in "ab")
    optimizer = Muon([frozen, free], lr=0.1, weight_decay=0.5)
    free.grad = torch.zeros(1, 3)
    optimizer.step()
    assert frozen.tolist() == [NUMBERS] and frozen not in optimizer.state
    assert free.tolist()[0] == pytest.approx([0.95 * number for number in NUMBERS]), "only shrunk"


def test_each_group_has_its_own_settings():
    first, second = (nn.Parameter(torch.zeros(1, 3)) for _ in "ab")
    optimizer = Muon([{"params": [first], "lr": 0.13}, {"params": [second]}], lr=0.26)
    for weights in (first, second):
        weights.grad = torch.tensor([NUMBERS])
    optimizer.step()
    assert first.tolist()[0] == pytest.approx([-0.01 * number for number in NUMBERS])
    assert second.tolist()[0] == pytest.approx([-0.02 * number for number in NUMBERS])


def test_the_layout_of_the_weights_does_not_matter_and_stays():
    ends = []
    start, gradients = torch.randn(8, 4, 3, 3), torch.randn(3, 8, 4, 3, 3)
    for layout in (torch.contiguous_format, torch.channels_last):
        weights = nn.Parameter(start.clone(memory_format=layout))
        optimizer = Muon([weights], lr=0.1, weight_decay=0.1)
        for gradient in gradients:
            weights.grad = gradient.clone(memory_format=layout)
            optimizer.step()
        assert weights.is_contiguous(memory_format=layout)
        ends.append(weights.detach())
    assert torch.allclose(*ends, atol=1e-5)


def loss_after(make_optimizer, steps=100):
    """Fit a linear layer to inputs that differ much along few directions, and return the loss at the end."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 20, generator=generator) * torch.logspace(0, -2, 20)
    targets = inputs @ torch.randn(20, 10, generator=generator)
    model = nn.Linear(20, 10, bias=False)
    nn.init.zeros_(model.weight)
    optimizer = make_optimizer(model.parameters())
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.01, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        schedule.step()
    return loss.item()


def test_it_learns_along_the_small_directions_too():
    """SGD stays behind there, whatever its rate is."""
    by_sgd = min(
        loss_after(lambda weights: torch.optim.SGD(weights, rate, momentum=0.9, nesterov=True))
        for rate in (1, 3, 5, 10)
    )
    by_muon = loss_after(lambda weights: Muon(weights, 0.4))
    assert by_muon < 0.2 * by_sgd, f"{by_muon:.2g}, SGD {by_sgd:.2g}"


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="this machine has no accelerator")
def test_it_does_the_same_on_an_accelerator():
    ends = []
    start, gradients = torch.randn(8, 4, 3, 3), torch.randn(3, 8, 4, 3, 3)
    for device in ("cpu", torch.accelerator.current_accelerator()):
        weights = nn.Parameter(start.clone().to(device))  # on the CPU, `to` alone would hand over `start` itself
        optimizer = Muon([weights], lr=0.1, weight_decay=0.1)
        for gradient in gradients:
            weights.grad = gradient.to(device)
            optimizer.step()
        ends.append(weights.detach().cpu())
    assert torch.allclose(*ends, atol=1e-2)  # some accelerators multiply matrices with fewer digits


@pytest.mark.parametrize("size", [0.01, 0.02, 0.05, 0.2, 0.9])
def test_all_but_tiny_singular_values_come_near_1(size):
    """As the number of rounds promises, for a matrix of norm 1."""
    evened = even_out(torch.diag(torch.tensor([size, (1 - size**2) ** 0.5])))
    assert 0.65 < evened[0, 0] < 1.25
