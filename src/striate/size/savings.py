"""What to change when a network does not fit into memory, each change with the bytes it leads to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from striate.errors import ArgumentError
from striate.graph import FlatNode, Graph
from striate.shown import Shown
from striate.size.memory import OPTIMIZERS, Estimate, Memory, checked, slots
from striate.size.opened import Opened
from striate.size.smaller_networks import smaller
from striate.size.splitting import fullest, loads_of
from striate.wording import memory, plural

WORTH = 20  # less than a twentieth of the whole is not worth changing the network for
DEVICES = 16  # more of them are not proposed


@dataclass(frozen=True)
class Change:
    """One thing to change.

    what     in words
    bytes    what the network needs after it
    fits     whether that is within the budget
    batch    the batch size it is for
    """

    what: str
    bytes: int
    fits: bool
    batch: int


@dataclass(frozen=True)
class Advice(Shown):
    """Whether a network fits, and what to change.  ``str`` prints it; the first change that fits is the smallest.

    needed     bytes as asked for
    budget     bytes that there are
    training   whether it is about training or about prediction
    changes    a Change each
    """

    needed: int
    budget: int
    training: bool
    changes: tuple[Change, ...]

    @property
    def fits(self) -> bool:
        """Whether it fits as it is."""
        return self.needed <= self.budget

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return {**asdict(self), "fits": self.fits, "changes": [asdict(change) for change in self.changes]}

    def __str__(self) -> str:
        job = "training" if self.training else "prediction"
        verdict = "fits into" if self.fits else "does not fit into"
        lines = [f"{job} needs {memory(self.needed)}: it {verdict} {memory(self.budget)}"]
        for change in self.changes:
            less = f"{memory(self.needed - change.bytes)} less{'' if change.fits else ', still too much'}"
            lines.append(f"  {change.what}: {memory(change.bytes)}, {less}")
        return "\n".join(lines)


def advice(
    graph: Graph,
    budget_bytes: int,
    *,
    batch_size: int = 1,
    optimizer: str | None = "adam",
    dtype: str = "float32",
    training: bool = True,
) -> Advice:
    """What to change so that training (or prediction) fits into memory, with the numbers.

    graph          the network, ``model.graph``
    budget_bytes   the memory there is
    batch_size     samples in a step
    optimizer      whose state is counted: ``sgd``, ``momentum``, ``adam`` …; None: no optimizer state
    dtype          of the numbers: ``float32``, ``float16``, ``bfloat16`` or ``float64``
    training       False: prediction

    Batch size with gradients added up, 16 bits, an optimizer with less state, all of them together, more devices, layers
    split over devices; then what makes it another network: a stride of 2 in the first convolution, a layer less, smaller
    pictures, and half of the layer that takes the most.  Raises the graph's fault, or ArgumentError for an unknown
    optimizer or dtype.
    """
    checked(batch_size, dtype)
    if isinstance(budget_bytes, bool) or not hasattr(budget_bytes, "__index__") or budget_bytes < 1:
        raise ArgumentError(f"budget_bytes is a whole number of bytes, not {budget_bytes!r}.")
    opened = Opened(graph.check())
    own = Estimate(opened, dtype)

    def needs(estimate: Estimate, batch: int, chosen: str | None) -> int:
        estimated: Memory = estimate.at(batch, chosen)
        return estimated.training_bytes if training else estimated.inference_bytes

    def change(what: str, estimate: Estimate, batch: int, chosen: str | None) -> Change:
        count = needs(estimate, batch, chosen)
        return Change(what, count, count <= budget_bytes, batch)

    def sized(what: str, estimate: Estimate, chosen: str | None) -> list[Change]:
        """The change at the batch asked for; if that is too much, at the largest batch that fits."""
        first = change(what, estimate, batch_size, chosen)
        most = estimate.largest_batch(budget_bytes, chosen, training)
        if first.fits or not 0 < most < batch_size:
            return [first]
        return [first, change(f"{what}, batch {most:,}", estimate, most, chosen)]

    needed = needs(own, batch_size, optimizer)
    most = own.largest_batch(budget_bytes, optimizer, training)
    changes: list[Change] = []
    if needed > budget_bytes:
        if 0 < most < batch_size:
            more = f", gradients added up over {-(-batch_size // most):,} such batches" if training else ""
            changes.append(change(f"batch {most:,} (the largest that fits){more}", own, most, optimizer))
        elif batch_size > 1:
            changes.append(change("batch 1", own, 1, optimizer))
        half = Estimate(opened, "bfloat16")
        if own.item > 2:
            changes += sized("16 bits (bfloat16)", half, optimizer)
        lean = "momentum" if slots(optimizer) > 1 else "sgd"
        if training and slots(optimizer) > slots(lean):
            changes += sized(f"{lean} instead of {optimizer} ({_state(lean)})", own, lean)
            changes += sized(f"16 bits and {lean}", half, lean) if own.item > 2 else []
        devices = -(-batch_size // most) if most else 0
        if training and 1 < devices <= min(batch_size, DEVICES):
            share = -(-batch_size // devices)
            what = f"{devices:,} devices with {plural(share, 'sample')} each (torchrun --nproc-per-node {devices})"
            changes.append(change(what, own, share, optimizer))
        changes += _split(own, batch_size, optimizer, budget_bytes) if training else []
        for what, other in smaller(graph, own.storages.kept_each()):
            found = change(what, Estimate(Opened(other), dtype), batch_size, optimizer)
            changes += [found] if (needed - found.bytes) * WORTH > needed else []
        changes += _largest(own, batch_size, optimizer, needed, budget_bytes, training)
    return Advice(needed, int(budget_bytes), training, tuple(changes))


def _split(own: Estimate, batch: int, optimizer: str | None, budget: int) -> list[Change]:
    """The layers dealt to devices that take turns: the fewest on which the fullest has room."""
    costs = [*loads_of(own, batch, optimizer).values()]
    for count in range(2, DEVICES + 1):
        held = fullest(costs, count)
        if held <= budget:
            what = f"layers split over {count} devices that take turns (fit(device=[…])), the fullest"
            return [Change(what, held, True, batch)]
    return []


def _state(optimizer: str) -> str:
    count = OPTIMIZERS[optimizer]
    return f"{plural(count, 'number')} a weight"


def _largest(
    own: Estimate, batch: int, optimizer: str | None, needed: int, budget: int, training: bool
) -> list[Change]:
    """What would be left without half of the largest part: kept by one call, or the weights of one layer."""
    changes = []
    parts: list[tuple[str, int]] = []
    if training:
        kept = own.storages.kept_each()
        name = max(kept, key=lambda key: kept[key], default="")
        parts.append((f"half of what {name} keeps for the backward pass", kept.get(name, 0) * batch))
    weights = {n.name: (_weights(n), n.trainable) for n in own.opened.flat.nodes if n.first}
    name = max(weights, key=lambda key: weights[key][0], default="")
    count, trained = weights.get(name, (0, False))
    parts.append(
        (f"half of the {plural(count, 'weight')} of {name}", count * own.per_weight(optimizer, training, trained))
    )
    for what, size in parts:
        if size * WORTH > needed:
            left = needed - size // 2
            changes.append(Change(f"{what} ({memory(size)})", left, left <= budget, batch))
    return changes


def _weights(node: FlatNode) -> int:
    return sum(weight.size for weight in node.layer.parameters(*node.input_shapes).values())
