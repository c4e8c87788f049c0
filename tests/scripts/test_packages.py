"""scripts/packages.py: what is installed, by uv or by pip, quietly, and nothing half-made is taken for finished."""

import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import threading

import packages
import pytest
from packages import FULL, READ_ONLY, ROOT

SAID = {
    "index out of reach": "error: Failed to fetch: `a-build-of-torch/`\n  Caused by: dns error",
    "full": "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
    "other": "error: something else",
}


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """A repository in which nothing is set up, on a machine where pip has no settings and there is no uv."""
    before = dict(os.environ)
    os.environ.pop("MNIST_LESSON_TORCH", None)
    monkeypatch.setattr(packages, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(packages, "VENV_PYTHON", tmp_path / ".venv" / "python")
    monkeypatch.setattr(packages, "READY", tmp_path / ".venv" / "lesson-ready")
    monkeypatch.setattr(packages, "BUILD", tmp_path / "build")
    monkeypatch.setattr(packages, "find_uv", lambda pip: [])
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def steps(monkeypatch, repository):
    """Record the steps instead of running them. `steps.fail` says which fail, by a word of the command, and how."""

    class Steps(list):
        fail = {}

    steps = Steps()

    def step(in_words, command):
        steps.append(command)
        if "venv" in command:
            packages.VENV.mkdir(exist_ok=True)
            packages.VENV_PYTHON.touch()
        for word, said in steps.fail.items():
            if any(part.startswith(word) for part in command):
                return 1, SAID.get(said, said)
        return 0, ""

    monkeypatch.setattr(packages, "step", step)
    return steps


@pytest.fixture
def uv(monkeypatch, steps):
    monkeypatch.setattr(packages, "find_uv", lambda pip: ["uv"])


def test_without_uv_pip_does_the_work(steps, capsys):
    packages.make_venv()
    make, fill = steps
    assert make == [sys.executable, "-m", "venv", "--clear", str(packages.VENV)]
    assert fill[0] == str(packages.VENV_PYTHON) and "pip" in fill and fill[-2:] == ["-e", "."]
    assert packages.is_ready("auto") and "Setting up the lesson" in capsys.readouterr().out


def test_uv_takes_the_build_that_fits_the_hardware(steps, uv):
    packages.make_venv()
    assert steps[1][:5] == ["uv", "pip", "install", "--python", str(packages.VENV_PYTHON)]
    assert steps[1][5:] == ["-e", ".", "--torch-backend=auto"] and len(steps) == 2


def test_where_its_own_index_is_out_of_reach_the_package_index_is_asked(steps, uv, capsys):
    steps.fail = {"--torch-backend": "index out of reach"}
    packages.make_venv()
    assert steps[2] == steps[1][:-1] and packages.is_ready("auto")
    assert "PyTorch's own index is out of reach" in capsys.readouterr().out


def test_where_uv_fails_pip_does_the_work(steps, uv, capsys):
    steps.fail = {"uv": "other"}
    packages.make_venv()
    assert [command[0] for command in steps[1:]] == ["uv", "uv", str(packages.VENV_PYTHON)]
    assert packages.is_ready("auto") and "pip does the work" in capsys.readouterr().out


def test_a_full_disk_is_not_tried_again(steps, uv, capsys):
    steps.fail = {"uv": "full"}
    with pytest.raises(SystemExit) as stop:
        packages.make_venv()
    assert stop.value.code == f"The lesson could not install the packages: {FULL}"
    assert len(steps) == 2 and not packages.READY.exists() and "Errno 28" in capsys.readouterr().err


@pytest.mark.parametrize("build, backend", [("cpu", ["--torch-backend=cpu"]), ("pypi", [])])
def test_a_build_can_be_chosen_and_stays_chosen(steps, uv, build, backend):
    packages.make_venv()
    steps.clear()
    os.environ["MNIST_LESSON_TORCH"] = build
    packages.make_venv()
    anew = ["--reinstall-package=torch", "--reinstall-package=torchvision"]
    assert steps[-1][5:] == ["-e", ".", *anew, *backend]
    del os.environ["MNIST_LESSON_TORCH"]
    steps.clear()
    packages.make_venv()
    assert steps == [], "without a new choice the old one stays"


def test_a_misspelt_build_is_one_sentence(steps):
    os.environ["MNIST_LESSON_TORCH"] = "gpu"
    with pytest.raises(SystemExit, match="must be one of auto, cpu, cuda, pypi, found 'gpu'"):
        packages.make_venv()
    assert steps == []


def test_pip_says_that_it_cannot_choose(steps, capsys):
    os.environ["MNIST_LESSON_TORCH"] = "cpu"
    packages.make_venv()
    assert "Only uv can choose a build" in capsys.readouterr().out


def test_the_second_time_nothing_is_installed(steps):
    packages.make_venv()
    steps.clear()
    packages.make_venv()
    assert steps == []


def test_other_packages_are_installed_anew(monkeypatch, steps):
    packages.make_venv()
    steps.clear()
    monkeypatch.setattr(packages, "requirements", lambda: ["torch>=99"])
    packages.make_venv()
    assert len(steps) == 2


def test_a_venv_that_was_left_half_made_is_mended(steps):
    packages.VENV.mkdir()
    packages.VENV_PYTHON.touch()
    packages.make_venv()
    assert "venv" in steps[0] and "--clear" not in steps[0] and "pip" in steps[1]


def test_ones_own_venv_filled_by_hand_needs_no_network(monkeypatch, steps):
    monkeypatch.setattr(packages, "in_own_venv", lambda: True)
    monkeypatch.setattr(packages, "missing_packages", lambda: [])
    packages.make_venv()
    assert steps == []


def test_an_interrupted_installation_goes_on_the_next_time(steps):
    steps.fail = {"pip": "other"}
    with pytest.raises(SystemExit, match="could not install the packages: the messages above"):
        packages.make_venv()
    assert not packages.READY.exists()
    steps.fail = {}
    packages.make_venv()
    assert packages.is_ready("auto")


def test_a_python_without_ensurepip(steps):
    steps.fail = {"venv": "The virtual environment was not created: ensurepip is not available."}
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        packages.make_venv()


# Finding uv


@pytest.fixture
def answers(monkeypatch, repository):
    """What other programs answer, by a word of the command: exit status and output."""
    monkeypatch.undo()
    monkeypatch.setattr(packages, "BUILD", repository / "build")
    answers = {"config": (0, ""), "--version": (1, "")}

    def run(command, **options):
        code, said = next(answer for word, answer in answers.items() if word in command)
        return subprocess.CompletedProcess(command, code, stdout=said)

    monkeypatch.setattr(packages.subprocess, "run", run)
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    monkeypatch.setattr(packages, "step", lambda in_words, command: answers.get("step", (0, "")))
    return answers


def test_the_users_uv_comes_first(monkeypatch, answers):
    monkeypatch.setattr(packages.shutil, "which", lambda name: "/somewhere/uv")
    assert packages.find_uv(["pip", "install"]) == ["/somewhere/uv"]


def test_uv_is_installed_into_the_venv(answers):
    own = [str(packages.VENV_PYTHON), "-m", "uv"]
    assert packages.find_uv(["pip", "install"]) == own
    answers["--version"] = (0, "uv 1.0")
    answers["step"] = (1, "it must not be installed again")
    assert packages.find_uv(["pip", "install"]) == own


def test_where_uv_is_not_to_be_had_it_says_so(answers, capsys):
    answers["step"] = (1, "")
    assert packages.find_uv(["pip", "install"]) == [] and "pip does the work" in capsys.readouterr().out


@pytest.mark.parametrize("setting", ["global.index-url='file:///shelf'", ":env:.find-links='/wheels'"])
def test_sources_of_pip_are_respected(answers, capsys, setting):
    """A firm or a school may allow packages from a shelf of its own only, and uv does not read pip's settings."""
    answers["config"] = (0, f"global.timeout='60'\n{setting}\n")
    assert packages.find_uv(["pip", "install"]) == [] and "pip does the work" in capsys.readouterr().out


# A step


def test_a_step_is_one_line_and_the_log_has_the_rest(repository, capfd):
    code = "import sys; print('progress'); print('Zürich failed', file=sys.stderr, flush=True); sys.exit(3)"
    status, said = packages.step("the packages", [sys.executable, "-X", "utf8", "-u", "-c", code])
    assert (status, said) == (3, "progress\nZürich failed\n")
    out, err = capfd.readouterr()
    assert out.startswith("  the packages: ") and out.endswith(" s, failed\n") and out.count("\n") == 1 and not err
    log = (packages.BUILD / "setup.log").read_text(encoding="utf-8")
    assert sys.executable in log and log.endswith(said)


def test_a_step_says_how_much_disk_is_used(repository, capsys):
    packages.VENV.mkdir()
    (packages.VENV / "large").write_bytes(bytes(160_000_000))
    packages.step("the packages", [sys.executable, "-c", ""])
    assert capsys.readouterr().out.endswith(" s, 0.2 GB on disk\n")


def test_a_terminal_sees_the_seconds_pass(monkeypatch, repository):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    packages.step("the packages", [sys.executable, "-c", "import time; time.sleep(1.2)"])
    assert terminal.getvalue().count("\r  the packages: ") >= 2


def test_where_the_log_cannot_be_written_the_step_runs_all_the_same(repository):
    packages.BUILD.touch()  # a file in the place of the folder
    assert packages.step("the packages", [sys.executable, "-c", "print('done')"]) == (0, "done\n")


# Two at once


def test_a_second_set_up_waits_for_the_first(steps, capsys):
    with packages.one_at_a_time():
        second = threading.Thread(target=packages.make_venv)
        second.start()
        second.join(0.3)
        assert second.is_alive() and steps == []
    second.join(30)
    assert len(steps) == 2 and "waiting for it" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to(steps):
    packages.BUILD.touch()
    with pytest.raises(SystemExit, match="could not be set up"):
        packages.make_venv()
    assert steps == []


# Causes


@pytest.mark.parametrize(
    "said, cause",
    [
        (SAID["full"], FULL),
        ("ERROR: Could not install packages: [Errno 30] Read-only file system: '/lesson/.venv'", READ_ONLY),
        ("Error: [Errno 13] Permission denied: '/lesson/.venv'", READ_ONLY),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(': Failed to establish a "
            "new connection: [Errno -3] Temporary failure in name resolution')': /simple/torch/\n"
            "ERROR: No matching distribution found for torch>=2.7",
            "check the network",
        ),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError'\n"
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            FULL,
        ),
        (
            "WARNING: Cache entry deserialization failed, entry ignored: [Errno 13] Permission denied\n"
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'ConnectTimeoutError'",
            "check the network",
        ),
        (SAID["index out of reach"], "check the network"),
        (
            "connection broken by 'ProxyError('Cannot connect to proxy.', NewConnectionError('Connection refused'))'",
            "check the settings HTTP_PROXY",
        ),
        (
            "Max retries exceeded with url: / (Caused by SSLError(SSLCertVerificationError(1, 'certificate verify "
            "failed: certificate is not yet valid (_ssl.c:992)')))",
            "check the clock",
        ),
        ("ERROR: No matching distribution found for torch>=2.7", "does not exist for Python 3."),
        ("error: subprocess-exited-with-error", ""),
        ("", ""),
    ],
)
def test_a_failure_is_told_with_its_cause_or_none(said, cause):
    assert cause in packages.cause_of_failure(said) and bool(packages.cause_of_failure(said)) == bool(cause)


