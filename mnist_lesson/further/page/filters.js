// What NumPy, SciPy and Pillow do for the lesson's Python: resizing, filters, pieces, medians.
//
// An image is {width, height, data}; the data is a Float32Array, row after row. A mask is an image of zeros
// and ones. Everything is rounded where the Python rounds, since a threshold that comes later may hang on it:
// `f32` gives the nearest number of 32 bits, and `asWhole` says that whole numbers stay whole, as in Pillow's
// grey images. Data is read in plain loops, and by functions that see only one kind of array: both make them
// many times as fast.

const f32 = Math.fround;
const makeImage = (width, height, data = new Float32Array(width * height)) => ({ width, height, data });
const longerSide = (image) => Math.max(image.width, image.height);
const shorterSide = (image) => Math.min(image.width, image.height);
const clip = (value, least, most) => Math.min(Math.max(value, least), most);
const added = (few) => few.reduce((sum, own) => sum + own, 0);
const mean = (values) => total(values) / values.length;

// As Python rounds: a half goes to the even number.
function roundHalfEven(number) {
  const down = Math.floor(number);
  const rest = number - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

function total(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

function largestOf(values) {
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}

function smallestOf(values) {
  let least = Infinity;
  for (let i = 0; i < values.length; i++) if (values[i] < least) least = values[i];
  return least;
}

// The n-th smallest value, from 0 on. Those before it are then not larger, those after it not smaller: the
// order of the values changes, here and in `median` and `quantile`.
function nthSmallest(values, n) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const value = values[i];
      values[i++] = values[j];
      values[j--] = value;
    }
    if (n <= j) high = j;
    else if (n >= i) low = i;
    else break;
  }
  return values[n];
}

function median(values) {
  const half = values.length >> 1;
  const upper = nthSmallest(values, half);
  return values.length % 2 ? upper : f32(f32(nthSmallest(values, half - 1) + upper) / 2);
}

// The value that this share of all values is not larger than; between two values, on a straight line.
function quantile(values, share) {
  const place = share * (values.length - 1);
  const low = nthSmallest(values, Math.floor(place));
  const high = nthSmallest(values, Math.ceil(place));
  const [change, part] = [f32(high - low), place - Math.floor(place)];
  return f32(part < 0.5 ? low + f32(change * f32(part)) : high - f32(change * f32(1 - part)));
}

// Images and masks of the same size, pixel by pixel

function mapped(image, change) {
  const result = makeImage(image.width, image.height);
  for (let i = 0; i < result.data.length; i++) result.data[i] = change(image.data[i], i);
  return result;
}

function subtract({ width, height, data }, other) {
  const [own, less] = [data.slice(), other.data];
  for (let i = 0; i < own.length; i++) own[i] -= less[i];
  return makeImage(width, height, own);
}

function negated({ width, height, data }) {
  const own = data.slice();
  for (let i = 0; i < own.length; i++) own[i] *= -1;
  return makeImage(width, height, own);
}

function above({ width, height, data }, threshold) {
  const [own, most] = [data.slice(), f32(threshold)];
  for (let i = 0; i < own.length; i++) own[i] = own[i] > most ? 1 : 0;
  return makeImage(width, height, own);
}

// An image where a mask is 1, and 0 elsewhere.
function both({ width, height, data }, mask) {
  const [own, isKept] = [data.slice(), mask.data];
  for (let i = 0; i < own.length; i++) own[i] *= isKept[i];
  return makeImage(width, height, own);
}

// An image where a mask is 0, and 0 elsewhere.
function without({ width, height, data }, mask) {
  const [own, isLost] = [data.slice(), mask.data];
  for (let i = 0; i < own.length; i++) if (isLost[i]) own[i] = 0;
  return makeImage(width, height, own);
}

function either({ width, height, data }, mask) {
  const [own, other] = [data.slice(), mask.data];
  for (let i = 0; i < own.length; i++) if (other[i]) own[i] = 1;
  return makeImage(width, height, own);
}

const opposite = (mask) => mapped(mask, (own) => 1 - own);

// How many pixels a mask has.
const areaOf = (mask) => total(mask.data);

function valuesIn(image, mask) {
  const [values, own, isIn] = [new Float32Array(areaOf(mask)), image.data, mask.data];
  for (let i = 0, n = 0; i < isIn.length; i++) if (isIn[i]) values[n++] = own[i];
  return values;
}

// Parts of images. A box is [left, top, right, bottom]; right and bottom are the first pixels beyond it.

function cut(image, [left, top, right, bottom]) {
  const part = makeImage(right - left, bottom - top);
  for (let y = 0; y < part.height; y++) {
    const start = (top + y) * image.width + left;
    part.data.set(image.data.subarray(start, start + part.width), y * part.width);
  }
  return part;
}

