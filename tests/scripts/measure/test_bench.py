"""scripts/measure/bench.py: each contestant has a Python of its own, and medians are compared. No timing here."""

import bench
import pytest


@pytest.mark.parametrize(
    "values, expected", [([3.0, 1.0, 2.0], 2.0), ([None, 1.0, 2.0], 2.0), ([None, None, 2.0], None)]
)
def test_a_round_that_never_got_there_counts_as_the_longest(values, expected):
    assert bench.median([{"seconds to 99 %": value} for value in values], "seconds to 99 %") == expected


@pytest.fixture
def medians():
    rows = {name: {"seconds an epoch": 2.0, "peak memory in MB": 100} for name in bench.CONTESTANTS}
    rows["improved"] |= {"seconds in all": 4.0, "seconds to 99 %": 5.0}
    rows["one epoch"] |= {"seconds in all": 1.0, "seconds to 99 %": 3.0}
    rows["example"]["seconds an epoch"] = 15.0
    rows["example, fast"] |= {"seconds to 99 %": 30.0, "epochs to 99 %": 4}
    return rows


def test_the_table_holds_all_contestants_and_ratios(medians, capsys):
    bench.print_medians(medians)
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out for name in medians)
    assert [line.rsplit(": ")[-1] for line in out.splitlines()[-4:]] == ["0.400", "0.100", "0.100", "0.050"]


def test_what_was_never_reached_has_no_ratio(medians, capsys):
    medians["example, fast"] |= {"seconds to 99 %": None, "epochs to 99 %": None}
    bench.print_medians(medians)
    assert capsys.readouterr().out.count("never got there") == 2


def test_figures_in_words():
    row = {"seconds an epoch": 1.26, "seconds to 99 %": None}
    assert bench.in_words(row) == "1.3 seconds an epoch, never: seconds to 99 %"


def contestant(folder, monkeypatch, program):
    """Put a program in the place of the real contestants."""
    monkeypatch.setattr(bench, "CONTESTANT", folder / "contestants.py")
    bench.CONTESTANT.write_text(program, encoding="utf-8")


def test_a_contestant_runs_in_a_python_of_its_own(tmp_path, monkeypatch, capfd):
    program = "import json, os, sys\nprint('Epoch: 1, so far')\nprint(json.dumps([sys.argv[1], os.getpid()]))\n"
    contestant(tmp_path, monkeypatch, program)
    first, second = (bench.in_own_python("fast path") for _ in "ab")
    assert first[0] == "fast path" and first[1] != second[1], "another process each time"
    assert capfd.readouterr().out == 2 * "    fast path: Epoch: 1, so far\n"


def test_a_contestant_that_fails_ends_the_comparison(tmp_path, monkeypatch):
    contestant(tmp_path, monkeypatch, "print('{}')\nraise SystemExit(3)\n")
    with pytest.raises(SystemExit, match="The contestant improved failed"):
        bench.in_own_python("improved")


def test_everything_is_written_and_the_order_turns_round(tmp_path, monkeypatch):
    """In a round the first may profit from a cool machine, so every second round goes backwards."""
    called = []

    def in_own_python(name):
        called.append(name)
        figures = dict.fromkeys(["seconds in all", "seconds to 99 %", "epochs to 99 %"])
        return {"seconds an epoch": float(len(called)), "peak memory in MB": 100, **figures}

    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "use_lesson_python", lambda: None)
    monkeypatch.setattr(bench, "in_own_python", in_own_python)
    monkeypatch.setattr(bench, "measure_busy", lambda rounds: {"alone": {"lesson first": rounds}})
    monkeypatch.setattr(bench, "measure_growth", lambda rounds: {"images": {rounds: 1.0}, "width": {1: 1.0}})
    bench.main()
    names = list(bench.CONTESTANTS)
    assert called == [bench.PHOTO, *names, *reversed(names), *names]
    written = bench.json.loads((tmp_path / "build" / "bench.json").read_text(encoding="utf-8"))
    assert written["medians"]["plain loop"]["seconds an epoch"] == 15, "the median of 2, 15 and 16"
    assert written["five epochs of notebook 10: seconds"] == {"alone": {"lesson first": bench.ROUNDS}}
    assert written["growth: seconds an epoch of 60,000 images"]["images"] == {str(bench.ROUNDS): 1.0}
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == ["bench.json", "bench_growth.png"]
