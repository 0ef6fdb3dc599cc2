// Edits of the network as a text, as the page's address holds them.

const MOST = 4000; // letters; programs that pass addresses on cut long ones
const SAYS = { set: ["layer", "argument"], insert: ["after", "class"], remove: ["layer"] }; // texts of each kind of edit

/** The edits that a text says as JSON; none where it says anything else. */
export function editsIn(text) {
  try {
    const edits = JSON.parse(text) ?? [];
    const fits = (edit) => SAYS[edit.do].every((key) => typeof edit[key] === "string") && (edit.do !== "insert" || edit.arguments.constructor === Object);
    return edits.every(fits) ? edits : [];
  } catch {
    return [];
  }
}

/** The edits as a text; null where there are none, or too many for an address. */
export function editsText(edits) {
  const text = edits.length ? JSON.stringify(edits) : null;
  return text !== null && text.length <= MOST ? text : null;
}

/** Whether there are edits that an address has no room for. */
export const tooMany = (edits) => edits.length > 0 && editsText(edits) === null;
