"""``striate look``: loss surfaces, and residual networks as ensembles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import Json, Variant
from striate.cli.look import Data, Out, Picture, Target, Weights, What, both, going, loaded, show
from striate.cli.look_answers import Part, Pictures, Seed, some
from striate.errors import ArgumentError


def register(look: typer.Typer) -> None:
    for command in (surface, paths, lesions):
        look.command()(command)


def surface(
    model: What,
    data: Data = None,
    part: Part = None,
    pictures: Pictures = 1000,
    steps: Annotated[int, typer.Option(help="Points each way, an odd number.")] = 25,
    span: Annotated[float, typer.Option(help="How far, in multiples of the weights' own size.")] = 1.0,
    line: Annotated[bool, typer.Option("--line", help="One direction only.")] = False,
    pca: Annotated[
        Path | None, typer.Option(help="Folder of a Trajectory: the directions along which the training went.")
    ] = None,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """The loss around the trained weights, along filter-normalised directions or those of the training."""
    from striate.look.landscape.surface import line as one_way
    from striate.look.landscape.surface import surface
    from striate.look.landscape.trajectory import Trajectory

    if line and pca is not None:
        raise ArgumentError("--line is along a random direction; leave out --pca.")
    net, examples = both(model, weights, variant, data, part, pictures, seed)
    found: Any
    with going("points") as progress:
        if line:
            found = one_way(net, examples, steps=steps, span=span, seed=seed, progress=progress)
        elif pca is not None:
            path = Trajectory.read(pca)
            found = surface(
                net, examples, steps=steps, span=span, directions="pca", trajectory=path, seed=seed, progress=progress
            )
        else:
            found = surface(net, examples, steps=steps, span=span, seed=seed, progress=progress)
    show(found, out, "surface.png", json)


def paths(
    model: What,
    picture: Picture = None,
    target: Target = None,
    samples: Annotated[int, typer.Option(help="Paths drawn of each length.")] = 8,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Paths through residual blocks by length, and the gradient that they carry."""
    from striate.look.landscape.paths import paths

    photos = some(picture)
    with going("paths") as progress:
        found = paths(
            loaded(model, weights, variant), photos, target=target, samples=samples, seed=seed, progress=progress
        )
    show(found, out, "paths.png", json)


def lesions(
    model: What,
    data: Data = None,
    part: Part = None,
    pictures: Pictures = 500,
    draws: Annotated[int, typer.Option(help="Random choices for each number of blocks.")] = 5,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """What a residual network still gets right without some blocks, or with blocks exchanged."""
    from striate.look.landscape.lesions import lesions

    net, examples = both(model, weights, variant, data, part, pictures, seed)
    with going("lesions") as progress:
        found = lesions(net, examples, draws=draws, seed=seed, progress=progress)
    show(found, out, "lesions.png", json)
