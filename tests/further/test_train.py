"""mnist_lesson.further.train, run by one process: its steps, what it leaves on the disk, and a sentence for each mistake."""

import ast
import inspect
import sys
from types import SimpleNamespace

import pytest
import torch
from rank_workers import few_of_mnist, is_equal, weights_of

from mnist_lesson import engine
from mnist_lesson.further import train
from mnist_lesson.model import CNN

TINY = ("--batch-size", 8, "--images", 24)


@pytest.fixture
def alone(monkeypatch, capsys):
    """Run the program in this process; return its status and what it has printed."""
    monkeypatch.setattr(train, "load_mnist", few_of_mnist)

    def run(*arguments):
        status = train.main([str(word) for word in arguments])
        return SimpleNamespace(status=status, **capsys.readouterr()._asdict())

    return run


def body_of(function):
    """The statements of a function, each on lines of its own, without its description and comments."""
    tree = ast.parse(inspect.getsource(function)).body[0]
    return "\n".join(ast.unparse(statement) for statement in tree.body[1:]).splitlines()


def test_train_and_test_are_those_of_notebook_05_but_for_what_several_ranks_need():
    """Whoever changes one of them changes the other, too."""
    counts = ["check_size(size)", "correct, loss_sum, size = add_up(correct, loss_sum, size)"]
    sums = ["loss_sum += loss.item() * len(labels)", "loss_sum += loss.item()"]
    loop = "for images, labels in progress_bar(dataloader, 'train'):"
    shared = [loop, "for images, labels, batch_size in shares:"]
    backward = ["loss.backward()", "(loss * ranks / batch_size).backward()"]
    for name, changed, gone in (
        ("train", [counts, sums, shared, backward], []),
        ("test", [counts, sums], ["if size == 0:", "check_batch(logits, labels)"]),
    ):
        expected = [line for line in body_of(getattr(engine, name)) if line.strip() not in gone]
        for before, after in changed:
            assert [line.strip() for line in expected].count(before) == 1
            expected = [line.replace(before, after) if line.strip() == before else line for line in expected]
        assert body_of(getattr(train, name)) == expected


