"""The class folder runs alone and tells no answer; the instructor version shows everything, and nothing else differs."""

import ast
import errno
import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile

import build_class
import nbformat
import pytest
from build_class import SENTENCES, build, instructor_files, main, pack, student_files, student_version
from install import ROOT
from submitted_cells import committed_notebooks

from mnist_lesson.further import faults
from notebooks import all_notebooks

PATHS = all_notebooks()
PACKAGE = ROOT / "mnist_lesson"
ANSWERING = [path for path in (PACKAGE / "checks").glob("nb*.py") if path.stem != "nb10_diagnosis"]
TOP = {"LICENSE", "Makefile", "README.md", "data", "docs", "environment.yml", "mnist_lesson", "notebooks"}
TOP |= {"pyproject.toml", "scripts"}

# Hands each answer that comes in to its check, and writes what that says.
CHECK_ANSWERS = """
import contextlib, io, json, sys
import mnist_lesson
from mnist_lesson import checks
said = {"": mnist_lesson.__file__}
for name, (source, function) in json.load(sys.stdin).items():
    space = {"__name__": "__main__"}
    exec(source, space)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        getattr(checks, name)(space[function])
    said[name] = " ".join(printed.getvalue().split())
checks.progress()
checks.certificate("A. Learner")
print(json.dumps(said))
"""
EXECUTE_THE_FIRST = """
import sys
sys.path.insert(0, "scripts")
import execute
sys.exit(execute.execute_all(execute.all_notebooks()[:1], {}, execute.ROOT / "executed"))
"""


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """The folder of the ZIP file as a learner unpacks it, somewhere else."""
    place = tmp_path_factory.mktemp("class")
    build(place / "student", student_files)
    with zipfile.ZipFile(pack(place / "student")) as whole:
        whole.extractall(place / "unpacked")
    return place / "unpacked" / build_class.NAME


@pytest.fixture(scope="module")
def texts(student):
    """All files of the folder as texts, the notebooks as their cells."""
    return {
        path.relative_to(student).as_posix(): cells_of(path)
        if path.suffix == ".ipynb"
        else path.read_bytes().decode("utf-8", "replace")
        for path in student.rglob("*")
        if path.is_file() and path.suffix not in (".gz", ".png")
    }


def cells_of(path, *without):
    """The cells of a notebook as one text, without those that have one of these tags."""
    return "\n".join(cell.source for cell in nbformat.read(path, 4).cells if not tags(cell) & set(without))


def tags(cell):
    return set(cell.metadata.get("tags", []))


def solutions():
    """The cells with solutions, by the names of their notebooks."""
    return [(path.stem, c.source) for path in PATHS for c in nbformat.read(path, 4).cells if "solution" in tags(c)]


@pytest.fixture(scope="module")
def shown():
    """What every learner may read: the notebooks without the solutions, and the package without the checkers."""
    package = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path not in ANSWERING]
    return "\n".join([*package, *(cells_of(path, "solution", "instructor") for path in PATHS)])


