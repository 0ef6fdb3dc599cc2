"""Penalties on weights, added to the loss while training.  ``train/`` computes them."""

from __future__ import annotations

import functools

from striate.errors import ArgumentError, unknown
from striate.graph import Regularizer


class L1(Regularizer):
    """A penalty of `l1` · sum |w|.

    l1   the factor, at least 0
    """

    l1: float = 0.01


class L2(Regularizer):
    """A penalty of `l2` · sum w².

    l2   the factor, at least 0
    """

    l2: float = 0.01


class L1L2(Regularizer):
    """A penalty of `l1` · sum |w| + `l2` · sum w².

    l1, l2   the factors, at least 0
    """

    l1: float = 0.0
    l2: float = 0.0


l1, l2, l1_l2 = L1, L2, L1L2

NAMES: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1_l2": L1L2}


def get(spec: str | Regularizer) -> Regularizer:
    """The regularizer of a name, or the object itself.  Raises ArgumentError, naming the nearest.

    spec   a name such as ``l2``, or a Regularizer
    """
    if isinstance(spec, Regularizer):
        return spec
    if not isinstance(spec, str):
        raise ArgumentError(f"a regularizer is a name such as 'l2' or an object, not {spec!r}.")
    return _named(spec)


@functools.cache
def _named(name: str) -> Regularizer:
    """The regularizer of a name, one for all; they are described by their fields and never changed."""
    if name not in NAMES:
        raise unknown("regularizer", name, NAMES)
    return NAMES[name]()
