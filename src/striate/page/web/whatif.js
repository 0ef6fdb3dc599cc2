// What if a layer were another: edits of the network, sized by striate itself, with what they change; undo and redo.

import { bareText, fields, sizesOf, valueOf } from "striate/arguments";
import { difference, table, totalsText } from "striate/difference";
import { tooMany } from "striate/edits";
import { Python } from "striate/python";
import { kept } from "striate/store";
import { $, made, put, several } from "striate/words";

const SUGGESTED = "Conv2D"; // to insert

/** Why a layer does not fit, without its kind and name, which stand beside it. */
const bare = ({ kind, name, misfit }) => [`${kind} "${name}": `, `${kind}: `].reduce((text, head) => (text.startsWith(head) ? text.slice(head.length) : text), misfit);

export class WhatIf {
  /**
   * page     what shows the network
   * editing  its description, the arguments of layers by class, classes to insert
   * wanted   {edits, layer, open} of the page's address: what to begin with, the layer that is chosen and the parts that are open then
   */
  constructor(page, { description, kinds, insertable }, wanted) {
    Object.assign(this, { page, kinds, insertable, wanted, python: new Python(), open: false, refused: "", waiting: [] });
    this.steps = [{ description, told: page.told, fault: null, edit: null }];
    this.at = 0;
    this.queue = Promise.resolve(); // of edits; ``waiting`` are those that are not there yet
    const { keys } = page;
    const inSight = (key, says, act) => keys.on(key, says, () => $("whatif").closest("[hidden]") || act());
    inSight("a", "change the chosen layer", () => this.begin());
    inSight("I", "insert a layer behind the chosen one", () => this.insertion());
    inSight("X", "take the chosen layer out", () => this.remove());
    inSight("S", "change the size of the input", () => $("inputs").querySelector("input").focus());
    keys.button("undo", "u", "undo", () => this.turnBack(() => this.at - 1));
    keys.button("redo", "U", "redo", () => this.turnBack(() => this.at + 1));
    keys.button("original", "z", "back to the original network", () => this.turnBack(() => 0));
    keys.button("as-python", "P", "the network as Python, to copy", () => this.asPython());
    keys.button("as-json", "J", "the network as JSON, to copy", () => this.text("JSON", "json", JSON.stringify(this.now.description, null, 1)));
    $("whatif").hidden = false;
    this.strip();
  }

  get now() {
    return this.steps[this.at];
  }

  /** What was done to the network, in order, also what is still computed. */
  get edits() {
    return [...this.steps.slice(1, this.at + 1).map(({ edit }) => edit), ...this.waiting];
  }

  /** Do what the address says was done. */
  async begun() {
    const { edits, layer, open } = this.wanted;
    if (!edits.length) return;
    await Promise.all(edits.map((edit) => this.edit(edit)));
    if (!this.at) return;
    const { diagram, shown } = this.page;
    diagram.opened(open);
    diagram.draw();
    const call = shown.layers.findIndex(({ name }) => name === layer);
    await this.page.choose(call < 0 ? this.page.chosen : call, true);
  }

  /** The chosen layer as it is shown; null where none is. */
  get layer() {
    return this.page.shown.layers[this.page.chosen] ?? null;
  }

  /** What the description says of a layer, by its name in the picture. */
  entry(name) {
    let inside = this.now.description;
    const path = name.split("#")[0].split("/");
    for (const outer of path.slice(0, -1)) inside = inside.layers.find((each) => each.name === outer.split("#")[0]).network;
    return inside.layers.find((each) => each.name === path.at(-1));
  }

  /** The same with what is still computed. */
  meant(name) {
    const sets = this.waiting.filter(({ do: what, layer }) => what === "set" && layer === name);
    return { ...this.entry(name), ...Object.fromEntries(sets.map(({ argument, value = null }) => [argument, value])) };
  }

  /** Whether an argument of a layer is still computed. */
  busy(name, argument) {
    return this.waiting.some((edit) => edit.layer === name && edit.argument === argument) && "true";
  }

  // -- edits ---------------------------------------------------------------------------------------------------------------
  /** Do something once all that was begun before is done. */
  after(act) {
    const done = this.queue.then(act);
    this.queue = done.catch(() => {}); // what failed is said where it failed, and holds nothing up
    return done;
  }

