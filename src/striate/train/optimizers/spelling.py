"""The arguments of optimizers that Keras 2 called otherwise."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, note
from striate.train.schedules import InverseTimeDecay, Schedule


def today(kind: type[Any], given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of an optimizer in today's spelling; each older one is said once.

    kind    the optimizer's class
    given   arguments by name

    Raises ArgumentError where an old and a new spelling are both given.
    """
    found = dict(given)
    if "lr" in found:
        if "learning_rate" in found:
            raise ArgumentError(f"{kind.__name__}: lr and learning_rate are the same; give learning_rate.")
        note("An optimizer's lr is called learning_rate now.")
        found["learning_rate"] = found.pop("lr")
    if "schedule_decay" in found and hasattr(kind, "momentum_decay"):
        note("Nadam's schedule_decay is called momentum_decay here; Keras 3 has it fixed at 1.")
        found["momentum_decay"] = found.pop("schedule_decay")
    if "decay" in found:
        decay = found.pop("decay")
        note(
            "An optimizer's decay is a schedule now: "
            "learning_rate=optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay)."
        )
        rate = found.get("learning_rate", kind.learning_rate)
        if decay and isinstance(rate, Schedule):
            raise ArgumentError(f"{kind.__name__}: decay and a schedule as learning_rate are two schedules; give one.")
        if decay:
            found["learning_rate"] = InverseTimeDecay(rate, 1, decay)
    return found
