"""What layers that change pictures share, and the one that changes only how many boxes there are."""

from __future__ import annotations

from dataclasses import field

from striate import primitives as p
from striate.errors import ArgumentError, unknown
from striate.graph import Value
from striate.graph.lowering import put
from striate.layers.formatted import FormattedLayer
from striate.primitives.base import split_shape

__all__ = ["MaxNumBoundingBoxes"]

# How four numbers say where a box is; those with "rel" count in parts of the sides, the others in pixels.
BOX_FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)


def checked_box_format(value: str | None, where: str) -> None:
    """Raises ArgumentError for a way to write boxes that is not known.

    value   such as "xyxy", or None
    where   the class, for the message
    """
    if value is not None and value not in BOX_FORMATS:
        raise unknown(f"{where} bounding_box_format", str(value), BOX_FORMATS)


class PictureLayer(FormattedLayer):
    """Changes pictures.  Called on numbers it takes one picture, and a dict of pictures with boxes and masks, too.

    bounding_box_format   how boxes of a dict are written: "xyxy" (left, top, right, bottom), "xywh" …; None: there are none
    """

    abstract = True
    changes_pictures = True
    refused = {"factor": "it draws no amount of that name"}

    bounding_box_format: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_box_format(self.bounding_box_format, self.kind)


class MaxNumBoundingBoxes(PictureLayer):
    """So many boxes for each picture of a dict: the first ones, and filled up where there are fewer.

    (H, W, C) -> (H, W, C), pictures as they are; no weights.

    max_number   of boxes, at least 1
    fill_value   of boxes and labels that are filled up

    Raises ArgumentError for another number.
    """

    order = "max_number fill_value"

    max_number: int
    fill_value: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_number < 1:
            raise ArgumentError(
                f"MaxNumBoundingBoxes: max_number is a whole number of at least 1, not {self.max_number}."
            )

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, 2)
        return put(p.Identity(), x)
