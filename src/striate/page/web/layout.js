// Where the parts of the network's picture stand. Where the boxes of a block stand comes with the page; what is done here
// is to stack blocks above each other. Places are [across, along] the way that the network runs.

const GAP = { down: 30, right: 96 }; // between parts that follow each other, where their shapes stand
export const HEAD = 30; // an open part's room for its name
const INSIDE = 14;
const LANE = 11; // between lines that pass parts by
const TURN = 12; // on which such a line leaves and comes back
const NAMED = 230; // of an open part's width, at least
export const BAR = 22; // of the head, what its name stands on
export const INPUT = [120, 30]; // the size of the input's box

/** A line through points, straight or in an S where it goes along and across: [letter of SVG, points] each. */
function way(...points) {
  return points.map(([x, y], i) => {
    if (i === 0) return ["M", [x, y]];
    const [a, b] = points[i - 1];
    const middle = (b + y) / 2;
    return a === x || b === y ? ["L", [x, y]] : ["C", [a, middle], [x, middle], [x, y]];
  });
}

/**
 * A layout is {w, h, ins, outs, lines, labels, items}; of an open part {w, h, ins, outs, lines, inner, place}.
 *
 * ins, outs   where the line of a tensor enters and leaves, across
 * lines       {key, steps, head}: steps of SVG, and whether it ends in an arrow
 * labels      {key, tensors, ends}: what stands beside a line between two places
 * items       {part, laid, place}: parts within it, each with its own layout
 * inner       the layout of what an open part holds, which stands at the place
 *
 * What stands within the same parts, open or folded, is the same object as before.
 */
export class Layout {
  /** parts: the network's; turned: whether it runs to the right. */
  constructor(parts, turned) {
    Object.assign(this, { parts, turned, last: new Map(), gap: turned ? GAP.right : GAP.down });
    this.box = this.at(parts.told.box);
    const [w, h] = this.box;
    this.folded = { w, h, ins: () => w / 2, outs: () => w / 2 };
  }

  /** A place of the layout in the picture, or a size; and back. */
  at([across, along]) {
    return this.turned ? [along, across] : [across, along];
  }

  /** The layout of the whole picture, its input above; open: paths of the open parts. */
  whole(open) {
    this.open = open;
    const [across, along] = this.at(INPUT);
    const inner = this.inside(this.parts.root);
    const w = Math.max(across, inner.w);
    const begin = along + this.gap;
    const { root, inputs } = this.parts;
    const place = [(w - inner.w) / 2, begin];
    const tensors = inputs.map(({ tensor }) => tensor);
    const first = new Set(root.place ? tensors : this.parts.into(root.parts[0]));
    const ends = (tensor) => [[w / 2, along], [place[0] + inner.ins(tensor), begin]];
    return {
      w,
      h: begin + inner.h,
      lines: tensors.filter((tensor) => first.has(tensor)).map((tensor) => ({ key: `input ${tensor}`, steps: way(...ends(tensor)), head: true })),
      labels: [{ key: "input", tensors, ends: ends(tensors[0]) }],
      input: [(w - across) / 2, 0],
      inner,
      place,
    };
  }

  /** A part's layout: folded, or open with what it holds. */
  of(part) {
    if (part.call !== undefined || !this.open.has(part.path)) return this.folded;
    const inner = this.inside(part);
    return this.kept(part.path, [inner], () => this.framed(part, inner));
  }

  inside(part) {
    if (part.place) return this.kept(`${part.path} inside`, [], () => this.block(part));
    const laid = part.parts.map((each) => this.of(each));
    return this.kept(`${part.path} inside`, laid, () => this.stack(part, laid));
  }

  /** What was made before of the same, or made now. */
  kept(key, from, make) {
    const before = this.last.get(key);
    if (before?.from.every((each, i) => each === from[i])) return before.made;
    const made = make();
    this.last.set(key, { from, made });
    return made;
  }

