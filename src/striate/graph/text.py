"""A graph as JSON and back.

    {"class": "Functional", "name": "tiny",
     "layers": [{"class": "Input", "name": "pixels", "shape": [32, 32, 3]},
                {"class": "Conv2D", "name": "conv2d", "filters": 8, "kernel_size": 3, "inputs": ["pixels"]},
                {"call": "conv2d#2", ...}],
     "inputs": ["pixels"], "outputs": ["conv2d"]}

Every entry is one call, in order.  ``inputs`` may be left out: then it is the entry before.  A second call of a layer is
``{"call": "conv2d", "inputs": [...]}`` and is referred to as ``conv2d#2``; output 1 of a model with several is
``name:1``.  ``nested`` is there where they are not a plain list: a dict or a deeper list, with the place of each.
``auxiliary`` holds loss weights of the outputs after the first, when these only help training.  A nested model is an entry
whose ``network`` holds its own ``layers``, ``inputs`` and ``outputs``; of a class of a user's own
it also has the arguments, as ``config``, and how its inputs are nested, as ``begins``.
"""

from __future__ import annotations

import re
from typing import Any

from striate.configs import find
from striate.data_format import fixed
from striate.described import plain
from striate.doors import budgets
from striate.doors.parsing import parse_json
from striate.errors import ArgumentError, StriateError, nearest, unknown
from striate.graph.graph import Fault, Graph
from striate.graph.layer import Layer, snake_case
from striate.graph.nested import flat
from striate.graph.network import Network
from striate.graph.node import InputLayer, SymbolicTensor, call
from striate.graph.part import registered
from striate.graph.remade import completed, parted
from striate.graph.sizes import Open

_NETWORKS = ("Functional", "Sequential", "Model")


def to_json(graph: Graph, *, kind: str = "Functional", name: str | None = None) -> dict[str, Any]:
    """A JSON-ready description of `graph`; ``from_json`` gives the same graph back.

    kind   what the description says it is: ``Functional``, ``Sequential`` or ``Model``
    name   of the network

    Raises ArgumentError for a layer that a description cannot hold.
    """
    reference = {
        (node.serial, tensor.index): graph.label(node) + (f":{tensor.index}" if tensor.index else "")
        for node in graph.nodes
        for tensor in node.outputs
    }
    entries = []
    for i, node in enumerate(graph.nodes):
        inputs = [reference[t.node.serial, t.index] for t in node.inputs]
        if graph.first_call(node):
            entry = _layer_entry(node.layer, graph.name(node.layer))
        else:
            entry = {"call": graph.name(node.layer)}
        chained = i > 0 and len(node.inputs) == 1 and node.inputs[0] is graph.nodes[i - 1].outputs[0]
        if inputs and not chained:
            entry["inputs"] = inputs
        if node.training is not None:
            entry["call_training"] = node.training
        entries.append(entry)
    description = {
        "class": kind,
        "name": name or snake_case(kind),
        "layers": entries,
        "inputs": [reference[t.node.serial, t.index] for t in graph.inputs],
        "outputs": [reference[t.node.serial, t.index] for t in graph.outputs],
    }
    if graph.nested != (None, None):
        description["nested"] = list(graph.nested)
    return description | ({"auxiliary": list(graph.auxiliary)} if graph.auxiliary else {})


def _is_json(value: Any) -> bool:
    """Whether a description can hold it."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | int | float | bool)


def _sizes(layer: InputLayer) -> list[int | None]:
    """An input's shape; a size that is left open is None."""
    return [None if isinstance(size, Open) else size for size in layer.input_shape or ()]


