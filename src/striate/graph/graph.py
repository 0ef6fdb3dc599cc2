"""The graph: the calls that lead from inputs to outputs, in order, with a name for every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from striate.doors import budgets
from striate.errors import ArgumentError, ShapeError, StriateError, unknown
from striate.graph.layer import Layer
from striate.graph.lowering import Lowering, Shape, Step
from striate.graph.nested import names
from striate.graph.node import (
    InputLayer,
    Node,
    SymbolicTensor,
    automatic_names,
    call,
    distinct,
)
from striate.wording import plural


@dataclass
class Fault:
    """Where a description stops making sense: the layer after the last good node, and why.

    name    of the layer
    kind    its class
    error   what is wrong with it
    """

    name: str
    kind: str
    error: StriateError


class Graph:
    """Calls of layers from `inputs` to `outputs`.

    inputs      symbolic tensors, outputs of ``Input``
    outputs     symbolic tensors that depend on them
    nodes       every call, in the order it was written down (each after its inputs)
    layers      the distinct layers, in order of their first call
    fault       None, or the layer at which the description breaks off; then `outputs` is the last good tensor
    auxiliary   loss weights above 0 of the outputs after the first, when these only help training
    modes       what calls say of their mode, at any depth: True, False, both or nothing
    trainable   False: as a whole, none of its layers learns, whatever their own ``trainable`` says
    nested      how the inputs and how the outputs are nested in lists and dicts, the place of each where it stands; None: in
                a list, or one alone
    tracked     the layers as a class of a user's own holds them, whose order is Keras' then; None: it has none

    Raises ArgumentError when an output depends on an input that is not among `inputs`, or two layers share a name.
    """

    def __init__(
        self,
        inputs: Sequence[SymbolicTensor],
        outputs: Sequence[SymbolicTensor],
        *,
        fault: Fault | None = None,
        auxiliary: Sequence[float] = (),
    ) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.fault = fault
        self.trainable = True
        self.tracked: list[Layer] | None = None
        self.nested: tuple[Any, Any] = None, None
        self.auxiliary = tuple(float(weight) for weight in auxiliary)
        if self.auxiliary and len(self.outputs) != 1 + len(self.auxiliary):
            raise ArgumentError(f"auxiliary outputs go with one output, not with {len(outputs) - len(auxiliary)}.")
        if any(not 0 < weight < float("inf") for weight in self.auxiliary):
            raise ArgumentError(f"the weight of an auxiliary loss is above 0; {list(self.auxiliary)} were given.")
        self.nodes = self._between()
        self.layers = distinct([node.layer for node in self.nodes])
        inside = [layer.graph.modes for layer in self.layers if layer.is_network]  # type: ignore[attr-defined]
        self.modes = frozenset({node.training for node in self.nodes} - {None}).union(*inside)
        #: how many calls there are when every nested network is opened each time that it is called
        inner: list[Any] = [node.layer for node in self.nodes]
        self.calls: int = sum(int(layer.graph.calls) if layer.is_network else 1 for layer in inner)
        self._names = self._named()
        self._calls: dict[Node, tuple[int, int]] = {}
        counts: dict[int, int] = {}
        for node in self.nodes:
            index = counts.get(id(node.layer), 0)
            counts[id(node.layer)] = index + 1
            self._calls[node] = (index, counts[id(node.layer)])

    def _between(self) -> list[Node]:
        """The nodes from inputs to outputs; a given input stands for everything before it."""
        stops = {tensor.node.serial for tensor in self.inputs}
        seen: dict[int, Node] = {tensor.node.serial: tensor.node for tensor in self.inputs}
        stack = [tensor.node for tensor in self.outputs]
        while stack:
            node = stack.pop()
            if node.serial in seen:
                continue
            if not node.inputs and node.serial not in stops:
                raise ArgumentError(
                    f'an output depends on the input "{node.layer.name or "input"}" of shape {node.shape}, which is '
                    "not among the model's inputs. Add it to inputs=."
                )
            seen[node.serial] = node
            stack.extend(tensor.node for tensor in node.inputs)
        for tensor in self.inputs:
            if not isinstance(tensor.node.layer, InputLayer):
                raise ArgumentError(f"a model starts at layers.Input(...); {tensor!r} is the output of another layer.")
        return [seen[key] for key in sorted(seen)]

    def __getstate__(self) -> dict[str, Any]:
        return {"nodes": self.nodes} | self.__dict__  # in order: a copy of a deep network goes from call to call

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for node in self.nodes:
            node.renew()

    def _named(self) -> dict[Layer, str]:
        names = automatic_names(self.layers)
        owner: dict[str, Layer] = {}
        for layer in self.layers:
            name = names[id(layer)]
            if name in owner:
                raise ArgumentError(
                    f'two layers are named "{name}" ({owner[name].kind} and {layer.kind}). Give each its own name.'
                )
            owner[name] = layer
            if layer.name is None:
                layer.name = name
        self._by_name = owner
        return {layer: names[id(layer)] for layer in self.layers}

    # -- names -----------------------------------------------------------------------------------------------------
    def name(self, layer: Layer) -> str:
        """The layer's name in this graph.

        layer   one of ``layers``
        """
        return self._names[layer]

    def label(self, node: Node) -> str:
        """The name of a call: the layer's name, and ``#2``, ``#3`` … for the later calls of a shared layer.

        node   one of ``nodes``
        """
        index = self._calls[node][0]
        return self.name(node.layer) + (f"#{index + 1}" if index else "")

    def first_call(self, node: Node) -> bool:
        """Whether this is its layer's first call in the graph; weights are counted there.

        node   one of ``nodes``
        """
        return self._calls[node][0] == 0

    def layer(self, name: str) -> Layer:
        """The layer called `name`, with "_" for the dots of Keras' names.  Raises ArgumentError, naming the nearest."""
        name = name if name in self._by_name else name.replace(".", "_")
        if name not in self._by_name:
            raise unknown("layer name", name, self._by_name)
        return self._by_name[name]

    def node(self, label: str) -> Node:
        """The call with this `label`.  Raises ArgumentError, naming the nearest."""
        for node in self.nodes:
            if self.label(node) == label:
                return node
        raise unknown("layer name", label, [self.label(node) for node in self.nodes])

    # -- facts -----------------------------------------------------------------------------------------------------
    @property
    def input_names(self) -> list[str]:
        """The name of each input: its key where the inputs are a dict, else that of its layer."""
        return self._ends(self.inputs, self.nested[0])

    @property
    def output_names(self) -> list[str]:
        """The name of each output: its key where the outputs are a dict, else that of its layer."""
        return self._ends(self.outputs, self.nested[1])

    def _ends(self, tensors: list[SymbolicTensor], structure: Any) -> list[str]:
        keys: list[str | None] = names(structure) if structure is not None else [None] * len(tensors)
        return [key or self.label(tensor.node) for key, tensor in zip(keys, tensors, strict=True)]

    def like(self, other: Graph) -> Graph:
        """The graph itself, once it has taken from another what is said beside the calls.

        other   whether its layers learn, and how its inputs and outputs are nested
        """
        self.trainable, self.nested = other.trainable, other.nested
        return self

    @property
    def input_shapes(self) -> list[Shape]:
        """A shape per input, without the batch."""
        return [tensor.sizes for tensor in self.inputs]

    @property
    def output_shapes(self) -> list[Shape]:
        """A shape per output, without the batch."""
        return [tensor.sizes for tensor in self.outputs]

    @property
    def is_sequential(self) -> bool:
        """One chain: each node takes the one tensor before it."""
        return all(
            len(node.inputs) == 1 and node.inputs[0].node is before and len(node.outputs) == 1
            for before, node in zip(self.nodes, self.nodes[1:], strict=False)
        ) and (len(self.inputs) == len(self.outputs) == 1)

    def without_auxiliary(self) -> Graph:
        """The graph of prediction: without auxiliary outputs and what only they need."""
        if not self.auxiliary:
            return self
        main = Graph(self.inputs, self.outputs[:1])
        main.nested = self.nested[0], None
        return main

    def check(self) -> Graph:
        """The graph itself.  Raises the fault, a StriateError, if it has one."""
        if self.fault is not None:
            raise self.fault.error
        return self

    def flat(self) -> FlatGraph:
        """The same calls with every nested network opened, names joined by ``/``.

        Raises ShapeError for more than 20,000 of them.
        """
        if self.calls > budgets.CALLS:
            raise ShapeError(f"the network has {self.calls:,} calls, the limit is {budgets.CALLS:,}.")
        return FlatGraph(self)


