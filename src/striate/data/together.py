"""Pictures with their labels, boxes and masks in a dict, as Keras' layers take them: all changed together.

The boxes move as in ``data.augment``.  The label of one of which nothing is left becomes -1, as in Keras; a box of which all
is -1 is none and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from striate import backend
from striate.backend.augment import Moving, warp
from striate.data.augmentation import move_boxes, moved_corners
from striate.data.box_formats import from_corners, to_corners
from striate.errors import ArgumentError, DataError, ShapeError
from striate.layers.augment import Augmentation, AugmentationLayer, RandomCrop
from striate.layers.mix import CutMix, MixUp
from striate.layers.pictures import MaxNumBoundingBoxes
from striate.ops.entries import tensor

KEYS = ("images", "labels", "bounding_boxes", "segmentation_masks")


def changed(layer: Any, given: Mapping[str, Any], training: Any = None) -> dict[str, Any]:
    """The dict with everything in it changed alike: tensors, channels-last; what has another key stays as it is.

    layer      that changes pictures, or MixUp or CutMix
    given      "images" (N, H, W, C), or one of them; and any of "labels", "segmentation_masks" (N, H, W, M), and
               "bounding_boxes": {"boxes": (N, n, 4), "labels": (N, n)}
    training   False: as in prediction

    Raises ArgumentError where boxes are given without their format, or cannot follow, DataError for what does not fit.
    """
    if "images" not in given:
        raise ArgumentError(f'{layer.kind} takes pictures, or a dict with "images" and any of {", ".join(KEYS[1:])}.')
    pictures = tensor(given["images"])
    if pictures.ndim not in (3, 4):
        raise ShapeError(f'{layer.kind}: "images" are (N, H, W, C) or (H, W, C), not {tuple(pictures.shape)}.')
    single = pictures.ndim == 3
    parts = {key: given[key] for key in KEYS[1:] if given.get(key) is not None}
    boxes, style = parts.get("bounding_boxes"), getattr(layer, "bounding_box_format", None)
    if boxes is not None and style is None:
        raise ArgumentError(
            f"{layer.kind}: how the bounding boxes are written is not said; give it bounding_box_format='xyxy', or another."
        )
    if single:
        parts = {key: _one(value) for key, value in parts.items()}
    pictures = pictures[None] if single else pictures
    new: dict[str, Any] = {key: _tensors(value) for key, value in parts.items()}
    if isinstance(layer, MixUp | CutMix):
        if training is not False:
            pictures, new = _mixed(layer, pictures, new)
    else:
        pictures, new = _moved(layer, pictures, new, style, training)
    if single:
        new = {key: _only(value) for key, value in new.items()}
    return {**given, "images": pictures[0] if single else pictures, **new}


def _one(value: Any) -> Any:
    """What belongs to one picture, as that of a batch of one."""
    if isinstance(value, Mapping):
        return {key: _one(part) for key, part in value.items()}
    return tensor(value)[None]


def _only(value: Any) -> Any:
    return {key: _only(part) for key, part in value.items()} if isinstance(value, Mapping) else value[0]


def _tensors(value: Any) -> Any:
    return {key: tensor(part) for key, part in value.items()} if isinstance(value, Mapping) else tensor(value)


# -- pictures, boxes and masks that move ---------------------------------------------------------------------------------
def _moved(
    layer: Any, pictures: torch.Tensor, parts: dict[str, Any], style: str | None, training: Any
) -> tuple[torch.Tensor, dict[str, Any]]:
    before = _size(layer, pictures)
    new, back = _run(layer, pictures, training, set(parts) & {"bounding_boxes", "segmentation_masks"})
    if back is not None and "segmentation_masks" in parts:
        parts["segmentation_masks"] = _masks(layer, parts["segmentation_masks"], back, _size(layer, new))
    if back is not None and "bounding_boxes" in parts:
        assert style is not None
        parts["bounding_boxes"] = _boxes(layer, parts["bounding_boxes"], back, style, before, _size(layer, new))
    if isinstance(layer, MaxNumBoundingBoxes) and "bounding_boxes" in parts:
        parts["bounding_boxes"] = {key: _filled(layer, value) for key, value in parts["bounding_boxes"].items()}
    return new, parts


def _size(layer: Any, pictures: torch.Tensor) -> tuple[int, int]:
    height, width = pictures.shape[-2:] if layer.data_format == "channels_first" else pictures.shape[1:3]
    return int(height), int(width)


def _run(
    layer: Any, pictures: torch.Tensor, training: Any, follow: set[str]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """New pictures, and the matrices (N, 3, 3) of pixel places back to the old ones; None where they stay."""
    size = _size(layer, pictures)
    shape = (*size, pictures.shape[1 if layer.data_format == "channels_first" else -1])
    if isinstance(layer, AugmentationLayer) and not _enlarges(layer, size):
        chain = layer if isinstance(layer, Augmentation) else Augmentation([layer])
        bent = next((step.kind for step in chain.steps() if step.bends), None)
        if training is not False and bent is not None and follow:
            raise ArgumentError(f"{layer.kind}: boxes and masks cannot follow {bent}. Give pictures and labels alone.")
        if training is False:
            new = layer(pictures, training=False)
            (top, _), (left, _) = chain.change().region(shape)
            return new, _back(len(pictures), (top, left), (1.0, 1.0)) if top or left or _size(
                layer, new
            ) != size else None
        key = "_together"  # one module, whose own seed goes on from call to call
        if key not in layer.__dict__:
            layer.__dict__[key] = backend.augmentation(chain.change()).train()
        module, turned = layer.__dict__[key], layer.data_format == "channels_first"
        try:
            layer.shape(tuple(pictures.shape[1:]))
        except ShapeError as error:
            raise ShapeError(f"{layer.kind}: {error}") from None
        x = pictures.float() if turned else pictures.float().movedim(-1, 1)
        x, back, _ = module.moved(x)
        moves = any(isinstance(step, Moving) for step in module.steps)
        return x if turned else x.movedim(1, -1), back if moves else None
    new = layer(pictures, training=training)
    if not hasattr(layer, "shown"):
        return new, None
    sides = layer.shown(shape)
    times = [(end - first) / n for (first, end), n in zip(sides, _size(layer, new), strict=True)]
    return new, _back(len(pictures), (sides[0][0], sides[1][0]), (times[0], times[1]))


def _enlarges(layer: Any, size: tuple[int, int]) -> bool:
    return isinstance(layer, RandomCrop) and (layer.height > size[0] or layer.width > size[1])


def _back(count: int, start: tuple[float, float], times: tuple[float, float]) -> torch.Tensor:
    """From a new place (down, across) to the old one: `start` + `times` · place."""
    (top, left), (down, across) = start, times
    return torch.tensor([[across, 0.0, left], [0.0, down, top], [0.0, 0.0, 1.0]]).expand(count, 3, 3)


def _masks(layer: Any, masks: torch.Tensor, back: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Masks read at the nearest pixel, in their type."""
    first = layer.data_format == "channels_first"
    if masks.ndim != 4 or len(masks) != len(back):
        raise DataError(f"{layer.kind}: segmentation_masks are (N, H, W, M) as the pictures, not {tuple(masks.shape)}.")
    x = (masks if first else masks.movedim(-1, 1)).double()
    new = warp(x, back, size, (getattr(layer, "fill_mode", "constant"), 0.0), "nearest").to(masks.dtype)
    return new if first else new.movedim(1, -1)


