// The network at work: ONNX Runtime within the page, all its files out of the page itself.

import { carried, unpacked } from "striate/store";
import { singles, Value } from "striate/values";

const BESIDE = "weights";

/** All arrays as 32-bit numbers, one after the other. */
function unrolled(bytes, told) {
  const out = new Float32Array(told.reduce((sum, [size]) => sum + size, 0));
  let from = 0;
  let to = 0;
  for (const [size, bits] of told) {
    const end = from + (size * bits) / 8;
    const part = bytes.slice(from, end);
    if (bits === 32) out.set(new Float32Array(part.buffer), to);
    else out.set(singles(new Uint16Array(part.buffer)), to);
    from = end;
    to += size;
  }
  return out;
}

export class Engine {
  /** told: what the page is told, with ``live``. */
  static async started(told) {
    const [runtime, wasm, network] = await Promise.all(["runtime", "wasm", "network"].map(unpacked));
    const url = URL.createObjectURL(new Blob([runtime], { type: "text/javascript" }));
    const ort = await import(url);
    URL.revokeObjectURL(url);
    ort.env.wasm.wasmBinary = wasm.buffer;
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.logLevel = "error";
    const numbers = unrolled(carried("arrays"), told.live.weights.arrays);
    const session = await ort.InferenceSession.create(network, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "basic",
      externalData: [{ path: BESIDE, data: new Uint8Array(numbers.buffer) }],
    });
    return new Engine(ort, session, numbers, told);
  }

  constructor(ort, session, numbers, told) {
    Object.assign(this, { ort, session, told, numbers });
    this.starts = [];
    let start = 0;
    for (const [size] of told.live.weights.arrays) {
      this.starts.push(start);
      start += size;
    }
  }

  /** Values of some tensors for one input: a map from a tensor's number to its Value; one run after the other. */
  run(input, tensors) {
    const before = this.last ?? Promise.resolve();
    this.last = before.catch(() => null).then(() => this.values(input, tensors));
    return this.last;
  }

  async values(input, tensors) {
    const first = this.told.inputs[0];
    const shape = this.told.tensors[first.tensor];
    const feeds = { [this.session.inputNames[0]]: new this.ort.Tensor("float32", input, [1, ...shape]) };
    const wanted = tensors.filter((tensor) => tensor !== first.tensor);
    const values = new Map([[first.tensor, new Value(input, shape, "last")]]);
    if (wanted.length > 0) {
      const found = await this.session.run(feeds, wanted.map((tensor) => `value:${tensor}`));
      for (const tensor of wanted) {
        const data = found[`value:${tensor}`].data;
        values.set(tensor, new Value(data, this.told.tensors[tensor], this.told.live.weights.lies[tensor]));
      }
    }
    return values;
  }

  /** An array of an operation by its name: {data, shape}, or null. */
  array(operation, name) {
    const number = this.told.live.weights.own[operation][name];
    if (number === undefined) return null;
    const [size, , shape] = this.told.live.weights.arrays[number];
    return { data: this.numbers.subarray(this.starts[number], this.starts[number] + size), shape };
  }
}
