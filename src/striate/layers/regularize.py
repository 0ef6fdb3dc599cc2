"""What regularizes: noise in training, penalties on what passes.  Nothing in prediction; no weights; shapes unchanged."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from striate import primitives as p
from striate.described import number
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Value
from striate.layers.formatted import FormattedLayer
from striate.primitives.base import split_shape

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
]


def _rate(rate: float, where: str) -> None:
    if not 0 <= rate < 1:
        raise ArgumentError(f"{where}: rate is from 0 up to (not including) 1, not {rate}.")


def _size_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1)


class Dropout(Layer):
    """In training, each number is 0 with probability `rate` and the rest grow by 1 / (1 - rate); else nothing.

    rate          from 0 up to, not including, 1
    noise_shape   the shape of what is drawn, with the batch, None or the input's size where numbers go apart and 1 where
                  they go together: (None, 1, 1, None) takes away whole maps.  None: each number by itself
    seed          of draws of its own, the same in every run; None: the run's, see ``st.set_seed``

    Shape unchanged; no weights.  Srivastava et al. 2014.
    """

    formerly = {"p": "rate="}

    rate: float
    noise_shape: Any = None
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _rate(self.rate, self.kind)
        if self.noise_shape is not None:
            given = self.noise_shape
            if not isinstance(given, list | tuple) or not given or not all(map(_size_or_none, given)):
                raise ArgumentError(
                    f"{self.kind}: noise_shape is a tuple such as (None, 1, 1, None), not {self.noise_shape!r}."
                )
            self.noise_shape = tuple(self.noise_shape)

    def lower(self, x: Value) -> Value:
        return p.dropout(x, self.rate, together=self._together(x), seed=self.seed)

    def _together(self, x: Value) -> tuple[int, ...]:
        if self.noise_shape is None:
            return ()
        batch, *sizes = self.noise_shape
        fits = len(sizes) == len(x.shape) and all(n in (None, 1, m) for n, m in zip(sizes, x.shape, strict=True))
        if not fits or batch == 1:
            raise ShapeError(
                f"draws numbers of shape {self.noise_shape} for an input {(None, *x.shape)}: "
                "each size is the input's, None or 1, and the batch's is not 1."
            )
        return tuple(axis for axis, size in enumerate(sizes) if size == 1)


class AlphaDropout(Dropout):
    """In training, numbers become SELU's lowest value with probability `rate`, and mean and variance are kept; else nothing.

    rate          from 0 up to, not including, 1
    noise_shape   the shape of what is drawn, with the batch, None or the input's size where numbers go apart and 1 where
                  they go together; None: each number by itself
    seed          of draws of its own, the same in every run; None: the run's, see ``st.set_seed``

    Shape unchanged; no weights.  For nets of SELU: Klambauer et al. 2017.
    """

    def lower(self, x: Value) -> Value:
        return p.dropout(x, self.rate, together=self._together(x), seed=self.seed, alpha=True)


class _SpatialDropout(Layer):
    formerly = {"p": "rate="}
    rank: ClassVar[int]

    rate: float
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _rate(self.rate, self.kind)

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, self.rank)
        return p.dropout(x, self.rate, together=tuple(range(self.rank)), seed=self.seed)


class SpatialDropout2D(_SpatialDropout, FormattedLayer):
    """In training, each map is 0 with probability `rate` and the rest grow by 1 / (1 - rate); else nothing.

    rate   from 0 up to, not including, 1
    seed   of draws of its own, the same in every run; None: the run's, see ``st.set_seed``

    (H, W, C) -> (H, W, C); no weights.  Tompson et al. 2015.
    """

    order = "rate data_format seed name dtype"
    rank = 2


class SpatialDropout1D(_SpatialDropout):
    """In training, each channel is 0 with probability `rate` and the rest grow by 1 / (1 - rate); else nothing.

    rate   from 0 up to, not including, 1
    seed   of draws of its own, the same in every run; None: the run's, see ``st.set_seed``

    (L, C) -> (L, C); no weights.  Tompson et al. 2015.
    """

    order = "rate seed name dtype"
    rank = 1


class GaussianNoise(Layer):
    """In training, normal numbers are added; else nothing.

    stddev   their deviation, at least 0
    seed     of draws of its own, the same in every run; None: the run's, see ``st.set_seed``

    Shape unchanged; no weights.
    """

    formerly = {"sigma": "stddev="}

    stddev: float
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        number("GaussianNoise", "stddev", self.stddev, 0)

    def lower(self, x: Value) -> Value:
        return p.noise(x, self.stddev, seed=self.seed)


class GaussianDropout(Layer):
    """In training, each number is multiplied by a normal one of mean 1 and variance rate / (1 - rate); else nothing.

    rate   from 0 up to, not including, 1
    seed   of draws of its own, the same in every run; None: the run's, see ``st.set_seed``

    Shape unchanged; no weights.  Srivastava et al. 2014, section 10.
    """

    formerly = {"p": "rate="}

    rate: float
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _rate(self.rate, "GaussianDropout")

    def lower(self, x: Value) -> Value:
        return p.noise(x, (self.rate / (1 - self.rate)) ** 0.5, multiplied=True, seed=self.seed)


class ActivityRegularization(Layer):
    """Nothing; in training, `l1` · sum |x| + `l2` · sum x² of an example, the mean over the batch, is added to the loss.

    l1, l2   the factors, at least 0

    Shape unchanged; no weights.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("ActivityRegularization", "l1", self.l1, 0), number("ActivityRegularization", "l2", self.l2, 0)

    def lower(self, x: Value) -> Value:
        return p.penalty(x, self.l1, self.l2)
