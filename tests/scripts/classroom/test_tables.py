"""scripts/classroom/tables.py: whatever a learner wrote, the table stays whole, harmless and legible."""

import csv

import pytest
from tables import ERROR, FAILED, PASSED, RESULTS, Row, by_number, harmless, print_table, printable, write_csv

ROWS = [
    Row("ä.ipynb", "4.1", "size_after", FAILED, '=HYPERLINK("x")', "bwrap", "the answer"),
    Row("王\udcff\u202e.ipynb", "4.2", "flat_size", ERROR, "two\nlines, and a comma", "bwrap"),
    Row("no.ipynb", "", "", ERROR, "is no notebook", ""),
]


@pytest.fixture
def table(tmp_path):
    write_csv(ROWS, tmp_path / "new" / "check.csv")
    return tmp_path / "new" / "check.csv"


def test_odd_names_reach_terminal_and_file():
    assert printable("a\udcff\x1b[31m\nb ä\u202e\0") == "a\\udcff\\x1b[31m b ä\\u202e\\x00"


def test_the_table_is_complete_and_leaves_out_the_answers(table):
    content = table.read_bytes()
    assert content.startswith(b"\xef\xbb\xbffile,"), "the mark by which Excel knows UTF-8 is not there"
    lines = list(csv.reader(content.decode("utf-8-sig").splitlines(keepends=True)))
    assert lines[0] == ["file", "exercise", "name", "result", "detail", "isolation"]
    assert [line[0] for line in lines[1:]] == ["ä.ipynb", "王\\udcff\\u202e.ipynb", "no.ipynb"]
    assert lines[1][4] == '\'=HYPERLINK("x")' and lines[2][4] == "two lines, and a comma" and len(lines) == 4
    assert b"the answer" not in content
    assert list(table.parent.iterdir()) == [table], "a part of the file was left behind"


def test_a_table_that_cannot_be_written_leaves_the_old_one(table, monkeypatch):
    old = table.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *paths: (_ for _ in ()).throw(PermissionError("it is open")))
    with pytest.raises(PermissionError):
        write_csv([], table)
    assert table.read_bytes() == old and list(table.parent.iterdir()) == [table]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "＝1", "＋1", "－1", "＠x", ' "=1', "﹦1"])
def test_no_text_is_taken_for_a_formula(text):
    assert harmless(text) == f"'{text}"
    assert harmless(f"a;{text}") == f"a;'{text}", "a formula behind a semicolon, which also separates cells"


@pytest.mark.parametrize("text", ["", "a", "a=1", "a - b; c", "4.1", "'=1"])
def test_other_texts_stay_as_they_are(text):
    assert harmless(text) == text


def test_the_table_in_the_terminal_has_a_line_for_each_row(capsys):
    print_table([*ROWS, ROWS[0]._replace(result=PASSED, detail="x" * 1000)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and max(map(len, lines)) < 170
    assert "4.2  flat_size" in lines[1] and lines[1].endswith("two lines, and a comma")
    assert lines[4:] == ["Isolation: not needed, nothing was run (1 of 4 rows).", "Isolation: bwrap (3 of 4 rows)."]


def test_the_better_results_come_first_and_exercises_are_sorted_by_number():
    assert RESULTS[:2] == [PASSED, FAILED]
    assert sorted(["10.1", "4.10", "", "4.2"], key=by_number) == ["", "4.2", "4.10", "10.1"]
