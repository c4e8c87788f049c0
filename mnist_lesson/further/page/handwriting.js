// From a picture to what MNIST would show: pictures.py and handwriting.py in JavaScript.
// The sheet is found in paper.js, the ink in ink.js.

const SIZES = [400000, 750000, 4000000]; // pixels of a picture, look by look
const LEAST_SIDE = 8; // pixels: a digit cannot be told from less
const SMALL_DIGIT = 80; // pixels of its longer side
const THINNEST_STROKE = 1.6; // pixels of 20: thinner ones are made thicker; 95 % of MNIST's are not so thin

// What each step of the preparation leaves; the last one, `centred`, is 28 x 28. `grey` and `paper` hold 0
// (black) to 255 (white), the others ink from 0 (none) to 1. The picture is {width, height, data}, four bytes
// a pixel: red, green, blue, opacity. Throws "too small" or "no ink".
function prepareSteps(picture) {
  let look = null;
  for (const closer of closerLooks(picture, SIZES)) {
    const isSecond = look !== null; // ink that is found is looked at once more at most
    const { grey, paper, ink } = closer;
    look = { ...closer, cropped: keepPieces(ink, oneDigit(findPieces(ink, paper, grey))) };
    if (isSecond || longerSide(look.cropped) >= SMALL_DIGIT) break;
  }
  const fitted = fitInto20(look.cropped);
  return { ...look, fitted, centred: centre(fitted) };
}

// The grey sheet, its paper and its ink, with more and more pixels: about so many at most. A thin stroke may
// be seen only in a closer look.
function* closerLooks(picture, sizes) {
  for (const pixels of sizes) {
    const grey = tidied(toGrey(picture, pixels));
    // So small is no picture that was made smaller.
    const isLast = pixels === sizes[sizes.length - 1] || grey.data.length < pixels / 4;
    const paper = findPaper(grey);
    let ink = null;
    try {
      ink = findInk(grey, paper);
    } catch (error) {
      if (isLast) throw error;
    }
    if (ink) yield { grey, paper, ink };
    if (isLast) return;
  }
}

// A picture as grey numbers: 0 black, 255 white, of about so many pixels at most.
function toGrey(picture, pixels) {
  const least = Math.max(LEAST_SIDE, longerSide(picture) / 100);
  if (shorterSide(picture) < least) throw new Error("too small");
  const { width, height, data } = shrink(picture, pixels);
  const grey = makeImage(width, height);
  const ground = groundOf(data);
  for (let i = 0, j = 0; i < grey.data.length; i++, j += 4) {
    const opacity = data[j + 3];
    const [red, green] = [overlay(data[j], opacity, ground), overlay(data[j + 1], opacity, ground)];
    grey.data[i] = brightness(red, green, overlay(data[j + 2], opacity, ground));
  }
  return grey;
}

// How bright a colour is: an eye sees green best.
function brightness(red, green, blue) {
  return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
}

// A transparent drawing is put on white, or on black if all of its own colours are bright.
function groundOf(data) {
  let [isAny, isDark] = [false, false];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] <= 127) continue;
    isAny = true;
    if (brightness(data[i], data[i + 1], data[i + 2]) <= 127) isDark = true;
  }
  return isAny && !isDark ? 0 : 255;
}

// A part of a colour on this ground; rounded as Pillow does.
function overlay(value, opacity, ground) {
  if (opacity === 255) return value;
  return divideBy255(128 * (value * opacity + ground * (255 - opacity) + 128)) >> 7;
}

// Make a large picture smaller by a whole factor: each new pixel is the mean of a square of old ones. What is
// transparent must not give its colour to the mean.
function shrink(picture, pixels) {
  const factor = Math.ceil(Math.sqrt((picture.width * picture.height) / pixels));
  if (factor <= 1) return picture;
  const weighted = makeImage(picture.width, picture.height, picture.data.slice());
  changeColours(weighted.data, (value, opacity) => divideBy255(value * opacity + 128));
  const small = reduce(weighted, factor, true, 4);
  changeColours(small.data, (value, opacity) => Math.min(255, Math.floor((255 * value) / (opacity || 255))));
  return small;
}

// Change the parts of each colour that is not opaque.
function changeColours(data, change) {
  for (let i = 0; i < data.length; i++) {
    const opacity = data[i | 3];
    if (opacity < 255 && i % 4 < 3) data[i] = change(data[i], opacity);
  }
}

