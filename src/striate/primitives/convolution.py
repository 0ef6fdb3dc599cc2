"""Windows that multiply: convolutions of every sort.  Sizes: Dumoulin & Visin 2016, relationships 6 and 14."""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Any

from striate.errors import ArgumentError, ShapeError
from striate.graph import Primitive, Shape, Value, Weight, Window
from striate.graph.lowering import put
from striate.primitives.arguments import shape_of, whole, wholes, window_of
from striate.primitives.base import Parameter, Start, parameter, split_shape
from striate.wording import plural


class Conv(Primitive):
    """Each of `filters` sums a window over all channels (of its group) and adds a bias.  (…, C) -> (…', filters).

    window         size, strides, padding and dilation
    filters        how many
    groups         of channels that do not see each other
    kernel, bias   how they start; bias None: none

    Raises ShapeError where the window is larger than the input or the channels cannot be split into the groups.
    """

    family = "conv"
    stateful = True
    keras = {"weight": "kernel", "bias": "bias"}

    window: Window
    filters: int
    groups: int = 1
    kernel: Parameter = field(default_factory=lambda: Parameter("glorot_uniform"))
    bias: Parameter | None = field(default_factory=Parameter)

    @property
    def rank(self) -> int:
        """1 for sequences, 2 for pictures."""
        return len(self.window.kernel)

    def maps(self, x: Shape) -> int:
        """Channels of the output.

        x   the input's shape
        """
        return self.filters

    def split(self, x: Shape) -> int:
        """Groups of input channels that do not see each other.

        x   the input's shape
        """
        return self.groups

    def shape(self, *inputs: Shape) -> Shape:
        sizes, channels = split_shape(inputs[0], self.rank)
        if channels % self.split(inputs[0]):
            raise ShapeError(
                f"{plural(channels, 'input channel')} cannot be split into {plural(self.groups, 'group')}."
            )
        return (*self.window.slide(sizes), self.maps(inputs[0]))

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        area, depth = self.window.area, inputs[0][-1] // self.groups
        fans = (area * depth, area * self.filters)
        arrays = {"weight": self.kernel.weight((self.filters, depth, *self.window.kernel), fans)}
        return arrays | ({"bias": self.bias.weight((self.filters,), fans)} if self.bias else {})

    def mults(self, *inputs: Shape) -> int:
        depth = inputs[0][-1] // self.split(inputs[0])
        return self.window.area * depth * prod(self.shape(*inputs))

    def frees_output(self, *inputs: Shape) -> bool:
        return True

    def to_keras(self, name: str, array: Any) -> Any:
        # (out, in, k…) -> (k…, in, out); of a transposed convolution (in, out, k…) -> (k…, out, in)
        return array.movedim((0, 1), (-1, -2)) if name == "weight" else array

    def from_keras(self, name: str, array: Any) -> Any:
        return array.movedim((-1, -2), (0, 1)) if name == "weight" and array.ndim > 1 else array


class DepthwiseConv(Conv):
    """Each channel with `multiplier` filters of its own; output c · multiplier + m from input c.

    The other arguments and errors as in Conv.
    """

    keras = {"weight": "depthwise_kernel", "bias": "bias"}

    filters: int = field(default=0, init=False)
    multiplier: int = 1

    def maps(self, x: Shape) -> int:
        return x[-1] * self.multiplier

    def split(self, x: Shape) -> int:
        return x[-1]

    def to_keras(self, name: str, array: Any) -> Any:
        # (in · multiplier, 1, k…) -> (k…, in, multiplier)
        if name != "weight":
            return array
        return array.reshape(-1, self.multiplier, *array.shape[2:]).movedim((0, 1), (-2, -1))

    def from_keras(self, name: str, array: Any) -> Any:
        if name != "weight" or array.ndim < 2:
            return array
        return array.movedim((-2, -1), (0, 1)).reshape(-1, 1, *array.shape[:-2])

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        area, depth, maps = self.window.area, inputs[0][-1], self.maps(inputs[0])
        fans = (area * depth, area * self.multiplier)
        arrays = {"weight": self.kernel.weight((maps, 1, *self.window.kernel), fans)}
        return arrays | ({"bias": self.bias.weight((maps,), fans)} if self.bias else {})


