// One map, large: cells to go over and to choose, what they look at, and why they have their number.

import { arithmetic } from "striate/cell";
import { seen } from "striate/fields";
import { dim, folded, frame, paint, scaleOf } from "striate/maps";
import { story } from "striate/reason";
import { range } from "striate/values";
import { $, made, put, short } from "striate/words";

const SAYS = "Go over a cell to see what it looks at; click it for its arithmetic.";
const AROUND = 10; // layers between the input and a cell that are shown, the last ones

export class Large {
  /**
   * page     whose layer, channel and cell are chosen
   * value    of the layer for the current picture
   * vector   whether it is numbers without a place; these are shown in rows, all of them
   * scale    what the colours mean
   * liveliest   whether no map of the layer has a wider range
   */
  constructor(page, value, vector, scale, liveliest) {
    Object.assign(this, { page, value, vector, told: page.told, picture: page.pictures.current, looked: null });
    const { channel } = page;
    const [rows, columns] = vector ? folded(value.channels) : value.plane;
    Object.assign(this, { rows, columns });
    const label = vector ? "All numbers; arrows move from one to the next, Enter shows its arithmetic" : `Map ${channel}; arrows move from cell to cell, Enter shows its arithmetic`;
    this.canvas = made("canvas", { tabindex: 0, role: "application", "aria-label": label, "data-rows": rows, "data-columns": columns });
    this.marks = made("canvas");
    this.said = made("p", { id: "said", role: "status", class: "small" }, SAYS);
    this.around = made("div", { class: "between" });
    this.story = made("div", { id: "story" });
    paint(this.canvas, this.numbers(), rows, columns, scale);
    this.elements = [made("h3", {}, vector ? "Numbers" : `Map ${channel}`, vector || value.channels < 2 ? null : made("span", { class: "muted small" }, `of 0 to ${value.channels - 1}${liveliest ? "; the one with the widest range" : ""}`)), made("div", { class: "large" }, this.canvas, this.marks), this.said, this.around, this.story];
    this.listens();
    clearSight();
  }

  get layer() {
    return this.told.layers[this.page.layer];
  }

  /** The numbers of the picture, row by row. */
  numbers() {
    const { value } = this;
    if (!this.vector) return value.map(this.page.channel);
    return Float32Array.from({ length: this.rows * this.columns }, (_, i) => (i < value.channels ? value.at([...new Array(value.shape.length - 1).fill(0), i]) : NaN));
  }

  /** Show the cell that is chosen already, where it is in this map. */
  begin() {
    const { cell } = this.page;
    if (cell && this.inside(cell)) this.take(cell);
    else this.page.cell = null;
  }

  // -- cells ---------------------------------------------------------------------------------------------------------------
  listens() {
    const { canvas } = this;
    const at = (event) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const cell = [Math.floor(((event.clientY - top) / height) * this.rows), Math.floor(((event.clientX - left) / width) * this.columns)];
      return this.inside(cell) ? cell : null;
    };
    canvas.addEventListener("pointermove", (event) => at(event) && this.look(at(event)));
    canvas.addEventListener("pointerleave", () => (this.page.cell ? this.look(this.page.cell) : this.unlook()));
    canvas.addEventListener("click", (event) => at(event) && this.take(at(event)));
    canvas.addEventListener("keydown", (event) => this.walk(event));
  }

  inside([row, column]) {
    const there = row >= 0 && column >= 0 && row < this.rows && column < this.columns;
    return there && (!this.vector || row * this.columns + column < this.value.channels);
  }

  walk(event) {
    const [row, column] = this.looked ?? this.page.cell ?? [0, 0];
    const to = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], Enter: [row, column], " ": [row, column] }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!this.inside(to)) return;
    if (event.key === "Enter" || event.key === " ") this.take(to);
    else this.look(to);
  }

  /** The place of a cell of the picture in the layer's output, channels last. */
  place([row, column]) {
    const { value } = this;
    if (this.vector) return [...new Array(value.shape.length - 1).fill(0), row * this.columns + column];
    return value.place(this.page.channel, row, column);
  }

  // -- what it looks at ----------------------------------------------------------------------------------------------------
  /** Light up what a cell looks at: in the input, and in every layer between. */
  look(cell) {
    this.looked = cell;
    const place = this.place(cell);
    mark(this.marks, cell.map((each) => [each, each]), this.rows, this.columns, false);
    const boxes = seen(this.told, this.layer.output, place);
    const input = boxes.get(this.told.inputs[0].tensor);
    const { width, height } = this.picture.canvas;
    if (input) mark($("sight"), input, height, width);
    else clearSight();
    const name = this.vector && this.page.layer === this.told.layers.length - 1 && this.told.live.labels[place.at(-1)];
    const where = input ? `looks at rows ${input[0].join("–")}, columns ${input[1].join("–")} of the input` : "looks at padding alone";
    this.said.dataset.field = JSON.stringify(input ?? null);
    put(this.said, `(${place.join(", ")})${name ? ` ${name}` : ""}: ${short(this.value.at(place))}; ${where}`);
    this.between(boxes);
  }

  unlook() {
    this.looked = null;
    clearSight();
    this.marks.width = this.marks.height = 1;
    put(this.around);
    put(this.said, SAYS);
    delete this.said.dataset.field;
  }

  /** Small pictures of the layers on the way, with the part that the cell looks at. */
  between(boxes) {
    const { values } = this.picture;
    const families = ["conv", "pool", "merge"];
    const onTheWay = ({ output, family, shape }) => output !== this.layer.output && boxes.has(output) && shape.length === 3 && families.includes(family) && values.has(output);
    const figures = this.told.layers.filter(onTheWay).slice(-AROUND).map(({ output, name }) => {
      const value = values.get(output);
      const canvas = made("canvas");
      const mean = this.mean(value, output);
      paint(canvas, mean, ...value.plane, scaleOf(...range(mean)));
      const marks = made("canvas");
      mark(marks, boxes.get(output), ...value.plane);
      return made("figure", { title: name }, made("div", { class: "frame-of" }, canvas, marks), made("figcaption", {}, name));
    });
    put(this.around, ...figures);
  }

  /** The mean of a layer's maps, kept as long as the picture is. */
  mean(value, tensor) {
    const { known } = this.picture;
    if (!known.has(tensor)) {
      const sum = new Float32Array(value.plane[0] * value.plane[1]);
      for (let channel = 0; channel < value.channels; channel++) value.map(channel).forEach((each, i) => (sum[i] += each / value.channels));
      known.set(tensor, sum);
    }
    return known.get(tensor);
  }

  // -- why -----------------------------------------------------------------------------------------------------------------
  /** Choose a cell: its arithmetic. */
  take(cell) {
    this.page.cell = cell;
    this.look(cell);
    const found = arithmetic(this.page.pictures.look, this.layer.output, this.place(cell), this.page.layer);
    put(this.story, made("h3", {}, `Why ${short(found.value)}`), story(this.told, this.layer, found));
    this.page.remember();
  }
}

function clearSight() {
  Object.assign($("sight"), { width: 1, height: 1 });
}

/** A frame on a canvas of its own: [[top, bottom], [left, right]] of rows × columns cells; dimmed: everything else is darker. */
function mark(canvas, [[top, bottom], [left, right]], rows, columns, dimmed = true) {
  const times = Math.max(1, Math.ceil(320 / Math.max(rows, columns)));
  Object.assign(canvas, { width: columns * times, height: rows * times });
  const pen = canvas.getContext("2d");
  const box = [left * times, top * times, (right - left + 1) * times, (bottom - top + 1) * times];
  if (dimmed) dim(pen, box);
  frame(pen, box);
}
