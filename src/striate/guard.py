"""The guard at every public door: what is wrong with an argument reaches users in words, whatever failed over it.

A room's last line is ``guard(__name__)``.  From then on each function that it exports, and each method of its classes, looks
at the arguments whose annotation is plain (a whole number, a text, a path …) before it begins.  Where something of Python,
torch, NumPy, Pillow or ONNX Runtime fails within, it raises an ArgumentError that names the argument, with the original as
its cause.  An error out of a user's own code, such as a generator or a callback, passes: its traceback ends at their line.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from striate.annotations import Wanted, wanted
from striate.errors import ArgumentError, StriateError, nearest
from striate.wording import inner

#: What fails within these fails within us: it says nothing about where a user's own code stands.
_LIBRARIES = sys.stdlib_module_names | {
    *("PIL", "accelerate", "cleanlab", "functorch", "google", "h5py", "huggingface_hub", "matplotlib", "numpy", "onnx"),
    *("onnxruntime", "pandas", "pillow_heif", "safetensors", "scipy", "sklearn", "sympy", "tifffile", "torch"),
    *("torchvision", "yaml"),
}
#: What the file of code is called that torch writes for a network.
_WRITTEN = "<eval_with_key>"
#: What is not about arguments.
_PASSING = (Warning, MemoryError, BrokenPipeError)
#: Whose exceptions are signs to whoever catches them: from one room to another, or that a trial ends here.
_SIGNS = ("striate", "optuna")
_NAMES = (
    "__module__",
    "__name__",
    "__qualname__",
    "__doc__",
)  # annotations are read from the function: copying takes long
_MISSING = object()
_OFTEN = ("lower", "lowering")  # they stand behind every call of a layer
_SEEN: set[type] = set()


def guard(room: str, classes: bool = True) -> None:
    """Guard what a room exports.

    room      the name of its module, whose ``__all__`` says what; without it what the module defines
    classes   False: its functions alone, where the methods are called by the thousand, and by this package
    """
    names = vars(sys.modules[room])
    exported = names.get("__all__")
    for name in list(names) if exported is None else exported:
        value = names.get(name)
        if isinstance(value, types.ModuleType):
            if exported is not None and value.__name__.startswith(f"{room}."):
                guard(value.__name__, classes)
        elif name[0] != "_" and getattr(value, "__module__", "").startswith(
            "striate" if exported is not None else room
        ):
            if isinstance(value, types.FunctionType):
                names[name] = made = guarded(value)
                if made is not value and name == value.__qualname__:  # pickles name a function by where it is found
                    made.__module__ = room
            elif classes and isinstance(value, type):
                guard_class(value)


def guard_class(kind: type) -> None:
    """Guard the methods of a class, its constructor, its call and its setters, and those of its bases in this package."""
    for base in kind.__mro__:
        if base in _SEEN or not base.__module__.startswith("striate") or issubclass(base, Exception):
            continue
        _SEEN.add(base)
        for name, value in list(vars(base).items()):
            if (name[0] == "_" and name not in ("__init__", "__call__")) or name in _OFTEN:
                continue
            if getattr(value, "of_fields", False):  # it says itself what is wrong
                continue
            if isinstance(value, types.FunctionType):  # a dataclass looks at its fields itself, after it is made
                setattr(base, name, guarded(value, before=name != "__init__" or not hasattr(base, "__post_init__")))
            elif isinstance(value, classmethod | staticmethod) and isinstance(value.__func__, types.FunctionType):
                setattr(base, name, type(value)(guarded(value.__func__)))


def guarded(function: Callable[..., Any], before: bool = True) -> Callable[..., Any]:
    """A function behind the guard: always the same object for one function, in whatever rooms it stands.

    function   whose annotations say what it takes
    before     whether its arguments are looked at before it begins
    """
    if "_behind" in function.__dict__:
        return function
    if "_guarded" in function.__dict__:
        return function.__dict__["_guarded"]  # type: ignore[no-any-return]
    checks: list[tuple[int, str, Wanted]] | None = None if before else []

    @functools.wraps(function, assigned=_NAMES)
    def through(*args: Any, **kwargs: Any) -> Any:
        nonlocal checks
        if checks is None:
            checks = list(_plain(function))
        for place, name, takes in checks:
            value = args[place] if place < len(args) else kwargs.get(name, _MISSING)
            if type(value) not in takes.exact and value is not _MISSING and not takes.fits(value):
                raise ArgumentError(f"{_where(function, args)}: {name} is {takes.words}, not {shown(value)}.")
        try:
            return function(*args, **kwargs)
        except StriateError as error:
            if "unsaid" not in error.__dict__:
                raise
            if error.unsaid:  # type: ignore[attr-defined]
                raise _outermost(_where(function, args), error.unsaid) from error.__cause__  # type: ignore[attr-defined]
            raise _refusal(
                function, args, kwargs, error.__cause__
            ) from error.__cause__  # a user knows the outer function
        except Exception as error:
            if not is_ours(error):
                raise
            raise _refusal(function, args, kwargs, error) from error

    through._behind = function  # type: ignore[attr-defined]
    function._guarded = through  # type: ignore[attr-defined]
    return through


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _plain(function: Callable[..., Any]) -> Iterator[tuple[int, str, Wanted]]:
    """Place, name and kind of the arguments that are looked at before a call: numbers, texts, paths."""
    for place, parameter in enumerate(_parameters(function)):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        takes = wanted(str(parameter.annotation))
        if takes is not None and takes.plain:
            yield (sys.maxsize if parameter.kind is parameter.KEYWORD_ONLY else place), parameter.name, takes


def is_ours(error: Exception) -> bool:
    """Whether an error comes from this package or from what it calls, not from a user's own code that it calls.

    error   as it was caught
    """
    if isinstance(error, _PASSING) or type(error).__module__.partition(".")[0] in _SIGNS:
        return False
    if "out of memory" in str(error) or "not enough memory" in str(error):
        return False
    names = []
    at = error.__traceback__
    while at is not None:
        if not at.tb_frame.f_code.co_filename.startswith(_WRITTEN):
            names.append(at.tb_frame.f_globals.get("__name__", "").partition(".")[0])
        at = at.tb_next
    return (
        next((name for name in reversed(names) if name not in _LIBRARIES), "") == "striate"
    )  # "": text that exec runs


def _where(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """How a function is called in a message: its name, with its class's for a method, the class alone for a constructor."""
    name = function.__name__
    if "." not in function.__qualname__.rpartition("<locals>.")[2] or not args:
        return name
    kind = args[0] if isinstance(args[0], type) else type(args[0])
    return kind.__name__ if name in ("__init__", "__call__") else f"{kind.__name__}.{name}"


