"""Detection: what things are in a picture, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from striate.errors import ArgumentError
from striate.model import Model
from striate.tasks.found import find
from striate.tasks.matching import Detections
from striate.tasks.sources import listed, size_of

__all__ = ["Detection", "detect"]


class Detection(NamedTuple):
    """A thing that was found.

    label   of its class
    score   how sure the network is, 0 to 1
    box     left, top, right and bottom in pixels of the photo
    """

    label: str
    score: float
    box: tuple[float, float, float, float]


def detect(model: Model, pictures: Any, *, engine: str = "auto", **settings: Any) -> list[list[Detection]]:
    """The things in each picture, the surest first, in pixels of the photo itself.

    model      a network that ends in boxes, such as ``tasks.detector.detector`` makes
    pictures   files, bytes, PIL images, uint8 arrays or a Dataset, as ``Model.predict`` takes them
    engine     as for ``Model.predict``
    settings   of the choice, in place of the model's own: `least`, the score below which nothing is said; `overlap`, above
               which of two boxes of a class only the surer stays; `most`, how many stay

    Raises ArgumentError for a network without boxes, DataError for a picture that cannot be read.
    """
    if model.answers.activation != "boxes":
        raise ArgumentError("detect takes a network that ends in boxes; tasks.detector.detector makes one.")
    sources = listed(model, pictures)
    rows = find(model, pictures, replace(model.decoding, **settings), engine=engine)
    names = model.intake.class_names(model.answers.classes)
    found = []
    for source, one in zip(sources, rows, strict=True):
        boxes = model.intake.geometry(source, size_of(source)).boxes_back(one.boxes)
        found.append(named(one._replace(boxes=boxes), names))
    return found


def named(found: Detections, names: Sequence[str]) -> list[Detection]:
    """What was found in a picture, one by one.

    found   as arrays
    names   of the classes
    """
    return [
        Detection(names[int(k)], float(score), tuple(map(float, box)))  # type: ignore[arg-type]
        for box, score, k in zip(found.boxes, found.scores, found.classes, strict=True)
    ]
