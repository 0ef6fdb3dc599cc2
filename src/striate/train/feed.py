"""Batches: arrays in memory or mapped from disk, indexed, normalised and laid out for torch batch by batch.

No worker processes: pictures are decoded once, and picking them from memory costs less than handing them over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from striate.data import Preprocessing, epoch_order
from striate.data.augmentation import mix
from striate.data.batches import ahead, over, to_device
from striate.data.pictures.workers import in_order
from striate.errors import DataError
from striate.layers import CutMix, MixUp
from striate.train.losses import Loss


@dataclass
class Batch:
    """One batch on the device: inputs and targets as torch wants them, channels-first, and sample weights or None.

    others, share   of mixed pictures: the targets that count less, and the part (N,) that `ys` have, 0.5 to 1
    """

    xs: list[torch.Tensor]
    ys: list[torch.Tensor]
    weights: torch.Tensor | None
    size: int
    others: list[torch.Tensor] | None = None
    share: torch.Tensor | None = None


def channels_first(x: torch.Tensor) -> torch.Tensor:
    """(N, …, C) -> (N, C, …) as a view: a contiguous NHWC batch *is* torch's channels_last memory."""
    return x.movedim(-1, 1) if x.ndim > 2 else x


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """(N, C, …) -> (N, …, C) as a view."""
    return x.movedim(1, -1) if x.ndim > 2 else x


def aligned(batch: Batch, losses: list[Loss]) -> Batch:
    """Targets as the losses want them: dense ones channels-first like the outputs."""
    batch.ys = [y if loss.sparse else channels_first(y) for y, loss in zip(batch.ys, losses, strict=True)]
    return batch


def mixed(batch: Batch, how: MixUp | CutMix) -> Batch:
    """The batch with its pictures mixed; `ys` are the targets of the heavier part of each picture."""
    pictures = mix(batch.xs[0], how)
    heavy = pictures.weight >= 0.5
    own = torch.arange(batch.size, device=heavy.device)
    first, second = torch.where(heavy, own, pictures.partner), torch.where(heavy, pictures.partner, own)
    return Batch(
        xs=[pictures.x],
        ys=[y[first] for y in batch.ys],
        weights=batch.weights,
        size=batch.size,
        others=[y[second] for y in batch.ys],
        share=torch.maximum(pictures.weight, 1 - pictures.weight),
    )


class Feed:
    """Arrays as batches of torch tensors.

    xs, ys          arrays of one length, channels-last: pictures (N, H, W, C), sequences (N, L, C), ids (N, L), labels
    preprocessing   what turns stored pixels into network inputs (the first input's), or None for arrays used as they are
    sample_weight   one weight per sample, or None
    workers         threads that prepare batches ahead, the same ones for any number; None: see ``data.Batches``
    """

    def __init__(
        self,
        xs: list[Any],
        ys: list[Any],
        *,
        preprocessing: Preprocessing | None = None,
        sample_weight: Any = None,
        device: torch.device | str = "cpu",
        workers: int | None = None,
    ) -> None:
        self.xs = [over(x) for x in xs]
        self.ys = [over(y) for y in ys]
        self.ys = [y.float() if y.dtype == torch.float64 else y for y in self.ys]
        self.weights = None if sample_weight is None else torch.as_tensor(sample_weight, dtype=torch.float32)
        self.preprocessing = preprocessing
        self.device = torch.device(device)
        from_disk = any(ahead(torch.device("cpu"), x) for x in xs)
        self.workers = 1 if workers is None and from_disk else workers

    def __len__(self) -> int:
        return len(self.xs[0])

    def split(self, fraction: float) -> tuple[Feed, Feed]:
        """The samples before and within the last `fraction`, without copying.  Raises DataError if a part is empty."""
        cut = int(len(self) * (1 - fraction))
        if not 0 < cut < len(self):
            raise DataError(f"validation_split={fraction} of {len(self)} samples leaves an empty part.")
        return self._part(slice(0, cut)), self._part(slice(cut, None))

    def _part(self, index: slice) -> Feed:
        return Feed(
            [x[index] for x in self.xs],
            [y[index] for y in self.ys],
            preprocessing=self.preprocessing,
            sample_weight=None if self.weights is None else self.weights[index],
            device=self.device,
            workers=self.workers,
        )

    def order(self, seed: int | None, epoch: int, rank: int = 0, world: int = 1) -> torch.Tensor:
        """The samples of an epoch in this process, shuffled by seed and epoch alone; see ``data.Batches``."""
        return epoch_order(len(self), seed, epoch, rank, world)

    def batches(self, batch_size: int, order: torch.Tensor | None = None) -> Iterator[Batch]:
        """Go through the arrays once, in `order` (None: as they stand), in batches of `batch_size`."""
        total = len(self) if order is None else len(order)
        parts = (slice(start, min(start + batch_size, total)) for start in range(0, total, batch_size))

        def prepared(part: slice) -> Batch:
            return self.batch(part if order is None else order[part], part.stop - part.start)

        return in_order(prepared, parts, ahead(self.device) if self.workers is None else self.workers)

    def batch(self, index: Any, size: int) -> Batch:
        """The samples at `index` (a slice or a tensor of positions)."""
        xs = [self._take(x, index) for x in self.xs]
        if self.preprocessing is not None:
            xs[0] = self.preprocessing.normalise(xs[0])
        xs = [channels_first(_as_input(x)) for x in xs]
        ys = [self._take(y, index) for y in self.ys]
        weights = None if self.weights is None else self._take(self.weights, index)
        return Batch(xs, ys, weights, size)

    def _take(self, array: torch.Tensor, index: Any) -> torch.Tensor:
        return to_device(array[index] if isinstance(index, slice) else array.index_select(0, index), self.device)


def _as_input(x: torch.Tensor) -> torch.Tensor:
    """Numbers as float32, which the weights are; whole numbers of rank 1 stay as they are (token ids)."""
    if x.ndim <= 2 and not x.is_floating_point():
        return x.long() if x.dtype != torch.uint8 else x.float()
    return x.float()
