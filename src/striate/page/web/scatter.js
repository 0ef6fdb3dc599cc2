// The map of the features: a small picture for each held-out one, near to what the network finds alike.

import { range } from "striate/values";
import { made, percent, put } from "striate/words";

const SIDE = 480; // of the canvas
const MARGIN = 16;
const SMALL = 26; // of a picture, few of them; more are drawn smaller
const REACH = 14; // how near the pointer must be
// Told apart by colour-blind people as far as eight colours can be (Okabe and Ito), then by turns.
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#7a7a7a", "#8b5cf6", "#9acd32"];

export const classColour = (number) => COLOURS[number % COLOURS.length];

export class Scatter {
  /**
   * examples   all and the chosen ones
   * told       classes, and what the map is
   * pick       called with the example that is clicked
   * look       called with the example that the pointer is at, or null
   * changed    called when a part of the map is chosen
   */
  constructor(examples, told, { pick, look, changed }) {
    Object.assign(this, { examples, told, pick, look, changed, at: null, drawn: new Map(), drag: null, begun: false });
    this.canvas = made("canvas", { width: SIDE, height: SIDE, tabindex: 0, role: "application", "aria-label": "Map of the features: arrows go from picture to picture, Enter shows one in the network; drag to choose a part" });
    this.said = made("p", { class: "small", role: "status" }, "Go over a picture; click it for its maps; drag to choose a part.");
    this.element = made("div", { class: "scatter" }, this.canvas, this.said, made("p", { class: "small muted" }, told.points_told));
    const xs = range(told.points.map(([x]) => x));
    const ys = range(told.points.map(([, y]) => y));
    const along = ([low, high], value) => MARGIN + ((value - low) / (high - low || 1)) * (SIDE - 2 * MARGIN);
    this.place = ([x, y]) => [along(xs, x), SIDE - along(ys, y)];
    const back = ([low, high], place) => low + ((place - MARGIN) / (SIDE - 2 * MARGIN)) * (high - low);
    this.unplace = ([x, y]) => [back(xs, x), back(ys, SIDE - y)];
    this.side = Math.max(9, Math.min(SMALL, Math.sqrt((SIDE * SIDE * 0.35) / told.points.length)));
    this.listens();
  }

  /** Decode the pictures, once, then draw. */
  async begin() {
    if (this.begun) return;
    this.begun = true;
    await Promise.all(this.examples.all.map(async ({ number, blob }) => this.drawn.set(number, await createImageBitmap(blob))));
    this.draw();
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, SIDE, SIDE);
    const chosen = new Set(this.examples.chosen);
    const order = this.examples.all.toSorted((a, b) => chosen.has(a) - chosen.has(b) || b.number - a.number);
    for (const one of order) this.stamp(pen, one, chosen.has(one) ? 1 : 0.14, this.side);
    if (this.at) this.stamp(pen, this.at, 1, 2.2 * this.side);
    if (!this.drag) return;
    const [[ax, ay], [bx, by]] = this.drag;
    pen.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--accent");
    pen.strokeRect(ax, ay, bx - ax, by - ay);
  }

  /** One picture in a frame of its class's colour; a wrong answer's frame is broken. */
  stamp(pen, one, alpha, side) {
    const bitmap = this.drawn.get(one.number);
    if (!bitmap) return;
    const [x, y] = this.place(one.point);
    pen.globalAlpha = alpha;
    pen.imageSmoothingEnabled = bitmap.width > side;
    pen.drawImage(bitmap, x - side / 2, y - side / 2, side, side);
    pen.lineWidth = one === this.at ? 3 : 1.6;
    pen.strokeStyle = classColour(one.label);
    pen.setLineDash(one.right ? [] : [3, 2]);
    pen.strokeRect(x - side / 2, y - side / 2, side, side);
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  /** Mark an example; null: none. */
  mark(one) {
    this.at = one;
    const { classes } = this.told;
    put(this.said, one ? `${one.name}: is ${classes[one.label]}, says ${classes[one.answer]}, ${percent(one.share)}` : "Go over a picture; click it for its maps; drag to choose a part.");
    this.draw();
  }

  listens() {
    const { canvas } = this;
    const spot = (event) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      return [((event.clientX - left) / width) * SIDE, ((event.clientY - top) / height) * SIDE];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.drag = [spot(event), spot(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.drag) return this.go(this.nearest(spot(event)));
      this.drag[1] = spot(event);
      return this.draw();
    });
    canvas.addEventListener("pointerup", (event) => this.dropped(spot(event)));
    canvas.addEventListener("pointerleave", () => this.drag === null && this.go(null));
    canvas.addEventListener("keydown", (event) => this.pressed(event));
  }

  go(one) {
    if (one === this.at) return;
    this.mark(one);
    this.look(one);
  }

  /** The chosen example nearest to a spot of the canvas, where one is near. */
  nearest([x, y]) {
    let [best, found] = [REACH, null];
    for (const one of this.examples.chosen) {
      const [px, py] = this.place(one.point);
      const away = Math.hypot(px - x, py - y);
      if (away < best) [best, found] = [away, one];
    }
    return found;
  }

  /** The pointer was let go: a click chooses a picture, a drag a part of the map. */
  dropped(end) {
    const [begin] = this.drag ?? [end];
    this.drag = null;
    if (Math.hypot(end[0] - begin[0], end[1] - begin[1]) < 6) {
      const one = this.nearest(end);
      if (one) this.pick(one);
      return;
    }
    const [a, b] = [this.unplace(begin), this.unplace(end)];
    this.examples.filter.region = [0, 1].map((axis) => [Math.min(a[axis], b[axis]), Math.max(a[axis], b[axis])]);
    this.changed();
  }

  pressed(event) {
    const { chosen } = this.examples;
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by && chosen.length) {
      event.preventDefault();
      this.go(chosen[(chosen.indexOf(this.at) + by + chosen.length) % chosen.length]);
    } else if (event.key === "Enter" && this.at) this.pick(this.at);
  }
}
