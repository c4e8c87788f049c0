"""docs/further_out.md: what it shows runs, with what stands in for a cluster, and computes what torchrun computes."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import psutil
import pytest
import torch
from install import ROOT

from mnist_lesson.further.launch import run_ranks
from mnist_lesson.further.train import CHECKPOINT, read_options

DOCS = ROOT / "docs"
PAGE = (DOCS / "further_out.md").read_text(encoding="utf-8")
SCRIPT = (DOCS / "slurm.sh").read_text(encoding="utf-8")
FEW = ["--epochs", "1", "--images", "64"]
WITHOUT_BASH = sys.platform == "win32" or shutil.which("bash") is None


def weights_in(folder):
    return torch.load(folder / CHECKPOINT, weights_only=True)["model"]


def with_torchrun(words, folder):
    """Return the weights that `torchrun` gives with two ranks."""
    module = ["-m", "mnist_lesson.further.train"]
    run_ranks(["--standalone", "--nproc-per-node=2", *module, *words, "--folder", folder], limit=120)
    return weights_in(folder)


def assert_equal(weights, others):
    assert list(weights) == list(others) and all(torch.equal(weights[name], others[name]) for name in weights)


def left_over(mark):
    """Return the processes with this text in their command line or among their variables."""
    found = []
    for process in psutil.process_iter():
        try:
            if mark in f"{process.cmdline()} {process.environ()}" and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            pass
    return found


@pytest.fixture
def none_left():
    """A text for a variable of the environment; in the end, no process with it may be left."""
    mark = f"mnist_lesson_test_{os.urandom(8).hex()}"
    yield mark
    end = time.monotonic() + 10
    while (processes := left_over(mark)) and time.monotonic() < end:
        time.sleep(0.2)
    for process in processes:
        process.kill()
    assert not processes


def test_the_page_can_be_read_in_ten_minutes():
    """Counted as in README.md: 180 words a minute, and half a minute for each piece of code."""
    prose, pieces = re.subn(r"```.*?```", "", PAGE, flags=re.DOTALL)
    words = [word for word in re.sub(r"\]\(.*?\)", "]", prose).split() if re.search(r"\w", word)]
    assert len(words) / 180 + pieces / 2 <= 10


@pytest.mark.parametrize("name, language", [("slurm.sh", "bash"), ("ray_train.py", "python")])
def test_the_page_shows_the_files_as_they_are(name, language):
    assert f"```{language}\n{(DOCS / name).read_text(encoding='utf-8')}```" in PAGE and f"`docs/{name}`" in PAGE


def test_each_line_for_slurm_is_explained():
    options = re.findall(r"^#SBATCH --([\w-]+)", SCRIPT, flags=re.MULTILINE)
    assert len(options) > 5 and not [name for name in options if f"\n| `--{name}` | " not in PAGE]


def test_the_page_knows_the_extra_and_the_lesson_goes_without():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (requirement,) = project["optional-dependencies"]["ray"]
    assert requirement.startswith("ray[train]>=") and 'pip install -e ".[ray]"' in PAGE
    assert not [name for name in project["dependencies"] if name.startswith("ray")]


def test_the_settings_for_ray_come_before_ray():
    program = (DOCS / "ray_train.py").read_text(encoding="utf-8")
    assert program.index('os.environ["RAY_USAGE_STATS_ENABLED"] = "0"') < program.index("import ray")


def test_the_program_has_the_options_of_the_script():
    words = re.search(r"-m mnist_lesson\.further\.train (.*) &", SCRIPT)[1]
    words = words.replace('"$folder"', "here").replace("$resume", "--resume").replace('"$@"', "--epochs 2")
    options = read_options(words.split())
    assert (options.folder, options.resume, options.epochs) == (Path("here"), True, 2)


@pytest.fixture
def cluster(tmp_path, none_left):
    """A folder with programs that stand in for SLURM's: two "machines" on this one. Returns what runs the script."""
    programs = {
        "bin/scontrol": 'if [ "$1" = show ]; then echo 127.0.0.1; else echo "$@" >> asked.txt; fi',
        "bin/srun": 'while [ "${1#--}" != "$1" ]; do shift; done\n"$@" &\nfirst=$!\n"$@" && wait $first',
        "bin/torchrun": f'exec "{sys.executable}" -m torch.distributed.run "$@"',
        ".venv/bin/activate": "",
    }
    for name, program in programs.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{program}\n")
        path.chmod(0o755)

    def start(words):
        variables = {"NNODES": 2, "CPUS_PER_TASK": 1, "JOB_NODELIST": "n[1-2]", "JOB_ID": free_job()}
        environment = {
            **os.environ,
            **{f"SLURM_{name}": str(value) for name, value in variables.items()},
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "MARK": none_left,
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(["bash", DOCS / "slurm.sh", *words], cwd=tmp_path, env=environment, **pipes)

    return start


def free_job():
    """Return the number of a job whose port is free."""
    for job in range(os.getpid() % 10_000, 20_000):
        with socket.socket() as place:
            try:
                place.bind(("127.0.0.1", 20_000 + job % 10_000))
                return job
            except OSError:
                continue


@pytest.mark.notebook_cells
@pytest.mark.skipif(WITHOUT_BASH, reason="SLURM's scripts need bash")
def test_the_script_for_slurm_trains_on_two_machines_and_goes_on_after_a_restart(cluster, tmp_path):
    job = cluster(FEW)
    said, _ = job.communicate(timeout=120)
    assert job.returncode == 0 and said.count("Epoch: 1") == 1 and "Go on" not in said, said
    assert_equal(weights_in(tmp_path / "runs" / "slurm"), with_torchrun(FEW, tmp_path / "torchrun"))

    job = cluster(["--epochs", "2", *FEW[2:]])
    said, _ = job.communicate(timeout=120)
    assert job.returncode == 0 and "Go on after epoch 1." in said and "Epoch: 1" not in said, said


@pytest.mark.skipif(WITHOUT_BASH, reason="SLURM's scripts need bash")
def test_before_its_time_is_up_the_script_for_slurm_asks_to_be_started_again(cluster, tmp_path):
    (tmp_path / "bin" / "srun").write_text("#!/bin/bash\ntouch running\nsleep 2\n")
    job = cluster([])
    while not (tmp_path / "running").exists() and job.poll() is None:
        time.sleep(0.05)
    job.send_signal(signal.SIGUSR1)
    job.communicate(timeout=60)
    assert re.fullmatch(r"requeue \d+\n", (tmp_path / "asked.txt").read_text())


@pytest.mark.skipif(WITHOUT_BASH, reason="SLURM's scripts need bash")
def test_the_script_for_slurm_fails_where_the_training_fails(cluster, tmp_path):
    (tmp_path / "bin" / "srun").write_text("#!/bin/bash\nexit 3\n")
    job = cluster([])
    job.communicate(timeout=60)
    assert job.returncode == 3


@pytest.mark.notebook_cells
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_ray_trains_the_network_that_torchrun_trains(tmp_path, none_left):
    # The names of Ray's sockets may have a hundred letters, and the folders of pytest are long.
    with tempfile.TemporaryDirectory(prefix="ray_", ignore_cleanup_errors=True) as folder:
        own = {"HOME": folder, "RAY_TMPDIR": folder, "MNIST_LESSON_RUNS": str(tmp_path), "PYTHONPATH": str(ROOT)}
        environment = {**os.environ, **own, "MARK": none_left}
        command = [sys.executable, DOCS / "ray_train.py", *FEW]
        ray = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
        assert ray.returncode == 0 and ray.stdout.count("Epoch: 1") == 1, ray.stdout + ray.stderr
    assert_equal(weights_in(tmp_path / "ray"), with_torchrun(FEW, tmp_path / "torchrun"))
