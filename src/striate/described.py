"""Objects that are wholly described by their fields: layers, initializers, losses, metrics, optimizers, callbacks …

Each refuses a wrong argument in one clear line, prints as the call that makes it, and goes to JSON and back.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from striate import configs
from striate.errors import ArgumentError, StriateError, nearest, note, unknown
from striate.guard import because, is_ours, shown
from striate.wording import inner

Made = TypeVar("Made")


class _Signature:
    """The arguments of a class for `inspect.signature` and `help`, put together when they are asked for."""

    def __get__(self, instance: Any, cls: type) -> inspect.Signature | None:
        if instance is not None or not getattr(cls.__init__, "of_fields", False):  # type: ignore[misc]
            return None  # then inspect reads the constructor, or what calling the object takes
        parameters = [
            inspect.Parameter(
                f.name,
                inspect.Parameter.KEYWORD_ONLY if f.kw_only else inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=_default(f),
                annotation=f.type,
            )
            for f in _in_order(cls)
        ]
        return inspect.Signature(parameters, return_annotation=None)


class Described:
    """Base of everything that is described by its fields.

    A family (layers, losses, …) is a direct subclass with a `family` name; it keeps its classes by name, so that a
    description finds them again.  Classes whose name starts with an underscore, and those that say ``abstract = True``,
    cannot be named in a description.  A class gets its fields, and a constructor that checks them, from ``@described``;
    in a family with ``automatic=True`` from its mere definition.
    """

    family: ClassVar[str] = "object"
    classes: ClassVar[dict[str, type[Any]]] = {}
    abstract: ClassVar[bool] = True
    automatic: ClassVar[bool] = False
    __signature__: ClassVar[Any] = _Signature()
    keras_room: ClassVar[str] = ""  # where Keras has such classes, "layers" for keras.layers
    # arguments that Keras has and this class has not: what to do instead, or that and the values at which such an argument
    # says nothing and so is taken, or a function that tells.  None and False always say nothing.
    refused: ClassVar[Mapping[str, str | tuple[Any, ...]]] = {}
    # arguments of earlier Keras: what they are called now, or that as a note says it and the arguments for a value
    formerly: ClassVar[Mapping[str, str | tuple[str, Callable[[Any], dict[str, Any]]]]] = {}
    order: ClassVar[str] = ""  # unnamed arguments in Keras' order, where some of them are refused; "": the fields' own
    # of a family: methods, and what stands beside each as a quicker way or by its leave; a class of a user's own that
    # defines the method goes without these
    quicker: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    family_base: ClassVar[type[Any]]
    behind: ClassVar[str] = ""  # of a family: arguments that stand unnamed behind those of each class

    def __init_subclass__(cls, family: str = "", automatic: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if family:
            cls.family, cls.classes, cls.automatic, cls.family_base = family, {}, automatic, cls
        if "abstract" not in cls.__dict__:
            cls.abstract = bool(family) or cls.__name__.startswith("_")
        for method, ways in cls.quicker.items():
            if method in cls.__dict__ and not _ours(cls):
                for way in ways:
                    if way not in cls.__dict__:
                        setattr(cls, way, vars(cls.family_base)[way])
        if cls.automatic:
            described(cls)
        if not cls.abstract:
            taken = cls.classes.get(cls.__name__)
            if taken is None or not _ours(taken) or _ours(cls):  # nobody else's class takes the name of one of ours
                cls.classes[cls.__name__] = cls
            known = configs.KNOWN.get((cls.keras_room, cls.__name__))
            if known is None or not _ours(known) or _ours(cls):
                configs.KNOWN[cls.keras_room, cls.__name__] = cls

    @classmethod
    def today(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Arguments in today's spelling, where a class knows older ones; asked when one of them is unknown.

        given   arguments by name
        """
        return given

    @classmethod
    def unnamed(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Look at three and more unnamed arguments first, where a class knows that they once meant something else.

        args, kwargs   as it is called
        """

    def config(self) -> dict[str, Any]:
        """The fields that differ from their defaults, by name."""
        said = {}
        for field in _in_order(type(self)):
            value, default = self._setting(field.name), field.default
            if field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            if value is default or (type(value) is type(default) and value == default):
                continue
            said[field.name] = value
        return said

    def _setting(self, name: str) -> Any:
        """The value of a field as it was given."""
        return getattr(self, name)

    def get_config(self) -> dict[str, Any]:
        """All arguments by name, JSON-ready, as Keras has it; ``from_config`` gives an equal object back.

        Raises ArgumentError for an argument that no file can hold.
        """
        fields = _in_order(type(self))
        said = {field.name: self._setting(field.name) for field in fields} if fields else self.config()
        return {
            name: configs.serialize(value)
            for name, value in said.items()
            if value is not None or name not in ("input_shape", "activity_regularizer")
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """An object of this class.

        config   arguments by name, as ``get_config`` gives them

        What a class does not know and says nothing (None, False) is left out: versions of Keras differ in it.  Raises
        ArgumentError for other arguments that the class does not take.
        """
        given = configs.arguments(config)
        if getattr(cls.__init__, "of_fields", False):
            known = {field.name for field in _in_order(cls)}
            given = {
                key: value for key, value in given.items() if key in known or (value is not None and value is not False)
            }
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready description; ``from_dict`` gives an equal object back."""
        return plain(self)  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """The object of a description.

        described   what ``to_dict`` made: the class's name under "class", and its arguments

        Raises ArgumentError for a class that is not of this family, or arguments that it does not take.
        """
        if not isinstance(described, Mapping) or not isinstance(described.get("class"), str):
            raise ArgumentError(f'{_a(cls.family)} is described by an object with a "class", not {described!r}.')
        if described["class"] not in cls.classes:
            raise unknown(cls.family, described["class"], cls.classes)
        return cls.classes[described["class"]](**{key: value for key, value in described.items() if key != "class"})

    def __repr__(self) -> str:
        said = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({said})"


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


T = TypeVar("T", bound=type)


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field, dataclasses.Field))
def described(cls: T) -> T:
    """Make a class a dataclass whose constructor says in one clear line what is wrong with its arguments.

    cls   keeps a constructor of its own, if it has one, or that of its base where it adds no fields
    """
    adds_nothing = _adds_nothing(cls) and "__init__" not in cls.__dict__
    if not adds_nothing:
        dataclasses.dataclass(eq=False, repr=False, init=False)(cls)
    if "__init__" not in cls.__dict__ and not (adds_nothing and _has_constructor(cls.__bases__[0])):
        cls.__init__ = _constructor(cls)  # type: ignore[misc]
    return cls


