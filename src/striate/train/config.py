"""What losses, metrics, optimizers and schedules share: settings as fields, clear refusals, JSON."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from striate.errors import ArgumentError, nearest, unknown

# Arguments that Keras 3 has for all of its losses, metrics or optimizers and striate has not.
_ELSEWHERE = {
    "dtype": "train in 16 bits with compile(precision='bf16')",
    "reduction": "a loss is the mean over the samples; its per_sample() gives one number a sample",
}


class Settings:
    """An object that is wholly described by its fields.

    Concrete classes are made with ``@settings``: a dataclass whose constructor refuses unknown arguments in one line.
    Each family (losses, optimizers, …) keeps its classes by name, so that ``from_dict`` finds them again.
    """

    family: ClassVar[str] = "object"
    refused: ClassVar[Mapping[str, str]] = {}  # arguments that Keras has and this class has not: what to do instead
    classes: ClassVar[dict[str, type[Any]]]

    def __init_subclass__(cls, family: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if family:
            cls.family, cls.classes = family, {}
        elif not cls.__name__.startswith("_"):
            cls.classes[cls.__name__] = cls

    def config(self) -> dict[str, Any]:
        """The settings by name."""
        if not dataclasses.is_dataclass(self):
            return {}
        return {field.name: self._setting(field.name) for field in dataclasses.fields(self) if field.init}

    def _setting(self, name: str) -> Any:
        return getattr(self, name)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready description; ``from_dict`` gives an equal object back."""
        return {"class": type(self).__name__} | {key: _plain(value) for key, value in self.config().items()}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """The object of a description made by ``to_dict``.  Raises ArgumentError."""
        if not isinstance(described, Mapping) or not isinstance(described.get("class"), str):
            raise ArgumentError(f'{_article(cls.family)} is described by an object with a "class", not {described!r}.')
        if described["class"] not in cls.classes:
            raise unknown(cls.family, described["class"], cls.classes)
        return cls.classes[described["class"]](**{key: value for key, value in described.items() if key != "class"})

    def __repr__(self) -> str:
        fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        defaults = {field.name: field.default for field in fields}
        said = [f"{key}={value!r}" for key, value in self.config().items() if value != defaults.get(key)]
        return f"{type(self).__name__}({', '.join(said)})"


T = TypeVar("T")


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field, dataclasses.Field))
def settings(cls: type[T]) -> type[T]:
    """Make `cls` a dataclass whose constructor says in one clear line what is wrong with its arguments."""
    cls = dataclasses.dataclass(eq=False, repr=False)(cls)
    init: Callable[..., None] = cls.__init__

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        signature = inspect.signature(init)
        names = list(signature.parameters)[1:]
        hints = {**_ELSEWHERE, **getattr(cls, "refused", {})}
        for key in kwargs:
            if key not in names and key in hints:
                raise ArgumentError(f'{cls.__name__} has no argument "{key}": {hints[key]}.')
            if key not in names:
                listed = f" It takes: {', '.join(names)}." if names else " It takes none."
                raise ArgumentError(f'{cls.__name__} has no argument "{key}".{nearest(key, names)}{listed}')
        try:
            signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{cls.__name__}: {error}. It takes: {', '.join(names) or 'no arguments'}.") from None
        init(self, *args, **kwargs)

    cls.__init__ = checked  # type: ignore[method-assign]
    return cls


def number(where: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """`value` as a float within [low, high].  Raises ArgumentError, naming the bounds."""
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise ArgumentError(f"{where}: {name} is a number, not {value!r}.")
    value = float(value)
    if not low <= value <= high or math.isinf(value):  # also for nan, which is in no range
        bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise ArgumentError(f"{where}: {name}={value:g} must be {bounds}.")
    return value


def whole(where: str, name: str, value: Any, low: int = 1) -> int:
    """`value` as an int of at least `low`.  Raises ArgumentError."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < low:
        raise ArgumentError(f"{where}: {name}={value!r} must be a whole number of at least {low}.")
    return int(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
