"""Commands that use a trained model: predict."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from striate.cli.common import WEIGHTS, Json, Variant, With, model_of, say
from striate.errors import ArgumentError, DataError


def register(app: typer.Typer) -> None:
    app.command()(predict)


def predict(
    model: Annotated[str, typer.Argument(help="A saved model's or run's folder, or an architecture with --weights.")],
    pictures: Annotated[list[str] | None, typer.Argument(help="Picture files.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text to classify, for a model trained on texts.")] = None,
    weights: Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")] = None,
    variant: Variant = None,
    others: With = None,
    top: Annotated[int, typer.Option(help="How many classes to show.")] = 5,
    json: Json = False,
) -> None:
    """The most probable classes of pictures, with their probabilities."""
    from striate.tasks import Ensemble, classify

    sources = [*(pictures or []), *(text or [])]
    if not sources:
        raise DataError("name at least one picture (or --text).")
    trained = model_of(model, weights, variant)
    if text and (trained.preprocessing is None or trained.preprocessing.vocabulary is None):
        raise ArgumentError(f"{model} was trained on pictures; --text is for models trained on texts.")
    together = Ensemble([trained, *(model_of(other, None) for other in others)]) if others else None
    results: list[dict[str, Any]] = []
    lines, failed = [], 0
    for source in sources:
        try:
            (guesses,) = classify(trained, [source], top) if together is None else together.classify([source], top)
        except DataError as error:
            failed += 1
            results.append({"source": source, "error": str(error)})
            lines.append(f"{source}\n  {error}")
            continue
        results.append({"source": source, "top": [guess._asdict() for guess in guesses]})
        lines.append("\n".join([source, *(f"  {guess.probability:8.2%}  {guess.label}" for guess in guesses)]))
    say(results, json, "\n".join(lines))
    if failed:
        raise typer.Exit(2)
