"""Pictures with labels, boxes and masks in a dict: all of it changes alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.data.box_formats import from_corners, to_corners
from striate.errors import StriateError
from striate.layers.pictures import BOX_FORMATS

BOX = (2, 1, 5, 4)  # left, top, right, bottom
OTHER = (6, 4, 8, 6)


def marked() -> dict[str, Any]:
    """A picture 10 high and 8 wide with a white box, its mask, and another box that is black."""
    picture = np.zeros((10, 8, 3), np.float32)
    picture[1:4, 2:5] = 255
    mask = (picture[..., :1] / 255 * 7).astype(np.uint8)
    boxes = {"boxes": np.array([BOX, OTHER]), "labels": np.array([1, 2])}
    return {"images": picture, "labels": np.array([0.0, 1.0]), "segmentation_masks": mask, "bounding_boxes": boxes}


LAYERS: dict[str, Callable[[], layers.Layer]] = {
    "flip": lambda: layers.RandomFlip("horizontal_and_vertical", bounding_box_format="xyxy"),
    "translation": lambda: layers.RandomTranslation(0.3, 0.3, "constant", bounding_box_format="xyxy"),
    "quarter turn": lambda: layers.RandomRotation((0.25, 0.25), "constant", "nearest", bounding_box_format="xyxy"),
    "crop": lambda: layers.RandomCrop(7, 6, bounding_box_format="xyxy"),
    "crop that enlarges": lambda: layers.RandomCrop(20, 16, bounding_box_format="xyxy"),
    "resizing": lambda: layers.Resizing(20, 24, "nearest", bounding_box_format="xyxy"),
    "resizing of a part": lambda: layers.Resizing(16, 16, "nearest", True, bounding_box_format="xyxy"),
    "resizing and padding": lambda: layers.Resizing(20, 20, "nearest", False, True, bounding_box_format="xyxy"),
    "middle": lambda: layers.CenterCrop(8, 6, bounding_box_format="xyxy"),
    "middle that enlarges": lambda: layers.CenterCrop(20, 20, bounding_box_format="xyxy"),
    "channels first": lambda: layers.RandomFlip(data_format="channels_first", bounding_box_format="xyxy"),
}


@pytest.mark.parametrize("training", [None, False])
@pytest.mark.parametrize("name", LAYERS)
def test_boxes_and_masks_stay_where_their_picture_is(name: str, training: bool | None) -> None:
    layer, given = LAYERS[name](), marked()
    if layer.data_format == "channels_first":
        given["images"], given["segmentation_masks"] = (
            np.moveaxis(given[key], -1, 0) for key in ("images", "segmentation_masks")
        )
    for seed in range(6):
        st.set_seed(seed)
        out = layer(given, training=training)
        picture, mask = (np.asarray(out[key]) for key in ("images", "segmentation_masks"))
        if layer.data_format == "channels_first":
            picture, mask = np.moveaxis(picture, 0, -1), np.moveaxis(mask, 0, -1)
        assert mask.dtype == np.uint8
        seen, clear = picture[..., 0] > 127, abs(picture[..., 0] - 127.5) > 64  # the others lie between two pixels
        np.testing.assert_array_equal(mask[clear, 0], 7 * seen[clear])
        left, top, right, bottom = np.asarray(out["bounding_boxes"]["boxes"])[0]
        assert out["labels"].tolist() == [0, 1]
        if not seen.any():
            assert out["bounding_boxes"]["labels"][0] == -1
            continue
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose([left, top, right, bottom], found, atol=1.01)  # a pixel is seen from its middle on
        assert out["bounding_boxes"]["labels"][0] == 1


def test_a_batch_is_changed_picture_by_picture_and_the_given_dict_is_left_alone() -> None:
    one = marked()
    given = {key: np.stack([one[key]] * 4) for key in ("images", "labels", "segmentation_masks")}
    given["bounding_boxes"] = {key: np.stack([value] * 4) for key, value in one["bounding_boxes"].items()}
    before = given["images"].copy()
    layer = layers.RandomTranslation(0.2, 0.2, "constant", seed=3, bounding_box_format="xywh")
    given["bounding_boxes"]["boxes"] = from_corners(given["bounding_boxes"]["boxes"], "xywh", (10, 8))
    first, second = layer(given), layer(given)
    boxes = np.asarray(first["bounding_boxes"]["boxes"])
    assert len(np.unique(boxes[:, 0], axis=0)) == 4
    assert not np.allclose(boxes, second["bounding_boxes"]["boxes"])  # a seed goes on
    again = layers.RandomTranslation(0.2, 0.2, "constant", seed=3, bounding_box_format="xywh")(given)
    np.testing.assert_array_equal(again["images"], first["images"])
    np.testing.assert_array_equal(given["images"], before)


def test_colours_leave_boxes_and_masks_as_they_are() -> None:
    given = marked()
    out = layers.RandomContrast(0.5, bounding_box_format="xyxy")(given)
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"], given["bounding_boxes"]["boxes"])
    np.testing.assert_array_equal(out["segmentation_masks"], given["segmentation_masks"])
    assert not np.allclose(out["images"], given["images"])


@pytest.mark.parametrize("style", BOX_FORMATS)
def test_boxes_are_read_and_written_in_every_format(style: str) -> None:
    written = {  # of the box (2, 1, 5, 4) in a picture 10 high and 8 wide, by hand
        "xyxy": (2, 1, 5, 4),
        "yxyx": (1, 2, 4, 5),
        "xywh": (2, 1, 3, 3),
        "center_xywh": (3.5, 2.5, 3, 3),
        "center_yxhw": (2.5, 3.5, 3, 3),
        "rel_xyxy": (0.25, 0.1, 0.625, 0.4),
        "rel_yxyx": (0.1, 0.25, 0.4, 0.625),
        "rel_xywh": (0.25, 0.1, 0.375, 0.3),
        "rel_center_xywh": (0.4375, 0.25, 0.375, 0.3),
    }[style]
    np.testing.assert_allclose(to_corners(np.array(written), style, (10, 8)), BOX, rtol=1e-6)
    np.testing.assert_allclose(from_corners(np.array(BOX, np.float32), style, (10, 8)), written, rtol=1e-6)


def test_so_many_boxes_for_each_picture() -> None:
    given = marked()
    out = layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(given)["bounding_boxes"]
    assert out["boxes"].tolist() == [[*BOX], [*OTHER], [-1] * 4]
    assert out["labels"].tolist() == [1, 2, -1]
    fewer = layers.MaxNumBoundingBoxes(1, bounding_box_format="xyxy")(given)["bounding_boxes"]
    assert fewer["boxes"].tolist() == [[*BOX]]
    np.testing.assert_array_equal(layers.MaxNumBoundingBoxes(3)(given["images"]), given["images"])


@pytest.mark.parametrize("how", [layers.MixUp(0.4, seed=1), layers.CutMix(seed=1), layers.CutMix((0.5, 1.5), seed=1)])
def test_mixing_a_dict_mixes_targets_by_what_pictures_are_made_of(how: Any) -> None:
    pictures = np.arange(6, dtype=np.float32)[:, None, None, None] * np.ones((6, 8, 8, 1), np.float32)
    masks = pictures.astype(np.uint8)
    out = how({"images": pictures, "labels": np.eye(6, dtype=np.float32), "segmentation_masks": masks})
    shares = np.asarray(out["images"]).mean((1, 2, 3))
    np.testing.assert_allclose(np.asarray(out["labels"]) @ np.arange(6), shares, atol=1e-4)
    assert not np.allclose(out["images"], pictures)
    np.testing.assert_allclose(np.asarray(out["segmentation_masks"], np.float32), out["images"], atol=1e-4)
    assert (np.asarray(out["segmentation_masks"]).dtype == np.uint8) == isinstance(how, layers.CutMix)
    np.testing.assert_array_equal(how(pictures, training=False), pictures)
    again = type(how)(how.alpha if isinstance(how, layers.MixUp) else how.factor, seed=1)
    np.testing.assert_allclose(again(pictures), out["images"], atol=1e-5)


def test_what_was_drawn_can_be_given_to_each_step_as_keras_has_it() -> None:
    pictures, boxes = torch.rand(3, 4, 4, 1), {"boxes": torch.rand(3, 2, 4), "labels": torch.tensor([[0, 1]] * 3)}
    drawn = {"mix_weight": 0.25, "permutation_order": [1, 2, 0]}
    mixed = layers.MixUp().transform_images(pictures, drawn)
    np.testing.assert_allclose(mixed, 0.25 * pictures + 0.75 * pictures[[1, 2, 0]], rtol=1e-5)
    both = layers.MixUp().transform_bounding_boxes(boxes, drawn)
    np.testing.assert_array_equal(both["boxes"][0], torch.cat([boxes["boxes"][0], boxes["boxes"][1]]))
    assert tuple(both["labels"].shape) == (3, 4)
    where = layers.CutMix().get_random_transformation(pictures, seed=2)
    assert tuple(where["batch_masks"].shape) == (3, 4, 4, 1)
    assert layers.CutMix().get_random_transformation(pictures, training=False) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: layers.RandomFlip()(marked()), "RandomFlip: how the bounding boxes are written is not said"),
        (lambda: layers.RandomFlip(bounding_box_format="xyyx"), 'Did you mean "xyxy"'),
        (lambda: layers.RandomFlip()({"pictures": 1}), 'a dict with "images" and any of labels'),
        (lambda: layers.RandomPerspective(bounding_box_format="xyxy")(marked()), "cannot follow RandomPerspective"),
        (lambda: layers.CutMix(bounding_box_format="xyxy")(marked()), "CutMix: boxes cannot be cut"),
        (lambda: layers.MixUp()(st.Input((8, 8, 3))), r"no part of a network: compile\(mix=it\) does it"),
        (lambda: layers.CenterCrop(4, 4)({"images": np.zeros((4, 4))}), r'"images" are \(N, H, W, C\)'),
        (lambda: layers.MaxNumBoundingBoxes(0), "max_number is a whole number of at least 1, not 0"),
        (
            lambda: layers.RandomFlip(bounding_box_format="xyxy")(
                {"images": np.zeros((2, 4, 4, 3)), "bounding_boxes": {"boxes": np.zeros((1, 4))}}
            ),
            r'bounding_boxes are \{"boxes": \(N, n, 4\)',
        ),
    ],
)
def test_what_cannot_be_is_said_in_words(wrong: Callable[[], Any], said: str) -> None:
    with pytest.raises(StriateError, match=said):
        wrong()
