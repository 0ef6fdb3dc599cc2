"""What Keras has a word for: layers whose arguments only striate takes cannot be in a file that Keras is to read."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError
from striate.graph import Graph, Layer
from striate.wording import inner

_ACTIVATIONS_HERE = ("scaled_tanh", "hard_swish")


def check_for_keras(graph: Graph, path: str) -> None:
    """Raise ArgumentError, naming the first layer with an argument that Keras has not.

    graph   of the model
    path    of the file that is to be written
    """
    for node in graph.flat().nodes:
        reason = _reason(node.layer)
        if reason:
            raise ArgumentError(
                f'{path}: {node.layer.kind} "{node.name}" {inner(reason)}. A folder holds it: '
                "save to a name without an ending."
            )
    if graph.auxiliary:
        raise ArgumentError(
            f"{path}: Keras has no auxiliary outputs. A folder holds them: save to a name without an ending."
        )


def _reason(layer: Layer) -> str:
    padding: Any = getattr(layer, "padding", None)
    slides = hasattr(layer, "kernel_size") or hasattr(layer, "pool_size")
    if slides and padding is not None and not isinstance(padding, str):
        return f"has padding={padding!r}, which Keras has not: put ZeroPadding2D before it and padding='valid' into it"
    activation = getattr(layer, "activation", None)
    if activation in _ACTIVATIONS_HERE:
        return f"has activation={activation!r}, which Keras has not"
    return ""
