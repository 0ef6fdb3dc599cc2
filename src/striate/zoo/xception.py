"""Xception, "extreme Inception": one tower per channel.

An Inception module looks at channels (1x1) and at space (3x3) in separate steps; a depthwise separable convolution does
so completely: first space, each channel by itself, then channels.  36 of them, with residual links.
Chollet 2016, "Xception: deep learning with depthwise separable convolutions".
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import Source, of_keras
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper("Chollet", 2016, "Xception: deep learning with depthwise separable convolutions", "arXiv:1610.02357")

# Figure 5: maps of the separable convolutions of blocks 2 to 13; the last of a halving block is followed by pooling
HALVING = {2: (128, 128), 3: (256, 256), 4: (728, 728), 13: (728, 1024)}  # entry flow, and the exit flow's first block
MIDDLE = dict.fromkeys(range(5, 13), (728, 728, 728))  # middle flow, eight times
EXIT = {"block14_sepconv1": 1536, "block14_sepconv2": 2048}  # the exit flow's last two


def _timm_names() -> tuple[tuple[str, str], ...]:
    """timm numbers the blocks from 1 and the parts of each (ReLU, convolution, norm) from 0."""
    pairs = [(r"^block1_conv(\d)_bn\.", r"bn\1."), (r"^block1_conv(\d)\.", r"conv\1.")]
    for place, name in enumerate(EXIT, start=3):
        pairs += [(rf"^{name}_bn\.", f"bn{place}."), (rf"^{name}\.", f"conv{place}.")]
    for block, maps in (HALVING | MIDDLE).items():
        for step in range(len(maps)):
            part = 3 * step + (block > 2)  # the first block has no ReLU before its first convolution
            name, there = f"block{block}_sepconv{step + 1}", f"block{block - 1}.rep."
            pairs += [(rf"^{name}_bn\.", f"{there}{part + 1}."), (rf"^{name}\.", f"{there}{part}.")]
    for number, block in enumerate(sorted(HALVING)):
        end = f"_{number}" if number else ""
        pairs += [(rf"^conv2d{end}\.", f"block{block - 1}.skip.")]
        pairs += [(rf"^batch_normalization{end}\.", f"block{block - 1}.skipbn.")]
    return (*pairs, (r"\.depthwise\.", ".conv1."), (r"^predictions\.", "fc."))


_SOURCES = [
    of_keras(
        "Xception",
        "xception/xception_weights_tf_dim_ordering_tf_kernels",
        variant={"variant": "keras"},
        pixels="tf",
        checksum="md5:0a58e3b7378bc2990ea3b43d5981f1f6",
        top1=79.0,
        top5=94.5,
    ),
    Source(
        library="timm",
        model="legacy_xception.tf_in1k",
        rename=_timm_names(),
        variant={"variant": "timm"},
        pixels="tf",
        shorter_side=333,
        interpolation="bicubic",
        url="https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-cadene/xception-43020ad28.pth",
        top1=78.892,
        top5=94.292,
    ),
]


# Accuracy: table 1, single crop.
@architecture("xception", "Xception: separable convolutions with residual links", _PAPER, (299, 299, 3), 1000, top1=79.0,
              top5=94.5, before="inception_v3", sources=_SOURCES)  # fmt: skip
def xception(classes: int, input_shape: Shape, variant: str = "keras") -> Model:
    """Figure 5: entry, middle and exit flow.

    variant     "keras": the author's; "timm": a port with epsilon 1e-5 and pooling padded on all sides, so that maps of
                even size are pooled one pixel further left and up

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if variant not in ("keras", "timm"):
        raise unknown("variant", str(variant), ("keras", "timm"))
    keras = variant == "keras"

    def norm(x: Any, name: str | None = None) -> Any:
        momentum, epsilon = (0.99, 1e-3) if keras else (0.9, 1e-5)
        return layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=name)(x)

    def relu(x: Any, name: str) -> Any:
        return layers.Activation("relu", name=f"{name}_act")(x)

    def separable(x: Any, maps: int, name: str) -> Any:
        return norm(layers.SeparableConv2D(maps, 3, padding="same", use_bias=False, name=name)(x), f"{name}_bn")

    inputs = layers.Input(input_shape)
    x = inputs
    for name, maps, strides in (("block1_conv1", 32, 2), ("block1_conv2", 64, 1)):
        x = relu(norm(layers.Conv2D(maps, 3, strides, use_bias=False, name=name)(x), f"{name}_bn"), name)
    for block, widths in sorted((HALVING | MIDDLE).items()):
        residual = x
        if block in HALVING:
            residual = norm(layers.Conv2D(widths[-1], 1, 2, padding="same", use_bias=False)(x))
        for step, maps in enumerate(widths, start=1):
            name = f"block{block}_sepconv{step}"
            if (block, step) != (2, 1):
                x = relu(x, name)
            x = separable(x, maps, name)
        if block in HALVING:
            x = layers.MaxPooling2D(3, 2, padding="same" if keras else 1, name=f"block{block}_pool")(x)
        x = layers.Add()([x, residual])
    for name, maps in EXIT.items():
        x = relu(separable(x, maps, name), name)
    y = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="predictions")(y))
