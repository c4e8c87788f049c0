"""The site as a reader sees it: every page in Chromium, which reaches nothing but the site itself; and on paper."""

import functools
import http.server
import importlib.util
import re
import threading
import zlib

import build_site
import pdf
import pytest
from browser import find_chromium, is_root, watch_errors
from install import ROOT

from notebooks import all_notebooks

CHROMIUM = find_chromium()
LACKS = [
    name for name in ("playwright", "axe_playwright_python", *build_site.PACKAGES) if not importlib.util.find_spec(name)
]
if CHROMIUM is None or LACKS:
    pytest.skip(f"there is no {' and no '.join(LACKS or ['Chromium'])} here", allow_module_level=True)

NAMES = [f"notebooks/{path.stem}.html" for path in all_notebooks()]
NAMES += ["index.html", "docs/glossary.html", "docs/corrections.html", "docs/exercises.html", "docs/api.html"]
NAMES += [
    "docs/further_out.html",
    "docs/teaching.html",
    "docs/nbgrader.html",
    "CONTRIBUTING.html",
    "CHANGELOG.html",
    "data/README.html",
]
NAMES += ["search.html?q=tensor"]
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, made anew."""
    folder = tmp_path_factory.mktemp("site")
    build_site.build(folder / "source", folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def address(site):
    """The address at which the site is served, on this machine only."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=not is_root())
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["light", "dark"])
def visit(request, chromium, address):
    """A function that opens a page of the site, in light and in dark, and returns the page and what went wrong."""
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.route("**/*", lambda route: route.continue_() if is_own(route.request.url, address) else route.abort())
    errors = watch_errors(page)
    page.on("requestfailed", lambda wanted: errors.append(f"asked in vain for {wanted.url}"))
    page.on("request", lambda wanted: is_own(wanted.url, address) or errors.append(f"asked for {wanted.url}"))

    def visit(name):
        errors.clear()
        page.goto(address + name)
        assert page.locator("html").get_attribute("data-theme") == request.param
        return page, errors

    yield visit
    context.close()


def is_own(url, address):
    return url.startswith((address, "data:", "blob:"))


def grave_problems(page, name):
    """What axe calls serious or critical, a line each. In the dark only the colours differ.

    Code has the same colours on all pages, so it is looked at on one of them. The page in the frame has its own tests.
    """
    from axe_playwright_python.sync_playwright import Axe

    leave_out = [["iframe"]] if name == "notebooks/01_setup.html" else [["iframe"], [".highlight"]]
    is_dark = page.locator("html").get_attribute("data-theme") == "dark"
    options = {"resultTypes": ["violations"], "preload": False}  # it would ask for style sheets that no page uses
    options |= {"runOnly": ["color-contrast"]} if is_dark else {}
    found = Axe().run(page, {"exclude": leave_out}, options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}" for rule in found if rule["impact"] in GRAVE for node in rule["nodes"]
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_asks_for_nothing_else_and_can_be_read(visit, name):
    page, errors = visit(name)
    page.wait_for_load_state("networkidle")
    assert page.locator("main h1").last.inner_text()
    assert grave_problems(page, name) == []
    assert page.evaluate("[...document.images].filter((image) => !image.naturalWidth).map((image) => image.src)") == []
    assert errors == []


def test_the_pages_are_all_that_there_are(site):
    assert {path.relative_to(site).as_posix() for path in site.rglob("*.html")} == {
        "draw.html",
        *(name.partition("?")[0] for name in NAMES),
    }


def test_the_site_is_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) <= 12_000_000


def test_search_finds_a_word(visit):
    page, errors = visit("search.html?q=saliency")
    page.wait_for_selector("ul.search li a")
    assert "07_look_inside.html" in page.locator("ul.search li a").first.get_attribute("href")
    assert errors == []


