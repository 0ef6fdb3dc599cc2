// How much one number of the network grows with each number of an earlier tensor: the arithmetic of cell.js, backwards.

import { movedTo, ravelled, rowOf, ROWS, unravelled } from "striate/cell";

const logistic = (x) => 1 / (1 + Math.exp(-x));

/** Slopes of functions of one number, from x, y = f(x) and the function's parameters. */
export const FUNCTIONS = {
  relu: (x) => Number(x > 0),
  relu6: (x) => Number(x > 0 && x < 6),
  leaky_relu: (x, y, slope) => (x > 0 ? 1 : slope),
  elu: (x, y, alpha) => (x > 0 ? 1 : y + alpha),
  selu: (x, y) => (x > 0 ? 1.0507009873554805 : y + 1.0507009873554805 * 1.6732632423543772),
  tanh: (x, y) => 1 - y * y,
  scaled_tanh: (x, y) => (1.7159 - (y * y) / 1.7159) * (2 / 3),
  sigmoid: (x, y) => y * (1 - y),
  hard_sigmoid: (x) => (Math.abs(x) < 3 ? 1 / 6 : 0),
  hard_silu: (x) => (x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5),
  silu: (x, y, _, s = logistic(x)) => s + y * (1 - s),
  gelu: (x, y) => (x === 0 ? 0.5 : y / x + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)),
  mish: (x, y, _, t = Math.tanh(Math.log1p(Math.exp(x)))) => t + x * logistic(x) * (1 - t * t),
  softplus: (x) => logistic(x),
  softsign: (x) => 1 / (1 + Math.abs(x)) ** 2,
  exponential: (x, y) => y,
  clip: (x, y, low, high) => Number((low === null || x > low) && (high === null || x < high)),
  parametric_relu: (x, y, most, slope, threshold) => (x > threshold ? Number(most === null || x < most) : slope),
  negative: () => -1,
  absolute: (x) => Math.sign(x),
  square: (x) => 2 * x,
};

/**
 * The slopes of a sum of numbers of a tensor by each number of an earlier one: Float64Array, channels last.
 *
 * look     {told, values, array}: as for cell.js's arithmetic
 * tensor   whose numbers
 * seeds    [[place, factor]] of those numbers
 * source   the earlier tensor
 *
 * Throws an Error that names the layer through which the page cannot go back.
 */
export function slopes(look, tensor, seeds, source) {
  const { operations, tensors, layers } = look.told;
  const between = operationsBetween(look.told, source, tensor);
  const found = new Map();
  const of = (each) => {
    if (!found.has(each)) found.set(each, new Float64Array(tensors[each].reduce((a, b) => a * b, 1)));
    return found.get(each);
  };
  for (const [place, factor] of seeds) of(tensor)[ravelled(place, tensors[tensor])] += factor;
  const held = new Set([source, ...between.map((number) => operations[number].output)]);
  for (const number of between.reverse()) {
    const operation = operations[number];
    const given = of(operation.output);
    if (operation.kind === "Linear") {
      linear(given, of(operation.inputs[0]), look.array(number, "weight").data, tensors[operation.inputs[0]].at(-1));
      continue;
    }
    for (let index = 0; index < given.length; index++) {
      if (given[index] === 0) continue;
      const read = reads(look, number, unravelled(index, tensors[operation.output]));
      if (read === null) throw new Error(`the page knows no slope of the ${operation.kind} in ${layers[operation.layer].name}`);
      for (const [input, place, factor] of read)
        if (held.has(input)) of(input)[ravelled(place, tensors[input])] += factor * given[index];
    }
  }
  return of(source);
}