// An even image with another one in it.
function placeIn(width, height, image, left, top, ground = 0) {
  const whole = makeImage(width, height);
  whole.data.fill(ground);
  for (let y = 0; y < image.height; y++) {
    whole.data.set(image.data.subarray(y * image.width, (y + 1) * image.width), (top + y) * width + left);
  }
  return whole;
}

function transposed({ width, height, data }) {
  const result = makeImage(height, width);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) result.data[x * height + y] = data[i++];
  }
  return result;
}

// The image at these rows and columns.
function picked(image, columns, rows) {
  const [own, data] = [image.data, new Float32Array(columns.length * rows.length)];
  for (let y = 0, i = 0; y < rows.length; y++) {
    const start = rows[y] * image.width;
    for (let x = 0; x < columns.length; x++) data[i++] = own[start + columns[x]];
  }
  return makeImage(columns.length, rows.length, data);
}

// Whole numbers, as many as told, each made of its place.
function numbers(many, ofPlace) {
  const result = new Int32Array(many);
  for (let i = 0; i < many; i++) result[i] = ofPlace(i);
  return result;
}

// One pixel of so many, across and down.
function thinned(image, across, down) {
  const places = (length, step) => numbers(Math.ceil(length / step), (i) => i * step);
  return picked(image, places(image.width, across), places(image.height, down));
}

// Resizing, as Pillow does it

const BOX = { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
const BILINEAR = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
const BICUBIC = { support: 2, weight: (x) => bicubic(Math.abs(x)) };

function bicubic(x) {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

function resize(image, width, height, filter, asWhole = false) {
  return resizeAxis(resizeAxis(image, 1, width, filter, asWhole), 0, height, filter, asWhole);
}

// Axis 1 changes the width, axis 0 the height.
function resizeAxis(image, axis, size, filter, asWhole) {
  const length = axis ? image.width : image.height;
  if (size === length) return image;
  const result = axis ? makeImage(size, image.height) : makeImage(image.width, size);
  const [old, data, sums] = [image.data, result.data, new Float64Array(axis ? image.height : image.width)];
  const [along, toNextOld, toNext] = axis ? [1, length, size] : [image.width, 1, 1]; // steps in the data
  const one = asWhole ? 2 ** 22 : 1; // Pillow's weights for whole numbers are whole, too
  const scale = length / size;
  const stretch = Math.max(scale, 1);
  for (let at = 0; at < size; at++) {
    const middle = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(middle - filter.support * stretch + 0.5));
    const last = Math.min(length, Math.trunc(middle + filter.support * stretch + 0.5));
    const weightOf = (_, k) => filter.weight((k + first - middle + 0.5) / stretch);
    const weights = Array.from({ length: last - first }, weightOf);
    const all = added(weights);
    sums.fill(asWhole ? one / 2 : 0);
    for (let k = 0; k < weights.length; k++) {
      const weight = asWhole ? Math.round((weights[k] / all) * one) : weights[k] / all;
      let place = (first + k) * along;
      for (let n = 0; n < sums.length; n++, place += toNextOld) sums[n] += old[place] * weight;
    }
    for (let n = 0, i = at * along; n < sums.length; n++, i += toNext) {
      data[i] = asWhole ? Math.floor(sums[n] / one) : sums[n];
    }
  }
  return result;
}

// Each new pixel takes the one old pixel that lies under its middle.
function resizeNearest(image, width, height) {
  const places = (size, length) => {
    let place = (-0.5 * length) / size;
    return numbers(size, () => (place += length / size));
  };
  return picked(image, places(width, image.width), places(height, image.height));
}

// Each new pixel is the mean of a square of old ones; at the right and lower edge, of what is left of one.
function reduce(image, factor, asWhole, channels = 1) {
  const sideAt = (length, n) => Math.min(factor, length - n * factor);
  const sidesOf = (length) => numbers(Math.ceil(length / factor), (n) => sideAt(length, n));
  const [across, down] = [sidesOf(image.width), sidesOf(image.height)];
  const [old, sums] = [image.data, new Float32Array(across.length * down.length * channels)];
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0, place = channel; y < image.height; y++) {
      let i = Math.floor(y / factor) * across.length * channels + channel;
      for (let x = 0; x < across.length; x++, i += channels) {
        let sum = sums[i];
        for (let n = 0; n < across[x]; n++, place += channels) sum = f32(sum + old[place]);
        sums[i] = sum;
      }
    }
  }
  for (let i = 0; i < sums.length; i++) {
    const column = Math.floor(i / channels);
    const area = across[column % across.length] * down[Math.floor(column / across.length)];
    const share = asWhole ? Math.floor(f32(2 ** 24 / area)) / 2 ** 24 : 1 / area; // as Pillow divides
    sums[i] = asWhole ? Math.floor((sums[i] + (area >> 1)) * share) : sums[i] * share;
  }
  return makeImage(across.length, down.length, sums);
}

