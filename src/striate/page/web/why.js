// Why the network answers so: where its last maps speak for a class, and what happens when parts are covered.

import { Attributed } from "striate/attributed";
import { Covering, usual } from "striate/covering";
import { enlarged, legend, paint, scaleOf } from "striate/maps";
import { normalised } from "striate/pixels";
import { operationsBetween, slopes } from "striate/slopes";
import { range } from "striate/values";
import { $, made, put, shapeText } from "striate/words";

const BREATH = 40; // ms of covering after which the page is drawn anew
const LIVE = { gradcam: "Grad-CAM", occlusion: "occlusion" }; // what the page computes, as the checks call it
const COMPUTED = ["saliency", "deconvnet", "guided backprop", "integrated gradients"]; // what may travel with it
export const METHODS = [...Object.keys(LIVE), ...COMPUTED];

export class Why {
  /** page: whose picture is explained; method, asked: what its address says, or null. */
  constructor(page, method, asked) {
    Object.assign(this, { page, told: page.told, method, asked: null, wanted: asked < page.told.live.labels.length ? asked : null, run: 0 });
    const { keys } = page;
    keys.button("gradcam", "x", "Grad-CAM: where the last maps speak for the class", () => this.turn("gradcam"));
    keys.button("occlusion", "v", "occlusion: cover parts of the picture; again: stop", () => this.turn("occlusion"));
    keys.on("k", "the next of the five classes", () => this.next());
    $("asked").addEventListener("change", () => this.ask(Number($("asked").value)));
    for (const id of ["window", "step"]) $(id).addEventListener("change", () => this.method === "occlusion" && this.show());
    const { live } = this.told;
    const [height, width] = this.told.tensors[this.told.inputs[0].tensor];
    const { window, step } = usual(Math.min(height, width));
    Object.assign($("window"), { value: window, max: Math.min(height, width) });
    Object.assign($("step"), { value: step, max: window });
    $("gradcam").disabled = live.explain.maps === null;
    this.attributed = live.attributed && new Attributed(live.attributed, height * width);
    if (method === "gradcam" && live.explain.maps === null) this.method = null;
    if (COMPUTED.includes(method) && !this.attributed?.methods.includes(method)) this.method = null;
    if (this.attributed) {
      this.buttons();
      keys.on("V", "the next of the methods that were computed beforehand", () => this.turn(this.attributed.after(this.method)));
    }
  }

  /** A button for each method that was computed beforehand. */
  buttons() {
    const { attributed } = this;
    const named = (name) => name[0].toUpperCase() + name.slice(1);
    const button = (name) => made("button", { type: "button", "data-method": name, "aria-pressed": "false", title: `Computed when the page was written${attributed.passes(name) ? "" : "; it fails its sanity check"} (V: the next)`, onclick: () => this.turn(name) }, named(name), attributed.passes(name) ? null : made("span", { class: "warn" }, " ⚠"));
    put($("computed"), ...attributed.methods.map(button));
    $("computed").hidden = false;
  }

  get picture() {
    return this.page.pictures.current;
  }

  /** Another picture is shown: its most probable class is asked about, unless the address says another. */
  pictured() {
    if (this.page.pictures.broken) {
      $("why").hidden = false;
      return this.show();
    }
    $("why").hidden = this.picture.best === null;
    if ($("why").hidden) return;
    this.asked = this.wanted ?? this.picture.best[0][2];
    this.wanted = null;
    const numbers = [...new Set([...this.picture.best.map(([, , number]) => number), this.asked])];
    put($("asked"), ...numbers.map((number) => made("option", { value: number }, this.told.live.labels[number])));
    this.ask(this.asked);
  }

  /** Ask about a class. */
  ask(number) {
    this.asked = number;
    $("asked").value = number;
    this.page.remember();
    return this.show();
  }

  next() {
    const { options, selectedIndex } = $("asked");
    if (!options.length) this.show();
    else this.ask(Number(options[(selectedIndex + 1) % options.length].value));
  }

  /** Choose a method, or none where it is chosen already. */
  turn(method) {
    this.method = this.method === method ? null : method;
    this.page.remember();
    return this.show();
  }

  /** Show what the chosen method finds; what was still at work stops. */
  async show() {
    const run = ++this.run;
    for (const method of Object.keys(LIVE)) $(method).setAttribute("aria-pressed", String(method === this.method));
    for (const button of $("computed").children) button.setAttribute("aria-pressed", String(button.dataset.method === this.method));
    $("windowed").hidden = this.method !== "occlusion";
    Object.assign($("reasons"), { width: 1, height: 1 });
    this.say(this.page.pictures.broken);
    if (this.page.pictures.broken || this.method === null) return;
    try {
      await (this.method in LIVE ? this[this.method] : this.computed).call(this, () => run === this.run);
    } catch (error) {
      this.say(`This cannot be said here: ${error.message}.`);
    }
  }

