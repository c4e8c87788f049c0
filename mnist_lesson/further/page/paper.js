// Find the sheet in a photo, which way round ink and paper are, and how bright the paper is; as in paper.py.
// In all functions, `grey` is an image of whole numbers: 0 is black, 255 is white.

const SMALL = 128; // pixels of the longer side of the small copy that shows the sheet and its light
const WIDTHS = [3, 5, 9, 17, 33, 65]; // of strokes, in pixels of that small copy
const MOST_GRAIN = 12; // of 255: the brightest grain of paper is brighter than its usual grain by less

// A copy whose longer side has at most this many pixels: each is the mean of those it covers.
function shrunk(image, longest, asWhole) {
  const scale = Math.min(1, longest / longerSide(image));
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, roundHalfEven(side * scale)));
  return resize(image, width, height, BOX, asWhole);
}

// The small copy that shows the sheet and its light; it is asked for again and again.
const smallOf = (grey) => (grey.small ??= shrunk(grey, SMALL, true));

// The largest number of each tile of side x side, without what is left over; and the smallest one.
function largestOfTiles({ width, height, data }, side) {
  const result = makeImage(Math.floor(width / side), Math.floor(height / side));
  const own = result.data.fill(-Infinity);
  for (let y = 0; y < result.height * side; y++) {
    const first = Math.floor(y / side) * result.width;
    let place = y * width;
    for (let i = first; i < first + result.width; i++) {
      for (let n = 0; n < side; n++, place++) if (data[place] > own[i]) own[i] = data[place];
    }
  }
  return result;
}

const smallestOfTiles = (image, side) => negated(largestOfTiles(negated(image), side));

// The median of the medians of the columns of each tile.
function mediansOfTiles(image, side) {
  const result = makeImage(Math.floor(image.width / side), Math.floor(image.height / side));
  const [column, medians] = [new Float32Array(side), new Float32Array(side)];
  return mapped(result, (_, i) => {
    const start = Math.floor(i / result.width) * side * image.width + (i % result.width) * side;
    for (let x = 0; x < side; x++) {
      for (let y = 0; y < side; y++) column[y] = image.data[start + y * image.width + x];
      medians[x] = median(column);
    }
    return median(medians);
  });
}

// The sheet alone, upright, with dark ink on bright paper, and wide enough: what is found in it is ink.
function tidied(photo) {
  const grey = darkOnBright(straighten(photo));
  const { width, height } = grey;
  if (height < 2.5 * width) return grey;
  // The picture is cropped to a 1, perhaps with no paper beside it.
  const brightest = quantile(grey.data.slice(), 0.98);
  const paper = brightest > mean(grey.data) + 40 ? brightest : 255;
  const beside = Math.floor(height / 4);
  return placeIn(width + 2 * beside, height, grey, beside, 0, roundHalfEven(paper));
}

// The sheet alone, upright, if a bright sheet lies on a darker table; otherwise the whole picture. The sheet
// may be turned by up to 40 degrees and seen from the side, but most of its edge must be seen.
function straighten(grey) {
  const corners = shorterSide(grey) > SMALL ? findSheet(grey) : null;
  if (!corners) return grey;
  const [top, right, bottom, left] = corners.map((corner, i) => distance(corner, corners[(i + 1) % 4]));
  const [width, height] = [roundHalfEven((top + bottom) / 2), roundHalfEven((left + right) / 2)];
  // Eight equations for the eight numbers of a perspective: where in the photo is each corner of the result?
  const rows = corners.flatMap(([u, v], i) => {
    const [x, y] = [i % 3 ? width : 0, i > 1 ? height : 0];
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y],
      [0, 0, 0, x, y, 1, -v * x, -v * y],
    ];
  });
  const sheet = warp(grey, width, height, solve(rows, corners.flat()));
  const [rimX, rimY] = [Math.floor(width / 10), Math.floor(height / 10)];
  const inside = thinned(cut(sheet, [rimX, rimY, width - rimX, height - rimY]), 2, 2).data;
  const isEmpty = median(inside) - quantile(inside, 0.001) < 20; // not a sheet, but a thick stroke of chalk
  return isEmpty ? grey : sheet;
}

