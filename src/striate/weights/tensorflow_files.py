"""TensorFlow's checkpoints, read without TensorFlow: NAME.ckpt of its first years, and NAME.index with NAME.data-….

Both are sorted tables.  In the first (V1) a table holds the numbers themselves, in messages SavedTensorSlices
(tensorflow/core/util/saved_tensor_slice.proto); in the second (V2) it says where they lie in the data files,
in messages BundleEntryProto (core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.doors.arrays import mapped
from striate.doors.reading import opened
from striate.errors import BundleError
from striate.weights.contents import FileLayer, WeightsFile
from striate.weights.crc32c import masked_crc32c
from striate.weights.sorted_table import FOOTER, MAGIC, TableError, entries, varint
from striate.wording import inner, plural

if TYPE_CHECKING:
    import torch

# Numbers of types in core/framework/types.proto.
_FLOAT, _DOUBLE, _STRING, _BFLOAT16, _HALF = 1, 2, 7, 14, 19
_FLOATS = {_FLOAT: "<f4", _DOUBLE: "<f8", _HALF: "<f2", _BFLOAT16: "<u2"}
_WHOLE = {3, 4, 5, 6, 9, 10, 17, 22, 23}  # counters, yes and no
_MOST_AXES = 16
_MOST_ARRAYS = 100_000
# How slim names a layer's arrays.
_SLIM = {
    "weights": "kernel",
    "biases": "bias",
    "depthwise_weights": "depthwise_kernel",
    "pointwise_weights": "pointwise_kernel",
}
_AVERAGED = "/ExponentialMovingAverage"
_OPTIMIZERS = re.compile(r"/(Momentum|RMSProp|Adam|Adagrad|Adadelta|Ftrl)(_\d+)?$")
_OBJECTS = "/.ATTRIBUTES/VARIABLE_VALUE"  # after each name, where tf.keras wrote the file
_NO_LAYER = re.compile(r"^(optimizer|save_counter|keras_api)(/|$)|/\.OPTIMIZER_SLOT/")


def checkpoint_of(path: Path) -> Path | None:
    """The index of the checkpoint that a path means: NAME, NAME.index, NAME.data-00000-of-00001, or its folder,
    or that of a SavedModel.

    path    as the user gives it; None where there is no such index
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file():  # TensorFlow's SavedModel
            path = path / "variables"
        found = sorted(path.glob("*.index"))
        return found[0] if len(found) == 1 and not (path / "model.json").exists() else None
    stem = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", path.name)
    if stem == path.name and path.exists():
        return None
    index = path.with_name(f"{stem}.index")
    return index if index.is_file() else None


def is_table(file: Path) -> bool:
    """Whether a file ends as a sorted table does.

    file    the path
    """
    with opened(file, kind=BundleError) as there:
        there.seek(0, 2)
        if there.tell() < FOOTER:
            return False
        there.seek(-len(MAGIC), 2)
        return there.read() == MAGIC


def read_checkpoint(file: Path) -> WeightsFile:
    """A checkpoint: the one file, or the index beside its data files.

    file    the path

    Raises BundleError for one that is damaged, cut short, or asks for more than is there.
    """
    try:
        with mapped(file) as data:
            if not len(data):
                raise TableError("it is empty")
            table = entries(data)
            key, value = next(table, (b"", b""))
            first = next(_fields(value), None)
            if key or first is None:
                raise TableError("it begins with no description")
            if first[1] == 0:  # the header of an index begins with a number, the list of a V1 file with a message
                arrays, skipped = _indexed(file, value, table)
                said = "TensorFlow checkpoint"
            else:
                arrays, skipped = _contained(value, table)
                said = "TensorFlow checkpoint, V1"
            return by_layer(str(file), said, arrays, skipped)
    except TableError as error:
        raise BundleError(
            f"{file} is not a whole TensorFlow checkpoint: {inner(str(error))}. Copy or download it again."
        ) from None


# -- messages ---------------------------------------------------------------------------------------------------------
def _fields(data: Any) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of a message's fields: a number, or the bytes of a text, message or packed list."""
    place = 0
    while place < len(data):
        tag, place = varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = varint(data, place)
        elif kind in (1, 2, 5):
            size, place = (8, place) if kind == 1 else (4, place) if kind == 5 else varint(data, place)
            if place + size > len(data):
                raise TableError("a message runs over the end")
            value = data[place : place + size]
            place += size
        else:
            raise TableError("a message is none")
        yield tag >> 3, kind, value


