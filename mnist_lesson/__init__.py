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

Importing `mnist_lesson` alone costs nothing: import the module that you need.
"""

import os

# PyTorch reads this when it is imported, so each notebook imports `mnist_lesson` first. Threads that wait for each
# other then sleep. Else they spin, and where other programs keep the processor busy, training takes ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
