"""Arrays of one number as numbers."""

from __future__ import annotations

import numpy as np


class OneNumber(np.ndarray):
    """An array of one number, of whatever shape, that ``float`` and ``int`` take, as scripts write it and NumPy had it."""

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())
