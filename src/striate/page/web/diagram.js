// The network as a picture: stages and blocks that open and close, lines with the shapes that pass along them.
// Where the boxes of a block stand comes with the page; what is done here is to stack blocks above each other.

import { counted, drawn, large, lasting, megabytes, put, shapeText } from "striate/words";

const GAP = { down: 30, right: 96 }; // between parts that follow each other, where their shapes stand
const HEAD = 30; // an open part's room for its name
const INSIDE = 14;
// The fonts of page.css, with which texts are measured.
const [NAME, SAYS] = ["600 12px", "10.5px"].map((size) => `${size} system-ui, "Segoe UI", Helvetica, Arial, "Liberation Sans", sans-serif`);
const TINT = 0.45; // of the strongest colour, so that what is written on it can be read
const LANE = 11; // between lines that pass parts by
const TURN = 12; // on which such a line leaves and comes back
const WIDEST = 56; // of a volume in a box
const INPUT = [120, 30]; // the size of the input's box
const NAMED = 230; // of an open part's width, at least

/** What boxes can be coloured by: how a layer's number is taken, joined for a folded part, and said, with and without a word. */
export const COLOURINGS = {
  kind: null,
  weights: { of: (layer) => layer.weights, joined: "sum", said: (n) => `${counted(n)} weights`, brief: counted },
  multiplications: { of: (layer) => layer.mults, joined: "sum", said: (n) => `${large(n)} multiplications`, brief: large },
  "size of maps": { of: (layer) => layer.bytes, joined: "max", said: megabytes, brief: megabytes },
  "receptive field": { of: (layer) => Math.max(0, ...(layer.field ?? [])), joined: "max", said: (n) => `sees ${counted(n)}`, brief: counted },
  "measured time": { of: (layer) => Math.round(1e9 * (layer.time ?? 0)), joined: "sum", said: (n) => `takes ${lasting(n / 1e9)}`, brief: (n) => lasting(n / 1e9) },
};

const pen = document.createElement("canvas").getContext("2d");

/** A text in as many letters as have room. */
function fitted(text, font, room) {
  pen.font = font;
  if (pen.measureText(text).width <= room) return text;
  let length = Math.min(text.length, 200);
  while (length > 1 && pen.measureText(`${text.slice(0, length)}…`).width > room) length--;
  return `${text.slice(0, length).trimEnd()}…`;
}

/** A line through points, straight or in an S where it goes along and across: [letter of SVG, points] each. */
function way(points) {
  return points.map(([x, y], i) => {
    if (i === 0) return ["M", [x, y]];
    const [a, b] = points[i - 1];
    const middle = (b + y) / 2;
    return a === x || b === y ? ["L", [x, y]] : ["C", [a, middle], [x, middle], [x, y]];
  });
}

