// The whole network in small, with a frame around what is in sight, where that is not all of it; a click goes there.

import { tinted } from "striate/colourings";
import { $, drawn, put } from "striate/words";

export class Minimap {
  /** diagram: what it shows. */
  constructor(diagram) {
    Object.assign(this, { diagram, map: $("minimap"), frame: drawn("rect", { class: "view", rx: 4 }) });
    this.map.addEventListener("pointerdown", (event) => this.jump(event));
  }

  /** Show the boxes of the picture in their colours: all of a colour are one path. */
  draw() {
    const { boxes, size, look, open } = this.diagram;
    this.map.setAttribute("viewBox", `0 0 ${size.w} ${size.h}`);
    this.map.classList.toggle("turned", look.turned);
    const paths = new Map();
    for (const { part, x, y, w, h } of boxes) {
      if (open.has(part.path)) continue;
      const colour = this.colour(part);
      paths.set(colour, `${paths.get(colour) ?? ""}M${x} ${y}h${w}v${h}h${-w}z`);
    }
    put(this.map, ...[...paths].map(([colour, d]) => drawn("path", { d, style: `fill:${colour}` })), this.frame);
  }

  /** The colour of a box: its kind's, or as strong as its number is. */
  colour(part) {
    const { parts, largest, scene: { boxes } } = this.diagram;
    return boxes.colouring ? tinted(boxes.figure(part) / largest) : `var(--${parts.family(part)}-edge, var(--other-edge))`;
  }

  /** Move the frame. */
  move() {
    const { size, view } = this.diagram;
    const { x, y, w, h } = view.piece;
    this.map.toggleAttribute("hidden", x <= 0 && y <= 0 && x + w >= size.w && y + h >= size.h);
    for (const [name, value] of Object.entries({ x, y, width: w, height: h })) this.frame.setAttribute(name, value);
  }

  jump(event) {
    const { left, top, width, height } = this.map.getBoundingClientRect();
    const { size, view } = this.diagram;
    const factor = Math.min(width / size.w, height / size.h);
    view.go((event.clientX - left - (width - size.w * factor) / 2) / factor, (event.clientY - top - (height - size.h * factor) / 2) / factor);
  }
}
