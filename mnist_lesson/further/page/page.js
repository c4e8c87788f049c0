// The page itself: its words, drawing, reading, and what is shown.

const SIDE = 280; // of the drawing pad, in its own units: those of `PAD_SIDE` and strokes.json in Python
const PEN_WIDTH = 18;
const MOST_PIXELS = 16e6; // of a photo: telephones refuse larger canvases

// Strokes that a pen went through, as x,y x,y and so on. The last example is no digit.
const EXAMPLES = {
  2: ["67,108 68,81 73,72 92,60 105,56 117,55 145,63 167,78 172,89 170,115 163,145 125,233 146,225 238,206"],
  4: ["99,57 79,167 74,170 106,162 214,147", "171,66 175,143 184,226"],
  7: ["85,54 155,61 196,62 202,58 196,62 177,102 132,228"],
  scribble: ["50,140 80,60 100,220 130,60 150,220 180,60 200,220 230,100"],
};

const COLUMN = navigator.language.startsWith("zh") ? 1 : 0; // of the table: English or Chinese
const TEXTS = {
  title: ["Draw a digit", "写一个数字"],
  lead: ["A neural network reads it while you draw. Nothing leaves your device.", "你一边写，神经网络一边识别。数据不会离开你的设备。"],
  draw: ["Your digit", "你写的数字"],
  pad: ["Drawing pad. Without mouse, finger or pen: take an example or a photo.", "手写板。不便手写时，可选用示例或照片。"],
  undo: ["Undo", "撤销"],
  clear: ["Clear", "清除"],
  photo: ["Photo …", "照片…"],
  examples: ["Examples", "示例"],
  example: ["Example {name}", "示例 {name}"],
  scribble: ["Example: a scribble", "示例：涂鸦"],
  answer: ["Answer", "结果"],
  empty: ["Draw one digit, 0 to 9, or choose a photo.", "写一个 0 到 9 的数字，或选择一张照片。"],
  read: ["The network reads {digit}, with a probability of {p}.", "网络识别为 {digit}，概率为 {p}。"],
  unsure: ["This may not be a digit. {digit} comes nearest, with {p}.", "这可能不是数字。最像 {digit}，概率为 {p}。"],
  "no ink": ["No ink to be seen: write larger, or with a darker pen.", "看不到笔迹：请写大一些，或用颜色更深的笔。"],
  "too small": ["This picture is too small or too narrow: use a larger one.", "图片太小或太窄：请换一张大一些的。"],
  "no picture": ["Your browser cannot read this file as a picture.", "浏览器无法把这个文件当作图片读取。"],
  bars: ["Probability of each digit", "每个数字的概率"],
  sees: ["What the network sees", "网络看到的图像"],
  centred: ["28 × 28 numbers, from 0 (black) to 1 (white)", "28 × 28 个数值，从 0（黑）到 1（白）"],
  speaks: ["Ink for and against {digit}:", "支持和反对 {digit} 的笔迹："],
  for: ["ink that speaks for it", "支持的笔迹"],
  against: ["ink that speaks against it", "反对的笔迹"],
  steps: ["From picture to 28\u00a0×\u00a028", "从图片到 28 × 28"],
  grey: ["grey, the sheet alone", "灰度，只留纸页"],
  paper: ["brightness of the paper", "纸张的亮度"],
  ink: ["the ink alone, now bright", "只留笔迹，变亮"],
  cropped: ["cropped", "裁剪"],
  fitted: ["fitted into 20\u00a0×\u00a020", "缩放到 20 × 20"],
  maps: ["What the layers make of it", "各层得到的特征图"],
  conv1: ["First layer: 32 maps of 26 × 26", "第一层：32 张 26 × 26 的特征图"],
  conv2: ["Second layer: 64 maps of 11 × 11", "第二层：64 张 11 × 11 的特征图"],
  range: ["{name}, from 0 (dark) to {to} (bright)", "{name}，从 0（暗）到 {to}（亮）"],
  network: ["The network in this page:", "本页中的网络："],
  holds: ["{count} weights in {dtype}, trained with {settings}.", "{count} 个 {dtype} 权重，训练设置：{settings}。"],
  tested: ["It reads {accuracy} of MNIST's test images.", "它能读对 {accuracy} 的 MNIST 测试图像。"],
  refuses: ["Below a probability of {limit} it says: this may not be a digit.", "概率低于 {limit} 时提示：这可能不是数字。"],
  versions: ["Lesson {lesson}, preparation {preparation}.", "课程版本 {lesson}，预处理版本 {preparation}。"],
};

