"""The network of Keras' configuration: Functional and Sequential, of Keras 2 and Keras 3."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from striate import configs
from striate.doors import budgets
from striate.errors import ArgumentError, StriateError
from striate.graph.graph import Graph
from striate.graph.keras_operations import operation_of
from striate.graph.layer import Layer, snake_case
from striate.graph.nested import numbered, parts
from striate.graph.network import Network
from striate.graph.node import InputLayer, SymbolicTensor, call
from striate.graph.part import registered
from striate.wording import plural

_NETWORKS = ("Functional", "Model", "Sequential")


# -- out ----------------------------------------------------------------------------------------------------------------
def from_keras(
    entry: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None, kind: type[Any] | None = None
) -> Any:
    """The network of a configuration.

    entry            the class and its ``config``
    custom_objects   classes and functions of a user's own by name
    kind             the class to make a Functional of; None: Model

    Raises ArgumentError for what is no configuration of a network, and for layers that are not known, all of them named.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
        raise ArgumentError('a network\'s configuration is an object with a "class_name" and a "config".')
    reader = _Reader(custom_objects or {}, kind)
    try:
        strange = sorted(set(reader.strange(entry, 0)))
        if strange:
            raise ArgumentError(
                f"there are layers that striate does not know: {', '.join(strange)}. Give classes of your own with "
                f'custom_objects={{"{strange[0].partition(" of ")[0]}": …}}.'
            )
        made = reader.network(entry, 0)
    except RecursionError:
        raise ArgumentError("its networks are nested too deep.") from None
    if not getattr(made, "is_network", False):
        raise ArgumentError(f"a {entry['class_name']} alone is a layer and no network; put it into one.")
    return made