class PartialConv(Conv):
    """A convolution in which map k sees only the input maps of ``connections[k]``, with a kernel for each connection.

    connections   for each map, the input maps that it sees

    The other arguments and errors as in Conv.
    """

    filters: int = field(default=0, init=False)
    connections: tuple[tuple[int, ...], ...] = ()

    @property
    def links(self) -> int:
        """Connections in all."""
        return sum(map(len, self.connections))

    def maps(self, x: Shape) -> int:
        return len(self.connections)

    def shape(self, *inputs: Shape) -> Shape:
        _, channels = split_shape(inputs[0], self.rank)
        highest = max(max(row) for row in self.connections)
        if highest >= channels:
            raise ShapeError(f"connects input map {highest}, the input has maps 0 to {channels - 1}.")
        return super().shape(*inputs)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        area, maps = self.window.area, len(self.connections)
        fans = (area * self.links // maps, area * self.links // inputs[0][-1])
        arrays = {"weight": self.kernel.weight((self.links, *self.window.kernel), fans)}
        return arrays | ({"bias": self.bias.weight((maps,), fans)} if self.bias else {})

    def to_keras(self, name: str, array: Any) -> Any:  # a kernel for each connection; Keras has none
        return array

    def from_keras(self, name: str, array: Any) -> Any:
        return array

    def mults(self, *inputs: Shape) -> int:
        return self.window.area * self.links * prod(self.shape(*inputs)[:-1])


class ConvTranspose(Conv):
    """The transpose of a convolution: each input number paints a window of the output.  weight (C, filters, kernel…)."""

    def shape(self, *inputs: Shape) -> Shape:
        return (*self.window.grow(split_shape(inputs[0], self.rank)[0]), self.filters)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        area, depth = self.window.area, inputs[0][-1]
        fans = (area * self.filters, area * depth)
        arrays = {"weight": self.kernel.weight((depth, self.filters, *self.window.kernel), fans)}
        return arrays | ({"bias": self.bias.weight((self.filters,), fans)} if self.bias else {})

    def mults(self, *inputs: Shape) -> int:
        return self.window.area * self.filters * prod(inputs[0])

    def frees_output(self, *inputs: Shape) -> bool:
        return all(self.own(inputs[0]))

    def own(self, x: Shape) -> list[bool]:
        """Which axes torch's module crops by itself: by its padding, and by output_padding up to a stride more.

        x   the input's shape
        """
        crops = self.window.crop(x[:-1])
        return [
            0 <= before - after < stride for (before, after), stride in zip(crops, self.window.strides, strict=True)
        ]


def conv(
    x: Value,
    filters: int,
    window: Window | int | tuple[int, ...],
    *,
    groups: int = 1,
    kernel: Start | Parameter = "glorot_uniform",
    bias: Start | Parameter | None = "zeros",
    name: str = "",
) -> Value:
    """A convolution.  (…, C) -> (…', filters); weight (filters, C / groups, kernel…), bias (filters,).

    x              (length, C) or (height, width, C)
    filters        how many
    window         size, strides, padding and dilation (a transposed one paints instead), or just the size
    groups         of channels that do not see each other
    kernel, bias   how they start: an initializer, or a Parameter; bias None: none
    name           of this part, where the layer has several

    Raises ShapeError where the window is larger than the input or the channels cannot be split into the groups, and
    ArgumentError for other values.
    """
    made = parameter(kernel) or Parameter("glorot_uniform")
    window = window_of(window, shape_of(x, "conv"), "conv", transposed=True)
    filters, groups = whole(filters, "conv: filters"), whole(groups, "conv: groups")
    if filters % groups or (window.transposed and groups > 1):
        raise ArgumentError(f"conv: {plural(filters, 'filter')} cannot be split into {plural(groups, 'group')}.")
    kind = ConvTranspose if window.transposed else Conv
    return put(kind(window, filters, groups, made, parameter(bias)), x, name=name)


def depthwise_conv(
    x: Value,
    window: Window | int | tuple[int, ...],
    *,
    multiplier: int = 1,
    kernel: Start | Parameter = "glorot_uniform",
    bias: Start | Parameter | None = "zeros",
    name: str = "",
) -> Value:
    """Each channel with `multiplier` filters of its own.  (…, C) -> (…', C · multiplier).

    weight (C · multiplier, 1, kernel…), bias (C · multiplier,).

    x              (length, C) or (height, width, C)
    window         size, strides, padding and dilation
    multiplier     filters for each channel
    kernel, bias   how they start: an initializer, or a Parameter; bias None: none
    name           of this part, where the layer has several

    Raises ShapeError where the window is larger than the input, and ArgumentError for other values.
    """
    made = parameter(kernel) or Parameter("glorot_uniform")
    window = window_of(window, shape_of(x, "depthwise_conv"), "depthwise_conv")
    multiplier = whole(multiplier, "depthwise_conv: multiplier")
    return put(DepthwiseConv(window, kernel=made, bias=parameter(bias), multiplier=multiplier), x, name=name)


def partial_conv(
    x: Value,
    connections: tuple[tuple[int, ...], ...],
    window: Window | int | tuple[int, ...],
    *,
    kernel: Start | Parameter = "glorot_uniform",
    bias: Start | Parameter | None = "zeros",
    name: str = "",
) -> Value:
    """A convolution in which map k sees only the input maps of ``connections[k]``.  LeCun et al. 1998, table I.

    x              (height, width, C)
    connections    for each map, the input maps that it sees; weight (connections in all, kernel…)
    window         its size; it moves by 1 and has no padding
    kernel, bias   how they start: an initializer, or a Parameter; bias None: none
    name           of this part, where the layer has several

    Raises ShapeError where an input map is not there or the window is larger than the input, and ArgumentError for other
    values.
    """
    made = parameter(kernel) or Parameter("glorot_uniform")
    if not isinstance(connections, tuple) or not connections or not all(connections):
        raise ArgumentError(f"partial_conv: connections names input maps for each map, not {connections!r}.")
    connections = tuple(wholes(row, "partial_conv: connections", None, 0) for row in connections)
    window = window_of(window, shape_of(x, "partial_conv"), "partial_conv", plain="strides padding dilation")
    return put(PartialConv(window, kernel=made, bias=parameter(bias), connections=connections), x, name=name)
