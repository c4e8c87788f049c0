"""Run all tests: the helper package, the scripts, and every notebook against its stored outputs.

python scripts/run_tests.py                       everything
python scripts/run_tests.py tests/test_data.py    what pytest is told, such as one file
"""

import subprocess
import sys

from environment import ROOT, use_environment

if __name__ == "__main__":
    use_environment()
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=1800", "--nbval-kernel-startup-timeout=120"]
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", *options, *sys.argv[1:]], cwd=ROOT))
