"""The state of an optimizer as a file holds it: striate's own, or Keras' arrays in Keras' order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from striate.errors import ArgumentError, StriateError, note

Turn = Callable[[Any, dict[str, Any]], Any]  # of a tensor and the settings of torch's group


@dataclass(frozen=True)
class _Slot:
    """Something that is kept for each weight: its name in torch's state, and how Keras has it."""

    name: str
    to: Turn = lambda held, group: held
    back: Turn = lambda array, group: array


BESIDE = ("averages", "gathered")  # tensors that the description keeps beside those of torch's optimizer

# Per optimizer the rounds over all weights that Keras makes, each with what it puts down for a weight in turn.
_MOMENTUM = _Slot(  # by the rate at which it was gathered
    "momentum_buffer",
    lambda held, group: -(group["lr_before"] or group["lr"]) * held,
    lambda array, group: array / -group["lr_before"],
)
_ABOVE = _Slot("v", lambda held, group: held - group["epsilon"], lambda array, group: array + group["epsilon"])
_ADAM = [[_Slot("exp_avg"), _Slot("exp_avg_sq")]]
_ROUNDS: dict[str, list[list[_Slot]]] = {
    "SGD": [[_MOMENTUM]],
    "Adagrad": [[_Slot("sum", _ABOVE.to, _ABOVE.back)]],
    "RMSprop": [[_ABOVE], [_Slot("velocity")], [_Slot("g")]],
    "Adadelta": [[_Slot("square_avg"), _Slot("acc_delta")]],
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Nadam": _ADAM,  # and at the end one number for all, the product of the momenta
    "ScheduleFreeAdamW": [[_Slot("z"), _Slot("v")]],
    "Ftrl": [[_Slot("squares"), _Slot("linear")]],
    "Adamax": [[_Slot("m"), _Slot("u")]],
    "Lion": [[_Slot("m")]],
    "Lamb": [[_Slot("m"), _Slot("v")]],
}


@dataclass
class OfKeras:
    """The arrays of an optimizer in a file of Keras.

    model    whose weights they go with
    arrays   iteration, the rate where no schedule says it, and for each weight in turn what is kept for it
    """

    model: Any
    arrays: Sequence[Any]


def awaited(optimizer: Any, state: Any) -> None:
    """Let an optimizer take up a saved state once it is built; its updates and its rate are those of the state at once.

    optimizer   the description
    state       ``OfKeras``, what ``optimizer_state`` gave, or None
    """
    optimizer.saved_state = state
    if state is None:
        return
    with suppress(
        KeyError, IndexError, TypeError, ValueError, AttributeError
    ):  # what is damaged is said when it is taken up
        if isinstance(state, OfKeras):
            settings = _settings(optimizer, state.arrays)
        else:
            settings = state[0]["settings"]
        optimizer.load_state_dict(settings)


def _settings(optimizer: Any, arrays: Sequence[Any]) -> dict[str, Any]:
    """Where an optimizer stands by Keras' arrays, which begin with the gradients that it was given and the rate."""
    updates, waiting = divmod(int(float(arrays[0])), _steps(optimizer))
    rate = None if optimizer.schedule is not None else float(arrays[1])
    return {"learning_rate": rate, "iterations": updates, "waiting": waiting, "begun": 0}


def carried(before: Any, running: Any) -> bool:
    """Let a torch optimizer that has just been built go on with what an earlier one kept for the weights of both.

    before     the earlier one, or None
    running    the new one

    Returns whether they have a weight in common.
    """
    import torch

    old = {} if before is None else {id(p): group for group in before.param_groups for p in group["params"]}
    common = False
    for group in running.param_groups:
        known = [p for p in group["params"] if id(p) in old]
        common = common or bool(known)
        for p in known:
            if held := before.state.get(p):  # on the weight's device, which may have become another
                running.state[p] = {k: v.to(p.device) if getattr(v, "ndim", 0) else v for k, v in held.items()}
        if any("momentum_buffer" in running.state[p] for p in known):  # torch's SGD takes none or all of them
            for p in group["params"]:
                running.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
        for key in ("updates", "lr_before"):
            if known and key in group:
                group[key] = old[id(known[0])][key]
    return common


