// The chosen layer: its numbers, its maps, its filters.

import { best } from "striate/answers";
import { Large } from "striate/large";
import { chosenScale, known, legend, paint, RANGES, scaleOf } from "striate/maps";
import { range } from "striate/values";
import { $, counted, countedAt, lasting, made, memory, percent, put, several, shapeText, short } from "striate/words";

const FIRST = 64; // maps that are shown at once

export class Panel {
  /** page: whose layer, channel and cell are chosen. */
  constructor(page) {
    Object.assign(this, { page, told: page.told, large: null, select: null, unfolded: new Set(page.told.live ? [] : ["explained"]) }); // and stay so at the next layer
    const { keys } = page;
    keys.on("l", "go to the map", () => this.large?.canvas.focus());
    keys.on("n", "next map", () => this.step(1));
    keys.on("p", "map before", () => this.step(-1));
    keys.on("r", "colour range: map, layer, network", () => this.turnRange());
  }

  get picture() {
    return this.page.pictures?.current;
  }

  /** The chosen layer in the network that computes; undefined where it is not in there. */
  get layer() {
    return this.told.layers[this.page.layer];
  }

  /** Show the chosen layer; whoever goes over its map by keys, or chooses a range, stays there. */
  async show() {
    const { layer, picture, walking } = this;
    const ranging = this.select !== null && this.select === document.activeElement;
    const { shown, chosen, whatif } = this.page;
    const now = shown.layers[chosen];
    const at = countedAt(shown);
    const head = [...facts(shown, now, this.told, layer ?? null), at && now.shape ? made("p", { class: "muted" }, `Its numbers are ${at}.`) : null, shown === this.told ? this.timed(now) : null, whatif ? whatif.form(now) : null];
    const explained = now.explain ? this.fold("explained", "How its sizes come about", made("pre", {}, now.explain)) : null;
    this.large = null;
    if (!picture || !layer) {
      put($("layer"), ...head, explained, made("p", { class: "muted" }, picture ? "It is not in the original network, so it has no maps." : this.page.pictures?.broken || this.told.why));
      return;
    }
    await this.page.pictures.ensure(picture, this.needed());
    if (picture !== this.picture || now !== this.page.shown.layers[this.page.chosen]) return;
    const value = picture.values.get(layer.output);
    this.value = value;
    this.known = known(value);
    const { channel } = this.page;
    if (channel === null || channel >= value.channels) this.page.channel = this.liveliest();
    this.vector = value.plane[0] * value.plane[1] === 1;
    const dead = this.known.filter((each) => each.dead).length;
    const count = this.vector ? several(value.channels, "number") : `${several(value.channels, "map")} of ${shapeText(layer.shape.slice(0, -1))}`;
    this.select = this.vector ? null : this.rangeSelect();
    const title = made("h3", {}, count, this.select, made("span", { id: "layer-legend" }), !this.vector && dead ? made("span", { class: "muted" }, `${dead} dead: all zero`) : null);
    const original = shown === this.told ? null : made("p", { class: "muted" }, "Its maps in the original network:");
    put($("layer"), ...head, original, title, this.vector ? null : this.grid(value), made("div", { id: "one" }), explained);
    this.one(walking);
    if (ranging && this.select) regain(this.select);
  }

  /** How long the layer took, and where and how that was measured; nothing where it was not. */
  timed({ time }) {
    const { timed } = this.told;
    if (!timed || time === null) return null;
    const share = timed.seconds ? ` (${percent(time / timed.seconds)} of all)` : "";
    return this.fold("timed", `Takes ${lasting(time)}${share}`, made("p", { class: "small" }, timed.note));
  }

  /** Whether a reader goes over the map by keys. */
  get walking() {
    return this.large !== null && this.large.canvas === document.activeElement;
  }

  /** Tensors that the layer's maps and arithmetic need. */
  needed() {
    const own = this.told.operations.filter(({ layer }) => layer === this.page.layer).flatMap(({ inputs, output }) => [...inputs, output]);
    return [...new Set([...own, this.layer.output, ...this.layer.inputs])];
  }

