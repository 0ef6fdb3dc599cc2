"""Scikit-learn's handwritten digits: a data set that is always at hand."""

from __future__ import annotations

import numpy as np

from striate.data.dataset import Dataset, Splits
from striate.data.pictures.preprocess import Preprocessing


def read_digits() -> Splits:
    """1,797 grey digits 8 x 8 x 1: 1,438 to train on, 359 to test, stratified, always the same ones.

    The source counts 0 to 16 dark pixels in each 4 x 4 cell (Alpaydin & Kaynak 1998, UCI "Optical Recognition of
    Handwritten Digits", its test part).  v becomes v * 255 // 16: the whole range of uint8, and v back by rounding.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = (bunch.images.astype(np.int64) * 255 // 16).astype(np.uint8)[..., None]
    names = tuple(str(name) for name in bunch.target_names)
    whole = Dataset(x, bunch.target.astype(np.int64), names, "digits", Preprocessing.pictures((8, 8), 1))
    train, test, _ = whole.split(0.2, seed=0)
    assert test is not None
    train.name, test.name = "digits train", "digits test"
    return Splits(train, None, test)
