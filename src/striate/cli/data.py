"""Commands about data sets: data check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import DATA, WEIGHTS, Commands, Ignored, Json, check_output, going, labels_of, model_of, say


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        cls=Commands, help="Look at data sets before they are trained on.", no_args_is_help=True, rich_markup_mode=None
    )
    group.callback()(_data)
    group.command()(check)
    app.add_typer(group, name="data")


def _data() -> None:
    """Look at data sets before they are trained on."""


def check(
    path: Annotated[str, typer.Argument(help=f"{DATA}.")],
    near: Annotated[
        bool, typer.Option("--near/--no-near", help="Look for pictures that only look the same, too.")
    ] = True,
    aspect: Annotated[
        float, typer.Option(help="A picture whose longer side is more than so many times its shorter one is odd.")
    ] = 4.0,
    few: Annotated[int, typer.Option(help="Classes with fewer readable pictures to train on are named.")] = 10,
    classes: Annotated[
        str | None,
        typer.Option(
            help="The classes' names with commas between, a file with one a line, or how many there are, where masks, YOLO "
            "or CSV files do not say."
        ),
    ] = None,
    ignored: Ignored = None,
    model: Annotated[
        str | None,
        typer.Option(help="A saved model (or an architecture with --weights) that says which labels look wrong."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")] = None,
    page: Annotated[Path | None, typer.Option("--html", help="Write a page with the pictures to this file.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when there is an error or a warning.")] = False,
    json: Json = False,
) -> None:
    """Find broken, duplicate, tiny, odd and wrongly annotated pictures, and the same picture in two parts."""
    from striate.data.checks.check import check as look

    check_output(page, path, classes, model, weights, endings=(".html",))
    named: Any = int(classes) if classes is not None and classes.isdecimal() else classes
    if isinstance(named, str):
        named = labels_of(named, None)["classes"]
    trained = model_of(model, weights) if model is not None else None
    with going("looking at pictures") as progress:
        how: dict[str, Any] = {"near": near, "few": few, "aspect": aspect, "classes": named, "ignored": ignored}
        report = look(path, **how, model=trained, progress=progress)
    if page is not None:
        from striate.report import write_data_report

        write_data_report(page, report)
    say(report.to_dict(), json, f"{report}\n\npage  {page}" if page is not None else str(report))
    if strict and report.serious:
        raise typer.Exit(1)