const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);

// The corners, [x, y], of a bright sheet on a darker ground, from the upper left one clockwise, or null.
function findSheet(grey) {
  const small = medianAround(smallOf(grey));
  const scale = longerSide(grey) / longerSide(small);
  let bright = above(small, otsu(small));
  const dark = opposite(bright);
  if (!areaOf(dark) || mean(valuesIn(small, bright)) - mean(valuesIn(small, dark)) < 40) return null;
  bright = grown(shrunken(bright, 2), 2);
  const pieces = label(bright, false);
  const counts = countPixels(pieces);
  if (counts.length === 1) return null;
  const brightest = pieceOf(pieces, counts.indexOf(largestOf(counts)));
  // Most pictures end here: more than 35 % of their edge is paper, and `isWhole` would say no.
  if (added(edgesOf(brightest).map(total)) > 0.7 * (small.width + small.height)) return null;
  const sheet = withoutHoles(brightest);
  // For a sheet turned by less than 45 degrees, each corner is the farthest point in one diagonal direction.
  const corners = [0, 1, 2, 3].map((i) => farthest(sheet, i % 3 ? 1 : -1, i > 1 ? 1 : -1));
  if (!(isWhole(sheet, corners) && isSharp(sheet, small))) return null;
  const middle = [0, 1].map((axis) => added(corners.map((corner) => corner[axis])) / 4);
  const inwards = (place, axis) => middle[axis] + 0.97 * (place - middle[axis]); // no rim of the table
  return corners.map((corner) => corner.map((place, axis) => (inwards(place, axis) + 0.5) * scale));
}

// A mask without its holes: what is around a hole does not reach the edge of the picture.
function withoutHoles(mask) {
  const pieces = label(opposite(mask), false);
  const isHole = [0];
  findBoxes(pieces).forEach(([left, top, right, bottom], piece) => {
    isHole[piece] = Number(left > 0 && top > 0 && right < mask.width && bottom < mask.height);
  });
  return either(mask, lookedUp(pieces, isHole));
}

// The middle of those pixels of a mask that lie farthest in one direction.
function farthest({ width, height, data }, right, down) {
  let [most, many, sumX, sumY] = [-Infinity, 0, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const far = x * right + y * down;
      if (!data[i++] || far < most) continue;
      if (far > most) [most, many, sumX, sumY] = [far, 0, 0, 0];
      [many, sumX, sumY] = [many + 1, sumX + x, sumY + y];
    }
  }
  return [sumX / many, sumY / many];
}

// Is this region a quadrangle with these corners, neither tiny nor cut off by the picture?
function isWhole(sheet, corners) {
  const area = areaOf(sheet);
  const share = area / sheet.data.length;
  const next = (i) => corners[(i + 1) % 4];
  const quadrangle = Math.abs(added(corners.map(([x, y], i) => x * next(i)[1] - y * next(i)[0]))) / 2;
  const sides = corners.map((corner, i) => distance(corner, next(i)));
  const fullness = (quadrangle + added(sides) / 2) / area;
  const longest = Math.max(...sides);
  const alongEdge = edgesOf(sheet).map(total);
  return (
    share === clip(share, 0.06, 0.94) &&
    fullness === clip(fullness, 0.85, 1.12) &&
    longest < 5 * Math.min(...sides) &&
    added(alongEdge) <= 0.35 * added(sides) &&
    alongEdge.filter((edge) => edge > longest / 4).length < 2
  );
}

// The values along the four edges of an image.
function edgesOf(image) {
  const { width, height } = image;
  const levels = [0, height - 1].map((y) => cut(image, [0, y, width, y + 1]).data);
  return [...levels, ...[0, width - 1].map((x) => cut(image, [x, 0, x + 1, height]).data)];
}

