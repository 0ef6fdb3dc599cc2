"""The state of an optimizer as a file holds it: striate's own, or Keras' arrays in Keras' order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.errors import ArgumentError, StriateError

# What Keras keeps for each weight, and what torch's optimizer calls it.
_SLOTS = {"Adam": ("exp_avg", "exp_avg_sq"), "AdamW": ("exp_avg", "exp_avg_sq")}


@dataclass
class OfKeras:
    """The arrays of an optimizer in a file of Keras.

    model    whose weights they go with
    arrays   iteration, the rate where no schedule says it, and for each weight in turn what is kept for it
    """

    model: Any
    arrays: Sequence[Any]


def resume(optimizer: Any, running: Any, state: Any) -> None:
    """Put a saved state into an optimizer that has just been built; one that is of other weights is left out.

    optimizer   the description
    running     torch's
    state       ``OfKeras``, or what ``compiled.optimizer_state`` gave
    """
    if not isinstance(state, OfKeras):
        restore(optimizer, running, *state)
        return
    slots = _slots(optimizer)
    start = 1 if optimizer.schedule is not None else 2
    variables = state.model.trainable_weights
    arrays = list(state.arrays)
    if slots is None or len(arrays) != start + len(slots) * len(variables):
        return
    given = {id(one.value): one for one in variables}
    if any(id(p) not in given for p in optimizer._params):
        return
    import torch

    steps = int(float(arrays[0]))
    for i, one in enumerate(variables):
        held = arrays[start + i * len(slots) : start + (i + 1) * len(slots)]
        if any(tuple(array.shape) != one.shape for array in held):
            return
        own = {name: one.turned(torch.as_tensor(array)) for name, array in zip(slots, held, strict=True)}
        running.state[one.value] = {"step": torch.tensor(float(steps)), **own}
    for group in running.param_groups:
        if "updates" in group:
            group["updates"] = steps
    rate = None if optimizer.schedule is not None else float(arrays[1])
    optimizer.load_state_dict({**optimizer.state_dict(), "iterations": steps, "begun": 0, "learning_rate": rate})


def to_keras_state(model: Any, optimizer: Any) -> list[Any]:
    """The state of an optimizer as Keras' arrays; [] before its first update, and for one that Keras keeps otherwise.

    model       whose weights it trains
    optimizer   the description
    """
    import numpy as np

    running, slots = getattr(optimizer, "_running", None), _slots(optimizer)
    if running is None or slots is None or not optimizer.iterations:
        return []
    arrays: list[Any] = [np.int32(optimizer.iterations)]
    if optimizer.schedule is None:
        arrays.append(np.float32(optimizer.learning_rate))
    for one in model.trainable_weights:
        held = running.state.get(one.value)
        if not held or any(name not in held or math.prod(held[name].shape) != one.size for name in slots):
            return []
        arrays += [one.in_keras(held[name]).cpu().contiguous().numpy() for name in slots]
    return arrays


def _slots(optimizer: Any) -> tuple[str, ...] | None:
    return None if getattr(optimizer, "amsgrad", False) else _SLOTS.get(type(optimizer).__name__)


# -- striate's own ------------------------------------------------------------------------------------------------------
def optimizer_state(optimizer: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What further training needs of an optimizer: (numbers and texts, tensors by name); None before its first update."""
    running = getattr(optimizer, "_running", None)
    if running is None or not optimizer.iterations:
        return None
    state, tensors, plain = running.state_dict(), {}, {}
    for number, entry in state["state"].items():
        for key, value in entry.items():
            if hasattr(value, "detach"):
                tensors[f"{number}.{key}"] = value
            else:
                plain[f"{number}.{key}"] = value
    groups = [{key: value for key, value in group.items() if _is_plain(value)} for group in state["param_groups"]]
    shapes = [list(p.shape) for p in optimizer._params]
    settings = {key: value for key, value in optimizer.state_dict().items() if key != "averages"}
    return {"settings": settings, "groups": groups, "plain": plain, "shapes": shapes}, tensors


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, bool | int | float | str)


def restore(optimizer: Any, running: Any, state: Mapping[str, Any], tensors: Mapping[str, Any]) -> bool:
    """Put a saved state into an optimizer that has just been built; False where it is that of other weights.

    optimizer   the description; running: torch's
    state       numbers and texts; tensors: by name

    Raises ArgumentError for a state that is none.
    """
    try:
        if [list(p.shape) for p in optimizer._params] != state["shapes"]:
            return False
        fresh = running.state_dict()
        entries: dict[int, dict[str, Any]] = {}
        for name, value in {**state["plain"], **tensors}.items():
            number, _, key = name.partition(".")
            entries.setdefault(int(number), {})[key] = value
        for number, entry in entries.items():
            shape = optimizer._params[number].shape
            if any(hasattr(v, "shape") and v.ndim and v.shape != shape for v in entry.values()):
                return False
            like = optimizer._params[number].detach()  # in memory too: fused kernels count on that
            entry.update({k: like.clone().copy_(v) for k, v in entry.items() if hasattr(v, "shape") and v.ndim})
        groups = [{**group, **saved} for group, saved in zip(fresh["param_groups"], state["groups"], strict=True)]
        for group in groups:
            group["betas"] = tuple(group["betas"]) if isinstance(group.get("betas"), list) else group.get("betas")
        running.load_state_dict({"state": entries, "param_groups": groups})
        optimizer.load_state_dict(state["settings"])
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        if isinstance(error, StriateError):
            raise
        raise ArgumentError(f"the saved state of the optimizer is damaged: {error}") from None
    return True
