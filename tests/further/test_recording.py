"""recording.py: a recorded step does each batch once, in its order, and computes what the step itself computes."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from mnist_lesson.further import recipes, recording
from mnist_lesson.further.recipes import CLASSIC, IMPROVED, LESSON, PoolFirstCNN, fit_recipe, make_optimizer
from mnist_lesson.further.recording import WARM_UP, recorded

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture
def pretended(monkeypatch):
    """Let this machine pretend to record: `step` is called within `torch.cuda.graph`, and replay does it again."""
    state = SimpleNamespace(recording=None, recordings=0, beside=0)

    class Graph:
        def replay(self):
            self.work()

    @contextmanager
    def graph(graph):
        state.recording, state.recordings = graph, state.recordings + 1
        yield
        state.recording = None

    @contextmanager
    def stream(_):
        state.beside += 1
        yield

    def new_stream():
        return SimpleNamespace(wait_stream=lambda other: None)

    pretended = SimpleNamespace(
        CUDAGraph=Graph, Stream=new_stream, current_stream=new_stream, stream=stream, graph=graph
    )
    monkeypatch.setattr(recording, "torch", SimpleNamespace(cuda=pretended, Tensor=torch.Tensor))
    return state


def recorder(state):
    """Return a step that notes its batches, and the list of them; while it is recorded it notes nothing."""
    done = []

    def step(batch):
        if state.recording:
            state.recording.work = lambda: done.append(batch.tolist())
        else:
            done.append(batch.tolist())

    return step, done


@pytest.mark.parametrize("number", [1, WARM_UP, WARM_UP + 1, 20])
def test_each_batch_is_done_once_and_in_its_order(pretended, number):
    step, done = recorder(pretended)
    repeat, batches = recorded(step, 4), list(torch.randperm(4 * number).split(4))
    for batch in batches:
        repeat(batch)
    assert done == [batch.tolist() for batch in batches]
    assert pretended.recordings == (number > WARM_UP), "it is recorded once, after the first steps"
    assert pretended.beside == min(number, WARM_UP)


def test_a_batch_of_another_size_is_no_repetition(pretended):
    step, done = recorder(pretended)
    repeat = recorded(step, 4)
    batches = [batch for _ in range(4) for batch in torch.randperm(18).split(4)]  # each fifth one has two images
    for batch in batches:
        repeat(batch)
    assert done == [batch.tolist() for batch in batches] and pretended.recordings == 1


def test_only_a_cuda_gpu_records(monkeypatch):
    def record(step, batch_size):
        raise AssertionError("there is nothing to record on a CPU")

    monkeypatch.setattr(recipes, "recorded", record)
    few = torch.rand(40, 1, 28, 28), torch.arange(40) % 10
    fit_recipe(few, few, PoolFirstCNN(), replace(IMPROVED, epochs=1, shares=()))


@NEEDS_CUDA
@pytest.mark.parametrize("recipe", [LESSON, CLASSIC, IMPROVED], ids=["lesson", "classic", "improved"])
def test_a_recorded_training_computes_the_same(recipe, monkeypatch):
    """With a rate that changes, and a last batch that is smaller; after few steps, since rounding errors grow."""
    images, labels = torch.rand(6 * recipe.batch_size + 9, 1, 28, 28), torch.arange(6 * recipe.batch_size + 9) % 10
    few, start = (images, labels), PoolFirstCNN().state_dict()
    recipe = replace(recipe, augment=False, epochs=1, shares=())  # the random numbers need not be the same ones
    results = []
    for record in (recorded, lambda step, batch_size: step):
        monkeypatch.setattr(recipes, "recorded", record)
        model = PoolFirstCNN().to("cuda")
        model.load_state_dict(start)
        torch.manual_seed(0)
        history, _ = fit_recipe(few, few, model, recipe)
        results.append((model, history))
    (model, history), (other, plain) = results
    for name, weights in model.named_parameters():
        change = (start[name].to("cuda") - weights).abs().max()
        assert (weights - other.get_parameter(name)).abs().max() < 0.1 * change, name
    assert history.train_loss == pytest.approx(plain.train_loss, rel=1e-2)


@NEEDS_CUDA
@pytest.mark.parametrize("recipe", [LESSON, CLASSIC, IMPROVED], ids=["lesson", "classic", "improved"])
def test_a_repetition_follows_the_learning_rate(recipe):
    model = torch.nn.Linear(3, 4).to("cuda")
    optimizer = make_optimizer(model, recipe)

    def step(batch):
        optimizer.zero_grad()
        model(torch.ones(2, 3, device="cuda")).sum().backward()
        optimizer.step()

    repeat, batch = recorded(step, 2), torch.arange(2, device="cuda")
    for _ in range(WARM_UP + 2):
        repeat(batch)
    optimizer.param_groups[0]["lr"].fill_(0)
    before = model.weight.detach().clone()
    repeat(batch)
    assert torch.equal(model.weight, before), "without a learning rate, nothing changes"


@NEEDS_CUDA
def test_a_repetition_draws_new_random_numbers():
    drawn = torch.zeros(8, device="cuda")
    repeat = recorded(lambda batch: drawn.copy_(torch.rand(8, device="cuda")), 2)
    seen = set()
    for _ in range(WARM_UP + 5):
        repeat(torch.arange(2, device="cuda"))
        seen.add(tuple(drawn.tolist()))
    assert len(seen) == WARM_UP + 5
