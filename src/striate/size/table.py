"""The size of a network: one row per call, totals, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from striate.errors import ArgumentError, ShapeError
from striate.graph import Fault, FlatNode, Graph, InputLayer, Node, Shape, Step, Window, family
from striate.primitives import DepthPool
from striate.shown import Shown
from striate.size.memory import Estimate, Memory, checked, slots
from striate.size.opened import Opened
from striate.size.receptive_field import Receptive
from striate.wording import plural


@dataclass(frozen=True)
class Row:
    """One call of a layer.  Shapes are channels-last and without the batch.

    name             the call's name: the layer's, with ``#2`` … for later calls of a shared layer
    kind             the layer's class
    family           what it is, one of ``graph.FAMILIES``; "" where the network breaks
    output_shape     a shape; a list of shapes for a nested network with several outputs; None where the network breaks
    weights          numbers that training can change; those of a shared layer stand at its first call
    trainable        how many of them training changes now (0 in a frozen layer)
    buffers          numbers that are stored but not trained, such as moving averages
    mults            multiplications of convolutions and dense layers for one input
    receptive_field  (height, width) or (length,) that one output position sees of the input, not clipped at the border
    unused           rows, columns of the padded input that no window reaches, (0, 0) where it fits; None without window
    misfit           the arithmetic and the remedies, where something is unused
    connected_to     names of the calls whose outputs it takes (``name:1`` for the second output)
    error            why the network breaks off here
    channels         the axis of `output_shape` that holds the channels: -1, the last, or 0
    """

    name: str
    kind: str
    output_shape: Shape | list[Shape] | None
    weights: int = 0
    trainable: int = 0
    buffers: int = 0
    mults: int = 0
    receptive_field: tuple[int, ...] | None = None
    unused: tuple[int, ...] | None = None
    misfit: str | None = None
    connected_to: tuple[str, ...] = ()
    error: str | None = None
    family: str = ""
    channels: int = -1


class Size(Shown):
    """What ``measure`` returns: rows, totals and memory.  ``str`` prints it as a table; ``to_dict`` is JSON-ready.

    name     of the network
    rows     one Row per call, inputs first
    memory   a Memory (bytes); its main numbers are also properties here
    notes    (name of a call, the arithmetic and the remedies) of every window that does not fit its input
    fault    None, or where the network breaks off; then the rows end there, and every total raises its error
    """

    def __init__(
        self, name: str | None, rows: list[Row], memory: Memory, notes: list[tuple[str, str]], fault: Fault | None
    ) -> None:
        self.name = name
        self.rows = rows
        self.fault = fault
        self.batch_size, self.dtype, self.optimizer = memory.batch_size, memory.dtype, memory.optimizer
        self.notes = notes
        self._memory = memory

    @property
    def memory(self) -> Memory:
        """Bytes by what they are for."""
        self._whole()
        return self._memory

    def _whole(self) -> None:
        if self.fault is not None:
            raise self.fault.error

    def _sum(self, what: str) -> int:
        self._whole()
        return self.so_far(what)

    def so_far(self, what: str) -> int:
        """The total of a column up to where the network breaks off, if it does.

        what   ``weights``, ``trainable``, ``buffers`` or ``mults``
        """
        return sum(getattr(row, what) for row in self.rows)

    @property
    def weights(self) -> int:
        """Numbers that training can change."""
        return self._sum("weights")

    @property
    def trainable(self) -> int:
        """Numbers that training changes now: without those of frozen layers."""
        return self._sum("trainable")

    @property
    def buffers(self) -> int:
        """Numbers that are stored but not trained."""
        return self._sum("buffers")

    @property
    def total(self) -> int:
        """Weights and buffers."""
        return self.weights + self.buffers

    @property
    def mults(self) -> int:
        """Multiplications of convolutions and dense layers for one input."""
        return self._sum("mults")

    @property
    def inference_bytes(self) -> int:
        """Peak of prediction: weights, and the maps that are alive at the same time, for the batch."""
        return self.memory.inference_bytes

    @property
    def training_bytes(self) -> int:
        """Peak of training: weights, gradients, optimizer state and what is kept for the backward pass."""
        return self.memory.training_bytes

    @property
    def kept_bytes(self) -> int:
        """What the forward pass keeps for the backward pass, for the batch."""
        return self.memory.kept_bytes

    @property
    def activation_bytes(self) -> int:
        """The input and the output of every layer, for the batch."""
        return self.memory.activation_bytes

    def row(self, name: str) -> Row:
        """The row called `name`.  Raises ArgumentError, with the names there are."""
        for row in self.rows:
            if row.name == name:
                return row
        raise ArgumentError(f'no row is named "{name}"; the rows are {", ".join(r.name for r in self.rows)}.')

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, numbers and strings; totals are None for a network that breaks off."""
        broken = self.fault is not None
        names = ("weights", "trainable", "buffers", "total", "mults")
        return {
            "name": self.name,
            "batch_size": self.batch_size,
            "dtype": self.dtype,
            "optimizer": self.optimizer,
            "rows": [{key: _plain(value) for key, value in asdict(row).items()} for row in self.rows],
            **{name: None if broken else getattr(self, name) for name in names},
            "inference_bytes": None if broken else self.inference_bytes,
            "training_bytes": None if broken else self.training_bytes,
            "kept_bytes": None if broken else self.kept_bytes,
            "activation_bytes": None if broken else self.activation_bytes,
            "error": str(self.fault.error) if self.fault is not None else None,
        }

    def totals(self) -> str:
        """What stands below the table as text: weights, multiplications, memory, and what does not fit."""
        from striate.size.printed import totals

        return totals(self)

    def __str__(self) -> str:
        from striate.size.printed import printed

        return printed(self)

    def __repr__(self) -> str:
        return f"<size of {self.name or 'a network'}: {plural(len(self.rows), 'row')}>"


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def measure(
    graph: Graph,
    *,
    batch_size: int = 1,
    optimizer: str | None = "adam",
    dtype: str = "float32",
    strict: bool = False,
    name: str | None = None,
) -> Size:
    """Shapes, weights, multiplications, receptive fields and memory of a network; nothing is allocated for it.

    graph        the network, ``model.graph``
    batch_size   samples that memory is computed for
    optimizer    whose state memory counts: ``sgd``, ``momentum``, ``adam`` …; None: no optimizer state
    dtype        of the numbers that memory counts: ``float32``, ``float16``, ``bfloat16`` or ``float64``
    strict       whether the first window that does not fit its input is an error
    name         of the network, for the table

    Returns a Size.  A network that breaks off is measured up to there (see Size.fault).  Raises ArgumentError for an unknown
    optimizer or dtype, ShapeError for a window that does not fit where `strict` is asked for.
    """
    if graph is None:
        raise ArgumentError("the size depends on the input: give the first layer input_shape=, or start with Input.")
    checked(batch_size, dtype)
    slots(optimizer)
    opened = Opened(graph)
    misfits = {id(call): text for call in opened.flat.nodes if (text := misfit(call)) is not None}
    if strict:
        for call in opened.flat.nodes:
            if id(call) in misfits:
                raise ShapeError(f'{call.layer.kind} "{call.name}": {misfits[id(call)]}')
        graph.check()
    fields = Receptive(graph, opened)
    rows = [_row(graph, node, opened, fields, misfits) for node in graph.nodes]
    if graph.fault is not None:
        before = (graph.label(graph.outputs[0].node),) if len(graph.outputs) == 1 else ()
        rows.append(Row(graph.fault.name, graph.fault.kind, None, connected_to=before, error=str(graph.fault.error)))
    notes = [(call.name, misfits[id(call)]) for call in opened.flat.nodes if id(call) in misfits]
    return Size(name, rows, Estimate(opened, dtype).at(batch_size, optimizer), notes, graph.fault)