// The image seen with another perspective; its eight numbers say which place each new pixel shows.
function warp(image, width, height, [a, b, c, d, e, f, g, h]) {
  const result = makeImage(width, height);
  for (let i = 0; i < result.data.length; i++) {
    const [x, y] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
    const depth = g * x + h * y + 1;
    const [u, v] = [(a * x + b * y + c) / depth, (d * x + e * y + f) / depth];
    const isInside = u >= 0 && v >= 0 && u < image.width && v < image.height;
    if (isInside) result.data[i] = Math.floor(between(image, u - 0.5, v - 0.5));
  }
  return result;
}

// The brightness at a place between pixels.
function between({ width, height, data }, u, v) {
  const [x, y] = [Math.floor(u), Math.floor(v)];
  const [left, right] = [Math.max(x, 0), Math.min(x + 1, width - 1)];
  const [upper, lower] = [Math.max(y, 0) * width, Math.min(y + 1, height - 1) * width];
  const over = data[upper + left] + (data[upper + right] - data[upper + left]) * (u - x);
  const under = data[lower + left] + (data[lower + right] - data[lower + left]) * (u - x);
  return over + (under - over) * (v - y);
}

// Filters, as SciPy has them. Beyond the edge, `nearest` repeats the last pixel; `reflected` goes back.

const nearest = (i, length) => clip(i, 0, length - 1);

function reflected(i, length) {
  const place = ((i % (2 * length)) + 2 * length) % (2 * length);
  return place < length ? place : 2 * length - 1 - place;
}

// The image with what is around it along an axis, as much as a window of this size sees.
function padded(image, size, axis, edge) {
  const places = (length) => numbers(length + size - 1, (i) => edge(i - (size >> 1), length));
  const all = (length) => numbers(length, (i) => i);
  return axis
    ? picked(image, places(image.width), all(image.height))
    : picked(image, all(image.width), places(image.height));
}

// The largest of `size` neighbours along an axis, so many of them before the pixel. Windows end at the edge:
// beyond it is only what they have already. Each step puts three windows together.
function largest(image, size, axis, before = size >> 1) {
  let [left, right] = [0, 0]; // how far a window reaches by now
  while (left + 1 + right < size) {
    const long = left + 1 + right;
    const more = [Math.min(before - left, long), Math.min(size - 1 - before - right, long)];
    image = axis ? spread(image, ...more, 0, 0) : spread(image, 0, 0, ...more);
    left += more[0];
    right += more[1];
  }
  return image;
}

// The largest of each pixel and two others, so far from it or at the edge.
function spread({ width, height, data }, left, right, up, down) {
  const own = data.slice();
  for (let y = 0, i = 0; y < height; y++) {
    const [over, under] = [Math.max(0, y - up) * width, Math.min(height - 1, y + down) * width];
    for (let x = 0; x < width; x++, i++) {
      const before = data[over + (x < left ? 0 : x - left)];
      const after = data[under + (x + right < width ? x + right : width - 1)];
      if (before > own[i]) own[i] = before;
      if (after > own[i]) own[i] = after;
    }
  }
  return makeImage(width, height, own);
}

const smallest = (image, size, axis) => negated(largest(negated(image), size, axis));

const largestAround = (image, size, before) => largest(largest(image, size, 0, before), size, 1, before);

const smallestAround = (image, size) => negated(largestAround(negated(image), size));

// Fill what is dark and narrower than this. For an even size, the second window must mirror the first.
function greyClosing(image, size) {
  return smallestAround(largestAround(image, size, (size - 1) >> 1), size);
}

// The mean of `size` neighbours along an axis.
function averaged(image, size, axis, edge, asWhole = false) {
  const { width, data } = padded(image, size, axis, edge);
  const [length, step] = axis ? [image.width, 1] : [image.height, width];
  const result = makeImage(image.width, image.height);
  for (let line = 0; line < result.data.length / length; line++) {
    let sum = 0;
    let place = axis ? line * width : line;
    for (let i = 0; i < size - 1; i++) sum += data[place + i * step];
    for (let i = 0; i < length; i++, place += step) {
      sum += data[place + (size - 1) * step];
      const own = asWhole ? Math.round(sum / size) : sum / size;
      result.data[axis ? line * length + i : i * width + line] = own;
      sum -= data[place];
    }
  }
  return result;
}

// The mean of a square of so many pixels to each side; Pillow rounds it after each axis.
function boxBlur(image, radius) {
  const size = 2 * radius + 1;
  return averaged(averaged(image, size, 1, nearest, true), size, 0, nearest, true);
}

