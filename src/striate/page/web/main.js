// The page: what is chosen, and what follows from it.

import { remember, wanted } from "striate/address";
import { Data } from "striate/data";
import { Diagram } from "striate/diagram";
import { difference } from "striate/difference";
import { follow } from "striate/following";
import { Keys } from "striate/keys";
import { watch } from "striate/more";
import { Panel } from "striate/panel";
import { Pictures } from "striate/pictures";
import { read } from "striate/store";
import { Tools } from "striate/tools";
import { WhatIf } from "striate/whatif";
import { Why } from "striate/why";
import { $, counted, countedAt, large, made, memory, put, several } from "striate/words";

class Page {
  /** told: what the page is told of the network; editing: what it needs to change that, or null. */
  constructor(told, editing) {
    this.told = told;
    this.shown = told; // the network in the picture: another one once it is edited
    this.fault = null; // the layer of that at which it breaks off
    this.chosen = null; // a call's number in that
    this.layer = null; // its number in the network itself; null where it is not in there
    this.channel = null; // of its maps; null: not chosen yet
    this.cell = null; // [row, column] in the chosen map
    this.quiet = 1; // how much is at work that leaves the address as it is
    this.keys = new Keys();
    const { layer, channel, cell, picture, colouring, ranges, theme, method, asked, view, filter, volumes, turned, open, edits } = wanted();
    this.ranges = ranges ?? "layer"; // what the colours of maps are relative to
    this.theme = theme; // null: the system's
    if (theme) this.colour(theme);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => this.theme ?? this.colour(matches ? "dark" : "light"));
    this.head();
    if (told.live) follow(this.keys);
    watch($("strip"), $("layer"), $("difference"), $("data"));
    this.diagram = new Diagram($("diagram"), told, { colouring: colouring ?? "kind", turned, volumes }, {
      chosen: (call) => this.choose(call),
      redrawn: () => this.tools.redrawn(),
      moved: () => this.tools.minimap.move(),
      folded: () => this.remember(),
    });
    this.diagram.opened(open);
    this.tools = new Tools(this);
    this.panel = new Panel(this);
    this.pictures = told.live ? new Pictures(this, picture, () => this.pictured()) : null;
    this.why = told.live ? new Why(this, method, asked) : null;
    this.whatif = editing ? new WhatIf(this, editing, { edits, layer, open }) : null;
    this.keys.on("f", "the next layer that does not fit", () => this.misfit());
    put($("fixed"), told.fixed && `This page cannot change the network: ${told.fixed} `, told.untimed && `It has no times of its layers: ${told.untimed}`);
    $("fixed").hidden = !$("fixed").textContent;
    this.keys.button("theme", "d", "dark or light", () => this.turnTheme());
    this.diagram.draw();
    const call = told.layers.findIndex(({ name }) => name === layer);
    if (call >= 0) {
      Object.assign(this, { channel, cell });
      this.choose(call, true);
    }
    this.diagram.fit();
    this.data = told.held_out ? new Data(this, { view, filter }) : null;
    addEventListener("popstate", () => this.restore());
    addEventListener("beforeunload", (event) => this.whatif?.edits.length && event.preventDefault());
  }

  /** What stands above it all. */
  head() {
    const { totals, layers } = this.shown;
    const before = layers.filter(({ shape }) => shape !== null).length;
    const all = this.fault === null ? several(layers.length, "layer") : `up to ${this.fault}: ${counted(before)} of ${several(layers.length, "layer")}`;
    const parts = [all, several(totals.weights, "weight"), `${large(totals.mults)} multiplications`, `${memory(totals.inference_bytes)} to predict`, countedAt(this.shown)].filter(Boolean);
    const misfits = layers.filter(({ name, misfit }) => misfit && name !== this.fault).length; // where it breaks off is said below
    const next = misfits ? made("button", { type: "button", class: "warn", title: "Go from one to the next (f)", onclick: () => this.misfit() }, `⚠ ${several(misfits, "does not fit", "do not fit")}`) : null;
    put($("totals"), parts.join(" · "), " ", next);
    if (!this.told.live) {
      $("input").hidden = true;
      document.querySelector("main").style.gridTemplateColumns = "minmax(0, 1fr) minmax(0, 1fr)";
    }
  }

  /** Choose the next layer that does not fit. */
  misfit() {
    const calls = [...this.shown.layers.keys()].filter((call) => this.shown.layers[call].misfit);
    if (calls.length) this.choose(calls.find((call) => call > this.chosen) ?? calls[0]);
  }

  /** Show the first pictures, where there are any. */
  async start() {
    if (this.pictures) await this.pictures.start();
    else await this.pictured();
    this.quiet--;
    const begun = this.whatif?.begun();
    this.remember(false);
    document.body.dataset.ready = "yes";
    await begun;
  }

  /** Choose what the address says, a step back or forth; what was changed in the network stays so. */
  async restore() {
    const { layer, channel, cell, picture, view } = wanted();
    this.quiet++;
    const call = this.shown.layers.findIndex(({ name }) => name === layer);
    if (call >= 0) [this.chosen, this.channel, this.cell] = [call, channel, cell];
    this.data?.turn(view === "data");
    await this.pictures?.back(picture);
    if (call >= 0) await this.choose(call, true);
    this.quiet--;
    this.remember(false);
  }

  /** Another picture is shown: choose the first layer with weights, whose maps are the easiest to read, or stay. */
  async pictured() {
    const first = Math.max(0, this.told.layers.findIndex(({ family }) => family === "conv"));
    if (this.chosen === null) {
      const chosen = this.choose(first);
      this.diagram.fit(); // around what that has opened
      await chosen;
    } else await this.panel.show();
    this.why?.pictured();
    this.data?.pictured();
  }

  /**
   * Show a network that is edited, or the one that the page is of; the layer that is chosen stays so, or one at its place.
   * fault: the layer at which it breaks off, or null.
   */
  async show(shown, fault) {
    const name = this.shown.layers[this.chosen]?.name;
    const call = shown.layers.findIndex((layer) => layer.name === name);
    Object.assign(this, { shown, fault });
    this.head();
    this.diagram.tell(shown, shown === this.told ? null : new Set(difference(this.told, shown).layers.map((each) => each.call)));
    this.diagram.draw();
    if (name !== undefined) await this.choose(call < 0 ? Math.min(this.chosen, shown.layers.length - 1) : call, call >= 0);
  }

  /** Choose a layer of the picture; keep: the map and the cell stay chosen. */
  async choose(call, keep = false) {
    if (!keep && call !== this.chosen) [this.channel, this.cell] = [null, null];
    this.chosen = call;
    const found = this.told.layers.findIndex(({ name }) => name === this.shown.layers[call].name);
    this.layer = found < 0 ? null : found;
    this.diagram.select(call);
    await this.panel.show();
    this.remember();
  }

  /** Write what is chosen into the address; step: as a step in the history. */
  remember(step = true) {
    if (!this.quiet) remember(this, step);
  }

  turnTheme() {
    this.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    this.colour(this.theme);
    this.remember();
  }

  /** Be dark or light. */
  colour(theme) {
    document.documentElement.dataset.theme = theme;
    if (this.data?.open) this.data.show();
  }
}

const page = new Page(await read("told"), await read("editing"));
globalThis.striate = page; // for whoever opens the console
await page.start();