const node = (id) => document.getElementById(id);
const newCanvas = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
const percent = (share, digits) => `${(100 * share).toFixed(digits)}\u00a0%`;
const text = (key, values) => TEXTS[key][COLUMN].replace(/\{(\w+)\}/g, (_, name) => values[name]);

const network = JSON.parse(node("network").textContent);
const weights = decodeWeights(network);
const pad = node("pad").getContext("2d");
// The strokes once more, smaller: these pixels are read. With more, the answer would lag behind the pen.
const small = newCanvas(180, 180).getContext("2d", { willReadFrequently: true });
let strokes = []; // each is a list of points [x, y]
let photo = null; // a canvas, or {error: key of a text}; while there is one, the strokes do not count
let pen = null; // the number of the pointer that draws
let result = {}; // what `look` found last
let isScheduled = false;

// Drawing

function exampleStrokes(name) {
  return EXAMPLES[name].map((stroke) => stroke.split(" ").map((point) => point.split(",").map(Number)));
}

// Draw a line to each point from the one before it; the first one becomes a dot.
function drawStroke(context, points, first = 0) {
  const scale = context.canvas.width / SIDE;
  Object.assign(context, { lineCap: "round", lineWidth: PEN_WIDTH * scale });
  for (let i = first; i < points.length; i++) {
    const [from, to] = [points[Math.max(0, i - 1)], points[i]];
    context.beginPath();
    context.moveTo(from[0] * scale, from[1] * scale);
    context.lineTo(to[0] * scale + 0.01, to[1] * scale); // a line without any length may not be drawn
    context.stroke();
  }
}

function drawAll(context) {
  context.fillStyle = "white";
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  if (!photo) strokes.forEach((stroke) => drawStroke(context, stroke));
  return context.canvas;
}

// Show these strokes, or this photo, in place of what is on the pad; a stroke that is being drawn ends.
function show(newStrokes, newPhoto = null) {
  [strokes, photo, pen] = [newStrokes, newPhoto, null];
  [pad, small].forEach(drawAll);
  if (photo?.width) {
    const { width: side } = pad.canvas;
    const scale = side / Math.max(photo.width, photo.height);
    const [w, h] = [photo.width * scale, photo.height * scale];
    pad.drawImage(photo, (side - w) / 2, (side - h) / 2, w, h);
  }
  schedule();
}

function press(event) {
  if (event.button !== 0 || pen !== null) return; // a second finger does not draw
  if (photo) show([]);
  pen = event.pointerId;
  pad.canvas.setPointerCapture(pen);
  strokes.push([]);
  move(event);
}

function move(event) {
  if (event.pointerId !== pen) return;
  // A fast pen is at several places between two pictures of the screen.
  const places = event.getCoalescedEvents?.() ?? [];
  if (!places.length) places.push(event);
  const box = pad.canvas.getBoundingClientRect();
  const stroke = strokes.at(-1);
  for (const { clientX, clientY } of places) {
    stroke.push([((clientX - box.left) / box.width) * SIDE, ((clientY - box.top) / box.height) * SIDE]);
  }
  [pad, small].forEach((context) => drawStroke(context, stroke, stroke.length - places.length));
  schedule();
}

function lift(event) {
  if (event.pointerId === pen) pen = null;
  schedule();
}

