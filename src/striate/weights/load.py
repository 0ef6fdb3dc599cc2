"""Weights into a network, from anywhere, and out of it under a library's names."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from striate.errors import ArgumentError, BundleError
from striate.graph import Graph, keras_layers
from striate.primitives import BatchNorm
from striate.weights.contents import WeightsFile
from striate.weights.layout import Slot, output_path, slots_of, to_keras, to_torch
from striate.weights.match import Matching, match
from striate.weights.read import read_weights
from striate.weights.report import MatchReport, few
from striate.weights.source import Origin, Source
from striate.wording import plural

if TYPE_CHECKING:
    import torch

    from striate.backend.builder import Values

State = dict[str, "torch.Tensor"]
Arrays = Callable[["Values"], State]  # the arrays of a network by key; those that are made now begin with such values


def load(
    graph: Graph,
    origin: Origin | None,
    state: State | Arrays,
    path: str | os.PathLike[str],
    source: str,
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> Matching:
    """Fill a network's arrays (`state`, by key, or what makes them) from a file.

    Raises BundleError, changing nothing, unless all fits, or what does not is to be left out.
    """
    checkpoint = read_weights(path)
    plan = match(graph, origin, checkpoint, source)
    apply(plan, graph, origin, state, checkpoint, skip_mismatch, by_name)
    return plan


def apply(
    plan: Matching,
    graph: Graph,
    origin: Origin | None,
    state: State | Arrays,
    checkpoint: WeightsFile,
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> MatchReport:
    """Copy what a plan found into the network's arrays.

    Raises BundleError, changing nothing, unless all fits, or what does not is to be left out.
    """
    report = plan.report
    missing = bool(report.missing or report.surplus or not report.matched)
    if (report.mismatched and not skip_mismatch) or (missing and not (skip_mismatch or by_name)):
        raise BundleError(refusal(plan, graph, origin, checkpoint))
    if plan.other is not None and origin is not None:
        own = "torch" if plan.other.layout == "torch" else "keras"
        raise BundleError(
            f"the weights in {checkpoint.path} have the names of {plan.other.library}'s {plan.other.model}, which is "
            f"{origin.architecture} with {_differing(plan.other, origin)}; this one computes something else with the same "
            f'arrays. Create it so, or say source="{own}" if they were trained for this variant. Nothing was changed.'
        )
    check_numbers(plan.arrays, checkpoint.path)
    put(graph, state, plan.arrays, checkpoint.path)
    return report


def check_numbers(arrays: State, where: str) -> None:
    """Raise BundleError, naming the array, where one that is to become weights holds NaN or infinite numbers, variances
    below zero, or no numbers.

    arrays   by name
    where    the file
    """
    for name, array in arrays.items():
        if array.device.type == "meta" or array.is_sparse or array.is_quantized or not array.is_floating_point():
            raise BundleError(f"the weights in {where} are no plain numbers: {name}. Nothing was changed.")
        if not math.isfinite(float(array.sum())):  # one pass, which a network of finite weights needs alone
            wrong = int((~array.isfinite()).sum())
            if wrong:
                raise BundleError(
                    f"the weights in {where} are not finite: {wrong:,} of {plural(array.numel(), 'number')} of {name} "
                    "are NaN or infinite, so that its answers would be. Nothing was changed; take a file from before "
                    "the training broke."
                )
        if name.rpartition(".")[2] == "running_var" and array.numel() and float(array.min()) < 0:
            raise BundleError(
                f"the weights in {where} are damaged: {name} has {float(array.min()):.3g}, and a variance is never below "
                "zero. Nothing was changed; copy or download the file again."
            )


def put(graph: Graph, state: State | Arrays, new: State, where: str) -> None:
    """Put arrays into a network: all, or on any error none.

    graph   the network
    state   its arrays, or what makes them
    new     what goes into them, by key
    where   the file

    What has no arrays yet is made with the new ones, and nothing is drawn.  Where some are missing, all are drawn first: a
    number that is drawn depends on those before it.  Raises BundleError, changing nothing, for an array that the network
    cannot take.
    """
    from striate.backend.init import copy_into

    slots = {slot.key: slot for slot in slots_of(graph)}
    for key, array in new.items():
        shape = slots[key].shape if key in slots else None
        if shape is None or not _fits(tuple(array.shape), shape):
            raise BundleError(
                f"{where}: {key} has shape {tuple(array.shape)}, this network's has {shape}. Nothing was changed."
            )
    unmade = {key: (slot.layer, slot.name) for key, slot in slots.items() if slot.layer.torch_module is None}
    values = {owner: new[key] for key, owner in unmade.items()} if unmade.keys() <= new.keys() else {}
    given = set(values)
    mine = state(values) if callable(state) else state  # only now are arrays made
    left = [key for key in new if unmade.get(key) not in given or unmade[key] in values]
    for key in left:
        if mine[key].device.type == "meta":
            raise BundleError(f"{where}: {key} of this network has a shape and no numbers. Nothing was changed.")
    for key in left:
        copy_into(mine[key], new[key])


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether an array has a shape, but for its last axis that may be in several (``from_torch``)."""
    last = max(len(wanted) - 1, 0)
    return shape[:last] == wanted[:last] and math.prod(shape[last:]) == math.prod(wanted[last:])


