"""Weights from anywhere: right by name and by order, one clear error otherwise, and nothing changed by a wrong file."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from safetensors.torch import save_file
from torch import nn

import striate as st
from striate import layers, zoo
from striate.errors import ArgumentError, BundleError
from striate.graph import keras_layers
from striate.graph.layer import snake_case
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


def every_kind() -> st.Model:
    """A layer of each class that Keras has weights for, none of a symmetric shape."""
    inputs = layers.Input((9, 8, 3))
    x = layers.Conv2D(4, (3, 2), name="first")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.DepthwiseConv2D((2, 3), depth_multiplier=2, use_bias=False)(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.SeparableConv2D(6, (1, 2), name="apart")(x)
    x = layers.Conv2DTranspose(5, (2, 3))(x)
    x = layers.LayerNormalization()(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(7, activation="relu")(x)
    return st.Model(inputs, layers.Dense(3, name="answer")(x))


def fill(model: st.Model, seed: int = 0) -> st.Model:
    """Numbers of which no two are alike, variances above 0."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 0.7, array.shape).astype("float32") for array in model.get_weights()])
    return model


def same(a: st.Model, b: st.Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def keras_arrays(model: st.Model) -> dict[str, dict[str, np.ndarray]]:
    """What Keras would keep, by loops of our own over every index."""
    found: dict[str, dict[str, np.ndarray]] = {}
    state = {key: tensor.numpy() for key, tensor in model._state().items()}
    for key, array in state.items():
        name, _, slot = key.partition(".")
        layer = model.get_layer(name)
        kept = found.setdefault(name, {})
        if layer.kind in ("BatchNormalization", "LayerNormalization"):
            names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
            kept[names[slot]] = array
        elif slot.endswith("bias"):
            kept["bias"] = array
        elif layer.kind == "Dense":
            kept["kernel"] = array.T
        elif layer.kind == "DepthwiseConv2D" or slot == "depthwise.weight":
            times = layer.depth_multiplier
            maps, _, height, width = array.shape
            kernel = np.empty((height, width, maps // times, times), "float32")
            for i in range(maps):
                kernel[:, :, i // times, i % times] = array[i, 0]
            kept["kernel" if slot == "weight" else "depthwise_kernel"] = kernel  # Keras 3 says kernel
        else:
            kernel = np.empty((*array.shape[2:], array.shape[1], array.shape[0]), "float32")
            for i, j in np.ndindex(*array.shape[:2]):
                kernel[:, :, j, i] = array[i, j]
            kept["pointwise_kernel" if slot == "pointwise.weight" else "kernel"] = kernel
    order = [
        "depthwise_kernel",
        "pointwise_kernel",
        "kernel",
        "bias",
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    ]
    return {name: {slot: kept[slot] for slot in order if slot in kept} for name, kept in found.items()}


def write_legacy(path: Path, arrays: dict, inside: str | None = None, suffix: str = ":0", scope: str = "{}") -> None:
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = [name.encode() for name in arrays]
        for name, kept in arrays.items():
            group = root.create_group(name)
            names = [f"{scope.format(name)}/{slot}{suffix}" for slot in kept]
            group.attrs["weight_names"] = [n.encode() for n in names]
            for weight, array in zip(names, kept.values(), strict=True):
                group[weight] = array


def write_numbered(path: Path, model: st.Model, arrays: dict, names: bool = True) -> None:
    """layers/<class>_<n>/vars/<i>, every layer of the model in Keras' order, as Keras 3 writes it."""
    counts: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        file.create_group("vars")
        for layer in keras_layers(model.graph):
            stem = snake_case(layer.kind)
            number = counts[stem] = counts.get(stem, -1) + 1
            variables = file.create_group(f"layers/{stem}_{number}/vars" if number else f"layers/{stem}/vars")
            if names:
                variables.attrs["name"] = model.graph.name(layer)
            for i, array in enumerate(arrays.get(model.graph.name(layer), {}).values()):
                variables[str(i)] = array
        file["layers/dropout/seed_generator/vars/0"] = np.array([1, 2], "uint32")
        file["optimizer/vars/0"] = np.array(3, "int64")


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


def chain(names: list[str | None]) -> st.Model:
    inputs = x = layers.Input((6, 6, 2))
    for name in names:
        x = layers.BatchNormalization()(layers.Conv2D(2, 1, name=name)(x))
    return st.Model(inputs, x)


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
def torch_net() -> nn.Module:
    torch.manual_seed(3)
    parts = [("conv", nn.Conv2d(3, 4, 3)), ("bn", nn.BatchNorm2d(4)), ("relu", nn.ReLU()), ("pool", nn.MaxPool2d(2))]
    parts += [("flat", nn.Flatten()), ("norm", nn.BatchNorm1d(80)), ("drop", nn.Dropout()), ("fc", nn.Linear(80, 6))]
    net = nn.Sequential(OrderedDict(features=nn.Sequential(OrderedDict(parts)), head=nn.Linear(6, 3)))
    for name, array in net.state_dict().items():
        if array.is_floating_point():
            array.uniform_(0.2 if "var" in name else -0.6, 0.7)
    return net.eval()


def our_net(classes: int = 3, channels: int = 3) -> st.Model:
    return st.Sequential(
        [
            layers.Input((12, 10, channels)),
            layers.Conv2D(4, 3, name="features_conv"),
            layers.BatchNormalization(epsilon=1e-5, name="features_bn"),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.BatchNormalization(epsilon=1e-5, name="features_norm"),
            layers.Dropout(0.5),
            layers.Dense(6, name="features_fc"),
            layers.Dense(classes, name="head"),
        ]
    )


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
def with_names(model: st.Model) -> st.Model:
    torchs = Source(
        library="torchvision", model="net", rename=((r"^features_", "features."), (r"^head", "classifier.1"))
    )
    keras = Source(library="keras", model="Net", rename=((r"^features_(.*)", r"\1_keras"),))
    model.origin = Origin("net", sources=(torchs, keras))
    return model


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
            assert torch.equal(again, array)
        assert slot.keras in dict(slot.step.keras_names())


def test_a_1x1_convolution_and_a_dense_layer_take_each_others_weights():
    inputs = layers.Input((1, 1, 4))
    graph = st.Model(inputs, layers.Dense(3)(layers.Conv2D(5, 1)(inputs))).graph
    conv, dense = (slot for slot in slots_of(graph) if slot.name == "weight")
    flat, tall = torch.rand(4, 5), torch.rand(3, 5, 1, 1)
    assert torch.equal(from_keras(conv, flat)[:, :, 0, 0], flat.T)
    assert torch.equal(from_torch(dense, tall), tall[:, :, 0, 0])
    assert from_torch(conv, torch.rand(4, 5, 1, 1)) is None  # the same numbers, the other way round


# -- what does not fit --------------------------------------------------------------------------------------------------
def cut(model: st.Model) -> st.Model:
    return st.Model(model.input, model.tensor("features_fc"))


def grown(model: st.Model) -> st.Model:
    return st.Model(model.input, layers.Dense(2, name="extra")(model.output))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda: our_net(classes=5), r"has 3 outputs, this network 5: create it with classes=3"),
        (lambda: our_net(channels=1), r"number of input channels"),
        (lambda: chain(["a"]), r"another architecture"),
        (lambda: cut(our_net()), r"2 unknown \(head\.weight.*1 layer more"),
        (lambda: grown(our_net()), r"2 missing \(extra\.weight.*1 layer less"),
    ],
)
def test_a_file_of_another_network_is_refused_with_the_likely_reason(tmp_path, model, says):
    torch.save(torch_net().state_dict(), tmp_path / "w.pth")
    wrong = model()
    before = wrong.get_weights()
    with pytest.raises(BundleError, match=says) as caught:
        wrong.load_weights(tmp_path / "w.pth")
    assert str(caught.value).endswith("Nothing was changed.")
    assert all(np.array_equal(a, b) for a, b in zip(before, wrong.get_weights(), strict=True))


def test_another_input_size_is_named_as_the_reason(tmp_path):
    def net(size: int) -> st.Model:
        return st.Sequential([layers.Input((size, size, 2)), layers.Flatten(), layers.Dense(4), layers.Dense(2)])

    net(5).save_weights(tmp_path / "w")
    with pytest.raises(BundleError, match="input_shape"):
        net(6).load_weights(tmp_path / "w")


class Bomb:
    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.place),)

    def __init__(self, place: Path) -> None:
        self.place = place


