"""One seed for everything that is drawn at random."""

from __future__ import annotations

from striate.guard import guard


def set_seed(seed: int) -> None:
    """Make what is drawn from now on repeat: first weights, shuffling, dropout, augmentation.

    seed    a whole number; it seeds Python's, NumPy's and torch's generators
    """
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


guard(__name__)
