"""How far each cell of one axis sees along another: exact interval arithmetic, one period at a time.

Convolutions, poolings, paddings, croppings, upsamplings and transposed convolutions all repeat: move the output by
`period` cells and everything it sees moves by `shift` cells.  So a finite list of intervals says all, and composing two
layers is composing two such lists.  With period 1 this is the recurrence of Araujo, Norris & Sim 2019, "Computing
receptive fields of convolutional neural networks" (Distill), section "Single-path networks", with shift = their stride.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd, lcm

from striate.doors import budgets
from striate.errors import ShapeError


@dataclass(frozen=True, slots=True)
class Reach:
    """Cell u = period·q + p sees the cells shift·q + low[p] to shift·q + high[p] (none when high < low)."""

    period: int
    shift: int
    low: tuple[int, ...]
    high: tuple[int, ...]

    def first(self, u: int) -> int:
        """First cell that u sees."""
        q, p = divmod(u, self.period)
        return self.shift * q + self.low[p]

    def last(self, u: int) -> int:
        """Last cell that u sees."""
        q, p = divmod(u, self.period)
        return self.shift * q + self.high[p]

    def size(self, length: int) -> int:
        """Cells that the widest-seeing of the cells 0 … length - 1 sees."""
        real = range(min(self.period, length))
        return max(max(self.high[p] - self.low[p] + 1 for p in real), 0)

    @property
    def jump(self) -> Fraction:
        """Cells that the view moves for one step of u; 0 when every u sees the same."""
        return Fraction(self.shift, self.period)

    @property
    def centre(self) -> float:
        """The middle of what cell 0 sees; 0 is the middle of the first cell."""
        return (self.low[0] + self.high[0]) / 2

    def through(self, inner: Reach) -> Reach:
        """What `inner`'s cells see, when `inner` tells which of *our* cells they look at."""
        if inner == SAME:
            return self
        times = self.period // gcd(self.period, inner.shift) if inner.shift else 1
        period = _counted(inner.period * times)
        return Reach(
            period,
            self.shift * inner.shift * times // self.period,
            tuple(self.first(inner.first(u)) for u in range(period)),
            tuple(self.last(inner.last(u)) for u in range(period)),
        )

    def covers(self, extent: int) -> bool:
        """Whether every cell sees all of the cells 0 … extent - 1."""
        return self.shift == 0 and self.low[0] <= 0 and self.high[0] >= extent - 1

    def joined(self, other: Reach, length: int, extent: int) -> Reach:
        """The smallest view that holds both, for the cells 0 … length - 1 of a merge of two branches."""
        if self == other or self.covers(extent):
            return self
        if other.covers(extent):
            return other
        period, jump = lcm(self.period, other.period), max(self.jump, other.jump)
        if self.jump != other.jump:  # branches that move at different speeds: every cell on its own
            period = lcm(length, jump.denominator)
        _counted(period)
        return Reach(
            period,
            int(jump * period),
            tuple(min(self.first(u), other.first(u)) for u in range(period)),
            tuple(max(self.last(u), other.last(u)) for u in range(period)),
        )

    def everything(self, length: int, extent: int) -> Reach:
        """What a cell sees that looks at all of our cells 0 … length - 1, as far as it lies in 0 … extent - 1."""
        low, high = max(self.first(0), 0), min(self.last(length - 1), extent - 1)
        return Reach(1, 0, (low,), (high,))


def _counted(period: int) -> int:
    """A period whose cells can be told one by one.  Raises ShapeError."""
    if period > budgets.PERIOD:
        raise ShapeError(
            f"what a cell sees repeats only after {period:,} cells; receptive fields are told up to {budgets.PERIOD:,}."
        )
    return period


SAME = Reach(1, 1, (0,), (0,))
FIRST = Reach(1, 0, (0,), (0,))  # an axis of size 1, repeated: every cell sees cell 0


def sliding(stride: int, before: int, span: int) -> Reach:
    """A window of `span` that moves by `stride` over an axis padded with `before` cells."""
    return Reach(1, stride, (-before,), (span - 1 - before,))


def painting(stride: int, before: int, span: int) -> Reach:
    """A transposed window: cell i paints the `span` cells from i·stride - before, so u sees the i that paint it."""
    _counted(stride)
    return Reach(
        stride,
        1,
        tuple(-((span - 1 - before - u) // stride) for u in range(stride)),
        tuple((u + before) // stride for u in range(stride)),
    )


def repeating(times: int) -> Reach:
    """Nearest-neighbour upsampling."""
    _counted(times)
    return Reach(times, 1, (0,) * times, (0,) * times)


def interpolating(times: int) -> Reach:
    """Bilinear upsampling between cell centres: u sees the cells on both sides of (u + 1/2) / times - 1/2."""
    _counted(times)
    low = tuple((2 * u + 1 - times) // (2 * times) for u in range(times))
    high = tuple(-((times - 2 * u - 1) // (2 * times)) for u in range(times))
    return Reach(times, 1, low, high)


def adaptive(length: int, out: int) -> Reach:
    """Window i covers cells floor(i·length/out) up to, not including, ceil((i + 1)·length/out)."""
    common = gcd(length, out)
    period, shift = _counted(out // common), length // common
    return Reach(
        period,
        shift,
        tuple(i * length // out for i in range(period)),
        tuple(-(-(i + 1) * length // out) - 1 for i in range(period)),
    )


def sampling(length: int, out: int, span: int, spread: bool) -> Reach:
    """A resampling of `length` cells as `out`, between the middles of cells.

    span     cells that a new one is read from: 1, 2 or 4
    spread   whether a smaller result averages over all cells that it stands for
    """
    common = gcd(length, out)
    period, shift = _counted(out // common), length // common
    middles = [Fraction((2 * u + 1) * length, 2 * out) for u in range(period)]  # 1/2 is the middle of cell 0
    if span == 1:
        cells = tuple(floor(middle) for middle in middles)
        return Reach(period, shift, cells, cells)
    half = Fraction(span, 2) * max(Fraction(length, out) if spread else Fraction(1), Fraction(1))
    low = tuple(floor(middle - half + Fraction(1, 2)) for middle in middles)
    return Reach(period, shift, low, tuple(ceil(middle + half - Fraction(1, 2)) - 1 for middle in middles))
