"""Keras' HDF5 files: the legacy layout (layer_names, weight_names), .weights.h5, and the latter inside .keras."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.doors.arrays import hdf5_bytes, hdf5_texts, opened_hdf5
from striate.doors.packed import is_zip, opened_zip, read_member
from striate.doors.writing import atomic_write
from striate.errors import BundleError
from striate.weights.contents import FileLayer, WeightsFile

if TYPE_CHECKING:
    import h5py
    import torch

# An array that takes this much less room in the file than in memory is no array of weights.
_MOST_SQUEEZED = 100
_LARGE = 64 << 20
_MOST_UNPACKED = 4  # bytes for each of a file, in all; Keras packs nothing
_MOST_IN_ALL = 256 << 20  # bytes that the arrays of a small file may have
_DEEPEST = 16  # networks nested in networks

# The group of an optimizer's state.  In legacy files Keras 3 calls it optimizer_weights, and builds the optimizer of a file
# that has these for no weights at all: such a file, be it its own, cannot be trained on there.  Of one with a group of
# another name it begins anew.
OPTIMIZER = "striate_optimizer"
_NESTED = ("layers", "_layer_checkpoint_dependencies")  # the second as Keras 2.12 wrote it


def read_keras_zip(file: Path) -> WeightsFile:
    """The weights of a whole model, ``model.save("….keras")``.  Raises BundleError."""
    checkpoint = read_h5(_inside(file), str(file))
    checkpoint.format = "Keras .keras"
    return checkpoint


def _inside(file: Path) -> io.BytesIO:
    """The HDF5 file in a .keras file."""
    with opened_zip(file, str(file), BundleError) as archive:
        entry = archive.NameToInfo.get("model.weights.h5")
        most = max(_MOST_UNPACKED * entry.compress_size, _LARGE) if entry is not None else 0
        where = f"{file}/model.weights.h5"
        return io.BytesIO(read_member(archive, entry or "model.weights.h5", where, most, BundleError))


class _Bytes:
    """How many bytes the arrays of a file may still have in all: by links and names, one can stand in it many times."""

    def __init__(self, source: Path | io.BytesIO) -> None:
        size = len(source.getvalue()) if isinstance(source, io.BytesIO) else source.stat().st_size
        self.left = max(_MOST_UNPACKED * size, _MOST_IN_ALL)

    def take(self, count: int, where: str) -> None:
        self.left -= count
        if self.left < 0:
            raise BundleError(f"{where} says that its arrays are far larger than the file is; refused.")


def read_attributes(file: Path, names: Sequence[str]) -> dict[str, str]:
    """Texts that an HDF5 file has as attributes.  Raises BundleError for a file that is not whole.

    file    the path
    names   of those that are wanted; those that are not there are left out
    """
    with opened_hdf5(file, str(file)) as held:
        texts = {name: hdf5_texts(held, name, str(file)) for name in names}
        return {name: "".join(parts) for name, parts in texts.items() if parts is not None}


def read_variables(file: Path, group: str) -> list[Any]:
    """The arrays of a group of a model's file in order, such as its optimizer's; [] where there is no such group.

    file    a .keras or .h5 file
    group   such as "optimizer/vars"
    """
    where, source = str(file), _inside(file) if is_zip(file) else file
    left = _Bytes(source)
    with opened_hdf5(source, where) as there:
        if group not in there:
            return []
        held = _member(there, group, where)
        names = _texts(held, "weight_names", where) or sorted(held, key=_natural)
        return [_tensor(_member(held, name, where), where, left) for name in names]


def read_h5(source: Path | io.BytesIO, where: str) -> WeightsFile:
    """Either layout.  Raises BundleError for a truncated file, links out of the file, absurd shapes."""
    left = _Bytes(source)
    with opened_hdf5(source, where) as file:
        root: Any = file
        legacy = _texts(file, "layer_names", where) is not None
        if not legacy and "model_weights" in file and "layers" not in file:
            root, legacy = _member(file, "model_weights", where), True
        if legacy:
            return _read_legacy(root, where, left)
        if not any(name in file for name in (*_NESTED, "vars")):
            held = ", ".join(list(file)[:5]) or "nothing"
            raise BundleError(f"{where} is an HDF5 file, but not of Keras' weights: it holds {held}.")
        return _read_numbered(file, where, left)


# -- legacy -----------------------------------------------------------------------------------------------------------
def _read_legacy(root: h5py.Group, where: str, left: _Bytes) -> WeightsFile:
    """``layer_names`` lists the layers in order, each a group whose ``weight_names`` lists its arrays in order."""
    checkpoint = WeightsFile(where, "Keras legacy .h5", "keras")
    listed = _texts(root, "layer_names", where)
    if listed is None:
        raise BundleError(f"{where} is an HDF5 file without layer_names: no weights of Keras.")
    for layer in listed:
        group = _member(root, layer, where)
        names = _texts(group, "weight_names", where) or []
        prefixes = {_split(name)[0] for name in names if "seed_generator" not in name}
        inside: dict[str, FileLayer] = {}
        for name in names:
            array = _member(group, name, where)
            prefix, slot = _split(name)
            if "seed_generator" in name or not _is_float(array):
                checkpoint.skipped.append(f"{layer}/{slot}")
                continue
            path = layer
            if len(prefixes) > 1 or prefix.startswith(f"{layer}/"):  # a network: the arrays' names have its layers'
                path = "/".join([layer, *prefix.removeprefix(f"{layer}/").split("/")])
            file_layer = inside.setdefault(path, FileLayer(path, None))
            key = slot if slot not in file_layer.arrays else str(len(file_layer.arrays))
            file_layer.arrays[key] = _tensor(array, where, left)
        checkpoint.layers += inside.values()
    return checkpoint


def _split(name: str) -> tuple[str, str]:
    """Of conv1/kernel:0, ("conv1", "kernel")."""
    prefix, _, slot = name.rpartition("/")
    return prefix, re.sub(r":\d+$", "", slot)


def _texts(group: h5py.Group, key: str, where: str) -> list[str] | None:
    """A list of names in an attribute, which Keras cuts into key0, key1 … when it is over 64 KB."""
    names = hdf5_texts(group, key, where)
    if names is None:
        if f"{key}0" not in group.attrs:
            return None
        names, piece = [], 0
        while (more := hdf5_texts(group, f"{key}{piece}", where)) is not None:
            names += more
            piece += 1
    if len(set(names)) < len(names):
        raise BundleError(f"{where}: {key} has a name twice; refused.")
    return names


# -- .weights.h5 ------------------------------------------------------------------------------------------------------
def _read_numbered(file: h5py.File, where: str, left: _Bytes) -> WeightsFile:
    """``layers/<class>_<n>/vars/<i>``; the attribute "name" of ``vars`` is the layer's, in files since Keras 3.4."""
    checkpoint = WeightsFile(where, "Keras .weights.h5", "keras")
    for path, group, arrays in _walk(file, "", "", where, set()):
        named = all(part for part in path.split("/"))
        layer = FileLayer(path if named else None, group)
        for name, array in arrays.items():
            if _is_float(array):
                layer.arrays[name] = _tensor(array, where, left)
            else:
                checkpoint.skipped.append(f"{group}/{name}")
        if layer.arrays:
            checkpoint.layers.append(layer)
    return checkpoint


