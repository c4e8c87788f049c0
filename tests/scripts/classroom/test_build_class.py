"""The student version hides solutions and outputs, the instructor version shows everything; nothing else differs."""

import errno
import os
import re

import nbformat
import pytest
from build_class import build, main
from install import ROOT

from notebooks import all_notebooks

PATHS = all_notebooks()


def built(kind, tmp_path):
    build(kind, PATHS, tmp_path / kind)
    assert [path.name for path in sorted((tmp_path / kind).iterdir())] == [path.name for path in PATHS]
    return [(nbformat.read(path, 4), nbformat.read(tmp_path / kind / path.name, 4)) for path in PATHS]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def test_the_student_version_lacks_solutions_notes_and_outputs_and_nothing_else(tmp_path):
    for committed, student in built("student", tmp_path):
        kept = [cell for cell in committed.cells if not tags(cell) & {"solution", "instructor"}]
        assert len(kept) < len(committed.cells) and any("exercise" in tags(cell) for cell in kept)
        for cell in kept:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        assert student.cells == kept and student.metadata == committed.metadata


def test_the_instructor_version_shows_what_is_folded_and_changes_nothing_else(tmp_path):
    for committed, instructor in built("instructor", tmp_path):
        for before, after in zip(committed.cells, instructor.cells, strict=True):
            if tags(before) & {"solution", "instructor"}:
                assert before.metadata.pop("jupyter") == {"source_hidden": True}, "folded in the committed notebook"
            for place in re.findall(r"\]\(((?:\.\./)+docs/[^)#]*)", after.source):
                assert (ROOT / "build" / "instructor" / place).resolve().is_file(), place
            before.source = before.source.replace("(../docs/", "(../../docs/")
            assert after == before
        assert sum("instructor" in tags(cell) for cell in instructor.cells) >= 1


def test_an_old_build_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    old = tmp_path / "student" / "old.ipynb"
    old.parent.mkdir()
    old.write_text("old", encoding="utf-8")
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(Exception, match="JSON"):
        build("student", [PATHS[0], broken], tmp_path / "student")
    assert old.read_text(encoding="utf-8") == "old"
    build("student", PATHS[:1], tmp_path / "student")
    assert [path.name for path in (tmp_path / "student").iterdir()] == [PATHS[0].name]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.ipynb", "student"]


def start(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["build_class.py", *arguments])
    monkeypatch.setattr("build_class.use_lesson_python", lambda: None)
    main()


@pytest.mark.parametrize("arguments", [[], ["teacher"], ["student", "instructor"]])
def test_an_unknown_kind_is_one_sentence(arguments, monkeypatch):
    with pytest.raises(SystemExit, match="Expected one of student and instructor"):
        start(monkeypatch, *arguments)


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    old = tmp_path / "build" / "student" / "old.ipynb"
    old.parent.mkdir(parents=True)
    old.touch()
    monkeypatch.setattr("build_class.ROOT", tmp_path)
    monkeypatch.setattr("mnist_lesson.files.write_whole", full)
    with pytest.raises(SystemExit, match="student version could not be written to .*No space left.*make room"):
        start(monkeypatch, "student")
    assert list((tmp_path / "build").iterdir()) == [old.parent] and old.exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "build").touch()  # a file where the folder should be stops root too
    monkeypatch.setattr("build_class.ROOT", tmp_path)
    with pytest.raises(SystemExit, match="instructor version could not be written"):
        start(monkeypatch, "instructor")
