"""The command that puts a trained network to use on one's own photos: transfer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import WEIGHTS, Augment, Json, Precision, Variant, alone, by_class, left, say
from striate.errors import ArgumentError
from striate.wording import plural


def register(app: typer.Typer) -> None:
    app.command()(transfer)


def transfer(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(help="A folder of photos: a folder per class, or train and val with these.")
    ] = None,
    base: Annotated[str, typer.Option(help="The architecture that learnt before.")] = "mobilenet",
    weights: Annotated[str | None, typer.Option(help=f"What it learnt: {WEIGHTS}.")] = None,
    variant: Variant = None,
    stages: Annotated[int, typer.Option(help="1: head on features; 2: and with augmentation; 3: and fine-tuned.")] = 3,
    unfreeze: Annotated[
        str, typer.Option(help="What stage 3 trains: so many stages (sizes of maps) from the end, or from a layer on.")
    ] = "1",
    epochs: Annotated[int, typer.Option(help="At most, of stages 2 and 3 each.")] = 15,
    batch_size: Annotated[int, typer.Option(help="Photos per step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of stage 2; stage 3 has a tenth.")] = 3e-4,
    augment: Augment = None,
    precision: Precision = "auto",
    validation: Annotated[float, typer.Option(help="Part held out where the folder has no val.")] = 0.2,
    scratch: Annotated[bool, typer.Option("--scratch", help="Also train without the weights, for contrast.")] = False,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Keep the features on disk.")] = True,
    engine: Annotated[
        str,
        typer.Option(
            help="What computes the features: auto (in 32 bits), fast (measured first), in 16 bits openvino-bf16 and "
            "torch-bf16, in 8 int8 and openvino-int8."
        ),
    ] = "auto",
    folder: Annotated[Path | None, typer.Option(help="The folder of the run (runs/DATA-BASE).")] = None,
    seed: Annotated[int, typer.Option(help="Of folds, shuffling, dropout and augmentation.")] = 0,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    resume: Annotated[Path | None, typer.Option(help="Go on with a run that was broken off, in its folder.")] = None,
    json: Json = False,
) -> None:
    """Put what a network learnt to use on photos of your own: head on features, augmentation, fine-tuning."""
    from striate.cli.common import variants_of
    from striate.transfer import fit, resume_transfer

    if resume is not None:
        alone(context, "--resume", except_for=("resume", "json"))
        result = resume_transfer(resume, verbose=0 if json else "auto")
        say(_facts(result), json, _told(result))
        return
    if data is None:
        raise ArgumentError("name a folder of photos, or --resume a run.")
    result = fit(
        data,
        base,
        weights,
        variant=variants_of(variant),
        stages=stages,
        unfreeze=int(unfreeze) if unfreeze.isdecimal() else unfreeze,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        augment=augment,
        precision=precision,
        validation=validation,
        scratch=scratch,
        cache=cache,
        engine=engine,
        folder=folder,
        seed=seed,
        report=report,
        verbose=0 if json else "auto",
    )
    say(_facts(result), json, _told(result))


def _told(result: Any) -> str:
    """The outcome for people."""
    lines = [str(result), ""]
    chosen = f"on {plural(result.validation, 'validation picture')}, which also chose the stage"
    lines.append(f"accuracy {result.kept.accuracy:.2%} {chosen}")
    if result.test is not None:
        lines.append(f"accuracy {result.test['accuracy']:.2%} on the test pictures, which chose nothing")
    lines += by_class(result.classes)
    lines.append(
        f"features of {plural(result.features['computed'], 'picture')} computed, of {result.features['from disk']} from disk"
    )
    lines.append(f"{result.seconds:.1f} s in all")
    return "\n".join([*lines, *left(result)])


def _facts(result: Any) -> dict[str, Any]:
    return {
        "folder": str(result.folder),
        "report": str(result.report) if result.report else None,
        "seconds": round(result.seconds, 2),
        "kept": result.kept.name,
        "stages": [vars(stage) for stage in result.stages],
        "scratch": vars(result.scratch) if result.scratch else None,
        "validation": result.validation,
        "test": result.test,
        "classes": result.classes,
        "features": result.features,
        "skipped": result.skipped,
    }
