"""Stores answers of TensorFlow's models/research/slim.  Needs TensorFlow 2.15, tf-slim, and slim's nets; see README.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.environ["SLIM"])  # the folder that holds nets/

import numpy as np
import tensorflow.compat.v1 as tf
from oracles import rule, stored

SIZES = ((224, 224), (171, 203))
# the head of VGG takes 224x224 only; striate's MobileNet pads odd sizes as Keras does
ONE_SIZE = ("vgg_16", "vgg_19", "mobilenet_v1")
CLASSES = 1001

ROLES = {
    "weights": "kernel_last",
    "depthwise_weights": "depthwise_last",
    "pointwise_weights": "kernel_last",
    "biases": "bias",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "mean",
    "moving_variance": "variance",
}


def networks() -> dict[str, tuple[Callable[..., Any], Callable[[], Any], dict[str, Any]]]:
    """By name: the network, its scope of arguments, and arguments of its own."""
    from nets import inception, mobilenet_v1, resnet_v1, resnet_v2, vgg
    from nets.mobilenet import mobilenet_v2
    from nets.nasnet import nasnet

    whole = {"global_pool": True}
    return {
        **{
            f"inception_v{n}": (
                getattr(inception, f"inception_v{n}"),
                getattr(inception, f"inception_v{n}_arg_scope"),
                whole,
            )
            for n in (1, 2, 3)
        },
        "inception_v4": (inception.inception_v4, inception.inception_v4_arg_scope, {}),
        "inception_resnet_v2": (inception.inception_resnet_v2, inception.inception_resnet_v2_arg_scope, {}),
        **{
            f"resnet_v1_{n}": (getattr(resnet_v1, f"resnet_v1_{n}"), resnet_v1.resnet_arg_scope, {})
            for n in (50, 101, 152)
        },
        **{
            f"resnet_v2_{n}": (getattr(resnet_v2, f"resnet_v2_{n}"), resnet_v2.resnet_arg_scope, {})
            for n in (50, 101, 152)
        },
        "vgg_16": (vgg.vgg_16, vgg.vgg_arg_scope, {}),
        "vgg_19": (vgg.vgg_19, vgg.vgg_arg_scope, {}),
        "mobilenet_v1": (mobilenet_v1.mobilenet_v1, mobilenet_v1.mobilenet_v1_arg_scope, whole),
        "mobilenet_v2": (mobilenet_v2.mobilenet, mobilenet_v2.training_scope, {}),
        "nasnet_mobile": (nasnet.build_nasnet_mobile, nasnet.nasnet_mobile_arg_scope, {}),
        "nasnet_large": (nasnet.build_nasnet_large, nasnet.nasnet_large_arg_scope, {}),
    }


def build(name: str, size: tuple[int, int], training: bool) -> tuple[Any, Any, list[Any]]:
    import tf_slim as slim

    network, scope, arguments = networks()[name]
    tf.reset_default_graph()
    tf.train.get_or_create_global_step()
    pictures = tf.placeholder(tf.float32, (None, *size, 3))
    with slim.arg_scope(scope()):
        logits, _ = network(pictures, CLASSES, is_training=training, **arguments)
    mine = [v for v in slim.get_model_variables() if v.op.name.rpartition("/")[2] in ROLES]
    return pictures, tf.reshape(logits, [-1, CLASSES]), mine


def load(session: Any, variables: list[Any], exponents: dict[str, int]) -> None:
    session.run(tf.global_variables_initializer())
    for variable in variables:
        scope, _, last = variable.op.name.rpartition("/")
        shape = tuple(variable.shape.as_list())
        variable.load(rule.fill(variable.op.name, shape, ROLES[last], exponents.get(scope, 0)), session)


def measure(name: str) -> dict[str, int]:
    """By scope of each batch norm, the exponent of its input's root mean square, all norms by the batch's own statistics."""
    pictures, _, variables = build(name, SIZES[0], True)
    with tf.Session() as session:
        load(session, variables, {})
        norms = [op for op in tf.get_default_graph().get_operations() if op.type.startswith("FusedBatchNorm")]
        sizes = [tf.sqrt(tf.reduce_mean(tf.square(op.inputs[0]))) for op in norms]
        found = session.run(sizes, {pictures: rule.pictures(2, *SIZES[0])})
    return {op.name.rpartition("/")[0]: round(float(np.log2(x))) for op, x in zip(norms, found, strict=True)}


def store(name: str) -> str:
    exponents = measure(name)
    answers, said, parameters = [], "", []
    for height, width in SIZES[:1] if name in ONE_SIZE else SIZES:
        pictures, logits, variables = build(name, (height, width), False)
        with tf.Session() as session:
            load(session, variables, exponents)
            out = session.run(logits, {pictures: rule.pictures(2, height, width)})
        answers.append({"height": height, "width": width, "top": True} | stored.sample(out))
        said += stored.health(out)
        parameters = []
        for v in variables:
            scope, _, last = v.op.name.rpartition("/")
            parameters.append(
                [v.op.name, v.shape.as_list(), ROLES[last], exponents.get(scope, 0) if "moving" in last else 0]
            )
    path = stored.write(
        f"slim_{name}",
        {"library": "slim", "version": "tf-slim 1.1.0", "tensorflow": tf.__version__, "model": name, "arguments": {}}
        | {"parameters": parameters, "answers": answers},
    )
    return f"{path.name} {path.stat().st_size} bytes;{said}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="*", help="names, such as resnet_v1_50")
    only = options.parse_args().only
    tf.disable_v2_behavior()
    for name in networks():
        if only is None or name in only:
            start = time.perf_counter()
            print(f"{store(name)} {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