def run_in(folder, script, given="", **environment):
    """Run a script in a folder, with its package and none of this repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MNIST_LESSON")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def distinctive(lines, shown, length):
    return {line.strip() for line in lines if len(line.strip()) >= length} - {
        line.strip() for line in lines if line.strip() in shown
    }


def test_no_line_that_only_a_solution_has_is_in_any_file(texts, shown):
    lines = [line for _, source in solutions() for line in source.splitlines() if "checks." not in line]
    lines = distinctive(lines, shown, 20)
    assert len(lines) > 60, "the search is worth nothing if it looks for hardly anything"
    found = [(line, name) for line in lines for name, text in texts.items() if line in text]
    assert not found, "a solution is in the class folder: keep it out in class_folder.py"


def test_no_solution_is_there_as_a_whole(texts):
    sources = [(name, source.partition("\n\n\nchecks.")[0].strip()) for name, source in solutions()]
    assert len(sources) > 50 and all("def " in source and "checks." not in source for _, source in sources)
    assert not [(name, place) for name, source in sources for place, text in texts.items() if source in text]


def test_no_line_of_the_checkers_is_there(texts, shown):
    lines = [line for path in ANSWERING for line in path.read_text(encoding="utf-8").splitlines()]
    lines = {line for line in distinctive(lines, shown, 30) if not line.startswith(("from ", "import "))}
    assert len(lines) > 1000
    found = [(line, name) for line in lines for name, text in texts.items() if name.endswith("py") and line in text]
    assert not found, "a checker is in the class folder"


def test_nothing_else_is_there(student, texts):
    assert {path.name for path in student.iterdir()} == TOP
    forbidden = re.compile(r"(^|/)(\.git|tests|classroom|conftest|teaching|runs|__pycache__)|checks/nb(?!10_diagnosis)")
    assert not [name for name in texts if forbidden.search(name)]
    for path in student.glob("notebooks/*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            assert not cell.get("outputs") and not cell.get("execution_count") and not tags(cell) & {"instructor"}


def test_no_file_says_which_patient_has_which_fault(texts, student):
    for name, text in texts.items():
        assert "<summary>The fault</summary>" not in text, f"{name} explains a fault"
        assert not re.search(r"Patient \d+\]", text), f"{name} links a word to the text about a fault"
    assert not re.search(r"\| .*\(\d+\)", texts["notebooks/10_bug_clinic.ipynb"]), "its summary numbers the faults"
    ranges = json.loads(texts["mnist_lesson/stored/clinic.json"])["ranges"]
    for of_network in ranges.values():
        assert list(of_network) == sorted(of_network), "in their own order, the faults are in the order of the patients"
    place = importlib.util.spec_from_file_location("faults_of_the_class", student / "mnist_lesson/further/faults.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    assert module.PROGRAMS == {number: faults.text_of_patient(number) for number in faults.ILL}, "but all are there"
    assert list(module.FAULTS) == list(module.FAULTS.values()) == sorted(faults.FAULTS.values())
    assert module.PATIENTS.keys() == faults.PATIENTS.keys() and module.sound_program and module.load_ward
    assert not {"ILL", "replaced", "Replacement"} & set(vars(module))


def test_no_sentence_promises_what_is_not_there(texts):
    committed = "\n".join(map(cells_of, PATHS))
    for old, _ in SENTENCES:
        assert old in committed, f"no notebook says this any more, so mend SENTENCES in build_class.py: {old}"
    promise = re.compile(r'(?i)solutions?\b|folded|unfold "|certificate|"solved"|instructor')
    for name, text in texts.items():
        if name.endswith("ipynb"):
            assert not promise.findall(text), f"{name} speaks of what the class does not get: add to SENTENCES"


def test_every_link_leads_to_a_file_of_the_folder(student, texts):
    for name, text in texts.items():
        if name.endswith((".md", ".ipynb")):
            for place in re.findall(r"\]\(([^)#\s]+)", text):
                if not re.match("https?:|mailto:|attachment:", place):
                    assert (student / name).parent.joinpath(place).exists(), f"{name} links to {place}"


def test_every_rule_of_the_makefile_has_its_script(student, texts):
    scripts = re.findall(r"\$\(PYTHON\) (\S+)", texts["Makefile"])
    assert len(scripts) >= 4 and all((student / script).is_file() for script in scripts)
    assert set(re.findall(r'echo "make (\w+)', texts["Makefile"])) == {"execute", "lab", "doctor", "clean"}
    assert "SUBMITTED" not in texts["Makefile"]


def test_every_import_of_the_scripts_is_there(student):
    scripts = list((student / "scripts").rglob("*.py"))
    names = {path.stem for path in scripts}
    for path in scripts:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        ours = {script.stem for script in (ROOT / "scripts").rglob("*.py")}
        assert not imported & ours - names, f"{path.name} imports a script that is not there: add it to SCRIPTS"


def test_the_checks_of_the_folder_judge_by_examples(student, tmp_path):
    exercises = [exercise for notebook in committed_notebooks() for exercise in notebook.exercises]
    parts = {"solution": {}, "stub": {}}
    for exercise in exercises:
        for part, answers in parts.items():
            answers[exercise.checker] = f"{exercise.start}\n{getattr(exercise, part)}", exercise.function
    parts["wrong"] = {"flat_size": ("def f(*sizes): return 1", "f"), "to_image": ("def f(x): return x.no", "f")}
    said = {}
    for part, answers in parts.items():
        out = run_in(student, CHECK_ANSWERS, json.dumps(answers), MNIST_LESSON_RUNS=str(tmp_path / part))
        said[part] = json.loads(out.splitlines()[-1])
        assert said[part].pop("") == str(student / "mnist_lesson" / "__init__.py"), "the package of another folder"
        if part == "solution":
            right = sum(map(int, re.findall(r"(\d+) of \d+ right for all examples", out)))
            assert right == sum("examples are right" in words for words in said[part].values()) > 20
            assert "judged after you have handed in" in " ".join(out.split())
    for exercise in exercises:
        solved, blank = said["solution"][exercise.checker], said["stub"][exercise.checker]
        if "judged after you have handed in" in solved:
            assert solved == blank and "First hint: " in solved
        else:
            assert re.search(r"(\d+) of \1 examples are right\. The verdict comes", solved), solved
            assert "not attempted yet" in blank and "First hint: " in blank, blank
    assert re.search(r"not yet. 0 of 3 examples are right. For .* should be \d+, but is 1", said["wrong"]["flat_size"])
    assert "AttributeError" in said["wrong"]["to_image"]


def test_a_notebook_runs_from_the_folder(student):
    assert "01_setup done" in run_in(student, EXECUTE_THE_FIRST)
    outputs = json.dumps(nbformat.read(student / "executed" / "01_setup.ipynb", 4))
    assert outputs.count("judged after you have handed in") >= 3


def test_diagnoses_are_judged_without_knowing_the_faults(student, tmp_path):
    script = """