class _Reader:
    def __init__(self, own: Mapping[str, Any], kind: type[Any] | None) -> None:
        self.own, self.kind = own, kind
        self.shared: dict[Any, Layer] = {}

    def _class(self, entry: Mapping[str, Any]) -> Any:
        kind = entry["class_name"]
        known = configs.find(kind, entry.get("registered_name"), self.own, "layers", entry.get("module"))
        if known is None and kind in _NETWORKS:
            return registered("Functional" if kind == "Model" else kind)
        return known

    def strange(self, entry: Any, depth: int) -> Iterator[str]:
        """The classes of layers that are not known."""
        if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
            raise ArgumentError(f'a layer\'s entry is an object with a "class_name", not {str(entry)[:60]}.')
        if depth > budgets.DEEPEST:
            raise ArgumentError(f"networks nested more than {budgets.DEEPEST} deep; refused.")
        if entry["class_name"] in _NETWORKS:
            for inner in _layers(entry):
                yield from self.strange(inner, depth + 1)
        elif operation_of(entry) is None and (self._class(entry) is None or ".ops." in str(entry.get("module"))):
            module = str(entry.get("module") or "")
            yield entry["class_name"] + ("" if not module or module.startswith("keras") else f" of {module}")

    def network(self, entry: Mapping[str, Any], depth: int) -> Any:
        kind = entry["class_name"]
        if kind not in _NETWORKS:
            return self._layer(entry, depth)
        config = entry.get("config")
        name = config.get("name") if isinstance(config, Mapping) else None
        if kind == "Sequential":
            made = self._sequential(entry, config, depth)
        else:
            cls: Any = self.kind if depth == 0 and self.kind else registered("Functional")
            made = cls.from_graph(self._functional(config, depth))
        made.name = _name(name)
        made.auto_named = _automatic(made)
        if isinstance(config, Mapping) and config.get("trainable") is False:
            made.trainable = False
        return made

    def _sequential(self, entry: Mapping[str, Any], config: Any, depth: int) -> Any:
        made: Any = registered("Sequential")()
        shape = config.get("build_input_shape") if isinstance(config, Mapping) else None
        for one in _layers(entry):
            made.add(self._layer(one, depth))
        if not made.built and isinstance(shape, list) and len(shape) > 1:
            made.build(shape)
        return made

    def _functional(self, config: Any, depth: int) -> Graph:
        if not isinstance(config, Mapping):
            raise ArgumentError("a Functional's config is an object.")
        layers: dict[str, Layer] = {}
        waiting: list[tuple[str, list[Any]]] = []
        for one in _layers({"config": config}):
            layer = self._layer(one, depth)
            name = str(one.get("name") or layer.name)
            if name in layers:
                raise ArgumentError(f'two layers are named "{name}".')
            layers[name] = layer
            nodes = one.get("inbound_nodes") or []
            if not isinstance(nodes, list):
                raise ArgumentError(f'{layer.kind} "{name}": inbound_nodes is a list.')
            waiting.append((name, list(nodes)))
        made: dict[str, list[list[SymbolicTensor]]] = {name: [] for name in layers}
        for name, layer in layers.items():
            if isinstance(layer, InputLayer):
                made[name].append([call(layer, ())])
        while any(nodes for _, nodes in waiting):
            progress = False
            for name, nodes in waiting:
                while nodes and (places := _places(nodes[0], name)) is not None and _ready(places, made):
                    given = [made[where][number][output] for where, number, output in places]
                    result = self._called(layers[name], given, _mode(nodes.pop(0)))
                    made[name].append(result if isinstance(result, list) else [result])
                    progress = True
            if not progress:
                stuck = next(name for name, nodes in waiting if nodes)
                raise ArgumentError(
                    f'layer "{stuck}" takes what no layer before it gives; the configuration is not whole.'
                )
        ends = [_flat_places(config.get(key)) for key in ("input_layers", "output_layers")]
        for places in ends:
            if not places or not _ready(places, made):
                raise ArgumentError("its input_layers or output_layers name a tensor that is not there.")
        inputs, outputs = ([made[where][number][output] for where, number, output in places] for places in ends)
        graph = Graph(inputs, outputs)
        graph.nested = _template(config["input_layers"]), _template(config["output_layers"])
        return graph

    def _called(self, layer: Layer, given: list[SymbolicTensor], training: bool | None) -> Any:
        return layer(given if len(given) > 1 or layer.arity != 1 else given[0], training=training)

    # -- a layer -----------------------------------------------------------------------------------------------------
    def _layer(self, entry: Mapping[str, Any], depth: int) -> Any:
        number = entry.get("shared_object_id")
        if number is not None and number in self.shared:
            return self.shared[number]
        kind, config = entry["class_name"], entry.get("config")
        if kind in _NETWORKS:
            made = self.network(entry, depth + 1)
        elif not isinstance(config, Mapping):
            raise ArgumentError(f"{kind}: its config is an object, not {type(config).__name__}.")
        else:
            name = _name(config.get("name") or entry.get("name"))
            operation = operation_of(entry)
            try:
                made = (
                    self._made(self._class(entry), dict(config), name)
                    if operation is None
                    else cast(Any, registered("OpsLayer"))(**operation, name=name)
                )
            except StriateError as error:
                raise type(error)(f'{kind} "{name}": {error}') from None
            except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
                raise ArgumentError(f'{kind} "{name}" cannot be made of its configuration: {error}') from None
            if not isinstance(made, Layer):
                raise ArgumentError(f"{kind} is no layer.")
            if entry.get("trainable") is False:
                made.trainable = False
        if number is not None:
            self.shared[number] = made
        begins = entry.get("build_config")
        if isinstance(made, Network) and not made.built and isinstance(begins, Mapping):
            made.build(begins.get("input_shape"))
        return made

    def _made(self, cls: Any, config: dict[str, Any], name: str | None) -> Any:
        if cls is InputLayer:
            shape = config.get("batch_shape") or config.get("batch_input_shape") or [None, *(config.get("shape") or ())]
            dtype = config.get("dtype") or "float32"
            layer: Any = InputLayer(batch_shape=tuple(shape), dtype=_dtype(dtype) or "float32", name=name)
        elif not hasattr(cls, "from_config"):
            raise ArgumentError("is given by custom_objects as something without from_config().")
        elif getattr(cls, "__module__", "").startswith("striate."):
            given = settled(cls, config, name, self.own)
            with configs.CustomObjectScope(self.own):
                layer = cls.from_config(given)
        else:
            if not isinstance(config.get("dtype", ""), str):
                config["dtype"] = _dtype(config["dtype"])
            if "dtype" in config and not _takes_dtype(cls):
                del config["dtype"]
            with configs.CustomObjectScope(self.own):
                layer = cls.from_config(config)
        if layer.name is None:
            layer.name = name
        layer.auto_named = _automatic(layer)
        return layer


# Arguments that mean nothing at these values, which some version of Keras writes and no class here has.
_SAYS_NOTHING: dict[str, tuple[Any, ...]] = {"fused": (True,), "data_format": ("channels_last",)}
# Classes whose factor Keras writes as (-f, f) and takes as f.
_ONE_SIDED = ("RandomShear", "RandomSaturation")
# What arguments of a class were called in Keras 2.
_FORMERLY = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "ReLU": {"slope": "negative_slope"},
    "LayerNormalization": {"gamma": "scale"},
}


def settled(cls: type[Any], config: dict[str, Any], name: str | None, own: Mapping[str, Any]) -> dict[str, Any]:
    """Keras' arguments as a class of striate takes them: under today's names, without those that say nothing.

    cls      the class
    config   arguments by name
    name     of the layer
    own      classes and functions of a user's own by name
    """
    known = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set(config)
    given: dict[str, Any] = {}
    for key, value in config.items():
        key = _FORMERLY.get(cls.__name__, {}).get(key, key) if key not in known else key
        if key in ("dtype", "batch_input_shape", "batch_shape", "name") and key not in known - {"name"}:
            if key.startswith("batch") and value:
                given["input_shape"] = tuple(value[1:])
        elif key not in known and (value is None or value is False or value in _SAYS_NOTHING.get(key, ())):
            continue
        elif key == "axis" and isinstance(value, list) and len(value) == 1:
            given[key] = value[0]
        elif key.endswith("factor") and cls.__name__ in _ONE_SIDED and isinstance(value, list) and value[0] < 0:
            given[key] = value[1]
        elif key == "function":
            given[key] = _function_of(value, name, own)
        elif key != "dtype":
            given[key] = value
    return given | ({"name": name} if "name" in known else {})


