"""How long each layer of a network takes: its module run by torch, one layer after the other."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import fx

from striate import backend
from striate.backend.processor import processor
from striate.described import whole
from striate.errors import ArgumentError
from striate.shown import Shown
from striate.wording import aligned, plural

_ROUNDS = (3, 15)  # where none are asked for: as many as a second has room for, but so many at least and at most
_BUDGET = 1.0


@dataclass(frozen=True)
class LayerTime:
    """A layer of a network.

    name      the call's name, as in ``model.size()``
    kind      its class
    seconds   the median of the rounds; 0 for a layer that does nothing
    """

    name: str
    kind: str
    seconds: float


@dataclass(frozen=True)
class LayerTimes(Shown):
    """The layers of a network, each with its time.

    processor   what computed: the kind of processor, or the name of the GPU
    threads     that torch had; of a GPU 1
    rounds      how often all layers were run, after once to warm up
    rows        a `LayerTime` for each call, in order
    """

    processor: str
    threads: int
    rounds: int
    rows: tuple[LayerTime, ...]

    @property
    def total(self) -> float:
        """Seconds of all layers together."""
        return sum(row.seconds for row in self.rows)

    def note(self) -> str:
        """What was measured, in two sentences."""
        return (
            f"Median of {plural(self.rounds, 'round')} of torch, one layer after the other, one example at a time, on "
            f"{self.processor}, {plural(self.threads, 'thread')}. An engine runs many layers as one, so it takes less."
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields by their names as plain values for JSON, and ``total``."""
        return asdict(self) | {"total": self.total}

    def __str__(self) -> str:
        share = self.total or 1.0
        cells = [[row.name, row.kind, f"{1000 * row.seconds:.3f}", f"{row.seconds / share:.1%}"] for row in self.rows]
        rows = [["layer", "kind", "ms", "share"], *cells, ["all", "", f"{1000 * self.total:.3f}", ""]]
        return "\n".join([*aligned(rows, [False, False, True, True]), self.note()])


def time_layers(model: Any, *, rounds: int | None = None) -> LayerTimes:
    """How long each layer takes on this machine, in prediction, one example at a time: medians of several rounds.

    model    the network; its weights do not matter
    rounds   how often all layers are run, after once to warm up; None: as many as a second has room for, from 3 to 15

    Torch runs them one after the other, where the weights are, and the clock stops at the end of each: no engine that
    predicts has a time of each layer, since it runs many as one.  Inputs are 0.  The model stays as it is.
    Raises ArgumentError for no round, and for a layer that fails, which it names.
    """
    if rounds is not None:
        whole("time_layers", "rounds", rounds)
    graph, module = model.graph.check(), model.module
    weight = next(module.parameters(), torch.zeros(()))
    inputs = [_nothing(tensor, weight) for tensor in graph.inputs]
    with backend.predicting(module), torch.inference_mode():
        begun = time.perf_counter()
        _passed(module, inputs, weight.device)
        took = time.perf_counter() - begun
        least, most = _ROUNDS
        count = rounds or int(min(most, max(least, _BUDGET / max(took, 1e-9))))
        found = [_passed(module, inputs, weight.device) for _ in range(count)]
    calls = graph.flat().nodes
    rows = [
        LayerTime(call.name, call.layer.kind, statistics.median(each.get(call.name, 0.0) for each in found))
        for call in calls
    ]
    cuda = weight.device.type == "cuda"
    on = torch.cuda.get_device_name(weight.device) if cuda else processor()
    return LayerTimes(on, 1 if cuda else torch.get_num_threads(), count, tuple(rows))


def _nothing(tensor: Any, weight: torch.Tensor) -> torch.Tensor:
    """One example of an input, channels first in torch's channels-last memory, all of it 0."""
    whole_numbers = tensor.dtype not in ("float32", "float64")
    dtype = getattr(torch, tensor.dtype) if whole_numbers else weight.dtype
    made = torch.zeros((1, *tensor.sizes), dtype=dtype, device=weight.device)
    return made.movedim(-1, 1) if made.ndim > 2 else made


def _passed(module: fx.GraphModule, inputs: list[torch.Tensor], device: torch.device) -> dict[str, float]:
    """Seconds of each layer by its name, of one pass."""
    seconds: dict[str, float] = {}
    _Timed(module, seconds, device).run(*inputs, enable_io_processing=False)
    return seconds


class _Timed(fx.Interpreter):
    """Runs a module's graph node by node and adds each node's time to that of its layer."""

    def __init__(
        self, module: fx.GraphModule, seconds: dict[str, float], device: torch.device, prefix: str = ""
    ) -> None:
        super().__init__(module)
        self.extra_traceback = False
        self.seconds, self.device, self.prefix = seconds, device, prefix

    def run_node(self, n: fx.Node) -> Any:
        self.running = self.prefix + n.meta.get("layer", "")
        return super().run_node(n)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.timed(target, args, kwargs)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inner = self.fetch_attr(target)
        if isinstance(inner, fx.GraphModule):
            within = _Timed(inner, self.seconds, self.device, f"{self.running}/")
            return within.run(*args, enable_io_processing=False)
        return self.timed(inner, args, kwargs)

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        this, *rest = args
        return self.timed(getattr(this, target), tuple(rest), kwargs)

    def timed(self, work: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        layer = self.running
        try:
            self.wait()
            begun = time.perf_counter()
            result = work(*args, **kwargs)
            self.wait()
        except Exception as error:
            raise ArgumentError(f'"{layer}" cannot be timed, since it fails: {error}') from error
        self.seconds[layer] = self.seconds.get(layer, 0.0) + time.perf_counter() - begun
        return result

    def wait(self) -> None:
        """Until a GPU has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
