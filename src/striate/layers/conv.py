"""Convolutions: regular, grouped, depthwise, separable, transposed; 1-D and 2-D."""

from __future__ import annotations

from typing import Any, ClassVar

from striate import primitives as p
from striate.errors import ArgumentError
from striate.graph import Constraint, Initializer, Regularizer, Value, Window
from striate.graph.window import Padding, as_padding, as_tuple
from striate.layers import earlier
from striate.layers.activation import as_activation
from striate.layers.formatted import FormattedLayer
from striate.layers.weighted import array, check_arrays
from striate.wording import plural

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]


_ARRAYS = (
    "kernel_initializer bias_initializer kernel_regularizer bias_regularizer activity_regularizer kernel_constraint "
    "bias_constraint"
)
_DEPTHWISE = _ARRAYS.replace("kernel", "depthwise")
_BOTH = (
    "depthwise_initializer pointwise_initializer bias_initializer depthwise_regularizer pointwise_regularizer "
    "bias_regularizer activity_regularizer depthwise_constraint pointwise_constraint bias_constraint"
)


class _Windowed:
    """What all convolutions share, mixed into their layers: the window's arithmetic and the checks of its arguments."""

    kind: Any
    rank: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    transposed: ClassVar[bool] = False

    kernel_size: Any
    strides: Any
    padding: Padding
    dilation_rate: Any
    activation: Any
    use_bias: bool

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[misc]
        self.kernel_size = as_tuple(self.kernel_size, self.rank, f"{self.kind}: kernel_size")
        self.strides = as_tuple(self.strides, self.rank, f"{self.kind}: strides")
        self.dilation_rate = as_tuple(self.dilation_rate, self.rank, f"{self.kind}: dilation_rate")
        self.padding = as_padding(self.padding, self.rank, f"{self.kind}: padding", self.paddings)
        self.activation = as_activation(self.activation, self.kind)
        check_arrays(self, "kernel", "bias", "depthwise", "pointwise")

    def window(self) -> Window:
        """The window that slides over the input."""
        return Window(self.kernel_size, self.strides, self.padding, self.dilation_rate, self.transposed)

    def _bias(self) -> p.Parameter | None:
        return array(self, "bias") if self.use_bias else None


