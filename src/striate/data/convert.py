"""Arrays of any make as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from striate.data.dataset import Dataset
from striate.data.pictures.preprocess import Preprocessing
from striate.errors import DataError
from striate.wording import plural


def arrays(
    x: Any,
    y: Any = None,
    classes: Sequence[str] | None = None,
    *,
    name: str = "arrays",
    dtype: Literal["uint8", "float32", "int64"] | None = None,
    preprocessing: Preprocessing | None = None,
) -> Dataset:
    """A data set of what NumPy can read: arrays, lists, torch tensors (N, ...), channels last.

    x   uint8 stays and must be pictures (N, H, W, C); whole numbers (N, L) become int64 token ids; everything else
        becomes float32, with unchanged values.  `dtype` says otherwise.  What needs no conversion is not copied.
    y   whole numbers (N,) or (N, 1) are classes, int64; words are classes too, numbered in `classes` or, without, in
        alphabetical order; floats, and whole numbers (N, K), are float32 targets.

    Values reach the network as they are; `preprocessing` says otherwise.  Raises DataError for what cannot be used.

    name            of the data set, for messages
    """
    values = _inputs(_numpy(x, "x", name), dtype, name)
    targets = None if y is None else _numpy(y, "y", name)
    if targets is not None:
        if targets.dtype.kind in "biu" and targets.ndim == 2 and targets.shape[1] == 1:
            targets = targets[:, 0]  # as Keras' data sets have labels
        if targets.dtype.kind in "US":
            targets, classes = _numbered(targets, classes, name)
    return Dataset(values, targets, None if classes is None else tuple(classes), name, preprocessing or Preprocessing())


def _numpy(values: Any, which: str, name: str) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values  # NumPy has no such type
    if hasattr(values, "numpy"):
        values = values.numpy()
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(
            f"{name}: {which} is ragged: its lists have different lengths. Pad or cut them to one."
        ) from None
    if array.dtype.kind == "O" and array.ndim == 1 and all(isinstance(value, str) for value in array):
        array = array.astype(str)  # a table's column of words
    if array.dtype.kind not in "biufUS":
        raise DataError(f"{name}: {which} holds {array.dtype} values. Give numbers in a list, an array or a tensor.")
    return array


def _inputs(x: np.ndarray, dtype: str | None, name: str) -> np.ndarray:
    if x.dtype.kind in "US":
        raise DataError(f"{name}: x holds text. Make ids first: data.Vocabulary.build(texts).encode(texts).")
    if dtype not in (None, "uint8", "float32", "int64"):
        raise DataError(f'{name}: dtype {dtype!r}; a data set holds "uint8", "float32" or "int64".')
    if dtype is None:
        whole = x.dtype.kind in "iu" and x.ndim == 2
        dtype = "uint8" if x.dtype == np.uint8 else "int64" if whole else "float32"
    with np.errstate(all="ignore"):
        converted = x.astype(dtype, copy=False)
        if dtype != "float32" and converted is not x and not np.array_equal(converted, x):
            raise DataError(f"{name}: x has values that {dtype} cannot hold, {x.min()} to {x.max()}. Scale them first.")
    return np.ascontiguousarray(converted)


def _numbered(words: np.ndarray, classes: Sequence[str] | None, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if words.ndim != 1:
        raise DataError(f"{name}: y holds words of shape {words.shape}; class names are (N,).")
    words = words.astype(str)
    names = tuple(map(str, classes)) if classes is not None else tuple(np.unique(words).tolist())
    number = {word: i for i, word in enumerate(names)}
    unknown = sorted(set(words.tolist()) - set(names))
    if unknown:
        raise DataError(f'{name}: y has {plural(len(unknown), "name")} not in classes, the first is "{unknown[0]}".')
    return np.array([number[word] for word in words.tolist()], np.int64), names
