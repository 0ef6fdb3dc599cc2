"""The circle loss of embeddings, which brings those of a class together and keeps the classes apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.described import described, number
from striate.errors import TrainingError
from striate.train.losses.base import Loss
from striate.train.losses.labels import whole_numbers
from striate.train.tensors import tensor

if TYPE_CHECKING:
    from torch import Tensor


@described
class Circle(Loss):
    """softplus(log Σ exp over pairs of one class + log Σ exp over pairs of two), each pair weighed by how far it has to go.

    Targets are class numbers (N,), outputs embeddings (N, D) of length 1.  Source: Sun et al. 2020, "Circle loss",
    equations 6 to 8.

    gamma              the scale, more than 0
    margin             how far apart the classes are kept
    remove_diagonal    whether a sample is no pair with itself
    reduction          as in every loss
    name               in the logs
    dtype              as in every loss

    Raises ArgumentError for a negative `gamma`.
    """

    targets = "any"
    gamma: float = 80.0
    margin: float = 0.4
    remove_diagonal: bool = True
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "circle"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Circle", "gamma", self.gamma, 0)

    @property
    def sparse(self) -> bool:
        return True

    def fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Class numbers `y_true` (N,) and embeddings `y_pred` (N, D).  Raises TrainingError for other shapes."""
        y_true = y_true.squeeze(-1) if y_true.ndim == 2 and y_true.shape[-1] == 1 else y_true
        if y_true.ndim != 1 or y_pred.ndim != 2 or len(y_true) != len(y_pred):
            raise TrainingError(
                f"{self.name} takes class numbers (N,) and embeddings (N, D), not {tuple(y_true.shape)} and "
                f"{tuple(y_pred.shape)}."
            )
        return whole_numbers(self.name, y_true), y_pred if y_pred.is_floating_point() else y_pred.float()

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return circled(y_true, y_pred, y_true, y_pred, self.remove_diagonal, self.gamma, self.margin)

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        return values > 0


def circled(
    y_true: Tensor, y_pred: Tensor, labels: Tensor, embeddings: Tensor, own: bool, gamma: float, margin: float
) -> Tensor:
    """The losses (N,) of embeddings `y_pred` (N, D) against others (M, D), with class numbers (N,) and (M,).

    own    whether the others are the same ones, so that a sample is no pair with itself
    """
    import torch

    far = (1 - y_pred @ embeddings.T).clamp(min=0)
    same = y_true[:, None] == labels
    other = ~same
    if own:
        same = same & ~torch.eye(*same.shape, dtype=torch.bool, device=same.device)
    pull = -gamma * (margin + far) * (margin - far)
    push = gamma * (1 + margin - far).clamp(min=0) * (1 - margin - far)
    return torch.nn.functional.softplus(
        pull.where(same, -torch.inf).logsumexp(1) + push.where(other, -torch.inf).logsumexp(1)
    )


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """The losses (N,) of the class ``Circle``, one number a sample.

    y_true             class numbers, (N,)
    y_pred             embeddings, (N, D)
    ref_labels         class numbers of what they are compared with, (M,); None: `y_true`
    ref_embeddings     their embeddings, (M, D); None: `y_pred`
    remove_diagonal    whether a sample is no pair with itself
    gamma, margin      as in the class

    Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
    """
    loss = Circle(gamma, margin, remove_diagonal)
    y_pred = tensor("y_pred of circle", y_pred)
    truth, embeddings = loss.fitted(tensor("y_true of circle", y_true, like=y_pred), y_pred)
    labels, others = truth, embeddings
    if ref_labels is not None or ref_embeddings is not None:
        reference = (
            embeddings if ref_embeddings is None else tensor("ref_embeddings of circle", ref_embeddings, like=y_pred)
        )
        numbers = truth if ref_labels is None else tensor("ref_labels of circle", ref_labels, like=y_pred)
        labels, others = loss.fitted(numbers, reference)
    return circled(truth, embeddings, labels, others, remove_diagonal, float(gamma), float(margin))
