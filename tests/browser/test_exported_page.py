"""The page of notebook 11 in a real browser: its network was trained a moment ago, and every request is blocked."""

import base64
import importlib.util
import io
import json
import re
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch
from browser import FLAGS, find_chromium, is_root, watch_errors
from page_pictures import draw_pictures
from PIL import Image

from mnist_lesson.further.drawing import EXAMPLES_DIR, draw_strokes
from mnist_lesson.further.export import export_page
from mnist_lesson.further.handwriting import prepare
from mnist_lesson.further.recipes import ONE_EPOCH, fit_recipe, load_tensors
from mnist_lesson.model import CNN
from mnist_lesson.results import Run, load_run
from mnist_lesson.stored import READER_DIR, REFERENCE_DIR

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium and no Chrome here"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None,
        reason='Playwright is not installed: python -m pip install -e ".[browser]"',
    ),
]

TRAINED = 20_000  # images: some seconds
PICTURES = 38  # one of each kind; 300 were tried once
SCRIBBLE = [[(50 + 9 * n, 60 if n % 2 else 220) for n in range(20)], [(60, 140), (220, 140)], [(140, 50), (140, 230)]]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
# The page reads before the next picture of the screen, and shows the maps after that.
IS_DONE = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => setTimeout(done))))"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=not is_root())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The page of a network that is trained here."""
    torch.manual_seed(0)
    model = CNN()
    (images, labels), test_data = load_tensors(train=True), [own[:1000] for own in load_tensors(train=False)]
    history, _ = fit_recipe((images[:TRAINED], labels[:TRAINED]), test_data, model, replace(ONE_EPOCH, normalise=False))
    run = Run(model, history, {"EPOCHS": 1}, {})
    return export_page(run, tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The page of the network that was shown scribbles, so that it refuses them."""
    return export_page(load_run(READER_DIR), tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture
def visit(browser):
    """Return a function that opens a page, offline, in a window of its own; at the end nothing may have gone wrong."""
    contexts, errors, requests = [], [], []

    def open_page(path, **window):
        context = browser.new_context(offline=True, **window)
        contexts.append(context)
        page = context.new_page()
        errors.append(watch_errors(page))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.evaluate(IS_DONE)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [error for of_page in errors for error in of_page] == []
    foreign = [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert foreign == [] and len([url for url in requests if url.startswith("file:")]) == len(contexts)


def drawings():
    """The ten stored drawings: digit and strokes, in units of a pad with a side of 280."""
    return json.loads((EXAMPLES_DIR / "strokes.json").read_text(encoding="utf-8"))


def on_page(page, strokes):
    """Return the strokes in pixels of the window."""
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    scale = box["width"] / 280
    return [[(box["x"] + scale * x, box["y"] + scale * y) for x, y in points] for points in strokes]


def draw_with_mouse(page, strokes):
    for points in on_page(page, strokes):
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    page.evaluate(IS_DONE)


def draw_with_finger(page, strokes):
    fingers = page.context.new_cdp_session(page)

    def send(kind, *points):
        touches = [{"x": x, "y": y} for x, y in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    for points in on_page(page, strokes):
        send("touchStart", points[0])
        for point in points[1:]:
            send("touchMove", point)
        send("touchEnd")
    page.evaluate(IS_DONE)


def wait_for(page, condition):
    """Wait for something and for the bars; `page.wait_for_function` does what the page's own rules forbid."""
    page.evaluate(
        f"new Promise((done) => {{ const look = () => (({condition}) ? done() : setTimeout(look, 20)); look(); }})"
    )
    page.evaluate(IS_DONE)


def said(page):
    return page.locator("#status").inner_text()


def numbers(page):
    return page.locator("#bars td:last-child").all_inner_texts()


def pixels(page, name):
    """Return what a canvas shows, as bytes."""
    return page.evaluate(f"node('{name}').toDataURL()")


def as_png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def photo_of(digit):
    ink = draw_strokes(drawings()[str(digit)], 280, 280, 18)
    return Image.fromarray((60 + 150 * (1 - ink)).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize("draw, window", [(draw_with_mouse, {}), (draw_with_finger, PHONE)], ids=["mouse", "finger"])
def test_nine_or_more_of_the_ten_digits_are_read(draw, window, own, visit):
    page = visit(own, **window)
    read = {}
    for digit, strokes in drawings().items():
        page.locator("#clear").dispatch_event("click")
        strokes = [[*points[:-1:3], points[-1]] for points in strokes]  # a quick hand: between them are lines
        draw(page, strokes)
        read[digit] = said(page)
        points = page.evaluate("strokes.map((stroke) => stroke.length)")
        assert points == [len(stroke) for stroke in strokes], "points of the pen were lost"
    right = [digit for digit in read if f"reads {digit}, with" in read[digit]]
    assert len(right) >= 9, read
    assert page.evaluate("[scrollX, scrollY]") == [0, 0] or draw is draw_with_mouse, "a finger scrolled the page"


def test_what_is_shown_is_what_python_finds(own, visit):
    page = visit(own)
    draw_with_mouse(page, drawings()["7"])
    shown = [float(number.removesuffix("%")) for number in numbers(page)]
    assert sum(shown) == pytest.approx(100, abs=1)
    assert page.locator("#bars tr.best th").inner_text() == page.locator("#digit").inner_text() == "7"
    width = page.evaluate("document.querySelector('.best .bar div').style.width")
    assert float(width.removesuffix("%")) == pytest.approx(shown[7], abs=0.1)
    image = page.evaluate("[...result.prepared.centred.data]")
    ink = draw_strokes(drawings()["7"], 280, 280, 18)
    close = np.abs(np.array(image) - prepare(1 - ink).flatten().numpy())
    assert close.mean() < 0.02, "browser and Pillow draw the same line with rims of their own, not more"
    colours = """(name) => {
        const { width, height } = node(name);
        return new Set(node(name).getContext("2d").getImageData(0, 0, width, height).data).size;
    }"""
    for name in ("centred", "speaks", "grey", "paper", "ink", "cropped", "fitted", "conv1", "conv2"):
        assert page.evaluate(colours, name) > 1, f"{name} is empty"


def test_all_follows_the_pen_but_it_is_read_aloud_when_the_pen_is_up(own, visit):
    page = visit(own)
    before = {name: pixels(page, name) for name in ("conv1", "conv2", "centred", "speaks")}
    (points,) = on_page(page, drawings()["7"])
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points:
        page.mouse.move(*point)
    page.evaluate(IS_DONE)
    assert page.locator("#digit").inner_text() == "7" and numbers(page)[7] != "–"
    assert [name for name in before if pixels(page, name) == before[name]] == [], "they wait until the pen is up"
    assert "Draw one digit" in said(page)
    page.mouse.up()
    page.evaluate(IS_DONE)
    assert "reads 7" in said(page)


def test_undo_takes_the_last_stroke_and_clear_all(own, visit):
    page = visit(own)
    empty = pixels(page, "pad")
    assert "Draw one digit" in said(page) and set(numbers(page)) == {"–"}, "an empty pad predicts something"
    assert page.locator("#undo").is_disabled() and page.locator("#clear").is_disabled()
    first, second = drawings()["4"]
    draw_with_mouse(page, [first])
    before, shown = pixels(page, "pad"), numbers(page)
    draw_with_mouse(page, [second])
    assert pixels(page, "pad") != before
    page.click("#undo")
    page.evaluate(IS_DONE)
    assert pixels(page, "pad") == before and numbers(page) == shown
    page.click("#clear")
    page.evaluate(IS_DONE)
    assert pixels(page, "pad") == empty and set(numbers(page)) == {"–"} and "Draw one digit" in said(page)
    assert page.locator("#digit").inner_text() == ""


def test_a_photo_is_read_from_a_file_from_a_drop_and_from_the_clipboard(own, visit):
    page = visit(own)
    page.set_input_files("#file", {"name": "3.png", "mimeType": "image/png", "buffer": as_png(photo_of(3))})
    wait_for(page, "photo !== null")
    assert "reads 3" in said(page)
    send = """([kind, field, text, type]) => {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "file", { type }));
        photo = null; // what comes is waited for
        const init = { bubbles: true, cancelable: true, [field]: data };
        const event = kind === "paste" ? new ClipboardEvent(kind, init) : new DragEvent(kind, init);
        document.body.dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    for kind, field, digit in (("paste", "clipboardData", 7), ("drop", "dataTransfer", 5)):
        text = base64.b64encode(as_png(photo_of(digit))).decode()
        was_prevented = page.evaluate(send, [kind, field, text, "image/png"])
        wait_for(page, "photo !== null")
        assert f"reads {digit}" in said(page), kind
        assert was_prevented or kind == "paste", "the browser opens a dropped picture in place of the page"
    page.evaluate(send, ["drop", "dataTransfer", base64.b64encode(b"no picture").decode(), "image/png"])
    wait_for(page, "photo?.error")
    assert said(page) == "Your browser cannot read this file as a picture."
    draw_with_mouse(page, drawings()["7"])
    assert "reads 7" in said(page), "a stroke begins anew after a bad file"


def test_a_large_photo_of_a_phone_is_turned_upright(own, visit):
    page = visit(own)
    picture = photo_of(4).resize((3000, 4000)).rotate(90, expand=True)
    exif = Image.Exif()
    exif[274] = 6  # turn it by 90 degrees to the right
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif)
    page.set_input_files("#file", {"name": "4.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()})
    wait_for(page, "photo !== null")
    assert page.evaluate("[photo.width, photo.height]") == [3000, 4000]
    assert "reads 4" in said(page)


def test_pictures_without_a_digit_are_refused_in_a_sentence(reader, visit):
    page = visit(reader)
    draw_with_mouse(page, SCRIBBLE)
    assert re.fullmatch(
        r"This may not be a digit\. \d comes nearest, with \d+\.\d %\.", said(page).replace("\xa0", " ")
    )
    assert page.locator("#digit").inner_text() == "?"
    for picture, words in (
        (Image.new("L", (300, 300), 200), "No ink to be seen"),
        (Image.new("L", (5, 5)), "too small"),
    ):
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": as_png(picture)})
        wait_for(page, f"photo?.width === {picture.width}")
        assert words in said(page) and set(numbers(page)) == {"–"}


def test_all_works_with_the_keyboard(own, visit):
    page = visit(own)
    order = []
    for _ in range(6):  # an empty pad has nothing to undo or to clear
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
        line = "getComputedStyle(document.activeElement.closest('.button') ?? document.activeElement).outlineStyle"
        assert order[-1] is None or page.evaluate(line) == "solid", f"{order[-1]} does not show the focus"
        if order[-1] == "Example 7":
            page.keyboard.press("Enter")
            page.evaluate(IS_DONE)
            assert "reads 7" in said(page)
    assert order[:5] == ["file", "Example 2", "Example 4", "Example 7", "Example: a scribble"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_it_fits_and_axe_finds_nothing(scheme, width, locale, own, visit):
    pytest.importorskip("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    window = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "locale": locale}
    page = visit(own, **window, reduced_motion="reduce")
    page.locator("#examples button").first.click()
    page.evaluate(IS_DONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 380) == (scheme == "light")
    chinese = locale == "zh-CN"
    assert page.evaluate("document.documentElement.lang") == ("zh-CN" if chinese else "en")
    assert page.title() == ("写一个数字" if chinese else "Draw a digit")
    assert ("识别为 2" if chinese else "reads 2") in said(page)
    assert not re.search(r"[{}]|undefined|NaN", page.locator("body").inner_text())
    assert page.evaluate("getComputedStyle(document.querySelector('.bar div')).transitionDuration") == "0s"
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []


def test_the_time_from_a_stroke_to_the_bars(own, visit, capsys):
    page = visit(own)
    draw_with_mouse(page, drawings()["3"])
    measure = """() => Array.from({ length: 15 }, () => {
        const start = performance.now();
        result = look();
        showAnswer();
        const bars = performance.now();
        showInside();
        return [bars - start, performance.now() - bars];
    })"""
    bars, inside = zip(*page.evaluate(measure))
    with capsys.disabled():
        print(
            f"\nfrom a stroke to the bars: {statistics.median(bars):.1f} ms, least {min(bars):.1f} ms; "
            f"then the maps: {statistics.median(inside):.1f} ms"
        )
    assert min(bars) < 1000


def test_the_preparation_is_that_of_python(own, visit):
    page = visit(own)
    model = load_run(REFERENCE_DIR).model.eval()
    code = """async (text) => {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const image = await createImageBitmap(new Blob([bytes]));
        const { width, height } = image;
        const context = newCanvas(width, height).getContext("2d");
        context.drawImage(image, 0, 0);
        try {
            const { data } = context.getImageData(0, 0, width, height);
            return [...prepareSteps({ width, height, data }).centred.data];
        } catch (error) {
            return error.message;
        }
    }"""
    far, others, count = [], [], 0
    for kind, seed, picture in draw_pictures(PICTURES):
        file = as_png(picture)
        found = page.evaluate(code, base64.b64encode(file).decode())
        count += 1
        try:
            expected = prepare(file)
        except ValueError:
            assert isinstance(found, str), f"{kind} {seed}: Python finds no digit"
            continue
        assert not isinstance(found, str), f"{kind} {seed}: {found}"
        image = torch.tensor(found).reshape(1, 28, 28)
        if (image - expected).abs().max() > 1 / 255:
            far.append((kind, seed))
        with torch.no_grad():
            if len(set(model(torch.stack([image, expected])).argmax(dim=1).tolist())) > 1:
                others.append((kind, seed))
    assert not far, f"{len(far)} of {count} differ by more than 1/255"
    assert not others, f"{len(others)} of {count} are read differently"
