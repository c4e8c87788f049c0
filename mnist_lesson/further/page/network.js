// The network of notebook 4 in plain JavaScript: the weights out of text, the forward pass, and one gradient.
//
// Maps are Float32Arrays, map after map, row after row, as PyTorch flattens them: channels x side x side.
// The names of weights and steps are those of mnist_lesson/model.py.

// Return the weights of an exported network as {"conv1.weight": Float32Array, ...}.
function decodeWeights(network) {
  const view = new DataView(Uint8Array.from(atob(network.weights), (letter) => letter.charCodeAt(0)).buffer);
  const isHalf = network.dtype === "float16";
  const weights = {};
  let place = 0;
  for (const [name, shape] of Object.entries(network.shapes)) {
    const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
    for (let i = 0; i < values.length; i++, place += isHalf ? 2 : 4) {
      values[i] = isHalf ? fromHalf(view.getUint16(place, true)) : view.getFloat32(place, true);
    }
    weights[name] = values;
  }
  return weights;
}

// Return the number that 16 bits stand for: 1 bit for the sign, 5 for the exponent, 10 for the fraction.
function fromHalf(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -14; // the numbers nearest to 0 have no leading 1
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}

// Return what each step leaves for one image of 28 x 28, 0 to 1, as {conv1, pool1, conv2, pool2, fc1, fc2}.
// conv1, conv2 and fc1 are after ReLU; fc2 holds the ten logits.
function forward(image, weights) {
  const conv1 = convolve(image, 28, weights["conv1.weight"], weights["conv1.bias"]); // 32 x 26 x 26
  const pool1 = maxPool(conv1, 32, 26); // 32 x 13 x 13
  const conv2 = convolve(pool1, 13, weights["conv2.weight"], weights["conv2.bias"]); // 64 x 11 x 11
  const pool2 = maxPool(conv2, 64, 11); // 64 x 5 x 5
  const fc1 = linear(pool2, weights["fc1.weight"], weights["fc1.bias"]).map((sum) => Math.max(0, sum)); // 64
  const fc2 = linear(fc1, weights["fc2.weight"], weights["fc2.bias"]); // 10
  return { conv1, pool1, conv2, pool2, fc1, fc2 };
}

// Lay 3 x 3 filters over maps of side x side: at each place multiply, add up, add the bias. Then ReLU.
function convolve(maps, side, weight, bias) {
  const out = side - 2;
  const result = new Float32Array(bias.length * out * out);
  const ofFilter = weight.length / bias.length; // nine weights for each map
  for (let i = 0; i < result.length; i++) {
    const filter = Math.floor(i / (out * out));
    let sum = bias[filter];
    let p = (Math.floor(i / out) % out) * side + (i % out); // the corner of the 3 x 3 pixels, in each map
    for (let w = filter * ofFilter; w < (filter + 1) * ofFilter; w += 9, p += side * side) {
      const q = p + side; // the rows below
      const r = q + side;
      sum += weight[w] * maps[p] + weight[w + 1] * maps[p + 1] + weight[w + 2] * maps[p + 2];
      sum += weight[w + 3] * maps[q] + weight[w + 4] * maps[q + 1] + weight[w + 5] * maps[q + 2];
      sum += weight[w + 6] * maps[r] + weight[w + 7] * maps[r + 1] + weight[w + 8] * maps[r + 2];
    }
    result[i] = Math.max(0, sum);
  }
  return result;
}

// Keep the largest of each 2 x 2; a last row and column without a partner is left out.
function maxPool(maps, channels, side) {
  const result = new Float32Array(channels * (side >> 1) ** 2);
  for (let i = 0; i < result.length; i++) result[i] = maps[largestOf4(maps, i, side)];
  return result;
}

// Return where in the maps the largest of the four numbers lies that pooling makes number i of.
function largestOf4(maps, i, side) {
  const half = side >> 1;
  const channel = Math.floor(i / (half * half));
  const row = Math.floor(i / half) % half;
  const first = channel * side * side + 2 * row * side + 2 * (i % half);
  let best = first;
  for (const place of [first + 1, first + side, first + side + 1]) {
    if (maps[place] > maps[best]) best = place;
  }
  return best;
}

function linear(inputs, weight, bias) {
  return bias.map((sum, row) => {
    for (let i = 0; i < inputs.length; i++) sum += weight[row * inputs.length + i] * inputs[i];
    return sum;
  });
}

// Turn logits into probabilities. Subtracting the largest changes nothing, but exp of it would be too large.
function softmax(logits) {
  const powers = Array.from(logits, (logit) => Math.exp(logit - Math.max(...logits)));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// Return the gradient of a digit's logit with respect to each pixel, 28 x 28: `saliency` of notebook 7.
// `steps` are those of `forward`. It goes the same way back; where ReLU gave 0, nothing goes through.
function saliency(steps, weights, digit) {
  const features = weights["fc2.weight"].slice(64 * digit, 64 * (digit + 1));
  const flat = new Float32Array(1600);
  for (let row = 0; row < 64; row++) {
    if (steps.fc1[row] === 0) continue;
    for (let i = 0; i < 1600; i++) flat[i] += features[row] * weights["fc1.weight"][row * 1600 + i];
  }
  const pool1 = convolveBack(unpool(flat, steps.conv2, 11), 11, weights["conv2.weight"], 64);
  return convolveBack(unpool(pool1, steps.conv1, 26), 26, weights["conv1.weight"], 32);
}

// Give each gradient behind max pooling to the number that was the largest, if ReLU let it through.
function unpool(gradients, maps, side) {
  const result = new Float32Array(maps.length);
  gradients.forEach((gradient, i) => {
    const place = largestOf4(maps, i, side);
    if (maps[place] > 0) result[place] = gradient;
  });
  return result;
}

// Give each gradient behind a convolution to the nine pixels under the filter, times their weights.
function convolveBack(gradients, side, weight, filters) {
  const channels = weight.length / (9 * filters);
  const wide = side + 2;
  const result = new Float32Array(channels * wide * wide);
  gradients.forEach((gradient, i) => {
    if (gradient === 0) return; // most are
    const filter = Math.floor(i / (side * side));
    const corner = (Math.floor(i / side) % side) * wide + (i % side);
    for (let channel = 0; channel < channels; channel++) {
      for (let w = 0; w < 9; w++) {
        const pixel = channel * wide * wide + corner + Math.floor(w / 3) * wide + (w % 3);
        result[pixel] += gradient * weight[(filter * channels + channel) * 9 + w];
      }
    }
  });
  return result;
}
