"""Films with what a network finds drawn into every frame, and how many frames a second that goes."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError
from striate.files import atomic_write
from striate.model import Model
from striate.report.marks import text_on
from striate.ship.choose import check_engine
from striate.tasks.film import VIDEOS, Film, FrameSink, film, frame_folder, is_video, video_file
from striate.tasks.kinds import task_of
from striate.wording import inner, plural

__all__ = ["AnnotatedVideo", "annotate_video"]

_SOON = 30  # frames, over which the rate that is shown is measured

Draw = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class AnnotatedVideo:
    """What came of a film.

    path      of the annotated film: a file, or a folder of frames
    frames    how many it has
    seconds   how long it lasts, from its first frame to its last
    rate      frames a second that were read, answered, drawn and written, on average
    found     of each frame its number `frame`, its time `seconds`, and what was found in it
    notes     what was left out, such as the sound
    """

    path: Path
    frames: int
    seconds: float
    rate: float
    found: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"{self.path}: {plural(self.frames, 'frame')}, {self.seconds:.1f} s, at {self.rate:.1f} frames a second"
        return "\n".join([said, *self.notes])


def annotate_video(
    model: Model | None,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    draw: Draw | None = None,
    engine: str = "auto",
    every: int = 1,
    rate: float | None = None,
    lines: str | os.PathLike[str] | None = None,
    show_rate: bool = True,
    progress: Callable[[int, int | None], None] | None = None,
) -> AnnotatedVideo:
    """A film with what a network says drawn into its frames, whatever its task is.

    model      of pictures; None where `draw` asks another
    source     a video file, or a folder of pictures, whose names give their order
    out        a file that ends in .mp4, .m4v, .mov, .mkv or .webm; anything else is a folder, which gets the frames as
               JPEG files
    draw       called with each frame, uint8 (H, W, 3); gives the frame that is written, or that and what was found, a
               dict of values for JSON.  None: what `model` answers is drawn as everywhere
    engine     as for ``Model.predict``
    every      2 takes every second frame, 3 every third …; the others are left out, and the film lasts as long
    rate       frames per second of a folder; None: 25
    lines      a file for what was found: JSON, a line for each frame, with its number and its time
    show_rate  write the frames per second into the corner of each frame
    progress   called as progress(frames done, frames in all or None) after each frame

    Every frame keeps its time, also where a camera took them unevenly.  Sound is left out, and `notes` says so.  What is
    written is whole or not there.  Reading and writing video files takes PyAV: ``pip install 'striate[video]'``.

    Raises DataError for a film that cannot be read or breaks off with a fault, BundleError where nothing can be written,
    ArgumentError for a network that takes no pictures, and where PyAV is missing.
    """
    if every < 1:
        raise ArgumentError(f"annotate_video: every is at least 1, not {every}.")
    check_engine(engine)
    asked = draw or _drawn_by(model, engine)
    taken, target = film(source, rate), Path(out)
    if target.suffix and not is_video(target):
        raise ArgumentError(f"{target.name}: a video's name ends in {', '.join(VIDEOS)}; a folder's has no ending.")
    if target.exists() and target.resolve() == taken.path.resolve():
        raise ArgumentError(f"{target}: is the film itself. Give the annotated one another name.")
    if lines is not None:
        _check_lines(Path(lines), taken, target)
    found: list[dict[str, Any]] = []
    times: list[float] = []
    rows: list[str] = []
    last = 0.0
    started = time.perf_counter()

    def fill(sink: FrameSink) -> None:
        nonlocal last
        ends: deque[float] = deque([started], _SOON + 1)
        for number, seconds, pixels in taken.frames():
            last = seconds
            if number % every == 0:
                shown, said = _asked(asked, pixels)
                if said is not None:
                    found.append({"frame": number, "seconds": round(seconds, 6), **said})
                    if lines is not None:
                        rows.append(_row(found[-1]))
                if show_rate and len(ends) > 1:
                    shown = _signed(shown, f"{(len(ends) - 1) / max(ends[-1] - ends[0], 1e-9):.1f} frames/s")
                sink.write(shown, seconds)
                ends.append(time.perf_counter())
                times.append(seconds)
            if progress is not None:
                progress(number + 1, taken.count)

    _written(target, taken, every, fill)
    if lines is not None:
        atomic_write(lines, "".join(rows))
    speed = len(times) / max(time.perf_counter() - started, 1e-9)
    notes = (*taken.notes, *_cut_short(taken, last))
    return AnnotatedVideo(target, len(times), times[-1] - times[0], speed, tuple(found), notes)


def _row(said: dict[str, Any]) -> str:
    """What was found in a frame as a line of JSON, at once: a fault is told before the rest of the film is drawn."""
    try:
        return json.dumps(said, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise DataError(f"frame {said['frame']}: what draw says of it is no JSON: {inner(error)}.") from None


def _check_lines(lines: Path, taken: Film, target: Path) -> None:
    """Raise ArgumentError where the file for what was found would lie on the film, a frame of it, or what is written."""
    place = lines.resolve()
    if place.is_dir():
        raise ArgumentError(f"{lines}: is a folder; lines names a file.")
    if place in {taken.path.resolve(), *(file.resolve() for file in taken.files)}:
        raise ArgumentError(f"{lines}: is of the film itself. Give what is found another name.")
    if place == target.resolve() or target.resolve() in place.parents:
        raise ArgumentError(f"{lines}: is where the annotated film goes. Give what is found another name.")


def _cut_short(taken: Film, last: float) -> tuple[str, ...]:
    """A word where a film ends long before its file says, as one does that was copied in part."""
    if taken.seconds is None or last > 0.9 * taken.seconds - 1:
        return ()
    return (f"{taken.path.name}: ends after {last:.1f} s, its file says {taken.seconds:.1f} s; it may be cut off.",)


def _written(target: Path, taken: Film, every: int, fill: Callable[[FrameSink], None]) -> None:
    """A file or a folder of frames, whole or not there."""
    if not is_video(target):
        stems = tuple(file.stem for file in taken.files[::every])
        with frame_folder(target, stems if len(set(stems)) == len(stems) else ()) as sink:
            fill(sink)
        return

    rate = None if taken.rate is None else taken.rate / every

    def write(part: str) -> None:
        try:
            with video_file(part, target.suffix.lower(), rate, taken.shape) as sink:
                fill(sink)
        except BaseException:  # also when a user ends a long film by a key
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise

    atomic_write(target, write)


def _asked(asked: Draw, pixels: np.ndarray) -> tuple[np.ndarray, dict[str, Any] | None]:
    """The frame as it is written, and what was found in it, or None."""
    given = asked(pixels)
    picture, said = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.shape != pixels.shape or not isinstance(said, dict | None):
        raise DataError(
            f"draw gives a frame uint8 {pixels.shape} back, or that and a dict of what was found; it gave {picture.dtype} "
            f"{picture.shape}" + ("." if said is None else f" and a {type(said).__name__}.")
        )
    return picture, said


def _drawn_by(model: Model | None, engine: str) -> Draw:
    """What asks a network of any task, and draws and says what it answers."""
    if model is None:
        raise ArgumentError(
            "annotate_video: give a model, or `draw`, a function that takes a frame and gives it drawn."
        )
    task, names = task_of(model), model.intake.class_names(model.answers.classes)
    model.intake.recipe  # an error now for what takes no pictures

    def drawn(pixels: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        answer = task.answers(model, [pixels], engine=engine)[0]
        return task.drawn(pixels, answer, names), task.facts(answer)

    return drawn


def _signed(picture: np.ndarray, words: str) -> np.ndarray:
    """The picture with words in its lower left corner."""
    high = min(len(picture), max(10, round(picture.shape[1] / 36)) + 8)
    return np.concatenate([picture[:-high], text_on(picture[-high:], words)])