def _layer_entry(layer: Layer, name: str) -> dict[str, Any]:
    if isinstance(layer, Network):
        inside = to_json(layer.graph)
        network = {key: inside[key] for key in ("layers", "inputs", "outputs", "nested") if key in inside}
        return {"class": layer.kind, "name": name, **layer.own_class(), "network": network}
    if isinstance(layer, InputLayer):
        entry: dict[str, Any] = {"class": "Input", "name": name, "shape": _sizes(layer)}
        entry |= {} if layer.dtype == "float32" else {"dtype": layer.dtype}
        return entry | ({} if layer.batch_size is None else {"batch_size": layer.batch_size})
    own = type(layer)
    known = layer.classes.get(own.__name__)
    if known is None or (known.__module__, known.__qualname__) != (own.__module__, own.__qualname__):
        raise ArgumentError(
            f'"{name}" is of a class {own.__name__} that is not the one known by that name, so it could not be read back. '
            "Give the class a name of its own."
        )
    config = {}
    for key, value in layer.config().items():
        if key not in ("name", "input_shape"):
            config[key] = plain(value)
            if not _is_json(config[key]):
                raise ArgumentError(
                    f'{layer.kind} "{name}": {key} is {value!r}, which a description cannot hold. Fields are numbers, '
                    "texts, tuples of them, activations and initializers."
                )
    return {"class": own.__name__, "name": name} | config


def _rich(value: Any) -> Any:
    """The inverse of ``plain``: lists as tuples, ``{"class": …}`` as the object it describes."""
    if isinstance(value, list):
        return tuple(_rich(v) for v in value)
    if isinstance(value, dict) and isinstance(value.get("class"), str):
        if issubclass(registered(value["class"]), Network):
            raise ArgumentError(f'a "{value["class"]}" cannot be an argument of a layer.')
        return registered(value["class"])(**{key: _rich(v) for key, v in value.items() if key != "class"})
    return value


def from_json(description: dict[str, Any] | str, depth: int = 0) -> Graph:
    """The graph of a description.

    description   a dict, or JSON text; the head of this module shows one
    depth         how many networks it is nested in

    A description that breaks off at a layer gives the graph up to there, with the reason in ``graph.fault``.
    Raises ArgumentError when it is not a description at all.
    """
    if isinstance(description, str):
        description = parse_json(description, "the network's description", ArgumentError)
    if isinstance(description, dict) and "class_name" in description:
        from striate.graph.keras_reading import from_keras

        return from_keras(description).graph  # type: ignore[no-any-return]
    if not isinstance(description, dict) or not isinstance(description.get("layers"), list):
        raise ArgumentError('a network description is an object with a list "layers".')
    if not description["layers"]:
        raise ArgumentError('the description has no layers; "layers" is an empty list.')
    if depth > budgets.DEEPEST:
        raise ArgumentError(f"networks are nested more than {budgets.DEEPEST} deep.")
    return _GraphReader(description, depth).graph()


def _mode(entry: dict[str, Any]) -> bool | None:
    """The mode that a call keeps."""
    said = entry.get("call_training")
    if said is not None and not isinstance(said, bool):
        raise ArgumentError(f'"call_training" is true or false, not {said!r}.')
    return said


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def _only(entry: dict[str, Any], *known: str) -> None:
    for key in entry:
        if key not in known:
            raise ArgumentError(f'its entry has no "{key}".{nearest(key, known)} It takes {", ".join(known)}.')


def _remade(kind: Any, fields: dict[str, Any], name: str) -> Any:
    """A layer of its class and arguments; one of a user's own may take no name.  Raises ArgumentError."""
    if getattr(kind.__init__, "of_fields", False):
        with fixed():  # a description leaves out what is usual, whatever the setting is now
            return kind(**fields, name=name)
    try:
        if not kind.__module__.startswith("striate."):
            return _by_its_class(kind, {**fields, "name": name})
        try:
            return kind(**fields, name=name)
        except TypeError:
            layer = kind(**fields)
            layer.name = name
            return layer
    except StriateError:
        raise
    except Exception as error:
        raise ArgumentError(f"{kind.__name__} cannot be made from {fields}: {type(error).__name__}: {error}") from error


