"""The base of every loss: targets and outputs brought together, losses brought to one number."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from striate.described import Described
from striate.errors import ArgumentError, TrainingError, undefined
from striate.graph.layer import snake_case
from striate.train.losses import labels
from striate.train.tensors import apart, dtype_name, same_rank, tensor, together, weights_for

if TYPE_CHECKING:
    from torch import Tensor

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


class Loss(Described, family="loss"):
    """Base class.  A loss of your own derives from it and defines ``call(self, y_true, y_pred)``.

    `call` gets torch tensors of the same floating type, channels-last, and returns one number per sample, or several
    per sample, shape (N, …).

    name         in the logs; None: the class's, in snake_case
    reduction    what becomes of the numbers: "sum_over_batch_size" or "mean", their mean; "sum"; "mean_with_sample_weight",
                 the weighted sum over the sum of the weights; None or "none": they stay as they are, which is not for
                 training
    dtype        the floating type of the computation by name; None: 32 bits, or that of 64-bit outputs

    A loss can be called on its own: ``loss(y_true, y_pred, sample_weight=None)`` with arrays or tensors, (N, …, C).

    Raises ArgumentError for a reduction or a dtype that is not known.
    """

    keras_room = "losses"
    quicker = {"call": ("mean", "activation")}
    activation: str | None = None  # the final activation that with_logits() takes over
    boxes: ClassVar[bool] = False  # whether targets are boxes, (N, M, 6), as ``data.box_targets`` has them
    largest: ClassVar[bool] = False  # whether they are the largest box of each picture, (N, 4), parts of its sides
    separate: bool = False  # whether every output is a yes or no of its own, not one of several classes
    targets: ClassVar[Literal["ids", "one_hot", "binary", "values", "any", "none"]] = "values"
    name: Any = "loss"
    from_logits: bool = False
    reduction: str | None = "sum_over_batch_size"
    dtype: Any = None

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.reduction, self.dtype = reduction, dtype
        self.__post_init__()

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if self.name is None:
            self.name = getattr(type(self), "name", None) or snake_case(kind)
        if self.reduction not in REDUCTIONS:
            known = ", ".join(repr(known) for known in REDUCTIONS)
            raise ArgumentError(f"{kind}: reduction={self.reduction!r}; use one of {known}.")
        self.dtype = dtype_name(kind, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments by name, JSON-ready, as Keras has them: without a dtype that was not given."""
        return {key: value for key, value in super().get_config().items() if key != "dtype" or value is not None}

    # -- as users call it --------------------------------------------------------------------------------------------
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of targets and outputs, channels-last: one number, or the numbers where `reduction` is None.

        y_true           targets, (N, …, C) or, for class numbers, (N, …)
        y_pred           outputs, (N, …, C)
        sample_weight    one weight per sample, (N,), or per number

        Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
        """
        y_true, y_pred = self._given(y_true, y_pred)
        values = self.call(y_true, y_pred)
        return reduced(self.name, values, sample_weight, self.mask(y_true, values), self.reduction)

    def values(self, y_true: Any, y_pred: Any) -> Tensor:
        """The numbers before they are brought to one, (N, …) or a scalar.

        y_true    targets, (N, …, C) or, for class numbers, (N, …)
        y_pred    outputs, (N, …, C)

        Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
        """
        return self.call(*self._given(y_true, y_pred))

    def _given(self, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
        y_pred = tensor(f"y_pred of {self.name}", y_pred, self.dtype)
        return self.seen(tensor(f"y_true of {self.name}", y_true, like=y_pred), y_pred)

    def seen(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Both as ``fitted`` gives them, of targets that nobody has looked at yet.

        y_true, y_pred    targets and outputs, (N, …, C), or class numbers (N, …)

        Raises TrainingError when they do not go together, and for targets that the loss has no number for.
        """
        return self.fitted(y_true, y_pred)

    def fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Both in 32 bits or more, or as `dtype` says, and of the same shape (class numbers: without the class axis).

        y_true, y_pred    targets and outputs, (N, …, C), or class numbers (N, …)

        Raises TrainingError when they do not go together.
        """
        if self.targets != "ids":
            return self._matched(y_true, y_pred)
        if not y_pred.is_floating_point():
            y_pred = y_pred.float()
        axis = self._class_axis(y_pred)
        if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1:
            y_true = y_true.squeeze(axis)
        wanted = list(y_pred.shape)
        if y_pred.ndim:
            del wanted[axis]
        if y_pred.ndim == 0 or list(y_true.shape) != wanted:
            raise self._mismatch(y_true, y_pred)
        return labels.whole_numbers(self.name, y_true), y_pred

    def _matched(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        try:
            return together(self.name, y_true, y_pred)
        except TrainingError:
            raise self._mismatch(y_true, y_pred) from None

    def _class_axis(self, y_pred: Tensor) -> int:
        """The axis of the classes: the last, where a loss names no other."""
        axis = getattr(self, "axis", -1)
        if not isinstance(axis, int):
            return -1
        if not -y_pred.ndim <= axis < y_pred.ndim:
            raise ArgumentError(f"{self.name}: axis={axis} does not exist in outputs of shape {tuple(y_pred.shape)}.")
        return axis

    # -- what it computes --------------------------------------------------------------------------------------------
    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One number per sample, or (N, …).

        y_true, y_pred    targets and outputs, channels-last: (N, …, C), or class numbers (N, …)

        Raises ArgumentError where a class of your own does not define it.
        """
        raise undefined(self, "call(self, y_true, y_pred)")

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean of ``call``, where there is a quicker way to it.

        y_true, y_pred    targets and outputs, channels-last: (N, …, C), or class numbers (N, …)

        Returns a scalar.
        """
        values = self.call(y_true, y_pred)
        return reduced(self.name, values, None, self.mask(y_true, values), "mean")

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        """Which of the numbers count, (N, …) bool; None: all of them.

        y_true    targets, as ``call`` gets them
        values    what ``call`` gave, (N, …)
        """
        return None

    # -- as training calls it ----------------------------------------------------------------------------------------
    def of_batch(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar.

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)
        weights           of each place of each sample, (N, …); None: each counts 1

        Raises TrainingError when the shapes do not go together, ArgumentError for a reduction that leaves many numbers.
        """
        y_true, y_pred = self.aligned(y_true, y_pred)
        if self.reduction == "sum" or weights is not None:
            self._one_number()
            values = self.call(y_true, y_pred)
            return reduced(self.name, values, weights, self.mask(y_true, values), self.reduction)
        self._one_number()
        return self.mean(y_true, y_pred)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One loss per sample, (N,).  Raises ArgumentError when the loss is defined only for a whole batch.

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)
        """
        y_true, y_pred = self.aligned(y_true, y_pred)
        values = self.call(y_true, y_pred)
        if values.ndim == 0:
            raise ArgumentError(
                f"{self.name} gives one number for the whole batch, so samples cannot be weighted: "
                "return one number per sample, leave class_weight and sample_weight out, or use another loss."
            )
        total = self.reduction == "sum"
        values = reduced(self.name, values, None, self.mask(y_true, values), None, counted=not total)
        if values.ndim == 1:
            return values
        return values.flatten(1).sum(1) if total else values.flatten(1).mean(1)

    def gathered(self, each: Tensor, weights: Tensor | None) -> Tensor:
        """The loss of a batch, a scalar, of the losses of its samples and their weights.

        each, weights    (N,), as ``per_sample`` gives them; None: each counts 1

        Raises ArgumentError for a reduction that leaves many numbers.
        """
        self._one_number()
        return reduced(self.name, each, weights, None, self.reduction)

    def _one_number(self) -> None:
        if self.reduction in (None, "none"):
            raise ArgumentError(
                f"{self.name}: reduction={self.reduction!r} gives one number per sample, training needs one in all; "
                'leave reduction out, or use "sum".'
            )

    def weight(self, y_true: Tensor, weights: Tensor | None = None) -> int | Tensor:
        """How much a batch with targets `y_true` counts in a mean over batches: its samples, or the labels that count.

        y_true     (N, …)
        weights    of its samples, (N,) or (N, …): their sum counts where the reduction divides by it
        """
        return len(y_true) if weights is None or not self.by_weight else weights.sum()

    @property
    def by_weight(self) -> bool:
        """Whether the mean is over the weights of the samples, and not over the samples."""
        return self.reduction == "mean_with_sample_weight"

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
        """A batch as ``call`` wants it, from the training loop's channels first to channels-last; nothing is copied.

        y_true, y_pred    targets and outputs, channels first: (N, C, …), or class numbers (N, …)

        Raises TrainingError when they do not go together.
        """
        if self.dtype is not None:
            y_pred = tensor(self.name, y_pred, self.dtype)
        elif y_pred.dtype.itemsize < 4:
            y_pred = y_pred.float()
        return self.fitted(*channels_last(y_true, y_pred))

    def _mismatch(self, y_true: Tensor, y_pred: Tensor) -> TrainingError:
        truth, out = tuple(y_true.shape), tuple(y_pred.shape)
        advice = ""
        if self.targets == "ids" and truth == out:
            advice = " One-hot targets need categorical_crossentropy."
        elif self.targets == "one_hot" and truth == out[:-1]:
            advice = " Class numbers need sparse_categorical_crossentropy."
        return apart(self.name, y_true, y_pred, advice)

    def check(self, y: Any, output_shape: tuple[int, ...]) -> None:
        """Look at all targets once, before training.

        y               the targets as the user holds them, channels-last, (N,), (N, C), (N, H, W) or (N, H, W, C)
        output_shape    the network's output, channels-last, without the batch

        Raises TrainingError for labels that this loss cannot take, DataError for numbers that are not finite.
        """
        labels.check(self, y, output_shape)


def channels_last(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Targets and outputs of the training loop, channels first, as views (N, …, C); class numbers (N, …) stay."""
    if y_pred.ndim > 2:
        if y_true.ndim == y_pred.ndim:
            y_true = y_true.movedim(1, -1)
        y_pred = y_pred.movedim(1, -1)
    return y_true, y_pred


def reduced(
    name: str, values: Tensor, weights: Any, mask: Tensor | None, reduction: str | None, counted: bool | None = None
) -> Tensor:
    """Losses (N, …) brought to one number, or left as they are where the reduction is None.

    weights    of the samples or of each number; None: each counts 1
    mask       which of them count; None: all
    counted    whether what a mask leaves stands for the rest too, so that the mean is over what counts; None: in means

    Raises ArgumentError for weights that do not go with the losses.
    """
    factor = None
    if mask is not None:
        factor = mask.to(values.dtype)
        if counted or (counted is None and reduction in ("mean", "sum_over_batch_size")):
            factor = factor * (mask.numel() / factor.sum().clamp(min=1))
    if weights is not None:
        own = weights_for(name, weights, values)
        factor = own if factor is None else factor * own
    if factor is not None:
        values = values * same_rank(factor, values)[0]
    if reduction in (None, "none") or values.ndim == 0:
        return values
    if reduction == "sum":
        return values.sum()
    if reduction == "mean_with_sample_weight" and factor is not None:
        total = factor.sum()
        return values.sum() / total.where(total != 0, 1)
    return values.mean() if values.numel() else values.sum()
