"""Commands that say where things are in pictures: localize, segment, detect; and ``predict`` for models of these tasks."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from striate.cli.common import Chosen, Engine, Json, aside, check_output, engine_of, going, model_of, say
from striate.errors import ArgumentError, DataError
from striate.visible import visible
from striate.wording import lasting, plural

if TYPE_CHECKING:
    from striate.model import Model
    from striate.tasks.answering import PictureAnswer
    from striate.tasks.task import Task

Saved = Annotated[str, typer.Argument(help="The folder of a run or a saved model.")]
Pictures = Annotated[
    list[str] | None, typer.Argument(help="Picture files, and folders of them, with all folders below; or one film.")
]
Draw = Annotated[
    Path | None,
    typer.Option(help="A folder for copies of the pictures, or of the film, with the answers drawn on them."),
]
Least = Annotated[
    float | None, typer.Option(help="The score, 0 to 1, below which nothing counts as found (the model's).")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        "--out",
        help="Write the answers: .csv, .jsonl, .json (COCO), a folder (VOC; of label maps: masks), or of a film a film.",
    ),
]
Format = Annotated[
    str | None, typer.Option("--format", help="Of what is written: voc, yolo, coco, csv, jsonl, for labelling tools.")
]
Beside = Annotated[
    str, typer.Option("--pictures", help="Into a folder that is written: link, copy or none of the pictures.")
]
Batch = Annotated[int, typer.Option(help="Pictures, or frames of a film, at a time.")]


def register(app: typer.Typer) -> None:
    for command in (localize, segment, detect):
        app.command()(command)


def localize(
    model: Saved,
    pictures: Pictures = None,
    draw: Draw = None,
    out: Out = None,
    format: Format = None,
    beside: Beside = "link",
    batch_size: Batch = 8,
    engine: Engine = None,
    json: Json = False,
) -> None:
    """What one thing in each picture is, and where, by a model that was trained for it."""
    how = {"format": format, "beside": beside, "batch_size": batch_size, "engine": engine, "json": json}
    _run("localize", model, pictures, draw=draw, out=out, **how)


def segment(
    model: Saved,
    pictures: Pictures = None,
    draw: Draw = None,
    out: Out = None,
    format: Format = None,
    beside: Beside = "link",
    batch_size: Batch = 8,
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Which class each pixel of pictures is, by a model that was trained for it."""
    how = {"format": format, "beside": beside, "batch_size": batch_size, "engine": engine, "json": json}
    _run("segment", model, pictures, draw=draw, out=out, **how)


