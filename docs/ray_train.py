"""Let Ray Train start the program of notebook 12 in two workers: each is a rank. See docs/further_out.md.

    python docs/ray_train.py --epochs 5

The words are those of mnist_lesson.further.train, apart from --folder: checkpoint and run go to runs/ray.
"""

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # or Ray reports to its makers how it is used
os.environ["RAY_TRAIN_ENABLE_PRINT_PATCH"] = "0"  # the program knows which rank prints

import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from mnist_lesson.further.train import main
from mnist_lesson.results import RUNS_DIR

FOLDER = RUNS_DIR / "ray"


def train_here(config: dict) -> None:
    """Train in this worker; the other one does the same, with its own share of each batch."""
    if main(config["words"]):
        raise RuntimeError("The training ended too early: a line above says why.")


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False)
    trainer = TorchTrainer(
        train_here,
        train_loop_config={"words": [*sys.argv[1:], "--folder", str(FOLDER)]},
        scaling_config=ScalingConfig(num_workers=2),
        run_config=RunConfig(storage_path=str(FOLDER / "ray")),
    )
    trainer.fit()
    ray.shutdown()
