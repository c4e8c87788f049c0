"""scripts/classroom/report.py: a page that shows what a learner wrote, and never does what it says."""

import html.parser
import importlib.util
import re

import pytest
from browser import find_chromium, is_root, watch_errors
from points import totals
from report import LONGEST_CODE, common_mistakes, histogram, learner_on_page, page, shown_code, write_report
from tables import ERROR, FAILED, NOT_ATTEMPTED, PASSED, TAMPERED, Row
from test_alike import COPY, ORIGINAL

POINTS = {"4.1": 1, "4.5": 3}
STUB, SOLUTION = "def f(x):\n    ...", "def f(x):\n    return x + 1"
KNOWN = {"4.1": [STUB, SOLUTION]}
EVIL = "</code></pre><script>document.title = 'evil'</script><img src=x onerror=alert(1)>\0\u202e\udcff{{ 7 * 7 }}"


def row(who, exercise, result, detail="", answer="", name="f"):
    return Row(f"{who}_1_x/04.ipynb", exercise, name if exercise else "", result, detail, "bwrap", answer)


ROWS = [
    row("Ann", "4.1", PASSED, answer=f"# mine\n{SOLUTION}\nchecks.f(f)"),
    row("Ann", "4.5", PASSED, answer=ORIGINAL),
    row("Bob", "4.1", NOT_ATTEMPTED, "nothing there", STUB),
    row("Bob", "4.5", PASSED, answer=COPY),
    row("Cid", "4.1", FAILED, "You returned 13 for 'a'.", "def f(x): return 13 + 0"),
    row("Dan", "4.1", FAILED, "You returned -2.5 for 'b'.", "def f(x): return 13"),
    row("Eve", "4.1", ERROR, "its Python ended", EVIL),
    row("Eve", "4.5", TAMPERED, f"look at it {EVIL}", EVIL),
    row("<script>=cmd()<script>\u202e\udcff\n", "", ERROR, "is no notebook"),
    row("Fay", "4.1", FAILED, "Only Fay got this one.", "def f(x): return 'Fay'"),
]


