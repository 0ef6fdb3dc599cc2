// Maps as pictures: colours, ranges, grids of them.

import { made, short } from "striate/words";
import { range } from "striate/values";

// From no to much, and from below to above zero: both told apart by colour-blind people.
const RISING = ["#1b1033", "#3b3b7a", "#2c6d8f", "#35a083", "#9fce5a", "#fbe94c"];
const TURNING = ["#0b3c78", "#3f82c4", "#a8cde8", "#f5f3ee", "#f2be86", "#d4741d", "#7f3a05"];

const parsed = (stops) => stops.map((text) => [1, 3, 5].map((i) => Number.parseInt(text.slice(i, i + 2), 16)));

/** 256 colours between some. */
function table(stops) {
  const known = parsed(stops);
  const colours = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (known.length - 1);
    const before = Math.min(Math.floor(at), known.length - 2);
    for (let c = 0; c < 3; c++) colours[3 * i + c] = known[before][c] + (at - before) * (known[before + 1][c] - known[before][c]);
  }
  return colours;
}

const TABLES = { rising: table(RISING), turning: table(TURNING) };

/** What colours mean: {low, high, turning}; with numbers below zero, zero is in the middle. */
export function scaleOf(low, high) {
  if (low < 0) {
    const most = Math.max(-low, high);
    return { low: -most, high: most, turning: true };
  }
  return { low: 0, high: high > 0 ? high : 1, turning: false };
}

/** Numbers as colours on a canvas of their size. */
export function paint(canvas, numbers, rows, columns, { low, high, turning }) {
  Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  const colours = turning ? TABLES.turning : TABLES.rising;
  const factor = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isNaN(numbers[i])) continue; // there is none
    const at = 3 * Math.max(0, Math.min(255, Math.round((numbers[i] - low) * factor)));
    image.data[4 * i] = colours[at];
    image.data[4 * i + 1] = colours[at + 1];
    image.data[4 * i + 2] = colours[at + 2];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The colour of one number, and one to write on it. */
export function colour(value, { low, high, turning }) {
  const colours = turning ? TABLES.turning : TABLES.rising;
  const at = 3 * Math.max(0, Math.min(255, Math.round(((value - low) / (high - low || 1)) * 255)));
  const rgb = [...colours.slice(at, at + 3)];
  const [r, g, b] = rgb.map((each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b; // WCAG's relative luminance: black and white differ alike at 0.179
  return { ground: `rgb(${rgb})`, ink: light > 0.179 ? "#000" : "#fff" };
}

/** A bar with the colours of a scale and the numbers at its ends. */
export function legend(scale) {
  const stops = (scale.turning ? TURNING : RISING).join(",");
  const bar = made("span", { class: "ramp", style: `background:linear-gradient(90deg,${stops})` });
  return made("span", { class: "legend" }, short(scale.low), bar, short(scale.high));
}

/** A map in another size, bilinear, as torch's interpolate does it. */
export function enlarged(numbers, rows, columns, height, width) {
  const along = (size, newSize) => Array.from({ length: newSize }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * size) / newSize - 0.5);
    const before = Math.floor(at);
    return [before, Math.min(size - 1, before + 1), at - before];
  });
  const across = along(columns, width);
  const out = new Float32Array(height * width);
  along(rows, height).forEach(([above, below, down], y) => across.forEach(([left, right, part], x) => {
    const row = (at) => (1 - part) * numbers[at * columns + left] + part * numbers[at * columns + right];
    out[y * width + x] = (1 - down) * row(above) + down * row(below);
  }));
  return out;
}

/** A vector's numbers in rows that are nearly a square, as a map is. */
export function folded(count) {
  const columns = Math.min(count, Math.max(10, Math.ceil(Math.sqrt(count * 2))));
  return [Math.ceil(count / columns), columns];
}

/** What is known of each map of a value: {low, high, dead}. */
export function known(value) {
  return Array.from({ length: value.channels }, (_, channel) => {
    const [low, high] = range(value.map(channel));
    return { low, high, dead: low === 0 && high === 0 };
  });
}

/** What the colours of a map can be relative to. */
export const RANGES = ["map", "layer", "network"];

/** The scale of a map: its own, its layer's or the network's range. */
export function chosenScale(kind, channel, known, whole) {
  if (kind === "map") return scaleOf(known[channel].low, known[channel].high);
  if (kind === "network") return scaleOf(...whole);
  return scaleOf(Math.min(...known.map(({ low }) => low)), Math.max(...known.map(({ high }) => high)));
}

/** Make everything darker but for a box [left, top, width, height]. */
export function dim(pen, box) {
  pen.fillStyle = "#0008";
  pen.beginPath();
  pen.rect(0, 0, pen.canvas.width, pen.canvas.height);
  pen.rect(...box);
  pen.fill("evenodd");
}

/** A frame that can be seen on every picture. */
export function frame(pen, box) {
  for (const [width, colour] of [[4, "#000"], [2, "#ffffff"]]) {
    Object.assign(pen, { lineWidth: width, strokeStyle: colour });
    pen.strokeRect(...box);
  }
}
