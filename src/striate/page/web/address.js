// The page's address holds what is chosen.

import { COLOURINGS } from "striate/diagram";
import { WHOLE } from "striate/examples";
import { RANGES } from "striate/maps";
import { editsIn } from "striate/whatif";
import { METHODS } from "striate/why";

const FILTERS = ["truth", "says", "wrong", "from", "to"];

/**
 * What the address says: {layer, channel, cell, colouring, ranges, theme, method, asked, view, filter, volumes, turned, open,
 * edits}, null where it says nothing of use; filter: what it says of it; open: paths of the open parts.
 */
export function wanted() {
  const state = new URLSearchParams(location.hash.slice(1));
  const oneOf = (name, values) => (values.includes(state.get(name)) ? state.get(name) : null);
  const cell = (state.get("cell") ?? "").split(",").map(Number);
  return {
    layer: state.get("layer"),
    channel: state.has("map") ? Number(state.get("map")) || 0 : null,
    cell: cell.length === 2 && cell.every(Number.isInteger) ? cell : null,
    colouring: oneOf("colour", Object.keys(COLOURINGS)),
    ranges: oneOf("range", RANGES),
    theme: oneOf("theme", ["dark", "light"]),
    method: oneOf("why", METHODS),
    asked: state.has("class") ? Number(state.get("class")) || 0 : null,
    view: oneOf("view", ["data"]),
    volumes: state.get("volumes") === "1",
    turned: state.get("turned") === "1",
    open: (state.get("open") ?? "").split(","),
    edits: editsIn(state.get("edits")),
    filter: Object.fromEntries(FILTERS.flatMap((name) => (state.has(name) ? [[name, Number(state.get(name)) || 0]] : []))),
  };
}

/** Write what the page has chosen into the address. */
export function remember({ shown, chosen, channel, cell, diagram, ranges, theme, why, data, whatif }) {
  const state = new URLSearchParams();
  if (chosen !== null) {
    state.set("layer", shown.layers[chosen].name);
    if (channel !== null) state.set("map", channel);
    if (cell) state.set("cell", cell.join(","));
  }
  if (whatif?.at) state.set("edits", JSON.stringify(whatif.edits));
  if (diagram.open.size) state.set("open", [...diagram.open].sort());
  if (diagram.volumes) state.set("volumes", 1);
  if (diagram.turned) state.set("turned", 1);
  if (diagram.colouring !== "kind") state.set("colour", diagram.colouring);
  if (ranges !== "layer") state.set("range", ranges);
  if (theme) state.set("theme", theme);
  if (why?.method) {
    state.set("why", why.method);
    state.set("class", why.asked);
  }
  if (data?.open) {
    state.set("view", "data");
    const { filter } = data.examples;
    for (const name of FILTERS) if (filter[name] !== null && filter[name] !== WHOLE[name]) state.set(name, Number(filter[name]));
  }
  history.replaceState(null, "", `#${state}`);
}
