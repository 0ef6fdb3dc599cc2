// The page's address holds what is chosen.

import { COLOURINGS } from "striate/colourings";
import { editsIn, editsText } from "striate/edits";
import { WHOLE } from "striate/examples";
import { RANGES } from "striate/maps";
import { METHODS } from "striate/why";

const ALL = "all"; // parts are open, also those of a network that is edited at opening
const STEPS = ["layer", "map", "picture", "view"]; // where another one is chosen, the browser's way back leads to the one before

/** A whole number from 0 on that a text is; null where it is none. */
const count = (text) => (/^\d+$/.test(text ?? "") ? Number(text) : null);

/** A number from 0 to 100 that a text is; null where it is none. */
function share(text) {
  const number = text.trim() ? Number(text) : NaN;
  return number >= 0 && number <= 100 ? number : null;
}

/** How the parts of a filter are read. */
const FILTERS = { truth: count, says: count, wrong: (text) => (text === "1" ? true : null), from: share, to: share };

/** The parts of a filter that the address says. */
function filterIn(state) {
  const said = Object.entries(FILTERS).map(([name, read]) => [name, state.has(name) ? read(state.get(name)) : null]);
  return Object.fromEntries(said.filter(([, value]) => value !== null));
}

/**
 * What the address says: {layer, channel, cell, picture, colouring, ranges, theme, method, asked, view, filter, volumes, turned,
 * open, edits}, null where it says nothing that can be; filter: what it says of it; open: paths of the open parts, null for all.
 */
export function wanted() {
  const state = new URLSearchParams(location.hash.slice(1));
  const oneOf = (name, values) => (values.includes(state.get(name)) ? state.get(name) : null);
  const cell = (state.get("cell") ?? "").split(",").map(count);
  return {
    layer: state.get("layer"),
    channel: count(state.get("map")),
    picture: state.get("picture"),
    cell: cell.length === 2 && !cell.includes(null) ? cell : null,
    colouring: oneOf("colour", Object.keys(COLOURINGS)),
    ranges: oneOf("range", RANGES),
    theme: oneOf("theme", ["dark", "light"]),
    method: oneOf("why", METHODS),
    asked: count(state.get("class")),
    view: oneOf("view", ["data"]),
    volumes: state.get("volumes") === "1",
    turned: state.get("turned") === "1",
    open: state.get("open") === ALL ? null : (state.get("open") ?? "").split(","),
    edits: editsIn(state.get("edits")),
    filter: filterIn(state),
  };
}

/** Write what the page has chosen into the address; step: what is chosen anew makes a step in the history. */
export function remember({ shown, chosen, channel, cell, diagram, pictures, ranges, theme, why, data, whatif }, step) {
  const state = new URLSearchParams();
  if (chosen !== null) {
    state.set("layer", shown.layers[chosen].name);
    if (channel !== null) state.set("map", channel);
    if (cell) state.set("cell", cell.join(","));
  }
  if (pictures?.current?.address) state.set("picture", pictures.current.address);
  const edits = whatif ? editsText(whatif.edits) : null;
  if (edits !== null) state.set("edits", edits);
  if (diagram.open.size) state.set("open", diagram.allOpen ? ALL : [...diagram.open].sort());
  const { colouring, turned, volumes } = diagram.look;
  if (volumes) state.set("volumes", 1);
  if (turned) state.set("turned", 1);
  if (colouring !== "kind") state.set("colour", colouring);
  if (ranges !== "layer") state.set("range", ranges);
  if (theme) state.set("theme", theme);
  if (why?.method) {
    state.set("why", why.method);
    if (why.asked !== null) state.set("class", why.asked);
  }
  if (data?.open) {
    state.set("view", "data");
    const { filter } = data.examples;
    for (const name of Object.keys(FILTERS)) if (filter[name] !== null && filter[name] !== WHOLE[name]) state.set(name, Number(filter[name]));
  }
  const before = new URLSearchParams(location.hash.slice(1));
  const another = STEPS.some((name) => state.get(name) !== before.get(name));
  history[step && another ? "pushState" : "replaceState"](null, "", `#${state}`);
}