def resume(optimizer: Any, running: Any, state: Any) -> None:
    """Put a saved state into an optimizer that has just been built; one that is of other weights is left out, in words.

    optimizer   the description
    running     torch's
    state       ``OfKeras``, or what ``optimizer_state`` gave
    """
    taken = _of_keras(optimizer, running, state) if isinstance(state, OfKeras) else restore(optimizer, running, *state)
    if not taken:
        note(
            "The optimizer begins anew: what the file keeps of it is of other weights than those that are trained now, or "
            "of other settings."
        )


def _of_keras(optimizer: Any, running: Any, state: OfKeras) -> bool:
    """Put Keras' arrays into an optimizer; False where they are those of other weights or settings."""
    rounds = _rounds(optimizer)
    start = 1 if optimizer.schedule is not None else 2
    variables, arrays = state.model.trainable_weights, list(state.arrays)
    ending = int(type(optimizer).__name__ == "Nadam")
    if rounds is None or len(arrays) != start + sum(map(len, rounds)) * len(variables) + ending:
        return False
    if {id(p) for p in optimizer._params} != {id(one.value) for one in variables}:
        return False
    import torch

    from striate.train.optimizers.kernels import Update

    settings = _settings(optimizer, arrays)
    steps = settings["iterations"]
    if settings["learning_rate"] is not None:
        optimizer._apply_rate(settings["learning_rate"])
    for group in running.param_groups:
        if "lr_before" in group:
            group["lr_before"] = float(group["lr"]) or 1.0
    own = {id(p): group for group in running.param_groups for p in group["params"]}
    entries: dict[int, dict[str, Any]] = {id(one.value): {} for one in variables}
    rest = iter(arrays[start:])
    for slots in rounds:
        for one in variables:
            group = {**own[id(one.value)], "epsilon": getattr(optimizer, "epsilon", 0.0)}
            for slot in slots:
                array = torch.as_tensor(next(rest))
                if tuple(array.shape) != one.shape:
                    return False
                entries[id(one.value)][slot.name] = slot.back(one.turned(array), group)
    counts = not isinstance(running, Update)  # torch's own count the steps of each weight
    beside = {
        name: [entries[id(p)].pop(name) for p in optimizer._params]
        for name in BESIDE
        if all(name in entry for entry in entries.values())
    }
    for one in variables:
        of_torch = {"step": torch.tensor(float(steps))} if counts else {}
        if ending:
            of_torch["mu_product"] = torch.tensor(float(arrays[-1]))
        running.state[one.value] = entries[id(one.value)] | of_torch
    for group in running.param_groups:
        if "updates" in group:
            group["updates"] = steps
    optimizer.load_state_dict({**settings, **beside})
    return True


