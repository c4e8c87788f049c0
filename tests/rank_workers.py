"""Processes that wait for work: ranks for the tests, which are ready at once, for starting PyTorch takes seconds."""

import contextlib
import functools
import io
import multiprocessing
import os
import socket
import sys
import time
import traceback
import uuid
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import psutil
import pytest
import torch
from torch.utils.data import Dataset

from mnist_lesson.data import load_mnist
from mnist_lesson.model import CNN

MARK = "MNIST_LESSON_TEST"  # a variable of the environment, by which the processes of one test are known
NO_CARDS = {"CUDA_VISIBLE_DEVICES": ""}


class RankWorkers:
    """Processes that run the program of notebook 12 again and again, each time as the ranks of another training.

    They see no graphics card, where not even one process computes the same bits twice, unless `cards` says so.
    """

    def __init__(self, cards: bool = False) -> None:
        self.workers, self.hidden = [], {} if cards else NO_CARDS

    def run(
        self,
        ranks: int,
        *arguments: object,
        by_rank: dict[int, list] | None = None,
        changes: dict[int, str] | None = None,
        variables: dict[str, object] | None = None,
        come: int | None = None,
        limit: float = 120,
    ) -> list[SimpleNamespace]:
        """Run the program in so many ranks; return for each its `status`, and what it has printed: `out` and `err`.

        `by_rank` has further arguments for single ranks, and `changes` code that a rank executes before; what that puts
        into the dictionary `found` comes back, too. `variables` are set in each rank. Only the first `come` ranks come.
        """
        come = ranks if come is None else come
        while len(self.workers) < come:
            self.workers.append(start_worker(self.hidden))
        port = free_port()
        for rank, (_, pipe) in enumerate(self.workers[:come]):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks}
            place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            words = [str(word) for word in (*arguments, *(by_rank or {}).get(rank, []))]
            pipe.send((words, (place if ranks > 1 else {}) | (variables or {}), (changes or {}).get(rank, "")))
        results = []
        for _, pipe in self.workers[:come]:
            if not pipe.poll(limit):
                self.end()
                pytest.fail(f"the ranks did not end within {limit} seconds")
            results.append(SimpleNamespace(**pipe.recv()))
        return results

    def end(self) -> None:
        """End all processes; one that does not answer is killed."""
        for _, pipe in self.workers:
            with contextlib.suppress(OSError):
                pipe.send(None)
        for process, _ in self.workers:
            process.join(5)
            process.kill()
            process.join()
        self.workers = []


def start_worker(variables: dict[str, str]) -> tuple:
    """Start a process with some variables, and return it with the pipe to it."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        context.set_forkserver_preload(["mnist_lesson.further.train"])  # PyTorch is imported once for all of them
    with mock.patch.dict(os.environ, variables):
        os.environ.pop(MARK, None)  # it outlives the test that needs it first
        process = context.Process(target=work, args=(there, variables), daemon=True)
        process.start()
    return process, here


def work(pipe: Connection, variables: dict[str, str]) -> None:
    """Run the program as often as the pipe asks for it."""
    os.environ.update(variables)  # those of a forked process are of an earlier time
    from mnist_lesson.further import ranks, train

    while job := pipe.recv():
        words, variables, change = job
        out, err, found = io.StringIO(), io.StringIO(), {}
        variables = {name: str(value) for name, value in variables.items()}
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, variables))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            patch = lambda *arguments: stack.enter_context(mock.patch.object(*arguments))
            patch(train, "load_mnist", few_of_mnist)
            try:
                exec(change, {"train": train, "ranks": ranks, "patch": patch, "found": found})
                status = train.main(words)
            except BaseException:  # all of it goes to the test
                status = "raised"
                err.write(traceback.format_exc())
        pipe.send({"status": status, "out": out.getvalue(), "err": err.getvalue(), "found": found})


@functools.cache
def few_of_mnist(is_train: bool) -> Dataset:
    """Return the first images of MNIST, for to read and to check them all takes a second."""
    dataset = load_mnist(is_train)
    dataset.data, dataset.targets = dataset.data[:1000], dataset.targets[:1000]
    return dataset


class Forgetful(CNN):
    """The network of the lesson, but random numbers switch parts of it off."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.dropout(images, 0.2, self.training))


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes_with(value: str) -> list[psutil.Process]:
    """Return the processes in whose environment the mark has this value."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a run, as they are in its file, on the CPU."""
    return torch.load(folder / "weights.pt", weights_only=True, map_location="cpu")


def is_equal(state: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Tell whether two sets of weights are equal, bit for bit."""
    return state.keys() == other.keys() and all(torch.equal(state[name], other[name]) for name in state)


def distance(state: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Return the largest difference between two sets of weights."""
    return max((state[name] - other[name]).abs().max().item() for name in state)


@pytest.fixture(scope="module")
def workers():
    """Processes that run the program of notebook 12 as ranks."""
    workers = RankWorkers()
    yield workers
    workers.end()


@pytest.fixture
def no_process_left(monkeypatch):
    """Fail if a process that the test has started, or one that such a process has started, is there at its end."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    yield
    end = time.monotonic() + 2  # a process that has just been ended may still be there
    while (left := processes_with(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    names = [" ".join(process.cmdline()) for process in left]
    for process in left:
        process.kill()
    assert not names
