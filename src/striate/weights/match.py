"""Which array of a file belongs to which array of a network: by name, the library's or the network's own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from striate.errors import unknown
from striate.graph import Graph, Network, keras_layers
from striate.graph.layer import snake_case
from striate.weights.contents import FileLayer, WeightsFile
from striate.weights.layout import Slot, fitted_to, from_keras, from_torch, slots_of
from striate.weights.report import Match, MatchReport, Unused
from striate.weights.source import Origin, Source
from striate.wording import plural

if TYPE_CHECKING:
    import torch

_OWN = "the network's own names"
# Auxiliary classifiers of GoogLeNet and Inception-v3 in torchvision and timm, and those in slim.
_AUXILIARY = re.compile(r"(aux\d*|AuxLogits|aux_logits|aux_classifier)\.")
_SLIM_AUXILIARY = re.compile(r"(^|/)(AuxLogits|aux_\d+)/")
_SLOT_NAMES = (
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "depthwise.weight",
    "pointwise.weight",
    "pointwise.bias",
)
_SYNONYMS = {"embedding": "embeddings", "running_std": "moving_variance", "running_mean": "moving_mean"}


@dataclass
class Matching:
    """The report, and for each array of the network (by key) what it gets, in its own layout.

    other   the library whose weights of another variant these may well be: names and shapes fit, the function may differ
    """

    report: MatchReport
    source: Source | None
    other: Source | None = None
    arrays: dict[str, torch.Tensor] = field(default_factory=dict)


def match(graph: Graph, origin: Origin | None, checkpoint: WeightsFile, source: str = "auto") -> Matching:
    """Match a file against a network; of several sources of names, the one by which most fits.

    source      "auto"; "striate" (the network's own names, arrays as striate keeps them); "torch" (the network's own
                names, arrays as torch keeps them); "keras", "torchvision", "timm" or "slim"

    Nothing is changed, and a file that does not fit is no error: ``plan.report`` tells.  Raises ArgumentError for a
    source that is unknown or that the network has no names of.
    """
    sources = origin.sources if origin else ()
    fitting = [s for s in sources if checkpoint.suits(s)]
    named: list[Source | None]
    if source == "auto":
        named = [None] if checkpoint.own else [*fitting, None]
    elif source in ("striate", "torch") or (source == "keras" and not any(s.library == "keras" for s in sources)):
        named = [None]
    else:
        named = [s for s in sources if s.library == source]
        if not named:
            raise unknown(
                "weights source", source, {"auto", "striate", "torch", "keras", *(s.library for s in sources)}
            )
    slots = slots_of(graph)
    plans = [_match(graph, slots, origin, checkpoint, candidate, source) for candidate in named]
    if checkpoint.kind == "keras" and None in named and not any(plan.report.fits for plan in plans):
        plans.append(_match(graph, slots, origin, checkpoint, None, source, ordered=True))
        if not plans[-1].report.fits:
            plans.pop()
    best = max(plans, key=lambda plan: (plan.report.fits, len(plan.report.matched), len(plan.report.mismatched)))
    if source == "auto" and best.source is None and best.report.fits and not checkpoint.own and origin is not None:
        best.other = _of_another_variant(graph, slots, origin, checkpoint)
    return best


def _of_another_variant(graph: Graph, slots: list[Slot], origin: Origin, checkpoint: WeightsFile) -> Source | None:
    """The source of another variant whose names are those of the file, if there is one."""
    if any(checkpoint.suits(source) for source in origin.sources):
        return None
    others = [source for source in origin.others if checkpoint.suits(source)]
    fits = (source for source in others if _match(graph, slots, origin, checkpoint, source, "auto").report.fits)
    return next(fits, None)


def _match(
    graph: Graph,
    slots: list[Slot],
    origin: Origin | None,
    checkpoint: WeightsFile,
    source: Source | None,
    asked: str,
    ordered: bool = False,
) -> Matching:
    said = f"{source.library}'s names of {source.model}" if source else _OWN
    plan = Matching(MatchReport(checkpoint.path, checkpoint.format, said, notes=list(checkpoint.notes)), source)
    left_out = origin.left_out if origin else frozenset()
    if checkpoint.kind != "torch":
        _match_keras(plan, graph, slots, left_out, checkpoint, ordered)
    else:
        own = source is None and asked != "torch" and (asked == "striate" or _is_own(slots, checkpoint))
        _match_torch(plan, graph, slots, left_out, checkpoint, own)
    report = plan.report
    report.unused += [Unused(name, "no weight", True) for name in checkpoint.skipped]
    kinds = {str(array.dtype).removeprefix("torch.") for array in plan.arrays.values()} - {"float32"}
    if kinds:
        report.notes.append(f"{', '.join(sorted(kinds))} converted to float32")
    return plan


def _put(plan: Matching, slot: Slot, there: str, array: torch.Tensor, fitted: torch.Tensor | None) -> None:
    pair = Match(slot.key, there, slot.shape, tuple(array.shape))
    if fitted is None:
        plan.report.mismatched.append(pair)
    else:
        plan.report.matched.append(pair)
        plan.arrays[slot.key] = fitted


# -- torch ------------------------------------------------------------------------------------------------------------
def _plain(key: str) -> str:
    """A key in which layers nested in modules are as ours: "layer1.0.conv1.weight" -> "layer1_0_conv1.weight"."""
    layer, _, slot = key.rpartition(".")
    return f"{layer.replace('.', '_')}.{slot}"


def _is_own(slots: list[Slot], checkpoint: WeightsFile) -> bool:
    """Whether a file's flattened maps lie as striate's: it says so, or has the automatic names of striate's layers."""
    if checkpoint.own:
        return True
    after = [slot for slot in slots if slot.flattened]
    return all(slot.key in checkpoint.tensors and slot.layer.auto_named for slot in after)


