"""Comparisons of building blocks: the same job done in several ways, with weights, multiplications and receptive field.

Every option is a small real network, measured by ``measure``; the formulas beside the numbers are in C, the channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

from striate import layers
from striate.described import counts
from striate.errors import ArgumentError
from striate.graph import Graph, Input, Shape, SymbolicTensor
from striate.shown import Shown
from striate.size.table import measure
from striate.wording import aligned, by, plural


@dataclass(frozen=True)
class Option:
    """One way to do the job.

    name              what it is
    output_shape      (H, W, C)
    weights, biases   weights includes the biases
    mults             multiplications for one input
    receptive_field   rows and columns of the input that one output position sees
    formula           weights in C, where the block is described by its channels
    """

    name: str
    output_shape: Shape
    weights: int
    biases: int
    mults: int
    receptive_field: tuple[int, ...]
    formula: str = ""

    @property
    def kernel_weights(self) -> int:
        """Weights without the biases."""
        return self.weights - self.biases

    @property
    def depth(self) -> int:
        """Channels of the output."""
        return self.output_shape[-1]


@dataclass(frozen=True)
class Comparison(Shown):
    """Several options for one job; the last one is what the others are compared with.  ``str`` prints a table.

    title     the job
    options   an Option each
    note      a sentence below the table
    source    where the comparison comes from
    """

    title: str
    options: tuple[Option, ...]
    note: str = ""
    source: str = field(default="", repr=False)

    def __getitem__(self, key: int | str) -> Option:
        """An option by number or name."""
        if isinstance(key, int):
            return self.options[key]
        for option in self.options:
            if option.name == key:
                return option
        raise ArgumentError(f'no option "{key}"; the options are {", ".join(o.name for o in self.options)}.')

    def ratio(self, what: str = "weights", option: int | str = 0) -> float:
        """One option's number as a fraction of the last one's.

        what     ``weights``, ``kernel_weights`` or ``mults``
        option   number or name

        Raises ArgumentError for an option that is not there.
        """
        return getattr(self[option], what) / getattr(self.options[-1], what)  # type: ignore[no-any-return]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        plain = [
            {**asdict(o), "output_shape": list(o.output_shape), "receptive_field": list(o.receptive_field)}
            for o in self.options
        ]
        return {"title": self.title, "options": plain, "note": self.note, "source": self.source}

    def __str__(self) -> str:
        formulas = any(option.formula for option in self.options)
        head = ("", "output", "sees", "weights", *(["formula"] if formulas else []), "", "multiplications", "")
        rows = [head]
        for option in self.options:
            formula = [option.formula] if formulas else []
            shares = [f"{self.ratio(what, option.name):.1%}" for what in ("weights", "mults")]
            rows.append(
                (
                    *(option.name, by(option.output_shape), by(option.receptive_field), f"{option.weights:,}"),
                    *(*formula, shares[0], f"{option.mults:,}", shares[1]),
                )
            )
        right = (False, True, True, True, *([False] if formulas else []), True, True, True)
        lines = [self.title, *aligned(rows, right)]
        return "\n".join([*lines, *([self.note] if self.note else []), *([f"({self.source})"] if self.source else [])])


@dataclass(frozen=True)
class AsDense:
    """A dense layer that gives every output number from every input number.

    inputs      numbers that go in
    outputs     numbers that come out
    positions   cells of one map of the output
    weights     with one bias for each output number
    """

    inputs: int
    outputs: int
    positions: int

    @property
    def mults(self) -> int:
        """Multiplications for one input."""
        return self.inputs * self.outputs

    @property
    def weights(self) -> int:
        """Weights with one bias for each output number."""
        return self.inputs * self.outputs + self.outputs

    @property
    def weights_per_map(self) -> int:
        """Weights, without biases, of one map of the output."""
        return self.inputs * self.positions


def as_dense(input_shape: Shape, output_shape: Shape) -> AsDense:
    """The dense layer that does the job of a layer with these shapes.

    input_shape    (H, W, C)
    output_shape   (H, W, C)
    """
    return AsDense(prod(input_shape), prod(output_shape), prod(output_shape[:-1]))


Block = Callable[[SymbolicTensor], SymbolicTensor]


def _option(name: str, input_shape: Shape, block: Block, formula: str = "") -> Option:
    x = Input(input_shape)
    graph = Graph([x], [block(x)])
    size = measure(graph, optimizer=None)
    biases = sum(
        w.size
        for node in graph.nodes
        for key, w in node.layer.parameters(*node.input_shapes).items()
        if key.split(".")[-1] == "bias"
    )
    seen = size.rows[-1].receptive_field
    assert seen is not None
    return Option(name, graph.output_shapes[0], size.weights, biases, size.mults, seen, formula)


def _chain(*blocks: Any) -> Block:
    def run(x: SymbolicTensor) -> SymbolicTensor:
        for block in blocks:
            x = block(x)
        return x

    return run


def _same(filters: int, kernel: int | tuple[int, int], use_bias: bool, groups: int = 1) -> layers.Conv2D:
    return layers.Conv2D(filters, kernel, padding="same", groups=groups, use_bias=use_bias)


def _in_c(square: float, linear: int, use_bias: bool) -> str:
    terms = [f"{square:g}C²"]
    if use_bias and linear:
        terms.append(f"{'' if linear == 1 else linear}C")
    return " + ".join(terms)


def stacked(
    channels: int = 64, count: int = 3, kernel: int = 3, *, size: int = 56, use_bias: bool = True
) -> Comparison:
    """Stacked kernel x kernel convolutions of C maps, against the one convolution that sees as much.

    channels     maps C that go in and come out
    count        convolutions in the stack
    kernel       height and width of the window
    size         height and width of the map
    use_bias     whether the convolutions have biases

    27C² + 3C weights against 49C² + C for three 3x3.  Simonyan & Zisserman 2014, section 2.3.  Raises ArgumentError for a
    number below 1.
    """
    counts("", channels=channels, count=count, kernel=kernel, size=size)
    shape, wide = (size, size, channels), count * (kernel - 1) + 1
    options = [
        _option(
            f"{n} stacked {kernel}x{kernel}" if n > 1 else f"one {kernel}x{kernel}",
            shape,
            _chain(*(_same(channels, kernel, use_bias) for _ in range(n))),
            _in_c(n * kernel**2, n, use_bias),
        )
        for n in range(1, count + 1)
    ]
    if count > 1:
        large = _same(channels, wide, use_bias)
        options.append(_option(f"one {wide}x{wide}", shape, large, _in_c(wide**2, 1, use_bias)))
    return Comparison(
        f"stacked convolutions, {by(shape)}",
        tuple(options),
        f"{plural(count, 'stacked layer')} also bend {count} times (an activation after each), one large filter once.",
        "Simonyan & Zisserman 2014, section 2.3",
    )


def bottleneck(
    channels: int = 256, reduction: int = 2, kernel: int = 3, *, size: int = 56, use_bias: bool = True
) -> Comparison:
    """1x1 down to C / reduction maps, a 3x3 on those, 1x1 back up to C; against one 3x3 on all C.

    channels     maps C that go in and come out
    reduction    how many times fewer maps the middle has
    kernel       height and width of the middle window
    size         height and width of the map
    use_bias     whether the convolutions have biases

    3.25C² against 9C² for reduction 2, biases left out.  He et al. 2015, figure 5; Szegedy et al. 2014, section 5.  Raises
    ArgumentError for a number below 1, or channels that `reduction` does not divide.
    """
    counts("", channels=channels, reduction=reduction, kernel=kernel, size=size)
    if channels % reduction:
        raise ArgumentError(
            f"{plural(channels, 'channel')} cannot be split into {reduction}. Use a multiple of {reduction}."
        )
    shape, few = (size, size, channels), channels // reduction
    thin = _chain(_same(few, 1, use_bias), _same(few, kernel, use_bias), _same(channels, 1, use_bias))
    square = 2 / reduction + kernel**2 / reduction**2
    linear = f" + {1 + 2 / reduction:g}C" if use_bias else ""
    return Comparison(
        f"bottleneck, {by(shape)}",
        (
            _option(f"1x1 to {few}, {kernel}x{kernel}, 1x1 to {channels}", shape, thin, f"{square:g}C²{linear}"),
            _option(f"one {kernel}x{kernel}", shape, _same(channels, kernel, use_bias), _in_c(kernel**2, 1, use_bias)),
        ),
        source="He et al. 2015, figure 5",
    )


def factorised(channels: int = 192, kernel: int = 7, *, size: int = 17, use_bias: bool = True) -> Comparison:
    """A 1xn convolution and an nx1 one, against one nxn: 2n C² weights against n² C².

    channels     maps C that go in and come out
    kernel       n
    size         height and width of the map
    use_bias     whether the convolutions have biases

    Szegedy et al. 2015, section 3.2.  Raises ArgumentError for a number below 1.
    """
    counts("", channels=channels, kernel=kernel, size=size)
    shape = (size, size, channels)
    pair = _chain(_same(channels, (1, kernel), use_bias), _same(channels, (kernel, 1), use_bias))
    return Comparison(
        f"factorised convolution, {by(shape)}",
        (
            _option(f"1x{kernel} + {kernel}x1", shape, pair, _in_c(2 * kernel, 2, use_bias)),
            _option(f"one {kernel}x{kernel}", shape, _same(channels, kernel, use_bias), _in_c(kernel**2, 1, use_bias)),
        ),
        source="Szegedy et al. 2015, section 3.2",
    )


def grouped(
    channels: int = 256, groups: int = 2, kernel: int = 3, *, size: int = 27, use_bias: bool = True
) -> Comparison:
    """A convolution in groups, each of which sees only its own input maps, against a regular one: 1 / groups.

    channels     maps that go in and come out
    groups       how many groups they fall into
    kernel       height and width of the window
    size         height and width of the map
    use_bias     whether the convolutions have biases

    Krizhevsky et al. 2012, section 3.2; Xie et al. 2016.  Raises ArgumentError for a number below 1, or channels that the
    groups do not divide.
    """
    counts("", channels=channels, groups=groups, kernel=kernel, size=size)
    shape = (size, size, channels)
    split = _same(channels, kernel, use_bias, groups)
    return Comparison(
        f"grouped convolution, {by(shape)}",
        (
            _option(
                f"{kernel}x{kernel} in {plural(groups, 'group')}", shape, split, _in_c(kernel**2 / groups, 1, use_bias)
            ),
            _option(f"one {kernel}x{kernel}", shape, _same(channels, kernel, use_bias), _in_c(kernel**2, 1, use_bias)),
        ),
        source="Krizhevsky et al. 2012, section 3.2",
    )


def depthwise_separable(
    channels: int = 128, filters: int = 128, kernel: int = 3, *, size: int = 56, use_bias: bool = True
) -> Comparison:
    """A depthwise convolution and a 1x1 one, against a regular one: 1/N + 1/F² of its multiplications, N filters FxF.

    channels     maps that go in
    filters      maps N that come out
    kernel       height and width F of the window
    size         height and width of the map
    use_bias     whether the convolutions have biases

    Howard et al. 2017, section 3.1; Chollet 2016.  Raises ArgumentError for a number below 1.
    """
    counts("", channels=channels, filters=filters, kernel=kernel, size=size)
    shape = (size, size, channels)
    separable = layers.SeparableConv2D(filters, kernel, padding="same", use_bias=use_bias)
    ratio = 1 / filters + 1 / kernel**2
    return Comparison(
        f"depthwise separable convolution, {by(shape)} to {plural(filters, 'map')}",
        (
            _option(f"depthwise {kernel}x{kernel} + 1x1", shape, separable),
            _option(f"regular {kernel}x{kernel}", shape, _same(filters, kernel, use_bias)),
        ),
        f"multiplications: 1/N + 1/F² = 1/{filters} + 1/{kernel}² = {ratio:.4f} of a regular convolution's",
        "Howard et al. 2017, section 3.1",
    )


def inception(
    depth: int = 256,
    widths: tuple[int, int, int] = (128, 192, 96),
    bottleneck: int = 64,
    projection: int = 64,
    *,
    size: int = 28,
    use_bias: bool = True,
) -> Comparison:
    """An Inception cell with 1x1 bottlenecks before its 3x3 and 5x5, and 1x1 projection after its pool; and without.

    depth        channels of the input
    widths       maps of the 1x1, 3x3 and 5x5 branches
    bottleneck   maps of the 1x1 before the 3x3 and before the 5x5
    projection   maps of the 1x1 after the pool; without it, the pool passes all channels on
    size         height and width of the map
    use_bias     whether the convolutions have biases

    Szegedy et al. 2014, figure 2 (a) and (b).  Raises ArgumentError for a number below 1.
    """
    counts("", depth=depth, bottleneck=bottleneck, projection=projection, size=size)
    counts("", **{f"widths[{i}]": width for i, width in enumerate(widths)})
    shape = (size, size, depth)

    def cell(thin: bool) -> Block:
        def branch(x: SymbolicTensor, filters: int, kernel: int) -> SymbolicTensor:
            x = _same(bottleneck, 1, use_bias)(x) if thin else x
            return _same(filters, kernel, use_bias)(x)  # type: ignore[no-any-return]

        def run(x: SymbolicTensor) -> SymbolicTensor:
            pool = layers.MaxPooling2D(3, strides=1, padding="same")(x)
            pool = _same(projection, 1, use_bias)(pool) if thin else pool
            first = _same(widths[0], 1, use_bias)(x)
            return layers.concatenate([first, branch(x, widths[1], 3), branch(x, widths[2], 5), pool])  # type: ignore[no-any-return]

        return run

    return Comparison(
        f"Inception cell, {by(shape)}",
        (_option("with bottlenecks", shape, cell(True)), _option("without", shape, cell(False))),
        source="Szegedy et al. 2014, figure 2",
    )
