"""Batches: what training, evaluation and prediction feed a network with, picked, normalised and laid out for torch.

There is one feeder: ``Model.fit`` runs on ``Batches`` itself.  No worker processes: pictures are decoded once, and picking
them from memory costs less than handing them over.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data.dataset import Dataset
from striate.data.pictures.preprocess import Preprocessing
from striate.data.pictures.workers import in_order
from striate.described import whole
from striate.errors import DataError
from striate.wording import plural

if TYPE_CHECKING:
    import torch

_ON_DEVICE = 4 << 30  # bytes of a set that go to an accelerator as a whole; a larger one is sent batch by batch
_SMALL = 8 << 20  # bytes of a batch that is made before several threads have found their work
_MAPPED = 4 << 30  # bytes of a set on disk that may not stay in memory, so that reading it takes time


@dataclass
class Batch:
    """One batch on the device: inputs and targets as torch wants them, inputs channels-first, and sample weights or None.

    xs, ys          a tensor for each input and each output of the network
    weights         for each output float32 (N,), or (N, …) for places of their own, or None; None: there are none
    size            N
    others, share   of mixed pictures: the targets that count less, and the part (N,) that `ys` have, 0.5 to 1
    nested          how inputs, targets and weights were nested, for a step of a user's own; None: as the network says
    """

    xs: list[torch.Tensor]
    ys: list[torch.Tensor]
    weights: Sequence[torch.Tensor | None] | None
    size: int
    others: list[torch.Tensor] | None = None
    share: torch.Tensor | None = None
    nested: tuple[Any, Any, Any] | None = None


@dataclass
class Examples:
    """Arrays that go together, one for each input and each output, as they are stored.

    xs              channels-last arrays (N, …)
    ys              targets (N, …); none where there is nothing to learn from
    preprocessing   how the first input becomes float32; None: it goes in as it is
    weights         what the examples count in the loss of each output, float32 (N,) or (N, …), or None; None: 1 in all
    nested          as in ``Batch``
    """

    xs: Sequence[np.ndarray]
    ys: Sequence[np.ndarray] = ()
    preprocessing: Preprocessing | None = None
    weights: Sequence[np.ndarray | None] | None = field(default=None, kw_only=True)
    nested: tuple[Any, Any, Any] | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, dataset: Dataset) -> Examples:
        """What a data set holds, prepared as it says itself.

        dataset   a `Dataset`
        """
        return cls([dataset.x], [] if dataset.y is None else [dataset.y], dataset.preprocessing)

    def __len__(self) -> int:
        return len(self.xs[0])

    def part(self, which: slice) -> Examples:
        """Some of them, without copying.

        which   numbers of the examples, or a slice
        """
        weights = None if self.weights is None else [w if w is None else w[which] for w in self.weights]
        return replace(self, xs=[x[which] for x in self.xs], ys=[y[which] for y in self.ys], weights=weights)

    def split(self, fraction: float) -> tuple[Examples, Examples]:
        """Those before and within the last `fraction`.  Raises DataError if a part is empty."""
        cut = int(len(self) * (1 - fraction))
        if not 0 < cut < len(self):
            raise DataError(f"validation_split={fraction} of {plural(len(self), 'sample')} leaves an empty part.")
        return self.part(slice(0, cut)), self.part(slice(cut, None))

    @property
    def pixels(self) -> Preprocessing | None:
        """The preprocessing that an engine can do itself: of uint8 pictures."""
        return self.preprocessing if self.xs[0].dtype == np.uint8 and self.xs[0].ndim == 4 else None

    def arrays(self, which: Any = slice(None)) -> list[np.ndarray]:
        """Some of the inputs as an engine takes them: pixels as they are, anything else normalised.

        which   numbers of the examples, or a slice

        Arrays have the shape (batch, ...).
        """
        xs = [x[which] for x in self.xs]
        if self.preprocessing is not None and self.pixels is None:
            xs[0] = self.preprocessing.normalise(xs[0])
        return xs


class Batches:
    """Examples as torch batches (x, y), the same ones for the same seed and epoch on every machine and device.

    x is float32 with the channels second, (B, C, H, W) in channels_last memory for pictures, or int64 token ids (B, L);
    y is int64 or float32, or None.

    Order: without `shuffle` that of the data set.  With it, epoch k uses
    ``torch.randperm(N, generator=Generator().manual_seed((seed * 2654435761 + k) % 2**63))``, so a run can be taken up
    again at any epoch, and at any batch of it (``epoch(k, start=batch)``), with nothing stored but these numbers.

    Several processes: process `rank` of `world` takes every world-th example of that order, from the rank-th on.
    `batch_size` is per process, and the processes' batches of one step together are the batch that one process would
    have with batch_size * world.  When shuffling, all processes get equally many: the order goes on with its own
    beginning until it divides (at most world - 1 examples are seen twice), or with `drop_last` loses its end.  Without
    shuffling none is seen twice, and some processes may get one fewer.

    dataset     a Dataset, or Examples: arrays of several inputs and outputs
    device      where the batches are made, as torch names it
    workers     threads that prepare batches ahead, the same ones for any number; None: one for an accelerator, which
                takes them from pinned memory, and for what is read from disk, else none, as the processor has no time
                to spare then

    Raises DataError for a batch_size below 1, a rank outside the world, and where `drop_last` leaves no batch.

    seed    of the order of the examples
    """

    def __init__(
        self,
        dataset: Dataset | Examples,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = False,
        device: Any = "cpu",
        workers: int | None = None,
    ) -> None:
        import torch

        name = dataset.name if isinstance(dataset, Dataset) else "data"
        self.source = Examples.of(dataset) if isinstance(dataset, Dataset) else dataset
        batch_size = whole(name, "batch_size", batch_size)
        if not 0 <= rank < world:
            raise DataError(f"{name}: process {rank} of {world}. Processes are numbered 0 to {world - 1}.")
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.rank, self.world, self.drop_last, self.device = rank, world, drop_last, torch.device(device)
        if not len(self):
            raise DataError(
                f"{name}: {plural(len(self.source), 'example', 'is')} not one batch of {batch_size} for "
                f"{plural(world, 'process')}, and "
                "drop_last drops what is less. Use a smaller batch_size or drop_last=False."
            )
        first = self.source.xs[0]
        from_disk = max(ahead(torch.device("cpu"), x) for x in self.source.xs)
        self.workers = max(ahead(self.device), from_disk) if workers is None else workers
        self._small = self.device.type == "cpu" and 4 * batch_size * math.prod(first.shape[1:]) <= _SMALL
        self._xs = [over(x) for x in self.source.xs]
        self._ys = [over(y) for y in self.source.ys]
        self._ys = [y.float() if y.dtype == torch.float64 else y for y in self._ys]
        given = self.source.weights
        self._weights = None if given is None else [w if w is None else over(w) for w in given]
        if self.device.type != "cpu" and sum(x.nbytes for x in self.source.xs) <= _ON_DEVICE:
            self._xs, self._ys = ([t.to(self.device) for t in each] for each in (self._xs, self._ys))

    @property
    def examples(self) -> int:
        """How many examples an epoch has in this process."""
        count = len(self.source)
        if self.shuffle:
            mine = count // self.world if self.drop_last else -(-count // self.world)
        else:
            mine = len(range(self.rank, count, self.world))
        return mine // self.batch_size * self.batch_size if self.drop_last else mine

    def __len__(self) -> int:
        """How many batches an epoch has in this process."""
        return -(-self.examples // self.batch_size)

    def order(self, epoch: int) -> torch.Tensor:
        """The example numbers of one epoch in this process, int64 on the CPU, in the order of the batches.

        epoch   counted from 0

        A list of whole numbers, of shape (N,).
        """
        order = epoch_order(
            len(self.source), self.seed if self.shuffle else None, epoch, self.rank, self.world, self.drop_last
        )
        return order[: self.examples]

    def epoch(self, k: int = 0, start: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """The batches of epoch `k` (from 0), from batch number `start` on: (x, y) of the first input and output.

        Arrays have the shape (batch, ...).
        """
        for batch in self.batches(k, start):
            yield batch.xs[0], batch.ys[0] if batch.ys else None

    def batches(self, k: int = 0, start: int = 0) -> Iterator[Batch]:
        """The same with every input and output, and the weights.

        k       the epoch, counted from 0
        start   the first batch
        """
        size, total = self.batch_size, self.examples
        bounds = [(first, min(first + size, total)) for first in range(start * size, total, size)]
        if not self.shuffle and self.world == 1:  # as they stand: nothing is copied to pick them
            return in_order(self._batch, (slice(*each) for each in bounds), self.workers)
        order = self.order(k)
        return in_order(self._batch, (order[first:end] for first, end in bounds), self.workers)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """The batches of epoch 0."""
        return self.epoch(0)

    def _batch(self, chosen: slice | torch.Tensor) -> Batch:
        xs = [channels_first(_as_input(x)) for x in self._inputs(chosen)]
        ys = [self._pick(y, chosen) for y in self._ys]
        given = self._weights
        weights = None if given is None else [w if w is None else self._pick(w, chosen) for w in given]
        size = chosen.stop - chosen.start if isinstance(chosen, slice) else len(chosen)
        return Batch(xs, ys, weights, size, nested=self.source.nested)

    def _inputs(self, chosen: slice | torch.Tensor) -> Iterator[torch.Tensor]:
        preprocessing = self.source.preprocessing
        for i, x in enumerate(self._xs):
            if i or preprocessing is None:
                yield self._pick(x, chosen)
            elif self._small:  # with NumPy, which has one thread; the numbers are the same
                picked = np.asarray(self.source.xs[0])[chosen if isinstance(chosen, slice) else chosen.numpy()]
                made = preprocessing.normalise(picked)
                yield over(made.copy() if np.may_share_memory(made, picked) else made)
            else:
                yield preprocessing.normalise(self._pick(x, chosen))

    def _pick(self, array: torch.Tensor, chosen: slice | torch.Tensor) -> torch.Tensor:
        """Memory of its own: a network may write over its inputs, and not over the data."""
        if isinstance(chosen, slice):
            return to_device(array[chosen].clone(), self.device)
        return to_device(array.index_select(0, chosen.to(array.device)), self.device)


def channels_first(x: torch.Tensor) -> torch.Tensor:
    """(N, …, C) -> (N, C, …) as a view: a contiguous NHWC batch *is* torch's channels_last memory."""
    return x.movedim(-1, 1) if x.ndim > 2 else x


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """(N, C, …) -> (N, …, C) as a view."""
    return x.movedim(1, -1) if x.ndim > 2 else x


