"""From a survey to a `Dataset` or `Splits`: what all readers share, whatever the format."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar, get_type_hints

from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.pictures.decode_all import decode_all
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.data.readers.names import class_name
from striate.data.readers.refusals import refusal_of_part, refusals_unopened
from striate.data.readers.survey import BOXED, Remark, Survey
from striate.data.readers.targets import Boxes, ClassNumbers, LabelMaps, PartOfSurvey, Targets
from striate.errors import DataError, unknown
from striate.wording import plural

F = TypeVar("F", bound=Callable[..., Any])


class Options(TypedDict, total=False):
    """What every reader of pictures takes by name; see ``reader``."""

    classes: Sequence[str] | None
    resize: Resize
    preprocessing: Preprocessing | None
    name: str | None
    cache: bool | None
    workers: int | None


_DEFAULTS: dict[str, Any] = {"resize": "stretch"}  # the others are None
_DESCRIBED = """
image_size     (H, W) of the pictures in the data set, or one number for a square; None: all must be of one size
channels       1 grey, 3 RGB, None: as the pictures are
classes        the classes' names in the order of their numbers, such as the labels of a trained model; None: as the
               format says
resize         how a picture comes to `image_size`: "stretch", "crop" or "pad", see ``Preprocessing``
preprocessing  a whole `Preprocessing`, such as that of a trained model, in place of image_size, channels and resize
name           of the data set, for messages; None: that of the path
cache          keep the decoded pictures on disk, under STRIATE_CACHE or ~/.cache/striate, and map them into memory, so
               that only files that are new or changed since are decoded.  None: for sets that take about a second or
               more to decode (20 MB or 5,000 files), while all of them are below 20 GB and a tenth of the disk
workers        processes that decode; 0: threads of this one.  None: what is quicker.  The result is the same

A file that cannot be used is named in ``.skipped`` with the reason, what was mended or left out in ``.notes``.  Raises
DataError when the path is not there or is no such data set, when no picture can be read, when pictures differ in size
and `image_size` is None, and when a part has classes that the training part lacks; ArgumentError for an argument that
there is not."""


def reader(function: F) -> F:
    """Give a reader the signature and the description of the arguments that all readers share.

    function  takes its own arguments and ``**options``, which are `Options`; its docstring ends with a list of its own
              arguments, to which the shared ones are added
    """
    own = inspect.signature(function)
    hints = get_type_hints(Options)
    plain = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    shared = [
        inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(each), annotation=hints[each])
        for each in hints
    ]
    function.__signature__ = own.replace(parameters=[*plain, *shared])  # type: ignore[attr-defined]
    function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}{_DESCRIBED}"
    return function


def assemble(
    survey: Survey,
    image_size: Any,
    channels: int | None,
    title: str,
    options: Options,
) -> Dataset | Splits:
    """Open the pictures of a survey and put them with their labels, boxes and masks into a `Dataset`, or `Splits`.

    survey, image_size, channels   see ``reader``
    title     the data set's name where `options` has none
    options   those of the reader

    Raises DataError for what ``refusals`` says, and when pictures of different sizes are to keep theirs.
    """
    for option in options:
        if option not in get_type_hints(Options):
            raise unknown("option of a reader", option, [*get_type_hints(Options), "image_size", "channels"])
    _refuse(survey, refusals_unopened(survey))
    parts = survey.parts
    given = options.get("preprocessing")
    preprocessing = given or Preprocessing.pictures(image_size, channels, resize=options.get("resize", "stretch"))
    classes = options.get("classes")
    names = survey.classes if classes is None else tuple(class_name(str(name)) for name in classes)
    targets: Targets
    if survey.kind in BOXED:
        targets = Boxes(names or (), parts[0])
    elif survey.kind == "masks":
        targets = LabelMaps(survey, preprocessing)
    else:
        targets = ClassNumbers(survey, names, classes is not None)
    title, splits = options.get("name") or title, len(parts) > 1 or (survey.kind == "classes" and parts == ["train"])
    read: dict[str, Dataset] = {}
    for part in parts:
        title_of = f"{title} {part}" if splits else title
        read[part] = _part(survey, part, preprocessing, targets, title_of, options)
        preprocessing = read[part].preprocessing
    return Splits(read["train"], read.get("validation"), read.get("test")) if splits else read[parts[0]]


def _refuse(survey: Survey, stops: Sequence[Remark]) -> None:
    """Raise the first refusal; of classes that train lacks, one sentence about all."""
    if not stops:
        return
    first = stops[0]
    if first.kind != "unknown-class":
        raise DataError(f"{first.files[0]}: {first.detail}")
    strange = [each for each in stops if each.kind == first.kind and each.part == first.part]
    raise DataError(
        f"{survey.places.get(first.part, survey.root)}: {plural(len(strange), 'class', 'is')} not in train or "
        "in classes=, the first "
        f'is "{os.path.basename(first.files[0])}". Known: {", ".join(survey.classes or ())}.'
    )


def _refuse_part(survey: Survey, work: PartOfSurvey, classes: Sequence[str] | None = None) -> None:
    """Raise why a part cannot be read, of the pictures that are still in it."""
    refusal = refusal_of_part(survey, work.part, work.items, classes, work.skipped)
    _refuse(survey, [refusal] if refusal else [])


def _part(
    survey: Survey, part: str, preprocessing: Preprocessing, targets: Targets, title: str, options: Options
) -> Dataset:
    where = survey.places.get(part, survey.root)
    work = PartOfSurvey(where, part, survey.of(part))
    work.skipped = [Skipped(each.files[0], each.detail) for each in survey.told("skip", part)]
    for each in survey.told("note", part):
        mark = "," if each.detail.startswith(("line ", "row ")) else ":"
        work.notes.append(f"{each.files[0]}{mark} {each.detail}")
    targets.usable(work)
    if not work.items:
        _refuse_part(survey, work)
    cache, workers = options.get("cache"), options.get("workers")
    names = [item.name for item in work.items]
    x, kept, unread, made = decode_all(
        names, survey.fetch, preprocessing, where, cache=cache, stamp=survey.stamp, workers=workers
    )
    work.skipped += unread
    work.items = [work.items[i] for i in kept]
    values = targets.fields(work, made)
    _refuse_part(survey, work, values["classes"])
    if "chosen" in values:
        x = x[values.pop("chosen")]
    return Dataset(
        x,
        name=title,
        preprocessing=made,
        paths=tuple(item.name for item in work.items),
        skipped=tuple(work.skipped),
        notes=tuple(work.notes),
        **values,
    )
