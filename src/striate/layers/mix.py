"""Descriptions of how two examples are mixed into one; ``data.mix`` does it.  They change targets, so they are no layers."""

from __future__ import annotations

from striate.errors import ArgumentError
from striate.graph.layer import NetworkPart

__all__ = [
    "CutMix",
    "MixUp",
]


class MixUp(NetworkPart):
    """Each picture a weighted mean of two of the batch, and its targets the same mean of theirs: Zhang et al. 2018.

    alpha   weights are drawn from Beta(alpha, alpha), for each picture apart; above 0.  See ``data.mix``.

    Raises ArgumentError for an alpha that is not above 0.
    """

    order = "alpha data_format seed"
    refused = {"seed": "st.set_seed repeats what is mixed"}

    alpha: float = 0.2

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise ArgumentError(f"MixUp: alpha is above 0, not {self.alpha}.")


class CutMix(NetworkPart):
    """In each picture a rectangle of another one of the batch, and targets by area: Yun et al. 2019.

    factor   the part of the picture kept is drawn from Beta(factor, factor), for each picture apart; above 0.  See
             ``data.mix``.

    Raises ArgumentError for a factor that is not above 0.
    """

    order = "factor seed data_format"
    refused = {"seed": "st.set_seed repeats what is mixed"}

    factor: float = 1.0

    def __post_init__(self) -> None:
        if self.factor <= 0:
            raise ArgumentError(f"CutMix: factor is above 0, not {self.factor}.")
