"""Labels that speak against what a model sees: a suspicion to look at, not a fault."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.data.checks.confident import likelier_classes
from striate.data.checks.findings import Finding
from striate.data.checks.look import Seen
from striate.data.feature_rows import FeatureRows, identity
from striate.data.readers.survey import Item
from striate.data.splits import line_up
from striate.errors import ArgumentError

FOLDS = 5
_BATCH = 64
_KEPT = 4096  # new rows after which they go to disk


class Suspects:
    """Collects pictures while a data set is checked, takes features of them in batches, and names the suspect labels.

    model   with preprocessing; its own classes do not matter

    On the features (``Model.extract``) a logistic regression is fitted, five times, each time without a fifth of the
    pictures, which it then judges: no picture has a part in its own judgement.  What these probabilities say of the
    labels is ``likelier_classes``.  Features are kept on disk (``data/feature_rows.py``).
    """

    def __init__(self, model: Any) -> None:
        if getattr(model, "preprocessing", None) is None or model.preprocessing.image_size is None:
            raise ArgumentError(
                "the model has no preprocessing for pictures; give one that was trained on or loaded with it."
            )
        self.model = model
        self._rows = FeatureRows(model.name or "model", identity(model, model.preprocessing, b"extract"), True)
        self._fresh: dict[bytes, np.ndarray] = {}
        self._waiting: dict[bytes, np.ndarray] = {}
        self._items: list[tuple[Item, bytes]] = []

    def prepare(self, one: Seen, image: Any) -> np.ndarray | None:
        """A picture as the model's preprocessing stores it, uint8 (H, W, C); None where its features are not needed, or
        on disk."""
        if one.item.label is None or one.file in self._rows.rows:
            return None
        return np.asarray(self.model.preprocessing.pixels(image))

    def add(self, one: Seen) -> None:
        """Take in a picture; those without a label have nothing to contradict."""
        if one.item.label is None:
            return
        self._items.append((one.item, one.file))
        if one.prepared is not None and one.file not in self._rows.rows:
            self._waiting[one.file] = one.prepared
        if len(self._waiting) >= _BATCH:
            self._ask()

    def _ask(self) -> None:
        if not self._waiting:
            return
        features = np.asarray(self.model.extract(np.stack(list(self._waiting.values()))))
        rows = features.mean(axis=(1, 2)) if features.ndim == 4 else features.reshape(len(features), -1)
        fresh = dict(zip(self._waiting, rows, strict=True))
        self._waiting.clear()
        self._fresh |= fresh
        self._rows.rows |= fresh
        if len(self._fresh) >= _KEPT:
            self._keep()

    def _keep(self) -> None:
        self._rows.add(self._fresh)
        self._fresh = {}

    def findings(self) -> list[Finding]:
        """The suspects, each with what speaks against its label.  A class with one picture is not judged."""
        from striate.logistic import held_out

        self._ask()
        self._keep()
        names, label = np.unique([str(item.label) for item, _ in self._items], return_inverse=True)
        kept = np.flatnonzero(np.bincount(label)[label] > 1) if len(names) else np.arange(0)
        names, y = np.unique(names[label[kept]], return_inverse=True) if len(kept) else (names[:0], label[kept])
        if len(names) < 2:
            return []
        fold = np.empty(len(y), np.int64)
        fold[line_up(len(y), y, 0)] = np.arange(len(y)) % FOLDS
        items = [self._items[i] for i in kept]
        answers = held_out(np.stack([self._rows.rows[key] for _, key in items]), y, len(names), fold)
        other = likelier_classes(answers, y)
        return [
            Finding(
                "suspect-label",
                (items[i][0].name,),
                f'labelled "{names[y[i]]}"; judged without it: {answers[i, other[i]]:.0%} "{names[other[i]]}", '
                f"{answers[i, y[i]]:.0%} its own",
                float(answers[i, y[i]] - answers[i, other[i]]),
            )
            for i in np.flatnonzero(other >= 0)
        ]
