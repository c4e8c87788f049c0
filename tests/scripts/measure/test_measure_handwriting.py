"""scripts/measure/measure_handwriting.py: errors are counted as they should be, and what is stored was not tuned on."""

import json
import sys

import handwritten
import measure_handwriting
import pytest
from PIL import Image

from mnist_lesson import results, stored
from mnist_lesson.further import handwriting, sheets
from mnist_lesson.further.pictures import PictureError
from mnist_lesson.further.sheets import Found


@pytest.mark.parametrize(
    "truth, text, errors",
    [
        ("123", "123", 0),
        ("123", "13", 1),
        ("123", "1423", 1),
        ("123", "153", 1),
        ("12", "21", 2),
        ("12", "", 2),
        ("", "7", 1),
    ],
)
def test_the_edit_distance_counts_digits_put_in_left_out_and_replaced(truth, text, errors):
    assert measure_handwriting.edit_distance(truth, text) == errors


@pytest.mark.parametrize(
    "text, unread, right, errors, silent, refused",
    [
        ("12330402", 0, 1, 0, 0, 0),
        ("123342", 0, 0, 2, 2, 0),  # two are dropped, and nothing says so
        ("123342", 2, 0, 2, 0, 0),  # they were found, but not read
        ("12330408", 0, 0, 1, 0, 0),
        (None, 0, 0, 8, 0, 1),
    ],
)
def test_what_is_counted_of_a_picture(text, unread, right, errors, silent, refused):
    counts = measure_handwriting.compare("12330402", text, unread, 5.0)
    assert counts["without error"] == right and counts["errors"] == errors
    assert counts["silent"] == silent and counts["refused"] == refused and counts["not read"] == unread


def found(digits):
    return [Found((0, 0, 1, 1), 0, None, digit, 0.9) for digit in digits]


def test_a_sheet_is_read_with_its_marks_by_each_network(monkeypatch):
    monkeypatch.setattr(sheets, "read_sheet", lambda picture, model: (None, found([4, None, model])))
    read = measure_handwriting.read_sheet("picture", {"reference": 2, "reader": 3})
    assert {name: result[:2] for name, result in read.items()} == {"reference": ("42", 1), "reader": ("43", 1)}


def test_a_digit_is_read_by_each_network(monkeypatch):
    monkeypatch.setattr(handwriting, "prepare", lambda picture: picture)
    monkeypatch.setattr(results, "predict", lambda image, model, top: [(model, 0.9)])
    read = measure_handwriting.read_digit("picture", {"reference": 2, "reader": 3})
    assert {name: result[:2] for name, result in read.items()} == {"reference": ("2", 0), "reader": ("3", 0)}


