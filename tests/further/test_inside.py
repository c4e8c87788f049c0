"""mnist_lesson.further.inside: what is recorded is what happened, and the model stays as it was."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mnist_lesson.engine import train
from mnist_lesson.further import inside, inside_plots
from mnist_lesson.model import CNN


def moody():
    """The network of the lesson with layers that behave differently in train mode, each in a mode of its own."""
    torch.manual_seed(0)
    model = CNN()
    model.conv1 = nn.Sequential(model.conv1, nn.BatchNorm2d(32))
    model.fc1 = nn.Sequential(nn.Dropout(0.5), model.fc1)
    model.train()
    model.conv2.eval()
    model.conv1[0].weight.requires_grad_(False)
    return model


def everything(model):
    """All that looking could change in a model."""
    return {
        "weights": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "modes": [layer.training for layer in model.modules()],
        "recorded": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [parameter.grad for parameter in model.parameters()],
        "hooks": [len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in model.modules()],
    }


def same(a, b):
    names = a["weights"].keys() == b["weights"].keys()
    weights = names and all(torch.equal(tensor, b["weights"][name]) for name, tensor in a["weights"].items())
    return weights and all(a[key] == b[key] for key in a if key != "weights")


# Recording


def test_the_steps_are_those_that_forward_takes(model, images):
    conv1 = F.relu(model.conv1(images))
    pool1 = model.pool1(conv1)
    conv2 = F.relu(model.conv2(pool1))
    pool2 = model.pool2(conv2)
    flat = pool2.flatten(start_dim=1)
    fc1 = F.relu(model.fc1(flat))
    expected = {"image": images, "conv1 + ReLU": conv1, "pool1": pool1, "conv2 + ReLU": conv2, "pool2": pool2}
    expected |= {"flatten": flat, "fc1 + ReLU": fc1, "fc2": model.fc2(fc1)}
    steps = inside.record_steps(images, model)
    assert [name for name, _ in steps] == list(expected), "names and order as in notebook 4"
    for name, values in steps:
        assert torch.allclose(values, expected[name], atol=1e-5), name
        assert not values.requires_grad, f"{name} drags its record along"
    shapes = [tuple(values.shape[1:]) for _, values in steps]
    assert shapes == [(1, 28, 28), (32, 26, 26), (32, 13, 13), (64, 11, 11), (64, 5, 5), (1600,), (64,), (10,)]


LOOKS = {
    "record_steps": lambda image, model: inside.record_steps(image.unsqueeze(0), model),
    "collect_features": lambda image, model: inside.collect_features(image.unsqueeze(0), model),
    "saliency": lambda image, model: inside.saliency(image, model, 3),
    "occlusion": lambda image, model: inside.occlusion(image, model, 3),
    "draw_journey": lambda image, model: inside_plots.draw_journey(image, 3, model),
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_changes_nothing(look, images, shown):
    model = moody()
    before, image = everything(model), images[0].clone()
    LOOKS[look](image, model)
    assert same(everything(model), before), f"{look} must leave weights, modes, gradients and hooks as they were"
    assert torch.equal(image, images[0]) and not image.requires_grad, f"{look} must not change the image"


def test_drawing_a_filter_changes_nothing(model, images, shown):
    before = everything(model)
    inside_plots.draw_filter(images[0], model, 3)
    assert same(everything(model), before)


class Refusing(nn.Module):
    def forward(self, x):
        raise RuntimeError("this layer refuses")


@pytest.mark.parametrize("broken", ["pool1", "conv2", "fc2"])
@pytest.mark.parametrize("look", LOOKS)
def test_hooks_and_modes_are_put_right_also_if_the_pass_fails(look, broken, images):
    model = moody()
    setattr(model, broken, Refusing())
    before = everything(model)
    with pytest.raises(RuntimeError, match="refuses"):
        LOOKS[look](images[0], model)
    assert same(everything(model), before), f"{look} left something behind when {broken} failed"


def test_hooks_are_removed_if_one_cannot_be_put_on(model, images, monkeypatch):
    monkeypatch.setattr(model.fc2, "register_forward_hook", lambda hook: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        inside.record_steps(images, model)
    assert not any(everything(model)["hooks"]), "the hooks of the other layers stay behind"


def test_the_hooks_of_others_stay(model, images):
    handle = model.pool1.register_forward_hook(lambda *_: None)
    inside.record_steps(images, model)
    assert len(model.pool1._forward_hooks) == 1
    handle.remove()


def test_recording_is_in_eval_mode(images):
    steps = dict(inside.record_steps(images, moody()))
    assert torch.equal(steps["fc2"], dict(inside.record_steps(images, moody().eval()))["fc2"])


@pytest.mark.parametrize("shape", [(1, 28, 28), (2, 28, 28), (2, 1, 28, 27), (2, 3, 28, 28)])
def test_images_of_another_shape(model, shape):
    with pytest.raises(ValueError, match=r"expected images of shape \(N, 1, 28, 28\), found .*unsqueeze"):
        inside.record_steps(torch.rand(shape), model)


def test_a_network_with_other_layers(images):
    with pytest.raises(ValueError, match="found Sequential without fc1, fc2, pool1, pool2"):
        inside.record_steps(images, nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))


def test_features_of_many_images_come_in_their_order(model, images):
    many = images.repeat(170, 1, 1, 1)[:1003]  # more than two batches of 500
    features = inside.collect_features(many, model)
    expected = dict(inside.record_steps(images, model))["fc1 + ReLU"]
    assert features.shape == (1003, 64)
    assert torch.allclose(features, expected.repeat(170, 1)[:1003], atol=1e-4)


# The feature space


def points_along(directions, lengths, centre, number=400):
    """Points whose variances along the given directions are the squares of `lengths`, exactly."""
    torch.manual_seed(0)
    raw = torch.randn(number, len(lengths))
    orthonormal, _ = torch.linalg.qr(raw - raw.mean(dim=0))  # columns of mean 0, at right angles
    return orthonormal * lengths @ directions + centre


def test_pca_finds_the_directions_that_were_put_in():
    directions, _ = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)))
    features = points_along(directions, torch.tensor([5.0, 3, 1, 0.5, 0.1]), centre=torch.arange(5.0) * 10)
    points, shares = inside.pca(features)
    total = 25 + 9 + 1 + 0.25 + 0.01
    assert shares.tolist() == pytest.approx([25 / total, 9 / total], rel=1e-4)
    assert points.shape == (400, 2) and points.mean(dim=0).abs().max() < 1e-4, "the features must be centred"
    assert points.norm(dim=0).tolist() == pytest.approx([5, 3], rel=1e-4)
    assert abs(points[:, 0] @ points[:, 1]) < 1e-3, "the two directions are at right angles"


def test_pca_agrees_with_the_covariance_matrix():
    features = torch.randn(50, 6, generator=torch.Generator().manual_seed(2)) * torch.arange(1.0, 7) + 3
    points, shares = inside.pca(features)
    variances = torch.linalg.eigvalsh(features.T.cov()).flip(0)
    assert torch.allclose(points.var(dim=0), variances[:2], rtol=1e-4)
    assert torch.allclose(shares, variances[:2] / variances.sum(), rtol=1e-4)


def test_the_sign_of_a_direction_is_fixed(monkeypatch):
    features = torch.randn(50, 6, generator=torch.Generator().manual_seed(3)) * torch.arange(1.0, 7)
    points, _ = inside.pca(features)
    svd = torch.linalg.svd

    def turned(*arguments, **options):
        left, lengths, directions = svd(*arguments, **options)
        return -left, lengths, -directions

    monkeypatch.setattr(torch.linalg, "svd", turned)
    assert torch.allclose(inside.pca(features)[0], points, atol=1e-5), "another library may return the other sign"
    monkeypatch.undo()
    along_the_last = (features - features.mean(dim=0))[:, 5]
    assert (points[:, 0] * along_the_last).sum() > 0, "the longest of a direction's steps is positive"


def test_pca_with_fewer_images_than_features():
    points, shares = inside.pca(torch.rand(3, 10))
    assert points.shape == (3, 2) and float(shares.sum()) == pytest.approx(1, abs=1e-4), "three points lie in a plane"


@pytest.mark.parametrize("shape", [(5,), (1, 5), (5, 1), (2, 3, 4)])
def test_pca_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"expected features of shape \(N, D\)"):
        inside.pca(torch.rand(shape))


def test_pca_of_equal_rows():
    with pytest.raises(ValueError, match="no direction of largest variance"):
        inside.pca(torch.ones(4, 3))


def test_nearest_agree_leaves_the_point_itself_out():
    points = torch.tensor([[0.0, 0], [1, 0], [10, 0], [11, 0], [13, 0]])
    assert inside.nearest_agree(points, torch.tensor([1, 1, 2, 2, 2])) == 1
    assert inside.nearest_agree(points, torch.tensor([1, 2, 1, 2, 1])) == 0
    assert inside.nearest_agree(points, torch.tensor([1, 1, 2, 3, 3])) == pytest.approx(3 / 5)


# Which pixels matter


def test_saliency_is_the_gradient(model, images):
    """Against the definition: change one pixel a little, and see what the logit does."""
    image, model = images[0].double(), model.double()
    found = inside.saliency(image, model, 4)
    assert found.shape == (28, 28)
    for row, column in ((3, 20), (14, 14), (25, 7)):
        step = torch.zeros(1, 28, 28, dtype=torch.double)
        step[0, row, column] = 1e-6
        with torch.no_grad():
            up, down = model(torch.stack([image + step, image - step]))[:, 4]
        assert found[row, column].item() == pytest.approx((up - down).item() / 2e-6, abs=1e-5)


def test_saliency_works_where_gradients_are_switched_off(model, images):
    expected = inside.saliency(images[0], model, 4)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(inside.saliency(images[0], model, 4), expected)


def test_older_gradients_stay_as_they_were(model, images):
    model(images).sum().backward()
    before = [parameter.grad.clone() for parameter in model.parameters()]
    inside.saliency(images[0], model, 4)
    assert all(torch.equal(parameter.grad, old) for parameter, old in zip(model.parameters(), before))


@pytest.mark.parametrize("size", [1, 5])
def test_occlusion_erases_the_square_around_each_pixel(model, images, size):
    found, reach = inside.occlusion(images[0], model, 4, size), size // 2
    assert found.shape == (28, 28)
    for row, column in ((0, 0), (0, 13), (14, 9), (27, 27)):
        erased = images[0].clone()
        for r in range(row - reach, row + reach + 1):
            for c in range(column - reach, column + reach + 1):
                if 0 <= r < 28 and 0 <= c < 28:
                    erased[0, r, c] = 0
        with torch.no_grad():
            before, after = model(torch.stack([images[0], erased]))[:, 4]
        assert found[row, column].item() == pytest.approx((before - after).item(), abs=1e-4), (row, column)


def test_where_no_ink_is_erased_nothing_falls(model):
    image = torch.zeros(1, 28, 28)
    image[0, 14, 14] = 1
    found = inside.occlusion(image, model, 4, size=3)
    is_near = torch.zeros(28, 28, dtype=torch.bool)
    is_near[13:16, 13:16] = True
    assert found[~is_near].abs().max() < 1e-5 < found[is_near].abs().min()


@pytest.mark.parametrize("size", [0, 4, -3, 2.5])
def test_occlusion_wants_an_odd_size(model, images, size):
    with pytest.raises(ValueError, match="expected an odd size"):
        inside.occlusion(images[0], model, 4, size)


@pytest.mark.parametrize("function", [inside.saliency, inside.occlusion])
def test_maps_want_one_image(model, images, function):
    with pytest.raises(ValueError, match="expected images of shape"):
        function(images[0, 0], model, 4)


# How it learnt


def batches(number=6):
    torch.manual_seed(0)
    return [(torch.rand(2, 1, 28, 28), torch.randint(0, 10, (2,))) for _ in range(number)]


def trained_by_hand(train_dl, number):
    """The weights after so many batches."""
    torch.manual_seed(1)
    model = CNN()
    if number:
        train(train_dl[:number], model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1))
    return model.state_dict()


def snapshots_of(train_dl, epochs=1, **options):
    torch.manual_seed(1)
    model = CNN()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    kept = inside.train_with_snapshots(train_dl, model, nn.CrossEntropyLoss(), optimizer, epochs, **options)
    return kept, model, optimizer


def test_each_snapshot_is_taken_after_the_step_of_its_batch():
    train_dl = batches()
    kept, model, _ = snapshots_of(train_dl, epochs=2, batches=(0, 1, 4, 6, 8))
    assert list(kept) == [0, 1, 4, 6, 8, 12], "in order, and after each epoch of 6 batches"
    for number, weights in kept.items():
        expected = trained_by_hand(train_dl + train_dl, number)
        assert all(torch.equal(weights[name], expected[name]) for name in expected), f"after {number} batches"
    assert all(torch.equal(kept[12][name], tensor) for name, tensor in model.state_dict().items())


def test_a_snapshot_does_not_change_with_the_model():
    kept, model, _ = snapshots_of(batches())
    before = {name: tensor.clone() for name, tensor in kept[6].items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    assert all(torch.equal(kept[6][name], before[name]) for name in before), "a snapshot must be a copy"
    model.load_state_dict(kept[1])


def test_numbers_that_are_not_reached_are_left_out():
    assert list(snapshots_of(batches(), batches=(2, 1000))[0]) == [2, 6]


def test_the_hook_of_the_optimizer_is_removed_whatever_happens():
    _, _, optimizer = snapshots_of(batches())
    assert not optimizer._optimizer_step_post_hooks
    model = CNN()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def broken_loader():
        yield from batches(2)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        inside.train_with_snapshots(broken_loader(), model, nn.CrossEntropyLoss(), optimizer, epochs=1)
    assert not optimizer._optimizer_step_post_hooks, "training failed, and the hook stayed"


def test_training_wants_epochs():
    with pytest.raises(ValueError, match="epochs must be a whole number"):
        snapshots_of(batches(), epochs=0)
