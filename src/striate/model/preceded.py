"""A network with layers in front of it, such as augmentation or a border."""

from __future__ import annotations

from collections.abc import Sequence

from striate.errors import ArgumentError
from striate.graph import Graph, InputLayer, Layer, Shape, replay
from striate.graph.node import call
from striate.model.model import Model
from striate.wording import plural


def preceded(model: Model, layers: Sequence[Layer], shape: Shape | None = None) -> Model:
    """The same network, weights shared, behind layers that its input goes through first.

    model    of one input
    layers   in their order
    shape    of the new input, channels-last; None: as the network's

    Raises ArgumentError for several inputs, ShapeError where a layer does not fit.
    """
    graph = model.graph.check()
    if len(graph.inputs) != 1:
        raise ArgumentError(
            f"{model.name or 'the network'} has {plural(len(graph.inputs), 'input')}; layers go in front of one."
        )
    (old,) = graph.inputs
    x = begin = call(InputLayer(old.sizes if shape is None else shape, dtype=old.dtype), ())
    for layer in layers:
        x = layer(x)
    now = replay(graph, [x])
    fresh = Graph([begin], [now(tensor) for tensor in graph.outputs], auxiliary=graph.auxiliary).like(graph)
    made = (Model if model.has_own_call else type(model)).from_graph(fresh, model.name)
    made.labels, made.preprocessing, made._decoding = model.labels, model.preprocessing, model._decoding
    made.features = None if model.features is None else now(model.features)
    return made