@pytest.mark.parametrize("how", ["pickle", "zip", "legacy", "protocol 0"])
def test_a_pickle_with_code_in_it_is_refused_and_the_code_not_run(tmp_path, how):
    bomb, file = {"conv.weight": Bomb(tmp_path / "ran")}, tmp_path / "w.pth"
    if how in ("pickle", "protocol 0"):
        file.write_bytes(pickle.dumps(bomb, protocol=0 if how == "protocol 0" else 4))
    else:
        torch.save(bomb, file, _use_new_zipfile_serialization=how == "zip")
    model = fill(our_net())
    before = model.get_weights()
    with pytest.raises(BundleError) as caught:
        model.load_weights(file)
    assert not (tmp_path / "ran").exists()
    assert "\n" not in str(caught.value)
    if how in ("zip", "legacy"):
        assert "mkdir" in str(caught.value)
        assert "was not run" in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("kind", ["w.pth", "old.pth", "w.safetensors", "w.h5", "w.keras"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_one_clear_error(tmp_path, kind, share):
    model = fill(with_names(our_net()))
    if kind == "old.pth":
        torch.save(dict(model.module.state_dict()), tmp_path / kind, _use_new_zipfile_serialization=False)
    elif kind == "w.keras":
        write_numbered(tmp_path / "x.h5", every_kind(), keras_arrays(every_kind()))
        with zipfile.ZipFile(tmp_path / kind, "w") as archive:
            archive.write(tmp_path / "x.h5", "model.weights.h5")
    else:
        model.export_weights(tmp_path / kind, "keras" if kind == "w.h5" else "torchvision")
    whole = (tmp_path / kind).read_bytes()
    (tmp_path / kind).write_bytes(whole[: int(len(whole) * share)])
    before = model.get_weights()
    with pytest.raises(BundleError, match=r"whole|refused|no file of weights") as caught:
        model.load_weights(tmp_path / kind)
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def legacy(tmp_path: Path) -> tuple[Path, h5py.File]:
    write_legacy(tmp_path / "w.h5", keras_arrays(fill(chain(["a"]))))
    return tmp_path / "w.h5", h5py.File(tmp_path / "w.h5", "r+")


def test_an_h5_file_cannot_reach_out_of_itself_or_ask_for_more_than_it_has(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = np.ones((1, 1, 2, 2), "float32")

    def swap(make) -> Path:
        path, file = legacy(tmp_path)
        with file:
            del file["a/a/kernel:0"]
            make(file)
        return path

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((1, 1, 2, 2), "f4")
        layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "x", (1, 1, 2, 2))
        file["a/a"].create_virtual_dataset("kernel:0", layout)

    def outside(file: h5py.File) -> None:
        raw = [(str(tmp_path / "secret.h5"), 0, 16)]
        file["a/a"].create_dataset("kernel:0", (1, 1, 2, 2), "f4", external=raw)

    def link(file: h5py.File) -> None:
        file["a/a/kernel:0"] = h5py.ExternalLink("secret.h5", "x")

    def huge(file: h5py.File) -> None:
        file["a/a"].create_dataset("kernel:0", (1, 1, 1 << 20, 1 << 20), "f4", chunks=(1, 1, 64, 64))

    for make in (virtual, outside, link, huge):
        with pytest.raises(BundleError, match="refused"):
            read_weights(swap(make))
    with pytest.raises(BundleError, match="is missing"):
        read_weights(swap(lambda file: None))


def test_what_is_no_file_of_weights_is_called_so(tmp_path):
    model = our_net()
    (tmp_path / "text.h5").write_text("dear diary")
    (tmp_path / "empty").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("x.npy", b"")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["pictures"] = np.zeros(3)
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"lr": 0.1}, tmp_path / "numbers.pth")
    for name, says in {
        "text.h5": "no file of weights",
        "empty": "no file of weights",
        "zip.pth": "neither Keras nor torch",
        "other.h5": "pictures",
        "list.pth": "holds a list",
        "numbers.pth": "no arrays by name; it holds lr",
        "absent": "no weights file",
    }.items():
        with pytest.raises(BundleError, match=says):
            model.load_weights(tmp_path / name)
    model.save_weights(tmp_path / "own")
    with pytest.raises(ArgumentError, match=r"weights source \"torchvison\".*Known: auto, keras, striate, torch"):
        model.load_weights(tmp_path / "own", source="torchvison")


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


