"""Batches for training and evaluation: picked from the set in memory, or mapped from disk, and normalised at once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data.dataset import Dataset
from striate.data.pictures.workers import in_order
from striate.errors import DataError

if TYPE_CHECKING:
    import torch

_ON_DEVICE = 4 << 30  # bytes of a set that go to an accelerator as a whole; a larger one is sent batch by batch
_SMALL = 8 << 20  # bytes of a batch that is made before several threads have found their work
_MAPPED = 4 << 30  # bytes of a set on disk that may not stay in memory, so that reading it takes time


class Batches:
    """A data set as torch batches (x, y), the same ones for the same seed and epoch on every machine and device.

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

    workers     threads that prepare batches ahead, the same ones for any number; None: one for an accelerator, which
                takes them from pinned memory, and for what is read from disk, else none, as the processor has no time
                to spare then
    """

    def __init__(
        self,
        dataset: Dataset,
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

        if batch_size < 1:
            raise DataError(f"{dataset.name}: a batch of {batch_size} examples. Give at least 1.")
        if not 0 <= rank < world:
            raise DataError(f"{dataset.name}: process {rank} of {world}. Processes are numbered 0 to {world - 1}.")
        self.dataset, self.batch_size, self.shuffle, self.seed = dataset, batch_size, shuffle, seed
        self.rank, self.world, self.drop_last, self.device = rank, world, drop_last, torch.device(device)
        if not len(self):
            raise DataError(
                f"{dataset.name}: {len(dataset)} examples are not one batch of {batch_size} for {world} processes, and "
                "drop_last drops what is less. Use a smaller batch_size or drop_last=False."
            )
        self.workers = ahead(self.device, dataset.x) if workers is None else workers
        self._small = self.device.type == "cpu" and 4 * batch_size * math.prod(dataset.x.shape[1:]) <= _SMALL
        self._x = over(np.ascontiguousarray(dataset.x))
        self._y = None if dataset.y is None else over(np.ascontiguousarray(dataset.y))
        if self.device.type != "cpu" and dataset.x.nbytes <= _ON_DEVICE:
            self._x = self._x.to(self.device)
            self._y = None if self._y is None else self._y.to(self.device)

    @property
    def examples(self) -> int:
        """How many examples an epoch has in this process."""
        count = len(self.dataset)
        if self.shuffle:
            mine = count // self.world if self.drop_last else -(-count // self.world)
        else:
            mine = len(range(self.rank, count, self.world))
        return mine // self.batch_size * self.batch_size if self.drop_last else mine

    def __len__(self) -> int:
        """How many batches an epoch has in this process."""
        return -(-self.examples // self.batch_size)

    def order(self, epoch: int) -> torch.Tensor:
        """The example numbers of one epoch in this process, int64 on the CPU, in the order of the batches."""
        order = epoch_order(
            len(self.dataset), self.seed if self.shuffle else None, epoch, self.rank, self.world, self.drop_last
        )
        return order[: self.examples]

    def epoch(self, k: int = 0, start: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """The batches of epoch `k` (from 0), from batch number `start` on."""
        order = self.order(k).to(self._x.device)
        size = self.batch_size
        parts = (order[first : first + size] for first in range(start * size, len(order), size))
        return in_order(self._batch, parts, self.workers)

    def _batch(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        normalise = self.dataset.preprocessing.normalise
        if self._small:  # with NumPy, which has one thread; the numbers are the same
            x = over(normalise(np.asarray(self.dataset.x)[chosen.numpy()]))
        else:
            x = normalise(to_device(self._x.index_select(0, chosen), self.device))
        y = None if self._y is None else to_device(self._y.index_select(0, chosen), self.device)
        return (x.movedim(-1, 1) if x.ndim > 2 else x), y

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """The batches of epoch 0."""
        return self.epoch(0)


def epoch_order(
    count: int, seed: int | None, epoch: int, rank: int = 0, world: int = 1, drop_last: bool = False
) -> torch.Tensor:
    """The rule of ``Batches``: which of `count` examples a process sees in an epoch, in order; `seed` None: unshuffled."""
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

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # read-only memory is fine: batches are copies
        return torch.as_tensor(array)
