"""mnist_lesson.further.train, run by several ranks: they compute what one process computes, and end together."""

import functools
import socket
import sys

import pytest
import rank_workers
import torch
import torch.distributed as dist
from rank_workers import RankWorkers, distance, few_of_mnist, is_equal, weights_of

from mnist_lesson import engine
from mnist_lesson.further import train
from mnist_lesson.model import CNN
from mnist_lesson.results import load_run
from mnist_lesson.stored import load_run_or_reference

workers, no_process_left = rank_workers.workers, rank_workers.no_process_left  # fixtures
pytestmark = [pytest.mark.usefixtures("no_process_left"), pytest.mark.notebook_cells]
# 100 steps; of 9 images each, the last has one, so that two of three ranks are without.
EVEN = ("--epochs", 1, "--batch-size", 8, "--images", 800)
UNEVEN = ("--epochs", 1, "--batch-size", 9, "--images", 892)
TINY = ("--batch-size", 8, "--images", 24)
# What a rank has in the end: its model, and how many images it has counted each time.
KEEP = """
CNN, add_up = train.CNN, train.add_up
patch(train, "CNN", lambda: found.setdefault("model", CNN()))
patch(train, "add_up", lambda *numbers: found.setdefault("sizes", []).append(numbers[-1]) or add_up(*numbers))
"""
# With these, the next epoch depends on all that a checkpoint holds.
HARDER = """
from functools import partial
from rank_workers import Forgetful
patch(train, "CNN", Forgetful)
patch(train, "SGD", partial(train.SGD, momentum=0.9))
"""


@pytest.fixture(scope="module")
def trained(workers, tmp_path_factory):
    """Train with some words and so many ranks, once for all tests; return the folder, and the results of the ranks."""

    @functools.cache
    def train_once(ranks, *words):
        folder = tmp_path_factory.mktemp("run")
        apart = {rank: ["--folder", folder / f"of rank {rank}"] for rank in range(1, ranks)}
        changes = dict.fromkeys(range(ranks), KEEP)
        results = workers.run(ranks, *words, "--folder", folder, by_rank=apart, changes=changes)
        assert [result.status for result in results] == [0] * ranks, results
        return folder, results

    return train_once


def curves_of(folder):
    """All numbers of a history in one row."""
    history = load_run(folder).history
    return [*history.train_acc, *history.train_loss, *history.test_acc, *history.test_loss]


@pytest.mark.parametrize("ranks, words, size", [(2, EVEN, 800), (3, UNEVEN, 892)])
def test_several_ranks_compute_what_one_process_computes(ranks, words, size, trained):
    (one, _), (several, results) = trained(1, *words, "--float64"), trained(ranks, *words, "--float64")
    torch.manual_seed(0)
    assert distance(weights_of(one), CNN().double().state_dict()) > 0.01  # something was learnt
    assert weights_of(one)["fc1.bias"].dtype == torch.float64
    assert distance(weights_of(one), weights_of(several)) < 1e-12
    assert curves_of(several) == pytest.approx(curves_of(one), abs=1e-12)
    assert results[0].out.splitlines()[-2:] == trained(1, *words, "--float64")[1][0].out.splitlines()
    assert [sum(sizes) for sizes in zip(*(result.found["sizes"] for result in results))] == [size, size]
    for result in results[1:]:
        assert is_equal(result.found["model"].state_dict(), results[0].found["model"].state_dict())


def test_in_float32_the_difference_is_rounding(trained):
    (one, _), (two, _) = trained(1, *EVEN), trained(2, *EVEN)
    assert 0 < distance(weights_of(one), weights_of(two)) < 2e-6
    assert curves_of(two) == pytest.approx(curves_of(one), rel=1e-5)


def test_one_process_computes_what_notebook_05_computes(trained):
    """Except for the order of the images, which each has from another generator."""
    order = list(train.EachOnce(range(800), 1, 0, seed=0))
    sampler = train.EachOnce(range(800), 1, 0, seed=0)
    sampler.set_epoch(1)
    assert list(sampler) != order
    torch.manual_seed(0)
    model, subset = CNN(), torch.utils.data.Subset(few_of_mnist(True), range(800))
    loader = torch.utils.data.DataLoader(subset, 8, sampler=list(sampler))
    numbers = engine.train(loader, model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01))
    folder, _ = trained(1, *EVEN)
    assert distance(model.state_dict(), weights_of(folder)) < 2e-6
    history = load_run(folder).history
    assert (history.train_acc[0], history.train_loss[0]) == pytest.approx(numbers, rel=1e-5)


def test_only_rank_0_prints_and_saves(trained):
    folder, results = trained(3, *UNEVEN, "--float64")
    assert [bool(result.out) for result in results] == [True, False, False]
    assert [result.err for result in results] == ["", "", ""]
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt", "run.json", "weights.pt"]


