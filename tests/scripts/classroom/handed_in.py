"""What the tests of the classroom scripts share: fixtures, which they import."""

import subprocess

import nbformat
import pytest
from build_class import student_version
from isolation import problem_of
from nbformat.v4 import new_code_cell, new_notebook
from prepared_python import write_package
from submitted_cells import committed_notebooks

from notebooks import all_notebooks


@pytest.fixture(scope="module")
def lesson():
    return committed_notebooks()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """What a learner's process may have."""
    folder = tmp_path_factory.mktemp("package")
    write_package(folder)
    return folder


@pytest.fixture(scope="module")
def solved():
    """A function that returns a student notebook, by its number, with the solutions in place of the stubs."""

    def solved(number):
        committed = nbformat.read(all_notebooks()[number - 1], 4)
        solutions = [cell.source for cell in committed.cells if "solution" in cell.metadata.get("tags", [])]
        student = student_version(committed)
        stubs = [cell for cell in student.cells if "exercise" in cell.metadata.get("tags", [])]
        for stub, solution in zip(stubs, solutions, strict=True):
            stub.source = solution
        return nbformat.writes(student).encode()

    return solved


@pytest.fixture(scope="module")
def notebook_of():
    """A function that returns a notebook with these cells."""
    return lambda *sources: nbformat.writes(new_notebook(cells=[new_code_cell(one) for one in sources])).encode()


@pytest.fixture(scope="module")
def works():
    """Skip a test where there is no bubblewrap that works; where there is one, we must be able to use it."""
    try:
        plain = "bwrap --unshare-all --ro-bind / / --dev /dev --proc /proc true".split()
        subprocess.run(plain, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"bubblewrap does not work here ({error})")
    assert problem_of("bwrap") == "", "bubblewrap works here, but not as this lesson uses it"
