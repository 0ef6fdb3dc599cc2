"""A network that torch runs, with an engine's face: in 16 bits to answer, also on a GPU; in 32 to see what is right."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx

from striate.backend import logits_module
from striate.backend.builder import predicting
from striate.data.batches import channels_first, channels_last
from striate.graph import Graph

if TYPE_CHECKING:
    from striate.data import Preprocessing


class InTorch:
    """A network in torch, with the face of an `Engine`: channels-last NumPy arrays in and out.

    graph      of the network
    module     what ``backend.build`` made of it, with the weights wherever they are; it is not copied
    pixels     inputs are uint8 pictures that go through this preprocessing; None: floats
    strip      per output, "softmax" or "sigmoid" to leave out, as for ``to_onnx``
    batch      samples at a time, at most
    precision  "bfloat16": of products, by torch's autocast; sums of them and what that keeps so are float32.  "float32": all

    Boxes stay rows.
    """

    def __init__(
        self,
        graph: Graph,
        module: fx.GraphModule,
        pixels: Preprocessing | None = None,
        strip: Sequence[str | None] = (),
        batch: float = inf,
        precision: str = "bfloat16",
    ) -> None:
        wanted = [*strip, *[None] * (len(graph.outputs) - len(strip))]
        self._whole, self._pixels = module, pixels
        self._module = logits_module(module, wanted)[0] if any(strip) else module
        dtypes = [np.uint8 if pixels is not None else np.dtype(tensor.dtype).type for tensor in graph.inputs]
        shapes = (tensor.sizes for tensor in graph.inputs)
        self.inputs: list[tuple[str, Any, tuple[Any, ...]]] = list(zip(graph.input_names, dtypes, shapes, strict=True))
        self.batch, self._narrow = batch, precision == "bfloat16"

    def predict(self, arrays: Sequence[np.ndarray], batch_size: int | None = None) -> list[np.ndarray]:
        """One array per output, channels-last, float32; ``Engine.predict``.

        arrays       one array (N, …) per input
        batch_size   samples at a time, or fewer where that is faster
        """
        count = len(arrays[0])
        size = int(min(batch_size or count, self.batch))
        parts = [self._answers([x[start : start + size] for x in arrays]) for start in range(0, count, size)]
        return parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _answers(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        weight = next(self._whole.parameters(), torch.zeros(()))
        xs = []
        for x, (_, dtype, _) in zip(arrays, self.inputs, strict=True):
            one = torch.from_numpy(np.array(x, dtype, order="C")).to(weight.device)
            xs.append(channels_first(one if self._pixels is None else self._pixels.normalise(one)))
        narrow = torch.autocast(weight.device.type, torch.bfloat16, enabled=self._narrow)
        with predicting(self._whole), torch.inference_mode(), narrow:
            found = self._module(*xs)
        outs = found if isinstance(found, tuple | list) else [found]
        return [channels_last(out).float().cpu().numpy() for out in outs]