def _match_torch(
    plan: Matching, graph: Graph, slots: list[Slot], left_out: frozenset[str], checkpoint: WeightsFile, own: bool
) -> None:
    source, left = plan.source, dict(checkpoint.tensors)
    by_plain = {} if source else {_plain(key): key for key in left}
    for slot in slots:
        wanted = source.name(slot.key) if source else by_plain.get(_plain(slot.key), slot.key)
        array = left.pop(wanted, None)
        if array is None:
            plan.report.missing.append((slot.key, wanted))
        else:
            fitted = fitted_to(array, slot.shape) if own else from_torch(slot, array)
            _put(plan, slot, wanted, array, fitted)
            if slot.flattened and not own and fitted is not None:
                order = "x".join(map(str, slot.flattened))
                plan.report.notes.append(
                    f"{slot.key}: columns of the flattened {order} map reordered, torch has C x H x W"
                )
    cut = {f"{layer}.{slot}" for layer in left_out for slot in _SLOT_NAMES}
    cut = {source.name(key) for key in cut} if source else {_plain(key) for key in cut}
    for key in left:
        if (key if source else _plain(key)) in cut:
            reason = "of a layer that this model was made without"
        elif not graph.auxiliary and _AUXILIARY.match(key):
            reason = "of an auxiliary classifier that this model was made without"
        else:
            reason = ""
        plan.report.unused.append(Unused(key, reason or "the network has nothing of that name", bool(reason)))


# -- Keras ------------------------------------------------------------------------------------------------------------
def _match_keras(
    plan: Matching,
    graph: Graph,
    slots: list[Slot],
    left_out: frozenset[str],
    checkpoint: WeightsFile,
    ordered: bool,
) -> None:
    groups: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        groups[slot.path].append(slot)
    source = plan.source
    wanted = {path: source.name(path) if source else path for path in groups}
    cut = {path: source.name(path) if source else path for path in left_out}
    named = {layer.path: layer for layer in checkpoint.layers if layer.path}
    for layer in checkpoint.layers:  # what Keras nests in a block may stand here by itself
        named.setdefault((layer.path or "").rpartition("/")[2], layer)
    if any(layer.path for layer in checkpoint.layers) and not ordered:
        shifted = {} if checkpoint.kind == "slim" else _shifts(list((wanted | cut).values()), list(named))
        partners = {path: named.get(_shift(name, shifted)) for path, name in wanted.items()}
        harmless = {_shift(name, shifted) for name in cut.values()}
    else:
        partners, harmless = _by_class(graph, groups, checkpoint.layers), set()
        why = "has other names of layers" if ordered else "has no names of layers"
        plan.report.notes.append(f"the file {why}; matched by class and order, as Keras does")
    set_to_1: list[tuple[str, str]] = []
    for path, ours in groups.items():
        theirs = partners.get(path)
        if theirs is None:
            plan.report.missing += [(slot.key, f"{wanted[path]}/{slot.keras}") for slot in ours]
        else:
            _match_layer(plan, ours, theirs, set_to_1)
    if set_to_1:
        key, label = set_to_1[0]
        more = f" and {plural(len(set_to_1) - 1, 'other')}" if len(set_to_1) > 1 else ""
        plan.report.notes.append(f"{key}{more} set to 1: the file's {label} is a batch norm without scale")
    used = {id(given) for given in partners.values() if given is not None}
    for layer in checkpoint.layers:
        if id(layer) not in used:
            out = layer.path in harmless or (layer.path or "").rpartition("/")[2] in harmless
            reason = "of a layer that this model was made without" if out else "the network has no layer of that name"
            if not out and not graph.auxiliary and _SLIM_AUXILIARY.search(f"{layer.path}/"):
                out, reason = True, "of an auxiliary classifier that this model was made without"
            if not out and layer.normalises_pixels:
                out, reason = True, "normalizes pixels, which preprocessing does"
            plan.report.unused += [Unused(f"{layer.label}/{name}", reason, out) for name in layer.arrays]