  // -- ranges --------------------------------------------------------------------------------------------------------------
  rangeSelect() {
    const chosen = (event) => {
      this.page.ranges = event.target.value;
      this.show();
      this.page.remember();
    };
    const options = RANGES.map((name) => made("option", { value: name, selected: name === this.page.ranges }, `range of the ${name}`));
    return made("select", { "aria-label": "What the colours are relative to", title: "Colour range (r)", onchange: chosen }, ...options);
  }

  turnRange() {
    if (!this.select) return;
    this.select.selectedIndex = (this.select.selectedIndex + 1) % RANGES.length;
    this.select.dispatchEvent(new Event("change"));
  }

  scale(channel) {
    if (this.page.ranges === "network" && !this.picture.whole) this.picture.whole = this.whole();
    return chosenScale(this.page.ranges, channel, this.known, this.picture.whole);
  }

  whole() {
    const ends = [...this.picture.values.values()].map(({ data }) => range(data));
    return [Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))];
  }

  // -- maps ----------------------------------------------------------------------------------------------------------------
  /** The map with the widest range, which is shown first. */
  liveliest() {
    const widths = this.known.map(({ low, high }) => high - low);
    return widths.indexOf(Math.max(...widths));
  }

  grid(value) {
    const box = made("div", { class: "grid-of-maps", role: "group", "aria-label": "Maps" });
    const add = (begin, end) => {
      for (let channel = begin; channel < end; channel++) box.append(this.tile(value, channel));
    };
    add(0, Math.min(value.channels, Math.max(FIRST, this.page.channel + 1)));
    const shown = box.children.length;
    if (shown < value.channels) {
      const all = () => {
        more.remove();
        add(shown, value.channels);
      };
      const more = made("button", { type: "button", onclick: all }, `all ${counted(value.channels)}`);
      box.append(more);
    }
    return box;
  }

  tile(value, channel) {
    const canvas = made("canvas");
    paint(canvas, value.map(channel), ...value.plane, this.scale(channel));
    const { low, high, dead } = this.known[channel];
    const label = `map ${channel}, ${dead ? "dead" : `${short(low)} to ${short(high)}`}`;
    return made("button", { type: "button", class: dead ? "dead" : null, title: label, "aria-label": label, "aria-pressed": String(channel === this.page.channel), "data-map": channel, onclick: () => this.pick(channel) }, canvas, dead ? `${channel} dead` : String(channel));
  }

  pick(channel) {
    this.page.channel = channel;
    for (const button of document.querySelectorAll(".grid-of-maps [data-map]")) button.setAttribute("aria-pressed", String(Number(button.dataset.map) === channel));
    this.one();
    this.page.remember();
  }

  /** The next map of the layer, or the one before. */
  step(by) {
    if (!this.large || this.vector) return;
    this.pick((this.page.channel + by + this.known.length) % this.known.length);
  }

  /** The chosen map, large, and what belongs to it. */
  one(walking = this.walking) {
    const scale = this.vector ? scaleOf(...range(this.value.data)) : this.scale(this.page.channel);
    this.large = new Large(this.page, this.value, this.vector, scale, this.page.channel === this.liveliest());
    put($("one"), ...this.large.elements, this.others(scale), this.filters());
    put($("layer-legend"), legend(scale));
    this.large.begin();
    if (walking) regain(this.large.canvas);
  }

  /** The same map for the other pictures. */
  others(scale) {
    const { all } = this.page.pictures;
    const rest = all.filter((picture) => picture !== this.picture);
    if (!rest.length || this.vector) return null;
    const { layer } = this;
    const { channel } = this.page;
    const row = made("div", { class: "between others" });
    const box = this.fold("others", "The same map for the other pictures", row);
    box.addEventListener("toggle", async () => {
      for (const picture of box.open ? rest : []) {
        await this.page.pictures.ensure(picture, [layer.output, this.told.outputs[0]]);
        if (this.layer !== layer) return;
        const value = picture.values.get(layer.output);
        const canvas = made("canvas");
        paint(canvas, value.map(channel), ...value.plane, scale);
        const answer = best(picture.values.get(this.told.outputs[0]), this.told.live);
        const words = answer ? [made("br"), made("b", {}, `${answer[0][0]} ${percent(answer[0][1])}`)] : [];
        row.append(made("figure", { title: picture.name }, canvas, made("figcaption", {}, picture.name, ...words)));
      }
    }, { once: true });
    return box;
  }

  /** The filter of the chosen map, a kernel per input map. */
  filters() {
    const { channel, layer: call } = this.page;
    const number = this.told.operations.findIndex(({ layer, kind }) => layer === call && ["Conv", "DepthwiseConv"].includes(kind));
    if (number < 0) return null;
    const operation = this.told.operations[number];
    const weight = this.page.pictures.engine.array(number, "weight");
    const [, depth, ...kernel] = weight.shape;
    const [rows, columns] = kernel.length === 2 ? kernel : [1, kernel[0]];
    if (rows * columns < 2 || this.told.operations.some(({ layer, kind }, i) => layer === call && i > number && kind === "Conv")) return null;
    const area = rows * columns;
    const own = weight.data.subarray(channel * depth * area, (channel + 1) * depth * area);
    const scale = scaleOf(...range(own));
    const count = Math.min(depth, FIRST);
    const tiles = Array.from({ length: count }, (_, c) => {
      const canvas = made("canvas");
      paint(canvas, own.subarray(c * area, (c + 1) * area), rows, columns, scale);
      return made("figure", {}, canvas, made("figcaption", {}, operation.kind === "Conv" ? `from map ${c}` : "its map"));
    });
    const said = count < depth ? `; the first ${count} of ${counted(depth)} kernels` : "";
    return this.fold("filter", `The filter of map ${channel}${said}`, legend(scale), made("div", { class: "between" }, ...tiles));
  }

  /** A part that can be unfolded, and is where it was at the layer before. */
  fold(name, summary, ...children) {
    const turn = () => this.unfolded[box.open ? "delete" : "add"](name); // at once: the event that says so comes later
    const box = made("details", { open: this.unfolded.has(name) }, made("summary", { onclick: turn }, summary), ...children);
    return box;
  }
}

