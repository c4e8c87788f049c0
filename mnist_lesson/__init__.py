"""The helper package of the lesson: one module for each notebook.

| notebook           | module       | holds                                   |
| ------------------ | ------------ | --------------------------------------- |
| 01_setup           | `device.py`  | which device, which versions            |
| 02_data            | `data.py`    | MNIST, checked and repaired             |
| 03_visualisation   | `plots.py`   | every figure that more than one cell uses |
| 04_model           | `model.py`   | the network `CNN`                       |
| 05_training        | `engine.py`  | `train`, `test`, `fit`                  |
| 06_results         | `results.py` | a run: history, saving, reading it      |
| 07_look_inside     | `inside.py`, `inside_plots.py` | what the layers see |
| 08_your_own_digits | `handwriting.py`, `pictures.py`, `drawing.py` | photos and drawings, prepared |
| 09_better_and_faster | `recipes.py` | the fast path and the improved recipe |
| 10_bug_clinic      | `faults.py`  | twelve ill training programs            |

The exercises of all notebooks are checked by `checks.py` (those of notebook 10 by `clinic_checks.py`);
`judge.py` lets a checker try a learner's function without danger.

Importing `mnist_lesson` alone costs nothing: import the module that you need.
"""