def _walk(
    parent: h5py.Group, path: str, group: str, where: str, seen: set[int]
) -> Iterator[tuple[str, str, dict[str, h5py.Dataset]]]:
    """(names, groups, arrays) of every layer below a network's group, nested networks opened.

    seen   the places in the file of the groups met so far: a damaged one may lead back to itself, without end
    """
    import h5py

    if group.count("/") > _DEEPEST:
        raise BundleError(f"{where}: networks nested more than {_DEEPEST} deep; refused.")
    for key in _NESTED:
        if key not in parent:
            continue
        inside = _member(parent, key, where)
        for name in sorted(inside, key=_natural):
            layer = _member(inside, name, where)
            if not hasattr(layer, "keys"):
                raise BundleError(f"{where}: {key}/{name} is no group, so this is not Keras' layout.")
            place = h5py.h5o.get_info(layer.id).addr
            if place in seen:
                raise BundleError(f"{where}: {key}/{name} is a group that stands elsewhere too; refused.")
            seen.add(place)
            variables: Any = _member(layer, "vars", where) if "vars" in layer else {}
            told = "".join(hdf5_texts(variables, "name", where) or ()) if "vars" in layer else ""
            here = f"{path}/{told}" if group else told
            below = f"{group}/{name}" if group else name
            numbers = sorted(variables, key=_natural)
            yield here, below, {number: _member(variables, number, where) for number in numbers}
            yield from _walk(layer, here, below, where, seen)


