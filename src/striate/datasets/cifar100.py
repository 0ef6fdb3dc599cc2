"""Things and animals in colour, 32 x 32, 100 classes or 20 of them together."""

from __future__ import annotations

from striate.datasets.arrays import Pair, pictures
from striate.errors import unknown
from striate.guard import guard

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> tuple[Pair, Pair]:
    """(x_train, y_train), (x_test, y_test): uint8 (50000, 32, 32, 3) and (50000, 1), (10000, 32, 32, 3) and (10000, 1).

    label_mode   "fine": 100 classes; "coarse": 20

    Raises ArgumentError for another label_mode, DataError where the data cannot be had.
    """
    if label_mode not in ("fine", "coarse"):
        raise unknown("label_mode", str(label_mode), ("fine", "coarse"))
    return pictures("cifar100", column=True, fine=label_mode == "fine")


guard(__name__)
