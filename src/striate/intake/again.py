"""Pictures decoded once more, from the files that a data set came from, as another model wants them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from striate.data import Preprocessing
from striate.data.pictures.cache import ABSENT, file_stamp
from striate.data.pictures.decode_all import decode_all
from striate.doors.packed import opened_zip, read_member
from striate.errors import DataError


def decode_again(paths: Sequence[str | Path], preprocessing: Preprocessing, name: str) -> np.ndarray | None:
    """uint8 (N, H, W, C) of the files, also those within a zip; None where one is not there any more.

    Raises DataError where one is there and can no longer be read.
    """
    names = [str(path) for path in paths]
    with ExitStack() as opened:
        archives: dict[str, zipfile.ZipFile] = {}
        inside = {
            each: place for each in names if not os.path.isfile(each) and (place := _zipped(each, archives, opened))
        }
        if any(each not in inside and not os.path.isfile(each) for each in names):
            return None

        def fetch(each: str) -> Path | bytes:
            if each not in inside:
                return Path(each)
            archive, member = inside[each]
            return read_member(archives[archive], member, each)

        def stamp(each: str) -> str:
            return ABSENT if each in inside else file_stamp(each)

        where = os.path.commonpath([os.path.dirname(os.path.abspath(each)) for each in names])
        x, _, skipped, _ = decode_all(names, fetch, preprocessing, where, stamp=stamp)
    if skipped:
        raise DataError(f"{name}: {len(skipped)} of its pictures can no longer be read, the first: {skipped[0].reason}")
    return x


def _zipped(path: str, archives: dict[str, zipfile.ZipFile], opened: ExitStack) -> tuple[str, str] | None:
    """(zip file, member) of a path into a zip file, as ``read_zip`` names pictures; the archive is opened once."""
    at = path.lower().find(".zip/")
    archive, member = path[: at + 4], path[at + 5 :]
    if at < 0:
        return None
    if archive not in archives:
        if not os.path.isfile(archive):
            return None
        archives[archive] = opened.enter_context(opened_zip(archive, archive))
    return (archive, member) if member in archives[archive].NameToInfo else None
