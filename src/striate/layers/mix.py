"""Descriptions of how two examples are mixed into one.  They change targets, so they are no layers of a network."""

from __future__ import annotations

import importlib
from dataclasses import field
from typing import Any

from striate.data_format import checked
from striate.errors import ArgumentError
from striate.graph.lowering import Operand
from striate.graph.part import NetworkPart
from striate.layers.pictures import checked_box_format

__all__ = [
    "CutMix",
    "MixUp",
]


class _Mix(NetworkPart):
    """Pictures of a batch mixed; ``compile(mix=…)`` takes it, and it can be called as in Keras, on a batch.

    seed                  of draws of its own; None: the run's, see ``st.set_seed``
    data_format           "channels_last" or "channels_first", of pictures that it is called on; None: what
                          ``backend.image_data_format()`` says
    bounding_box_format   how boxes of a dict are written, such as "xyxy"
    name                  of it; None: none
    """

    abstract = True
    refused = {
        "factor": "it draws no amount of that name",
        "trainable": ("it has no weights", True),
        "activity_regularizer": "it is no part of a network, so nothing is penalised",
    }

    seed: int | None = field(default=None, kw_only=True)
    data_format: str | None = field(default=None, kw_only=True)
    bounding_box_format: str | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.data_format = checked(self.data_format, f"{self.kind} data_format")
        checked_box_format(self.bounding_box_format, self.kind)

    @property
    def kind(self) -> str:
        """The class name."""
        return type(self).__name__

    def __call__(self, data: Any, training: Any = None) -> Any:
        """Pictures (N, H, W, C) mixed in training; of a dict, its "labels", "segmentation_masks" and boxes alike.

        data       an array or a tensor, or a dict with "images"
        training   False: as they are

        Raises ArgumentError for symbolic tensors: a network cannot mix its targets.
        """
        if isinstance(data, Operand):
            raise ArgumentError(
                f"{self.kind} changes targets too, so it is no part of a network: compile(mix=it) does it."
            )
        changed = importlib.import_module("striate.data.together").changed
        if isinstance(data, dict):
            return changed(self, data, training)
        return changed(self, {"images": data}, training)["images"]

    # -- Keras' steps of a call ----------------------------------------------------------------------------------------
    def get_random_transformation(self, data: Any, training: bool = True, seed: int | None = None) -> Any:
        """What is drawn for a batch, as the other methods take it; None where it is not training.

        data       pictures (N, H, W, C), or a dict with "images"
        training   whether they are to be mixed
        seed       of this draw alone
        """
        return importlib.import_module("striate.data.mixing").drawn_for(self, data, seed) if training else None

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Pictures mixed.

        images           (N, H, W, C)
        transformation   what was drawn
        training         False: as they are
        """
        return self._transformed(images, transformation, training, "images")

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Targets mixed.

        labels           (N, …)
        transformation   what was drawn
        training         False: as they are
        """
        return self._transformed(labels, transformation, training, "labels")

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Masks mixed.

        segmentation_masks   (N, H, W, M)
        transformation       what was drawn
        training             False: as they are
        """
        return self._transformed(segmentation_masks, transformation, training, "masks")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes of both pictures, one after the other.

        bounding_boxes   {"boxes": (N, n, 4), "labels": (N, n)}
        transformation   what was drawn
        training         False: as they are
        """
        return self._transformed(bounding_boxes, transformation, training, "boxes")

    def _transformed(self, values: Any, transformation: Any, training: bool, what: str) -> Any:
        if not training or transformation is None:
            return values
        return importlib.import_module("striate.data.mixing").transformed(self, values, transformation, what)


class MixUp(_Mix):
    """Each picture a weighted mean of two of the batch, and its targets the same mean of theirs: Zhang et al. 2018.

    alpha   weights are drawn from Beta(alpha, alpha), for each picture apart; above 0.  See ``data.mix``.

    Raises ArgumentError for an alpha that is not above 0.
    """

    order = "alpha data_format seed"

    alpha: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha <= 0:
            raise ArgumentError(f"MixUp: alpha is above 0, not {self.alpha}.")


class CutMix(_Mix):
    """In each picture a rectangle of another one of the batch, and targets by area: Yun et al. 2019.

    factor   the part of the picture kept is drawn from Beta(factor, factor), for each picture apart; above 0, or (lowest,
             highest), between which it is drawn for a batch.  See ``data.mix``.

    Raises ArgumentError for a factor that is not above 0.
    """

    order = "factor seed data_format"

    factor: Any = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.factor if isinstance(self.factor, list | tuple) else (self.factor,)
        if (
            len(given) > 2
            or not all(isinstance(f, int | float) and f >= 0 for f in given)
            or max(given, default=0) <= 0
        ):
            raise ArgumentError(f"CutMix: factor is above 0, or (lowest, highest), not {self.factor}.")
        self.factor = (float(min(given)), float(max(given))) if len(given) == 2 else float(given[0])