def _function_of(value: Any, layer: str | None, own: Mapping[str, Any]) -> Any:
    """The function of a Lambda: by its name, or by the layer's; its code in a file is never looked at."""
    config = value.get("config") if isinstance(value, Mapping) else value
    names = [name for name in (config, layer) if isinstance(name, str)]
    known = {**configs.get_custom_objects(), **own}
    function = next((known[name] for name in names if name in known), None)
    if function is None:
        raise ArgumentError(
            f"its function is not in the file, since code of a file is never run. Give it: custom_objects={{"
            f'"{layer}": function}}.'
        )
    return function


def _takes_dtype(cls: type[Any]) -> bool:
    parameters = inspect.signature(cls).parameters.values()
    return any(p.name == "dtype" for p in parameters)


def _dtype(value: Any) -> str | None:
    """The type of numbers of Keras' policy: the name itself, or a configuration that holds it."""
    if isinstance(value, Mapping):
        config = value.get("config")
        value = config.get("name") if isinstance(config, Mapping) else None
    return value if isinstance(value, str) else None


def _name(value: Any) -> str | None:
    """A name of a layer of Keras as one here."""
    return re.sub(r"[^A-Za-z0-9_\-]", "_", value) if isinstance(value, str) and value else None


def _automatic(layer: Layer) -> bool:
    stem = re.escape(snake_case(layer.kind))
    return layer.name is None or bool(re.fullmatch(stem + r"(_\d+)?", layer.name))


def _layers(entry: Mapping[str, Any]) -> list[Any]:
    """The entries of a network's layers; those of a Sequential of Keras 1 are its config."""
    config = entry.get("config")
    layers = config.get("layers") if isinstance(config, Mapping) else config
    if not isinstance(layers, list):
        raise ArgumentError('a network\'s config has a list "layers".')
    return layers


Place = tuple[str, int, int]


def _place(value: Any) -> Place | None:
    if (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(isinstance(v, int) and v >= 0 for v in value[1:3])
    ):
        return value[0], value[1], value[2]
    return None


def _template(value: Any) -> Any:
    """How places are nested, the number of each where it stands; None for a list of them, or one alone."""
    plain = isinstance(value, list) and len(value) > 1 and all(_place(one) is not None for one in value)
    return None if plain or _place(value) is not None else numbered(value, lambda one: _place(one) is not None)


def _flat_places(value: Any) -> list[Place]:
    """The places in nested lists and dicts of them."""
    place = _place(value)
    if place is not None:
        return [place]
    return [place for _, part in parts(value) for place in _flat_places(part)]


def _mode(node: Any) -> bool | None:
    """The mode that a call keeps: Keras 3 has it among the call's arguments, Keras 2 beside the place of a tensor."""
    if isinstance(node, Mapping):
        said = node.get("kwargs")
    else:
        said = node[0][3] if node and isinstance(node[0], list) and len(node[0]) > 3 else None
    mode = said.get("training") if isinstance(said, Mapping) else None
    return mode if isinstance(mode, bool) else None


def _places(node: Any, name: str) -> list[Place]:
    """The places of the tensors that a call takes, of Keras 3 or of Keras 2."""
    if isinstance(node, Mapping):
        places = _tensors(node.get("args")) + _tensors(node.get("kwargs"))
    else:
        places = _flat_places(node)
    if not places:
        raise ArgumentError(f'a call of layer "{name}" takes no tensor.')
    return places


def _tensors(value: Any) -> list[Place]:
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            config = value.get("config")
            place = _place(config.get("keras_history")) if isinstance(config, Mapping) else None
            if place is None:
                raise ArgumentError("a tensor without a place (keras_history).")
            return [place]
        return [place for part in value.values() for place in _tensors(part)]
    return [place for part in value for place in _tensors(part)] if isinstance(value, list) else []


def _ready(places: list[Place], made: Mapping[str, list[list[SymbolicTensor]]]) -> bool:
    for name, number, output in places:
        if name not in made:
            raise ArgumentError(f'the configuration names a layer "{name}" that it does not have.')
        if number >= len(made[name]):
            return False
        if output >= len(made[name][number]):
            raise ArgumentError(
                f'layer "{name}" has {plural(len(made[name][number]), "output")}; output {output} is asked for.'
            )
    return True