def detect(
    model: Saved,
    pictures: Pictures = None,
    draw: Draw = None,
    least: Least = None,
    out: Out = None,
    format: Format = None,
    beside: Beside = "link",
    batch_size: Batch = 8,
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Which things are in pictures, and where, by a model that was trained for it."""
    how = {"format": format, "beside": beside, "batch_size": batch_size, "engine": engine, "json": json}
    _run("detect", model, pictures, draw=draw, least=least, out=out, **how)


def _run(name: str, folder: str, pictures: list[str] | None, **options: Any) -> None:
    """Answer with a model of just this task."""
    if not pictures:
        raise DataError("name at least one picture or folder.")
    places = {each: options.pop(each) for each in ("draw", "out", "format", "beside")}
    asked = planned(name, pictures, **places)
    answer(model_of(folder, None), asked, wanted=name, told=folder, **options)


class AnswerPlan(NamedTuple):
    """What is answered and where the answers go, judged before a model is loaded.

    files    pictures
    copies   where the drawn copy of each goes; none where nothing is drawn
    film     the one film, in place of pictures, or None
    draw     the folder of the drawn copies, or None
    out      the place that is written, or None
    format   as it was asked for, or None
    beside   what becomes of the pictures in a folder that is written
    """

    files: list[str]
    copies: dict[str, Path]
    film: str | None
    draw: Path | None
    out: Path | None
    format: str | None
    beside: str


def planned(
    task: str | None, pictures: Sequence[str], *, draw: Path | None, out: Path | None, format: str | None, beside: str
) -> AnswerPlan:
    """Which files are answered and where the answers go, for a task by its name, or for any (None).

    Raises ArgumentError and DataError for what cannot be read, drawn or written.
    """
    from striate.data.writers.records import check_pictures
    from striate.tasks.files import files_in
    from striate.tasks.film import is_video

    if any(map(is_video, pictures)):
        if format is not None:
            raise ArgumentError(f"--format {format}: of a film a film is written; --json prints what was found in it.")
        if len(pictures) > 1:
            raise ArgumentError("films are answered one by one; name one film, or pictures without films.")
        place = _film_place(Path(pictures[0]), out, draw)
        return AnswerPlan([], {}, pictures[0], None, place, None, beside)
    check_output(out, *pictures)
    if format is not None and out is None:
        raise ArgumentError("--format goes with --out, the place to write to.")
    check_pictures(beside)
    if out is not None:
        _check_place(out, _format(task, out, format))
    files = files_in(pictures).files
    if draw is not None:
        files = _without_copies(files, pictures, draw)
    copies = {} if draw is None else _places(files, draw)
    return AnswerPlan(files, copies, None, draw, out, format, beside)


def answer(
    model: Model,
    asked: AnswerPlan,
    *,
    told: str,
    wanted: str | None = None,
    least: float | None = None,
    batch_size: int = 8,
    engine: str | None = None,
    json: bool = False,
) -> None:
    """Answer picture files with a model of a task other than classification: printed, written, drawn."""
    from striate.tasks.answering import answer_files
    from striate.tasks.kinds import TOLD, task_of

    task = task_of(model)
    if wanted not in (None, task.name):
        raise ArgumentError(f"{told} was trained to {task.name}, not to {wanted}; striate predict asks it.")
    if least is not None:
        if task.name != "detect":
            raise ArgumentError(f"--least is for models that detect; {told} was trained to {task.name}.")
        from dataclasses import replace

        model.decoding = replace(model.decoding, least=least)
    out, draw, chosen = asked.out, asked.draw, engine_of(model, engine)
    if asked.film is not None:
        assert out is not None
        _film(model, asked.film, out, batch_size, chosen, json)
        return
    format = "" if out is None else _format(task.name, out, asked.format)
    if out is not None:
        _check_place(out, format)
    names = model.intake.class_names(model.answers.classes)
    started, read, failed, short = time.perf_counter(), 0, list[str](), False
    counts = Counter[str]()
    quiet = out is not None or json or not sys.stdout.isatty()

    def answers() -> Iterator[PictureAnswer]:
        nonlocal read
        with going("pictures") if quiet else nullcontext() as progress:
            for one in answer_files(model, asked.files, batch_size=batch_size, engine=chosen.how, progress=progress):
                if one.error is not None:
                    failed.append(one.path)
                else:
                    read += 1
                    counts.update(task.labels(one.answer))
                    if draw is not None:
                        _draw(task, one, names, asked.copies[one.path])
                yield one

    if out is not None:
        _write(out, task, answers(), format, names, asked.beside)
        if json:
            say(
                written(out, format, read, counts, failed, chosen.name)
                | ({} if draw is None else {"drawn": str(draw)}),
                True,
                "",
            )
    elif json:
        say([chosen.told(_facts(task, one)) for one in answers()], True, "")
    else:
        for one in answers():
            said = task.told(one.answer) if one.error is None else str(one.error)
            short = short or (task.name == "detect" and one.error is None and len(one.answer) > TOLD)
            say(None, False, f"{visible(one.path)}: {said}")
    broken = f"; {plural(len(failed), 'file')} could not be read ({', '.join(failed[:3])})" if failed else ""
    places = "".join(f"; {place}" for place in (out, draw) if place is not None)
    aside(f"{plural(read, 'picture')} in {lasting(time.perf_counter() - started)}{broken}{places}")
    if short:
        aside("--out boxes.csv or --json gives every box, --draw FOLDER draws them")
    if failed:
        raise typer.Exit(2)


def written(
    out: Path, format: str, pictures: int, counts: Mapping[str, int], failed: Sequence[str], engine: str
) -> dict[str, Any]:
    """What --json prints where the answers themselves went into files.

    out        the file or folder
    format     of it
    pictures   that were answered
    counts     {class: how many were found}, of label maps and of classifiers in how many pictures it is
    failed     files that could not be read
    engine     the name of what answered
    """
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return {
        "written": str(out),
        "format": format,
        "pictures": pictures,
        "counts": dict(ordered),
        "failed": list(failed),
        "engine": engine,
    }


def _facts(task: Task, one: PictureAnswer) -> dict[str, Any]:
    """An answer as plain values."""
    if one.error is not None or one.size is None:
        return {"source": one.path, "error": one.error}
    return {"source": one.path, "height": one.size[0], "width": one.size[1], **task.facts(one.answer)}


def _format(task: str | None, out: Path, asked: str | None) -> str:
    """What is written, by its name or the ending of the place; of any task for None.

    Raises ArgumentError for what there is not.
    """
    maps, boxed = ("masks", "csv", "jsonl"), ("voc", "yolo", "coco", "csv", "jsonl")
    known: tuple[str, ...] = maps if task == "segment" else boxed
    if task is None:
        known = ("masks", *boxed)
    endings = {".csv": "csv", ".jsonl": "jsonl"} | ({".json": "coco"} if "coco" in known else {})
    said = endings.get(out.suffix.lower(), "")
    chosen = asked or (said if out.suffix else known[0])
    if said and chosen in known and chosen != said:
        raise ArgumentError(f"--out {out} says {said}, and --format says {chosen}. Leave one out or give another name.")
    if chosen not in known:
        folder = "voc, or masks" if task is None else known[0]
        raise ArgumentError(
            f"{asked or out}: answers {'' if task is None else 'of this task '}are written as {', '.join(known)}; endings "
            f"that say so are {', '.join(endings)}, and a folder is {folder}."
        )
    return chosen


def _check_place(out: Path, kind: str) -> None:
    """Raise DataError for a folder that is there already, ArgumentError for one where a file is to be."""
    from striate.doors.writing import check_new_folder

    if kind in ("voc", "yolo", "masks") or (kind == "coco" and out.suffix.lower() != ".json"):
        check_new_folder(out)
    elif out.is_dir():
        raise ArgumentError(f"--out {out}: {kind} is one file, and there it is a folder. Name a file.")


def _write(out: Path, task: Task, answers: Iterator[PictureAnswer], kind: str, names: list[str], beside: str) -> None:
    """Answers as files of other tools; those that could not be read have no part in them."""
    from striate.doors.writing import json_text
    from striate.doors.writing import written as written_text
    from striate.tasks.writing import write_boxes, write_label_maps

    if task.name == "segment" and kind == "jsonl":
        with written_text(out, newline="") as file:
            for one in answers:
                file.write(json_text(_facts(task, one)) + "\n")
        return
    read = (one for one in answers if one.error is None)
    if task.name == "segment":
        write_label_maps(out, ((one.path, one.answer.labels) for one in read), names, pictures=beside)  # type: ignore[arg-type]
        return
    boxes = ((one.path, one.size, one.answer if task.name == "detect" else [one.answer]) for one in read)
    write_boxes(out, boxes, names, format=kind, pictures=beside)  # type: ignore[arg-type]


def _film_place(film: Path, out: Path | None, draw: Path | None) -> Path:
    """Where a film with the answers drawn into it goes: --out, or into the folder --draw, or beside it with -annotated."""
    from striate.tasks.film import film as opened
    from striate.tasks.video import check_target

    if out is not None and draw is not None:
        raise ArgumentError("--out and --draw both say where the film with the answers goes; leave one out.")
    place = out or (film.with_name(f"{film.stem}-annotated.mp4") if draw is None else draw / f"{film.stem}.mp4")
    check_target(place, opened(film).path)
    return place


def _film(model: Model, film: str, place: Path, batch_size: int, engine: Chosen, json: bool) -> None:
    """A film with the answers drawn into its frames."""
    from striate.tasks.video import annotate_video

    with going("frames") as progress:
        made = annotate_video(model, film, place, batch_size=batch_size, engine=engine.how, progress=progress)
    kind = made.path.suffix.removeprefix(".").lower() or "frames"
    facts = {"written": str(made.path), "format": kind, "frames": made.frames, "lost": made.lost}
    facts |= {"seconds": made.seconds, "rate": made.rate, "engine": engine.name}
    say(facts | {"found": list(made.found), "notes": list(made.notes)}, json, str(made))


def _without_copies(files: list[str], named: Sequence[str], folder: Path) -> list[str]:
    """Without what an earlier run drew into a folder below those with the pictures."""
    drawn = os.path.realpath(folder)
    below = any(drawn.startswith(os.path.realpath(each) + os.sep) for each in named)
    return [
        file for file in files if file in named or not (below and os.path.realpath(file).startswith(drawn + os.sep))
    ]


def _places(files: Sequence[str], folder: Path) -> dict[str, Path]:
    """Where the drawn copy of each picture goes: below `folder` as the pictures lie, ``a.jpg`` as ``a.jpg.png``.

    Raises ArgumentError where a copy would lie beside the pictures, and be taken for one, or on another copy; nothing is
    written then.
    """
    whole = {file: Path(os.path.abspath(file)) for file in files}
    above = os.path.commonpath([path.parent for path in whole.values()]) if whole else ""
    there = {os.path.realpath(path.parent) for path in whole.values()}
    made: dict[str, Path] = {}
    taken: dict[str, str] = {}
    for file, path in whole.items():
        name = path.name if path.suffix.lower() == ".png" else path.name + ".png"
        made[file] = folder / path.parent.relative_to(above) / name
        real = os.path.realpath(made[file])
        if os.path.dirname(real) in there:
            raise ArgumentError(
                f"--draw {folder}: the copy of {file} would lie among the pictures; name another folder, such as "
                f"{folder / 'drawn'}."
            )
        if real in taken and not os.path.samefile(taken[real], file):
            raise ArgumentError(f"--draw {folder}: the copies of {taken[real]} and {file} have one name; rename one.")
        taken[real] = file
    return made


def _draw(task: Task, one: PictureAnswer, names: list[str], place: Path) -> None:
    """A copy of a picture with its answer on it, as PNG."""
    import numpy as np
    from PIL import Image

    from striate.data.pictures.decode import decode
    from striate.doors.writing import atomic_write

    drawn = Image.fromarray(task.drawn(np.asarray(decode(one.path, 3).image), one.answer, names))
    atomic_write(place, lambda part: drawn.save(part, format="PNG"))
