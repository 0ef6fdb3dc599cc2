"""What a classifier says on held-out examples: computed once, for the report and for the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from striate.errors import DataError
from striate.tasks.kinds import ClassifyTask, task_of

if TYPE_CHECKING:
    from striate.data import Dataset
    from striate.model import Model

_LEAST = 1e-12  # a probability of 0 counts as this much


@dataclass(frozen=True)
class Answered:
    """Answers on examples whose classes are known.

    names           of the classes
    labels          int64 (N,): the true classes
    probabilities   float64 (N, classes)
    """

    names: list[str]
    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, model: Model, test: Dataset) -> Answered:
        """Ask the model.

        model   a classifier
        test    the examples, as ``model.intake.dataset`` gives them

        Raises DataError for examples without classes, or with more than the network knows, and for another network.
        """
        shapes, labels = model.graph.output_shapes, test.labels
        if not isinstance(task_of(model), ClassifyTask):
            raise DataError("the network does not classify pictures")
        if labels is None:
            raise DataError("the data has no labels")
        if len(shapes) != 1 or len(shapes[0]) != 1 or (shapes[0] == (1,) and test.y is None):
            raise DataError("the network does not give one probability per class")
        count = model.answers.classes
        if labels.max() >= count:
            raise DataError("the data has more classes than the network has outputs")
        probabilities = model.answers.by_class(model.predict(test))
        return cls(model.intake.class_names(count), labels, probabilities)

    @cached_property
    def answers(self) -> np.ndarray:
        """int64 (N,): the most probable classes."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def right(self) -> np.ndarray:
        """bool (N,)."""
        return self.answers == self.labels

    @cached_property
    def losses(self) -> np.ndarray:
        """float64 (N,): minus the logarithm of the true class's probability."""
        return -np.log(np.maximum(self.probabilities[np.arange(len(self.labels)), self.labels], _LEAST))

    @property
    def worst(self) -> list[int]:
        """Numbers of the examples with wrong answers, furthest off first."""
        return [int(i) for i in np.argsort(-self.losses, kind="stable") if not self.right[i]]
