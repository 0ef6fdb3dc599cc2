"""What a model begins with and ends in, as a user nests it."""

from __future__ import annotations

from typing import Any

from striate.graph import SymbolicTensor
from striate.graph.nested import flat, nests, numbered


def apart(outputs: list[SymbolicTensor], inputs: Any) -> list[SymbolicTensor]:
    """Outputs that are no inputs, each of them once: others go through a layer that does nothing.

    outputs   of a network
    inputs    of the network, perhaps nested
    """
    from striate.layers import Identity

    seen = {(tensor.node.serial, tensor.index) for tensor in flat(inputs)}
    made = []
    for tensor in outputs:
        place = tensor.node.serial, tensor.index
        made.append(Identity()(tensor) if place in seen else tensor)
        seen.add(place)
    return made


def template(value: Any) -> Any:
    """How inputs or outputs are nested; None for a list, or one alone.

    value   symbolic tensors, perhaps nested
    """
    plain = isinstance(value, list) and len(value) > 1 and not any(nests(one) for one in value)
    return None if plain or not nests(value) else numbered(value)
