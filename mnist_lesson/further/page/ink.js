// Find the ink on paper, and its connected pieces: where did the pen go, and where not? As in ink.py.

const LEAST_CONTRAST = 20; // of 255: less is taken for an empty sheet
const MUCH_GRAIN = 2.5; // of 255, after a slight blur: then the picture needs a stronger one
const INK = f32(0.3); // less than this share of full ink is the soft rim of a stroke
const STEEPEST_LINE = 0.15; // of a printed grid: pixels across for each pixel along
const LEAST_STROKE = 30; // pixels: less, where the brightness of paper changes at once, is a part of its rim

// How much ink is on each pixel: 0 (paper) to 1 (full ink). Paper minus picture is the depth of the ink; the
// grain of the paper is taken away. What full ink is, the darkest stroke nearby says: beside a felt pen, a
// pencil still draws full strokes. Throws "no ink" if there is none.
function findInk(grey, paper) {
  const blur = shorterSide(grey) > 100 ? 1 : 0; // in a small picture, a stroke may be one pixel wide
  let { depth, grain } = depthOf(grey, paper, blur);
  if (grain > MUCH_GRAIN && shorterSide(grey) > 300) ({ depth, grain } = depthOf(grey, paper, 3));
  const least = Math.max(grain <= MUCH_GRAIN ? LEAST_CONTRAST : 10, 8 * grain);
  const every = 1 + Math.floor(grey.height / 300); // in a high picture, every second or third row is enough
  const some = thinned(depth, 1, every).data;
  const darkest = Math.max(9, Math.floor(some.length / 20000));
  nthSmallest(some, some.length - darkest);
  const full = median(some.slice(-darkest));
  let ink = null;
  if (full >= f32(least)) {
    const lines = findLines(subtract(paper, grey), least);
    ink = without(depth, lines);
    const [own, whole] = [ink.data, fullInk(ink, Math.max(0.55 * least, 6.4 * grain, f32(full / 10))).data];
    // A stroke is full in its middle and fades at its rim: a fifth is still paper, three quarters are full.
    for (let i = 0; i < own.length; i++) {
      own[i] = whole[i] < Infinity ? clip(f32(f32(own[i] / whole[i]) - f32(0.2)) / f32(0.55), 0, 1) : 0;
    }
  }
  if (!ink || largestOf(ink.data) <= INK) throw new Error("no ink");
  return ink;
}

// How much darker than the paper each pixel is, and how much the grain of the paper is.
function depthOf(grey, paper, blur) {
  const depth = subtract(paper, boxBlur(grey, blur));
  const some = thinned(depth, 1 + Math.floor(grey.width / 200), 1 + Math.floor(grey.height / 200)).data;
  let usual = median(some); // most of a picture is paper, unless it is cropped to a thick digit
  if (usual > 3 * MOST_GRAIN) usual = 0;
  let many = 0; // half of the paper is brighter, and no ink
  for (let i = 0; i < some.length; i++) if (some[i] < usual) some[many++] = usual - some[i];
  for (let i = 0; i < depth.data.length; i++) depth.data[i] -= usual;
  return { depth, grain: many ? median(some.subarray(0, many)) : 0 };
}

// How deep full ink is at each pixel: infinitely deep where there is no stroke. That says the darkest place
// of its own stroke, or the darkest nearby, whichever is less dark. What is nowhere as deep as `least` is no
// stroke; what is so much fainter than the darkest ink of the picture is a fold or a shadow.
function fullInk(depth, least) {
  const step = shorterSide(depth) > 100 ? 2 : 1;
  const small = largestOfTiles(depth, step);
  const strokes = label(above(small, 0.55 * least));
  const darkest = new Float32Array(1 + largestOf(strokes.data));
  for (let i = 0; i < small.data.length; i++) {
    const stroke = strokes.data[i];
    if (stroke && small.data[i] > darkest[stroke]) darkest[stroke] = small.data[i];
  }
  const own = largestAround(lookedUp(strokes, darkest), 3); // with their soft rims
  const isInk = above(small, largestOf(small.data) > f32(2 * least) ? 2 * least : least);
  const nearby = darkestNearby(small, Math.min(4 * strokeWidth(isInk), longerSide(small) / 8));
  const enough = f32(least);
  const choose = (value, near) => (value < enough ? Infinity : Math.min(value, Math.max(near, enough)));
  return enlarged(
    mapped(own, (value, i) => choose(value, nearby.data[i])),
    step,
    depth,
  );
}

