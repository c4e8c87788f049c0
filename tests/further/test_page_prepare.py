"""The page's JavaScript prepares handwriting as Python does: filters.js, paper.js, ink.js and handwriting.js."""

import json
import re

import numpy as np
import pytest
from handwritten import draw
from javascript import PAGE, find_node, run_javascript
from page_pictures import KINDS, draw_on_pad
from PIL import Image
from scipy import ndimage

from mnist_lesson.further import handwriting, ink, paper
from mnist_lesson.further.drawing import draw_strokes

pytestmark = pytest.mark.skipif(find_node() is None, reason="Node is not installed, so no JavaScript can be run.")

FILES = ["filters.js", "paper.js", "ink.js", "handwriting.js"]
STEPS = ["grey", "paper", "ink", "cropped", "fitted", "centred"]
ONE_LEVEL = 1 / 255
SEED = 2000
SIMILAR = {  # kinds that go the same ways through the code as others, or take long to draw
    "rare ways to write",
    "uneven pressure",
    "finger at the edge",
    "table fills most",
    "tilted on a table",
    "red margin line",
    "soft shadow",
    "JPEG quality 30",
    "motion blur",
    "whiteboard with glare",
    "scan",
    "screenshot with tool bar",
    "drawn with a mouse",
}

PREPARE_ALL = """
const fs = require("fs");
const results = JSON.parse(fs.readFileSync("sizes.json")).map(([width, height], n) => {
  const bytes = fs.readFileSync(`${n}.rgba`);
  const data = new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.length);
  // As in a browser's ImageData, the sides are no properties of the object itself.
  const picture = Object.create({ get width() { return width; }, get height() { return height; }, data });
  const before = Buffer.from(bytes);
  try {
    const steps = Object.entries(prepareSteps(picture)).map(([name, image]) => {
      const { buffer, byteOffset, byteLength } = image.data;
      fs.writeFileSync(`${n}.${name}`, new Uint8Array(buffer, byteOffset, byteLength));
      return [name, [image.height, image.width]];
    });
    return { steps, isUntouched: bytes.equals(before) };
  } catch (error) {
    return { error: error.message };
  }
});
console.log(JSON.stringify(results));
"""


def prepare_in_node(pictures, folder):
    """Return for each Pillow image what `prepareSteps` gives: name -> array, or the message of its error."""
    sizes = [picture.size for picture in pictures]
    (folder / "sizes.json").write_text(json.dumps(sizes))
    for n, picture in enumerate(pictures):
        np.asarray(picture.convert("RGBA")).tofile(folder / f"{n}.rgba")
    results = []
    for n, found in enumerate(run_javascript(FILES, PREPARE_ALL, folder)):
        if "error" in found:
            results.append(found["error"])
        else:
            assert found["isUntouched"], "the picture was changed"
            read = {name: np.fromfile(folder / f"{n}.{name}", np.float32) for name, _ in found["steps"]}
            results.append({name: read[name].reshape(shape) for name, shape in found["steps"]})
    return results


def difference(steps, other):
    """Return the largest difference of each step that both know, infinite where the shapes differ."""
    return {
        name: float(np.abs(steps[name] - other[name].astype(np.float64)).max())
        if steps[name].shape == other[name].shape
        else np.inf
        for name in STEPS
    }


def test_every_kind_of_picture_is_prepared_as_in_python(tmp_path):
    """A pixel may differ by one level of 255; what is seen is far less, about a rounding of 32 bits."""
    drawn = [(kind, SEED, draw(kind, SEED)[0]) for kind in KINDS if kind.removeprefix("digit: ") not in SIMILAR]
    drawn = [(*name, picture.reduce(2) if picture.width > 900 else picture) for *name, picture in drawn]
    drawn += [("pad", seed, draw_on_pad(seed)) for seed in range(3)]
    prepared = prepare_in_node([picture for *_, picture in drawn], tmp_path)
    problems = []
    for (kind, seed, picture), own in zip(drawn, prepared):
        try:
            differs = difference(handwriting.prepare_steps(picture), own)
        except ValueError:
            differs = {} if own == "no ink" else {"refused in Python alone": np.inf}
        except TypeError:
            differs = {own: np.inf}
        if max(differs.values(), default=0) > ONE_LEVEL:
            problems.append(f"{kind}, seed {seed}: {differs}")
    assert len(drawn) >= 24 and not problems, "\n".join(problems)


