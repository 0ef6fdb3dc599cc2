// The boxes of the network's picture: of layers, of folded parts, around open ones. Each is drawn at (0, 0).

import { COLOURINGS, figure, strength } from "striate/colourings";
import { BAR, INPUT } from "striate/layout";
import { drawn, large, several, shapeText } from "striate/words";

// The fonts of page.css, with which texts are measured.
const [NAME, SAYS] = ["600 12px", "10.5px"].map((size) => `${size} system-ui, "Segoe UI", Helvetica, Arial, "Liberation Sans", sans-serif`);
const WIDEST = 56; // of a volume in a box

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map(); // of texts that were measured

function width(text, font) {
  const key = `${font} ${text}`;
  if (!widths.has(key)) {
    pen.font = font;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

/** A text in as many letters as have room; cut: what is left of it with so many. */
function shortened(text, font, room, cut) {
  if (width(text, font) <= room) return text;
  let [fits, over] = [1, Math.min(text.length, 200)];
  while (over - fits > 1) {
    const count = (fits + over) >> 1;
    if (width(cut(count), font) <= room) fits = count;
    else over = count;
  }
  return cut(fits);
}

const fitted = (text, font, room) => shortened(text, font, room, (count) => `${text.slice(0, count).trimEnd()}…`);

/** A name, which is cut in its middle, since names differ at their ends. */
const named = (name, room) => shortened(name, NAME, room, (count) => `${name.slice(0, Math.ceil(count / 2))}…${name.slice(name.length - Math.floor(count / 2))}`);

export class Boxes {
  /**
   * parts       the network's
   * colouring   a name of COLOURINGS
   * volumes     whether what a layer gives is drawn as a block
   * turned      whether the picture runs to the right
   * edited      calls to mark, or null
   */
  constructor(parts, { colouring, volumes, turned, edited }) {
    Object.assign(this, { parts, told: parts.told, turned, edited, colouring: COLOURINGS[colouring], measures: volumes ? measured(parts.told) : null });
  }

  /** A part's number in the colouring. */
  figure(part) {
    return figure(this.colouring, this.parts.layers(part));
  }

  /** Colour a box as strongly as its number is near to the largest. */
  tint({ part, group }, largest) {
    group.querySelector(".tint").setAttribute("fill-opacity", strength(this.figure(part) / largest).toFixed(3));
  }

  input() {
    const names = this.parts.inputs.map(({ name }) => name).join(", ");
    const [w, h] = INPUT;
    const box = drawn("rect", { width: w, height: h, rx: h / 2, class: "fill input" });
    return drawn("g", { class: "box plain" }, box, drawn("text", { x: w / 2, y: 19, class: "name", "text-anchor": "middle" }, fitted(names, NAME, w - 16)));
  }

  /** The box of a layer, or of a folded part. */
  box(part) {
    const { colouring, measures } = this;
    const [w, h] = this.told.box;
    const layers = this.parts.layers(part);
    const layer = part.call === undefined ? null : layers[0];
    const last = layers.at(-1);
    const kind = colouring ? "other" : this.parts.family(part);
    const weights = layers.reduce((sum, each) => sum + each.weights, 0);
    const said = layer ? layer.says : several(layers.length, "layer");
    const misfit = layers.some((each) => each.misfit);
    const edited = last.shape !== null && part.calls.some((call) => this.edited?.has(call));
    const mark = misfit ? "⚠" : edited ? "Δ" : "";
    const corner = colouring ? colouring.brief(this.figure(part)) : weights ? large(weights) : "";
    const before = measures?.room ?? 0;
    const name = this.name(part, w - before - (layer ? 26 : 38) - (mark ? 14 : 0));
    const figures = fitted(corner, SAYS, (w - before) / 2 + 10);
    const rect = (kinds, more = {}) => drawn("rect", { width: w, height: h, rx: 7, class: kinds, ...more });
    const text = (content, kinds, y, x = 16 + before) => drawn("text", { x, y, class: kinds, "text-anchor": x === w - 9 ? "end" : null }, content);
    const group = drawn("g", { class: `box ${layer ? "layer" : "part"}${last.shape === null ? " unknown" : ""}`, role: "treeitem", tabindex: -1, "aria-expanded": layer ? null : "false", "data-path": part.path });
    const title = drawn("title", {}, this.label(part, said, weights)); // which names the box
    group.append(
      ...(layer ? [] : [rect(`behind ${kind}`, { x: 4, y: 4 })]),
      ...(part.skip ? [drawn("path", { d: this.past(w, h), class: "wire skip" })] : []),
      rect(`fill ${kind}`),
      ...(colouring ? [rect("tint")] : []),
      measures && last.volume ? volume(last.volume, kind, 6, h - 6, measures.scale) : drawn("rect", { x: 5, y: 8, width: 4, height: h - 16, rx: 2, class: `stripe ${kind}` }),
      text((layer ? "" : "▸ ") + name, "name", 19),
      text(fitted(said, SAYS, w - before - 34 - width(figures, SAYS)), "says", 35),
      text(figures, "says", 35, w - 9),
      ...(mark ? [text(mark, misfit ? "misfit" : "edited", 19, w - 9)] : []),
      title,
    );
    return group;
  }

  /** What is written on a box. */
  name(part, room) {
    if (part.call !== undefined) return named(this.told.layers[part.call].name.split("/").at(-1), room);
    const title = this.parts.title(part);
    return width(title, NAME) <= room ? title : named(this.parts.brief(part), room);
  }

  /** What a box says to whoever does not see it. */
  label(part, said, weights) {
    const { colouring } = this;
    const layer = part.call === undefined ? null : this.told.layers[part.call];
    const { shape } = this.told.layers[part.calls.at(-1)];
    const sizes = shape === null ? "not computed" : `gives ${shapeText(shape)}, ${several(weights, "weight")}`;
    const joined = colouring && !layer ? (colouring.joined === "sum" ? "together " : "at most ") : "";
    const coloured = colouring ? `; ${joined}${colouring.said(this.figure(part))}` : "";
    return `${layer ? layer.name : this.parts.title(part)}: ${said}, ${sizes}${coloured}${layer ? "" : ", folded"}`;
  }

  /** A line that goes past a folded part. */
  past(w, h) {
    if (this.turned) return `M-8 ${h / 2}C-8 ${h + 40} ${w + 8} ${h + 40} ${w + 8} ${h / 2}`;
    return `M${w / 2} -8C${w + 62} -8 ${w + 62} ${h + 8} ${w / 2} ${h + 8}`;
  }

  /** What stands around an open part; its size comes later. */
  frame(part) {
    const title = this.parts.title(part);
    return drawn("g", { class: "box frame", role: "treeitem", tabindex: -1, "aria-expanded": "true", "data-path": part.path },
      drawn("rect", { rx: 10, class: "ground" }),
      drawn("path", { class: "bar" }),
      drawn("text", { x: 12, y: 16, class: "name" }),
      drawn("title", {}, `${title}: ${several(part.calls.length, "layer")}, open; a click folds it`));
  }

  /** Give a frame its size. */
  sized(frame, part, w, h) {
    const [ground, bar, name] = frame.children;
    ground.setAttribute("width", w);
    ground.setAttribute("height", h);
    bar.setAttribute("d", `M.5 ${BAR}V10A9.5 9.5 0 0 1 10 .5H${w - 10}A9.5 9.5 0 0 1 ${w - 0.5} 10V${BAR}Z`);
    name.textContent = `▾ ${this.name(part, w - 40)}`;
  }
}

/** How volumes are drawn: the scale in which the largest fits into a box, and the room that texts leave them. */
function measured({ layers, box }) {
  const volumes = layers.flatMap(({ volume }) => (volume ? [volume] : []));
  const high = Math.max(...volumes.map(([height, , , up]) => height + up));
  const wide = Math.max(...volumes.map(([, thick, right]) => thick + right));
  const scale = Math.min((box[1] - 12) / high, WIDEST / wide);
  return { scale, room: Math.max(0, scale * wide - 4) };
}

/** What a layer gives as a block, whose lower left corner in front is (x, base). */
function volume(sides, kind, x, base, scale) {
  const [h, t, right, up] = sides.map((side) => side * scale);
  const faces = [
    [`M${x} ${base}v${-h}h${t}v${h}z`, 0.75],
    [`M${x} ${base - h}l${right} ${-up}h${t}l${-right} ${up}z`, 0.45],
    [`M${x + t} ${base}v${-h}l${right} ${-up}v${h}z`, 0.25],
  ];
  return drawn("g", { class: "volume" }, ...faces.map(([face, shade]) => drawn("path", { d: face, class: `stripe ${kind}`, "fill-opacity": shade })));
}
