"""Files of arrays: torch's, safetensors, HDF5, npy and npz.  No pickle that could run code is ever loaded."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from striate.doors import budgets
from striate.doors.packed import is_zip, opened_zip, read_member
from striate.doors.reading import opened, read_bytes
from striate.errors import BundleError, StriateError
from striate.wording import inner

if TYPE_CHECKING:
    import h5py
    import numpy as np

#: What h5py raises for a damaged file, whatever its parts lead to.
DAMAGED = (OSError, KeyError, ValueError, TypeError, RuntimeError, UnicodeDecodeError, OverflowError, MemoryError)


def read_torch(path: str | os.PathLike[str]) -> Any:
    """What a file of ``torch.save`` holds, by torch's restricted unpickler; arrays stay on the disk where they can.

    path   of the file

    Raises whatever torch raises for a damaged file, and ``pickle.UnpicklingError`` for one that asks for code.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own old formats
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip(path))


def write_torch(path: str | os.PathLike[str], content: Any) -> None:
    """Write what ``read_torch`` reads; to be given to ``atomic_write``.

    path      of the file
    content   tensors, numbers, texts, and lists and dicts of them
    """
    import torch

    torch.save(content, path)


def read_safetensors(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> dict[str, Any]:
    """The tensors of a safetensors file.

    path   of the file
    kind   the class of the error

    Raises `kind` for a missing, truncated or foreign file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with opened(path, kind=kind):
        pass
    try:
        return load_file(path)  # type: ignore[no-any-return]
    except (SafetensorError, ValueError, OSError, RuntimeError) as error:
        raise kind(f"{path} is not a whole safetensors file ({inner(error)}). Copy or save it again.") from None


def safetensors_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts in the head of a safetensors file that has been read.

    path   of the file
    """
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return file.metadata() or {}


@contextmanager
def opened_hdf5(source: str | os.PathLike[str] | io.BytesIO, where: str) -> Iterator[h5py.File]:
    """An HDF5 file to read.

    source   its path, or its bytes
    where    what a message calls it

    Raises BundleError for one that is not whole, also where that shows only while it is read.
    """
    import h5py

    if not isinstance(source, io.BytesIO):
        with opened(source, kind=BundleError):
            pass
    try:
        with h5py.File(source, "r") as file:
            yield file
    except StriateError:
        raise
    except DAMAGED:
        raise BundleError(f"{where} is not a whole HDF5 file. Copy or download it again.") from None


def hdf5_bytes(fill: Any) -> bytes:
    """The bytes of a new HDF5 file, made in memory: the library ends the process where a disk fills up beneath it.

    fill   is called with the opened file and puts into it what is wanted
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
    return content.getvalue()


def read_npy(
    path: str | os.PathLike[str], most: int = budgets.FILE, kind: type[StriateError] = BundleError
) -> np.ndarray:
    """The array of a .npy file.

    path   of the file
    most   bytes that it may have
    kind   the class of the error

    Raises `kind` for what is none, and for an array of objects, which would be a pickle.
    """
    return _npy(read_bytes(path, most, kind), os.fspath(path), kind)


def read_npz(
    path: str | os.PathLike[str], most: int = budgets.FILE, kind: type[StriateError] = BundleError
) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by name.

    path   of the file
    most   bytes that all arrays together may have
    kind   the class of the error

    Raises `kind` for what is none, for arrays of objects, which would be pickles, and above `most` bytes.
    """
    where = os.fspath(path)
    arrays = {}
    with opened_zip(path, where, kind) as archive:
        for entry in archive.infolist():
            content = read_member(archive, entry, f"{where}/{entry.filename}", most, kind)
            most -= len(content)
            arrays[entry.filename.removesuffix(".npy")] = _npy(content, f"{where}/{entry.filename}", kind)
    return arrays


def write_npz(path: str | os.PathLike[str], arrays: dict[str, np.ndarray]) -> None:
    """Write a .npz file, whole or not at all.

    path     of the file
    arrays   by name

    Raises BundleError where it cannot be written.
    """
    import numpy as np

    from striate.doors.writing import atomic_write

    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    atomic_write(path, content.getvalue())


def _npy(content: bytes, where: str, kind: type[StriateError]) -> np.ndarray:
    import numpy as np

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.load(io.BytesIO(content), allow_pickle=False)  # type: ignore[no-any-return]
    except Exception as error:  # of a damaged header NumPy raises whatever its parts raise
        raise kind(f"{where}: is no array of numbers ({inner((str(error).splitlines() or [''])[0])}).") from None
