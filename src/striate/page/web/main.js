// The page: what is chosen, and what follows from it.

import { remember, wanted } from "striate/address";
import { Data } from "striate/data";
import { Diagram } from "striate/diagram";
import { Keys } from "striate/keys";
import { Panel } from "striate/panel";
import { Pictures } from "striate/pictures";
import { told as carriedTold } from "striate/store";
import { Tools } from "striate/tools";
import { Why } from "striate/why";
import { $, counted, large, made, megabytes, put } from "striate/words";

class Page {
  /** told: what the page is told of the network. */
  constructor(told) {
    this.told = told;
    this.layer = null; // a call's number
    this.channel = null; // of its maps; null: not chosen yet
    this.cell = null; // [row, column] in the chosen map
    this.keys = new Keys();
    const { layer, channel, cell, colouring, ranges, theme, method, asked, view, filter, volumes, turned, open } = wanted();
    this.ranges = ranges ?? "layer"; // what the colours of maps are relative to
    this.theme = theme; // null: the system's
    if (theme) document.documentElement.dataset.theme = theme;
    this.head();
    this.diagram = new Diagram($("diagram"), told, { chosen: (call) => this.choose(call), changed: () => this.tools.mini(), folded: () => this.remember() });
    this.diagram.colouring = colouring ?? "kind";
    this.diagram.turned = turned;
    this.diagram.open = new Set(open.filter((path) => this.diagram.folds.includes(path)));
    this.tools = new Tools(this);
    this.panel = new Panel(this);
    this.pictures = told.live ? new Pictures(this, () => this.pictured()) : null;
    this.why = told.live ? new Why(this, method, asked) : null;
    this.keys.button("theme", "d", "dark or light", () => this.turnTheme());
    if (volumes) this.tools.volumes();
    else this.diagram.draw();
    this.diagram.fit();
    const call = told.layers.findIndex(({ name }) => name === layer);
    if (call >= 0) {
      Object.assign(this, { channel, cell });
      this.choose(call, true);
    }
    this.data = told.held_out ? new Data(this, { view, filter }) : null;
  }

  /** What stands still. */
  head() {
    const { totals, layers } = this.told;
    const parts = [`${counted(layers.length)} layers`, `${counted(totals.weights)} weights`, `${large(totals.mults)} multiplications`, `${megabytes(totals.inference_bytes)} to predict`];
    put($("totals"), parts.join(" · "));
    const families = [...new Set(layers.map(({ family }) => family))];
    put($("legend"), ...families.map((family) => made("span", {}, made("span", { class: "swatch", style: `background:var(--${family}, var(--other));border-color:var(--${family}-edge, var(--other-edge))` }), family)));
    if (!this.told.live) {
      $("input").hidden = true;
      document.querySelector("main").style.gridTemplateColumns = "minmax(0, 1fr) minmax(0, 1fr)";
    }
  }

  /** Show the first pictures, where there are any. */
  async start() {
    if (this.pictures) await this.pictures.start();
    else await this.pictured();
    document.body.dataset.ready = "yes";
  }

  /** Another picture is shown: choose the first layer with weights, whose maps are the easiest to read, or stay. */
  async pictured() {
    const first = Math.max(0, this.told.layers.findIndex(({ family }) => family === "conv"));
    if (this.layer === null) await this.choose(first);
    else await this.panel.show();
    this.why?.pictured();
    this.data?.pictured();
  }

  /** Choose a layer; keep: the map and the cell stay chosen. */
  async choose(call, keep = false) {
    if (!keep && call !== this.layer) [this.channel, this.cell] = [null, null];
    this.layer = call;
    this.diagram.select(call);
    await this.panel.show();
    this.remember();
  }

  remember() {
    remember(this);
  }

  turnTheme() {
    this.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = this.theme;
    this.remember();
  }
}

const page = new Page(await carriedTold());
globalThis.striate = page; // for whoever opens the console
await page.start();
