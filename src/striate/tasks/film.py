"""Films, frame by frame: video files and folders of frames, read and written with the time of each frame."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from striate.data.pictures.decode import MAX_PIXELS, picture
from striate.data.readers.files import hidden, is_picture
from striate.doors.reading import opened
from striate.doors.writing import new_folder
from striate.errors import ArgumentError, DataError
from striate.extras import extra
from striate.wording import inner, plural

# Ending: the container, as FFmpeg calls it, and its encoders, the first that is there counts.
VIDEOS = {
    ".mp4": ("mp4", ("libx264", "libopenh264", "mpeg4")),
    ".m4v": ("mp4", ("libx264", "libopenh264", "mpeg4")),
    ".mov": ("mov", ("libx264", "libopenh264", "mpeg4")),
    ".mkv": ("matroska", ("libx264", "libopenh264", "mpeg4")),
    ".webm": ("webm", ("libvpx-vp9", "libvpx")),
}
_CLOCK = 90_000  # ticks of a second in what is written, as in broadcasting: every usual frame rate falls on whole ticks
_DAMAGED = "is cut off or damaged"
_REMEDY = "Copy it anew, or mend it with another program."
_LONGEST = 3600  # seconds from a frame to the next: encoders count the ticks in 32 bits
_QUALITY = {"libx264": {"crf": "20", "preset": "veryfast"}, "libvpx-vp9": {"crf": "32", "b": "0", "cpu-used": "6"}}


class FilmFrame(NamedTuple):
    """A frame of a film.

    number    from 0
    seconds   when it is shown
    pixels    uint8 (H, W, 3), upright
    """

    number: int
    seconds: float
    pixels: np.ndarray


class FrameSink(Protocol):
    """What frames are written to."""

    def write(self, pixels: np.ndarray, seconds: float) -> None:
        """Take the next frame.

        pixels    uint8 (H, W, 3)
        seconds   when it is shown
        """


@dataclass(frozen=True)
class Film:
    """What is known of a film before its frames are read.

    path     of the file or folder
    rate     frames per second on average, or None where the file does not say
    count    of the frames, or None where the file does not say
    files    of a folder, its frames in order
    shape    of a pixel, its width by its height; 1 for nearly all films
    seconds  how long its file says that it lasts, or None
    notes    what is left out
    """

    path: Path
    rate: float | None
    count: int | None
    files: tuple[Path, ...] = ()
    shape: Fraction = Fraction(1)
    seconds: float | None = None
    notes: tuple[str, ...] = ()

    def frames(self, broken: Callable[[str], Any] | None = None) -> Iterator[FilmFrame]:
        """The frames, one after the other; upright, whatever way the camera was held.

        broken   called with the reason for each part of a video file that cannot be read, and the rest is read; None: the
                 first such part is an error

        Raises DataError where the film is broken, where none of it can be read, and where a frame has another size than
        the ones before.
        """
        size: tuple[int, ...] | None = None
        made = self._of_folder() if self.files else self._of_file(broken)
        for frame in made:
            if size is not None and frame.pixels.shape != size:
                raise DataError(
                    f"{self.path}: frame {frame.number} is {_sides(frame.pixels.shape)}, the ones before are "
                    f"{_sides(size)}. All frames of a film have one size."
                )
            size = frame.pixels.shape
            yield frame
        if size is None:
            raise DataError(f"{self.path}: {_DAMAGED}: no frame of it can be read. {_REMEDY}")

    def _of_folder(self) -> Iterator[FilmFrame]:
        assert self.rate is not None
        for number, file in enumerate(self.files):
            yield FilmFrame(number, number / self.rate, np.asarray(picture(file)))

    def _of_file(self, broken: Callable[[str], Any] | None) -> Iterator[FilmFrame]:
        seconds, step = -1.0, 1 / (self.rate or 25.0)
        number = 0
        with _reading(self.path, lambda: number), _opened(self.path) as container:
            stream = _pictures_of(container, self.path)
            stream.thread_type = "AUTO"
            for frame in _decoded(container, stream, broken):
                if frame.width * frame.height > MAX_PIXELS:
                    raise DataError(f"{self.path}: frames of {frame.width} x {frame.height} pixels are too large.")
                shown = seconds + step if frame.time is None or frame.time <= seconds else float(frame.time)
                seconds = max(shown, 0.0) if number == 0 else shown
                pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                yield FilmFrame(number, seconds, np.ascontiguousarray(pixels))
                number += 1


def film(source: str | os.PathLike[str], rate: float | None = None) -> Film:
    """A film: a video file, or a folder whose pictures are its frames, in the order of their names.

    source   the file or folder; of numbers in names 2 comes before 10
    rate     frames per second of a folder; None: 25.  Of a file only where it does not say itself

    Raises DataError for what is no film, and ArgumentError for a rate that is not above 0 and where PyAV is needed and
    missing.
    """
    if rate is not None and not 0 < rate < float("inf"):
        raise ArgumentError(f"a film's rate is above 0 frames per second, not {rate}.")
    path = Path(source)
    if path.is_dir():
        found = [file for file in path.iterdir() if is_picture(file) and not hidden(file.name) and file.is_file()]
        if not found:
            raise DataError(f"{path}: no picture in this folder; the frames of a film lie in it side by side.")
        ordered = tuple(sorted(found, key=lambda file: _natural(file.name)))
        return Film(path, float(rate or 25.0), len(ordered), ordered)
    if not path.is_file():  # keeps away from pipes, devices and addresses in the net
        raise DataError(f"{path}: {'is not a file' if path.exists() else 'there is no such file or folder'}.")
    if not path.stat().st_size:
        raise DataError(f"{path}: is empty (0 bytes). {_REMEDY}")
    with _reading(path, lambda: 0), _opened(path) as container:
        stream = _pictures_of(container, path)
        sound = len(container.streams.audio)
        notes: tuple[str, ...] = (f"{path.name}: the sound is left out ({plural(sound, 'track')}).",) if sound else ()
        more = len(container.streams.video) - 1
        notes += (f"{path.name}: {plural(more, 'further track')} of pictures left out.",) if more else ()
        said = stream.average_rate or stream.guessed_rate
        ratio = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
        long = None if stream.duration is None else float(stream.duration * stream.time_base)
        if long is None and container.duration is not None:
            long = container.duration / _av().time_base
        return Film(path, float(said) if said else rate, stream.frames or None, (), ratio, long, notes)


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether something is called like a video that can be written: .mp4, .m4v, .mov, .mkv or .webm.

    path   of a file
    """
    return Path(path).suffix.lower() in VIDEOS


