"""Fewer operations with the same answers: norms into the weights before them, and what nobody reads left out."""

from __future__ import annotations

import numpy as np

from striate.ship.writer import Op

# ONNX Runtime (1.31 still) takes a Pad by zeros into the MaxPool after it, whose own padding never wins, so that windows
# of negative numbers come out wrong.  OpenVINO (2026.4 still) takes it into a 1x1 convolution, across whose padding it then
# moves strides to what is before.  Both leave another value alone.
_NEARLY_ZERO = np.array(np.finfo(np.float32).tiny)


def readers(ops: list[Op], outputs: list[str]) -> dict[str, int]:
    """How often each value is read."""
    counts: dict[str, int] = dict.fromkeys(outputs, 1)
    for op in ops:
        for name in op.inputs:
            if isinstance(name, str):
                counts[name] = counts.get(name, 0) + 1
    return counts


def prune(ops: list[Op], outputs: list[str]) -> list[Op]:
    """The operations that the outputs depend on."""
    needed, kept = set(outputs), []
    for op in reversed(ops):
        if op.output in needed:
            needed |= {name for name in op.inputs if isinstance(name, str)}
            kept.append(op)
    return kept[::-1]


def fold(ops: list[Op], outputs: list[str]) -> list[Op]:
    """Factor and addend of an Affine go into the weights of the operation before it, where only the Affine reads that.

    The sums are done in float64, so what is rounded is the result.  Jacob et al. 2018, section 3.2, equation 14.
    """
    counts = readers(ops, outputs)
    made: dict[str, Op] = {}
    kept: list[Op] = []
    for op in ops:
        before = made.get(op.inputs[0]) if op.kind == "Affine" and isinstance(op.inputs[0], str) else None
        if before is not None and counts[before.output] == 1 and _absorb(before, *op.inputs[1:]):  # type: ignore[arg-type]
            before.output = op.output
            made[op.output] = before
            continue
        source = made.get(op.inputs[0]) if isinstance(op.inputs[0], str) else None
        if source is not None and source.kind == "Pad" and (op.kind == "MaxPool" or _by_points(op)):
            source.inputs = [*source.inputs[:2], _NEARLY_ZERO]
        made[op.output] = op
        kept.append(op)
    return [part for op in kept for part in _lowered(op)]


def _by_points(op: Op) -> bool:
    """Whether an operation is a 1x1 convolution, of any number of axes."""
    weight = op.inputs[1] if op.kind == "Conv" else None
    return isinstance(weight, np.ndarray) and set(weight.shape[2:]) == {1}


def _absorb(op: Op, scale: np.ndarray, shift: np.ndarray) -> bool:
    """Make `op` compute itself times `scale` plus `shift`; False where it has no weights to take them."""
    channels = {"Conv": 0, "Gemm": 0, "Linear": 0, "ConvTranspose": 1}
    if op.kind == "Affine":
        op.inputs[1:] = [op.inputs[1] * scale, op.inputs[2] * scale + shift]  # type: ignore[operator]
        return True
    if op.kind not in channels:
        return False
    weight, bias = op.inputs[1:]
    assert isinstance(weight, np.ndarray)
    wide = [1] * weight.ndim
    wide[channels[op.kind]] = -1
    op.inputs[1] = (weight * scale.reshape(wide)).astype(np.float32, order="C")  # as ONNX has it
    op.inputs[2] = shift if bias is None else bias * scale + shift  # type: ignore[operator]
    return True


def _lowered(op: Op) -> list[Op]:
    """Affine and Linear as ONNX has them; the rest as it is."""
    if op.kind == "Linear":
        x, weight, bias = op.inputs
        assert isinstance(weight, np.ndarray)
        if bias is None:
            return [Op("MatMul", [x, weight.T], op.output)]
        product = f"{op.output}/product"
        return [Op("MatMul", [x, weight.T], product), Op("Add", [product, bias], op.output)]
    if op.kind != "Affine":
        return [op]
    x, scale, shift = op.inputs
    assert isinstance(scale, np.ndarray)
    assert isinstance(shift, np.ndarray)
    axis, axes = op.attributes["axis"], op.attributes["axes"]
    if axis == 1 and axes > 1 and np.ptp(scale) + np.ptp(shift) > 0:
        zeros = np.zeros_like(scale)
        return [Op("BatchNormalization", [x, scale, shift, zeros, zeros + 1], op.output, {"epsilon": 0.0})]
    wide = (-1,) if axis == axes else (-1,) + (1,) * (axes - 1)
    one = np.ptp(scale) == 0
    factor = scale[:1].reshape(()) if one else scale.reshape(wide)
    if not shift.any():
        return [Op("Mul", [x, factor], op.output)]
    product = f"{op.output}/product"
    addend = shift[:1].reshape(()) if np.ptp(shift) == 0 else shift.reshape(wide)
    return [Op("Mul", [x, factor], product), Op("Add", [product, addend], op.output)]