def _as_input(x: torch.Tensor) -> torch.Tensor:
    """Numbers as float32, which the weights are; whole numbers of rank 1 stay as they are (token ids)."""
    if x.ndim <= 2 and not x.is_floating_point():
        return x.long() if x.dtype.itemsize > 1 else x.float()
    return x.float()


def epoch_order(
    count: int, seed: int | None, epoch: int, rank: int = 0, world: int = 1, drop_last: bool = False
) -> torch.Tensor:
    """The rule of ``Batches``: which of `count` examples a process sees in an epoch, in order; `seed` None: unshuffled.

    epoch      counted from 0
    rank       of this process among `world`
    world      how many processes share an epoch
    drop_last  leave out what does not fill a batch

    The numbers have the shape (n,).
    """
    import torch

    if seed is None:
        return torch.arange(rank, count, world)
    generator = torch.Generator().manual_seed((seed * 2654435761 + epoch) % 2**63)
    order = torch.randperm(count, generator=generator)
    short = -count % world
    if short and not drop_last:
        order = torch.cat([order] * (1 + -(-short // count)))[: count + short]
    elif short:
        order = order[: count - count % world]
    return order[rank::world]


def ahead(device: torch.device, x: Any = None) -> int:
    """How many threads prepare batches ahead: one where the device computes meanwhile, or `x` comes from disk."""
    return int(device.type != "cpu" or (isinstance(x, np.memmap) and x.nbytes > _MAPPED))


def to_device(batch: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On the device; to a GPU from pinned memory, so that the copy goes on beside what is computed there."""
    if device.type == "cuda" and batch.device.type == "cpu":
        batch = batch.pin_memory()
    return batch.to(device, non_blocking=True)


def over(array: Any) -> torch.Tensor:
    """A tensor over the array's own memory where that can be."""
    import torch

    if isinstance(array, np.ndarray) and any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)  # torch knows no negative strides
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # read-only memory is fine: batches are copies
        return torch.as_tensor(array)
