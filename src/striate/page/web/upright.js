// The turn that a WebP file asks for in its EXIF block: browsers leave it out, and Python does not.

const ORIENTATION = 0x0112; // EXIF's number of that field
const [SHORT, LONG] = [3, 4]; // its kinds of numbers

/** By EXIF's number of a turn: the matrix of a canvas that draws a stored picture upright. */
const TURNS = {
  1: () => [1, 0, 0, 1, 0, 0],
  2: (width) => [-1, 0, 0, 1, width, 0],
  3: (width, height) => [-1, 0, 0, -1, width, height],
  4: (width, height) => [1, 0, 0, -1, 0, height],
  5: () => [0, 1, 1, 0, 0, 0],
  6: (width, height) => [0, 1, -1, 0, height, 0],
  7: (width, height) => [0, -1, -1, 0, height, width],
  8: (width) => [0, -1, 1, 0, 0, width],
};

/** What a browser decodes of a picture's file, or of whatever else it can draw, and the turn that is left to do. */
export async function unturned(source) {
  if (!(source instanceof Blob)) return { stored: source, turn: 1 };
  const bytes = new Uint8Array(await source.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const letters = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (letters(0) !== "RIFF" || letters(8) !== "WEBP") return { stored: source, turn: 1 };
  let turn = 1;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (letters(at) === "VP8X") bytes[at + 8] &= ~8; // there is no EXIF block,
    if (letters(at) === "EXIF") {
      turn = turnOf(bytes.slice(at + 8, at + 8 + size));
      bytes[at] += 32; // since this is none any more: no browser turns the picture too
    }
    at += 8 + size + (size % 2);
  }
  return { stored: new Blob([bytes], { type: source.type }), turn };
}

/** The turn that an EXIF block asks for; 1, none, where it is broken. */
function turnOf(block) {
  const begin = String.fromCharCode(...block.subarray(0, 4)) === "Exif" ? 6 : 0;
  const view = new DataView(block.buffer, begin);
  try {
    const little = view.getUint16(0) === 0x4949;
    const first = view.getUint32(4, little);
    const count = view.getUint16(first, little);
    for (let at = first + 2; at < first + 2 + 12 * count; at += 12) {
      if (view.getUint16(at, little) !== ORIENTATION) continue;
      const kind = view.getUint16(at + 2, little);
      const turn = kind === SHORT ? view.getUint16(at + 8, little) : kind === LONG ? view.getUint32(at + 8, little) : 1;
      return turn in TURNS ? turn : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** A picture as it is stored on a canvas of its own, upright. */
export function upright(bitmap, turn) {
  const { height, width } = bitmap;
  const canvas = turn > 4 ? new OffscreenCanvas(height, width) : new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false;
  pen.setTransform(...TURNS[turn](width, height));
  pen.drawImage(bitmap, 0, 0);
  pen.resetTransform();
  return canvas;
}
