// Why a cell has its number: the arithmetic as a reader can follow it, down to the sum.

import { colour, scaleOf } from "striate/maps";
import { counted, made, shapeText, short, signed } from "striate/words";

const SHOWN = 6; // maps that are shown one by one, those that count most first
const ROWS = 12; // numbers of a row, likewise
const WRITTEN = 49; // cells of a window up to which their numbers are written

/** The whole story of a cell as elements. */
export function story(told, layer, found) {
  const { value, after, products, source, reason } = found;
  const parts = [];
  if (reason) parts.push(made("p", { class: "muted" }, `${reason} Its sizes stand below.`));
  if (source) parts.push(made("p", {}, `It begins with ${after.length ? short(after[0].from) : short(value)}, ${giver(told, source.tensor)}'s number at (${source.at.join(", ")})${after.length ? "" : ": the number is copied"}.`));
  if (products) parts.push(...gathered(told, products, found));
  for (const step of after) parts.push(done(step));
  if (products?.weights && !products.norm && !after.length) parts.push(made("p", { class: "muted" }, "No function follows within this layer."));
  const last = after.length ? after.at(-1).to : products ? products.total : value;
  if (!reason) parts.push(agreement(last, value));
  return made("div", { class: "story" }, ...parts);
}

/** What gives a tensor that a layer reads: another layer, by its name, or the network's input. */
const giver = (told, tensor) => told.layers.find(({ output }) => output === tensor)?.name ?? "the input";

function agreement(computed, value) {
  const close = Math.abs(computed - value) <= 1e-4 * Math.max(1, Math.abs(value));
  const text = `${close ? "✓" : "≠"} The map holds ${short(value)}${close ? ", as computed here." : `, not ${short(computed)}.`}`;
  return made("p", { class: close ? "agrees" : "differs", "data-computed": computed, "data-value": value }, text);
}

function done({ name, from, to, more }) {
  if (more === null) return made("p", { class: "step" }, made("b", {}, name), ` ${name}(${short(from)}) = `, made("b", {}, short(to)));
  const off = more.most > 80 ? ` − ${short(more.most)}` : "";
  const whole = more.whole * (off ? 1 : Math.exp(more.most));
  return made("p", { class: "step" }, made("b", {}, name), ` exp(${short(from)}${off}) ÷ ${short(whole)} = `, made("b", {}, short(to)), made("br"), made("span", { class: "muted" }, `${short(whole)} is the sum of exp of all ${counted(more.count)} numbers.`));
}

function gathered(told, products, found) {
  if (products.norm) return [normed(products)];
  if (products.merged) return [merged(told, products)];
  if (products.kernel && products.kernel.length === 2 && products.kernel[0] * products.kernel[1] > 1) return windows(products, found);
  return [rows(products)];
}

function normed({ numbers, weights, bias, norm, total }) {
  const { mean, deviation, scale, shift } = norm;
  return made("div", {},
    made("p", { class: "step" }, made("b", {}, "norm"), ` (${short(numbers[0][0])} − mean ${short(mean)}) ÷ deviation ${short(deviation)} × gamma ${short(scale)} + beta ${short(shift)} = `, made("b", {}, short(total))),
    made("p", { class: "muted" }, `In one: ${short(numbers[0][0])} × ${short(weights[0][0])} + ${short(bias)}`));
}

const SIGNS = { sum: " + ", mean: " + ", subtract: " − ", multiply: " × ", divide: " ÷ " };

function merged(told, { numbers, channels, how, total, divisor }) {
  const names = channels.map((tensor) => giver(told, tensor));
  const row = numbers.map(([number]) => short(number)).join(SIGNS[how] ?? ", ");
  const said = how === "mean" ? `(${row}) ÷ ${divisor}` : SIGNS[how] ? row : `${how}(${row})`;
  return made("p", { class: "step" }, made("b", {}, how), ` ${said} = `, made("b", {}, short(total)), made("br"), made("span", { class: "muted" }, names.join(", ")));
}

/** What each map, or number, adds: [its place in the row, what it adds], the largest first. */
function byShare({ numbers, weights }) {
  const shares = numbers.map((row, c) => row.reduce((sum, number, i) => sum + number * (weights ? weights[c][i] : 1), 0));
  return shares.map((share, c) => [c, share]).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
}

