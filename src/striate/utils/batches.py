"""Batches from code of a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from striate.errors import undefined


class PyDataset:
    """Batches by number: a subclass says how many with ``__len__`` or ``num_batches`` and gives each with ``__getitem__``.

    ``fit``, ``evaluate`` and ``predict`` take it; a batch is x, (x, y) or (x, y, sample_weight).

    workers, use_multiprocessing, max_queue_size   taken as Keras has them; batches are made as they are asked for

    Raises ArgumentError for a subclass with neither of the two, or without ``__getitem__``.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None: as many as asked for.  It is ``len()`` where a subclass does not say."""
        return len(self)

    def __len__(self) -> int:
        raise undefined(self, "__len__(self), the number of batches")

    def __getitem__(self, index: int) -> Any:
        raise undefined(self, "__getitem__(self, index), which returns a batch")

    def on_epoch_begin(self) -> None:
        """Before the batches of an epoch."""

    def on_epoch_end(self) -> None:
        """After the batches of an epoch, to shuffle for instance."""

    def __iter__(self) -> Iterator[Any]:
        self.on_epoch_begin()
        count = self.num_batches
        i = 0
        while count is None or i < count:
            yield self[i]
            i += 1
        self.on_epoch_end()
