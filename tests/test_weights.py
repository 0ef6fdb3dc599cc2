"""Weights from anywhere: right by name and by order, to a file and back."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from safetensors.torch import save_file
from weight_files import (
    chain,
    cut,
    every_kind,
    fill,
    keras_arrays,
    our_net,
    same,
    torch_net,
    with_names,
    write_legacy,
    write_numbered,
)

import striate as st
from striate import layers, zoo
from striate.backend.init import copy_into
from striate.errors import ArgumentError, BundleError
from striate.weights.contents import FileLayer
from striate.weights.layout import (
    from_keras,
    from_torch,
    slots_of,
    to_keras,
    to_torch,
)
from striate.weights.read import read_weights
from striate.weights.source import Origin, Source


# -- Keras ------------------------------------------------------------------------------------------------------------
def test_a_legacy_h5_file_of_keras_is_read_by_name(tmp_path):
    model = fill(every_kind())
    write_legacy(tmp_path / "w.h5", keras_arrays(model))
    write_legacy(tmp_path / "whole.h5", keras_arrays(model), inside="model_weights")
    write_legacy(tmp_path / "keras3.weights", keras_arrays(model), suffix="")  # told by content, not by name
    write_legacy(tmp_path / "scoped.h5", keras_arrays(model), scope="{}_1")
    for name in ("w.h5", "whole.h5", "keras3.weights", "scoped.h5"):
        other = fill(every_kind(), seed=1)
        report = other.load_weights(tmp_path / name)
        assert same(model, other)
        assert report.fits
        assert report.format == "Keras legacy .h5"
        assert len(report.matched) == len(model.get_weights())


@pytest.mark.parametrize("names", [True, False])
def test_a_weights_h5_file_of_keras_is_read_by_name_or_without_names_by_class_and_order(tmp_path, names):
    model = fill(every_kind())
    write_numbered(tmp_path / "m.weights.h5", model, keras_arrays(model), names)
    other = fill(every_kind(), seed=1)
    report = other.load_weights(tmp_path / "m.weights.h5")
    assert same(model, other)
    assert not report.unused  # neither the seeds of dropout nor the optimizer's state are weights
    assert any("class and order" in note for note in report.notes) == (not names)


def test_a_keras_zip_is_read(tmp_path):
    model = fill(every_kind())
    write_numbered(tmp_path / "w.h5", model, keras_arrays(model))
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    other = every_kind()
    assert other.load_weights(tmp_path / "m.keras").format == "Keras .keras"
    assert same(model, other)


def test_automatic_names_that_count_on_are_shifted(tmp_path):
    model = fill(chain([None] * 4))
    arrays = keras_arrays(model)
    moved = {}
    for name, kept in arrays.items():
        stem, number = ("conv2d", 1) if name.startswith("conv") else ("batch_normalization", 95)
        moved[f"{stem}_{int(name.removeprefix(stem).strip('_') or 0) + number}"] = kept
    write_legacy(tmp_path / "w.h5", moved)
    other = chain([None] * 4)
    other.load_weights(tmp_path / "w.h5")
    assert same(model, other)


def test_a_batch_norm_without_scale_in_the_file_sets_the_scale_to_1_and_says_so(tmp_path):
    model = fill(chain(["a"]))
    arrays = keras_arrays(model)
    del arrays["batch_normalization"]["gamma"]
    write_legacy(tmp_path / "w.h5", arrays)
    write_numbered(tmp_path / "n.h5", model, arrays)
    for name in ("w.h5", "n.h5"):
        other = fill(chain(["a"]), seed=1)
        report = other.load_weights(tmp_path / name)
        assert any("batch_normalization.weight set to 1" in note for note in report.notes)
        state = other._state()
        assert (state["batch_normalization.weight"] == 1).all()
        assert torch.equal(state["batch_normalization.bias"], model._state()["batch_normalization.bias"])
    del arrays["batch_normalization"]["beta"]
    write_legacy(tmp_path / "w.h5", arrays)
    with pytest.raises(BundleError, match="2 missing"):
        other.load_weights(tmp_path / "w.h5")


def test_layers_of_a_nested_network_are_found_in_it(tmp_path):
    def nested() -> st.Model:
        inner = st.Sequential(
            [layers.Input((4, 4, 2)), layers.Conv2D(2, 3, name="a"), layers.Conv2D(2, 1)], name="inner"
        )
        inputs = layers.Input((4, 4, 2))
        return st.Model(inputs, layers.Dense(2, name="d")(layers.Flatten()(inner(inputs))))

    model = fill(nested())
    model.export_weights(tmp_path / "w.h5", "keras")
    assert list(h5py.File(tmp_path / "w.h5").attrs["layer_names"]) == [b"inner", b"d"]
    other = nested()
    other.load_weights(tmp_path / "w.h5")
    assert same(model, other)


# -- torch ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 12, 10, 3)).astype("float32")


@pytest.mark.parametrize("wrap", ["plain", "state_dict", "model", "legacy", "module", "safetensors", "half"])
def test_a_state_dict_of_torch_gives_the_same_numbers(tmp_path, x, wrap):
    net = torch_net()
    state = {key: array.clone() for key, array in net.state_dict().items()}
    file = tmp_path / "w.bin"
    if wrap == "safetensors":
        save_file(state, file)
    elif wrap == "legacy":
        torch.save({"model_state_dict": state, "epoch": 3}, file, _use_new_zipfile_serialization=False)
    elif wrap == "module":
        torch.save({"state_dict": {f"module.{key}": array for key, array in state.items()}, "best": 0.5}, file)
    elif wrap == "half":
        torch.save({key: v.bfloat16() if v.is_floating_point() else v for key, v in state.items()}, file)
    else:
        torch.save(state if wrap == "plain" else {wrap: state, "optimizer": {"lr": 1}}, file)
    model = our_net()
    report = model.load_weights(file)
    with torch.inference_mode():
        expected = net(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(model.predict(x), expected, atol=0.05 if wrap == "half" else 2e-6)
    assert any("converted to float32" in note for note in report.notes) == (wrap == "half")
    assert any("features_fc.weight" in note and "5x4x4" in note for note in report.notes)
    assert {entry.there for entry in report.unused} == {
        "features.bn.num_batches_tracked",
        "features.norm.num_batches_tracked",
    }
    assert json.loads(json.dumps(report.to_dict()))["fits"] is True
    assert "matched        14" in str(report)


@pytest.mark.parametrize("how", ["save_weights", "state_dict", "save"])
def test_own_files_are_known_as_own_though_their_names_could_be_torchs(tmp_path, how):
    def named() -> st.Model:
        return st.Sequential([layers.Input((4, 3, 2)), layers.Flatten(), layers.Dense(3, name="fc")])

    model, file = fill(named()), tmp_path / "w"
    if how == "state_dict":
        torch.save(model.module.state_dict(), file)
    else:
        getattr(model, how)(file)
    other = named()
    other.load_weights(file)
    assert same(model, other)
    other.load_weights(file, source="torch")
    assert not same(model, other)


# -- out and in -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("library", "name"), [("torchvision", "w.safetensors"), ("torchvision", "w.pth"), ("keras", "w.h5")]
)
def test_what_is_exported_comes_back_bit_for_bit(tmp_path, library, name):
    model = fill(with_names(our_net()))
    model.export_weights(tmp_path / name, library)
    other = with_names(our_net())
    report = other.load_weights(tmp_path / name)
    assert library in report.source
    assert same(model, other)
    nameless = our_net()
    if library == "keras":  # which has a rule for that
        assert "matched by class and order" in str(nameless.load_weights(tmp_path / name))
        return
    with pytest.raises(BundleError, match="not this network's"):
        nameless.load_weights(tmp_path / name)  # it has no names there


def test_an_exported_state_dict_is_the_librarys(tmp_path, x):
    net = torch_net()
    torch.save(net.state_dict(), tmp_path / "in.pth")
    model = our_net()
    model.load_weights(tmp_path / "in.pth")
    renames = ((r"^features_", "features."),)
    model.origin = Origin("net", sources=(Source(library="timm", model="net", rename=renames),))
    model.export_weights(tmp_path / "out.pth", "timm")
    back = torch.load(tmp_path / "out.pth", weights_only=True)
    assert list(back) == list(net.state_dict())
    assert all(torch.equal(back[key], array) for key, array in net.state_dict().items() if array.is_floating_point())
    with pytest.raises(ArgumentError, match="can be written for: keras, timm"):
        model.export_weights(tmp_path / "out.pth", "torchvision")
    with pytest.raises(ArgumentError, match="legacy"):
        model.export_weights(tmp_path / "out.pth", "keras")


@given(
    kernel=some.tuples(*[some.integers(1, 4)] * 2),
    sizes=some.tuples(*[some.integers(1, 5)] * 2),
    times=some.integers(1, 3),
    kind=some.sampled_from(["conv", "depthwise", "separable", "transposed", "dense", "sequence", "embedding"]),
)
def test_every_transposition_turns_back(kernel, sizes, times, kind):
    maps, filters = sizes
    last = {
        "conv": lambda: layers.Conv2D(filters, kernel),
        "depthwise": lambda: layers.DepthwiseConv2D(kernel, depth_multiplier=times),
        "separable": lambda: layers.SeparableConv2D(filters, kernel, depth_multiplier=times),
        "transposed": lambda: layers.Conv2DTranspose(filters, kernel),
        "sequence": lambda: layers.Conv1D(filters, kernel[0]),
    }
    shape = (5, maps) if kind == "sequence" else (5,) if kind == "embedding" else (5, 4, maps)
    inputs = layers.Input(shape)
    if kind == "dense":
        y = layers.Dense(filters)(layers.BatchNormalization()(layers.Flatten()(inputs)))
    elif kind == "embedding":
        y = layers.Embedding(maps, filters)(inputs)
    else:
        y = last[kind]()(inputs)
    for slot in slots_of(st.Model(inputs, y).graph):
        array = torch.arange(float(np.prod(slot.shape))).reshape(slot.shape)
        for there, back in ((to_keras, from_keras), (to_torch, from_torch)):
            again = back(slot, there(slot, array))
            assert again is not None
            copy_into(taken := torch.zeros(slot.shape), again)
            assert torch.equal(taken, array)
        assert slot.keras in dict(slot.step.keras_names())


def test_a_1x1_convolution_and_a_dense_layer_take_each_others_weights():
    inputs = layers.Input((1, 1, 4))
    graph = st.Model(inputs, layers.Dense(3)(layers.Conv2D(5, 1)(inputs))).graph
    conv, dense = (slot for slot in slots_of(graph) if slot.name == "weight")
    flat, tall = torch.rand(4, 5), torch.rand(3, 5, 1, 1)
    assert torch.equal(from_keras(conv, flat)[:, :, 0, 0], flat.T)
    assert torch.equal(from_torch(dense, tall), tall[:, :, 0, 0])
    assert from_torch(conv, torch.rand(4, 5, 1, 1)) is None  # the same numbers, the other way round


# -- what is left out ---------------------------------------------------------------------------------------------------
def test_what_a_model_was_made_without_may_be_in_the_file(tmp_path):
    torch.save(torch_net().state_dict() | {"aux1.conv.weight": torch.zeros(2)}, tmp_path / "w.pth")
    whole = our_net()
    headless = cut(whole)
    headless.origin = Origin("net", left_out=frozenset({"head"}))
    report = headless.load_weights(tmp_path / "w.pth")
    assert {entry.there for entry in report.unused if "made without" in entry.reason} == {
        "head.weight",
        "head.bias",
        "aux1.conv.weight",
    }


def test_a_keras_normalization_of_pixels_is_left_to_preprocessing():
    told = FileLayer("normalization", None, {"mean": torch.zeros(3), "variance": torch.ones(3)})
    numbered = FileLayer("x", "normalization_1", {"0": torch.zeros(3)})
    learnt = FileLayer("y", "batch_normalization_1", {"0": torch.zeros(3)})
    assert [layer.normalises_pixels for layer in (told, numbered, learnt)] == [True, True, False]


# -- real files ---------------------------------------------------------------------------------------------------------
REAL = Path(os.environ["STRIATE_DATA"]) / "weights" if os.environ.get("STRIATE_DATA") else None


@pytest.mark.skipif(REAL is None, reason="STRIATE_DATA, the folder of real data, is not set")
@pytest.mark.parametrize(
    ("name", "kind", "arrays"),
    [
        ("mobilenet_1_0_224_imagenet1001_keras_legacy.h5", "Keras legacy .h5", 137),
        ("mobilenetv2_1_0_224_imagenet1001.weights.h5", "Keras .weights.h5", 262),
        ("cifar10_resnet20_torch.th", "torch pickle", 97),
    ],
)
def test_real_files_are_read(name, kind, arrays):
    found = read_weights(REAL / name)
    assert found.format == kind
    assert len(list(found.arrays())) == arrays


def test_load_weights_brings_preprocessing_and_labels_like_weights_does(tmp_path):
    zoo.create("squeezenet1_1", classes=1000).export_weights(tmp_path / "s.pth", "torchvision")
    one = zoo.create("squeezenet1_1")
    assert one.preprocessing is None
    one.load_weights(tmp_path / "s.pth")
    other = zoo.create("squeezenet1_1", weights=tmp_path / "s.pth")
    assert one.preprocessing == other.preprocessing is not None
    assert one.labels == other.labels is not None