def _field(data: Any, number: int, default: Any = 0) -> Any:
    found = default
    for field, kind, value in _fields(data):
        if field == number:
            if (kind == 0) != isinstance(default, int):
                raise TableError("a message is none")
            found = value
    return found


def _text(data: Any) -> str:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        raise TableError("a name is no text") from None


def _shape(data: Any) -> tuple[int, ...]:
    """Of a TensorShapeProto."""
    sizes = tuple(_field(value, 1) for number, kind, value in _fields(data) if number == 2 and kind == 2)
    if len(sizes) > _MOST_AXES or any(size >= 1 << 40 for size in sizes):
        raise TableError(f"a shape is absurd, {sizes[:4]}")
    return sizes


def _tensor(values: np.ndarray, kind: int, shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    copied = torch.from_numpy(np.array(values.reshape(shape), order="C"))
    return copied.view(torch.bfloat16) if kind == _BFLOAT16 else copied


# -- V2 ---------------------------------------------------------------------------------------------------------------
def _indexed(index: Path, header: Any, table: Iterator[tuple[bytes, Any]]) -> tuple[dict[str, torch.Tensor], list[str]]:
    shards = _field(header, 1)
    if _field(header, 2):
        raise TableError("its numbers lie with the high byte first, as no computer of today keeps them")
    if not 0 < shards <= 10_000:
        raise TableError(f"it has {shards} data files")
    arrays: dict[str, torch.Tensor] = {}
    skipped: list[str] = []
    shards_read: dict[int, memoryview] = {}
    read: dict[int, int] = defaultdict(int)
    for key, value in table:
        if key.startswith(b"\0") or any(number == 7 for number, _, _ in _fields(value)):
            raise BundleError(f"{index} holds arrays in pieces, as a partitioner makes them; save them whole.")
        name, kind = _text(key), _field(value, 1)
        if kind in _WHOLE or kind == _STRING:
            skipped.append(name)
            continue
        if kind not in _FLOATS:
            raise TableError(f"{name} has numbers of an unknown type, {kind}")
        shape, shard, start, size = _shape(_field(value, 2, b"")), *(_field(value, n) for n in (3, 4, 5))
        if shard >= shards:
            raise TableError(f"{name} is in data file {shard} of {shards}")
        if shard not in shards_read:
            shards_read[shard] = _shard(index, shard, shards)
        data = shards_read[shard]
        read[shard] += size
        if size != math.prod(shape) * np.dtype(_FLOATS[kind]).itemsize or read[shard] > len(data):
            raise TableError(f"{name} says it has shape {shape} and {size:,} bytes, which cannot be")
        if start + size > len(data):
            raise TableError(f"{name} lies beyond the end of its data file")
        there = data[start : start + size]
        if masked_crc32c(there) != int.from_bytes(_field(value, 6, b""), "little"):
            raise TableError(f"the checksum of {name} differs")
        arrays[name] = _tensor(np.frombuffer(there, _FLOATS[kind]), kind, shape)
        if len(arrays) > _MOST_ARRAYS:
            raise TableError("it has too many arrays")
    return arrays, skipped


def _shard(index: Path, shard: int, shards: int) -> memoryview:
    file = index.with_name(f"{index.name.removesuffix('.index')}.data-{shard:05d}-of-{shards:05d}")
    if not file.is_file():
        raise BundleError(
            f"{index}: the numbers are in {file.name}, which is not beside it. Copy all files of that name."
        )
    if file.stat().st_size == 0:
        return memoryview(b"")
    with mapped(file) as data:
        return data


# -- V1 ---------------------------------------------------------------------------------------------------------------
def _contained(listed: Any, table: Iterator[tuple[bytes, Any]]) -> tuple[dict[str, torch.Tensor], list[str]]:
    kinds: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    skipped: list[str] = []
    for number, wire, value in _fields(_field(listed, 1, b"")):
        if number != 1 or wire != 2:
            continue
        name, kind = _text(_field(value, 1, b"")), _field(value, 3) % 100  # of a reference: 100 more
        if kind in _WHOLE or kind == _STRING:
            skipped.append(name)
        elif kind not in (_FLOAT, _DOUBLE):
            raise TableError(f"{name} has numbers of an unknown type, {kind}")
        else:
            kinds[name], shapes[name] = kind, _shape(_field(value, 2, b""))
        if len(kinds) > _MOST_ARRAYS:
            raise TableError("it has too many arrays")
    pieces: dict[str, list[tuple[tuple[slice, ...], np.ndarray]]] = defaultdict(list)
    for _, message in table:
        piece = _field(message, 2, b"")
        name = _text(_field(piece, 1, b""))
        if name in shapes:
            values = _values(_field(piece, 3, b""), kinds[name], name)
            pieces[name].append((_slices(_field(piece, 2, b""), shapes[name], name), values))
    return {name: _joined(name, kinds[name], shape, pieces[name]) for name, shape in shapes.items()}, skipped


def _values(message: Any, kind: int, name: str) -> np.ndarray:
    """The numbers of a TensorProto: as bytes, or in a list of their type."""
    wanted = {4, 5 if kind == _FLOAT else 6}
    found = [
        np.frombuffer(value, np.uint8) for number, wire, value in _fields(message) if number in wanted and wire != 0
    ]
    joined = found[0] if len(found) == 1 else np.concatenate([np.zeros(0, np.uint8), *found])
    if len(joined) % np.dtype(_FLOATS[kind]).itemsize:
        raise TableError(f"the numbers of {name} are not whole")
    return joined.view(_FLOATS[kind])


def _slices(message: Any, shape: tuple[int, ...], name: str) -> tuple[slice, ...]:
    """Which part of an array a piece is: from where, how many, along each axis; nothing for the whole axis."""
    extents = [value for number, wire, value in _fields(message) if number == 1 and wire == 2]
    if len(extents) != len(shape):
        raise TableError(f"a piece of {name} has another number of axes")
    found = []
    for extent, size in zip(extents, shape, strict=True):
        start, length = _field(extent, 1), size - _field(extent, 1)
        for number, kind, value in _fields(extent):
            if number == 2 and kind == 0:
                length = value
        if not 0 <= start <= start + length <= size:
            raise TableError(f"a piece of {name} lies beyond its end")
        found.append(slice(start, start + length))
    return tuple(found)


def _joined(
    name: str, kind: int, shape: tuple[int, ...], pieces: list[tuple[tuple[slice, ...], np.ndarray]]
) -> torch.Tensor:
    held = sum(len(values) for _, values in pieces)
    if held != math.prod(shape):
        raise TableError(f"{name} says it has shape {shape}, but {plural(held, 'number')} of it are there")
    if len(pieces) == 1 and all(part == slice(0, size) for part, size in zip(pieces[0][0], shape, strict=True)):
        return _tensor(pieces[0][1], kind, shape)
    whole, filled = np.zeros(shape, _FLOATS[kind]), np.zeros(shape, bool)
    for part, values in pieces:
        sizes = tuple(one.stop - one.start for one in part)
        if math.prod(sizes) != len(values) or filled[part].any():
            raise TableError(f"the pieces of {name} do not make it whole")
        whole[part], filled[part] = values.reshape(sizes), True
    return _tensor(whole, kind, shape)


# -- names ------------------------------------------------------------------------------------------------------------
def by_layer(where: str, said: str, arrays: dict[str, torch.Tensor], skipped: list[str]) -> WeightsFile:
    """The arrays by layer, as Keras has them: slim's names turned, what is no weight left out.

    where     the file
    said      what it is
    arrays    by name
    skipped   names of what is no weight

    Raises BundleError where nothing is left.
    """
    objects = any(name.endswith(_OBJECTS) for name in arrays)
    checkpoint = WeightsFile(where, said, "keras" if objects else "slim", skipped=skipped)
    averaged = [name for name in arrays if name.endswith(_AVERAGED)]
    if averaged:
        arrays = arrays | {name.removesuffix(_AVERAGED): arrays[name] for name in averaged}
        checkpoint.notes.append(f"{plural(len(averaged), 'array')} as averaged over training")
    layers: dict[str, FileLayer] = {}
    for name, array in arrays.items():
        plain = name.removesuffix(_OBJECTS)
        path, _, slot = plain.rpartition("/")
        if name in averaged or _OPTIMIZERS.search(name) or _NO_LAYER.search(name) or array.ndim == 0 or not path:
            skipped.append(name)
            continue
        layers.setdefault(path, FileLayer(path, None)).arrays[_SLIM.get(slot, slot)] = array
    if not layers:
        held = ", ".join([*arrays, *skipped][:3]) or "nothing"
        raise BundleError(f"{where} holds no arrays of layers; it holds {held}.")
    order = sorted(layers, key=_natural) if objects else list(layers)
    checkpoint.layers = [layers[path] for path in order]
    return checkpoint


def _natural(name: str) -> list[tuple[str, int]]:
    """layer_2 before layer_10."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d{0,9})", name)]
