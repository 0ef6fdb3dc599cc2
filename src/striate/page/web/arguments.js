// Arguments of layers as fields of a form: what is written in Python's way is read, and the other way round.

import { made } from "striate/words";

const TRAINING = /_(initializer|regularizer|constraint)$|^trainable$/; // no matter of sizes: below the others

let lists = 0; // of words, each with a number of its own

/** A value of a description as it is written: None, True, (3, 3), same. */
export function textOf(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `(${value.map(textOf).join(", ")}${value.length === 1 ? "," : ""})`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What is meant by a text; a word that is no number, list or the like stands for itself. */
export function valueOf(text) {
  const plain = text.trim().replace(/\bNone\b/g, "null").replace(/\bTrue\b/g, "true").replace(/\bFalse\b/g, "false");
  const listed = plain.replaceAll("(", "[").replaceAll(")", "]").replaceAll("'", '"').replace(/,\s*]/g, "]");
  for (const attempt of [plain, listed, `[${listed.replace(/,$/, "")}]`]) {
    try {
      return JSON.parse(attempt);
    } catch {
      continue;
    }
  }
  return text.trim();
}

/** Sizes as they are written without brackets: 28, 28, 1. */
export const bareText = (sizes) => sizes.map(textOf).join(", ");

/** The sizes that a text means, also with × or spaces between them, null for one that is left open; null where it means none. */
export function sizesOf(text) {
  const said = text.trim().replace(/^[([](.*)[)\]]$/, "$1").replace(/,\s*$/, "").trim().split(/\s*[,x×*]\s*|\s+/i);
  const sizes = said.map((each) => (/^(none|\?)$/i.test(each) ? null : /^\d+$/.test(each) ? Number(each) : 0));
  return sizes.every((size) => size === null || (size > 0 && Number.isSafeInteger(size))) ? sizes : null;
}

/**
 * Fields for the arguments of a layer, those that matter for training alone folded away: elements.
 *
 * kinds     [name, usual value, whether it must be given, what it is, words that it can be] of each
 * entry     what the layer's description says
 * changed   called with an argument and its text when one was changed
 * busy      whether what was given for an argument is still computed: "true" or false
 */
export function fields(kinds, entry, changed, busy = () => false) {
  const field = ([name, usual, must, about, words]) => {
    const own = Object.hasOwn(entry, name);
    const says = { name, "data-argument": name, title: about.replaceAll("`", ""), "aria-busy": busy(name), onchange: (event) => changed(name, event.target.value) };
    const yesOrNo = typeof usual === "boolean";
    const now = own ? entry[name] : usual;
    const box = yesOrNo
      ? made("select", says, ...["True", "False"].map((each) => made("option", { selected: textOf(now) === each }, each)))
      : made("input", { ...says, value: own ? textOf(entry[name]) : "", placeholder: must ? "needed" : textOf(usual), required: must, autocomplete: "off", spellcheck: "false", list: words.length ? `words-${++lists}` : null });
    const list = words.length && !yesOrNo ? made("datalist", { id: `words-${lists}` }, ...words.map((value) => made("option", { value }))) : null;
    return made("label", { class: "field" }, made("span", {}, name), box, list);
  };
  const about = kinds.filter(([name]) => !TRAINING.test(name));
  const rest = kinds.filter(([name]) => TRAINING.test(name));
  const more = rest.length ? made("details", {}, made("summary", {}, "For training"), made("div", { class: "fields" }, ...rest.map(field))) : null;
  return [made("div", { class: "fields" }, ...about.map(field)), more];
}
