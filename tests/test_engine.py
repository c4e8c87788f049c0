"""mnist_lesson.engine: train and test agree with plain arithmetic, and refuse what does not fit."""

import copy
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from mnist_lesson import engine
from mnist_lesson.data import load_mnist
from mnist_lesson.device import choose_device
from mnist_lesson.engine import check_epochs, fit, test, train
from mnist_lesson.model import CNN
from mnist_lesson.results import History

loss_fn = nn.CrossEntropyLoss()


def random_data(size=50, classes=10):
    generator = torch.Generator().manual_seed(size)
    images = torch.rand(size, 1, 28, 28, generator=generator)
    return TensorDataset(images, torch.randint(classes, (size,), generator=generator))


def brute_force(dataset, model):
    """Accuracy and loss, one sample after the other."""
    with torch.no_grad():
        answers = [(model(image.unsqueeze(0))[0].double(), label) for image, label in dataset]
    right = [logits.argmax() == label for logits, label in answers]
    losses = [-logits.log_softmax(0)[label] for logits, label in answers]
    return sum(right).item() / len(dataset), (sum(losses) / len(dataset)).item()


@pytest.mark.parametrize("size, batch_size", [(50, 8), (33, 32), (5, 7), (1, 1)])
def test_test_agrees_with_brute_force(size, batch_size):
    model, dataset = CNN(), random_data(size)
    accuracy, loss = test(DataLoader(dataset, batch_size), model, loss_fn)
    assert (accuracy, loss) == pytest.approx(brute_force(dataset, model), rel=1e-5)


@pytest.mark.parametrize("size, batch_size", [(50, 8), (33, 32)])
def test_train_agrees_with_brute_force_while_the_weights_stand_still(size, batch_size):
    model, dataset = CNN(), random_data(size)
    accuracy, loss = train(DataLoader(dataset, batch_size), model, loss_fn, torch.optim.SGD(model.parameters(), lr=0))
    assert (accuracy, loss) == pytest.approx(brute_force(dataset, model), rel=1e-5)


def test_the_mean_is_over_samples_not_over_batches():
    """With batches of 32 and 1, a mean of batch means would be far from this one."""
    dataset = random_data(33)
    model = CNN()
    with torch.no_grad():
        model.fc2.bias[dataset[32][1]] -= 20  # the last sample, alone in its batch, gets a huge loss
    _, loss = test(DataLoader(dataset, 32), model, loss_fn)
    batch_means = [F.cross_entropy(model(images), labels).item() for images, labels in DataLoader(dataset, 32)]
    assert abs(loss - sum(batch_means) / 2) > 1
    assert loss == pytest.approx(brute_force(dataset, model)[1], rel=1e-5)


def test_train_takes_the_steps_of_the_plain_loop():
    torch.manual_seed(0)
    model, plain = CNN(), CNN()
    plain.load_state_dict(model.state_dict())
    loader = DataLoader(random_data(50), 8)
    train(loader, model, loss_fn, torch.optim.SGD(model.parameters(), lr=0.1))
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for images, labels in loader:
        optimizer.zero_grad()
        loss_fn(plain(images), labels).backward()
        optimizer.step()
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), plain.parameters()))


class WithBatchNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.drop, self.fc = nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Linear(784, 10)

    def forward(self, x):
        return self.fc(self.drop(torch.flatten(self.norm(x), start_dim=1)))


def test_evaluation_changes_nothing():
    model = WithBatchNorm()
    before = copy.deepcopy(model.state_dict())
    test(DataLoader(random_data(), 8), model, loss_fn)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_evaluation_is_in_eval_mode():
    model, loader = WithBatchNorm(), DataLoader(random_data(), 8)
    assert test(loader, model, loss_fn) == test(loader, model, loss_fn), "dropout must be off"


def test_training_is_in_train_mode():
    model = WithBatchNorm().eval()
    before = model.norm.running_mean.clone()
    train(DataLoader(random_data(), 8), model, loss_fn, torch.optim.SGD(model.parameters(), lr=0))
    assert not torch.equal(before, model.norm.running_mean), "batch norm must see the training batches"


def test_the_model_stays_in_the_mode_that_was_called_last():
    model, loader = WithBatchNorm().eval(), DataLoader(random_data(), 8)
    train(loader, model, loss_fn, torch.optim.SGD(model.parameters(), lr=0))
    assert all(layer.training for layer in model.modules())
    test(loader, model, loss_fn)
    assert not any(layer.training for layer in model.modules())


class RecordingSpy(nn.Module):
    """Notes whether operations are recorded for `backward`."""

    def __init__(self):
        super().__init__()
        self.fc, self.recorded = nn.Linear(784, 10), []

    def forward(self, x):
        logits = self.fc(x.flatten(1))
        self.recorded.append(logits.requires_grad)
        return logits


def test_only_training_is_recorded():
    model, loader = RecordingSpy(), DataLoader(random_data(16), 8)
    train(loader, model, loss_fn, torch.optim.SGD(model.parameters(), lr=0))
    test(loader, model, loss_fn)
    assert model.recorded == [True, True, False, False]