/** Numbers of the operations through which a tensor depends on an earlier one, in order. */
export function operationsBetween({ operations }, source, tensor) {
  const after = new Set([source]);
  operations.forEach(({ inputs, output }) => output !== source && inputs.some((each) => after.has(each)) && after.add(output));
  const before = new Set([tensor]);
  for (const { inputs, output } of operations.toReversed()) if (before.has(output) && output !== source) inputs.forEach((each) => before.add(each));
  return [...operations.keys()].filter((number) => {
    const { output } = operations[number];
    return output !== source && after.has(output) && before.has(output);
  });
}

/** A dense layer in one go, for it may have millions of weights. */
function linear(given, into, weights, width) {
  const units = weights.length / width;
  for (let index = 0; index < given.length; index++) {
    if (given[index] === 0) continue;
    const unit = index % units;
    const row = ((index - unit) / units) * width;
    for (let i = 0; i < width; i++) into[row + i] += given[index] * weights[unit * width + i];
  }
}

/** What a number of an operation's output reads: [tensor, place, slope] each; null where the page does not know. */
function reads(look, number, at) {
  const operation = look.told.operations[number];
  const moved = movedTo(look, operation, at);
  if (moved !== null) return [[...moved, 1]];
  const value = (tensor, place) => look.values.get(tensor).at(place);
  const [input] = operation.inputs;
  if (operation.kind === "Pointwise") {
    const slope = FUNCTIONS[operation.function];
    return slope ? [[input, at, slope(value(input, at), value(operation.output, at), ...operation.parameters)]] : null;
  }
  if (operation.kind === "Softmax") {
    const share = (place) => (operation.log ? Math.exp(value(operation.output, place)) : value(operation.output, place));
    const own = operation.log ? 1 : share(at);
    return Array.from({ length: look.told.tensors[input].at(-1) }, (_, i) => {
      const place = [...at.slice(0, -1), i];
      return [input, place, own * (Number(i === at.at(-1)) - share(place))];
    });
  }
  if (operation.kind === "LayerNorm") {
    const { numbers, mean, deviation } = rowOf(look.values.get(input), at, operation.epsilon);
    const scale = look.array(number, "weight")?.data[at.at(-1)] ?? 1;
    const apart = (i) => (numbers[i] - mean) / deviation;
    return numbers.map((_, i) => [input, [...at.slice(0, -1), i], (scale / deviation) * (Number(i === at.at(-1)) - (1 + apart(i) * apart(at.at(-1))) / numbers.length)]);
  }
  if (operation.kind === "Distance") {
    const prototypes = look.array(number, "weight").data;
    const width = look.told.tensors[input][0];
    return Array.from({ length: width }, (_, i) => [input, [i], 2 * (value(input, [i]) - prototypes[at[0] * width + i])]);
  }
  const row = ROWS[operation.kind];
  return row ? shares(operation, row(look, operation, at, (name) => look.array(number, name))) : null;
}

/** The same of an operation that gathers numbers. */
function shares(operation, { numbers, weights, place, there, how, divisor, merged, total }) {
  if (merged) return numbers.map(([number], c) => [operation.inputs[c], place(c), joined(numbers, c, number, how, total)]);
  const inside = (i) => there === null || there[i];
  const found = numbers.flatMap((row, c) => row.flatMap((number, i) => (inside(i) ? [{ at: place(c, i), number, weight: weights ? weights[c][i] : 1 }] : [])));
  const [input] = operation.inputs;
  if (how === "max") return [[input, found.find(({ number }) => number === total).at, 1]];
  return found.map(({ at, weight }) => [input, at, how === "mean" ? 1 / divisor : weight]);
}

/** The slope of numbers joined by the c-th of them. */
function joined(numbers, c, number, how, total) {
  if (how === "sum") return 1;
  if (how === "mean") return 1 / numbers.length;
  if (how === "multiply") return numbers.reduce((product, [each], i) => (i === c ? product : product * each), 1);
  if (how === "subtract") return c === 0 ? 1 : -1;
  if (how === "divide") return c === 0 ? total / number : -total / number;
  return Number(numbers.findIndex(([each]) => each === total) === c);
}