// Does the brightness change at once at the rim of this region? The light of a lamp fades slowly.
function isSharp(sheet, grey) {
  const inner = mean(valuesIn(grey, without(sheet, shrunken(sheet, 3))));
  const outer = mean(valuesIn(grey, without(grown(sheet, 3), sheet)));
  return inner - outer > 0.5 * (mean(valuesIn(grey, sheet)) - mean(valuesIn(grey, opposite(sheet))));
}

// The threshold that separates dark from bright values best. Source: N. Otsu, "A threshold selection method
// from gray-level histograms" (1979): the groups' means differ most.
function otsu({ data }) {
  let [least, most] = [smallestOf(data), largestOf(data)];
  if (least === most) [least, most] = [least - 0.5, most + 0.5];
  const step = f32((most - least) / 64);
  const edges = Float32Array.from({ length: 65 }, (_, i) => (i < 64 ? f32(i * step) + least : most));
  const counts = new Float64Array(64);
  for (let i = 0; i < data.length; i++) {
    let bin = Math.min(63, Math.floor(((data[i] - least) / (most - least)) * 64));
    if (data[i] < edges[bin]) bin--;
    else if (bin < 63 && data[i] >= edges[bin + 1]) bin++;
    counts[bin]++;
  }
  const sums = counts.map((count, i) => count * f32(f32(edges[i] + edges[i + 1]) / 2));
  const all = added(sums);
  let [below, sum, best, threshold] = [0, 0, -1, 0];
  for (let i = 0; i < 64; i++) {
    below += counts[i];
    sum += sums[i];
    const more = data.length - below;
    const apart = below * more * (sum / Math.max(below, 1) - (all - sum) / Math.max(more, 1)) ** 2;
    if (apart > best) [best, threshold] = [apart, edges[i + 1]];
  }
  return threshold;
}

// The picture with dark ink on a bright ground: chalk on a blackboard is inverted. Ink is narrow, and nothing
// else is so narrow and differs so much; so strokes are counted in the picture and in its negative. In a
// picture that is cropped to a thick digit, there is little else; but in its corners is paper, and on a board
// they are dark.
function darkOnBright(grey) {
  const white = makeImage(grey.width, grey.height);
  white.data.fill(255);
  const negative = subtract(white, grey);
  const [dark, bright] = [added(strokesOf(grey)), added(strokesOf(negative))];
  const share = darkCorners(grey);
  const isBoard = bright > 3 * dark && (share > 0.2 || grey.height < 1.6 * grey.width);
  const isBrightInk = isBoard || (bright > dark && share > 0.5) || (bright > dark / 2 && share > 0.95);
  return isBrightInk ? negative : grey;
}

// How much of the four corners of a picture is dark, 0 to 1.
function darkCorners(grey) {
  const { width, height } = grey;
  const side = Math.max(1, Math.floor(shorterSide(grey) / 10));
  const threshold = otsu(smallOf(grey));
  const dark = (x, y) => 1 - mean(above(cut(grey, [x, y, x + side, y + side]), threshold).data);
  const [right, bottom] = [width - side, height - side];
  return added([dark(0, 0), dark(right, 0), dark(0, bottom), dark(right, bottom)]) / 4;
}

// How much dark ink there is of each of the WIDTHS, as a number of squares that have this width. All that is
// dark and narrower is filled with what is around; the difference to the next narrower width counts.
const strokesOf = (grey) => (grey.strokes ??= countStrokes(grey)); // it is asked for twice

function countStrokes(grey) {
  // Single dark pixels are no strokes.
  const half = longerSide(grey) > 2 * SMALL ? reduce(grey, 2, true) : grey;
  const darkest = smallestOfTiles(half, Math.ceil(longerSide(half) / SMALL));
  let [wide, before] = [darkest, 1];
  const strength = WIDTHS.map((width) => {
    wide = largestAround(wide, width - before + 1); // as wide as `width` in all
    before = width;
    const { data } = subtract(smallestAround(wide, width), darkest);
    const usual = clip(median(data.slice()), 0, MOST_GRAIN);
    let sum = 0;
    for (let i = 0; i < data.length; i++) {
      const more = Math.max(0, data[i] - usual);
      sum += more * more * more; // the third power counts strong differences most
    }
    return sum;
  });
  return strength.map((own, i) => (own - (i ? strength[i - 1] : 0)) / WIDTHS[i] ** 2);
}

