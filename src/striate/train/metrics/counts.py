"""Figures from counts of right and wrong answers per class: precision, recall, F1, IoU, AUC, confusion matrix.

Batches are gathered, as class numbers where that is all a figure needs, and counted in pieces of at least 65,536
answers.  The counting is torchmetrics', but for AUC: there it compares every answer with every threshold (13 µs a
sample of 10 classes), where a histogram does.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from striate.errors import ArgumentError, unknown
from striate.train.config import number, settings, whole
from striate.train.metrics.base import Metric, class_numbers, probabilities

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from striate.train.losses import Loss

PIECE = 65_536  # answers per update of torchmetrics

_AVERAGES = (None, "micro", "macro", "weighted")


class _Counts(Metric):
    """Base: gathers batches, hands them to a torchmetrics metric, and knows what the outputs mean.

    kind: ``multiclass`` (the highest score is the answer), ``multilabel`` (every output is an answer of its own), or
    ``binary`` (there is one output).
    """

    threshold: float | None = None
    ignore_class: int | None = None

    def __post_init__(self) -> None:
        self.kind: Literal["", "binary", "multiclass", "multilabel"] = ""
        self._classes = 0
        self._engine: Any = None
        self._gathered: list[tuple[Tensor, Tensor]] = []
        self._waiting = 0

    # -- what the outputs mean -------------------------------------------------------------------------------------
    def bind(self, loss: Loss, output_shape: tuple[int, ...]) -> None:
        self._final = loss.activation if loss.from_logits else None
        if self.ignore_class is None:
            self.ignore_class = getattr(loss, "ignore_class", None)
        self._settle(output_shape[-1], loss.separate)

    def _settle(self, outputs: int, separate: bool) -> None:
        self._classes = outputs
        if outputs == 1:
            self.kind = "binary"
        else:
            self.kind = "multilabel" if separate or self.threshold is not None else "multiclass"
        self.needs_probabilities = self.kind != "multiclass"

    def _answers(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """What is gathered of a batch: (prediction, truth), flat for classes, (…, C) for several outputs."""
        if self.kind == "multiclass":
            truth, said = class_numbers(y_true, y_pred), y_pred.argmax(1)
            return said.flatten(), truth.long().flatten()
        return self._flat(probabilities(y_pred, self._final) > (self.threshold or 0.5), y_true)

    def _flat(self, said: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
        if self.kind == "binary":
            return said.flatten(), y_true.long().flatten()
        if y_true.ndim < said.ndim:
            from torch.nn.functional import one_hot

            y_true = one_hot(y_true.long(), self._classes).movedim(-1, 1)
        return said.movedim(1, -1).flatten(0, -2), y_true.long().movedim(1, -1).flatten(0, -2)

    # -- gathering -------------------------------------------------------------------------------------------------
    def update(self, y_true: Tensor, y_pred: Tensor) -> None:
        if not self.kind:
            self._settle(y_pred.shape[1], separate=False)
        said, truth = self._answers(y_true, y_pred.detach())
        if truth.data_ptr() == y_true.data_ptr():
            truth = truth.clone()  # the caller may fill its buffer again
        self._gathered.append((said, truth))
        self._waiting += said.numel()
        if self._waiting >= PIECE:
            self._hand_over()

    def _hand_over(self) -> None:
        import torch

        if not self._gathered:
            return
        said = torch.cat([s for s, _ in self._gathered])
        truth = torch.cat([t for _, t in self._gathered])
        self._gathered, self._waiting = [], 0
        if self.kind == "multiclass" and self.ignore_class is not None:
            valid = truth != self.ignore_class
            said, truth = said[valid], truth[valid]
        with torch.inference_mode(False), torch.no_grad():
            self._count(said, truth)

    def _count(self, said: Tensor, truth: Tensor) -> None:
        if self._engine is None:
            self._engine = self._made().to(said.device)
        if truth.numel():
            self._engine.update(said, truth)

    def _made(self) -> Any:
        """The torchmetrics metric that counts."""
        raise NotImplementedError

    def _make(self, stem: str, **options: Any) -> Any:
        from torchmetrics import classification

        sizes = {"multiclass": {"num_classes": self._classes}, "multilabel": {"num_labels": self._classes}}
        made = getattr(classification, self.kind.capitalize() + stem)
        return made(**sizes.get(self.kind, {}), **options, validate_args=False, sync_on_compute=False)

    def _computed(self) -> Tensor | None:
        """torchmetrics' result, None when there is no data yet."""
        self._hand_over()
        if self._engine is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about classes without samples: defined below
            return self._engine.compute()

    def reset(self) -> None:
        self._gathered, self._waiting = [], 0
        self._engine = None

    def state_dict(self) -> dict[str, Tensor]:
        self._hand_over()
        if self._engine is None and self.kind:
            self._engine = self._made()
        if self._engine is None:
            return {}
        return dict(self._engine.metric_state)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.reset()
        if not state:
            return
        if not self.kind:
            raise ArgumentError(f"{self.name}: bind the metric to its loss before loading a state.")
        self._engine = self._made()
        for name, value in state.items():
            setattr(self._engine, name, value)