def _positive(value: Any, where: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ArgumentError(f"{where} is a whole number of at least 1, not {value!r}.")
    return int(value)


class _OfRowsAndColumns:
    """What Keras 1 took the window's rows and columns of as numbers of their own; see ``earlier``."""

    @classmethod
    def unnamed(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        earlier.refuse_rows_and_columns(cls.__name__, args, kwargs)

    @classmethod
    def today(cls, given: dict[str, Any]) -> dict[str, Any]:
        return earlier.with_kernel_size(cls.__name__, given)


class _Conv(_Windowed, FormattedLayer):
    """A convolution: each of `filters` sums a window over all channels (of its group) and adds a bias.

    (…, C) -> (…', filters); weight (filters, C / groups, kernel…), bias (filters,).  Every size must be at least the
    window's, or ShapeError.  Sizes: Dumoulin & Visin 2016, relationship 6.

    filters              maps of the output
    kernel_size          height and width of the window, or one number for both; the length, for sequences
    strides              cells from one window to the next, per axis or one number; at least 1
    padding              ``valid``, ``same``, a whole number, or (before, after) per axis
    dilation_rate        cells from one cell of the window to the next, per axis or one number; at least 1
    groups               the channels, and the filters, fall into so many groups that do not see each other
    activation           what each output goes through: a name such as ``relu``, an activation layer, or None
    use_bias             whether each map has a bias
    kernel_initializer   how the weight starts: a name or an Initializer
    bias_initializer     how the bias starts
    kernel_regularizer   the penalty on the weight: a name, a Regularizer, or None
    bias_regularizer     the penalty on the bias
    kernel_constraint    what the weight must be after each update: a name, a Constraint, or None
    bias_constraint      what the bias must be
    """

    order = f"filters kernel_size strides padding data_format dilation_rate groups activation use_bias {_ARRAYS}"

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: Padding = "valid"
    dilation_rate: Any = 1
    groups: int = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: str | Initializer = "glorot_uniform"
    bias_initializer: str | Initializer = "zeros"
    kernel_regularizer: str | Regularizer | None = None
    bias_regularizer: str | Regularizer | None = None
    kernel_constraint: str | Constraint | None = None
    bias_constraint: str | Constraint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.filters = _positive(self.filters, f"{self.kind}: filters")
        self.groups = _positive(self.groups, f"{self.kind}: groups")
        if self.filters % self.groups:
            raise ArgumentError(
                f"{self.kind}: {plural(self.filters, 'filter')} cannot be split into {plural(self.groups, 'group')}."
            )

    def lower(self, x: Value) -> Value:
        y = p.conv(x, self.filters, self.window(), groups=self.groups, kernel=array(self, "kernel"), bias=self._bias())
        return p.activation(y, self.activation)


class Conv2D(_OfRowsAndColumns, _Conv):
    """Convolution over pictures.  (H, W, C) -> (H', W', filters); weight (filters, C / groups, kh, kw), bias (filters,).

    padding: ``valid`` (none), ``same`` (H' = ceil(H / stride); TensorFlow's rule, an uneven pad goes to the bottom and
    right), a whole number, or ((top, bottom), (left, right)).
    """

    rank = 2


class Conv1D(_Conv):
    """Convolution over sequences.  (L, C) -> (L', filters); weight (filters, C / groups, k), bias (filters,).

    padding: ``valid``, ``same``, ``causal`` (all of it before the start), a whole number, or ((before, after),).
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class _DepthwiseConv(_Windowed, FormattedLayer):
    """Each channel convolved with filters of its own.

    kernel_size          height and width of the window, or one number for both; the length, for sequences
    strides              cells from one window to the next, per axis or one number; at least 1
    padding              ``valid``, ``same``, a whole number, or (before, after) per axis
    dilation_rate        cells from one cell of the window to the next, per axis or one number; at least 1
    depth_multiplier     filters of each channel
    activation           what each output goes through: a name such as ``relu``, an activation layer, or None
    use_bias             whether each map has a bias
    depthwise_initializer   how the weight starts: a name or an Initializer
    bias_initializer        how the bias starts
    depthwise_regularizer   the penalty on the weight: a name, a Regularizer, or None
    bias_regularizer        the penalty on the bias
    depthwise_constraint    what the weight must be after each update: a name, a Constraint, or None
    bias_constraint         what the bias must be
    """

    order = f"kernel_size strides padding depth_multiplier data_format dilation_rate activation use_bias {_DEPTHWISE}"

    kernel_size: Any
    strides: Any = 1
    padding: Padding = "valid"
    depth_multiplier: int = 1
    dilation_rate: Any = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: str | Initializer = "glorot_uniform"
    bias_initializer: str | Initializer = "zeros"
    depthwise_regularizer: str | Regularizer | None = None
    bias_regularizer: str | Regularizer | None = None
    depthwise_constraint: str | Constraint | None = None
    bias_constraint: str | Constraint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.depth_multiplier = _positive(self.depth_multiplier, f"{self.kind}: depth_multiplier")

    def lower(self, x: Value) -> Value:
        kernel = array(self, "depthwise")
        y = p.depthwise_conv(x, self.window(), multiplier=self.depth_multiplier, kernel=kernel, bias=self._bias())
        return p.activation(y, self.activation)


class DepthwiseConv2D(_DepthwiseConv):
    """Each channel convolved with `depth_multiplier` filters of its own.  (H, W, C) -> (H', W', C · depth_multiplier);
    weight (C · depth_multiplier, 1, kh, kw), output c · depth_multiplier + m from input c."""

    rank = 2


class DepthwiseConv1D(_DepthwiseConv):
    """Each channel convolved with `depth_multiplier` filters of its own.  (L, C) -> (L', C · depth_multiplier)."""

    rank = 1
    paddings = ("valid", "same", "causal")


class _SeparableConv(_Windowed, FormattedLayer):
    """A depthwise convolution, then one of a single cell that mixes the channels.

    filters              maps of the output
    kernel_size          height and width of the window, or one number for both; the length, for sequences
    strides              cells from one window to the next, per axis or one number; at least 1
    padding              ``valid``, ``same``, a whole number, or (before, after) per axis
    dilation_rate        cells from one cell of the window to the next, per axis or one number; at least 1
    depth_multiplier     maps that the depthwise convolution makes of each channel
    activation           what each output goes through: a name such as ``relu``, an activation layer, or None
    use_bias             whether each map has a bias
    depthwise_initializer, pointwise_initializer   how the two weights start: names or Initializers
    bias_initializer                               how the bias starts
    depthwise_regularizer, pointwise_regularizer   the penalties on the two weights: names, Regularizers, or None
    bias_regularizer                               the penalty on the bias
    depthwise_constraint, pointwise_constraint     what the two weights must be after each update, or None
    bias_constraint                                what the bias must be
    """

    order = (
        f"filters kernel_size strides padding data_format dilation_rate depth_multiplier activation use_bias {_BOTH}"
    )

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: Padding = "valid"
    dilation_rate: Any = 1
    depth_multiplier: int = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: str | Initializer = "glorot_uniform"
    pointwise_initializer: str | Initializer = "glorot_uniform"
    bias_initializer: str | Initializer = "zeros"
    depthwise_regularizer: str | Regularizer | None = None
    pointwise_regularizer: str | Regularizer | None = None
    bias_regularizer: str | Regularizer | None = None
    depthwise_constraint: str | Constraint | None = None
    pointwise_constraint: str | Constraint | None = None
    bias_constraint: str | Constraint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.filters = _positive(self.filters, f"{self.kind}: filters")
        self.depth_multiplier = _positive(self.depth_multiplier, f"{self.kind}: depth_multiplier")

    def lower(self, x: Value) -> Value:
        kernel = array(self, "depthwise")
        y = p.depthwise_conv(
            x, self.window(), multiplier=self.depth_multiplier, kernel=kernel, bias=None, name="depthwise"
        )
        one = Window((1,) * self.rank, (1,) * self.rank)
        y = p.conv(y, self.filters, one, kernel=array(self, "pointwise"), bias=self._bias(), name="pointwise")
        return p.activation(y, self.activation)


class SeparableConv2D(_OfRowsAndColumns, _SeparableConv):
    """A depthwise convolution, then a 1x1 one that mixes the channels.  (H, W, C) -> (H', W', filters).

    1/N + 1/F² of a regular convolution's multiplications.  Chollet 2016; Howard et al. 2017, section 3.1.
    """

    rank = 2


class SeparableConv1D(_SeparableConv):
    """A depthwise convolution, then a 1-wide one that mixes the channels.  (L, C) -> (L', filters)."""

    rank = 1
    paddings = ("valid", "same", "causal")


class _ConvTranspose(_Windowed, FormattedLayer):
    """The transpose of a convolution: each input number paints a window of the output.

    Output W·s for ``same``, W·s + max(F - s, 0) for ``valid`` (Keras' rule), (W - 1)·s + F - pads for numbers.

    filters              maps of the output
    kernel_size          height and width of the window, or one number for both; the length, for sequences
    strides              cells from one window to the next, per axis or one number; at least 1
    output_padding       further cells at the output's end, below the stride, per axis or one number: the output is then
                         (W - 1)·s + F + more for ``valid``, (W - 1)·s + F % 2 + more for ``same``; None: as above
    padding              cells cut off the output: ``valid``, ``same``, a whole number, or (before, after) per axis
    dilation_rate        cells from one cell of the window to the next, per axis or one number; at least 1
    activation           what each output goes through: a name such as ``relu``, an activation layer, or None
    use_bias             whether each map has a bias
    kernel_initializer   how the weight starts: a name or an Initializer
    bias_initializer     how the bias starts
    kernel_regularizer   the penalty on the weight: a name, a Regularizer, or None
    bias_regularizer     the penalty on the bias
    kernel_constraint    what the weight must be after each update: a name, a Constraint, or None
    bias_constraint      what the bias must be
    """

    order = (
        f"filters kernel_size strides padding output_padding data_format dilation_rate activation use_bias {_ARRAYS}"
    )

    transposed = True

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: Padding = "valid"
    output_padding: Any = None
    dilation_rate: Any = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: str | Initializer = "glorot_uniform"
    bias_initializer: str | Initializer = "zeros"
    kernel_regularizer: str | Regularizer | None = None
    bias_regularizer: str | Regularizer | None = None
    kernel_constraint: str | Constraint | None = None
    bias_constraint: str | Constraint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.filters = _positive(self.filters, f"{self.kind}: filters")
        if self.output_padding is not None:
            self.output_padding = as_tuple(self.output_padding, self.rank, f"{self.kind}: output_padding", 0)
            if any(more >= stride for more, stride in zip(self.output_padding, self.strides, strict=True)):
                raise ArgumentError(
                    f"{self.kind}: output_padding {self.output_padding} must be below the strides {self.strides}."
                )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(f"{self.kind}: strides and dilation_rate cannot both be above 1.")

    def window(self) -> Window:
        """The window that paints the output."""
        sizes = (self.kernel_size, self.strides, self.padding, self.dilation_rate)
        return Window(*sizes, transposed=True, more=self.output_padding or ())

    def lower(self, x: Value) -> Value:
        y = p.conv(x, self.filters, self.window(), kernel=array(self, "kernel"), bias=self._bias())
        return p.activation(y, self.activation)


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over pictures.  (H, W, C) -> (H', W', filters); weight (C, filters, kh, kw)."""

    rank = 2


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over sequences.  (L, C) -> (L', filters); weight (C, filters, k)."""

    rank = 1


# Keras' long names.
Convolution1D, Convolution2D = Conv1D, Conv2D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
