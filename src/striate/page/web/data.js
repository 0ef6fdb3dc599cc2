// The data view: what the network says of the pictures that it was judged on.

import { confusion } from "striate/confusion";
import { curves } from "striate/curves";
import { Filters } from "striate/filters";
import { Examples } from "striate/examples";
import { Scatter } from "striate/scatter";
import { $, counted, made, percent, put, several } from "striate/words";

const FIRST = 120; // pictures that are shown at once

export class Data {
  /** page: whose pictures these are; wanted: {view, filter} of its address. */
  constructor(page, wanted) {
    Object.assign(this, { page, held: page.told.held_out, open: false });
    this.examples = new Examples(this.held);
    this.wants(wanted.filter);
    const { keys } = page;
    $("view").hidden = false;
    keys.button("view", "t", "the pictures that it was judged on, or the network", () => this.turn(!this.open));
    keys.on("j", "wrong answers only, or all", () => this.open && this.filtered({ wrong: !this.examples.filter.wrong }));
    keys.button("clear", "h", "all of these pictures again", () => this.all());
    this.controls();
    const { points } = this.held;
    const acts = { pick: (one) => this.pick(one), look: (one) => this.look(one), changed: () => this.show() };
    this.scatter = points ? new Scatter(this.examples, this.held, acts) : null;
    put($("features"), made("h2", {}, "Map of the features"), this.scatter ? this.scatter.element : made("p", { class: "muted" }, this.held.points_told));
    this.filters = this.held.filters ? new Filters(page) : null;
    const drawn = curves(this.held.history, this.filters ? 0 : 1, (epoch) => this.filters?.show(epoch));
    put($("curves"), made("h2", {}, "Learning curves"), drawn, this.filters?.element);
    this.turn(wanted.view === "data");
  }

  /** Begin with what the address says of the filter; classes that are not there are left out, a range the wrong way round is turned. */
  wants(said) {
    const { filter } = this.examples;
    const { truth, says, wrong, from, to } = { ...filter, ...said };
    const there = (number) => (number < this.held.classes.length ? number : null);
    Object.assign(filter, { truth: there(truth), says: there(says), wrong, from: Math.min(from, to), to: Math.max(from, to) });
  }

  controls() {
    const { classes } = this.held;
    const any = made("option", { value: "" }, "any");
    for (const id of ["truth", "says"]) {
      put($(id), any.cloneNode(true), ...classes.map((name, number) => made("option", { value: number }, name)));
      $(id).addEventListener("change", () => this.filtered({ [id]: $(id).value === "" ? null : Number($(id).value) }));
    }
    $("wrong").addEventListener("change", () => this.filtered({ wrong: $("wrong").checked }));
    for (const id of ["from", "to"]) $(id).addEventListener("change", () => this.sure(id));
  }

  /** How sure the network has to be, at least or at most; a range the wrong way round is turned. */
  sure(id) {
    const { value, validity } = $(id);
    const fits = value !== "" && validity.valid;
    const { from, to } = { ...this.examples.filter, ...(fits ? { [id]: Number(value) } : {}) };
    this.filtered({ from: Math.min(from, to), to: Math.max(from, to) });
    if (!fits) $("chosen").prepend(made("span", { class: "warn" }, "Sure is a number from 0 to 100. "));
  }

  /** Show the data, or the network again. */
  turn(open) {
    this.open = open;
    $("data").hidden = !open;
    $("network").hidden = $("layer").hidden = open;
    $("view").setAttribute("aria-pressed", String(open));
    document.querySelector("main").classList.toggle("of-data", open);
    if (open) this.scatter?.begin();
    if (open) this.show();
    this.page.remember();
  }

  filtered(change) {
    Object.assign(this.examples.filter, change);
    this.show();
    this.page.remember();
  }

  all() {
    this.examples.clear();
    this.filtered({});
  }

  /** Show what is chosen, everywhere. */
  show() {
    const { filter, chosen, all } = this.examples;
    for (const id of ["truth", "says"]) $(id).value = filter[id] ?? "";
    $("wrong").checked = filter.wrong;
    for (const id of ["from", "to"]) $(id).value = filter[id];
    const whole = this.held.matrix.flat().reduce((a, b) => a + b, 0);
    const travelling = all.length < whole ? `; ${counted(all.length)} of ${counted(whole)} travel with this page, wrong and right answers in turn` : "";
    const region = filter.region ? " in the chosen part of the map" : "";
    put($("chosen"), `${counted(chosen.length)} of ${several(all.length, "picture")}${region}${travelling}. Choose one to see its answer; the key t then leads to its maps.`);
    if (this.examples.all.length) put($("judged"), "These are pictures of ", made("bdi", {}, this.held.source), ", on which the network was judged.");
    const pick = (truth, says) => this.filtered(filter.truth === truth && filter.says === says ? { truth: null, says: null } : { truth, says });
    put($("confusion"), made("h2", {}, "Truth and answer: ", made("bdi", {}, this.held.source)), confusion(this.held, filter, pick));
    this.gallery(chosen);
    this.scatter?.draw();
  }

  gallery(chosen) {
    const add = (begin, end) => $("gallery").append(...chosen.slice(begin, end).map((one) => this.tile(one)));
    put($("gallery"));
    add(0, FIRST);
    if (chosen.length <= FIRST) return;
    const rest = () => {
      more.remove();
      add(FIRST, chosen.length);
    };
    const more = made("button", { type: "button", onclick: rest }, `all ${counted(chosen.length)}`);
    $("gallery").append(more);
  }

  tile(one) {
    const { classes } = this.held;
    const said = `${one.name}: is ${classes[one.label]}, says ${classes[one.answer]}, ${percent(one.share)}`;
    const lines = one.right ? [made("bdi", {}, classes[one.label])] : [made("bdi", {}, classes[one.label]), made("span", { class: "warn" }, " ✗ ", made("bdi", {}, classes[one.answer]))];
    return made("button", { type: "button", title: said, "aria-label": said, "data-number": one.number, "aria-pressed": String(one === this.taken), onclick: () => this.pick(one), onpointerenter: () => this.scatter?.mark(one), onpointerleave: () => this.scatter?.mark(null) },
      made("img", { src: one.url, alt: "" }), made("span", { class: "under" }, ...lines));
  }

  /** The pointer is at an example in the map: show it among the pictures. */
  look(one) {
    for (const button of $("gallery").querySelectorAll("[data-number]")) button.classList.toggle("at", Number(button.dataset.number) === one?.number);
  }

  /** Another picture is shown: the first filters look at that. */
  pictured() {
    this.filters?.show(this.filters.epoch);
  }

  /** Show a picture, its answer and why; its maps are in the network. */
  async pick(one) {
    this.taken = one;
    for (const button of $("gallery").querySelectorAll("[data-number]")) button.setAttribute("aria-pressed", String(Number(button.dataset.number) === one.number));
    await this.page.pictures.heldOut(one);
  }
}
