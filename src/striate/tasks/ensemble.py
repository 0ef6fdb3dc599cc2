"""Several networks that answer as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError
from striate.model import Model
from striate.tasks.classify import Guess, class_names, prepared, scores


class Ensemble:
    """Models of the same classes, in any order of theirs; each has its own network, size of pictures and preprocessing.

    `labels` are those of the first.  The probability of a class is the mean of what the models give it.
    Raises ArgumentError where the classes are not the same.
    Source: Krizhevsky et al. 2012, section 6; Hansen & Salamon 1990, "Neural network ensembles".
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = list(models)
        if not self.models:
            raise ArgumentError("an ensemble takes at least one model.")
        names = [_classes(model) for model in self.models]
        self.labels = names[0]
        for i, found in enumerate(names[1:], start=2):
            strange = sorted(set(found) ^ set(self.labels))
            if len(found) != len(self.labels) or strange:
                raise ArgumentError(
                    f"model {i} of the ensemble has other classes than the first: {len(found)} against "
                    f"{len(self.labels)}{f', {strange[0]!r} is in one of them only' if strange else ''}."
                )
        self._order = [[found.index(label) for label in self.labels] for found in names]

    def probabilities(self, inputs: Sequence[Any]) -> np.ndarray:
        """(N, classes) in the order of `labels`, for each model's own array (or Dataset) of the same N examples."""
        if len(inputs) != len(self.models):
            raise ArgumentError(f"an ensemble of {len(self.models)} models takes as many inputs, not {len(inputs)}.")
        each = [scores(model, x)[:, order] for model, x, order in zip(self.models, inputs, self._order, strict=True)]
        if len({len(part) for part in each}) > 1:
            raise DataError(f"the models got different numbers of examples: {[len(part) for part in each]}.")
        return np.mean(each, axis=0)  # type: ignore[no-any-return]

    def classify(self, sources: Sequence[Any], top: int = 5) -> list[list[Guess]]:
        """The `top` classes of each picture (path, bytes, PIL image, array) or text, most probable first.

        Each model reads the sources with the preprocessing it was trained with.
        """
        if top < 1:
            raise ArgumentError(f"top is at least 1, not {top}.")
        if not sources:
            raise DataError("no pictures to classify.")
        found = self.probabilities([prepared(model, sources) for model in self.models])
        return [[Guess(self.labels[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:top]] for row in found]

    def judge(self, inputs: Sequence[Any], y: np.ndarray) -> dict[str, float]:
        """Cross-entropy (nats) and accuracy for class numbers `y` (N,), which count along `labels`."""
        found = self.probabilities(inputs)
        right = found[np.arange(len(y)), y]
        return {
            "loss": float(-np.log(np.maximum(right, 1e-7)).mean()),
            "accuracy": float((found.argmax(axis=1) == y).mean()),
        }


def _classes(model: Model) -> list[str]:
    shapes = model.graph.check().output_shapes
    if len(shapes) != 1 or len(shapes[0]) != 1:
        raise ArgumentError(
            f"a network with the output {shapes} gives no probability per class; it cannot be averaged."
        )
    return class_names(model, shapes[0][0])
