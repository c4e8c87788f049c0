"""The helper package of the lesson: a module for each of the first six notebooks, and rooms for the rest.

| notebook             | module        | holds                                     |
| -------------------- | ------------- | ----------------------------------------- |
| 01_setup             | `device.py`   | which device, which versions              |
| 02_data              | `data.py`     | MNIST, checked and repaired               |
| 03_visualisation     | `plots.py`    | digits, curves, the confusion matrix      |
| 04_model             | `model.py`    | the network `CNN`                         |
| 05_training          | `engine.py`   | `train`, `test`, `fit`                    |
| 06_results           | `results.py`  | a run: history, saving, reading it        |
| 07 and on            | `further/`    | a module or two for each                  |

Beside them: `progress.py` draws the progress bar, `files.py` writes files, `checks/` holds the self-checks of
the exercises, `stored/` the results that took long to make.

Importing `mnist_lesson` alone costs a tenth of a second: import the module that you need.
"""

import os
import sys

BUSY = 0.5  # cores that other programs take together; a browser at rest takes less


def let_threads_sleep() -> None:
    """Choose how PyTorch's threads wait for each other, unless the user has chosen, or PyTorch is imported already.

    By default they spin, which is quickest. But where other programs keep the processor busy, they take it from the
    very threads that they wait for, and training takes many times as long: there they shall sleep.
    """
    if "torch" in sys.modules or "OMP_WAIT_POLICY" in os.environ or os.environ.get("OMP_NUM_THREADS") == "1":
        return
    import psutil

    if psutil.cpu_percent(interval=0.1) / 100 * psutil.cpu_count() > BUSY:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # PyTorch reads it when it is imported


let_threads_sleep()
