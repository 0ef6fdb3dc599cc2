"""Values nested in lists, tuples and dicts, under the names of ``keras.tree``, for Keras' own tests."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any


def is_nested(structure: Any) -> bool:
    """Whether a value is a list, a tuple or a dict."""
    return isinstance(structure, list | tuple | Mapping)


def _keys(structure: Any) -> list[Any]:
    return sorted(structure) if isinstance(structure, Mapping) else list(range(len(structure)))


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """((key, key, …), value) of each value, in order; of a dict sorted by its keys."""
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), one) for key in _keys(structure) for path, one in flatten_with_path(structure[key])]


def flatten(structure: Any) -> list[Any]:
    """The values, in order."""
    return [one for _, one in flatten_with_path(structure)]


def _made(structure: Any, parts: Mapping[Any, Any]) -> Any:
    if isinstance(structure, Mapping):
        return type(structure)((key, parts[key]) for key in structure)
    if hasattr(structure, "_fields"):
        return type(structure)(*(parts[key] for key in _keys(structure)))
    return type(structure)(parts[key] for key in _keys(structure))


def map_structure(function: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """The same nesting with what a function makes of the values that stand in one place."""
    first = structures[0]
    if not is_nested(first):
        return None if first is None and not none_is_leaf else function(*structures)
    for other in structures[1:]:
        assert_same_structure(first, other, levels=1)
    parts = {
        key: map_structure(function, *(s[key] for s in structures), none_is_leaf=none_is_leaf) for key in _keys(first)
    }
    return _made(first, parts)


def traverse(function: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """The nesting with each part replaced by what a function gives for it, where that is not None."""
    if top_down:
        found = function(structure)
        if found is not None:
            return found
    made = structure
    if is_nested(structure):
        made = _made(structure, {key: traverse(function, structure[key], top_down) for key in _keys(structure)})
    if top_down:
        return made
    found = function(made)
    return made if found is None else found


def assert_same_structure(one: Any, other: Any, check_types: bool = True, levels: int = -1) -> None:
    """Raise ValueError unless two values are nested alike."""
    if is_nested(one) != is_nested(other):
        raise ValueError(f"{one} and {other} are nested in other ways.")
    if not is_nested(one) or levels == 0:
        return
    kinds = (dict if isinstance(each, Mapping) else type(each) for each in (one, other))
    if len(set(kinds)) > 1 or _keys(one) != _keys(other):
        raise ValueError(f"{one} and {other} are nested in other ways.")
    for key in _keys(one):
        assert_same_structure(one[key], other[key], check_types, levels - 1)


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """Values nested as a structure is."""
    rest = iter(flat_sequence)

    def packed(part: Any) -> Any:
        if not is_nested(part):
            return next(rest)
        made = {key: packed(part[key]) for key in _keys(part)}
        return _made(part, made)

    return packed(structure)


def lists_to_tuples(structure: Any) -> Any:
    """The nesting with tuples for lists."""
    if not is_nested(structure):
        return structure
    parts = {key: lists_to_tuples(structure[key]) for key in _keys(structure)}
    return tuple(parts.values()) if isinstance(structure, list) else _made(structure, parts)


TREE: dict[str, Any] = {name: value for name, value in globals().items() if isinstance(value, types.FunctionType)}
