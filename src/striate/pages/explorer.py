"""The explorer of a model: what other methods say of its answers; and of a run: the held-out pictures with its answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from striate import look
from striate.errors import StriateError
from striate.look.arguments import Progress
from striate.page.attributed import Attributed
from striate.page.explorer import write_explorer
from striate.page.held_out import Example, FilterHistory, HeldOut
from striate.page.samples import samples
from striate.pages.answered import Answered
from striate.pages.attributed import PICTURES as EXPLAINED
from striate.pages.attributed import attributed
from striate.report import tiles
from striate.report.curves import paired
from striate.train.metrics import confusion_matrix
from striate.wording import inner

if TYPE_CHECKING:
    from striate.data import Dataset
    from striate.model import Model

#: Pictures that travel with a page, at most, and the bytes that they take, at most.
PICTURES, BYTES = 2000, 8_000_000


def write_model_page(
    path: str | os.PathLike[str],
    model: Model,
    *,
    name: str | None = None,
    editable: bool = True,
    timed: bool = True,
    attributions: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Write the explorer of a network with its weights as they are now.

    path           of the file
    model          with the weights
    name           of the network, for the title; None: the model's own
    editable       whether a reader can change the network in it and see its sizes anew, which takes 7 MB
    timed          whether each layer's time is measured here and shown, which takes a second or two
    attributions   whether more methods explain a classifier's answers to the page's own pictures, with their sanity checks
    progress       called as progress(done, whole) while methods explain

    Raises BundleError where the file cannot be written, and the graph's own error where it has a fault.
    """
    found = _samples_attributed(model.predictor, progress) if attributions else None
    title = name or model.name or "model"
    return write_explorer(path, model.graph.check(), title, model, None, found, editable=editable, timed=timed)


def _samples_attributed(model: Model, progress: Progress | None) -> Attributed | None:
    """What other methods say of a model's answers to the pictures that travel with every page; None where it takes none."""
    intake = model.intake
    if not intake.takes_pictures:
        return None
    pixels = [intake.recipe.pixels(file) for _, _, file in samples(intake.shape)]
    return attributed(model, np.stack(pixels), [f"sample-{i}" for i in range(len(pixels))], progress)


def write_run_page(
    path: str | os.PathLike[str],
    model: Model,
    test: Dataset,
    *,
    history: Mapping[str, Sequence[float]],
    answered: Answered | None = None,
    features: Literal["pca", "tsne"] = "pca",
    filters: FilterHistory | None = None,
    name: str | None = None,
    editable: bool = True,
    timed: bool = True,
    attributions: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Write the explorer of a classifier of pictures, with the data that it was judged on.

    path       of the file
    model      with its weights as they are now
    test       the held-out examples
    history    ``History.history``
    answered   what the model says on `test`, where that is known already
    features   how the map of the features is made, as ``look.feature_map`` takes it
    filters    the first filters through the training, where they were kept
    name       of the network, for the title; None: the model's own
    editable   whether a reader can change the network in it and see its sizes anew, which takes 7 MB
    timed      whether each layer's time is measured here and shown, which takes a second or two
    attributions   whether more methods explain the answers to the first of the pictures, with their sanity checks
    progress   called as progress(done, whole) while methods explain

    At most 2,000 pictures and 8 MB of them travel along: in turn one with a wrong answer, furthest off first, and one with a
    right one, of each class after the other.  Raises DataError for data that are no pictures with classes, or another
    network, BundleError where the file cannot be written.
    """
    test = model.intake.dataset(test)
    answered = Answered.of(model, test) if answered is None else answered
    chosen, files = _carried(test, answered)
    points, told = None, ""
    try:
        made = look.feature_map(model, test.subset(chosen), method=features)
        points, told = made.at, made.note()
    except StriateError as error:
        told = f"There is no map of the features: {inner(error)}."
    examples = [
        Example(
            Path(test.paths[i]).name if test.paths else f"{test.noun} {i}",
            int(answered.labels[i]),
            int(answered.answers[i]),
            float(answered.probabilities[i].max()),
            kind,
            file,
        )
        for i, (file, kind) in zip(chosen, files, strict=True)
    ]
    matrix = confusion_matrix(answered.labels, answered.answers, len(answered.names))
    held = HeldOut(test.name, answered.names, np.asarray(matrix), examples, points, told, paired(history), filters)
    found = None
    if attributions and chosen:
        some = chosen[:EXPLAINED]
        found = attributed(model.predictor, test.subset(some), [f"held-out-{i}" for i in range(len(some))], progress)
    title = name or model.name or "model"
    return write_explorer(path, model.graph.check(), title, model, held, found, editable=editable, timed=timed)


def _carried(test: Dataset, answered: Answered) -> tuple[list[int], list[tuple[bytes, str]]]:
    """Numbers of the examples that travel along, and their files."""
    right = np.flatnonzero(answered.right)
    turns = _turns(answered.labels[right])
    right = right[np.lexsort((answered.labels[right], turns))]
    pairs = zip_longest(answered.worst, map(int, right))
    order = [i for pair in pairs for i in pair if i is not None]
    chosen: list[int] = []
    files: list[tuple[bytes, str]] = []
    taken = 0
    for i in order[:PICTURES]:
        picture = tiles.as_picture(test.x[i])
        if picture is None:
            break
        file, kind = tiles.encoded(picture, max(picture.shape[:2]))
        if taken + len(file) > BYTES:
            break
        taken += len(file)
        chosen.append(i)
        files.append((file, kind))
    return chosen, files


def _turns(labels: np.ndarray) -> np.ndarray:
    """For each example how many of its class stand before it."""
    turns = np.zeros(len(labels), int)
    for label in np.unique(labels):
        own = labels == label
        turns[own] = np.arange(own.sum())
    return turns
