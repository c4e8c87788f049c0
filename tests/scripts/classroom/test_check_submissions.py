# ruff: noqa: F401, F811 (fixtures are imported)
"""scripts/classroom/check_submissions.py: whatever somebody hands in costs that row only, and a check can go on."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool

import check_submissions
import pytest
from check_submissions import LARGEST, check_folder, judged_in_parallel, main, minutes, read
from handed_in import notebook_of, solved
from install import ROOT
from isolation import NoIsolation
from judged_so_far import JudgedSoFar
from tables import Row

RIGHT = "def size_after(size, kernel_size, pool_size):\n    return (size - kernel_size + 1) // pool_size"
ONE = "ONE = 2 - 1"
USUAL = [
    "%matplotlib inline\nSIDE = 28",
    f"%%time\n# a comment\nimport no_such_package\n{ONE}\n{RIGHT.replace('+ 1', '+ ONE')}",
    "flat_size = lambda side: exit()",
    "# a comment\n\ndef conv_parameters(*sizes):\n    return 1 / 0",
    "loss = sum([1])",
    "def probabilities(logits):\n    return loss",
    "1 / 0",
]


def options(folder, **others):
    """The options of a check whose tables go into a folder."""
    usual = {"trust": True, "seed": "", "seconds": 60.0, "notebook_seconds": 300.0, "jobs": 2}
    return argparse.Namespace(csv=folder / "check.csv", **(usual | others))


def rows_of(folder, out, **others):
    given = options(out, **others)
    so_far = JudgedSoFar(given.csv, {})
    return check_folder(folder, given, so_far), so_far


@pytest.fixture(scope="module")
def table(tmp_path_factory, notebook_of, solved):
    """All kinds of submissions, checked in one go: (file, exercise) -> (result, detail)."""
    folder, out = tmp_path_factory.mktemp("submissions"), tmp_path_factory.mktemp("out")
    (folder / "anna_usual.ipynb").write_bytes(notebook_of(*USUAL))
    (folder / "bert_crashes.ipynb").write_bytes(notebook_of("import os", RIGHT, "def build(*sizes):\n    os._exit(1)"))
    (folder / "broken.ipynb").write_text("{", encoding="utf-8")
    (folder / "folder.ipynb").mkdir()
    (folder / "poem.ipynb").write_bytes(notebook_of("roses = 'red'"))
    (folder / "zoe").mkdir()
    (folder / "zoe" / "first.ipynb").write_bytes(solved(4))
    if hasattr(os, "symlink") and os.name != "nt":
        (folder / "link.ipynb").symlink_to(ROOT / "notebooks" / "04_model.ipynb")
    rows, _ = rows_of(folder, out)
    assert {row.isolation for row in rows} <= {"bwrap", "docker", "podman", "none"}
    return {(row.file.removesuffix(".ipynb"), row.exercise): (row.result, row.detail) for row in rows}


@pytest.mark.parametrize(
    "file, exercise, result, words",
    [
        ("anna_usual", "4.1", "passed", ""),
        ("anna_usual", "4.2", "failed", "SystemExit"),
        ("anna_usual", "4.3", "failed", "ZeroDivisionError in line 4"),
        ("anna_usual", "4.4", "error", "uses loss"),
        ("anna_usual", "4.5", "not attempted", "not in the notebook"),
        ("bert_crashes", "4.1", "passed", ""),
        ("bert_crashes", "4.5", "error", "its Python ended"),
        ("broken", "", "error", "is no notebook"),
        ("folder", "", "error", "could not be read"),
        ("poem", "", "error", "holds no exercise"),
        *[("zoe/first", f"4.{number}", "passed", "") for number in range(1, 6)],
    ],
)
def test_each_submission_costs_its_own_rows_only(table, file, exercise, result, words):
    assert table[file, exercise][0] == result and words in table[file, exercise][1]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_does_not_lead_to_the_solutions(table):
    assert table["link", ""] == ("error", "is a link to another file, so it is not read")


def test_what_is_no_file_or_too_large_is_not_read(tmp_path):
    large = tmp_path / "large.ipynb"
    with large.open("wb") as file:
        file.truncate(LARGEST + 1)
    assert read(large) == "larger than 50 MB, so it is not read"
    assert read(tmp_path) == "could not be read (it is no file)"
    assert read(tmp_path / "nowhere.ipynb").startswith("could not be read (")


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Judges that start in this process and answer at once; returns the names that they were asked about."""
    names = []

    def judge(contents, work, jobs):
        for name, content in contents.items():
            names.append(name)
            if content == b"stop":
                raise KeyboardInterrupt
            yield name, [Row(name, "4.1", "size_after", "passed", work.seed, work.isolation, "")], 1.0

    monkeypatch.setattr(check_submissions, "judged_in_parallel", judge)
    monkeypatch.setattr(check_submissions, "find_isolation", lambda trust: "bwrap")
    return names


