"""``striate look filters | maps | dead | neighbours | map | patches``: what is there in a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate.cli.common import Json, Variant
from striate.cli.look import Data, Layer, Out, Picture, Weights, What, both, going, loaded, show
from striate.errors import ArgumentError

Part = Annotated[str | None, typer.Option(help="train, validation or test; without it the last of these there is.")]
Count = Annotated[
    int | None, typer.Option("--pictures", help="Take so many of the pictures, each class with its share.")
]
Seed = Annotated[int, typer.Option(help="Of the pictures taken and, for t-SNE, of the map.")]
Batch = Annotated[int, typer.Option(help="Pictures at a time.")]


def register(look: typer.Typer) -> None:
    for command in (filters, maps, dead, neighbours, patches):
        look.command()(command)
    look.command("map")(feature_map)


def filters(
    model: What,
    layer: Layer = None,
    weights: Weights = None,
    variant: Variant = None,
    shared: Annotated[bool, typer.Option("--shared", help="One range of colours for all filters.")] = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """The filters of a convolution as pictures; the first one's where no layer is named."""
    from striate.look.features.filters import filters

    show(filters(loaded(model, weights, variant), layer, shared), out, "filters.png", json)


def maps(
    model: What,
    picture: Picture = None,
    layer: Annotated[list[str] | None, typer.Option(help="A layer's name; may be repeated. None: every layer.")] = None,
    weights: Weights = None,
    variant: Variant = None,
    page: Annotated[Path | None, typer.Option(help="Also write a page, .html, with the maps of every layer.")] = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """The activation maps of every layer for a picture."""
    from striate.look.features.maps import maps

    if len(picture or []) != 1:
        raise ArgumentError(f"maps takes one --picture, not {len(picture or [])}.")
    found = maps(loaded(model, weights, variant), (picture or [])[0], layer or None)
    if page is not None:
        from striate.report.html import write_page

        if page.suffix.lower() != ".html":
            raise ArgumentError(f"{page}: a page is written as .html.")
        write_page(page, f"Activation maps: {Path((picture or [''])[0]).name}", [], [found.section()])
    show(found, out, "maps.png", json, {"page": page} if page is not None else None)


def dead(
    model: What,
    data: Data = None,
    part: Part = None,
    count: Count = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="A layer's name; may be repeated. None: all that a ReLU ends.")
    ] = None,
    weights: Weights = None,
    variant: Variant = None,
    batch_size: Batch = 32,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Which maps are zero everywhere, for how much of a data set."""
    from striate.look.features.maps import dead

    net, pictures = both(model, weights, variant, data, part, count, seed)
    with going("pictures") as progress:
        found = dead(net, pictures, layer or None, batch_size=batch_size, progress=progress)
    show(found, out, "dead.png", json)


def neighbours(
    model: What,
    data: Data = None,
    picture: Annotated[
        list[str] | None,
        typer.Option("--picture", help="A picture file whose neighbours are looked for; may be repeated."),
    ] = None,
    query: Annotated[list[int] | None, typer.Option(help="Number of a picture in the data; may be repeated.")] = None,
    layer: Layer = None,
    k: Annotated[int, typer.Option("--k", help="How many neighbours.")] = 5,
    part: Part = None,
    count: Count = None,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Nearest neighbours by features and by pixels: of picture files, of some of the data, or of all of them."""
    from striate.look.features.neighbours import neighbours

    if picture and query:
        raise ArgumentError("neighbours looks for those of --picture or of --query, not of both.")
    net, pictures = both(model, weights, variant, data, part, count, seed)
    with going("features and pixels") as progress:
        found = neighbours(net, pictures, picture or query or None, layer, k, progress=progress)
    show(found, out, "neighbours.png", json)


def feature_map(
    model: What,
    data: Data = None,
    method: Annotated[str, typer.Option(help="tsne or pca.")] = "tsne",
    layer: Layer = None,
    perplexity: Annotated[float | None, typer.Option(help="Of t-SNE: about how many neighbours count (30).")] = None,
    part: Part = None,
    count: Count = None,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """The features of a data set as a map, coloured by class, with thumbnails."""
    from striate.look.features.feature_map import feature_map

    net, pictures = both(model, weights, variant, data, part, count, seed)
    with going("features") as progress:
        found = feature_map(net, pictures, method, layer, perplexity=perplexity, seed=seed, progress=progress)  # type: ignore[arg-type]
    show(found, out, "map.png", json)


def patches(
    model: What,
    data: Data = None,
    layer: Annotated[str | None, typer.Option(help="A layer's name; without it one at half of the depth.")] = None,
    map: Annotated[
        list[int] | None, typer.Option("--map", help="A map's number; may be repeated. None: eight.")
    ] = None,
    k: Annotated[int, typer.Option("--k", help="How many patches of each map.")] = 9,
    part: Part = None,
    count: Count = None,
    weights: Weights = None,
    variant: Variant = None,
    batch_size: Batch = 32,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """What the maps of a layer answer to most, with deconvnet and guided backpropagation beside it."""
    from striate.look.features.patches import patches

    net, pictures = both(model, weights, variant, data, part, count, seed)
    if layer is None:
        from striate.look.paint.invert import spread

        shapes = {node.name: node.shape for node in net.graph.flat().nodes}
        mapped = [name for name in spread(net) if len(shapes[name]) == 3]
        if not mapped:
            raise ArgumentError(
                "this network has no layer with maps after an activation function; name one with --layer."
            )
        layer = mapped[len(mapped) // 2]
    with going("pictures") as progress:
        found = patches(net, pictures, layer, map or None, k, batch_size=batch_size, progress=progress)
    show(found, out, "patches.png", json)
