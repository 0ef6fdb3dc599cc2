"""Files from the web, by Keras' name for it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlparse

from striate.data import fetch
from striate.doors.packed import unpack
from striate.doors.places import cache_folder
from striate.doors.writing import remove
from striate.errors import ArgumentError, unknown

_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file from the web, which is downloaded once, and unpacked where it is an archive.

    fname            its name here; None: the one at the end of `origin`
    origin           where it comes from, a URL
    untar            as `extract`
    md5_hash         the MD5 that it must have
    file_hash        the SHA-256 (64 digits) or MD5 (32 digits) that it must have
    cache_subdir     the folder within the cache
    hash_algorithm   "auto", "sha256" or "md5"
    extract          unpack it; the path is that of the folder
    archive_format   taken as Keras has it: what an archive is, its name's ending and its bytes say
    cache_dir        the folder of the cache; None: striate's own, under STRIATE_CACHE or ~/.cache/striate
    force_download   fetch it again

    Raises ArgumentError without `origin` or for an unknown algorithm, DataError for a download that fails or another sum.
    """
    if not origin:
        raise ArgumentError("get_file needs origin=, the URL of the file.")
    if hash_algorithm not in ("auto", "sha256", "md5"):
        raise unknown("hash_algorithm", str(hash_algorithm), ("auto", "sha256", "md5"))
    name = fname or Path(urlparse(origin).path).name
    if not name:
        raise ArgumentError(f"get_file: {origin} names no file, so give fname=.")
    base = cache_folder("files") if cache_dir is None else Path(cache_dir).expanduser()
    folder = base / cache_subdir
    wanted = extract or untar
    ending = next((end for end in _ARCHIVES if origin.endswith(end) and not name.endswith(end)), "") if wanted else ""
    target = folder / f"{name}{ending}"
    if force_download:
        remove(target)
    checksum = None
    if md5_hash or file_hash:
        digits = str(file_hash or md5_hash)
        algorithm = hash_algorithm if hash_algorithm != "auto" else "sha256" if len(digits) == 64 else "md5"
        checksum = f"{algorithm}:{digits}"
    path = fetch(origin, target, checksum)
    if not wanted:
        return str(path)
    stem = next((name[: -len(end)] for end in _ARCHIVES if name.endswith(end)), name)
    place = folder / f"{stem}_extracted"
    if force_download:
        remove(place)
    if not place.is_dir():
        unpack(path, place)
    return str(place)
