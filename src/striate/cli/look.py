"""``striate look``: looking inside a network; a file a group of techniques, all with the same first arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import WEIGHTS, model_of, say
from striate.errors import ArgumentError

What = Annotated[str, typer.Argument(help="A saved model's or run's folder, or an architecture with --weights.")]
Weights = Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")]
Picture = Annotated[list[str] | None, typer.Option("--picture", help="Needed: a picture file; may be repeated.")]
Data = Annotated[
    str | None, typer.Option(help="Needed: a data set, that is a folder with a folder for each class, a zip, a name.")
]
Layer = Annotated[str | None, typer.Option(help="A layer's name, as `striate size` prints it.")]
Target = Annotated[str | None, typer.Option(help="A class: its name or number; without it the network's answer.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where the figure goes: a .png or .svg file.")]

look = typer.Typer(
    help="Look inside a network: what its layers answer to, what its answers come from.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    from striate.cli import look_all, look_answers, look_image, look_inside, look_weights

    for group in (look_inside, look_answers, look_image, look_weights, look_all):
        group.register(look)
    app.add_typer(look, name="look")


def loaded(model: str, weights: str | None, variant: list[str] | None = None) -> Any:
    """The model to look into."""
    return model_of(model, weights, variant)


def show(result: Any, out: Path | None, usual: str, as_json: bool, also: dict[str, Path] | None = None) -> None:
    """Save the figure (to `usual` in the working folder when nothing is asked) and print what was found.

    also   what else was written, and where
    """
    path = result.save(out if out is not None else Path(usual))
    left = {"figure": str(path), **{what: str(where) for what, where in (also or {}).items()}}
    written = [f"{what}  {where}" for what, where in left.items()]
    say({**result.facts(), **left}, as_json, "\n".join([str(result), "", *written]))


def both(
    model: str,
    weights: str | None,
    variant: list[str] | None,
    data: str | None,
    part: str | None,
    count: int | None,
    seed: int,
) -> tuple[Any, Any]:
    """The model, and a part of a data set read as it wants its pictures."""
    if data is None:
        raise ArgumentError("which pictures? Give --data: a folder with a folder for each class, a zip, or a name.")
    net = loaded(model, weights, variant)
    return net, dataset(net, data, part, count, seed)


def dataset(model: Any, data: str, part: str | None, count: int | None, seed: int) -> Any:
    """A part of a data set, read as the model wants its pictures."""
    from striate.data import load
    from striate.data.sets.catalog import SOURCES
    from striate.look.pictures import Space

    named = data in SOURCES or data in ("digits", "scenes")
    splits = load(data) if named else load(data, preprocessing=Space.of(model).preprocessing)
    there = {name: value for name, value in splits._asdict().items() if value is not None}
    if part is not None and part not in there:
        raise ArgumentError(f"{data} has no part {part!r}, only {', '.join(there)}.")
    found = there[part or list(there)[-1]]
    if model.preprocessing is not None and found.shape == model.graph.input_shapes[0]:
        found = replace(found, preprocessing=model.preprocessing)  # as the network takes them, whatever the data's own
    return found if count is None or count >= len(found) else found.take(count, seed)


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
