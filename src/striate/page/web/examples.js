// The held-out pictures that travel with the page, and which of them are chosen.

import { carried } from "striate/store";

/** The filter that lets all through: true class, answer, whether wrong ones only, how sure, a part of the map. */
export const WHOLE = { truth: null, says: null, wrong: false, from: 0, to: 100, region: null };

export class Examples {
  /** told: what the page is told of the held-out data. */
  constructor({ examples, points }) {
    const bytes = carried("pictures");
    let start = 0;
    this.all = examples.map(([name, label, answer, share, type, size], number) => {
      const blob = new Blob([bytes.subarray(start, start + size)], { type });
      start += size;
      return { number, name, label, answer, share, blob, right: label === answer, url: URL.createObjectURL(blob), point: points?.[number] ?? null };
    });
    this.clear();
  }

  clear() {
    this.filter = { ...WHOLE };
  }

  /** Those that the filter lets through. */
  get chosen() {
    const { truth, says, wrong, from, to, region } = this.filter;
    return this.all.filter(
      ({ label, answer, share, right, point }) =>
        (truth === null || label === truth) && (says === null || answer === says) && !(wrong && right) && 100 * share >= from && 100 * share <= to && (region === null || within(point, region)),
    );
  }
}

/** Whether a point lies in [[left, right], [low, high]]. */
const within = (point, region) => point !== null && region.every(([low, high], axis) => point[axis] >= low && point[axis] <= high);