// The largest depth around each place, up to so many pixels away; it changes slowly.
function darkestNearby(depth, reach) {
  const step = Math.max(1, Math.floor(longerSide(depth) / 128));
  const size = 2 * roundHalfEven(reach / step) + 1;
  const half = Math.floor(size / 2) + 1;
  let darkest = largestAround(largestOfTiles(depth, step), size);
  for (const axis of [0, 1]) darkest = averaged(darkest, half, axis, nearest);
  return resize(darkest, depth.width, depth.height, BILINEAR);
}

// An image `step` times as wide and high; what is then missing to the size of `whole` is like its neighbours.
function enlarged(image, step, whole) {
  const places = (length, most) => numbers(length, (i) => Math.min(Math.floor(i / step), most - 1));
  return picked(image, places(whole.width, image.width), places(whole.height, image.height));
}

// About how thick the strokes of ink are, in pixels. A stroke of length l and width w has the area l w and,
// if it is long, an edge of 2 l: so w is twice the area over the edge. Rows and columns cross an edge 4 / pi
// times as often as it is long, on average. (Source: M. W. Crofton, "On the theory of local probability",
// 1868.)
function strokeWidth(ink) {
  const { width, height, data } = ink;
  let [area, crossings] = [0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const own = data[i] > 0.5;
      if (own) area++;
      if (own !== (x > 0 && data[i - 1] > 0.5)) crossings++;
      if (own !== (y > 0 && data[i - width] > 0.5)) crossings++;
      if (own) crossings += (x === width - 1) + (y === height - 1); // outside of the picture is none
    }
  }
  return (2 * area) / ((crossings * Math.PI) / 4);
}

// Printed lines. Axis 0 runs down, axis 1 across.

// Where printed lines lie: straight and thin, across the sheet or along the sides of a box. `depth` says how
// much darker than the paper each pixel is, `least` how much ink is at least.
function findLines(depth, least) {
  const half = cut(reduce(depth, 2, false), [0, 0, depth.width >> 1, depth.height >> 1]); // enough for lines
  const side = longerSide(half);
  const reach = Math.max(4, Math.floor(side / 100));
  const heights = [0, 1].map((axis) => ridgeOf(half, axis, reach));
  const ridges = heights.map((height) => above(height, least / 3));
  const isDark = above(half, least);
  const lines = [0, 1].map(() => makeImage(half.width, half.height));
  const anything = either(above(half, least / 2), either(...ridges));
  for (const { box, piece } of largePieces(anything, side / 20)) {
    const thick = Math.max(5, Math.floor(shorterSide(piece) / 12));
    const rules = [[2, 0.85, Infinity]];
    const ridgesOf = (axis) => both(cut(ridges[axis], box), piece);
    const along = (axis) => linesAlong(axis, ridgesOf(axis), cut(half, box), least, thick, rules);
    const upright = along(0);
    const level = doSurround(upright, 0) ? along(1) : null;
    if (!level || !doSurround(level, 1)) continue; // it is no box, and no row of boxes
    addMask(lines[0], upright, box);
    addMask(lines[1], level, box);
  }
  const dark = valuesIn(half, isDark);
  const most = dark.length ? quantile(dark, 0.9) : least; // a single line must be fainter, or it is a stroke
  // Lines may be fainter than ink, but not than the grain of the paper.
  const fainter = heights.map((height) => {
    const grain = quantile(thinned(height, 4, 4).data, 0.75);
    return above(height, Math.min(Math.max(least / 8, f32(6 * grain)), least / 3));
  });
  [half.height, half.width].forEach((length, axis) => {
    if (length <= Math.max(50, side / 2.5)) return; // in a narrow picture, a long thin stroke is a 1
    const rules = [
      [1, 0.85, 0.8 * most],
      [3, 0.85, Infinity],
      [3, 0.55, 0.8 * most],
      [8, 0.3, 0.8 * most],
    ];
    const thick = Math.max(6, Math.floor(side / 40));
    addMask(lines[axis], linesAlong(axis, fainter[axis], half, least, thick, rules), [0, 0]);
  });
  const isLine = either(...lines);
  const ink = without(isDark, isLine);
  const isAll = areaOf(ink) < areaOf(isDark) / 50; // the lines are all that there is
  if (isAll || !areaOf(isLine)) return makeImage(depth.width, depth.height);
  const open = [0, 1].map((axis) => without(lines[axis], crossed(lines[axis], ink, 1 - axis)));
  return enlarged(either(...open), 2, depth);
}

