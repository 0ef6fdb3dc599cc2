"""Whole models of Keras: ``.keras`` (a zip of config.json, metadata.json and model.weights.h5) and legacy ``.h5``.

What is in such a file is read as data: configurations, and arrays whose sizes are compared with the file's before they are
read.  What Keras does not hold, such as the preprocessing and the names of the classes, stands beside it under "striate".
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.doors.arrays import hdf5_bytes
from striate.doors.packed import opened_zip, read_member, zip_bytes
from striate.doors.parsing import parse_json
from striate.doors.reading import opened
from striate.doors.writing import atomic_write
from striate.errors import BundleError
from striate.version import __version__
from striate.weights.contents import WeightsFile
from striate.weights.keras_files import OPTIMIZER, put_listed, read_attributes, read_h5, read_keras_zip, read_variables
from striate.wording import inner

if TYPE_CHECKING:
    import h5py

_LARGEST_TEXT = 64 << 20  # bytes of JSON; that of NASNet has 2 MB
_KERAS = "3.15.1"  # whose layout is written


@dataclass
class KerasModel:
    """What a file of a whole model holds.

    network     the configuration, with its class
    weights     the arrays by layer
    compiled    Keras' compile state, or None
    optimizer   the arrays of the optimizer, in Keras' order
    beside      what striate wrote beside it
    own         the optimizer's state in striate's own form, where Keras' arrays cannot say it: (numbers and texts, tensors)
    """

    network: dict[str, Any]
    weights: WeightsFile
    compiled: dict[str, Any] | None = None
    optimizer: list[Any] = field(default_factory=list)
    beside: dict[str, Any] = field(default_factory=dict)
    own: tuple[dict[str, Any], dict[str, Any]] | None = None


# -- in -----------------------------------------------------------------------------------------------------------------
def read_keras_model(path: str | os.PathLike[str]) -> KerasModel:
    """Read a whole model of Keras.  Raises BundleError for a file that is none, or damaged.

    path    of the file
    """
    file = Path(path)
    with opened(file, kind=BundleError) as there:
        start = there.read(8)
    if start.startswith(b"PK"):
        return _read_zip(file)
    if start == b"\x89HDF\r\n\x1a\n":
        return _read_hdf5(file)
    raise BundleError(
        f"{path} is no saved model: a folder that model.save(folder) wrote, a .keras file or a .h5 file of Keras is wanted."
    )


def _read_zip(file: Path) -> KerasModel:
    with opened_zip(file, str(file), BundleError) as archive:
        names = archive.namelist()
        if "config.json" not in names:
            held = ", ".join(names[:3]) or "nothing"
            raise BundleError(f"{file} is a zip file, but no .keras file: it holds {inner(held)}.")
        texts = {
            name: read_member(archive, name, f"{file}/{name}", _LARGEST_TEXT, BundleError)
            for name in ("config.json", "metadata.json")
            if name in names
        }
    config = _json(texts["config.json"], file, "config.json")
    metadata = _json(texts.get("metadata.json", b"{}"), file, "metadata.json")
    if "model.weights.h5" not in names:
        raise BundleError(f"{file} has no model.weights.h5, so it has no weights.")
    compiled = config.get("compile_config")
    beside = metadata.get("striate")
    return KerasModel(
        network=config,
        weights=read_keras_zip(file),
        compiled=compiled if isinstance(compiled, dict) else None,
        optimizer=read_variables(file, "optimizer/vars"),
        beside=beside if isinstance(beside, dict) else {},
        own=_own(file, beside),
    )


def _json(text: str | bytes, file: Path, name: str) -> dict[str, Any]:
    held = parse_json(text, f"{file}: {name}", BundleError)
    if not isinstance(held, dict):
        raise BundleError(f"{file}: {name} is damaged: it holds no object.")
    return held


def _read_hdf5(file: Path) -> KerasModel:
    texts = read_attributes(file, ("model_config", "training_config", "striate"))
    if "model_config" not in texts:
        raise BundleError(
            f"{file} holds weights and no network. Make the network, then model.load_weights({str(file)!r})."
        )
    training = _json(texts["training_config"], file, "training_config") if "training_config" in texts else None
    beside = _json(texts["striate"], file, "striate") if "striate" in texts else {}
    own = _own(file, beside)
    return KerasModel(
        network=_json(texts["model_config"], file, "model_config"),
        weights=read_h5(file, str(file)),
        compiled=training,
        optimizer=[] if own else read_variables(file, OPTIMIZER) or read_variables(file, "optimizer_weights"),
        beside=beside,
        own=own,
    )


def _own(file: Path, beside: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The optimizer's state that stands beside Keras'.  Raises BundleError for one that is not whole."""
    state = beside.get(OPTIMIZER) if isinstance(beside, dict) else None
    if not isinstance(state, dict):
        return None
    names, arrays = state.get("tensors"), read_variables(file, OPTIMIZER)
    if not isinstance(names, list) or len(names) != len(arrays) or not all(isinstance(name, str) for name in names):
        raise BundleError(f"{file}: the state of its optimizer is damaged: not every tensor is there.")
    return state, dict(zip(names, arrays, strict=True))


