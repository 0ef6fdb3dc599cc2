"""Sequential: a model that is a stack of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from striate.errors import ArgumentError, NotBuiltError, ShapeError
from striate.graph import Graph, InputLayer, Layer, Network, Shape, SymbolicTensor, chain, checked_shape
from striate.graph.sizes import Open
from striate.model import Model
from striate.model.tracing import beginnings


class Sequential(Model):
    """Layers one after the other.  The first one tells the input: ``layers.Input(shape)`` or ``input_shape=``.

    layers      in their order; None: none yet, ``add`` appends them
    trainable   False: training leaves the weights of all of them as they are
    name        of the model, or None

    A layer that does not fit is an error when the model is used; ``summary()`` and ``size()`` show the table up to it.
    """

    def __init__(
        self,
        layers: Sequence[Layer | SymbolicTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        self._stack: list[Layer] = []
        self._graph: Graph | None = None
        self._learns = True
        self._declared: Shape | None = None
        self._begin({*self.__dict__}, name)
        if not isinstance(trainable, bool):
            raise ArgumentError(f"Sequential: trainable is True or False, not {trainable!r}.")
        for layer in layers or ():
            self.add(layer)
        if not trainable:
            self.trainable = False

    @classmethod
    def from_graph(cls, graph: Graph, name: str | None = None) -> Model:
        """A model of the existing `graph`, called `name`: a Sequential where the graph is a chain, else a Model."""
        if not graph.check().is_sequential:
            return Model.from_graph(graph, name)
        model = cls(name=name)
        model._stack = [node.layer for node in graph.nodes]
        model._graph, model._learns = graph, graph.trainable
        return model

    @property
    def kind(self) -> str:
        return "Sequential"

    @property
    def arity(self) -> int:  # type: ignore[override]
        return 1

    @property
    def layers(self) -> list[Layer]:
        if self.built:
            self.graph  # names the layers
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    @property
    def graph(self) -> Graph:  # type: ignore[override]
        """The chain of layers; it carries a fault when one does not fit.  Raises NotBuiltError without an input."""
        if self._graph is None:
            self._graph = chain(self._stack, self._declared)
            if self._graph is not None:
                self._graph.trainable = self._learns
        if self._graph is None:
            raise NotBuiltError(
                f"{self._title} does not know its input yet: begin with layers.Input(shape), give the first layer "
                "input_shape=..., or call build(shape)."
                if self._stack
                else f"{self._title} has no layers yet: add some."
            )
        return self._graph if self._edits == Layer.edits else self._current(self._graph)

    @graph.setter
    def graph(self, graph: Graph) -> None:
        self._graph = graph

    @property  # type: ignore[misc]
    def trainable(self) -> bool:  # type: ignore[override]
        return self._learns

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._learns = bool(value)
        if self._graph is not None:
            self._graph.trainable = self._learns
        for layer in self._stack:
            layer.trainable = self._learns

    def add(self, layer: Layer | SymbolicTensor, rebuild: bool = True) -> None:
        """Put a layer at the end.

        layer     a layer, or ``layers.Input(shape)``
        rebuild   Keras' argument; the network is put together when it is asked for

        Raises ArgumentError for what is no layer, an Input that is not the first, and a layer that is in it already.
        """
        if isinstance(layer, SymbolicTensor):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise ArgumentError(f"Sequential takes layers, such as layers.Dense(10); it got {layer!r}.")
        if isinstance(layer, InputLayer) and self._stack:
            raise ArgumentError("an Input can only come first.")
        given = None if layer.auto_named else layer.name
        if given is not None and any(given == other.name for other in self._stack if other is not layer):
            raise ArgumentError(f'a layer "{given}" is in this Sequential already; give each its own name.')
        if any(layer is other for other in self._stack):
            raise ArgumentError(f'{layer.kind} "{layer.name}" is in this Sequential already; share layers in a Model.')
        self._stack.append(layer)
        self._changed()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off.

        rebuild   Keras' argument; the network is put together when it is asked for

        Raises ArgumentError where there is none.
        """
        if not self.layers:
            raise ArgumentError(f"{self._title} has no layers to take off.")
        layer = self._stack.pop()
        self._changed()
        return layer

    def _meet(self, given: Any) -> None:
        if self._stack and not self.built:
            _, shapes = beginnings(self._title, given)
            self._declared = shapes[0]
            self._changed()

    def _changed(self) -> None:
        self._graph = None
        self.torch_module = None
        self._plan = None
        self._trainer = None

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Tell the input's shape.

        input_shape     channels-last; a leading None (Keras' batch) is dropped; None: the one that its first layer tells

        Raises ShapeError for what is no shape, or another one than its Input has.
        """
        if input_shape is None:
            self.graph.check()
            return
        shape = tuple(input_shape)
        known = self.graph.input_shapes[0] if self._stack and self._declared is None and self.built else None
        if known is not None:
            if not any(_fits(one, known) for one in (shape, shape[1:])):
                raise ShapeError(f"{self._title} has its input already, {known}; {shape} was given to build.")
            return
        self._declared = checked_shape(self._title, shape[1:] if shape and shape[0] is None else shape)
        self._changed()

    @Network.built.getter  # type: ignore[attr-defined, untyped-decorator]
    def built(self) -> bool:
        """Whether the input's shape is known."""
        try:
            return self.graph is not None
        except ArgumentError:
            return False

    def shape(self, *inputs: Shape) -> Shape | list[Shape]:
        if not self.built:
            self.build(inputs[0])
        return super().shape(*inputs)

    @property
    def _functional(self) -> Any:
        """The same network as a model of calls."""
        return Model.from_graph(self.graph.check(), self.name)


def _fits(shape: tuple[Any, ...], known: Shape) -> bool:
    """Whether a shape is the one that is known, where it says anything."""
    return len(shape) == len(known) and all(
        n in (None, m) or isinstance(m, Open) for n, m in zip(shape, known, strict=True)
    )
