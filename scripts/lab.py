"""Open JupyterLab on the first notebook: python scripts/lab.py"""

import subprocess
import sys

from environment import ROOT, use_environment

if __name__ == "__main__":
    use_environment()
    first = ROOT / "notebooks" / "01_setup.ipynb"
    try:
        sys.exit(subprocess.call([sys.executable, "-m", "jupyterlab", str(first), *sys.argv[1:]], cwd=ROOT))
    except KeyboardInterrupt:
        pass  # Ctrl-C is how JupyterLab is ended
