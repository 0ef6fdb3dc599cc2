// The parts of a network that its picture folds: stages of blocks of layers, and what passes between them.

const MAIN = ["conv", "dense"]; // families that a part is known by, where it has one

export class Parts {
  /** told: the network. Every part gets its path and its calls. */
  constructor(told) {
    this.told = told;
    this.root = numbered({ name: "", parts: told.parts }, "");
    this.maker = new Map(told.layers.map(({ output }, call) => [output, call]));
    this.reader = new Map(); // the last call that reads a tensor; a part is a run of calls
    told.layers.forEach(({ inputs }, call) => inputs.forEach((tensor) => this.reader.set(tensor, call)));
    told.outputs.forEach((tensor) => this.reader.set(tensor, Infinity));
    this.known = new Map(); // connections of the parts that were asked for
    const inside = (part) => (part.call === undefined ? [part, ...part.parts.flatMap(inside)] : []);
    this.foldable = inside(this.root).slice(1);
  }

  /** The inputs that something reads. */
  get inputs() {
    return this.told.inputs.filter(({ tensor }) => this.reader.has(tensor));
  }

  /** The layers of a part. */
  layers({ calls }) {
    return calls.map((call) => this.told.layers[call]);
  }

  /** What a part is called: one that has its first layer's name by its first and last. */
  title({ name, calls }) {
    const [first, last] = [calls[0], calls.at(-1)].map((call) => this.told.layers[call].name);
    return name === first && first !== last ? `${first} to ${last}` : name;
  }

  /** Its title in fewer letters: of two names that begin alike the second without that. */
  brief(part) {
    const { name, calls } = part;
    const [first, last] = [calls[0], calls.at(-1)].map((call) => this.told.layers[call].name);
    if (name !== first || first === last) return name;
    const words = first.split("_");
    let same = 0;
    while (same < words.length && last.startsWith(`${words.slice(0, same + 1).join("_")}_`)) same++;
    return `${first} to ${same ? "…" : ""}${last.slice(words.slice(0, same).join("_").length)}`;
  }

  /** What a part is known by when the network is another: how deep it is, and its first layer. */
  nameOf({ path, calls }) {
    return `${path.split(".").length} ${this.told.layers[calls[0]].name}`;
  }

  /** The family that says what a part is: that of its first layer with weights, else of its first. */
  family(part) {
    const families = this.layers(part).map(({ family }) => family);
    return families.find((family) => MAIN.includes(family)) ?? families[0];
  }

  /** Paths of the parts around a layer, the outermost first. */
  around(call) {
    const paths = [];
    let part = this.root;
    while (part.call === undefined) {
      part = part.parts.find(({ calls }) => call <= calls.at(-1));
      if (part.call === undefined) paths.push(part.path);
    }
    return paths;
  }

  // -- what passes -------------------------------------------------------------------------------------------------
  /** Tensors that come into a part from others. */
  into(part) {
    const [first, last] = [part.calls[0], part.calls.at(-1)];
    const inside = (tensor) => this.maker.get(tensor) >= first && this.maker.get(tensor) <= last;
    return [...new Set(this.layers(part).flatMap(({ inputs }) => inputs))].filter((tensor) => !inside(tensor));
  }

  /** Tensors of a part that others read, or that the network gives. */
  outOf(part) {
    const last = part.calls.at(-1);
    return this.layers(part).map(({ output }) => output).filter((tensor) => (this.reader.get(tensor) ?? -1) > last);
  }

  /**
   * What passes between the parts of a part: {edges, lanes}, edges {tensor, from, to, lane}: from and to are numbers of
   * parts, -1 and their count for what comes from and goes outside; lane: beside the others, of one that passes parts by.
   */
  connections(part) {
    if (!this.known.has(part.path)) this.known.set(part.path, this.connected(part));
    return this.known.get(part.path);
  }

  connected(whole) {
    const maker = new Map();
    whole.parts.forEach((part, i) => this.layers(part).forEach(({ output }) => maker.set(output, i)));
    const edges = whole.parts.flatMap((part, to) => this.into(part).map((tensor) => ({ tensor, from: maker.get(tensor) ?? -1, to })));
    if (whole !== this.root) edges.push(...this.outOf(whole).map((tensor) => ({ tensor, from: maker.get(tensor), to: whole.parts.length })));
    const lanes = [];
    const long = ({ from, to }) => to - from;
    for (const edge of edges.filter((each) => long(each) > 1).sort((a, b) => long(a) - long(b))) {
      let lane = lanes.findIndex((taken) => taken.every(({ from, to }) => edge.to <= from || edge.from >= to));
      if (lane === -1) lane = lanes.push([]) - 1;
      lanes[lane].push(edge);
      edge.lane = lane;
    }
    return { edges, lanes: lanes.length };
  }
}

/** A part with its path and its calls. */
function numbered(part, path) {
  part.path = path;
  if (part.call !== undefined) part.calls = [part.call];
  else {
    part.parts.forEach((inner, i) => numbered(inner, path === "" ? String(i) : `${path}.${i}`));
    part.calls = part.parts.flatMap(({ calls }) => calls);
  }
  return part;
}