/** Give an element the focus that one which stood there had, unless a reader has gone elsewhere meanwhile. */
function regain(element) {
  if (document.activeElement === document.body) element.focus({ preventScroll: true });
}

/** What a layer of a network sees of its input: its receptive field, which may be larger than that. */
export function sees({ tensors, inputs }, { field }) {
  if (!field) return "";
  const there = field.map((side, axis) => Math.min(side, tensors[inputs[0].tensor][axis]));
  return `${shapeText(there)} of the input${shapeText(there) === shapeText(field) ? "" : ` (a receptive field of ${shapeText(field)})`}`;
}

/** A network's layer by its name and its numbers, with what they were in the original. */
function facts(shown, layer, told, was) {
  const fact = (name, said) => {
    const [now, then] = [said(layer, shown), was ? said(was, told) : said(layer, shown)];
    return now || then ? made("div", {}, made("dt", {}, name), made("dd", {}, now || "–"), now === then ? null : made("dd", { class: "was" }, `was ${then || "–"}`)) : null;
  };
  const list = layer.shape === null ? null : made("dl", { class: "facts" },
    fact("gives", ({ shape }) => shapeText(shape)), fact("weights", ({ weights, shared }) => counted(weights) + (shared ? " (shared)" : "")), fact("buffers", ({ buffers }) => (buffers ? counted(buffers) : "")),
    fact("multiplications", ({ mults }) => counted(mults)), fact("sees", (one, network) => sees(network, one)), fact("map memory", ({ bytes }) => memory(bytes)));
  return [made("h2", {}, made("bdi", {}, layer.name)), made("p", { class: "muted" }, layer.says), list, layer.misfit ? made("p", { class: "warn" }, `⚠ ${layer.misfit}`) : null];
}
