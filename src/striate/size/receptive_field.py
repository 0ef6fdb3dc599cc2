"""Receptive fields: what part of the input a number of an activation map depends on.

Size, jump and centre per layer come from one walk forward over the graph; the crop of one position from one walk
backward.  Source: Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks", Distill;
branches give the union of what they see (its section "Arbitrary computation graphs").

Sizes are theoretical: as if the input went on beyond its border.  A layer that mixes all positions (Flatten, Dense,
global pooling) sees the input from the first to the last cell that anything before it looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, unknown
from striate.graph import FlatGraph, Graph, Rows, Shape, Step, channel_axes, operations
from striate.shown import Shown
from striate.size.opened import Opened
from striate.size.reach import FIRST, SAME, Reach, adaptive, interpolating, painting, repeating, sampling, sliding
from striate.wording import aligned, by


@dataclass(frozen=True)
class Along:
    """Axis `axis` of the output looks along an axis of the input as `reach` says.

    ordered   False where the cells of the axis do not look further along from one to the next (joined end to end)
    """

    axis: int
    reach: Reach = SAME
    ordered: bool = True


Sight = tuple[Along | None, ...]  # per axis of one input (channels last); None: every output looks at all of the axis


@dataclass(frozen=True)
class Field:
    """What the positions of one layer's output see of one input, per positional axis: (height, width) or (length,).

    size     input cells from the first to the last that one position sees, not clipped at the border
    jump     input cells between what neighbouring positions see; 0 when all see the same
    centre   middle of what the first position sees, in input cells; 0.0 is the middle of the first cell
    whole    whether each position sees everything that the layers before it look at
    """

    size: tuple[int, ...]
    jump: tuple[Fraction, ...]
    centre: tuple[float, ...]
    whole: bool


@dataclass(frozen=True)
class Surroundings:
    """What positions of an output depend on beyond their own place in an input of its size, per axis: (height, width).

    step            moving the input by so many cells moves the output by as many and changes nothing else
    before, after   cells above or left of a position that it sees at most, and below or right of it
    """

    step: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


# -- one rule per primitive -------------------------------------------------------------------------------------------
RULES: Rows[Callable[[Any, Sequence[Shape], Shape, int], Sight]] = Rows()


def _shifted(begin: int) -> Reach:
    """Cell u looks at cell u + begin."""
    return Reach(1, 1, (begin,), (begin,))


@RULES.row(p.Conv, p.DepthwiseConv, p.PartialConv, p.ConvTranspose, p.Pool)
def _window(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    window, sizes = made.window, shapes[0][:-1]
    if window.transposed:
        parts = zip(window.strides, window.crop(sizes), window.span, strict=True)
        reaches = [painting(stride, before, span) for stride, (before, _), span in parts]
    else:
        pads = window.pads(sizes)
        reaches = [sliding(s, pad[0], f) for s, pad, f in zip(window.strides, pads, window.span, strict=True)]
    own = isinstance(made, p.Pool | p.DepthwiseConv) and shapes[0][-1] == out[-1]  # each map by itself
    return (*(Along(axis, reach) for axis, reach in enumerate(reaches)), Along(len(sizes)) if own else None)


@RULES.row(
    p.Identity, p.Pointwise, p.Scale, p.Affine, p.BatchNorm, p.Slope, p.Dropout, p.Noise, p.Penalty, p.Combine, p.Locate
)
def _same(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    more = len(out) - len(shapes[which])
    sizes = enumerate(shapes[which])
    return tuple(Along(axis + more, FIRST if size == 1 < out[axis + more] else SAME) for axis, size in sizes)


@RULES.row(p.Linear, p.LayerNorm, p.ChannelNorm, p.Softmax, p.DepthPool, p.Distance)
def _mixing_channels(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return (*(Along(axis) for axis in range(len(shapes[0]) - 1)), None)


@RULES.row(p.Lookup)
def _lookup(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return tuple(Along(axis) for axis in range(len(shapes[0])))


@RULES.row(p.Reduce)
def _reduce(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    left = [axis for axis in range(len(shapes[0])) if axis not in made.axes or made.keepdims]
    return tuple(None if axis in made.axes else Along(left.index(axis)) for axis in range(len(shapes[0])))


@RULES.row(p.AdaptivePool)
def _adaptive(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return (*(Along(i, adaptive(n, out[i])) for i, n in enumerate(shapes[0][:-1])), Along(len(out) - 1))


@RULES.row(p.Resize)
def _resize(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    reaches = [interpolating(t) if made.how == "bilinear" else repeating(t) for t in made.times]
    return (*(Along(i, reach) for i, reach in enumerate(reaches)), Along(len(made.times)))


@RULES.row(p.Interpolate)
def _interpolate(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    span = {"nearest": 1, "bilinear": 2, "bicubic": 4}[made.how]
    reaches = [sampling(n, new, span, made.antialias) for n, new in zip(shapes[0][:-1], made.size, strict=True)]
    return (*(Along(i, reach) for i, reach in enumerate(reaches)), Along(len(reaches)))


@RULES.row(p.Permute)
def _permute(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return tuple(Along(made.order.index(axis)) for axis in range(len(out)))


@RULES.row(p.Pad)
def _pad(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    *sides, channels = made.sides
    moved = (Along(i, _shifted(-before)) for i, (before, _) in enumerate(sides))
    return (*moved, None if any(channels) else Along(len(sides)))


@RULES.row(p.Crop)
def _crop(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return (*(Along(i, _shifted(before)) for i, (before, _) in enumerate(made.sides)), Along(len(made.sides)))


@RULES.row(p.Slice)
def _slice(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return tuple(Along(i, sliding(step, -start, 1)) for i, (start, _, step) in enumerate(made.parts))


@RULES.row(p.Gather)
def _gather(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return tuple(None if axis == made.axis else Along(axis) for axis in range(len(out)))


@RULES.row(p.Foreign)
def _foreign(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    return (None,) * len(shapes[which])


@RULES.row(p.Augment)
def _augment(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    """As in prediction: positions stay, or lose what a crop takes at the start."""
    if made.always:
        return None, None, Along(2)
    return (*(Along(i, _shifted(begin)) for i, (begin, _) in enumerate(made.region(shapes[0]))), Along(2))


@RULES.row(p.Reshape, p.Flatten)
def _reshape(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    """An axis lives on where as many numbers stand before it, and its size is the same, in both shapes."""
    places = {(prod(out[:axis]), size): axis for axis, size in reversed(list(enumerate(out)))}
    kept = [places.get((prod(shapes[0][:axis]), size)) for axis, size in enumerate(shapes[0])]
    return tuple(None if axis is None else Along(axis) for axis in kept)


@RULES.row(p.Concatenate)
def _concatenate(made: Any, shapes: Sequence[Shape], out: Shape, which: int) -> Sight:
    begin = sum(shape[made.axis] for shape in shapes[:which])
    return tuple(Along(axis, _shifted(-begin), False) if axis == made.axis else Along(axis) for axis in range(len(out)))


def sight(step: Step, which: int) -> Sight:
    """How the output of a step looks along each axis of its input number `which`."""
    return RULES.of(step.primitive)(step.primitive, step.input_shapes, step.shape, which)


# -- forward ----------------------------------------------------------------------------------------------------------
View = tuple[int | None, Reach]  # the axis of the tensor that walks along this axis of the input (None: none does)
Views = dict[tuple[int, int], View]  # by (number of the input, its axis)


class Receptive(Shown):
    """The receptive fields of a network; ``receptive(graph)`` makes it.

    graph    the network
    opened   the same network with nested ones opened, where that has been done already
    names    every call, nested networks opened, and the nested networks themselves
    channels the channels' axis of each tensor of the opened graph: 0 or the last
    field    size, jump and centre of one call
    crop     the rectangle of the input that one output position sees
    """

    def __init__(self, graph: Graph, opened: Opened | None = None) -> None:
        self.opened = opened or Opened(graph)
        self.inputs = [graph.label(tensor.node) for tensor in graph.inputs]
        self._flat: FlatGraph = self.opened.flat
        self._operations, self._shapes = operations(self._flat)
        self.channels = channel_axes(self._flat)
        self._views = self._walk()
        self._axes = [self._positional(i) for i in range(len(self.inputs))]

    @property
    def names(self) -> list[str]:
        """Every call, nested networks opened, and the nested networks themselves."""
        return list(self.opened.tensors)

    def _walk(self) -> list[Views]:
        shapes, views = self._shapes, [Views() for _ in self._shapes]
        for i, tensor in enumerate(self._flat.inputs):
            views[tensor] = {(i, axis): (axis, SAME) for axis in range(len(shapes[tensor]))}
        for operation in self._operations:
            seen: Views = {}
            for which, tensor in enumerate(operation.inputs):
                along = sight(operation.step, which)
                for key, (axis, reach) in views[tensor].items():
                    extent = shapes[self._flat.inputs[key[0]]][key[1]]
                    step = None if axis is None else along[axis]
                    if axis is None:
                        view: View = (None, reach)
                    elif step is None or not step.ordered:
                        view = (None, reach.everything(shapes[tensor][axis], extent))
                    else:
                        view = (step.axis, reach.through(step.reach))
                    seen[key] = self._joined(seen[key], view, operation.step.shape, extent) if key in seen else view
            views[operation.output] = seen
        return views

    @staticmethod
    def _joined(one: View, other: View, shape: Shape, extent: int) -> View:
        axis = other[0] if one[0] is None else one[0]
        if axis is None:
            return (None, one[1].joined(other[1], 1, extent))
        reaches = []
        for own, reach in (one, other):  # two different axes that walk along the same input: all of both
            moves = own in (axis, None)
            reaches.append(reach if moves else reach.everything(shape[own or 0], extent))
        joined = reaches[0].joined(reaches[1], shape[axis], extent)
        return (None if joined.covers(extent) else axis, joined)

    def _positional(self, i: int) -> tuple[int, ...]:
        """Axes of an input that hold positions: all but the channels, and those too where a Reshape makes them one."""
        rank, channels = len(self._flat.shapes[self._flat.inputs[i]]), self.channels[self._flat.inputs[i]]
        if channels != rank - 1:
            return tuple(range(1, rank))
        last = (i, rank - 1)
        moved = rank == 2 and any(
            last in views and views[last][0] not in (None, len(self._shapes[t]) - 1)
            for t, views in enumerate(self._views)
        )
        return tuple(range(rank if moved or rank == 1 else rank - 1))

    # -- answers ------------------------------------------------------------------------------------------------------
    def sees(self, name: str) -> list[str]:
        """The inputs that a call depends on.  Raises ArgumentError for an unknown name.

        name    a layer, a later call of a shared one (``conv2d#2``), or one in a nested network (``base/conv2d``)
        """
        views = self._views[self._tensor(name)]
        return [label for i, label in enumerate(self.inputs) if any(key[0] == i for key in views)]

    def field(self, name: str, input: str | None = None) -> Field:
        """Size, jump and centre of a call's receptive field in one input.

        name    a layer, a later call of a shared one (``conv2d#2``), or one in a nested network (``base/conv2d``)
        input   name of the input; None: the first that it sees

        Raises ArgumentError for an unknown name, or an input that the call does not depend on.
        """
        tensor = self._tensor(name)
        i = self._input(name, input)
        shape = self._flat.shapes[tensor]
        size, jump, centre, moving = [], [], [], False
        for axis in self._axes[i]:
            along, reach = self._views[tensor][i, axis]
            size.append(reach.size(1 if along is None else shape[along]))
            jump.append(reach.jump)
            centre.append(reach.centre)
            moving = moving or along is not None
        return Field(tuple(size), tuple(jump), tuple(centre), not moving)

    def steps(self, name: str, input: str | None = None) -> tuple[int, ...]:
        """Input cells, per positional axis, after which everything that a call depends on repeats: the network's stride.

        name    a layer, a later call of a shared one (``conv2d#2``), or one in a nested network (``base/conv2d``)
        input   name of the input; None: the first that it sees

        Raises ArgumentError for an unknown name, or an input that the call does not depend on.
        """
        tensor = self._tensor(name)
        i = self._input(name, input)
        found: list[set[int]] = [set() for _ in self._axes[i]]
        needed = {tensor}
        for operation in reversed(self._operations):
            if operation.output in needed:
                needed.update(operation.inputs)
                for axis, jumps in zip(self._axes[i], found, strict=True):
                    view = self._views[operation.output].get((i, axis))
                    if view is not None and view[1].shift:
                        jumps.add(view[1].jump.numerator)
        return tuple(lcm(*jumps) for jumps in found)

    def surroundings(self, name: str, input: str | None = None) -> Surroundings | None:
        """How far positions of a call's output look beyond their own place in an input of the same size.

        name    a layer, a later call of a shared one (``conv2d#2``), or one in a nested network (``base/conv2d``)
        input   name of the input; None: the first that it sees

        None where positions do not walk along the input step by step, as after a global pooling or at another size.  Raises
        ArgumentError for an unknown name, or an input that the call does not depend on.
        """
        tensor = self._tensor(name)
        i = self._input(name, input)
        steps, before, after = self.steps(name, input), [], []
        for axis in self._axes[i]:
            along, reach = self._views[tensor][i, axis]
            if along is None or reach.shift != reach.period:
                return None
            cells = range(reach.period)
            before.append(max(max(u - reach.low[u] for u in cells), 0))
            after.append(max(max(reach.high[u] - u for u in cells), 0))
        return Surroundings(steps, tuple(before), tuple(after))

    def crop(
        self, name: str, position: int | Sequence[int] = (), input: str | None = None
    ) -> tuple[tuple[int, int], ...]:
        """The part of the input that one position of a call's output depends on, clipped at the border.

        It is the smallest such rectangle, but for networks whose windows leave cells out (a stride beyond the window, a
        dilation): there it may be a little larger.

        name       a layer, a later call of a shared one (``conv2d#2``), or one in a nested network (``base/conv2d``)
        position   (row, column), or the step of a sequence; () where the output has no positions, as after Flatten
        input      name of the input; None: the first that it sees

        Returns (begin, end) per positional axis of the input, so that ``picture[top:bottom, left:right]`` is the part;
        (0, 0) where nothing is seen.  Raises ArgumentError for an unknown name or a position outside the output.
        """
        tensor = self._tensor(name)
        i = self._input(name, input)
        needed: dict[int, list[tuple[int, int]]] = {tensor: self._box(name, tensor, position)}
        for operation in reversed(self._operations):
            box = needed.pop(operation.output, None)
            if box is None:
                continue
            for which, source in enumerate(operation.inputs):
                seen = self._before(box, sight(operation.step, which), self._shapes[source])
                if seen is not None:
                    old = needed.get(source, seen)
                    needed[source] = [(min(a, c), max(b, d)) for (a, b), (c, d) in zip(seen, old, strict=True)]
        reach = needed.get(self._flat.inputs[i])
        return tuple((0, 0) if reach is None else (reach[axis][0], reach[axis][1] + 1) for axis in self._axes[i])

    @staticmethod
    def _before(box: list[tuple[int, int]], along: Sight, shape: Shape) -> list[tuple[int, int]] | None:
        """The part of an input of `shape` that a part of the output looks at; None when it is only padding."""
        seen = []
        for step, size in zip(along, shape, strict=True):
            low, high = 0, size - 1
            if step is not None:
                begin, end = box[step.axis]
                low, high = max(step.reach.first(begin), 0), min(step.reach.last(end), size - 1)
            if low > high:
                return None
            seen.append((low, high))
        return seen

    def _box(self, name: str, tensor: int, position: int | Sequence[int]) -> list[tuple[int, int]]:
        shape = self._flat.shapes[tensor]
        given = (position,) if isinstance(position, int) else tuple(position)
        first = len(given) < len(shape) and self.channels[tensor] == 0
        inside = all(0 <= p < n for p, n in zip(given, shape[first:], strict=False))
        if len(given) not in (len(shape) - 1, len(shape)) or not inside:
            raise ArgumentError(f'"{name}" gives {by(shape)} numbers; {tuple(given)} is not a position in it.')
        if first and len(shape) > 1:
            return [(0, shape[0] - 1), *((p, p) for p in given)]
        return [(p, p) for p in given] + [(0, n - 1) for n in shape[len(given) :]]

    def _tensor(self, name: str) -> int:
        if name not in self.opened.tensors:
            raise unknown("layer name", name, self.opened.tensors)
        return self.opened.tensors[name]

    def _input(self, name: str, input: str | None) -> int:
        seen = self.sees(name)
        if input is None:
            if not seen:
                raise ArgumentError(f'"{name}" sees no input.')
            return self.inputs.index(seen[0])
        if input not in self.inputs:
            raise unknown("input", input, self.inputs)
        if input not in seen:
            raise ArgumentError(f'"{name}" does not depend on the input "{input}", only on {", ".join(seen)}.')
        return self.inputs.index(input)

    def size(self, tensor: int) -> tuple[int, ...] | None:
        """The receptive field's size, in the first input that is seen; None where none is.

        tensor   its number in the opened graph
        """
        views = self._views[tensor]
        i = min((key[0] for key in views), default=None)
        if i is None:
            return None
        shape, sizes = self._flat.shapes[tensor], []
        for axis in self._axes[i]:
            along, reach = views[i, axis]
            sizes.append(reach.size(1 if along is None else shape[along]))
        return tuple(sizes)

    def __str__(self) -> str:
        rows = [("layer", "sees", "jump", "centre of the first")]
        for name in self.names:
            if self.sees(name):
                field = self.field(name)
                rows.append((name, by(field.size), by(field.jump), ", ".join(f"{c:g}" for c in field.centre)))  # type: ignore[arg-type]
        return "\n".join(aligned(rows, (False, True, True, True)))


def receptive(graph: Graph) -> Receptive:
    """The receptive field of every layer: size, jump, centre, and the crop that one position sees.

    graph   the network, ``model.graph``; one that breaks off at a fault is answered up to there
    """
    return Receptive(graph)
