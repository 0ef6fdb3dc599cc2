"""The 8-bit twin of a saved model, which may be a stranger's."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from striate.doors.onnx_files import check_onnx, parse_onnx
from striate.errors import BundleError
from striate.graph.sizes import Open
from striate.ship.quantization import QuantizationReport, Quantized
from striate.weights.bundle import TWIN_OF

if TYPE_CHECKING:
    from striate.graph import Graph

_AROUND = 32  # results of an int8 file, with all that is between, for each number that the network itself makes


def stored_twin(content: bytes, report: Any, graph: Graph, where: str, checksum: str) -> Quantized:
    """The twin, once its operations and sizes have been looked at.

    content    ONNX bytes
    report     of its making, as it was saved
    graph      of the network
    where      it was read
    checksum   of the weights beside it

    Raises BundleError for one that is of other weights, of another network or of none, or holds what no network needs.
    """
    proto = parse_onnx(content, where)
    told = {entry.key: entry.value for entry in proto.metadata_props}.get(TWIN_OF)
    if told is None:
        raise BundleError(f"{where} does not say which weights it was made from.")
    if any(isinstance(side, Open) for shape in graph.input_shapes for side in shape):
        raise BundleError(f"{where} is for inputs of one size, and the network's are open.")
    numbers = sum(prod(shape) for shape in graph.flat().shapes)
    check_onnx(proto, where, _AROUND * numbers + 2 * len(content) + (1 << 20))
    ends = [(graph.input_shapes, proto.graph.input), (graph.output_shapes, proto.graph.output)]
    shapes = [[tuple(d.dim_value for d in v.type.tensor_type.shape.dim)[1:] for v in there] for _, there in ends]
    if told != checksum or shapes != [[tuple(shape) for shape in own] for own, _ in ends]:
        raise BundleError(f"{where} was made from other weights.")
    values = report.values() if isinstance(report, dict) else [report]
    try:
        if not all(value is None or isinstance(value, int | float) for value in values):
            raise TypeError
        return Quantized(content, QuantizationReport(**report))
    except TypeError:
        raise BundleError(f"{where} has a report that is none.") from None
