// The network's picture as elements: what stood before and still stands is kept, and only moved.

import { HEAD } from "striate/layout";
import { drawn, shapeText } from "striate/words";

export class Scene {
  /**
   * group    the element that holds the picture
   * layout   where things stand
   * boxes    how they look
   * acted    called with a part that is clicked
   */
  constructor(group, layout, boxes, acted) {
    Object.assign(this, { layout, boxes, acted });
    this.whole = this.held(group);
    this.whole.inner = this.held(drawn("g"));
    this.input = boxes.input();
    group.append(this.input, this.whole.inner.group);
  }

  /** What an open part holds, as elements: its lines, the shapes beside them, and parts, each by a key. */
  held(group) {
    const [lines, labels] = [drawn("g"), drawn("g")];
    group.replaceChildren(lines, labels);
    return { group, lines: new Lasting(lines), labels: new Lasting(labels), items: new Lasting(group, 2), laid: null };
  }

  /** Draw a layout of the whole picture; gives the boxes in it: {part, group, x, y, w, h}, of an open part the size of its head. */
  draw(laid) {
    move(this.input, this.layout.at(laid.input));
    this.around(this.whole, laid);
    const found = [];
    this.places(this.whole.inner, laid.inner, laid.place, found);
    return found;
  }

  /** Lines and shapes, and what is within them. */
  around(held, laid) {
    this.lines(held, laid);
    move(held.inner.group, this.layout.at(laid.place));
    this.inside(held.inner, laid.inner);
  }

  /** Bring what a part holds to its layout; nothing is done where that is the same as before. */
  inside(held, laid) {
    if (held.laid === laid) return;
    held.laid = laid;
    this.lines(held, laid);
    const wanted = laid.items.map((item) => [`${item.part.path}${item.laid.inner ? " open" : ""}`, item]);
    held.items.become(wanted, (item) => this.made(item), (record, item) => this.changed(record, item));
  }

  lines(held, { lines, labels = [] }) {
    held.lines.become(lines.map((line) => [line.key, line]), () => ({ group: drawn("path", { class: "wire" }) }), ({ group }, { steps, head }) => {
      const d = steps.map(([letter, ...points]) => letter + points.map((point) => this.layout.at(point).join(" ")).join(" ")).join("");
      group.setAttribute("d", d);
      if (head) group.setAttribute("marker-end", "url(#arrow)");
    });
    const texts = labels.flatMap((label) => this.beside(label));
    held.labels.become(texts.map((text) => [text.key, text]), ({ said, anchor }) => ({ group: drawn("text", { class: "shape", "text-anchor": anchor }, said) }), ({ group }, { place }) => {
      ["x", "y"].forEach((name, axis) => group.setAttribute(name, place[axis]));
    });
  }

  /** Shapes beside a line, or, of one that runs to the right, above it. */
  beside({ key, tensors, ends: [[ax, ay], [bx, by]] }) {
    const said = tensors.map((tensor) => shapeText(this.boxes.told.tensors[tensor]));
    const middle = (ay + by) / 2;
    if (!this.layout.turned) return [{ key, said: said.join(" and "), place: [Math.max(ax, bx) + 8, middle + 4], anchor: null }];
    return said.map((each, i) => ({ key: `${key} ${i}`, said: each, place: [middle, Math.min(ax, bx) - 7 - 12 * (said.length - 1 - i)], anchor: "middle" }));
  }

  /** The elements of a part: a box, or a frame and what is in it. */
  made({ part, laid }) {
    const box = laid.inner ? this.boxes.frame(part) : this.boxes.box(part);
    box.addEventListener("click", () => this.acted(part));
    if (!laid.inner) return { group: box, box };
    const group = drawn("g");
    const held = this.held(group);
    const inner = this.held(drawn("g"));
    group.prepend(box);
    group.append(inner.group);
    return { ...held, group, box, inner };
  }

  changed(record, { part, laid, place }) {
    move(record.group, this.layout.at(place));
    if (!laid.inner || record.laid === laid) return;
    record.laid = laid;
    this.boxes.sized(record.box, part, ...this.layout.at([laid.w, laid.h]));
    this.around(record, laid);
  }

  /** Add the boxes of what a part holds, which stands at a place. */
  places(held, laid, [across, along], found) {
    const records = [...held.items.all.values()];
    laid.items.forEach(({ part, laid: own, place }, i) => {
      const at = [place[0] + across, place[1] + along];
      const [x, y] = this.layout.at(at);
      const [w, h] = this.layout.at([own.w, own.h]);
      found.push({ part, group: records[i].box, x, y, w, h: own.inner ? HEAD : h });
      if (own.inner) this.places(records[i].inner, own.inner, [at[0] + own.place[0], at[1] + own.place[1]], found);
    });
  }
}

/** Elements of a group by their keys, behind those that it begins with. */
class Lasting {
  constructor(group, begin = 0) {
    Object.assign(this, { group, begin, all: new Map() });
  }

  /** Bring them to what is wanted, [key, what] each: those that stand are changed, others made or taken out. */
  become(wanted, make, change) {
    const before = this.all;
    this.all = new Map();
    for (const [key, what] of wanted) {
      this.all.set(key, before.get(key) ?? make(what));
      before.delete(key);
    }
    for (const { group } of before.values()) group.remove();
    let next = this.group.children[this.begin] ?? null;
    for (const [key, what] of wanted) {
      const record = this.all.get(key);
      change(record, what);
      if (record.group === next) next = next.nextElementSibling;
      else this.group.insertBefore(record.group, next);
    }
  }
}

function move(group, [x, y]) {
  const to = `translate(${x} ${y})`;
  if (group.getAttribute("transform") !== to) group.setAttribute("transform", to);
}
