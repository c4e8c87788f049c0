"""Open JupyterLab on the first notebook: python scripts/lab.py"""

import os
import sys

from environment import ROOT, become, use_environment

if __name__ == "__main__":
    use_environment()
    os.chdir(ROOT)
    become([sys.executable, "-m", "jupyterlab", str(ROOT / "notebooks" / "01_setup.ipynb"), *sys.argv[1:]])
