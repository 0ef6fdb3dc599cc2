// The pictures: where they come from, which one is shown, and its numbers.

import { best, showAnswers } from "striate/answers";
import { Engine } from "striate/engine";
import { dim, frame } from "striate/maps";
import { normalised, prepared, shown } from "striate/pixels";
import { Sources } from "striate/sources";
import { $, made, percent, put, shapeText } from "striate/words";

const ALL = 24_000_000; // numbers on the way up to which all are kept, so that every layer is there at once

export class Pictures {
  /** page: whose pictures these are; wanted: the one that its address says; changed: called when another one is shown. */
  constructor(page, wanted, changed) {
    const { told, keys } = page;
    Object.assign(this, { page, told, wanted, changed, all: [], current: null, engine: null, broken: "" });
    new Sources(keys, (list) => this.take(list), () => this.refused());
  }

  /** Start the engine, and show the pictures that travel with the page. */
  async start() {
    try {
      this.engine = await Engine.started(this.told);
    } catch (error) {
      this.broken = `The network cannot run here: ${error.message}`;
      this.refused();
      await this.changed();
      return;
    }
    for (const [i, { name, url }] of this.told.live.samples.entries()) await this.add(blobOf(url), name, { show: false, address: `sample-${i}` });
    for (const address of [this.wanted, this.first]) if (!this.current) await this.back(address);
    if (this.all.length && !this.current) await this.show(this.all[0]);
  }

  /** What the address calls the picture to begin with: of a run one of its own, which the methods explain that were computed beforehand. */
  get first() {
    const { live, held_out } = this.told;
    return live.attributed?.pictures[0][0] ?? (held_out?.examples.length ? "held-out-0" : null);
  }

  /** Whether the network cannot run, which is said. */
  refused() {
    if (!this.broken) return false;
    put($("state"), this.broken);
    $("state").scrollIntoView({ block: "nearest" });
    return true;
  }

  /** Show one of the held-out pictures, which have the network's size. */
  async heldOut({ blob, name, number }) {
    const there = this.all.find((picture) => picture.source === blob);
    if (there) await this.show(there);
    else await this.add(blob, name, { address: `held-out-${number}`, recipe: { ...this.told.live.preprocessing, resize: "stretch" } });
  }

  /** Show the picture that an address says, where it says another one. */
  async back(address) {
    if (!address || address === this.current?.address) return;
    const there = this.all.find((picture) => picture.address === address);
    const example = this.page.data?.examples.all.find(({ number }) => address === `held-out-${number}`);
    if (there) await this.show(there);
    else if (example) await this.page.data.pick(example);
  }

  /** What a picture that travels with the page is called, by what the address says. */
  nameOf(address) {
    const [, kind, number] = address.match(/^(.*)-(\d+)$/);
    return kind === "sample" ? this.told.live.samples[number].name : this.told.held_out.examples[number][0];
  }

  /** Pictures of a reader's, [source, name] each; what is none is named once the others are there. */
  async take(list) {
    const faults = [];
    for (const [source, name] of list) {
      try {
        await this.add(source, name);
      } catch (error) {
        faults.push(made("div", { class: "warn" }, `${name}: this is no picture that the browser can read (${error.message.replace(/\.$/, "")}).`));
      }
    }
    if (faults.length) put($("state"), ...(faults.length < list.length ? $("state").childNodes : []), ...faults);
  }

  /**
   * A picture more.
   *
   * show      whether it is shown at once
   * recipe    how it is prepared
   * address   what the page's address calls it; null for a reader's own, which is not in there
   */
  async add(source, name, { show = true, recipe = this.told.live.preprocessing, address = null } = {}) {
    if (this.refused()) return;
    const pixels = await prepared(source, recipe);
    const picture = { name, source, address, pixels, canvas: shown(pixels), input: normalised(pixels, this.told.live), values: new Map(), known: new Map(), best: null };
    this.all.push(picture);
    this.thumbnails();
    if (show) await this.show(picture);
  }

  thumbnails() {
    const held = $("strip").contains(document.activeElement);
    put($("strip"), ...this.all.map((picture) => {
      const canvas = made("canvas", { width: picture.canvas.width, height: picture.canvas.height });
      canvas.getContext("2d").drawImage(picture.canvas, 0, 0);
      return made("button", { type: "button", title: picture.name, "aria-label": `Picture ${picture.name}`, "aria-pressed": String(picture === this.current), onclick: () => this.show(picture) }, canvas);
    }));
    const chosen = $("strip").querySelector("[aria-pressed=true]");
    if (!chosen) return;
    if (held) chosen.focus({ preventScroll: true });
    inSight($("strip"), chosen);
  }

  async show(picture) {
    if (this.current !== picture && this.current) this.current.values = new Map(); // one picture's numbers at a time
    this.current = picture;
    this.thumbnails();
    Object.assign($("picture"), { width: picture.canvas.width, height: picture.canvas.height });
    $("picture").getContext("2d").drawImage(picture.canvas, 0, 0);
    const begun = performance.now();
    await this.ensure(picture, [this.told.outputs[0]]);
    this.answer(picture);
    const total = this.told.layers.reduce((sum, { bytes }) => sum + bytes / 4, 0);
    if (total <= ALL) await this.ensure(picture, this.told.operations.map(({ output }) => output));
    const { cut } = picture.pixels;
    put($("state"), cut && whole(cut), `${picture.name}: ${picture.pixels.height} × ${picture.pixels.width}, computed in ${Math.round(performance.now() - begun)} ms${cut ? `. The network sees the middle of it: ${percent(cut.share, 0)} are cut off at the edges.` : ""}`);
    await this.changed();
  }

  /** What arithmetic looks at: values of the current picture, arrays of the network. */
  get look() {
    const { told, engine } = this;
    return { told, values: this.current.values, array: (operation, name) => engine.array(operation, name) };
  }

  /** Compute what is not yet there of some tensors of a picture. */
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
    picture.best = best(out, this.told.live);
    put($("brief"), ...(picture.best ? [made("bdi", {}, picture.best[0][0]), ` ${percent(picture.best[0][1])}`] : []));
    if (picture.best) showAnswers($("best"), picture.best);
    else put($("best"), made("li", {}, `The network gives ${shapeText(out.shape)} numbers; choose its last layer to see them.`));
  }
}

/** Scroll a box, and nothing around it, so that an element of it is in sight. */
function inSight(box, element) {
  const [outer, inner] = [box, element].map((each) => each.getBoundingClientRect());
  box.scrollTop += Math.max(0, inner.bottom - outer.bottom) - Math.max(0, outer.top - inner.top);
}

/** A picture of which something is cut off, whole, with a frame around what the network sees. */
function whole({ whole, kept: [top, left, rows, columns] }) {
  const { height, width } = whole;
  const canvas = made("canvas", { height, width, role: "img", "aria-label": "The whole picture, with a frame around what the network sees of it" });
  const pen = canvas.getContext("2d");
  const box = [left * width, top * height, columns * width, rows * height];
  pen.drawImage(whole, 0, 0);
  dim(pen, box);
  frame(pen, box);
  return canvas;
}

/** The bytes of a data URL: nothing is fetched. */
function blobOf(url) {
  const [head, text] = url.split(",");
  const letters = atob(text);
  return new Blob([Uint8Array.from(letters, (letter) => letter.charCodeAt(0))], { type: head.slice(5).split(";")[0] });
}