def refusal(plan: Matching, graph: Graph, origin: Origin | None, checkpoint: WeightsFile) -> str:
    """Why a file does not fit: how much of it, the first examples, the likely reason."""
    report = plan.report
    parts = []
    if report.mismatched:
        first = report.mismatched[0]
        parts.append(
            f"{len(report.mismatched)} of another shape ({first.here}: {first.shape}, file {first.shape_there})"
        )
    if report.missing:
        parts.append(f"{len(report.missing)} missing ({few(here for here, _ in report.missing)})")
    if report.surplus:
        parts.append(f"{len(report.surplus)} unknown ({few(entry.there for entry in report.surplus)})")
    return (
        f"the weights in {report.path} ({report.format}) are not this network's, by {report.source}: "
        f"{plural(len(report.matched), 'array', 'fits')}, {', '.join(parts)}.{_reason(plan, graph, origin, checkpoint)} "
        "Nothing was changed."
    )


def _differing(source: Source, origin: Origin) -> str:
    """The arguments in which a source's variant is not that of the network."""
    return ", ".join(f"{key}={value!r}" for key, value in source.variant.items() if origin.variant.get(key) != value)


def _reason(plan: Matching, graph: Graph, origin: Origin | None, checkpoint: WeightsFile) -> str:
    report = plan.report
    if plan.source is None and origin is not None and not any(checkpoint.suits(s) for s in origin.sources):
        other = next((s for s in origin.others if s.variant and checkpoint.suits(s)), None)
        if other is not None:
            said = _differing(other, origin)
            return f" {other.library}'s weights of {origin.architecture} fit the network made with {said}."
    here = {match.here.rpartition(".")[0] for match in report.mismatched}
    output = output_path(graph)
    if here and not report.missing and not report.surplus:
        first = report.mismatched[0]
        if here <= {(output or "").replace("/", "."), f"{output}.pointwise"}:
            classes = outputs_in(plan, graph)
            return (
                f" The file has {plural(classes or 0, 'output')}, this network {first.shape[0]}: create it with "
                f"classes={classes}."
            )
        flattened = {slot.key for slot in slots_of(graph) if slot.flattened}
        if len(here) == 1 and first.here in flattened:
            return (
                " A layer after flatten depends on the picture's size: create the network with the file's input_shape."
            )
        if len(report.mismatched) == 1 and first.here.split(".")[0] == _first(graph):
            return " The first layer is for another number of input channels."
    if not report.matched and not report.mismatched:
        theirs = few((name for name, _ in checkpoint.arrays()), 3)
        return f" No name in the file is this network's: it has {theirs}. Is it another architecture?"
    if len(report.mismatched) > len(report.matched):
        return " The names fit and the shapes do not: is it of a wider or narrower variant?"
    more = _layers(entry.there for entry in report.surplus)
    fewer = _layers(there for _, there in report.missing)
    if more and not fewer:
        return f" The file has {plural(more, 'layer')} more: is it of a deeper variant?"
    if fewer and not more:
        return f" The file has {plural(fewer, 'layer')} less: is it of a shallower variant, or without its head?"
    return " Is it of another variant of the network?"


