// What stands around the picture of the network: search, colours, zoom, the picture as a file.

import { bar, COLOURINGS } from "striate/colourings";
import { Minimap } from "striate/minimap";
import { kept } from "striate/store";
import { $, drawn, lasting, made, put } from "striate/words";

const TIME = "measured time"; // the colouring that only pages have whose layers were timed
const MOST = 16_000; // pixels of a PNG's longer side

export class Tools {
  /** page: whose diagram it is. */
  constructor(page) {
    const { diagram } = page;
    Object.assign(this, { page, diagram, minimap: new Minimap(diagram) });
    const colourings = Object.keys(COLOURINGS).filter((name) => name !== TIME || page.told.timed);
    if (!colourings.includes(diagram.look.colouring)) diagram.look.colouring = "kind";
    put($("colouring"), ...colourings.map((name) => made("option", { value: name }, name)));
    $("colouring").value = diagram.look.colouring;
    $("colouring").addEventListener("change", (event) => {
      diagram.lookOtherwise({ colouring: event.target.value });
      page.remember();
    });
    const { keys } = page;
    keys.on("g", "go to the network", () => $("diagram").focus());
    keys.on("/", "search", () => $("search").focus());
    keys.button("more", "+=", "larger", () => diagram.view.zoom(1.25));
    keys.button("less", "-", "smaller", () => diagram.view.zoom(1 / 1.25));
    keys.button("fit", "0", "all of the network in sight", () => diagram.fit(true));
    keys.button("unfold", "e", "open or fold everything", () => this.unfold());
    keys.on("m", "the layer with the most of what boxes are coloured by", () => this.toMost());
    keys.button("turn", "y", "from top to bottom, or from left to right", () => this.turn());
    keys.button("volumes", "b", "what each layer gives as a block, or a stripe", () => this.volumes());
    keys.button("svg", "s", "keep the picture of the network as SVG", () => this.keepSvg());
    keys.button("png", "i", "keep the picture of the network as PNG", () => this.keepPng());
    this.searches();
  }

  turn() {
    const { diagram } = this;
    diagram.lookOtherwise({ turned: !diagram.look.turned });
    diagram.fit();
    this.page.remember();
  }

  volumes() {
    const { diagram } = this;
    diagram.lookOtherwise({ volumes: !diagram.look.volumes });
    this.page.remember();
  }

  unfold() {
    const { diagram } = this;
    diagram.opened(diagram.allOpen ? [] : null);
    diagram.draw();
    diagram.fit();
    this.page.remember();
  }

  /** The picture is another: what stands around it follows. */
  redrawn() {
    const { diagram } = this;
    this.legend();
    this.mark();
    this.minimap.draw();
    $("volumes").setAttribute("aria-pressed", String(diagram.look.volumes));
    put($("unfold"), diagram.allOpen ? "Fold all" : "Open all");
  }

  // -- search --------------------------------------------------------------------------------------------------------------
  searches() {
    const { diagram, page } = this;
    let last = -1; // which of those that were found was gone to
    $("search").addEventListener("input", () => {
      last = -1;
      this.mark();
    });
    $("search").addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        $("search").value = "";
        this.mark();
      }
      const hits = diagram.found($("search").value);
      if (event.key !== "Enter" || !hits.length) return;
      last = (last + 1) % hits.length;
      page.choose(hits[last]);
    });
  }

  /** Mark what is searched. */
  mark() {
    const { value } = $("search");
    const hits = new Set(this.diagram.found(value));
    for (const { part, group } of this.diagram.boxes) group.classList.toggle("hit", part.calls.some((call) => hits.has(call)));
    put($("hits"), value.trim() ? `${hits.size} found` : "");
  }

  // -- what the colours mean -------------------------------------------------------------------------------------------------
  /** The families of layers, or the scale of what boxes are coloured by. */
  legend() {
    const { diagram } = this;
    const colouring = COLOURINGS[diagram.look.colouring];
    if (colouring === null) {
      const families = [...new Set(diagram.told.layers.map(({ family }) => family))];
      put($("legend"), ...families.map((family) => made("span", {}, made("span", { class: "swatch", style: `background:var(--${family}, var(--other));border-color:var(--${family}-edge, var(--other-edge))` }), family)));
      return;
    }
    const most = diagram.most();
    const go = most === null ? null : made("button", { type: "button", title: "Go there (m)", onclick: () => this.page.choose(most) }, "most: ", made("bdi", {}, diagram.told.layers[most].name));
    const folded = diagram.parts.foldable.length ? made("span", {}, `folded: ${colouring.joined === "sum" ? "the sum of its layers" : "the largest of its layers"}`) : null;
    put($("legend"), made("span", { class: "legend" }, colouring.brief(0), made("span", { class: "ramp", style: `background:${bar()}` }), colouring.said(diagram.largest)), folded, go, diagram.look.colouring === TIME ? this.timed() : null);
  }

  /** What was measured, and all of it together; a network that is changed was not measured. */
  timed() {
    const { told, shown } = this.page;
    return made("span", { class: "muted" }, shown === told ? `all ${lasting(told.timed.seconds)}. ${told.timed.note}` : "The changed network is not measured.");
  }

  /** Choose the layer with the most of what boxes are coloured by. */
  toMost() {
    const most = COLOURINGS[this.diagram.look.colouring] && this.diagram.most();
    if (most !== null) this.page.choose(most);
  }

  // -- the picture as a file -------------------------------------------------------------------------------------------------
  /** The picture of the network as it is open now, as a file. */
  keepSvg() {
    kept(`${this.page.told.name}.svg`, this.svgFile());
  }

  /** The same as pixels, two for each of the drawing's where a picture may be as large. */
  async keepPng() {
    const image = new Image();
    image.src = URL.createObjectURL(this.svgFile());
    await image.decode();
    URL.revokeObjectURL(image.src);
    const times = Math.min(2, MOST / Math.max(image.width, image.height));
    const canvas = made("canvas", { width: Math.round(times * image.width), height: Math.round(times * image.height) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    kept(`${this.page.told.name}.png`, await new Promise((done) => canvas.toBlob(done)));
  }

  svgFile() {
    return new Blob([this.svgText()], { type: "image/svg+xml" });
  }

  svgText() {
    const { size, group } = this.diagram;
    const copy = drawn("svg", { viewBox: `-20 -20 ${size.w + 40} ${size.h + 40}`, width: size.w + 40, height: size.h + 40, xmlns: "http://www.w3.org/2000/svg" });
    const look = getComputedStyle(document.documentElement);
    const rules = document.querySelector("style").textContent.split("/* the picture of the network */")[1].split("#legend")[0];
    const style = rules.replace(/var\((--[\w-]+)\)/g, (_, name) => look.getPropertyValue(name).trim());
    const ground = drawn("rect", { x: -20, y: -20, width: size.w + 40, height: size.h + 40, fill: look.getPropertyValue("--panel").trim() });
    const inner = group.cloneNode(true);
    inner.removeAttribute("transform");
    copy.append(drawn("style", {}, style), $("diagram").querySelector("defs").cloneNode(true), ground, inner);
    return new XMLSerializer().serializeToString(copy);
  }
}