def to_keras_state(model: Any, optimizer: Any) -> list[Any]:
    """The state of an optimizer as Keras' arrays; [] before its first update, and for one that Keras keeps otherwise.

    model       whose weights it trains
    optimizer   the description

    ``beside_keras`` gives what these cannot say.
    """
    import numpy as np
    import torch

    running, rounds = getattr(optimizer, "_running", None), _rounds(optimizer)
    waiting = getattr(optimizer, "saved_state", None)
    if running is None and isinstance(waiting, OfKeras):
        return list(waiting.arrays)  # of the file that it came from, not yet taken up
    if running is None or rounds is None or not optimizer.iterations:
        return []
    arrays: list[Any] = [np.int32(optimizer._iterations)]
    if optimizer.schedule is None:
        arrays.append(np.float32(optimizer.learning_rate))
    variables = model.trainable_weights
    own = {id(p): group for group in running.param_groups for p in group["params"]}
    further: dict[int, dict[str, Any]] = {id(p): {"gathered": torch.zeros_like(p)} for p in optimizer._params}
    for name, tensors in (("averages", optimizer._model_variables_moving_average), ("gathered", optimizer.gathered())):
        for p, tensor in zip(optimizer._params, tensors, strict=False):
            further[id(p)][name] = tensor
    for slots in rounds:
        for one in variables:
            held = {**running.state.get(one.value, {}), **further.get(id(one.value), {})}
            if any(slot.name not in held or math.prod(held[slot.name].shape) != one.size for slot in slots):
                return []
            settings = {**own[id(one.value)], "epsilon": getattr(optimizer, "epsilon", 0.0)}
            for slot in slots:
                arrays.append(one.in_keras(slot.to(held[slot.name], settings)).cpu().contiguous().numpy())
    if type(optimizer).__name__ == "Nadam":
        arrays.append(np.float32(running.state[variables[0].value]["mu_product"]))
    return arrays


