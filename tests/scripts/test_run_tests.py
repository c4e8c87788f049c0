"""scripts/run_tests.py and scripts/lab.py: what they start."""

import os
import runpy
import subprocess
import sys

import install
import run_tests
from install import ROOT


def test_quick_leaves_out_the_notebooks_own_cells_only(pytestconfig):
    everything, quick = run_tests.pytest_command([]), run_tests.pytest_command(["--quick"])
    assert "--nbval" in everything
    rest = [part for part in everything if "nbval" not in part]
    assert quick == [*rest[:3], "-m", "not notebook_cells", *rest[3:]]
    assert any(line.startswith("notebook_cells:") for line in pytestconfig.getini("markers")), (
        "name it in pyproject.toml"
    )


def test_what_else_is_given_goes_to_pytest():
    assert run_tests.pytest_command(["-x", "--quick", "tests/test_data.py"])[-2:] == ["-x", "tests/test_data.py"]


def test_tests_run_side_by_side_with_one_thread_each_and_marked_ones_only_if_asked_for(tmp_path):
    """What they start has one thread too; else two processes with a thread for each core wait for each other."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = notebook_cells\n")
    (tmp_path / "test_inside.py").write_text(
        "import os, pytest\n"
        "@pytest.mark.notebook_cells\n"
        "def test_that_trains():\n"
        "    raise AssertionError\n"
        "def test_inside():\n"
        "    assert os.environ['OMP_NUM_THREADS'] == os.environ['MKL_NUM_THREADS'] == '1'\n"
        "    assert os.environ['PYTEST_XDIST_WORKER_COUNT'] == '2'\n"
        f"    assert os.getcwd() == {str(ROOT)!r}\n"
    )
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    fewer_plugins = ["-p", "no:cacheprovider", "-p", "no:nbval"]  # nbval takes a second to import, in each process
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "run_tests.py", "--quick", *fewer_plugins, tmp_path],
        env={**own, "OMP_NUM_THREADS": "7"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and "1 passed" in result.stdout, result.stdout + result.stderr


def test_lab_opens_the_first_notebook_with_the_learners_own_jupyterlab(monkeypatch):
    seen = []
    monkeypatch.setattr(install, "use_lesson_python", lambda **options: seen.append(options))
    monkeypatch.setattr(install, "become", seen.append)
    monkeypatch.setattr(os, "chdir", seen.append)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", ["lab.py", "--no-browser"])
    runpy.run_path(str(ROOT / "scripts" / "lab.py"), run_name="__main__")
    options, folder, command = seen
    assert options == {"keep_jupyter": True} and folder == ROOT
    assert command[:3] == [sys.executable, "-m", "jupyterlab"] and command[-1] == "--no-browser"
    [first] = [part for part in command if part.startswith("--LabApp.default_url=/lab/tree/")]
    assert (ROOT / first.partition("/lab/tree/")[2]).is_file()
