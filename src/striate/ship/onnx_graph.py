"""Graph -> ONNX, written directly from the description and the weights; nothing is traced."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.doors.parsing import parse_json
from striate.doors.writing import atomic_write, moved, temporary_folder
from striate.errors import ArgumentError, BundleError
from striate.graph import Graph, Shape
from striate.intake import outputs_with_boxes
from striate.ship import rows, windows  # noqa: F401  they fill the table
from striate.ship.apart import LEAST, Apart, as_they_lie, in_pieces
from striate.ship.fold import fold, prune, readers
from striate.ship.writer import Op, Tensor, Writer

if TYPE_CHECKING:
    import onnx

    from striate.data import Preprocessing

OPSET, IR_VERSION = 20, 9  # the first with Gelu; onnxruntime 1.17 and later read it
LARGEST = 1_500_000_000  # bytes of weights in one file; protobuf ends at 2 GiB
_FLOAT, _UINT8, _INT32, _INT64 = 1, 2, 6, 7  # TensorProto's numbers
ROWS = "rows_of_boxes"  # in the metadata: the numbers of the outputs that are such
_WHOLE = {"int64": _INT64, "int32": _INT32}


def to_onnx(
    graph: Graph,
    *,
    preprocessing: Preprocessing | None = None,
    strip: Sequence[str | None] = (),
    metadata: dict[str, Any] | None = None,
) -> onnx.ModelProto:
    """The network in prediction, batch norms folded, as an ONNX model, with a copy of its weights as they are now.

    Inputs and outputs are channels-last with any number of samples, as users hold them: float32, or the whole numbers
    that the Input says.

    graph           the network, with its weights as they are now
    preprocessing   the first input is then uint8 pictures, and the graph itself does scale, mean and deviation
    strip           per output, "softmax" or "sigmoid" to leave that final activation out where it is there
    metadata        texts, or what JSON can hold, kept with the model

    Raises ArgumentError for a layer that was called with ``training=True``: it draws numbers in prediction.
    """
    return _written(graph, preprocessing, strip, metadata, None)


def apart(
    graph: Graph,
    preprocessing: Preprocessing | None = None,
    strip: Sequence[str | None] = (),
    metadata: dict[str, Any] | None = None,
) -> Apart:
    """``to_onnx`` without a copy of the weights: they lie beside the model, to be used before they change."""
    import onnx

    beside = Apart(onnx.ModelProto())
    _written(graph, preprocessing, strip, metadata, beside)
    return beside


def _written(
    graph: Graph,
    preprocessing: Preprocessing | None,
    strip: Sequence[str | None],
    metadata: dict[str, Any] | None,
    beside: Apart | None,
) -> onnx.ModelProto:
    from onnx import helper

    flat = graph.check().flat()
    always = next((call.name for call in flat.nodes if call.training), None)
    if always is not None:
        raise ArgumentError(
            f'"{always}" was called with training=True, so that it draws numbers in prediction too: torch answers, with '
            'engine="torch". Call it without, to export the network.'
        )
    build_layers(graph)
    w = Writer()
    values: dict[int, Tensor] = {}
    inputs = []
    for i, (number, tensor) in enumerate(zip(flat.inputs, graph.inputs, strict=True)):
        shape, dtype = flat.shapes[number], flat.dtypes[number]
        name = w.free(graph.label(tensor.node))
        pixels = preprocessing if i == 0 else None
        kind = _UINT8 if pixels is not None else _WHOLE.get(dtype, _FLOAT)
        inputs.append(helper.make_tensor_value_info(name, kind, ["batch", *shape]))
        by = None if pixels is None else factors(pixels, shape)
        if pixels is not None and pixels.order == "bgr":
            w.label = name
            name = w.op("Gather", name, np.array([2, 1, 0]), axis=3)
        values[number] = Tensor(name, shape, whole=kind != _FLOAT, pixels=by)
    for call in flat.nodes:
        within = w.call(call, [values[i] for i in call.inputs])
        values |= dict(zip(call.outputs, (within[i] for i in call.lowering.outputs), strict=True))
    w.label = "output"
    wanted = [*strip, *[None] * (len(flat.outputs) - len(strip))]
    results = [_stripped(w, values[i], what) for i, what in zip(flat.outputs, wanted, strict=True)]
    outputs = [w.free(graph.label(tensor.node)) for tensor in graph.outputs]
    w.ops += [Op("Identity", [w.last(value)], output) for value, output in zip(results, outputs, strict=True)]
    told = [(name, value.shape) for value, name in zip(results, outputs, strict=True)]
    model = assembled(w.ops, inputs, told, beside)
    describe(model, {"ids": w.ids, ROWS: outputs_with_boxes(graph), **(metadata or {})})
    return model


def assembled(
    ops: list[Op], inputs: Sequence[Any], outputs: Sequence[tuple[str, Shape]], beside: Apart | None = None
) -> onnx.ModelProto:
    """Operations as a model: those that its outputs need, norms folded where nobody else reads what they change.

    ops       as a Writer has collected them
    inputs    what goes in, as ONNX says it
    outputs   name and shape, without the batch, of each result
    beside    where weights lie that are not copied, and its model, which is written; None: a model that has them
    """
    import onnx
    from onnx import helper

    names = [name for name, _ in outputs]
    model = onnx.ModelProto() if beside is None else beside.model
    model.ir_version, model.producer_name = IR_VERSION, "striate"
    model.opset_import.add(domain="", version=OPSET)
    model.graph.name = "striate"
    model.graph.input.extend(inputs)
    for name, shape in outputs:
        model.graph.output.append(helper.make_tensor_value_info(name, _FLOAT, ["batch", *shape]))
    store = _Constants(model, beside)
    left = _renamed(fold(prune(ops, names), names), names)
    for op in left if beside is None else as_they_lie(in_pieces(left)):
        node = helper.make_node(op.kind, store.names(op.inputs), op.outputs, op.output, **op.attributes)
        model.graph.node.append(node)
    return model


def describe(model: onnx.ModelProto, metadata: dict[str, Any]) -> None:
    """Put metadata beside those that a model has: texts as they are, other values as JSON; what is empty is left out.

    model      is changed
    metadata   by name
    """
    from onnx import helper

    there = {entry.key: entry.value for entry in model.metadata_props}
    said = {key: v if isinstance(v, str) else json.dumps(v) for key, v in metadata.items() if v}
    helper.set_model_props(model, there | said)


def rows_of_boxes(model: onnx.ModelProto) -> list[int]:
    """The numbers of a model's outputs that are rows of boxes, as its metadata say.

    model   as ``to_onnx`` writes it; another may say nothing, or what is no such number
    """
    told = next((entry.value for entry in model.metadata_props if entry.key == ROWS), "[]")
    numbers = parse_json(told, "the model's metadata", BundleError)
    known = range(len(model.graph.output))
    return [n for n in numbers if isinstance(n, int) and n in known] if isinstance(numbers, list) else []


def save_onnx(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Write a model, whole or not at all; weights above 1.5 GB go into a file ``<name>.data`` beside it.

    model   as ``to_onnx`` returns it
    path    of the file

    Raises BundleError where it cannot be written.
    """
    import onnx

    target = Path(path)
    if model.ByteSize() <= LARGEST:
        atomic_write(target, model.SerializeToString())
        return
    beside = f"{target.name}.data"
    with temporary_folder(beside=target) as folder:
        onnx.save_model(
            model, folder / target.name, save_as_external_data=True, location=beside, size_threshold=1 << 16
        )
        moved(folder / beside, target.with_name(beside))
        moved(folder / target.name, target)