  /** Change the network. */
  edit(edit) {
    this.waiting.push(edit);
    for (const field of document.querySelectorAll(`#layer [data-argument="${edit.argument}"], [data-input="${edit.layer}"]`)) field.setAttribute("aria-busy", "true");
    this.state();
    this.page.remember();
    return this.after(() => this.change(edit));
  }

  async change(edit) {
    this.state();
    let answer;
    try {
      answer = JSON.parse(await this.python.ask("changed", JSON.stringify(this.now.description), JSON.stringify(edit)));
    } catch (error) {
      answer = { refused: `Python cannot run here: ${error.message}` };
    }
    this.waiting.shift();
    this.refused = answer.refused ?? "";
    if (!this.refused) {
      this.steps.length = this.at + 1;
      this.steps.push({ ...answer, edit });
    }
    const before = new Set(this.page.shown.layers.map(({ name }) => name));
    await this.go(this.refused ? this.at : this.at + 1);
    const inserted = this.page.shown.layers.findIndex(({ name }) => !before.has(name));
    if (inserted >= 0 && edit.do === "insert") await this.page.choose(inserted);
  }

  /** Go to the network after so many edits: as many as a function says, once what is computed still is there. */
  turnBack(wanted) {
    return this.after(() => {
      const at = wanted();
      if (at < 0 || at >= this.steps.length) return;
      this.refused = "";
      return this.go(at);
    });
  }

  /** Show the network after so many edits. */
  async go(at) {
    this.at = at;
    const field = document.activeElement?.dataset.argument;
    await this.page.show(this.now.told, this.now.fault);
    this.strip();
    if (field) document.querySelector(`#layer [data-argument="${field}"]`)?.focus();
  }

  say(text) {
    put($("edit-state"), text);
  }

  // -- above the picture of the network --------------------------------------------------------------------------------------
  /** What stands there: the input's sizes, what is possible, what differs. */
  strip() {
    const { at } = this;
    const { inputs } = this.page.diagram.parts;
    put($("inputs"), ...inputs.map(({ name }) => {
      const changed = (event) => this.resize(name, event.target.value);
      return made("label", {}, inputs.length > 1 ? `Input ${name} ` : "Input ", made("input", { value: bareText(this.meant(name).shape), title: "Size of the input, channels last (S)", "data-input": name, "aria-busy": this.busy(name, "shape"), onchange: changed, autocomplete: "off" }));
    }));
    put($("difference"), ...(at ? this.differing() : []));
    this.state();
  }

  /** Give an input another size, as it is written. */
  resize(layer, text) {
    const value = sizesOf(text);
    if (value?.length === this.entry(layer).shape.length) return this.edit({ do: "set", layer, argument: "shape", value });
    const { inputs, tensors } = this.now.told;
    const example = tensors[inputs.find(({ name }) => name === layer).tensor];
    this.refused = `"${text}" is no size of an input: write whole numbers above 0, or None for any, such as ${bareText(example)}.`;
    this.strip();
  }

  /** What is possible now, and what is at work. */
  state() {
    const { now, at, steps, refused, waiting, python } = this;
    $("undo").disabled = $("original").disabled = at === 0 && !waiting.length;
    $("redo").disabled = at + 1 === steps.length || waiting.length > 0;
    $("as-python").disabled = now.fault !== null;
    const edits = several(at, "edit");
    const rest = tooMany(this.edits) ? " The address of the page does not hold them: they are too many." : "";
    const done = at ? `${edits}; maps and answers are those of the original network.${rest}` : "";
    const work = python.ready ? "Sizing …" : "Starting Python, which takes some seconds once …";
    this.say(waiting.length ? work : refused || done);
    $("edit-state").classList.toggle("warn", refused !== "" && !waiting.length);
  }

  /** What stands below: the differences in numbers, and what went with layers that were taken out. */
  differing() {
    const went = this.steps.slice(1, this.at + 1).filter(({ lost }) => lost).map(({ lost }) => made("p", {}, made("bdi", {}, lost)));
    return [...went, ...this.numbers()];
  }

  numbers() {
    const found = difference(this.page.told, this.now.told);
    const chosen = (call) => this.page.choose(call);
    const misfit = this.now.told.layers.findIndex(({ name }) => name === this.now.fault);
    if (misfit >= 0) {
      const button = made("button", { type: "button", onclick: () => chosen(misfit) }, made("bdi", {}, this.now.fault));
      return [made("p", { class: "warn", role: "alert" }, "⚠ It breaks off at ", button, `: ${bare(this.now.told.layers[misfit])}`)];
    }
    const count = found.layers.length + found.gone.length;
    const totals = totalsText(found).map((text) => made("li", {}, text));
    const summary = `${several(count, "layer differs", "layers differ")} from the original`;
    return [made("ul", { class: "totals" }, ...totals), made("details", {}, made("summary", {}, summary), made("div", { class: "scroll" }, table(found, chosen)))];
  }