def test_pictures_at_the_limits_are_prepared_as_in_python(tmp_path):
    """Narrow, small, large and transparent, and strokes whose middle is just between two pixels."""
    rng = np.random.default_rng(0)

    def bar(height, width):
        grey = np.full((height, width), 240, dtype=np.uint8)
        reach = max(1, width // 20)
        grey[height // 4 : height - height // 4, width // 2 - reach : width // 2 + reach] = 20
        return Image.fromarray(grey)

    def clear(colour, seed):
        """A drawing without ground; where there is no ink, its colours mean nothing, and are any."""
        ink = 255 - np.asarray(draw_on_pad(seed).resize((700, 700)))
        rgba = rng.integers(0, 256, (700, 700, 4), dtype=np.uint8)
        rgba[ink > 0, :3], rgba[..., 3] = colour, ink
        return Image.fromarray(rgba)

    sizes = (8, 8), (28, 28), (12, 40), (100, 20), (600, 60), (900, 10), (10, 900), (127, 127), (128, 128), (257, 255)
    pictures = [bar(*size) for size in sizes] + [clear((250, 240, 60), 1), clear((30, 90, 200), 2)]
    noise = rng.normal(200, 5, (90, 130))
    noise[20:70, 60:68] -= 90
    pictures.append(Image.fromarray(noise.clip(0, 255).astype(np.uint8)))
    differences = []
    for picture, own in zip(pictures, prepare_in_node(pictures, tmp_path)):
        assert isinstance(own, dict), f"{picture.size}: {own}"
        differences.append(max(difference(handwriting.prepare_steps(picture), own).values()))
    assert max(differences) < ONE_LEVEL, differences


def test_what_cannot_be_prepared_is_refused_with_a_code(tmp_path):
    pictures = {
        "no ink": [Image.new("L", (280, 280), 255), Image.new("L", (300, 200)), Image.new("RGBA", (280, 280))],
        "too small": [Image.new("L", (7, 20), 255), Image.new("L", (900, 8), 255)],
    }
    both = [(code, picture) for code, own in pictures.items() for picture in own]
    for _, picture in both:
        with pytest.raises(ValueError):
            handwriting.prepare_steps(picture)
    assert prepare_in_node([picture for _, picture in both], tmp_path) == [code for code, _ in both]


def test_the_result_has_the_format_of_mnist(tmp_path):
    (own,) = prepare_in_node([draw_on_pad(3)], tmp_path)
    assert list(own) == STEPS and own["centred"].shape == (28, 28)
    assert own["centred"].min() == 0 and own["centred"].max() == 1
    assert max((own["centred"] > 0).any(axis).sum() for axis in (0, 1)) == 20


def test_a_pen_that_draws_an_even_cross_is_centred_alike(tmp_path):
    """The middle of its columns is just between two pixels: the last bit of a sum decides."""
    crosses = [[[(140, 60), (140, 220)], [(60, 140), (220, 140)]], [[(80, 80), (200, 200)], [(200, 80), (80, 200)]]]
    pictures = [
        Image.fromarray((255 * (1 - draw_strokes(strokes, 280, 280, pen))).astype(np.uint8))
        for strokes in crosses
        for pen in (6, 11, 18, 30)
    ]
    for picture, own in zip(pictures, prepare_in_node(pictures, tmp_path)):
        assert difference(handwriting.prepare_steps(picture), own)["centred"] < ONE_LEVEL


# The filters, each beside the function of Python that it stands for


def run_filters(code, folder, **arrays):
    """Run JavaScript on arrays, (H, W), which it finds as images under their names; return its value."""
    images = "".join(
        f"const {name} = makeImage({array.shape[1]}, {array.shape[0]}, "
        f"Float32Array.from({json.dumps(array.ravel().tolist())}));\n"
        for name, array in arrays.items()
    )
    rows = "const rowsOf = (image) => Array.from({ length: image.height }, (_, y) => "
    rows += "Array.from(image.data.subarray(y * image.width, (y + 1) * image.width)));\n"
    return run_javascript(FILES, images + rows + f"console.log(JSON.stringify({code}));", folder)


def test_resizing_is_as_in_pillow(tmp_path):
    rng = np.random.default_rng(1)
    fine, whole = rng.normal(100, 50, (23, 31)).astype(np.float32), rng.integers(0, 256, (23, 31), dtype=np.uint8)
    ways, expected = [], []
    for size in (5, 7), (40, 31), (31, 17), (23, 90):
        for way in "BOX", "BILINEAR", "BICUBIC":
            ways.append(f"resize(fine, {size[0]}, {size[1]}, {way})")
            expected.append(Image.fromarray(fine).resize(size, Image.Resampling[way]))
        ways.append(f"resize(whole, {size[0]}, {size[1]}, BOX, true)")
        expected.append(Image.fromarray(whole).resize(size, Image.Resampling.BOX))
        ways.append(f"resizeNearest(fine, {size[0]}, {size[1]})")
        expected.append(Image.fromarray(fine).resize(size, Image.Resampling.NEAREST))
    owns = run_filters(f"[{', '.join(ways)}].map(rowsOf)", tmp_path, fine=fine, whole=whole)
    for way, own, other in zip(ways, owns, expected):
        np.testing.assert_array_equal(np.float32(own), np.float32(np.asarray(other)), err_msg=way)


def test_shrinking_by_a_whole_factor_is_as_in_pillow(tmp_path):
    whole = np.random.default_rng(2).integers(0, 256, (29, 41), dtype=np.uint8)
    factors = [2, 3, 4, 5, 7]
    owns = run_filters(
        f"[{factors}].flat().map((factor) => rowsOf(reduce(whole, factor, true)))", tmp_path, whole=whole
    )
    for factor, own in zip(factors, owns):
        np.testing.assert_array_equal(np.array(own), np.asarray(Image.fromarray(whole).reduce(factor)))


def test_filters_are_as_in_scipy(tmp_path):
    values = np.random.default_rng(3).normal(0, 9, (19, 26)).astype(np.float32)
    pairs = {
        "greyClosing(values, 5)": ndimage.grey_closing(values, 5, mode="nearest"),
        "greyClosing(values, 6)": ndimage.grey_closing(values, 6, mode="nearest"),
        "greyClosing(values, 65)": ndimage.grey_closing(values, 65, mode="nearest"),
        "largest(values, 11, 0, 10)": ndimage.maximum_filter1d(values, 11, axis=0, mode="nearest", origin=5),
        "largest(values, 12, 1, 1)": ndimage.maximum_filter1d(values, 12, axis=1, mode="nearest", origin=-5),
        "largest(values, 40, 1)": ndimage.maximum_filter1d(values, 40, axis=1),
        "largestAround(values, 4)": ndimage.maximum_filter(values, 4),
        "largestOfTiles(values, 3)": paper.tiles(values, 3, np.max),
        "smallestOfTiles(values, 5)": paper.tiles(values, 5, np.min),
        "mediansOfTiles(values, 4)": paper.tiles(values, 4, np.median),
        "smallest(values, 4, 1)": ndimage.minimum_filter1d(values, 4, axis=1),
        "averaged(values, 9, 0, reflected)": ndimage.uniform_filter1d(values, 9, axis=0),
        "averaged(values, 6, 1, nearest)": ndimage.uniform_filter1d(values, 6, axis=1, mode="nearest"),
        "grown(above(values, 9), 3)": ndimage.binary_dilation(values > 9, iterations=3),
        "shrunken(above(values, -9), 2)": ndimage.binary_erosion(values > -9, iterations=2),
        "withoutHoles(above(values, 2))": ndimage.binary_fill_holes(values > 2),
        "crossed(above(values, 9), above(values, 12), 0)": ink._crossed(values > 9, values > 12, 0),
        "crossed(above(values, 9), above(values, 12), 1)": ink._crossed(values > 9, values > 12, 1),
        "label(above(values, 5))": ndimage.label(values > 5, np.ones((3, 3)))[0],
        "label(above(values, 5), false)": ndimage.label(values > 5)[0],
    }
    owns = run_filters(f"[{', '.join(f'rowsOf({code})' for code in pairs)}]", tmp_path, values=values)
    for own, (code, other) in zip(owns, pairs.items()):
        np.testing.assert_array_equal(np.float32(own), other.astype(np.float32), err_msg=code)


def test_numbers_are_as_in_numpy(tmp_path):
    values = np.random.default_rng(4).normal(0, 9, (13, 20)).astype(np.float32)
    level = values.round().clip(-5, 250)  # many equal ones
    pairs = {
        "median(values.data.slice())": np.median(values),
        "median(level.data.slice(1))": np.median(level.ravel()[1:]),
        "quantile(values.data.slice(), 0.9)": np.quantile(values, 0.9),
        "quantile(level.data.slice(), 0.001)": np.quantile(level, 0.001),
        "otsu(values)": paper.otsu(values),
        "otsu(level)": paper.otsu(level),
        "sumAsNumPy(values.data.slice(0, 20))": values[0].sum(),
        "sumAsNumPy(values.data.slice(0, 5))": values[0, :5].sum(),
        "[-1.5, -0.5, 0.5, 1.5, 2.5, 2.6].map(roundHalfEven)": [-2, 0, 0, 2, 2, 3],
        "solve([[0, 2, 1], [1, 1, 0], [3, 0, 1]], [7, 3, 6])": np.linalg.solve(
            [[0, 2, 1], [1, 1, 0], [3, 0, 1]], [7, 3, 6]
        ),
    }
    owns = run_filters(f"[{', '.join(pairs)}]", tmp_path, values=values, level=level)
    for own, (code, other) in zip(owns, pairs.items()):
        np.testing.assert_allclose(own, other, rtol=1e-7, err_msg=code)


def test_the_light_of_a_picture_is_found(tmp_path):
    y, x = np.mgrid[:40, :60] / 60
    light = (200 + 20 * x - 30 * y + 9 * x * y).astype(np.float32)
    np.testing.assert_allclose(run_filters("rowsOf(slowChange(light))", tmp_path, light=light), light, atol=1e-3)


# The files


def test_no_two_parts_of_the_page_share_a_name():
    """All files end in one script, where a second function of a name would replace the first one silently."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PAGE.glob("*.js")))
    names = re.findall(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", code, flags=re.M)
    assert len(names) > 80 and not {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_formatted(name):
    lines = (PAGE / name).read_text(encoding="utf-8").split("\n")
    assert lines[0].startswith("// ") and lines[-1] == "" and lines[-2] != ""
    for number, line in enumerate(lines, start=1):
        assert len(line) <= 110 and line == line.rstrip() and "\t" not in line, f"{name}, line {number}"


# How they are run


def test_node_is_found_on_the_path_or_beside_playwright(monkeypatch):
    assert "node" in find_node()
    monkeypatch.setenv("PATH", "")
    own = find_node()
    assert own is None or "playwright" in own


def test_code_that_fails_says_why(tmp_path):
    with pytest.raises(AssertionError, match="too small"):
        run_javascript(FILES, "prepareSteps({ width: 4, height: 4, data: new Uint8ClampedArray(64) });", tmp_path)
    assert run_javascript([], "console.log(JSON.stringify(['é', 1]));", tmp_path) == ["é", 1]
