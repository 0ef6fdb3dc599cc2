// How often what was taken for what: a table of buttons, or for many classes a list of the commonest mistakes.

import { counted, made } from "striate/words";

const TABLE = 24; // classes up to which there is a table
const LEAST = 0.25; // of a cell's colour, so that a single mistake is seen
const SHORT = 3; // letters of names that stand beside each other; longer ones are turned
const LISTED = 60; // mistakes in a list

/** held: what the page is told; filter: what is chosen; pick(truth, says): called with numbers of classes, null for any. */
export function confusion(held, filter, pick) {
  return held.classes.length <= TABLE ? table(held, filter, pick) : list(held, filter, pick);
}

function table({ classes, matrix }, { truth, says }, pick) {
  const most = classes.map((_, row) => Math.max(1, matrix[row].reduce((a, b) => a + b, 0)));
  const button = (text, label, pressed, act) => made("button", { type: "button", "aria-label": label, title: label, "aria-pressed": String(pressed), onclick: act }, made("bdi", {}, text));
  const heads = classes.map((name, column) => made("th", { scope: "col" }, button(name, `answers ${name}`, says === column && truth === null, () => pick(null, column))));
  const line = (name, row) => made("tr", {}, made("th", { scope: "row" }, button(name, `true class ${name}`, truth === row && says === null, () => pick(row, null))), ...matrix[row].map((count, column) => cell(count, row, column)));
  const cell = (count, row, column) => {
    if (count === 0) return made("td", {}, "");
    const label = `${counted(count)} of ${classes[row]} called ${classes[column]}`;
    const share = (LEAST + (1 - LEAST) * Math.sqrt(count / most[row])).toFixed(3);
    return made("td", { class: row === column ? "right" : "wrong", style: `--share:${share}` }, button(counted(count), label, truth === row && says === column, () => pick(row, column)));
  };
  const head = made("tr", {}, made("td", { class: "corner small muted" }, "is ↓ says →"), ...heads);
  return made("div", { class: "wide" }, made("table", { class: classes.some((name) => name.length > SHORT) ? "confusion turned" : "confusion" }, made("thead", {}, head), made("tbody", {}, ...classes.map(line))));
}

function list({ classes, matrix }, { truth, says }, pick) {
  const mistakes = matrix.flatMap((row, i) => row.flatMap((count, j) => (i !== j && count ? [[count, i, j]] : []))).sort(([a], [b]) => b - a);
  const line = ([count, row, column]) =>
    made("li", {}, made("button", { type: "button", "aria-pressed": String(truth === row && says === column), onclick: () => pick(row, column) }, made("bdi", {}, classes[row]), " called ", made("bdi", {}, classes[column]), ` ${counted(count)}`));
  const rest = mistakes.length > LISTED ? made("p", { class: "small muted" }, `The ${LISTED} commonest of ${counted(mistakes.length)} kinds of mistakes.`) : null;
  return made("div", {}, rest, made("ul", { class: "mistakes" }, ...mistakes.slice(0, LISTED).map(line)));
}
