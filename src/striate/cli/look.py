"""``striate look``: looking inside a network.  A command is made from a technique's signature and docstring."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import WEIGHTS, Commands, Json, Variant, check_output, going, model_of, say
from striate.cli.look_options import TechniqueOption, parameter_of
from striate.cli.signatures import signature

What = Annotated[str, typer.Argument(help="A saved model's or run's folder, or an architecture with --weights.")]
Photos = Annotated[list[str] | None, typer.Argument(help="Picture files, or a data set: the same as --pictures.")]
Weights = Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")]
# what every technique is given otherwise than by an option of its own
_GIVEN = ("model", "path", "progress")


@dataclass
class Technique:
    """A command.

    module, function  what it calls, with a model and with the values of its options
    doing             what the progress bar says
    out               the usual name of the file that it writes
    also              {option: (help, function (result, path, pictures))} that writes something more
    model             whether it looks into a network; without one it takes pictures as they are
    """

    module: str
    function: str
    doing: str
    out: str
    also: Mapping[str, tuple[str, Callable[[Any, Path, Any], Any]]] = field(default_factory=dict)
    model: bool = True


def _save(result: Any, folder: Path, pictures: Any) -> Any:
    names = [Path(each).stem for each in pictures] if isinstance(pictures, list) else None
    return result.write(folder, names)


_LOOK = "striate.look."
TECHNIQUES = {
    "why": Technique(f"{_LOOK}explain.why", "why", "explaining", "why.png"),
    "filters": Technique(f"{_LOOK}features.filters", "filters", "filters", "filters.png"),
    "templates": Technique(f"{_LOOK}features.templates", "templates", "templates", "templates.png"),
    "fixed-filters": Technique(
        f"{_LOOK}features.fixed_filters", "fixed_filters", "filtering", "fixed_filters.png",
        {"save": ("A folder for the maps, each a PNG as large as its photo.", _save)}, model=False,
    ),
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


class Group(Commands):
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
    parameters = [parameter_of("model", What)] if technique.model else []
    if any(option.pictures for option in options):
        parameters.append(parameter_of("photos", Photos, None))
    parameters += [option.parameter() for option in options]
    if technique.model and any(option.takes_data for option in options):
        part = typer.Option(help="Of a data set: train, validation or test; without it the last of these there is.")
        parameters.append(parameter_of("part", Annotated[str | None, part], None))
    if technique.model:
        parameters += [parameter_of("weights", Weights, None), parameter_of("variant", Variant, None)]
    for also, (help_, _) in technique.also.items():
        parameters.append(parameter_of(also, Annotated[Path | None, typer.Option(help=help_)], None))
    out = typer.Option("--output", "-o", "--out", help=f"The file to write; without it {technique.out}.")
    parameters.append(parameter_of("out", Annotated[Path | None, out], None))
    if technique.out.endswith(".png"):
        page = typer.Option("--page", help="Also write a page with the figure and the table, .html.")
        parameters.append(parameter_of("page", Annotated[Path | None, page], None))
    parameters.append(parameter_of("json", Json, False))

    def command(**given: Any) -> None:
        if photos := given.pop("photos", None):
            given["pictures"] = [*photos, *(given["pictures"] or [])]
        path = given["out"] or Path(technique.out)
        read = [value for option, value in given.items() if option not in ("out", "page", *technique.also)]
        check_output(path, *read, endings=(".png", ".svg") if technique.out.endswith(".png") else ())
        check_output(given.get("page"), *read, endings=(".html",))
        for option in options:
            option.check(given[option.name])
        net = model_of(given["model"], given["weights"], given["variant"]) if technique.model else None
        values = {option.name: option.value(given[option.name], net, given.get("part")) for option in options}
        function = getattr(importlib.import_module(technique.module), technique.function)
        with going(technique.doing) as progress:
            if "progress" in inspect.signature(function).parameters:
                values["progress"] = progress
            into = [path] if whole else []
            result = function(*into, net, **values) if technique.model else function(**values)
        finish(name, technique, result, path, values, given)

    ordered = sorted(parameters, key=lambda p: p.default is not inspect.Parameter.empty)  # required ones first
    command.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in ordered}
    command.__doc__ = read.summary
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name)(command)
    return typer.main.get_command(alone)


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

        written["page"] = str(
            write_page(
                given["page"],
                ": ".join([result.title, *([given["model"]] if technique.model else [])]),
                [],
                [result.section()],
            )
        )
    lines = [f"{what}  {where}" for what, where in written.items()]
    say({**result.facts(), **written}, given["json"], "\n".join([str(result), "", *lines]))
