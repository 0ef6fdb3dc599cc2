"""What a detector without anchors learns by: which places answer for which box, and three losses for those that do.

Li et al. 2020, "Generalized Focal Loss" (quality focal loss, distribution focal loss); Rezatofighi et al. 2019 (GIoU); Feng
et al. 2021, "TOOD: Task-aligned One-stage Object Detection" (the assignment); Zhang et al. 2020, "ATSS".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from striate.data.box_targets import CLASS, IGNORED
from striate.described import described, whole
from striate.errors import ArgumentError
from striate.layers.boxes import DistanceBoxes
from striate.tasks.box_losses import LossOfBoxes, counted
from striate.tasks.boxes import iou, iou_matrix

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DetectionLoss"]


class Assigned(NamedTuple):
    """Which box each place answers for.

    box      int64 (N, P), the number of its box among the picture's; 0 where it has none
    share    (N, P), its alignment as a part of the best place's for that box, 0 to 1; 0 where it has none
    quality  (N, P), what it should score: that times the best overlap; 0 where it has none
    silent   bool (N, P): places in boxes that are ignored, which should say nothing
    """

    box: Tensor
    share: Tensor
    quality: Tensor
    silent: Tensor


@described
class DetectionLoss(LossOfBoxes):
    """Quality focal loss of the scores, GIoU and distribution focal loss of the boxes.

    A box is answered for by the places within it whose score and overlap together are highest (s^alpha · u^beta), at most
    `most` of them; a place within several answers for the one that it overlaps most, or for one that has no other.  What a
    place should score is its share of the best place's alignment, times the best overlap.  The sum over all places is
    divided by how many boxes and pictures the batch has, so that a mean over batches does not depend on how they are cut.

    layer        the layer of boxes that the network ends in; the numbers before it are learnt
    most         places for a box
    alpha, beta  how much score and overlap count in the alignment
    gamma        of the focal loss: 0 makes it plain cross-entropy
    box, distribution   what the GIoU and the distribution focal loss count
    reduction, name, dtype   as in every loss

    Targets are boxes as ``data.box_targets`` has them, (N, M, 6).  Raises ArgumentError for values out of range.
    """

    ends_in = DistanceBoxes

    layer: Any = None
    most: int = 10
    alpha: float = 1.0
    beta: float = 6.0
    gamma: float = 2.0
    box: float = 2.0
    distribution: float = 0.25
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "detection_loss"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.most = whole("DetectionLoss", "most", self.most)
        if min(self.alpha, self.beta, self.gamma, self.box, self.distribution) < 0:
            raise ArgumentError("DetectionLoss: its shares are not negative.")

    def weight(self, y_true: Tensor, weights: Tensor | None = None) -> int | Tensor:
        """How much a batch counts: its boxes and its pictures.

        y_true    (N, 6, M), channels first
        weights   of the pictures; they change nothing here
        """
        return counted(y_true.movedim(1, -1)).sum() + len(y_true)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The losses of the pictures, (N,), such that their mean is the loss of the batch.

        y_true    boxes, (N, M, 6)
        y_pred    the numbers before the layer of boxes, (N, P, K + 4 bins)
        """
        import torch.nn.functional as F

        classes = y_pred.shape[-1] - 4 * self.layer.bins
        logits, steps = y_pred[..., :classes], y_pred[..., classes:].unflatten(-1, (4, self.layer.bins))
        made = self.layer(y_pred)[..., :4]
        given = self.assign(y_true, logits.detach().sigmoid(), made.detach())
        own = y_true.gather(1, given.box[..., None].expand(-1, -1, y_true.shape[-1]))
        wanted = F.one_hot(own[..., CLASS].long().clamp(min=0), classes) * given.quality[..., None]
        focal = (wanted - logits.sigmoid()).abs() ** self.gamma
        scores = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * focal
        scores = (scores.sum(-1) * ~given.silent).sum(1)
        apart = (1 - iou(made, own[..., :4], "giou")) * given.share
        centres, strides = self._places(y_pred)
        distances = (own[..., :4] - centres.repeat(1, 2)) / strides * y_pred.new_tensor([-1.0, -1.0, 1.0, 1.0])
        shares = self._distribution(steps, distances) * given.share
        whole = scores + self.box * apart.sum(1) + self.distribution * shares.sum(1)
        return whole * (len(y_true) / (counted(y_true).sum() + len(y_true)))

    def assign(self, y_true: Tensor, scores: Tensor, boxes: Tensor) -> Assigned:
        """Which places answer for which box.

        y_true    boxes, (N, M, 6)
        scores    what each place says of each class, (N, P, K), 0 to 1
        boxes     the box of each place, (N, P, 4)
        """
        import torch

        there = y_true[..., :4]
        counts = counted(y_true)  # (N, M)
        labels = y_true[..., CLASS].long().clamp(min=0)
        within = self._within(there, boxes) & counts[..., None]
        overlap = iou_matrix(there, boxes) * within
        said = scores.gather(2, labels[:, None].expand(-1, scores.shape[1], -1)).movedim(1, 2)
        alignment = (
            said**self.alpha * overlap.clamp(min=0.01) ** self.beta * within
        )  # never 0: the best place is always one
        order = torch.where(within, alignment, -1.0)
        best = order.topk(min(self.most, order.shape[-1]), dim=-1).indices
        chosen = torch.zeros_like(within).scatter_(-1, best, True) & within
        only = within.sum(-1, keepdim=True) == 1  # a box with a single place gets it, however little they overlap
        rival = torch.where(chosen, overlap + 2 * only, -1.0)
        box = rival.argmax(1)
        answers = chosen.any(1)
        final = chosen & (torch.arange(within.shape[1], device=box.device)[:, None] == box[:, None])
        alignment, overlap = alignment * final, overlap * final
        share = alignment / alignment.amax(-1, keepdim=True).clamp(min=1e-30)
        quality = share * overlap.amax(-1, keepdim=True)
        ignored = (y_true[..., CLASS] >= 0) & (y_true[..., IGNORED] > 0)
        silent = (self._within(there, boxes, nearest=False) & ignored[..., None]).any(1) & ~answers
        return Assigned(torch.where(answers, box, 0), share.amax(1), quality.amax(1), silent)

    def _within(self, there: Tensor, boxes: Tensor, nearest: bool = True) -> Tensor:
        """Which places have their middle in which box, (N, M, P); with `nearest` the nearest place where none has."""
        import torch

        centres, _ = self._places(boxes)
        low, high = there[..., None, :2], there[..., None, 2:]
        inside = ((centres >= low) & (centres < high)).all(-1)
        if not nearest:
            return inside
        middle = (there[..., :2] + there[..., 2:]) / 2
        apart = torch.cdist(middle, centres.expand(len(there), -1, -1))
        near = torch.zeros_like(inside).scatter_(-1, apart.argmin(-1, keepdim=True), True)
        return torch.where(inside.any(-1, keepdim=True), inside, near)

    def _places(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The middle of each place's cell (P, 2), x and y in pixels, and its stride (P, 1)."""
        import torch

        centres, strides = [], []
        for rows, columns, stride in self.layer.levels:
            row, column = torch.arange(rows).repeat_interleave(columns), torch.arange(columns).repeat(rows)
            centres.append((torch.stack([column, row], 1) + 0.5) * stride)
            strides.append(torch.full((rows * columns, 1), stride))
        return torch.cat(centres).to(like), torch.cat(strides).to(like)

    def _distribution(self, steps: Tensor, distances: Tensor) -> Tensor:
        """Distribution focal loss: cross-entropy with the two steps on either side of the distance, by nearness."""
        far = distances.clamp(0, self.layer.bins - 1 - 1e-3)
        below = far.floor()
        above = far - below
        logs = steps.log_softmax(-1)
        near = logs.gather(-1, below.long()[..., None])[..., 0]
        next_ = logs.gather(-1, below.long()[..., None] + 1)[..., 0]
        return -((1 - above) * near + above * next_).mean(-1)