class _Averaged(_Counts):
    """Base of figures that exist per class and are averaged."""

    average: str | None = None
    class_id: int | None = None
    stem = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        averages = (*_AVERAGES, "auto")
        if self.average not in averages:
            raise unknown(f"{type(self).__name__} average", str(self.average), [str(a) for a in averages])
        if self.threshold is not None:
            number(type(self).__name__, "threshold", self.threshold, 0, 1)
        if self.class_id is not None:
            self.class_id = whole(type(self).__name__, "class_id", self.class_id, 0)

    def bind(self, loss: Loss, output_shape: tuple[int, ...]) -> None:
        super().bind(loss, output_shape)
        if self.class_id is not None and self.class_id >= output_shape[-1]:
            raise ArgumentError(f"{self.name}: class_id={self.class_id}, the classes are 0 to {output_shape[-1] - 1}.")

    def _made(self) -> Any:
        if self.kind == "binary":
            return self._make(self.stem, **self._options())
        average = self.average
        if average == "auto":
            average = "micro" if self.kind == "multilabel" else "macro"
        return self._make(self.stem, average="none" if self.class_id is not None else average, **self._options())

    def _options(self) -> dict[str, Any]:
        return {}

    def result(self) -> Any:
        figures = self._computed()
        if figures is None:
            return float("nan")
        values = figures.tolist()
        if self.class_id is not None and isinstance(values, list):
            return values[self.class_id]
        return values


@settings
class Precision(_Averaged):
    """Of the answers "class c", the share that is right: TP / (TP + FP); 0 when there are none.

    average: ``macro``, the mean over the classes that occur; ``micro``, of all classes' counts together; ``weighted``,
    by how often a class occurs; None, one per class; ``auto``, micro where every output is an answer of its own (a
    sigmoid loss, or `thresholds`), else macro.  class_id: of this class only.
    thresholds: each output above it is an answer, several per sample; 0.5 is what Keras does with softmax outputs, too.
    Otherwise the answer is the highest score, or for a single output, whether it is above 0.5.
    """

    refused = {"top_k": "Keras has it; use TopKCategoricalAccuracy(k), which is its recall"}
    stem = "Precision"
    thresholds: float | None = None
    class_id: int | None = None
    name: str = "precision"
    average: str | None = dataclasses.field(default="auto", kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.thresholds, list | tuple):
            raise ArgumentError(f"{type(self).__name__}: give one threshold, and one metric per threshold.")
        self.threshold = self.thresholds
        super().__post_init__()


@settings
class Recall(Precision):
    """Of the samples of class c, the share that was found: TP / (TP + FN); 0 when there are none.

    The arguments are Precision's.
    """

    stem = "Recall"
    name: str = "recall"


