"""``striate look``: pictures made by the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import Json, Variant
from striate.cli.look import Out, Picture, Weights, What, both, going, loaded, show
from striate.cli.look_answers import Part, Seed, some
from striate.errors import ArgumentError

Layers = Annotated[list[str] | None, typer.Option("--layer", help="A layer's name; may be repeated.")]
Steps = Annotated[int | None, typer.Option(help="Steps of the optimisation.")]


def register(look: typer.Typer) -> None:
    for command in (maximise, dream, invert, codec, decode):
        look.command()(command)


def maximise(
    model: What,
    target: Annotated[
        list[str] | None, typer.Option(help="A class, or LAYER:MAP or LAYER:MAP:Y:X; may be repeated.")
    ] = None,
    steps: Steps = 256,
    pixels: Annotated[bool, typer.Option("--pixels", help="Optimise pixels, not Fourier coefficients.")] = False,
    tv: Annotated[float, typer.Option(help="Weight of the total variation.")] = 0.0,
    l2: Annotated[float, typer.Option(help="Weight of the L2 norm.")] = 0.0,
    jitter: Annotated[int | None, typer.Option(help="Shift by up to so many pixels before each step.")] = None,
    blur: Annotated[float | None, typer.Option(help="Every fourth step a Gaussian blur of so many pixels.")] = None,
    rotate: Annotated[float, typer.Option(help="Turn by up to so many degrees before each step.")] = 5.0,
    scale: Annotated[float, typer.Option(help="Scale by up to such a factor before each step.")] = 1.1,
    start: Annotated[
        str, typer.Option(help="zero (grey), noise, or mean: of the class's pictures in --data.")
    ] = "zero",
    data: Annotated[str | None, typer.Option(help="For --start mean: a data set with the classes.")] = None,
    part: Part = None,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Pictures that classes, maps or single units answer to most."""
    from striate.look.paint.maximise import Unit, maximise

    if not target:
        raise ArgumentError("what is to be maximised? Give --target: a class, LAYER:MAP or LAYER:MAP:Y:X.")
    if (start == "mean") != (data is not None):
        raise ArgumentError("--start mean takes --data, a data set with the classes, and nothing else does.")
    begin: Any = start
    if data is not None:
        net, begin = both(model, weights, variant, data, part, None, seed)
    else:
        net = loaded(model, weights, variant)
    wanted: list[Unit] = []
    for text in target:
        name, *numbers = text.split(":")
        if numbers and all(n.isdigit() for n in numbers) and text not in (net.labels or ()):
            wanted.append((name, *map(int, numbers)))
        else:
            wanted.append(text)
    with going("maximising") as progress:
        found = maximise(
            net, wanted, start=begin, steps=steps or 256, fourier=not pixels, tv=tv, l2=l2, jitter=jitter, seed=seed,
            blur=None if blur is None else (4, blur), rotate=rotate, scale=scale, progress=progress,
        )  # fmt: skip
    show(found, out, "maximise.png", json)


def dream(
    model: What,
    picture: Picture = None,
    layer: Layers = None,
    octaves: Annotated[int, typer.Option(help="Sizes, each 1.4 times the one before.")] = 4,
    steps: Annotated[int, typer.Option(help="Steps at each size.")] = 12,
    strength: Annotated[float, typer.Option(help="Root mean square of a step, of contrast -1 to 1.")] = 0.03,
    largest: Annotated[int, typer.Option(help="A longer side is scaled down to so many pixels.")] = 768,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """DeepDream of a photo of any size."""
    from striate.look.paint.dream import dream

    photo, net = one(picture), loaded(model, weights, variant)
    with going("dreaming") as progress:
        found = dream(
            net, photo, layer or None, octaves=octaves, steps=steps, learning_rate=strength, largest=largest, seed=seed,
            progress=progress,
        )  # fmt: skip
    show(found, out, "dream.png", json)


def invert(
    model: What,
    picture: Picture = None,
    layer: Layers = None,
    steps: Steps = 300,
    alpha: Annotated[float, typer.Option(help="Exponent of the norm that keeps the contrast within bounds.")] = 6.0,
    tv: Annotated[float, typer.Option(help="Weight of the total variation, which keeps the picture smooth.")] = 0.05,
    tv_beta: Annotated[float, typer.Option(help="Its exponent.")] = 2.0,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """A picture made again from the activations of each layer."""
    from striate.look.paint.invert import invert

    photo, net = one(picture), loaded(model, weights, variant)
    with going("inverting") as progress:
        found = invert(
            net, photo, layer or None, steps=steps or 300, alpha=alpha, tv=tv, tv_beta=tv_beta, seed=seed,
            progress=progress,
        )  # fmt: skip
    show(found, out, "invert.png", json)


def codec(
    model: What,
    picture: Picture = None,
    layer: Layers = None,
    steps: Steps = 300,
    code: Annotated[Path | None, typer.Option(help="Also write the code of the (one) layer to this file.")] = None,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Layers as picture codecs: bytes, and what comes back."""
    from striate.look.paint.codec import codec, encode

    photo, net = one(picture), loaded(model, weights, variant)
    if code is not None:
        from striate.weights import atomic_write

        if len(layer or ()) != 1:
            raise ArgumentError("--code is for one layer: name it with --layer.")
        atomic_write(code, encode(net, photo, (layer or [""])[0]))
    with going("coding") as progress:
        found = codec(net, photo, layer or None, steps=steps or 300, seed=seed, progress=progress)
    show(found, out, "codec.png", json, {"code": code} if code is not None else None)


def decode(
    model: What,
    code: Annotated[Path, typer.Argument(help="A file that `striate look codec --code` wrote.")],
    steps: Steps = 300,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """The picture that a code is of, as PNG."""
    from striate.cli.common import say
    from striate.look.paint.codec import decode
    from striate.report.figures import png
    from striate.report.tiles import rgba
    from striate.weights import atomic_write

    with going("decoding") as progress:
        picture, errors = decode(
            loaded(model, weights, variant), code.read_bytes(), steps=steps or 300, seed=seed, progress=progress
        )
    path = out or Path("decoded.png")
    atomic_write(path, png(rgba(picture)))
    say(
        {"picture": str(path), "relative error": float(errors[-1])},
        json,
        f"relative error {errors[-1]:.3f}\npicture  {path}",
    )


def one(picture: list[str] | None) -> str:
    """The picture given; just one."""
    if len(some(picture)) != 1:
        raise ArgumentError(f"this takes one --picture, not {len(some(picture))}.")
    return some(picture)[0]
