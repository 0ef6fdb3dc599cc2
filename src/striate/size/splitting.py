"""A network cut into stretches of layers for several devices: what each layer holds in training, and where to cut."""

from __future__ import annotations

from collections.abc import Sequence

from striate.errors import StriateError
from striate.graph import Graph
from striate.size.memory import Estimate
from striate.size.opened import Opened


def loads(graph: Graph, batch_size: int, optimizer: str | None) -> dict[str, int]:
    """Bytes of each layer by its name: weights, gradients, the optimizer's state, and what its calls keep.

    graph        the network; where a size is open, its layers count alike
    batch_size   samples in a step
    optimizer    whose state is counted; None: no state
    """
    try:
        return loads_of(Estimate(Opened(graph.check())), batch_size, optimizer)
    except StriateError:
        return {graph.name(layer): 1 for layer in graph.layers}


def loads_of(estimate: Estimate, batch_size: int, optimizer: str | None) -> dict[str, int]:
    """The same, from an estimate.

    estimate     of a network
    batch_size   samples in a step
    optimizer    whose state is counted; None: no state
    """
    held: dict[str, int] = {}
    kept = estimate.storages.kept_each()
    for node in estimate.opened.flat.nodes:
        top = node.name.partition("/")[0]
        count = sum(weight.size for weight in node.lowering.weights.values()) if node.first else 0
        own = kept.pop(node.name, 0) * batch_size + count * estimate.per_weight(optimizer, True, node.trainable)
        held[top] = held.get(top, 0) + own
    return held


def cut(costs: Sequence[int], count: int) -> list[int]:
    """Which of `count` devices each cost goes to, in their order, so that the fullest holds as little as it can.

    costs   of what is dealt out
    count   of devices

    A capacity is enough where filling one device after the other needs no more than there are; the smallest is sought.
    """
    least, most = max(costs, default=0), sum(costs)
    while least < most:
        middle = (least + most) // 2
        if len(set(_filled(costs, middle))) <= count:
            most = middle
        else:
            least = middle + 1
    return _filled(costs, least)


def _filled(costs: Sequence[int], capacity: int) -> list[int]:
    """The device of each cost, where one after the other is filled."""
    device, held, places = 0, 0, []
    for cost in costs:
        held += cost
        if held > capacity:
            device, held = device + 1, cost
        places.append(device)
    return places


def fullest(costs: Sequence[int], count: int) -> int:
    """What the fullest of `count` devices holds.

    costs   of what is dealt out
    count   of devices
    """
    held = [0] * count
    for cost, place in zip(costs, cut(costs, count), strict=True):
        held[place] += cost
    return max(held)
