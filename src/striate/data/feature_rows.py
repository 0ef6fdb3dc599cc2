"""Features on disk, a row for each picture.

A row is found by what it was computed from and by nothing else: the file by the base's weights, its graph and the
preprocessing, the row by a hash of the picture's bytes.  So no row can be stale: a photo that is written anew, other
weights or another preprocessing ask for rows that are not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.pictures.preprocess import Preprocessing
from striate.doors import budgets
from striate.doors.arrays import read_npz, write_npz
from striate.doors.locks import waited
from striate.doors.places import cache_folder
from striate.errors import BundleError, note

FORMAT = 1  # of the files; another number also when pictures are decoded or computed otherwise


class FeatureRows:
    """The rows of one base on disk, read when it is made.

    name    of the base, for the file's name
    told    what all its rows depend on (``identity``)
    cache   True: in STRIATE_CACHE, else ~/.cache/striate, under features/; a folder; or False
    """

    def __init__(self, name: str, told: str, cache: bool | str | os.PathLike[str]) -> None:
        self.rows: dict[bytes, np.ndarray] = {}
        self.file: Path | None = None
        if cache is False:
            return
        folder = cache_folder("features") if cache is True else Path(cache)
        self.file = folder / f"{name}-{told}.npz"
        self.rows = _rows(self.file)

    def add(self, fresh: dict[bytes, np.ndarray]) -> None:
        """Write the file anew with these rows too.  A folder that cannot be written only makes the next run slower."""
        if self.file is None or not fresh:
            return
        with contextlib.suppress(BundleError, OSError), waited(self.file.with_suffix(".lock")):
            every = _rows(self.file) | self.rows | fresh  # another process may have written meanwhile
            keys = np.frombuffer(b"".join(every), np.uint8).reshape(len(every), -1)
            write_npz(self.file, {"keys": keys, "rows": np.stack(list(every.values()))})


def _rows(file: Path) -> dict[bytes, np.ndarray]:
    """The rows in a file by their keys; none where it is not there or damaged."""
    if not file.exists():
        return {}
    try:
        saved = read_npz(file, budgets.ARCHIVE, BundleError)  # the zip file's own checksums tell what is damaged
        keys, rows = saved["keys"], saved["rows"]
        if keys.ndim != 2 or keys.dtype != np.uint8 or rows.dtype.kind not in "fiu" or len(keys) != len(rows):
            raise ValueError
    except (KeyError, ValueError):
        note(f"{file}: the features kept there are damaged, so they are computed again.")
        return {}
    return {key.tobytes(): row for key, row in zip(keys, rows, strict=True)}


def identity(model: Any, preprocessing: Preprocessing, also: bytes | None = None) -> str:
    """A hash of what all rows of a file depend on: graph, weights, preprocessing, and who decodes.

    model           whose features these are
    preprocessing   what is done to a picture before the network sees it
    also            what they depend on besides
    """
    import PIL

    told = {
        "format": FORMAT,
        "graph": _untrained(model.description()),
        "preprocessing": preprocessing.to_dict(),
        "pillow": PIL.__version__,
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    digest.update(also or b"")
    for name, tensor in model._state().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _untrained(description: Any) -> Any:
    """A description without what is frozen in it: that changes no answer."""
    if isinstance(description, dict):
        return {key: _untrained(value) for key, value in description.items() if key != "trainable"}
    return [_untrained(value) for value in description] if isinstance(description, list) else description
