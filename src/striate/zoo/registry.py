"""The registry: an architecture is a function that returns a model, under a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any

from striate.doors.parsing import read_json
from striate.errors import unknown
from striate.graph import Shape, SymbolicTensor
from striate.model import Model
from striate.weights.source import Source

Build = Callable[..., Model]


@dataclass(frozen=True)
class Paper:
    """Where an architecture comes from: "He et al.", 2015, its title, and an arXiv number or other place to find it.

    authors    such as "He et al."
    year       of publication
    title      of the paper
    where      an arXiv number or another place
    """

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

    build, fixed    the function that builds it, and the arguments that this name fixes
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
        """The file it is declared in."""
        return self.build.__module__.rpartition(".")[2]

    @property
    def totals(self) -> tuple[int, int, int]:
        """Weights, buffers and multiplications at the usual input, without building the network."""
        weights, buffers, mults, _ = _totals()[self.name]
        return weights, buffers, mults

    @property
    def depth(self) -> int:
        """Convolutions and dense layers on the longest way, as papers count; see ``zoo.depth``."""
        return _totals()[self.name][3]

    @property
    def variants(self) -> dict[str, Any]:
        """Further arguments of ``create`` with their defaults."""
        fixed = dict(self.fixed)
        parameters = list(inspect.signature(self.build).parameters.values())[2:]
        return {p.name: p.default for p in parameters if p.name not in fixed}


_CARDS: dict[str, Card] = {}


@lru_cache(maxsize=1)
def _totals() -> dict[str, list[int]]:
    with as_file(files("striate.zoo").joinpath("totals.json")) as path:
        return read_json(path)  # type: ignore[no-any-return]


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
    by_family: dict[str, list[str]] = {}
    for name, one in _CARDS.items():
        by_family.setdefault(one.family, []).append(name)
    return by_family


def card(name: str) -> Card:
    """The card of an architecture.  Raises ArgumentError, naming the nearest.

    name    as ``create`` takes it
    """
    if name not in _CARDS:
        raise unknown("architecture", name, _CARDS)
    return _CARDS[name]
