"""mnist_lesson.further.launch: ranks start, die, are started again and end, and none stays."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
import rank_workers
from rank_workers import MARK, NO_CARDS, free_port, is_equal, processes_with, weights_of

from mnist_lesson.further import launch
from mnist_lesson.further.launch import run_function, run_ranks

workers, no_process_left = rank_workers.workers, rank_workers.no_process_left  # fixtures
pytestmark = [pytest.mark.usefixtures("no_process_left"), pytest.mark.notebook_cells]
PROGRAM = ("-m", "mnist_lesson.further.train", "--epochs", 6, "--batch-size", 8, "--images", 240)


@pytest.fixture(autouse=True)
def no_cards(monkeypatch):
    """With graphics cards, not even one process computes the same bits twice."""
    for name, value in NO_CARDS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def undisturbed(workers, tmp_path_factory):
    """The weights of two ranks that nothing has happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    results = workers.run(2, *PROGRAM[2:], "--folder", folder)
    assert [result.status for result in results] == [0, 0]
    return weights_of(folder)


@pytest.fixture
def in_this_process(monkeypatch, capfd):
    """Run `main` here, and return its status and what it says: no Python must start for that."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["torchrun", *map(str, words)])
        with mock.patch.dict(os.environ):
            return launch.main(), capfd.readouterr().err

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
    handlers = [signal.getsignal(number) for number in numbers]
    yield run
    logging.disable(logging.NOTSET)
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


def kill_rank(number):
    """End a rank at once, as a machine does that has no memory left."""
    ranks = [process for process in processes_with(os.environ[MARK]) if process.environ().get("RANK") == str(number)]
    assert ranks
    for process in ranks:
        process.kill()


def kill_once(number):
    """Return a function for `on_line` that ends a rank after the first epoch."""
    killed = []

    def on_line(line, processes):
        if line.startswith("Epoch: 1") and not killed:
            killed.append(number)
            kill_rank(number)

    return on_line


def assert_restarted(lines):
    assert any(line.startswith("Go on after epoch ") for line in lines), lines
    assert lines[-1] == "Done" and [line for line in lines if line.startswith("Epoch: 6")]


def test_a_rank_that_dies_is_started_again_and_the_weights_are_the_same(undisturbed, tmp_path, monkeypatch):
    """Without libuv, as on Windows."""
    monkeypatch.setenv("USE_LIBUV", "0")
    words = ("--standalone", "--nproc-per-node=2", "--max-restarts=2", *PROGRAM, "--folder", tmp_path)
    assert_restarted(run_ranks(words, limit=300, on_line=kill_once(1)))
    assert is_equal(weights_of(tmp_path), undisturbed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "run.json", "weights.pt"]


@pytest.mark.skipif(sys.platform == "win32", reason="PyTorch's own torchrun does not start on Windows")
def test_torchrun_itself_starts_a_rank_again(undisturbed, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=2"]
    command += [*map(str, PROGRAM), "--folder", str(tmp_path)]
    on_line, lines = kill_once(0), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        for line in process.stdout:
            lines.append(line.rstrip())
            on_line(line, None)
    assert process.returncode == 0
    assert_restarted(lines)
    assert is_equal(weights_of(tmp_path), undisturbed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "run.json", "weights.pt"]


def test_two_machines_train_one_network_and_one_of_them_saves(undisturbed, tmp_path):
    """Two agents that know only their meeting point; a rank of one machine dies."""
    meeting = ("--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{free_port()}", "--rdzv-id=test")
    agent = ("--nnodes=2", "--nproc-per-node=1", "--max-restarts=2", *meeting, *PROGRAM)
    machines = [(*agent, "--folder", tmp_path / name) for name in "ab"]
    lines = run_ranks(*machines, limit=300, on_line=kill_once(1))
    assert_restarted(lines)
    assert lines.count("Done") == 1
    (folder,) = tmp_path.iterdir()
    assert is_equal(weights_of(folder), undisturbed)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
def test_ctrl_c_ends_all(tmp_path):
    words = ["--standalone", "--nproc-per-node=2", *map(str, PROGRAM), "--epochs", "1000", "--folder", str(tmp_path)]
    command = [sys.executable, "-m", "mnist_lesson.further.launch", *words]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    with subprocess.Popen(command, **output, start_new_session=True) as process:
        for line in process.stdout:
            if line.startswith("Epoch: 2"):
                break
        start = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        rest = [line for line in process.stdout if not line.startswith("Epoch:")]
    assert time.monotonic() - start < 20
    assert rest == ["Stopped: --resume goes on after the last epoch that is printed above.\n"]
    assert process.returncode == 130


def test_a_function_runs_in_several_ranks():
    def count(rank, ranks):
        """A function of a notebook; its text is indented here."""
        import os

        import torch
        import torch.distributed as dist

        numbers = torch.tensor([rank + 1.0])
        dist.all_reduce(numbers)
        for number in range(30):
            print(f"rank {rank} of {ranks} has {numbers.item():.0f}, and ä {number}")
        os._exit(0)  # what has not been sent yet is lost

    lines = run_function(count, limit=300)
    for rank in (0, 1):
        own = [f"rank {rank} of 2 has 3, and ä {number}" for number in range(30)]
        assert [line for line in lines if line.startswith(f"rank {rank}")] == own
    assert len(lines) == 60


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux names the threads of a process")
def test_a_rank_that_has_left_has_no_thread_of_gloo(tmp_path):
    """One that is still there when Python ends can crash it, now and then."""
    program = tmp_path / "left.py"
    program.write_text(
        "import torch\n"
        "from pathlib import Path\n"
        "from mnist_lesson.further.ranks import join, leave\n"
        "rank, ranks = join(60)\n"
        "from torch.nn.parallel import DistributedDataParallel\n"
        "DistributedDataParallel(torch.nn.Linear(2, 1))(torch.ones(4, 2)).sum().backward()\n"
        "leave()\n"
        "names = [path.read_text() for path in Path('/proc/self/task').glob('*/comm')]\n"
        "if rank == 0:\n"
        "    print([name for name in names if 'gloo' in name])\n"
    )
    assert run_ranks(["--standalone", "--nproc-per-node=2", program])[-1] == "[]"


@pytest.fixture
def sleepers(tmp_path):
    """The words that start two ranks which never end."""
    path = tmp_path / "sleep.py"
    # Text and end of line at once, or the lines of two ranks may come as one, "readyready".
    path.write_text("import time\nprint('ready\\n', end='', flush=True)\ntime.sleep(600)\n")
    return ("--standalone", "--nproc-per-node=2", path)


def test_the_time_limit_ends_all_ranks_and_no_other_program(sleepers):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with pytest.raises(TimeoutError, match=r"^not finished after 1 seconds: all ranks were ended\.$"):
            run_ranks(sleepers, sleepers, limit=1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_ctrl_c_in_a_notebook_ends_the_ranks_of_a_dead_agent_too(sleepers):
    def on_line(line, processes):
        if line == "ready":
            processes[0].kill()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ranks(sleepers, limit=300, on_line=on_line)


def test_a_program_that_prints_more_than_can_be_shown_is_ended(monkeypatch):
    command = [sys.executable, "-c", "while True: print('again')"]
    output = {"stdout": subprocess.PIPE, "encoding": "utf-8"}
    monkeypatch.setattr(
        launch, "start", lambda words, mark: subprocess.Popen(command, **output, env=os.environ | {launch.MARK: mark})
    )
    with pytest.raises(TimeoutError):
        run_ranks([], limit=1, on_line=lambda *_: time.sleep(0.01))


def test_a_rank_that_was_ended_from_outside_is_named(in_this_process, tmp_path):
    path = tmp_path / "end.py"
    path.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    status, said = in_this_process("--standalone", path)
    assert status == 1
    if sys.platform != "win32":
        assert said == "rank 0 was ended by SIGTERM: if nobody did that, see whether memory ran out.\n"


def test_ranks_that_are_started_again_meet_at_a_new_store(in_this_process, tmp_path):
    path = tmp_path / "store.py"
    path.write_text("import os, sys\nprint(os.environ['TORCHELASTIC_USE_AGENT_STORE'], file=sys.stderr)\n")
    endpoint = f"--rdzv-endpoint=127.0.0.1:{free_port()}"
    assert in_this_process("--rdzv-backend=c10d", endpoint, path) == (0, "False\n")


def test_a_rank_that_fails_has_said_why_itself(in_this_process, tmp_path):
    path = tmp_path / "fail.py"
    path.write_text("raise SystemExit(3)\n")
    assert in_this_process("--standalone", path) == (1, "")


def test_a_port_in_use(in_this_process, tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        status, said = in_this_process("--master-addr=127.0.0.1", f"--master-port={port}", tmp_path / "none.py")
    assert status == 1
    assert (
        said
        == f"the port {port} is in use: choose another one, or start with torchrun --standalone, which finds one.\n"
    )


def test_a_machine_that_never_comes(in_this_process, tmp_path):
    endpoint = f"--rdzv-endpoint=127.0.0.1:{free_port()}"
    words = ("--nnodes=2", "--rdzv-backend=c10d", endpoint, "--rdzv-id=test", tmp_path / "none.py")
    status, said = in_this_process("--rdzv-conf=join_timeout=1", *words)
    assert status == 1 and said.startswith(
        "the machines did not come together (RendezvousTimeoutError): start the same"
    )
    status, said = in_this_process("--rdzv-conf=is_host=0,read_timeout=1", *words)
    assert status == 1 and "the machines did not come together (RendezvousConnectionError): start the same" in said


def test_the_log_of_pytorch_is_left_out_and_nothing_else():
    for line in (
        "W1126 22:02:28.1 1 torch/x.py:1] text",
        "[W1126 22:02:28.123 socket.cpp:1] text",
        "[rank0]:[W1126 22:02:28 a",
    ):
        assert launch.LOG.match(line)
    for line in ("Epoch: 1, Train_acc:11.9%", "rank 0", "[W]", "Warning", "E5 is a field", "[1, 2]"):
        assert not launch.LOG.match(line)
