"""Classification: the most probable classes of pictures or texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from striate.described import whole
from striate.errors import ArgumentError, DataError
from striate.intake import Outputs, ends_in_features
from striate.model import Model
from striate.wording import plural


class Guess(NamedTuple):
    """A class and the probability that the network gives it."""

    label: str
    probability: float


def classify(model: Model, sources: Any, top: int = 5, *, engine: str = "auto") -> list[list[Guess]]:
    """The `top` classes of each picture or text, most probable first, with the probability of each.

    model      a network with one output of classes; the last activation says what its numbers are: of a softmax, or of
               logits, the probabilities of a picture's classes add up to 1; of sigmoids each is that of a yes to that
               class alone.  A single yes/no output stands for two classes
    sources    whatever ``Model.predict`` takes: paths, bytes, PIL images, uint8 arrays (h, w, C), a Dataset, or texts for
               a network that reads them; they go through the model's own preprocessing, floats go in as they are
    top        how many classes of each
    engine     as for ``Model.predict``

    Raises DataError for a source that cannot be read, ArgumentError for a network that does not classify.
    """
    check(sources, top)
    outputs = classes_of(model)
    probabilities = outputs.by_class(model.predict(sources, engine=engine))
    return ranked(probabilities, model.intake.class_names(outputs.classes), top)


def check(sources: Any, top: int) -> None:
    """Raise ArgumentError for a `top` below 1, DataError where there is nothing to classify."""
    whole("", "top", top)
    if hasattr(sources, "__len__") and not len(sources):
        raise DataError("no pictures to classify.")


def ranked(probabilities: np.ndarray, names: Sequence[str], top: int) -> list[list[Guess]]:
    """The `top` classes of each row of probabilities (N, classes), most probable first.

    Raises DataError where a network answers with NaN.
    """
    if not np.isfinite(probabilities).all():
        wrong = int((~np.isfinite(probabilities).all(axis=1)).sum())
        raise DataError(
            f"the network answers {wrong} of {plural(len(probabilities), 'input')} with NaN: numbers in it grow past what "
            "32 bits hold. Look at its weights (striate look weights) and at the range of its inputs."
        )
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [[Guess(names[i], float(row[i])) for i in places] for row, places in zip(probabilities, order, strict=True)]


def classes_of(model: Model) -> Outputs:
    """What the one output of a network that classifies is.  Raises ArgumentError for a network that does not."""
    shapes = model.predictor.graph.check().output_shapes
    if len(shapes) != 1 or len(shapes[0]) > 1:
        raise ArgumentError(f"this network's output {shapes} is not one number per class.")
    if ends_in_features(model.predictor):
        raise ArgumentError(
            "this network ends in features and not in classes (include_top=False): use predict for the features, or put a "
            "head on it and train it."
        )
    return model.answers
