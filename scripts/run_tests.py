"""Run all tests: the helper package, the scripts, and every notebook against its stored outputs.

What follows on the command line goes to pytest: `python scripts/run_tests.py tests/test_data.py` runs one file.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from install import ROOT, become, use_lesson_python

if __name__ == "__main__":
    use_lesson_python()
    os.chdir(ROOT)
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=1800", "--nbval-kernel-startup-timeout=120"]
    become([sys.executable, "-m", "pytest", *options, *sys.argv[1:]])
