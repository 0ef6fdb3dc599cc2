"""What the end of a file's name says that is written there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from striate.errors import ArgumentError, BundleError

# Endings of files that a model is not written as, each with what to do instead.
_ELSEWHERE = {
    ".onnx": "model.export_onnx(path) writes ONNX",
    ".pt": "torch.save(model.module.state_dict(), path) writes what torch.load reads",
    ".pth": "torch.save(model.module.state_dict(), path) writes what torch.load reads",
    ".th": "torch.save(model.module.state_dict(), path) writes what torch.load reads",
    ".ckpt": "TensorFlow's checkpoints are not written",
    ".pb": "TensorFlow's SavedModel is not written",
    ".tf": "TensorFlow's SavedModel is not written",
    ".tflite": "model.export_onnx(path) writes ONNX, which has converters",
    ".json": "model.to_json() is the network as text",
    ".py": "model.to_source(path) writes the network as a PyTorch file",
    ".pkl": "pickles are never written, since reading one can run any code",
    ".pickle": "pickles are never written, since reading one can run any code",
    ".npz": "np.savez(path, *model.get_weights()) writes the arrays",
    ".zip": "a .keras file is a zip",
}


def kind_of_model(path: str | os.PathLike[str]) -> Literal["folder", "keras", "hdf5"]:
    """What ``model.save`` writes at a path.  Raises ArgumentError for an ending that stands for something else.

    path   where to save
    """
    name = Path(path).name
    if name.endswith((".weights.h5", ".safetensors")):
        raise ArgumentError(f"{path}: that is a file of weights alone; model.save_weights(path) writes it.")
    if name.endswith(".keras"):
        return "keras"
    if name.endswith((".h5", ".hdf5")):
        return "hdf5"
    _known(path, "a model is saved as a folder (a name without an ending), as .keras or as .h5")
    return "folder"


def kind_of_weights(path: str | os.PathLike[str]) -> Literal["safetensors", "numbered", "legacy"]:
    """What ``model.save_weights`` writes at a path.  Raises ArgumentError for an ending that stands for something else.

    path   of the file
    """
    name = Path(path).name
    if name.endswith(".weights.h5"):
        return "numbered"
    if name.endswith((".h5", ".hdf5")):
        return "legacy"
    if name.endswith(".keras"):
        raise ArgumentError(f"{path}: that is a whole model; model.save(path) writes it.")
    _known(path, "weights are saved as .weights.h5, .h5 or .safetensors")
    return "safetensors"


def _known(path: str | os.PathLike[str], instead: str) -> None:
    ending = Path(path).suffix.lower()
    if ending in _ELSEWHERE:
        raise ArgumentError(f"{path}: {instead}, not as {ending}; {_ELSEWHERE[ending]}.")
    if re.fullmatch(r"\.[a-z]{3,}|\.h5py", ending) and ending != ".safetensors" and not Path(path).exists():
        raise ArgumentError(f"{path}: {instead}, not as {ending}.")


def may_write(path: str | os.PathLike[str], overwrite: bool) -> None:
    """Raise BundleError where something stands at a path that must not be replaced.

    path        where to write
    overwrite   whether it may be replaced
    """
    if not overwrite and Path(path).exists():
        raise BundleError(f"{path} is there already. Choose another name, or say overwrite=True.")
