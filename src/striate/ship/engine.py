"""Engine: a network ready to predict on the CPU, through ONNX Runtime or OpenVINO."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.backend.allocator import handing_back
from striate.described import whole
from striate.doors.onnx_files import check_onnx, read_onnx
from striate.doors.parsing import parse_json
from striate.errors import BundleError, DataError
from striate.graph import Graph
from striate.ship.apart import Apart
from striate.ship.onnx_graph import apart, to_onnx
from striate.ship.runtimes import RUNTIMES, Session
from striate.ship.suppression import PICTURES, suppress_boxes
from striate.wording import plural

if TYPE_CHECKING:
    from striate.data import Preprocessing
    from striate.intake import Decoding

_CACHED = 1 << 26  # bytes of the largest activation of a batch: more pictures at once only leave the caches


class Engine:
    """A network that ONNX Runtime or OpenVINO runs: channels-last NumPy arrays in and out, any number of samples.

    source      a serialized ONNX model, the path of one, or what ``exported`` gives
    threads     per operation; None: as many as torch uses
    runtime     "onnxruntime" or "openvino"
    precision   of the numbers within: "float32", or of OpenVINO "bfloat16"
    callers     how many threads may run it at once

    A file may be a stranger's: it is read whole, and its operations and sizes are looked at before it runs.

    Raises BundleError for what the runtime cannot read, and for loops, operations that no network needs, weights that lie
    elsewhere, and results of more than 2 ** 30 numbers for one sample; ArgumentError for a runtime that is not installed.
    """

    @handing_back()  # a runtime lays the weights out anew, some more than once
    def __init__(
        self,
        source: bytes | Apart | str | os.PathLike[str],
        *,
        threads: int | None = None,
        runtime: str = "onnxruntime",
        precision: str = "float32",
        callers: int = 1,
    ) -> None:
        import torch

        given = source if isinstance(source, bytes | Apart) else os.fspath(source)
        if not isinstance(source, bytes | Apart):
            check_onnx(read_onnx(source), os.fspath(source), folder=Path(source).parent, detections=True)
        self._session: Session = RUNTIMES[runtime](given, threads or torch.get_num_threads(), precision, callers)
        self.inputs, self.outputs, said = self._session.inputs, self._session.outputs, self._session.metadata
        ids = parse_json(said.get("ids", "{}"), "the model's ids", BundleError)
        self.ids = {k: v for k, v in ids.items() if isinstance(v, int)} if isinstance(ids, dict) else {}
        batch = said.get("batch", "")
        self.batch = max(1, int(batch)) if re.fullmatch(r"\d{1,9}", batch) else 1 << 30
        self.proved = False  # whether it was seen to compute its network
        self._counted = [i for i, name in enumerate(self.outputs) if name.startswith(PICTURES) and "decoding" in said]

    @classmethod
    @handing_back()
    def of(
        cls,
        graph: Graph,
        preprocessing: Preprocessing | None = None,
        *,
        strip: Sequence[str | None] = (),
        decoding: Decoding | None = None,
        threads: int | None = None,
        runtime: str = "onnxruntime",
        precision: str = "float32",
        callers: int = 1,
    ) -> Engine:
        """The engine of a network with its weights as they are now; OpenVINO's is to be asked only while they stay so.

        graph           the network
        preprocessing   for uint8 pictures as input; None: floats
        strip           per output, "softmax" or "sigmoid" to leave out, as for ``to_onnx``
        decoding        rows of boxes become detections so, within the engine; None: they stay rows
        threads         per operation; None: as many as torch uses
        runtime         "onnxruntime" or "openvino"
        precision       of the numbers within: "float32", or of OpenVINO "bfloat16"
        callers         how many threads may run it at once

        Raises ArgumentError for a layer that ONNX cannot say, or a runtime that is not installed.
        """
        model = exported(graph, preprocessing, strip, decoding)
        return cls(model, threads=threads, runtime=runtime, precision=precision, callers=callers)

    def predict(self, arrays: Sequence[np.ndarray], batch_size: int | None = None) -> list[np.ndarray]:
        """One array per output, channels-last.

        arrays       one array (N, …) per input
        batch_size   samples at a time, or fewer where that is faster; the answers do not depend on it

        Raises DataError for arrays of another shape, or token ids that the network has no vector for.
        """
        if len(arrays) != len(self.inputs):
            raise DataError(f"the network has {plural(len(self.inputs), 'input')}; {len(arrays)} were given.")
        if batch_size is not None:
            whole("predict", "batch_size", batch_size)
        xs = [self._checked(np.asarray(x), *about) for x, about in zip(arrays, self.inputs, strict=True)]
        count = len(xs[0])
        size = min(batch_size or count, self.batch)
        parts = [self._run([x[start : start + size] for x in xs]) for start in range(0, count, size)]
        if len(parts) == 1:
            return parts[0]
        for part, start in zip(parts, range(0, count, size), strict=True):
            for i in self._counted:  # numbers of pictures within the part
                part[i] = part[i] + start
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _run(self, xs: list[np.ndarray]) -> list[np.ndarray]:
        if len(xs[0]) > 1 or not self._session.in_twos or self._counted:
            return self._session.run(xs)
        return [out[:1] for out in self._session.run([np.concatenate([x, x]) for x in xs])]

    def _checked(self, x: np.ndarray, name: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        if x.shape[1:] != shape or not len(x):
            raise DataError(
                f'the input "{name}" takes arrays of shape (N, {", ".join(map(str, shape))}), not {x.shape}.'
            )
        if dtype is not np.float32 and x.dtype.kind not in "iu":
            raise DataError(f'the input "{name}" takes whole numbers, not {x.dtype}.')
        x = np.ascontiguousarray(x, dtype)
        if name in self.ids and (x.min() < 0 or x.max() >= self.ids[name]):
            raise DataError(f'the input "{name}" takes ids from 0 to {self.ids[name] - 1}, not {x.min()} to {x.max()}.')
        return x


def exported(
    graph: Graph,
    preprocessing: Preprocessing | None = None,
    strip: Sequence[str | None] = (),
    decoding: Decoding | None = None,
) -> Apart:
    """The network as an ONNX model, its weights beside it, with what an engine wants to know of it."""
    made = apart(graph, preprocessing, strip, _wanted(graph))
    if decoding is not None:
        suppress_boxes(made.model, decoding)
    return made


def serialized(graph: Graph) -> bytes:
    """The network as the bytes of an ONNX model, with what an engine wants to know of it."""
    return to_onnx(graph, metadata=_wanted(graph)).SerializeToString()  # type: ignore[no-any-return]


def _wanted(graph: Graph) -> dict[str, str]:
    largest = max(prod(shape) for shape in graph.flat().shapes)
    return {"batch": str(max(1, _CACHED // (4 * largest)))}
