"""A confusion matrix and what follows from it, for reports: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import DataError
from striate.train.metrics.shares import ClassCounts, averaged, f_score, precision, recall
from striate.wording import plural


def confusion_matrix(y_true: Any, y_pred: Any, n: int | None = None) -> np.ndarray:
    """How often class r (row) was called class c (column), an (n, n) int64 array.

    y_true, y_pred: class numbers, (N,) or any shape that both have, or scores and one-hot targets (N, n).
    n: how many classes there are; by default one more than the highest.  Raises DataError.

    y_true, y_pred, n    as above
    """
    truth, said = _ids(y_true), _ids(y_pred)
    if truth.shape != said.shape:
        raise DataError(f"confusion_matrix: {plural(truth.size, 'target')} and {plural(said.size, 'prediction')}.")
    truth, said = truth.ravel(), said.ravel()
    highest = max(truth.max(initial=-1), said.max(initial=-1))
    n = int(highest) + 1 if n is None else n
    if truth.size and (min(truth.min(), said.min()) < 0 or highest >= n):
        lowest = min(truth.min(), said.min())
        raise DataError(
            f"confusion_matrix: classes run from {lowest} to {highest}, {plural(n, 'class', 'is')} 0 to {n - 1}."
        )
    return np.bincount(truth * n + said, minlength=n * n).reshape(n, n)


def interval(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of `count` were seen.  Wilson 1927, "Probable inference"."""
    if not count:
        return 0.0, 1.0
    z, p = 1.959963984540054, right / count
    middle, wide = p + z * z / (2 * count), z * (p * (1 - p) / count + z * z / (4 * count * count)) ** 0.5
    return (middle - wide) / (1 + z * z / count), (middle + wide) / (1 + z * z / count)


def _ids(y: Any) -> np.ndarray:
    array = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
    if array.dtype.kind == "f" and array.ndim > 1:
        return array.argmax(-1)
    if array.dtype.kind not in "biu" and (array != np.floor(array)).any():
        raise DataError("confusion_matrix: classes are whole numbers.")
    return array.astype(np.int64)


@dataclasses.dataclass(frozen=True)
class ClassReport:
    """Precision, recall and F1 of each class and their averages.

    names, precision, recall, f1, support: per class; support is how many samples the class has.
    macro: the mean over the classes that occur (in the targets or the predictions); weighted: by support; micro: of all
    counts together, which for one answer per sample is the accuracy.  Each is (precision, recall, F1).
    A share of nothing is 0.

    matrix                   (C, C), rows the truth
    names, precision, recall, f1, support    (C,)
    accuracy, macro, micro, weighted         over all classes
    """

    names: list[str]
    matrix: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    accuracy: float
    macro: tuple[float, float, float]
    micro: tuple[float, float, float]
    weighted: tuple[float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: a row per class, the averages, the accuracy and the matrix."""
        columns = zip(self.names, self.precision, self.recall, self.f1, self.support, strict=True)
        rows = [
            {"name": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
            for name, p, r, f, s in columns
        ]
        keys = ("precision", "recall", "f1")
        averages = {kind: dict(zip(keys, getattr(self, kind), strict=True)) for kind in ("macro", "micro", "weighted")}
        return {"classes": rows, **averages, "accuracy": self.accuracy, "confusion_matrix": self.matrix.tolist()}

    def __str__(self) -> str:
        width = max(len("weighted"), *(len(name) for name in self.names))
        lines = [f"{'':{width}}  precision  recall      f1  support"]
        for name, p, r, f, s in zip(self.names, self.precision, self.recall, self.f1, self.support, strict=True):
            lines.append(f"{name:{width}}  {p:9.4f}  {r:6.4f}  {f:6.4f}  {s:7d}")
        for kind in ("macro", "micro", "weighted"):
            p, r, f = getattr(self, kind)
            lines.append(f"{kind:{width}}  {p:9.4f}  {r:6.4f}  {f:6.4f}  {int(self.support.sum()):7d}")
        return "\n".join(lines)


def per_class_report(y_true: Any, y_pred: Any, n: int | None = None, names: Sequence[str] | None = None) -> ClassReport:
    """Precision, recall, F1 and support per class, and their macro, micro and weighted averages.

    The arguments are those of ``confusion_matrix``; `names` are the classes' names, by default their numbers.

    y_true, y_pred    class numbers (N,), or scores and one-hot targets (N, n)
    n                 how many classes there are; None: one more than the highest

    Raises DataError for another number of names, or numbers that are no classes.
    """
    matrix = confusion_matrix(y_true, y_pred, n if n is not None or names is None else len(names))
    names = [str(i) for i in range(len(matrix))] if names is None else list(names)
    if len(names) != len(matrix):
        raise DataError(f"per_class_report: {plural(len(names), 'name')} for {plural(len(matrix), 'class')}.")
    counts = ClassCounts.of_matrix(matrix)
    macro, weighted = (
        tuple(averaged(figure, counts, average) for figure in (precision, recall, f_score))
        for average in ("present", "weighted")
    )
    accuracy = float(precision(counts.together))
    return ClassReport(
        names=names,
        matrix=matrix,
        precision=precision(counts),
        recall=recall(counts),
        f1=f_score(counts),
        support=counts.true,
        accuracy=accuracy,
        macro=(macro[0], macro[1], macro[2]),
        micro=(accuracy, accuracy, accuracy),
        weighted=(weighted[0], weighted[1], weighted[2]),
    )