@contextmanager
def video_file(path: str, ending: str, rate: float | None, shape: Fraction = Fraction(1)) -> Iterator[FrameSink]:
    """A video file to which frames are written, each with its time; it is whole at the end of the block.

    path     of the file, whatever it is called
    ending   ".mp4", ".mov", ".mkv" or ".webm": which kind of file it is
    rate     frames per second on average, as the file says it
    shape    of a pixel, its width by its height

    Raises ArgumentError for another ending, and where PyAV is missing or has no encoder for it; its sink raises
    DataError for a frame an hour after the one before.
    """
    av = _av()
    kind, encoders = VIDEOS[ending]
    encoder = next((name for name in encoders if name in av.codecs_available), None)
    if encoder is None:
        raise ArgumentError(f"this PyAV writes no {ending} files: it has none of {', '.join(encoders)}.")
    with av.open(path, "w", format=kind) as container:
        about = Fraction(rate or 25.0).limit_denominator(1001)
        stream = container.add_stream(encoder, rate=about, options=_QUALITY.get(encoder, {}))
        sink = _VideoSink(av, container, stream, shape)
        yield sink
        sink.finish()


class _VideoSink:
    """Encodes frames; those with odd sides get one column or row more, as the usual encoders want."""

    def __init__(self, av: Any, container: Any, stream: Any, shape: Fraction) -> None:
        self.av, self.container, self.stream, self.shape = av, container, stream, shape
        self.last = -1

    def write(self, pixels: np.ndarray, seconds: float) -> None:
        height, width = pixels.shape[:2]
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        before = self.last
        if before < 0:
            self.stream.height, self.stream.width = even.shape[:2]
            self.stream.pix_fmt = "yuv420p"
            self.stream.time_base = self.stream.codec_context.time_base = Fraction(1, _CLOCK)
            self.stream.codec_context.sample_aspect_ratio = self.shape
        frame = self.av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        self.last = max(round(seconds * _CLOCK), self.last + 1)
        if self.last - max(before, 0) > _LONGEST * _CLOCK:
            raise DataError(
                f"a frame at {seconds:.6g} s is more than an hour after the one before; no film is so slow."
            )
        frame.pts, frame.time_base = self.last, Fraction(1, _CLOCK)
        self.container.mux(self.stream.encode(frame))

    def finish(self) -> None:
        if self.last >= 0:
            self.container.mux(self.stream.encode(None))


