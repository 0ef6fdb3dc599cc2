// The page: what is chosen, and what follows from it.

import { best, showAnswers } from "striate/answers";
import { arithmetic } from "striate/cell";
import { COLOURINGS, Diagram } from "striate/diagram";
import { Engine } from "striate/engine";
import { seen } from "striate/fields";
import { chosenScale, facts, folded, legend, paint, scaleOf } from "striate/maps";
import { normalised, prepared, shown } from "striate/pixels";
import { story } from "striate/reason";
import { kept, told as carriedTold } from "striate/store";
import { counted, drawn, large, made, megabytes, put, shapeText, short } from "striate/words";
import { range } from "striate/values";

const ALL = 24_000_000; // numbers on the way up to which all are kept, so that every layer is there at once
const FIRST = 64; // maps that are shown at once

const $ = (id) => document.getElementById(id);

class Page {
  constructor(told) {
    this.told = told;
    this.pictures = [];
    this.current = null; // a picture
    this.layer = null; // a call's number
    this.channel = null; // of its maps; null: not chosen yet
    this.cell = null; // [row, column] in the chosen map
    this.ranges = "layer";
    this.engine = null;
    this.head();
    this.diagram = new Diagram($("diagram"), told, { chosen: (call) => this.choose(call), changed: () => this.mini() });
    this.read();
    this.diagram.draw();
    this.diagram.fit();
    this.controls();
    this.restore();
  }

  // -- what stands still -------------------------------------------------------------------------------------------------
  head() {
    const { totals, layers } = this.told;
    const parts = [`${counted(layers.length)} layers`, `${counted(totals.weights)} weights`, `${large(totals.mults)} multiplications`, `${megabytes(totals.inference_bytes)} to predict`];
    put($("totals"), parts.join(" · "));
    const families = [...new Set(layers.map(({ family }) => family))];
    put($("legend"), ...families.map((family) => made("span", {}, made("span", { class: "swatch", style: `background:var(--${family}, var(--other));border-color:var(--${family}-edge, var(--other-edge))` }), family)));
    put($("colouring"), ...Object.keys(COLOURINGS).map((name) => made("option", { value: name }, name)));
    if (!this.told.live) {
      $("input").hidden = true;
      document.querySelector("main").style.gridTemplateColumns = "minmax(0, 1fr) minmax(0, 1fr)";
    }
  }

  say(text) {
    put($("state"), text);
  }

  // -- the URL -------------------------------------------------------------------------------------------------------------
  read() {
    const state = new URLSearchParams(location.hash.slice(1));
    this.wanted = state;
    const colouring = state.get("colour");
    if (Object.hasOwn(COLOURINGS, colouring ?? "")) this.diagram.colouring = colouring;
    $("colouring").value = this.diagram.colouring;
    if (["map", "layer", "network"].includes(state.get("range"))) this.ranges = state.get("range");
    if (["dark", "light"].includes(state.get("theme"))) document.documentElement.dataset.theme = state.get("theme");
  }

  /** What the URL says is chosen, once there are numbers for it. */
  restore() {
    const call = this.told.layers.findIndex(({ name }) => name === this.wanted.get("layer"));
    if (call < 0) return;
    this.channel = this.wanted.has("map") ? Number(this.wanted.get("map")) || 0 : null;
    const cell = (this.wanted.get("cell") ?? "").split(",").map(Number);
    this.cell = cell.length === 2 && cell.every(Number.isInteger) ? cell : null;
    this.choose(call, true);
  }

  remember() {
    const state = new URLSearchParams();
    if (this.layer !== null) {
      state.set("layer", this.told.layers[this.layer].name);
      if (this.channel !== null) state.set("map", this.channel);
      if (this.cell) state.set("cell", this.cell.join(","));
    }
    if (this.diagram.colouring !== "kind") state.set("colour", this.diagram.colouring);
    if (this.ranges !== "layer") state.set("range", this.ranges);
    if (this.theme) state.set("theme", this.theme);
    history.replaceState(null, "", `#${state}`);
  }

  // -- pictures ---------------------------------------------------------------------------------------------------------
  async start() {
    if (!this.told.live) {
      if (this.layer === null) await this.choose(this.firstMaps());
      document.body.dataset.ready = "yes";
      return;
    }
    try {
      this.engine = await Engine.started(this.told);
    } catch (error) {
      this.say(`The network cannot run here: ${error.message}`);
      return;
    }
    for (const { name, url } of this.told.live.samples) await this.add(await this.blob(url), name, false);
    if (this.pictures.length) await this.show(this.pictures[0]);
    document.body.dataset.ready = "yes";
  }