def _refusal(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: Any) -> ArgumentError:
    """What to say of an error within a function: the argument that is not what is taken, or all of them and the error."""
    where = _where(function, args)
    for value in (*args, *kwargs.values()):  # one may know itself what it is, such as a model of its weights
        explains = getattr(type(value), "_explains", None)
        reason = None if explains is None else explains(value, error)
        if reason is not None:
            return _outermost(where, reason)
    try:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
    except TypeError as unlike:
        names = [p.name for p in _parameters(function) if p.name not in ("self", "cls")]
        wrong = next((key for key in kwargs if key not in names), None)
        hint = "" if wrong is None else nearest(wrong, names)
        return ArgumentError(f"{where}: {inner(unlike)}.{hint} It takes: {', '.join(names) or 'nothing'}.")
    for parameter in _parameters(function):
        takes = wanted(str(parameter.annotation))
        if takes is None or parameter.name not in given:
            continue
        many = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not many and not takes.fits(given[parameter.name]):
            return ArgumentError(f"{where}: {parameter.name} is {takes.words}, not {shown(given[parameter.name])}.")
    if isinstance(error, OSError) and error.filename is not None:
        return ArgumentError(f"{where}: {error.filename}: {inner(error.strerror)}.")
    defaults = {p.name: p.default for p in _parameters(function)}
    told = ", ".join(
        f"{name}={shown(value)}"
        for name, value in given.items()
        if name not in ("self", "cls") and value is not defaults[name]
    )
    said = ArgumentError(f"{where} cannot take {told}: {because(error)}." if told else f"{where}: {because(error)}.")
    said.unsaid = ""  # type: ignore[attr-defined]
    return said


def _outermost(where: str, reason: str) -> ArgumentError:
    """An error with a reason that a guard further out says again, of the function that a user called."""
    error = ArgumentError(f"{where}: {reason}")
    error.unsaid = reason  # type: ignore[attr-defined]
    return error


def because(error: Exception) -> str:
    """What an error of another package says, in one line without its full stop.

    error   of any class
    """
    first = inner((str(error).splitlines() or [""])[0])
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def shown(value: Any) -> str:
    """A value as a message shows it: an array by its shape and type, anything else in at most 60 letters.

    value   whatever was given
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f"an array {tuple(shape)} of {str(dtype).removeprefix('torch.')}"
    try:
        text = repr(value)
    except Exception:  # of a half-made object
        text = f"<{type(value).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


guard("striate.errors")
