"""Open JupyterLab on the first notebook: python scripts/lab.py"""

import os
import sys

from environment import ROOT, become, use_environment

if __name__ == "__main__":
    use_environment()
    os.chdir(ROOT)
    # The file browser shows the whole repository, so that a learner finds the helper package.
    where = [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks/01_setup.ipynb"]
    become([sys.executable, "-m", "jupyterlab", *where, *sys.argv[1:]])
