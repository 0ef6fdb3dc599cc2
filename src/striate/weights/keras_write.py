"""Arrays as Keras 3 numbers them, ``layers/<class>_<n>/vars/<i>``, and as HDF5 files of whole models hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from striate.graph import InputLayer, Layer, Network, keras_layers
from striate.graph.layer import snake_case
from striate.weights.keras_files import OPTIMIZER, put_legacy, put_listed

if TYPE_CHECKING:
    import h5py


def layers_in_order(network: Any) -> list[Layer]:
    """A network's layers in the order of Keras' ``model.layers``: of a Sequential without its input.

    network   a model
    """
    if network.kind == "Sequential":
        return [layer for layer in network.layers if not isinstance(layer, InputLayer)]
    return keras_layers(network.graph.check())


def put_numbered(file: h5py.File, network: Any, name: str) -> None:
    """Write the arrays of a network as ``.weights.h5`` holds them; a layer that stands in two places is written once.

    file      open for writing
    network   the model; name: its name
    """
    file.create_group("vars").attrs["name"] = name
    _put(file, network, "", set())


def _put(file: h5py.File, network: Any, start: str, seen: set[int]) -> None:
    counts: dict[str, int] = {}
    file.require_group(f"{start}layers")
    for layer in layers_in_order(network):
        stem = snake_case(type(layer).__name__ if not isinstance(layer, Network) else layer.kind)
        number = counts.get(stem, 0)
        counts[stem] = number + 1
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        place = f"{start}layers/{stem}_{number}" if number else f"{start}layers/{stem}"
        group = file.create_group(f"{place}/vars")
        group.attrs["name"] = layer.name or stem
        if isinstance(layer, Network):
            _put(file, layer, f"{place}/", seen)
            continue
        for i, one in enumerate(layer.weights):
            group.create_dataset(str(i), data=one.numpy())


def put_optimizer(file: h5py.File, name: str, arrays: Sequence[Any]) -> None:
    """Write the variables of an optimizer as Keras 3 numbers them.

    file     open for writing
    name     of the optimizer
    arrays   in Keras' order
    """
    group = file.create_group("optimizer/vars")
    group.attrs["name"] = name
    for i, array in enumerate(arrays):
        group.create_dataset(str(i), data=array)


def legacy_arrays(network: Any) -> dict[str, dict[str, Any]]:
    """The arrays of a network as legacy HDF5 files hold them: by layer, of a nested network trainable ones first.

    network   a model
    """
    arrays: dict[str, dict[str, Any]] = {}
    for layer in layers_in_order(network):
        ordered = [*layer.trainable_weights, *layer.non_trainable_weights]
        name = layer.name or snake_case(layer.kind)
        inside = isinstance(layer, Network)
        arrays[name] = {
            (f"{name}/{one.path}" if inside else f"{name}/{one.name}"): one.in_keras(one.value) for one in ordered
        }
    return arrays


def put_whole(file: h5py.File, network: Any, attributes: Mapping[str, str], optimizer: Mapping[str, Any]) -> None:
    """Write a legacy HDF5 file of a whole model.

    file         open for writing
    network      the model
    attributes   texts by name: ``model_config`` …
    optimizer    its arrays by name, in Keras' order
    """
    for key, text in attributes.items():
        file.attrs[key] = text
    put_legacy(file.create_group("model_weights"), legacy_arrays(network))
    if optimizer:
        put_listed(file.create_group(OPTIMIZER), optimizer)
