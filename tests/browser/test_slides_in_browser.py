"""The slides in Chromium, at the size of a projector: nothing is cut off, and nothing comes from the network."""

import importlib.util

import pytest
import slides
from browser import find_chromium, open_page, watch_errors

from notebooks import all_notebooks

CHROMIUM = find_chromium()
LACKS = [name for name in ("playwright", *slides.PACKAGES) if not importlib.util.find_spec(name)]
if CHROMIUM is None or LACKS:
    pytest.skip(f"there is no {' and no '.join(LACKS or ['Chromium'])} here", allow_module_level=True)

WIDTH, HEIGHT = 1280, 720
MEASURE = """() => [...document.querySelectorAll('.slides > section')].flatMap((stack, h) =>
    [...stack.querySelectorAll(':scope > section')].map((slide, v) => {
        Reveal.slide(h, v);
        const {left, top, right, bottom} = slide.getBoundingClientRect();
        return {
            place: [h, v],
            box: [left, top, right, bottom].map(Math.round),
            isCut: slide.scrollHeight > slide.clientHeight + 1 && getComputedStyle(slide).overflowY !== 'auto',
            isWide: slide.scrollWidth > slide.clientWidth + 1,
            scrolls: slide.scrollHeight > slide.clientHeight + 1,
            empty: !slide.innerText.trim() && !slide.querySelector('img, svg, canvas, iframe'),
            figures: [...slide.querySelectorAll('img')].map((image) => image.getBoundingClientRect().height),
        };
    }))"""


def test_no_slide_is_cut_off(tmp_path):
    folder = tmp_path / "slides"
    folder.mkdir()
    slides.write_slides(folder)
    with open_page(CHROMIUM, tmp_path) as page:
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        errors = watch_errors(page)
        for path in all_notebooks():
            page.goto((folder / f"{path.stem}.html").as_uri())
            page.wait_for_function("Reveal.isReady()")
            found = page.evaluate(MEASURE)
            assert len(found) > 30, f"{path.stem} has hardly any slides"
            for slide in found:
                where = f"slide {slide['place']} of {path.stem}"
                assert slide["box"] == [0, 0, WIDTH, HEIGHT], f"{where} does not fill the window"
                assert not slide["isCut"] and not slide["isWide"], f"{where} is cut off"
                assert all(20 < height <= 600 for height in slide["figures"]), f"a figure of {where} has no good size"
                assert not slide["empty"], f"{where} is empty"
            scrolling = [slide["place"] for slide in found if slide["scrolls"]]
            assert len(scrolling) <= len(found) / 8, f"too many slides of {path.stem} have a scroll bar: {scrolling}"
            page.evaluate("Reveal.slide(0, 0)")
            page.keyboard.press("Space")
            assert page.evaluate("Reveal.getSlidePastCount()") == 1, "the space bar leads to the next slide"
        assert not errors
