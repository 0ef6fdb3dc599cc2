"""8-bit integers for weights and activations, with ranges measured on real pictures, and what that costs.

Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference";
per-channel weights: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 3.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Examples, Preprocessing
from striate.described import whole
from striate.doors.libraries import onnx_quantizer
from striate.doors.onnx_files import parse_onnx, read_onnx
from striate.doors.writing import temporary_folder
from striate.errors import ArgumentError
from striate.ship.engine import Engine, serialized
from striate.ship.onnx_graph import factors, rows_of_boxes
from striate.ship.quantization_report import QuantizationReport, all_alike, compared
from striate.ship.suppression import suppress_boxes
from striate.ship.watch import check_modules

if TYPE_CHECKING:
    import onnx

    from striate.intake import Decoding

_BATCH = 8


class Quantized:
    """An int8 model.

    content   its ONNX bytes, which take floats and end as the network does
    report    of its making
    """

    def __init__(self, content: bytes, report: QuantizationReport) -> None:
        self.content, self.report = content, report
        self._engines: dict[Any, Engine] = {}

    def engine(
        self,
        pixels: Preprocessing | None = None,
        strip: Sequence[str | None] = (),
        decoding: Decoding | None = None,
        threads: int | None = None,
        runtime: str = "onnxruntime",
        callers: int = 1,
    ) -> Engine:
        """An engine of it.

        pixels    take uint8 pictures that go through this preprocessing; None: floats
        strip     per output, "softmax" or "sigmoid" to leave out, as for ``to_onnx``
        decoding  rows of boxes become detections so; None: they stay rows
        threads   per operation; None: as many as torch uses
        runtime   "onnxruntime" or "openvino"
        callers   how many threads may run it at once
        """
        key = (runtime, threads, callers, None if pixels is None else pixels.arithmetic, decoding, *strip)
        if key not in self._engines:
            changed = pixels is not None or any(strip) or decoding is not None
            content = self.proto(pixels, strip, decoding).SerializeToString() if changed else self.content
            self._engines[key] = Engine(content, threads=threads, runtime=runtime, callers=callers)
        return self._engines[key]

    def proto(
        self,
        pixels: Preprocessing | None = None,
        strip: Sequence[str | None] = (),
        decoding: Decoding | None = None,
    ) -> onnx.ModelProto:
        """The ONNX model, which is the caller's to change.

        pixels    take uint8 pictures that go through this preprocessing; None: floats
        strip     per output, "softmax" or "sigmoid" to leave out, as for ``to_onnx``
        decoding  rows of boxes become detections so; None: they stay rows
        """
        model = parse_onnx(self.content, "the int8 twin")
        if pixels is not None:
            _take_pixels(model, pixels)
        _strip(model, strip)
        if decoding is not None:
            suppress_boxes(model, decoding)
        return model


def quantize(
    model: Any, data: Any, labels: Any = None, *, check: Any = None, samples: int = 128, method: str = "minmax"
) -> QuantizationReport:
    """Make the model's int8 twin, for ``predict(x, engine="int8")``.

    model       with its weights as they are now
    data        inputs like those to come: whatever ``predict`` takes
    labels      their classes (a Dataset has its own), for the accuracy
    check       (inputs, labels) or a Dataset to measure the accuracy on instead
    samples     how many of `data`, evenly spread, set the ranges
    method      how ranges come from what was seen: "minmax", "entropy" or "percentile"

    Weights are 8-bit per channel, activations 8-bit per map with a zero point; one bit of the weights is left unused, so
    that sums of pairs cannot overflow on processors without VNNI.  Returns what it cost.  Raises ArgumentError for a layer
    ONNX cannot say or an unknown method, DataError for labels that do not fit the answers.
    """
    samples = whole("quantize", "samples", samples)
    if isinstance(check, tuple | list) and len(check) != 2:
        raise ArgumentError(f"quantize: check is (inputs, labels) or a Dataset, not {len(check)} of them.")
    examples = model.intake.examples(data)
    twin, count, size = twin_of(model, examples, samples, method)
    inputs, truth = (data, labels) if check is None else check if isinstance(check, tuple | list) else (check, None)
    report = compared(model, twin, inputs, truth, count, size, seen=check is None)
    twin.report = replace(report, samples_alike=all_alike(replace(examples, xs=_spread(examples, samples))))
    model._engine.keep(model, twin)
    return twin.report


def twin_of(model: Any, examples: Examples, samples: int = 128, method: str = "minmax") -> tuple[Quantized, int, int]:
    """An int8 twin without a report, how many inputs set its ranges, and the bytes of the ONNX model in 32 bits.

    model      with its weights as they are now
    examples   inputs like those to come
    samples    how many of them, evenly spread, set the ranges
    method     how ranges come from what was seen, as for ``quantize``

    Raises ArgumentError for a layer ONNX cannot say, a torch module whose settings were edited, or an unknown method.
    """
    check_modules(model, "quantize")
    arrays = _spread(examples, samples)
    if examples.preprocessing is not None:
        arrays[0] = examples.preprocessing.normalise(arrays[0])
    content = serialized(model.graph.check())
    return Quantized(_static(content, arrays, method), None), len(arrays[0]), len(content)  # type: ignore[arg-type]


def _spread(examples: Examples, samples: int) -> list[np.ndarray]:
    """The arrays of so many of them, evenly spread."""
    chosen = np.unique(np.linspace(0, len(examples) - 1, min(samples, len(examples))).round().astype(int))
    return [x[chosen] for x in examples.xs]


# -- ONNX Runtime's quantizer ------------------------------------------------------------------------------------------
def _static(content: bytes, arrays: list[np.ndarray], method: str) -> bytes:
    proto = parse_onnx(content, "the exported model")
    onnx_quantizer()
    with _quiet(), temporary_folder() as folder:
        from onnx import helper
        from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
        from onnxruntime.quantization import quantize_static as static

        methods = {
            "minmax": CalibrationMethod.MinMax,
            "entropy": CalibrationMethod.Entropy,
            "percentile": CalibrationMethod.Percentile,
        }
        if method not in methods:
            raise ArgumentError(f'quantize: method is {", ".join(methods)}, not "{method}".')
        names = [value.name for value in proto.graph.input]
        types = [helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in proto.graph.input]
        arrays = [x.astype(kind, copy=False) for x, kind in zip(arrays, types, strict=True)]

        count = len(arrays[0])
        size = next(size for size in range(_BATCH, 0, -1) if count % size == 0)  # histograms want batches of one size

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self.start = 0

            def get_next(self) -> dict[str, np.ndarray] | None:
                part = slice(self.start, self.start + size)
                self.start += size
                xs = [x[part] for x in arrays]
                return dict(zip(names, xs, strict=True)) if len(xs[0]) else None

        left = set(_last(proto))
        if not any(node.op_type in _KINDS and node.name not in left for node in proto.graph.node):
            raise ArgumentError(
                "quantize: nothing in this network becomes faster in 8 bits: it has no convolution, dense layer or pooling "
                "before its end."
            )
        target = folder / "int8.onnx"
        static(
            parse_onnx(content, "the exported model"),  # it is changed
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=_KINDS,
            nodes_to_exclude=list(left),
            calibrate_method=methods[method],
        )
        made = read_onnx(target)
    _correct_biases(made, proto, arrays)
    return made.SerializeToString()  # type: ignore[no-any-return]


# Softmax and other functions stay in floats: 8 bits are too coarse for what they return, and they take no time.
_KINDS = ["Conv", "Gemm", "MatMul", "Add", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat"]
_KINDS += ["Flatten", "Reshape", "Transpose", "Resize", "Mul"]  # and no Pad, which OpenVINO fills wrongly in 8 bits


def _last(proto: onnx.ModelProto) -> list[str]:
    """The names of the operations that stay in floats: for boxes those from the last weights on.

    Pixels and scores stand in the same rows there, and 8 bits for both would leave the scores nothing.
    """
    rows = rows_of_boxes(proto)
    made = {name: node for node in proto.graph.node for name in node.output}
    left, kept = [proto.graph.output[i].name for i in rows], []
    while left:
        node = made.pop(left.pop(), None)
        if node is None:
            continue
        kept.append(node.name)
        if node.op_type not in ("Conv", "Gemm", "MatMul", "ConvTranspose"):
            left += node.input
    return kept


def _correct_biases(made: onnx.ModelProto, proto: onnx.ModelProto, arrays: list[np.ndarray]) -> None:
    """Take off each bias what rounding the weights adds to the mean of its map.

    Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", section 4.2, with means
    measured on the calibration pictures.
    """
    from onnx import numpy_helper

    float_values = {tensor.name: tensor for tensor in proto.graph.initializer}
    values = {tensor.name: tensor for tensor in made.graph.initializer}
    sources = {node.output[0]: node for node in made.graph.node if node.op_type == "DequantizeLinear"}
    plain = {node.name: node for node in proto.graph.node if node.op_type in ("Conv", "Gemm")}
    if not plain:
        return
    means = _means(proto, plain.values(), arrays)
    for node in made.graph.node:
        if node.name not in plain or len(node.input) < 3:
            continue
        rounded, bias = sources.get(node.input[1]), sources.get(node.input[2])
        if rounded is None or bias is None:
            continue
        weight = numpy_helper.to_array(float_values[plain[node.name].input[1]])
        whole, scale = (numpy_helper.to_array(values[name]) for name in rounded.input[:2])
        error = whole * scale.reshape(-1, *[1] * (whole.ndim - 1)) - weight
        error = error.reshape(*error.shape[:2], -1).sum(-1)  # (maps, channels in their group)
        mean = means[plain[node.name].input[0]]
        groups = len(mean) // error.shape[1]
        shift = (error.reshape(groups, -1, error.shape[1]) * mean.reshape(groups, 1, -1)).sum(-1).reshape(-1)
        added, by = (numpy_helper.to_array(values[name]) for name in bias.input[:2])
        corrected = added - np.round(shift / by).astype(np.int32)
        values[bias.input[0]].CopyFrom(numpy_helper.from_array(corrected.astype(np.int32), bias.input[0]))


def _means(proto: onnx.ModelProto, nodes: Iterable[Any], arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The mean per channel of the inputs of these convolutions and dense layers, over all samples and places."""
    import onnx
    from onnx import TensorProto, helper

    measured = onnx.ModelProto()
    measured.CopyFrom(proto)
    del measured.graph.output[:]
    kinds = {node.input[0]: "GlobalAveragePool" if node.op_type == "Conv" else "Identity" for node in nodes}
    for i, (name, kind) in enumerate(kinds.items()):
        measured.graph.node.append(helper.make_node(kind, [name], [f"mean {i}"]))
        measured.graph.output.append(helper.make_tensor_value_info(f"mean {i}", TensorProto.FLOAT, None))
    engine = Engine(measured.SerializeToString())
    sums = [np.zeros(1)] * len(kinds)
    for start in range(0, len(arrays[0]), _BATCH):
        outputs = engine.predict([x[start : start + _BATCH] for x in arrays])
        sums = [total + out.reshape(*out.shape[:2]).sum(0) for total, out in zip(sums, outputs, strict=True)]
    return {name: total / len(arrays[0]) for name, total in zip(kinds, sums, strict=True)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantizer's warnings and lines, which are about its own workings."""
    root = logging.getLogger()
    level = root.level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            root.setLevel(level)


# -- surgery -----------------------------------------------------------------------------------------------------------
def _take_pixels(model: onnx.ModelProto, pixels: Preprocessing) -> None:
    """Put the preprocessing before the first input, which becomes uint8 pictures."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    name = graph.input[0].name
    shape = tuple(d.dim_value for d in graph.input[0].type.tensor_type.shape.dim)[1:]
    inside = f"{name}/normalised"
    for node in graph.node:
        node.input[:] = [inside if x == name else x for x in node.input]
    graph.input[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", *shape]))
    nodes = []
    if pixels.order == "bgr":
        graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0]), f"{name}/order"))
        nodes.append(helper.make_node("Gather", [name, f"{name}/order"], [f"{name}/bgr"], axis=3))
    given = nodes[-1].output[0] if nodes else name
    nodes.append(helper.make_node("Cast", [given], [f"{name}/float"], to=TensorProto.FLOAT))
    for kind, values in zip(("Mul", "Add"), factors(pixels, shape), strict=True):
        if values is not None:
            before = nodes[-1].output[0]
            line = np.tile(values, (shape[-2], 1))  # a line of the picture: an inner loop long enough for vectors
            graph.initializer.append(numpy_helper.from_array(line, f"{name}/{kind} by"))
            nodes.append(helper.make_node(kind, [before, f"{name}/{kind} by"], [f"{name}/{kind}"]))
    nodes[-1].output[0] = inside
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])


def _strip(model: onnx.ModelProto, strip: Sequence[str | None]) -> None:
    """Leave a final Softmax or Sigmoid out."""
    kinds = {"softmax": "Softmax", "sigmoid": "Sigmoid"}
    for what, output in zip(strip, model.graph.output, strict=False):
        made = next((node for node in model.graph.node if output.name in node.output), None)
        if what is None or made is None or made.op_type != kinds[what]:
            continue
        source = made.input[0]
        model.graph.node.remove(made)
        for node in model.graph.node:
            node.output[:] = [output.name if x == source else x for x in node.output]
            node.input[:] = [output.name if x == source else x for x in node.input]
