"""Memory: what prediction and training need at their peak, and what to change when it will not fit.

Prediction: all weights, and at each call its inputs, its output and every map that a later call still reads (a skip
connection); the largest such sum over the calls.  Training: weights, their gradients, the optimizer's state, and
everything that is kept for the backward pass (``backward_memory.py``).  Workspace of the kernels, and what the loss
itself makes, are not counted.

In 16 bits training runs as mixed precision does (Micikevicius et al. 2017): weights, gradients and optimizer state stay
in 32 bits, with a 16-bit copy of the weights; activations take 16 bits.  Prediction takes 16 bits throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from striate.described import whole
from striate.errors import unknown
from striate.graph import Graph
from striate.size.backward_memory import record
from striate.size.opened import Opened
from striate.size.storage import ITEM, Storages, Stored

#: Numbers that an optimizer stores per weight.
OPTIMIZERS = {
    "sgd": 0,
    "momentum": 1,
    "rmsprop": 1,
    "adagrad": 1,
    "adadelta": 2,
    "adam": 2,
    "adamax": 2,
    "nadam": 2,
    "adamw": 2,
    "adafactor": 0,  # a number for each row and each column
    "lion": 1,
    "ftrl": 2,
    "lamb": 2,
    "schedulefreeadamw": 2,
    "muon": 2,  # 1 for the matrices of dense layers
}
DTYPES = ("float32", "float16", "bfloat16", "float64")


@dataclass(frozen=True)
class Memory:
    """Bytes that a network needs, for one batch size, type of numbers and optimizer.

    batch_size         samples in a step
    dtype              of the numbers
    optimizer          whose state is counted; None: none
    activation_bytes   the input and the output of every call, all at once
    live_bytes         the most that lives at one time in prediction, without weights
    peak               name of the call at which that is
    kept_bytes         what the forward pass of training keeps for the backward pass, each storage once
    output_bytes       outputs that are not among what is kept; the loss needs them
    weight_bytes       weights and buffers in prediction
    training_weights   weights and buffers in training
    gradient_bytes     a gradient per weight that is trained
    optimizer_bytes    the optimizer's state
    """

    batch_size: int
    dtype: str
    optimizer: str | None
    activation_bytes: int
    live_bytes: int
    peak: str
    kept_bytes: int
    output_bytes: int
    weight_bytes: int
    training_weights: int
    gradient_bytes: int
    optimizer_bytes: int

    @property
    def inference_bytes(self) -> int:
        """Peak of prediction."""
        return self.weight_bytes + self.live_bytes

    @property
    def training_bytes(self) -> int:
        """Peak of training, at the end of the forward pass."""
        return self.training_weights + self.gradient_bytes + self.optimizer_bytes + self.kept_bytes + self.output_bytes


def slots(optimizer: str | None) -> int:
    """Numbers that an optimizer stores per weight; 0 for None.  Raises ArgumentError for an unknown name."""
    if optimizer is None:
        return 0
    if not isinstance(optimizer, str) or optimizer.lower() not in OPTIMIZERS:
        raise unknown("optimizer", str(optimizer), OPTIMIZERS)
    return OPTIMIZERS[optimizer.lower()]


def checked(batch_size: int, dtype: str) -> None:
    """Raises ArgumentError for a batch size or a type that cannot be."""
    whole("", "batch_size", batch_size)
    if dtype not in DTYPES:
        raise unknown("dtype", str(dtype), DTYPES)


class Estimate:
    """All that memory depends on but batch size and optimizer, from one walk over the graph in each mode."""

    def __init__(self, opened: Opened, dtype: str = "float32") -> None:
        self.opened, self.dtype, self.item = opened, dtype, ITEM[dtype]
        self.weights = self.trainable = self.buffers = 0
        for node in opened.flat.nodes:
            if node.first:
                count = sum(weight.size for weight in node.lowering.weights.values())
                self.weights += count
                self.trainable += count if node.trainable else 0
                self.buffers += sum(weight.size for weight in node.lowering.buffers.values())
        self.storages, values = run(opened, dtype)
        ends = {values[tensor].store for tensor in opened.flat.outputs} - self.storages.kept.keys()
        self.outputs = sum(self.storages.sizes[store][0] for store in ends)
        self.live, self.peak = self._liveness()
        self.activations = sum(prod(flat_shape) * self._item(t) for t, flat_shape in enumerate(opened.flat.shapes))

    def _item(self, tensor: int) -> int:
        kind = self.opened.flat.dtypes[tensor]
        return self.item if kind.startswith("float") else ITEM[kind]

    def _liveness(self) -> tuple[int, str]:
        """Bytes per example alive at the worst call of a prediction, and its name.

        Views and in-place activations live in the storage of their input.
        """
        flat = self.opened.flat
        storages, values = run(self.opened, self.dtype, training=False, gradients=False)
        last: dict[int, int] = {}
        for i, node in enumerate(flat.nodes):
            for tensor in (*node.inputs, *node.outputs):
                last[values[tensor].store] = i
        for tensor in flat.outputs:
            last[values[tensor].store] = len(flat.nodes)
        leaving: dict[int, list[int]] = {}
        for store, i in last.items():
            leaving.setdefault(i, []).append(store)
        alive = {values[tensor].store for tensor in flat.inputs}
        total = most = sum(storages.sizes[store][0] for store in alive)
        peak = "the input"
        for i, node in enumerate(flat.nodes):
            for store in {values[tensor].store for tensor in node.outputs} - alive:
                alive.add(store)
                total += storages.sizes[store][0]
            if total > most:
                most, peak = total, node.name
            for store in leaving.get(i, ()):
                alive.discard(store)
                total -= storages.sizes[store][0]
        return most, peak

    def per_weight(self, optimizer: str | None, training: bool, trained: bool) -> int:
        """Bytes that one weight takes: itself and, in training, its 16-bit copy, its gradient and optimizer state."""
        if not training:
            return self.item
        full, copy = max(self.item, 4), 2 if self.item == 2 else 0
        return copy + full * (2 + slots(optimizer) if trained else 1)

    def at(self, batch_size: int, optimizer: str | None) -> Memory:
        """The bytes for a batch size and an optimizer."""
        half = self.item == 2
        full = 4 if half else self.item
        return Memory(
            batch_size=batch_size,
            dtype=self.dtype,
            optimizer=optimizer,
            activation_bytes=self.activations * batch_size,
            live_bytes=self.live * batch_size,
            peak=self.peak,
            kept_bytes=self.storages.kept_bytes(batch_size),
            output_bytes=self.outputs * batch_size,
            weight_bytes=(self.weights + self.buffers) * self.item,
            training_weights=(self.weights + self.buffers) * full + (self.weights * 2 if half else 0),
            gradient_bytes=self.trainable * full,
            optimizer_bytes=self.trainable * full * slots(optimizer),
        )

    def largest_batch(self, budget: int, optimizer: str | None, training: bool = True) -> int:
        """The largest batch that fits into `budget` bytes; 0 when not even one example does."""
        one, two = self.at(1, optimizer), self.at(2, optimizer)
        first, second = (m.training_bytes if training else m.inference_bytes for m in (one, two))
        return max((budget - (first - (second - first))) // max(second - first, 1), 0)


def run(
    opened: Opened, dtype: str = "float32", *, training: bool = True, gradients: bool = True
) -> tuple[Storages, list[Stored]]:
    """One forward pass; returns its storages and where each tensor is."""
    flat = opened.flat
    storages = Storages(dtype, training=training, gradients=gradients)
    storages.readers.update(tensor for node in flat.nodes for tensor in node.inputs)
    storages.readers.update(flat.outputs)
    values: dict[int, Stored] = {}
    for tensor in flat.inputs:
        kind = flat.dtypes[tensor]
        values[tensor] = storages.new(prod(flat.shapes[tensor]), item=None if kind.startswith("float") else ITEM[kind])
    for node in flat.nodes:
        storages.kept_before[node.name] = len(storages.kept)
        outs = record(storages, node, [values[tensor] for tensor in node.inputs])
        values |= dict(zip(node.outputs, outs, strict=True))
    return storages, [values[tensor] for tensor in range(len(flat.shapes))]


def kept_bytes(graph: Graph, batch_size: int = 1, *, dtype: str = "float32", training: bool = True) -> int:
    """Bytes that autograd keeps between a forward pass and its backward pass, each storage once; weights not counted.

    graph        the network, ``model.graph``
    batch_size   samples in the pass
    dtype        of the numbers: ``float32``, ``float16``, ``bfloat16`` or ``float64``
    training     False: in prediction mode with gradients (as for saliency maps or fine-tuning around frozen parts):
                 dropout and batch statistics are off

    Raises ArgumentError for an unknown dtype or a batch size below 1, and the graph's fault if it has one.
    """
    checked(batch_size, dtype)
    return run(Opened(graph.check()), dtype, training=training)[0].kept_bytes(batch_size)
