"""ResNet: layers learn what to add to their input, so that hundreds of them can be trained.

Plain networks of 30 layers learn worse than those of 20, even on the training set.  With a shortcut around every two or
three convolutions a block starts near the identity, and more depth helps.  Wide ResNet has more maps in the 3x3
convolutions, ResNeXt many narrow groups of them.  He et al. 2015, "Deep residual learning for image recognition"; He et
al. 2016, "Identity mappings in deep residual networks" (variant v2); Zagoruyko & Komodakis 2016; Xie et al. 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import Source, of_keras, of_slim, of_timm, of_torchvision
from striate.wording import plural
from striate.zoo import resnet_v2
from striate.zoo.parts import option_of
from striate.zoo.parts import shortcut as shortcut_of
from striate.zoo.registry import Build, Paper, architecture, network

_PAPER = Paper("He et al.", 2015, "Deep residual learning for image recognition", "arXiv:1512.03385")
_WIDE = Paper("Zagoruyko & Komodakis", 2016, "Wide residual networks", "arXiv:1605.07146")
_RESNEXT = Paper("Xie et al.", 2016, "Aggregated residual transformations for deep neural networks", "arXiv:1611.05431")

# He et al. 2015, table 1: blocks of conv2_x, conv3_x, conv4_x, conv5_x
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
BOTTLENECK = (50, 101, 152)  # 1x1, 3x3, 1x1 with four times the maps; the others: 3x3, 3x3


@dataclass(frozen=True)
class Style:
    """What published networks of the same table do differently.

    late      a bottleneck's stride is in its 3x3 convolution, not in its first 1x1
    bias      convolutions have one, though batch normalization follows
    stem      names of the first convolution, its normalization, ReLU and pooling
    block     name of a block by stage and place, from 1
    parts     names in a block: convolution, normalization and ReLU by number, projection and its normalization, the
              sum, the last ReLU
    head      names of the average and of the dense layer

    pool      padding of the pooling

    epsilon, momentum    of the batch norms
    """

    late: bool
    bias: bool
    epsilon: float
    momentum: float
    stem: tuple[str, str, str, str]
    block: Callable[[int, int], str]
    parts: tuple[str, str, str, str, str, str, str]
    head: tuple[str, str]
    pool: int | str = 1

    def conv(self, x: Any, maps: int, kernel: int, stride: int, groups: int, conv: str, norm: str) -> Any:
        """Convolution and batch normalization, of these names.

        x                     what goes in
        maps, kernel          filters and their size
        stride, groups        of the convolution
        conv, norm            names of the two layers
        """
        x = layers.Conv2D(
            maps,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            use_bias=self.bias,
            kernel_initializer="he_normal",
            name=conv,
        )(x)
        return layers.BatchNormalization(momentum=self.momentum, epsilon=self.epsilon, name=norm)(x)


def _torch(late: bool, pool: int | str = 1) -> Style:
    return Style(
        late,
        bias=False,
        epsilon=1e-5,
        momentum=0.9,
        stem=("conv1", "bn1", "relu", "maxpool"),
        block=lambda stage, place: f"layer{stage}_{place - 1}",
        parts=("conv{}", "bn{}", "relu{}", "downsample_0", "downsample_1", "add", "relu"),
        head=("avgpool", "fc"),
        pool=pool,
    )


STYLES = {
    "v1": _torch(late=False),
    "v1.5": _torch(late=True),
    "slim": _torch(late=False, pool="same"),
    "keras": Style(
        late=False,
        bias=True,
        epsilon=1.001e-5,
        momentum=0.99,
        stem=("conv1_conv", "conv1_bn", "conv1_relu", "pool1_pool"),
        block=lambda stage, place: f"conv{stage + 1}_block{place}",
        parts=("{}_conv", "{}_bn", "{}_relu", "0_conv", "0_bn", "add", "out"),
        head=("avg_pool", "predictions"),
    ),
}

_SHORTER = {0.95: 235, 0.9: 248, 0.875: 256}  # timm: floor(224 / part that is cut out)

# model: first digits of the file's checksum, top-1, top-5
_TORCHVISION = {
    "resnet18": ("f37072fd", 69.758, 89.078),
    "resnet34": ("b627a593", 73.314, 91.42),
    "resnet50": ("0676ba61", 76.13, 92.862),
    "resnet101": ("63fe2227", 77.374, 93.546),
    "resnet152": ("394f9c45", 78.312, 94.046),
    "wide_resnet50_2": ("95faca4d", 78.468, 94.086),
    "wide_resnet101_2": ("32ee1156", 78.848, 94.284),
    "resnext50_32x4d": ("7cdf4587", 77.618, 93.698),
    "resnext101_32x8d": ("8ba56ff5", 79.312, 94.526),
}
# model: recipe of the weights, part that is cut out, interpolation
_TIMM = {
    "resnet18": ("a1_in1k", 0.95, "bicubic"),
    "resnet34": ("a1_in1k", 0.95, "bicubic"),
    "resnet50": ("a1_in1k", 0.95, "bicubic"),
    "resnet101": ("a1h_in1k", 0.95, "bicubic"),
    "resnet152": ("a1h_in1k", 0.95, "bicubic"),
    "wide_resnet50_2": ("racm_in1k", 0.875, "bicubic"),
    "wide_resnet101_2": ("tv_in1k", 0.875, "bilinear"),
    "resnext50_32x4d": ("a1h_in1k", 0.95, "bicubic"),
    "resnext101_32x8d": ("tv_in1k", 0.875, "bilinear"),
    "resnetv2_18": ("ra4_e3600_r224_in1k", 0.9, "bicubic"),
    "resnetv2_34": ("ra4_e3600_r224_in1k", 0.9, "bicubic"),
}
# model: checksum, top-1, top-5 as keras.io lists them
_KERAS = {
    "ResNet50": ("2cb95161c43110f7111970584f804107", 74.9, 92.1),
    "ResNet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", 76.4, 92.8),
    "ResNet152": ("100835be76be38e30d865e96f2aaae62", 76.6, 93.1),
    "ResNet50V2": ("3ef43a0b657b3be2300d5770ece849e0", 76.0, 93.0),
    "ResNet101V2": ("6343647c601c52e1368623803854d971", 77.2, 93.8),
    "ResNet152V2": ("a49b44d1979771252814e80f8ec446f9", 78.0, 94.2),
}
_DOTS = ((r"^(layer\d)_(\d+)_", r"\1.\2."), (r"downsample_", "downsample."))
_PLAIN = {"shortcuts": True, "shortcut": "B"}


def _torchvision(model: str, variant: dict[str, Any]) -> Source:
    checksum, top1, top5 = _TORCHVISION[model]
    return of_torchvision(model, checksum, rename=_DOTS, variant=variant, top1=top1, top5=top5)


def _timm(model: str, variant: dict[str, Any]) -> Source:
    recipe, part, interpolation = _TIMM[model]
    second = model.startswith("resnetv2")
    return of_timm(
        model,
        recipe,
        rename=resnet_v2.DOTS if second else _DOTS,
        variant=variant,
        pixels="tf" if second else "torch",
        shorter_side=_SHORTER[part],
        interpolation="bicubic" if interpolation == "bicubic" else "bilinear",
    )


def _keras(model: str, variant: str) -> Source:
    checksum, top1, top5 = _KERAS[model]
    return of_keras(
        model,
        f"resnet/{model.lower()}_weights_tf_dim_ordering_tf_kernels",
        variant={"variant": variant, **_PLAIN},
        pixels="tf" if variant == "v2" else "caffe",
        checksum=f"md5:{checksum}",
        top1=top1,
        top5=top5,
    )


# depth: top-1, top-5 of its ResNet and of its ResNet v2, the latter at 299 pixels
_SLIM = {
    50: (75.2, 92.2, 75.6, 92.8),
    101: (76.4, 92.9, 77.0, 93.7),
    152: (76.8, 93.2, 77.8, 94.1),
}


def _slim(depth: int, second: bool) -> Source:
    version = 2 if second else 1
    model = f"resnet_v{version}_{depth}"
    unit = rf"{model}/block\1/unit_\2/bottleneck_v{version}/"
    return of_slim(
        model,
        rename=resnet_v2.slim(model, unit) if second else _slim_v1(model, unit),
        variant={"variant": "slim_v2" if second else "slim", **_PLAIN},
        pixels="tf" if second else "mean",
        shorter_side=None if second else 256,
        top1=_SLIM[depth][2 if second else 0],
        top5=_SLIM[depth][3 if second else 1],
    )


def _slim_v1(model: str, unit: str) -> tuple[tuple[str, str], ...]:
    # the stride is in the last unit of a block there, which computes the same: 1x1 windows between it and the next stride
    counted = tuple((rf"^layer(\d)_{place}_", rf"layer\1_:{place + 1}_") for place in range(max(BLOCKS[152])))
    return (
        *counted,
        (r"^layer(\d)_:(\d+)_", unit),
        (r"/downsample_0$", "/shortcut"),
        (r"/downsample_1$", "/shortcut/BatchNorm"),
        (r"^(.*)bn(\d)$", r"\1conv\2/BatchNorm"),
        (r"^conv1", f"{model}/conv1"),
        (r"^fc$", f"{model}/logits"),
    )


def _resnet(depth: int, before: str) -> Callable[[Build], Build]:
    name, here = f"resnet{depth}", {"variant": "v1.5", **_PLAIN}
    published = [_torchvision(name, here), _timm(name, here)]
    if depth in BOTTLENECK:
        published += [_keras(f"ResNet{depth}", "keras"), _keras(f"ResNet{depth}V2", "v2")]
        published += [_slim(depth, False), _slim(depth, True)]
    else:
        published.append(_timm(f"resnetv2_{depth}", {"variant": "v2", **_PLAIN}))
    about = f"{plural(depth, 'layer')} with a shortcut around every {'three' if depth in BOTTLENECK else 'two'}"
    _, top1, top5 = _TORCHVISION[name]
    return architecture(
        name,
        about,
        _PAPER,
        (224, 224, 3),
        1000,
        top1=top1,
        top5=top5,
        before=before,
        sources=published,
        depth=depth,
        groups=1,
        width=64,
    )


def _wider(
    name: str, about: str, paper: Paper, depth: int, groups: int, width: int, top1: float, top5: float | None
) -> Callable[[Build], Build]:
    return architecture(
        name,
        about,
        paper,
        (224, 224, 3),
        1000,
        top1=top1,
        top5=top5,
        before=f"resnet{depth}",
        sources=[_torchvision(name, _PLAIN), _timm(name, _PLAIN)],
        depth=depth,
        variant="v1.5",
        groups=groups,
        width=width,
    )


@_resnet(18, "vgg16")
@_resnet(34, "vgg19")
@_resnet(50, "vgg16")
@_resnet(101, "resnet50")
@_resnet(152, "resnet101")
# Zagoruyko & Komodakis 2016, table 8, for the first; torchvision's for the second, which the paper does not have
@_wider("wide_resnet50_2", "ResNet-50 with twice the maps in its 3x3 convolutions", _WIDE, 50, 1, 128, 78.1, 93.97)
@_wider(
    "wide_resnet101_2", "ResNet-101 with twice the maps in its 3x3 convolutions", _WIDE, 101, 1, 128, 78.848, 94.284
)
# Xie et al. 2016, table 3, for the first; torchvision's for the second, which the paper does not have
@_wider("resnext50_32x4d", "ResNet-50 with 32 groups of 4 maps and more", _RESNEXT, 50, 32, 4, 77.8, None)
@_wider("resnext101_32x8d", "ResNet-101 with 32 groups of 8 maps and more", _RESNEXT, 101, 32, 8, 79.312, 94.526)
def resnet(
    classes: int,
    input_shape: Shape,
    depth: int,
    variant: str = "v1.5",
    shortcuts: bool = True,
    shortcut: str = "B",
    groups: int = 1,
    width: int = 64,
) -> Model:
    """7x7 convolution, pooling, four stages of residual blocks, global average, dense (He et al. 2015, table 1).

    variant     "v1.5": a bottleneck's stride in its 3x3 convolution (torchvision); "v1": in its first 1x1 (the paper);
                "keras": v1 with biased convolutions under Keras' names; "v2": norm and ReLU before each convolution;
                "slim", "slim_v2": v1 and v2 with the pooling of TensorFlow's slim, which pads below and to the right
    shortcuts   False: the plain network of the same layers
    shortcut    where maps change, "A": zeros, "B": a 1x1 convolution; "C": a 1x1 convolution around every block
    groups      of the 3x3 convolutions, and `width`: maps of each in the first stage (Xie et al. 2016, table 1)

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    depth          layers with weights, as in the name

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    bottleneck = depth in BOTTLENECK
    known = [*STYLES, "v2", "slim_v2"] if bottleneck else ["v1", "v1.5", "v2"]  # Keras has none without bottlenecks
    if variant not in known:
        raise unknown(f"variant of resnet{depth}", str(variant), known)
    option = option_of(shortcuts, shortcut)
    if variant in ("v2", "slim_v2"):
        return resnet_v2.build(classes, input_shape, BLOCKS[depth], bottleneck, option, variant == "slim_v2")
    style = STYLES[variant]
    inputs = layers.Input(input_shape)
    conv, norm, relu, pool = style.stem
    x = layers.ReLU(name=relu)(style.conv(inputs, 64, 7, 2, 1, conv, norm))
    x = layers.MaxPooling2D(3, 2, padding=style.pool, name=pool)(x)
    for stage, blocks in enumerate(BLOCKS[depth], 1):
        maps = 32 * 2**stage
        for place in range(1, blocks + 1):
            stride = 2 if stage > 1 and place == 1 else 1
            rows = [(maps, 3, stride, 1), (maps, 3, 1, 1)]
            if bottleneck:
                inner, early = maps * width // 64 * groups, 1 if style.late else stride
                rows = [(inner, 1, early, 1), (inner, 3, stride // early, groups), (4 * maps, 1, 1, 1)]
            x = _block(x, rows, stride, style, style.block(stage, place), option)
    average, answer = style.head
    y = layers.GlobalAveragePooling2D(name=average)(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name=answer)(y))


def _block(
    x: Any, rows: list[tuple[int, int, int, int]], stride: int, style: Style, name: str, option: str | None
) -> Any:
    """The convolutions (maps, kernel, stride, groups) of a residual block, and its shortcut.  Figures 2 and 5."""
    conv, norm, relu, projection, its_norm, total, last = (f"{name}_{part}" for part in style.parts)
    y = x
    for i, row in enumerate(rows, 1):
        y = style.conv(y, *row, conv.format(i), norm.format(i))
        if i < len(rows):
            y = layers.ReLU(name=relu.format(i))(y)
    if option is not None:
        maps = rows[-1][0]
        around = shortcut_of(option, x, maps, stride, lambda: style.conv(x, maps, 1, stride, 1, projection, its_norm))
        y = layers.Add(name=total)([around, y])
    return layers.ReLU(name=last)(y)