def _boxes(
    layer: Any, given: Any, back: torch.Tensor, style: str, before: tuple[int, int], after: tuple[int, int]
) -> dict[str, Any]:
    boxes = given["boxes"] if isinstance(given, Mapping) and "boxes" in given else None
    if boxes is None or boxes.ndim != 3 or len(boxes) != len(back) or boxes.shape[-1] != 4:
        raise DataError(
            f'{layer.kind}: bounding_boxes are {{"boxes": (N, n, 4), "labels": (N, n)}}, n of each picture.'
        )
    corners = to_corners(boxes.numpy(), style, before)
    forward = np.linalg.inv(back.double().numpy())
    new, left = np.full(corners.shape, -1.0, np.float32), np.zeros(corners.shape[:2], bool)
    for i, matrix in enumerate(forward):
        there = np.flatnonzero((boxes[i].numpy() != -1).any(-1))
        ends = moved_corners(corners[i, there], matrix).clip(0, [after[1], after[0]])  # of those that are gone, too
        new[i, there] = from_corners(np.concatenate([ends.min(1), ends.max(1)], 1), style, after)
        moved, kept = move_boxes(corners[i, there], matrix, after, 0.0)
        new[i, there[kept]], left[i, there[kept]] = from_corners(moved, style, after), True
    made = {**given, "boxes": torch.from_numpy(new)}
    if "labels" in given and given["labels"].shape[-1] == boxes.shape[1]:
        gone = torch.from_numpy(~left).view(len(left), *[1] * (given["labels"].ndim - 2), -1)
        made["labels"] = given["labels"].masked_fill(gone, -1)
    return made


def _filled(layer: MaxNumBoundingBoxes, value: torch.Tensor) -> torch.Tensor:
    value = value[:, : layer.max_number]
    more = value.new_full((len(value), layer.max_number - value.shape[1], *value.shape[2:]), layer.fill_value)
    return torch.cat([value, more], 1)


# -- pairs of examples --------------------------------------------------------------------------------------------------
def _mixed(layer: MixUp | CutMix, pictures: torch.Tensor, parts: dict[str, Any]) -> tuple[torch.Tensor, dict[str, Any]]:
    drawn = layer.get_random_transformation(pictures)
    if "labels" in parts:
        parts["labels"] = layer.transform_labels(parts["labels"], drawn)
    if "segmentation_masks" in parts:
        parts["segmentation_masks"] = layer.transform_segmentation_masks(parts["segmentation_masks"], drawn)
    if "bounding_boxes" in parts:
        parts["bounding_boxes"] = layer.transform_bounding_boxes(parts["bounding_boxes"], drawn)
    return layer.transform_images(pictures, drawn), parts
