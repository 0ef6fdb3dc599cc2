"""The settings with which a detector on a base with weights learns in minutes; what each gave: docs/detection.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate import layers
from striate.described import number, whole
from striate.errors import ArgumentError
from striate.model import Model
from striate.tasks.detection_loss import DetectionLoss
from striate.tasks.detection_metric import MeanAveragePrecision
from striate.train import optimizers
from striate.train.schedules import CosineDecay

__all__ = ["DetectionRecipe", "freeze_below", "loss_for", "quicken_norms"]

_AVERAGED = 4  # times that a moving average must have forgotten the first weights


@dataclass(frozen=True, kw_only=True)
class DetectionRecipe:
    """How a detector is trained.  The numbers are those that did best on the validation part of BCCD.

    rate        the highest learning rate, of AdamW; it rises over the first updates and falls as a cosine
    base_rate   the part of it at which the base learns, above 0 and at most 1
    decay       weight decay
    clip        the most that the norm of all gradients together may be
    average     momentum of the moving average of the weights, with which the training ends; a network that begins with
                nothing has none
    flips       "horizontal", "vertical", "horizontal_and_vertical" or None: pictures that may be mirrored
    turns       whether pictures may be turned by quarters
    zoom        (lowest, highest) factor of ``layers.RandomZoom``, below 0 larger, above 0 smaller; None: as it is
    shift       up to this part of either side
    colour      up to this part of brightness, contrast and saturation
    mosaic      whether four pictures are put in one, until the last fifth of the passes

    Raises ArgumentError for numbers out of range.
    """

    rate: float = 2e-3
    base_rate: float = 0.2
    decay: float = 0.02
    clip: float = 10.0
    average: float = 0.99
    flips: str | None = "horizontal"
    turns: bool = False
    zoom: tuple[float, float] | None = (-0.2, 0.3)
    shift: float = 0.1
    colour: float = 0.0
    mosaic: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (("base_rate", 0, 1), ("average", 0, 1), ("shift", 0, 1), ("colour", 0, 1)):
            number("DetectionRecipe", name, getattr(self, name), low, high)
        for name in ("rate", "decay", "clip"):
            number("DetectionRecipe", name, getattr(self, name), 0)
        if not self.base_rate:
            raise ArgumentError(
                "DetectionRecipe: base_rate is above 0; a base that learns nothing has trainable = False."
            )

    def compile(self, model: Model, base: Model | None, updates: int) -> None:
        """Compile a detector for a training of so many updates.

        model     what ``detector`` gave
        base      the network with weights that it stands on; None: all of it learns from nothing
        updates   batches of all passes together
        """
        box = model.layers[-1]
        how = self.arguments(model, base, updates)
        model.compile(loss=loss_for(box, base is not None), metrics=[MeanAveragePrecision(box)], **how)

    def arguments(self, model: Model, base: Model | None, updates: int) -> dict[str, Any]:
        """The same without the loss and the metrics, as ``Model.compile`` takes it; for networks of other tasks too.

        model     to be trained
        base      the network with weights that it stands on; None: all of it learns from nothing, by ``quicken_norms``
        updates   batches of all passes together; below some hundreds no average of the weights is kept
        """
        warm = min(50, whole("DetectionRecipe", "updates", updates) // 10)
        if base is None:
            quicken_norms(model, updates)
        rate = CosineDecay(
            self.rate / 20, max(1, updates - warm), alpha=0.02, warmup_target=self.rate, warmup_steps=warm
        )
        # an average of weights that all learn from nothing does not go with what their batch norms have gathered
        average = base is not None and self.average > 0 and updates * (1 - self.average) > _AVERAGED
        optimizer = optimizers.AdamW(
            rate,
            weight_decay=self.decay,
            global_clipnorm=self.clip,
            use_ema=average,
            ema_momentum=self.average if average else 0.99,
        )
        return {
            "optimizer": optimizer,
            "rates": None if base is None else {base: self.base_rate},
            "augment": self.changes(model) or None,
            "mix": layers.Mosaic() if self.mosaic else None,
        }

    def changes(self, model: Model) -> list[layers.Layer]:
        """The layers that change the pictures of a training.

        model   whose preprocessing says what black and white are
        """
        made: list[layers.Layer] = [] if self.flips is None else [layers.RandomFlip(self.flips)]
        if self.turns:
            made.append(layers.RandomQuarterTurn(fill_mode="reflect"))
        if self.zoom is not None:
            made.append(layers.RandomZoom(self.zoom))
        if self.shift:
            made.append(layers.RandomTranslation(self.shift, self.shift))
        if self.colour:
            most, black_white = self.colour, levels(model)
            made += [
                layers.RandomBrightness(most, value_range=black_white),
                layers.RandomContrast(most, value_range=black_white),
                layers.RandomSaturation((0.5 - most / 2, 0.5 + most / 2), value_range=black_white),
            ]
        return made


def quicken_norms(model: Model, updates: int) -> None:
    """Let batch norms that learn from nothing forget their first values within a training.

    Keras' networks average over some thousand updates (momentum 0.999 in MobileNetV2).  A training of a thousand would end
    with averages of which a third is still the values they began with, and such a network finds nothing.

    model     to be trained
    updates   of the whole training; norms remember at most a twentieth of them, and never fewer than 10
    """
    most = 1 - 1 / max(10.0, updates / 20)
    for node in model.graph.check().flat().nodes:
        if isinstance(node.layer, layers.BatchNormalization) and node.layer.trainable:
            node.layer.momentum = min(node.layer.momentum, most)


def loss_for(layer: layers.Layer, learnt: bool) -> DetectionLoss:
    """The loss that suits what a detector begins with; both are measured in docs/detection.md.

    layer    the layer of boxes that it ends in
    learnt   whether its base has weights.  Then overlap decides which places answer for a box (beta = 6), and what is sure
             already counts little (gamma = 2).  A network that begins with nothing has no good boxes yet: more places
             share each box (alpha = 0.5, beta = 2), and all scores count (gamma = 0)

    Raises ArgumentError for another layer than ``layers.DistanceBoxes``.
    """
    return DetectionLoss(layer) if learnt else DetectionLoss(layer, alpha=0.5, beta=2.0, gamma=0.0)


def levels(model: Model) -> tuple[float, float]:
    """What black and white are to a network, the lower first: (0, 255) where it has no preprocessing.

    model   whose preprocessing says it
    """
    import numpy as np

    how = model.preprocessing
    if how is None:
        return 0.0, 255.0
    ends = how.normalise(np.array([[[[0] * 3], [[255] * 3]]], np.uint8))
    return float(ends.min()), float(ends.max())


def freeze_below(base: Model, stride: int = 4) -> None:
    """Freeze all batch norms of a base, and all layers up to its last map of a stride.

    What edges and colours are, a base with weights knows; a backward pass that ends there takes a third less time.  The
    averages of its batch norms are of more pictures than any fine-tuning sees.

    base     a network of one picture, with weights
    stride   pixels of the input for one step of the map; 0: only the batch norms

    Raises ArgumentError where it takes no picture.
    """
    graph = base.graph.check()
    if len(graph.inputs) != 1 or len(graph.input_shapes[0]) != 3:
        raise ArgumentError(f"a base takes one picture (H, W, C); this network takes {graph.input_shapes}.")
    sides = graph.input_shapes[0][:2]
    smallest = tuple(-(-side // stride) for side in sides) if stride else sides
    for node in graph.nodes:
        fine = stride and all(
            len(t.sizes) == 3 and all(a >= b for a, b in zip(t.sizes[:2], smallest, strict=True)) for t in node.outputs
        )
        if fine or isinstance(node.layer, layers.BatchNormalization):
            node.layer.trainable = False
