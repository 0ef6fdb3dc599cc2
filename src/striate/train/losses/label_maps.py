"""Losses of label maps: a class number for every place, of which some may count for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from striate.described import described, number
from striate.errors import ArgumentError
from striate.ops.probabilities import EPSILON
from striate.train.losses.cross_entropy import OfLabels, SparseCategoricalCrossentropy
from striate.train.losses.labels import no_such_class
from striate.wording import plural

if TYPE_CHECKING:
    from torch import Tensor


@described
class SparseDice(OfLabels):
    """Dice over class numbers: the mean over the classes of 1 - 2 · Σ y·p / (Σ y + Σ p), the sums over a batch's places.

    Classes that no place of the batch is marked as count for nothing: about them the sums say nothing.

    ignore_class   a label whose places are in no sum, such as 255 for unmarked pixels
    from_logits    whether outputs are scores before the softmax, not probabilities
    reduction      as in every loss
    name           in the logs
    dtype          as in every loss

    Source: Milletari et al. 2016, "V-Net", section 3, for several classes.  Raises ArgumentError for an `ignore_class` that
    is no whole number.
    """

    ignore_class: int | None = None
    from_logits: bool = False
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "sparse_dice"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One number for the batch: targets `y_true` are class numbers (N, …), outputs `y_pred` (N, …, C).

        Raises TrainingError for a label that no output stands for.
        """
        import torch

        p = y_pred.softmax(-1) if self.from_logits else y_pred
        classes = p.shape[-1]
        counts = self.counted(y_true)
        if (counts & ((y_true < 0) | (y_true >= classes))).any():
            raise no_such_class(self.name, y_true[counts], classes)
        truth = y_true.where(counts, 0).reshape(-1)
        counts, p = counts.reshape(-1).to(p.dtype), p.reshape(-1, classes)
        own = p.gather(1, truth[:, None])[:, 0] * counts
        none = torch.zeros(classes, dtype=p.dtype, device=p.device)
        both, marked = (none.index_add(0, truth, each) for each in (own, counts))
        said = (p * counts[:, None]).sum(0)
        occurs = marked > 0
        each = 1 - 2 * both / (marked + said + EPSILON)
        return each.where(occurs, 0).sum() / occurs.sum().clamp(min=1)


@described
class SegmentationLoss(OfLabels):
    """Cross-entropy over label maps, weighed by class, of the hardest places only where asked, with a share of Dice.

    ignore_class    a label that counts for nothing, such as 255 for unmarked pixels
    class_weights   one number for each class, by which its places count (Σ w·loss / Σ w); None: all alike
    keep            share of a batch's places whose loss counts, the largest, above 0 up to 1: online hard example mining
    dice            how much of ``SparseDice`` is added
    from_logits     whether outputs are scores before the softmax, not probabilities
    reduction       as in every loss
    name            in the logs
    dtype           as in every loss

    Source of `keep`: Shrivastava et al. 2016, "Training region-based object detectors with online hard example mining", by
    pixels as in Wu et al. 2016, "Bridging category-level and instance-level semantic image segmentation", section 4.2.
    Raises ArgumentError for values out of range, and weights that are not one for each class.
    """

    ignore_class: int | None = None
    class_weights: Sequence[float] | None = None
    keep: float = 1.0
    dice: float = 0.0
    from_logits: bool = False
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "segmentation_loss"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        number("SegmentationLoss", "keep", self.keep, 0, 1)
        number("SegmentationLoss", "dice", self.dice, 0)
        if self.keep == 0:
            raise ArgumentError("SegmentationLoss: keep is above 0, up to 1.")
        if self.class_weights is not None:
            self.class_weights = tuple(
                float(number("SegmentationLoss", "class_weights", weight, 0)) for weight in self.class_weights
            )

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One number for the batch: targets `y_true` are class numbers (N, …), outputs `y_pred` (N, …, C).  Raises
        ArgumentError for other weights than one for each class, TrainingError for a label that no output stands for.
        """
        plain = SparseCategoricalCrossentropy(self.from_logits, self.ignore_class)
        losses, counts = plain.call(y_true, y_pred), self.counted(y_true)
        losses, labels = losses[counts], y_true[counts]
        if self.keep < 1 and len(losses):
            losses, places = losses.topk(max(1, int(self.keep * len(losses))), sorted=False)
            labels = labels[places]
        loss = self._mean(losses, labels, y_pred.shape[-1])
        if self.dice:
            loss = loss + self.dice * SparseDice(self.ignore_class, self.from_logits).call(y_true, y_pred)
        return loss

    def _mean(self, losses: Tensor, labels: Tensor, classes: int) -> Tensor:
        if self.class_weights is None or not len(losses):
            return losses.mean() if len(losses) else losses.sum()
        if len(self.class_weights) != classes:
            raise ArgumentError(
                f"{self.name}: {plural(len(self.class_weights), 'class weight')} for {plural(classes, 'class')}; "
                "give one for each."
            )
        weights = losses.new_tensor(self.class_weights)[labels]
        return (weights * losses).sum() / weights.sum().clamp(min=EPSILON)

    def weight(self, y_true: Tensor, weights: Tensor | None = None) -> int | Tensor:
        """How much a batch counts in a mean over batches: what its own mean is over, the weights of the places that count.

        y_true     class numbers (N, …)
        weights    of its samples; the loss takes none
        """
        if self.class_weights is None:
            return super().weight(y_true, weights)
        import torch

        return torch.tensor(self.class_weights, device=y_true.device)[y_true[self.counted(y_true)]].sum()