class Outline(html.parser.HTMLParser):
    """The elements of a page, its headings with their texts, and what its links lead to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.headings, self.ids, self.links = [], set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        given = dict(attributes)
        self.attributes |= set(given)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([int(tag[1]), ""])

    def handle_data(self, text):
        if self.headings and self.tags[-1] in (f"h{self.headings[-1][0]}", "bdi"):
            self.headings[-1][1] += text


@pytest.fixture(scope="module")
def text():
    return page(ROWS, POINTS, KNOWN)


def part(text, start, end):
    """What stands on the page between two headings, given by their ids."""
    return text.partition(f'<h2 id="{start}">')[2].partition(f'<h2 id="{end}">')[0]


def test_nothing_of_a_learner_is_markup(text):
    outline = Outline(text)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(outline.tags)
    assert not {name for name in outline.attributes if name.startswith("on")} | {"src"} & outline.attributes
    assert "&lt;script&gt;" in text and "{{ 7 * 7 }}" in text and "\\x00\\u202e\\udcff" in text
    assert not {"\0", "\u202e", "\udcff"} & set(text)


def test_the_page_forbids_scripts_and_the_network(text):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert all(link.startswith("#") for link in Outline(text).links)


def test_headings_are_in_order_and_all_links_lead_somewhere(text):
    outline = Outline(text)
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert len(outline.ids) == len(set(outline.ids))
    assert {link[1:] for link in outline.links} <= set(outline.ids)


def test_what_was_tampered_with_comes_first(text):
    by_hand = part(text, "by-hand", "overview")
    assert by_hand.index("tampered</td>") < by_hand.index("error</td>") and by_hand.count("<tr><td") == 3
    eve = text[text.rindex(">Eve</bdi>") :]
    assert eve.index("4.5 f: tampered, 0 of 3 points") < eve.index("4.1 f: error, 0 of 1 point")


def test_the_class_as_a_whole(text):
    assert "7 learners, 7 files, 2 exercises: 4.1, 4.5" in text
    assert "Points: 0 in the middle (median), 1 on average, of 4" in text
    assert "4.1 f <span" in text and "bwrap (10 rows)" in text
    counts = re.findall(r"<td>(\d)<svg", part(text, "overview", "talk").partition("Results of each")[2])
    assert counts == list("131101200014"), "4.1: 1 passed, 3 failed, 1 not attempted, 1 error, 0 tampered, 1 nothing"


def test_a_hint_that_differs_in_numbers_only_is_one_mistake_and_the_shortest_answer_stands_for_it(text):
    talk = part(text, "talk", "similar")
    assert "Exercise 4.1 f: 2 of 7 learners" in talk and "1 hint more was given to one learner each" in talk
    assert "return 13</code>" in talk and "return 13 + 0" not in talk and "Fay" not in talk
    groups, single = common_mistakes([learner_on_page(one) for one in totals(ROWS, POINTS)])
    assert [(group.count, group.example.answer) for group in groups] == [(2, "def f(x): return 13")] and single == 1


def test_similar_answers_stand_side_by_side(text):
    similar = part(text, "similar", "learners")
    assert "Exercise 4.5: 100% in common" in similar and similar.count("<details>") == 1
    assert "def build(" in similar and "def my_network(" in similar


def test_each_answer_stands_beside_its_hint_and_the_lessons_own_is_named(text):
    learners = text.partition('<h2 id="learners">')[2]
    assert re.search(
        r"You returned 13 for &#39;a&#39;\.</p>\s*<pre dir=\"ltr\"><code>def f\(x\): return 13 \+ 0</code>", learners
    )
    assert learners.count("The solution that came with the lesson.") == 1, "of Ann"
    assert learners.count("The stub, as it came with the lesson.") == 1, "of Bob"


def test_files_that_fit_no_pattern_are_counted():
    assert "does not fit" not in page(ROWS, POINTS, KNOWN)
    assert "<code>{name}/*</code>: 1." in page([ROWS[0]._replace(file="loose.ipynb")], POINTS, KNOWN, "{name}/*")


def test_two_files_of_a_learner_are_told_apart():
    text = page([ROWS[0], ROWS[0]._replace(file="Ann_1_x/new.ipynb", result=FAILED, detail="no")], POINTS, KNOWN)
    assert "was handed in 2 times, and the best counts" in text
    assert "4.1 f: failed, does not count" in text and text.count("Ann_1_x/new.ipynb") > 1


def test_a_long_answer_and_a_large_class_make_no_huge_file():
    assert len(shown_code("x\n" * 50_000)) < LONGEST_CODE and len(shown_code("x" * 100_000)) < LONGEST_CODE + 100
    assert "the whole answer has 100,000 letters" in shown_code("x" * 100_000)
    many = [row(f"p{who}", "4.1", FAILED, "y" * 10_000, "z\n" * 50_000) for who in range(20)]
    assert len(page(many, POINTS, KNOWN)) < 20 * 3000


def test_what_cannot_be_seen_in_code_is_spelt_out_and_its_lines_stay():
    assert shown_code("\n\na\r\nb\rc\n\td\x0c\u2028e\n") == "a\nb\nc\n    d\\x0c\\u2028e"


@pytest.mark.parametrize(
    "got, possible, bins",
    [
        ([0, 1, 2, 2], 2, [("0", 1), ("1", 1), ("2", 2)]),
        ([3, 20, 19], 20, [("0", 0), ("1 to 2", 0), ("3 to 4", 1), *[(f"{n} to {n + 1}", 0) for n in range(5, 19, 2)], ("19 to 20", 2)]),
        ([0.5, 1.5], 2, [("0", 0), ("above 0, up to 1", 1), ("above 1, up to 2", 1)]),
        ([0], 0, [("0", 1)]),
        ([], 0, [("0", 0)]),
    ],
)  # fmt: skip
def test_the_histogram_counts_everybody_once(got, possible, bins):
    assert histogram(got, possible) == bins


def test_the_same_rows_give_the_same_file_and_nothing_is_left_behind(tmp_path):
    path = tmp_path / "new" / "report.html"
    write_report(ROWS, POINTS, path, KNOWN)
    first = path.read_bytes()
    write_report(ROWS, POINTS, path, KNOWN)
    assert path.read_bytes() == first and list(path.parent.iterdir()) == [path]


def test_a_class_without_a_row_has_a_report():
    assert "0 learners, 0 files, 0 exercises." in page([], {}, {})


@pytest.mark.skipif(
    not find_chromium() or not all(map(importlib.util.find_spec, ("playwright", "axe_playwright_python"))),
    reason="there is no Chromium, no playwright or no axe_playwright_python here",
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page_and_runs_nothing(scheme, text, tmp_path):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), chromium_sandbox=not is_root())
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": 1280, "height": 720}, bypass_csp=True
        )  # axe is a script, which the page forbids
        tab = context.new_page()
        errors, asked = watch_errors(tab), []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((tmp_path / "report.html").as_uri())
        assert tab.title() == "What the class handed in" and len(asked) == 1 and errors == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= 1280, "the page is wider than the screen"
        assert tab.evaluate("document.querySelector('.answer').children[1].getBoundingClientRect().left") > 400
        problems = [rule["id"] for rule in Axe().run(tab).response["violations"]]
        browser.close()
    assert problems == []
