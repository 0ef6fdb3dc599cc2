"""Zip, tar and gzip: what they hold, counted while it is unpacked, since a header may say anything."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from striate.doors import budgets
from striate.doors.reading import opened
from striate.doors.writing import made_aside
from striate.errors import DataError, StriateError
from striate.wording import inner, plural

#: What a zip file that is cut, damaged, locked or packed by an unknown method raises while it is opened and read.
#: RuntimeError stands for a password, and for NotImplementedError, which is one; ValueError for a text that is none.
NOT_WHOLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)
_STEP = 1 << 20


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a file ends as a zip file does.

    path   of the file
    """
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # it is one, and damaged
        return True
    except (OSError, ValueError):
        return False


@contextmanager
def opened_zip(
    source: str | os.PathLike[str] | io.BytesIO, where: str, kind: type[StriateError] = DataError
) -> Iterator[zipfile.ZipFile]:
    """A zip file to read.

    source   its path, or its bytes
    where    what a message calls it
    kind     the class of the error

    Raises `kind` for what is no whole zip file, also while it is read, and for more files than an archive may hold.
    """
    try:
        if isinstance(source, io.BytesIO):
            with zipfile.ZipFile(source) as archive:
                yield _counted(archive, where, kind)
        else:
            with opened(source, kind=kind) as file, zipfile.ZipFile(file) as archive:
                yield _counted(archive, where, kind)
    except StriateError:
        raise
    except NOT_WHOLE as error:
        raise kind(f"{where}: is not a whole zip file ({inner(error)}). Copy or download it again.") from None


def _counted(archive: zipfile.ZipFile, where: str, kind: type[StriateError]) -> zipfile.ZipFile:
    if len(archive.filelist) > budgets.ENTRIES:
        raise kind(f"{where}: holds {plural(len(archive.filelist), 'file')}, the limit is {budgets.ENTRIES:,}.")
    return archive


def read_member(
    archive: zipfile.ZipFile,
    member: str | zipfile.ZipInfo,
    where: str,
    most: int = budgets.UNPACKED,
    kind: type[StriateError] = DataError,
) -> bytes:
    """The bytes of a file in a zip file.

    archive   the opened zip file
    member    the file in it
    where     what a message calls it
    most      bytes that it may unpack to
    kind      the class of the error

    Raises `kind` for what is not in it, is damaged or locked, or unpacks to more than `most` bytes.
    """
    try:
        entry = archive.getinfo(member) if isinstance(member, str) else member
        if entry.file_size > most:
            raise kind(f"{where}: unpacks to {entry.file_size:,} bytes, the limit is {most:,}.")
        with archive.open(entry) as file:
            content = file.read(most + 1)
    except StriateError:
        raise
    except KeyError:
        raise kind(f"{where}: there is no such file in the zip file.") from None
    except NOT_WHOLE as error:
        raise kind(f"{where}: cannot be unpacked: {inner(error)}.") from None
    if len(content) > most:
        raise kind(f"{where}: unpacks to more than the limit of {most:,} bytes.")
    return content


def zip_bytes(files: Mapping[str, bytes | str]) -> bytes:
    """A zip file in memory, packed in no way.

    files   the content of each by its name; texts become UTF-8
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return content.getvalue()


@contextmanager
def maybe_gzipped(
    path: str | os.PathLike[str], most: int = budgets.FILE, kind: type[StriateError] = DataError
) -> Iterator[IO[bytes]]:
    """A file to read bytes from, unpacked where it is a gzip, which its first bytes tell and not its name.

    path   of the file
    most   bytes that it may unpack to
    kind   the class of the error

    A gzip is unpacked twice: its sum stands at its end.  Raises `kind` as ``opened`` does, for a gzip that is cut off or
    damaged, and for one that unpacks to more than `most` bytes.
    """
    name = os.fspath(path)
    with opened(path, most, kind) as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not zipped:
            yield file
            return
        try:
            unpacked, part = _Unpacked(file, name, most, kind), bytearray(_STEP)
            while unpacked.readinto(part):  # the sum at its end, before anything is made of what stands before it
                pass
            file.seek(0)
            yield io.BufferedReader(_Unpacked(file, name, most, kind))  # type: ignore[type-var]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise kind(f"{name}: the gzip is cut off or damaged ({inner(error)}). Fetch the file again.") from None


class _Unpacked(io.RawIOBase):
    """What a gzip unpacks to, up to a number of bytes."""

    def __init__(self, file: BinaryIO, name: str, most: int, kind: type[StriateError]) -> None:
        self._file, self._name, self._left, self._most, self._kind = gzip.GzipFile(fileobj=file), name, most, most, kind

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise self._kind(f"{self._name}: unpacks to more than the limit of {self._most:,} bytes.")
        return count


def unpack(path: str | Path, target: str | Path, most: int = budgets.ARCHIVE) -> Path:
    """The files of a .zip or .tar archive (also .gz, .bz2 or .xz) in a new folder, which stands whole or not at all.

    path     of the archive
    target   the folder; one that is there is replaced
    most     bytes that all files may have

    What would land outside the folder, links out of it and devices are refused.  Raises DataError for what is no archive,
    a damaged one, or too large a one.
    """
    path = Path(path)
    with made_aside(target, DataError) as aside:
        if is_zip(path):
            with opened_zip(path, str(path)) as archive:
                _unzip(archive, path, aside, most)
        else:
            try:
                with opened(path) as file, tarfile.open(fileobj=file) as packed:
                    _untar(packed, path, aside, most)
            except StriateError:
                raise
            except (tarfile.TarError, *NOT_WHOLE) as error:
                raise DataError(f"{path}: no archive that can be unpacked ({inner(error)}). Fetch it again.") from None
    return Path(target)


def _unzip(archive: zipfile.ZipFile, path: Path, aside: Path, most: int) -> None:
    promised = sum(entry.file_size for entry in archive.filelist)
    if promised > most:
        raise DataError(f"{path}: unpacks to {promised:,} bytes, the limit is {most:,}.")
    left = most
    for entry in archive.filelist:
        place = Path(archive.extract(entry, aside)) if entry.is_dir() else None  # drops .. and leading slashes itself
        if place is not None:
            continue
        with archive.open(entry) as file:
            parts = [part for part in entry.filename.replace("\\", "/").split("/") if part not in ("", ".", "..")]
            if not parts:
                continue
            place = aside.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            with open(place, "wb") as out:
                while piece := file.read(_STEP):
                    left -= len(piece)
                    if left < 0:
                        raise DataError(f"{path}: unpacks to more than the limit of {most:,} bytes.")
                    out.write(piece)


def _untar(packed: tarfile.TarFile, path: Path, aside: Path, most: int) -> None:
    left = most
    for count, member in enumerate(packed, 1):
        left -= max(member.size, 0)
        if left < 0:
            raise DataError(f"{path}: unpacks to more than the limit of {most:,} bytes.")
        if count > budgets.ENTRIES:
            raise DataError(f"{path}: holds more than {plural(budgets.ENTRIES, 'file')}.")
        packed.extract(member, aside, filter="data")
