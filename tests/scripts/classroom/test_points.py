"""scripts/classroom/points.py: what an exercise gives, whose a file is, and what each learner has."""

import csv

import pytest
from points import by_hand, check_pattern, difficulties, learner_of, matched, plain, read_points, totals, write_totals
from tables import ERROR, FAILED, NOT_ATTEMPTED, PASSED, TAMPERED, Row

POINTS = {"4.1": 1, "4.2": 2.5, "4.10": 3, "5.1": 1}
LEVELS = "[difficulty]\neasy = 1\nmedium = 2\nhard = 3\n"
MOODLE = "Doe Jane_12345_assignsubmission_file_/04_model.ipynb"
CANVAS = "doejane_12345_67890_04_model.ipynb"


def rows_of(file, **results):
    """Rows of a file: rows_of("a.ipynb", e4_1=PASSED)."""
    exercises = {exercise[1:].replace("_", "."): result for exercise, result in results.items()}
    return [Row(file, exercise, "f", result, "why", "bwrap") for exercise, result in exercises.items()]


@pytest.fixture
def points_of(tmp_path):
    """A function that reads the points from a text."""

    def points_of(text):
        path = tmp_path / "points.toml"
        path.write_text(text, encoding="utf-8")
        return read_points(path)

    return points_of


def test_the_lessons_file_gives_each_exercise_its_points():
    points, levels = read_points(), difficulties()
    assert set(points) == set(levels) and len(points) > 60
    assert [points["4.1"], points["4.2"], points["4.5"]] == [1, 2, 3]
    assert [levels["4.1"], levels["4.2"], levels["4.5"]] == ["easy", "medium", "hard"]


def test_every_exercise_that_is_checked_has_points():
    from mnist_lesson.checks import all_checkers

    assert {checker.number for checker in all_checkers()} == set(read_points())


def test_an_exercise_counts_before_its_notebook_and_that_before_the_difficulty(points_of):
    points = points_of(f'{LEVELS}[notebooks]\n"4" = 0.5\n[exercises]\n"4.2" = 7\n')
    assert [points["4.1"], points["4.2"], points["4.5"], points["5.1"]] == [0.5, 7, 0.5, 2]


