// What the boxes of the network's picture can be coloured by.

import { counted, large, lasting, megabytes } from "striate/words";

/** How a layer's number is taken, joined for a folded part, and said, with and without a word; null: boxes have the colour of their kind. */
export const COLOURINGS = {
  kind: null,
  weights: { of: (layer) => layer.weights, joined: "sum", said: (n) => `${counted(n)} weights`, brief: counted },
  multiplications: { of: (layer) => layer.mults, joined: "sum", said: (n) => `${large(n)} multiplications`, brief: large },
  "size of maps": { of: (layer) => layer.bytes, joined: "max", said: megabytes, brief: megabytes },
  "receptive field": { of: (layer) => Math.max(0, ...(layer.field ?? [])), joined: "max", said: (n) => `sees ${counted(n)}`, brief: counted },
  "measured time": { of: (layer) => Math.round(1e9 * (layer.time ?? 0)), joined: "sum", said: (n) => `takes ${lasting(n / 1e9)}`, brief: (n) => lasting(n / 1e9) },
};

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