@dataclass(eq=False)
class FlatNode:
    """A call in a flattened graph.

    name                   the call's label, with the names of the networks it is nested in, joined by ``/``
    layer                  what is called
    inputs, outputs        numbers of tensors
    input_shapes, shape    shapes that go in, and the shape that comes out
    first                  whether it is its layer's first call
    path                   names of the networks it is nested in, outermost first
    trainable              whether the layer and the whole graph are
    training               the mode that the call, or that of a network around it, says; None: that of the whole
    """

    name: str
    layer: Layer
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_shapes: tuple[Shape, ...]
    shape: Shape
    first: bool
    path: tuple[str, ...] = ()  # names of the networks it is nested in, outermost first
    trainable: bool = True
    training: bool | None = None

    @cached_property
    def lowering(self) -> Lowering:
        """The call in primitives."""
        return self.layer.lowering(*self.input_shapes)


@dataclass(eq=False)
class Operation:
    """A primitive in a flattened graph.

    call             the call that it is a step of
    step             the primitive, with its shapes
    inputs, output   numbers of tensors, as ``operations`` counts them
    """

    call: FlatNode
    step: Step
    inputs: tuple[int, ...]
    output: int


class FlatGraph:
    """Calls in order, with nested networks opened; tensors are numbered.

    graph    what is opened
    nodes    every call
    shapes   of each tensor, without the batch; dtypes: its type of numbers
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[FlatNode] = []
        self.shapes: list[Shape] = []
        self.dtypes: list[str] = []
        self._seen: set[int] = set()
        self.inputs: list[int] = []
        for tensor in graph.inputs:
            self.inputs.append(self._new(tensor))
        self.outputs = self._open(graph, self.inputs, (), graph.trainable, None)

    def _new(self, tensor: SymbolicTensor) -> int:
        self.shapes.append(tensor.sizes)
        self.dtypes.append(tensor.dtype)
        return len(self.shapes) - 1

    def _open(
        self, graph: Graph, inputs: list[int], path: tuple[str, ...], trainable: bool, training: bool | None
    ) -> list[int]:
        number = {(t.node.serial, t.index): i for t, i in zip(graph.inputs, inputs, strict=True)}
        for node in graph.nodes:
            if isinstance(node.layer, InputLayer):
                continue
            given = [number[t.node.serial, t.index] for t in node.inputs]
            name = graph.label(node)
            layer: Any = node.layer
            mode = node.training if training is None else training
            if layer.is_network:
                outs = self._open(layer.graph, given, (*path, name), trainable, mode)
            else:
                outs = [self._new(tensor) for tensor in node.outputs]
                first = id(node.layer) not in self._seen
                self._seen.add(id(node.layer))
                self.nodes.append(
                    FlatNode(
                        "/".join((*path, name)),
                        node.layer,
                        tuple(given),
                        tuple(outs),
                        node.input_shapes,
                        node.shape,
                        first,
                        path,
                        trainable and layer.trainable,
                        mode,
                    )
                )
            for tensor, i in zip(node.outputs, outs, strict=True):
                number[node.serial, tensor.index] = i
        return [number[t.node.serial, t.index] for t in graph.outputs]


def operations(flat: FlatGraph) -> tuple[list[Operation], list[Shape]]:
    """The primitives of all calls in order, and the shape of every tensor: those of the calls first, then those within.

    flat   a graph with its nested networks opened
    """
    shapes, made = list(flat.shapes), []
    for node in flat.nodes:
        lowering = node.lowering
        outer = dict(zip(lowering.outputs, node.outputs, strict=True))
        number = dict(enumerate(node.inputs))
        for step in lowering.steps:
            output = outer.get(step.output)
            if output is None:
                output = len(shapes)
                shapes.append(step.shape)
            number[step.output] = output
            made.append(Operation(node, step, tuple(number[i] for i in step.inputs), output))
    return made, shapes


def last_maps(flat: FlatGraph) -> FlatNode | None:
    """The last call with maps of more than one cell that the first output depends on; None where there is none.

    flat   a graph with its nested networks opened
    """
    wanted = {flat.outputs[0]}
    for node in reversed(flat.nodes):
        if not wanted.isdisjoint(node.outputs):
            if len(node.shape) == 3 and max(node.shape[:-1]) > 1:
                return node
            wanted |= set(node.inputs)
    return None


def chain(layers: Sequence[Layer], input_shape: Shape | None = None) -> Graph | None:
    """The graph of layers one after the other; None while the input's shape is not known.

    layers        the first tells the shape through ``input_shape=`` unless it is an Input
    input_shape   the shape, where the first layer does not tell it

    A layer that does not fit, such as one that raises ShapeError, becomes the graph's fault, so that everything before it
    can still be shown.
    """
    if not layers:
        return None
    first, rest = layers[0], list(layers)
    if isinstance(first, InputLayer):
        source = first
        rest = rest[1:]
    else:
        own = None if first.is_network else first.input_shape
        shape, dtype = input_shape or own, getattr(first, "input_dtype", "float32")
        if shape is None and (tensor := _own_input(first)) is not None:
            shape, dtype = tensor.sizes, tensor.dtype
        if shape is None:
            return None
        source = InputLayer(input_shape=shape, dtype=dtype)
    start = tensor = source.node.outputs[0] if source.node is not None else call(source, ())
    done: list[Layer] = [source]
    for layer in rest:
        try:
            result = call(layer, tensor)
            if isinstance(result, list):
                raise ShapeError(
                    f"returns {plural(len(result), 'output')}; use a functional Model, Sequential takes one."
                )
        except StriateError as error:
            name = automatic_names(distinct([*done, layer]))[id(layer)]
            return Graph([start], [tensor], fault=Fault(name, layer.kind, error))
        tensor = result
        done.append(layer)
    return Graph([start], [tensor])


def _own_input(layer: Layer) -> SymbolicTensor | None:
    """The input that a nested network was built for, if it has one and knows it."""
    network: Any = layer
    if not layer.is_network:
        return None
    try:
        return network.graph.inputs[0] if layer.arity == 1 else None
    except ArgumentError:  # a Sequential whose input's shape is not known yet
        return None
