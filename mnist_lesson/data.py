"""Find, check and load MNIST: the helpers of notebook 02.

torchvision reads MNIST well, but it only looks whether the unpacked files exist. A file that was cut short by
a full disk passes that look. This module adds the missing check.
"""

import atexit
import errno
import functools
import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from pathlib import Path

from torch.utils.data import Dataset

from mnist_lesson.files import write_whole

# Tests and some scripts set the environment variable, so that they never touch the real folder.
DATA_DIR = Path(os.environ.get("MNIST_LESSON_DATA", Path(__file__).parent.parent / "data")).resolve()

# SHA-256 of each unpacked file. Two files with the same SHA-256 are the same file, byte for byte.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_mnist(train: bool, root: Path = DATA_DIR) -> Dataset:
    """Return the training set (60,000 images) or the test set (10,000 images), checked.

    One item is a pair: image, float, (1, 28, 28), values in 0..1, and label, int, 0..9.
    Raises OSError with one sentence if the files are damaged and cannot be repaired.
    """
    from torchvision import datasets, transforms  # not above: it takes a second that not everybody needs

    root = prepare_mnist(root)
    try:
        return datasets.MNIST(root, train=train, download=True, transform=transforms.ToTensor())
    except Exception as error:  # a network has many ways to fail
        reason = (str(error) or repr(error)).splitlines()[0]
        problem = f"MNIST is not in {root} and could not be downloaded ({reason})"
        raise OSError(f"{problem}: connect to a network, or copy the archives of the repository there.") from error


def prepare_mnist(root: Path = DATA_DIR) -> Path:
    """Check MNIST under `root`, mend what the archives can mend, and return the folder to load from.

    That folder is `root` itself; only if it cannot be written to, a temporary one, which is removed when Python ends.
    An empty `root` is left alone: torchvision downloads the files there.
    Raises OSError with one sentence that says which file, what is wrong, and what to do.
    """
    root, raw = Path(root), Path(root) / "MNIST" / "raw"
    if not any((raw / f"{name}{ending}").exists() for name in SHA256 for ending in ("", ".gz")):
        return root  # there is none of the eight files
    # Every archive that is needed is read before anything is written, so that a bad one leaves all as it was.
    contents = {name: _unpacked(raw / f"{name}.gz") for name in SHA256 if not _is_good(raw / name)}
    try:
        for name, content in contents.items():
            _replace(raw / name, content)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            problem = f"{raw / name} could not be written ({error.strerror})"
            raise OSError(f"{problem}: free some space on the disk, then run the lesson again.") from error
        return _unpack_elsewhere(root)
    return root


@functools.cache  # once for each root: the folder holds 55 MB
def _unpack_elsewhere(root: Path) -> Path:
    """Put the four unpacked files of a folder that is read-only into one that lasts as long as this Python."""
    print(f"{root} cannot be written to: MNIST is unpacked into a temporary folder instead.")
    elsewhere = Path(tempfile.mkdtemp(prefix="mnist_lesson_"))
    atexit.register(shutil.rmtree, elsewhere, ignore_errors=True)
    there, here = root / "MNIST" / "raw", elsewhere / "MNIST" / "raw"
    try:
        here.mkdir(parents=True)
        for name in SHA256:
            content = (there / name).read_bytes() if _is_good(there / name) else _unpacked(there / f"{name}.gz")
            write_whole(here / name, content)
    except OSError as error:
        raise OSError(f"MNIST could not be unpacked into {here} ({error}): free some space on the disk.") from error
    return elsewhere


def _is_good(path: Path) -> bool:
    """Tell whether the unpacked file is the original, byte for byte."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == SHA256[path.name]
    except OSError:  # missing, a folder, or not readable
        return False


def _unpacked(archive: Path) -> bytes:
    """Return what the archive holds, or raise OSError if that is not the original."""
    content, problem = b"", "its content is not the original"
    try:
        content = gzip.decompress(archive.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        problem = getattr(error, "strerror", None) or str(error)
    if hashlib.sha256(content).hexdigest() != SHA256[archive.stem]:
        problem = f"{archive.stem} is missing or damaged, and its archive {archive} cannot replace it ({problem})"
        mending = "restore the archive with `git checkout -- data`, or, with a network, delete the folder data/MNIST"
        raise OSError(f"{problem}: {mending} and run the lesson again, which downloads it.")
    return content


def _replace(path: Path, content: bytes) -> None:
    """Write an unpacked file, and say so if a damaged one was there."""
    was_there = path.exists()
    if path.is_dir():  # some unpacking programs make a folder of that name: set it aside
        path.rename(Path(tempfile.mkdtemp(prefix=f"{path.name}.aside-", dir=path.parent)) / path.name)
    write_whole(path, content)
    if was_there:
        print(f"{path.name} was damaged: unpacked again from its archive.")
