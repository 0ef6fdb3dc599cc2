"""Labels that a trained model contradicts: a suspicion to look at, not a fault."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.data.checks.findings import Finding
from striate.data.readers.survey import Item
from striate.errors import ArgumentError

SURE = 0.9  # probability, or share of neighbours, that another class must have
_OWN = 0.05  # and that the picture's own class may have at most
_NEIGHBOURS = 10
_BATCH = 64


class Suspects:
    """Collects pictures while a data set is checked, asks the model in batches, and names the labels it contradicts.

    A model whose labels are the data's classes is asked for its probabilities.  Any other gives features
    (``Model.extract``), and each picture is compared with its ten nearest neighbours by cosine, itself left out
    (Wilson's edited nearest neighbour rule, 1972).
    """

    def __init__(self, model: Any) -> None:
        if getattr(model, "preprocessing", None) is None or model.preprocessing.image_size is None:
            raise ArgumentError(
                "the model has no preprocessing for pictures; give one that was trained on or loaded with it."
            )
        self.model = model
        self._items: list[Item] = []
        self._waiting: list[np.ndarray] = []
        self._answers: list[np.ndarray] = []
        self._features: list[np.ndarray] = []

    def prepare(self, image: Any) -> np.ndarray:
        """A picture as the model's preprocessing stores it, uint8 (H, W, C)."""
        return np.asarray(self.model.preprocessing.pixels(image))

    def add(self, item: Item, pixels: np.ndarray) -> None:
        """Take in a picture; those without a label have nothing to contradict."""
        if item.label is None:
            return
        self._items.append(item)
        self._waiting.append(pixels)
        if len(self._waiting) >= _BATCH:
            self._ask()

    def _ask(self) -> None:
        if not self._waiting:
            return
        x = np.stack(self._waiting)
        self._waiting.clear()
        if self.model.labels:
            self._answers.append(np.asarray(self.model.predict(x)))
        features = np.asarray(self.model.extract(x))
        self._features.append(features.mean(axis=(1, 2)) if features.ndim == 4 else features.reshape(len(x), -1))

    def findings(self) -> list[Finding]:
        """The suspects, each with what speaks against its label."""
        self._ask()
        if len(self._items) < 2:
            return []
        classes = sorted({str(item.label) for item in self._items})
        labels = list(self.model.labels or ())
        if labels and set(classes) <= set(labels):
            answers, classes, how = np.concatenate(self._answers), labels, "the model says"
            if answers.ndim != 2 or answers.shape[1] != len(labels):
                return []
        else:
            answers, how = self._neighbours(classes), f"of its {_NEIGHBOURS} nearest pictures"
        own = np.array([classes.index(str(item.label)) for item in self._items])
        rows = np.arange(len(own))
        wrong = (answers.max(axis=1) >= SURE) & (answers[rows, own] <= _OWN)
        return [
            Finding(
                "suspect-label",
                (self._items[i].name,),
                f'labelled "{classes[own[i]]}"; {how} {answers[i].max():.0%} "{classes[answers[i].argmax()]}"',
            )
            for i in np.flatnonzero(wrong)
        ]

    def _neighbours(self, classes: list[str]) -> np.ndarray:
        """The share of each class among the nearest neighbours of each picture: (N, classes)."""
        features = np.concatenate(self._features).astype(np.float32)
        features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        labels = np.array([classes.index(str(item.label)) for item in self._items])
        count = min(_NEIGHBOURS, len(features) - 1)
        shares = np.zeros((len(features), len(classes)))
        for start in range(0, len(features), 1024):
            near = features[start : start + 1024] @ features.T
            near[np.arange(len(near)), start + np.arange(len(near))] = -np.inf
            for i, nearest in enumerate(np.argpartition(-near, count - 1, axis=1)[:, :count]):
                shares[start + i] = np.bincount(labels[nearest], minlength=len(classes)) / count
        return shares
