"""CIFAR-10 and CIFAR-100: the "binary version" and the "Python version" of https://www.cs.toronto.edu/~kriz/cifar.html.

Both store a picture as 3,072 bytes: the red 32 x 32 plane, then green, then blue.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from striate.data.dataset import Dataset, Splits
from striate.data.pictures.preprocess import Preprocessing
from striate.data.readers.pickles import read_pickle
from striate.doors import budgets
from striate.doors.reading import read_bytes
from striate.errors import DataError
from striate.wording import plural

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PIXELS = 3 * 32 * 32
_TEN = [f"data_batch_{i}" for i in range(1, 6)]


def read_cifar_binary(
    path: str | Path, classes: Sequence[str] | int = CIFAR10, fine: bool = True, name: str | None = None
) -> Dataset:
    """One file of the binary version: rows of <label> <3,072 pixels>, or <coarse> <fine> <pixels> for CIFAR-100.

    `classes` are the names, or how many there are: 20 or 100 say that a row has two labels, of which `fine` chooses.

    path      of the file
    name      of the data set, for messages

    Raises DataError for a file that is missing or whose length does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    count = classes if isinstance(classes, int) else len(classes)
    labels = 1 if count == 10 else 2
    size = path.stat().st_size
    if size == 0 or size % (labels + PIXELS):
        raise DataError(
            f"{path}: {size:,} bytes are not a whole number of {labels + PIXELS}-byte rows "
            f"({size / (labels + PIXELS):.3f}). It is cut off, or is not CIFAR-{10 if labels == 1 else 100} binary."
        )
    rows = np.fromfile(path, np.uint8).reshape(-1, labels + PIXELS)
    return _dataset(rows[:, labels:], rows[:, 1 if fine and labels == 2 else 0], classes, name or path.name)


def read_cifar_pickle(
    path: str | Path, classes: Sequence[str] | int | None = None, fine: bool = True, name: str | None = None
) -> Dataset:
    """One file of the Python version: a pickled dictionary, of which nothing is executed.

    Without `classes` a file with "labels" is CIFAR-10, one with "fine_labels" and "coarse_labels" CIFAR-100.

    path      of the file
    fine      which labels CIFAR-100 gives: 100 fine or 20 coarse classes
    name      of the data set, for messages

    Raises DataError for a file that is missing or is no CIFAR batch.
    """
    path = Path(path)
    batch = read_pickle(path)
    key = "labels" if "labels" in batch else "fine_labels" if fine else "coarse_labels"
    if "data" not in batch or key not in batch:
        raise DataError(f'{path}: not a CIFAR batch, it has no "data" or no "{key}" but {sorted(batch)}.')
    data = batch["data"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != PIXELS:
        what = f"{data.shape} of {data.dtype}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DataError(f'{path}: "data" is {what}, expected uint8 (N, {PIXELS}).')
    try:
        labels = np.array(batch[key], np.int64)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f'{path}: "{key}" is not a list of whole numbers.') from None
    if classes is None:
        classes = CIFAR10 if key == "labels" else 100 if fine else 20
    return _dataset(data, labels, classes, name or path.name)


def _dataset(planes: np.ndarray, labels: np.ndarray, classes: Sequence[str] | int, name: str) -> Dataset:
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
    x = np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return Dataset(x, labels.astype(np.int64), names, name, Preprocessing.pictures((32, 32), 3))


def read_cifar(folder: str | Path, classes: int = 10, fine: bool = True) -> Splits:
    """CIFAR-10 or CIFAR-100 (`classes` 10 or 100) from the folder of either version: 50,000 and 10,000 pictures.

    `fine` False gives the 20 coarse classes of CIFAR-100.

    folder    the unpacked folder

    Raises DataError for other `classes`, missing and damaged files.
    """
    folder = Path(folder)
    if classes not in (10, 100):
        raise DataError(
            f"CIFAR with {plural(classes, 'class')}: there are CIFAR-10 and CIFAR-100. Give classes=10 or 100."
        )
    names, train = f"cifar{classes}", _TEN if classes == 10 else ["train"]
    binary = (folder / f"{train[0]}.bin").exists() or (folder / _test(classes)).with_suffix(".bin").exists()
    missing = [file for file in _files(classes, binary) if not (folder / file).is_file()]
    if missing:
        raise DataError(
            f"{folder}: {', '.join(missing)} of CIFAR-{classes} {'is' if len(missing) == 1 else 'are'} missing. "
            "Unpack the whole archive into one folder."
        )
    kinds = _names(folder, classes, binary, fine)
    if binary:
        read = [read_cifar_binary(folder / file, kinds, fine) for file in _files(classes, binary)]
    else:
        read = [read_cifar_pickle(folder / file, kinds, fine) for file in _files(classes, binary)]
    return Splits(_joined(read[:-1], f"{names} train"), None, _joined(read[-1:], f"{names} test"))


def has_cifar(folder: Path, classes: int) -> bool:
    """Whether the folder looks like ``read_cifar`` can read it."""
    if classes == 100 and not any((folder / meta).exists() for meta in ("meta", "fine_label_names.txt")):
        return False
    return any((folder / file).exists() for binary in (True, False) for file in _files(classes, binary))


def _test(classes: int) -> str:
    return "test_batch" if classes == 10 else "test"


def _files(classes: int, binary: bool) -> list[str]:
    stems = [*(_TEN if classes == 10 else ["train"]), _test(classes)]
    return [stem + ".bin" for stem in stems] if binary else stems


def _names(folder: Path, classes: int, binary: bool, fine: bool) -> Sequence[str] | int:
    """The class names, from the file beside the data; numbers where CIFAR-100 comes without."""
    if classes == 10:
        return CIFAR10
    which, count = ("fine_label_names", 100) if fine else ("coarse_label_names", 20)
    text, meta = folder / f"{which}.txt", folder / "meta"
    if binary and text.is_file():
        names = read_bytes(text, budgets.SETTINGS).decode(errors="replace").split()
    elif not binary and meta.is_file():
        listed = read_pickle(meta).get(which, [])
        names = [n.decode("latin1") if isinstance(n, bytes) else str(n) for n in listed]
    else:
        return count
    if len(names) != count:
        raise DataError(
            f"{text if binary else meta}: lists {plural(len(names), 'name')}, expected {count}. Fetch the archive again."
        )
    return names


def _joined(parts: list[Dataset], name: str) -> Dataset:
    first = parts[0]
    y = np.concatenate([part.y for part in parts if part.y is not None])
    return Dataset(np.concatenate([part.x for part in parts]), y, first.classes, name, first.preprocessing)
