// The arithmetic of one number: what its window reads, times what, and what is done with the sum.

import { before } from "striate/fields";

const IDLE = new Set(["Identity", "Dropout", "Noise", "Penalty"]);
const COPIES = new Set(["Pad", "Crop", "Slice", "Concatenate", "Resize", "Augment"]);

/**
 * How a number of a tensor comes about: {value, after, products, source, reason}.
 *
 * look       {told, values, array}: tensors' Values by number, and the engine's arrays of an operation
 * tensor     whose number it is
 * at         its place, channels last
 * layer      the walk back ends where another layer begins
 *
 * after: [{name, from, to, more}] what is done with the sum, in order; products: {how, kernel, channels, numbers, weights,
 * place, there, bias, total, divisor} or null; source: {tensor, at} where a number is only copied; reason: why no more is said.
 */
export function arithmetic(look, tensor, at, layer) {
  const value = look.values.get(tensor).at(at);
  const after = [];
  let [current, place] = [tensor, at];
  for (;;) {
    const number = look.told.operations.findIndex((each) => each.output === current);
    const operation = look.told.operations[number];
    if (operation === undefined || operation.layer !== layer)
      return { value, after, products: null, source: { tensor: current, at: place }, reason: "" };
    const moved = movedTo(look, operation, place);
    if (moved !== null) [current, place] = moved;
    else if (operation.kind === "Pointwise" || operation.kind === "Softmax") {
      after.unshift(applied(look, operation, place));
      current = operation.inputs[0];
    } else {
      const row = ROWS[operation.kind];
      const reason = row ? "" : `The page shows no arithmetic of a ${operation.kind}.`;
      const products = row ? row(look, operation, place, (name) => look.array(number, name)) : null;
      return { value, after, products, source: null, reason, operation, at: place };
    }
  }
}

/** [tensor, place] in an operation's input of the number that its output has; null where the number is another. */
export function movedTo(look, operation, at) {
  const [source] = operation.inputs;
  const shape = look.told.tensors[source];
  if (IDLE.has(operation.kind)) return [source, at];
  if (operation.kind === "Permute") {
    const place = new Array(at.length);
    operation.order.forEach((axis, i) => (place[axis] = at[i]));
    return [source, place];
  }
  if (operation.kind === "Flatten" || operation.kind === "Reshape")
    return [source, unravelled(ravelled(at, look.told.tensors[operation.output]), shape)];
  if (!COPIES.has(operation.kind)) return null;
  const found = operation.inputs.flatMap((input, which) => {
    const box = before(at.map((each) => [each, each]), operation.sees[which], look.told.tensors[input]);
    return box !== null && box.every(([a, b]) => a === b) ? [[input, box.map(([a]) => a)]] : [];
  });
  return found.length === 1 ? found[0] : null;
}

export const ravelled = (at, shape) => at.reduce((index, each, axis) => index * shape[axis] + each, 0);

export function unravelled(index, shape) {
  const place = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place[axis] = index % shape[axis];
    index = Math.floor(index / shape[axis]);
  }
  return place;
}

function applied(look, operation, at) {
  const x = look.values.get(operation.inputs[0]);
  const y = look.values.get(operation.output);
  if (operation.kind === "Pointwise")
    return { name: operation.function.replaceAll("_", " "), from: x.at(at), to: y.at(at), more: null };
  const row = Array.from({ length: x.channels }, (_, i) => x.at([...at.slice(0, -1), i]));
  const most = Math.max(...row);
  const whole = row.reduce((sum, each) => sum + Math.exp(each - most), 0);
  const share = Math.exp(x.at(at) - most) / whole;
  return { name: "softmax", from: x.at(at), to: operation.log ? Math.log(share) : share, more: { most, whole, count: row.length } };
}

// -- rows: one per operation that gathers numbers -----------------------------------------------------------------------

/** Cells of a window at a place: [per axis: places], and per cell whether it lies in the input. */
function cells(window, sizes, at) {
  const along = sizes.map((size, i) => {
    const [kernel, stride, dilation, pad] = ["kernel", "strides", "dilation", "before"].map((key) => window[key][i]);
    return Array.from({ length: kernel }, (_, a) => {
      if (!window.transposed) {
        const place = at[i] * stride - pad + a * dilation;
        return [place, place >= 0 && place < size];
      }
      const painted = at[i] + pad - a * dilation;
      const place = Math.floor(painted / stride);
      return [place, painted % stride === 0 && place >= 0 && place < size];
    });
  });
  return along.reduce((all, axis) => all.flatMap((cell) => axis.map(([place, there]) => [[...cell[0], place], cell[1] && there])), [[[], true]]);
}