def test_an_interrupted_check_goes_on_where_it_stopped(quick, tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, content in {"a": b"1", "b": b"2", "c": b"stop"}.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    with pytest.raises(KeyboardInterrupt):
        rows_of(folder, out)
    (folder / "c.ipynb").write_bytes(b"3")
    rows, so_far = rows_of(folder, out)
    assert quick == ["a.ipynb", "b.ipynb", "c.ipynb", "c.ipynb"], "what was judged is not judged again"
    assert [row.file for row in rows] == ["a.ipynb", "b.ipynb", "c.ipynb"]
    assert len({row.detail for row in rows}) == 1, "it goes on with the same seed"
    assert f"--seed {rows[0].detail} repeats" in capsys.readouterr().out
    so_far.finish()
    assert list(out.iterdir()) == []


def test_names_that_look_alike_have_rows_of_their_own(quick, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(["ann lee", "ann  lee", "ann   lee"]):
        (folder / f"{name}.ipynb").write_bytes(b"%d" % number)
    rows, _ = rows_of(folder, tmp_path)
    assert len({row.file for row in rows}) == len(rows) == 3


def test_another_seed_or_other_limits_begin_anew(quick, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "a.ipynb").write_bytes(b"1")
    rows_of(folder, out, seed="5")
    rows_of(folder, out, seed="5")
    assert quick == ["a.ipynb"]
    rows_of(folder, out, seed="6")
    assert JudgedSoFar(out / "check.csv", {"seconds": "1"}).seed == ""
    assert quick == ["a.ipynb"] * 2


def test_half_a_line_is_no_result(quick, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "a.ipynb").write_bytes(b"1")
    _, so_far = rows_of(folder, out, seed="5")
    content = so_far.path.read_text(encoding="utf-8")
    so_far.path.write_text(content[:-20], encoding="utf-8")
    rows_of(folder, out, seed="5")
    assert quick == ["a.ipynb"] * 2


class Future:
    def __init__(self, result):
        self.result = result


def test_a_judge_that_ends_costs_one_notebook(monkeypatch):
    """No notebook should bring that about; if one does, the others are judged one by one."""

    class Pool:
        def __init__(self, jobs):
            self.jobs = jobs

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, function, name, content, work):
            def result():
                if self.jobs > 1 or content == b"ends":
                    raise BrokenProcessPool
                return name, [content], 1.0

            return Future(result)

    monkeypatch.setattr(check_submissions, "judges", Pool)
    monkeypatch.setattr(check_submissions, "as_completed", list)
    work = check_submissions.Work("bwrap", None, 1, 1, "0")
    found = {name: rows for name, rows, _ in judged_in_parallel({"a": b"1", "b": b"ends", "c": b"3"}, work, 2)}
    assert found["a"] == [b"1"] and found["c"] == [b"3"]
    assert found["b"][0][3:5] == ("error", "the process of its judge ended")


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be told politely there")
def test_an_interrupted_check_leaves_no_process(tmp_path, notebook_of):
    import psutil

    source = "import time\ndef size_after(*sizes):\n    time.sleep(1000)"
    for name in "ab":
        (tmp_path / f"{name}.ipynb").write_bytes(notebook_of(source, f"# {name}"))
    outs = [f"--{name}={tmp_path / name}.out" for name in ("csv", "totals", "report")]
    command = [sys.executable, "scripts/classroom/check_submissions.py", str(tmp_path), "--trust", *outs]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert "2 to judge" in process.stdout.readline()
    own, end = psutil.Process(process.pid), time.monotonic() + 60
    while not any("learner_process.py" in " ".join(safe_line(one)) for one in own.children(recursive=True)):
        assert time.monotonic() < end, "no submission was ever started"
        time.sleep(0.1)
    started = own.children(recursive=True)
    process.terminate()
    assert process.wait(30) == 130 and "Start it again" in process.stdout.read()
    gone, alive = psutil.wait_procs(started, timeout=20)
    assert not alive, alive


def safe_line(process):
    import psutil

    try:
        return process.cmdline()
    except psutil.Error:
        return []


def start(monkeypatch, *arguments):
    monkeypatch.setattr("check_submissions.use_lesson_python", lambda: None)
    monkeypatch.setattr("signal.signal", lambda *of_the_tests: None)
    monkeypatch.setattr("sys.argv", ["check_submissions.py", *map(str, arguments)])
    return main()


@pytest.mark.parametrize("folder, words", [("nowhere", "Expected a folder"), (".", "There is no notebook")])
def test_a_missing_or_empty_folder_is_one_sentence(folder, words, tmp_path, monkeypatch, capsys):
    assert start(monkeypatch, tmp_path / folder) == 2
    assert words in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def outs(folder):
    return [part for name in ("csv", "totals", "report") for part in (f"--{name}", folder / f"check.{name}")]


def test_tables_and_report_lie_where_it_is_said(tmp_path, monkeypatch, capsys, quick):
    folder = tmp_path / "it's anna"
    folder.mkdir()
    (folder / "anna_4.ipynb").write_bytes(b"1")
    assert start(monkeypatch, folder, *outs(tmp_path)) == 0
    assert "anna_4.ipynb" in (tmp_path / "check.csv").read_text(encoding="utf-8-sig")
    assert "anna" in (tmp_path / "check.totals").read_text(encoding="utf-8-sig")
    assert "size_after" in (tmp_path / "check.report").read_text(encoding="utf-8")
    assert f"The table lies in {tmp_path / 'check.csv'}" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.jsonl"))


def test_where_nothing_shuts_the_code_in_nothing_runs(tmp_path, monkeypatch, capsys, quick):
    def none(trust):
        raise NoIsolation("Expected a way, found none.")

    monkeypatch.setattr(check_submissions, "find_isolation", none)
    (tmp_path / "a.ipynb").write_bytes(b"1")
    assert start(monkeypatch, tmp_path, *outs(tmp_path)) == 2
    assert capsys.readouterr().err == "Expected a way, found none.\n" and quick == []


def test_a_table_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys, quick):
    (tmp_path / "a_4.ipynb").write_bytes(b"1")
    assert start(monkeypatch, tmp_path, *outs(tmp_path / "a_4.ipynb")) == 1
    assert "The table could not be made: " in capsys.readouterr().err


def test_wrong_points_are_one_sentence_before_anything_runs(tmp_path, monkeypatch, capsys, quick):
    (tmp_path / "points.toml").write_text("no toml", encoding="utf-8")
    (tmp_path / "a.ipynb").write_bytes(b"1")
    assert start(monkeypatch, tmp_path, *outs(tmp_path), "--points", tmp_path / "points.toml") == 2
    assert capsys.readouterr().err and quick == []


def test_the_time_that_is_left_reads_well():
    assert [minutes(seconds) for seconds in (3, 89, 100, 3600)] == ["3 s", "89 s", "2 min", "60 min"]


@pytest.mark.skipif(os.name == "nt", reason="make is not there")
def test_make_check_without_a_folder_says_what_is_missing():
    result = subprocess.run(["make", "check", f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0 and "make check SUBMISSIONS=folder" in result.stderr
