"""Torch code of a user's own in ONNX: torch writes it, and its operations are put into our graph."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import numpy as np

from striate.doors.onnx_files import parse_onnx
from striate.errors import ArgumentError
from striate.graph import Step
from striate.ship.writer import Writer


def inlined(w: Writer, module: Any, step: Step, inputs: list[str]) -> str:
    """Write a module's operations; the name of its output.

    w        where to
    module   (N, C, …) in and out
    step     whose shapes it has
    inputs   names of its inputs, channels first

    Raises ArgumentError for code that torch cannot write as ONNX.
    """
    model = _written(module, step)
    names: dict[str, Any] = dict(zip((f"x{i}" for i in range(len(inputs))), inputs, strict=True))
    from onnx import helper, numpy_helper

    for constant in model.graph.initializer:
        names[constant.name] = _array(numpy_helper.to_array(constant))
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if any(a.type in (5, 10) for a in node.attribute) or node.domain not in ("", "ai.onnx"):
            raise ArgumentError(
                f'"{w.label}": ONNX would need a {node.op_type} with parts of its own. Write it without.'
            )
        if node.op_type == "Constant":
            value = attributes.get("value")
            made = numpy_helper.to_array(value) if value is not None else np.array(next(iter(attributes.values())))
            names[node.output[0]] = _array(made)
            continue
        plain = {key: v.decode() if isinstance(v, bytes) else v for key, v in attributes.items()}
        if "perm" in plain:  # torch writes axes that count from the end
            plain["perm"] = [axis % len(plain["perm"]) for axis in plain["perm"]]
        given = [names[name] if name else None for name in node.input]
        names |= dict(zip(node.output, w.results(node.op_type, given, plain, len(node.output)), strict=True))
    return str(names[model.graph.output[0].name])


def _array(value: np.ndarray) -> np.ndarray:
    """As the writer stores constants: floats of 32 bits, whole numbers of 64."""
    return value.astype(np.float32) if value.dtype.kind == "f" else value.astype(np.int64)


def _written(module: Any, step: Step) -> Any:
    import torch

    twin = copy.deepcopy(module).cpu().eval()
    xs = tuple(torch.zeros(2, *shape[-1:], *shape[:-1]) for shape in step.input_shapes)
    names = [f"x{i}" for i in range(len(xs))]
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                twin,
                xs,
                file,  # type: ignore[arg-type]
                dynamo=False,
                input_names=names,
                output_names=["y"],
                dynamic_axes={name: {0: "batch"} for name in (*names, "y")},
                opset_version=20,
            )
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArgumentError(f"torch cannot write this layer's code as ONNX: {said}") from error
    return parse_onnx(file.getvalue(), "torch's ONNX file")
