"""Keras' data sets: ``load_data()`` gives plain arrays, (x_train, y_train), (x_test, y_test), with Keras' shapes and types.

``st.data.load(name)`` reads the same as Datasets, which know their classes' names and their preprocessing.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from striate.datasets import cifar10, cifar100, fashion_mnist, imdb, mnist

__all__ = ["cifar10", "cifar100", "fashion_mnist", "imdb", "mnist"]

_TABLES = "It is a table of numbers and has no pictures: read it with scikit-learn and give the arrays to fit."
_INSTEAD = {
    "boston_housing": _TABLES,
    "california_housing": _TABLES,
    "reuters": "Use datasets.imdb, or read texts of your own with data.read_reviews.",
}


def __getattr__(name: str) -> Any:
    """What to say of a data set that is not there."""
    if name in _INSTEAD:
        from striate.utils.refusals import refused

        load = refused(f"datasets.{name}", _INSTEAD[name])
        return SimpleNamespace(load_data=load, get_word_index=load, get_label_names=load)
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, __all__)
    raise AttributeError(f"module 'striate.datasets' has no attribute {name!r}.{hint}")
