"""Objects as Keras' configurations, and classes and functions of a user's own by their names.

    {"module": "keras.layers", "class_name": "Dense", "config": {"units": 10, …}, "registered_name": None}

Nothing in a configuration is executed: a class or a function is looked up by its name, among those of striate, those
registered with ``register_keras_serializable`` and those given as ``custom_objects``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from striate.errors import ArgumentError, unknown
from striate.guard import guard
from striate.wording import inner as inner_words

T = TypeVar("T")

#: The classes of striate by Keras' room for them and their name: ("layers", "Dense").
KNOWN: dict[tuple[str, str], type[Any]] = {}
ROOMS = ("initializers", "regularizers", "constraints", "schedules", "optimizers", "losses", "metrics", "layers")
_custom: dict[str, Any] = {}
_names: dict[Any, str] = {}
_DEEPEST = 100


# -- a user's own -------------------------------------------------------------------------------------------------------
def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """A decorator that makes a class or a function known to files under ``package>name``.

    package   of the name
    name      in the package; None: that of the class or function

    Raises ArgumentError for a class without ``get_config``, as Keras does.
    """

    def register(thing: T) -> T:
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ArgumentError(f"{thing.__name__} cannot be registered: it has no get_config().")
        registered = f"{package}>{name or getattr(thing, '__name__', type(thing).__name__)}"
        _custom[registered], _names[thing] = thing, registered
        return thing

    return register


def get_custom_objects() -> dict[str, Any]:
    """The classes and functions that files may name, by name.  It may be changed."""
    return _custom


def get_registered_name(obj: Any) -> Any:
    """The name that a class or function was registered under, or its own.

    obj   a class or function
    """
    return _names.get(obj, getattr(obj, "__name__", obj))


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function of a name; None where there is none.

    name             as registered
    custom_objects   further ones by name, looked at after the registered ones
    module_objects   and others, looked at last
    """
    for known in (_custom, custom_objects or {}, module_objects or {}):
        if name in known:
            return known[name]
    return None


def custom_object(*names: str | None) -> Any:
    """What a user registered or gave under one of these names; None where there is none.

    names   in the order in which they are looked up
    """
    return next((_custom[name] for name in names if name is not None and name in _custom), None)