// As Pillow divides.
const divideBy255 = (sum) => ((sum >> 8) + sum) >> 8;

// Where the largest piece of ink is, and all that is near enough to be a part of its digit. A piece that
// reaches the edge of the picture is a pencil or a hand, if there is another one far from it.
function oneDigit(pieces) {
  const [boxes, pixels] = [findBoxes(pieces), countPixels(pieces)];
  const atEdge = new Set(edgesOf(pieces).flatMap((edge) => [...edge]));
  const order = Object.keys(boxes).map(Number);
  order.sort((a, b) => pixels[b] - pixels[a]);
  let first = order[0];
  if (atEdge.has(first)) {
    first = order.find((n) => !atEdge.has(n) && !isNear(boxes[n], boxes[first], 1 / 8)) ?? first;
  }
  const isKept = new Float32Array(pixels.length);
  isKept[first] = 1;
  let box = boxes[first];
  for (const number of order) {
    if (isKept[number] || !isNear(boxes[number], box, 1 / 3)) continue;
    if (atEdge.has(number) && !atEdge.has(first)) continue;
    isKept[number] = 1;
    box = box.map((side, i) => (i < 2 ? Math.min : Math.max)(side, boxes[number][i]));
  }
  return lookedUp(pieces, isKept);
}

// Is a box not farther from another one than a share of the longer side of that one?
function isNear(box, other, share) {
  const reach = share * Math.max(other[2] - other[0], other[3] - other[1]);
  return [0, 1].every((axis) => box[axis] - other[axis + 2] < reach && other[axis] - box[axis + 2] < reach);
}

// Fit ink into 20 x 20 keeping its aspect ratio: one side of the result is 20. Thin strokes are made thicker.
function fitInto20(ink) {
  let image = resizeTo(ink, 80);
  const strokes = brightened(image);
  const missing = 4 * THINNEST_STROKE - strokeWidth(strokes); // pixels of 80
  if (missing > 0) {
    const wide = placeIn(strokes.width + 8, strokes.height + 8, strokes, 4, 4);
    const whole = mapped(wide, (own) => Math.floor(f32(255 * own)));
    const thicker = mapped(largestAround(whole, 2 * Math.ceil(missing / 2) + 1), (own) => own / 255);
    image = keepPieces(thicker, above(thicker, INK));
  }
  return brightened(resizeTo(image, 20));
}

// The same with its largest value at 1.
function brightened(ink) {
  const most = largestOf(ink.data);
  return mapped(ink, (own) => own / most);
}

// Bring the longer side to this many pixels, keeping the aspect ratio.
function resizeTo(image, longest) {
  const side = (length) => Math.max(1, roundHalfEven((length * longest) / longerSide(image)));
  return resize(image, side(image.width), side(image.height), BOX);
}

// Place ink of at most 20 x 20 in 28 x 28, its centre of mass as near to pixel (14, 14) as possible. It is
// moved by whole pixels, and no ink leaves the image.
function centre(ink) {
  const columns = new Float32Array(ink.width);
  ink.data.forEach((own, i) => (columns[i % ink.width] += own));
  const rows = Float32Array.from({ length: ink.height }, (_, y) => {
    return sumAsNumPy(ink.data.subarray(y * ink.width, (y + 1) * ink.width));
  });
  const [top, left] = [rows, columns].map((mass) => {
    const middle = mass.reduce((sum, own, i) => sum + own * i, 0) / sumAsNumPy(mass);
    return clip(roundHalfEven(14 - middle), 0, 28 - mass.length);
  });
  return placeIn(28, 28, ink, left, top);
}

// A sum of numbers of 32 bits in NumPy's order: eight sums side by side. Where the middle of even strokes
// lies just between two pixels, the last bit says to which one the digit moves.
function sumAsNumPy(values) {
  const sums = new Float32Array(8);
  const whole = values.length - (values.length % 8);
  for (let i = 0; i < whole; i++) sums[i % 8] += values[i];
  for (const reach of [1, 2, 4]) for (let i = 0; i < 8; i += 2 * reach) sums[i] += sums[i + reach];
  for (let i = whole; i < values.length; i++) sums[0] += values[i];
  return sums[0];
}