  // -- of the chosen layer -------------------------------------------------------------------------------------------------
  /** The part of a layer's panel that changes it. */
  form(layer) {
    const entry = this.entry(layer.name);
    const kinds = this.kinds[entry?.class];
    const box = made("details", { id: "change", open: this.open, ontoggle: () => this.opened(box.open) }, made("summary", {}, "Change this layer (a)"));
    if (!kinds) box.append(made("p", { class: "muted" }, "Its arguments cannot be changed here."));
    else {
      const changed = (argument, text) => this.edit({ do: "set", layer: layer.name, argument, ...(text.trim() ? { value: valueOf(text) } : {}) });
      box.append(...fields(kinds, this.meant(layer.name), changed, (argument) => this.busy(layer.name, argument)).filter(Boolean));
    }
    const insert = made("button", { type: "button", title: "Insert a layer behind it (I)", onclick: () => this.insertion() }, "Insert behind it");
    const remove = made("button", { type: "button", title: "Take it out (X)", onclick: () => this.remove() }, "Take it out");
    box.append(made("div", { class: "row" }, insert, remove));
    return box;
  }

  /** Python starts while a reader looks at the fields. */
  opened(open) {
    this.open = open;
    if (open) this.python.start().catch(() => {}); // said once something is asked of it
  }

  begin() {
    const box = $("change");
    if (!box) return;
    box.open = true;
    (box.querySelector("input, select") ?? box.querySelector("button")).focus();
  }

  remove() {
    if (this.layer) this.edit({ do: "remove", layer: this.layer.name });
  }

  insertion() {
    if (!this.layer) return;
    this.python.start().catch(() => {});
    const after = this.layer.name;
    const [given, box] = [{}, made("div")];
    const kind = made("select", { "aria-label": "Kind of layer", onchange: () => fill() }, ...this.insertable.map((name) => made("option", { selected: name === SUGGESTED }, name)));
    const fill = () => {
      Object.keys(given).forEach((name) => delete given[name]);
      const changed = (argument, text) => (text.trim() ? (given[argument] = valueOf(text)) : delete given[argument]);
      put(box, ...fields(this.kinds[kind.value], {}, changed));
    };
    fill();
    const submit = (event) => {
      event.preventDefault();
      $("changes").close();
      this.edit({ do: "insert", after, class: kind.value, arguments: given });
    };
    const buttons = made("div", { class: "row" }, made("button", { class: "strong" }, "Insert"), made("button", { type: "button", onclick: () => $("changes").close() }, "Cancel"));
    put($("changes"), made("h2", {}, "Insert behind ", made("bdi", {}, after)), made("form", { onsubmit: submit }, kind, box, buttons));
    $("changes").showModal();
  }

  // -- the network as a text -----------------------------------------------------------------------------------------------
  async asPython() {
    if ($("as-python").disabled) return;
    this.say("Writing Python …");
    try {
      this.text("Python", "py", await this.python.ask("code", JSON.stringify(this.now.description)));
      this.strip();
    } catch (error) {
      this.say(`The network cannot be written as Python: ${error.message}`);
    }
  }

  text(kind, ending, content) {
    const area = made("textarea", { readonly: true, rows: 14, "aria-label": `The network as ${kind}`, spellcheck: "false" }, content);
    const said = made("span", { role: "status", class: "muted" });
    const copy = async () => {
      area.select();
      await navigator.clipboard.writeText(content).then(() => put(said, "Copied."), () => put(said, "It is selected; copy it with Ctrl+C."));
    };
    const keep = () => kept(`${this.page.told.name}.${ending}`, new Blob([content], { type: "text/plain" }));
    put($("changes"), made("h2", {}, `The network as ${kind}`), area, made("div", { class: "row" },
      made("button", { type: "button", class: "strong", onclick: copy }, "Copy"), made("button", { type: "button", onclick: keep }, "Keep as a file"),
      made("button", { type: "button", onclick: () => $("changes").close() }, "Close"), said));
    $("changes").showModal();
    area.select();
  }
}
