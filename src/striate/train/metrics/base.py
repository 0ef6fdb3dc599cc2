"""The base of every metric, and metrics that are a mean over samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from striate.described import Described
from striate.errors import ArgumentError, undefined
from striate.graph.layer import snake_case
from striate.intake.outputs import activate
from striate.wording import plural

if TYPE_CHECKING:
    from torch import Tensor

    from striate.train.losses import Loss


class Metric(Described, family="metric"):
    """Base class.  A metric of your own derives from it and defines ``update``, ``result`` and ``reset``.

    name    in the logs; None: the class's, in snake_case
    """

    keras_room = "metrics"
    refused = {"dtype": "figures are counted in 64 bits"}
    direction: str | None = "max"  # "max" or "min": which way is better
    needs_probabilities: bool = False  # whether logits will not do
    name: str = "metric"

    _lacks: str | None = None  # the activation that outputs lack, and the loss takes over

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        """Learn what the network's outputs mean.

        loss            the one that the network is trained with
        output_shape    channels-last, without the batch
        activation      the function that the network ends in, such as "sigmoid"; None where it is not known
        """

    def update(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Take in one batch: targets `y_true`, outputs `y_pred` (N, C, …).

        Channels first; targets are class numbers (N, …) or one-hot; (N,) goes with (N, 1).

        Raises ArgumentError where a class of your own does not define it.
        """
        raise undefined(self, "update(self, y_true, y_pred)")

    def update_logits(self, y_true: Tensor, logits: Tensor, activation: str) -> None:
        """Take in one batch of outputs that lack their last `activation`, "softmax" or "sigmoid".

        `y_true` and `logits` are as in ``update``.

        The shapes are those of ``update``: (N, …) and (N, C, …).
        """
        self.update(y_true, probabilities(logits, activation) if self.needs_probabilities else logits)

    def result(self) -> Any:
        """The figure over all batches since the last reset: a float, or a list with one per class.

        Raises ArgumentError where a class of your own does not define it.
        """
        raise undefined(self, "result(self)")

    def results(self) -> dict[str, float]:
        """The figures by name, for logs: one, or one per class as ``name_0``, ``name_1``, …"""
        result = self.result()
        if isinstance(result, list):
            return {f"{self.name}_{i}": value for i, value in enumerate(result)}
        return {self.name: result}

    def reset(self) -> None:
        """Forget all batches.  Raises ArgumentError where a class of your own does not define it."""
        raise undefined(self, "reset(self)")

    def update_state(self, y_true: Tensor, y_pred: Tensor) -> None:
        """Keras' name for ``update(y_true, y_pred)``.

        y_true, y_pred    as there, (N, …) and (N, C, …)
        """
        self.update(y_true, y_pred)

    def reset_state(self) -> None:
        """Keras' name for ``reset``."""
        self.reset()

    def state_dict(self) -> dict[str, Tensor]:
        """All that was taken in, as tensors that add up: the sum over processes is the state over all data.

        Their shapes depend on the metric alone, not on how much was taken in.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`, a ``state_dict`` of a metric like this.

        Its tensors have the shapes that this metric's own have.
        """


class MeanMetric(Metric):
    """Base of metrics that are a mean: ``sums`` gives the sum over a batch and how many numbers are in it.

    name    in the logs; None: the class's, in snake_case
    """

    abstract = True
    _total: Any = None  # a tensor on the predictions' device, so that no update waits for it
    _count: Any = 0

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        """The sum over a batch of targets `y_true` and outputs `y_pred`, and how many numbers are in it.

        They are (N, …) and (N, C, …); the sum is a scalar.

        Raises ArgumentError where a class of your own does not define it.
        """
        raise undefined(self, "sums(self, y_true, y_pred)")

    def update(self, y_true: Tensor, y_pred: Tensor) -> None:
        self._take(*self.sums(y_true, y_pred))

    def _take(self, total: Tensor, count: int | Tensor) -> None:
        self._total = total if self._total is None else self._total + total
        self._count = self._count + count

    def result(self) -> Any:
        return float(self._total) / float(self._count) if self._count else float("nan")

    def reset(self) -> None:
        self._total, self._count = None, 0

    def state_dict(self) -> dict[str, Tensor]:
        import torch

        total = 0.0 if self._total is None else self._total
        return {name: torch.as_tensor(value) for name, value in (("total", total), ("count", self._count))}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._total, self._count = state["total"], int(state["count"])


class FunctionMetric(MeanMetric):
    """A function ``(y_true, y_pred)`` of torch tensors that returns a number, or one per sample.

    function    called as (y_true, y_pred)
    name        in the logs; None: the function's

    Raises ArgumentError without a function, as when a saved one is read again.
    """

    direction = None
    needs_probabilities = True

    def __init__(self, function: Callable[..., Any] | None = None, name: str | None = None) -> None:
        if function is None:
            raise ArgumentError(f'the metric "{name}" was a function of your own: give it to compile() again.')
        super().__init__(name or getattr(function, "__name__", "metric").strip("<>"))
        self.function = function

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        """The sum of what the function gives for `y_true` and `y_pred`, (N, …), and how many numbers that is.  Raises
        ArgumentError when it is neither one number nor one per sample.
        """
        import torch

        with torch.no_grad():
            values = torch.as_tensor(self.function(y_true, y_pred))
        if values.ndim == 0:
            return values.double() * len(y_pred), len(y_pred)
        if values.shape[0] != len(y_pred):
            raise ArgumentError(
                f"metric {self.name} returned shape {tuple(values.shape)} for {plural(len(y_pred), 'sample')}; "
                "return one number, or one per sample."
            )
        return values.double().sum(), values.numel()

    def config(self) -> dict[str, Any]:
        return {"name": self.name}


def class_numbers(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Targets for scores (N, C, …) as class numbers (N, …), whether they are class numbers or one-hot."""
    if y_true.ndim == y_pred.ndim:
        return y_true.squeeze(1) if y_true.shape[1] == 1 else y_true.argmax(1)
    return y_true


def probabilities(y_pred: Tensor, lacking: str | None) -> Tensor:
    """Outputs after the activation that the network leaves to its loss, if any."""
    return activate(y_pred, lacking)