def test_the_run_opens_like_every_other(trained, capsys):
    folder, _ = trained(2, *EVEN)
    assert list(weights_of(folder)) == list(CNN().state_dict())  # none begins with "module."
    run = load_run_or_reference(folder)
    assert capsys.readouterr().out.startswith("Loaded your own run")
    settings = {"EPOCHS": 1, "BATCH_SIZE": 8, "LEARN_RATE": 0.01, "SEED": 0, "IMAGES": 800, "DTYPE": "float32"}
    assert run.settings == settings
    assert is_equal(run.model.state_dict(), weights_of(folder))


def content_of(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def assert_same_training(folder, other):
    assert is_equal(weights_of(folder), weights_of(other))
    first, second = content_of(folder), content_of(other)
    assert is_equal(first["model"], second["model"])
    for name, state in first["optimizer"]["state"].items():
        assert is_equal(state, second["optimizer"]["state"][name])
    assert first["optimizer"]["param_groups"] == second["optimizer"]["param_groups"]
    assert all(map(torch.equal, first["random_states"], second["random_states"]))
    assert len(first["random_states"]) == len(second["random_states"])
    assert first["history"] == second["history"] and len(first["history"]["test_acc"]) == 3
    assert first["settings"] == second["settings"]
    assert load_run(folder).history == load_run(other).history


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_training_goes_on_bit_for_bit(ranks, workers, tmp_path):
    changes = dict.fromkeys(range(ranks), HARDER)
    words = ("--batch-size", 16, "--images", 67, "--learn-rate", 0.05)
    workers.run(ranks, *words, "--epochs", 3, "--folder", tmp_path / "at once", changes=changes)
    workers.run(ranks, *words, "--epochs", 1, "--folder", tmp_path / "parts", changes=changes)
    half_written = tmp_path / "parts" / "checkpoint.pt.123.part"
    half_written.touch()
    more = ("--epochs", 3, "--resume", "--folder", tmp_path / "parts")
    results = workers.run(ranks, *words, *more, changes=changes)
    lines = results[0].out.splitlines()
    assert lines[0] == "Go on after epoch 1." and lines[1].startswith("Epoch: 2") and lines[-1] == "Done"
    assert_same_training(tmp_path / "at once", tmp_path / "parts")
    assert len(content_of(tmp_path / "parts")["optimizer"]["state"]) == 8  # there is a momentum for each
    states = content_of(tmp_path / "parts")["random_states"]
    assert ranks == 1 or not torch.equal(*states)  # each rank has its own
    assert not half_written.exists()


@pytest.mark.parametrize(
    "words, change, sentence",
    [
        (["--epochs", 2], "", "expected the same settings in all ranks, but rank 0 has {'EPOCHS': 1"),
        (["--batch-size", 7], "", "a batch of 7 cannot be divided among 2 ranks: choose 6 or 8, say."),
        (
            [],
            """
import copy
def other_mnist(is_train, load=train.load_mnist):
    dataset = copy.copy(load(is_train))
    dataset.targets = dataset.targets.roll(1)
    return dataset
patch(train, "load_mnist", other_mnist)""",
            "expected the same data (MNIST) in all ranks, but rank 0 has ",
        ),
        (
            [],
            "import torch\npatch(torch, '__version__', '2.0.0+cpu')",
            "expected the same version of PyTorch in all ranks, but rank 0 has ",
        ),
        (
            [],
            """
import pathlib, tempfile
folder = tempfile.TemporaryDirectory()
pathlib.Path(folder.name, "engine.py").write_text("other")
patch(ranks, "SOURCE_DIR", pathlib.Path(folder.name))""",
            "expected the same program (mnist_lesson) in all ranks, but rank 0 has ",
        ),
        (
            [],
            """
def damaged(is_train):
    raise OSError("train-images is damaged: restore it.")
patch(train, "load_mnist", damaged)""",
            "train-images is damaged: restore it.\n",
        ),
    ],
    ids=["settings", "batch", "data", "version", "program", "damaged"],
)
def test_ranks_that_differ_end_all_with_one_sentence(words, change, sentence, workers, tmp_path):
    by_rank, more = {1: [*words, "--folder", tmp_path / "1"]}, ("--epochs", 1, "--folder", tmp_path / "0", "--wait", 60)
    first, second = workers.run(2, *TINY, *more, by_rank=by_rank, changes={1: change})
    assert (first.status, second.status) == (1, 1), second.err
    assert first.err.startswith(sentence) and first.err.count("\n") == 1
    assert (first.out, second.out, second.err) == ("", "", "")  # on one machine, one rank says it
    assert not list(tmp_path.iterdir())


def test_the_second_machine_says_it_too(workers, tmp_path):
    variables = {"LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
    results = workers.run(2, *TINY, "--epochs", 0, "--folder", tmp_path, variables=variables)
    assert [result.err.count("found 0: set EPOCHS = 5, say.\n") for result in results] == [1, 1]


def test_rank_0_decides_whether_to_go_on(workers, tmp_path):
    words = (*TINY, "--folder", tmp_path)
    workers.run(2, *words, "--epochs", 1)
    results = workers.run(2, *words, "--epochs", 2, by_rank={0: ["--resume"]})
    assert [result.status for result in results] == [0, 0] and results[0].out.startswith("Go on after epoch 1.")
    results = workers.run(2, *words, "--epochs", 2, by_rank={1: ["--resume"]})
    assert [result.status for result in results] == [0, 0] and results[0].out.startswith("Epoch: 1")


def test_another_number_of_ranks_cannot_go_on(workers, tmp_path):
    words = (*TINY, "--epochs", 2, "--folder", tmp_path)
    workers.run(2, *words)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    sentence = f"{tmp_path / 'checkpoint.pt'} was made by 2 ranks, and now there are 1: start 2 ranks, or "
    (result,) = workers.run(1, *words, "--resume")
    assert (result.status, result.err) == (1, f"{sentence}start anew, without --resume.\n")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_folder_that_only_rank_0_cannot_write_to_ends_all(workers, tmp_path):
    (tmp_path / "file").touch()
    results = workers.run(2, *TINY, "--folder", tmp_path / "file", by_rank={1: ["--folder", tmp_path]})
    assert [result.status for result in results] == [1, 1]
    assert results[0].err.endswith("choose another folder with --folder.\n") and results[1].err == ""


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_leaves_in_the_middle(rank, workers, tmp_path):
    change = """
def stop(*_):
    raise KeyboardInterrupt
patch(train, "test", stop)"""
    words = (*TINY, "--folder", tmp_path, "--wait", 60)
    results = workers.run(2, *words, changes={rank: change}, variables={"LOCAL_RANK": 0})
    assert [result.status for result in results] == [1, 1]
    assert results[rank].err.startswith("Stopped: ")
    assert results[1 - rank].err.startswith("another rank went away: look for its message, then start all again")


def test_a_rank_that_never_comes(workers, tmp_path):
    """Rank 0 waits for it in one way, and another rank for rank 0."""
    words = (*TINY, "--folder", tmp_path, "--wait", 1)
    (result,) = workers.run(2, *words, come=1)
    assert result.status == 1
    assert result.err == "expected 2 ranks, but only 1 came within 1 seconds: start all of them.\n"
    (result,) = workers.run(2, *words, come=1, variables={"RANK": 1, "LOCAL_RANK": 0})
    assert result.status == 1 and result.err.startswith("another rank did not answer within 1 seconds: ")


def test_a_rank_that_answers_no_more(workers, tmp_path):
    change = """
import time
def sleep(*_):
    time.sleep(3.5)
    return 0, 0
patch(train, "test", sleep)"""
    words = (*TINY, "--epochs", 1, "--folder", tmp_path, "--wait", 2)
    results = workers.run(2, *words, changes={1: change}, variables={"LOCAL_RANK": 0})
    assert [result.status for result in results] == [1, 1]
    assert results[0].err.startswith("another rank did not answer within 2 seconds: ")


def test_ranks_that_are_started_again_do_not_look_for_the_dead_ones(workers, tmp_path):
    """The store that torchrun keeps for them still has the old addresses. Rank 0 comes late with its new one."""
    store = dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False, use_libuv=sys.platform != "win32")
    variables = {"MASTER_PORT": store.port, "TORCHELASTIC_USE_AGENT_STORE": True}
    late = "import time\njoin = train.join\npatch(train, 'join', lambda wait: time.sleep(1) or join(wait))"
    words = (*TINY, "--epochs", 1, "--folder", tmp_path, "--wait", 5)
    for start in (0, 1):
        more = variables | {"TORCHELASTIC_RESTART_COUNT": start}
        results = workers.run(2, *words, changes={0: late}, variables=more)
        assert [result.status for result in results] == [0, 0], results


def test_a_port_in_use(workers, tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        words = (*TINY, "--folder", tmp_path, "--wait", 2)
        (result,) = workers.run(2, *words, come=1, variables={"MASTER_PORT": port})
    sentence = f"the port {port} is in use: choose another one, or start with torchrun --standalone, which finds one.\n"
    assert (result.status, result.err) == (1, sentence)


def test_more_ranks_than_cores_are_told_so(workers, tmp_path):
    change = "import os\npatch(os, 'cpu_count', lambda: 1)"
    results = workers.run(2, *TINY, "--epochs", 1, "--folder", tmp_path, changes={0: change, 1: change})
    assert results[0].out.startswith("Note: 2 ranks share 1 cores") and results[1].out == ""


def test_ranks_compute_the_same_with_graphics_cards(tmp_path):
    """One card for each rank, or, where there is one only, two ranks without against one with it."""
    if not torch.cuda.is_available():
        pytest.skip("a graphics card is needed")
    workers, ranks = RankWorkers(cards=True), max(2, torch.cuda.device_count())
    try:
        for count in (1, ranks):
            words = ("--epochs", 1, "--batch-size", 8 * ranks, "--images", 800, "--float64")
            results = workers.run(count, *words, "--folder", tmp_path / str(count))
            assert [result.status for result in results] == [0] * count, results
    finally:
        workers.end()
    assert distance(weights_of(tmp_path / "1"), weights_of(tmp_path / str(ranks))) < 1e-10
