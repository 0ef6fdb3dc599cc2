// Training curves: a drawing for each figure, and a slider over the epochs.

import { drawn, made, put, short } from "striate/words";

const [WIDTH, HEIGHT] = [300, 130];
const [LEFT, RIGHT, TOP, BOTTOM] = [54, 8, 8, 20];

const known = (values) => (values ?? []).filter((value) => value !== null);

/**
 * history   [[name, training, validation]]; the numbers of each epoch, null where there is none, or no list
 * first     the slider's first epoch, 0 or 1
 * moved     called with the epoch that the slider is at, also in the beginning
 */
export function curves(history, first, moved) {
  const shown = history.filter(([, ...lists]) => lists.some((values) => known(values).length));
  if (!shown.length) return made("p", { class: "muted" }, "No epoch was trained.");
  const epochs = Math.max(...shown.flatMap(([, ...lists]) => lists.map((values) => values?.length ?? 0)));
  const panels = shown.map((each) => panel(each, epochs));
  const said = made("p", { class: "small", role: "status" });
  const slider = made("input", { type: "range", min: first, max: epochs, value: epochs, "aria-label": "Epoch" });
  const go = () => {
    const at = Number(slider.value) - 1;
    for (const { go } of panels) go(Math.max(0, at));
    moved(at + 1);
    const words = shown.flatMap(([name, training, validation]) => [[name, training], [`val_${name}`, validation]]).filter(([, values]) => values && (values[at] ?? null) !== null);
    put(said, at < 0 ? "Before the first epoch." : `Epoch ${at + 1} of ${epochs}: ${words.map(([name, values]) => `${name} ${short(values[at])}`).join(", ")}`);
  };
  slider.addEventListener("input", go);
  go();
  const key = made("p", { class: "small" }, made("span", { class: "training" }, "— training"), " ", made("span", { class: "validation" }, "— validation: pictures that training held back to watch itself"));
  return made("div", {}, key, made("div", { class: "curves" }, ...panels.map(({ element }) => element)), slider, said);
}

function panel([name, training, validation], epochs) {
  const numbers = [...known(training), ...known(validation)];
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const across = (i) => LEFT + (epochs > 1 ? i / (epochs - 1) : 0.5) * (WIDTH - LEFT - RIGHT);
  const along = (value) => TOP + (1 - (value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const line = (values, kind) => {
    const points = (values ?? []).flatMap((value, i) => (value === null ? [] : [`${across(i).toFixed(1)} ${along(value).toFixed(1)}`]));
    return points.length ? drawn("path", { d: points.length > 1 ? `M${points.join("L")}` : `M${points[0]}h2`, class: kind }) : null;
  };
  const ruler = drawn("line", { y1: TOP, y2: HEIGHT - BOTTOM, class: "ruler" });
  const text = (x, y, said, anchor) => drawn("text", { x, y, "text-anchor": anchor }, said);
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${name}, from epoch 1 to ${epochs}: ${[training, validation].filter(Boolean).map((values) => short(values.at(-1) ?? NaN)).join("; validation ")} at the end` },
    drawn("path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`, class: "axis" }), ruler, line(training, "training"), line(validation, "validation"),
    text(LEFT - 5, TOP + 8, short(high), "end"), text(LEFT - 5, HEIGHT - BOTTOM, short(low), "end"), text(LEFT, HEIGHT - 5, "1", "start"), text(WIDTH - RIGHT, HEIGHT - 5, String(epochs), "end"));
  const go = (at) => ["x1", "x2"].forEach((end) => ruler.setAttribute(end, across(at)));
  return { element: made("figure", {}, made("figcaption", {}, name), svg), go };
}
