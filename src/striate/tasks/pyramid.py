"""The maps of a network at several strides: what detectors and segmenters build on."""

from __future__ import annotations

from collections.abc import Sequence

from striate.errors import ArgumentError
from striate.graph import SymbolicTensor
from striate.model import Model
from striate.wording import plural

__all__ = ["pyramid"]


def pyramid(base: Model, strides: Sequence[int] = (8, 16, 32)) -> list[SymbolicTensor]:
    """For each stride the last map of `base` that has one number for so many pixels along either side.

    base      a network of pictures, without its classifier
    strides   pixels of the input for one step of the map

    Raises ArgumentError where the network takes no pictures, or has no map at one of the strides.
    """
    graph = base.graph.check()
    if len(graph.inputs) != 1 or len(graph.input_shapes[0]) != 3:
        raise ArgumentError(f"a base takes one picture (H, W, C); this network takes {graph.input_shapes}.")
    height, width, _ = graph.input_shapes[0]
    found = []
    for stride in strides:
        wanted = (-(-height // stride), -(-width // stride))
        maps = [t for node in graph.nodes for t in node.outputs if len(t.sizes) == 3 and t.sizes[:2] == wanted]
        if not maps:
            seen = sorted(
                {t.sizes[:2] for node in graph.nodes for t in node.outputs if len(t.sizes) == 3}, reverse=True
            )
            raise ArgumentError(
                f"{base.name}: no map has stride {stride}, {wanted[0]} x {wanted[1]}; it has "
                f"{plural(len(seen), 'size')}: {', '.join(f'{h} x {w}' for h, w in seen[:8])}. Give include_top=False, "
                f"or an input whose sides are multiples of {max(strides)}."
            )
        found.append(maps[-1])
    return found