def test_weights_of_another_variant_with_the_same_names_are_refused_unless_asked_for(tmp_path):
    """MobileNetV2's two variants have the same arrays and differ in padding and epsilon."""
    zoo.create("mobilenet_v2", classes=10).export_weights(tmp_path / "keras.h5", "keras")
    path, own = tmp_path / "keras.h5", "keras"
    here = zoo.create("mobilenet_v2", classes=10, variant="torchvision")
    before = [w.copy() for w in here.get_weights()]
    with pytest.raises(BundleError, match=r"computes something else with the same arrays.*Nothing was changed"):
        here.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, here.get_weights(), strict=True))
    here.load_weights(path, source=own)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_plain_pickle_is_named_as_such(tmp_path, protocol):
    import pickle

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil(), protocol=protocol))
    with pytest.raises(BundleError, match="any code"):
        zoo.create("lenet5").load_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_load_weights_brings_preprocessing_and_labels_like_weights_does(tmp_path):
    zoo.create("squeezenet1_1", classes=1000).export_weights(tmp_path / "s.pth", "torchvision")
    one = zoo.create("squeezenet1_1")
    assert one.preprocessing is None
    one.load_weights(tmp_path / "s.pth")
    other = zoo.create("squeezenet1_1", weights=tmp_path / "s.pth")
    assert one.preprocessing == other.preprocessing is not None
    assert one.labels == other.labels is not None