function rows(products) {
  const { numbers, weights, bias, how, total, divisor, channels } = products;
  if (!weights && numbers.length === 1) return gatheredRow(products);
  const order = byShare(products);
  const head = made("tr", {}, ...["input", "number", ...(weights ? ["weight", "product"] : [])].map((text) => made("th", { scope: "col" }, text)));
  const line = ([c, share]) => made("tr", {}, made("td", {}, String(channels[c])), made("td", {}, short(numbers[c][0])), weights ? made("td", {}, short(weights[c][0])) : null, weights ? made("td", {}, short(share)) : null);
  const rest = order.slice(ROWS).reduce((sum, [, share]) => sum + share, 0);
  const more = order.length > ROWS ? made("tr", {}, made("td", { colspan: weights ? 3 : 1 }, `${counted(order.length - ROWS)} more`), made("td", {}, weights ? short(rest) : "…")) : null;
  const table = made("table", { class: "numbers" }, made("thead", {}, head), made("tbody", {}, ...order.slice(0, ROWS).map(line), more));
  const sum = order.reduce((all, [, share]) => all + share, 0);
  const end = weights ? sumLine(sum, bias, total) : made("p", { class: "step" }, made("b", {}, how), ` of ${counted(divisor)} numbers = `, made("b", {}, short(total)));
  return made("div", {}, table, end);
}

function gatheredRow({ numbers, how, total, divisor }) {
  const sum = numbers[0].reduce((a, b) => a + b, 0);
  const said = how === "mean" ? `${short(sum)} ÷ ${counted(divisor)} = ` : `of ${counted(divisor)} numbers = `;
  return made("p", { class: "step" }, made("b", {}, how), ` ${said}`, made("b", {}, short(total)), made("br"), made("span", { class: "muted" }, `All ${counted(numbers[0].length)} numbers of the map.`));
}

function sumLine(sum, bias, total) {
  const added = bias === null ? ", no bias," : ` + bias ${short(bias)}`;
  return made("p", { class: "step" }, made("b", {}, "sum"), ` ${short(sum)}${added} = `, made("b", {}, short(total)));
}

// -- windows: numbers, kernel and products beside each other -----------------------------------------------------------
function windows(products, { operation }) {
  const { numbers, weights, there, bias, how, total, divisor, kernel, channels } = products;
  const order = byShare(products);
  const all = order.length <= SHOWN + 1;
  const chosen = all ? order : order.slice(0, SHOWN);
  const scales = {
    numbers: scaleOf(...ends(numbers)),
    weights: weights ? scaleOf(...ends(weights)) : null,
    products: weights ? scaleOf(...ends(numbers.map((row, c) => row.map((n, i) => n * weights[c][i])))) : null,
  };
  const lines = chosen.map(([c, share]) =>
    made("div", { class: "window" },
      made("span", { class: "which" }, `map ${channels[c]}`),
      grid(numbers[c], kernel, scales.numbers, there, "what the window reads"),
      weights ? made("span", { class: "sign" }, "×") : null,
      weights ? grid(weights[c], kernel, scales.weights, null, "the kernel") : null,
      weights ? made("span", { class: "sign" }, "→") : null,
      weights ? made("b", {}, short(share)) : null));
  const padded = there ? there.filter((each) => !each).length : 0;
  const notes = [`${shapeText(kernel)} window${operation.window?.transposed ? ", transposed" : ""}`];
  if (padded) notes.push(`${padded} of its cells ${operation.window.transposed ? "paint nothing here" : "lie in the padding"}`);
  if (!all) notes.push(`the ${SHOWN} of ${counted(order.length)} maps that count most`);
  const rest = order.slice(chosen.length).reduce((sum, [, share]) => sum + share, 0);
  const more = all ? null : made("p", { class: "step" }, `${counted(order.length - SHOWN)} further maps add ${short(rest)}`);
  const sum = order.reduce((whole, [, share]) => whole + share, 0);
  const row = numbers[0].reduce((a, b) => a + b, 0);
  const mean = how === "mean" ? `${short(row)} ÷ ${divisor} = ` : `of ${divisor} numbers = `;
  const end = weights ? sumLine(sum, bias, total) : made("p", { class: "step" }, made("b", {}, how), ` ${mean}`, made("b", {}, short(total)));
  return [made("p", { class: "muted" }, `${notes.join("; ")}.`), ...lines, more, end].filter(Boolean);
}

function ends(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists)
    for (const number of list) {
      low = Math.min(low, number);
      high = Math.max(high, number);
    }
  return [low, high];
}

function grid(numbers, [rows, columns], scale, there, about) {
  const written = rows * columns <= WRITTEN;
  const cells = numbers.map((number, i) => {
    const outside = there !== null && !there[i];
    const { ground, ink } = colour(number, scale);
    const style = outside ? null : `background:${ground};color:${ink}`;
    return made("span", { class: outside ? "cell outside" : "cell", style, title: outside ? "padding" : String(number) }, written ? (outside ? "·" : brief(number)) : "");
  });
  const label = `${about}: ${numbers.map(short).join(", ")}`;
  return made("span", { class: written ? "grid written" : "grid", role: "img", "aria-label": written ? label : about, style: `grid-template-columns:repeat(${columns},auto)` }, ...cells);
}

/** A number in at most four characters. */
function brief(value) {
  const size = Math.abs(value);
  const text = size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(0) : size >= 1 ? value.toFixed(1) : value.toFixed(2);
  return signed(text.replace(/^(-?)0\./, "$1.").replace(/^-?\.00$/, "0"));
}
