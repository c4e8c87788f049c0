"""mnist_lesson.files: after a failure the old file is there, and nothing else."""

from pathlib import Path

import pytest

from mnist_lesson.files import write_whole


@pytest.mark.parametrize("content, stored", [(b"a\r\n", b"a\r\n"), ("ä\n", "ä\n".encode())])
def test_bytes_and_text_are_written_as_they_are(tmp_path, content, stored):
    for _ in range(2):  # a new file, and in place of an old one
        write_whole(tmp_path / "a.txt", content)
        assert (tmp_path / "a.txt").read_bytes() == stored
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.txt", "old")
    write = Path.write_bytes

    def fill_the_disk(path, content):
        write(path, content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a.txt", "new content")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_the_file_is_complete_before_it_takes_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda part, path: pytest.fail(f"{part.read_text()} -> {path.name}"))
    with pytest.raises(pytest.fail.Exception, match="whole -> a.txt"):
        write_whole(tmp_path / "a.txt", "whole")