export class Diagram {
  /**
   * svg      the element
   * chosen   called with a layer's number when one is chosen
   * changed  called when the picture is another, or elsewhere
   * folded   called when a part is opened or folded
   */
  constructor(svg, told, { chosen, changed, folded }) {
    Object.assign(this, { svg, chosen, changed, folded, selected: null, colouring: "kind", turned: false, volumes: false, view: { x: 0, y: 0, scale: 1 } });
    this.root = null;
    this.open = new Set();
    this.habits = new Map(); // whether a layer's part at some depth is open, also of layers that are not in the picture now
    this.scene = drawn("g");
    const arrow = drawn("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
    arrow.append(drawn("path", { d: "M0 0L8 4L0 8Z", class: "head" }));
    put(svg, drawn("defs", {}, arrow), this.scene);
    this.tell(told);
    this.moves();
  }

  /** Take another network for the picture, or the first; what is open stays so. edited: calls to mark, where there are any. */
  tell(told, edited = null) {
    const all = this.root !== null && this.allOpen;
    const sized = ({ calls }) => calls.every((call) => this.told.layers[call].shape !== null);
    for (const part of this.root ? this.foldable.filter(sized) : []) this.habits.set(this.nameOf(part), this.open.has(part.path));
    Object.assign(this, { told, edited });
    this.root = { name: "", parts: told.parts, path: "", calls: [] };
    this.number(this.root, "");
    this.open = new Set(this.foldable.filter((part) => all || this.habits.get(this.nameOf(part))).map(({ path }) => path));
    this.maker = new Map(told.layers.map(({ output }, call) => [output, call]));
    this.reader = new Map(); // the last call that reads a tensor; a part is a run of calls
    told.layers.forEach(({ inputs }, call) => inputs.forEach((tensor) => this.reader.set(tensor, call)));
    told.outputs.forEach((tensor) => this.reader.set(tensor, Infinity));
  }

  /** What a part is known by when the network is another: how deep it is, and its first layer. */
  nameOf({ path, calls }) {
    return `${path.split(".").length} ${this.told.layers[calls[0]].name}`;
  }

  /** Open those parts whose paths are given, null for all, and fold the others; nothing is drawn. */
  opened(paths) {
    this.open = new Set(this.foldable.map(({ path }) => path).filter((path) => paths === null || paths.includes(path)));
  }

  /** Give every part its path and its calls. */
  number(part, path) {
    part.path = path;
    if (part.call !== undefined) part.calls = [part.call];
    else {
      part.parts.forEach((inner, i) => this.number(inner, path === "" ? String(i) : `${path}.${i}`));
      part.calls = part.parts.flatMap((inner) => inner.calls);
    }
  }

  /** All parts that can be opened. */
  get foldable() {
    const inside = (part) => (part.call === undefined ? [part, ...part.parts.flatMap(inside)] : []);
    return inside(this.root).slice(1);
  }

  get allOpen() {
    const { length } = this.foldable;
    return length > 0 && this.open.size === length;
  }

  /** What a part is called: one that has its first layer's name by its first and last. */
  title({ name, calls }) {
    const [first, last] = [calls[0], calls.at(-1)].map((call) => this.told.layers[call].name);
    return name === first && first !== last ? `${first} to ${last}` : name;
  }

  /** Paths of the parts around a layer, the outermost first. */
  around(call) {
    const paths = [];
    let part = this.root;
    while (part.call === undefined) {
      part = part.parts.find((inner) => inner.calls.includes(call));
      if (part.call === undefined) paths.push(part.path);
    }
    return paths;
  }

  // -- places ------------------------------------------------------------------------------------------------------
  // Places are [across, along] the way that the network runs, down; in a turned picture it runs to the right.
  /** A place of the layout in the picture, or a size; and back. */
  at([across, along]) {
    return this.turned ? [along, across] : [across, along];
  }

  get gap() {
    return this.turned ? GAP.right : GAP.down;
  }

  /** A part laid out: {w, h, ins, outs, draw(x, y)}; ins, outs: where the line of a tensor enters and leaves, across. */
  laid(part) {
    if (part.call !== undefined) return this.laidBox(part);
    if (!this.open.has(part.path)) return this.laidBox(part);
    return this.framed(part, part.place ? this.laidBlock(part) : this.stacked(part.parts, part));
  }

  laidBox(part) {
    const [w, h] = this.at(this.told.box);
    return { w, h, ins: () => w / 2, outs: () => w / 2, draw: (x, y) => this.box(part, ...this.at([x, y])) };
  }

  laidBlock({ place: down, turned, parts }) {
    const place = this.turned ? turned : down;
    const [w, h] = place.size;
    const found = (list, tensor) => (list.find(([each]) => each === tensor) ?? [tensor, w / 2])[1];
    return {
      w,
      h,
      ins: (tensor) => found(place.ins, tensor),
      outs: (tensor) => found(place.outs, tensor),
      draw: (x, y) => {
        for (const [from, to, points] of place.lines) this.line(way(points.map(([a, b]) => [a + x, b + y])), from, to, to !== -1);
        const [boxAcross, boxAlong] = this.at(this.told.box);
        parts.forEach((part, i) => this.box(part, ...this.at([x + place.boxes[i][0] - boxAcross / 2, y + place.boxes[i][1] - boxAlong / 2])));
      },
    };
  }

  framed(part, inner) {
    const [beside, before] = this.turned ? [HEAD, INSIDE] : [INSIDE, HEAD]; // the name stands above, in both
    const [least, short] = this.at([NAMED, 0]);
    const w = Math.max(inner.w + 2 * beside, least);
    const left = (w - inner.w) / 2;
    const h = Math.max(inner.h + before + INSIDE, short);
    return {
      w,
      h,
      ins: (tensor) => left + inner.ins(tensor),
      outs: (tensor) => left + inner.outs(tensor),
      draw: (x, y) => {
        this.frame(part, ...this.at([x, y]), ...this.at([w, h]));
        const inside = this.tensorsInto(part);
        for (const tensor of inside) {
          const across = x + left + inner.ins(tensor);
          this.line(way([[across, y], [across, y + before]]), -1, -1, false);
        }
        for (const tensor of this.tensorsOutOf(part)) {
          const across = x + left + inner.outs(tensor);
          this.line(way([[across, y + before + inner.h], [across, y + h]]), -1, -1, false);
        }
        inner.draw(x + left, y + before);
      },
    };
  }

  /** Tensors that come into a part from others. */
  tensorsInto(part) {
    const [first, last] = [part.calls[0], part.calls.at(-1)];
    const inside = (tensor) => this.maker.get(tensor) >= first && this.maker.get(tensor) <= last;
    return [...new Set(part.calls.flatMap((call) => this.told.layers[call].inputs))].filter((tensor) => !inside(tensor));
  }

  /** Tensors of a part that others read, or that the network gives. */
  tensorsOutOf(part) {
    const last = part.calls.at(-1);
    return part.calls.map((call) => this.told.layers[call].output).filter((tensor) => (this.reader.get(tensor) ?? -1) > last);
  }

  /** Parts one after the other; lines that pass others by run beside them. */
  stacked(parts, whole) {
    const { gap } = this;
    const items = parts.map((part) => ({ part, laid: this.laid(part) }));
    const widest = Math.max(...items.map(({ laid }) => laid.w));
    const maker = new Map();
    items.forEach(({ part }, i) => part.calls.forEach((call) => maker.set(this.told.layers[call].output, i)));
    const edges = new Map();
    items.forEach(({ part }, j) => {
      for (const tensor of this.tensorsInto(part)) edges.set(`${tensor} ${j}`, { tensor, from: maker.get(tensor) ?? -1, to: j });
    });
    if (whole !== null)
      for (const tensor of this.tensorsOutOf(whole)) edges.set(`${tensor} end`, { tensor, from: maker.get(tensor), to: items.length });
    const passing = [...edges.values()].filter(({ from, to }) => to - from > 1);
    const lanes = [];
    for (const edge of passing.sort((a, b) => a.to - a.from - (b.to - b.from))) {
      let lane = lanes.findIndex((taken) => taken.every(([a, b]) => edge.to <= a || edge.from >= b));
      if (lane === -1) lane = lanes.push([]) - 1;
      lanes[lane].push([edge.from, edge.to]);
      edge.lane = lane;
    }
    const side = lanes.length ? (lanes.length + 1) * LANE : 0;
    const w = widest + 2 * side; // as much room on both sides, so that the middle stays the middle
    let y = whole === null ? 0 : gap / 2;
    for (const item of items) {
      Object.assign(item, { x: (w - item.laid.w) / 2, y });
      y += item.laid.h + gap;
    }
    const h = y - gap + (whole === null ? 0 : gap / 2);
    const draw = (x, top) => {
      const below = (i, tensor) => (i < 0 ? [x + w / 2, top] : [x + items[i].x + items[i].laid.outs(tensor), top + items[i].y + items[i].laid.h]);
      const above = (i, tensor) => (i >= items.length ? [x + w / 2, top + h] : [x + items[i].x + items[i].laid.ins(tensor), top + items[i].y]);
      const labels = new Map(); // of lines between the same two parts, in one
      for (const { tensor, from, to, lane } of edges.values()) {
        if (whole === null && from === -1 && to === 0) continue; // drawn from the input's own box
        const [start, end] = [below(from, tensor), above(to, tensor)];
        if (lane === undefined) {
          this.line(way([start, end]), from, to, to < items.length);
          if (from >= 0 && to < items.length) labels.set(`${from} ${to}`, [[...(labels.get(`${from} ${to}`)?.[0] ?? []), tensor], start, end]);
          continue;
        }
        const across = x + (w + widest) / 2 + (lane + 1) * LANE;
        const [[sx, sy], [ex, ey]] = [start, end];
        const out = ["C", [sx, sy + TURN], [across, sy], [across, sy + TURN + 6]];
        const back = ["C", [across, ey], [ex, ey - TURN], end];
        this.line([["M", start], out, ["L", [across, ey - TURN - 6]], back], from, to, to < items.length);
      }
      for (const [tensors, start, end] of labels.values()) this.edgeLabel(tensors, start, end);
      for (const item of items) item.laid.draw(x + item.x, top + item.y);
    };
    return { w, h, ins: () => w / 2, outs: () => w / 2, draw };
  }

  // -- drawing -----------------------------------------------------------------------------------------------------
  /** Draw the picture anew. */
  draw() {
    this.boxes = [];
    this.scene.replaceChildren();
    this.largest = this.greatest();
    this.measures = this.volumes ? this.measured() : null;
    const [across, along] = this.at(INPUT);
    const inner = this.stacked(this.root.parts, null);
    const w = Math.max(across, inner.w);
    const begin = along + this.gap;
    const [width, height] = this.at([w, begin + inner.h]);
    this.size = { w: width, h: height };
    const first = this.told.inputs[0].tensor;
    this.line(way([[w / 2, along], [(w - inner.w) / 2 + inner.ins(first), begin]]), -1, 0, true);
    this.edgeLabel([first], [w / 2, along], [w / 2, begin]);
    inner.draw((w - inner.w) / 2, begin);
    this.inputBox(...this.at([(w - across) / 2, 0]));
    this.changed();
  }

  greatest() {
    const colouring = COLOURINGS[this.colouring];
    return colouring ? Math.max(1, ...this.shownParts(this.root).map((part) => this.figure(part))) : 1;
  }

  shownParts(part) {
    if (part.call !== undefined || (part !== this.root && !this.open.has(part.path))) return [part];
    return part.parts.flatMap((inner) => this.shownParts(inner));
  }

  /** The first layer with the largest number in the colouring that is chosen; null where all have 0. */
  most() {
    const numbers = this.told.layers.map(COLOURINGS[this.colouring].of);
    const most = Math.max(...numbers);
    return most > 0 ? numbers.indexOf(most) : null;
  }

  /** A part's number in the colouring that is chosen. */
  figure(part) {
    const { of, joined } = COLOURINGS[this.colouring];
    const numbers = part.calls.map((call) => of(this.told.layers[call]));
    return joined === "sum" ? numbers.reduce((a, b) => a + b, 0) : Math.max(...numbers);
  }

  inputBox(x, y) {
    const names = this.told.inputs.map(({ name }) => name).join(", ");
    const [width, height] = INPUT;
    const box = drawn("rect", { x, y, width, height, rx: height / 2, class: "fill input" });
    const font = { x: x + width / 2, y: y + 19, class: "name", "text-anchor": "middle" };
    this.scene.append(drawn("g", { class: "box plain" }, box, drawn("text", font, fitted(names, NAME, width - 16))));
  }

  line(steps, from, to, head) {
    const d = steps.map(([letter, ...points]) => letter + points.map((point) => this.at(point).join(" ")).join(" ")).join("");
    this.scene.append(drawn("path", { d, class: "wire", "marker-end": head ? "url(#arrow)" : null }));
  }

  /** Shapes beside a line, or, of one that runs to the right, above it. */
  edgeLabel(tensors, [ax, ay], [bx, by]) {
    const said = tensors.map((tensor) => shapeText(this.told.tensors[tensor]));
    const middle = (ay + by) / 2;
    if (!this.turned) this.scene.append(drawn("text", { x: Math.max(ax, bx) + 8, y: middle + 4, class: "shape" }, said.join(" and ")));
    else said.forEach((each, i) => this.scene.append(drawn("text", { x: middle, y: Math.min(ax, bx) - 7 - 12 * i, class: "shape", "text-anchor": "middle" }, each)));
  }

  /** The family that says what a part is: that of its first layer with weights, else of its first. */
  family(part) {
    const families = part.calls.map((call) => this.told.layers[call].family);
    return families.find((family) => ["conv", "dense"].includes(family)) ?? families[0];
  }

  box(part, x, y) {
    const [w, h] = this.told.box;
    const layer = part.call === undefined ? null : this.told.layers[part.call];
    const colouring = COLOURINGS[this.colouring];
    const kind = colouring ? "other" : this.family(part);
    const weights = part.calls.reduce((sum, call) => sum + this.told.layers[call].weights, 0);
    const last = this.told.layers[part.calls.at(-1)];
    const name = layer ? layer.name.split("/").at(-1) : this.title(part);
    const said = layer ? layer.says : `${part.calls.length} layers`;
    const figure = colouring ? colouring.brief(this.figure(part)) : weights ? large(weights) : "";
    const sizes = last.shape === null ? "not computed" : `gives ${shapeText(last.shape)}, ${counted(weights)} weights`;
    const joined = colouring && !layer ? (colouring.joined === "sum" ? "together " : "at most ") : "";
    const label = `${layer ? layer.name : name}: ${said}, ${sizes}${colouring ? `; ${joined}${colouring.said(this.figure(part))}` : ""}${layer ? "" : ", folded"}`;
    const group = drawn("g", { class: `box ${layer ? "layer" : "part"}`, role: "treeitem", tabindex: -1, "data-path": part.path });
    if (!layer) group.setAttribute("aria-expanded", "false");
    const misfit = part.calls.some((call) => this.told.layers[call].misfit);
    const edited = last.shape !== null && part.calls.some((call) => this.edited?.has(call));
    const mark = misfit ? "⚠" : edited ? "Δ" : "";
    if (!layer) group.append(drawn("rect", { x: x + 4, y: y + 4, width: w, height: h, rx: 7, class: `behind ${kind}` }));
    if (!layer && part.skip) group.append(drawn("path", { d: this.past(x, y, w, h), class: "wire skip" }));
    group.append(drawn("rect", { x, y, width: w, height: h, rx: 7, class: `fill ${kind}` }));
    if (colouring) {
      const share = Math.sqrt(this.figure(part) / this.largest);
      group.append(drawn("rect", { x, y, width: w, height: h, rx: 7, class: "tint", "fill-opacity": (TINT * share).toFixed(3) }));
    }
    const before = this.measures?.room ?? 0;
    if (this.measures && last.volume) group.append(this.volume(last.volume, kind, x + 6, y + h - 6));
    else group.append(drawn("rect", { x: x + 5, y: y + 8, width: 4, height: h - 16, rx: 2, class: `stripe ${kind}` }));
    group.append(drawn("text", { x: x + 16 + before, y: y + 19, class: "name" }, (layer ? "" : "▸ ") + fitted(name, NAME, w - before - (layer ? 26 : 38) - (mark ? 14 : 0))));
    const corner = fitted(figure, SAYS, (w - before) / 2 + 10);
    pen.font = SAYS;
    const room = w - before - 34 - pen.measureText(corner).width;
    group.append(drawn("text", { x: x + 16 + before, y: y + 35, class: "says" }, fitted(said, SAYS, room)));
    group.append(drawn("text", { x: x + w - 9, y: y + 35, class: "says", "text-anchor": "end" }, corner));
    if (mark) group.append(drawn("text", { x: x + w - 9, y: y + 19, class: misfit ? "misfit" : "edited", "text-anchor": "end" }, mark));
    if (last.shape === null) group.classList.add("unknown");
    group.append(drawn("title", {}, label));
    group.addEventListener("click", () => (this.dragged ? null : this.act(part)));
    if (layer && this.selected === part.call) group.classList.add("selected");
    this.scene.append(group); // named by its title
    this.boxes.push({ part, group, x, y, w, h });
  }

  /** How volumes are drawn: the scale in which the largest fits into a box, and the room that texts leave them. */
  measured() {
    const volumes = this.told.layers.flatMap(({ volume }) => (volume ? [volume] : []));
    const high = Math.max(...volumes.map(([height, , , up]) => height + up));
    const wide = Math.max(...volumes.map(([, thick, right]) => thick + right));
    const scale = Math.min((this.told.box[1] - 12) / high, WIDEST / wide);
    return { scale, room: Math.max(0, scale * wide - 4) };
  }

  /** What a layer gives as a block, whose lower left corner in front is (x, base). */
  volume(volume, kind, x, base) {
    const [h, t, right, up] = volume.map((side) => side * this.measures.scale);
    const faces = [
      [`M${x} ${base}v${-h}h${t}v${h}z`, 0.75],
      [`M${x} ${base - h}l${right} ${-up}h${t}l${-right} ${up}z`, 0.45],
      [`M${x + t} ${base}v${-h}l${right} ${-up}v${h}z`, 0.25],
    ];
    return drawn("g", { class: "volume" }, ...faces.map(([face, shade]) => drawn("path", { d: face, class: `stripe ${kind}`, "fill-opacity": shade })));
  }

  /** A line that goes past a folded part. */
  past(x, y, w, h) {
    if (this.turned) return `M${x - 8} ${y + h / 2}C${x - 8} ${y + h + 40} ${x + w + 8} ${y + h + 40} ${x + w + 8} ${y + h / 2}`;
    return `M${x + w / 2} ${y - 8}C${x + w + 62} ${y - 8} ${x + w + 62} ${y + h + 8} ${x + w / 2} ${y + h + 8}`;
  }

  frame(part, x, y, w, h) {
    const group = drawn("g", { class: "box frame", role: "treeitem", tabindex: -1, "aria-expanded": "true", "data-path": part.path });
    group.append(drawn("rect", { x, y, width: w, height: h, rx: 10, class: "ground" }));
    group.append(drawn("rect", { x: x + 1, y: y + 1, width: w - 2, height: HEAD - 8, rx: 9, class: "bar" }));
    group.append(drawn("text", { x: x + 12, y: y + 16, class: "name" }, `▾ ${fitted(this.title(part), NAME, w - 40)}`));
    group.append(drawn("title", {}, `${this.title(part)}: ${part.calls.length} layers, open; a click folds it`));
    group.addEventListener("click", () => (this.dragged ? null : this.fold(part.path, false)));
    this.scene.append(group); // named by its title
    this.boxes.push({ part, group, x, y, w, h: HEAD });
  }

  // -- what is chosen, open and in sight ----------------------------------------------------------------------------
  act(part) {
    if (part.call === undefined) this.fold(part.path, true);
    else this.chosen(part.call);
  }

  /** Open or fold a part; it stays where it is on the screen. */
  fold(path, open) {
    const before = this.boxes.find(({ part }) => part.path === path);
    if (open) this.open.add(path);
    else for (const each of [...this.open]) if (each === path || each.startsWith(`${path}.`)) this.open.delete(each);
    this.draw();
    const after = this.boxes.find(({ part }) => part.path === path);
    if (before && after) {
      const middle = ({ x, w }) => (this.turned ? x : x + w / 2);
      this.view.x += (middle(before) - middle(after)) * this.view.scale;
      this.view.y += (before.y - after.y) * this.view.scale;
    }
    this.moved();
    this.focus(path);
    this.folded();
  }

  select(call, sight = true) {
    this.selected = call;
    const closed = this.around(call).filter((path) => !this.open.has(path));
    if (closed.length) {
      closed.forEach((path) => this.open.add(path));
      this.draw();
    } else for (const { part, group } of this.boxes) group.classList.toggle("selected", part.call === call);
    const box = this.boxes.find(({ part }) => part.call === call);
    if (sight && box) this.bring(box);
    else this.moved();
  }

  focus(path) {
    const box = this.boxes.find(({ part }) => part.path === path);
    if (!box) return;
    for (const { group } of this.boxes) group.setAttribute("tabindex", group === box.group ? 0 : -1);
    box.group.focus({ preventScroll: true });
    this.bring(box);
  }

  /** Move the picture so that a box is in sight. */
  bring({ x, y, w, h }) {
    const { width, height } = this.svg.getBoundingClientRect();
    const { scale } = this.view;
    const [left, top] = [x * scale + this.view.x, y * scale + this.view.y];
    if (left < 8 || left + w * scale > width - 8) this.view.x = width / 2 - (x + w / 2) * scale;
    if (top < 8 || top + h * scale > height - 8) this.view.y = height / 3 - (y + h / 2) * scale;
    this.moved();
  }

  moved() {
    this.scene.setAttribute("transform", `translate(${this.view.x.toFixed(1)} ${this.view.y.toFixed(1)}) scale(${this.view.scale.toFixed(4)})`);
    this.changed();
  }

  /** All of it in sight, or, of a long network, its beginning at a size that can be read. */
  fit(whole = false) {
    const { width, height } = this.svg.getBoundingClientRect();
    const [across, along] = this.at([(width - 32) / this.size.w, (height - 32) / this.size.h]);
    const scale = Math.min(1.25, whole ? Math.min(across, along) : Math.max(Math.min(across, along), Math.min(0.8, across)));
    const places = this.at([(width - this.size.w * scale) / 2, (height - this.size.h * scale) / 2]);
    const [x, y] = this.at([places[0], Math.max(16, places[1])]);
    this.view = { scale, x, y };
    this.moved();
  }

  zoom(factor, at = null) {
    const { width, height } = this.svg.getBoundingClientRect();
    const [x, y] = at ?? [width / 2, height / 2];
    const scale = Math.min(4, Math.max(0.03, this.view.scale * factor));
    const by = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by };
    this.moved();
  }

