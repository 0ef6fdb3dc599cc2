"""The base of every loss, and losses that are someone else's function or module."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from striate.described import Described
from striate.errors import ArgumentError, TrainingError, undefined
from striate.graph.layer import snake_case
from striate.train.losses import labels
from striate.wording import plural

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EPSILON = 1e-7  # Keras' backend.epsilon(): probabilities are kept this far from 0 and 1


class Loss(Described, family="loss"):
    """Base class.  A loss of your own derives from it and defines ``call(self, y_true, y_pred)``.

    `call` gets torch tensors of the same floating type, channels first, and returns one number per sample, or several
    per sample, shape (N, …), which are averaged.

    name    in the logs; None: the class's, in snake_case
    """

    keras_room = "losses"
    refused = {
        "dtype": "train in 16 bits with compile(precision='bf16')",
        "reduction": "a loss is the mean over the samples; its per_sample() gives one number a sample",
    }
    activation: str | None = None  # the final activation that with_logits() takes over
    separate: bool = False  # whether every output is a yes or no of its own, not one of several classes
    targets: ClassVar[Literal["ids", "one_hot", "binary", "values", "any"]] = "values"
    name: str = "loss"
    from_logits: bool = False

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)

    # -- values ----------------------------------------------------------------------------------------------------
    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One number per sample, or (N, …).

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)

        Raises ArgumentError where a class of your own does not define it.
        """
        raise undefined(self, "call(self, y_true, y_pred)")

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean of ``call``, where there is a quicker way to it.

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)

        Returns a scalar.
        """
        return self.call(y_true, y_pred).mean()

    def __call__(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean over samples, a scalar.  Raises TrainingError when the shapes do not go together."""
        return self.mean(*self.aligned(y_true, y_pred))

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One loss per sample, (N,).  Raises ArgumentError when the loss is defined only for a whole batch.

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)
        """
        values = self.call(*self.aligned(y_true, y_pred))
        if values.ndim == 0:
            raise ArgumentError(
                f"{self.name} gives one number for the whole batch, so samples cannot be weighted: "
                "return one number per sample, leave class_weight and sample_weight out, or use another loss."
            )
        return values.flatten(1).mean(1) if values.ndim > 1 else values

    def weight(self, y_true: Tensor) -> int | Tensor:
        """How much a batch with targets `y_true` counts in a mean over batches: its samples, or the labels that count.

        y_true    (N, …)
        """
        return len(y_true)

    def with_logits(self) -> Self:
        """This loss for a network whose final `activation` was left off: the same function, safer numbers.

        Raises ArgumentError for a loss that takes over no activation.
        """
        if self.from_logits:
            return self
        if self.activation is None:
            raise ArgumentError(f"{self.name} takes over no final activation.")
        twin = copy.copy(self)
        twin.from_logits = True
        return twin

    # -- labels ----------------------------------------------------------------------------------------------------
    @property
    def sparse(self) -> bool:
        """Whether targets are class numbers, which have no axis for the classes."""
        return self.targets == "ids"

    def aligned(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Both in 32 bits or more, and of the same shape (class numbers: without the class axis).

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)

        Raises TrainingError when they do not go together.
        """
        if y_pred.dtype.itemsize < 4:
            y_pred = y_pred.float()
        if self.targets == "ids":
            import torch

            if y_true.ndim == y_pred.ndim and y_true.shape[1] == 1:
                y_true = y_true.squeeze(1)
            wanted = (y_pred.shape[0], *y_pred.shape[2:])
            if y_true.shape != wanted or y_pred.ndim < 2:
                raise self._mismatch(y_true, y_pred)
            return y_true.to(torch.int64), y_pred
        y_true = y_true.to(y_pred.dtype)
        if y_true.shape != y_pred.shape:
            y_true, y_pred = _same_rank(y_true, y_pred)
            if y_true.shape != y_pred.shape:
                raise self._mismatch(y_true, y_pred)
        return y_true, y_pred

    def _mismatch(self, y_true: Tensor, y_pred: Tensor) -> TrainingError:
        truth, out = tuple(y_true.shape), tuple(y_pred.shape)
        advice = ""
        if self.targets == "ids" and truth == out:
            advice = " One-hot targets need categorical_crossentropy."
        elif self.targets == "one_hot" and truth == (out[0], *out[2:]):
            advice = " Class numbers need sparse_categorical_crossentropy."
        return TrainingError(f"{self.name}: targets of shape {truth} do not go with outputs of shape {out}.{advice}")

    def check(self, y: Any, output_shape: tuple[int, ...]) -> None:
        """Look at all targets once, before training.

        y               the targets as the user holds them, channels-last, (N,), (N, C), (N, H, W) or (N, H, W, C)
        output_shape    the network's output, channels-last, without the batch

        Raises TrainingError for labels that this loss cannot take, DataError for numbers that are not finite.
        """
        labels.check(self, y, output_shape)


def _same_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) and (N, 1), or (N, H, W) and (N, 1, H, W), in the longer shape."""
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[1] == 1:
        return y_true.unsqueeze(1), y_pred
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[1] == 1:
        return y_true, y_pred.unsqueeze(1)
    return y_true, y_pred


class FunctionLoss(Loss):
    """A function ``(y_true, y_pred)`` of torch tensors, channels first, that returns a number or one per sample.

    function    called as (y_true, y_pred)
    name        in the logs; None: the function's

    Raises ArgumentError without a function, as when a saved one is read again.
    """

    targets = "any"

    def __init__(self, function: Callable[..., Any] | None = None, name: str | None = None) -> None:
        if function is None:
            raise ArgumentError(f'the loss "{name}" was a function of your own: give it to compile() again.')
        super().__init__(name or getattr(function, "__name__", "loss").strip("<>"))
        self.function = function
        self._ids = False

    @property
    def sparse(self) -> bool:
        return self._ids

    def aligned(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        return y_true, y_pred.float() if y_pred.dtype.itemsize < 4 else y_pred

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
    """A loss module of ``torch.nn``, called ``(y_pred, y_true)``.

    module    such as ``torch.nn.CrossEntropyLoss()``
    name      in the logs; None: its class, in snake_case
    """

    def __init__(self, module: torch.nn.Module | None = None, name: str | None = None) -> None:
        super().__init__(module, name or snake_case(type(module).__name__))
        kind = type(self.function).__name__
        self.from_logits = kind in ("CrossEntropyLoss", "BCEWithLogitsLoss", "MultiLabelSoftMarginLoss")
        self.activation = "softmax" if kind == "CrossEntropyLoss" else "sigmoid" if self.from_logits else None
        self.separate = kind in ("BCELoss", "BCEWithLogitsLoss", "MultiLabelSoftMarginLoss")
        self._class_numbers = kind in ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss", "MultiLabelMarginLoss")
        self._each: Any = None
        if "reduction" in inspect.signature(type(self.function)).parameters:
            self._each = copy.copy(self.function)
            self._each.reduction = "none"

    def aligned(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        y_true, y_pred = super().aligned(y_true, y_pred)
        if self._class_numbers and not y_true.is_floating_point():
            return y_true.long(), y_pred
        return _same_rank(y_true.to(y_pred.dtype), y_pred)

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.function(y_pred, y_true)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (self._each or self.function)(y_pred, y_true)