  say(text, ...more) {
    put($("because"), text, ...more);
  }

  /** The number of the logits that is the class's score, and its sign: one yes/no number stands for two classes. */
  get score() {
    const { explain, labels } = this.told.live;
    const alone = this.told.tensors[explain.logits][0] < labels.length;
    return alone ? [0, this.asked === 1 ? 1 : -1] : [this.asked, 1];
  }

  /** Numbers over the picture in colours; said: what they mean, told whether some are below 0. */
  lay(numbers, said) {
    const { height, width } = this.picture.pixels;
    const scale = scaleOf(...range(numbers));
    paint($("reasons"), numbers, height, width, scale);
    this.say(said(scale.turning), made("br"), legend(scale), this.attributed?.verdict(LIVE[this.method] ?? this.method) ?? null);
  }

  /** What a method found when the page was written; for another picture or class the way to those that it was asked about. */
  async computed(wanted) {
    const { attributed, method, picture, told } = this;
    const { labels } = told.live;
    const of = attributed.of(picture.address);
    const verdict = attributed.verdict(method);
    if (of === null) {
      const go = (place) => made("button", { type: "button", onclick: () => this.page.pictures.back(place) }, made("bdi", {}, this.page.pictures.nameOf(place)));
      this.say("The page cannot compute this itself. It was computed beforehand for ", ...attributed.places.map(go), verdict);
    } else if (attributed.classes[of] !== this.asked) {
      const asked = attributed.classes[of];
      this.say("The page cannot compute this itself. It was computed beforehand for the answer ", made("button", { type: "button", onclick: () => this.ask(asked) }, made("bdi", {}, labels[asked])), verdict);
    } else {
      const values = await attributed.map(method, of);
      if (!wanted()) return;
      this.found = { values };
      this.lay(values, (turning) => (turning ? "Orange pixels raised the class's score on the way from a black picture to this one, blue ones lowered it." : "Bright pixels are those where a small change would move the class's score most."));
    }
  }

  /** Maps of the last layer that has any, each times the mean slope of the class's logit, summed, not below 0. */
  async gradcam(wanted) {
    const { picture, told } = this;
    const { maps: call, logits } = told.live.explain;
    const layer = told.layers[call];
    const between = operationsBetween(told, layer.output, logits).flatMap((i) => [...told.operations[i].inputs, told.operations[i].output]);
    await this.page.pictures.ensure(picture, [...new Set([...between, layer.output])]);
    if (!wanted()) return;
    const [number, sign] = this.score;
    const slope = slopes(this.page.pictures.look, logits, [[[number], sign]], layer.output);
    const value = picture.values.get(layer.output);
    const [rows, columns] = value.plane;
    const coarse = new Float32Array(rows * columns);
    for (let channel = 0; channel < value.channels; channel++) {
      let weight = 0;
      for (let i = channel; i < slope.length; i += value.channels) weight += slope[i] / coarse.length;
      value.map(channel).forEach((each, i) => (coarse[i] += weight * each));
    }
    const rectified = coarse.map((each) => Math.max(0, each));
    const { height, width } = picture.pixels;
    this.found = { coarse: rectified, values: enlarged(rectified, rows, columns, height, width) };
    this.lay(this.found.values, () => `Bright is where the ${shapeText([rows, columns])} maps of ${layer.name} speak for the class.`);
  }

  /** Cover one window after the other and draw how the class's logit falls, while it is computed. */
  async occlusion(wanted) {
    const { picture } = this;
    const { height, width } = picture.pixels;
    const chosen = (id, most) => Math.max(1, Math.min(most, Math.round(Number($(id).value)) || 1));
    const window = chosen("window", Math.min(height, width));
    const step = chosen("step", window);
    Object.assign($("step"), { value: step, max: window });
    $("window").value = window;
    const [number, sign] = this.score;
    const { logits } = this.told.live.explain;
    const score = async (input) => sign * (await this.page.pictures.engine.run(input, [logits])).get(logits).data[number];
    const whole = await score(picture.input);
    const covering = new Covering(picture.pixels, [window, window], [step, step]);
    let drawn = performance.now();
    for (const [i, place] of covering.places.entries()) {
      covering.add(place, whole - (await score(normalised(covering.covered(place), this.told.live))));
      if (!wanted()) return;
      if (performance.now() - drawn < BREATH && i + 1 < covering.places.length) continue;
      this.found = { values: covering.values(), done: i + 1, whole: covering.places.length };
      this.lay(this.found.values, (turning) => `${turning ? "Orange" : "Bright"}: covering ${window} × ${window} pixels there lowers the class's score, so they speak for it${turning ? "; blue: it raises the score" : ""}. The score is the number out of which the probability is made. ${i + 1} of ${covering.places.length} places.`);
      await new Promise((done) => setTimeout(done));
      drawn = performance.now();
    }
  }
}
