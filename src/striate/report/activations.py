"""What every layer puts out, read by running the network node by node; no hooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx, nn

from striate.errors import unknown
from striate.train.feed import channels_last
from striate.train.fit import make_feed

if TYPE_CHECKING:
    from striate.graph import Graph
    from striate.model import Model

_BATCH = 64


def activations(model: Model, x: Any, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The outputs of layers for the examples `x`, in prediction mode: {name: (N, H, W, C), (N, L, C) or (N, C)}.

    x       a Dataset or arrays as ``Model.predict`` takes them: uint8 goes through the preprocessing, floats go in as
            they are
    names   the calls wanted, named as in ``model.size()``: ``conv2d``, ``conv2d#2`` for the second call of a shared
            layer, ``block/conv2d`` inside a nested network, an input's name; None: every layer, nested ones opened

    The output of a layer is what follows its own activation function, as in its description, also where a later layer
    overwrites it in memory.  The model stays as it is: mode, weights, device.  Raises ArgumentError for a name that is
    not there, DataError for arrays that do not fit.
    """
    module, graph = model.module, model.graph.check()
    holders = _holders(module, graph)
    if names is None:
        inputs = {graph.label(tensor.node) for tensor in graph.inputs}
        names = [node.name for node in graph.flat().nodes if node.name not in inputs]
    for name in names:
        if name not in holders:
            raise unknown("layer name", name, holders)
    parameter = next(module.parameters(), None)
    feed = make_feed(model, x, None, device="cpu" if parameter is None else parameter.device, targets=False)
    wanted = {holders[name] for name in names}
    parts: dict[str, list[np.ndarray]] = {label: [] for label in wanted}
    with predicting(module), torch.no_grad():
        for batch in feed.batches(_BATCH):
            found: dict[str, torch.Tensor] = {}
            _Recorder(module, wanted, found, inputs=_input_labels(graph)).run(*batch.xs)
            for label, value in found.items():
                parts[label].append(_array(value))
    whole = {label: np.concatenate(arrays) for label, arrays in parts.items()}
    return {name: whole[holders[name]] for name in names}


@contextmanager
def predicting(module: nn.Module) -> Iterator[None]:
    """Prediction mode inside; after it every submodule is in the mode that it was in, also a frozen batch norm."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


class _Recorder(fx.Interpreter):
    """Copies the output of each wanted layer when its last node has run, before a later layer can overwrite it."""

    def __init__(
        self,
        module: fx.GraphModule,
        wanted: set[str],
        found: dict[str, torch.Tensor],
        *,
        prefix: str = "",
        inputs: Sequence[str] = (),
    ) -> None:
        super().__init__(module)
        self.wanted, self.found = wanted, found
        self.ends = {node: label for label, node in _ends(module, prefix, inputs).items()}
        self.within = {node: f"{prefix}{node.meta['layer']}/" for node in module.graph.nodes if "layer" in node.meta}

    def run_node(self, n: fx.Node) -> Any:
        self.running = n
        value = super().run_node(n)
        label = self.ends.get(n)
        if label in self.wanted and isinstance(value, torch.Tensor):
            self.found[label] = value.clone()
        return value

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inner = self.fetch_attr(target)
        if not isinstance(inner, fx.GraphModule):
            return super().call_module(target, args, kwargs)
        return _Recorder(inner, self.wanted, self.found, prefix=self.within[self.running]).run(*args)


def _ends(module: fx.GraphModule, prefix: str = "", inputs: Sequence[str] = ()) -> dict[str, fx.Node]:
    """The last node of every layer that has nodes, by the layer's label; `inputs` are the labels of placeholders."""
    nodes = list(module.graph.nodes)
    placeholders = [node for node in nodes if node.op == "placeholder"]
    ends = dict(zip(inputs, placeholders, strict=False))
    return ends | {prefix + node.meta["layer"]: node for node in nodes if "layer" in node.meta}


def _holders(module: fx.GraphModule, graph: Graph) -> dict[str, str]:
    """For the name of every call, the label under which its output is recorded.

    A layer that does nothing (a linear Activation, Flatten of a vector) has no node; its output is its input.
    """
    recorded = _labels(module, _input_labels(graph))
    flat = graph.flat()
    holder = {label: label for label in recorded}
    made_by = dict(zip(flat.inputs, _input_labels(graph), strict=True))
    for node in flat.nodes:
        holder.setdefault(node.name, made_by.get(node.inputs[0], "") if node.inputs else node.name)
        for number in node.outputs:
            made_by[number] = holder[node.name]
    return {name: label for name, label in holder.items() if label in recorded}


def _labels(module: fx.GraphModule, inputs: Sequence[str] = (), prefix: str = "") -> set[str]:
    """The labels of everything that a run records."""
    labels = set()
    for label, node in _ends(module, prefix, inputs).items():
        inner = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(inner, fx.GraphModule):
            labels |= _labels(inner, prefix=f"{label}/")
            if (
                sum(len(n.args[0]) if isinstance(n.args[0], tuple) else 1 for n in inner.graph.find_nodes(op="output"))
                > 1
            ):
                continue  # several outputs: the name of the network stands for none of them
        labels.add(label)
    return labels


def _input_labels(graph: Graph) -> list[str]:
    return [graph.label(tensor.node) for tensor in graph.inputs]


def _array(value: torch.Tensor) -> np.ndarray:
    value = channels_last(value.detach()).cpu()
    return (value.float() if value.is_floating_point() and value.element_size() < 4 else value).numpy()