  block({ place: down, turned, parts }) {
    const { size, ins, outs, lines, boxes } = this.turned ? turned : down;
    const [w, h] = size;
    const middle = this.box.map((side) => side / 2);
    const found = (list, tensor) => (list.find(([each]) => each === tensor) ?? [tensor, w / 2])[1];
    return {
      w,
      h,
      ins: (tensor) => found(ins, tensor),
      outs: (tensor) => found(outs, tensor),
      lines: lines.map(([, to, points], i) => ({ key: i, steps: way(...points), head: to !== -1 })),
      labels: [],
      items: parts.map((part, i) => ({ part, laid: this.folded, place: boxes[i].map((each, axis) => each - middle[axis]) })),
    };
  }

  framed(part, inner) {
    const [beside, before] = this.turned ? [HEAD, INSIDE] : [INSIDE, HEAD]; // the name stands above, in both
    const [least, short] = this.at([NAMED, 0]);
    const w = Math.max(inner.w + 2 * beside, least);
    const left = (w - inner.w) / 2;
    const h = Math.max(inner.h + before + INSIDE, short);
    const ins = (tensor) => left + inner.ins(tensor);
    const outs = (tensor) => left + inner.outs(tensor);
    const within = (across, from, to) => way([across, from], [across, to]);
    const begin = this.turned ? 0 : BAR; // a line from above ends at the bar with the name, and goes on below it
    const lines = [
      ...this.parts.into(part).map((tensor) => ({ key: `in ${tensor}`, steps: within(ins(tensor), begin, before), head: false })),
      ...this.parts.outOf(part).map((tensor) => ({ key: `out ${tensor}`, steps: within(outs(tensor), before + inner.h, h), head: false })),
    ];
    return { w, h, ins, outs, lines, inner, place: [left, before] };
  }

  /** Parts one after the other; lines that pass others by run beside them. */
  stack(whole, laid) {
    const { edges, lanes } = this.parts.connections(whole);
    const root = whole === this.parts.root;
    const widest = Math.max(...laid.map(({ w }) => w));
    const side = lanes ? (lanes + 1) * LANE : 0;
    const w = widest + 2 * side; // as much room on both sides, so that the middle stays the middle
    let y = root ? 0 : this.gap / 2;
    const items = whole.parts.map((part, i) => {
      const item = { part, laid: laid[i], place: [(w - laid[i].w) / 2, y] };
      y += laid[i].h + this.gap;
      return item;
    });
    const h = y - this.gap + (root ? 0 : this.gap / 2);
    const behind = (i, tensor) => (i < 0 ? [w / 2, root ? -this.gap : 0] : [items[i].place[0] + laid[i].outs(tensor), items[i].place[1] + laid[i].h]);
    const before = (i, tensor) => (i >= items.length ? [w / 2, h] : [items[i].place[0] + laid[i].ins(tensor), items[i].place[1]]);
    const lines = [];
    const labels = new Map(); // of lines between the same two parts, in one
    for (const { tensor, from, to, lane } of edges) {
      if (root && from === -1 && to === 0) continue; // drawn from the input's own box
      const ends = [behind(from, tensor), before(to, tensor)];
      const key = `${from} ${to}`;
      lines.push({ key: `${key} ${tensor}`, steps: lane === undefined ? way(...ends) : past(...ends, (w + widest) / 2 + (lane + 1) * LANE), head: to < items.length });
      if (lane === undefined && from >= 0 && to < items.length) labels.set(key, { key, tensors: [...(labels.get(key)?.tensors ?? []), tensor], ends });
    }
    const ins = root ? (tensor) => before(0, tensor)[0] : () => w / 2;
    return { w, h, ins, outs: () => w / 2, lines, labels: [...labels.values()], items };
  }
}

/** A line past others, at a place across. */
function past(start, end, across) {
  const [[sx, sy], [ex, ey]] = [start, end];
  const out = ["C", [sx, sy + TURN], [across, sy], [across, sy + TURN + 6]];
  const back = ["C", [across, ey], [ex, ey - TURN], end];
  return [["M", start], out, ["L", [across, ey - TURN - 6]], back];
}