  /** The bytes of a data URL: nothing is fetched. */
  async blob(url) {
    const [head, text] = url.split(",");
    const letters = atob(text);
    return new Blob([Uint8Array.from(letters, (letter) => letter.charCodeAt(0))], { type: head.slice(5).split(";")[0] });
  }

  /** A picture more; of the network's size at once. */
  async add(source, name, show = true) {
    if (!this.engine) return;
    try {
      const pixels = await prepared(source, this.told.live.preprocessing);
      const picture = { name, pixels, canvas: shown(pixels), input: normalised(pixels, this.told.live), values: new Map(), known: new Map(), best: null };
      this.pictures.push(picture);
      this.thumbnails();
      if (show) await this.show(picture);
    } catch (error) {
      this.say(`${name}: this is no picture that the browser can read (${error.message}).`);
    }
  }

  thumbnails() {
    put($("strip"), ...this.pictures.map((picture) => {
      const canvas = made("canvas", { width: picture.canvas.width, height: picture.canvas.height });
      canvas.getContext("2d").drawImage(picture.canvas, 0, 0);
      return made("button", { type: "button", title: picture.name, "aria-label": `Picture ${picture.name}`, "aria-pressed": String(picture === this.current), onclick: () => this.show(picture) }, canvas);
    }));
  }

  async show(picture) {
    if (this.current !== picture && this.current) this.current.values = new Map(); // one picture's numbers at a time
    this.current = picture;
    this.thumbnails();
    Object.assign($("picture"), { width: picture.canvas.width, height: picture.canvas.height });
    $("picture").getContext("2d").drawImage(picture.canvas, 0, 0);
    this.clearSight();
    const begun = performance.now();
    await this.ensure(picture, [this.told.outputs[0]]);
    this.answer(picture);
    const total = this.told.layers.reduce((sum, { bytes }) => sum + bytes / 4, 0);
    if (total <= ALL) await this.ensure(picture, this.told.operations.map(({ output }) => output));
    this.say(`${picture.name}: ${picture.pixels.height} × ${picture.pixels.width}, computed in ${Math.round(performance.now() - begun)} ms`);
    if (this.layer === null) await this.choose(this.firstMaps());
    else await this.panel();
  }

  /** The first layer with weights, which gives the maps that are easiest to read. */
  firstMaps() {
    return Math.max(0, this.told.layers.findIndex(({ family }) => family === "conv"));
  }

  async ensure(picture, tensors) {
    const missing = tensors.filter((tensor) => !picture.values.has(tensor));
    if (!missing.length) return;
    this.queue = (this.queue ?? Promise.resolve()).then(async () => {
      const left = missing.filter((tensor) => !picture.values.has(tensor));
      if (!left.length) return;
      for (const [tensor, value] of await this.engine.run(picture.input, left)) picture.values.set(tensor, value);
    });
    await this.queue;
  }

  answer(picture) {
    const out = picture.values.get(this.told.outputs[0]);
    if (out.shape.length > 1 || this.told.live.labels.length === 0) {
      put($("best"), made("li", {}, `The network gives ${shapeText(out.shape)} numbers; choose its last layer to see them.`));
      return;
    }
    picture.best = best(out.data, this.told.live);
    showAnswers($("best"), picture.best);
  }

  // -- the chosen layer ---------------------------------------------------------------------------------------------------
  async choose(call, keep = false) {
    if (!keep && call !== this.layer) [this.channel, this.cell] = [null, null];
    this.layer = call;
    this.diagram.select(call);
    await this.panel();
    this.remember();
  }