// How bright the paper is at each place, also below dark strokes: a morphological closing. The largest of all
// neighbours removes what is dark and narrow; the smallest of all then brings what is wider than a stroke,
// such as a shadow, back to its size. The last step makes it a little wider than it is, or its edge would be
// taken for a stroke. All that is done twice: as it is, and without the slow change of the light; the darker
// result is nearer.
function findPaper(grey) {
  const small = smallOf(grey);
  let strokes = strokesOf(grey);
  if (darkCorners(grey) > 0.2) strokes = strokes.slice(0, -1); // such a wide thing in a corner is no stroke
  const many = Math.max(...strokes) / 5;
  const widest = Math.max(WIDTHS[0], ...WIDTHS.filter((_, i) => many > 0 && strokes[i] >= many));
  const size = 2 * widest + 1; // where strokes meet, ink is wider than one stroke
  // A small picture shows one digit, and no shadow.
  const third = Math.floor(longerSide(grey) / 3);
  if (longerSide(grey) < SMALL) return greyClosing(small, Math.max(size, third));
  const light = slowChange(small);
  const level = smallestAround(greyClosing(small, size), 3);
  const sloping = smallestAround(greyClosing(subtract(small, light), size), 3);
  const paper = mapped(level, (own, i) => Math.min(own, f32(sloping.data[i] + light.data[i])));
  // It is as bright as the brightest grain. Most of what is around each place is paper, of usual brightness.
  const grain = mediansOfTiles(subtract(paper, small), Math.min(16, shorterSide(small)));
  const usual = mapped(grain, (own) => clip(own, 0, MOST_GRAIN));
  const darker = subtract(paper, resize(usual, small.width, small.height, BILINEAR));
  return resize(darker, grey.width, grey.height, BICUBIC);
}

// Where the brightness of paper changes at once, by more than a sixth: at the rim of a table. Or null.
function stepsOf(paper) {
  const small = shrunk(paper, SMALL, false);
  const [most, least] = [largestAround(small, 3), smallestAround(small, 3)];
  const isStep = mapped(most, (own, i) => (own > f32(f32(1.2) * least.data[i]) ? 1 : 0));
  return areaOf(isStep) ? resizeNearest(largestAround(isStep, 3), paper.width, paper.height) : null;
}

// The slow change of the light over a picture: the curved surface of degree two that fits it best.
function slowChange(grey) {
  const { width, height, data } = grey;
  const longer = longerSide(grey);
  const [powersX, powersY] = [
    [0, 1, 0, 2, 1, 0],
    [0, 0, 1, 0, 1, 2],
  ]; // in the six terms of the surface
  const sumOf = (length, power) => added(Array.from({ length }, (_, i) => (i / longer) ** power));
  const [sumsX, sumsY] = [width, height].map((length) =>
    [0, 1, 2, 3, 4].map((power) => sumOf(length, power)),
  );
  const product = (i, j) => sumsX[powersX[i] + powersX[j]] * sumsY[powersY[i] + powersY[j]];
  const rows = powersX.map((_, i) => powersX.map((_, j) => product(i, j)));
  const sums = new Float64Array(6);
  for (let i = 0; i < data.length; i++) {
    const [x, y, value] = [(i % width) / longer, Math.floor(i / width) / longer, data[i]];
    sums[0] += value;
    sums[1] += value * x;
    sums[2] += value * y;
    sums[3] += value * x * x;
    sums[4] += value * x * y;
    sums[5] += value * y * y;
  }
  const [a, b, c, d, e, f] = solve(rows, sums);
  const surface = makeImage(width, height);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [(i % width) / longer, Math.floor(i / width) / longer];
    surface.data[i] = a + b * x + c * y + d * x * x + e * x * y + f * y * y;
  }
  return surface;
}
