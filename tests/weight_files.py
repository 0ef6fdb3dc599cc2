"""Networks whose weights are written to files, and files of weights as Keras and torch write them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn

import striate as st
from striate import layers
from striate.graph import keras_layers
from striate.graph.layer import snake_case
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


def chain(names: list[str | None]) -> st.Model:
    inputs = x = layers.Input((6, 6, 2))
    for name in names:
        x = layers.BatchNormalization()(layers.Conv2D(2, 1, name=name)(x))
    return st.Model(inputs, x)


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


def with_names(model: st.Model) -> st.Model:
    torchs = Source(
        library="torchvision", model="net", rename=((r"^features_", "features."), (r"^head", "classifier.1"))
    )
    keras = Source(library="keras", model="Net", rename=((r"^features_(.*)", r"\1_keras"),))
    model.origin = Origin("net", sources=(torchs, keras))
    return model


def cut(model: st.Model) -> st.Model:
    return st.Model(model.input, model.tensor("features_fc"))