/** What a window reads of some maps: numbers per map and cell, 0 where nothing is. */
function read(x, window, at, channels) {
  const found = cells(window, x.shape.slice(0, -1), at);
  return {
    kernel: window.kernel,
    place: (c, i) => [...found[i][0], channels[c]],
    there: found.map(([, there]) => there),
    numbers: channels.map((c) => found.map(([place, there]) => (there ? x.at([...place, c]) : 0))),
    channels,
  };
}

const every = (count, first = 0) => Array.from({ length: count }, (_, i) => first + i);

function summed(parts, weights, bias) {
  let total = 0;
  parts.numbers.forEach((row, c) => row.forEach((number, i) => (total += number * (weights ? weights[c][i] : 1))));
  return { ...parts, weights, bias, how: "sum", total: total + (bias ?? 0) };
}

/** Weights (maps, kernel…) of one filter that stand one after the other. */
const kernelOf = (array, start, maps, area) => every(maps).map((c) => Array.from(array.data.subarray(start + c * area, start + (c + 1) * area)));

function convolved(look, operation, at, array, channels, start) {
  const weight = array("weight");
  const area = operation.window.kernel.reduce((a, b) => a * b, 1);
  const parts = read(look.values.get(operation.inputs[0]), operation.window, at, channels);
  const bias = array("bias")?.data[at.at(-1)] ?? null;
  return summed(parts, kernelOf(weight, start * area, channels.length, area), bias);
}

function reduced(parts, how) {
  const inside = parts.numbers.flatMap((row) => row.filter((_, i) => parts.there === null || parts.there[i]));
  const sum = inside.reduce((a, b) => a + b, 0);
  const named = how === "average" ? "mean" : how;
  const total = { sum, mean: sum / inside.length, max: inside.reduce((a, b) => Math.max(a, b), -Infinity) }[named];
  return { ...parts, weights: null, bias: null, how: named, total, divisor: inside.length };
}

/** The channels of a position: their numbers, mean and deviation. */
export function rowOf(x, at, epsilon) {
  const numbers = Array.from({ length: x.channels }, (_, i) => x.at([...at.slice(0, -1), i]));
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const variance = numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / numbers.length;
  return { numbers, mean, deviation: Math.sqrt(variance + epsilon) };
}

