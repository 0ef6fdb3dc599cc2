"""The network that a page runs: ONNX without its arrays, and these beside it, in 16 bits where the answers stay."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.graph import Graph
from striate.ship import Engine
from striate.ship.every_value import every_value_of, value_name

if TYPE_CHECKING:
    import onnx

#: How far probabilities may be off with arrays in 16 bits.
CLOSE = 1e-3
_LARGE = (
    1 << 10,
    1 << 17,
    1 << 19,
)  # numbers from which on arrays are kept in 16 bits: the first that keeps the answers
_SHORT = 8  # numbers up to which an array stays in the model: a scale for each axis is what sizes are inferred from
_BESIDE = "weights"  # what the model calls the file of its arrays


@dataclass(frozen=True)
class Carried:
    """A network as a page carries it.

    model     ONNX whose float arrays, but for the shortest, lie in one file beside it, 32 bits each, one after the other
    arrays    what that file holds: bytes of arrays one after the other, of 2 or 4 bytes a number
    told      for the page: ``arrays`` (numbers, bits, shape) in that order; per operation the places of its own by name;
              ``lies``: per tensor "first", "last" or null
    """

    model: bytes
    arrays: bytes
    told: dict[str, Any]


def carried(graph: Graph, pictures: np.ndarray) -> Carried:
    """The network with its weights as they are now.

    graph      the network, whose input is a picture
    pictures   inputs (N, H, W, C) on which its answers with arrays in 16 bits are compared

    Raises ArgumentError for a network that ONNX cannot say.
    """
    network = every_value_of(graph)
    answer = value_name(graph.flat().outputs[0])
    close = (least for least in _LARGE if _apart(network.model, pictures, answer, least) <= CLOSE)
    blob = _Blob(next(close, None))
    for tensor in network.model.graph.initializer:
        if tensor.data_type == 1 and prod(tensor.dims) > _SHORT:
            _carry_out(tensor, blob)
    own = [{name: blob.place(array) for name, array in arrays.items()} for arrays in network.arrays]
    told = {"arrays": blob.told, "own": own, "lies": network.layouts}
    return Carried(network.model.SerializeToString(), blob.content(), told)


class _Blob:
    """Arrays one after the other, the same array once; those of at least `halved` numbers in 16 bits, None: none."""

    def __init__(self, halved: int | None) -> None:
        self.halved = halved
        self.told: list[list[Any]] = []
        self.starts: list[int] = []  # how many numbers stand before each
        self.numbers = 0
        self._parts: list[bytes] = []
        self._places: dict[tuple[bytes, tuple[int, ...]], int] = {}

    def place(self, array: np.ndarray) -> int:
        """The number of an array, put in where it is not in yet."""
        values = np.ascontiguousarray(array, np.float32)
        key = (values.tobytes(), values.shape)
        if key not in self._places:
            self._places[key] = len(self.told)
            short = self.halved is not None and values.size >= self.halved
            self.told.append([values.size, 16 if short else 32, list(values.shape)])
            self.starts.append(self.numbers)
            self._parts.append(values.astype("<f2" if short else "<f4").tobytes())
            self.numbers += values.size
        return self._places[key]

    def content(self) -> bytes:
        return b"".join(self._parts)


def _carry_out(tensor: onnx.TensorProto, blob: _Blob) -> None:
    """Leave an array's numbers out of a model, and say where in the file they are."""
    values = np.frombuffer(tensor.raw_data, "<f4").reshape(tuple(tensor.dims))
    start = blob.starts[blob.place(values)]
    tensor.ClearField("raw_data")
    tensor.data_location = type(tensor).EXTERNAL
    for key, said in (("location", _BESIDE), ("offset", str(4 * start)), ("length", str(4 * values.size))):
        tensor.external_data.add(key=key, value=said)


def _apart(model: onnx.ModelProto, pictures: np.ndarray, answer: str, least: int) -> float:
    """How far the answers are off when arrays of at least `least` numbers have 16 bits; infinite where these do not do."""
    answers = []
    for rounded in (False, True):
        copy = type(model)()
        copy.CopyFrom(model)
        kept = [output for output in copy.graph.output if output.name == answer]
        del copy.graph.output[:]
        copy.graph.output.extend(kept)
        for tensor in copy.graph.initializer:
            values = np.frombuffer(tensor.raw_data, "<f4") if tensor.data_type == 1 else np.zeros(0, np.float32)
            if rounded and values.size >= least:
                if np.abs(values).max() > np.finfo(np.float16).max:
                    return float("inf")
                tensor.raw_data = values.astype("<f2").astype("<f4").tobytes()
        answers.append(Engine(copy.SerializeToString()).predict([pictures])[0])
    return float(np.abs(answers[0] - answers[1]).max())