class CustomObjectScope:
    """``with custom_object_scope({"Mine": Mine}):`` files may name these while it lasts.

    custom_objects   classes and functions by name
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> Self:
        self._before = dict(_custom)
        _custom.update(self.custom_objects)
        return self

    def __exit__(self, *error: object) -> None:
        _custom.clear()
        _custom.update(self._before)


custom_object_scope = CustomObjectScope


# -- out ----------------------------------------------------------------------------------------------------------------
def serialize(value: Any, compact: bool = False) -> Any:
    """A value as Keras' configurations hold it, JSON-ready; ``deserialize`` gives an equal one back.

    value     numbers, texts, lists and dicts of them, arrays, and whatever has a ``get_config``; a function goes by name
    compact   of what striate describes, only arguments that differ from their defaults

    Raises ArgumentError for what has no configuration.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ArgumentError(f"{value} cannot be saved: a file holds finite numbers.")
        return value
    if isinstance(value, list | tuple):
        return [serialize(part, compact) for part in value]
    if isinstance(value, Mapping):
        return {str(key): serialize(part, compact) for key, part in value.items()}
    if isinstance(value, bytes):
        return {"class_name": "__bytes__", "config": {"value": value.decode("utf-8", "replace")}}
    if isinstance(value, slice):
        parts = {part: serialize(getattr(value, part)) for part in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if hasattr(value, "tolist"):
        plain = value.tolist()
        if not isinstance(plain, list):
            return plain
        return {"class_name": "__numpy__", "config": {"value": plain, "dtype": str(value.dtype).rpartition(".")[2]}}
    if inspect.isclass(value) or inspect.isroutine(value):
        return by_name(value)
    if hasattr(value, "get_config"):
        short = compact and hasattr(value, "config") and type(value).__module__.startswith("striate.")
        return described(value, serialize(value.config() if short else value.get_config(), compact))
    raise ArgumentError(f"{type(value).__name__} has no get_config(), so a file cannot say what {value!r} is.")


def described(thing: Any, config: Any) -> dict[str, Any]:
    """The configuration of an object with its class beside it.

    thing    the object
    config   its configuration, JSON-ready
    """
    cls = type(thing)
    name, room = cls.__name__, getattr(cls, "keras_room", None)
    if KNOWN.get((str(room), name)) is cls and cls.__module__.startswith("striate."):
        module = "keras.optimizers.schedules" if room == "schedules" else f"keras.{room}"
        return {"module": module, "class_name": name, "config": config, "registered_name": None}
    registered = get_registered_name(cls)
    return {"module": cls.__module__, "class_name": name, "config": config, "registered_name": registered}


def by_name(function: Any) -> dict[str, Any]:
    """How a configuration names a function or a class; its code stays where it is.

    function   or class
    """
    name = get_registered_name(function)
    module = getattr(function, "__module__", None) or "builtins"
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


# -- in -----------------------------------------------------------------------------------------------------------------
def room_of(module: Any, hint: str = "") -> str:
    """Keras' room of a module, such as "layers" of ``keras.src.layers.core.dense``.

    module   as a configuration names it
    hint     the room, where the module says none
    """
    parts = str(module or "").split(".")
    return next((room for room in ROOMS if room in parts), hint)


def find(
    class_name: str, registered_name: Any, custom_objects: Mapping[str, Any] | None, room: str, module: Any = None
) -> Any:
    """The class or function that a configuration names; None where it is not known.

    class_name        its name
    registered_name   the name that it was registered under, or None
    custom_objects    classes and functions by name
    room              Keras' room for it, such as "layers"
    module            as the configuration names it; a class that is no part of Keras is not looked for in its rooms first
    """
    own = {**_custom, **(custom_objects or {})}
    for name in (registered_name, class_name):
        if isinstance(name, str) and name in own:
            return own[name]
    short = class_name.rpartition(">")[2]
    return own.get(short) or KNOWN.get((room_of(module, room), short)) or KNOWN.get((room, short))


def deserialize(
    config: Any, custom_objects: Mapping[str, Any] | None = None, room: str = "layers", depth: int = 0
) -> Any:
    """The value of a configuration.

    config           what ``serialize`` gives
    custom_objects   classes and functions of a user's own by name
    room             Keras' room of the outermost object, such as "layers", where the configuration does not say it
    depth            how deep in another configuration this one stands

    Raises ArgumentError for a class that is not known, code in the configuration, and what is no configuration.
    """
    if depth > _DEEPEST:
        raise ArgumentError(f"a configuration nested more than {_DEEPEST} deep; refused.")
    if isinstance(config, list | tuple):
        return [deserialize(part, custom_objects, room, depth + 1) for part in config]
    if not isinstance(config, Mapping):
        return config
    kind = config.get("class_name")
    if not isinstance(kind, str) or "config" not in config:
        return {
            key: deserialize(part, custom_objects, _room_of_key(key, room), depth + 1) for key, part in config.items()
        }
    inner = config["config"]
    if kind.startswith("__"):
        return _special(kind, inner)
    if kind == "function":
        return _function(inner, config, custom_objects)
    made: Any = find(kind, config.get("registered_name"), custom_objects, room, config.get("module"))
    if made is None:
        raise not_known(kind, config.get("module"), room_of(config.get("module"), room))
    if not isinstance(made, type):
        return made
    if not isinstance(inner, Mapping | None):
        raise ArgumentError(f"{kind}: its config is an object, not {type(inner).__name__}.")
    if not hasattr(made, "from_config"):
        raise ArgumentError(f"{kind} has no from_config(), so it cannot be made from a file.")
    with CustomObjectScope(custom_objects):
        return made.from_config(dict(inner or {}))  # type: ignore[attr-defined]


def arguments(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The arguments of a class of striate: objects for configurations, tuples for lists.

    config           arguments by name
    custom_objects   classes and functions of a user's own by name

    Raises ArgumentError for a class that is not known.
    """
    return {
        key: _tuples(deserialize(part, custom_objects, _room_of_key(key, "layers"), 1)) for key, part in config.items()
    }


def not_known(kind: str, module: Any, room: str) -> ArgumentError:
    """The error for a class that is not known.

    kind     its name
    module   as the file names it
    room     Keras' room for it
    """
    names = [name for place, name in KNOWN if place == room]
    where = f' (of "{module}")' if module else ""
    what = {"losses": "loss"}.get(room, room.removesuffix("s")) or "class"
    said = str(unknown(what, kind, names)).rstrip(".")
    return ArgumentError(f'{said}{where}. If it is your own, give custom_objects={{"{kind}": …}}.')


def _room_of_key(key: Any, otherwise: str) -> str:
    endings = {
        "initializer": "initializers",
        "regularizer": "regularizers",
        "constraint": "constraints",
        "activation": "layers",
    }
    ending = str(key).rpartition("_")[2]
    return "schedules" if key == "learning_rate" else endings.get(ending, otherwise)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _special(kind: str, inner: Any) -> Any:
    if kind == "__lambda__":
        raise ArgumentError(
            "the file holds the code of a lambda, which is never run here. Name the function: "
            'custom_objects={"the layer\'s name": function}.'
        )
    if not isinstance(inner, Mapping):
        raise ArgumentError(f"{kind} has no config.")
    if kind in ("__numpy__", "__tensor__"):
        import numpy as np

        try:
            return np.array(inner.get("value"), dtype=str(inner.get("dtype", "float32")))
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"an array of the configuration is none: {inner_words(error)}.") from None
    if kind == "__bytes__":
        return str(inner.get("value", "")).encode()
    if kind == "__slice__":
        return slice(inner.get("start"), inner.get("stop"), inner.get("step"))
    if kind == "__ellipsis__":
        return Ellipsis
    if kind == "__keras_tensor__":
        return dict(inner)
    raise ArgumentError(f"a configuration cannot hold {kind}.")


def _function(name: Any, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    """A function of a user's own, or the name of one that striate knows by name."""
    if not isinstance(name, str):
        raise ArgumentError(f"a function goes by its name, not by {type(name).__name__}.")
    own = find(name, config.get("registered_name"), custom_objects, "")
    return name if own is None else own


guard(__name__)
