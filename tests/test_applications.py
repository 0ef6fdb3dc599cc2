"""``striate.applications``: Keras' networks under Keras' names, with Keras' arguments, names of layers and counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import striate as st
from striate import applications, layers
from striate.errors import ArgumentError, BundleError, DataError, ShapeError

# name: parameters with and without the classifier, and the channels of the last map, of keras.applications.NAME(
# weights=None, include_top=…).count_params() in Keras 3.15.  EfficientNetB0 is without the 7 numbers of its unused
# Normalization.
COUNTS = {
    "MobileNet": (4_253_864, 3_228_864, 1024),
    "MobileNetV2": (3_538_984, 2_257_984, 1280),
    "VGG16": (138_357_544, 14_714_688, 512),
    "VGG19": (143_667_240, 20_024_384, 512),
    "ResNet50": (25_636_712, 23_587_712, 2048),
    "ResNet101": (44_707_176, 42_658_176, 2048),
    "ResNet152": (60_419_944, 58_370_944, 2048),
    "ResNet50V2": (25_613_800, 23_564_800, 2048),
    "InceptionV3": (23_851_784, 21_802_784, 2048),
    "InceptionResNetV2": (55_873_736, 54_336_736, 1536),
    "Xception": (22_910_480, 20_861_480, 2048),
    "DenseNet121": (8_062_504, 7_037_504, 1024),
    "DenseNet169": (14_307_880, 12_642_880, 1664),
    "DenseNet201": (20_242_984, 18_321_984, 1920),
    "EfficientNetB0": (5_330_571 - 7, 4_049_571 - 7, 1280),
    "ConvNeXtTiny": (28_589_128, 27_820_128, 768),
    "NASNetMobile": (5_326_716, 4_269_716, 1056),  # as published in Keras' documentation
}
WEIGHTS = Path(os.environ.get("STRIATE_DATA", "/nowhere")) / "weights"


@pytest.mark.parametrize("name", COUNTS)
def test_a_network_has_the_parameters_that_it_has_in_keras(name):
    build = getattr(applications, name)
    whole, headless, channels = COUNTS[name]
    model = build(weights=None)
    assert model.count_params() == whole
    assert model.output_shape == (None, 1000)
    base = build(weights=None, include_top=False, input_shape=(224, 224, 3))
    assert base.count_params() == headless
    assert base.output_shape[-1] == channels
    pooled = build(weights=None, include_top=False, input_shape=(224, 224, 3), pooling="max")
    assert pooled.output_shape == (None, channels)


def test_layers_have_keras_names_and_order():
    names = [layer.name for layer in applications.VGG16(weights=None).layers]
    assert names[1:4] == ["block1_conv1", "block1_conv2", "block1_pool"]
    assert names[-4:] == ["flatten", "fc1", "fc2", "predictions"]
    assert len(names) == 23
    resnet = [layer.name for layer in applications.ResNet50(weights=None).layers]
    at = resnet.index("conv2_block1_0_conv")
    # Keras: the shortcut's convolution comes beside the third of the block, with the same distance to the end
    assert resnet[at : at + 6] == [
        "conv2_block1_0_conv", "conv2_block1_3_conv", "conv2_block1_0_bn", "conv2_block1_3_bn", "conv2_block1_add",
        "conv2_block1_out",
    ]  # fmt: skip
    dense = applications.DenseNet121(weights=None)
    assert dense.get_layer("conv5_block16_2_conv").filters == 32
    assert applications.EfficientNetB0(weights=None).get_layer("block6a_expand_conv").filters == 672


def test_models_are_called_as_in_keras():
    assert applications.VGG16(weights=None).name == "vgg16"
    assert applications.MobileNet(weights=None).name == "mobilenet_1_00_224"  # Keras: 1.00
    assert applications.MobileNetV2(weights=None, alpha=0.5, name="mine").name == "mine"
    assert applications.ResNet50V2(weights=None).name == "resnet50v2"
    base = applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    inputs = layers.Input((96, 96, 3))
    model = st.Model(inputs, base(inputs))
    assert model.get_layer("mobilenetv2_1.00_96") is base


def test_importing_and_sizing_loads_no_torch():
    code = (
        "import sys, striate as st; st.applications.VGG16(weights=None).summary(print_fn=len); "
        "st.utils; st.datasets; st.preprocessing; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_arguments_change_what_keras_says_they_change():
    thin = applications.MobileNet(
        weights=None, alpha=0.5, depth_multiplier=2, dropout=0.3, include_top=False, input_shape=(64, 64, 3)
    )
    assert thin.output_shape == (None, 2, 2, 512)
    assert thin.get_layer("conv_dw_1").depth_multiplier == 2
    logits = applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=4, classifier_activation=None)
    assert logits.answers.kind == "logits" if hasattr(logits.answers, "kind") else True
    assert logits.layers[-1].activation is None
    assert logits.get_layer("fc1").parameters((512,))["weight"].shape == (4096, 512)  # Keras flattens maps of any size
    grey = applications.ResNet50(weights=None, input_shape=(64, 64, 1), classes=7)
    assert (grey.input_shape, grey.output_shape) == ((None, 64, 64, 1), (None, 7))


def test_a_network_can_begin_at_a_tensor():
    inputs = layers.Input((64, 64, 4))
    x = layers.Conv2D(3, 1, name="to_rgb")(inputs)
    model = applications.MobileNetV2(weights=None, include_top=False, input_tensor=x, pooling="avg")
    assert [layer.name for layer in model.layers][:3] == ["input_layer", "to_rgb", "Conv1"]
    assert model.output_shape == (None, 1280)
    assert model.predict(np.zeros((1, 64, 64, 4), np.float32)).shape == (1, 1280)
    with pytest.raises(ArgumentError, match="input_tensor"):
        applications.VGG16(weights=None, input_tensor=np.zeros((1, 64, 64, 3)))


# -- pixels -----------------------------------------------------------------------------------------------------------------
RGB = np.random.default_rng(1).integers(0, 256, (2, 3, 4, 3))
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
WANTED = {
    "mobilenet": RGB / 127.5 - 1,
    "mobilenet_v2": RGB / 127.5 - 1,
    "xception": RGB / 127.5 - 1,
    "inception_v3": RGB / 127.5 - 1,
    "resnet_v2": RGB / 127.5 - 1,
    "vgg16": RGB[..., ::-1] - np.array([103.939, 116.779, 123.68]),
    "resnet": RGB[..., ::-1] - np.array([103.939, 116.779, 123.68]),
    "resnet50": RGB[..., ::-1] - np.array([103.939, 116.779, 123.68]),
    "densenet": (RGB / 255 - MEAN) / DEVIATION,
    "efficientnet": RGB,
    "convnext": RGB,
}


@pytest.mark.parametrize("family", WANTED)
def test_pixels_are_prepared_as_keras_does_it_whatever_they_are(family):
    prepare = getattr(applications, family).preprocess_input
    for kind in (np.uint8, np.int64, np.float32):
        given = RGB.astype(kind)
        np.testing.assert_allclose(prepare(given), WANTED[family], atol=1e-4)
        assert np.array_equal(given, RGB)  # left as it was
    np.testing.assert_allclose(prepare(RGB.astype(np.float32)[0]), WANTED[family][0], atol=1e-4)
    np.testing.assert_allclose(prepare(torch.tensor(RGB)).numpy(), WANTED[family], atol=1e-4)
    first = prepare(RGB.astype(np.float32).transpose(0, 3, 1, 2), data_format="channels_first")
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), WANTED[family], atol=1e-4)


@pytest.mark.parametrize("family", [name for name in WANTED if hasattr(st.graph.SymbolicTensor, "__getitem__")])
def test_pixels_are_prepared_inside_a_model(family):
    inputs = layers.Input((3, 4, 3))
    x = getattr(applications, family).preprocess_input(inputs)
    model = st.Model(inputs, layers.Activation("linear")(x))
    np.testing.assert_allclose(model.predict(RGB.astype(np.float32)), WANTED[family], atol=1e-4)


def test_pixels_by_mode_and_what_is_refused():
    prepare = applications.imagenet_utils.preprocess_input
    np.testing.assert_allclose(prepare(RGB), WANTED["vgg16"], atol=1e-4)
    np.testing.assert_allclose(prepare(RGB, mode="torch"), WANTED["densenet"], atol=1e-4)
    for call, kind in (
        (lambda: prepare(RGB, mode="keras"), ArgumentError),
        (lambda: prepare(RGB, data_format="first"), ArgumentError),
        (lambda: prepare(RGB[..., :2]), DataError),
        (lambda: prepare(RGB[0, 0]), DataError),
    ):
        with pytest.raises(kind):
            call()


def test_a_network_that_scales_its_pixels_takes_0_to_255():
    model = applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3))
    assert model.layers[1].kind == "Rescaling"
    assert model.layers[1].scale == pytest.approx(1 / 255)
    plain = applications.ConvNeXtTiny(weights=None, include_preprocessing=False, input_shape=(32, 32, 3))
    assert "Rescaling" not in [layer.kind for layer in plain.layers]
    scaled = applications.ConvNeXtTiny(weights=None, input_shape=(32, 32, 3)).layers[1]
    np.testing.assert_allclose(scaled.scale, 1 / (255 * DEVIATION))
    np.testing.assert_allclose(scaled.offset, -MEAN / DEVIATION)


# -- names ------------------------------------------------------------------------------------------------------------------
def test_scores_become_ids_names_and_scores():
    scores = np.zeros((2, 1000), np.float32)
    scores[0, [281, 0, 999]] = 0.6, 0.3, 0.1
    scores[1, 2] = 1
    first, second = applications.mobilenet.decode_predictions(scores, top=3)
    # from imagenet_class_index.json, as Keras publishes it
    assert [row[:2] for row in first] == [
        ("n02123045", "tabby"),
        ("n01440764", "tench"),
        ("n15075141", "toilet_tissue"),
    ]
    assert first[0][2] == np.float32(0.6)
    assert second[0][:2] == ("n01484850", "great_white_shark")
    with_background = np.pad(scores, ((0, 0), (1, 0)))
    assert applications.vgg16.decode_predictions(torch.tensor(with_background))[1][0][1] == "great_white_shark"
    with pytest.raises(DataError, match="1000"):
        applications.vgg16.decode_predictions(scores[:, :10])


# -- weights ----------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_weights_that_were_written_for_keras_come_back_with_and_without_the_classifier(tmp_path):
    model = applications.MobileNet(weights=None, alpha=0.25, input_shape=(64, 64, 3), classes=5)
    model.export_weights(tmp_path / "m.h5", "keras")
    again = applications.MobileNet(
        weights=tmp_path / "m.h5", alpha=0.25, input_shape=(64, 64, 3)
    )  # 5 classes, as in the file
    x = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(again.predict(x), model.predict(x), atol=1e-6)
    base = applications.MobileNet(
        weights=str(tmp_path / "m.h5"), alpha=0.25, include_top=False, input_shape=(64, 64, 3)
    )
    np.testing.assert_allclose(base.predict(x), model.extract(x, "conv_pw_13_relu"), atol=1e-5)
    renamed = applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=3)
    renamed.export_weights(tmp_path / "e.h5", "keras")
    again = applications.EfficientNetB0(weights=tmp_path / "e.h5", input_shape=(32, 32, 3))
    assert np.array_equal(again.get_layer("top_conv").get_weights()[0], renamed.get_layer("top_conv").get_weights()[0])
    convnext = applications.ConvNeXtTiny(weights=None, input_shape=(32, 32, 3), classes=3)
    convnext.export_weights(tmp_path / "c.h5", "keras")
    headless = applications.ConvNeXtTiny(weights=tmp_path / "c.h5", include_top=False, input_shape=(32, 32, 3))
    y = x[:, :32, :32] * 255
    np.testing.assert_allclose(
        headless.predict(y)[:, 0, 0], convnext.extract(y, "convnext_tiny_head_layernorm"), atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="no published weights in the folder that STRIATE_DATA names")
def test_published_weights_see_a_cat():
    photo = WEIGHTS.parent / "imagenet-samples" / "n02123045.jpg"
    picture = st.utils.load_img(photo, target_size=(224, 224), interpolation="bilinear", keep_aspect_ratio=True)
    x = applications.mobilenet.preprocess_input(st.utils.img_to_array(picture)[None])
    for build, file in (
        (applications.MobileNet, "mobilenet_1_0_224_imagenet1001_keras_legacy.h5"),
        (applications.MobileNetV2, "mobilenetv2_1_0_224_imagenet1001.weights.h5"),
    ):
        model = build(weights=WEIGHTS / file)
        assert model.output_shape == (None, 1001)
        names = [name for _, name, _ in applications.mobilenet.decode_predictions(model.predict(x), top=3)[0]]
        assert {"tabby", "Egyptian_cat"} <= set(names)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: applications.VGG16(weights="imagenet", classes=3), ArgumentError, "1000 classes"),
        (lambda: applications.VGG16(weights="nothing.h5"), BundleError, "nothing.h5"),
        (lambda: applications.VGG16(weights=3), ArgumentError, "weights is"),
        (lambda: applications.VGG16(weights=None, pooling="mean"), ArgumentError, "pooling"),
        (lambda: applications.VGG16(weights=None, input_shap=(32, 32, 3)), ArgumentError, "input_shap"),
        (lambda: applications.VGG16(weights=None, input_shape=(20, 20, 3)), ShapeError, "32x32"),
        (lambda: applications.VGG16(weights=None, input_shape=(32, 32)), ArgumentError, "input_shape"),
        (lambda: applications.VGG16(weights=None, input_shape=(None, None, 3)), ArgumentError, "whole input_shape"),
        (lambda: applications.VGG16(classifier_activation="relu"), ArgumentError, "softmax"),
        (lambda: applications.MobileNet(weights=None, classifier_activation="smax"), ArgumentError, "smax"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_line(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