def opened_rows(graph: Graph) -> list[Row]:
    """A row for each call of a network whose nested networks are opened, without its inputs; in the order of its calls.

    graph   the network, ``model.graph``, without a fault
    """
    opened = Opened(graph.check())
    fields = Receptive(graph, opened)
    makers = dict(zip(opened.flat.inputs, fields.inputs, strict=True))
    makers |= {
        tensor: call.name + (f":{i}" if i else "")
        for call in opened.flat.nodes
        for i, tensor in enumerate(call.outputs)
    }
    return [_opened_row(call, fields, makers) for call in opened.flat.nodes]


def _opened_row(call: FlatNode, fields: Receptive, makers: dict[int, str]) -> Row:
    weights, trainable, buffers, mults = _counts([call])
    return Row(
        name=call.name,
        kind=call.layer.kind,
        family=family(call.layer, *call.input_shapes),
        channels=0 if fields.channels[call.outputs[0]] == 0 and len(call.shape) > 1 else -1,
        output_shape=call.shape,
        weights=weights,
        trainable=trainable,
        buffers=buffers,
        mults=mults,
        receptive_field=fields.size(call.outputs[0]),
        unused=unused(call),
        misfit=misfit(call),
        connected_to=tuple(makers[tensor] for tensor in call.inputs),
    )


