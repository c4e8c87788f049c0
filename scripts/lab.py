"""Open JupyterLab on the first notebook: python scripts/lab.py"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # where install.py is

from install import ROOT, become, use_lesson_python

if __name__ == "__main__":
    use_lesson_python(keep_jupyter=True)  # themes and shortcuts are the learner's own
    os.chdir(ROOT)
    # The file browser shows the whole repository, so that a learner finds the helper package.
    where = [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks/01_setup.ipynb"]
    become([sys.executable, "-m", "jupyterlab", *where, *sys.argv[1:]])
