"""Remove what the lesson makes: executed notebooks, build results, unpacked data, caches.

Kept: `runs/` (your trained networks) and `.venv/` (hours of download on a slow line).
"""

import shutil

from environment import ROOT

GENERATED = ["executed", "build", "*.egg-info", ".pytest_cache", ".ruff_cache", "data/MNIST/raw/*-ubyte"]
GENERATED += [
    "notebooks/.ipynb_checkpoints",
    *(f"{folder}/__pycache__" for folder in (".", "mnist_lesson", "scripts", "tests")),
]

if __name__ == "__main__":
    for pattern in GENERATED:
        for path in ROOT.glob(pattern):
            print(f"removing {path.relative_to(ROOT)}")
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    print("Kept runs/ and .venv/: delete them by hand if you want them gone.")