// The median of 3 x 3 neighbours.
function medianAround(image) {
  const { width, height } = image;
  const wide = padded(padded(image, 3, 0, nearest), 3, 1, nearest);
  const [near, result] = [new Float32Array(9), makeImage(width, height)];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let row = 0, n = 0; row < 3; row++) {
        for (let column = 0; column < 3; column++) near[n++] = wide.data[(y + row) * wide.width + x + column];
      }
      result.data[i++] = nthSmallest(near, 4);
    }
  }
  return result;
}

// A mask with the neighbours above, below, left and right of it, so many times; `outside` is beyond the edge.
function grown(mask, times, outside = 0) {
  const [width, height] = [mask.width + 2 * times, mask.height + 2 * times];
  let wide = placeIn(width, height, mask, times, times, outside);
  for (let time = 0; time < times; time++) {
    const { data } = wide;
    wide = makeImage(width, height, data.slice());
    for (let i = width; i < data.length - width; i++) {
      if (data[i - 1] || data[i + 1] || data[i - width] || data[i + width]) wide.data[i] = 1;
    }
  }
  return cut(wide, [times, times, width - times, height - times]);
}

const shrunken = (mask, times) => opposite(grown(opposite(mask), times, 1));

// Pieces: an image that has the number of its piece at each pixel, from 1 on, and 0 where there is none

// Number the connected pieces of a mask. They may touch at a corner, or not.
function label(mask, mayTouchAtCorners = true) {
  // What waits for its number is -1. No piece reaches the edge of the wider image.
  const { width, height, data } = placeIn(mask.width + 2, mask.height + 2, negated(mask), 1, 1);
  const ways = [-width, -1, 1, width];
  if (mayTouchAtCorners) ways.push(-width - 1, -width + 1, width - 1, width + 1);
  const waiting = new Int32Array(data.length);
  for (let start = 0, number = 0; start < data.length; start++) {
    if (data[start] >= 0) continue;
    data[start] = ++number;
    waiting[0] = start;
    for (let many = 1; many > 0;) {
      const place = waiting[--many];
      for (let i = 0; i < ways.length; i++) {
        const near = place + ways[i];
        if (data[near] >= 0) continue;
        data[near] = number;
        waiting[many++] = near;
      }
    }
  }
  return cut(makeImage(width, height, data), [1, 1, width - 1, height - 1]);
}

// How many pixels each piece has, by its number: all, or those in a mask. The ground, 0, is not counted.
function countPixels(pieces, mask = pieces) {
  const [own, isIn] = [pieces.data, mask.data];
  const counts = new Float32Array(1 + largestOf(own));
  for (let i = 0; i < own.length; i++) if (own[i] && isIn[i]) counts[own[i]]++;
  return counts;
}

// The boxes around the pieces, by their numbers; none where a number is missing.
function findBoxes({ width, height, data }) {
  const boxes = [];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!data[i]) continue;
      const box = (boxes[data[i]] ??= [x, y, 0, 0]);
      box[0] = Math.min(box[0], x);
      box[2] = Math.max(box[2], x + 1);
      box[3] = y + 1;
    }
  }
  return boxes;
}

// An image with another value for each piece, from a table by its number.
function lookedUp({ width, height, data }, table) {
  const own = data.slice();
  for (let i = 0; i < own.length; i++) own[i] = table[own[i]];
  return makeImage(width, height, own);
}

// The mask of one piece.
const pieceOf = (pieces, number) => mapped(pieces, (own) => (own === number ? 1 : 0));

// Solve as many equations as there are unknown numbers: rows of factors, and what each row adds up to. A
// number that the equations leave open is 0.
function solve(rows, sums) {
  const table = rows.map((row, i) => [...row, sums[i]]);
  const size = table.length;
  const isOpen = (k) => Math.abs(table[k][k]) < 1e-12;
  for (let k = 0; k < size; k++) {
    const best = table.slice(k).reduce((a, row) => (Math.abs(row[k]) > Math.abs(a[k]) ? row : a));
    [table[table.indexOf(best)], table[k]] = [table[k], best];
    for (let i = k + 1; i < size && !isOpen(k); i++) {
      const share = table[i][k] / table[k][k];
      for (let j = k; j <= size; j++) table[i][j] -= share * table[k][j];
    }
  }
  const found = new Array(size).fill(0);
  for (let k = size - 1; k >= 0; k--) {
    const rest = table[k].slice(0, size).reduce((sum, factor, j) => sum - factor * found[j], table[k][size]);
    found[k] = isOpen(k) ? 0 : rest / table[k][k];
  }
  return found;
}