// Add a mask to another one, at the place of a box.
function addMask(mask, other, [left, top]) {
  const { width, data } = other;
  for (let i = 0; i < data.length; i++) {
    if (data[i]) mask.data[(top + Math.floor(i / width)) * mask.width + left + (i % width)] = 1;
  }
}

// Do the lines along an axis lie on both sides?
function doSurround(lines, axis) {
  const isThere = anyInColumn(axis ? transposed(lines) : lines);
  const [first, last] = [isThere.indexOf(1), isThere.lastIndexOf(1)];
  return first >= 0 && first / isThere.length < 0.1 && last / isThere.length > 0.9;
}

// In which columns a mask has any pixel: zeros and ones.
function anyInColumn({ width, data }) {
  const isThere = new Uint8Array(width);
  for (let i = 0; i < data.length; i++) if (data[i]) isThere[i % width] = 1;
  return isThere;
}

// The connected pieces of a mask whose shorter side has more than so many pixels: boxes and masks.
function largePieces(mask, least) {
  const pieces = label(mask);
  const found = findBoxes(pieces).map((box, number) => ({ box, number }));
  const all = found.map(({ box, number }) => ({ box, piece: pieceOf(cut(pieces, box), number) }));
  return all.filter(({ piece }) => shorterSide(piece) > Math.max(15, least));
}

// By how much each place, on average along an axis, is darker than on both sides, this far across.
function ridgeOf(depth, axis, reach) {
  const along = averaged(depth, 9, axis, reflected); // a line along the axis keeps its depth
  const { width, height, data } = along;
  const [right, down] = axis ? [0, reach] : [reach, 0];
  const ridge = makeImage(width, height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const before = x < right || y < down ? 0 : data[i - right - down * width]; // nothing is beyond the edge
      const after = x + right >= width || y + down >= height ? 0 : data[i + right + down * width];
      ridge.data[i] = data[i] - Math.max(before, after);
    }
  }
  return ridge;
}