def test_pip_takes_a_folder_with_brackets_and_leaves_the_users_settings_aside(monkeypatch, steps, repository):
    """pip itself prepares the installation of a small copy, and installs nothing."""
    if not (packages.is_installed("pip>=22") and packages.is_installed("setuptools>=77")):
        pytest.skip("needs pip, and setuptools 77 to build without a network")
    copy = repository / "repo[1]"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for package in ("mnist_lesson", "mnist_lesson/checks", "mnist_lesson/further", "mnist_lesson/stored"):
        (copy / package).mkdir()
        (copy / package / "__init__.py").touch()
    monkeypatch.setattr(packages, "VENV_PYTHON", sys.executable)
    os.environ.update(PIP_USER="1", PIP_TARGET=str(repository / "elsewhere"))
    packages.install_lesson(".", "the packages")
    only_try = ["--dry-run", "--no-deps", "--no-build-isolation", "--no-index"]
    result = subprocess.run([*steps[0], *only_try], cwd=copy, capture_output=True, text=True)
    assert result.returncode == 0 and "Would install mnist-lesson" in result.stdout, result.stdout + result.stderr
    assert not (repository / "elsewhere").exists()


@pytest.mark.parametrize(
    "version, bounds, fits",
    [
        ("2.14.1+cpu", ">=2.6", True),
        ("2.5.1", ">=2.6", False),
        ("3.10", ">=3.8", True),
        ("0.11.0", ">=0.11,<0.12", True),
        ("0.11.9", ">=0.11,<0.12", True),
        ("0.12.0", ">=0.11,<0.12", False),
        ("0.12", ">=0.11,<0.12.0", False),
        ("0.10", ">=0.11,<0.12", False),
        ("2.0", ">=2.0.0", True),
        ("0.1", "", True),
    ],
)
def test_versions_are_compared_as_numbers(monkeypatch, version, bounds, fits):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    assert packages.is_installed(f"some-package{bounds}") == fits


def test_a_bound_of_another_kind_is_an_error(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0")
    with pytest.raises(ValueError, match="Expected bounds such as .* found 'some-package==1.0'"):
        packages.is_installed("some-package==1.0")
