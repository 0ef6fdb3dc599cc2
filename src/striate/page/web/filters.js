// The first filters through a training, and the maps that they give for the picture.

import { paint, scaleOf } from "striate/maps";
import { carried } from "striate/store";
import { range, singles } from "striate/values";
import { counted, made, put, several } from "striate/words";

const SHOWN = 24; // filters

export class Filters {
  /** page: whose pictures they look at. */
  constructor(page) {
    const { told } = page;
    const { layer, epochs, shape, biased } = told.held_out.filters;
    const call = told.layers.findIndex(({ name }) => name === layer);
    Object.assign(this, { page, layer, epochs, shape, biased, epoch: epochs.at(-1) });
    this.operation = told.operations.find((each) => each.layer === call && each.kind === "Conv");
    const bytes = carried("filters");
    this.numbers = singles(new Uint16Array(bytes.slice().buffer));
    this.head = made("h2", {}, "First filters");
    this.tiles = made("div", { class: "between" });
    this.element = made("div", { class: "through" }, this.head, this.tiles);
  }

  /** The place of the last kept epoch up to one. */
  place(epoch) {
    return Math.max(0, this.epochs.findLastIndex((each) => each <= epoch));
  }

  /** The numbers of a filter, and its bias. */
  filter(place, number) {
    const [filters, ...kernel] = this.shape;
    const area = kernel.reduce((a, b) => a * b, 1);
    const start = place * (filters * area + (this.biased ? filters : 0));
    const own = this.numbers.subarray(start + number * area, start + (number + 1) * area);
    return [own, this.biased ? this.numbers[start + filters * area + number] : 0];
  }

  /** Show the filters after an epoch, and their maps of the picture. */
  async show(epoch) {
    this.epoch = epoch;
    const place = this.place(epoch);
    const { current } = this.page.pictures;
    const [filters, depth, rows, columns] = this.shape;
    const count = Math.min(SHOWN, filters);
    const [source] = this.operation.inputs;
    if (current) await this.page.pictures.ensure(current, [source, this.operation.output]);
    if (this.epoch !== epoch || current !== this.page.pictures.current) return;
    const own = Array.from({ length: count }, (_, number) => this.filter(place, number));
    const maps = current ? own.map(([kernel, bias]) => this.map(current.values.get(source), kernel, bias)) : [];
    const tile = ([kernel], number) => {
      const canvas = made("canvas", { class: "kernel" });
      if (depth === 3) coloured(canvas, kernel, rows, columns);
      else paint(canvas, mean(kernel, depth), rows, columns, scaleOf(...range(kernel)));
      return made("figure", {}, canvas, maps[number] ? this.drawn(maps[number]) : null, made("figcaption", {}, String(number)));
    };
    const rest = filters > count ? `, ${count} of ${counted(filters)}` : "";
    put(this.head, `First filters (`, made("bdi", {}, this.layer), `${rest}) after ${several(this.epochs[place], "epoch")}, and their maps of the picture`);
    put(this.tiles, ...own.map(tile));
  }

  drawn(map) {
    const [rows, columns] = this.page.told.tensors[this.operation.output];
    const canvas = made("canvas");
    paint(canvas, map, rows, columns, scaleOf(...range(map)));
    return canvas;
  }

  /** What a filter answers, row by row. */
  map(value, kernel, bias) {
    const [rows, columns] = this.page.told.tensors[this.operation.output];
    const [height, width, depth] = value.shape;
    const { strides, dilation, before, kernel: [tall, wide] } = this.operation.window;
    const planes = Array.from({ length: depth }, (_, c) => value.map(c));
    const out = new Float32Array(rows * columns).fill(bias);
    for (let c = 0; c < depth; c++)
      for (let a = 0; a < tall; a++)
        for (let b = 0; b < wide; b++) {
          const weight = kernel[(c * tall + a) * wide + b];
          for (let y = 0; y < rows; y++) {
            const row = y * strides[0] - before[0] + a * dilation[0];
            if (row < 0 || row >= height) continue;
            for (let x = 0; x < columns; x++) {
              const column = x * strides[1] - before[1] + b * dilation[1];
              if (column >= 0 && column < width) out[y * columns + x] += weight * planes[c][row * width + column];
            }
          }
        }
    return out;
  }
}

/** A kernel over red, green and blue as a picture: its smallest number dark, its largest bright. */
function coloured(canvas, kernel, rows, columns) {
  const area = rows * columns;
  Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  const [low, high] = range(kernel);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = (255 * (kernel[c * area + i] - low)) / (high - low || 1);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function mean(kernel, depth) {
  const area = kernel.length / depth;
  return Float32Array.from({ length: area }, (_, i) => Array.from({ length: depth }, (__, c) => kernel[c * area + i]).reduce((a, b) => a + b, 0) / depth);
}