// Where lines run along an axis, with their soft rims, if one of the rules holds for them. All of them may be
// slanted a little. A rule says how many there must be, as long as what share of the axis, and how dark at
// most. A stroke that crosses a line is darker than it.
function linesAlong(axis, ridgeMask, depthImage, least, thick, rules) {
  const slanted = axis ? [ridgeMask, depthImage] : [transposed(ridgeMask), transposed(depthImage)];
  const falls = fallsOf(slanted[0]);
  const { width, height: rows } = slanted[0];
  const height = rows + Math.abs(falls[width - 1]);
  const [ridge, depth] = slanted.map((image) => moved(image, falls, height, height));
  const lines = makeImage(width, height);
  const back = (level) => {
    const own = moved(level, falls.map((fall) => -fall), rows, height);
    return axis ? own : transposed(own);
  };
  const [gap, run] = [Math.floor(width / 5), Math.max(14, Math.floor(width / 30))];
  // Is there enough for one line?
  if (added(anyInColumn(smallest(ridge, run, 1))) < 0.3 * width) return back(lines);
  // A line goes on below a stroke.
  const underInk = both(smallest(largest(ridge, gap, 1), gap, 1), above(depth, least / 3));
  const closed = smallest(largest(either(ridge, underInk), 5, 1), 5, 1);
  const pieces = label(largest(smallest(closed, run, 1), run, 1));
  const pixels = countPixels(pieces);
  const shortest = Math.min(...rules.map(([, share]) => share)) * width;
  const found = [];
  findBoxes(pieces).forEach((box, piece) => {
    const length = box[2] - box[0];
    if (length <= shortest || pixels[piece] >= thick * length || box[3] - box[1] >= length / 4) return;
    const own = both(cut(depth, box), pieceOf(cut(pieces, box), piece));
    const darkest = new Float32Array(length); // across the line
    own.data.forEach((value, i) => (darkest[i % length] = Math.max(darkest[i % length], value)));
    const [low, high] = [quantile(darkest, 0.4), quantile(darkest, 0.6)];
    found.push({ piece, box, length, low, high });
  });
  const usual = found.length ? median(Float32Array.from(found, (line) => line.high)) : 0;
  for (const line of found) line.dark = clip(usual, line.low, line.high); // written on, it looks darker
  for (const [many, share, dark] of rules) {
    const long = found.filter((line) => line.length / width > share && line.dark < f32(dark));
    for (const { piece, box: tight, length, dark: own } of long.length >= many ? long : []) {
      const reach = Math.max(1, roundHalfEven(pixels[piece] / length / 2));
      const [left, top, right, bottom] = tight;
      const box = [left, Math.max(0, top - 2 * reach), right, Math.min(height, bottom + 2 * reach)];
      const mask = pieceOf(cut(pieces, box), piece);
      const values = cut(depth, box);
      // Its rim is half as dark.
      for (const [size, part] of [[2 * reach + 1, 1.5], [4 * reach + 1, 0.75]]) {
        const isBright = mapped(values, (value) => (value < f32(part * own) ? 1 : 0));
        addMask(lines, both(largest(mask, size, 0), isBright), box);
      }
    }
  }
  return back(lines);
}

// By how many pixels most of the lines have fallen at each column. Of all slopes, it is that at which the
// ridges gather in the fewest rows.
function fallsOf({ width, height, data }) {
  const step = (2 * STEEPEST_LINE) / 30;
  const [xs, ys] = [[], []];
  data.forEach((isRidge, i) => {
    if (!isRidge) return;
    xs.push(i % width);
    ys.push(Math.floor(i / width));
  });
  let best = { slope: -STEEPEST_LINE, gathered: 0 };
  for (const n of numbers(31, (i) => i)) {
    const slope = n * step - STEEPEST_LINE;
    const rows = new Float64Array(height + Math.ceil(2 * STEEPEST_LINE * width) + 1);
    for (let i = 0; i < xs.length; i++) rows[Math.floor(ys[i] - slope * xs[i] + STEEPEST_LINE * width)]++;
    const gathered = total(rows.map((many) => many * many));
    if (gathered > best.gathered) best = { slope, gathered };
  }
  return numbers(width, (x) => roundHalfEven(best.slope * x));
}

// An image with each column moved up by so many pixels. What leaves it at one end comes in again at the
// other one, so many rows later; empty rows are added or left out, to the height that is told.
function moved({ width, height, data }, falls, newHeight, around) {
  const result = makeImage(width, newHeight);
  for (let y = 0, i = 0; y < newHeight; y++) {
    for (let x = 0; x < width; x++, i++) {
      const row = (y + falls[x] + around) % around;
      if (row < height) result.data[i] = data[row * width + x];
    }
  }
  return result;
}

