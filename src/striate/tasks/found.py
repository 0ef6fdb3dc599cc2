"""Detections of a network: its rows of boxes cut at a confidence and thinned out."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError
from striate.inference.predict import outputs_of, parts_of
from striate.intake import Decoding
from striate.intake.decoding import as_decoding
from striate.model import Model
from striate.ship.in_torch import InTorch
from striate.tasks.boxes import as_numpy, suppress
from striate.tasks.matching import Detections

__all__ = ["Decoding", "detections", "find"]


def detections(
    rows: np.ndarray,
    *,
    least: float | None = None,
    overlap: float = Decoding.overlap,
    most: int = Decoding.most,
    considered: int = Decoding.considered,
) -> Detections:
    """What one picture's rows (P, 4 + K) say: boxes, scores and classes, the surest first.

    rows        as the network gives them: four corners in pixels and a score for each class
    least       scores below it say nothing; None: 0.05
    overlap     above which of two boxes of a class only the surer stays
    most        how many stay
    considered  how many of the surest are looked at

    A model's own settings are ``detections(row, **model.decoding.to_dict())``.  Raises DataError for rows of another shape
    and for settings that ``Decoding`` does not take.
    """
    settings = Decoding(least=least, overlap=overlap, most=most, considered=considered)
    rows = as_numpy(rows)
    if rows.ndim != 2 or rows.shape[1] < 5:
        raise DataError(f"detections: one picture's rows are (places, 4 + classes); it got {rows.shape}.")
    place, label = np.nonzero(rows[:, 4:] >= settings.threshold)
    scores = rows[place, 4 + label]
    if len(scores) > considered:
        last = np.partition(scores, -considered)[-considered]
        equal = np.flatnonzero(scores == last)[: considered - int((scores > last).sum())]  # the first of equals
        best = np.sort(np.concatenate([np.flatnonzero(scores > last), equal]))
        place, label, scores = place[best], label[best], scores[best]
    boxes = rows[place, :4]
    kept, sure = suppress(boxes, scores, label, overlap=overlap, most=most)
    return Detections(boxes[kept], sure, label[kept])


def find(
    model: Model, pictures: Any, decoding: Decoding | None = None, *, batch_size: int = 32, engine: str = "auto"
) -> list[Detections]:
    """What a network finds in each picture, in pixels of the picture that the network sees.

    model       that answers with boxes
    pictures    whatever ``Model.predict`` takes
    decoding    what counts as found; None: ``model.decoding``
    batch_size  pictures at a time; it makes no difference to the answers
    engine      as for ``Model.predict``; ONNX Runtime and OpenVINO thin the boxes out themselves

    Raises ArgumentError for a network that does not answer with one output of boxes, DataError for pictures that cannot be
    read.
    """
    network, settings = model.predictor, model.decoding if decoding is None else as_decoding(decoding, "find: decoding")
    if network.answers.activation != "boxes" or len(network.graph.outputs) != 1:
        raise ArgumentError("find takes a network that answers with boxes; tasks.detector.detector makes one.")
    examples = network.intake.examples(pictures)
    chosen = network._engine.pick(network, engine, len(examples), examples.pixels, decoding=settings)
    found: list[Detections] = []
    parts = parts_of(len(examples), batch_size)
    for part, given in zip(parts, outputs_of(network, examples, batch_size, chosen), strict=True):
        if chosen is None or isinstance(chosen, InTorch):
            found += [detections(rows, **settings.to_dict()) for rows in given[0]]
            continue
        boxes, scores, classes, numbers = given
        ends = np.searchsorted(numbers, np.arange(1, part.stop - part.start))
        each = (np.split(one, ends) for one in (boxes, scores, classes))
        found += [Detections(*one) for one in zip(*each, strict=True)]
    return found
