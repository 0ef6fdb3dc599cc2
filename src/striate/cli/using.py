"""Commands that use a trained model: predict."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from striate.cli import finding
from striate.cli.common import WEIGHTS, Engine, Json, Variant, With, aside, engine_of, going, model_of, say
from striate.cli.finding import Beside, Draw, Format, Least
from striate.errors import ArgumentError, DataError
from striate.visible import visible
from striate.wording import lasting, plural

if TYPE_CHECKING:
    from striate.tasks import FileAnswer


def register(app: typer.Typer) -> None:
    app.command()(predict)


def predict(
    model: Annotated[str, typer.Argument(help="A saved model's or run's folder, or an architecture with --weights.")],
    pictures: Annotated[
        list[str] | None,
        typer.Argument(
            help="Picture files, and folders of them, with all folders below; of models that find, or one film."
        ),
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text to classify, for a model trained on texts.")] = None,
    weights: Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")] = None,
    variant: Variant = None,
    others: With = None,
    top: Annotated[int | None, typer.Option(help="How many classes to show (5; 1 a line for a folder).")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            "--out",
            help="Write a table (.csv), or a JSON object a line (.jsonl), instead; what is found also as COCO (.json), a "
            "folder (VOC; of label maps: masks), or of a film a film.",
        ),
    ] = None,
    draw: Draw = None,
    least: Least = None,
    format: Format = None,
    beside: Beside = "link",
    batch_size: Annotated[int, typer.Option(help="Pictures, or frames of a film, at a time.")] = 32,
    engine: Engine = None,
    json: Json = False,
) -> None:
    """What a model says of pictures: the most probable classes, or where things are, as it was trained to.

    A model that was trained to localize, segment or detect answers as the command of that name does, films included.
    """
    from striate.tasks import Ensemble, classify_files, write_answers
    from striate.tasks.files import ENDINGS, facts, files_in
    from striate.tasks.kinds import task_of
    from striate.tasks.task import NAMES
    from striate.weights.bundle import recorded

    if not pictures and not text:
        raise DataError("name at least one picture or folder (or --text).")
    written = {"draw": draw, "out": out, "format": format, "beside": beside}
    task = recorded(model).get("task")
    asked = None if text else finding.planned(task if task in NAMES[1:] else None, pictures or [], **written)  # type: ignore[arg-type]
    trained = model_of(model, weights, variant)
    if task_of(trained).name != "classify":
        for option, given in {"--text": text, "--with": others, "--top": top}.items():
            if given:
                raise ArgumentError(
                    f"{option} is for models that classify; {model} was trained to {task_of(trained).name}."
                )
        assert asked is not None
        finding.answer(trained, asked, told=model, least=least, batch_size=batch_size, engine=engine, json=json)
        return
    if out is not None and out.suffix.lower() not in ENDINGS:
        raise ArgumentError(f"{out}: answers are written as {' or '.join(ENDINGS)}.")
    found = files_in(pictures or ())
    chosen = engine_of(trained, engine)
    for option, value in {"--draw": draw, "--least": least, "--format": format}.items():
        if value is not None:
            raise ArgumentError(f"{option} is for models that find things; {model} was trained to classify.")
    if text and (trained.preprocessing is None or trained.preprocessing.vocabulary is None):
        raise ArgumentError(f"{model} was trained on pictures; --text is for models trained on texts.")
    net: Any = Ensemble([trained, *(model_of(other, None) for other in others)]) if others else trained
    folders = any(Path(each).is_dir() for each in pictures or ())
    count = top if top is not None else 1 if folders and out is None and not json else 5
    started, read, failed, counts = time.perf_counter(), 0, list[str](), Counter[str]()
    quiet = out is not None or json or not sys.stdout.isatty()  # a bar between printed lines would be in their way

    def answers() -> Iterator[FileAnswer]:
        nonlocal read
        yield from _of_texts(net, text, count, chosen.how)
        if not found.files:
            return
        with going("pictures") if quiet else nullcontext() as progress:
            for answer in classify_files(
                net, found.files, count, batch_size=batch_size, engine=chosen.how, progress=progress
            ):
                if answer.error is None:
                    read += 1
                    counts.update(guess.label for guess in answer.guesses[:1])
                else:
                    failed.append(answer.path)
                yield answer

    if out is not None:
        write_answers(out, answers(), min(count, len(trained.labels or range(count))))
        if json:
            ending = out.suffix.lower().removeprefix(".")
            say(finding.written(out, ending, read, counts, failed, chosen.name), True, "")
    elif json:
        say([chosen.told(facts(answer)) for answer in answers()], True, "")
    else:
        for answer in answers():
            say(None, False, _line(answer) if folders and count == 1 else _block(answer))
    if folders or out is not None:
        broken = f"; {plural(len(failed), 'file')} could not be read{_names(failed)}" if failed else ""
        broken += f"; {plural(len(found.aside), 'other file')} left aside{_names(found.aside)}" if found.aside else ""
        told = f"{plural(read, 'picture')} in {lasting(time.perf_counter() - started)}{broken}"
        aside(told + (f"; {out}" if out is not None else ""))
    if failed:
        raise typer.Exit(2)


def _names(files: list[str]) -> str:
    """The first few of them, in brackets."""
    return f" ({', '.join(Path(file).name for file in files[:3])}{', …' if len(files) > 3 else ''})"


def _of_texts(net: Any, texts: list[str] | None, top: int, engine: str) -> Iterator[FileAnswer]:
    from striate.tasks import Ensemble, FileAnswer

    for text in texts or ():
        asked = net if isinstance(net, Ensemble) else Ensemble([net])
        (guesses,) = asked.classify([text], top, engine=engine)
        yield FileAnswer(text, guesses)


def _line(answer: FileAnswer) -> str:
    if answer.error is not None:
        return f"   error  {visible(answer.path)}: {visible(answer.error)}"
    return f"{answer.guesses[0].probability:8.2%}  {visible(answer.guesses[0].label):24}  {visible(answer.path)}"


def _block(answer: FileAnswer) -> str:
    if answer.error is not None:
        return f"{visible(answer.path)}\n  {visible(answer.error)}"
    lines = (f"  {guess.probability:8.2%}  {visible(guess.label)}" for guess in answer.guesses)
    return "\n".join([visible(answer.path), *lines])
