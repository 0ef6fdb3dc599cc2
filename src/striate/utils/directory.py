"""``image_dataset_from_directory``: a folder with a subfolder for each class as batches of pictures and labels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.pictures.resample import INTERPOLATIONS, resample
from striate.data.pictures.workers import cores, in_order
from striate.described import whole
from striate.errors import ArgumentError, DataError, unknown
from striate.utils.pictures import channels_of, coloured, first_channels
from striate.utils.stream import Stream, as_array
from striate.wording import plural

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_MODES = ("int", "categorical", "binary")
_AHEAD = 8  # threads that decode, at most


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Pictures ``directory/<class>/...`` in batches (images, labels), decoded as they are asked for.

    Images are float32 (N, height, width, channels), 0 to 255.  The result can be looped over again and again, has
    `class_names`, `file_paths` and tf.data's methods (``map``, ``take``, ``cache`` …), and ``fit``, ``evaluate`` and
    ``predict`` take it.  Sizes are changed as TensorFlow does it, without smoothing.  ``data.folder`` reads the same folder
    into a Dataset, which is decoded once and whose preprocessing goes with the trained model.

    directory              the folder
    labels                 "inferred": by subfolder; None: none; or a list of numbers in the order of the sorted paths
    label_mode             "int": int32 (N,); "categorical": one-hot float32 (N, classes); "binary": float32 (N, 1); None
    class_names            the subfolders' names in the order of their numbers; None: sorted
    color_mode             "rgb", "grayscale" or "rgba": 3, 1 or 4 channels
    batch_size             pictures at a time; None: single ones
    image_size             (height, width)
    shuffle                another order every time; False: sorted by path
    seed                   of the order and of the split
    validation_split       the fraction, 0 to 1, held out from the end of the (shuffled) order
    subset                 "training", "validation" or "both", with `validation_split`
    interpolation          "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"
    follow_links           also go into linked folders
    crop_to_aspect_ratio   cut the middle out instead of stretching
    pad_to_aspect_ratio    put zeros around instead of stretching
    data_format            None or "channels_last"; "channels_first" gives (N, channels, height, width)
    format                 taken as Keras has it, "tf" or "grain"; the result is the same
    verbose                print how many files there are

    Raises ArgumentError for arguments that do not go together, DataError for a folder without pictures and, in the loop,
    for a picture that is broken.
    """
    if label_mode not in (*_MODES, None):
        raise unknown("label_mode", str(label_mode), _MODES)
    if format not in ("tf", "grain"):
        raise unknown("format", str(format), ("tf", "grain"))
    method = str(interpolation).lower()
    if method not in INTERPOLATIONS:
        raise unknown("interpolation", str(interpolation), INTERPOLATIONS)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("crop_to_aspect_ratio and pad_to_aspect_ratio do not go together: choose one.")
    batch_size = None if batch_size is None else whole("", "batch_size", batch_size)
    _check_split(validation_split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels = label_mode = None
    if seed is None:
        seed = int(np.random.randint(1_000_000))
    paths, numbers, names = _index(Path(directory), labels, class_names, follow_links)
    if verbose:
        print(
            f"Found {plural(len(paths), 'file')}"
            + (f" belonging to {plural(len(names), 'class')}." if names is not None else ".")
        )
    if label_mode == "binary" and names is not None and len(names) != 2:
        raise ArgumentError(
            f'label_mode="binary" goes with two classes, here are {len(names)}: {", ".join(names[:5])}.'
        )
    if shuffle:
        order = np.random.RandomState(seed).permutation(len(paths))
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]
    pixels = _Pixels(
        channels_of(color_mode),
        _size(image_size),
        method,
        "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch",
        first_channels(data_format),
    )
    targets = _targets(numbers, label_mode, len(names or ()))
    cut = len(paths) - int(len(paths) * (validation_split or 0))
    parts = {"training": (slice(cut), shuffle), "validation": (slice(cut, None), shuffle and subset != "both")}
    wanted = ("training", "validation") if subset == "both" else (subset,)
    made = []
    for part in wanted:
        chosen, mixed = parts[part] if part else (slice(None), shuffle)
        if verbose and part:
            print(f"Using {plural(len(paths[chosen]), 'file')} for {part}.")
        if not paths[chosen]:
            raise DataError(
                f"{directory}: no pictures{f' for {part}' if part else ''}. Looked for {', '.join(ENDINGS)}."
            )
        y = None if targets is None else targets[chosen]
        made.append(_stream(paths[chosen], y, names, pixels, batch_size, seed if mixed else None))
    return made if subset == "both" else made[0]