def beside_keras(optimizer: Any, arrays: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What ``optimizer_state`` gives, where Keras' arrays do not say all of it.

    optimizer   the description
    arrays      that ``to_keras_state`` gave
    """
    open_length = optimizer.schedule is not None and optimizer.schedule.is_open
    if arrays and not open_length and not optimizer._followed and optimizer.waiting < _steps(optimizer):
        return None
    return optimizer_state(optimizer)


def _steps(optimizer: Any) -> int:
    return optimizer.gradient_accumulation_steps or 1


def set_variables(optimizer: Any, values: Sequence[Any]) -> None:
    """Make an optimizer's ``variables`` what another one's are.

    optimizer   the description, built
    values      of each variable, in their order

    Raises ArgumentError for an optimizer that is not built, and for values that do not go with its variables.
    """
    import torch

    running, values = optimizer._running, list(values)
    if running is None:
        raise ArgumentError("You are calling set_weights on an optimizer without weights: call build(weights) first.")
    if not all(
        running.state[p] for p in optimizer._params
    ):  # torch makes its state at the first update: one of nothing
        before = [(p, p.detach().clone(), p.grad) for p in optimizer._params]
        for p, _, _ in before:
            p.grad = torch.zeros_like(p)
        running.step()
        with torch.no_grad():
            for p, weight, grad in before:
                p.copy_(weight)
                p.grad = grad
    if optimizer.use_ema and not optimizer._model_variables_moving_average:
        optimizer._model_variables_moving_average = [p.detach().clone() for p in optimizer._averaged]
    if optimizer.together > 1 and optimizer._accumulated_gradients is None:
        optimizer._accumulated_gradients = [torch.zeros_like(p) for p in optimizer._params]
    wanted = optimizer.variables
    if [_shape(one) for one in values] != [_shape(one) for one in wanted]:
        shapes = ", ".join(str(_shape(one)) for one in wanted)
        raise ArgumentError(f"set_weights: the optimizer's variables have the shapes {shapes}; other ones were given.")
    rest = iter(values[1 + (optimizer.schedule is None and not callable(optimizer._rate)) :])
    for held in (*optimizer._model_variables_moving_average, *(optimizer._accumulated_gradients or ())):
        held.copy_(torch.as_tensor(next(rest)))
    for p in optimizer._params:
        state = running.state[p]
        for key, held in state.items():
            value = next(rest)
            state[key] = torch.as_tensor(value).to(held).clone() if isinstance(held, torch.Tensor) else value
    optimizer.iterations, optimizer.waiting = divmod(int(values[0]), _steps(optimizer))
    for group in running.param_groups:
        if "updates" in group:
            group["updates"] = optimizer.iterations
    if optimizer.schedule is None and not callable(optimizer._rate):
        optimizer.learning_rate = float(values[1])


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def _rounds(optimizer: Any) -> list[list[_Slot]] | None:
    """What Keras keeps for an optimizer's settings; None where it keeps it otherwise."""
    kind = type(optimizer).__name__
    if getattr(optimizer, "rule", "keras") != "keras" or kind not in _ROUNDS:
        return None
    rounds = _ROUNDS[kind]
    if getattr(optimizer, "amsgrad", False):
        rounds = [*_ADAM, [_Slot("max_exp_avg_sq")]]
    elif kind == "SGD":
        rounds = rounds if optimizer.momentum else []
    elif kind == "RMSprop":
        rounds = [rounds[0], *([rounds[1]] if optimizer.momentum else []), *([rounds[2]] if optimizer.centered else [])]
    every = [
        *(["averages"] if optimizer.use_ema else []),
        *(["gathered"] if optimizer.gradient_accumulation_steps else []),
    ]
    return [*([_Slot(name)] for name in every), *rounds]


# -- striate's own ------------------------------------------------------------------------------------------------------
def optimizer_state(optimizer: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What further training needs of an optimizer: (numbers and texts, tensors by name); None before its first update."""
    running = getattr(optimizer, "_running", None)
    if running is None and isinstance(getattr(optimizer, "saved_state", None), tuple):
        return optimizer.saved_state  # type: ignore[no-any-return]  # of the file that it came from, not yet taken up
    if running is None or not optimizer._iterations:
        return None
    state, tensors, plain = running.state_dict(), {}, {}
    for number, entry in state["state"].items():
        for key, value in entry.items():
            if hasattr(value, "detach"):
                tensors[f"{number}.{key}"] = value
            else:
                plain[f"{number}.{key}"] = value
    groups = [{key: value for key, value in group.items() if _is_plain(value)} for group in state["param_groups"]]
    shapes = [list(p.shape) for p in _in_order(running)]
    settings = optimizer.state_dict()
    for name in BESIDE:
        tensors |= {f"{name}.{i}": held for i, held in enumerate(settings.pop(name, ()))}
    return {"settings": settings, "groups": groups, "plain": plain, "shapes": shapes}, tensors


def _in_order(running: Any) -> list[Any]:
    """The weights in the order in which torch numbers their states: group by group."""
    return [p for group in running.param_groups for p in group["params"]]


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
        params = _in_order(running)
        if [list(p.shape) for p in params] != state["shapes"]:
            return False
        fresh = running.state_dict()
        if len(fresh["param_groups"]) != len(state["groups"]):
            return False
        entries: dict[int, dict[str, Any]] = {}
        beside: dict[str, dict[int, Any]] = {name: {} for name in BESIDE}
        for name, value in {**state["plain"], **tensors}.items():
            number, _, key = name.partition(".")
            if number in beside:
                beside[number][int(key)] = value
            else:
                entries.setdefault(int(number), {})[key] = value
        for held in beside.values():
            if held and any(held[i].shape != p.shape for i, p in enumerate(optimizer._params)):
                return False
        groups = [{**group, **saved} for group, saved in zip(fresh["param_groups"], state["groups"], strict=True)]
        fused = any(group.get("fused") for group in groups)  # such kernels look at no shape
        for number, entry in entries.items():
            like = params[number].detach()  # in memory too: fused kernels count on that
            arrays = {k: v for k, v in entry.items() if hasattr(v, "shape") and v.ndim}
            if fused and any(v.shape != like.shape for v in arrays.values()):
                return False
            entry.update({k: like.clone().copy_(v) if v.shape == like.shape else v.clone() for k, v in arrays.items()})
        for group in groups:
            group["betas"] = tuple(group["betas"]) if isinstance(group.get("betas"), list) else group.get("betas")
        running.load_state_dict({"state": entries, "param_groups": groups})
        order = {name: [held[i] for i in sorted(held)] for name, held in beside.items()}
        optimizer.load_state_dict({**state["settings"], **order})
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        if isinstance(error, StriateError):
            raise
        raise ArgumentError(f"the saved state of the optimizer is damaged: {error}") from None
    return True