// Where ink lies on both sides of a line: there a stroke crosses it. At the edge, the ink goes on reflected.
function crossed(lines, ink, across) {
  const wide = largest(ink, 5, 1 - across); // a slanted stroke goes on a little to the side
  const around = padded(wide, 17, across, reflected);
  const [left, top] = across ? [8, 0] : [0, 8];
  const box = [left, top, left + ink.width, top + ink.height];
  const [one, other] = [0, 8].map((before) => cut(largest(around, 9, across, before), box));
  return both(lines, both(one, other));
}

// Pieces

// Number the connected pieces of ink; 0 where there is none. Left out is what lies along a step of the
// paper's brightness: the rim of a table, a hand or a shadow. A stroke may lie there, too, but around it all
// is brighter.
function numberPieces(ink, paper, grey) {
  const pieces = label(above(ink, INK));
  const steps = stepsOf(paper);
  if (!steps) return pieces;
  const [pixels, onSteps, boxes] = [countPixels(pieces), countPixels(pieces, steps), findBoxes(pieces)];
  const isRim = Array.from(pixels, (many, number) => {
    if (number === 0 || onSteps[number] <= many / 2) return false;
    return many <= LEAST_STROKE || !isStroke(pieces, number, boxes[number], grey);
  });
  const kept = isRim.map((isOne, number) => (isOne ? 0 : number));
  return kept.some(Boolean) ? lookedUp(pieces, kept) : pieces;
}

// Is nearly all around a piece, half of a stroke's width away, brighter than the piece is?
function isStroke(pieces, number, box, grey) {
  const reach = Math.max(2, roundHalfEven(strokeWidth(pieceOf(cut(pieces, box), number)) / 2));
  const sizes = [grey.width, grey.height, grey.width, grey.height];
  const wider = box.map((side, i) => clip(side + (i < 2 ? -1 : 1) * (reach + 1), 0, sizes[i]));
  const [near, values] = [cut(pieces, wider), cut(grey, wider)];
  const own = pieceOf(near, number);
  const ring = without(largestAround(own, 2 * reach + 3), largestAround(own, 3));
  const around = valuesIn(values, both(ring, pieceOf(near, 0)));
  if (!around.length) return false;
  const dark = median(valuesIn(values, own));
  const threshold = dark + 0.35 * (quantile(around, 0.9) - dark);
  return around.filter((value) => value < threshold).length / around.length < 0.15;
}

// Number the connected pieces of ink; 0 where there is none. Left out are specks, with less than a twentieth
// of the largest piece's pixels, and what lies along the edge of the picture, such as a strip of the table
// (unless hardly anything else would be left).
function findPieces(ink, paper, grey) {
  const pieces = numberPieces(ink, paper, grey);
  let pixels = countPixels(pieces);
  const atEdge = new Int32Array(pixels.length); // a corner of the picture counts twice
  edgesOf(pieces).forEach((edge) => edge.forEach((piece) => atEdge[piece]++));
  // A stroke that only ends at the edge does not lie along it.
  const inside = pixels.map((many, piece) => (atEdge[piece] > Math.sqrt(many) ? 0 : many));
  // Unless hardly anything is inside: then what lies along the edge is the digit.
  if (largestOf(inside) > largestOf(pixels) / 100) pixels = inside;
  const enough = Math.max(1, largestOf(pixels) / 20);
  const kept = pixels.map((many, piece) => (many >= enough ? piece : 0));
  return lookedUp(pieces, kept);
}

// The ink where a mask is 1, with its soft rim, cropped: no row or column at the edge is empty.
function keepPieces(ink, kept) {
  const box = findBoxes(kept)[1];
  return both(cut(ink, box), largestAround(cut(kept, box), 3));
}
