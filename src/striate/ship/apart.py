"""An ONNX model whose large arrays lie beside it in memory, so that a runtime is given them without a copy on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.ship.writer import Op

if TYPE_CHECKING:
    import onnx

LEAST = 1 << 12  # bytes from which an array lies beside the model
_PIECE = 1 << 25  # bytes of a piece of a dense layer's weights
_GRAPH, _INITIALIZER, _RAW = 7, 5, 9  # the numbers of these fields in ModelProto, GraphProto and TensorProto


@dataclass(frozen=True)
class Apart:
    """A model and its large arrays, some of them the network's own: to be used while those do not change.

    model    in which each of the arrays has a name, a type and a shape, and lies elsewhere
    arrays   dense ones, by name
    """

    model: onnx.ModelProto
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def put(self, tensor: Any, array: np.ndarray) -> None:
        """Keep an array beside the model.

        tensor   its description in the model, with its name
        array    dense
        """
        self.arrays[tensor.name] = array
        tensor.data_location = 1  # TensorProto.EXTERNAL
        for key, said in (("location", "memory"), ("offset", "0"), ("length", str(array.nbytes))):
            tensor.external_data.add(key=key, value=said)

    def asking(self) -> onnx.ModelProto:
        """The model with each of the arrays as an input of that name, after those that it has."""
        made, beside = self._split()
        for tensor in beside:
            kind = made.graph.input.add(name=tensor.name).type.tensor_type
            kind.elem_type = tensor.data_type
            for side in tensor.dims:
                kind.shape.dim.add(dim_value=side)
        return made

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The bytes of the whole model, array by array.

        A message of protobuf may come in parts, which are put together: "Protocol Buffers Documentation", "Encoding",
        "Last One Wins".
        """
        head, beside = self._split()
        yield head.SerializeToString()
        for tensor in beside:
            array = self.arrays[tensor.name]
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")
            start = tensor.SerializeToString() + _begun(_RAW, array.nbytes)
            start = _begun(_INITIALIZER, len(start) + array.nbytes) + start
            yield _begun(_GRAPH, len(start) + array.nbytes) + start
            yield array.data.cast("B")

    def whole(self) -> bytes:
        """The bytes of the whole model."""
        return b"".join(self.pieces())

    def _split(self) -> tuple[onnx.ModelProto, list[Any]]:
        """A copy of the model without the arrays, and what the model says of each."""
        head = type(self.model)()
        head.CopyFrom(self.model)
        beside = [tensor for tensor in head.graph.initializer if tensor.name in self.arrays]
        within = [tensor for tensor in head.graph.initializer if tensor.name not in self.arrays]
        del head.graph.initializer[:]
        head.graph.initializer.extend(within)
        return head, beside


def _begun(number: int, size: int) -> bytes:
    """What stands before the bytes of a field: its number and kind, and how many there are."""
    found = bytearray([number << 3 | 2])
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    return bytes([*found, size])


def in_pieces(ops: Iterable[Op]) -> Iterator[Op]:
    """Large dense layers as several of fewer units each: what packs their weights has two copies of one piece at most.

    ops   as ``fold`` gives them
    """
    for op in ops:
        weight = op.inputs[1] if op.kind == "Gemm" else None
        if not isinstance(weight, np.ndarray) or weight.nbytes <= 2 * _PIECE:
            yield op
            continue
        bias = op.inputs[2]
        names: list[str | np.ndarray | None] = []
        rows = max(1, _PIECE // weight[0].nbytes)
        for start in range(0, len(weight), rows):
            part = bias[start : start + rows] if isinstance(bias, np.ndarray) else bias
            made = Op("Gemm", [op.inputs[0], weight[start : start + rows], part], f"{op.output}/{start}", op.attributes)
            names.append(made.output)
            yield made
        yield Op("Concat", names, op.output, {"axis": 1})


def as_they_lie(ops: Iterable[Op]) -> Iterator[Op]:
    """Arrays whose axes lie in another order in memory as those of memory, turned: a runtime does that as it loads.

    ops   as ``fold`` gives them
    """
    turned: dict[tuple[int, tuple[int, ...]], str] = {}
    for op in ops:
        for i, value in enumerate(op.inputs):
            if not isinstance(value, np.ndarray) or value.flags.c_contiguous or value.nbytes < LEAST:
                continue
            order = sorted(range(value.ndim), key=lambda axis: -value.strides[axis])
            if not (lies := value.transpose(order)).flags.c_contiguous:
                continue
            key = value.__array_interface__["data"][0], value.strides
            if key not in turned:
                turned[key] = f"{op.output}/turned_{i}"
                yield Op("Transpose", [lies], turned[key], {"perm": [order.index(axis) for axis in range(value.ndim)]})
            op.inputs[i] = turned[key]
        yield op
