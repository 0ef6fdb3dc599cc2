// From a picture to the numbers that the network takes: what striate.data's Preprocessing does, to the same bits.

import { unturned, upright } from "striate/upright";

const BITS = 22; // Pillow's fixed point: 32 bits, less 8 of the pixel and 2 to spare
const MOST = 1 << 26; // pixels of the largest picture
const MUCH = 1 << 24; // pixels of a scaled picture that is made before its middle is cut out, as in Python
const SMALL = 160; // of the longer side of a picture that is shown whole, beside what the network sees

const half = (value) => {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}; // as Python rounds

/** Where a picture goes: the size it is scaled to, and where that lies in the network's. */
export function geometry(recipe, height, width) {
  const [targetHeight, targetWidth] = recipe.image_size;
  const same = height === targetHeight && width === targetWidth;
  if (recipe.resize === "stretch" || (recipe.shorter_side === null && same))
    return { height: targetHeight, width: targetWidth, top: 0, left: 0 };
  const fits = [targetHeight / height, targetWidth / width];
  if (recipe.resize === "crop") {
    const scale = recipe.shorter_side === null ? Math.max(...fits) : recipe.shorter_side / Math.min(height, width);
    const newHeight = Math.max(targetHeight, half(height * scale));
    const newWidth = Math.max(targetWidth, half(width * scale));
    const top = -Math.floor((newHeight - targetHeight) / 2);
    return { height: newHeight, width: newWidth, top, left: -Math.floor((newWidth - targetWidth) / 2) };
  }
  const scale = Math.min(...fits);
  const newHeight = Math.max(1, Math.min(targetHeight, half(height * scale)));
  const newWidth = Math.max(1, Math.min(targetWidth, half(width * scale)));
  const top = Math.floor((targetHeight - newHeight) / 2);
  return { height: newHeight, width: newWidth, top, left: Math.floor((targetWidth - newWidth) / 2) };
}