  async panel() {
    const layer = this.told.layers[this.layer];
    const fact = (name, value) => made("div", {}, made("dt", {}, name), made("dd", {}, value));
    const list = made("dl", { class: "facts" },
      fact("gives", shapeText(layer.shape)), fact("weights", counted(layer.weights) + (layer.shared ? " (shared)" : "")), layer.buffers ? fact("buffers", counted(layer.buffers)) : null,
      fact("multiplications", counted(layer.mults)), layer.field ? fact("sees", `${shapeText(layer.field)} of the input`) : null, fact("map memory", megabytes(layer.bytes)));
    const explained = made("details", {}, made("summary", {}, "How its sizes come about"), made("pre", {}, layer.explain));
    const head = [made("h2", {}, made("bdi", {}, layer.name)), made("p", { class: "muted" }, layer.says), list, layer.misfit ? made("p", { class: "warn" }, `⚠ ${layer.misfit}`) : null];
    if (!this.current) {
      put($("layer"), ...head, made("p", { class: "muted" }, this.told.why), explained);
      explained.open = !this.told.live;
      return;
    }
    const picture = this.current;
    await this.ensure(picture, this.needed(this.layer));
    if (picture !== this.current || layer !== this.told.layers[this.layer]) return;
    const value = picture.values.get(layer.output);
    this.known = facts(value);
    this.channel = Math.min(this.channel ?? this.liveliest(), value.channels - 1);
    this.vector = value.plane[0] * value.plane[1] === 1;
    const select = made("select", { "aria-label": "What the colours are relative to", title: "Colour range (r)", onchange: (event) => { this.ranges = event.target.value; this.panel(); this.remember(); } },
      ...["map", "layer", "network"].map((name) => made("option", { value: name, selected: name === this.ranges }, `range of the ${name}`)));
    this.select = select;
    const dead = this.known.filter((each) => each.dead).length;
    const count = this.vector ? `${counted(value.channels)} numbers` : `${counted(value.channels)} maps of ${shapeText(layer.shape.slice(0, -1))}`;
    const title = made("h3", {}, count, this.vector ? null : select, made("span", { id: "layer-legend" }), !this.vector && dead ? made("span", { class: "muted" }, `${dead} dead: all zero`) : null);
    put($("layer"), ...head, title, this.vector ? null : this.grid(value), made("div", { id: "one" }), explained);
    this.one();
  }

  /** Tensors that a layer's maps and arithmetic need. */
  needed(call) {
    const own = this.told.operations.filter(({ layer }) => layer === call).flatMap(({ inputs, output }) => [...inputs, output]);
    return [...new Set([...own, this.told.layers[call].output, ...this.told.layers[call].inputs])];
  }

  /** The map with the widest range, which is shown first. */
  liveliest() {
    const widths = this.known.map(({ low, high }) => high - low);
    return widths.indexOf(Math.max(...widths));
  }

