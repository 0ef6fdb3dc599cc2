"""Films with what a network finds drawn into every frame, and how many frames a second that goes."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.described import whole
from striate.doors.writing import atomic_write
from striate.errors import ArgumentError, DataError
from striate.model import Model
from striate.report.marks import text_on
from striate.ship.choose import check_engine
from striate.tasks.film import VIDEOS, Film, FilmFrame, FrameSink, film, frame_folder, is_video, video_file
from striate.tasks.kinds import task_of
from striate.wording import inner, plural

__all__ = ["AnnotatedVideo", "annotate_video"]

_NONE = np.zeros((0, 0, 3), np.uint8)  # of frames that are passed by no pixels are kept
_SOON = 30  # frames, over which the rate that is shown is measured

Draw = Callable[[np.ndarray], Any]
Answered = Callable[[Sequence[np.ndarray]], Iterable[tuple[np.ndarray, dict[str, Any] | None]]]


@dataclass(frozen=True)
class AnnotatedVideo:
    """What came of a film.

    path      of the annotated film: a file, or a folder of frames
    frames    how many it has
    seconds   how long it lasts, from its first frame to its last
    rate      frames a second that were read, answered, drawn and written, on average
    found     of each frame its number `frame`, its time `seconds`, and what was found in it
    notes     what was left out, such as the sound
    lost      frames that the film should have and that could not be read: it is cut off or damaged
    """

    path: Path
    frames: int
    seconds: float
    rate: float
    found: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()
    lost: int = 0

    def __str__(self) -> str:
        said = f"{self.path}: {plural(self.frames, 'frame')}, {self.seconds:.1f} s, at {self.rate:.1f} frames a second"
        return "\n".join([said, *self.notes])


def annotate_video(
    model: Model | None,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    draw: Draw | None = None,
    batch_size: int = 8,
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
    batch_size  frames that the network answers at a time; `draw` gets them one by one
    engine     as for ``Model.predict``
    every      2 takes every second frame, 3 every third …; the others are left out, and the film lasts as long
    rate       frames per second of a folder; None: 25
    lines      a file for what was found: JSON, a line for each frame, with its number and its time
    show_rate  write the frames per second into the corner of each frame
    progress   called as progress(frames done, frames in all or None) after each frame

    Every frame keeps its time, also where a camera took them unevenly.  Sound is left out, and `notes` says so.  What is
    written is whole or not there.  Of a video file that is cut off or damaged all frames that can be read are annotated;
    `lost` and `notes` say how many cannot.  Reading and writing video files takes PyAV: ``pip install 'striate[video]'``.

    Raises DataError for a film of which nothing can be read, BundleError where nothing can be written, ArgumentError for
    a network that takes no pictures, counts below 1, and where PyAV is missing.
    """
    every = whole("annotate_video", "every", every)
    together = whole("annotate_video", "batch_size", batch_size) if draw is None else 1
    check_engine(engine, answers=True)
    asked = _drawn_by(model, engine) if draw is None else _one_by_one(draw)
    taken, target = film(source, rate), Path(out)
    check_target(target, taken.path)
    if lines is not None:
        _check_lines(Path(lines), taken, target)
    found: list[dict[str, Any]] = []
    times: list[float] = []
    rows: list[str] = []
    faults: list[str] = []
    read, last = 0, 0.0
    started = time.perf_counter()

    def fill(sink: FrameSink) -> None:
        nonlocal read, last
        ends = deque([(started, 0)], -(-_SOON // together) + 1)  # when so many frames were done
        for batch in _batches(taken.frames(faults.append), every, together):
            read, last = batch[-1].number + 1, batch[-1].seconds
            chosen = [frame for frame in batch if frame.number % every == 0]
            for (number, seconds, _), (shown, said) in zip(chosen, asked([f.pixels for f in chosen]), strict=True):
                if said is not None:
                    found.append({"frame": number, "seconds": round(seconds, 6), **said})
                    if lines is not None:
                        rows.append(_row(found[-1]))
                if show_rate and len(ends) > 1:
                    rate_now = (ends[-1][1] - ends[0][1]) / max(ends[-1][0] - ends[0][0], 1e-9)
                    shown = _signed(shown, f"{rate_now:.1f} frames/s")
                sink.write(shown, seconds)
                times.append(seconds)
            if chosen:
                ends.append((time.perf_counter(), len(times)))
            if progress is not None:
                for frame in batch:
                    progress(frame.number + 1, taken.count)

    _written(target, taken, every, fill)
    if lines is not None:
        atomic_write(lines, "".join(rows))
    speed = len(times) / max(time.perf_counter() - started, 1e-9)
    lost = _lost(taken, read, last, len(faults))
    notes = (*taken.notes, *_cut_short(taken, last, lost))
    return AnnotatedVideo(target, len(times), times[-1] - times[0], speed, tuple(found), notes, lost)


def _batches(frames: Iterator[FilmFrame], every: int, together: int) -> Iterator[list[FilmFrame]]:
    """Frames, so many of every `every`-th and those between at a time."""
    batch: list[FilmFrame] = []
    chosen = 0
    for frame in frames:
        taken = frame.number % every == 0
        batch.append(frame if taken else frame._replace(pixels=_NONE))
        chosen += taken
        if chosen == together:
            yield batch
            batch, chosen = [], 0
    if batch:
        yield batch


def check_target(target: Path, source: Path) -> None:
    """Raise ArgumentError where no annotated film can go.

    target   the file or folder
    source   the film that is read
    """
    if target.suffix and not is_video(target):
        raise ArgumentError(f"{target.name}: a video's name ends in {', '.join(VIDEOS)}; a folder's has no ending.")
    if target.exists() and target.resolve() == source.resolve():
        raise ArgumentError(f"{target}: is the film itself. Give the annotated one another name.")


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


def _lost(taken: Film, read: int, last: float, faults: int) -> int:
    """How many frames could not be read: those that the file lists and that are not there, else the parts with a fault.

    A film that was trimmed lists frames that are not shown; it ends when its file says.
    """
    ended = taken.seconds is None or last + 1.5 / (taken.rate or 25.0) >= taken.seconds
    if taken.count is None or (ended and not faults):
        return faults
    return max(taken.count - read, faults)


def _cut_short(taken: Film, last: float, lost: int) -> tuple[str, ...]:
    """A word where frames were lost, or a film ends long before its file says, as one does that was copied in part."""
    if lost:
        of = f" of {taken.count:,}" if taken.count is not None else ""
        said = f"{lost:,}{of} frames" if of or lost > 1 else "1 frame"
        return (f"{taken.path.name}: {said} could not be read; it is cut off or damaged.",)
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
        with video_file(part, target.suffix.lower(), rate, taken.shape) as sink:
            fill(sink)

    atomic_write(target, write)


def _one_by_one(draw: Draw) -> Answered:
    """A function of a user's own, asked of one frame after the other."""
    return lambda frames: (_asked(draw, pixels) for pixels in frames)


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


def _drawn_by(model: Model | None, engine: str) -> Answered:
    """What asks a network of any task, and draws and says what it answers."""
    if model is None:
        raise ArgumentError(
            "annotate_video: give a model, or `draw`, a function that takes a frame and gives it drawn."
        )
    task, names = task_of(model), model.intake.class_names(model.answers.classes)
    model.intake.recipe  # an error now for what takes no pictures

    def drawn(frames: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
        if frames:
            for pixels, answer in zip(frames, task.answers(model, list(frames), engine=engine), strict=True):
                yield task.drawn(pixels, answer, names), task.facts(answer)

    return drawn


def _signed(picture: np.ndarray, words: str) -> np.ndarray:
    """The picture with words in its lower left corner."""
    high = min(len(picture), max(10, round(picture.shape[1] / 36)) + 8)
    return np.concatenate([picture[:-high], text_on(picture[-high:], words)])
