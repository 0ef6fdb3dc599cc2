"""The options of a ``striate look`` command: a technique's arguments as the command line says them."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.signatures import Argument
from striate.doors.reading import read_bytes
from striate.errors import ArgumentError, DataError
from striate.wording import plural

PICTURES = "picture files (may be repeated), or a data set: a folder with a folder for each class, a zip, or a name"
NONE = "none"  # the word for None
_MOST = 1_000_000  # of steps, pictures, maps and whatever else is counted
_LARGEST = 1_000_000_000.0


def parameter_of(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


class TechniqueOption:
    """An argument of a technique as an option of its command: the same name, the same default, the same words."""

    def __init__(self, argument: Argument) -> None:
        self.argument, self.name, self.kind = argument, argument.name, argument.kind
        self.pictures = argument.name == "pictures"
        self.dataset = argument.name == "data"
        self.takes_data = self.pictures or self.dataset or self.kind.dataset

    @property
    def offered(self) -> bool:
        """Whether a command line can say it at all."""
        return self.pictures or self.dataset or bool(self.kind)

    @property
    def repeated(self) -> bool:
        return self.pictures or bool(self.kind.several)

    @property
    def _can_be_none(self) -> bool:
        """Whether None is one of the words, and not what is meant when nothing is said."""
        return self.kind.none and bool(self.kind.choices) and self.argument.default is not None

    def parameter(self) -> inspect.Parameter:
        """As typer wants it."""
        default = inspect.Parameter.empty if self.argument.required else self.argument.default
        dashed = "--" + self.name.replace("_", "-")
        words, spelled, meta = self._help(), [dashed], None
        kind: Any
        if self.pictures:
            kind, default, spelled = list[str] | None, None, [dashed, "--picture", "--data"]
        elif bytes in self.kind.scalars:
            return parameter_of(self.name, Annotated[Path, typer.Argument(help=words)])
        elif self.dataset:
            kind = str | None
        elif self.kind.scalars == {bool}:
            spelled, kind = ([f"{dashed}/--no-{self.name.replace('_', '-')}"] if default else [dashed]), bool
        elif self.repeated:
            inner = str if str in self.kind.several else float if float in self.kind.several else int
            kind, words = list[inner], f"{words}; may be repeated"  # type: ignore[valid-type]
            if isinstance(default, str | int | float):
                default = [default]
            elif isinstance(default, tuple | list):
                default = list(default)
        elif self.kind.pair:
            kind, meta = str, "x".join("NUMBER" for _ in self.kind.pair)
        elif str in self.kind.scalars or self.kind.choices:
            kind = str
            named = [*self.kind.choices, *([NONE] if self._can_be_none else [])]
            meta = f"[{'|'.join(named)}]" if self.kind.choices and not self.kind.scalars else None
        else:
            kind = float if float in self.kind.scalars else int
        if default is None and not self.pictures:
            kind = kind | None
        return parameter_of(self.name, Annotated[kind, typer.Option(*spelled, help=words + ".", metavar=meta)], default)

    def _help(self) -> str:
        if self.pictures:
            return f"Needed: {PICTURES}"
        words = self.argument.help.replace("``", "`").rstrip(".")
        for python, plain in (("; None: ", "; without it "), (".  None: ", "; without it "), ("None: ", "without it ")):
            words = words.replace(python, plain)
        words = words.replace("(``", "(").replace(".  ", ". ")
        return words[:1].upper() + words[1:]

    def check(self, given: Any) -> None:
        """What can be said before a model is loaded."""
        if not self.pictures:
            return
        if not given:
            raise ArgumentError(f"which pictures? Give --pictures: {PICTURES}.")
        for path in given:
            if not Path(path).exists() and path not in _sets():
                raise DataError(f"{path}: there is no such file, and no data set of that name.")

    def value(self, given: Any, model: Any, part: str | None) -> Any:
        """What the function is called with."""
        if self.pictures or self.kind.dataset:
            several = given if isinstance(given, list) else [given]
            if self.pictures and all(isinstance(each, str) for each in several):
                several = [file for each in several for file in loose_pictures(each) or [each]]
            if len(several) == 1 and isinstance(several[0], str) and is_data_set(several[0]):
                return dataset(model, several[0], part)
            if self.pictures:
                return several
        if given is None or (given == NONE and self._can_be_none):
            return None
        if self.dataset:
            return dataset(model, given, part)
        if bytes in self.kind.scalars:
            return read_bytes(given)
        self._check_numbers(given)
        if self.repeated:
            values = list(given)
            if not values:
                return self.argument.default
            return values[0] if len(values) == 1 and (self.kind.scalars or self.kind.choices) else values
        if self.kind.pair:
            pair = _pair(self.name, given, self.kind.pair, alone=int in self.kind.scalars)
            self._check_numbers(pair)
            return pair
        if str in self.kind.scalars and float in self.kind.scalars:
            try:
                number = float(given)
            except ValueError:
                return given
            self._check_numbers(number)
            return number
        return given

    def _check_numbers(self, given: Any) -> None:
        """Raise ArgumentError for numbers that are none, or beyond all that a technique can do with them."""
        for value in given if isinstance(given, list | tuple) else [given]:
            if not isinstance(value, int | float) or self.name == "seed":
                continue
            most = _MOST if isinstance(value, int) else _LARGEST
            if not abs(value) <= most:
                raise ArgumentError(
                    f"--{self.name.replace('_', '-')} takes numbers from {-most:,.0f} to {most:,.0f}, not {value:g}."
                )


def _pair(name: str, text: str, types: tuple[type, ...], alone: bool) -> Any:
    """``8x4`` as (8, 4), ``8`` as 8 where one number will do."""
    pieces = str(text).lower().replace(",", "x").split("x")
    try:
        if alone and len(pieces) == 1:
            return int(pieces[0])
        return tuple(kind(piece) for kind, piece in zip(types, pieces, strict=True))
    except ValueError:
        raise ArgumentError(
            f'--{name.replace("_", "-")} takes {plural(len(types), "number")}, such as 4x2, not "{text}".'
        ) from None


# -- data sets ----------------------------------------------------------------------------------------------------------
def _sets() -> list[str]:
    from striate import data

    return list(data.names())


def is_data_set(given: str) -> bool:
    """Whether a path or a name is a data set and not a picture."""
    from striate.data.pictures.formats import PICTURES as SUFFIXES

    path = Path(given)
    return (
        path.is_dir()
        or (path.is_file() and path.suffix.lower() not in SUFFIXES)
        or (not path.exists() and given in _sets())
    )


def loose_pictures(given: str) -> list[str]:
    """The pictures in and below a folder that is no data set, since pictures lie in it and not in folders of classes."""
    from striate.data.readers.files import is_picture
    from striate.data.readers.scan import format_at
    from striate.tasks.files import files_in

    path = Path(given)
    if not path.is_dir() or format_at(path) != "classes" or not any(map(is_picture, path.iterdir())):
        return []
    return files_in(path).files


def dataset(model: Any, given: str, part: str | None) -> Any:
    """A part of a data set, read as the model wants its pictures.  Raises ArgumentError where there is no model."""
    if model is None:
        raise ArgumentError(f"{given}: this takes picture files, which keep their own size, and no data set.")
    from striate.data import load
    from striate.look.pictures import Space

    named = not Path(given).exists() and given in _sets()
    splits = load(given) if named else load(given, preprocessing=Space.of(model).preprocessing)
    there = {name: value for name, value in splits._asdict().items() if value is not None}
    if part is not None and part not in there:
        raise ArgumentError(f"{given} has no part {part!r}, only {', '.join(there)}.")
    chosen = there[part or list(there)[-1]]
    if model.preprocessing is not None and chosen.shape == model.graph.input_shapes[0]:
        chosen = replace(
            chosen, preprocessing=model.preprocessing
        )  # as the network takes them, whatever the data's own
    return chosen