def _adds_nothing(cls: type) -> bool:
    """Whether the class has just the fields of its one base: making a dataclass anew takes longer."""
    adds = any(not str(kind).startswith("ClassVar") for kind in inspect.get_annotations(cls).values())
    return not adds and len(cls.__bases__) == 1 and dataclasses.is_dataclass(cls)


def _has_constructor(cls: type) -> bool:
    """Whether a class has a constructor that was written, not made of fields."""
    constructor: Any = cls.__init__  # type: ignore[misc]
    return constructor is not object.__init__ and not getattr(constructor, "of_fields", False)


def plain(value: Any) -> Any:
    """A value as JSON holds it: tuples and arrays as lists, described objects as ``{"class": …}``.

    value   a field's value
    """
    if isinstance(value, Described):
        return {"class": type(value).__name__} | {key: plain(part) for key, part in value.config().items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.tolist() if hasattr(value, "tolist") else value


# -- arguments ---------------------------------------------------------------------------------------------------------
def number(where: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """`value` as a float from `low` to `high`.  Raises ArgumentError, naming the bounds.

    where, name   the class and the argument, for the message
    """
    if isinstance(value, bool | str) or not hasattr(value, "__float__") or getattr(value, "shape", ()) != ():
        raise ArgumentError(f"{where}: {name} is a number, not {value!r}.")
    value = float(value)
    if not low <= value <= high or math.isinf(value):  # also for nan, which is in no range
        bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise ArgumentError(f"{where}: {name}={value:g} must be {bounds}.")
    return value


def whole(where: str, name: str, value: Any, low: int = 1) -> int:
    """`value` as an int of at least `low`: the rule for all that is counted.  True and 2.0 count nothing.

    where, name   the class or function, "" for none, and the argument, for the message
    value         as it was given
    low           the lowest that is taken

    Raises ArgumentError for anything else.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < low:
        raise ArgumentError(f"{where}{': ' if where else ''}{name}={value!r} must be a whole number of at least {low}.")
    return int(value)


def counts(where: str, **values: Any) -> None:
    """Raise ArgumentError for the first of these that is no whole number of at least 1.

    where    the class or function, for the message
    values   by their names
    """
    for name, value in values.items():
        whole(where, name, value)


def bound(
    where: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any], takes: str = ""
) -> inspect.BoundArguments:
    """The arguments of a call by their names.  Raises ArgumentError, naming what is taken.

    where          the function, for the message
    signature      of the function
    args, kwargs   as it was called
    takes          what it takes, for the message; "": the signature
    """
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{where}: {inner(error)}. It takes{takes or f' {signature}'}.") from None


def _in_order(cls: type) -> list[dataclasses.Field[Any]]:
    """The fields as a user gives them: the unnamed ones first."""
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return sorted((f for f in fields if f.init), key=lambda f: bool(f.kw_only))


def _default(field: dataclasses.Field[Any]) -> Any:
    """What an argument is unless it is given; `Parameter.empty` where it must be."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default


def _constructor(cls: type) -> Callable[..., None]:
    """An ``__init__`` that sets the fields: a wrong argument is one clear line, and each is checked once.

    It is not the one that a dataclass would write, since text that is compiled for each class is half of the time in
    which striate is imported.
    """
    fields, kind = _in_order(cls), cls.__name__
    names = [f.name for f in fields]
    positional = _positional(cls, fields)
    required = [f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    types = {f.name: str(f.type) for f in fields}
    start = {f.name: f.default for f in fields}
    factories = {
        f.name: f.default_factory
        for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        if f.default_factory is not dataclasses.MISSING
    }
    after = hasattr(cls, "__post_init__")
    managed = [f.name for f in fields if any(hasattr(base.__dict__.get(f.name), "__set__") for base in cls.__mro__)]
    elsewhere, former = _inherited(cls, "refused"), _inherited(cls, "formerly")
    takes = f"It takes: {', '.join(names)}." if names else "It takes no arguments."
    known, needed, exact = frozenset(names), len(required), {name: _exact(text) for name, text in types.items()}

    def init(self: Any, /, *args: Any, **kwargs: Any) -> None:
        if len(args) > 2:
            cls.unnamed(args, kwargs)  # type: ignore[attr-defined]
        if not kwargs.keys() <= known and kwargs.keys().isdisjoint(positional[: len(args)]):
            kwargs = cls.today(dict(zip(positional, args, strict=False)) | kwargs)  # type: ignore[attr-defined]
            args = args[len(positional) :]
        given = dict(zip(positional, args, strict=False))
        right = len(given) == len(args) and given.keys().isdisjoint(kwargs)
        given |= kwargs
        if not (right and given.keys() <= known):
            given = settled(args, kwargs)
        if needed and not given.keys() >= demanded:
            missing = [name for name in required if name not in given]
            raise ArgumentError(f"{kind} needs {' and '.join(missing)}.")
        for name, value in given.items():
            kinds = exact[name]
            if kinds is not None and type(value) not in kinds:
                given[name] = _as_field(f"{kind}: {name}", types[name], value)
        state = start | given
        for name in managed:  # such as a rate that may be a schedule
            setattr(self, name, state.pop(name))
        self.__dict__.update(state)
        for name, make in factories.items():
            if name not in given:
                self.__dict__[name] = make()
        if not after:
            return
        try:
            self.__post_init__()
        except StriateError:
            raise
        except Exception as error:
            if not is_ours(error):
                raise
            told = ", ".join(f"{key}={shown(value)}" for key, value in given.items())
            raise ArgumentError(f"{kind} cannot take {told}: {because(error)}.") from error

    demanded = frozenset(required)

    def settled(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments without those that say nothing, under today's names; the error that says which one is wrong."""
        if len(args) > len(positional):
            raise ArgumentError(f"{kind} takes {len(positional)} unnamed arguments ({', '.join(positional)}).")
        given = dict(zip(positional, args, strict=False))
        twice = [name for name in given if name in kwargs]
        said: dict[str, Any] = {}
        for key, value in (given | kwargs).items():
            today = {key: value}
            if key not in known and key in former:
                now, turned = former[key] if isinstance(former[key], tuple) else (former[key], None)
                today = {now.rstrip("="): value} if turned is None else turned(value)
                if today.keys() <= known:
                    note(f"{kind}: {key}= is called {now} now.")
            if not today.keys() <= known:
                if key not in elsewhere:
                    raise ArgumentError(f'{kind} has no argument "{key}".{nearest(key, names)} {takes}')
                hint, *nothing = elsewhere[key] if isinstance(elsewhere[key], tuple) else (elsewhere[key],)
                if not _says_nothing(value, nothing):
                    raise ArgumentError(f'{kind}: striate has no argument "{key}" (Keras has): {hint}.')
                continue
            twice += [name for name in today if name in said]
            said |= today
        if twice:
            raise ArgumentError(f'{kind}: "{twice[0]}" was given twice.')
        return said

    init.__name__, init.__qualname__, init.of_fields = "__init__", f"{cls.__qualname__}.__init__", True  # type: ignore[attr-defined]
    return init


def _positional(cls: Any, fields: list[dataclasses.Field[Any]]) -> list[str]:
    """The arguments that may be given unnamed, in Keras' order."""
    own = cls.order.split() or [f.name for f in fields if not f.kw_only]
    return [*own, *(name for name in cls.behind.split() if name not in own)]


def _inherited(cls: type, table: str) -> dict[str, Any]:
    """A table of arguments of a class and its bases."""
    return {name: row for base in reversed(cls.__mro__) for name, row in base.__dict__.get(table, {}).items()}


def _says_nothing(value: Any, nothing: list[Any]) -> bool:
    """Whether an argument that we have not is given at one of the values that change nothing."""
    return (
        value is None
        or value is False
        or any(one(value) if callable(one) else type(value) is type(one) and value == one for one in nothing)
    )


def _exact(annotation: str) -> frozenset[type] | None:
    """Types whose values a field takes as they are; None where it takes anything, since its class checks it."""
    names = annotation.split(" | ")
    if not {*names} <= {*_PLAIN, "None"}:
        return None
    as_they_are = {"bool": bool, "int": int, "str": str, "None": type(None)}  # a float must be finite
    return frozenset(as_they_are[name] for name in names if name in as_they_are)


def from_name(spec: Any, base: type[Made], names: Mapping[str, type[Made]], example: str) -> Made:
    """What a name stands for, or the object itself.  One object serves all who say a name: none is ever changed.

    spec      a name of `names`, or a `base`
    base      the class of what is wanted
    names     the classes by their names
    example   one of the names, for the error

    Raises ArgumentError, naming the nearest.
    """
    if isinstance(spec, base):
        return spec
    what = base.__name__.lower()
    if not isinstance(spec, str):
        raise ArgumentError(f"{_a(what)} is a name such as {example!r} or an object, not {spec!r}.")
    if spec not in names:
        raise unknown(what, spec, names)
    return _of_class(names[spec])  # type: ignore[arg-type]


def from_spec(
    spec: Any,
    base: type[Made],
    names: Mapping[str, type[Made]],
    example: str,
    deserialize: Callable[[Any], Any],
    also: Mapping[str, str] = {},
) -> Any:
    """What stands for an object of a family: its name, class or description, the object itself, or a function.  None stays.

    spec          what was given
    base          the family
    names         its classes by their names
    example       one of the names, for the error
    deserialize   reads Keras' configurations
    also          further spellings of names

    Raises ArgumentError, naming the nearest.
    """
    if spec is None:
        return None
    if isinstance(spec, type) and issubclass(spec, base):
        return spec()
    if isinstance(spec, Mapping):
        return base.from_dict(spec) if "class" in spec else deserialize(spec)  # type: ignore[attr-defined]
    if callable(spec) and not isinstance(spec, base | type):
        return spec
    return from_name(also.get(spec, spec) if isinstance(spec, str) else spec, base, names, example)


def to_keras_config(made: Any, base: type[Described]) -> dict[str, Any]:
    """Keras' configuration of an object.  Raises ArgumentError for a function, whose code no description holds.

    made   of the family, or a function in its place
    base   the family
    """
    if not isinstance(made, base):
        raise ArgumentError(f"{_a(base.__name__.lower())} that is a function has no description: {made!r}.")
    return configs.serialize(made)  # type: ignore[no-any-return]


def from_keras_config(
    base: type[Described], get: Callable[[Any], Any], config: Any, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """What Keras' configuration of an object, or a name, stands for.

    base             the family
    get              the family's function of that name
    config           the configuration, or the name
    custom_objects   classes and functions of a user's own by their names

    Raises ArgumentError for one that is not known.
    """
    found = configs.deserialize(config, custom_objects, base.keras_room)
    if isinstance(found, Mapping) and "class" not in found:
        what = _a(base.__name__.lower())
        raise ArgumentError(f'{what} is described by an object with a "class_name" or "class", not {config!r}.')
    return get((custom_objects or {}).get(found, found) if isinstance(found, str) else found)


@functools.cache
def _of_class(kind: type[Made]) -> Made:
    return kind()


# Plain field types: what to accept, what to turn it into (so that NumPy's numbers can be saved), what to call it.
_PLAIN: dict[str, tuple[type, Callable[[Any], Any], str]] = {
    "bool": (bool, bool, "True or False"),
    "int": (Integral, int, "a whole number"),
    "float": (Real, float, "a number"),
    "str": (str, str, "a text"),
}


def _as_field(where: str, annotation: str, value: Any) -> Any:
    """A field's value as its plain type (``float``, ``int | None`` …) has it; other types are checked by their class.

    Raises ArgumentError for anything else.
    """
    names = annotation.split(" | ")
    if not {*names} <= {*_PLAIN, "None"} or (value is None and "None" in names):
        return value
    for kind, make, _ in (_PLAIN[name] for name in names if name != "None"):
        if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            try:
                made = make(value)
                if kind is not Real or math.isfinite(made):
                    return made
            except OverflowError:  # a whole number too large for a float
                pass
    wanted = " or ".join(_PLAIN[name][2] if name != "None" else "None" for name in names)
    raise ArgumentError(f"{where} is {wanted}, not {value!r}.")
