"""Graph -> ``torch.fx.GraphModule``."""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from striate import layers
from striate.backend import rows, windows  # noqa: F401  they fill the table
from striate.backend.init import fill
from striate.backend.table import ROWS
from striate.errors import ArgumentError
from striate.graph import Graph, InputLayer, Layer, Network, Node, SymbolicTensor, every_layer

# Layers whose own backward needs their input but not their output, so that what follows may overwrite the output.
_FREE_OUTPUT = (
    layers.Conv1D,
    layers.Conv2D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
    layers.BatchNormalization,
    layers.Add,
    layers.TrainableSubsampling2D,
    layers.PartialConv2D,
)


class Builder:
    """Writes the fx graph of one network; the rows of ``table`` call it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.root = nn.Module()
        self.fx = fx.Graph()
        self.label, self.named = "", False
        self.readers: dict[int, int] = {}
        for node in graph.nodes:
            for tensor in node.inputs:
                self.readers[id(tensor)] = self.readers.get(id(tensor), 0) + 1
        for tensor in graph.outputs:
            self.readers[id(tensor)] = self.readers.get(id(tensor), 0) + 1

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """A function call in the forward, named after the layer: ``conv2d``, then ``conv2d_relu``."""
        name = f"{self.label}_{getattr(function, '__name__', 'call')}" if self.named else self.label
        self.named = True
        return self.fx.create_node("call_function", function, args, kwargs, name)

    def prepare(self, function: Callable[..., Any], *args: Any) -> fx.Node:
        """A function call on the way to the layer's own: ``conv2d_pad``, so that what follows can be ``conv2d``."""
        return self.fx.create_node("call_function", function, args, {}, f"{self.label}_{function.__name__}")

    def module(self, node: Node, make: Callable[[], nn.Module], x: fx.Node) -> fx.Node:
        """A call of the layer's submodule, made and initialised the first time the layer is built anywhere."""
        layer, name = node.layer, self.graph.name(node.layer)
        if layer.built is None:
            layer.built = _initialised(layer, node, make)
        self.add(name, layer)
        self.named = True
        return self.fx.create_node("call_module", name, (x,), {}, self.label)

    def add(self, name: str, layer: Layer) -> None:
        """Put a built layer under its name.  Raises ArgumentError where torch or Python needs that name itself."""
        if name not in self.root._modules:
            if hasattr(self.root, name) or hasattr(fx.GraphModule, name) or keyword.iskeyword(name):
                raise ArgumentError(
                    f'{layer.kind} "{name}": no part of a torch module can be named "{name}". Rename it.'
                )
            self.root.add_module(name, layer.built)

    def may_overwrite(self, tensor: SymbolicTensor) -> bool:
        """Whether an activation on `tensor` may run in place: nobody else reads it, its own backward does not either."""
        layer = tensor.node.layer
        return (
            self.readers[id(tensor)] == 1
            and isinstance(layer, _FREE_OUTPUT)
            and getattr(layer, "activation", None) in (None, "linear")
        )

    def finish(self) -> fx.GraphModule:
        """Write every node and return the module."""
        values: dict[tuple[int, int], Any] = {}
        for tensor in self.graph.inputs:
            values[tensor.node.serial, 0] = self.fx.placeholder(_variable(self.graph.label(tensor.node)))
        for node in self.graph.nodes:
            if isinstance(node.layer, InputLayer):
                continue
            xs = [values[t.node.serial, t.index] for t in node.inputs]
            before = len(self.fx.nodes)
            self.label, self.named = _variable(self.graph.label(node)), False
            out = self._write(node, xs)
            for written in itertools.islice(reversed(self.fx.nodes), len(self.fx.nodes) - before):
                written.meta["layer"] = self.graph.label(node)
            if len(node.outputs) == 1:
                values[node.serial, 0] = out
            else:
                for i in range(len(node.outputs)):
                    values[node.serial, i] = self.call(_item, out, i)
        results = [values[t.node.serial, t.index] for t in self.graph.outputs]
        self.fx.output(results[0] if len(results) == 1 else tuple(results))
        self.fx.lint()
        module = fx.GraphModule(self.root, self.fx, "Network")
        module._register_state_dict_hook(_mark)
        return module

    def _write(self, node: Node, xs: list[fx.Node]) -> fx.Node:
        layer = node.layer
        if isinstance(layer, Network):
            name = self.graph.name(layer)
            if layer.built is None:
                layer.built = build(layer.graph)
            self.add(name, layer)
            return self.fx.create_node("call_module", name, tuple(xs), {}, self.label)
        for kind in type(layer).__mro__:
            if kind in ROWS:
                return ROWS[kind](self, node, xs)
        raise ArgumentError(f'{layer.kind} "{self.graph.name(layer)}": no torch implementation is registered for it.')


