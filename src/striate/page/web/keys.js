// Keys: what each does, and the list that says so. Every action of the page is told here once.

import { $, made, put } from "striate/words";

// What arrows and Enter do where they are pressed; the network and the map listen to these themselves.
const PLACES = [
  ["↑ ↓", "from box to box in the network, from cell to cell in a map"],
  ["→ ←", "open and fold a block"],
  ["Enter", "open a block, choose a layer, show a cell's arithmetic"],
  ["Esc", "leave a field, so that keys act again"],
];

const WRITTEN = "textarea, input:not([type=checkbox], [type=range], [type=file])"; // fields that letters are written into

/** The key that is meant: with Caps Lock a letter is large where Shift makes it so, as without. */
function meant(event) {
  const { key, shiftKey } = event;
  if (key.length > 1 || !event.getModifierState("CapsLock")) return key;
  return shiftKey ? key.toUpperCase() : key.toLowerCase();
}

export class Keys {
  constructor() {
    this.acts = new Map();
    this.lines = [...PLACES];
    addEventListener("keydown", (event) => this.pressed(event));
    this.button("help", "?", "this list", () => this.list());
  }

  /** keys: one letter each, all of which do it; says: what is done; act: does it. */
  on(keys, says, act) {
    for (const key of keys) {
      if (this.acts.has(key)) throw new Error(`two actions have the key ${key}`);
      this.acts.set(key, act);
    }
    this.lines.push([keys[0], says]);
  }

  /** The same for what a button does; nothing happens while that is hidden. */
  button(id, keys, says, act) {
    $(id).addEventListener("click", act);
    this.on(keys, says, () => $(id).closest("[hidden]") || act());
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("dialog[open]")) return;
    const field = event.target.closest("input, select, textarea");
    if (field && event.key === "Escape") field.blur();
    if (field?.matches(WRITTEN)) return;
    const act = this.acts.get(meant(event));
    if (!act) return;
    event.preventDefault(); // a field that it goes to does not get the letter
    act();
  }

  list() {
    const left = { style: "text-align:left" };
    const line = ([keys, what]) => made("tr", {}, made("td", left, made("kbd", {}, keys)), made("td", left, what));
    const close = made("button", { type: "button", class: "strong", onclick: () => $("keys").close() }, "Close");
    put($("keys"), made("h2", {}, "Keys"), made("table", { class: "numbers" }, ...this.lines.map(line)), made("p", {}, close));
    $("keys").showModal();
  }
}