def _by_its_class(kind: Any, config: dict[str, Any]) -> Any:
    """What ``from_config`` of a user's own class makes; it may hand all on to a constructor that takes no name."""
    given, _ = parted(kind, config)
    try:
        made = kind.from_config(config)
    except TypeError:
        if given == config:
            raise
        made = kind.from_config(given)
    return made if made.name is not None else completed(made, config)


def revived(entry: dict[str, Any], graph: Graph, name: str | None) -> Any:
    """The network of an entry: of a class of a user's own where it is known, else of striate's.

    entry   its class, and of one of a user's own what ``Network.own_class`` says
    graph   what it computes
    name    of the layer that it is

    Raises ArgumentError where the class cannot be made of its arguments.
    """
    kind = entry.get("class", "Functional")
    found = None if kind in _NETWORKS or "config" not in entry else find(kind, entry.get("registered"), None, "layers")
    if isinstance(found, type) and issubclass(found, Network):
        made: Any = _remade(found, dict(entry["config"]), name or snake_case(kind))
        made.begin(entry.get("begins"), graph.input_shapes)
        return made
    known: Any = registered("Sequential" if kind == "Sequential" else "Functional")
    return known.from_graph(graph, name)


class _GraphReader:
    def __init__(self, description: dict[str, Any], depth: int) -> None:
        self.description, self.depth = description, depth
        self.layers: dict[str, Layer] = {}
        self.numbers: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.tensors: dict[str, SymbolicTensor] = {}
        self.starts: list[SymbolicTensor] = []
        self.last: SymbolicTensor | None = None
        self.used: set[int] = set()

    def graph(self) -> Graph:
        for i, entry in enumerate(self.description["layers"]):
            try:
                self._entry(i, entry)
            except StriateError as error:
                return self._broken(i, entry, error)
        assert self.last is not None
        inputs = self._found(self.description.get("inputs")) or self.starts
        outputs = self._found(self.description.get("outputs")) or [self.last]
        auxiliary = self.description.get("auxiliary", [])
        if not isinstance(auxiliary, list) or not all(isinstance(weight, int | float) for weight in auxiliary):
            raise ArgumentError(f'"auxiliary" is a list of loss weights, not {auxiliary!r}.')
        graph = Graph(inputs, outputs, auxiliary=auxiliary)
        nested = self.description.get("nested", [None, None])
        ends = ((nested[i], len(one)) for i, one in enumerate((inputs, outputs))) if _is_pair(nested) else ()
        if not _is_pair(nested) or any(part is not None and flat(part) != list(range(count)) for part, count in ends):
            raise ArgumentError(
                '"nested" holds how the inputs and how the outputs are nested, a number for each of them.'
            )
        graph.nested = nested[0], nested[1]
        return graph

    def _broken(self, i: int, entry: Any, error: StriateError) -> Graph:
        if not self.starts:
            raise type(error)(f"layer {i} of the description: {error}")
        kind, name = f"entry {i}", f"entry {i}"
        if isinstance(entry, dict):
            called = self.layers.get(str(entry.get("call")))
            kind = str(entry.get("class") or (called.kind if called is not None else "call"))
            name = str(entry.get("name") or entry.get("call") or self._free_name(kind))[: budgets.NAME]
            kind = kind[: budgets.NAME]
        text = str(error)
        if f'"{name}": ' not in text:
            error = type(error)(f'{kind} "{name}": {text}')
        dangling = [t for t in self.tensors.values() if id(t) not in self.used]
        return Graph(self.starts, dangling, fault=Fault(name, kind, error))

    def _free_name(self, kind: str) -> str:
        stem = snake_case(kind)
        number = self.numbers.get(stem, 0)  # those below are taken
        while (f"{stem}_{number}" if number else stem) in self.layers:
            number += 1
        self.numbers[stem] = number
        return f"{stem}_{number}" if number else stem

    def _entry(self, i: int, entry: Any) -> None:
        if not isinstance(entry, dict) or not isinstance(entry.get("call", entry.get("class")), str):
            raise ArgumentError('an entry is an object with a "class" (or a "call" of a layer above).')
        if "call" in entry:
            name = entry["call"]
            if name not in self.layers:
                raise unknown("layer to call again", name, self.layers)
            layer = self.layers[name]
            _only(entry, "call", "inputs", "call_training")
            if isinstance(layer, InputLayer):
                raise ArgumentError("an input cannot be called again.")
        else:
            layer = self._layer(entry)
            assert layer.name is not None
            name = layer.name
            if name in self.layers:
                raise ArgumentError(f'two layers are named "{name}". Give each its own name.')
        if isinstance(layer, InputLayer):
            result = call(layer, ())
            self.starts.append(result)
        else:
            inputs = self._inputs(layer, entry)
            result = call(layer, inputs, _mode(entry))
            self.used |= {id(tensor) for tensor in inputs}
        self.layers[name] = layer
        self.counts[name] = self.counts.get(name, 0) + 1
        label = name if self.counts[name] == 1 else f"{name}#{self.counts[name]}"
        for k, tensor in enumerate(result if isinstance(result, list) else [result]):
            self.tensors[f"{label}:{k}" if k else label] = tensor
        self.last = result[0] if isinstance(result, list) else result

    def _inputs(self, layer: Layer, entry: dict[str, Any]) -> list[SymbolicTensor]:
        references = entry.get("inputs")
        if references is None:
            if self.last is None:
                if layer.is_network or layer.input_shape is None:
                    raise ArgumentError('has no input: start with {"class": "Input", "shape": [...]} or input_shape.')
                source = InputLayer(input_shape=layer.input_shape, dtype=getattr(layer, "input_dtype", "float32"))
                self.last = call(source, ())
                assert self.last is not None
                self.starts.append(self.last)
                self.tensors["input"] = self.last
            return [self.last]
        return self._found(references)

    def _found(self, references: Any) -> list[SymbolicTensor]:
        """The tensors of a list of references (or of one)."""
        if references is None:
            return []
        listed = [references] if isinstance(references, str) else references
        if not isinstance(listed, list) or not all(isinstance(reference, str) for reference in listed):
            raise ArgumentError(f'"inputs" and "outputs" are lists of names of layers, not {references!r}.')
        for reference in listed:
            if reference not in self.tensors:
                raise unknown("input", reference, self.tensors)
        return [self.tensors[reference] for reference in listed]

    def _nested(self, entry: dict[str, Any]) -> Graph:
        _only(entry, "class", "name", "network", "inputs", "config", "registered", "begins", "call_training")
        network = entry.get("network")
        if not isinstance(network, dict):
            raise ArgumentError('a nested model has a "network": an object with a list "layers".')
        return from_json(network, self.depth + 1).check()

    def _layer(self, entry: dict[str, Any]) -> Layer:
        kind = entry["class"]
        name = entry.get("name") or self._free_name("InputLayer" if kind == "Input" else kind)
        if not isinstance(name, str):
            raise ArgumentError(f'"name" is a text, not {name!r}.')
        if kind == "Input":
            _only(entry, "class", "name", "shape", "dtype", "batch_size")
            layer: Any = InputLayer(
                input_shape=_rich(entry.get("shape")),
                dtype=entry.get("dtype", "float32"),
                batch_size=entry.get("batch_size"),
                name=name,
            )
        elif kind in _NETWORKS or "network" in entry:
            layer = revived(entry, self._nested(entry), name)
        else:
            fields = {
                key: _rich(value)
                for key, value in entry.items()
                if key not in ("class", "inputs", "name", "call_training")
            }
            layer = _remade(registered(kind), fields, name)
        if not isinstance(layer, Layer):
            raise ArgumentError(f'"{kind}" is not a layer.')
        layer.auto_named = bool(re.fullmatch(re.escape(snake_case(layer.kind)) + r"(_\d+)?", name))
        return layer
