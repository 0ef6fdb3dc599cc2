"""Networks with the weights that somebody trained: from a library, the Hugging Face hub, or a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from striate.data import fetch
from striate.doors import budgets
from striate.doors.places import cache_folder
from striate.errors import ArgumentError, BundleError, nearest
from striate.graph import Shape
from striate.model import Model
from striate.weights.contents import WeightsFile
from striate.weights.hub import from_hub
from striate.weights.load import apply, outputs_in, refusal
from striate.weights.match import Matching, match
from striate.weights.read import are_there, read_weights
from striate.weights.source import Library, Source
from striate.wording import plural
from striate.zoo.registry import Card
from striate.zoo.untrained import build, fits

_LIBRARIES = get_args(Library)


def pretrained(
    card: Card,
    weights: Any,
    classes: int | None,
    shape: Shape,
    include_top: bool,
    pooling: str | None,
    variant: Mapping[str, Any],
) -> Model:
    """The model of a card with the weights that ``create`` was asked for, and what goes with them.

    The variant that the weights are of is chosen where the user left it open, and so is the number of classes.  The
    model gets the preprocessing that the weights want and, with ImageNet's 1,000 classes (1,001 with a background
    class), their names as labels.  Raises ArgumentError for weights that nobody published, or that contradict the
    arguments; DataError for a download that fails; BundleError for a file that does not fit.
    """
    given = dict(variant)
    if isinstance(weights, str) and weights in _LIBRARIES:
        source = _published(card, weights, given)
        assert source.url is not None
        path, candidates = _cached(source), [source]
    else:
        path, candidates = _file(card, weights), list(card.sources)
    checkpoint = read_weights(path)
    chosen, plan, whole = _best(card, checkpoint, shape, candidates, given)
    outputs = outputs_in(plan, whole.graph) if plan.report.matched else None
    if include_top and outputs is not None:
        if classes not in (None, outputs):
            raise ArgumentError(
                f"{card.name}: the weights {str(weights)!r} are for {plural(outputs, 'class')}, not {classes}. Leave "
                "classes out, or "
                "take include_top=False and put a head of your own on it."
            )
        classes = outputs
    size = card.classes if classes is None else classes
    model = build(card, size, shape, include_top, pooling, chosen)
    plan = match(model.graph, model.origin, checkpoint)
    if not plan.report.fits:
        hint = _other_variant(card, checkpoint, shape, given)
        raise BundleError(hint or refusal(plan, model.graph, model.origin, checkpoint))
    apply(plan, model.graph, model.origin, model._state, checkpoint)
    if plan.source is not None:
        model._trained_as(plan.source)
    return model


def _best(
    card: Card, checkpoint: WeightsFile, shape: Shape, candidates: list[Source], given: dict[str, Any]
) -> tuple[dict[str, Any], Matching, Model]:
    """The variant that a file fits best among those left open: its arguments, the match, and the network."""
    options = [given]
    for source in candidates:
        wanted = given | dict(source.variant)
        if checkpoint.suits(source) and fits(card, source, wanted) and not _conflict(source, given):
            options.append(wanted)
    best: tuple[dict[str, Any], Matching, Model] | None = None
    seen: list[dict[str, Any]] = []
    for chosen in options:
        full = card.variants | chosen
        if full in seen:
            continue
        seen.append(full)
        model = build(card, card.classes, shape, True, None, chosen)
        plan = match(model.graph, model.origin, checkpoint)
        if best is None or _score(plan) > _score(best[1]):
            best = chosen, plan, model
    assert best is not None
    return best


def _score(plan: Matching) -> tuple[bool, int, int]:
    report = plan.report
    wrong = len(report.missing) + len(report.surplus) + len(report.mismatched)
    return report.fits, len(report.matched) - wrong, int(plan.source is not None)


def _conflict(source: Source, given: Mapping[str, Any]) -> list[str]:
    """Arguments that the user gave otherwise than a source has them."""
    return [key for key, value in source.variant.items() if key in given and given[key] != value]


def _other_variant(card: Card, checkpoint: WeightsFile, shape: Shape, given: dict[str, Any]) -> str:
    """If the file is of a variant other than the one asked for: which."""
    if not given:
        return ""
    chosen, plan, whole = _best(card, checkpoint, shape, list(card.sources), {})
    model = build(card, outputs_in(plan, whole.graph) or card.classes, shape, True, None, chosen)
    plan = match(model.graph, model.origin, checkpoint)
    changed = [f"{key}={value!r}" for key, value in chosen.items() if key in given and given[key] != value]
    if not plan.report.fits or not changed:
        return ""
    asked = ", ".join(f"{key}={value!r}" for key, value in given.items())
    return (
        f"the weights in {checkpoint.path} are not of {card.name} with {asked}: they fit {', '.join(changed)}. "
        "Create it so."
    )


# -- where weights are ------------------------------------------------------------------------------------------------
def _published(card: Card, library: str, given: Mapping[str, Any]) -> Source:
    """The weights that a library publishes for the variant asked for, or for the one nearest to the default."""
    own = [source for source in card.sources if source.library == library]
    if not own:
        have = ", ".join(sorted({f'"{source.library}"' for source in card.sources if source.url})) or "none"
        raise ArgumentError(
            f"{card.name}: {library} publishes no weights of it. Published: {have}. A path to a file works too."
        )
    free = [source for source in own if not _conflict(source, given)]
    if not free:
        there = " or ".join(
            ", ".join(f"{key}={source.variant[key]!r}" for key in _conflict(source, given)) for source in own
        )
        asked = ", ".join(f"{key}={given[key]!r}" for key in _conflict(own[0], given))
        raise ArgumentError(
            f"{card.name}: the weights of {library} are for {there}, not {asked}. Leave that out, or take other weights."
        )
    with_url = [source for source in free if source.url]
    if not with_url:
        if library == "slim":
            raise ArgumentError(
                f"{card.name}: slim's weights are packed archives, listed at github.com/tensorflow/models, research/slim; "
                "unpack one and give the path to the .ckpt in it."
            )
        raise ArgumentError(f"{card.name}: where {library} keeps these weights is not known; give a path to the file.")
    defaults = card.variants
    special = {key for key, value in given.items() if value != defaults[key]}

    def distance(source: Source) -> tuple[int, int]:
        chosen = [key for key, value in source.variant.items() if key not in given and value != defaults[key]]
        return len(special - source.variant.keys()), len(chosen)

    return min(with_url, key=distance)


def _file(card: Card, weights: Any) -> Path:
    if isinstance(weights, str) and weights.startswith("hf:"):
        return from_hub(weights.removeprefix("hf:"))
    if not isinstance(weights, str | os.PathLike):
        raise ArgumentError(
            f"{card.name}: weights is one of {', '.join(_LIBRARIES)}, hf:owner/name or a path, not {weights!r}."
        )
    path = Path(weights).expanduser()
    if not are_there(path):
        raise BundleError(
            f"{card.name}: weights={str(weights)!r} is neither a file here nor one of {', '.join(_LIBRARIES)} or "
            f"hf:owner/name.{nearest(str(weights), _LIBRARIES)}"
        )
    return path


def _cached(source: Source) -> Path:
    """The file of a source in the cache, fetched if it is not there."""
    assert source.url is not None
    name = source.url.rpartition("/")[2]
    return fetch(
        source.url, cache_folder("weights", source.library, source.model) / name, source.checksum, most=budgets.WEIGHTS
    )
