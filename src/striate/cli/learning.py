"""Commands that train: demo, train, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import WEIGHTS, Json, Variant, model_of, say, shape_of

Seed = Annotated[int, typer.Option(help="Of weights, shuffling and dropout; the same seed gives the same run.")]
RunFolder = Annotated[Path | None, typer.Option("--run", help="The folder of the run (runs/DATA-NETWORK).")]


def register(app: typer.Typer) -> None:
    for command in (demo, train, evaluate):
        app.command()(command)


def demo(run: RunFolder = None, seed: Seed = 0, json: Json = False) -> None:
    """Train a small ConvNet on real handwritten digits, test it on digits it never saw, and open it up in a report."""
    from striate.demo import demo as show

    result = show(run, seed=seed, say=_silent if json else print)
    if json:
        say(_facts(result), True, "")


def train(
    data: Annotated[str, typer.Argument(help="digits, mnist, fashion_mnist, cifar10, imdb, or a folder of pictures.")],
    model: Annotated[str | None, typer.Option(help="An architecture's name or a JSON description.")] = None,
    recipe: Annotated[str | None, typer.Option(help="digits, fast or best (digits and mnist have their own).")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data (the recipe's, or 5).")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Samples per step (the recipe's, or 32; 128 for 5,000 and more).")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, sgd, adamw, … (the recipe's, or adam).")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="A constant rate, in place of a recipe's schedule.")
    ] = None,
    validation: Annotated[float, typer.Option(help="Part of the training data held out for the curves.")] = 0.1,
    image_size: Annotated[str | None, typer.Option(help="Size for a folder of photos, such as 64x64.")] = None,
    precision: Annotated[str, typer.Option(help="float32, bf16 or fp16.")] = "float32",
    run: RunFolder = None,
    seed: Seed = 0,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    json: Json = False,
) -> None:
    """Train a network on a data set; saves the model, its metrics and a report in a run folder."""
    from striate.cli.common import graph_of
    from striate.model import Model
    from striate.runs import train_run
    from striate.zoo import names

    chosen: Any = model
    if model is not None and model not in names():
        name, graph = graph_of(model)
        chosen = Model.from_graph(graph, name)
    options: dict[str, Any] = {}
    if image_size is not None:
        size = shape_of(image_size)
        options["image_size"] = size * 2 if size is not None and len(size) == 1 else size
    elif Path(data).is_dir():
        options["image_size"] = (150, 150)
    result = train_run(
        data,
        model=chosen,
        recipe=recipe,
        folder=run,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        validation=validation,
        precision=precision,
        seed=seed,
        report=report,
        verbose=0 if json else "auto",
        **options,
    )
    say(_facts(result), json, told(result))


def evaluate(
    model: Annotated[str, typer.Argument(help="A saved model's or run's folder, or an architecture with --weights.")],
    data: Annotated[str | None, typer.Argument(help="Other data than it was trained on.")] = None,
    weights: Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")] = None,
    variant: Variant = None,
    json: Json = False,
) -> None:
    """Measure a trained model on held-out data."""
    from striate.runs import judge_run

    _, scores = judge_run(model_of(model, weights, variant), data)
    text = "  ".join(f"{key} {value:.4f}" if isinstance(value, float) else f"{value}" for key, value in scores.items())
    say(scores, json, text)


def _silent(text: str) -> None:
    """Say nothing."""


def told(result: Any) -> str:
    """A run's outcome for people."""
    scores = "  ".join(f"{key} {value:.4f}" for key, value in result.scores.items())
    lines = [f"{scores}  ({result.model.scores['judged on']}; trained in {result.seconds:.1f} s)"]
    lines.append(f"model   {result.folder}")
    if result.skipped:
        lines.append(
            f"{result.skipped} file{'s' * (result.skipped > 1)} could not be read and had no part; see the report"
        )
    if result.report:
        lines.append(f"report  {result.report}")
    return "\n".join(lines)


def _facts(result: Any) -> dict[str, Any]:
    return {
        "folder": str(result.folder),
        "report": str(result.report) if result.report else None,
        "seconds": round(result.seconds, 2),
        "scores": result.scores,
        "history": result.history,
    }
