// What the network answers: the five most probable classes with bars.

import { made, percent, put } from "striate/words";

/** Probabilities of an output, as striate's Outputs gives them. */
export function probabilities(row, { activation, separate }) {
  if (["softmax", "sigmoid", "hard_sigmoid"].includes(activation)) return Array.from(row);
  const signed = Array.from(row, (each) => (activation === "distance" ? -each : each));
  if (separate) return signed.map((each) => 1 / (1 + Math.exp(-each)));
  const most = Math.max(...signed);
  const raised = signed.map((each) => Math.exp(each - most));
  const whole = raised.reduce((a, b) => a + b, 0);
  return raised.map((each) => each / whole);
}

/**
 * [[class, probability, its number]] of the most probable of an output's Value; one yes/no output stands for two classes.
 * Null where it does not give a number for each class.
 */
export function best(value, live, count = 5) {
  if (value.shape.length > 1 || live.labels.length === 0) return null;
  let shares = probabilities(value.data, live);
  if (shares.length === 1 && live.activation !== "softmax") shares = [1 - shares[0], shares[0]];
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, count);
  return order.map((i) => [live.labels[i] ?? String(i), shares[i], i]);
}

/** Show them. */
export function showAnswers(element, found) {
  const line = ([name, share]) =>
    made("li", { "data-share": share },
      made("span", { class: "label", title: name }, made("bdi", {}, name)),
      made("span", { class: "bar", "aria-hidden": "true" }, made("span", { style: `width:${(100 * share).toFixed(2)}%` })),
      made("span", { class: "share" }, percent(share)));
  put(element, ...found.map(line));
}