@settings
class FBetaScore(_Averaged):
    """(1 + β²) · P · R / (β² · P + R) of precision P and recall R; 0 when both are 0.

    average: None, one per class; ``macro``, ``micro``, ``weighted``: see Precision.
    threshold: each output above it is an answer; otherwise the highest score is, or a single output above 0.5.
    """

    stem = "FBetaScore"
    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    name: str = "fbeta_score"
    class_id: int | None = dataclasses.field(default=None, kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if number("FBetaScore", "beta", self.beta) <= 0:
            raise ArgumentError(f"FBetaScore: beta={self.beta} must be more than 0.")

    def _options(self) -> dict[str, Any]:
        return {"beta": float(self.beta)}


@settings
class F1Score(_Averaged):
    """The harmonic mean of precision and recall, 2 · TP / (2 · TP + FP + FN); 0 when there are none.

    average: None, one per class; ``macro``, ``micro``, ``weighted``: see Precision.
    threshold: each output above it is an answer; otherwise the highest score is, or a single output above 0.5.
    """

    stem = "F1Score"
    average: str | None = None
    threshold: float | None = None
    name: str = "f1_score"
    class_id: int | None = dataclasses.field(default=None, kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)


@settings
class MeanIoU(_Averaged):
    """Intersection over union, TP / (TP + FP + FN), of each class, the mean over the classes that occur.

    average: ``macro``, or None for one per class.  The answer is the highest score (Keras wants class numbers here).
    """

    refused = {
        "num_classes": "the network's output says how many there are",
        "sparse_y_true": "class numbers and one-hot targets are told apart by their shape",
        "sparse_y_pred": "predictions are the network's scores",
    }
    stem = "JaccardIndex"
    name: str = "mean_iou"
    ignore_class: int | None = None
    average: str | None = dataclasses.field(default="macro", kw_only=True)


@settings
class ConfusionMatrix(_Counts):
    """How often class r (row) was called class c (column).  ``result()`` is an (n, n) int array; not in the logs."""

    name: str = "confusion_matrix"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def _settle(self, outputs: int, separate: bool) -> None:
        super()._settle(outputs, separate=False)

    def _made(self) -> Any:
        return self._make("ConfusionMatrix")

    def result(self) -> np.ndarray:
        import numpy as np

        matrix = self._computed()
        size = max(2, self._classes)
        return np.zeros((size, size), np.int64) if matrix is None else matrix.cpu().numpy()

    def results(self) -> dict[str, float]:
        return {}


@settings
class AUC(_Counts):
    """The area under the curve of true against false positives (``ROC``), or of precision against recall (``PR``).

    Of `num_thresholds` equal steps of the probability, as in Keras.  Several classes: one against the rest, the mean
    over the classes that have both positive and negative samples (Keras pools all outputs as if they were one).  NaN
    when no class has both.
    """

    refused = {
        "from_logits": "Keras has it; the loss says whether outputs are logits",
        "multi_label": "Keras has it; outputs of a sigmoid loss are taken one by one, and averaged",
        "thresholds": "Keras has it; give num_thresholds",
        "summation_method": "Keras has it; ROC is summed by the trapezoidal rule, PR as average precision",
    }
    needs_probabilities = True
    num_thresholds: int = 200
    curve: str = "ROC"
    name: str = "auc"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.num_thresholds = whole("AUC", "num_thresholds", self.num_thresholds, 2)
        if self.curve not in ("ROC", "PR"):
            raise unknown("AUC curve", self.curve, ("ROC", "PR"))
        self._histogram: Tensor | None = None  # [class, truth, bin of the probability]

    def _settle(self, outputs: int, separate: bool) -> None:
        super()._settle(outputs, separate)
        self.needs_probabilities = True

    def _answers(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        p = probabilities(y_pred, self._final).clone()
        if self.kind == "multiclass":
            return p.movedim(1, -1).flatten(0, -2), class_numbers(y_true, y_pred).long().flatten()
        said, truth = self._flat(p, y_true)
        return said.reshape(-1, self._classes), truth.reshape(-1, self._classes)

    def _count(self, said: Tensor, truth: Tensor) -> None:
        import torch

        if self.kind == "multiclass":
            truth = torch.nn.functional.one_hot(truth, self._classes)
        bins = self.num_thresholds - 1
        place = (said * bins).long().clamp(0, bins - 1)
        place += (torch.arange(self._classes, device=said.device) * 2 + truth) * bins
        new = place.new_zeros(self._classes * 2 * bins)
        new.scatter_add_(0, place.flatten(), place.new_ones(1).expand(place.numel()))
        new = new.view(self._classes, 2, bins)
        self._histogram = new if self._histogram is None else self._histogram + new

    def reset(self) -> None:
        super().reset()
        self._histogram = None

    def state_dict(self) -> dict[str, Tensor]:
        import torch

        self._hand_over()
        empty = torch.zeros(self._classes, 2, self.num_thresholds - 1, dtype=torch.int64)
        return {"histogram": empty if self._histogram is None else self._histogram}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.reset()
        self._histogram = state["histogram"]

    def result(self) -> float:
        import torch

        self._hand_over()
        if self._histogram is None:
            return math.nan
        above = self._histogram.flip(2).cumsum(2).double()  # positives said, from the highest threshold down
        totals = above[..., -1]
        above = above[(totals > 0).all(1)]
        if not len(above):
            return math.nan
        false, true = above[:, 0], above[:, 1]
        if self.curve == "ROC":
            x, y = (torch.nn.functional.pad(counts, (1, 0)) / counts[:, -1:] for counts in (false, true))
            return float(torch.trapezoid(y, x).mean())
        found = torch.nn.functional.pad(true, (1, 0)).diff() / true[:, -1:]
        return float((found * true / (true + false).clamp(min=1)).sum(1).mean())