  whole() {
    const ends = [...this.current.values.values()].map(({ data }) => range(data));
    return [Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))];
  }

  scale(channel) {
    if (this.ranges === "network" && !this.current.whole) this.current.whole = this.whole();
    return chosenScale(this.ranges, channel, this.known, this.current.whole);
  }

  grid(value) {
    const [rows, columns] = value.plane;
    const box = made("div", { class: "grid-of-maps", role: "group", "aria-label": "Maps" });
    const add = (begin, end) => {
      for (let channel = begin; channel < end; channel++) {
        const canvas = made("canvas");
        paint(canvas, value.map(channel), rows, columns, this.scale(channel));
        const { low, high, dead } = this.known[channel];
        const label = `map ${channel}, ${dead ? "dead" : `${short(low)} to ${short(high)}`}`;
        box.append(made("button", { type: "button", class: dead ? "dead" : null, title: label, "aria-label": label, "aria-pressed": String(channel === this.channel), "data-map": channel, onclick: () => this.pick(channel) }, canvas, dead ? `${channel} dead` : String(channel)));
      }
    };
    add(0, Math.min(value.channels, Math.max(FIRST, this.channel + 1)));
    if (box.children.length < value.channels) {
      const more = made("button", { type: "button", onclick: () => { more.remove(); add(box.children.length, value.channels); } }, `all ${counted(value.channels)}`);
      box.append(more);
    }
    return box;
  }

  pick(channel) {
    this.channel = channel;
    for (const button of document.querySelectorAll(".grid-of-maps [data-map]")) button.setAttribute("aria-pressed", String(Number(button.dataset.map) === channel));
    this.one();
    this.remember();
  }

  /** One map, large: cells to go over and to choose. */
  one() {
    const value = this.current.values.get(this.told.layers[this.layer].output);
    const [rows, columns] = this.vector ? folded(value.channels) : value.plane;
    const scale = this.vector ? scaleOf(...range(value.data)) : this.scale(this.channel);
    const numbers = this.vector ? Float32Array.from({ length: rows * columns }, (_, i) => (i < value.channels ? value.at([...new Array(value.shape.length - 1).fill(0), i]) : NaN)) : value.map(this.channel);
    const canvas = made("canvas", { tabindex: 0, role: "application", "aria-label": this.vector ? "All numbers; arrows move from one to the next, Enter shows its arithmetic" : `Map ${this.channel}; arrows move from cell to cell, Enter shows its arithmetic`, "data-rows": rows, "data-columns": columns });
    paint(canvas, numbers, rows, columns, scale);
    const marks = made("canvas");
    const said = made("p", { id: "said", role: "status", class: "small" }, "Go over a cell to see what it looks at; click it for its arithmetic.");
    const title = made("h3", {}, this.vector ? "Numbers" : `Map ${this.channel}`);
    put($("one"), title, made("div", { class: "large" }, canvas, marks), said, made("div", { class: "between" }), made("div", { id: "story" }), this.others(scale), this.filters());
    put($("layer-legend"), legend(scale));
    this.view = { value, rows, columns, canvas, marks, said };
    const at = (event) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const cell = [Math.floor(((event.clientY - top) / height) * rows), Math.floor(((event.clientX - left) / width) * columns)];
      return this.inside(cell) ? cell : null;
    };
    canvas.addEventListener("pointermove", (event) => at(event) && this.look(at(event)));
    canvas.addEventListener("pointerleave", () => (this.cell ? this.look(this.cell) : this.unlook()));
    canvas.addEventListener("click", (event) => at(event) && this.take(at(event)));
    canvas.addEventListener("keydown", (event) => this.walk(event));
    if (this.cell && this.inside(this.cell)) this.take(this.cell);
    else this.cell = null;
  }

  inside([row, column]) {
    const { rows, columns, value } = this.view;
    return row >= 0 && column >= 0 && row < rows && column < columns && (!this.vector || row * columns + column < value.channels);
  }

  walk(event) {
    const [row, column] = this.looked ?? this.cell ?? [0, 0];
    const to = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], Enter: [row, column], " ": [row, column] }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!this.inside(to)) return;
    if (event.key === "Enter" || event.key === " ") this.take(to);
    else this.look(to);
  }

  /** The place of a cell of the picture in the layer's output, channels last. */
  place([row, column]) {
    const { value, columns } = this.view;
    if (this.vector) return [...new Array(value.shape.length - 1).fill(0), row * columns + column];
    return value.place(this.channel, row, column);
  }

  /** Light up what a cell looks at: in the input, and in every layer between. */
  look(cell) {
    this.looked = cell;
    const { value, rows, columns, canvas, marks, said } = this.view;
    const place = this.place(cell);
    this.mark(marks, canvas, [[cell[0], cell[0]], [cell[1], cell[1]]], rows, columns, "#ffffff");
    const layer = this.told.layers[this.layer];
    const boxes = seen(this.told, layer.output, place);
    const input = boxes.get(this.told.inputs[0].tensor);
    const { width, height } = this.current.canvas;
    if (input) this.mark($("sight"), $("picture"), input, height, width, "#ffffff");
    else this.clearSight();
    const name = this.vector && this.layer === this.told.layers.length - 1 && this.told.live.labels[place.at(-1)];
    const where = input ? `looks at rows ${input[0].join("–")}, columns ${input[1].join("–")} of the input` : "looks at padding alone";
    said.dataset.field = JSON.stringify(input ?? null);
    put(said, `(${place.join(", ")})${name ? ` ${name}` : ""}: ${short(value.at(place))}; ${where}`);
    this.between(boxes);
  }

  unlook() {
    this.looked = null;
    this.clearSight();
    this.view.marks.width = this.view.marks.height = 1;
    put(document.querySelector(".between"));
  }

  clearSight() {
    Object.assign($("sight"), { width: 1, height: 1 });
  }

  /** A frame over a canvas, everything else dimmed. */
  mark(over, under, [[top, bottom], [left, right]], rows, columns, colour) {
    const times = Math.max(1, Math.ceil(320 / Math.max(rows, columns)));
    Object.assign(over, { width: columns * times, height: rows * times });
    const pen = over.getContext("2d");
    const box = [left * times, top * times, (right - left + 1) * times, (bottom - top + 1) * times];
    pen.fillStyle = "#0008";
    pen.fillRect(0, 0, over.width, over.height);
    pen.clearRect(...box);
    pen.lineWidth = 4;
    pen.strokeStyle = "#000";
    pen.strokeRect(...box);
    pen.lineWidth = 2;
    pen.strokeStyle = colour;
    pen.strokeRect(...box);
  }

  /** Small pictures of the layers on the way, with the part that the cell looks at. */
  between(boxes) {
    const own = this.told.layers[this.layer].output;
    const families = ["conv", "pool", "merge"];
    const calls = [...this.told.layers.keys()].filter((call) => {
      const { output, family, shape } = this.told.layers[call];
      return output !== own && boxes.has(output) && shape.length === 3 && families.includes(family) && this.current.values.has(output);
    });
    const figures = calls.slice(-10).map((call) => {
      const { output, name } = this.told.layers[call];
      const value = this.current.values.get(output);
      const [rows, columns] = value.plane;
      const canvas = made("canvas");
      const mean = this.mean(value, output);
      paint(canvas, mean, rows, columns, scaleOf(...range(mean)));
      const marks = made("canvas");
      this.mark(marks, canvas, boxes.get(output), rows, columns, "#ffffff");
      return made("figure", { title: name }, made("div", { class: "frame-of" }, canvas, marks), made("figcaption", {}, name));
    });
    put(document.querySelector(".between"), ...figures);
  }

  /** The mean of a layer's maps, kept as long as the picture is. */
  mean(value, tensor) {
    if (!this.current.known.has(tensor)) {
      const sum = new Float32Array(value.plane[0] * value.plane[1]);
      for (let channel = 0; channel < value.channels; channel++) value.map(channel).forEach((each, i) => (sum[i] += each / value.channels));
      this.current.known.set(tensor, sum);
    }
    return this.current.known.get(tensor);
  }

  /** Choose a cell: its arithmetic. */
  take(cell) {
    this.cell = cell;
    this.look(cell);
    const layer = this.told.layers[this.layer];
    const look = { told: this.told, values: this.current.values, array: (operation, name) => this.engine.array(operation, name) };
    const found = arithmetic(look, layer.output, this.place(cell), this.layer);
    put($("story"), made("h3", {}, `Why ${short(found.value)}`), story(this.told, layer, found));
    this.remember();
  }

  /** The same map for the other pictures. */
  others(scale) {
    const rest = this.pictures.filter((picture) => picture !== this.current);
    if (!rest.length || this.vector) return null;
    const [output, channel, call] = [this.told.layers[this.layer].output, this.channel, this.layer];
    const row = made("div", { class: "between" });
    const box = made("details", {}, made("summary", {}, "The same map for the other pictures"), row);
    box.addEventListener("toggle", async () => {
      for (const picture of box.open ? rest : []) {
        await this.ensure(picture, [output, this.told.outputs[0]]);
        if (this.layer !== call) return;
        const value = picture.values.get(output);
        const canvas = made("canvas");
        paint(canvas, value.map(channel), ...value.plane, scale);
        row.append(made("figure", { title: picture.name }, canvas, made("figcaption", {}, picture.name)));
      }
    }, { once: true });
    return box;
  }

  /** The filter of the chosen map, a kernel per input map. */
  filters() {
    const number = this.told.operations.findIndex(({ layer, kind }) => layer === this.layer && ["Conv", "DepthwiseConv"].includes(kind));
    if (number < 0) return null;
    const operation = this.told.operations[number];
    const weight = this.engine.array(number, "weight");
    const [, depth, ...kernel] = weight.shape;
    const [rows, columns] = kernel.length === 2 ? kernel : [1, kernel[0]];
    if (rows * columns < 2 || this.told.operations.some(({ layer, kind }, i) => layer === this.layer && i > number && kind === "Conv")) return null;
    const area = rows * columns;
    const own = weight.data.subarray(this.channel * depth * area, (this.channel + 1) * depth * area);
    const scale = scaleOf(...range(own));
    const count = Math.min(depth, FIRST);
    const tiles = Array.from({ length: count }, (_, c) => {
      const canvas = made("canvas");
      paint(canvas, own.subarray(c * area, (c + 1) * area), rows, columns, scale);
      return made("figure", {}, canvas, made("figcaption", {}, operation.kind === "Conv" ? `from map ${c}` : "its map"));
    });
    const said = count < depth ? `; the first ${count} of ${counted(depth)} kernels` : "";
    return made("details", {}, made("summary", {}, `The filter of map ${this.channel}${said}`), legend(scale), made("div", { class: "between" }, ...tiles));
  }

  // -- controls -----------------------------------------------------------------------------------------------------------
  mini() {
    const { size, view, boxes } = this.diagram;
    if (!size) return;
    const map = $("minimap");
    const { width, height } = $("diagram").getBoundingClientRect();
    map.setAttribute("viewBox", `0 0 ${size.w} ${size.h}`);
    if (this.minimapOf !== boxes) {
      this.minimapOf = boxes;
      this.minimapView = drawn("rect", { class: "view", rx: 4 });
      put(map, ...boxes.filter(({ group }) => !group.classList.contains("frame")).map(({ part, x, y, w, h }) => drawn("rect", { x, y, width: w, height: h, class: `stripe ${this.diagram.family(part)}` })), this.minimapView);
    }
    const [x, y, w, h] = [-view.x / view.scale, -view.y / view.scale, width / view.scale, height / view.scale];
    for (const [name, value] of Object.entries({ x, y, width: w, height: h })) this.minimapView.setAttribute(name, value);
  }

  controls() {
    const { diagram } = this;
    const toggle = () => {
      this.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = this.theme;
      this.remember();
    };
    const all = () => {
      const folds = [];
      const walk = (part) => part.call === undefined && (part.path !== "" && folds.push(part.path), part.parts.forEach(walk));
      walk(diagram.root);
      const opening = diagram.open.size < folds.length;
      diagram.open = new Set(opening ? folds : []);
      diagram.draw();
      diagram.fit();
      put($("unfold"), opening ? "Fold all" : "Open all");
    };
    const acts = {
      theme: toggle, fit: () => diagram.fit(true), less: () => diagram.zoom(1 / 1.25), more: () => diagram.zoom(1.25), unfold: all, svg: () => this.keepSvg(),
      help: () => this.help(), choose: () => $("file").click(), pad: () => this.pad(), camera: () => this.camera(),
    };
    for (const [id, act] of Object.entries(acts)) $(id).addEventListener("click", act);
    $("colouring").addEventListener("change", (event) => {
      diagram.colouring = event.target.value;
      diagram.draw();
      this.remember();
    });
    $("search").addEventListener("input", (event) => this.search(event.target.value));
    $("search").addEventListener("keydown", (event) => {
      const hits = diagram.found(event.target.value);
      if (event.key !== "Enter" || !hits.length) return;
      const next = hits.find((call) => call > (this.layer ?? -1)) ?? hits[0];
      this.choose(next);
    });
    $("minimap").addEventListener("pointerdown", (event) => {
      const { left, top, width, height } = $("minimap").getBoundingClientRect();
      const { size, view } = diagram;
      const factor = Math.min(width / size.w, height / size.h);
      const x = (event.clientX - left - (width - size.w * factor) / 2) / factor;
      const y = (event.clientY - top - (height - size.h * factor) / 2) / factor;
      const box = $("diagram").getBoundingClientRect();
      view.x = box.width / 2 - x * view.scale;
      view.y = box.height / 2 - y * view.scale;
      diagram.moved();
    });
    $("file").addEventListener("change", (event) => this.files(event.target.files));
    addEventListener("paste", (event) => this.files(event.clipboardData.files));
    addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dropping"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      this.files(event.dataTransfer.files);
    });
    addEventListener("resize", () => this.mini());
    const keys = { d: "theme", "?": "help", o: "choose", w: "pad", c: "camera", "+": "more", "=": "more", "-": "less", 0: "fit", e: "unfold", s: "svg" };
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, dialog[open]")) return;
      if (event.key === "/") {
        event.preventDefault();
        $("search").focus();
      } else if (event.key === "n" || event.key === "p") this.step(event.key === "n" ? 1 : -1);
      else if (event.key === "l") this.view?.canvas.focus();
      else if (event.key === "g") $("diagram").focus();
      else if (event.key === "r" && this.select) {
        this.select.selectedIndex = (this.select.selectedIndex + 1) % 3;
        this.select.dispatchEvent(new Event("change"));
      } else if (keys[event.key] && !$(keys[event.key]).closest("[hidden]")) acts[keys[event.key]]();
    });
  }

  /** The next map of the layer, or the one before. */
  step(by) {
    if (!this.current || this.vector || this.layer === null) return;
    const count = this.known.length;
    this.pick((this.channel + by + count) % count);
  }

  search(text) {
    const hits = new Set(this.diagram.found(text));
    for (const { part, group } of this.diagram.boxes) group.classList.toggle("hit", part.calls.some((call) => hits.has(call)));
    put($("hits"), text.trim() ? `${hits.size} found${hits.size ? "; Enter goes there" : ""}` : "");
  }

  async files(list) {
    for (const file of list) await this.add(file, file.name);
  }

  help() {
    const lines = [["↑ ↓", "from box to box in the network, from cell to cell in a map"], ["→ ←", "open and fold a block"], ["Enter", "open a block, choose a layer, show a cell's arithmetic"], ["g / l", "go to the network, to the map"], ["n / p", "next map, map before"], ["r", "colour range: map, layer, network"], ["/", "search"], ["+ − 0", "larger, smaller, all of it"], ["e", "open or fold everything"], ["o w c", "choose, draw, take a picture"], ["s", "keep the picture of the network as SVG"], ["d", "dark or light"]];
    const close = made("button", { type: "button", class: "strong", onclick: () => $("keys").close() }, "Close");
    put($("keys"), made("h2", {}, "Keys"), made("table", { class: "numbers" }, ...lines.map(([keys, what]) => made("tr", {}, made("td", { style: "text-align:left" }, made("kbd", {}, keys)), made("td", { style: "text-align:left" }, what)))), made("p", {}, close));
    $("keys").showModal();
  }

  /** A canvas to draw on, white on black as handwritten digits are. */
  pad() {
    const canvas = made("canvas", { width: 280, height: 280, "aria-label": "Draw here with a pointer" });
    const pen = canvas.getContext("2d");
    const clear = () => {
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, 280, 280);
    };
    clear();
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: 24, lineCap: "round", lineJoin: "round" });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pen.beginPath();
      pen.moveTo(event.offsetX, event.offsetY);
      pen.lineTo(event.offsetX, event.offsetY);
      pen.stroke();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons) return;
      pen.lineTo(event.offsetX, event.offsetY);
      pen.stroke();
    });
    this.dialog("Draw", canvas, async () => this.add(await new Promise((done) => canvas.toBlob(done)), "drawing"), made("button", { type: "button", onclick: clear }, "Clear"));
  }

  async camera() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
    } catch (error) {
      this.say(`The camera cannot be used here: ${error.message}`);
      return;
    }
    const video = made("video", { autoplay: true, playsinline: true, width: 320 });
    video.srcObject = stream;
    this.dialog("Camera", video, () => this.add(video, "camera"));
    $("drawing").addEventListener("close", () => stream.getTracks().forEach((track) => track.stop()), { once: true });
  }

  dialog(title, content, use, ...more) {
    const box = $("drawing");
    const take = made("button", { type: "button", class: "strong", onclick: async () => { await use(); box.close(); } }, "Use it");
    const cancel = made("button", { type: "button", onclick: () => box.close() }, "Cancel");
    put(box, made("h2", {}, title), content, made("div", { class: "row" }, take, ...more, cancel));
    box.showModal();
  }

  /** The picture of the network as it is open now, as a file. */
  keepSvg() {
    kept(`${this.told.name}.svg`, new Blob([this.svgText()], { type: "image/svg+xml" }));
  }

  svgText() {
    const { size, scene } = this.diagram;
    const copy = drawn("svg", { viewBox: `-20 -20 ${size.w + 40} ${size.h + 40}`, width: size.w + 40, height: size.h + 40, xmlns: "http://www.w3.org/2000/svg" });
    const look = getComputedStyle(document.documentElement);
    const rules = document.querySelector("style").textContent.split("/* the picture of the network */")[1].split("#legend")[0];
    const style = rules.replace(/var\((--[\w-]+)\)/g, (_, name) => look.getPropertyValue(name).trim());
    const ground = drawn("rect", { x: -20, y: -20, width: size.w + 40, height: size.h + 40, fill: look.getPropertyValue("--panel").trim() });
    const inner = scene.cloneNode(true);
    inner.removeAttribute("transform");
    copy.append(drawn("style", {}, style), $("diagram").querySelector("defs").cloneNode(true), ground, inner);
    return new XMLSerializer().serializeToString(copy);
  }
}

const page = new Page(await carriedTold());
globalThis.striate = page; // for whoever opens the console
await page.start();
