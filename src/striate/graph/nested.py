"""Values nested in lists, tuples and dicts: one after the other, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def parts(value: Any) -> list[tuple[Any, Any]]:
    """The keys and the values of a list, a tuple or a dict, in Keras' order: of a dict sorted by the keys.

    value   nested or not; what is no list, tuple or dict has none
    """
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if not isinstance(value, Mapping):
        return []
    ordered = isinstance(value, OrderedDict) or not all(isinstance(key, str) for key in value)
    return list(value.items()) if ordered else sorted(value.items())


def nests(value: Any) -> bool:
    """Whether a value is a list, a tuple or a dict.

    value   any
    """
    return isinstance(value, list | tuple | Mapping)


def flat(value: Any, whole: Callable[[Any], bool] = lambda value: False) -> list[Any]:
    """The values in lists, tuples and dicts, one after the other.

    value   a value, or values nested
    whole   says that a list, a tuple or a dict is a value itself
    """
    if whole(value) or not nests(value):
        return [value]
    return [one for _, part in parts(value) for one in flat(part, whole)]


def names(value: Any, key: str | None = None) -> list[str | None]:
    """The key under which each of the values stands in a dict, or None.

    value   values nested
    key     under which all of them stand
    """
    if not nests(value):
        return [key]
    keyed = isinstance(value, Mapping)
    return [
        one for k, part in parts(value) for one in names(part, str(k) if keyed else key if not key else f"{key}_{k}")
    ]


def numbered(value: Any, whole: Callable[[Any], bool] = lambda value: False) -> Any:
    """The same lists, tuples and dicts with the place of each value, from 0, where the value stands.

    value   values nested
    whole   as for ``flat``
    """
    return _packed(value, iter(range(len(flat(value, whole)))), whole)


def packed(structure: Any, values: list[Any]) -> Any:
    """Values nested as others are; the inverse of ``flat``.

    structure   how: what ``numbered`` gives
    values      one for each of its places
    """
    return _packed(structure, iter(values), lambda value: False)


def _packed(structure: Any, rest: Iterator[Any], whole: Callable[[Any], bool]) -> Any:
    if whole(structure) or not nests(structure):
        return next(rest)
    made = {key: _packed(part, rest, whole) for key, part in parts(structure)}
    if isinstance(structure, Mapping):
        return {key: made[key] for key in structure}
    if isinstance(structure, list):
        return list(made.values())
    return type(structure)(*made.values()) if hasattr(structure, "_fields") else tuple(made.values())
