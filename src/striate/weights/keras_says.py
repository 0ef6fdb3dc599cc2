"""What Keras has a word for: layers whose arguments only striate takes cannot be in a file that Keras is to read."""

from __future__ import annotations

from striate.errors import ArgumentError
from striate.graph import Graph, Layer, padding_for_keras
from striate.wording import inner

_ACTIVATIONS_HERE = ("scaled_tanh", "hard_swish")


def check_for_keras(graph: Graph, path: str) -> None:
    """Raise ArgumentError, naming the first layer with an argument that Keras has not.

    graph   of the model
    path    of the file that is to be written
    """
    makers: dict[int, Layer] = {}
    for node in graph.flat().nodes:
        makers |= dict.fromkeys(node.outputs, node.layer)
        reason = _reason(node.layer, makers.get(node.inputs[0]) if node.inputs else None)
        if reason:
            raise ArgumentError(
                f'{path}: {node.layer.kind} "{node.name}" {inner(reason)}. A folder holds it: '
                "save to a name without an ending."
            )
    if graph.auxiliary:
        raise ArgumentError(
            f"{path}: Keras has no auxiliary outputs. A folder holds them: save to a name without an ending."
        )


def _reason(layer: Layer, before: Layer | None) -> str:
    padding = padding_for_keras(layer, before)
    if isinstance(padding, str):
        return padding
    activation = getattr(layer, "activation", None)
    if activation in _ACTIVATIONS_HERE:
        return f"has activation={activation!r}, which Keras has not"
    return ""
