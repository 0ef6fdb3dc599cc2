"""Several networks that answer as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError
from striate.model import Model
from striate.tasks.classification import Guess, check, classes_of, ranked
from striate.wording import plural


class Ensemble:
    """Models of the same classes, in any order of theirs; each has its own network, size of pictures and preprocessing.

    models    at least one, each with one output of classes

    `labels` are those of the first.  The probability of a class is the mean of what the models give it.
    Raises ArgumentError where the classes are not the same.
    Source: Krizhevsky et al. 2012, section 6; Hansen & Salamon 1990, "Neural network ensembles".
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = list(models)
        if not self.models:
            raise ArgumentError("an ensemble takes at least one model.")
        outputs = [classes_of(model) for model in self.models]
        if len({each.separate and each.count > 1 for each in outputs}) > 1:
            raise ArgumentError(
                "some models of the ensemble answer yes or no to each class, others choose one of them."
            )
        named = [model.intake.class_names(each.classes) for model, each in zip(self.models, outputs, strict=True)]
        self.labels = named[0]
        names = [_counted(labels) for labels in named]
        for i, theirs in enumerate(names[1:], start=2):
            strange = sorted(set(theirs) ^ set(names[0]))
            if strange:
                raise ArgumentError(
                    f"model {i} of the ensemble has other classes than the first: {len(theirs)} against "
                    f"{len(self.labels)}, {strange[0][0]!r} is in one of them only."
                )
        self._order = [[theirs.index(label) for label in names[0]] for theirs in names]

    def probabilities(self, inputs: Sequence[Any], *, engine: str = "auto") -> np.ndarray:
        """(N, classes) in the order of `labels`.

        inputs    for each model what its ``predict`` takes: an array, files or a Dataset, of the same N examples
        engine    as for ``Model.predict``

        Raises ArgumentError for another number of inputs than models, DataError for different numbers of examples.
        """
        if len(inputs) != len(self.models):
            raise ArgumentError(
                f"an ensemble of {plural(len(self.models), 'model')} takes as many inputs, not {len(inputs)}."
            )
        each = [
            classes_of(model).by_class(model.predict(x, engine=engine))[:, order]
            for model, x, order in zip(self.models, inputs, self._order, strict=True)
        ]
        if len({len(part) for part in each}) > 1:
            raise DataError(f"the models got different numbers of examples: {[len(part) for part in each]}.")
        return np.mean(each, axis=0)  # type: ignore[no-any-return]

    def classify(self, sources: Any, top: int = 5, *, engine: str = "auto") -> list[list[Guess]]:
        """The `top` classes of each picture or text, most probable first, by the mean of the models' probabilities.

        sources    paths, bytes, PIL images, arrays or texts; each model reads them with its own preprocessing
        top        how many classes of each
        engine     as for ``Model.predict``

        Raises DataError for a source that cannot be read, ArgumentError for a `top` below 1.
        """
        check(sources, top)
        return ranked(self.probabilities([sources] * len(self.models), engine=engine), self.labels, top)

    def judge(self, inputs: Sequence[Any], y: np.ndarray, *, engine: str = "auto") -> dict[str, float]:
        """Cross-entropy (nats) and accuracy.

        inputs    for each model what its ``predict`` takes, of the same N examples
        y         int64 (N,): their classes, which count along `labels`
        engine    as for ``Model.predict``

        Raises ArgumentError and DataError as ``probabilities`` does.
        """
        probabilities = self.probabilities(inputs, engine=engine)
        right = probabilities[np.arange(len(y)), y]
        return {
            "loss": float(-np.log(np.maximum(right, 1e-7)).mean()),
            "accuracy": float((probabilities.argmax(axis=1) == y).mean()),
        }


def _counted(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Each label with how many like it came before: ImageNet has two classes "crane"."""
    return [(label, list(labels[:i]).count(label)) for i, label in enumerate(labels)]