from mnist_lesson import checks
from mnist_lesson.further.examine import examine, show_patient
from mnist_lesson.further.faults import load_ward
case = show_patient(8, *load_ward())
checks.diagnose(case, ...)
checks.diagnose(case, "leak")
checks.diagnose(case, "rate-too-small")
examine(case, "rates")
examine(case, "layers")
examine(case, "modes")
checks.diagnose(case, "rate-too-small")
checks.progress()
"""
    data = {"MNIST_LESSON_DATA": os.environ["MNIST_LESSON_DATA"], "MNIST_LESSON_RUNS": str(tmp_path)}
    said = run_in(student, script, MPLBACKEND="agg", **data)
    states = re.findall(r"Diagnosis of patient 8: ([\w ]+)\.", said)
    assert states == ["not attempted yet", "wrong", "not yet enough to know", "right"], said
    assert "diagnoses of notebook 10: 1 right" in said


def test_the_same_lesson_gives_the_same_zip_file(tmp_path):
    for name in ("one", "two"):
        folder = tmp_path / name / "student"
        (folder / "b").mkdir(parents=True)
        for place in ("b/x.txt", "a.txt") if name == "one" else ("a.txt", "b/x.txt"):
            (folder / place).write_bytes(b"text")
        os.utime(folder / "a.txt", (0, 1e9 if name == "one" else 1.5e9))
    one, two = (pack(tmp_path / name / "student") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert zipfile.ZipFile(one).namelist() == [f"{build_class.NAME}/{place}" for place in ("a.txt", "b/x.txt")]
    assert [path.name for path in one.parent.iterdir() if path != one] == ["student"]


def test_the_student_version_lacks_solutions_notes_and_outputs_and_else_only_those_sentences():
    for path in PATHS:
        committed, student = nbformat.read(path, 4), student_version(nbformat.read(path, 4))
        without = [cell for cell in committed.cells if not tags(cell) & {"solution", "instructor"}]
        kept = [cell for cell in without if "<summary>The fault</summary>" not in cell.source]
        assert len(kept) < len(committed.cells) and any("exercise" in tags(cell) for cell in kept)
        assert student.metadata == committed.metadata
        for cell, other in zip(kept, student.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            changed = cell.source != other.source
            assert changed <= (cell.cell_type == "markdown") and (other.id, other.metadata) == (cell.id, cell.metadata)
            assert not changed or any(old in cell.source for old, _ in SENTENCES)


def test_the_instructor_version_shows_what_is_folded_and_changes_nothing_else(tmp_path):
    build(tmp_path / "instructor", instructor_files)
    assert [path.name for path in sorted((tmp_path / "instructor").iterdir())] == [path.name for path in PATHS]
    for path in PATHS:
        committed, instructor = nbformat.read(path, 4), nbformat.read(tmp_path / "instructor" / path.name, 4)
        for before, after in zip(committed.cells, instructor.cells, strict=True):
            if tags(before) & {"solution", "instructor"}:
                assert before.metadata.pop("jupyter") == {"source_hidden": True}, "folded in the committed notebook"
            for place in re.findall(r"\]\(((?:\.\./)+docs/[^)#]*)", after.source):
                assert (ROOT / "build" / "instructor" / place).resolve().is_file(), place
            before.source = before.source.replace("(../docs/", "(../../docs/")
            assert after == before
        assert sum("instructor" in tags(cell) for cell in instructor.cells) >= 1


def test_an_old_build_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    def write(folder):
        (folder / "new.ipynb").write_text("new", encoding="utf-8")

    def break_off(folder):
        write(folder)
        raise ValueError("a notebook is broken")

    old = tmp_path / "student" / "old.ipynb"
    old.parent.mkdir()
    old.write_text("old", encoding="utf-8")
    with pytest.raises(ValueError, match="broken"):
        build(tmp_path / "student", break_off)
    assert old.read_text(encoding="utf-8") == "old"
    build(tmp_path / "student", write)
    assert [path.name for path in (tmp_path / "student").iterdir()] == ["new.ipynb"]
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


def start(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["build_class.py", *arguments])
    monkeypatch.setattr("build_class.use_lesson_python", lambda: None)
    main()


def test_at_the_end_the_size_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("build_class.ROOT", tmp_path)
    monkeypatch.setattr(
        "build_class.student_files", lambda folder: (folder / "a.gz").write_bytes(os.urandom(1_240_000))
    )
    start(monkeypatch, "student")
    assert re.search(r"hand out: build.student\.zip, 1\.2 MB\.", capsys.readouterr().out)


@pytest.mark.parametrize("arguments", [[], ["teacher"], ["student", "instructor"]])
def test_an_unknown_kind_is_one_sentence(arguments, monkeypatch):
    with pytest.raises(SystemExit, match="Expected one of student and instructor"):
        start(monkeypatch, *arguments)


@pytest.mark.parametrize("full_from", ["the folder", "the ZIP file"])
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(full_from, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a path")

    archive = tmp_path / "build" / "student.zip"
    archive.parent.mkdir()
    archive.write_bytes(b"old")
    monkeypatch.setattr("build_class.ROOT", tmp_path)
    monkeypatch.setattr("build_class.student_files", full if full_from == "the folder" else lambda folder: None)
    if full_from == "the ZIP file":
        monkeypatch.setattr(zipfile.ZipFile, "__init__", full)
    with pytest.raises(SystemExit, match="student version could not be written to .*No space left.*make room"):
        start(monkeypatch, "student")
    assert archive.read_bytes() == b"old" and not list(archive.parent.glob("*.part"))


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "build").touch()  # a file where the folder should be stops root too
    monkeypatch.setattr("build_class.ROOT", tmp_path)
    with pytest.raises(SystemExit, match="instructor version could not be written"):
        start(monkeypatch, "instructor")