def _counts(calls: Sequence[FlatNode]) -> tuple[int, int, int, int]:
    """Weights, how many of them are trained, buffers and multiplications of some calls."""
    weights = trainable = buffers = mults = 0
    for call in calls:
        lowering = call.lowering
        mults += lowering.mults
        if call.first:
            count = sum(weight.size for weight in lowering.weights.values())
            weights += count
            trainable += count if call.trainable else 0
            buffers += sum(weight.size for weight in lowering.buffers.values())
    return weights, trainable, buffers, mults


def _row(graph: Graph, node: Node, opened: Opened, fields: Receptive, misfits: dict[int, str]) -> Row:
    label = graph.label(node)
    calls = opened.calls.get(label, [])
    weights, trainable, buffers, mults = _counts(calls)
    own = calls[0] if len(calls) == 1 and not calls[0].path else None
    shapes = [tensor.sizes for tensor in node.outputs]
    return Row(
        name=label,
        kind=node.layer.kind,
        family=family(node.layer, *node.input_shapes),
        channels=0 if fields.channels[opened.tensors[label]] == 0 and len(shapes[0]) > 1 else -1,
        output_shape=shapes[0] if len(shapes) == 1 else shapes,
        weights=weights,
        trainable=trainable,
        buffers=buffers,
        mults=mults,
        receptive_field=fields.size(opened.tensors[label]) if calls or isinstance(node.layer, InputLayer) else None,
        unused=None if own is None else unused(own),
        misfit=None if own is None else misfits.get(id(own)),
        connected_to=tuple(graph.label(t.node) + (f":{t.index}" if t.index else "") for t in node.inputs),
    )


def _windows(call: FlatNode) -> Sequence[tuple[Step, Window]]:
    """The steps of a call that slide a window, over positions or over channels."""
    over = [(step, step.primitive.channels) for step in call.lowering.steps if type(step.primitive) is DepthPool]
    return [*call.lowering.sliding, *over] if over else call.lowering.sliding


def _rest(step: Step, window: Window) -> tuple[int, ...]:
    """Rows, columns (for a pooling over channels: and channels) of a step's input that its window does not reach."""
    x = step.input_shapes[0]
    over_channels = isinstance(step.primitive, DepthPool)
    return (*(0,) * (len(x) - 1), *window.unused(x[-1:])) if over_channels else window.unused(x[:-1])


def unused(call: FlatNode) -> tuple[int, ...] | None:
    """Rows, columns (for a pooling over channels: and channels) of a call's input that no window reaches: of the first
    window that leaves any, or of the first; None without a window."""
    rests = [_rest(step, window) for step, window in _windows(call)]
    return next((rest for rest in rests if any(rest)), rests[0] if rests else None)


def misfit(call: FlatNode) -> str | None:
    """None if the call's windows fit their inputs; else the arithmetic of the first that does not, and the remedies."""
    for step, window in _windows(call):
        rest, sizes = _rest(step, window), step.input_shapes[0][:-1]
        if any(rest) and isinstance(step.primitive, DepthPool):
            return _misfit_of_channels(window, step.input_shapes[0][-1:])
        if any(rest):
            padding = all(count <= after for count, (_, after) in zip(rest, window.pads(sizes), strict=True))
            return f"{window.misfit(sizes)}{' What goes unused here is padding, no data.' if padding else ''}"
    return None


def _misfit_of_channels(window: Window, sizes: Shape) -> str:
    (depth,), (size,), (stride,), (rest,) = sizes, window.kernel, window.strides, window.unused(sizes)
    steps = [str(s) for s in range(1, stride + 2) if (depth - size) % s == 0]
    return (
        f"groups of {plural(size, 'channel')} with stride {stride} do not fit {plural(depth, 'channel')}: "
        f"({depth} - {size}) / {stride} "
        f"+ 1 = {(depth - size) / stride + 1:.2f}, so the last {plural(rest, 'channel')} would go unused. Use strides="
        f"{' or '.join(steps)}, or another number of channels."
    )
