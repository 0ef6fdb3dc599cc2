"""Answers to many picture files, whatever the task: folders walked, a broken file answered with its reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from striate.described import whole
from striate.errors import DataError, without_name
from striate.model import Model
from striate.ship.choose import check_engine
from striate.tasks.files import files_in
from striate.tasks.kinds import task_of
from striate.tasks.sources import size_of

__all__ = ["PictureAnswer", "answer_files"]


class PictureAnswer(NamedTuple):
    """What a network says of a picture file.

    path     of the file
    size     (height, width) of the upright picture; None where it could not be read
    answer   as the task gives it: a list of ``Detection``, a ``Localized``, a ``LabelMap`` or a list of ``Guess``
    error    why it could not be read, or None
    """

    path: str
    size: tuple[int, int] | None
    answer: Any
    error: str | None = None


def answer_files(
    model: Model,
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    batch_size: int = 8,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[PictureAnswer]:
    """What the network's task answers to each picture file, as it comes, in order; any number of files in little memory.

    model        of any task; which one is read from its graph
    sources      picture files and folders, which are walked, or one of these
    batch_size   pictures at a time
    engine       as for ``Model.predict``
    progress     called as progress(files done, files in all)

    A file that cannot be read is answered with the reason.  Raises ArgumentError for a batch_size below 1 and an unknown
    engine, DataError for no file or a folder without pictures.
    """
    batch_size = whole("", "batch_size", batch_size)
    check_engine(engine, answers=True)
    files = files_in(sources).files
    if not files:
        raise DataError("no pictures were named.")
    return _answers(model, files, batch_size, engine, progress)


def _answers(
    model: Model, files: list[str], batch_size: int, engine: str, progress: Callable[[int, int], None] | None
) -> Iterator[PictureAnswer]:
    task = task_of(model)
    for start in range(0, len(files), batch_size):
        names = files[start : start + batch_size]
        try:
            answers = task.answers(model, names, engine=engine)
            yield from (PictureAnswer(name, size_of(name), one) for name, one in zip(names, answers, strict=True))
        except DataError:  # one of them is broken: each for itself
            for name in names:
                try:
                    (one,) = task.answers(model, [name], engine=engine)
                    yield PictureAnswer(name, size_of(name), one)
                except DataError as error:
                    yield PictureAnswer(name, None, None, without_name(error, name))
        if progress is not None:
            progress(min(start + len(names), len(files)), len(files))