@pytest.mark.parametrize("module, name", [(handwriting, "prepare"), (sheets, "read_sheet")])
def test_a_sentence_is_a_refusal_and_a_fault_is_not_hidden(module, name, monkeypatch):
    def fail(error):
        def function(*arguments):
            raise error

        return function

    read = measure_handwriting.read_digit if name == "prepare" else measure_handwriting.read_sheet
    monkeypatch.setattr(module, name, fail(PictureError("there is no ink in this picture.")))
    text, unread, milliseconds = read("picture", {"reader": 3})["reader"]
    assert text is None and unread == 0 and milliseconds >= 0
    monkeypatch.setattr(module, name, fail(IndexError("a fault of the program")))
    with pytest.raises(IndexError):
        read("picture", {"reader": 3})


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Two dimensions, a picture that is drawn at once, a network that reads every digit as the last one of its seed."""
    seeds = []

    def draw(dimension, seed):
        seeds.append(seed)
        return Image.new("L", (30, 30)), [str(seed % 10)] if dimension == "digit: plain" else ["12", "34"]

    monkeypatch.setattr(measure_handwriting, "use_lesson_python", lambda: None)
    monkeypatch.setattr(handwritten, "draw", draw)
    monkeypatch.setattr(handwritten, "DIMENSIONS", {"digit: plain": ("single", {}), "sheet: plain": ("sheet", {})})
    monkeypatch.setattr(measure_handwriting, "load_networks", lambda: {"reference": 3, "reader": 4})
    digit = lambda picture, networks: {name: (str(model), 0, 10.0 * model) for name, model in networks.items()}
    sheet = lambda picture, networks: {name: ("1234", 0, 10.0 * model) for name, model in networks.items()}
    monkeypatch.setattr(measure_handwriting, "read_digit", digit)
    monkeypatch.setattr(measure_handwriting, "read_sheet", sheet)
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    return seeds


def test_the_stored_table_is_of_seeds_that_nobody_tunes_on(quick, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure_handwriting.py", "--tune"])
    measure_handwriting.main()
    tuned = set(quick)
    assert not list(tmp_path.iterdir()), "--tune writes nothing"
    assert "digit: plain" in capsys.readouterr().out
    quick.clear()
    monkeypatch.setattr(sys, "argv", ["measure_handwriting.py"])
    measure_handwriting.main()
    assert quick and not tuned & set(quick)
    table = json.loads((tmp_path / "handwriting.json").read_text(encoding="utf-8"))
    assert {"date", "environment"} <= set(table)
    for kind in ("single", "sheet"):
        first, last = table["seeds"][kind]
        assert {*range(first, last + 1)} <= set(quick)
    single, sheet = table["rows"]
    assert single["pictures"] == single["digits"] == measure_handwriting.NUMBER["single"] == 15
    assert single["reference"]["without error"] == 2 == 15 - single["reference"]["errors"]  # seeds 1003 and 1013
    assert sheet["reader"] == {
        "without error": 10,
        "errors": 0,
        "silent": 0,
        "not read": 0,
        "refused": 0,
        "milliseconds": 40,
    }
    assert table["together"]["sheet"]["digits"] == 40


def test_tuning_can_look_at_one_difficulty(quick, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure_handwriting.py", "--tune", "sheet"])
    measure_handwriting.main()
    assert "digit: plain" not in capsys.readouterr().out


def test_the_table_adds_up():
    rows = [
        {
            "name": name,
            "kind": "sheet",
            "pictures": 12,
            "digits": 80,
            "reader": dict.fromkeys(("errors", "milliseconds"), k),
        }
        for k, name in enumerate(("a", "b", "c"))
    ]
    total = measure_handwriting.add_up(rows)
    assert total["pictures"] == 36 and total["digits"] == 240
    assert total["reader"] == {"errors": 3, "milliseconds": 2}, "errors are added, and the slowest median counts"


def test_the_reference_network_is_measured_and_the_reader_where_it_is_stored(tmp_path, monkeypatch):
    assert list(measure_handwriting.load_networks())[0] == "reference"
    monkeypatch.setattr(stored, "STORED_DIR", tmp_path)
    assert measure_handwriting.load_networks() == {}


def test_what_is_stored_is_of_all_difficulties_and_of_no_seed_to_tune_on():
    table = json.loads((stored.STORED_DIR / "handwriting.json").read_text(encoding="utf-8"))
    assert {row["name"]: row["kind"] for row in table["rows"]} == {
        name: kind for name, (kind, _) in handwritten.DIMENSIONS.items()
    }, "run python scripts/measure/measure_handwriting.py"
    for kind, (first, last) in table["seeds"].items():
        assert first >= measure_handwriting.STORED_SEED > measure_handwriting.TUNE_SEED + last - first
        rows = [row for row in table["rows"] if row["kind"] == kind]
        assert table["together"][kind] == measure_handwriting.add_up(rows)
        for row in rows:
            assert row["pictures"] == last - first + 1
            for counts in (row["reference"], row["reader"]):
                assert row["pictures"] - counts["without error"] <= counts["errors"]
                assert counts["silent"] <= counts["errors"]