class Luggage:
    """A tensor on another, pretended device: before anything can be done with it, it must be sent for."""

    def __init__(self, tensor, sent_to):
        self.tensor, self.sent_to = tensor, sent_to

    def to(self, device):
        self.sent_to.append(device)
        return self.tensor


def test_images_and_labels_are_sent_to_the_device_of_the_model():
    model, sent_to = CNN(), []
    batches = [tuple(Luggage(tensor, sent_to) for tensor in random_data(8).tensors) for _ in range(3)]
    test(batches, model, loss_fn)
    train(batches, model, loss_fn, torch.optim.SGD(model.parameters(), lr=0))
    assert sent_to == 12 * [next(model.parameters()).device]


def test_32_images_can_be_learnt_by_heart():
    torch.manual_seed(0)
    model = CNN()
    loader = DataLoader(Subset(load_mnist(train=True), range(32)), 32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(60):
        train(loader, model, loss_fn, optimizer)
    accuracy, loss = test(loader, model, loss_fn)
    assert accuracy == 1 and loss < 0.05


def short_fit(epochs=2):
    torch.manual_seed(3)
    model, dataset = CNN(), load_mnist(train=False)
    train_dl = DataLoader(Subset(dataset, range(300)), 32, shuffle=True)
    test_dl = DataLoader(Subset(dataset, range(300, 500)), 32)
    return fit(train_dl, test_dl, model, loss_fn, torch.optim.SGD(model.parameters(), lr=0.05), epochs)


def test_the_same_seed_gives_the_same_history():
    assert short_fit() == short_fit()


def test_fit_prints_one_line_an_epoch(capsys):
    history = short_fit(epochs=2)
    lines = capsys.readouterr().out.splitlines()
    number, share = r"\d+\.\d{3}", r"\d+\.\d%"
    form = rf"Epoch: [12], Train_acc:{share}, Train_loss:{number}, Test_acc:{share}, Test_loss:{number}"
    assert len(lines) == 3 and lines[-1] == "Done"
    assert all(re.fullmatch(form, line) for line in lines[:2]), lines
    assert f"Test_acc:{history.test_acc[0]:.1%}" in lines[0] and len(history) == 2


def test_fit_keeps_each_number_in_its_own_list(monkeypatch):
    monkeypatch.setattr(engine, "train", lambda *arguments: (0.1, 2.2))
    monkeypatch.setattr(engine, "test", lambda *arguments: (0.3, 4.4))
    assert fit([], [], CNN(), loss_fn, None, 2) == History([0.1, 0.1], [2.2, 2.2], [0.3, 0.3], [4.4, 4.4])


@pytest.mark.parametrize("epochs", [1, np.int64(1)])
def test_whole_numbers_of_any_kind_are_taken(epochs):
    check_epochs(epochs)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "5", True, np.float64(2)])
def test_fit_refuses_a_senseless_number_of_epochs(epochs):
    with pytest.raises(ValueError, match="epochs must be a whole number of at least 1"):
        short_fit(epochs)


def call_train(loader, model):
    return train(loader, model, loss_fn, torch.optim.SGD(model.parameters(), lr=0.01))


def call_test(loader, model):
    return test(loader, model, loss_fn)


@pytest.mark.parametrize("call", [call_train, call_test])
class TestWhatDoesNotFit:
    def test_too_few_logits_for_the_labels(self, call):
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 5))
        with pytest.raises(ValueError, match="expected labels from 0 to 4.*one output per class"):
            call(DataLoader(random_data(), 50), model)

    def test_logits_of_the_wrong_shape(self, call):
        model = nn.Sequential(nn.Conv2d(1, 10, 28))  # (N, 10, 1, 1): somebody forgot to flatten
        with pytest.raises(ValueError, match=r"expected logits of shape \(N, classes\).*found \(8, 10, 1, 1\)"):
            call(DataLoader(random_data(), 8), model)

    def test_labels_of_the_wrong_shape(self, call):
        images, labels = random_data(8).tensors
        with pytest.raises(ValueError, match=r"labels of shape \(N,\), found \(8, 10\) and \(8, 1\)"):
            call(DataLoader(TensorDataset(images, labels.unsqueeze(1)), 8), CNN())

    @pytest.mark.parametrize("kind", [torch.float32, torch.int32, torch.bool])
    def test_labels_of_the_wrong_type(self, call, kind):
        images, labels = random_data(8).tensors
        with pytest.raises(ValueError, match=rf"expected labels of the type torch.int64, found {kind}"):
            call(DataLoader(TensorDataset(images, labels.to(kind)), 8), CNN())

    def test_an_empty_batch(self, call):
        images, labels = random_data(8).tensors
        with pytest.raises(ValueError, match="found an empty batch"):
            call([(images[:0], labels[:0]), (images, labels)], CNN())

    def test_an_empty_loader(self, call):
        with pytest.raises(ValueError, match="at least one batch, but the loader is empty"):
            call(DataLoader(random_data(5), 8, drop_last=True), CNN())


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="needs an accelerator")
def test_on_an_accelerator():
    model = CNN().to(choose_device())
    dataset = random_data()
    accuracy, loss = test(DataLoader(dataset, 8), model, loss_fn)
    assert (accuracy, loss) == pytest.approx(brute_force(dataset, model.cpu()), rel=1e-3)
