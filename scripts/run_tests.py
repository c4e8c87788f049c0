"""Run all tests: the helper package, the scripts, and every notebook against its stored outputs.

What follows on the command line goes to pytest: `python scripts/run_tests.py tests/test_data.py` runs one file.
"""

import os
import sys

from environment import ROOT, become, use_environment

if __name__ == "__main__":
    use_environment()
    os.chdir(ROOT)
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=1800", "--nbval-kernel-startup-timeout=120"]
    become([sys.executable, "-m", "pytest", *options, *sys.argv[1:]])