# -- out ----------------------------------------------------------------------------------------------------------------
def write_keras_model(
    path: str | os.PathLike[str],
    network: Any,
    name: str,
    config: dict[str, Any],
    compiled: Mapping[str, Any] | None,
    optimizer: Sequence[Any],
    beside: Mapping[str, Any],
    own: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> None:
    """Write a whole model: a ``.keras`` file, or a legacy one where `path` ends in .h5 or .hdf5.  Raises BundleError.

    path        of the file
    network     the model; name: its name
    config      its configuration, with its class
    compiled    Keras' compile state, or None
    optimizer   the arrays of the optimizer, in Keras' order
    beside      what Keras does not hold, JSON-ready
    own         the optimizer's state that its arrays cannot say, (numbers and texts, tensors), or None
    """
    from striate.weights.keras_write import put_numbered, put_optimizer, put_whole

    of_optimizer = "optimizer" if compiled is None else str(compiled["optimizer"]["config"].get("name") or "optimizer")
    tensors = {} if own is None else {name: _array(tensor) for name, tensor in own[1].items()}
    if own is not None:
        beside = {**beside, OPTIMIZER: {**own[0], "tensors": list(tensors)}}
    if str(path).endswith((".h5", ".hdf5")):
        training = None
        if compiled is not None:
            training = {key: value for key, value in compiled.items() if key != "optimizer"}
            training["optimizer_config"] = compiled["optimizer"]
        texts = {
            "keras_version": _KERAS,
            "backend": "torch",
            "model_config": json.dumps({"class_name": config["class_name"], "config": config["config"]}),
            "striate": json.dumps(beside),
        } | ({} if training is None else {"training_config": json.dumps(training)})
        named = tensors or {f"{of_optimizer}/variable_{i}": array for i, array in enumerate(optimizer)}
        atomic_write(path, hdf5_bytes(lambda file: put_whole(file, network, texts, named)))
        return

    def fill(file: h5py.File) -> None:
        put_numbered(file, network, name)
        if optimizer:
            put_optimizer(file, of_optimizer, optimizer)
        if tensors:
            put_listed(file.create_group(OPTIMIZER), tensors)

    described = config | ({} if compiled is None else {"compile_config": dict(compiled)})
    metadata = {
        "keras_version": _KERAS,
        "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S"),
        "saved_by": f"striate {__version__}",
        "striate": dict(beside),
    }
    files: dict[str, bytes | str] = {
        "metadata.json": json.dumps(metadata),
        "config.json": json.dumps(described),
        "model.weights.h5": hdf5_bytes(fill),
    }
    atomic_write(path, zip_bytes(files))


def _array(tensor: Any) -> Any:
    """A tensor as HDF5 takes it, which has no bfloat16."""
    held = tensor.detach().cpu().contiguous()
    return (held.float() if str(held.dtype) == "torch.bfloat16" else held).numpy()


def write_keras_weights(path: str | os.PathLike[str], network: Any, name: str) -> None:
    """Write arrays alone: numbered where `path` ends in .weights.h5, else in the legacy layout.  Raises BundleError.

    path      of the file
    network   the model; name: its name
    """
    from striate.weights.keras_files import put_legacy
    from striate.weights.keras_write import legacy_arrays, put_numbered

    def fill(file: h5py.File) -> None:
        if str(path).endswith(".weights.h5"):
            put_numbered(file, network, name)
        else:
            put_legacy(file, legacy_arrays(network))

    atomic_write(path, hdf5_bytes(fill))