def _first(graph: Graph) -> str | None:
    return next((slot.path for slot in slots_of(graph)), None)


def _layers(names: Iterable[str]) -> int:
    return len({name.replace("/", ".").rpartition(".")[0] for name in names})


def outputs_in(plan: Matching, graph: Graph) -> int | None:
    """How many classes the file's classifier has; None where it has none."""
    path = (output_path(graph) or "").replace("/", ".")
    for pair in [*plan.report.mismatched, *plan.report.matched]:
        if pair.here == f"{path}.bias" or pair.here == f"{path}.pointwise.bias":
            return math.prod(pair.shape_there)
    for pair in [*plan.report.mismatched, *plan.report.matched]:
        if pair.here in (f"{path}.weight", f"{path}.pointwise.weight"):
            return pair.shape_there[0 if plan.source is None or plan.source.layout == "torch" else -1]
    return None


# -- out --------------------------------------------------------------------------------------------------------------
def export(
    graph: Graph, origin: Origin | None, state: State, path: str | os.PathLike[str], library: str, title: str
) -> None:
    """Write a network's arrays under a library's names and in its layout.

    Raises ArgumentError when the network has no names in that library, BundleError when it cannot be written.
    """
    if library == "slim":
        raise ArgumentError("TensorFlow's checkpoints are read and not written; write for keras.")
    sources = origin.sources if origin else ()
    source = next((s for s in sources if s.library == library), None)
    if source is None and library != "keras":
        known = sorted({"keras", *(s.library for s in sources)} - {"slim"})
        other = next((s for s in (origin.others if origin else ()) if s.library == library), None)
        hint = f" {library} has {title} with {_differing(other, origin)}." if other is not None and origin else ""
        raise ArgumentError(
            f"this {title} is no network of {library!r}, so its weights cannot be written for it.{hint} This one can be "
            f"written for: {', '.join(known)}."
        )
    if library == "keras":
        _export_keras(graph, source, state, path)
        return
    from striate.weights.torch_files import write_torch

    assert source is not None
    write_torch(path, torch_state(slots_of(graph), source, state))


def torch_state(slots: list[Slot], source: Source, state: State) -> State:
    """The state_dict of the same network in torchvision or timm."""
    import torch

    named: State = {}
    for slot in slots:
        name = source.name(slot.key)
        if name in named:
            raise ArgumentError(f"{slot.key} and another array would both be named {name} in {source.library}.")
        named[name] = to_torch(slot, state[slot.key])
        if isinstance(slot.primitive, BatchNorm) and slot.own == "running_var":
            named[f"{name.removesuffix('.running_var')}.num_batches_tracked"] = torch.tensor(0)
    return named


def _export_keras(graph: Graph, source: Source | None, state: State, path: str | os.PathLike[str]) -> None:
    from striate.weights.keras_files import write_legacy

    if str(path).endswith((".weights.h5", ".keras")) or not str(path).endswith((".h5", ".hdf5")):
        raise ArgumentError(
            f"{path}: weights for Keras are written in the legacy .h5 layout, which every Keras reads; give a name that "
            "ends in .h5 and not in .weights.h5."
        )
    place = {graph.name(layer): number for number, layer in enumerate(keras_layers(graph))}
    groups: dict[str, State] = {}
    for slot in sorted(slots_of(graph), key=lambda slot: place[slot.path.partition("/")[0]]):
        there = source.name(slot.path) if source else slot.path
        top, _, inner = there.partition("/")
        kept = groups.setdefault(top, {})
        kept[f"{there}/{slot.keras}" if inner else slot.keras] = to_keras(slot, state[slot.key])
    write_legacy(path, groups)