@contextmanager
def frame_folder(path: str | os.PathLike[str], names: tuple[str, ...] = ()) -> Iterator[FrameSink]:
    """A folder to which frames are written as pictures; it is there, whole, after the block, or not at all.

    path    of a folder that is not there yet, or is empty
    names   of the frames without ending; those beyond are called frame_000000 and so on

    Raises DataError for a folder with something in it.
    """
    with new_folder(path) as part:
        yield _FolderSink(part, names)


class _FolderSink:
    """Writes JPEG files of high quality."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.folder, self.names, self.count = folder, names, 0

    def write(self, pixels: np.ndarray, seconds: float) -> None:
        from PIL import Image

        name = self.names[self.count] if self.count < len(self.names) else f"frame_{self.count:06}"
        Image.fromarray(pixels).save(self.folder / f"{name}.jpg", quality=95)
        self.count += 1


# -- PyAV -------------------------------------------------------------------------------------------------------------
def _av() -> Any:
    return extra("av", "video", "reading and writing video files")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A container on a file of this machine: a list of parts in it cannot lead to the net."""
    with _av().open(str(path), metadata_errors="replace", options={"protocol_whitelist": "file"}) as container:
        yield container


@contextmanager
def _reading(path: Path, done: Any) -> Iterator[None]:
    """What FFmpeg raises while a film is read, as a DataError that says after how many frames."""
    av = _av()
    try:
        yield
    except av.error.FFmpegError as error:
        count, said = done(), inner(_reason(error))
        if count:
            raise DataError(f"{path}: is broken after {plural(count, 'frame')}, {said}. {_REMEDY}") from None
        if _begins_as_film(path):
            raise DataError(
                f"{path}: {_DAMAGED}: it begins as a film, and no index of one follows. {_REMEDY}"
            ) from None
        raise DataError(f"{path}: cannot be read as a video: {said}. It is no film, or of an unknown kind.") from None


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error)


def _begins_as_film(path: Path) -> bool:
    """Whether the first bytes are those of MP4 and QuickTime, Matroska and WebM, or AVI."""
    with opened(path) as file:
        start = file.read(12)
    return start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or start[:4] in (b"\x1a\x45\xdf\xa3", b"RIFF")


def _decoded(container: Any, stream: Any, broken: Callable[[str], Any] | None) -> Iterator[Any]:
    """The frames of a stream; what cannot be read is told to `broken`, if there is one, and left out."""
    if broken is None:
        yield from container.decode(stream)
        return
    av, packets, ended = _av(), container.demux(stream), False
    while not ended:
        try:
            packet = next(packets, None)
            frames = stream.decode(packet)  # of None: those that the decoder still holds
            ended = packet is None or (packet.dts is None and not packet.size)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            broken(_reason(error))
            continue
        yield from frames


def _pictures_of(container: Any, path: Path) -> Any:
    """The track of pictures that players show.  A cover of a song is none."""
    from av.stream import Disposition

    moving = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if not moving:
        others = {each.type for each in container.streams} - {"data", "attachment"}
        if not others:  # its list of tracks is not there
            raise DataError(f"{path}: {_DAMAGED}: no track of pictures can be found in it. {_REMEDY}")
        raise DataError(f"{path}: holds no moving pictures, but {', '.join(sorted(others))}.")
    return moving[0]


def _natural(name: str) -> tuple[Any, ...]:
    """Names in the order in which people count: frame2 before frame10."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part)


def _sides(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