def _mark(module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Say in a state_dict, where torch keeps versions, that maps are flattened (H, W, C): torch's own are (C, H, W)."""
    metadata["layout"] = "striate"


def _variable(label: str) -> str:
    """A Python variable for a call."""
    name = re.sub(r"\W|^(?=\d)", "_", label)
    return f"{name}_" if name == "self" or keyword.iskeyword(name) else name


def _item(values: Any, index: int) -> Any:
    return values[index]


def _initialised(layer: Layer, node: Node, make: Callable[[], nn.Module]) -> nn.Module:
    """The layer's module with the weights that its description asks for, 4-D ones in channels_last memory."""
    with torch.device("meta"):
        module = make()
    module.to_empty(device="cpu")
    for buffer in module.buffers():
        buffer.zero_()
    shapes = node.input_shapes
    for name, weight in (layer.weights(*shapes) | layer.buffers(*shapes)).items():
        tensor = module.get_parameter(name) if name in dict(module.named_parameters()) else module.get_buffer(name)
        assert tuple(tensor.shape) == weight.shape, (layer.kind, name, tuple(tensor.shape), weight.shape)
        fill(tensor, weight)
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def build(graph: Graph) -> fx.GraphModule:
    """The graph as a torch module: (N, C, H, W) tensors in and out, state_dict keys = layer names.

    graph   the network

    Weights are drawn from torch's global generator the first time a layer is built and shared by every module built
    from the same layer after that.  Raises the graph's fault if it has one.
    """
    module = Builder(graph.check()).finish()
    apply_trainable(graph)
    return module


def apply_trainable(graph: Graph) -> None:
    """Give every parameter the ``trainable`` flag of its layer."""
    for layer in every_layer(graph):
        if layer.built is not None:
            for parameter in layer.built.parameters():
                parameter.requires_grad_(layer.trainable)


def set_mode(module: nn.Module, graph: Graph, training: bool) -> None:
    """Training or prediction mode; a frozen batch norm stays in prediction mode, so that its averages do not move.

    module     what ``build`` made of `graph`
    graph      the network
    training   True for training, False for prediction
    """
    module.train(training)
    if training:
        for layer in every_layer(graph):
            if not layer.trainable and isinstance(layer, layers.BatchNormalization) and layer.built is not None:
                layer.built.eval()


def logits_module(module: fx.GraphModule, functions: list[str | None]) -> tuple[fx.GraphModule, list[bool]]:
    """The module without the softmax or sigmoid at its outputs, sharing its submodules.

    module      what ``build`` makes
    functions   per output, the activation that its loss can take over ("softmax", "sigmoid"), or None to keep it

    Returns the module and, per output, whether something was removed.
    """
    known = {"softmax": torch.nn.functional.softmax, "sigmoid": torch.sigmoid}
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    output = next(node for node in reversed(graph.nodes) if node.op == "output")
    results = output.args[0]
    listed = list(results) if isinstance(results, list | tuple) else [results]
    removed = []
    for i, (result, function) in enumerate(zip(listed, functions, strict=True)):
        match = function is not None and isinstance(result, fx.Node) and result.target is known[function]
        removed.append(match)
        if match and isinstance(result, fx.Node):
            listed[i] = result.args[0]
    if not any(removed):
        return module, removed
    output.args = (tuple(listed) if isinstance(results, list | tuple) else listed[0],)
    for node in reversed(list(graph.nodes)):
        if node.op != "output" and node.op != "placeholder" and not node.users:
            graph.erase_node(node)
    return fx.GraphModule(module, graph, "Network"), removed
