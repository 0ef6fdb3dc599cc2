"""A whole graph used as one layer: nested models, with their weights shared between all calls."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, ShapeError
from striate.graph.graph import Graph
from striate.graph.layer import Layer, shapes_of
from striate.graph.lowering import Shape, Weight
from striate.graph.node import InputLayer, call, distinct
from striate.graph.replaying import replay
from striate.graph.sizes import Open


class Network(Layer):
    """A graph as a layer.  Its input shapes -> its output shapes; weights are those of its layers.

    graph   what it computes
    name    of the layer that it is; None: the class name and a number

    Raises ArgumentError for a name that cannot be a layer's.
    """

    abstract = True
    is_network = True
    _edits = 0  # the latest change of a layer's hyper-parameters that it knows of

    def __init__(self, graph: Graph, name: str | None = None) -> None:
        self.graph = graph
        self.name = name
        Layer.__post_init__(self)

    def own_class(self) -> dict[str, Any]:
        """What a description says of a class of a user's own: its arguments, and how its inputs are nested."""
        return {}

    @property
    def built(self) -> bool:
        """Whether it knows its input, and so the shapes of its weights."""
        return True

    @built.setter
    def built(self, value: bool) -> None:
        """Keras' models say it at the end of ``build``; here it follows from what is known."""

    @property
    def arity(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return len(self.graph.inputs)

    @property  # type: ignore[misc]
    def input_shape(self) -> Any:  # type: ignore[override]
        """The shape of its input as Keras writes it, None for the batch: (None, H, W, C); a list of them for several."""
        return shapes_of(self.graph.check().inputs)

    def _setting(self, name: str) -> Any:
        return None if name == "input_shape" else super()._setting(name)  # it is the graph's, not said

    @property
    def output_shape(self) -> Any:
        """The shape of its output as Keras writes it, None for the batch; a list of them for several."""
        return shapes_of(self.graph.check().outputs)

    @property  # type: ignore[misc]
    def trainable(self) -> bool:  # type: ignore[override]
        """Whether it may learn; False: as a whole it does not.  Setting it sets every layer inside."""
        return self.graph.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.graph.trainable = bool(value)
        for layer in self.graph.layers:
            layer.trainable = bool(value)

    def shape(self, *inputs: Shape) -> Shape | list[Shape]:
        expected = self.graph.check().input_shapes
        if list(inputs) != expected and self._takes(inputs):
            return self._at(inputs)
        if list(inputs) != expected:
            raise ShapeError(
                f"was built for input {_and(expected)}, it got {_and(list(inputs))}. Build it for that size."
            )
        outputs = self.graph.output_shapes
        return outputs[0] if len(outputs) == 1 else outputs

    def _takes(self, inputs: tuple[Shape, ...]) -> bool:
        """Whether inputs differ from its own only in sizes that are left open."""
        pairs = list(zip(inputs, self.graph.input_shapes, strict=False))
        return len(inputs) == len(self.graph.inputs) and all(
            len(one) == len(own) and all(n == m or isinstance(m, Open) for n, m in zip(one, own, strict=True))
            for one, own in pairs
        )

    def _at(self, inputs: tuple[Shape, ...]) -> Any:
        """The output's shape for inputs of other sizes."""
        found = {(t.node.serial, t.index): shape for t, shape in zip(self.graph.inputs, inputs, strict=True)}
        for node in self.graph.nodes:
            if node.inputs:
                out = node.layer.shape(*(found[t.node.serial, t.index] for t in node.inputs))
                found |= {(node.serial, i): one for i, one in enumerate(out if isinstance(out, list) else [out])}
        ends = [found[t.node.serial, t.index] for t in self.graph.outputs]
        return ends[0] if len(ends) == 1 else ends

    def resize(self, inputs: tuple[Shape, ...]) -> None:
        """Take inputs of other sizes from now on, where its own are left open; its layers and weights stay.

        inputs   a shape for each

        Raises ArgumentError and ShapeError where a layer does not fit.
        """
        graph = self.graph
        if list(inputs) == graph.input_shapes or not self._takes(inputs):
            return
        self.begin_with(
            tuple(
                tuple(
                    Open(int(n), m.other + 32 * (n == m.other)) if isinstance(m, Open) else int(n)
                    for n, m in zip(shape, tensor.sizes, strict=True)
                )
                for tensor, shape in zip(graph.inputs, inputs, strict=True)
            )
        )

    def begin_with(self, shapes: tuple[Shape, ...]) -> None:
        """Begin with inputs of other shapes, of which sizes may be open; its layers and weights stay.

        shapes   for each input

        Raises ArgumentError for another number of them, ShapeError where a layer does not fit.
        """
        graph, starts = self.graph, []
        for tensor, shape in zip(graph.inputs, shapes, strict=True):
            old: Any = tensor.node.layer
            start = InputLayer(input_shape=shape, dtype=old.dtype, batch_size=old.batch_size, name=old.name)
            start.auto_named = old.auto_named
            starts.append(call(start, ()))
        now = replay(graph, starts)
        made = Graph(starts, [now(tensor) for tensor in graph.outputs], auxiliary=graph.auxiliary).like(graph)
        features = self.__dict__.get("features")
        self.__dict__["features"] = features if features is None else now(features)
        self._regraphed(made)

    def _current(self, graph: Graph) -> Graph:
        """Its graph, or one like it where a layer in it was given another hyper-parameter: what was built counts no more."""
        known, self._edits = self._edits, Layer.edits
        if all(layer.__dict__.get("_edited", 0) <= known for layer in every_layer(graph)):
            return graph
        made = Graph(graph.inputs, graph.outputs, auxiliary=graph.auxiliary).like(graph)
        self._regraphed(made)
        if "_plan" in self.__dict__:
            self.__dict__["_plan"] = None
        return made

    def _regraphed(self, graph: Graph) -> None:
        """Hold another graph of the same layers."""
        self.__dict__["_graph" if "_graph" in self.__dict__ else "graph"] = graph
        self.torch_module = None
        for key in ("_predictor", "_engines", "_trainer"):
            if key in self.__dict__:
                self.__dict__[key] = None

    def parameters(self, *inputs: Shape) -> dict[str, Weight]:
        if not inputs:  # as torch's modules are asked for tensors
            raise ArgumentError(
                "parameters(shape) says what arrays there are for an input of a shape. The tensors are in "
                "model.module.parameters(): torch.optim.SGD(model.module.parameters(), lr=0.01)."
            )
        return self._gather("parameters")

    def buffers(self, *inputs: Shape) -> dict[str, Weight]:
        return self._gather("buffers")

    def mults(self, *inputs: Shape) -> int:
        return sum(node.layer.mults(*node.input_shapes) for node in self.graph.nodes)

    def _gather(self, which: str) -> dict[str, Weight]:
        gathered: dict[str, Weight] = {}
        for node in self.graph.nodes:
            if self.graph.first_call(node):
                arrays = getattr(node.layer, which)(*node.input_shapes)
                gathered |= {f"{self.graph.name(node.layer)}.{key}": weight for key, weight in arrays.items()}
        return gathered


def every_layer(graph: Graph) -> list[Layer]:
    """The distinct layers of a graph and of every network nested in it, in order.

    graph   where to look
    """
    layers: list[Layer] = []
    for layer in graph.layers:
        layers += every_layer(layer.graph) if isinstance(layer, Network) else [layer]
    return distinct(layers)


def learning_layers(graph: Graph) -> list[Layer]:
    """Those of ``every_layer`` that training changes: trainable themselves, in a graph that is.

    What a network within says counts when it is set, for all layers in it: one that is set free after that learns, as in
    Keras.

    graph    where to look
    """
    return [layer for layer in every_layer(graph) if layer.trainable] if graph.trainable else []


def _and(shapes: list[Shape]) -> str:
    return " and ".join(map(str, shapes))
