"""Stores answers of keras.applications.  Needs Keras with TensorFlow; see README.md."""

from __future__ import annotations

import argparse
import os
import re
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from oracles import rule, stored

SIZES = ((224, 224), (171, 203))
FLATTENS = ("VGG16", "VGG19")  # the head takes 224x224 only; at the second size the last map is stored

SCALES = {"EfficientNetB0": 64.0, "ConvNeXtTiny": 64.0}  # these take 0..255 and normalise it themselves

# File name: (network, arguments)
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    name: (name, {})
    for name in (
        *("VGG16", "VGG19", "InceptionV3", "InceptionResNetV2", "Xception", "MobileNet", "MobileNetV2"),
        *(f"ResNet{n}{v}" for n in (50, 101, 152) for v in ("", "V2")),
        *(f"DenseNet{n}" for n in (121, 169, 201)),
        *("NASNetMobile", "NASNetLarge", "EfficientNetB0", "ConvNeXtTiny"),
    )
}
for name, alphas in (("MobileNet", (0.25, 0.5, 0.75)), ("MobileNetV2", (0.35, 0.5, 0.75, 1.3, 1.4))):
    MODELS |= {f"{name}_{alpha}": (name, {"alpha": alpha}) for alpha in alphas}

ROLES = {
    "gamma": "gamma",
    "variable": "gamma",  # of LayerScale
    "beta": "beta",
    "bias": "bias",
    "moving_mean": "mean",
    "moving_variance": "variance",
    "mean": "mean",
    "variance": "variance",
    "count": "counter",
    "depthwise_kernel": "depthwise_last",
    "pointwise_kernel": "kernel_last",
}


def role(layer: Any, variable: str) -> str:
    if variable == "kernel":
        return "depthwise_last" if isinstance(layer, keras.layers.DepthwiseConv2D) else "kernel_last"
    return ROLES[variable]


def variables(layer: Any) -> list[tuple[str, str, Any]]:
    """(name in the layer, role, variable); of a nested Sequential "inner/kernel".  ConvNeXt's LayerScale does not name
    its one, and Keras counts: variable, variable_1, ..."""
    if isinstance(layer, keras.Sequential):
        return [(f"{inner.name}/{name}", r, v) for inner in layer.layers for name, r, v in variables(inner)]
    names = [(re.sub(r"^variable_\d+$", "variable", v.name), v) for v in layer.weights]
    return [(name, role(layer, name), v) for name, v in names]


def fill(layer: Any, exponent: int = 0) -> None:
    for name, r, variable in variables(layer):
        variable.assign(rule.fill(f"{layer.name}/{name}", tuple(variable.shape), r, exponent))
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()  # takes over what was assigned, as loading a file does


def front(net: Any, scale: float) -> dict[str, list[float]] | None:
    """Factor and offset per channel of what the network does to its pictures first, if it does."""
    own = [layer for layer in net.layers[:4] if isinstance(layer, keras.layers.Normalization | keras.layers.Rescaling)]
    if not own:
        return None
    first = keras.Model(net.input, own[-1].output)
    zero, one = (np.float64(first(np.full((1, *net.input_shape[1:]), v, np.float32)))[0, 0, 0] for v in (0, 1))
    return {"factor": list((one - zero) * scale), "offset": list(zero)}


@contextmanager
def measured() -> Iterator[dict[str, int]]:
    """Within, each batch norm that is called takes the exponent of its input's root mean square; gives them by layer."""
    exponents: dict[str, int] = {}
    plain = keras.layers.BatchNormalization.call

    def call(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        exponents[self.name] = round(float(np.log2(np.sqrt(np.square(np.float64(inputs)).mean()))))
        fill(self, exponents[self.name])
        return plain(self, inputs, *args, **kwargs)

    keras.layers.BatchNormalization.call = call
    yield exponents
    keras.layers.BatchNormalization.call = plain


def store(name: str, model: str, arguments: dict[str, Any]) -> str:
    keras.backend.clear_session()
    build = getattr(keras.applications, model)

    scale = SCALES.get(model, 1.0)

    def batch(size: tuple[int, int]) -> np.ndarray:
        return rule.pictures(2, *size) * np.float32(scale)

    def network(size: tuple[int, int], top: bool) -> Any:
        keras.backend.clear_session()  # unnamed layers count from the start again
        shape = {"input_shape": (*size, 3), "include_top": top, "weights": None}
        return build(**shape, **({"classifier_activation": None} if top else {}), **arguments)

    net = network(SIZES[0], True)
    with measured() as exponents:
        for layer in net.layers:
            fill(layer)
        net(batch(SIZES[0]), training=False)
    layers = [
        [
            layer.name,
            type(layer).__name__,
            [
                [name, list(v.shape), r, exponents.get(layer.name, 0) if "moving" in name else 0]
                for name, r, v in variables(layer)
            ],
        ]
        for layer in net.layers
    ]
    answers, said = [], ""
    for height, width in SIZES:
        top = (height, width) == SIZES[0] or model not in FLATTENS
        if (height, width) != SIZES[0]:
            net = network((height, width), top)
            for layer in net.layers:
                fill(layer, exponents.get(layer.name, 0))
        out = np.asarray(net(batch((height, width)), training=False))
        answers.append({"height": height, "width": width, "top": top} | stored.sample(out))
        said += stored.health(out)
    path = stored.write(
        f"keras_{name}",
        {"library": "keras", "version": keras.__version__, "tensorflow": tf.__version__, "model": model}
        | {"arguments": arguments, "front": front(net, scale), "layers": layers, "answers": answers},
    )
    return f"{path.name} {path.stat().st_size} bytes;{said}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="*", help="file names without ending, such as keras_ResNet50")
    only = options.parse_args().only
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for name, (model, arguments) in MODELS.items():
        if only is None or f"keras_{name}" in only:
            start = time.perf_counter()
            said = store(name, model, arguments)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"{said} {time.perf_counter() - start:.1f} s, peak {peak:.1f} GB", flush=True)


if __name__ == "__main__":
    main()