async function usePhoto(file) {
  if (!file) return;
  try {
    const image = await createImageBitmap(file); // upright, as the phone's note in the file says
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (image.width * image.height)));
    const canvas = newCanvas(Math.ceil(image.width * scale), Math.ceil(image.height * scale));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    show(strokes, canvas);
  } catch {
    show(strokes, { error: "no picture" });
  }
}

// Reading

// Read before the next picture of the screen: once, however far the pen has moved.
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    result = look();
    showAnswer();
    setTimeout(showInside); // after the bars
  });
}

// Return what there is to show: nothing, {error: key of a text}, or what each step leaves, and the digit.
function look() {
  if (photo?.error) return photo;
  if (!photo && !strokes.length) return {};
  const from = photo ? photo.getContext("2d") : small;
  try {
    const { width, height, data } = from.getImageData(0, 0, from.canvas.width, from.canvas.height);
    const prepared = prepareSteps({ width, height, data });
    const steps = forward(prepared.centred.data, weights);
    const probabilities = softmax(steps.fc2);
    return { prepared, steps, probabilities, digit: probabilities.indexOf(Math.max(...probabilities)) };
  } catch (error) {
    if (!(error.message in TEXTS)) throw error;
    return { error: error.message };
  }
}

// Showing

function showAnswer() {
  const { error, digit, probabilities } = result;
  const p = probabilities?.[digit];
  const found = error ?? (!probabilities ? "empty" : p < network.threshold ? "unsure" : "read");
  const sentence = text(found, { digit, p: percent(p, 1) });
  node("digit").textContent = { read: digit, unsure: "?" }[found] ?? "";
  node("sentence").textContent = sentence;
  if (pen === null) node("status").textContent = sentence; // it is read aloud: not while one draws
  [...node("bars").rows].forEach((row, i) => {
    row.className = i === digit ? "best" : "";
    row.querySelector(".bar div").style.width = probabilities ? `${100 * probabilities[i]}%` : 0;
    row.lastElementChild.textContent = probabilities ? percent(probabilities[i], 1) : "–";
  });
  node("undo").disabled = node("clear").disabled = !photo && !strokes.length;
}

function showInside() {
  const { prepared, steps, digit } = result;
  node("speaks-name").textContent = text("speaks", { digit: digit ?? "…" });
  if (!steps) document.querySelectorAll(".view").forEach((canvas) => canvas.getContext("2d").reset());
  for (const [name, side] of [["conv1", 26], ["conv2", 11]]) {
    const top = steps ? Math.max(...steps[name]) : 0;
    node(name + "-name").textContent = text(steps ? "range" : name, { name: text(name), to: top.toFixed(1) });
    if (steps) paint(name, tile(steps[name], side), VIRIDIS, top || 1);
  }
  if (!steps) return;
  for (const name of ["grey", "paper"]) paint(name, prepared[name], GREYS, 255);
  for (const name of ["ink", "cropped", "fitted", "centred"]) paint(name, prepared[name], GREYS, 1);
  showSpeaks(prepared.centred.data, saliency(steps, weights, digit));
}

