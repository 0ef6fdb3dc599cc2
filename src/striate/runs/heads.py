"""What a run of a task other than classification trains: a base, at a size that suits the pictures, with the task's head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from striate import layers
from striate.data import Preprocessing, names
from striate.data.pictures.decode import upright_size
from striate.data.readers.scan import format_at, scan
from striate.data.sets.catalog import options_of
from striate.errors import ArgumentError, StriateError
from striate.graph import Input, Shape
from striate.model import Model
from striate.tasks.task import check_task
from striate.zoo import create
from striate.zoo import names as networks

BASE = "mobilenet_v2"  # where photos are learnt from and no base is named
STRIDE = 32  # of the coarsest map of a base: sides are multiples of it
LONGER = 320  # pixels of the longer side, where none are asked for
_SMALL = 128  # pixels up to which a base of few layers is enough, when it starts from nothing
FILTERS = (16, 32, 48, 64, 96)  # of that one's stages
_STAGES = {"localize": 3}  # where one thing is, is read from maps that are not too coarse
_LOOKED_AT = 50  # photos, for the size that suits them


class Prepared(NamedTuple):
    """What a run of a task begins with.

    base      without a head
    options   for the reader of the data, plain values
    reading   the same with the preprocessing of the base in them
    said      what is to be said of the choice
    """

    base: Model
    options: dict[str, Any]
    reading: dict[str, Any]
    said: str


# What the named data sets are for; the others are for classification.
_FOR = {"bccd": "detect", "camvid": "segment"}
_FORMATS = {"voc": "detect", "coco": "detect", "yolo": "detect", "masks": "segment"}


def task_at(data: str, asked: str | None) -> str:
    """The task of a run: what is asked for, else what the data at a name or path are for.

    data    a data set's name or path
    asked   a task's name, or None

    Raises ArgumentError for a task that is none.
    """
    check_task(asked)
    if asked is not None:
        return asked
    if data in names():
        return _FOR.get(data, "classify")
    return _FORMATS.get(str(format_at(data)), "classify")


def as_the_task_reads(data: Any, task: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options for the reader, with the targets that a task learns where the data can have several.

    data      a data set's name or path
    task      its name
    options   as they are asked for; they count first
    """
    return ({"target": "masks"} if data == "scenes" and task == "segment" else {}) | dict(options)


def prepared(
    task: str, data: str, model: str | None, weights: Any, options: dict[str, Any], shape: Shape | None = None
) -> Prepared:
    """The base, and how the data are read for it.

    task      its name
    data      a data set's name or path
    model     an architecture's name, or None: a small network for small pictures, else MobileNetV2
    weights   what the base has learnt, as ``zoo.create`` takes it, or None
    options   for the reader; image_size is (height, width) for the network
    shape     of the pictures, where they have been read already

    Raises ArgumentError for an architecture that is none, and sides that are no multiples of 32.
    """
    options = as_the_task_reads(data, task, options)
    if shape is not None:
        base, said = _base(model, shape, weights, task)
        return Prepared(base, options, options, said)
    named = data in names() or not Path(data).exists()
    if named and "image_size" not in options_of(data):  # drawn or of one size
        size = (int(options.get("size", 64)),) * 2
        base, said = _base(model, (*size, int(options.get("channels", 3))), weights, task)
        return Prepared(base, options, options, said)
    if "preprocessing" in options:
        raise ArgumentError("the preprocessing is the base's; give image_size, and resize for how photos get to it.")
    size, alike = _size(data, options.pop("image_size", None))
    resize = options.pop("resize", "stretch" if alike else "pad")
    options |= {"image_size": size, "resize": resize}
    base, said = _base(model, (*size, int(options.pop("channels", None) or 3)), weights, task)
    own = base.preprocessing or Preprocessing.pictures(size, base.graph.input_shapes[0][2])
    how = replace(own, image_size=size, resize=resize, shorter_side=None, channels=base.graph.input_shapes[0][2])
    base.preprocessing = how
    rest = {key: value for key, value in options.items() if key not in ("image_size", "resize")}
    return Prepared(base, options, rest | {"preprocessing": how}, said)


def _base(name: str | None, shape: Shape, weights: Any, task: str) -> tuple[Model, str]:
    """A network without its head, and what is to be said of it."""
    if any(side % STRIDE for side in shape[:2]):
        near = " x ".join(str(max(1, round(side / STRIDE)) * STRIDE) for side in shape[:2])
        raise ArgumentError(
            f"the sides of the network's pictures are multiples of {STRIDE}, not {shape[0]} x {shape[1]}; {near} is near."
        )
    if name is None and weights is None and max(shape[:2]) <= _SMALL:
        return small_base(shape, FILTERS[: _STAGES.get(task)]), ""
    if name is not None and name not in networks():
        raise ArgumentError(f'"{name}" is no architecture; a base is one by name. striate models lists them.')
    said = (
        ""
        if weights is not None
        else "the base starts from nothing; weights that have seen photos need fewer of yours."
    )
    return create(name or BASE, include_top=False, input_shape=shape, weights=weights), said


def small_base(shape: Shape, filters: tuple[int, ...] = FILTERS) -> Model:
    """A small network for small pictures: a few stages of two convolutions, the second of each with stride 2.

    shape     of the pictures, (H, W, C)
    filters   of each stage
    """
    start = x = Input(shape)
    for count in filters:
        for strides in (1, 2):
            x = layers.Conv2D(count, 3, strides=strides, padding="same", use_bias=False)(x)
            x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    return Model(start, x, name="small")


def _size(data: str, asked: Any) -> tuple[tuple[int, int], bool]:
    """The size of the network's pictures, and whether the photos have one shape."""
    seen: list[tuple[int, int]] = []
    try:
        if Path(data).exists() and format_at(data) is not None:
            with scan(data) as survey:
                if survey.fetch is Path:
                    seen = [upright_size(item.name) for item in islice(survey.items, _LOOKED_AT)]
    except (StriateError, OSError):  # the reader will say what is wrong
        pass
    shares = [width / height for height, width in seen] or [1.0]
    alike = max(shares) < 1.1 * min(shares)
    if asked is not None:
        height, width = (asked, asked) if isinstance(asked, int) else asked
        return (int(height), int(width)), alike
    longer = min(LONGER, max((max(size) for size in seen), default=LONGER))
    share = median(shares)
    sides = (longer / max(share, 1.0), longer * min(share, 1.0))
    height, width = (max(1, round(side / STRIDE)) * STRIDE for side in sides)
    return (height, width), alike
