"""Pooling: each window, or each whole map, of each channel becomes one number.  No weights."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Literal

from striate import primitives as p
from striate.errors import ArgumentError, unknown
from striate.graph import Layer, Operand, Value, Window
from striate.graph.window import Padding, as_padding, as_tuple
from striate.layers.formatted import FormattedLayer
from striate.primitives.base import split_shape
from striate.primitives.pooling import PoolHow

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "CenterWeightedAveragePooling1D",
    "CenterWeightedAveragePooling2D",
    "DepthPooling",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "L1Pooling1D",
    "L1Pooling2D",
    "L2Pooling1D",
    "L2Pooling2D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MinPooling1D",
    "MinPooling2D",
    "SumPooling1D",
    "SumPooling2D",
]


class _Pool(FormattedLayer):
    """Each window of each channel becomes one number.  No weights.

    pool_size   height and width of the window, or one number for both; the length, for sequences
    strides     cells from one window to the next, per axis or one number; None: the pool size, so windows do not overlap
    padding     ``valid``, ``same``, a whole number, or (before, after) per axis; less than the window

    Raises ShapeError for a window that is larger than its input.
    """

    order = "pool_size strides padding data_format name"
    formerly = {"pool_length": "pool_size=", "stride": "strides="}
    rank: ClassVar[int]
    how: ClassVar[PoolHow]

    pool_size: Any = 2
    strides: Any = None  # None: the pool size, so windows do not overlap
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pool_size = as_tuple(self.pool_size, self.rank, f"{self.kind}: pool_size")
        if self.strides is not None:
            self.strides = as_tuple(self.strides, self.rank, f"{self.kind}: strides")
        self.padding = as_padding(self.padding, self.rank, f"{self.kind}: padding")
        if isinstance(self.padding, tuple) and any(
            max(pad) >= size for pad, size in zip(self.padding, self.pool_size, strict=True)
        ):
            raise ArgumentError(
                f"{self.kind}: padding {self.padding} would make windows of nothing but padding; keep it below "
                f"pool_size {self.pool_size}."
            )

    def window(self) -> Window:
        """The window that slides over the input."""
        return Window(self.pool_size, self.strides or self.pool_size, self.padding)

    def lower(self, x: Value) -> Value:
        return p.pool(x, self.window(), self.how)


class _AveragePool(_Pool):
    """A mean of each window.

    count_include_pad   whether padding counts as zeros (torch's default) or is left out of the mean (Keras')
    """

    count_include_pad: bool = field(default=False, kw_only=True)

    def lower(self, x: Value) -> Value:
        return p.pool(x, self.window(), "average_all" if self.count_include_pad else "average")


class _MinPool(_Pool):
    def lower(self, x: Value) -> Value:
        return p.pointwise(p.pool(p.pointwise(x, "negative"), self.window(), "max"), "negative")


class _L1Pool(_Pool):
    def lower(self, x: Value) -> Value:
        return p.pool(p.pointwise(x, "absolute"), self.window(), "sum")


class _L2Pool(_Pool):
    def lower(self, x: Value) -> Value:
        return p.pointwise(p.pool(p.pointwise(x, "square"), self.window(), "sum"), "sqrt")


class MaxPooling2D(_Pool):
    """The largest number of each window.  (H, W, C) -> (H', W', C); no weights.  Padding never wins."""

    rank = 2
    how = "max"


class MaxPooling1D(_Pool):
    """The largest number of each window.  (L, C) -> (L', C); no weights."""

    rank = 1
    how = "max"


class AveragePooling2D(_AveragePool):
    """The mean of each window.  (H, W, C) -> (H', W', C); no weights.

    Padding is left out of the mean (Keras' rule), or counted as zeros with ``count_include_pad=True`` (torch's).
    """

    rank = 2


class AveragePooling1D(_AveragePool):
    """The mean of each window.  (L, C) -> (L', C); no weights; padding as in AveragePooling2D."""

    rank = 1


class MinPooling2D(_MinPool):
    """The smallest number of each window.  (H, W, C) -> (H', W', C); no weights."""

    rank = 2


class MinPooling1D(_MinPool):
    """The smallest number of each window.  (L, C) -> (L', C); no weights."""

    rank = 1


class SumPooling2D(_Pool):
    """The sum of each window.  (H, W, C) -> (H', W', C); no weights."""

    rank = 2
    how = "sum"


class SumPooling1D(_Pool):
    """The sum of each window.  (L, C) -> (L', C); no weights."""

    rank = 1
    how = "sum"


class L1Pooling2D(_L1Pool):
    """The sum of magnitudes of each window.  (H, W, C) -> (H', W', C); no weights."""

    rank = 2


class L1Pooling1D(_L1Pool):
    """The sum of magnitudes of each window.  (L, C) -> (L', C); no weights."""

    rank = 1


class L2Pooling2D(_L2Pool):
    """The root of the sum of squares of each window.  (H, W, C) -> (H', W', C); no weights.

    The gradient of a window of zeros is taken as 0.
    """

    rank = 2


class L2Pooling1D(_L2Pool):
    """The root of the sum of squares of each window.  (L, C) -> (L', C); no weights."""

    rank = 1


class CenterWeightedAveragePooling2D(_Pool):
    """A mean of each window that trusts its centre most.  (H, W, C) -> (H', W', C); no weights.

    Cell weights are 1 / (1 + distance to the window's centre, in cells), divided by their sum.  Padding counts as 0.
    The idea: Goodfellow et al. 2016, "Deep Learning", section 9.3.
    """

    rank = 2
    how = "center"


class CenterWeightedAveragePooling1D(_Pool):
    """A mean of each window that trusts its centre most.  (L, C) -> (L', C); weights as in the 2-D layer."""

    rank = 1
    how = "center"


class _GlobalPool(FormattedLayer):
    """Each map becomes one number.  No weights.

    keepdims   keep the axes of positions, with size 1
    """

    order = "data_format keepdims"
    rank: ClassVar[int]
    how: ClassVar[Literal["max", "mean"]]

    keepdims: bool = False

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, self.rank)
        return p.reduce(x, self.how, keepdims=self.keepdims)