@pytest.mark.parametrize(
    "size, batch_size, ranks", [(10, 4, 2), (9, 4, 2), (7, 6, 3), (3, 6, 3), (5, 1, 1), (64, 8, 4)]
)
def test_each_rank_takes_as_many_steps_and_each_image_comes_once(size, batch_size, ranks):
    dataset = torch.utils.data.TensorDataset(torch.arange(size), torch.arange(size))
    steps = []
    for rank in range(ranks):
        sampler = train.EachOnce(dataset, ranks, rank)
        loader = torch.utils.data.DataLoader(dataset, batch_size // ranks, sampler=sampler)
        steps.append(list(train.shares_of_batches(loader, size, batch_size)))
    assert {len(own) for own in steps} == {-(-size // batch_size)}
    seen = []
    for shares in zip(*steps):
        assert len({whole for _, _, whole in shares}) == 1
        assert sum(len(images) for images, _, _ in shares) == shares[0][2]
        assert all(len(images) == len(labels) for images, labels, _ in shares)
        seen += [image for images, _, _ in shares for image in images.tolist()]
    assert sorted(seen) == list(range(size))
    assert sum(shares[0][2] for shares in zip(*steps)) == size


def test_an_empty_share_changes_nothing_and_fits_the_network():
    share = (torch.rand(2, 1, 28, 28), torch.tensor([1, 2]))
    whole, empty = train.shares_of_batches([share], 7, 6)
    assert whole[2] == 6 and empty[2] == 1
    assert empty[0].shape == (0, 1, 28, 28) and empty[1].dtype == torch.int64
    model = CNN()
    torch.nn.CrossEntropyLoss(reduction="sum")(model(empty[0]), empty[1]).backward()
    assert all(torch.equal(weight.grad, torch.zeros_like(weight)) for weight in model.parameters())


def test_a_finished_training_is_left_as_it_is(alone, tmp_path):
    alone(*TINY, "--epochs", 2, "--folder", tmp_path)
    before = weights_of(tmp_path)
    again = alone(*TINY, "--epochs", 2, "--folder", tmp_path, "--resume")
    assert again.out == "Go on after epoch 2.\nDone\n"
    assert is_equal(weights_of(tmp_path), before)


def test_a_new_training_forgets_the_old_one(alone, tmp_path):
    (tmp_path / "checkpoint.pt").write_text("of another program")
    for name in ("checkpoint.pt.12.part", "weights.pt.13.part"):
        (tmp_path / name).touch()
    assert alone(*TINY, "--epochs", 1, "--folder", tmp_path).status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "run.json", "weights.pt"]


def test_what_torchrun_has_started_again_goes_on_without_being_told(alone, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    first = alone(*TINY, "--epochs", 1, "--folder", tmp_path)
    assert first.out.startswith("Epoch: 1")  # there was no checkpoint yet
    assert alone(*TINY, "--epochs", 2, "--folder", tmp_path).out.startswith("Go on after epoch 1.\nEpoch: 2")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    assert alone(*TINY, "--epochs", 2, "--folder", tmp_path).out.startswith("Epoch: 1")


def test_the_program_leaves_python_as_it_was(alone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, rules = sys.stdout, torch.get_default_dtype()
    monkeypatch.setenv("RANK", "1")  # the number alone makes no group
    result = alone(*TINY, "--epochs", 1, "--float64", "--folder", "here")
    assert (result.status, result.out) == (0, "")
    assert sys.stdout is before and torch.get_default_dtype() == rules
    assert weights_of(tmp_path / "here")["fc1.bias"].dtype == torch.float64


@pytest.mark.parametrize(
    "words, ranks, sentence",
    [
        (["--epochs", "0"], 1, "epochs must be a whole number of at least 1, found 0: set EPOCHS = 5, say."),
        (["--batch-size", "7"], 2, "a batch of 7 cannot be divided among 2 ranks: choose 6 or 8, say."),
        (["--batch-size", "2"], 3, "a batch of 2 cannot be divided among 3 ranks: choose 3, say."),
        (["--batch-size", "0"], 1, "a batch of 0 cannot be divided among 1 ranks: choose 1, say."),
        (["--images", "2"], 3, "expected an image for each of 3 ranks at least, found IMAGES = 2."),
        (["--images", "0"], 1, "expected an image for each of 1 ranks at least, found IMAGES = 0."),
    ],
)
def test_settings_that_cannot_be(words, ranks, sentence):
    options = train.read_options(words)
    settings = {"EPOCHS": options.epochs, "BATCH_SIZE": options.batch_size, "IMAGES": options.images}
    with pytest.raises(ValueError) as caught:
        train.check_settings(settings | {"BATCH_SIZE": 3 if words[0] == "--images" else options.batch_size}, ranks)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--epochs", "0"], "epochs must be a whole number of at least 1, found 0: set EPOCHS = 5, say.\n"),
        (["--learn-rate", "-1"], "Invalid learning rate: -1.0\n"),
        (["--resume"], "there is nothing to resume: start anew, without --resume.\n"),
    ],
)
def test_a_sentence_and_no_traceback(words, sentence, alone, tmp_path):
    result = alone(*TINY, "--folder", tmp_path, *words)
    assert (result.status, result.out) == (1, "")
    assert result.err.endswith(sentence) and result.err.count("\n") == 1


def test_a_folder_that_cannot_be_written_to(alone, tmp_path, request):
    few_of_mnist(True), few_of_mnist(False)
    tmp_path.chmod(0o555)
    request.getfixturevalue("ordinary_user")
    for folder in (tmp_path, tmp_path / "new"):
        result = alone(*TINY, "--folder", folder)
        sentence = f"{folder} cannot be written to (Permission denied): choose another folder with --folder.\n"
        assert (result.status, result.out, result.err) == (1, "", sentence)


def test_a_file_in_place_of_the_folder(alone, tmp_path):
    (tmp_path / "file").touch()
    result = alone(*TINY, "--folder", tmp_path / "file")
    assert result.status == 1 and result.err.endswith("choose another folder with --folder.\n")


def test_ctrl_c_between_two_epochs(alone, tmp_path, monkeypatch):
    test = train.test

    def stop(*arguments):
        if (tmp_path / "checkpoint.pt").exists():
            raise KeyboardInterrupt
        return test(*arguments)

    monkeypatch.setattr(train, "test", stop)
    result = alone(*TINY, "--epochs", 3, "--folder", tmp_path)
    assert result.status == 1 and result.out.startswith("Epoch: 1") and result.out.count("\n") == 1
    assert result.err == "Stopped: --resume goes on after the last epoch that is printed above.\n"
    monkeypatch.setattr(train, "test", test)
    assert alone(*TINY, "--epochs", 3, "--folder", tmp_path, "--resume").out.startswith("Go on after epoch 1.")
