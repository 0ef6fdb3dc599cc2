"""``striate look``: looking inside a network.  A command is made from a technique's signature and docstring."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from striate.cli.common import WEIGHTS, Json, Variant, model_of, say
from striate.cli.signatures import Argument, signature
from striate.errors import ArgumentError, DataError

What = Annotated[str, typer.Argument(help="A saved model's or run's folder, or an architecture with --weights.")]
Weights = Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")]
PICTURES = "picture files (may be repeated), or a data set: a folder with a folder for each class, a zip, or a name"
# what every technique is given otherwise than by an option of its own
_GIVEN = ("model", "path", "progress")
NONE = "none"  # the word for None


@dataclass
class Technique:
    """A command.

    module, function  what it calls, with a model and with the values of its options
    doing             what the progress bar says
    out               the usual name of the file that it writes
    also              {option: (help, function (result, path, pictures))} that writes something more
    """

    module: str
    function: str
    doing: str
    out: str
    also: Mapping[str, tuple[str, Callable[[Any, Path, Any], Any]]] = field(default_factory=dict)


def _save(result: Any, folder: Path, pictures: Any) -> Any:
    names = [Path(each).stem for each in pictures] if isinstance(pictures, list) else None
    return result.write(folder, names)


_LOOK = "striate.look."
TECHNIQUES = {
    "filters": Technique(f"{_LOOK}features.filters", "filters", "filters", "filters.png"),
    "maps": Technique(f"{_LOOK}features.maps", "maps", "maps", "maps.png"),
    "dead": Technique(f"{_LOOK}features.dead", "dead", "pictures", "dead.png"),
    "neighbours": Technique(f"{_LOOK}features.neighbours", "neighbours", "features and pixels", "neighbours.png"),
    "feature-map": Technique(f"{_LOOK}features.feature_map", "feature_map", "features", "feature_map.png"),
    "patches": Technique(f"{_LOOK}features.patches", "patches", "pictures", "patches.png"),
    "attributions": Technique(f"{_LOOK}explain.attributions", "attributions", "explaining", "attributions.png"),
    "saliency": Technique(f"{_LOOK}explain.saliency", "saliency", "gradients", "saliency.png"),
    "gradcam": Technique(f"{_LOOK}explain.gradcam", "gradcam", "maps", "gradcam.png"),
    "integrated": Technique(f"{_LOOK}explain.integrated", "integrated", "gradients", "integrated.png"),
    "occlusion": Technique(f"{_LOOK}explain.occlusion", "occlusion", "covering", "occlusion.png"),
    "adversarial": Technique(
        f"{_LOOK}attacks.adversarial", "adversarial", "attacking", "adversarial.png",
        {"save": ("A folder for the changed pictures, as PNG that `striate predict` reads as they are.", _save)},
    ),
    "robustness": Technique(f"{_LOOK}attacks.robustness", "robustness", "attacking", "robustness.png"),
    "maximise": Technique(f"{_LOOK}paint.maximise", "maximise", "maximising", "maximise.png"),
    "dream": Technique(f"{_LOOK}paint.dream", "dream", "dreaming", "dream.png"),
    "invert": Technique(f"{_LOOK}paint.invert", "invert", "inverting", "invert.png"),
    "codec": Technique(f"{_LOOK}paint.codec", "codec", "coding", "codec.png"),
    "encode": Technique(f"{_LOOK}paint.codec", "encode", "coding", "picture.code"),
    "decode": Technique(f"{_LOOK}paint.codec", "decode", "decoding", "decoded.png"),
    "line": Technique(f"{_LOOK}landscape.line", "line", "points", "line.png"),
    "surface": Technique(f"{_LOOK}landscape.surface", "surface", "points", "surface.png"),
    "paths": Technique(f"{_LOOK}landscape.paths", "paths", "paths", "paths.png"),
    "lesions": Technique(f"{_LOOK}landscape.lesions", "lesions", "lesions", "lesions.png"),
    "all": Technique("striate.pages.look", "write_look", "looking", "look.html"),
}  # fmt: skip


class Group(TyperGroup):
    """Makes a command when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(TECHNIQUES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return made(cmd_name) if cmd_name in TECHNIQUES else None

    @property
    def commands(self) -> Any:  # type: ignore[override]
        """Every command by its name, as click keeps them."""
        return {name: made(name) for name in TECHNIQUES}

    @commands.setter
    def commands(self, value: Any) -> None:
        """Typer sets what was registered: nothing."""


def register(app: typer.Typer) -> None:
    words = "Look inside a network: what its layers answer to, what its answers come from."
    app.add_typer(typer.Typer(cls=Group, help=words, no_args_is_help=True), name="look")


@cache
def made(name: str) -> Any:
    """The command of a technique: its options are the function's arguments."""
    technique = TECHNIQUES[name]
    read = signature(technique.module, technique.function)
    options = [TechniqueOption(argument) for argument in read.arguments if argument.name not in _GIVEN]
    options = [option for option in options if option.offered]
    whole = technique.out.endswith(".html")
    parameters = [_parameter("model", What)]
    parameters += [option.parameter() for option in options]
    if any(option.takes_data for option in options):
        part = typer.Option(help="Of a data set: train, validation or test; without it the last of these there is.")
        parameters.append(_parameter("part", Annotated[str | None, part], None))
    parameters += [_parameter("weights", Weights, None), _parameter("variant", Variant, None)]
    for also, (help_, _) in technique.also.items():
        parameters.append(_parameter(also, Annotated[Path | None, typer.Option(help=help_)], None))
    out = typer.Option("--out", help=f"The file to write; without it {technique.out}.")
    parameters.append(_parameter("out", Annotated[Path | None, out], None))
    if technique.out.endswith(".png"):
        page = typer.Option("--page", help="Also write a page with the figure and the table, .html.")
        parameters.append(_parameter("page", Annotated[Path | None, page], None))
    parameters.append(_parameter("json", Json, False))

    def command(**given: Any) -> None:
        for option in options:
            option.check(given[option.name])
        net = model_of(given["model"], given["weights"], given["variant"])
        values = {option.name: option.value(given[option.name], net, given.get("part")) for option in options}
        function = getattr(importlib.import_module(technique.module), technique.function)
        path = given["out"] or Path(technique.out)
        with going(technique.doing) as progress:
            if "progress" in inspect.signature(function).parameters:
                values["progress"] = progress
            result = function(path, net, **values) if whole else function(net, **values)
        finish(name, technique, result, path, values, given)

    ordered = sorted(parameters, key=lambda p: p.default is not inspect.Parameter.empty)  # required ones first
    command.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in ordered}
    command.__doc__ = read.summary
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name)(command)
    return typer.main.get_command(alone)


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


