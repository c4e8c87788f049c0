"""mnist_lesson.further.checkpoint: what is saved comes back whole, or a sentence says why not."""

import pytest
import torch
from torch import nn

from mnist_lesson.further.checkpoint import go_on, load_checkpoint, prepare_folder, save_checkpoint
from mnist_lesson.model import CNN
from mnist_lesson.results import History

SETTINGS = {"EPOCHS": 5, "BATCH_SIZE": 32, "LEARN_RATE": 0.01, "SEED": 0}
HISTORY = History([0.1], [2.3], [0.2], [2.2])
ANEW = "start anew, without --resume."


def optimizer_of(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def take_step(model, optimizer):
    loss = model(torch.rand(2, 1, 28, 28)).square().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@pytest.fixture
def path(tmp_path):
    """A checkpoint of two ranks after one epoch."""
    model, path = CNN(), tmp_path / "checkpoint.pt"
    optimizer = optimizer_of(model)
    take_step(model, optimizer)
    save_checkpoint(path, model, optimizer, HISTORY, SETTINGS, [torch.get_rng_state()] * 2)
    return path


def refusal(path, model=None, settings=SETTINGS, ranks=2):
    with pytest.raises((OSError, ValueError)) as caught:
        load_checkpoint(path, model or CNN(), settings, ranks)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(ANEW) and "\n" not in message
    return message


def test_all_goes_on_as_if_nothing_was(tmp_path):
    path, model = tmp_path / "checkpoint.pt", CNN()
    optimizer = optimizer_of(model)
    take_step(model, optimizer)
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(torch.get_rng_state())
    save_checkpoint(path, model, optimizer, HISTORY, SETTINGS, states)
    take_step(model, optimizer)  # with the random numbers of rank 1
    again = CNN()
    optimizer_again = optimizer_of(again)
    content = load_checkpoint(path, again, SETTINGS, ranks=2)
    assert go_on(content, again, optimizer_again, rank=1) == HISTORY
    take_step(again, optimizer_again)
    assert all(map(torch.equal, model.parameters(), again.parameters()))
    go_on(content, again, optimizer_again, rank=0)
    take_step(again, optimizer_again)
    assert not any(map(torch.equal, model.parameters(), again.parameters()))


def test_only_the_number_of_epochs_may_differ(path):
    assert load_checkpoint(path, CNN(), SETTINGS | {"EPOCHS": 9}, ranks=2)["settings"] == SETTINGS
    for name, value in SETTINGS.items():
        if name != "EPOCHS":
            message = refusal(path, settings=SETTINGS | {name: value + 1})
            assert f"was made with {name} = {value}, and now it is {value + 1}: use the same setting" in message


def test_a_setting_that_was_not_there(path):
    assert "made with DTYPE = None, and now it is float64" in refusal(path, settings=SETTINGS | {"DTYPE": "float64"})


def test_fewer_epochs_than_it_has(path):
    assert "has 1 epochs already, and EPOCHS is 0: choose more" in refusal(path, settings=SETTINGS | {"EPOCHS": 0})


def test_another_number_of_ranks(path):
    assert "was made by 2 ranks, and now there are 3: start 2 ranks, or" in refusal(path, ranks=3)


def test_another_network(path):
    other = nn.Linear(2, 3)
    assert "is from a network with other layers than Linear" in refusal(path, model=other)
    wider = CNN()
    wider.fc2 = nn.Linear(64, 11)
    assert "is from a network with other layers than CNN" in refusal(path, model=wider)


def test_there_is_none(tmp_path):
    assert "does not exist, so there is nothing to resume" in refusal(tmp_path / "checkpoint.pt")
    assert "does not exist" in refusal(tmp_path)  # a folder


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, -1])
def test_cut_short(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    assert "is damaged or no checkpoint (" in refusal(path)


@pytest.mark.parametrize(
    "content", [{}, [1], {"model": 3}, CNN().state_dict()], ids=["empty", "list", "number", "weights"]
)
def test_something_else(tmp_path, content):
    torch.save(content, tmp_path / "checkpoint.pt")
    assert "is damaged or no checkpoint (" in refusal(tmp_path / "checkpoint.pt")


def test_a_program_in_the_file_is_not_run(tmp_path):
    class Bad:
        def __reduce__(self):
            return pytest.fail, ("it was run",)

    torch.save({"model": Bad()}, tmp_path / "checkpoint.pt")
    assert "is damaged or no checkpoint (UnpicklingError)" in refusal(tmp_path / "checkpoint.pt")


def test_what_cannot_be_saved_leaves_the_old_one(path, monkeypatch):
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, CNN(), optimizer_of(CNN()), HISTORY, SETTINGS, [])
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("resume", [True, False])
def test_the_folder_is_made_and_cleared_of_what_is_half_written(path, resume):
    other, half = (
        path.parent / "notes.txt",
        [path.parent / name for name in ("checkpoint.pt.1.part", "run.json.2.part")],
    )
    for file in (other, *half):
        file.touch()
    prepare_folder(path, resume)
    assert sorted(path.parent.iterdir()) == ([path, other] if resume else [other])
    prepare_folder(path.parent / "new" / "er" / "checkpoint.pt", resume)
    assert list((path.parent / "new" / "er").iterdir()) == []
