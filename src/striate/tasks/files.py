"""Classification of many files: folders walked, pictures decoded ahead, answers as they come, written as a table."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from striate.data.pictures.workers import cores, in_order
from striate.data.readers.files import is_picture, tree_of_folder
from striate.described import whole
from striate.doors.locks import grown
from striate.doors.writing import json_text
from striate.errors import ArgumentError, DataError, without_name
from striate.model import Model
from striate.ship.choose import check_engine
from striate.tasks.classification import Guess, check, ranked
from striate.tasks.ensemble import Ensemble
from striate.wording import plural

ENDINGS = (".csv", ".jsonl")


class FileAnswer(NamedTuple):
    """What a network says of a file.

    path      of the file
    guesses   the most probable classes, best first; none where it could not be read
    error     why it could not be read, or None
    """

    path: str
    guesses: list[Guess]
    error: str | None = None


class Found(NamedTuple):
    """Files that are meant, and those in the folders that are no pictures by their endings."""

    files: list[str]
    aside: list[str]


def files_in(sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Found:
    """Of a folder all pictures in it and below, by their endings, sorted; a file itself.

    sources   a file or a folder, or several

    Raises DataError for a folder without pictures, and for an empty name, which would be the folder where one stands.
    """
    given = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    files: list[str] = []
    aside: list[str] = []
    for each in given:
        if not os.fspath(each):
            raise DataError("a picture or folder has an empty name; . is the folder where you are.")
        if not Path(each).is_dir():
            files.append(str(each))
            continue
        every = [str(Path(each).joinpath(*parts)) for parts in tree_of_folder(Path(each)).files]
        pictures = [file for file in every if is_picture(file)]
        if not pictures:
            others = f"{plural(len(every), 'file')}, of which none is a picture by its ending" if every else "nothing"
            raise DataError(f"{each}: holds {others}, in itself and in the folders below.")
        files += pictures
        aside += [file for file in every if not is_picture(file)]
    return Found(list(dict.fromkeys(files)), aside)


def classify_files(
    model: Model | Ensemble,
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    top: int = 5,
    *,
    batch_size: int = 32,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[FileAnswer]:
    """The `top` classes of each picture file, as they come, in order; any number of files in little memory.

    model        a network that classifies, or an ensemble
    sources      picture files and folders, which are walked, or one of these
    top          how many classes of each
    batch_size   pictures at a time
    engine       as for ``Model.predict``
    progress     called as progress(files done, files in all)

    Pictures are decoded ahead in threads.  A file that cannot be read is answered with the reason.  Raises ArgumentError
    for a network that does not classify and an unknown engine, DataError for no file or a folder without pictures.
    """
    batch_size = whole("", "batch_size", batch_size)
    check_engine(engine, answers=True)
    files = files_in(sources).files
    check(files, top)
    together = model if isinstance(model, Ensemble) else Ensemble([model])
    for each in together.models:
        each.intake.recipe  # an error now for what takes no pictures
    return _answers(together, files, top, batch_size, engine, progress)


def _answers(
    model: Ensemble,
    files: Sequence[str],
    top: int,
    batch_size: int,
    engine: str,
    progress: Callable[[int, int], None] | None,
) -> Iterator[FileAnswer]:
    def read(file: str) -> list[np.ndarray] | str:
        try:
            return [each.intake.one(file) for each in model.models]
        except DataError as error:
            return without_name(error, file)

    with closing(in_order(read, files, cores())) as decoded:  # type: ignore[type-var]
        for start in range(0, len(files), batch_size):
            names = files[start : start + batch_size]
            read_ones = list(islice(decoded, len(names)))
            whole = [one for one in read_ones if not isinstance(one, str)]
            rows: Iterator[list[Guess]] = iter(())
            if whole:
                inputs = [np.stack(pictures) for pictures in zip(*whole, strict=True)]
                rows = iter(ranked(model.probabilities(inputs, engine=engine), model.labels, top))
            for name, one in zip(names, read_ones, strict=True):
                yield FileAnswer(name, [], one) if isinstance(one, str) else FileAnswer(name, next(rows))
            if progress is not None:
                progress(start + len(names), len(files))


def write_answers(path: str | os.PathLike[str], answers: Iterable[FileAnswer], top: int = 5) -> tuple[int, int]:
    """Write answers as they come; returns how many there were, and how many of files that could not be read.

    path      a table for .csv (file, class, probability, class_2, probability_2 …, error), a JSON object a line for .jsonl.
              Until all are there it is called ``path.part``
    answers   what ``classify_files`` gives
    top       how many classes a row of a table has

    Raises ArgumentError for another ending, DataError for a file that cannot be written or that another process is writing.
    """
    place = Path(path)
    if place.suffix.lower() not in ENDINGS:
        raise ArgumentError(f"{place}: answers are written as {' or '.join(ENDINGS)}.")
    table, count, broken = place.suffix.lower() == ".csv", 0, 0
    with grown(place, DataError) as file:
        rows = csv.writer(file, lineterminator="\n")
        if table:
            more = [f"{name}_{i}" for i in range(2, top + 1) for name in ("class", "probability")]
            rows.writerow(["file", "class", "probability", *more, "error"])
        for answer in answers:
            if table:
                cells = [cell for guess in answer.guesses for cell in (guess.label, f"{guess.probability:.6g}")]
                rows.writerow([answer.path, *cells, *[""] * (2 * top - len(cells)), answer.error or ""])
            else:
                file.write(json_text(facts(answer)) + "\n")
            count, broken = count + 1, broken + (answer.error is not None)
    return count, broken


def facts(answer: FileAnswer) -> dict[str, Any]:
    """An answer as plain values for JSON."""
    if answer.error is not None:
        return {"source": answer.path, "error": answer.error}
    return {"source": answer.path, "top": [guess._asdict() for guess in answer.guesses]}