// Return 256 colours between these, each as the four bytes of a pixel.
function palette(...colours) {
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (colours.length - 1);
    const first = Math.min(Math.floor(place), colours.length - 2);
    const [r, g, b] = colours[first].map((own, k) => own + (place - first) * (colours[first + 1][k] - own));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

const GREYS = palette([0, 0, 0], [255, 255, 255]);
const VIRIDIS = palette([68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]);

// Paint an image: 0 in the first colour, `largest` in the last one; what is below 0 stays empty.
function paint(id, { width, height, data }, colours, largest) {
  const canvas = Object.assign(node(id), { width, height });
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  data.forEach((value, i) => (pixels[i] = value < 0 ? 0 : colours[Math.round((255 * value) / largest)]));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Lay maps side by side, eight in a row, with gaps of -1 between them.
function tile(maps, side) {
  const width = 8 * (side + 1) - 1;
  const height = (maps.length / (8 * side * side)) * (side + 1) - 1;
  const data = new Float32Array(width * height).fill(-1);
  for (let i = 0; i < maps.length; i += side) {
    const [map, row] = [Math.floor(i / (side * side)), (i / side) % side];
    const top = Math.floor(map / 8) * (side + 1) + row;
    data.set(maps.subarray(i, i + side), top * width + (map % 8) * (side + 1));
  }
  return { width, height, data };
}

// Show ink times gradient: how much the ink of each pixel raises (+) or lowers (-) the digit's logit.
function showSpeaks(image, gradient) {
  const values = image.map((ink, i) => ink * gradient[i]);
  const largest = Math.max(1e-9, ...values.map(Math.abs));
  const context = node("speaks").getContext("2d");
  const fill = (colour, ...box) => {
    context.fillStyle = colour;
    context.fillRect(...box.map((length) => (length * context.canvas.width) / 28));
  };
  fill("white", 0, 0, 28, 28);
  values.forEach((value, i) => {
    const [x, y, share] = [i % 28, Math.floor(i / 28), Math.abs(value) / largest];
    fill(`rgb(0 0 0 / ${0.15 * image[i]})`, x, y, 1, 1);
    fill(value > 0 ? `rgb(84 39 136 / ${share})` : `rgb(160 74 0 / ${share})`, x, y, 1, 1);
    if (share < 0.12) return; // no sign where it hardly matters
    fill(share < 0.5 ? "black" : "white", x + 0.2, y + 0.4, 0.6, 0.2);
    if (value > 0) fill(share < 0.5 ? "black" : "white", x + 0.4, y + 0.2, 0.2, 0.6);
  });
}

// Start

function fillWithWords() {
  document.documentElement.lang = ["en", "zh-CN"][COLUMN];
  document.querySelectorAll("[data-text]").forEach((own) => (own.textContent = text(own.dataset.text)));
  document.querySelectorAll("[role=img]").forEach((own) => (own.ariaLabel = text(own.id, { digit: "…" })));
  const count = Object.values(weights).reduce((sum, { length }) => sum + length, 0).toLocaleString("en");
  const [accuracy, limit] = [percent(network.accuracy, 2), percent(network.threshold, 0)];
  const keys = ["holds", ...(network.accuracy === null ? [] : ["tested"]), "refuses", "versions"];
  node("about").textContent = keys.map((key) => text(key, { ...network, count, accuracy, limit })).join(" ");
}

function addExample(name) {
  const button = document.createElement("button");
  const ariaLabel = text(name === "scribble" ? "scribble" : "example", { name });
  Object.assign(button, { type: "button", ariaLabel, onclick: () => show(exampleStrokes(name)) });
  strokes = exampleStrokes(name);
  button.append(drawAll(newCanvas(76, 76).getContext("2d")));
  node("examples").append(button);
}

function listen() {
  Object.assign(pad.canvas, { onpointerdown: press, onpointermove: move, onlostpointercapture: lift });
  node("undo").onclick = () => show(photo ? strokes : strokes.slice(0, -1));
  node("clear").onclick = () => show([]);
  node("file").onclick = ({ target }) => (target.value = ""); // the same file may be chosen again
  node("file").onchange = ({ target }) => usePhoto(target.files[0]);
  document.onpaste = (event) => usePhoto(event.clipboardData.files[0]);
  document.ondragover = document.ondrop = (event) => {
    event.preventDefault(); // or the browser would open the picture in place of this page
    if (event.type === "drop") usePhoto(event.dataTransfer.files[0]);
  };
}

fillWithWords();
Object.keys(EXAMPLES).forEach(addExample);
listen();
drawAll(small); // the last example
for (let i = 0; i < 3; i++) look(); // so that the browser has compiled it before the first stroke
show([]);
