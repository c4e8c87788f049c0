"""mnist_lesson.data: MNIST is complete, and damage is mended or named."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from mnist_lesson import data
from mnist_lesson.data import DATA_DIR, SHA256, load_mnist, prepare_mnist

NAMES = sorted(SHA256)


@pytest.fixture
def root(tmp_path):
    """A copy of the data, unpacked, that a test may damage."""
    prepare_mnist(DATA_DIR)
    return shutil.copytree(DATA_DIR, tmp_path / "data")


def raw(root):
    return root / "MNIST" / "raw"


def listing(root):
    return sorted(path.name for path in raw(root).iterdir())


def is_good(path):
    return data._is_good(path)


def test_the_tests_do_not_use_the_users_data():
    assert DATA_DIR != Path(data.__file__).resolve().parent.parent / "data"


@pytest.mark.parametrize("train, size", [(True, 60_000), (False, 10_000)])
def test_load(train, size):
    dataset = load_mnist(train=train)
    image, label = dataset[0]
    assert len(dataset) == size
    assert (image.shape, image.dtype, type(label)) == ((1, 28, 28), torch.float32, int)
    assert image.min() == 0 and image.max() == 1


def test_good_data_is_left_alone(root, capsys):
    before = {path: path.stat().st_mtime_ns for path in raw(root).iterdir()}
    assert prepare_mnist(root) == root
    assert {path: path.stat().st_mtime_ns for path in raw(root).iterdir()} == before
    assert capsys.readouterr().out == ""


def test_archives_are_unpacked_without_a_word(root, capsys):
    for name in NAMES:
        (raw(root) / name).unlink()
    prepare_mnist(root)
    assert all(is_good(raw(root) / name) for name in NAMES)
    assert capsys.readouterr().out == ""


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def alter(path):
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def make_directory(path):
    path.unlink()
    path.mkdir()
    (path / "something of the user").write_text("keep me")


@pytest.mark.parametrize("damage", [truncate, alter, empty, make_directory])
@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_a_damaged_file_is_mended(root, capsys, name, damage):
    damage(raw(root) / name)
    assert len(load_mnist(train=False, root=root)) == 10_000
    assert is_good(raw(root) / name)
    assert capsys.readouterr().out == f"{name} was damaged: unpacked again from its archive.\n"
    assert not list(raw(root).glob("*.part"))


def test_what_lay_in_a_folder_of_that_name_is_kept(root):
    make_directory(raw(root) / NAMES[0])
    prepare_mnist(root)
    assert [path.read_text() for path in raw(root).rglob("something of the user")] == ["keep me"]


@pytest.mark.parametrize("damage", [truncate, alter, empty, Path.unlink])
def test_file_and_archive_damaged(root, damage):
    truncate(raw(root) / "t10k-images-idx3-ubyte")
    truncate(raw(root) / "train-labels-idx1-ubyte")  # this one could be mended
    damage(raw(root) / "t10k-images-idx3-ubyte.gz")
    before = {path: path.read_bytes() for path in raw(root).iterdir()}
    with pytest.raises(OSError) as error:
        load_mnist(train=True, root=root)
    sentence = str(error.value)
    assert sentence.startswith("t10k-images-idx3-ubyte is missing or damaged") and "git checkout" in sentence
    assert "\n" not in sentence
    assert {path: path.read_bytes() for path in raw(root).iterdir()} == before, "nothing may be half-written"


def test_a_damaged_archive_does_not_matter_while_the_file_is_good(root):
    alter(raw(root) / "t10k-images-idx3-ubyte.gz")
    assert len(load_mnist(train=False, root=root)) == 10_000


def refuse_to_write(monkeypatch, root, code):
    """Let writing under `root` fail half-way, as on a full disk or in a folder that is read-only."""
    write = Path.write_bytes

    def write_bytes(path, content):
        if not path.is_relative_to(root):
            return write(path, content)
        if code == errno.ENOSPC:
            write(path, content[: len(content) // 2])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_read_only_and_good(root, monkeypatch):
    refuse_to_write(monkeypatch, root, errno.EACCES)
    assert prepare_mnist(root) == root


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_read_only_and_not_unpacked(root, monkeypatch, capsys, code):
    for name in NAMES[:2]:
        (raw(root) / name).unlink()
    before = listing(root)
    refuse_to_write(monkeypatch, root, code)
    assert len(load_mnist(train=True, root=root)) == 60_000
    assert listing(root) == before
    assert prepare_mnist(root) == prepare_mnist(root) != root
    assert sorted(path.name for path in (prepare_mnist(root) / "MNIST" / "raw").iterdir()) == NAMES
    assert capsys.readouterr().out.count("temporary folder") == 1


def test_the_temporary_folder_goes_when_python_ends(root):
    for name in NAMES[:2]:
        (raw(root) / name).unlink()
    code = (  # nothing of torchvision is needed, and its import takes seconds
        "import sys; from pathlib import Path; from unittest.mock import Mock;"
        "sys.modules |= {'torchvision.datasets': Mock(), 'torchvision.transforms': Mock()};"
        "from mnist_lesson import data;"
        "print(data._unpack_elsewhere(Path(sys.argv[1])))"
    )
    said = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, check=True).stdout
    assert "cannot be written to" in said and not Path(said.splitlines()[-1]).exists()


@pytest.fixture
def root_for_all():
    """A copy of the data without the unpacked files, which an ordinary user may read but not write to."""
    folder = Path(tempfile.mkdtemp(dir=DATA_DIR.parent))
    shutil.copytree(DATA_DIR, folder / "data", ignore=shutil.ignore_patterns("*-ubyte"))
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder / "data"
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_an_ordinary_user_reads_from_a_folder_that_is_read_only(root_for_all, ordinary_user, monkeypatch, capsys):
    made = []
    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **options: made.append(make(**options)) or made[-1])
    assert len(load_mnist(train=False, root=root_for_all)) == 10_000
    assert len(load_mnist(train=True, root=root_for_all)) == 60_000
    assert len(made) == 1, "one copy is enough"
    assert listing(root_for_all) == sorted(f"{name}.gz" for name in NAMES)
    assert capsys.readouterr().out.count("temporary folder") == 1


def test_a_file_is_complete_before_it_takes_its_place(root, monkeypatch):
    truncate(raw(root) / NAMES[0])
    written = []
    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, content: written.append(path) or write(path, content))
    prepare_mnist(root)
    assert is_good(raw(root) / NAMES[0])
    assert [path.suffix for path in written] == [".part"], "a stop in the middle would leave half a file"


def test_disk_full(root, monkeypatch):
    (raw(root) / NAMES[0]).unlink()
    before = listing(root)
    refuse_to_write(monkeypatch, root, errno.ENOSPC)
    with pytest.raises(OSError, match="could not be written .* free some space") as error:
        prepare_mnist(root)
    assert "\n" not in str(error.value)
    assert listing(root) == before, "nothing may be half-written"


@pytest.mark.parametrize("error", [RuntimeError("Error downloading:\nTried a mirror"), TimeoutError(), EOFError()])
def test_no_data_and_no_network(tmp_path, monkeypatch, error):
    def no_network(self):
        raise error

    monkeypatch.setattr("torchvision.datasets.MNIST.download", no_network)
    with pytest.raises(OSError, match="could not be downloaded .*: connect to a network") as raised:
        load_mnist(train=True, root=tmp_path)
    assert "\n" not in str(raised.value)