  // -- pointers and keys ---------------------------------------------------------------------------------------------
  moves() {
    const { svg } = this;
    const down = new Map();
    let spread = 0;
    const place = (event) => {
      const { left, top } = svg.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey || !event.shiftKey) this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), place(event));
      else {
        this.view.x -= event.deltaY;
        this.moved();
      }
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      down.set(event.pointerId, [event.clientX, event.clientY]);
      this.dragged = false;
      spread = 0;
    });
    svg.addEventListener("pointermove", (event) => {
      const last = down.get(event.pointerId);
      if (!last) return;
      const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
      if (!this.dragged && Math.hypot(dx, dy) < 4) return;
      if (!this.dragged) svg.setPointerCapture(event.pointerId);
      this.dragged = true;
      down.set(event.pointerId, [event.clientX, event.clientY]);
      if (down.size === 2) {
        const [a, b] = [...down.values()];
        const now = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (spread) this.zoom(now / spread, place(event));
        spread = now;
        return;
      }
      this.view.x += dx;
      this.view.y += dy;
      this.moved();
    });
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) svg.addEventListener(name, (event) => down.delete(event.pointerId));
    svg.addEventListener("keydown", (event) => this.pressed(event));
    svg.addEventListener("focusin", (event) => {
      if (event.target === svg && this.boxes.length) this.boxes[0].group.setAttribute("tabindex", 0);
    });
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = this.boxes.findIndex(({ group }) => group === document.activeElement);
    const place = ({ x, y }) => this.at([x, y]);
    const shown = this.boxes.map((box) => [...place(box), box]).sort(([a, b], [c, d]) => b - d || a - c).map(([, , box]) => box);
    const at = here < 0 ? -1 : shown.indexOf(this.boxes[here]);
    const part = here < 0 ? null : this.boxes[here].part;
    const go = (i) => this.focus(shown[Math.max(0, Math.min(shown.length - 1, i))].part.path);
    const open = part !== null && part.call === undefined && this.open.has(part.path);
    const acts = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      Home: () => go(0),
      End: () => go(shown.length - 1),
      ArrowRight: () => part && part.call === undefined && !open && this.fold(part.path, true),
      ArrowLeft: () => {
        if (!part) return;
        const outer = open ? part.path : part.path.split(".").slice(0, -1).join(".");
        if (outer !== "") this.fold(outer, false);
      },
      Enter: () => part && (open ? this.fold(part.path, false) : this.act(part)),
      " ": () => acts.Enter(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  /** Layers whose name or kind holds a text: that name first, then names that begin so. */
  found(text) {
    const wanted = text.trim().toLowerCase();
    const [names, kinds] = ["name", "kind"].map((key) => this.told.layers.map((layer) => layer[key].toLowerCase()));
    const rank = (call) => (names[call] === wanted ? 0 : names[call].startsWith(wanted) ? 1 : 2);
    const holds = (call) => names[call].includes(wanted) || kinds[call].includes(wanted);
    return wanted ? [...this.told.layers.keys()].filter(holds).sort((a, b) => rank(a) - rank(b) || a - b) : [];
  }
}

