// Python within the page: striate's own rules, so that no number of a changed network has a second source.

import { unpacked } from "striate/store";

const PARTS = { pyodide: "pyodide", module: "pyodide-module", wasm: "pyodide-wasm", library: "library", striate: "striate" };

export class Python {
  constructor() {
    this.waiting = new Map(); // whom to answer, by the number of the question
    this.count = 0;
    this.started = null;
    this.ready = false; // whether it answers at once
  }

  /** Begin to start it, once. */
  start() {
    this.started ??= this.begin();
    return this.started;
  }

  async begin() {
    const text = new TextDecoder().decode(await unpacked("worker"));
    const parts = await Promise.all(Object.entries(PARTS).map(async ([name, part]) => [name, (await unpacked(part)).buffer]));
    // a module out of a data: address, since a page from a file may not make one out of a blob
    this.worker = new Worker(`data:text/javascript,${encodeURIComponent(text)}`, { type: "module" });
    this.worker.onmessage = ({ data: { id, answer, fault } }) => {
      const [done, failed] = this.waiting.get(id);
      this.waiting.delete(id);
      if (fault === undefined) done(answer);
      else failed(new Error(fault));
    };
    this.worker.onerror = ({ message }) => {
      for (const [, failed] of this.waiting.values()) failed(new Error(message || "the browser starts no worker"));
      this.waiting.clear();
    };
    await this.post({ files: Object.fromEntries(parts) }, parts.map(([, buffer]) => buffer));
    this.ready = true;
  }

  post(message, moved = []) {
    const id = this.count++;
    return new Promise((...ends) => {
      this.waiting.set(id, ends);
      this.worker.postMessage({ id, ...message }, moved);
    });
  }

  /** What a function of striate.page.workshop gives for some texts. */
  async ask(name, ...given) {
    await this.start();
    return this.post({ ask: name, given });
  }
}
