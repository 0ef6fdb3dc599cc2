"""What the weights of a layer start as, are penalised with and must be: its fields of these names, read and checked."""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.layers import constraints, initializers, regularizers

_ROOMS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def check_arrays(layer: Any, *names: str) -> None:
    """Raise ArgumentError where one of the fields is none.

    layer   with fields such as ``kernel_initializer``
    names   of its arrays, such as "kernel"
    """
    for name in names:
        for what, room in _ROOMS.items():
            if (spec := getattr(layer, f"{name}_{what}", None)) is not None:
                room.get(spec)  # type: ignore[attr-defined]


def array(layer: Any, name: str) -> p.Parameter:
    """How an array of a layer starts, what it is penalised with, and what it must be.

    layer   with a field such as ``kernel_initializer``
    name    of the array, such as "kernel"
    """
    given: dict[str, Any] = {what: getattr(layer, f"{name}_{what}", None) for what in _ROOMS}
    return p.Parameter(**given)
