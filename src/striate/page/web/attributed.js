// Explanations that were computed when the page was written: maps of some pictures, and what checks say of the methods.

import { unpacked } from "striate/store";
import { made } from "striate/words";

export class Attributed {
  /** told: what the page is told of them; area: how many numbers a map has. */
  constructor({ pictures, maps, verdicts }, area) {
    Object.assign(this, { methods: maps, verdicts, area });
    this.places = pictures.map(([place]) => place); // as the address calls them
    this.classes = pictures.map(([, number]) => number);
  }

  /** The number of a picture by what the address calls it; null for one that was not asked about. */
  of(place) {
    const found = this.places.indexOf(place);
    return found < 0 ? null : found;
  }

  /** The method after one of them, the first after the last and after any other. */
  after(method) {
    return this.methods[(this.methods.indexOf(method) + 1) % this.methods.length];
  }

  /** Whether a method passes its check. */
  passes(method) {
    return this.verdicts[method][0];
  }

  /** What the check says of a method, as a paragraph; null where it has none. */
  verdict(method) {
    const verdict = this.verdicts[method];
    if (!verdict) return null;
    const [passes, said] = verdict;
    const count = this.places.length;
    return made("span", { class: passes ? "check" : "check warn" }, passes ? "✓ " : "⚠ ", `${said} It was made on ${count === 1 ? "one picture" : `${count} pictures`}.`);
  }

  /** Numbers of -1 to 1 of a method for a picture by its number. */
  async map(method, picture) {
    this.bytes ??= unpacked("attributed");
    const { buffer } = await this.bytes;
    const start = (this.methods.indexOf(method) * this.places.length + picture) * this.area;
    return Float32Array.from(new Int8Array(buffer, start, this.area), (level) => level / 127);
  }
}
