"""Losses that are someone else's: a function, a module of ``torch.nn`` or of a user's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from striate.errors import ArgumentError, TrainingError
from striate.graph.layer import snake_case
from striate.train.losses import labels
from striate.train.losses.base import Loss
from striate.train.tensors import same_rank, tensor, weights_for
from striate.wording import inner, plural

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TARGETS = (
    "y_true",
    "target",
    "targets",
    "label",
    "labels",
    "truth",
    "y",
)  # names of a first argument that is the truth


class FunctionLoss(Loss):
    """A function ``(y_true, y_pred)`` of torch tensors, channels-last, that returns a number or one per sample.

    function     called as (y_true, y_pred)
    name         in the logs; None: the function's
    reduction    as in every loss
    dtype        as in every loss

    Raises ArgumentError without a function, as when a saved one is read again.
    """

    targets = "any"

    def __init__(
        self,
        function: Callable[..., Any] | None = None,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if function is None:
            raise ArgumentError(f'the loss "{name}" was a function of your own: give it to compile() again.')
        super().__init__(name or getattr(function, "__name__", "loss").strip("<>"), reduction, dtype)
        self.function = function
        self._ids = False

    @property
    def sparse(self) -> bool:
        return self._ids

    def fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        return y_true, y_pred

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the function gives for `y_true` and `y_pred` (N, …).

        Raises ArgumentError for what is no tensor, or has another N.
        """
        values = self.function(y_true, y_pred)
        if not hasattr(values, "backward"):
            raise ArgumentError(f"{self.name} returned {type(values).__name__}; a loss returns a torch tensor.")
        if values.ndim and values.shape[0] != y_pred.shape[0]:
            raise ArgumentError(
                f"{self.name} returned shape {tuple(values.shape)} for {plural(y_pred.shape[0], 'sample')}; "
                "return one number, or one per sample."
            )
        return values

    def check(self, y: Any, output_shape: tuple[int, ...]) -> None:
        """Look at all targets `y` once, for outputs of `output_shape` (H, W, C).  Raises TrainingError."""
        # Integers without the axis of the classes are class numbers; so are all integers, to this loss.
        array = labels.as_array(self.name, y)
        self._ids = array.dtype.kind in "iub" and array.ndim <= len(output_shape)
        super().check(y, output_shape)

    def config(self) -> dict[str, Any]:
        return {"name": self.name}


class TorchLoss(FunctionLoss):
    """A loss module: called ``(y_pred, y_true)``, or ``(y_true, y_pred)`` where its ``forward`` names the truth first.

    It gets the tensors as torch wants them: channels first, class numbers as integers.

    module       such as ``torch.nn.CrossEntropyLoss()``
    name         in the logs; None: its class, in snake_case
    reduction    as in every loss, of what the module gives
    dtype        as in every loss
    """

    def __init__(
        self,
        module: torch.nn.Module | None = None,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(module, name or snake_case(type(module).__name__), reduction, dtype)
        softmax = _made_of(self.function, "CrossEntropyLoss")
        sigmoid = _made_of(self.function, "BCEWithLogitsLoss", "MultiLabelSoftMarginLoss")
        self.from_logits = softmax or sigmoid
        self.activation = "softmax" if softmax else "sigmoid" if sigmoid else None
        self.separate = sigmoid or _made_of(self.function, "BCELoss")
        self._numbers = _made_of(self.function, "MultiLabelMarginLoss")  # class numbers, though as many as outputs
        self._truth_first = _truth_first(self.function)
        self.ignore_class: int | None = None  # a label that counts for nothing; torch's default is -100
        if _is(self.function, "CrossEntropyLoss", "NLLLoss"):
            self.ignore_class = int(cast("Any", self.function).ignore_index)
        self._each: Any = None
        if "reduction" in inspect.signature(type(self.function)).parameters and hasattr(self.function, "reduction"):
            self._each = copy.copy(self.function)
            self._each.reduction = "none"

    def fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """`y_true` as the module wants it for `y_pred` (N, …, C): class numbers (N, …) as integers, all else as floats."""
        whole = not y_true.is_floating_point()
        if whole and (self._numbers or (y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] > 1)):
            return y_true.long(), y_pred
        return same_rank(y_true.to(y_pred.dtype), y_pred)

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        loss = self._of(self.function, y_true, y_pred).mean()
        counts = self._counted(y_true)
        return loss if counts is None else loss.where(counts.any(), 0)  # torch divides by none

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        return self._counted(y_true) if values.ndim else None

    def weight(self, y_true: Tensor, weights: Tensor | None = None) -> int | Tensor:
        counts, module = self._counted(y_true), cast("Any", self.function)
        if counts is None or module.reduction != "mean":
            return super().weight(y_true, weights)
        if weights is not None and self.by_weight:
            return (counts * weights_for(self.name, weights, counts.float())).sum()
        table = module.weight if weights is None else None  # of the classes, over which torch's mean is
        return counts.sum() if table is None else table[y_true[counts]].sum()

    def _counted(self, y_true: Tensor) -> Tensor | None:
        """Which class numbers count, bool (N, …); None where all do, and for targets that are none."""
        return None if self.ignore_class is None or y_true.is_floating_point() else y_true != self.ignore_class

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._of(self._each or self.function, y_true, y_pred)

    def _of(self, module: Any, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the module gives for tensors that are turned back to channels first."""
        if y_pred.ndim > 2:
            if y_true.ndim == y_pred.ndim:
                y_true = y_true.movedim(-1, 1)
            y_pred = y_pred.movedim(-1, 1)
        try:
            values = module(y_true, y_pred) if self._truth_first else module(y_pred, y_true)
        except (IndexError, RuntimeError) as error:
            if not type(module).__module__.startswith("torch."):
                raise
            low, high = float(y_true.min()), float(y_true.max())
            raise TrainingError(
                f"{self.name} takes no targets of shape {tuple(y_true.shape)} from {low:g} to {high:g} for outputs of shape "
                f"{tuple(y_pred.shape)}: {inner(error)}."
            ) from None
        return tensor(f"what {self.name} returned", values)


def _is(module: Any, *names: str) -> bool:
    """Whether a module is, or derives from, one of torch's losses."""
    import torch

    return isinstance(module, tuple(getattr(torch.nn, name) for name in names))


def _made_of(module: Any, *names: str) -> bool:
    """Whether a module is, or derives from, or holds, one of torch's losses: it takes then what that one takes."""
    import torch

    kinds = tuple(getattr(torch.nn, name) for name in names)
    return any(isinstance(part, kinds) for part in module.modules())


def _truth_first(module: Any) -> bool:
    """Whether a module names the truth as its first argument; those of torch never do."""
    if type(module).__module__.startswith("torch."):
        return False
    try:
        names = list(inspect.signature(module.forward).parameters)
    except (AttributeError, TypeError, ValueError):
        return False
    return bool(names) and names[0] in TARGETS
