"""``striate look``: where answers come from, and how little it takes to change them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import Json, Variant
from striate.cli.look import Data, Layer, Out, Picture, Target, Weights, What, both, going, loaded, show
from striate.errors import ArgumentError, DataError

Pictures = Annotated[int | None, typer.Option("--pictures", help="So many pictures of the data, drawn at random.")]
Part = Annotated[str | None, typer.Option(help="A part of the data, such as test; without it the last there is.")]
Check = Annotated[
    bool, typer.Option("--check/--no-check", help="Whether the map changes when the top layers are randomised.")
]
Baseline = Annotated[str, typer.Option(help="What says nothing: black, white, grey, a pixel value 0..255, a picture.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn at random.")]


def register(look: typer.Typer) -> None:
    for command in (attribution, saliency, gradcam, integrated, occlusion, adversarial, robustness):
        look.command()(command)


def attribution(
    model: What,
    picture: Picture = None,
    target: Target = None,
    method: Annotated[list[str] | None, typer.Option(help="A method; may be repeated. Without it all.")] = None,
    score: Annotated[bool, typer.Option("--score/--no-score", help="Deletion and insertion scores.")] = True,
    check: Annotated[bool, typer.Option("--check/--no-check", help="The parameter randomisation check.")] = True,
    weights: Weights = None,
    variant: Variant = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Several methods' explanations of an answer, their scores, and which of them not to trust."""
    from striate.look.explain.attributions import attributions

    photos = some(picture)
    with going("explaining") as progress:
        found = attributions(
            loaded(model, weights, variant),
            photos,
            method or None,
            target,
            score=score,
            check=check,
            progress=progress,
        )
    show(found, out, "attribution.png", json)


def saliency(
    model: What,
    picture: Picture = None,
    target: Target = None,
    rule: Annotated[str, typer.Option(help="How gradients pass a ReLU: backprop, deconvnet or guided.")] = "backprop",
    layer: Layer = None,
    check: Check = True,
    weights: Weights = None,
    variant: Variant = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """The gradient of an answer (or of a layer's strongest unit) to the pixels."""
    from striate.look.explain.saliency import saliency

    wanted: Any = int(target) if layer is not None and target is not None and target.isdigit() else target
    photos, net = some(picture), loaded(model, weights, variant)
    with going("gradients") as progress:
        found = saliency(net, photos, wanted, rule, layer, check=check and layer is None, progress=progress)  # type: ignore[arg-type]
    show(found, out, "saliency.png", json)


def gradcam(
    model: What,
    picture: Picture = None,
    target: Target = None,
    layer: Layer = None,
    check: Check = True,
    weights: Weights = None,
    variant: Variant = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Grad-CAM: where the maps of a layer speak for a class."""
    from striate.look.explain.gradcam import gradcam

    photos, net = some(picture), loaded(model, weights, variant)
    with going("maps") as progress:
        found = gradcam(net, photos, target, layer, check=check, progress=progress)
    show(found, out, "gradcam.png", json)


def integrated(
    model: What,
    picture: Picture = None,
    target: Target = None,
    steps: Annotated[int, typer.Option(help="Points on the way from the baseline to the picture.")] = 64,
    baseline: Baseline = "black",
    check: Check = True,
    weights: Weights = None,
    variant: Variant = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Integrated gradients: what each pixel adds to an answer on the way from a baseline to the picture."""
    from striate.look.explain.integrated import integrated

    photos, net = some(picture), loaded(model, weights, variant)
    with going("gradients") as progress:
        found = integrated(net, photos, target, steps=steps, baseline=number(baseline), check=check, progress=progress)
    show(found, out, "integrated.png", json)


def occlusion(
    model: What,
    picture: Picture = None,
    target: Target = None,
    window: Annotated[
        int | None, typer.Option(help="Side of what is covered, in pixels; without it a seventh of the picture.")
    ] = None,
    stride: Annotated[int | None, typer.Option(help="Pixels from place to place; without it half a window.")] = None,
    fill: Baseline = "grey",
    check: Check = True,
    weights: Weights = None,
    variant: Variant = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Occlusion: how an answer falls while one part of the picture after the other is covered."""
    from striate.look.explain.occlusion import occlusion

    photos, net = some(picture), loaded(model, weights, variant)
    with going("covering") as progress:
        found = occlusion(
            net, photos, target, window=window, stride=stride, fill=number(fill), check=check, progress=progress
        )
    show(found, out, "occlusion.png", json)


def adversarial(
    model: What,
    picture: Picture = None,
    target: Annotated[str | None, typer.Option(help="The class to be answered; without it any but the answer.")] = None,
    method: Annotated[str, typer.Option(help="pgd, fgsm, ascent or noise.")] = "pgd",
    norm: Annotated[str | None, typer.Option(help="Of the budget: linf or l2.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="The budget in pixel values 0..255.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of PGD and ascent.")] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="A folder for the changed pictures, as PNG that `striate predict` reads as they are."),
    ] = None,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Pictures changed a little, so that the network gives another answer."""
    from striate.look.attacks.adversarial import adversarial

    photos, net = some(picture), loaded(model, weights, variant)
    with going("attacking") as progress:
        found = adversarial(
            net, photos, target=target, method=method, norm=norm, epsilon=epsilon, steps=steps, seed=seed,
            progress=progress,
        )  # fmt: skip
    if save is not None:
        from striate.report.figures import png
        from striate.report.tiles import rgba
        from striate.weights import atomic_write

        save.mkdir(parents=True, exist_ok=True)
        for source, pixels in zip(photos, found.pictures, strict=True):
            atomic_write(save / f"{Path(source).stem}.png", png(rgba(found.space.framed(pixels))))
    show(found, out, "adversarial.png", json, {"pictures": save} if save is not None else None)


def robustness(
    model: What,
    data: Data = None,
    part: Part = None,
    pictures: Pictures = 500,
    method: Annotated[
        list[str] | None, typer.Option(help="noise, fgsm or pgd; may be repeated. Without it all.")
    ] = None,
    epsilon: Annotated[list[float] | None, typer.Option(help="A budget in pixel values; may be repeated.")] = None,
    norm: Annotated[str, typer.Option(help="Of the budget: linf or l2.")] = "linf",
    steps: Annotated[int, typer.Option(help="Steps of PGD.")] = 40,
    weights: Weights = None,
    variant: Variant = None,
    seed: Seed = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Accuracy on a data set whose pictures are changed for the worse, by budget."""
    from striate.look.attacks.robustness import robustness

    net, examples = both(model, weights, variant, data, part, pictures, seed)
    with going("attacking") as progress:
        found = robustness(
            net, examples, method or ("noise", "fgsm", "pgd"), epsilon or None, norm=norm, steps=steps, seed=seed,
            progress=progress,
        )  # fmt: skip
    show(found, out, "robustness.png", json)


def number(given: str) -> str | float:
    """A pixel value where it is one, else the word or the file."""
    try:
        return float(given)
    except ValueError:
        return given


def some(picture: list[str] | None) -> list[str]:
    """The pictures given; at least one, and all there: asked before a model is loaded."""
    if not picture:
        raise ArgumentError("which picture? Give --picture FILE; it may be repeated.")
    for path in picture:
        if not Path(path).is_file():
            raise DataError(f"{path}: there is no such file.")
    return picture
