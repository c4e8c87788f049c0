"""scripts/doctor.py: what is wrong is called so, with what to do, and no fault stops it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import doctor
import install
import pytest
from doctor import ROOT

TORCH = {"PyTorch": "2.9.0", "PyTorch build": "CPU only", "accelerator": "none", "PyTorch threads": "2"}
NAMES = ["python", "files", "settings", "disk", "data", "browser", "packages"]
NAMES_WITH_PACKAGES = [*NAMES, "torch", "kernel", "memory", "cores", "programs"]


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Leave no setting of the user or of the tests but the folder of the data, and put all back at the end."""
    before = dict(os.environ)
    for name in [name for name in os.environ if re.match("PYTHON|JUPYTER|JPY|MPL|MATPLOTLIB|IPYTHON", name)]:
        del os.environ[name]
    monkeypatch.setattr(install, "SETTINGS", tmp_path / "settings")
    doctor.describe_torch.cache_clear()
    yield
    doctor.describe_torch.cache_clear()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def healthy(monkeypatch):
    """Pretend that all is well: a test then says what is not."""
    replaced = {
        "has_environment": lambda: True,
        "in_own_venv": lambda: True,
        "missing_packages": lambda: [],
        "find_chromium": lambda: "/usr/bin/chromium",
        "available_memory": lambda: 8e9,
        "available_cores": lambda: 2,
        "load_of_others": lambda: Counter(editor=12),
        "ask": lambda code: {doctor.TORCH: json.dumps(TORCH), doctor.KERNEL: sys.prefix}[code] + "\n",
    }
    for name, value in replaced.items():
        monkeypatch.setattr(doctor, name, value)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=50e9))
    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setattr(install, "refuse_files_in_the_way", lambda folders: None)
    writable = SimpleNamespace(TemporaryFile=lambda dir: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(doctor, "tempfile", writable)
    monkeypatch.setattr(sys, "argv", ["doctor.py"])
    return lambda name, value: monkeypatch.setattr(doctor, name, value)


def run_main(capsys):
    """Return the exit status and what was printed, a line each."""
    with pytest.raises(SystemExit) as stop:
        doctor.main()
    return int(stop.value.code), capsys.readouterr().out.splitlines()


def test_where_all_is_well(healthy, capsys):
    code, lines = run_main(capsys)
    assert code == 0 and lines.pop() == "Nothing is wrong."
    assert [re.match(r"ok    (\w+): .", line)[1] for line in lines] == NAMES_WITH_PACKAGES


def test_where_something_is_wrong_the_other_checks_go_on(healthy, capsys):
    healthy("find_chromium", lambda: None)
    healthy("available_memory", lambda: 0.2e9)
    code, lines = run_main(capsys)
    assert code == 1 and lines.pop() == "Begin with the first line that is WRONG."
    marks = [line[:5].strip() for line in lines if not line.startswith("      ")]
    expected = dict.fromkeys(NAMES_WITH_PACKAGES, "ok") | {"browser": "note", "memory": "WRONG"}
    assert marks == list(expected.values())
    assert sum(line.startswith("      ") for line in lines) == 2, "what to do"


def test_a_note_is_no_failure(healthy, capsys):
    healthy("load_of_others", lambda: Counter(game=90))
    code, lines = run_main(capsys)
    assert code == 0 and any(line.startswith("note  programs: game takes 90 %") for line in lines)


@pytest.mark.parametrize(
    "name, value, check, mark, found, what_to_do",
    [
        ("find_chromium", lambda: None, "browser", "note ", "no Chromium", "browser-test"),
        ("missing_packages", lambda: ["pytest>=99"], "packages", "WRONG", r"pytest>=99 is here as \d", "make lab"),
        ("missing_packages", lambda: ["no-such>=1"], "packages", "WRONG", "no-such>=1 is missing$", "make lab"),
        (
            "missing_packages",
            lambda: ["no-such>=1"] * 18,
            "packages",
            "WRONG",
            r": (no-such>=1 is missing, ){4}and 14 more$",
            "make lab",
        ),
        ("available_memory", lambda: 0.9e9, "memory", "WRONG", r"0\.9 GB", "Close"),
        ("available_memory", lambda: 1.9e9, "memory", "note ", r"1\.9 GB", "Close"),
        ("available_cores", lambda: 1.5, "cores", "ok   ", r"1\.5 of \d+ for you; threads of PyTorch: 2", ""),
        ("available_cores", lambda: 0.5, "cores", "note ", r"0\.5 of ", "OMP_NUM_THREADS=1 "),
        ("load_of_others", lambda: Counter(a=49), "programs", "ok   ", "none", ""),
        (
            "load_of_others",
            lambda: Counter(a=30, b=9, c=40),
            "programs",
            "note ",
            "c takes 40 %, a takes 30 % of",
            "Close",
        ),
        ("load_of_others", lambda: Counter(range(60)), "programs", "note ", "many take a part of a core", "Close"),
    ],
)
def test_what_is_found_and_what_to_do(healthy, name, value, check, mark, found, what_to_do):
    healthy(name, value)
    is_ok, words = doctor.line(getattr(doctor, f"check_{check}"))
    first, _, second = words.partition("\n      ")
    assert is_ok == (mark != "WRONG")
    assert first.startswith(f"{mark} {check}: ") and re.search(found, first), first
    assert re.search(what_to_do, second) if what_to_do else not second, second


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    is_ok, _, what_to_do = doctor.check_python()
    assert not is_ok and "3.11 or newer" in what_to_do


def test_a_file_that_stands_in_the_way(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    assert doctor.line(doctor.check_files)[0]
    (tmp_path / "notebooks" / "random.py").touch()
    is_ok, words = doctor.line(doctor.check_files)
    assert not is_ok and re.search(r"^WRONG files: .*random\.py stands in the way: .* Rename it", words)


def test_settings_that_would_reach_a_notebook():
    os.environ.update(PYTHONPATH=str(ROOT), PYTHONUTF8="1", IPYTHONDIR=str(install.SETTINGS / "ipython"))
    assert doctor.check_settings() == (True, "none of yours would reach a notebook", ""), "these are the lesson's own"
    os.environ.update(PYTHONPATH="elsewhere", MPLBACKEND="svg", JUPYTER_PATH="x", IPYTHONDIR="y", SPYTHON="z")
    is_ok, found, what_to_do = doctor.check_settings()
    assert found == "your environment sets IPYTHONDIR, JUPYTER_PATH, MPLBACKEND, PYTHONPATH"
    assert is_ok and "make lab" in what_to_do, "the lesson works, so it is a note"


@pytest.mark.parametrize(
    "free, is_set_up, is_ok, what_to_do",
    [
        (7e9, False, True, ""),
        (3e9, False, True, "Free 6 GB"),
        (1e9, False, False, "Free 6 GB"),
        (1e9, True, True, ""),
        (0.4e9, True, False, "takes 0.5 GB"),
    ],
)
def test_space_on_the_disk(healthy, monkeypatch, free, is_set_up, is_ok, what_to_do):
    healthy("has_environment", lambda: is_set_up)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    answer = doctor.check_disk()
    assert answer[:2] == (is_ok, f"{free / 1e9:.1f} GB free") and what_to_do in answer[2]
    assert bool(answer[2]) == bool(what_to_do)


@pytest.mark.parametrize("is_set_up", [False, True])
def test_a_folder_that_cannot_be_written_to_is_wrong_only_before_the_set_up(healthy, monkeypatch, is_set_up):
    def read_only(dir):
        raise OSError(30, "Read-only file system")

    healthy("has_environment", lambda: is_set_up)
    healthy("tempfile", SimpleNamespace(TemporaryFile=read_only))
    is_ok, found, what_to_do = doctor.check_disk()
    assert is_ok == is_set_up and "written to (Read-only file system)" in found and "Copy" in what_to_do


def test_the_checksums_are_those_of_the_package():
    from mnist_lesson.data import SHA256

    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert dict(doctor.CHECKSUM.findall(text)) == {f"{name}.gz": checksum for name, checksum in SHA256.items()}


def test_damaged_and_missing_archives_are_named_and_nothing_is_written(tmp_path):
    shutil.copytree(Path(os.environ["MNIST_LESSON_DATA"]) / "MNIST", tmp_path / "MNIST")
    os.environ["MNIST_LESSON_DATA"] = str(tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    assert doctor.check_data() == (True, "the 4 archives of MNIST are intact", "")
    whole = (raw / "train-labels-idx1-ubyte.gz").read_bytes()
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(whole[:1000])
    shutil.copy(raw / "t10k-labels-idx1-ubyte.gz", raw / "train-images-idx3-ubyte.gz")
    (raw / "t10k-images-idx3-ubyte.gz").unlink()
    before = sorted((path.name, path.stat().st_mtime_ns) for path in raw.iterdir())
    is_ok, found, what_to_do = doctor.check_data()
    assert not is_ok and "git checkout -- data" in what_to_do
    assert {words for words in ("train-labels", "train-images", "t10k-images", "t10k-labels") if words in found} == {
        "train-labels",
        "train-images",
        "t10k-images",
    }
    assert found.count("is damaged") == 2 and "t10k-images-idx3-ubyte.gz is missing" in found
    assert sorted((path.name, path.stat().st_mtime_ns) for path in raw.iterdir()) == before


def test_a_build_for_the_cpu_beside_a_graphics_card_is_a_note(healthy, monkeypatch):
    assert doctor.check_torch() == (True, "2.9.0, build: CPU only, accelerator: none", "")
    monkeypatch.setattr(shutil, "which", lambda program: program)
    is_ok, found, what_to_do = doctor.check_torch()
    assert is_ok and "although there is nvidia-smi" in found and "TORCH=cuda" in what_to_do
    healthy("in_own_venv", lambda: False)
    assert "PyTorch's own site" in doctor.check_torch()[2], "in an environment that we did not make"
    doctor.describe_torch.cache_clear()
    healthy("ask", lambda code: json.dumps(TORCH | {"PyTorch build": "CUDA 13.0"}))
    assert doctor.check_torch()[2] == ""


def test_an_accelerator_that_cannot_be_used_is_a_note(healthy):
    healthy("ask", lambda code: f"There is one, but (old driver).\n{json.dumps(TORCH)}\n")
    is_ok, found, what_to_do = doctor.check_torch()
    assert is_ok and found.endswith("There is one, but (old driver).") and "driver" in what_to_do


def test_pytorch_that_cannot_be_imported(healthy, capsys):
    def fail(code):
        raise RuntimeError("OSError: libc10.so is missing")

    healthy("ask", fail)
    code, lines = run_main(capsys)
    assert code == 1
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert [line.split()[1] for line in wrong] == ["torch:", "kernel:"]
    assert all("OSError: libc10.so is missing" in line for line in wrong)
    assert any("threads of PyTorch: not known" in line for line in lines), "the cores are told all the same"


def test_a_kernel_of_another_python(healthy, tmp_path):
    healthy("ask", lambda code: f"{tmp_path}\n")
    is_ok, found, what_to_do = doctor.check_kernel()
    assert not is_ok and str(tmp_path) in found and "ipykernel install" in what_to_do


@pytest.mark.parametrize(
    "error", [SystemExit("A sentence."), ValueError("two\nlines"), RuntimeError("said"), KeyError(1)]
)
def test_a_check_that_fails_is_a_line(error):
    def check_something():
        raise error

    is_ok, words = doctor.line(check_something)
    assert not is_ok and words.startswith("WRONG something: ")
    assert {
        SystemExit: "A sentence.",
        ValueError: "ValueError: two lines",
        RuntimeError: ": a try of it ended with: said\n      First",
        KeyError: "KeyError: 1",
    }[type(error)] in words


@pytest.mark.parametrize("kind", ["venv", "unfinished venv", "conda", "other"])
def test_how_an_environment_is_mended(monkeypatch, tmp_path, kind):
    monkeypatch.setattr(doctor, "in_own_venv", lambda: "venv" in kind)
    monkeypatch.setattr(doctor, "READY", tmp_path / "ready")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    {"venv": (tmp_path / "ready").touch, "conda": (tmp_path / "conda-meta").mkdir}.get(kind, lambda: None)()
    begin = {
        "venv": "Delete the folder .venv, then run `make lab`",
        "unfinished venv": "To finish the set-up, run `make lab`",
        "conda": "Run `conda env update",
        "other": "Run `python -m pip install -e .`",
    }
    assert doctor.how_to_mend().startswith(begin[kind])


def test_before_the_set_up(healthy, monkeypatch, tmp_path):
    healthy("has_environment", lambda: False)
    healthy("VENV", tmp_path / "none")
    is_ok, found, what_to_do = doctor.check_packages()
    assert not is_ok and "not set up" in found and "make lab" in what_to_do
    healthy("VENV", tmp_path)
    assert "its Python does not start" in doctor.check_packages()[1]
    healthy("VENV", tmp_path / "none")
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert "python3-venv" in doctor.check_packages()[2]


@pytest.mark.parametrize(
    "has_environment, venv, changes",
    [(False, sys.executable, True), (True, sys.executable, False), (False, "no-such-python", False)],
)
def test_the_python_of_the_venv_is_taken_where_none_is_active_and_it_starts(
    healthy, monkeypatch, capsys, has_environment, venv, changes
):
    class Became(Exception):
        pass

    def become(command):
        raise Became(command)

    healthy("has_environment", lambda: has_environment)
    healthy("VENV_PYTHON", Path(venv))
    monkeypatch.setattr(install, "become", become)
    if changes:
        with pytest.raises(Became) as end:
            doctor.main()
        assert end.value.args[0] == [venv, "-E", "doctor.py"], "the user's settings of Python must not stop it"
    else:
        run_main(capsys)


def test_where_nothing_is_installed(tmp_path):
    """A true run in a Python without packages, which no virtual environment belongs to."""
    code = f"""if True:
        import pathlib, runpy, sys
        for name in ("torch", "torchvision", "numpy", "nbformat", "nbclient", "psutil", "mnist_lesson"):
            sys.modules[name] = None
        sys.prefix = sys.base_prefix
        sys.path.insert(0, {str(ROOT / "scripts")!r})
        import packages
        packages.VENV = packages.VENV_PYTHON = pathlib.Path({str(tmp_path / "none")!r})
        sys.argv = [{str(ROOT / "scripts" / "doctor.py")!r}, "--paste"]
        runpy.run_path(sys.argv[0], run_name="__main__")
    """
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1 and not result.stderr, result.stderr
    names = re.findall(r"^(?:ok   |note |WRONG) (\w+): ", result.stdout, flags=re.M)
    assert names == NAMES, result.stdout
    assert "WRONG packages: none yet" in result.stdout and str(ROOT) not in result.stdout


def test_a_true_kernel_and_a_true_pytorch():
    assert doctor.check_kernel() == (True, "it starts and imports the lesson", "")
    described, _ = doctor.describe_torch()
    assert described["PyTorch threads"].isdecimal() and described["PyTorch build"]


def test_a_kernel_that_cannot_import_something():
    with pytest.raises(RuntimeError) as error:
        doctor.ask(doctor.KERNEL.replace("import sys;", "import no_such_module;"))
    assert str(error.value) == "ModuleNotFoundError: No module named 'no_such_module'", (
        "and in one line, without colours"
    )


def test_a_program_that_fails_without_a_word():
    with pytest.raises(RuntimeError, match="^exit status 3$"):
        doctor.ask("raise SystemExit(3)")


def test_a_program_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS", 0.2)
    ended = []
    monkeypatch.setattr(doctor, "end_process_tree", lambda process: (process.kill(), ended.append(process.wait())))
    with pytest.raises(RuntimeError, match="^not done after 0.2 seconds$"):
        doctor.ask("import time; time.sleep(600)")
    assert ended


def test_a_program_sees_what_make_lab_would_show_it():
    os.environ.update(PYTHONPATH="elsewhere", MPLBACKEND="svg", PYTHONSTARTUP="x")
    names = "('PYTHONPATH', 'MPLBACKEND', 'PYTHONSTARTUP')"
    seen = doctor.ask(f"import json, os; print(json.dumps([os.environ.get(name) for name in {names}]))")
    assert json.loads(seen) == [str(ROOT), None, None]


@pytest.mark.parametrize("home", ["/home/anna", "/", "C:\\Users\\anna"])
def test_names_of_users_and_folders_are_left_out(monkeypatch, home):
    monkeypatch.setattr(doctor, "ROOT", Path("/home/anna/my [course]/lesson"))
    monkeypatch.setattr(os.path, "expanduser", lambda path: home)
    monkeypatch.setattr(os.path, "realpath", lambda path: path)
    monkeypatch.setattr(doctor.getpass, "getuser", lambda: "anna")
    text = f"{doctor.ROOT}{os.sep}torch.py stands in the way of /srv/envs/ml/lib.so, said anna, a / b, a/b/c, Joanna, hannah"
    expected = (
        f"the lesson's folder{os.sep}torch.py stands in the way of .../lib.so, said user, a / b, a/b/c, Joanna, hannah"
    )
    assert doctor.without_names(text) == expected
    if home != "/" and not (os.name != "nt" and "\\" in home):
        assert doctor.without_names(f"in {home}{os.sep}x, not {home}2") == f"in ~{os.sep}x, not .../anna2"
    assert "anna" not in doctor.without_names(r"C:\Users\anna\x.py failed, '/home/ANNA/x.py' too")


def test_a_user_without_a_name(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(doctor.getpass, "getuser", nameless)
    assert doctor.without_names("all is well") == "all is well"


def test_for_a_question_the_lines_are_the_same_without_names(healthy, monkeypatch, capsys):
    def in_the_way(folders):
        sys.exit(f"{ROOT / 'torch.py'} stands in the way.")

    monkeypatch.setattr(install, "refuse_files_in_the_way", in_the_way)
    plain = run_main(capsys)
    monkeypatch.setattr(sys, "argv", ["doctor.py", "--paste"])
    code, lines = run_main(capsys)
    assert (code, len(lines)) == (plain[0], len(plain[1]))
    assert lines[1] == f"WRONG files: the lesson's folder{os.sep}torch.py stands in the way."
    assert not any(str(ROOT) in line for line in lines)
