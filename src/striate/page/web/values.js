// Numbers with a shape, channels last to whoever asks, however they lie.

export class Value {
  /** shape: channels last, without the batch; lies: "first" or "last". */
  constructor(data, shape, lies) {
    this.data = data;
    this.shape = shape;
    const order = lies === "first" && shape.length > 1 ? [shape.length - 1, ...shape.keys()].slice(0, shape.length) : [...shape.keys()];
    this.steps = new Array(shape.length).fill(1);
    let step = 1;
    for (const axis of order.reverse()) {
      this.steps[axis] = step;
      step *= shape[axis];
    }
  }

  /** The number at a place. */
  at(place) {
    let index = 0;
    for (let i = 0; i < place.length; i++) index += place[i] * this.steps[i];
    return this.data[index];
  }

  get channels() {
    return this.shape.at(-1) ?? 1;
  }

  /** [rows, columns] of a map; one row where there are no rows. */
  get plane() {
    const sides = this.shape.slice(0, -1);
    return sides.length === 2 ? sides : [1, sides.reduce((a, b) => a * b, 1)];
  }

  /** One map as numbers, row by row. */
  map(channel) {
    const [rows, columns] = this.plane;
    const out = new Float32Array(rows * columns);
    const start = channel * (this.steps.at(-1) ?? 0);
    const sides = this.shape.length - 1;
    if (sides === 2)
      for (let y = 0, i = 0; y < rows; y++)
        for (let x = 0; x < columns; x++, i++) out[i] = this.data[start + y * this.steps[0] + x * this.steps[1]];
    else {
      const step = sides > 0 ? this.steps[sides - 1] : 0;
      for (let i = 0; i < out.length; i++) out[i] = this.data[start + i * step];
    }
    return out;
  }

  /** The place (channels last) of a cell of a map. */
  place(channel, row, column) {
    const sides = this.shape.slice(0, -1);
    if (sides.length === 2) return [row, column, channel];
    if (sides.length === 0) return [channel];
    const place = [];
    for (const size of [...sides].reverse()) {
      place.unshift(column % size);
      column = Math.floor(column / size);
    }
    return [...place, channel];
  }
}

/** A number of 16 bits in 32. */
function single(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const rest = bits & 1023;
  if (exponent === 0) return sign * rest * 2 ** -24;
  if (exponent === 31) return rest ? NaN : sign * Infinity;
  return sign * (1 + rest / 1024) * 2 ** (exponent - 15);
}

let table = null;

/** Numbers of 16 bits in 32. */
export function singles(halves) {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => single(bits));
  return Float32Array.from(halves, (bits) => table[bits]);
}

/** Least and greatest of some numbers. */
export function range(data) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
