"""Things and animals in colour, 32 x 32, 10 classes."""

from __future__ import annotations

from striate.datasets.arrays import Pair, pictures
from striate.guard import guard

__all__ = ["load_data"]


def load_data() -> tuple[Pair, Pair]:
    """(x_train, y_train), (x_test, y_test): uint8 (50000, 32, 32, 3) and (50000, 1), (10000, 32, 32, 3) and (10000, 1).

    Raises DataError where it cannot be had.
    """
    return pictures("cifar10", column=True)


guard(__name__)
