"""A call of ``predict`` like the one before: what was found out of the first need not be found out again.

At one picture a call, looking at the input and choosing the engine take as long as a tenth of a small network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.data import Examples
from striate.graph import Graph
from striate.inference.predict import arranged
from striate.train.doubts import ranges

_NTH = 4  # row and column whose numbers are looked at: are they as large as those that the model has learnt from


class Again:
    """What a call came to whose input was one array, and which an engine answered.

    model        that was asked
    graph        it had then
    engine       what answered
    how          its name as it was asked for
    x            the array (N, …)
    batch_size   samples at a time
    """

    def __init__(self, model: Any, graph: Graph, engine: Any, how: str, x: np.ndarray, batch_size: int) -> None:
        self.graph, self.engine, self.how, self.batch_size = graph, engine, how, batch_size
        self.preprocessing, self.shape, self.dtype = model.preprocessing, x.shape[1:], x.dtype
        self.numbers = x.dtype != np.uint8 or model.preprocessing is None  # which go in as they are
        self.engines, self.state = model.predictor._engine, model.predictor._engine.state
        self.work = self.engines.mults_of(model.predictor)

    @classmethod
    def of(cls, model: Any, how: str, x: Any, batch_size: int) -> Again | None:
        """What is to be kept of a call that has just been answered; None where the next one could be another.

        model        that was asked
        how          the engine's name as it was asked for
        x            what it was asked
        batch_size   samples at a time
        """
        if type(x) is not np.ndarray or x.ndim < 3 or not (x.dtype == np.uint8 or x.dtype.kind == "f"):
            return None
        graph = model.graph
        asked = model.predictor._engine.asked
        if len(graph.inputs) != 1 or x.shape[1:] != graph.input_shapes[0] or asked is None or asked[0] != how:
            return None
        # of two threads that ask one model the engine may be the other's, for floats where these are pixels
        made = cls(model, graph, asked[1], how, x, batch_size)
        return made if asked[1].inputs[0][1] == (np.float32 if made.numbers else np.uint8) else None

    def answer(self, model: Any, how: str, x: Any, batch_size: int) -> Any:
        """The answer to an array of the same kind; None where anything is another than it was.

        model        as it is now
        how          the engine's name
        x            what it is asked
        batch_size   samples at a time
        """
        if (
            type(x) is not np.ndarray
            or x.shape[1:] != self.shape
            or x.dtype != self.dtype
            or how != self.how
            or batch_size != self.batch_size
            or not 0 < len(x) <= batch_size
            or model.graph is not self.graph
            or model.preprocessing is not self.preprocessing
            or not self.engines.still(self.state, how, len(x) * self.work)
        ):
            return None
        if self.numbers:
            with np.errstate(over="ignore", invalid="ignore"):
                sum_ = x.sum(dtype=np.float32 if x.itemsize < 8 else x.dtype)
            if not np.isfinite(sum_):  # NaN, infinity, or numbers too large to add up
                return None
            ranges(model, Examples([x[:, ::_NTH, ::_NTH]]))
        return arranged(self.graph, self.engine.predict([x], batch_size))