def _match_layer(plan: Matching, ours: list[Slot], layer: FileLayer, set_to_1: list[tuple[str, str]]) -> None:
    """The arrays of one layer: by their names where the file has Keras' names, by their order otherwise.

    set_to_1   gets the key and the file's name of a scale that the file is without
    """
    steps = {id(slot.step): slot.step for slot in ours}.values()
    order = [pair for step in steps for pair in step.keras_names()]
    if ours[0].layer.is_own:  # its parts lie in the order of its weights, what learns first
        order = [(slot.keras, slot.name) for slot in ours]
    here = {slot.keras: slot for slot in ours}
    arrays = {_SYNONYMS.get(name, name): array for name, array in layer.arrays.items()}
    if "depthwise_kernel" in here and "pointwise_kernel" not in here and "kernel" in arrays:
        arrays = {"depthwise_kernel" if name == "kernel" else name: array for name, array in arrays.items()}
    if not set(arrays) <= {name for name, _ in order}:
        expected = [name for name, _ in order if name in here]
        if "gamma" in here and len(arrays) == len(expected) - 1:
            expected.remove("gamma")  # Keras' networks leave the scale out, never the shift
        spare = [f"array {i}" for i in range(len(arrays))][len(expected) :]
        arrays = dict(zip([*expected, *spare], arrays.values(), strict=False))
    without_scale = "moving_mean" in here and here.keys() - arrays.keys() == {"gamma"}
    for name, slot in here.items():
        there = f"{layer.label}/{name}"
        if name in arrays:
            array = arrays.pop(name)
            _put(plan, slot, there, array, from_keras(slot, array))
        elif name == "gamma" and without_scale:
            import torch

            plan.arrays[slot.key] = torch.ones(slot.shape)
            set_to_1.append((slot.key, layer.label))
        else:
            plan.report.missing.append((slot.key, there))
    for name, array in arrays.items():
        neutral = name == "gamma" and bool((array == 1).all())
        reason = (
            "1 throughout, and the network has no scale there" if neutral else "the network's layer has no such array"
        )
        plan.report.unused.append(Unused(f"{layer.label}/{name}", reason, neutral))


_NUMBERED = re.compile(r"(.*?)(?:_(\d+))?")


def _stem(name: str) -> tuple[str, int]:
    """Of conv2d_3: ("conv2d", 3); of conv2d: ("conv2d", 0)."""
    stem, number = _NUMBERED.fullmatch(name).groups()  # type: ignore[union-attr]
    return stem, int(number or 0)


def _shifts(wanted: list[str], there: list[str]) -> dict[str, int]:
    """For each automatic name, by how much the file counts on, such as from conv2d_94: its session had made others."""
    mine, theirs = defaultdict(set), defaultdict(set)
    for name in wanted:
        mine[_stem(name)[0]].add(_stem(name)[1])
    for name in there:
        theirs[_stem(name)[0]].add(_stem(name)[1])
    shifts = {}
    for stem, numbers in mine.items():
        if stem in theirs and not numbers <= theirs[stem]:
            by = min(theirs[stem]) - min(numbers)
            if {number + by for number in numbers} <= theirs[stem]:
                shifts[stem] = by
    return shifts


def _shift(name: str, shifts: dict[str, int]) -> str:
    stem, number = _stem(name)
    if stem not in shifts:
        return name
    number += shifts[stem]
    return f"{stem}_{number}" if number else stem


def _by_class(graph: Graph, groups: dict[str, list[Slot]], file: list[FileLayer]) -> dict[str, FileLayer | None]:
    """The n-th layer of a class is the n-th of that class in Keras' order, within each network by itself.

    In a legacy file, which numbers no classes, the n-th layer with arrays is the n-th.
    """
    at = {layer.group: layer for layer in file if layer.group is not None}
    order = list(_numbered(graph, "", ""))
    if at:
        return {path: at.get(group) for path, group in order if path in groups}
    paths = [path for path, _ in order if path in groups]
    return dict(zip(paths, file, strict=True)) if len(paths) == len(file) else {}


def _numbered(graph: Graph, path: str, group: str) -> Iterator[tuple[str, str]]:
    """(path, class and number) of every layer in Keras' order, nested networks opened."""
    counts: dict[str, int] = defaultdict(int)
    for layer in keras_layers(graph):
        stem = snake_case(layer.kind)
        number = counts[stem]
        counts[stem] += 1
        here, there = path + graph.name(layer), f"{group}{stem}_{number}" if number else f"{group}{stem}"
        if isinstance(layer, Network):
            yield from _numbered(layer.graph.check(), f"{here}/", f"{there}/")
        else:
            yield here, there