class _Pixels:
    """How a file becomes floats."""

    def __init__(self, channels: int, size: tuple[int, int], method: str, aspect: str, first: bool) -> None:
        self.channels, self.size, self.method, self.aspect, self.first = channels, size, method, aspect, first

    def __call__(self, path: str) -> np.ndarray:
        values = np.asarray(coloured(path, self.channels))
        whole = values if values.ndim == 3 else values[..., None]
        made = resample(whole, self.size, self.method, self.aspect)
        return made.transpose(2, 0, 1) if self.first else made


def _stream(
    paths: list[str], y: np.ndarray | None, names: list[str] | None, pixels: _Pixels, size: int | None, seed: int | None
) -> Stream:
    rng = None if seed is None else np.random.RandomState(seed)

    def element(chosen: Any) -> Any:
        if np.ndim(chosen) == 0:
            x, target = pixels(paths[chosen]), None if y is None else y[chosen]
        else:
            x, target = np.stack([pixels(paths[i]) for i in chosen]), None if y is None else y[chosen]
        return as_array(x if y is None else (x, target))

    def elements() -> Iterator[Any]:
        order = np.arange(len(paths)) if rng is None else rng.permutation(len(paths))
        batches: Any = order if size is None else [order[i : i + size] for i in range(0, len(order), size)]
        return in_order(element, batches, min(cores(), _AHEAD) if len(batches) > 1 else 0)

    count = len(paths) if size is None else -(-len(paths) // size)
    made = Stream(elements, count, class_names=names, file_paths=paths)
    made._all_files = size is not None
    return made


def _check_split(fraction: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    if fraction and not 0 < fraction < 1:
        raise ArgumentError(f"validation_split is between 0 and 1, not {fraction!r}.")
    if bool(fraction) != bool(subset):
        raise ArgumentError("validation_split and subset go together: give both or neither.")
    if subset not in (None, "training", "validation", "both"):
        raise unknown("subset", str(subset), ("training", "validation", "both"))
    if fraction and shuffle and seed is None and subset != "both":
        raise ArgumentError(
            "with validation_split and shuffle, give a seed, so that training and validation are parts of one order "
            "(or shuffle=False, or subset='both')."
        )


def _size(image_size: Any) -> tuple[int, int]:
    pair = (image_size, image_size) if isinstance(image_size, int | np.integer) else image_size
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(s, int | np.integer) for s in pair):
        raise ArgumentError(f"image_size is (height, width), not {image_size!r}.")
    if min(pair) < 1:
        raise ArgumentError(f"image_size is at least 1 x 1, not {pair[0]} x {pair[1]}.")
    return int(pair[0]), int(pair[1])


def _index(
    folder: Path, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """Paths of pictures, their classes, and the classes' names."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    if isinstance(labels, str) and labels == "inferred":
        found = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
        if class_names is not None and not set(class_names) <= set(found):
            lost = next(name for name in class_names if name not in found)
            raise ArgumentError(
                f'{folder}: class_names has "{lost}", but there is no such folder. Here are: {found[:9]}.'
            )
        names = list(found if class_names is None else class_names)
        listed = [_files(folder / name, follow_links) for name in names]
        numbers = np.repeat(np.arange(len(names), dtype=np.int32), list(map(len, listed)))
        return [path for paths in listed for path in paths], numbers, names
    if class_names is not None:
        raise ArgumentError('class_names goes with labels="inferred".')
    paths = _files(folder, follow_links)
    if labels is None:
        return paths, None, None
    if not isinstance(labels, list | tuple | np.ndarray):
        raise ArgumentError(f'labels is "inferred", None or a list of class numbers, not {labels!r}.')
    if len(labels) != len(paths):
        raise DataError(
            f"{folder}: {plural(len(labels), 'label')} for {plural(len(paths), 'picture')}; give one for each, "
            "sorted by path."
        )
    return paths, np.asarray(labels, np.int32), [str(label) for label in sorted({int(label) for label in labels})]


def _files(folder: Path, follow_links: bool) -> list[str]:
    """The pictures in a folder and below, folder by folder, sorted."""
    walk = sorted(os.walk(folder, followlinks=follow_links), key=lambda step: step[0])
    return [
        os.path.join(top, name) for top, _, names in walk for name in sorted(names) if name.lower().endswith(ENDINGS)
    ]


def _targets(numbers: np.ndarray | None, mode: str | None, classes: int) -> np.ndarray | None:
    if numbers is None or mode is None:
        return None
    if mode == "binary":
        return numbers.astype(np.float32)[:, None]
    if mode == "int":
        return numbers
    rows = np.zeros((len(numbers), classes), np.float32)
    known = numbers < classes  # tf.one_hot gives a row of zeros for others
    rows[np.flatnonzero(known), numbers[known]] = 1
    return rows
