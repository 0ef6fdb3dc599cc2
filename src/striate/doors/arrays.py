"""Files of arrays: torch's, safetensors, HDF5 and npz.  No pickle that could run code is ever loaded."""

from __future__ import annotations

import io
import mmap
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from striate.doors import budgets
from striate.doors.hdf5_heaps import heaps_are_whole
from striate.doors.packed import is_zip, opened_zip, read_member
from striate.doors.pickles import check_torch_pickle
from striate.doors.reading import opened
from striate.errors import BundleError, StriateError
from striate.wording import inner, plural

if TYPE_CHECKING:
    import h5py
    import numpy as np

#: What h5py raises for a damaged file, whatever its parts lead to.
DAMAGED = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, OverflowError, MemoryError)
_SHARED = 64 << 20  # bytes that arrays may have in all, however little of them a file holds


def read_torch(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> Any:
    """What a file of ``torch.save`` holds, by torch's restricted unpickler; arrays stay on the disk where they can.

    path   of the file
    kind   the class of the error

    Raises `kind` for a file whose checksums say that it is damaged, for arrays larger than what the file holds of them, and
    for values that stand in each other without end;
    whatever torch raises for other damage, and ``pickle.UnpicklingError`` for a file that asks for code.
    """
    import torch

    zipped = is_zip(path)
    with opened(path, kind=kind) as file:
        size = os.fstat(file.fileno()).st_size
    if zipped:
        _check_records(path, size, kind)
    check_torch_pickle(path, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own old formats
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    _check_arrays(content, os.fspath(path), size, kind)
    return content


def write_torch(path: str | os.PathLike[str], content: Any) -> None:
    """Write what ``read_torch`` reads; to be given to ``atomic_write``.

    path      of the file
    content   tensors, numbers, texts, and lists and dicts of them

    Raises OSError where it cannot be written.
    """
    import torch

    with open(path, "wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch's words for a full disk
            told = error.__context__
            raise told if isinstance(told, OSError) else OSError("the disk took only a part of it") from None


def read_state(
    path: str | os.PathLike[str], kind: type[StriateError] = BundleError, *, advice: str = "Delete it to begin anew."
) -> Any:
    """What ``write_state`` wrote, held against the checksums in the file.

    path     of the file
    kind     the class of the error
    advice   the end of its message

    Raises `kind` for a file that is missing or damaged, be it in one bit.
    """
    with opened(path, kind=kind):
        pass
    try:
        if not is_zip(path):
            raise ValueError
        return read_torch(path)
    except Exception:  # torch raises whatever the damage leads to
        raise kind(f"{path} is damaged, or no such state at all. {advice}") from None


def write_state(
    path: str | os.PathLike[str],
    content: Any,
    kind: type[StriateError] = BundleError,
    *,
    advice: str = "Nothing was changed; free some space or choose another place.",
) -> None:
    """Write tensors and what belongs to them, whole or not at all; the file holds checksums of all that is in it.

    path      of the file
    content   tensors, numbers, texts, and lists and dicts of them
    kind      the class of the error
    advice    the end of its message

    Raises `kind` when it cannot be written; what stood there then stays.
    """
    from striate.doors.writing import atomic_write

    atomic_write(path, lambda temporary: write_torch(temporary, content), kind, advice=advice)


def _check_records(path: str | os.PathLike[str], size: int, kind: type[StriateError]) -> None:
    """Hold the parts of a file of torch against their checksums (CRC-32) and the file's size.

    Torch writes them packed in no way, so all together cannot be larger than the file.  It can be told to leave the
    checksums out, which gives numbers that are wrong for every part.
    """
    where = os.fspath(path)
    wrong, entries = 0, 0
    with opened_zip(path, where, kind) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.filelist):
            raise kind(f"{where} is packed as no file of torch is. Unpack it, or save it again.")
        if sum(entry.file_size for entry in archive.filelist) > size:
            raise kind(f"{where} is damaged (its parts are larger than it is)")
        for entry in archive.filelist:
            entries += 1
            entry.CRC, told = None, entry.CRC  # type: ignore[assignment]  # so that it is compared here
            crc = 0
            with archive.open(entry) as file:
                while piece := file.read(1 << 20):
                    crc = zlib.crc32(piece, crc)
            wrong += crc != told
    if 0 < wrong < entries:
        raise kind(
            f"{where} is damaged ({plural(wrong, 'checksum')} of {entries} {'differs' if wrong == 1 else 'differ'})"
        )


def _check_arrays(content: Any, where: str, size: int, kind: type[StriateError]) -> None:
    """Raise `kind` where arrays are larger than what the file holds: torch would fill them with what lies in memory."""
    import torch

    left, seen = [content], set()
    stores, wanted = {}, 0
    while left:
        held = left.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        if isinstance(held, Mapping):
            left += held.values()
        elif isinstance(held, list | tuple | set):
            left += held
        elif isinstance(held, torch.Tensor) and held.layout == torch.strided and held.device.type == "cpu":
            store = held.untyped_storage()
            stores[store.data_ptr()] = store.nbytes()
            wanted += held.numel() * held.element_size()
    if sum(stores.values()) > size or wanted > max(4 * size, _SHARED):  # several names may share an array
        raise kind(f"{where} is damaged (it says that its arrays are larger than what it holds of them)")


def read_safetensors(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> dict[str, Any]:
    """The tensors of a safetensors file.

    path   of the file
    kind   the class of the error

    Raises `kind` for a missing, truncated or foreign file, and for one that striate wrote and that has changed since.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    told = safetensors_metadata(path, kind).get(_SUM)
    if told is not None:
        with opened(path, kind=kind) as file:
            if _sum_of(file) != told:
                raise kind(f"{path} is damaged (its checksum differs). Copy or save it again.")
    try:
        return load_file(path)  # type: ignore[no-any-return]
    except (SafetensorError, *DAMAGED) as error:
        raise kind(f"{path} is not a whole safetensors file ({inner(error)}). Copy or save it again.") from None


def safetensors_metadata(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> dict[str, str]:
    """The texts in the head of a safetensors file.

    path   of the file
    kind   the class of the error

    Raises `kind` as ``read_safetensors`` does.
    """
    from safetensors import SafetensorError, safe_open

    with opened(path, kind=kind):
        pass
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (SafetensorError, *DAMAGED) as error:
        raise kind(f"{path} is not a whole safetensors file ({inner(error)}). Copy or save it again.") from None


def safetensors_bytes(
    tensors: Mapping[str, Any], metadata: dict[str, str] | None = None, *, checked: bool = False
) -> bytes:
    """A safetensors file in memory.  Tensors that share memory are written once each.

    tensors    by name
    metadata   texts by name, kept in the file's head
    checked    whether a checksum (CRC-32) of all that is in it stands among them; reading compares it
    """
    from safetensors.torch import save

    plain = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}
    content: bytes = save(plain, {**(metadata or {}), _SUM: _NO_SUM} if checked else metadata)
    if not checked:
        return content
    told = _sum_of(io.BytesIO(content)).encode()
    start = 8 + int.from_bytes(content[:8], "little")
    return (
        content[:start].replace(f'"{_SUM}":"{_NO_SUM}"'.encode(), b'"%s":"%s"' % (_SUM.encode(), told))
        + content[start:]
    )


_SUM, _NO_SUM = "crc32", "00000000"


def _sum_of(file: BinaryIO) -> str:
    """The CRC-32 of a safetensors file, its head read without the place of the sum itself."""
    start = file.read(8)
    head = file.read(min(int.from_bytes(start, "little"), budgets.TEXT))
    crc = zlib.crc32(start + re.sub(rb'"crc32":"[0-9a-f]{8}"', b"", head))
    while piece := file.read(1 << 20):
        crc = zlib.crc32(piece, crc)
    return f"{crc:08x}"


@contextmanager
def opened_hdf5(source: str | os.PathLike[str] | io.BytesIO, where: str) -> Iterator[h5py.File]:
    """An HDF5 file to read.

    source   its path, or its bytes
    where    what a message calls it

    Raises BundleError for one that is not whole, also where that shows only while it is read.
    """
    import h5py

    if isinstance(source, io.BytesIO):
        whole = heaps_are_whole(memoryview(source.getvalue()))
    else:
        with opened(source, kind=BundleError) as there, _mapped(there) as content:
            whole = heaps_are_whole(content)
    if not whole:
        raise BundleError(f"{where} is not a whole HDF5 file (a heap of texts is damaged). Copy or download it again.")
    try:
        with h5py.File(source, "r") as file:
            yield file
    except StriateError:
        raise
    except DAMAGED:
        raise BundleError(f"{where} is not a whole HDF5 file. Copy or download it again.") from None


def hdf5_texts(held: h5py.Group, name: str, where: str) -> list[str] | None:
    """The text, or the texts, that a group of an HDF5 file has as an attribute; None where it has none of this name.

    held    the group, or the file
    name    of the attribute
    where   what a message calls the file

    Raises BundleError for an attribute of another kind: what is made up of kinds, HDF5's library reads past its end.
    """
    import h5py

    if name not in held.attrs:
        return None
    told = held.attrs.get_id(name)
    if told.shape is not None and 0 in told.shape:  # of no texts, which has any kind
        return []
    if not isinstance(told.get_type(), h5py.h5t.TypeStringID) or len(told.shape or ()) > 1:
        raise BundleError(f"{where}: its attribute {name} is no text; the file is not whole.")
    value = held.attrs[name]
    parts = [value] if isinstance(value, str | bytes) else list(value)
    return [part.decode() if isinstance(part, bytes) else str(part) for part in parts]


@contextmanager
def mapped(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> Iterator[memoryview]:
    """The bytes of a file, without reading it into memory.

    path   of the file
    kind   the class of the error

    Raises `kind` as ``opened`` does.
    """
    with opened(path, kind=kind) as file, _mapped(file) as content:
        yield content


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[memoryview]:
    if os.fstat(file.fileno()).st_size == 0:
        yield memoryview(b"")
        return
    yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))  # closed when nothing looks at it any more


def hdf5_bytes(fill: Callable[[h5py.File], Any]) -> bytes:
    """The bytes of a new HDF5 file, made in memory: the library ends the process where a disk fills up beneath it.

    fill   is called with the opened file and puts into it what is wanted
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
    return content.getvalue()


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
