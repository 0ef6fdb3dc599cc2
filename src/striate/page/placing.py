"""Where the layers of a block stand, by the layout of ``striate.draw``; the page only stacks blocks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from striate.draw import sugiyama
from striate.graph import FlatGraph

WIDTH, HEIGHT = 188, 46  # of a layer's box, pixels
_UNCUT = 1e9  # a block is one column, however long


def placed(calls: Sequence[int], flat: FlatGraph, turned: bool = False) -> dict[str, Any]:
    """The boxes and lines of some calls, in a drawing of their own that runs down.

    calls    their numbers, in order
    flat     the network
    turned   whether the drawing is to be turned, so that it runs to the right

    Returns ``size`` (across, along the way that it runs), ``boxes`` (the middle of each call), ``lines``: (from, to,
    points), where from and to are a call's number or, for what comes from or goes outside, -1; ``ins`` and ``outs``:
    (tensor, place across) of each value that comes in or goes on.
    """
    inside = {tensor: n for n, i in enumerate(calls) for tensor in flat.nodes[i].outputs}
    given = [t for i in calls for t in flat.nodes[i].inputs if t not in inside]
    given = list(dict.fromkeys(given))
    chosen = set(calls)
    read = {t for i, call in enumerate(flat.nodes) if i not in chosen for t in call.inputs} | set(flat.outputs)
    left = [tensor for tensor in inside if tensor in read]
    first = len(given)
    edges, ends = [], []
    for n, i in enumerate(calls):
        for slot, tensor in enumerate(flat.nodes[i].inputs):
            tail = first + inside[tensor] if tensor in inside else given.index(tensor)
            edges.append((tail, first + n, 0, 0 if len(set(flat.nodes[i].inputs)) == 1 else slot))
            ends.append((calls[inside[tensor]] if tensor in inside else -1, i))
    for n, tensor in enumerate(left):
        edges.append((first + inside[tensor], first + len(calls) + n, 0, 0))
        ends.append((calls[inside[tensor]], -1))
    done = _arranged(len(given), len(calls), len(left), tuple(edges), turned)
    return {
        "size": _round((done.across, done.along)),
        "boxes": [_round(done.middles[first + n]) for n in range(len(calls))],
        "ins": [[tensor, round(done.middles[n][0], 1)] for n, tensor in enumerate(given)],
        "outs": [[tensor, round(done.middles[first + len(calls) + n][0], 1)] for n, tensor in enumerate(left)],
        "lines": [[*end, [_round(point) for point in way]] for end, way in zip(ends, done.ways, strict=True)],
    }


@functools.lru_cache(maxsize=1024)
def _arranged(
    given: int, boxes: int, left: int, edges: tuple[tuple[int, int, int, int], ...], turned: bool
) -> sugiyama.Placement:
    """Boxes between what comes in and what goes on; blocks that are wired alike are laid out once."""
    nodes = [sugiyama.DrawnNode(8, 0, "first", [0.0], [0.0]) for _ in range(given)]
    nodes += [sugiyama.DrawnNode(*((HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT))) for _ in range(boxes)]
    nodes += [sugiyama.DrawnNode(8, 0, "last", [0.0], [0.0]) for _ in range(left)]
    return sugiyama.arrange(nodes, [sugiyama.Edge(*edge) for edge in edges], long=_UNCUT, aspect=1.0)


def _round(point: tuple[float, float]) -> list[float]:
    return [round(each, 1) for each in point]