class GlobalMaxPooling2D(_GlobalPool):
    """The largest number of each map.  (H, W, C) -> (C,), or (1, 1, C) with keepdims; no weights."""

    rank = 2
    how = "max"


class GlobalMaxPooling1D(_GlobalPool):
    """The largest number of each channel.  (L, C) -> (C,), or (1, C) with keepdims; no weights."""

    rank = 1
    how = "max"


class GlobalAveragePooling2D(_GlobalPool):
    """The mean of each map.  (H, W, C) -> (C,), or (1, 1, C) with keepdims; no weights."""

    rank = 2
    how = "mean"


class GlobalAveragePooling1D(_GlobalPool):
    """The mean of each channel.  (L, C) -> (C,), or (1, C) with keepdims; no weights."""

    rank = 1
    how = "mean"

    def __call__(self, inputs: Any, *more: Any, training: Any = None, mask: Any = None) -> Any:  # type: ignore[override]
        """As every layer is called; arrays with a mask too.

        inputs     (N, L, C), symbolic or numbers
        more       the mask, unnamed
        training   the same in both
        mask       (N, L) of numbers: True for the steps that count; None: all do

        Raises ArgumentError for a mask of symbolic inputs.
        """
        mask = more[0] if more else mask
        if mask is None:
            return super().__call__(inputs, training=training)
        if isinstance(inputs, Operand) or isinstance(mask, Operand):
            raise ArgumentError(
                "GlobalAveragePooling1D: a mask goes with arrays; in a network divide a sum by a sum: "
                "ops.sum(x * m, axis=1) / ops.sum(m, axis=1)."
            )
        return _MaskedMean(keepdims=self.keepdims, data_format=self.data_format)([inputs, mask])


class _MaskedMean(FormattedLayer):
    """The mean of the steps that count.  (L, C), (L,) -> (C,), or (1, C) with keepdims; no weights."""

    arity = 2

    keepdims: bool = False

    def lower(self, x: Value, mask: Value) -> Value:
        (steps,), channels = split_shape(x.shape, 1)
        counts = p.reshape(mask, (steps, 1))
        total = p.reduce(p.combine("multiply", x, counts), "sum", (0,), keepdims=True)
        mean = p.combine("divide", total, p.reduce(counts, "sum", (0,), keepdims=True))
        return mean if self.keepdims else p.reshape(mean, (channels,))


class _AdaptivePool(FormattedLayer):
    """Windows chosen so that the output has a given size.  No weights.

    output_size   height and width of the output, or one number for both; the length, for sequences
    """

    order = "output_size data_format"
    rank: ClassVar[int]
    how: ClassVar[Literal["max", "average"]]

    output_size: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self.output_size = as_tuple(self.output_size, self.rank, f"{self.kind}: output_size")

    def lower(self, x: Value) -> Value:
        return p.adaptive_pool(x, self.output_size, self.how)


class AdaptiveAveragePooling2D(_AdaptivePool):
    """Mean over windows chosen so that the output has `output_size`.  (H, W, C) -> (*output_size, C); no weights.

    Window i covers rows floor(i·H/H') up to ceil((i+1)·H/H'), as in torch; windows may overlap.
    """

    rank = 2
    how = "average"


class AdaptiveAveragePooling1D(_AdaptivePool):
    """Mean over windows chosen so that the output has `output_size`.  (L, C) -> (output_size, C); no weights."""

    rank = 1
    how = "average"


class AdaptiveMaxPooling2D(_AdaptivePool):
    """Maximum over windows chosen so that the output has `output_size`.  (H, W, C) -> (*output_size, C)."""

    rank = 2
    how = "max"


class AdaptiveMaxPooling1D(_AdaptivePool):
    """Maximum over windows chosen so that the output has `output_size`.  (L, C) -> (output_size, C)."""

    rank = 1
    how = "max"


class DepthPooling(Layer):
    """Pooling over channels: groups of `pool_size` neighbouring channels become one.  (…, C) -> (…, C'); no weights.

    pool_size   channels of a group
    strides     channels from one group to the next; None: the group's size, so groups do not overlap
    mode        ``max`` or ``average``
    """

    pool_size: int = 2
    strides: int | None = None
    mode: str = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.pool_size,) = as_tuple(self.pool_size, 1, "DepthPooling: pool_size")
        if self.strides is not None:
            (self.strides,) = as_tuple(self.strides, 1, "DepthPooling: strides")
        if self.mode not in ("max", "average"):
            raise unknown("DepthPooling mode", self.mode, ("max", "average"))

    def lower(self, x: Value) -> Value:
        channels = Window((self.pool_size,), (self.strides or self.pool_size,))
        return p.depth_pool(x, channels, "max" if self.mode == "max" else "average")


# Keras' short names.
MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
