"""Run all tests: the helper package, the scripts, and every notebook against its stored outputs.

What follows on the command line goes to pytest: `python scripts/run_tests.py tests/test_data.py` runs one file.
Only `--quick` does not: it leaves out the notebooks' own cells, and the tests that run some of them, which have the
mark `notebook_cells`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from install import ROOT, become, use_lesson_python

NOTEBOOKS = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=1800", "--nbval-kernel-startup-timeout=120"]
WITHOUT_CELLS = ["-m", "not notebook_cells"]
# Two processes with one thread each: more would wait for each other. What a file's tests share is made once.
PARALLEL = ["-n", "2", "--dist", "loadfile"]
THREADS = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]  # the kernels inherit these


def pytest_command(arguments: list[str]) -> list[str]:
    """Return what to run for the arguments of this script."""
    notebooks = WITHOUT_CELLS if "--quick" in arguments else NOTEBOOKS
    rest = [argument for argument in arguments if argument != "--quick"]
    return [sys.executable, "-m", "pytest", *notebooks, *PARALLEL, *rest]


if __name__ == "__main__":
    use_lesson_python()
    os.chdir(ROOT)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    become(pytest_command(sys.argv[1:]))
