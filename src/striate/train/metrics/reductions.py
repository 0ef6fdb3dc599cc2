"""Metrics that are a sum or a mean of what they see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from striate import configs
from striate.errors import ArgumentError
from striate.train.metrics.base import Metric
from striate.train.tensors import same_rank, tensor, weights_for
from striate.wording import plural

if TYPE_CHECKING:
    from torch import Tensor


def per_sample(name: str, values: Tensor, sample_weight: Any, total: bool = False) -> tuple[Tensor, Tensor | None]:
    """Values (N, …) times their weights, and the weights, as one number a sample each (N,).

    name     of the metric, for messages
    total    whether what lies beside each other in a sample is added up, not averaged

    Raises ArgumentError for weights that do not go with the values.
    """
    import torch

    weights = None
    if sample_weight is not None:
        weights = tensor(f"sample_weight of {name}", sample_weight, like=values).to(values.dtype)
        values, weights = same_rank(values, weights)
        if values.ndim > weights.ndim:
            over = tuple(range(weights.ndim, values.ndim))
            values = values.sum(over) if total else values.mean(over)
        values, weights = torch.broadcast_tensors(values, weights_for(name, weights, values))
        values = values * weights
        if weights.ndim > 1:
            weights = weights.flatten(1).sum(1) if total else weights.flatten(1).mean(1)
    if values.ndim > 1:
        values = values.flatten(1).sum(1) if total else values.flatten(1).mean(1)
    return values, weights


class MeanMetric(Metric):
    """Base of metrics that are a weighted mean over the samples; the sums stay on the outputs' device.

    dtype    the floating type of the result by name; None: 32 bits
    name     in the logs; None: the class's, in snake_case
    """

    abstract = True
    kept: ClassVar[tuple[str, ...]] = ("total", "count")
    _total: Any = None  # a tensor on the predictions' device, so that no update waits for it
    _count: Any = 0

    def take(self, values: Tensor, sample_weight: Any = None) -> None:
        """Take in values, (N, …) or a scalar.

        values           bools or numbers
        sample_weight    a weight per sample, (N,), or per value; None: each counts 1

        Raises ArgumentError for weights that do not go with the values.
        """
        import torch

        with torch.no_grad():
            if sample_weight is None:
                count = values.shape[0] if values.ndim else 1
                each = values.numel() // max(count, 1)
                total = values.sum(dtype=torch.float64 if values.is_floating_point() else torch.int64)
                self.take_sums(total if each == 1 else total / max(each, 1), count)
            else:
                values, weights = per_sample(self.name, values.double(), sample_weight)
                assert weights is not None
                self.take_sums(values.sum(), weights.sum())

    def take_sums(self, total: Tensor, count: int | Tensor) -> None:
        """Take in a sum, a scalar, and what it is the sum of.

        total    the weighted sum
        count    the sum of the weights
        """
        self._total = total if self._total is None else self._total + total
        self._count = self._count + count

    def figure(self) -> Any:
        return float(self._total) / float(self._count) if self._count else 0.0

    def reset_state(self) -> None:
        self._total, self._count = None, 0

    @property
    def total(self) -> Tensor:
        """The weighted sum so far, a scalar."""
        import torch

        return torch.tensor(0.0 if self._total is None else float(self._total))

    @property
    def count(self) -> Tensor:
        """The sum of the weights so far, a scalar."""
        import torch

        return torch.tensor(float(self._count))

    def state_dict(self) -> dict[str, Tensor]:
        import torch

        total = 0.0 if self._total is None else self._total
        return {name: torch.as_tensor(value).double() for name, value in (("total", total), ("count", self._count))}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._total, self._count = state["total"], state["count"]


class Mean(MeanMetric):
    """The weighted mean of the values that it is given.

    name     in the logs
    dtype    as in every metric
    """

    direction = None

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values.

        values           (N, …), or one number
        sample_weight    a weight per sample, (N,), or per value; None: each counts 1

        Raises ArgumentError for what is not numbers, or weights that do not go with them.
        """
        self.take(tensor(f"values of {self.name}", values), sample_weight)

    def config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}


class Sum(Mean):
    """The weighted sum of the values that it is given.

    name     in the logs
    dtype    as in every metric
    """

    kept: ClassVar[tuple[str, ...]] = ("total",)

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def take(self, values: Tensor, sample_weight: Any = None) -> None:
        weighted, _ = per_sample(self.name, values.double(), sample_weight, total=True)
        self.take_sums(weighted.sum(), 1)

    def figure(self) -> Any:
        return 0.0 if self._total is None else float(self._total)


class MeanMetricWrapper(MeanMetric):
    """The weighted mean of what a function ``(y_true, y_pred, …)`` gives: one number, or one per sample.

    The function gets torch tensors, channels-last.  One number for a whole batch counts as often as the batch has samples
    (in Keras once, so that a smaller last batch weighs as much as the others).

    fn         called as (y_true, y_pred, **options)
    name       in the logs; None: the function's
    dtype      as in every metric
    options    further arguments of the function

    Raises ArgumentError without a function, as when a saved one is read again.
    """

    direction = None

    def __init__(
        self, fn: Callable[..., Any] | None = None, name: str | None = None, dtype: Any = None, **options: Any
    ) -> None:
        if fn is None:
            raise ArgumentError(f'the metric "{name}" was a function of your own: give it to compile() again.')
        if not callable(fn):
            raise ArgumentError(f"{type(self).__name__}: fn is a function (y_true, y_pred), not {fn!r}.")
        super().__init__(dtype, name or getattr(fn, "__name__", "metric").strip("<>"))
        self.function, self.options = fn, options

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in what the function gives for `y_true` and `y_pred`, (N, …), times `sample_weight`.

        Raises ArgumentError when it is neither one number nor one per sample.
        """
        import torch

        y_pred = tensor(f"y_pred of {self.name}", y_pred)
        y_true = tensor(f"y_true of {self.name}", y_true, like=y_pred)
        with torch.no_grad():
            values = torch.as_tensor(self.function(y_true, y_pred, **self.options))
        if values.ndim == 0 and sample_weight is None:
            size = len(y_pred) if y_pred.ndim else 1
            self.take_sums(values.double() * size, size)
            return
        if values.ndim and values.shape[0] != len(y_pred):
            raise ArgumentError(
                f"metric {self.name} returned shape {tuple(values.shape)} for {plural(len(y_pred), 'sample')}; "
                "return one number, or one per sample."
            )
        self.take(values, sample_weight)

    def config(self) -> dict[str, Any]:
        return {"name": self.name}

    def get_config(self) -> dict[str, Any]:
        """Keras' configuration: the function by its name, its name in the logs and its dtype.

        Raises ArgumentError for options that no file can hold.
        """
        said = {"name": self.name, "dtype": self.dtype, "fn": configs.serialize(self.function)}
        return said | {name: configs.serialize(value) for name, value in self.options.items()}
