// What one number of a layer depends on, in the input and in every layer between: the walk of size's Receptive.crop.

/** The boxes that a place of a tensor looks at: a map from a tensor to [[first, last], …] per axis, channels last. */
export function seen(told, tensor, place) {
  const boxes = new Map([[tensor, place.map((each) => [each, each])]]);
  for (let i = told.operations.length - 1; i >= 0; i--) {
    const operation = told.operations[i];
    const box = boxes.get(operation.output);
    if (box === undefined) continue;
    operation.inputs.forEach((source, which) => {
      const found = before(box, operation.sees[which], told.tensors[source]);
      if (found === null) return;
      const old = boxes.get(source) ?? found;
      boxes.set(source, found.map(([a, b], axis) => [Math.min(a, old[axis][0]), Math.max(b, old[axis][1])]));
    });
  }
  return boxes;
}

/** The part of an input of a shape that a part of the output looks at; null where that is only padding. */
export function before(box, sees, shape) {
  const found = [];
  for (const [axis, size] of shape.entries()) {
    let [low, high] = [0, size - 1];
    if (sees[axis] !== null) {
      const [along, period, shift, lows, highs] = sees[axis];
      const [begin, end] = box[along];
      low = Math.max(reached(begin, period, shift, lows), 0);
      high = Math.min(reached(end, period, shift, highs), size - 1);
    }
    if (low > high) return null;
    found.push([low, high]);
  }
  return found;
}

function reached(cell, period, shift, offsets) {
  const turn = Math.floor(cell / period);
  return shift * turn + offsets[cell - turn * period];
}
