"""What the tests of several processes share."""

import time
import uuid

import pytest
import rank_workers


@pytest.fixture(scope="module")
def workers():
    """Processes that run the program of notebook 12 as ranks."""
    workers = rank_workers.RankWorkers()
    yield workers
    workers.end()


@pytest.fixture
def no_process_left(monkeypatch):
    """Fail if a process that the test has started, or one that such a process has started, is there at its end."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(rank_workers.MARK, mark)
    yield
    end = time.monotonic() + 2  # a process that has just been ended may still be there
    while (left := rank_workers.processes_with(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    names = [" ".join(process.cmdline()) for process in left]
    for process in left:
        process.kill()
    assert not names