def test_links_between_pages_work(visit):
    page, errors = visit("notebooks/01_setup.html")
    page.get_by_role("link", name="Next: 2. Load MNIST").first.click()
    page.wait_for_url("**/notebooks/02_data.html")
    page.get_by_role("link", name="Glossary").last.click()
    page.wait_for_url("**/docs/glossary.html")
    page.get_by_role("link", name="5. The gradient: which way is down?").first.click()
    page.wait_for_url("**/notebooks/05_training.html#*")
    heading = page.locator(":target > h2")
    assert heading.inner_text().startswith("The gradient") and 0 <= heading.bounding_box()["y"] < 300
    assert errors == []


def test_solutions_and_notes_are_folded_and_can_be_read(visit):
    page, _ = visit("notebooks/01_setup.html")
    note = page.locator("details", has_text="For instructors").first
    solution = page.locator("details", has_text="Show the solution").first
    for folded, words in ((note, "Pacing:"), (solution, "torch.manual_seed(seed)")):
        text = folded.get_by_text(words).first
        assert not text.is_visible()
        folded.locator("summary").first.click()
        assert text.is_visible()


def test_figures_have_an_opaque_ground(visit):
    page, _ = visit("notebooks/06_results.html")
    grounds = page.evaluate(
        "[...document.querySelectorAll('.cell_output img')].map((i) => getComputedStyle(i).background)"
    )
    assert grounds
    if page.locator("html").get_attribute("data-theme") == "dark":
        assert all("rgb(255, 255, 255)" in ground for ground in grounds)


def test_the_front_page_reads_digits(visit):
    page, errors = visit("index.html")
    frame = page.frame_locator("iframe.draw")
    frame.locator("#examples button").first.click()
    frame.locator("#digit", has_text=re.compile(r"^\d$")).wait_for()
    assert errors == []


def test_the_site_works_from_the_disk(chromium, site):
    page = chromium.new_page()
    errors = watch_errors(page)
    page.goto((site / "notebooks" / "01_setup.html").as_uri())
    page.get_by_role("link", name="Next: 2. Load MNIST").first.click()
    page.wait_for_url("**/02_data.html")
    assert page.locator("article h1").inner_text().startswith("2. Load MNIST")
    assert errors == []
    page.close()


def test_no_page_needs_the_repository(site):
    """What a page needs lies in the site: it may be copied elsewhere."""
    for path in site.rglob("*.html"):
        assert str(ROOT) not in path.read_text(encoding="utf-8"), path


@pytest.fixture(scope="module")
def printed(chromium, site, tmp_path_factory):
    """A page that was printed, and its PDF; the notebook has the tallest figure of all."""
    page = chromium.new_page()
    page.goto((site / "notebooks" / "07_look_inside.html").as_uri())
    path = tmp_path_factory.mktemp("pdf") / "07.pdf"
    pdf.print_page(page, path)
    yield page, path.read_bytes()
    page.close()


def test_no_figure_is_cut_on_paper(printed):
    """One that is cut is drawn twice: at the end of a page, and at the top of the next."""
    page, content = printed
    drawn = 0
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, flags=re.S):
        try:
            drawn += len(re.findall(rb"/X\d+ Do", zlib.decompress(packed)))
        except zlib.error:
            continue  # a picture is packed in another way
    assert content.startswith(b"%PDF") and drawn == page.locator("article img").count() > 10


def test_answers_and_solutions_stand_at_the_end_of_the_paper(printed):
    page, _ = printed
    end = page.locator("#at-the-end")
    assert end.locator("xpath=following-sibling::*").count() == 0
    assert page.locator("div.tag_solution").count() == end.locator("div.tag_solution").count() == 4
    words = end.inner_text()
    assert "By 0. Nothing was erased" in words and "Exercise 7.4" in words and "Pacing:" in words
    assert page.locator("article").inner_text().count("Answer: at the end.") == words.count("\nAnswer\n") > 3
    assert all(page.evaluate("[...document.querySelectorAll('article details')].map((node) => node.open)"))