def _natural(name: str) -> tuple[str, int]:
    """conv2d, conv2d_1, …, conv2d_10 in this order; so are 0, 1, … 10."""
    stem, number = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]
    return stem, int(number[:9] or 0) if number else -1


# -- arrays -----------------------------------------------------------------------------------------------------------
def _member(group: h5py.Group, name: str, where: str) -> Any:
    """What a group holds under a name, if it is in this file."""
    import h5py

    at = group
    for part in name.split("/"):
        if not isinstance(at, h5py.Group) or at.get(part, getlink=True) is None:
            raise BundleError(f"{where}: {group.name.rstrip('/')}/{name} is missing; the file is not whole.")
        if not isinstance(at.get(part, getlink=True), h5py.HardLink):
            raise BundleError(f"{where}: {at.name.rstrip('/')}/{part} is a link to another place; refused.")
        at = at[part]
    if isinstance(at, h5py.Dataset) and (at.external is not None or at.is_virtual):
        raise BundleError(f"{where}: {at.name} keeps its numbers in another file; refused.")
    return at


def _is_float(array: h5py.Dataset) -> bool:
    return getattr(getattr(array, "dtype", None), "kind", "") == "f"


def _tensor(array: h5py.Dataset, where: str, left: _Bytes) -> torch.Tensor:
    import numpy as np
    import torch

    if getattr(array, "dtype", np.dtype(object)).kind not in "fiub":
        raise BundleError(f"{where}: {array.name} is no array of numbers; refused.")
    held, wanted = array.id.get_storage_size(), array.nbytes
    squeezed = array.compression is not None and (wanted < _LARGE or wanted <= _MOST_SQUEEZED * held)
    if held < wanted and not squeezed:
        raise BundleError(
            f"{where}: {array.name} says it has shape {array.shape}, {wanted} bytes, but only {held} are there; refused."
        )
    left.take(wanted, where)
    values = array[()]
    return torch.from_numpy(np.asarray(values, values.dtype.newbyteorder("=")))  # this array is nobody else's


# -- writing ----------------------------------------------------------------------------------------------------------
def write_legacy(path: str | os.PathLike[str], layers: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
    """Write {layer: {"kernel" or, in a nested network, "inner/conv2d/kernel": array}} in the legacy layout.

    Raises BundleError when it cannot be written, leaving what was there.
    """

    atomic_write(path, hdf5_bytes(lambda file: put_legacy(file, layers)))


def put_legacy(file: h5py.Group, layers: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
    """Write the same into an open file or a group of it.

    file     or a group
    layers   arrays by layer and name
    """
    file.attrs["backend"], file.attrs["keras_version"] = "torch", "3"
    _put(file, "layer_names", list(layers))
    for layer, arrays in layers.items():
        group = file.create_group(layer)
        put_listed(
            group,
            {
                name if name.startswith(f"{layer}/") else f"{layer}/{name}": array.detach().cpu().contiguous().numpy()
                for name, array in arrays.items()
            },
        )


def put_listed(group: h5py.Group, arrays: Mapping[str, Any]) -> None:
    """Write arrays and, as an attribute, the list of their names.

    group    of an open file
    arrays   by name
    """
    _put(group, "weight_names", list(arrays))
    for name, array in arrays.items():
        group.create_dataset(name, data=array)


def _put(group: h5py.Group, key: str, names: list[str]) -> None:
    """A list of names as an attribute, cut into key0, key1 … as Keras does: HDF5 takes 64 KB at most."""
    import numpy as np

    texts = [name.encode() for name in names]
    widest = max(map(len, texts), default=1)
    most = max(1, 60000 // widest)
    parts = [np.array(texts[i : i + most], dtype=f"S{widest}") for i in range(0, max(len(texts), 1), most)]
    for i, part in enumerate(parts):
        group.attrs[f"{key}{i}" if len(parts) > 1 else key] = part