def build_layers(graph: Graph) -> None:
    """Make the modules, and so the weights, of layers that have none yet.

    Raises ArgumentError for a module that computes by other settings than its layer says, which ONNX would say.
    """
    from striate.backend import build
    from striate.backend.settings import edited
    from striate.graph import every_layer

    layers = every_layer(graph)
    if any(layer.torch_module is None and layer.built_for for layer in layers):
        build(graph)
    for layer in layers:
        what = None if layer.torch_module is None else edited(layer.torch_module)
        if what is not None:
            raise ArgumentError(
                f'"{layer.name}": {what}, and ONNX says what the layer says. Set it in the layer, or turn it back.'
            )


def factors(preprocessing: Preprocessing, shape: Shape) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What ``Preprocessing.normalise`` multiplies by and adds, per channel; None for what changes nothing."""
    depth = shape[-1]
    std = np.array(preprocessing.std or (1.0,))
    plain = preprocessing.scale == 1 and preprocessing.std is None
    factor = None if plain else np.broadcast_to(preprocessing.scale / std, depth).astype(np.float32)
    if preprocessing.mean is None:
        return factor, None
    return factor, np.broadcast_to(-np.array(preprocessing.mean) / std, depth).astype(np.float32)


def _stripped(w: Writer, value: Tensor, what: str | None) -> Tensor:
    """The value before the final activation `what`, where that is how it is made."""
    kind = {None: None, "softmax": "Softmax", "sigmoid": "Sigmoid"}[what]
    made = next((op for op in w.ops if op.output == value.name and op.kind == kind), None)
    return value if made is None else Tensor(str(made.inputs[0]), value.shape, value.layout)


def _renamed(ops: list[Op], outputs: list[str]) -> list[Op]:
    """Outputs made by the operation itself instead of by an Identity after it."""
    counts, made = readers(ops, []), {op.output: op for op in ops}
    left = []
    for op in ops:
        source = op.inputs[0]
        if op.kind == "Identity" and op.output in outputs and isinstance(source, str):
            before = made.get(source)
            if before is not None and counts[source] == 1 and before.output not in outputs:
                before.output = op.output
                continue
        left.append(op)
    return left


class _Constants:
    """Constant arrays as initializers of a model, each stored once, large ones `beside` it."""

    def __init__(self, model: onnx.ModelProto, beside: Apart | None) -> None:
        self.tensors, self.beside = model.graph.initializer, beside
        self._names: dict[Any, str] = {}
        self._kept: list[np.ndarray] = []  # so that no address is given out twice

    def names(self, inputs: list[str | np.ndarray | None]) -> list[str]:
        """The names of an operation's inputs, without those at the end that are left out."""
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        return [self._name(value) for value in inputs]

    def _name(self, value: str | np.ndarray | None) -> str:
        if not isinstance(value, np.ndarray):
            return value or ""
        key = (value.__array_interface__["data"][0], value.shape, value.strides, value.dtype.str)
        if key not in self._names:
            self._names[key] = f"constant_{len(self._names)}"
            self._kept.append(value)
            floats = value.dtype.kind == "f"
            tensor = self.tensors.add(name=self._names[key], data_type=_FLOAT if floats else _INT64, dims=value.shape)
            dense = np.asarray(value, "<f4" if floats else "<i8", order="C")
            if self.beside is not None and dense.nbytes >= LEAST:
                self.beside.put(tensor, dense)
            else:
                tensor.raw_data = dense.tobytes()
        return self._names[key]
