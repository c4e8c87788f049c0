"""The modules of the notebooks that go further.

| notebook             | modules                                       | hold                                  |
| -------------------- | --------------------------------------------- | ------------------------------------- |
| 07_look_inside       | `inside.py`, `inside_plots.py`                | what the layers see                   |
| 08_your_own_digits   | `handwriting.py` and `sheets.py`, which use `pictures.py`, `paper.py`, `ink.py`; `drawing.py` | photos and drawings, prepared |
| 09_better_and_faster | `recipes.py`, `muon.py`, `recording.py`       | the fast path and the improved recipe |
| 10_bug_clinic        | `faults.py`, `watch.py`, `examine.py`         | twenty ill programs, their symptoms   |
| 11_take_it_with_you  | `export.py`, and the files in `page/`         | the network as one web page           |
| 12_scale_out         | `train.py`, which uses `ranks.py`, `checkpoint.py`; `launch.py` | notebook 05 as a program, for one process or several |

`diagrams.py` draws the network, filters at work and the program, for notebooks 04 and 06.
"""
