// How numbers and shapes are said, and elements found and made; text is always text, never HTML.

/** A shape; ? where it is not known. */
export const shapeText = (shape) => (shape === null ? "?" : shape.join("×") || "1");

/** Which sizes of the inputs a network's numbers are counted at, where it leaves some open; else "". */
export function countedAt({ inputs, tensors }) {
  const open = inputs.filter((each) => each.open).map(({ tensor }) => shapeText(tensors[tensor]));
  return open.length ? `counted at ${open.join(" and ")}, since the input is left open` : "";
}

export const counted = (number) => number.toLocaleString("en-US");

/** How many of something: 1 layer, 1,204 layers. */
export const several = (count, one, more = `${one}s`) => `${counted(count)} ${count === 1 ? one : more}`;

/** A number's text with the minus sign that stands between numbers, too. */
export const signed = (text) => text.replaceAll("-", "−");

/** A number in at most four digits. */
export function short(value) {
  const size = Math.abs(value);
  if (Number.isFinite(value) && size !== 0 && (size < 1e-3 || size >= 1e5)) return signed(value.toExponential(2));
  return signed(String(Number(value.toPrecision(4))));
}

/** A large count: 4.2 M. */
export function large(value) {
  for (const [unit, name] of [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (value >= 0.9995 * unit) return value >= 999.5 * unit ? `${counted(Math.round(value / unit))} ${name}` : `${(value / unit).toPrecision(3)} ${name}`;
  return String(value);
}

/** Bytes in the largest unit that leaves a number of at least 1, as ``striate size`` says them: 4.2 MiB. */
export function memory(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit + 1 < units.length) [value, unit] = [value / 1024, unit + 1];
  return unit ? `${value.toFixed(1)} ${units[unit]}` : `${counted(bytes)} bytes`;
}

/** A share with as many digits as tell it from nothing and from all, `digits` after the point, at most 2: 42.0 %, 99.97 %. */
export function percent(share, digits = 1) {
  for (let count = digits; count <= 2; count++) {
    const text = (100 * share).toFixed(count);
    if ((Number(text) === 0) === (share === 0) && (Number(text) === 100) === (share === 1)) return `${text} %`;
  }
  return share > 0.5 ? "> 99.99 %" : "< 0.01 %";
}

/** Seconds in a unit in which they are at most three digits before the point: 4.2 ms. */
export function lasting(seconds) {
  const [unit, name] = [[1, "s"], [1e-3, "ms"]].find(([unit]) => seconds >= unit) ?? [1e-6, "µs"];
  return `${Number((seconds / unit).toPrecision(3))} ${name}`;
}

/** The element of the page with an id. */
export const $ = (id) => document.getElementById(id);

/** An element: attributes by name ("on…" are listeners), then children, elements or texts. */
export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return filled(element, attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for an element of a drawing. */
export function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Put children in place of those that an element has. */
export function put(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}
