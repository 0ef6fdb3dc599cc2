// The network as a picture: stages and blocks that open and close, lines with the shapes that pass along them.

import { Boxes } from "striate/boxes";
import { COLOURINGS, most } from "striate/colourings";
import { Layout } from "striate/layout";
import { Parts } from "striate/parts";
import { Scene } from "striate/scene";
import { View } from "striate/view";
import { walks } from "striate/walking";
import { drawn, put, shapeText } from "striate/words";

const READABLE = 0.3; // the scale below which texts are not

export class Diagram {
  /**
   * svg      the element
   * told     the network
   * look     {colouring, turned, volumes}: a name of COLOURINGS, whether it runs to the right, whether what layers give is drawn as blocks
   * chosen   called with a layer's number when one is chosen
   * redrawn  called when the picture is another
   * moved    called when another piece of it is in sight
   * folded   called when a part is opened or folded
   */
  constructor(svg, told, look, { chosen, redrawn, moved, folded }) {
    Object.assign(this, { svg, look, chosen, redrawn, moved, folded, selected: null, boxes: [], reached: null, parts: null, open: new Set() });
    this.habits = new Map(); // whether a layer's part at some depth is open, also of layers that are not in the picture now
    this.group = drawn("g");
    const arrow = drawn("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
    arrow.append(drawn("path", { d: "M0 0L8 4L0 8Z", class: "head" }));
    put(svg, drawn("defs", {}, arrow), this.group);
    this.view = new View(svg, this.group, () => this.sighted());
    this.tell(told);
    walks(this);
  }

  get told() {
    return this.parts.told;
  }

  /** Take another network for the picture, or the first; what is open stays so. edited: calls to mark, where there are any. */
  tell(told, edited = null) {
    const { parts } = this;
    const all = parts !== null && this.allOpen;
    const sized = (part) => parts.layers(part).every(({ shape }) => shape !== null);
    for (const part of parts ? parts.foldable.filter(sized) : []) this.habits.set(parts.nameOf(part), this.open.has(part.path));
    Object.assign(this, { parts: new Parts(told), edited });
    this.open = new Set(this.parts.foldable.filter((part) => all || this.habits.get(this.parts.nameOf(part))).map(({ path }) => path));
    this.scene = null;
  }

  /** Open those parts whose paths are given, null for all, and fold the others; nothing is drawn. */
  opened(paths) {
    this.open = new Set(this.parts.foldable.map(({ path }) => path).filter((path) => paths === null || paths.includes(path)));
  }

  get allOpen() {
    const { length } = this.parts.foldable;
    return length > 0 && this.open.size === length;
  }

  /** Draw it otherwise: some of colouring, turned, volumes. */
  lookOtherwise(look) {
    Object.assign(this.look, look);
    this.scene = null;
    this.draw();
  }

  /** Draw what is not yet as it should be. */
  draw() {
    const { parts, look } = this;
    if (this.scene === null) {
      const layout = new Layout(parts, look.turned);
      this.scene = new Scene(this.group, layout, new Boxes(parts, { ...look, edited: this.edited }), (part) => this.view.dragged || this.act(part));
    }
    const { layout, boxes } = this.scene;
    const laid = layout.whole(this.open);
    const [w, h] = layout.at([laid.w, laid.h]);
    this.size = { w, h };
    this.boxes = this.scene.draw(laid);
    if (boxes.colouring) {
      const folded = this.boxes.filter(({ part }) => !this.open.has(part.path));
      this.largest = Math.max(1, ...folded.map(({ part }) => boxes.figure(part)));
      for (const box of folded) boxes.tint(box, this.largest);
    }
    this.mark();
    this.redrawn();
    this.sighted();
  }

  /** The first layer with the largest number in the colouring that is chosen; null where all have 0. */
  most() {
    return most(COLOURINGS[this.look.colouring], this.told.layers);
  }

  // -- what is chosen, open and in sight ----------------------------------------------------------------------------
  /** Choose a layer, open or fold a part. */
  act({ path, call }) {
    if (call === undefined) this.fold(path, !this.open.has(path));
    else this.chosen(call);
  }

  at(path) {
    return this.boxes.find(({ part }) => part.path === path);
  }

  /** Open or fold a part; it stays where it is on the screen. */
  fold(path, open) {
    const before = this.at(path);
    if (open) this.open.add(path);
    else for (const each of [...this.open]) if (each === path || each.startsWith(`${path}.`)) this.open.delete(each);
    this.draw();
    const after = this.at(path);
    const { view, look } = this;
    if (before && after) {
      const middle = ({ x, w }) => (look.turned ? x : x + w / 2);
      view.x += (middle(before) - middle(after)) * view.scale;
      view.y += (before.y - after.y) * view.scale;
    }
    view.show();
    this.focus(path);
    this.folded();
  }

  /** Have a layer chosen and in sight; what it is in is opened. */
  select(call) {
    this.selected = call;
    const closed = this.parts.around(call).filter((path) => !this.open.has(path));
    closed.forEach((path) => this.open.add(path));
    if (closed.length) {
      this.draw();
      this.view.bring(this.at(closed.at(-1))); // what was opened is in sight, too, where there is room
    } else this.mark();
    this.bring();
  }

  /** Have the chosen layer in sight. */
  bring() {
    const chosen = this.boxes.find(({ part }) => part.call === this.selected);
    if (chosen) this.view.bring(chosen);
  }

  /** Mark the layer that is chosen. */
  mark() {
    for (const { part, group } of this.boxes) group.classList.toggle("selected", part.call !== undefined && part.call === this.selected);
  }

  focus(path) {
    const box = this.at(path);
    if (!box) return;
    this.reach(box);
    box.group.focus({ preventScroll: true });
    this.view.bring(box);
  }

  /** Have a box be the one that Tab leads to. */
  reach({ group }) {
    this.reached?.setAttribute("tabindex", -1);
    group.setAttribute("tabindex", 0);
    this.reached = group;
  }

  /** All of it in sight, or its beginning, or what is chosen. */
  fit(whole = false) {
    this.view.fit(this.size, this.look.turned, whole);
    if (!whole) this.bring();
  }

  /** Lay out those texts alone that can be read: the browser would set all of them anew for each step of a zoom. */
  sighted() {
    const { x, y, w, h } = this.view.piece;
    this.group.classList.toggle("far", this.view.scale < READABLE);
    for (const box of this.boxes) box.group.classList.toggle("away", box.x > x + w || box.x + box.w < x || box.y > y + h || box.y + box.h < y);
    this.moved();
  }

  /** Layers of which a name, kind, box or line says a text: that name first, then names that begin so. */
  found(text) {
    const plain = (said) => said.trim().toLowerCase().replaceAll("×", "x");
    const wanted = plain(text);
    const names = this.told.layers.map(({ name }) => plain(name));
    const rank = (call) => (names[call] === wanted ? 0 : names[call].startsWith(wanted) ? 1 : 2);
    const said = ({ name, kind, says, shape }) => [name, kind, says, shapeText(shape)].map(plain);
    const holds = (call) => said(this.told.layers[call]).some((each) => each.includes(wanted));
    return wanted ? [...this.told.layers.keys()].filter(holds).sort((a, b) => rank(a) - rank(b) || a - b) : [];
  }
}
