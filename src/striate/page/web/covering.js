// Occlusion: how much a class's score falls while one window of the picture after the other is covered.

const GREY = 127.5; // a pixel half way between black and white

/** The window and the step that are usual for a side of the picture. */
export function usual(side) {
  const window = Math.max(1, Math.floor(side / 7));
  return { window, step: Math.max(1, Math.floor(window / 2)) };
}

export class Covering {
  /** pixels: the prepared picture; window and step: [down, right] in pixels. */
  constructor(pixels, window, step) {
    Object.assign(this, { pixels, window });
    const { height, width } = pixels;
    const along = (size, axis) => Array.from({ length: Math.ceil((size - window[axis]) / step[axis]) + 1 }, (_, i) => i * step[axis]);
    const [rows, columns] = [along(height, 0), along(width, 1)];
    this.places = rows.flatMap((y) => columns.map((x) => [y, x]));
    this.total = new Float64Array(height * width);
    this.count = new Float64Array(height * width);
  }

  /** Do something with every cell of a window, cut at the picture's edges. */
  each([top, left], act) {
    const { height, width } = this.pixels;
    for (let y = top; y < Math.min(height, top + this.window[0]); y++)
      for (let x = left; x < Math.min(width, left + this.window[1]); x++) act(y * width + x);
  }

  /** The picture with the window at a place covered. */
  covered(place) {
    const { data, depth } = this.pixels;
    const changed = { ...this.pixels, data: Float32Array.from(data) };
    this.each(place, (cell) => changed.data.fill(GREY, cell * depth, (cell + 1) * depth));
    return changed;
  }

  /** By how much the score fell with the window there. */
  add(place, fall) {
    this.each(place, (cell) => {
      this.total[cell] += fall;
      this.count[cell] += 1;
    });
  }

  /** For each pixel the mean of the windows that covered it; NaN where none has yet. */
  values() {
    return Float32Array.from(this.total, (total, i) => total / this.count[i]);
  }
}
