"""Values nested in lists, tuples and dicts: one after the other, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from striate.errors import DataError, note
from striate.wording import plural


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


def laid(given: Any, structure: Any, keys: list[str]) -> list[Any]:
    """One value for each input of a network: from values nested as the inputs are, from a list, or from a dict by name.

    given       arrays, tensors or symbolic tensors; one alone for a single input
    structure   how the inputs are nested, the place of each where it stands; None: in a list, or one alone
    keys        the name of each input

    Raises DataError where they do not fit.
    """
    if structure is None:
        structure = 0 if len(keys) == 1 else list(range(len(keys)))
    if isinstance(given, Mapping) and not isinstance(structure, Mapping):
        deep = nests(structure) and any(nests(part) for _, part in parts(structure))
        lost = [key for key in keys if key not in given]
        if lost or deep:
            raise DataError(f'no array for the input "{(lost or keys)[0]}"; the inputs are {", ".join(keys)}.')
        return [given[key] for key in keys]
    if isinstance(structure, Mapping) and not isinstance(given, Mapping):
        expected = "The structure of `inputs` doesn't match the expected structure: a dict of " + ", ".join(keys)
        values = list(given) if isinstance(given, list | tuple) else [given]
        if list(structure) != sorted(structure) or len(values) != len(keys):
            raise DataError(f"{expected} is wanted, and {plural(len(values), 'array', 'was')} given. Give a dict.")
        note(f"{expected} is wanted, and a list was given: it is taken in the order of the names.")
        return values
    if not nests(structure):
        return [given]
    if isinstance(structure, list | tuple) and (not isinstance(given, list | tuple) or len(given) != len(structure)):
        if len(keys) == 1 and len(structure) == 1:
            return laid(given, structure[0], keys)
        raise DataError(
            f"the network has {plural(len(keys), 'input')} ({', '.join(keys)}); give a list or dict of arrays."
        )
    if isinstance(structure, Mapping):
        lost = [str(key) for key in structure if key not in given]
        if lost:
            raise DataError(f'no array for the input "{lost[0]}"; the inputs are {", ".join(map(str, structure))}.')
        more = [str(key) for key in given if key not in structure]
        if more:
            note(
                f"The structure of `inputs` doesn't match the expected structure: {', '.join(more)} is no input; the inputs "
                f"are {', '.join(map(str, structure))}."
            )
    found: list[Any] = []
    for key, part in parts(structure):
        inner = keys[len(found) : len(found) + len(flat(part))]
        found += laid(given[key], part, inner)
    return found


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
