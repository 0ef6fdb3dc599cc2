"""Clothes in grey, 28 x 28, 10 classes."""

from __future__ import annotations

from striate.datasets.arrays import Pair, pictures
from striate.guard import guard

__all__ = ["load_data"]


def load_data() -> tuple[Pair, Pair]:
    """(x_train, y_train), (x_test, y_test): uint8 (60000, 28, 28) and (60000,), (10000, 28, 28) and (10000,).

    Raises DataError where it cannot be had.
    """
    return pictures("fashion_mnist")


guard(__name__)
