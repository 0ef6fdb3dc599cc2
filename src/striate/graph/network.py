"""A whole graph used as one layer: nested models, with their weights shared between all calls."""

from __future__ import annotations

from striate.errors import ShapeError
from striate.graph.graph import Graph
from striate.graph.layer import Layer
from striate.graph.lowering import Shape, Weight
from striate.graph.node import distinct


class Network(Layer):
    """A graph as a layer.  Its input shapes -> its output shapes; weights are those of its layers.

    graph   what it computes
    name    of the layer that it is; None: the class name and a number

    Raises ArgumentError for a name that cannot be a layer's.
    """

    abstract = True
    is_network = True

    def __init__(self, graph: Graph, name: str | None = None) -> None:
        self.graph = graph
        self.name = name
        self.input_shape = None
        Layer.__post_init__(self)

    @property
    def arity(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return len(self.graph.inputs)

    @property  # type: ignore[misc]
    def trainable(self) -> bool:  # type: ignore[override]
        """True when any layer inside is trainable; setting it sets every layer inside."""
        return any(layer.trainable for layer in every_layer(self.graph))

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in every_layer(self.graph):
            layer.trainable = value

    def shape(self, *inputs: Shape) -> Shape | list[Shape]:
        expected = self.graph.check().input_shapes
        if list(inputs) != expected:
            raise ShapeError(
                f"was built for input {_and(expected)}, it got {_and(list(inputs))}. Build it for that size."
            )
        outputs = self.graph.output_shapes
        return outputs[0] if len(outputs) == 1 else outputs

    def parameters(self, *inputs: Shape) -> dict[str, Weight]:
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


def _and(shapes: list[Shape]) -> str:
    return " and ".join(map(str, shapes))
