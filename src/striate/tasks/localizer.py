"""Localisation: one thing in each picture, what it is and where, by a network with two heads.

As courses teach it (Sermanet et al. 2014, "OverFeat", section 4): a softmax over the classes and a regression of the four
corners, on the features of one base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from striate import layers
from striate.described import counts, described
from striate.errors import ArgumentError, unknown
from striate.layers import initializers
from striate.model import Model
from striate.tasks.boxes import iou
from striate.tasks.sources import listed, size_of
from striate.train.losses import Loss
from striate.train.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BoxIoU", "BoxLoss", "Localized", "localize", "localizer"]

KINDS = ("l2", "smooth_l1", "iou", "giou", "diou", "ciou")


class Localized(NamedTuple):
    """What is in a picture, and where.

    label         of the class
    probability   that the network gives it
    box           left, top, right and bottom in pixels of the photo
    """

    label: str
    probability: float
    box: tuple[float, float, float, float]


def localizer(base: Model, classes: int, *, maps: int = 128, units: int = 256) -> Model:
    """A network that says what one thing is, and where: two heads on `base`.

    base      a network of pictures without its classifier, whose last output is maps; its layers are shared
    classes   how many kinds of things there are
    maps      that the base's maps are brought to by a convolution of one cell
    units     of the dense layer that both heads read

    Outputs: "label", softmax (classes,), and "box", (4,): left, top, right and bottom as parts of the picture's sides.
    Raises ArgumentError for a base whose output is not maps.
    """
    counts("localizer", classes=classes, maps=maps, units=units)
    graph = base.graph.check()
    if len(graph.outputs) != 1 or len(graph.output_shapes[0]) != 3:
        raise ArgumentError(
            f"a localizer stands on maps (h, w, C); the base gives {graph.output_shapes}. Give include_top=False, "
            "without pooling."
        )
    seen = layers.Conv2D(maps, 1, activation="relu")(graph.outputs[0])
    x = layers.Dense(units, activation="relu")(layers.Flatten()(seen))
    # what a thing is does not depend on where it is: the highest response anywhere says it too
    label = layers.Concatenate()([layers.GlobalMaxPooling2D()(seen), x])
    label = layers.Dense(classes, activation="softmax", name="label")(label)
    # small weights: a sigmoid that begins at its ends, at the whole picture, hardly learns
    small, start = initializers.RandomNormal(stddev=0.01), initializers.Constant([-1.1, -1.1, 1.1, 1.1])
    corners = layers.Dense(4, activation="sigmoid", kernel_initializer=small, bias_initializer=start)(x)
    one, other = corners[:, :2], corners[:, 2:]  # whichever is left or above the other is the first corner
    box = layers.Concatenate(name="box")([layers.Minimum()([one, other]), layers.Maximum()([one, other])])
    model = Model(base.inputs, {"label": label, "box": box})
    model.preprocessing = base.preprocessing
    return model


@described
class BoxLoss(Loss):
    """How far boxes are off, one number a picture; a box is left, top, right and bottom, (4,), as parts of its sides.

    Of a data set with boxes it learns the largest of each picture, and what stands beside it learns the class of that box.

    kind        "l2"         the sum of the squared differences of the corners, as courses teach it
                "smooth_l1"  squares near 0, absolute differences beyond `beta`, summed (Girshick 2015, "Fast R-CNN")
                "iou", "giou", "diou", "ciou"   1 less the overlap; see ``tasks.boxes.iou``
    beta        where "smooth_l1" becomes straight, above 0
    reduction, name, dtype   as in every loss

    Raises ArgumentError for another kind.
    """

    largest: ClassVar[bool] = True
    kind: str = "l2"
    beta: float = 0.1
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "box_loss"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise unknown("kind of BoxLoss", str(self.kind), KINDS)
        if not self.beta > 0:
            raise ArgumentError(f"BoxLoss: beta is above 0, not {self.beta}.")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The losses, (N,).

        y_true, y_pred    boxes, (N, 4)
        """
        import torch.nn.functional as F

        if self.kind == "l2":
            return (y_true - y_pred).square().sum(-1)
        if self.kind == "smooth_l1":
            return F.smooth_l1_loss(y_pred, y_true, reduction="none", beta=self.beta).sum(-1)
        return 1 - iou(y_pred, y_true, self.kind)  # type: ignore[arg-type]


@described
class BoxIoU(Metric):
    """The mean overlap of boxes with what they are to be, 0 to 1.

    name    in the logs
    dtype   as in every metric
    """

    name: str | None = "iou"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all boxes."""
        self._sum, self._count = 0.0, 0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        y_true, y_pred   boxes, (N, 4)
        sample_weight    not used
        """
        shared = iou(y_true.double(), y_pred.double())
        self._sum, self._count = self._sum + float(shared.sum()), self._count + len(shared)

    def figure(self) -> float:
        """The mean so far."""
        return self._sum / max(self._count, 1)


def localize(model: Model, pictures: Any, *, engine: str = "auto") -> list[Localized]:
    """What is in each picture, and where, in pixels of the photo itself.

    model      that ``localizer`` made
    pictures   files, bytes, PIL images, uint8 arrays or a Dataset, as ``Model.predict`` takes them
    engine     as for ``Model.predict``

    Raises ArgumentError for a network without these two outputs, DataError for a picture that cannot be read.
    """
    if sorted(model.graph.check().output_names) != ["box", "label"]:
        raise ArgumentError(
            'localize takes a network with the outputs "label" and "box"; tasks.localizer.localizer makes one.'
        )
    sources = listed(model, pictures)
    found = model.predict(pictures, engine=engine)
    height, width = model.intake.shape[:2]
    names = model.intake.class_names(found["label"].shape[1])
    answers = []
    for source, shares, corners in zip(sources, found["label"], found["box"], strict=True):
        pixels = corners * np.array([width, height, width, height])
        box = model.intake.geometry(source, size_of(source)).boxes_back(pixels[None])[0]
        best = int(shares.argmax())
        answers.append(Localized(names[best], float(shares[best]), tuple(map(float, box))))  # type: ignore[arg-type]
    return answers