const FILTERS = {
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [
    2,
    (given) => {
      const x = Math.abs(given);
      const a = -0.5;
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  ],
};

/** For each new cell of what an axis has between two places: the first old cell that it reads, and its weights in fixed point. */
function coefficients(size, newSize, kind, [from, to]) {
  const [reach, weigh] = FILTERS[kind];
  const scale = (to - from) / newSize;
  const spread = Math.max(scale, 1);
  const support = reach * spread;
  const cells = [];
  for (let i = 0; i < newSize; i++) {
    const centre = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(size, Math.trunc(centre + support + 0.5));
    const weights = [];
    let whole = 0;
    for (let x = first; x < end; x++) {
      weights.push(weigh((x - centre + 0.5) / spread));
      whole += weights.at(-1);
    }
    const fixed = weights.map((w) => {
      const share = (w / whole) * (1 << BITS);
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    cells.push([first, Int32Array.from(fixed)]);
  }
  return cells;
}

const clipped = (sum) => Math.max(0, Math.min(255, sum >> BITS));

/** A picture (height, width, depth) of bytes, or what it has between two rows and two columns, in another size, as Pillow's resize makes it. */
export function resized(picture, newHeight, newWidth, kind, rows = [0, picture.height], columns = [0, picture.width]) {
  const { height, width } = picture;
  // Since 13 Pillow takes the columns first where that spares more; before, or the other way, a few bytes differ by one.
  const columnsFirst = newHeight < height && height - newHeight > 2 * (width - newWidth);
  return columnsFirst
    ? narrowed(lowered(picture, newHeight, kind, rows), newWidth, kind, columns)
    : lowered(narrowed(picture, newWidth, kind, columns), newHeight, kind, rows);
}

/** Every row in another width. */
function narrowed({ data, height, width, depth }, newWidth, kind, columns) {
  if (columns[1] - columns[0] === width && width === newWidth) return { data, height, width, depth };
  const out = new Uint8Array(height * newWidth * depth);
  const cells = coefficients(width, newWidth, kind, columns);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < newWidth; x++) {
      const [first, weights] = cells[x];
      for (let c = 0; c < depth; c++) {
        let sum = 1 << (BITS - 1);
        for (let k = 0; k < weights.length; k++) sum += data[(y * width + first + k) * depth + c] * weights[k];
        out[(y * newWidth + x) * depth + c] = clipped(sum);
      }
    }
  return { data: out, height, width: newWidth, depth };
}

/** Every column in another height. */
function lowered({ data, height, width, depth }, newHeight, kind, rows) {
  if (rows[1] - rows[0] === height && height === newHeight) return { data, height, width, depth };
  const out = new Uint8Array(newHeight * width * depth);
  const cells = coefficients(height, newHeight, kind, rows);
  const row = width * depth;
  for (let y = 0; y < newHeight; y++) {
    const [first, weights] = cells[y];
    for (let i = 0; i < row; i++) {
      let sum = 1 << (BITS - 1);
      for (let k = 0; k < weights.length; k++) sum += data[(first + k) * row + i] * weights[k];
      out[y * row + i] = clipped(sum);
    }
  }
  return { data: out, height: newHeight, width, depth };
}

/** The bytes of RGBA, over white, as RGB or grey (by Pillow's whole-number weights). */
function coloured(rgba, depth) {
  const count = rgba.length / 4;
  const data = new Uint8Array(count * depth);
  for (let i = 0; i < count; i++) {
    const alpha = rgba[4 * i + 3];
    const [r, g, b] = [0, 1, 2].map((c) => Math.round((rgba[4 * i + c] * alpha + 255 * (255 - alpha)) / 255));
    if (depth === 1) data[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    else data.set([r, g, b], 3 * i);
  }
  return data;
}

/**
 * A picture's file, or whatever else a canvas can draw, as bytes of the network's size: {data, height, width, depth, cut}.
 * cut: what lies outside of that, {share, kept, whole}, or null: its share of the picture, what is kept as [top, left, height,
 * width], shares too, and the whole picture, small.
 */
export async function prepared(source, recipe) {
  const how = { colorSpaceConversion: "none", premultiplyAlpha: "none", imageOrientation: "from-image" };
  const { stored, turn } = await unturned(source);
  const bitmap = await createImageBitmap(stored, how);
  if (bitmap.height * bitmap.width > MOST) throw new Error(`The picture has ${bitmap.height} × ${bitmap.width} pixels; the page takes up to ${MOST}.`);
  const canvas = upright(bitmap, turn);
  bitmap.close();
  const { height, width } = canvas;
  const depth = recipe.channels;
  const whole = { data: coloured(canvas.getContext("2d").getImageData(0, 0, width, height).data, depth), height, width, depth };
  const place = geometry(recipe, height, width);
  return { ...fitted(whole, place, recipe), cut: cutOff(canvas, recipe.image_size, place) };
}

/** A picture in the network's size; of a sliver, whose scaled picture would be huge, what is kept is scaled in one go. */
function fitted(whole, place, { image_size, interpolation, resize }) {
  const scaled = [place.height, place.width];
  if (resize !== "crop" || scaled[0] * scaled[1] <= MUCH) return laid(resized(whole, ...scaled, interpolation), image_size, place);
  const kept = [[place.top, whole.height], [place.left, whole.width]].map(([offset, side], axis) =>
    [(-offset * side) / scaled[axis], Math.min(side, ((image_size[axis] - offset) * side) / scaled[axis])].map(Math.fround));
  return resized(whole, ...image_size, interpolation, ...kept);
}

function cutOff(canvas, size, { height, width, top, left }) {
  const [rows, columns] = [height, width].map((side, axis) => Math.min(1, size[axis] / side));
  if (rows * columns === 1) return null;
  const times = SMALL / Math.max(canvas.height, canvas.width);
  const whole = new OffscreenCanvas(Math.max(1, Math.round(times * canvas.width)), Math.max(1, Math.round(times * canvas.height)));
  whole.getContext("2d").drawImage(canvas, 0, 0, whole.width, whole.height);
  return { share: 1 - rows * columns, kept: [Math.max(0, -top) / height, Math.max(0, -left) / width, rows, columns], whole };
}

/** A scaled picture in the network's size: cut, or with black around. */
function laid(picture, [height, width], { top, left }) {
  if (picture.height === height && picture.width === width) return picture;
  const data = new Uint8Array(height * width * picture.depth);
  for (let y = Math.max(0, top); y < Math.min(height, top + picture.height); y++) {
    const begin = Math.max(0, left);
    const end = Math.min(width, left + picture.width);
    const from = ((y - top) * picture.width + begin - left) * picture.depth;
    data.set(picture.data.subarray(from, from + (end - begin) * picture.depth), (y * width + begin) * picture.depth);
  }
  return { data, height, width, depth: picture.depth };
}

/** The numbers of a prepared picture: one multiplication and one addition in 32 bits each. */
export function normalised({ data, depth }, live) {
  const out = new Float32Array(data.length);
  const turned = live.preprocessing.order === "bgr";
  for (let i = 0; i < data.length; i += depth)
    for (let c = 0; c < depth; c++) {
      let value = data[i + (turned ? depth - 1 - c : c)];
      if (live.factor) value = Math.fround(value * Math.fround(live.factor[c]));
      if (live.offset) value = Math.fround(value + Math.fround(live.offset[c]));
      out[i + c] = value;
    }
  return out;
}

/** A prepared picture on a canvas of its size. */
export function shown({ data, height, width, depth }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = data[i * depth + (depth === 1 ? 0 : c)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
