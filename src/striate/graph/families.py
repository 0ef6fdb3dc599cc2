"""The family of a layer: what a diagram colours it as, and which layers a short table names."""

from __future__ import annotations

from striate.graph.layer import Layer
from striate.graph.lowering import Shape
from striate.graph.network import Network
from striate.graph.node import InputLayer

#: Families in the order in which a legend lists them.
FAMILIES = (
    "input",
    "conv",
    "pool",
    "dense",
    "norm",
    "activation",
    "merge",
    "reshape",
    "augment",
    "network",
    "other",
)
#: Those that a short table leaves out: they stand between the layers that it names.
QUIET = ("input", "norm", "activation", "reshape", "other")
_SAYS_MOST = ("conv", "dense", "pool", "norm", "merge", "activation", "reshape", "augment")


def family(layer: Layer, *shapes: Shape) -> str:
    """The family of a layer, one of ``FAMILIES``: its own, or that of the primitive that says most.

    layer    called on inputs
    shapes   of these
    """
    if isinstance(layer, InputLayer):
        return "input"
    if isinstance(layer, Network):
        return "network"
    families = {step.primitive.family for step in layer.lowering(*shapes).steps}
    return layer.drawn_as or next((name for name in _SAYS_MOST if name in families), "other")
