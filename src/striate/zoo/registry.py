"""The registry: an architecture is a function that returns a model, under a name."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from striate import layers
from striate.errors import ArgumentError, ShapeError, nearest, unknown
from striate.graph import Graph, Shape, SymbolicTensor, checked_shape
from striate.model import Model
from striate.weights.source import Origin, Source

Build = Callable[..., Model]


@dataclass(frozen=True)
class Paper:
    """Where an architecture comes from: "He et al.", 2015, its title, and an arXiv number or other place to find it."""

    authors: str
    year: int
    title: str = ""
    where: str = ""

    def __str__(self) -> str:
        parts = [f'"{self.title}"' if self.title else "", self.where]
        return ", ".join([f"{self.authors} {self.year}", *(part for part in parts if part)])


@dataclass(frozen=True)
class Card:
    """What is known of an architecture before it is built.

    name            as ``create`` takes it
    about           one line: what it is
    paper           where it comes from
    input_shape     the usual input, channels-last
    classes         the usual number of classes
    top1, top5      single-crop accuracy in percent that the paper (or, failing that, the first source) states; what the
                    published weights reach stands with each source
    before          the architecture that it improved on, for comparisons
    sources         published weights
    family          the file it is declared in
    """

    name: str
    about: str
    paper: Paper
    input_shape: Shape
    classes: int
    build: Build
    top1: float | None = None
    top5: float | None = None
    before: str | None = None
    sources: tuple[Source, ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()

    @property
    def family(self) -> str:
        return self.build.__module__.rpartition(".")[2]

    @property
    def totals(self) -> tuple[int, int, int]:
        """Weights, buffers and multiplications at the usual input, without building the network."""
        weights, buffers, mults = _totals()[self.name]
        return weights, buffers, mults

    @property
    def variants(self) -> dict[str, Any]:
        """Further arguments of ``create`` with their defaults."""
        fixed = dict(self.fixed)
        parameters = list(inspect.signature(self.build).parameters.values())[2:]
        return {p.name: p.default for p in parameters if p.name not in fixed}


_CARDS: dict[str, Card] = {}


@lru_cache(maxsize=1)
def _totals() -> dict[str, list[int]]:
    return json.loads(files("striate.zoo").joinpath("totals.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def architecture(
    name: str,
    about: str,
    paper: Paper,
    input_shape: Shape,
    classes: int,
    *,
    top1: float | None = None,
    top5: float | None = None,
    before: str | None = None,
    sources: Iterable[Source] = (),
    **fixed: Any,
) -> Callable[[Build], Build]:
    """Register the decorated function, which takes (classes, input_shape, …), under `name`, with `fixed` arguments."""

    def decorate(build: Build) -> Build:
        shown = Card(
            name, about, paper, input_shape, classes, build, top1, top5, before, tuple(sources), tuple(fixed.items())
        )
        _CARDS[name] = shown
        return build

    return decorate


def network(
    inputs: SymbolicTensor,
    features: SymbolicTensor,
    output: SymbolicTensor,
    auxiliary: Sequence[tuple[SymbolicTensor, float]] = (),
) -> Model:
    """The model of an architecture.

    features    the last activation map (H, W, C), before the head (global pooling, flatten, dense layers)
    auxiliary   (output, weight of its loss) of classifiers that help training and are not there in prediction
    """
    model = Model(inputs, output, auxiliary=auxiliary)
    model.features = features
    return model


def names() -> list[str]:
    """The names of all architectures."""
    return sorted(_CARDS)


def families() -> dict[str, list[str]]:
    """The names of all architectures by family, in the order in which they are declared."""
    found: dict[str, list[str]] = {}
    for name, one in _CARDS.items():
        found.setdefault(one.family, []).append(name)
    return found


def card(name: str) -> Card:
    """The card of an architecture.  Raises ArgumentError, naming the nearest."""
    if name not in _CARDS:
        raise unknown("architecture", name, _CARDS)
    return _CARDS[name]


def create(
    name: str,
    *,
    classes: int | None = None,
    input_shape: Any = None,
    include_top: bool = True,
    pooling: str | None = None,
    weights: Any = None,
    **variant: Any,
) -> Model:
    """A new model of the named architecture.

    classes         number of outputs (default: the card's, or what the weights have)
    input_shape     (H, W, C), (L, C) or (L,) (default: the card's)
    include_top     False: without the head, ending in the last activation map
    pooling         without the head: "avg" or "max" makes one vector of the map, None leaves it
    weights         None: fresh; "keras", "torchvision", "timm" or "github": what is published there, downloaded once;
                    "hf:owner/name": a model on the Hugging Face hub; or a path
    variant         the architecture's own arguments (``card(name).variants``)

    Raises ArgumentError for an unknown name or variant, ShapeError when the input is too small for the network,
    BundleError for weights that are not this network's.
    """
    found = card(name)
    if pooling not in (None, "avg", "max"):
        raise unknown("pooling", pooling, ("avg", "max"))
    if pooling is not None and include_top:
        raise ArgumentError(f"{name}: pooling goes with include_top=False.")
    if classes is not None and not include_top:
        raise ArgumentError(f"{name}: classes are outputs of the head, which include_top=False leaves out.")
    shape = found.input_shape if input_shape is None else checked_shape(name, input_shape)
    if len(shape) != len(found.input_shape):
        raise ArgumentError(f"{name} takes inputs like {found.input_shape}, not {shape}.")
    for key in variant:
        if key not in found.variants:
            takes = ", ".join(found.variants) or "none"
            raise ArgumentError(f'{name} has no variant "{key}".{nearest(key, found.variants)} It takes: {takes}.')
    if weights is not None:
        from striate.zoo.published import pretrained

        return pretrained(found, weights, classes, shape, include_top, pooling, variant)
    return build(found, found.classes if classes is None else classes, shape, include_top, pooling, variant)


def build(
    found: Card, classes: int, shape: Shape, include_top: bool, pooling: str | None, variant: dict[str, Any]
) -> Model:
    """The model of a card with fresh weights; ``create`` checks the arguments."""
    name = found.name
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise ArgumentError(f"{name}: classes is a whole number of at least 2, not {classes!r}.")
    try:
        model = found.build(classes, shape, **dict(found.fixed), **variant)
        whole = model.graph.check()
    except ShapeError as error:
        raise ShapeError(f"{name}: {_least(found, classes, shape, variant)}{error}") from None
    if not include_top:
        if model.features is None:
            raise ArgumentError(f"{name} has no head that could be left out (include_top=False).")
        model = _without_top(model, pooling)
    here = {model.graph.name(layer) for layer in model.graph.layers}
    model.origin = Origin(
        name,
        found.variants | variant,
        tuple(s for s in found.sources if fits(found, s, variant)),
        frozenset(whole.name(layer) for layer in whole.layers) - here,
        tuple(s for s in found.sources if not fits(found, s, variant)),
    )
    model.name = name
    return model


def _least(found: Card, classes: int, shape: Shape, variant: dict[str, Any]) -> str:
    """How large a picture must be at least for an architecture that does not fit `shape`."""
    if len(shape) != 3:
        return ""
    for side in range(min(shape[:2]) + 1, max(found.input_shape[:2]) + 1):
        with contextlib.suppress(ShapeError):
            found.build(classes, (side, side, shape[2]), **dict(found.fixed), **variant).graph.check()
            said = "x".join(map(str, shape[:2]))
            return f"pictures of {said} are too small, it takes {side}x{side} and larger. "
    return ""


def fits(found: Card, source: Source, variant: dict[str, Any]) -> bool:
    """Whether these published weights are of the network that a card and these further arguments give."""
    chosen = found.variants | variant
    return all(chosen[key] == value for key, value in source.variant.items())


def _without_top(model: Model, pooling: str | None) -> Model:
    features = model.features
    assert features is not None
    end = features
    if pooling == "avg":
        end = layers.GlobalAveragePooling2D()(features)
    elif pooling == "max":
        end = layers.GlobalMaxPooling2D()(features)
    headless = Model.from_graph(Graph(model.inputs, [end]))
    headless.features = features
    return headless
