"""The area under a curve of right against wrong answers, from a histogram of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.described import described, whole
from striate.errors import ArgumentError, unknown
from striate.ops.probabilities import EPSILON
from striate.train.metrics.base import in_range
from striate.train.metrics.thresholds import AtThresholds, over

if TYPE_CHECKING:
    from torch import Tensor

CURVES, METHODS = ("ROC", "PR", "PRGAIN"), ("interpolation", "minoring", "majoring")


@described
class AUC(AtThresholds):
    """The area under the curve of true against false positives (ROC), or of precision against recall (PR), 0 to 1.

    num_thresholds      of the probability, in equal steps, at least 2; an answer is a yes where it is above one
    curve               "ROC"; "PR"; "PRGAIN", both as gains over answering yes always (Flach & Kull 2015)
    summation_method    "interpolation": the trapezoidal rule, for PR between the thresholds as in Davis & Goadrich 2006,
                        "The relationship between precision-recall and ROC curves", section 4; "minoring" and "majoring":
                        the lower or the higher end of each step
    name                in the logs
    dtype               as in every metric
    thresholds          a list of them in place of `num_thresholds`, each from 0 to 1; one below 0 and one above 1 are added.
                        The attribute is the list of all, also where `num_thresholds` says them
    multi_label         whether each of several outputs has a curve of its own, and the figure is the mean of the areas;
                        else all outputs are pooled as if they were one
    num_labels          how many outputs there are, with `multi_label`
    label_weights       a weight per output, (labels,): of its area with `multi_label`, else of its answers
    from_logits         whether outputs are scores before the sigmoid

    Raises ArgumentError for another curve or method, fewer thresholds, or one out of range.
    """

    num_thresholds: Any = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    name: str | None = "auc"
    dtype: Any = None
    thresholds: Any = None
    multi_label: bool = False
    num_labels: int | None = None
    label_weights: Any = None
    from_logits: bool = False

    def __post_init__(self) -> None:
        self._given: list[float] | None = None  # thresholds that are not in equal steps
        if self.thresholds is not None:
            self._given = sorted(in_range("AUC", "thresholds", t) for t in self.thresholds)
            self.num_thresholds = len(self._given) + 2
        self.num_thresholds = whole("AUC", "num_thresholds", self.num_thresholds, 2)
        curve, method = str(self.curve).upper(), str(self.summation_method).lower()
        if curve not in CURVES:
            raise unknown("AUC curve", str(self.curve), CURVES)
        if method not in METHODS:
            raise unknown("AUC summation_method", str(self.summation_method), METHODS)
        if self.num_labels and not self.multi_label:
            raise ArgumentError("AUC: num_labels goes with multi_label=True.")
        self.curve, self.summation_method, self.separate_labels = curve, method, self.multi_label
        self.thresholds = self.limits()
        self._labels = self.num_labels or 1
        super().__post_init__()

    def _setting(self, name: str) -> Any:
        return self._given if name == "thresholds" else super()._setting(name)

    def get_config(self) -> dict[str, Any]:
        """All arguments by name, JSON-ready, as Keras has it; thresholds only where they were given."""
        said = super().get_config()
        return said if self._given is not None else {key: value for key, value in said.items() if key != "thresholds"}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch, of `y_true` and `y_pred` as in ``Metric``, (N, …), with a `sample_weight` (N,) or None.

        Raises ArgumentError where `multi_label` is for other outputs than (N, labels).
        """
        if self.multi_label:
            shape = tuple(getattr(y_pred, "shape", None) or _shape(y_pred))
            if len(shape) != 2 or (self.num_labels or shape[-1]) != shape[-1]:
                wanted = f"(N, {self.num_labels or 'labels'})"
                raise ArgumentError(f"AUC: multi_label is for outputs of shape {wanted}, not {shape}.")
            self._labels = shape[-1]
        super().update_state(y_true, y_pred, sample_weight)

    def limits(self) -> list[float]:
        n = self.num_thresholds
        inner = [i / (n - 1) for i in range(1, n - 1)] if self._given is None else self._given
        return [-EPSILON, *inner, 1 + EPSILON]

    @property
    def _even(self) -> bool:
        return self._given is None

    def figure(self) -> Any:
        import torch

        tp, fp, tn, fn = self.counts()
        if self.curve == "PR" and self.summation_method == "interpolation":
            each = _between(tp, tp + fp, tp[:, :1] + fn[:, :1])
        else:
            x, y = self._curve(tp, fp, tn, fn)
            ends = torch.stack([y[:, :-1], y[:, 1:]])
            if self.summation_method == "interpolation":
                heights = ends.mean(0)
            else:
                heights = ends.amin(0) if self.summation_method == "minoring" else ends.amax(0)
            each = ((x[:, :-1] - x[:, 1:]) * heights).sum(1)
        if self.label_weights is None or not self.multi_label:
            return each.mean()
        weights = torch.as_tensor(self.label_weights, dtype=each.dtype, device=each.device)
        return over((each * weights).sum(), weights.sum())

    def _curve(self, tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> tuple[Tensor, Tensor]:
        """What lies along and what stands up, (labels, thresholds) each."""
        if self.curve == "ROC":
            return over(fp, fp + tn), over(tp, tp + fn)
        if self.curve == "PR":
            return over(tp, tp + fn), over(tp, tp + fp)
        odds = over(tp + fn, tn + fp)
        recall = (1 - odds * over(fn, tp)).where(tp != 0, 0).clamp(min=0)
        return recall, (1 - odds * over(fp, tp)).where(tp != 0, 1)


def _between(true: Tensor, said: Tensor, positives: Tensor) -> Tensor:
    """The area under precision over recall, (labels,), of true positives and positives (labels, thresholds), falling.

    Between two thresholds the true positives are linear in the positives, so precision is slope + intercept / positives.
    """
    gained, more = true[:, :-1] - true[:, 1:], said[:, :-1] - said[:, 1:]
    slope = over(gained, more.clamp(min=0))
    intercept = true[:, 1:] - slope * said[:, 1:]
    both = (said[:, :-1] > 0) & (said[:, 1:] > 0)
    ratio = over(said[:, :-1], said[:, 1:]).where(both, 1)
    return over(slope * (gained + intercept * ratio.log()), positives).sum(1)


def _shape(value: Any) -> tuple[int, ...]:
    from striate.train.tensors import tensor

    return tuple(tensor("y_pred of auc", value).shape)