# -- options ------------------------------------------------------------------------------------------------------------
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
            return _parameter(self.name, Annotated[Path, typer.Argument(help=words)])
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
        return _parameter(self.name, Annotated[kind, typer.Option(*spelled, help=words + ".", metavar=meta)], default)

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
            if len(several) == 1 and isinstance(several[0], str) and is_data_set(several[0]):
                return dataset(model, several[0], part)
            if self.pictures:
                return several
        if given is None or (given == NONE and self._can_be_none):
            return None
        if self.dataset:
            return dataset(model, given, part)
        if bytes in self.kind.scalars:
            return Path(given).read_bytes()
        if self.repeated:
            values = list(given)
            if not values:
                return self.argument.default
            return values[0] if len(values) == 1 and (self.kind.scalars or self.kind.choices) else values
        if self.kind.pair:
            return _pair(self.name, given, self.kind.pair, alone=int in self.kind.scalars)
        if str in self.kind.scalars and float in self.kind.scalars:
            try:
                return float(given)
            except ValueError:
                return given
        return given


def _pair(name: str, text: str, types: tuple[type, ...], alone: bool) -> Any:
    """``8x4`` as (8, 4), ``8`` as 8 where one number will do."""
    pieces = str(text).lower().replace(",", "x").split("x")
    try:
        if alone and len(pieces) == 1:
            return int(pieces[0])
        return tuple(kind(piece) for kind, piece in zip(types, pieces, strict=True))
    except ValueError:
        raise ArgumentError(
            f'--{name.replace("_", "-")} takes {len(types)} numbers, such as 4x2, not "{text}".'
        ) from None


# -- in and out ---------------------------------------------------------------------------------------------------------
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


def dataset(model: Any, given: str, part: str | None) -> Any:
    """A part of a data set, read as the model wants its pictures."""
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


def finish(
    name: str, technique: Technique, result: Any, path: Path, values: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    """Write what a technique gave, and print it."""
    from striate.look.result import Look
    from striate.weights import atomic_write

    if isinstance(result, bytes):
        atomic_write(path, result)
        say({"code": str(path), "bytes": len(result)}, given["json"], f"{len(result):,} bytes\ncode  {path}")
        return
    if not isinstance(result, Look):
        say({"page": str(result)}, given["json"], f"page  {result}")
        return
    written = {"figure": str(result.save(path))}
    for also, (_, write) in technique.also.items():
        if given[also] is not None:
            write(result, given[also], values.get("pictures"))
            written[also] = str(given[also])
    if given["page"] is not None:
        from striate.report.html import write_page

        if given["page"].suffix.lower() != ".html":
            raise ArgumentError(f"{given['page']}: a page is written as .html.")
        written["page"] = str(write_page(given["page"], f"{result.title}: {given['model']}", [], [result.section()]))
    lines = [f"{what}  {where}" for what, where in written.items()]
    say({**result.facts(), **written}, given["json"], "\n".join([str(result), "", *lines]))


@contextmanager
def going(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, gone when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)
