"""A window that slides over an input: the one home of output-size, padding and fit arithmetic.

Sources: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", sections 2-4; TensorFlow's
rule for ``same`` (an uneven pad goes to the bottom and right).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from numbers import Integral
from typing import Any

from striate.errors import ArgumentError, ShapeError
from striate.wording import plural

Padding = str | int | tuple[Any, ...]
Pads = tuple[tuple[int, int], ...]

_MOST = 2**31 - 1  # cells


def as_tuple(value: Any, rank: int, what: str, least: int = 1) -> tuple[int, ...]:
    """`value` (a whole number, or one per axis) as a tuple of `rank`; raises ArgumentError below `least`."""
    if type(value) is int and value >= least:  # nearly always
        return (value,) * rank
    values = (value,) * rank if isinstance(value, Integral) else value
    if (
        not isinstance(values, list | tuple)
        or len(values) != rank
        or any(isinstance(v, bool) or not isinstance(v, Integral) or int(v) < least for v in values)
    ):
        each = "a whole number" if rank == 1 else f"a whole number or {rank} of them"
        raise ArgumentError(f"{what} is {each} of at least {least}, not {value!r}.")
    return tuple(int(v) for v in values)


def as_padding(value: Any, rank: int, where: str, names: tuple[str, ...] = ("valid", "same")) -> Padding:
    """A padding as one of `names`, or per axis as ``((before, after), …)``; raises ArgumentError for anything else."""
    if isinstance(value, str) and value.lower() in names:
        return value.lower()
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
        return ((int(value), int(value)),) * rank
    if isinstance(value, list | tuple) and len(value) == rank:
        sides = []
        for one in value:
            pair = (one, one) if isinstance(one, Integral) else one
            if (
                not isinstance(pair, list | tuple)
                or len(pair) != 2
                or any(isinstance(v, bool) or not isinstance(v, Integral) or int(v) < 0 for v in pair)
            ):
                break
            sides.append((int(pair[0]), int(pair[1])))
        else:
            return tuple(sides)
    example = "((top, bottom), (left, right))" if rank == 2 else "((before, after),)"
    known = ", ".join([*map(repr, names), "a whole number"])
    raise ArgumentError(f"{where} is {known} or {example}, not {value!r}.")


@dataclass(frozen=True)
class Window:
    """Kernel, strides, dilation per axis and padding, of a convolution or a pooling.

    kernel       cells per axis: (height, width) or (length,)
    strides      cells from one window to the next, per axis
    padding      ``valid``, ``same``, ``causal``, or ((before, after), …) per axis
    dilation     input cells from one cell of the kernel to the next, per axis; () for 1
    transposed   whether the window paints its output instead of reading its input
    more         cells of the output beyond those of stride 1, per axis, below the stride (Keras' output_padding); (): Keras'
                 rule of ``grow``

    Raises ArgumentError for anything but whole numbers of at least 1, another padding, and 2 ** 31 cells or more, which
    neither torch nor an engine counts.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Padding = "valid"
    dilation: tuple[int, ...] = ()
    transposed: bool = False
    more: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.dilation:
            object.__setattr__(self, "dilation", (1,) * len(self.kernel) if isinstance(self.kernel, tuple) else ())
        for what in ("kernel", "strides", "dilation"):
            sizes = getattr(self, what)
            if type(sizes) is not tuple or len(sizes) != len(self.kernel) or not all(map(_positive, sizes)):
                raise ArgumentError(
                    f"Window: {what} is a tuple of whole numbers of at least 1, one per axis, such as (3, 3), not {sizes!r}."
                )
        if self.padding not in ("valid", "same", "causal"):
            as_padding(self.padding if isinstance(self.padding, tuple) else None, len(self.kernel), "Window: padding")
        sides = sum(self.padding, ()) if isinstance(self.padding, tuple) else ()
        largest = max((*self.kernel, *self.strides, *self.dilation, *sides), default=0)
        if largest > _MOST:
            raise ArgumentError(
                f"a window's kernel, strides, padding and dilation are of at most {_MOST:,} cells, not {largest:,}."
            )

    @property
    def span(self) -> tuple[int, ...]:
        """Input cells from one end of the window to the other, per axis: (F - 1) · dilation + 1."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def area(self) -> int:
        """Cells of the window."""
        return prod(self.kernel)

    def pads(self, sizes: tuple[int, ...]) -> Pads:
        """Cells added (before, after) to each axis.

        sizes   of the input: (height, width) or (length,)
        """
        if self.padding == "valid":
            return ((0, 0),) * len(sizes)
        if self.padding == "causal":
            return tuple((span - 1, 0) for span in self.span)
        if self.padding == "same":
            totals = (
                max((-(-size // stride) - 1) * stride + span - size, 0)
                for size, stride, span in zip(sizes, self.strides, self.span, strict=True)
            )
            return tuple((total // 2, total - total // 2) for total in totals)
        return self.padding  # type: ignore[return-value]

    def padded(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Input sizes with the padding.

        sizes   of the input: (height, width) or (length,)
        """
        return tuple(size + sum(pad) for size, pad in zip(sizes, self.pads(sizes), strict=True))

    def slide(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Output sizes: floor((W + pads - span) / stride) + 1.  Raises ShapeError if the window is larger.

        sizes   of the input: (height, width) or (length,)
        """
        padded = self.padded(sizes)
        if any(size < span for size, span in zip(padded, self.span, strict=True)):
            wide = "x".join(map(str, self.span))
            dilated = "" if self.span == self.kernel else f" (kernel {_by(self.kernel)}, dilation {_by(self.dilation)})"
            grown = "" if padded == sizes else f" ({_by(padded)} with its padding)"
            need = max(-(-(span - size) // 2) for size, span in zip(sizes, self.span, strict=True))
            number = f" or padding={need}" if need < min(self.span) else ""  # more is no padding for a pooling
            raise ShapeError(
                f"a {wide} window{dilated} is larger than its {_by(sizes)} input{grown}. Use a smaller window, "
                f"padding='same'{number}, a larger input, or fewer poolings and strides before it."
            )
        return tuple(
            (size - span) // stride + 1 for size, span, stride in zip(padded, self.span, self.strides, strict=True)
        )

    def unused(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Rows, columns at the end of the (padded) input that no window reaches; 0 where the window fits.

        sizes   of the input: (height, width) or (length,)
        """
        if self.padding == "same" or self.transposed:
            return (0,) * len(sizes)
        return tuple(
            (size - span) % stride
            for size, span, stride in zip(self.padded(sizes), self.span, self.strides, strict=True)
        )

    def misfit(self, sizes: tuple[int, ...]) -> str | None:
        """None if the window fits; else the arithmetic that shows it does not, and the remedies.

        sizes   of the input: (height, width) or (length,)
        """
        unused = self.unused(sizes)
        if not any(unused):
            return None
        axis = next(i for i, rest in enumerate(unused) if rest)
        size, span, stride = self.padded(sizes)[axis], self.span[axis], self.strides[axis]
        sums = f"({size} - {span}) / {stride} + 1 = {(size - span) / stride + 1:.2f}"
        axes = ("length",) if len(sizes) == 1 else ("height", "width")
        rows = ("step",) if len(sizes) == 1 else ("row", "column")
        lost = " and ".join(f"the last {plural(count, rows[i])}" for i, count in enumerate(unused) if count)
        apart = " What lies between its windows is never read either." if span < stride else ""
        strides = [
            s
            for s in range(1, max(min(self.padded(sizes)), 1) + 1)
            if all((p - w) % s == 0 for p, w in zip(self.padded(sizes), self.span, strict=True))
            and s <= max(self.strides) + 1
        ]
        fitting = self.fitting(sizes)
        remedies = [f"stride {_or(strides)}"] if strides else []
        remedies += [f"padding={fitting}"] if fitting is not None else []
        remedies += ["padding='same'"]
        return (
            f"a {_by(self.span)} window with stride {_by_stride(self.strides)} does not fit a {_by(sizes)} input: "
            f"{axes[axis]} {sums}, so {lost} would go unused. Use {', or '.join(remedies)}.{apart}"
        )

    def fitting(self, sizes: tuple[int, ...]) -> int | Pads | None:
        """The padding with which the window fits: the least that is the same on every side, else the one nearest to its own.

        sizes   of the input: (height, width) or (length,)

        None where there is none smaller than the window, which a pooling needs.
        """
        every = list(zip(sizes, self.span, self.strides, strict=True))
        for p in range(1, min(self.span)):
            if all((n + 2 * p - w) % s == 0 for n, w, s in every):
                return p
        pads = []
        for (size, span, stride), (before, after) in zip(every, self.pads(sizes), strict=True):
            ways = [(a, b) for a in range(span) for b in range(span) if (size + a + b - span) % stride == 0]
            ways = [(a, b) for a, b in ways if size + a + b >= span]
            if not ways:
                return None
            # as little as possible is changed, sooner added than taken away, and at the end
            pads.append(min(ways, key=lambda way: (abs(way[0] - before) + abs(way[1] - after), -sum(way), -way[1])))
        return tuple(pads)

    def grow(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Output sizes of the transposed window (Keras' rule): ``same`` W·s, ``valid`` W·s + max(span - s, 0).

        With `more`: (W - 1)·s + more, and the span, or for ``same`` 1 where that is odd.

        sizes   of the input: (height, width) or (length,)

        Raises ShapeError when the padding crops everything away.
        """
        if self.more:
            kept = [span % 2 if self.padding == "same" else span for span in self.span]
            less = [sum(pad) for pad in self.padding] if isinstance(self.padding, tuple) else [0] * len(sizes)
            every = zip(sizes, self.strides, kept, less, self.more, strict=True)
            out = tuple((size - 1) * stride + wide - cut + more for size, stride, wide, cut, more in every)
            if min(out) < 1:
                raise ShapeError(f"padding {self.padding} crops the whole {_by(sizes)} input away. Use less padding.")
            return out
        if self.padding == "same":
            return tuple(size * stride for size, stride in zip(sizes, self.strides, strict=True))
        if self.padding == "valid":
            return tuple(
                size * stride + max(span - stride, 0)
                for size, stride, span in zip(sizes, self.strides, self.span, strict=True)
            )
        out = tuple(
            (size - 1) * stride + span - sum(pad)
            for size, stride, span, pad in zip(sizes, self.strides, self.span, self.pads(sizes), strict=True)
        )
        if min(out) < 1:
            raise ShapeError(f"padding {self.padding} crops the whole {_by(sizes)} input away. Use less padding.")
        return out

    def crop(self, sizes: tuple[int, ...]) -> Pads:
        """Cells that the transposed window cuts off what it painted, (before, after) each axis; negative: zeros added.

        sizes   of the input, per axis

        Keras' rule: what is too much goes, half of it at the start, rounded down.  Raises ShapeError where nothing is left.
        """
        painted = self.painted(sizes)
        if isinstance(self.padding, str):
            before = [max(n - o, 0) // 2 for n, o in zip(painted, self.grow(sizes), strict=True)]
        else:
            before = [pad[0] for pad in self.pads(sizes)]
        return tuple((a, n - a - o) for n, a, o in zip(painted, before, self.grow(sizes), strict=True))

    def painted(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Cells that the transposed window paints: (W - 1)·s + span.

        sizes   of the input, per axis
        """
        return tuple((n - 1) * s + f for n, s, f in zip(sizes, self.strides, self.span, strict=True))


def _positive(value: Any) -> bool:
    return type(value) is int and value >= 1


def _by(values: tuple[int, ...]) -> str:
    return "x".join(map(str, values))


def _by_stride(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else _by(values)


def _or(values: list[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{', '.join(map(str, values[:-1]))} or {values[-1]}"
