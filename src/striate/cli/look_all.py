"""``striate look all``: everything on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate.cli.common import Json, Variant, say
from striate.cli.look import Picture, Weights, What, dataset, going, loaded
from striate.cli.look_answers import Part, Pictures, Seed
from striate.cli.look_image import one


def register(look: typer.Typer) -> None:
    look.command(name="all")(everything)


def everything(
    model: What,
    picture: Picture = None,
    data: Annotated[
        str | None,
        typer.Option(help="Also what looks at a data set: a folder with a folder for each class, a zip, a name."),
    ] = None,
    part: Part = None,
    pictures: Pictures = 300,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option("--out", help="The page.")] = Path("look.html"),
    json: Json = False,
) -> None:
    """One self-contained page with every technique on a picture, and on a data set where one is given."""
    from striate.look.page import everything

    photo, net = one(picture), loaded(model, weights, variant)
    examples = None if data is None else dataset(net, data, part, pictures, seed)
    with going("looking") as progress:
        page = everything(net, photo, out, data=examples, progress=progress)
    say({"page": str(page)}, json, f"page  {page}")
