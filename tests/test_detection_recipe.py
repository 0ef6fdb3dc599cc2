"""The recipe of detectors: what it freezes, what learns slower, how pictures change."""

import numpy as np
import pytest

from striate import Input, Model, data, layers, zoo
from striate.errors import StriateError
from striate.tasks.detection_recipe import DetectionRecipe, freeze_below, levels, quicken_norms
from striate.tasks.detector import detector


def base(shape=(64, 96, 3)) -> Model:
    start = x = Input(shape)
    for i, filters in enumerate((8, 16, 24, 32, 40)):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = layers.Activation("relu")(layers.BatchNormalization(name=f"norm{i}")(x))
    return Model(start, x)


def drawn() -> data.Dataset:
    """Eight pictures, a light square in each but the last."""
    x, boxes = np.zeros((8, 64, 64, 3), np.uint8), []
    for i in range(8):
        x[i, 10 + i : 30 + i, 20:40] = 255 if i < 7 else 0
        boxes.append(np.array([[20, 10 + i, 40, 30 + i]], np.float32)[: i < 7])
    labels = tuple(np.full(len(b), i % 3) for i, b in enumerate(boxes))
    how = data.Preprocessing(scale=1 / 255)
    return data.Dataset(x, None, ("a", "b", "c"), preprocessing=how, boxes=tuple(boxes), box_labels=labels)


def test_a_base_is_frozen_up_to_a_stride_and_all_its_norms_are():
    made = base()
    freeze_below(made, 4)
    free = {layer.name for layer in made.layers if layer.trainable and layer.name[:4] in ("conv", "norm")}
    assert free == {"conv2", "conv3", "conv4"}
    only = base()
    freeze_below(only, 0)
    assert {layer.name for layer in only.layers if not layer.trainable} == {f"norm{i}" for i in range(5)}
    mobile = zoo.create("mobilenet_v2", include_top=False, input_shape=(64, 96, 3))
    freeze_below(mobile)
    learns = [layer.name for layer in mobile.layers if layer.trainable and isinstance(layer, layers.Conv2D)]
    assert learns[0] == "block_3_project"  # the first after the last map of stride 4
    start = Input((10,))
    with pytest.raises(StriateError, match="takes one picture"):
        freeze_below(Model(start, layers.Dense(3)(start)))


def test_a_recipe_trains_a_detector_whose_base_learns_slower():
    scenes = drawn()
    stem = base((64, 64, 3))
    model = detector(stem, 3, width=16)
    model.preprocessing = scenes.preprocessing
    before = {layer.name: layer.get_weights() for layer in model.layers}
    freeze_below(stem, 4)
    DetectionRecipe(flips="horizontal_and_vertical", turns=True, colour=0.1, mosaic=True).compile(model, stem, 4)
    assert set(model._compiled().rates.values()) == {0.2}
    assert set(model._compiled().rates) <= {layer.name for layer in stem.layers}
    model.fit(scenes, epochs=1, batch_size=4, verbose=0)
    moved = {n for n, w in before.items() if w and not np.array_equal(w[0], model.get_layer(n).get_weights()[0])}
    assert "conv1" not in moved
    assert "conv2" in moved
    assert "map50" in model.evaluate(scenes, return_dict=True, verbose=0)
    assert levels(model) == (0, 1)


def test_what_a_recipe_changes():
    model = Model(*(2 * [Input((8, 8, 3))]))
    assert levels(model) == (0, 255)
    kinds = [layer.kind for layer in DetectionRecipe(flips=None, zoom=None, shift=0).changes(model)]
    assert kinds == []
    kinds = [layer.kind for layer in DetectionRecipe(colour=0.2).changes(model)]
    assert kinds == [
        "RandomFlip",
        "RandomZoom",
        "RandomTranslation",
        "RandomBrightness",
        "RandomContrast",
        "RandomSaturation",
    ]
    for wrong in ({"base_rate": 0}, {"base_rate": 2}, {"shift": -1}, {"rate": -1}, {"average": 2}):
        with pytest.raises(StriateError, match=next(iter(wrong))):
            DetectionRecipe(**wrong)


def test_norms_that_learn_from_nothing_forget_their_first_values_and_others_stay():
    start = x = Input((32, 32, 3))
    for momentum in (0.999, 0.5, 0.999):
        x = layers.BatchNormalization(momentum=momentum)(layers.Conv2D(4, 3, padding="same")(x))
    model = Model(start, x)
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    norms[2].trainable = False
    quicken_norms(model, 1000)
    assert [norm.momentum for norm in norms] == [pytest.approx(0.98), 0.5, 0.999]
    quicken_norms(model, 10)  # a short training: a tenth of each batch, as the heads have it
    assert norms[0].momentum == pytest.approx(0.9)
    base = norms[1].momentum
    DetectionRecipe().arguments(model, model, 1000)  # with weights nothing changes
    assert norms[1].momentum == base
