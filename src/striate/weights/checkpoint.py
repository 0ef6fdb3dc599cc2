"""A file of weights from anywhere, read into names and arrays; what it is shows in its first bytes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from striate.errors import BundleError
from striate.weights.source import Source

if TYPE_CHECKING:
    import torch

Kind = Literal["keras", "torch"]


@dataclass
class FileLayer:
    """A layer in a file of Keras.

    path    its name, with the networks it is nested in: "inner/conv2d"; None where the file does not tell
    group   its class and number, with those of the networks it is nested in: "sequential/conv2d_1"; None if not told
    arrays  by name ("kernel") or number ("0"), in Keras' order
    """

    path: str | None
    group: str | None
    arrays: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.path or self.group or ""

    @property
    def normalises_pixels(self) -> bool:
        """Whether it is Keras' Normalization: a mean and a variance per channel (and a count), not learnt."""
        if self.group is not None:
            return self.group.rpartition("/")[2].rstrip("_0123456789") == "normalization"
        return {"mean", "variance"} <= set(self.arrays) <= {"mean", "variance", "count"}


@dataclass
class Checkpoint:
    """Names and arrays of a file of weights.

    path        the file
    format      in words: "Keras .weights.h5", "torch pickle", "safetensors" …
    kind        whose layout the arrays have: "keras" (kernels (kh, kw, in, out), by layer) or "torch" (by key)
    tensors     of a torch layout, by key, wrappers and common prefixes taken off
    layers      of a Keras layout, those that have arrays
    skipped     names of what is no weight: counters, optimizer state
    notes       what was done on reading
    own         the file says that striate wrote it
    """

    path: str
    format: str
    kind: Kind
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    layers: list[FileLayer] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own: bool = False

    def suits(self, source: Source) -> bool:
        """Whether files of that library are laid out like this one."""
        return (source.library == "keras") == (self.kind == "keras")

    def arrays(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Every array with its name in the file."""
        yield from self.tensors.items()
        for layer in self.layers:
            for name, array in layer.arrays.items():
                yield f"{layer.label}/{name}", array


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a file of weights: Keras' .h5, .weights.h5 and .keras, torch's .pth and .th, safetensors; a saved model too.

    The kind is told by the content, not by the name.  Nothing in the file is executed.  Raises BundleError for a file
    that is missing, truncated, of another kind, or holds more than arrays.
    """
    from striate.weights.keras_files import read_h5, read_keras_zip
    from striate.weights.torch_files import read_pickle, read_safetensors, read_saved_model

    file = Path(path)
    if file.is_dir():
        return read_saved_model(file)
    if not file.is_file():
        raise BundleError(f"no weights file at {path}.")
    try:
        with file.open("rb") as opened:
            start = opened.read(16)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from None
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return read_h5(file, str(path))
    if start.startswith(b"PK\x03\x04"):
        names = _zip_names(file)
        if "model.weights.h5" in names:
            return read_keras_zip(file)
        if any(name.endswith("data.pkl") for name in names):
            return read_pickle(file)
        raise BundleError(f"{path} is a zip file, but of neither Keras nor torch: it holds {', '.join(names[:3])} …")
    if len(start) > 8 and start[8:9] == b"{":
        return read_safetensors(file)
    if start[:1] == b"\x80":
        return read_pickle(file)
    raise BundleError(
        f"{path} is no file of weights: it is neither HDF5 (Keras), nor a torch pickle, nor safetensors "
        f"({file.stat().st_size} bytes, starting with {start[:8]!r})."
    )


def _zip_names(file: Path) -> list[str]:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BundleError(f"{file} is a zip file that is not whole ({error}). Copy or download it again.") from None
