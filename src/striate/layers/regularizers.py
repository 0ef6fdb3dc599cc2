"""Penalties on weights, added to the loss while training.  ``train/`` computes them."""

from __future__ import annotations

from striate.described import from_name
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
    return from_name(spec, Regularizer, NAMES, "l2")
