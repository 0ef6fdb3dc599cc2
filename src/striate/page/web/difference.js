// What differs between a network and a changed one: in all, and layer by layer, by their names.

import { counted, large, made, memory, shapeText } from "striate/words";

const TOTALS = { weights: ["weights", counted], mults: ["multiplications", counted], inference_bytes: ["to predict", memory], training_bytes: ["to train", memory] };
const FACTS = { shape: shapeText, weights: counted, mults: counted, field: (field) => (field ? shapeText(field) : "–"), bytes: memory };

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** {totals, layers, gone}: [name, before, after] of each that differs; layers with their calls and what they were. */
export function difference(told, changed) {
  const before = new Map(told.layers.map((layer) => [layer.name, layer]));
  const after = new Set(changed.layers.map(({ name }) => name));
  const layers = [];
  changed.layers.forEach((layer, call) => {
    const was = before.get(layer.name) ?? null;
    if (was === null || layer.says !== was.says || layer.misfit !== was.misfit || Object.keys(FACTS).some((fact) => !same(layer[fact], was[fact]))) layers.push({ call, layer, was });
  });
  const totals = Object.keys(TOTALS).filter((key) => told.totals[key] !== changed.totals[key]).map((key) => [key, told.totals[key], changed.totals[key]]);
  return { totals, layers, gone: told.layers.filter(({ name }) => !after.has(name)) };
}

/** A number before and after, and by how much it grew; of a number that grew tenfold how many times it is. */
export function change(said, before, after) {
  const times = after / before;
  const share = times >= 10 ? `× ${times < 1000 ? times.toFixed(1) : large(times)}` : `${times >= 1 ? "+" : "−"}${Math.abs(100 * (times - 1)).toFixed(1)} %`;
  return `${said(before)} → ${said(after)}${before ? ` (${share})` : ""}`;
}

/** What differs in all, in words. */
export const totalsText = ({ totals }) => totals.map(([key, before, after]) => `${TOTALS[key][0]} ${change(TOTALS[key][1], before, after)}`);

/** A table of the layers that differ; chosen: called with the call of one. */
export function table({ layers, gone }, chosen) {
  const head = made("tr", {}, ...["layer", "gives", "weights", "multiplications", "receptive field", "map memory"].map((text) => made("th", { scope: "col" }, text)));
  const cell = (fact, layer, was) => {
    const [now, then] = [layer, was].map((each) => (each === null || each.shape === null ? "–" : FACTS[fact](each[fact])));
    return made("td", {}, was === null || now === then ? now : `${then} → ${now}`);
  };
  const name = (layer, call) => made("th", { scope: "row" }, made("button", { type: "button", onclick: () => chosen(call) }, made("bdi", {}, layer.name)));
  const rows = layers.map(({ call, layer, was }) => made("tr", { class: was ? null : "new" }, name(layer, call), ...Object.keys(FACTS).map((fact) => cell(fact, layer, was))));
  const lost = gone.map((layer) => made("tr", { class: "gone" }, made("th", { scope: "row" }, made("bdi", {}, layer.name)), made("td", { colspan: 5 }, "removed")));
  return made("table", { class: "numbers" }, made("thead", {}, head), made("tbody", {}, ...rows, ...lost));
}
