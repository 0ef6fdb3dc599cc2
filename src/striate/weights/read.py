"""A file of weights from anywhere, read into names and arrays; what it is shows in its first bytes."""

from __future__ import annotations

import os
from pathlib import Path

from striate.doors.packed import opened_zip
from striate.doors.reading import opened
from striate.errors import BundleError
from striate.weights.contents import WeightsFile
from striate.weights.keras_files import read_h5, read_keras_zip
from striate.weights.tensorflow_files import checkpoint_of, is_table, read_checkpoint
from striate.weights.torch_files import read_pickle, read_safetensors, read_saved_model
from striate.wording import inner


def are_there(path: str | os.PathLike[str]) -> bool:
    """Whether there is something at a path that weights may be read from; a checkpoint of TensorFlow is several files.

    path    a file, a folder, or what the names of a checkpoint's files have in common
    """
    return os.path.exists(path) or checkpoint_of(Path(path)) is not None


def read_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Read a file of weights: Keras' .h5, .weights.h5 and .keras, torch's .pth and .th, safetensors, TensorFlow's .ckpt; a
    saved model too.

    The kind is told by the content, not by the name.  Nothing in the file is executed.  Raises BundleError for a file
    that is missing, truncated, of another kind, or holds more than arrays.
    """
    file = Path(path)
    index = checkpoint_of(file)
    if index is not None:
        return read_checkpoint(index)
    if file.is_dir():
        return read_saved_model(file)
    if not os.path.isfile(file):
        raise BundleError(f"no weights file at {path}.")
    with opened(file, kind=BundleError) as there:
        start = there.read(16)
        size = os.fstat(there.fileno()).st_size
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return read_h5(file, str(path))
    if start.startswith(b"PK\x03\x04"):
        names = _zip_names(file)
        if "model.weights.h5" in names:
            return read_keras_zip(file)
        if any(name.endswith("data.pkl") for name in names):
            return read_pickle(file)
        raise BundleError(
            f"{path} is a zip file, but of neither Keras nor torch: it holds {inner(', '.join(names[:3]))} …"
        )
    if is_table(file):
        return read_checkpoint(file)
    if start.startswith(b"\x1f\x8b"):
        raise BundleError(f"{path} is a packed archive; unpack it (tar xf {file.name}) and give the file in it.")
    if len(start) > 8 and start[8:9] == b"{":
        return read_safetensors(file)
    if start[:1] == b"\x80":
        return read_pickle(file)
    raise BundleError(
        f"{path} is no file of weights: it is neither HDF5 (Keras), nor a torch pickle, nor safetensors, "
        "nor a checkpoint of TensorFlow "
        f"({size} bytes, starting with {start[:8]!r})."
    )


def _zip_names(file: Path) -> list[str]:
    with opened_zip(file, str(file), BundleError) as archive:
        return archive.namelist()