@pytest.mark.parametrize(
    "text, words",
    [
        (LEVELS.replace("hard", "herd"), "expected one of easy, medium, hard in [difficulty], found 'herd'"),
        (LEVELS.replace("hard = 3", ""), "expected a number for hard in [difficulty], found none"),
        (LEVELS.replace("3", "-3"), "expected a number of points, 0 or more, for hard in [difficulty], found -3"),
        (LEVELS.replace("3", "nan"), "found nan"),
        (LEVELS.replace("3", "inf"), "found inf"),
        (LEVELS.replace("3", "true"), "found True"),
        (LEVELS.replace("3", "'3'"), "found '3'"),
        (LEVELS + '[exercises]\n"4.99" = 1', "in [exercises], found '4.99'"),
        (LEVELS + "[exercises]\n4.1 = 1", 'expected quotation marks around an exercise, as in "4.1" = 2'),
        (LEVELS + '[notebooks]\n"04" = 1', "in [notebooks], found '04'"),
        (LEVELS + "[exercise]\n", "expected the parts [difficulty], [notebooks], [exercises], found 'exercise'"),
        ("difficulty = 1", "found 'difficulty'"),
        ("[difficulty", "points.toml cannot be read as TOML"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(points_of, text, words):
    with pytest.raises(ValueError) as caught:
        points_of(text)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "file, pattern, learner",
    [
        (MOODLE, "{name}_{id}_*", ("Doe Jane", "12345")),
        (CANVAS, "{name}_{id}_*", ("doejane", "12345")),
        ("doejane_LATE_12345_67890_04_model-1.ipynb", "{name}_{id}_*", ("doejane", "12345")),
        ("van_der Berg_12_assignsubmission_file_/a/b_9_c.ipynb", "{name}_{id}_*", ("van_der Berg", "12")),
        ("Jane Doe/04_model.ipynb", "{name}/*", ("Jane Doe", "")),
        ("04_model (Jane).ipynb", "04_model ({name}).ipynb", ("Jane", "")),
        ("no number_x_04.ipynb", "{name}_{id}_*", ("no number_x_04", "")),
        ("a/b/04.ipynb", "{name}_{id}_*", ("a/b/04", "")),
        ("a/b_1_x.ipynb", "{name}_{id}_*", ("a/b_1_x", "")),
        ("a\nb_1_\n.ipynb", "{name}_{id}_*", ("a\nb", "1")),
        ("<script>=cmd()\udcff\u202e_1_x.ipynb", "{name}_{id}_*", ("<script>=cmd()\udcff\u202e", "1")),
    ],
)
def test_whose_a_file_is(file, pattern, learner):
    check_pattern(pattern)
    assert learner_of(file, pattern) == learner
    assert bool(matched(file, pattern)) == (learner[0] != file.removesuffix(".ipynb"))


@pytest.mark.parametrize("pattern", ["", "*", "{name}{name}", "{name}_{id}_{id}", "{student}", "{name}_{}", "{name}}"])
def test_a_pattern_that_says_too_little_or_too_much_is_one_sentence(pattern):
    with pytest.raises(ValueError, match="Expected a pattern with {name} once"):
        check_pattern(pattern)


def test_only_what_is_passed_gives_points_and_everybody_can_have_the_same():
    usual = rows_of(MOODLE, e4_1=PASSED, e4_2=PASSED, e4_10=FAILED)
    other = rows_of("Roe_2_x.ipynb", e4_1=TAMPERED, e4_2=ERROR, e4_10=NOT_ATTEMPTED)
    first, second, third = totals([*other, *usual, *rows_of("zoe.ipynb", e5_1=PASSED)], POINTS)
    assert (first.name, first.id, first.points, first.possible) == ("Doe Jane", "12345", 3.5, 7.5)
    assert first.counts == {PASSED: 2, FAILED: 1} and [row.exercise for row in first.rows] == ["4.1", "4.2", "4.10"]
    assert (second.name, second.points, second.possible) == ("Roe", 0, 7.5)
    assert (third.name, third.points, third.counts) == ("zoe", 1, {PASSED: 1})
    assert not any(one.remarks for one in (first, second, third))


def test_of_two_files_with_the_same_exercise_the_better_one_counts_and_it_is_said():
    again = MOODLE.replace("04_model", "04_model_new")
    (one,) = totals([*rows_of(MOODLE, e4_1=FAILED, e4_2=PASSED), *rows_of(again, e4_1=PASSED, e4_2=TAMPERED)], POINTS)
    assert one.points == 3.5 and one.counts == {PASSED: 2}
    assert [(row.file, row.exercise) for row in one.others] == [(MOODLE, "4.1"), (again, "4.2")]
    assert one.remarks[0] == (
        f"Exercise 4.1 was handed in 2 times, and the best counts: passed in {again}, failed in {MOODLE}."
    )


def test_two_people_of_one_name_stay_two():
    rows = [*rows_of("Li_1_x/04.ipynb", e4_1=PASSED), *rows_of("Li_2_x/04.ipynb", e4_1=FAILED)]
    assert [(one.name, one.id, one.points) for one in totals(rows, POINTS)] == [("Li", "1", 1), ("Li", "2", 0)]


def test_a_file_that_could_not_be_read_has_no_points_and_is_said():
    (one,) = totals([Row(MOODLE, "", "", ERROR, "is no notebook", "")], POINTS)
    assert (one.points, one.possible, one.rows) == (0, 0, []) and one.remarks == [f"{MOODLE}: error, is no notebook"]


def test_what_to_look_at_by_hand_begins_with_what_was_tampered_with():
    rows = [*rows_of("a.ipynb", e4_1=ERROR, e4_2=PASSED), *rows_of("b.ipynb", e4_10=TAMPERED, e4_2=TAMPERED)]
    found = [(row.file, row.exercise) for row in by_hand(rows)]
    assert found == [("b.ipynb", "4.2"), ("b.ipynb", "4.10"), ("a.ipynb", "4.1")]


def test_the_totals_are_a_file_that_canvas_and_a_spreadsheet_read(tmp_path):
    rows = [*rows_of("=cmd();=x\n\udcff_7_x.ipynb", e4_1=FAILED, e4_2=PASSED), *rows_of(MOODLE, e4_1=PASSED)]
    write_totals(totals(rows, POINTS), tmp_path / "totals.csv")
    content = (tmp_path / "totals.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfStudent,ID,Section,"), "Canvas asks for these columns, in this order"
    lines = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    assert lines[0][3] == "Points (of 3.5)"
    assert lines[1:] == [["'=cmd();'=x \\udcff", "7", "", "2.5"], ["Doe Jane", "12345", "", "1"]]


def test_no_learner_is_a_file_with_a_header(tmp_path):
    write_totals([], tmp_path / "totals.csv")
    assert (tmp_path / "totals.csv").read_text(encoding="utf-8-sig").split("\n")[
        0
    ] == "Student,ID,Section,Points (of 0)"


@pytest.mark.parametrize("points, text", [(0, "0"), (10, "10"), (2.5, "2.5"), (0.1 + 0.2, "0.3"), (1 / 3, "0.33")])
def test_points_are_written_with_a_dot_and_no_more_than_they_need(points, text):
    assert plain(points) == text
