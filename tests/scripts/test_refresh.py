"""scripts/refresh.py: a second refresh changes nothing, and a failed one harms nothing."""

import nbformat
import pytest
import refresh
from nbclient.exceptions import CellExecutionError


def make(path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_twice_is_the_same_and_times_are_kept(tmp_path):
    path = make(tmp_path / "a.ipynb", "import numpy as np", "print(1)\nprint(2)", "np.arange(3)")
    notebook = nbformat.read(path, 4)
    times = nbformat.v4.new_code_cell("import time; print(time.time())", metadata={"tags": ["timing"]})
    notebook.cells.append(times)
    nbformat.write(notebook, path)
    refresh.refresh(path)
    once = path.read_bytes()
    refresh.refresh(path)
    assert path.read_bytes() == once
    notebook = nbformat.read(path, 4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4]
    assert notebook.cells[1].outputs[0].text == "1\n2\n"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.cells[3].outputs, "a cell without an output gets one"


def test_a_failure_leaves_the_notebook_as_it_was(tmp_path):
    path = make(tmp_path / "a.ipynb", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError):
        refresh.refresh(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.ipynb"]