/** Per kind of operation what a number of its output gathers; place(map, i) is where its i-th number of a map stands. */
export const ROWS = {
  Conv(look, operation, at, array) {
    const k = at.at(-1);
    const depth = array("weight").shape[1];
    const first = Math.floor(k / (operation.filters / operation.groups)) * depth;
    return convolved(look, operation, at, array, every(depth, first), k * depth);
  },
  DepthwiseConv(look, operation, at, array) {
    const k = at.at(-1);
    return convolved(look, operation, at, array, [Math.floor(k / operation.multiplier)], k);
  },
  PartialConv(look, operation, at, array) {
    const k = at.at(-1);
    const first = operation.connections.slice(0, k).reduce((sum, each) => sum + each.length, 0);
    return convolved(look, operation, at, array, operation.connections[k], first);
  },
  ConvTranspose(look, operation, at, array) {
    const x = look.values.get(operation.inputs[0]);
    const { data, shape } = array("weight");
    const area = operation.window.kernel.reduce((a, b) => a * b, 1);
    const k = at.at(-1);
    const weights = every(shape[0]).map((c) => Array.from(data.subarray((c * shape[1] + k) * area, (c * shape[1] + k + 1) * area)));
    return summed(read(x, operation.window, at, every(x.channels)), weights, array("bias")?.data[k] ?? null);
  },
  Pool(look, operation, at) {
    const parts = read(look.values.get(operation.inputs[0]), operation.window, at, [at.at(-1)]);
    if (operation.how === "average_all") {
      const [whole, divisor] = [reduced(parts, "sum"), parts.there.length];
      return { ...whole, how: "mean", total: whole.total / divisor, divisor };
    }
    if (operation.how !== "center") return reduced(parts, operation.how);
    return summed(parts, [operation.centre], null);
  },
  AdaptivePool(look, operation, at) {
    const x = look.values.get(operation.inputs[0]);
    const out = look.told.tensors[operation.output];
    const spans = x.shape.slice(0, -1).map((size, i) => [Math.floor((at[i] * size) / out[i]), Math.ceil(((at[i] + 1) * size) / out[i])]);
    const kernel = spans.map(([a, b]) => b - a);
    const places = unravelledKernel(kernel).map((cell) => cell.map((each, i) => each + spans[i][0]));
    const place = (_, i) => [...places[i], at.at(-1)];
    const numbers = [places.map((_, i) => x.at(place(0, i)))];
    return reduced({ kernel, place, there: null, numbers, channels: [at.at(-1)] }, operation.how);
  },
  DepthPool(look, operation, at) {
    const x = look.values.get(operation.inputs[0]);
    const [size, stride] = operation.channels;
    const maps = every(size, at.at(-1) * stride);
    const place = (c) => [...at.slice(0, -1), maps[c]];
    return reduced({ kernel: null, place, there: null, channels: maps, numbers: maps.map((_, c) => [x.at(place(c))]) }, operation.how);
  },
  Reduce(look, operation, at) {
    const x = look.values.get(operation.inputs[0]);
    const sides = x.shape.map((size, axis) => (operation.axes.includes(axis) ? size : 1));
    const left = [...at];
    const base = x.shape.map((_, axis) => {
      const gone = operation.axes.includes(axis);
      const index = gone && !operation.keepdims ? 0 : left.shift();
      return gone ? 0 : index;
    });
    const places = unravelledKernel(sides).map((cell) => cell.map((each, axis) => each + base[axis]));
    const place = (_, i) => places[i];
    const numbers = [places.map((each) => x.at(each))];
    const kernel = x.shape.length === 3 && !operation.axes.includes(2) ? sides.slice(0, 2) : null;
    return reduced({ kernel, place, there: null, channels: [base.at(-1)], numbers }, operation.how);
  },
  Linear(look, operation, at, array) {
    const x = look.values.get(operation.inputs[0]);
    const { data } = array("weight");
    const units = every(x.channels);
    const place = (c) => [...at.slice(0, -1), c];
    const numbers = units.map((i) => [x.at(place(i))]);
    const weights = units.map((i) => [data[at.at(-1) * units.length + i]]);
    return summed({ kernel: null, place, there: null, channels: units, numbers }, weights, array("bias")?.data[at.at(-1)] ?? null);
  },
  Scale(look, operation, at, array) {
    const factor = array("weight");
    const numbers = [[look.values.get(operation.inputs[0]).at(at)]];
    const parts = { kernel: null, place: () => at, there: null, channels: [at.at(-1)], numbers };
    return summed(parts, factor ? [[factor.data[at.at(-1)]]] : null, array("bias")?.data[at.at(-1)] ?? null);
  },
  BatchNorm(look, operation, at, array) {
    const k = at.at(-1);
    const [mean, variance] = ["running_mean", "running_var"].map((name) => array(name).data[k]);
    const deviation = Math.sqrt(variance + operation.epsilon);
    const scale = array("weight")?.data[k] ?? 1;
    const shift = array("bias")?.data[k] ?? 0;
    const numbers = [[look.values.get(operation.inputs[0]).at(at)]];
    const parts = { kernel: null, place: () => at, there: null, channels: [k], numbers, norm: { mean, deviation, scale, shift } };
    return summed(parts, [[scale / deviation]], shift - (mean * scale) / deviation);
  },
  LayerNorm(look, operation, at, array) {
    const k = at.at(-1);
    const x = look.values.get(operation.inputs[0]);
    const { mean, deviation } = rowOf(x, at, operation.epsilon);
    const scale = array("weight")?.data[k] ?? 1;
    const shift = array("bias")?.data[k] ?? 0;
    const parts = { kernel: null, place: () => at, there: null, channels: [k], numbers: [[x.at(at)]], norm: { mean, deviation, scale, shift } };
    return summed(parts, [[scale / deviation]], shift - (mean * scale) / deviation);
  },
  Affine(look, operation, at) {
    const own = (given) => (Array.isArray(given) ? given[given.length === 1 ? 0 : at.at(-1)] : given);
    const numbers = [[look.values.get(operation.inputs[0]).at(at)]];
    const parts = { kernel: null, place: () => at, there: null, channels: [at.at(-1)], numbers };
    return summed(parts, [[own(operation.factor)]], own(operation.addend));
  },
  Combine(look, operation, at) {
    const out = look.told.tensors[operation.output];
    const place = (c) => {
      const { shape } = look.values.get(operation.inputs[c]);
      return at.slice(out.length - shape.length).map((each, axis) => (shape[axis] === 1 ? 0 : each));
    };
    const numbers = operation.inputs.map((input, c) => [look.values.get(input).at(place(c))]);
    const row = numbers.map(([each]) => each);
    const [first, ...rest] = row;
    const totals = {
      add: () => row.reduce((a, b) => a + b, 0),
      subtract: () => rest.reduce((a, b) => a - b, first),
      multiply: () => row.reduce((a, b) => a * b, 1),
      divide: () => rest.reduce((a, b) => a / b, first),
      average: () => row.reduce((a, b) => a + b, 0) / row.length,
      maximum: () => Math.max(...row),
      minimum: () => Math.min(...row),
    };
    const how = { add: "sum", average: "mean", maximum: "max", minimum: "min" }[operation.how] ?? operation.how;
    const made = { kernel: null, place, there: null, channels: operation.inputs, numbers, weights: null, bias: null };
    return { ...made, how, total: totals[operation.how](), divisor: row.length, merged: true };
  },
};

/** Every cell of a kernel, row by row. */
const unravelledKernel = (kernel) => every(kernel.reduce((a, b) => a * b, 1)).map((i) => unravelled(i, kernel));
