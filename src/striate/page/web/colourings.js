// What the boxes of the network's picture can be coloured by.

import { counted, large, lasting, memory, several } from "striate/words";

/** How a layer's number is taken, joined for a folded part, and said, with and without a word; null: boxes have the colour of their kind. */
export const COLOURINGS = {
  kind: null,
  weights: { of: (layer) => layer.weights, joined: "sum", said: (n) => several(n, "weight"), brief: counted },
  multiplications: { of: (layer) => layer.mults, joined: "sum", said: (n) => `${large(n)} multiplications`, brief: large },
  "size of maps": { of: (layer) => layer.bytes, joined: "max", said: memory, brief: memory },
  "receptive field": { of: (layer) => Math.max(0, ...(layer.field ?? [])), joined: "max", said: (n) => `a receptive field of ${counted(n)}`, brief: counted },
  "measured time": { of: (layer) => Math.round(1e9 * (layer.time ?? 0)), joined: "sum", said: (n) => `takes ${lasting(n / 1e9)}`, brief: (n) => lasting(n / 1e9) },
};

const TINT = 0.45; // of the strongest colour, so that what is written on it can be read
const STOPS = 16; // of the scale's bar

/** How strongly a number is coloured that is a share of the largest: half as strongly where it is a quarter. */
export const strength = (share) => TINT * Math.sqrt(share);

/** Its colour on the ground of a box. */
export const tinted = (share) => `color-mix(in srgb, var(--tint) ${(100 * strength(share)).toFixed(1)}%, var(--other))`;

/** The colours from 0 to the largest number side by side, as a background. */
export function bar() {
  return `linear-gradient(90deg, ${Array.from({ length: STOPS + 1 }, (_, i) => tinted(i / STOPS)).join(", ")})`;
}

/** The number of some layers together. */
export function figure({ of, joined }, layers) {
  const numbers = layers.map(of);
  return joined === "sum" ? numbers.reduce((a, b) => a + b, 0) : Math.max(...numbers);
}

/** The first layer with the largest number; null where all have 0. */
export function most({ of }, layers) {
  const numbers = layers.map(of);
  const largest = Math.max(...numbers);
  return largest > 0 ? numbers.indexOf(largest) : null;
}
