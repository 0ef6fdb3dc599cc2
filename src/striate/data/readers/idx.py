"""The idx format of MNIST and its relatives: a magic number, the sizes, the values, all big-endian.

    0x00 0x00 <type> <dimensions> | size of each dimension, uint32 | values, last dimension fastest

http://yann.lecun.com/exdb/mnist/ ("The IDX file format").
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from striate.data.dataset import Dataset, Splits
from striate.data.pictures.preprocess import Preprocessing
from striate.doors.packed import maybe_gzipped
from striate.errors import DataError
from striate.wording import plural

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DIGITS = tuple("0123456789")


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an idx file, plain or gzipped (told by its first bytes, not its name), in this machine's byte order.

    Raises DataError for a wrong magic number, fewer or more values than the header says, and a gzip that is cut off.

    path   of the file

    The shape is that of the file's header.
    """
    with maybe_gzipped(path) as file:
        return _read(file, Path(path))


def _read(file: IO[bytes], path: Path) -> np.ndarray:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] == 0:
        raise DataError(
            f"{path}: not an idx file, it starts with {magic.hex(' ') or 'nothing'}. "
            f"Expected 00 00, a type ({', '.join(f'{code:02x}' for code in TYPES)}) and the number of dimensions."
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(
            f"{path}: ends inside its header, which has {plural(magic[3], 'dimension')}. Fetch the file again."
        )
    shape = struct.unpack(f">{magic[3]}I", sizes)
    dtype = np.dtype(TYPES[magic[2]])
    expected = math.prod(shape) * dtype.itemsize
    values = bytearray()  # grows with what is there: a damaged header may promise terabytes
    while chunk := file.read(min(1 << 22, expected + 1 - len(values))):
        values += chunk
    if len(values) != expected:
        size = " x ".join(map(str, shape))
        held = f"{len(values):,} bytes" if len(values) < expected else "more"
        raise DataError(f"{path}: {size} values of {dtype.itemsize} bytes are {expected:,} bytes, the file has {held}.")
    try:
        return np.frombuffer(values, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)
    except ValueError as error:  # NumPy has fewer dimensions than idx, and a limit on their product
        raise DataError(f"{path}: an array of {plural(len(shape), 'dimension')} cannot be held ({error}).") from None


def read_idx_pair(
    images: str | Path, labels: str | Path, classes: Sequence[str] | None = None, name: str | None = None
) -> Dataset:
    """Pictures (N, H, W) or (N, H, W, C) from one idx file, their labels (N,) from another.

    images    the file of the pictures
    labels    the file of their labels
    classes   the classes' names in the order of their numbers
    name      of the data set, for messages

    Raises DataError for shapes that are none of pictures and labels, and lengths that differ.
    """
    x, y = read_idx(images), read_idx(labels)
    if x.ndim not in (3, 4):
        raise DataError(f"{images}: has shape {x.shape}; pictures are (N, H, W). Are images and labels swapped?")
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise DataError(f"{labels}: has shape {y.shape} of {y.dtype}; labels are whole numbers (N,).")
    if len(x) != len(y):
        raise DataError(
            f"{images} has {plural(len(x), 'picture')}, {labels} has {plural(len(y), 'label')}. They belong to "
            "different sets."
        )
    x = x if x.ndim == 4 else x[..., None]
    preprocessing = Preprocessing()
    if x.dtype == np.uint8:
        preprocessing = Preprocessing.pictures(x.shape[1:3], x.shape[3] if x.shape[3] in (1, 3) else None)
    else:
        x = x.astype(np.float32, copy=False)
    return Dataset(
        x, y.astype(np.int64), None if classes is None else tuple(classes), name or Path(images).name, preprocessing
    )


def read_mnist(folder: str | Path, classes: Sequence[str] | None = DIGITS, name: str = "mnist") -> Splits:
    """The four files of MNIST or a set in its form (Fashion-MNIST, KMNIST): 60,000 and 10,000 pictures 28 x 28 x 1.

    folder    with the four files
    classes   the classes' names in the order of their numbers
    name      of the data set, for messages

    Raises DataError for a file that is missing or damaged.
    """
    parts = {}
    for part, stem in (("train", "train"), ("test", "t10k")):
        images, labels = (_find(Path(folder), stem, kind) for kind in ("images-idx3", "labels-idx1"))
        parts[part] = read_idx_pair(images, labels, classes, f"{name} {part}")
    return Splits(parts["train"], None, parts["test"])


def has_mnist(folder: Path) -> bool:
    """Whether the folder looks like ``read_mnist`` can read it: one of the four files is there."""
    return any(folder.glob("t10k-*")) or any(folder.glob("train-images*"))


def _find(folder: Path, stem: str, kind: str) -> Path:
    plain = f"{stem}-{kind}-ubyte"
    names = [plain + ".gz", plain, plain.replace("-idx", ".idx") + ".gz", plain.replace("-idx", ".idx")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: {plain} (or {plain}.gz) is missing. MNIST is four files; put all into this folder.")
